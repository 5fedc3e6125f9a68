//! Stock is compared for what it is: lot by lot where both sides tell lots, each status by
//! itself, and with the tolerance that the ERP's figure gives.

use e2e::harness::{
    Api, array,
    business::{Business, exceptions, hears, resolve, says, stands, until_kinds},
    papers::snapshot,
    text, until,
};
use serde_json::{Value, json};

const TEA: &str = "inventory/north/TEA";

/// What a snapshot says of tea: status, lot and how much.
type Figure = (&'static str, &'static str, u32);

/// A snapshot of tea with these figures; without a lot it is of all lots.
fn of_tea(snapshot_id: &str, second: u32, figures: &[Figure]) -> Value {
    let mut snapshot = snapshot(snapshot_id, second, &[("TEA", 0)]);
    let stock = |(kind, lot, count): &Figure| {
        let mut stock = json!({
            "kind": kind, "quantity": { "value": count.to_string(), "unit": "EA" },
        });
        if !lot.is_empty() {
            stock["lot"] = json!({ "number": lot });
        }
        stock
    };
    snapshot["lines"][0]["stocks"] = figures.iter().map(stock).collect();
    snapshot
}

/// A business with these rules for the north.
async fn business(rules: &str) -> Business {
    let inventory = format!("[[inventory]]\nnode = \"north\"\n{rules}\n");
    Business::new().await.with("inventory", &inventory)
}

/// The ERP and then the north say what there is.
async fn compared(api: &Api, erp: &[Figure], north: &[Figure]) {
    says(api, "erp", &of_tea("E-1", 0, erp)).await;
    stands(api, "inventory-position", TEA, "level").await;
    says(api, "north", &of_tea("N-1", 60, north)).await;
}

/// The rows of the report: status, lot, both figures.
async fn rows(api: &Api) -> Vec<[String; 4]> {
    let found = api.get("/v1/inventory/reconciliation?node=north").await;
    let rows = array(&found["report"]["rows"]).iter();
    rows.map(|row| ["status", "lot", "warehouse", "erp"].map(|name| text(&row[name]).to_owned()))
        .collect()
}

/// Waits until the report has these rows.
async fn until_rows(api: &Api, expected: &[[&str; 4]]) {
    until(format!("the rows {expected:?}"), async || {
        let found = rows(api).await;
        if found == expected {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
}

const BOOKS: &[Figure] = &[("on-hand", "L-1", 60), ("on-hand", "L-2", 40)];
const SHELVES: &[Figure] = &[("on-hand", "L-1", 45), ("on-hand", "L-2", 55)];

#[tokio::test(flavor = "multi_thread")]
async fn lots_that_make_up_for_each_other_are_two_differences_where_lots_are_compared() {
    let business = business("compare_lots = true").await;
    let host = business.start().await;
    let api = host.api();
    compared(api, BOOKS, SHELVES).await;
    until_kinds(api, TEA, &["variance", "variance"]).await;
    until_rows(
        api,
        &[
            ["on-hand", "L-1", "45", "60"],
            ["on-hand", "L-2", "55", "40"],
        ],
    )
    .await;
    // One of them is released, and the other one waits.
    let (status, released) = resolve(api, TEA, "variance", "release").await;
    assert_eq!(status, 200, "{released}");
    until_kinds(api, TEA, &["variance"]).await;
    let lot = text(&released["exception"]["subject"]).to_owned();
    let left = &exceptions(api, TEA).await[0];
    assert_ne!(left["subject"], lot.as_str());
    host.finish().await;
    let taken = business.erp.taken();
    let line = &taken[0].document["lines"][0];
    let posted = (
        text(&line["lot"]["number"]),
        text(&line["quantity"]["value"]),
    );
    let expected = match lot.contains("L-1") {
        true => ("L-1", "-15"),
        false => ("L-2", "15"),
    };
    assert_eq!((taken.len(), posted), (1, expected), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_lots_are_not_compared_the_same_figures_are_level() {
    let business = business("").await;
    let host = business.start().await;
    let api = host.api();
    compared(api, BOOKS, SHELVES).await;
    until_rows(api, &[["on-hand", "", "100", "100"]]).await;
    assert_eq!(exceptions(api, TEA).await, Vec::<Value>::new());
    host.finish().await;
    hears(&business.erp, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_measured_by_the_erp_s_figure_of_the_same_status() {
    let business = business("tolerance_percent = 10").await;
    let host = business.start().await;
    let api = host.api();
    let books = [("on-hand", "", 100), ("damaged", "", 20)];
    let shelves = [("on-hand", "", 90), ("damaged", "", 30)];
    compared(api, &books, &shelves).await;
    // Ten are a tenth of a hundred and the half of twenty.
    until_kinds(api, TEA, &["variance"]).await;
    until_rows(
        api,
        &[["damaged", "", "30", "20"], ["on-hand", "", "90", "90"]],
    )
    .await;
    let held = &exceptions(api, TEA).await[0];
    assert_eq!(held["subject"], "damaged");
    assert_eq!(
        (&held["context"]["warehouse"], &held["context"]["erp"]),
        (&json!("30"), &json!("20"))
    );
    host.finish().await;
    hears(&business.erp, &["adjustment TEA -10"]).await;
}
