//! Salesforce, SAP, an X12 warehouse and ShipBob around one order each, on a good day
//! and on a bad one: one process each, which every one of them moves on.

use serde_json::json;

use super::{
    across::{self, DULUTH, order, play_act, sell},
    releases,
};
use crate::{
    demo::{
        api::{Unmet, expect, until},
        stage::Stage,
    },
    simulate::{
        ingress::Message,
        script::{Answers, Script, Sends},
        x12::edi::Purpose,
    },
};

/// An order for the lakes, and two for the west.
const NORTHERN: &str = "70000101";
const WESTERN: &str = "70000102";
const UNLUCKY: &str = "70000103";

const OAKLAND: [&str; 3] = ["Oakland", "CA", "94607"];
const RENO: [&str; 3] = ["Reno", "NV", "89501"];

/// Salesforce → SAP → ORDRSP → 940; 945 → outbound delivery in SAP, status in Salesforce.
pub(super) async fn sold_and_shipped(stage: &mut Stage) -> Result<(), Unmet> {
    sell(stage, NORTHERN, DULUTH, ("MUG", 7))?;
    let order = order(stage, NORTHERN, "shipped").await?;
    let seen = stage.systems.lakes.depot(|depot| releases(depot, NORTHERN));
    expect(
        seen == [(Purpose::New, 7)],
        "lakes-3pl has one release of 7 pieces",
        || format!("{seen:?}"),
    )?;
    let posted = across::issued(stage, NORTHERN);
    expect(
        posted == [Some(7)],
        "SAP has posted one goods issue of 7 pieces",
        || format!("{posted:?}"),
    )?;
    in_salesforce(stage, NORTHERN).await?;
    stage.screen.beats(across::beats(&order));
    stage.screen.observed(
        "SAP confirmed the order (ORDRSP), was told what left, and posted one goods issue",
    );
    stage
        .screen
        .observed("Salesforce shows the order as shipped, with one entry for it in its timeline");
    Ok(())
}

/// SAP → ShipBob, whose webhook comes twice.
pub(super) async fn told_twice(stage: &mut Stage) -> Result<(), Unmet> {
    stage.systems.shipbob.play(Script {
        sends: Sends {
            copies: 2,
            reversed: false,
        },
        ..Script::default()
    });
    sell(stage, WESTERN, OAKLAND, ("MUG", 3))?;
    let order = order(stage, WESTERN, "shipped").await?;
    let answers = until("both copies of order.shipped are answered", async || {
        let sent = stage.systems.shipbob.sent();
        match sent.as_slice() {
            [first, second] => Ok([first.answer.clone(), second.answer.clone()]),
            other => Err(format!("{} are", other.len())),
        }
    })
    .await?;
    let [first, second] = &answers;
    let same = first.status == 202 && first.message_id == second.message_id && second.replayed;
    expect(
        same,
        "the same answer twice, the second time as known",
        || format!("{answers:?}"),
    )?;
    in_salesforce(stage, WESTERN).await?;
    let stock = stage
        .systems
        .shipbob
        .inside(|it| (it.orders_of(WESTERN), it.on_hand("MUG")));
    expect(
        stock == (1, 997),
        "ShipBob shipped 3 of 1,000 mugs, once",
        || format!("{stock:?}"),
    )?;
    forged(stage).await?;
    stage.systems.shipbob.play(Script::default());
    stage.screen.beats(across::beats(&order));
    stage.screen.observed(&format!(
        "order.shipped came twice under one webhook-id: one message, {}, one entry in the timeline",
        first.message_id
    ));
    stage
        .screen
        .observed("the same under another secret: refused with 401");
    Ok(())
}

/// A webhook that somebody else has signed.
async fn forged(stage: &Stage) -> Result<(), Unmet> {
    let message = Message {
        key: "msg_forged".to_owned(),
        correlation_id: None,
        content_type: "application/json",
        headers: vec![("x-webhook-topic", "order.shipped".to_owned())],
        body: r#"{"id":1,"reference_id":"70000102","status":"Completed"}"#.into(),
    };
    let answer = stage.from_forger.send(message).await;
    let refused = answer.as_ref().is_ok_and(|it| it.status == 401);
    expect(
        refused,
        "401 for a webhook that is signed with another secret",
        || format!("{answer:?}"),
    )
}

/// Everything that goes wrong in between goes wrong once.
pub(super) async fn bad_day(stage: &mut Stage) -> Result<(), Unmet> {
    let before = stage.systems.salesforce.inside(|org| org.tokens_given());
    play_act(
        &stage.systems.salesforce,
        &json!({ "act": "expire-sessions" }),
    )?;
    play_act(
        &stage.systems.sap,
        &json!({ "act": "lose-sessions", "requests": 2 }),
    )?;
    let sap = Script::answering(Answers::FailAfterWork).times(1);
    // The third time that the order is sent: the sessions of the first two are lost.
    stage
        .systems
        .sap
        .play(sap.only("POST", "A_SalesOrder").after(2));
    let limited = Answers::RateLimited {
        retry_after_seconds: 1,
    };
    stage
        .systems
        .shipbob
        .play(Script::answering(limited).times(1));
    sell(stage, UNLUCKY, RENO, ("MUG", 2))?;
    let order = order(stage, UNLUCKY, "shipped").await?;
    in_salesforce(stage, UNLUCKY).await?;

    let orders = stage.systems.sap.inside(|sap| sap.orders_of(UNLUCKY));
    let posted = stage.systems.sap.received();
    let posted = posted
        .iter()
        .filter(|it| it.method == "POST" && it.target.contains("A_SalesOrder"));
    let statuses: Vec<_> = posted.filter_map(|it| it.status).collect();
    let lost = statuses.ends_with(&[403, 403, 500, 201]);
    expect(
        lost && orders == 1,
        "SAP refuses two tokens, loses one answer, and holds one sales order",
        || format!("{statuses:?}, {orders} orders"),
    )?;
    let tokens = stage.systems.salesforce.inside(|org| org.tokens_given());
    expect(
        tokens > before,
        "a new token is fetched when Salesforce says that the session has expired",
        || format!("{before} tokens, then {tokens}"),
    )?;
    let calls = stage.systems.shipbob.received();
    let refused = calls.iter().any(|it| it.status == Some(429));
    let orders = stage.systems.shipbob.inside(|it| it.orders_of(UNLUCKY));
    expect(
        refused && orders == 1,
        "ShipBob refuses one call with 429, and holds one order",
        || format!("429: {refused}, {orders} orders"),
    )?;
    stage.screen.beats(across::beats(&order));
    stage.screen.observed(
        "SAP lost two sessions and one answer: tokens fetched anew, sent again, one sales order",
    );
    stage
        .screen
        .observed("Salesforce's token had expired: replaced within the attempt");
    stage
        .screen
        .observed("ShipBob said 429 with x-retry-after: waited, one order");
    Ok(())
}

/// Salesforce has the order as shipped, and one entry in its timeline says so.
async fn in_salesforce(stage: &Stage, key: &str) -> Result<(), Unmet> {
    until(
        format!("Salesforce has {key} as shipped, told once"),
        async || {
            let status = across::status_in_salesforce(stage, key);
            let told = across::told_in_salesforce(stage, key, "shipped");
            let right = status == "Shipped" && told == 1;
            right
                .then_some(())
                .ok_or_else(|| format!("{status:?}, told {told} times"))
        },
    )
    .await
}
