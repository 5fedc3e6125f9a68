//! Orders and their answers.

use crate::{
    Decision, ItemId, Order, OrderLine, OrderResponse, Purpose, Quantity, Reason, RejectReason,
    ResponseLine,
};

impl Order {
    /// A new order without lines.
    pub fn new(order_no: impl Into<String>) -> Order {
        Order {
            purpose: Purpose::Original,
            order_no: order_no.into(),
            revision: None,
            customer_po: None,
            order_type: None,
            order_date: None,
            requested_ship: None,
            requested_delivery: None,
            not_before: None,
            cancel_after: None,
            node: None,
            parties: Vec::new(),
            references: Vec::new(),
            carrier: None,
            notes: Vec::new(),
            lines: Vec::new(),
            total_quantity: None,
            total_weight: None,
            total_amount: None,
            extras: Vec::new(),
        }
    }
}

impl OrderLine {
    /// So much of an item, which has at least one number.
    pub fn new(line_no: impl Into<String>, quantity: Quantity, items: Vec<ItemId>) -> OrderLine {
        OrderLine {
            line_no: line_no.into(),
            quantity,
            items,
            unit_price: None,
            description: None,
            lot_required: None,
            pack_size: None,
            weight: None,
            references: Vec::new(),
            notes: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl OrderResponse {
    /// A decision that holds for the whole order.
    pub fn new(order_no: impl Into<String>, decision: Decision) -> OrderResponse {
        OrderResponse {
            order_no: order_no.into(),
            partner_order_no: None,
            decision,
            decided_at: None,
            expected_ship: None,
            reasons: Vec::new(),
            lines: Vec::new(),
            references: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl ResponseLine {
    /// A decision that covers the whole line.
    pub fn new(line_no: impl Into<String>, decision: Decision) -> ResponseLine {
        ResponseLine {
            line_no: line_no.into(),
            decision,
            quantity: None,
            promised: None,
            substitutes: Vec::new(),
            reasons: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl Reason {
    /// A reason to which the partner said nothing more.
    pub fn new(code: RejectReason) -> Reason {
        Reason {
            code,
            source_code: None,
            text: None,
        }
    }
}
