//! X12 code lists as data, read in both directions.
//!
//! Every list is a table of (code, canonical value). Reading takes the row of the
//! code; writing takes the first row of the value, so the first code of a value is
//! the one that is sent. A code without a row travels as the value's `other`, and an
//! `other` is written as it is: no list here loses a partner's own code.
//!
//! Where several codes share a value, [`is_first`] tells whether writing would give
//! the code back; if not, the mappings keep it among the extras.

use crossdock_sdk::{
    FreightPayment, IdScheme, ItemScheme, OrderType, PartyRole, ShipmentStatus, TransportMode,
    Verdict,
};

/// A canonical value that X12 has codes for.
pub(crate) trait Coded: Clone + PartialEq + Sized + 'static {
    /// The list, in the order of preference for writing.
    const LIST: &'static [(&'static str, Self)];

    /// The value of a code that the list does not have.
    fn other(code: String) -> Self;

    /// The code, if this is such a value.
    fn as_other(&self) -> Option<&str>;
}

macro_rules! coded {
    ($(#[$about:meta])* $type:ident { $($code:literal => $value:ident,)+ }) => {
        $(#[$about])*
        impl Coded for $type {
            const LIST: &'static [(&'static str, Self)] = &[$(($code, $type::$value)),+];

            fn other(code: String) -> Self {
                $type::Other(code)
            }

            fn as_other(&self) -> Option<&str> {
                match self {
                    $type::Other(code) => Some(code),
                    _ => None,
                }
            }
        }
    };
}

coded! {
    /// Element 98, entity identifier code.
    PartyRole {
        "ST" => ShipTo,
        "BT" => BillTo,
        "SF" => ShipFrom,
        "WH" => Warehouse,
        "DE" => Depositor,
        "CN" => Consignee,
        "BY" => Buyer,
        "SE" => Seller,
        "SU" => Seller,
        "VN" => Seller,
        "CA" => Carrier,
        "MF" => Manufacturer,
        "UC" => EndCustomer,
        "MA" => EndCustomer,
    }
}

coded! {
    /// Element 66, identification code qualifier.
    IdScheme {
        "1" => Duns,
        "9" => DunsPlusFour,
        "UL" => Gln,
        "91" => Seller,
        "92" => Buyer,
        "93" => Organisation,
    }
}

coded! {
    /// Element 235, product or service id qualifier.
    ItemScheme {
        "SK" => Sku,
        "UK" => Gtin,
        "UP" => Upc,
        "UA" => UpcCase,
        "EN" => Ean,
        "VN" => Vendor,
        "VP" => Vendor,
        "BP" => Buyer,
        "IN" => Buyer,
        "MG" => Manufacturer,
        "MF" => Manufacturer,
        "PN" => Part,
    }
}

coded! {
    /// Element 91, transportation method. `T` means that the shipper chooses, so it
    /// is no truck and stays what it is.
    TransportMode {
        "U" => Parcel,
        "LT" => LessThanTruckload,
        "M" => Truck,
        "J" => Truck,
        "A" => Air,
        "R" => Rail,
        "S" => Sea,
        "O" => Sea,
        "H" => Pickup,
    }
}

coded! {
    /// Element 146, method of payment for the transport.
    FreightPayment {
        "PP" => Prepaid,
        "CC" => Collect,
        "TP" => ThirdParty,
        "PC" => PrepaidCharged,
    }
}

coded! {
    /// Element 640, transaction type.
    OrderType {
        "SA" => StandAlone,
        "DS" => DropShip,
        "KN" => Transfer,
        "TR" => Transfer,
        "NE" => NewOrder,
        "RL" => Release,
        "RO" => Rush,
        "EM" => Rush,
        "SP" => Sample,
    }
}

coded! {
    /// Element 368, status of a shipment or line.
    ShipmentStatus {
        "CC" => Complete,
        "CL" => Complete,
        "CM" => CompleteWithExtra,
        "CE" => CompleteWithExtra,
        "CS" => Substituted,
        "IS" => Substituted,
        "CP" => PartialClosed,
        "BP" => PartialBackordered,
        "BO" => PartialBackordered,
        "BK" => PartialBackordered,
        "BM" => PartialBackordered,
        "PR" => Partial,
        "SS" => Split,
        "IC" => NotShipped,
        "CU" => NotShipped,
        "CK" => NotShipped,
        "DE" => NotShipped,
        "DI" => NotShipped,
        "OR" => NotShipped,
        "DS" => NotShipped,
        "UN" => NotShipped,
        "SD" => Damaged,
    }
}

