//! The last step of every way in: one message per idempotency key reaches the
//! sink, and everyone else learns what became of it.

use std::sync::Arc;

use super::{
    in_flight::{Claim, Keys},
    refusal::Refusal,
    sink::{Accepted, Remembered, Sink},
};
use crate::message::{CorrelationId, Digest, MessageId, RawMessage};

/// Brings messages to the sink, once per key.
#[derive(Debug)]
pub(super) struct Entrance<S> {
    sink: Arc<S>,
    keys: Arc<Keys>,
}

/// The answer to a message that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The message's id.
    pub message_id: MessageId,
    /// Ties it to what it causes.
    pub correlation_id: CorrelationId,
    /// Whether an earlier request had brought it already.
    pub replayed: bool,
}

// === impl Entrance ===

impl<S: Sink> Entrance<S> {
    pub(super) fn new(sink: Arc<S>) -> Self {
        let keys = Keys::new();
        Self { sink, keys }
    }

    pub(super) fn sink(&self) -> &Arc<S> {
        &self.sink
    }

    /// Accepts the message, or finds the one that was accepted under its key.
    ///
    /// The key is claimed before the sink is asked what it remembers: the other
    /// way round, two requests could both find nothing. `held` is whatever has to
    /// outlive the acceptance.
    pub(super) async fn accept<H: Send + 'static>(
        &self,
        permit: S::Permit,
        message: RawMessage,
        held: H,
    ) -> Result<Receipt, Refusal> {
        let Some(key) = &message.idempotency_key else {
            let fresh = Fresh::of(&message);
            let accepted = self.sink.accept(permit, message).await?;
            drop(held);
            return fresh.receipt(accepted);
        };
        let claim = self.keys.claim(&message.partner, key);
        let claim = claim.ok_or(Refusal::KeyInFlight)?;
        if let Some(before) = self.sink.remembered(&message.partner, key) {
            return Fresh::of(&message).receipt(Accepted::Before(before));
        }
        self.accept_to_the_end(permit, message, (claim, held)).await
    }

    /// Accepts in a task of its own: when the sender hangs up, its request is
    /// dropped, but its message may be on its way into the journal. The key stays
    /// claimed until that is settled, or a second request could slip past.
    async fn accept_to_the_end<H: Send + 'static>(
        &self,
        permit: S::Permit,
        message: RawMessage,
        held: (Claim, H),
    ) -> Result<Receipt, Refusal> {
        let sink = Arc::clone(&self.sink);
        let fresh = Fresh::of(&message);
        let accepting = tokio::spawn(async move {
            let accepted = sink.accept(permit, message).await;
            drop(held);
            accepted
        });
        // The task ends without a result when it panicked or the runtime is going
        // down: either way nobody can tell whether the message was kept.
        let accepted = accepting.await.map_err(|_| Refusal::Stopped)?;
        fresh.receipt(accepted?)
    }
}

/// What a receipt needs of a message that has been given away.
struct Fresh {
    message_id: MessageId,
    correlation_id: CorrelationId,
    digest: Digest,
}

// === impl Fresh ===

impl Fresh {
    fn of(message: &RawMessage) -> Self {
        Self {
            message_id: message.id,
            correlation_id: message.correlation_id.clone(),
            digest: message.digest,
        }
    }

    fn receipt(self, accepted: Accepted) -> Result<Receipt, Refusal> {
        let Remembered {
            message_id,
            correlation_id,
            digest,
        } = match accepted {
            Accepted::New => {
                return Ok(Receipt {
                    message_id: self.message_id,
                    correlation_id: self.correlation_id,
                    replayed: false,
                });
            }
            Accepted::Before(before) => before,
        };
        if digest != self.digest {
            return Err(Refusal::KeyReused { first: message_id });
        }
        Ok(Receipt {
            message_id,
            correlation_id,
            replayed: true,
        })
    }
}
