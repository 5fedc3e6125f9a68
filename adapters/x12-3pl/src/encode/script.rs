//! Values checked before they are written: what X12 can't say is refused with its
//! place in the document and what would help, never cut.

use std::borrow::Cow;
use std::fmt;

use crossdock_sdk::x12::writer::Forbidden;
use crossdock_sdk::x12::{Style, Writer};
use crossdock_sdk::{Blame, Decimal, Extras, Problem};

use super::broken;
use crate::codes::{self, Coded};
use crate::wire;
use crossdock_sdk::Refusal;

/// Where a value stands in the document, an RFC 6901 pointer.
pub(super) type Pointer<'p> = fmt::Arguments<'p>;

/// A transaction set being written.
pub(super) struct Script<'w> {
    writer: &'w mut Writer,
    style: Style,
}

/// The document says something that X12 can't.
pub(super) fn unsayable(code: &str, at: Pointer<'_>, text: impl Into<String>) -> Refusal {
    Problem::new(Blame::Other("document".to_owned()), code, text)
        .at_pointer(at.to_string())
        .into()
}

// === impl Script ===

impl<'w> Script<'w> {
    pub(super) fn new(writer: &'w mut Writer, style: Style) -> Self {
        Self { writer, style }
    }

    /// Writes a segment of values that were checked.
    ///
    /// # Errors
    /// None that the checks let pass.
    pub(super) fn segment(&mut self, id: &str, elements: &[&str]) -> Result<(), Refusal> {
        self.writer.segment(id, elements).map_err(broken)
    }

    /// A text of at most so many characters; empty stays empty.
    ///
    /// # Errors
    /// `value-too-long`, `value-forbidden`.
    pub(super) fn text<'v>(
        &self,
        value: &'v str,
        max: usize,
        at: Pointer<'_>,
    ) -> Result<Cow<'v, str>, Refusal> {
        let value = value.trim();
        let length = value.chars().count();
        if length > max {
            let text = format!("{length} characters, X12 takes at most {max} here");
            return Err(unsayable("value-too-long", at, text)
                .with_value(value)
                .with_remedy("shorten it in the system that the document came from"));
        }
        let bad = |character: char| character.is_control() || self.separates(character);
        let Some(found) = value.chars().find(|character| bad(*character)) else {
            return Ok(Cow::Borrowed(value));
        };
        match self.style.forbidden {
            Forbidden::Replace(replacement) => {
                let clean = |character| {
                    if bad(character) {
                        replacement
                    } else {
                        character
                    }
                };
                Ok(Cow::Owned(value.chars().map(clean).collect()))
            }
            Forbidden::Refuse => {
                let text = format!(
                    "it holds {found:?}, which is a separator or a control character of this partner's X12"
                );
                Err(unsayable("value-forbidden", at, text)
                    .with_value(value)
                    .with_remedy(
                        "set `replace-separators` for the partner, or give it other separators",
                    ))
            }
        }
    }

    /// A text that must be there, of at most so many characters.
    ///
    /// # Errors
    /// `value-missing` and those of [`Script::text`].
    pub(super) fn required<'v>(
        &self,
        value: &'v str,
        max: usize,
        at: Pointer<'_>,
    ) -> Result<Cow<'v, str>, Refusal> {
        if value.trim().is_empty() {
            return Err(unsayable(
                "value-missing",
                at,
                "it is empty, and X12 demands it",
            ));
        }
        self.text(value, max, at)
    }

    /// A text that may be absent.
    ///
    /// # Errors
    /// Those of [`Script::text`].
    pub(super) fn optional<'v>(
        &self,
        value: Option<&'v str>,
        max: usize,
        at: Pointer<'_>,
    ) -> Result<Cow<'v, str>, Refusal> {
        self.text(value.unwrap_or_default(), max, at)
    }

    /// A code: an `other` of the document is written as it is, so it must look like
    /// one. Where the extras remember which of several codes it was, that one.
    ///
    /// # Errors
    /// `code-invalid`.
    pub(super) fn code<'v, T: Coded>(
        &self,
        value: &'v T,
        (extras, name): (&'v Extras, &str),
        length: std::ops::RangeInclusive<usize>,
        at: Pointer<'_>,
    ) -> Result<&'v str, Refusal> {
        let remembered = wire::extra(extras, name).filter(|code| codes::read::<T>(code) == *value);
        self.plain_code(
            remembered.unwrap_or_else(|| codes::write(value)),
            length,
            at,
        )
    }

    /// A code that is written as it is.
    ///
    /// # Errors
    /// `code-invalid`.
    pub(super) fn plain_code<'v>(
        &self,
        code: &'v str,
        length: std::ops::RangeInclusive<usize>,
        at: Pointer<'_>,
    ) -> Result<&'v str, Refusal> {
        let fits = length.contains(&code.len())
            && code
                .chars()
                .all(|c| c.is_ascii_alphanumeric() && !self.separates(c));
        if fits {
            return Ok(code);
        }
        let (min, max) = (length.start(), length.end());
        let text = format!("X12 has no code for it: {min} to {max} letters or digits expected");
        Err(unsayable("code-invalid", at, text).with_value(code))
    }

    /// An element that the extras hold under its name; empty otherwise.
    ///
    /// # Errors
    /// Those of [`Script::text`].
    pub(super) fn extra<'v>(
        &self,
        extras: &'v Extras,
        name: &str,
        max: usize,
        at: Pointer<'_>,
    ) -> Result<Cow<'v, str>, Refusal> {
        self.optional(wire::extra(extras, name), max, at)
    }

    /// A number of type R. Noughts behind the point are dropped only where the number
    /// would not fit otherwise.
    ///
    /// # Errors
    /// `value-too-long`.
    pub(super) fn number(
        &self,
        value: Decimal,
        digits_max: usize,
        at: Pointer<'_>,
    ) -> Result<String, Refusal> {
        let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
        let text = value.to_string();
        if digits(&text) <= digits_max {
            return Ok(text);
        }
        let shorter = value.normalized().to_string();
        if digits(&shorter) <= digits_max {
            return Ok(shorter);
        }
        let found = format!(
            "{} digits, X12 takes at most {digits_max} here",
            digits(&shorter)
        );
        Err(unsayable("value-too-long", at, found).with_value(text))
    }

    fn separates(&self, character: char) -> bool {
        let separators = &self.style.separators;
        let mut bytes = [0; 4];
        let character = character.encode_utf8(&mut bytes).as_bytes();
        let all = [
            Some(separators.element),
            separators.component,
            separators.repetition,
            Some(separators.terminator),
        ];
        all.into_iter()
            .flatten()
            .any(|separator| separator.as_bytes() == character)
    }
}

