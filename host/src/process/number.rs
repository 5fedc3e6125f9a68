//! Quantities and amounts that processes add up.
//!
//! Exact: millionths in 128 bits. What enters is below [`WHOLE_MAX`], so that no sum
//! of what an instance may hold, and no product of two numbers, leaves the range.
//! Finer or larger numbers of a partner are refused where they enter.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contract::Decimal;

/// Millionths in one.
const ONE: i128 = 1_000_000;

/// What may enter is smaller than this, either way.
const WHOLE_MAX: i128 = 1_000_000_000_000;

/// An exact number with up to six decimals. Text outside: `"12.5"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(i128);

// === impl Number ===

impl Number {
    /// Nought.
    pub const ZERO: Self = Self(0);

    /// A whole number.
    #[must_use]
    pub const fn whole(value: i32) -> Self {
        Self(value as i128 * ONE)
    }

    /// A partner's number; none when it has more than six decimals or is too large.
    #[must_use]
    pub fn of(decimal: &Decimal) -> Option<Self> {
        let coefficient = i128::from(decimal.coefficient);
        let millionths = if decimal.scale <= 6 {
            coefficient.checked_mul(10_i128.pow(u32::from(6 - decimal.scale)))?
        } else {
            let divisor = 10_i128.checked_pow(u32::from(decimal.scale - 6))?;
            if coefficient % divisor != 0 {
                return None;
            }
            coefficient / divisor
        };
        (millionths.abs() < WHOLE_MAX * ONE).then_some(Self(millionths))
    }

    /// As documents have it, without trailing noughts.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        let (mut coefficient, mut scale) = (self.0, 6);
        while scale > 0 && coefficient % 10 == 0 {
            coefficient /= 10;
            scale -= 1;
        }
        Decimal {
            coefficient: i64::try_from(coefficient).unwrap_or(i64::MAX),
            scale,
        }
    }

    /// The product, cut off after six decimals towards nought: a cap computed so is
    /// never too high.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        Self(self.0.saturating_mul(other.0) / ONE)
    }

    /// So many per cent of it, cut off after six decimals.
    #[must_use]
    pub fn percent(self, percent: u32) -> Self {
        Self(self.0.saturating_mul(i128::from(percent)) / 100)
    }

    /// Without its sign.
    #[must_use]
    pub fn magnitude(self) -> Self {
        Self(self.0.abs())
    }

    /// Itself, or nought when it is negative.
    #[must_use]
    pub fn at_least_zero(self) -> Self {
        self.max(Self::ZERO)
    }

    /// Whether it is above nought.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Whether it is nought.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl std::ops::Add for Number {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Number {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::AddAssign for Number {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Number {
    fn sum<I: Iterator<Item = Self>>(numbers: I) -> Self {
        numbers.fold(Self::ZERO, |sum, number| sum + number)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (
            self.0.unsigned_abs() / 1_000_000,
            self.0.unsigned_abs() % 1_000_000,
        );
        if part == 0 {
            return write!(formatter, "{sign}{whole}");
        }
        let part = format!("{part:06}");
        write!(formatter, "{sign}{whole}.{}", part.trim_end_matches('0'))
    }
}

impl std::str::FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unfit = || format!("{text:?} is no number with at most six decimals");
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 30 || part.len() > 6 || !plain(whole) || !plain(part) {
            return Err(unfit());
        }
        let whole: i128 = whole.parse().map_err(|_| unfit())?;
        let part: i128 = format!("{part:0<6}").parse().map_err(|_| unfit())?;
        let magnitude = whole.checked_mul(ONE).ok_or_else(unfit)? + part;
        Ok(Self(if text.starts_with('-') {
            -magnitude
        } else {
            magnitude
        }))
    }
}

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(coefficient: i64, scale: u8) -> Decimal {
        Decimal { coefficient, scale }
    }

    #[test]
    fn reads_what_partners_write_and_refuses_what_it_could_not_keep() {
        assert_eq!(
            Number::of(&decimal(1250, 2)).map(|it| it.to_string()),
            Some("12.5".to_owned())
        );
        assert_eq!(Number::of(&decimal(-13_000, 3)), Some(Number::whole(-13)));
        assert_eq!(
            Number::of(&decimal(1_000_000_000_000, 12)),
            Some(Number::whole(1))
        );
        assert_eq!(Number::of(&decimal(1, 7)), None, "a ten-millionth");
        assert_eq!(
            Number::of(&decimal(1_000_000_000_000, 0)),
            None,
            "too large"
        );
    }

    #[test]
    fn text_and_documents_give_the_same_number_back() {
        for text in ["0", "12.5", "-0.000001", "999999999999.999999"] {
            let number: Number = text.parse().expect("a number");
            assert_eq!(number.to_string(), text);
            assert_eq!(Number::of(&number.decimal()), Some(number));
        }
        for text in ["", ".5", "1e3", "1.0000001", "--1", "+1"] {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
    }

    #[test]
    fn products_never_round_up() {
        let price: Number = "0.333333".parse().expect("a number");
        assert_eq!(Number::whole(3).times(price).to_string(), "0.999999");
        assert_eq!(price.times(price).to_string(), "0.11111");
        assert_eq!(Number::whole(7).percent(50).to_string(), "3.5");
    }
}
