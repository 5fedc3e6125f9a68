//! What a partner sent and is not decoded yet, in the order of acceptance; what is
//! replayed comes behind what waits.
//!
//! Decoding runs ahead, but results leave in order: a message's documents are
//! never routed before those of an earlier message of the same partner. The queue
//! is bounded; what does not fit is in the view and is fetched when there is room.

use std::collections::VecDeque;

use crate::{
    journal::Sequence,
    message::{Journaled, RawMessage},
};

/// How many messages of one partner wait in memory.
pub(super) const WAITING_MAX: usize = 256;
/// How many bytes of bodies of one partner wait in memory, give or take a message.
pub(super) const BYTES_MAX: usize = 64 << 20;
/// When to fetch more from the view.
const WAITING_LOW: usize = 64;

/// One partner's messages.
#[derive(Debug)]
pub(super) struct Inbox<Result> {
    slots: VecDeque<Slot<Result>>,
    running: usize,
    /// Of the bodies in `slots`.
    bytes: usize,
    /// The last place that was taken in, or is known not to wait. A message's place is
    /// the record that accepted it, or that replayed it.
    seen: Sequence,
    /// Whether the view has more than the queue.
    behind: bool,
}

#[derive(Debug)]
struct Slot<Result> {
    message: Journaled<RawMessage>,
    state: State<Result>,
}

#[derive(Debug)]
enum State<Result> {
    Waiting,
    Running,
    Done(Result),
}

/// What to fetch from the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// With a place after this one.
    pub(super) after: Sequence,
    /// How many at most.
    pub(super) limit: usize,
}

// === impl Inbox ===

impl<Result> Inbox<Result> {
    /// An inbox that first of all looks into the view.
    pub(super) fn new() -> Self {
        Self {
            slots: VecDeque::new(),
            running: 0,
            bytes: 0,
            seen: Sequence::ZERO,
            behind: true,
        }
    }

    /// Takes in what was just accepted or replayed, or leaves it in the view.
    pub(super) fn accepted(&mut self, place: Sequence, message: Journaled<RawMessage>) {
        if self.behind || self.slots.len() >= WAITING_MAX || self.bytes > BYTES_MAX {
            self.behind = true;
        } else if place > self.seen {
            self.push(place, message);
        }
    }

