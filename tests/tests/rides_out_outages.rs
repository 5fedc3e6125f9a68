//! A warehouse that is down keeps its work waiting and nobody in the dark: the service
//! desk hears of it once and of its end once, everything arrives once, and an order does
//! not wait for ever where another node can ship it.

use std::collections::BTreeSet;

use e2e::harness::{
    Api, Behaviour,
    business::{Business, ORDER, exceptions, heard, hears, in_short, order_stands, says, stands},
    papers::{LINES, answer, order, shipment},
    text, until,
};
use serde_json::Value;

/// Orders that wait while the north is down.
const ORDERS: usize = 4;

/// Nobody but the north ships where the orders go.
const NORTH_ALONE: &str = r#"
    [[node]]
    name = "north"
    [[node]]
    name = "south"
    regions = [{ country = "CA" }]
"#;

fn numbers() -> Vec<String> {
    (1..=ORDERS).map(|it| format!("SO-{it}")).collect()
}

/// How often the service desk was told this, by order. The same request twice, under one
/// key, is told once.
fn told(business: &Business, template: &str) -> Vec<String> {
    let taken = business.crm.taken();
    let told = taken
        .iter()
        .filter(|it| it.document["template"] == template);
    let told: BTreeSet<_> = told
        .map(|it| (text(&it.document["order_no"]).to_owned(), it.key.clone()))
        .collect();
    told.into_iter().map(|(order_no, _)| order_no).collect()
}

async fn until_told(business: &Business, template: &str, orders: &[String]) {
    until(format!("{template} to be told of {orders:?}"), async || {
        let told = told(business, template);
        if told == orders {
            Ok(())
        } else {
            Err(format!("{told:?}"))
        }
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

#[tokio::test(flavor = "multi_thread")]
async fn work_waits_for_a_warehouse_that_is_down_and_the_desk_hears_of_it_once() {
    let business = Business::new().await.with("node", NORTH_ALONE);
    let host = business.start().await;
    let api = host.api();
    business.north.close();
    for number in numbers() {
        business
            .accepted(api, &number, &order(&number, LINES))
            .await;
        order_stands(api, &number, "released").await;
    }
    until_breaker(api, "north", "open").await;
    until_told(&business, "fulfilment-partner-unavailable", &numbers()).await;

    // It survives a restart, and nobody is told again.
    host.kill();
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-9", &order("SO-9", LINES)).await;
    let mut all = numbers();
    all.push("SO-9".to_owned());
    until_told(&business, "fulfilment-partner-unavailable", &all).await;
    for number in &all {
        order_stands(api, number, "released").await;
    }
    assert_eq!(told(&business, "fulfilment-partner-available"), [""; 0]);

    business.north.open().await;
    api.until_idle().await;
    until_told(&business, "fulfilment-partner-available", &all).await;
    let releases: Vec<_> = all
        .iter()
        .map(|it| format!("order original {it}"))
        .collect();
    let releases: Vec<_> = releases.iter().map(String::as_str).collect();
    hears(&business.north, &releases).await;
    for number in &all {
        says(
            api,
            "north",
            &shipment(&format!("SH-{number}"), number, 60, LINES),
        )
        .await;
        order_stands(api, number, "shipped").await;
        let key = format!("order/{number}");
        assert_eq!(exceptions(api, &key).await, Vec::<Value>::new());
    }
    api.until_idle().await;
    assert_eq!(told(&business, "fulfilment-partner-unavailable"), all);
    assert_eq!(told(&business, "fulfilment-partner-available"), all);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_comes_meanwhile_goes_to_a_node_that_answers() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.north.set(Behaviour::Answers(503, None));
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    until_breaker(api, "north", "open").await;
    // A breaker that tries whether the partner is back may let one more through.
    api.post(
        "/v1/partners/north/breaker",
        &serde_json::json!({ "action": "open" }),
    )
    .await;
    business.accepted(api, "SO-2", &order("SO-2", LINES)).await;
    hears(&business.south, &["order original SO-2"]).await;
    let first = order_stands(api, "SO-1", "released").await;
    assert_eq!(first["facts"]["node"], "north", "without a limit it waits");
    business.north.set(Behaviour::Takes);
    api.post(
        "/v1/partners/north/breaker",
        &serde_json::json!({ "action": "reset" }),
    )
    .await;
    hears(&business.north, &["order original SO-1"]).await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_rerouted_when_the_outage_lasts() {
    let business = Business::new().await.limit("outage", "north", 1);
    let host = business.start().await;
    let api = host.api();
    business.north.close();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    until_told(&business, "fulfilment-partner-unavailable", &numbers()[..1]).await;
    hears(&business.south, &["order original SO-1"]).await;
    // The order is out of the trouble, although the north is not.
    until_told(&business, "fulfilment-partner-available", &numbers()[..1]).await;
    says(api, "south", &answer("SO-1", "accepted", 2)).await;
    order_stands(api, "SO-1", "accepted").await;

    // When it is back the north gets the order and that it shall not ship it.
    business.north.open().await;
    let releases = ["order original SO-1", "order cancel SO-1"];
    until("the north to hear both, in this order", async || {
        let taken = business.north.taken();
        let taken: Vec<_> = taken.iter().map(|it| in_short(&it.document)).collect();
        if taken == releases {
            Ok(())
        } else {
            Err(format!("{taken:?}"))
        }
    })
    .await;
    says(api, "south", &shipment("SH-1", "SO-1", 60, LINES)).await;
    let shipped = order_stands(api, "SO-1", "shipped").await;
    assert_eq!(shipped["facts"]["node"], "south");
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_waits_the_outage_out_by_policy() {
    let business = Business::new()
        .await
        .limit("outage", "north", 1)
        .set("process.order.wait_out_outages", true);
    let host = business.start().await;
    let api = host.api();
    business.north.close();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    until_told(&business, "fulfilment-partner-unavailable", &numbers()[..1]).await;
    until("the limit to pass", async || {
        let instance = stands(api, ORDER, "order/SO-1", "released").await;
        let waits = instance["waits"].as_array().cloned().unwrap_or_default();
        let outage = waits.iter().find(|it| it["level"] == "outage");
        let passed = outage.is_some_and(|it| it["breached"] == true);
        if passed {
            Ok(())
        } else {
            Err(format!("{waits:?}"))
        }
    })
    .await;
    business.north.open().await;
    hears(&business.north, &["order original SO-1"]).await;
    host.finish().await;
    hears(&business.south, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_desk_that_is_down_hears_everything_when_it_is_back() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.crm.close();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &answer("SO-1", "accepted", 2)).await;
    says(api, "north", &shipment("SH-1", "SO-1", 60, LINES)).await;
    order_stands(api, "SO-1", "shipped").await;
    assert_eq!(heard(&business.crm), [""; 0]);
    business.crm.open().await;
    let all = [
        "answer accepted SO-1",
        "shipment SH-1",
        "told order-shipped",
    ];
    hears(&business.crm, &all).await;
    let taken = business.crm.taken();
    let order: Vec<_> = taken.iter().map(|it| in_short(&it.document)).collect();
    assert_eq!(order, all, "in the order in which they were said");
    host.finish().await;
}
