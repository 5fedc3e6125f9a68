//! A hash table of slot numbers, four bytes an entry.
//!
//! What a slot is found by (its id, its order key) stays in the slot: the table
//! asks for hashes and comparisons instead of keeping copies. A `HashMap` of
//! the same would double the memory of a lane. Open addressing with linear
//! probing; a removal moves later entries back, so there are no tombstones.

use super::slab::NONE;

/// Cells of a table that has never held anything.
const CELLS_MIN: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Table {
    /// Slot numbers or `NONE`; the length is a power of two.
    cells: Vec<u32>,
    len: usize,
}

// === impl Table ===

impl Table {
    /// The slot with this hash for which `is_it` holds.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut cell = self.home(hash)?;
        while self.cells[cell] != NONE {
            if is_it(self.cells[cell]) {
                return Some(self.cells[cell]);
            }
            cell = self.after(cell);
        }
        None
    }

    /// Adds a slot that is not in the table; `hash` tells each slot's hash.
    pub(super) fn insert(&mut self, slot: u32, hash: impl Fn(u32) -> u64) {
        if (self.len + 1) * 4 > self.cells.len() * 3 {
            self.grow(&hash);
        }
        self.len += 1;
        self.place(slot, hash(slot));
    }

    /// Puts `new` where `old` is; both have this hash.
    pub(super) fn replace(&mut self, hash: u64, old: u32, new: u32) {
        if let Some(cell) = self.cell_of(hash, old) {
            self.cells[cell] = new;
        }
    }

    /// Takes a slot out; `hash` tells each slot's hash.
    pub(super) fn remove(&mut self, slot: u32, hash: impl Fn(u32) -> u64) {
        let Some(mut hole) = self.cell_of(hash(slot), slot) else {
            return;
        };
        self.len -= 1;
        let mask = self.cells.len() - 1;
        let mut cell = self.after(hole);
        while self.cells[cell] != NONE {
            let home = hash(self.cells[cell]) as usize & mask;
            // It may move into the hole unless that is before its home.
            if (cell.wrapping_sub(home) & mask) >= (cell.wrapping_sub(hole) & mask) {
                self.cells[hole] = self.cells[cell];
                hole = cell;
            }
            cell = self.after(cell);
        }
        self.cells[hole] = NONE;
    }

    /// Memory in use, in bytes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<u32>()
    }

    fn home(&self, hash: u64) -> Option<usize> {
        (!self.cells.is_empty()).then(|| hash as usize & (self.cells.len() - 1))
    }

    fn after(&self, cell: usize) -> usize {
        (cell + 1) & (self.cells.len() - 1)
    }

    fn cell_of(&self, hash: u64, slot: u32) -> Option<usize> {
        let mut cell = self.home(hash)?;
        while self.cells[cell] != NONE {
            if self.cells[cell] == slot {
                return Some(cell);
            }
            cell = self.after(cell);
        }
        None
    }

    fn place(&mut self, slot: u32, hash: u64) {
        let mut cell = hash as usize & (self.cells.len() - 1);
        while self.cells[cell] != NONE {
            cell = self.after(cell);
        }
        self.cells[cell] = slot;
    }

    fn grow(&mut self, hash: &impl Fn(u32) -> u64) {
        let cells = (self.cells.len() * 2).max(CELLS_MIN);
        let old = std::mem::replace(&mut self.cells, vec![NONE; cells]);
        for slot in old.into_iter().filter(|slot| *slot != NONE) {
            self.place(slot, hash(slot));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set(
            spread in 1..40_u64,
            steps in proptest::collection::vec((any::<bool>(), 0..60_u32), 0..400),
        ) {
            // Few distinct hashes: long runs, wrapped around the end.
            let hash = |slot: u32| (u64::from(slot) % spread).wrapping_sub(2);
            let mut table = Table::default();
            let mut model = BTreeSet::new();
            for (add, slot) in steps {
                if add && model.insert(slot) {
                    table.insert(slot, hash);
                } else if !add {
                    model.remove(&slot);
                    table.remove(slot, hash);
                }
                prop_assert_eq!(table.len, model.len());
                for slot in 0..60 {
                    let found = table.find(hash(slot), |other| other == slot);
                    prop_assert_eq!(found.is_some(), model.contains(&slot), "slot {}", slot);
                }
            }
        }
    }

    #[test]
    fn replaces_in_place() {
        let mut table = Table::default();
        table.insert(1, |_| 7);
        table.replace(7, 1, 2);
        assert_eq!(table.find(7, |slot| slot == 1), None);
        assert_eq!(table.find(7, |slot| slot == 2), Some(2));
        table.replace(7, 5, 6);
        assert_eq!(table.find(7, |_| true), Some(2));
    }
}
