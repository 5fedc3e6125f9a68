//! Returns: an order that comes back and is put on the shelf again.

use serde_json::{Value, json};

use super::{KEPT_MAX, ShipBob};
use crate::clock::Timestamp;

// === impl ShipBob ===

impl ShipBob {
    /// Takes back all of an order, and tells that it is dealt with.
    pub(super) fn take_back(
        &mut self,
        index: usize,
        reference: Option<&str>,
        at: Timestamp,
    ) -> Result<Value, String> {
        let order = self.orders[index].clone();
        let shipment = order.shipment();
        if shipment["tracking"].is_null() {
            return Err(format!("order {} has not left", order.reference));
        }
        if self.returns.len() == KEPT_MAX {
            return Err("the account is full".to_owned());
        }
        let inventory = order.products.iter().map(|it| {
            json!({
                "id": it.inventory_id, "name": it.name, "sku": it.reference, "quantity": it.quantity, "barcodes": [],
                "action_requested": { "action": "Restock", "action_type": "Default" },
                "action_taken": [{ "action": "Restock", "quantity_processed": it.quantity }],
            })
        });
        let id = 5_000_001 + self.returns.len() as u64;
        let returned = json!({
            "id": id, "reference_id": reference, "store_order_id": order.reference,
            "original_shipment_id": shipment["id"], "return_type": "Regular", "status": "Completed",
            "insert_date": at.to_string(), "arrived_date": at.to_string(),
            "processing_date": at.to_string(), "completed_date": at.to_string(),
            "tracking_number": format!("1Z999AA2{id:010}"),
            "shipment_tracking_number": shipment["tracking"]["tracking_number"],
            "fulfillment_center": { "id": 10, "name": "Moreno Valley (CA)" },
            "invoice": { "amount": 3.0, "currency_code": "USD" },
            "status_history": [{ "status": "Completed", "timestamp": at.to_string() }],
            "inventory": inventory.collect::<Value>(),
        });
        for product in &order.products {
            let item = self.item(&product.reference);
            item.on_hand = item.on_hand.saturating_add(product.quantity);
        }
        self.tell("return.completed", &returned, at);
        self.returns.push(returned);
        Ok(json!({ "return": id }))
    }
}
