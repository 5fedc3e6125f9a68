//! Units of measure: X12 elements 355 and 188 to UN/ECE Recommendation 20.

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

#[cfg(test)]
mod tests {
    use super::*;

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
