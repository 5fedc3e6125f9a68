//! One run: the dice choose what goes on next, until nothing does.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    hands::{Commit, Then},
    host::Host,
    network::{Agenda, Happening, Letter, Request, minutes, seconds},
    settings::{RECEIVERS, name},
    story::Plan,
    world::{Answer, Follows, Taken, World},
};
use crate::{
    clock::{Clock, Timestamp},
    contract::{self, DecodedDocument, Source},
    deliver::breaker,
    engine::{
        DealError, Event,
        conversation::{self, Attempt, End, Ended},
        earlier,
        handle::Command,
        processes::Deal,
        settle::{Read, Reading},
    },
    journal::{Journal as _, MemoryJournal, MemoryStore, Reader as _, Sequence},
    message::{
        Channel, Digest, MessageId, RawMessage,
        chance::{Dice, Ids},
    },
    process::{
        exception::{Action, Exception, Kind},
        testing::START,
    },
    record::{self, AdapterRef, AttemptStarted, Failure, Log, Record},
    view::{ExceptionFilter, InstanceFilter, View, catch_up},
};

/// More steps than any story takes: what goes on beyond them goes on for ever.
const STEPS_MAX: u64 = 200_000;
/// What has not come to its end by then never does.
const HORIZON: Duration = Duration::from_secs(40 * 24 * 3_600);
/// Where a message comes from that is decided with.
const ADAPTER: &str = "canonical-json";

/// How much goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    /// Crashes at most, and how seldom they come.
    crashes_max: u32,
    crash_one_in: usize,
    /// How seldom a request or an answer is lost.
    lost_one_in: usize,
    /// How seldom a partner sends a message again that was taken.
    again_one_in: usize,
    /// How many outages there are at most.
    outages_max: usize,
    /// The longest time on the way, in seconds.
    delay_max: i64,
}

/// See the module.
pub(super) struct Run {
    pub(super) seed: u64,
    pub(super) world: World,
    pub(super) store: MemoryStore,
    pub(super) view: View,
    /// The view as a crash finds it.
    kept: View,
    dice: Dice,
    clock: Clock,
    journal: Option<MemoryJournal>,
    host: Option<Host>,
    life: u32,
    crashes: u32,
    weather: Weather,
    agenda: Agenda,
    /// What partners do not know to be taken.
    down: Vec<&'static str>,
    deals: Vec<oneshot::Receiver<Result<Sequence, DealError>>>,
    is_told: bool,
    _ids: Ids,
}

/// What can go on now.
#[derive(Clone, Copy, Debug)]
enum Next {
    Hear,
    Turn,
    Commit,
    Read,
    Converse,
    Happen,
}

// === impl Weather ===

impl Weather {
    /// All goes well.
    pub(super) fn fine() -> Self {
        Self {
            crashes_max: 0,
            crash_one_in: 0,
            lost_one_in: 0,
            again_one_in: 0,
            outages_max: 0,
            delay_max: 2,
        }
    }

    /// All goes wrong that can.
    pub(super) fn foul() -> Self {
        Self {
            crashes_max: 5,
            crash_one_in: 70,
            lost_one_in: 8,
            again_one_in: 6,
            outages_max: 3,
            delay_max: 240,
        }
    }
}

// === impl Run ===

impl Run {
    pub(super) fn new(seed: u64, weather: Weather, is_told: bool) -> Self {
        let mut dice = Dice::new(seed);
        let clock = Clock::manual(Timestamp::from_millis(START));
        let store = MemoryStore::default();
        let view = View::in_memory();
        let mut world = World::new(Plan::all(&mut dice));
        let agenda = agenda(&mut world, weather, clock.now(), &mut dice);
        let ids = Ids::follow(dice.bits());
        let mut run = Self {
            seed,
            world,
            kept: view.copied(),
            store,
            view,
            dice,
            clock,
            journal: None,
            host: None,
            life: 0,
            crashes: 0,
            weather,
            agenda,
            down: Vec::new(),
            deals: Vec::new(),
            is_told,
            _ids: ids,
        };
        run.start();
        run
    }

