//! Moments as partners write them.

use crate::Moment;

/// Digits behind the seconds' point that are kept; finer ones say nothing.
const FRACTION_DIGITS_MAX: usize = 9;

const SECONDS_PER_DAY: u64 = 86_400;

impl Moment {
    /// Reads an ISO 8601 day or time in any of its usual spellings: `2026-03-01`,
    /// `2026-03-01T09:30`, `2026-03-01 09:30:00.123`, with `Z`, `+01:00`, `+0100` or
    /// `+01` behind it, or no offset. Absent when it is none of them.
    ///
    /// The text becomes what the contract asks for; another spelling is kept as `raw`.
    pub fn iso(text: &str) -> Option<Moment> {
        let text = text.trim();
        let day = text.get(..10).filter(|day| is_day(day))?;
        let (clock, zone) = match text[10..].chars().next() {
            None => return Some(Moment::local(day)),
            Some('T' | 't' | ' ') => split_zone(&text[11..]),
            Some(_) => return None,
        };
        let clock = clock_text(clock)?;
        let moment = match zone {
            "" => Moment::local(format!("{day}T{clock}")),
            zone => Moment::zoned(format!("{day}T{clock}{}", zone_text(zone)?)),
        };
        Some(if moment.text == text {
            moment
        } else {
            moment.with_raw(text)
        })
    }

    /// So many seconds after the beginning of 1970, in UTC; absent beyond the year
    /// 9999.
    pub fn unix(seconds: u64) -> Option<Moment> {
        let (days, clock) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
        (year <= 9999).then(|| {
            Moment::zoned(format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
            ))
        })
    }

    /// The day, `YYYY-MM-DD`.
    pub fn day(&self) -> &str {
        self.text.get(..10).unwrap_or(&self.text)
    }
}

/// Year, month and day of a count of days since 1970-01-01, by counting in eras of
/// 400 years that begin in March, so that the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097;
    /// From 0000-03-01 to 1970-01-01.
    const DAYS_TO_1970: u64 = 719_468;
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn is_day(text: &str) -> bool {
    let [year, month, day] = text.split('-').collect::<Vec<_>>()[..] else {
        return false;
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2))
    else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// Where the offset begins, if there is one.
fn split_zone(text: &str) -> (&str, &str) {
    match text.find(['Z', 'z', '+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    }
}

/// `hh:mm:ss` with the fraction that was there.
fn clock_text(text: &str) -> Option<String> {
    let (clock, fraction) = match text.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (hour, minute, second) = match parts[..] {
        [hour, minute] if fraction.is_none() => (hour, minute, "00"),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    // A leap second is the 60th.
    let sound = number(hour, 2)? <= 23 && number(minute, 2)? <= 59 && number(second, 2)? <= 60;
    let mut text = format!("{hour}:{minute}:{second}");
    if let Some(fraction) = fraction {
        if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        text.push('.');
        text.push_str(&fraction[..fraction.len().min(FRACTION_DIGITS_MAX)]);
    }
    sound.then_some(text)
}

/// `Z` or `±hh:mm`.
fn zone_text(zone: &str) -> Option<String> {
    if zone.eq_ignore_ascii_case("z") {
        return Some("Z".to_owned());
    }
    let (sign, digits) = (zone.get(..1)?, zone.get(1..)?);
    let (hour, minute) = match (digits.len(), digits.split_once(':')) {
        (5, Some(parts)) => parts,
        (4, None) => (digits.get(..2)?, digits.get(2..)?),
        (2, None) => (digits, "00"),
        _ => return None,
    };
    let sound = number(hour, 2)? <= 23 && number(minute, 2)? <= 59;
    sound.then(|| format!("{sign}{hour}:{minute}"))
}

/// Exactly so many digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let sound = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_usual_spellings() {
        for (text, expected, zoned) in [
            ("2026-03-01", "2026-03-01", false),
            ("2026-03-01T09:30", "2026-03-01T09:30:00", false),
            ("2026-03-01 09:30:00", "2026-03-01T09:30:00", false),
            ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00Z", true),
            (
                "2025-10-23T15:55:09.3614767Z",
                "2025-10-23T15:55:09.3614767Z",
                true,
            ),
            (
                "2026-03-01T09:30:00.000+0000",
                "2026-03-01T09:30:00.000+00:00",
                true,
            ),
            ("2026-03-01t09:30:00-06", "2026-03-01T09:30:00-06:00", true),
            (
                "2024-02-29T23:59:60+05:30",
                "2024-02-29T23:59:60+05:30",
                true,
            ),
        ] {
            let moment = Moment::iso(text).unwrap();
            assert_eq!((moment.text.as_str(), moment.zoned), (expected, zoned));
            assert_eq!(moment.raw.as_deref(), (text != expected).then_some(text));
            assert_eq!(moment.day(), &expected[..10]);
        }
    }

    #[test]
    fn refuses_what_is_no_moment() {
        for text in [
            "",
            "2026",
            "2026-3-1",
            "2026-13-01",
            "2026-02-29",
            "2026-04-31",
            "2026-00-10",
            "2026-03-01X",
            "2026-03-01T",
            "2026-03-01T9:30",
            "2026-03-01T24:00",
            "2026-03-01T09",
            "2026-03-01T09:30.5",
            "2026-03-01T09:30:00.",
            "2026-03-01T09:30:00+1",
            "2026-03-01T09:30:00+25:00",
            "2026-03-01T09:30:00Zx",
            "٢٠٢٦-03-01",
            "2026-03-0é",
        ] {
            assert_eq!(Moment::iso(text), None, "{text}");
        }
    }

    #[test]
    fn counts_the_seconds_since_1970() {
        let text = |seconds| Moment::unix(seconds).map(|moment| moment.text);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(text(0), some("1970-01-01T00:00:00Z"));
        assert_eq!(text(951_782_400), some("2000-02-29T00:00:00Z"));
        assert_eq!(text(1_755_884_852), some("2025-08-22T17:47:32Z"));
        assert_eq!(text(253_402_300_799), some("9999-12-31T23:59:59Z"));
        assert_eq!(text(253_402_300_800), None);
        assert_eq!(text(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not(text in "\\PC{0,40}") {
            let _ = Moment::iso(&text);
        }

        #[test]
        fn what_is_counted_can_be_read(seconds in 0..253_402_300_800_u64) {
            let moment = Moment::unix(seconds).unwrap();
            prop_assert_eq!(Moment::iso(&moment.text), Some(moment.clone()));
        }
    }
}
