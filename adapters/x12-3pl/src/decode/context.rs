//! What a mapping gathers besides the document: notes, faults and remarks.
//!
//! A mapping goes through all segments of a set whatever it finds, so that the
//! sender learns of everything at once. Each segment is read by a function that stops
//! at its first fault; the context keeps the fault and the mapping goes on.

use crossdock_sdk::x12::code::{ElementError, SegmentError};
use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{
    Date, Elements, Fault, Finding, Place, Segment, SegmentId, Severity, Spec,
};
use crossdock_sdk::{
    Decimal, Document, Extras, ItemId, ItemScheme, Moment, Problem, Quantity, Reference,
};

use super::{FINDINGS_MAX, Mapped};
use crate::codes;
use crate::settings::Reading;
use crate::wire;

/// N9-01, -02 and -03.
const QUALIFIER: Spec = Spec::at(1).reference(128).length(2, 3);

/// The state of one mapping.
pub(crate) struct Context<'c> {
    pub(crate) config: &'c Reading<'c>,
    /// GS04; empty outside a group.
    pub(crate) group_date: &'c [u8],
    /// RFC 3339: when the message was received.
    pub(crate) received_at: &'c str,
    pub(crate) notes: Vec<Finding>,
    faults: Vec<Finding>,
    /// Problems of our settings; the document is refused, the sender not to blame.
    refusals: Vec<Problem>,
    remarks: Vec<Problem>,
    /// The unit looked up last, by its code: most lines of a file share one.
    unit: Option<(String, String)>,
}

// === impl Context ===

impl<'c> Context<'c> {
    pub(crate) fn new(config: &'c Reading<'c>, group_date: &'c [u8], received_at: &'c str) -> Self {
        Self {
            config,
            group_date,
            received_at,
            notes: Vec::new(),
            faults: Vec::new(),
            refusals: Vec::new(),
            remarks: Vec::new(),
            unit: None,
        }
    }

    /// Reads the elements of a segment; notes come here.
    pub(crate) fn elements<'a, 'n>(&'n mut self, segment: &'n Segment<'a>) -> Elements<'a, 'n> {
        Elements::new(segment, &mut self.notes)
    }

    /// Keeps a fault and goes on.
    pub(crate) fn fault(&mut self, fault: Finding) {
        if self.faults.len() < FINDINGS_MAX {
            self.faults.push(fault);
        }
    }

    /// A segment that must be there and is not; `ordinal` is where it should stand.
    pub(crate) fn missing(&mut self, id: &'static str, ordinal: u32, offset: usize) {
        let place = Place::segment(SegmentId::from(id), ordinal, offset);
        let text = format!("no {id} in the transaction set");
        self.fault(Finding::new(
            Severity::Reject,
            SegmentError::MandatoryMissing,
            place,
            text,
        ));
    }

    /// Notes something about a whole segment that was kept.
    pub(crate) fn note(&mut self, segment: &Segment<'_>, error: SegmentError, text: &str) {
        if self.notes.len() < FINDINGS_MAX {
            self.notes
                .push(Finding::new(Severity::Note, error, segment.place(), text));
        }
    }

    /// Notes something about an element that was kept.
    pub(crate) fn note_element(
        &mut self,
        segment: &Segment<'_>,
        spec: Spec,
        error: ElementError,
        text: &str,
    ) {
        if self.notes.len() < FINDINGS_MAX {
            Elements::new(segment, &mut self.notes).remark(spec, error, text);
        }
    }

    /// Remarks on the meaning of something; the acknowledgement does not repeat it.
    pub(crate) fn remark(&mut self, code: &str, text: String, place: Place) {
        if self.remarks.len() < FINDINGS_MAX {
            self.remarks
                .push(Problem::partner_data(code, text).at(wire::place(&place)));
        }
    }

    /// Whether nothing forbids the document so far.
    pub(crate) fn is_sound(&self) -> bool {
        self.faults.is_empty() && self.refusals.is_empty()
    }

    /// The end of a mapping.
    pub(crate) fn finish(self, document: impl FnOnce() -> Document) -> Mapped {
        let sound = self.is_sound();
        let mut findings = self.faults;
        findings.extend(self.notes);
        let mut remarks = self.refusals;
        remarks.extend(self.remarks);
        Mapped {
            document: sound.then(document),
            findings,
            remarks,
        }
    }

