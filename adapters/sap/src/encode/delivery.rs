//! DELVRY07: an instruction to a warehouse (SHPORD or WHSORD) from an order, a
//! confirmation (SHPCON or WHSCON) from a shipment.
//!
//! What a warehouse need not know stays home: the order's type, prices and amounts,
//! pack sizes, revision, how the carrier is paid, and numbers of an item beyond SAP's
//! own, the article number, the customer's and the manufacturer's. What would change
//! what the warehouse does is said or refused.
//!
//! A confirmation says what to do with the delivery (E1EDL18: PIC takes the picked
//! quantities, PGI posts goods issue) and with its items (E1EDL19: QUA takes the
//! quantity), as the SAP community wiki has it ("WHSCON and SHPCON IDoc").

use crossdock_sdk::idoc::value;
use crossdock_sdk::{
    Address, Delivery, Document, IdScheme, ItemId, ItemScheme, Lot, LotQuantity, Order, OrderLine,
    Party, PartyRole, Problem, Purpose, Quantity, Shipment, ShipmentLine, host,
};

use super::script::{Pointer, Script, checked, quantity, required, unsayable};
use crate::settings::IdocWriting;
use crate::wire;
use crossdock_sdk::Refusal;

mod packing;

/// Lengths of fields, from the schema of DELVRY03 that SAP generates.
const NUMBER_MAX: usize = 10;
const ITEM_MAX: usize = 6;
const MATERIAL_MAX: usize = 18;
const LONG_MATERIAL_MAX: usize = 40;
const KDMAT_MAX: usize = 22;
const TEXT_LINE_MAX: usize = 132;

/// The first number of the items that SAP makes for batches.
const BATCH_ITEMS_FROM: u32 = 900_001;

/// Writes the document.
///
/// # Errors
/// When it says what a delivery can't, or leaves out what SAP demands.
pub(super) fn write(delivery: &Delivery, config: &IdocWriting<'_>) -> Result<Vec<u8>, Refusal> {
    let mut script = Script::new("DELVRY07")?;
    match &delivery.document {
        Document::Order(order) => {
            let kind = if config.own_warehouse {
                "WHSORD"
            } else {
                "SHPORD"
            };
            control(delivery, kind, config, &mut script)?;
            script.segment("E1EDL20", |script| instruction(order, config, script))?;
        }
        Document::Shipment(shipment) => {
            let kind = if config.own_warehouse {
                "WHSCON"
            } else {
                "SHPCON"
            };
            control(delivery, kind, config, &mut script)?;
            script.segment("E1EDL20", |script| confirmation(shipment, config, script))?;
        }
        other => {
            let text = format!("no delivery is made of a {}", other.kind());
            return Err(Problem::adapter("encode-unsupported", text).into());
        }
    }
    script.finish()
}

/// EDI_DC40. Direction 2 is inbound, from SAP's point of view. DOCNUM is our control
/// number, by which a status comes back.
fn control(
    delivery: &Delivery,
    kind: &str,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    let misset = |refusal: Refusal| {
        let problem = Problem::from(refusal);
        Refusal::from(Problem::settings("setting-invalid", problem.text))
    };
    let created = &delivery.created_at;
    let day = created.get(..10).and_then(value::from_iso_date);
    let time = created.get(11..19).and_then(value::from_iso_time);
    let Some((day, time)) = day.zip(time) else {
        let text = "the delivery's own time is none: expected an RFC 3339 text";
        return Err(Problem::adapter("time-invalid", text)
            .with_value(created)
            .into());
    };
    script.segment("EDI_DC40", |script| {
        script.plain("TABNAM", "EDI_DC40")?;
        if let Some(client) = config.client {
            script
                .field("MANDT", client, 3, format_args!(""))
                .map_err(misset)?;
        }
        script.plain("DOCNUM", &format!("{:016}", delivery.control_number))?;
        script.plain("DIRECT", "2")?;
        script.plain("IDOCTYP", "DELVRY07")?;
        script.plain("MESTYP", kind)?;
        let code = config.message_code;
        script
            .optional("MESCOD", code, 3, format_args!(""))
            .map_err(misset)?;
        for (side, [port, kind, number]) in [("SND", config.sender), ("RCV", config.receiver)] {
            for (field, value, max) in [("POR", port, 10), ("PRT", kind, 2), ("PRN", number, 10)] {
                let name = format!("{side}{field}");
                script
                    .field(&name, value, max, format_args!(""))
                    .map_err(misset)?;
            }
        }
        script.plain("CREDAT", &day)?;
        script.plain("CRETIM", &time)
    })
}

