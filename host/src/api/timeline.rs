//! What happened to a message, told from the journal's records.

mod acknowledgement;
mod steps;

use serde_json::{Value, json};

use super::breaker::Breaker;
use crate::{
    clock::Timestamp,
    journal::{self, Reader, Sequence},
    message::{DeliveryId, MessageId},
    record::{
        AdapterRef, Answer, AttemptStarted, Attempted, Decoded, Disposition, Document,
        Irregularity, Log, Outcome, Record, Subject, TableUse, Undecodable, Unreadable,
    },
    view::{DeliveryRow, DeliveryState, DeliveryStatus, MessageRow, View},
};

/// How much of a body an entry shows, in bytes.
const SHOWN_BYTES_MAX: usize = 2_048;

/// The journal can't tell.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// It holds something of another version.
    #[error(transparent)]
    Record(#[from] Unreadable),
}

/// All that is told.
#[derive(Debug, Default)]
pub struct Told {
    /// Canonical documents with what became of them.
    pub documents: Vec<Value>,
    /// Deliveries with where they stand.
    pub deliveries: Vec<Value>,
    /// What happened, in order.
    pub entries: Vec<Value>,
}

/// What is to be told of.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Which message.
    pub message: MessageId,
    /// Its row.
    pub row: &'a MessageRow,
    /// What it caused.
    pub deliveries: &'a [(DeliveryId, DeliveryRow)],
    /// What is overdue depends on when it is asked.
    pub now: Timestamp,
}

/// Tells a message's story.
///
/// # Errors
/// When the journal can't be read.
pub fn tell(reader: &dyn Reader, view: &View, asked: &Asked<'_>) -> Result<Told, Error> {
    let Asked {
        message,
        row,
        deliveries,
        now,
    } = *asked;
    let mut sequences = vec![row.accepted];
    sequences.extend(&row.history);
    for (_, delivery) in deliveries {
        sequences.extend(&delivery.history);
    }
    sequences.sort_unstable();
    sequences.dedup();
    let mut told = Told {
        deliveries: deliveries
            .iter()
            .map(|(id, row)| self::delivery(*id, row, now))
            .collect(),
        ..Told::default()
    };
    for sequence in sequences {
        let record = Record::from_bytes(&reader.read(sequence)?)?;
        if let Record::Decoded(decoded) = &record {
            if decoded.message != message {
                let said = acknowledgement::heard(sequence, decoded, deliveries);
                told.entries.extend(said);
                continue;
            }
            for document in documents(decoded) {
                told.document(document);
            }
        }
        let mut entry = entry(sequence, &record);
        if let Record::Decoded(decoded) = &record {
            entry["details"]["acknowledges"] = acknowledgement::said(view, sequence, decoded);
        }
        told.entries.push(entry);
    }
    Ok(told)
}

// === impl Told ===

impl Told {
    /// Takes in what a decode made of a document. A message that is decoded again has
    /// its documents again: the last word counts, but for one that was found to be
    /// there already, which says nothing new.
    fn document(&mut self, document: Value) {
        let same = self
            .documents
            .iter_mut()
            .find(|it| it["id"] == document["id"]);
        match same {
            Some(_) if document["other"] == document["id"] => {}
            Some(before) => *before = document,
            None => self.documents.push(document),
        }
    }
}

/// A delivery as the API shows it.
#[must_use]
pub fn delivery(id: DeliveryId, row: &DeliveryRow, now: Timestamp) -> Value {
    let (status, not_before, dead_letter) = match &row.status {
        DeliveryStatus::Queued => ("queued", None, None),
        DeliveryStatus::InFlight => ("in-flight", None, None),
        DeliveryStatus::Retrying { not_before } => ("retrying", Some(not_before.to_string()), None),
        DeliveryStatus::Delivered => ("delivered", None, None),
        DeliveryStatus::AlreadyDelivered => ("already-delivered", None, None),
        DeliveryStatus::Dead { dead_letter } => ("dead", None, Some(dead_letter.to_string())),
    };
    json!({
        "id": id.to_string(),
        "to": row.to,
        "kind": row.kind,
        "business_key": row.business_key,
        "correlation_id": row.correlation_id,
        "document": row.document.to_string(),
        "control_number": row.control_number,
        "rule": row.rule,
        "queued_at": row.queued_at.to_string(),
        "status": status,
        "attempts": row.attempts,
        "not_before": not_before,
        "dead_letter": dead_letter,
        "external_id": row.external_id,
        "delivery": DeliveryState::from(&row.status),
        "acknowledgement": row.acknowledgement_state(now),
        "acknowledgement_due_at": row.acknowledgement.open_until().map(|at| at.to_string()),
        "acknowledged": row.acknowledgement.said.last().map(|it| &it.verdict),
        "failure": row.failure,
    })
}

fn documents(decoded: &Decoded) -> Vec<Value> {
    let good = decoded.documents.iter().map(document);
    let bad = decoded.refused.iter().map(|refused| {
        json!({
            "id": format!("{}/{}", decoded.message, refused.position),
            "disposition": "refused",
            "source": refused.source,
            "problems": refused.problems,
        })
    });
    good.chain(bad).collect()
}

