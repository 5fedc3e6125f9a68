//! A warehouse of a process goes down: its order waits, customer service is told once, a
//! new order goes elsewhere; then the all-clear, once.

use super::{
    across::{self, DULUTH, order, order_that, sell, told_in_salesforce},
    partner, releases,
};
use crate::{
    demo::{
        api::{Unmet, array, expect, text, until},
        stage::Stage,
        telling,
    },
    simulate::{
        script::{Answers, Script},
        x12::edi::Purpose,
    },
};

/// An order that waits for the warehouse, and one that comes while it is down.
const WAITING: &str = "70000105";
const ELSEWHERE: &str = "70000106";

/// What customer service is told.
const UNAVAILABLE: &str = "fulfilment-partner-unavailable";
const AVAILABLE: &str = "fulfilment-partner-available";

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    stage.systems.lakes.play(Script::answering(Answers::Down));
    sell(stage, WAITING, DULUTH, ("MUG", 6))?;
    let down = "breaker open, one delivery waiting";
    partner(stage, "lakes-3pl", down, |it| {
        telling::breaker(it) == "open" && it["waiting"].as_u64() == Some(1)
    })
    .await?;
    order_that(stage, WAITING, "waits for lakes to answer again", |it| {
        let nodes = array(&it["order"]["nodes"]);
        let lakes = nodes.iter().find(|it| text(&it["node"]) == "lakes");
        text(&it["status"]) == "released" && lakes.is_some_and(|it| it["down_since"].is_string())
    })
    .await?;
    told(stage, [1, 0]).await?;

    sell(stage, ELSEWHERE, DULUTH, ("MUG", 2))?;
    let elsewhere = order(stage, ELSEWHERE, "shipped").await?;
    let node = text(&elsewhere["routing"][0]["node"]);
    expect(node == "west", "the new order is routed to west", || {
        elsewhere["routing"].to_string()
    })?;
    let seen = stage.systems.lakes.depot(|depot| releases(depot, WAITING));
    let nothing = seen.is_empty();
    expect(nothing, "lakes-3pl has seen nothing", || {
        format!("{seen:?}")
    })?;

    stage.systems.lakes.play(Script::default());
    let waited = order(stage, WAITING, "shipped").await?;
    told(stage, [1, 1]).await?;
    let seen = stage.systems.lakes.depot(|depot| releases(depot, WAITING));
    expect(
        seen == [(Purpose::New, 6)],
        "lakes-3pl has the order once",
        || format!("{seen:?}"),
    )?;
    let mut beats = across::beats(&waited);
    beats.extend(across::beats(&elsewhere));
    stage.screen.beats(beats);
    stage.screen.observed(&format!(
        "{WAITING} waited and was shipped once; customer service was told of it once, and of the all-clear once"
    ));
    stage.screen.observed(&format!(
        "{ELSEWHERE} came meanwhile and was shipped by ShipBob"
    ));
    Ok(())
}

/// Customer service was told so often of the outage, and of its end.
async fn told(stage: &Stage, times: [usize; 2]) -> Result<(), Unmet> {
    let [outage, end] = times;
    let expected = format!("Salesforce was told {outage} time of the outage, {end} of its end");
    until(expected, async || {
        let told = [UNAVAILABLE, AVAILABLE].map(|it| told_in_salesforce(stage, WAITING, it));
        (told == times)
            .then_some(())
            .ok_or_else(|| format!("{told:?}"))
    })
    .await
}
