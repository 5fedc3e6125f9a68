//! The way in: partner messages by HTTP and by drop folder, until they are
//! durable.
//!
//! Promises: a message is answered with 202, or its file leaves the inbox, only
//! after the [`Sink`] has it durably; one message per idempotency key reaches the
//! sink, however many arrive at once; of a caller that has not proved who it is no
//! more is read than the proof needs, in memory of its own, and nothing is kept of a
//! message that there is no room for.
//! Every wait, length and number has a limit with a name.
//!
//! What a message means is none of its business: media types and bytes pass
//! through unexamined.

pub mod authenticate;
mod behalf;
pub mod body;
mod entrance;
mod envelope;
pub mod files;
mod http;
mod in_flight;
mod refusal;
mod signed;
mod sink;
pub mod traceparent;
pub mod verify;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use ::http::HeaderName;
use axum::Router;
use serde::{Deserialize, Serialize};

use self::{
    authenticate::{Doors, NoRandomness, TOKENS_MAX, TokenHash},
    body::{Limits, Memory},
    entrance::Entrance,
    in_flight::Slots,
    signed::{Signer, Signers, Told},
};
pub use self::{
    behalf::Brought,
    entrance::Receipt,
    envelope::{CONTENT_TYPE_BYTES_MAX, IDEMPOTENCY_KEY_BYTES_MAX},
    refusal::Refusal,
    sink::{AcceptError, Accepted, NoRoom, Remembered, Reply, Sink},
};
use crate::{clock::Clock, message::PartnerName, secret};

/// Headers that carry secrets of the transport; no adapter ever sees them.
const NEVER_FORWARDED: [HeaderName; 4] = [
    HeaderName::from_static("authorization"),
    HeaderName::from_static("cookie"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("set-cookie"),
];

/// Limits of the ingress as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The longest message, in bytes (8 MiB): larger than any order file we know
    /// of, small enough for hundreds at a time.
    pub body_bytes_max: usize,
    /// The memory that all bodies being read or accepted may take together, in
    /// bytes (256 MiB); what comes on top is answered with 503.
    pub body_memory_bytes_max: usize,
    /// The memory that bodies of partners that sign may take together, in bytes
    /// (64 MiB), beside the above: they are read before anyone knows whose they are.
    pub unverified_memory_bytes_max: usize,
    /// The longest wait for the next piece of a body, in milliseconds (30 s).
    pub body_frame_timeout_ms: u64,
    /// The longest time for a whole body, in milliseconds (60 s).
    pub body_timeout_ms: u64,
    /// Messages that one partner may have in flight (64), where the partner has no
    /// number of its own; one more is answered with 429.
    pub in_flight_max: usize,
}

/// How one partner may send.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// SHA-256 of its bearer token in hexadecimal; a second one during a rotation.
    /// With none, and no signature, the partner cannot send by HTTP.
    pub token_sha256: Vec<TokenHash>,
    /// In place of a token: how it signs what it sends (not). Then every message must
    /// be signed.
    pub signature: Option<verify::Config>,
    /// Request headers that its adapter may see (none). `Content-Type` always
    /// travels on its own; credentials are never forwarded.
    pub forward_headers: Vec<String>,
    /// Messages it may have in flight, in place of the general number.
    pub in_flight_max: Option<usize>,
    /// What it gets as the answer (`accepted`).
    pub reply: ReplyMode,
    /// With `reply = "synchronous"`, the longest wait for the adapter's reply, in
    /// milliseconds (10 s); afterwards the answer is a plain 202.
    pub reply_wait_ms: Option<u64>,
}

/// What answers a partner's request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyMode {
    /// 202 with the message's id, as soon as the message is durable.
    #[default]
    Accepted,
    /// The reply that the adapter gives, for partners that want one in the same
    /// exchange.
    Synchronous,
}

