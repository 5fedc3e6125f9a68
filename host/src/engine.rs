//! The engine: the one place that moves messages from stage to stage.
//!
//! ```text
//! accepted ─► inbox ─► decode (guest) ─► settle ─► journal ─► lane ─► conversation
//!                                                                        │
//!                                      journal ◄─ decide ◄───────────────┘
//! ```
//!
//! Its state is a fold over committed records, so that a restart continues where
//! the journal ends. It is one task and never blocks: guests run on their own
//! threads, conversations are tasks of their own, and the journal is written by the
//! committer. Stages know nothing of each other; only what is here calls them.

mod commits;
mod conversation;
mod decide;
mod earlier;
mod handle;
mod hands;
mod inbox;
mod log;
mod ordinals;
mod polling;
mod processes;
mod reading;
mod rerun;
mod retention;
mod settle;
#[cfg(test)]
mod simulation;
mod state;
mod turn;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use self::{
    commits::Unanswered,
    conversation::{Attempt, Ended, Surroundings},
    handle::Command,
    hands::{Hands, Machine},
    polling::PollEvent,
    processes::Stage,
    retention::Rounds,
    settle::Reading,
    state::State,
};
pub use self::{
    handle::{BreakerCommand, Handle, LaneStatus, PollRun, Replay, Stopped},
    polling::{Ended as PollEnded, From as PollFrom, Poll},
    processes::{Deal, DealError},
    rerun::{Place, Rerun, RerunError},
    state::Config,
};
use crate::{
    clock::{Clock, Timestamp},
    deliver::lane::{Dispatch, Next},
    failpoint,
    journal::{Committer, Observer, Reader, Sequence},
    message::{DeliveryId, Journaled, MessageId, PartnerName, RawMessage},
    metrics::Metrics,
    partner::Partners,
    process::Policy,
    record::{Attempted, Outcome, Record, Replayed, Subject},
    registry::Registry,
    route::Table,
    sandbox::{Limits, Pool},
    view::View,
};

/// Events taken up before the next decision.
const EVENTS_AT_ONCE: usize = 256;
/// How soon a commit is tried again that found no room.
const COMMIT_AGAIN: Duration = Duration::from_millis(100);
/// How long the engine sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// What the engine works with.
pub struct Parts {
    /// The present.
    pub clock: Clock,
    /// Where rows are.
    pub view: View,
    /// Where records are.
    pub journal: Arc<dyn Reader>,
    /// How many threads there are for guests.
    pub threads: usize,
    /// Where is counted what happens.
    pub metrics: Arc<Metrics>,
    /// Partners.
    pub partners: Arc<Partners>,
    /// Where documents go.
    pub table: Table,
    /// What the business wants of its processes.
    pub policy: Arc<Policy>,
    /// How it works.
    pub config: Config,
    /// For how long records are kept; for ever if absent.
    pub retention: Option<Duration>,
}

/// What does the work that the engine hands out.
pub struct Tools {
    /// Where records go.
    pub committer: Committer<Record>,
    /// Adapters.
    pub registry: Arc<Registry>,
    /// Threads for them.
    pub pool: Arc<Pool>,
    /// What a guest may use.
    pub limits: Limits,
}

/// What the engine hears.
pub(in crate::engine) enum Event {
    /// A record is durable and in the view.
    Committed(Sequence, Arc<Record>),
    /// A message's turn to be decoded has come.
    Turn(Journaled<RawMessage>, OwnedSemaphorePermit),
    /// A guest has read a message.
    Read {
        partner: PartnerName,
        sequence: Sequence,
        reading: Reading,
    },
    /// An attempt ended.
    Ended(PartnerName, Box<Ended>),
    /// An operator wants something.
    Command(Command),
    /// A poll wants something, or is over.
    Poll(PartnerName, PollEvent),
    /// It is known what the journal can give up, as far as no replay came in between.
    Surveyed(retention::Found, u64),
    /// A record may have left work for processes.
    Work,
}

