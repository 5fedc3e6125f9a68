//! Partners and the documents that they send.

use serde_json::{Value, json};

use super::START;
use crate::{
    clock::Timestamp,
    contract::{self, Document},
    message::PartnerName,
    process::{Origin, Role},
};

pub(crate) fn partner(name: &str) -> PartnerName {
    PartnerName::parse(name).expect("a name")
}

fn origin(name: &str, role: Role) -> Origin {
    Origin {
        partner: partner(name),
        role,
    }
}

pub(crate) fn erp() -> Origin {
    origin("erp", Role::Erp)
}

pub(crate) fn crm() -> Origin {
    origin("crm", Role::Crm)
}

pub(crate) fn shop() -> Origin {
    origin("shop", Role::Shop)
}

pub(crate) fn carrier() -> Origin {
    origin("carrier", Role::Carrier)
}

pub(crate) fn warehouse(node: &str) -> Origin {
    origin(
        node,
        Role::Warehouse {
            node: node.to_owned(),
        },
    )
}

/// Minutes after the start, as documents have it.
pub(crate) fn at(minutes: i64) -> String {
    Timestamp::from_millis(START + minutes * 60_000).to_string()
}

fn document(value: &Value) -> Document {
    let mut fields = value["value"].clone();
    fields["kind"] = value["kind"].clone();
    contract::json::from_value(&fields).unwrap_or_else(|error| panic!("{error}: {fields}"))
}

fn moment(text: &str) -> Value {
    json!({ "text": text, "zoned": text.ends_with('Z'), "raw": null })
}

fn quantity(value: i32) -> Value {
    json!({ "value": value.to_string(), "unit": "EA" })
}

fn items(sku: &str) -> Value {
    json!([{ "scheme": "sku", "value": sku }])
}

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "USD" })
}

/// An order: line, item, quantity.
pub(crate) fn order(order_no: &str, lines: &[(&str, &str, i32)]) -> Document {
    order_as(order_no, "original", None, lines)
}

pub(crate) fn order_as(
    order_no: &str,
    purpose: &str,
    revision: Option<u32>,
    lines: &[(&str, &str, i32)],
) -> Document {
    let line = |(no, sku, wanted): &(&str, &str, i32)| {
        json!({
            "line_no": no, "quantity": quantity(*wanted), "items": items(sku), "unit_price": null,
            "description": null, "lot_required": null, "pack_size": null, "weight": null,
            "references": [], "notes": [], "extras": [],
        })
    };
    document(&json!({
        "kind": "order", "value": {
            "purpose": purpose, "order_no": order_no, "revision": revision.map(|it| it.to_string()),
            "customer_po": null, "order_type": null, "order_date": null, "requested_ship": null,
            "requested_delivery": null, "not_before": null, "cancel_after": null, "node": null,
            "parties": [], "references": [], "carrier": null, "notes": [],
            "lines": lines.iter().map(line).collect::<Vec<_>>(), "total_quantity": null,
            "total_weight": null, "total_amount": null, "extras": [],
        }
    }))
}

/// An answer to an order, decided so many minutes after the start.
pub(crate) fn answer(order_no: &str, decision: &str, minutes: i64, reason: &str) -> Document {
    document(&json!({
        "kind": "order-response", "value": {
            "order_no": order_no, "partner_order_no": null, "decision": decision,
            "decided_at": moment(&at(minutes)), "expected_ship": null,
            "reasons": if reason.is_empty() { json!([]) } else {
                json!([{ "code": reason, "source_code": null, "text": null }])
            },
            "lines": [], "references": [], "extras": [],
        }
    }))
}

/// A shipment: line, item, quantity.
pub(crate) fn shipment(
    id: &str,
    order_no: &str,
    at: &str,
    status: &str,
    lines: &[(&str, &str, i32)],
) -> Document {
    shipment_as(id, order_no, "original", at, status, lines)
}

pub(crate) fn shipment_as(
    id: &str,
    order_no: &str,
    purpose: &str,
    at: &str,
    status: &str,
    lines: &[(&str, &str, i32)],
) -> Document {
    let line = |(no, sku, shipped): &(&str, &str, i32)| {
        json!({
            "line_no": no, "ordered": null, "shipped": quantity(*shipped), "difference": null,
            "status": status, "reason": null, "items": items(sku), "lots": [], "serials": [],
            "weight": null, "description": null, "references": [], "extras": [],
        })
    };
    document(&json!({
        "kind": "shipment", "value": {
            "shipment_id": id, "order_no": order_no, "customer_po": null, "purpose": purpose,
            "status": "split", "shipped_at": moment(at), "expected_delivery": null, "node": null,
            "carrier": null, "bill_of_lading": null, "pro_number": null, "tracking": [],
            "parties": [], "references": [], "packages": [],
            "lines": lines.iter().map(line).collect::<Vec<_>>(), "charges": [],
            "total_shipped": null, "total_weight": null, "notes": [], "extras": [],
        }
    }))
}

