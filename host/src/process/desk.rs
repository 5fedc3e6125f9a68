//! What every instance keeps beside its facts: what it has heard and said, what it waits
//! for, which exceptions are open.
//!
//! The desk compares what a machine says there is now with what there was, and turns the
//! difference into commands and events.

use serde::{Deserialize, Serialize};

use super::{
    World,
    command::{Command, Event, EventKind},
    exception::{Action, Cause, Exception, Kind, Severity, What},
    timer::{Awaited, Level, Ring, Wait},
};
use crate::clock::Timestamp;

/// Identities that are remembered. The engine sorts out repetitions within its
/// idempotency window; these catch what is repeated to one instance.
const SEEN_MAX: usize = 128;

/// Things said that are remembered. Far more than a run says; beyond it, receivers tell
/// repetitions by their dedupe keys.
const TOLD_MAX: usize = 512;

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
/// they are for, and nobody's exception.
const CLOCKWORK: &[Level] = &[
    Level::Snapshot,
    Level::Reconciliation,
    Level::Outage,
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
        let hash = hash(&self.numbered(key));
        remember(&mut self.told, hash, TOLD_MAX)
    }

    /// Whether something was said.
    pub(super) fn has_said(&self, key: &str) -> bool {
        self.told.contains(&hash(&self.numbered(key)))
    }

    /// Lets a thing be said once more, under another key.
    pub(super) fn unsay(&mut self, key: &str) {
        let of = hash(key);
        match self.again.iter_mut().find(|(again, _)| *again == of) {
            Some((_, count)) => *count += 1,
            None => self.again.push((of, 1)),
        }
    }

    /// The key with how often it was begun again, so that a repetition on purpose is
    /// another one to whoever sorts out repetitions.
    pub(super) fn numbered(&self, key: &str) -> String {
        let of = hash(key);
        match self.again.iter().find(|(again, _)| *again == of) {
            Some((_, count)) => format!("{key}#{count}"),
            None => key.to_owned(),
        }
    }

    /// Remembers that a delivery can't be made.
    pub(super) fn died(&mut self, key: &str, text: &str) {
        self.revived(key);
        if self.dead.len() < DEAD_MAX {
            self.dead.push((key.to_owned(), text.to_owned()));
        }
    }

    /// Forgets it; false when there was nothing to forget.
    pub(super) fn revived(&mut self, key: &str) -> bool {
        let before = self.dead.len();
        self.dead.retain(|(dead, _)| dead != key);
        self.dead.len() < before
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
    pub(super) fn ring(&mut self, name: &str, now: Timestamp, events: &mut Vec<Event>, commands: &mut Vec<Command>) {
        let Some(wait) = self.waits.iter_mut().find(|wait| {
            name == wait.timer(Ring::Warn) || name == wait.timer(Ring::Breach)
        }) else {
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
        let kind = if is_warning { EventKind::LevelWarned } else { EventKind::LevelBreached };
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
            exception.note(now, What::Overdue, "crossdock", "it is open for longer than it may be");
            commands.push(Command::UpdateException(Box::new(exception.clone())));
        }
    }

    /// A person accepts the problem as it is.
    pub(super) fn waive(&mut self, exception: &Exception, by: &str, now: Timestamp) {
        let of = cause_hash(exception.kind, &exception.subject);
        self.waived.retain(|(waived, _)| *waived != of);
        if self.waived.len() == WAIVED_MAX {
            self.waived.remove(0);
        }
        self.waived.push((of, size_hash(&exception.text)));
        if let Some(open) = self.exceptions.iter_mut().find(|it| it.id == exception.id) {
            open.note(now, What::Accepted, by, "accepted as it is");
        }
    }

    /// Whether a person accepted the problem as it is.
    pub(super) fn is_waived(&self, cause: &Cause) -> bool {
        let of = (cause_hash(cause.kind, &cause.subject), size_hash(&cause.text));
        self.waived.contains(&of)
    }

    /// Brings waits and exceptions to what there is now.
    pub(super) fn settle(
        &mut self,
        picture: Picture,
        now: Timestamp,
        world: &World<'_>,
        commands: &mut Vec<Command>,
        events: &mut Vec<Event>,
    ) {
        let Picture { mut waits, mut causes } = picture;
        for awaited in &waits {
            let kept = self.wait(awaited.level, &awaited.subject).filter(|wait| continues(wait, awaited));
            causes.extend(kept.and_then(overdue));
        }
        for (key, text) in &self.dead {
            let said = format!("{key} can't be delivered: {text}");
            causes.push(
                Cause::new(Kind::Undeliverable, key, said)
                    .severity(Severity::High)
                    .actions(&[Action::Retry, Action::AcceptVariance]),
            );
        }
        self.settle_exceptions(causes, now, world, commands);
        for exception in &self.exceptions {
            let awaited = Awaited::new(Level::ExceptionResolution, &exception.id, &exception.owner);
            let severity = severity_name(exception.severity);
            waits.push(awaited.priority(Some(severity)).since(exception.opened_at));
        }
        self.settle_waits(waits, now, world, commands, events);
        for index in 0..self.exceptions.len() {
            let id = self.exceptions[index].id.clone();
            self.exceptions[index].due = self.wait(Level::ExceptionResolution, &id).and_then(|wait| wait.until);
        }
    }

    fn settle_exceptions(
        &mut self,
        causes: Vec<Cause>,
        now: Timestamp,
        world: &World<'_>,
        commands: &mut Vec<Command>,
    ) {
        let (mut open, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.exceptions)
            .into_iter()
            .partition(|it| causes.iter().any(|cause| it.is_of(cause) && !self.is_waived(cause)));
        for mut exception in gone {
            exception.closed = true;
            let accepted = exception.history.last().is_some_and(|last| last.what == What::Accepted);
            if !accepted {
                exception.note(now, What::Cleared, "crossdock", "its cause went away");
            }
            commands.push(Command::CloseException(Box::new(exception)));
        }
        for cause in causes {
            if self.is_waived(&cause) {
                continue;
            }
            if let Some(exception) = open.iter_mut().find(|it| it.is_of(&cause)) {
                if !exception.says(&cause) {
                    exception.severity = exception.severity.max(cause.severity);
                    exception.context = cause.context;
                    exception.actions = cause.actions;
                    if exception.text != cause.text {
                        exception.text = cause.text.clone();
                        exception.note(now, What::Changed, "crossdock", cause.text);
                    }
                    commands.push(Command::UpdateException(Box::new(exception.clone())));
                }
            } else if open.len() < EXCEPTIONS_MAX {
                self.opened += 1;
                let exception = self.exception(cause, now, world);
                commands.push(Command::OpenException(Box::new(exception.clone())));
                open.push(exception);
            }
        }
        self.exceptions = open;
    }

    fn exception(&self, cause: Cause, now: Timestamp, world: &World<'_>) -> Exception {
        let owner = world.policy.owner(cause.kind);
        let severity = severity_name(cause.severity);
        let limit = world.policy.limits.of(Level::ExceptionResolution, &owner, Some(severity));
        let mut exception = Exception {
            id: format!("{}#{}", self.key, self.opened),
            kind: cause.kind,
            subject: cause.subject,
            severity: cause.severity,
            key: self.key.clone(),
            text: cause.text.clone(),
            context: cause.context,
            due: limit.map(|limit| limit.ends(now, world.policy.calendars.of(&owner)).1),
            owner,
            opened_at: now,
            actions: cause.actions,
            history: Vec::new(),
            closed: false,
        };
        exception.note(now, What::Opened, "crossdock", cause.text);
        exception
    }

    fn settle_waits(
        &mut self,
        awaited: Vec<Awaited>,
        now: Timestamp,
        world: &World<'_>,
        commands: &mut Vec<Command>,
        events: &mut Vec<Event>,
    ) {
        let mut before = std::mem::take(&mut self.waits);
        for awaited in awaited {
            let same = before.iter().position(|wait| {
                wait.level == awaited.level && wait.subject == awaited.subject
            });
            let kept = same.map(|index| before.swap_remove(index));
            let wait = match kept {
                Some(mut wait) if continues(&wait, &awaited) => {
                    wait.on = awaited.on;
                    wait
                }
                other => {
                    let wait = begin(&awaited, now, world);
                    if let Some(ended) = other {
                        forget(&ended, &wait, commands);
                    }
                    for (ring, due) in [(Ring::Warn, wait.warn), (Ring::Breach, wait.until)] {
                        if let Some(due) = due {
                            commands.push(Command::SetTimer { name: wait.timer(ring), due });
                        }
                    }
                    wait
                }
            };
            self.waits.push(wait);
        }
        for wait in before {
            for ring in pending(&wait) {
                commands.push(Command::ClearTimer { name: wait.timer(ring) });
            }
            if !CLOCKWORK.contains(&wait.level) && wait.until.is_some() {
                events.push(
                    Event::new(EventKind::LevelMet, &wait.subject)
                        .with("level", wait.level.name())
                        .with("on", &wait.on)
                        .with("took_ms", now.since(wait.since).as_millis())
                        .with("in_time", !wait.breached),
                );
            }
        }
        self.waits.sort_by(|left, right| (left.level, &left.subject).cmp(&(right.level, &right.subject)));
    }
}

