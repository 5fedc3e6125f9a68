//! What comes back is not always what was allowed: too little, something else, broken, or
//! nothing in time; or the ERP thinks again. Money goes back for what came and is worth it,
//! and whoever was told to expect goods is told when none are to come.

use e2e::harness::{
    array,
    business::{
        Business, exceptions, fact, heard, hears, moves, resolve, return_allowed, return_stands,
        says, until_kinds,
    },
    papers::{THREE, credit_memo, inspection, receipt, return_as},
    text,
};
use serde_json::{Value, json};

const RETURN: &str = "return-to-credit";
const KEY: &str = "return/R-1";

/// The receipt of the three, in this condition.
fn arrived(condition: &str) -> Value {
    let mut arrived = receipt("RC-1", Some("R-1"), 600, THREE);
    arrived["lines"][0]["condition"] = json!(condition);
    arrived
}

/// What the desk was told by this template: the data of each notice.
fn told(business: &Business, template: &str) -> Vec<Value> {
    let taken = business.crm.taken();
    let notices = taken.iter().map(|it| &it.document);
    let notices = notices.filter(|it| it["template"] == template);
    notices.map(|it| it["data"].clone()).collect()
}

/// Whether the ERP was asked for money.
fn is_asked_for_money(business: &Business) -> bool {
    let heard = heard(&business.erp);
    heard.iter().any(|it| it.starts_with("disposition"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_broken_is_a_person_s_to_look_at_and_is_worth_nothing() {
    let business = Business::new().await;
    let host = return_allowed(&business).await;
    let api = host.api();
    says(api, "north", &arrived("damaged")).await;
    until_kinds(api, KEY, &["condition-mismatch"]).await;
    let broken = &exceptions(api, KEY).await[0];
    let said = "came back in bad condition: 3 of KETTLE";
    assert_eq!(broken["text"], said);
    let (status, accepted) = resolve(api, KEY, "condition-mismatch", "accept-variance").await;
    assert_eq!(status, 200, "{accepted}");
    until_kinds(api, KEY, &[]).await;
    let judged = [(("1", "KETTLE", 3), "scrap")];
    says(api, "north", &inspection("R-1", 700, &judged)).await;
    let closed = return_stands(api, "closed").await;
    assert_eq!(closed["finished"], true);
    assert_eq!(
        (fact(&closed, "inspected"), fact(&closed, "credited")),
        ("3", "0")
    );
    host.finish().await;
    assert!(!is_asked_for_money(&business));
    assert_eq!(told(&business, "return-without-credit").len(), 1);
    assert_eq!(told(&business, "return-credited").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn something_else_in_place_of_what_was_allowed_is_not_paid() {
    let business = Business::new().await;
    let host = return_allowed(&business).await;
    let api = host.api();
    let mut mixed = receipt(
        "RC-1",
        Some("R-1"),
        600,
        &[("1", "KETTLE", 2), ("2", "KETTLE", 1)],
    );
    mixed["lines"][1]["condition"] = json!("wrong-item");
    says(api, "north", &mixed).await;
    until_kinds(api, KEY, &["condition-mismatch"]).await;
    let wrong = &exceptions(api, KEY).await[0];
    assert_eq!(wrong["text"], "1 came back that are not what was allowed");
    let partly = return_stands(api, "partly-received").await;
    assert_eq!(
        (fact(&partly, "received"), fact(&partly, "findings")),
        ("2", "1")
    );
    let judged = [(("1", "KETTLE", 2), "restock")];
    says(api, "north", &inspection("R-1", 700, &judged)).await;
    let asked = [
        "return original requested R-1",
        "receipt RC-1",
        "disposition full 20",
    ];
    hears(&business.erp, &asked).await;
    host.finish().await;
    hears(&business.erp, &asked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_in_time_is_credited_once_somebody_accepts_that_no_more_comes() {
    let business = Business::new().await.limit("return-receipt", "north", 2);
    let host = return_allowed(&business).await;
    let api = host.api();
    let two = [("1", "KETTLE", 2)];
    says(api, "north", &receipt("RC-1", Some("R-1"), 600, &two)).await;
    until_kinds(api, KEY, &["short-receipt"]).await;
    let short = &exceptions(api, KEY).await[0];
    assert_eq!(short["text"], "2 of 3 came back in time");
    let judged = [(("1", "KETTLE", 2), "restock")];
    says(api, "north", &inspection("R-1", 700, &judged)).await;
    let credit = credit_memo("CM-1", "R-1", &two);
    let partly = moves(api, "erp", &credit, (RETURN, KEY)).await;
    assert_eq!(partly["status"], "partly-received");
    assert_eq!(fact(&partly, "credited"), "20");
    assert_eq!(partly["finished"], false, "one may still come");

    let (status, accepted) = resolve(api, KEY, "short-receipt", "accept-variance").await;
    assert_eq!(status, 200, "{accepted}");
    return_stands(api, "closed").await;
    until_kinds(api, KEY, &[]).await;
    host.finish().await;
    assert_eq!(told(&business, "return-credited").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_of_which_nothing_comes_is_expected_no_more() {
    let business = Business::new().await.limit("return-receipt", "north", 1);
    let host = return_allowed(&business).await;
    let api = host.api();
    let expired = return_stands(api, "expired").await;
    assert_eq!(expired["finished"], true);
    assert_eq!(expired["waits"], json!([]));
    host.finish().await;
    let north = ["return original authorized R-1", "return cancel closed R-1"];
    hears(&business.north, &north).await;
    let erp = ["return original requested R-1", "return cancel expired R-1"];
    hears(&business.erp, &erp).await;
    assert_eq!(told(&business, "return-expired").len(), 1);
    // What was undone is told with its reason, once for each who was told before.
    let steps = array(&expired["history"]).iter();
    let events = steps.flat_map(|it| array(&it["events"]));
    let undone = events.filter(|it| it["event"] == "compensated");
    let undone: Vec<_> = undone.map(|it| text(&it["subject"])).collect();
    assert_eq!(undone, ["north", "erp"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_erp_denies_after_all_is_expected_no_more_and_everybody_hears_why() {
    let business = Business::new().await;
    let host = return_allowed(&business).await;
    let api = host.api();
    let mut denied = return_as("R-1", "denied", 120, THREE);
    denied["reason"] = json!("sold as seen");
    says(api, "erp", &denied).await;
    return_stands(api, "denied").await;
    let north = ["return original authorized R-1", "return cancel closed R-1"];
    hears(&business.north, &north).await;
    let shown = api.get("/v1/returns/R-1").await;
    let verdict = &shown["return"]["verdict"];
    assert_eq!(
        (&verdict["denied"], &verdict["reason"]),
        (&json!(true), &json!("sold as seen"))
    );
    let ran = business.site().run(&["returns", "show", "R-1"]).await;
    let said = "denied by erp: sold as seen";
    assert!(ran.answer.contains(said), "{}", ran.answer);

    // Goods that come all the same wait for a person.
    says(api, "north", &arrived("good")).await;
    until_kinds(api, KEY, &["unauthorized-receipt"]).await;
    let found = &exceptions(api, KEY).await[0];
    assert_eq!(found["text"], "3 came back that the ERP denied");
    host.finish().await;
    hears(&business.north, &north).await;
    assert!(!is_asked_for_money(&business));
    let notices = told(&business, "return-denied");
    let reason = json!(["reason", "sold as seen"]);
    assert_eq!(notices.len(), 1);
    assert!(array(&notices[0]).contains(&reason), "{notices:?}");
}
