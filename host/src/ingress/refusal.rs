//! Every reason the ingress has for not taking a message, and the problem that
//! each becomes. This table is the whole of it: no other file of the ingress
//! chooses a status or words a refusal.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use std::time::Duration;

use super::sink::{self, AcceptError};
use crate::{api::problem::Problem, message::MessageId};

/// How long to wait when nobody knows: a request with the same key is being
/// worked on, or the host is restarting.
const RETRY_AFTER_S: u64 = 1;

/// How long to wait for a host that has stopped accepting, or for a disk to be
/// cleared: restarts take seconds, people longer.
const RETRY_AFTER_STOPPED_S: u64 = 5;

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such partner, or not its token: the two are not told apart. The
    /// caller's fault.
    #[error("no partner of this name with this token")]
    Unauthorized,
    /// A header that breaks its rules. The partner's fault.
    #[error("the header {name} is not valid: {rule}")]
    HeaderInvalid {
        /// Which header.
        name: &'static str,
        /// The problem's code for it.
        code: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// The body is compressed. The partner's fault.
    #[error("the body has a content encoding")]
    ContentEncoding,
    /// The body is longer than allowed. The partner's fault.
    #[error("the body is longer than {bytes_max} bytes")]
    BodyTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// There is no body. The partner's fault.
    #[error("the body is empty")]
    BodyEmpty,
    /// The body did not arrive in time. Retry.
    #[error("the body did not arrive within {limit_ms} ms")]
    BodySlow {
        /// The limit that ran out.
        limit_ms: u64,
    },
    /// The body broke off or was framed wrongly. Retry.
    #[error("the body broke off")]
    BodyBroken,
    /// The partner has too many requests open. Retry.
    #[error("{in_flight_max} messages are in flight already")]
    TooManyInFlight {
        /// The partner's limit.
        in_flight_max: usize,
    },
    /// A message with the same key is being accepted just now. Retry.
    #[error("a message with the same idempotency key is in flight")]
    KeyInFlight,
    /// The key was used for another body. The partner's fault.
    #[error("the idempotency key belongs to message {first}, which has another body")]
    KeyReused {
        /// The message that has the key.
        first: MessageId,
    },
    /// No room. Retry; nobody's fault.
    #[error("no room for another message; retry in {} ms", retry_after.as_millis())]
    Overloaded {
        /// When.
        retry_after: Duration,
    },
    /// The disk is full. Retry; the operator's to solve.
    #[error("the journal's disk is full")]
    StorageFull,
    /// The host is stopping or its journal has failed. Retry.
    #[error("the host has stopped accepting")]
    Stopped,
}

// === impl Refusal ===

impl Refusal {
    /// Whether the host, not the sender, is what keeps the message out.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Overloaded { .. } | Self::StorageFull | Self::Stopped
        )
    }
}

impl From<sink::Refusal> for Refusal {
    fn from(refusal: sink::Refusal) -> Self {
        let retry_after = refusal.retry_after;
        Self::Overloaded { retry_after }
    }
}

impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            AcceptError::StorageFull => Self::StorageFull,
            AcceptError::Stopped => Self::Stopped,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::BodyTooLarge { .. }
            | Refusal::BodyEmpty
            | Refusal::BodySlow { .. }
            | Refusal::BodyBroken => of_body(&refusal),
            Refusal::TooManyInFlight { .. }
            | Refusal::Overloaded { .. }
            | Refusal::StorageFull
            | Refusal::Stopped => of_load(&refusal),
            Refusal::KeyInFlight | Refusal::KeyReused { .. } => of_key(&refusal),
            Refusal::Unauthorized | Refusal::HeaderInvalid { .. } | Refusal::ContentEncoding => {
                of_head(&refusal)
            }
        }
    }
}
