//! Stock: what a node has and what the ERP believes are brought together, quietly where
//! the difference is small, by a person's word where it is not; what is missing is asked
//! for, and what is old is not shown as truth.

use std::time::Duration;

use crossdock::clock::Clock;
use e2e::harness::{
    Api, Books, array,
    business::{
        Business, exceptions, heard, hears, order_stands, resolve, says, stands, until_kinds,
    },
    eventually,
    papers::{adjustment, now, order, snapshot},
    text, until,
};
use serde_json::{Value, json};

const POSITION: &str = "inventory-position";
const TEA: &str = "inventory/north/TEA";
const NODE: &str = "inventory/north";

const RULES: &str = r#"
    [[inventory]]
    node = "north"
    tolerance_units = 5
    sequenced = true
"#;

async fn business() -> Business {
    Business::new().await.with("inventory", RULES)
}

/// The one position of tea in the north.
async fn tea(api: &Api) -> Value {
    let found = api.get("/v1/inventory?node=north&sku=TEA").await;
    assert_eq!(array(&found["inventory"]).len(), 1, "{found:#}");
    found["inventory"][0].clone()
}

/// Waits until the north and the ERP have so much of it.
async fn until_tea(api: &Api, warehouse: &str, erp: &str) -> Value {
    until(
        format!("{warehouse} there and {erp} at the ERP"),
        async || {
            let found = api.get("/v1/inventory?node=north&sku=TEA").await;
            let position = &found["inventory"][0]["positions"][0];
            if position["warehouse"] == warehouse && position["erp"] == erp {
                Ok(found["inventory"][0].clone())
            } else {
                Err(found.to_string())
            }
        },
    )
    .await
}

