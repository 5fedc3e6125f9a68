//! Processes: documents, timers, outcomes and people move instances, one step at a time.
//!
//! ```text
//! records leave work ─► one step for each instance ─► one record ─► deliveries, timers
//! ```
//!
//! What is to be done stands in the view until the record of its steps takes it away, so
//! that a stop between the two does it again: the same input twice changes nothing. The
//! states of instances that move are kept in memory, ahead of the view by the records on
//! their way.

mod carried;
mod carry;
mod instances;
mod letters;
mod notice;
mod roles;
mod stage;
mod supply;

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use self::{
    carry::{Building, Deed},
    letters::Letters,
};
pub(super) use self::{letters::Fresh, roles::Roles, stage::Stage};
use super::Engine;
use crate::{
    clock::Timestamp,
    contract,
    deliver::lane::{Entry, OrderKey},
    failpoint,
    journal::{CommitError, Sequence},
    message::{DeliveryId, PartnerName},
    process::{Body, Delivered, Input, Received, exception::Action},
    record::{Cause, Level, Record, Step, StepRefused, Stepped, Verdict},
    view::{DeliveryRow, DeliveryStatus, Waiting, Work},
};

/// Pieces of work that are done before the engine looks elsewhere.
const AT_ONCE: usize = 64;
/// How long the engine stays with them.
const TURN: Duration = Duration::from_millis(20);
/// Records of one piece of work that are made before the engine looks elsewhere.
const RECORDS_AT_ONCE: usize = 4;
/// Instances that take their steps in one record.
const STEPS_A_RECORD: usize = 64;

/// What somebody wants of an instance.
#[derive(Clone, Debug)]
pub enum Deal {
    /// Act on an exception.
    Resolve {
        /// Which.
        exception: String,
        /// What to do.
        action: Action,
        /// Who asks.
        by: String,
        /// What they say about it.
        note: Option<String>,
        /// Only if the instance's last step is this one's.
        only_at: Option<Sequence>,
    },
    /// Bring an instance to another version of its process.
    Migrate {
        /// The process.
        process: String,
        /// The instance's key.
        key: String,
        /// To which version.
        to: u32,
        /// Who asks.
        by: String,
        /// Only if the instance's last step is this one's.
        only_at: Option<Sequence>,
    },
}

/// Why an instance did not do what somebody wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DealError {
    /// There is no such exception or instance.
    #[error("there is no {0}")]
    Unknown(String),
    /// The instance has moved since.
    #[error("the instance has moved since; its last step is {0}")]
    Moved(Sequence),
    /// Steps of the instance are on their way; ask again.
    #[error("the instance is moving; ask again")]
    Moving,
    /// The process refuses.
    #[error("{}", .0.text)]
    Refused(StepRefused),
    /// The instance can't be continued.
    #[error("{0}")]
    Broken(String),
}

/// Who hears of the end of a deal.
pub(super) type DealAnswer = oneshot::Sender<Result<Sequence, DealError>>;

// === impl Engine ===

impl Engine {
    /// Has instances take the steps that are due, and says when to look again.
    pub(super) fn step_processes(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.stage.fetch(&self.parts.view);
        let until = self.parts.clock.now().plus(TURN);
        for _ in 0..AT_ONCE {
            // What finds no room in the journal is not added to.
            if self.unsent > 0 || self.parts.clock.now() > until {
                break;
            }
            let Some(waiting) = self.stage.next_work() else {
                break;
            };
            self.work(&waiting, now);
        }
        let due = self.ring(now);
        if self.stage.is_busy() {
            return Some(now);
        }
        due
    }

    fn work(&mut self, waiting: &Waiting, now: Timestamp) {
        match &waiting.work {
            Work::Document { .. } => self.take_in(waiting, now),
            Work::Outcome(delivery) | Work::Rejected(delivery) => {
                self.outcome(waiting, *delivery, now);
            }
            Work::Availability { partner, available } => {
                self.availability(waiting, partner, *available, now);
            }
        }
    }

