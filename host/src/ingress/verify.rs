//! Who sent this: requests that prove it by a signature, or by a token of the
//! sender's own form, in place of a bearer token.
//!
//! Webhook senders cannot be given a bearer token; they sign what they send with a
//! secret that both sides know. Verified are the bytes as they came, before anything
//! reads them. What can be judged without the body is judged first ([`Verifier::claim`]):
//! an unsigned or old request costs no memory. Then the body is held against the
//! signature ([`Verifier::verify`]), in constant time, with every secret of a rotation.
//!
//! A signed message always has an idempotency key, so that sending it again, by the
//! sender or by somebody who captured it, has no second effect: the sender's id where
//! it has one, else a digest of what is signed. `Idempotency-Key` itself is not signed
//! and does not count. Nor is an `id_header` signed: under another id a capture is
//! another message, whose documents are known.
//!
//! The forms are those of `FIELD-FACTS`: Shopify and ShipHero sign the body, Zendesk a
//! time and the body, ShipBob as <https://www.standardwebhooks.com> says; Microsoft
//! Graph and Business Central sign nothing, but repeat a token.

mod handshake;
mod moment;
mod seal;
mod token;

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use ring::digest;
use serde::{Deserialize, Serialize};

pub use self::handshake::Handshake;
use self::{
    seal::{Seal, Seals},
    token::{Pointer, Tokens},
};
use super::{IDEMPOTENCY_KEY_BYTES_MAX, authenticate::NoRandomness};
use crate::{
    clock::Timestamp,
    secret::{self, Reference, Secret, unusable},
};

/// The secrets a partner can have at a time: the current one, and during a rotation
/// the next one.
pub const SECRETS_MAX: usize = 2;

/// The widest window of time: wider ones keep nothing out.
const TOLERANCE_SECONDS_MAX: u64 = 24 * 3_600;

/// The longest separator between time and body, and the longest text before a
/// signature, in bytes.
const TEXT_BYTES_MAX: usize = 64;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// `[partners.NAME.access.signature]`: how a partner proves who it is that cannot send
/// a bearer token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Config {
    /// `kind = "hmac-body"`: HMAC-SHA256 of the body in a header.
    HmacBody {
        /// `secrets`: where they are; one, or two during a rotation.
        secrets: Vec<Reference>,
        /// `header`: the signature's header, `x-shopify-hmac-sha256`.
        header: String,
        /// `encoding`: how the signature is written (`base64`).
        #[serde(default)]
        encoding: Encoding,
        /// `prefix`: what stands before it, `sha256=` (nothing).
        #[serde(default)]
        prefix: String,
        /// `id_header`: the header whose value is the same each time a message is
        /// sent. Absent: a message with the same body is the same message.
        #[serde(default)]
        id_header: Option<String>,
    },
    /// `kind = "hmac-timestamp-body"`: HMAC-SHA256 of a time and the body.
    HmacTimestampBody {
        /// `secrets`: where they are; one, or two during a rotation.
        secrets: Vec<Reference>,
        /// `header`: the signature's header, `x-zendesk-webhook-signature`.
        header: String,
        /// `timestamp_header`: the header with the time, in seconds since 1970 or as
        /// RFC 3339.
        timestamp_header: String,
        /// `separator`: what stands between time and body where they are signed
        /// (nothing).
        #[serde(default)]
        separator: String,
        /// `encoding`: how the signature is written (`base64`).
        #[serde(default)]
        encoding: Encoding,
        /// `prefix`: what stands before it (nothing).
        #[serde(default)]
        prefix: String,
        /// `tolerance_seconds`: how far the time may be from ours, both ways (300).
        #[serde(default = "tolerance_seconds")]
        tolerance_seconds: u64,
        /// `id_header`: as above. Absent: the same body with the same time is the
        /// same message.
        #[serde(default)]
        id_header: Option<String>,
    },
    /// `kind = "standard-webhooks"`: `webhook-id`, `-timestamp`, `-signature`.
    StandardWebhooks {
        /// `secrets`: where they are; base64 of 24 to 64 bytes, with or without
        /// `whsec_` before it.
        secrets: Vec<Reference>,
        /// `tolerance_seconds`: how far the time may be from ours, both ways (300).
        #[serde(default = "tolerance_seconds")]
        tolerance_seconds: u64,
    },
    /// `kind = "shared-token"`: a token in a header of the sender's own, or in the
    /// body.
    SharedToken {
        /// `secrets`: where the tokens are; one, or two during a rotation.
        secrets: Vec<Reference>,
        /// `header`: where it stands, either there
        #[serde(default)]
        header: Option<String>,
        /// `pointer`: or in a JSON body, `/value/*/clientState`; `*` is every element
        /// of a list, and each must have it.
        #[serde(default)]
        pointer: Option<String>,
        /// `id_header`: as above. Absent: `Idempotency-Key` counts, where it is sent.
        #[serde(default)]
        id_header: Option<String>,
        /// `handshake`: how the sender asks whether it has the right address (not).
        #[serde(default)]
        handshake: Option<Handshake>,
    },
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Base64, standard alphabet, with or without padding.
    #[default]
    Base64,
    /// Hexadecimal, either case.
    Hex,
}

