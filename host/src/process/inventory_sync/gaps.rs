//! Which adjustments of a node are missing.

use serde::{Deserialize, Serialize};

/// Runs of numbers that are kept apart. Beyond it the oldest gap is given up: a snapshot
/// was asked for long ago.
const RUNS_MAX: usize = 64;

/// The numbers that came, as runs without gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Sequence(Vec<Run>);

/// Numbers from `first` to `last`, all there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    first: u64,
    last: u64,
    /// When the first of them happened: what is missing before it happened earlier.
    at: i64,
}

/// The number that an adjustment's number ends in.
pub(super) fn number(adjustment_no: &str) -> Option<u64> {
    let head = adjustment_no.trim_end_matches(|character: char| character.is_ascii_digit());
    adjustment_no[head.len()..].parse().ok()
}

// === impl Sequence ===

impl Sequence {
    /// Adds a number that came.
    pub(super) fn add(&mut self, number: u64, at: i64) {
        let place = self.0.partition_point(|run| run.last < number);
        if let Some(run) = self.0.get(place)
            && run.first <= number
        {
            return;
        }
        let joins_next = self
            .0
            .get(place)
            .is_some_and(|run| Some(run.first) == number.checked_add(1));
        let joins_last = place > 0 && self.0[place - 1].last.checked_add(1) == Some(number);
        match (joins_last, joins_next) {
            (true, true) => {
                let next = self.0.remove(place);
                self.0[place - 1].last = next.last;
            }
            (true, false) => self.0[place - 1].last = number,
            (false, true) => {
                self.0[place].first = number;
                self.0[place].at = at;
            }
            (false, false) => self.0.insert(
                place,
                Run {
                    first: number,
                    last: number,
                    at,
                },
            ),
        }
        if self.0.len() > RUNS_MAX {
            let oldest = self.0.remove(0);
            self.0[0].first = oldest.first;
            self.0[0].at = oldest.at;
        }
    }

    /// The numbers that are missing: first and last of each gap that no snapshot has
    /// made good.
    pub(super) fn missing(&self, snapshot_at: Option<i64>) -> Vec<(u64, u64)> {
        self.0
            .windows(2)
            .filter(|runs| snapshot_at.is_none_or(|snapshot| runs[1].at > snapshot))
            .map(|runs| (runs[0].last + 1, runs[1].first - 1))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_any_order() {
        let mut sequence = Sequence::default();
        for number in [5, 3, 9, 4, 3] {
            sequence.add(number, i64::try_from(number).expect("small"));
        }
        assert_eq!(sequence.missing(None), [(6, 8)]);
        assert_eq!(
            sequence.missing(Some(9)),
            [],
            "a snapshot after 9 holds 6 to 8"
        );
        assert_eq!(sequence.missing(Some(8)), [(6, 8)]);
        for number in [8, 6, 7] {
            sequence.add(number, i64::try_from(number).expect("small"));
        }
        assert_eq!(sequence.missing(None), []);
    }

    #[test]
    fn it_stays_small() {
        let mut sequence = Sequence::default();
        for number in 0..1_000 {
            sequence.add(number * 2, 0);
        }
        assert_eq!(sequence.0.len(), RUNS_MAX);
        sequence.add(u64::MAX, 0);
        sequence.add(u64::MAX, 0);
    }

    #[test]
    fn the_number_is_what_it_ends_in() {
        assert_eq!(number("ADJ-2026-0042"), Some(42));
        assert_eq!(number("42"), Some(42));
        assert_eq!(number("A42B"), None);
        assert_eq!(number("9999999999999999999999"), None);
    }
}