/// A setting that cannot be used. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A limit of zero, or one that contradicts another.
    #[error("{setting} must be {rule}")]
    Limit {
        /// The setting's name.
        setting: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// More hashes than a rotation needs.
    #[error("partner {partner} has {count} token_sha256, at most {TOKENS_MAX} are allowed")]
    TooManyTokens {
        /// Whose.
        partner: PartnerName,
        /// How many.
        count: usize,
    },
    /// A header that cannot or must not be forwarded.
    #[error("partner {partner} cannot forward the header {header:?}: {reason}")]
    ForwardHeader {
        /// Whose.
        partner: PartnerName,
        /// Which header.
        header: String,
        /// Why.
        reason: &'static str,
    },
    /// A token and a signature.
    #[error(
        "partner {partner} has token_sha256 and signature; one is enough, and the other would not count"
    )]
    TokenAndSignature {
        /// Whose.
        partner: PartnerName,
    },
    /// A signature's setting or secret that cannot be used.
    #[error(transparent)]
    Signature(#[from] secret::Error),
    /// The system gave no randomness. Trying again may help.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// The ingress, ready to serve.
pub struct Ingress<S> {
    limits: Limits,
    memory: Arc<Memory>,
    unverified_memory: Arc<Memory>,
    doors: Doors<Partner>,
    signers: Signers,
    entrance: Entrance<S>,
    clock: Clock,
}

/// What is known of a partner that has proved who it is.
#[derive(Debug)]
struct Partner {
    name: PartnerName,
    forward: Vec<HeaderName>,
    slots: Arc<Slots>,
    reply_wait: Option<Duration>,
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self {
            body_bytes_max: 8 * 1024 * 1024,
            body_memory_bytes_max: 256 * 1024 * 1024,
            unverified_memory_bytes_max: 64 * 1024 * 1024,
            body_frame_timeout_ms: 30_000,
            body_timeout_ms: 60_000,
            in_flight_max: 64,
        }
    }
}

impl Config {
    fn check(&self) -> Result<(), ConfigError> {
        let limit = |right: bool, setting, rule| {
            right
                .then_some(())
                .ok_or(ConfigError::Limit { setting, rule })
        };
        limit(self.body_bytes_max > 0, "body_bytes_max", "at least 1")?;
        limit(
            self.body_memory_bytes_max >= self.body_bytes_max,
            "body_memory_bytes_max",
            "at least body_bytes_max",
        )?;
        limit(
            self.body_frame_timeout_ms > 0,
            "body_frame_timeout_ms",
            "at least 1",
        )?;
        limit(self.body_timeout_ms > 0, "body_timeout_ms", "at least 1")?;
        limit(self.in_flight_max > 0, "in_flight_max", "at least 1")
    }

    /// What else must hold where a partner signs.
    fn check_signed(&self) -> Result<(), ConfigError> {
        let fits = self.unverified_memory_bytes_max >= self.body_bytes_max;
        let (setting, rule) = ("unverified_memory_bytes_max", "at least body_bytes_max");
        fits.then_some(())
            .ok_or(ConfigError::Limit { setting, rule })
    }
}

// === impl Access ===

impl Access {
    /// How long a synchronous reply is waited for when nothing else is set: what
    /// HTTP clients commonly wait themselves, halved.
    const REPLY_WAIT_MS: u64 = 10_000;

    fn build(&self, name: &PartnerName, config: &Config) -> Result<Partner, ConfigError> {
        let in_flight_max = self.in_flight_max.unwrap_or(config.in_flight_max);
        let count = self.token_sha256.len();
        if in_flight_max == 0 {
            let (setting, rule) = ("in_flight_max", "at least 1");
            return Err(ConfigError::Limit { setting, rule });
        }
        if count > TOKENS_MAX {
            let partner = name.clone();
            return Err(ConfigError::TooManyTokens { partner, count });
        }
        let reply_wait_ms = self.reply_wait_ms.unwrap_or(Self::REPLY_WAIT_MS);
        Ok(Partner {
            name: name.clone(),
            forward: self.forward(name)?,
            slots: Slots::new(in_flight_max),
            reply_wait: match self.reply {
                ReplyMode::Accepted => None,
                ReplyMode::Synchronous => Some(Duration::from_millis(reply_wait_ms)),
            },
        })
    }

