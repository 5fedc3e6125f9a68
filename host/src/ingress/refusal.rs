//! Every reason the ingress has for not taking a message, and the problem that
//! each becomes. This table is the whole of it: no other file of the ingress
//! chooses a status or words a refusal.

use std::{borrow::Cow, time::Duration};

use axum::http::{HeaderName, HeaderValue, StatusCode, header};

use super::sink::{AcceptError, NoRoom};
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
    /// No such partner, or not its token or signature: they are not told apart. The
    /// caller's fault.
    #[error("no partner of this name with this token or signature")]
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
    /// The message, with its headers, is longer than one record may be. The partner's
    /// fault; sent again it is as long.
    #[error("the message takes {bytes} bytes, and a record may have {bytes_max}")]
    MessageTooLarge {
        /// As long as it would have become.
        bytes: usize,
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
    /// The problem's code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind().1
    }

    /// Whether the host, not the sender, is what keeps the message out.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Overloaded { .. } | Self::StorageFull | Self::Stopped
        )
    }
}

impl From<NoRoom> for Refusal {
    fn from(NoRoom { retry_after }: NoRoom) -> Self {
        Self::Overloaded { retry_after }
    }
}

impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::TooLarge { bytes, bytes_max } => {
                Self::MessageTooLarge { bytes, bytes_max }
            }
            AcceptError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            AcceptError::StorageFull => Self::StorageFull,
            AcceptError::Stopped => Self::Stopped,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, code, title) = refusal.kind();
        let problem = Problem::new(status, code, title).detail(refusal.advice());
        match refusal {
            Refusal::Unauthorized => problem.header(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"crossdock\""),
            ),
            // RFC 9110, section 15.5.16: says which encodings would do.
            Refusal::ContentEncoding => problem.header(
                header::ACCEPT_ENCODING,
                HeaderValue::from_static("identity"),
            ),
            // The rest of the body may still come: this connection is over.
            Refusal::BodySlow { .. } => {
                problem.header(header::CONNECTION, HeaderValue::from_static("close"))
            }
            Refusal::BodyTooLarge { bytes_max } | Refusal::MessageTooLarge { bytes_max, .. } => {
                problem.extension("bytes_max", bytes_max)
            }
            Refusal::TooManyInFlight { in_flight_max } => {
                with_quota(problem, in_flight_max).retry_after(RETRY_AFTER_S)
            }
            Refusal::KeyInFlight => problem.retry_after(RETRY_AFTER_S),
            Refusal::KeyReused { first } => problem
                .extension("message_id", first.to_string())
                .instance(format!("/v1/messages/{first}")),
            Refusal::Overloaded { retry_after } => {
                // Whole seconds, rounded up: earlier would be too early.
                problem.retry_after(retry_after.as_millis().div_ceil(1000) as u64)
            }
            Refusal::StorageFull | Refusal::Stopped => problem.retry_after(RETRY_AFTER_STOPPED_S),
            Refusal::HeaderInvalid { .. } | Refusal::BodyEmpty | Refusal::BodyBroken => problem,
        }
    }
}

impl Refusal {
    /// Status, stable code and title.
    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Unauthorized => (S::UNAUTHORIZED, "unauthorized", "Unauthorized"),
            Self::HeaderInvalid { code, .. } => (S::BAD_REQUEST, code, "Invalid header"),
            Self::ContentEncoding => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "content-encoding-unsupported",
                "Content encoding not supported",
            ),
            Self::BodyTooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "body-too-large", "Body too large"),
            Self::MessageTooLarge { .. } => (
                S::PAYLOAD_TOO_LARGE,
                "message-too-large",
                "Message too large",
            ),
            Self::BodyEmpty => (S::BAD_REQUEST, "body-empty", "Empty body"),
            Self::BodySlow { .. } => (S::REQUEST_TIMEOUT, "body-timeout", "Body too slow"),
            Self::BodyBroken => (S::BAD_REQUEST, "body-incomplete", "Body incomplete"),
            Self::TooManyInFlight { .. } => (
                S::TOO_MANY_REQUESTS,
                "too-many-in-flight",
                "Too many messages in flight",
            ),
            Self::KeyInFlight => (
                S::CONFLICT,
                "idempotency-in-flight",
                "Same idempotency key in flight",
            ),
            Self::KeyReused { .. } => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "Idempotency key reused",
            ),
            Self::Overloaded { .. } => (S::SERVICE_UNAVAILABLE, "overloaded", "Overloaded"),
            Self::StorageFull => (S::INSUFFICIENT_STORAGE, "storage-full", "Storage full"),
            Self::Stopped => (S::SERVICE_UNAVAILABLE, "not-accepting", "Not accepting"),
        }
    }

    /// What was wrong and what to do, for the sender.
    fn advice(&self) -> Cow<'static, str> {
        match self {
            Self::Unauthorized => "the partner is unknown, or nothing here proves to be its own; \
                send its token as `Authorization: Bearer ...`, or sign as was agreed"
                .into(),
            Self::HeaderInvalid { name, rule, .. } => format!("{name} must be {rule}").into(),
            Self::ContentEncoding => {
                "send the body as it is, without Content-Encoding; only identity is taken".into()
            }
            Self::BodyTooLarge { bytes_max } => format!(
                "a body may have {bytes_max} bytes; split the message, or ask the operator \
                to raise body_bytes_max"
            )
            .into(),
            Self::MessageTooLarge { bytes, bytes_max } => format!(
                "the message takes {bytes} bytes with its headers, and {bytes_max} are kept; \
                split the message, or ask the operator to raise journal.record_bytes_max"
            )
            .into(),
            Self::BodyEmpty => "there is nothing to accept; send the message as the body".into(),
            Self::BodySlow { limit_ms } => format!(
                "the body did not arrive within {limit_ms} ms; nothing was kept, send it again"
            )
            .into(),
            Self::BodyBroken => {
                "the body broke off or its framing is wrong; nothing was kept, send it again".into()
            }
            Self::TooManyInFlight { in_flight_max } => format!(
                "{in_flight_max} messages of this partner are being taken at the moment; \
                wait for an answer before sending the next"
            )
            .into(),
            Self::KeyInFlight => {
                "a message with this Idempotency-Key is being accepted; ask again for its answer"
                    .into()
            }
            Self::KeyReused { first } => format!(
                "this Idempotency-Key belongs to message {first}, which has another body; \
                send a changed message under a new key"
            )
            .into(),
            Self::Overloaded { .. } => {
                "the host has more work than it can keep; nothing was kept, send it again later"
                    .into()
            }
            Self::StorageFull => {
                "the host's disk is full; nothing was kept, send it again later".into()
            }
            Self::Stopped => "the host is not accepting messages at the moment; send it again \
                later, with the same Idempotency-Key"
                .into(),
        }
    }
}

/// The quota as the RateLimit header fields draft (-10) writes it: a number of
/// concurrent requests, so neither window nor reset time.
fn with_quota(problem: Problem, in_flight_max: usize) -> Problem {
    let policy = format!("\"in-flight\";q={in_flight_max};qu=\"concurrent-requests\"");
    let problem = problem.header(
        HeaderName::from_static("ratelimit"),
        HeaderValue::from_static("\"in-flight\";r=0"),
    );
    match HeaderValue::try_from(policy) {
        Ok(policy) => problem.header(HeaderName::from_static("ratelimit-policy"), policy),
        Err(_) => problem,
    }
}
