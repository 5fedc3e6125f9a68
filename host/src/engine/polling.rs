//! Fetching from partners that do not send.
//!
//! ```text
//! due ─► poll (guest) ─► request ─► … ─► Polled (journal) ─► Accepted … ─► inbox
//! ```
//!
//! The adapter says what to ask, knowing the cursor and what was answered so far; the
//! host asks, through the partner's endpoint and in its lane: an open breaker stops
//! polls as it stops deliveries, and how they go counts for it. When there is nothing
//! more to ask, one record holds the messages and the cursor behind them: a crash
//! before it fetches the same again, a crash after it fetches none of them again. Then
//! each message is accepted as if the partner had sent it. What a crash leaves between
//! the two is known by a row of the view, and is accepted at the next start.
//!
//! A poll only reads, so its requests are not announced in the journal, and what a
//! failed one learned is forgotten.

mod fetch;
mod round;

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::oneshot;

use self::fetch::End;
pub(super) use self::fetch::{Fetch, Fetched, fetch};
pub(super) use self::round::Poller;
pub use self::round::{Ended, Poll};
use super::{Engine, decide, state};
use crate::{
    clock::Timestamp,
    contract,
    deliver::breaker,
    failpoint,
    ingress::traceparent::Traceparent,
    journal::Sequence,
    message::{Channel, Digest, Journaled, MessageId, PartnerName, RawMessage},
    record::{AdapterRef, Failure, Log, Polled, Record},
};

/// Messages that one poll may bring: with more the adapter is to say that there is
/// more.
const MESSAGES_MAX: usize = 1_000;

/// The longest cursor, in bytes: it is kept in a row of the view.
const CURSOR_BYTES_MAX: usize = 2_048;

/// The longest names and values of one message's headers together, in bytes.
const HEADERS_BYTES_MAX: usize = 16_384;

/// What the engine hears of a poll.
pub(super) enum PollEvent {
    /// It wants to make a request.
    Asks(oneshot::Sender<Grant>),
    /// The request went so.
    Called(breaker::Outcome),
    /// It is over.
    Ended(Box<Fetched>),
}

/// Whether a request may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// Now.
    Go,
    /// Not before this moment; the poll ends.
    Later(Timestamp),
}

/// Where a poll that was asked for begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Where the last one ended.
    Cursor,
    /// As if there had been none.
    Beginning,
}

// === impl Engine ===

impl Engine {
    /// Accepts what was fetched before a stop and is not accepted yet, also of partners
    /// that are no longer polled.
    pub(super) fn recover_polls(&mut self) {
        let mut open: BTreeMap<(PartnerName, Sequence), Vec<MessageId>> = BTreeMap::new();
        for (partner, message, sequence) in self.parts.view.fetched() {
            open.entry((partner, sequence)).or_default().push(message);
        }
        for ((partner, sequence), messages) in open {
            match state::read(self.parts.journal.as_ref(), sequence) {
                Ok(Record::Polled(polled)) => {
                    if let Some(poller) = self.state.poller(&partner) {
                        poller.take(messages.iter().copied());
                    }
                    let fetched = polled.messages.into_iter();
                    self.accept(fetched.filter(|it| messages.contains(&it.id)));
                }
                Ok(_) => {
                    tracing::error!(%partner, %sequence, "what was polled is in no record of its kind; run `crossdock rebuild`");
                }
                Err(error) => {
                    tracing::error!(%partner, %sequence, %error, "what was polled can't be read back");
                }
            }
        }
    }

    /// Starts the polls that are due and lets those under way make their requests.
    /// Says when to look again.
    pub(super) fn poll(&mut self, now: Timestamp) -> Option<Timestamp> {
        let full = self.backlog.waiting() >= self.parts.config.backlog_messages_max;
        let mut wake: Option<Timestamp> = None;
        for index in 0..self.state.lanes() {
            let Some((poller, lane)) = self.state.poller_and_lane(index) else {
                continue;
            };
            let (wake_at, moved) = poller.grant(lane, now);
            let due = poller.start(now, full);
            wake = [wake, wake_at, due.wake()].into_iter().flatten().min();
            let partner = self.state.lane_partner(index);
            if let Some(transition) = moved {
                self.commit_or_log(decide::breaker_moved(&partner.name, &transition));
            }
            if let round::Due::Now(from) = due {
                self.fetch_from(index, from, now);
            }
        }
        wake
    }

