//! One effect per business key: the same message again gets the first answer, the same
//! document again has no second effect, and a key never stands for two things.

use std::collections::BTreeSet;

use e2e::harness::{Api, Receiver, Site, array, order, text};
use serde_json::{Value, json};

/// As many as a broken client loop sends.
const AT_ONCE: usize = 100;

/// An ERP that sends orders, and a warehouse that gets them.
async fn site() -> (Receiver, Site) {
    let warehouse = Receiver::start().await;
    let site = Site::new()
        .sender("erp")
        .receiver("warehouse", &warehouse)
        .route("order", &["erp"], &["warehouse"]);
    (warehouse, site)
}

async fn all_at_once(
    api: &Api,
    key: impl Fn(usize) -> String,
    body: &Value,
) -> Vec<(String, bool)> {
    let sending: Vec<_> = (0..AT_ONCE)
        .map(|index| {
            let (api, key, body) = (api.clone(), key(index), body.clone());
            tokio::spawn(async move { api.acknowledged("erp", &key, &body).await })
        })
        .collect();
    let mut accepted = Vec::new();
    for sent in sending {
        accepted.push(sent.await.expect("sending does not fail"));
    }
    accepted
}

fn dispositions(message: &Value) -> Vec<&str> {
    array(&message["documents"])
        .iter()
        .map(|it| text(&it["disposition"]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_with_one_key_are_one_message() {
    let (warehouse, site) = site().await;
    let host = site.start().await;
    let accepted = all_at_once(
        host.api(),
        |_| "order-1".to_owned(),
        &order::original("SO-1"),
    )
    .await;

    let ids: BTreeSet<_> = accepted.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let fresh = accepted.iter().filter(|(_, replayed)| !replayed).count();
    assert_eq!(fresh, 1, "every answer but one says that it is a replay");
    host.api().until_idle().await;
    assert_eq!(host.api().messages().await.len(), 1);
    assert_eq!(warehouse.count(), 1);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_messages_with_one_document_are_one_delivery() {
    let (warehouse, site) = site().await;
    let host = site.start().await;
    let accepted = all_at_once(
        host.api(),
        |index| format!("order-1-{index}"),
        &order::original("SO-1"),
    )
    .await;

    let ids: BTreeSet<_> = accepted.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids.len(), AT_ONCE);
    host.api().until_idle().await;
    let mut found = Vec::new();
    for id in &ids {
        let message = host.api().message(id).await;
        found.extend(dispositions(&message).into_iter().map(str::to_owned));
    }
    found.sort_unstable();
    let expected = [vec!["duplicate"; AT_ONCE - 1], vec!["routed"]].concat();
    assert_eq!(found, expected);
    assert_eq!(warehouse.count(), 1);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stands_for_one_body_also_after_a_restart() {
    let (warehouse, site) = site().await;
    let first = order::original("SO-1");
    let mut host = site.start().await;
    let id = host.api().accepted("erp", "order-1", &first).await;
    host.api().until_idle().await;
    for restarted in [false, true] {
        if restarted {
            host.kill();
            host = site.start().await;
        }
        let api = host.api();
        let again = api
            .send("erp", "order-1", &first)
            .await
            .expect("the host answers");
        assert_eq!(again.status, 202);
        assert_eq!(again.body["message_id"], json!(id));
        assert!(again.headers.contains_key("idempotency-replayed"));

        let other = api
            .send("erp", "order-1", &order::original("SO-2"))
            .await
            .expect("the host answers");
        assert_eq!(other.status, 422, "{}", other.body);
        assert_eq!(
            other.body["message_id"],
            json!(id),
            "it names the message that has the key"
        );
        assert_eq!(other.headers["content-type"], "application/problem+json");
        api.until_idle().await;
        assert_eq!(api.messages().await.len(), 1);
        assert_eq!(warehouse.count(), 1);
    }
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_comes_again_is_a_duplicate_also_after_a_restart() {
    let (warehouse, site) = site().await;
    let mut host = site.start().await;
    let first = host
        .api()
        .accepted("erp", "a", &order::original("SO-1"))
        .await;
    host.api().until_idle().await;
    for key in ["b", "c"] {
        if key == "c" {
            host.kill();
            host = site.start().await;
        }
        let id = host
            .api()
            .accepted("erp", key, &order::original("SO-1"))
            .await;
        let message = host.api().settled(&id).await;
        assert_eq!(dispositions(&message), ["duplicate"]);
        assert_eq!(
            message["documents"][0]["other"],
            json!(format!("{first}/0"))
        );
        assert_eq!(message["message"]["deliveries"], 0);
    }
    assert_eq!(warehouse.count(), 1);
    // A change of the order is another document.
    let id = host
        .api()
        .accepted("erp", "d", &order::revision("SO-1", 1))
        .await;
    assert_eq!(dispositions(&host.api().settled(&id).await), ["routed"]);
    assert_eq!(warehouse.count(), 2);
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_says_something_else_under_its_number_waits_for_a_person() {
    let (warehouse, site) = site().await;
    let host = site.start().await;
    let first = host
        .api()
        .accepted("erp", "a", &order::original("SO-1"))
        .await;
    host.api().settled(&first).await;

    let mut changed = order::original("SO-1");
    changed["lines"][0]["quantity"]["value"] = json!("13");
    let second = host.api().accepted("erp", "b", &changed).await;
    let message = host.api().settled(&second).await;
    assert_eq!(dispositions(&message), ["conflict"]);
    assert_eq!(
        message["documents"][0]["other"],
        json!(format!("{first}/0"))
    );

    let letters = host.api().dead_letters().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = &letters[0];
    assert_eq!(letter["message"], json!(second));
    assert_eq!(letter["step"], "route");
    assert_eq!(letter["failure"]["code"], "identity-conflict");
    assert_eq!(letter["failure"]["blame"], "partner-data");
    assert_eq!(warehouse.count(), 1);
    host.finish().await;
}
