//! X12 code lists as data, read in both directions.
//!
//! Every list is a table of (code, canonical value). Reading takes the row of the
//! code; writing takes the first row of the value, so the first code of a value is
//! the one that is sent. A code without a row travels as the value's `other`, and an
//! `other` is written as it is: no list here loses a partner's own code.
//!
//! Where several codes share a value, [`is_first`] tells whether writing would give
//! the code back; if not, the mappings keep it among the extras.

// Before the lists, which are made with it.
#[macro_use]
mod list;

mod documents;
mod items;
mod parties;
mod returns;
mod stock;
mod units;

pub(crate) use items::{LOTS, item_scheme};
pub(crate) use returns::{return_state, state_code};
pub(crate) use stock::{Figure, adjustment_reason, figure, stock_kind};
pub(crate) use units::{unit, weight_unit, x12_unit, x12_weight_unit};

/// A canonical value that X12 has codes for.
pub(crate) trait Coded: Clone + PartialEq + Sized + 'static {
    /// The list, in the order of preference for writing.
    const LIST: &'static [(&'static str, Self)];

    /// The value of a code that the list does not have.
    fn other(code: String) -> Self;

    /// The code, if this is such a value.
    fn as_other(&self) -> Option<&str>;
}

/// The value of a code.
pub(crate) fn read<T: Coded>(code: &str) -> T {
    match T::LIST.iter().find(|(known, _)| *known == code) {
        Some((_, value)) => value.clone(),
        None => T::other(code.to_owned()),
    }
}

/// The code of a value.
pub(crate) fn write<T: Coded>(value: &T) -> &str {
    if let Some(code) = value.as_other() {
        return code;
    }
    T::LIST
        .iter()
        .find(|(_, known)| known == value)
        .map_or("", |(code, _)| code)
}

/// Whether writing what `code` was read as gives `code` again.
pub(crate) fn is_first<T: Coded>(code: &str) -> bool {
    let value: T = read(code);
    write(&value) == code
}

#[cfg(test)]
mod tests {
    use crossdock_sdk::{
        AdjustmentReason, Disposition, FreightPayment, IdScheme, ItemScheme, OrderType, PartyRole,
        Purpose, ReceiptCondition, ReceiptType, ReturnReason, ShipmentStatus, TransportMode,
        Verdict,
    };

    use super::*;

    fn first_rows_come_back<T: Coded + std::fmt::Debug>() {
        for (code, value) in T::LIST {
            assert_eq!(&read::<T>(code), value);
            let written = write(value);
            assert_eq!(&read::<T>(written), value, "{code} is written as {written}");
        }
        let other = read::<T>("?!");
        assert_eq!(other.as_other(), Some("?!"));
        assert_eq!(write(&other), "?!");
    }

    #[test]
    fn every_value_reads_back_from_what_is_written() {
        first_rows_come_back::<PartyRole>();
        first_rows_come_back::<IdScheme>();
        first_rows_come_back::<ItemScheme>();
        first_rows_come_back::<TransportMode>();
        first_rows_come_back::<FreightPayment>();
        first_rows_come_back::<OrderType>();
        first_rows_come_back::<ShipmentStatus>();
        first_rows_come_back::<Verdict>();
        first_rows_come_back::<Purpose>();
        first_rows_come_back::<AdjustmentReason>();
        first_rows_come_back::<ReceiptType>();
        first_rows_come_back::<ReceiptCondition>();
        first_rows_come_back::<ReturnReason>();
        first_rows_come_back::<Disposition>();
    }

    #[test]
    fn a_code_that_writing_would_change_is_known() {
        assert!(is_first::<TransportMode>("M"));
        assert!(!is_first::<TransportMode>("J"));
        assert!(is_first::<TransportMode>("T"));
    }
}
