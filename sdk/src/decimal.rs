//! Exact decimals: parsing, writing and the arithmetic that documents need.
//!
//! No value ever passes through a floating-point number. Every operation is checked:
//! what does not fit into [`DIGITS_MAX`] digits is an error, never a rounded or
//! wrapped result. Division is left out on purpose, since it has no exact answer.
//!
//! Two decimals are `==` when they are written alike: 12.5 and 12.50 differ, because
//! a partner's scale is part of what it wrote. [`Decimal::compare`] and
//! [`Decimal::is_equal`] look at the number itself.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::Decimal;

/// How many digits a coefficient may have, and how many of them may stand behind
/// the point. Eighteen always fit into the contract's signed 64 bits.
pub const DIGITS_MAX: u8 = 18;

/// The first magnitude that has more than [`DIGITS_MAX`] digits.
const COEFFICIENT_LIMIT: u64 = 1_000_000_000_000_000_000;

/// Why there is no such decimal. None of these goes away by trying again; when the
/// text came from a partner it is the partner's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// The text is not an optional sign, digits and at most one point.
    NotANumber,
    /// The text uses an exponent, which the contract does not have.
    Exponent,
    /// More than [`DIGITS_MAX`] digits, before or after an operation.
    TooManyDigits,
    /// A smaller scale would cut off digits that are not zero.
    Inexact,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "not a decimal number",
            Self::Exponent => "a decimal has no exponent",
            Self::TooManyDigits => "a decimal has at most 18 digits",
            Self::Inexact => "the scale would cut off digits",
        })
    }
}

impl std::error::Error for DecimalError {}

// === impl Decimal ===

impl Decimal {
    /// Nought, without decimals.
    pub const ZERO: Decimal = Decimal {
        coefficient: 0,
        scale: 0,
    };

    /// `coefficient` × 10^-`scale`.
    ///
    /// # Errors
    ///
    /// [`DecimalError::TooManyDigits`] when either is beyond [`DIGITS_MAX`] digits.
    pub const fn new(coefficient: i64, scale: u8) -> Result<Decimal, DecimalError> {
        if coefficient.unsigned_abs() >= COEFFICIENT_LIMIT || scale > DIGITS_MAX {
            return Err(DecimalError::TooManyDigits);
        }
        Ok(Decimal { coefficient, scale })
    }

    /// A number without decimals, such as a count.
    pub const fn whole(value: u32) -> Decimal {
        Decimal {
            coefficient: value as i64,
            scale: 0,
        }
    }

    /// Whether it is nought, whatever its scale.
    pub const fn is_zero(self) -> bool {
        self.coefficient == 0
    }

    /// Whether it is less than nought.
    pub const fn is_negative(self) -> bool {
        self.coefficient < 0
    }

