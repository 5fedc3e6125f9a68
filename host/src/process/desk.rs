//! What every instance keeps beside its facts: what it has heard and said, what it waits
//! for, which exceptions are open.
//!
//! The desk compares what a machine says there is now with what there was, and turns the
//! difference into commands and events.

mod settle;

use serde::{Deserialize, Serialize};

use super::{
    Refusal,
    command::{Command, Event, EventKind},
    exception::{Cause, Exception, Kind, Severity, What},
    timer::{Awaited, Level, Ring, Wait},
    told::words,
};
use crate::clock::Timestamp;

/// The code of a refusal of what somebody has no say in.
pub(super) const NOT_ENTITLED: &str = "not-entitled";

/// What a key ends in that was begun again, before the count.
pub(super) const AGAIN: &str = "#again-";

/// Identities that are remembered. The engine sorts out repetitions within its
/// idempotency window; these catch what is repeated to one instance.
const SEEN_MAX: usize = 128;

/// Things said that are remembered: an order with as many shipments as it may have says
/// some 5,000. Beyond it, receivers tell repetitions by their dedupe keys.
const TOLD_MAX: usize = 8_192;

/// Keys that are remembered to have been begun again.
const AGAIN_MAX: usize = 128;

/// Documents that were not taken in and that nobody has looked at.
const REFUSED_MAX: usize = 16;

/// Exceptions that may be open at once. More causes than that wait until some are gone.
const EXCEPTIONS_MAX: usize = 32;

/// Causes that a person accepted.
const WAIVED_MAX: usize = 64;

/// Deliveries that failed and are not made good.
const DEAD_MAX: usize = 16;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Desk {
    /// The instance's business key: `order/SO-1`.
    pub(super) key: String,
    /// What is waited for.
    pub(super) waits: Vec<Wait>,
    /// What is wrong.
    pub(super) exceptions: Vec<Exception>,
    /// Deliveries that can't be made: key and reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dead: Vec<(String, String)>,
    /// Documents that were not taken in: which, what sort of problem, why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<(String, Kind, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seen: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    told: Vec<u64>,
    /// How often a key was given up and begun again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    again: Vec<(u64, u32)>,
    /// Cause, and the size with which it was accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    waived: Vec<(u64, u64)>,
    /// How many exceptions there have been.
    opened: u32,
}

/// What a machine says there is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// What is waited for.
    pub waits: Vec<Awaited>,
    /// What is wrong.
    pub causes: Vec<Cause>,
}

/// Levels that are no service level but the machine's own clockwork: a breach is what
/// they are for.
const CLOCKWORK: &[Level] = &[Level::Snapshot, Level::Reconciliation, Level::Outage];

/// Levels whose breach the machine itself makes an exception of, or a decision.
const OWN_EXCEPTION: &[Level] = &[
    Level::AdjustmentGap,
    Level::InventoryStaleness,
    Level::ReturnReceipt,
];

// === impl Desk ===

