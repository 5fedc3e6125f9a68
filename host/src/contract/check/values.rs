//! What all documents are made of: quantities, money, items, parties, lots, serials.

use std::collections::HashSet;

use super::{
    codes, dates,
    exact::{Exact, Sum},
    report::Report,
};
use crate::contract::{IdScheme, ItemId, ItemScheme, LotQuantity, Money, Party, Quantity};

/// Places behind the point of a decimal of the contract.
const SCALE_MAX: u8 = 18;

/// What sign a quantity may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Nought or more.
    NotNegative,
    /// More than nought.
    Positive,
    /// Any.
    Signed,
}

/// Whether a quantity has a unit, and a sign that makes sense.
pub(super) fn quantity(report: &mut Report, pointer: &str, quantity: &Quantity, sign: Sign) {
    decimal(report, &format!("{pointer}/value"), quantity.value.scale);
    unit(report, &format!("{pointer}/unit"), &quantity.unit);
    let value = Exact::from(quantity.value);
    let wrong = match sign {
        Sign::NotNegative if value.is_negative() => "negative",
        Sign::Positive if !value.is_positive() => "not positive",
        _ => return,
    };
    let code = if value.is_negative() {
        "quantity-negative"
    } else {
        "quantity-zero"
    };
    report.find(
        code,
        format!("{pointer}/value"),
        format!("{value} is {wrong}, which says nothing here"),
        "ask the sender what is meant",
    );
}

/// The same where there may be none.
pub(super) fn maybe(report: &mut Report, pointer: &str, it: Option<&Quantity>, sign: Sign) {
    if let Some(it) = it {
        quantity(report, pointer, it, sign);
    }
}

fn unit(report: &mut Report, pointer: &str, unit: &str) {
    let text = if unit.is_empty() {
        "a quantity needs a unit of measure".to_owned()
    } else if codes::is_unit(unit) {
        return;
    } else {
        "a unit of measure has two or three capital letters and digits".to_owned()
    };
    let code = if unit.is_empty() {
        "unit-missing"
    } else {
        "unit-malformed"
    };
    report.find_value(
        code,
        pointer,
        text,
        "map the partner's unit to one of UN/ECE Recommendation 20, in the adapter's table of units",
        unit,
    );
}

fn decimal(report: &mut Report, pointer: &str, scale: u8) {
    if scale > SCALE_MAX {
        let text = format!("a decimal has at most {SCALE_MAX} places, not {scale}");
        report.refuse("decimal-too-fine", pointer, text);
    }
}

/// Whether an amount has a currency.
pub(super) fn money(report: &mut Report, pointer: &str, money: &Money) {
    decimal(report, &format!("{pointer}/amount"), money.amount.scale);
    if !codes::is_currency(&money.currency) {
        report.find_value(
            "currency-malformed",
            format!("{pointer}/currency"),
            "a currency has three capital letters".to_owned(),
            "have the sender or its adapter say it as ISO 4217 does",
            &money.currency,
        );
    }
}

/// Whether the numbers of an item are there and prove themselves.
pub(super) fn items(report: &mut Report, pointer: &str, items: &[ItemId]) {
    if items.is_empty() {
        report.find(
            "item-missing",
            pointer,
            "the line names no item".to_owned(),
            "ask the sender which item is meant; receivers will not know it either",
        );
    }
    for (index, item) in items.iter().enumerate() {
        let pointer = format!("{pointer}/{index}/value");
        let known: (_, &[usize]) = match item.scheme {
            ItemScheme::Gtin => (("gtin", "GTIN"), &[8, 12, 13, 14]),
            ItemScheme::Upc => (("gtin", "UPC"), &[12]),
            ItemScheme::UpcCase => (("gtin", "UPC of a case"), &[12]),
            ItemScheme::Ean => (("gtin", "EAN"), &[8, 13]),
            _ if item.value.is_empty() => {
                let text = "the item's number is empty".to_owned();
                let remedy = "ask the sender which item is meant";
                report.find("item-missing", pointer, text, remedy);
                continue;
            }
            _ => continue,
        };
        codes::gs1(report, &pointer, known.0, known.1, &item.value);
    }
}

