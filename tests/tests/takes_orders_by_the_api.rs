//! An order that is posted to the API is taken once or refused with what is wrong; and who
//! acts on what has changed since they looked is told so and changes nothing.

use e2e::harness::{
    Answer, Api, array,
    business::{
        Business, exceptions, heard, hears, moves, order_stands, says, stands, until_kinds,
    },
    papers::{LINES, answer, milestone, order, return_as, shipment},
    text, until,
};
use serde_json::{Value, json};

const PATH: &str = "/v1/orders?partner=shop";
const ORDER: (&str, &str) = ("order-to-fulfilment", "order/SO-1");

/// A header of an answer; empty when it has none.
fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let value = answer.headers.get(name).and_then(|it| it.to_str().ok());
    value.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_posted_is_taken_once_however_often_it_comes() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    let keyed = [("idempotency-key", "\"first\"")];
    let first = api.posted(PATH, &keyed, &order("SO-1", LINES)).await;
    assert_eq!(first.status, 202, "{}", first.body);
    assert_eq!(first.body["links"]["order"], "/v1/orders/SO-1");
    let id = text(&first.body["message_id"]);
    assert_eq!(header(&first, "location"), format!("/v1/messages/{id}"));
    assert_eq!(header(&first, "idempotency-replayed"), "");
    let known = order_stands(api, "SO-1", "validating").await;
    assert_eq!(known["facts"]["placed_by"], "shop");
    assert_eq!(known["correlation_id"], first.body["correlation_id"]);

    let again = api.posted(PATH, &keyed, &order("SO-1", LINES)).await;
    assert_eq!((again.status, &again.body["message_id"]), (202, &json!(id)));
    assert_eq!(header(&again, "idempotency-replayed"), "true");
    let other = api.posted(PATH, &keyed, &order("SO-2", LINES)).await;
    let code = &other.body["code"];
    assert_eq!(
        (other.status, text(code)),
        (422, "idempotency-key-reused"),
        "{}",
        other.body
    );
    // Without its key it is another message and the same order.
    let unkeyed = api.posted(PATH, &[], &order("SO-1", LINES)).await;
    assert_eq!(unkeyed.status, 202, "{}", unkeyed.body);
    let settled = api.settled(text(&unkeyed.body["message_id"])).await;
    assert_eq!(settled["documents"][0]["disposition"], "duplicate");
    assert_eq!(api.find("/v1/orders/SO-2").await, None);
    host.finish().await;
    hears(&business.erp, &["order original SO-1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_can_not_be_taken_is_refused_with_what_is_wrong_and_kept_nowhere() {
    let business = Business::new().await.at(|site| site.sender("archive"));
    let host = business.start().await;
    let api = host.api();
    let fine = order("SO-1", LINES);
    let mut misspelt = fine.clone();
    misspelt["orderNo"] = json!("SO-1");
    let mut empty = fine.clone();
    empty["lines"] = json!([]);
    let asked = return_as("R-1", "requested", 0, LINES);
    for (path, body, status, code, said) in [
        (PATH, &misspelt, 422, "order-invalid", "orderNo"),
        (PATH, &empty, 422, "order-invalid", "line"),
        (PATH, &asked, 422, "order-invalid", "whose kind is order"),
        (PATH, &json!("an order"), 422, "order-invalid", ""),
        ("/v1/orders", &fine, 400, "bad-value", "?partner=NAME"),
        (
            "/v1/orders?partner=nobody",
            &fine,
            404,
            "not-found",
            "nobody",
        ),
        (
            "/v1/orders?partner=north",
            &fine,
            422,
            "role-unfit",
            "executes orders",
        ),
        (
            "/v1/orders?partner=archive",
            &fine,
            422,
            "partner-without-role",
            "partners.archive.role",
        ),
    ] {
        let refused = api.tried(path, body).await;
        let problem = &refused.body;
        assert_eq!(
            (refused.status, text(&problem["code"])),
            (status, code),
            "{path}"
        );
        assert_eq!(header(&refused, "content-type"), "application/problem+json");
        let detail = text(&problem["detail"]);
        assert!(!detail.is_empty() && detail.contains(said), "{problem}");
    }
    let places = api.tried(PATH, &misspelt).await.body["place"].clone();
    assert_eq!(places, "/orderNo");
    assert_eq!(api.messages().await, Vec::<Value>::new(), "none is kept");
    host.finish().await;
    hears(&business.erp, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_an_answer_already_is_told_so_until_it_changes() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &answer("SO-1", "accepted-with-changes", 2)).await;
    until_kinds(api, ORDER.1, &["changed-by-node"]).await;
    let change = &exceptions(api, ORDER.1).await[0];
    says(api, "north", &shipment("SH-1", "SO-1", 60, &LINES[..1])).await;
    order_stands(api, "SO-1", "partly-shipped").await;
    let shipped = ("shipment-visibility", "shipment/SH-1");
    stands(api, shipped.0, shipped.1, "departed").await;
    says(api, "crm", &return_as("R-1", "requested", 0, LINES)).await;
    stands(api, "return-to-credit", "return/R-1", "requested").await;
    for path in [
        "/v1/orders/SO-1",
        "/v1/shipments/SH-1",
        "/v1/returns/R-1",
        "/v1/processes/order-to-fulfilment/order/SO-1",
        text(&change["links"]["self"]),
    ] {
        // A delivery that ends meanwhile is a change; then it is asked again.
        until(format!("{path} to be known"), async || {
            let tag = header(&api.shown(path, &[]).await, "etag").to_owned();
            assert!(tag.starts_with('"'), "{path} has the tag {tag}");
            let known = api.shown(path, &[("if-none-match", &tag)]).await;
            match known.status {
                304 => {
                    assert_eq!((header(&known, "etag"), &known.body), (&*tag, &Value::Null));
                    Ok(())
                }
                status => Err(format!("{status}: {}", known.body)),
            }
        })
        .await;
    }
    let tag = header(&api.shown("/v1/shipments/SH-1", &[]).await, "etag").to_owned();
    moves(
        api,
        "north",
        &milestone("SH-1", "SO-1", "delivered", 600),
        shipped,
    )
    .await;
    let unless = [("if-none-match", tag.as_str())];
    let changed = api.shown("/v1/shipments/SH-1", &unless).await;
    assert_eq!(
        (changed.status, &changed.body["status"]),
        (200, &json!("delivered"))
    );
    assert_ne!(header(&changed, "etag"), tag);
    host.finish().await;
}

/// Has something done by whoever has seen what is there now, again while something else
/// moves it meanwhile.
async fn once_seen(api: &Api, seen: &str, path: &str, request: &Value) -> Answer {
    until(format!("{path} to be done"), async || {
        let tag = header(&api.shown(seen, &[]).await, "etag").to_owned();
        let done = api.posted(path, &[("if-match", &tag)], request).await;
        match text(&done.body["code"]) {
            "version-conflict" | "instance-moving" => Err(done.body.to_string()),
            _ => Ok(done),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_an_order_that_moved_since_is_refused_and_may_look_again() {
    const CANCEL: &str = "/v1/orders/SO-1/cancel";
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    says(api, "shop", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "validating").await;
    let seen = api.shown("/v1/orders/SO-1", &[]).await;
    let stale = header(&seen, "etag");
    moves(api, "erp", &answer("SO-1", "accepted", 1), ORDER).await;
    order_stands(api, "SO-1", "released").await;

    let request = json!({ "reason": "found cheaper" });
    for tag in [stale, "\"1\""] {
        let refused = api.posted(CANCEL, &[("if-match", tag)], &request).await;
        assert_eq!(refused.status, 412, "{}", refused.body);
        assert_eq!(refused.body["code"], "version-conflict");
        assert!(refused.body["current_version"].is_u64(), "{}", refused.body);
    }
    let nonsense = [("if-match", "yesterday")];
    let nonsense = api.posted(CANCEL, &nonsense, &request).await;
    assert_eq!(
        (nonsense.status, &nonsense.body["code"]),
        (400, &json!("bad-value"))
    );
    let site = business.site();
    let asked = ["orders", "cancel", "SO-1", "--if-version", "1"];
    let ran = site.run(&asked).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.said.contains("(412)"), "{}", ran.said);
    assert_eq!(
        order_stands(api, "SO-1", "released").await["finished"],
        false
    );

    let cancelled = once_seen(api, "/v1/orders/SO-1", CANCEL, &request).await;
    assert_eq!(cancelled.status, 202, "{}", cancelled.body);
    order_stands(api, "SO-1", "cancelled").await;
    host.finish().await;
    let north = ["order original SO-1", "order cancel SO-1"];
    hears(&business.north, &north).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_decides_on_an_exception_as_it_was_is_refused_and_may_look_again() {
    let business = Business::new().await;
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    for (node, second) in [("north", 2), ("south", 3)] {
        moves(api, node, &answer("SO-1", "rejected", second), ORDER).await;
    }
    let all = ["no-node-left", "node-rejection", "node-rejection"];
    until_kinds(api, ORDER.1, &all).await;
    let found = exceptions(api, ORDER.1).await;
    let stuck = found.iter().find(|it| it["kind"] == "no-node-left");
    let links = &stuck.expect("it is among them")["links"];
    let (seen, path) = (text(&links["self"]), text(&links["resolve"]));
    let request = json!({ "action": "cancel", "by": "ann" });
    for (tag, status) in [("\"1\"", 412), ("W/\"1\"", 400)] {
        let refused = api.posted(path, &[("if-match", tag)], &request).await;
        assert_eq!(refused.status, status, "{}", refused.body);
    }
    order_stands(api, "SO-1", "manual-review").await;
    let done = once_seen(api, seen, path, &request).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let history = array(&done.body["exception"]["history"]);
    assert!(history.iter().any(|it| it["by"] == "ann"), "{history:?}");
    order_stands(api, "SO-1", "cancelled").await;
    host.finish().await;
    let erp = heard(&business.erp);
    assert!(erp.contains(&"order cancel SO-1".to_owned()), "{erp:?}");
}
