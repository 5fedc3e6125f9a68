//! ERP → 940 → 997 and 945 → ERP and CRM, under one correlation id.

use super::{booked_once, interchange, releases, shipped};
use crate::{
    demo::{
        api::{Unmet, expect, text, until},
        erp::Customer,
        stage::Stage,
        telling,
    },
    simulate::x12::edi::Purpose,
};

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    let items = [("KETTLE", 12), ("MUG", 24)];
    let (order, answer) = stage.order(Customer::LakeShop, &items).await?;
    let order_no = order.order_no;
    let messages = shipped(stage, &order_no, &format!("correlation_id={order_no}")).await?;
    let acknowledged = until(
        "the 997 of north-3pl settles the delivery of the 940",
        async || {
            let message = stage.api.message(&answer.message_id).await?;
            let delivery = message
                .delivery_to("north-3pl")
                .ok_or("no delivery to north-3pl")?;
            match text(&delivery["acknowledged"]) {
                "accepted" => Ok(delivery["control_number"].to_string()),
                other => Err(format!("acknowledged: {other:?}")),
            }
        },
    )
    .await?;
    stage.screen.beats(telling::beats(&messages));

    let seen = stage.north.depot(|depot| releases(depot, &order_no));
    expect(
        seen == [(Purpose::New, 36)],
        "north-3pl has one release of 36 pieces",
        || format!("{seen:?}"),
    )?;
    booked_once(stage, &order_no, 36)?;
    expect(
        messages.len() == 3,
        "three messages under the order's correlation id: order, 997, 945",
        || messages.len().to_string(),
    )?;
    told_under_it(stage, &order_no)?;
    let ours = until("our 997 for the 945 arrives at north-3pl", async || {
        let number = stage
            .north
            .sent()
            .iter()
            .find(|it| it.kind == "945")
            .and_then(interchange)
            .map(|it| it.to_string());
        let number = number.ok_or("no 945 sent")?;
        let verdicts = stage.north.depot(|depot| depot.acknowledgements.clone());
        let about = verdicts
            .iter()
            .find(|it| it.group.trim_start_matches('0') == number);
        about
            .map(|it| it.verdict.clone())
            .ok_or(format!("{verdicts:?}"))
    })
    .await?;
    expect(ours == "A", "our 997 accepts the 945", || ours.clone())?;
    stage.screen.observed(&format!(
        "one correlation id, {order_no}, from the ERP's request to the last delivery; one trace id to ERP and CRM"
    ));
    stage.screen.observed(&format!(
        "both sides acknowledged: 997 for our 940 (control number {acknowledged}), 997 for their 945"
    ));
    Ok(())
}

/// ERP and CRM are told under the order's correlation id, and in one trace.
fn told_under_it(stage: &Stage, order_no: &str) -> Result<(), Unmet> {
    let booked = [stage.erp.shipments(order_no), stage.crm.shipments(order_no)].concat();
    let ids: Vec<_> = booked
        .iter()
        .map(|it| it.correlation_id.clone().unwrap_or_default())
        .collect();
    expect(
        ids.iter().all(|id| id == order_no),
        "ERP and CRM are told under the order's correlation id",
        || ids.join(", "),
    )?;
    // version-trace-parent-flags (W3C Trace Context, 3.2).
    let traces: Vec<_> = booked
        .iter()
        .map(|it| {
            it.traceparent
                .as_deref()
                .and_then(|it| it.split('-').nth(1))
                .unwrap_or_default()
        })
        .collect();
    let one = traces
        .first()
        .is_some_and(|first| first.len() == 32 && traces.iter().all(|it| it == first));
    expect(one, "both requests carry one trace id", || {
        traces.join(", ")
    })
}