/// Why a request proves nothing. Told to the operator, never to the sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    /// A header is not there.
    #[error("the header {0} is missing")]
    HeaderMissing(HeaderName),
    /// A header comes twice, or is not of its form.
    #[error("the header {0} comes twice or is not of its form")]
    HeaderMalformed(HeaderName),
    /// It was signed too long ago, or in the future.
    #[error("it was signed {0} s ago by our clock, outside tolerance_seconds")]
    Stale(i64),
    /// The body has no token where it is to be.
    #[error("the body has no token where `pointer` says")]
    TokenMissing,
    /// Signature or token is not ours.
    #[error("the signature or token fits none of the secrets")]
    Wrong,
}

/// What a request's headers claim; to be held against its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// What is signed before the body.
    before: Vec<u8>,
    seals: Seals,
    id: Option<String>,
}

/// Proof that a request is the partner's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verified {
    /// What makes the message known again; absent when only `Idempotency-Key` does.
    pub(super) key: Option<String>,
}

/// Holds requests against a partner's secrets.
#[derive(Debug)]
pub(super) struct Verifier {
    form: Form,
    id_header: Option<HeaderName>,
    handshake: Option<Handshake>,
}

#[derive(Debug)]
enum Form {
    Body {
        seal: Seal,
        header: HeaderName,
    },
    TimestampBody {
        seal: Seal,
        header: HeaderName,
        timestamp: HeaderName,
        separator: String,
        tolerance: Duration,
    },
    Standard {
        seal: Seal,
        tolerance: Duration,
    },
    TokenInHeader {
        tokens: Tokens,
        header: HeaderName,
    },
    TokenInBody {
        tokens: Tokens,
        pointer: Pointer,
    },
}

fn tolerance_seconds() -> u64 {
    300
}

// === impl Config ===

impl Config {
    /// Says what is wrong with it, the secrets aside. `setting` is where it stands.
    ///
    /// # Errors
    /// Names the setting and what it must be.
    pub fn check(&self, setting: &str) -> Result<(), secret::Error> {
        // No secret is known here, and none is needed.
        self.build(setting, |_, _| Ok(None)).map(drop)
    }

    /// Reads the secrets.
    ///
    /// # Errors
    /// Names the setting and what it must be.
    pub(super) fn resolve(
        &self,
        setting: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Verifier, secret::Error> {
        self.build(setting, |reference, setting| {
            reference.read(setting, environment).map(Some)
        })
    }

    /// The header that carries a secret in clear, if one does: nobody else may see it.
    #[must_use]
    pub fn secret_header(&self) -> Option<&str> {
        match self {
            Self::SharedToken { header, .. } => header.as_deref(),
            _ => None,
        }
    }

    fn build(
        &self,
        setting: &str,
        read: impl Fn(&Reference, &str) -> Result<Option<Secret>, secret::Error>,
    ) -> Result<Verifier, secret::Error> {
        let settings = Settings { setting, read };
        let mut handshake = None;
        let (form, id_header) = match self {
            Self::HmacBody {
                secrets,
                header,
                encoding,
                prefix,
                id_header,
            } => (
                Form::Body {
                    seal: Seal::of_text(&settings.secrets(secrets)?, *encoding, prefix),
                    header: settings.header("header", header)?,
                },
                settings.prefixed(prefix, id_header.as_deref())?,
            ),
            Self::HmacTimestampBody {
                secrets,
                header,
                timestamp_header,
                separator,
                encoding,
                prefix,
                tolerance_seconds,
                id_header,
            } => (
                Form::TimestampBody {
                    seal: Seal::of_text(&settings.secrets(secrets)?, *encoding, prefix),
                    header: settings.header("header", header)?,
                    timestamp: settings.header("timestamp_header", timestamp_header)?,
                    separator: settings.text("separator", separator)?,
                    tolerance: settings.tolerance(*tolerance_seconds)?,
                },
                settings.prefixed(prefix, id_header.as_deref())?,
            ),
            Self::StandardWebhooks {
                secrets,
                tolerance_seconds,
            } => {
                let keys = settings.secrets(secrets)?;
                let seal = Seal::standard(&keys).map_err(|rule| settings.wrong("secrets", rule))?;
                let tolerance = settings.tolerance(*tolerance_seconds)?;
                (Form::Standard { seal, tolerance }, None)
            }
            Self::SharedToken {
                secrets,
                header,
                pointer,
                id_header,
                handshake: shakes,
            } => {
                handshake = *shakes;
                let tokens = Tokens::new(&settings.secrets(secrets)?);
                let form = settings.place(tokens, header.as_deref(), pointer.as_deref())?;
                (form, settings.id_header(id_header.as_deref())?)
            }
        };
        Ok(Verifier {
            form,
            id_header,
            handshake,
        })
    }
}

/// Reads settings, and names them where they are wrong.
struct Settings<'s, R> {
    setting: &'s str,
    read: R,
}

