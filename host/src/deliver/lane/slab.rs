//! Where a lane keeps its entries: slots, linked by number.
//!
//! Each slot is in two lists: all entries in the order they were queued, and
//! those of its order key. Numbers instead of pointers, and one allocation,
//! keep a million entries near 100 bytes each.

use std::ops::{Index, IndexMut};

use super::{Entry, OrderKey};
use crate::clock::Timestamp;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Slab<Id> {
    slots: Vec<Slot<Id>>,
    /// The first of the slots to be used again, linked by `newer`.
    free: u32,
    /// The ends of the list in queue order.
    oldest: u32,
    newest: u32,
    next_number: u64,
}

#[derive(Debug)]
pub(super) struct Slot<Id> {
    pub(super) id: Id,
    pub(super) key: Option<OrderKey>,
    pub(super) queued_at: Timestamp,
    pub(super) due: Timestamp,
    /// Counts up with every entry: which of two was queued first.
    number: u64,
    pub(super) attempts: u32,
    /// Neighbours in queue order.
    older: u32,
    newer: u32,
    /// Neighbours with the same order key.
    pub(super) before: u32,
    pub(super) after: u32,
    /// Where it is in its heap; `NONE` while blocked or under way.
    pub(super) heap_place: u32,
}

// === impl Slab ===

impl<Id> Default for Slab<Id> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: NONE,
            oldest: NONE,
            newest: NONE,
            next_number: 0,
        }
    }
}

impl<Id> Slab<Id> {
    /// Keeps an entry, as the newest in queue order and alone in its key.
    pub(super) fn add(&mut self, entry: Entry<Id>) -> u32 {
        let slot = Slot {
            id: entry.id,
            key: entry.key,
            queued_at: entry.queued_at,
            due: entry.due,
            number: self.next_number,
            attempts: entry.attempts,
            older: self.newest,
            newer: NONE,
            before: NONE,
            after: NONE,
            heap_place: NONE,
        };
        self.next_number += 1;
        let at = if self.free == NONE {
            self.slots.push(slot);
            u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
        } else {
            let at = self.free;
            self.free = self[at].newer;
            self[at] = slot;
            at
        };
        match self.newest {
            NONE => self.oldest = at,
            newest => self[newest].newer = at,
        }
        self.newest = at;
        at
    }

    /// Frees a slot; its links by order key must be gone.
    pub(super) fn free(&mut self, at: u32) {
        let (older, newer) = (self[at].older, self[at].newer);
        match older {
            NONE => self.oldest = newer,
            older => self[older].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self[newer].older = older,
        }
        self[at].newer = self.free;
        self.free = at;
    }

    /// The slots in queue order.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Slot<Id>> {
        let some = |at: u32| (at != NONE).then(|| &self[at]);
        std::iter::successors(some(self.oldest), move |slot| some(slot.newer))
    }

    /// Memory in use, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<Id>>()
    }
}

impl<Id> Index<u32> for Slab<Id> {
    type Output = Slot<Id>;

    fn index(&self, at: u32) -> &Slot<Id> {
        &self.slots[at as usize]
    }
}

impl<Id> IndexMut<u32> for Slab<Id> {
    fn index_mut(&mut self, at: u32) -> &mut Slot<Id> {
        &mut self.slots[at as usize]
    }
}

// === impl Slot ===

impl<Id> Slot<Id> {
    /// What decides which of two is dispatched first.
    pub(super) fn order(&self) -> (Timestamp, u64) {
        (self.due, self.number)
    }
}
