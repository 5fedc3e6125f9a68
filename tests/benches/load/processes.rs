//! Orders that are under way: steps a second, what a host holds that has many of them, and
//! how long it takes to tell the story of one.
//!
//! The view holds 10,000 messages then, and no timer rings.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use e2e::harness::{Host, Site, order};
use serde_json::{Value, json};

use crate::{
    client::{self, Make},
    path::Counter,
};

/// Orders under way at the end.
const ORDERS: u64 = 50_000;
/// Orders that come in one message.
const TOGETHER: u64 = 10;
/// Stories that are asked for.
const STORIES: u64 = 1_000;
/// How often it is asked whether all is done.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// What has not moved for so long does not move any more.
const STALLED: Duration = Duration::from_secs(60);

/// Measures and prints.
pub(crate) async fn measure() {
    println!("processes, {ORDERS} orders, {TOGETHER} in a message");
    let counter = Counter::start().await;
    let site = site(&counter);
    let host = site.start().await;
    println!("  before: {} MiB", host.memory_kib() / 1024);
    let asks = "orders come, the ERP is asked";
    run(asks, &site, &host, "shop", order::original).await;
    println!("  {ORDERS} orders: {} MiB", host.memory_kib() / 1024);
    let releases = "the ERP accepts, a node is asked";
    run(releases, &site, &host, "erp", accepted).await;
    println!("  {ORDERS} with a node: {} MiB", host.memory_kib() / 1024);
    stories(&host, ORDERS).await;
    println!();
    host.finish().await;
}

fn accepted(order_no: &str) -> Value {
    json!({ "kind": "order-response", "order_no": order_no, "decision": "accepted" })
}

/// Partners whose orders take time.
pub(crate) fn site(counter: &Counter) -> Site {
    let node = toml::Value::from(toml::Table::from_iter([(
        "name".to_owned(),
        "north".into(),
    )]));
    let rule = toml::Value::from(toml::Table::from_iter([
        ("name".to_owned(), "all".into()),
        ("nodes".to_owned(), vec!["north"].into()),
    ]));
    let limit = |level: &str| {
        toml::Value::from(toml::Table::from_iter([
            ("level".to_owned(), level.into()),
            ("minutes".to_owned(), 600.into()),
        ]))
    };
    let limits = vec![limit("order-acknowledgement"), limit("acceptance")];
    ["erp", "north"]
        .into_iter()
        .fold(
            Site::new().sender("shop").sender("erp").sender("north"),
            |site, name| {
                let endpoint = format!("partners.{name}.endpoint");
                site.set(
                    &format!("{endpoint}.url"),
                    format!("http://{}", counter.address()),
                )
                .set(
                    &format!("{endpoint}.allow_networks"),
                    vec!["127.0.0.0/8".to_owned()],
                )
                .set(&format!("{endpoint}.concurrency_max"), 64)
            },
        )
        .set("partners.shop.role", "shop")
        .set("partners.erp.role", "erp")
        .set("partners.north.role", "warehouse")
        .set("process.node", vec![node])
        .set("process.routing", vec![rule])
        .set("process.limit", limits)
}

/// Sends a document about each order, and waits until all that follows is done.
async fn run(
    name: &str,
    site: &Site,
    host: &Host,
    from: &'static str,
    document: fn(&str) -> Value,
) {
    let bearer = format!("Bearer {}", site.token(from));
    let path = format!("/v1/partners/{from}/messages");
    let make: Make = Arc::new(move |message| {
        let numbers = message * TOGETHER..(message + 1) * TOGETHER;
        let documents: Vec<_> = numbers.map(|it| document(&format!("SO-{it}"))).collect();
        let key = format!("{from}-{message}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("idempotency-key", key.as_str()),
        ];
        let body = json!({ "documents": documents }).to_string();
        client::request(&path, &headers, &body)
    });
    let before = steps(host).await;
    let began = Instant::now();
    let sent = client::send(host.api().socket(), 0, ORDERS / TOGETHER, make).await;
    assert_eq!(sent.refused, 0, "messages of {from} are refused");
    // The document moves each order once, and what it is sent on as once more.
    let wanted = before + 2 * ORDERS;
    let (mut done, mut moved_at) = (steps(host).await, Instant::now());
    while done < wanted {
        tokio::time::sleep(ASK_EVERY).await;
        let now = steps(host).await;
        if now > done {
            (done, moved_at) = (now, Instant::now());
        }
        assert!(
            moved_at.elapsed() < STALLED,
            "{name}: {done} of {wanted} steps, and none since {STALLED:?}"
        );
    }
    let elapsed = began.elapsed();
    println!(
        "  {name}: {:.0} steps/s  ({} steps in {:.1} s, accepted after {:.1} s)",
        (done - before) as f64 / elapsed.as_secs_f64(),
        done - before,
        elapsed.as_secs_f64(),
        sent.elapsed.as_secs_f64(),
    );
}

/// Steps of orders so far.
async fn steps(host: &Host) -> u64 {
    let page = host.api().metrics().await;
    page.lines()
        .filter(|line| line.starts_with("crossdock_process_steps_total{process=\"order-to"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Asks for orders, all over the place.
pub(crate) async fn stories(host: &Host, orders: u64) {
    let mut took = Vec::new();
    for story in 0..STORIES {
        let number = story * 7_919 % orders;
        let path = format!("/v1/orders/SO-{number}");
        let began = Instant::now();
        let order = host.api().get(&path).await;
        took.push(began.elapsed());
        assert_eq!(order["order_no"], format!("SO-{number}"), "{order:#}");
    }
    took.sort_unstable();
    let at = |percent: usize| took[took.len() * percent / 100 - 1].as_secs_f64() * 1e3;
    println!(
        "  GET /v1/orders/NO: p50 {:.1} ms, p99 {:.1} ms",
        at(50),
        at(99)
    );
}
