//! The characters that hold an interchange together, and how they are learned.
//!
//! An interchange declares its separators in its own first segment. The standard
//! fixes ISA at 106 bytes, so most parsers read them at byte offsets; real files
//! carry an unpadded ISA, a missing ISA-16, a separator of several bytes, or a
//! terminator that is only a line feed. So sixteen element separators are counted
//! from `ISA`, what stands between the sixteenth and the next segment is weighed,
//! and the result is tried on the segments that follow. What had to be guessed is
//! told in [`Quirks`].

use std::fmt;

mod isa;
mod votes;

pub(crate) use isa::{Layout, begins_isa, layout};
pub(crate) use votes::segment_id_length;

use votes::{GUESS_WINDOW_BYTES, guess_terminator, last_character};

/// One separator: a character of one to four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Separator {
    bytes: [u8; 4],
    length: u8,
}

/// The separators of one interchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Separators {
    /// Between elements; the character behind `ISA`.
    pub element: Separator,
    /// Between components of a composite element; ISA-16. `None` when the
    /// interchange declares none that could be one.
    pub component: Option<Separator>,
    /// Between repetitions of an element; ISA-11 since 00402 (before, ISA-11 is
    /// the standards id `U`).
    pub repetition: Option<Separator>,
    /// Behind each segment.
    pub terminator: Separator,
}

/// What in an ISA (or a fragment) was not as it should be, and was put right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Elements found when it is not 16. The version, and so the repetition
    /// separator, cannot be trusted then.
    pub element_count: Option<u8>,
    /// ISA-16 is empty or longer than one character.
    pub component_odd: bool,
    /// The terminator behind the ISA does not end the segments that follow (or is
    /// missing); it was taken from those.
    pub terminator_guessed: bool,
}

/// Why no separators could be learned. The sender's fault; trying again cannot help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeparatorsError {
    /// The text holds no ISA (or, for a fragment, begins with no segment id).
    NoHeader,
    /// The character behind `ISA` cannot separate elements.
    InvalidElementSeparator,
    /// The ISA ends before its sixteenth element and nothing shows where.
    HeaderTooShort {
        /// Element separators found.
        found: u8,
    },
}

// === impl Separator ===

impl Separator {
    /// A separator of one byte.
    pub const fn byte(byte: u8) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            length: 1,
        }
    }

    /// A separator of one character, in UTF-8.
    pub fn character(character: char) -> Self {
        let mut bytes = [0; 4];
        let length = character.encode_utf8(&mut bytes).len();
        Self {
            bytes,
            length: length as u8,
        }
    }

    /// Its bytes, one to four.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    /// Its length in bytes, one to four.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "a separator is never empty")]
    pub fn len(&self) -> usize {
        usize::from(self.length)
    }

    #[inline]
    pub(crate) fn first(&self) -> u8 {
        self.bytes[0]
    }

    #[inline]
    pub(crate) fn is_single(&self) -> bool {
        self.length == 1
    }

    /// Whether `bytes` has this separator at `at`.
    #[inline]
    pub(crate) fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        bytes
            .get(at..)
            .is_some_and(|rest| rest.starts_with(self.as_bytes()))
    }

    /// The first place of this separator at or after `from`.
    pub(crate) fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut from = from;
        loop {
            let at = super::scan::find(bytes, from, self.first())?;
            if self.is_single() || self.is_at(bytes, at) {
                return Some(at);
            }
            from = at + 1;
        }
    }

    /// The character that starts at `at`: a whole UTF-8 character, or one byte of
    /// an older encoding.
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let rest = bytes.get(at..)?;
        let first = *rest.first()?;
        for length in 2..=4 {
            let Some(candidate) = rest.get(..length) else {
                break;
            };
            if first >= 0xc0 && std::str::from_utf8(candidate).is_ok() {
                let mut bytes = [0; 4];
                bytes
                    .iter_mut()
                    .zip(candidate)
                    .for_each(|(to, from)| *to = *from);
                return Some(Self {
                    bytes,
                    length: length as u8,
                });
            }
        }
        Some(Self::byte(first))
    }

    /// The character that ends just before `end`.
    fn before(bytes: &[u8], end: usize) -> Option<Self> {
        for length in (2..=4).rev() {
            let Some(start) = end.checked_sub(length) else {
                continue;
            };
            if let Some(separator) = Self::at(bytes, start)
                && separator.len() == length
            {
                return Some(separator);
            }
        }
        bytes.get(end.checked_sub(1)?).map(|byte| Self::byte(*byte))
    }

    fn is_line_break(&self) -> bool {
        matches!(self.as_bytes(), b"\n" | b"\r")
    }

    /// Whether data may hold this character so often that it cannot separate: a
    /// letter, a digit, a blank.
    fn is_data(&self) -> bool {
        self.is_single() && (self.first().is_ascii_alphanumeric() || self.first() == b' ')
    }
}

