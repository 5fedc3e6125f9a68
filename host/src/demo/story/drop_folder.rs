//! An order for the warehouse with the drop folder, while the other one is slow; and
//! not everything is on the shelf.

use crossdock_sdk::{Document, ShipmentStatus};

use super::{booked_once, known, shipped};
use crate::demo::{
    api::{Unmet, expect, text, until},
    erp::Customer,
    server::Health,
    stage::Stage,
    telling,
};

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    let slow = stage.erp.order(Customer::LakeShop, &[("MUG", 1)]);
    let order = stage
        .erp
        .order(Customer::PeachStore, &[("KETTLE", 12), ("MUG", 4)]);
    stage.north.be(Health::Slow);
    let held = stage.send(&slow, &format!("erp-{}", slow.order_no)).await?;
    until("the slow warehouse is being spoken to", async || {
        let message = stage.api.message(&held.message_id).await?;
        in_flight(&message)
            .then_some(())
            .ok_or_else(|| message.brief())
    })
    .await?;
    stage
        .send(&order, &format!("erp-{}", order.order_no))
        .await?;
    let search = format!("business_key=order/{}", order.order_no);
    let messages = shipped(stage, &order.order_no, &search).await?;
    let message = known(stage.api.message(&held.message_id).await)?;
    expect(
        in_flight(&message),
        "north-3pl still has not answered",
        || message.brief(),
    )?;
    stage.screen.beats(telling::beats(&messages));
    stage.screen.observed(&format!(
        "{} went through the folder while north-3pl had not answered {}",
        order.order_no, slow.order_no,
    ));

    // Of 12 kettles 8 are there.
    booked_once(stage, &order.order_no, 12)?;
    let booked = stage.erp.shipments(&order.order_no);
    let short: Vec<_> = booked
        .iter()
        .filter_map(|it| match &it.document {
            Document::Shipment(shipment) => Some(&shipment.lines),
            _ => None,
        })
        .flatten()
        .filter(|line| line.status == ShipmentStatus::PartialClosed)
        .map(|line| line.line_no.as_str())
        .collect();
    expect(
        short == ["10"],
        "line 10 comes short, and the ERP is told so",
        || format!("{short:?}"),
    )?;
    stage
        .screen
        .observed("the ERP knows that line 10 came short: 8 of 12 kettles");

    stage.north.be(Health::Up);
    let search = format!("correlation_id={}", slow.order_no);
    shipped(stage, &slow.order_no, &search).await?;
    booked_once(stage, &slow.order_no, 1)
}

fn in_flight(message: &crate::demo::api::Message) -> bool {
    message
        .delivery_to("north-3pl")
        .is_some_and(|it| text(&it["status"]) == "in-flight")
}
