//! Goods that come back: the ERP allows it, the warehouse expects, receives and judges
//! them, the ERP gives money back for what came back and was judged, and for nothing else.

use e2e::harness::{
    array,
    business::{
        Business, exceptions, fact, heard, hears, resolve, return_allowed, return_stands, says,
        stands, until_kinds,
    },
    papers::{THREE, credit_memo, inspection, receipt, return_as},
    text,
};
use serde_json::{Value, json};

const RETURN: &str = "return-to-credit";
const KEY: &str = "return/R-1";

/// Scrap is worth nothing, what was restocked its price.
async fn business() -> Business {
    Business::new().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_goes_from_the_request_to_a_partial_credit() {
    let business = business().await;
    let host = return_allowed(&business).await;
    let api = host.api();
    hears(&business.erp, &["return original requested R-1"]).await;
    hears(&business.north, &["return original authorized R-1"]).await;

    says(api, "north", &receipt("RC-1", Some("R-1"), 600, THREE)).await;
    let received = return_stands(api, "received").await;
    assert_eq!(fact(&received, "received"), "3");
    let waits = array(&received["waits"]);
    assert!(
        waits.iter().any(|it| it["level"] == "inspection"),
        "{waits:?}"
    );
    let judged = [
        (("1", "KETTLE", 2), "restock"),
        (("1", "KETTLE", 1), "scrap"),
    ];
    says(api, "north", &inspection("R-1", 700, &judged)).await;
    let inspected = return_stands(api, "inspected").await;
    assert_eq!(fact(&inspected, "requested"), "20");
    let asked = [
        "return original requested R-1",
        "receipt RC-1",
        "disposition partial 20",
    ];
    hears(&business.erp, &asked).await;

    says(
        api,
        "erp",
        &credit_memo("CM-1", "R-1", &[("1", "KETTLE", 2)]),
    )
    .await;
    let closed = return_stands(api, "closed").await;
    assert_eq!(
        (fact(&closed, "credited"), &closed["finished"]),
        ("20", &json!(true))
    );
    assert_eq!(exceptions(api, KEY).await, Vec::<Value>::new());
    let told = api.get("/v1/returns/R-1").await;
    assert_eq!(told["status"], "closed");
    host.finish().await;
    hears(&business.south, &[]).await;
    hears(&business.erp, &asked).await;
    let crm = heard(&business.crm);
    let expected = [
        "credit-memo CM-1",
        "receipt RC-1",
        "told return-authorized",
        "told return-credited",
        "told return-received",
    ];
    for what in expected {
        assert_eq!(
            crm.iter().filter(|it| *it == what).count(),
            1,
            "{what} in {crm:?}"
        );
    }
    let allowed = crm.iter().filter(|it| it.starts_with("return original"));
    assert_eq!(allowed.count(), 1, "who asked is the desk itself: {crm:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credit_comes_before_the_goods() {
    let business = business().await;
    let host = return_allowed(&business).await;
    let api = host.api();
    // A verdict on what has not come asks for nothing.
    let judged = [(("1", "KETTLE", 3), "restock")];
    says(api, "north", &inspection("R-1", 300, &judged)).await;
    says(api, "erp", &credit_memo("CM-1", "R-1", THREE)).await;
    until_kinds(api, KEY, &["credit-mismatch"]).await;
    let before = return_stands(api, "authorized").await;
    assert_eq!(fact(&before, "credited"), "0");
    api.until_idle().await;
    hears(&business.erp, &["return original requested R-1"]).await;
    assert!(!heard(&business.crm).contains(&"told return-credited".to_owned()));

    // When the goods are there it is what is due, and nobody has to act.
    says(api, "north", &receipt("RC-1", Some("R-1"), 600, THREE)).await;
    let closed = return_stands(api, "closed").await;
    assert_eq!(fact(&closed, "credited"), "30");
    until_kinds(api, KEY, &[]).await;
    host.finish().await;
    assert!(heard(&business.crm).contains(&"told return-credited".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_without_permission_waits_for_one() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    says(api, "north", &receipt("RC-1", Some("R-1"), 600, THREE)).await;
    return_stands(api, "unauthorized").await;
    until_kinds(api, KEY, &["unauthorized-receipt"]).await;
    let judged = [(("1", "KETTLE", 3), "restock")];
    says(api, "north", &inspection("R-1", 700, &judged)).await;
    api.until_idle().await;
    let erp = heard(&business.erp);
    assert!(
        erp.iter().all(|it| !it.starts_with("disposition")),
        "{erp:?}"
    );

    // A person asks the ERP, which allows it afterwards.
    let (status, asked) = resolve(api, KEY, "unauthorized-receipt", "retry").await;
    assert_eq!(status, 200, "{asked}");
    says(api, "erp", &return_as("R-1", "authorized", 800, THREE)).await;
    return_stands(api, "inspected").await;
    until_kinds(api, KEY, &[]).await;
    says(api, "erp", &credit_memo("CM-1", "R-1", THREE)).await;
    return_stands(api, "closed").await;
    host.finish().await;
    let expected = [
        "receipt RC-1",
        "return original requested R-1",
        "disposition full 30",
    ];
    hears(&business.erp, &expected).await;
    hears(&business.north, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_names_no_return_is_one_of_its_own() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    says(api, "north", &receipt("RC-7", None, 600, THREE)).await;
    let key = "return/RC-7";
    stands(api, RETURN, key, "unauthorized").await;
    until_kinds(api, key, &["unauthorized-receipt"]).await;
    let (status, accepted) = resolve(api, key, "unauthorized-receipt", "accept-variance").await;
    assert_eq!(status, 200, "{accepted}");
    stands(api, RETURN, key, "closed").await;
    host.finish().await;
    hears(&business.erp, &["receipt RC-7"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_was_allowed_is_an_exception_and_is_not_paid() {
    let business = business().await;
    let host = return_allowed(&business).await;
    let api = host.api();
    let four = [("1", "KETTLE", 4)];
    says(api, "north", &receipt("RC-1", Some("R-1"), 600, &four)).await;
    until_kinds(api, KEY, &["over-receipt"]).await;
    let judged = [(("1", "KETTLE", 4), "restock")];
    says(api, "north", &inspection("R-1", 700, &judged)).await;
    let inspected = return_stands(api, "inspected").await;
    assert_eq!(
        (fact(&inspected, "requested"), fact(&inspected, "findings")),
        ("30", "1")
    );
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_erp_denies_ends_and_who_asked_hears_why() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    says(api, "shop", &return_as("R-1", "requested", 0, THREE)).await;
    return_stands(api, "requested").await;
    let mut denied = return_as("R-1", "denied", 60, THREE);
    denied["reason"] = json!("worn");
    says(api, "erp", &denied).await;
    let ended = return_stands(api, "denied").await;
    assert_eq!(ended["finished"], true);
    host.finish().await;
    hears(&business.shop, &["return original denied R-1"]).await;
    assert_eq!(business.shop.taken()[0].document["reason"], "worn");
    hears(&business.north, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_is_called_off_until_something_came() {
    let business = business().await;
    let host = return_allowed(&business).await;
    let api = host.api();
    hears(&business.north, &["return original authorized R-1"]).await;
    let mut off = return_as("R-1", "requested", 90, THREE);
    off["purpose"] = json!("cancel");
    says(api, "crm", &off).await;
    let cancelled = return_stands(api, "cancelled").await;
    assert_eq!(cancelled["finished"], true);
    host.finish().await;
    let north = heard(&business.north);
    assert!(
        north.iter().any(|it| it.starts_with("return cancel")),
        "{north:?}"
    );
    let erp = heard(&business.erp);
    assert!(
        erp.iter().any(|it| it.starts_with("return cancel")),
        "{erp:?}"
    );
    let steps = cancelled["history"].to_string();
    assert!(
        steps.contains("compensated"),
        "what is undone is in the history"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_ran_out_ends_the_return_and_a_person_may_honour_it() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    let until_march = |state, second| {
        let mut paper = return_as("R-1", state, second, THREE);
        paper["expires"] = json!("2026-03-04");
        paper
    };
    says(api, "crm", &until_march("requested", 0)).await;
    return_stands(api, "requested").await;
    says(api, "erp", &until_march("authorized", 60)).await;
    let expired = return_stands(api, "expired").await;
    let facts = &expired["facts"];
    assert!(
        text(&facts["expires_at"]).starts_with("2026-03-05"),
        "{facts}"
    );
    // What came in time counts, whenever that is told; what came later does not.
    let mut late = receipt("RC-1", Some("R-1"), 600, THREE);
    late["received_at"] = json!({ "text": "2026-03-09T10:00:00Z", "zoned": true });
    says(api, "north", &late).await;
    until_kinds(api, KEY, &["received-after-expiry"]).await;
    let judged = [(("1", "KETTLE", 3), "restock")];
    let mut verdict = inspection("R-1", 700, &judged);
    verdict["decided_at"] = json!({ "text": "2026-03-10T10:00:00Z", "zoned": true });
    says(api, "north", &verdict).await;
    api.until_idle().await;
    assert!(
        heard(&business.erp)
            .iter()
            .all(|it| !it.starts_with("disposition"))
    );

    let (status, honoured) = resolve(api, KEY, "received-after-expiry", "release").await;
    assert_eq!(status, 200, "{honoured}");
    let inspected = return_stands(api, "inspected").await;
    assert_eq!(fact(&inspected, "requested"), "30");
    until_kinds(api, KEY, &[]).await;
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_is_asked_for_by_the_api_and_only_asked_for() {
    let business = business().await;
    let host = business.start().await;
    let api = host.api();
    let path = "/v1/returns?partner=shop";
    let refused = api
        .tried(path, &return_as("R-1", "authorized", 0, THREE))
        .await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let posted = api
        .tried(path, &return_as("R-1", "requested", 0, THREE))
        .await;
    assert_eq!(posted.status, 202, "{}", posted.body);
    let told = return_stands(api, "requested").await;
    assert_eq!(fact(&told, "requested_by"), "shop");
    let shown = api.get("/v1/returns/R-1").await;
    assert_eq!(array(&shown["deliveries"]).len(), 1, "{shown:#}");
    host.finish().await;
    hears(&business.erp, &["return original requested R-1"]).await;
}
