//! A partner's lane: the queue of its deliveries and the decision which of them
//! goes next. Each partner has its own, so that one that is slow or dead holds
//! up nobody else.
//!
//! Promises:
//! - deliveries with the same order key are dispatched strictly one after
//!   another, as they were queued; one that waits for its retry blocks its key
//!   and no other;
//! - never more under way than `concurrency_max`; none twice at once; none lost;
//! - the earliest due goes first, so nothing starves;
//! - nothing is dispatched while the breaker, the rate, the retry budget, the
//!   partner's own `Retry-After` or an operator's pause forbids it.
//!
//! A lane does nothing by itself: the engine asks [`Lane::next`] after every
//! change and when the time it named has come. It remembers nothing over a
//! restart: the engine queues again what is not finished, in the same order,
//! with the breaker's last state and the wait that the partner asked for.
//!
//! Every operation is O(log n); a million entries take about 100 bytes each.

mod heap;
mod slab;
mod table;

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use self::{
    heap::Heap,
    slab::{NONE, Slab},
    table::Table,
};
use super::{
    breaker::{self, Admission, Breaker, Outcome, Permit, Transition},
    budget::{self, Budget},
    pace::{Held, Pace},
    rate::Rate,
};
use crate::clock::Timestamp;

/// The bounds of one lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Deliveries under way at once; at least 1.
    pub concurrency_max: usize,
    /// Calls a second; absent is no limit.
    pub rate_per_second: Option<f64>,
    /// Calls at once after a pause, where a rate is set; at least 1.
    pub rate_burst: u32,
    /// The longest `Retry-After` that is obeyed.
    pub retry_after_max: Duration,
    /// When the breaker opens and closes.
    pub breaker: breaker::Config,
    /// How much load retries may add.
    pub retry_budget: budget::Config,
}

/// What deliveries are kept in order by: the hash of a business key. Two keys
/// with the same hash only wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderKey(u64);

/// A delivery that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<Id> {
    /// Which delivery.
    pub id: Id,
    /// What it must stay in order with; absent: with nothing.
    pub key: Option<OrderKey>,
    /// When it was first queued.
    pub queued_at: Timestamp,
    /// Not before this moment: `queued_at`, or the time of its retry.
    pub due: Timestamp,
    /// Attempts that have failed: from 1 on it spends the retry budget.
    pub attempts: u32,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<Id> {
    /// Attempt this delivery, then call [`Lane::finished`].
    Dispatch(Dispatch<Id>),
    /// Nothing before this moment, unless something changes.
    WaitUntil(Timestamp),
    /// Nothing until something changes: a delivery is queued or finished, or an
    /// operator acts.
    Idle,
}

/// A delivery to be attempted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch<Id> {
    /// Which.
    pub id: Id,
    /// The number of this attempt; the first is 1.
    pub attempt: u32,
    /// Whether it decides about a half-open breaker.
    pub probe: bool,
    /// The breaker's change that came with it, to be journaled.
    pub transition: Option<Transition>,
}

/// Whether a request that belongs to no delivery may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Now; the breaker's change that came with it is to be journaled. Then call
    /// [`Lane::called`] or [`Lane::call_ended`].
    Go(Permit, Option<Transition>),
    /// Not before this moment.
    NotBefore(Timestamp),
    /// Not before something changes: a probe ends, or an operator acts.
    Wait,
}

/// How an attempt ended, as far as the queue is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// Delivered.
    Done,
    /// It failed and is tried again at this moment.
    Again(Timestamp),
    /// Nothing failed, it goes on at this moment: the conversation waits for the
    /// partner, or the host had no room.
    Later(Timestamp),
    /// It leaves the lane undelivered: it became a dead letter.
    Dropped,
}

/// What became of a request to take a delivery out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is out.
    Yes,
    /// It is under way and stays until it is finished.
    UnderWay,
    /// The lane does not know it.
    Unknown,
}

/// One partner's lane.
#[derive(Debug)]
pub struct Lane<Id> {
    config: Config,
    slab: Slab<Id>,
    by_id: Table,
    /// The last entry of each order key.
    by_key: Table,
    /// Entries that could go when due: one a key at most. First attempts and
    /// retries apart, for an empty retry budget must not hold first attempts up.
    first_attempts: Heap,
    retries: Heap,
    under_way: HashMap<Id, UnderWay>,
    len: usize,
    pace: Pace,
    budget: Budget,
    breaker: Breaker,
    paused: bool,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    slot: u32,
    permit: Permit,
}

// === impl OrderKey ===

impl OrderKey {
    /// The key of this text, the same in every process.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_be_bytes(first))
    }
}

// === impl Lane ===

impl<Id: Copy + Eq + Hash> Lane<Id> {
    /// An empty lane whose breaker stands at `breaker`: [`breaker::State::closed`],
    /// or the state of its last transition.
    #[must_use]
    pub fn new(config: Config, breaker: breaker::State, now: Timestamp) -> Self {
        Self {
            slab: Slab::default(),
            by_id: Table::default(),
            by_key: Table::default(),
            first_attempts: Heap::default(),
            retries: Heap::default(),
            under_way: HashMap::new(),
            len: 0,
            pace: Pace::new(
                Rate::new(config.rate_per_second, config.rate_burst),
                config.retry_after_max,
            ),
            budget: Budget::new(config.retry_budget.clone(), now),
            breaker: Breaker::new(config.breaker.clone(), breaker),
            paused: false,
            config,
        }
    }