    /// A partner stopped answering, or answers again: the orders that wait for it hear.
    fn availability(
        &mut self,
        waiting: &Waiting,
        partner: &PartnerName,
        available: bool,
        now: Timestamp,
    ) {
        let Some((keys, left)) = self.stage.concerned(waiting, partner, available) else {
            return self.give_up(waiting, now);
        };
        let waiting = Waiting {
            left,
            ..waiting.clone()
        };
        let cause = Cause::Availability {
            partner: partner.clone(),
            available,
        };
        let node = self.stage.roles.node_of(partner).map(str::to_owned);
        let identity = format!("availability/{}/{available}", waiting.id().sequence);
        let all: Vec<usize> = (0..keys.len()).collect();
        self.in_parts(&waiting, &cause, all, now, |engine, building, index| {
            let input = Input {
                identity: identity.clone(),
                body: Body::Availability {
                    partner: partner.clone(),
                    node: node.clone(),
                    available,
                },
            };
            engine.step(building, "order-to-fulfilment", &keys[index], &input);
        });
    }

    /// A document has each instance that it concerns take a step.
    fn take_in(&mut self, waiting: &Waiting, now: Timestamp) {
        let letters = Letters::new(&self.parts, &self.state);
        let Some(letter) = letters.of(waiting) else {
            // It stays where it waits, and is tried again at the next start.
            tracing::error!(work = ?waiting, "a document that processes wait for can't be read back");
            return;
        };
        let Some(origin) = self.stage.roles.origin(&letter.from) else {
            // The partner has no role any more.
            return self.give_up(waiting, now);
        };
        let cause = Cause::Document {
            document: letter.id,
            from: letter.from.clone(),
            document_kind: Some(contract::kind(&letter.document).to_owned()),
        };
        let addresses = crate::process::addresses(&letter.document, &origin);
        self.in_parts(waiting, &cause, addresses, now, |engine, building, it| {
            building.about(&letter);
            let input = Input {
                identity: letter.identity.clone(),
                body: Body::Document(Received {
                    id: letter.id,
                    from: &origin,
                    document: &letter.document,
                    lines: it.lines.as_deref(),
                }),
            };
            engine.step(building, it.process, &it.key, &input);
        });
    }

    /// A delivery has ended, and with it perhaps the command.
    fn outcome(&mut self, waiting: &Waiting, delivery: DeliveryId, now: Timestamp) {
        let row = self.parts.view.delivery(delivery);
        let Some(command) = row.and_then(|row| row.command) else {
            return self.give_up(waiting, now);
        };
        let all =
            self.parts
                .view
                .sent_by(&command.process, &command.key, Some(&command.dedupe_key));
        let rows: Vec<_> = all
            .into_iter()
            .filter_map(|id| self.parts.view.delivery(id))
            .collect();
        let Some(result) = end_of(&rows) else {
            return self.give_up(waiting, now);
        };
        let cause = Cause::Outcome { delivery };
        let input = Input {
            identity: format!("{}/{}", command.dedupe_key, waiting.id().sequence),
            body: Body::Outcome {
                dedupe_key: command.dedupe_key.clone(),
                result,
            },
        };
        self.in_parts(waiting, &cause, vec![()], now, |engine, building, ()| {
            engine.step(building, &command.process, &command.key, &input);
        });
    }

    /// Work that moves nobody.
    fn give_up(&mut self, waiting: &Waiting, now: Timestamp) {
        let cause = match waiting.work.clone() {
            Work::Document { document, from } => Cause::Document {
                document,
                from,
                document_kind: None,
            },
            Work::Outcome(delivery) | Work::Rejected(delivery) => Cause::Outcome { delivery },
            Work::Availability { partner, available } => Cause::Availability { partner, available },
        };
        self.in_parts(waiting, &cause, Vec::<()>::new(), now, |_, _, ()| {});
    }

    /// Has each of `all` take its step, in records of a bounded size.
    fn in_parts<T>(
        &mut self,
        waiting: &Waiting,
        cause: &Cause,
        all: Vec<T>,
        now: Timestamp,
        mut step: impl FnMut(&mut Self, &mut Building, T),
    ) {
        let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let mut left = waiting.left.unwrap_or(count).min(count);
        let mut all = all.into_iter().skip((count - left) as usize);
        for _ in 0..RECORDS_AT_ONCE {
            let mut building = Building::new(cause.clone(), now);
            building.because_of(waiting.id());
            for it in all.by_ref().take(STEPS_A_RECORD) {
                step(self, &mut building, it);
                left -= 1;
            }
            building.leaves(left);
            self.record(building);
            if left == 0 {
                return;
            }
        }
        // The rest has its turn before anything else of the stage's.
        self.stage.put_back(Waiting {
            left: Some(left),
            ..waiting.clone()
        });
    }

