//! Returns: what is expected to come back, and what became of what came.

use serde_json::{Value, json};

use super::{KEPT_MAX, ShipBob, invalid, not_found, order::Order};
use crate::{
    clock::Timestamp,
    simulate::wire::{Answer, Request},
};

/// The longest reference, in characters.
const REFERENCE_CHARS_MAX: usize = 50;

/// A return.
#[derive(Clone, Debug)]
pub(super) struct Return {
    id: u64,
    reference: String,
    /// What is to come: inventory id and pieces.
    expected: Vec<(u64, u64)>,
    /// What was told of it when it was dealt with.
    completed: Option<Value>,
    is_cancelled: bool,
}

/// What was done with the pieces of one product.
struct Taken {
    product: usize,
    restocked: u64,
    disposed: u64,
}

// === impl Return ===

impl Return {
    pub(super) fn reference(&self) -> &str {
        &self.reference
    }

    pub(super) fn is_completed(&self) -> bool {
        self.completed.is_some() || self.is_cancelled
    }

    pub(super) fn json(&self) -> Value {
        if let Some(completed) = &self.completed {
            return completed.clone();
        }
        let inventory = self.expected.iter().map(|(id, pieces)| {
            json!({ "id": id, "quantity": pieces, "action_requested": { "action": "Default", "action_type": "Default" }, "action_taken": [] })
        });
        json!({
            "id": self.id, "reference_id": self.reference, "return_type": "Regular",
            "status": if self.is_cancelled { "Cancelled" } else { "AwaitingArrival" },
            "fulfillment_center": { "id": 10, "name": "Moreno Valley (CA)" },
            "inventory": inventory.collect::<Value>(),
        })
    }
}

// === impl ShipBob ===

impl ShipBob {
    /// `POST /return`: it is to come.
    pub(super) fn expect(&mut self, request: &Request, _: Timestamp) -> Answer {
        let body = match request.json() {
            Ok(body) if body.is_object() => body,
            Ok(_) => return invalid(400, &[("", "The body is no object".to_owned())]),
            Err(error) => return invalid(400, &[("", error)]),
        };
        let reference = body["reference_id"].as_str().unwrap_or_default();
        let expected = match self.expected(&body, reference) {
            Ok(expected) => expected,
            Err((field, fault)) => return invalid(400, &[(field, fault)]),
        };
        if self.returns.iter().any(|it| it.reference == reference) {
            let text = format!("A return with reference id {reference} exists already");
            return invalid(422, &[("ReferenceId", text)]);
        }
        if self.returns.len() == KEPT_MAX {
            return Answer::json(500, &json!({ "message": "The account is full" }));
        }
        let new = Return {
            id: self.next_return(),
            reference: reference.to_owned(),
            expected,
            completed: None,
            is_cancelled: false,
        };
        let answer = Answer::json(201, &new.json());
        let note = format!("return {} of {reference}", new.id);
        self.returns.push(new);
        answer.noted(note)
    }

    fn expected(
        &self,
        body: &Value,
        reference: &str,
    ) -> Result<Vec<(u64, u64)>, (&'static str, String)> {
        if reference.is_empty() || reference.chars().count() > REFERENCE_CHARS_MAX {
            return Err((
                "ReferenceId",
                format!("1 to {REFERENCE_CHARS_MAX} characters"),
            ));
        }
        if body["fulfillment_center"]["id"].as_u64() != Some(10) {
            return Err((
                "FulfillmentCenter",
                "There is no such fulfillment center".to_owned(),
            ));
        }
        let items = body["inventory"].as_array().map_or(&[][..], Vec::as_slice);
        let mut expected: Vec<(u64, u64)> = Vec::new();
        for item in items {
            let id = item["id"].as_u64();
            let id = id.filter(|id| self.stock.values().any(|it| it.id == *id));
            let id = id.ok_or(("Inventory.Id", "There is no such inventory".to_owned()))?;
            let pieces = item["quantity"].as_u64().filter(|it| *it > 0);
            let pieces = pieces.ok_or(("Inventory.Quantity", "A number above 0".to_owned()))?;
            if expected.iter().any(|(known, _)| *known == id) {
                return Err(("Inventory.Id", format!("{id} is there twice")));
            }
            expected.push((id, pieces));
        }
        if expected.is_empty() {
            return Err(("Inventory", "The Inventory field is required".to_owned()));
        }
        Ok(expected)
    }

