//! The breaker of one partner endpoint: a dead partner stops being called, and
//! is called again when it answers.
//!
//! ```text
//!            failures             time over
//!   Closed ───────────► Open ────────────────► HalfOpen
//!     ▲                  ▲                      │    │
//!     │                  └──────────────────────┘    │
//!     └──────────────────────────────────────────────┘
//!        enough probes succeeded    (a probe failed: open, for longer)
//! ```
//!
//! Promises: an open breaker admits nothing before its time; a half-open one
//! admits at most `probes_max` at once; each opening without a steady time in
//! between lasts twice as long as the one before. A partner that refuses a
//! document (4xx) is alive: refusals never open it.
//!
//! Every change is a [`Transition`] that holds the whole new [`State`]: the last
//! one restores the breaker after a restart. What is not kept are the counts of
//! the running window (seconds old by then) and the probes in flight (they died
//! with the process).

mod window;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use self::window::Window;
use super::retry::fraction;
use crate::clock::Timestamp;

/// `breaker` of an endpoint: when it opens and closes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default = "Config::standard")]
pub struct Config {
    /// `failures_max`: how many failures in a row open it. Default 5.
    pub failures_max: u32,
    /// `window_ms`: over how long shares are counted, in milliseconds. Default
    /// 30,000.
    pub window_ms: u64,
    /// `window_calls_min`: how many calls the window must hold before a share
    /// means anything. Default 20.
    pub window_calls_min: u32,
    /// `failed_percent`: which share of failed calls opens it; over 100 is
    /// never. Default 50.
    pub failed_percent: u32,
    /// `slow_ms`: from when on a call is slow, in milliseconds. Default 10,000
    /// (a third of the default timeout).
    pub slow_ms: u64,
    /// `slow_percent`: which share of slow calls opens it; over 100 is never.
    /// Default 80.
    pub slow_percent: u32,
    /// `open_ms`: how long the first opening lasts, in milliseconds. Default
    /// 5,000. Up to a quarter is added at random.
    pub open_ms: u64,
    /// `open_ms_max`: what the opening time doubles up to, in milliseconds.
    /// Default 300,000.
    pub open_ms_max: u64,
    /// `steady_ms`: how long it must have been closed for the next opening to
    /// last `open_ms` again, in milliseconds. Default 60,000.
    pub steady_ms: u64,
    /// `probes_max`: how many probes may be under way at once. At least 1.
    /// Default 1.
    pub probes_max: u32,
    /// `probe_successes`: how many probes must succeed to close it. At least 1.
    /// Default 2.
    pub probe_successes: u32,
}

/// Where a breaker stands; survives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Calls go through.
    Closed {
        /// Since when.
        since: Timestamp,
        /// Openings that were not yet followed by a steady time.
        openings: u32,
    },
    /// Nothing goes through until the time is over.
    Open {
        /// Since when.
        since: Timestamp,
        /// When probes may begin.
        until: Timestamp,
        /// Openings in a row, this one included.
        openings: u32,
    },
    /// A few probes go through and decide.
    HalfOpen {
        /// Since when.
        since: Timestamp,
        /// Openings in a row.
        openings: u32,
        /// Probes that have succeeded so far.
        successes: u32,
    },
    /// An operator opened it; it stays so until reset.
    ForcedOpen {
        /// Since when.
        since: Timestamp,
    },
    /// An operator closed it; failures do not open it until it is reset.
    ForcedClosed {
        /// Since when.
        since: Timestamp,
    },
}

/// The name of a state, for events, pages and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Calls go through.
    Closed,
    /// Nothing goes through.
    Open,
    /// Probes go through.
    HalfOpen,
    /// Open by an operator's hand.
    ForcedOpen,
    /// Closed by an operator's hand.
    ForcedClosed,
}

/// A change of state: what is journaled and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// What it was before.
    pub from: Phase,
    /// Why it changed.
    pub cause: Cause,
    /// What it is now, enough to restore the breaker.
    pub state: State,
}

/// Why a breaker changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// That many calls failed in a row.
    ConsecutiveFailures {
        /// How many.
        failed: u32,
    },
    /// Too large a share of the window's calls failed.
    FailureShare {
        /// Calls that failed.
        failed: u32,
        /// Calls in the window.
        calls: u32,
    },
    /// Too large a share of the window's calls was slow.
    SlowShare {
        /// Calls that were slow.
        slow: u32,
        /// Calls in the window.
        calls: u32,
    },
    /// The opening time is over: probes begin.
    OpenTimeOver,
    /// A probe failed.
    ProbeFailed,
    /// Enough probes succeeded.
    ProbesSucceeded,
    /// An operator decided.
    Operator,
}

/// How a call ended, as far as the breaker is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The partner answered, be it to accept or to refuse the document.
    Answered {
        /// From request to answer.
        took: Duration,
    },
    /// The partner did not answer, or answered that it is broken (5xx).
    Failed {
        /// How long it asks to be left alone. The caller bounds it.
        retry_after: Option<Duration>,
    },
    /// The partner is well and asks for fewer calls (429 with `Retry-After`).
    Throttled {
        /// How long it asks to be left alone. The caller bounds it.
        retry_after: Duration,
    },
    /// No call was made, or it failed for a reason of our own.
    Ours,
}

