//! Business time: when a place works.
//!
//! A calendar has hours for each day of the week, holidays and a time zone. Limits that
//! run in business time stand still outside the hours, and over a change of the clocks
//! they count what really passes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{civil, tz::TimeZone};
use serde::Deserialize;

use crate::clock::Timestamp;

/// How many days a search for business time looks ahead. A calendar with nothing open
/// for a year is refused at the start, but holidays may be listed for long.
const DAYS_MAX: usize = 800;

/// One `[[calendar]]` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who it is for, as waits name them: a node, a team, `erp`, `carrier`, `customer`.
    pub name: String,
    /// IANA name: `America/Chicago`.
    pub time_zone: String,
    /// Open, per day: `monday = "08:00-17:00"`, until `24:00` at the latest. Days that are
    /// not named are closed.
    #[serde(default)]
    pub hours: BTreeMap<String, String>,
    /// Days that are closed in spite of that: `2026-12-25`.
    #[serde(default)]
    pub holidays: Vec<String>,
}

/// A calendar, checked.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    /// Monday first. The end is absent where that is the end of the day.
    hours: [Option<(civil::Time, Option<civil::Time>)>; 7],
    holidays: BTreeSet<civil::Date>,
}

const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

// === impl Calendar ===

impl Calendar {
    /// Reads a calendar.
    ///
    /// # Errors
    /// What is wrong and what it should be.
    pub fn new(config: &Config) -> Result<Self, String> {
        let zone = time_zone(&config.time_zone)?;
        let mut hours = [None; 7];
        for (day, text) in &config.hours {
            let index = DAYS
                .iter()
                .position(|name| name == day)
                .ok_or_else(|| format!("{day:?} is no day; write monday, tuesday and so on"))?;
            hours[index] = Some(open_hours(text)?);
        }
        if hours.iter().all(Option::is_none) {
            return Err(
                "no day has hours; name at least one, such as monday = \"08:00-17:00\"".to_owned(),
            );
        }
        let holidays = config
            .holidays
            .iter()
            .map(|text| {
                text.parse()
                    .map_err(|_| format!("holiday {text:?} is no date; write 2026-12-25"))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self {
            zone,
            hours,
            holidays,
        })
    }

    /// The moment at which so much business time has passed since `start`. Without end
    /// of holidays in sight, plain time.
    #[must_use]
    pub fn after(&self, start: Timestamp, millis: i64) -> Timestamp {
        let mut left = millis.max(0);
        let mut date = self.date(start);
        for _ in 0..DAYS_MAX {
            if let Some((opens, closes)) = self.open(date) {
                let from = opens.max(start);
                let available = closes.as_millis() - from.as_millis();
                if available >= left.max(1) {
                    return Timestamp::from_millis(from.as_millis() + left);
                }
                left -= available.max(0);
            }
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        Timestamp::from_millis(start.as_millis().saturating_add(millis))
    }

    /// The next moment at or after `now` at which it is this time of a day that is
    /// open: when goods leave that are ready now.
    #[must_use]
    pub fn next_cut_off(&self, now: Timestamp, cut_off: civil::Time) -> Option<Timestamp> {
        let mut date = self.date(now);
        for _ in 0..DAYS_MAX {
            let at = self.moment(date, cut_off);
            if self.open(date).is_some() && at >= now {
                return Some(at);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The end of a day here.
    #[must_use]
    pub fn end_of(&self, date: civil::Date) -> Timestamp {
        let next = date.tomorrow().unwrap_or(date);
        self.moment(next, civil::Time::midnight())
    }

    /// The next moment after `now` at which it is this time of day, open or not.
    #[must_use]
    pub fn next_time(&self, now: Timestamp, time: civil::Time) -> Timestamp {
        let today = self.moment(self.date(now), time);
        if today > now {
            return today;
        }
        self.moment(self.date(now).tomorrow().unwrap_or(self.date(now)), time)
    }

    /// The day that it is here.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> civil::Date {
        jiff::Timestamp::from_millisecond(at.as_millis())
            .unwrap_or_default()
            .to_zoned(self.zone.clone())
            .date()
    }

    /// From when to when it is open on this day.
    fn open(&self, date: civil::Date) -> Option<(Timestamp, Timestamp)> {
        if self.holidays.contains(&date) {
            return None;
        }
        let index = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        let (opens, closes) = (*self.hours.get(index)?)?;
        let closes = closes.map_or_else(|| self.end_of(date), |at| self.moment(date, at));
        Some((self.moment(date, opens), closes))
    }

    /// A time that the clocks skip is the moment they skip to.
    fn moment(&self, date: civil::Date, time: civil::Time) -> Timestamp {
        self.zone
            .to_timestamp(date.to_datetime(time))
            .map_or(Timestamp::EPOCH, |at| {
                Timestamp::from_millis(at.as_millisecond())
            })
    }
}

/// The time zone of this name.
///
/// # Errors
/// When there is none.
pub fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        format!("{name:?} is no known time zone; write an IANA name such as America/Chicago")
    })
}

/// A time of day: `14:30`.
///
/// # Errors
/// When it is none.
pub fn time_of_day(text: &str) -> Result<civil::Time, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no time of day; write 14:30"))
}

