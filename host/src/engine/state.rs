//! What the engine knows: inboxes, lanes and what is on its way to the journal.
//!
//! No I/O but reads of the view and, for replays and recovery, of the journal.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{
    Parts,
    conversation::Ended,
    decide,
    handle::{BreakerCommand, LaneStatus, Replies},
    hands::Hands,
    inbox::{Inbox, Wanted},
    ordinals::Ordinals,
    polling::Poller,
    processes::{Fresh, Roles},
    settle::{self, Known, Reading, Settled},
};
use crate::{
    clock::Timestamp,
    contract,
    deliver::{
        breaker,
        lane::{Entry, Finish, Lane, Next, OrderKey},
        pace::Pace,
        retry::Schedule,
    },
    journal::{self, CommitError, Reader, Sequence},
    message::{
        CorrelationId, DeliveryId, Digest, DocumentId, Journaled, MessageId, PartnerName,
        RawMessage,
    },
    partner::{Partner, Terms},
    process::Origin,
    record::{Decoded, Log, Record, Replayed, Subject, Undecodable, Unreadable},
    view::{IdentityRow, SeenRow, SeriesRow, View},
};

/// Documents that are kept in memory until they are sent, at most.
const DOCUMENTS_KEPT_MAX: usize = 4_096;

/// How the engine works, `[engine]` in the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `idempotency_window_days`: for how long a business document, or a message
    /// with an idempotency key, is known again, in days. Default 30: warehouses
    /// send EDI again days later.
    pub idempotency_window_days: u32,
    /// `guest_calls_per_partner_max`: guests that run for one partner at the same time,
    /// decoding and sending together, so that one partner's slow adapter leaves
    /// threads to the others. Default 1 less than there are threads, at least 1.
    pub guest_calls_per_partner_max: Option<usize>,
    /// `backlog_messages_max`: accepted messages that may wait to be decoded; more
    /// are answered with 503. Default 100,000. What waits is on disk.
    pub backlog_messages_max: usize,
}

/// What the engine knows.
pub(super) struct State {
    config: Config,
    places: Vec<Place>,
    index: HashMap<PartnerName, usize>,
    /// Where to look first for something to decode, so that all get their turn.
    turn: usize,
    decoding: usize,
    decoding_max: usize,
    per_partner_max: usize,
    /// Identities of documents whose records are on their way to the journal.
    identities: HashMap<Digest, IdentityRow>,
    /// The same of business events that begin, and the correlation ids they begin with.
    threads: HashMap<String, CorrelationId>,
    /// The same of numbers of envelopes, and of how far their series have come.
    numbers: HashMap<(Digest, String), SeenRow>,
    series: HashMap<Digest, SeriesRow>,
    documents: Kept,
    /// Where the documents of queued deliveries are.
    document_of: HashMap<DeliveryId, DocumentId>,
    replies: Replies,
    /// Which deliveries of a message are on their way to the journal.
    pub(super) ordinals: Ordinals,
    /// Records whose documents move instances of processes.
    pub(super) fresh: Fresh,
}

struct Place {
    partner: Arc<Partner>,
    inbox: Inbox<Reading>,
    lane: Option<Lane<DeliveryId>>,
    schedule: Schedule,
    control_number: u64,
    /// The wait of the partner's that the newest record with one holds.
    recorded_hold: Option<Timestamp>,
    poller: Option<Poller>,
    /// What its guest calls, of either kind, take their turns by.
    guests: Arc<Semaphore>,
}

/// Documents in the order they came, the oldest let go first.
#[derive(Default)]
struct Kept {
    documents: HashMap<DocumentId, Arc<contract::Document>>,
    order: VecDeque<DocumentId>,
}

/// A record can't be read back.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error(transparent)]
    Record(#[from] Unreadable),
    #[error("record {0} is of another kind than the view says; run `crossdock rebuild`")]
    Kind(Sequence),
    #[error("the view has no {0}; run `crossdock rebuild`")]
    Row(String),
}

