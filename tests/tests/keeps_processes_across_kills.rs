//! Processes survive `kill -9` at any moment: every order ends where it would have ended,
//! each partner gets each thing under one key, timers ring that came due meanwhile, and a
//! view that is built anew says the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::process::ExitStatusExt as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossdock::failpoint;
use e2e::harness::{
    Api, Random, Receiver, WAIT, array,
    business::{
        Business, ORDER, exceptions, heard, hears, hears_by_key, in_short, order_stands, says,
        until_kinds,
    },
    papers::{LINES, answer, invoice, milestone, order, shipment},
    text,
};
use serde_json::Value;

/// Who has orders, one after another.
const PRODUCERS: usize = 6;
/// How many each has at least.
const ORDERS_MIN: usize = 5;
/// Deaths at each named point, and at random moments.
const DEATHS_AT_A_POINT: u64 = 3;
const DEATHS_AT_RANDOM: u64 = 6;
/// How often somebody who waits looks.
const PATIENCE: Duration = Duration::from_millis(3);
/// The longest life of a host that dies at random, from its start.
const LIFE_MAX: Duration = Duration::from_millis(2_500);

/// Takes an order through its whole life, whatever becomes of the host meanwhile.
async fn carry(api: &Api, erp: &Receiver, north: &Receiver, number: &str) {
    tell(api, "shop", number, "order", &order(number, LINES)).await;
    taken(erp, number).await;
    tell(api, "erp", number, "answer", &answer(number, "accepted", 1)).await;
    taken(north, number).await;
    let accepted = answer(number, "accepted", 2);
    tell(api, "north", number, "answer", &accepted).await;
    for (part, lines) in [("A", &LINES[..1]), ("B", &LINES[1..])] {
        let id = format!("{number}-{part}");
        let shipped = shipment(&id, number, 60, lines);
        tell(api, "north", number, &id, &shipped).await;
        let delivered = milestone(&id, number, "delivered", 600);
        tell(api, "north", number, &format!("{id}/delivered"), &delivered).await;
    }
    let bill = invoice(&format!("INV-{number}"), number, LINES);
    tell(api, "erp", number, "invoice", &bill).await;
}

/// Has a document of an order accepted, under a key of its own.
async fn tell(api: &Api, partner: &str, number: &str, what: &str, document: &Value) {
    let key = format!("{number}/{what}");
    api.acknowledged(partner, &key, document).await;
}

/// Waits until a partner has the order.
async fn taken(receiver: &Receiver, number: &str) {
    let wanted = format!("order original {number}");
    let deadline = Instant::now() + WAIT;
    loop {
        let taken = receiver.taken();
        if taken.iter().any(|it| in_short(&it.document) == wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "nobody gets {wanted}");
        tokio::time::sleep(PATIENCE).await;
    }
}

/// Each partner has everything of each order, each thing under one key.
fn check_books(business: &Business, numbers: &[String]) {
    let all = [
        (&business.erp, 6),
        (&business.crm, 9),
        (&business.shop, 6),
        (&business.north, 1),
    ];
    for (receiver, each) in all {
        let mut keys: BTreeMap<String, String> = BTreeMap::new();
        let mut documents: BTreeMap<String, String> = BTreeMap::new();
        let mut first_words: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for arrival in receiver.taken() {
            let content = arrival.document.to_string();
            let known = keys
                .entry(arrival.key.clone())
                .or_insert_with(|| content.clone());
            assert_eq!(*known, content, "one key for two documents");
            let key = documents
                .entry(content.clone())
                .or_insert_with(|| arrival.key.clone());
            assert_eq!(
                *key,
                arrival.key,
                "two keys for {}",
                in_short(&arrival.document)
            );
            let order_no = text(&arrival.document["order_no"]).to_owned();
            first_words.entry(order_no).or_default().insert(content);
        }
        for number in numbers {
            let had = first_words.get(number).map_or(0, BTreeSet::len);
            assert_eq!(had, each, "{number} at {:?}", heard(receiver).len());
        }
        assert_eq!(first_words.len(), numbers.len(), "of other orders too");
    }
    assert_eq!(business.south.count(), 0);
}

/// All instances as they are told, but for what changes with the time of asking.
async fn instances(api: &Api) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = "/v1/processes?limit=100".to_owned();
    loop {
        let page = api.get(&path).await;
        all.extend_from_slice(array(&page["instances"]));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/processes?limit=100&after={next}");
    }
    for instance in &mut all {
        let (process, key) = (text(&instance["process"]), text(&instance["key"]));
        *instance = api.get(&format!("/v1/processes/{process}/{key}")).await;
    }
    all
}

