//! The story: what partners live through in a bad week, in seconds.
//!
//! A step acts through the partners and believes only what it then reads in the
//! product's own API and in the partners' books. Each has a name, which a failure
//! carries.

mod across;
mod audit;
mod dialects;
mod drop_folder;
mod first_order;
mod looping;
mod outage;
mod partner_down;
mod poison;
mod repeat;
mod replay;
mod reroute;
mod returns;
mod variance;

use std::time::Duration;

use tokio::time::Instant;

use super::{
    api::{Message, Unmet, expect, text, until},
    screen::span,
    stage::Stage,
    telling,
};
use crate::simulate::{
    books::Sent,
    x12::{depot::Depot, edi::Purpose},
};

/// A step that was observed.
#[derive(Clone, Debug)]
pub struct Played {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// How long it took.
    pub took: Duration,
}

/// A step that was not observed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("step {name} ({title}) was not observed: expected {}; seen: {}", .unmet.expected, .unmet.seen)]
pub struct Missed {
    name: &'static str,
    title: &'static str,
    unmet: Unmet,
}

/// Plays all steps, or until one is not observed.
pub(super) async fn play(stage: &mut Stage) -> Result<Vec<Played>, Box<Missed>> {
    let mut played = Vec::new();
    let p = &mut played;
    act(
        stage,
        p,
        "order-to-shipment",
        "An order goes out, and comes back as a shipment",
        first_order::play,
    )
    .await?;
    act(
        stage,
        p,
        "same-order-again",
        "The same order again has the same answer and no second effect",
        repeat::play,
    )
    .await?;
    act(
        stage,
        p,
        "drop-folder",
        "A slow warehouse holds up nobody; another one works through a folder",
        drop_folder::play,
    )
    .await?;
    act(
        stage,
        p,
        "outage",
        "A warehouse goes down, and comes back",
        outage::play,
    )
    .await?;
    act(
        stage,
        p,
        "poison",
        "A bad document among good ones",
        poison::play,
    )
    .await?;
    play_on(stage, p).await?;
    Ok(played)
}

/// The second third of them.
async fn play_on(stage: &mut Stage, p: &mut Vec<Played>) -> Result<(), Box<Missed>> {
    act(
        stage,
        p,
        "looping-adapter",
        "An adapter that never ends",
        looping::play,
    )
    .await?;
    act(
        stage,
        p,
        "replay",
        "A refused order, mended and sent round again",
        replay::play,
    )
    .await?;
    act(
        stage,
        p,
        "four-dialects",
        "Sold in Salesforce, confirmed by SAP, shipped by X12: four dialects, one process",
        dialects::sold_and_shipped,
    )
    .await?;
    act(
        stage,
        p,
        "webhook-twice",
        "ShipBob says twice, signed, that it has shipped",
        dialects::told_twice,
    )
    .await?;
    act(
        stage,
        p,
        "bad-day",
        "Lost answers, sessions and tokens, too many calls: one effect each",
        dialects::bad_day,
    )
    .await?;
    play_to_the_end(stage, p).await
}

/// What only processes can do, and what is left when all is told.
async fn play_to_the_end(stage: &mut Stage, p: &mut Vec<Played>) -> Result<(), Box<Missed>> {
    act(
        stage,
        p,
        "rerouted",
        "Refused for stock, sent to the next warehouse, shipped in two parts, delivered, invoiced",
        reroute::play,
    )
    .await?;
    act(
        stage,
        p,
        "partner-down",
        "A warehouse is down: its order waits, customer service is told once",
        partner_down::play,
    )
    .await?;
    act(
        stage,
        p,
        "variance",
        "The shelf and the books differ: a little is corrected, a lot is held",
        variance::play,
    )
    .await?;
    act(
        stage,
        p,
        "return",
        "Kettles come back: allowed, received, inspected, credited in part",
        returns::credited,
    )
    .await?;
    act(
        stage,
        p,
        "unexpected-return",
        "Mugs come back that nobody had allowed",
        returns::unexpected,
    )
    .await?;
    act(
        stage,
        p,
        "audit",
        "Nothing is lost, nothing is twice",
        audit::play,
    )
    .await
}

