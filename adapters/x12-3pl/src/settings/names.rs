//! Every setting by its name: what `describe` tells, and what a misspelled one is
//! compared with.

use crossdock_sdk::{Problem, Setting, Settings};

/// Name, meaning, default and whether the adapter needs it.
type Row = (&'static str, &'static str, Option<&'static str>, bool);

/// Every setting there is.
pub(crate) const DESCRIBED: &[Row] = &[
    (
        "sender-id",
        "our id in the interchange header (ISA06), up to 15 characters",
        None,
        true,
    ),
    (
        "sender-qualifier",
        "what kind of id that is (ISA05)",
        Some("ZZ"),
        false,
    ),
    (
        "receiver-id",
        "the partner's id in the interchange header (ISA08), up to 15 characters",
        None,
        true,
    ),
    (
        "receiver-qualifier",
        "what kind of id that is (ISA07)",
        Some("ZZ"),
        false,
    ),
    (
        "group-sender",
        "our code in the group header (GS02); sender-id if absent",
        None,
        false,
    ),
    (
        "group-receiver",
        "the partner's code in the group header (GS03); receiver-id if absent",
        None,
        false,
    ),
    (
        "version",
        "version that is written (GS08): 004010, 005010, or one of these with an industry's suffix; also decides ISA12",
        Some("004010"),
        false,
    ),
    (
        "usage",
        "P for production, T for test (ISA15)",
        Some("P"),
        false,
    ),
    (
        "element-separator",
        "between elements when writing: a character or its code as in 0x1D",
        Some("*"),
        false,
    ),
    (
        "component-separator",
        "between components when writing (ISA16)",
        Some(">"),
        false,
    ),
    (
        "repetition-separator",
        "between repetitions when writing, from 00402 on (ISA11)",
        Some("^"),
        false,
    ),
    (
        "segment-terminator",
        "behind each segment when writing",
        Some("~"),
        false,
    ),
    (
        "newline",
        "what follows each segment when writing: none, lf or crlf",
        Some("none"),
        false,
    ),
    (
        "replace-separators",
        "character that replaces a separator or line break inside data when writing; such data is refused if absent",
        None,
        false,
    ),
    (
        "path",
        "path below the endpoint's address that is posted to",
        Some(""),
        false,
    ),
    (
        "acknowledge",
        "whether a 997 is owed for each group that is received",
        Some("true"),
        false,
    ),
    (
        "acknowledgement-set",
        "997, or 999 which exists since 005010",
        Some("997"),
        false,
    ),
    (
        "strict-envelope",
        "whether a wrong segment count or control number in SE rejects the transaction set; if not, it is noted and kept",
        Some("false"),
        false,
    ),
    (
        "accept-fragments",
        "whether transaction sets without an interchange around them are read",
        Some("true"),
        false,
    ),
    (
        "missing-ship-date",
        "what becomes of a 945 without a ship date, which the standard allows: assume (the date of the group or of receipt, with a finding) or refuse",
        Some("assume"),
        false,
    ),
    (
        "missing-return-quantity",
        "what becomes of a line of a 180 without a quantity, which the standard allows: assume (1, with a finding) or refuse",
        Some("assume"),
        false,
    ),
    (
        "lot-date",
        "what the date of a lot's reference (N9*LT, element 04) says: unknown, expiry or manufactured",
        Some("unknown"),
        false,
    ),
    (
        "rma-qualifier",
        "which N9 qualifier carries the number of a return's authorisation; RA and RM are read as well",
        Some("RZ"),
        false,
    ),
    (
        "shipment-is-bill-of-lading",
        "whether the shipment number (W06-04) is also the bill of lading",
        Some("false"),
        false,
    ),
    (
        "line-qualifier",
        "which N9 qualifier carries the order's line number",
        Some("LI"),
        false,
    ),
    (
        "note-code",
        "NTE-01 that is written; other codes that are read are kept among the extras",
        Some("WHI"),
        false,
    ),
    (
        "warehouse-qualifier",
        "kind of id (N1-03) under which a document's node is written as N1*WH",
        Some("91"),
        false,
    ),
    (
        "price-qualifier",
        "AMT qualifier that carries a line's unit price; prices are not sent if absent",
        None,
        false,
    ),
    (
        "currency",
        "ISO 4217 code of the amounts that are read, and of the only ones that are sent",
        Some("USD"),
        false,
    ),
    (
        "default-unit",
        "canonical unit (Rec 20) of a quantity that is read without one; refused if absent",
        None,
        false,
    ),
    (
        "unit.*",
        "a unit of the partner (element 355) to a canonical one (Rec 20), both ways: unit.CA = CS",
        None,
        false,
    ),
    (
        "item.*",
        "an item qualifier (element 235) to a canonical scheme, both ways: item.VN = sku",
        None,
        false,
    ),
    (
        "stock.*",
        "what a quantity qualifier (element 673) of an 846 counts: stock.33 = on-hand; `ignore` for what is no stock; stock.SDQ for the figures per store",
        None,
        false,
    ),
    (
        "status.*",
        "a stock status of the partner (W19-16, or the words of N9*M1) to a kind of stock: status.HOLD = quality-hold",
        None,
        false,
    ),
    (
        "reason.*",
        "an adjustment reason of the partner (element 181) to a canonical one: reason.06 = lost",
        None,
        false,
    ),
    (
        "carrier.*",
        "a carrier code of the partner to a canonical SCAC, both ways",
        None,
        false,
    ),
    (
        "service.*",
        "a routing text of the partner (element 387) to a canonical service, both ways",
        None,
        false,
    ),
];

/// All settings, as `describe` tells them.
pub(crate) fn described() -> Vec<Setting> {
    DESCRIBED
        .iter()
        .map(|&(name, meaning, default, required)| Setting {
            name: name.to_owned(),
            meaning: meaning.to_owned(),
            default: default.map(str::to_owned),
            required,
        })
        .collect()
}

/// A problem if there is a setting that nobody reads.
pub(crate) fn misspelled(entries: &[(String, String)]) -> Option<Problem> {
    let known = |name: &str| {
        DESCRIBED
            .iter()
            .any(|(row, ..)| match row.strip_suffix('*') {
                Some(table) => name.len() > table.len() && name.starts_with(table),
                None => *row == name,
            })
    };
    if entries.iter().all(|(name, _)| known(name)) {
        return None;
    }
    // Only now, since making the description costs more than a short message does.
    let unknown: Vec<(String, String)> = entries
        .iter()
        .filter(|(name, _)| !known(name))
        .cloned()
        .collect();
    let optional: Vec<Setting> = described()
        .into_iter()
        .map(|setting| Setting {
            required: false,
            ..setting
        })
        .collect();
    Settings::new(&unknown).check(&optional).err()
}
