//! A warehouse that is down: its breaker opens, its work waits, the others flow, and
//! when it is back everything arrives once and in order.

use std::time::Duration;

use super::{booked_once, known, partner, releases, shipped};
use crate::demo::{
    api::{Unmet, expect, text, until},
    depot::Ships,
    edi::Purpose,
    erp::{self, Customer},
    screen::{Beat, Tone, span},
    server::Health,
    stage::Stage,
    telling,
};

/// What waits for the warehouse: an order, its change, and another order.
const WAITING: u64 = 3;

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    // The truck leaves when everything is there, so that the change is not too late.
    stage.north.depot(|depot| depot.ship(Ships::WithTheTruck));
    stage.north.be(Health::Unavailable);
    let first = stage.erp.order(Customer::LakeShop, &[("KETTLE", 10)]);
    let change = erp::changed(&first, 15);
    let second = stage.erp.order(Customer::LakeShop, &[("MUG", 40)]);
    let ids = [
        stage
            .send(&first, &format!("erp-{}", first.order_no))
            .await?
            .message_id,
        stage
            .send(&change, &format!("erp-{}-1", change.order_no))
            .await?
            .message_id,
        stage
            .send(&second, &format!("erp-{}", second.order_no))
            .await?
            .message_id,
    ];
    stage.north.be(Health::Down);
    let open = |it: &serde_json::Value| {
        telling::breaker(it) == "open" && it["waiting"].as_u64() == Some(WAITING)
    };
    let down = partner(
        stage,
        "north-3pl",
        "breaker open, three deliveries waiting",
        open,
    )
    .await?;
    tell(stage, &ids).await?;
    pause(stage, &down);

    let meanwhile = stage.erp.order(Customer::PeachStore, &[("MUG", 2)]);
    stage
        .send(&meanwhile, &format!("erp-{}", meanwhile.order_no))
        .await?;
    let messages = shipped(
        stage,
        &meanwhile.order_no,
        &format!("business_key=order/{}", meanwhile.order_no),
    )
    .await?;
    booked_once(stage, &meanwhile.order_no, 2)?;
    let still = known(stage.api.partner("north-3pl").await)?;
    let waits =
        telling::breaker(&still) != "closed" && still["dead"].as_u64() == down["dead"].as_u64();
    expect(
        waits,
        "the breaker has not closed, and nothing was given up",
        || still.to_string(),
    )?;
    let seen = stage.north.depot(|depot| releases(depot, &first.order_no));
    expect(seen.is_empty(), "north-3pl has seen nothing", || {
        format!("{seen:?}")
    })?;
    stage.screen.beats(telling::beats(&messages));
    stage.screen.observed(&format!(
        "{} for south-3pl went through meanwhile",
        meanwhile.order_no
    ));

    stage.north.be(Health::Up);
    let well = |it: &serde_json::Value| {
        let idle = |name: &str| it[name].as_u64() == Some(0);
        telling::breaker(it) == "closed" && idle("waiting") && idle("in_flight")
    };
    partner(stage, "north-3pl", "breaker closed, nothing waiting", well).await?;
    arrived(stage, &first.order_no, &second.order_no)?;
    stage
        .screen
        .observed("it came back: everything arrived once, and the change after its order");

    stage.north.load_truck().map_err(|error| Unmet {
        expected: "the truck is loaded".to_owned(),
        seen: error.to_string(),
    })?;
    for (order_no, pieces) in [(&first.order_no, 15), (&second.order_no, 40)] {
        let messages = shipped(stage, order_no, &format!("business_key=order/{order_no}")).await?;
        let attempts = messages
            .iter()
            .flat_map(|it| it.deliveries())
            .filter_map(|it| it["attempts"].as_u64())
            .max();
        booked_once(stage, order_no, pieces)?;
        stage.screen.observed(&format!(
            "{order_no}: {pieces} pieces shipped, after {} attempts at most",
            attempts.unwrap_or_default(),
        ));
    }
    stage.north.depot(|depot| depot.ship(Ships::AtOnce));
    Ok(())
}

/// What the API tells of the messages up to now.
async fn tell(stage: &mut Stage, ids: &[String]) -> Result<(), Unmet> {
    let mut messages = Vec::new();
    for id in ids {
        let read = until("the order is read", async || {
            let message = stage.api.message(id).await?;
            let queued = message.delivery_to("north-3pl").is_some();
            if queued {
                Ok(message)
            } else {
                Err(message.brief())
            }
        });
        messages.push(read.await?);
    }
    stage.screen.beats(telling::beats(&messages));
    let of: Vec<_> = messages
        .iter()
        .filter_map(|it| it.delivery_to("north-3pl"))
        .map(|it| text(&it["status"]).to_owned())
        .collect();
    expect(
        of.iter().all(|status| status != "delivered"),
        "nothing was delivered",
        || of.join(", "),
    )
}

/// Says how long the breaker leaves the warehouse alone.
fn pause(stage: &mut Stage, partner: &serde_json::Value) {
    let open = &partner["breaker"]["open"];
    let (since, until) = (
        open["since"].as_i64().unwrap_or(0),
        open["until"].as_i64().unwrap_or(0),
    );
    let left_alone = Duration::from_millis(u64::try_from(until - since).unwrap_or(0));
    stage.screen.beats(vec![Beat {
        at: crate::clock::Timestamp::from_millis(since),
        from: "host".to_owned(),
        to: None,
        text: format!(
            "the breaker of north-3pl is open for {}; {} deliveries wait",
            span(left_alone),
            partner["waiting"],
        ),
        tone: Tone::Bad,
    }]);
    stage
        .screen
        .observed("the breaker opened, and the warehouse's work waits");
}

/// Each once, and the change behind what it changes.
fn arrived(stage: &Stage, first: &str, second: &str) -> Result<(), Unmet> {
    let seen = stage
        .north
        .depot(|depot| (releases(depot, first), releases(depot, second)));
    let right = (
        vec![(Purpose::New, 10), (Purpose::Change, 15)],
        vec![(Purpose::New, 40)],
    );
    expect(
        seen == right,
        format!("north-3pl has {first} new, then changed, and {second} new"),
        || format!("{seen:?}"),
    )
}
