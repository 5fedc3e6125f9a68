//! SAP's code lists as data.
//!
//! Roles, qualifiers and item numbers are those seen in public IDocs (SAP's own B2B
//! samples of ORDERS05, DELVRY07 and INVOIC02) and in the field lists that SAP's users
//! publish. A code without a row travels as the value's `other`, and an `other` is
//! written as it is.

use crossdock_sdk::{ItemScheme, PackageType, PartyRole};

/// Units: SAP's external (ISO) code, then the canonical one where it differs. What SAP
/// writes into IDocs is Recommendation 20 for the most part.
const UNITS: &[(&str, &str)] = &[
    ("EA", "EA"),
    ("H87", "H87"),
    // Until 2002 the piece of ISO's list; SAP delivers it to this day.
    ("PCE", "H87"),
    ("PC", "H87"),
    ("ST", "H87"),
    ("C62", "C62"),
    ("CS", "CS"),
    ("CT", "CT"),
    // Internal codes, which OData gives and badly made IDocs hold.
    ("KAR", "CT"),
    ("CAR", "CT"),
    ("PAL", "PF"),
    ("PF", "PF"),
    ("BX", "BX"),
    ("DZN", "DZN"),
    ("DZ", "DZN"),
    ("PR", "PR"),
    ("SET", "SET"),
    ("KGM", "KGM"),
    ("KG", "KGM"),
    ("GRM", "GRM"),
    ("G", "GRM"),
    ("TNE", "TNE"),
    ("TO", "TNE"),
    ("LBR", "LBR"),
    ("LB", "LBR"),
    ("ONZ", "ONZ"),
    ("LTR", "LTR"),
    ("L", "LTR"),
    ("MLT", "MLT"),
    ("DMQ", "DMQ"),
    ("MTQ", "MTQ"),
    ("FTQ", "FTQ"),
    ("MTR", "MTR"),
    ("M", "MTR"),
    ("CMT", "CMT"),
    ("CM", "CMT"),
    ("MMT", "MMT"),
    ("INH", "INH"),
    ("FOT", "FOT"),
    ("MTK", "MTK"),
];

/// Partner functions: PARVW of E1EDKA1, PARTNER_Q of E1ADRM1; then those that OData
/// gives in English (SP and SH mean other things in an IDoc).
const ROLES: &[(&str, PartyRole)] = &[
    ("WE", PartyRole::ShipTo),
    ("RE", PartyRole::BillTo),
    ("OSP", PartyRole::ShipFrom),
    ("AG", PartyRole::Buyer),
    ("LF", PartyRole::Seller),
    ("SP", PartyRole::Carrier),
    ("MF", PartyRole::Manufacturer),
];
const ODATA_ROLES: &[(&str, PartyRole)] = &[
    ("SH", PartyRole::ShipTo),
    ("WE", PartyRole::ShipTo),
    ("BP", PartyRole::BillTo),
    ("RE", PartyRole::BillTo),
    ("SP", PartyRole::Buyer),
    ("AG", PartyRole::Buyer),
    ("VN", PartyRole::Seller),
    ("LF", PartyRole::Seller),
    ("CR", PartyRole::Carrier),
];

/// The canonical unit of one of SAP's.
pub(crate) fn unit(code: &str) -> Option<&'static str> {
    UNITS
        .iter()
        .find(|(sap, _)| *sap == code)
        .map(|(_, unit)| *unit)
}

/// SAP's unit of a canonical one: the first row.
pub(crate) fn sap_unit(unit: &str) -> Option<&'static str> {
    UNITS
        .iter()
        .find(|(_, canonical)| *canonical == unit)
        .map(|(sap, _)| *sap)
}

/// A partner function of an IDoc.
pub(crate) fn role(code: &str) -> PartyRole {
    find(ROLES, code)
}

/// A partner function of OData.
pub(crate) fn odata_role(code: &str) -> PartyRole {
    find(ODATA_ROLES, code)
}

fn find(list: &[(&str, PartyRole)], code: &str) -> PartyRole {
    let row = list.iter().find(|(sap, _)| *sap == code);
    row.map_or_else(
        || PartyRole::Other(code.to_owned()),
        |(_, role)| role.clone(),
    )
}

/// The partner function of a role; absent for one that a delivery has no word for.
pub(crate) fn role_code(role: &PartyRole) -> Option<&str> {
    if let PartyRole::Other(code) = role {
        return Some(code);
    }
    ROLES
        .iter()
        .find(|(_, known)| known == role)
        .map(|(code, _)| *code)
}

/// The roles that settings name.
pub(crate) fn role_by_name(name: &str) -> Option<PartyRole> {
    Some(match name {
        "ship-to" => PartyRole::ShipTo,
        "bill-to" => PartyRole::BillTo,
        "ship-from" => PartyRole::ShipFrom,
        "warehouse" => PartyRole::Warehouse,
        "depositor" => PartyRole::Depositor,
        "consignee" => PartyRole::Consignee,
        "buyer" => PartyRole::Buyer,
        "seller" => PartyRole::Seller,
        "carrier" => PartyRole::Carrier,
        "manufacturer" => PartyRole::Manufacturer,
        "end-customer" => PartyRole::EndCustomer,
        _ => return None,
    })
}

/// The scheme of an item number by QUALF of E1EDP19: 001 the customer's, 002 the
/// vendor's, 003 the international article number, whose length tells which.
pub(crate) fn item_scheme(qualifier: &str, number: &str) -> ItemScheme {
    match qualifier {
        "001" => ItemScheme::Buyer,
        "002" => ItemScheme::Vendor,
        "003" => article_number(number),
        other => ItemScheme::Other(other.to_owned()),
    }
}

/// The scheme of an international article number.
pub(crate) fn article_number(number: &str) -> ItemScheme {
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    match number.len() {
        14 if digits => ItemScheme::Gtin,
        13 if digits => ItemScheme::Ean,
        12 if digits => ItemScheme::Upc,
        _ => ItemScheme::Other("003".to_owned()),
    }
}

/// The schemes that settings name.
pub(crate) fn scheme_by_name(name: &str) -> Option<ItemScheme> {
    Some(match name {
        "sku" => ItemScheme::Sku,
        "gtin" => ItemScheme::Gtin,
        "upc" => ItemScheme::Upc,
        "ean" => ItemScheme::Ean,
        "vendor" => ItemScheme::Vendor,
        "buyer" => ItemScheme::Buyer,
        "manufacturer" => ItemScheme::Manufacturer,
        "part" => ItemScheme::Part,
        _ => return None,
    })
}

/// The package types that settings name.
pub(crate) fn package_by_name(name: &str) -> Option<PackageType> {
    Some(match name {
        "carton" => PackageType::Carton,
        "pallet" => PackageType::Pallet,
        "envelope" => PackageType::Envelope,
        _ => return None,
    })
}