/// Whether parties' countries and location numbers are such.
pub(super) fn parties(report: &mut Report, parties: &[Party]) {
    for (index, party) in parties.iter().enumerate() {
        if let (Some(IdScheme::Gln), Some(id)) = (&party.scheme, &party.id) {
            let pointer = format!("/parties/{index}/id");
            codes::gs1(report, &pointer, ("gln", "GLN"), &[13], id);
        }
        let address = party.address.as_ref();
        let Some(country) = address.and_then(|it| it.country.as_deref()) else {
            continue;
        };
        if !codes::is_country(country) {
            report.find_value(
                "country-malformed",
                format!("/parties/{index}/address/country"),
                "a country has two capital letters".to_owned(),
                "have the sender or its adapter say it as ISO 3166-1 alpha-2 does",
                country,
            );
        }
    }
}

/// Whether lots add up to no more than the line they are of.
pub(super) fn lots(report: &mut Report, pointer: &str, lots: &[LotQuantity], line: &Quantity) {
    for (index, lot) in lots.iter().enumerate() {
        let at = format!("{pointer}/{index}/quantity");
        maybe(report, &at, lot.quantity.as_ref(), Sign::NotNegative);
        for (name, day) in [
            ("expiry", &lot.lot.expiry),
            ("manufactured", &lot.lot.manufactured),
        ] {
            if let Some(day) = day {
                dates::day(report, &format!("{pointer}/{index}/lot/{name}"), day);
            }
        }
    }
    let told = Sum::of(lots.iter().filter_map(|lot| lot.quantity.as_ref()));
    let whole = Exact::from(line.value);
    if let Some(told) = told.within(&line.unit).filter(|told| told.exceeds(whole)) {
        report.find(
            "lots-exceed-line",
            pointer,
            format!(
                "lots of {told} {unit} make up a line of {whole} {unit}",
                unit = line.unit
            ),
            "ask the sender which lots went",
        );
    }
}

/// Whether each serial number is there once, and there are no more than pieces.
pub(super) fn serials(report: &mut Report, pointer: &str, serials: &[String], line: &Quantity) {
    let mut seen = HashSet::new();
    for (index, serial) in serials.iter().enumerate() {
        if !seen.insert(serial) {
            report.find_value(
                "serial-repeated",
                format!("{pointer}/{index}"),
                "the serial number is on the line twice".to_owned(),
                "ask the sender which one was meant",
                serial,
            );
        }
    }
    // Of a case there may be a serial number for each piece in it.
    let pieces = matches!(line.unit.as_str(), "EA" | "C62" | "H87" | "PCE");
    let count = Exact::new(serials.len() as i128, 0);
    let whole = Exact::from(line.value);
    if pieces && count.exceeds(whole) {
        report.find(
            "serials-exceed-line",
            pointer,
            format!("{count} serial numbers for {whole} pieces"),
            "ask the sender which of them went",
        );
    }
}

/// Whether each number of a line is there once.
pub(super) fn line_numbers<'a>(report: &mut Report, numbers: impl Iterator<Item = &'a str>) {
    let mut seen = HashSet::new();
    for (index, number) in numbers.enumerate() {
        if !seen.insert(number) {
            report.find_value(
                "line-repeated",
                format!("/lines/{index}/line_no"),
                format!("line number {number} is there before"),
                "answers that name the line will be ambiguous; ask the sender to number lines once",
                number,
            );
        }
    }
}

/// Whether what is told of the whole is what the parts add up to.
pub(super) fn total(report: &mut Report, pointer: &str, what: &str, told: Exact, parts: Exact) {
    if told.differs(parts) {
        report.find(
            "total-differs",
            pointer,
            format!("the {what} is said to be {told}, but the lines add up to {parts}"),
            "ask the sender whether a line is missing",
        );
    }
}
