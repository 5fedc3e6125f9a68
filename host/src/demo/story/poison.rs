//! A file with a broken transaction set between two good ones, and a file that is
//! none.

use super::{booked_once, dead_letters, known, shipped};
use crate::demo::{
    api::{Unmet, expect, text, until},
    depot::Ships,
    edi::Acknowledgement,
    erp::Customer,
    ingress::Message,
    stage::{Stage, taken},
    telling,
};

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    stage.north.depot(|depot| depot.ship(Ships::WithTheTruck));
    let mut orders = Vec::new();
    for pieces in [3, 5, 7] {
        let order = stage.erp.order(Customer::LakeShop, &[("MUG", pieces)]);
        stage
            .send(&order, &format!("erp-{}", order.order_no))
            .await?;
        orders.push(order.order_no);
    }
    let [before, broken, after] = &orders[..] else {
        return Ok(());
    };
    until("north-3pl has all three orders", async || {
        let has = stage.north.depot(|depot| {
            depot
                .releases
                .iter()
                .filter(|it| orders.contains(&it.order_no))
                .count()
        });
        if has == orders.len() {
            Ok(())
        } else {
            Err(has.to_string())
        }
    })
    .await?;
    stage.north.depot(|depot| depot.misprint(broken));
    let sent_before = stage.north.sent().len();
    load(stage, |stage| stage.north.load_truck())?;
    stage.north.depot(|depot| depot.ship(Ships::AtOnce));

    let [letter] = &dead_letters(stage, "north-3pl", 1).await?[..] else {
        return Ok(());
    };
    for (order_no, pieces) in [(before, 3), (after, 7)] {
        let expected = format!("the neighbour {order_no} is booked by ERP and CRM");
        until(expected, async || {
            booked_once(stage, order_no, pieces).map_err(|unmet| unmet.seen)
        })
        .await?;
    }
    let unshipped = stage.erp.shipments(broken);
    expect(
        unshipped.is_empty(),
        format!("nothing is booked for {broken}"),
        || format!("{unshipped:?}"),
    )?;
    let message = known(stage.api.message(text(&letter["message"])).await)?;
    expect(
        message.status() == "partly-refused",
        "the message is partly refused",
        || message.brief(),
    )?;
    stage
        .screen
        .beats(telling::beats(std::slice::from_ref(&message)));
    stage.screen.observed(&format!(
        "its neighbours {before} and {after} were shipped and booked"
    ));
    let place = text(&letter["failure"]["place"]).to_owned();
    let named = place.contains("W12") && text(&letter["step"]) == "decode";
    expect(
        named,
        "a dead letter of the step decode that names the segment W12",
        || letter.to_string(),
    )?;
    for problem in telling::problems(&message) {
        stage
            .screen
            .observed(&format!("dead letter {}: {problem}", text(&letter["id"])));
    }
    refused_in_our_997(stage, sent_before).await?;
    mend(stage, broken).await?;
    garbage(stage).await
}

/// What we answered: two sets accepted, the one between them not.
async fn refused_in_our_997(stage: &mut Stage, sent_before: usize) -> Result<(), Unmet> {
    let verdict = until(
        "a 997 that accepts two sets and rejects the one between",
        async || {
            let number = stage.north.sent()[sent_before..]
                .iter()
                .find(|it| it.kind == "945")
                .map(|it| it.number);
            let number = number.ok_or("the 945 was not sent")?;
            let about = |it: &Acknowledgement| it.group.parse() == Ok(number);
            let verdicts = stage.north.depot(|depot| depot.acknowledgements.clone());
            let verdict = verdicts.into_iter().find(about).ok_or("no 997 yet")?;
            let sets: Vec<_> = verdict
                .sets
                .iter()
                .map(|(_, verdict)| verdict.as_str())
                .collect();
            match sets[..] {
                ["A" | "E", "R", "A" | "E"] => Ok(verdict),
                _ => Err(format!("{verdict:?}")),
            }
        },
    )
    .await?;
    stage.screen.observed(&format!(
        "north-3pl was told by 997: group {}, set 2 of 3 rejected",
        verdict.verdict
    ));
    Ok(())
}

/// The warehouse prints the broken one again.
async fn mend(stage: &mut Stage, broken: &str) -> Result<(), Unmet> {
    load(stage, |stage| stage.north.reprint())?;
    until(
        format!("the corrected 945 of {broken} is booked"),
        async || booked_once(stage, broken, 5).map_err(|unmet| unmet.seen),
    )
    .await?;
    stage.screen.observed(&format!(
        "the corrected 945 of {broken} came, and was booked"
    ));
    Ok(())
}

async fn garbage(stage: &mut Stage) -> Result<(), Unmet> {
    let message = Message {
        key: "by-mistake".to_owned(),
        correlation_id: None,
        content_type: "application/edi-x12",
        body: "Dear all, please find attached the shipments of today.".into(),
    };
    let answer = taken(stage.from_north.send(message).await)?;
    let letters = dead_letters(stage, "north-3pl", 2).await?;
    let letter = letters
        .iter()
        .find(|it| text(&it["message"]) == answer.message_id);
    let failure = letter.map(|it| it["failure"].clone()).unwrap_or_default();
    expect(
        text(&failure["blame"]) == "partner-data",
        "a dead letter that blames the partner's data",
        || failure.to_string(),
    )?;
    let message = known(stage.api.message(&answer.message_id).await)?;
    stage.screen.beats(telling::beats(&[message]));
    let order = stage.erp.order(Customer::LakeShop, &[("MUG", 1)]);
    stage
        .send(&order, &format!("erp-{}", order.order_no))
        .await?;
    shipped(
        stage,
        &order.order_no,
        &format!("correlation_id={}", order.order_no),
    )
    .await?;
    stage.screen.observed(
        "a letter instead of X12: kept as a dead letter, and the next order passes by it",
    );
    Ok(())
}

fn load(
    stage: &mut Stage,
    act: impl FnOnce(&Stage) -> Result<(), crate::demo::depot::Refusal>,
) -> Result<(), Unmet> {
    act(stage).map_err(|error| Unmet {
        expected: "the warehouse writes a 945".to_owned(),
        seen: error.to_string(),
    })
}
