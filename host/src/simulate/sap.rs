//! SAP S/4HANA: sales orders over OData version 2, with tokens, sessions and repeatable
//! requests; outbound deliveries over OData; IDocs as XML both ways.
//!
//! What is known of it: API_SALES_ORDER_SRV and API_OUTBOUND_DELIVERY_SRV as the SAP
//! Business Accelerator Hub describes them; SAP Gateway's pages on the CSRF token (`X-CSRF-Token: Fetch`, 403 and `Required`)
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
mod release;
mod session;
mod shipping;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use crossdock_sdk::Decimal;
use serde_json::{Map, Value, json};

use self::{entity::SalesOrder, inbound::Received, release::Form, session::Sessions};
use super::{
    partner::{Outgoing, Partner, act_of, text_of},
    script::{Business, Refusal},
    wire::{Answer, Request, same},
};
use crate::clock::Timestamp;

/// Orders, deliveries, IDocs and repeatable requests that are kept, of each.
const KEPT_MAX: usize = 10_000;

const ODATA: &str = "/sap/opu/odata/sap/API_SALES_ORDER_SRV";
const SHIPPING: &str = "/sap/opu/odata/sap/API_OUTBOUND_DELIVERY_SRV;v=0002";
const IDOC: &str = "/sap/bc/idoc_xml";

/// What a piece costs, in whole units of [`CURRENCY`]: this system has one price list.
const PRICE: u32 = 25;

/// The company code's currency.
const CURRENCY: &str = "USD";

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
        r#"{"act":"release","reference":"70000101","as":"ORDRSP"}"#,
        "confirms the order as ORDERS05, message type ORDRSP",
    ),
    (
        r#"{"act":"bill","reference":"70000101"}"#,
        "sends an INVOIC02 for all that was issued and not billed yet",
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
    /// What it sends by itself when an order was made.
    pub releases: Releases,
}

/// What a system sends for an order that was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Releases {
    /// A delivery of its own, for a warehouse to ship: SHPORD.
    #[default]
    ByDelivery,
    /// Its confirmation: ORDRSP. Deliveries are made when somebody says what left.
    ByResponse,
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
    /// How many there were.
    invoices: u64,
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
    /// What another system calls it: LIFEX.
    reference: String,
    picked: bool,
    /// How much was issued, once it was.
    issued: Option<Decimal>,
    /// Whether it is on an invoice.
    billed: bool,
    /// What it is known to be.
    etag: String,
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
            releases: Releases::ByDelivery,
        }
    }

    /// The same, confirming orders in place of sending deliveries.
    #[must_use]
    pub fn confirming(mut self) -> Self {
        self.releases = Releases::ByResponse;
        self
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
            invoices: 0,
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

    /// The deliveries of the orders with this reference of the customer's: what another
    /// system calls each, and how much of it was issued.
    #[must_use]
    pub fn deliveries_of(&self, reference: &str) -> Vec<(String, Option<Decimal>)> {
        let mine = self
            .deliveries
            .iter()
            .filter(|it| self.orders[it.order].reference() == reference);
        mine.map(|it| (it.reference.clone(), it.issued)).collect()
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
        if let Some(rest) = request.path.strip_prefix(SHIPPING) {
            return shipping::answer(self, rest, request, at);
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
                let form = match act["as"].as_str() {
                    None => self.own_form(),
                    Some("DELVRY07") => Form::Delivery,
                    Some("ORDERS05") => Form::Order,
                    Some("ORDRSP") => Form::Response,
                    Some(other) => {
                        return Err(format!("`as` is DELVRY07, ORDERS05 or ORDRSP, not {other}"));
                    }
                };
                self.release(order, form, at)
            }
            "bill" => {
                let order = self.order_of(text_of(act, "reference")?)?;
                self.bill(order, at)
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
            let deliveries = self.deliveries.iter().filter(|it| it.order == index);
            let deliveries = deliveries.map(|it| {
                json!({
                    "delivery": it.number, "reference": it.reference,
                    "issued": it.issued.map(|it| it.to_string()), "billed": it.billed,
                })
            });
            let told = json!({
                "sales_order": order.number, "items": order.items.len(),
                "deliveries": deliveries.collect::<Value>(),
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
