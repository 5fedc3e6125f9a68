//! A notice of goods that will come to 943, warehouse stock transfer shipment advice.
//!
//! The standard demands a carrier (W27) and a total (W03); where nobody knows who
//! carries, the routing says `UNKNOWN`, which reading takes for nothing. A change and a
//! cancellation are said by the action code (W06-12), since the reporting code has none
//! for them.

use crossdock_sdk::{
    Carrier, Decimal, Extras, FreightPayment, InboundNotice, Lot, NoticeLine, Purpose,
    TransportMode,
};

use super::items::{self, Layout};
use super::script::{Pointer, Script, unsayable};
use super::segments::{day, unit, write_moment, write_note, write_reference};
use super::{Envelope, party};
use crate::decode::notice::{OPEN_MODE, OPEN_ROUTING, action_code, reporting_code};
use crate::settings::{LotDate, Writing};
use crate::wire;
use crossdock_sdk::Refusal;

/// N9 of the header, and of a line.
const REFERENCES_MAX: usize = 10;

/// N9-02 in 4010.
const REFERENCE_CHARS_MAX: usize = 30;

/// Where W04 has its numbers.
const PAIRS: Layout<3> = Layout {
    has_case_code: true,
    qualifiers: [4, 6, 14],
};

/// Writes a notice.
///
/// # Errors
/// When it says what X12 can't, or leaves out what X12 demands.
pub(super) fn write(notice: &InboundNotice, envelope: &Envelope<'_>) -> Result<Vec<u8>, Refusal> {
    let config = &envelope.config;
    if notice.lines.is_empty() && notice.purpose != Purpose::Cancel {
        let text = "a notice needs at least one line, unless it cancels";
        return Err(unsayable("lines-missing", format_args!("/lines"), text)
            .with_remedy("add the items that will come"));
    }
    envelope.wrap("AR", config.version, |writer, number| {
        writer
            .begin_set("943", number, None)
            .map_err(super::broken)?;
        let mut script = Script::new(writer, config.style(config.version));
        header(notice, config, &mut script)?;
        for (index, line) in notice.lines.iter().enumerate() {
            write_line(line, index, config, &mut script)?;
        }
        total(notice, &mut script)?;
        writer.end_set().map_err(super::broken)
    })
}

fn header(
    notice: &InboundNotice,
    config: &Writing<'_>,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let extras = &notice.extras;
    let reporting = match &notice.purpose {
        Purpose::Original => wire::extra(extras, "W06-01"),
        _ => None,
    };
    let reporting = script.plain_code(
        reporting.unwrap_or_else(|| reporting_code(&notice.purpose)),
        1..=1,
        format_args!("/purpose"),
    )?;
    let notice_no = script.required(&notice.notice_no, 22, format_args!("/notice_no"))?;
    let date = match &notice.notice_date {
        Some(date) => day(date, format_args!("/notice_date"))?,
        None => String::new(),
    };
    let shipment_id = script.optional(
        notice.shipment_id.as_deref(),
        30,
        format_args!("/shipment_id"),
    )?;
    let purchase_order = script.optional(
        notice.purchase_order.as_deref(),
        22,
        format_args!("/purchase_order"),
    )?;
    let [agent, master, link, handling, group, kind, action] = [
        ("W06-05", 12),
        ("W06-07", 22),
        ("W06-08", 6),
        ("W06-09", 3),
        ("W06-10", 2),
        ("W06-11", 2),
        ("W06-12", 2),
    ]
    .map(|(name, max)| script.extra(extras, name, max, format_args!("/extras")));
    let said = action_code(&notice.purpose);
    let action = if said.is_empty() {
        action?
    } else {
        said.into()
    };
    script.segment(
        "W06",
        &[
            reporting,
            &notice_no,
            &date,
            &shipment_id,
            &agent?,
            &purchase_order,
            &master?,
            &link?,
            &handling?,
            &group?,
            &kind?,
            &action,
        ],
    )?;
    let node = notice.node.as_deref();
    party::write_all(&notice.parties, node, (None, config), script)?;
    references(notice, config, script)?;
    if let Some(expected) = &notice.expected {
        write_moment(("17", "ZZ"), expected, script, format_args!("/expected"))?;
    }
    for (_, note) in notes(extras) {
        write_note(note, (extras, config), script, format_args!("/extras"))?;
    }
    write_carrier(notice.carrier.as_ref(), extras, config, script)
}

/// The notes, which the contract has no field for.
fn notes(extras: &Extras) -> impl Iterator<Item = (&str, &str)> {
    extras
        .iter()
        .filter_map(|(name, note)| Some((name.strip_prefix("NTE*")?, note.as_str())))
}

fn references(
    notice: &InboundNotice,
    config: &Writing<'_>,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let count = notice.references.len() + usize::from(notice.rma_no.is_some());
    if count > REFERENCES_MAX {
        let text = format!("{count} references, X12 takes at most {REFERENCES_MAX}");
        return Err(unsayable("too-many", format_args!("/references"), text)
            .with_remedy("leave out those that the warehouse does not need"));
    }
    if let Some(rma_no) = &notice.rma_no {
        let at = format_args!("/rma_no");
        let qualifier = script.plain_code(config.rma_qualifier, 2..=3, at)?;
        let rma_no = script.required(rma_no, REFERENCE_CHARS_MAX, at)?;
        script.segment("N9", &[qualifier, &rma_no])?;
    }
    for (index, reference) in notice.references.iter().enumerate() {
        write_reference(reference, script, format_args!("/references/{index}"))?;
    }
    Ok(())
}

