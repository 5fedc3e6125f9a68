//! Where the polling of one partner stands. Pure: time and randomness are given.
//!
//! ```text
//! Idle ──due──► Running ──► Recording ──► Taking ──► Idle
//!   ▲              │ failed      (Polled)   (Accepted …)  │ more: at once
//!   └──────────────┴──────────────────────────────────────┘
//! ```

use std::{collections::BTreeSet, hash::Hash, time::Duration};

use tokio::sync::oneshot;

use super::{From, Grant};
use crate::{
    clock::Timestamp,
    deliver::{
        breaker::{self, Permit, Transition},
        lane::{Call, Lane},
    },
    message::MessageId,
    partner::poll::Plan,
    record::Failure,
};

/// How long a poll waits for its turn before it gives up: what holds it is an open
/// breaker or a wait that the partner asked for.
const PATIENCE: Duration = Duration::from_secs(10);

/// After so long a request goes before deliveries that are due: a lane that is always
/// as fast as its rate lets it would never let a poll pass.
const OVERDUE: Duration = Duration::from_secs(5);

/// How soon it is looked again whether there is room for messages.
const FULL: Duration = Duration::from_secs(5);

/// The polling of one partner.
#[derive(Debug)]
pub(in crate::engine) struct Poller {
    plan: Plan,
    phase: Phase,
    due: Timestamp,
    from: From,
    failures: u32,
    run: Run,
    last: Option<Ended>,
    /// Whether the host wants another run after the one under way, which may have asked
    /// before what is wanted was there.
    again: bool,
    /// Who asked for a run and waits for its end.
    waiting: Vec<oneshot::Sender<Poll>>,
}

/// The run that is under way.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    requests: usize,
    messages: usize,
    /// Polls; one that made no request counts as well.
    polls: usize,
}

#[derive(Debug)]
enum Phase {
    /// Until it is due.
    Idle,
    /// A poll is under way; the adapter or the partner is being asked.
    Running {
        asked: Option<(oneshot::Sender<Grant>, Timestamp)>,
        permit: Option<Permit>,
    },
    /// Its messages are being accepted.
    Taking {
        messages: BTreeSet<MessageId>,
        more: bool,
    },
}

/// What is to be done for a partner now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Due {
    /// Nothing before this moment.
    At(Timestamp),
    /// A poll begins.
    Now(From),
    /// Nothing until something changes.
    Idle,
}

/// How the polling of a partner stands, to be shown.
#[derive(Clone, Debug)]
pub struct Poll {
    /// When it is asked.
    pub plan: String,
    /// Whether a run is under way.
    pub running: bool,
    /// When the next run begins; absent while one is under way.
    pub next_at: Option<Timestamp>,
    /// Runs that failed since the last one that did not.
    pub failures_in_a_row: u32,
    /// The last run since the host started; absent when there was none.
    pub last: Option<Ended>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// `brought`, `nothing` or `failed`.
    pub outcome: &'static str,
    /// Messages that it brought, also where it failed in the end.
    pub messages: usize,
    /// Requests that it made.
    pub requests: usize,
    /// Why it failed.
    pub failure: Option<Failure>,
}

// === impl Due ===

impl Due {
    pub(in crate::engine) fn wake(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Now(_) | Self::Idle => None,
        }
    }
}

// === impl Poller ===

impl Poller {
    /// One that begins, after a start, when the last poll was at `last`.
    pub(in crate::engine) fn new(
        plan: Plan,
        last: Option<Timestamp>,
        now: Timestamp,
        random: u64,
    ) -> Self {
        Self {
            due: plan.first(last, now, random),
            plan,
            phase: Phase::Idle,
            from: From::Cursor,
            failures: 0,
            run: Run::default(),
            last: None,
            again: false,
            waiting: Vec::new(),
        }
    }

    /// Takes note of an operator who wants a run at once; one that is under way will do.
    pub(in crate::engine) fn wanted(
        &mut self,
        from: From,
        answer: oneshot::Sender<Poll>,
        now: Timestamp,
    ) {
        if matches!(self.phase, Phase::Idle) {
            self.due = now;
            self.from = from;
        }
        self.waiting.retain(|waiting| !waiting.is_closed());
        self.waiting.push(answer);
    }

    /// Takes note that the host itself wants a run at once.
    pub(in crate::engine) fn wanted_by_the_host(&mut self, now: Timestamp) {
        match self.phase {
            Phase::Idle => self.due = self.due.min(now),
            Phase::Running { .. } | Phase::Taking { .. } => self.again = true,
        }
    }

    /// Whether a poll begins now; not while the host has no room for messages.
    pub(in crate::engine) fn start(&mut self, now: Timestamp, full: bool) -> Due {
        match self.phase {
            Phase::Idle if now < self.due => Due::At(self.due),
            Phase::Idle if full => Due::At(now.plus(FULL)),
            Phase::Idle => {
                self.phase = Phase::Running {
                    asked: None,
                    permit: None,
                };
                Due::Now(std::mem::replace(&mut self.from, From::Cursor))
            }
            Phase::Running { .. } | Phase::Taking { .. } => Due::Idle,
        }
    }

    /// Requests that one poll may make. A run makes no further poll once it has made as
    /// many.
    pub(in crate::engine) fn requests_max(&self) -> usize {
        self.plan.pages_max
    }

    /// Whether its request has waited long: then deliveries let it pass once.
    pub(in crate::engine) fn is_overdue(&self, now: Timestamp) -> bool {
        match &self.phase {
            Phase::Running {
                asked: Some((_, since)),
                ..
            } => now.since(*since) > OVERDUE,
            _ => false,
        }
    }

