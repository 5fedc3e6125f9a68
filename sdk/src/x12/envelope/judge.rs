//! What is said about headers, trailers and damaged segments.

use super::header::functional_id;
use super::{End, Open, Reader, TransactionSet};
use crate::x12::code::{ElementError, GroupError, InterchangeError, SegmentError, SetError};
use crate::x12::place::{Finding, Place, Severity};
use crate::x12::segment::{Segment, text};

impl<'a> Reader<'a> {
    pub(super) fn judge_header(&self, set: &mut TransactionSet<'a>, first: &Segment<'a>) {
        if self.fragment {
            let separators = first.separators();
            set.findings.push(Finding::new(
                Severity::Note,
                SetError::NotInGroup,
                first.place(),
                format!(
                    "no envelope; element separator {} and terminator {} were guessed",
                    separators.element, separators.terminator
                ),
            ));
        }
        if !first.is("ST") {
            return;
        }
        if set.id.len() != 3 || !set.id.is_ascii() {
            let found = text(set.id);
            set.findings.push(
                Finding::new(
                    Severity::Reject,
                    SetError::InvalidIdentifier,
                    first.place_of(1),
                    format!(
                        "'{found}' is no transaction set identifier, three characters expected"
                    ),
                )
                .with_value(set.id),
            );
        } else if let Some(expected) = functional_id(set.id)
            && !set.functional_id.is_empty()
            && expected.as_bytes() != set.functional_id
        {
            let (id, group) = (text(set.id), text(set.functional_id));
            set.findings.push(
                Finding::new(
                    Severity::Note,
                    SetError::InvalidIdentifier,
                    first.place_of(1),
                    format!("{id} belongs in a group {expected}, this one is {group}; kept"),
                )
                .with_value(set.id),
            );
        }
        if !(1..=9).contains(&set.control_number.len()) {
            let found = text(set.control_number);
            set.findings.push(
                Finding::new(
                    Severity::Note,
                    SetError::InvalidControlNumber,
                    first.place_of(2),
                    format!("control number '{found}' should have 4 to 9 characters; kept"),
                )
                .with_value(set.control_number),
            );
        }
    }

    pub(super) fn judge_trailer(
        &self,
        set: &mut TransactionSet<'a>,
        first: &Segment<'a>,
        trailer: &Segment<'a>,
    ) {
        let actual = set.segment_count;
        let stated = trailer.element(1);
        let number = trailer.element(2);
        let miscounted = count(stated) != Some(actual);
        let foreign = first.is("ST") && !same_number(number, set.control_number);
        // Where neither fits, this SE ended another set: the end of this one and the
        // beginning of that one are lost.
        let (of_count, of_number) = if miscounted && foreign && !number.trim_ascii().is_empty() {
            (Severity::Reject, Severity::Reject)
        } else {
            (self.policy.count, self.policy.control_number)
        };
        if miscounted {
            let found = text(stated);
            let kept = match of_count {
                Severity::Note => " and kept",
                Severity::Reject => "",
            };
            set.findings.push(
                Finding::new(
                    of_count,
                    SetError::CountMismatch,
                    trailer.place_of(1),
                    format!("SE01 says '{found}' segments, {actual} were read{kept}"),
                )
                .with_value(stated),
            );
        }
        if foreign {
            let (found, expected) = (text(number), text(set.control_number));
            set.findings.push(
                Finding::new(
                    of_number,
                    SetError::ControlNumberMismatch,
                    trailer.place_of(2),
                    format!("SE02 is '{found}', ST02 is '{expected}'"),
                )
                .with_value(number),
            );
        }
    }
}

// === impl Open ===

