//! Salesforce, SAP, an X12 warehouse and ShipBob around one order each, on a good day
//! and on a bad one.

use serde_json::{Value, json};

use super::{known, shipped};
use crate::{
    demo::{
        api::{Unmet, expect, text, until},
        stage::Stage,
        telling,
    },
    simulate::{
        ingress::Message,
        partner::Partner,
        script::{Answers, Script, Sends},
        server::Simulator,
        x12::edi::Purpose,
    },
};

/// An order for the north, and two for the west.
const NORTHERN: &str = "70000101";
const WESTERN: &str = "70000102";
const UNLUCKY: &str = "70000103";

/// Salesforce → SAP → 940; 945 → IDoc to SAP, status to Salesforce.
pub(super) async fn sold_and_shipped(stage: &mut Stage) -> Result<(), Unmet> {
    sell(stage, NORTHERN, ("Duluth", "MN"), 7)?;
    let search = format!("business_key=order/{NORTHERN}");
    let messages = shipped(stage, NORTHERN, &search).await?;
    let seen = stage.north.depot(|depot| super::releases(depot, NORTHERN));
    expect(
        seen == [(Purpose::New, 7)],
        "north-3pl has one release of 7 pieces",
        || format!("{seen:?}"),
    )?;
    let posted = until(
        "SAP posts the goods issue, and says so by STATUS",
        async || {
            let idocs = stage.systems.sap.inside(|sap| sap.idocs());
            let issued = stage.systems.sap.inside(|sap| sap.issued(NORTHERN));
            let issued = issued.map(|it| it.to_string()).unwrap_or_default();
            match idocs.as_slice() {
                [(number, kind, "53")] if kind == "SHPCON" && issued == "7" => Ok(number.clone()),
                _ => Err(format!("{idocs:?}, issued {issued:?}")),
            }
        },
    )
    .await?;
    acknowledged(stage, &messages, "sap").await?;
    in_salesforce(stage, NORTHERN).await?;
    let messages = known(stage.api.messages(&search).await)?;
    stage.screen.beats(telling::beats(&messages));
    stage.screen.observed(&format!(
        "SAP made one sales order (token and cookie fetched first), and posted one goods issue (IDoc {posted}, status 53)"
    ));
    stage
        .screen
        .observed("Salesforce shows the order as shipped, with one entry in its timeline");
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
    sell(stage, WESTERN, ("Oakland", "CA"), 3)?;
    let search = format!("business_key=order/{WESTERN}");
    let messages = shipped(stage, WESTERN, &search).await?;
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
    stage.screen.beats(telling::beats(&messages));
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
    sell(stage, UNLUCKY, ("Reno", "NV"), 2)?;
    let search = format!("business_key=order/{UNLUCKY}");
    let messages = shipped(stage, UNLUCKY, &search).await?;
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
    stage.screen.beats(telling::beats(&messages));
    stage.screen.observed(
        "SAP lost two sessions and one answer: tokens fetched anew, sent again under the same RequestID, one sales order",
    );
    stage
        .screen
        .observed("Salesforce's token had expired: replaced within the attempt");
    stage
        .screen
        .observed("ShipBob said 429 with x-retry-after: waited, one order");
    Ok(())
}

/// Somebody in sales places an order, and Salesforce publishes it.
fn sell(stage: &Stage, key: &str, place: (&str, &str), pieces: u32) -> Result<(), Unmet> {
    let (city, state) = place;
    let order = json!({
        "act": "place-order", "key": key, "account": "17100001",
        "ship_to": {
            "street": "1 Pier Road", "city": city, "state": state, "postal_code": "55802", "country": "US",
        },
        "lines": [{ "sku": "MUG", "quantity": pieces }],
    });
    play_act(&stage.systems.salesforce, &order)?;
    play_act(
        &stage.systems.salesforce,
        &json!({ "act": "publish", "key": key }),
    )
}

fn play_act<P: Partner>(partner: &Simulator<P>, act: &Value) -> Result<(), Unmet> {
    partner.act(act).map(drop).map_err(|seen| Unmet {
        expected: format!("the partner does {}", act["act"]),
        seen,
    })
}

/// What was sent to a partner is settled by what it said of it.
async fn acknowledged(
    stage: &Stage,
    messages: &[crate::demo::api::Message],
    partner: &str,
) -> Result<(), Unmet> {
    let shipment = messages.iter().find(|it| it.holds("shipment"));
    let id = shipment.map(|it| it.id().to_owned()).unwrap_or_default();
    until(format!("{partner} acknowledges the shipment"), async || {
        let message = stage.api.message(&id).await?;
        let delivery = message.delivery_to(partner).ok_or("no delivery")?;
        let settled = text(&delivery["acknowledged"]) == "accepted";
        settled.then_some(()).ok_or_else(|| delivery.to_string())
    })
    .await
}

/// Salesforce has the order as shipped, and one entry in its timeline.
async fn in_salesforce(stage: &Stage, key: &str) -> Result<(), Unmet> {
    until(
        format!("Salesforce has {key} as shipped, told once"),
        async || {
            let status = stage
                .systems
                .salesforce
                .inside(|org| org.order(key).map(|it| text(&it["Status"]).to_owned()));
            let timeline = stage.systems.salesforce.inside(|org| org.timeline(key));
            let right = status.as_deref() == Some("Shipped") && timeline == ["shipped"];
            right
                .then_some(())
                .ok_or_else(|| format!("{status:?}, {timeline:?}"))
        },
    )
    .await
}