// === instruction ===

fn instruction(
    order: &Order,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    check(order)?;
    let extra = |name: &str| wire::extra(&order.extras, name);
    let number = number(&order.order_no, config, format_args!("/order_no"))?;
    script.plain("VBELN", &number)?;
    node(order.node.as_deref(), script)?;
    script.optional("INCO1", extra("E1EDL20.INCO1"), 3, format_args!("/extras"))?;
    script.optional("INCO2", extra("E1EDL20.INCO2"), 28, format_args!("/extras"))?;
    script.optional("ROUTE", extra("E1EDL20.ROUTE"), 6, format_args!("/extras"))?;
    script.optional("VSBED", extra("E1EDL20.VSBED"), 2, format_args!("/extras"))?;
    let weight = order.total_weight.as_ref();
    weigh(
        weight,
        ["BTGEW", "GEWEI"],
        config,
        script,
        format_args!("/total_weight"),
    )?;
    references(order, script)?;
    let equipment = order
        .carrier
        .as_ref()
        .and_then(|it| it.equipment.as_deref());
    script.optional("TRAID", equipment, 20, format_args!("/carrier/equipment"))?;
    script.optional("LIFEX", extra("E1EDL20.LIFEX"), 35, format_args!("/extras"))?;
    let kind = config.delivery_type.or(extra("E1EDL21.LFART"));
    if let Some(kind) = kind {
        script.segment("E1EDL21", |script| {
            script.field("LFART", kind, 4, format_args!("/extras"))
        })?;
    }
    let verb = match order.purpose {
        Purpose::Cancel => "DEL",
        Purpose::Change | Purpose::Replace => "CHG",
        _ => "ORI",
    };
    script.segment("E1EDL18", |script| script.plain("QUALF", verb))?;
    parties(&order.parties, order.carrier.as_ref(), config, script)?;
    for (qualifier, moment, name) in [
        ("006", &order.requested_ship, "requested_ship"),
        ("007", &order.requested_delivery, "requested_delivery"),
    ] {
        if let Some(moment) = moment {
            let at = format_args!("/{name}/text");
            script.deadline(qualifier, moment, ["NTANF", "NTANZ"], at)?;
        }
    }
    texts("E1TXTH8", "E1TXTP8", &order.notes, "", config, script)?;
    for (index, line) in order.lines.iter().enumerate() {
        script.segment("E1EDL24", |script| {
            instruct_line(order, line, index, config, script)
        })?;
    }
    Ok(())
}

fn check(order: &Order) -> Result<(), Refusal> {
    for (there, name, what) in [
        (
            order.not_before.is_some(),
            "not_before",
            "not to ship before a day",
        ),
        (
            order.cancel_after.is_some(),
            "cancel_after",
            "to cancel after a day",
        ),
    ] {
        if there {
            let text = format!("a delivery of SAP's can't say {what}");
            return Err(
                unsayable("field-unsayable", format_args!("/{name}"), text).with_remedy(
                    "say it in a note, or leave it out in the system that the order came from",
                ),
            );
        }
    }
    if let Purpose::Other(code) = &order.purpose {
        let text = format!("a delivery has no verb for the purpose {code}");
        return Err(unsayable(
            "purpose-unsayable",
            format_args!("/purpose"),
            text,
        ));
    }
    let ship_to = |party: &Party| matches!(party.role, PartyRole::ShipTo | PartyRole::Consignee);
    if order.purpose != Purpose::Cancel && !order.parties.iter().any(ship_to) {
        let text = "an instruction to a warehouse needs a ship-to";
        return Err(unsayable("ship-to-missing", format_args!("/parties"), text)
            .with_remedy("add a party with the role ship-to"));
    }
    if order.purpose != Purpose::Cancel && order.lines.is_empty() {
        let text = "an order needs at least one line";
        return Err(unsayable("lines-missing", format_args!("/lines"), text));
    }
    Ok(())
}

