//! 202 means durable: whatever moment the host is killed at, no acknowledged message is
//! lost, none is invented, and documents of one order arrive in order.
//!
//! The oracle is the test itself. Producers send the changes of their order one after
//! another and remember each 202; two partners, one over HTTP that fails now and then
//! and one that is a directory, note what reaches them. The host is killed over and
//! over, at random moments and at every point that has a name.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    os::unix::process::ExitStatusExt as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossdock::failpoint;
use e2e::harness::{
    Api, Arrival, Behaviour, Host, Random, Receiver, Site, array, eventually, order, text,
};
use serde_json::{Value, json};

/// Orders, each with a producer of its own.
const ORDERS: usize = 12;
/// Deaths at each named point.
const DEATHS_AT_A_POINT: usize = 2;
/// Deaths at random moments; with those at the points more than fifty.
const DEATHS_AT_RANDOM: usize = 28;
/// The longest life of a host that dies at random, from its start.
const LIFE_MAX: Duration = Duration::from_millis(1200);
/// Deliveries that each partner may have under way.
const CONCURRENCY: usize = 4;
/// Documents that may be on their way; then producers pause.
const UNDER_WAY_MAX: usize = 300;

/// How a host dies.
#[derive(Clone, Debug)]
enum Death {
    /// At the so-manyeth hit of a point.
    At(&'static str, u64),
    /// So long after it was started, ready or not.
    AfterStart(Duration),
    /// When so many more documents have arrived.
    AfterArrivals(usize),
}

/// A document whose message was acknowledged.
#[derive(Clone, Debug)]
struct Acknowledged {
    message: String,
    document: Value,
}

struct Producers {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Vec<Acknowledged>>>,
}

// === impl Death ===

impl Death {
    /// Every point as often as it should be, and random moments between, in any order.
    fn plan(random: &mut Random) -> Vec<Self> {
        let mut plan = Vec::new();
        for name in failpoint::NAMES {
            for _ in 0..DEATHS_AT_A_POINT {
                plan.push(Self::At(name, 1 + random.below(hits_max(name))));
            }
        }
        for index in 0..DEATHS_AT_RANDOM {
            plan.push(match index % 2 {
                0 => Self::AfterStart(random.duration(LIFE_MAX)),
                _ => Self::AfterArrivals(1 + random.below(150) as usize),
            });
        }
        for last in (1..plan.len()).rev() {
            plan.swap(last, random.below(last as u64 + 1) as usize);
        }
        plan
    }

    async fn happen(&self, site: &Site, warehouse: &Receiver) {
        match self {
            Self::At(name, hits) => {
                let mut host = site.launch(Some(&format!("{name}:{hits}")));
                if !name.starts_with("start-") {
                    // It may be hit before the host says that it is ready.
                    host.ready_or_ended().await;
                }
                let status = host.end().await;
                assert_eq!(
                    status.signal(),
                    Some(6),
                    "the host did not die at {name} but ended with {status}"
                );
            }
            Self::AfterStart(life) => {
                let host = site.launch(None);
                tokio::time::sleep(*life).await;
                kill(host);
            }
            Self::AfterArrivals(more) => {
                let host = site.start().await;
                let enough = warehouse.count() + more;
                eventually("more documents to arrive", || warehouse.count() >= enough).await;
                kill(host);
            }
        }
    }
}

/// How often a point may be passed before the death; the rare ones at once.
fn hits_max(name: &str) -> u64 {
    match name {
        "journal-before-checkpoint"
        | "view-in-round"
        | "journal-before-seal"
        | "journal-after-rotate" => 2,
        name if name.starts_with("start-") => 1,
        _ => 80,
    }
}

/// `kill -9`, of a host that must still be running then.
fn kill(mut host: Host) {
    assert_eq!(host.poll(), None, "the host ended before it was killed");
    host.kill();
}

// === impl Producers ===

impl Producers {
    fn start(api: &Api, arrived: &Arc<AtomicUsize>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicUsize::new(0));
        let tasks = (0..ORDERS)
            .map(|index| {
                let (api, stop, sent, arrived) = (
                    api.clone(),
                    Arc::clone(&stop),
                    Arc::clone(&sent),
                    Arc::clone(arrived),
                );
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    while !stop.load(Ordering::SeqCst) {
                        if sent.load(Ordering::SeqCst)
                            > arrived.load(Ordering::SeqCst) + UNDER_WAY_MAX
                        {
                            pause().await;
                            continue;
                        }
                        let document =
                            order::revision(&format!("SO-{index}"), acknowledged.len() as u64);
                        let message = acknowledge(&api, &document).await;
                        acknowledged.push(Acknowledged { message, document });
                        sent.fetch_add(1, Ordering::SeqCst);
                    }
                    acknowledged
                })
            })
            .collect();
        Self { stop, tasks }
    }

    /// Lets every producer have what it has begun acknowledged.
    async fn finish(self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for task in self.tasks {
            all.extend(task.await.expect("a producer does not fail"));
        }
        all
    }
}