impl Desk {
    /// The desk of a new instance.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..Self::default()
        }
    }

    /// Remembers an input; false when it was there before.
    pub(super) fn hears(&mut self, identity: &str) -> bool {
        remember(&mut self.seen, hash(identity), SEEN_MAX)
    }

    /// Remembers something said; false when it was said before.
    pub(super) fn says(&mut self, key: &str) -> bool {
        let hash = self.numbered_hash(key);
        remember(&mut self.told, hash, TOLD_MAX)
    }

    /// Whether something was said.
    pub(super) fn has_said(&self, key: &str) -> bool {
        self.told.contains(&self.numbered_hash(key))
    }

    /// Lets a thing be said, if it was said before under another key.
    pub(super) fn renew(&mut self, key: &str) {
        if self.has_said(key) {
            self.unsay(key);
        }
    }

    /// Lets a thing be said once more, under another key.
    pub(super) fn unsay(&mut self, key: &str) {
        let of = hash(key);
        match self.again.iter_mut().find(|(again, _)| *again == of) {
            Some((_, count)) => *count += 1,
            None => {
                if self.again.len() == AGAIN_MAX {
                    self.again.remove(0);
                }
                self.again.push((of, 1));
            }
        }
    }

    /// The key with how often it was begun again, so that a repetition on purpose is
    /// another one to whoever sorts out repetitions.
    pub(super) fn numbered(&self, key: &str) -> String {
        let of = hash(key);
        match self.again.iter().find(|(again, _)| *again == of) {
            Some((_, count)) => format!("{key}{AGAIN}{count}"),
            None => key.to_owned(),
        }
    }

    fn numbered_hash(&self, key: &str) -> u64 {
        if self.again.is_empty() {
            return hash(key);
        }
        hash(&self.numbered(key))
    }

    /// Remembers that a delivery can't be made.
    pub(super) fn died(&mut self, key: &str, text: &str) {
        self.revived(key);
        if self.dead.len() < DEAD_MAX {
            self.dead.push((key.to_owned(), words(text)));
        }
    }

    /// Forgets it; false when there was nothing to forget.
    pub(super) fn revived(&mut self, key: &str) -> bool {
        let before = self.dead.len();
        self.dead.retain(|(dead, _)| dead != key);
        self.dead.len() < before
    }

    /// Remembers a document that was not taken in, until somebody accepts that.
    pub(super) fn refuses(&mut self, id: &str, refusal: &Refusal) {
        let kind = match refusal.code {
            NOT_ENTITLED => Kind::NotEntitled,
            _ => Kind::UnfitNumber,
        };
        if self.refused.len() < REFUSED_MAX && !self.refused.iter().any(|it| it.0 == id) {
            self.refused
                .push((id.to_owned(), kind, refusal.text.clone()));
        }
    }

    /// Whether a wait has taken longer than it may.
    pub(super) fn is_breached(&self, level: Level, subject: &str) -> bool {
        let wait = self.wait(level, subject);
        wait.is_some_and(|wait| wait.breached)
    }

    /// A wait.
    pub(super) fn wait(&self, level: Level, subject: &str) -> Option<&Wait> {
        self.waits
            .iter()
            .find(|wait| wait.level == level && wait.subject == subject)
    }

    /// A timer came due. One whose wait is over, or began again meanwhile, says nothing.
    pub(super) fn ring(
        &mut self,
        name: &str,
        now: Timestamp,
        events: &mut Vec<Event>,
        commands: &mut Vec<Command>,
    ) {
        let Some(wait) = self
            .waits
            .iter_mut()
            .find(|wait| name == wait.timer(Ring::Warn) || name == wait.timer(Ring::Breach))
        else {
            return;
        };
        let is_warning = name == wait.timer(Ring::Warn);
        let (due, rung) = if is_warning {
            (wait.warn, &mut wait.warned)
        } else {
            (wait.until, &mut wait.breached)
        };
        if *rung || due.is_none_or(|due| now < due) {
            return;
        }
        *rung = true;
        let kind = if is_warning {
            EventKind::LevelWarned
        } else {
            EventKind::LevelBreached
        };
        let (level, subject) = (wait.level, wait.subject.clone());
        if !CLOCKWORK.contains(&level) {
            events.push(
                Event::new(kind, &subject)
                    .with("level", level.name())
                    .with("on", &wait.on)
                    .with("since", wait.since),
            );
        }
        if level == Level::ExceptionResolution && !is_warning {
            self.escalate(&subject, now, commands);
        }
    }

    /// An exception took too long: it is everybody's now.
    fn escalate(&mut self, id: &str, now: Timestamp, commands: &mut Vec<Command>) {
        if let Some(exception) = self.exceptions.iter_mut().find(|it| it.id == id) {
            exception.severity = Severity::Urgent;
            exception.note(
                now,
                What::Overdue,
                "crossdock",
                "it is open for longer than it may be",
            );
            commands.push(Command::UpdateException(Box::new(exception.clone())));
        }
    }

    /// A person accepts the problem as it is.
    pub(super) fn waive(&mut self, exception: &Exception, by: &str, now: Timestamp) {
        if !self.forgets(exception) {
            let of = cause_hash(exception.kind, &exception.subject);
            self.waived.retain(|(waived, _)| *waived != of);
            if self.waived.len() == WAIVED_MAX {
                self.waived.remove(0);
            }
            self.waived.push((of, size_hash(&exception.text)));
        }
        if let Some(open) = self.exceptions.iter_mut().find(|it| it.id == exception.id) {
            open.note(now, What::Accepted, by, "accepted as it is");
        }
    }

    /// Failed deliveries and refused documents are gone when nobody minds them; the next
    /// one is another problem.
    fn forgets(&mut self, exception: &Exception) -> bool {
        let before = self.refused.len();
        self.refused
            .retain(|(id, kind, _)| (id, *kind) != (&exception.subject, exception.kind));
        let is_dead = exception.kind == Kind::Undeliverable && self.revived(&exception.subject);
        is_dead || self.refused.len() < before
    }

    /// Whether a person accepted the problem as it is.
    pub(super) fn is_waived(&self, cause: &Cause) -> bool {
        let of = (
            cause_hash(cause.kind, &cause.subject),
            size_hash(&cause.text),
        );
        self.waived.contains(&of)
    }
}

/// Adds to a bounded list, oldest out; false when it was there.
fn remember(list: &mut Vec<u64>, hash: u64, max: usize) -> bool {
    if list.contains(&hash) {
        return false;
    }
    if list.len() == max {
        list.remove(0);
    }
    list.push(hash);
    true
}

fn cause_hash(kind: Kind, subject: &str) -> u64 {
    hash(&format!("{}/{subject}", kind.name()))
}

fn size_hash(text: &str) -> u64 {
    hash(text)
}

/// FNV-1a: the same in every version of the program, since states are kept.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
