//! Bytes to segments, in one pass, without copying.
//!
//! The tokenizer never fails once it has separators: whatever the bytes are, it
//! ends, and every byte that is not layout between segments belongs to exactly one
//! of them. Judging what it yields is the [envelope reader](super::envelope)'s.
//!
//! It takes the separators of each ISA anew, so that one file may hold interchanges
//! of different partners.

use super::segment::{INDEXED_MAX, Segment};
use super::separators::{self, Layout, Quirks, Separators, SeparatorsError};

mod index;

use index::{drop_line_end, end_of_plain, has_plain_id, index_fast, index_wide, record};

/// How far into a text an ISA is looked for, in bytes. Mail gateways and AS2
/// wrappers leave headers before it.
const PREAMBLE_MAX_BYTES: usize = 64 * 1024;

/// Where the tokenizer's bytes lie in the input as it was received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Bytes of the input before the first of ours.
    pub(crate) base: usize,
    /// Line width, when line breaks were taken out; 0 otherwise.
    pub(crate) width: usize,
    /// Bytes of each line break that was taken out.
    pub(crate) line_break: usize,
}

/// An iterator of [`Segment`]s over bytes.
#[derive(Clone, Debug)]
pub struct Tokenizer<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Where the segment read last begins.
    last: usize,
    separators: Separators,
    quirks: Quirks,
    /// Where the first ISA begins, read already.
    first: Option<(usize, Layout)>,
    origin: Origin,
    /// Ordinal of the segment read last.
    ordinal: u32,
    /// Whether segments are being counted: inside a transaction set.
    counting: bool,
    /// Whether an ISA may change the separators.
    follows_isa: bool,
}

// === impl Origin ===

impl Origin {
    fn of(&self, position: usize) -> usize {
        let breaks = position.checked_div(self.width).unwrap_or(0);
        self.base + position + breaks * self.line_break
    }
}

// === impl Tokenizer ===

impl<'a> Tokenizer<'a> {
    /// Reads interchanges: finds the first ISA and takes the separators from it. A
    /// byte order mark and what a gateway left before the ISA are skipped
    /// ([`Tokenizer::position`] tells how much).
    ///
    /// # Errors
    /// [`SeparatorsError`] when no ISA can be found or read.
    pub fn new(bytes: &'a [u8]) -> Result<Self, SeparatorsError> {
        let (position, layout) = first_isa(bytes)?;
        Ok(Self {
            bytes,
            position,
            last: position,
            separators: layout.separators,
            quirks: layout.quirks,
            first: Some((position, layout)),
            origin: Origin::default(),
            ordinal: 0,
            counting: false,
            follows_isa: true,
        })
    }

    /// Reads a text without an envelope, `ST` to `SE` or bare segments, with
    /// guessed separators ([`Separators::guess`]).
    ///
    /// # Errors
    /// [`SeparatorsError::NoHeader`] when the text does not begin with a segment.
    pub fn fragment(bytes: &'a [u8]) -> Result<Self, SeparatorsError> {
        let position = text_start(bytes);
        let separators = Separators::guess(&bytes[position..])?;
        let mut tokenizer = Self::with_separators(bytes, separators);
        tokenizer.position = position;
        Ok(tokenizer)
    }

    /// Reads a text whose separators are known. An ISA does not change them.
    pub fn with_separators(bytes: &'a [u8], separators: Separators) -> Self {
        Self {
            bytes,
            position: 0,
            last: 0,
            separators,
            quirks: Quirks::default(),
            first: None,
            origin: Origin::default(),
            ordinal: 0,
            counting: false,
            follows_isa: false,
        }
    }

    pub(crate) fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// A tokenizer over one transaction set in the same text, counting from its
    /// first segment whether or not that is an ST.
    pub(crate) fn over_set(&self, start: usize, end: usize) -> Self {
        Self {
            bytes: &self.bytes[..end],
            position: start,
            ordinal: 0,
            counting: true,
            follows_isa: false,
            ..self.clone()
        }
    }

    /// The separators in force for the segment read last.
    pub fn separators(&self) -> &Separators {
        &self.separators
    }

    /// What had to be guessed about the separators in force.
    pub fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// Where the tokenizer stands in its bytes.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Where the segment read last begins in its bytes.
    pub(crate) fn last_start(&self) -> usize {
        self.last
    }

