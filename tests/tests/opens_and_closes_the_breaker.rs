//! A dead partner stops being called, and comes back: its work waits meanwhile, others
//! notice nothing, and then everything arrives once and in order.

use std::time::{Duration, Instant};

use crossdock::clock::Clock;
use e2e::harness::{Api, Behaviour, Receiver, Site, array, eventually, order, text, until};
use serde_json::{Value, json};

/// Orders, each with as many changes.
const ORDERS: u64 = 5;
const REVISIONS: u64 = 4;

/// An ERP whose orders go to the north, and whose service cases go to the south.
async fn site() -> (Receiver, Receiver, Site) {
    let north = Receiver::start().await;
    let south = Receiver::start().await;
    let site = Site::new()
        .sender("erp")
        .receiver("north", &north)
        .receiver("south", &south)
        .route("order", &["erp"], &["north"])
        .route("other", &["erp"], &["south"]);
    (north, south, site)
}

async fn send_orders(api: &Api) {
    for revision in 0..REVISIONS {
        for number in 0..ORDERS {
            let order_no = format!("SO-{number}");
            let key = format!("{order_no}/{revision}");
            api.accepted("erp", &key, &order::revision(&order_no, revision))
                .await;
        }
    }
}

/// Has the other partner sent something, and waits until it is there.
async fn others_flow(api: &Api, south: &Receiver, number: usize) {
    let other = json!({ "kind": "other", "type": "note", "business_key": number.to_string(), "content": "{}" });
    api.accepted("erp", &format!("note-{number}"), &other).await;
    // An earlier one may come again: a kill can cut off the record that it was taken.
    let number = number.to_string();
    eventually("the other partner to get its document", || {
        let taken = south.taken();
        taken.iter().any(|it| it.document["business_key"] == number)
    })
    .await;
}

async fn until_breaker(api: &Api, partner: &str, state: &str) {
    until(
        format!("the breaker of {partner} to be {state}"),
        async || {
            let found = api.breaker(partner).await;
            if found == state { Ok(()) } else { Err(found) }
        },
    )
    .await;
}

