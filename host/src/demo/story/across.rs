//! What the API shows of processes: orders, returns, stock and exceptions, once they are
//! as they should be.

use serde_json::{Value, json};

use crate::{
    demo::{
        api::{Unmet, array, text, until},
        screen::{Beat, Tone},
        stage::Stage,
        telling::moment,
    },
    simulate::{partner::Partner, salesforce::Salesforce, server::Simulator},
};

/// Where the lakes are: city, state and postal code.
pub(super) const DULUTH: [&str; 3] = ["Duluth", "MN", "55802"];

/// Has a partner's people do something.
pub(super) fn play_act<P: Partner>(partner: &Simulator<P>, act: &Value) -> Result<Value, Unmet> {
    partner.act(act).map_err(|seen| Unmet {
        expected: format!("the partner does {}", act["act"]),
        seen,
    })
}

/// Somebody in sales places an order, and Salesforce publishes it.
pub(super) fn sell(
    stage: &Stage,
    key: &str,
    [city, state, postal_code]: [&str; 3],
    (sku, pieces): (&str, u32),
) -> Result<(), Unmet> {
    let order = json!({
        "act": "place-order", "key": key, "account": "17100001",
        "ship_to": {
            "street": "1 Pier Road", "city": city, "state": state, "postal_code": postal_code, "country": "US",
        },
        "lines": [{ "sku": sku, "quantity": pieces }],
    });
    play_act(&stage.systems.salesforce, &order)?;
    let publish = json!({ "act": "publish", "key": key });
    play_act(&stage.systems.salesforce, &publish).map(drop)
}

/// The order as the API shows it, once it has that status and everything that was sent
/// about it has arrived.
pub(super) async fn order(stage: &Stage, order_no: &str, status: &str) -> Result<Value, Unmet> {
    let path = format!("/v1/orders/{order_no}");
    let expected = format!("order {order_no} is {status}, and everybody told");
    until(expected, async || {
        let order = stage.api.get(&path).await?;
        if text(&order["status"]) == status && unsettled(&order).is_empty() {
            return Ok(order);
        }
        Err(brief(&order))
    })
    .await
}

/// The order as the API shows it, once it looks like that.
pub(super) async fn order_that(
    stage: &Stage,
    order_no: &str,
    expected: &str,
    right: impl Fn(&Value) -> bool,
) -> Result<Value, Unmet> {
    let path = format!("/v1/orders/{order_no}");
    until(format!("order {order_no}: {expected}"), async || {
        let order = stage.api.get(&path).await?;
        if right(&order) {
            return Ok(order);
        }
        Err(brief(&order))
    })
    .await
}

/// Deliveries of an order, a return or whatever else that have not arrived.
pub(super) fn unsettled(shown: &Value) -> Vec<String> {
    let of_systems = array(&shown["systems"]).iter();
    let of_systems = of_systems.flat_map(|system| array(&system["deliveries"]));
    of_systems
        .chain(array(&shown["deliveries"]))
        .filter(|it| !matches!(text(&it["status"]), "delivered" | "already-delivered"))
        .map(|it| {
            let [kind, to, status] = ["kind", "to", "status"].map(|name| text(&it[name]));
            format!("{kind} to {to} {status}")
        })
        .collect()
}

/// In a few words, for what was seen instead of something else.
pub(super) fn brief(shown: &Value) -> String {
    let waits: Vec<_> = array(&shown["waits"])
        .iter()
        .map(|it| format!("{} of {}", text(&it["level"]), text(&it["on"])))
        .collect();
    let wrong: Vec<_> = array(&shown["open_exceptions"])
        .iter()
        .map(|it| text(&it["text"]))
        .collect();
    format!(
        "{}, waiting for [{}], wrong [{}], not arrived [{}]",
        text(&shown["status"]),
        waits.join(", "),
        wrong.join("; "),
        unsettled(shown).join(", "),
    )
}

