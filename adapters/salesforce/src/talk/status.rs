//! What became of an order: fields of it, and an entry in its timeline.

use crossdock_sdk::conversation::Pause;
use crossdock_sdk::json::{self, Object};
use crossdock_sdk::{Milestone, Moment, OrderResponse, Problem, Shipment, ShipmentStatus, Step};

use super::timeline::Entry;
use super::{Talk, order};
use crate::answer::{self, Record};

/// A shipment that left, or what is left of it.
pub(super) fn shipment(talk: Talk<'_>, shipment: &Shipment) -> Result<Step, Pause> {
    let word = match shipment.status {
        ShipmentStatus::NotShipped => "not-shipped",
        ShipmentStatus::PartialClosed
        | ShipmentStatus::PartialBackordered
        | ShipmentStatus::Partial
        | ShipmentStatus::Split => "partly-shipped",
        _ => "shipped",
    };
    let carrier = shipment.carrier.as_ref();
    let mut tracking = shipment.tracking.clone();
    let packages = shipment.packages.iter();
    for number in packages.filter_map(|package| package.tracking.as_ref()) {
        if !tracking.contains(number) {
            tracking.push(number.clone());
        }
    }
    let tracking = (!tracking.is_empty()).then(|| tracking.join(", "));
    let mut text = format!(
        "Shipment {} left on {}.",
        shipment.shipment_id, shipment.shipped_at.text
    );
    if let Some(carrier) =
        carrier.and_then(|carrier| carrier.name.as_ref().or(carrier.scac.as_ref()))
    {
        text.push_str(&format!(" Carrier: {carrier}."));
    }
    if let Some(tracking) = &tracking {
        text.push_str(&format!(" Tracking: {tracking}."));
    }
    for line in &shipment.lines {
        let item = line.items.first().map_or("?", |item| item.value.as_str());
        text.push_str(&format!(
            "\n{} {} of {item}",
            line.shipped.value, line.shipped.unit
        ));
    }
    let values = [
        ("shipment-id", Some(shipment.shipment_id.clone())),
        ("shipped-at", Some(shipment.shipped_at.text.clone())),
        ("tracking", tracking),
        ("carrier", carrier.and_then(|carrier| carrier.name.clone())),
        (
            "service",
            carrier.and_then(|carrier| carrier.service.clone()),
        ),
        (
            "estimated-delivery",
            shipment
                .expected_delivery
                .as_ref()
                .map(|at| at.text.clone()),
        ),
    ];
    let key = format!(
        "shipment/{}/{}",
        shipment.shipment_id,
        word_of(&shipment.purpose)?
    );
    let entry = Entry {
        key,
        kind: word,
        text,
        at: shipment.shipped_at.clone(),
    };
    tell(talk, &shipment.order_no, word, &values, &entry)
}

/// Something that happened on the way.
pub(super) fn milestone(talk: Talk<'_>, milestone: &Milestone) -> Result<Step, Pause> {
    let Some(order_no) = &milestone.order_no else {
        let text = "the milestone names no order, and a shipment has no record of its own";
        let problem = Problem::document("order-missing", text).at_pointer("/order_no");
        return Err(Pause::Rejected(problem));
    };
    let word = word_of(&milestone.code)?;
    let mut text = format!(
        "Shipment {}: {word} on {}.",
        milestone.shipment_id, milestone.at.text
    );
    if let Some(reason) = &milestone.reason {
        text.push_str(&format!(" Reason: {reason}."));
    }
    if let Some(place) = &milestone.place {
        let parts = [&place.city, &place.region, &place.country];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        text.push_str(&format!(" Place: {}.", parts.join(", ")));
    }
    let estimated = milestone
        .estimated_delivery
        .as_ref()
        .map(|at| at.text.clone());
    if let Some(estimated) = &estimated {
        text.push_str(&format!(" Expected: {estimated}."));
    }
    let delivered = (word == "delivered").then(|| milestone.at.text.clone());
    let values = [
        ("delivered-at", delivered),
        ("estimated-delivery", estimated),
        ("tracking", milestone.tracking.clone()),
        ("status-text", Some(word.clone())),
    ];
    let key = format!(
        "milestone:{}:{word}:{}",
        milestone.shipment_id, milestone.at.text
    );
    let entry = Entry {
        key,
        kind: &word,
        text,
        at: milestone.at.clone(),
    };
    tell(talk, order_no, &word, &values, &entry)
}