    fn fetch_from(&mut self, index: usize, from: From, now: Timestamp) {
        let partner = self.state.lane_partner(index);
        let name = partner.name.clone();
        let cursor = match from {
            From::Beginning => None,
            From::Cursor => self
                .parts
                .view
                .partner(&name)
                .polled
                .and_then(|it| it.cursor),
        };
        let Some((poller, lane)) = self.state.poller_and_lane(index) else {
            return;
        };
        let fetch = Fetch {
            requests_max: poller.requests_max(),
            pace: lane.pace().clone(),
            guests: self.state.lane_guests(index),
            id: MessageId::new(now),
            started_at: now,
            cursor,
            partner,
            events: self.events.clone(),
        };
        self.hands.fetch(fetch);
    }

    pub(super) fn poll_event(&mut self, partner: &PartnerName, event: PollEvent) {
        let now = self.parts.clock.now();
        match event {
            PollEvent::Asks(answer) => {
                if let Some(poller) = self.state.poller(partner) {
                    poller.asks(answer, now);
                }
            }
            PollEvent::Called(outcome) => {
                let Some((poller, lane)) = self.state.poller_of(partner) else {
                    return;
                };
                let moved = poller.called(lane, outcome, now, self.hands.random());
                if let Some(transition) = moved {
                    self.commit_or_log(decide::breaker_moved(partner, &transition));
                }
            }
            PollEvent::Ended(fetched) => self.fetched(partner, *fetched, now),
        }
    }

    fn fetched(&mut self, partner: &PartnerName, fetched: Fetched, now: Timestamp) {
        if let Some((poller, lane)) = self.state.poller_of(partner) {
            poller.release(lane);
            poller.count(fetched.requests);
        }
        let (polled, adapter) = match (fetched.end, fetched.adapter) {
            (End::Messages(polled), Some(adapter)) => (polled, adapter),
            (End::Messages(_), None) => return,
            (End::Failed { failure, wait }, _) => {
                return self.poll_failed(partner, failure, wait, now);
            }
        };
        let before = fetched.cursor;
        let news = !polled.messages.is_empty();
        if !news
            && polled
                .cursor
                .as_ref()
                .is_none_or(|it| Some(it) == before.as_ref())
        {
            return self.poll_step(partner, polled.more, now);
        }
        let record = record(partner, polled, before, adapter, fetched.log, now);
        let record = match record {
            Ok(record) => Record::Polled(record),
            Err(failure) => return self.poll_failed(partner, failure, None, now),
        };
        failpoint::hit("poll-before-record");
        let mut record = Arc::new(record);
        let mut committed = self.commit(&record);
        if committed.is_err() && Arc::make_mut(&mut record).give_up_log() {
            committed = self.commit(&record);
        }
        if let Err(error) = committed {
            let failure = Failure::settings(
                "polled-too-large",
                format!("what the poll brought does not fit the journal: {error}"),
                "let the adapter ask for smaller pages, or raise journal.record_bytes_max",
            );
            self.poll_failed(partner, failure, None, now);
        }
    }

    /// What was fetched is durable: its messages are taken in.
    pub(super) fn polled(&mut self, polled: &Polled) {
        failpoint::hit("poll-after-record");
        let now = self.parts.clock.now();
        if let Some(poller) = self.state.poller(&polled.partner) {
            poller.brought(polled.messages.len());
            poller.take(polled.messages.iter().map(|it| it.id));
        }
        self.accept(polled.messages.iter().cloned());
        if polled.messages.is_empty() {
            self.poll_step(&polled.partner, polled.more, now);
        } else if let Some(poller) = self.state.poller(&polled.partner) {
            poller.note_more(polled.more);
        }
    }

