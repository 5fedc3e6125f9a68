//! A token that the sender repeats with every message: no signature, so whoever reads
//! one message can write the next. It is what Microsoft Graph and Business Central
//! offer (`clientState`).
//!
//! In a body it is looked for without building the document: nothing is kept of a body
//! that is not yet known to be the partner's. A token in a body is part of the message
//! and stays in it, in the journal and for the adapter, so it must be used for nothing
//! else.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use subtle::{Choice, ConstantTimeEq as _};

use super::Reason;
use crate::{ingress::authenticate::NoRandomness, message::Digest, secret::Secret};

/// The deepest place of a token.
const PARTS_MAX: usize = 16;

/// SHA-256 of the tokens that are right.
pub(super) struct Tokens(Vec<Digest>);

/// Where in a body the token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Member(String),
    Every,
}

/// What was found on the way through a body.
#[derive(Debug, Default)]
struct Found {
    right: usize,
    wrong: usize,
    missing: usize,
}

/// Looks for the rest of a pointer in one value.
struct Look<'a> {
    parts: &'a [Part],
    tokens: &'a Tokens,
    found: &'a mut Found,
}

// === impl Tokens ===

impl Tokens {
    pub(super) fn new(secrets: &[Secret]) -> Self {
        let of = |secret: &Secret| Digest::of(secret.expose().as_bytes());
        Self(secrets.iter().map(of).collect())
    }

    /// As many tokens, which nobody has.
    pub(super) fn decoy(&self) -> Result<Self, NoRandomness> {
        let random = |_| -> Result<Digest, NoRandomness> {
            let mut random = [0; 32];
            getrandom::fill(&mut random)?;
            Ok(Digest::from_bytes(random))
        };
        Ok(Self(self.0.iter().map(random).collect::<Result<_, _>>()?))
    }

    pub(super) fn check(&self, presented: &str) -> Result<(), Reason> {
        self.has(presented).then_some(()).ok_or(Reason::Wrong)
    }

    /// Compares hashes, which are of one length whatever was presented.
    fn has(&self, presented: &str) -> bool {
        let presented = Digest::of(presented.as_bytes());
        let any = self.0.iter().fold(Choice::from(0), |any, token| {
            any | token.as_bytes().ct_eq(presented.as_bytes())
        });
        any.into()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tokens({})", self.0.len())
    }
}

// === impl Pointer ===

impl Pointer {
    /// RFC 6901, with `*` for every element of a list.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let rule = "a JSON pointer of at most 16 parts, as /value/*/clientState";
        let parts = text.strip_prefix('/').ok_or(rule)?;
        let parts: Vec<_> = parts
            .split('/')
            .map(|part| match part {
                "*" => Part::Every,
                part => Part::Member(part.replace("~1", "/").replace("~0", "~")),
            })
            .collect();
        (parts.len() <= PARTS_MAX)
            .then_some(Self(parts))
            .ok_or(rule)
    }

    /// Whether the body has a right token wherever the pointer leads, and at least one.
    pub(super) fn check(&self, body: &[u8], tokens: &Tokens) -> Result<(), Reason> {
        let mut found = Found::default();
        let mut json = serde_json::Deserializer::from_slice(body);
        let look = Look {
            parts: &self.0,
            tokens,
            found: &mut found,
        };
        let read = look.deserialize(&mut json).and_then(|()| json.end());
        match found {
            Found { wrong: 1.., .. } => Err(Reason::Wrong),
            Found {
                right: 1..,
                missing: 0,
                ..
            } if read.is_ok() => Ok(()),
            _ => Err(Reason::TokenMissing),
        }
    }
}

// === impl Look ===

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the way to a token")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.parts {
            [] if self.tokens.has(text) => self.found.right += 1,
            [] => self.found.wrong += 1,
            _ => self.found.missing += 1,
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = false;
        while let Some(name) = map.next_key::<String>()? {
            match self.parts {
                [Part::Member(member), rest @ ..] if *member == name => {
                    // Whoever reads the body may take the other one.
                    if std::mem::replace(&mut seen, true) {
                        return Err(Error::custom("a member comes twice"));
                    }
                    map.next_value_seed(Look {
                        parts: rest,
                        tokens: self.tokens,
                        found: self.found,
                    })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        self.found.missing += usize::from(!seen);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let [Part::Every, rest @ ..] = self.parts else {
            self.found.missing += 1;
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        loop {
            let look = Look {
                parts: rest,
                tokens: self.tokens,
                found: self.found,
            };
            if list.next_element_seed(look)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.nothing()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.nothing()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.nothing()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.nothing()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.nothing()
    }
}

impl Look<'_> {
    fn nothing<E>(self) -> Result<(), E> {
        self.found.missing += 1;
        Ok(())
    }
}
