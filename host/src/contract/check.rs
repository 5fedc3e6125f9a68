//! What must hold for any document before it may have an effect, and what should.
//!
//! Types can't say it: numbers that name things are there and fit where they travel,
//! an order orders something, what was shipped and what is short make up what was
//! ordered, packages hold what the lines say. What forbids a document is `refused`;
//! what is odd about it is a finding, and the document has its effect.
//!
//! Each document is judged by itself, in exact decimals, and what a partner leaves out
//! is not held against it: amounts are compared only where both are told, and in the
//! same unit.

mod against;
mod codes;
mod dates;
mod exact;
mod inventory;
mod invoice;
mod order;
mod report;
mod returns;
mod shipment;
#[cfg(test)]
mod tests;
mod values;

pub use self::against::Earlier;
use self::report::Report;
use super::{Document, FunctionalAcknowledgement};
use crate::record::Failure;

/// The longest number that names a business thing, in bytes. X12 element 127 has
/// 30 characters in 4010 and 50 in 5010.
const NUMBER_BYTES_MAX: usize = 80;

/// What is wrong with a document; nothing, most of the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What forbids it.
    pub refused: Vec<Failure>,
    /// What is odd about it, and kept nevertheless.
    pub findings: Vec<Failure>,
}

/// Looks whether the document makes sense.
#[must_use]
pub fn check(document: &Document) -> Checked {
    let mut report = Report::default();
    for (pointer, number) in numbers(document) {
        if let Some(text) = unfit(number) {
            report.refuse_value("number-unfit", pointer, text, number);
        }
    }
    match document {
        Document::Order(it) => order::order(it, &mut report),
        Document::OrderResponse(it) => order::response(it, &mut report),
        Document::Shipment(it) => shipment::shipment(it, &mut report),
        Document::Milestone(it) => shipment::milestone(it, &mut report),
        Document::InventorySnapshot(it) => inventory::snapshot(it, &mut report),
        Document::InventoryAdjustment(it) => inventory::adjustment(it, &mut report),
        Document::InboundNotice(it) => inventory::notice(it, &mut report),
        Document::InboundReceipt(it) => inventory::receipt(it, &mut report),
        Document::ReturnAuthorization(it) => returns::authorization(it, &mut report),
        Document::ReturnReceipt(it) => returns::receipt(it, &mut report),
        Document::ReturnDisposition(it) => returns::disposition(it, &mut report),
        Document::Invoice(it) => invoice::invoice(it, &mut report),
        Document::FunctionalAcknowledgement(it) => acknowledgement(it, &mut report),
        Document::ServiceCase(_) | Document::Notification(_) | Document::Other(_) => {}
    }
    report.finish()
}

/// The numbers that name the document.
fn numbers(document: &Document) -> Vec<(&'static str, &str)> {
    match document {
        Document::Order(it) => vec![("/order_no", &it.order_no)],
        Document::OrderResponse(it) => vec![("/order_no", &it.order_no)],
        Document::InventorySnapshot(it) => vec![("/snapshot_id", &it.snapshot_id)],
        Document::InventoryAdjustment(it) => vec![("/adjustment_no", &it.adjustment_no)],
        Document::InboundNotice(it) => vec![("/notice_no", &it.notice_no)],
        Document::InboundReceipt(it) => vec![("/receipt_no", &it.receipt_no)],
        Document::Shipment(it) => vec![
            ("/shipment_id", &it.shipment_id),
            ("/order_no", &it.order_no),
        ],
        Document::Milestone(it) => vec![("/shipment_id", &it.shipment_id)],
        Document::ReturnAuthorization(it) => vec![("/rma_no", &it.rma_no)],
        Document::ReturnReceipt(it) => vec![("/receipt_no", &it.receipt_no)],
        Document::ReturnDisposition(it) => vec![("/rma_no", &it.rma_no)],
        Document::Invoice(it) => vec![("/invoice_no", &it.invoice_no)],
        Document::ServiceCase(it) => vec![("/external_key", &it.external_key)],
        Document::Notification(it) => vec![("/dedupe_key", &it.dedupe_key)],
        Document::FunctionalAcknowledgement(it) => vec![("/group_control", &it.group_control)],
        Document::Other(it) => vec![("/type", &it.type_), ("/business_key", &it.business_key)],
    }
}

fn unfit(number: &str) -> Option<String> {
    if number.is_empty() {
        return Some("it is empty".to_owned());
    }
    if number.len() > NUMBER_BYTES_MAX {
        return Some(format!(
            "it has {} bytes, at most {NUMBER_BYTES_MAX} fit",
            number.len()
        ));
    }
    number
        .chars()
        .any(char::is_control)
        .then(|| "it holds a control character".to_owned())
}

fn acknowledgement(acknowledgement: &FunctionalAcknowledgement, report: &mut Report) {
    let (accepted, received) = (acknowledgement.accepted, acknowledgement.received);
    if accepted > received {
        report.find(
            "counts-contradict",
            "/accepted",
            format!("{accepted} sets were accepted, but only {received} received"),
            "ask the sender how many it took",
        );
    }
}