    /// The bytes read from.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Reads an ISA, whose end is known from counting its elements.
    fn isa(&mut self, layout: &Layout) -> Segment<'a> {
        self.separators = layout.separators;
        self.quirks = layout.quirks;
        (self.ordinal, self.counting) = (0, false);
        let start = self.position;
        let end = start + layout.length;
        let next = start + layout.next;
        let mut segment = self.blank(start);
        index_wide(&self.bytes[start..end], &mut segment);
        segment.raw = &self.bytes[start..end];
        segment.terminated = next <= self.bytes.len() && layout.next > layout.length;
        self.position = next.min(self.bytes.len());
        segment
    }

    fn blank(&self, start: usize) -> Segment<'a> {
        Segment {
            raw: &[],
            offset: self.origin.of(start),
            ordinal: 0,
            indexed: 0,
            more: false,
            terminated: false,
            separators: self.separators,
            at: [0; INDEXED_MAX],
        }
    }

    /// Counts the segment's position in its transaction set.
    #[inline]
    fn number(&mut self, segment: &mut Segment<'a>) {
        match segment.id() {
            b"ST" => (self.ordinal, self.counting) = (1, true),
            b"GE" | b"GS" | b"IEA" => (self.ordinal, self.counting) = (0, false),
            b"SE" if self.counting => {
                segment.ordinal = self.ordinal + 1;
                (self.ordinal, self.counting) = (0, false);
                return;
            }
            _ => self.ordinal += u32::from(self.counting),
        }
        segment.ordinal = self.ordinal;
    }

    /// Takes back the part of a cut segment that is the next envelope segment: the
    /// cut one lost its terminator, so it runs on into the next line. Only where that
    /// shows at no cost: a trailer with more elements than trailers have, and a
    /// segment with as many as an ISA has.
    fn give_back(&mut self, segment: &mut Segment<'a>, start: usize) {
        let swallowed = segment
            .at
            .iter()
            .take(usize::from(segment.indexed))
            .find_map(|at| {
                let before = segment.raw.get(..usize::from(*at))?;
                let line = before
                    .iter()
                    .rposition(|byte| matches!(byte, b'\n' | b'\r'))?
                    + 1;
                let envelope = match &before[line..] {
                    b"ISA" => separators::layout(&self.bytes[start + line..]).is_ok(),
                    b"ST" | b"GE" | b"GS" | b"IEA" => true,
                    _ => false,
                };
                envelope.then_some(line)
            });
        let Some(line) = swallowed else { return };
        let cut = &segment.raw[..line];
        let end = cut.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        let cut = &cut[..end.map_or(0, |last| last + 1)];
        *segment = self.blank(start);
        index_wide(cut, segment);
        segment.raw = cut;
        self.position = start + line;
    }

    /// The segment at `start` if it holds raw bytes of a stated length (BIN, BDS)
    /// and the length is right: then a terminator or the end follows the bytes.
    #[cold]
    fn binary(&mut self, start: usize) -> Option<Segment<'a>> {
        let rest = &self.bytes[start..];
        let separator = self.separators.element;
        // BDS has a filter id before the length.
        let fields = if rest.starts_with(b"BIN") { 1 } else { 2 };
        let mut segment = self.blank(start);
        let mut length = None;
        let mut at = 3;
        for _ in 0..fields {
            record(&mut segment, at);
            let from = at + separator.len();
            let end = separator.find(rest, from).filter(|end| end - from <= 15)?;
            length = number(&rest[from..end]);
            at = end;
        }
        record(&mut segment, at);
        let end = (at + separator.len()).checked_add(length?)?;
        let terminator = self.separators.terminator;
        segment.terminated = terminator.is_at(rest, end);
        if !segment.terminated && end != rest.len() {
            return None;
        }
        segment.raw = rest.get(..end)?;
        self.position = start
            + end
            + if segment.terminated {
                terminator.len()
            } else {
                0
            };
        Some(segment)
    }
}

impl<'a> Iterator for Tokenizer<'a> {
    type Item = Segment<'a>;

    #[inline]
    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            let start = skip_layout(self.bytes, self.position, &self.separators);
            (self.position, self.last) = (start, start);
            let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
            // Two letters begin all the segments that need a second look.
            if matches!(rest[0], b'I' | b'B')
                && let Some(segment) = self.special(rest, start)
            {
                return Some(segment);
            }
            let segment = self.ordinary(rest, start);
            // Two terminators in a row hold no segment.
            if !segment.raw.is_empty() {
                return Some(segment);
            }
        }
    }
}

