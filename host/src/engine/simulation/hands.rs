//! Hands that do nothing by themselves: what the engine hands out lies here until the run
//! has it done.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{network::Letter, settings::Settings};
use crate::{
    clock::Timestamp,
    engine::{
        conversation::Attempt,
        hands::Hands,
        polling::Fetch,
        rerun::{self, Rerun},
    },
    journal::{CommitError, CommitTicket, Sequence},
    message::{Journaled, PartnerName, RawMessage, chance::Dice},
    process::traffic,
    record::Record,
    sandbox::Busy,
};

/// How seldom there is no room for a record, or for a guest.
const NO_ROOM_ONE_IN: usize = 60;

/// What was handed out and is not done. Clones share it.
#[derive(Clone)]
pub(super) struct Desk(Arc<Mutex<Given>>);

/// See [`Desk`].
pub(super) struct Given {
    /// In the order in which they become durable.
    pub(super) commits: VecDeque<Commit>,
    pub(super) reads: Vec<(Journaled<RawMessage>, OwnedSemaphorePermit)>,
    pub(super) attempts: Vec<Attempt>,
    dice: Dice,
}

/// A record on its way to the journal.
pub(super) struct Commit {
    pub(super) record: Arc<Record>,
    pub(super) bytes: Bytes,
    pub(super) then: Then,
}

/// What happens when it is durable.
pub(super) enum Then {
    /// Whoever committed it is told.
    Tell(oneshot::Sender<Result<Sequence, CommitError>>),
    /// Whoever sent a message is told that it was taken.
    Took(Letter),
    /// The request leaves.
    Leave(Attempt),
}

// === impl Desk ===

impl Desk {
    pub(super) fn new(dice: Dice) -> Self {
        Self(Arc::new(Mutex::new(Given {
            commits: VecDeque::new(),
            reads: Vec::new(),
            attempts: Vec::new(),
            dice,
        })))
    }

    pub(super) fn given(&self) -> MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A record of somebody else than the engine.
    pub(super) fn commit(&self, record: Record, then: Then) {
        let bytes = Bytes::from(record.to_bytes());
        self.given().commits.push_back(Commit {
            record: Arc::new(record),
            bytes,
            then,
        });
    }
}

impl Hands for Desk {
    fn commit(&self, record: Arc<Record>, bytes: Bytes) -> Result<CommitTicket, CommitError> {
        let mut given = self.given();
        if given.dice.one_in(NO_ROOM_ONE_IN) {
            return Err(CommitError::Overloaded);
        }
        let (answer, ticket) = CommitTicket::unanswered();
        given.commits.push_back(Commit {
            record,
            bytes,
            then: Then::Tell(answer),
        });
        Ok(ticket)
    }

    fn give_up_before(&self, _: Sequence) {}

    fn read(&self, message: Journaled<RawMessage>, turn: OwnedSemaphorePermit) -> Result<(), Busy> {
        let mut given = self.given();
        if given.dice.one_in(NO_ROOM_ONE_IN) {
            return Err(Busy::Stopping);
        }
        given.reads.push((message, turn));
        Ok(())
    }

    fn attempt(&self, attempt: Attempt) {
        self.given().attempts.push(attempt);
    }

    fn fetch(&self, fetch: Fetch) {
        panic!("{} is not polled", fetch.partner.name);
    }

    fn rerun(&self, rerun: Rerun, _: Option<Arc<Semaphore>>, _: Timestamp, _: rerun::Answer) {
        panic!("nobody runs messages of {} again", rerun.partner.name);
    }

    fn writes(&self, partner: &PartnerName, kind: &str) -> bool {
        let partner = Settings::get().partners.get(partner);
        let role = partner.and_then(|it| it.role.clone());
        role.is_some_and(|role| traffic::sends(&role).contains(&kind))
    }

    fn random(&self) -> u64 {
        self.given().dice.bits()
    }
}
