//! The receiving side of a business system that has adopted the canonical model:
//! documents come as JSON over HTTP, each under an idempotency key.
//!
//! It does what such a system has to do: it refuses what is no canonical document,
//! books each key once, and answers a repeated key as it answered the first time.

use std::io;

use crossdock_sdk::{Document, json};
use serde_json::{Value, json};

use super::{
    partner::Partner,
    script::{Refusal, Script},
    server::{Options, Simulator},
    wire::{Answer, Request},
};
use crate::clock::{Clock, Timestamp};

/// Documents that are booked at most; beyond it the system has no room.
const BOOKED_MAX: usize = 10_000;

/// A running receiver.
#[derive(Debug)]
pub struct Receiver {
    simulator: Simulator<Ledger>,
}

/// What was received, in order of arrival.
#[derive(Debug, Default)]
pub struct Ledger {
    /// What its numbers begin with.
    prefix: &'static str,
    token: String,
    booked: Vec<Booked>,
}

/// One document that was received.
#[derive(Clone, Debug)]
pub struct Booked {
    /// The number it got here.
    pub id: String,
    /// What came.
    pub document: Document,
    /// Under this key.
    pub key: String,
    /// `X-Correlation-Id`.
    pub correlation_id: Option<String>,
    /// `traceparent`.
    pub traceparent: Option<String>,
    /// How often it came again.
    pub repeats: usize,
}

/// What is not booked.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("send an Idempotency-Key: without one a repetition can't be told")]
    NoKey,
    #[error("no canonical document: {0}")]
    NoDocument(#[from] json::Error),
    #[error("the books are full")]
    Full,
}

// === impl Receiver ===

impl Receiver {
    /// Opens the books for those who present `token`; what is booked gets numbers that
    /// begin with `prefix`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(prefix: &'static str, token: &str, clock: Clock) -> io::Result<Self> {
        let ledger = Ledger {
            prefix,
            token: token.to_owned(),
            booked: Vec::new(),
        };
        let simulator = Simulator::start(ledger, Options::default(), clock).await?;
        Ok(Self { simulator })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.simulator.url()
    }

    /// Behaves so, from this moment.
    pub fn play(&self, script: Script) {
        self.simulator.play(script);
    }

    /// All that was received.
    #[must_use]
    pub fn booked(&self) -> Vec<Booked> {
        self.simulator.inside(|ledger| ledger.booked.clone())
    }

    /// Shipments of an order, in order of arrival.
    #[must_use]
    pub fn shipments(&self, order_no: &str) -> Vec<Booked> {
        let mut booked = self.booked();
        booked.retain(|it| matches!(&it.document, Document::Shipment(shipment) if shipment.order_no == order_no));
        booked
    }
}

// === impl Booked ===

impl Booked {
    /// Pieces of all lines of a shipment; none for anything else, and for what is
    /// not counted in whole pieces.
    #[must_use]
    pub fn pieces(&self) -> Option<i64> {
        let Document::Shipment(shipment) = &self.document else {
            return None;
        };
        shipment
            .lines
            .iter()
            .map(|line| line.shipped.value.to_integer())
            .sum()
    }
}

// === impl Ledger ===

impl Ledger {
    /// Books a document, once for each key, and gives its number.
    fn book(&mut self, request: &Request) -> Result<String, Refused> {
        let text = |name| request.header(name).map(str::to_owned);
        let key = text("idempotency-key").ok_or(Refused::NoKey)?;
        if let Some(known) = self.booked.iter_mut().find(|it| it.key == key) {
            known.repeats += 1;
            return Ok(known.id.clone());
        }
        let document = json::from_slice(&request.body)?;
        if self.booked.len() == BOOKED_MAX {
            return Err(Refused::Full);
        }
        let id = format!("{}-{:05}", self.prefix, self.booked.len() + 1);
        self.booked.push(Booked {
            id: id.clone(),
            document,
            key,
            correlation_id: text("x-correlation-id"),
            traceparent: text("traceparent"),
            repeats: 0,
        });
        Ok(id)
    }
}

impl Partner for Ledger {
    fn name(&self) -> &'static str {
        "canonical-json"
    }

    fn answer(&mut self, request: &Request, _: Timestamp) -> Answer {
        if !request.bears(&self.token) {
            return Answer::of(401, "text/plain", "who are you?\n").noted("a wrong token");
        }
        match self.book(request) {
            Ok(id) => Answer::json(201, &json!({ "id": id })).noted(id),
            Err(refusal) => {
                let status = match refusal {
                    Refused::NoKey => 400,
                    Refused::NoDocument(_) => 422,
                    Refused::Full => 507,
                };
                let text = refusal.to_string();
                Answer::json(status, &json!({ "error": text })).noted(text)
            }
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        let (status, text, retry_after) = match refusal {
            Refusal::Rejected(reason) => (422, reason.as_str(), None),
            Refusal::Unavailable { retry_after } => (503, "not now", *retry_after),
            Refusal::RateLimited { retry_after } => (429, "too many", Some(*retry_after)),
            Refusal::Failed => (500, "a defect", None),
        };
        let answer = Answer::json(status, &json!({ "error": text }));
        match retry_after {
            Some(seconds) => answer.with_header("retry-after", seconds),
            None => answer,
        }
    }

    fn effects(&self) -> Value {
        let booked = self
            .booked
            .iter()
            .map(|it| json!({ "id": it.id, "kind": it.document.kind(), "repeats": it.repeats }));
        booked.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPMENT: &str = r#"{"kind":"shipment","shipment_id":"N1","order_no":"SO-1","purpose":"original",
        "status":"complete","shipped_at":{"text":"2026-03-01","zoned":false}}"#;

    fn keyed(key: &'static str, body: &'static str) -> Request {
        let mut request = Request::new("POST", "/", body);
        for (name, value) in [("idempotency-key", key), ("x-correlation-id", "SO-1")] {
            request.headers.insert(name, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn a_key_is_booked_once_and_answered_alike() {
        let mut ledger = Ledger {
            prefix: "ERP",
            ..Ledger::default()
        };
        let first = ledger.book(&keyed("a", SHIPMENT)).unwrap();
        assert_eq!(ledger.book(&keyed("a", SHIPMENT)).unwrap(), first);
        assert_ne!(ledger.book(&keyed("b", SHIPMENT)).unwrap(), first);
        let booked: Vec<_> = ledger
            .booked
            .iter()
            .map(|it| (it.key.as_str(), it.repeats))
            .collect();
        assert_eq!(booked, [("a", 1), ("b", 0)]);
        assert_eq!(ledger.booked[0].correlation_id.as_deref(), Some("SO-1"));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let mut ledger = Ledger::default();
        assert!(matches!(
            ledger.book(&Request::new("POST", "/", SHIPMENT)),
            Err(Refused::NoKey)
        ));
        assert!(matches!(
            ledger.book(&keyed("a", "{\"kind\":\"wish\"}")),
            Err(Refused::NoDocument(_))
        ));
        assert!(ledger.booked.is_empty());
    }
}