// === impl Settings ===

impl<R: Fn(&Reference, &str) -> Result<Option<Secret>, secret::Error>> Settings<'_, R> {
    fn wrong(&self, name: &str, rule: &'static str) -> secret::Error {
        unusable(&format!("{}.{name}", self.setting), rule)
    }

    fn secrets(&self, references: &[Reference]) -> Result<Vec<Secret>, secret::Error> {
        if !(1..=SECRETS_MAX).contains(&references.len()) {
            return Err(self.wrong("secrets", "name one secret, or two during a rotation"));
        }
        let setting = format!("{}.secrets", self.setting);
        let read = references
            .iter()
            .map(|reference| (self.read)(reference, &setting));
        read.filter_map(Result::transpose).collect()
    }

    fn header(&self, name: &str, value: &str) -> Result<HeaderName, secret::Error> {
        value
            .parse()
            .map_err(|_| self.wrong(name, "not the name of a header"))
    }

    fn id_header(&self, value: Option<&str>) -> Result<Option<HeaderName>, secret::Error> {
        value
            .map(|value| self.header("id_header", value))
            .transpose()
    }

    fn prefixed(
        &self,
        prefix: &str,
        id_header: Option<&str>,
    ) -> Result<Option<HeaderName>, secret::Error> {
        self.text("prefix", prefix)?;
        self.id_header(id_header)
    }

    fn text(&self, name: &str, value: &str) -> Result<String, secret::Error> {
        if value.len() > TEXT_BYTES_MAX {
            return Err(self.wrong(name, "at most 64 bytes"));
        }
        Ok(value.to_owned())
    }

    fn tolerance(&self, seconds: u64) -> Result<Duration, secret::Error> {
        if !(1..=TOLERANCE_SECONDS_MAX).contains(&seconds) {
            return Err(self.wrong("tolerance_seconds", "between 1 and 86400"));
        }
        Ok(Duration::from_secs(seconds))
    }

    fn place(
        &self,
        tokens: Tokens,
        header: Option<&str>,
        pointer: Option<&str>,
    ) -> Result<Form, secret::Error> {
        match (header, pointer) {
            (Some(header), None) => Ok(Form::TokenInHeader {
                tokens,
                header: self.header("header", header)?,
            }),
            (None, Some(pointer)) => Ok(Form::TokenInBody {
                tokens,
                pointer: Pointer::parse(pointer).map_err(|rule| self.wrong("pointer", rule))?,
            }),
            _ => Err(self.wrong("header", "say either header or pointer")),
        }
    }
}

// === impl Reason ===

impl Reason {
    /// One word of a few, for counting.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::HeaderMissing(_) => "header-missing",
            Self::HeaderMalformed(_) => "header-malformed",
            Self::Stale(_) => "timestamp-stale",
            Self::TokenMissing => "token-missing",
            Self::Wrong => "signature-wrong",
        }
    }
}

// === impl Verifier ===

impl Verifier {
    /// How its sender may ask for the address to be confirmed.
    pub(super) fn handshake(&self) -> Option<Handshake> {
        self.handshake
    }

