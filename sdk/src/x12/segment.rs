//! One segment: a borrowed view with its elements found.
//!
//! A view copies nothing but the places of its first separators, so making one
//! allocates nothing, it can be kept and copied, and asking for an element by
//! number costs an index.

use std::borrow::Cow;

use super::place::{Place, SegmentId};
use super::scan::{find, plain};
use super::separators::{Separator, Separators, segment_id_length};

/// Separators remembered in the view; elements past them are found by search.
/// 31 is the widest segment in daily use (LIN has 31 elements).
pub(crate) const INDEXED_MAX: usize = 31;

/// A borrowed view of one segment, without its terminator.
///
/// Elements are numbered from 1, as in the standard's `W12-03`; number 0 is the
/// segment id. An absent element reads as empty, since X12 does not tell the two
/// apart.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) offset: usize,
    pub(crate) ordinal: u32,
    /// Entries of `at` in use.
    pub(crate) indexed: u8,
    /// Whether separators follow that `at` does not have.
    pub(crate) more: bool,
    pub(crate) terminated: bool,
    pub(crate) separators: Separators,
    /// Place of separator n + 1 in `raw`.
    pub(crate) at: [u16; INDEXED_MAX],
}

/// The parts of an element, between one kind of separator.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    rest: Option<&'a [u8]>,
    separator: Option<Separator>,
}

// === impl Segment ===

