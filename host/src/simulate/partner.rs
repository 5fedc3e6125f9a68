//! What a simulated partner is.

use bytes::Bytes;
use serde_json::Value;

use super::{
    script::{Business, Refusal},
    wire::{Answer, Request},
};
use crate::clock::Timestamp;

/// A partner without its sockets: pure in (state, request, time).
pub trait Partner: Send + 'static {
    /// What it is called in its books: `sap`.
    fn name(&self) -> &'static str;

    /// Answers a request, and does what it asks for.
    fn answer(&mut self, request: &Request, at: Timestamp) -> Answer;

    /// Refuses a request in the partner's own form. Nothing is done.
    fn refuse(&self, refusal: &Refusal) -> Answer;

    /// What its people can be told to do, each as an example and in words.
    fn acts(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Does what its people do; gives what came of it.
    ///
    /// # Errors
    /// Says what it can't do, and what it can.
    fn act(&mut self, act: &Value, at: Timestamp) -> Result<Value, String> {
        let _ = (act, at);
        Err(format!("{} does nothing by hand", self.name()))
    }

    /// What it holds because of all that it was sent, by business key.
    fn effects(&self) -> Value;

    /// Takes out what it wants to send, in its order.
    fn outgoing(&mut self) -> Vec<Outgoing> {
        Vec::new()
    }

    /// From now on it does its business so.
    fn do_business(&mut self, business: Business) {
        let _ = business;
    }
}

/// A message for the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// What it is, for logs and books: `945`, `order.shipped`.
    pub kind: String,
    /// The same each time it is sent.
    pub key: String,
    /// What the other side called the conversation, where it did.
    pub correlation_id: Option<String>,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The bytes.
    pub body: Bytes,
}

/// The name of an act: `{"act": "ship", …}`.
///
/// # Errors
/// When there is none.
pub fn act_of(act: &Value) -> Result<&str, String> {
    act["act"]
        .as_str()
        .ok_or_else(|| "say what to do: {\"act\": …}".to_owned())
}

/// A text that an act needs.
///
/// # Errors
/// Names it.
pub fn text_of<'a>(act: &'a Value, name: &str) -> Result<&'a str, String> {
    act[name]
        .as_str()
        .filter(|it| !it.is_empty())
        .ok_or_else(|| format!("`{name}` is missing, a text"))
}
