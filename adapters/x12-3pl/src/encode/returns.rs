//! A return's authorisation to 180, return merchandise authorization and notification.
//!
//! Whether it is asked for, allowed or refused is said by the disposition code of the
//! header (RDR-01); what comes later in a return's life has no place here and is
//! refused. A disposition or reason without a code is said in words (RDR-04), which
//! reading understands.

use crossdock_sdk::x12::writer;
use crossdock_sdk::{
    Disposition, Purpose, ReturnAuthorization, ReturnLine, ReturnReason, ReturnState,
};

use super::items::{self, Layout};
use super::script::{Script, unsayable};
use super::segments::{day, spoken, unit, write_reference};
use super::{Envelope, party};
use crate::codes;
use crate::decode::returns::{REQUEST, WORDS_SEPARATOR, disposition_words, reason_words};
use crate::settings::Writing;
use crate::wire;
use crossdock_sdk::Refusal;

/// N1 loops and N9 of the header: how often the standard lets them occur.
const PARTIES_MAX: usize = 200;
const REFERENCES_MAX: usize = 10;

/// Elements 127 in 4010, and 352.
const NUMBER_CHARS_MAX: usize = 30;
const WORDS_CHARS_MAX: usize = 80;

/// QTY-01 before the units of a line: returns.
const RETURNED: &str = "76";

/// Where BLI has its numbers.
const PAIRS: Layout<4> = Layout {
    has_case_code: false,
    qualifiers: [1, 8, 10, 12],
};

/// Writes an authorisation.
///
/// # Errors
/// When it says what X12 can't, or leaves out what X12 demands.
pub(super) fn write(
    returned: &ReturnAuthorization,
    envelope: &Envelope<'_>,
) -> Result<Vec<u8>, Refusal> {
    let config = &envelope.config;
    if returned.lines.is_empty() && returned.purpose != Purpose::Cancel {
        let text = "a return needs at least one line, unless it is cancelled";
        return Err(unsayable("lines-missing", format_args!("/lines"), text)
            .with_remedy("add the items that may come back"));
    }
    envelope.wrap("AN", config.version, |writer, number| {
        writer
            .begin_set("180", number, None)
            .map_err(super::broken)?;
        let mut script = Script::new(writer, config.style(config.version));
        header(returned, envelope, &mut script)?;
        for (index, line) in returned.lines.iter().enumerate() {
            write_line(line, index, config, &mut script)?;
        }
        writer.end_set().map_err(super::broken)
    })
}

fn header(
    returned: &ReturnAuthorization,
    envelope: &Envelope<'_>,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let config = &envelope.config;
    let extras = &returned.extras;
    identification(returned, envelope, script)?;
    verdict(returned, script)?;
    if let Some(order_no) = &returned.order_no {
        let order_no = script.required(order_no, 22, format_args!("/order_no"))?;
        let release = script.extra(extras, "PRF-02", 30, format_args!("/extras"))?;
        script.segment("PRF", &[&order_no, &release])?;
    }
    if let Some(expires) = &returned.expires {
        let expires = day(expires, format_args!("/expires"))?;
        script.segment("DTM", &["036", &expires])?;
    }
    if returned.references.len() > REFERENCES_MAX {
        let count = returned.references.len();
        let text = format!("{count} references, X12 takes at most {REFERENCES_MAX}");
        return Err(unsayable("too-many", format_args!("/references"), text)
            .with_remedy("leave out those that the warehouse does not need"));
    }
    for (index, reference) in returned.references.iter().enumerate() {
        write_reference(reference, script, format_args!("/references/{index}"))?;
    }
    let node = returned.node.as_deref();
    party::write_all(&returned.parties, node, (Some(PARTIES_MAX), config), script)
}

/// BGN. Its date is demanded; without one, that of the delivery is written.
fn identification(
    returned: &ReturnAuthorization,
    envelope: &Envelope<'_>,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let extras = &returned.extras;
    let purpose = script.code(
        &returned.purpose,
        (extras, "BGN-01"),
        2..=2,
        format_args!("/purpose"),
    )?;
    let rma_no = script.required(&returned.rma_no, NUMBER_CHARS_MAX, format_args!("/rma_no"))?;
    let (date, time, zone) = match &returned.issued_at {
        Some(issued) => {
            let spoken = spoken(issued, format_args!("/issued_at"))?;
            let time = spoken.time.map_or_else(String::new, writer::time);
            (writer::date(spoken.date), time, spoken.zone)
        }
        None => (writer::date(envelope.date), String::new(), String::new()),
    };
    let [number, kind, action, level] = [
        ("BGN-06", NUMBER_CHARS_MAX),
        ("BGN-07", 2),
        ("BGN-08", 2),
        ("BGN-09", 2),
    ]
    .map(|(name, max)| script.extra(extras, name, max, format_args!("/extras")));
    let action = match returned.state {
        ReturnState::Requested => REQUEST.into(),
        _ => action?,
    };
    let elements = [
        purpose, &rma_no, &date, &time, &zone, &number?, &kind?, &action, &level?,
    ];
    script.segment("BGN", &elements)
}

