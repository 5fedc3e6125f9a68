//! Salesforce: tokens, records by id and by external id, collections, queries with
//! relations and pages, e-mails, a limit of requests a day, and platform events.
//!
//! What is known of it: the pages below <https://developer.salesforce.com/docs/platform>
//! on upserts by external id (201, 200, 300, `updateOnly`; the key must not be in the
//! body), collections, queries, error codes and standard objects, and the OAuth 2.0
//! client credentials flow. From memory: the texts of errors, `api-usage` of
//! `Sforce-Limit-Info`, and the error for lines of an order that is active.

mod desk;
mod query;
mod rest;
mod schema;
mod soql;
mod store;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use self::{query::Cursors, store::Store};
use super::{
    partner::{Outgoing, Partner, act_of, text_of},
    script::Refusal,
    wire::{Answer, Request, parameters, same},
};
use crate::clock::Timestamp;

/// Tokens that hold at a time; the one that was given out first goes.
const TOKENS_MAX: usize = 1_000;

/// How long a token holds: the session timeout of an org, unless it is set otherwise.
const SESSION: Duration = Duration::from_secs(7_200);

/// Requests a day: the least that an edition has.
const REQUESTS_MAX: u64 = 15_000;

/// The price book that the org's entries are in.
const PRICEBOOK: &str = "01sD00000000001IAA";

const ACTS: &[(&str, &str)] = &[
    (
        r#"{"act":"place-order","key":"70000101","account":"17100001","ship_to":{"street":"1 Pier Road","city":"Duluth","state":"MN","postal_code":"55802","country":"US"},"lines":[{"sku":"MUG","quantity":7}]}"#,
        "somebody places an order and activates it; polling finds it",
    ),
    (
        r#"{"act":"publish","key":"70000101"}"#,
        "publishes Order_Release__e about an order, as an event relay sends it",
    ),
    (
        r#"{"act":"request-return","rma_no":"RMA-1","key":"70000101","text":"broken","lines":[{"sku":"MUG","quantity":3,"reason":"Damaged"}]}"#,
        "publishes Return_Request__e: a customer wants to send goods back",
    ),
    (r#"{"act":"expire-sessions"}"#, "no token holds any more"),
    (
        r#"{"act":"use-up-requests","left":0}"#,
        "so many requests are left of the day's",
    ),
];

/// An org.
#[derive(Debug)]
pub struct Salesforce {
    client_id: String,
    client_secret: String,
    store: Store,
    /// When each token was given out.
    tokens: BTreeMap<String, Timestamp>,
    given: u64,
    used: u64,
    cursors: Cursors,
    emails: u64,
    events: u64,
    outbox: Vec<Outgoing>,
}

/// One error.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    status: u16,
    code: &'static str,
    message: String,
    fields: Vec<String>,
}

// === impl Fault ===

impl Fault {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            fields: Vec::new(),
        }
    }

    fn about(mut self, field: &str) -> Self {
        self.fields.push(field.to_owned());
        self
    }

    fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    fn answer(&self) -> Answer {
        let mut error = json!({ "message": self.message, "errorCode": self.code });
        if !self.fields.is_empty() {
            error["fields"] = json!(self.fields);
        }
        Answer::json(self.status, &json!([error])).noted(format!("{}: {}", self.code, self.message))
    }
}

// === impl Salesforce ===

impl Salesforce {
    /// An org with a connected app, accounts (number and name) and products by SKU, each
    /// with an entry in its price book.
    #[must_use]
    pub fn new(
        client_id: &str,
        client_secret: &str,
        accounts: &[(&str, &str)],
        skus: &[&str],
    ) -> Self {
        let mut store = Store::default();
        for (number, name) in accounts {
            store.found(
                "Account",
                &[
                    ("Name", *name),
                    ("AccountNumber", *number),
                    ("Customer_No__c", *number),
                ],
            );
        }
        for sku in skus {
            let product = store.found("Product2", &[("Name", *sku), ("ProductCode", *sku)]);
            store.found(
                "PricebookEntry",
                &[
                    ("Product2Id", &product),
                    ("Pricebook2Id", PRICEBOOK),
                    ("SKU__c", *sku),
                ],
            );
        }
        Self {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            store,
            tokens: BTreeMap::new(),
            given: 0,
            used: 0,
            cursors: Cursors::default(),
            emails: 0,
            events: 0,
            outbox: Vec::new(),
        }
    }