    /// All records, as the journal has them.
    pub(super) fn journal(&self) -> Vec<Bytes> {
        let records = self.store.replay(Sequence::ZERO);
        records.map(|it| it.expect("a record").1).collect()
    }

    /// Goes on until nothing is left to do.
    pub(super) fn go_to_the_end(&mut self) {
        for _ in 0..STEPS_MAX {
            if !self.step() {
                return self.look_back();
            }
        }
        panic!("seed {}: it goes on for ever", self.seed);
    }

    /// Does one thing, or lets time pass; false at the end.
    fn step(&mut self) -> bool {
        let now = self.clock.now();
        let can_crash = self.host.is_some() && self.crashes < self.weather.crashes_max;
        if can_crash && self.dice.one_in(self.weather.crash_one_in) {
            self.crash();
            return true;
        }
        let next = self.possible(now);
        if next.is_empty() {
            return self.wait(now);
        }
        match self.dice.one_of(&next) {
            Next::Hear => {
                let count = 1 + self.dice.below(4);
                self.with_host(|host| host.hear(count));
            }
            Next::Turn => self.with_host(Host::turn),
            Next::Commit => self.commit(),
            Next::Read => self.read(),
            Next::Converse => self.converse(),
            Next::Happen => {
                if let Some(happening) = self.agenda.take(now) {
                    self.happen(happening, now);
                }
            }
        }
        true
    }

    fn possible(&self, now: Timestamp) -> Vec<Next> {
        let mut next = Vec::with_capacity(6);
        if self.agenda.next().is_some_and(|at| at <= now) {
            next.push(Next::Happen);
        }
        let Some(host) = &self.host else {
            return next;
        };
        if host.has_news() {
            next.push(Next::Hear);
        } else if host.wake <= now {
            next.push(Next::Turn);
        }
        let given = host.desk.given();
        if !given.commits.is_empty() {
            next.push(Next::Commit);
        }
        if !given.reads.is_empty() {
            next.push(Next::Read);
        }
        if !given.attempts.is_empty() {
            next.push(Next::Converse);
        }
        next
    }

    /// Nothing goes on at this moment: the next one is chosen, if there is one.
    fn wait(&mut self, now: Timestamp) -> bool {
        let is_idle = self.host.as_ref().is_some_and(|it| it.is_idle(now));
        if is_idle && self.agenda.is_quiet() && self.unfinished().is_empty() {
            return false;
        }
        let begun = Timestamp::from_millis(START);
        assert!(
            now.since(begun) < HORIZON,
            "seed {}: these do not come to their end: {:#?}\nof {:#?}",
            self.seed,
            self.unfinished(),
            self.world.plans
        );
        let wake = self.host.as_ref().map(|it| it.wake);
        let next = wake.into_iter().chain(self.agenda.next()).min();
        let next = next.expect("something happens");
        self.clock
            .advance(next.since(now).max(Duration::from_millis(1)));
        true
    }

    /// Instances that something is left to do for, and how they stand.
    fn unfinished(&self) -> Vec<(String, String, Vec<crate::process::timer::Wait>)> {
        let rows = self.view.instances(&InstanceFilter {
            finished: Some(false),
            limit: 100,
            ..InstanceFilter::default()
        });
        let told = rows
            .into_iter()
            .map(|(_, key, row)| (key, row.status, row.waits));
        told.collect()
    }

    fn with_host(&mut self, act: impl FnOnce(&mut Host)) {
        if let Some(host) = &mut self.host {
            act(host);
        }
    }

    fn start(&mut self) {
        self.life += 1;
        let behind = self.store.last().get() - self.view.sequence().get();
        self.tell(|| format!("the host starts, its view is {behind} records behind"));
        let journal = MemoryJournal::open(&self.store, self.view.sequence());
        self.journal = Some(journal.expect("the journal opens"));
        catch_up(&self.view, &self.store, |_| {}).expect("the view catches up");
        let host = Host::start(&self.clock, &self.store, &self.view, &mut self.dice);
        self.host = Some(host);
    }