/// RDR of the header: what becomes of the request, and why.
fn verdict(returned: &ReturnAuthorization, script: &mut Script<'_>) -> Result<(), Refusal> {
    let extras = &returned.extras;
    let Some(state) = codes::state_code(&returned.state) else {
        let text =
            "a 180 asks for a return, allows or refuses it; what comes later has no place in it";
        return Err(unsayable("value-unsayable", format_args!("/state"), text)
            .with_remedy("send it only while its state is requested, authorized or denied"));
    };
    let remembered = wire::extra(extras, "RDR-01")
        .filter(|code| codes::return_state(code).as_ref() == Some(&returned.state));
    let state = remembered.unwrap_or(state);
    let words = script.optional(
        returned.reason.as_deref(),
        WORDS_CHARS_MAX,
        format_args!("/reason"),
    )?;
    let [reason, answer] = [("RDR-02", 2), ("RDR-03", 2)]
        .map(|(name, max)| script.extra(extras, name, max, format_args!("/extras")));
    script.segment("RDR", &[state, &reason?, &answer?, &words])
}

fn write_line(
    line: &ReturnLine,
    index: usize,
    config: &Writing<'_>,
    script: &mut Script<'_>,
) -> Result<(), Refusal> {
    let at = format_args!("/lines/{index}");
    let extras = &line.extras;
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
        (extras, "BLI", PAIRS),
        (config, at_items),
        script,
    )?;
    let price = price(line, index, config, script)?;
    let [price_kind, price_unit] = [("BLI-05", 3), ("BLI-07", 2)]
        .map(|(name, max)| script.extra(extras, name, max, format_args!("{at}/extras")));
    let [first, second, third, fourth] = &numbers.pairs;
    script.segment(
        "BLI",
        &[
            &first.0,
            &first.1,
            &quantity,
            &unit,
            &price_kind?,
            &price,
            &price_unit?,
            &second.0,
            &second.1,
            &third.0,
            &third.1,
            &fourth.0,
            &fourth.1,
        ],
    )?;
    let line_no = script.required(
        &line.line_no,
        NUMBER_CHARS_MAX,
        format_args!("{at}/line_no"),
    )?;
    script.segment("N9", &[config.line_qualifier, &line_no])?;
    disposition(line, index, script)?;
    if line.serials.is_empty() {
        return Ok(());
    }
    script.segment("QTY", &[RETURNED, &quantity, &unit])?;
    for (number, serial) in line.serials.iter().enumerate() {
        let at = format_args!("{at}/serials/{number}");
        let serial = script.required(serial, NUMBER_CHARS_MAX, at)?;
        script.segment("LX", &[&(number + 1).to_string()])?;
        script.segment("N9", &["SE", &serial])?;
    }
    Ok(())
}

fn price(
    line: &ReturnLine,
    index: usize,
    config: &Writing<'_>,
    script: &Script<'_>,
) -> Result<String, Refusal> {
    let at = format_args!("/lines/{index}/unit_price");
    let Some(price) = &line.unit_price else {
        return Ok(String::new());
    };
    if price.currency != config.currency {
        let text = format!(
            "a 180 names no currency, and {} is agreed on",
            config.currency
        );
        let at = format_args!("{at}/currency");
        return Err(unsayable("value-unsayable", at, text)
            .with_value(&price.currency)
            .with_remedy("leave the price out, or set `currency` for the partner"));
    }
    script.number(price.amount, 17, format_args!("{at}/amount"))
}

/// RDR of a line: what shall become of it, and why it comes back.
fn disposition(line: &ReturnLine, index: usize, script: &mut Script<'_>) -> Result<(), Refusal> {
    let at = format_args!("/lines/{index}");
    let extras = &line.extras;
    let wanted = line.expected_disposition.as_ref();
    let disposition_said = wanted.and_then(disposition_words);
    let code = match wanted {
        Some(wanted) if disposition_said.is_none() => script.code::<Disposition>(
            wanted,
            (extras, "RDR-01"),
            2..=2,
            format_args!("{at}/expected_disposition"),
        )?,
        _ => "",
    };
    let reason_said = reason_words(&line.reason);
    let unstated = line.reason == ReturnReason::Other(String::new());
    let reason = if reason_said.is_some() || unstated {
        ""
    } else {
        script.code::<ReturnReason>(
            &line.reason,
            (extras, "RDR-02"),
            2..=2,
            format_args!("{at}/reason"),
        )?
    };
    let said: Vec<&str> = reason_said.into_iter().chain(disposition_said).collect();
    let words = said.join(WORDS_SEPARATOR);
    let [answer, kept] = [("RDR-03", 2), ("RDR-04", WORDS_CHARS_MAX)]
        .map(|(name, max)| script.extra(extras, name, max, format_args!("{at}/extras")));
    let kept = kept?;
    let words = if words.is_empty() { &*kept } else { &words };
    let elements = [code, reason, &answer?, words];
    if elements.iter().all(|element| element.is_empty()) {
        return Ok(());
    }
    script.segment("RDR", &elements)
}
