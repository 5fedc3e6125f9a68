//! DELVRY03 to DELVRY07: a delivery, which is an instruction, a confirmation or a
//! notice, depending on the message.
//!
//! | message | meaning |
//! |---|---|
//! | SHPORD, WHSORD | an order for the warehouse |
//! | SHPCON, WHSCON | its confirmation: a shipment |
//! | DESADV with PIC or PGI in E1EDL18 | the same |
//! | DESADV, code OBG | an order for the warehouse (3PL scenario, outbound) |
//! | DESADV, code IBG or RET, or delivery type EL or LR | goods that will come |
//! | DESADV otherwise | a shipment |
//!
//! SHPORD and SHPCON are for a contractor's warehouse, WHSORD and WHSCON for one's own,
//! and alike otherwise (SAP community wiki, "WHSCON and SHPCON IDoc"). The codes are
//! those of SAP's 3PL samples; `meaning.*` settings come before all of them.

use crossdock_sdk::idoc::{Idoc, Segment};
use crossdock_sdk::{Carrier, Extras, ItemId, ItemScheme, Party, PartyRole, Purpose, host};

use super::context::Context;
use super::{Mapped, party};
use crate::codes;
use crate::wire;

mod notice;
mod order;
mod shipment;

/// What E1EDL20 has a field for in every meaning, and the segments that are read.
const HEADER_READ: [&str; 14] = [
    "VBELN", "VSTEL", "BTGEW", "GEWEI", "E1ADRM1", "E1EDT13", "E1EDL24", "E1EDL37", "E1EDL18",
    "E1TXTH8", "LIFEX", "BOLNR", "TRAID", "E1EDL22",
];

/// What an item has a field for.
const LINE_READ: [&str; 19] = [
    "POSNR", "MATNR", "ARKTX", "KDMAT", "KDMAT35", "EAN11", "MFRPN", "CHARG", "LFIMG", "VRKME",
    "BRGEW", "GEWEI", "E1EDL41", "E1EDL11", "E1TXTH9", "VGBEL", "LGMNG", "MEINS", "E1EDL25",
];

/// Reads a delivery.
pub(super) fn map(idoc: &Idoc<'_>, control: Segment<'_, '_>, mut context: Context<'_>) -> Mapped {
    let root = idoc.root();
    let Some(header) = context.segment(root, "E1EDL20", "the delivery's header") else {
        return context.refuse();
    };
    if root.all("E1EDL20").nth(1).is_some() {
        let text = "more than one delivery in the IDoc; the first is read".to_owned();
        context.note("delivery-several", text, root, "E1EDL20[2]");
    }
    match meaning(control, header, &context) {
        "order" => order::map(header, context),
        "inbound-notice" => notice::map(header, context),
        _ => shipment::map(control, header, context),
    }
}

fn meaning(
    control: Segment<'_, '_>,
    header: Segment<'_, '_>,
    context: &Context<'_>,
) -> &'static str {
    let kind = super::message_type(control);
    let code = control.get("MESCOD").unwrap_or_default();
    match context.config.meaning(kind, code) {
        Some("order") => return "order",
        Some("inbound-notice") => return "inbound-notice",
        Some(_) => return "shipment",
        None => {}
    }
    let delivery_type = header.child("E1EDL21").and_then(|it| it.get("LFART"));
    match (kind, code) {
        ("SHPORD" | "WHSORD", _) => "order",
        ("SHPCON" | "WHSCON", _) => "shipment",
        _ if verbs(header).any(|verb| matches!(verb, "PIC" | "PGI")) => "shipment",
        (_, "OBG") => "order",
        (_, "IBG" | "RET") => "inbound-notice",
        _ if matches!(delivery_type, Some("EL" | "LR")) => "inbound-notice",
        _ => "shipment",
    }
}

/// E1EDL18: what the message does to the delivery.
fn verbs<'i>(header: Segment<'i, '_>) -> impl Iterator<Item = &'i str> {
    header
        .all("E1EDL18")
        .filter_map(|segment| segment.get("QUALF"))
}

/// ORI makes it, CHA (in SAP's samples) or CHG (in SAP's wiki) changes it, DEL deletes it.
fn purpose(header: Segment<'_, '_>) -> Purpose {
    let mut purpose = Purpose::Original;
    for verb in verbs(header) {
        match verb {
            "CHA" | "CHG" => purpose = Purpose::Change,
            "DEL" => return Purpose::Cancel,
            _ => {}
        }
    }
    purpose
}

fn number(header: Segment<'_, '_>, context: &mut Context<'_>) -> String {
    let number = context.required(header, "VBELN", "the delivery's number");
    context.config.number(number).to_owned()
}

