//! What happened to an order, whoever it happened at, in the order of time.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::systems::Sent;
use crate::{
    api::{
        instance::{Instance, Source},
        link,
        steps::{self, Recorded},
        timeline,
    },
    clock::Timestamp,
    message::{CorrelationId, MessageId},
    process::EventKind,
    record::{Cause, Disposition, Record},
    view::{DeliveryState, MessageRow},
};

/// Entries that one answer has, the newest ones.
const ENTRIES_MAX: usize = 500;
/// A message with more documents is a batch, and too long to be read for the sake of one.
const DOCUMENTS_READ_MAX: u32 = 100;

/// Records of one message that are looked at for its documents: the one that decoded it is
/// the first of them, unless it failed and was replayed.
const RECORDS_READ_MAX: usize = 4;

/// The entries, as they come.
#[derive(Default)]
pub(super) struct Told {
    entries: Vec<(Timestamp, Value)>,
    messages: Vec<Value>,
}

// === impl Told ===

impl Told {
    /// What partners sent about it.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub(super) fn messages(
        &mut self,
        source: &Source<'_>,
        key: &str,
        messages: &[(MessageId, MessageRow)],
    ) -> Result<(), timeline::Error> {
        for (id, row) in messages.iter().rev() {
            let documents = documents(source, key, *id, row)?;
            let kinds: Vec<_> = documents.iter().map(|it| it.in_words()).collect();
            let what = if kinds.is_empty() {
                timeline::counted(u64::from(row.documents), "document")
            } else {
                kinds.join(", ")
            };
            let shared = documents.iter().find_map(|it| it.thread.clone());
            let correlation_id = shared.unwrap_or_else(|| row.correlation_id.clone());
            let path = format!("/v1/messages/{id}");
            self.entries.push((
                row.received_at,
                json!({
                    "kind": "message",
                    "text": format!("{what} from {}", row.partner),
                    "partner": row.partner,
                    "correlation_id": correlation_id,
                    "link": path,
                }),
            ));
            self.messages.push(json!({
                "id": id.to_string(),
                "partner": row.partner,
                "received_at": row.received_at.to_string(),
                "documents": kinds,
                "correlation_id": row.correlation_id,
                "link": path,
            }));
        }
        Ok(())
    }

    /// What became true of the order, and what was not taken in.
    pub(super) fn steps(&mut self, records: &[Recorded], instance: &Instance) {
        self.told(records, instance, "order");
    }

    /// What became true of a shipment of it.
    pub(super) fn shipment(&mut self, records: &[Recorded], instance: &Instance) {
        self.told(records, instance, "shipment");
    }

    fn told(&mut self, records: &[Recorded], instance: &Instance, kind: &str) {
        for (sequence, stepped, step) in steps::of(records, &instance.process, &instance.key) {
            let events = step.events.iter().map(|event| {
                let mut text = words(event.kind);
                if !event.subject.is_empty() {
                    text.push_str(&format!(": {}", event.subject));
                }
                (text, steps::event(event))
            });
            let refused = step.refused.iter().map(|refused| {
                let text = format!("not taken in ({}): {}", refused.code, refused.text);
                (text, json!({ "refused": refused }))
            });
            let acted = match &stepped.cause {
                Cause::Action { .. } | Cause::Migration { .. } => {
                    let cause = steps::cause(&stepped.cause);
                    Some((cause["text"].as_str().unwrap_or_default().to_owned(), cause))
                }
                _ => None,
            };
            for (text, details) in acted.into_iter().chain(events).chain(refused) {
                self.entries.push((
                    stepped.at,
                    json!({
                        "kind": kind,
                        "text": text,
                        "key": step.key,
                        "sequence": sequence.get(),
                        "details": details,
                        "correlation_id": step.correlation_id,
                        "link": link::subject(&step.key),
                    }),
                ));
            }
        }
    }

    /// What was sent because of it.
    pub(super) fn deliveries(&mut self, sent: &Sent) {
        for (id, row) in &sent.0 {
            let state = json!(DeliveryState::from(&row.status));
            let mut text = format!("{} to {}", row.kind, row.to);
            text.push_str(&format!(": {}", state.as_str().unwrap_or_default()));
            if let Some(number) = &row.external_id {
                text.push_str(&format!(", its number is {number}"));
            }
            self.entries.push((
                row.queued_at,
                json!({
                    "kind": "delivery",
                    "text": text,
                    "partner": row.to,
                    "delivery": id.to_string(),
                    "correlation_id": row.correlation_id,
                    "link": format!("/v1/messages/{}", id.message),
                }),
            ));
        }
    }

    /// The messages, oldest first, with the kinds of their documents about the order.
    pub(super) fn kinds_of_messages(&mut self) -> Value {
        Value::Array(std::mem::take(&mut self.messages))
    }

    /// All entries in the order of time, and whether older ones were left out.
    pub(super) fn finish(mut self) -> (Vec<Value>, bool) {
        // What was told first of one moment stays first.
        self.entries.sort_by_key(|(at, _)| *at);
        let cut = self.entries.len().saturating_sub(ENTRIES_MAX);
        let newest = self.entries.drain(cut..).map(|(at, mut entry)| {
            entry["at"] = json!(at.to_string());
            entry
        });
        (newest.collect(), cut > 0)
    }
}

/// A document about the order.
struct About {
    kind: String,
    disposition: &'static str,
    thread: Option<CorrelationId>,
}

// === impl About ===

impl About {
    fn in_words(&self) -> String {
        match self.disposition {
            "" => self.kind.clone(),
            disposition => format!("{} ({disposition})", self.kind),
        }
    }
}

/// The documents of a message that are about this key; none of one that is not read yet,
/// or that is a batch.
fn documents(
    source: &Source<'_>,
    key: &str,
    message: MessageId,
    row: &MessageRow,
) -> Result<Vec<About>, timeline::Error> {
    if row.documents > DOCUMENTS_READ_MAX {
        return Ok(Vec::new());
    }
    // Records of steps may stand between; one that was read again says the rest last.
    let mut about: BTreeMap<u32, About> = BTreeMap::new();
    for sequence in row.history.iter().take(RECORDS_READ_MAX) {
        let record = Record::from_bytes(&source.journal.read(*sequence)?)?;
        let Record::Decoded(decoded) = record else {
            continue;
        };
        let documents = decoded.documents.into_iter();
        let own = documents.filter(|it| decoded.message == message && it.business_key == key);
        for document in own {
            let disposition = match document.disposition {
                Disposition::Routed => "",
                Disposition::Duplicate { of } if of == document.id => continue,
                Disposition::Duplicate { .. } => "known already",
                Disposition::Conflict { .. } => "in conflict",
                Disposition::Unrouted => "unrouted",
            };
            let known = About {
                kind: document.kind,
                disposition,
                thread: document.thread,
            };
            about.insert(document.id.position, known);
        }
    }
    Ok(about.into_values().collect())
}

/// `OrderRouted` as `order routed`.
fn words(kind: EventKind) -> String {
    let name = json!(kind);
    name.as_str().unwrap_or_default().replace('-', " ")
}
