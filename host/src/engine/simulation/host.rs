//! One life of the host: the engine, and what lies around it in memory only.

use std::{sync::Arc, time::Duration};

use super::{hands::Desk, settings::Settings};
use crate::{
    clock::{Clock, Timestamp},
    engine::{Config, Engine, Event, Feed, Parts, retention::Rounds},
    journal::{Committed, MemoryStore, Observer, Sequence},
    message::chance::Dice,
    metrics::Metrics,
    record::Record,
    route::Table,
    view::View,
};

/// Guest threads: as many messages may be read at once, twice as many wait for it.
const THREADS: usize = 2;

/// How often the host looks for rows to give up: hourly as in service, a story would do
/// little else.
const HOUSE_EVERY: Duration = Duration::from_secs(6 * 3_600);

/// See the module.
pub(super) struct Host {
    pub(super) engine: Engine,
    pub(super) desk: Desk,
    /// When the engine wants to look again.
    pub(super) wake: Timestamp,
    observer: Observer<Record>,
    /// Rows are given up no earlier.
    house_at: Timestamp,
}

// === impl Host ===

impl Host {
    /// Starts with what the view and the journal know.
    pub(super) fn start(clock: &Clock, store: &MemoryStore, view: &View, dice: &mut Dice) -> Self {
        let settings = Settings::get();
        let feed = Feed::new(0);
        let observer = feed.observer();
        let parts = Parts {
            clock: clock.clone(),
            view: view.clone(),
            journal: Arc::new(store.clone()),
            threads: THREADS,
            metrics: Arc::new(Metrics::default()),
            partners: Arc::clone(&settings.partners),
            table: Table::default(),
            policy: Arc::clone(&settings.policy),
            // A partner may have all of them: nobody waits for a turn.
            config: Config {
                guest_calls_per_partner_max: Some(2 * THREADS),
                ..Config::default()
            },
            retention: None::<Duration>,
        };
        let desk = Desk::new(dice.apart());
        let (engine, _) = Engine::with_hands(parts, Box::new(desk.clone()), feed);
        Self {
            engine,
            desk,
            wake: clock.now(),
            observer,
            house_at: clock.now(),
        }
    }

    /// The engine does all that it can do now.
    pub(super) fn turn(&mut self) {
        let now = self.engine.parts.clock.now();
        let is_due = self.engine.rounds.due().is_some_and(|due| due <= now);
        if is_due && now < self.house_at {
            self.engine.rounds = Rounds::new(self.house_at);
        } else if is_due {
            self.house_at = now.plus(HOUSE_EVERY);
        }
        self.wake = self.engine.turn();
    }

    /// Whether the engine has something to hear.
    pub(super) fn has_news(&self) -> bool {
        !self.engine.receiver.is_empty()
    }

    /// The engine hears some of what there is, and turns.
    pub(super) fn hear(&mut self, count: usize) {
        for _ in 0..count {
            match self.engine.receiver.try_recv() {
                Ok(event) => self.engine.take_up(event),
                Err(_) => break,
            }
        }
        self.turn();
    }

    /// Something for the engine to hear.
    pub(super) fn tell(&self, event: Event) {
        assert!(self.engine.events.send(event).is_ok(), "it listens");
    }

    /// A record is durable and in the view.
    pub(super) fn observe(&mut self, sequence: Sequence, record: &Arc<Record>, bytes_len: usize) {
        (self.observer)(&Committed {
            sequence,
            value: Arc::clone(record),
            bytes_len,
        });
    }

    /// Whether everything that was handed out is done, and nothing waits.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        let given = self.desk.given();
        let lanes = self.engine.state.status(now);
        given.commits.is_empty()
            && given.reads.is_empty()
            && given.attempts.is_empty()
            && self.engine.unsent == 0
            && !self.has_news()
            && !self.engine.stage.is_busy()
            && lanes
                .iter()
                .all(|it| it.undecoded + it.waiting + it.in_flight == 0)
    }
}
