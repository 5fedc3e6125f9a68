//! ShipBob, a 3PL with a REST API and webhooks: orders, their cancellation, stock and
//! returns, 150 calls a minute, and signed news of what became of an order.
//!
//! What is known of it: the pages below <https://developer.shipbob.com> on errors, rate
//! limits, webhooks, tracking and building an orders integration, and the API reference
//! of version 2026-01. Not written anywhere there, so taken from what public code reads:
//! that a shipment's webhook holds the shipment as the order has it, and the texts of
//! refusals beside 429.

mod order;
mod pages;
mod returned;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde_json::{Map, Value, json};

use self::{
    order::{Order, Status},
    returned::Return,
};
use super::{
    partner::{Outgoing, Partner, act_of, text_of},
    script::{Business, Refusal},
    wire::{Answer, Request},
};
use crate::clock::Timestamp;

/// Calls in a window ("Rate limit").
const CALLS_MAX: usize = 150;

/// The window, which slides.
const WINDOW: Duration = Duration::from_secs(60);

/// Versions of the API that there are.
const VERSIONS: [&str; 5] = ["1.0", "2.0", "2025-07", "2026-01", "2026-07"];

/// Orders, returns and products that are kept, of each.
const KEPT_MAX: usize = 10_000;

const ACTS: &[(&str, &str)] = &[
    (
        r#"{"act":"split","order":"SO-1","pieces":4}"#,
        "divides what has not left into two shipments, the first of so many pieces",
    ),
    (
        r#"{"act":"ship","order":"SO-1"}"#,
        "ships an order, or finds that it is out of stock; with \"shipment\":1 only that one",
    ),
    (
        r#"{"act":"deliver","order":"SO-1"}"#,
        "the carrier has delivered it; with \"shipment\":1 only that one",
    ),
    (
        r#"{"act":"except","order":"SO-1","reason":"OutOfStock"}"#,
        "the order can't be fulfilled for now",
    ),
    (
        r#"{"act":"return","order":"SO-1","reference":"RMA-1"}"#,
        "the customer has sent it back, and it is on the shelf again",
    ),
    (
        r#"{"act":"return","order":"SO-1","reference":"RMA-1","items":[{"sku":"MUG","restock":2,"dispose":1}]}"#,
        "the customer has sent these pieces back, and not all of them can be sold again",
    ),
    (
        r#"{"act":"stock","sku":"MUG","pieces":100}"#,
        "receives stock",
    ),
];

/// A merchant's account.
#[derive(Debug)]
pub struct ShipBob {
    token: String,
    channel: u64,
    business: Business,
    stock: BTreeMap<String, Item>,
    orders: Vec<Order>,
    /// How many shipments there were.
    shipped: u64,
    returns: Vec<Return>,
    /// When the calls of the last minute were.
    calls: VecDeque<Timestamp>,
    webhooks: u64,
    outbox: Vec<Outgoing>,
}

/// What lies on the shelves of a product.
#[derive(Clone, Copy, Debug)]
struct Item {
    id: u64,
    on_hand: u64,
}

// === impl ShipBob ===

impl ShipBob {
    /// An account that opens to those who present `token`, with one channel and this
    /// stock.
    #[must_use]
    pub fn new(token: &str, channel: u64, stock: &[(&str, u64)]) -> Self {
        let mut shipbob = Self {
            token: token.to_owned(),
            channel,
            business: Business::Prompt,
            stock: BTreeMap::new(),
            orders: Vec::new(),
            shipped: 0,
            returns: Vec::new(),
            calls: VecDeque::new(),
            webhooks: 0,
            outbox: Vec::new(),
        };
        for (sku, pieces) in stock {
            shipbob.item(sku).on_hand = *pieces;
        }
        shipbob
    }

    /// How many orders there are under a reference that are not cancelled.
    #[must_use]
    pub fn orders_of(&self, reference: &str) -> usize {
        let mine = self.orders.iter().filter(|it| it.reference == reference);
        mine.filter(|it| it.status() != Status::Cancelled).count()
    }

