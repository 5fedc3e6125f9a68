//! Records on their way from the engine to the journal.
//!
//! The engine never waits for one: what finds no room is kept, in order, and sent again;
//! only a record that never fits is refused.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::Engine;
use crate::{
    journal::{CommitError, CommitTicket, Sequence},
    record::{Log, Record},
};

/// A record on its way to the journal.
pub(super) struct Unanswered {
    record: Arc<Record>,
    bytes: bytes::Bytes,
    /// None until the committer takes it.
    ticket: Option<CommitTicket>,
}

// === impl Engine ===

impl Engine {
    pub(super) fn commit_or_log(&mut self, mut record: Record) {
        let mut committed = self.commit(&Arc::new(record.clone()));
        if let (Err(CommitError::TooLarge { .. }), Record::Attempted(attempted)) =
            (&committed, &mut record)
        {
            // What follows from the answer matters more than its text.
            attempted.answer = None;
            attempted.log = Log::default();
            committed = self.commit(&Arc::new(record));
        }
        if let Err(error) = committed {
            tracing::error!(%error, "a record can't be journaled");
        }
    }

    /// Sends a record to the journal. It waits here when the committer has no room;
    /// only a record that never fits is refused.
    pub(super) fn commit(&mut self, record: &Arc<Record>) -> Result<(), CommitError> {
        let bytes = bytes::Bytes::from(record.to_bytes());
        let record = Arc::clone(record);
        let ticket = match self.try_commit(&record, &bytes) {
            Ok(ticket) => Some(ticket),
            Err(error @ CommitError::TooLarge { .. }) => return Err(error),
            Err(_) => {
                self.unsent += 1;
                None
            }
        };
        self.unanswered.push_back(Unanswered {
            record,
            bytes,
            ticket,
        });
        Ok(())
    }

    fn try_commit(
        &self,
        record: &Arc<Record>,
        bytes: &bytes::Bytes,
    ) -> Result<CommitTicket, CommitError> {
        // What waits already goes first.
        if self.unsent > 0 {
            return Err(CommitError::Overloaded);
        }
        self.hands.commit(Arc::clone(record), bytes.clone())
    }

    /// Forgets what is durable and sends again what found no room.
    pub(super) fn watch_commits(&mut self) {
        while let Some(front) = self.unanswered.front_mut() {
            match front.ticket.as_mut().map(answer) {
                Some(Poll::Ready(Ok(_))) => {
                    if let Some(durable) = self.unanswered.pop_front() {
                        self.forget(&durable.record);
                    }
                }
                Some(Poll::Ready(Err(error))) => {
                    tracing::warn!(%error, "a record is sent to the journal again");
                    front.ticket = None;
                    self.unsent += 1;
                    return;
                }
                Some(Poll::Pending) => return,
                None => {
                    let (record, bytes) = (Arc::clone(&front.record), front.bytes.clone());
                    match self.hands.commit(record, bytes) {
                        Ok(ticket) => {
                            front.ticket = Some(ticket);
                            self.unsent -= 1;
                        }
                        Err(_) => return,
                    }
                }
            }
        }
    }
}

/// The answer to a commit, if it is there. The engine looks often enough by itself,
/// so nobody need be woken.
fn answer(ticket: &mut CommitTicket) -> Poll<Result<Sequence, CommitError>> {
    Pin::new(ticket).poll(&mut Context::from_waker(Waker::noop()))
}