struct Knowing<'a> {
    roles: &'a Roles,
    ordinals: &'a Ordinals,
    view: &'a View,
    identities: &'a HashMap<Digest, IdentityRow>,
    threads: &'a HashMap<String, CorrelationId>,
    numbers: &'a HashMap<(Digest, String), SeenRow>,
    series: &'a HashMap<Digest, SeriesRow>,
    /// Of a partner that is no longer there.
    no_terms: &'a Terms,
    places: &'a mut [Place],
    index: &'a HashMap<PartnerName, usize>,
    since: Timestamp,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idempotency_window_days: 30,
            guest_calls_per_partner_max: None,
            backlog_messages_max: 100_000,
        }
    }
}

// === impl Config ===

impl Config {
    /// The earliest moment that is still known at `now`.
    #[must_use]
    pub fn known_since(&self, now: Timestamp) -> Timestamp {
        let days = i64::from(self.idempotency_window_days);
        Timestamp::from_millis(now.as_millis() - days * 24 * 3_600_000)
    }
}

// === impl State ===

impl State {
    /// What the view says is unfinished.
    pub(super) fn recover(parts: &Parts, hands: &dyn Hands, now: Timestamp) -> Self {
        let threads = parts.threads.max(1);
        let mut state = Self {
            config: parts.config.clone(),
            places: Vec::new(),
            index: HashMap::new(),
            turn: 0,
            decoding: 0,
            decoding_max: threads * 2,
            per_partner_max: parts
                .config
                .guest_calls_per_partner_max
                .unwrap_or(threads - 1)
                .max(1),
            identities: HashMap::new(),
            threads: HashMap::new(),
            numbers: HashMap::new(),
            series: HashMap::new(),
            documents: Kept::default(),
            document_of: HashMap::new(),
            replies: Replies::default(),
            ordinals: Ordinals::default(),
            fresh: Fresh::default(),
        };
        for partner in parts.partners.iter() {
            let row = parts.view.partner(&partner.name);
            let lane = partner.endpoint.as_ref().map(|endpoint| {
                let breaker = row.breaker.unwrap_or(breaker::State::closed(now));
                let mut lane = Lane::new(endpoint.config.lane(), breaker, now);
                if let Some(until) = row.held_until {
                    let because = row.held_because.as_deref();
                    lane.pace()
                        .hold_until(until, because.unwrap_or("a wait from before the start"));
                }
                for (id, delivery) in parts.view.open_deliveries(&partner.name) {
                    lane.queue(Entry {
                        id,
                        key: Some(OrderKey::of(&delivery.business_key)),
                        queued_at: delivery.queued_at,
                        due: decide::due_again(&delivery, now),
                        attempts: delivery.attempts,
                    });
                }
                lane
            });
            state.index.insert(partner.name.clone(), state.places.len());
            state.places.push(Place {
                inbox: Inbox::new(),
                schedule: schedule(partner),
                guests: Arc::new(Semaphore::new(state.per_partner_max)),
                control_number: row.control_number,
                recorded_hold: row.held_until,
                poller: partner.poll.clone().map(|plan| {
                    let last = row.polled.as_ref().map(|it| it.at);
                    Poller::new(plan, last, now, hands.random())
                }),
                partner: Arc::clone(partner),
                lane,
            });
        }
        state
    }

    pub(super) fn replies(&self) -> Replies {
        self.replies.clone()
    }

    pub(super) fn accepted(&mut self, message: Journaled<RawMessage>) {
        if let Some(place) = self.place(&message.get().partner.clone()) {
            place.inbox.accepted(message.sequence(), message);
        }
    }

    /// Inboxes that have room, and what to fetch for them.
    pub(super) fn wanted(&self) -> Vec<(PartnerName, Wanted)> {
        let places = self.places.iter();
        places
            .filter_map(|place| Some((place.partner.name.clone(), place.inbox.wanted()?)))
            .collect()
    }

    pub(super) fn fetched(
        &mut self,
        partner: &PartnerName,
        messages: Vec<(Sequence, Journaled<RawMessage>)>,
        complete: bool,
    ) {
        if let Some(place) = self.place(partner) {
            place.inbox.fetched(messages, complete);
        }
    }

