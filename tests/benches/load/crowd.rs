//! A host that holds a million messages and a million timers: how late timers ring, and
//! how long it takes to tell the story of an order.
//!
//! One order goes through a real host; its records, written again under other names, are
//! the crowd. Ten minutes lie between the writing and the first timer, since the view has
//! to be built of all of it before.

use std::{sync::Arc, time::Duration, time::Instant};

use bytes::Bytes;
use crossdock::{
    clock::{Clock, Timestamp},
    journal::{Expect, FileJournal, Journal, Options, Sequence},
    message::{CorrelationId, Digest, DocumentId, MessageId, RawMessage},
    process::Command,
    record::{Cause, Decoded, Record, Stepped},
};
use e2e::harness::{Host, Site, order};
use serde_json::json;

use crate::{
    client::{self, Make},
    path::Counter,
    processes,
};

/// Messages that the view holds.
const MESSAGES: u64 = 1_000_000;
/// Orders that each have a timer.
const TIMERS: u64 = 1_000_000;
/// Orders of one step's record.
const STEPS: u64 = 100;
/// Timers that come due in a second.
const PER_SECOND: u64 = 200;
/// When the first of them does.
const FIRST_AFTER: Duration = Duration::from_secs(600);
/// For how long they are watched.
const WATCHED: Duration = Duration::from_secs(60);
/// Orders that come after that, and whose stories are asked for.
const ORDERS: u64 = 1_000;
/// Records of one append.
const TOGETHER: usize = 1_000;

/// What a real host wrote about one order.
struct Model {
    accepted: RawMessage,
    decoded: Decoded,
    stepped: Stepped,
}