/// The ERP and then the north say how much tea there is.
async fn counted(api: &Api, erp: u32, north: u32) {
    says(api, "erp", &snapshot("E-1", 0, &[("TEA", erp)])).await;
    stands(api, POSITION, TEA, "level").await;
    says(api, "north", &snapshot("N-1", 60, &[("TEA", north)])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_difference_is_corrected_quietly_and_shops_hear_what_there_is() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    counted(api, 100, 98).await;
    let shown = until_tea(api, "98", "98").await;
    assert_eq!(shown["available"], "98");
    assert_eq!(
        (&shown["held"], &shown["stale"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(exceptions(api, TEA).await, Vec::<Value>::new());
    // The same again, and an older count that comes late, change nothing.
    says(api, "north", &snapshot("N-1", 60, &[("TEA", 98)])).await;
    says(api, "north", &snapshot("N-0", 30, &[("TEA", 55)])).await;
    api.until_idle().await;
    until_tea(api, "98", "98").await;
    host.finish().await;
    hears(&business.erp, &["adjustment TEA -2"]).await;
    hears(&business.shop, &["stock TEA 98"]).await;
    hears(&business.crm, &["stock TEA 98"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_difference_waits_for_somebody_to_release_it() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    counted(api, 100, 80).await;
    until_kinds(api, TEA, &["variance"]).await;
    let shown = tea(api).await;
    assert_eq!(shown["held"], true);
    assert_eq!(shown["positions"][0]["difference"], "-20");
    api.until_idle().await;
    hears(&business.erp, &[]).await;

    let (status, released) = resolve(api, TEA, "variance", "release").await;
    assert_eq!(status, 200, "{released}");
    assert_eq!(released["exception"]["closed"], true, "{released}");
    let shown = until_tea(api, "80", "80").await;
    assert_eq!(shown["held"], false);
    hears(&business.erp, &["adjustment TEA -20"]).await;
    // Once more is too late.
    let id = text(&released["exception"]["links"]["resolve"]).to_owned();
    let again = api.tried(&id, &json!({ "action": "release" })).await;
    assert_eq!(again.status, 409, "{}", again.body);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_that_somebody_accepts_is_posted_nowhere_until_it_grows() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    counted(api, 100, 80).await;
    until_kinds(api, TEA, &["variance"]).await;
    let (status, accepted) = resolve(api, TEA, "variance", "accept-variance").await;
    assert_eq!(status, 200, "{accepted}");
    until_kinds(api, TEA, &[]).await;
    let shown = tea(api).await;
    assert_eq!(shown["positions"][0]["difference"], "-20");
    assert_eq!(shown["held"], false);

    says(api, "north", &snapshot("N-2", 120, &[("TEA", 70)])).await;
    until_kinds(api, TEA, &["variance"]).await;
    host.finish().await;
    hears(&business.erp, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_adjustment_explains_is_posted_however_much_it_is() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    counted(api, 100, 60).await;
    until_kinds(api, TEA, &["variance"]).await;
    // The reason comes after the count that it explains.
    says(api, "north", &adjustment("ADJ-1", 30, "TEA", -40)).await;
    until_kinds(api, TEA, &[]).await;
    until_tea(api, "60", "60").await;
    says(api, "north", &adjustment("ADJ-2", 90, "TEA", -25)).await;
    let shown = until_tea(api, "35", "35").await;
    assert_eq!(shown["available"], "35");
    says(api, "north", &adjustment("ADJ-2", 90, "TEA", -25)).await;
    api.until_idle().await;
    until_tea(api, "35", "35").await;
    host.finish().await;
    hears(&business.erp, &["adjustment TEA -25", "adjustment TEA -40"]).await;
    hears(&business.shop, &["stock TEA 35", "stock TEA 60"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_adjustment_is_noticed_until_it_comes_or_a_snapshot_makes_it_good() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    counted(api, 100, 100).await;
    says(api, "north", &adjustment("ADJ-1", 100, "TEA", -1)).await;
    stands(api, "inventory-sync", NODE, "current").await;
    says(api, "north", &adjustment("ADJ-3", 300, "TEA", -1)).await;
    let incomplete = stands(api, "inventory-sync", NODE, "incomplete").await;
    assert_eq!(incomplete["facts"]["missing"], "1");
    until_kinds(api, NODE, &["gap"]).await;
    says(api, "north", &adjustment("ADJ-2", 200, "TEA", -1)).await;
    stands(api, "inventory-sync", NODE, "current").await;
    until_kinds(api, NODE, &[]).await;
    until_tea(api, "97", "97").await;

    says(api, "north", &adjustment("ADJ-7", 700, "TEA", -1)).await;
    let incomplete = stands(api, "inventory-sync", NODE, "incomplete").await;
    assert_eq!(incomplete["facts"]["missing"], "3");
    let asked = incomplete["history"].to_string();
    assert!(
        asked.contains("snapshot"),
        "all stock is asked for: {asked}"
    );
    says(api, "north", &snapshot("N-2", 800, &[("TEA", 94)])).await;
    stands(api, "inventory-sync", NODE, "current").await;
    until_kinds(api, NODE, &[]).await;
    // What the lost ones were is within tolerance.
    until_tea(api, "94", "94").await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_that_are_too_old_are_marked_and_the_desk_is_told() {
    let business = business().await.limit("inventory-staleness", "north", 600);
    let host = business.start().await;
    let api = host.api();
    says(api, "north", &snapshot("N-1", 60, &[("TEA", 98)])).await;
    stands(api, "inventory-sync", NODE, "stale").await;
    until_kinds(api, NODE, &["stale"]).await;
    assert_eq!(tea(api).await["stale"], true);

    let mut news = snapshot("N-2", 60, &[("TEA", 97)]);
    news["as_of"] = now();
    says(api, "north", &news).await;
    stands(api, "inventory-sync", NODE, "current").await;
    until_kinds(api, NODE, &[]).await;
    assert_eq!(tea(api).await["stale"], false);
    host.finish().await;
    let crm = heard(&business.crm);
    for (what, times) in [("told inventory-stale", 2), ("told inventory-fresh", 2)] {
        // The people who answer customers, and those who run the connections.
        let found = crm.iter().filter(|it| *it == what).count();
        assert_eq!(found, times, "{what} in {crm:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_can_be_asked_is_asked_when_its_figures_are_old() {
    const STOCK: &str =
        include_str!("../../adapters/shipbob/fixtures/poll/inventory-two-pages.json");
    let bob = Books::open(|question| {
        let fixture: Value = serde_json::from_str(STOCK).expect("a fixture is JSON");
        let page = usize::from(question.contains("cursor="));
        let body = text(&fixture["answers"][page]["body"]).to_owned();
        (200, body)
    })
    .await;
    let nodes =
        "[[node]]\nname = \"north\"\n[[node]]\nname = \"south\"\n[[node]]\nname = \"west\"\n";
    let business = Business::new()
        .await
        .with("node", nodes)
        .limit("inventory-staleness", "west", 1)
        .at(|site| {
            site.polled("bob", "shipbob", &bob, 3_600)
                .set("partners.bob.role", "warehouse")
                .set("partners.bob.node", "west")
                .set("partners.bob.settings.poll", "inventory")
                .set("partners.bob.settings.page-size", 2)
        });
    let host = business.start().await;
    let api = host.api();
    let first =
        |question: &str| question.contains("inventory-level") && !question.contains("cursor=");
    eventually("the west to be asked again before its time", || {
        bob.questions().iter().filter(|it| first(it)).count() >= 2
    })
    .await;
    // It is asked before the record that says so is durable.
    until(
        "the west to have been stale and to be current",
        async || {
            let told = stands(api, "inventory-sync", "inventory/west", "current").await;
            let history = told["history"].to_string();
            if history.contains("node-stale") {
                Ok(())
            } else {
                Err(history)
            }
        },
    )
    .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reconciliation_lists_each_position_with_both_figures() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    let stock = [("TEA", 100), ("CUP", 40)];
    says(api, "erp", &snapshot("E-1", 0, &stock)).await;
    let stock = [("TEA", 80), ("CUP", 40)];
    says(api, "north", &snapshot("N-1", 60, &stock)).await;
    until_kinds(api, TEA, &["variance"]).await;
    stands(api, POSITION, "inventory/north/CUP", "level").await;
    let path = "/v1/inventory/reconciliation?node=north";
    let report = &api.get(path).await["report"];
    assert_eq!(report["positions"], 2, "{report:#}");
    assert_eq!(
        (&report["differing"], &report["held"]),
        (&json!(1), &json!(1))
    );
    let csv = api.get_text(&format!("{path}&format=csv")).await;
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert!(
        lines[1].starts_with("north,CUP,on-hand,,40,40,0,false,"),
        "{csv}"
    );
    assert!(
        lines[2].starts_with("north,TEA,on-hand,,80,100,-20,true,"),
        "{csv}"
    );
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_where_the_goods_are() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    counted(api, 3, 3).await;
    until_tea(api, "3", "3").await;
    business
        .accepted(api, "SO-1", &order("SO-1", &[("1", "TEA", 10)]))
        .await;
    order_stands(api, "SO-1", "released").await;
    hears(&business.south, &["order original SO-1"]).await;
    let routing = api.get("/v1/orders/SO-1").await["routing"].to_string();
    assert!(
        routing.contains("it has 3 of TEA, 10 are wanted"),
        "{routing}"
    );
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_day_is_reconciled_at_its_time_and_the_report_is_kept() {
    let business = business().await;
    let host = business.start().await;
    counted(host.api(), 100, 80).await;
    until_kinds(host.api(), TEA, &["variance"]).await;
    host.finish().await;

    let soon = Clock::System.now().plus(Duration::from_secs(5)).to_string();
    let rules = format!(
        "[[inventory]]\nnode = \"north\"\ntolerance_units = 5\nsequenced = true\nreconcile_at = \"{}\"\n",
        &soon[11..19]
    );
    let calendar = "[[calendar]]\nname = \"north\"\ntime_zone = \"UTC\"\nhours = { monday = \"08:00-17:00\" }\n";
    let business = business
        .with("inventory", &rules)
        .with("calendar", calendar);
    let host = business.start().await;
    let api = host.api();
    // The setting is new: the next word about the node makes it count.
    says(api, "north", &snapshot("N-2", 120, &[("TEA", 70)])).await;
    let path = "/v1/inventory/reconciliation?node=north";
    let kept = until("the report of the day", async || {
        let found = api.get(path).await;
        match array(&found["reports"]) {
            [report] => Ok(report.clone()),
            _ => Err(found.to_string()),
        }
    })
    .await;
    assert_eq!(kept["positions"], 1);
    // It says what was so then, whatever comes later.
    says(api, "north", &snapshot("N-3", 180, &[("TEA", 60)])).await;
    until_tea(api, "60", "100").await;
    let csv = api
        .get_text(&format!("{}&format=csv", text(&kept["link"])))
        .await;
    let line = csv.lines().nth(1).unwrap_or_default();
    assert!(
        line.starts_with("north,TEA,on-hand,,70,100,-30,true,"),
        "{csv}"
    );
    host.finish().await;
}
