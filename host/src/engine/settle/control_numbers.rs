//! Whether the envelopes of a message come once, and one after the other.
//!
//! A number that was there before comes again (with the same content, or another), or
//! numbers before it are missing, or it is smaller than the one before. What that leads
//! to is agreed with the partner. An envelope that is refused does not count: once what
//! is missing has come, the message can be replayed.

use std::ops::Range;

use super::{Known, Settling};
use crate::{
    contract::{self, EnvelopeKind, FunctionalAcknowledgement},
    message::Digest,
    partner::Action,
    record::{Envelope, Failure, Irregularity},
    view::{SeenRow, SeriesRow},
};

/// Envelopes of one message that are looked at.
const ENVELOPES_MAX: usize = 1_000;
/// How often a message's bytes are digested, all envelopes together: interchange, group,
/// and room for more.
const DIGESTED_TIMES_MAX: usize = 4;
/// Numbers before one that are looked for; of a wider gap only its ends are.
const GAP_LOOKED_AT_MAX: u64 = 256;
/// How long an id or a number may be to be known again, in bytes.
const TEXT_BYTES_MAX: usize = 80;

/// What the envelopes of a message lead to.
#[derive(Default)]
pub(super) struct Numbered {
    pub(super) envelopes: Vec<Envelope>,
    pub(super) findings: Vec<Failure>,
    /// Documents that have no effect, by their positions, and why.
    pub(super) refused: Vec<(Range<u32>, Failure)>,
    /// Groups of such documents: functional identifier and control number.
    refused_groups: Vec<(String, String)>,
}

// === impl Numbered ===

impl Numbered {
    /// Why the document at a position has no effect, if it has none.
    pub(super) fn refusal(&self, position: u32) -> Option<&Failure> {
        let mut refused = self.refused.iter();
        let (_, failure) = refused.find(|(positions, _)| positions.contains(&position))?;
        Some(failure)
    }

    /// What the sender is owed for what was taken.
    pub(super) fn owed(
        &self,
        mut owed: Vec<FunctionalAcknowledgement>,
    ) -> Vec<FunctionalAcknowledgement> {
        for (functional_id, control) in &self.refused_groups {
            // Of two that look alike the later one was refused.
            let refused = owed
                .iter()
                .rposition(|it| it.functional_id == *functional_id && it.group_control == *control);
            if let Some(refused) = refused {
                owed.remove(refused);
            }
        }
        owed
    }
}

// === impl Settling ===

impl<K: Known> Settling<'_, K> {
    /// Judges the envelopes, in their order.
    pub(super) fn number(&mut self, envelopes: &[contract::Envelope]) -> Numbered {
        let mut numbered = Numbered::default();
        // Behind which byte the last refused envelope ends.
        let mut refused_until = 0;
        let mut room = self.message.body.len().saturating_mul(DIGESTED_TIMES_MAX);
        let mut looked_at = 0;
        for envelope in envelopes.iter().take(ENVELOPES_MAX) {
            let Some(left) = room.checked_sub(self.contents(envelope).len()) else {
                break;
            };
            room = left;
            looked_at += 1;
            let mut record = self.envelope(envelope);
            if envelope.offset < refused_until {
                numbered.put_aside(envelope, record);
                continue;
            }
            if !is_fit(&record) {
                continue;
            }
            let series = record.series(&self.message.partner);
            let found = self.irregularity(envelope, &record, &series);
            let terms = self.known.terms(&self.message.partner).control_numbers;
            let action = found.map(|found| (found, terms.action(&record.kind, &found)));
            match action {
                Some((found, Action::Refuse)) => {
                    record.found = Some(found);
                    let first = envelope.first_document;
                    let failure = failure(&record, &found, true);
                    let positions = first..first.saturating_add(envelope.documents);
                    numbered.refused.push((positions, failure));
                    refused_until = envelope.end.unwrap_or(u64::MAX);
                    numbered.put_aside(envelope, record);
                    continue;
                }
                Some((found, Action::Note)) => {
                    record.found = Some(found);
                    numbered.findings.push(failure(&record, &found, false));
                }
                Some((_, Action::Accept)) | None => {}
            }
            record.taken = true;
            self.take_envelope(&record, series);
            numbered.envelopes.push(record);
        }
        if envelopes.len() > looked_at {
            numbered.findings.push(Failure {
                code: "envelopes-not-looked-at".to_owned(),
                ..Failure::host(format!(
                    "the message has {} envelopes; the control numbers of the first {looked_at} were looked at",
                    envelopes.len()
                ))
            });
        }
        numbered
    }

    /// Where an envelope's contents are in the message.
    fn contents(&self, envelope: &contract::Envelope) -> Range<usize> {
        let length = self.message.body.len();
        let place = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(length);
        let begin = place(envelope.offset);
        begin..place(envelope.end.unwrap_or(u64::MAX)).max(begin)
    }

    fn envelope(&self, envelope: &contract::Envelope) -> Envelope {
        let number = envelope.control_number.trim();
        let significant = number.trim_start_matches('0');
        let number = match (significant, number) {
            ("", "") => "",
            ("", _) => "0",
            (significant, _) => significant,
        };
        Envelope {
            kind: match &envelope.kind {
                EnvelopeKind::Interchange => "interchange".to_owned(),
                EnvelopeKind::Group(functional_id) => format!("group {functional_id}"),
                EnvelopeKind::Other(other) => other.clone(),
            },
            sender: envelope.sender.clone(),
            receiver: envelope.receiver.clone(),
            number: number.to_owned(),
            content: Digest::of(&self.message.body[self.contents(envelope)]),
            found: None,
            taken: false,
        }
    }

    fn irregularity(
        &self,
        envelope: &contract::Envelope,
        record: &Envelope,
        series: &Digest,
    ) -> Option<Irregularity> {
        let own = self.numbers.get(&(*series, record.number.clone()));
        let seen = match own {
            Some(row) => Some(*row),
            None => match self.known.seen(series, &record.number) {
                // It is read again.
                Some(row) if row.message == self.message.id => return None,
                row => row,
            },
        };
        if let Some(row) = seen {
            return Some(if row.content == record.content {
                Irregularity::Duplicate { of: row.message }
            } else {
                Irregularity::Conflict { with: row.message }
            });
        }
        let number: u64 = record.number.parse().ok()?;
        let highest = envelope.last_number?;
        let own = self.series.get(series).copied();
        let last = own.or_else(|| self.known.series(series))?.last;
        if number == last.saturating_add(1) || (last == highest && number == 1) {
            return None;
        }
        if number < last {
            return Some(Irregularity::OutOfSequence { last });
        }
        let missing = self.missing(series, last, number);
        (missing > 0).then_some(Irregularity::Gap { last, missing })
    }

    /// How many of the numbers between two were never there.
    fn missing(&self, series: &Digest, last: u64, number: u64) -> u64 {
        let between = number.saturating_sub(last).saturating_sub(1);
        if between > GAP_LOOKED_AT_MAX {
            return between;
        }
        let came = (last + 1..number).filter(|number| {
            let number = number.to_string();
            let own = self.numbers.contains_key(&(*series, number.clone()));
            own || self.known.seen(series, &number).is_some()
        });
        between - came.count() as u64
    }

    fn take_envelope(&mut self, record: &Envelope, series: Digest) {
        let seen = SeenRow {
            content: record.content,
            message: self.message.id,
            at: self.now,
        };
        self.numbers.insert((series, record.number.clone()), seen);
        if let Ok(last) = record.number.parse() {
            let row = SeriesRow { last, at: self.now };
            self.series.insert(series, row);
        }
    }
}

