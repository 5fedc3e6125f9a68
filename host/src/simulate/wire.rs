//! Requests and answers, as a simulated partner sees and gives them.
//!
//! Without I/O: a partner is a function of its state, a request and the time, so that
//! a test can talk with it, and with an adapter on the other side, without a socket.

use std::{fmt, fmt::Write as _};

use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::Value;
use subtle::ConstantTimeEq as _;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `POST`.
    pub method: String,
    /// As it was sent, percent signs and all: `/order/17:cancel`.
    pub path: String,
    /// Behind the question mark, as it was sent; empty when there is none.
    pub query: String,
    /// In lower case.
    pub headers: HeaderMap,
    /// The bytes.
    pub body: Bytes,
}

/// What a partner answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case; `content-type` is [`content_type`](Self::content_type).
    pub headers: Vec<(&'static str, String)>,
    /// Absent where there is no body.
    pub content_type: Option<&'static str>,
    /// The bytes.
    pub body: Vec<u8>,
    /// What it was about, for the log: `order 100000001 of SO-1`.
    pub note: String,
}

// === impl Request ===

impl Request {
    /// A request without headers.
    #[must_use]
    pub fn new(method: &str, target: &str, body: impl Into<Bytes>) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }

    /// A header's text; none when it is absent or no text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A parameter of the query, decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameters(&self.query)
            .into_iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// The parts of the path between the slashes, decoded; without the empty ones at
    /// either end.
    #[must_use]
    pub fn segments(&self) -> Vec<String> {
        let path = self.path.trim_matches('/');
        path.split('/').map(|it| decoded(it, false)).collect()
    }

    /// The path with its query.
    #[must_use]
    pub fn target(&self) -> String {
        match self.query.as_str() {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Says where it is none.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| error.to_string())
    }

    /// The value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let all = self.headers.get_all("cookie").iter();
        all.filter_map(|it| it.to_str().ok())
            .flat_map(|it| it.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Whether the media type is this one, whatever parameters follow.
    #[must_use]
    pub fn is_of_type(&self, media_type: &str) -> bool {
        let own = self.header("content-type").unwrap_or_default();
        let own = own.split(';').next().unwrap_or_default().trim();
        own.eq_ignore_ascii_case(media_type)
    }

    /// Whether it presents this bearer token.
    #[must_use]
    pub fn bears(&self, token: &str) -> bool {
        let presented = self.header("authorization");
        presented
            .and_then(|it| it.split_once(' '))
            .is_some_and(|(scheme, it)| scheme.eq_ignore_ascii_case("bearer") && same(it, token))
    }
}

// === impl Answer ===

impl Answer {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: None,
            body: Vec::new(),
            note: String::new(),
        }
    }

    /// An answer with a body of that media type.
    #[must_use]
    pub fn of(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            content_type: Some(content_type),
            body: body.into(),
            ..Self::empty(status)
        }
    }

    /// JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::of(status, "application/json; charset=utf-8", body.to_string())
    }

    /// The same with another header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// The same with what it was about.
    #[must_use]
    pub fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Whether two secrets are the same, in a time that tells nothing of them.
#[must_use]
pub fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

/// The parameters of a query or of a form, decoded, in their order.
#[must_use]
pub fn parameters(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name, true), decoded(value, true)))
        .collect()
}

/// Percent signs resolved (RFC 3986, 2.1); what is no UTF-8 then is replaced. In a form
/// a plus is a blank.
fn decoded(text: &str, form: bool) -> String {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        at += if code.is_some() { 3 } else { 1 };
        plain.push(match code {
            Some(code) => code,
            None if form && *byte == b'+' => b' ',
            None => *byte,
        });
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// A text with percent signs for all that a path or a query can't hold.
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            // Writing to a string does not fail.
            other => drop(write!(encoded, "%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_targets_apart() {
        let request = Request::new("GET", "/a/b%2Fc/?q=SELECT+a%20b&empty&x=%zz", "");
        assert_eq!(request.segments(), ["a", "b/c"]);
        assert_eq!(request.parameter("q").as_deref(), Some("SELECT a b"));
        assert_eq!(request.parameter("empty").as_deref(), Some(""));
        assert_eq!(request.parameter("x").as_deref(), Some("%zz"));
        assert_eq!(request.parameter("y"), None);
        assert_eq!(encoded("b/c d"), "b%2Fc%20d");
    }

    #[test]
    fn reads_cookies_and_tokens() {
        let mut request = Request::new("GET", "/", "");
        for (name, value) in [
            ("cookie", "a=1; SAP_SESSIONID=x=y"),
            ("authorization", "bearer secret"),
            ("content-type", "Text/XML; charset=utf-8"),
        ] {
            request.headers.insert(name, value.parse().unwrap());
        }
        assert_eq!(request.cookie("SAP_SESSIONID"), Some("x=y"));
        assert_eq!(request.cookie("b"), None);
        assert!(request.bears("secret") && !request.bears("guess"));
        assert!(request.is_of_type("text/xml") && !request.is_of_type("text"));
    }
}
