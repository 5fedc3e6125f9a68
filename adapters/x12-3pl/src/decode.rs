//! A message to documents, each transaction set judged alone.
//!
//! The envelope is walked once. Whatever a set holds, it ends in `documents`, as a
//! document or as the problems that forbid one; what is owed to the sender is
//! gathered per functional group from the same findings, so that the answer says
//! exactly what was refused here and why.
//!
//! Findings about the form of the file go into the acknowledgement. Remarks about
//! its meaning (a total that does not add up) and problems of our own settings do
//! not: the sender's file is in order, and 997 speaks of nothing else.

use crossdock_sdk::x12::code::SetError;
use crossdock_sdk::x12::envelope::{End, GroupHeader, InterchangeHeader};
use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{
    Acknowledgement, Event, Finding, Input, Policy, Reader, SeparatorsError, Severity,
    TransactionSet,
};
use crossdock_sdk::{
    Decoded, DecodedDocument, Document, DocumentError, Envelope, EnvelopeKind, Inbound, Place,
    Problem, Source,
};

use crate::settings::{self, Reading};
use crate::wire;
use context::Context;
use crossdock_sdk::Refusal;

mod context;
pub(crate) mod party;

mod carrier;
mod lots;
mod numbering;

mod acknowledgement;
mod adjustment;
pub(crate) mod notice;
pub(crate) mod order;
mod receipt;
pub(crate) mod returns;
mod shipment;
mod snapshot;

/// The transaction sets that are read.
const SETS: [&str; 9] = [
    "180", "846", "940", "943", "944", "945", "947", "997", "999",
];

/// Remarks kept for one document; a file that is odd everywhere repeats itself.
const FINDINGS_MAX: usize = 200;

/// The size of a set that room is made by, at least: a record takes a quarter of it, so
/// a message of one small set and large ones has that much for nothing.
const SET_BYTES_MIN: usize = 2048;

/// Notes of one set: more than there can be about elements, so that those about
/// segments find room.
const NOTES_MAX: usize = 800;

/// Reads a message.
///
/// # Errors
/// When it is no X12, holds no transaction set, or the settings are wrong.
pub(crate) fn decode(message: &Inbound) -> Result<Decoded, Refusal> {
    let config = Reading::new(&message.settings)?;
    let input = Input::new(&message.body);
    let reader = match Reader::new(&input) {
        Ok(reader) => reader,
        Err(error) => fragment(&input, error, &config)?,
    };
    let mut walk = Walk {
        received_at: &message.received_at,
        length: message.body.len(),
        config,
        decoded: Decoded::default(),
        position: 0,
        interchange: None,
        interchange_control: None,
        group: None,
    };
    walk.decoded
        .findings
        .extend(settings::misspelled(&message.settings));
    for event in reader.with_policy(policy(&config)) {
        walk.take(event);
    }
    walk.finish()
}

/// Reads what has no interchange around it, if that is allowed.
fn fragment<'a>(
    input: &'a Input<'_>,
    error: SeparatorsError,
    config: &Reading<'_>,
) -> Result<Reader<'a>, Refusal> {
    let refused = |text: String| -> Refusal {
        Problem::partner_data("not-x12", text)
            .at(Place::Offset(0))
            .with_remedy("the message must begin with an ISA segment of 16 elements")
            .into()
    };
    if error != SeparatorsError::NoHeader {
        return Err(refused(error.to_string()));
    }
    if !config.accept_fragments {
        return Err(refused(
            "no ISA segment found, and fragments are not accepted".to_owned(),
        ));
    }
    Reader::fragment(input)
        .map_err(|_| refused("neither an interchange nor a transaction set was found".to_owned()))
}

fn policy(config: &Reading<'_>) -> Policy {
    let severity = if config.strict_envelope {
        Severity::Reject
    } else {
        Severity::Note
    };
    Policy {
        count: severity,
        control_number: severity,
        ..Policy::default()
    }
}

/// The walk through a message.
struct Walk<'m> {
    received_at: &'m str,
    /// Of the message, in bytes.
    length: usize,
    config: Reading<'m>,
    decoded: Decoded,
    /// Documents so far, counted for their sources.
    position: u32,
    /// Which of the envelopes is open.
    interchange: Option<usize>,
    interchange_control: Option<String>,
    group: Option<OpenGroup>,
}

