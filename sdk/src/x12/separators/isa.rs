//! Reading an ISA whatever its shape: sixteen separators are counted, what stands
//! behind the last is weighed against the segments that follow.

use super::votes::{USUAL_TERMINATORS, confirms, guess_terminator, trimmed_end};
use super::{Quirks, Separator, Separators, SeparatorsError};
use crate::x12::scan;

/// How far an ISA may reach, in bytes. The standard's is 106; ids padded twice or
/// separators of four bytes stay well below this, and it bounds the search.
const ISA_MAX_BYTES: usize = 512;

/// How far behind ISA-16 the next segment may begin, in bytes.
const TAIL_MAX_BYTES: usize = 64;

/// Elements of an ISA segment.
const ISA_ELEMENTS: usize = 16;

/// Segments that may follow an ISA.
const AFTER_ISA: [&[u8]; 7] = [b"GS", b"ISB", b"ISE", b"TA1", b"TA3", b"ST", b"IEA"];

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
        let line_feed = scan::find(input, end, b'\n').filter(|at| *at <= end + 1);
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
        let guess = if confirms(follows, element, own) {
            None
        } else {
            guess_terminator(follows, element)
        };
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
