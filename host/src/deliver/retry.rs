//! When a failed delivery is tried again, and when it is given up.
//!
//! Promises: a retry is never before now and never after the age limit; the
//! bound it is drawn under grows with every attempt up to a maximum; what a
//! partner asks for with `Retry-After` is a lower bound. Whether a failure
//! deserves a retry at all is decided by the adapter and the transport.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// `retry` of an endpoint: how failed deliveries are tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default = "Schedule::standard")]
pub struct Schedule {
    /// `first_ms`: the bound of the first wait, in milliseconds. Default 5,000.
    pub first_ms: u64,
    /// `max_ms`: what the bound doubles up to, in milliseconds. Default
    /// 3,600,000 (an hour).
    pub max_ms: u64,
    /// `age_max_ms`: how long after its first attempt a delivery may still be
    /// tried, in milliseconds. Default 86,400,000 (a day: long enough for a
    /// partner's weekend maintenance to be noticed by a person).
    pub age_max_ms: u64,
    /// `attempts_max`: how many attempts a delivery has in all. Default 100: at
    /// the default waits the age ends first (about 60 attempts).
    pub attempts_max: u32,
    /// `retry_after_max_ms`: the longest `Retry-After` that is obeyed, in
    /// milliseconds; a longer one counts as this. Default 3,600,000.
    pub retry_after_max_ms: u64,
}

/// What becomes of a failed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Try again, not before this moment.
    At(Timestamp),
    /// Stop: it becomes a dead letter.
    GiveUp(Exhausted),
}

/// Why a delivery was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Exhausted {
    /// It used its last attempt.
    #[error("all attempts are used up")]
    Attempts,
    /// The next attempt would come after the age limit.
    #[error("the delivery is older than retries are made for")]
    Age,
}

// === impl Schedule ===

impl Schedule {
    /// The defaults, which a configuration overrides field by field.
    #[must_use]
    pub const fn standard() -> Self {
        Self {
            first_ms: 5_000,
            max_ms: 3_600_000,
            age_max_ms: 86_400_000,
            attempts_max: 100,
            retry_after_max_ms: 3_600_000,
        }
    }

    /// What follows the failure of attempt number `attempt` (the first is 1).
    ///
    /// The wait is drawn evenly between nothing and [`Schedule::bound`] ("full
    /// jitter": it spreads a crowd of failures best), `random` being any 64
    /// evenly distributed bits. The last wait before the age limit ends at it.
    #[must_use]
    pub fn next(
        &self,
        attempt: u32,
        first_attempt_at: Timestamp,
        now: Timestamp,
        retry_after: Option<Duration>,
        random: u64,
    ) -> Retry {
        if attempt >= self.attempts_max {
            return Retry::GiveUp(Exhausted::Attempts);
        }
        let end = first_attempt_at.plus(Duration::from_millis(self.age_max_ms));
        let earliest = now.plus(self.obeyed(retry_after.unwrap_or_default()));
        if now >= end || earliest > end {
            return Retry::GiveUp(Exhausted::Age);
        }
        let drawn = now.plus(fraction(self.bound(attempt), random));
        Retry::At(drawn.max(earliest).min(end))
    }

    /// The longest wait after the failure of attempt number `attempt` when the
    /// partner does not ask for more: `first_ms` doubled with every attempt, at
    /// most `max_ms`.
    #[must_use]
    pub fn bound(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(63);
        let grown = u128::from(self.first_ms) << doublings;
        let bound = grown.min(u128::from(self.max_ms));
        Duration::from_millis(u64::try_from(bound).unwrap_or(self.max_ms))
    }

    /// How much of a partner's `Retry-After` is obeyed.
    #[must_use]
    pub fn obeyed(&self, retry_after: Duration) -> Duration {
        retry_after.min(Duration::from_millis(self.retry_after_max_ms))
    }
}

