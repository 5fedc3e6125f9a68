//! Whatever arrives, an answer comes out and never a panic; and what comes out keeps
//! the contract.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;

use crossdock_sdk::{Adapter, Blame, Decoded, Document, Inbound, ItemId, Place, Quantity};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use x12_3pl::Warehouse;

fn fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/decode");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "edi"));
    files.sort();
    assert!(files.len() > 10);
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// What holds for any answer.
fn check(decoded: &Decoded) -> Result<(), TestCaseError> {
    for (position, result) in decoded.documents.iter().enumerate() {
        let source = match result {
            Ok(document) => &document.source,
            Err(error) => {
                prop_assert!(!error.problems.is_empty());
                let first = &error.problems[0];
                // Either the sender learns of it, or the settings are to blame.
                prop_assert!(
                    first.acknowledgement_code.is_some() || first.blame == Blame::Settings
                );
                prop_assert!(!matches!(first.place, Place::Whole));
                &error.source
            }
        };
        prop_assert_eq!(source.position as usize, position);
        if let Ok(document) = result {
            check_lines(&document.document)?;
        }
        if let Ok(document) = result
            && let Document::Shipment(shipment) = &document.document
        {
            prop_assert!(!shipment.order_no.is_empty() && !shipment.shipment_id.is_empty());
            for line in &shipment.lines {
                prop_assert!(!line.items.is_empty() && !line.shipped.unit.is_empty());
                prop_assert!(!line.line_no.is_empty());
            }
            for packed in shipment
                .packages
                .iter()
                .flat_map(|package| &package.contents)
            {
                prop_assert!(
                    shipment
                        .lines
                        .iter()
                        .any(|line| line.line_no == packed.line_no)
                );
            }
        }
    }
    for owed in &decoded.acknowledgements {
        prop_assert!(owed.functional_id != "FA");
        prop_assert!(owed.version.is_some() || owed.codes.iter().any(|code| code == "2"));
        prop_assert!(owed.accepted <= owed.received);
        prop_assert!(owed.sets.len() <= owed.received as usize);
    }
    Ok(())
}

/// Each line has a number, an item and a unit; a snapshot need not number its lines,
/// but each has a figure.
fn check_lines(document: &Document) -> Result<(), TestCaseError> {
    let mut complete = true;
    let mut row = |line_no: &str, items: &[ItemId], quantity: &Quantity| {
        complete &= !line_no.is_empty() && !items.is_empty() && !quantity.unit.is_empty();
    };
    match document {
        Document::InboundReceipt(it) => {
            let lines = it.lines.iter();
            lines.for_each(|line| row(&line.line_no, &line.items, &line.received));
        }
        Document::ReturnReceipt(it) => {
            let lines = it.lines.iter();
            lines.for_each(|line| row(&line.line_no, &line.items, &line.received));
        }
        Document::InventoryAdjustment(it) => {
            let lines = it.lines.iter();
            lines.for_each(|line| row(&line.line_no, &line.items, &line.quantity));
        }
        Document::InventorySnapshot(it) => {
            for line in &it.lines {
                prop_assert!(!line.stocks.is_empty());
                let stocks = line.stocks.iter();
                stocks.for_each(|stock| row("-", &line.items, &stock.quantity));
            }
        }
        Document::InboundNotice(it) => {
            let lines = it.lines.iter();
            lines.for_each(|line| row(&line.line_no, &line.items, &line.quantity));
        }
        Document::ReturnAuthorization(it) => {
            let lines = it.lines.iter();
            lines.for_each(|line| row(&line.line_no, &line.items, &line.quantity));
        }
        _ => {}
    }
    prop_assert!(complete);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..300)) {
        if let Ok(decoded) = Warehouse::decode(Inbound::new(bytes)) {
            check(&decoded)?;
        }
    }

    #[test]
    fn any_segments_are_answered(
        segments in vec("(ST\\*945\\*1|ST\\*940\\*1|ST\\*944\\*1|ST\\*947\\*1|ST\\*846\\*1|ST\\*943\\*1|ST\\*180\\*1|W17|W07|W13|W14|W08|W15|W19|BIA|LIN|QTY|SDQ|UIT|REF|DTM|CTT|W04|BGN|RDR|BLI|W06|W05|LX|W12|W01|MAN|PAL|N1|N2|N4|PER|N9|G62|G72|W03|W76|LS|LE|NTE|SE)(\\*([A-Z]{2}|[0-9]{1,8}|-?[0-9]\\.[0-9]|GM|LV|LT|EA|))?{0,22}", 0..30)
    ) {
        let body = segments.join("~") + "~";
        if let Ok(decoded) = Warehouse::decode(Inbound::new(body)) {
            check(&decoded)?;
        }
    }

    #[test]
    fn damaged_messages_are_answered(
        file in any::<Index>(),
        changes in vec((any::<Index>(), prop_oneof![
            Just(b'*'), Just(b'~'), Just(b'\n'), Just(b'0'), Just(b'A'), any::<u8>()
        ], 0_u8..3), 1..12),
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
        if let Ok(decoded) = Warehouse::decode(Inbound::new(body)) {
            check(&decoded)?;
        }
    }

    #[test]
    fn messages_cut_anywhere_are_answered(file in any::<Index>(), end in any::<Index>()) {
        let fixtures = fixtures();
        let body = file.get(&fixtures);
        let cut = &body[..end.index(body.len() + 1)];
        if let Ok(decoded) = Warehouse::decode(Inbound::new(cut)) {
            check(&decoded)?;
        }
    }
}