// === impl Numbered ===

impl Numbered {
    /// An envelope whose documents have no effect: nothing is owed for them.
    fn put_aside(&mut self, envelope: &contract::Envelope, record: Envelope) {
        if let EnvelopeKind::Group(functional_id) = &envelope.kind {
            let control = envelope.control_number.clone();
            self.refused_groups.push((functional_id.clone(), control));
        }
        if is_fit(&record) {
            self.envelopes.push(record);
        }
    }
}

/// Whether all that names the envelope is there and fits a record.
fn is_fit(record: &Envelope) -> bool {
    let texts = [
        &record.kind,
        &record.sender,
        &record.receiver,
        &record.number,
    ];
    !record.number.is_empty() && texts.iter().all(|it| it.len() <= TEXT_BYTES_MAX)
}

fn failure(record: &Envelope, found: &Irregularity, refused: bool) -> Failure {
    let Envelope {
        kind,
        sender,
        receiver,
        number,
        ..
    } = record;
    let what = format!("{kind} {number} from {sender} to {receiver}");
    let (text, remedy) = match found {
        Irregularity::Duplicate { of } => (
            format!("{what} came before, with the same content, in message {of}"),
            "nothing, unless the sender meant to send something else",
        ),
        Irregularity::Conflict { with } => (
            format!("{what} came before, with another content, in message {with}"),
            "ask the sender whether it began its numbers anew, or sent the wrong file",
        ),
        Irregularity::Gap { last, missing: 1 } => (
            format!("{what} follows {last}: one in between is missing"),
            "ask the sender for it",
        ),
        Irregularity::Gap { last, missing } => (
            format!("{what} follows {last}: {missing} in between are missing"),
            "ask the sender for them",
        ),
        Irregularity::OutOfSequence { last } => (
            format!("{what} comes after {last}"),
            "nothing, if it fills a gap; else ask the sender whether it began its numbers anew",
        ),
    };
    let family = kind.split(' ').next().unwrap_or(kind);
    let setting = found.name().replace('-', "_");
    let family = if family == "group" {
        family
    } else {
        "interchange"
    };
    Failure {
        code: format!("{family}-{}", found.name()),
        blame: "partner-data".to_owned(),
        place: Some(what),
        remedy: Some(if refused {
            format!(
                "{remedy}; none of it had an effect and nothing is acknowledged. To take it nevertheless, set control_numbers.{family}.{setting} of the partner to \"note\" and replay this dead letter"
            )
        } else {
            remedy.to_owned()
        }),
        value: Some(number.clone()),
        ..Failure::host(text)
    }
}
