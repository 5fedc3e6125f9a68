//! How SAP writes values: as text, with a few habits.
//!
//! A field that says nothing is empty, or holds what its type begins with: `00000000`
//! for a date, `000000` for a time or a number, `0.000` for a quantity.

use std::fmt;

use crate::Decimal;
use crate::decimal::DecimalError;

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Not digits with a sign and separators.
    Malformed,
    /// `1,234`: a thousand and some, or one and some? Nobody can say.
    Ambiguous,
    /// More digits than a decimal has.
    TooManyDigits,
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a number",
            Self::Ambiguous => {
                "ambiguous: a comma before three digits may be a decimal comma or separate thousands"
            }
            Self::TooManyDigits => "a number has at most 18 digits",
        })
    }
}

impl std::error::Error for NumberError {}

/// A text is no day of the calendar, or no time of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateError;

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no date or time of SAP's")
    }
}

impl std::error::Error for DateError {}

/// Reads a number as SAP writes it: `12.000`, `12.000-` (the sign behind, as ABAP
/// writes packed numbers), `         5.000`, and what hand-made files have: `1,234.50`,
/// `1.234,50`, `12,5`. The scale is kept.
///
/// # Errors
///
/// See [`NumberError`]. Never guesses between a decimal comma and thousands.
pub fn number(text: &str) -> Result<Decimal, NumberError> {
    let text = text.trim();
    let (negative, digits) = match (text.strip_suffix('-'), text.strip_prefix('-')) {
        (Some(_), Some(_)) => return Err(NumberError::Malformed),
        (Some(digits), None) | (None, Some(digits)) => (true, digits.trim()),
        (None, None) => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['-', '+']) {
        return Err(NumberError::Malformed);
    }
    let value = if digits.contains(',') {
        plain(digits)?.parse()
    } else {
        digits.parse::<Decimal>()
    };
    let value = value.map_err(|error| match error {
        DecimalError::TooManyDigits => NumberError::TooManyDigits,
        _ => NumberError::Malformed,
    })?;
    if negative {
        // Eighteen digits always have a counterpart.
        value.checked_neg().map_err(|_| NumberError::TooManyDigits)
    } else {
        Ok(value)
    }
}

/// A number with commas, without separators of thousands and with a point.
fn plain(digits: &str) -> Result<String, NumberError> {
    let last = digits.rfind([',', '.']).unwrap_or_default();
    let (whole, fraction) = (&digits[..last], &digits[last + 1..]);
    let mark = &digits[last..=last];
    let thousands = if mark == "," { '.' } else { ',' };
    if whole.contains(mark) {
        // `1,234,567`: the mark occurs twice, so it separates thousands.
        return match grouped(digits, ',') {
            true if mark == "," && !digits.contains('.') => Ok(digits.replace(',', "")),
            _ => Err(NumberError::Malformed),
        };
    }
    if whole.contains(thousands) {
        return match grouped(whole, thousands) {
            true => Ok(format!("{}.{fraction}", whole.replace(thousands, ""))),
            false => Err(NumberError::Malformed),
        };
    }
    // A comma alone.
    if fraction.len() == 3 && (1..=3).contains(&whole.len()) && whole != "0" {
        return Err(NumberError::Ambiguous);
    }
    Ok(format!("{whole}.{fraction}"))
}

/// Whether digits stand in threes between the separators.
fn grouped(digits: &str, separator: char) -> bool {
    let mut groups = digits.split(separator);
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3)
}

/// Whether a field says nothing: empty, or nothing but noughts (a date, a time, a
/// quantity that was never set).
pub fn is_initial(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0' | b'.' | b' ' | b','))
}

/// A date `YYYYMMDD` as `YYYY-MM-DD`. `Ok(None)` where it says nothing.
///
/// # Errors
///
/// When it is no day of the calendar.
pub fn date(text: &str) -> Result<Option<String>, DateError> {
    let text = text.trim();
    if is_initial(text) {
        return Ok(None);
    }
    let digits: Option<[u8; 8]> = text.as_bytes().try_into().ok();
    let digits = digits
        .filter(|digits| digits.iter().all(u8::is_ascii_digit))
        .ok_or(DateError)?;
    let number = |range: std::ops::Range<usize>| {
        digits[range]
            .iter()
            .fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    if year == 0 || !(1..=days_in(year, month)).contains(&day) {
        return Err(DateError);
    }
    Ok(Some(format!("{year:04}-{month:02}-{day:02}")))
}

/// A time `HHMMSS` as `HH:MM:SS`.
///
/// # Errors
///
/// When it is no time of a day.
pub fn time(text: &str) -> Result<String, DateError> {
    let text = text.trim();
    let digits = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(DateError);
    }
    let (hour, minute, second) = (&text[..2], &text[2..4], &text[4..]);
    if hour > "23" || minute > "59" || second > "59" {
        return Err(DateError);
    }
    Ok(format!("{hour}:{minute}:{second}"))
}

/// `YYYY-MM-DD` as `YYYYMMDD`; absent where it is no such date.
pub fn from_iso_date(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    matches!(date(&digits), Ok(Some(_))).then_some(digits)
}

