//! The retry budget of one partner: retries may add only so much to the load.
//!
//! A token bucket. First attempts put a share of a token in, time puts a small
//! floor in, a retry takes one out. A retry that succeeds puts its token back:
//! the budget limits calls that are wasted on a failing partner and does not
//! slow the work that waits when the partner has recovered. An empty budget
//! postpones retries; it never drops one.
//!
//! Promise: over any span of time, retries that fail ≤ `percent` of the first
//! attempts + `floor_per_minute` + `burst_max`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// One token, in the unit the bucket counts in. It is so fine that a share of a
/// token per millisecond is exact: 60,000 ms × 100 %.
const TOKEN: u64 = 6_000_000;

/// `retry_budget` of an endpoint: how much load retries may add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default = "Config::standard")]
pub struct Config {
    /// `percent`: retries allowed for every hundred first attempts. Default 20.
    pub percent: u32,
    /// `floor_per_minute`: retries allowed each minute without any first
    /// attempt, so that a quiet partner's retries go on. At least 1. Default 60.
    pub floor_per_minute: u32,
    /// `burst_max`: how many unused retries may be saved up. At least 1.
    /// Default 10.
    pub burst_max: u32,
}

/// The tokens of one partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    config: Config,
    tokens: u64,
    filled_at: Timestamp,
}

// === impl Config ===

impl Config {
    /// The defaults, which a configuration overrides field by field.
    #[must_use]
    pub const fn standard() -> Self {
        Self {
            percent: 20,
            floor_per_minute: 60,
            burst_max: 10,
        }
    }
}

// === impl Budget ===

impl Budget {
    /// A full budget.
    #[must_use]
    pub fn new(config: Config, now: Timestamp) -> Self {
        let tokens = u64::from(config.burst_max.max(1)) * TOKEN;
        Self {
            config,
            tokens,
            filled_at: now,
        }
    }

    /// Counts a first attempt: it earns a share of a retry.
    pub fn first_attempt(&mut self) {
        self.put(u64::from(self.config.percent) * (TOKEN / 100));
    }

    /// The earliest moment at which a retry may be made: `now` when there is a
    /// token. First attempts and successes until then can make it earlier.
    #[must_use]
    pub fn next_free(&self, now: Timestamp) -> Timestamp {
        let missing = TOKEN.saturating_sub(self.tokens.saturating_add(self.earned(now)));
        now.plus(Duration::from_millis(missing.div_ceil(self.per_milli())))
    }

    /// Takes the token of one retry.
    pub fn retry(&mut self, now: Timestamp) {
        let earned = self.earned(now);
        self.put(earned);
        self.filled_at = self.filled_at.max(now);
        self.tokens = self.tokens.saturating_sub(TOKEN);
    }

    /// Puts the token of a retry back that succeeded.
    pub fn retry_succeeded(&mut self) {
        self.put(TOKEN);
    }

    fn put(&mut self, tokens: u64) {
        let full = u64::from(self.config.burst_max.max(1)) * TOKEN;
        self.tokens = self.tokens.saturating_add(tokens).min(full);
    }

    /// What the floor has put in since the bucket was last counted.
    fn earned(&self, now: Timestamp) -> u64 {
        let millis = u64::try_from(now.since(self.filled_at).as_millis()).unwrap_or(u64::MAX);
        millis.saturating_mul(self.per_milli())
    }

    fn per_milli(&self) -> u64 {
        u64::from(self.config.floor_per_minute.max(1)) * (TOKEN / 60_000)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000).plus(Duration::from_millis(millis))
    }

    #[test]
    fn an_empty_budget_names_the_moment_of_the_next_retry() {
        let mut budget = Budget::new(Config::standard(), at(0));
        for _ in 0..10 {
            assert_eq!(budget.next_free(at(0)), at(0));
            budget.retry(at(0));
        }
        assert_eq!(budget.next_free(at(0)), at(1_000));
        assert_eq!(budget.next_free(at(400)), at(1_000));
        assert_eq!(budget.next_free(at(1_000)), at(1_000));
    }

    #[test]
    fn five_first_attempts_earn_one_retry() {
        let mut budget = Budget::new(Config::standard(), at(0));
        for _ in 0..10 {
            budget.retry(at(0));
        }
        for _ in 0..4 {
            budget.first_attempt();
            assert!(budget.next_free(at(0)) > at(0));
        }
        budget.first_attempt();
        assert_eq!(budget.next_free(at(0)), at(0));
    }

    #[test]
    fn retries_that_succeed_cost_nothing() {
        let mut budget = Budget::new(Config::standard(), at(0));
        for _ in 0..10_000 {
            assert_eq!(budget.next_free(at(0)), at(0));
            budget.retry(at(0));
            budget.retry_succeeded();
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        First,
        Retry,
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::First),
            5 => Just(Step::Retry),
            1 => (0..5_000_u64).prop_map(Step::Pass),
        ]
    }

    proptest! {
        #[test]
        fn failing_retries_stay_under_the_share(
            percent in 0..200_u32,
            floor in 1..600_u32,
            burst in 1..50_u32,
            steps in proptest::collection::vec(step(), 0..500),
            from in 0..500_usize,
        ) {
            let config = Config { percent, floor_per_minute: floor, burst_max: burst };
            let mut budget = Budget::new(config, at(0));
            let (mut millis, mut firsts, mut retries) = (0_u64, 0_u64, 0_u64);
            let mut began = 0;
            for (index, step) in steps.into_iter().enumerate() {
                if index == from {
                    (began, firsts, retries) = (millis, 0, 0);
                }
                match step {
                    Step::First => {
                        budget.first_attempt();
                        firsts += 1;
                    }
                    Step::Retry if budget.next_free(at(millis)) <= at(millis) => {
                        budget.retry(at(millis));
                        retries += 1;
                    }
                    Step::Retry => {
                        // What it names is right: a millisecond earlier is too early.
                        let free = budget.next_free(at(millis));
                        prop_assert_eq!(budget.next_free(free), free);
                    }
                    Step::Pass(more) => millis += more,
                }
            }
            let earned = firsts * u64::from(percent) * 600
                + (millis - began) * u64::from(floor)
                + u64::from(burst) * 60_000;
            prop_assert!(retries * 60_000 <= earned);
        }
    }
}
