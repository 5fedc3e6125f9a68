//! What others do for the engine: keep records, run guests, speak with partners.
//!
//! The engine decides what is to be done and hands it out; how it ended it hears by an
//! [`Event`]. In service the work is done by the committer, by threads and by tasks. A
//! simulation has hands of its own, and what decides is the same code in both.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{
    Event,
    conversation::{self, Attempt, Surroundings},
    decide,
    polling::{self, Fetch, Fetched, PollEvent},
    reading,
    rerun::{self, Rerun},
};
use crate::{
    clock::Timestamp,
    journal::{CommitError, CommitTicket, Sequence},
    message::{Journaled, PartnerName, RawMessage},
    partner::Partners,
    record::{Failure, Record},
    registry::Registry,
    sandbox::{Adapter, Busy},
};

/// Whoever works for the engine. None of it waits.
pub(super) trait Hands: Send {
    /// Puts a record in the queue to the journal; records become durable in the order of
    /// the calls. Of most of them the engine hears when they are.
    fn commit(&self, record: Arc<Record>, bytes: Bytes) -> Result<CommitTicket, CommitError>;

    /// Lets the journal give up what is before a record.
    fn give_up_before(&self, sequence: Sequence);

    /// Has a message read; `turn` is the partner's, until that is done.
    fn read(&self, message: Journaled<RawMessage>, turn: OwnedSemaphorePermit) -> Result<(), Busy>;

    /// Makes an attempt to deliver.
    fn attempt(&self, attempt: Attempt);

    /// Asks a partner for news.
    fn fetch(&self, fetch: Fetch);

    /// Reads a message once more, when the turn comes; of that the engine hears nothing.
    fn rerun(
        &self,
        rerun: Rerun,
        guests: Option<Arc<Semaphore>>,
        now: Timestamp,
        answer: rerun::Answer,
    );

    /// Whether a partner's adapter writes a kind of document; also when nobody knows.
    fn writes(&self, partner: &PartnerName, kind: &str) -> bool;

    /// Sixty-four random bits, to spread what would happen at once.
    fn random(&self) -> u64;
}

/// The committer, the guests' threads, and tasks.
pub(super) struct Machine {
    around: Surroundings,
    registry: Arc<Registry>,
    partners: Arc<Partners>,
    events: mpsc::UnboundedSender<Event>,
}

// === impl Machine ===

impl Machine {
    pub(super) fn new(
        around: Surroundings,
        registry: Arc<Registry>,
        partners: Arc<Partners>,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        Self {
            around,
            registry,
            partners,
            events,
        }
    }

    fn adapter_of(&self, partner: &PartnerName) -> Result<Arc<Adapter>, Failure> {
        let Some(name) = self.partners.get(partner).map(|it| it.adapter.clone()) else {
            return Err(Failure::settings(
                "partner-unknown",
                format!("there is no partner {partner} any more"),
                "restore it in the configuration and replay this dead letter",
            ));
        };
        self.registry.get(&name).ok_or_else(|| {
            Failure::settings(
                "adapter-unknown",
                format!("adapter {name} of partner {partner} is not loaded"),
                "put its component into the adapters' directory, restart, and replay this dead letter",
            )
        })
    }
}

impl Hands for Machine {
    fn commit(&self, record: Arc<Record>, bytes: Bytes) -> Result<CommitTicket, CommitError> {
        self.around.committer.try_commit(record, bytes)
    }

    fn give_up_before(&self, sequence: Sequence) {
        self.around.committer.drop_before(sequence);
    }

    fn read(&self, message: Journaled<RawMessage>, turn: OwnedSemaphorePermit) -> Result<(), Busy> {
        let name = message.get().partner.clone();
        let sequence = message.sequence();
        let adapter = self.adapter_of(&name);
        let partner = self.partners.get(&name);
        let job = reading::job(message, adapter, partner, &self.around);
        let events = self.events.clone();
        let ticket = self.around.pool.submit(move || {
            let reading = job();
            drop(turn);
            let read = Event::Read {
                partner: name,
                sequence,
                reading,
            };
            drop(events.send(read));
        });
        ticket.map(drop)
    }

    fn attempt(&self, attempt: Attempt) {
        let (around, events) = (self.around.clone(), self.events.clone());
        let to = attempt.partner.name.clone();
        let (delivery, number) = (attempt.delivery, attempt.number);
        let now = around.clock.now();
        let began = move |around: &Surroundings| {
            conversation::first_attempt_at(&around.view, delivery, now)
        };
        let adapter = match self.adapter_of(&to) {
            Ok(adapter) => adapter,
            Err(failure) => {
                let ended = decide::never_began(delivery, number, failure, began(&around));
                drop(events.send(Event::Ended(to, Box::new(ended))));
                return;
            }
        };
        tokio::spawn(async move {
            // A task of its own, so that the lane hears of the end even if it panics.
            let conversation = conversation::attempt(attempt, adapter, around.clone());
            let ended = tokio::spawn(conversation).await.unwrap_or_else(|_| {
                let failure =
                    Failure::host("the host failed during the attempt; its log says where");
                decide::never_began(delivery, number, failure, began(&around))
            });
            drop(events.send(Event::Ended(to, Box::new(ended))));
        });
    }

    fn fetch(&self, fetch: Fetch) {
        let (around, events) = (self.around.clone(), self.events.clone());
        let name = fetch.partner.name.clone();
        let adapter = match self.adapter_of(&name) {
            Ok(adapter) => adapter,
            Err(failure) => {
                let ended = PollEvent::Ended(Box::new(Fetched::failed(failure)));
                drop(events.send(Event::Poll(name, ended)));
                return;
            }
        };
        tokio::spawn(async move {
            // A task of its own, so that the engine hears of the end even if it panics.
            let fetching = tokio::spawn(polling::fetch(fetch, adapter, around));
            let fetched = fetching.await.unwrap_or_else(|_| {
                Fetched::failed(Failure::host(
                    "the host failed during the poll; its log says where",
                ))
            });
            let ended = PollEvent::Ended(Box::new(fetched));
            drop(events.send(Event::Poll(name, ended)));
        });
    }

    fn rerun(
        &self,
        rerun: Rerun,
        guests: Option<Arc<Semaphore>>,
        now: Timestamp,
        answer: rerun::Answer,
    ) {
        let work = rerun::run_again(rerun, guests, now, self.around.clone());
        tokio::spawn(async move {
            // Whoever asked may be gone.
            let _ = answer.send(work.await);
        });
    }

    fn writes(&self, partner: &PartnerName, kind: &str) -> bool {
        self.adapter_of(partner).map_or(true, |adapter| {
            adapter.description().encodes.iter().any(|it| it == kind)
        })
    }

    /// Zero when the system has none: then nothing is spread.
    fn random(&self) -> u64 {
        getrandom::u64().unwrap_or_default()
    }
}
