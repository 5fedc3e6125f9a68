//! What is on its way between partners and host, and when it happens.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use super::story::Conduct;
use crate::{
    clock::Timestamp,
    engine::conversation::Ended,
    message::{DeliveryId, PartnerName},
};

/// Something that will happen.
pub(super) enum Happening {
    /// A partner hands in a message.
    HandsIn(Letter),
    /// A request reaches a partner.
    Arrives(Request),
    /// An attempt of the host's life of this number ends.
    Ends(u32, PartnerName, Box<Ended>),
    /// A partner stops answering, or answers again.
    Outage(&'static str, bool),
    /// A warehouse gets to work on an order.
    Ships {
        node: &'static str,
        order_no: String,
        conduct: Conduct,
        part: u32,
    },
    /// A person looks at what is wrong.
    PersonLooks,
    /// The host is started again.
    Starts,
}

/// What a partner sends: it does so until the host has said that it has it.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) from: &'static str,
    /// Its idempotency key; a folder has none.
    pub(super) key: Option<String>,
    /// Canonical JSON.
    pub(super) body: Bytes,
}

/// A request of a delivery.
pub(super) struct Request {
    /// Of which life of the host.
    pub(super) life: u32,
    pub(super) to: PartnerName,
    pub(super) delivery: DeliveryId,
    pub(super) attempt: u32,
    pub(super) first_attempt_at: Timestamp,
    pub(super) business_key: String,
    pub(super) content: String,
    /// Nobody waits for its answer any more.
    pub(super) is_given_up: bool,
}

/// What will happen, in its order.
#[derive(Default)]
pub(super) struct Agenda {
    all: BTreeMap<(Timestamp, u64), Happening>,
    count: u64,
}

// === impl Agenda ===

impl Agenda {
    pub(super) fn add(&mut self, now: Timestamp, after: Duration, happening: Happening) {
        self.count += 1;
        self.all.insert((now.plus(after), self.count), happening);
    }

    /// When the next thing happens.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.all.keys().next().map(|(at, _)| *at)
    }

    /// The next thing that is due.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Happening> {
        let due = self.next().is_some_and(|at| at <= now);
        due.then(|| self.all.pop_first()).flatten().map(|it| it.1)
    }

    /// Whether nothing happens any more by itself.
    pub(super) fn is_quiet(&self) -> bool {
        self.all
            .values()
            .all(|it| matches!(it, Happening::PersonLooks))
    }
}

pub(super) fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0))
}

pub(super) fn minutes(count: i64) -> Duration {
    seconds(count * 60)
}
