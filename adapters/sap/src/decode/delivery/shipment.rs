//! What left: a confirmation of the warehouse, or a supplier's notice.
//!
//! Batches are items of their own below the item that was ordered (HIPOS, the same
//! material), mostly with numbers from 900001 on; here they are lots of that item's
//! line. What is short follows from ORMNG, the quantity before; where that is not
//! stated, nothing is claimed.

use crossdock_sdk::idoc::{Segment, value};
use crossdock_sdk::{
    Decimal, Document, Extras, Lot, LotQuantity, Moment, Package, PackageType, Packed, Quantity,
    Reference, Shipment, ShipmentLine, ShipmentStatus,
};

use super::super::Mapped;
use super::super::context::Context;
use super::super::order::texts;
use super::{
    ACTUAL, LINE_READ, PLANNED, carrier, common, deadline, items, keep_header, node, number,
    parties, purchase_order, purpose, quantity_fields,
};
use crate::wire;

/// Says of a line or a shipment that nobody stated what was ordered.
const UNSTATED: &str = "unstated";

/// The digits of a serial shipping container code.
const SSCC_DIGITS: usize = 18;

pub(super) fn map(
    control: Segment<'_, '_>,
    header: Segment<'_, '_>,
    mut context: Context<'_>,
) -> Mapped {
    let delivery = number(header, &mut context);
    let shipment_id = header.get("LIFEX").unwrap_or(&delivery).to_owned();
    let order_no = order_no(control, header, &delivery, &mut context);
    let mut unread = Vec::new();
    let shipped_at = shipped_at(control, header, &mut unread, &mut context);
    let status = ShipmentStatus::Other(UNSTATED.to_owned());
    let mut shipment = Shipment::new(shipment_id, order_no, status, shipped_at);
    shipment.extras = unread;
    shipment.purpose = purpose(header);
    shipment.customer_po = common(header, purchase_order).map(str::to_owned);
    shipment.node = node(header);
    shipment.parties = parties(header, &context);
    shipment.carrier = carrier(header, &shipment.parties, &context);
    shipment.bill_of_lading = header.get("BOLNR").map(str::to_owned);
    if shipment.order_no != delivery && shipment.shipment_id != delivery {
        // Element 128: DJ, the delivery's number.
        shipment.references.push(Reference::new("DJ", &delivery));
    }
    if let Some(segment) = deadline(header, "007") {
        shipment.expected_delivery = context.moment(segment, PLANNED, &mut shipment.extras);
    }
    shipment.total_weight = context.measure(header, ["BTGEW", "GEWEI"], &mut shipment.extras);
    shipment.notes = texts(header, "E1TXTH8", "E1TXTP8");
    let mut items_of: Vec<(&str, String)> = Vec::new();
    for segment in header.all("E1EDL24") {
        let line_no = read_line(header, segment, &mut shipment.lines, &mut context);
        items_of.push((segment.get("POSNR").unwrap_or_default(), line_no));
    }
    if shipment.lines.is_empty() {
        context.segment(header, "E1EDL24", "a shipment needs an item");
    }
    shipment.lines.iter_mut().for_each(judge);
    shipment.status = whole(&shipment.lines);
    packages(header, &items_of, &mut shipment, &mut context);
    keep_header(&mut shipment.extras, header, &["006", "007"], &context);
    context.finish(|| Document::Shipment(shipment))
}

/// Which number is the order's. A confirmation is about the delivery that was
/// instructed; a notice about the order that the delivery was made from.
fn order_no(
    control: Segment<'_, '_>,
    header: Segment<'_, '_>,
    delivery: &str,
    context: &mut Context<'_>,
) -> String {
    let kind = super::super::message_type(control);
    let confirms = matches!(kind, "SHPCON" | "WHSCON")
        || super::verbs(header).any(|verb| matches!(verb, "PIC" | "PGI"));
    let wanted = match context.config.shipment_order_no {
        "auto" if confirms => "delivery",
        "auto" => "reference",
        other => other,
    };
    let found = match wanted {
        "delivery" => return delivery.to_owned(),
        "purchase-order" => common(header, purchase_order),
        _ => common(header, |item| item.get("VGBEL")),
    };
    match found {
        Some(number) => context.config.number(number).to_owned(),
        None => {
            let text = format!(
                "the items name no order, or several; the delivery's number {delivery} was taken"
            );
            context.note("order-assumed", text, header, "VBELN");
            delivery.to_owned()
        }
    }
}

