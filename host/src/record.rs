//! What the journal holds: every step of every message, as it was decided.
//!
//! One record is one atomic step. The view, the lanes, the breakers and every
//! answer of the API are folds over these records, so a fact that must survive a
//! restart is here or nowhere.
//!
//! On disk a record is MessagePack with field names, so that a later version may
//! add fields with a default; fields and variants are never renamed or reused.

mod acknowledges;
mod envelope;
mod step;
mod table;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    deliver::breaker,
    journal::Sequence,
    message::{
        CorrelationId, DeadLetterId, DeliveryId, Digest, DocumentId, MessageId, PartnerName,
        RawMessage,
    },
};

pub use self::{
    acknowledges::{Acknowledges, Level, Verdict},
    envelope::{Envelope, Irregularity},
    step::{Cause, CommandRef, Omitted, Report, Stands, Step, StepRefused, Stepped, WorkId},
    table::{Carried, TableChanged, TableSource, TableUse},
};

/// One durable step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// A partner's message is ours now.
    Accepted(RawMessage),
    /// An adapter read a message, and its documents were routed.
    Decoded(Decoded),
    /// A message could not be read; it waits as a dead letter.
    Undecodable(Undecodable),
    /// A request is about to leave. Durable before the first byte does.
    AttemptStarted(AttemptStarted),
    /// An attempt ended, well or not.
    Attempted(Attempted),
    /// A breaker moved without an attempt: by time or by hand.
    BreakerMoved(BreakerMoved),
    /// A dead letter was sent round again.
    Replayed(Replayed),
    /// What is too old to matter was given up.
    Swept(Swept),
    /// A cross-reference table has another content, or is carried over.
    TableChanged(TableChanged),
    /// A partner was asked for news, and this is what it had.
    Polled(Polled),
    /// Instances of processes took steps.
    Stepped(Stepped),
}

/// Which adapter did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterRef {
    /// The adapter's name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: Digest,
}

/// What is wrong, in a form that outlives the contract's version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable, lower-case words with dashes.
    pub code: String,
    /// One sentence for a person.
    pub text: String,
    /// Whose fault: `partner-data`, `adapter`, `settings`, `partner-system`, `host`.
    pub blame: String,
    /// Where in the message: `W12 (segment 7), element 3`; absent when the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What to do; absent when the text says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The offending value, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// X12 element 718, 720 or 723, where the dialect is X12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledgement_code: Option<String>,
}

/// What an adapter logged during a call, as much as a record keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// In the order of writing.
    pub lines: Vec<LogLine>,
    /// Whether more was logged than is kept.
    #[serde(default)]
    pub cut: bool,
}

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `debug`, `info`, `warn`, `error` or `panic`.
    pub level: String,
    /// What it said.
    pub text: String,
    /// Names and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
}

/// An adapter read a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decoded {
    /// Which message.
    pub message: MessageId,
    /// Who sent it.
    pub partner: PartnerName,
    /// Ties it to what it causes.
    pub correlation_id: CorrelationId,
    /// W3C `traceparent` that every request it causes continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// When.
    pub at: Timestamp,
    /// By which adapter.
    pub adapter: AdapterRef,
    /// Fuel that the adapter used.
    pub fuel_used: u64,
    /// What the adapter logged.
    #[serde(default, skip_serializing_if = "Log::is_empty")]
    pub log: Log,
    /// What the message held, good ones.
    pub documents: Vec<Document>,
    /// What the message held, bad ones.
    pub refused: Vec<Refused>,
    /// What was odd about the message as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Failure>,
    /// What goes where because of it.
    pub deliveries: Vec<Queued>,
    /// What an earlier delivery's receiver says of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledges: Vec<Acknowledges>,
    /// Envelopes that the sender has numbered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub envelopes: Vec<Envelope>,
    /// What the partner is answered on the same connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
    /// Keeps the refused ones for replay; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetterId>,
    /// What the adapter looked into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableUse>,
}