    /// Adds a delivery behind those of its key. False if it is in the lane
    /// already, which changes nothing.
    pub fn queue(&mut self, entry: Entry<Id>) -> bool {
        if self.find(entry.id).is_some() {
            return false;
        }
        let slot = self.slab.add(entry);
        self.len += 1;
        self.by_id.insert(slot, |slot| hash(self.slab[slot].id));
        let Some(key) = entry.key else {
            self.make_ready(slot);
            return true;
        };
        let same_key = |slot: u32| self.slab[slot].key == Some(key);
        if let Some(last) = self.by_key.find(key.0, same_key) {
            self.slab[last].after = slot;
            self.slab[slot].before = last;
            self.by_key.replace(key.0, last, slot);
        } else {
            self.by_key
                .insert(slot, |slot| key_hash(self.slab[slot].key));
            self.make_ready(slot);
        }
        true
    }

    /// Says what is to be done now.
    pub fn next(&mut self, now: Timestamp) -> Next<Id> {
        if self.paused || self.under_way.len() >= self.config.concurrency_max.max(1) {
            return Next::Idle;
        }
        let Some((slot, free_at)) = self.candidate(now) else {
            return Next::Idle;
        };
        let free_at = free_at.max(self.pace.next_free(now));
        if free_at > now {
            return Next::WaitUntil(free_at);
        }
        match self.breaker.admit(now) {
            Admission::NotBefore(at) => Next::WaitUntil(at),
            Admission::Wait => Next::Idle,
            Admission::Go(permit, transition) => {
                Next::Dispatch(self.dispatch(slot, permit, transition, now))
            }
        }
    }

    /// Learns, for the breaker, how one request of a delivery under way ended (a
    /// conversation may make several), before the delivery is finished. What the answer
    /// asks of the lane, [`Pace`] has learned when it came. `random` is any 64 evenly
    /// distributed bits. Returns the breaker's change, to be journaled.
    pub fn exchanged(
        &mut self,
        id: Id,
        outcome: Outcome,
        now: Timestamp,
        random: u64,
    ) -> Option<Transition> {
        let permit = self.under_way.get(&id)?.permit;
        let outcome = self.obeyed(outcome);
        self.breaker.record(permit, outcome, now, random)
    }

    /// Whether a request that belongs to no delivery may go now. It takes no delivery's
    /// place, but counts for rate and breaker like one of theirs.
    pub fn admit_call(&mut self, now: Timestamp) -> Call {
        if self.paused {
            return Call::Wait;
        }
        let free_at = self.pace.next_free(now);
        if free_at > now {
            return Call::NotBefore(free_at);
        }
        match self.breaker.admit(now) {
            Admission::NotBefore(at) => Call::NotBefore(at),
            Admission::Wait => Call::Wait,
            Admission::Go(permit, transition) => {
                self.pace.take(now);
                Call::Go(permit, transition)
            }
        }
    }

    /// Learns, for the breaker, how such a request went, and ends it.
    pub fn called(
        &mut self,
        permit: Permit,
        outcome: Outcome,
        now: Timestamp,
        random: u64,
    ) -> Option<Transition> {
        let outcome = self.obeyed(outcome);
        let transition = self.breaker.record(permit, outcome, now, random);
        self.breaker.release(permit);
        transition
    }

    /// Ends one of which nobody knows how it went.
    pub fn call_ended(&mut self, permit: Permit) {
        self.breaker.release(permit);
    }

    /// Ends an attempt. False if the delivery was not under way, which changes
    /// nothing.
    pub fn finished(&mut self, id: Id, finish: Finish) -> bool {
        let Some(UnderWay { slot, permit, .. }) = self.under_way.remove(&id) else {
            return false;
        };
        self.breaker.release(permit);
        match finish {
            Finish::Done => {
                if self.slab[slot].attempts > 0 {
                    self.budget.retry_succeeded();
                }
                self.take_out(slot);
            }
            Finish::Dropped => self.take_out(slot),
            Finish::Again(due) => {
                let entry = &mut self.slab[slot];
                entry.due = due;
                entry.attempts = entry.attempts.saturating_add(1);
                self.make_ready(slot);
            }
            Finish::Later(due) => {
                self.slab[slot].due = due;
                self.make_ready(slot);
            }
        }
        true
    }

    /// Takes a waiting delivery out; the next of its key moves up.
    pub fn remove(&mut self, id: Id) -> Removed {
        let Some(slot) = self.find(id) else {
            return Removed::Unknown;
        };
        if self.under_way.contains_key(&id) {
            return Removed::UnderWay;
        }
        if self.slab[slot].heap_place != NONE {
            Self::heap(
                &mut self.first_attempts,
                &mut self.retries,
                &self.slab,
                slot,
            )
            .remove(&mut self.slab, slot);
        }
        self.take_out(slot);
        Removed::Yes
    }

