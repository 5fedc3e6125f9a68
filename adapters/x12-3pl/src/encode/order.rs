//! An order to 940, warehouse shipping order.
//!
//! What a warehouse need not know stays home: the order's total amount always, prices
//! unless the partner's settings name the qualifier that carries them. Everything else
//! is said or refused. Extras are written where they fill an element of a segment that
//! is written anyway (`W66-03`, `W01-12`); others are for systems that know them.

use crossdock_sdk::{
    Carrier, Decimal, FreightPayment, IdScheme, Moment, Order, PartyRole, Problem, Purpose,
    Reference, TransportMode, host,
};

use super::Envelope;
use super::script::{Pointer, Script, unsayable, wrap};
use crate::decode::order::{REVISION, purpose_code};
use crate::refusal::Refusal;
use crate::settings::Writing;
use crate::wire;

mod line;
mod party;

/// N1 loops, N9, G62 of the header: how often the standard lets them occur.
const PARTIES_MAX: usize = 10;
const REFERENCES_MAX: usize = 10;

/// NTE-02.
const NOTE_CHARS_MAX: usize = 80;

/// W66-01 and -02 where the order leaves them open: defined by buyer and seller,
/// mutually defined.
const OPEN_PAYMENT: &str = "DF";
const OPEN_MODE: &str = "ZZ";

/// Writes an order.
///
/// # Errors
/// When it says what X12 can't, or leaves out what X12 demands.
pub(super) fn write(order: &Order, envelope: &Envelope<'_>) -> Result<Vec<u8>, Refusal> {
    let config = &envelope.config;
    check(order)?;
    envelope.wrap("OW", config.version, |writer, number| {
        writer
            .begin_set("940", number, None)
            .map_err(super::broken)?;
        let mut script = Script::new(writer, config.style(config.version));
        header(order, config, &mut script)?;
        for (index, line) in order.lines.iter().enumerate() {
            line::write(line, index, config, &mut script)?;
        }
        totals(order, config, &mut script)?;
        writer.end_set().map_err(super::broken)
    })
}

/// What any release to a warehouse needs.
fn check(order: &Order) -> Result<(), Refusal> {
    let cancels = order.purpose == Purpose::Cancel;
    let ship_to = |role: &PartyRole| matches!(role, PartyRole::ShipTo | PartyRole::Consignee);
    if !cancels && !order.parties.iter().any(|party| ship_to(&party.role)) {
        let text = "a release to a warehouse needs a ship-to";
        return Err(unsayable("ship-to-missing", format_args!("/parties"), text)
            .with_remedy("add a party with the role ship-to"));
    }
    if !cancels && order.lines.is_empty() {
        let text = "an order needs at least one line";
        return Err(unsayable("lines-missing", format_args!("/lines"), text));
    }
    Ok(())
}

fn header(order: &Order, config: &Writing<'_>, script: &mut Script<'_>) -> Result<(), Refusal> {
    let extras = &order.extras;
    let at = |name| (extras, name);
    let purpose = purpose_code(&order.purpose);
    // Which of the codes that mean the same it was.
    let remembered = wire::extra(extras, "W05-01")
        .filter(|code| crate::decode::order::purpose(code) == order.purpose);
    let purpose = script.plain_code(
        remembered.unwrap_or(purpose),
        1..=1,
        format_args!("/purpose"),
    )?;
    let order_no = script.required(&order.order_no, 22, format_args!("/order_no"))?;
    let customer_po = script.optional(
        order.customer_po.as_deref(),
        22,
        format_args!("/customer_po"),
    )?;
    let kind = match &order.order_type {
        Some(kind) => script.code(kind, at("W05-06"), 2..=2, format_args!("/order_type"))?,
        None => "",
    };
    let [link, master, action, po_type] =
        [("W05-04", 6), ("W05-05", 22), ("W05-07", 2), ("W05-08", 2)]
            .map(|(name, max)| script.extra(extras, name, max, format_args!("/extras")));
    let elements = [
        purpose,
        &order_no,
        &customer_po,
        &link?,
        &master?,
        kind,
        &action?,
        &po_type?,
    ];
    script.segment("W05", &elements)?;
    parties(order, config, script)?;
    references(order, script)?;
    dates(order, script)?;
    for (index, note) in order.notes.iter().enumerate() {
        write_note(
            note,
            (extras, config),
            script,
            format_args!("/notes/{index}"),
        )?;
    }
    match &order.carrier {
        Some(carrier) => write_carrier(carrier, order, config, script),
        None => Ok(()),
    }
}

fn parties(order: &Order, config: &Writing<'_>, script: &mut Script<'_>) -> Result<(), Refusal> {
    for (index, party) in order.parties.iter().enumerate() {
        party::write(party, index, script)?;
    }
    let named = order
        .parties
        .iter()
        .any(|party| party.role == PartyRole::Warehouse);
    let node = order.node.as_deref().filter(|_| !named);
    let count = order.parties.len() + usize::from(node.is_some());
    if count > PARTIES_MAX {
        let text = format!("{count} parties, X12 takes at most {PARTIES_MAX}");
        return Err(unsayable("too-many", format_args!("/parties"), text));
    }
    let Some(node) = node else { return Ok(()) };
    let id = host::lookup("location", node).unwrap_or_else(|| node.to_owned());
    let id = script.required(&id, 80, format_args!("/node"))?;
    script.segment("N1", &["WH", "", config.warehouse_qualifier, &id])
}