impl<'a> Tokenizer<'a> {
    #[inline]
    fn ordinary(&mut self, rest: &'a [u8], start: usize) -> Segment<'a> {
        let mut segment = self.blank(start);
        let single = self.separators.element.is_single() && self.separators.terminator.is_single();
        let end = if single {
            index_fast(rest, &mut segment)
        } else {
            index_wide(rest, &mut segment)
        };
        let (raw, width) = match end {
            Some(end) => (&rest[..end], self.separators.terminator.len()),
            None => (rest, 0),
        };
        segment.terminated = end.is_some();
        self.position = start + raw.len() + width;
        segment.raw = raw;
        if segment.indexed >= 3 && segment.may_run_on() {
            self.give_back(&mut segment, start);
        }
        drop_line_end(&mut segment);
        self.number(&mut segment);
        segment
    }

    /// Steps over the next segment if nothing about it needs a look: it is no
    /// envelope segment and holds no raw bytes, its id is sound, it is terminated and
    /// no line break stands in it. The structure of an interchange is found at the
    /// price of one search for each segment this way.
    #[inline]
    pub(crate) fn skip_plain(&mut self) -> bool {
        let start = skip_layout(self.bytes, self.position, &self.separators);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let Separators {
            element,
            terminator,
            ..
        } = self.separators;
        if !terminator.is_single() || !has_plain_id(rest, element) {
            return false;
        }
        let Some(end) = end_of_plain(rest, terminator.first()) else {
            return false;
        };
        (self.last, self.position) = (start, start + end + 1);
        self.ordinal += u32::from(self.counting);
        true
    }

    /// The layout of the ISA at `start`, if it can be read.
    fn layout(&self, rest: &[u8], start: usize) -> Option<Layout> {
        match self.first {
            Some((first, layout)) if first == start => Some(layout),
            _ => separators::layout(rest).ok(),
        }
    }

    /// The segment at `start` if it is an ISA or holds raw bytes.
    fn special(&mut self, rest: &'a [u8], start: usize) -> Option<Segment<'a>> {
        if self.follows_isa
            && rest.starts_with(b"ISA")
            && let Some(layout) = self.layout(rest, start)
        {
            return Some(self.isa(&layout));
        }
        if is_binary(rest, &self.separators) {
            let mut segment = self.binary(start)?;
            self.number(&mut segment);
            return Some(segment);
        }
        None
    }
}

fn is_binary(rest: &[u8], separators: &Separators) -> bool {
    (rest.starts_with(b"BIN") || rest.starts_with(b"BDS")) && separators.element.is_at(rest, 3)
}

fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Steps over what stands between segments and means nothing: line breaks, blanks,
/// the NUL and Ctrl-Z that pad old files; never over an element separator.
#[inline]
fn skip_layout(bytes: &[u8], from: usize, separators: &Separators) -> usize {
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        // One comparison for the common case: a letter begins a segment.
        if *byte > b' ' || !is_layout(*byte) || separators.element.first() == *byte {
            break;
        }
        at += 1;
    }
    at
}

fn is_layout(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0 | 0x1a)
}

/// Where a text begins: behind a UTF-8 byte order mark and blanks.
pub(crate) fn text_start(bytes: &[u8]) -> usize {
    let mark = if bytes.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let blank = bytes[mark..]
        .iter()
        .take_while(|byte| is_layout(**byte))
        .count();
    mark + blank
}

/// The first ISA that can be read, at the start or behind a preamble.
fn first_isa(bytes: &[u8]) -> Result<(usize, Layout), SeparatorsError> {
    let start = text_start(bytes);
    let direct = separators::layout(&bytes[start..]);
    if let Ok(layout) = direct {
        return Ok((start, layout));
    }
    let window = &bytes[..bytes.len().min(PREAMBLE_MAX_BYTES)];
    let mut from = start;
    while let Some(at) = super::scan::find(window, from, b'I') {
        let alone = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        if alone
            && separators::begins_isa(&bytes[at..])
            && let Ok(layout) = separators::layout(&bytes[at..])
        {
            return Ok((at, layout));
        }
        from = at + 1;
    }
    direct.map(|layout| (start, layout))
}
