//! Why JSON could not be read or written, and where.

use std::fmt;

/// What went wrong with a text, or with a value that should become one.
///
/// None of these goes away by trying again. All but [`Reason::Unwritable`] are the
/// fault of whoever wrote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is not JSON.
    Syntax,
    /// A bound was exceeded: bytes, depth or number of values.
    Limit,
    /// An object names a field twice.
    DuplicateField,
    /// An object has a field that its record does not have.
    UnknownField,
    /// A field that must be there is not.
    MissingField,
    /// A case that the variant does not have.
    UnknownCase,
    /// Something else than was expected.
    WrongType,
    /// A value that the naming rules have no form for, such as a decimal with more
    /// than 18 digits: the fault of whoever made the value.
    Unwritable,
}

impl Reason {
    /// A stable name, for a problem's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Syntax => "json-syntax",
            Self::Limit => "json-limit",
            Self::DuplicateField => "field-duplicate",
            Self::UnknownField => "field-unknown",
            Self::MissingField => "field-missing",
            Self::UnknownCase => "case-unknown",
            Self::WrongType => "type-wrong",
            Self::Unwritable => "value-unwritable",
        }
    }
}

/// Why JSON could not be read or written: what was found and what was expected,
/// with the place as an RFC 6901 pointer.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    reason: Reason,
    text: String,
    /// Innermost first, since the path is known only while the error travels up.
    path: Vec<String>,
    offset: Option<usize>,
    line: Option<u32>,
    found: Option<String>,
}

// === impl Error ===

impl Error {
    pub(super) fn new(reason: Reason, text: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            reason,
            text: text.into(),
            path: Vec::new(),
            offset: None,
            line: None,
            found: None,
        }))
    }

    /// What sort of error it is.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// What was found and what was expected, without the place.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Where, as an RFC 6901 pointer: `/lines/0/quantity`; empty for the whole.
    pub fn pointer(&self) -> String {
        let mut pointer = String::new();
        for part in self.0.path.iter().rev() {
            pointer.push('/');
            pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
        }
        pointer
    }

    /// The line of the text, from 1; absent when the error has no place in a text.
    pub fn line(&self) -> Option<u32> {
        self.0.line
    }

    /// The value that was refused, shortened; absent when there is none.
    pub fn found(&self) -> Option<&str> {
        self.0.found.as_deref()
    }

    /// The same error, one level further out: `part` is a field or a list's index.
    /// For callers that take a larger text apart themselves.
    #[must_use]
    pub fn inside(mut self, part: impl fmt::Display) -> Error {
        self.0.path.push(part.to_string());
        self
    }

    /// Names the place in the text, unless a deeper one is named already.
    pub(super) fn at(mut self, offset: usize) -> Error {
        self.0.offset.get_or_insert(offset);
        self
    }

    pub(super) fn with_found(mut self, found: String) -> Error {
        self.0.found = Some(found);
        self
    }

    /// For a text that nobody but this crate has seen.
    #[cfg(feature = "value")]
    pub(super) fn without_line(mut self) -> Error {
        self.0.line = None;
        self
    }

    /// Turns the offset into a line, now that the text is at hand.
    pub(super) fn located_in(mut self, text: &[u8]) -> Error {
        if let Some(offset) = self.0.offset {
            let before = &text[..offset.min(text.len())];
            let breaks = before.iter().filter(|byte| **byte == b'\n').count();
            self.0.line = u32::try_from(breaks + 1).ok();
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            write!(f, "{}: ", self.pointer())?;
        }
        f.write_str(&self.0.text)?;
        match self.0.line {
            Some(line) => write!(f, " (line {line})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.reason)
    }
}

impl std::error::Error for Error {}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Error {
        Error::new(Reason::Unwritable, text.to_string())
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Error {
        Error::new(Reason::WrongType, text.to_string())
    }
}
