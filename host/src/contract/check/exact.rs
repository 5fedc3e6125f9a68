//! Sums of decimals, without rounding and without overflow.

use std::{cmp::Ordering, fmt};

use crate::contract::{Decimal, Quantity};

/// A number with more room than a document's: sums and products of many fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact {
    coefficient: i128,
    scale: u32,
}

/// What quantities add up to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sum<'a> {
    /// There were none.
    Nothing,
    /// All are in one unit.
    Of(Exact, &'a str),
    /// They are in several units, or too large to add up.
    Unknown,
}

// === impl Exact ===

impl Exact {
    pub(super) const ZERO: Self = Self {
        coefficient: 0,
        scale: 0,
    };

    /// So many of 10^-`scale`.
    pub(super) fn new(coefficient: i128, scale: u32) -> Self {
        let mut it = Self { coefficient, scale };
        while it.scale > 0 && it.coefficient % 10 == 0 {
            it.coefficient /= 10;
            it.scale -= 1;
        }
        it
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let (left, right, scale) = self.aligned(other)?;
        Some(Self::new(left.checked_add(right)?, scale))
    }

    pub(super) fn minus(self, other: Self) -> Option<Self> {
        self.plus(other.negated())
    }

    pub(super) fn times(self, other: Self) -> Option<Self> {
        let coefficient = self.coefficient.checked_mul(other.coefficient)?;
        Some(Self::new(coefficient, self.scale.checked_add(other.scale)?))
    }

    pub(super) fn negated(self) -> Self {
        // No document holds the one number without a counterpart.
        Self {
            coefficient: self.coefficient.saturating_neg(),
            ..self
        }
    }

    pub(super) fn magnitude(self) -> Self {
        Self {
            coefficient: self.coefficient.saturating_abs(),
            ..self
        }
    }

    pub(super) fn is_positive(self) -> bool {
        self.coefficient > 0
    }

    pub(super) fn is_negative(self) -> bool {
        self.coefficient < 0
    }

    /// How many places it needs behind the point.
    pub(super) fn places(self) -> u32 {
        self.scale
    }

    /// Which is greater; none when they are too far apart to be put side by side.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        let (left, right, _) = self.aligned(other)?;
        Some(left.cmp(&right))
    }

    /// Whether both are surely the same.
    pub(super) fn is(self, other: Self) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }

    /// Whether this is surely more.
    pub(super) fn exceeds(self, other: Self) -> bool {
        self.compare(other) == Some(Ordering::Greater)
    }

    /// Whether both are surely not the same.
    pub(super) fn differs(self, other: Self) -> bool {
        self.compare(other).is_some_and(Ordering::is_ne)
    }

    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        Some((self.at(scale)?, other.at(scale)?, scale))
    }

    fn at(self, scale: u32) -> Option<i128> {
        if self.coefficient == 0 {
            return Some(0);
        }
        let factor = 10_i128.checked_pow(scale - self.scale)?;
        self.coefficient.checked_mul(factor)
    }
}

impl From<Decimal> for Exact {
    fn from(decimal: Decimal) -> Self {
        Self::new(i128::from(decimal.coefficient), u32::from(decimal.scale))
    }
}

impl From<&Decimal> for Exact {
    fn from(decimal: &Decimal) -> Self {
        Self::from(*decimal)
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.coefficient.unsigned_abs().to_string();
        let scale = self.scale as usize;
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if self.coefficient < 0 { "-" } else { "" };
        match fraction {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

// === impl Sum ===

impl<'a> Sum<'a> {
    /// Of these.
    pub(super) fn of(quantities: impl IntoIterator<Item = &'a Quantity>) -> Self {
        quantities
            .into_iter()
            .fold(Self::Nothing, |sum, quantity| sum.and(quantity))
    }

    /// With one more.
    pub(super) fn and(self, quantity: &'a Quantity) -> Self {
        let value = Exact::from(quantity.value);
        match self {
            Self::Nothing => Self::Of(value, &quantity.unit),
            Self::Of(sum, unit) if unit == quantity.unit => match sum.plus(value) {
                Some(sum) => Self::Of(sum, unit),
                None => Self::Unknown,
            },
            Self::Of(..) | Self::Unknown => Self::Unknown,
        }
    }

    /// What it is in that unit; none when it is not.
    pub(super) fn within(self, wanted: &str) -> Option<Exact> {
        match self {
            Self::Of(sum, unit) if unit == wanted => Some(sum),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(coefficient: i128, scale: u32) -> Exact {
        Exact::new(coefficient, scale)
    }

    #[test]
    fn numbers_are_what_they_were() {
        assert!(exact(1250, 2).is(exact(125, 1)));
        assert!(exact(1251, 2).exceeds(exact(125, 1)));
        assert_eq!(exact(1250, 2).to_string(), "12.5");
        assert_eq!(exact(-5, 3).to_string(), "-0.005");
        assert_eq!(exact(0, 40).to_string(), "0");
        assert_eq!(exact(1_000, 0).to_string(), "1000");
        let third = exact(3, 1).times(exact(3, 1)).unwrap();
        assert!(third.is(exact(9, 2)));
        assert!(
            exact(1, 0)
                .minus(exact(1, 18))
                .unwrap()
                .is(exact(10_i128.pow(18) - 1, 18))
        );
    }

    #[test]
    fn what_does_not_fit_is_not_told() {
        let huge = exact(i128::MAX, 0);
        assert!(huge.plus(exact(1, 0)).is_none());
        assert!(huge.compare(exact(1, 1)).is_none());
        assert!(!huge.exceeds(exact(1, 1)) && !huge.differs(exact(1, 1)));
        assert!(exact(7, 255).plus(exact(7, 0)).is_none());
        assert!(exact(0, 255).plus(exact(7, 0)).unwrap().is(exact(7, 0)));
        assert!(exact(i128::MIN, 0).negated().is_positive());
    }
}