fn open_hours(text: &str) -> Result<(civil::Time, Option<civil::Time>), String> {
    let (opens, closes) = text
        .split_once('-')
        .ok_or_else(|| format!("hours {text:?} have no dash; write 08:00-17:00"))?;
    let opens = time_of_day(opens.trim())?;
    let closes = match closes.trim() {
        "24:00" => None,
        closes => Some(time_of_day(closes)?),
    };
    if closes.is_some_and(|closes| opens >= closes) {
        return Err(format!(
            "hours {text:?} end before they begin; a day has one span, until 24:00 at the latest"
        ));
    }
    Ok((opens, closes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chicago(holidays: &[&str]) -> Calendar {
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday"];
        Calendar::new(&Config {
            name: "north".to_owned(),
            time_zone: "America/Chicago".to_owned(),
            hours: days
                .map(|day| (day.to_owned(), "08:00-16:00".to_owned()))
                .into(),
            holidays: holidays.iter().map(|&day| day.to_owned()).collect(),
        })
        .expect("a calendar")
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(
            text.parse::<jiff::Timestamp>()
                .expect("a time")
                .as_millisecond(),
        )
    }

    const HOUR: i64 = 3_600_000;

    #[test]
    fn business_time_stands_still_at_night_on_weekends_and_holidays() {
        // Friday 2026-02-27, 15:00 in Chicago.
        let start = at("2026-02-27T21:00:00Z");
        let plain = chicago(&[]);
        assert_eq!(plain.after(start, HOUR), at("2026-02-27T22:00:00Z"));
        assert_eq!(plain.after(start, 2 * HOUR), at("2026-03-02T15:00:00Z"));
        let holiday = chicago(&["2026-03-02"]);
        assert_eq!(holiday.after(start, 2 * HOUR), at("2026-03-03T15:00:00Z"));
        // It begins to run when the day opens.
        assert_eq!(
            plain.after(at("2026-02-28T12:00:00Z"), 0),
            at("2026-03-02T14:00:00Z")
        );
    }

    #[test]
    fn hours_follow_the_clocks_of_the_place() {
        // Summer time begins on 2026-03-08: eight o'clock is then 13:00 UTC, not 14:00.
        let friday_close = at("2026-03-06T22:00:00Z");
        assert_eq!(
            chicago(&[]).after(friday_close, HOUR),
            at("2026-03-09T14:00:00Z")
        );
    }

    #[test]
    fn a_place_may_be_open_day_and_night() {
        let always = Calendar::new(&Config {
            name: "north".to_owned(),
            time_zone: "America/Chicago".to_owned(),
            hours: DAYS
                .map(|day| (day.to_owned(), "00:00-24:00".to_owned()))
                .into(),
            holidays: Vec::new(),
        })
        .expect("a calendar");
        // Over the change of the clocks on 2026-03-08 too, what really passes counts.
        let start = at("2026-03-07T21:00:00Z");
        assert_eq!(always.after(start, 48 * HOUR), at("2026-03-09T21:00:00Z"));
    }

    #[test]
    fn the_cut_off_is_the_next_open_days() {
        let calendar = chicago(&["2026-03-02"]);
        let two = civil::time(14, 0, 0, 0);
        let friday = at("2026-02-27T20:00:00Z");
        assert_eq!(calendar.next_cut_off(friday, two), Some(friday));
        assert_eq!(
            calendar.next_cut_off(at("2026-02-27T20:00:01Z"), two),
            Some(at("2026-03-03T20:00:00Z"))
        );
    }

    #[test]
    fn time_zones_are_part_of_the_program() {
        let bundled = jiff::tz::TimeZoneDatabase::bundled();
        assert!(bundled.get("America/Chicago").is_ok());
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        let config = |zone: &str, day: &str, hours: &str| Config {
            name: "n".to_owned(),
            time_zone: zone.to_owned(),
            hours: BTreeMap::from([(day.to_owned(), hours.to_owned())]),
            holidays: Vec::new(),
        };
        for (zone, day, hours, says) in [
            ("Mars/Olympus", "monday", "08:00-16:00", "time zone"),
            ("UTC", "moonday", "08:00-16:00", "no day"),
            ("UTC", "monday", "16:00-08:00", "end before they begin"),
            ("UTC", "monday", "24:00-24:00", "no time of day"),
            ("UTC", "monday", "all day", "no dash"),
        ] {
            let error = Calendar::new(&config(zone, day, hours)).expect_err("refused");
            assert!(error.contains(says), "{error}");
        }
    }
}