/// The right to make one call; its outcome is recorded with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Which state of the breaker gave it: an outcome that comes after a change
    /// says nothing about the present.
    epoch: u64,
    probe: bool,
}

/// An answer to "may I call?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes; `transition` tells of a change that this made.
    Go(Permit, Option<Transition>),
    /// Not before this moment.
    NotBefore(Timestamp),
    /// Not before a probe under way has ended or an operator resets it.
    Wait,
}

/// The breaker of one partner endpoint.
#[derive(Clone, Debug)]
pub struct Breaker {
    config: Config,
    state: State,
    epoch: u64,
    failed_in_a_row: u32,
    window: Window,
    probes: u32,
}

// === impl Cause ===

/// For a person, in a record or on a line.
impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConsecutiveFailures { failed } => write!(formatter, "{failed} failures in a row"),
            Self::FailureShare { failed, calls } => {
                write!(formatter, "{failed} of {calls} calls failed")
            }
            Self::SlowShare { slow, calls } => {
                write!(formatter, "{slow} of {calls} calls were slow")
            }
            Self::OpenTimeOver => formatter.write_str("its time is over, probes begin"),
            Self::ProbeFailed => formatter.write_str("a probe failed"),
            Self::ProbesSucceeded => formatter.write_str("enough probes succeeded"),
            Self::Operator => formatter.write_str("an operator decided"),
        }
    }
}

// === impl Config ===

impl Config {
    /// The defaults, which a configuration overrides field by field.
    #[must_use]
    pub const fn standard() -> Self {
        Self {
            failures_max: 5,
            window_ms: 30_000,
            window_calls_min: 20,
            failed_percent: 50,
            slow_ms: 10_000,
            slow_percent: 80,
            open_ms: 5_000,
            open_ms_max: 300_000,
            steady_ms: 60_000,
            probes_max: 1,
            probe_successes: 2,
        }
    }

    /// How long the opening number `openings` (the first is 1) lasts without
    /// its random part.
    fn open_for(&self, openings: u32) -> Duration {
        let doublings = openings.saturating_sub(1).min(63);
        let grown = u128::from(self.open_ms) << doublings;
        let bound = grown.min(u128::from(self.open_ms_max));
        Duration::from_millis(u64::try_from(bound).unwrap_or(self.open_ms_max))
    }
}

// === impl State ===

impl State {
    /// Its name.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Self::Closed { .. } => Phase::Closed,
            Self::Open { .. } => Phase::Open,
            Self::HalfOpen { .. } => Phase::HalfOpen,
            Self::ForcedOpen { .. } => Phase::ForcedOpen,
            Self::ForcedClosed { .. } => Phase::ForcedClosed,
        }
    }

    /// The state of a breaker that has seen nothing.
    #[must_use]
    pub fn closed(now: Timestamp) -> Self {
        Self::Closed {
            since: now,
            openings: 0,
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// How long the partner asks to be left alone, if it does. The caller bounds it.
    #[must_use]
    pub fn asks_to_wait(&self) -> Option<Duration> {
        match self {
            Self::Failed { retry_after } => *retry_after,
            Self::Throttled { retry_after } => Some(*retry_after),
            Self::Answered { .. } | Self::Ours => None,
        }
    }
}

// === impl Permit ===

impl Permit {
    /// Whether this call decides about a half-open breaker.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.probe
    }
}

// === impl Breaker ===

impl Breaker {
    /// A breaker in `state`: [`State::closed`], or that of its last transition.
    #[must_use]
    pub fn new(config: Config, state: State) -> Self {
        Self {
            window: Window::new(config.window_ms),
            config,
            state,
            epoch: 0,
            failed_in_a_row: 0,
            probes: 0,
        }
    }

    /// Where it stands. An open breaker whose time is over is still open: the
    /// next [`Breaker::admit`] makes it half-open.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Asks for a call. Each permit must be given back with
    /// [`Breaker::release`].
    pub fn admit(&mut self, now: Timestamp) -> Admission {
        match self.state {
            State::Closed { .. } | State::ForcedClosed { .. } => {
                Admission::Go(self.permit(false), None)
            }
            State::ForcedOpen { .. } => Admission::Wait,
            State::Open { until, .. } if now < until => Admission::NotBefore(until),
            State::Open { openings, .. } => {
                let transition = self.change(
                    now,
                    Cause::OpenTimeOver,
                    State::HalfOpen {
                        since: now,
                        openings,
                        successes: 0,
                    },
                );
                self.probes = 1;
                Admission::Go(self.permit(true), Some(transition))
            }
            State::HalfOpen { .. } if self.probes < self.config.probes_max.max(1) => {
                self.probes += 1;
                Admission::Go(self.permit(true), None)
            }
            State::HalfOpen { .. } => Admission::Wait,
        }
    }

