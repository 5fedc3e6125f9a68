//! Something that happened to a shipment.

use crossdock_sdk::json::Part;
use crossdock_sdk::{Carrier, Document, Milestone, MilestoneCode, Moment, Problem, Reference};

use super::Context;
use super::shipment::{order_no, tracking_number};
use super::topic::Event;

/// Names of a status detail that a carrier's tracking makes; a shipment that bears one
/// has news of its own beyond having left.
const CARRIER_STATUSES: [&str; 5] = [
    "InTransit",
    "OutForDelivery",
    "Delivered",
    "DeliveryException",
    "DeliveryAttemptFailed",
];

/// Reads what happened to a shipment of an order; they may be the same object.
///
/// # Errors
/// When a field is of the wrong sort.
pub(super) fn read(
    context: &Context<'_>,
    event: Event,
    shipment: &Part<'_, '_>,
    order: &Part<'_, '_>,
) -> Result<(Document, Vec<Problem>), Problem> {
    let mut findings = Vec::new();
    let status = status(shipment);
    let code = match (event, status) {
        (Event::Delivered, _) => MilestoneCode::Delivered,
        (Event::Exception | Event::OnHold, _) => context.config.milestone(match event {
            Event::OnHold => "OnHold",
            _ => "Exception",
        })?,
        (Event::Cancelled, _) => MilestoneCode::Cancelled,
        (Event::Tracking, Some(status)) => context.config.milestone(status)?,
        (Event::Tracking, None) => return Err(shipment.get("status").missing("a status")),
    };
    let at = moment(context, event, shipment, &mut findings)?;
    let id = shipment_id(context, shipment, &mut findings)?;
    let mut milestone = Milestone::new(id, code, at);
    milestone.order_no = order_no(context, shipment, order)?.map(str::to_owned);
    milestone.reason = reason(event, shipment, &milestone.code)?;
    let tracking = shipment.get("tracking");
    milestone.tracking = tracking_number(&tracking)?.map(str::to_owned);
    milestone.carrier = carrier(&tracking)?;
    for (name, qualifier) in [("bol", "BM"), ("pro_number", "CN")] {
        if let Some(value) = tracking.get(name).optional_id()? {
            milestone.references.push(Reference::new(qualifier, value));
        }
    }
    for name in ["order_id", "estimated_fulfillment_date_status"] {
        if let Some(value) = shipment.get(name).scalar() {
            milestone.extras.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok((Document::Milestone(milestone), findings))
}

/// What a polled shipment has to tell beyond having left.
pub(super) fn news(shipment: &Part<'_, '_>) -> Option<Event> {
    match shipment.get("status").scalar()? {
        "Exception" => return Some(Event::Exception),
        "OnHold" | "On Hold" => return Some(Event::OnHold),
        "Cancelled" => return Some(Event::Cancelled),
        _ => {}
    }
    match status(shipment)? {
        "Delivered" => Some(Event::Delivered),
        status if CARRIER_STATUSES.contains(&status) => Some(Event::Tracking),
        _ => None,
    }
}

/// The carrier's status: the name of the first status detail, as public code that
/// reads this API has it; else that of the tracking, else that of the shipment.
fn status<'t>(shipment: &Part<'_, 't>) -> Option<&'t str> {
    let details = shipment.get("status_details");
    let first = details.items().ok().and_then(|mut items| items.next());
    let detail = first.and_then(|detail| detail.get("name").scalar());
    let tracking = shipment.get("tracking");
    detail
        .or_else(|| tracking.first(&["status", "tracking_status"]).scalar())
        .or_else(|| shipment.get("status").scalar())
}

/// The shipment's id. Webhooks of ShipBob Logistics have none; what stands in for it
/// is told.
fn shipment_id(
    context: &Context<'_>,
    shipment: &Part<'_, '_>,
    findings: &mut Vec<Problem>,
) -> Result<String, Problem> {
    // One topic is about an order, whose id is not a shipment's; only a shipment names
    // the order it is part of.
    let is_shipment = context.name != "order.delivered" || shipment.get("order_id").exists();
    let fields: &[&str] = if is_shipment {
        &["shipment_id", "id"]
    } else {
        &["shipment_id"]
    };
    let id = shipment.first(fields);
    if let Some(own) = id.optional_id()? {
        return Ok(own.to_owned());
    }
    let tracking = shipment.get("tracking");
    let (instead, what) = match tracking_number(&tracking)? {
        Some(number) => (number, "tracking number"),
        None => (shipment.first(&["order_id", "id"]).id()?, "order's id"),
    };
    let text = format!("there is no shipment id; the {what} stands in for it");
    findings.push(id.problem("shipment-id-missing", text));
    Ok(instead.to_owned())
}

/// When it happened; the webhook's own time where the body has none.
fn moment(
    context: &Context<'_>,
    event: Event,
    shipment: &Part<'_, '_>,
    findings: &mut Vec<Problem>,
) -> Result<Moment, Problem> {
    let fields: &[&str] = match event {
        Event::Delivered => &[
            "delivery_date",
            "last_tracking_update_at",
            "event_time",
            "last_update_at",
        ],
        Event::Tracking => &["last_tracking_update_at", "event_time", "last_update_at"],
        _ => &["last_update_at", "event_time"],
    };
    if let Some(moment) = read_moment(&shipment.first(fields))? {
        return Ok(moment);
    }
    let text = "the body does not say when it happened; the time of its sending is taken";
    let place = shipment.get(fields.first().copied().unwrap_or_default());
    findings.push(place.problem("time-missing", text));
    Ok(context.told_at.clone())
}

/// # Errors
/// When it is there and no moment.
pub(super) fn read_moment(part: &Part<'_, '_>) -> Result<Option<Moment>, Problem> {
    let Some(text) = part.optional_text()? else {
        return Ok(None);
    };
    match Moment::iso(text) {
        Some(moment) => Ok(Some(moment)),
        None => Err(part.problem("time-invalid", "expected a time as in ISO 8601")),
    }
}

/// Why, in ShipBob's words: each status detail by name and description.
fn reason(
    event: Event,
    shipment: &Part<'_, '_>,
    code: &MilestoneCode,
) -> Result<Option<String>, Problem> {
    let told = match event {
        Event::Exception | Event::OnHold | Event::Cancelled => true,
        Event::Delivered => false,
        Event::Tracking => matches!(
            code,
            MilestoneCode::Delayed | MilestoneCode::Attempted | MilestoneCode::Other(_)
        ),
    };
    let details = shipment.get("status_details");
    let mut reasons: Vec<String> = Vec::new();
    for detail in details.items()?.filter(|_| told) {
        let name = detail.get("name").optional_text()?;
        let words = detail.get("description").optional_text()?;
        let reason = match (name, words) {
            (Some(name), Some(words)) => format!("{name}: {words}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => continue,
        };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    Ok((!reasons.is_empty()).then(|| reasons.join("; ")))
}

/// Who carries, if the tracking says so.
///
/// # Errors
/// When a field is of the wrong sort.
pub(super) fn carrier(tracking: &Part<'_, '_>) -> Result<Option<Carrier>, Problem> {
    let carrier = Carrier {
        scac: tracking.get("scac").optional_text()?.map(str::to_owned),
        name: tracking.get("carrier").optional_text()?.map(str::to_owned),
        service: tracking
            .get("carrier_service")
            .optional_text()?
            .map(str::to_owned),
        ..Carrier::default()
    };
    Ok((carrier != Carrier::default()).then_some(carrier))
}