    fn accept(&mut self, messages: impl Iterator<Item = RawMessage>) {
        for message in messages {
            self.commit_or_log(Record::Accepted(message));
            failpoint::hit("poll-after-accepted");
        }
    }

    /// A message is accepted; where it was fetched, perhaps the last one of its poll.
    pub(super) fn taken(&mut self, message: &Journaled<RawMessage>) {
        let message = message.get();
        if message.channel != Channel::Poll {
            return;
        }
        let Some(poller) = self.state.poller(&message.partner) else {
            return;
        };
        if let Some(more) = poller.taken(message.id) {
            let now = self.parts.clock.now();
            self.poll_step(&message.partner.clone(), more, now);
        }
    }

    /// One poll of a run went well; with more to come the next follows at once.
    fn poll_step(&mut self, partner: &PartnerName, more: bool, now: Timestamp) {
        let Some(poller) = self.state.poller(partner) else {
            return;
        };
        if let Some(outcome) = poller.stepped(more, now, self.hands.random()) {
            self.parts.metrics.polled(partner, outcome);
        }
    }

    fn poll_failed(
        &mut self,
        partner: &PartnerName,
        failure: Failure,
        wait: Option<std::time::Duration>,
        now: Timestamp,
    ) {
        self.parts.metrics.polled(partner, "failed");
        let Some(poller) = self.state.poller(partner) else {
            return;
        };
        let status = poller.failed(failure.clone(), wait, now, self.hands.random());
        tracing::warn!(
            %partner,
            code = failure.code,
            failures = status.failures_in_a_row,
            next_at = status.next_at.map(tracing::field::display),
            "a poll failed: {}",
            failure.text
        );
    }
}

/// What one poll brought, as it is journaled.
fn record(
    partner: &PartnerName,
    polled: contract::Polled,
    before: Option<String>,
    adapter: AdapterRef,
    log: Log,
    now: Timestamp,
) -> Result<Polled, Failure> {
    let too_much = |code: &str, text: String| Failure {
        code: code.to_owned(),
        blame: "adapter".to_owned(),
        ..Failure::host(text)
    };
    let cursor = polled.cursor.or(before);
    if let Some(bytes) = cursor.as_ref().map(String::len)
        && bytes > CURSOR_BYTES_MAX
    {
        let text = format!("the cursor has {bytes} bytes, over {CURSOR_BYTES_MAX}");
        return Err(too_much("cursor-too-long", text));
    }
    let count = polled.messages.len();
    if count > MESSAGES_MAX {
        let text = format!("one poll brought {count} messages, over {MESSAGES_MAX}");
        return Err(too_much("polled-too-many", text));
    }
    let messages = polled.messages.into_iter();
    let messages = messages.map(|it| raw(partner, it, now));
    Ok(Polled {
        partner: partner.clone(),
        at: now,
        adapter,
        cursor,
        more: polled.more,
        messages: messages.collect::<Option<_>>().ok_or_else(|| {
            let text = format!("a polled message has headers over {HEADERS_BYTES_MAX} bytes");
            too_much("polled-headers-too-long", text)
        })?,
        log,
    })
}

/// A fetched message as a partner's; nothing when its headers are too long.
fn raw(
    partner: &PartnerName,
    message: contract::PolledMessage,
    now: Timestamp,
) -> Option<RawMessage> {
    let id = MessageId::new(now);
    let pairs = message.headers.iter();
    let bytes: usize = pairs.map(|(name, value)| name.len() + value.len()).sum();
    let kind = message.content_type.as_ref().map_or(0, String::len);
    (bytes + kind <= HEADERS_BYTES_MAX).then(|| RawMessage {
        id,
        partner: partner.clone(),
        correlation_id: id.into(),
        traceparent: Some(Traceparent::of_message(id).to_string()),
        idempotency_key: None,
        channel: Channel::Poll,
        content_type: message.content_type,
        headers: message.headers,
        received_at: now,
        digest: Digest::of(&message.body),
        body: message.body.into(),
    })
}

#[cfg(test)]
mod tests;