    fn forward(&self, partner: &PartnerName) -> Result<Vec<HeaderName>, ConfigError> {
        let refused = |header: &str, reason| ConfigError::ForwardHeader {
            partner: partner.clone(),
            header: header.to_owned(),
            reason,
        };
        let parse = |text: &String| {
            let name: HeaderName = text
                .parse()
                .map_err(|_| refused(text, "this is no header name"))?;
            let secret = self.signature.as_ref().and_then(|it| it.secret_header());
            let ours = secret.is_some_and(|it| it.eq_ignore_ascii_case(text));
            if ours || NEVER_FORWARDED.contains(&name) {
                return Err(refused(text, "it carries credentials"));
            }
            Ok(name)
        };
        self.forward_headers.iter().map(parse).collect()
    }

    /// Says what is wrong with it, secrets and limits aside. `setting` is where it
    /// stands.
    ///
    /// # Errors
    /// Names the setting and what it must be.
    pub fn check(&self, name: &PartnerName, setting: &str) -> Result<(), ConfigError> {
        let Some(signature) = &self.signature else {
            return Ok(());
        };
        if !self.token_sha256.is_empty() {
            let partner = name.clone();
            return Err(ConfigError::TokenAndSignature { partner });
        }
        Ok(signature.check(&format!("{setting}.signature"))?)
    }

    /// The partner's signer and its decoy; nothing for a partner that does not sign.
    fn signer(
        &self,
        name: &PartnerName,
        config: &Config,
    ) -> Result<Option<(Signer, Signer)>, ConfigError> {
        let setting = format!("partners.{name}.access");
        self.check(name, &setting)?;
        let Some(signature) = &self.signature else {
            return Ok(None);
        };
        config.check_signed()?;
        let environment = |name: &str| std::env::var(name).ok();
        let verifier = signature.resolve(&format!("{setting}.signature"), &environment)?;
        let decoy = Signer {
            partner: self.build(name, config)?,
            verifier: verifier.decoy()?,
            told: None,
        };
        let signer = Signer {
            partner: self.build(name, config)?,
            verifier,
            told: Some(Told::nothing()),
        };
        Ok(Some((signer, decoy)))
    }
}

// === impl Ingress ===

impl<S: Sink> Ingress<S> {
    /// An ingress for these partners, bringing their messages to `sink`.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn build(
        config: &Config,
        partners: &BTreeMap<PartnerName, Access>,
        sink: Arc<S>,
        clock: Clock,
    ) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        let mut doors = Doors::new()?;
        let mut signers = Signers::default();
        for (name, access) in partners {
            signers.add(name.as_str(), access.signer(name, config)?);
            let partner = access.build(name, config)?;
            doors.add(name.as_str(), &access.token_sha256, partner);
        }
        Ok(Arc::new(Self {
            limits: Limits {
                bytes_max: config.body_bytes_max,
                frame_timeout_ms: config.body_frame_timeout_ms,
                timeout_ms: config.body_timeout_ms,
            },
            memory: Memory::new(config.body_memory_bytes_max),
            unverified_memory: Memory::new(config.unverified_memory_bytes_max),
            doors,
            signers,
            entrance: Entrance::new(sink),
            clock,
        }))
    }

    /// The routes of the ingress, to be merged with those of the API.
    pub fn router(self: &Arc<Self>) -> Router {
        http::router(Arc::clone(self))
    }

    /// The memory that bodies take at the moment, in bytes.
    #[must_use]
    pub fn body_memory_bytes(&self) -> usize {
        self.memory.taken() + self.unverified_memory.taken()
    }
}

impl<S> fmt::Debug for Ingress<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ingress").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