/// Tells the engine what is durable; made before the committer, which needs it.
pub struct Feed {
    events: mpsc::UnboundedSender<Event>,
    receiver: mpsc::UnboundedReceiver<Event>,
    backlog: Backlog,
    /// Whether deliveries that end may be what processes wait for.
    has_processes: bool,
}

/// How many accepted messages wait to be decoded: what load is shed by.
#[derive(Clone, Debug, Default)]
pub struct Backlog(Arc<AtomicI64>);

/// The engine.
pub struct Engine {
    parts: Parts,
    hands: Box<dyn Hands>,
    state: State,
    stage: Stage,
    events: mpsc::UnboundedSender<Event>,
    receiver: mpsc::UnboundedReceiver<Event>,
    /// Records on their way to the journal, oldest first.
    unanswered: VecDeque<Unanswered>,
    /// How many of them the committer has not taken yet.
    unsent: usize,
    replaying: VecDeque<handle::Paced>,
    rounds: Rounds,
    backlog: Backlog,
    /// How many replays were committed so far.
    replays: u64,
    /// Nothing is decoded before this moment: the guests' pool had no room.
    decode_at: Timestamp,
}

// === impl Feed ===

impl Feed {
    /// A new one, with so many messages waiting already.
    #[must_use]
    pub fn new(waiting: usize) -> Self {
        let (events, receiver) = mpsc::unbounded_channel();
        let backlog = Backlog::default();
        backlog.add(i64::try_from(waiting).unwrap_or(i64::MAX));
        Self {
            events,
            receiver,
            backlog,
            has_processes: true,
        }
    }

    /// The same for a host where nobody has a role and nothing is left of a process.
    #[must_use]
    pub fn without_processes(self) -> Self {
        Self {
            has_processes: false,
            ..self
        }
    }

    /// How many messages wait.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        self.backlog.clone()
    }

    /// What the committer calls for every record. What piles up here is bounded by
    /// the backlog, which the ingress sheds load by.
    pub fn observer(&self) -> Observer<Record> {
        let events = self.events.clone();
        let backlog = self.backlog.clone();
        let has_processes = self.has_processes;
        Box::new(move |committed| {
            let wanted = match *committed.value {
                Record::Accepted(_) => {
                    backlog.add(1);
                    true
                }
                Record::Decoded(_) | Record::Undecodable(_) => {
                    backlog.add(-1);
                    true
                }
                Record::Replayed(Replayed {
                    subject: Subject::Message(_),
                    ..
                }) => {
                    backlog.add(1);
                    true
                }
                Record::Replayed(_) | Record::Swept(_) | Record::Polled(_) | Record::Stepped(_) => {
                    true
                }
                Record::Attempted(ref attempted) => {
                    let ended = !matches!(attempted.outcome, Outcome::Retry { .. });
                    if attempted.breaker.is_some() || (ended && has_processes) {
                        drop(events.send(Event::Work));
                    }
                    false
                }
                Record::BreakerMoved(_) => {
                    drop(events.send(Event::Work));
                    false
                }
                Record::AttemptStarted(_) | Record::TableChanged(_) => false,
            };
            if wanted {
                // When the engine has ended nobody needs it.
                let record = Arc::clone(&committed.value);
                drop(events.send(Event::Committed(committed.sequence, record)));
            }
        })
    }
}

// === impl Backlog ===

impl Backlog {
    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        usize::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0)
    }

    fn add(&self, count: i64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
}

// === impl Engine ===

impl Engine {
    /// An engine that continues what the view says is unfinished.
    #[must_use]
    pub fn new(parts: Parts, tools: Tools, feed: Feed) -> (Self, Handle) {
        let around = Surroundings {
            clock: parts.clock.clone(),
            committer: tools.committer.for_own_work(),
            view: parts.view.clone(),
            journal: Arc::clone(&parts.journal),
            pool: tools.pool,
            limits: tools.limits,
            metrics: Arc::clone(&parts.metrics),
        };
        let partners = Arc::clone(&parts.partners);
        let machine = Machine::new(around, tools.registry, partners, feed.events.clone());
        Self::with_hands(parts, Box::new(machine), feed)
    }

