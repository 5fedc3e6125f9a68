//! A steady rate towards one partner.
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
        }
    }

    /// The earliest moment for the next call: `now` when it may go at once.
    #[must_use]
    pub fn next_free(&self, now: Timestamp) -> Timestamp {
        let due = match self.interval_us {
            0 => now,
            _ => from_micros_up(self.due_us.saturating_sub(self.tolerance_us)),
        };
        due.max(now)
    }

    /// Counts so many calls made at this moment, whether or not they were free to go.
    pub fn take(&mut self, at: Timestamp, calls: u32) {
        if calls == 0 {
            return;
        }
        let at_us = at.as_millis().saturating_mul(1_000);
        let interval_us = self.interval_us.saturating_mul(i64::from(calls));
        self.due_us = self.due_us.max(at_us).saturating_add(interval_us);
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
                rate.take(now, 1);
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
                rate.take(at(0), 1);
            }
        }
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