    /// The same form with secrets that nobody has, for names that are no partner's. It
    /// confirms no address.
    pub(super) fn decoy(&self) -> Result<Self, NoRandomness> {
        let form = match &self.form {
            Form::Body { seal, header } => Form::Body {
                seal: seal.decoy()?,
                header: header.clone(),
            },
            Form::TimestampBody {
                seal,
                header,
                timestamp,
                separator,
                tolerance,
            } => Form::TimestampBody {
                seal: seal.decoy()?,
                header: header.clone(),
                timestamp: timestamp.clone(),
                separator: separator.clone(),
                tolerance: *tolerance,
            },
            Form::Standard { seal, tolerance } => Form::Standard {
                seal: seal.decoy()?,
                tolerance: *tolerance,
            },
            Form::TokenInHeader { tokens, header } => Form::TokenInHeader {
                tokens: tokens.decoy()?,
                header: header.clone(),
            },
            Form::TokenInBody { tokens, pointer } => Form::TokenInBody {
                tokens: tokens.decoy()?,
                pointer: pointer.clone(),
            },
        };
        Ok(Self {
            form,
            id_header: self.id_header.clone(),
            handshake: None,
        })
    }

    /// What the headers claim, if they can be true at all at this time.
    ///
    /// # Errors
    /// When they cannot: no body would make them.
    pub(super) fn claim(&self, headers: &HeaderMap, now: Timestamp) -> Result<Claim, Reason> {
        let (before, seals) = match &self.form {
            Form::Body { seal, header } => {
                let given = only(headers, header)?;
                (Vec::new(), seal.read(given, header)?)
            }
            Form::TimestampBody {
                seal,
                header,
                timestamp,
                separator,
                tolerance,
            } => {
                let given = only(headers, header)?;
                let time = only(headers, timestamp)?;
                moment::check(time, timestamp, now, *tolerance, moment::either)?;
                let before = format!("{time}{separator}").into_bytes();
                (before, seal.read(given, header)?)
            }
            Form::Standard { seal, tolerance } => {
                let id = only(headers, &WEBHOOK_ID)?;
                let time = only(headers, &WEBHOOK_TIMESTAMP)?;
                let given = only(headers, &WEBHOOK_SIGNATURE)?;
                moment::check(time, &WEBHOOK_TIMESTAMP, now, *tolerance, moment::seconds)?;
                // With a full stop within it, another id and time could have the same
                // signature; the specification has none there. As it becomes the key,
                // it must be able to be one.
                if id.contains('.') || !is_key(id) {
                    return Err(Reason::HeaderMalformed(WEBHOOK_ID));
                }
                let before = format!("{id}.{time}.").into_bytes();
                let seals = seal.read(given, &WEBHOOK_SIGNATURE)?;
                let id = Some(id.to_owned());
                return Ok(Claim { before, seals, id });
            }
            Form::TokenInHeader { tokens, header } => {
                tokens.check(only(headers, header)?)?;
                (Vec::new(), Seals::default())
            }
            Form::TokenInBody { .. } => (Vec::new(), Seals::default()),
        };
        Ok(Claim {
            before,
            seals,
            id: self.id(headers),
        })
    }

    /// Holds the claim against the body. Takes about a millisecond a megabyte.
    ///
    /// # Errors
    /// When it is not the partner's.
    pub(super) fn verify(&self, claim: &Claim, body: &[u8]) -> Result<Verified, Reason> {
        match &self.form {
            Form::Body { seal, .. }
            | Form::TimestampBody { seal, .. }
            | Form::Standard { seal, .. } => {
                if !seal.fits(&claim.before, body, &claim.seals) {
                    return Err(Reason::Wrong);
                }
                let key = claim.id.clone();
                let key = key.unwrap_or_else(|| digest_key(&claim.before, body));
                Ok(Verified { key: Some(key) })
            }
            Form::TokenInHeader { .. } => Ok(Verified {
                key: claim.id.clone(),
            }),
            Form::TokenInBody { tokens, pointer } => {
                pointer.check(body, tokens)?;
                Ok(Verified {
                    key: claim.id.clone(),
                })
            }
        }
    }

    /// The sender's id of the message, where it has one that can be a key.
    fn id(&self, headers: &HeaderMap) -> Option<String> {
        let id = only(headers, self.id_header.as_ref()?).ok()?;
        is_key(id).then(|| id.to_owned())
    }
}

/// The only value of a header that must come once, as text.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, Reason> {
    let mut values = headers.get_all(name).iter();
    let value = values
        .next()
        .ok_or_else(|| Reason::HeaderMissing(name.clone()))?;
    match value.to_str() {
        Ok(text) if values.next().is_none() => Ok(text),
        _ => Err(Reason::HeaderMalformed(name.clone())),
    }
}

fn is_key(text: &str) -> bool {
    let fits = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&text.len());
    fits && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The key of a message whose sender has no id for it: what is signed.
fn digest_key(before: &[u8], body: &[u8]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(before);
    context.update(body);
    let digest = context.finish();
    let hexadecimal = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("signed:{}", hexadecimal.collect::<String>())
}

#[cfg(test)]
mod tests;