impl Open<'_> {
    pub(super) fn end(
        self,
        trailer: Option<Segment<'_>>,
        tag: &str,
        number: &str,
        what: &str,
    ) -> End {
        let group = tag == "GE";
        let control = if group { 6 } else { 13 };
        let place = self
            .header
            .map_or(Place::default(), |header| header.place());
        let received = self.received;
        let Some(trailer) = trailer else {
            let text =
                format!("no {tag} ends what began here; {received} {what} were read and kept");
            let finding = if group {
                Finding::new(Severity::Note, GroupError::TrailerMissing, place, text)
            } else {
                Finding::new(Severity::Note, InterchangeError::PrematureEnd, place, text)
            };
            return End {
                stated: None,
                received,
                offset: None,
                findings: vec![finding],
            };
        };
        let mut findings = Vec::new();
        let stated = count(trailer.element(1));
        if stated != Some(received) {
            let found = text(trailer.element(1));
            let text = format!("{tag}01 says '{found}' {what}, {received} were read and kept");
            let place = trailer.place_of(1);
            let finding = if group {
                Finding::new(Severity::Note, GroupError::CountMismatch, place, text)
            } else {
                Finding::new(
                    Severity::Note,
                    InterchangeError::InvalidGroupCount,
                    place,
                    text,
                )
            };
            findings.push(finding.with_value(trailer.element(1)));
        }
        let own = self
            .header
            .map_or(&b""[..], |header| header.element(control));
        if self.header.is_some() && !same_number(trailer.element(2), own) {
            let (found, expected) = (text(trailer.element(2)), text(own));
            let text = format!("{tag}02 is '{found}', {number} is '{expected}'");
            let place = trailer.place_of(2);
            let finding = if group {
                Finding::new(
                    Severity::Note,
                    GroupError::ControlNumberMismatch,
                    place,
                    text,
                )
            } else {
                Finding::new(
                    Severity::Note,
                    InterchangeError::ControlNumberMismatch,
                    place,
                    text,
                )
            };
            findings.push(finding.with_value(trailer.element(2)));
        }
        End {
            stated,
            received,
            offset: None,
            findings,
        }
    }
}

// === watching the segments of a set ===

/// Looks at each segment of a set for damage that needs no dictionary.
#[derive(Default)]
pub(super) struct Watch {
    pub(super) findings: Vec<Finding>,
}

/// Findings of this kind kept for one transaction set; damage repeats.
const WATCH_FINDINGS_MAX: usize = 20;

impl Watch {
    pub(super) fn look(&mut self, segment: &Segment<'_>) {
        if self.findings.len() >= WATCH_FINDINGS_MAX {
            return;
        }
        if segment.is_binary() {
            self.look_at_binary(segment);
            return;
        }
        if !segment.is_id_sound() {
            self.findings.push(
                Finding::new(
                    Severity::Note,
                    SegmentError::Unrecognized,
                    segment.place(),
                    "this is no segment id: two or three letters or digits expected",
                )
                .with_value(segment.id()),
            );
        }
        if let Some((element, id)) = segment.glued() {
            let id = text(id);
            self.findings.push(Finding::new(
                Severity::Note,
                SegmentError::ElementErrors,
                segment.place_of(element),
                format!("a line break and what looks like segment {id} stand in this element; a terminator may be missing, kept as one segment"),
            ));
        }
    }

    fn look_at_binary(&mut self, segment: &Segment<'_>) {
        let element = if segment.is("BIN") { 1 } else { 2 };
        let (stated, actual) = (segment.element(element), segment.element(element + 1).len());
        if count(stated).map(|stated| stated as usize) == Some(actual) {
            return;
        }
        let found = text(stated);
        self.findings.push(
            Finding::new(
                Severity::Note,
                ElementError::InvalidCharacter,
                segment.place_of(element),
                format!("'{found}' is not the length of the binary data; {actual} bytes up to the next terminator were kept"),
            )
            .with_value(stated),
        );
    }
}

/// A count as a trailer states it; blanks around it are forgiven.
fn count(element: &[u8]) -> Option<u32> {
    let digits = element.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Whether two control numbers are the same; leading zeros and blanks are padding.
pub(crate) fn same_number(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (one.trim_ascii(), other.trim_ascii());
    one == other || (!one.is_empty() && !other.is_empty() && unpadded(one) == unpadded(other))
}

fn unpadded(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == b'0').count();
    &number[zeros..]
}
