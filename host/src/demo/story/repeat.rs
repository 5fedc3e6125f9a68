//! The same request again, and the same business document under another key.

use super::{booked_once, known, releases, shipped};
use crate::{
    demo::{
        api::{Unmet, array, expect, text, until},
        erp::{self, Customer},
        stage::Stage,
        telling,
    },
    simulate::x12::edi::Purpose,
};

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    let (order, first) = stage.order(Customer::LakeShop, &[("MUG", 6)]).await?;
    let order_no = order.order_no.clone();
    let key = format!("erp-{order_no}");
    let again = stage.send(&order, &key).await?;
    let same = again.message_id == first.message_id && again.replayed;
    expect(same, "the first answer, marked as a repetition", || {
        format!("{first:?}, then {again:?}")
    })?;

    let other = stage.send(&order, &format!("{key}-resent")).await?;
    let message = until("the resent order recognised as a duplicate", async || {
        let message = stage.api.message(&other.message_id).await?;
        match message.documents() {
            [document] if text(&document["disposition"]) == "duplicate" => Ok(message),
            _ => Err(message.brief()),
        }
    })
    .await?;
    let original = text(&message.documents()[0]["other"]).to_owned();
    let named = original.starts_with(&first.message_id);
    expect(named, "it names the first one", || original.clone())?;
    let silent = message.deliveries().is_empty();
    expect(silent, "nothing is sent because of it", || message.brief())?;

    let messages = shipped(stage, &order_no, &format!("correlation_id={order_no}")).await?;
    stage.screen.beats(telling::beats(&messages));
    stage.screen.observed(&format!(
        "same Idempotency-Key: same answer, message {}",
        first.message_id
    ));
    stage
        .screen
        .observed("same order under another key: known already, nothing sent");
    let seen = stage.north.depot(|depot| releases(depot, &order_no));
    expect(
        seen == [(Purpose::New, 6)],
        "north-3pl has the order once",
        || format!("{seen:?}"),
    )?;
    booked_once(stage, &order_no, 6)?;

    let mut different = order.clone();
    different.customer_po = Some("PO-0".to_owned());
    let refused = erp::send(&stage.from_erp, &different, &key).await;
    let status = refused.as_ref().map_or(0, |it| it.status);
    expect(
        status == 422,
        "422 for another order under a used key",
        || format!("{refused:?}"),
    )?;
    stage
        .screen
        .observed("another order under a used key: refused with 422");
    let search = format!("/v1/messages?business_key=order/{order_no}&partner=erp");
    let found = known(stage.api.get(&search).await)?;
    let count = array(&found["messages"]).len();
    expect(
        count == 2,
        "the host holds two messages of the ERP about it",
        || count.to_string(),
    )
}