/// One canonical document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// Message and position.
    pub id: DocumentId,
    /// `order`, `shipment`: the case of the contract's variant.
    pub kind: String,
    /// What it is about, `order/4500012`; deliveries of one key keep their order.
    pub business_key: String,
    /// What makes it the same document when it comes again.
    pub identity: Identity,
    /// What became of it.
    pub disposition: Disposition,
    /// The correlation id of the first message about the same business event; absent
    /// when this is the first, or when it belongs to none. An acknowledgement has that
    /// of the delivery it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<CorrelationId>,
    /// Canonical JSON. Empty when the disposition says that it is a duplicate.
    pub content: String,
    /// Whether processes take it in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub processed: bool,
    /// What was odd about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Failure>,
    /// Where it stood: `x12 945 isa 000000012 gs 12 st 0001`.
    pub source: String,
}

/// Names a business document, and what it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// SHA-256 over sender, kind, numbers, purpose and revision.
    pub key: Digest,
    /// SHA-256 over the canonical JSON.
    pub content: Digest,
}

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disposition {
    /// It was routed, or settles something here.
    Routed,
    /// It says what an earlier one said: no second effect.
    Duplicate {
        /// The earlier one.
        of: DocumentId,
    },
    /// It has the numbers of an earlier one and says something else: refused.
    Conflict {
        /// The earlier one.
        with: DocumentId,
    },
    /// No rule wants it: it waits as a dead letter.
    Unrouted,
}

/// One document that could not be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// Which document of the message, from 0.
    pub position: u32,
    /// Where it stood.
    pub source: String,
    /// At least one.
    pub problems: Vec<Failure>,
}

/// A document on its way to a partner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Queued {
    /// Made here.
    pub id: DeliveryId,
    /// What is sent.
    pub document: DocumentId,
    /// To whom.
    pub to: PartnerName,
    /// Kept in order with others of the same key.
    pub business_key: String,
    /// The document's kind.
    pub kind: String,
    /// Counts the deliveries to the partner, from 1.
    pub control_number: u64,
    /// The rule that sent it there.
    pub rule: String,
    /// What its requests bear; absent for the message's own correlation id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// Canonical JSON of what is sent when it is no document of the message: the
    /// acknowledgement that its sender is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Within how many minutes of its delivery the receiver must acknowledge it; absent
    /// when it need not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledgement_minutes: Option<u32>,
    /// What it carries out; absent when a rule of the routing table sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandRef>,
}

/// An answer on the connection that brought the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: String,
    /// The bytes.
    pub body: Bytes,
}

/// A message could not be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Undecodable {
    /// Which message.
    pub message: MessageId,
    /// Who sent it.
    pub partner: PartnerName,
    /// When.
    pub at: Timestamp,
    /// By which adapter; absent when there is none of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<AdapterRef>,
    /// Why.
    pub failure: Failure,
    /// Keeps the message for replay.
    pub dead_letter: DeadLetterId,
    /// What the adapter logged before it failed.
    #[serde(default, skip_serializing_if = "Log::is_empty")]
    pub log: Log,
    /// What the adapter looked into before it failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableUse>,
}

/// What a request was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// HTTP method.
    pub method: String,
    /// Below the endpoint's address.
    pub path: String,
    /// The adapter's own headers; the host's are not kept, they hold secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Media type of `body`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Name in a drop folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Which credential signs it; absent for the endpoint's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// What it counts for in the lane's rate; absent for 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<u32>,
    /// The bytes.
    pub body: Bytes,
}

/// How a request was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// By HTTP.
    Response {
        /// HTTP status.
        status: u16,
        /// Names in lower case.
        headers: Vec<(String, String)>,
        /// The bytes.
        body: Bytes,
    },
    /// The file is durable under this name.
    Stored {
        /// Name in `outbox/`.
        file_name: String,
    },
}

/// A request about to leave.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Counts the delivery's attempts, from 1.
    pub attempt: u32,
    /// When.
    pub at: Timestamp,
    /// By which adapter.
    pub adapter: AdapterRef,
    /// Which request of the conversation, from 0; a retry sends the same again.
    pub exchange: u32,
    /// The answer to the request before it; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Answer>,
    /// What leaves.
    pub request: Request,
    /// What the adapter logged when it was asked for this request.
    #[serde(default, skip_serializing_if = "Log::is_empty")]
    pub log: Log,
    /// What the adapter looked into for this request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableUse>,
}

