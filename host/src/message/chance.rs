//! Chance that comes out the same: what a seed gives, for tests and simulations.

use std::cell::RefCell;

use uuid::{Builder, Uuid};

use crate::clock::Timestamp;

/// Numbers that look random and follow from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

/// While it lives, ids that this thread makes follow from a seed.
pub(crate) struct Ids(());

thread_local! {
    static IDS: RefCell<Option<Dice>> = const { RefCell::new(None) };
}

// === impl Dice ===

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Sixty-four bits. SplitMix64: enough to scatter, and the same for the same seed.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to less than `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.bits() >> 33).unwrap_or(0) % end
    }

    /// From `first` to `last`.
    pub(crate) fn between(&mut self, first: i64, last: i64) -> i64 {
        let count = usize::try_from(last - first + 1).unwrap_or(1);
        first + i64::try_from(self.below(count)).unwrap_or(0)
    }

    /// Whether something happens that happens once in `of` times; never when that is 0.
    pub(crate) fn one_in(&mut self, of: usize) -> bool {
        of > 0 && self.below(of) == 0
    }

    /// One of these, of which there is at least one.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Others that follow from the same seed.
    pub(crate) fn apart(&mut self) -> Self {
        Self(self.bits())
    }
}

// === impl Ids ===

impl Ids {
    /// From now on, on this thread.
    pub(crate) fn follow(seed: u64) -> Self {
        IDS.with_borrow_mut(|ids| *ids = Some(Dice::new(seed)));
        Self(())
    }
}

impl Drop for Ids {
    fn drop(&mut self) {
        IDS.with_borrow_mut(|ids| *ids = None);
    }
}

/// The next id of this thread, if they follow from a seed.
pub(super) fn id(now: Timestamp) -> Option<Uuid> {
    IDS.with_borrow_mut(|ids| {
        let dice = ids.as_mut()?;
        let (high, low) = (dice.bits().to_be_bytes(), dice.bits().to_be_bytes());
        let mut random = [0; 10];
        random[..8].copy_from_slice(&high);
        random[8..].copy_from_slice(&low[..2]);
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Some(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    })
}
