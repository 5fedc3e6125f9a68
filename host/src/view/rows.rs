//! Rows of the view. All are small; long things are in the journal.

use serde::{Deserialize, Serialize};

use super::acknowledgement::Acknowledgement;
use crate::{
    clock::Timestamp,
    journal::Sequence,
    message::{Channel, CorrelationId, DeadLetterId, Digest, DocumentId, MessageId, PartnerName},
    record::{CommandRef, Failure, Subject},
};

/// How many sequences of its history a row keeps; older ones are in the journal.
pub(super) const HISTORY_MAX: usize = 64;
/// How many business keys a message row shows.
pub(super) const BUSINESS_KEYS_MAX: usize = 4;
/// How many bytes of a text a row keeps.
pub(super) const TEXT_BYTES_MAX: usize = 400;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageStatus {
    /// Durable, not read yet.
    Accepted,
    /// All of it was read.
    Decoded,
    /// Some of it was refused.
    PartlyRefused,
    /// None of it could be read.
    Refused,
}

/// One message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MessageRow {
    /// Who sent it.
    pub partner: PartnerName,
    /// Ties it to what it caused.
    pub correlation_id: CorrelationId,
    /// When it was received.
    pub received_at: Timestamp,
    /// How it came.
    pub channel: Channel,
    /// Bytes of its body.
    pub bytes: u64,
    /// Where it stands.
    pub status: MessageStatus,
    /// The record that accepted it; its body is there.
    pub accepted: Sequence,
    /// The record that gave it its place among what waits to be decoded: the one that
    /// accepted it or, later, that replayed it.
    pub place: Sequence,
    /// Records that decoded it or failed to, and replays, oldest first.
    pub history: Vec<Sequence>,
    /// Documents that were read.
    pub documents: u32,
    /// Documents that were refused.
    pub refused: u32,
    /// Deliveries that it caused so far.
    pub deliveries: u32,
    /// The first few business keys.
    pub business_keys: Vec<String>,
}

/// Where a delivery stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum DeliveryStatus {
    /// Waits for its turn.
    Queued,
    /// A request is out, or was when the process ended.
    InFlight,
    /// Waits for another attempt.
    Retrying {
        /// Not before.
        not_before: Timestamp,
    },
    /// The partner has it.
    Delivered,
    /// The partner had it already.
    AlreadyDelivered,
    /// It waits for a person.
    Dead {
        /// Under this id.
        dead_letter: DeadLetterId,
    },
}

/// One delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// To whom.
    pub to: PartnerName,
    /// What.
    pub document: DocumentId,
    /// The document's kind.
    pub kind: String,
    /// Ties it to what caused it.
    pub correlation_id: CorrelationId,
    /// W3C `traceparent` that its requests continue.
    pub traceparent: Option<String>,
    /// Kept in order with others of the same key.
    pub business_key: String,
    /// Counts the deliveries to the partner.
    pub control_number: u64,
    /// The rule that sent it.
    pub rule: String,
    /// What it carries out; absent when a rule sent it.
    #[serde(default)]
    pub command: Option<CommandRef>,
    /// The record that queued it; its document is there.
    pub queued: Sequence,
    /// Which of the deliveries of that record.
    pub index: u32,
    /// The record that gave it its place in the lane: the one that queued it or, later,
    /// that replayed it.
    pub place: Sequence,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts so far, since the last replay.
    pub attempts: u32,
    /// When the first of them began.
    pub first_attempt_at: Option<Timestamp>,
    /// Records of attempts, replays and acknowledgements, oldest first.
    pub history: Vec<Sequence>,
    /// Records of the requests of the open conversation, one each.
    pub conversation: Vec<Sequence>,
    /// The partner's own number for it.
    pub external_id: Option<String>,
    /// What the partner says of it, and until when it should.
    pub acknowledgement: Acknowledgement,
    /// Why the last attempt failed.
    pub failure: Option<Failure>,
}

/// Where a dead letter stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum DeadLetterStatus {
    /// It waits for a person.
    Waiting,
    /// It was sent round again.
    Replayed {
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
    },
}

/// One dead letter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadLetterRow {
    /// What it holds.
    pub subject: Subject,
    /// Whose message it is, or to whom it could not be delivered.
    pub partner: PartnerName,
    /// When it was made.
    pub at: Timestamp,
    /// Which step failed: `decode`, `route`, `deliver`.
    pub step: String,
    /// What it is about; empty when unknown.
    pub business_key: String,
    /// Why.
    pub failure: Failure,
    /// Attempts that were made.
    pub attempts: u32,
    /// The record that made it.
    pub sequence: Sequence,
    /// SHA-256 of the adapter that failed.
    pub adapter: Option<Digest>,
    /// Where it stands.
    pub status: DeadLetterStatus,
}

/// What an idempotency key stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdempotencyRow {
    /// The message that first bore it.
    pub message: MessageId,
    /// That message's correlation id.
    pub correlation_id: CorrelationId,
    /// SHA-256 of that message's body.
    pub digest: Digest,
    /// When it came.
    pub at: Timestamp,
}

/// The first document of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityRow {
    /// Which.
    pub document: DocumentId,
    /// SHA-256 of its canonical JSON.
    pub content: Digest,
    /// When it was read.
    pub at: Timestamp,
    /// Whether it had an effect; one that no rule wanted may still get it.
    pub routed: bool,
}

/// How a business event began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadRow {
    /// The correlation id of its first message.
    pub correlation_id: CorrelationId,
    /// That message.
    pub message: MessageId,
}

/// How far a series of numbered envelopes has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesRow {
    /// The number that came last.
    pub last: u64,
    /// When.
    pub at: Timestamp,
}

/// An envelope's number that was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRow {
    /// SHA-256 of the envelope's contents.
    pub content: Digest,
    /// In which message.
    pub message: MessageId,
    /// When it was read.
    pub at: Timestamp,
}

/// Which records the journal has given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRow {
    /// The first record that is left.
    pub before: Sequence,
    /// All that were given up are older than this.
    pub since: Timestamp,
}

// === impl DeliveryRow ===

impl DeliveryRow {
    /// Whether nothing more will be tried by itself.
    #[must_use]
    pub fn settled(&self) -> bool {
        matches!(
            self.status,
            DeliveryStatus::Delivered
                | DeliveryStatus::AlreadyDelivered
                | DeliveryStatus::Dead { .. }
        )
    }

    /// Whether it waits for a person.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.status, DeliveryStatus::Dead { .. })
    }
}

/// Keeps the newest [`HISTORY_MAX`] entries.
pub(super) fn remember(history: &mut Vec<Sequence>, sequence: Sequence) {
    if history.len() >= HISTORY_MAX {
        history.remove(0);
    }
    history.push(sequence);
}

/// A failure whose texts fit a row.
pub(super) fn shortened(failure: &Failure) -> Failure {
    Failure {
        text: shorten(&failure.text),
        place: failure.place.as_deref().map(shorten),
        remedy: failure.remedy.as_deref().map(shorten),
        value: failure.value.as_deref().map(shorten),
        ..failure.clone()
    }
}

pub(super) fn shorten(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// The delivery's place in its lane.
pub(super) fn queue_key(row: &DeliveryRow) -> Vec<u8> {
    super::keys::queue(&row.to, row.place, row.index)
}
