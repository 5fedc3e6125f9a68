//! A received text made ready to read: lines wrapped at a fixed width are joined.
//!
//! Some systems write an interchange in lines of 80 (or any number of) columns and
//! break wherever the column ends, in the middle of an id if need be. Such breaks
//! are no data and no terminators; they are taken out, at the price of one copy, and
//! places are still told in bytes of the text as it was received. Any other text is
//! borrowed as it is.

use std::borrow::Cow;

use super::scan::find;
use super::separators::{self, Separators, SeparatorsError};
use super::tokenizer::{Origin, Tokenizer, text_start};

/// The narrowest wrapping believed, in columns: shorter lines are segments.
const WIDTH_MIN: usize = 20;

/// A text ready for the tokenizer.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    bytes: Cow<'a, [u8]>,
    origin: Origin,
}

impl<'a> Input<'a> {
    /// Looks whether `received` is wrapped and joins its lines if so.
    pub fn new(received: &'a [u8]) -> Self {
        let start = text_start(received);
        let text = &received[start..];
        // The last line may be shorter and end in breaks of its own.
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        let text = &text[..end.map_or(0, |last| last + 1)];
        let Some((width, line_break)) = wrapping(text) else {
            return Self {
                bytes: Cow::Borrowed(received),
                origin: Origin::default(),
            };
        };
        let lines = text.chunks(width + line_break);
        let joined = lines
            .flat_map(|line| &line[..line.len().min(width)])
            .copied();
        Self {
            bytes: Cow::Owned(joined.collect()),
            origin: Origin {
                base: start,
                width,
                line_break,
            },
        }
    }

    /// The text to read.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The width its lines were wrapped at, in columns, if they were.
    pub fn wrapped_at(&self) -> Option<usize> {
        (self.origin.width > 0).then_some(self.origin.width)
    }

    /// Segments of interchanges.
    ///
    /// # Errors
    /// As [`Tokenizer::new`].
    pub fn tokenizer(&self) -> Result<Tokenizer<'_>, SeparatorsError> {
        Ok(Tokenizer::new(&self.bytes)?.with_origin(self.origin))
    }

    /// Segments of a text without an envelope, with guessed separators.
    ///
    /// # Errors
    /// As [`Tokenizer::fragment`].
    pub fn fragment(&self) -> Result<Tokenizer<'_>, SeparatorsError> {
        Ok(Tokenizer::fragment(&self.bytes)?.with_origin(self.origin))
    }
}

/// Width and break length of a wrapped text: all lines but the last equally long,
/// and a break somewhere that no terminator explains.
fn wrapping(text: &[u8]) -> Option<(usize, usize)> {
    let first = find(text, 0, b'\n')?;
    let line_break = if first > 0 && text[first - 1] == b'\r' {
        2
    } else {
        1
    };
    let width = first + 1 - line_break;
    if width < WIDTH_MIN {
        return None;
    }
    let (step, mut full_lines) = (width + line_break, 0);
    for line in text.chunks(step) {
        let body = &line[..line.len().min(width)];
        let broken = match line.get(width..) {
            Some(b"\n") => line_break == 1,
            Some(b"\r\n") => line_break == 2,
            Some(_) => return None,
            None => false,
        };
        if body.contains(&b'\n') || (line.len() == step && !broken) {
            return None;
        }
        full_lines += usize::from(broken);
    }
    let terminator = separators::layout(text)
        .map(|layout| layout.separators)
        .or_else(|_| Separators::guess(text))
        .ok()?
        .terminator;
    let lines = text.chunks(step).take(full_lines);
    let unexplained = lines
        .filter(|line| !line[..width].ends_with(terminator.as_bytes()))
        .count();
    let usable = terminator.first() != b'\n' && terminator.first() != b'\r';
    (usable && unexplained > 0).then_some((width, line_break))
}
