//! What is read and written, compared with the files in `fixtures`.

crossdock_sdk::golden_tests!(sap::Sap);