impl From<u8> for Separator {
    fn from(byte: u8) -> Self {
        Self::byte(byte)
    }
}

impl From<char> for Separator {
    fn from(character: char) -> Self {
        Self::character(character)
    }
}

impl fmt::Debug for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The character if it can be seen, its bytes in hexadecimal otherwise.
impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(self.as_bytes()) {
            Ok(text) if !text.chars().any(|c| c.is_control() || c.is_whitespace()) => {
                write!(f, "'{text}'")
            }
            _ => {
                f.write_str("0x")?;
                self.as_bytes()
                    .iter()
                    .try_for_each(|byte| write!(f, "{byte:02X}"))
            }
        }
    }
}

// === impl Separators ===

impl Separators {
    /// What most partners use: `*`, `>`, no repetition, `~`.
    pub const USUAL: Self = Self {
        element: Separator::byte(b'*'),
        component: Some(Separator::byte(b'>')),
        repetition: None,
        terminator: Separator::byte(b'~'),
    };

    /// Reads the separators of the ISA that `input` begins with.
    ///
    /// # Errors
    /// [`SeparatorsError`] when `input` does not begin with an ISA that shows them.
    pub fn from_isa(input: &[u8]) -> Result<Self, SeparatorsError> {
        layout(input).map(|layout| layout.separators)
    }

    /// Guesses the separators of a text without an ISA, from its first segment id
    /// and from what stands before the segment ids that follow. Component and
    /// repetition separators are a guess from what occurs.
    ///
    /// # Errors
    /// [`SeparatorsError::NoHeader`] when `input` does not begin with a segment id
    /// of two or three characters.
    pub fn guess(input: &[u8]) -> Result<Self, SeparatorsError> {
        let id = segment_id_length(input).ok_or(SeparatorsError::NoHeader)?;
        let element = Separator::at(input, id).ok_or(SeparatorsError::NoHeader)?;
        if element.is_data() || element.is_line_break() {
            return Err(SeparatorsError::NoHeader);
        }
        let terminator = guess_terminator(input, element)
            .or_else(|| last_character(input))
            .unwrap_or(Separator::byte(b'~'));
        let window = &input[..input.len().min(GUESS_WINDOW_BYTES)];
        let free =
            |candidate: &u8| *candidate != element.first() && *candidate != terminator.first();
        let occurs = |candidate: &u8| super::scan::find(window, 0, *candidate).is_some();
        let component = [b'>', b':'].into_iter().filter(free).find(occurs);
        let repetition = Some(b'^').filter(free).filter(occurs);
        Ok(Self {
            element,
            component: component.map(Separator::byte),
            repetition: repetition.map(Separator::byte),
            terminator,
        })
    }
}

// === impl Quirks ===

impl Quirks {
    /// Whether nothing had to be put right.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

// === impl SeparatorsError ===

impl fmt::Display for SeparatorsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader => f.write_str("no ISA segment found"),
            Self::InvalidElementSeparator => {
                f.write_str("the character behind ISA cannot be an element separator")
            }
            Self::HeaderTooShort { found } => {
                write!(f, "ISA has {found} element separators, 16 expected")
            }
        }
    }
}

impl std::error::Error for SeparatorsError {}