    /// The poll wants to make a request.
    pub(in crate::engine) fn asks(&mut self, answer: oneshot::Sender<Grant>, now: Timestamp) {
        if let Phase::Running { asked, .. } = &mut self.phase {
            *asked = Some((answer, now));
        }
    }

    /// Lets the request go, if breaker and rate do; says when to look again.
    pub(in crate::engine) fn grant<Id: Copy + Eq + Hash>(
        &mut self,
        lane: &mut Lane<Id>,
        now: Timestamp,
    ) -> (Option<Timestamp>, Option<Transition>) {
        let Phase::Running { asked, permit } = &mut self.phase else {
            return (None, None);
        };
        let Some((answer, since)) = asked.take() else {
            return (None, None);
        };
        let patient_until = since.plus(PATIENCE);
        let not_before = match lane.admit_call(now) {
            Call::Go(given, transition) => {
                *permit = Some(given);
                // Nobody there: the end of the poll is on its way, and releases it.
                let _ = answer.send(Grant::Go);
                return (None, transition);
            }
            Call::NotBefore(at) => at,
            // Another probe is under way: it decides soon.
            Call::Wait if now < patient_until => patient_until,
            Call::Wait => patient_until.plus(PATIENCE),
        };
        if not_before > patient_until {
            let _ = answer.send(Grant::Later(not_before));
            return (None, None);
        }
        *asked = Some((answer, since));
        (Some(not_before), None)
    }

    /// The request that was let go went so.
    pub(in crate::engine) fn called<Id: Copy + Eq + Hash>(
        &mut self,
        lane: &mut Lane<Id>,
        outcome: breaker::Outcome,
        now: Timestamp,
        random: u64,
    ) -> Option<Transition> {
        let Phase::Running { permit, .. } = &mut self.phase else {
            return None;
        };
        lane.called(permit.take()?, outcome, now, random)
    }

    /// Gives back what a poll that ended in the middle of a request still has.
    pub(in crate::engine) fn release<Id: Copy + Eq + Hash>(&mut self, lane: &mut Lane<Id>) {
        if let Phase::Running { permit, asked } = &mut self.phase {
            *asked = None;
            if let Some(permit) = permit.take() {
                lane.call_ended(permit);
            }
        }
    }

    /// Counts requests of the run.
    pub(in crate::engine) fn count(&mut self, requests: usize) {
        self.run.requests += requests;
    }

    /// Counts messages of the run.
    pub(in crate::engine) fn brought(&mut self, messages: usize) {
        self.run.messages += messages;
    }

    /// These messages are to be accepted before anything else is asked for.
    pub(in crate::engine) fn take(&mut self, messages: impl Iterator<Item = MessageId>) {
        let messages: BTreeSet<_> = messages.collect();
        match &mut self.phase {
            Phase::Taking { messages: open, .. } => open.extend(messages),
            phase if !messages.is_empty() => {
                *phase = Phase::Taking {
                    messages,
                    more: false,
                }
            }
            _ => {}
        }
    }

    /// There is more to ask for once they are accepted.
    pub(in crate::engine) fn note_more(&mut self, is_more: bool) {
        if let Phase::Taking { more, .. } = &mut self.phase {
            *more = is_more;
        }
    }

    /// A message is accepted. When it was the last one: whether there is more.
    pub(in crate::engine) fn taken(&mut self, message: MessageId) -> Option<bool> {
        let Phase::Taking { messages, more } = &mut self.phase else {
            return None;
        };
        messages.remove(&message);
        messages.is_empty().then_some(*more)
    }

    /// One poll of the run went well. How the run ended, if it did: there is nothing
    /// more, or it has made as many requests as it may.
    pub(in crate::engine) fn stepped(
        &mut self,
        more: bool,
        now: Timestamp,
        random: u64,
    ) -> Option<&'static str> {
        self.phase = Phase::Idle;
        self.run.polls += 1;
        if more && self.run.requests.max(self.run.polls) < self.plan.pages_max {
            self.due = now;
            return None;
        }
        self.failures = 0;
        self.due = match std::mem::take(&mut self.again) {
            true => now,
            false => self.plan.next(now, random),
        };
        let outcome = match self.run.messages {
            0 => "nothing",
            _ => "brought",
        };
        self.end(outcome, None, now);
        Some(outcome)
    }

    /// The run failed.
    pub(in crate::engine) fn failed(
        &mut self,
        failure: Failure,
        wait: Option<Duration>,
        now: Timestamp,
        random: u64,
    ) -> Poll {
        self.phase = Phase::Idle;
        self.failures = self.failures.saturating_add(1);
        // The next attempt is another run already.
        self.again = false;
        self.due = self.plan.again(self.failures, wait, now, random);
        self.end("failed", Some(failure), now);
        self.status()
    }

    /// How it stands.
    pub(in crate::engine) fn status(&self) -> Poll {
        let idle = matches!(self.phase, Phase::Idle);
        Poll {
            plan: self.plan.to_string(),
            running: !idle,
            next_at: idle.then_some(self.due),
            failures_in_a_row: self.failures,
            last: self.last.clone(),
        }
    }

    fn end(&mut self, outcome: &'static str, failure: Option<Failure>, now: Timestamp) {
        let run = std::mem::take(&mut self.run);
        self.last = Some(Ended {
            at: now,
            outcome,
            messages: run.messages,
            requests: run.requests,
            failure,
        });
        let status = self.status();
        for waiting in self.waiting.drain(..) {
            drop(waiting.send(status.clone()));
        }
    }
}
