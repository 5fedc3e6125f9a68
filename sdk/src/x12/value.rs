//! The values an element can hold: exact decimals, dates, times.
//!
//! Reading them is strict about what changes a value (two decimal points, a
//! letter, the 31st of June) and forgiving about what does not (blanks around it).

use std::fmt;

use super::code::ElementError;
use super::segment::trim;

/// An exact decimal number: `coefficient` divided by ten to the power of `scale`.
///
/// `-13.000` is coefficient -13000 with scale 3: trailing zeros are kept, since
/// they are what the sender wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Decimal {
    /// The digits with their sign, at most 18.
    pub coefficient: i64,
    /// How many of the digits stand behind the point, at most 18.
    pub scale: u8,
}

/// A calendar date that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Full year, 0 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// A time of day, without a zone: X12 states the zone, if at all, in another element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59; 0 where the sender gave none.
    pub second: u8,
    /// 0 to 99; 0 where the sender gave none.
    pub hundredths: u8,
}

/// Digits an `i64` always holds, and the longest number X12 elements allow.
const DIGITS_MAX: usize = 18;

/// Digits that a `u32` always holds.
const SMALL_DIGITS_MAX: usize = 9;

// === impl Decimal ===

impl Decimal {
    /// Reads a number of type R: an optional minus, digits, at most one point
    /// anywhere among them (`.5` and `5.` are numbers).
    ///
    /// # Errors
    /// [`ElementError::InvalidCharacter`] for anything else, also for an exponent;
    /// [`ElementError::TooLong`] past 18 digits.
    pub fn parse(text: &[u8]) -> Result<Self, ElementError> {
        let (negative, digits) = sign(trim(text));
        if let Some(count) = small_count(digits) {
            return Ok(Self {
                coefficient: if negative { -count } else { count },
                scale: 0,
            });
        }
        let mut coefficient = 0_i64;
        let (mut empty, mut scale, mut point) = (true, 0_u8, false);
        for byte in digits {
            match byte {
                b'.' if !point => point = true,
                b'0'..=b'9' => {
                    // One digit more would be the nineteenth; leading zeros are none.
                    if coefficient >= 10_i64.pow(DIGITS_MAX as u32 - 1) {
                        return Err(ElementError::TooLong);
                    }
                    coefficient = coefficient * 10 + i64::from(byte - b'0');
                    scale += u8::from(point);
                    if usize::from(scale) > DIGITS_MAX {
                        return Err(ElementError::TooLong);
                    }
                    empty = false;
                }
                _ => return Err(ElementError::InvalidCharacter),
            }
        }
        if empty {
            return Err(ElementError::InvalidCharacter);
        }
        Ok(Self {
            coefficient: if negative { -coefficient } else { coefficient },
            scale,
        })
    }

    /// Reads a number of type N0, N2, …: an optional minus and digits, the last
    /// `places` of which stand behind an implied point. `10500` with two places is
    /// 105.00.
    ///
    /// # Errors
    /// [`ElementError::InvalidCharacter`] for anything else, above all for a point:
    /// with one, nobody can say which of the two the sender meant.
    /// [`ElementError::TooLong`] past 18 digits.
    pub fn parse_implied(text: &[u8], places: u8) -> Result<Self, ElementError> {
        let text = text.trim_ascii();
        if text.contains(&b'.') {
            return Err(ElementError::InvalidCharacter);
        }
        let whole = Self::parse(text)?;
        Ok(Self {
            coefficient: whole.coefficient,
            scale: places.min(DIGITS_MAX as u8),
        })
    }
}

/// Plain notation with all its places, such as `-13.000`; also how type R is written.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.coefficient < 0 { "-" } else { "" };
        let digits = self.coefficient.unsigned_abs().to_string();
        let scale = usize::from(self.scale);
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, places) = digits.split_at(digits.len() - scale);
        write!(f, "{sign}{whole}.{places}")
    }
}

// === impl Date ===

impl Date {
    /// A date, if it exists.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u8::from(leap),
            _ => return None,
        };
        (year <= 9999 && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }

    /// Reads CCYYMMDD, or YYMMDD as ISA-09 and old versions have it; years 70 to 99
    /// are of the last century.
    ///
    /// # Errors
    /// [`ElementError::InvalidDate`] when it is no date.
    pub fn parse(text: &[u8]) -> Result<Self, ElementError> {
        let text = text.trim_ascii();
        let (year, rest) = match text.len() {
            8 => (digits(&text[..4])?, &text[4..]),
            6 => {
                let short = digits(&text[..2])?;
                (short + if short >= 70 { 1900 } else { 2000 }, &text[2..])
            }
            _ => return Err(ElementError::InvalidDate),
        };
        let (month, day) = (digits(&rest[..2])?, digits(&rest[2..])?);
        Self::new(year, month as u8, day as u8).ok_or(ElementError::InvalidDate)
    }
}

/// ISO 8601, such as `2026-11-21`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

// === impl Time ===