/// Whether it is still the same waiting.
fn continues(wait: &Wait, awaited: &Awaited) -> bool {
    awaited.since.is_none_or(|since| since == wait.since)
        && awaited.until.is_none_or(|until| Some(until) == wait.until)
        // Another one's turn is another waiting, with another limit.
        && (wait.on == awaited.on)
}

fn begin(awaited: &Awaited, now: Timestamp, world: &World<'_>) -> Wait {
    let since = awaited.since.unwrap_or(now);
    let calendar = world.policy.calendars.of(&awaited.on);
    let limit = world.policy.limits.of(awaited.level, &awaited.on, awaited.priority.as_deref());
    let ends = limit.map(|limit| limit.ends(since, calendar));
    let (warn, until) = match awaited.until {
        // A fixed end has the warning that a limit would give, if that is still before it.
        Some(until) => (ends.map(|(warn, _)| warn).filter(|warn| *warn < until), Some(until)),
        None => (ends.map(|(warn, _)| warn), ends.map(|(_, until)| until)),
    };
    Wait {
        level: awaited.level,
        subject: awaited.subject.clone(),
        on: awaited.on.clone(),
        since,
        warn,
        until,
        warned: false,
        breached: false,
    }
}

/// The timers of a wait that begins again are set anew; those that it has no more go.
fn forget(ended: &Wait, begun: &Wait, commands: &mut Vec<Command>) {
    for ring in pending(ended) {
        let taken_over = match ring {
            Ring::Warn => begun.warn.is_some(),
            Ring::Breach => begun.until.is_some(),
        };
        if !taken_over {
            commands.push(Command::ClearTimer { name: ended.timer(ring) });
        }
    }
}

/// The timers that have not rung.
fn pending(wait: &Wait) -> impl Iterator<Item = Ring> {
    let warn = (wait.warn.is_some() && !wait.warned).then_some(Ring::Warn);
    let breach = (wait.until.is_some() && !wait.breached).then_some(Ring::Breach);
    warn.into_iter().chain(breach)
}

/// The problem that a breached wait is.
fn overdue(wait: &Wait) -> Option<Cause> {
    let until = wait.until.filter(|_| wait.breached && !CLOCKWORK.contains(&wait.level))?;
    let subject = format!("{}/{}", wait.level.name(), wait.subject);
    let text = format!(
        "{} by {} was due at {until}, awaited since {}",
        wait.level.name(),
        wait.on,
        wait.since
    );
    Some(
        Cause::new(Kind::Overdue, &subject, text)
            .severity(Severity::High)
            .with("on", &wait.on)
            .actions(&[Action::Retry, Action::AcceptVariance]),
    )
}

/// As limits spell it.
fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Normal => "normal",
        Severity::High => "high",
        Severity::Urgent => "urgent",
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
