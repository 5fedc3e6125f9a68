//! What must hold for any document before it may have an effect.
//!
//! Types can't say it: numbers that name things are there and fit where they
//! travel, quantities have a unit, an order orders something.

use super::{Document, Order, Purpose, Quantity, Shipment};
use crate::record::Failure;

/// The longest number that names a business thing, in bytes. X12 element 127 has
/// 30 characters in 4010 and 50 in 5010.
const NUMBER_BYTES_MAX: usize = 80;

/// What is wrong with the document; nothing, most of the time.
#[must_use]
pub fn check(document: &Document) -> Vec<Failure> {
    let mut problems = Vec::new();
    for (pointer, number) in numbers(document) {
        if let Some(text) = unfit(number) {
            problems.push(problem("number-unfit", pointer, text, Some(number)));
        }
    }
    match document {
        Document::Order(order) => check_order(order, &mut problems),
        Document::Shipment(shipment) => check_shipment(shipment, &mut problems),
        _ => {}
    }
    problems
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

fn check_order(order: &Order, problems: &mut Vec<Failure>) {
    let cancels = order.purpose == Purpose::Cancel;
    if order.lines.is_empty() && !cancels {
        let text = "an order needs at least one line".to_owned();
        problems.push(problem("lines-missing", "/lines", text, None));
    }
    for (index, line) in order.lines.iter().enumerate() {
        let pointer = format!("/lines/{index}/quantity");
        check_quantity(&line.quantity, &pointer, problems);
        if line.quantity.value.coefficient <= 0 && !cancels {
            let text = format!("line {} orders nothing", line.line_no);
            problems.push(problem("quantity-not-positive", &pointer, text, None));
        }
    }
}

fn check_shipment(shipment: &Shipment, problems: &mut Vec<Failure>) {
    for (index, line) in shipment.lines.iter().enumerate() {
        check_quantity(&line.shipped, &format!("/lines/{index}/shipped"), problems);
    }
    for (index, package) in shipment.packages.iter().enumerate() {
        for (inside, packed) in package.contents.iter().enumerate() {
            if !shipment
                .lines
                .iter()
                .any(|line| line.line_no == packed.line_no)
            {
                let pointer = format!("/packages/{index}/contents/{inside}/line_no");
                let text = format!(
                    "package {} holds line {}, which the shipment does not have",
                    package.id, packed.line_no
                );
                problems.push(problem(
                    "line-unknown",
                    &pointer,
                    text,
                    Some(&packed.line_no),
                ));
            }
        }
    }
}

fn check_quantity(quantity: &Quantity, pointer: &str, problems: &mut Vec<Failure>) {
    if quantity.unit.is_empty() {
        let text = "a quantity needs a unit of measure".to_owned();
        problems.push(problem("unit-missing", pointer, text, None));
    }
    if quantity.value.scale > 18 {
        let text = format!(
            "a decimal has at most 18 places, not {}",
            quantity.value.scale
        );
        problems.push(problem("decimal-too-fine", pointer, text, None));
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

fn problem(code: &str, pointer: &str, text: String, value: Option<&str>) -> Failure {
    Failure {
        code: code.to_owned(),
        text,
        blame: "partner-data".to_owned(),
        place: Some(pointer.to_owned()),
        remedy: None,
        value: value.map(|value| value.chars().take(100).collect()),
        acknowledgement_code: None,
    }
}