    /// Timers that are due wake their instances.
    fn ring(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.stage.next_timer.is_none_or(|due| due > now) {
            return self.stage.next_timer;
        }
        let due = self.parts.view.due_timers(now, AT_ONCE);
        let until = self.parts.clock.now().plus(TURN);
        for timer in &due {
            // What finds no room in the journal is not added to.
            if self.unsent > 0 || self.parts.clock.now() > until {
                break;
            }
            // What is on its way may clear it.
            if self.stage.instances.is_moving(&timer.process, &timer.key) {
                continue;
            }
            let cause = Cause::Timer {
                process: timer.process.clone(),
                key: timer.key.clone(),
                name: timer.name.clone(),
                due: timer.due,
            };
            let input = Input {
                identity: format!("{}@{}", timer.name, timer.due.as_millis()),
                body: Body::Timer {
                    name: timer.name.clone(),
                },
            };
            let mut building = Building::new(cause, now);
            self.step(&mut building, &timer.process, &timer.key, &input);
            self.record(building);
        }
        // Those that wait for a record are looked at when it is durable.
        self.stage.next_timer = if due.is_empty() {
            self.parts.view.next_timer()
        } else {
            Some(now.plus(super::COMMIT_AGAIN))
        };
        self.stage.next_timer
    }

    /// Makes the record of steps, and hands it to the journal.
    /// False when it does not fit.
    fn record(&mut self, building: Building) -> bool {
        let deals = building.deed;
        let record = Arc::new(Record::Stepped(building.stepped));
        failpoint::hit("process-before-record");
        match self.commit(&record) {
            Ok(()) => {
                if let Record::Stepped(stepped) = &*record {
                    self.stage.sent(stepped);
                    self.state.ordinals.sent(&stepped.deliveries);
                }
                if let Some(Deed { answer }) = deals {
                    self.stage.answers.push_back((Arc::clone(&record), answer));
                }
                true
            }
            Err(error) => {
                tracing::error!(%error, "the steps of processes do not fit the journal; nothing comes of them");
                let Record::Stepped(stepped) = &*record else {
                    return false;
                };
                self.stage.take_back(building.before);
                self.state.ordinals.taken_back(&stepped.deliveries);
                if let Some(Deed { answer }) = deals {
                    let broken = DealError::Broken(error.to_string());
                    drop(answer.send(Err(broken)));
                }
                if stepped.work.is_some() || matches!(stepped.cause, Cause::Timer { .. }) {
                    let steps = self.too_large(stepped, &error);
                    let instead = Stepped {
                        steps,
                        deliveries: Vec::new(),
                        reports: Vec::new(),
                        ..stepped.clone()
                    };
                    self.stage.sent(&instead);
                    self.commit_or_log(Record::Stepped(instead));
                }
                false
            }
        }
    }

    /// Steps that do not fit, as refused ones of the instances that there are.
    fn too_large(&self, stepped: &Stepped, error: &CommitError) -> Vec<Step> {
        let known = |it: &&Step| self.parts.view.instance(&it.process, &it.key).is_some();
        let steps = stepped.steps.iter().filter(known);
        let refused = steps.map(|it| Step {
            state: bytes::Bytes::new(),
            waits: Vec::new(),
            facts: Vec::new(),
            commands: Vec::new(),
            events: Vec::new(),
            refused: Some(StepRefused {
                code: "record-too-large".to_owned(),
                text: error.to_string(),
            }),
            ..it.clone()
        });
        refused.collect()
    }

