//! What HTTP answers mean, and how a value becomes part of an address.
//!
//! Partners differ in their words, not in what their statuses mean: taken, not now,
//! sent to the wrong place, or refused. An adapter asks [`meaning`] first and looks
//! into the body only where its partner means something else.

use crate::json::{Node, Tree};
use crate::{Blame, Problem, Response, Retry};

/// How much of the partner's words a problem repeats, in characters.
const WORDS_CHARS_MAX: usize = 300;

/// How many of several errors in one answer a problem repeats.
const ERRORS_REPEATED_MAX: usize = 5;

/// How deep the partner's words may lie in its answer.
const WORDS_DEPTH_MAX: usize = 3;

/// Where partners put their words, in the order of how much they say. The first is
/// that of RFC 9457.
const WORDS_FIELDS: [&str; 6] = [
    "detail",
    "message",
    "error_description",
    "error",
    "title",
    "description",
];

/// Headers that say how many seconds to wait. The second is ShipBob's.
const RETRY_HEADERS: [&str; 2] = ["retry-after", "x-retry-after"];

/// What a status means, where the partner means nothing of its own by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The partner has it: 2xx.
    Done,
    /// Not now: 408, 425, 429 and 5xx.
    Later,
    /// No verdict on the document; the request went to the wrong place, or by the
    /// wrong name: 3xx, 401, 403, 404 and 405.
    Misdirected,
    /// The partner will never take it as it is: everything else.
    Refused,
}

/// What a status means.
pub fn meaning(status: u16) -> Meaning {
    match status {
        200..=299 => Meaning::Done,
        408 | 425 | 429 | 500..=599 => Meaning::Later,
        300..=399 | 401 | 403 | 404 | 405 => Meaning::Misdirected,
        _ => Meaning::Refused,
    }
}

/// Seconds to wait, where the partner says so in seconds. A date is left to the host,
/// which has a clock and sees the same headers.
pub fn retry_after(response: &Response) -> Option<u32> {
    RETRY_HEADERS
        .iter()
        .find_map(|name| response.header(name)?.trim().parse().ok())
}

/// Not now, in the partner's words.
pub fn later(response: &Response) -> Retry {
    let retry = Retry::new(refusal(response, "answer-unavailable").retryable());
    match retry_after(response) {
        Some(seconds) => retry.after_seconds(seconds),
        None => retry,
    }
}

/// The partner's verdict on the document, in its own words.
pub fn refusal(response: &Response, code: &str) -> Problem {
    let status = response.status;
    let text = match words(response) {
        Some(words) => format!("the partner answered {status}: {words}"),
        None => format!("the partner answered {status}"),
    };
    Problem::partner_data(code, text).with_extra("http-status", status.to_string())
}

/// Not a verdict on the document: the request went to the wrong place, or by the
/// wrong name. `paths` names what in the settings makes up the address.
pub fn misdirected(response: &Response, paths: &str) -> Problem {
    let remedy = match response.status {
        401 | 403 => "check the partner's credential".to_owned(),
        300..=399 => "set the endpoint to the address that the partner moved to".to_owned(),
        _ => format!("check the endpoint and {paths} of the partner"),
    };
    Problem {
        blame: Blame::Settings,
        ..refusal(response, "answer-misdirected").with_remedy(remedy)
    }
}

/// What the partner says, shortened: the message of a JSON answer, several of them
/// where it holds several errors, or else the text as it is.
pub fn words(response: &Response) -> Option<String> {
    let said = match Tree::parse(&response.body) {
        Ok(tree) => words_of(tree.root(), 0),
        Err(_) => None,
    };
    let said = said.or_else(|| str::from_utf8(&response.body).ok().map(str::to_owned))?;
    let words: String = said.trim().chars().take(WORDS_CHARS_MAX).collect();
    (!words.is_empty()).then_some(words)
}

