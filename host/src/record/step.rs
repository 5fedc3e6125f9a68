//! What processes did, as records keep it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Queued;
use crate::{
    clock::Timestamp,
    journal::Sequence,
    message::{CorrelationId, DeliveryId, DocumentId, PartnerName},
    process::{Command, Event, exception::Action, timer::Wait},
};

/// Instances of processes took steps, all because of one thing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stepped {
    /// When.
    pub at: Timestamp,
    /// What moved them.
    pub cause: Cause,
    /// Which of the work that records left it does; absent for what nobody left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkId>,
    /// How much of that work is left after it, counted from the end; 0 when it is done.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left: u32,
    /// W3C `traceparent` that every request it causes continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// In the order in which they were taken.
    pub steps: Vec<Step>,
    /// What goes where because of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Queued>,
    /// Reports that they asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<Report>,
}

/// What moved instances of processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Cause {
    /// A partner sent a document.
    Document {
        /// Which.
        document: DocumentId,
        /// Who sent it.
        from: PartnerName,
        /// What it is, `order` or `shipment`; absent when that was not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        document_kind: Option<String>,
    },
    /// A delivery ended.
    Outcome {
        /// Which.
        delivery: DeliveryId,
    },
    /// A partner stopped answering, or answers again.
    Availability {
        /// Which.
        partner: PartnerName,
        /// Whether it answers.
        available: bool,
    },
    /// A timer came due.
    Timer {
        /// The instance's process.
        process: String,
        /// Its key.
        key: String,
        /// The timer.
        name: String,
        /// When it was due.
        due: Timestamp,
    },
    /// A person acted on an exception.
    Action {
        /// Which.
        exception: String,
        /// What was done.
        action: Action,
        /// Who, as far as the host knows.
        by: String,
        /// What was said about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// An instance was brought to another version of its process.
    Migration {
        /// From which version.
        from: u32,
        /// Who asked, as far as the host knows.
        by: String,
    },
    /// The journal gives its beginning up, and what is needed of it is carried over.
    Carried,
}

/// Work that a record left for processes: the record, and which piece of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkId {
    /// Which record.
    pub sequence: Sequence,
    /// Which piece, from 0.
    pub ordinal: u32,
}

/// One instance took one step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Its process.
    pub process: String,
    /// Its version.
    pub version: u32,
    /// Its business key.
    pub key: String,
    /// What the input is known by when it comes again.
    pub input: String,
    /// Ties it to what it causes: that of the first message about it.
    pub correlation_id: CorrelationId,
    /// The document that it began with; absent for what began without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<DocumentId>,
    /// Its state after the step: MessagePack, as the process has it. Empty when the step
    /// failed, and the state is as it was.
    pub state: Bytes,
    /// Where it stands, in the process's words.
    pub status: String,
    /// Whether nothing is left to do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finished: bool,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<Wait>,
    /// How many exceptions are open.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub exceptions: u32,
    /// What there is to know of it in short.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
    /// What is to be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Command>,
    /// What became true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// Why the input was not taken in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<StepRefused>,
    /// Commands that nothing came of: nobody is there who could get it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<Omitted>,
    /// It is no step: the instance is said again as it stands, because the journal gives
    /// the record of its last step up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands: Option<Stands>,
}

/// How long an instance has been there when it is said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stands {
    /// When it took its first step.
    pub begun_at: Timestamp,
    /// When it took its last.
    pub changed_at: Timestamp,
    /// How many it has taken.
    pub steps: u64,
}

/// Why a step failed, or its input was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRefused {
    /// Stable, lower-case words with dashes.
    pub code: String,
    /// For a person.
    pub text: String,
}

/// A document that was not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omitted {
    /// The command's.
    pub dedupe_key: String,
    /// Why.
    pub text: String,
}

/// A node's reconciliation report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Which node's.
    pub node: String,
    /// How many positions it has.
    pub positions: u32,
    /// JSON.
    pub json: String,
}

/// Which command of which instance a delivery carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRef {
    /// The instance's process.
    pub process: String,
    /// Its key.
    pub key: String,
    /// The command's.
    pub dedupe_key: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the serialiser passes a reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

// === impl Step ===

impl Step {
    /// A fact by its name.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        let fact = self.facts.iter().find(|(known, _)| known == name);
        fact.map(|(_, value)| value.as_str())
    }
}