fn document(document: &Document) -> Value {
    let (disposition, other) = match &document.disposition {
        Disposition::Routed => ("routed", None),
        Disposition::Duplicate { of } => ("duplicate", Some(of.to_string())),
        Disposition::Conflict { with } => ("conflict", Some(with.to_string())),
        Disposition::Unrouted => ("unrouted", None),
    };
    json!({
        "id": document.id.to_string(),
        "kind": document.kind,
        "business_key": document.business_key,
        "disposition": disposition,
        "correlation_id": document.thread,
        "other": other,
        "source": document.source,
        "findings": document.findings,
        "content": serde_json::from_str::<Value>(&document.content).ok(),
    })
}

fn entry(sequence: Sequence, record: &Record) -> Value {
    let (at, step, text, details) = describe(record);
    json!({
        "sequence": sequence.get(),
        "at": at.to_string(),
        "step": step,
        "text": text,
        "details": details,
    })
}

fn describe(record: &Record) -> (Timestamp, &'static str, String, Value) {
    match record {
        Record::Accepted(message) => (
            message.received_at,
            "accepted",
            format!(
                "{} bytes from {}, durable",
                message.body.len(),
                message.partner
            ),
            json!({
                "digest": message.digest.to_string(),
                "content_type": message.content_type,
                "idempotency_key": message.idempotency_key,
                "traceparent": message.traceparent,
            }),
        ),
        Record::Decoded(decoded) => self::decoded(decoded),
        Record::Undecodable(it) => undecodable(it),
        Record::AttemptStarted(it) => attempt_started(it),
        Record::Attempted(it) => attempted(it),
        Record::BreakerMoved(it) => (
            it.at,
            "breaker",
            format!("the breaker of {} moved: {}", it.partner, it.because),
            json!({ "breaker": Breaker::from(&it.state) }),
        ),
        Record::Polled(it) => (
            it.at,
            "polled",
            format!(
                "{} brought by asking {}",
                counted(it.messages.len() as u64, "message"),
                it.partner
            ),
            json!({ "adapter": it.adapter.name, "cursor": it.cursor, "more": it.more }),
        ),
        Record::Swept(it) => (
            it.at,
            "swept",
            "old rows were given up".to_owned(),
            json!({}),
        ),
        Record::TableChanged(it) => (
            it.at,
            "table",
            format!("table {} of {} changed by {}", it.table, it.partner, it.by),
            json!({ "table": it.table, "version": it.version }),
        ),
        Record::Stepped(it) => steps::describe(it),
        Record::Replayed(it) => (
            it.at,
            "replayed",
            format!("{} sent round again by {}", subject(&it.subject), it.by),
            json!({ "dead_letter": it.dead_letter.to_string() }),
        ),
    }
}

/// What the adapter logged meanwhile; nothing when it was silent.
fn log_fields(log: &Log, details: &mut Value) {
    if !log.is_empty() {
        details["log"] = json!(log.lines);
        details["log_cut"] = json!(log.cut);
    }
}

/// Which tables it looked into; nothing when into none.
fn table_fields(tables: &[TableUse], details: &mut Value) {
    if !tables.is_empty() {
        details["tables"] = json!(tables);
    }
}

fn decoded(decoded: &Decoded) -> (Timestamp, &'static str, String, Value) {
    let mut details = json!({
        "fuel_used": decoded.fuel_used,
        "findings": decoded.findings,
        "dead_letter": decoded.dead_letter.map(|it| it.to_string()),
        "routed": decoded.deliveries.iter().map(|it| json!({
            "to": it.to, "kind": it.kind, "rule": it.rule, "delivery": it.id.to_string(),
        })).collect::<Vec<_>>(),
        "envelopes": decoded.envelopes.iter().map(|it| json!({
            "kind": it.kind, "sender": it.sender, "receiver": it.receiver,
            "number": it.number, "found": it.found.as_ref().map(Irregularity::name),
            "taken": it.taken,
        })).collect::<Vec<_>>(),
    });
    adapter_fields(Some(&decoded.adapter), &mut details);
    log_fields(&decoded.log, &mut details);
    table_fields(&decoded.tables, &mut details);
    (decoded.at, "decoded", decoded_text(decoded), details)
}

fn undecodable(it: &Undecodable) -> (Timestamp, &'static str, String, Value) {
    let by = named(it.adapter.as_ref());
    let mut details = json!({
        "dead_letter": it.dead_letter.to_string(),
        "failure": it.failure,
    });
    adapter_fields(it.adapter.as_ref(), &mut details);
    log_fields(&it.log, &mut details);
    table_fields(&it.tables, &mut details);
    let text = format!("could not be read by {by}: {}", it.failure.text);
    (it.at, "dead-letter", text, details)
}

