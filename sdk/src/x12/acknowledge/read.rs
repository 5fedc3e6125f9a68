//! A 997 or 999 into its structure.
//!
//! Reading is as tolerant as the senders are careless: codes that no list has, a
//! missing AK5, a segment out of place are noted and what can be understood is kept.
//! Only an answer that does not say to what is an error.

use super::{Acknowledgement, ElementNote, NOTES_MAX, SegmentNote, SetAcknowledgement};
use crate::x12::code::{
    ElementError, GroupError, GroupStatus, OtherCode, SegmentError, SetError, SetStatus,
};
use crate::x12::envelope::TransactionSet;
use crate::x12::place::{Finding, Place, SegmentId, Severity};
use crate::x12::segment::{Segment, text};
use crate::x12::validate::Fault;

impl Acknowledgement {
    /// Reads a 997 or 999, and what is odd about it.
    ///
    /// # Errors
    /// A finding with code 720-3 when it has no AK1 or no AK9: then nobody can say
    /// what was acknowledged, or how.
    pub fn read(set: &TransactionSet<'_>) -> Result<(Self, Vec<Finding>), Fault> {
        let mut reading = Reading::default();
        for segment in set.segments() {
            reading.take(&segment);
        }
        reading.finish(set)
    }
}

/// An answer as far as it was read.
#[derive(Default)]
struct Reading {
    group: Option<(String, String, Option<String>)>,
    sets: Vec<SetAcknowledgement>,
    totals: Option<Totals>,
    findings: Vec<Finding>,
}

struct Totals {
    status: GroupStatus,
    included: u32,
    received: u32,
    accepted: u32,
    errors: Vec<GroupError>,
}

// === impl Reading ===

impl Reading {
    fn take(&mut self, segment: &Segment<'_>) {
        match segment.id() {
            b"ST" | b"SE" => {}
            b"AK1" if self.group.is_none() => {
                let version = owned(segment, 3);
                let version = Some(version).filter(|version| !version.is_empty());
                self.group = Some((owned(segment, 1), owned(segment, 2), version));
            }
            b"AK2" => self.sets.push(SetAcknowledgement {
                id: owned(segment, 1),
                control_number: owned(segment, 2),
                convention: Some(owned(segment, 3)).filter(|convention| !convention.is_empty()),
                segments: Vec::new(),
                status: SetStatus::Other(OtherCode::new("")),
                errors: Vec::new(),
            }),
            b"AK3" | b"IK3" => self.segment_note(segment),
            b"AK4" | b"IK4" => self.element_note(segment),
            b"CTX" => self.context(segment),
            b"AK5" | b"IK5" => self.set_status(segment),
            b"AK9" if self.totals.is_none() => {
                let errors = codes(segment, 5, GroupError::from_code);
                self.totals = Some(Totals {
                    status: GroupStatus::from_code(&owned(segment, 1)),
                    included: self.count(segment, 2),
                    received: self.count(segment, 3),
                    accepted: self.count(segment, 4),
                    errors,
                });
            }
            _ => self.note(
                segment,
                SegmentError::Unexpected,
                "not expected here; skipped",
            ),
        }
    }

    fn segment_note(&mut self, segment: &Segment<'_>) {
        let note = SegmentNote {
            id: owned(segment, 1),
            ordinal: number(segment.element(2)).unwrap_or(0),
            loop_id: Some(owned(segment, 3)).filter(|loop_id| !loop_id.is_empty()),
            errors: codes(segment, 4, SegmentError::from_code),
            ..SegmentNote::default()
        };
        match self.sets.last_mut() {
            Some(set) if set.segments.len() < NOTES_MAX => set.segments.push(note),
            Some(_) => {}
            None => self.note(
                segment,
                SegmentError::OutOfSequence,
                "before any AK2; skipped",
            ),
        }
    }

    fn element_note(&mut self, segment: &Segment<'_>) {
        let position = |component: usize| {
            number(segment.component(1, component)).and_then(|n| u16::try_from(n).ok())
        };
        let note = ElementNote {
            element: position(1).unwrap_or(0),
            component: position(2),
            repetition: position(3),
            reference: number(segment.element(2)).and_then(|n| u16::try_from(n).ok()),
            error: ElementError::from_code(&owned(segment, 3)),
            copy: owned(segment, 4),
            context: Vec::new(),
        };
        let last = self.sets.last_mut().and_then(|set| set.segments.last_mut());
        match last {
            Some(last) if last.elements.len() < NOTES_MAX => last.elements.push(note),
            Some(_) => {}
            None => self.note(
                segment,
                SegmentError::OutOfSequence,
                "before any AK3 or IK3; skipped",
            ),
        }
    }

