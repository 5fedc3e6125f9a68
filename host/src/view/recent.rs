//! Rows that were written lately and are not in sled yet, and reading through them.
//!
//! Most rows change several times within a moment: a message is accepted, decoded,
//! delivered. Here that costs a change in memory, and sled gets the last state only.
//! There are two layers: `active` takes what is applied, `leaving` is on its way into
//! sled. Who reads looks into both before sled.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    ops::Bound,
    sync::Arc,
};

use sled::IVec;

use super::keys;
use crate::journal::Sequence;

/// What a row takes besides its key and value.
const ROW_BYTES: usize = 64;

/// A row, or that it is gone.
pub(super) type Written = Option<IVec>;

/// The state of the rows that changed, as of one record of the journal.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) rows: BTreeMap<IVec, Written>,
    pub(super) up_to: Sequence,
    /// What the rows take, roughly.
    bytes: usize,
}

/// What is not in sled yet.
#[derive(Debug, Default)]
pub(super) struct Recent {
    pub(super) active: Layer,
    pub(super) leaving: Option<Arc<Layer>>,
}

/// Rows in order of their keys, from sled and from what is more recent.
pub(super) struct Merged<Base> {
    recent: VecDeque<(IVec, Written)>,
    base: Base,
    front: Option<(IVec, IVec)>,
    back: Option<(IVec, IVec)>,
}

// === impl Layer ===

impl Layer {
    /// These rows, as of this record.
    pub(super) fn new(rows: impl IntoIterator<Item = (IVec, Written)>, up_to: Sequence) -> Self {
        let mut layer = Self {
            up_to,
            ..Self::default()
        };
        for (key, written) in rows {
            layer.put(key, written);
        }
        layer
    }

    /// Takes in what came later.
    pub(super) fn take_in(&mut self, later: Self) {
        self.up_to = later.up_to;
        for (key, written) in later.rows {
            self.put(key, written);
        }
    }

    /// What the rows take, in bytes, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A row of a queue that came and went within the layer leaves no trace: its key is
    /// never used again, so sled has no such row.
    fn put(&mut self, key: IVec, written: Written) {
        let queue = keys::is_of_queue(&key);
        self.bytes += cost(&key, &written);
        match self.rows.entry(key) {
            Entry::Vacant(place) => {
                place.insert(written);
            }
            Entry::Occupied(row) if queue && written.is_none() && row.get().is_some() => {
                let (key, gone) = row.remove_entry();
                self.bytes -= cost(&key, &gone) + cost(&key, &None);
            }
            Entry::Occupied(mut row) => {
                let before = row.insert(written);
                self.bytes -= cost(row.key(), &before);
            }
        }
    }

    fn range(&self, start: &[u8], end: Bound<&[u8]>) -> impl Iterator<Item = (IVec, Written)> {
        self.rows
            .range::<[u8], _>((Bound::Included(start), end))
            .map(|(key, written)| (key.clone(), written.clone()))
    }
}

/// Of a row with its place in the tree.
fn cost(key: &IVec, written: &Written) -> usize {
    ROW_BYTES + key.len() + written.as_ref().map_or(0, |value| value.len())
}

// === impl Recent ===

impl Recent {
    /// What is known of a row without sled; none when nothing is.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Written> {
        let leaving = self.leaving.as_ref();
        self.active
            .rows
            .get(key)
            .or_else(|| leaving.and_then(|it| it.rows.get(key)))
    }

    /// The rows of a range, as they are at this moment.
    pub(super) fn range(&self, start: &[u8], end: Bound<&[u8]>) -> VecDeque<(IVec, Written)> {
        let Some(leaving) = &self.leaving else {
            return self.active.range(start, end).collect();
        };
        let mut rows: BTreeMap<_, _> = leaving.range(start, end).collect();
        rows.extend(self.active.range(start, end));
        rows.into_iter().collect()
    }

    /// Lets what is active leave, unless something leaves already or nothing would.
    pub(super) fn part(&mut self) -> bool {
        if self.leaving.is_some() || self.active.rows.is_empty() {
            return false;
        }
        self.leaving = Some(Arc::new(std::mem::take(&mut self.active)));
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.active.rows.is_empty() && self.leaving.is_none()
    }
}

// === impl Merged ===

impl<Base> Merged<Base> {
    /// `recent` must have been taken before `base` was begun: what moves from one to
    /// the other in between is then seen twice, never missed.
    pub(super) fn new(recent: VecDeque<(IVec, Written)>, base: Base) -> Self {
        Self {
            recent,
            base,
            front: None,
            back: None,
        }
    }
}

