//! One segment, element by element.

use std::fmt::{self, Write as _};

use super::{WriteError, Writer, holds_forbidden};
use crate::x12::place::SegmentId;
use crate::x12::separators::Separator;

/// Writes one segment, element by element. Nothing is written unless
/// [`SegmentWriter::end`] says so.
#[derive(Debug)]
#[must_use = "a segment is only written by end()"]
pub struct SegmentWriter<'w> {
    pub(super) writer: &'w mut Writer,
    pub(super) start: usize,
    pub(super) id: SegmentId,
    /// Elements begun.
    pub(super) number: usize,
    /// Separators owed: trailing empty elements are not written.
    pub(super) owed: usize,
    pub(super) error: Option<WriteError>,
}

// === impl SegmentWriter ===

impl SegmentWriter<'_> {
    /// The next element.
    pub fn element(self, value: impl AsRef<str>) -> Self {
        self.put(value.as_ref())
    }

    /// The next element, from anything that can be displayed, such as a
    /// [`Decimal`](crate::x12::Decimal).
    pub fn value(self, value: impl fmt::Display) -> Self {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(text, "{value}");
        self.element(text)
    }

    /// The next element, with blanks for what data may not hold, whatever the style
    /// says, and none at its end: for copies of somebody else's bad data.
    pub fn copy(self, value: impl AsRef<str>) -> Self {
        let separators = self.writer.style.separators;
        let clean = value.as_ref().chars().map(|character| {
            let mut bytes = [0; 4];
            let encoded = character.encode_utf8(&mut bytes).as_bytes();
            if holds_forbidden(encoded, &separators) {
                ' '
            } else {
                character
            }
        });
        let clean: String = clean.collect();
        self.element(clean.trim_end())
    }

    /// An empty element.
    pub fn skip(mut self) -> Self {
        self.number += 1;
        self.owed += 1;
        self
    }

    /// Element `number`, with empty ones before it.
    pub fn at(mut self, number: usize, value: impl AsRef<str>) -> Self {
        if number <= self.number {
            self.error
                .get_or_insert(WriteError::OutOfOrder("an element was written already"));
            return self;
        }
        while self.number + 1 < number {
            self = self.skip();
        }
        self.element(value)
    }

    /// The next element, made of components; trailing empty ones are not written.
    pub fn composite(self, components: &[&str]) -> Self {
        let separator = self.writer.style.separators.component;
        self.joined(components, separator, "no component separator")
    }

    /// The next element, repeated.
    pub fn repeated(self, values: &[&str]) -> Self {
        let separator = self.writer.style.separators.repetition;
        self.joined(values, separator, "no repetition separator")
    }

    /// Writes the segment.
    ///
    /// # Errors
    /// The first error of its elements; then nothing of it is written.
    pub fn end(self) -> Result<(), WriteError> {
        if let Some(error) = self.error {
            self.writer.out.truncate(self.start);
            return Err(error);
        }
        self.writer.terminate();
        Ok(())
    }

    fn joined(
        mut self,
        parts: &[&str],
        separator: Option<Separator>,
        missing: &'static str,
    ) -> Self {
        let used = parts
            .iter()
            .rposition(|part| !part.is_empty())
            .map_or(0, |last| last + 1);
        let [first, rest @ ..] = &parts[..used] else {
            return self.skip();
        };
        if first.is_empty() {
            self.number += 1;
            self.pay();
        } else {
            self = self.put(first);
        }
        for part in rest {
            match separator {
                Some(separator) => self.writer.out.extend_from_slice(separator.as_bytes()),
                None => {
                    self.error
                        .get_or_insert(WriteError::InvalidSeparators(missing));
                }
            }
            self.append(part);
        }
        self
    }

    fn put(mut self, value: &str) -> Self {
        if value.is_empty() {
            return self.skip();
        }
        self.number += 1;
        self.pay();
        self.append(value);
        self
    }

    /// Writes the separators of the empty elements before, and this one's.
    pub(super) fn pay(&mut self) {
        let separator = self.writer.style.separators.element;
        for _ in 0..=self.owed {
            self.writer.out.extend_from_slice(separator.as_bytes());
        }
        self.owed = 0;
    }

    fn append(&mut self, value: &str) {
        let from = self.writer.out.len();
        self.writer.out.extend_from_slice(value.as_bytes());
        if let Err(value) = self.writer.clean(from) {
            let (segment, element) = (self.id, self.number);
            self.error.get_or_insert(WriteError::ForbiddenCharacter {
                segment,
                element,
                value,
            });
        }
    }
}
