//! A warehouse that is down: its breaker opens, its work waits, the others flow, and
//! when it is back everything arrives once and in order.

use crossdock_sdk::Order;
use serde_json::Value;

use super::{booked_once, known, partner, releases, shipped};
use crate::{
    clock::Timestamp,
    demo::{
        api::{Unmet, expect, text, until},
        erp::{self, Customer},
        screen::{Beat, Tone, span},
        stage::Stage,
        telling,
    },
    simulate::{
        script::{Answers, Script},
        x12::edi::Purpose,
    },
};

/// What waits for the warehouse: an order, its change, and another order.
const WAITING: u64 = 3;

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    // The truck leaves when everything is there, so that the change is not too late.
    stage.north.play(Script::default().told());
    let (orders, down) = go_down(stage).await?;
    meanwhile(stage, &orders, &down).await?;

    stage.north.play(Script::default().told());
    let well = |it: &Value| {
        let idle = |name: &str| it[name].as_u64() == Some(0);
        telling::breaker(it) == "closed" && idle("waiting") && idle("in_flight")
    };
    let back = partner(stage, "north-3pl", "breaker closed, nothing waiting", well).await?;
    let seen = stage
        .north
        .depot(|depot| orders.each_ref().map(|it| releases(depot, &it.order_no)));
    let [first, second] = orders.each_ref().map(|it| &it.order_no);
    let right = [
        vec![(Purpose::New, 10), (Purpose::Change, 15)],
        vec![(Purpose::New, 40)],
    ];
    expect(
        seen == right,
        format!("north-3pl has {first} new, then changed, and {second} new"),
        || format!("{seen:?}"),
    )?;
    stage.north.load_truck().map_err(|error| Unmet {
        expected: "the truck is loaded".to_owned(),
        seen: error,
    })?;
    let mut messages = Vec::new();
    for (order_no, pieces) in [(first, 15), (second, 40)] {
        let search = format!("business_key=order/{order_no}");
        messages.extend(shipped(stage, order_no, &search).await?);
        booked_once(stage, order_no, pieces)?;
    }
    // Both searches find the file that speaks of both.
    let mut beats = telling::beats(&messages);
    let closed = at(&back["breaker"]["since"]);
    let opened = at(&down["breaker"]["since"]);
    beats.retain(|beat| beat.at > opened);
    beats.push(on_breaker(closed, "closes", Tone::Good));
    stage.screen.beats(beats);
    stage
        .screen
        .observed("it came back: everything arrived once, the change after its order");
    stage.north.play(Script::default());
    Ok(())
}

/// The warehouse first says that it can't, then says nothing. Gives the orders that
/// wait, and the partner as the API shows it.
async fn go_down(stage: &mut Stage) -> Result<([Order; 2], Value), Unmet> {
    let unavailable = Answers::Unavailable {
        retry_after_seconds: Some(0),
    };
    stage.north.play(Script::answering(unavailable).told());
    let (first, answer) = stage.order(Customer::LakeShop, &[("KETTLE", 10)]).await?;
    let mut ids = vec![answer.message_id];
    until("an attempt answered with 503", async || {
        let message = stage.api.message(&ids[0]).await?;
        let status = |entry: &Value| entry["details"]["answer"]["status"].as_u64();
        let said = message.timeline().iter().any(|it| status(it) == Some(503));
        said.then_some(()).ok_or_else(|| message.brief())
    })
    .await?;
    stage.north.play(Script::answering(Answers::Down).told());
    let change = erp::changed(&first, 15);
    let key = format!("erp-{}-change-1", change.order_no);
    ids.push(stage.send(&change, &key).await?.message_id);
    let (second, answer) = stage.order(Customer::LakeShop, &[("MUG", 40)]).await?;
    ids.push(answer.message_id);
    let open =
        |it: &Value| telling::breaker(it) == "open" && it["waiting"].as_u64() == Some(WAITING);
    let wanted = "breaker open, three deliveries waiting";
    let down = partner(stage, "north-3pl", wanted, open).await?;

    let mut messages = Vec::new();
    for id in &ids {
        let message = known(stage.api.message(id).await)?;
        let delivered = message
            .delivery_to("north-3pl")
            .is_none_or(|it| text(&it["status"]) == "delivered");
        expect(!delivered, "an order that waits", || message.brief())?;
        messages.push(message);
    }
    let mut beats = telling::beats(&messages);
    let [since, until] = ["since", "until"].map(|name| at(&down["breaker"][name]));
    let left_alone = until.since(since);
    beats.push(on_breaker(
        since,
        &format!(
            "is open for {}: {WAITING} deliveries wait",
            span(left_alone)
        ),
        Tone::Bad,
    ));
    stage.screen.beats(beats);
    stage
        .screen
        .observed("the breaker opened, and the warehouse's work waits");
    Ok(([first, second], down))
}

/// The other warehouse goes on.
async fn meanwhile(stage: &mut Stage, waiting: &[Order; 2], down: &Value) -> Result<(), Unmet> {
    let (order, _) = stage.order(Customer::PeachStore, &[("MUG", 2)]).await?;
    let search = format!("business_key=order/{}", order.order_no);
    let messages = shipped(stage, &order.order_no, &search).await?;
    booked_once(stage, &order.order_no, 2)?;
    let still = known(stage.api.partner("north-3pl").await)?;
    let waits = telling::breaker(&still) != "closed" && still["dead"] == down["dead"];
    expect(
        waits,
        "the breaker has not closed, and nothing was given up",
        || still.to_string(),
    )?;
    let seen = stage.north.depot(|depot| {
        let releases = waiting.iter().map(|it| releases(depot, &it.order_no));
        releases.collect::<Vec<_>>().concat()
    });
    let nothing = seen.is_empty();
    expect(nothing, "north-3pl has seen nothing", || {
        format!("{seen:?}")
    })?;
    stage.screen.beats(telling::beats(&messages));
    stage.screen.observed(&format!(
        "{} for south-3pl went through meanwhile",
        order.order_no
    ));
    Ok(())
}

/// A moment of the API; the beginning of time for anything else.
fn at(value: &Value) -> Timestamp {
    telling::moment(text(value)).unwrap_or_default()
}

fn on_breaker(at: Timestamp, text: &str, tone: Tone) -> Beat {
    Beat {
        at,
        from: "host".to_owned(),
        to: None,
        text: format!("the breaker of north-3pl {text}"),
        tone,
    }
}