/// A bill of lading has a field; no other reference has.
fn references(order: &Order, script: &mut Script) -> Result<(), Refusal> {
    for (index, reference) in order.references.iter().enumerate() {
        let at = format_args!("/references/{index}");
        if reference.qualifier != "BM" {
            let text = format!(
                "a delivery has no field for a reference {}",
                reference.qualifier
            );
            return Err(unsayable("reference-unsayable", at, text)
                .with_value(&reference.value)
                .with_remedy(
                    "say it in a note, or leave it out in the system that the order came from",
                ));
        }
        script.field("BOLNR", &reference.value, 35, at)?;
    }
    Ok(())
}

fn instruct_line(
    order: &Order,
    line: &OrderLine,
    index: usize,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    let at = |name: &str| format!("/lines/{index}/{name}");
    let item = item_number(&line.line_no, config, format_args!("{}", at("line_no")))?;
    script.plain("POSNR", &item)?;
    let material = material(&line.items, &at("items"), config, script)?;
    let description = line.description.as_deref();
    script.optional(
        "ARKTX",
        description,
        40,
        format_args!("{}", at("description")),
    )?;
    for field in ["WERKS", "LGORT"] {
        let value = wire::extra(&line.extras, &format!("E1EDL24.{field}"));
        script.optional(field, value, 4, format_args!("{}", at("extras")))?;
    }
    let lot = line.lot_required.as_ref();
    let batch = lot.map(|lot| lot.number.as_str());
    script.optional(
        "CHARG",
        batch,
        10,
        format_args!("{}/number", at("lot_required")),
    )?;
    customer_material(&line.items, script)?;
    amount(
        "LFIMG",
        "VRKME",
        &line.quantity,
        &at("quantity"),
        config,
        script,
    )?;
    let weight = line.weight.as_ref();
    weigh(
        weight,
        ["BRGEW", "GEWEI"],
        config,
        script,
        format_args!("{}", at("weight")),
    )?;
    other_materials(&line.items, &at("items"), script)?;
    expiry(lot, format_args!("{}/expiry", at("lot_required")), script)?;
    let mut customer_po = order.customer_po.as_deref();
    for (number, reference) in line.references.iter().enumerate() {
        let pointer = format_args!("/lines/{index}/references/{number}");
        match reference.qualifier.as_str() {
            "VN" => {
                let value = checked(&reference.value, NUMBER_MAX, pointer)?;
                script.plain("VGBEL", &padded(value, NUMBER_MAX, config))?;
            }
            "PO" => customer_po = Some(&reference.value),
            other => {
                let text = format!("an item of a delivery has no field for a reference {other}");
                return Err(unsayable("reference-unsayable", pointer, text)
                    .with_remedy("say it in a note of the line"));
            }
        }
    }
    let position = wire::extra(&line.extras, "E1EDL24.VGPOS");
    script.optional(
        "VGPOS",
        position,
        ITEM_MAX,
        format_args!("{}", at("extras")),
    )?;
    long_material(material, script)?;
    purchase_order(order, customer_po, script)?;
    let pointer = format!("/lines/{index}");
    texts("E1TXTH9", "E1TXTP9", &line.notes, &pointer, config, script)
}

/// E1EDL41*001: the customer's purchase order and its day.
fn purchase_order(
    order: &Order,
    customer_po: Option<&str>,
    script: &mut Script,
) -> Result<(), Refusal> {
    if customer_po.is_none() && order.order_date.is_none() {
        return Ok(());
    }
    script.segment("E1EDL41", |script| {
        script.plain("QUALI", "001")?;
        script.optional("BSTNR", customer_po, 35, format_args!("/customer_po"))?;
        match &order.order_date {
            Some(date) => script.plain("BSTDT", &day(date, format_args!("/order_date"))?),
            None => Ok(()),
        }
    })
}

