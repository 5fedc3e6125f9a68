//! From what a machine says there is now to timers and exceptions.

use super::{CLOCKWORK, Desk, EXCEPTIONS_MAX, OWN_EXCEPTION, Picture};
use crate::{
    clock::Timestamp,
    process::{
        World,
        command::{Command, Event, EventKind},
        exception::{Action, Cause, Exception, Kind, Severity, What},
        timer::{Awaited, Level, Ring, Wait},
    },
};

// === impl Desk ===

impl Desk {
    /// Brings waits and exceptions to what there is now.
    pub(in crate::process) fn settle(
        &mut self,
        picture: Picture,
        now: Timestamp,
        world: &World<'_>,
        commands: &mut Vec<Command>,
        events: &mut Vec<Event>,
    ) {
        let Picture {
            mut waits,
            mut causes,
        } = picture;
        for awaited in &waits {
            let kept = self
                .wait(awaited.level, &awaited.subject)
                .filter(|wait| continues(wait, awaited));
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
        for (id, kind, text) in &self.refused {
            let text = format!("document {id} was not taken in: {text}");
            causes.push(
                Cause::new(*kind, id, text)
                    .with("document", id)
                    .actions(&[Action::AcceptVariance]),
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
            self.exceptions[index].due = self
                .wait(Level::ExceptionResolution, &id)
                .and_then(|wait| wait.until);
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
            .partition(|it| {
                causes
                    .iter()
                    .any(|cause| it.is_of(cause) && !self.is_waived(cause))
            });
        for mut exception in gone {
            exception.closed = true;
            let accepted = exception
                .history
                .last()
                .is_some_and(|last| last.what == What::Accepted);
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
        let limit = world
            .policy
            .limits
            .of(Level::ExceptionResolution, &owner, Some(severity));
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
            let same = before
                .iter()
                .position(|wait| wait.level == awaited.level && wait.subject == awaited.subject);
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
                        events.extend(met(&ended, now).filter(|_| ended.since != wait.since));
                    }
                    for (ring, due) in [(Ring::Warn, wait.warn), (Ring::Breach, wait.until)] {
                        if let Some(due) = due {
                            commands.push(Command::SetTimer {
                                name: wait.timer(ring),
                                due,
                            });
                        }
                    }
                    wait
                }
            };
            self.waits.push(wait);
        }
        for wait in before {
            for ring in pending(&wait) {
                commands.push(Command::ClearTimer {
                    name: wait.timer(ring),
                });
            }
            events.extend(met(&wait, now));
        }
        self.waits
            .sort_by(|left, right| (left.level, &left.subject).cmp(&(right.level, &right.subject)));
    }
}

/// What was waited for has come.
fn met(wait: &Wait, now: Timestamp) -> Option<Event> {
    let is_level = !CLOCKWORK.contains(&wait.level) && wait.until.is_some();
    is_level.then(|| {
        Event::new(EventKind::LevelMet, &wait.subject)
            .with("level", wait.level.name())
            .with("on", &wait.on)
            .with("took_ms", now.since(wait.since).as_millis())
            .with("in_time", !wait.breached)
    })
}

/// Whether it is still the same waiting.
fn continues(wait: &Wait, awaited: &Awaited) -> bool {
    awaited.since.is_none_or(|since| since == wait.since)
        && match awaited.until {
            Some(until) => Some(until) == wait.until,
            // What had a fixed end and has none any more has a limit from now on.
            None => !wait.fixed,
        }
        // Another one's turn is another waiting, with another limit.
        && (wait.on == awaited.on)
}

fn begin(awaited: &Awaited, now: Timestamp, world: &World<'_>) -> Wait {
    let since = awaited.since.unwrap_or(now);
    let calendar = world.policy.calendars.of(&awaited.on);
    let limit = world
        .policy
        .limits
        .of(awaited.level, &awaited.on, awaited.priority.as_deref());
    let ends = limit.map(|limit| limit.ends(since, calendar));
    let (warn, until) = match awaited.until {
        // A fixed end has the warning that a limit would give, if that is still before it.
        Some(until) => (
            ends.map(|(warn, _)| warn).filter(|warn| *warn < until),
            Some(until),
        ),
        None => (ends.map(|(warn, _)| warn), ends.map(|(_, until)| until)),
    };
    Wait {
        level: awaited.level,
        subject: awaited.subject.clone(),
        on: awaited.on.clone(),
        since,
        warn,
        until,
        fixed: awaited.until.is_some(),
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
            commands.push(Command::ClearTimer {
                name: ended.timer(ring),
            });
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
    let until = wait.until.filter(|_| {
        wait.breached && !CLOCKWORK.contains(&wait.level) && !OWN_EXCEPTION.contains(&wait.level)
    })?;
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
            .actions(remedies(wait)),
    )
}

/// What helps against waiting: to send again what was sent, to ask somebody else, to call
/// it off. Where nothing was sent from here, only patience.
fn remedies(wait: &Wait) -> &'static [Action] {
    use Action::{AcceptVariance, Cancel, Reroute, Retry};
    match wait.level {
        Level::Acceptance if wait.subject.starts_with("cancel/") => &[Retry, AcceptVariance],
        Level::Acceptance | Level::ShipBy => &[Retry, Reroute, Cancel, AcceptVariance],
        Level::OrderAcknowledgement | Level::Release | Level::ReturnAuthorization => {
            &[Retry, Cancel, AcceptVariance]
        }
        _ => &[AcceptVariance],
    }
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