    /// The next message to decode, and what it takes its turn by; partners take turns.
    pub(super) fn next_to_decode(&mut self) -> Option<(Journaled<RawMessage>, Arc<Semaphore>)> {
        if self.decoding >= self.decoding_max {
            return None;
        }
        for step in 0..self.places.len() {
            let index = (self.turn + step) % self.places.len();
            if let Some(message) = self.places[index].inbox.start(self.per_partner_max) {
                let message = message.clone();
                self.turn = index + 1;
                self.decoding += 1;
                return Some((message, Arc::clone(&self.places[index].guests)));
            }
        }
        None
    }

    /// The guest pool had no room for a message after all.
    pub(super) fn not_started(&mut self, partner: &PartnerName, sequence: Sequence) {
        self.decoding -= 1;
        if let Some(place) = self.place(partner) {
            place.inbox.not_started(sequence);
        }
    }

    pub(super) fn read(&mut self, partner: &PartnerName, sequence: Sequence, reading: Reading) {
        self.decoding -= 1;
        if let Some(place) = self.place(partner) {
            place.inbox.finished(sequence, reading);
        }
    }

    /// The record of the next message whose turn has come.
    pub(super) fn settle(
        &mut self,
        parts: &Parts,
        roles: &Roles,
        now: Timestamp,
    ) -> Option<Settled> {
        let found = self
            .places
            .iter_mut()
            .find_map(|place| place.inbox.take())?;
        let (message, reading) = found;
        let mut known = Knowing {
            roles,
            ordinals: &self.ordinals,
            view: &parts.view,
            identities: &self.identities,
            threads: &self.threads,
            numbers: &self.numbers,
            series: &self.series,
            no_terms: &Terms::default(),
            places: &mut self.places,
            index: &self.index,
            since: self.config.known_since(now),
        };
        let message = message.get();
        Some(settle::settle(
            message,
            reading,
            &parts.table,
            &mut known,
            now,
        ))
    }

    /// The record is on its way: its identities are known from now on.
    pub(super) fn settled(&mut self, settled: Settled) {
        if let Record::Decoded(decoded) = &*settled.record {
            self.ordinals.sent(&decoded.deliveries);
        }
        self.identities.extend(settled.identities);
        self.threads.extend(settled.threads);
        self.numbers.extend(settled.numbers);
        self.series.extend(settled.series);
        for (id, document) in settled.documents {
            self.documents.keep(id, document);
        }
    }

    /// What takes the place of a record that the journal can't hold.
    pub(super) fn too_large(settled: &Settled, error: &CommitError, now: Timestamp) -> Record {
        Record::Undecodable(Undecodable {
            message: settled.message,
            partner: settled.partner.clone(),
            at: now,
            adapter: None,
            failure: crate::record::Failure::settings(
                "documents-too-large",
                format!("the documents of this message do not fit the journal: {error}"),
                "have the partner send fewer transactions in one message",
            ),
            dead_letter: crate::message::DeadLetterId::new(now),
            log: Log::default(),
            tables: Vec::new(),
        })
    }

    /// A decode is durable and in the view: its deliveries may go.
    pub(super) fn decoded(&mut self, decoded: &Decoded) {
        for document in &decoded.documents {
            self.identities.remove(&document.identity.key);
            if contract::begins_event(document) {
                self.threads.remove(&document.business_key);
            }
        }
        self.numbered(decoded);
        self.ordinals.committed(&decoded.deliveries);
        for queued in &decoded.deliveries {
            let Some(index) = self.index.get(&queued.to) else {
                continue;
            };
            if let Some(lane) = &mut self.places[*index].lane {
                lane.queue(Entry {
                    id: queued.id,
                    key: Some(OrderKey::of(&queued.business_key)),
                    queued_at: decoded.at,
                    due: decoded.at,
                    attempts: 0,
                });
                if self.documents.documents.contains_key(&queued.document) {
                    self.document_of.insert(queued.id, queued.document);
                }
            }
        }
        self.replies.answer(decoded.message, decoded.reply.as_ref());
    }

