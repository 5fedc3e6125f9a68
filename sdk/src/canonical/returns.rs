//! Goods that come back.

use crate::{
    Disposition, DispositionLine, ItemId, Moment, Purpose, Quantity, ReceiptCondition,
    ReturnAuthorization, ReturnDisposition, ReturnLine, ReturnReason, ReturnReceipt,
    ReturnReceiptLine, ReturnState,
};

impl ReturnLine {
    /// One item that may come back.
    pub fn new(
        line_no: impl Into<String>,
        items: Vec<ItemId>,
        quantity: Quantity,
        reason: ReturnReason,
    ) -> ReturnLine {
        ReturnLine {
            line_no: line_no.into(),
            items,
            quantity,
            reason,
            unit_price: None,
            expected_disposition: None,
            serials: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl ReturnAuthorization {
    /// A first authorisation without lines.
    pub fn new(rma_no: impl Into<String>, state: ReturnState) -> ReturnAuthorization {
        ReturnAuthorization {
            rma_no: rma_no.into(),
            purpose: Purpose::Original,
            order_no: None,
            state,
            issued_at: None,
            expires: None,
            node: None,
            reason: None,
            parties: Vec::new(),
            references: Vec::new(),
            lines: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl ReturnReceiptLine {
    /// One item that came back.
    pub fn new(
        line_no: impl Into<String>,
        items: Vec<ItemId>,
        received: Quantity,
        condition: ReceiptCondition,
    ) -> ReturnReceiptLine {
        ReturnReceiptLine {
            line_no: line_no.into(),
            items,
            expected: None,
            received,
            condition,
            lot: None,
            serials: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl ReturnReceipt {
    /// A receipt without lines.
    pub fn new(receipt_no: impl Into<String>, received_at: Moment) -> ReturnReceipt {
        ReturnReceipt {
            receipt_no: receipt_no.into(),
            rma_no: None,
            order_no: None,
            received_at,
            node: None,
            parties: Vec::new(),
            references: Vec::new(),
            lines: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl DispositionLine {
    /// The verdict on so many units of an item.
    pub fn new(
        line_no: impl Into<String>,
        items: Vec<ItemId>,
        quantity: Quantity,
        disposition: Disposition,
    ) -> DispositionLine {
        DispositionLine {
            line_no: line_no.into(),
            items,
            quantity,
            disposition,
            text: None,
            extras: Vec::new(),
        }
    }
}

impl ReturnDisposition {
    /// A verdict without lines that leaves the credit to the ERP.
    pub fn new(rma_no: impl Into<String>, decided_at: Moment) -> ReturnDisposition {
        ReturnDisposition {
            rma_no: rma_no.into(),
            receipt_no: None,
            decided_at,
            lines: Vec::new(),
            credit: None,
            credit_amount: None,
            restocking_fee: None,
            references: Vec::new(),
            extras: Vec::new(),
        }
    }
}