    /// The ship date of a 945 that states none: the day its group was made, or the
    /// day it was received. A fault where the settings forbid to assume it.
    pub(crate) fn assume_ship_date(&mut self, header: Place) -> Moment {
        let place = header.element(3);
        if !self.config.assume_ship_date {
            let text = "neither W06-03 nor G62*11 says when it left";
            let fault = Finding::new(
                Severity::Reject,
                ElementError::ConditionalMissing,
                place,
                text,
            );
            self.fault(fault.with_reference(373));
            return Moment::local("");
        }
        let (date, from) = match Date::parse(self.group_date) {
            Ok(date) => (date.to_string(), "the date of the group"),
            Err(_) => (
                self.received_at.get(..10).unwrap_or_default().to_owned(),
                "the date of receipt",
            ),
        };
        let text =
            format!("neither W06-03 nor G62*11 says when it left; {from}, {date}, was taken");
        self.remark("ship-date-assumed", text, place);
        Moment::local(date)
    }

    // === what several segments hold ===

    /// A quantity whose unit is element `unit` of the segment.
    ///
    /// # Errors
    /// [`ElementError::ConditionalMissing`] when there is no unit and none to assume.
    pub(crate) fn quantity(
        &mut self,
        segment: &Segment<'_>,
        value: Decimal,
        unit: Spec,
        element: usize,
    ) -> Result<Quantity, Fault> {
        let raw = segment.element(element).trim_ascii();
        if raw.is_empty() {
            let Some(unit) = self.config.default_unit else {
                let elements = Elements::new(segment, &mut self.notes);
                let text = "a quantity without a unit means nothing; `default-unit` can be set for the partner";
                return Err(elements.fault(unit, ElementError::ConditionalMissing, text));
            };
            return Ok(Quantity::new(value, unit));
        }
        let code = text(raw);
        if let Some((known, unit)) = &self.unit
            && *known == *code
        {
            return Ok(Quantity::new(value, unit.as_str()));
        }
        match self.config.unit(&code) {
            Some(unit) => {
                self.unit = Some((code.into_owned(), unit.clone()));
                Ok(Quantity::new(value, unit))
            }
            None => {
                self.refuse_unit(segment, &code, element);
                Ok(Quantity::new(value, ""))
            }
        }
    }

    fn refuse_unit(&mut self, segment: &Segment<'_>, code: &str, element: usize) {
        if self.refusals.len() >= FINDINGS_MAX {
            return;
        }
        let text = format!("no canonical unit is known for the partner's unit {code}");
        let problem = Problem::settings("unit-unmapped", text)
            .at(wire::place(&segment.place_of(element)))
            .with_value(code)
            .with_remedy(format!(
                "set `unit.{code}` for the partner, or a row of its lookup table `unit`"
            ));
        self.refusals.push(problem);
    }

    /// A weight in the one-letter units of element 188. Absent, and among the extras,
    /// when the unit is none that is known.
    pub(crate) fn weight(
        &mut self,
        segment: &Segment<'_>,
        extras: &mut Extras,
        weight: Spec,
        at: usize,
    ) -> Result<Option<Quantity>, Fault> {
        if !segment.has(at) {
            return Ok(None);
        }
        let Some(value) = self.elements(segment).decimal(weight)? else {
            return Ok(None);
        };
        // The qualifier, gross where it says nothing else.
        if segment.element(at + 1).trim_ascii() != b"G" {
            wire::keep(extras, segment, at + 1);
        }
        let unit = text(segment.element(at + 2).trim_ascii());
        if let Some(unit) = codes::weight_unit(&unit) {
            return Ok(Some(Quantity::new(wire::exact(value), unit)));
        }
        let spec = Spec::at((at + 2) as u16).reference(188);
        let (error, text) = if unit.is_empty() {
            (
                ElementError::ConditionalMissing,
                "a weight without a unit; kept among the extras",
            )
        } else {
            (
                ElementError::InvalidCode,
                "unknown weight unit; kept among the extras",
            )
        };
        self.note_element(segment, spec, error, text);
        wire::keep(extras, segment, at);
        wire::keep(extras, segment, at + 2);
        Ok(None)
    }

