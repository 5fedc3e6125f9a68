//! The structure of an interchange: ISA, GS, ST and the trailers that close them.
//!
//! The reader is lazy and tolerant. It yields what it finds in the order it finds
//! it and judges each transaction set alone: a set without a trailer, with a wrong
//! count or a foreign control number has its own findings and its neighbours are
//! read as if nothing had happened. Whatever was expected and not found is a
//! [`Finding`] with the code an acknowledgement needs; nothing is an error that
//! stops the reading.
//!
//! It leaves the contents of a transaction set to whoever maps it, and duplicates
//! across interchanges to whoever remembers them.

use std::collections::{BTreeSet, VecDeque};

use super::code::{InterchangeError, SetError};
use super::input::Input;
use super::place::{Finding, Place, Severity};
use super::segment::{Segment, text};
use super::separators::{Separators, SeparatorsError};
use super::tokenizer::Tokenizer;

mod header;
mod judge;
mod tree;

pub use header::{GroupHeader, InterchangeHeader, functional_id};
pub(crate) use judge::same_number;
pub use tree::{Group, Interchange, Interchanges};

use judge::Watch;

/// What a structural fault means for the transaction set it is in.
///
/// Faults of groups and interchanges are always notes: the sets inside were sound
/// when they were read, and whether to take back a whole group is a decision of
/// the partner's settings, not of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// SE01 does not say how many segments there are.
    pub count: Severity,
    /// SE02 is not ST02. Beside a wrong count it always rejects: the end of one set was
    /// glued to the beginning of another.
    pub control_number: Severity,
    /// No SE: the end of the set is lost.
    pub trailer: Severity,
    /// ST02 occurred before in the group.
    pub duplicate: Severity,
}

/// What the reader finds, in the order of the text.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// An ISA was read.
    Interchange(InterchangeHeader<'a>),
    /// A GS was read.
    Group(GroupHeader<'a>),
    /// A transaction set was read to its end.
    Set(TransactionSet<'a>),
    /// The group ended, by GE or because something else began.
    GroupEnd(End),
    /// The interchange ended, by IEA or because something else began.
    InterchangeEnd(End),
    /// A TA1, which acknowledges an interchange that was sent.
    Acknowledgement(Segment<'a>),
    /// Something that belongs nowhere and was skipped.
    Stray(Finding),
}

/// How a group or an interchange ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// The count its trailer states; `None` without a trailer or with no number in it.
    pub stated: Option<u32>,
    /// How many sets (or groups) were read.
    pub received: u32,
    /// Where what ended it begins in the input as received, in bytes: its trailer, or
    /// the header of the next one; `None` when the text ended.
    pub offset: Option<usize>,
    /// What is wrong with the trailer.
    pub findings: Vec<Finding>,
}

/// One transaction set, ST to SE, borrowed from the text.
#[derive(Clone, Debug)]
pub struct TransactionSet<'a> {
    tokens: Tokenizer<'a>,
    start: usize,
    id: &'a [u8],
    control_number: &'a [u8],
    convention: &'a [u8],
    functional_id: &'a [u8],
    version: &'a [u8],
    offset: usize,
    segment_count: u32,
    findings: Vec<Finding>,
}

/// Reads the structure of a text. An iterator of [`Event`]s; see also
/// [`Reader::interchanges`].
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    tokens: Tokenizer<'a>,
    policy: Policy,
    /// Reading without an envelope: its absence is no fault.
    fragment: bool,
    interchange: Option<Open<'a>>,
    group: Option<Open<'a>>,
    /// Control numbers of the sets in this group.
    seen: BTreeSet<&'a [u8]>,
    /// Read already, to be handled next.
    held: Option<Segment<'a>>,
    events: VecDeque<Event<'a>>,
    ended: bool,
}

/// A group or interchange that has begun. `header` is `None` where it was implied.
#[derive(Clone, Debug)]
struct Open<'a> {
    header: Option<Segment<'a>>,
    received: u32,
}

// === impl Policy ===

impl Default for Policy {
    /// A wrong count is noted and the set kept (senders miscount; the contents are
    /// checked by their own totals); a missing trailer or a foreign control number
    /// rejects it, since segments may be lost or belong to another set.
    fn default() -> Self {
        Self {
            count: Severity::Note,
            control_number: Severity::Reject,
            trailer: Severity::Reject,
            duplicate: Severity::Note,
        }
    }
}

// === impl TransactionSet ===