    /// The same, and others do its work.
    fn with_hands(parts: Parts, hands: Box<dyn Hands>, feed: Feed) -> (Self, Handle) {
        let now = parts.clock.now();
        let state = State::recover(&parts, hands.as_ref(), now);
        let handle = Handle::new(feed.events.clone(), state.replies());
        let policy = Arc::clone(&parts.policy);
        let stage = Stage::recover(&parts.view, &parts.partners, policy);
        let mut engine = Self {
            backlog: feed.backlog(),
            parts,
            hands,
            state,
            stage,
            events: feed.events,
            receiver: feed.receiver,
            unanswered: VecDeque::new(),
            unsent: 0,
            replaying: VecDeque::new(),
            rounds: Rounds::new(now),
            replays: 0,
            decode_at: now,
        };
        if let Some(kept) = engine.parts.view.kept() {
            // A stop may have come before it.
            engine.hands.give_up_before(kept.before);
        }
        engine.recover_polls();
        engine.recover_requests();
        (engine, handle)
    }

    /// Works until told to stop. What is under way then is continued at the next
    /// start.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let wake_at = self.turn();
            let now = self.parts.clock.now();
            tokio::select! {
                () = &mut stop => return,
                event = self.receiver.recv() => {
                    let Some(event) = event else { return };
                    self.take_up(event);
                }
                () = tokio::time::sleep(wake_at.since(now).min(IDLE)) => {}
            }
            for _ in 0..EVENTS_AT_ONCE {
                match self.receiver.try_recv() {
                    Ok(event) => self.take_up(event),
                    Err(_) => break,
                }
            }
        }
    }

    fn take_up(&mut self, event: Event) {
        match event {
            Event::Committed(sequence, record) => self.committed(sequence, &record),
            Event::Turn(message, permit) => self.decode(message, permit),
            Event::Read {
                partner,
                sequence,
                reading,
            } => {
                self.state.read(&partner, sequence, reading);
            }
            Event::Ended(partner, ended) => self.ended(&partner, *ended),
            Event::Command(command) => self.command(command),
            Event::Surveyed(found, replays) => self.surveyed(found, replays),
            Event::Poll(partner, event) => self.poll_event(&partner, event),
            Event::Work => self.stage.look(),
        }
    }

    fn committed(&mut self, sequence: Sequence, record: &Arc<Record>) {
        match &**record {
            Record::Accepted(message) => {
                let message = Journaled::new(sequence, message.clone());
                self.taken(&message);
                self.state.accepted(message);
            }
            Record::Polled(polled) => self.polled(polled),
            Record::Decoded(decoded) => {
                self.state.decoded(decoded);
                if decoded.documents.iter().any(|it| it.processed) {
                    self.state.fresh.keep(sequence, record);
                    self.stage.look();
                } else if !decoded.acknowledges.is_empty() {
                    self.stage.look();
                }
            }
            Record::Stepped(stepped) => self.stepped(sequence, stepped),
            Record::Undecodable(it) => self.state.undecodable(it.message),
            Record::Replayed(replayed) => {
                if let Err(error) = self.state.replayed(sequence, replayed, &self.parts) {
                    tracing::error!(dead_letter = %replayed.dead_letter, %error, "a dead letter could not be taken up; it will be at the next start");
                }
            }
            Record::Swept(swept) => self.swept(swept),
            _ => {}
        }
    }

    /// Starts all that can start, and says when to look again.
    fn turn(&mut self) -> Timestamp {
        let now = self.parts.clock.now();
        self.watch_commits();
        self.pace_replays(now);
        if self.unsent > 0 {
            return now.plus(COMMIT_AGAIN);
        }
        self.fetch();
        self.start_decodes(now);
        self.settle_all(now);
        let step_due = self.step_processes(now);
        self.keep_house(now);
        // Deliveries go first, but not for ever.
        let overdue = self.state.has_overdue_poll(now);
        let poll_first = overdue.then(|| self.poll(now)).flatten();
        let due = self.start_attempts(now);
        let poll_due = self.poll(now);
        let replay_due = self.replaying.front().map(|paced| paced.due);
        let watch = (!self.unanswered.is_empty()).then(|| now.plus(COMMIT_AGAIN));
        let decode_due = (self.decode_at > now).then_some(self.decode_at);
        let house_due = self.rounds.due();
        [
            due, step_due, poll_first, poll_due, replay_due, watch, decode_due, house_due,
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(now.plus(IDLE))
    }

    /// Fetches messages that were left in the view.
    fn fetch(&mut self) {
        for (partner, wanted) in self.state.wanted() {
            let pending = self
                .parts
                .view
                .pending(&partner, wanted.after, wanted.limit);
            let mut complete = pending.len() < wanted.limit;
            let mut messages = Vec::with_capacity(pending.len());
            let mut bytes = 0;
            for it in pending {
                if bytes > inbox::BYTES_MAX {
                    complete = false;
                    break;
                }
                if let Some(message) = self.load(it.accepted, it.id) {
                    bytes += message.get().body.len();
                    messages.push((it.place, message));
                }
            }
            self.state.fetched(&partner, messages, complete);
        }
    }

    fn load(&self, sequence: Sequence, id: MessageId) -> Option<Journaled<RawMessage>> {
        state::load(self.parts.journal.as_ref(), sequence)
            .inspect_err(|error| tracing::error!(message = %id, %sequence, %error, "an accepted message can't be read back"))
            .ok()
    }

    /// Makes records of what was read, in the order of acceptance.
    fn settle_all(&mut self, now: Timestamp) {
        while let Some(settled) = self.state.settle(&self.parts, &self.stage.roles, now) {
            failpoint::hit("engine-after-decode");
            let mut settled = settled;
            let mut committed = self.commit(&settled.record);
            if committed.is_err() && Arc::make_mut(&mut settled.record).give_up_log() {
                committed = self.commit(&settled.record);
            }
            match committed {
                Ok(()) => self.state.settled(settled),
                Err(error) => self.commit_or_log(State::too_large(&settled, &error, now)),
            }
        }
    }

    fn start_attempts(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut wake = None;
        for index in 0..self.state.lanes() {
            loop {
                match self.state.next_attempt(index, now) {
                    Next::Dispatch(dispatch) => self.start_attempt(index, &dispatch),
                    Next::WaitUntil(at) => {
                        wake = Some(wake.map_or(at, |wake: Timestamp| wake.min(at)));
                        break;
                    }
                    Next::Idle => break,
                }
            }
        }
        wake
    }

    fn start_attempt(&mut self, index: usize, dispatch: &Dispatch<DeliveryId>) {
        let partner = self.state.lane_partner(index);
        if let Some(transition) = &dispatch.transition {
            self.commit_or_log(decide::breaker_moved(&partner.name, transition));
        }
        // Nothing is dispatched but by a lane, which has one.
        let Some(pace) = self.state.lane_pace(index) else {
            return;
        };
        self.hands.attempt(Attempt {
            delivery: dispatch.id,
            number: dispatch.attempt,
            document: self.state.document(dispatch.id),
            guests: self.state.lane_guests(index),
            pace,
            partner,
        });
    }

    fn ended(&mut self, partner: &PartnerName, ended: Ended) {
        failpoint::hit("engine-before-outcome");
        let now = self.parts.clock.now();
        if let Some(record) = self.state.ended(partner, ended, now, self.hands.as_ref()) {
            self.commit_or_log(record);
        }
    }

    /// The outcome of a delivery is durable: its transport may forget it.
    fn forget(&self, record: &Record) {
        let Record::Attempted(Attempted {
            delivery,
            to,
            outcome,
            ..
        }) = record
        else {
            return;
        };
        let Some(partner) = self.parts.partners.get(to) else {
            return;
        };
        let remembers = partner
            .endpoint
            .as_ref()
            .is_some_and(|it| it.transport.remembers(*delivery));
        if remembers && !matches!(outcome, Outcome::Retry { .. }) {
            let delivery = *delivery;
            tokio::spawn(async move {
                if let Some(endpoint) = &partner.endpoint {
                    endpoint.transport.forget(delivery).await;
                }
            });
        }
    }
}
