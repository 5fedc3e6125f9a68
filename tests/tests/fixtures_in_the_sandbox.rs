//! What an adapter does natively it does in the sandbox: every golden file of every
//! adapter, through its component, and the same text.

use crossdock_sdk::testing;

/// The golden files of one adapter, folder by folder.
macro_rules! golden {
    ($module:ident, $adapter:literal: $($folder:ident),+) => {
        mod $module {
            e2e::sandboxed!(Component, $adapter);

            $(
                #[test]
                fn $folder() {
                    let fixtures = concat!(
                        env!("CARGO_MANIFEST_DIR"), "/../adapters/", $adapter, "/fixtures"
                    );
                    super::testing::$folder::<Component>(fixtures);
                }
            )+
        }
    };
}

golden!(canonical_json, "canonical-json": decode, encode);
golden!(salesforce, "salesforce": decode, encode, poll);
golden!(sap, "sap": decode, encode);
golden!(shipbob, "shipbob": decode, encode, poll);
golden!(x12_3pl, "x12-3pl": decode, encode);
