//! What leaves is not always what was ordered: too little, too much, damaged, something
//! else. A person hears of it, the ERP is told what really left, and of what is left over
//! the policy decides.

use e2e::harness::{
    Api, Host, array,
    business::{Business, fact, hears, order_stands, resolve, says, stands, until_kinds},
    papers::{LINES, Line, invoice, milestone, order, shipment_as},
    text,
};

const KEY: &str = "order/SO-1";
/// Three of tea are not there.
const SHORT: &[Line] = &[("1", "TEA", 7), ("2", "CUP", 5)];
/// Two of tea too many.
const OVER: &[Line] = &[("1", "TEA", 12), ("2", "CUP", 5)];

/// The north has the order.
async fn released(business: &Business) -> Host {
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    hears(&business.north, &["order original SO-1"]).await;
    host
}

/// A node says that this left.
async fn ships(api: &Api, node: &str, id: &str, status: &str, lines: &[Line]) {
    says(api, node, &shipment_as(id, "SO-1", 60, status, lines)).await;
}

/// It arrives, and the ERP charges it.
async fn arrives_and_is_charged(api: &Api, lines: &[Line]) {
    says(api, "north", &milestone("SH-1", "SO-1", "delivered", 600)).await;
    stands(api, "shipment-visibility", "shipment/SH-1", "delivered").await;
    says(api, "erp", &invoice("INV-1", "SO-1", lines)).await;
}

/// A person takes it as it is.
async fn accepts(api: &Api, kind: &str) {
    let (status, resolved) = resolve(api, KEY, kind, "accept-variance").await;
    assert_eq!(status, 200, "{resolved}");
}

/// The lines that the ERP is told to book otherwise, with what really left.
fn corrected(business: &Business) -> Vec<(String, String)> {
    let taken = business.erp.taken();
    let corrections = taken
        .iter()
        .filter(|it| it.document["decision"] == "accepted-with-changes");
    let lines = corrections.flat_map(|it| array(&it.document["lines"]));
    lines
        .map(|line| {
            let left = text(&line["quantity"]["value"]);
            (text(&line["line_no"]).to_owned(), left.to_owned())
        })
        .collect()
}

