//! Who is calling: one bearer token per partner, kept only as its hash.
//!
//! Promises: an unknown partner, a missing token and a wrong token are told apart
//! neither by the answer nor by the work done for it; a token or its hash never
//! reaches a log or a `Debug` print. What an authenticated partner may send is
//! decided elsewhere.

use std::{collections::HashMap, fmt, str::FromStr, sync::Arc};

use axum::http::{HeaderMap, header};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// How a generated token begins, so that people and secret scanners recognise it.
const TOKEN_PREFIX: &str = "xdk_";

/// Randomness in a generated token, in bytes. With 256 bits a plain hash is safe
/// to store: there is nothing to guess.
const TOKEN_RANDOM_BYTES: usize = 32;

/// The hashes a partner can have at a time: the current one, and during a
/// rotation the next one.
pub const TOKENS_MAX: usize = 2;

/// A partner's bearer token in clear. Exists only where one is made and shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// SHA-256 of a bearer token's text: what the configuration holds
/// (`token_sha256`, 64 hexadecimal digits, as `printf %s TOKEN | sha256sum`
/// prints).
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

/// A `token_sha256` that is no SHA-256. The text itself is not repeated: someone
/// may have pasted the token instead of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token_sha256 is 64 hexadecimal digits: the SHA-256 of the token, not the token")]
pub struct InvalidTokenHash;

/// The system gave no randomness to make a token from. Trying again may help.
#[derive(Debug, thiserror::Error)]
#[error("no randomness to make a token: {0}")]
pub struct NoRandomness(getrandom::Error);

/// Those who may call, by name, each with `T`: what else is known of it. Partners
/// here; the API keeps its operators the same way.
#[derive(Debug)]
pub struct Doors<T> {
    doors: HashMap<String, Door<T>>,
    decoy: [TokenHash; TOKENS_MAX],
}

#[derive(Debug)]
struct Door<T> {
    hashes: [TokenHash; TOKENS_MAX],
    inside: Arc<T>,
}

// === impl NoRandomness ===

impl From<getrandom::Error> for NoRandomness {
    fn from(error: getrandom::Error) -> Self {
        Self(error)
    }
}

// === impl Token ===

impl Token {
    /// A new token: `xdk_` and 32 random bytes in base64url.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut random = [0; TOKEN_RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(NoRandomness)?;
        let text = BASE64_URL_SAFE_NO_PAD.encode(random);
        Ok(Self(format!("{TOKEN_PREFIX}{text}")))
    }

    /// The token in clear, to be shown once to whoever will use it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the configuration may hold of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(hidden)")
    }
}

// === impl TokenHash ===

impl TokenHash {
    fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// A hash that no token has, for the slots that hold none.
    fn decoy() -> Result<Self, NoRandomness> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(NoRandomness)?;
        Ok(Self(random))
    }

    fn same(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenHash(hidden)")
    }
}

/// 64 lowercase hexadecimal digits, for a configuration file.
impl fmt::Display for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl FromStr for TokenHash {
    type Err = InvalidTokenHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(InvalidTokenHash);
        }
        let mut hash = [0; 32];
        for (index, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16)
                .map_err(|_| InvalidTokenHash)?;
        }
        Ok(Self(hash))
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Serialize for TokenHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

// === impl Doors ===

impl<T> Doors<T> {
    /// Doors that open for nobody yet.
    ///
    /// # Errors
    /// When the system gives no randomness for the decoys.
    pub fn new() -> Result<Self, NoRandomness> {
        Ok(Self {
            doors: HashMap::new(),
            decoy: [TokenHash::decoy()?, TokenHash::decoy()?],
        })
    }

    /// Lets `partner` in with any of the first [`TOKENS_MAX`] of `hashes`. With
    /// none, no token opens.
    pub fn add(&mut self, partner: &str, hashes: &[TokenHash], inside: T) {
        let mut slots = self.decoy;
        for (slot, hash) in slots.iter_mut().zip(hashes) {
            *slot = *hash;
        }
        let door = Door {
            hashes: slots,
            inside: Arc::new(inside),
        };
        self.doors.insert(partner.to_owned(), door);
    }

    /// What is behind a door, for whoever may pass all of them.
    #[must_use]
    pub fn behind(&self, partner: &str) -> Option<&Arc<T>> {
        self.doors.get(partner).map(|door| &door.inside)
    }

