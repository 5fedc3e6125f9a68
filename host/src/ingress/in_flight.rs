//! What is being accepted at this moment: idempotency keys, each by one request
//! at a time, and how many messages a partner has open.
//!
//! Both live in memory only. After a restart nothing is in flight; what had been
//! accepted by then is remembered by the sink.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::message::PartnerName;

/// Locks that requests with different keys spread over. More than the threads of
/// any machine this will run on, so that two rarely meet.
const SHARDS: usize = 64;

/// The keys in flight.
#[derive(Debug)]
pub(super) struct Keys {
    shards: Box<[Mutex<HashSet<Box<str>>>]>,
    hasher: RandomState,
}

/// One key, held until dropped.
#[derive(Debug)]
pub(super) struct Claim {
    keys: Arc<Keys>,
    shard: usize,
    key: Box<str>,
}

/// A partner's messages in flight.
#[derive(Debug)]
pub(super) struct Slots {
    max: usize,
    taken: AtomicUsize,
}

/// One message's place, held until dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<Slots>);

// === impl Keys ===

impl Keys {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        })
    }

    /// Takes the key for this request; `None` while another one has it.
    pub(super) fn claim(self: &Arc<Self>, partner: &PartnerName, key: &str) -> Option<Claim> {
        // A partner's name has no space, so no two pairs make the same text.
        let key = format!("{partner} {key}").into_boxed_str();
        let shard = self.hasher.hash_one(&key) as usize % SHARDS;
        let fresh = self.lock(shard).insert(key.clone());
        fresh.then(|| Claim {
            keys: Arc::clone(self),
            shard,
            key,
        })
    }

    /// A set is whole after every operation, so a panic elsewhere while a lock
    /// was held is no reason to stop.
    fn lock(&self, shard: usize) -> std::sync::MutexGuard<'_, HashSet<Box<str>>> {
        self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.keys.lock(self.shard).remove(&self.key);
    }
}

// === impl Slots ===

impl Slots {
    pub(super) fn new(max: usize) -> Arc<Self> {
        let taken = AtomicUsize::new(0);
        Arc::new(Self { max, taken })
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// A place for one message; `None` when all are taken.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        if self.taken.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.taken.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Slot(Arc::clone(self)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_by_one_at_a_time_and_by_each_partner_for_itself() {
        let keys = Keys::new();
        let north = PartnerName::parse("north").unwrap();
        let south = PartnerName::parse("south").unwrap();
        let held = keys.claim(&north, "PO-1");
        assert!(held.is_some());
        assert!(keys.claim(&north, "PO-1").is_none());
        assert!(keys.claim(&north, "PO-2").is_some());
        assert!(keys.claim(&south, "PO-1").is_some());
        drop(held);
        assert!(keys.claim(&north, "PO-1").is_some());
        assert!(
            keys.shards
                .iter()
                .all(|shard| shard.lock().unwrap().is_empty())
        );
    }

    #[test]
    fn slots_run_out_and_come_back() {
        let slots = Slots::new(2);
        let (first, second) = (slots.take(), slots.take());
        assert!(first.is_some() && second.is_some());
        assert!(slots.take().is_none());
        assert!(slots.take().is_none());
        drop(first);
        assert!(slots.take().is_some());
    }
}
