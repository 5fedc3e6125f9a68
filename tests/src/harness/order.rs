//! Orders, as a partner with the canonical model sends them.

use serde_json::{Value, json};

/// The first document of an order.
#[must_use]
pub fn original(order_no: &str) -> Value {
    json!({
        "kind": "order",
        "purpose": "original",
        "order_no": order_no,
        "customer_po": format!("PO-{order_no}"),
        "parties": [{
            "role": "ship-to",
            "name": "Lakeside Grocers",
            "address": { "lines": ["3 Pier Road"], "city": "Duluth", "region": "MN", "postal_code": "55802", "country": "US" },
        }],
        "lines": [{
            "line_no": "1",
            "quantity": { "value": "12", "unit": "CS" },
            "items": [{ "scheme": "sku", "value": "TEA-GREEN-20" }],
        }],
    })
}

/// The change of an order that counts `revision`, from 1; the original for 0.
#[must_use]
pub fn revision(order_no: &str, revision: u64) -> Value {
    let mut order = original(order_no);
    if revision > 0 {
        order["purpose"] = json!("change");
        order["revision"] = json!(revision.to_string());
        order["notes"] = json!([format!("change {revision} of {order_no}")]);
    }
    order
}

/// Which order a document is, and which change of it.
///
/// # Panics
/// When it is no order of this module.
#[must_use]
pub fn name_of(document: &Value) -> (String, u64) {
    let order_no = document["order_no"]
        .as_str()
        .expect("an order has a number");
    let revision = document["revision"]
        .as_str()
        .map_or(0, |text| text.parse().expect("a revision is a number"));
    (order_no.to_owned(), revision)
}
