//! An adapter that never ends: fuel stops it, it is named, nobody else notices.

use super::{booked_once, dead_letters, known, shipped};
use crate::{
    demo::{
        api::{Unmet, expect, text},
        erp::Customer,
        screen::span,
        stage::{Stage, taken},
        telling,
    },
    simulate::ingress::Message,
};

/// Messages that make the adapter loop, at the same time.
const LOOPS: usize = 3;

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    for index in 0..LOOPS {
        let message = Message {
            key: format!("loop-{index}"),
            correlation_id: None,
            content_type: "text/plain",
            headers: Vec::new(),
            body: "loop".into(),
        };
        taken(stage.from_looper.send(message).await)?;
    }
    let (order, _) = stage.order(Customer::LakeShop, &[("KETTLE", 2)]).await?;
    let search = format!("correlation_id={}", order.order_no);
    shipped(stage, &order.order_no, &search).await?;
    booked_once(stage, &order.order_no, 2)?;

    let letters = dead_letters(stage, "looper", LOOPS).await?;
    let adapter = known(stage.api.get("/v1/adapters/misbehaving").await)?;
    for letter in &letters {
        let failure = &letter["failure"];
        let stopped =
            text(&failure["code"]) == "out-of-fuel" && text(&failure["blame"]) == "adapter";
        expect(
            stopped,
            "stopped by fuel, and the adapter is to blame",
            || failure.to_string(),
        )?;
        let named = text(&failure["text"]).contains("misbehaving")
            && letter["adapter_digest"] == adapter["digest"];
        expect(
            named,
            "the adapter is named, with the digest of its component",
            || letter.to_string(),
        )?;
    }
    let mut messages = Vec::new();
    for letter in &letters {
        messages.push(known(stage.api.message(text(&letter["message"])).await)?);
    }
    stage.screen.beats(telling::beats(&messages));
    let longest = letters
        .iter()
        .zip(&messages)
        .filter_map(|(letter, message)| {
            let taken = telling::moment(text(&message.0["message"]["received_at"]))?;
            Some(telling::moment(text(&letter["at"]))?.since(taken))
        });
    stage.screen.observed(&format!(
        "{LOOPS} endless loops ended as dead letters, the last after {}",
        span(longest.max().unwrap_or_default()),
    ));
    stage.screen.observed(&format!(
        "{} was shipped and booked at the same time",
        order.order_no
    ));
    Ok(())
}
