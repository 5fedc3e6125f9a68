//! What earlier documents about the same order say, for a document that was just read.
//!
//! Done on the guest's thread, so that the engine does not wait for the journal. What is
//! looked at is bounded; what was not found is not held against anybody.

use crate::{
    contract::{self, Document, Earlier},
    journal::{Reader, Sequence},
    message::MessageId,
    record::{self, Disposition, Failure, Record},
    view::{MessageFilter, MessageRow, View},
};

/// Documents of one message that are compared.
const DOCUMENTS_MAX: usize = 32;
/// Messages about one order that are looked at, newest first.
const MESSAGES_MAX: usize = 16;
/// How long such a message may be, in bytes.
const MESSAGE_BYTES_MAX: u64 = 1 << 20;

/// What is odd about the message's documents, by their positions. Only what was recorded
/// before `before` is compared with, all if absent.
pub(super) fn compare(
    decoded: &contract::Decoded,
    own: MessageId,
    before: Option<Sequence>,
    view: &View,
    journal: &dyn Reader,
) -> Vec<(u32, Failure)> {
    let documents = (0_u32..).zip(&decoded.documents);
    let documents = documents.filter_map(|(position, it)| Some((position, it.as_ref().ok()?)));
    let known = |order_no: &str| known(order_no, own, before, view, journal);
    let mut compared = 0;
    let mut findings = Vec::new();
    for (position, decoded) in documents {
        let found = match &decoded.document {
            Document::Shipment(it) => known(&it.order_no).findings_of_shipment(it),
            Document::ReturnReceipt(it) => match &it.order_no {
                Some(order_no) => known(order_no).findings_of_return(it),
                None => continue,
            },
            _ => continue,
        };
        findings.extend(found.into_iter().map(|it| (position, it)));
        compared += 1;
        if compared >= DOCUMENTS_MAX {
            break;
        }
    }
    findings
}

fn known(
    order_no: &str,
    own: MessageId,
    before: Option<Sequence>,
    view: &View,
    journal: &dyn Reader,
) -> Earlier {
    let business_key = format!("order/{order_no}");
    let messages = view.messages(&MessageFilter {
        business_key: Some(business_key.clone()),
        limit: MESSAGES_MAX,
        ..MessageFilter::default()
    });
    let mut known = Earlier::default();
    for (id, row) in messages {
        if id == own || row.bytes > MESSAGE_BYTES_MAX {
            continue;
        }
        for document in documents(&row, before, journal) {
            let had_effect = document.disposition == Disposition::Routed;
            if document.business_key != business_key || !had_effect {
                continue;
            }
            match contract::json::from_slice(document.content.as_bytes()) {
                Ok(Document::Order(order)) => {
                    known.order.get_or_insert(order);
                }
                // The newest says it all: a correction takes the place of the one before.
                Ok(Document::Shipment(shipment)) => {
                    let id = &shipment.shipment_id;
                    if !known.shipments.iter().any(|it| it.shipment_id == *id) {
                        known.shipments.push(shipment);
                    }
                }
                _ => {}
            }
        }
    }
    known
}

/// What a message held whenever it was read before `before`, newest first. A document
/// that had its effect says so in one of these readings only: in a later one it is a
/// duplicate and empty.
fn documents(
    row: &MessageRow,
    before: Option<Sequence>,
    journal: &dyn Reader,
) -> Vec<record::Document> {
    let read = |sequence: &Sequence| {
        let bytes = journal.read(*sequence).ok()?;
        match Record::from_bytes(&bytes).ok()? {
            Record::Decoded(decoded) => Some(decoded.documents),
            _ => None,
        }
    };
    let records = row.history.iter().rev();
    let records = records.filter(|it| before.is_none_or(|before| **it < before));
    let documents = records.filter_map(read);
    documents.flat_map(|it| it.into_iter().rev()).collect()
}
