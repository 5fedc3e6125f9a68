//! Values checked before they are written: what an IDoc can't say is refused with its
//! place in the document and what would help, never cut.

use std::fmt;

use crossdock_sdk::idoc::{WriteError, Writer, value};
use crossdock_sdk::{Blame, Decimal, Moment, Problem};

use crossdock_sdk::Refusal;

/// Where a value stands in the document, an RFC 6901 pointer.
pub(super) type Pointer<'p> = fmt::Arguments<'p>;

/// An IDoc being written.
pub(super) struct Script {
    writer: Writer,
}

/// The document says something that an IDoc can't.
pub(super) fn unsayable(code: &str, at: Pointer<'_>, text: impl Into<String>) -> Refusal {
    Problem::new(Blame::Other("document".to_owned()), code, text)
        .at_pointer(at.to_string())
        .into()
}

/// A text of at most so many characters.
///
/// # Errors
/// `value-too-long`, `value-forbidden`.
pub(super) fn checked<'v>(value: &'v str, max: usize, at: Pointer<'_>) -> Result<&'v str, Refusal> {
    let value = value.trim();
    let length = value.chars().count();
    if length > max {
        let text = format!("{length} characters, SAP takes at most {max} here");
        return Err(unsayable("value-too-long", at, text)
            .with_value(value)
            .with_remedy("shorten it in the system that the document came from"));
    }
    if let Some(bad) = value.chars().find(|character| character.is_control()) {
        let text = format!("it holds {bad:?}, a control character");
        return Err(unsayable("value-forbidden", at, text)
            .with_value(value)
            .with_remedy("remove it in the system that the document came from"));
    }
    Ok(value)
}

/// A text that must be there.
///
/// # Errors
/// `value-missing` and those of [`checked`].
pub(super) fn required<'v>(
    value: &'v str,
    max: usize,
    at: Pointer<'_>,
) -> Result<&'v str, Refusal> {
    if value.trim().is_empty() {
        return Err(unsayable(
            "value-missing",
            at,
            "it is empty, and SAP demands it",
        ));
    }
    checked(value, max, at)
}

/// A quantity as SAP has it: at most three decimals, fifteen characters, the minus
/// behind.
///
/// # Errors
/// `quantity-too-fine`, `value-too-long`.
pub(super) fn quantity(value: Decimal, at: Pointer<'_>) -> Result<String, Refusal> {
    const DECIMALS: u8 = 3;
    let value = if value.scale > DECIMALS {
        value.with_scale(DECIMALS).map_err(|_| {
            let text = format!("{value} has more than {DECIMALS} decimals, which is all SAP keeps");
            unsayable("quantity-too-fine", at, text).with_remedy("send it in a smaller unit")
        })?
    } else {
        value
    };
    let magnitude = value.to_string();
    let text = match magnitude.strip_prefix('-') {
        Some(digits) => format!("{digits}-"),
        None => magnitude,
    };
    if text.len() > 15 {
        return Err(unsayable(
            "value-too-long",
            at,
            "more digits than SAP has for a quantity",
        ));
    }
    Ok(text)
}

// === impl Script ===

impl Script {
    pub(super) fn new(idoc_type: &str) -> Result<Self, Refusal> {
        let writer = Writer::new(idoc_type).map_err(broken)?;
        Ok(Self { writer })
    }

    /// Writes a segment with what `write` puts into it.
    pub(super) fn segment(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut Self) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        self.writer.begin(name).map_err(broken)?;
        write(self)?;
        self.writer.end().map_err(broken)
    }

    /// Writes a field whose value was checked.
    pub(super) fn plain(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        self.writer.field(name, value).map_err(broken)
    }

    /// Writes a field of at most so many characters.
    pub(super) fn field(
        &mut self,
        name: &str,
        value: &str,
        max: usize,
        at: Pointer<'_>,
    ) -> Result<(), Refusal> {
        let value = checked(value, max, at)?;
        self.plain(name, value)
    }

    /// Writes a field that may be absent.
    pub(super) fn optional(
        &mut self,
        name: &str,
        value: Option<&str>,
        max: usize,
        at: Pointer<'_>,
    ) -> Result<(), Refusal> {
        self.field(name, value.unwrap_or_default(), max, at)
    }

    /// Writes a deadline (E1EDT13): day, time and zone into fields of those names. An
    /// offset of whole hours is SAP's zone `UTC+n`.
    pub(super) fn deadline(
        &mut self,
        qualifier: &str,
        moment: &Moment,
        [day_field, time_field]: [&str; 2],
        at: Pointer<'_>,
    ) -> Result<(), Refusal> {
        let (day, time, zone) = sap_moment(moment, at)?;
        self.segment("E1EDT13", |script| {
            script.plain("QUALF", qualifier)?;
            if day_field == "NTANF" {
                script.plain(day_field, &day)?;
                script.plain(time_field, &time)?;
                return script.plain("TZONE_BEG", &zone);
            }
            script.plain("TZONE_BEG", &zone)?;
            script.plain(day_field, &day)?;
            script.plain(time_field, &time)
        })
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, Refusal> {
        self.writer.finish().map_err(broken)
    }
}

/// Day, time of day and zone of a moment.
fn sap_moment(moment: &Moment, at: Pointer<'_>) -> Result<(String, String, String), Refusal> {
    let refused = || {
        let text = "expected an ISO 8601 day, with a time of whole seconds and an offset of whole hours or without";
        unsayable("moment-unsayable", at, text).with_value(&moment.text)
    };
    let (day, rest) = moment.text.split_once('T').unwrap_or((&moment.text, ""));
    let day = value::from_iso_date(day).ok_or_else(refused)?;
    if rest.is_empty() {
        return Ok((day, String::new(), String::new()));
    }
    let (clock, zone) = if moment.zoned {
        let begin = rest.rfind(['+', '-', 'Z']).ok_or_else(refused)?;
        let zone = match &rest[begin..] {
            "Z" | "+00:00" | "-00:00" => "UTC".to_owned(),
            offset => whole_hours(offset).ok_or_else(refused)?,
        };
        (&rest[..begin], zone)
    } else {
        (rest, String::new())
    };
    let time = value::from_iso_time(clock).ok_or_else(refused)?;
    // Midnight and no time are written alike; SAP's midnight is the day alone.
    Ok((day, time, zone))
}

/// `+08:00` as `UTC+8`.
fn whole_hours(offset: &str) -> Option<String> {
    let (sign, rest) = offset.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let hours: u8 = hours.parse().ok().filter(|hours| *hours <= 14)?;
    (minutes == "00").then(|| format!("UTC{sign}{hours}"))
}

/// Values are checked before they are written; what fails here was not foreseen.
fn broken(error: WriteError) -> Refusal {
    Problem::adapter(
        "write-failed",
        format!("the IDoc can't be written: {error}"),
    )
    .into()
}