/// A functional group whose end was not read yet.
struct OpenGroup {
    /// Which of the envelopes it is.
    envelope: usize,
    control: String,
    version: String,
    /// GS04, the day the group was made.
    date: Vec<u8>,
    /// The answer in the making; none to a group of answers.
    answer: Option<Acknowledgement>,
}

/// What a mapping made of a transaction set.
#[derive(Default)]
pub(crate) struct Mapped {
    /// Absent when anything forbids it.
    document: Option<Document>,
    /// What the acknowledgement tells the sender.
    findings: Vec<Finding>,
    /// What only we need to know.
    remarks: Vec<Problem>,
}

// === impl Walk ===

impl Walk<'_> {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Interchange(header) => self.interchange(&header),
            Event::Group(header) => self.group(&header),
            Event::Set(set) => self.set(&set),
            Event::GroupEnd(end) => self.group_end(&end),
            Event::InterchangeEnd(end) => {
                self.note(&end.findings);
                if let Some(open) = self.interchange.take() {
                    self.close(open, &end);
                }
                self.interchange_control = None;
            }
            Event::Acknowledgement(segment) => {
                let source = self.source(Some("TA1"), b"");
                let document = acknowledgement::interchange(&segment);
                self.push(Ok(DecodedDocument::new(document, source)));
            }
            Event::Stray(finding) => self.note(&[finding]),
        }
    }

    fn interchange(&mut self, header: &InterchangeHeader<'_>) {
        self.note(header.findings());
        let party = |qualifier: &str, id: &str| format!("{qualifier}:{id}");
        self.interchange = Some(self.open(Envelope::new(
            EnvelopeKind::Interchange,
            party(&header.sender_qualifier(), &header.sender()),
            party(&header.receiver_qualifier(), &header.receiver()),
            header.control_number(),
            header.segment().offset() as u64,
        )));
        self.interchange_control = Some(header.control_number().into_owned());
    }

    /// Tells the host of an envelope; gives its place.
    fn open(&mut self, envelope: Envelope) -> usize {
        self.decoded.envelopes.push(Envelope {
            first_document: self.position,
            ..envelope
        });
        self.decoded.envelopes.len() - 1
    }

    fn close(&mut self, open: usize, end: &End) {
        let envelope = &mut self.decoded.envelopes[open];
        envelope.documents = self.position - envelope.first_document;
        envelope.end = end.offset.map(|offset| offset as u64);
    }

    fn group(&mut self, header: &GroupHeader<'_>) {
        self.note(header.findings());
        let envelope = self.open(Envelope::new(
            EnvelopeKind::Group(header.functional_id().into_owned()),
            header.sender(),
            header.receiver(),
            header.control_number(),
            header.segment().offset() as u64,
        ));
        self.group = Some(OpenGroup {
            envelope,
            control: header.control_number().into_owned(),
            version: header.version().into_owned(),
            date: header.date().into_owned().into_bytes(),
            answer: self
                .config
                .acknowledge
                .then(|| Acknowledgement::begin(header))
                .flatten(),
        });
    }

    fn group_end(&mut self, end: &End) {
        self.note(&end.findings);
        let Some(OpenGroup {
            envelope,
            version,
            answer,
            ..
        }) = self.group.take()
        else {
            return;
        };
        self.close(envelope, end);
        let Some(mut answer) = answer else { return };
        answer.close(end);
        let mut owed = acknowledgement::canonical(answer);
        owed.version = Some(version).filter(|version| !version.is_empty());
        owed.interchange_control = self.interchange_control.clone();
        self.decoded.acknowledgements.push(owed);
    }

    fn set(&mut self, set: &TransactionSet<'_>) {
        self.make_room(set);
        let kind = kind(set);
        let source = self.source(Some(&text(kind)), set.control_number());
        let mapped = if !is_supported(kind) {
            unsupported(kind, set)
        } else if set.is_rejected() {
            Mapped::default()
        } else {
            self.map(kind, set)
        };
        if let Some(answer) = self.group.as_mut().and_then(|group| group.answer.as_mut()) {
            answer.add(set, &mapped.findings);
        }
        // What is said of the set as a whole is never cut.
        let own = set.findings();
        let room = FINDINGS_MAX.saturating_sub(own.len());
        let findings = mapped.findings.iter().take(room).chain(own);
        let result = match mapped.document {
            Some(document) => {
                let mut findings: Vec<Problem> =
                    findings.take(FINDINGS_MAX).map(wire::problem).collect();
                findings.extend(mapped.remarks.into_iter().take(FINDINGS_MAX));
                Ok(DecodedDocument {
                    document,
                    source,
                    findings,
                })
            }
            None => {
                // What forbids the document first, then what else is odd.
                let (mut rejecting, mut others) = (Vec::new(), Vec::new());
                for finding in findings.take(FINDINGS_MAX) {
                    let list = if finding.rejects() {
                        &mut rejecting
                    } else {
                        &mut others
                    };
                    list.push(wire::problem(finding));
                }
                rejecting.extend(mapped.remarks.into_iter().take(FINDINGS_MAX));
                rejecting.append(&mut others);
                Err(DocumentError {
                    problems: rejecting,
                    source,
                })
            }
        };
        self.push(result);
    }

    /// Makes room for the documents of the whole message when the first set has come,
    /// since the sets of a message are mostly alike. A list that grows step by step leaves
    /// as much memory behind as it needs in the end.
    fn make_room(&mut self, set: &TransactionSet<'_>) {
        if self.decoded.documents.is_empty() {
            let length = set.raw().len().max(SET_BYTES_MIN);
            self.decoded
                .documents
                .reserve_exact(self.length / length + 1);
        }
    }

    fn map(&self, kind: &[u8], set: &TransactionSet<'_>) -> Mapped {
        let date = self.group.as_ref().map_or(&b""[..], |group| &group.date);
        let context = Context::new(&self.config, date, self.received_at);
        match kind {
            b"945" => shipment::map(set, context),
            b"944" => receipt::map(set, context),
            b"947" => adjustment::map(set, context),
            b"846" => snapshot::map(set, context),
            b"940" => order::map(set, context),
            b"943" => notice::map(set, context),
            b"180" => returns::map(set, context),
            _ => acknowledgement::map(set),
        }
    }

    fn source(&self, kind: Option<&str>, control: &[u8]) -> Source {
        let group = self.group.as_ref();
        let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Source {
            version: group.and_then(|group| filled(&group.version)),
            type_: kind.and_then(filled),
            interchange_control: self.interchange_control.clone(),
            group_control: group.and_then(|group| filled(&group.control)),
            transaction_control: filled(&text(control)),
            ..Source::new("x12", self.position)
        }
    }

    fn push(&mut self, result: Result<DecodedDocument, DocumentError>) {
        self.position += 1;
        self.decoded.documents.push(result);
    }

    fn note(&mut self, findings: &[Finding]) {
        let room = FINDINGS_MAX.saturating_sub(self.decoded.findings.len());
        self.decoded
            .findings
            .extend(findings.iter().take(room).map(wire::problem));
    }

    fn finish(self) -> Result<Decoded, Refusal> {
        if self.decoded.documents.is_empty() {
            let empty = Problem::partner_data(
                "no-transaction-set",
                "the interchange holds no transaction set",
            )
            .at(Place::Whole)
            .with_remedy("ask the sender for the complete file");
            return Err(match self.decoded.findings.first() {
                Some(finding) => empty.with_extra("also", &finding.text).into(),
                None => empty.into(),
            });
        }
        Ok(self.decoded)
    }
}