    /// All that is in memory is gone.
    fn crash(&mut self) {
        let Some(host) = self.host.take() else {
            return;
        };
        self.crashes += 1;
        self.deals.clear();
        let now = self.clock.now();
        let mut commits = std::mem::take(&mut host.desk.given().commits);
        // Any part of what was on its way may be durable.
        let durable = self.dice.below(commits.len() + 1);
        let bytes: Vec<Bytes> = commits
            .iter()
            .take(durable)
            .map(|it| it.bytes.clone())
            .collect();
        if let Some(mut journal) = self.journal.take() {
            journal.append(&bytes).expect("it can be written");
        }
        self.tell(|| {
            format!(
                "the host crashes; {durable} of {} records are durable",
                commits.len()
            )
        });
        for commit in commits.drain(..) {
            if let Then::Took(letter) = commit.then {
                let after = seconds(self.dice.between(1, 120));
                self.agenda.add(now, after, Happening::HandsIn(letter));
            }
        }
        // The view of before, or none.
        self.view = if self.dice.one_in(8) {
            View::in_memory()
        } else {
            self.kept.copied()
        };
        let after = seconds(self.dice.between(0, 600));
        self.agenda.add(now, after, Happening::Starts);
    }

    /// Some records become durable, and what follows from them happens.
    fn commit(&mut self) {
        let Some(host) = &mut self.host else {
            return;
        };
        let group: Vec<Commit> = {
            let commits = &mut host.desk.given().commits;
            let count = (1 + self.dice.below(4)).min(commits.len());
            commits.drain(..count).collect()
        };
        let bytes: Vec<Bytes> = group.iter().map(|it| it.bytes.clone()).collect();
        let journal = self.journal.as_mut().expect("it is open");
        let first = journal.append(&bytes).expect("it can be written").get();
        let placed = || (first..).map(Sequence::from_u64).zip(&group);
        let records = placed().map(|(sequence, commit)| (sequence, commit.record.as_ref()));
        self.view.apply(records).expect("it can be applied");
        if self.dice.one_in(16) {
            self.kept = self.view.copied();
        }
        for (sequence, commit) in placed() {
            host.observe(sequence, &commit.record, commit.bytes.len());
        }
        for (sequence, commit) in (first..).map(Sequence::from_u64).zip(group) {
            self.tell(|| format!("{sequence} {}", told(&commit.record)));
            match commit.then {
                // Who has crashed does not hear it.
                Then::Tell(answer) => drop(answer.send(Ok(sequence))),
                Then::Took(letter) => self.took(letter),
                Then::Leave(attempt) => self.leave(attempt),
            }
        }
    }

    /// A partner hears that its message was taken, or does not.
    fn took(&mut self, letter: Letter) {
        if !self.dice.one_in(self.weather.again_one_in) {
            return;
        }
        // A folder's file has no key, and what comes twice in it has two names.
        let letter = Letter {
            key: letter.key.filter(|_| !self.dice.one_in(2)),
            ..letter
        };
        let after = seconds(self.dice.between(1, 7_200));
        self.agenda
            .add(self.clock.now(), after, Happening::HandsIn(letter));
    }

    fn happen(&mut self, happening: Happening, now: Timestamp) {
        match happening {
            Happening::HandsIn(letter) => self.hand_in(letter, now),
            Happening::Arrives(request) => self.arrive(request, now),
            Happening::Ends(life, partner, ended) => {
                if life == self.life {
                    self.with_host(|host| host.tell(Event::Ended(partner, ended)));
                }
            }
            Happening::Outage(partner, begins) => {
                self.tell(|| format!("{partner} {}", if begins { "is down" } else { "is back" }));
                self.down.retain(|it| *it != partner);
                if begins {
                    self.down.push(partner);
                }
            }
            Happening::Ships {
                node,
                order_no,
                conduct,
                part,
            } => {
                let dice = &mut self.dice;
                let follows = self.world.ships(node, &order_no, conduct, part, now, dice);
                self.follow(follows, now);
            }
            Happening::PersonLooks => self.look(now),
            Happening::Starts => self.start(),
        }
    }

    fn follow(&mut self, follows: Follows, now: Timestamp) {
        for (after, happening) in follows {
            self.agenda.add(now, after, happening);
        }
    }

