//! What a mapping gathers besides the document: notes, faults and remarks.
//!
//! A mapping goes through all segments of a set whatever it finds, so that the
//! sender learns of everything at once. Each segment is read by a function that stops
//! at its first fault; the context keeps the fault and the mapping goes on.

use crossdock_sdk::x12::code::{ElementError, SegmentError};
use crossdock_sdk::x12::{Date, Elements, Finding, Place, Segment, SegmentId, Severity, Spec};
use crossdock_sdk::{Document, Moment, Problem};

use super::{FINDINGS_MAX, Mapped, NOTES_MAX};
use crate::settings::Reading;
use crate::wire;

mod segments;
mod values;

pub(crate) use values::Pairs;

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

    /// Notes a segment that the standard demands and that the document does without;
    /// it should stand behind `place`.
    pub(crate) fn absent(&mut self, id: &'static str, place: Place) {
        if self.notes.len() < NOTES_MAX {
            let place = Place::segment(SegmentId::from(id), place.ordinal + 1, place.offset);
            let text = format!("no {id} in the transaction set; read all the same");
            let error = SegmentError::MandatoryMissing;
            self.notes
                .push(Finding::new(Severity::Note, error, place, text));
        }
    }

    /// Notes something about a whole segment that was kept.
    pub(crate) fn note(&mut self, segment: &Segment<'_>, error: SegmentError, text: &str) {
        if self.notes.len() < NOTES_MAX {
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
        if self.notes.len() < NOTES_MAX {
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

    /// Refuses the document to the charge of the settings; the sender's file is in
    /// order, and its acknowledgement says so.
    pub(crate) fn refuse(&mut self, problem: Problem) {
        if self.refusals.len() < FINDINGS_MAX {
            self.refusals.push(problem);
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
}