/// Has a document acknowledged, under a key of its own.
async fn acknowledge(api: &Api, document: &Value) -> String {
    let (order_no, revision) = order::name_of(document);
    let key = format!("{order_no}/{revision}");
    api.acknowledged("erp", &key, document).await.0
}

/// A producer's patience.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}

/// A partner that fails now and then, in every way a partner can.
fn moody(mut random: Random, arrived: Arc<AtomicUsize>) -> impl FnMut(&Arrival) -> Behaviour {
    let mut seen = BTreeSet::new();
    move |arrival| {
        if seen.insert(arrival.key.clone()) {
            arrived.fetch_add(1, Ordering::SeqCst);
        }
        match random.below(60) {
            0 => Behaviour::Hangs,
            1 => Behaviour::Answers(503, None),
            _ => Behaviour::Takes,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_message_is_lost_invented_or_reordered() {
    let mut random = Random::seeded();
    let arrived = Arc::new(AtomicUsize::new(0));
    let warehouse = Receiver::start().await;
    warehouse.script(moody(random.fork(), Arc::clone(&arrived)));
    let site = Site::new()
        .sender("erp")
        .receiver("warehouse", &warehouse)
        .folder("archive")
        .route("order", &["erp"], &["warehouse", "archive"])
        .set(
            "partners.warehouse.endpoint.concurrency_max",
            CONCURRENCY as i64,
        )
        .set(
            "partners.archive.endpoint.concurrency_max",
            CONCURRENCY as i64,
        )
        // So that segments end and checkpoints are made in every life.
        .set("journal.segment_bytes", 64 << 10)
        .set("journal.checkpoint_interval_ms", 100);
    let producers = Producers::start(&site.api(), &arrived);
    let deaths = Death::plan(&mut random);
    assert!(deaths.len() >= 50);
    for death in &deaths {
        death.happen(&site, &warehouse).await;
    }
    warehouse.set(Behaviour::Takes);
    let host = site.start().await;
    let acknowledged = producers.finish().await;
    host.api().until_idle().await;

    eprintln!("{} deaths, {} messages", deaths.len(), acknowledged.len());
    assert!(
        acknowledged.len() > 10 * deaths.len(),
        "only {} messages were sent",
        acknowledged.len()
    );
    check_messages(host.api(), &acknowledged).await;
    check_details(host.api(), &acknowledged, &mut random).await;
    check_warehouse(&warehouse.arrivals(), &acknowledged, deaths.len());
    check_archive(&site.folder_of("archive").files("outbox"), &acknowledged);
    host.finish().await;
}

/// The API knows every acknowledged message, and no other.
async fn check_messages(api: &Api, acknowledged: &[Acknowledged]) {
    let messages = api.messages().await;
    let known: BTreeSet<_> = messages.iter().map(|it| text(&it["id"])).collect();
    let sent: BTreeSet<_> = acknowledged.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        sent.len(),
        acknowledged.len(),
        "a message was acknowledged twice"
    );
    let lost: Vec<_> = sent.difference(&known).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let invented: Vec<_> = known.difference(&sent).collect();
    assert!(invented.is_empty(), "invented: {invented:?}");
    for message in &messages {
        assert_eq!(message["status"], "decoded", "{message}");
        assert_eq!(message["deliveries"], 2, "{message}");
    }
    assert_eq!(api.dead_letters().await, Vec::<Value>::new());
    for partner in ["warehouse", "archive"] {
        assert_eq!(
            api.partner(partner).await["delivered"],
            json!(acknowledged.len()),
            "deliveries to {partner}"
        );
    }
}

/// What is told of some messages: delivered to both, begun and ended.
async fn check_details(api: &Api, acknowledged: &[Acknowledged], random: &mut Random) {
    for _ in 0..50 {
        let sent = &acknowledged[random.below(acknowledged.len() as u64) as usize];
        let message = api.message(&sent.message).await;
        let deliveries = array(&message["deliveries"]);
        let statuses: Vec<_> = deliveries.iter().map(|it| text(&it["status"])).collect();
        assert_eq!(statuses, ["delivered"; 2], "{message}");
        let steps: Vec<_> = array(&message["timeline"])
            .iter()
            .map(|it| text(&it["step"]))
            .collect();
        assert_eq!(steps[..2], ["accepted", "decoded"], "{steps:?}");
        assert_eq!(
            steps.iter().filter(|step| **step == "delivered").count(),
            2,
            "{steps:?}"
        );
    }
}

/// The partner got every document, nothing else, in order, and a document again only
/// under its own key and only because of a death.
fn check_warehouse(arrivals: &[Arrival], acknowledged: &[Acknowledged], deaths: usize) {
    let sent: HashMap<_, _> = acknowledged
        .iter()
        .map(|it| (order::name_of(&it.document), it))
        .collect();
    let firsts: HashMap<_, _> = acknowledged
        .iter()
        .map(|it| (order::name_of(&it.document), it.message.as_str()))
        .filter(|((_, revision), _)| *revision == 0)
        .map(|((order_no, _), message)| (order_no, message))
        .collect();
    let mut keys: HashMap<String, (String, u64)> = HashMap::new();
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    let mut taken: HashMap<&str, usize> = HashMap::new();
    for arrival in arrivals {
        let name = order::name_of(&arrival.document);
        let sent = sent
            .get(&name)
            .unwrap_or_else(|| panic!("nobody sent {name:?}"));
        assert_eq!(arrival.document, sent.document);
        assert!(
            arrival.key.starts_with(&sent.message),
            "{name:?} came under {}",
            arrival.key
        );
        // All that concerns an order goes on under the id that its first message got.
        let first = firsts[&name.0];
        assert_eq!(arrival.correlation_id, first);
        assert_eq!(
            *keys
                .entry(arrival.key.clone())
                .or_insert_with(|| name.clone()),
            name,
            "one key for two documents"
        );
        // Also what comes again comes before anything that follows it.
        let (order_no, revision) = name;
        let before = newest.insert(order_no.clone(), revision);
        let next = before.map_or(0, |it| it + 1);
        assert!(
            revision == next || Some(revision) == before,
            "{order_no}: {revision} came after {before:?}"
        );
        if arrival.done == Behaviour::Takes {
            *taken.entry(&arrival.key).or_default() += 1;
        }
    }
    assert_eq!(
        keys.len(),
        acknowledged.len(),
        "every document came, each under one key"
    );
    assert_eq!(taken.len(), acknowledged.len(), "every document was taken");
    let again: usize = taken.values().map(|times| times - 1).sum();
    assert!(
        again <= deaths * CONCURRENCY,
        "{again} documents were sent again although they had been taken"
    );
}

/// The directory has every document once, numbered in order.
fn check_archive(files: &[(String, Vec<u8>)], acknowledged: &[Acknowledged]) {
    let mut numbered: BTreeMap<u64, (String, u64)> = BTreeMap::new();
    for (name, body) in files {
        let number = name
            .strip_prefix("order-")
            .and_then(|it| it.strip_suffix(".json"));
        let number = number
            .and_then(|it| it.parse().ok())
            .unwrap_or_else(|| panic!("what is {name}?"));
        let document =
            serde_json::from_slice(body).unwrap_or_else(|error| panic!("{name}: {error}"));
        numbered.insert(number, order::name_of(&document));
    }
    assert_eq!(files.len(), acknowledged.len());
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    for (order_no, revision) in numbered.into_values() {
        let next = next.entry(order_no.clone()).or_default();
        assert_eq!(revision, *next, "{order_no} in the archive");
        *next += 1;
    }
}