pub(crate) fn milestone(id: &str, code: &str, at: &str, estimate: Option<&str>) -> Document {
    document(&json!({
        "kind": "milestone", "value": {
            "shipment_id": id, "order_no": "SO-1", "code": code, "at": moment(at), "reason": null,
            "place": null, "stop": null, "estimated_delivery": estimate.map(moment),
            "carrier": null, "tracking": null, "references": [], "extras": [],
        }
    }))
}

/// An invoice for so many units, or a credit memo.
pub(crate) fn invoice(
    no: &str,
    kind: &str,
    order_no: Option<&str>,
    rma_no: Option<&str>,
    units: i32,
    total: &str,
) -> Document {
    document(&json!({
        "kind": "invoice", "value": {
            "invoice_no": no, "invoice_date": "2026-03-05", "invoice_type": kind,
            "purpose": "original", "order_no": order_no, "customer_po": null, "rma_no": rma_no,
            "shipment_id": null, "terms": null, "due": null, "parties": [], "references": [],
            "lines": [{
                "line_no": "1", "quantity": quantity(units), "unit_price": money("1"),
                "items": items("A"), "amount": null, "description": null, "adjustments": [],
                "taxes": [], "extras": [],
            }],
            "adjustments": [], "taxes": [], "total": money(total), "extras": [],
        }
    }))
}

/// Stock of a node: item, status, quantity.
pub(crate) fn snapshot(id: &str, at: &str, lines: &[(&str, &str, i32)]) -> Document {
    let line = |(sku, kind, there): &(&str, &str, i32)| {
        json!({
            "line_no": null, "items": items(sku), "location": null, "extras": [],
            "stocks": [{ "kind": kind, "quantity": quantity(*there), "lot": null, "as_of": null }],
        })
    };
    document(&json!({
        "kind": "inventory-snapshot", "value": {
            "snapshot_id": id, "purpose": "original", "report_type": null, "as_of": moment(at),
            "node": "north", "parties": [], "lines": lines.iter().map(line).collect::<Vec<_>>(),
            "extras": [],
        }
    }))
}

/// A change of stock on hand.
pub(crate) fn adjustment(no: &str, at: &str, sku: &str, change: i32) -> Document {
    document(&json!({
        "kind": "inventory-adjustment", "value": {
            "adjustment_no": no, "adjusted_at": moment(at), "depositor_no": null,
            "purpose": "original", "node": "north", "parties": [], "references": [], "extras": [],
            "lines": [{
                "line_no": "1", "reason": "count", "quantity": quantity(change),
                "items": items(sku), "lot": null, "status_from": null, "status_to": null,
                "weight": null, "references": [], "extras": [],
            }],
        }
    }))
}

/// A return: line, item, quantity, at ten a piece.
pub(crate) fn paper(
    rma_no: &str,
    state: &str,
    minutes: i64,
    expires: Option<&str>,
    lines: &[(&str, &str, i32)],
) -> Document {
    let line = |(no, sku, wanted): &(&str, &str, i32)| {
        json!({
            "line_no": no, "items": items(sku), "quantity": quantity(*wanted), "reason": "fit",
            "unit_price": money("10"), "expected_disposition": null, "serials": [], "extras": [],
        })
    };
    document(&json!({
        "kind": "return-authorization", "value": {
            "rma_no": rma_no, "purpose": "original", "order_no": null, "state": state,
            "issued_at": moment(&at(minutes)), "expires": expires, "node": "north",
            "reason": null, "parties": [], "references": [],
            "lines": lines.iter().map(line).collect::<Vec<_>>(), "extras": [],
        }
    }))
}

/// Goods that came back: line, item, quantity, condition.
pub(crate) fn receipt(
    no: &str,
    rma_no: Option<&str>,
    minutes: i64,
    lines: &[(&str, &str, i32, &str)],
) -> Document {
    let line = |(no, sku, came, condition): &(&str, &str, i32, &str)| {
        json!({
            "line_no": no, "items": items(sku), "expected": null, "received": quantity(*came),
            "condition": condition, "lot": null, "serials": [], "extras": [],
        })
    };
    document(&json!({
        "kind": "return-receipt", "value": {
            "receipt_no": no, "rma_no": rma_no, "order_no": null,
            "received_at": moment(&at(minutes)), "node": null, "parties": [], "references": [],
            "lines": lines.iter().map(line).collect::<Vec<_>>(), "extras": [],
        }
    }))
}

/// A verdict on a receipt: line, item, quantity, disposition.
pub(crate) fn inspection(
    rma_no: &str,
    receipt: Option<&str>,
    minutes: i64,
    lines: &[(&str, &str, i32, &str)],
) -> Document {
    let line = |(no, sku, judged, disposition): &(&str, &str, i32, &str)| {
        json!({
            "line_no": no, "items": items(sku), "quantity": quantity(*judged),
            "disposition": disposition, "text": null, "extras": [],
        })
    };
    document(&json!({
        "kind": "return-disposition", "value": {
            "rma_no": rma_no, "receipt_no": receipt, "decided_at": moment(&at(minutes)),
            "lines": lines.iter().map(line).collect::<Vec<_>>(), "credit": null,
            "credit_amount": null, "restocking_fee": null, "references": [], "extras": [],
        }
    }))
}
