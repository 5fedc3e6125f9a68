//! A line as an LX loop: LX, W01, G69, N9, NTE, W20, AMT, G62.

use crossdock_sdk::{Lot, OrderLine};

use crate::codes;
use crate::decode::order::PACK_UNIT;
use crate::encode::items::{self, Layout};
use crate::encode::script::{Script, unsayable, wrap};
use crate::encode::segments::{unit, write_day, write_note, write_reference};
use crate::settings::Writing;
use crate::wire;
use crossdock_sdk::Refusal;

/// G69-01, and how often it occurs.
const DESCRIPTION_CHARS_MAX: usize = 45;
const DESCRIPTIONS_MAX: usize = 5;

/// W01-13. A longer lot is a reference.
const LOT_CHARS_MAX: usize = 12;

/// N9 of a line.
const REFERENCES_MAX: usize = 200;

/// Where W01 has its numbers.
const PAIRS: Layout<3> = Layout {
    has_case_code: true,
    qualifiers: [4, 6, 15],
};

/// Writes the loop.
///
/// # Errors
/// When the line says what X12 can't.
pub(super) fn write(
    line: &OrderLine,
    index: usize,
    config: &Writing<'_>,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let at = format_args!("/lines/{index}");
    script.segment("LX", &[&(index + 1).to_string()])?;
    let lot = line.lot_required.as_ref();
    let long_lot = lot.filter(|lot| lot.number.chars().count() > LOT_CHARS_MAX);
    write_item(
        line,
        index,
        lot.filter(|_| long_lot.is_none()),
        config,
        script,
    )?;
    if let Some(description) = &line.description {
        describe(description, index, script)?;
    }
    let count = line.references.len() + 1 + usize::from(long_lot.is_some());
    if count > REFERENCES_MAX {
        let text = format!("{count} references, X12 takes at most {REFERENCES_MAX}");
        return Err(unsayable("too-many", format_args!("{at}/references"), text));
    }
    let line_no = script.required(&line.line_no, 30, format_args!("{at}/line_no"))?;
    script.segment("N9", &[config.line_qualifier, &line_no])?;
    if let Some(lot) = long_lot {
        let number = script.required(&lot.number, 30, format_args!("{at}/lot_required/number"))?;
        script.segment("N9", &["LT", &number])?;
    }
    for (number, reference) in line.references.iter().enumerate() {
        write_reference(reference, script, format_args!("{at}/references/{number}"))?;
    }
    for (number, note) in line.notes.iter().enumerate() {
        write_note(
            note,
            (&line.extras, config),
            script,
            format_args!("{at}/notes/{number}"),
        )?;
    }
    write_pack(line, index, script)?;
    write_price(line, index, config, script)?;
    let dates = lot.map(|lot| {
        [
            ("36", &lot.expiry, "expiry"),
            ("94", &lot.manufactured, "manufactured"),
        ]
    });
    for (qualifier, day, field) in dates.into_iter().flatten() {
        if let Some(day) = day {
            write_day(
                qualifier,
                day,
                script,
                format_args!("{at}/lot_required/{field}"),
            )?;
        }
    }
    Ok(())
}

fn write_item(
    line: &OrderLine,
    index: usize,
    lot: Option<&Lot>,
    config: &Writing<'_>,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let at = format_args!("/lines/{index}");
    let quantity = script.number(line.quantity.value, 15, format_args!("{at}/quantity/value"))?;
    let unit = unit(
        &line.quantity.unit,
        config,
        script,
        format_args!("{at}/quantity/unit"),
    )?;
    let at_items = format_args!("{at}/items");
    let numbers = items::numbers(
        &line.items,
        (&line.extras, "W01", PAIRS),
        (config, at_items),
        script,
    )?;
    let lot = script.optional(
        lot.map(|lot| lot.number.as_str()),
        LOT_CHARS_MAX,
        format_args!("{at}/lot_required/number"),
    )?;
    let extras = &line.extras;
    let [
        class,
        rate,
        commodity_kind,
        commodity,
        pallet,
        condition,
        service,
    ] = [
        ("W01-08", 5),
        ("W01-09", 3),
        ("W01-10", 1),
        ("W01-11", 30),
        ("W01-12", 6),
        ("W01-14", 2),
        ("W01-17", 10),
    ]
    .map(|(name, max)| script.extra(extras, name, max, format_args!("{at}/extras")));
    let [(first, first_no), (second, second_no), (third, third_no)] = &numbers.pairs;
    let elements = [
        &*quantity,
        &unit,
        &numbers.case_code,
        first,
        first_no,
        second,
        second_no,
        &class?,
        &rate?,
        &commodity_kind?,
        &commodity?,
        &pallet?,
        &lot,
        &condition?,
        third,
        third_no,
        &service?,
    ];
    script.segment("W01", &elements)
}

