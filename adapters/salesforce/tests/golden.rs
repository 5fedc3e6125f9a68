//! What is read, written and fetched, compared with the files in `fixtures`.

crossdock_sdk::golden_tests!(salesforce::Salesforce);
crossdock_sdk::golden_tests!(salesforce::Salesforce, poll);
