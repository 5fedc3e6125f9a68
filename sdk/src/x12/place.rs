//! Where something is, and what was found there.
//!
//! Every problem in this module, from the tokenizer to a mapping, is a
//! [`Finding`]: it names its place down to the component and carries the code an
//! acknowledgement answers with, so that a 997 can be written from a list of them.

use std::fmt;

use super::code::{ElementError, GroupError, InterchangeError, SegmentError, SetError};
use super::segment::text;

/// The longest copy of a bad element that an acknowledgement carries (data element
/// 724 has 1 to 99 characters).
const COPY_MAX_CHARS: usize = 99;

/// A segment id of up to three characters, kept without allocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SegmentId {
    bytes: [u8; 3],
    length: u8,
}

/// Where a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// The segment's id.
    pub segment: SegmentId,
    /// Position of the segment in the transaction set, ST being 1; 0 outside one.
    pub ordinal: u32,
    /// Where the segment begins in the input as received, in bytes.
    pub offset: usize,
    /// The loop the segment is in (data element 447), where the mapping told.
    pub loop_id: Option<&'static str>,
    /// Element, from 1.
    pub element: Option<u16>,
    /// Component of the element, from 1.
    pub component: Option<u16>,
    /// Repetition of the element, from 1.
    pub repetition: Option<u16>,
}

/// What a finding means for the transaction set (or group, or interchange) it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth telling the sender; what was read is kept.
    Note,
    /// What was read must not be used.
    Reject,
}

/// The acknowledgement code of a finding; which one says at what level it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// TA1-05, about the interchange.
    Interchange(InterchangeError),
    /// AK9-05, about the functional group.
    Group(GroupError),
    /// AK5-02, about the transaction set as a whole.
    Set(SetError),
    /// AK3-04, about a segment.
    Segment(SegmentError),
    /// AK4-03, about an element.
    Element(ElementError),
}

/// One problem, with its place, its code and a sentence for a person.
///
/// Its [`Display`](fmt::Display) is that sentence with the place in front. Whose
/// fault: the sender's, always; sending the same bytes again cannot help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether what was read is still good.
    pub severity: Severity,
    /// What the acknowledgement says.
    pub code: Code,
    /// Where.
    pub place: Place,
    /// The X12 data element number (AK4-02), where known.
    pub reference: Option<u16>,
    /// The bad element as found, at most 99 characters (AK4-04); empty when absent.
    pub value: String,
    /// What was found, what was expected, what was kept.
    pub text: String,
}

// === impl SegmentId ===

impl SegmentId {
    /// Keeps the first three bytes; what is not printable ASCII becomes `?`.
    pub fn new(id: &[u8]) -> Self {
        let mut bytes = [0; 3];
        let mut length = 0;
        for (place, byte) in bytes.iter_mut().zip(id) {
            *place = if byte.is_ascii_graphic() { *byte } else { b'?' };
            length += 1;
        }
        Self { bytes, length }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        let used = self
            .bytes
            .get(..usize::from(self.length))
            .unwrap_or_default();
        std::str::from_utf8(used).unwrap_or_default()
    }
}

impl From<&str> for SegmentId {
    fn from(id: &str) -> Self {
        Self::new(id.as_bytes())
    }
}

impl fmt::Debug for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Place ===

impl Place {
    /// The place of a segment.
    pub fn segment(segment: SegmentId, ordinal: u32, offset: usize) -> Self {
        Self {
            segment,
            ordinal,
            offset,
            ..Self::default()
        }
    }

    /// The place of an element in this segment.
    #[must_use]
    pub fn element(self, number: usize) -> Self {
        Self {
            element: Some(saturate(number)),
            ..self
        }
    }

    /// The place of a component in this element.
    #[must_use]
    pub fn component(self, number: usize) -> Self {
        Self {
            component: Some(saturate(number)),
            ..self
        }
    }

    /// The place of a repetition of this element.
    #[must_use]
    pub fn repetition(self, number: usize) -> Self {
        Self {
            repetition: Some(saturate(number)),
            ..self
        }
    }

    /// The same place, in a loop.
    #[must_use]
    pub fn in_loop(self, loop_id: &'static str) -> Self {
        Self {
            loop_id: Some(loop_id),
            ..self
        }
    }
}

/// As people write it: `W12-03 (segment 7, byte 412)`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.segment)?;
        if let Some(element) = self.element {
            write!(f, "-{element:02}")?;
        }
        if let Some(component) = self.component {
            write!(f, "-{component}")?;
        }
        if let Some(repetition) = self.repetition {
            write!(f, " repetition {repetition}")?;
        }
        f.write_str(" (")?;
        if self.ordinal > 0 {
            write!(f, "segment {}, ", self.ordinal)?;
        }
        if let Some(loop_id) = self.loop_id {
            write!(f, "loop {loop_id}, ")?;
        }
        write!(f, "byte {})", self.offset)
    }
}

// === impl Code ===

impl Code {
    /// The code as it travels.
    pub fn code(&self) -> &str {
        match self {
            Self::Interchange(error) => error.code(),
            Self::Group(error) => error.code(),
            Self::Set(error) => error.code(),
            Self::Segment(error) => error.code(),
            Self::Element(error) => error.code(),
        }
    }

    /// The X12 data element whose list the code is from, such as `718`.
    pub fn list(&self) -> &'static str {
        match self {
            Self::Interchange(_) => "I18",
            Self::Group(_) => "716",
            Self::Set(_) => "718",
            Self::Segment(_) => "720",
            Self::Element(_) => "723",
        }
    }
}

impl From<InterchangeError> for Code {
    fn from(error: InterchangeError) -> Self {
        Self::Interchange(error)
    }
}

impl From<GroupError> for Code {
    fn from(error: GroupError) -> Self {
        Self::Group(error)
    }
}

impl From<SetError> for Code {
    fn from(error: SetError) -> Self {
        Self::Set(error)
    }
}

impl From<SegmentError> for Code {
    fn from(error: SegmentError) -> Self {
        Self::Segment(error)
    }
}

impl From<ElementError> for Code {
    fn from(error: ElementError) -> Self {
        Self::Element(error)
    }
}

// === impl Finding ===

impl Finding {
    /// A finding without a value.
    pub fn new(
        severity: Severity,
        code: impl Into<Code>,
        place: Place,
        text: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            code: code.into(),
            place,
            reference: None,
            value: String::new(),
            text: text.into(),
        }
    }

    /// The same with a copy of the bad element, cut to 99 characters.
    #[must_use]
    pub fn with_value(mut self, value: &[u8]) -> Self {
        self.value = text(value).chars().take(COPY_MAX_CHARS).collect();
        self
    }

    /// The same with the X12 data element number.
    #[must_use]
    pub fn with_reference(mut self, reference: u16) -> Self {
        self.reference = Some(reference);
        self
    }

    /// Whether what was read must not be used.
    pub fn rejects(&self) -> bool {
        self.severity == Severity::Reject
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

impl std::error::Error for Finding {}

fn saturate(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
