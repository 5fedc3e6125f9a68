//! An order to 940, warehouse shipping order.
//!
//! What a warehouse need not know stays home: the order's total amount always, prices
//! unless the partner's settings name the qualifier that carries them. Everything else
//! is said or refused. Extras are written where they fill an element of a segment that
//! is written anyway (`W66-03`, `W01-12`); others are for systems that know them.

use crossdock_sdk::{
    Carrier, Decimal, FreightPayment, Moment, Order, PartyRole, Purpose, TransportMode,
};

use super::script::{Script, unsayable};
use super::segments::{unit, write_day, write_moment, write_note, write_reference};
use super::{Envelope, party};
use crate::decode::order::{REVISION, purpose_code};
use crate::settings::Writing;
use crate::wire;
use crossdock_sdk::Refusal;

mod line;

/// N9 of the header: how often the standard lets them occur.
const REFERENCES_MAX: usize = 10;

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
    let node = order.node.as_deref();
    party::write_all(&order.parties, node, (None, config), script)?;
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
        write_moment(
            (qualifier, time_qualifier),
            moment,
            script,
            format_args!("{at}"),
        )?;
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