    /// The same with results of so many records a page, where a request does not say.
    #[must_use]
    pub fn with_pages_of(mut self, records: usize) -> Self {
        self.cursors = Cursors::of(records);
        self
    }

    /// The fields of an order, by its external id.
    #[must_use]
    pub fn order(&self, key: &str) -> Option<&Map<String, Value>> {
        let found = self.store.by_key("Order", "Crossdock_Key__c", key);
        found.first().map(|record| &record.fields)
    }

    /// The subjects of the tasks below an order, by its external id, in order.
    #[must_use]
    pub fn timeline(&self, key: &str) -> Vec<String> {
        let order = self.store.by_key("Order", "Crossdock_Key__c", key);
        let Some(order) = order.first() else {
            return Vec::new();
        };
        let tasks = self.store.all("Task");
        tasks
            .filter(|task| task.fields.get("WhatId").and_then(Value::as_str) == Some(&order.id))
            .map(|task| task.text("Subject").to_owned())
            .collect()
    }

    /// Status and number of comments of a case, by its external id.
    #[must_use]
    pub fn case(&self, key: &str) -> Option<(String, usize)> {
        let cases = self.store.by_key("Case", "Crossdock_Key__c", key);
        let case = cases.first()?;
        let comments = self.store.by_key("CaseComment", "ParentId", &case.id);
        Some((case.text("Status").to_owned(), comments.len()))
    }