    /// Stops dispatching; what is under way ends by itself.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Goes on dispatching, and forgets a wait the partner asked for.
    pub fn resume(&mut self) {
        self.paused = false;
        self.pace.release();
    }

    /// Whether an operator paused it.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Deliveries that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.len - self.under_way.len()
    }

    /// Deliveries under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.under_way.len()
    }

    /// When the longest waiting delivery was queued.
    #[must_use]
    pub fn oldest_waiting(&self) -> Option<Timestamp> {
        // At most `concurrency_max` entries are under way and passed over.
        self.slab
            .in_order()
            .find(|slot| !self.under_way.contains_key(&slot.id))
            .map(|slot| slot.queued_at)
    }

    /// When requests may go: for conversations, which ask it before each of theirs but
    /// the first and tell it what was answered, and for whoever shows it.
    #[must_use]
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The wait that the partner's answers made necessary, if its end is ahead.
    #[must_use]
    pub fn held(&self, now: Timestamp) -> Option<Held> {
        self.pace.held(now)
    }

    /// The breaker, to be shown.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The breaker, to be forced or reset by an operator.
    pub fn breaker_mut(&mut self) -> &mut Breaker {
        &mut self.breaker
    }

    /// The entry that goes next and when it may.
    fn candidate(&self, now: Timestamp) -> Option<(u32, Timestamp)> {
        let first_attempt = self
            .first_attempts
            .first()
            .map(|slot| (self.slab[slot].due.max(now), slot));
        let retry = self.retries.first().map(|slot| {
            let paid_at = self.budget.next_free(now);
            (self.slab[slot].due.max(paid_at), slot)
        });
        let in_turn = |(at, slot): &(Timestamp, u32)| (*at, self.slab[*slot].order());
        [first_attempt, retry]
            .into_iter()
            .flatten()
            .min_by_key(in_turn)
            .map(|(at, slot)| (slot, at))
    }

    fn dispatch(
        &mut self,
        slot: u32,
        permit: Permit,
        transition: Option<Transition>,
        now: Timestamp,
    ) -> Dispatch<Id> {
        Self::heap(
            &mut self.first_attempts,
            &mut self.retries,
            &self.slab,
            slot,
        )
        .remove(&mut self.slab, slot);
        let entry = &self.slab[slot];
        let (id, attempts) = (entry.id, entry.attempts);
        self.pace.take(now);
        if attempts == 0 {
            self.budget.first_attempt();
        } else {
            self.budget.retry(now);
        }
        let under_way = UnderWay { slot, permit };
        self.under_way.insert(id, under_way);
        Dispatch {
            id,
            attempt: attempts.saturating_add(1),
            probe: permit.is_probe(),
            transition,
        }
    }

    /// Bounds what a partner may ask for.
    fn obeyed(&self, outcome: Outcome) -> Outcome {
        let bound = |wait: Duration| wait.min(self.config.retry_after_max);
        match outcome {
            Outcome::Failed { retry_after } => Outcome::Failed {
                retry_after: retry_after.map(bound),
            },
            Outcome::Throttled { retry_after } => Outcome::Throttled {
                retry_after: bound(retry_after),
            },
            other => other,
        }
    }

    fn find(&self, id: Id) -> Option<u32> {
        self.by_id.find(hash(id), |slot| self.slab[slot].id == id)
    }

    fn make_ready(&mut self, slot: u32) {
        Self::heap(
            &mut self.first_attempts,
            &mut self.retries,
            &self.slab,
            slot,
        )
        .push(&mut self.slab, slot);
    }

    /// Which heap a slot belongs in.
    fn heap<'a>(
        first_attempts: &'a mut Heap,
        retries: &'a mut Heap,
        slab: &Slab<Id>,
        slot: u32,
    ) -> &'a mut Heap {
        if slab[slot].attempts == 0 {
            first_attempts
        } else {
            retries
        }
    }

    /// Forgets an entry that is in no heap; the next of its key moves up.
    fn take_out(&mut self, slot: u32) {
        let (key, before, after) = {
            let entry = &self.slab[slot];
            (entry.key, entry.before, entry.after)
        };
        if let Some(key) = key {
            match (before, after) {
                (NONE, NONE) => self
                    .by_key
                    .remove(slot, |slot| key_hash(self.slab[slot].key)),
                (before, NONE) => {
                    self.slab[before].after = NONE;
                    self.by_key.replace(key.0, slot, before);
                }
                (NONE, after) => {
                    self.slab[after].before = NONE;
                    self.make_ready(after);
                }
                (before, after) => {
                    self.slab[before].after = after;
                    self.slab[after].before = before;
                }
            }
        }
        self.by_id.remove(slot, |slot| hash(self.slab[slot].id));
        self.slab.free(slot);
        self.len -= 1;
    }
}

/// Ids are made by the host, so a fixed hash cannot be attacked.
fn hash<Id: Hash>(id: Id) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(id)
}

/// A key is a hash already.
fn key_hash(key: Option<OrderKey>) -> u64 {
    key.map_or(0, |key| key.0)
}

#[cfg(test)]
mod tests;
