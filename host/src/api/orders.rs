//! `/v1/orders`: an order across all systems, as one thing.
//!
//! What is told of it comes from three places: its process (where it stands, what it
//! waits for, which node and why), the messages about it, and what was sent because of
//! it, with each receiver's own number. Orders are placed and cancelled here as
//! messages of a partner, so that all of them go one way; see [`submit`](super::submit).

mod cancel;
mod systems;
#[cfg(test)]
mod tests;
mod timeline;

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

pub use self::cancel::cancel;
use self::{systems::Sent, timeline::Told};
use super::{
    Api, Operators, bad_value, exceptions,
    instance::{Instance, Source, in_short},
    limit, link,
    messages::{moment, on_blocking, parsed},
    not_found, precondition,
    problem::Problem,
    steps::{self, Recorded},
    submit::{self, Posted},
    unavailable,
};
use crate::{
    contract::Document,
    partner::Partners,
    process::{
        Event, EventKind, Machine as _, fit_key,
        order_to_fulfilment::{Account, OrderToFulfilment},
        shipment_visibility::ShipmentVisibility,
        timer::Level,
    },
    view::{InstanceFilter, MessageFilter},
};

/// Steps of an order that one answer tells.
const STEPS_SHOWN_MAX: usize = 100;
/// Messages about an order that are looked at, the newest ones.
const MESSAGES_SHOWN_MAX: usize = 100;
/// Shipments of an order that are told of with their steps, and steps of each.
const SHIPMENTS_SHOWN_MAX: usize = 20;
const SHIPMENT_STEPS_SHOWN_MAX: usize = 20;

