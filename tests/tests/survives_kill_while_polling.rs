//! Cursor and messages are one: wherever the host is killed, nothing that a partner has
//! is passed over, and nothing is taken in twice.

use std::{collections::BTreeMap, os::unix::process::ExitStatusExt as _};

use crossdock::failpoint;
use e2e::harness::{Books, Receiver, Site, Told, text, until};

/// Orders that the partner has.
const ORDERS: usize = 150;
/// Orders of one answer.
const PAGE: usize = 7;

/// What the partner answers from the order behind the first so many on.
fn feed(question: &str) -> Told {
    let after = question
        .strip_prefix("GET /feed?after=")
        .and_then(|it| it.parse::<usize>().ok())
        .expect("the adapter asks for the feed");
    let mut body: String = (after + 1..=ORDERS)
        .take(PAGE)
        .map(|number| format!("SO-{number}\n"))
        .collect();
    if after + PAGE < ORDERS {
        body.push_str("more\n");
    }
    (200, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_skipped_or_repeated_wherever_the_host_dies() {
    let (books, warehouse) = (Books::open(|it| feed(it)).await, Receiver::start().await);
    let site = Site::new()
        .polled("feed", "feed", &books, 1)
        .receiver("warehouse", &warehouse)
        .route("order", &["feed"], &["warehouse"]);
    // Early and late in a run; the third point within the messages of one poll.
    let deaths = failpoint::POLL_NAMES.iter().flat_map(|name| {
        let hits = match *name {
            "poll-after-accepted" => [1, 3, 12],
            _ => [1, 2, 3],
        };
        hits.map(|hits| format!("{name}:{hits}"))
    });
    let journal = [
        "journal-after-write:1",
        "journal-after-sync:2",
        "journal-after-projection:1",
    ];
    for death in deaths.chain(journal.map(str::to_owned)) {
        let mut host = site.launch(Some(&death));
        let status = host.end().await;
        assert_eq!(
            status.signal(),
            Some(6),
            "the host did not die at {death} but ended with {status}"
        );
    }

    let host = site.start().await;
    until("the whole feed to be fetched", async || {
        let poll = host.api().partner("feed").await["poll"].clone();
        let done = poll["cursor"].as_str() == Some(ORDERS.to_string().as_str());
        done.then_some(()).ok_or_else(|| poll.to_string())
    })
    .await;
    host.api().until_idle().await;
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for message in host.api().messages().await {
        let shown = host.api().message(text(&message["id"])).await;
        assert_eq!(shown["message"]["channel"], "poll");
        let order = text(&shown["documents"][0]["business_key"]).to_owned();
        *taken.entry(order).or_default() += 1;
    }
    let expected: BTreeMap<_, _> = (1..=ORDERS)
        .map(|number| (format!("order/SO-{number}"), 1))
        .collect();
    assert_eq!(taken, expected);
    // Deliveries may be repeated, under their keys.
    let mut delivered: BTreeMap<String, String> = BTreeMap::new();
    for arrival in warehouse.arrivals() {
        let order = text(&arrival.document["order_no"]).to_owned();
        let key = delivered
            .entry(order)
            .or_insert_with(|| arrival.key.clone());
        assert_eq!(*key, arrival.key);
    }
    assert_eq!(delivered.len(), ORDERS);
    host.finish().await;
}
