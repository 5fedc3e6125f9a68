//! A priority queue of slots: the earliest due first, equal ones as queued.
//!
//! A binary heap of slot numbers that keeps each slot's place in the slot, so
//! that any of them can be taken out in O(log n).

use super::slab::{NONE, Slab};

#[derive(Debug, Default)]
pub(super) struct Heap {
    slots: Vec<u32>,
}

// === impl Heap ===

impl Heap {
    /// The slot that comes first.
    pub(super) fn first(&self) -> Option<u32> {
        self.slots.first().copied()
    }

    /// Adds a slot that is in no heap.
    pub(super) fn push<Id>(&mut self, slab: &mut Slab<Id>, slot: u32) {
        self.slots.push(slot);
        self.rise(slab, self.slots.len() - 1);
    }

    /// Takes a slot out that is in this heap.
    pub(super) fn remove<Id>(&mut self, slab: &mut Slab<Id>, slot: u32) {
        let place = slab[slot].heap_place as usize;
        slab[slot].heap_place = NONE;
        let Some(last) = self.slots.pop() else {
            return;
        };
        if last != slot {
            self.slots[place] = last;
            let place = self.sink(slab, place);
            self.rise(slab, place);
        }
    }

    /// Memory in use, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    fn rise<Id>(&mut self, slab: &mut Slab<Id>, mut place: usize) {
        let slot = self.slots[place];
        while place > 0 {
            let parent = (place - 1) / 2;
            if slab[self.slots[parent]].order() <= slab[slot].order() {
                break;
            }
            self.put(slab, place, self.slots[parent]);
            place = parent;
        }
        self.put(slab, place, slot);
    }

    /// Returns where the slot ended.
    fn sink<Id>(&mut self, slab: &mut Slab<Id>, mut place: usize) -> usize {
        let slot = self.slots[place];
        loop {
            let left = place * 2 + 1;
            let Some(mut child) = self.slots.get(left).map(|_| left) else {
                break;
            };
            if let Some(right) = self.slots.get(left + 1)
                && slab[*right].order() < slab[self.slots[left]].order()
            {
                child = left + 1;
            }
            if slab[slot].order() <= slab[self.slots[child]].order() {
                break;
            }
            self.put(slab, place, self.slots[child]);
            place = child;
        }
        self.put(slab, place, slot);
        place
    }

    fn put<Id>(&mut self, slab: &mut Slab<Id>, place: usize, slot: u32) {
        self.slots[place] = slot;
        slab[slot].heap_place = u32::try_from(place).unwrap_or(NONE);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{clock::Timestamp, deliver::lane::Entry};

    proptest! {
        #[test]
        fn gives_slots_in_order_and_any_on_demand(
            steps in proptest::collection::vec((0..20_i64, 0..4_u8), 1..300),
        ) {
            let mut slab: Slab<u32> = Slab::default();
            let mut heap = Heap::default();
            let mut model = BTreeSet::new();
            for (number, (due, how)) in steps.into_iter().enumerate() {
                if how < 3 {
                    let slot = slab.add(Entry {
                        id: u32::try_from(number).expect("few"),
                        key: None,
                        queued_at: Timestamp::EPOCH,
                        due: Timestamp::from_millis(due),
                        attempts: 0,
                    });
                    heap.push(&mut slab, slot);
                    model.insert((slab[slot].order(), slot));
                } else {
                    // Some element of the model, neither first nor last as a rule.
                    let middle = model.iter().nth(model.len() / 2).copied();
                    if let Some((order, slot)) = middle {
                        model.remove(&(order, slot));
                        heap.remove(&mut slab, slot);
                    }
                }
                prop_assert_eq!(heap.first(), model.first().map(|(_, slot)| *slot));
            }
            while let Some((_, slot)) = model.pop_first() {
                prop_assert_eq!(heap.first(), Some(slot));
                heap.remove(&mut slab, slot);
            }
            prop_assert_eq!(heap.first(), None);
        }
    }
}