/// An attempt ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempted {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// To whom.
    pub to: PartnerName,
    /// Which attempt.
    pub attempt: u32,
    /// When.
    pub at: Timestamp,
    /// By which adapter; absent when there is none of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<AdapterRef>,
    /// How long the last request took, in milliseconds.
    pub took_ms: u64,
    /// The last answer; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// What follows.
    pub outcome: Outcome,
    /// The partner's breaker after it, when the attempt moved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<breaker::State>,
    /// Until when the partner asked not to be called at all, when it asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// Why; absent with `held_until`, and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_because: Option<String>,
    /// What the adapter logged after the last answer.
    #[serde(default, skip_serializing_if = "Log::is_empty")]
    pub log: Log,
    /// What the adapter looked into after the last answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableUse>,
}

/// What follows from an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The partner has it.
    Delivered {
        /// Its own number for it.
        external_id: Option<String>,
    },
    /// The partner had it already.
    AlreadyDelivered {
        /// Its own number for it.
        external_id: Option<String>,
    },
    /// It is tried again.
    Retry {
        /// Not before.
        not_before: Timestamp,
        /// Why this attempt failed.
        failure: Failure,
    },
    /// It waits for a person.
    Dead {
        /// Under this id.
        dead_letter: DeadLetterId,
        /// Why no further attempt is made: `rejected`, `attempts`, `age`, `adapter`.
        because: String,
        /// Why the last attempt failed.
        failure: Failure,
    },
}

/// A breaker moved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BreakerMoved {
    /// Whose.
    pub partner: PartnerName,
    /// When.
    pub at: Timestamp,
    /// To what.
    pub state: breaker::State,
    /// Why: an operator's word or `time`.
    pub because: String,
}

/// A dead letter was sent round again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replayed {
    /// Which.
    pub dead_letter: DeadLetterId,
    /// What it holds.
    pub subject: Subject,
    /// When.
    pub at: Timestamp,
    /// Who asked, as far as the host knows.
    pub by: String,
    /// Whether a delivery forgets the exchanges so far, and its adapter begins anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_start: bool,
}

/// What a poll brought, with the place to go on from: both or neither. Each message is
/// [`Record::Accepted`] after it, under the id that it has here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Polled {
    /// Who was asked.
    pub partner: PartnerName,
    /// When the last answer had come.
    pub at: Timestamp,
    /// By which adapter.
    pub adapter: AdapterRef,
    /// Where the next poll goes on; absent when there is no such place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether there was more to ask for.
    pub more: bool,
    /// In the order in which they are to be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<RawMessage>,
    /// What the adapter logged at last.
    #[serde(default, skip_serializing_if = "Log::is_empty")]
    pub log: Log,
}

/// Rows of the view, and perhaps records of the journal, were given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Swept {
    /// When.
    pub at: Timestamp,
    /// What is older than this is not known again.
    pub known_since: Timestamp,
    /// How many rows are looked at, from where the record before it stopped.
    pub rows_max: u32,
    /// What the journal gives up; absent when that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<GivenUp>,
}

/// The beginning of the journal is given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GivenUp {
    /// The first record that is left.
    pub before: Sequence,
    /// All records before it are older than this.
    pub since: Timestamp,
    /// What all records before it, also those that were given up earlier, add up to.
    pub partners: Vec<(PartnerName, Standing)>,
}

/// How a partner stands, as records add it up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// The last control number given.
    pub control_number: u64,
    /// The breaker, as it last moved.
    pub breaker: Option<breaker::State>,
    /// When it last moved.
    pub breaker_moved_at: Option<Timestamp>,
    /// Until when the partner asked not to be called.
    pub held_until: Option<Timestamp>,
    /// Why.
    pub held_because: Option<String>,
    /// When the partner last sent something.
    pub last_received_at: Option<Timestamp>,
    /// When something last reached the partner.
    pub last_delivered_at: Option<Timestamp>,
    /// Deliveries that reached it.
    pub delivered: u64,
    /// Deliveries that ended as dead letters.
    pub dead: u64,
    /// Where polling stands; absent where none has brought anything.
    pub polled: Option<PollStanding>,
}

