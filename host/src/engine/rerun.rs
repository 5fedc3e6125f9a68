//! A message read once more, to see what would come of it: nothing is written, nothing
//! goes anywhere.
//!
//! It runs as a first reading does, on the guests' threads and at its partner's turn, and
//! its outcome is settled by the same code; only that other messages are not known there,
//! and that no route leads anywhere. So what it gives is comparable, document by document,
//! with what was recorded.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{
    Engine,
    conversation::Surroundings,
    log, reading,
    settle::{self, Known, Reading},
    state::{self, LoadError},
};
use crate::{
    clock::Timestamp,
    journal::Sequence,
    message::{CorrelationId, DeliveryId, Digest, MessageId, PartnerName, RawMessage},
    partner::{Partner, Snapshot, Terms},
    record::Record,
    route::Table,
    sandbox::{Adapter, Busy, Lost},
    view::{IdentityRow, SeenRow, SeriesRow, View},
};

/// Messages that are run again at the same time; each holds a whole message, and perhaps
/// its partner's tables of another day.
pub(in crate::engine) const RERUNS_MAX: usize = 4;

/// One of the places for messages that are run again.
pub struct Place(#[expect(dead_code, reason = "held, not read")] pub(super) OwnedSemaphorePermit);

/// What to run again, and how.
pub struct Rerun {
    /// Given up once it was run.
    pub place: Place,
    /// Whose message it is.
    pub partner: Arc<Partner>,
    /// The record that accepted it.
    pub accepted: Sequence,
    /// The record of the reading that it is compared with.
    pub before: Sequence,
    /// Who reads it.
    pub adapter: Arc<Adapter>,
    /// What it may look up.
    pub tables: Snapshot,
}

/// Why a message was not run again.
#[derive(Debug, thiserror::Error)]
pub enum RerunError {
    /// As many are run again as may be.
    #[error("{RERUNS_MAX} messages are being run again already")]
    TooMany,
    /// There is no room for guests.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The host failed around the guest.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The message can't be read back.
    #[error("{0}")]
    Unread(String),
}

/// What comes of it: a record that is written nowhere.
pub(super) type Answer = oneshot::Sender<Result<Arc<Record>, RerunError>>;

/// What is known beside the message: what was sent, but no other message, so that nothing
/// is a repetition and no envelope's number is out of turn.
struct Alone<'a> {
    partner: &'a Partner,
    view: &'a View,
}

// === impl Engine ===

impl Engine {
    /// Has a message run again, when its partner's turn comes.
    pub(super) fn rerun(&self, rerun: Rerun, answer: Answer) {
        let guests = self.state.guests(&rerun.partner.name);
        self.hands
            .rerun(rerun, guests, self.parts.clock.now(), answer);
    }
}

/// Runs a message again.
pub(super) async fn run_again(
    rerun: Rerun,
    guests: Option<Arc<Semaphore>>,
    now: Timestamp,
    around: Surroundings,
) -> Result<Arc<Record>, RerunError> {
    let (view, journal) = (around.view, around.journal);
    let (limits, metrics) = (around.limits, around.metrics);
    let accepted = rerun.accepted;
    let reader = Arc::clone(&journal);
    let load = move || state::load(reader.as_ref(), accepted);
    let message = tokio::task::spawn_blocking(load).await;
    let message = message
        .map_err(|error| RerunError::Unread(error.to_string()))?
        .map_err(|error: LoadError| RerunError::Unread(error.to_string()))?
        .into_inner();
    let turn = match guests {
        Some(guests) => guests.acquire_owned().await.ok(),
        None => None,
    };
    let job = move || {
        let called = |usage: &_, failed| {
            metrics.called(rerun.adapter.name(), "rerun", usage, failed);
        };
        let looked = rerun.tables.call();
        let reader = reading::Reader {
            adapter: &rerun.adapter,
            partner: &rerun.partner,
            limits: &limits,
            view: &view,
            journal: journal.as_ref(),
            before: Some(rerun.before),
        };
        let read = reader.read(&message, &looked, called, log::keep);
        drop(turn);
        let mut alone = Alone {
            partner: &rerun.partner,
            view: &view,
        };
        let record = settled(&message, read, &mut alone, now);
        drop(rerun.place);
        record
    };
    Ok(around.pool.submit(job)?.await?)
}

fn settled(
    message: &RawMessage,
    reading: Reading,
    alone: &mut Alone<'_>,
    now: Timestamp,
) -> Arc<Record> {
    let nowhere = Table::default();
    settle::settle(message, reading, &nowhere, alone, now).record
}

// === impl Alone ===

impl Known for Alone<'_> {
    fn identity(&self, _key: &Digest) -> Option<IdentityRow> {
        None
    }

    fn last_sent(&self, to: &PartnerName, kind: &str, business_key: &str) -> Option<DeliveryId> {
        self.view.last_sent(to, kind, business_key)
    }

    fn seen(&self, _series: &Digest, _number: &str) -> Option<SeenRow> {
        None
    }

    fn series(&self, _series: &Digest) -> Option<SeriesRow> {
        None
    }

    fn terms(&self, _partner: &PartnerName) -> &Terms {
        &self.partner.terms
    }

    fn delivery_by_control(&self, partner: &PartnerName, number: u64) -> Option<DeliveryId> {
        self.view.delivery_by_control(partner, number)
    }

    fn thread(&self, _business_key: &str) -> Option<CorrelationId> {
        None
    }

    fn correlation_of(&self, _delivery: DeliveryId) -> Option<CorrelationId> {
        None
    }

    fn control_number(&mut self, _partner: &PartnerName) -> u64 {
        0
    }

    fn deliveries_of(&self, _message: MessageId) -> u32 {
        0
    }

    fn acknowledged(&self, _partner: &PartnerName) -> bool {
        self.partner.acknowledge && self.partner.endpoint.is_some()
    }
}