// === confirmation ===

fn confirmation(
    shipment: &Shipment,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    if !matches!(shipment.purpose, Purpose::Original | Purpose::Confirm) {
        let text = "a confirmation can't be taken back or changed with another one";
        return Err(
            unsayable("purpose-unsayable", format_args!("/purpose"), text)
                .with_remedy("cancel the goods issue in SAP (transaction VL09)"),
        );
    }
    if shipment.lines.is_empty() {
        let text = "a shipment needs at least one line";
        return Err(unsayable("lines-missing", format_args!("/lines"), text));
    }
    let number = number(&shipment.order_no, config, format_args!("/order_no"))?;
    script.plain("VBELN", &number)?;
    node(shipment.node.as_deref(), script)?;
    let weight = shipment.total_weight.as_ref();
    weigh(
        weight,
        ["BTGEW", "GEWEI"],
        config,
        script,
        format_args!("/total_weight"),
    )?;
    let lading = shipment.bill_of_lading.as_deref();
    script.optional("BOLNR", lading, 35, format_args!("/bill_of_lading"))?;
    let equipment = shipment
        .carrier
        .as_ref()
        .and_then(|it| it.equipment.as_deref());
    script.optional("TRAID", equipment, 20, format_args!("/carrier/equipment"))?;
    if shipment.shipment_id != shipment.order_no {
        script.field(
            "LIFEX",
            &shipment.shipment_id,
            35,
            format_args!("/shipment_id"),
        )?;
    }
    for verb in verbs(config.confirm) {
        script.segment("E1EDL18", |script| {
            script.field("QUALF", verb, 3, format_args!(""))
        })?;
    }
    parties(&shipment.parties, shipment.carrier.as_ref(), config, script)?;
    let left = format_args!("/shipped_at/text");
    script.deadline("006", &shipment.shipped_at, ["ISDD", "ISDZ"], left)?;
    if let Some(moment) = &shipment.expected_delivery {
        let at = format_args!("/expected_delivery/text");
        script.deadline("007", moment, ["NTANF", "NTANZ"], at)?;
    }
    texts("E1TXTH8", "E1TXTP8", &shipment.notes, "", config, script)?;
    let mut batches = BATCH_ITEMS_FROM;
    let mut items = Vec::new();
    for (index, line) in shipment.lines.iter().enumerate() {
        let written = confirm_line(line, index, &mut batches, config, script)?;
        items.push((line.line_no.as_str(), written));
    }
    packing::write(shipment, &items, config, script)
}

/// The verbs of a setting.
fn verbs(setting: &str) -> impl Iterator<Item = &str> {
    setting
        .split(',')
        .map(str::trim)
        .filter(|verb| !verb.is_empty() && *verb != "-")
}

/// A line is an item; its lots, where there are several, are items below it. Gives the
/// numbers of those items by lot, the line's own first.
fn confirm_line<'l>(
    line: &'l ShipmentLine,
    index: usize,
    batches: &mut u32,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<Vec<(&'l str, String)>, Refusal> {
    let pointer = format!("/lines/{index}");
    let item = item_number(&line.line_no, config, format_args!("{pointer}/line_no"))?;
    let split = split(line, &pointer)?;
    let own = match (&split[..], line.lots.first()) {
        ([], Some(lot)) => Some(lot),
        _ => None,
    };
    let rest = if split.is_empty() {
        line.shipped.clone()
    } else {
        Quantity::new(remainder(line, &split, &pointer)?, &line.shipped.unit)
    };
    script.segment("E1EDL24", |script| {
        confirm_item(line, &item, own, &rest, None, &pointer, config, script)
    })?;
    let mut items = vec![(own.map_or("", |lot| lot.lot.number.as_str()), item.clone())];
    for (lot, quantity) in split {
        let batch = batches.to_string();
        *batches += 1;
        script.segment("E1EDL24", |script| {
            confirm_item(
                line,
                &batch,
                Some(lot),
                quantity,
                Some(&item),
                &pointer,
                config,
                script,
            )
        })?;
        items.push((&lot.lot.number, batch));
    }
    Ok(items)
}