/// `HH:MM` or `HH:MM:SS`, with or without a fraction of a second that is nought, as
/// `HHMMSS`; absent where it is no such time.
pub fn from_iso_time(text: &str) -> Option<String> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte == b'0') {
        return None;
    }
    let mut digits = String::with_capacity(6);
    for part in clock.split(':') {
        if part.len() != 2 {
            return None;
        }
        digits.push_str(part);
    }
    if digits.len() == 4 {
        digits.push_str("00");
    }
    time(&digits).is_ok().then_some(digits)
}

/// The offset of one of SAP's time zones, where its name says it: `UTC`, `UTC+8`,
/// `UTC-3`. Others (`CET`, `EST`) have summer time, which no field tells.
pub fn zone_offset(zone: &str) -> Option<String> {
    let rest = zone.trim().strip_prefix("UTC")?;
    if rest.is_empty() {
        return Some("+00:00".to_owned());
    }
    let sign = rest.chars().next().filter(|c| matches!(c, '+' | '-'))?;
    let hours: u8 = rest[1..].parse().ok().filter(|hours| *hours <= 14)?;
    Some(format!("{sign}{hours:02}:00"))
}

/// A number without the noughts that pad it. Only what is digits throughout is padded
/// (SAP's conversion exit ALPHA); anything else is as it is.
pub fn strip_zeros(text: &str) -> &str {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text;
    }
    let stripped = text.trim_start_matches('0');
    if stripped.is_empty() {
        &text[text.len() - 1..]
    } else {
        stripped
    }
}

/// A number padded with noughts to a length, where it is digits throughout and shorter.
pub fn pad_zeros(text: &str, length: usize) -> String {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && text.len() < length {
        format!("{text:0>length$}")
    } else {
        text.to_owned()
    }
}

/// How many days a month has; none where there is no such month.
pub(crate) fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_as_sap_writes_them() {
        for (text, value) in [
            ("12.000", "12.000"),
            ("12.000-", "-12.000"),
            ("-12.5", "-12.5"),
            ("         5.000", "5.000"),
            ("10.500 -", "-10.500"),
            ("+3", "3"),
            ("1,234.50", "1234.50"),
            ("1.234,50-", "-1234.50"),
            ("1.234.567,8", "1234567.8"),
            ("1,234,567", "1234567"),
            ("12,5", "12.5"),
            ("0,125", "0.125"),
            ("1234,500", "1234.500"),
        ] {
            let read = number(text).map(|value| value.to_string());
            assert_eq!(read.as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn never_guesses_a_number() {
        assert_eq!(number("1,234"), Err(NumberError::Ambiguous));
        for text in [
            "",
            "-",
            "12-5",
            "--1",
            "-1-",
            "1e3",
            "1.2.3",
            "1,23,4",
            "1,2,3.4",
            "12 000",
            "x",
            ",",
            "1.23,456,7",
            "+-1",
            "-+1",
        ] {
            assert_eq!(number(text), Err(NumberError::Malformed), "{text}");
        }
        assert_eq!(
            number("1234567890123456789"),
            Err(NumberError::TooManyDigits)
        );
    }

    #[test]
    fn reads_dates_and_times() {
        assert_eq!(date("20240229"), Ok(Some("2024-02-29".to_owned())));
        assert_eq!(date("00000000"), Ok(None));
        assert_eq!(date(""), Ok(None));
        for text in ["20230229", "2024022", "20241301", "2024-2-2", "3242342"] {
            assert_eq!(date(text), Err(DateError), "{text}");
        }
        assert_eq!(time("235959").as_deref(), Ok("23:59:59"));
        for text in ["240000", "04", "0123456789", "12:00", "120060"] {
            assert_eq!(time(text), Err(DateError), "{text}");
        }
        assert_eq!(from_iso_date("2024-02-29").as_deref(), Some("20240229"));
        assert_eq!(from_iso_date("2024-02-30"), None);
        assert_eq!(from_iso_time("09:30").as_deref(), Some("093000"));
        assert_eq!(from_iso_time("09:30:15.00").as_deref(), Some("093015"));
        assert_eq!(from_iso_time("09:30:15.5"), None);
        assert_eq!(zone_offset("UTC+8").as_deref(), Some("+08:00"));
        assert_eq!(zone_offset("UTC").as_deref(), Some("+00:00"));
        assert_eq!(zone_offset("CET"), None);
        assert_eq!(zone_offset("UTC+99"), None);
    }

    #[test]
    fn strips_and_pads_what_is_digits() {
        assert_eq!(strip_zeros("000000000000012345"), "12345");
        assert_eq!(strip_zeros("000000"), "0");
        assert_eq!(strip_zeros("00-12"), "00-12");
        assert_eq!(strip_zeros("TG0011"), "TG0011");
        assert_eq!(pad_zeros("10", 6), "000010");
        assert_eq!(pad_zeros("TG11", 18), "TG11");
        assert_eq!(pad_zeros("1234567", 6), "1234567");
        assert!(is_initial("0.000") && is_initial("00000000") && is_initial(""));
        assert!(!is_initial("0.001"));
    }
}