    /// `POST /return/ID:cancel`: it will not come.
    pub(super) fn expect_no_more(&mut self, id: &str) -> Answer {
        let found = self.returns.iter_mut().find(|it| it.id.to_string() == id);
        let Some(known) = found else {
            return not_found();
        };
        if known.is_completed() {
            let text = "Only a return that is awaited can be cancelled".to_owned();
            return invalid(422, &[("", text)]);
        }
        known.is_cancelled = true;
        let note = format!("return of {} cancelled", known.reference);
        Answer::json(200, &known.json()).noted(note)
    }

    fn next_return(&self) -> u64 {
        5_000_001 + self.returns.len() as u64
    }

    /// Takes an order back, or the pieces of it that the act names, and tells that it is
    /// dealt with.
    pub(super) fn take_back(
        &mut self,
        index: usize,
        act: &Value,
        at: Timestamp,
    ) -> Result<Value, String> {
        let order = self.orders[index].clone();
        let left = order.shipments.iter().find(|it| it.has_left());
        let left = left.ok_or_else(|| format!("order {} has not left", order.reference))?;
        let shipment = order.shipment(left);
        let taken = taken(&order, act)?;
        let reference = act["reference"].as_str();
        let awaited = reference.and_then(|reference| {
            let mut returns = self.returns.iter();
            returns.position(|it| it.reference == reference && !it.is_completed())
        });
        if awaited.is_none() && self.returns.len() == KEPT_MAX {
            return Err("the account is full".to_owned());
        }
        let id = awaited.map_or_else(|| self.next_return(), |index| self.returns[index].id);
        let inventory = taken.iter().map(|it| it.json(&order));
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
        for it in &taken {
            let item = self.item(&order.products[it.product].reference);
            item.on_hand = item.on_hand.saturating_add(it.restocked);
        }
        self.tell("return.completed", &returned, at);
        match awaited {
            Some(index) => self.returns[index].completed = Some(returned),
            None => self.returns.push(Return {
                id,
                reference: reference.unwrap_or_default().to_owned(),
                expected: Vec::new(),
                completed: Some(returned),
                is_cancelled: false,
            }),
        }
        Ok(json!({ "return": id }))
    }
}

/// What came back: what the act names, else all of the order, as good as new.
fn taken(order: &Order, act: &Value) -> Result<Vec<Taken>, String> {
    let Some(items) = act["items"].as_array() else {
        let products = order.products.iter().enumerate();
        let all = products.map(|(product, it)| Taken {
            product,
            restocked: it.quantity,
            disposed: 0,
        });
        return Ok(all.collect());
    };
    let read = items.iter().map(|item| {
        let sku = item["sku"].as_str().unwrap_or_default();
        let product = order.products.iter().position(|it| it.reference == sku);
        let product = product.ok_or_else(|| format!("order {} has no {sku}", order.reference))?;
        let pieces = |name: &str| item[name].as_u64().unwrap_or(0);
        let (restocked, disposed) = (pieces("restock"), pieces("dispose"));
        let sum = restocked.saturating_add(disposed);
        if sum == 0 || sum > order.products[product].quantity {
            let most = order.products[product].quantity;
            return Err(format!(
                "`restock` and `dispose` of {sku} are 1 to {most} together"
            ));
        }
        Ok(Taken {
            product,
            restocked,
            disposed,
        })
    });
    read.collect()
}

// === impl Taken ===

impl Taken {
    fn json(&self, order: &Order) -> Value {
        let product = &order.products[self.product];
        let actions = [("Restock", self.restocked), ("Dispose", self.disposed)];
        let actions = actions.into_iter().filter(|(_, pieces)| *pieces > 0);
        let actions = actions
            .map(|(action, pieces)| json!({ "action": action, "quantity_processed": pieces }));
        json!({
            "id": product.inventory_id, "name": product.name, "sku": product.reference,
            "quantity": self.restocked + self.disposed, "barcodes": [],
            "action_requested": { "action": "Restock", "action_type": "Default" },
            "action_taken": actions.collect::<Value>(),
        })
    }
}
