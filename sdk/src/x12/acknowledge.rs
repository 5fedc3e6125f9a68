//! Acknowledgements: what a receiver tells the sender about what it received.
//!
//! Three kinds share one structure here. A **997** answers a functional group (AK1
//! to AK9), a **999** does so since 005010 with more detail (IK3, IK4, CTX), and a
//! **TA1** answers an interchange. [`Acknowledgement`] is made from the findings of
//! a group, or read from a 997 or 999; [`InterchangeAcknowledgement`] likewise for
//! TA1.
//!
//! A group of acknowledgements is never acknowledged, or two systems would answer
//! each other for ever: [`Acknowledgement::begin`] gives none for it.

use super::code::{ElementError, GroupError, GroupStatus, SegmentError, SetError, SetStatus};
use super::envelope::{End, Group, GroupHeader, TransactionSet};
use super::place::{Code, Finding};
use super::segment::text;

mod interchange;
mod read;
mod write;

pub use interchange::InterchangeAcknowledgement;

/// Codes that AK3, AK5 and AK9 have room for.
const CODES_MAX: usize = 5;

/// Segments and elements named for one transaction set. A set with more is broken
/// from its first line, and its sender learns nothing from the rest.
const NOTES_MAX: usize = 500;

/// The answer to one functional group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// AK1-01: GS01 of the group.
    pub functional_id: String,
    /// AK1-02: GS06 of the group.
    pub control_number: String,
    /// AK1-03: GS08 of the group, since 005010.
    pub version: Option<String>,
    /// The transaction sets. One that was accepted need not be among them.
    pub sets: Vec<SetAcknowledgement>,
    /// AK9-01.
    pub status: GroupStatus,
    /// AK9-02: how many sets the group says it has.
    pub included: u32,
    /// AK9-03: how many were received.
    pub received: u32,
    /// AK9-04: how many were accepted.
    pub accepted: u32,
    /// AK9-05 to -09.
    pub errors: Vec<GroupError>,
}

/// The answer to one transaction set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAcknowledgement {
    /// AK2-01: ST01.
    pub id: String,
    /// AK2-02: ST02.
    pub control_number: String,
    /// AK2-03: ST03, since 005010.
    pub convention: Option<String>,
    /// What is wrong with which segment, in the order of the set.
    pub segments: Vec<SegmentNote>,
    /// AK5-01. Empty (`Other`) when the answer has no AK5 for the set.
    pub status: SetStatus,
    /// AK5-02 to -06.
    pub errors: Vec<SetError>,
}

/// What is wrong with a segment: AK3 or IK3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentNote {
    /// AK3-01.
    pub id: String,
    /// AK3-02: position in the set, ST being 1.
    pub ordinal: u32,
    /// AK3-03.
    pub loop_id: Option<String>,
    /// AK3-04 to -08.
    pub errors: Vec<SegmentError>,
    /// What is wrong with its elements.
    pub elements: Vec<ElementNote>,
    /// CTX behind IK3 in a 999, as text; read, never written.
    pub context: Vec<String>,
}

/// What is wrong with an element: AK4 or IK4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementNote {
    /// AK4-01-1: element, from 1; 0 where the answer does not say.
    pub element: u16,
    /// AK4-01-2: component, from 1.
    pub component: Option<u16>,
    /// AK4-01-3: repetition, from 1.
    pub repetition: Option<u16>,
    /// AK4-02: X12 data element number.
    pub reference: Option<u16>,
    /// AK4-03.
    pub error: ElementError,
    /// AK4-04: the bad value.
    pub copy: String,
    /// CTX behind IK4 in a 999, as text; read, never written.
    pub context: Vec<String>,
}

// === impl Acknowledgement ===

impl Acknowledgement {
    /// The answer to a group, without its sets yet. `None` for a group of
    /// acknowledgements, which is never answered.
    pub fn begin(header: &GroupHeader<'_>) -> Option<Self> {
        if header.is_acknowledgement() {
            return None;
        }
        let version = header.version();
        let mut acknowledgement = Self {
            functional_id: header.functional_id().into_owned(),
            control_number: header.control_number().into_owned(),
            version: (&*version >= "005010").then(|| version.into_owned()),
            sets: Vec::new(),
            status: GroupStatus::Accepted,
            included: 0,
            received: 0,
            accepted: 0,
            errors: Vec::new(),
        };
        acknowledgement.note_group(header.findings());
        Some(acknowledgement)
    }

    /// Adds a set with what its mapping found; what its structure showed is added
    /// by itself. An acknowledgement in the wrong group is left out.
    pub fn add(&mut self, set: &TransactionSet<'_>, findings: &[Finding]) {
        if matches!(set.id(), b"997" | b"999") {
            return;
        }
        let all = set.findings().iter().chain(findings);
        self.sets.push(SetAcknowledgement::judge(set, all));
    }