fn decoded_text(decoded: &Decoded) -> String {
    let mut text = format!("{} read", counted(decoded.documents.len(), "document"));
    if !decoded.refused.is_empty() {
        text.push_str(&format!(", {} refused", decoded.refused.len()));
    }
    let repeats = decoded
        .documents
        .iter()
        .filter(|it| matches!(it.disposition, Disposition::Duplicate { .. }))
        .count();
    if repeats > 0 {
        text.push_str(&format!(", {repeats} known already"));
    }
    let deliveries = counted(decoded.deliveries.len(), "delivery");
    text.push_str(&format!(", {deliveries} queued"));
    for envelope in &decoded.envelopes {
        if let Some(found) = &envelope.found {
            text.push_str(&format!(
                ", {} {}: {}",
                envelope.kind,
                envelope.number,
                found.name()
            ));
        }
    }
    text
}

/// `1 document`, `2 documents`; `1 delivery`, `2 deliveries`.
pub(crate) fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {noun}"),
        count => match noun.strip_suffix('y') {
            Some(stem) => format!("{count} {stem}ies"),
            None => format!("{count} {noun}s"),
        },
    }
}

/// Which adapter, for a person: enough of the digest to tell two builds apart.
fn named(adapter: Option<&AdapterRef>) -> String {
    let Some(AdapterRef {
        name,
        version,
        digest,
    }) = adapter
    else {
        return "no adapter".to_owned();
    };
    let digest = digest.to_string();
    format!("{name} {version} (sha256 {})", &digest[..12])
}

/// The same, as fields.
fn adapter_fields(adapter: Option<&AdapterRef>, details: &mut Value) {
    details["adapter"] = json!(adapter.map(|it| &it.name));
    details["adapter_version"] = json!(adapter.map(|it| &it.version));
    details["adapter_digest"] = json!(adapter.map(|it| it.digest.to_string()));
}

fn attempt_started(it: &AttemptStarted) -> (Timestamp, &'static str, String, Value) {
    let request = &it.request;
    let mut what = format!("{} {}", request.method, request.path);
    if let Some(name) = &request.file_name {
        what.push_str(&format!(" ({name})"));
    }
    let mut details = json!({
        "delivery": it.delivery.to_string(),
        "attempt": it.attempt,
        "exchange": it.exchange,
        "request": {
            "method": request.method,
            "path": request.path,
            "content_type": request.content_type,
            "file_name": request.file_name,
            "body": shown(&request.body),
        },
    });
    adapter_fields(Some(&it.adapter), &mut details);
    log_fields(&it.log, &mut details);
    table_fields(&it.tables, &mut details);
    let text = format!("attempt {} of {}: {what}", it.attempt, it.delivery);
    (it.at, "attempt", text, details)
}

fn attempted(it: &Attempted) -> (Timestamp, &'static str, String, Value) {
    let answered = it.answer.as_ref().map(answer);
    let (step, text, extra) = match &it.outcome {
        Outcome::Delivered { external_id } => (
            "delivered",
            format!("{} has it", it.to),
            json!({ "external_id": external_id }),
        ),
        Outcome::AlreadyDelivered { external_id } => (
            "delivered",
            format!("{} had it already", it.to),
            json!({ "external_id": external_id }),
        ),
        Outcome::Retry {
            not_before,
            failure,
        } => (
            "retry",
            format!("attempt {} failed: {}", it.attempt, failure.text),
            json!({ "not_before": not_before.to_string(), "failure": failure }),
        ),
        Outcome::Dead {
            dead_letter,
            because,
            failure,
        } => (
            "dead-letter",
            format!(
                "given up ({because}) with {}: {}",
                named(it.adapter.as_ref()),
                failure.text
            ),
            json!({ "dead_letter": dead_letter.to_string(), "because": because, "failure": failure }),
        ),
    };
    let mut details = json!({
        "delivery": it.delivery.to_string(),
        "attempt": it.attempt,
        "took_ms": it.took_ms,
        "answer": answered,
        "breaker": it.breaker.as_ref().map(Breaker::from),
        "held_until": it.held_until.map(|at| at.to_string()),
        "held_because": it.held_because,
        "outcome": extra,
    });
    adapter_fields(it.adapter.as_ref(), &mut details);
    log_fields(&it.log, &mut details);
    table_fields(&it.tables, &mut details);
    (it.at, step, text, details)
}

fn answer(answer: &Answer) -> Value {
    match answer {
        Answer::Response { status, body, .. } => json!({ "status": status, "body": shown(body) }),
        Answer::Stored { file_name } => json!({ "file_name": file_name }),
    }
}

/// Text as it is, cut; anything else as its length.
fn shown(bytes: &[u8]) -> Value {
    let cut = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
    match std::str::from_utf8(cut) {
        Ok(text) if bytes.len() <= SHOWN_BYTES_MAX => Value::from(text),
        Ok(text) => Value::from(format!("{text}… ({} bytes in all)", bytes.len())),
        Err(error) if error.error_len().is_none() => {
            let text = String::from_utf8_lossy(&cut[..error.valid_up_to()]);
            Value::from(format!("{text}… ({} bytes in all)", bytes.len()))
        }
        Err(_) => Value::from(format!("{} bytes that are not text", bytes.len())),
    }
}

fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Message(id) => format!("message {id}"),
        Subject::Delivery(id) => format!("delivery {id}"),
    }
}
