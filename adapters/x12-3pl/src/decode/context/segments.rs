//! Segments that several transaction sets share: N9 and REF, G62 and DTM, NTE; and those
//! that a set does not have, or not twice.

use crossdock_sdk::x12::code::{ElementError, SegmentError};
use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{Fault, Segment, Spec};
use crossdock_sdk::{Extras, Moment, Reference};

use super::Context;
use crate::wire;

/// N9-01, REF-01.
const QUALIFIER: Spec = Spec::at(1).reference(128).length(2, 3);

impl Context<'_> {
    /// A reference (N9 or REF); what stands behind its description goes to the extras,
    /// and all of one without a qualifier. Absent when it says nothing.
    ///
    /// # Errors
    /// None.
    pub(crate) fn reference(
        &mut self,
        segment: &Segment<'_>,
        extras: &mut Extras,
    ) -> Result<Option<Reference>, Fault> {
        let mut elements = self.elements(segment);
        let Some(qualifier) = elements.expected(QUALIFIER)? else {
            // Nobody can say what it refers to.
            wire::keep_from(extras, segment, 2);
            return Ok(None);
        };
        let qualifier = qualifier.into_owned();
        let value = elements.optional(Spec::at(2).reference(127).length(1, 50))?;
        let description = elements.optional(Spec::at(3).reference(369).length(1, 80))?;
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
                let more = segment.trimmed(element);
                if !more.is_empty() {
                    let name = wire::qualified_name(segment, &reference.qualifier, element);
                    extras.push((name, text(more).into_owned()));
                }
            }
        }
        Ok(Some(reference))
    }

    /// Takes the number of a return out of the references, if this is it and none was
    /// read before.
    pub(crate) fn rma(
        &self,
        reference: Reference,
        rma_no: &mut Option<String>,
    ) -> Option<Reference> {
        let plain = reference.description.is_none() && !reference.value.is_empty();
        if !plain || rma_no.is_some() || !self.config.is_rma(&reference.qualifier) {
            return Some(reference);
        }
        *rma_no = Some(reference.value);
        None
    }

    /// A segment that may stand once, again: its elements go to the extras.
    pub(crate) fn repeated(&mut self, segment: &Segment<'_>, extras: &mut Extras) {
        let name = text(segment.id());
        let text = format!("a second {name}; its elements are kept among the extras");
        self.note(segment, SegmentError::OverMaximumUse, &text);
        wire::keep_from(extras, segment, 1);
    }

    /// Remarks a segment that the set does not have.
    pub(crate) fn foreign(&mut self, segment: &Segment<'_>, set: &str) {
        let article = if set.starts_with('8') { "an" } else { "a" };
        let text = format!("no segment of {article} {set}; kept among the extras");
        self.note(segment, SegmentError::NotInSet, &text);
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
        Ok((segment.trimmed(1), moment))
    }

    /// A date and time (DTM) with its qualifier.
    ///
    /// # Errors
    /// When date or time is none.
    pub(crate) fn long_date<'a>(
        &mut self,
        segment: &Segment<'a>,
    ) -> Result<(&'a [u8], Option<Moment>), Fault> {
        let mut elements = self.elements(segment);
        let mut date = elements.date(Spec::at(2).reference(373))?;
        let time = elements.time(Spec::at(3).reference(337))?;
        // A day can also be told as a period of the format `D8`.
        if date.is_none() && segment.trimmed(5) == b"D8" {
            date = elements.date(Spec::at(6).reference(1251))?;
        }
        let moment = date.map(|date| wire::moment(date, time, segment.element(4)));
        Ok((segment.trimmed(1), moment))
    }

    /// A note (NTE): its text, and its code among the extras where writing would not
    /// give it again.
    ///
    /// # Errors
    /// None.
    pub(crate) fn remark_text(
        &mut self,
        segment: &Segment<'_>,
        notes: &mut Vec<String>,
        extras: &mut Extras,
    ) -> Result<(), Fault> {
        let config = self.config;
        let mut elements = self.elements(segment);
        let code = elements.optional(Spec::at(1).reference(363).length(3, 3))?;
        let Some(note) = elements.expected(Spec::at(2).reference(352).length(1, 80))? else {
            return Ok(());
        };
        let note = note.into_owned();
        if let Some(code) = code.filter(|code| *code != config.note_code) {
            extras.push((format!("NTE*{code}"), note.clone()));
        }
        notes.push(note);
        Ok(())
    }
}
