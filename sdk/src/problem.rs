//! Problems: what is wrong, where, whose fault it is, and what helps.
//!
//! A problem reaches a person who has never seen the adapter, so it names what was
//! found and what was expected. The constructors differ in whom they blame, which is
//! what the host and that person act on.

use crate::{Blame, ElementPlace, Place, Problem, json};

/// How much of an offending value is shown, in characters.
const VALUE_CHARS_MAX: usize = 100;

impl Problem {
    /// The partner sent something wrong.
    pub fn partner_data(code: impl Into<String>, text: impl Into<String>) -> Problem {
        Problem::new(Blame::PartnerData, code, text)
    }

    /// The adapter can't do it.
    pub fn adapter(code: impl Into<String>, text: impl Into<String>) -> Problem {
        Problem::new(Blame::Adapter, code, text)
    }

    /// The settings or lookup tables are wrong or incomplete.
    pub fn settings(code: impl Into<String>, text: impl Into<String>) -> Problem {
        Problem::new(Blame::Settings, code, text)
    }

    /// The document that should be sent can't be said in the partner's dialect; who made
    /// it is to blame, or who sent it here.
    pub fn document(code: impl Into<String>, text: impl Into<String>) -> Problem {
        Problem::new(Blame::Other("document".to_owned()), code, text)
    }

    /// A problem with the message as a whole that trying again does not cure.
    /// `code` is stable, in lower-case words with dashes; `text` is one sentence.
    pub fn new(blame: Blame, code: impl Into<String>, text: impl Into<String>) -> Problem {
        Problem {
            code: code.into(),
            text: text.into(),
            place: Place::Whole,
            blame,
            retryable: false,
            remedy: None,
            value: None,
            acknowledgement_code: None,
            extras: Vec::new(),
        }
    }

    /// The same problem with its place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Problem {
        self.place = place;
        self
    }

    /// The same problem at an RFC 6901 pointer.
    #[must_use]
    pub fn at_pointer(self, pointer: impl Into<String>) -> Problem {
        self.at(Place::Pointer(pointer.into()))
    }

    /// The same problem at a segment or element.
    #[must_use]
    pub fn at_element(self, place: ElementPlace) -> Problem {
        self.at(Place::Element(place))
    }

    /// The same problem with what to do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Problem {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same problem with the offending value, shortened to 100 characters.
    #[must_use]
    pub fn with_value(mut self, value: impl AsRef<str>) -> Problem {
        self.value = Some(value.as_ref().chars().take(VALUE_CHARS_MAX).collect());
        self
    }

    /// The same problem with the code that an acknowledgement names it by.
    #[must_use]
    pub fn with_acknowledgement_code(mut self, code: impl Into<String>) -> Problem {
        self.acknowledgement_code = Some(code.into());
        self
    }

    /// The same problem with something that has no field.
    #[must_use]
    pub fn with_extra(mut self, name: impl Into<String>, value: impl Into<String>) -> Problem {
        self.extras.push((name.into(), value.into()));
        self
    }

    /// The same problem, which the same input may not meet later.
    #[must_use]
    pub fn retryable(mut self) -> Problem {
        self.retryable = true;
        self
    }
}

/// The text came from a partner; where the adapter made the value itself
/// ([`json::Reason::Unwritable`]), the adapter is blamed.
impl From<json::Error> for Problem {
    fn from(error: json::Error) -> Problem {
        let blame = match error.reason() {
            json::Reason::Unwritable => Blame::Adapter,
            _ => Blame::PartnerData,
        };
        let text = match error.line() {
            Some(line) => format!("{} (line {line})", error.text()),
            None => error.text().to_owned(),
        };
        let pointer = error.pointer();
        let mut problem = Problem::new(blame, error.reason().code(), text);
        if !pointer.is_empty() {
            problem = problem.at_pointer(pointer);
        } else if let Some(line) = error.line() {
            problem = problem.at(Place::Line(line));
        }
        match error.found() {
            Some(value) => problem.with_value(value),
            None => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Order;

    #[test]
    fn shortens_values_at_a_character() {
        let problem = Problem::partner_data("x", "y").with_value("é".repeat(300));
        assert_eq!(problem.value.unwrap().chars().count(), 100);
    }

    #[test]
    fn a_json_error_keeps_its_place_and_blames_the_partner() {
        let error = json::from_str::<Order>("{\n\"order_no\": 7}").unwrap_err();
        let problem = Problem::from(error);
        assert_eq!(problem.code, "type-wrong");
        assert_eq!(
            problem.text,
            "expected a string, found the number 7 (line 2)"
        );
        assert_eq!(problem.place, Place::Pointer("/order_no".to_owned()));
        assert_eq!(problem.blame, Blame::PartnerData);
        assert_eq!(problem.value.as_deref(), Some("7"));
    }
}
