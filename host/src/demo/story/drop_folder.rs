//! An order for the warehouse with the drop folder, while the other one is slow; and
//! not everything is on the shelf.

use crossdock_sdk::{Document, ShipmentStatus};

use super::{booked_once, known, shipped};
use crate::{
    demo::{
        api::{Message, Unmet, expect, text, until},
        erp::Customer,
        stage::Stage,
        telling,
    },
    simulate::{
        canonical::Booked,
        script::{Answers, Script},
    },
};

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    stage.north.play(Script::answering(Answers::Hang));
    let (slow, held) = stage.order(Customer::LakeShop, &[("MUG", 1)]).await?;
    until("the slow warehouse is being spoken to", async || {
        let message = stage.api.message(&held.message_id).await?;
        let spoken_to = in_flight(&message);
        spoken_to.then_some(()).ok_or_else(|| message.brief())
    })
    .await?;
    let items = [("KETTLE", 12), ("MUG", 4)];
    let (order, sent) = stage.order(Customer::PeachStore, &items).await?;
    let search = format!("business_key=order/{}", order.order_no);
    let mut messages = shipped(stage, &order.order_no, &search).await?;
    let message = known(stage.api.message(&held.message_id).await)?;
    let still = in_flight(&message);
    expect(still, "north-3pl still has not answered", || {
        message.brief()
    })?;
    until(
        "the 997 of south-3pl settles the delivery of the 940",
        async || {
            let message = stage.api.message(&sent.message_id).await?;
            let delivery = message.delivery_to("south-3pl").ok_or("no delivery")?;
            let settled = text(&delivery["acknowledged"]) == "accepted";
            settled.then_some(()).ok_or_else(|| delivery.to_string())
        },
    )
    .await?;
    // Of 12 kettles 8 are there.
    booked_once(stage, &order.order_no, 12)?;
    let short: Vec<_> = stage
        .erp
        .shipments(&order.order_no)
        .iter()
        .flat_map(short_lines)
        .collect();
    expect(
        short == ["10"],
        "line 10 comes short, and the ERP is told so",
        || format!("{short:?}"),
    )?;

    stage.north.play(Script::default());
    let search = format!("correlation_id={}", slow.order_no);
    messages.extend(shipped(stage, &slow.order_no, &search).await?);
    booked_once(stage, &slow.order_no, 1)?;
    // A file has no correlation id of its own; what it speaks of has one.
    let search = format!("correlation_id={}", order.order_no);
    let tied = known(stage.api.messages(&search).await)?;
    let files = tied.iter().filter(|it| it.partner() == "south-3pl");
    let files = files.count();
    expect(
        files == 2,
        "the folder's 997 and 945 are found under the order's correlation id",
        || format!("{files} of its messages are"),
    )?;
    messages.extend(tied);
    stage.screen.beats(telling::beats(&messages));
    stage.screen.observed(&format!(
        "{} went through the folder while north-3pl had not answered {}",
        order.order_no, slow.order_no,
    ));
    stage
        .screen
        .observed("the ERP knows that line 10 came short: 8 of 12 kettles");
    Ok(())
}

fn in_flight(message: &Message) -> bool {
    message
        .delivery_to("north-3pl")
        .is_some_and(|it| text(&it["status"]) == "in-flight")
}

/// Numbers of the lines of which not all was shipped.
fn short_lines(booked: &Booked) -> Vec<String> {
    let Document::Shipment(shipment) = &booked.document else {
        return Vec::new();
    };
    let short = |status: &ShipmentStatus| *status == ShipmentStatus::PartialClosed;
    let lines = shipment.lines.iter().filter(|line| short(&line.status));
    lines.map(|line| line.line_no.clone()).collect()
}