    fn context(&mut self, segment: &Segment<'_>) {
        let context = text(segment.raw()).into_owned();
        let note = self.sets.last_mut().and_then(|set| set.segments.last_mut());
        match note {
            Some(SegmentNote {
                elements,
                context: own,
                ..
            }) => {
                let list = elements
                    .last_mut()
                    .map_or(own, |element| &mut element.context);
                if list.len() < NOTES_MAX {
                    list.push(context);
                }
            }
            None => self.note(
                segment,
                SegmentError::OutOfSequence,
                "before any IK3; skipped",
            ),
        }
    }

    fn set_status(&mut self, segment: &Segment<'_>) {
        let none = SetStatus::Other(OtherCode::new(""));
        match self.sets.last_mut() {
            Some(set) if set.status == none => {
                set.status = SetStatus::from_code(&owned(segment, 1));
                set.errors = codes(segment, 2, SetError::from_code);
                if matches!(set.status, SetStatus::Other(_)) {
                    let note = "unknown status; the set counts as not accepted";
                    self.element(segment, 1, ElementError::InvalidCode, note);
                }
            }
            Some(_) => {
                let note = "a second status for the set; the first was kept";
                self.note(segment, SegmentError::OverMaximumUse, note);
            }
            None => self.note(
                segment,
                SegmentError::OutOfSequence,
                "before any AK2; skipped",
            ),
        }
    }

    fn count(&mut self, segment: &Segment<'_>, element: usize) -> u32 {
        let count = number(segment.element(element));
        if count.is_none() {
            let note = "a count was expected; taken as 0";
            self.element(segment, element, ElementError::InvalidCharacter, note);
        }
        count.unwrap_or(0)
    }

    fn finish(
        mut self,
        set: &TransactionSet<'_>,
    ) -> Result<(Acknowledgement, Vec<Finding>), Fault> {
        let missing = |id: &str| {
            let place = Place::segment(SegmentId::from(id), set.segment_count(), set.offset());
            let text = format!("no {id} in the acknowledgement");
            Box::new(Finding::new(
                Severity::Reject,
                SegmentError::MandatoryMissing,
                place,
                text,
            ))
        };
        let (functional_id, control_number, version) = self.group.ok_or_else(|| missing("AK1"))?;
        let totals = self.totals.ok_or_else(|| missing("AK9"))?;
        if matches!(totals.status, GroupStatus::Other(_)) {
            let place = Place::segment(SegmentId::from("AK9"), 0, set.offset()).element(1);
            let text = "unknown status; the group counts as not accepted";
            let code = ElementError::InvalidCode;
            self.findings
                .push(Finding::new(Severity::Note, code, place, text));
        }
        let acknowledgement = Acknowledgement {
            functional_id,
            control_number,
            version,
            sets: self.sets,
            status: totals.status,
            included: totals.included,
            received: totals.received,
            accepted: totals.accepted,
            errors: totals.errors,
        };
        Ok((acknowledgement, self.findings))
    }

    fn note(&mut self, segment: &Segment<'_>, error: SegmentError, text: &str) {
        if self.findings.len() < NOTES_MAX {
            self.findings
                .push(Finding::new(Severity::Note, error, segment.place(), text));
        }
    }

    fn element(&mut self, segment: &Segment<'_>, number: usize, error: ElementError, text: &str) {
        let finding = Finding::new(Severity::Note, error, segment.place_of(number), text);
        self.findings
            .push(finding.with_value(segment.element(number)));
    }
}

fn owned(segment: &Segment<'_>, number: usize) -> String {
    text(segment.trimmed(number)).into_owned()
}

fn number(element: &[u8]) -> Option<u32> {
    let digits = element.trim_ascii();
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| all)?
        .parse()
        .ok()
}

/// The codes from element `from` on, empty ones left out.
fn codes<T>(segment: &Segment<'_>, from: usize, known: impl Fn(&str) -> T) -> Vec<T> {
    let last = segment.element_count().min(from + super::CODES_MAX - 1);
    let elements = (from..=last).map(|number| owned(segment, number));
    elements
        .filter(|code| !code.is_empty())
        .map(|code| known(&code))
        .collect()
}