impl Time {
    /// Reads HHMM, HHMMSS, HHMMSSD or HHMMSSDD.
    ///
    /// # Errors
    /// [`ElementError::InvalidTime`] when it is no time.
    pub fn parse(text: &[u8]) -> Result<Self, ElementError> {
        let invalid = |_| ElementError::InvalidTime;
        let text = text.trim_ascii();
        if !matches!(text.len(), 4 | 6 | 7 | 8) {
            return Err(ElementError::InvalidTime);
        }
        let pair = |at: usize| text.get(at..at + 2).map_or(Ok(0), digits).map_err(invalid);
        let (hour, minute, second) = (pair(0)?, pair(2)?, pair(4)?);
        let hundredths = match text.len() {
            7 => digits(&text[6..]).map_err(invalid)? * 10,
            _ => pair(6)?,
        };
        if hour > 23 || minute > 59 || second > 59 {
            return Err(ElementError::InvalidTime);
        }
        Ok(Self {
            hour: hour as u8,
            minute: minute as u8,
            second: second as u8,
            hundredths: hundredths as u8,
        })
    }
}

/// ISO 8601, such as `04:15:00`, with hundredths only where there are some.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.hour, self.minute, self.second)?;
        if self.hundredths > 0 {
            write!(f, ".{:02}", self.hundredths)?;
        }
        Ok(())
    }
}

/// A number of few digits and nothing else, as most quantities are.
#[inline]
fn small_count(digits: &[u8]) -> Option<i64> {
    if !(1..=SMALL_DIGITS_MAX).contains(&digits.len()) {
        return None;
    }
    let mut count = 0_u32;
    for byte in digits {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        count = count * 10 + digit;
    }
    Some(count.into())
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    }
}

/// A number of one to four digits.
fn digits(text: &[u8]) -> Result<u16, ElementError> {
    text.iter().try_fold(0_u16, |number, byte| match byte {
        b'0'..=b'9' => Ok(number * 10 + u16::from(byte - b'0')),
        _ => Err(ElementError::InvalidDate),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Result<String, ElementError> {
        Decimal::parse(text.as_bytes()).map(|decimal| decimal.to_string())
    }

    #[test]
    fn decimals_keep_sign_and_places() {
        assert_eq!(decimal("-13.000"), Ok("-13.000".into()));
        assert_eq!(decimal(".5"), Ok("0.5".into()));
        assert_eq!(decimal("-.05"), Ok("-0.05".into()));
        assert_eq!(decimal("5."), Ok("5".into()));
        assert_eq!(decimal("0000000.00"), Ok("0.00".into()));
        assert_eq!(decimal(" 12 "), Ok("12".into()));
        assert_eq!(decimal("00000000000000000000012"), Ok("12".into()));
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in [
            "", "-", ".", "1.2.3", "1,000", "1E3", "+5", "5-", "--5", "١",
        ] {
            assert_eq!(decimal(text), Err(ElementError::InvalidCharacter), "{text}");
        }
        assert_eq!(
            decimal("999999999999999999").as_deref(),
            Ok("999999999999999999")
        );
        assert_eq!(decimal("1000000000000000000"), Err(ElementError::TooLong));
        assert_eq!(decimal("0.0000000000000000001"), Err(ElementError::TooLong));
    }

    #[test]
    fn implied_places_are_not_a_point() {
        let total = Decimal::parse_implied(b"10500", 2).map(|total| total.to_string());
        assert_eq!(total, Ok("105.00".into()));
        let small = Decimal::parse_implied(b"-5", 2).map(|small| small.to_string());
        assert_eq!(small, Ok("-0.05".into()));
        assert_eq!(
            Decimal::parse_implied(b"105.00", 2),
            Err(ElementError::InvalidCharacter)
        );
    }

    #[test]
    fn only_dates_that_exist_are_dates() {
        let date = |text: &str| Date::parse(text.as_bytes()).map(|date| date.to_string());
        assert_eq!(date("20261121"), Ok("2026-11-21".into()));
        assert_eq!(date("20240229"), Ok("2024-02-29".into()));
        assert_eq!(date("090902"), Ok("2009-09-02".into()));
        assert_eq!(date("991231"), Ok("1999-12-31".into()));
        for text in [
            "20230229", "20261301", "20260631", "20260100", "BAD_DATE", "2026112", "",
        ] {
            assert_eq!(date(text), Err(ElementError::InvalidDate), "{text}");
        }
    }

    #[test]
    fn times_have_four_to_eight_digits() {
        let time = |text: &str| Time::parse(text.as_bytes()).map(|time| time.to_string());
        assert_eq!(time("0415"), Ok("04:15:00".into()));
        assert_eq!(time("235959"), Ok("23:59:59".into()));
        assert_eq!(time("1230457"), Ok("12:30:45.70".into()));
        assert_eq!(time("12304507"), Ok("12:30:45.07".into()));
        for text in ["2400", "1260", "295335", "415", "04155", "12:30", ""] {
            assert_eq!(time(text), Err(ElementError::InvalidTime), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_decimal_survives_being_written(coefficient in -999_999_999_999_999_999_i64..=999_999_999_999_999_999, scale in 0_u8..=17) {
            let decimal = Decimal { coefficient, scale };
            prop_assert_eq!(Decimal::parse(decimal.to_string().as_bytes()), Ok(decimal));
        }
    }
}