    /// What is behind the door of `partner`, if `headers` carry its token.
    ///
    /// Every call hashes what was presented (nothing counts as an empty token)
    /// and compares it with [`TOKENS_MAX`] hashes, the decoys for a partner that
    /// does not exist.
    #[must_use]
    pub fn open(&self, partner: &str, headers: &HeaderMap) -> Option<&Arc<T>> {
        let presented = TokenHash::of(bearer(headers).unwrap_or_default());
        let door = self.doors.get(partner);
        let hashes = door.map_or(&self.decoy, |door| &door.hashes);
        let matched = hashes
            .iter()
            .fold(Choice::from(0), |any, hash| any | hash.same(&presented));
        door.filter(|_| matched.into()).map(|door| &door.inside)
    }
}

/// The token of the only `Authorization` header, when its scheme is Bearer. Two
/// such headers are as good as none: a proxy may have read the other one.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.as_bytes();
    let (scheme, rest) = value.split_at_checked("Bearer ".len())?;
    let only = values.next().is_none() && scheme.eq_ignore_ascii_case(b"Bearer ");
    only.then_some(rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn doors(hashes: &[TokenHash]) -> Doors<&'static str> {
        let mut doors = Doors::new().unwrap();
        doors.add("north-3pl", hashes, "inside");
        doors.add("folder-only", &[], "inside");
        doors
    }

    fn carrying(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(authorization).unwrap();
        headers.append(header::AUTHORIZATION, value);
        headers
    }

    #[test]
    fn the_right_token_opens_and_nothing_else_does() {
        let token = Token::generate().unwrap();
        let doors = doors(&[token.hash()]);
        let right = format!("Bearer {}", token.expose());
        assert!(doors.open("north-3pl", &carrying(&right)).is_some());
        let lowercase = format!("bearer  {}", token.expose());
        assert!(doors.open("north-3pl", &carrying(&lowercase)).is_some());
        assert!(doors.open("south-3pl", &carrying(&right)).is_none());
        assert!(doors.open("folder-only", &carrying(&right)).is_none());
        assert!(doors.open("north-3pl", &HeaderMap::new()).is_none());
        for wrong in [
            "Bearer",
            "Bearer ",
            "Bearer x",
            &format!("Basic {}", token.expose()),
            &format!("Bearer {}x", token.expose()),
            &format!("Bearer {}", token.hash()),
            &right[..right.len() - 1],
        ] {
            assert!(
                doors.open("north-3pl", &carrying(wrong)).is_none(),
                "{wrong}"
            );
            assert!(doors.open("folder-only", &carrying(wrong)).is_none());
        }
    }

    #[test]
    fn during_a_rotation_the_old_and_the_new_token_open() {
        let (old, new) = (Token::generate().unwrap(), Token::generate().unwrap());
        let doors = doors(&[old.hash(), new.hash()]);
        for token in [&old, &new] {
            let headers = carrying(&format!("Bearer {}", token.expose()));
            assert!(doors.open("north-3pl", &headers).is_some());
        }
    }

    #[test]
    fn two_authorization_headers_are_refused() {
        let token = Token::generate().unwrap();
        let right = format!("Bearer {}", token.expose());
        let mut headers = carrying(&right);
        headers.append(
            header::AUTHORIZATION,
            HeaderValue::from_str(&right).unwrap(),
        );
        assert!(doors(&[token.hash()]).open("north-3pl", &headers).is_none());
    }

    #[test]
    fn tokens_differ_are_recognisable_and_hash_as_sha256sum_does() {
        let token = Token::generate().unwrap();
        assert_ne!(token, Token::generate().unwrap());
        assert!(token.expose().starts_with("xdk_"));
        assert_eq!(token.expose().len(), "xdk_".len() + 43);
        assert_eq!(
            Token("abc".to_owned()).hash().to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn neither_token_nor_hash_is_printed_by_debug() {
        let token = Token::generate().unwrap();
        let printed = format!("{token:?} {:?} {:?}", token.hash(), doors(&[token.hash()]));
        assert!(!printed.contains(token.expose()));
        assert!(!printed.contains(&token.hash().to_string()));
        assert!(!printed.contains("xdk_"));
    }

    #[test]
    fn a_hash_is_read_from_hex_and_a_wrong_one_is_not_repeated() {
        let hash = Token("abc".to_owned()).hash();
        let upper = hash.to_string().to_uppercase();
        let read: TokenHash = upper.parse().unwrap();
        assert_eq!(read.to_string(), hash.to_string());
        for wrong in [
            "",
            "abc",
            "xdk_secret",
            &upper[1..],
            &format!("{}é", &upper[2..]),
        ] {
            assert_eq!(wrong.parse::<TokenHash>().unwrap_err(), InvalidTokenHash);
        }
        let error = serde_json::from_str::<TokenHash>("\"xdk_secret\"").unwrap_err();
        assert!(!error.to_string().contains("xdk_secret"));
    }
}