/// Where polling a partner stands, as records say it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollStanding {
    /// Where the next poll goes on.
    pub cursor: Option<String>,
    /// When the last one was that moved it.
    pub at: Timestamp,
}

/// What a dead letter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// A message that is to be decoded again.
    Message(MessageId),
    /// A delivery that is to be tried again.
    Delivery(DeliveryId),
}

/// The record of this place can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the record is not one that this version knows: {0}")]
pub struct Unreadable(#[from] rmp_serde::decode::Error);

// === impl Log ===

impl Log {
    /// Whether nothing was logged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && !self.cut
    }

    /// Gives the lines up, which is noted; says whether there were any.
    fn give_up(&mut self) -> bool {
        if self.lines.is_empty() {
            return false;
        }
        *self = Self {
            lines: Vec::new(),
            cut: true,
        };
        true
    }
}

// === impl Record ===

impl Record {
    /// Gives up what is least needed, so that the record may fit the journal after
    /// all; says whether there was something.
    pub fn give_up_log(&mut self) -> bool {
        match self {
            Self::Decoded(it) => it.log.give_up(),
            Self::Undecodable(it) => it.log.give_up(),
            Self::AttemptStarted(it) => it.log.give_up(),
            Self::Attempted(it) => it.log.give_up(),
            Self::Polled(it) => it.log.give_up(),
            Self::Accepted(_)
            | Self::BreakerMoved(_)
            | Self::Replayed(_)
            | Self::Swept(_)
            | Self::TableChanged(_)
            | Self::Stepped(_) => false,
        }
    }

    /// When it was decided.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Accepted(it) => it.received_at,
            Self::Decoded(it) => it.at,
            Self::Undecodable(it) => it.at,
            Self::AttemptStarted(it) => it.at,
            Self::Attempted(it) => it.at,
            Self::BreakerMoved(it) => it.at,
            Self::Replayed(it) => it.at,
            Self::Swept(it) => it.at,
            Self::TableChanged(it) => it.carried.as_ref().map_or(it.at, |carried| carried.at),
            Self::Polled(it) => it.at,
            Self::Stepped(it) => it.at,
        }
    }

    /// The bytes for the journal.
    ///
    /// # Panics
    /// Never: the types above have no map keys or values that MessagePack lacks.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size_hint());
        #[expect(
            clippy::expect_used,
            reason = "writing these types to memory can't fail"
        )]
        rmp_serde::encode::write_named(&mut bytes, self).expect("records are serialisable");
        bytes
    }

    /// Reads what [`Record::to_bytes`] wrote, by this or an earlier version.
    ///
    /// # Errors
    /// Says what a record of a later version or a foreign one lacks.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        Ok(rmp_serde::from_slice(bytes)?)
    }

    fn size_hint(&self) -> usize {
        match self {
            Self::Accepted(message) => 512 + message.body.len(),
            Self::Decoded(decoded) => {
                let content: usize = decoded.documents.iter().map(|it| it.content.len()).sum();
                1024 + content
            }
            Self::AttemptStarted(started) => 512 + started.request.body.len(),
            Self::TableChanged(changed) => {
                let content = changed.content.as_ref();
                512 + content.map_or(0, |it| it.bytes() + it.len() * 4)
            }
            Self::Polled(polled) => {
                let bodies = polled.messages.iter().map(|it| 512 + it.body.len());
                512 + bodies.sum::<usize>()
            }
            Self::Stepped(stepped) => {
                let states = stepped.steps.iter().map(|it| 1024 + it.state.len());
                let contents = stepped.deliveries.iter();
                let contents = contents.map(|it| it.content.as_ref().map_or(0, String::len));
                512 + states.chain(contents).sum::<usize>()
            }
            _ => 512,
        }
    }
}

// === impl Subject ===

impl Subject {
    /// The message it belongs to.
    #[must_use]
    pub fn message(&self) -> MessageId {
        match self {
            Self::Message(message) => *message,
            Self::Delivery(delivery) => delivery.message,
        }
    }
}
