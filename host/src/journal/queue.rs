//! The bounded queue between those who commit and the one thread that writes.
//!
//! Bounded in number and in bytes; who finds it full is told at once. The taker
//! gets everything that has gathered, up to a group, with one lock.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A queue of things that have a size.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    items_max: usize,
    bytes_max: usize,
}

/// What was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// At least one item.
    Some,
    /// Nothing came before the time was over.
    Idle,
    /// Nothing is left and nothing can come.
    Closed,
}

/// Why an item was not put in; the item comes back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused<T> {
    /// The queue holds as many items or bytes as it may.
    Full(T),
    /// Nothing is taken in any more.
    Closed(T),
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
    /// The taker sleeps; only then is waking it worth a system call.
    asleep: bool,
}

// === impl Queue ===

impl<T> Queue<T> {
    pub(super) fn new(items_max: usize, bytes_max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::with_capacity(items_max.min(4096)),
                bytes: 0,
                closed: false,
                asleep: false,
            }),
            arrived: Condvar::new(),
            items_max,
            bytes_max,
        }
    }

    /// Puts an item of this many bytes at the end, if the queue then holds no more
    /// than its limits times `widen`. An empty queue takes an item of any size.
    pub(super) fn put(&self, item: T, bytes: usize, widen: usize) -> Result<(), Refused<T>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed(item));
        }
        let full = state.items.len() >= self.items_max.saturating_mul(widen)
            || state.bytes + bytes > self.bytes_max.saturating_mul(widen);
        if full && !state.items.is_empty() {
            return Err(Refused::Full(item));
        }
        state.items.push_back((item, bytes));
        state.bytes += bytes;
        if std::mem::take(&mut state.asleep) {
            drop(state);
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Moves what has gathered to `group`, in order: at most `items_max` items and,
    /// after the first one, at most `bytes_max` bytes. Waits until `deadline` for
    /// something to come, or without one for as long as it takes.
    pub(super) fn take(
        &self,
        group: &mut Vec<T>,
        items_max: usize,
        bytes_max: usize,
        deadline: Option<Instant>,
    ) -> Taken {
        let mut state = self.lock();
        while state.items.is_empty() {
            if state.closed {
                return Taken::Closed;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Taken::Idle;
            }
            state.asleep = true;
            state = self.sleep(state, left);
        }
        state.asleep = false;
        let mut room = bytes_max;
        while let Some((item, bytes)) = state.items.pop_front() {
            state.bytes -= bytes;
            room = room.saturating_sub(bytes);
            group.push(item);
            let next_fits = state.items.front().is_some_and(|(_, next)| *next <= room);
            if group.len() >= items_max || !next_fits {
                break;
            }
        }
        Taken::Some
    }

    /// Takes nothing in any more; what is in it can still be taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// How many items are in it.
    pub(super) fn len(&self) -> usize {
        self.lock().items.len()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep<'a>(
        &self,
        state: MutexGuard<'a, State<T>>,
        left: Option<Duration>,
    ) -> MutexGuard<'a, State<T>> {
        match left {
            None => self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(left) => {
                self.arrived
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(queue: &Queue<u32>, items_max: usize, bytes_max: usize) -> Vec<u32> {
        let mut group = Vec::new();
        assert_eq!(
            queue.take(&mut group, items_max, bytes_max, None),
            Taken::Some
        );
        group
    }

    #[test]
    fn what_gathers_is_taken_in_order_and_in_groups() {
        let queue = Queue::new(10, 1000);
        for item in 0..5 {
            queue.put(item, 10, 1).unwrap();
        }
        assert_eq!(take_all(&queue, 2, 1000), [0, 1]);
        assert_eq!(take_all(&queue, 10, 20), [2, 3]);
        assert_eq!(
            take_all(&queue, 10, 5),
            [4],
            "one item may be over the group's bytes"
        );
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_full_queue_refuses_by_number_and_by_bytes() {
        let queue = Queue::new(2, 100);
        queue.put(1, 10, 1).unwrap();
        queue.put(2, 10, 1).unwrap();
        assert_eq!(queue.put(3, 10, 1), Err(Refused::Full(3)));
        queue.put(3, 10, 2).unwrap();
        take_all(&queue, 10, 1000);
        queue.put(4, 500, 1).unwrap();
        assert_eq!(queue.put(5, 1, 1), Err(Refused::Full(5)));
        take_all(&queue, 10, 1000);
        queue.put(6, 100, 1).unwrap();
    }

    #[test]
    fn a_closed_queue_is_emptied_and_takes_nothing_in() {
        let queue = Queue::new(2, 100);
        queue.put(1, 10, 1).unwrap();
        queue.close();
        assert_eq!(queue.put(2, 10, 1), Err(Refused::Closed(2)));
        assert_eq!(take_all(&queue, 10, 1000), [1]);
        assert_eq!(queue.take(&mut Vec::new(), 1, 1, None), Taken::Closed);
    }

    #[test]
    fn waiting_ends_with_the_deadline() {
        let queue: Queue<u32> = Queue::new(2, 100);
        let taken = queue.take(&mut Vec::new(), 1, 1, Some(Instant::now()));
        assert_eq!(taken, Taken::Idle);
    }
}
