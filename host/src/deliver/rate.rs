//! A steady rate towards one partner, and the waits it asks for.
//!
//! The rate is GCRA (the "virtual scheduling" form of a leaky bucket): one
//! number, the moment at which the next call would be due if all came evenly.
//! Promise: over any span, calls ≤ rate × span + burst + what one millisecond
//! of the rate holds (the clock's resolution).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Calls a second above which a rate is not limited: the clock counts
/// milliseconds and one lane cannot do more.
const PER_SECOND_MAX: f64 = 1_000_000.0;

/// The rate of one lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Between two calls, in microseconds; 0 is no limit.
    interval_us: i64,
    /// How far ahead of an even pace calls may be, in microseconds.
    tolerance_us: i64,
    /// When the next call would be due at an even pace, in microseconds since
    /// the epoch.
    due_us: i64,
    /// No call before this moment: the partner asked for it.
    held_until: Option<Timestamp>,
}

// === impl Rate ===

impl Rate {
    /// At most `per_second` calls a second (no limit when absent) and `burst`
    /// of them at once after a pause.
    #[must_use]
    pub fn new(per_second: Option<f64>, burst: u32) -> Self {
        let interval_us = match per_second {
            Some(rate) if rate > 0.0 && rate < PER_SECOND_MAX => micros(1_000_000.0 / rate),
            _ => 0,
        };
        let ahead = i64::from(burst.max(1) - 1).saturating_mul(interval_us);
        Self {
            interval_us,
            // Without the millisecond, a rate over 1,000 a second could never be
            // reached: all its calls of one millisecond bear the same time.
            tolerance_us: ahead.max(1_000),
            due_us: i64::MIN,
            held_until: None,
        }
    }

    /// The earliest moment for the next call: `now` when it may go at once.
    #[must_use]
    pub fn next_free(&self, now: Timestamp) -> Timestamp {
        let due = match self.interval_us {
            0 => now,
            _ => from_micros_up(self.due_us.saturating_sub(self.tolerance())),
        };
        due.max(self.held_until.unwrap_or(now)).max(now)
    }

    /// Counts a call made now, whether or not it was free to go.
    pub fn take(&mut self, now: Timestamp) {
        let now_us = now.as_millis().saturating_mul(1_000);
        self.due_us = self.due_us.max(now_us).saturating_add(self.interval_us);
    }

    /// No call before `until`; an earlier wait never shortens a longer one.
    pub fn hold_until(&mut self, until: Timestamp) {
        self.held_until = self.held_until.max(Some(until));
    }

    /// Until when the partner asked not to be called, if that is ahead.
    #[must_use]
    pub fn held_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.held_until.filter(|until| *until > now)
    }

    /// Forgets a wait that the partner asked for (an operator's decision).
    pub fn release(&mut self) {
        self.held_until = None;
    }

    /// A millisecond of slack for rates above 1,000 a second, none for slower
    /// ones, where it would be a burst.
    fn tolerance(&self) -> i64 {
        if self.tolerance_us == 1_000 && self.interval_us >= 1_000 {
            0
        } else {
            self.tolerance_us
        }
    }
}

fn micros(value: f64) -> i64 {
    Duration::try_from_secs_f64(value / 1_000_000.0)
        .ok()
        .and_then(|wait| i64::try_from(wait.as_micros()).ok())
        .unwrap_or(i64::MAX / 2)
}

/// The first millisecond that is not before this microsecond.
fn from_micros_up(micros: i64) -> Timestamp {
    let millis = micros.div_euclid(1_000) + i64::from(micros.rem_euclid(1_000) > 0);
    Timestamp::from_millis(millis)
}