/// The lots that need items of their own: several, or one that is not all of the line.
fn split<'l>(
    line: &'l ShipmentLine,
    pointer: &str,
) -> Result<Vec<(&'l LotQuantity, &'l Quantity)>, Refusal> {
    let whole = |lot: &LotQuantity| match &lot.quantity {
        None => true,
        Some(quantity) => quantity.value.is_equal(line.shipped.value),
    };
    if line.lots.is_empty() || (line.lots.len() == 1 && whole(&line.lots[0])) {
        return Ok(Vec::new());
    }
    let mut split = Vec::new();
    for (index, lot) in line.lots.iter().enumerate() {
        let at = format_args!("{pointer}/lots/{index}/quantity");
        match &lot.quantity {
            Some(quantity) if quantity.unit == line.shipped.unit => split.push((lot, quantity)),
            Some(_) => {
                let text = "the lot has another unit than its line";
                return Err(unsayable("unit-differs", at, text));
            }
            None => {
                let text = "of several lots each needs its quantity";
                return Err(unsayable("value-missing", at, text)
                    .with_remedy("have the warehouse send quantities by lot"));
            }
        }
    }
    Ok(split)
}

/// What of a line is in none of its lots.
fn remainder(
    line: &ShipmentLine,
    split: &[(&LotQuantity, &Quantity)],
    pointer: &str,
) -> Result<crossdock_sdk::Decimal, Refusal> {
    let mut rest = line.shipped.value;
    for (_, quantity) in split {
        let less = rest.checked_sub(quantity.value);
        rest = less.map_err(|error| {
            unsayable(
                "lots-exceed-line",
                format_args!("{pointer}/lots"),
                error.to_string(),
            )
        })?;
    }
    if rest.is_negative() {
        let text = "the lots are more than the line has";
        return Err(
            unsayable("lots-exceed-line", format_args!("{pointer}/lots"), text)
                .with_remedy("correct the quantities in the warehouse's system"),
        );
    }
    Ok(rest.normalized())
}

#[expect(
    clippy::too_many_arguments,
    reason = "an item and a batch of it are the same segment, and differ in each of these"
)]
fn confirm_item(
    line: &ShipmentLine,
    item: &str,
    lot: Option<&LotQuantity>,
    shipped: &Quantity,
    above: Option<&str>,
    pointer: &str,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    script.plain("POSNR", item)?;
    let material = material(&line.items, &format!("{pointer}/items"), config, script)?;
    let description = line.description.as_deref();
    script.optional(
        "ARKTX",
        description,
        40,
        format_args!("{pointer}/description"),
    )?;
    for field in ["WERKS", "LGORT"] {
        let value = wire::extra(&line.extras, &format!("E1EDL24.{field}"));
        script.optional(field, value, 4, format_args!("{pointer}/extras"))?;
    }
    let batch = lot.map(|lot| lot.lot.number.as_str());
    script.optional("CHARG", batch, 10, format_args!("{pointer}/lots"))?;
    customer_material(&line.items, script)?;
    amount(
        "LFIMG",
        "VRKME",
        shipped,
        &format!("{pointer}/shipped"),
        config,
        script,
    )?;
    if let Some(above) = above {
        script.plain("HIPOS", above)?;
        script.plain("HIEVW", "1")?;
    } else {
        let weight = line.weight.as_ref();
        let at = format_args!("{pointer}/weight");
        weigh(weight, ["BRGEW", "GEWEI"], config, script, at)?;
    }
    other_materials(&line.items, &format!("{pointer}/items"), script)?;
    expiry(
        lot.map(|lot| &lot.lot),
        format_args!("{pointer}/lots"),
        script,
    )?;
    if let Some(order) = line.references.iter().find(|it| it.qualifier == "VN") {
        let value = checked(
            &order.value,
            NUMBER_MAX,
            format_args!("{pointer}/references"),
        )?;
        script.plain("VGBEL", &padded(value, NUMBER_MAX, config))?;
    }
    if let Some(ordered) = line.ordered.as_ref().filter(|_| above.is_none()) {
        let at = format_args!("{pointer}/ordered/value");
        script.plain("ORMNG", &quantity(ordered.value, at)?)?;
    }
    long_material(material, script)?;
    for verb in verbs(config.confirm_line) {
        script.segment("E1EDL19", |script| {
            script.field("QUALF", verb, 3, format_args!(""))
        })?;
    }
    if above.is_none() {
        for (index, serial) in line.serials.iter().enumerate() {
            let at = format_args!("{pointer}/serials/{index}");
            let serial = required(serial, 18, at)?;
            script.segment("E1EDL11", |script| script.plain("SERNR", serial))?;
        }
    }
    Ok(())
}

