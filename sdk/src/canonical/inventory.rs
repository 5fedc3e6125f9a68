//! Stock, its changes, and what comes in.

use crate::{
    AdjustmentLine, AdjustmentReason, InboundNotice, InboundReceipt, InventoryAdjustment,
    InventorySnapshot, ItemId, Moment, NoticeLine, Purpose, Quantity, ReceiptCondition,
    ReceiptException, ReceiptLine, ReceiptType, SnapshotLine, Stock, StockKind,
};

impl Stock {
    /// One figure, of all lots and at the snapshot's own time.
    pub fn new(kind: StockKind, quantity: Quantity) -> Stock {
        Stock {
            kind,
            quantity,
            lot: None,
            as_of: None,
        }
    }
}

impl SnapshotLine {
    /// The figures of one item; at least one number and one figure.
    pub fn new(items: Vec<ItemId>, stocks: Vec<Stock>) -> SnapshotLine {
        SnapshotLine {
            line_no: None,
            items,
            stocks,
            location: None,
            extras: Vec::new(),
        }
    }
}

impl InventorySnapshot {
    /// A first snapshot without lines.
    pub fn new(snapshot_id: impl Into<String>, as_of: Moment) -> InventorySnapshot {
        InventorySnapshot {
            snapshot_id: snapshot_id.into(),
            purpose: Purpose::Original,
            report_type: None,
            as_of,
            node: None,
            parties: Vec::new(),
            lines: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl AdjustmentLine {
    /// One change; more stock is positive.
    pub fn new(
        line_no: impl Into<String>,
        reason: AdjustmentReason,
        quantity: Quantity,
        items: Vec<ItemId>,
    ) -> AdjustmentLine {
        AdjustmentLine {
            line_no: line_no.into(),
            reason,
            quantity,
            items,
            lot: None,
            status_from: None,
            status_to: None,
            weight: None,
            references: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl InventoryAdjustment {
    /// A first adjustment without lines.
    pub fn new(adjustment_no: impl Into<String>, adjusted_at: Moment) -> InventoryAdjustment {
        InventoryAdjustment {
            adjustment_no: adjustment_no.into(),
            adjusted_at,
            depositor_no: None,
            purpose: Purpose::Original,
            node: None,
            parties: Vec::new(),
            references: Vec::new(),
            lines: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl NoticeLine {
    /// One announced item.
    pub fn new(line_no: impl Into<String>, quantity: Quantity, items: Vec<ItemId>) -> NoticeLine {
        NoticeLine {
            line_no: line_no.into(),
            quantity,
            items,
            lot: None,
            extras: Vec::new(),
        }
    }
}

impl InboundNotice {
    /// A new notice without lines.
    pub fn new(notice_no: impl Into<String>) -> InboundNotice {
        InboundNotice {
            purpose: Purpose::Original,
            notice_no: notice_no.into(),
            shipment_id: None,
            purchase_order: None,
            rma_no: None,
            notice_date: None,
            expected: None,
            node: None,
            parties: Vec::new(),
            references: Vec::new(),
            carrier: None,
            lines: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl ReceiptException {
    /// So much in such a condition.
    pub fn new(condition: ReceiptCondition, quantity: Quantity) -> ReceiptException {
        ReceiptException {
            condition,
            quantity,
            lot: None,
            text: None,
        }
    }
}

impl ReceiptLine {
    /// One received item, all of it good.
    pub fn new(line_no: impl Into<String>, received: Quantity, items: Vec<ItemId>) -> ReceiptLine {
        ReceiptLine {
            line_no: line_no.into(),
            received,
            expected: None,
            items,
            lots: Vec::new(),
            serials: Vec::new(),
            exceptions: Vec::new(),
            extras: Vec::new(),
        }
    }
}

impl InboundReceipt {
    /// A receipt without lines.
    pub fn new(
        receipt_no: impl Into<String>,
        receipt_type: ReceiptType,
        received_at: Moment,
    ) -> InboundReceipt {
        InboundReceipt {
            receipt_no: receipt_no.into(),
            receipt_type,
            received_at,
            notice_no: None,
            shipment_id: None,
            rma_no: None,
            node: None,
            parties: Vec::new(),
            references: Vec::new(),
            carrier: None,
            lines: Vec::new(),
            total_received: None,
            extras: Vec::new(),
        }
    }
}