fn words_of(node: &Node<'_>, depth: usize) -> Option<String> {
    if depth > WORDS_DEPTH_MAX {
        return None;
    }
    if let Some(items) = node.items() {
        let words: Vec<String> = items
            .iter()
            .filter_map(|item| match item.as_str() {
                Some(text) => Some(text.to_owned()),
                None => words_of(item, depth + 1),
            })
            .take(ERRORS_REPEATED_MAX)
            .collect();
        return (!words.is_empty()).then(|| words.join("; "));
    }
    WORDS_FIELDS.iter().find_map(|name| {
        let field = node.get(name)?;
        match field.as_str() {
            Some("") => None,
            Some(text) => Some(text.to_owned()),
            None => words_of(field, depth + 1),
        }
    })
}

/// A value as part of a path or query: everything but letters, digits and `-._~` is
/// percent-encoded, so that a slash or an ampersand in a number stays part of it.
pub fn escape(value: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push(char::from(DIGITS[usize::from(byte >> 4)]));
            escaped.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        Response {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn every_status_means_something() {
        let statuses = |wanted: Meaning| -> Vec<u16> {
            [
                100, 200, 204, 299, 300, 304, 400, 401, 403, 404, 405, 408, 409, 410, 422, 425,
                429, 500, 503, 599, 600,
            ]
            .into_iter()
            .filter(|status| meaning(*status) == wanted)
            .collect()
        };
        assert_eq!(statuses(Meaning::Done), [200, 204, 299]);
        assert_eq!(statuses(Meaning::Later), [408, 425, 429, 500, 503, 599]);
        assert_eq!(
            statuses(Meaning::Misdirected),
            [300, 304, 401, 403, 404, 405]
        );
        assert_eq!(statuses(Meaning::Refused), [100, 400, 409, 410, 422, 600]);
    }

    #[test]
    fn waits_as_long_as_any_of_the_headers_says() {
        let seconds = |headers: &[(&str, &str)]| retry_after(&answer(429, headers, ""));
        assert_eq!(seconds(&[("retry-after", " 120 ")]), Some(120));
        assert_eq!(seconds(&[("x-retry-after", "25")]), Some(25));
        let both = [("x-retry-after", "25"), ("retry-after", "30")];
        assert_eq!(seconds(&both), Some(30));
        let date = ("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT");
        assert_eq!(seconds(&[date]), None);
        assert_eq!(seconds(&[date, ("x-retry-after", "9")]), Some(9));
        assert_eq!(later(&answer(503, &[], "")).after_seconds, None);
        assert!(later(&answer(503, &[], "")).problem.retryable);
    }

    #[test]
    fn finds_the_words_wherever_partners_put_them() {
        let said = |body: &str| words(&answer(400, &[], body));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            said(r#"{"title":"Bad","detail":"no such SKU"}"#),
            some("no such SKU")
        );
        assert_eq!(said(r#"{"error":{"code":"x","message":"no"}}"#), some("no"));
        assert_eq!(
            said(r#"[{"message":"a","errorCode":"A"},{"message":"b"}]"#),
            some("a; b")
        );
        assert_eq!(said(r#"["a","b"]"#), some("a; b"));
        assert_eq!(
            said(r#"{"ReferenceId":["taken"]}"#),
            some(r#"{"ReferenceId":["taken"]}"#)
        );
        assert_eq!(said("<html>"), some("<html>"));
        assert_eq!(said("  "), None);
        assert_eq!(
            said(r#"{"message":"","error":[[[[["deep"]]]]]}"#),
            some(r#"{"message":"","error":[[[[["deep"]]]]]}"#)
        );
        assert_eq!(said(&"é".repeat(1000)).unwrap().chars().count(), 300);
        let problem = misdirected(&answer(401, &[], "who?"), "`path`");
        assert_eq!(problem.blame, Blame::Settings);
        assert_eq!(problem.text, "the partner answered 401: who?");
    }

    #[test]
    fn values_stay_whole_in_an_address() {
        assert_eq!(escape("SO-1_a.b~c"), "SO-1_a.b~c");
        assert_eq!(escape("a/b?c&d=é +"), "a%2Fb%3Fc%26d%3D%C3%A9%20%2B");
    }
}
