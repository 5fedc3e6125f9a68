//! 997, 999 and TA1 to functional acknowledgements, and ours on the way out.

use crossdock_sdk::x12::acknowledge::{
    ElementNote as X12Element, SegmentNote as X12Segment, SetAcknowledgement,
};
use crossdock_sdk::x12::code::{ElementError, InterchangeError, InterchangeStatus, SegmentError};
use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{
    Acknowledgement, Finding, InterchangeAcknowledgement, Place, Segment, SegmentId, Severity,
    TransactionSet,
};
use crossdock_sdk::{
    Document, ElementNote, Extras, FunctionalAcknowledgement, SegmentNote, SetNote, Verdict,
};

use super::Mapped;
use crate::codes;

/// Reads a 997 or 999.
pub(crate) fn map(set: &TransactionSet<'_>) -> Mapped {
    match Acknowledgement::read(set) {
        Err(fault) => Mapped {
            findings: vec![*fault],
            ..Mapped::default()
        },
        Ok((acknowledgement, mut findings)) => {
            judge(&acknowledgement, set, &mut findings);
            let sound = !findings.iter().any(Finding::rejects);
            let document = Document::FunctionalAcknowledgement(canonical(acknowledgement));
            Mapped {
                document: sound.then_some(document),
                findings,
                ..Mapped::default()
            }
        }
    }
}

/// Notes what the reader lets pass: segments without a position, sets without a
/// verdict.
fn judge(read: &Acknowledgement, set: &TransactionSet<'_>, findings: &mut Vec<Finding>) {
    let place = |id: &str| Place::segment(SegmentId::from(id), 0, set.offset());
    for (value, element) in [(&read.functional_id, 1), (&read.control_number, 2)] {
        if value.is_empty() {
            let text = "required, but absent or empty: nobody can say what is acknowledged";
            let place = place("AK1").element(element);
            let error = ElementError::MandatoryMissing;
            findings.push(Finding::new(Severity::Reject, error, place, text));
        }
    }
    let mut note = |place: Place, error: ElementError, text: String| {
        findings.push(Finding::new(Severity::Note, error, place, text));
    };
    for named in &read.sets {
        if named.status.code().is_empty() {
            let text = format!(
                "no verdict (AK5) on set {} {}",
                named.id, named.control_number
            );
            note(place("AK2"), ElementError::ConditionalMissing, text);
        }
        for segment in named.segments.iter().filter(|segment| segment.ordinal == 0) {
            let text = format!(
                "no position is given for segment {}; taken as 0",
                segment.id
            );
            note(
                place("AK3").element(2),
                ElementError::InvalidCharacter,
                text,
            );
        }
    }
    let refused = named_refused(read);
    if read.received > 0 && read.accepted.saturating_add(refused) > read.received {
        let text = format!(
            "{} of {} sets are said to be accepted, but {refused} are named as refused",
            read.accepted, read.received
        );
        note(place("AK9").element(4), ElementError::InvalidCode, text);
    }
}

fn named_refused(read: &Acknowledgement) -> u32 {
    read.sets
        .iter()
        .filter(|set| set.status.code() == "R")
        .count() as u32
}

/// The contract's record of an acknowledgement.
pub(crate) fn canonical(read: Acknowledgement) -> FunctionalAcknowledgement {
    let mut extras = Extras::new();
    let verdict = codes::read::<Verdict>(read.status.code());
    let mut codes: Vec<String> = Vec::new();
    keep_security(&verdict, read.status.code(), &mut codes);
    codes.extend(read.errors.iter().map(|error| error.code().to_owned()));
    let sets = read
        .sets
        .into_iter()
        .map(|set| set_note(set, &mut extras))
        .collect();
    FunctionalAcknowledgement {
        version: read.version,
        codes,
        included: read.included,
        received: read.received,
        accepted: read.accepted,
        sets,
        extras,
        ..FunctionalAcknowledgement::new(read.functional_id, read.control_number, verdict)
    }
}

fn set_note(set: SetAcknowledgement, extras: &mut Extras) -> SetNote {
    let verdict = codes::read::<Verdict>(set.status.code());
    let mut codes: Vec<String> = Vec::new();
    keep_security(&verdict, set.status.code(), &mut codes);
    codes.extend(set.errors.iter().map(|error| error.code().to_owned()));
    if let Some(convention) = set.convention {
        extras.push((
            format!("AK2*{}*{}-03", set.id, set.control_number),
            convention,
        ));
    }
    let segments = set
        .segments
        .into_iter()
        .map(|note| segment_note(note, extras))
        .collect();
    SetNote {
        codes,
        segments,
        ..SetNote::new(set.id, set.control_number, verdict)
    }
}

/// M, W and X share a verdict; which of them it was stands in front of the codes.
fn keep_security(verdict: &Verdict, code: &str, codes: &mut Vec<String>) {
    if *verdict == Verdict::RejectedForSecurity {
        codes.push(code.to_owned());
    }
}

fn segment_note(note: X12Segment, extras: &mut Extras) -> SegmentNote {
    // 8 says only that elements are wrong, which their notes say themselves.
    let own =
        |error: &&SegmentError| **error != SegmentError::ElementErrors || note.elements.is_empty();
    let mut errors = note
        .errors
        .iter()
        .filter(own)
        .map(|error| error.code().to_owned());
    let code = errors.next();
    for more in errors {
        extras.push((format!("AK3*{}*{}", note.id, note.ordinal), more));
    }
    for context in note.context {
        extras.push(("CTX".to_owned(), context));
    }
    let elements = note
        .elements
        .into_iter()
        .map(|note| element_note(note, extras))
        .collect();
    SegmentNote {
        loop_id: note.loop_id,
        code,
        elements,
        ..SegmentNote::new(note.id, note.ordinal)
    }
}

fn element_note(note: X12Element, extras: &mut Extras) -> ElementNote {
    for context in note.context {
        extras.push(("CTX".to_owned(), context));
    }
    if let Some(repetition) = note.repetition {
        extras.push((
            format!("AK4*{}-repetition", note.element),
            repetition.to_string(),
        ));
    }
    ElementNote {
        component: note.component,
        reference: note.reference.map(u32::from),
        value: Some(note.copy).filter(|copy| !copy.is_empty()),
        ..ElementNote::new(note.element, note.error.code())
    }
}

/// A TA1 as a document: the verdict on an interchange that was sent. It names no
/// group; an interchange of ours holds one, under the same number.
pub(crate) fn interchange(segment: &Segment<'_>) -> Document {
    let read = InterchangeAcknowledgement::read(segment);
    let verdict = match read.status {
        InterchangeStatus::Accepted => Verdict::Accepted,
        InterchangeStatus::AcceptedWithErrors => Verdict::AcceptedWithErrors,
        InterchangeStatus::Rejected => Verdict::Rejected,
        InterchangeStatus::Other(code) => Verdict::Other(code.as_str().to_owned()),
    };
    let codes = match read.error {
        InterchangeError::None => Vec::new(),
        error => vec![error.code().to_owned()],
    };
    Document::FunctionalAcknowledgement(FunctionalAcknowledgement {
        interchange_control: Some(read.control_number.clone()).filter(|number| !number.is_empty()),
        codes,
        extras: vec![("TA1".to_owned(), text(segment.raw()).into_owned())],
        ..FunctionalAcknowledgement::new("", read.control_number.trim_start_matches('0'), verdict)
    })
}
