//! How service levels are met, summed up day by day.

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, process::Event};

/// Durations are counted in steps of a quarter of their size: 2 ms, 2.5, 3, 3.5, 4, 5 …
const STEPS: u64 = 4;

/// How a level went on one day, for one partner or node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelRow {
    /// Came in time.
    pub met: u64,
    /// Came late.
    pub late: u64,
    /// Warnings.
    pub warned: u64,
    /// Limits that passed; what came late is among them.
    pub breached: u64,
    /// How long it took: step of size, and how often.
    pub took: Vec<(u16, u32)>,
}

/// Durations that a share of all stayed within, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half of all.
    pub p50_ms: u64,
    /// Nine of ten.
    pub p90_ms: u64,
    /// Ninety-nine of a hundred.
    pub p99_ms: u64,
}

/// A wait that takes longer than it may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreachRow {
    /// Which level.
    pub level: String,
    /// Whose turn it is.
    pub on: String,
    /// The instance's process.
    pub process: String,
    /// Its key.
    pub key: String,
    /// Of what inside the instance; empty for the whole.
    pub subject: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when it should have come.
    pub until: Option<Timestamp>,
}

// === impl LevelRow ===

impl LevelRow {
    /// A wait ended after so long.
    pub(in crate::view) fn ended(&mut self, took_ms: u64, in_time: bool) {
        if in_time {
            self.met += 1;
        } else {
            self.late += 1;
        }
        let step = step_of(took_ms);
        match self.took.binary_search_by_key(&step, |(step, _)| *step) {
            Ok(index) => self.took[index].1 = self.took[index].1.saturating_add(1),
            Err(index) => self.took.insert(index, (step, 1)),
        }
    }

    /// Adds another day's, or another partner's.
    pub fn add(&mut self, other: &Self) {
        self.met += other.met;
        self.late += other.late;
        self.warned += other.warned;
        self.breached += other.breached;
        for (step, count) in &other.took {
            match self.took.binary_search_by_key(step, |(step, _)| *step) {
                Ok(index) => self.took[index].1 = self.took[index].1.saturating_add(*count),
                Err(index) => self.took.insert(index, (*step, *count)),
            }
        }
    }

    /// How many per cent came in time; none when nothing came.
    #[must_use]
    pub fn attainment_percent(&self) -> Option<f64> {
        let all = self.met + self.late;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a share for people to read, from counts far below 2^52"
        )]
        let percent = (self.met * 100_000 / all.max(1)) as f64 / 1000.0;
        (all > 0).then_some(percent)
    }

    /// Durations, exact to a quarter of their size; none when nothing came.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        let all: u64 = self.took.iter().map(|(_, count)| u64::from(*count)).sum();
        let within = |percent: u64| {
            let wanted = (all * percent).div_ceil(100).max(1);
            let mut seen = 0;
            let step = self.took.iter().find(|(_, count)| {
                seen += u64::from(*count);
                seen >= wanted
            });
            step.map_or(0, |(step, _)| end_of(*step))
        };
        (all > 0).then(|| Percentiles {
            p50_ms: within(50),
            p90_ms: within(90),
            p99_ms: within(99),
        })
    }
}

/// What an event says of a level: its name, whose turn it was.
pub(in crate::view) fn of(event: &Event) -> Option<(&str, &str)> {
    Some((datum(event, "level")?, datum(event, "on")?))
}

/// A value that belongs to an event.
pub(in crate::view) fn datum<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    let found = event.data.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

fn step_of(millis: u64) -> u16 {
    let millis = millis.max(STEPS);
    let doublings = u64::from(millis.ilog2()) - 2;
    let step = (doublings + 1) * STEPS + (millis >> doublings) - STEPS;
    u16::try_from(step).unwrap_or(u16::MAX)
}

/// The longest duration of a step, in milliseconds.
fn end_of(step: u16) -> u64 {
    let step = u64::from(step);
    let doublings = (step / STEPS).saturating_sub(1);
    let begin = (STEPS + step % STEPS) << doublings;
    begin + (1 << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_known_to_a_quarter_of_its_size() {
        for millis in (1..5_000).chain([86_400_000, 2_592_000_000, u64::from(u32::MAX) * 1000]) {
            let end = end_of(step_of(millis));
            assert!(end >= millis, "{millis} is within {end}");
            assert!(end <= millis.max(STEPS) * 5 / 4, "{millis} is near {end}");
        }
    }

    #[test]
    fn percentiles_and_attainment_are_of_all_days() {
        let mut first = LevelRow::default();
        for _ in 0..98 {
            first.ended(1_000, true);
        }
        let mut second = LevelRow::default();
        second.ended(60_000, false);
        second.ended(60_000, false);
        first.add(&second);
        assert_eq!(first.attainment_percent(), Some(98.0));
        let percentiles = first.percentiles().expect("some");
        assert!((1_000..1_250).contains(&percentiles.p50_ms));
        assert_eq!(percentiles.p50_ms, percentiles.p90_ms);
        assert!((60_000..75_000).contains(&percentiles.p99_ms));
        assert_eq!(LevelRow::default().percentiles(), None);
        assert_eq!(LevelRow::default().attainment_percent(), None);
    }
}
