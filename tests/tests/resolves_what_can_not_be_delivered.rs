//! What a process has to say and a partner does not take is an exception with what can be
//! done about it: sent again it is said once, and it is over however it came to be delivered.

use e2e::harness::{
    Api, Behaviour, Receiver, array,
    business::{
        Business, exceptions, heard, hears, in_short, order_stands, resolve, says, stands,
        until_kinds,
    },
    papers::{LINES, THREE, answer, order, return_as, shipment},
    text,
};
use serde_json::{Value, json};

const KEY: &str = "order/SO-1";

/// Refuses what begins so and takes everything else.
fn refuses(receiver: &Receiver, beginning: &'static str) {
    receiver.script(move |arrival| {
        if in_short(&arrival.document).starts_with(beginning) {
            Behaviour::Answers(422, None)
        } else {
            Behaviour::Takes
        }
    });
}

/// What happened to the exceptions of an instance, those that are over included.
async fn history(api: &Api, key: &str) -> Vec<(String, String)> {
    let path = format!("/v1/exceptions?key={key}&closed=true");
    let found = api.get(&path).await;
    let exceptions = array(&found["exceptions"]).iter();
    let entries = exceptions.flat_map(|it| array(&it["history"]));
    entries
        .map(|it| (text(&it["what"]).to_owned(), text(&it["by"]).to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_erp_does_not_take_is_sent_again_at_a_person_s_word() {
    let business = Business::new().await;
    refuses(&business.erp, "order");
    let host = business.start().await;
    let api = host.api();
    says(api, "shop", &order("SO-1", LINES)).await;
    until_kinds(api, KEY, &["undeliverable"]).await;
    let found = &exceptions(api, KEY).await[0];
    assert_eq!(found["severity"], "high");
    assert_eq!(found["actions"], json!(["retry", "accept-variance"]));
    assert!(
        text(&found["text"]).contains("can't be delivered"),
        "{found}"
    );
    let letters = api.dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    order_stands(api, "SO-1", "validating").await;

    // Refused once more it is another problem; then it is taken.
    let (status, again) = resolve(api, KEY, "undeliverable", "retry").await;
    assert_eq!(status, 200, "{again}");
    until_kinds(api, KEY, &["undeliverable"]).await;
    assert_ne!(exceptions(api, KEY).await[0]["id"], found["id"]);
    business.erp.set(Behaviour::Takes);
    let (status, again) = resolve(api, KEY, "undeliverable", "retry").await;
    assert_eq!(status, 200, "{again}");
    hears(&business.erp, &["order original SO-1"]).await;
    until_kinds(api, KEY, &[]).await;
    says(api, "erp", &answer("SO-1", "accepted", 1)).await;
    order_stands(api, "SO-1", "released").await;
    host.finish().await;
    let keys = business.erp.arrivals().into_iter();
    let mut keys: Vec<_> = keys
        .filter(|it| in_short(&it.document).starts_with("order original"))
        .map(|it| it.key)
        .collect();
    keys.dedup();
    assert_eq!(keys.len(), 1, "under one key: {keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_over_when_the_dead_letter_is_replayed_by_somebody_else() {
    let business = Business::new().await;
    refuses(&business.erp, "order");
    let host = business.start().await;
    let api = host.api();
    says(api, "shop", &order("SO-1", LINES)).await;
    until_kinds(api, KEY, &["undeliverable"]).await;
    business.erp.set(Behaviour::Takes);
    let letters = api.dead_letters().await;
    let replay = json!({ "ids": [letters[0]["id"]] });
    api.post("/v1/dead-letters/replay", &replay).await;
    hears(&business.erp, &["order original SO-1"]).await;
    until_kinds(api, KEY, &[]).await;
    let over = history(api, KEY).await;
    let cleared = ("cleared".to_owned(), "crossdock".to_owned());
    assert!(over.contains(&cleared), "it closed itself: {over:?}");
    host.finish().await;
    hears(&business.erp, &["order original SO-1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_a_node_does_not_take_goes_to_the_next_one() {
    let business = Business::new().await;
    refuses(&business.north, "order original");
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    hears(&business.south, &["order original SO-1"]).await;
    until_kinds(api, KEY, &["node-rejection"]).await;
    let released = order_stands(api, "SO-1", "released").await;
    assert_eq!(released["facts"]["node"], "south");
    host.stop().await;
    assert_eq!(heard(&business.north), [""; 0], "nor is it told a cancel");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_desk_does_not_take_holds_nothing_up_and_a_person_may_leave_it() {
    let business = Business::new().await;
    refuses(&business.crm, "told order-shipped");
    let host = business.start().await;
    let api = host.api();
    business.accepted(api, "SO-1", &order("SO-1", LINES)).await;
    order_stands(api, "SO-1", "released").await;
    says(api, "north", &shipment("SH-1", "SO-1", 60, LINES)).await;
    until_kinds(api, KEY, &["undeliverable"]).await;
    order_stands(api, "SO-1", "shipped").await;
    let (status, left) = resolve(api, KEY, "undeliverable", "accept-variance").await;
    assert_eq!(status, 200, "{left}");
    until_kinds(api, KEY, &[]).await;
    let over = history(api, KEY).await;
    let accepted = ("accepted".to_owned(), "ann".to_owned());
    assert!(over.contains(&accepted), "{over:?}");
    host.stop().await;
    let crm = heard(&business.crm);
    assert!(crm.contains(&"shipment SH-1".to_owned()), "{crm:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_return_that_the_erp_does_not_take_is_sent_again() {
    let business = Business::new().await;
    refuses(&business.erp, "return");
    let host = business.start().await;
    let api = host.api();
    says(api, "crm", &return_as("R-1", "requested", 0, THREE)).await;
    stands(api, "return-to-credit", "return/R-1", "requested").await;
    until_kinds(api, "return/R-1", &["undeliverable"]).await;
    business.erp.set(Behaviour::Takes);
    let (status, again) = resolve(api, "return/R-1", "undeliverable", "retry").await;
    assert_eq!(status, 200, "{again}");
    hears(&business.erp, &["return original requested R-1"]).await;
    until_kinds(api, "return/R-1", &[]).await;
    assert_eq!(exceptions(api, "return/R-1").await, Vec::<Value>::new());
    host.finish().await;
}