    /// Which of two numbers is greater; scales do not matter.
    pub fn compare(self, other: Decimal) -> Ordering {
        let signs = self.coefficient.signum().cmp(&other.coefficient.signum());
        if signs.is_ne() || self.coefficient == 0 {
            return signs;
        }
        // A guest can hand over any scale. Beyond 19 places the finer of two
        // numbers that are not nought is always the smaller one.
        match self.scale.abs_diff(other.scale) {
            0..=19 => {
                let scale = self.scale.max(other.scale);
                let left = i128::from(self.coefficient) * power(scale - self.scale);
                let right = i128::from(other.coefficient) * power(scale - other.scale);
                left.cmp(&right)
            }
            _ => {
                let finer = self.scale > other.scale;
                if finer == self.is_negative() {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
        }
    }

    /// Whether both are the same number: 12.5 is 12.50.
    pub fn is_equal(self, other: Decimal) -> bool {
        self.compare(other).is_eq()
    }

    /// The sum, with the finer of the two scales.
    ///
    /// # Errors
    ///
    /// [`DecimalError::TooManyDigits`] when the sum does not fit.
    pub fn checked_add(self, other: Decimal) -> Result<Decimal, DecimalError> {
        let scale = self.scale.max(other.scale);
        if scale > DIGITS_MAX {
            return Err(DecimalError::TooManyDigits);
        }
        let left = i128::from(self.coefficient) * power(scale - self.scale);
        let right = i128::from(other.coefficient) * power(scale - other.scale);
        fit(left + right, scale)
    }

    /// The difference, with the finer of the two scales.
    ///
    /// # Errors
    ///
    /// [`DecimalError::TooManyDigits`] when it does not fit.
    pub fn checked_sub(self, other: Decimal) -> Result<Decimal, DecimalError> {
        self.checked_add(other.checked_neg()?)
    }

    /// The product; the scales add up.
    ///
    /// # Errors
    ///
    /// [`DecimalError::TooManyDigits`] when it does not fit.
    pub fn checked_mul(self, other: Decimal) -> Result<Decimal, DecimalError> {
        let scale = self.scale.saturating_add(other.scale);
        fit(
            i128::from(self.coefficient) * i128::from(other.coefficient),
            scale,
        )
    }

    /// The same magnitude with the other sign.
    ///
    /// # Errors
    ///
    /// [`DecimalError::TooManyDigits`] for a coefficient that has no counterpart.
    pub fn checked_neg(self) -> Result<Decimal, DecimalError> {
        fit(-i128::from(self.coefficient), self.scale)
    }

    /// The same number with `scale` decimals.
    ///
    /// # Errors
    ///
    /// [`DecimalError::Inexact`] when digits would be lost,
    /// [`DecimalError::TooManyDigits`] when noughts do not fit.
    pub fn with_scale(self, scale: u8) -> Result<Decimal, DecimalError> {
        if self.scale.max(scale) > DIGITS_MAX {
            return Err(DecimalError::TooManyDigits);
        }
        let coefficient = i128::from(self.coefficient);
        if scale >= self.scale {
            return fit(coefficient * power(scale - self.scale), scale);
        }
        let divisor = power(self.scale - scale);
        if coefficient % divisor != 0 {
            return Err(DecimalError::Inexact);
        }
        fit(coefficient / divisor, scale)
    }

    /// The same number without noughts at the end of its decimals.
    #[must_use]
    pub fn normalized(mut self) -> Decimal {
        while self.scale > 0 && self.coefficient % 10 == 0 {
            self.coefficient /= 10;
            self.scale -= 1;
        }
        self
    }

    /// The number as an integer, if its decimals are nought.
    pub fn to_integer(self) -> Option<i64> {
        let normalized = self.normalized();
        (normalized.scale == 0).then_some(normalized.coefficient)
    }
}

impl Eq for Decimal {}

impl From<u32> for Decimal {
    fn from(value: u32) -> Decimal {
        Decimal::whole(value)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(24);
        write_digits(&mut text, self.coefficient.unsigned_abs());
        insert_point(&mut text, 0, self.scale);
        let digits = str::from_utf8(&text).map_err(|_| fmt::Error)?;
        f.pad_integral(self.coefficient >= 0, "", digits)
    }
}

/// Reads `12.50`, `-0.5`, `007`, `.5` and `5.`; the scale is kept as written, noughts
/// in front are not. Blanks, a plus sign, separators of thousands and exponents are
/// refused.
impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Decimal, DecimalError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let mut coefficient: u64 = 0;
        let mut seen = 0_usize;
        let mut scale: Option<u8> = None;
        for byte in digits.bytes() {
            match byte {
                b'0'..=b'9' => {
                    coefficient = coefficient * 10 + u64::from(byte - b'0');
                    seen += 1;
                    scale = scale.map(|places| places + 1);
                    if coefficient >= COEFFICIENT_LIMIT || scale > Some(DIGITS_MAX) {
                        return Err(DecimalError::TooManyDigits);
                    }
                }
                b'.' if scale.is_none() => scale = Some(0),
                b'e' | b'E' if seen > 0 => return Err(DecimalError::Exponent),
                _ => return Err(DecimalError::NotANumber),
            }
        }
        if seen == 0 {
            return Err(DecimalError::NotANumber);
        }
        // Below 10^18, so the cast keeps the value.
        let magnitude = coefficient as i64;
        Ok(Decimal {
            coefficient: if negative { -magnitude } else { magnitude },
            scale: scale.unwrap_or(0),
        })
    }
}

/// 10^`exponent`, for exponents up to 19.
fn power(exponent: u8) -> i128 {
    10_i128.pow(u32::from(exponent))
}

fn fit(coefficient: i128, scale: u8) -> Result<Decimal, DecimalError> {
    let coefficient = i64::try_from(coefficient).map_err(|_| DecimalError::TooManyDigits)?;
    Decimal::new(coefficient, scale)
}

