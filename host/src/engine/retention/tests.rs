//! Whatever happened before, what is left of the journal tells the same as the whole did.

use std::fmt::Write as _;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    journal::{Journal as _, MemoryJournal, MemoryStore},
    lookup::{self, TableName},
    message::{Channel, DeadLetterId, DeliveryId, Digest, MessageId, RawMessage},
    record::{
        Acknowledges, BreakerMoved, Disposition, Envelope, Level, Log, Outcome, Polled, Record,
        Subject, Swept, TableChanged, TableSource,
    },
    view::{
        DeadLetterFilter, DeadLetterStatus, MessageFilter, Options,
        tests::{
            Told, adapter, at, attempted, dead, decoded, delivery, message, partner, replayed,
        },
    },
};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const WINDOW: Duration = Duration::from_secs(30 * 24 * 3_600);
const NAMES: [&str; 3] = ["erp", "north", "south"];
const ORDERS: usize = 4;

/// A host's journal and view, and what is open.
struct House {
    told: Told,
    store: MemoryStore,
    journal: MemoryJournal,
    now: Timestamp,
    /// What was polled and is not accepted yet.
    fetched: Vec<RawMessage>,
    pending: Vec<MessageId>,
    open: Vec<(MessageId, &'static str)>,
    letters: Vec<(DeadLetterId, Subject, &'static str)>,
    /// Everything that was ever given an identity.
    messages: Vec<MessageId>,
    /// The records that changed the table.
    tables: Vec<Sequence>,
}

fn interchange(number: usize) -> Envelope {
    Envelope {
        kind: "interchange".to_owned(),
        sender: "ZZ:NORTH".to_owned(),
        receiver: "ZZ:US".to_owned(),
        number: number.to_string(),
        content: Digest::of(b"x"),
        found: None,
        taken: true,
    }
}

impl House {
    fn new() -> Self {
        let store = MemoryStore::default();
        Self {
            told: Told::new(),
            journal: MemoryJournal::open(&store, Sequence::ZERO).unwrap(),
            store,
            now: at(0),
            fetched: Vec::new(),
            pending: Vec::new(),
            open: Vec::new(),
            letters: Vec::new(),
            messages: Vec::new(),
            tables: Vec::new(),
        }
    }

    fn tell(&mut self, record: Record) {
        let bytes = Bytes::from(record.to_bytes());
        self.journal.append(&[bytes]).unwrap();
        self.told.tell(record);
    }

    fn known_since(&self) -> Timestamp {
        self.now.minus(WINDOW)
    }

    /// One thing that can happen.
    fn happens(&mut self, choice: u8) {
        let chosen = usize::from(choice / 16);
        self.now = self.now.plus(Duration::from_secs(1));
        match choice % 16 {
            0 | 1 => self.accept(),
            2 => self.take(),
            3 => self.poll(chosen),
            4..=6 => self.decode(chosen),
            7 | 8 => self.deliver(chosen),
            9 => self.gives_up(chosen),
            10 => self.replays(chosen),
            11 if chosen % 2 == 0 => self.breaker(chosen),
            11 => self.table(chosen),
            12 | 13 => self.now = self.now.plus(DAY * u32::from(choice / 16)),
            14 => self.acknowledged(chosen),
            _ => self.sweeps(1 + u32::from(choice / 16)),
        }
    }

    fn accept(&mut self) {
        let message = message(self.now, "erp");
        self.pending.push(message.id);
        self.messages.push(message.id);
        self.tell(Record::Accepted(message));
    }

    /// A poll brings nothing, or a message or two.
    fn poll(&mut self, chosen: usize) {
        let fetched = (0..chosen % 3).map(|_| RawMessage {
            channel: Channel::Poll,
            idempotency_key: None,
            ..message(self.now, "erp")
        });
        let fetched: Vec<_> = fetched.collect();
        self.fetched.extend(fetched.iter().cloned());
        self.tell(Record::Polled(Polled {
            partner: partner("erp"),
            at: self.now,
            adapter: adapter(),
            cursor: Some(format!("cursor {chosen}")),
            more: false,
            messages: fetched,
            log: Log::default(),
        }));
    }

    fn take(&mut self) {
        if !self.fetched.is_empty() {
            let message = self.fetched.remove(0);
            self.pending.push(message.id);
            self.messages.push(message.id);
            self.tell(Record::Accepted(message));
        }
    }

    fn decode(&mut self, chosen: usize) {
        if self.pending.is_empty() {
            return;
        }
        let id = self.pending.remove(0);
        let to = NAMES[chosen % NAMES.len()];
        let mut record = decoded(self.now, id, &format!("SO-{}", chosen % ORDERS), to);
        let document = &mut record.documents[0];
        let begun = self.told.view.thread(&document.business_key);
        document.thread = begun.map(|it| it.correlation_id);
        record.deliveries[0].acknowledgement_minutes = chosen.is_multiple_of(2).then_some(60);
        let standing = self.told.view.partner(&partner(to));
        record.deliveries[0].control_number = standing.control_number + 1;
        if chosen == 7 {
            record.deliveries.clear();
            record.documents[0].disposition = Disposition::Unrouted;
            let letter = DeadLetterId::new(self.now);
            record.dead_letter = Some(letter);
            self.letters.push((letter, Subject::Message(id), to));
        } else {
            self.open.push((id, to));
        }
        self.tell(Record::Decoded(record));
    }

    fn deliver(&mut self, chosen: usize) {
        if let Some((id, to)) = self.settles(chosen) {
            let outcome = Outcome::Delivered { external_id: None };
            self.tell(attempted(self.now, id, to, outcome));
        }
    }

    fn gives_up(&mut self, chosen: usize) {
        if let Some((id, to)) = self.settles(chosen) {
            let (letter, outcome) = dead(self.now);
            let subject = Subject::Delivery(delivery(id));
            self.letters.push((letter, subject, to));
            self.tell(attempted(self.now, id, to, outcome));
        }
    }

    fn settles(&mut self, chosen: usize) -> Option<(MessageId, &'static str)> {
        (!self.open.is_empty()).then(|| self.open.remove(chosen % self.open.len()))
    }

    fn replays(&mut self, chosen: usize) {
        if self.letters.is_empty() {
            return;
        }
        let (letter, subject, to) = self.letters.remove(chosen % self.letters.len());
        match subject {
            Subject::Message(id) => self.pending.push(id),
            Subject::Delivery(DeliveryId { message, .. }) => self.open.push((message, to)),
        }
        self.tell(replayed(self.now, letter, subject));
    }

    fn breaker(&mut self, chosen: usize) {
        self.tell(Record::BreakerMoved(BreakerMoved {
            partner: partner(NAMES[chosen % NAMES.len()]),
            at: self.now,
            state: crate::deliver::breaker::State::ForcedOpen { since: self.now },
            because: "open by ann".to_owned(),
        }));
    }

    /// A table gets another content, or none.
    fn table(&mut self, chosen: usize) {
        let version = self.tables.len() as u64 + 1;
        let rows = [("CA".to_owned(), version.to_string())];
        self.tell(Record::TableChanged(TableChanged {
            partner: partner("erp"),
            table: unit(),
            version,
            at: self.now,
            by: "ann".to_owned(),
            source: TableSource::Api,
            difference: lookup::Difference::default(),
            configured: None,
            carried: None,
            content: (!chosen.is_multiple_of(5))
                .then(|| lookup::Config::default().table(rows).unwrap()),
        }));
        let told = self.told.records.len() as u64;
        self.tables.push(Sequence::from_u64(told));
    }

    /// The receiver of some delivery acknowledges it, at last.
    fn acknowledged(&mut self, chosen: usize) {
        let Some(id) = self.messages.get(chosen).copied() else {
            return;
        };
        self.accept();
        let own = self.pending.pop().unwrap();
        let mut record = decoded(self.now, own, "SO-0", "erp");
        record.documents.clear();
        record.deliveries.clear();
        record.acknowledges.push(Acknowledges {
            delivery: delivery(id),
            verdict: "accepted".to_owned(),
            means: None,
            level: Level::Functional,
            document: None,
        });
        record.envelopes.push(interchange(chosen));
        self.tell(Record::Decoded(record));
    }

    fn sweeps(&mut self, rows_max: u32) {
        let reader = self.journal.reader();
        let since = self.known_since();
        let found = found(&self.told.view, reader.as_ref(), since, self.now).unwrap();
        let given_up = found.given_up;
        for record in found.carried {
            self.tell(record);
        }
        let before = given_up.as_ref().map(|it| it.before);
        self.tell(Record::Swept(Swept {
            at: self.now,
            known_since: since,
            rows_max,
            given_up,
        }));
        if let Some(before) = before {
            assert_eq!(self.journal.drop_before(before).unwrap(), before);
        }
    }

    /// Whatever anybody can ask of a view.
    fn answers(&self, view: &View) -> String {
        let mut all = String::new();
        let since = self.known_since();
        let messages = view.messages(&MessageFilter {
            limit: 10_000,
            ..MessageFilter::default()
        });
        for (id, row) in &messages {
            let deliveries = view.deliveries_of(*id);
            writeln!(all, "{id} {row:?} {deliveries:?}").unwrap();
        }
        let letters = view.dead_letters(&DeadLetterFilter {
            replayed: true,
            limit: 10_000,
            ..DeadLetterFilter::default()
        });
        writeln!(all, "{letters:?}").unwrap();
        for name in NAMES.map(partner) {
            let pending = view.pending(&name, Sequence::ZERO, 10_000);
            let open: Vec<_> = view.open_deliveries(&name).collect();
            let control: Vec<_> = (1..100)
                .filter_map(|number| view.delivery_by_control(&name, number))
                .filter(|id| view.delivery(*id).is_some_and(|it| it.queued_at >= since))
                .collect();
            let standing = view.partner(&name);
            writeln!(all, "{name} {standing:?} {pending:?} {open:?} {control:?}").unwrap();
            writeln!(all, "{:?}", view.awaited(&name, self.now, 10_000, 10_000)).unwrap();
        }
        for number in 0..ORDERS {
            writeln!(all, "{:?}", view.thread(&format!("order/SO-{number}"))).unwrap();
        }
        let series = interchange(0).series(&partner("erp"));
        let last = view.series(&series).filter(|it| it.at >= since);
        writeln!(all, "{last:?}").unwrap();
        for number in 0..16 {
            let seen = view.seen(&series, &interchange(number).number);
            writeln!(all, "{:?}", seen.filter(|it| it.at >= since)).unwrap();
        }
        for id in &self.messages {
            let key = crate::message::Digest::of(id.as_bytes());
            let identity = view.identity(&key).filter(|it| it.at >= since);
            let idempotency = view
                .idempotency(&partner("erp"), &format!("key of {id}"))
                .filter(|it| it.at >= since);
            writeln!(all, "{identity:?} {idempotency:?}").unwrap();
        }
        let fetched: Vec<_> = view.fetched().collect();
        writeln!(all, "{fetched:?}").unwrap();
        writeln!(all, "{:?} {:?}", view.kept(), view.base()).unwrap();
        let erp = partner("erp");
        let versions = view.table_versions(&erp, &unit());
        writeln!(all, "{:?} {versions:?}", view.tables(&erp)).unwrap();
        for (_, row) in &messages {
            writeln!(all, "{:?}", view.table_at(&erp, &unit(), row.accepted)).unwrap();
        }
        all
    }

    fn rebuilt(&self) -> (View, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let view = View::open(&Options {
            directory: directory.path().join("view"),
            cache_bytes: 1 << 20,
        });
        let view = view.unwrap();
        view::catch_up(&view, self.journal.reader().as_ref(), |_| {}).unwrap();
        (view, directory)
    }
}

fn unit() -> TableName {
    TableName::parse("unit").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_left_tells_the_same(choices in prop::collection::vec(any::<u8>(), 50..400)) {
        let mut house = House::new();
        for choice in choices {
            house.happens(choice);
        }
        let (rebuilt, _directory) = house.rebuilt();
        prop_assert_eq!(house.answers(&house.told.view), house.answers(&rebuilt));
        // Nothing that is open was given up.
        for id in &house.pending {
            prop_assert!(house.told.view.message(*id).is_some());
        }
        for (id, _) in &house.open {
            prop_assert!(house.told.view.message(*id).is_some());
        }
        for (letter, ..) in &house.letters {
            let row = house.told.view.dead_letter(*letter);
            prop_assert_eq!(row.map(|it| it.status), Some(DeadLetterStatus::Waiting));
        }
        // And it can all be read.
        let first = house.store.clone();
        let reader: &dyn Reader = &first;
        let mut fetched: Vec<_> = house.fetched.iter().map(|it| it.id).collect();
        fetched.sort();
        for (_, id, sequence) in house.told.view.fetched() {
            prop_assert!(fetched.binary_search(&id).is_ok());
            prop_assert!(reader.read(sequence).is_ok());
        }
        prop_assert_eq!(house.told.view.fetched().count(), fetched.len());
        for (_, row) in house.told.view.messages(&MessageFilter { limit: 10_000, ..MessageFilter::default() }) {
            prop_assert!(reader.read(row.accepted).is_ok());
            prop_assert!(row.history.iter().all(|it| reader.read(*it).is_ok()));
            // As is the table of its day.
            let changed = house.tables.iter().filter(|it| **it < row.accepted).count() as u64;
            let table = house.told.view.table_at(&partner("erp"), &unit(), row.accepted);
            prop_assert_eq!(table.as_ref().map_or(0, |it| it.version), changed);
            prop_assert!(table.is_none_or(|it| reader.read(it.sequence).is_ok()));
        }
        // And what is current.
        let current = house.told.view.table(&partner("erp"), &unit());
        prop_assert_eq!(current.map_or(0, |it| it.version), house.tables.len() as u64);
    }
}

/// One order, received, sent on and forgotten.
fn settled_order(house: &mut House) -> MessageId {
    house.accept();
    let id = house.pending[0];
    house.decode(0);
    house.deliver(0);
    id
}

#[test]
fn a_row_goes_when_its_time_is_over() {
    let mut house = House::new();
    let id = settled_order(&mut house);
    let key = crate::message::Digest::of(id.as_bytes());
    house.sweeps(ROWS_MAX);
    assert!(house.told.view.identity(&key).is_some());
    house.now = house.now.plus(WINDOW + DAY);
    house.tell(Record::Swept(Swept {
        at: house.now,
        known_since: house.known_since(),
        rows_max: ROWS_MAX,
        given_up: None,
    }));
    let view = &house.told.view;
    assert_eq!(view.identity(&key), None);
    assert!(
        view.idempotency(&partner("erp"), &format!("key of {id}"))
            .is_none()
    );
    assert_eq!(view.delivery_by_control(&partner("erp"), 1), None);
    assert!(view.message(id).is_some(), "no retention was set");
    assert!(!view.is_sweeping());
}

#[test]
fn a_pass_goes_on_where_it_stopped() {
    let mut house = House::new();
    for _ in 0..5 {
        settled_order(&mut house);
    }
    house.now = house.now.plus(WINDOW + DAY);
    let mut steps = 0;
    loop {
        house.tell(Record::Swept(Swept {
            at: house.now,
            known_since: house.known_since(),
            rows_max: 2,
            given_up: None,
        }));
        steps += 1;
        if !house.told.view.is_sweeping() {
            break;
        }
    }
    // Five of each of three tables, two at a time, and one look that finds no more.
    assert_eq!(steps, 8);
    for id in &house.messages {
        let key = crate::message::Digest::of(id.as_bytes());
        assert_eq!(house.told.view.identity(&key), None);
    }
}

#[test]
fn what_waits_for_a_person_holds_back_all_that_came_after() {
    let mut house = House::new();
    let first = settled_order(&mut house);
    house.accept();
    let waits = house.pending[0];
    house.decode(0);
    house.gives_up(0);
    let last = settled_order(&mut house);
    house.now = house.now.plus(WINDOW + DAY);
    house.sweeps(ROWS_MAX);
    let view = &house.told.view;
    assert!(view.message(first).is_none());
    assert!(view.message(waits).is_some());
    assert!(view.message(last).is_some());
    assert_eq!(view.partner(&partner("erp")).delivered, 2);

    // Once it is dealt with, the rest may go.
    house.replays(0);
    house.deliver(0);
    house.now = house.now.plus(WINDOW + DAY);
    house.sweeps(ROWS_MAX);
    assert!(house.told.view.message(last).is_none());
    let (rebuilt, _directory) = house.rebuilt();
    assert_eq!(rebuilt.partner(&partner("erp")).delivered, 3);
    assert_eq!(rebuilt.partner(&partner("erp")).control_number, 3);
}

#[test]
fn passes_come_by_the_hour_and_their_steps_by_the_second() {
    let mut rounds = Rounds::new(at(0));
    assert_eq!(rounds.next(at(0)), Due::Nothing);
    assert_eq!(rounds.next(at(60_000)), Due::Survey);
    assert_eq!(rounds.next(at(70_000)), Due::Nothing, "one thing at a time");
    rounds.stepped(at(70_000), true);
    assert_eq!(rounds.due(), Some(at(71_000)));
    assert_eq!(rounds.next(at(71_000)), Due::Step);
    rounds.stepped(at(71_000), false);
    assert_eq!(rounds.due(), Some(at(71_000 + 3_600_000)));
    assert_eq!(rounds.next(at(71_000 + 3_600_000)), Due::Survey);
}
