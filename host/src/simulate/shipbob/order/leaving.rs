//! How an order leaves: split, shipped, handed over, or waiting for what is not there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{SHIPMENTS_MAX, Shipment, Status};
use crate::{clock::Timestamp, simulate::shipbob::ShipBob};

// === impl ShipBob ===

impl ShipBob {
    /// Divides the first shipment that has not left: so many pieces stay in it, the rest
    /// makes another one.
    pub(in crate::simulate::shipbob) fn split(
        &mut self,
        index: usize,
        pieces: u64,
        at: Timestamp,
    ) -> Result<Value, String> {
        let id = self.next_shipment();
        let order = &mut self.orders[index];
        let open = order.shipments.iter().position(|it| it.status.is_open());
        let open = open.ok_or_else(|| format!("all of order {} has left", order.reference))?;
        let all: u64 = order.shipments[open].pieces.iter().sum();
        if pieces == 0 || pieces >= all || order.shipments.len() == SHIPMENTS_MAX {
            return Err(format!(
                "a shipment of {all} pieces is not split at {pieces}"
            ));
        }
        let (mut room, mut rest) = (pieces, Vec::new());
        for own in &mut order.shipments[open].pieces {
            let kept = room.min(*own);
            room -= kept;
            rest.push(*own - kept);
            *own = kept;
        }
        order.shipments.push(Shipment::new(id, rest));
        order.updated = at;
        Ok(json!({ "shipments": order.shipments.len() }))
    }

    /// Ships what has not left, each shipment whole, or tells what it waits for.
    pub(in crate::simulate::shipbob) fn ship(
        &mut self,
        index: usize,
        which: Option<u64>,
        at: Timestamp,
    ) -> Result<Value, String> {
        let order = &self.orders[index];
        let mut chosen = order.chosen(which)?;
        chosen.retain(|it| order.shipments[*it].status.is_open());
        if chosen.is_empty() {
            let text = order.status().name().to_lowercase();
            return Err(format!("order {} is {text}", order.reference));
        }
        let told = chosen.into_iter().map(|it| self.ship_one(index, it, at));
        Ok(told.collect::<Vec<_>>().into())
    }

    fn ship_one(&mut self, index: usize, which: usize, at: Timestamp) -> Value {
        let order = &self.orders[index];
        let mut wanted = BTreeMap::<String, u64>::new();
        for (product, pieces) in order.products.iter().zip(&order.shipments[which].pieces) {
            // A product may be on several lines.
            *wanted.entry(product.reference.clone()).or_default() += pieces;
        }
        let is_short = wanted
            .iter()
            .any(|(sku, pieces)| self.on_hand(sku) < *pieces);
        if is_short {
            return self.except_one(index, which, "OutOfStock", at);
        }
        for (sku, pieces) in wanted {
            self.item(&sku).on_hand -= pieces;
        }
        let order = &mut self.orders[index];
        order.updated = at;
        let shipment = &mut order.shipments[which];
        shipment.status = Status::Fulfilled;
        shipment.trouble.clear();
        shipment.shipped = Some(at);
        let shipment = order.shipment(&order.shipments[which]);
        self.tell("order.shipped", &shipment, at);
        json!({ "shipment": shipment["id"], "tracking": shipment["tracking"]["tracking_number"] })
    }

    /// The carrier has handed over what left.
    pub(in crate::simulate::shipbob) fn deliver(
        &mut self,
        index: usize,
        which: Option<u64>,
        at: Timestamp,
    ) -> Result<Value, String> {
        let order = &mut self.orders[index];
        let mut chosen = order.chosen(which)?;
        chosen.retain(|it| {
            order.shipments[*it].has_left() && order.shipments[*it].delivered.is_none()
        });
        if chosen.is_empty() {
            return Err(format!("nothing of order {} is under way", order.reference));
        }
        order.updated = at;
        let mut told = Vec::new();
        for which in chosen {
            order.shipments[which].delivered = Some(at);
            told.push(order.shipment(&order.shipments[which]));
        }
        for shipment in &told {
            self.tell("order.shipment.delivered", shipment, at);
        }
        Ok(told
            .iter()
            .map(|it| json!({ "shipment": it["id"] }))
            .collect())
    }

    pub(in crate::simulate::shipbob) fn except(
        &mut self,
        index: usize,
        reason: &str,
        at: Timestamp,
    ) -> Result<Value, String> {
        let order = &self.orders[index];
        let open = order.shipments.iter().position(|it| it.status.is_open());
        let open = open.ok_or_else(|| {
            let text = order.status().name().to_lowercase();
            format!("order {} is {text}", order.reference)
        })?;
        Ok(self.except_one(index, open, reason, at))
    }

    fn except_one(&mut self, index: usize, which: usize, reason: &str, at: Timestamp) -> Value {
        let order = &mut self.orders[index];
        order.updated = at;
        let inside = order.products.iter().zip(&order.shipments[which].pieces);
        let trouble = inside
            .filter(|(_, pieces)| **pieces > 0)
            .map(|(it, _)| (reason.to_owned(), Some(it.inventory_id)));
        let trouble = trouble.collect();
        let shipment = &mut order.shipments[which];
        shipment.status = Status::Exception;
        shipment.trouble = trouble;
        let shipment = order.shipment(&order.shipments[which]);
        self.tell("order.shipment.exception", &shipment, at);
        json!({ "shipment": shipment["id"], "reason": reason })
    }
}
