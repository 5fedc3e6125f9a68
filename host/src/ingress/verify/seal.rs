//! HMAC-SHA256: what a signature must be, compared with what was given.

use std::fmt;

use axum::http::HeaderName;
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ring::hmac::{Context, HMAC_SHA256, Key};
use subtle::{Choice, ConstantTimeEq as _};

use super::{Encoding, Reason};
use crate::{ingress::authenticate::NoRandomness, secret::Secret};

/// Signatures of one request: one a secret of the sender's, and room for versions that
/// we do not know.
const SIGNATURES_MAX: usize = 16;

/// How a secret of Standard Webhooks begins.
const STANDARD_PREFIX: &str = "whsec_";

/// How a signature begins that the standard calls symmetric.
const STANDARD_VERSION: &str = "v1,";

/// Senders write base64 with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A signature's bytes.
type Mac = [u8; 32];

/// What signatures are made with, and how they are written.
#[derive(Debug)]
pub(super) struct Seal {
    keys: Vec<Key>,
    writing: Writing,
}

/// Signatures that a request carries.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Seals(Vec<Mac>);

#[derive(Clone, Debug)]
enum Writing {
    Plain { encoding: Encoding, prefix: String },
    Standard,
}

// === impl Seal ===

impl Seal {
    /// Secrets whose bytes are the keys.
    pub(super) fn of_text(secrets: &[Secret], encoding: Encoding, prefix: &str) -> Self {
        let keys = secrets
            .iter()
            .map(|secret| Key::new(HMAC_SHA256, secret.expose().as_bytes()));
        Self {
            keys: keys.collect(),
            writing: Writing::Plain {
                encoding,
                prefix: prefix.to_owned(),
            },
        }
    }

    /// Secrets as Standard Webhooks writes them.
    pub(super) fn standard(secrets: &[Secret]) -> Result<Self, &'static str> {
        let key = |secret: &Secret| -> Result<Key, &'static str> {
            let text = secret.expose();
            let text = text.strip_prefix(STANDARD_PREFIX).unwrap_or(text);
            let bytes = BASE64
                .decode(text)
                .ok()
                .filter(|bytes| (24..=64).contains(&bytes.len()))
                .ok_or("the secret is not base64 of 24 to 64 bytes, with or without whsec_")?;
            Ok(Key::new(HMAC_SHA256, &bytes))
        };
        Ok(Self {
            keys: secrets.iter().map(key).collect::<Result<_, _>>()?,
            writing: Writing::Standard,
        })
    }

    /// As many keys, which nobody has.
    pub(super) fn decoy(&self) -> Result<Self, NoRandomness> {
        let key = |_| -> Result<Key, NoRandomness> {
            let mut random = [0; 32];
            getrandom::fill(&mut random)?;
            Ok(Key::new(HMAC_SHA256, &random))
        };
        Ok(Self {
            keys: self.keys.iter().map(key).collect::<Result<_, _>>()?,
            writing: self.writing.clone(),
        })
    }

    /// The signatures in a header's value.
    pub(super) fn read(&self, value: &str, header: &HeaderName) -> Result<Seals, Reason> {
        let seals = match &self.writing {
            Writing::Plain { encoding, prefix } => value
                .strip_prefix(prefix.as_str())
                .and_then(|text| encoding.decode(text))
                .map(|mac| vec![mac]),
            Writing::Standard => standard(value),
        };
        seals
            .map(Seals)
            .ok_or_else(|| Reason::HeaderMalformed(header.clone()))
    }

    /// Whether any of the signatures is that of any key. Every key is tried with every
    /// signature, whichever fits.
    pub(super) fn fits(&self, before: &[u8], body: &[u8], seals: &Seals) -> bool {
        let mut fits = Choice::from(0);
        for key in &self.keys {
            let mut context = Context::with_key(key);
            context.update(before);
            context.update(body);
            let mac = context.sign();
            for given in &seals.0 {
                fits |= mac.as_ref().ct_eq(given);
            }
        }
        fits.into()
    }
}

/// The symmetric signatures of a list; others, as of keys of another kind, are left
/// aside.
fn standard(value: &str) -> Option<Vec<Mac>> {
    let mut given = value.split(' ').filter(|part| !part.is_empty());
    let listed: Vec<_> = given.by_ref().take(SIGNATURES_MAX).collect();
    if given.next().is_some() {
        return None;
    }
    let symmetric = listed
        .iter()
        .filter_map(|part| part.strip_prefix(STANDARD_VERSION));
    let macs: Vec<_> = symmetric
        .filter_map(|text| Encoding::Base64.decode(text))
        .collect();
    (!macs.is_empty()).then_some(macs)
}

// === impl Encoding ===

impl Encoding {
    fn decode(self, text: &str) -> Option<Mac> {
        match self {
            Self::Base64 => BASE64.decode(text).ok()?.try_into().ok(),
            Self::Hex => hexadecimal(text.as_bytes()),
        }
    }
}

fn hexadecimal(digits: &[u8]) -> Option<Mac> {
    if digits.len() != 2 * size_of::<Mac>() {
        return None;
    }
    let mut mac = Mac::default();
    for (byte, pair) in mac.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(mac)
}

/// How many, not which: a signature that fits must not stand in a log.
impl fmt::Debug for Seals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Seals({})", self.0.len())
    }
}