    /// What the view knows of envelopes need not be known here any more.
    fn numbered(&mut self, decoded: &Decoded) {
        for envelope in decoded.envelopes.iter().filter(|it| it.taken) {
            let series = envelope.series(&decoded.partner);
            self.numbers.remove(&(series, envelope.number.clone()));
            // A later one may be on its way.
            let last = envelope.number.parse().ok();
            if self.series.get(&series).map(|it| it.last) == last {
                self.series.remove(&series);
            }
        }
    }

    /// A message that could not be read has no reply.
    pub(super) fn undecodable(&self, message: MessageId) {
        self.replies.answer(message, None);
    }

    /// A dead letter goes round again, behind what waits.
    pub(super) fn replayed(
        &mut self,
        sequence: Sequence,
        replayed: &Replayed,
        parts: &Parts,
    ) -> Result<(), LoadError> {
        match replayed.subject {
            Subject::Message(id) => {
                let row = parts
                    .view
                    .message(id)
                    .ok_or_else(|| LoadError::Row(format!("message {id}")))?;
                let message = load(parts.journal.as_ref(), row.accepted)?;
                if let Some(place) = self.place(&row.partner) {
                    place.inbox.accepted(sequence, message);
                }
            }
            Subject::Delivery(id) => {
                let row = parts
                    .view
                    .delivery(id)
                    .ok_or_else(|| LoadError::Row(format!("delivery {id}")))?;
                if let Some(lane) = self.place(&row.to).and_then(|place| place.lane.as_mut()) {
                    lane.queue(Entry {
                        id,
                        key: Some(OrderKey::of(&row.business_key)),
                        queued_at: row.queued_at,
                        due: replayed.at,
                        attempts: 0,
                    });
                }
            }
        }
        Ok(())
    }

    pub(super) fn lanes(&self) -> usize {
        self.places.len()
    }

    /// A delivery takes its place in its lane.
    pub(super) fn line_up(&mut self, to: &PartnerName, entry: Entry<DeliveryId>) {
        if let Some(lane) = self.place(to).and_then(|place| place.lane.as_mut()) {
            lane.queue(entry);
        }
    }

    /// Gives out a partner's next control number.
    pub(super) fn next_control_number(&mut self, partner: &PartnerName) -> u64 {
        self.place(partner).map_or(0, |place| {
            place.control_number += 1;
            place.control_number
        })
    }

    /// Within how many minutes a partner has to acknowledge such a document.
    pub(super) fn acknowledgement_minutes(&self, partner: &PartnerName, kind: &str) -> Option<u32> {
        let index = self.index.get(partner)?;
        let terms = &self.places[*index].partner.terms;
        terms.acknowledgement_minutes(kind)
    }

    /// Partners whose breaker keeps requests from them, but for probes: they answer once
    /// it has closed.
    pub(super) fn down(&self) -> HashSet<PartnerName> {
        let is_open = |place: &&Place| {
            let lane = place.lane.as_ref();
            lane.is_some_and(|lane| {
                matches!(
                    lane.breaker().state(),
                    breaker::State::Open { .. }
                        | breaker::State::ForcedOpen { .. }
                        | breaker::State::HalfOpen { .. }
                )
            })
        };
        let down = self.places.iter().filter(is_open);
        down.map(|place| place.partner.name.clone()).collect()
    }

    /// A document that is in memory because it was read lately.
    pub(super) fn kept(&self, id: DocumentId) -> Option<Arc<contract::Document>> {
        self.documents.documents.get(&id).cloned()
    }

    pub(super) fn lane_partner(&self, index: usize) -> Arc<Partner> {
        Arc::clone(&self.places[index].partner)
    }

    pub(super) fn lane_guests(&self, index: usize) -> Arc<Semaphore> {
        Arc::clone(&self.places[index].guests)
    }

    /// What a partner's guest calls take their turns by.
    pub(super) fn guests(&self, partner: &PartnerName) -> Option<Arc<Semaphore>> {
        let index = self.index.get(partner)?;
        Some(Arc::clone(&self.places.get(*index)?.guests))
    }