// === what both have ===

fn node(node: Option<&str>, script: &mut Script) -> Result<(), Refusal> {
    let Some(node) = node else { return Ok(()) };
    let point = host::lookup("location-out", node).unwrap_or_else(|| node.to_owned());
    let point = checked(&point, 4, format_args!("/node")).map_err(|refusal| {
        refusal.with_remedy("map it to a shipping point with the lookup table `location-out`")
    })?;
    script.plain("VSTEL", point)
}

/// E1ADRM1. A carrier that is no party is the forwarding agent.
fn parties(
    parties: &[Party],
    carrier: Option<&crossdock_sdk::Carrier>,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    for (index, party) in parties.iter().enumerate() {
        let pointer = format!("/parties/{index}");
        let role = match &party.role {
            // A delivery has one partner that receives.
            PartyRole::Consignee => &PartyRole::ShipTo,
            // The shipping point says which warehouse; it is no partner of the delivery.
            PartyRole::Warehouse | PartyRole::Depositor => continue,
            role => role,
        };
        let Some(code) = config.role_code(role) else {
            let text = "a delivery has no partner function for this role";
            return Err(
                unsayable("role-unsayable", format_args!("{pointer}/role"), text).with_remedy(
                    "set `role.CODE` for the partner, CODE being its partner function",
                ),
            );
        };
        script.segment("E1ADRM1", |script| {
            party_fields(party, code, &pointer, config, script)
        })?;
    }
    let named = parties.iter().any(|party| party.role == PartyRole::Carrier);
    let Some(carrier) = carrier.filter(|it| !named && (it.scac.is_some() || it.name.is_some()))
    else {
        return Ok(());
    };
    script.segment("E1ADRM1", |script| {
        script.plain("PARTNER_Q", "SP")?;
        if let Some(scac) = &carrier.scac {
            let number = config.carrier(scac);
            script.field("PARTNER_ID", number, 17, format_args!("/carrier/scac"))?;
        }
        script.optional(
            "NAME1",
            carrier.name.as_deref(),
            40,
            format_args!("/carrier/name"),
        )
    })
}

fn party_fields(
    party: &Party,
    code: &str,
    pointer: &str,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    script.field("PARTNER_Q", code, 3, format_args!("{pointer}/role"))?;
    if let Some(id) = &party.id {
        let id = checked(id, 17, format_args!("{pointer}/id"))?;
        let id = match party.scheme {
            Some(IdScheme::Gln) => id.to_owned(),
            _ => padded(id, NUMBER_MAX, config),
        };
        script.plain("PARTNER_ID", &id)?;
    }
    script.optional(
        "NAME1",
        party.name.as_deref(),
        40,
        format_args!("{pointer}/name"),
    )?;
    for field in ["NAME2", "NAME3", "NAME4"] {
        let value = wire::extra(&party.extras, &format!("E1ADRM1.{field}"));
        script.optional(field, value, 40, format_args!("{pointer}/extras"))?;
    }
    address(party, pointer, script)
}

