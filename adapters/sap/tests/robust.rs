//! Whatever arrives, an answer comes out and never a panic; and what comes out keeps
//! the contract.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;
use std::time::{Duration, Instant};

use crossdock_sdk::{
    Adapter, Decoded, Delivery, Document, Exchange, Inbound, Order, Outcome, Place, Response, Step,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use sap::Sap;

fn fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/decode");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| {
        let name = path.to_string_lossy().into_owned();
        (name.ends_with(".xml") || name.ends_with(".json")) && !name.ends_with(".settings.json")
    });
    files.sort();
    assert!(files.len() > 10);
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// What holds for any answer.
fn check(decoded: &Decoded) -> Result<(), TestCaseError> {
    prop_assert!(!decoded.documents.is_empty());
    for (position, result) in decoded.documents.iter().enumerate() {
        let source = match result {
            Ok(document) => &document.source,
            Err(error) => {
                prop_assert!(!error.problems.is_empty());
                prop_assert!(error.problems[0].remedy.is_some());
                prop_assert!(!matches!(error.problems[0].place, Place::Whole));
                &error.source
            }
        };
        prop_assert_eq!(source.position as usize, position);
        let Ok(document) = result else { continue };
        match &document.document {
            Document::Shipment(shipment) => {
                prop_assert!(!shipment.order_no.is_empty() && !shipment.lines.is_empty());
                for line in &shipment.lines {
                    prop_assert!(!line.items.is_empty() && !line.shipped.unit.is_empty());
                }
                let packed = shipment
                    .packages
                    .iter()
                    .flat_map(|package| &package.contents);
                for packed in packed {
                    let known = |line_no: &str| line_no == packed.line_no;
                    prop_assert!(shipment.lines.iter().any(|line| known(&line.line_no)));
                }
            }
            Document::Order(order) => {
                prop_assert!(!order.order_no.is_empty());
                for line in &order.lines {
                    prop_assert!(!line.items.is_empty() && !line.quantity.unit.is_empty());
                }
            }
            Document::Invoice(invoice) => {
                prop_assert!(!invoice.total.currency.is_empty() && !invoice.lines.is_empty());
                prop_assert!(
                    invoice
                        .adjustments
                        .iter()
                        .all(|it| !it.amount.amount.is_negative())
                );
            }
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn bombs_are_refused_quickly() {
    let wrap = |inner: &str| {
        format!(
            "<DELVRY07><IDOC><EDI_DC40><MESTYP>SHPCON</MESTYP><IDOCTYP>DELVRY07</IDOCTYP></EDI_DC40><E1EDL20><VBELN>1</VBELN>{inner}</E1EDL20></IDOC></DELVRY07>"
        )
    };
    let item = "<E1EDL24><POSNR>10</POSNR><MATNR>A</MATNR><LFIMG>1</LFIMG><VRKME>EA</VRKME><HIPOS>20</HIPOS></E1EDL24>";
    let unit =
        "<E1EDL37><EXIDV>1</EXIDV><E1EDL44><VELIN>3</VELIN><EXIDV>1</EXIDV></E1EDL44></E1EDL37>";
    for body in [
        "<!DOCTYPE a [<!ENTITY a \"b\">]><ORDERS05/>".to_owned(),
        wrap(&"<A>".repeat(1_000_000)),
        wrap(&"<A/>".repeat(1_000_000)),
        wrap(&item.repeat(1_500)),
        wrap(&(item.to_owned() + &unit.repeat(1_500))),
        wrap(&format!("<A {}>", "b='c' ".repeat(500_000))),
        format!("{{\"d\":{}", "[".repeat(1_000_000)),
    ] {
        let begun = Instant::now();
        let _ = Sap::decode(Inbound::new(body));
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

/// Answers as a broken partner may give them.
fn answer() -> impl Strategy<Value = Response> {
    let body = prop_oneof![
        Just(r#"{"d":{"results":[]}}"#.to_owned()),
        Just(r#"{"d":{"results":[{"SalesOrder":"7","to_Item":{"results":[{"SalesOrderItem":"10"}]}}]}}"#.to_owned()),
        Just(r#"{"error":{"code":"A/1","message":{"value":"no"}}}"#.to_owned()),
        "[{}a-z\":, ]{0,30}",
    ];
    let header = prop_oneof![Just("Required"), Just("tok"), Just("")];
    (100_u16..600, header, body).prop_map(|(status, token, body)| Response {
        status,
        headers: vec![("x-csrf-token".to_owned(), token.to_owned())],
        body: body.into_bytes(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(decoded) = Sap::decode(Inbound::new(bytes)) {
            check(&decoded)?;
        }
    }

    #[test]
    fn damaged_messages_are_answered(
        file in any::<Index>(),
        changes in vec((any::<Index>(), prop_oneof![
            Just(b'<'), Just(b'>'), Just(b'/'), Just(b'0'), Just(b'-'), Just(b'"'), any::<u8>()
        ], 0_u8..3), 1..10),
    ) {
        let fixtures = fixtures();
        let mut body = file.get(&fixtures).clone();
        for (place, byte, change) in changes {
            if body.is_empty() {
                break;
            }
            let at = place.index(body.len());
            match change {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.remove(at)),
            }
        }
        if let Ok(decoded) = Sap::decode(Inbound::new(body)) {
            check(&decoded)?;
        }
    }

    #[test]
    fn changed_values_are_answered(
        file in any::<Index>(),
        which in any::<Index>(),
        value in "[0-9A-Za-z.,+ -]{0,24}",
    ) {
        let fixtures = fixtures();
        let body: &Vec<u8> = file.get(&fixtures);
        let text = String::from_utf8_lossy(body).into_owned();
        let ends: Vec<usize> = text.match_indices("</").map(|(at, _)| at).collect();
        if !ends.is_empty() {
            let end = *which.get(&ends);
            let begin = text[..end].rfind('>').map_or(end, |at| at + 1);
            let body = format!("{}{value}{}", &text[..begin], &text[end..]);
            if let Ok(decoded) = Sap::decode(Inbound::new(body)) {
                check(&decoded)?;
            }
        }
    }

    #[test]
    fn messages_cut_anywhere_are_answered(file in any::<Index>(), end in any::<Index>()) {
        let fixtures = fixtures();
        let body = file.get(&fixtures);
        let cut = &body[..end.index(body.len() + 1)];
        if let Ok(decoded) = Sap::decode(Inbound::new(cut)) {
            check(&decoded)?;
        }
    }

    /// Whatever a partner answers, the conversation ends within the requests that the
    /// host allows, and the same past gives the same step.
    #[test]
    fn any_conversation_ends(answers in vec(answer(), 40), cancels in any::<bool>()) {
        let mut order: Order = crossdock_sdk::json::from_str(
            r#"{"purpose":"original","order_no":"SO-1","lines":[{"line_no":"10","quantity":{"value":"1","unit":"EA"},"items":[{"scheme":"sku","value":"A"}]}]}"#,
        ).unwrap();
        if cancels {
            order.purpose = crossdock_sdk::Purpose::Cancel;
        }
        let mut delivery = Delivery::new(Document::Order(order));
        delivery.settings = [
            ("sales-organization", "1"), ("distribution-channel", "1"),
            ("organization-division", "1"), ("sold-to", "7"), ("rejection-reason", "61"),
        ].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mut past: Vec<Exchange> = Vec::new();
        let mut answers = answers.into_iter();
        loop {
            let step = Sap::next(delivery.clone(), &past);
            prop_assert_eq!(&step, &Sap::next(delivery.clone(), &past));
            let Ok(Step::Send(request)) = step else { break };
            prop_assert!(past.len() < 32, "more requests than the host allows");
            prop_assert!(["GET", "POST", "PATCH"].contains(&request.method.as_str()));
            let Some(answer) = answers.next() else { break };
            past.push(Exchange::new(request, Outcome::Response(answer)));
        }
    }
}