/// Exceptions of one kind about one thing, open or closed, once there are so many.
pub(super) async fn exceptions(
    stage: &Stage,
    kind: &str,
    key: &str,
    closed: bool,
    count: usize,
) -> Result<Vec<Value>, Unmet> {
    let path = format!("/v1/exceptions?kind={kind}&closed={closed}");
    let which = if closed { "closed" } else { "open" };
    let expected = format!("{count} {which} exceptions of kind {kind} about {key}");
    until(expected, async || {
        let found = stage.api.get(&path).await?;
        let about = array(&found["exceptions"]).iter();
        let mut about: Vec<Value> = about
            .filter(|it| text(&it["key"]) == key)
            .cloned()
            .collect();
        about.retain(|it| it["closed"] == closed);
        if about.len() == count {
            return Ok(about);
        }
        Err(format!("{}: {found}", about.len()))
    })
    .await
}

/// An item at a node as the API shows it, once it looks like that.
pub(super) async fn position(
    stage: &Stage,
    node: &str,
    sku: &str,
    expected: &str,
    right: impl Fn(&Value) -> bool,
) -> Result<Value, Unmet> {
    let path = format!("/v1/inventory?node={node}&sku={sku}");
    until(format!("{sku} at {node}: {expected}"), async || {
        let found = stage.api.get(&path).await?;
        match array(&found["inventory"]) {
            [only] if right(only) => Ok(only.clone()),
            other => Err(Value::from(other.to_vec()).to_string()),
        }
    })
    .await
}

/// A return as the API shows it, once it looks like that.
pub(super) async fn returned(
    stage: &Stage,
    rma_no: &str,
    expected: &str,
    right: impl Fn(&Value) -> bool,
) -> Result<Value, Unmet> {
    let path = format!("/v1/returns/{rma_no}");
    until(format!("return {rma_no}: {expected}"), async || {
        let found = stage.api.get(&path).await?;
        if right(&found) {
            return Ok(found);
        }
        Err(brief(&found))
    })
    .await
}

/// How many pieces SAP has issued of an order, delivery by delivery; none for a delivery
/// whose goods issue is not posted.
pub(super) fn issued(stage: &Stage, order_no: &str) -> Vec<Option<i64>> {
    let deliveries = stage.systems.sap.inside(|sap| sap.deliveries_of(order_no));
    let pieces = deliveries
        .into_iter()
        .map(|(_, issued)| issued?.to_integer());
    pieces.collect()
}

/// The order's status in Salesforce; empty where there is no such order.
pub(super) fn status_in_salesforce(stage: &Stage, key: &str) -> String {
    let status = |org: &mut Salesforce| org.order(key).map(|it| text(&it["Status"]).to_owned());
    stage.systems.salesforce.inside(status).unwrap_or_default()
}

/// How many entries of a kind the order's timeline in Salesforce has.
pub(super) fn told_in_salesforce(stage: &Stage, key: &str, kind: &str) -> usize {
    let timeline = stage.systems.salesforce.inside(|org| org.timeline(key));
    timeline.iter().filter(|it| *it == kind).count()
}

/// What happened to an order, from its timeline: messages, decisions, what was sent.
pub(super) fn beats(order: &Value) -> Vec<Beat> {
    let entries = array(&order["timeline"]).iter();
    entries.filter_map(beat).collect()
}

/// What happened to a return, or to an item at a node, from the steps of its process.
pub(super) fn history(shown: &Value) -> Vec<Beat> {
    let steps = array(&shown["history"]).iter();
    steps
        .flat_map(|step| moved(step).unwrap_or_default())
        .collect()
}

