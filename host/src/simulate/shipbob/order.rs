//! Orders and their shipments: placed, split, cancelled, shipped, delivered, or waiting
//! for stock. An order has one shipment until ShipBob splits it.

mod leaving;

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

/// What ids of shipments begin with.
const SHIPMENT_IDS: u64 = 200_000_000;

/// Products of one order.
const PRODUCTS_MAX: usize = 1_000;

/// Shipments of one order.
const SHIPMENTS_MAX: usize = 100;

/// An order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) reference: String,
    pub(super) products: Vec<Product>,
    pub(super) shipments: Vec<Shipment>,
    /// As it was sent.
    body: Value,
    created: Timestamp,
    pub(super) updated: Timestamp,
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

/// A part of an order that leaves together.
#[derive(Clone, Debug)]
pub(super) struct Shipment {
    pub(super) id: u64,
    /// Pieces of each of the order's products.
    pub(super) pieces: Vec<u64>,
    pub(super) status: Status,
    shipped: Option<Timestamp>,
    delivered: Option<Timestamp>,
    /// Why it can't be fulfilled.
    trouble: Vec<(String, Option<u64>)>,
}

/// How far an order or a shipment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Processing,
    Exception,
    PartiallyFulfilled,
    Fulfilled,
    Cancelled,
}

// === impl Status ===

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Processing => "Processing",
            Self::Exception => "Exception",
            Self::PartiallyFulfilled => "PartiallyFulfilled",
            Self::Fulfilled => "Fulfilled",
            Self::Cancelled => "Cancelled",
        }
    }

    fn is_open(self) -> bool {
        matches!(self, Self::Processing | Self::Exception)
    }
}

// === impl Shipment ===

impl Shipment {
    fn new(id: u64, pieces: Vec<u64>) -> Self {
        Self {
            id,
            pieces,
            status: Status::Processing,
            shipped: None,
            delivered: None,
            trouble: Vec::new(),
        }
    }

    /// Its status, whose words are others than an order's.
    pub(super) fn status_name(&self) -> &'static str {
        match self.status {
            Status::Fulfilled => "Completed",
            other => other.name(),
        }
    }

    pub(super) fn has_left(&self) -> bool {
        self.shipped.is_some()
    }

    fn tracking_number(&self) -> String {
        format!("1Z999AA1{:010}", self.id - SHIPMENT_IDS)
    }

    fn details(&self) -> Value {
        match (self.delivered, self.shipped) {
            _ if !self.trouble.is_empty() => self
                .trouble
                .iter()
                .map(|(name, inventory)| json!({ "id": 200, "name": name, "description": "The order can't be fulfilled for now", "inventory_id": inventory }))
                .collect(),
            (Some(_), _) => json!([{ "id": 304, "name": "Delivered", "description": "Delivered" }]),
            (None, Some(_)) => json!([{ "id": 105, "name": "Labeled", "description": "The label was printed" }]),
            (None, None) => json!([]),
        }
    }

    fn tracking(&self) -> Option<Value> {
        self.shipped.map(|_| {
            let number = self.tracking_number();
            json!({
                "carrier": "UPS", "carrier_service": "UPSGround", "tracking_number": number,
                "tracking_url": format!("https://track.example.com/{number}"),
                "bol": null, "pro_number": null, "scac": "UPSN", "shipping_date": null,
            })
        })
    }
}

// === impl Order ===

impl Order {
    /// How far all of it is.
    pub(super) fn status(&self) -> Status {
        let count = |status: Status| {
            self.shipments
                .iter()
                .filter(|it| it.status == status)
                .count()
        };
        let all = self.shipments.len();
        match (count(Status::Fulfilled), count(Status::Cancelled)) {
            (0, cancelled) if cancelled == all => Status::Cancelled,
            (0, _) if count(Status::Exception) > 0 => Status::Exception,
            (0, _) => Status::Processing,
            (left, cancelled) if left + cancelled == all => Status::Fulfilled,
            _ => Status::PartiallyFulfilled,
        }
    }

    pub(super) fn json(&self, channel: u64) -> Value {
        let products = self.products.iter().map(|it| {
            json!({ "id": it.id, "reference_id": it.reference, "sku": it.reference, "quantity": it.quantity })
        });
        let shipments = self.shipments.iter().map(|it| self.shipment(it));
        json!({
            "id": self.id, "reference_id": self.reference, "order_number": self.body["order_number"],
            "status": self.status().name(), "type": self.body["type"].as_str().unwrap_or("DTC"),
            "created_date": self.created.to_string(), "purchase_date": self.body["purchase_date"],
            "channel": { "id": channel, "name": "Simulated channel" },
            "shipping_method": self.body["shipping_method"], "recipient": self.body["recipient"],
            "tags": self.body["tags"], "gift_message": self.body["gift_message"],
            "products": products.collect::<Value>(), "shipments": shipments.collect::<Value>(),
        })
    }

