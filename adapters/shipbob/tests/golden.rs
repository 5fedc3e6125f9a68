//! What is read, written and fetched, compared with the files in `fixtures`.

crossdock_sdk::golden_tests!(shipbob::ShipBob);
crossdock_sdk::golden_tests!(shipbob::ShipBob, poll);
