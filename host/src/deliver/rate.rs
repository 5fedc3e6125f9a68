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
        // Without this millisecond, a rate over 1,000 a second could never be
        // reached: all calls within a millisecond bear the same time.
        let slack = if interval_us < 1_000 { 1_000 } else { 0 };
        Self {
            interval_us,
            tolerance_us: ahead.max(slack),
            due_us: i64::MIN,
            held_until: None,
        }
    }

    /// The earliest moment for the next call: `now` when it may go at once.
    #[must_use]
    pub fn next_free(&self, now: Timestamp) -> Timestamp {
        let due = match self.interval_us {
            0 => now,
            _ => from_micros_up(self.due_us.saturating_sub(self.tolerance_us)),
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
}

/// Rounded up: a limit is never exceeded by rounding.
fn micros(value: f64) -> i64 {
    Duration::try_from_secs_f64(value.ceil() / 1_000_000.0)
        .ok()
        .and_then(|wait| i64::try_from(wait.as_micros()).ok())
        .unwrap_or(i64::MAX / 2)
}

/// The first millisecond that is not before this microsecond.
fn from_micros_up(micros: i64) -> Timestamp {
    let millis = micros.div_euclid(1_000) + i64::from(micros.rem_euclid(1_000) > 0);
    Timestamp::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    /// Calls as fast as the rate lets through until `end`, and their times.
    fn flood(rate: &mut Rate, start: Timestamp, end: Timestamp) -> Vec<Timestamp> {
        let mut calls = Vec::new();
        let mut now = start;
        while now < end {
            let free = rate.next_free(now);
            if free > now {
                now = free;
            } else {
                rate.take(now);
                calls.push(now);
            }
        }
        calls
    }

    #[test]
    fn calls_are_spaced_evenly() {
        let mut rate = Rate::new(Some(2.5), 1);
        let calls = flood(&mut rate, at(0), at(2_000));
        assert_eq!(calls, [at(0), at(400), at(800), at(1_200), at(1_600)]);
    }

    #[test]
    fn a_burst_may_follow_a_pause() {
        let mut rate = Rate::new(Some(1.0), 3);
        let calls = flood(&mut rate, at(0), at(2_500));
        assert_eq!(calls, [at(0), at(0), at(0), at(1_000), at(2_000)]);
        // A long pause saves up no more than the burst.
        assert_eq!(flood(&mut rate, at(60_000), at(60_500)).len(), 3);
    }

    #[test]
    fn rates_above_the_resolution_of_the_clock_are_reached() {
        let mut rate = Rate::new(Some(3_000.0), 1);
        let calls = flood(&mut rate, at(0), at(1_000)).len();
        assert!((2_950..=3_010).contains(&calls), "{calls}");
    }

    #[test]
    fn no_rate_is_no_limit() {
        for unlimited in [None, Some(f64::INFINITY), Some(f64::NAN), Some(0.0)] {
            let mut rate = Rate::new(unlimited, 1);
            for _ in 0..100_000 {
                assert_eq!(rate.next_free(at(0)), at(0));
                rate.take(at(0));
            }
        }
    }

    #[test]
    fn a_hold_is_kept_until_its_end_and_never_shortened() {
        let mut rate = Rate::new(None, 1);
        rate.hold_until(at(5_000));
        rate.hold_until(at(2_000));
        assert_eq!(rate.next_free(at(0)), at(5_000));
        assert_eq!(rate.held_until(at(4_999)), Some(at(5_000)));
        assert_eq!(rate.next_free(at(5_000)), at(5_000));
        assert_eq!(rate.held_until(at(5_000)), None);
    }

    proptest! {
        #[test]
        fn no_span_holds_more_than_its_share(
            per_second in 0.1..5_000.0_f64,
            burst in 1..20_u32,
            pauses in proptest::collection::vec(0..3_000_i64, 1..6),
        ) {
            let mut rate = Rate::new(Some(per_second), burst);
            let mut calls: Vec<Timestamp> = Vec::new();
            let mut start = at(0);
            for pause in pauses {
                let end = start.plus(Duration::from_millis(200));
                calls.extend(flood(&mut rate, start, end));
                start = Timestamp::from_millis(end.as_millis() + pause);
            }
            for (index, first) in calls.iter().enumerate() {
                let last = calls.len() - 1;
                let span = calls[last].since(*first).as_secs_f64() + 0.001;
                let most = per_second * span + f64::from(burst) + 1.0;
                prop_assert!((last - index + 1) as f64 <= most, "{} in {span} s", last - index + 1);
            }
        }
    }
}