fn describe(description: &str, index: usize, script: &mut Script<'_>) -> Result<(), Refusal> {
    let at = format_args!("/lines/{index}/description");
    let Some(pieces) = wrap(description, DESCRIPTION_CHARS_MAX, DESCRIPTIONS_MAX) else {
        if description.trim().is_empty() {
            return Ok(());
        }
        let text = format!(
            "X12 takes {DESCRIPTIONS_MAX} pieces of {DESCRIPTION_CHARS_MAX} characters, cut between words"
        );
        return Err(unsayable("value-too-long", at, text)
            .with_value(description)
            .with_remedy("shorten it in the system that the document came from"));
    };
    for piece in pieces {
        let piece = script.text(piece, DESCRIPTION_CHARS_MAX, at)?;
        if !piece.is_empty() {
            script.segment("G69", &[&piece])?;
        }
    }
    Ok(())
}

/// W20: units in a pack and weight.
fn write_pack(line: &OrderLine, index: usize, script: &mut Script<'_>) -> Result<(), Refusal> {
    let at = format_args!("/lines/{index}");
    let extras = &line.extras;
    let pack = match &line.pack_size {
        Some(size) if size.unit != PACK_UNIT => {
            let text = format!("X12 counts the pieces of a pack, so the unit must be {PACK_UNIT}");
            let at = format_args!("{at}/pack_size/unit");
            return Err(unsayable("value-unsayable", at, text).with_value(&size.unit));
        }
        Some(size) => match size.value.to_integer() {
            Some(pieces @ 0..=999_999) => pieces.to_string(),
            _ => {
                let text = "a pack holds a whole number of pieces, up to 999999";
                let at = format_args!("{at}/pack_size/value");
                return Err(
                    unsayable("value-unsayable", at, text).with_value(size.value.to_string())
                );
            }
        },
        None => script
            .extra(extras, "W20-01", 6, format_args!("{at}/extras"))?
            .into_owned(),
    };
    let (weight, qualifier, unit) = match &line.weight {
        Some(weight) => {
            let unit = codes::x12_weight_unit(&weight.unit).ok_or_else(|| {
                let text = "X12 weighs lines in pounds, kilograms, grams or metric tons: LBR, KGM, GRM, TNE";
                unsayable("value-unsayable", format_args!("{at}/weight/unit"), text)
                    .with_value(&weight.unit)
            })?;
            let value = script.number(weight.value, 10, format_args!("{at}/weight/value"))?;
            (value, wire::extra(extras, "W20-05").unwrap_or("G"), unit)
        }
        None => (String::new(), "", ""),
    };
    if !qualifier.is_empty() {
        script.plain_code(qualifier, 1..=2, format_args!("{at}/extras"))?;
    }
    let [size, size_unit, unit_weight, volume, volume_unit, color] = [
        ("W20-02", 8),
        ("W20-03", 2),
        ("W20-07", 8),
        ("W20-08", 9),
        ("W20-09", 2),
        ("W20-10", 10),
    ]
    .map(|(name, max)| script.extra(extras, name, max, format_args!("{at}/extras")));
    let elements = [
        &*pack,
        &size?,
        &size_unit?,
        &weight,
        qualifier,
        unit,
        &unit_weight?,
        &volume?,
        &volume_unit?,
        &color?,
    ];
    if elements.iter().all(|element| element.is_empty()) {
        return Ok(());
    }
    script.segment("W20", &elements)
}

/// AMT, where the partner may know prices.
fn write_price(
    line: &OrderLine,
    index: usize,
    config: &Writing<'_>,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let (Some(qualifier), Some(price)) = (config.price_qualifier, &line.unit_price) else {
        return Ok(());
    };
    let at = format_args!("/lines/{index}/unit_price");
    if price.currency != config.currency {
        let text = format!(
            "a 940 names no currency, and {} is agreed on",
            config.currency
        );
        return Err(
            unsayable("value-unsayable", format_args!("{at}/currency"), text)
                .with_value(&price.currency),
        );
    }
    let amount = script.number(price.amount, 18, format_args!("{at}/amount"))?;
    let qualifier = script.plain_code(qualifier, 1..=3, at)?;
    script.segment("AMT", &[qualifier, &amount])
}