/// Street, town and how to reach them, in the order that the segment has.
fn address(party: &Party, pointer: &str, script: &mut Script) -> Result<(), Refusal> {
    let at = |name: &str| format!("{pointer}/address/{name}");
    let empty = Address::default();
    let address = party.address.as_ref().unwrap_or(&empty);
    if address.lines.len() > 2 {
        let text = "a partner of a delivery has two lines of street";
        let at = at("lines");
        return Err(unsayable("too-many", format_args!("{at}"), text)
            .with_remedy("shorten the address in the system that the document came from"));
    }
    for (field, line) in ["STREET1", "STREET2"].iter().zip(&address.lines) {
        script.field(field, line, 40, format_args!("{}", at("lines")))?;
    }
    let contact = party.contacts.first();
    let phone = contact.and_then(|contact| contact.phone.as_ref());
    let email = contact.and_then(|contact| contact.email.as_ref());
    for (field, value, max, place) in [
        (
            "POSTL_COD1",
            address.postal_code.as_ref(),
            10,
            at("postal_code"),
        ),
        ("CITY1", address.city.as_ref(), 40, at("city")),
        (
            "TELEPHONE1",
            phone,
            30,
            format!("{pointer}/contacts/0/phone"),
        ),
        ("E_MAIL", email, 70, format!("{pointer}/contacts/0/email")),
        ("COUNTRY1", address.country.as_ref(), 3, at("country")),
        ("REGION", address.region.as_ref(), 3, at("region")),
    ] {
        let value = value.map(String::as_str);
        script.optional(field, value, max, format_args!("{place}"))?;
    }
    Ok(())
}

/// SAP's own number of an item; given back where it needs the long field.
fn material<'l>(
    items: &'l [ItemId],
    pointer: &str,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<Option<&'l str>, Refusal> {
    let Some(material) = find(items, &ItemScheme::Sku) else {
        let text = "SAP needs its own number of the item, the sku";
        return Err(
            unsayable("material-missing", format_args!("{pointer}"), text)
                .with_remedy("send the item's sku, which is the material number in SAP"),
        );
    };
    let number = required(material, LONG_MATERIAL_MAX, format_args!("{pointer}"))?;
    let long = number.chars().count() > MATERIAL_MAX;
    if !long {
        script.plain("MATNR", &value::pad_zeros(number, config.material_length))?;
    }
    Ok(long.then_some(number))
}

fn find<'l>(items: &'l [ItemId], scheme: &ItemScheme) -> Option<&'l str> {
    let item = items.iter().find(|item| item.scheme == *scheme);
    item.map(|item| item.value.as_str())
}

/// The customer's number of an item, where the short field holds it.
fn customer_material(items: &[ItemId], script: &mut Script) -> Result<(), Refusal> {
    match find(items, &ItemScheme::Buyer).filter(|it| it.chars().count() <= KDMAT_MAX) {
        Some(number) => script.plain("KDMAT", number.trim()),
        None => Ok(()),
    }
}

/// The other numbers of an item, in the places that their fields have.
fn other_materials(items: &[ItemId], pointer: &str, script: &mut Script) -> Result<(), Refusal> {
    let article = [ItemScheme::Gtin, ItemScheme::Ean, ItemScheme::Upc];
    let article = article.iter().find_map(|scheme| find(items, scheme));
    script.optional("EAN11", article, 18, format_args!("{pointer}"))?;
    let maker = find(items, &ItemScheme::Manufacturer);
    script.optional("MFRPN", maker, 40, format_args!("{pointer}"))?;
    let long = find(items, &ItemScheme::Buyer).filter(|it| it.chars().count() > KDMAT_MAX);
    script.optional("KDMAT35", long, 35, format_args!("{pointer}"))
}

/// The batch's day comes behind the numbers.
fn expiry(lot: Option<&Lot>, at: Pointer<'_>, script: &mut Script) -> Result<(), Refusal> {
    match lot.and_then(|lot| lot.expiry.as_deref()) {
        Some(date) => script.plain("VFDAT", &day(date, at)?),
        None => Ok(()),
    }
}

