//! Segments that several transaction sets share: N9, G62, NTE, and the partner's units.

use crossdock_sdk::x12::writer;
use crossdock_sdk::{Extras, Moment, Problem, Reference};

use super::script::{Pointer, Script, unsayable, wrap};
use crate::settings::Writing;
use crate::wire;
use crossdock_sdk::Refusal;

/// NTE-02.
const NOTE_CHARS_MAX: usize = 80;

/// Writes N9.
pub(super) fn write_reference(
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

/// Writes a G62 of a moment; where it has a time, the standard demands to say what
/// sort of time it is (element 176).
///
/// # Errors
/// When it is none that X12 can say.
pub(super) fn write_moment(
    (qualifier, time_qualifier): (&str, &str),
    moment: &Moment,
    script: &mut Script<'_>,
    at: Pointer<'_>,
) -> Result<(), Refusal> {
    let spoken = spoken(moment, at)?;
    let date = writer::date(spoken.date);
    match spoken.time {
        None => script.segment("G62", &[qualifier, &date]),
        Some(time) => {
            let time = writer::time(time);
            script.segment(
                "G62",
                &[qualifier, &date, time_qualifier, &time, &spoken.zone],
            )
        }
    }
}

/// A moment as X12 can say it.
///
/// # Errors
/// `moment-invalid`.
pub(super) fn spoken(moment: &Moment, at: Pointer<'_>) -> Result<wire::Spoken, Refusal> {
    wire::spoken(&moment.text).ok_or_else(|| {
        let text = "no moment that X12 can say: a date, or a date and time to the hundredth of a second, with an offset of whole hours";
        unsayable("moment-invalid", format_args!("{at}/text"), text).with_value(&moment.text)
    })
}

/// A calendar day as X12 writes it.
///
/// # Errors
/// `date-invalid`.
pub(super) fn day(day: &str, at: Pointer<'_>) -> Result<String, Refusal> {
    let date = wire::iso_date(day)
        .ok_or_else(|| unsayable("date-invalid", at, "no calendar date").with_value(day))?;
    Ok(writer::date(date))
}

/// Writes a G62 of a day alone.
pub(super) fn write_day(
    qualifier: &str,
    day: &str,
    script: &mut Script<'_>,
    at: Pointer<'_>,
) -> Result<(), Refusal> {
    script.segment("G62", &[qualifier, &self::day(day, at)?])
}

/// Writes a note, in several NTE where it is long.
pub(super) fn write_note(
    note: &str,
    (extras, config): (&Extras, &Writing<'_>),
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

/// The partner's code of a canonical unit.
pub(super) fn unit(
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