    /// When requests to the partner may go.
    pub(super) fn lane_pace(&self, index: usize) -> Option<Pace> {
        let lane = self.places[index].lane.as_ref();
        lane.map(|lane| lane.pace().clone())
    }

    pub(super) fn next_attempt(&mut self, index: usize, now: Timestamp) -> Next<DeliveryId> {
        match &mut self.places[index].lane {
            Some(lane) => lane.next(now),
            None => Next::Idle,
        }
    }

    pub(super) fn poller(&mut self, partner: &PartnerName) -> Option<&mut Poller> {
        self.place(partner)?.poller.as_mut()
    }

    /// A partner's polling, and the lane whose breaker and rate it goes by.
    pub(super) fn poller_of(
        &mut self,
        partner: &PartnerName,
    ) -> Option<(&mut Poller, &mut Lane<DeliveryId>)> {
        let place = self.place(partner)?;
        place.poller.as_mut().zip(place.lane.as_mut())
    }

    /// The same, of the partner with this lane.
    pub(super) fn poller_and_lane(
        &mut self,
        index: usize,
    ) -> Option<(&mut Poller, &mut Lane<DeliveryId>)> {
        let place = self.places.get_mut(index)?;
        place.poller.as_mut().zip(place.lane.as_mut())
    }

    /// Whether some poll has waited long for its request.
    pub(super) fn has_overdue_poll(&self, now: Timestamp) -> bool {
        let mut pollers = self.places.iter().filter_map(|it| it.poller.as_ref());
        pollers.any(|it| it.is_overdue(now))
    }

    /// The document of a delivery, while it is in memory.
    pub(super) fn document(&self, delivery: DeliveryId) -> Option<Arc<contract::Document>> {
        let id = self.document_of.get(&delivery)?;
        self.documents.documents.get(id).cloned()
    }

    /// Decides what follows from an attempt; the records say it.
    pub(super) fn ended(
        &mut self,
        partner: &PartnerName,
        ended: Ended,
        now: Timestamp,
        hands: &dyn Hands,
    ) -> Option<Record> {
        let place = self.place(partner)?;
        let (schedule, lane) = (place.schedule.clone(), place.lane.as_mut()?);
        let mut moved = None;
        for outcome in &ended.calls {
            let transition = lane.exchanged(ended.delivery, *outcome, now, hands.random());
            moved = transition.or(moved);
        }
        let delivery = ended.delivery;
        let lane_moved = decide::Moved {
            breaker: moved.as_ref(),
            held: lane
                .held(now)
                .filter(|held| place.recorded_hold != Some(held.until)),
        };
        let (record, finish) =
            decide::outcome(partner, ended, &lane_moved, &schedule, now, hands.random());
        if let Some(Record::Attempted(attempted)) = &record {
            place.recorded_hold = attempted.held_until.or(place.recorded_hold);
        }
        lane.finished(delivery, finish);
        if matches!(finish, Finish::Done | Finish::Dropped) {
            self.document_of.remove(&delivery);
        }
        record
    }

    /// Moves a breaker by hand.
    pub(super) fn breaker(
        &mut self,
        partner: &PartnerName,
        command: BreakerCommand,
        now: Timestamp,
    ) -> Option<breaker::State> {
        let lane = self.place(partner)?.lane.as_mut()?;
        let breaker = lane.breaker_mut();
        match command {
            BreakerCommand::Open => breaker.force_open(now),
            BreakerCommand::Close => breaker.force_closed(now),
            BreakerCommand::Reset => breaker.reset(now),
        };
        Some(*breaker.state())
    }

    pub(super) fn status(&self, now: Timestamp) -> Vec<LaneStatus> {
        let status = |place: &Place| LaneStatus {
            partner: place.partner.name.clone(),
            undecoded: place.inbox.len(),
            waiting: place.lane.as_ref().map_or(0, Lane::waiting),
            in_flight: place.lane.as_ref().map_or(0, Lane::in_flight),
            oldest_waiting_since: place.lane.as_ref().and_then(Lane::oldest_waiting),
            held: place.lane.as_ref().and_then(|lane| lane.held(now)),
            breaker: place.lane.as_ref().map(|lane| *lane.breaker().state()),
            poll: place.poller.as_ref().map(Poller::status),
        };
        self.places.iter().map(status).collect()
    }