/// Every order came once under each key, its changes in order.
fn all_once_and_in_order(receiver: &Receiver) {
    let taken = receiver.taken();
    assert_eq!(taken.len() as u64, ORDERS * REVISIONS);
    for number in 0..ORDERS {
        let names = taken.iter().map(|it| order::name_of(&it.document));
        let revisions: Vec<_> = names
            .filter(|(order_no, _)| *order_no == format!("SO-{number}"))
            .map(|(_, it)| it)
            .collect();
        assert_eq!(revisions, (0..REVISIONS).collect::<Vec<_>>(), "SO-{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_refuses_connections_is_left_alone_until_it_is_back() {
    let (north, south, site) = site().await;
    // So long that only few probes are made while the test looks.
    let site = site
        .set("partners.north.endpoint.breaker.open_ms", 300)
        .set("partners.north.endpoint.breaker.open_ms_max", 600);
    let host = site.start().await;
    let api = host.api();
    north.close();
    send_orders(api).await;
    until_breaker(api, "north", "open").await;
    others_flow(api, &south, 1).await;

    let stands = api.partner("north").await;
    assert_eq!(
        stands["waiting"].as_u64().unwrap_or(0) + stands["in_flight"].as_u64().unwrap_or(0),
        ORDERS * REVISIONS
    );
    assert_eq!(stands["delivered"], 0);
    assert!(stands["oldest_waiting_since"].is_string(), "{stands}");
    assert!(stands["breaker_moved_at"].is_string(), "{stands}");
    assert_eq!(api.breaker("south").await, "closed");

    // The state survives a restart, and so does the work.
    host.kill();
    let host = site.start().await;
    let api = host.api();
    assert_ne!(api.breaker("north").await, "closed");
    others_flow(api, &south, 2).await;

    north.open().await;
    api.until_idle().await;
    all_once_and_in_order(&north);
    assert_eq!(api.breaker("north").await, "closed");
    assert_eq!(api.dead_letters().await, Vec::<Value>::new());
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_answers_503_is_called_less_and_less() {
    let (north, south, site) = site().await;
    let site = site
        .set("partners.north.endpoint.breaker.open_ms", 200)
        .set("partners.north.endpoint.breaker.open_ms_max", 800);
    let host = site.start().await;
    let api = host.api();
    north.set(Behaviour::Answers(503, None));
    send_orders(api).await;
    until_breaker(api, "north", "open").await;
    // Five failures open it; what was under way then may end after that.
    let calls = north.count();
    assert!(
        (5..=5 + 8).contains(&calls),
        "{calls} calls before it opened"
    );
    eventually("four probes to be made", || north.count() >= calls + 4).await;
    let arrivals = north.arrivals();
    let gaps: Vec<_> = arrivals[calls..]
        .windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .collect();
    for (gap, least) in gaps.iter().zip([400, 800, 800]) {
        assert!(
            *gap >= Duration::from_millis(least),
            "probes came after {gaps:?}"
        );
    }
    others_flow(api, &south, 1).await;

    north.set(Behaviour::Takes);
    api.until_idle().await;
    all_once_and_in_order(&north);
    until_breaker(api, "north", "closed").await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_never_answers_holds_up_nobody_else() {
    let (north, south, site) = site().await;
    let site = site
        .set("partners.north.endpoint.timeout_ms", 300)
        .set("partners.north.endpoint.connect_timeout_ms", 200)
        .set("partners.north.endpoint.concurrency_max", 2);
    let host = site.start().await;
    let api = host.api();
    north.set(Behaviour::Waits);
    send_orders(api).await;
    eventually("calls to be under way", || north.count() >= 2).await;
    others_flow(api, &south, 1).await;
    until_breaker(api, "north", "open").await;
    others_flow(api, &south, 2).await;

    north.set(Behaviour::Takes);
    api.until_idle().await;
    // It had noted what it never answered: the same came again under the same key.
    let arrivals = north.arrivals();
    for one in &arrivals {
        for other in arrivals.iter().filter(|other| other.key == one.key) {
            assert_eq!(other.document, one.document);
        }
    }
    host.finish().await;
}

/// Two seconds, as `Retry-After` can say it.
fn in_two_seconds() -> String {
    "2".to_owned()
}

/// The same as a date. It has no fractions, so it is up to a second later.
fn at_a_date() -> String {
    let now = Clock::System.now().plus(Duration::from_secs(3));
    let moment = jiff::Timestamp::from_millisecond(now.as_millis()).expect("it is a date");
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `Retry-After` is a lower bound, of 503 and of 429, in both its forms, also over a
/// restart and for a breaker that did not open.
#[tokio::test(flavor = "multi_thread")]
async fn a_partner_that_says_when_to_come_back_is_obeyed() {
    let cases: [(u16, fn() -> String); 4] = [
        (503, in_two_seconds),
        (429, in_two_seconds),
        (503, at_a_date),
        (429, at_a_date),
    ];
    for (status, when) in cases {
        let (north, south, site) = site().await;
        let mut host = site.start().await;
        north.script(move |_| Behaviour::Answers(status, Some(when())));
        let id = host
            .api()
            .accepted("erp", "a", &order::original("SO-1"))
            .await;
        eventually("the first call", || north.count() == 1).await;
        let called = Instant::now();
        north.set(Behaviour::Takes);
        until("the refusal to be durable", async || {
            let message = host.api().message(&id).await;
            let status = text(&message["deliveries"][0]["status"]).to_owned();
            if status == "retrying" {
                Ok(())
            } else {
                Err(status)
            }
        })
        .await;
        host.kill();
        host = site.start().await;
        others_flow(host.api(), &south, 1).await;

        let message = host.api().settled(&id).await;
        let arrivals = north.arrivals();
        assert_eq!(arrivals.len(), 2, "{status}");
        assert_eq!(arrivals[0].key, arrivals[1].key);
        // The host counts from when it had read the answer, which is later.
        let waited = arrivals[1].at - arrivals[0].at;
        assert!(
            waited >= Duration::from_millis(1_990),
            "after {status} it came back in {waited:?}"
        );
        assert!(called.elapsed() < Duration::from_secs(30));
        let steps: Vec<_> = array(&message["timeline"])
            .iter()
            .map(|it| text(&it["step"]))
            .collect();
        assert_eq!(
            steps,
            [
                "accepted",
                "decoded",
                "attempt",
                "retry",
                "attempt",
                "delivered"
            ]
        );
        host.finish().await;
    }
}

/// The whole lane waits, not only what was refused, and a restart does not shorten it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_partner_says_holds_for_its_whole_lane_also_over_a_restart() {
    let (north, _south, site) = site().await;
    let host = site.start().await;
    north.set(Behaviour::Answers(429, Some(in_two_seconds())));
    let refused = host
        .api()
        .accepted("erp", "a", &order::original("SO-1"))
        .await;
    until("the lane to be held", async || {
        let stands = host.api().partner("north").await;
        let held = stands["held_until"].is_string();
        held.then_some(()).ok_or_else(|| stands.to_string())
    })
    .await;
    until("the refusal to be durable", async || {
        let status = host.api().message(&refused).await["deliveries"][0]["status"].clone();
        (status == "retrying")
            .then_some(())
            .ok_or_else(|| status.to_string())
    })
    .await;
    north.set(Behaviour::Takes);
    host.kill();
    let host = site.start().await;
    let other = host
        .api()
        .accepted("erp", "b", &order::original("SO-2"))
        .await;
    host.api().settled(&other).await;
    let arrivals = north.arrivals();
    let waited = arrivals[1].at - arrivals[0].at;
    assert!(
        waited >= Duration::from_millis(1_990),
        "it was called again after {waited:?}"
    );
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_opens_and_resets_a_breaker() {
    let (north, south, site) = site().await;
    let host = site.start().await;
    let opened = site
        .ask(&["partners", "breaker", "north", "open", "--by", "ann"])
        .await;
    assert_eq!(opened["breaker"]["state"], "forced-open", "{opened}");
    send_orders(host.api()).await;
    others_flow(host.api(), &south, 1).await;
    assert_eq!(north.count(), 0);

    host.kill();
    let host = site.start().await;
    others_flow(host.api(), &south, 2).await;
    assert_eq!(north.count(), 0);
    let shown = site.ask(&["partners", "show", "north"]).await;
    assert_eq!(shown["breaker"]["state"], "forced-open", "{shown}");
    let since = shown["breaker"]["since"]
        .as_str()
        .map(str::parse::<jiff::Timestamp>);
    assert!(since.is_some_and(|it| it.is_ok()), "{shown}");

    site.ask(&["partners", "breaker", "north", "reset"]).await;
    host.api().until_idle().await;
    all_once_and_in_order(&north);
    assert_eq!(host.api().breaker("north").await, "closed");
    host.finish().await;
}