    /// Steps are durable and in the view: their deliveries may go.
    pub(super) fn stepped(&mut self, sequence: Sequence, stepped: &Stepped) {
        failpoint::hit("process-after-record");
        self.stage.committed(sequence, stepped);
        self.state.ordinals.committed(&stepped.deliveries);
        for queued in &stepped.deliveries {
            self.state.line_up(
                &queued.to,
                Entry {
                    id: queued.id,
                    key: Some(OrderKey::of(&queued.business_key)),
                    queued_at: stepped.at,
                    due: stepped.at,
                    attempts: 0,
                },
            );
        }
        while let Some((record, _)) = self.stage.answers.front() {
            let is_this = matches!(&**record, Record::Stepped(it) if it.at == stepped.at && it.cause == stepped.cause);
            if !is_this {
                break;
            }
            if let Some((_, answer)) = self.stage.answers.pop_front() {
                drop(answer.send(Ok(sequence)));
            }
        }
    }

    /// Somebody wants something of an instance.
    pub(super) fn deal(&mut self, deal: Deal, answer: DealAnswer) {
        let now = self.parts.clock.now();
        let done = match deal {
            Deal::Resolve {
                exception,
                action,
                by,
                note,
                only_at,
            } => {
                let found = self.parts.view.exception(&exception);
                let Some(row) = found else {
                    drop(answer.send(Err(DealError::Unknown(format!("exception {exception}")))));
                    return;
                };
                let (process, key) = (row.process, row.exception.key);
                let moved = self
                    .stage
                    .moved_since(&self.parts.view, &process, &key, only_at);
                if let Err(error) = moved {
                    drop(answer.send(Err(error)));
                    return;
                }
                let input = Input {
                    identity: format!("action/{exception}/{}/{by}", now.as_millis()),
                    body: Body::Action {
                        exception: exception.clone(),
                        action,
                        by: by.clone(),
                    },
                };
                let cause = Cause::Action {
                    exception,
                    action,
                    by,
                    note,
                };
                let mut building = Building::new(cause, now);
                self.step(&mut building, &process, &key, &input);
                building
            }
            Deal::Migrate {
                process,
                key,
                to,
                by,
                only_at,
            } => {
                let (stage, view) = (&mut self.stage, &self.parts.view);
                let moved = stage.moved_since(view, &process, &key, only_at);
                match moved.and_then(|()| stage.migrate(view, &process, &key, to, by, now)) {
                    Ok(building) => building,
                    Err(error) => {
                        drop(answer.send(Err(error)));
                        return;
                    }
                }
            }
        };
        let refused = done.stepped.steps.first().and_then(|it| it.refused.clone());
        if let Some(refused) = refused {
            self.stage.take_back(done.before);
            self.state.ordinals.taken_back(&done.stepped.deliveries);
            drop(answer.send(Err(DealError::Refused(refused))));
            return;
        }
        let mut building = done;
        building.deed = Some(Deed { answer });
        self.record(building);
    }
}

/// The end of a command whose deliveries stand so; none while one is under way.
fn end_of(rows: &[DeliveryRow]) -> Option<Delivered> {
    let mut done = None;
    for row in rows {
        let dead = match (&row.status, &row.failure) {
            (DeliveryStatus::Dead { .. }, failure) => {
                let failure = failure.as_ref();
                Some(Delivered::Dead {
                    code: failure.map_or_else(String::new, |it| it.code.clone()),
                    text: failure.map_or_else(String::new, |it| it.text.clone()),
                    refused: failure
                        .is_some_and(|it| it.blame == "partner-data" || it.code == "rejected"),
                })
            }
            _ => rejection(row),
        };
        match (&row.status, dead) {
            (_, Some(dead)) => return Some(dead),
            (DeliveryStatus::Delivered | DeliveryStatus::AlreadyDelivered, None) => {
                let known = done.take();
                let external_id = row.external_id.clone();
                done = Some(known.unwrap_or(Delivered::Done { external_id }));
            }
            _ => return None,
        }
    }
    done
}

/// What a receiver says of a delivery that it got and can't use. What it says of the
/// business is a document of its own.
fn rejection(row: &DeliveryRow) -> Option<Delivered> {
    let held = &row.acknowledgement;
    let is_rejected = held.holds == Some(Verdict::Rejected) && held.level != Level::Business;
    is_rejected.then(|| {
        let said = held.said.last().map_or("", |it| it.verdict.as_str());
        Delivered::Dead {
            code: "rejected".to_owned(),
            text: format!("the receiver got it and rejected it: {said}"),
            refused: true,
        }
    })
}
