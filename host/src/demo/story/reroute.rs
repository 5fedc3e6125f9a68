//! Sold in Salesforce, released by SAP, refused by the warehouse at the lakes, shipped in
//! two parts by the one in the west, delivered, invoiced.

use serde_json::{Value, json};

use super::across::{
    self, DULUTH, issued, order, order_that, play_act, sell, status_in_salesforce,
    told_in_salesforce,
};
use crate::{
    demo::{
        api::{Unmet, array, expect, text, until},
        stage::Stage,
    },
    simulate::script::Script,
};

/// The order; three of its kettles come back later.
pub(super) const REROUTED: &str = "70000104";

/// What Salesforce's case about it is called there.
const CASE: &str = "order/70000104/fulfilment";

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    stage.systems.shipbob.play(Script::default().told());
    sell(stage, REROUTED, DULUTH, ("KETTLE", 7))?;
    refused(stage).await?;
    two_parts(stage).await?;
    play_act(
        &stage.systems.shipbob,
        &json!({ "act": "deliver", "order": REROUTED }),
    )?;
    let delivered = order(stage, REROUTED, "delivered").await?;
    let waits = array(&delivered["waits"]);
    let invoice = waits.iter().any(|it| text(&it["level"]) == "invoice");
    expect(invoice, "the order waits for SAP's invoice", || {
        delivered["waits"].to_string()
    })?;
    play_act(
        &stage.systems.sap,
        &json!({ "act": "bill", "reference": REROUTED }),
    )?;
    let closed = order(stage, REROUTED, "closed").await?;
    stage.systems.shipbob.play(Script::default());
    stage.screen.beats(across::beats(&closed));
    tell_why(stage, &closed);
    in_both(stage).await
}

/// The warehouse at the lakes has none, and says so; the one in the west is asked.
async fn refused(stage: &Stage) -> Result<(), Unmet> {
    let rerouted = order_that(stage, REROUTED, "released to west", |it| {
        text(&it["order"]["node"]) == "west"
    })
    .await?;
    let nodes = array(&rerouted["order"]["nodes"]);
    let said = nodes.iter().find(|it| text(&it["node"]) == "lakes");
    let refused = said.is_some_and(|it| text(&it["answer"]) == "refused");
    expect(refused, "lakes has refused the order", || {
        rerouted["order"]["nodes"].to_string()
    })?;
    until("ShipBob has the order, and Salesforce a case", async || {
        let orders = stage.systems.shipbob.inside(|it| it.orders_of(REROUTED));
        let case = stage.systems.salesforce.inside(|org| org.case(CASE));
        match (orders, &case) {
            (1, Some((status, _))) if status != "Closed" => Ok(()),
            _ => Err(format!("{orders} orders at ShipBob, case {case:?}")),
        }
    })
    .await
}

/// Four kettles today, three tomorrow.
async fn two_parts(stage: &Stage) -> Result<(), Unmet> {
    let shipbob = &stage.systems.shipbob;
    play_act(
        shipbob,
        &json!({ "act": "split", "order": REROUTED, "pieces": 4 }),
    )?;
    for (part, status, left) in [(1, "partly-shipped", "3"), (2, "shipped", "0")] {
        play_act(
            shipbob,
            &json!({ "act": "ship", "order": REROUTED, "shipment": part }),
        )?;
        let shown = order(stage, REROUTED, status).await?;
        let open = text(&shown["order"]["lines"][0]["open"]);
        expect(open == left, format!("{left} kettles still open"), || {
            shown["order"]["lines"].to_string()
        })?;
    }
    Ok(())
}

/// How the nodes were chosen.
fn tell_why(stage: &mut Stage, order: &Value) {
    for decision in array(&order["routing"]) {
        let reasons = array(&decision["reasons"]).iter();
        let reasons: Vec<_> = reasons
            .map(|it| format!("{}: {}", text(&it["node"]), text(&it["text"])))
            .collect();
        stage.screen.observed(&format!(
            "routed to {} by the rule {} ({})",
            text(&decision["node"]),
            text(&decision["rule"]),
            reasons.join("; ")
        ));
    }
}

/// What SAP and Salesforce know of it in the end.
async fn in_both(stage: &mut Stage) -> Result<(), Unmet> {
    let booked = issued(stage, REROUTED);
    let orders = stage.systems.sap.inside(|sap| sap.orders_of(REROUTED));
    expect(
        orders == 1 && booked == [Some(4), Some(3)],
        "SAP has one order, and two deliveries with goods issue, of 4 and of 3 pieces",
        || format!("{orders} orders, {booked:?}"),
    )?;
    let expected = "Salesforce has it as delivered, each part told once, the case closed";
    until(expected, async || {
        let status = status_in_salesforce(stage, REROUTED);
        let told = ["shipped", "delivered"].map(|it| told_in_salesforce(stage, REROUTED, it));
        let case = stage.systems.salesforce.inside(|org| org.case(CASE));
        let closed = case.as_ref().is_some_and(|(status, _)| status == "Closed");
        let right = status == "Delivered" && told == [2, 2] && closed;
        right
            .then_some(())
            .ok_or_else(|| format!("{status}, told {told:?}, case {case:?}"))
    })
    .await?;
    stage.screen.observed(
        "SAP: one sales order, two outbound deliveries (4 and 3); its invoice closed the order",
    );
    stage.screen.observed(
        "Salesforce: delivered, each part told once; the case about the refusal is closed",
    );
    Ok(())
}
