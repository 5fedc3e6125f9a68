//! How a sender asks whether the address it was given is right, before it sends.

use axum::http::Uri;
use serde::{Deserialize, Serialize};

/// The longest token that is echoed, in bytes; Microsoft's have a few hundred.
const TOKEN_BYTES_MAX: usize = 2_048;

/// The query parameter of [`Handshake::ValidationToken`].
const PARAMETER: &str = "validationToken";

/// What the sender asks, and what it is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handshake {
    /// `validationToken` in the query, to be sent back as plain text: Microsoft Graph,
    /// Business Central.
    ValidationToken,
}

// === impl Handshake ===

impl Handshake {
    /// What to send back, if the request asks for it: printable ASCII.
    pub(in crate::ingress) fn answer(self, uri: &Uri) -> Option<String> {
        let Self::ValidationToken = self;
        let query = uri.query()?;
        let value = query.split('&').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.eq_ignore_ascii_case(PARAMETER).then_some(value)
        })?;
        let token = decode(value)?;
        (1..=TOKEN_BYTES_MAX)
            .contains(&token.len())
            .then_some(token)
    }
}

/// Takes percent signs and plus signs out; nothing when that is no printable ASCII.
fn decode(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            plain => plain,
        };
        if !(b' '..=b'~').contains(&byte) {
            return None;
        }
        decoded.push(char::from(byte));
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(uri: &str) -> Option<String> {
        Handshake::ValidationToken.answer(&uri.parse().unwrap())
    }

    #[test]
    fn a_token_is_decoded_once_and_given_back() {
        for (uri, token) in [
            ("/x?validationToken=abc", "abc"),
            (
                "/x?a=b&validationtoken=Validation%3a+Request-Id%3A%201",
                "Validation: Request-Id: 1",
            ),
            ("/x?validationToken=%2541", "%41"),
        ] {
            assert_eq!(answer(uri).as_deref(), Some(token), "{uri}");
        }
    }

    #[test]
    fn what_is_no_printable_token_of_bounded_length_is_not_given_back() {
        let long = format!("/x?validationToken={}", "a".repeat(TOKEN_BYTES_MAX + 1));
        for uri in [
            "/x",
            "/x?validationToken",
            "/x?validationToken=",
            "/x?token=abc",
            "/x?validationToken=a%0d%0ab",
            "/x?validationToken=%c3%a9",
            "/x?validationToken=%4",
            "/x?validationToken=%zz",
            &long,
        ] {
            assert_eq!(answer(uri), None, "{uri}");
        }
    }
}
