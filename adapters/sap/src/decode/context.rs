//! What a mapping gathers besides the document: faults and findings.
//!
//! A mapping goes through all segments whatever it finds, so that the sender learns of
//! everything at once.

use crossdock_sdk::idoc::Segment;
use crossdock_sdk::idoc::value::{self, NumberError};
use crossdock_sdk::{
    Decimal, Document, Extras, ItemId, ItemScheme, Lot, Moment, Money, Place, Problem, Quantity,
    host,
};

use super::{FINDINGS_MAX, Mapped};
use crate::settings::Reading;
use crate::wire;

/// The state of one mapping.
pub(crate) struct Context<'c> {
    pub(crate) config: &'c Reading<'c>,
    /// RFC 3339: when the message was received.
    pub(crate) received_at: &'c str,
    faults: Vec<Problem>,
    findings: Vec<Problem>,
}

// === impl Context ===

impl<'c> Context<'c> {
    pub(crate) fn new(config: &'c Reading<'c>, received_at: &'c str) -> Self {
        Self {
            config,
            received_at,
            faults: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Keeps a problem that forbids the document.
    pub(crate) fn fault(&mut self, problem: Problem) {
        if self.faults.len() < FINDINGS_MAX {
            self.faults.push(problem);
        }
    }

    /// Keeps something odd.
    pub(crate) fn note(&mut self, code: &str, text: String, segment: Segment<'_, '_>, field: &str) {
        if self.findings.len() < FINDINGS_MAX {
            let problem = Problem::partner_data(code, text).at(place(segment, field));
            self.findings.push(problem);
        }
    }

    /// The end of a mapping.
    pub(crate) fn finish(self, document: impl FnOnce() -> Document) -> Mapped {
        self.finish_all(|| vec![document()])
    }

    pub(crate) fn finish_all(self, documents: impl FnOnce() -> Vec<Document>) -> Mapped {
        if !self.faults.is_empty() {
            return self.refuse();
        }
        Mapped {
            documents: documents(),
            problems: self.findings,
        }
    }

    /// The end of a mapping that can't go on. What forbids the document first.
    pub(crate) fn refuse(self) -> Mapped {
        let mut problems = self.faults;
        problems.extend(self.findings);
        Mapped {
            documents: Vec::new(),
            problems,
        }
    }

    /// A segment that must be there.
    pub(crate) fn segment<'i, 'a>(
        &mut self,
        parent: Segment<'i, 'a>,
        name: &str,
        what: &str,
    ) -> Option<Segment<'i, 'a>> {
        let segment = parent.child(name);
        if segment.is_none() {
            let text = format!("there is no segment {name}: {what}");
            self.fault(
                Problem::partner_data("segment-missing", text)
                    .at(place(parent, name))
                    .with_remedy("ask the sender for the whole IDoc"),
            );
        }
        segment
    }

    /// A field that must say something.
    pub(crate) fn required<'i>(
        &mut self,
        segment: Segment<'i, '_>,
        field: &str,
        what: &str,
    ) -> &'i str {
        segment.get(field).unwrap_or_else(|| {
            self.missing(segment, field, what);
            ""
        })
    }

    pub(crate) fn missing(&mut self, segment: Segment<'_, '_>, field: &str, what: &str) {
        let text = format!("{}-{field} is empty; expected {what}", segment.name());
        self.fault(
            Problem::partner_data("field-missing", text)
                .at(place(segment, field))
                .with_remedy(format!("have the sender fill {}-{field}", segment.name())),
        );
    }

    // === values ===