impl<'a> Segment<'a> {
    /// The segment id, such as `N1`; whatever stands before the first separator.
    #[inline]
    pub fn id(&self) -> &'a [u8] {
        self.element(0)
    }

    /// Whether the segment has this id.
    #[inline]
    pub fn is(&self, id: &str) -> bool {
        self.id() == id.as_bytes()
    }

    /// Element `number` (1-based) as it stands, empty when absent.
    #[inline]
    pub fn element(&self, number: usize) -> &'a [u8] {
        let indexed = usize::from(self.indexed);
        if number >= indexed {
            if self.more {
                return self.distant_element(number);
            }
            if number > indexed {
                return &[];
            }
        }
        let width = self.separators.element.len();
        let start = match number.checked_sub(1) {
            None => 0,
            Some(before) => self.at.get(before).map_or(0, |at| usize::from(*at)) + width,
        };
        let end = match self.at.get(number) {
            Some(at) if number < indexed => usize::from(*at),
            _ => self.raw.len(),
        };
        self.raw.get(start..end).unwrap_or_default()
    }

    /// Element `number` without the blanks around it, empty when absent or blank.
    #[inline]
    pub fn trimmed(&self, number: usize) -> &'a [u8] {
        trim(self.element(number))
    }

    /// An element behind the indexed ones, found by walking there.
    #[cold]
    fn distant_element(&self, number: usize) -> &'a [u8] {
        let separator = self.separators.element;
        let indexed = usize::from(self.indexed);
        let mut start = match indexed.checked_sub(1) {
            None => 0,
            Some(last) => self.at.get(last).map_or(0, |at| usize::from(*at)) + separator.len(),
        };
        for _ in indexed..number {
            match separator.find(self.raw, start) {
                Some(at) => start = at + separator.len(),
                None => return &[],
            }
        }
        let end = separator.find(self.raw, start).unwrap_or(self.raw.len());
        self.raw.get(start..end).unwrap_or_default()
    }

    /// Element `number` as text: UTF-8, or each byte as the Latin-1 character it
    /// would be, which is what older systems send.
    pub fn text(&self, number: usize) -> Cow<'a, str> {
        text(self.element(number))
    }

    /// Whether element `number` is there and not empty.
    #[inline]
    pub fn has(&self, number: usize) -> bool {
        !self.element(number).is_empty()
    }

    /// How many elements the segment has, trailing empty ones included.
    pub fn element_count(&self) -> usize {
        let indexed = usize::from(self.indexed);
        if !self.more {
            return indexed;
        }
        let separator = self.separators.element;
        let mut count = indexed;
        let mut from = match indexed.checked_sub(1) {
            None => 0,
            Some(last) => self.at.get(last).map_or(0, |at| usize::from(*at)) + separator.len(),
        };
        while let Some(at) = separator.find(self.raw, from) {
            count += 1;
            from = at + separator.len();
        }
        count
    }

    /// All elements in order, from 1.
    pub fn elements(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let segment = *self;
        (1..=segment.element_count()).map(move |number| segment.element(number))
    }

    /// The components of an element (of its first repetition and of those that
    /// follow, joined: ask [`Segment::repetitions`] first where it may repeat).
    pub fn components(&self, number: usize) -> Parts<'a> {
        self.components_of(self.element(number))
    }

    /// The components of one repetition.
    pub fn components_of(&self, repetition: &'a [u8]) -> Parts<'a> {
        Parts::new(repetition, self.separators.component)
    }

    /// Component `component` (1-based) of element `number`, empty when absent.
    pub fn component(&self, number: usize, component: usize) -> &'a [u8] {
        let index = component.checked_sub(1);
        index
            .and_then(|index| self.components(number).nth(index))
            .unwrap_or_default()
    }

    /// The repetitions of an element.
    pub fn repetitions(&self, number: usize) -> Parts<'a> {
        Parts::new(self.element(number), self.separators.repetition)
    }

    /// The whole segment without its terminator.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Position in the transaction set, counted from its ST as 1, as AK3-02 and
    /// SE01 count; 0 outside a transaction set.
    #[inline]
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// Where the segment begins in the input as received, in bytes.
    #[inline]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Whether a terminator ends the segment; the last one of a file may lack it,
    /// and so does one that was cut.
    #[inline]
    pub fn is_terminated(&self) -> bool {
        self.terminated
    }

    /// The separators the segment was read with.
    #[inline]
    pub fn separators(&self) -> &Separators {
        &self.separators
    }

    /// Whether the segment could hold the next one's beginning: see the tokenizer.
    #[inline]
    pub(crate) fn may_run_on(&self) -> bool {
        let trailer = matches!(self.raw.first(), Some(b'S' | b'G' | b'I'))
            && matches!(self.id(), b"SE" | b"GE" | b"IEA");
        trailer || (self.indexed >= 16 && find(self.raw, 0, b'\n').is_some())
    }

    /// Whether the segment holds raw bytes of a stated length.
    pub(crate) fn is_binary(&self) -> bool {
        matches!(self.id(), b"BIN" | b"BDS")
    }

    /// Whether the id could be one: two or three capital letters or digits.
    #[inline]
    pub(crate) fn is_id_sound(&self) -> bool {
        let id = self.id();
        segment_id_length(id) == Some(id.len())
    }

    /// The element that holds a line break and behind it what looks like the start
    /// of another segment, and that segment's id: a terminator was lost.
    pub(crate) fn glued(&self) -> Option<(usize, &'a [u8])> {
        if self.separators.terminator.first() == b'\n' {
            return None;
        }
        let mut from = 0;
        while let Some(at) = find(self.raw, from, b'\n') {
            from = at + 1;
            let rest = self.raw.get(from..)?;
            let Some(length) = segment_id_length(rest) else {
                continue;
            };
            if self.separators.element.is_at(rest, length) {
                let before = self.separators.element;
                let mut element = 0;
                let mut place = 0;
                while let Some(next) = before.find(self.raw, place).filter(|next| *next < at) {
                    element += 1;
                    place = next + before.len();
                }
                return Some((element, &rest[..length]));
            }
        }
        None
    }

    /// The segment's place, for a finding.
    pub fn place(&self) -> Place {
        Place::segment(SegmentId::new(self.id()), self.ordinal, self.offset)
    }

    /// The place of element `number`.
    pub fn place_of(&self, number: usize) -> Place {
        self.place().element(number)
    }
}

impl PartialEq for Segment<'_> {
    /// Equal when the same bytes stand at the same place.
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw && self.offset == other.offset && self.ordinal == other.ordinal
    }
}

impl Eq for Segment<'_> {}

// === impl Parts ===

impl<'a> Parts<'a> {
    fn new(element: &'a [u8], separator: Option<Separator>) -> Self {
        Self {
            rest: Some(element).filter(|element| !element.is_empty()),
            separator,
        }
    }
}

/// An empty element has no parts; a part itself may be empty.
impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let Some(separator) = self.separator else {
            return Some(rest);
        };
        let Some(at) = separator.find(rest, 0) else {
            return Some(rest);
        };
        self.rest = rest.get(at + separator.len()..);
        rest.get(..at)
    }
}

/// Bytes without the blanks around them, which almost no element has.
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    match bytes {
        [] => bytes,
        [first, ..] if *first <= b' ' => bytes.trim_ascii(),
        [.., last] if *last <= b' ' => bytes.trim_ascii(),
        _ => bytes,
    }
}

/// Bytes as text: UTF-8 if they are, Latin-1 otherwise.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match plain(bytes) {
        Some(text) => Cow::Borrowed(text),
        None => foreign(bytes),
    }
}

#[cold]
fn foreign(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}
