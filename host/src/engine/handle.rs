//! How others speak with the engine.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    Deal, DealError, Engine, Event, Poll, PollFrom,
    processes::DealAnswer,
    rerun::{Answer, Place, RERUNS_MAX, Rerun, RerunError},
};
use crate::{
    clock::Timestamp,
    deliver::{breaker, pace::Held},
    journal::Sequence,
    message::{DeadLetterId, MessageId, PartnerName},
    record::{BreakerMoved, Record, Replayed, Reply, Subject},
    view::DeadLetterStatus,
};

/// Speaks with the engine; clones speak with the same one.
#[derive(Clone)]
pub struct Handle {
    events: mpsc::UnboundedSender<Event>,
    replies: Replies,
    /// Places for messages that are run again.
    reruns: Arc<Semaphore>,
}

/// The engine has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host is stopping")]
pub struct Stopped;

/// Dead letters to send round again, in this order.
#[derive(Debug)]
pub struct Replay {
    /// Which, and what they hold.
    pub letters: Vec<(DeadLetterId, Subject)>,
    /// Who asks.
    pub by: String,
    /// How many a second.
    pub per_second: u32,
    /// Whether deliveries forget the exchanges so far.
    pub from_start: bool,
}

/// What became of a run that was asked for.
#[derive(Clone, Debug)]
pub enum PollRun {
    /// It is over; how polling stands after it.
    Ended(Poll),
    /// It takes longer; how polling stood before it.
    UnderWay(Poll),
}

/// What an operator does with a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerCommand {
    /// Stops calls until it is reset.
    Open,
    /// Lets calls through whatever happens, until it is reset.
    Close,
    /// Closed, and on its own again.
    Reset,
}

/// How a partner's lane stands.
#[derive(Clone, Debug)]
pub struct LaneStatus {
    /// Whose.
    pub partner: PartnerName,
    /// Messages in memory that are not decoded.
    pub undecoded: usize,
    /// Deliveries that wait.
    pub waiting: usize,
    /// Deliveries under way.
    pub in_flight: usize,
    /// Since when the oldest one waits.
    pub oldest_waiting_since: Option<Timestamp>,
    /// The wait that the partner's answers made necessary, if its end is ahead.
    pub held: Option<Held>,
    /// Its breaker; none without an endpoint.
    pub breaker: Option<breaker::State>,
    /// How it is polled; none where it is not.
    pub poll: Option<Poll>,
}

pub(crate) enum Command {
    Replay(Replay, oneshot::Sender<usize>),
    Breaker(
        PartnerName,
        BreakerCommand,
        String,
        oneshot::Sender<Option<breaker::State>>,
    ),
    Lanes(oneshot::Sender<Vec<LaneStatus>>),
    Rerun(Rerun, Answer),
    Poll(PartnerName, PollFrom, oneshot::Sender<Poll>),
    Deal(Deal, DealAnswer),
}

/// A dead letter that goes round again at its time.
pub(super) struct Paced {
    pub(super) due: Timestamp,
    dead_letter: DeadLetterId,
    subject: Subject,
    by: String,
    from_start: bool,
}

/// Who waits for the adapter's own reply.
#[derive(Clone, Default)]
pub(super) struct Replies(Arc<Mutex<HashMap<MessageId, oneshot::Sender<Option<Reply>>>>>);

// === impl Handle ===

impl Handle {
    pub(super) fn new(events: mpsc::UnboundedSender<Event>, replies: Replies) -> Self {
        Self {
            events,
            replies,
            reruns: Arc::new(Semaphore::new(RERUNS_MAX)),
        }
    }