fn references(order: &Order, script: &mut Script<'_>) -> Result<(), Refusal> {
    let count = order.references.len() + usize::from(order.revision.is_some());
    if count > REFERENCES_MAX {
        let text = format!("{count} references, X12 takes at most {REFERENCES_MAX}");
        return Err(unsayable("too-many", format_args!("/references"), text));
    }
    if let Some(revision) = &order.revision {
        let revision = script.required(revision, 30, format_args!("/revision"))?;
        script.segment("N9", &[REVISION, &revision])?;
    }
    for (index, reference) in order.references.iter().enumerate() {
        write_reference(reference, script, format_args!("/references/{index}"))?;
    }
    Ok(())
}

/// Writes N9.
fn write_reference(
    reference: &Reference,
    script: &mut Script<'_>,
    at: Pointer<'_>,
) -> Result<(), Refusal> {
    let qualifier =
        script.plain_code(&reference.qualifier, 2..=3, format_args!("{at}/qualifier"))?;
    let value = script.text(&reference.value, 30, format_args!("{at}/value"))?;
    let description = script.optional(
        reference.description.as_deref(),
        45,
        format_args!("{at}/description"),
    )?;
    if value.is_empty() && description.is_empty() {
        let text = "a reference needs a number or a description";
        return Err(unsayable("value-missing", format_args!("{at}/value"), text));
    }
    script.segment("N9", &[qualifier, &value, &description])
}

fn dates(order: &Order, script: &mut Script<'_>) -> Result<(), Refusal> {
    if let Some(date) = &order.order_date {
        write_day("04", date, script, format_args!("/order_date"))?;
    }
    // Which of the two deadlines it was that was read.
    let second = |name, moment: &Option<Moment>| {
        let remembered = wire::extra(&order.extras, name);
        remembered.is_some() && remembered == moment.as_ref().map(|moment| moment.text.as_str())
    };
    let not_before = if second("G62*37", &order.not_before) {
        "37"
    } else {
        "53"
    };
    let cancel_after = if second("G62*54", &order.cancel_after) {
        "54"
    } else {
        "01"
    };
    for (qualifier, time_qualifier, moment, at) in [
        ("10", "ZZ", &order.requested_ship, "/requested_ship"),
        ("02", "ZZ", &order.requested_delivery, "/requested_delivery"),
        (not_before, "G", &order.not_before, "/not_before"),
        (cancel_after, "L", &order.cancel_after, "/cancel_after"),
    ] {
        let Some(moment) = moment else { continue };
        let spoken = wire::spoken(&moment.text).ok_or_else(|| {
            let text = "no moment that X12 can say: a date, or a date and time to the hundredth of a second, with an offset of whole hours";
            unsayable("moment-invalid", format_args!("{at}/text"), text).with_value(&moment.text)
        })?;
        let date = crossdock_sdk::x12::writer::date(spoken.date);
        match spoken.time {
            None => script.segment("G62", &[qualifier, &date])?,
            Some(time) => {
                let time = crossdock_sdk::x12::writer::time(time);
                script.segment(
                    "G62",
                    &[qualifier, &date, time_qualifier, &time, &spoken.zone],
                )?;
            }
        }
    }
    Ok(())
}

/// Writes a G62 of a day alone.
fn write_day(
    qualifier: &str,
    day: &str,
    script: &mut Script<'_>,
    at: Pointer<'_>,
) -> Result<(), Refusal> {
    let date = wire::iso_date(day)
        .ok_or_else(|| unsayable("date-invalid", at, "no calendar date").with_value(day))?;
    script.segment("G62", &[qualifier, &crossdock_sdk::x12::writer::date(date)])
}