coded! {
    /// Elements 715 and 717, the verdict on a group or a set.
    Verdict {
        "A" => Accepted,
        "E" => AcceptedWithErrors,
        "P" => PartiallyAccepted,
        "R" => Rejected,
        "M" => RejectedForSecurity,
        "W" => RejectedForSecurity,
        "X" => RejectedForSecurity,
    }
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

/// Element 355 to UN/ECE Recommendation 20, where a code means the same for
/// everybody. Both lists use two letters for much, and often the same two for
/// different things (`CA` is a case here and a can there), so a code without a row
/// is never passed on as it is.
const UNITS: &[(&str, &str)] = &[
    ("EA", "EA"),
    ("CA", "CS"),
    ("LB", "LBR"),
    ("KG", "KGM"),
    ("BX", "BX"),
    ("CT", "CT"),
    ("PL", "PF"),
    ("PK", "PK"),
    ("PC", "H87"),
    ("UN", "C62"),
    ("DZ", "DZN"),
    ("PR", "PR"),
    ("ST", "SET"),
    ("BG", "BG"),
    ("BO", "BO"),
    ("CN", "CA"),
    ("DR", "DR"),
    ("RL", "RO"),
    ("TH", "MIL"),
    ("GA", "GLL"),
    ("QT", "QTL"),
    ("PT", "PTL"),
    ("LT", "LTR"),
    ("ML", "MLT"),
    ("OZ", "ONZ"),
    ("GR", "GRM"),
    ("ME", "MGM"),
    ("TN", "STN"),
    ("MP", "TNE"),
    ("FT", "FOT"),
    ("IN", "INH"),
    ("YD", "YRD"),
    ("MR", "MTR"),
    ("CM", "CMT"),
    ("MM", "MMT"),
    ("SF", "FTK"),
    ("SY", "YDK"),
    ("SM", "MTK"),
    ("CF", "FTQ"),
    ("CI", "INQ"),
    ("CY", "YDQ"),
    ("CC", "CMQ"),
    ("CR", "MTQ"),
];

/// Element 188, the one-letter weight units.
const WEIGHT_UNITS: &[(&str, &str)] = &[("L", "LBR"), ("K", "KGM"), ("G", "GRM"), ("E", "TNE")];

/// The Recommendation 20 code of an element 355.
pub(crate) fn unit(code: &str) -> Option<&'static str> {
    UNITS
        .iter()
        .find(|(x12, _)| *x12 == code)
        .map(|(_, unit)| *unit)
}

/// The element 355 of a Recommendation 20 code.
pub(crate) fn x12_unit(unit: &str) -> Option<&'static str> {
    UNITS
        .iter()
        .find(|(_, known)| *known == unit)
        .map(|(x12, _)| *x12)
}

/// The Recommendation 20 code of an element 188.
pub(crate) fn weight_unit(code: &str) -> Option<&'static str> {
    WEIGHT_UNITS
        .iter()
        .find(|(x12, _)| *x12 == code)
        .map(|(_, unit)| *unit)
}

/// The element 188 of a Recommendation 20 code.
pub(crate) fn x12_weight_unit(unit: &str) -> Option<&'static str> {
    WEIGHT_UNITS
        .iter()
        .find(|(_, known)| *known == unit)
        .map(|(x12, _)| *x12)
}

/// An item scheme by its name in the contract (`sku`, `upc-case`), as the table of
/// settings `item.*` has it.
pub(crate) fn item_scheme(name: &str) -> Option<ItemScheme> {
    let scheme = match name {
        "sku" => ItemScheme::Sku,
        "gtin" => ItemScheme::Gtin,
        "upc" => ItemScheme::Upc,
        "upc-case" => ItemScheme::UpcCase,
        "ean" => ItemScheme::Ean,
        "vendor" => ItemScheme::Vendor,
        "buyer" => ItemScheme::Buyer,
        "manufacturer" => ItemScheme::Manufacturer,
        "part" => ItemScheme::Part,
        _ => return None,
    };
    Some(scheme)
}

#[cfg(test)]
mod tests {
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
    }

    #[test]
    fn a_code_that_writing_would_change_is_known() {
        assert!(is_first::<TransportMode>("M"));
        assert!(!is_first::<TransportMode>("J"));
        assert!(is_first::<TransportMode>("T"));
    }

    #[test]
    fn no_unit_has_two_rows() {
        for (at, (code, unit)) in UNITS.iter().enumerate() {
            for (other_code, other_unit) in &UNITS[at + 1..] {
                assert_ne!(code, other_code);
                assert_ne!(unit, other_unit, "{code} and {other_code}");
            }
        }
        for (code, unit) in UNITS {
            assert_eq!(x12_unit(unit), Some(*code));
        }
    }
}