    /// A product number from a pair of qualifier (235) and number (234).
    ///
    /// # Errors
    /// When the qualifier is too long to be one: then the elements are shifted, and
    /// nobody can say which is which.
    pub(crate) fn item(
        &mut self,
        segment: &Segment<'_>,
        items: &mut Vec<ItemId>,
        extras: &mut Extras,
        qualifier: usize,
    ) -> Result<(), Fault> {
        if !segment.has(qualifier) && !segment.has(qualifier + 1) {
            return Ok(());
        }
        let spec = Spec::at(qualifier as u16).reference(235);
        let number = Spec::at(qualifier as u16 + 1).reference(234);
        let (mut elements, config) = (Elements::new(segment, &mut self.notes), self.config);
        let value = elements.optional(number)?;
        let Some(code) = elements.optional(spec)? else {
            if let Some(value) = value {
                let text = "a product number without its qualifier; kept";
                elements.remark(spec, ElementError::ConditionalMissing, text);
                items.push(ItemId::new(ItemScheme::Other(String::new()), value));
            }
            return Ok(());
        };
        if code.chars().count() != 2 {
            let text = "a qualifier has two characters; the elements seem to be shifted";
            return Err(elements.fault(spec, ElementError::TooLong, text));
        }
        let Some(value) = value else {
            let text = "a qualifier without its product number; kept among the extras";
            elements.remark(number, ElementError::ConditionalMissing, text);
            wire::keep(extras, segment, qualifier);
            return Ok(());
        };
        let (scheme, is_first) = config.item_scheme(&code);
        if !is_first {
            wire::keep(extras, segment, qualifier);
        }
        items.push(ItemId::new(scheme, value));
        Ok(())
    }

    /// A UPC case code (438), which has no qualifier.
    pub(crate) fn case_code(
        &mut self,
        segment: &Segment<'_>,
        items: &mut Vec<ItemId>,
        element: u16,
    ) -> Result<(), Fault> {
        if !segment.has(usize::from(element)) {
            return Ok(());
        }
        let spec = Spec::at(element).reference(438).length(12, 12);
        if let Some(code) = self.elements(segment).optional(spec)? {
            items.push(ItemId::new(ItemScheme::UpcCase, code));
        }
        Ok(())
    }

    /// A reference (N9); its date, time and further numbers go to the extras. Absent
    /// when it says nothing.
    ///
    /// # Errors
    /// [`ElementError::MandatoryMissing`] without a qualifier.
    pub(crate) fn reference(
        &mut self,
        segment: &Segment<'_>,
        extras: &mut Extras,
    ) -> Result<Option<Reference>, Fault> {
        let mut elements = self.elements(segment);
        let qualifier = elements.required(QUALIFIER)?.into_owned();
        let value = elements.optional(Spec::at(2).reference(127).length(1, 50))?;
        let description = elements.optional(Spec::at(3).reference(369).length(1, 45))?;
        if value.is_none() && description.is_none() {
            let text = "a reference with neither a number nor a description";
            elements.remark(
                Spec::at(2).reference(127),
                ElementError::ConditionalMissing,
                text,
            );
            return Ok(None);
        }
        let reference = Reference {
            qualifier,
            value: value.map_or_else(String::new, |value| value.into_owned()),
            description: description.map(|description| description.into_owned()),
        };
        if segment.element_count() > 3 {
            for element in 4..=segment.element_count() {
                let more = segment.element(element).trim_ascii();
                if !more.is_empty() {
                    let name = wire::element_name(&format!("N9*{}", reference.qualifier), element);
                    extras.push((name, text(more).into_owned()));
                }
            }
        }
        Ok(Some(reference))
    }

    /// A date and time (G62) with its qualifier.
    ///
    /// # Errors
    /// When date or time is none.
    pub(crate) fn date<'a>(
        &mut self,
        segment: &Segment<'a>,
    ) -> Result<(&'a [u8], Option<Moment>), Fault> {
        let mut elements = self.elements(segment);
        let date = elements.date(Spec::at(2).reference(373))?;
        let time = elements.time(Spec::at(4).reference(337))?;
        let moment = date.map(|date| wire::moment(date, time, segment.element(5)));
        Ok((segment.element(1).trim_ascii(), moment))
    }

    /// A note (NTE): its text, and its code among the extras where writing would not
    /// give it again.
    ///
    /// # Errors
    /// [`ElementError::MandatoryMissing`] without a text.
    pub(crate) fn remark_text(
        &mut self,
        segment: &Segment<'_>,
        notes: &mut Vec<String>,
        extras: &mut Extras,
    ) -> Result<(), Fault> {
        let config = self.config;
        let mut elements = self.elements(segment);
        let code = elements.optional(Spec::at(1).reference(363).length(3, 3))?;
        let note = elements
            .required(Spec::at(2).reference(352).length(1, 80))?
            .into_owned();
        if let Some(code) = code.filter(|code| *code != config.note_code) {
            extras.push((format!("NTE*{code}"), note.clone()));
        }
        notes.push(note);
        Ok(())
    }
}