/// An even share of `whole`, milliseconds resolution, both ends included.
pub(super) fn fraction(whole: Duration, random: u64) -> Duration {
    let millis = whole.as_millis().saturating_add(1);
    let drawn = millis.saturating_mul(u128::from(random)) >> 64;
    Duration::from_millis(u64::try_from(drawn).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn schedule() -> impl Strategy<Value = Schedule> {
        (
            0..100_000_u64,
            0..10_000_000_u64,
            1..200_000_000_u64,
            1..200_u32,
            0..10_000_000_u64,
        )
            .prop_map(
                |(first_ms, more_ms, age_max_ms, attempts_max, retry_after_max_ms)| Schedule {
                    first_ms,
                    max_ms: first_ms + more_ms,
                    age_max_ms,
                    attempts_max,
                    retry_after_max_ms,
                },
            )
    }

    proptest! {
        #[test]
        fn a_retry_is_inside_its_bounds(
            schedule in schedule(),
            attempt in 1..300_u32,
            elapsed_ms in 0..300_000_000_u64,
            retry_after_ms in proptest::option::of(0..20_000_000_u64),
            random: u64,
        ) {
            let now = START.plus(Duration::from_millis(elapsed_ms));
            let end = START.plus(Duration::from_millis(schedule.age_max_ms));
            let asked = retry_after_ms.map(Duration::from_millis);
            match schedule.next(attempt, START, now, asked, random) {
                Retry::At(at) => {
                    let obeyed = schedule.obeyed(asked.unwrap_or_default());
                    prop_assert!(attempt < schedule.attempts_max);
                    prop_assert!(at >= now.plus(obeyed));
                    prop_assert!(at <= now.plus(schedule.bound(attempt).max(obeyed)));
                    prop_assert!(at <= end);
                }
                Retry::GiveUp(Exhausted::Attempts) => {
                    prop_assert!(attempt >= schedule.attempts_max);
                }
                Retry::GiveUp(Exhausted::Age) => {
                    let asked = asked.map_or(Duration::ZERO, |asked| schedule.obeyed(asked));
                    prop_assert!(now >= end || now.plus(asked) > end);
                }
            }
        }

        #[test]
        fn bounds_grow_up_to_the_maximum(schedule in schedule(), attempt in 1..u32::MAX) {
            let bound = schedule.bound(attempt);
            prop_assert!(bound <= schedule.bound(attempt.saturating_add(1)));
            prop_assert!(bound <= Duration::from_millis(schedule.max_ms));
            prop_assert_eq!(schedule.bound(1).as_millis(), u128::from(schedule.first_ms));
        }

        #[test]
        fn a_delivery_that_always_fails_is_given_up_by_its_age(
            schedule in schedule(),
            randoms in proptest::collection::vec(any::<u64>(), 200),
        ) {
            let mut now = START;
            let mut attempt = 0;
            let outcome = randoms.iter().find_map(|random| {
                attempt += 1;
                match schedule.next(attempt, START, now, None, *random) {
                    Retry::At(at) => {
                        now = at;
                        None
                    }
                    Retry::GiveUp(reason) => Some(reason),
                }
            });
            prop_assert!(outcome.is_some(), "still trying after {} attempts", attempt);
            prop_assert!(now.since(START) <= Duration::from_millis(schedule.age_max_ms));
        }
    }

    #[test]
    fn doubles_from_five_seconds_to_an_hour() {
        let schedule = Schedule::standard();
        let seconds: Vec<u64> = (1..=12).map(|n| schedule.bound(n).as_secs()).collect();
        assert_eq!(
            seconds,
            [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
        );
    }

    #[test]
    fn no_second_holds_three_times_its_share_of_a_crowd() {
        // Fact F10: 20,000 deliveries that fail together come back evenly.
        let schedule = Schedule::standard();
        let mut seconds = [0_u32; 80];
        let mut random = 1_u64;
        for _ in 0..20_000 {
            // A Weyl sequence: evenly spread without a generator's state.
            random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let Retry::At(at) = schedule.next(5, START, START, None, random) else {
                panic!("gave up at the fifth attempt");
            };
            let second = usize::try_from(at.since(START).as_secs()).expect("under 80");
            seconds[second.min(79)] += 1;
        }
        let mean = 20_000 / 80;
        assert!(
            seconds.iter().all(|count| *count <= 3 * mean),
            "{seconds:?}"
        );
    }

    #[test]
    fn obeys_retry_after_up_to_its_maximum() {
        let schedule = Schedule::standard();
        let ask = |seconds| {
            schedule.next(
                1,
                START,
                START,
                Some(Duration::from_secs(seconds)),
                u64::MAX / 2,
            )
        };
        assert_eq!(ask(120), Retry::At(START.plus(Duration::from_secs(120))));
        assert_eq!(
            ask(86_399),
            Retry::At(START.plus(Duration::from_secs(3600)))
        );
    }

    #[test]
    fn a_clock_that_went_back_does_not_give_up() {
        let earlier = Timestamp::from_millis(START.as_millis() - 60_000);
        let retry = Schedule::standard().next(1, START, earlier, None, 0);
        assert_eq!(retry, Retry::At(earlier));
    }
}