/// The shipping point, by our name for it where the lookup table `location` has one.
fn node(header: Segment<'_, '_>) -> Option<String> {
    let point = header.get("VSTEL")?;
    Some(host::lookup("location", point).unwrap_or_else(|| point.to_owned()))
}

fn parties(header: Segment<'_, '_>, context: &Context<'_>) -> Vec<Party> {
    header
        .all("E1ADRM1")
        .map(|segment| party::of_delivery(segment, context))
        .collect()
}

/// Who carries: the forwarding agent, whose number the settings turn into a SCAC.
fn carrier(header: Segment<'_, '_>, parties: &[Party], context: &Context<'_>) -> Option<Carrier> {
    let agent = parties
        .iter()
        .find(|party| party.role == PartyRole::Carrier);
    let carrier = Carrier {
        scac: agent
            .and_then(|party| party.id.as_deref())
            .and_then(|id| context.config.carrier(id))
            .map(str::to_owned),
        name: agent.and_then(|party| party.name.clone()),
        equipment: header.get("TRAID").map(str::to_owned),
        ..Carrier::default()
    };
    (carrier != Carrier::default()).then_some(carrier)
}

/// The deadline with that qualifier (E1EDT13): 006 goods issue, 007 delivery; what the
/// others mean differs from system to system.
fn deadline<'i, 'a>(header: Segment<'i, 'a>, qualifier: &str) -> Option<Segment<'i, 'a>> {
    header
        .all("E1EDT13")
        .find(|segment| segment.get("QUALF") == Some(qualifier))
}

/// When it was planned for.
const PLANNED: [&str; 3] = ["NTANF", "NTANZ", "TZONE_BEG"];
/// When it was.
const ACTUAL: [&str; 3] = ["ISDD", "ISDZ", "TZONE_BEG"];

/// The numbers of an item. MATNR_LONG is the same number where it may have 40
/// characters, as since S/4HANA.
fn items(segment: Segment<'_, '_>, context: &mut Context<'_>) -> Vec<ItemId> {
    let mut items = Vec::new();
    let long = segment.child("E1EDL26").and_then(|it| it.get("MATNR_LONG"));
    if let Some(material) = long.or_else(|| segment.get("MATNR")) {
        context.item(&mut items, ItemScheme::Sku, material);
    }
    if let Some(number) = segment.get("EAN11") {
        context.item(&mut items, codes::article_number(number), number);
    }
    if let Some(number) = segment.get("KDMAT35").or_else(|| segment.get("KDMAT")) {
        context.item(&mut items, ItemScheme::Buyer, number);
    }
    if let Some(number) = segment.get("MFRPN") {
        context.item(&mut items, ItemScheme::Manufacturer, number);
    }
    if items.is_empty() {
        context.missing(segment, "MATNR", "the item's number");
    }
    items
}

/// The fields that hold a quantity: the delivered one in sales units, else that in the
/// unit of stock, whose unit some senders leave to the other field.
fn quantity_fields(segment: Segment<'_, '_>) -> [&'static str; 2] {
    match (segment.get("LFIMG"), segment.get("MEINS")) {
        (Some(_), _) => ["LFIMG", "VRKME"],
        (None, Some(_)) => ["LGMNG", "MEINS"],
        (None, None) => ["LGMNG", "VRKME"],
    }
}

/// What the item's order is called: number, day and customer's purchase order.
fn purchase_order<'i>(segment: Segment<'i, '_>) -> Option<&'i str> {
    customer_order(segment).and_then(|it| it.get("BSTNR"))
}

/// E1EDL41 with qualifier 001: the customer's purchase order.
fn customer_order<'i, 'a>(segment: Segment<'i, 'a>) -> Option<Segment<'i, 'a>> {
    segment
        .all("E1EDL41")
        .find(|it| matches!(it.get("QUALI"), None | Some("001")))
}

/// What all items say alike; absent where they differ or say nothing.
fn common<'i>(
    header: Segment<'i, '_>,
    value: impl Fn(Segment<'i, '_>) -> Option<&'i str>,
) -> Option<&'i str> {
    let mut values = header.all("E1EDL24").filter_map(&value);
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

/// Keeps what the header says besides, and deadlines that are not read.
fn keep_header(
    extras: &mut Extras,
    header: Segment<'_, '_>,
    deadlines_read: &[&str],
    context: &Context<'_>,
) {
    if !context.config.keep_extras {
        return;
    }
    wire::keep(extras, header, &HEADER_READ);
    for segment in header.all("E1EDT13") {
        let qualifier = segment.get("QUALF").unwrap_or_default();
        if !deadlines_read.contains(&qualifier) {
            wire::keep(extras, segment, &["TZONE_BEG", "TZONE_END"]);
        }
    }
}