    /// A number that must be one where it is there.
    pub(crate) fn number(&mut self, segment: Segment<'_, '_>, field: &str) -> Option<Decimal> {
        let text = segment.get(field)?;
        match value::number(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(bad_number(segment, field, text, error));
                None
            }
        }
    }

    /// A number that the document can do without: kept among the extras where it is none.
    pub(crate) fn lenient_number(
        &mut self,
        segment: Segment<'_, '_>,
        field: &str,
        extras: &mut Extras,
    ) -> Option<Decimal> {
        let text = segment.get(field)?;
        match value::number(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let text = format!(
                    "{}-{field} is {error}; kept among the extras",
                    segment.name()
                );
                self.note("number-invalid", text, segment, field);
                wire::keep_field(extras, segment, field);
                None
            }
        }
    }

    /// A quantity with its unit, which must be known.
    pub(crate) fn quantity(
        &mut self,
        segment: Segment<'_, '_>,
        field: &str,
        unit: &str,
    ) -> Option<Quantity> {
        let value = self.number(segment, field)?;
        Some(Quantity::new(value, self.unit(segment, unit)))
    }

    /// A canonical unit; empty, and a fault of our settings, where it is not known.
    pub(crate) fn unit(&mut self, segment: Segment<'_, '_>, field: &str) -> String {
        let Some(code) = segment.get(field) else {
            if let Some(unit) = self.config.default_unit {
                return unit.to_owned();
            }
            let text = format!(
                "{}-{field} is empty: a quantity without a unit",
                segment.name()
            );
            self.fault(
                Problem::partner_data("unit-missing", text)
                    .at(place(segment, field))
                    .with_remedy("have the sender fill it, or set `default-unit` for the partner"),
            );
            return String::new();
        };
        self.config.unit(code).unwrap_or_else(|| {
            let text = format!("no canonical unit is known for SAP's unit {code}");
            self.fault(
                Problem::settings("unit-unmapped", text)
                    .at(place(segment, field))
                    .with_value(code)
                    .with_remedy(format!(
                        "set `unit.{code}` for the partner, or {}",
                        host::add_a_row("unit")
                    )),
            );
            String::new()
        })
    }

    /// A weight, or another measure that the document can do without. Nought is what
    /// SAP writes where there is none.
    pub(crate) fn measure(
        &mut self,
        segment: Segment<'_, '_>,
        [field, unit]: [&str; 2],
        extras: &mut Extras,
    ) -> Option<Quantity> {
        let value = self.lenient_number(segment, field, extras)?;
        if value.is_zero() {
            return None;
        }
        let known = segment.get(unit).and_then(|code| self.config.unit(code));
        match known {
            Some(unit) => Some(Quantity::new(value, unit)),
            None => {
                let text = format!(
                    "{}-{field} has no unit that is known; kept among the extras",
                    segment.name()
                );
                self.note("unit-unknown", text, segment, unit);
                wire::keep_field(extras, segment, field);
                wire::keep_field(extras, segment, unit);
                None
            }
        }
    }

    /// An amount in the currency of the field, of the document or of the settings.
    pub(crate) fn money(
        &mut self,
        segment: Segment<'_, '_>,
        field: &str,
        currency: &str,
    ) -> Option<Money> {
        let amount = self.number(segment, field)?;
        Some(Money::new(amount, currency))
    }

    /// The currency of a document.
    pub(crate) fn currency(&mut self, segment: Segment<'_, '_>) -> String {
        let known = segment.get("CURCY").or(self.config.default_currency);
        known.map(str::to_owned).unwrap_or_else(|| {
            let text = format!(
                "{}-CURCY is empty: amounts without a currency",
                segment.name()
            );
            self.fault(
                Problem::partner_data("currency-missing", text)
                    .at(place(segment, "CURCY"))
                    .with_remedy("have the sender fill it, or set `default-currency`"),
            );
            String::new()
        })
    }

    /// A day that the document can do without: kept among the extras where it is none.
    pub(crate) fn day(
        &mut self,
        segment: Segment<'_, '_>,
        field: &str,
        extras: &mut Extras,
    ) -> Option<String> {
        let text = segment.get(field)?;
        value::date(text).unwrap_or_else(|_| {
            self.bad_date(segment, field, extras);
            None
        })
    }

    /// A moment that the document can do without, of the fields day, time and zone.
    pub(crate) fn moment(
        &mut self,
        segment: Segment<'_, '_>,
        [day, time, zone]: [&str; 3],
        extras: &mut Extras,
    ) -> Option<Moment> {
        let text = |field| segment.get(field).unwrap_or_default();
        if let Ok(moment) = wire::moment(text(day), text(time), text(zone)) {
            return moment;
        }
        // The day may be sound and the time not.
        if let Ok(Some(date)) = value::date(text(day)) {
            self.bad_date(segment, time, extras);
            return Some(Moment::local(date));
        }
        self.bad_date(segment, day, extras);
        None
    }

    fn bad_date(&mut self, segment: Segment<'_, '_>, field: &str, extras: &mut Extras) {
        let text = format!(
            "{}-{field} is no date or time of SAP's; kept among the extras",
            segment.name()
        );
        self.note("date-invalid", text, segment, field);
        wire::keep_field(extras, segment, field);
    }

    /// Adds an item's number, without the noughts that pad it.
    pub(crate) fn item(&self, items: &mut Vec<ItemId>, scheme: ItemScheme, number: &str) {
        let padded = matches!(
            scheme,
            ItemScheme::Sku | ItemScheme::Vendor | ItemScheme::Buyer | ItemScheme::Other(_)
        );
        let number = if padded {
            self.config.number(number)
        } else {
            number
        };
        let item = ItemId::new(scheme, number);
        if !number.is_empty() && !items.contains(&item) {
            items.push(item);
        }
    }

    /// The batch of an item, with the day it keeps to.
    pub(crate) fn lot(&mut self, segment: Segment<'_, '_>, extras: &mut Extras) -> Option<Lot> {
        let number = segment.get("CHARG")?;
        let expiry = self.day(segment, "VFDAT", extras);
        Some(Lot {
            expiry,
            ..Lot::new(number)
        })
    }
}

/// A field as a place.
pub(crate) fn place(segment: Segment<'_, '_>, field: &str) -> Place {
    Place::Xpath(segment.path_of(field))
}

fn bad_number(segment: Segment<'_, '_>, field: &str, text: &str, error: NumberError) -> Problem {
    let remedy = match error {
        NumberError::Ambiguous => "have the sender write a point, as SAP does",
        _ => "expected digits with a point, and a minus behind where it is negative",
    };
    let what = format!("{}-{field} is {error}", segment.name());
    Problem::partner_data("number-invalid", what)
        .at(place(segment, field))
        .with_value(text)
        .with_remedy(remedy)
}
