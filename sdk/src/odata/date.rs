//! Dates of OData version 2 in JSON.
//!
//! `/Date(ms)/` is an Edm.DateTime: so many milliseconds from 1970 on, without a zone;
//! SAP writes a day as its midnight. `/Date(ms+minutes)/` is an Edm.DateTimeOffset: a
//! moment in UTC, and by how many minutes the place was ahead of it. SAP writes
//! `+0000`.

use crate::Moment;
use crate::idoc::value::days_in;

const DAY_MS: i64 = 86_400_000;

/// The moment that a date names: a day where it is a midnight without zone. Absent
/// where it is no such date, or before the year 1 or after 9999.
pub fn moment(text: &str) -> Option<Moment> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let sign = inner
        .char_indices()
        .skip(1)
        .find(|(_, c)| matches!(c, '+' | '-'));
    let Some((at, sign)) = sign else {
        let ms = number(inner)?;
        let (day, clock) = parts(ms)?;
        return Some(match clock.as_str() {
            "00:00:00" => Moment::local(day),
            _ => Moment::local(format!("{day}T{clock}")),
        });
    };
    let minutes = number(&inner[at + 1..]).filter(|minutes| *minutes <= 14 * 60)?;
    let shift = if sign == '-' { -minutes } else { minutes };
    let (day, clock) = parts(number(&inner[..at])?.checked_add(shift * 60_000)?)?;
    let (hours, minutes) = (minutes / 60, minutes % 60);
    Some(Moment::zoned(format!(
        "{day}T{clock}{sign}{hours:02}:{minutes:02}"
    )))
}

/// `YYYY-MM-DD` as the date of its midnight; absent where it is no day.
pub fn from_day(day: &str) -> Option<String> {
    let digits = crate::idoc::value::from_iso_date(day)?;
    let number = |range: std::ops::Range<usize>| digits[range].parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let days = days_from_epoch(year, month, day);
    Some(format!("/Date({})/", days * DAY_MS))
}

fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain =
        !digits.is_empty() && digits.len() < 17 && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Day and time of day of so many milliseconds.
fn parts(ms: i64) -> Option<(String, String)> {
    let (days, rest) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let (year, month, day) = civil(days);
    if !(1..=9999).contains(&year) {
        return None;
    }
    let (seconds, milliseconds) = (rest / 1000, rest % 1000);
    let mut clock = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if milliseconds > 0 {
        clock.push_str(&format!(".{milliseconds:03}"));
    }
    Some((format!("{year:04}-{month:02}-{day:02}"), clock))
}

/// Days from 1970-01-01 on to a day of the Gregorian calendar. Years are counted from
/// March, so that the leap day is the last of its year; 400 years have 146097 days.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The reverse.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    debug_assert!((1..=i64::from(days_in(year.max(0) as u32, month as u32))).contains(&day));
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_days_and_moments() {
        let read = |text: &str| moment(text).map(|moment| (moment.text, moment.zoned));
        let local = |text: &str| Some((text.to_owned(), false));
        let zoned = |text: &str| Some((text.to_owned(), true));
        assert_eq!(read("/Date(1492041600000)/"), local("2017-04-13"));
        assert_eq!(read("/Date(0)/"), local("1970-01-01"));
        assert_eq!(read("/Date(-86400000)/"), local("1969-12-31"));
        assert_eq!(read("/Date(951782400000)/"), local("2000-02-29"));
        assert_eq!(
            read("/Date(1130168212000+0000)/"),
            zoned("2005-10-24T15:36:52+00:00")
        );
        assert_eq!(
            read("/Date(1130168212250+0120)/"),
            zoned("2005-10-24T17:36:52.250+02:00")
        );
        assert_eq!(
            read("/Date(1130168212000-0330)/"),
            zoned("2005-10-24T10:06:52-05:30")
        );
        for text in [
            "",
            "/Date()/",
            "/Date(x)/",
            "/Date(1",
            "2017-04-13",
            "/Date(1+)/",
            "/Date(1+9999)/",
            "/Date(99999999999999999999)/",
            "/Date(999999999999999)/",
            "/Date(+1)/",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn writes_days() {
        assert_eq!(
            from_day("2017-04-13").as_deref(),
            Some("/Date(1492041600000)/")
        );
        assert_eq!(from_day("1969-12-31").as_deref(), Some("/Date(-86400000)/"));
        assert_eq!(from_day("2017-02-29"), None);
        assert_eq!(from_day("2017-04-13T10:00"), None);
    }

    proptest! {
        #[test]
        fn every_day_reads_back(days in -719_162_i64..2_932_896) {
            let (year, month, day) = civil(days);
            prop_assert_eq!(days_from_epoch(year, month, day), days);
            let text = format!("{year:04}-{month:02}-{day:02}");
            let written = from_day(&text).unwrap();
            prop_assert_eq!(moment(&written).unwrap().text, text);
        }

        #[test]
        fn any_text_is_a_date_or_not(text in "/?D?a?t?e?\\(?-?[0-9]{0,20}[+-]?[0-9]{0,6}\\)?/?") {
            let _ = moment(&text);
        }
    }
}