    /// What to fetch, when there is room and something to fetch.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        let room = self.slots.len() < WAITING_LOW && self.bytes <= BYTES_MAX / 2;
        (self.behind && room).then(|| Wanted {
            after: self.seen,
            limit: WAITING_MAX - self.slots.len(),
        })
    }

    /// Takes in what the view had; `complete` when it has no more.
    pub(super) fn fetched(
        &mut self,
        messages: Vec<(Sequence, Journaled<RawMessage>)>,
        complete: bool,
    ) {
        self.behind = !complete;
        for (place, message) in messages {
            if self.holds(message.sequence()) {
                self.seen = self.seen.max(place);
            } else {
                self.push(place, message);
            }
        }
    }

    /// The next message to decode, if fewer than `running_max` are being decoded.
    pub(super) fn start(&mut self, running_max: usize) -> Option<&Journaled<RawMessage>> {
        if self.running >= running_max {
            return None;
        }
        let slot = self
            .slots
            .iter_mut()
            .find(|slot| matches!(slot.state, State::Waiting))?;
        slot.state = State::Running;
        self.running += 1;
        Some(&slot.message)
    }

    /// A message that was to be decoded goes on waiting.
    pub(super) fn not_started(&mut self, sequence: Sequence) {
        let slot = self
            .slots
            .iter_mut()
            .find(|slot| slot.message.sequence() == sequence);
        if let Some(slot) = slot {
            slot.state = State::Waiting;
            self.running -= 1;
        }
    }

    /// Takes in the result of a decode.
    pub(super) fn finished(&mut self, sequence: Sequence, result: Result) {
        let slot = self
            .slots
            .iter_mut()
            .find(|slot| slot.message.sequence() == sequence);
        if let Some(slot) = slot {
            slot.state = State::Done(result);
            self.running -= 1;
        }
    }

    /// The first message, once it is decoded.
    pub(super) fn take(&mut self) -> Option<(Journaled<RawMessage>, Result)> {
        if !matches!(self.slots.front()?.state, State::Done(_)) {
            return None;
        }
        let Slot { message, state } = self.slots.pop_front()?;
        self.bytes -= message.get().body.len();
        match state {
            State::Done(result) => Some((message, result)),
            State::Waiting | State::Running => None,
        }
    }

    /// Messages in memory.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    fn holds(&self, sequence: Sequence) -> bool {
        self.slots
            .iter()
            .any(|slot| slot.message.sequence() == sequence)
    }

    fn push(&mut self, place: Sequence, message: Journaled<RawMessage>) {
        self.bytes += message.get().body.len();
        self.seen = self.seen.max(place);
        self.slots.push_back(Slot {
            message,
            state: State::Waiting,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Timestamp,
        message::{Channel, Digest, MessageId, PartnerName},
    };
    use bytes::Bytes;
    use proptest::prelude::*;

    fn message(sequence: u64) -> Journaled<RawMessage> {
        let id = MessageId::new(Timestamp::EPOCH);
        Journaled::new(
            Sequence::from_u64(sequence),
            RawMessage {
                id,
                partner: PartnerName::parse("north").unwrap(),
                correlation_id: id.into(),
                traceparent: None,
                idempotency_key: None,
                channel: Channel::Http,
                content_type: None,
                headers: Vec::new(),
                received_at: Timestamp::EPOCH,
                digest: Digest::of(b""),
                body: Bytes::new(),
            },
        )
    }

    /// The sequences of what leaves next, once it is decoded.
    fn leave(inbox: &mut Inbox<()>) -> Vec<u64> {
        while let Some(sequence) = inbox.start(1).map(Journaled::sequence) {
            inbox.finished(sequence, ());
        }
        let left = std::iter::from_fn(|| inbox.take());
        left.map(|(message, ())| message.sequence().get()).collect()
    }

    #[test]
    fn what_is_replayed_goes_behind_what_waits_also_after_a_restart() {
        let at = Sequence::from_u64;
        let mut inbox: Inbox<()> = Inbox::new();
        inbox.fetched(Vec::new(), true);
        inbox.accepted(at(1), message(1));
        assert_eq!(leave(&mut inbox), [1]);
        inbox.accepted(at(3), message(3));
        inbox.accepted(at(4), message(1));
        inbox.accepted(at(5), message(5));
        let waiting = vec![
            (at(3), message(3)),
            (at(4), message(1)),
            (at(5), message(5)),
        ];
        let mut restarted: Inbox<()> = Inbox::new();
        restarted.fetched(waiting, true);
        assert_eq!(leave(&mut inbox), [3, 1, 5]);
        assert_eq!(leave(&mut restarted), [3, 1, 5]);
    }

    #[test]
    fn what_is_replayed_does_not_overtake_what_found_no_room() {
        let mut inbox: Inbox<()> = Inbox::new();
        // The view has older ones that were not fetched yet.
        inbox.accepted(Sequence::from_u64(9), message(1));
        assert_eq!(inbox.len(), 0);
        assert!(inbox.wanted().is_some());
    }

    proptest! {
        /// Whatever order results come in and however far the queue falls behind,
        /// every accepted message leaves exactly once, in order.
        #[test]
        fn messages_leave_once_and_in_order(total in 1u64..900, choices in prop::collection::vec(any::<u16>(), 1..64)) {
            let mut inbox: Inbox<u64> = Inbox::new();
            let (mut accepted, mut left, mut running) = (0u64, Vec::new(), Vec::new());
            let mut turn = 0usize;
            while left.len() < total as usize {
                let choice = choices[turn % choices.len()] as usize + turn;
                turn += 1;
                for _ in 0..choice % 40 {
                    if accepted < total {
                        accepted += 1;
                        inbox.accepted(Sequence::from_u64(accepted), message(accepted));
                    }
                }
                if let Some(wanted) = inbox.wanted() {
                    let from = wanted.after.get() + 1;
                    let found = (from..=accepted).take(wanted.limit);
                    let found: Vec<_> = found.map(|it| (Sequence::from_u64(it), message(it))).collect();
                    let complete = found.len() < wanted.limit;
                    inbox.fetched(found, complete);
                }
                prop_assert!(inbox.len() <= WAITING_MAX);
                while let Some(message) = inbox.start(4) {
                    running.push(message.sequence());
                }
                if !running.is_empty() {
                    let done = running.swap_remove(choice % running.len());
                    inbox.finished(done, done.get());
                }
                while let Some((message, result)) = inbox.take() {
                    prop_assert_eq!(message.sequence().get(), result);
                    left.push(result);
                }
            }
            prop_assert_eq!(left, (1..=total).collect::<Vec<_>>());
        }
    }
}
