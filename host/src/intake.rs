//! Where the ingress hands a message over: room, memory of keys, the journal.
//!
//! Accepting is one commit. What happens to the message afterwards is the engine's
//! business, which hears of it from the committer.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;

use crate::{
    clock::Clock,
    engine::{self, Backlog},
    failpoint,
    ingress::{AcceptError, Accepted, NoRoom, Remembered, Reply, Sink},
    journal::{CommitError, Committer, Reader},
    message::{MessageId, PartnerName, RawMessage},
    metrics::Metrics,
    record::{self, Record},
    view::{MessageStatus, View},
};

/// When a caller should come back that found no room. A commit takes about a
/// millisecond, so a second is long.
const COME_BACK: Duration = Duration::from_secs(1);

/// The way from the ingress into the journal.
pub struct Intake {
    /// The present.
    pub clock: Clock,
    /// Where records go.
    pub committer: Committer<Record>,
    /// Where keys are remembered.
    pub view: View,
    /// Where replies are read back.
    pub journal: Arc<dyn Reader>,
    /// Who knows replies first.
    pub engine: engine::Handle,
    /// What waits to be decoded.
    pub backlog: Backlog,
    /// Where refusals are counted.
    pub metrics: Arc<Metrics>,
    /// How long keys are remembered, and how much may wait.
    pub config: engine::Config,
}

// === impl Intake ===

impl Sink for Intake {
    type Permit = ();

    fn admit(&self, _partner: &PartnerName) -> Result<(), NoRoom> {
        if self.backlog.waiting() >= self.config.backlog_messages_max {
            return Err(NoRoom {
                retry_after: COME_BACK,
            });
        }
        Ok(())
    }

    fn refused(&self, partner: &PartnerName, code: &'static str) {
        self.metrics.refused(partner, code);
    }

    fn unproved(&self, partner: &PartnerName, reason: &'static str) {
        self.metrics.unproved(partner, reason);
    }

    fn remembered(&self, partner: &PartnerName, key: &str) -> Option<Remembered> {
        let row = self.view.idempotency(partner, key)?;
        (row.at >= self.config.known_since(self.clock.now())).then_some(Remembered {
            message_id: row.message,
            correlation_id: row.correlation_id,
            digest: row.digest,
        })
    }

    async fn accept(&self, _permit: (), message: RawMessage) -> Result<Accepted, AcceptError> {
        failpoint::hit("ingress-before-commit");
        let record = Record::Accepted(message);
        let bytes = record.to_bytes();
        match self.committer.commit(Arc::new(record), bytes).await {
            Ok(_) => Ok(Accepted::New),
            Err(error) => Err(not_accepted(&error)),
        }
    }

    async fn reply(&self, id: MessageId, wait: Duration) -> Option<Reply> {
        let answered = self.engine.expect_reply(id);
        let reply = match self.decoded(id) {
            Some(reply) => reply,
            None => self.engine.reply(id, answered, wait).await,
        }?;
        Some(Reply {
            status: StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK),
            content_type: Some(reply.content_type),
            body: reply.body,
        })
    }
}

impl Intake {
    /// The reply of a message that was decoded before anybody asked. None when it
    /// was not decoded yet.
    #[expect(
        clippy::option_option,
        reason = "not decoded yet, and decoded without a reply"
    )]
    fn decoded(&self, id: MessageId) -> Option<Option<record::Reply>> {
        let row = self.view.message(id)?;
        if row.status == MessageStatus::Accepted {
            return None;
        }
        let read = self.journal.read(*row.history.last()?).ok()?;
        match Record::from_bytes(&read).ok()? {
            Record::Decoded(decoded) => Some(decoded.reply),
            _ => Some(None),
        }
    }
}

/// What the sender is to make of a commit that failed.
fn not_accepted(error: &CommitError) -> AcceptError {
    match *error {
        CommitError::Overloaded => AcceptError::Overloaded {
            retry_after: COME_BACK,
        },
        CommitError::TooLarge { bytes, bytes_max } => AcceptError::TooLarge { bytes, bytes_max },
        CommitError::Full { .. } => AcceptError::StorageFull,
        CommitError::Stopped | CommitError::Fatal { .. } => AcceptError::Stopped,
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;
    use crate::{api::problem::Problem, ingress::Refusal};

    #[test]
    fn a_message_that_no_record_can_hold_is_not_to_be_sent_again() {
        let answer = |error| Problem::from(Refusal::from(not_accepted(&error))).into_response();
        let large = answer(CommitError::TooLarge {
            bytes: 17,
            bytes_max: 16,
        });
        assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(!large.headers().contains_key("retry-after"));
        let full = answer(CommitError::Full { why: "".into() });
        assert_eq!(full.status(), StatusCode::INSUFFICIENT_STORAGE);
        assert!(full.headers().contains_key("retry-after"));
    }
}