    /// Sends dead letters round again, at the pace asked for, and says how many.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn replay(&self, replay: Replay) -> Result<usize, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.ask(Command::Replay(replay, answer), answered).await
    }

    /// Moves a partner's breaker and says how it stands; none without an endpoint.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn breaker(
        &self,
        partner: PartnerName,
        command: BreakerCommand,
        by: String,
    ) -> Result<Option<breaker::State>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.ask(Command::Breaker(partner, command, by, answer), answered)
            .await
    }

    /// How all lanes stand.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn lanes(&self) -> Result<Vec<LaneStatus>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.ask(Command::Lanes(answer), answered).await
    }

    /// A place for a message that is to be run again; dropping it gives it up.
    ///
    /// # Errors
    /// When as many are run again as may be.
    pub fn place_for_rerun(&self) -> Result<Place, RerunError> {
        let place = Arc::clone(&self.reruns).try_acquire_owned();
        place.map(Place).map_err(|_| RerunError::TooMany)
    }

    /// Reads a message once more; what would come of it is written nowhere.
    ///
    /// # Errors
    /// When the engine has ended; the inner one when there is no room for it.
    pub async fn rerun(&self, rerun: Rerun) -> Result<Result<Arc<Record>, RerunError>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.ask(Command::Rerun(rerun, answer), answered).await
    }

    /// Asks a partner for news at once, and waits for the end of that run, or of the one
    /// that is under way; none for a partner that is not polled.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn poll(
        &self,
        partner: PartnerName,
        from: PollFrom,
        wait: Duration,
    ) -> Result<Option<PollRun>, Stopped> {
        let lanes = self.lanes().await?;
        let found = lanes.into_iter().find(|it| it.partner == partner);
        let Some(before) = found.and_then(|it| it.poll) else {
            return Ok(None);
        };
        let (answer, mut answered) = oneshot::channel();
        let command = Command::Poll(partner, from, answer);
        let sent = self.events.send(Event::Command(command));
        sent.map_err(|_| Stopped)?;
        Ok(Some(
            match tokio::time::timeout(wait, &mut answered).await {
                Ok(ended) => PollRun::Ended(ended.map_err(|_| Stopped)?),
                Err(_) => PollRun::UnderWay(before),
            },
        ))
    }

    /// Has an instance of a process do what somebody wants, and says which record has
    /// it; it is durable then.
    ///
    /// # Errors
    /// When the engine has ended; the inner one when the instance does not do it.
    pub async fn deal(&self, deal: Deal) -> Result<Result<Sequence, DealError>, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.ask(Command::Deal(deal, answer), answered).await
    }

    /// Asks for the adapter's own reply to a message before it is accepted; dropping
    /// the answer gives it up.
    pub(crate) fn expect_reply(&self, message: MessageId) -> oneshot::Receiver<Option<Reply>> {
        let (answer, answered) = oneshot::channel();
        self.replies.lock().insert(message, answer);
        answered
    }

    /// Waits for a reply that was expected.
    pub(crate) async fn reply(
        &self,
        message: MessageId,
        answered: oneshot::Receiver<Option<Reply>>,
        wait: Duration,
    ) -> Option<Reply> {
        let reply = tokio::time::timeout(wait, answered).await;
        self.replies.lock().remove(&message);
        reply.ok()?.ok()?
    }

    async fn ask<T>(&self, command: Command, answered: oneshot::Receiver<T>) -> Result<T, Stopped> {
        self.events
            .send(Event::Command(command))
            .map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }
}

// === impl Replies ===

impl Replies {
    /// Answers whoever waits for this message.
    pub(super) fn answer(&self, message: MessageId, reply: Option<&Reply>) {
        if let Some(waiting) = self.lock().remove(&message) {
            drop(waiting.send(reply.cloned()));
        }
    }

    fn lock(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<MessageId, oneshot::Sender<Option<Reply>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Engine ===

impl Engine {
    pub(super) fn command(&mut self, command: Command) {
        let now = self.parts.clock.now();
        match command {
            Command::Replay(replay, answer) => {
                let begun = replay.letters.len();
                self.replaying.extend(paced(replay, now));
                let _ = answer.send(begun);
            }
            Command::Breaker(partner, command, by, answer) => {
                let moved = self.state.breaker(&partner, command, now);
                if let Some(state) = moved {
                    self.commit_or_log(Record::BreakerMoved(BreakerMoved {
                        partner,
                        at: now,
                        state,
                        because: format!("{command:?} by {by}").to_lowercase(),
                    }));
                }
                let _ = answer.send(moved);
            }
            Command::Poll(partner, from, answer) => {
                if let Some(poller) = self.state.poller(&partner) {
                    poller.wanted(from, answer, now);
                }
            }
            Command::Lanes(answer) => drop(answer.send(self.state.status(now))),
            Command::Rerun(rerun, answer) => self.rerun(rerun, answer),
            Command::Deal(deal, answer) => self.deal(deal, answer),
        }
    }

    /// Journals the dead letters whose time has come; they go once that is durable.
    pub(super) fn pace_replays(&mut self, now: Timestamp) {
        while let Some(paced) = self.replaying.pop_front_if(|paced| paced.due <= now) {
            // Two people may have asked for the same one.
            let waits = self.parts.view.dead_letter(paced.dead_letter);
            if !waits.is_some_and(|row| row.status == DeadLetterStatus::Waiting) {
                continue;
            }
            self.replays += 1;
            self.commit_or_log(Record::Replayed(Replayed {
                dead_letter: paced.dead_letter,
                subject: paced.subject,
                at: now,
                by: paced.by,
                from_start: paced.from_start,
            }));
        }
    }

    /// Journals at once that a dead letter goes round again.
    pub(super) fn replay(
        &mut self,
        dead_letter: DeadLetterId,
        subject: Subject,
        by: &str,
        now: Timestamp,
    ) {
        self.replays += 1;
        self.commit_or_log(Record::Replayed(Replayed {
            dead_letter,
            subject,
            at: now,
            by: by.to_owned(),
            from_start: false,
        }));
    }
}

fn paced(replay: Replay, now: Timestamp) -> VecDeque<Paced> {
    let gap = Duration::from_secs(1) / replay.per_second.max(1);
    let mut due = now;
    let mut all = VecDeque::with_capacity(replay.letters.len());
    for (dead_letter, subject) in replay.letters {
        all.push_back(Paced {
            due,
            dead_letter,
            subject,
            by: replay.by.clone(),
            from_start: replay.from_start,
        });
        due = due.plus(gap);
    }
    all
}