impl<'a> TransactionSet<'a> {
    /// ST01, such as `945`; empty for bare segments without an ST.
    pub fn id(&self) -> &'a [u8] {
        self.id
    }

    /// Whether ST01 is this.
    pub fn is(&self, id: &str) -> bool {
        self.id == id.as_bytes()
    }

    /// ST02 without blanks around it.
    pub fn control_number(&self) -> &'a [u8] {
        self.control_number
    }

    /// ST03, the implementation convention (005010 and later); empty when absent.
    pub fn convention(&self) -> &'a [u8] {
        self.convention
    }

    /// GS01 of the group it is in; empty outside a group.
    pub fn functional_id(&self) -> &'a [u8] {
        self.functional_id
    }

    /// GS08 of the group it is in, such as `004010`; empty outside a group.
    pub fn version(&self) -> &'a [u8] {
        self.version
    }

    /// Where it begins in the input as received, in bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Segments from ST to SE, both included.
    pub fn segment_count(&self) -> u32 {
        self.segment_count
    }

    /// The segments from ST to SE, ordinals from 1.
    pub fn segments(&self) -> Tokenizer<'a> {
        self.tokens.clone()
    }

    /// The set's own bytes, terminators included.
    pub fn raw(&self) -> &'a [u8] {
        &self.tokens.bytes()[self.start..]
    }

    /// What is wrong with its structure.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether its structure forbids using it.
    pub fn is_rejected(&self) -> bool {
        self.findings.iter().any(Finding::rejects)
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Reads interchanges.
    ///
    /// # Errors
    /// [`SeparatorsError`] when the text holds no ISA that can be read.
    pub fn new(input: &'a Input<'_>) -> Result<Self, SeparatorsError> {
        let tokens = input.tokenizer()?;
        let mut reader = Self::over(tokens, false);
        reader.report_preamble();
        Ok(reader)
    }

    /// Reads a text without an envelope: transaction sets one after the other, or
    /// bare segments, which are taken as one set without an ST. Each set says in a
    /// finding that its separators were guessed.
    ///
    /// # Errors
    /// [`SeparatorsError::NoHeader`] when the text does not begin with a segment.
    pub fn fragment(input: &'a Input<'_>) -> Result<Self, SeparatorsError> {
        Ok(Self::over(input.fragment()?, true))
    }

    fn over(tokens: Tokenizer<'a>, fragment: bool) -> Self {
        Self {
            tokens,
            policy: Policy::default(),
            fragment,
            interchange: None,
            group: None,
            seen: BTreeSet::new(),
            held: None,
            events: VecDeque::new(),
            ended: false,
        }
    }

    /// The same reader with another policy.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Gathers the events into one [`Interchange`] after the other.
    pub fn interchanges(self) -> Interchanges<'a> {
        Interchanges::new(self)
    }

    /// The separators in force.
    pub fn separators(&self) -> &Separators {
        self.tokens.separators()
    }

    fn report_preamble(&mut self) {
        let skipped = self.tokens.position();
        if skipped > super::tokenizer::text_start(self.tokens.bytes()) {
            self.events.push_back(Event::Stray(Finding::new(
                Severity::Note,
                InterchangeError::InvalidStructure,
                Place::default(),
                format!("{skipped} bytes before the first ISA were skipped"),
            )));
        }
    }

    fn handle(&mut self, segment: Segment<'a>) {
        match segment.id() {
            b"ISA" => {
                self.close_interchange(None, Some(segment.offset()));
                self.open_interchange(segment);
            }
            b"GS" => {
                self.close_group(None, Some(segment.offset()));
                self.open_group(segment);
            }
            b"ST" => self.set(segment),
            b"GE" if self.group.is_some() => {
                self.close_group(Some(segment), Some(segment.offset()));
            }
            b"IEA" if self.interchange.is_some() => {
                self.close_interchange(Some(segment), Some(segment.offset()));
            }
            b"TA1" => self.events.push_back(Event::Acknowledgement(segment)),
            // Interchange-level services that carry nothing for us.
            b"ISB" | b"ISE" | b"TA3" if self.group.is_none() => {}
            _ if self.fragment && !is_trailer(&segment) => self.set(segment),
            _ => self.strays(segment),
        }
    }

    fn open_interchange(&mut self, segment: Segment<'a>) {
        let header = InterchangeHeader::new(segment, self.tokens.quirks());
        self.interchange = Some(Open {
            header: Some(segment),
            received: 0,
        });
        self.events.push_back(Event::Interchange(header));
    }

    fn open_group(&mut self, segment: Segment<'a>) {
        match &mut self.interchange {
            Some(interchange) => interchange.received += 1,
            None => self.events.push_back(Event::Stray(Finding::new(
                Severity::Note,
                InterchangeError::InvalidStructure,
                segment.place(),
                "GS outside an interchange; the group was read all the same",
            ))),
        }
        self.group = Some(Open {
            header: Some(segment),
            received: 0,
        });
        self.seen.clear();
        self.events
            .push_back(Event::Group(GroupHeader::new(segment)));
    }

    /// Closes the open group by its trailer, or without one.
    fn close_group(&mut self, trailer: Option<Segment<'a>>, offset: Option<usize>) {
        let Some(group) = self.group.take() else {
            return;
        };
        let end = group.end(trailer, "GE", "GS06", "transaction sets");
        self.events
            .push_back(Event::GroupEnd(End { offset, ..end }));
    }

    fn close_interchange(&mut self, trailer: Option<Segment<'a>>, offset: Option<usize>) {
        self.close_group(None, offset);
        let Some(interchange) = self.interchange.take() else {
            return;
        };
        let end = interchange.end(trailer, "IEA", "ISA13", "functional groups");
        self.events
            .push_back(Event::InterchangeEnd(End { offset, ..end }));
    }

    /// Reads the transaction set that begins with `first` to its end.
    fn set(&mut self, first: Segment<'a>) {
        // The next ISA may be read before the set is known to have ended, and it
        // brings other separators: those in force now are the set's.
        let tokens = self.tokens.clone();
        let start = tokens.last_start();
        let headless = !first.is("ST");
        let mut watch = Watch::default();
        let mut count = 1;
        let mut end = self.tokens.position();
        let mut trailer = None;
        watch.look(&first);
        loop {
            if self.tokens.skip_plain() {
                count += 1;
                end = self.tokens.position();
                continue;
            }
            let Some(segment) = self.tokens.next() else {
                break;
            };
            if matches!(segment.id(), b"ST" | b"GE" | b"GS" | b"IEA" | b"ISA") {
                self.held = Some(segment);
                break;
            }
            count += 1;
            end = self.tokens.position();
            watch.look(&segment);
            if segment.is("SE") {
                trailer = Some(segment);
                break;
            }
        }
        let group = self.group.as_ref().and_then(|group| group.header);
        let mut set = TransactionSet {
            tokens: tokens.over_set(start, end),
            start,
            id: if headless { b"" } else { first.trimmed(1) },
            control_number: if headless { b"" } else { first.trimmed(2) },
            convention: if headless { b"" } else { first.trimmed(3) },
            functional_id: group.map_or(b"", |gs| gs.trimmed(1)),
            version: group.map_or(b"", |gs| gs.trimmed(8)),
            offset: first.offset(),
            segment_count: count,
            findings: watch.findings,
        };
        self.judge_header(&mut set, &first);
        match trailer {
            Some(trailer) => self.judge_trailer(&mut set, &first, &trailer),
            None if headless => {}
            None => set.findings.push(Finding::new(
                self.policy.trailer,
                SetError::TrailerMissing,
                first.place(),
                format!("no SE ends this transaction set; {count} segments were read"),
            )),
        }
        self.count_set(&mut set, &first);
        self.events.push_back(Event::Set(set));
    }

    /// Counts the set in its group and looks whether its number was there before.
    fn count_set(&mut self, set: &mut TransactionSet<'a>, first: &Segment<'a>) {
        if let Some(group) = &mut self.group {
            group.received += 1;
        } else if !self.fragment {
            set.findings.push(Finding::new(
                Severity::Note,
                SetError::NotInGroup,
                first.place(),
                "ST outside a functional group; the set was read all the same",
            ));
        }
        let numbered = !set.control_number.is_empty();
        if numbered && !self.seen.insert(set.control_number) {
            let number = text(set.control_number);
            set.findings.push(
                Finding::new(
                    self.policy.duplicate,
                    SetError::ControlNumberNotUnique,
                    first.place_of(2),
                    format!("control number {number} occurs twice in the group"),
                )
                .with_value(set.control_number),
            );
        }
    }

    /// Skips a run of segments that belong nowhere; one finding tells of them all.
    fn strays(&mut self, first: Segment<'a>) {
        let mut skipped = 1_u32;
        for segment in self.tokens.by_ref() {
            if is_envelope(&segment) {
                self.held = Some(segment);
                break;
            }
            skipped += 1;
        }
        let more = match skipped {
            1 => String::new(),
            _ => format!(" and {} more", skipped - 1),
        };
        let id = text(first.id());
        let id: String = id.chars().take(8).collect();
        self.events.push_back(Event::Stray(
            Finding::new(
                Severity::Note,
                InterchangeError::InvalidContent,
                first.place(),
                format!("segment '{id}'{more} stands outside a transaction set and was skipped"),
            )
            .with_value(first.raw()),
        ));
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            match self.held.take().or_else(|| self.tokens.next()) {
                Some(segment) => self.handle(segment),
                None => {
                    self.ended = true;
                    self.close_interchange(None, None);
                }
            }
        }
    }
}

fn is_trailer(segment: &Segment<'_>) -> bool {
    matches!(segment.id(), b"SE" | b"GE" | b"IEA")
}

fn is_envelope(segment: &Segment<'_>) -> bool {
    matches!(
        segment.id(),
        b"ISA" | b"GS" | b"ST" | b"GE" | b"IEA" | b"TA1"
    )
}