impl<Base: DoubleEndedIterator<Item = (IVec, IVec)>> Iterator for Merged<Base> {
    type Item = (IVec, IVec);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.front.is_none() {
                self.front = self.base.next().or_else(|| self.back.take());
            }
            let order = match (self.recent.front(), &self.front) {
                (Some((recent, _)), Some((base, _))) => recent.cmp(base),
                (Some(_), None) => Ordering::Less,
                (None, _) => return self.front.take(),
            };
            if order == Ordering::Greater {
                return self.front.take();
            }
            if order == Ordering::Equal {
                self.front = None;
            }
            if let Some((key, Some(value))) = self.recent.pop_front() {
                return Some((key, value));
            }
        }
    }
}

impl<Base: DoubleEndedIterator<Item = (IVec, IVec)>> DoubleEndedIterator for Merged<Base> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if self.back.is_none() {
                self.back = self.base.next_back().or_else(|| self.front.take());
            }
            let order = match (self.recent.back(), &self.back) {
                (Some((recent, _)), Some((base, _))) => recent.cmp(base),
                (Some(_), None) => Ordering::Greater,
                (None, _) => return self.back.take(),
            };
            if order == Ordering::Less {
                return self.back.take();
            }
            if order == Ordering::Equal {
                self.back = None;
            }
            if let Some((key, Some(value))) = self.recent.pop_back() {
                return Some((key, value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(0..4_u8, 1..3)
    }

    fn rows<Value: Strategy>(
        value: Value,
    ) -> impl Strategy<Value = BTreeMap<Vec<u8>, Value::Value>> {
        proptest::collection::btree_map(key(), value, 0..12)
    }

    proptest! {
        #[test]
        fn reading_through_is_reading_what_it_will_be(
            base in rows(0..9_u8),
            leaving in rows(proptest::option::of(10..19_u8)),
            active in rows(proptest::option::of(20..29_u8)),
            start in key(),
            ends in proptest::collection::vec(any::<bool>(), 40),
        ) {
            let written = |rows: &BTreeMap<Vec<u8>, Option<u8>>| {
                let rows = rows.iter().map(|(key, value)| {
                    let value = value.map(|it| IVec::from(&[it]));
                    (IVec::from(key.as_slice()), value)
                });
                Layer::new(rows, Sequence::ZERO)
            };
            let mut will_be = base.clone();
            for (key, value) in leaving.iter().chain(&active) {
                match value {
                    Some(value) => will_be.insert(key.clone(), *value),
                    None => will_be.remove(key),
                };
            }
            let recent = Recent {
                active: written(&active),
                leaving: Some(Arc::new(written(&leaving))),
            };
            let base: Vec<_> = base
                .range(start.clone()..)
                .map(|(key, value)| (IVec::from(key.as_slice()), IVec::from(&[*value])))
                .collect();
            let mut merged = Merged::new(recent.range(&start, Bound::Unbounded), base.into_iter());
            // From either end, in any order.
            let (mut front, mut back) = (Vec::new(), Vec::new());
            for from_front in ends.into_iter().chain([true; 40]) {
                match from_front {
                    true => front.extend(merged.next()),
                    false => back.extend(merged.next_back()),
                }
            }
            let read: Vec<_> = front
                .into_iter()
                .chain(back.into_iter().rev())
                .map(|(key, value)| (key.to_vec(), value[0]))
                .collect();
            let expected: Vec<_> = will_be.range(start..).map(|(k, v)| (k.clone(), *v)).collect();
            prop_assert_eq!(read, expected);
        }
    }
    fn row(key: &[u8], value: Option<&[u8]>) -> (IVec, Written) {
        (IVec::from(key), value.map(IVec::from))
    }

    #[test]
    fn a_queues_row_that_came_and_went_leaves_no_trace() {
        let key = [b"q".as_slice(), b"north"].concat();
        let mut layer = Layer::new([row(&key, Some(b"1"))], Sequence::ZERO);
        layer.take_in(Layer::new([row(&key, None)], Sequence::ZERO));
        assert!(layer.rows.is_empty());
        assert_eq!(layer.bytes(), 0);
    }

    #[test]
    fn a_queues_row_that_sled_has_stays_removed_however_often() {
        let key = [b"q".as_slice(), b"north"].concat();
        let mut layer = Layer::new([row(&key, None)], Sequence::ZERO);
        layer.take_in(Layer::new([row(&key, None)], Sequence::ZERO));
        assert_eq!(layer.rows.get(key.as_slice()), Some(&None));
    }

    #[test]
    fn a_row_that_is_written_again_is_counted_once() {
        let mut layer = Layer::new([row(b"m1", Some(b"long as it was"))], Sequence::ZERO);
        layer.take_in(Layer::new([row(b"m1", Some(b"short"))], Sequence::ZERO));
        let anew = Layer::new([row(b"m1", Some(b"short"))], Sequence::ZERO);
        assert_eq!(layer.bytes(), anew.bytes());
    }
}