/// E1EDL26-MATNR_LONG, for numbers of more than 18 characters, as S/4HANA has them.
fn long_material(material: Option<&str>, script: &mut Script) -> Result<(), Refusal> {
    match material {
        Some(number) => script.segment("E1EDL26", |script| script.plain("MATNR_LONG", number)),
        None => Ok(()),
    }
}

fn amount(
    field: &str,
    unit_field: &str,
    amount: &Quantity,
    pointer: &str,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    let value = quantity(amount.value, format_args!("{pointer}/value"))?;
    script.plain(field, &value)?;
    let unit = unit(&amount.unit, config, format_args!("{pointer}/unit"))?;
    script.field(unit_field, &unit, 3, format_args!("{pointer}/unit"))
}

fn unit(unit: &str, config: &IdocWriting<'_>, at: Pointer<'_>) -> Result<String, Refusal> {
    config.unit(unit).ok_or_else(|| {
        let text = format!("SAP's code of the unit {unit} is not known");
        Problem::settings("unit-unmapped", text)
            .at_pointer(at.to_string())
            .with_value(unit)
            .with_remedy(format!(
                "set `unit.CODE = {unit}` for the partner, or {}",
                host::add_a_row("unit-out")
            ))
            .into()
    })
}

fn weigh(
    weight: Option<&Quantity>,
    [field, unit_field]: [&str; 2],
    config: &IdocWriting<'_>,
    script: &mut Script,
    at: Pointer<'_>,
) -> Result<(), Refusal> {
    match weight {
        Some(weight) => amount(field, unit_field, weight, &at.to_string(), config, script),
        None => Ok(()),
    }
}

fn texts(
    text: &str,
    line: &str,
    notes: &[String],
    pointer: &str,
    config: &IdocWriting<'_>,
    script: &mut Script,
) -> Result<(), Refusal> {
    if notes.is_empty() {
        return Ok(());
    }
    script.segment(text, |script| {
        script.field("TDID", config.text_id, 4, format_args!(""))?;
        for (index, note) in notes.iter().enumerate() {
            let at = format_args!("{pointer}/notes/{index}");
            let mut format = "*";
            for words in wrapped(checked(note, usize::MAX, at)?, TEXT_LINE_MAX) {
                script.segment(line, |script| {
                    script.plain("TDFORMAT", format)?;
                    script.plain("TDLINE", words)
                })?;
                format = "=";
            }
        }
        Ok(())
    })
}

/// A text in lines of at most so many characters, parted between words where it can be.
fn wrapped(text: &str, max: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while let Some((end, _)) = rest.char_indices().nth(max) {
        let at = rest[..end].rfind(' ').filter(|at| *at > 0).unwrap_or(end);
        lines.push(rest[..at].trim_end());
        rest = rest[at..].trim_start();
    }
    lines.push(rest);
    lines
}

fn number(number: &str, config: &IdocWriting<'_>, at: Pointer<'_>) -> Result<String, Refusal> {
    let number = required(number, NUMBER_MAX, at).map_err(|refusal| {
        refusal.with_remedy(
            "SAP's delivery numbers have ten characters; send the number that SAP gave",
        )
    })?;
    Ok(padded(number, NUMBER_MAX, config))
}

fn item_number(number: &str, config: &IdocWriting<'_>, at: Pointer<'_>) -> Result<String, Refusal> {
    let number = required(number, ITEM_MAX, at)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        let text = "SAP's item numbers are digits";
        return Err(unsayable("line-no-unsayable", at, text)
            .with_value(number)
            .with_remedy("send the line numbers that SAP gave"));
    }
    Ok(padded(number, ITEM_MAX, config))
}

fn padded(number: &str, length: usize, config: &IdocWriting<'_>) -> String {
    if config.pad_numbers {
        value::pad_zeros(number, length)
    } else {
        number.to_owned()
    }
}

fn day(date: &str, at: Pointer<'_>) -> Result<String, Refusal> {
    value::from_iso_date(date).ok_or_else(|| {
        unsayable("date-invalid", at, "expected a day as YYYY-MM-DD").with_value(date)
    })
}