    /// References of the returns that it was told to expect and that have not come.
    #[must_use]
    pub fn expected_returns(&self) -> Vec<&str> {
        let open = self.returns.iter().filter(|it| !it.is_completed());
        open.map(Return::reference).collect()
    }

    /// What lies on the shelf.
    #[must_use]
    pub fn on_hand(&self, sku: &str) -> u64 {
        self.stock.get(sku).map_or(0, |item| item.on_hand)
    }

    /// A product; one that is new is made, as ShipBob does for a reference that it does
    /// not know.
    fn item(&mut self, sku: &str) -> &mut Item {
        let id = 800_001 + self.stock.len() as u64;
        self.stock
            .entry(sku.to_owned())
            .or_insert(Item { id, on_hand: 0 })
    }

    fn order(&mut self, reference: &str) -> Result<usize, String> {
        let found = self.orders.iter().position(|it| it.reference == reference);
        found.ok_or_else(|| format!("there is no order {reference}"))
    }

    /// Whether a call may be made now, and how many are left after it; else the seconds
    /// until one may.
    fn call(&mut self, at: Timestamp) -> Result<usize, u64> {
        while let Some(first) = self.calls.front()
            && at.since(*first) >= WINDOW
        {
            self.calls.pop_front();
        }
        if let Some(first) = self.calls.front()
            && self.calls.len() >= CALLS_MAX
        {
            let wait = WINDOW.saturating_sub(at.since(*first));
            return Err(wait.as_secs().max(1));
        }
        self.calls.push_back(at);
        Ok(CALLS_MAX - self.calls.len())
    }

    fn route(&mut self, request: &Request, at: Timestamp) -> Answer {
        let segments = request.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let [version, path @ ..] = parts.as_slice() else {
            return not_found();
        };
        if !VERSIONS.contains(version) {
            return not_found();
        }
        match (request.method.as_str(), path) {
            ("POST", ["order"]) => self.create(request, at),
            ("GET", ["order"]) => self.list(request),
            ("GET", ["order", id]) => match self.by_id(id) {
                Some(order) => Answer::json(200, &self.orders[order].json(self.channel)),
                None => not_found(),
            },
            // Dated versions have the verb behind a colon, the older ones as a part.
            ("POST", ["order", id]) if version.len() > 3 => match id.strip_suffix(":cancel") {
                Some(id) => self.cancel(id, at),
                None => not_found(),
            },
            ("POST", ["order", id, "cancel"]) if version.len() == 3 => self.cancel(id, at),
            ("GET", ["inventory-level"]) => self.stock_page(request, false),
            ("GET", ["inventory-level", "locations"]) => self.stock_page(request, true),
            ("GET", ["return"]) => self.return_page(request),
            ("POST", ["return"]) => self.expect(request, at),
            ("POST", ["return", id]) if version.len() > 3 => match id.strip_suffix(":cancel") {
                Some(id) => self.expect_no_more(id),
                None => not_found(),
            },
            (_, ["order" | "inventory-level" | "return", ..]) => Answer::empty(405),
            _ => not_found(),
        }
    }

    fn by_id(&self, id: &str) -> Option<usize> {
        let id: u64 = id.parse().ok()?;
        self.orders.iter().position(|it| it.id == id)
    }

    /// Tells whoever has subscribed.
    fn tell(&mut self, topic: &str, body: &Value, at: Timestamp) {
        self.webhooks += 1;
        self.outbox.push(Outgoing {
            kind: topic.to_owned(),
            // Unique across the runs of this program as well.
            key: format!("msg_{:x}{:04}", at.as_millis(), self.webhooks),
            correlation_id: None,
            content_type: "application/json",
            headers: vec![("x-webhook-topic", topic.to_owned())],
            body: body.to_string().into(),
        });
    }
}