/// Deadline 006: when it left, else when it was to leave, else when the IDoc was made.
fn shipped_at(
    control: Segment<'_, '_>,
    header: Segment<'_, '_>,
    unread: &mut Extras,
    context: &mut Context<'_>,
) -> Moment {
    if let Some(segment) = deadline(header, "006") {
        if let Some(moment) = context.moment(segment, ACTUAL, unread) {
            return moment;
        }
        if let Some(moment) = context.moment(segment, PLANNED, unread) {
            let text = format!(
                "no actual goods issue; the planned one, {}, was taken",
                moment.text
            );
            context.note("ship-date-planned", text, segment, "ISDD");
            return moment;
        }
    }
    let made = wire::moment(
        control.get("CREDAT").unwrap_or_default(),
        control.get("CRETIM").unwrap_or_default(),
        "",
    );
    let moment = made
        .ok()
        .flatten()
        .unwrap_or_else(|| Moment::local(context.received_at.get(..10).unwrap_or_default()));
    let text = format!(
        "no E1EDT13*006 says when it left; the day the IDoc was made or received, {}, was taken",
        moment.text
    );
    context.note("ship-date-assumed", text, header, "E1EDT13");
    moment
}

/// Reads an item into a line of its own, or a batch into the line of its item; gives
/// the line's number.
fn read_line(
    header: Segment<'_, '_>,
    segment: Segment<'_, '_>,
    lines: &mut Vec<ShipmentLine>,
    context: &mut Context<'_>,
) -> String {
    let item = context.required(segment, "POSNR", "the item's number");
    let line = line(segment, context);
    let above = segment.get("HIPOS").filter(|above| {
        let same = |other: Segment<'_, '_>| {
            other.get("POSNR") == Some(*above) && other.get("MATNR") == segment.get("MATNR")
        };
        !value::is_initial(above) && *above != item && header.all("E1EDL24").any(same)
    });
    let above = above.map(|above| context.config.number(above));
    match lines
        .iter_mut()
        .find(|known| Some(known.line_no.as_str()) == above)
    {
        Some(known) => {
            merge(known, line, segment, context);
            known.line_no.clone()
        }
        None => {
            let line_no = line.line_no.clone();
            lines.push(line);
            line_no
        }
    }
}

fn line(segment: Segment<'_, '_>, context: &mut Context<'_>) -> ShipmentLine {
    let line_no = segment.get("POSNR").unwrap_or_default();
    let line_no = context.config.number(line_no).to_owned();
    let [field, unit] = quantity_fields(segment);
    if segment.get(field).is_none() {
        context.missing(segment, "LFIMG", "the delivered quantity");
    } else if field == "LGMNG" {
        let text = "LFIMG is empty; the quantity in the unit of stock, LGMNG, was taken".to_owned();
        context.note("quantity-of-stock", text, segment, "LFIMG");
    }
    let shipped = context.quantity(segment, field, unit);
    let shipped = shipped.unwrap_or_else(|| Quantity::new(Decimal::ZERO, ""));
    let status = ShipmentStatus::Other(UNSTATED.to_owned());
    let mut line = ShipmentLine::new(line_no, shipped, status, items(segment, context));
    let before = context.lenient_number(segment, "ORMNG", &mut line.extras);
    line.ordered = before
        .filter(|before| !before.is_zero())
        .map(|before| Quantity::new(before, &line.shipped.unit));
    if let Some(lot) = context.lot(segment, &mut line.extras) {
        line.lots.push(LotQuantity::new(lot, None));
    }
    line.description = segment.get("ARKTX").map(str::to_owned);
    line.weight = context.measure(segment, ["BRGEW", "GEWEI"], &mut line.extras);
    let serials = segment.all("E1EDL11").filter_map(|it| it.get("SERNR"));
    line.serials = serials
        .map(|serial| context.config.number(serial).to_owned())
        .collect();
    if let Some(number) = segment.get("VGBEL") {
        line.references
            .push(Reference::new("VN", context.config.number(number)));
    }
    if context.config.keep_extras {
        let mut read = LINE_READ.to_vec();
        read.extend(["VFDAT", "ORMNG", "HIPOS", "HIEVW"]);
        wire::keep(&mut line.extras, segment, &read);
    }
    line
}

