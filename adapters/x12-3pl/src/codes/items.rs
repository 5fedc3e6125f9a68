//! What kind of number an item has.

use crossdock_sdk::ItemScheme;

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

/// Elements 235 of a number that is no item's but its lot's: lot, batch.
pub(crate) const LOTS: [&str; 2] = ["LT", "B8"];

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