fn write_carrier(
    carrier: Option<&Carrier>,
    extras: &Extras,
    config: &Writing<'_>,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let Some(carrier) = carrier else {
        return script.segment("W27", &[OPEN_MODE, "", OPEN_ROUTING]);
    };
    let mode = match &carrier.mode {
        Some(mode) => script.code::<TransportMode>(
            mode,
            (extras, "W27-01"),
            1..=2,
            format_args!("/carrier/mode"),
        )?,
        None => OPEN_MODE,
    };
    let payment = match &carrier.payment {
        Some(payment) => script.code::<FreightPayment>(
            payment,
            (extras, "W27-04"),
            2..=2,
            format_args!("/carrier/payment"),
        )?,
        None => "",
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
    // W27-03 is the only place for words, and one of -02 and -03 must be there.
    let routing = match (service, carrier.name.as_deref()) {
        (Some(service), Some(name)) => format!("{name} {service}"),
        (service, name) => service.or(name).unwrap_or_default().to_owned(),
    };
    let routing = script.text(&routing, 35, format_args!("/carrier/service"))?;
    let routing = if scac.is_empty() && routing.is_empty() {
        OPEN_ROUTING
    } else {
        &routing
    };
    let (initial, number) = equipment(carrier, script)?;
    let description = script.extra(extras, "W27-05", 2, format_args!("/extras"))?;
    script.segment(
        "W27",
        &[
            mode,
            &scac,
            routing,
            payment,
            &description,
            &initial,
            &number,
        ],
    )
}

/// The equipment's initial and number: what stands before and behind its only blank.
fn equipment(carrier: &Carrier, script: &Script<'_>) -> Result<(String, String), Refusal> {
    let at = format_args!("/carrier/equipment");
    let Some(equipment) = carrier.equipment.as_deref() else {
        return Ok((String::new(), String::new()));
    };
    let (initial, number) = equipment.split_once(' ').unwrap_or(("", equipment));
    Ok((
        script.text(initial, 4, at)?.into_owned(),
        script.text(number, 10, at)?.into_owned(),
    ))
}

fn write_line(
    line: &NoticeLine,
    index: usize,
    config: &Writing<'_>,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let at = format_args!("/lines/{index}");
    let extras = &line.extras;
    let quantity = script.number(line.quantity.value, 10, format_args!("{at}/quantity/value"))?;
    let unit = unit(
        &line.quantity.unit,
        config,
        script,
        format_args!("{at}/quantity/unit"),
    )?;
    let at_items = format_args!("{at}/items");
    let numbers = items::numbers(
        &line.items,
        (extras, "W04", PAIRS),
        (config, at_items),
        script,
    )?;
    let [class, rate, commodity_kind, commodity, pallet, hold] = [
        ("W04-08", 5),
        ("W04-09", 3),
        ("W04-10", 1),
        ("W04-11", 30),
        ("W04-12", 6),
        ("W04-13", 2),
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
        &hold?,
        third,
        third_no,
    ];
    script.segment("W04", &elements)?;
    for (_, words) in extras.iter().filter(|(name, _)| name == "G69-01") {
        let words = script.required(words, 45, format_args!("{at}/extras"))?;
        script.segment("G69", &[&words])?;
    }
    let line_no = script.required(
        &line.line_no,
        REFERENCE_CHARS_MAX,
        format_args!("{at}/line_no"),
    )?;
    script.segment("N9", &[config.line_qualifier, &line_no])?;
    match &line.lot {
        Some(lot) => write_lot(lot, config, script, format_args!("{at}/lot")),
        None => Ok(()),
    }
}

/// N9*LT. Its date is said in N9-04 where partner and settings agree what it is.
fn write_lot(
    lot: &Lot,
    config: &Writing<'_>,
    script: &mut Script<'_>,
    at: Pointer<'_>,
) -> Result<(), Refusal> {
    let number = script.required(
        &lot.number,
        REFERENCE_CHARS_MAX,
        format_args!("{at}/number"),
    )?;
    let mut date = String::new();
    for (field, word, value, agreed) in [
        ("expiry", "expiry", &lot.expiry, LotDate::Expiry),
        (
            "manufactured",
            "manufactured",
            &lot.manufactured,
            LotDate::Manufactured,
        ),
    ] {
        let Some(value) = value else { continue };
        let at = format_args!("{at}/{field}");
        if config.lot_date != agreed {
            let text = "a 943 has no place of its own for the date of a lot";
            return Err(unsayable("value-unsayable", at, text)
                .with_value(value)
                .with_remedy(format!(
                    "set `lot-date = {word}` if the partner reads N9-04 of a lot so, or leave the date out"
                )));
        }
        date = day(value, at)?;
    }
    script.segment("N9", &["LT", &number, "", &date])
}

/// W03: what all lines add up to.
fn total(notice: &InboundNotice, script: &mut Script<'_>) -> Result<(), Refusal> {
    let at = format_args!("/lines");
    let sum = notice.lines.iter().try_fold(Decimal::ZERO, |sum, line| {
        sum.checked_add(line.quantity.value)
    });
    let sum = sum.map_err(|error| {
        unsayable(
            "value-too-long",
            at,
            format!("the lines can't be added up: {error}"),
        )
    })?;
    let units = script.number(sum, 10, at)?;
    let extras = &notice.extras;
    let [weight, unit, volume, volume_unit, lading, lading_unit] = [
        ("W03-02", 10),
        ("W03-03", 2),
        ("W03-04", 8),
        ("W03-05", 2),
        ("W03-06", 7),
        ("W03-07", 2),
    ]
    .map(|(name, max)| script.extra(extras, name, max, format_args!("/extras")));
    script.segment(
        "W03",
        &[
            &units,
            &weight?,
            &unit?,
            &volume?,
            &volume_unit?,
            &lading?,
            &lading_unit?,
        ],
    )
}