/// Writes a note, in several NTE where it is long.
fn write_note(
    note: &str,
    (extras, config): (&crossdock_sdk::Extras, &Writing<'_>),
    script: &mut Script<'_>,
    at: Pointer<'_>,
) -> Result<(), Refusal> {
    let code = extras.iter().find_map(|(name, value)| {
        name.strip_prefix("NTE*")
            .filter(|code| value == note && code.len() == 3)
    });
    let Some(pieces) = wrap(note, NOTE_CHARS_MAX, usize::MAX) else {
        // Says what is wrong with it: empty, or a word that is too long.
        script.required(note, NOTE_CHARS_MAX, at)?;
        return Ok(());
    };
    for piece in pieces {
        let piece = script.required(piece, NOTE_CHARS_MAX, at)?;
        script.segment("NTE", &[code.unwrap_or(config.note_code), &piece])?;
    }
    Ok(())
}

fn write_carrier(
    carrier: &Carrier,
    order: &Order,
    config: &Writing<'_>,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let extras = &order.extras;
    if carrier.equipment.is_some() {
        let text = "a 940 has no place for equipment";
        return Err(
            unsayable("value-unsayable", format_args!("/carrier/equipment"), text)
                .with_remedy("leave it out of orders; the warehouse chooses the equipment"),
        );
    }
    let payment = match &carrier.payment {
        Some(payment) => script.code::<FreightPayment>(
            payment,
            (extras, "W66-01"),
            2..=2,
            format_args!("/carrier/payment"),
        )?,
        None => OPEN_PAYMENT,
    };
    let mode = match &carrier.mode {
        Some(mode) => script.code::<TransportMode>(
            mode,
            (extras, "W66-02"),
            1..=2,
            format_args!("/carrier/mode"),
        )?,
        None => OPEN_MODE,
    };
    let scac = carrier
        .scac
        .as_deref()
        .map_or("", |scac| config.carrier(scac));
    let scac = script.text(scac, 4, format_args!("/carrier/scac"))?;
    let service = carrier
        .service
        .as_deref()
        .map(|service| config.service(service));
    // W66-05 is the only place for words; a SCAC says the carrier's name by itself.
    let routing = match (service, carrier.name.as_deref()) {
        (Some(service), Some(name)) if scac.is_empty() => format!("{name} {service}"),
        (Some(service), _) => service.to_owned(),
        (None, name) => name.unwrap_or_default().to_owned(),
    };
    let routing = script.text(&routing, 35, format_args!("/carrier/service"))?;
    let [exchange, load, handling, line, tariff, amount] = [
        ("W66-03", 1),
        ("W66-04", 2),
        ("W66-06", 2),
        ("W66-07", 6),
        ("W66-08", 2),
        ("W66-09", 15),
    ]
    .map(|(name, max)| script.extra(extras, name, max, format_args!("/extras")));
    let elements = [
        payment, mode, &exchange?, &load?, &routing, &handling?, &line?, &tariff?, &amount?, &scac,
    ];
    script.segment("W66", &elements)
}

/// W76: what all lines add up to, unless the order says it.
fn totals(order: &Order, config: &Writing<'_>, script: &mut Script<'_>) -> Result<(), Refusal> {
    let told = order.total_quantity.is_some() || order.total_weight.is_some();
    if order.lines.is_empty() && !told {
        return Ok(());
    }
    let units = match &order.total_quantity {
        Some(total) => {
            let same = |line: &crossdock_sdk::OrderLine| line.quantity.unit == total.unit;
            if !order.lines.iter().all(same) {
                let text = format!(
                    "X12 counts in the lines' own units, and not all of them are {}",
                    total.unit
                );
                let at = format_args!("/total_quantity/unit");
                return Err(unsayable("value-unsayable", at, text)
                    .with_remedy("leave the total out; it is added up from the lines"));
            }
            total.value
        }
        None => sum(order)?,
    };
    let units = script.number(units, 15, format_args!("/total_quantity/value"))?;
    let (weight, unit) = match &order.total_weight {
        Some(weight) => {
            let at = format_args!("/total_weight");
            let unit = unit(&weight.unit, config, script, format_args!("{at}/unit"))?;
            (
                script.number(weight.value, 10, format_args!("{at}/value"))?,
                unit,
            )
        }
        None => (String::new(), String::new()),
    };
    let extras = &order.extras;
    let [volume, volume_unit, option] = [("W76-04", 9), ("W76-05", 2), ("W76-06", 1)]
        .map(|(name, max)| script.extra(extras, name, max, format_args!("/extras")));
    script.segment(
        "W76",
        &[&units, &weight, &unit, &volume?, &volume_unit?, &option?],
    )
}

fn sum(order: &Order) -> Result<Decimal, Refusal> {
    let mut lines = order.lines.iter();
    lines
        .try_fold(Decimal::ZERO, |sum, line| {
            sum.checked_add(line.quantity.value)
        })
        .map_err(|error| {
            unsayable(
                "value-too-long",
                format_args!("/lines"),
                format!("the lines can't be added up: {error}"),
            )
        })
}

/// The partner's code of a canonical unit.
fn unit(
    unit: &str,
    config: &Writing<'_>,
    script: &Script<'_>,
    at: Pointer<'_>,
) -> Result<String, Refusal> {
    match config.unit(unit) {
        Some(code) => Ok(script.plain_code(&code, 2..=2, at)?.to_owned()),
        None => {
            let text = format!("no unit of the partner is known for {unit}");
            Err(Problem::settings("unit-unmapped", text)
                .at_pointer(at.to_string())
                .with_value(unit)
                .with_remedy(format!("set `unit.CODE = {unit}` for the partner, with its own code (element 355) for CODE"))
                .into())
        }
    }
}

/// The scheme that is written for an id without one: mutually defined.
fn scheme_code(scheme: Option<&IdScheme>) -> &str {
    scheme.map_or("ZZ", crate::codes::write)
}
