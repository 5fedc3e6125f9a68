//! What is given up as time passes: rows that are no longer known again, and, where a
//! retention is set, whole segments of the journal.
//!
//! Rows go a few at a time, by a record each, so that a rebuild gives up the same.
//! Before records go, what they add up to is put into such a record: a view that is
//! built from the rest then says the same of all that is left. Tables that are still
//! needed are put into records anew, one each.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Engine, Event};
use crate::{
    clock::Timestamp,
    journal::{self, Reader, Sequence},
    message::PartnerName,
    record::{GivenUp, Record, Standing, Swept, Unreadable},
    tables,
    view::{self, View},
};

/// How often all rows are looked at.
const PASS_EVERY: Duration = Duration::from_secs(3_600);
/// When the first pass begins after a start: not among the work of starting.
const FIRST_PASS: Duration = Duration::from_secs(60);
/// How often some of them are, during a pass.
const STEP_EVERY: Duration = Duration::from_secs(1);
/// How many rows are looked at in one step: a few milliseconds of the committer's time.
const ROWS_MAX: u32 = 2_000;

/// How many instances of processes are said again at once.
const INSTANCES_MAX: usize = 1_000;

/// When what is done.
#[derive(Debug)]
pub(super) struct Rounds {
    due: Timestamp,
    /// What the journal could give up is being found out, or a step is on its way.
    busy: bool,
    /// A pass has begun and is not over.
    passing: bool,
    /// The next pass follows soon: there was more to be said again than fits one.
    hurried: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// A pass begins: find out what the journal can give up.
    Survey,
    /// Look at some more rows.
    Step,
}

/// What a survey found.
#[derive(Default)]
pub(super) struct Found {
    /// What the journal can give up.
    pub(super) given_up: Option<GivenUp>,
    /// Records that say again what is needed of it.
    pub(super) carried: Vec<Record>,
    /// Instances of processes that have to be said again as they stand.
    pub(super) instances: Vec<(String, String)>,
}

/// The old part of the journal can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error("record {0}: {1}")]
    Record(Sequence, Unreadable),
    #[error(transparent)]
    Table(#[from] tables::ReadError),
}

// === impl Engine ===

impl Engine {
    /// Gives up what is too old to matter, when the time for that has come.
    pub(super) fn keep_house(&mut self, now: Timestamp) {
        match (self.rounds.next(now), self.parts.retention) {
            (Due::Nothing, _) => {}
            (Due::Step, _) | (Due::Survey, None) => self.sweep(None, now),
            (Due::Survey, Some(retention)) => {
                let since = now.minus(retention);
                let (view, journal) = (self.parts.view.clone(), Arc::clone(&self.parts.journal));
                let (events, replays) = (self.events.clone(), self.replays);
                tokio::task::spawn_blocking(move || {
                    let found = found(&view, journal.as_ref(), since, now)
                        .inspect_err(
                            |error| tracing::error!(%error, "old records can't be given up"),
                        )
                        .unwrap_or_default();
                    drop(events.send(Event::Surveyed(found, replays)));
                });
            }
        }
    }

    /// What must outlive its record goes to the journal again before that is given up.
    pub(super) fn surveyed(&mut self, found: Found, replays: u64) {
        // What was replayed meanwhile may need what was found to be needless.
        let mut given_up = found.given_up.filter(|_| replays == self.replays);
        for record in found.carried {
            if let Err(error) = self.commit(&Arc::new(record)) {
                tracing::error!(%error, "a table can't be carried over; old records stay");
                given_up = None;
            }
        }
        if !self.carry(&found.instances) {
            given_up = None;
        }
        self.rounds.hurried = found.instances.len() >= INSTANCES_MAX;
        self.sweep(given_up, self.parts.clock.now());
    }

    pub(super) fn sweep(&mut self, given_up: Option<GivenUp>, now: Timestamp) {
        self.commit_or_log(Record::Swept(Swept {
            at: now,
            known_since: self.parts.config.known_since(now),
            rows_max: ROWS_MAX,
            given_up,
        }));
    }

    pub(super) fn swept(&mut self, swept: &Swept) {
        let now = self.parts.clock.now();
        self.rounds.stepped(now, self.parts.view.is_sweeping());
        if let Some(given_up) = &swept.given_up {
            tracing::info!(before = %given_up.before, since = %given_up.since, "the journal gives up its oldest records");
            self.hands.give_up_before(given_up.before);
        }
    }
}

// === impl Rounds ===

impl Rounds {
    /// The first pass comes soon after the start; one that a stop cut short goes on
    /// then.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            due: now.plus(FIRST_PASS),
            busy: false,
            passing: false,
            hurried: false,
        }
    }

    /// What is to be done now; the caller does it.
    pub(super) fn next(&mut self, now: Timestamp) -> Due {
        if self.busy || now < self.due {
            return Due::Nothing;
        }
        self.busy = true;
        if self.passing {
            Due::Step
        } else {
            self.passing = true;
            Due::Survey
        }
    }

    /// When to ask again; never while something is being done.
    pub(super) fn due(&self) -> Option<Timestamp> {
        (!self.busy).then_some(self.due)
    }

    /// A step is durable; `more` when there are rows left to look at.
    pub(super) fn stepped(&mut self, now: Timestamp, more: bool) {
        self.busy = false;
        self.passing = more;
        self.due = now.plus(if more || self.hurried {
            STEP_EVERY
        } else {
            PASS_EVERY
        });
    }
}

/// What the journal can give up, and what must be said again before: when that is too
/// much at a time, nothing is given up yet.
pub(super) fn found(
    view: &View,
    reader: &dyn Reader,
    since: Timestamp,
    now: Timestamp,
) -> Result<Found, Error> {
    let given_up = survey(view, reader, since)?;
    let Some(before) = given_up.as_ref().map(|it| it.before) else {
        return Ok(Found::default());
    };
    let (carried, complete) = tables::carried(view, reader, before, now)?;
    let instances = view.instances_to_carry(before, INSTANCES_MAX);
    let complete = complete && instances.len() < INSTANCES_MAX;
    Ok(Found {
        given_up: given_up.filter(|_| complete),
        carried,
        instances,
    })
}

/// What the journal can give up: the whole segments at its beginning all of whose
/// records are older than `since` and about nothing that is still open. Reads them all;
/// call it where that may take a while.
pub(super) fn survey(
    view: &View,
    reader: &dyn Reader,
    since: Timestamp,
) -> Result<Option<GivenUp>, Error> {
    let needed = view.needed_from();
    let from = view.kept().map_or(Sequence::ZERO.next(), |it| it.before);
    let mut partners = view.base();
    let mut found = None;
    for entry in reader.replay(from) {
        let (sequence, bytes) = entry?;
        if sequence > from && reader.boundary(sequence) == sequence {
            found = Some(given_up(sequence, since, &partners));
        }
        let record = Record::from_bytes(&bytes).map_err(|error| Error::Record(sequence, error))?;
        if needed.is_some_and(|needed| sequence >= needed) || record.at() >= since {
            break;
        }
        view::tally(&mut partners, &record);
    }
    Ok(found)
}

fn given_up(
    before: Sequence,
    since: Timestamp,
    partners: &BTreeMap<PartnerName, Standing>,
) -> GivenUp {
    GivenUp {
        before,
        since,
        partners: partners
            .iter()
            .map(|(name, standing)| (name.clone(), standing.clone()))
            .collect(),
    }
}

#[cfg(test)]
mod tests;
