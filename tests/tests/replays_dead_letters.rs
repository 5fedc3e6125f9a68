//! Nothing fails silently: what is given up waits as a dead letter that says why, and a
//! person can send it round again, one or many, for the record.

use e2e::harness::{Behaviour, Receiver, Site, array, order, text, until};
use serde_json::{Value, json};

const ATTEMPTS: u64 = 3;

async fn site() -> (Receiver, Site) {
    let warehouse = Receiver::start().await;
    let site = Site::new()
        .sender("erp")
        .receiver("warehouse", &warehouse)
        .route("order", &["erp"], &["warehouse"])
        .set(
            "partners.warehouse.endpoint.retry.attempts_max",
            ATTEMPTS as i64,
        )
        .set("partners.warehouse.endpoint.breaker.failures_max", 1_000);
    (warehouse, site)
}

async fn list(site: &Site, filter: &[&str]) -> Vec<Value> {
    let found = site
        .ask(&[&["dead-letters", "list"], filter].concat())
        .await;
    array(&found["dead_letters"]).to_vec()
}

fn steps(message: &Value) -> Vec<&str> {
    array(&message["timeline"])
        .iter()
        .map(|it| text(&it["step"]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn what_a_partner_rejects_is_given_up_at_once_and_goes_round_again_under_its_key() {
    let (warehouse, site) = site().await;
    let host = site.start().await;
    warehouse.set(Behaviour::Answers(400, None));
    let id = host
        .api()
        .accepted("erp", "a", &order::original("SO-1"))
        .await;
    let message = host.api().settled(&id).await;
    assert_eq!(message["deliveries"][0]["status"], "dead");
    assert_eq!(warehouse.count(), 1, "a rejection is not tried again");

    let letters = list(&site, &["--partner", "warehouse", "--step", "deliver"]).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = text(&letters[0]["id"]).to_owned();
    let shown = site.ask(&["dead-letters", "show", &letter]).await;
    assert_eq!(shown["message"], json!(id));
    assert_eq!(shown["delivery"], message["deliveries"][0]["id"]);
    assert_eq!(shown["business_key"], "order/SO-1");
    assert_eq!(shown["attempts"], 1);
    assert_eq!(shown["failure"]["code"], "answer-refused");
    assert_eq!(
        shown["failure"]["text"],
        "the partner answered 400: not now"
    );
    assert_eq!(
        shown["adapter_digest"],
        message["timeline"][1]["details"]["adapter_digest"]
    );
    assert_eq!(shown["status"], "waiting");

    // A dry run changes nothing.
    let dry = site
        .ask(&["dead-letters", "replay", &letter, "--dry-run"])
        .await;
    assert_eq!((&dry["dry_run"], &dry["count"]), (&json!(true), &json!(1)));
    assert_eq!(list(&site, &[]).await.len(), 1);
    assert_eq!(warehouse.count(), 1);

    warehouse.set(Behaviour::Takes);
    let begun = site
        .ask(&["dead-letters", "replay", &letter, "--by", "ann"])
        .await;
    assert_eq!(begun["count"], 1);
    let message = until("the delivery to arrive", async || {
        let message = host.api().settled(&id).await;
        let delivered = message["deliveries"][0]["status"] == "delivered";
        delivered.then_some(()).ok_or_else(|| message.to_string())?;
        Ok(message)
    })
    .await;
    let arrivals = warehouse.arrivals();
    assert_eq!(arrivals.len(), 2);
    assert_eq!(arrivals[0].key, arrivals[1].key);
    assert_eq!(arrivals[0].document, arrivals[1].document);
    assert_eq!(arrivals[0].correlation_id, arrivals[1].correlation_id);

    // It is on record who did it.
    assert_eq!(
        steps(&message),
        [
            "accepted",
            "decoded",
            "attempt",
            "dead-letter",
            "replayed",
            "attempt",
            "delivered"
        ]
    );
    assert!(
        text(&message["timeline"][4]["text"]).ends_with("by ann"),
        "{}",
        message["timeline"][4]
    );
    assert_eq!(list(&site, &[]).await, Vec::<Value>::new());
    let replayed = list(&site, &["--replayed"]).await;
    assert_eq!(replayed[0]["status"], "replayed");
    assert_eq!(replayed[0]["replayed_by"], "ann");
    assert!(replayed[0]["replayed_at"].is_string());

    // What was replayed is not replayed again.
    let again = site.ask(&["dead-letters", "replay", &letter]).await;
    assert_eq!(again["count"], 0);
    host.finish().await;
    assert_eq!(warehouse.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_run_out_and_all_go_round_again_in_order() {
    let (warehouse, site) = site().await;
    let host = site.start().await;
    warehouse.set(Behaviour::Answers(503, None));
    let mut ids = Vec::new();
    for revision in 0..5 {
        let key = format!("a-{revision}");
        ids.push(
            host.api()
                .accepted("erp", &key, &order::revision("SO-1", revision))
                .await,
        );
    }
    for id in &ids {
        let message = host.api().settled(id).await;
        assert_eq!(message["deliveries"][0]["status"], "dead");
        assert_eq!(message["deliveries"][0]["attempts"], ATTEMPTS);
    }
    assert_eq!(warehouse.count() as u64, ATTEMPTS * 5);
    let letters = list(&site, &["--code", "answer-unavailable"]).await;
    assert_eq!(letters.len(), 5);
    assert!(letters.iter().all(|letter| letter["attempts"] == ATTEMPTS));

    warehouse.set(Behaviour::Takes);
    let begun = site
        .ask(&[
            "dead-letters",
            "replay",
            "--all",
            "--partner",
            "warehouse",
            "--per-second",
            "1000",
        ])
        .await;
    assert_eq!(begun["count"], 5);
    for id in &ids {
        until("the delivery to arrive", async || {
            let status = text(&host.api().settled(id).await["deliveries"][0]["status"]).to_owned();
            if status == "delivered" {
                Ok(())
            } else {
                Err(status)
            }
        })
        .await;
    }
    let revisions: Vec<_> = warehouse
        .taken()
        .iter()
        .map(|it| order::name_of(&it.document).1)
        .collect();
    assert_eq!(revisions, [0, 1, 2, 3, 4]);
    host.finish().await;
}

/// A message that nobody could read, or that no rule wanted, waits as it came; when
/// the configuration is mended it is decoded again.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_no_rule_wants_goes_round_again_when_there_is_one() {
    let (warehouse, site) = site().await;
    let host = site.start().await;
    let note = json!({ "kind": "other", "type": "note", "business_key": "7", "content": "{}" });
    let id = host.api().accepted("erp", "note", &note).await;
    let message = host.api().settled(&id).await;
    assert_eq!(message["documents"][0]["disposition"], "unrouted");
    let letters = list(&site, &["--step", "route", "--code", "unrouted"]).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    host.stop().await;

    let site = site.route("other", &["erp"], &["warehouse"]);
    let host = site.start().await;
    let letter = text(&letters[0]["id"]);
    assert_eq!(
        site.ask(&["dead-letters", "replay", letter]).await["count"],
        1
    );
    until("the document to arrive", async || {
        let found = warehouse.count();
        if found == 1 {
            Ok(())
        } else {
            Err(found.to_string())
        }
    })
    .await;
    let message = host.api().settled(&id).await;
    assert_eq!(message["documents"][0]["disposition"], "routed");
    assert_eq!(array(&message["documents"]).len(), 1);
    host.finish().await;
    assert_eq!(warehouse.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_waits_with_its_place_and_its_bytes() {
    let (warehouse, site) = site().await;
    let host = site.start().await;
    let mut misspelt = order::original("SO-1");
    misspelt["lines"][0]["quantity"]["unitt"] = json!("CS");
    let id = host
        .api()
        .accepted("erp", "a", &json!([misspelt, order::original("SO-2")]))
        .await;
    let message = host.api().settled(&id).await;
    assert_eq!(message["message"]["status"], "partly-refused");
    let dispositions: Vec<_> = array(&message["documents"])
        .iter()
        .map(|it| text(&it["disposition"]))
        .collect();
    assert_eq!(
        dispositions,
        ["routed", "refused"],
        "a bad document never rejects its neighbour"
    );
    assert_eq!(warehouse.count(), 1);

    let letters = list(&site, &["--step", "decode"]).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["holds"], "message");
    assert_eq!(letters[0]["failure"]["place"], "/0/lines/0/quantity/unitt");
    assert_eq!(letters[0]["failure"]["blame"], "partner-data");

    // Sent round again it is refused again, and its neighbour has no second effect.
    site.ask(&["dead-letters", "replay", text(&letters[0]["id"])])
        .await;
    until("it to be refused again", async || {
        let letters = list(&site, &["--step", "decode"]).await;
        if letters.len() == 1 {
            Ok(())
        } else {
            Err(format!("{letters:?}"))
        }
    })
    .await;
    host.finish().await;
    assert_eq!(warehouse.count(), 1);
}

/// A replay that was asked for survives a kill, and has its effect once.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_survives_a_kill() {
    let (warehouse, site) = site().await;
    let host = site.start().await;
    warehouse.set(Behaviour::Answers(400, None));
    let id = host
        .api()
        .accepted("erp", "a", &order::original("SO-1"))
        .await;
    host.api().settled(&id).await;
    warehouse.close();
    let letter = text(&list(&site, &[]).await[0]["id"]).to_owned();
    site.ask(&["dead-letters", "replay", &letter]).await;
    until("the replay to be durable", async || {
        let shown = site.ask(&["dead-letters", "show", &letter]).await;
        if shown["status"] == "replayed" {
            Ok(())
        } else {
            Err(shown.to_string())
        }
    })
    .await;
    host.kill();

    warehouse.set(Behaviour::Takes);
    warehouse.open().await;
    let host = site.start().await;
    host.api().until_idle().await;
    let message = host.api().settled(&id).await;
    let status = text(&message["deliveries"][0]["status"]);
    if status == "dead" {
        // Its attempts may have run out while the partner was away.
        let letter = text(&message["deliveries"][0]["dead_letter"]).to_owned();
        site.ask(&["dead-letters", "replay", &letter]).await;
    }
    until("the delivery to arrive", async || {
        let taken = warehouse.taken().len();
        if taken == 1 {
            Ok(())
        } else {
            Err(taken.to_string())
        }
    })
    .await;
    host.finish().await;
    assert_eq!(warehouse.taken().len(), 1);
}

/// What is replayed goes behind what waits, and a restart does not change that.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_replayed_keeps_its_place_over_a_restart() {
    for restarts in [false, true] {
        let (warehouse, site) = site().await;
        let mut host = site.start().await;
        warehouse.set(Behaviour::Answers(400, None));
        let first = order::revision("SO-1", 0);
        let id = host.api().accepted("erp", "a-0", &first).await;
        host.api().settled(&id).await;
        warehouse.set(Behaviour::Takes);
        let letter = text(&list(&site, &[]).await[0]["id"]).to_owned();
        site.ask(&["partners", "breaker", "warehouse", "open"])
            .await;
        for revision in 1..3 {
            let key = format!("a-{revision}");
            let order = order::revision("SO-1", revision);
            host.api().accepted("erp", &key, &order).await;
        }
        let waiting = async |count: u64| {
            until("deliveries to wait", async || {
                let stands = site.api().partner("warehouse").await;
                (stands["waiting"] == count)
                    .then_some(())
                    .ok_or_else(|| stands.to_string())
            })
            .await;
        };
        waiting(2).await;
        site.ask(&["dead-letters", "replay", &letter]).await;
        waiting(3).await;
        if restarts {
            host.kill();
            host = site.start().await;
        }
        site.ask(&["partners", "breaker", "warehouse", "reset"])
            .await;
        host.api().settled(&id).await;
        let revisions: Vec<_> = warehouse
            .taken()
            .iter()
            .map(|it| order::name_of(&it.document).1)
            .collect();
        assert_eq!(revisions, [1, 2, 0], "restarted: {restarts}");
        host.stop().await;
    }
}
