//! A file with a broken transaction set between two good ones, and a file that is
//! none.

use serde_json::Value;

use super::{booked_once, dead_letters, interchange, known, shipped};
use crate::{
    demo::{
        api::{Unmet, expect, text, until},
        erp::Customer,
        stage::{Stage, taken},
        telling,
    },
    simulate::{ingress::Message, script::Script, x12::edi::Acknowledgement},
};

pub(super) async fn play(stage: &mut Stage) -> Result<(), Unmet> {
    let orders = released(stage).await?;
    let [before, broken, after] = &orders;
    let earlier = stage.north.sent().len();
    stage.north.depot(|depot| depot.misprint(broken));
    written(stage.north.load_truck())?;
    stage.north.play(Script::default());

    for (order_no, pieces) in [(before, 3), (after, 7)] {
        let expected = format!("the neighbour {order_no} is booked by ERP and CRM");
        until(expected, async || {
            booked_once(stage, order_no, pieces).map_err(|unmet| unmet.seen)
        })
        .await?;
    }
    let unshipped = stage.erp.shipments(broken);
    let nothing = unshipped.is_empty();
    expect(nothing, format!("nothing is booked for {broken}"), || {
        format!("{unshipped:?}")
    })?;
    for letter in dead_letters(stage, "north-3pl", 1).await? {
        tell_of(stage, &letter).await?;
    }
    stage.screen.observed(&format!(
        "its neighbours {before} and {after} were shipped and booked"
    ));
    refused_in_our_997(stage, earlier).await?;

    written(stage.north.reprint())?;
    until("the corrected 945 is booked", async || {
        booked_once(stage, broken, 5).map_err(|unmet| unmet.seen)
    })
    .await?;
    stage.screen.observed(&format!(
        "the corrected 945 of {broken} came, and was booked"
    ));
    garbage(stage).await
}

/// Three orders that wait for the truck, as the warehouse will write them.
async fn released(stage: &mut Stage) -> Result<[String; 3], Unmet> {
    stage.north.play(Script::default().told());
    let mut orders = [const { String::new() }; 3];
    for (order_no, pieces) in orders.iter_mut().zip([3, 5, 7]) {
        let (order, _) = stage.order(Customer::LakeShop, &[("MUG", pieces)]).await?;
        *order_no = order.order_no;
    }
    until("north-3pl has all three orders", async || {
        let has = stage.north.depot(|depot| {
            let releases = depot.releases.iter();
            releases.filter(|it| orders.contains(&it.order_no)).count()
        });
        let all = has == orders.len();
        all.then_some(()).ok_or_else(|| has.to_string())
    })
    .await?;
    Ok(orders)
}

/// The dead letter names the place, and its message shows what was read all the same.
async fn tell_of(stage: &mut Stage, letter: &Value) -> Result<(), Unmet> {
    let message = known(stage.api.message(text(&letter["message"])).await)?;
    let partly = message.status() == "partly-refused";
    expect(partly, "the message is partly refused", || message.brief())?;
    let place = text(&letter["failure"]["place"]);
    let named = place.contains("W12") && text(&letter["step"]) == "decode";
    expect(
        named,
        "a dead letter of the step decode that names the segment W12",
        || letter.to_string(),
    )?;
    let problems = telling::problems(&message);
    stage.screen.beats(telling::beats(&[message]));
    for problem in problems {
        stage.screen.observed(&format!("dead letter: {problem}"));
    }
    Ok(())
}

/// What we answered: two sets accepted, the one between them not.
async fn refused_in_our_997(stage: &mut Stage, earlier: usize) -> Result<(), Unmet> {
    let expected = "a 997 that accepts two sets and rejects the one between";
    let verdict = until(expected, async || {
        let sent = stage.north.sent();
        let file = sent[earlier..].iter().find(|it| it.kind == "945");
        let number = interchange(file.ok_or("the 945 was not sent")?);
        let about = |it: &Acknowledgement| it.group.parse().ok() == number;
        let verdicts = stage.north.depot(|depot| depot.acknowledgements.clone());
        let verdict = verdicts.into_iter().find(about).ok_or("no 997 yet")?;
        let sets: Vec<_> = verdict.sets.iter().map(|(_, it)| it.as_str()).collect();
        match sets[..] {
            ["A" | "E", "R", "A" | "E"] => Ok(verdict),
            _ => Err(format!("{verdict:?}")),
        }
    })
    .await?;
    stage.screen.observed(&format!(
        "north-3pl was told by 997: group {}, set 2 of 3 rejected",
        verdict.verdict
    ));
    Ok(())
}

/// Something that is no X12 at all, and an order that passes by it.
async fn garbage(stage: &mut Stage) -> Result<(), Unmet> {
    let message = Message {
        key: "by-mistake".to_owned(),
        correlation_id: None,
        content_type: "application/edi-x12",
        headers: Vec::new(),
        body: "Dear all, please find attached the shipments of today.".into(),
    };
    let answer = taken(stage.from_north.send(message).await)?;
    let letters = dead_letters(stage, "north-3pl", 2).await?;
    let letter = letters
        .iter()
        .find(|it| text(&it["message"]) == answer.message_id);
    let failure = letter.map(|it| it["failure"].clone()).unwrap_or_default();
    let blamed = text(&failure["blame"]) == "partner-data";
    expect(
        blamed,
        "a dead letter that blames the partner's data",
        || failure.to_string(),
    )?;
    let message = known(stage.api.message(&answer.message_id).await)?;
    let (order, _) = stage.order(Customer::LakeShop, &[("MUG", 1)]).await?;
    let search = format!("correlation_id={}", order.order_no);
    shipped(stage, &order.order_no, &search).await?;
    stage.screen.beats(telling::beats(&[message]));
    stage.screen.observed(&format!(
        "a letter instead of X12: kept as a dead letter, and {} passed by it",
        order.order_no
    ));
    Ok(())
}

fn written(file: Result<(), String>) -> Result<(), Unmet> {
    file.map_err(|error| Unmet {
        expected: "the warehouse writes a 945".to_owned(),
        seen: error,
    })
}
