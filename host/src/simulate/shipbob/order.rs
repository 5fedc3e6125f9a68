//! Orders and their one shipment: placed, cancelled, shipped, delivered, or waiting for
//! stock.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{KEPT_MAX, ShipBob, invalid, not_found};
use crate::{
    clock::Timestamp,
    simulate::{
        script::Business,
        wire::{Answer, Request},
    },
};

/// The longest reference, in characters.
const REFERENCE_CHARS_MAX: usize = 300;

/// The most pieces on a line.
const QUANTITY_MAX: u64 = i32::MAX as u64;

/// Products of one order.
const PRODUCTS_MAX: usize = 1_000;

/// An order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) reference: String,
    pub(super) status: Status,
    pub(super) products: Vec<Product>,
    /// As it was sent.
    body: Value,
    created: Timestamp,
    pub(super) updated: Timestamp,
    shipped: Option<Timestamp>,
    delivered: Option<Timestamp>,
    /// Why it can't be fulfilled.
    trouble: Vec<(String, Option<u64>)>,
}

/// What was ordered of one product.
#[derive(Clone, Debug)]
pub(super) struct Product {
    pub(super) id: u64,
    pub(super) inventory_id: u64,
    pub(super) reference: String,
    pub(super) name: String,
    pub(super) quantity: u64,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Processing,
    Exception,
    Fulfilled,
    Cancelled,
}

// === impl Status ===

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Processing => "Processing",
            Self::Exception => "Exception",
            Self::Fulfilled => "Fulfilled",
            Self::Cancelled => "Cancelled",
        }
    }
}

// === impl Order ===

impl Order {
    /// The status of its shipment, whose words are others.
    pub(super) fn shipment_status(&self) -> &'static str {
        match self.status {
            Status::Fulfilled => "Completed",
            other => other.name(),
        }
    }

    fn shipment_id(&self) -> u64 {
        self.id + 200_000_000
    }

    fn tracking_number(&self) -> String {
        format!("1Z999AA1{:010}", self.id)
    }

    pub(super) fn json(&self, channel: u64) -> Value {
        let products = self.products.iter().map(|it| {
            json!({ "id": it.id, "reference_id": it.reference, "sku": it.reference, "quantity": it.quantity })
        });
        json!({
            "id": self.id, "reference_id": self.reference, "order_number": self.body["order_number"],
            "status": self.status.name(), "type": self.body["type"].as_str().unwrap_or("DTC"),
            "created_date": self.created.to_string(), "purchase_date": self.body["purchase_date"],
            "channel": { "id": channel, "name": "Simulated channel" },
            "shipping_method": self.body["shipping_method"], "recipient": self.body["recipient"],
            "tags": self.body["tags"], "gift_message": self.body["gift_message"],
            "products": products.collect::<Value>(), "shipments": [self.shipment()],
        })
    }

    pub(super) fn shipment(&self) -> Value {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let details = match (self.delivered, self.shipped) {
            _ if !self.trouble.is_empty() => self
                .trouble
                .iter()
                .map(|(name, inventory)| json!({ "id": 200, "name": name, "description": "The order can't be fulfilled for now", "inventory_id": inventory }))
                .collect(),
            (Some(_), _) => json!([{ "id": 304, "name": "Delivered", "description": "Delivered" }]),
            (None, Some(_)) => json!([{ "id": 105, "name": "Labeled", "description": "The label was printed" }]),
            (None, None) => json!([]),
        };
        let tracking = self.shipped.map(|_| {
            json!({
                "carrier": "UPS", "carrier_service": "UPSGround", "tracking_number": self.tracking_number(),
                "tracking_url": format!("https://track.example.com/{}", self.tracking_number()),
                "bol": null, "pro_number": null, "scac": "UPSN", "shipping_date": null,
            })
        });
        let products = self.products.iter().map(|it| {
            json!({
                "id": it.id, "reference_id": it.reference, "sku": it.reference, "name": it.name,
                "inventory_items": [{
                    "id": it.inventory_id, "name": it.name, "quantity": it.quantity, "quantity_committed": it.quantity,
                    "lot": null, "expiration_date": null, "serial_numbers": null, "is_dangerous_goods": false,
                }],
            })
        });
        json!({
            "id": self.shipment_id(), "order_id": self.id, "reference_id": self.reference,
            "status": self.shipment_status(), "status_details": details,
            "created_date": self.created.to_string(), "last_update_at": self.updated.to_string(),
            "last_tracking_update_at": text(self.delivered.or(self.shipped)),
            "actual_fulfillment_date": text(self.shipped), "delivery_date": text(self.delivered),
            "estimated_fulfillment_date_status": if self.trouble.is_empty() { "PendingOnTime" } else { "AwaitingReset" },
            "location": { "id": 10, "name": "Moreno Valley (CA)" }, "ship_option": self.body["shipping_method"],
            "require_signature": false, "invoice_amount": 0, "invoice_currency_code": "USD",
            "measurements": { "length_in": 12, "width_in": 9, "depth_in": 4, "total_weight_oz": 41 },
            "tracking": tracking, "recipient": self.body["recipient"], "products": products.collect::<Value>(),
        })
    }

    fn pieces(&self) -> u64 {
        self.products.iter().map(|it| it.quantity).sum()
    }
}