/// ST01, or what bare segments without an ST must be.
fn kind<'a>(set: &TransactionSet<'a>) -> &'a [u8] {
    if !set.id().is_empty() {
        return set.id();
    }
    match set.segments().next().map(|segment| segment.id()) {
        // Two sets begin alike; only one of them has items of this kind.
        Some(b"W06") if set.segments().any(|segment| segment.is("W04")) => b"943",
        Some(b"W06") => b"945",
        Some(b"W17") => b"944",
        Some(b"W15") => b"947",
        Some(b"BIA") => b"846",
        Some(b"W05") => b"940",
        Some(b"AK1") => b"997",
        _ => b"",
    }
}

fn is_supported(kind: &[u8]) -> bool {
    SETS.iter().any(|set| set.as_bytes() == kind)
}

fn unsupported(kind: &[u8], set: &TransactionSet<'_>) -> Mapped {
    let kind = text(kind);
    let place = set
        .segments()
        .next()
        .map_or_else(Default::default, |st| st.place_of(1));
    let what = format!(
        "this adapter does not read transaction set {kind}; it reads {}",
        SETS.join(", ")
    );
    let finding = Finding::new(Severity::Reject, SetError::Unsupported, place, what)
        .with_value(kind.as_bytes());
    Mapped {
        findings: vec![finding],
        ..Mapped::default()
    }
}
