//! Canonical documents that partners of a business send, each as short as it may be.

use crossdock::clock::Clock;
use serde_json::{Value, json};

/// A line of an order, shipment or return: number, item, quantity.
pub type Line = (&'static str, &'static str, u32);

/// Ten of tea, five of cups.
pub const LINES: &[Line] = &[("1", "TEA", 10), ("2", "CUP", 5)];

/// Three kettles that come back.
pub const THREE: &[Line] = &[("1", "KETTLE", 3)];

/// A moment so many seconds after a day began on which all of this happens.
#[must_use]
pub fn at(seconds: u32) -> Value {
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let text = format!("2026-03-02T{hours:02}:{minutes:02}:{:02}Z", seconds % 60);
    json!({ "text": text, "zoned": true })
}

/// This very moment, in place of one of that day.
#[must_use]
pub fn now() -> Value {
    json!({ "text": Clock::System.now().to_string(), "zoned": true })
}

/// An order to the north.
#[must_use]
pub fn order(order_no: &str, lines: &[Line]) -> Value {
    let lines: Vec<_> = lines.iter().map(|line| ordered(*line)).collect();
    json!({
        "kind": "order", "purpose": "original", "order_no": order_no,
        "parties": [{
            "role": "ship-to",
            "name": "Lakeside Grocers",
            "address": { "lines": ["3 Pier Road"], "city": "Duluth", "region": "MN", "postal_code": "55802", "country": "US" },
        }],
        "lines": lines,
    })
}

/// The order as a later revision wants it.
#[must_use]
pub fn change(order_no: &str, revision: u32, lines: &[Line]) -> Value {
    let mut order = order(order_no, lines);
    order["purpose"] = json!("change");
    order["revision"] = json!(revision.to_string());
    order
}

/// The whole order is not wanted any more.
#[must_use]
pub fn cancel(order_no: &str) -> Value {
    json!({ "kind": "order", "purpose": "cancel", "order_no": order_no, "lines": [] })
}

/// The same order, to somewhere else.
#[must_use]
pub fn to_postal(mut order: Value, postal: &str) -> Value {
    order["parties"][0]["address"]["postal_code"] = json!(postal);
    order
}

/// The same order, by this carrier (SCAC) and service.
#[must_use]
pub fn by_carrier(mut order: Value, scac: &str, service: &str) -> Value {
    order["carrier"] = json!({ "scac": scac, "service": service });
    order
}

fn ordered((line_no, sku, quantity): Line) -> Value {
    json!({ "line_no": line_no, "quantity": units(quantity), "items": items(sku) })
}

/// An answer to an order, decided at that second.
#[must_use]
pub fn answer(order_no: &str, decision: &str, second: u32) -> Value {
    let reasons = match decision {
        "accepted" => json!([]),
        "on-hold" => json!([{ "code": "credit-hold", "text": "over the limit" }]),
        _ => json!([{ "code": "stock-shortage", "text": "none there" }]),
    };
    json!({
        "kind": "order-response", "order_no": order_no, "decision": decision,
        "decided_at": at(second), "reasons": reasons, "lines": [],
    })
}

/// A part of an order that left.
#[must_use]
pub fn shipment(id: &str, order_no: &str, second: u32, lines: &[Line]) -> Value {
    shipment_as(id, order_no, second, "split", lines)
}

/// A shipment with this status of itself and of each line.
#[must_use]
pub fn shipment_as(id: &str, order_no: &str, second: u32, status: &str, lines: &[Line]) -> Value {
    let line = |(line_no, sku, shipped): &Line| {
        json!({
            "line_no": line_no, "shipped": units(*shipped), "status": status, "items": items(sku),
        })
    };
    json!({
        "kind": "shipment", "shipment_id": id, "order_no": order_no, "purpose": "original",
        "status": status, "shipped_at": at(second),
        "lines": lines.iter().map(line).collect::<Vec<_>>(),
    })
}

/// What happened to a shipment on its way.
#[must_use]
pub fn milestone(id: &str, order_no: &str, code: &str, second: u32) -> Value {
    json!({
        "kind": "milestone", "shipment_id": id, "order_no": order_no, "code": code, "at": at(second),
    })
}

/// What left is to be paid.
#[must_use]
pub fn invoice(invoice_no: &str, order_no: &str, lines: &[Line]) -> Value {
    bill(invoice_no, "invoice", ("order_no", order_no), lines)
}