    /// The subjects of tasks that are below no order, in order.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let tasks = self.store.all("Task");
        tasks
            .filter(|task| task.text("WhatId").is_empty())
            .map(|task| task.text("Subject").to_owned())
            .collect()
    }

    /// How many lines an order has, by its external id.
    #[must_use]
    pub fn lines(&self, key: &str) -> usize {
        let order = self.store.by_key("Order", "Crossdock_Key__c", key);
        order
            .first()
            .map_or(0, |order| self.store.items(&order.id).len())
    }

    /// How many tokens were given out.
    #[must_use]
    pub fn tokens_given(&self) -> u64 {
        self.given
    }

    /// `POST /services/oauth2/token`.
    fn token(&mut self, request: &Request, at: Timestamp) -> Answer {
        let refuse = |error: &str, words: &str| {
            Answer::json(400, &json!({ "error": error, "error_description": words })).noted(words)
        };
        if request.method != "POST" || !request.is_of_type("application/x-www-form-urlencoded") {
            return refuse("invalid_request", "a form by POST is expected");
        }
        let form = parameters(&String::from_utf8_lossy(&request.body));
        let field = |name: &str| {
            let found = form.iter().find(|(known, _)| known == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        if field("grant_type") != "client_credentials" {
            return refuse("unsupported_grant_type", "grant type not supported");
        }
        let basic = request.header("authorization").and_then(basic_pair);
        let (id, secret) = match &basic {
            Some((id, secret)) => (id.as_str(), secret.as_str()),
            None => (field("client_id"), field("client_secret")),
        };
        if !same(id, &self.client_id) {
            return refuse("invalid_client_id", "client identifier invalid");
        }
        if !same(secret, &self.client_secret) {
            return refuse("invalid_client", "invalid client credentials");
        }
        self.given += 1;
        let token = format!("00DD00000000001!{}", self.word("token"));
        if self.tokens.len() == TOKENS_MAX {
            let oldest = self.tokens.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(token, _)| token.clone()) {
                self.tokens.remove(&oldest);
            }
        }
        self.tokens.insert(token.clone(), at);
        let host = request.header("host").unwrap_or("127.0.0.1");
        let instance = format!("http://{host}");
        let body = json!({
            "access_token": token, "token_type": "Bearer", "scope": "api", "instance_url": instance,
            "id": format!("{instance}/id/00DD00000000001EAA/005D00000000001IAA"),
            "issued_at": at.as_millis().to_string(), "signature": self.word("signature"),
        });
        Answer::json(200, &body).noted("a token")
    }

    /// A word that nobody can guess who does not know the secret.
    fn word(&self, what: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.client_secret.as_bytes()) else {
            return String::new();
        };
        mac.update(format!("{what}/{}", self.given).as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    fn holds(&mut self, request: &Request, at: Timestamp) -> bool {
        self.tokens.retain(|_, given| at.since(*given) < SESSION);
        self.tokens.keys().any(|token| request.bears(token))
    }

    fn call(&mut self, request: &Request, at: Timestamp) -> Answer {
        if !self.holds(request, at) {
            return Fault::new(401, "INVALID_SESSION_ID", "Session expired or invalid").answer();
        }
        if self.used >= REQUESTS_MAX {
            return limit_exceeded();
        }
        self.used += 1;
        let answer = rest::answer(self, request, at).unwrap_or_else(|fault| fault.answer());
        let usage = format!("api-usage={}/{REQUESTS_MAX}", self.used);
        answer.with_header("sforce-limit-info", usage)
    }
}

impl Partner for Salesforce {
    fn name(&self) -> &'static str {
        "salesforce"
    }

    fn answer(&mut self, request: &Request, at: Timestamp) -> Answer {
        match request.path.as_str() {
            "/services/oauth2/token" => self.token(request, at),
            path if path.starts_with("/services/data/") => self.call(request, at),
            _ => Fault::not_found().answer(),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        match refusal {
            Refusal::Rejected(reason) => {
                Fault::new(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", reason).answer()
            }
            Refusal::Unavailable { retry_after } => {
                let text = "We are down for maintenance. Sorry for the inconvenience.";
                let answer = Fault::new(503, "SERVER_UNAVAILABLE", text).answer();
                match retry_after {
                    Some(seconds) => answer.with_header("retry-after", seconds),
                    None => answer,
                }
            }
            Refusal::RateLimited { .. } => limit_exceeded(),
            Refusal::Failed => {
                let text = "An unexpected error occurred. Please include this ErrorId if you contact support: 1-1 (1)";
                Fault::new(500, "UNKNOWN_EXCEPTION", text).answer()
            }
        }
    }

    fn acts(&self) -> &'static [(&'static str, &'static str)] {
        ACTS
    }

    fn act(&mut self, act: &Value, at: Timestamp) -> Result<Value, String> {
        match act_of(act)? {
            "place-order" => self.place_order(act, at),
            "publish" => {
                let key = text_of(act, "key")?.to_owned();
                self.publish(&key, at)
            }
            "request-return" => self.request_return(act, at),
            "expire-sessions" => {
                let count = self.tokens.len();
                self.tokens.clear();
                Ok(json!({ "tokens": count }))
            }
            "use-up-requests" => {
                let left = act["left"].as_u64().unwrap_or(0).min(REQUESTS_MAX);
                self.used = REQUESTS_MAX - left;
                Ok(json!({ "left": left }))
            }
            other => Err(format!("Salesforce does not {other:?}; see GET /__acts")),
        }
    }

    fn effects(&self) -> Value {
        let mut orders = Map::new();
        for order in self.store.all("Order") {
            let key = order.text("Crossdock_Key__c");
            let told = json!({
                "id": order.id, "status": order.fields["Status"], "lines": self.store.items(&order.id).len(),
                "timeline": self.timeline(key),
            });
            orders.insert(key.to_owned(), told);
        }
        let mut cases = Map::new();
        for case in self.store.all("Case") {
            let told = json!({ "id": case.id, "subject": case.fields.get("Subject"), "status": case.fields["Status"] });
            cases.insert(case.text("Crossdock_Key__c").to_owned(), told);
        }
        json!({ "orders": orders, "cases": cases, "emails": self.emails, "tokens_given": self.given })
    }

    fn outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outbox)
    }
}

fn limit_exceeded() -> Answer {
    Fault::new(
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "TotalRequests Limit exceeded.",
    )
    .answer()
    .with_header(
        "sforce-limit-info",
        format!("api-usage={REQUESTS_MAX}/{REQUESTS_MAX}"),
    )
}

/// User and password of `Basic …`.
fn basic_pair(header: &str) -> Option<(String, String)> {
    let encoded = header.strip_prefix("Basic ")?;
    let bytes = base64::prelude::BASE64_STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
