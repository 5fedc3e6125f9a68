//! Segments to bytes.
//!
//! The writer counts segments, sets and groups itself, so that the trailers are
//! right; control numbers, dates and times come from the caller, so that the same
//! document gives the same bytes. It never writes data that would read back as
//! something else: a value that holds a separator or a line break is refused or has
//! it replaced, as the caller chose.

use std::fmt::{self, Write as _};

use super::place::SegmentId;
use super::separators::{Separator, Separators};
use super::value::{Date, Time};

mod envelope;
mod segment;

pub use envelope::{GroupStart, InterchangeStart, Usage};
pub use segment::SegmentWriter;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The separators. A component separator is required, and from version 00402 a
    /// repetition separator.
    pub separators: Separators,
    /// What follows each terminator.
    pub line_break: LineBreak,
    /// What to do with data that holds a separator or a line break.
    pub forbidden: Forbidden,
}

/// What follows each terminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineBreak {
    /// Nothing.
    None,
    /// A line feed.
    Lf,
    /// Carriage return and line feed.
    CrLf,
}

/// What to do with data that holds a separator or a line break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// The segment is an error.
    Refuse,
    /// Each such character becomes this one.
    Replace(char),
}

/// Why something could not be written. The caller's fault (settings or document);
/// trying again cannot help.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// The separators cannot be used together, or are no separators.
    InvalidSeparators(&'static str),
    /// A value holds a separator or a line break.
    ForbiddenCharacter {
        /// The segment.
        segment: SegmentId,
        /// The element, from 1.
        element: usize,
        /// The value.
        value: String,
    },
    /// A value is too long (or a number too large) for its field.
    TooLong {
        /// The field, such as `ISA06`.
        field: &'static str,
        /// The most characters it takes.
        max: usize,
    },
    /// Envelope segments in an order that makes no interchange.
    OutOfOrder(&'static str),
}

/// Writes segments into a buffer.
#[derive(Clone, Debug)]
pub struct Writer {
    out: Vec<u8>,
    style: Style,
    /// Bytes that begin what data may not hold; almost no data has one.
    suspicious: [bool; 256],
    interchange: Option<Level>,
    group: Option<Level>,
    set: Option<Level>,
}

/// What a trailer repeats and counts.
#[derive(Clone, Debug)]
struct Level {
    control_number: String,
    count: u32,
}

// === impl Style ===

impl Default for Style {
    /// `*`, `>`, `~`, no line breaks, and data with separators is refused.
    fn default() -> Self {
        Self {
            separators: Separators::USUAL,
            line_break: LineBreak::None,
            forbidden: Forbidden::Refuse,
        }
    }
}

impl Style {
    fn check(&self) -> Result<(), WriteError> {
        let terminator = self.separators.terminator;
        let used: Vec<Separator> = all(&self.separators).collect();
        let distinct = |one: &Separator| used.iter().filter(|other| *other == one).count() == 1;
        if !used.iter().all(distinct) {
            return Err(WriteError::InvalidSeparators("two of them are the same"));
        }
        let data = |separator: &Separator| {
            separator.is_single()
                && (separator.first().is_ascii_alphanumeric()
                    || b" .-".contains(&separator.first()))
        };
        if used.iter().any(data) {
            return Err(WriteError::InvalidSeparators(
                "letters, digits, blanks and signs are data",
            ));
        }
        let breaks = |separator: &Separator| matches!(separator.as_bytes(), b"\r" | b"\n");
        if used
            .iter()
            .filter(|separator| **separator != terminator)
            .any(breaks)
        {
            return Err(WriteError::InvalidSeparators(
                "a line break can only terminate",
            ));
        }
        if let Forbidden::Replace(character) = self.forbidden
            && (is_break(character) || used.contains(&Separator::character(character)))
        {
            return Err(WriteError::InvalidSeparators(
                "the replacement is one of them",
            ));
        }
        Ok(())
    }
}

// === impl Writer ===

impl Writer {
    /// An empty text.
    ///
    /// # Errors
    /// [`WriteError::InvalidSeparators`].
    pub fn new(style: Style) -> Result<Self, WriteError> {
        style.check()?;
        let mut suspicious = [false; 256];
        for separator in all(&style.separators) {
            suspicious[usize::from(separator.first())] = true;
        }
        suspicious[usize::from(b'\r')] = true;
        suspicious[usize::from(b'\n')] = true;
        Ok(Self {
            out: Vec::new(),
            style,
            suspicious,
            interchange: None,
            group: None,
            set: None,
        })
    }

    /// What is written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// The text.
    ///
    /// # Errors
    /// [`WriteError::OutOfOrder`] when something begun was not ended.
    pub fn finish(self) -> Result<Vec<u8>, WriteError> {
        if self.interchange.is_some() || self.group.is_some() || self.set.is_some() {
            return Err(WriteError::OutOfOrder(
                "an interchange, group or set was not ended",
            ));
        }
        Ok(self.out)
    }

    /// Writes a segment of simple elements.
    ///
    /// # Errors
    /// [`WriteError::ForbiddenCharacter`].
    pub fn segment(&mut self, id: &str, elements: &[&str]) -> Result<(), WriteError> {
        elements
            .iter()
            .fold(self.begin(id), |segment, element| segment.element(element))
            .end()
    }

    /// Begins a segment.
    pub fn begin(&mut self, id: &str) -> SegmentWriter<'_> {
        let start = self.out.len();
        self.out.extend_from_slice(id.as_bytes());
        SegmentWriter {
            start,
            id: SegmentId::from(id),
            number: 0,
            owed: 0,
            error: None,
            writer: self,
        }
    }

    /// Writes a BIN segment: raw bytes of any kind behind their length.
    pub fn binary(&mut self, data: &[u8]) {
        let Style { separators, .. } = self.style;
        self.out.extend_from_slice(b"BIN");
        self.out.extend_from_slice(separators.element.as_bytes());
        self.out
            .extend_from_slice(data.len().to_string().as_bytes());
        self.out.extend_from_slice(separators.element.as_bytes());
        self.out.extend_from_slice(data);
        self.terminate();
    }

    fn terminate(&mut self) {
        self.out
            .extend_from_slice(self.style.separators.terminator.as_bytes());
        match self.style.line_break {
            LineBreak::None => {}
            LineBreak::Lf => self.out.push(b'\n'),
            LineBreak::CrLf => self.out.extend_from_slice(b"\r\n"),
        }
        if let Some(set) = &mut self.set {
            set.count += 1;
        }
    }

    /// Puts right what was written since `from`, or tells that it cannot be.
    fn clean(&mut self, from: usize) -> Result<(), String> {
        let written = &self.out[from..];
        let suspicious = |byte: &u8| self.suspicious[usize::from(*byte)];
        if !written.iter().any(suspicious) || !holds_forbidden(written, &self.style.separators) {
            return Ok(());
        }
        let value = super::segment::text(written).into_owned();
        let Forbidden::Replace(replacement) = self.style.forbidden else {
            return Err(value);
        };
        self.out.truncate(from);
        for character in value.chars() {
            let mut bytes = [0; 4];
            let encoded = character.encode_utf8(&mut bytes).as_bytes();
            // By first byte: a separator of one byte may lie inside a character.
            let bad = holds_forbidden(encoded, &self.style.separators);
            let mut clean = [0; 4];
            let clean = replacement.encode_utf8(&mut clean).as_bytes();
            self.out
                .extend_from_slice(if bad { clean } else { encoded });
        }
        Ok(())
    }
}