// === impl ShipBob ===

impl ShipBob {
    pub(super) fn create(&mut self, request: &Request, at: Timestamp) -> Answer {
        let channel = request.header("shipbob_channel_id");
        match channel.map(str::parse::<u64>) {
            Some(Ok(channel)) if channel == self.channel => {}
            Some(_) => {
                return invalid(
                    400,
                    &[("shipbob_channel_id", "There is no such channel".to_owned())],
                );
            }
            None => {
                let text = "The shipbob_channel_id header is required".to_owned();
                return invalid(400, &[("shipbob_channel_id", text)]);
            }
        }
        let body = match request.json() {
            Ok(body) if body.is_object() => body,
            Ok(_) => return invalid(400, &[("", "The body is no object".to_owned())]),
            Err(error) => return invalid(400, &[("", error)]),
        };
        let faults = faults(&body);
        if !faults.is_empty() {
            return invalid(400, &faults);
        }
        let reference = body["reference_id"].as_str().unwrap_or_default().to_owned();
        // A reference is taken once, also by an order that was cancelled since.
        if self.orders.iter().any(|it| it.reference == reference) {
            let text = format!("An order with reference id {reference} exists already");
            return invalid(422, &[("ReferenceId", text)]);
        }
        if self.orders.len() == KEPT_MAX {
            return Answer::json(500, &json!({ "message": "The account is full" }));
        }
        let products = body["products"].as_array().cloned().unwrap_or_default();
        let products = products.iter().map(|product| self.product(product));
        let order = Order {
            products: products.collect(),
            id: 100_000_001 + self.orders.len() as u64,
            status: Status::Processing,
            created: at,
            updated: at,
            shipped: None,
            delivered: None,
            trouble: Vec::new(),
            reference,
            body,
        };
        let note = format!(
            "order {} of {}, {} pieces",
            order.id,
            order.reference,
            order.pieces()
        );
        let answer = Answer::json(201, &order.json(self.channel)).noted(note);
        self.orders.push(order);
        if self.business == Business::Prompt {
            // What keeps it from being shipped is told by webhook.
            drop(self.ship(self.orders.len() - 1, at));
        }
        answer
    }

    fn product(&mut self, product: &Value) -> Product {
        let text = |name: &str| product[name].as_str().unwrap_or_default().to_owned();
        let reference = text("reference_id");
        let inventory_id = self.item(&reference).id;
        Product {
            id: inventory_id + 100_000,
            inventory_id,
            name: text("name"),
            quantity: product["quantity"].as_u64().unwrap_or_default(),
            reference,
        }
    }

    pub(super) fn cancel(&mut self, id: &str, at: Timestamp) -> Answer {
        let Some(index) = self.by_id(id) else {
            return not_found();
        };
        let order = &mut self.orders[index];
        let shipment = order.shipment_id();
        let result = |done: bool, reason: Option<&str>| {
            json!({
                "order_id": order.id, "status": if done { "Success" } else { "Failure" },
                "canceled_shipment_results": [{ "action": "Cancel", "is_success": done, "shipment_id": shipment, "reason": reason }],
            })
        };
        match order.status {
            Status::Fulfilled => {
                let body = result(false, Some("The shipment has been picked up"));
                Answer::json(200, &body).noted("too late to cancel")
            }
            Status::Cancelled => invalid(422, &[("", "The order is cancelled already".to_owned())]),
            Status::Processing | Status::Exception => {
                let body = result(true, None);
                order.status = Status::Cancelled;
                order.updated = at;
                let note = format!("{} cancelled", order.reference);
                Answer::json(200, &body).noted(note)
            }
        }
    }