    /// A shipment as the order shows it.
    pub(super) fn shipment(&self, shipment: &Shipment) -> Value {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let inside = self.products.iter().zip(&shipment.pieces);
        let products = inside.filter(|(_, pieces)| **pieces > 0).map(|(it, pieces)| {
            json!({
                "id": it.id, "reference_id": it.reference, "sku": it.reference, "name": it.name,
                "inventory_items": [{
                    "id": it.inventory_id, "name": it.name, "quantity": pieces, "quantity_committed": pieces,
                    "lot": null, "expiration_date": null, "serial_numbers": null, "is_dangerous_goods": false,
                }],
            })
        });
        json!({
            "id": shipment.id, "order_id": self.id, "reference_id": self.reference,
            "status": shipment.status_name(), "status_details": shipment.details(),
            "created_date": self.created.to_string(), "last_update_at": self.updated.to_string(),
            "last_tracking_update_at": text(shipment.delivered.or(shipment.shipped)),
            "actual_fulfillment_date": text(shipment.shipped), "delivery_date": text(shipment.delivered),
            "estimated_fulfillment_date_status": if shipment.trouble.is_empty() { "PendingOnTime" } else { "AwaitingReset" },
            "location": { "id": 10, "name": "Moreno Valley (CA)" }, "ship_option": self.body["shipping_method"],
            "require_signature": false, "invoice_amount": 0, "invoice_currency_code": "USD",
            "measurements": { "length_in": 12, "width_in": 9, "depth_in": 4, "total_weight_oz": 41 },
            "tracking": shipment.tracking(), "recipient": self.body["recipient"], "products": products.collect::<Value>(),
        })
    }

    fn pieces(&self) -> u64 {
        self.products.iter().map(|it| it.quantity).sum()
    }

    /// The shipments that an act is about: all, or the one that it names, from 1.
    fn chosen(&self, which: Option<u64>) -> Result<Vec<usize>, String> {
        let Some(which) = which else {
            return Ok((0..self.shipments.len()).collect());
        };
        usize::try_from(which)
            .ok()
            .and_then(|it| it.checked_sub(1))
            .filter(|it| *it < self.shipments.len())
            .map(|it| vec![it])
            .ok_or_else(|| format!("order {} has no shipment {which}", self.reference))
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
        let products: Vec<Product> = products.iter().map(|it| self.product(it)).collect();
        let pieces = products.iter().map(|it| it.quantity).collect();
        let order = Order {
            id: 100_000_001 + self.orders.len() as u64,
            shipments: vec![Shipment::new(self.next_shipment(), pieces)],
            products,
            created: at,
            updated: at,
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
            drop(self.ship(self.orders.len() - 1, None, at));
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

    fn next_shipment(&mut self) -> u64 {
        self.shipped += 1;
        SHIPMENT_IDS + 100_000_000 + self.shipped
    }

    pub(super) fn cancel(&mut self, id: &str, at: Timestamp) -> Answer {
        let Some(index) = self.by_id(id) else {
            return not_found();
        };
        let order = &mut self.orders[index];
        if order.status() == Status::Cancelled {
            return invalid(422, &[("", "The order is cancelled already".to_owned())]);
        }
        let mut results = Vec::new();
        for shipment in &mut order.shipments {
            let done = shipment.status.is_open();
            if done {
                shipment.status = Status::Cancelled;
            }
            let reason = (!done).then_some("The shipment has been picked up");
            results.push(json!({ "action": "Cancel", "is_success": done, "shipment_id": shipment.id, "reason": reason }));
        }
        order.updated = at;
        let done = results.iter().filter(|it| it["is_success"] == true).count();
        let (status, note) = match done {
            0 => ("Failure", "too late to cancel".to_owned()),
            all if all == results.len() => ("Success", format!("{} cancelled", order.reference)),
            _ => (
                "PartialSuccess",
                format!("{} cancelled in part", order.reference),
            ),
        };
        let body =
            json!({ "order_id": order.id, "status": status, "canceled_shipment_results": results });
        Answer::json(200, &body).noted(note)
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
