//! An order goes to the node that can ship it best, by rules that are data: who offers the
//! service, who has room, whose goods leave first, who has the stock. Whoever asks why hears
//! what was said of each node then.

use std::{collections::BTreeMap, time::Duration};

use crossdock::clock::{Clock, Timestamp};
use e2e::harness::{
    Api, array,
    business::{Business, hears, kinds, order_stands, resolve, says, stands, until_kinds},
    papers::{LINES, by_carrier, order, shipment, snapshot, to_postal},
    text, until,
};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// Two nodes that ship everywhere, with these priorities.
fn everywhere(north: u32, south: u32) -> String {
    format!(
        "[[node]]\nname = \"north\"\npriority = {north}\n[[node]]\nname = \"south\"\npriority = {south}\n"
    )
}

/// Where an order went, by which rule, and what was said of each node.
struct Decided {
    rule: String,
    node: String,
    reasons: BTreeMap<String, String>,
}

/// The last decision about an order.
async fn decided(api: &Api, order_no: &str) -> Decided {
    let across = api.get(&format!("/v1/orders/{order_no}")).await;
    let last = array(&across["routing"]).last().cloned();
    let last = last.unwrap_or_else(|| panic!("nothing was decided: {across:#}"));
    let reasons = array(&last["reasons"]).iter();
    Decided {
        rule: text(&last["rule"]).to_owned(),
        node: text(&last["node"]).to_owned(),
        reasons: reasons
            .map(|it| (text(&it["node"]).to_owned(), text(&it["text"]).to_owned()))
            .collect(),
    }
}

impl Decided {
    fn says(&self, node: &str, expected: &str) {
        let said = self.reasons.get(node).map_or("nothing", String::as_str);
        assert!(said.contains(expected), "{node}: {said}, not {expected}");
    }
}

/// An order that the ERP accepts, once a node is asked; gives the decision.
async fn routed(business: &Business, api: &Api, order_no: &str, order: &Value) -> Decided {
    business.accepted(api, order_no, order).await;
    order_stands(api, order_no, "released").await;
    decided(api, order_no).await
}

