//! One segment's bytes: where it ends and where its elements begin.

use crate::x12::scan::{self, Splat, lowest, word};
use crate::x12::segment::{INDEXED_MAX, Segment};
use crate::x12::separators::{Separator, Separators};

/// Finds the terminator of the segment that `rest` begins with and the places of
/// its element separators, both one byte wide.
#[inline]
pub(super) fn index_fast(rest: &[u8], segment: &mut Segment<'_>) -> Option<usize> {
    let element = segment.separators.element.first();
    let terminator = segment.separators.terminator.first();
    let (elements, terminators) = (Splat::new(element), Splat::new(terminator));
    let mut at = 0;
    let mut count = 0_usize;
    // Places are kept in 16 bits; what lies behind is found by search.
    while let Some(word) = word(rest, at) {
        if at > usize::from(u16::MAX) - 8 {
            break;
        }
        let ends = terminators.matches(word);
        let mut marks = elements.matches(word);
        if ends != 0 {
            // Only marks before the first end count: bits below its lowest.
            marks &= (ends & ends.wrapping_neg()) - 1;
        }
        while marks != 0 {
            if let Some(place) = segment.at.get_mut(count) {
                *place = (at + lowest(marks)) as u16;
            }
            count += 1;
            marks &= marks - 1;
        }
        if ends != 0 {
            segment.indexed = count.min(INDEXED_MAX) as u8;
            segment.more = count > INDEXED_MAX;
            return Some(at + lowest(ends));
        }
        at += 8;
    }
    index_rest(rest, at, count, segment)
}

/// Whether `rest` begins with a sound id and an element separator, and the id is
/// none of those that need a look.
#[inline]
pub(super) fn has_plain_id(rest: &[u8], element: Separator) -> bool {
    let sound = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let [first, second, third, ..] = rest else {
        return false;
    };
    let length = if sound(third) { 3 } else { 2 };
    first.is_ascii_uppercase()
        && sound(second)
        && element.is_at(rest, length)
        && !matches!(
            (first, second),
            (b'S', b'E' | b'T') | (b'G', b'E' | b'S') | (b'I', b'S' | b'E') | (b'B', b'I' | b'D')
        )
}

/// Where the terminator of a segment is, unless a line break comes first.
#[inline]
pub(super) fn end_of_plain(rest: &[u8], terminator: u8) -> Option<usize> {
    let (ends, breaks) = (Splat::new(terminator), Splat::new(b'\n'));
    let mut at = 0;
    while let Some(word) = word(rest, at) {
        let stops = ends.matches(word) | breaks.matches(word);
        if stops != 0 {
            let stop = at + lowest(stops);
            return (rest.get(stop) == Some(&terminator)).then_some(stop);
        }
        at += 8;
    }
    let stop = at
        + rest
            .get(at..)?
            .iter()
            .position(|byte| [terminator, b'\n'].contains(byte))?;
    (rest.get(stop) == Some(&terminator)).then_some(stop)
}

/// The last few bytes of the input, or what lies behind 64 KiB of one segment.
fn index_rest(rest: &[u8], from: usize, count: usize, segment: &mut Segment<'_>) -> Option<usize> {
    let element = segment.separators.element.first();
    let terminator = segment.separators.terminator.first();
    let mut count = count;
    if rest.len() - from >= 8 {
        segment.indexed = count.min(INDEXED_MAX) as u8;
        let end = scan::find(rest, from, terminator);
        let tail = &rest[from..end.unwrap_or(rest.len())];
        segment.more = count > INDEXED_MAX || scan::find(tail, 0, element).is_some();
        return end;
    }
    let mut end = None;
    for (at, byte) in rest.iter().enumerate().skip(from) {
        if *byte == terminator {
            end = Some(at);
            break;
        }
        if *byte == element {
            if let Some(place) = segment.at.get_mut(count) {
                *place = at as u16;
            }
            count += 1;
        }
    }
    segment.indexed = count.min(INDEXED_MAX) as u8;
    segment.more = count > INDEXED_MAX;
    end
}

/// The same for separators of several bytes: slower, and rarely needed.
pub(super) fn index_wide(rest: &[u8], segment: &mut Segment<'_>) -> Option<usize> {
    let Separators {
        element,
        terminator,
        ..
    } = segment.separators;
    let mut at = 0;
    while at < rest.len() {
        if terminator.is_at(rest, at) {
            return Some(at);
        }
        if element.is_at(rest, at) {
            record(segment, at);
            at += element.len();
        } else {
            at += 1;
        }
    }
    None
}

/// Remembers a separator's place, or that there are more.
pub(super) fn record(segment: &mut Segment<'_>, at: usize) {
    let place = segment.at.get_mut(usize::from(segment.indexed));
    match (place, u16::try_from(at)) {
        (Some(place), Ok(at)) if !segment.more => {
            *place = at;
            segment.indexed += 1;
        }
        _ => segment.more = true,
    }
}

/// Drops the CR before a line feed that terminates: the file has CR LF lines.
#[inline]
pub(super) fn drop_line_end(segment: &mut Segment<'_>) {
    if segment.separators.terminator.first() == b'\n'
        && let Some((b'\r', kept)) = segment.raw.split_last()
        && segment.separators.element.first() != b'\r'
    {
        segment.raw = kept;
    }
}
