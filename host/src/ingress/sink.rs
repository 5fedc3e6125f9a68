//! Where accepted messages go: the seam between the ingress and the journal.
//!
//! The ingress asks in this order, for every message: [`Sink::admit`] before the
//! body is kept, [`Sink::remembered`] when the message has an idempotency key,
//! [`Sink::accept`], and for a partner that wants the adapter's own reply
//! [`Sink::reply`].

use std::{future::Future, time::Duration};

use axum::http::StatusCode;
use bytes::Bytes;

use crate::message::{CorrelationId, Digest, MessageId, PartnerName, RawMessage};

/// Keeps messages durably.
///
/// # Promises
/// - When `accept` has returned [`Accepted::New`], the message survives a kill and
///   a power loss, and from that moment `remembered` answers for its key.
/// - `accept` has the last word on one effect per key: where several hosts take
///   messages for one partner, it answers [`Accepted::Before`] for a key that
///   another host has taken meanwhile.
/// - `admit` and `remembered` answer from memory, within microseconds: they are
///   called on the threads that serve connections.
pub trait Sink: Send + Sync + 'static {
    /// Room for one message, held from before its body is read until it has been
    /// accepted; dropping it gives the room back.
    type Permit: Send + 'static;

    /// Asks for room for one message from `partner`.
    ///
    /// # Errors
    /// When there is none at the moment; nothing of the message has been kept.
    fn admit(&self, partner: &PartnerName) -> Result<Self::Permit, NoRoom>;

    /// Hears of a message that was not taken, for the reason of this code; it was told
    /// to the sender already.
    fn refused(&self, partner: &PartnerName, code: &'static str) {
        let _ = (partner, code);
    }

    /// Hears of a request that did not prove to be the partner's, for the reason of this
    /// code.
    fn unproved(&self, partner: &PartnerName, reason: &'static str) {
        let _ = (partner, reason);
    }

    /// What was accepted under this key, if anything, within the idempotency
    /// window.
    fn remembered(&self, partner: &PartnerName, key: &str) -> Option<Remembered>;

    /// Keeps the message durably.
    ///
    /// # Errors
    /// When it has not been kept, or when nobody can tell whether it has.
    fn accept(
        &self,
        permit: Self::Permit,
        message: RawMessage,
    ) -> impl Future<Output = Result<Accepted, AcceptError>> + Send;

    /// Waits up to `wait` for the reply that the adapter gives to this message;
    /// `None` when the time is over or the adapter gives none.
    fn reply(&self, id: MessageId, wait: Duration) -> impl Future<Output = Option<Reply>> + Send;
}

/// There is no room for another message just now. The same request can succeed
/// later; nobody's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no room for another message for about {} ms", retry_after.as_millis())]
pub struct NoRoom {
    /// When to ask again.
    pub retry_after: Duration,
}

/// A message that was accepted under an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The id it was given.
    pub message_id: MessageId,
    /// The correlation id it was given.
    pub correlation_id: CorrelationId,
    /// SHA-256 of its body.
    pub digest: Digest,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is durable under its own id.
    New,
    /// Its key had been taken; nothing was kept. Whether the body is the same
    /// one, the ingress judges by the digest.
    Before(Remembered),
}

/// Why a message was not accepted. But for [`TooLarge`](Self::TooLarge) none of these
/// is the partner's fault, and the same request may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// The message, with what is known of it, is larger than the journal takes; the
    /// same message never will be taken.
    #[error("the message is a record of {bytes} bytes, over the journal's {bytes_max}")]
    TooLarge {
        /// As large as it would have become.
        bytes: usize,
        /// The limit (`journal.record_bytes_max`).
        bytes_max: usize,
    },
    /// The queue in front of the journal is full; the message was not kept.
    #[error("the journal cannot keep up; retry in {} ms", retry_after.as_millis())]
    Overloaded {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The disk is full; the message was not kept.
    #[error("the journal's disk is full")]
    StorageFull,
    /// The journal has failed or the host is stopping. Whether the message was
    /// kept will be known after the next start; the sender must send it again,
    /// with the same idempotency key.
    #[error("the journal has stopped")]
    Stopped,
}

/// The reply that an adapter gives to a message, to be sent as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The media type, when the adapter names one.
    pub content_type: Option<String>,
    /// The bytes.
    pub body: Bytes,
}
