//! An order that the warehouse refuses, until it knows the item: the dead letter is
//! sent round again and arrives.

use serde_json::{Value, json};

use super::{booked_once, known, shipped};
use crate::demo::{
    api::{Unmet, expect, text, until},
    erp::Customer,
    stage::Stage,
    telling,
};

/// An item that the warehouse does not know at first.
const NEW_ITEM: &str = "TEAPOT";

/// Where dead letters are sent round again.
const REPLAY: &str = "/v1/dead-letters/replay";

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    let items = [(NEW_ITEM, 9)];
    let (order, answer) = stage.order(Customer::LakeShop, &items).await?;
    let letter = refused(stage, &answer.message_id).await?;
    let reason = text(&letter["failure"]["text"]).to_owned();
    let right = reason.contains(NEW_ITEM) && text(&letter["step"]) == "deliver";
    let expected = "a dead letter of the step deliver, in the warehouse's own words";
    expect(right, expected, || letter.to_string())?;

    stage.north.depot(|depot| depot.stock(NEW_ITEM, 50));
    let dry = json!({ "ids": [letter["id"]], "dry_run": true });
    let dry = known(stage.api.post(REPLAY, &dry).await)?;
    expect(dry["count"] == 1, "a dry run finds one", || dry.to_string())?;
    let done = json!({ "ids": [letter["id"]], "by": "demo" });
    let done = known(stage.api.post(REPLAY, &done).await)?;
    let one = done["count"] == 1;
    expect(one, "one dead letter goes round again", || done.to_string())?;

    let search = format!("correlation_id={}", order.order_no);
    let messages = shipped(stage, &order.order_no, &search).await?;
    booked_once(stage, &order.order_no, 9)?;
    let letter = known(stage.api.get(&path(&letter["id"])).await)?;
    let audited = text(&letter["status"]) == "replayed" && text(&letter["replayed_by"]) == "demo";
    let expected = "the dead letter says when and by whom it was replayed";
    expect(audited, expected, || letter.to_string())?;
    stage.screen.beats(telling::beats(&messages));
    stage
        .screen
        .observed("a refusal is not tried again and again; it waits for a person");
    stage.screen.observed(
        "the warehouse learned the item, the dead letter was replayed, the order shipped",
    );
    Ok(())
}

/// The dead letter of the message's delivery.
async fn refused(stage: &Stage, message_id: &str) -> Result<Value, Unmet> {
    until("a dead letter for the refused order", async || {
        let message = stage.api.message(message_id).await?;
        let delivery = message.delivery_to("north-3pl").ok_or("no delivery")?;
        match text(&delivery["status"]) {
            "dead" => stage.api.get(&path(&delivery["dead_letter"])).await,
            _ => Err(message.brief()),
        }
    })
    .await
}

fn path(id: &Value) -> String {
    format!("/v1/dead-letters/{}", text(id))
}