    /// Learns how a call ended; `random` is any 64 evenly distributed bits. A
    /// permit can record several calls (a conversation of several requests).
    pub fn record(
        &mut self,
        permit: Permit,
        outcome: Outcome,
        now: Timestamp,
        random: u64,
    ) -> Option<Transition> {
        if permit.epoch != self.epoch {
            return None;
        }
        match self.state {
            State::Closed { since, openings } => {
                let cause = self.count(outcome, now)?;
                let steady = now.since(since) >= Duration::from_millis(self.config.steady_ms);
                let openings = if steady { 0 } else { openings };
                Some(self.open(cause, outcome, openings, now, random))
            }
            State::HalfOpen {
                since,
                openings,
                successes,
            } => match outcome {
                Outcome::Answered { took } if !self.is_slow(took) => {
                    self.probe_succeeded(since, openings, successes + 1, now)
                }
                Outcome::Answered { .. } | Outcome::Failed { .. } => {
                    Some(self.open(Cause::ProbeFailed, outcome, openings, now, random))
                }
                Outcome::Throttled { .. } | Outcome::Ours => None,
            },
            State::Open { .. } | State::ForcedOpen { .. } | State::ForcedClosed { .. } => None,
        }
    }

    /// Gives a permit back, once, when its last call has ended.
    pub fn release(&mut self, permit: Permit) {
        if permit.probe && permit.epoch == self.epoch {
            self.probes = self.probes.saturating_sub(1);
        }
    }

    /// Opens it until it is reset.
    pub fn force_open(&mut self, now: Timestamp) -> Transition {
        self.change(now, Cause::Operator, State::ForcedOpen { since: now })
    }

    /// Closes it, whatever fails, until it is reset.
    pub fn force_closed(&mut self, now: Timestamp) -> Transition {
        self.change(now, Cause::Operator, State::ForcedClosed { since: now })
    }

    /// Closes it and forgets what it has seen.
    pub fn reset(&mut self, now: Timestamp) -> Transition {
        self.change(now, Cause::Operator, State::closed(now))
    }

    fn permit(&self, probe: bool) -> Permit {
        Permit {
            epoch: self.epoch,
            probe,
        }
    }

    fn is_slow(&self, took: Duration) -> bool {
        // Over 100 % means that slowness does not count, for probes neither.
        self.config.slow_percent <= 100 && took >= Duration::from_millis(self.config.slow_ms)
    }

    /// Counts a call of the closed state; names the rule it breaks.
    fn count(&mut self, outcome: Outcome, now: Timestamp) -> Option<Cause> {
        let (failed, slow) = match outcome {
            Outcome::Answered { took } => (false, self.is_slow(took)),
            Outcome::Failed { .. } => (true, false),
            Outcome::Throttled { .. } | Outcome::Ours => return None,
        };
        self.failed_in_a_row = if failed { self.failed_in_a_row + 1 } else { 0 };
        self.window.count(now, failed, slow);
        if self.failed_in_a_row >= self.config.failures_max.max(1) {
            return Some(Cause::ConsecutiveFailures {
                failed: self.failed_in_a_row,
            });
        }
        let seen = self.window.total(now);
        let calls = seen.calls;
        let over = |count: u32, percent: u32| {
            count > 0 && u64::from(count) * 100 >= u64::from(calls) * u64::from(percent)
        };
        if calls < self.config.window_calls_min {
            None
        } else if failed && over(seen.failed, self.config.failed_percent) {
            let failed = seen.failed;
            Some(Cause::FailureShare { failed, calls })
        } else if slow && over(seen.slow, self.config.slow_percent) {
            let slow = seen.slow;
            Some(Cause::SlowShare { slow, calls })
        } else {
            None
        }
    }

    fn probe_succeeded(
        &mut self,
        since: Timestamp,
        openings: u32,
        successes: u32,
        now: Timestamp,
    ) -> Option<Transition> {
        if successes < self.config.probe_successes.max(1) {
            self.state = State::HalfOpen {
                since,
                openings,
                successes,
            };
            return None;
        }
        let closed = State::Closed {
            since: now,
            openings,
        };
        Some(self.change(now, Cause::ProbesSucceeded, closed))
    }

    fn open(
        &mut self,
        cause: Cause,
        outcome: Outcome,
        openings: u32,
        now: Timestamp,
        random: u64,
    ) -> Transition {
        let openings = openings.saturating_add(1);
        let lasts = self.config.open_for(openings);
        let asked = match outcome {
            Outcome::Failed { retry_after } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let until = now.plus((lasts + fraction(lasts / 4, random)).max(asked));
        let open = State::Open {
            since: now,
            until,
            openings,
        };
        self.change(now, cause, open)
    }

    fn change(&mut self, now: Timestamp, cause: Cause, state: State) -> Transition {
        let from = self.state.phase();
        self.state = state;
        self.epoch += 1;
        self.failed_in_a_row = 0;
        self.probes = 0;
        self.window.clear();
        Transition {
            at: now,
            from,
            cause,
            state,
        }
    }
}

#[cfg(test)]
mod tests;
