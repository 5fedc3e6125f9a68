//! The receiving side of a business system that has adopted the canonical model:
//! documents come as JSON over HTTP, each under an idempotency key.
//!
//! It does what such a system has to do: it refuses what is no canonical document,
//! books each key once, and answers a repeated key as it answered the first time.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use crossdock_sdk::{Document, json};
use serde_json::json;

use super::server::{Server, header_text};

/// Documents that are booked at most; beyond it the system has no room.
const BOOKED_MAX: usize = 10_000;

/// A running receiver.
#[derive(Debug)]
pub struct Receiver {
    server: Server,
    books: Arc<Mutex<Books>>,
}

/// What was received, in order of arrival.
#[derive(Debug, Default)]
struct Books {
    /// What its numbers begin with.
    prefix: &'static str,
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
enum Refusal {
    #[error("send an Idempotency-Key: without one a repetition can't be told")]
    NoKey,
    #[error("no canonical document: {0}")]
    NoDocument(#[from] json::Error),
    #[error("the books are full")]
    Full,
}

// === impl Receiver ===

impl Receiver {
    /// Opens the books; what is booked gets numbers that begin with `prefix`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(prefix: &'static str, token: &str) -> io::Result<Self> {
        let books = Arc::new(Mutex::new(Books {
            prefix,
            booked: Vec::new(),
        }));
        let router = Router::new().fallback(take).with_state(Arc::clone(&books));
        let server = Server::start(router, token).await?;
        Ok(Self { server, books })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// All that was received.
    pub fn booked(&self) -> Vec<Booked> {
        lock(&self.books).booked.clone()
    }

    /// Shipments of an order, in order of arrival.
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

async fn take(State(books): State<Arc<Mutex<Books>>>, headers: HeaderMap, body: Bytes) -> Response {
    match lock(&books).book(&headers, &body) {
        Ok(id) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        Err(refusal) => {
            let status = match refusal {
                Refusal::NoKey => StatusCode::BAD_REQUEST,
                Refusal::NoDocument(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Refusal::Full => StatusCode::INSUFFICIENT_STORAGE,
            };
            (status, Json(json!({ "error": refusal.to_string() }))).into_response()
        }
    }
}

fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Books ===

impl Books {
    /// Books a document, once for each key, and gives its number.
    fn book(&mut self, headers: &HeaderMap, body: &[u8]) -> Result<String, Refusal> {
        let key = header_text(headers, "idempotency-key").ok_or(Refusal::NoKey)?;
        if let Some(known) = self.booked.iter_mut().find(|it| it.key == key) {
            known.repeats += 1;
            return Ok(known.id.clone());
        }
        let document = json::from_slice(body)?;
        if self.booked.len() == BOOKED_MAX {
            return Err(Refusal::Full);
        }
        let id = format!("{}-{:05}", self.prefix, self.booked.len() + 1);
        self.booked.push(Booked {
            id: id.clone(),
            document,
            key,
            correlation_id: header_text(headers, "x-correlation-id"),
            traceparent: header_text(headers, "traceparent"),
            repeats: 0,
        });
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const SHIPMENT: &[u8] =
        br#"{"kind":"shipment","shipment_id":"N1","order_no":"SO-1","purpose":"original",
        "status":"complete","shipped_at":{"text":"2026-03-01","zoned":false}}"#;

    fn keyed(key: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (
                "idempotency-key".parse().unwrap(),
                HeaderValue::from_static(key),
            ),
            (
                "x-correlation-id".parse().unwrap(),
                HeaderValue::from_static("SO-1"),
            ),
        ])
    }

    #[test]
    fn a_key_is_booked_once_and_answered_alike() {
        let mut books = Books {
            prefix: "ERP",
            booked: Vec::new(),
        };
        let first = books.book(&keyed("a"), SHIPMENT).unwrap();
        assert_eq!(books.book(&keyed("a"), SHIPMENT).unwrap(), first);
        assert_ne!(books.book(&keyed("b"), SHIPMENT).unwrap(), first);
        let booked: Vec<_> = books
            .booked
            .iter()
            .map(|it| (it.key.as_str(), it.repeats))
            .collect();
        assert_eq!(booked, [("a", 1), ("b", 0)]);
        assert_eq!(books.booked[0].correlation_id.as_deref(), Some("SO-1"));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let mut books = Books::default();
        assert!(matches!(
            books.book(&HeaderMap::new(), SHIPMENT),
            Err(Refusal::NoKey)
        ));
        assert!(matches!(
            books.book(&keyed("a"), b"{\"kind\":\"wish\"}"),
            Err(Refusal::NoDocument(_))
        ));
        assert!(books.booked.is_empty());
    }
}
