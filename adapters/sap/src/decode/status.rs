//! What became of the IDocs we sent: SYSTAT01 (message type STATUS, segment E1STATS) and
//! ALEAUD01 (message type ALEAUD, segments E1ADHDR and E1STATE).
//!
//! E1STATS names the IDoc (DOCNUM), its status and, in STACOD, STATXT and STAPA1 to 4,
//! the message (help.sap.com, "E2STATS - EDI Status Record"). E1ADHDR names the message
//! type; each E1STATE in it an IDoc of the sender's with the status that it has in the
//! receiving system (help.sap.com, "Segments of Audit IDoc ALEAUD01").
//!
//! Each confirmation is one acknowledgement of a group with one set, numbered as the
//! IDoc we sent: DOCNUM without the noughts in front is the delivery's control number.

use crossdock_sdk::idoc::status::{self, Progress};
use crossdock_sdk::idoc::{Idoc, Segment, value};
use crossdock_sdk::{Document, FunctionalAcknowledgement, Problem, SegmentNote, SetNote, Verdict};

use super::Mapped;
use super::context::{Context, place};
use crate::wire;

/// Reads a STATUS message.
pub(super) fn map_status(idoc: &Idoc<'_>, mut context: Context<'_>) -> Mapped {
    let root = idoc.root();
    if root.child("E1STATS").is_none() {
        context.segment(root, "E1STATS", "the status of an IDoc");
    }
    let mut documents = Vec::new();
    for segment in root.all("E1STATS") {
        let kind = segment.get("STDMES").unwrap_or("IDOC");
        documents.extend(confirmation(segment, kind, &mut context));
    }
    context.finish_all(|| documents)
}

/// Reads an ALEAUD message.
pub(super) fn map_audit(idoc: &Idoc<'_>, mut context: Context<'_>) -> Mapped {
    let root = idoc.root();
    let mut documents = Vec::new();
    for header in root.all("E1ADHDR") {
        let kind = header.get("MESTYP_LNG").or_else(|| header.get("MESTYP"));
        let kind = kind.unwrap_or("IDOC");
        for segment in header.all("E1STATE") {
            documents.extend(confirmation(segment, kind, &mut context));
        }
    }
    if documents.is_empty() {
        let text = "the audit message confirms no IDoc";
        context.fault(
            Problem::partner_data("segment-missing", text)
                .at(place(root, "E1ADHDR/E1STATE"))
                .with_remedy("ask the sender for the whole IDoc"),
        );
    }
    context.finish_all(|| documents)
}

fn confirmation(
    segment: Segment<'_, '_>,
    kind: &str,
    context: &mut Context<'_>,
) -> Option<Document> {
    let code = context.required(segment, "STATUS", "the status that is told");
    let number = context.required(segment, "DOCNUM", "which IDoc is meant");
    if code.is_empty() || number.is_empty() {
        return None;
    }
    let number = value::strip_zeros(number);
    let verdict = match status::progress(code) {
        Some(Progress::Posted) => Verdict::Accepted,
        Some(Progress::PostedWithErrors) => Verdict::AcceptedWithErrors,
        Some(Progress::Failed) => Verdict::Rejected,
        Some(Progress::Underway) | None => Verdict::Other(code.to_owned()),
    };
    if status::progress(code).is_none() {
        let text = format!("the status {code} is none that SAP lists; it is kept as it is");
        context.note("status-unknown", text, segment, "STATUS");
    }
    let accepted = matches!(verdict, Verdict::Accepted | Verdict::AcceptedWithErrors);
    let mut set = SetNote::new(kind, number, verdict.clone());
    set.codes.push(code.to_owned());
    if let Some(position) = segment
        .get("SEGNUM")
        .and_then(|number| number.trim().parse().ok())
        && position > 0
    {
        set.segments.push(SegmentNote::new("", position));
    }
    let mut answer = FunctionalAcknowledgement::new(kind, number, verdict);
    answer.codes.push(code.to_owned());
    (answer.included, answer.received) = (1, 1);
    answer.accepted = u32::from(accepted);
    answer.sets.push(set);
    let text = message(segment).or_else(|| status::words(code).map(str::to_owned));
    answer
        .extras
        .extend(text.map(|text| ("text".to_owned(), text)));
    if context.config.keep_extras {
        let read = ["DOCNUM", "STATUS", "STATXT"];
        wire::keep(&mut answer.extras, segment, &read);
    }
    Some(Document::FunctionalAcknowledgement(answer))
}

/// The message with its parameters: each `&` or `&1` of STATXT stands for one.
fn message(segment: Segment<'_, '_>) -> Option<String> {
    let text = segment.get("STATXT")?;
    let parameter = |number: usize| {
        let (long, short) = (format!("STAPA{number}_LNG"), format!("STAPA{number}"));
        segment
            .get(&long)
            .or_else(|| segment.get(&short))
            .unwrap_or_default()
    };
    let mut said = String::new();
    let mut next = 1;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '&' {
            said.push(character);
            continue;
        }
        let number = characters.peek().and_then(|digit| digit.to_digit(10));
        let number = match number.filter(|number| (1..=4).contains(number)) {
            Some(number) => {
                characters.next();
                number as usize
            }
            None => next,
        };
        next = number + 1;
        said.push_str(if number <= 4 { parameter(number) } else { "" });
    }
    Some(said.trim().to_owned())
}