async fn act(
    stage: &mut Stage,
    played: &mut Vec<Played>,
    name: &'static str,
    title: &'static str,
    step: impl AsyncFnOnce(&mut Stage) -> Result<(), Unmet>,
) -> Result<(), Box<Missed>> {
    stage
        .screen
        .heading(&format!("{}  {title}", played.len() + 1));
    let begun = Instant::now();
    match step(stage).await {
        Ok(()) => {
            let took = begun.elapsed();
            stage.screen.aside(&format!(" {name}, {}", span(took)));
            played.push(Played { name, title, took });
            Ok(())
        }
        Err(unmet) => {
            stage.screen.missed(&unmet.to_string());
            Err(Box::new(Missed { name, title, unmet }))
        }
    }
}

/// The order's way to the end: every message of the search was read, everything
/// that follows from it was delivered, and there is a shipment among them.
async fn shipped(stage: &Stage, order_no: &str, search: &str) -> Result<Vec<Message>, Unmet> {
    let expected = format!("order {order_no} shipped, and the ERP and the CRM told ({search})");
    until(expected, async || {
        let messages = stage.api.messages(search).await?;
        let settled = |it: &Message| it.status() == "decoded" && it.all_delivered();
        let brief = || {
            messages
                .iter()
                .map(Message::brief)
                .collect::<Vec<_>>()
                .join("; ")
        };
        let holds = |kind| messages.iter().any(|it| it.holds(kind));
        if !messages.iter().all(settled) || !holds("order") || !holds("shipment") {
            return Err(brief());
        }
        Ok(messages)
    })
    .await
}

/// What ERP and CRM know of an order: one shipment each, of so many pieces in all.
fn booked_once(stage: &Stage, order_no: &str, pieces: i64) -> Result<(), Unmet> {
    for (who, booked) in [
        ("ERP", stage.erp.shipments(order_no)),
        ("CRM", stage.crm.shipments(order_no)),
    ] {
        let seen: Vec<_> = booked
            .iter()
            .map(|it| (it.id.as_str(), it.pieces(), it.repeats))
            .collect();
        let right = matches!(seen[..], [(_, shipped, 0)] if shipped == Some(pieces));
        expect(
            right,
            format!("the {who} books one shipment of {pieces} pieces for {order_no}, once"),
            || format!("{seen:?} (number, pieces, repeats)"),
        )?;
    }
    Ok(())
}

/// How many releases of each purpose a depot has taken for an order, in order.
fn releases(depot: &Depot, order_no: &str) -> Vec<(Purpose, u64)> {
    let mine = depot.releases.iter().filter(|it| it.order_no == order_no);
    mine.map(|it| (it.purpose, it.pieces())).collect()
}

/// The number of an X12 file that was sent (ISA13, without the noughts in front).
fn interchange(sent: &Sent) -> Option<u32> {
    sent.key.rsplit('-').next()?.parse().ok()
}

/// A partner as the API shows it, once it is as it should be.
async fn partner(
    stage: &Stage,
    name: &str,
    expected: &str,
    right: impl Fn(&serde_json::Value) -> bool,
) -> Result<serde_json::Value, Unmet> {
    until(format!("{name}: {expected}"), async || {
        let partner = stage.api.partner(name).await?;
        if right(&partner) {
            return Ok(partner);
        }
        Err(format!(
            "breaker {}, {} waiting, {} in flight",
            telling::breaker(&partner),
            partner["waiting"],
            partner["in_flight"],
        ))
    })
    .await
}

/// What waits of a partner for a person, once it is so many.
async fn dead_letters(
    stage: &Stage,
    name: &str,
    count: usize,
) -> Result<Vec<serde_json::Value>, Unmet> {
    until(format!("{count} dead letters of {name}"), async || {
        let letters = stage.api.dead_letters(name).await?;
        if letters.len() == count {
            return Ok(letters);
        }
        let texts: Vec<_> = letters
            .iter()
            .map(|it| text(&it["failure"]["text"]))
            .collect();
        Err(format!("{}: {texts:?}", letters.len()))
    })
    .await
}

/// Looks something up that the API has to know.
fn known<T>(answer: Result<T, String>) -> Result<T, Unmet> {
    answer.map_err(|seen| Unmet {
        expected: "an answer of the API".to_owned(),
        seen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_was_not_observed_says_which_and_what_was_seen_instead() {
        let unmet = expect(false, "breaker open", || "breaker closed".to_owned()).unwrap_err();
        let missed = Missed {
            name: "outage",
            title: "A warehouse goes down",
            unmet,
        };
        assert_eq!(
            missed.to_string(),
            "step outage (A warehouse goes down) was not observed: expected breaker open; seen: breaker closed",
        );
        assert!(expect(true, "breaker open", String::new).is_ok());
    }
}