    /// Closes the answer with how the group ended.
    pub fn close(&mut self, end: &End) {
        self.note_group(&end.findings);
        self.received = end.received;
        self.included = end.stated.unwrap_or(end.received);
        let accepted = self.sets.iter().filter(|set| set.is_accepted()).count() as u32;
        let rejected = self.sets.len() as u32 - accepted;
        self.accepted = accepted;
        let clean = self.errors.is_empty()
            && self
                .sets
                .iter()
                .all(|set| set.status == SetStatus::Accepted);
        self.status = match (accepted, rejected) {
            (0, 1..) => GroupStatus::Rejected,
            (_, 1..) => GroupStatus::PartlyAccepted,
            _ if clean => GroupStatus::Accepted,
            _ => GroupStatus::AcceptedWithErrors,
        };
    }

    /// The whole answer to a group that was gathered; `findings` gives what the
    /// mapping found in each set.
    pub fn of_group<'a>(
        group: &Group<'a>,
        mut findings: impl FnMut(&TransactionSet<'a>) -> Vec<Finding>,
    ) -> Option<Self> {
        let mut acknowledgement = Self::begin(group.header.as_ref()?)?;
        for set in &group.sets {
            let findings = findings(set);
            acknowledgement.add(set, &findings);
        }
        acknowledgement.close(&group.end);
        Some(acknowledgement)
    }

    /// What the answer says about a set that was sent. A set the answer does not
    /// name shares the fate of its group; in a partly accepted one it was accepted,
    /// since the rejected ones are named.
    pub fn status_of(&self, id: &str, control_number: &str) -> SetStatus {
        let named = self.sets.iter().find(|set| {
            set.id == id
                && super::envelope::same_number(
                    set.control_number.as_bytes(),
                    control_number.as_bytes(),
                )
        });
        match (named, self.status) {
            (Some(set), _) => set.status,
            (None, GroupStatus::Accepted | GroupStatus::PartlyAccepted) => SetStatus::Accepted,
            (None, GroupStatus::AcceptedWithErrors) => SetStatus::AcceptedWithErrors,
            (None, _) => SetStatus::Rejected,
        }
    }

    fn note_group(&mut self, findings: &[Finding]) {
        for finding in findings {
            if let Code::Group(error) = finding.code {
                add_once(&mut self.errors, error);
            }
        }
    }
}

// === impl SetAcknowledgement ===

impl SetAcknowledgement {
    /// Judges a set by everything found about it: rejected if one finding says so,
    /// accepted with errors if there is any, accepted otherwise.
    pub fn judge<'f>(
        set: &TransactionSet<'_>,
        findings: impl IntoIterator<Item = &'f Finding>,
    ) -> Self {
        let convention = text(set.convention()).into_owned();
        let mut judged = Self {
            id: text(set.id()).into_owned(),
            control_number: text(set.control_number()).into_owned(),
            convention: Some(convention).filter(|convention| !convention.is_empty()),
            segments: Vec::new(),
            status: SetStatus::Accepted,
            errors: Vec::new(),
        };
        for finding in findings {
            judged.note(finding);
        }
        if !judged.segments.is_empty() {
            add_once(&mut judged.errors, SetError::SegmentsInError);
        }
        judged
    }

    /// Whether the set was accepted, with or without errors.
    pub fn is_accepted(&self) -> bool {
        matches!(
            self.status,
            SetStatus::Accepted | SetStatus::AcceptedWithErrors
        )
    }

    fn note(&mut self, finding: &Finding) {
        if finding.rejects() {
            self.status = SetStatus::Rejected;
        } else if self.status == SetStatus::Accepted {
            self.status = SetStatus::AcceptedWithErrors;
        }
        match finding.code {
            Code::Set(error) => add_once(&mut self.errors, error),
            Code::Segment(error) => {
                if let Some(note) = self.segment(finding) {
                    add_once(&mut note.errors, error);
                }
            }
            Code::Element(error) => {
                if let Some(note) = self.segment(finding) {
                    add_once(&mut note.errors, SegmentError::ElementErrors);
                    note.elements.push(ElementNote {
                        element: finding.place.element.unwrap_or(0),
                        component: finding.place.component,
                        repetition: finding.place.repetition,
                        reference: finding.reference,
                        error,
                        copy: finding.value.clone(),
                        context: Vec::new(),
                    });
                }
            }
            // Told by AK9 and TA1.
            Code::Group(_) | Code::Interchange(_) => {}
        }
    }

    /// The note about the finding's segment, begun if there is none; `None` when
    /// there are too many.
    fn segment(&mut self, finding: &Finding) -> Option<&mut SegmentNote> {
        let place = &finding.place;
        let same =
            |note: &SegmentNote| note.ordinal == place.ordinal && note.id == place.segment.as_str();
        if let Some(index) = self.segments.iter().position(same) {
            let note = self.segments.get_mut(index)?;
            return (note.elements.len() < NOTES_MAX).then_some(note);
        }
        if self.segments.len() >= NOTES_MAX {
            return None;
        }
        // Nearly always at the end: findings come in the order of the set.
        let at = self
            .segments
            .partition_point(|note| note.ordinal <= place.ordinal);
        let note = SegmentNote {
            id: place.segment.as_str().to_owned(),
            ordinal: place.ordinal,
            loop_id: place.loop_id.map(str::to_owned),
            ..SegmentNote::default()
        };
        self.segments.insert(at, note);
        self.segments.get_mut(at)
    }
}

fn add_once<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}