/// Measures and prints.
pub(crate) async fn measure() {
    println!("crowd, {MESSAGES} messages and {TIMERS} timers");
    let counter = Counter::start().await;
    let site = processes::site(&counter);
    let host = site.start().await;
    let body = order::original("SO-MODEL");
    let id = host.api().accepted("shop", "model", &body).await;
    host.api().settled(&id).await;
    host.api().until_idle().await;
    host.stop().await;

    let model = Model::of(&open(&site));
    let first_due = Clock::System.now().plus(FIRST_AFTER);
    let began = Instant::now();
    let last = write(&site, &model, first_due);
    println!("  written in {:.0} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    let rebuilt = site.run(&["rebuild"]).await;
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.said);
    println!("  rebuilt in {:.0} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    let host = site.start().await;
    println!(
        "  started in {:.1} s, {} MiB resident",
        began.elapsed().as_secs_f64(),
        host.memory_kib() / 1024
    );

    orders(&site, &host).await;
    processes::stories(&host, ORDERS).await;

    let end = first_due.plus(WATCHED);
    tokio::time::sleep(end.since(Clock::System.now())).await;
    println!("  {} MiB resident", host.memory_kib() / 1024);
    host.stop().await;
    rang(&site, last, end);
    println!();
}

/// Orders come like any other day.
async fn orders(site: &Site, host: &Host) {
    let bearer = format!("Bearer {}", site.token("shop"));
    let make: Make = Arc::new(move |number| {
        let key = format!("order-{number}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("idempotency-key", key.as_str()),
        ];
        let body = order::original(&format!("SO-{number}")).to_string();
        client::request("/v1/partners/shop/messages", &headers, &body)
    });
    let sent = client::send(host.api().socket(), 0, ORDERS, make).await;
    assert_eq!(sent.refused, 0, "orders are refused");
    host.api().until_idle().await;
}

/// Says how late timers rang that came due before `end`.
fn rang(site: &Site, after: Sequence, end: Timestamp) {
    let reader = open(site).reader();
    let mut late: Vec<Duration> = Vec::new();
    for item in reader.replay(after.next()) {
        let (_, bytes) = item.expect("the journal can be read");
        if let Ok(Record::Stepped(stepped)) = Record::from_bytes(&bytes)
            && let Cause::Timer { due, .. } = stepped.cause
            && due < end
        {
            late.push(stepped.at.since(due));
        }
    }
    let wanted = WATCHED.as_secs() * PER_SECOND;
    late.sort_unstable();
    let at = |percent: usize| {
        let place = (late.len() * percent / 100).saturating_sub(1);
        late.get(place).map_or(0, Duration::as_millis)
    };
    println!(
        "  {} of {wanted} timers rang: p50 {} ms late, p99 {} ms, the last {} ms",
        late.len(),
        at(50),
        at(99),
        at(100)
    );
}

/// Writes the crowd behind what is there, and says where it ends.
fn write(site: &Site, model: &Model, first_due: Timestamp) -> Sequence {
    let mut journal = open(site);
    let messages = (0..MESSAGES).flat_map(|number| model.message(number));
    let timers = (0..TIMERS / STEPS).map(|number| model.timers(number * STEPS, first_due));
    let mut together: Vec<Bytes> = Vec::with_capacity(TOGETHER + 1);
    for record in messages.chain(timers) {
        together.push(record.to_bytes().into());
        if together.len() >= TOGETHER {
            journal.append(&together).expect("there is room");
            together.clear();
        }
    }
    journal.append(&together).expect("there is room");
    let last = journal.last();
    Box::new(journal).close().expect("the journal can be ended");
    last
}

fn open(site: &Site) -> FileJournal {
    let options = Options::new(site.path("data/journal"));
    let opened = FileJournal::open(options, Expect::NOTHING);
    opened.expect("the journal can be opened").0
}

// === impl Model ===

impl Model {
    fn of(journal: &FileJournal) -> Self {
        let (mut accepted, mut decoded, mut stepped) = (None, None, None);
        for item in journal.reader().replay(Sequence::ZERO) {
            let (_, bytes) = item.expect("the journal can be read");
            match Record::from_bytes(&bytes).expect("the record can be read") {
                Record::Accepted(it) => accepted = accepted.or(Some(it)),
                Record::Decoded(it) => decoded = decoded.or(Some(it)),
                Record::Stepped(it) => stepped = stepped.or(Some(it)),
                _ => {}
            }
        }
        let found = accepted.zip(decoded).zip(stepped);
        let ((accepted, decoded), stepped) = found.expect("the host wrote all three");
        Self {
            accepted,
            decoded,
            stepped,
        }
    }

    /// Another order that was read, and that no process takes in.
    fn message(&self, number: u64) -> [Record; 2] {
        let id = MessageId::new(self.accepted.received_at);
        let correlation_id = CorrelationId::parse(&id.to_string()).expect("an id is visible");
        let accepted = RawMessage {
            id,
            correlation_id: correlation_id.clone(),
            idempotency_key: Some(format!("crowd-{number}")),
            ..self.accepted.clone()
        };
        let mut decoded = Decoded {
            message: id,
            correlation_id,
            deliveries: Vec::new(),
            ..self.decoded.clone()
        };
        for document in &mut decoded.documents {
            document.id = DocumentId {
                message: id,
                position: 0,
            };
            document.business_key = format!("order/CROWD-{number}");
            document.identity.key = Digest::of(document.business_key.as_bytes());
            document.processed = false;
        }
        [Record::Accepted(accepted), Record::Decoded(decoded)]
    }

    /// The step of so many other orders, each with a timer.
    fn timers(&self, from: u64, first_due: Timestamp) -> Record {
        let mut stepped = Stepped {
            work: None,
            deliveries: Vec::new(),
            steps: Vec::new(),
            ..self.stepped.clone()
        };
        for number in from..from + STEPS {
            let mut step = self.stepped.steps[0].clone();
            step.key = format!("order/TIMED-{number}");
            let millis = number * 1_000 / PER_SECOND;
            let due = first_due.plus(Duration::from_millis(millis));
            let is_timer = |it: &Command| matches!(it, Command::SetTimer { .. });
            step.commands.retain(is_timer);
            step.commands.truncate(1);
            let Some(Command::SetTimer { due: when, .. }) = step.commands.first_mut() else {
                panic!("the order awaits the ERP: {}", json!(step.commands));
            };
            *when = due;
            stepped.steps.push(step);
        }
        Record::Stepped(stepped)
    }
}