/// Which orders.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    order_no: Option<String>,
    status: Option<String>,
    finished: Option<bool>,
    placed_by: Option<String>,
    node: Option<String>,
    waiting: Option<String>,
    since: Option<String>,
    until: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/orders`: by order number; `order_no` is how it begins, `waiting` the service
/// level that it waits for.
///
/// # Errors
/// 400 for a value that is not what its name says.
pub async fn list(
    State(api): State<Arc<Api>>,
    search: Result<Query<Search>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(search) = search.map_err(|error| bad_value("query", error))?;
    let filter = search.filter()?;
    on_blocking(move || Json(listed(&api.source(), &filter))).await
}

/// `GET /v1/orders/{order_no}`: the order across all systems.
///
/// # Errors
/// 404 for an order that no process knows.
pub async fn show(
    State(api): State<Arc<Api>>,
    Path(order_no): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    on_blocking(move || {
        let source = api.source();
        let instance = found(&source, &order_no)?;
        let told = told(&source, &api.partners, &instance).map_err(unavailable)?;
        precondition::shown(&headers, instance.row.sequence, &told)
    })
    .await?
}

/// `POST /v1/orders?partner=NAME`: an order in canonical JSON, placed for this partner by
/// itself or by an operator.
///
/// # Errors
/// 401 without the operator's or the partner's token, 404 for a partner that is not there,
/// 422 for what is no order and for a partner that speaks another dialect; else as
/// `POST /v1/partners/{partner}/messages`.
pub async fn create(
    State(api): State<Arc<Api>>,
    Extension(operators): Extension<Arc<Operators>>,
    posted: Result<Query<Posted>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Query(posted) = posted.map_err(|error| bad_value("query", error))?;
    let sender = submit::sender(&api, &operators, posted.partner.as_deref(), &headers)?;
    let brought = api.ingress.bring(&sender, &headers, body).await?;
    let Document::Order(order) = submit::document(&brought, "order")? else {
        return Err(submit::another_kind("order"));
    };
    let receipt = api.ingress.keep(brought).await?;
    let path = format!("/v1/orders/{}", link::segment(&order.order_no));
    Ok(receipt.accepted("order", path))
}

// === impl Search ===

impl Search {
    fn filter(&self) -> Result<InstanceFilter, Problem> {
        let named = [("placed_by", &self.placed_by), ("node", &self.node)];
        let facts = named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        let process = OrderToFulfilment::NAME.to_owned();
        let of = |order_no: &String| fit_key(&format!("order/{order_no}"));
        Ok(InstanceFilter {
            key_prefix: self.order_no.as_ref().map(of),
            status: self.status.clone(),
            finished: self.finished,
            waits_for: exceptions::word::<Level>("waiting", self.waiting.as_deref())?
                .map(|it| it.name().to_owned()),
            facts: facts.collect(),
            since: parsed("since", self.since.as_deref(), moment)?,
            until: parsed("until", self.until.as_deref(), moment)?,
            after: self.after.as_ref().map(|it| (process.clone(), of(it))),
            process: Some(process),
            limit: limit(self.limit),
        })
    }
}

fn listed(source: &Source<'_>, filter: &InstanceFilter) -> Value {
    let page = source.view.instance_page(filter);
    let next = page.next.as_ref().map(|(_, key)| order_no_of(key));
    let shown = page.rows.iter().map(|(process, key, row)| {
        let mut shown = in_short(process, key, row, source.now);
        shown["order_no"] = json!(order_no_of(key));
        shown
    });
    json!({ "orders": shown.collect::<Vec<_>>(), "next": next })
}

fn order_no_of(key: &str) -> &str {
    key.strip_prefix("order/").unwrap_or(key)
}

fn found(source: &Source<'_>, order_no: &str) -> Result<Instance, Problem> {
    let key = format!("order/{order_no}");
    Instance::of::<OrderToFulfilment>(source, &key).ok_or_else(|| {
        let shown: String = order_no.chars().take(100).collect();
        not_found("order", &shown).detail(format!(
            "no process knows the order {shown}; messages about it: \
             GET /v1/messages?business_key=order%2F{}",
            link::segment(&shown)
        ))
    })
}

/// The order across all systems.
fn told(
    source: &Source<'_>,
    partners: &Partners,
    instance: &Instance,
) -> Result<Value, super::timeline::Error> {
    let key = instance.key.as_str();
    let records = steps::read(source, &instance.row.history, STEPS_SHOWN_MAX)?;
    let account = instance
        .state::<OrderToFulfilment>()
        .map(|state| state.account());
    let messages = source.view.messages(&MessageFilter {
        business_key: Some(key.to_owned()),
        now: source.now,
        limit: MESSAGES_SHOWN_MAX,
        ..MessageFilter::default()
    });
    let sent = Sent::about(source, instance, &messages);
    let shipments = shipments(source, account.as_ref())?;

    let mut entries = Told::default();
    entries.messages(source, key, &messages)?;
    entries.steps(&records, instance);
    for (shipment, records) in &shipments {
        entries.shipment(records, shipment);
    }
    entries.deliveries(&sent);

    let mut told = instance.shown(source.now);
    told["order_no"] = json!(order_no_of(key));
    told["systems"] = systems::shown(partners, &sent, &messages, source.now);
    told["routing"] = routing(&records, instance);
    let shipments = shipments.iter().map(|(it, _)| shipment(it));
    told["shipments"] = shipments.collect();
    told["messages"] = entries.kinds_of_messages();
    let (timeline, cut) = entries.finish();
    told["timeline"] = json!(timeline);
    told["timeline_cut"] = json!(cut || instance.row.steps > STEPS_SHOWN_MAX as u64);
    told["order"] = json!(account);
    Ok(told)
}

/// The order's shipments that are followed on their way, with their steps.
fn shipments(
    source: &Source<'_>,
    account: Option<&Account>,
) -> Result<Vec<(Instance, Vec<Recorded>)>, super::timeline::Error> {
    let ids = account.into_iter().flat_map(Account::shipment_ids);
    let mut shipments = Vec::new();
    for id in ids.take(SHIPMENTS_SHOWN_MAX) {
        let key = format!("shipment/{id}");
        if let Some(instance) = Instance::of::<ShipmentVisibility>(source, &key) {
            let history = &instance.row.history;
            let records = steps::read(source, history, SHIPMENT_STEPS_SHOWN_MAX)?;
            shipments.push((instance, records));
        }
    }
    Ok(shipments)
}

fn shipment(instance: &Instance) -> Value {
    let account = instance.state::<ShipmentVisibility>();
    json!({
        "shipment_id": instance.key.strip_prefix("shipment/"),
        "status": instance.row.status,
        "finished": instance.row.finished,
        "shipment": account.map(|it| it.account()),
        "link": link::subject(&instance.key),
    })
}

/// How nodes were chosen, with the reasons of that moment.
fn routing(records: &[Recorded], instance: &Instance) -> Value {
    let steps = steps::of(records, &instance.process, &instance.key);
    steps
        .flat_map(|(_, stepped, step)| step.events.iter().map(move |event| (stepped.at, event)))
        .filter(|(_, event)| {
            matches!(
                event.kind,
                EventKind::OrderRouted | EventKind::OrderUnroutable
            )
        })
        .map(|(at, event)| {
            let node = (event.kind == EventKind::OrderRouted).then_some(&event.subject);
            json!({
                "at": at.to_string(),
                "rule": rule(event),
                "node": node,
                "reasons": reasons(event).collect::<Vec<_>>(),
            })
        })
        .collect()
}

/// A decision's data begins with the rule that fitted; what follows are the nodes.
const RULE: &str = "rule";

fn rule(event: &Event) -> Option<&str> {
    let (name, value) = event.data.first()?;
    (name == RULE).then_some(value.as_str())
}

fn reasons(event: &Event) -> impl Iterator<Item = Value> + '_ {
    let nodes = event.data.iter().skip(usize::from(rule(event).is_some()));
    nodes.map(|(node, text)| json!({ "node": node, "text": text }))
}
