//! Why XML is not read as IDocs.

use std::fmt;

use crate::{Place, Problem};

/// What sort of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The bytes are not the text that they are declared to be.
    Encoding,
    /// It is not well-formed XML.
    Syntax,
    /// It holds what no IDoc needs and attackers like: a document type declaration
    /// or an entity of its own.
    Forbidden,
    /// It is larger than what is read.
    Limit,
    /// It is XML, but no IDoc.
    NotIdoc,
}

/// Why XML is not read as IDocs. The sender is at fault, and the same text fails
/// again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    text: String,
    line: u32,
}

// === impl Kind ===

impl Kind {
    /// A stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::Encoding => "encoding-invalid",
            Self::Syntax => "xml-invalid",
            Self::Forbidden => "xml-forbidden",
            Self::Limit => "xml-too-large",
            Self::NotIdoc => "not-idoc",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Encoding => "declare the encoding that the file is written in, or send UTF-8",
            Self::Syntax => "ask the sender for the file as its system wrote it",
            Self::Forbidden => {
                "send the IDoc without a document type declaration and without entities of its own"
            }
            Self::Limit => "send fewer or smaller IDocs in one message",
            Self::NotIdoc => "send IDocs as XML: the IDoc type around IDOC elements",
        }
    }
}

// === impl Error ===

impl Error {
    pub(super) fn new(kind: Kind, text: impl Into<String>, line: u32) -> Error {
        Error {
            kind,
            text: text.into(),
            line,
        }
    }

    /// What sort of error.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// One sentence for a person.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line of the text, from 1.
    pub fn line(&self) -> u32 {
        self.line
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for Error {}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem::partner_data(error.kind.code(), error.text)
            .at(Place::Line(error.line))
            .with_remedy(error.kind.remedy())
    }
}
