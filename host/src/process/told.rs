//! What partners write, in bounds: states, exceptions and summaries keep their words, and
//! nobody's words may fill them.

use super::{Refusal, number::Number};
use crate::message::Digest;

/// Bytes of a partner's words that a state keeps: a paragraph.
const WORDS_BYTES_MAX: usize = 300;

/// Bytes of a fact's value.
const FACT_BYTES_MAX: usize = 200;

/// Facts of one summary.
const FACTS_MAX: usize = 16;

/// Things that a text names before it counts the rest.
const NAMED_MAX: usize = 10;

/// What lists, searches and routing need to know of an instance.
#[derive(Debug, Default)]
pub(super) struct Sheet(Vec<(String, String)>);

/// Bytes of a name that a state keeps: an item's or a line's number. X12 has 48 for the
/// longest.
const NAME_BYTES_MAX: usize = 80;

/// A partner's words, cut where they get too long.
#[must_use]
pub(super) fn words(text: &str) -> String {
    cut(text, WORDS_BYTES_MAX)
}

/// A number that names something inside a document.
///
/// # Errors
/// When it is too long to be one.
pub(super) fn name(text: &str) -> Result<String, Refusal> {
    if text.len() <= NAME_BYTES_MAX {
        return Ok(text.to_owned());
    }
    let text = format!(
        "{} has {} bytes; a number has at most {NAME_BYTES_MAX}",
        cut(text, NAME_BYTES_MAX),
        text.len()
    );
    Err(Refusal::new("number-unfit", text))
}

/// A quantity or an amount that can be reckoned with.
///
/// # Errors
/// When [`Number::of`] could not make one of what was written.
pub(super) fn fit(number: Option<Number>) -> Result<Number, Refusal> {
    number.ok_or_else(|| {
        Refusal::new(
            "number-unfit",
            "a number is too large, or has more than six decimals",
        )
    })
}

/// Tells contents apart, in keys and versions.
#[must_use]
pub(super) fn digest_of(text: &str) -> u64 {
    let digest = Digest::of(text.as_bytes());
    let mut head = [0; 8];
    head.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_be_bytes(head)
}

/// Names, the first of them by themselves and the others by their number.
#[must_use]
pub(super) fn names(all: &[String]) -> String {
    let mut text = all
        .iter()
        .take(NAMED_MAX)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if all.len() > NAMED_MAX {
        text.push_str(&format!(" and {} more", all.len() - NAMED_MAX));
    }
    text
}

fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let dots = "…";
    let mut end = bytes_max - dots.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{dots}", &text[..end])
}

// === impl Sheet ===

impl Sheet {
    /// With this one.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        debug_assert!(self.0.len() < FACTS_MAX, "{name} is one fact too many");
        if self.0.len() < FACTS_MAX {
            self.0
                .push((name.to_owned(), cut(&value.to_string(), FACT_BYTES_MAX)));
        }
        self
    }

    /// With this one, if it is known.
    #[must_use]
    pub(super) fn maybe(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// All of them.
    #[must_use]
    pub(super) fn all(self) -> Vec<(String, String)> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_between_characters() {
        assert_eq!(words("short"), "short");
        let long = "ä".repeat(WORDS_BYTES_MAX);
        let kept = words(&long);
        assert!(
            kept.len() <= WORDS_BYTES_MAX && kept.ends_with("ä…"),
            "{kept}"
        );
    }

    #[test]
    fn many_names_are_counted() {
        let few = ["1".to_owned(), "2".to_owned()];
        assert_eq!(names(&few), "1, 2");
        let many: Vec<String> = (0..12).map(|no| no.to_string()).collect();
        assert_eq!(names(&many), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
    }

    #[test]
    fn a_fact_is_short_and_one_that_nobody_knows_is_left_out() {
        let facts = Sheet::default()
            .with("node", "north")
            .maybe("carrier", None::<&str>)
            .with("text", "x".repeat(1_000))
            .all();
        assert_eq!(facts.len(), 2);
        assert_eq!(facts[0], ("node".to_owned(), "north".to_owned()));
        assert!(facts[1].1.len() <= FACT_BYTES_MAX);
    }
}