/// One step: what moved it, what became true, who was told.
fn moved(step: &Value) -> Option<Vec<Beat>> {
    let at = moment(text(&step["at"]))?;
    let beat = |from: &str, to: Option<&str>, text: String, tone| Beat {
        at,
        from: from.to_owned(),
        to: to.map(str::to_owned),
        text,
        tone,
    };
    let mut beats = Vec::new();
    let cause = &step["cause"];
    match text(&cause["kind"]) {
        "document" => {
            let said = text(&cause["document_kind"]).to_owned();
            beats.push(beat(text(&cause["from"]), Some("host"), said, Tone::Plain));
        }
        "action" => beats.push(beat(
            "host",
            None,
            text(&cause["text"]).to_owned(),
            Tone::Odd,
        )),
        _ => {}
    }
    for event in array(&step["events"]) {
        let mut said = text(&event["event"]).replace('-', " ");
        match text(&event["subject"]) {
            "" => {}
            subject => said.push_str(&format!(": {subject}")),
        }
        beats.push(beat("host", None, said, Tone::Plain));
    }
    for delivery in array(&step["deliveries"]) {
        let kind = text(&delivery["kind"]).to_owned();
        beats.push(beat("host", Some(text(&delivery["to"])), kind, Tone::Good));
    }
    Some(beats)
}

fn beat(entry: &Value) -> Option<Beat> {
    let (kind, said) = (text(&entry["kind"]), text(&entry["text"]));
    if said == "shipment known" {
        // The order's own line says so.
        return None;
    }
    let partner = text(&entry["partner"]);
    let (from, to, tone) = match kind {
        "message" => (partner, Some("host"), Tone::Plain),
        "delivery" => ("host", Some(partner), Tone::Good),
        _ => ("host", None, tone_of(said)),
    };
    // Who it came from, or went to, stands before it.
    let said = said
        .strip_suffix(&format!(" from {partner}"))
        .unwrap_or(said);
    let said = said.replacen(
        &format!(" to {partner}"),
        "",
        usize::from(kind == "delivery"),
    );
    Some(Beat {
        at: moment(text(&entry["at"]))?,
        from: from.to_owned(),
        to: to.map(str::to_owned),
        text: said,
        tone,
    })
}

/// What is not as it should be, for now or for good.
fn tone_of(said: &str) -> Tone {
    let begins = |words: &[&str]| words.iter().any(|it| said.starts_with(it));
    if begins(&[
        "order rejected",
        "partner unavailable",
        "order unroutable",
        "not taken in",
    ]) {
        Tone::Odd
    } else {
        Tone::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_a_timeline_is_a_line() {
        let order = json!({ "timeline": [
            { "at": "2026-03-01T09:30:00.000Z", "kind": "message", "text": "order from salesforce", "partner": "salesforce" },
            { "at": "2026-03-01T09:30:00.001Z", "kind": "order", "text": "order rejected: lakes" },
            { "at": "2026-03-01T09:30:00.002Z", "kind": "delivery", "text": "order to sap: delivered, its number is 1001", "partner": "sap" },
        ] });
        let lines: Vec<_> = beats(&order)
            .into_iter()
            .map(|it| (it.from, it.to.unwrap_or_default(), it.text))
            .collect();
        let expected = [
            ("salesforce", "host", "order"),
            ("host", "", "order rejected: lakes"),
            ("host", "sap", "order: delivered, its number is 1001"),
        ];
        let expected =
            expected.map(|(from, to, text)| (from.to_owned(), to.to_owned(), text.to_owned()));
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_step_is_told_with_its_cause_and_what_follows() {
        let shown = json!({ "history": [{
            "at": "2026-03-01T09:30:00.000Z",
            "cause": { "kind": "document", "document_kind": "return-authorization", "from": "sap-hub" },
            "events": [{ "event": "return-authorized", "subject": "" }, { "event": "return-expected", "subject": "west" }],
            "deliveries": [{ "to": "shipbob", "kind": "return-authorization" }],
        }] });
        let lines: Vec<_> = history(&shown)
            .into_iter()
            .map(|it| format!("{} > {}: {}", it.from, it.to.unwrap_or_default(), it.text))
            .collect();
        let expected = [
            "sap-hub > host: return-authorization",
            "host > : return authorized",
            "host > : return expected: west",
            "host > shipbob: return-authorization",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_has_not_arrived_is_named() {
        let shown = json!({ "systems": [{ "deliveries": [
            { "kind": "order", "to": "sap", "status": "delivered" },
            { "kind": "shipment", "to": "sap", "status": "waiting" },
        ] }] });
        assert_eq!(unsettled(&shown), ["shipment to sap waiting"]);
    }
}
