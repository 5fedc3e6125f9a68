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

/// How far an ISA may reach, in bytes. The standard's is 106; ids padded twice or
/// separators of four bytes stay well below this, and it bounds the search.
const ISA_MAX_BYTES: usize = 512;

/// How far behind ISA-16 the next segment may begin, in bytes.
const TAIL_MAX_BYTES: usize = 64;

/// How much of the text is looked at to guess a terminator, in bytes.
const GUESS_WINDOW_BYTES: usize = 4096;

/// Elements of an ISA segment.
const ISA_ELEMENTS: usize = 16;

/// Segments that may follow an ISA.
const AFTER_ISA: [&[u8]; 7] = [b"GS", b"ISB", b"ISE", b"TA1", b"TA3", b"ST", b"IEA"];

/// What people use as a terminator, for texts too short to show one.
const USUAL_TERMINATORS: &[u8] = b"~'|^!\x1c\x1d\x1e\x1f\x85\x15\x7f";

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

/// Where an ISA ends and what it declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) separators: Separators,
    /// Length of the ISA without its terminator, in bytes.
    pub(crate) length: usize,
    /// Where to go on reading: behind the ISA's own terminator, if it has one.
    pub(crate) next: usize,
    pub(crate) quirks: Quirks,
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

// === reading an ISA ===

/// Whether `input` begins like an ISA: the tag and something that is no data.
pub(crate) fn begins_isa(input: &[u8]) -> bool {
    input.starts_with(b"ISA")
        && Separator::at(input, 3).is_some_and(|s| !s.is_data() && !s.is_line_break())
}

/// Reads the ISA that `input` begins with.
pub(crate) fn layout(input: &[u8]) -> Result<Layout, SeparatorsError> {
    if !input.starts_with(b"ISA") {
        return Err(SeparatorsError::NoHeader);
    }
    if !begins_isa(input) {
        return Err(SeparatorsError::InvalidElementSeparator);
    }
    let element = Separator::at(input, 3).ok_or(SeparatorsError::NoHeader)?;
    let window = &input[..input.len().min(ISA_MAX_BYTES)];

    // Places of the separators: the one that stands before element 1, 2, …
    let mut places = [0_usize; ISA_ELEMENTS];
    let mut from = 0;
    for (index, place) in places.iter_mut().enumerate() {
        let found = element.find(window, from);
        let piece = &window[from..found.unwrap_or(window.len())];
        if index > 0
            && let Some(end) = glued_segment(piece)
        {
            return Ok(short_layout(input, element, index, from + end));
        }
        let Some(at) = found else {
            return Err(SeparatorsError::HeaderTooShort { found: index as u8 });
        };
        *place = at;
        from = at + element.len();
    }
    let text = |n: usize| -> &[u8] {
        let start = places.get(n - 1).map_or(0, |at| at + element.len());
        &window[start..places.get(n).copied().unwrap_or(window.len())]
    };
    let tail = Tail::read(input, element, from);
    let mut separators = Separators {
        element,
        component: tail.component,
        repetition: None,
        terminator: tail.terminator,
    };
    separators.repetition = repetition(text(11), text(12), &separators);
    let quirks = Quirks {
        element_count: tail.extra_elements.then_some(ISA_ELEMENTS as u8 + 1),
        component_odd: tail.component_odd,
        terminator_guessed: tail.guessed,
    };
    Ok(Layout {
        separators,
        length: tail.isa_end,
        next: tail.next,
        quirks,
    })
}

/// Where an element that swallowed the next segment really ends, if it did: it
/// ends in the id of a segment that follows an ISA, and before the id stands a
/// line break or a usual terminator.
fn glued_segment(piece: &[u8]) -> Option<usize> {
    let rest = AFTER_ISA.iter().find_map(|id| piece.strip_suffix(*id))?;
    let end = trimmed_end(rest);
    let broken = end < rest.len();
    let terminated = end > 0 && USUAL_TERMINATORS.contains(&rest[end - 1]);
    match (broken, terminated) {
        (_, true) => Some(end - 1),
        (true, false) => Some(end),
        (false, false) => None,
    }
}

/// The layout of an ISA with fewer than 16 elements, which ends at `end`.
fn short_layout(input: &[u8], element: Separator, elements: usize, end: usize) -> Layout {
    let terminator = Separator::at(input, end).unwrap_or(Separator::byte(b'~'));
    let follows = &input[(end + terminator.len()).min(input.len())..];
    let guess = guess_terminator(follows, element);
    Layout {
        separators: Separators {
            element,
            component: None,
            repetition: None,
            terminator: guess.unwrap_or(terminator),
        },
        length: end,
        next: end + terminator.len(),
        quirks: Quirks {
            element_count: Some(elements as u8),
            component_odd: true,
            terminator_guessed: guess.is_some_and(|guess| guess != terminator),
        },
    }
}

