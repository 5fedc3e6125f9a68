//! A functional acknowledgement to 997, or to 999 where the partner wants that.

use crossdock_sdk::x12::Acknowledgement;
use crossdock_sdk::x12::acknowledge::{
    ElementNote as X12Element, SegmentNote as X12Segment, SetAcknowledgement,
};
use crossdock_sdk::x12::code::{
    ElementError, GroupError, GroupStatus, SegmentError, SetError, SetStatus,
};
use crossdock_sdk::{
    ElementNote, Extras, FunctionalAcknowledgement, SegmentNote, SetNote, Verdict,
};

use super::script::unsayable;
use super::{Envelope, broken};
use crate::codes;
use crate::wire;
use crossdock_sdk::Refusal;

/// The convention of a 999 (ST03, GS08) where the partner states none.
const IMPLEMENTATION_CONVENTION: &str = "005010X231A1";

/// Writes an acknowledgement; gives the transaction set it became.
///
/// # Errors
/// When it does not name the group that it is about.
pub(super) fn write(
    answer: &FunctionalAcknowledgement,
    envelope: &Envelope<'_>,
) -> Result<(&'static str, Vec<u8>), Refusal> {
    for (value, at) in [
        (&answer.functional_id, "/functional_id"),
        (&answer.group_control, "/group_control"),
    ] {
        if value.trim().is_empty() {
            let text = "an acknowledgement must name the group that it is about";
            return Err(unsayable("value-missing", format_args!("{at}"), text));
        }
    }
    // The answer comes in the version of what it answers, where that is known.
    let stated = answer.version.as_deref().unwrap_or_default();
    let known = matches!(stated.get(..6), Some("004010" | "005010")) && stated.len() <= 12;
    let version = if known {
        stated
    } else {
        envelope.config.version
    };
    let structure = structure(answer);
    if envelope.config.implementation_acknowledgement && version >= "005010" {
        let convention = IMPLEMENTATION_CONVENTION;
        let body = envelope.wrap("FA", convention, |writer, number| {
            structure
                .write_999(writer, number, convention)
                .map_err(broken)
        })?;
        return Ok(("999", body));
    }
    let body = envelope.wrap("FA", version, |writer, number| {
        structure.write_997(writer, number).map_err(broken)
    })?;
    Ok(("997", body))
}

fn structure(answer: &FunctionalAcknowledgement) -> Acknowledgement {
    let (status, errors) = security(&answer.verdict, &answer.codes);
    Acknowledgement {
        functional_id: answer.functional_id.trim().to_owned(),
        control_number: answer.group_control.trim().to_owned(),
        // AK1-03 exists since 005010.
        version: answer
            .version
            .clone()
            .filter(|version| version.as_str() >= "005010"),
        sets: answer
            .sets
            .iter()
            .map(|set| set_note(set, &answer.extras))
            .collect(),
        status: GroupStatus::from_code(status),
        included: answer.included,
        received: answer.received,
        accepted: answer.accepted,
        errors: errors
            .iter()
            .map(|code| GroupError::from_code(code))
            .collect(),
    }
}

fn set_note(set: &SetNote, extras: &Extras) -> SetAcknowledgement {
    let (status, errors) = security(&set.verdict, &set.codes);
    let convention = format!("AK2*{}*{}-03", set.type_, set.control_number);
    SetAcknowledgement {
        id: set.type_.clone(),
        control_number: set.control_number.clone(),
        convention: wire::extra(extras, &convention).map(str::to_owned),
        segments: set
            .segments
            .iter()
            .map(|note| segment_note(note, extras))
            .collect(),
        status: SetStatus::from_code(status),
        errors: errors
            .iter()
            .map(|code| SetError::from_code(code))
            .collect(),
    }
}

/// The code of a verdict and the errors beside it. Which security check failed stands
/// in front of the codes.
fn security<'a>(verdict: &'a Verdict, codes: &'a [String]) -> (&'a str, &'a [String]) {
    match (verdict, codes) {
        (Verdict::RejectedForSecurity, [first, rest @ ..])
            if matches!(first.as_str(), "M" | "W" | "X") =>
        {
            (first, rest)
        }
        _ => (codes::write(verdict), codes),
    }
}

fn segment_note(note: &SegmentNote, extras: &Extras) -> X12Segment {
    let more = format!("AK3*{}*{}", note.segment, note.position);
    let more = extras
        .iter()
        .filter(|(name, _)| *name == more)
        .map(|(_, code)| code.as_str());
    let own = note.code.as_deref().into_iter().chain(more);
    let mut errors: Vec<SegmentError> = own.map(SegmentError::from_code).collect();
    if !note.elements.is_empty() && !errors.contains(&SegmentError::ElementErrors) {
        errors.push(SegmentError::ElementErrors);
    }
    X12Segment {
        id: note.segment.clone(),
        ordinal: note.position,
        loop_id: note.loop_id.clone(),
        errors,
        elements: note.elements.iter().map(element_note).collect(),
        context: Vec::new(),
    }
}

fn element_note(note: &ElementNote) -> X12Element {
    X12Element {
        element: note.element,
        component: note.component,
        repetition: None,
        reference: note
            .reference
            .and_then(|reference| u16::try_from(reference).ok()),
        error: ElementError::from_code(&note.code),
        copy: note.value.clone().unwrap_or_default(),
        context: Vec::new(),
    }
}
