//! Guessing a terminator from the segments themselves.

use super::Separator;

/// How much of the text is looked at to guess a terminator, in bytes.
pub(super) const GUESS_WINDOW_BYTES: usize = 4096;

/// What people use as a terminator, for texts too short to show one.
pub(super) const USUAL_TERMINATORS: &[u8] = b"~'|^!\x1c\x1d\x1e\x1f\x85\x15\x7f";

/// What stands before the segment ids of a text: each place that looks like an id
/// and an element separator votes for the character before it.
pub(super) struct Votes {
    counts: Vec<(Separator, u32)>,
    line_feeds: u32,
    carriage_returns: u32,
    places: u32,
}

impl Votes {
    /// Counts in the first part of `text`, up to another ISA.
    pub(super) fn of(text: &[u8], element: Separator) -> Self {
        let mut votes = Self {
            counts: Vec::new(),
            line_feeds: 0,
            carriage_returns: 0,
            places: 0,
        };
        let window = window(text);
        for (before, break_) in places(window, element) {
            votes.count(before, break_, element);
        }
        votes
    }

    fn count(&mut self, before: Separator, break_: &[u8], element: Separator) {
        let broken = !break_.is_empty();
        if !broken && (before.is_data() || before == element) {
            return;
        }
        self.places += 1;
        if broken {
            let line_feed = break_.contains(&b'\n');
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

    /// The terminator; `None` when no second segment shows.
    ///
    /// A line break only wins where no character stands before it as a rule: most
    /// files with a visible terminator also break lines. A name may end in a full
    /// stop, so an unusual character must end every one of several lines.
    pub(super) fn winner(&self) -> Option<Separator> {
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

/// Whether `terminator` ends at least one segment, so that a declaration of it is
/// believed. The first segment of nearly every text shows it, so the rest is not
/// looked at.
pub(super) fn confirms(text: &[u8], element: Separator, terminator: Separator) -> bool {
    let usable = !terminator.is_data() && terminator != element;
    usable && places(window(text), element).any(|(before, _)| before == terminator)
}

fn window(text: &[u8]) -> &[u8] {
    &text[..text.len().min(GUESS_WINDOW_BYTES)]
}

/// What stands before each place that looks like an id and an element separator, and
/// the line break between, up to another ISA.
fn places(window: &[u8], element: Separator) -> impl Iterator<Item = (Separator, &[u8])> {
    let mut from = 0;
    let ids = std::iter::from_fn(move || {
        loop {
            let at = element.find(window, from)?;
            from = at + element.len();
            if let Some(id) = segment_id_before(window, at) {
                let another = id > 0 && &window[id..at] == b"ISA";
                return (!another).then_some(id);
            }
        }
    });
    ids.filter_map(|id| {
        let end = trimmed_end(&window[..id]);
        let before = Separator::before(window, end)?;
        Some((before, &window[end..id]))
    })
}

/// The terminator that the segments of `text` show; `None` when there is only one.
pub(super) fn guess_terminator(text: &[u8], element: Separator) -> Option<Separator> {
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
pub(super) fn last_character(input: &[u8]) -> Option<Separator> {
    let end = trimmed_end(input);
    let last = *input[..end].last()?;
    if USUAL_TERMINATORS.contains(&last) {
        return Some(Separator::byte(last));
    }
    input.contains(&b'\n').then_some(Separator::byte(b'\n'))
}

/// The length without line breaks at the end.
pub(super) fn trimmed_end(bytes: &[u8]) -> usize {
    let kept = bytes
        .iter()
        .rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    kept.map_or(0, |last| last + 1)
}