/// The repetition separator: one character that cannot be data, and only where
/// the version has repetitions.
fn repetition(isa11: &[u8], version: &[u8], others: &Separators) -> Option<Separator> {
    let candidate = Separator::at(isa11, 0)?;
    let usable = candidate.len() == isa11.len()
        && version >= b"00402".as_slice()
        && !candidate.is_data()
        && !candidate.is_line_break()
        && candidate != others.terminator
        && Some(candidate) != others.component;
    usable.then_some(candidate)
}

/// What stands behind the sixteenth separator of an ISA.
struct Tail {
    component: Option<Separator>,
    component_odd: bool,
    extra_elements: bool,
    terminator: Separator,
    guessed: bool,
    isa_end: usize,
    next: usize,
}

impl Tail {
    fn read(input: &[u8], element: Separator, start: usize) -> Self {
        let boundary = next_segment(input, element, start);
        let limit = input.len().min(start + TAIL_MAX_BYTES);
        let raw = &input[start..boundary.unwrap_or(limit)];
        let core = &raw[..trimmed_end(raw)];
        let follows = boundary.map_or(&[][..], |at| &input[at..]);

        let first = Separator::at(core, 0);
        let single = first.is_some_and(|first| first.len() == core.len());
        let broken = core.len() < raw.len();
        match first {
            // Nothing but a line break, or nothing at all.
            None => Self::without_component(input, start, follows, element, None),
            // One character and a line break: either ISA-16 before a line break
            // that terminates, or a terminator behind an empty ISA-16.
            Some(only) if single && broken => {
                Self::one_character(input, start, follows, element, only)
            }
            Some(only) if single => {
                Self::without_component(input, start, follows, element, Some(only))
            }
            Some(component) => {
                Self::two_characters(input, start, core.len(), follows, element, component)
            }
        }
    }

    fn without_component(
        input: &[u8],
        start: usize,
        follows: &[u8],
        element: Separator,
        declared: Option<Separator>,
    ) -> Self {
        let guess = guess_terminator(follows, element);
        let own = declared.or_else(|| Separator::at(input, start));
        let own = own.unwrap_or(Separator::byte(b'~'));
        let terminator = guess.unwrap_or(own);
        Self {
            component: None,
            component_odd: true,
            extra_elements: false,
            terminator,
            guessed: terminator != own,
            isa_end: start,
            next: start + own.len(),
        }
    }

    fn one_character(
        input: &[u8],
        start: usize,
        follows: &[u8],
        element: Separator,
        only: Separator,
    ) -> Self {
        let end = start + only.len();
        // At the end of the text `~` alone is far likelier a terminator.
        let usual = only.is_single() && USUAL_TERMINATORS.contains(&only.first());
        let guess = guess_terminator(follows, element);
        if guess == Some(only) || (guess.is_none() && usual) {
            return Self {
                component: None,
                component_odd: true,
                extra_elements: false,
                terminator: only,
                guessed: false,
                isa_end: start,
                next: end,
            };
        }
        // CR LF counts as the line feed; the tokenizer drops the CR before it.
        let line_feed = super::scan::find(input, end, b'\n').filter(|at| *at <= end + 1);
        let own = if line_feed.is_some() {
            Separator::byte(b'\n')
        } else {
            Separator::byte(b'\r')
        };
        let terminator = guess.unwrap_or(own);
        let component = Some(only).filter(|c| !c.is_data());
        Self {
            component,
            component_odd: component.is_none(),
            extra_elements: false,
            terminator,
            guessed: !terminator.is_line_break(),
            isa_end: end,
            next: line_feed.unwrap_or(end) + 1,
        }
    }

    fn two_characters(
        input: &[u8],
        start: usize,
        core_length: usize,
        follows: &[u8],
        element: Separator,
        component: Separator,
    ) -> Self {
        // No segment follows near by: the standard's places are all there is.
        let end = if follows.is_empty() && core_length > 4 {
            start
                + component.len()
                + Separator::at(input, start + component.len()).map_or(0, |s| s.len())
        } else {
            start + core_length
        };
        let own = Separator::before(input, end).unwrap_or(component);
        let isa_end = end - own.len();
        let votes = Votes::of(follows, element);
        let guess = votes.winner().filter(|_| !votes.confirm(own));
        let usable = !component.is_data() && !component.is_line_break();
        Self {
            component: Some(component).filter(|c| usable && *c != own),
            component_odd: !usable || isa_end != start + component.len(),
            extra_elements: element.find(&input[..isa_end], start).is_some(),
            terminator: guess.unwrap_or(own),
            guessed: guess.is_some(),
            isa_end,
            next: end,
        }
    }
}