/// The answer to an order.
pub(super) fn response(talk: Talk<'_>, response: &OrderResponse) -> Result<Step, Pause> {
    let word = word_of(&response.decision)?;
    let mut text = format!("The order is {word}.");
    for reason in &response.reasons {
        let code = word_of(&reason.code)?;
        let words = reason.text.as_deref().unwrap_or_default();
        text.push_str(format!(" Reason: {code} {words}").trim_end());
        text.push('.');
    }
    for line in &response.lines {
        let decision = word_of(&line.decision)?;
        text.push_str(&format!("\nLine {}: {decision}", line.line_no));
    }
    let at = response.decided_at.clone();
    let at = at.unwrap_or_else(|| Moment::zoned(&talk.delivery.created_at));
    let values = [
        ("partner-order-no", response.partner_order_no.clone()),
        (
            "estimated-ship",
            response.expected_ship.as_ref().map(|at| at.text.clone()),
        ),
        ("status-text", Some(word.clone())),
    ];
    let key = format!("response:{}:{word}:{}", response.order_no, at.text);
    let entry = Entry {
        key,
        kind: &word,
        text,
        at,
    };
    tell(talk, &response.order_no, &word, &values, &entry)
}

/// Sets what the settings have fields for, then writes the entry.
fn tell(
    mut talk: Talk<'_>,
    order_no: &str,
    word: &str,
    values: &[(&str, Option<String>)],
    entry: &Entry<'_>,
) -> Result<Step, Pause> {
    let mut body = Object::new().optional_text("Status", talk.config.status(word));
    for (what, value) in values {
        if let (Some(field), Some(value)) = (talk.config.field(what)?, value) {
            body = body.text(field, value);
        }
    }
    let id = if body.is_empty() {
        talk.find("Order", "order", order_no)?
            .ok_or_else(|| unknown(order_no))?
    } else {
        let record = update(&mut talk, order_no, body)?;
        talk.id(record, "Order", "order", order_no)?
    };
    super::timeline::write(&mut talk, Some(&id), entry)?;
    Ok(Step::Done(Some(id)))
}

/// Changes an order that is there, and makes none: `updateOnly`.
pub(super) fn update(talk: &mut Talk<'_>, order_no: &str, body: Object) -> Result<Record, Pause> {
    let config = talk.config;
    let answer = talk.conversation.ask(|| {
        Ok(order::change(
            config.record("Order", "order", order_no)?,
            body,
        ))
    })?;
    if answer.status == 404 {
        return Err(unknown(order_no));
    }
    answer::record(answer)
}

pub(super) fn unknown(order_no: &str) -> Pause {
    let text = "Salesforce has no order with this key, or no such field";
    Pause::Rejected(
        Problem::partner_data("order-unknown", text)
            .with_value(order_no)
            .with_remedy("check the order's external id and the setting `key.order`"),
    )
}

/// The name of a code in the contract; the partner's own where the contract has none.
pub(super) fn word_of<T: CodeName>(code: &T) -> Result<String, Problem> {
    code.name()
}

/// Codes whose name is written.
pub(super) trait CodeName {
    fn name(&self) -> Result<String, Problem>;
}

macro_rules! code_names {
    ($($type:ident),*) => {
        $(impl CodeName for crossdock_sdk::$type {
            fn name(&self) -> Result<String, Problem> {
                if let crossdock_sdk::$type::Other(own) = self {
                    return Ok(own.clone());
                }
                Ok(json::to_string(self)?.trim_matches('"').to_owned())
            }
        })*
    };
}

code_names!(
    CaseCategory,
    CaseStatus,
    Decision,
    MilestoneCode,
    Purpose,
    RejectReason,
    Severity
);
