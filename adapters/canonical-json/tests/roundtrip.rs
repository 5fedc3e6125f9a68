//! A document of any kind reads back as it was written.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "roundtrip/generate.rs"]
mod generate;

use std::collections::BTreeSet;

use canonical_json::CanonicalJson;
use crossdock_sdk::{Adapter, Delivery, Document, Inbound, Step};
use proptest::prelude::*;

/// What the partner would get is what it could have sent.
fn back(document: &Document) -> Document {
    let delivery = Delivery::new(document.clone());
    let Step::Send(request) = CanonicalJson::next(delivery, &[]).unwrap() else {
        panic!("nothing was sent");
    };
    let mut decoded = CanonicalJson::decode(Inbound::new(request.body)).unwrap();
    assert_eq!(decoded.documents.len(), 1);
    decoded.documents.remove(0).unwrap().document
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_document_reads_back_as_it_was_written(seed in any::<u64>()) {
        let document = generate::document(seed);
        prop_assert_eq!(back(&document), document);
    }
}

/// The generator would be worth little if it left kinds out.
#[test]
fn documents_of_every_kind_are_generated() {
    let documents: Vec<Document> = (0..2_000).map(generate::document).collect();
    let kinds: BTreeSet<&str> = documents.iter().map(Document::kind).collect();
    for kind in Document::KINDS {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
}