    fn place(&mut self, partner: &PartnerName) -> Option<&mut Place> {
        let index = self.index.get(partner)?;
        self.places.get_mut(*index)
    }
}

// === impl Kept ===

impl Kept {
    fn keep(&mut self, id: DocumentId, document: contract::Document) {
        self.documents.insert(id, Arc::new(document));
        self.order.push_back(id);
        while self.order.len() > DOCUMENTS_KEPT_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.documents.remove(&oldest);
            }
        }
    }
}

// === impl Knowing ===

impl Known for Knowing<'_> {
    fn identity(&self, key: &Digest) -> Option<IdentityRow> {
        let known = self.identities.get(key).copied();
        known
            .or_else(|| self.view.identity(key))
            .filter(|row| row.at >= self.since)
    }

    fn thread(&self, business_key: &str) -> Option<CorrelationId> {
        let known = self.threads.get(business_key).cloned();
        known.or_else(|| Some(self.view.thread(business_key)?.correlation_id))
    }

    fn correlation_of(&self, delivery: DeliveryId) -> Option<CorrelationId> {
        Some(self.view.delivery(delivery)?.correlation_id)
    }

    fn is_unanswered(&self, delivery: DeliveryId) -> bool {
        let row = self.view.delivery(delivery);
        row.is_some_and(|row| row.acknowledgement.holds.is_none())
    }

    fn last_sent(&self, to: &PartnerName, kind: &str, business_key: &str) -> Option<DeliveryId> {
        self.view.last_sent(to, kind, business_key)
    }

    fn seen(&self, series: &Digest, number: &str) -> Option<SeenRow> {
        let known = self.numbers.get(&(*series, number.to_owned())).copied();
        known
            .or_else(|| self.view.seen(series, number))
            .filter(|row| row.at >= self.since)
    }

    fn series(&self, series: &Digest) -> Option<SeriesRow> {
        let known = self.series.get(series).copied();
        known
            .or_else(|| self.view.series(series))
            .filter(|row| row.at >= self.since)
    }

    fn terms(&self, partner: &PartnerName) -> &Terms {
        let index = self.index.get(partner);
        index.map_or(self.no_terms, |index| &self.places[*index].partner.terms)
    }

    fn delivery_by_control(&self, partner: &PartnerName, number: u64) -> Option<DeliveryId> {
        self.view.delivery_by_control(partner, number)
    }

    fn control_number(&mut self, partner: &PartnerName) -> u64 {
        let Some(index) = self.index.get(partner) else {
            return 0;
        };
        let place = &mut self.places[*index];
        place.control_number += 1;
        place.control_number
    }

    fn deliveries_of(&self, message: MessageId) -> u32 {
        self.ordinals.last(self.view, message)
    }

    fn origin(&self, partner: &PartnerName) -> Option<Origin> {
        self.roles.origin(partner)
    }

    fn acknowledged(&self, partner: &PartnerName) -> bool {
        self.index.get(partner).is_some_and(|index| {
            let partner = &self.places[*index].partner;
            partner.acknowledge && partner.endpoint.is_some()
        })
    }
}

/// An accepted message, read back from the journal.
pub(super) fn load(
    journal: &dyn Reader,
    sequence: Sequence,
) -> Result<Journaled<RawMessage>, LoadError> {
    match read(journal, sequence)? {
        Record::Accepted(message) => Ok(Journaled::new(sequence, message)),
        _ => Err(LoadError::Kind(sequence)),
    }
}

/// A record, read back from the journal.
pub(super) fn read(journal: &dyn Reader, sequence: Sequence) -> Result<Record, LoadError> {
    Ok(Record::from_bytes(&journal.read(sequence)?)?)
}

fn schedule(partner: &Partner) -> Schedule {
    partner
        .endpoint
        .as_ref()
        .map_or(Schedule::standard(), |endpoint| {
            endpoint.config.retry.clone()
        })
}