/// Adds a batch to its item.
fn merge(
    known: &mut ShipmentLine,
    batch: ShipmentLine,
    segment: Segment<'_, '_>,
    context: &mut Context<'_>,
) {
    let sum = known.shipped.value.checked_add(batch.shipped.value).ok();
    let same_unit = known.shipped.unit == batch.shipped.unit;
    let Some(sum) = sum.filter(|_| same_unit) else {
        let text = "the batch has another unit than its item; it is not added up".to_owned();
        return context.note("batch-unit-differs", text, segment, "VRKME");
    };
    // The item's own lot, if it has one, was all of it so far.
    let own = known.shipped.clone();
    for lot in known.lots.iter_mut().filter(|lot| lot.quantity.is_none()) {
        lot.quantity = Some(own.clone());
    }
    known.shipped.value = sum;
    known
        .lots
        .extend(batch.lots.into_iter().map(|lot| LotQuantity {
            quantity: Some(batch.shipped.clone()),
            ..lot
        }));
    known.ordered = match (known.ordered.take(), batch.ordered) {
        (Some(one), Some(other)) => one
            .value
            .checked_add(other.value)
            .ok()
            .map(|sum| Quantity::new(sum, one.unit)),
        (one, other) => one.or(other),
    };
    known.weight = match (known.weight.take(), batch.weight) {
        (Some(one), Some(other)) if one.unit == other.unit => one
            .value
            .checked_add(other.value)
            .ok()
            .map(|sum| Quantity::new(sum, one.unit)),
        (one, other) => one.or(other),
    };
    known.serials.extend(batch.serials);
    for extra in batch.extras {
        if !known.extras.contains(&extra) {
            known.extras.push(extra);
        }
    }
}

/// What a line's quantities mean, once all its batches are in.
fn judge(line: &mut ShipmentLine) {
    let Some(ordered) = &line.ordered else { return };
    let Ok(difference) = ordered.value.checked_sub(line.shipped.value) else {
        return;
    };
    line.status = if line.shipped.value.is_zero() {
        ShipmentStatus::NotShipped
    } else if difference.is_zero() {
        ShipmentStatus::Complete
    } else if difference.is_negative() {
        ShipmentStatus::CompleteWithExtra
    } else {
        ShipmentStatus::Partial
    };
    line.difference = Some(Quantity::new(difference, &ordered.unit));
}

fn whole(lines: &[ShipmentLine]) -> ShipmentStatus {
    let all = |wanted: &ShipmentStatus| lines.iter().all(|line| line.status == *wanted);
    let any = |wanted: &ShipmentStatus| lines.iter().any(|line| line.status == *wanted);
    if any(&ShipmentStatus::Other(UNSTATED.to_owned())) {
        ShipmentStatus::Other(UNSTATED.to_owned())
    } else if all(&ShipmentStatus::NotShipped) {
        ShipmentStatus::NotShipped
    } else if any(&ShipmentStatus::Partial) || any(&ShipmentStatus::NotShipped) {
        ShipmentStatus::Partial
    } else if any(&ShipmentStatus::CompleteWithExtra) {
        ShipmentStatus::CompleteWithExtra
    } else {
        ShipmentStatus::Complete
    }
}

// === handling units ===