/// Money that goes back for a return, at ten for a unit.
#[must_use]
pub fn credit_memo(invoice_no: &str, rma_no: &str, lines: &[Line]) -> Value {
    bill(invoice_no, "credit-memo", ("rma_no", rma_no), lines)
}

fn bill(invoice_no: &str, kind: &str, (name, of): (&str, &str), lines: &[Line]) -> Value {
    let sum: u32 = lines.iter().map(|(_, _, quantity)| quantity * 10).sum();
    let line = |(line_no, sku, quantity): &Line| {
        json!({
            "line_no": line_no, "quantity": units(*quantity), "unit_price": money(10),
            "items": items(sku),
        })
    };
    let mut bill = json!({
        "kind": "invoice", "invoice_no": invoice_no, "invoice_date": "2026-03-05",
        "invoice_type": kind, "purpose": "original",
        "lines": lines.iter().map(line).collect::<Vec<_>>(), "total": money(sum),
    });
    bill[name] = json!(of);
    bill
}

/// A return in this state, at ten for a unit.
#[must_use]
pub fn return_as(rma_no: &str, state: &str, second: u32, lines: &[Line]) -> Value {
    let line = |(line_no, sku, quantity): &Line| {
        json!({
            "line_no": line_no, "items": items(sku), "quantity": units(*quantity),
            "reason": "fit", "unit_price": money(10),
        })
    };
    json!({
        "kind": "return-authorization", "rma_no": rma_no, "purpose": "original", "state": state,
        "issued_at": at(second), "node": "north",
        "lines": lines.iter().map(line).collect::<Vec<_>>(),
    })
}

/// Goods that came back.
#[must_use]
pub fn receipt(receipt_no: &str, rma_no: Option<&str>, second: u32, lines: &[Line]) -> Value {
    let line = |(line_no, sku, quantity): &Line| {
        json!({
            "line_no": line_no, "items": items(sku), "received": units(*quantity),
            "condition": "good",
        })
    };
    json!({
        "kind": "return-receipt", "receipt_no": receipt_no, "rma_no": rma_no,
        "received_at": at(second), "lines": lines.iter().map(line).collect::<Vec<_>>(),
    })
}

/// What is done with what came back: line, item, quantity, disposition.
#[must_use]
pub fn inspection(rma_no: &str, second: u32, lines: &[(Line, &str)]) -> Value {
    let line = |((line_no, sku, quantity), disposition): &(Line, &str)| {
        json!({
            "line_no": line_no, "items": items(sku), "quantity": units(*quantity),
            "disposition": disposition,
        })
    };
    json!({
        "kind": "return-disposition", "rma_no": rma_no, "decided_at": at(second),
        "lines": lines.iter().map(line).collect::<Vec<_>>(),
    })
}

/// The stock of the north at that second, all of it on hand.
#[must_use]
pub fn snapshot(snapshot_id: &str, second: u32, stock: &[(&str, u32)]) -> Value {
    let line = |(sku, quantity): &(&str, u32)| {
        json!({
            "items": items(sku),
            "stocks": [{ "kind": "on-hand", "quantity": units(*quantity) }],
        })
    };
    json!({
        "kind": "inventory-snapshot", "snapshot_id": snapshot_id, "purpose": "original",
        "as_of": at(second), "node": "north",
        "lines": stock.iter().map(line).collect::<Vec<_>>(),
    })
}

/// A change of what is on hand in the north.
#[must_use]
pub fn adjustment(adjustment_no: &str, second: u32, sku: &str, change: i32) -> Value {
    json!({
        "kind": "inventory-adjustment", "adjustment_no": adjustment_no, "purpose": "original",
        "adjusted_at": at(second), "node": "north",
        "lines": [{
            "line_no": "1", "reason": "count", "items": items(sku),
            "quantity": { "value": change.to_string(), "unit": "EA" },
        }],
    })
}

fn units(quantity: u32) -> Value {
    json!({ "value": quantity.to_string(), "unit": "EA" })
}

fn items(sku: &str) -> Value {
    json!([{ "scheme": "sku", "value": sku }])
}

fn money(amount: u32) -> Value {
    json!({ "amount": amount.to_string(), "currency": "USD" })
}
