//! What a changing request needs: token, session, and an id that makes it repeatable.

use crate::Response;

/// The token that an answer gives to `X-CSRF-Token: Fetch`.
pub fn token(response: &Response) -> Option<&str> {
    response
        .header("x-csrf-token")
        .map(str::trim)
        .filter(|token| !token.is_empty() && !token.eq_ignore_ascii_case("required"))
}

/// Whether the partner refused the token, or its session: 403 with
/// `x-csrf-token: Required`, or with those words where a proxy ate the header.
pub fn token_is_refused(response: &Response) -> bool {
    if response.status != 403 {
        return false;
    }
    let required = response
        .header("x-csrf-token")
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("required"));
    required || contains(&response.body, b"csrf token")
}

fn contains(body: &[u8], words: &[u8]) -> bool {
    body.windows(words.len())
        .any(|window| window.eq_ignore_ascii_case(words))
}

/// The cookies that an answer sets, as a request brings them back. Absent where there
/// are none, or where the host keeps the session to itself.
pub fn cookies(response: &Response) -> Option<String> {
    let pairs: Vec<&str> = response
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .filter_map(|(_, value)| value.split(';').next())
        .map(str::trim)
        .filter(|pair| pair.contains('='))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join("; "))
}

/// A `RequestID`: 32 hexadecimal digits, the same for the same key. A key that is a
/// UUID is used as it is; of any other the digits are those of its FNV-1a hash of 128
/// bits, which needs no secret: whoever can choose keys can repeat them as well.
pub fn request_id(key: &str) -> String {
    let plain: String = key.chars().filter(|c| *c != '-').collect();
    if plain.len() == 32 && plain.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return plain.to_ascii_uppercase();
    }
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = key.bytes().fold(BASIS, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    });
    format!("{hash:032X}")
}

/// A text as a literal of a query: in single quotes, those inside doubled, and percent
/// signs for all that a query can't hold.
pub fn literal(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for byte in text.bytes() {
        match byte {
            b'\'' => literal.push_str("''"),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                literal.push(char::from(byte));
            }
            other => {
                literal.push('%');
                literal.push(char::from(HEX[usize::from(other >> 4)]));
                literal.push(char::from(HEX[usize::from(other & 15)]));
            }
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
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
    fn knows_a_token_and_its_refusal() {
        assert_eq!(
            token(&response(200, &[("x-csrf-token", "abc==")], "")),
            Some("abc==")
        );
        assert_eq!(
            token(&response(403, &[("x-csrf-token", "Required")], "")),
            None
        );
        assert_eq!(token(&response(200, &[], "")), None);
        let refused = |status, headers: &[(&str, &str)], body| {
            token_is_refused(&response(status, headers, body))
        };
        assert!(refused(403, &[("x-csrf-token", "required")], ""));
        assert!(refused(403, &[], "CSRF token validation failed"));
        assert!(!refused(403, &[], "no authorization"));
        assert!(!refused(400, &[("x-csrf-token", "Required")], ""));
    }

    #[test]
    fn brings_cookies_back_without_their_attributes() {
        let answer = response(
            200,
            &[
                ("set-cookie", "sap-usercontext=sap-client=100; path=/"),
                (
                    "set-cookie",
                    "SAP_SESSIONID_X_100=a%3d; path=/; secure; HttpOnly",
                ),
                ("set-cookie", "broken"),
            ],
            "",
        );
        assert_eq!(
            cookies(&answer).as_deref(),
            Some("sap-usercontext=sap-client=100; SAP_SESSIONID_X_100=a%3d")
        );
        assert_eq!(cookies(&response(200, &[], "")), None);
    }

    #[test]
    fn the_same_key_gives_the_same_request_id() {
        let id = request_id("order/SO-1/1");
        assert_eq!(id, request_id("order/SO-1/1"));
        assert_ne!(id, request_id("order/SO-1/2"));
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(
            request_id("0197c9b2-7a51-7cc3-98c4-dc0c0c07398f"),
            "0197C9B27A517CC398C4DC0C0C07398F"
        );
    }

    #[test]
    fn quotes_what_goes_into_a_query() {
        assert_eq!(literal("O'Neil & Söhne"), "'O''Neil%20%26%20S%C3%B6hne'");
    }
}
