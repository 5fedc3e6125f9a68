//! SAP S/4HANA: sales orders over OData version 2, with tokens, sessions and repeatable
//! requests; IDocs as XML both ways.
//!
//! What is known of it: API_SALES_ORDER_SRV as the SAP Business Accelerator Hub describes
//! it; SAP Gateway's pages on the CSRF token (`X-CSRF-Token: Fetch`, 403 and `Required`)
//! and on idempotent services (`RequestID`, `RepeatabilityCreation`,
//! `RepeatabilityResult`); SAP's published IDocs; that `/sap/bc/idoc_xml` answers 200 with
//! a page titled "IDoc-XML-inbound ok". From memory: the numbers of messages, and how that
//! page looks when something is wrong.
//!
//! Deliveries have numbers of an external range where the customer's reference is one
//! (at most ten digits), as user exits have it; else the system's own.

mod entity;
mod filter;
mod inbound;
mod odata;
mod outbound;
mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use crossdock_sdk::Decimal;
use serde_json::{Map, Value, json};

use self::{entity::SalesOrder, inbound::Received, session::Sessions};
use super::{
    partner::{Outgoing, Partner, act_of, text_of},
    script::{Business, Refusal},
    wire::{Answer, Request, same},
};
use crate::clock::Timestamp;

/// Orders, deliveries, IDocs and repeatable requests that are kept, of each.
const KEPT_MAX: usize = 10_000;

const ODATA: &str = "/sap/opu/odata/sap/API_SALES_ORDER_SRV";
const IDOC: &str = "/sap/bc/idoc_xml";

const ACTS: &[(&str, &str)] = &[
    (
        r#"{"act":"release","reference":"70000101"}"#,
        "sends the delivery of an order as DELVRY07, message type SHPORD",
    ),
    (
        r#"{"act":"release","reference":"70000101","as":"ORDERS05"}"#,
        "sends the order itself as ORDERS05",
    ),
    (
        r#"{"act":"report-statuses"}"#,
        "sends an ALEAUD that tells what became of all IDocs since the last one",
    ),
    (
        r#"{"act":"lose-sessions","requests":1}"#,
        "loses the sessions of the next changing requests, as behind a load balancer",
    ),
];

/// Who it is, and what it knows.
#[derive(Clone, Debug)]
pub struct System {
    /// `100`.
    pub client: String,
    /// Its logical system: `S4HCLNT100`.
    pub logical_system: String,
    /// The partner of its profiles.
    pub partner: String,
    /// The user that may call it.
    pub user: String,
    /// Customers by number, with their names.
    pub customers: BTreeMap<String, String>,
    /// Numbers of materials.
    pub materials: BTreeSet<String>,
}

/// A system, running.
#[derive(Debug)]
pub struct Sap {
    system: System,
    authorization: String,
    business: Business,
    sessions: Sessions,
    orders: Vec<SalesOrder>,
    deliveries: Vec<Delivery>,
    /// What was answered to which `RequestID`.
    repeatable: BTreeMap<String, Answer>,
    received: Vec<Received>,
    /// DOCNUM of the last IDoc of its own.
    number: u64,
    changes: u64,
    outbox: Vec<Outgoing>,
}

/// An outbound delivery.
#[derive(Clone, Debug)]
struct Delivery {
    /// VBELN, without the noughts in front.
    number: String,
    /// Which order.
    order: usize,
    lines: Vec<DeliveryLine>,
    /// How much was issued, once it was.
    issued: Option<Decimal>,
}

#[derive(Clone, Debug)]
struct DeliveryLine {
    item: String,
    material: String,
    quantity: Decimal,
}

// === impl System ===

impl System {
    /// Client 100 of a system that exchanges IDocs with the logical system `CROSSDOCK`.
    #[must_use]
    pub fn new(user: &str, customers: &[(&str, &str)], materials: &[&str]) -> Self {
        Self {
            client: "100".to_owned(),
            logical_system: "S4HCLNT100".to_owned(),
            partner: "CROSSDOCK".to_owned(),
            user: user.to_owned(),
            customers: customers
                .iter()
                .map(|(number, name)| ((*number).to_owned(), (*name).to_owned()))
                .collect(),
            materials: materials.iter().map(|it| (*it).to_owned()).collect(),
        }
    }
}