    /// The way in: one message for each key.
    fn hand_in(&mut self, letter: Letter, now: Timestamp) {
        let from = name(letter.from);
        let is_known = |key: &String| self.view.idempotency(&from, key).is_some();
        let Some(host) = &self.host else {
            let after = seconds(self.dice.between(1, 300));
            return self.agenda.add(now, after, Happening::HandsIn(letter));
        };
        let is_same = |it: &Commit| matches!(&it.then, Then::Took(other) if letter.key.is_some() && other.key == letter.key);
        if letter.key.as_ref().is_some_and(is_known)
            || host.desk.given().commits.iter().any(is_same)
        {
            return;
        }
        let id = MessageId::new(now);
        let message = RawMessage {
            id,
            partner: from,
            correlation_id: id.into(),
            traceparent: None,
            idempotency_key: letter.key.clone(),
            channel: Channel::Http,
            content_type: Some("application/json".to_owned()),
            headers: Vec::new(),
            received_at: now,
            digest: Digest::of(&letter.body),
            body: letter.body.clone(),
        };
        host.desk
            .commit(Record::Accepted(message), Then::Took(letter));
    }

    /// A guest reads one of the messages that it was given.
    fn read(&mut self) {
        let Some(host) = &self.host else {
            return;
        };
        let (message, turn) = {
            let reads = &mut host.desk.given().reads;
            let place = self.dice.below(reads.len());
            reads.remove(place)
        };
        let sequence = message.sequence();
        let message = message.into_inner();
        let body = std::str::from_utf8(&message.body).expect("text");
        let document = crossdock_sdk::json::from_str(body).expect("a document");
        let decoded = decoded(document);
        let compared = earlier::compare(&decoded, message.id, None, &self.view, &self.store);
        let reading = Reading {
            adapter: Some(adapter()),
            read: Read::Decoded {
                decoded: Box::new(decoded),
                fuel_used: 1,
                compared,
            },
            log: Log::default(),
            tables: Vec::new(),
        };
        drop(turn);
        host.tell(Event::Read {
            partner: message.partner,
            sequence,
            reading,
        });
    }

    /// An adapter is asked what to send, and that is announced.
    fn converse(&mut self) {
        let Some(host) = &self.host else {
            return;
        };
        let attempt = {
            let attempts = &mut host.desk.given().attempts;
            let place = self.dice.below(attempts.len());
            attempts.remove(place)
        };
        let row = self.view.delivery(attempt.delivery).expect("it is durable");
        let document = conversation::load_document(&self.store, &row).expect("it is there");
        let content = crossdock_sdk::json::to_string(&document).expect("json");
        let started = Record::AttemptStarted(AttemptStarted {
            delivery: attempt.delivery,
            attempt: attempt.number,
            at: self.clock.now(),
            adapter: adapter(),
            exchange: 0,
            previous: None,
            request: record::Request {
                method: "POST".to_owned(),
                path: String::new(),
                headers: Vec::new(),
                content_type: None,
                file_name: None,
                credential: None,
                cost: None,
                body: content.into(),
            },
            log: Log::default(),
            tables: Vec::new(),
        });
        host.desk.commit(started, Then::Leave(attempt));
    }

    /// A request leaves, and may be lost.
    fn leave(&mut self, attempt: Attempt) {
        let now = self.clock.now();
        let row = self.view.delivery(attempt.delivery).expect("it is durable");
        let document = conversation::load_document(&self.store, &row).expect("it is there");
        let mut request = Request {
            life: self.life,
            to: attempt.partner.name.clone(),
            delivery: attempt.delivery,
            attempt: attempt.number,
            first_attempt_at: conversation::first_attempt_at(&self.view, attempt.delivery, now),
            business_key: row.business_key,
            content: crossdock_sdk::json::to_string(&document).expect("json"),
            is_given_up: false,
        };
        let after = self.on_the_way();
        if self.dice.one_in(self.weather.lost_one_in) {
            // Who waits for it gives up; it may still arrive.
            self.end(&request, failed(), seconds(30), now);
            request.is_given_up = true;
            if self.dice.one_in(2) {
                return;
            }
        }
        self.agenda.add(now, after, Happening::Arrives(request));
    }

