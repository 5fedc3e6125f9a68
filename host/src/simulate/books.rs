//! What a simulated partner remembers of what was said: the latest requests and the
//! latest messages of its own, and how many there were.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::{Value, json};

use super::ingress::Answer;
use crate::clock::Timestamp;

/// Requests and messages that are remembered, of each; older ones are only counted.
const REMEMBERED_MAX: usize = 1_000;

/// One request that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// From 1.
    pub number: u64,
    /// When it was answered.
    pub at: Timestamp,
    /// `POST`.
    pub method: String,
    /// Path and query, as they were sent.
    pub target: String,
    /// HTTP status; absent where the connection was closed without a word.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What it was about.
    pub note: String,
}

/// A message that the host has taken or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When it was answered.
    pub at: Timestamp,
    /// `945`, `order.shipped`.
    pub kind: String,
    /// The same each time it is sent.
    pub key: String,
    /// What the host said.
    pub answer: Answer,
}

/// Something to show to whoever watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A request was answered.
    Received(Entry),
    /// A message was taken or refused.
    Sent(Sent),
    /// A message could not be sent yet: its kind, and why.
    Waits(String, String),
}

/// The books.
#[derive(Debug, Default)]
pub struct Books {
    received: u64,
    entries: VecDeque<Entry>,
    sent_total: u64,
    sent: VecDeque<Sent>,
}

// === impl Books ===

impl Books {
    /// Writes a request down, and numbers it.
    pub(super) fn receive(&mut self, mut entry: Entry) -> Entry {
        self.received += 1;
        entry.number = self.received;
        keep(&mut self.entries, entry.clone());
        entry
    }

    /// Writes down what became of a message.
    pub(super) fn send(&mut self, sent: Sent) {
        self.sent_total += 1;
        keep(&mut self.sent, sent);
    }

    /// The latest requests, in their order.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }

    /// The latest messages, in their order.
    pub(super) fn sent(&self) -> Vec<Sent> {
        self.sent.iter().cloned().collect()
    }

    /// For `GET /__books`.
    pub(super) fn show(&self) -> Value {
        let entries = self.entries.iter().map(|it| {
            json!({
                "number": it.number, "at": it.at.to_string(), "method": it.method,
                "target": it.target, "status": it.status, "took_ms": it.took_ms, "note": it.note,
            })
        });
        let sent = self.sent.iter().map(|it| {
            json!({
                "at": it.at.to_string(), "kind": it.kind, "key": it.key,
                "status": it.answer.status, "message_id": it.answer.message_id,
                "known_already": it.answer.replayed,
            })
        });
        json!({
            "received_total": self.received, "received": entries.collect::<Vec<_>>(),
            "sent_total": self.sent_total, "sent": sent.collect::<Vec<_>>(),
        })
    }
}

fn keep<T>(list: &mut VecDeque<T>, one: T) {
    if list.len() == REMEMBERED_MAX {
        list.pop_front();
    }
    list.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_it_forgets() {
        let mut books = Books::default();
        for _ in 0..=REMEMBERED_MAX {
            books.receive(Entry {
                number: 0,
                at: Timestamp::EPOCH,
                method: "GET".to_owned(),
                target: "/".to_owned(),
                status: None,
                took_ms: 0,
                note: String::new(),
            });
        }
        let entries = books.entries();
        assert_eq!((entries.len(), entries[0].number), (REMEMBERED_MAX, 2));
        assert_eq!(books.show()["received_total"], 1_001);
    }
}
