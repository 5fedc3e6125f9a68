//! An order that the warehouse refuses, until it knows the item: the dead letter is
//! sent round again and arrives.

use serde_json::json;

use super::{booked_once, known, shipped};
use crate::demo::{
    api::{Unmet, expect, text, until},
    erp::Customer,
    stage::Stage,
    telling,
};

/// An item that the warehouse does not know at first.
const NEW_ITEM: &str = "TEAPOT";

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    let order = stage.erp.order(Customer::LakeShop, &[(NEW_ITEM, 9)]);
    let order_no = order.order_no.clone();
    let answer = stage.send(&order, &format!("erp-{order_no}")).await?;
    let letter = until("a dead letter for the refused order", async || {
        let message = stage.api.message(&answer.message_id).await?;
        let delivery = message.delivery_to("north-3pl").ok_or("no delivery")?;
        match text(&delivery["status"]) {
            "dead" => {
                stage
                    .api
                    .get(&format!(
                        "/v1/dead-letters/{}",
                        text(&delivery["dead_letter"])
                    ))
                    .await
            }
            _ => Err(message.brief()),
        }
    })
    .await?;
    let reason = text(&letter["failure"]["text"]).to_owned();
    let right = reason.contains(NEW_ITEM) && text(&letter["step"]) == "deliver";
    expect(
        right,
        "a dead letter of the step deliver, in the warehouse's own words",
        || letter.to_string(),
    )?;
    stage
        .screen
        .observed(&format!("not tried again and again, but kept: {reason}"));

    stage.north.depot(|depot| depot.stock(NEW_ITEM, 50));
    let ids = json!([letter["id"]]);
    let dry = known(
        stage
            .api
            .post(
                "/v1/dead-letters/replay",
                &json!({ "ids": ids, "dry_run": true }),
            )
            .await,
    )?;
    expect(dry["count"] == 1, "a dry run finds one", || dry.to_string())?;
    let done = known(
        stage
            .api
            .post(
                "/v1/dead-letters/replay",
                &json!({ "ids": ids, "by": "demo" }),
            )
            .await,
    )?;
    expect(
        done["count"] == 1,
        "one dead letter goes round again",
        || done.to_string(),
    )?;
    let messages = shipped(stage, &order_no, &format!("correlation_id={order_no}")).await?;
    stage.screen.beats(telling::beats(&messages));
    booked_once(stage, &order_no, 9)?;
    let path = format!("/v1/dead-letters/{}", text(&letter["id"]));
    let letter = known(stage.api.get(&path).await)?;
    let audited = text(&letter["status"]) == "replayed" && text(&letter["replayed_by"]) == "demo";
    expect(
        audited,
        "the dead letter says when and by whom it was replayed",
        || letter.to_string(),
    )?;
    stage.screen.observed(
        "the warehouse learned the item, the dead letter was replayed, the order shipped",
    );
    Ok(())
}