    /// A request reaches its partner, whose answer may be lost.
    fn arrive(&mut self, request: Request, now: Timestamp) {
        let to = RECEIVERS.iter().find(|it| **it == request.to.as_str());
        let to = *to.expect("a receiver");
        if self.down.contains(&to) {
            let after = self.on_the_way();
            return self.end(&request, failed(), after, now);
        }
        let taken = Taken {
            delivery: request.delivery,
            to,
            business_key: request.business_key.clone(),
        };
        let dice = &mut self.dice;
        let (answer, follows) = self.world.takes(to, taken, &request.content, now, dice);
        self.tell(|| {
            format!(
                "{to} gets {} {}: {answer:?}",
                request.delivery, request.business_key
            )
        });
        self.follow(follows, now);
        if self.dice.one_in(self.weather.lost_one_in) {
            return self.end(&request, failed(), seconds(30), now);
        }
        let end = match answer {
            Answer::Has { number, before } if before => End::AlreadyDone(Some(number)),
            Answer::Has { number, .. } => End::Done(Some(number)),
            Answer::Refuses(why) => End::Rejected(Failure {
                code: "rejected".to_owned(),
                blame: "partner-data".to_owned(),
                ..Failure::host(why)
            }),
        };
        let after = self.on_the_way();
        self.end(&request, end, after, now);
    }

    /// The engine will hear how an attempt ended, if it lives then.
    fn end(&mut self, request: &Request, end: End, after: Duration, now: Timestamp) {
        if request.is_given_up {
            return;
        }
        let call = match &end {
            End::Failed { .. } => breaker::Outcome::Failed { retry_after: None },
            _ => breaker::Outcome::Answered {
                took: Duration::from_millis(20),
            },
        };
        let ended = Ended {
            delivery: request.delivery,
            number: request.attempt,
            adapter: Some(adapter()),
            first_attempt_at: request.first_attempt_at,
            calls: vec![call],
            took: Duration::from_millis(20),
            answer: None,
            log: Log::default(),
            tables: Vec::new(),
            end,
        };
        let ends = Happening::Ends(request.life, request.to.clone(), Box::new(ended));
        self.agenda.add(now, after, ends);
    }

    /// A person acts on what has been wrong for a while.
    fn look(&mut self, now: Timestamp) {
        self.agenda.add(now, minutes(180), Happening::PersonLooks);
        let Some(host) = &self.host else {
            return;
        };
        let open = self.view.exceptions(&ExceptionFilter {
            limit: 100,
            ..ExceptionFilter::default()
        });
        for row in open {
            let is_old = now.since(row.exception.opened_at) > minutes(120);
            let Some(action) = wanted(&row.exception).filter(|_| is_old) else {
                continue;
            };
            let (answer, answered) = oneshot::channel();
            let deal = Deal::Resolve {
                exception: row.exception.id,
                action,
                by: "ada".to_owned(),
                note: None,
                only_at: self.dice.one_in(2).then_some(row.sequence),
            };
            host.tell(Event::Command(Command::Deal(deal, answer)));
            self.deals.push(answered);
        }
    }

    /// After the end: whoever asked for something was answered, and a start that reads
    /// the journal from its beginning finds nothing to do.
    fn look_back(&mut self) {
        for mut deal in self.deals.drain(..) {
            let answer = deal.try_recv();
            assert!(answer.is_ok(), "seed {}: a person waits", self.seed);
        }
        if !self.dice.one_in(8) {
            return;
        }
        let before = self.steps();
        (self.host, self.journal) = (None, None);
        self.life += 1;
        self.view = View::in_memory();
        self.start();
        self.weather = Weather::fine();
        while self.step() {}
        assert_eq!(self.steps(), before, "seed {}: it begins again", self.seed);
    }

    /// Records of steps.
    fn steps(&self) -> usize {
        let is_step = |it: &Bytes| matches!(Record::from_bytes(it), Ok(Record::Stepped(_)));
        self.journal().iter().filter(|it| is_step(it)).count()
    }

    fn on_the_way(&mut self) -> Duration {
        seconds(self.dice.between(0, self.weather.delay_max))
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            eprintln!("{} {}", self.clock.now(), what());
        }
    }
}

