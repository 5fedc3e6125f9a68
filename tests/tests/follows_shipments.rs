//! A shipment is followed on its way whatever order its milestones come in: it never goes
//! back, everybody hears each change once, and what goes wrong is one case until it is over.

use e2e::harness::{
    Api, Host, Receiver, array,
    business::{
        Business, exceptions, heard, hears, kinds, moves, order_stands, resolve, says, stands,
        until_kinds,
    },
    papers::{LINES, at, milestone, order, shipment},
    text, until,
};
use serde_json::{Value, json};

const SHIPMENT: &str = "shipment-visibility";
const KEY: &str = "shipment/SH-1";

/// Partners with a carrier among them.
async fn business() -> Business {
    Business::new()
        .await
        .at(|site| site.sender("ups").set("partners.ups.role", "carrier"))
}

/// A milestone of the one shipment with the time at which it will be there.
fn estimate(code: &str, second: u32, expected: u32) -> Value {
    let mut milestone = milestone("SH-1", "SO-1", code, second);
    milestone["estimated_delivery"] = at(expected);
    milestone
}

/// The milestones that a partner took.
fn milestones(receiver: &Receiver) -> Vec<String> {
    let mut heard = heard(receiver);
    heard.retain(|it| it.starts_with("milestone"));
    heard
}

