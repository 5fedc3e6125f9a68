//! A document that X12 can say is the same document after it was written and read.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crossdock_sdk::{Adapter, Delivery, Document, Inbound, Step};
use proptest::prelude::*;
use x12_3pl::Warehouse;

#[path = "roundtrip/acknowledgement.rs"]
mod acknowledgement;
#[path = "roundtrip/common.rs"]
mod common;
#[path = "roundtrip/notice.rs"]
mod notice;
#[path = "roundtrip/order.rs"]
mod order;
#[path = "roundtrip/returns.rs"]
mod returns;

fn settings(version: &str) -> Vec<(String, String)> {
    [
        ("sender-id", "US"),
        ("receiver-id", "THEM"),
        ("version", version),
        ("price-qualifier", "PB"),
        ("lot-date", "expiry"),
        ("component-separator", "\u{1f}"),
        ("repetition-separator", "\u{1e}"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Writes the document and reads it again; gives what is owed for it.
fn read_back(
    document: &Document,
    settings: &[(String, String)],
) -> Result<(Document, usize), TestCaseError> {
    let mut delivery = Delivery::new(document.clone());
    delivery.settings = settings.to_vec();
    let Step::Send(request) = Warehouse::next(delivery, &[]).unwrap() else {
        panic!()
    };
    let text = String::from_utf8(request.body.clone()).unwrap();
    let message = Inbound {
        settings: settings.to_vec(),
        ..Inbound::new(request.body)
    };
    let mut decoded = Warehouse::decode(message).unwrap();
    prop_assert_eq!(decoded.documents.len(), 1);
    let read = decoded.documents.remove(0).unwrap();
    prop_assert_eq!(&read.findings, &vec![], "{}", text);
    prop_assert_eq!(&decoded.findings, &vec![], "{}", text);
    let accepted = decoded.acknowledgements.iter();
    prop_assert!(accepted.clone().all(|owed| owed.accepted == 1));
    Ok((read.document, accepted.len()))
}

fn check(document: Document, five: bool) -> Result<(), TestCaseError> {
    let version = if five { "005010" } else { "004010" };
    let (read, owed) = read_back(&document, &settings(version))?;
    prop_assert_eq!(read, document);
    prop_assert_eq!(owed, 1);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn an_order_reads_back_as_it_was_written(order in order::order(), five in any::<bool>()) {
        check(Document::Order(order), five)?;
    }

    #[test]
    fn a_notice_reads_back_as_it_was_written(notice in notice::notice(), five in any::<bool>()) {
        check(Document::InboundNotice(notice), five)?;
    }

    #[test]
    fn a_return_reads_back_as_it_was_written(returned in returns::authorization(), five in any::<bool>()) {
        check(Document::ReturnAuthorization(returned), five)?;
    }

    #[test]
    fn an_acknowledgement_reads_back_as_it_was_written(
        answer in acknowledgement::acknowledgement(),
        implementation in any::<bool>(),
    ) {
        let version = answer.version.clone().unwrap_or_else(|| "004010".to_owned());
        let mut settings = settings(&version);
        if implementation {
            settings.push(("acknowledgement-set".to_owned(), "999".to_owned()));
        }
        let document = Document::FunctionalAcknowledgement(answer);
        let (read, owed) = read_back(&document, &settings)?;
        prop_assert_eq!(read, document);
        // Nobody acknowledges an acknowledgement.
        prop_assert_eq!(owed, 0);
    }
}
