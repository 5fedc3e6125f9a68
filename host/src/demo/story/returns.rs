//! Goods come back: asked for in Salesforce, allowed by SAP, received and looked at by
//! ShipBob, credited in part; and others that nobody had allowed.

use crossdock_sdk::{CreditDecision, Document};
use serde_json::json;

use super::{
    across::{self, exceptions, play_act, returned},
    reroute::REROUTED,
};
use crate::demo::{
    api::{Unmet, array, expect, text, until},
    hub::Allowed,
    stage::{Stage, taken},
};

/// Three kettles of the order that was shipped in two parts.
const ALLOWED: Allowed<'static> = Allowed {
    rma_no: "RMA-2001",
    order_no: REROUTED,
    node: "west",
    sku: "KETTLE",
    pieces: 3,
    price: 25,
};

/// Of these two can be sold again.
const RESTOCKED: u32 = 2;

/// A number that nobody gave out.
const UNKNOWN: &str = "RMA-9999";

/// Requested → authorised → expected → received → inspected → credited.
pub(super) async fn credited(stage: &mut Stage) -> Result<(), Unmet> {
    let rma_no = ALLOWED.rma_no;
    play_act(
        &stage.systems.salesforce,
        &json!({
            "act": "request-return", "rma_no": rma_no, "key": REROUTED, "text": "arrived broken",
            "lines": [{ "sku": ALLOWED.sku, "quantity": ALLOWED.pieces, "reason": "Damaged" }],
        }),
    )?;
    returned(stage, rma_no, "requested", |it| {
        text(&it["status"]) == "requested"
    })
    .await?;
    let (hub, way) = (&mut stage.systems.hub, &stage.from_hub);
    taken(hub.allow(way, &ALLOWED).await)?;
    until("ShipBob expects the return", async || {
        let expected = stage.systems.shipbob.inside(|it| {
            let expected = it.expected_returns().into_iter();
            expected.map(str::to_owned).collect::<Vec<_>>()
        });
        (expected == [rma_no])
            .then_some(())
            .ok_or_else(|| format!("{expected:?}"))
    })
    .await?;
    let back = json!({
        "act": "return", "order": REROUTED, "reference": rma_no,
        "items": [{ "sku": ALLOWED.sku, "restock": RESTOCKED, "dispose": ALLOWED.pieces - RESTOCKED }],
    });
    play_act(&stage.systems.shipbob, &back)?;
    let asked = asked_for(stage).await?;
    let (hub, way) = (&mut stage.systems.hub, &stage.from_hub);
    taken(hub.credit(way, &ALLOWED, RESTOCKED).await)?;
    let closed = returned(stage, rma_no, "closed, with credit", |it| {
        text(&it["status"]) == "closed"
    })
    .await?;
    let sums = &closed["return"]["sums"];
    let credited = text(&sums["credited"]);
    let worth = text(&sums["worth"]);
    expect(
        credited == "50" && worth == "75",
        "75 came back, 50 are credited",
        || sums.to_string(),
    )?;
    told_the_customer(stage).await?;
    stage.screen.beats(across::history(&closed));
    stage.screen.observed(&format!(
        "{rma_no}: asked for in Salesforce, allowed by SAP, announced to ShipBob, received and inspected there"
    ));
    stage.screen.observed(&format!(
        "{RESTOCKED} of {} can be sold again: SAP was asked for {asked} of {worth}, posted {credited}; closed",
        ALLOWED.pieces
    ));
    Ok(())
}

/// How much money SAP was asked for, once it was.
async fn asked_for(stage: &Stage) -> Result<String, Unmet> {
    until("SAP is asked for a partial credit of 50", async || {
        let booked = stage.systems.hub.booked();
        let asked = booked.iter().find_map(|it| match &it.document {
            Document::ReturnDisposition(it) if it.rma_no == ALLOWED.rma_no => Some(it),
            _ => None,
        });
        let asked = asked.ok_or("it was not asked")?;
        let amount = asked.credit_amount.as_ref().map(|it| it.amount);
        match (&asked.credit, amount) {
            (Some(CreditDecision::Partial), Some(amount)) if amount.to_integer() == Some(50) => {
                Ok(amount.to_string())
            }
            _ => Err(format!("{asked:?}")),
        }
    })
    .await
}

/// The customer hears of each step once.
async fn told_the_customer(stage: &Stage) -> Result<(), Unmet> {
    const TOLD: [&str; 3] = ["return-authorized", "return-received", "return-credited"];
    until("the customer is told three things, each once", async || {
        let notes = stage.systems.salesforce.inside(|org| org.notes());
        let times = TOLD.map(|it| notes.iter().filter(|note| *note == it).count());
        (times == [1; 3])
            .then_some(())
            .ok_or_else(|| format!("{notes:?}"))
    })
    .await
}

/// Goods that nobody allowed: kept, told, and not credited.
pub(super) async fn unexpected(stage: &mut Stage) -> Result<(), Unmet> {
    let back = json!({ "act": "return", "rma_no": UNKNOWN, "sku": "MUG", "pieces": 2 });
    play_act(&stage.systems.lakes, &back)?;
    let shown = returned(stage, UNKNOWN, "unauthorized", |it| {
        text(&it["status"]) == "unauthorized"
    })
    .await?;
    let sums = &shown["return"]["sums"];
    let [came, credited] = ["unauthorized", "credited"].map(|it| text(&sums[it]));
    expect(
        came == "2" && credited == "0",
        "two pieces without permission, nothing credited",
        || sums.to_string(),
    )?;
    let key = format!("return/{UNKNOWN}");
    let found = exceptions(stage, "unauthorized-receipt", &key, false, 1).await?;
    let asked = array(&shown["history"]).iter();
    let asked = asked.flat_map(|it| array(&it["deliveries"]));
    let asked = asked.filter(|it| text(&it["kind"]) == "return-disposition");
    expect(asked.count() == 0, "no credit is asked for", || {
        shown["history"].to_string()
    })?;
    until("SAP is told of the receipt, and of no credit", async || {
        let booked = stage.systems.hub.booked();
        let about = |it: &Document| match it {
            Document::ReturnReceipt(it) => it.rma_no.as_deref() == Some(UNKNOWN),
            _ => false,
        };
        let receipts = booked.iter().filter(|it| about(&it.document)).count();
        let credits = booked.iter().filter(
            |it| matches!(&it.document, Document::ReturnDisposition(it) if it.rma_no == UNKNOWN),
        );
        match (receipts, credits.count()) {
            (1, 0) => Ok(()),
            other => Err(format!("{other:?} (receipts, requests for credit)")),
        }
    })
    .await?;
    stage.screen.beats(across::history(&shown));
    stage.screen.observed(&format!(
        "{UNKNOWN}: two mugs came by 944 that nobody had allowed: exception {} for {}: {}",
        text(&found[0]["id"]),
        text(&found[0]["owner"]),
        text(&found[0]["text"]),
    ));
    stage.screen.observed(
        "SAP was told of them, nobody was credited, and it stays open until somebody decides",
    );
    Ok(())
}
