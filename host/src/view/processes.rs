//! Rows about processes: instances, their states, timers, exceptions, service levels,
//! and the work that records leave for them.
//!
//! A row of sled stays under 4 KiB, a state or an exception may be longer: those are
//! kept in pieces.

mod ask;
mod keys;
mod level;
mod long;
mod work;

use serde::{Deserialize, Serialize};

pub use self::{
    ask::{ExceptionFilter, ExceptionPage, InstanceCount, InstanceFilter, InstancePage},
    level::{BreachRow, LevelRow, Percentiles},
    work::{Waiting, Work},
};
pub(super) use self::{
    keys::{
        EXCEPTIONS, INSTANCES, LEVELS, REPORTS, SENT, STATES, asked, breach, day, day_of,
        exception, instance, level, open, report, sent, state, timer, timer_of, work,
    },
    level::{datum, of as level_of},
    long::{joined, piece, pieces},
};
use super::rows::shorten;
use crate::{
    clock::Timestamp,
    journal::Sequence,
    message::{CorrelationId, DocumentId},
    process::{
        exception::Exception,
        timer::{Level, Wait},
    },
    record::{Step, WorkId},
};

/// How many sequences of its history an instance's row keeps.
pub(super) const HISTORY_MAX: usize = 96;
/// How many waits and breaches it shows.
const SHOWN_MAX: usize = 6;
/// How many facts, and how long each may be, in bytes.
const FACTS_MAX: usize = 20;
const FACT_BYTES_MAX: usize = 80;

/// One instance of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRow {
    /// The version of the process that it goes on with.
    pub version: u32,
    /// Where it stands, in the process's words.
    pub status: String,
    /// Whether nothing is left to do.
    pub finished: bool,
    /// The record of its last step.
    pub sequence: Sequence,
    /// The record that holds its state.
    pub stated: Sequence,
    /// How many steps it has taken.
    pub steps: u64,
    /// When it took the first.
    pub begun_at: Timestamp,
    /// When it took the last.
    pub changed_at: Timestamp,
    /// Ties it to what it causes.
    pub correlation_id: CorrelationId,
    /// The document that it began with.
    pub origin: Option<DocumentId>,
    /// What it waits for, the first few.
    pub waits: Vec<Wait>,
    /// How many exceptions are open.
    pub exceptions: u32,
    /// What there is to know of it in short.
    pub facts: Vec<(String, String)>,
    /// Records of its steps, oldest first; the oldest go.
    pub history: Vec<Sequence>,
    /// Its rows among what takes longer than it may.
    pub breaches: Vec<(String, String, String)>,
}

/// An exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionRow {
    /// The process of the instance that it is about.
    pub process: String,
    /// The record that changed it last.
    pub sequence: Sequence,
    /// When that was.
    pub changed_at: Timestamp,
    /// As it stands.
    pub exception: Exception,
}

/// A timer that has not come due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// When it does.
    pub due: Timestamp,
    /// The instance's process.
    pub process: String,
    /// Its key.
    pub key: String,
    /// The timer's name.
    pub name: String,
}

/// Where a reconciliation report is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRow {
    /// The record that holds it.
    pub sequence: Sequence,
    /// Which of that record's reports.
    pub index: u32,
    /// When it was made.
    pub at: Timestamp,
    /// How many positions it has.
    pub positions: u32,
}

// === impl InstanceRow ===

impl InstanceRow {
    /// The row of an instance that takes its first step.
    pub(super) fn begin(step: &Step, at: Timestamp, sequence: Sequence) -> Self {
        Self {
            version: step.version,
            status: String::new(),
            finished: false,
            sequence,
            stated: sequence,
            steps: 0,
            begun_at: at,
            changed_at: at,
            correlation_id: step.correlation_id.clone(),
            origin: step.origin,
            waits: Vec::new(),
            exceptions: 0,
            facts: Vec::new(),
            history: Vec::new(),
            breaches: Vec::new(),
        }
    }

    /// A step more.
    pub(super) fn step(&mut self, step: &Step, at: Timestamp, sequence: Sequence) {
        self.sequence = sequence;
        match step.stands {
            Some(stands) => {
                self.steps = stands.steps;
                self.begun_at = stands.begun_at;
                self.changed_at = stands.changed_at;
            }
            None => {
                self.steps += 1;
                self.changed_at = at;
            }
        }
        self.origin = self.origin.or(step.origin);
        if self.history.last() != Some(&sequence) {
            if self.history.len() >= HISTORY_MAX {
                self.history.remove(0);
            }
            self.history.push(sequence);
        }
        if step.state.is_empty() {
            return;
        }
        self.stated = sequence;
        self.version = step.version;
        self.status = shorten(&step.status);
        self.finished = step.finished;
        self.exceptions = step.exceptions;
        self.waits = step.waits.iter().take(SHOWN_MAX).map(short_wait).collect();
        let facts = step.facts.iter().take(FACTS_MAX);
        self.facts = facts
            .map(|(name, value)| (short(name), short(value)))
            .collect();
    }

    /// A fact by its name.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        let fact = self.facts.iter().find(|(known, _)| known == name);
        fact.map(|(_, value)| value.as_str())
    }
}

/// The waits of a step that take longer than they may, the first few.
pub(super) fn breached(step: &Step) -> impl Iterator<Item = &Wait> {
    step.waits
        .iter()
        .filter(|wait| wait.breached && !is_clockwork(wait))
        .take(SHOWN_MAX)
}

/// Whether it is no service level but the process's own clockwork.
fn is_clockwork(wait: &Wait) -> bool {
    matches!(
        wait.level,
        Level::Snapshot | Level::Reconciliation | Level::Outage
    )
}

fn short_wait(wait: &Wait) -> Wait {
    Wait {
        subject: short(&wait.subject),
        on: short(&wait.on),
        ..wait.clone()
    }
}

fn short(text: &str) -> String {
    let mut end = text.len().min(FACT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

// === impl Waiting ===

impl Waiting {
    /// The name that a record gives to this work when it does it.
    #[must_use]
    pub fn id(&self) -> WorkId {
        self.id
    }
}
