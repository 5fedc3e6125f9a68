//! Days and moments: whether they are there, and which comes first.

use jiff::{Timestamp, civil};

use super::report::Report;
use crate::contract::Moment;

/// A point in time as precise as a partner tells it.
#[derive(Clone, Copy)]
pub(super) struct When<'a> {
    text: &'a str,
    zoned: bool,
}

// === impl When ===

impl<'a> When<'a> {
    pub(super) fn day(text: &'a str) -> Self {
        Self { text, zoned: false }
    }

    /// Whether it is surely before the other: two of unknown zones may be a day apart.
    fn is_before(self, other: Self) -> bool {
        if self.zoned && other.zoned {
            let (Some(this), Some(other)) = (self.instant(), other.instant()) else {
                return false;
            };
            return this < other;
        }
        let (Some(day), Some(later)) = (self.civil(), other.civil()) else {
            return false;
        };
        if self.zoned != other.zoned {
            return day.tomorrow().is_ok_and(|next| next < later);
        }
        // Both are of one place; where one of them has no time, the day decides.
        let timed = self.text.len() == other.text.len();
        day < later || (timed && day == later && self.text < other.text)
    }

    fn instant(self) -> Option<Timestamp> {
        self.text.parse().ok()
    }

    fn civil(self) -> Option<civil::Date> {
        self.text.get(..10)?.parse().ok()
    }
}

impl<'a> From<&'a Moment> for When<'a> {
    fn from(moment: &'a Moment) -> Self {
        Self {
            text: &moment.text,
            zoned: moment.zoned,
        }
    }
}

/// Whether the day is one.
pub(super) fn day(report: &mut Report, pointer: &str, text: &str) {
    let is_day = text.len() == 10 && text.parse::<civil::Date>().is_ok();
    if !is_day {
        malformed(report, pointer, text, "a day, YYYY-MM-DD");
    }
}

/// Whether the moment is one, and has an offset where it says so.
pub(super) fn moment(report: &mut Report, pointer: &str, moment: &Moment) {
    let text = moment.text.as_str();
    let sound = if moment.zoned {
        text.parse::<Timestamp>().is_ok()
    } else {
        match text.len() {
            10 => text.parse::<civil::Date>().is_ok(),
            _ => text.as_bytes().get(10) == Some(&b'T') && text.parse::<civil::DateTime>().is_ok(),
        }
    };
    if !sound {
        let expected = if moment.zoned {
            "a moment with an offset, 2026-03-01T09:30:00-06:00"
        } else {
            "a day or a local time, 2026-03-01T09:30:00"
        };
        malformed(report, &format!("{pointer}/text"), text, expected);
    }
}

fn malformed(report: &mut Report, pointer: &str, text: &str, expected: &str) {
    report.find_value(
        "date-malformed",
        pointer,
        format!(
            "'{}' is not {expected}",
            text.chars().take(40).collect::<String>()
        ),
        "receivers may refuse it; have the sender or its adapter say it in full",
        text,
    );
}

/// Whether one of two is not before the other. Each has its name and, where it is told,
/// its time.
pub(super) fn ordered<'a>(
    report: &mut Report,
    earlier: (&str, Option<impl Into<When<'a>>>),
    later: (&str, Option<impl Into<When<'a>>>),
) {
    let (Some(first), Some(second)) = (earlier.1.map(Into::into), later.1.map(Into::into)) else {
        return;
    };
    if second.is_before(first) {
        report.find(
            "dates-out-of-order",
            format!("/{}", later.0),
            format!(
                "{} ({}) is before {} ({})",
                later.0, second.text, earlier.0, first.text
            ),
            "ask the sender which of the two is right",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_surely_before() {
        let local = |text| When { text, zoned: false };
        let zoned = |text| When { text, zoned: true };
        assert!(local("2026-03-01").is_before(local("2026-03-02")));
        assert!(!local("2026-03-01").is_before(local("2026-03-01T09:00:00")));
        assert!(local("2026-03-01T08:00:00").is_before(local("2026-03-01T09:00:00")));
        assert!(zoned("2026-03-01T09:00:00+01:00").is_before(zoned("2026-03-01T09:00:00Z")));
        // Somewhere it may be the day after.
        assert!(!local("2026-03-01").is_before(zoned("2026-03-02T01:00:00Z")));
        assert!(local("2026-03-01").is_before(zoned("2026-03-03T01:00:00Z")));
        assert!(!local("nonsense").is_before(local("2026-03-03")));
        assert!(!local("2026-03-0é").is_before(local("2026-03-03")));
    }
}