/// E1EDL37 with its contents E1EDL44: of VELIN 1 an item, of VELIN 3 another handling
/// unit (sap.how, "How to fill DESADV to create nested HUs").
fn packages(
    header: Segment<'_, '_>,
    items_of: &[(&str, String)],
    shipment: &mut Shipment,
    context: &mut Context<'_>,
) {
    let mut nested: Vec<(String, String)> = Vec::new();
    for (index, segment) in header.all("E1EDL37").enumerate() {
        let mut package = package(segment, index, context);
        for content in segment.all("E1EDL44") {
            let inner = content.get("EXIDV");
            if let (Some("3"), Some(inner)) = (content.get("VELIN"), inner) {
                nested.push((handling_unit(inner, context).0, package.id.clone()));
                continue;
            }
            let item = content.get("POSNR").unwrap_or_default();
            match items_of.iter().find(|(known, _)| *known == item) {
                Some((_, line_no)) => {
                    let packed = packed(content, line_no, context);
                    package.contents.extend(packed);
                }
                None => {
                    let text =
                        format!("the handling unit holds item {item}, which the delivery has not");
                    context.note("item-unknown", text, content, "POSNR");
                }
            }
        }
        shipment.packages.push(package);
    }
    for (inner, outer) in nested {
        for package in shipment
            .packages
            .iter_mut()
            .filter(|package| package.id == inner)
        {
            package.parent = Some(outer.clone());
        }
        let holds = |package: &&mut Package| package.id == outer;
        for package in shipment.packages.iter_mut().filter(holds) {
            if matches!(package.package_type, PackageType::Other(_)) {
                package.package_type = PackageType::Pallet;
            }
        }
    }
}

fn package(segment: Segment<'_, '_>, index: usize, context: &mut Context<'_>) -> Package {
    let (id, sscc) = match segment.get("EXIDV") {
        Some(id) => handling_unit(id, context),
        None => (format!("#{}", index + 1), false),
    };
    let codes = ["VHILM", "VHART"].map(|field| segment.get(field));
    let known = codes
        .into_iter()
        .flatten()
        .find_map(|code| context.config.package(code));
    let code = codes.into_iter().flatten().next().unwrap_or("HU");
    let package_type = known.unwrap_or_else(|| PackageType::Other(code.to_owned()));
    let mut package = Package::new(id, package_type);
    package.sscc = sscc;
    package.weight = context.measure(segment, ["BRGEW", "GWEIM"], &mut package.extras);
    let sides = ["LAENG", "BREIT", "HOEHE"]
        .map(|side| context.measure(segment, [side, "MEABM"], &mut package.extras));
    if let [Some(length), Some(width), Some(height)] = sides {
        package.dimensions = vec![length, width, height];
    }
    if context.config.keep_extras {
        let read = [
            "EXIDV", "BRGEW", "GWEIM", "LAENG", "BREIT", "HOEHE", "MEABM", "E1EDL44", "E1EDL39",
            "E1EDL38",
        ];
        wire::keep(&mut package.extras, segment, &read);
    }
    package
}

fn packed(content: Segment<'_, '_>, line_no: &str, context: &mut Context<'_>) -> Option<Packed> {
    let quantity = context.quantity(content, "VEMNG", "VEMEH")?;
    let mut packed = Packed::new(line_no, quantity);
    packed.lot = content.get("CHARG").map(Lot::new);
    Some(packed)
}

/// A handling unit's number, and whether it is an SSCC: eighteen digits of which the
/// last one checks the others, with or without the application identifier 00 before.
fn handling_unit(id: &str, context: &Context<'_>) -> (String, bool) {
    let digits = id.bytes().all(|byte| byte.is_ascii_digit());
    let code = match id.len() {
        20 if digits => id.strip_prefix("00").unwrap_or(id),
        _ => id,
    };
    if digits && code.len() == SSCC_DIGITS && check_digit_fits(code) {
        return (code.to_owned(), true);
    }
    (context.config.number(id).to_owned(), false)
}

/// GS1's check: the digits weighed 3, 1, 3, ... from the left add up to tens.
fn check_digit_fits(code: &str) -> bool {
    let sum: u32 = code
        .bytes()
        .enumerate()
        .map(|(index, byte)| u32::from(byte - b'0') * if index % 2 == 0 { 3 } else { 1 })
        .sum();
    sum.is_multiple_of(10)
}
