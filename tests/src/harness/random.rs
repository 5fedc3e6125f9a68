//! Chance that can be repeated.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// Sets the seed of a run that is to be repeated.
const VARIABLE: &str = "CROSSDOCK_TEST_SEED";

/// A sequence of numbers that its seed determines (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

// === impl Random ===

impl Random {
    /// The seed of `CROSSDOCK_TEST_SEED`, or one that is printed, so that a run that
    /// failed can be repeated.
    ///
    /// # Panics
    /// When the variable holds no number.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "whoever repeats a run needs its seed")]
    pub fn seeded() -> Self {
        let given = std::env::var(VARIABLE).ok();
        let seed = given.map_or_else(
            || RandomState::new().hash_one(VARIABLE),
            |seed| seed.parse().expect("the seed is a number"),
        );
        eprintln!("repeat with {VARIABLE}={seed}");
        Self(seed)
    }

    /// Another sequence, determined by this one.
    pub fn fork(&mut self) -> Self {
        Self(self.number())
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// A time below `bound`, in whole microseconds.
    pub fn duration(&mut self, bound: Duration) -> Duration {
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(micros.max(1)))
    }

    /// Whether one of `in_how_many` happens.
    pub fn one_in(&mut self, in_how_many: u64) -> bool {
        self.below(in_how_many) == 0
    }
}
