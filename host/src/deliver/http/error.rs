//! Why there is no answer.

use std::{error::Error, io};

use super::{InvalidRequest, NoToken, Outcome};
use crate::deliver::{Fault, address::Denied};

/// Why an exchange ended without a whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The request may not be sent as the adapter built it.
    #[error(transparent)]
    Request(#[from] InvalidRequest),
    /// The adapter chooses a credential that is not configured.
    #[error("the adapter wants to sign with {name:?}; {}", known_names(.known))]
    CredentialUnknown {
        /// What it chooses.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// There is no token to authenticate with; the request was not sent.
    #[error(transparent)]
    NoToken(#[from] NoToken),
    /// The endpoint's name leads to an address that must not be reached.
    #[error(transparent)]
    AddressDenied(#[from] Denied),
    /// The endpoint's name was not resolved.
    #[error("the name was not resolved: {reason}")]
    Dns {
        /// What the resolver said.
        reason: String,
    },
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// The connection failed otherwise.
    #[error("no connection: {reason}")]
    Connect {
        /// What the system said.
        reason: String,
    },
    /// Name, connection and TLS together took too long.
    #[error("no connection within {after_ms} ms")]
    ConnectTimeout {
        /// The limit, `connect_timeout_ms`.
        after_ms: u64,
    },
    /// The TLS handshake failed: certificate, protocol or cipher.
    #[error("tls: {reason}")]
    Tls {
        /// What the TLS layer said.
        reason: String,
    },
    /// The whole answer was not there in time.
    #[error("no answer within {after_ms} ms")]
    Timeout {
        /// The limit, `timeout_ms`.
        after_ms: u64,
    },
    /// The connection ended before the whole answer.
    #[error("the connection ended before the answer: {reason}")]
    Disconnected {
        /// What the system said.
        reason: String,
    },
    /// The answer is not HTTP, or has too many headers.
    #[error("the answer is not valid http: {reason}")]
    Protocol {
        /// What the parser said.
        reason: String,
    },
    /// The answer's body is longer than allowed; the rest was not read.
    #[error("the answer is longer than {bytes_max} bytes")]
    BodyTooLarge {
        /// The limit, `response_bytes_max`.
        bytes_max: usize,
    },
}

// === impl TransportError ===

impl TransportError {
    /// A stable name for events, metrics and journal records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Request(_) => "invalid-request",
            Self::CredentialUnknown { .. } => "credential-unknown",
            Self::NoToken(failure) => failure.code(),
            Self::AddressDenied(_) => "address-denied",
            Self::Dns { .. } => "dns",
            Self::Refused => "refused",
            Self::Connect { .. } => "connect",
            Self::ConnectTimeout { .. } => "connect-timeout",
            Self::Tls { .. } => "tls",
            Self::Timeout { .. } => "timeout",
            Self::Disconnected { .. } => "disconnected",
            Self::Protocol { .. } => "protocol",
            Self::BodyTooLarge { .. } => "body-too-large",
        }
    }

    /// Whether the partner may have received the request, so that its effect is
    /// unknown: the next attempt carries the same idempotency key.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::Disconnected { .. }
            | Self::Protocol { .. }
            | Self::BodyTooLarge { .. } => true,
            Self::Request(_)
            | Self::CredentialUnknown { .. }
            | Self::NoToken(_)
            | Self::AddressDenied(_)
            | Self::Dns { .. }
            | Self::Refused
            | Self::Connect { .. }
            | Self::ConnectTimeout { .. }
            | Self::Tls { .. } => false,
        }
    }

    /// Whether the same request can succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Request(_) | Self::CredentialUnknown { .. } | Self::BodyTooLarge { .. } => false,
            Self::NoToken(failure) => failure.retryable(),
            _ => true,
        }
    }

    /// Who has to act.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Request(_) => Fault::Adapter,
            Self::AddressDenied(_) | Self::CredentialUnknown { .. } => Fault::Settings,
            Self::NoToken(failure) => failure.fault(),
            _ => Fault::Partner,
        }
    }

    /// What to do about it; absent when the message says it.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::CredentialUnknown { .. } => {
                Some("add it as [partners.NAME.credentials.WORD], restart, and replay the delivery")
            }
            Self::NoToken(NoToken::Unreached(error))
                if matches!(**error, Self::AddressDenied(_)) =>
            {
                Some("add the network to the credential's token_allow_networks if it is meant")
            }
            Self::NoToken(failure) if failure.fault() == Fault::Settings => Some(
                "check the credential's settings and what the partner has registered, restart, and replay the delivery",
            ),
            Self::AddressDenied(_) => Some("add the network to allow_networks if it is meant"),
            _ => None,
        }
    }

    /// What it tells the breaker.
    pub(in crate::deliver) fn outcome(&self) -> Outcome {
        match self {
            Self::Request(_) | Self::CredentialUnknown { .. } | Self::BodyTooLarge { .. } => {
                Outcome::Ours
            }
            // Whoever asks for tokens in vain does so because of our settings.
            Self::NoToken(failure) if failure.fault() != Fault::Partner => Outcome::Ours,
            Self::NoToken(failure) => Outcome::Failed {
                retry_after: failure.retry_after(),
            },
            _ => Outcome::Failed { retry_after: None },
        }
    }

    /// Reads an error from before the answer's head was complete.
    pub(super) fn of_sending(error: &reqwest::Error, connect_timeout_ms: u64) -> Self {
        if let Some(denied) = find::<Denied>(error) {
            return Self::AddressDenied(denied.clone());
        }
        if error.is_dns() {
            return Self::Dns {
                reason: innermost(error),
            };
        }
        if !error.is_connect() {
            return Self::of_reading(error);
        }
        if error.is_timeout() {
            return Self::ConnectTimeout {
                after_ms: connect_timeout_ms,
            };
        }
        if let Some(tls) = find::<rustls::Error>(error) {
            return Self::Tls {
                reason: tls.to_string(),
            };
        }
        match find::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => Self::Refused,
            _ => Self::Connect {
                reason: innermost(error),
            },
        }
    }

    /// Reads an error of an established connection.
    pub(super) fn of_reading(error: &reqwest::Error) -> Self {
        let reason = innermost(error);
        match find::<hyper::Error>(error) {
            Some(hyper) if hyper.is_parse() || hyper.is_parse_too_large() => {
                Self::Protocol { reason }
            }
            _ => Self::Disconnected { reason },
        }
    }
}

fn known_names(known: &[String]) -> String {
    match known {
        [] => "the partner has no named credentials".to_owned(),
        names => format!("the partner's credentials are {}", names.join(", ")),
    }
}

/// The error of this type behind `error`. An `io::Error` hides the error it was
/// made from: its source is that error's source.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    if let Some(found) = error.downcast_ref::<E>() {
        return Some(found);
    }
    let hidden = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
        .and_then(|hidden| find::<E>(hidden));
    hidden.or_else(|| find::<E>(error.source()?))
}

/// What the innermost cause says: the outer ones only name layers.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
