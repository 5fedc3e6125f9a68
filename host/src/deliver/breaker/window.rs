//! Counts of the recent calls, in a fixed number of slices of time.

use crate::clock::Timestamp;

/// How many slices a window has: old calls leave it in tenths.
const SLICES: usize = 10;

/// Calls of the last `window_ms`, give or take one slice.
#[derive(Clone, Debug)]
pub(super) struct Window {
    slice_ms: i64,
    slices: [Slice; SLICES],
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    /// Which span of `slice_ms` since the epoch the counts are of.
    number: i64,
    seen: Seen,
}

// === impl Window ===

impl Window {
    pub(super) fn new(window_ms: u64) -> Self {
        let slice_ms = (window_ms / SLICES as u64).max(1);
        Self {
            slice_ms: i64::try_from(slice_ms).unwrap_or(i64::MAX),
            slices: [Slice::default(); SLICES],
        }
    }

    pub(super) fn count(&mut self, now: Timestamp, failed: bool, slow: bool) {
        let number = now.as_millis().div_euclid(self.slice_ms);
        let slice = &mut self.slices[number.rem_euclid(SLICES as i64) as usize];
        if slice.number != number {
            *slice = Slice {
                number,
                seen: Seen::default(),
            };
        }
        slice.seen.calls = slice.seen.calls.saturating_add(1);
        slice.seen.failed = slice.seen.failed.saturating_add(failed.into());
        slice.seen.slow = slice.seen.slow.saturating_add(slow.into());
    }

    pub(super) fn total(&self, now: Timestamp) -> Seen {
        let newest = now.as_millis().div_euclid(self.slice_ms);
        let oldest = newest.saturating_sub(SLICES as i64 - 1);
        self.slices
            .iter()
            .filter(|slice| (oldest..=newest).contains(&slice.number))
            .fold(Seen::default(), |sum, slice| Seen {
                calls: sum.calls.saturating_add(slice.seen.calls),
                failed: sum.failed.saturating_add(slice.seen.failed),
                slow: sum.slow.saturating_add(slice.seen.slow),
            })
    }

    pub(super) fn clear(&mut self) {
        self.slices = [Slice::default(); SLICES];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_calls_leave_and_new_ones_stay() {
        let mut window = Window::new(10_000);
        let at = |millis: i64| Timestamp::from_millis(1_700_000_000_000 + millis);
        window.count(at(0), true, false);
        window.count(at(5_000), false, true);
        let seen = |calls, failed, slow| Seen {
            calls,
            failed,
            slow,
        };
        assert_eq!(window.total(at(5_000)), seen(2, 1, 1));
        assert_eq!(window.total(at(9_999)), seen(2, 1, 1));
        assert_eq!(window.total(at(10_000)), seen(1, 0, 1));
        assert_eq!(window.total(at(15_000)), seen(0, 0, 0));
        window.count(at(20_000), false, false);
        assert_eq!(window.total(at(20_000)), seen(1, 0, 0));
        window.clear();
        assert_eq!(window.total(at(20_000)), seen(0, 0, 0));
    }
}
