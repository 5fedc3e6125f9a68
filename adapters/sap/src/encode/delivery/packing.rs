//! Handling units of a confirmation: E1EDL37 with its contents E1EDL44.
//!
//! Inner units first, each with its items (VELIN 1); an outer unit names the inner ones
//! (VELIN 3), which is the order that SAP takes (sap.how, "How to fill DESADV to create
//! nested HUs").

use crossdock_sdk::{Package, Packed, Shipment};

use super::super::script::{Script, quantity, required, unsayable};
use super::{day, unit, weigh};
use crate::settings::IdocWriting;
use crossdock_sdk::Refusal;

/// The items that a line was written as: lot and item number, the line's own first.
type Items<'l> = [(&'l str, Vec<(&'l str, String)>)];

pub(super) fn write(
    shipment: &Shipment,
    items: &Items<'_>,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    let packages = shipment.packages.iter().enumerate();
    let outer = |package: &Package| {
        let holds = |other: &Package| other.parent.as_deref() == Some(package.id.as_str());
        shipment.packages.iter().any(holds)
    };
    let (outer, inner): (Vec<_>, Vec<_>) = packages.partition(|(_, package)| outer(package));
    for (index, package) in inner.into_iter().chain(outer) {
        script.segment("E1EDL37", |script| {
            handling_unit(shipment, package, index, items, config, script)
        })?;
    }
    Ok(())
}

fn handling_unit(
    shipment: &Shipment,
    package: &Package,
    index: usize,
    items: &Items<'_>,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    let pointer = format!("/packages/{index}");
    // An SSCC has 18 digits, the field 20 characters: with the identifier 00 before.
    let id = required(&package.id, 20, format_args!("{pointer}/id"))?;
    let id = if package.sscc {
        format!("00{id}")
    } else {
        id.to_owned()
    };
    let unnamed = id.starts_with('#');
    if !unnamed {
        script.field("EXIDV", &id, 20, format_args!("{pointer}/id"))?;
    }
    let weight = package.weight.as_ref();
    weigh(
        weight,
        ["BRGEW", "GWEIM"],
        config,
        script,
        format_args!("{pointer}/weight"),
    )?;
    if let [length, width, height] = &package.dimensions[..] {
        for (field, side) in [("LAENG", length), ("BREIT", width), ("HOEHE", height)] {
            let at = format_args!("{pointer}/dimensions");
            script.plain(field, &quantity(side.value, at)?)?;
        }
        let same = width.unit == length.unit && height.unit == length.unit;
        if !same {
            let text = "the sides of a handling unit have one unit";
            return Err(unsayable(
                "unit-differs",
                format_args!("{pointer}/dimensions"),
                text,
            ));
        }
        let code = unit(
            &length.unit,
            config,
            format_args!("{pointer}/dimensions/0/unit"),
        )?;
        script.plain("MEABM", &code)?;
    }
    if let Some(material) = config
        .package(&package.package_type)
        .filter(|code| *code != "HU")
    {
        script.field(
            "VHILM",
            material,
            18,
            format_args!("{pointer}/package_type"),
        )?;
    }
    for (number, packed) in package.contents.iter().enumerate() {
        let at = format!("{pointer}/contents/{number}");
        script.segment("E1EDL44", |script| {
            content(packed, &at, items, config, script)
        })?;
    }
    let inner = |other: &&Package| other.parent.as_deref() == Some(package.id.as_str());
    for other in shipment.packages.iter().filter(inner) {
        let id = if other.sscc {
            format!("00{}", other.id)
        } else {
            other.id.clone()
        };
        script.segment("E1EDL44", |script| {
            script.plain("VELIN", "3")?;
            script.field("EXIDV", &id, 20, format_args!("{pointer}/id"))
        })?;
    }
    Ok(())
}

fn content(
    packed: &Packed,
    pointer: &str,
    items: &Items<'_>,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    let line = items.iter().find(|(line_no, _)| *line_no == packed.line_no);
    let Some((_, numbers)) = line else {
        let text = format!("the shipment has no line {}", packed.line_no);
        return Err(unsayable(
            "line-unknown",
            format_args!("{pointer}/line_no"),
            text,
        ));
    };
    // The batch's own item where the line was split, else the line's.
    let lot = packed.lot.as_ref().map(|lot| lot.number.as_str());
    let by_lot = numbers.iter().find(|(number, _)| Some(*number) == lot);
    let item = by_lot.or(numbers.first()).map_or("", |(_, item)| item);
    script.plain("VELIN", "1")?;
    script.plain("POSNR", item)?;
    let value = quantity(
        packed.quantity.value,
        format_args!("{pointer}/quantity/value"),
    )?;
    script.plain("VEMNG", &value)?;
    let code = unit(
        &packed.quantity.unit,
        config,
        format_args!("{pointer}/quantity/unit"),
    )?;
    script.plain("VEMEH", &code)?;
    if let Some(lot) = &packed.lot {
        script.field(
            "CHARG",
            &lot.number,
            10,
            format_args!("{pointer}/lot/number"),
        )?;
        if let Some(expiry) = &lot.expiry {
            // Nowhere to say it here; it stands with the item. It must be a day at least.
            day(expiry, format_args!("{pointer}/lot/expiry"))?;
        }
    }
    Ok(())
}