fn line(line_no: &str, left: &str) -> (String, String) {
    (line_no.to_owned(), left.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_is_a_person_s_to_accept_and_the_erp_s_to_book() {
    let business = Business::new().await;
    let host = released(&business).await;
    let api = host.api();
    ships(api, "north", "SH-1", "partial-closed", SHORT).await;
    let shipped = order_stands(api, "SO-1", "shipped").await;
    assert_eq!(
        (fact(&shipped, "shipped"), fact(&shipped, "short")),
        ("12", "3")
    );
    until_kinds(api, KEY, &["short-shipment"]).await;
    // It does not close while nobody has looked at it.
    arrives_and_is_charged(api, SHORT).await;
    order_stands(api, "SO-1", "invoiced").await;
    accepts(api, "short-shipment").await;
    let closed = order_stands(api, "SO-1", "closed").await;
    assert_eq!(closed["finished"], true);
    until_kinds(api, KEY, &[]).await;
    host.finish().await;
    let erp = [
        "order original SO-1",
        "shipment SH-1",
        "answer accepted-with-changes SO-1",
        "milestone SH-1 delivered",
    ];
    hears(&business.erp, &erp).await;
    assert_eq!(corrected(&business), [line("1", "7")]);
    hears(&business.south, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_too_little_goes_to_another_node() {
    let business = Business::new().await;
    let host = released(&business).await;
    let api = host.api();
    ships(api, "north", "SH-1", "partial-closed", SHORT).await;
    until_kinds(api, KEY, &["short-shipment"]).await;
    let (status, rerouted) = resolve(api, KEY, "short-shipment", "reroute").await;
    assert_eq!(status, 200, "{rerouted}");
    let partly = order_stands(api, "SO-1", "partly-shipped").await;
    assert_eq!(
        (fact(&partly, "node"), fact(&partly, "open")),
        ("south", "3")
    );
    hears(&business.south, &["order original SO-1"]).await;
    let release = &business.south.taken()[0].document;
    assert_eq!(array(&release["lines"]).len(), 1, "{release:#}");
    assert_eq!(release["lines"][0]["quantity"]["value"], "3");
    ships(api, "south", "SH-2", "complete", &[("1", "TEA", 3)]).await;
    let shipped = order_stands(api, "SO-1", "shipped").await;
    assert_eq!(
        (fact(&shipped, "shipped"), fact(&shipped, "short")),
        ("15", "0")
    );
    until_kinds(api, KEY, &[]).await;
    host.finish().await;
    hears(&business.south, &["order original SO-1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_an_exception_and_the_erp_is_told_how_much() {
    let business = Business::new().await;
    let host = released(&business).await;
    let api = host.api();
    ships(api, "north", "SH-1", "complete", OVER).await;
    let shipped = order_stands(api, "SO-1", "shipped").await;
    assert_eq!(
        (fact(&shipped, "shipped"), fact(&shipped, "over")),
        ("15", "2")
    );
    until_kinds(api, KEY, &["over-shipment"]).await;
    // The same once more is not another correction.
    ships(api, "north", "SH-1", "complete", OVER).await;
    accepts(api, "over-shipment").await;
    until_kinds(api, KEY, &[]).await;
    arrives_and_is_charged(api, OVER).await;
    order_stands(api, "SO-1", "closed").await;
    host.finish().await;
    let erp = [
        "order original SO-1",
        "shipment SH-1",
        "answer accepted-with-changes SO-1",
        "milestone SH-1 delivered",
    ];
    hears(&business.erp, &erp).await;
    assert_eq!(corrected(&business), [line("1", "12")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_other_and_unordered_goods_are_an_exception_each() {
    let business = Business::new().await;
    let host = released(&business).await;
    let api = host.api();
    ships(api, "north", "SH-1", "damaged", &LINES[..1]).await;
    ships(api, "north", "SH-2", "substituted", &[("2", "MUG", 5)]).await;
    ships(api, "north", "SH-3", "complete", &[("9", "POT", 1)]).await;
    let kinds = ["damaged-shipment", "substitution", "unexpected-item"];
    until_kinds(api, KEY, &kinds).await;
    let shipped = order_stands(api, "SO-1", "shipped").await;
    assert_eq!(
        (fact(&shipped, "shipped"), fact(&shipped, "over")),
        ("15", "0")
    );
    for kind in kinds {
        accepts(api, kind).await;
    }
    until_kinds(api, KEY, &[]).await;
    host.finish().await;
    let erp = [
        "order original SO-1",
        "shipment SH-1",
        "shipment SH-2",
        "shipment SH-3",
    ];
    hears(&business.erp, &erp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_policy_what_is_left_over_stays_open_whatever_the_node_says() {
    let business = Business::new()
        .await
        .set("process.order.remainder", "keep-open");
    let host = released(&business).await;
    let api = host.api();
    ships(api, "north", "SH-1", "partial-closed", SHORT).await;
    let partly = order_stands(api, "SO-1", "partly-shipped").await;
    assert_eq!((fact(&partly, "open"), fact(&partly, "short")), ("3", "0"));
    until_kinds(api, KEY, &[]).await;
    ships(api, "north", "SH-2", "complete", &[("1", "TEA", 3)]).await;
    order_stands(api, "SO-1", "shipped").await;
    host.finish().await;
    let erp = ["order original SO-1", "shipment SH-1", "shipment SH-2"];
    hears(&business.erp, &erp).await;
    hears(&business.south, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_policy_what_is_left_over_is_cancelled() {
    let business = Business::new()
        .await
        .set("process.order.remainder", "cancel");
    let host = released(&business).await;
    let api = host.api();
    ships(api, "north", "SH-1", "partial", SHORT).await;
    let shipped = order_stands(api, "SO-1", "shipped").await;
    for (name, value) in [("shipped", "12"), ("cancelled", "3"), ("open", "0")] {
        assert_eq!(fact(&shipped, name), value, "{name}");
    }
    until_kinds(api, KEY, &[]).await;
    arrives_and_is_charged(api, SHORT).await;
    order_stands(api, "SO-1", "closed").await;
    host.finish().await;
    hears(&business.south, &[]).await;
}