/// What `orders show NO --why` answers, its columns one space apart.
async fn why(business: &Business, order_no: &str) -> String {
    let asked = ["orders", "show", order_no, "--why"];
    let ran = business.site().run(&asked).await;
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    ran.answer.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_offers_the_service_and_has_the_carrier_is_asked() {
    const NODES: &str = r#"
        [[node]]
        name = "north"
        services = ["GROUND"]
        carriers = ["UPSN"]
        [[node]]
        name = "south"
        priority = 1
    "#;
    let business = Business::new().await.with("node", NODES);
    let host = business.start().await;
    let api = host.api();
    for (order_no, scac, service, node, said) in [
        ("SO-1", "UPSN", "GROUND", "north", "priority 0"),
        (
            "SO-2",
            "UPSN",
            "NEXT-DAY",
            "south",
            "it does not offer NEXT-DAY",
        ),
        (
            "SO-3",
            "FDEG",
            "GROUND",
            "south",
            "FDEG does not fetch there",
        ),
        ("SO-4", "UPSN", "Ground", "north", "priority 0"),
    ] {
        let order = by_carrier(order(order_no, LINES), scac, service);
        let decided = routed(&business, api, order_no, &order).await;
        assert_eq!(decided.node, node, "{order_no}");
        decided.says("north", said);
        decided.says("south", "priority 1");
    }
    let told = why(&business, "SO-2").await;
    let (_, told) = told.split_once("why this node").expect("it says why");
    for line in [
        "went to south, by rule all",
        "north it does not offer NEXT-DAY",
        "south its stock of CUP, TEA is not known, priority 1",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    let plain = business.site().run(&["orders", "show", "SO-2"]).await;
    assert!(!plain.answer.contains("why this node"), "{}", plain.answer);
    host.finish().await;
    hears(
        &business.north,
        &["order original SO-1", "order original SO-4"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_is_not_asked_until_something_has_left() {
    const NODES: &str = r#"
        [[node]]
        name = "north"
        open_orders_max = 1
        [[node]]
        name = "south"
        priority = 1
        open_orders_max = 1
    "#;
    let business = Business::new().await.with("node", NODES);
    let host = business.start().await;
    let api = host.api();
    let first = routed(&business, api, "SO-1", &order("SO-1", LINES)).await;
    assert_eq!(first.node, "north");
    let second = routed(&business, api, "SO-2", &order("SO-2", LINES)).await;
    assert_eq!(second.node, "south");
    second.says("north", "it is full: 1 of 1 orders open");

    business.accepted(api, "SO-3", &order("SO-3", LINES)).await;
    order_stands(api, "SO-3", "manual-review").await;
    let third = decided(api, "SO-3").await;
    assert_eq!(third.node, "", "there is none");
    third.says("south", "it is full: 1 of 1 orders open");
    assert_eq!(kinds(api, "order/SO-3").await, ["no-node-left"]);
    let told = why(&business, "SO-3").await;
    assert!(told.contains("no node can, by rule all"), "{told}");
    assert!(told.contains("can be resolved by"), "{told}");

    says(api, "north", &shipment("SH-1", "SO-1", 60, LINES)).await;
    order_stands(api, "SO-1", "shipped").await;
    let (status, looked) = resolve(api, "order/SO-3", "no-node-left", "retry").await;
    assert_eq!(status, 200, "{looked}");
    order_stands(api, "SO-3", "released").await;
    let third = decided(api, "SO-3").await;
    assert_eq!(third.node, "north");
    until_kinds(api, "order/SO-3", &[]).await;
    host.finish().await;
    hears(
        &business.north,
        &["order original SO-1", "order original SO-3"],
    )
    .await;
    hears(&business.south, &["order original SO-2"]).await;
}

/// Two nodes with the same cut-off time by their own clocks, and the one in Tokyo, which
/// it is next, when goods leave there.
fn cut_offs(north: &str, south: &str) -> (String, String, Timestamp) {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let soon = Clock::System.now().plus(Duration::from_secs(3_600));
    let minute = Timestamp::from_millis(soon.as_millis() / 60_000 * 60_000);
    let tokyo = TimeZone::get("Asia/Tokyo").expect("the zone is known");
    let there = jiff::Timestamp::from_millisecond(minute.as_millis()).expect("a moment");
    let cut_off = there.to_zoned(tokyo).strftime("%H:%M").to_string();
    let hours: Vec<_> = DAYS
        .iter()
        .map(|day| format!("{day} = \"00:00-24:00\""))
        .collect();
    let hours = hours.join(", ");
    let (mut nodes, mut calendars) = (String::new(), String::new());
    for (name, zone) in [("north", north), ("south", south)] {
        // Who is in Tokyo would otherwise come last.
        let priority = u32::from(zone == "Asia/Tokyo");
        nodes.push_str(&format!(
            "[[node]]\nname = \"{name}\"\ncut_off = \"{cut_off}\"\npriority = {priority}\n"
        ));
        calendars.push_str(&format!(
            "[[calendar]]\nname = \"{name}\"\ntime_zone = \"{zone}\"\nhours = {{ {hours} }}\n"
        ));
    }
    (nodes, calendars, minute)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_where_goods_leave_first_by_the_clock_of_each_node() {
    for (north, south, node) in [
        ("America/Chicago", "Asia/Tokyo", "south"),
        ("Asia/Tokyo", "America/Chicago", "north"),
    ] {
        let (nodes, calendars, leaves) = cut_offs(north, south);
        let business = Business::new()
            .await
            .with("node", &nodes)
            .with("calendar", &calendars);
        let host = business.start().await;
        let decided = routed(&business, host.api(), "SO-1", &order("SO-1", LINES)).await;
        assert_eq!(decided.node, node);
        decided.says(node, &format!("goods leave at {leaves}"));
        decided.says("north", "goods leave at");
        decided.says("south", "goods leave at");
        let told = why(&business, "SO-1").await;
        assert!(told.contains(&format!("goods leave at {leaves}")), "{told}");
        host.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equals_the_one_with_the_lower_priority_number_or_named_first_is_asked() {
    const SOUTH_FIRST: &str = "[[routing]]\nname = \"all\"\nnodes = [\"south\", \"north\"]\n";
    for (north, south, node) in [(5, 1, "south"), (1, 5, "north"), (3, 3, "south")] {
        let business = Business::new()
            .await
            .with("node", &everywhere(north, south))
            .with("routing", SOUTH_FIRST);
        let host = business.start().await;
        let decided = routed(&business, host.api(), "SO-1", &order("SO-1", LINES)).await;
        assert_eq!(decided.node, node, "north {north}, south {south}");
        decided.says("north", &format!("priority {north}"));
        decided.says("south", &format!("priority {south}"));
        host.finish().await;
    }
}

/// The north has so much tea and cups at that second; waits until that is known.
async fn has_stock(api: &Api, second: u32, tea: u32, cups: u32) {
    let stock = [("TEA", tea), ("CUP", cups)];
    says(
        api,
        "north",
        &snapshot(&format!("N-{second}"), second, &stock),
    )
    .await;
    for (sku, count) in stock {
        until(format!("{count} of {sku} to be known"), async || {
            let path = format!("/v1/inventory?node=north&sku={sku}");
            let found = api.get(&path).await;
            if text(&found["inventory"][0]["available"]) == count.to_string() {
                Ok(())
            } else {
                Err(found.to_string())
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_stock_is_known_goes_before_a_better_one_whose_is_not() {
    let business = Business::new().await.with("node", &everywhere(1, 0));
    let host = business.start().await;
    let api = host.api();
    let before = routed(&business, api, "SO-1", &order("SO-1", LINES)).await;
    assert_eq!(before.node, "south");
    has_stock(api, 60, 20, 20).await;
    let after = routed(&business, api, "SO-2", &order("SO-2", LINES)).await;
    assert_eq!(after.node, "north");
    after.says("north", "it has all items");
    after.says("south", "its stock of CUP, TEA is not known");

    has_stock(api, 120, 20, 4).await;
    let less = routed(&business, api, "SO-3", &order("SO-3", LINES)).await;
    assert_eq!(less.node, "south");
    less.says("north", "it has 4 of CUP, 5 are wanted");
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_that_are_too_old_keep_no_node_from_being_asked() {
    let business = Business::new().await.with("node", &everywhere(0, 1)).limit(
        "inventory-staleness",
        "north",
        600,
    );
    let host = business.start().await;
    let api = host.api();
    has_stock(api, 60, 3, 20).await;
    stands(api, "inventory-sync", "inventory/north", "stale").await;
    let decided = routed(&business, api, "SO-1", &order("SO-1", LINES)).await;
    assert_eq!(decided.node, "north");
    decided.says("north", "its stock of CUP, TEA is not known");
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rule_that_fits_decides_and_the_node_that_an_order_names_is_asked_too() {
    const RULES: &str = r#"
        [[routing]]
        name = "rush to the north"
        when = { order_type = ["rush"], postal = ["55"] }
        nodes = ["south"]
        [[routing]]
        name = "rest"
        nodes = ["north"]
    "#;
    let business = Business::new()
        .await
        .with("node", &everywhere(0, 1))
        .with("routing", RULES);
    let host = business.start().await;
    let api = host.api();
    let rush = |order_no| {
        let mut rush = order(order_no, LINES);
        rush["order_type"] = json!("rush");
        rush
    };
    let mut named = order("SO-4", LINES);
    named["node"] = json!("south");
    for (order_no, order, rule, node) in [
        ("SO-1", rush("SO-1"), "rush to the north", "south"),
        ("SO-2", order("SO-2", LINES), "rest", "north"),
        ("SO-3", to_postal(rush("SO-3"), "30301"), "rest", "north"),
        ("SO-4", named, "rest", "south"),
    ] {
        let decided = routed(&business, api, order_no, &order).await;
        assert_eq!((&*decided.rule, &*decided.node), (rule, node), "{order_no}");
    }
    let named = decided(api, "SO-4").await;
    named.says("south", "the ERP prefers it");
    let told = why(&business, "SO-1").await;
    assert!(
        told.contains("went to south, by rule rush to the north"),
        "{told}"
    );
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_can_not_be_meant_stop_the_start() {
    for (rules, said) in [
        (
            "[[routing]]\nname = \"all\"\nnodes = [\"north\", \"west\"]\n",
            "routing rule all asks node west, which there is not",
        ),
        (
            "[[routing]]\nname = \"near\"\nwhen = { country = [\"US\"] }\nnodes = [\"north\"]\n",
            "no routing rule takes what is left",
        ),
        (
            "[[routing]]\nname = \"all\"\nnodes = [\"north\"]\n[[routing]]\nname = \"rush\"\nwhen = { order_type = [\"rush\"] }\nnodes = [\"south\"]\n",
            "routing rule rush can never decide",
        ),
    ] {
        let business = Business::new().await.with("routing", rules);
        let told = business.refused().await;
        assert!(told.contains(said), "{said} in {told}");
    }
}