/// All separators there are.
fn all(separators: &Separators) -> impl Iterator<Item = Separator> + use<> {
    let Separators {
        element,
        component,
        repetition,
        terminator,
    } = *separators;
    [Some(element), component, repetition, Some(terminator)]
        .into_iter()
        .flatten()
}

/// Whether data holds what would not read back as data.
fn holds_forbidden(data: &[u8], separators: &Separators) -> bool {
    data.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
        || all(separators).any(|separator| separator.find(data, 0).is_some())
}

fn is_break(character: char) -> bool {
    matches!(character, '\r' | '\n')
}

// === impl WriteError ===

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidSeparators(reason) => write!(f, "unusable separators: {reason}"),
            Self::ForbiddenCharacter {
                segment,
                element,
                value,
            } => {
                write!(
                    f,
                    "{segment}-{element:02} holds a separator or line break: '{value}'"
                )
            }
            Self::TooLong { field, max } => write!(f, "{field} takes at most {max} characters"),
            Self::OutOfOrder(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for WriteError {}

/// YYMMDD, as ISA09 has it.
fn short_date(date: Date) -> String {
    format!("{:02}{:02}{:02}", date.year % 100, date.month, date.day)
}

/// CCYYMMDD (DT).
pub fn date(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year, date.month, date.day)
}

/// HHMM, HHMMSS or HHMMSSDD, the shortest that holds it (TM).
pub fn time(time: Time) -> String {
    let mut text = format!("{:02}{:02}", time.hour, time.minute);
    if time.second > 0 || time.hundredths > 0 {
        let _ = write!(text, "{:02}", time.second);
    }
    if time.hundredths > 0 {
        let _ = write!(text, "{:02}", time.hundredths);
    }
    text
}
