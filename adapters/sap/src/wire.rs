//! How extras are named, and what is kept in them.

use crossdock_sdk::idoc::{Segment, value};
use crossdock_sdk::{Extras, Moment};

/// Extras kept for one record; a segment of a customer's own may have no end.
const EXTRAS_MAX: usize = 400;

/// Keeps what nobody read of a segment: its fields but those in `read`, and the fields
/// of the segments inside it but those in `read`. A field is named `E1EDL24.WERKS`; of
/// a segment with a qualifier, `E1EDK14*008.ORGID`. What says nothing is not kept, nor
/// are the descriptions that repeat a code in the sender's language (`_BEZ`).
pub(crate) fn keep(extras: &mut Extras, segment: Segment<'_, '_>, read: &[&str]) {
    let name = title(segment);
    for child in segment.children() {
        if read.contains(&child.name()) || extras.len() >= EXTRAS_MAX {
            continue;
        }
        if !child.is_leaf() {
            keep(extras, child, &[]);
        } else if !value::is_initial(child.text()) && says_more(child.name()) {
            extras.push((format!("{name}.{}", child.name()), child.text().to_owned()));
        }
    }
}

/// A field whose value is known elsewhere adds nothing.
fn says_more(field: &str) -> bool {
    !field.ends_with("_BEZ")
        && !matches!(
            field,
            "QUALF" | "QUALI" | "QUALZ" | "IDDAT" | "SUMID" | "EXTEND_Q" | "TDID" | "KSCHL"
        )
}

/// A segment's name with its qualifier.
fn title(segment: Segment<'_, '_>) -> String {
    let qualifier = [
        "QUALF", "QUALI", "QUALZ", "IDDAT", "SUMID", "EXTEND_Q", "TDID", "KSCHL",
    ]
    .iter()
    .find_map(|field| segment.get(field));
    match qualifier {
        Some(qualifier) => format!("{}*{qualifier}", segment.name()),
        None => segment.name().to_owned(),
    }
}

/// Keeps one field.
pub(crate) fn keep_field(extras: &mut Extras, segment: Segment<'_, '_>, field: &str) {
    if let Some(text) = segment.get(field)
        && !value::is_initial(text)
    {
        extras.push((format!("{}.{field}", title(segment)), text.to_owned()));
    }
}

/// An extra by name.
pub(crate) fn extra<'e>(extras: &'e Extras, name: &str) -> Option<&'e str> {
    let mut matching = extras.iter().filter(|(known, _)| known == name);
    matching.next().map(|(_, text)| text.as_str())
}

/// Day, time of day and time zone as a moment. A time of nought is what SAP writes
/// where no time was set. Raw text is kept where a zone is named that has no offset of
/// its own. Absent without a day; an error where either is none.
pub(crate) fn moment(
    day: &str,
    time: &str,
    zone: &str,
) -> Result<Option<Moment>, value::DateError> {
    let Some(date) = value::date(day)? else {
        return Ok(None);
    };
    if value::is_initial(time) {
        return Ok(Some(Moment::local(date)));
    }
    let clock = value::time(time)?;
    Ok(Some(match value::zone_offset(zone) {
        Some(offset) => Moment::zoned(format!("{date}T{clock}{offset}")),
        None if zone.is_empty() => Moment::local(format!("{date}T{clock}")),
        None => Moment::local(format!("{date}T{clock}")).with_raw(format!("{day} {time} {zone}")),
    }))
}