// === impl Sap ===

impl Sap {
    /// A system whose user has this password.
    #[must_use]
    pub fn new(system: System, password: &str) -> Self {
        let pair = BASE64_STANDARD.encode(format!("{}:{password}", system.user));
        Self {
            authorization: format!("Basic {pair}"),
            sessions: Sessions::new(password, &system.client),
            business: Business::Prompt,
            orders: Vec::new(),
            deliveries: Vec::new(),
            repeatable: BTreeMap::new(),
            received: Vec::new(),
            number: 5_000,
            changes: 0,
            outbox: Vec::new(),
            system,
        }
    }

    /// Sales orders with this reference of the customer's.
    #[must_use]
    pub fn orders_of(&self, reference: &str) -> usize {
        let orders = self.orders.iter();
        orders.filter(|it| it.reference() == reference).count()
    }

    /// How much of a delivery was issued; none before its goods issue, or when there is
    /// no such delivery.
    #[must_use]
    pub fn issued(&self, delivery: &str) -> Option<Decimal> {
        let found = self.deliveries.iter().find(|it| it.number == delivery);
        found.and_then(|it| it.issued)
    }

    /// What became of the IDocs that came: our DOCNUM, the message type, its status.
    #[must_use]
    pub fn idocs(&self) -> Vec<(String, String, &'static str)> {
        let received = self.received.iter();
        received
            .map(|it| (it.number.clone(), it.message_type.clone(), it.status))
            .collect()
    }

    fn route(&mut self, request: &Request, at: Timestamp) -> Answer {
        let presented = request.header("authorization").unwrap_or_default();
        if !same(presented, &self.authorization) || !self.is_client(request) {
            let realm = format!(
                "Basic realm=\"SAP NetWeaver Application Server [S4H/{}]\"",
                self.system.client
            );
            return Answer::of(401, "text/html; charset=utf-8", "<html><head><title>Anmeldung fehlgeschlagen</title></head><body><h1>Logon failed</h1></body></html>")
                .with_header("www-authenticate", realm)
                .noted("not logged on");
        }
        match request.path.strip_prefix(ODATA) {
            Some(rest) => odata::answer(self, rest, request, at),
            None if request.path == IDOC => inbound::answer(self, request, at),
            None => Answer::of(
                404,
                "text/html; charset=utf-8",
                "<html><head><title>Service cannot be reached</title></head><body><h1>404 Not found</h1></body></html>",
            ),
        }
    }

    /// The client is this one, or left to the service's default.
    fn is_client(&self, request: &Request) -> bool {
        let named = request
            .parameter("sap-client")
            .or_else(|| request.header("sap-client").map(str::to_owned));
        named.is_none_or(|named| named == self.system.client)
    }

    /// Makes the delivery of an order: once.
    fn deliver(&mut self, order: usize) -> Result<usize, String> {
        if let Some(known) = self.deliveries.iter().position(|it| it.order == order) {
            return Ok(known);
        }
        let reference = self.orders[order].reference();
        let external = (1..=10).contains(&reference.len())
            && reference.bytes().all(|it| it.is_ascii_digit())
            && !reference.starts_with('0');
        let number = match external {
            true => reference.to_owned(),
            false => format!("{}", 80_000_001 + self.deliveries.len()),
        };
        if self.deliveries.iter().any(|it| it.number == number) {
            return Err(format!("delivery {number} exists already"));
        }
        let lines = self.orders[order].delivery_lines();
        if lines.is_empty() {
            return Err("all items of the order are rejected".to_owned());
        }
        self.deliveries.push(Delivery {
            number,
            order,
            lines,
            issued: None,
        });
        Ok(self.deliveries.len() - 1)
    }