    /// Ships an order whole, or tells what it waits for.
    pub(super) fn ship(&mut self, index: usize, at: Timestamp) -> Result<Value, String> {
        let order = &self.orders[index];
        if !matches!(order.status, Status::Processing | Status::Exception) {
            let text = order.status.name().to_lowercase();
            return Err(format!("order {} is {text}", order.reference));
        }
        let mut wanted = BTreeMap::<&str, u64>::new();
        for product in &order.products {
            // A product may be on several lines.
            *wanted.entry(&product.reference).or_default() += product.quantity;
        }
        let short = wanted
            .into_iter()
            .any(|(sku, pieces)| self.on_hand(sku) < pieces);
        if short {
            return self.except(index, "OutOfStock", at);
        }
        for product in self.orders[index].products.clone() {
            self.item(&product.reference).on_hand -= product.quantity;
        }
        let order = &mut self.orders[index];
        order.status = Status::Fulfilled;
        order.trouble.clear();
        (order.shipped, order.updated) = (Some(at), at);
        let shipment = order.shipment();
        self.tell("order.shipped", &shipment, at);
        Ok(
            json!({ "shipment": shipment["id"], "tracking": shipment["tracking"]["tracking_number"] }),
        )
    }

    pub(super) fn deliver(&mut self, index: usize, at: Timestamp) -> Result<Value, String> {
        let order = &mut self.orders[index];
        if order.shipped.is_none() {
            return Err(format!("order {} has not left", order.reference));
        }
        (order.delivered, order.updated) = (Some(at), at);
        let shipment = order.shipment();
        self.tell("order.shipment.delivered", &shipment, at);
        Ok(json!({ "shipment": shipment["id"] }))
    }

    pub(super) fn except(
        &mut self,
        index: usize,
        reason: &str,
        at: Timestamp,
    ) -> Result<Value, String> {
        let order = &mut self.orders[index];
        if !matches!(order.status, Status::Processing | Status::Exception) {
            let text = order.status.name().to_lowercase();
            return Err(format!("order {} is {text}", order.reference));
        }
        order.status = Status::Exception;
        order.updated = at;
        let items = order.products.iter();
        order.trouble = items
            .map(|it| (reason.to_owned(), Some(it.inventory_id)))
            .collect();
        let shipment = order.shipment();
        self.tell("order.shipment.exception", &shipment, at);
        Ok(json!({ "shipment": shipment["id"], "reason": reason }))
    }
}

/// What is missing of an order, or wrong.
fn faults(body: &Value) -> Vec<(&'static str, String)> {
    let mut faults = Vec::new();
    let mut need = |holder: &Value, name: &str, field: &'static str| {
        if holder[name].as_str().is_none_or(|it| it.trim().is_empty()) {
            faults.push((field, format!("The {field} field is required")));
        }
    };
    need(body, "reference_id", "ReferenceId");
    need(body, "shipping_method", "ShippingMethod");
    let recipient = &body["recipient"];
    need(recipient, "name", "Recipient.Name");
    for (name, field) in [
        ("address1", "Recipient.Address.Address1"),
        ("city", "Recipient.Address.City"),
        ("country", "Recipient.Address.Country"),
    ] {
        need(&recipient["address"], name, field);
    }
    let products = body["products"].as_array().map_or(&[][..], Vec::as_slice);
    for product in products {
        need(product, "reference_id", "Products.ReferenceId");
        need(product, "name", "Products.Name");
    }
    if products.is_empty() || products.len() > PRODUCTS_MAX {
        let text = format!("An order has 1 to {PRODUCTS_MAX} products");
        faults.push(("Products", text));
    }
    let whole = |it: &Value| {
        it["quantity"]
            .as_u64()
            .is_some_and(|it| (1..=QUANTITY_MAX).contains(&it))
    };
    if !products.iter().all(whole) {
        let text = format!("The quantity must be a whole number from 1 to {QUANTITY_MAX}");
        faults.push(("Products.Quantity", text));
    }
    let reference = body["reference_id"].as_str().unwrap_or_default();
    if reference.chars().count() > REFERENCE_CHARS_MAX {
        let text = format!("At most {REFERENCE_CHARS_MAX} characters");
        faults.push(("ReferenceId", text));
    }
    let kind = &body["type"];
    if !(kind.is_null() || matches!(kind.as_str(), Some("DTC" | "DropShip" | "B2B"))) {
        faults.push(("Type", "Expected DTC, DropShip or B2B".to_owned()));
    }
    faults
}