/// What will happen whatever the host does.
fn agenda(world: &mut World, weather: Weather, now: Timestamp, dice: &mut Dice) -> Agenda {
    let mut agenda = Agenda::default();
    for plan in world.plans.clone() {
        let order = world.letter("shop", &plan.order());
        agenda.add(now, plan.placed, order);
        if let Some((after, quantity)) = plan.changed {
            let change = world.letter("shop", &plan.change(quantity));
            agenda.add(now, plan.placed + after, change);
        }
        if let Some(after) = plan.cancelled {
            let cancel = world.letter("shop", &plan.cancel());
            agenda.add(now, plan.placed + after, cancel);
        }
    }
    for _ in 0..dice.below(weather.outages_max + 1) {
        let partner = dice.one_of(&RECEIVERS);
        let begins = dice.between(0, 300);
        agenda.add(now, minutes(begins), Happening::Outage(partner, true));
        let ends = begins + dice.between(1, 45);
        agenda.add(now, minutes(ends), Happening::Outage(partner, false));
    }
    agenda.add(now, minutes(180), Happening::PersonLooks);
    agenda
}

/// What a person does about it; nothing where it ends by itself.
fn wanted(exception: &Exception) -> Option<Action> {
    let wanted = match exception.kind {
        Kind::NoNodeLeft => Action::Cancel,
        Kind::Undeliverable | Kind::Overdue => Action::Retry,
        Kind::ErpHold | Kind::NodeRejection => return None,
        _ => Action::AcceptVariance,
    };
    exception.actions.contains(&wanted).then_some(wanted)
}

fn decoded(document: contract::Document) -> contract::Decoded {
    contract::Decoded {
        documents: vec![Ok(DecodedDocument {
            document,
            source: Source {
                format: "json".to_owned(),
                version: None,
                type_: None,
                interchange_control: None,
                group_control: None,
                transaction_control: None,
                position: 0,
            },
            findings: Vec::new(),
        })],
        envelopes: Vec::new(),
        acknowledgements: Vec::new(),
        findings: Vec::new(),
        reply: None,
        extras: Vec::new(),
    }
}

fn failed() -> End {
    End::Failed {
        failure: Failure::host("nobody answers"),
        retry_after: None,
    }
}

fn adapter() -> AdapterRef {
    AdapterRef {
        name: ADAPTER.to_owned(),
        version: "1.0.0".to_owned(),
        digest: Digest::of(ADAPTER.as_bytes()),
    }
}

/// A record in short.
fn told(record: &Arc<Record>) -> String {
    match &**record {
        Record::Accepted(it) => format!("accepted {} from {}", it.id, it.partner),
        Record::Decoded(it) => {
            let documents = it.documents.iter();
            let documents: Vec<_> = documents
                .map(|it| format!("{} {} {:?}", it.kind, it.business_key, it.disposition))
                .collect();
            format!("decoded {documents:?} refused {:?}", it.refused)
        }
        Record::Stepped(it) => {
            let steps: Vec<_> = it
                .steps
                .iter()
                .map(|it| {
                    let commands: Vec<_> = it.commands.iter().map(command).collect();
                    format!(
                        "{} is {} after {}, {commands:?} omits {:?} {:?}",
                        it.key, it.status, it.input, it.omitted, it.refused
                    )
                })
                .collect();
            format!("stepped because of {:?}: {steps:#?}", it.cause)
        }
        Record::AttemptStarted(it) => format!("starts {} attempt {}", it.delivery, it.attempt),
        Record::Attempted(it) => format!(
            "attempted {} {:?} {:?}",
            it.delivery, it.outcome, it.breaker
        ),
        other => format!("{other:?}"),
    }
}

fn command(command: &crate::process::Command) -> String {
    use crate::process::Command;
    match command {
        Command::Send { to, dedupe_key, .. } => format!("send {dedupe_key} to {to:?}"),
        Command::Notify(notice) => format!("notify {}", notice.dedupe_key),
        Command::OpenException(it) => format!("open {} {:?} {}", it.id, it.kind, it.text),
        Command::UpdateException(it) => format!("update {} {}", it.id, it.text),
        Command::CloseException(it) => format!("close {}", it.id),
        other => format!("{other:?}"),
    }
}