/// The host dies at each step of a process, and at random moments.
async fn die(business: &Business, random: &mut Random) {
    for name in failpoint::PROCESS_NAMES {
        for _ in 0..DEATHS_AT_A_POINT {
            let point = format!("{name}:{}", 1 + random.below(40));
            let mut host = business.site().launch(Some(&point));
            host.ready_or_ended().await;
            let status = host.end().await;
            assert_eq!(status.signal(), Some(6), "no death at {point}: {status}");
        }
    }
    for _ in 0..DEATHS_AT_RANDOM {
        let mut host = business.site().launch(None);
        let dies_at = tokio::time::Instant::now() + random.duration(LIFE_MAX);
        // Partners find it as soon as it is ready, if it lives that long.
        let ready = tokio::time::timeout_at(dies_at, host.ready_or_ended()).await;
        assert!(
            !matches!(ready, Ok(Some(_))),
            "the host ended before it was killed"
        );
        tokio::time::sleep_until(dies_at).await;
        assert_eq!(host.poll(), None, "the host ended before it was killed");
        host.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_ends_closed_whenever_the_host_is_killed() {
    let mut random = Random::seeded();
    let business = Business::new().await;
    let Business { erp, north, .. } = &business;
    let (erp, north) = (Arc::clone(erp), Arc::clone(north));
    let api = business.site().api();
    let stop = Arc::new(AtomicBool::new(false));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let (api, stop) = (api.clone(), Arc::clone(&stop));
            let (erp, north) = (Arc::clone(&erp), Arc::clone(&north));
            tokio::spawn(async move {
                let mut numbers = Vec::new();
                while numbers.len() < ORDERS_MIN || !stop.load(Ordering::SeqCst) {
                    let number = format!("SO-{producer}-{}", numbers.len());
                    carry(&api, &erp, &north, &number).await;
                    numbers.push(number);
                }
                numbers
            })
        })
        .collect();

    die(&business, &mut random).await;
    stop.store(true, Ordering::SeqCst);
    let host = business.start().await;
    let mut numbers = Vec::new();
    for producer in producers {
        numbers.extend(producer.await.expect("a producer does not fail"));
    }
    let api = host.api();
    for number in &numbers {
        let closed = order_stands(api, number, "closed").await;
        assert_eq!(closed["facts"]["delivered"], "15", "{closed:#}");
    }
    api.until_idle().await;
    assert!(numbers.len() >= PRODUCERS * ORDERS_MIN);
    check_books(&business, &numbers);
    assert_eq!(api.dead_letters().await, Vec::<Value>::new());
    let open = api.get("/v1/exceptions").await;
    assert_eq!(array(&open["exceptions"]).len(), 0, "{open:#}");

    // The view says the same when it is built anew.
    let before = instances(api).await;
    assert_eq!(
        before.len(),
        numbers.len() * 3,
        "an order and two shipments"
    );
    host.stop().await;
    let rebuilt = business.site().run(&["rebuild"]).await;
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.said);
    let host = business.start().await;
    assert_eq!(instances(host.api()).await, before);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_came_due_while_nothing_ran_rings_at_the_start() {
    let business = Business::new().await.limit("acceptance", "north", 5);
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    let released = order_stands(api, "SO-1", "released").await;
    assert_eq!(released["waits"][0]["level"], "acceptance");
    // Nothing is on its way that would leave twice.
    hears(&business.north, &["order original SO-1"]).await;
    api.until_idle().await;
    host.kill();
    // The view is gone too: what is waited for is in the journal.
    std::fs::remove_dir_all(business.site().path("data/view")).expect("it can be deleted");
    let host = business.start().await;
    hears_by_key(&business.south, &["order original SO-1"]).await;
    hears_by_key(
        &business.north,
        &["order original SO-1", "order cancel SO-1"],
    )
    .await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_rings_once_although_the_host_dies_of_it() {
    for &name in failpoint::PROCESS_NAMES {
        let business = Business::new().await.limit("acceptance", "north", 6);
        let host = business.start().await;
        let api = host.api();
        business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
        order_stands(api, "SO-1", "released").await;
        hears(&business.north, &["order original SO-1"]).await;
        api.until_idle().await;
        host.kill();
        // What the first record of the next one is: an outcome, the warning or the breach.
        let mut deaths = 0;
        while heard(&business.south).is_empty() {
            let mut host = business.site().launch(Some(name));
            host.ready_or_ended().await;
            let status = host.end().await;
            assert_eq!(status.signal(), Some(6), "no death at {name}: {status}");
            deaths += 1;
            if name == "process-before-record" || deaths == 6 {
                // It would die of the same step for ever.
                break;
            }
        }
        let host = business.start().await;
        hears_by_key(&business.south, &["order original SO-1"]).await;
        let instance = order_stands(host.api(), "SO-1", "released").await;
        let steps = array(&instance["history"]).iter();
        let breaches = steps
            .flat_map(|it| array(&it["events"]))
            .filter(|it| it["event"] == "level-breached" && it["subject"] == "north")
            .count();
        assert_eq!(breaches, 1, "{instance:#}");
        host.finish().await;
        hears_by_key(
            &business.north,
            &["order original SO-1", "order cancel SO-1"],
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_did_is_done_after_a_kill() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &answer("SO-1", "accepted-with-changes", 2)).await;
    until_kinds(api, "order/SO-1", &["changed-by-node"]).await;
    let (status, resolved) =
        e2e::harness::business::resolve(api, "order/SO-1", "changed-by-node", "reroute").await;
    assert_eq!(status, 200, "{resolved}");
    host.kill();
    let host = business.start().await;
    hears_by_key(&business.south, &["order original SO-1"]).await;
    let instance = order_stands(host.api(), "SO-1", "released").await;
    assert_eq!(instance["facts"]["node"], "south");
    let found = exceptions(host.api(), "order/SO-1").await;
    assert!(
        found.iter().all(|it| it["kind"] == "node-rejection"),
        "{found:?}"
    );
    let path = format!("/v1/processes/{ORDER}/order/SO-1");
    let told = host.api().get(&path).await;
    let causes: Vec<_> = array(&told["history"])
        .iter()
        .map(|it| text(&it["cause"]["kind"]))
        .collect();
    assert!(causes.contains(&"action"), "{causes:?}");
    host.finish().await;
}