/// Stops the host once ERP, desk and shop have heard of these milestones, and of no other.
async fn finish_told(business: &Business, host: Host, told: &[&str]) {
    let receivers = [&business.erp, &business.crm, &business.shop];
    for receiver in receivers {
        until(format!("{told:?} to be heard"), async || {
            let heard = milestones(receiver);
            if heard == told {
                Ok(())
            } else {
                Err(format!("{heard:?}"))
            }
        })
        .await;
    }
    host.finish().await;
    for receiver in receivers {
        assert_eq!(milestones(receiver), told);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_repeated_and_disordered_milestones_never_move_a_shipment_back() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &shipment("SH-1", "SO-1", 60, LINES)).await;
    for (partner, code, second, status) in [
        ("ups", "in-transit", 200, "in-transit"),
        // The same stage, told by another one.
        ("north", "in-transit", 220, "in-transit"),
        ("ups", "out-for-delivery", 500, "out-for-delivery"),
        ("north", "picked", 10, "out-for-delivery"),
        ("ups", "departed-origin", 70, "out-for-delivery"),
        ("ups", "delivered", 900, "delivered"),
        ("ups", "arrived-destination", 850, "delivered"),
        // By a clock that is ahead.
        ("ups", "arrived-terminal", 950, "delivered"),
    ] {
        let milestone = milestone("SH-1", "SO-1", code, second);
        let moved = moves(api, partner, &milestone, (SHIPMENT, KEY)).await;
        assert_eq!(moved["status"], status, "after {code}");
        // The same in another message is known, and no step at all.
        let again = says(api, partner, &milestone).await;
        assert_eq!(again["documents"][0]["disposition"], "duplicate");
    }
    order_stands(api, "SO-1", "delivered").await;
    let shown = api.get("/v1/shipments/SH-1").await;
    let stages = array(&shown["shipment"]["stages"]).iter();
    let stages: Vec<_> = stages.map(|it| text(&it["stage"])).collect();
    let happened = [
        "picked",
        "departed",
        "out-for-delivery",
        "arrived",
        "delivered",
        "in-transit",
    ];
    assert_eq!(stages, happened, "in the order in which it happened");
    assert_eq!(shown["links"]["order"], "/v1/orders/SO-1");
    let across = api.get("/v1/orders/SO-1").await;
    assert_eq!(across["shipments"][0]["status"], "delivered");
    let path = "/v1/processes?process=shipment-visibility&fact=order_no=SO-1&status=delivered";
    let listed = api.get(path).await;
    let listed: Vec<_> = array(&listed["instances"]).iter().collect();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["links"]["subject"], "/v1/shipments/SH-1");
    let missing = api.shown("/v1/shipments/SH-2", &[]).await;
    assert_eq!(
        (missing.status, &missing.body["code"]),
        (404, &json!("not-found"))
    );
    let told = [
        "milestone SH-1 delivered",
        "milestone SH-1 in-transit",
        "milestone SH-1 out-for-delivery",
    ];
    finish_told(&business, host, &told).await;
    let crm = heard(&business.crm);
    for template in ["shipment-out-for-delivery", "shipment-delivered"] {
        let notice = format!("told {template}");
        let times = crm.iter().filter(|it| **it == notice).count();
        assert_eq!(times, 1, "{template} in {crm:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_estimate_moves_the_estimate_and_nothing_else() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    says(api, "north", &shipment("SH-1", "SO-1", 60, LINES)).await;
    says(api, "ups", &milestone("SH-1", "SO-1", "in-transit", 200)).await;
    stands(api, SHIPMENT, KEY, "in-transit").await;
    let first = estimate("estimate", 300, 7_000);
    let moved = moves(api, "ups", &first, (SHIPMENT, KEY)).await;
    assert_eq!(moved["facts"]["estimate"], at(7_000)["text"]);
    assert_eq!(moved["status"], "in-transit");
    // What was estimated before that, and the same again, moves nothing.
    let older = estimate("estimate", 250, 5_000);
    let moved = moves(api, "ups", &older, (SHIPMENT, KEY)).await;
    assert_eq!(moved["facts"]["estimate"], at(7_000)["text"]);
    says(api, "ups", &first).await;
    // Both in one: the stage and a new estimate.
    let both = estimate("out-for-delivery", 600, 6_500);
    moves(api, "ups", &both, (SHIPMENT, KEY)).await;
    let told = api.get("/v1/shipments/SH-1").await;
    assert_eq!(told["status"], "out-for-delivery");
    assert_eq!(told["shipment"]["estimated_delivery"], at(6_500)["text"]);
    let waits = array(&told["waits"]).iter();
    let waited: Vec<_> = waits.filter(|it| it["level"] == "delivery").collect();
    assert_eq!(waited.len(), 1, "{told:#}");
    let ran = business.site().run(&["shipments", "show", "SH-1"]).await;
    let line = format!(
        "shipment SH-1 of order SO-1: out-for-delivery, expected {}",
        text(&at(6_500)["text"])
    );
    assert!(ran.answer.starts_with(&line), "{}", ran.answer);
    let told = [
        "milestone SH-1 estimate",
        "milestone SH-1 in-transit",
        "milestone SH-1 out-for-delivery",
    ];
    finish_told(&business, host, &told).await;
}

/// The states of the case about this trouble, in the order in which the desk heard them,
/// and what was said last.
fn case(business: &Business, trouble: &str) -> (Vec<String>, String) {
    let key = format!("{KEY}/{trouble}");
    let taken = business.crm.taken();
    let about = taken.iter().map(|it| &it.document);
    let about: Vec<_> = about.filter(|it| it["external_key"] == key).collect();
    let last = about.last().map_or("", |it| text(&it["description"]));
    let states = about.iter().map(|it| text(&it["status"]).to_owned());
    (states.collect(), last.to_owned())
}

/// Waits until the desk has heard these states of the case; gives what was said last.
async fn until_case(business: &Business, trouble: &str, states: &[&str]) -> String {
    until(format!("the case {trouble} to be {states:?}"), async || {
        let (found, last) = case(business, trouble);
        if found == states {
            Ok(last)
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await
}

/// The carrier says this, for this reason; gives the shipment as it stands then.
async fn goes_wrong(api: &Api, code: &str, second: u32, reason: &str) -> Value {
    let mut trouble = milestone("SH-1", "SO-1", code, second);
    trouble["reason"] = json!(reason);
    moves(api, "ups", &trouble, (SHIPMENT, KEY)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_one_case_until_it_is_over() {
    for (code, kind, end, left) in [
        ("delayed", "delay", "out-for-delivery", &[][..]),
        ("refused", "refusal", "delivered", &[]),
        ("lost", "loss", "in-transit", &[]),
        (
            "damaged",
            "transit-damage",
            "returned-to-shipper",
            &["return-to-sender"],
        ),
    ] {
        let business = business().await;
        let host = business.start().await;
        let api = host.api();
        says(api, "north", &shipment("SH-1", "SO-1", 60, LINES)).await;
        goes_wrong(api, code, 100, "at the hub").await;
        until_kinds(api, KEY, &[kind]).await;
        let first = until_case(&business, code, &["open"]).await;
        assert!(first.ends_with(": at the hub"), "{first}");
        let opened = exceptions(api, KEY).await;

        // Worse, and then what was before that: the one case is updated, or stays as it is.
        goes_wrong(api, code, 150, "at the border").await;
        let second = until_case(&business, code, &["open"; 2]).await;
        assert!(second.ends_with(": at the border"), "{second}");
        let late = goes_wrong(api, code, 120, "on the road").await;
        let still = array(&late["open_exceptions"]);
        assert_eq!(still.len(), 1, "{still:?}");
        assert_eq!(still[0]["id"], opened[0]["id"]);
        assert_eq!(still[0]["text"], second, "{code}");
        let shown = api.get("/v1/shipments/SH-1").await;
        let trouble = &shown["shipment"]["troubles"][0];
        assert_eq!(
            (&trouble["trouble"], &trouble["open"]),
            (&json!(code), &json!(true))
        );

        says(api, "ups", &milestone("SH-1", "SO-1", end, 600)).await;
        let over = until_case(&business, code, &["open", "open", "resolved"]).await;
        assert_eq!(over, format!("shipment SH-1: {code} is over"));
        until_kinds(api, KEY, left).await;
        host.finish().await;
        assert_eq!(case(&business, code).0, ["open", "open", "resolved"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_that_comes_again_opens_the_case_again() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    says(api, "north", &shipment("SH-1", "SO-1", 60, LINES)).await;
    goes_wrong(api, "lost", 100, "not found").await;
    until_case(&business, "lost", &["open"]).await;
    says(api, "ups", &milestone("SH-1", "SO-1", "in-transit", 200)).await;
    until_case(&business, "lost", &["open", "resolved"]).await;
    goes_wrong(api, "lost", 300, "not found again").await;
    until_case(&business, "lost", &["open", "resolved", "open"]).await;
    assert_eq!(kinds(api, KEY).await, ["loss"]);

    // A person takes it as it is: the case is over, and what is so stays told.
    let (status, accepted) = resolve(api, KEY, "loss", "accept-variance").await;
    assert_eq!(status, 200, "{accepted}");
    until_kinds(api, KEY, &[]).await;
    until_case(&business, "lost", &["open", "resolved", "open", "resolved"]).await;
    let ran = business.site().run(&["shipments", "show", "SH-1"]).await;
    assert!(
        ran.answer.contains("lost (open) not found again"),
        "{}",
        ran.answer
    );
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_shipment_is_lost_is_a_person_s_until_it_is_found() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &shipment("SH-1", "SO-1", 60, LINES)).await;
    order_stands(api, "SO-1", "shipped").await;
    goes_wrong(api, "lost", 100, "not found").await;
    until_kinds(api, "order/SO-1", &["loss"]).await;
    let lost = &exceptions(api, "order/SO-1").await[0];
    assert_eq!(lost["text"], "shipment SH-1 will not arrive: lost");
    says(api, "ups", &milestone("SH-1", "SO-1", "in-transit", 200)).await;
    until_kinds(api, "order/SO-1", &[]).await;
    order_stands(api, "SO-1", "shipped").await;
    host.finish().await;
    hears(&business.south, &[]).await;
}
