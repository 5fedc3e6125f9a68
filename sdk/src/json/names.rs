//! From Rust's names to the contract's and back.
//!
//! The generated types carry Rust's names (`DropShip`, `type_`); JSON carries the
//! contract's, fields in snake_case (`type`) and cases in kebab-case (`drop-ship`).
//! No table is needed, since both generators derive Rust's names by fixed rules.

/// The tag that names the case of an object.
pub(super) const KIND: &str = "kind";

/// What holds a case's payload when that is not a record.
pub(super) const VALUE: &str = "value";

/// The record that is written as a string instead of an object.
pub(super) fn is_decimal(name: &str, fields: usize) -> bool {
    name == "Decimal" && fields == 2
}

/// A field's name in JSON. A name that is a keyword in Rust ends in `_` there.
pub(super) fn field(rust: &str) -> &str {
    rust.strip_suffix('_').unwrap_or(rust)
}

/// Appends a case's name in JSON: `DropShip` is `drop-ship`.
pub(super) fn write_case(rust: &str, out: &mut Vec<u8>) {
    let start = out.len();
    for byte in rust.bytes() {
        if byte.is_ascii_uppercase() && out.len() > start {
            out.push(b'-');
        }
        out.push(byte.to_ascii_lowercase());
    }
}

/// A case's name in JSON, as a text.
pub(super) fn case_text(rust: &str) -> String {
    let mut text = Vec::new();
    write_case(rust, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether `json` names the case.
pub(super) fn is_case(rust: &str, json: &str) -> bool {
    let mut rest = json.as_bytes();
    for (position, byte) in rust.bytes().enumerate() {
        if byte.is_ascii_uppercase() && position > 0 {
            match rest {
                [b'-', after @ ..] => rest = after,
                _ => return false,
            }
        }
        match rest {
            [first, after @ ..] if *first == byte.to_ascii_lowercase() => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_contract() {
        assert_eq!(field("type_"), "type");
        assert_eq!(field("order_no"), "order_no");
        assert_eq!(case_text("DropShip"), "drop-ship");
        assert_eq!(case_text("Gtin"), "gtin");
        assert_eq!(case_text("X12Order"), "x12-order");
        assert_eq!(case_text("Ok"), "ok");
        assert!(is_case("LessThanTruckload", "less-than-truckload"));
        assert!(!is_case("LessThanTruckload", "less-than-truck"));
        assert!(!is_case("Other", "Other"));
    }
}
