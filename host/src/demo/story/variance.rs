//! The warehouse counts, and SAP's books say something else: a little is corrected at
//! once, a lot is held until somebody has looked.

use crossdock_sdk::Document;
use serde_json::json;

use super::{
    across::{self, exceptions, play_act, position},
    known,
};
use crate::demo::{
    api::{Unmet, expect, text, until},
    stage::{Stage, taken},
};

/// Of mugs SAP has two more than there are, of kettles twelve that nobody can find.
const TOO_MANY_MUGS: u32 = 2;
const LOST_KETTLES: u32 = 12;

/// The kettles' process.
const KETTLES: &str = "/v1/processes/inventory-position/inventory/lakes/KETTLE";

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    let mugs = stage.systems.lakes.depot(|depot| depot.on_hand("MUG"));
    let mugs = u32::try_from(mugs).unwrap_or(u32::MAX);
    let figures = [("KETTLE", LOST_KETTLES), ("MUG", mugs + TOO_MANY_MUGS)];
    let (hub, way) = (&mut stage.systems.hub, &stage.from_hub);
    taken(hub.figures(way, "lakes", &figures).await)?;
    play_act(&stage.systems.lakes, &json!({ "act": "report-stock" }))?;

    position(stage, "lakes", "MUG", "level with SAP's books", |it| {
        it["held"] == false && text(&it["positions"][0]["difference"]) == "0"
    })
    .await?;
    adjusted(stage, "MUG", &[-i64::from(TOO_MANY_MUGS)]).await?;
    let found = exceptions(stage, "variance", "inventory/lakes/KETTLE", false, 1).await?;
    let held = position(stage, "lakes", "KETTLE", "held", |it| it["held"] == true).await?;
    let difference = text(&held["positions"][0]["difference"]).to_owned();
    expect(
        difference == format!("-{LOST_KETTLES}"),
        "twelve kettles are missing",
        || held.to_string(),
    )?;
    adjusted(stage, "KETTLE", &[]).await?;
    approve(stage, text(&found[0]["links"]["resolve"])).await?;
    let shown = known(stage.api.get(KETTLES).await)?;
    stage.screen.beats(across::history(&shown));
    stage.screen.observed(&format!(
        "MUG: {TOO_MANY_MUGS} off, within tolerance: SAP told to book -{TOO_MANY_MUGS} at once"
    ));
    stage.screen.observed(&format!(
        "KETTLE: exception {} for {}: {}",
        text(&found[0]["id"]),
        text(&found[0]["owner"]),
        text(&found[0]["text"])
    ));
    stage
        .screen
        .observed("released by hand: SAP told to book -12, and the exception closed itself");
    Ok(())
}

/// Somebody has looked: the kettles are gone.
async fn approve(stage: &Stage, path: &str) -> Result<(), Unmet> {
    let release = json!({ "action": "release", "by": "demo", "note": "counted twice" });
    known(stage.api.post(path, &release).await)?;
    adjusted(stage, "KETTLE", &[-i64::from(LOST_KETTLES)]).await?;
    position(stage, "lakes", "KETTLE", "level with SAP's books", |it| {
        it["held"] == false && text(&it["positions"][0]["difference"]) == "0"
    })
    .await?;
    exceptions(stage, "variance", "inventory/lakes/KETTLE", false, 0).await?;
    exceptions(stage, "variance", "inventory/lakes/KETTLE", true, 1).await?;
    Ok(())
}

/// The corrections of an item that SAP was told, once they are these.
async fn adjusted(stage: &Stage, sku: &str, wanted: &[i64]) -> Result<(), Unmet> {
    until(format!("SAP is told {wanted:?} of {sku}"), async || {
        let booked = stage.systems.hub.booked();
        let adjustments = booked.iter().filter_map(|it| match &it.document {
            Document::InventoryAdjustment(it) => Some(it),
            _ => None,
        });
        let lines = adjustments.flat_map(|it| &it.lines);
        let mine = lines.filter(|line| line.items.iter().any(|item| item.value == sku));
        let told: Vec<i64> = mine
            .filter_map(|line| line.quantity.value.to_integer())
            .collect();
        (told == wanted)
            .then_some(())
            .ok_or_else(|| format!("{told:?}"))
    })
    .await
}
