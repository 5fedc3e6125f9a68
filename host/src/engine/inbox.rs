//! What a partner sent and is not decoded yet, in the order of acceptance.
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
    /// The last record that was taken in, or is known not to wait.
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
    /// Accepted after this record.
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

    /// Takes in what was just accepted, or leaves it in the view.
    pub(super) fn accepted(&mut self, message: Journaled<RawMessage>) {
        if self.behind || self.slots.len() >= WAITING_MAX || self.bytes > BYTES_MAX {
            self.behind = true;
        } else if message.sequence() > self.seen {
            self.push(message);
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
    pub(super) fn fetched(&mut self, messages: Vec<Journaled<RawMessage>>, complete: bool) {
        self.behind = !complete;
        for message in messages {
            if self.holds(message.sequence()) {
                self.seen = self.seen.max(message.sequence());
            } else {
                self.push(message);
            }
        }
    }

    /// Takes in a message that is decoded once more. It goes behind what waits.
    pub(super) fn again(&mut self, message: Journaled<RawMessage>) {
        if !self.holds(message.sequence()) {
            self.bytes += message.get().body.len();
            self.slots.push_back(Slot {
                message,
                state: State::Waiting,
            });
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

    fn push(&mut self, message: Journaled<RawMessage>) {
        self.bytes += message.get().body.len();
        self.seen = self.seen.max(message.sequence());
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
                        inbox.accepted(message(accepted));
                    }
                }
                if let Some(wanted) = inbox.wanted() {
                    let from = wanted.after.get() + 1;
                    let found: Vec<_> = (from..=accepted).take(wanted.limit).map(message).collect();
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