/// Appends `value` in decimal digits.
pub(crate) fn write_digits(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        // The remainder is a single digit.
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Sets the decimal point into the unsigned digits that begin at `start` and reach
/// to the end, with noughts in front where there are too few.
pub(crate) fn insert_point(out: &mut Vec<u8>, start: usize, scale: u8) {
    if scale == 0 {
        return;
    }
    let scale = usize::from(scale);
    let missing = (scale + 1).saturating_sub(out.len() - start);
    if missing > 0 {
        out.splice(start..start, std::iter::repeat_n(b'0', missing));
    }
    out.insert(out.len() - scale, b'.');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn keeps_the_scale_as_written() {
        for text in ["0", "12.50", "-0.5", "-0.05", "100", "0.000000000000000001"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        assert_eq!(decimal("007.10").to_string(), "7.10");
        assert_eq!(decimal(".5").to_string(), "0.5");
        assert_eq!(decimal("5.").to_string(), "5");
        assert_eq!(decimal("-0").to_string(), "0");
    }

    #[test]
    fn refuses_what_is_no_decimal() {
        for text in [
            "", "-", ".", "-.", "1 ", "+1", "1,000", "0x1", "1.2.3", "--1", "٣",
        ] {
            assert_eq!(
                text.parse::<Decimal>(),
                Err(DecimalError::NotANumber),
                "{text}"
            );
        }
        assert_eq!("1e3".parse::<Decimal>(), Err(DecimalError::Exponent));
        assert_eq!(
            "1234567890123456789".parse::<Decimal>(),
            Err(DecimalError::TooManyDigits)
        );
        assert_eq!(
            "0.0000000000000000001".parse::<Decimal>(),
            Err(DecimalError::TooManyDigits)
        );
        assert!("000000000000000000000000000001".parse::<Decimal>().is_ok());
    }

    #[test]
    fn adds_without_rounding() {
        assert_eq!(
            decimal("0.1").checked_add(decimal("0.2")).unwrap(),
            decimal("0.3")
        );
        assert_eq!(
            decimal("1").checked_sub(decimal("0.005")).unwrap(),
            decimal("0.995")
        );
        assert_eq!(
            decimal("12.50").checked_mul(decimal("4")).unwrap(),
            decimal("50.00")
        );
        let most = decimal("999999999999999999");
        assert_eq!(
            most.checked_add(decimal("1")),
            Err(DecimalError::TooManyDigits)
        );
        assert_eq!(
            most.checked_add(decimal("0.1")),
            Err(DecimalError::TooManyDigits)
        );
    }

    #[test]
    fn changes_the_scale_only_exactly() {
        assert_eq!(decimal("12.50").with_scale(1).unwrap().to_string(), "12.5");
        assert_eq!(decimal("12.5").with_scale(3).unwrap().to_string(), "12.500");
        assert_eq!(decimal("12.55").with_scale(1), Err(DecimalError::Inexact));
        assert_eq!(decimal("12.00").to_integer(), Some(12));
        assert_eq!(decimal("12.01").to_integer(), None);
    }

    #[test]
    fn alike_and_equal_are_two_things() {
        assert_ne!(decimal("12.5"), decimal("12.50"));
        assert!(decimal("12.5").is_equal(decimal("12.50")));
        assert!(decimal("-0.1").compare(decimal("0")).is_lt());
    }

    #[test]
    fn survives_any_coefficient_and_scale() {
        let wild = Decimal {
            coefficient: i64::MIN,
            scale: 255,
        };
        assert!(wild.checked_neg().is_err());
        assert!(wild.checked_add(Decimal::ZERO).is_err());
        assert!(wild.compare(decimal("-1")).is_gt());
        assert!(decimal("-1").compare(wild).is_lt());
        assert_eq!(wild.to_string().len(), "-0.".len() + 255);
    }

    proptest! {
        #[test]
        fn text_round_trips(coefficient in -999_999_999_999_999_999_i64..=999_999_999_999_999_999, scale in 0..=18_u8) {
            let decimal = Decimal::new(coefficient, scale).unwrap();
            prop_assert_eq!(decimal.to_string().parse::<Decimal>(), Ok(decimal));
        }

        #[test]
        fn any_text_is_refused_or_written_back_equal(text in "-?[0-9]{0,20}\\.?[0-9]{0,20}") {
            if let Ok(decimal) = text.parse::<Decimal>() {
                prop_assert_eq!(decimal.to_string().parse::<Decimal>(), Ok(decimal));
            }
        }

        #[test]
        fn comparing_agrees_with_subtracting(a in any::<i32>(), b in any::<i32>(), s in 0..=8_u8, t in 0..=8_u8) {
            let left = Decimal { coefficient: a.into(), scale: s };
            let right = Decimal { coefficient: b.into(), scale: t };
            let difference = left.checked_sub(right).unwrap();
            prop_assert_eq!(left.compare(right), difference.coefficient.cmp(&0));
            prop_assert_eq!(right.compare(left), left.compare(right).reverse());
        }
    }
}