    fn release(&mut self, order: usize, as_order: bool, at: Timestamp) -> Result<Value, String> {
        let (kind, number, body) = if as_order {
            let body = outbound::order(self, order, at);
            ("ORDERS", self.orders[order].number.clone(), body)
        } else {
            let delivery = self.deliver(order)?;
            let body = outbound::delivery(self, delivery, at);
            ("SHPORD", self.deliveries[delivery].number.clone(), body)
        };
        let body = body.map_err(|error| error.to_string())?;
        self.send(kind, body);
        Ok(json!({ "message_type": kind, "document": number, "docnum": self.number }))
    }

    /// A message with the IDoc that was numbered last.
    fn send(&mut self, kind: &str, body: Vec<u8>) {
        self.outbox.push(Outgoing {
            kind: kind.to_owned(),
            key: format!("docnum-{}", self.number),
            correlation_id: None,
            content_type: "text/xml; charset=utf-8",
            headers: Vec::new(),
            body: body.into(),
        });
    }

    fn order_of(&self, reference: &str) -> Result<usize, String> {
        let found = self
            .orders
            .iter()
            .position(|it| it.reference() == reference);
        found.ok_or_else(|| format!("there is no order with the reference {reference}"))
    }
}

impl Partner for Sap {
    fn name(&self) -> &'static str {
        "sap"
    }

    fn answer(&mut self, request: &Request, at: Timestamp) -> Answer {
        self.route(request, at)
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        let page = |status, title: &str| {
            let body = format!(
                "<html><head><title>{title}</title></head><body><h1>{status} {title}</h1></body></html>"
            );
            Answer::of(status, "text/html; charset=utf-8", body)
        };
        let (answer, retry_after) = match refusal {
            Refusal::Rejected(reason) => (odata::fault(400, "SLS_LORD/013", reason, ""), None),
            Refusal::Unavailable { retry_after } => {
                (page(503, "Service Unavailable"), *retry_after)
            }
            Refusal::RateLimited { retry_after } => {
                (page(429, "Too Many Requests"), Some(*retry_after))
            }
            Refusal::Failed => (page(500, "Internal Server Error"), None),
        };
        match retry_after {
            Some(seconds) => answer.with_header("retry-after", seconds),
            None => answer,
        }
    }

    fn acts(&self) -> &'static [(&'static str, &'static str)] {
        ACTS
    }

    fn act(&mut self, act: &Value, at: Timestamp) -> Result<Value, String> {
        match act_of(act)? {
            "release" => {
                let order = self.order_of(text_of(act, "reference")?)?;
                match act["as"].as_str() {
                    None | Some("DELVRY07") => self.release(order, false, at),
                    Some("ORDERS05") => self.release(order, true, at),
                    Some(other) => Err(format!("`as` is DELVRY07 or ORDERS05, not {other}")),
                }
            }
            "report-statuses" => {
                let count = self.received.iter().filter(|it| !it.reported).count();
                if count > 0 {
                    let body = outbound::audit(self, at).map_err(|error| error.to_string())?;
                    self.received.iter_mut().for_each(|it| it.reported = true);
                    self.send("ALEAUD", body);
                }
                Ok(json!({ "idocs": count }))
            }
            "lose-sessions" => {
                let requests = act["requests"].as_u64().unwrap_or(1);
                self.sessions.lose(requests);
                Ok(json!({ "requests": requests }))
            }
            other => Err(format!("SAP does not {other:?}; see GET /__acts")),
        }
    }

    fn effects(&self) -> Value {
        let mut orders = Map::new();
        for (index, order) in self.orders.iter().enumerate() {
            let delivery = self.deliveries.iter().find(|it| it.order == index);
            let told = json!({
                "sales_order": order.number, "items": order.items.len(),
                "delivery": delivery.map(|it| &it.number),
                "issued": delivery.and_then(|it| it.issued).map(|it| it.to_string()),
            });
            let list = orders
                .entry(order.reference().to_owned())
                .or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(told);
            }
        }
        let idocs = self.received.iter().map(|it| {
            json!({
                "docnum": it.docnum, "sender_docnum": it.number, "message_type": it.message_type,
                "status": it.status, "text": it.text,
            })
        });
        json!({ "orders": orders, "idocs": idocs.collect::<Value>() })
    }

    fn outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outbox)
    }

    fn do_business(&mut self, business: Business) {
        self.business = business;
    }
}
