//! How long things took, in a fixed number of steps.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The ends of the steps, in microseconds: from a guest call to a disk that is ill.
const BOUNDS_US: [u64; 14] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
    5_000_000,
];

/// Counts of durations; written by many, without waiting.
#[derive(Debug, Default)]
pub struct Histogram {
    /// How many ended within each step, those of the steps before left out.
    steps: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

// === impl Histogram ===

impl Histogram {
    /// Something took so long.
    pub fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(step) = BOUNDS_US.iter().position(|bound| us <= *bound) {
            self.steps[step].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// How often.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How long together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us.load(Ordering::Relaxed))
    }

    /// The ends of the steps, and how many took no longer than each.
    pub fn cumulated(&self) -> impl Iterator<Item = (Duration, u64)> {
        let counts = self.steps.iter().map(|it| it.load(Ordering::Relaxed));
        let summed = counts.scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        BOUNDS_US.into_iter().map(Duration::from_micros).zip(summed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_holds_all_that_took_no_longer() {
        let histogram = Histogram::default();
        for us in [50, 51, 1_000, 9_000_000] {
            histogram.observe(Duration::from_micros(us));
        }
        let counts: Vec<_> = histogram.cumulated().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3]);
        assert_eq!(histogram.count(), 4);
        assert_eq!(histogram.sum(), Duration::from_micros(9_001_101));
    }
}