/// Cuts a text between words into pieces of at most `width` characters; joined by
/// blanks they are the text again. Absent when a word is longer, or there would be
/// more than `pieces_max`.
pub(super) fn wrap(text: &str, width: usize, pieces_max: usize) -> Option<Vec<&str>> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while rest.chars().count() > width {
        // The last blank that leaves no more than `width` characters before it.
        let end = rest
            .char_indices()
            .nth(width + 1)
            .map_or(rest.len(), |(at, _)| at);
        let cut = rest.get(..end)?.rfind(' ').filter(|cut| *cut > 0)?;
        let (piece, more) = rest.split_at(cut);
        if piece.chars().count() > width {
            return None;
        }
        pieces.push(piece);
        // One blank only: the others belong to the text.
        rest = more.get(1..)?;
    }
    pieces.push(rest);
    let whole = pieces
        .iter()
        .all(|piece| !piece.is_empty() && piece.trim() == *piece);
    (whole && pieces.len() <= pieces_max).then_some(pieces)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wraps_between_words_only() {
        assert_eq!(wrap("short", 10, 1), Some(vec!["short"]));
        assert_eq!(wrap("one two three", 7, 3), Some(vec!["one two", "three"]));
        assert_eq!(wrap("one two three", 8, 3), Some(vec!["one two", "three"]));
        assert_eq!(wrap("one two three", 7, 1), None);
        assert_eq!(wrap("incomprehensible", 7, 3), None);
        assert_eq!(wrap("äöü äöü", 3, 2), Some(vec!["äöü", "äöü"]));
        // The second blank would be lost.
        assert_eq!(wrap("one two  three", 7, 3), None);
    }

    proptest! {
        #[test]
        fn pieces_join_to_the_text(text in "[a-c ]{1,60}", width in 1_usize..20) {
            if let Some(pieces) = wrap(&text, width, 100) {
                prop_assert_eq!(pieces.join(" "), text.trim());
                prop_assert!(pieces.iter().all(|piece| piece.len() <= width));
            }
        }
    }
}