impl Partner for ShipBob {
    fn name(&self) -> &'static str {
        "shipbob"
    }

    fn answer(&mut self, request: &Request, at: Timestamp) -> Answer {
        if !request.bears(&self.token) {
            return Answer::json(401, &json!({ "message": "Unauthorized" })).noted("a wrong token");
        }
        match self.call(at) {
            Ok(remaining) => self
                .route(request, at)
                .with_header("x-remaining-calls", remaining),
            Err(seconds) => too_many(seconds),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        match refusal {
            Refusal::Rejected(reason) => Answer::json(400, &json!({ "": [reason] })),
            Refusal::Unavailable { retry_after } => {
                let answer = Answer::json(503, &json!({ "message": "Service unavailable" }));
                match retry_after {
                    Some(seconds) => answer.with_header("x-retry-after", seconds),
                    None => answer,
                }
            }
            Refusal::RateLimited { retry_after } => too_many(u64::from(*retry_after)),
            Refusal::Failed => Answer::json(500, &json!({ "message": "Internal server error" })),
        }
    }

    fn acts(&self) -> &'static [(&'static str, &'static str)] {
        ACTS
    }

    fn act(&mut self, act: &Value, at: Timestamp) -> Result<Value, String> {
        match act_of(act)? {
            "split" => {
                let order = self.order(text_of(act, "order")?)?;
                let pieces = act["pieces"].as_u64().ok_or("`pieces` is missing")?;
                self.split(order, pieces, at)
            }
            "ship" => {
                let order = self.order(text_of(act, "order")?)?;
                self.ship(order, act["shipment"].as_u64(), at)
            }
            "deliver" => {
                let order = self.order(text_of(act, "order")?)?;
                self.deliver(order, act["shipment"].as_u64(), at)
            }
            "except" => {
                let order = self.order(text_of(act, "order")?)?;
                let reason = act["reason"].as_str().unwrap_or("OutOfStock").to_owned();
                self.except(order, &reason, at)
            }
            "return" => {
                let order = self.order(text_of(act, "order")?)?;
                self.take_back(order, act, at)
            }
            "stock" => {
                let pieces = act["pieces"].as_u64().ok_or("`pieces` is missing")?;
                let item = self.item(text_of(act, "sku")?);
                item.on_hand = item.on_hand.saturating_add(pieces);
                Ok(json!({ "on_hand": item.on_hand }))
            }
            other => Err(format!("ShipBob does not {other:?}; see GET /__acts")),
        }
    }

    fn effects(&self) -> Value {
        let mut orders = Map::new();
        for order in &self.orders {
            let shipments = order.shipments.iter().map(|it| {
                json!({ "id": it.id, "status": it.status_name(), "pieces": it.pieces.iter().sum::<u64>() })
            });
            orders.insert(
                order.reference.clone(),
                json!({
                    "id": order.id, "status": order.status().name(), "shipments": shipments.collect::<Value>(),
                    "pieces": order.products.iter().map(|it| it.quantity).sum::<u64>(),
                }),
            );
        }
        let stock: BTreeMap<_, _> = self
            .stock
            .iter()
            .map(|(sku, item)| (sku, item.on_hand))
            .collect();
        json!({ "orders": orders, "stock": stock, "returns": self.returns.len() })
    }

    fn outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outbox)
    }

    fn do_business(&mut self, business: Business) {
        self.business = business;
    }
}

/// As the page on rate limits shows it.
fn too_many(seconds: u64) -> Answer {
    let text = format!("Rate limit is exceeded. Try again in {seconds} seconds.");
    Answer::json(429, &json!({ "statusCode": 429, "message": text }))
        .with_header("x-retry-after", seconds)
        .with_header("x-remaining-calls", 0)
        .noted("too many calls")
}

fn not_found() -> Answer {
    Answer::json(404, &json!({ "message": "Not found" }))
}

/// What is wrong with the fields of a request.
fn invalid(status: u16, faults: &[(&str, String)]) -> Answer {
    let mut body = Map::new();
    for (field, fault) in faults {
        let list = body.entry((*field).to_owned()).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(fault.clone().into());
        }
    }
    let words: Vec<_> = faults.iter().map(|(_, fault)| fault.as_str()).collect();
    Answer::json(status, &Value::Object(body)).noted(words.join("; "))
}