/// Where the segment behind an ISA begins, looked for near `start`.
fn next_segment(input: &[u8], element: Separator, start: usize) -> Option<usize> {
    let limit = input.len().min(start + TAIL_MAX_BYTES);
    (start..limit).find(|at| {
        let rest = &input[*at..];
        AFTER_ISA
            .iter()
            .any(|id| rest.starts_with(id) && element.is_at(rest, id.len()))
    })
}

/// What stands before the segment ids of a text: each place that looks like an id
/// and an element separator votes for the character before it.
struct Votes {
    counts: Vec<(Separator, u32)>,
    line_feeds: u32,
    carriage_returns: u32,
    places: u32,
}

impl Votes {
    /// Counts in the first part of `text`, up to another ISA.
    fn of(text: &[u8], element: Separator) -> Self {
        let window = &text[..text.len().min(GUESS_WINDOW_BYTES)];
        let mut votes = Self {
            counts: Vec::new(),
            line_feeds: 0,
            carriage_returns: 0,
            places: 0,
        };
        let mut from = 0;
        while let Some(at) = element.find(window, from) {
            from = at + element.len();
            let Some(id) = segment_id_before(window, at) else {
                continue;
            };
            if id > 0 && &window[id..at] == b"ISA" {
                break;
            }
            votes.count(window, element, id);
        }
        votes
    }

    fn count(&mut self, window: &[u8], element: Separator, id: usize) {
        let end = trimmed_end(&window[..id]);
        let Some(before) = Separator::before(window, end) else {
            return;
        };
        let broken = end < id;
        if !broken && (before.is_data() || before == element) {
            return;
        }
        self.places += 1;
        if broken {
            let line_feed = window[end..id].contains(&b'\n');
            self.line_feeds += u32::from(line_feed);
            self.carriage_returns += u32::from(!line_feed);
        }
        if before.is_data() || before == element {
            return;
        }
        match self
            .counts
            .iter_mut()
            .find(|(separator, _)| *separator == before)
        {
            Some((_, count)) => *count += 1,
            None => self.counts.push((before, 1)),
        }
    }

    /// Whether `terminator` ends at least one segment, so that a declaration of it
    /// is believed.
    fn confirm(&self, terminator: Separator) -> bool {
        self.counts
            .iter()
            .any(|(separator, _)| *separator == terminator)
    }

    /// The terminator; `None` when no second segment shows.
    ///
    /// A line break only wins where no character stands before it as a rule: most
    /// files with a visible terminator also break lines. A name may end in a full
    /// stop, so an unusual character must end every one of several lines.
    fn winner(&self) -> Option<Separator> {
        let breaks = self.line_feeds + self.carriage_returns;
        let visible = self.counts.iter().find(|(separator, count)| {
            let usual = separator.is_single() && USUAL_TERMINATORS.contains(&separator.first());
            let majority = *count * 2 > self.places;
            majority && (usual || breaks < *count || (*count == self.places && *count >= 3))
        });
        if let Some((separator, _)) = visible {
            return Some(*separator);
        }
        if breaks > 0 {
            let byte = if self.line_feeds >= self.carriage_returns {
                b'\n'
            } else {
                b'\r'
            };
            return Some(Separator::byte(byte));
        }
        let most = self.counts.iter().map(|(_, count)| *count).max()?;
        self.counts
            .iter()
            .find(|(_, count)| *count == most)
            .map(|(separator, _)| *separator)
    }
}

fn guess_terminator(text: &[u8], element: Separator) -> Option<Separator> {
    Votes::of(text, element).winner()
}

/// Where the segment id that ends at `end` begins, if one does.
fn segment_id_before(window: &[u8], end: usize) -> Option<usize> {
    [3, 2].into_iter().find_map(|length| {
        let start = end.checked_sub(length)?;
        let id = segment_id_length(&window[start..]) == Some(length);
        let alone = start == 0 || !window[start - 1].is_ascii_alphanumeric();
        (id && alone).then_some(start)
    })
}

/// Two or three bytes that could be a segment id: a letter, then letters or digits,
/// not followed by another.
pub(crate) fn segment_id_length(input: &[u8]) -> Option<usize> {
    let upper = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let length = input.iter().take(4).take_while(|byte| upper(byte)).count();
    (matches!(length, 2 | 3) && input[0].is_ascii_uppercase()).then_some(length)
}

/// The last character of a text of one segment, if people terminate with it.
fn last_character(input: &[u8]) -> Option<Separator> {
    let end = trimmed_end(input);
    let last = *input[..end].last()?;
    if USUAL_TERMINATORS.contains(&last) {
        return Some(Separator::byte(last));
    }
    input.contains(&b'\n').then_some(Separator::byte(b'\n'))
}

/// The length without line breaks at the end.
fn trimmed_end(bytes: &[u8]) -> usize {
    let kept = bytes
        .iter()
        .rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    kept.map_or(0, |last| last + 1)
}
