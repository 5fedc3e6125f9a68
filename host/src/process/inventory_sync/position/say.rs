//! Who hears what of an item's stock.

use super::{Position, PositionState};
use crate::{
    contract::{
        AdjustmentLine, AdjustmentReason, Document, InventoryAdjustment, InventorySnapshot, Lot,
        Purpose, SnapshotLine, Stock, StockKind,
    },
    process::{
        command::{Event, EventKind, Receiver},
        draft::Draft,
        number::Number,
        turn::Turn,
        write::{item, moment, quantity},
    },
};

// === impl PositionState ===

impl PositionState {
    /// Tells the ERP.
    pub(super) fn post(&mut self, position: &Position, due: Number, turn: &mut Turn<'_>) {
        self.written += 1;
        let number = format!("{}-{}-{}", self.node, self.sku, self.written);
        let adjustment = InventoryAdjustment {
            adjustment_no: number.clone(),
            adjusted_at: moment(turn.now),
            depositor_no: None,
            purpose: Purpose::Original,
            node: Some(self.node.clone()),
            parties: Vec::new(),
            references: Vec::new(),
            lines: vec![AdjustmentLine {
                line_no: "1".to_owned(),
                reason: AdjustmentReason::Count,
                quantity: quantity(due, &self.unit),
                items: item(&self.sku),
                lot: (!position.lot.is_empty()).then(|| Lot {
                    number: position.lot.clone(),
                    expiry: None,
                    manufactured: None,
                }),
                status_from: None,
                status_to: crossdock_sdk::json::code(&position.kind),
                weight: None,
                references: Vec::new(),
                extras: Vec::new(),
            }],
            extras: Vec::new(),
        };
        turn.event(Event::new(EventKind::StockAdjusted, &position.name()).with("quantity", due));
        let draft = Draft::written(Document::InventoryAdjustment(adjustment));
        turn.send_once(Receiver::Erp, &format!("erp/adjustment/{number}"), draft);
    }

    /// Tells shops and service desk what can be sold.
    pub(super) fn publish(&mut self, turn: &mut Turn<'_>) {
        let available = self.available();
        let (Some(number), true) = (available, available != self.published) else {
            return;
        };
        self.published = available;
        self.written += 1;
        let id = format!("{}-{}-{}", self.node, self.sku, self.written);
        turn.event(Event::new(EventKind::AvailabilityChanged, &self.sku).with("available", number));
        let snapshot = InventorySnapshot {
            snapshot_id: id.clone(),
            purpose: Purpose::Original,
            report_type: None,
            as_of: moment(turn.now),
            node: Some(self.node.clone()),
            parties: Vec::new(),
            lines: vec![SnapshotLine {
                line_no: None,
                items: item(&self.sku),
                stocks: vec![Stock {
                    kind: StockKind::Available,
                    quantity: quantity(number, &self.unit),
                    lot: None,
                    as_of: None,
                }],
                location: None,
                extras: Vec::new(),
            }],
            extras: Vec::new(),
        };
        let draft = Draft::written(Document::InventorySnapshot(snapshot));
        turn.send_once(
            Receiver::Shops,
            &format!("shops/available/{id}"),
            draft.clone(),
        );
        turn.send_once(Receiver::Crm, &format!("crm/available/{id}"), draft);
    }
}
