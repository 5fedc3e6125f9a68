//! `/v1/partners`: who they are, how their lanes and breakers stand.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Api, bad_value, breaker::Breaker, credential::Credential, limit, messages::on_blocking,
    not_found, poll::Poll, problem::Problem, timeline, unavailable,
};
use crate::{
    clock::Timestamp,
    engine::{BreakerCommand, LaneStatus},
    message::PartnerName,
    partner::Partner,
};

/// Awaited acknowledgements of a partner that are counted: more are too many anyway.
pub(super) const AWAITED_COUNTED_MAX: usize = 10_000;

/// What to do with a breaker.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    action: BreakerCommand,
    by: Option<String>,
}

/// A partner and how its lane stands. Times are RFC 3339.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Its name.
    pub name: PartnerName,
    /// Who speaks its dialect.
    pub adapter: String,
    /// Where deliveries go; null for a partner that only sends.
    pub sends_to: Option<String>,
    /// Deliveries that wait.
    pub waiting: usize,
    /// Deliveries under way.
    pub in_flight: usize,
    /// Its messages in memory that are not decoded.
    pub undecoded: usize,
    /// Since when the oldest delivery waits; null when none does.
    pub oldest_waiting_since: Option<String>,
    /// Until when nothing is sent, because its answers said so; null when they did not.
    pub held_until: Option<String>,
    /// Why.
    pub held_because: Option<String>,
    /// Its breaker; null without an endpoint.
    pub breaker: Option<Breaker>,
    /// How requests are authenticated: the endpoint's credential, then the named ones.
    pub credentials: Vec<Credential>,
    /// When the breaker last moved; null when it never did.
    pub breaker_moved_at: Option<String>,
    /// How it is asked for news; null where it is not.
    pub poll: Option<Poll>,
    /// When it last sent something.
    pub last_received_at: Option<String>,
    /// When something last reached it.
    pub last_delivered_at: Option<String>,
    /// Deliveries that reached it.
    pub delivered: u64,
    /// Deliveries that ended as dead letters.
    pub dead: u64,
    /// The last control number that was given out.
    pub control_number: u64,
    /// Deliveries that reached it and whose acknowledgement is awaited; at most 10,000
    /// are counted.
    pub acknowledgements_awaited: usize,
    /// Those of them that should have been acknowledged by now.
    pub acknowledgements_overdue: usize,
}

/// Which of what a partner has to acknowledge.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Open {
    limit: Option<usize>,
}

/// `GET /v1/partners`.
///
/// # Errors
/// 503 when the host is stopping.
pub async fn list(State(api): State<Arc<Api>>) -> Result<Json<Value>, Problem> {
    let lanes = api.engine.lanes().await.map_err(unavailable)?;
    let partners = on_blocking(move || {
        let shown = api.partners.iter().map(|partner| {
            let lane = lanes.iter().find(|it| it.partner == partner.name);
            shown(&api, partner, lane)
        });
        shown.collect::<Vec<_>>()
    })
    .await?;
    Ok(Json(json!({ "partners": partners })))
}

/// `GET /v1/partners/{partner}`.
///
/// # Errors
/// 404 for a partner that is not there, 503 when the host is stopping.
pub async fn show(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let partner = find(&api, &name)?;
    let lanes = api.engine.lanes().await.map_err(unavailable)?;
    let shown = on_blocking(move || {
        let lane = lanes.iter().find(|it| it.partner == partner.name);
        shown(&api, &partner, lane)
    })
    .await?;
    Ok(Json(json!(shown)))
}

/// `GET /v1/partners/{partner}/acknowledgements`: deliveries that reached it and that it
/// has not acknowledged, those due first.
///
/// # Errors
/// 404 for a partner that is not there, 400 for a value that is not what its name says.
pub async fn acknowledgements(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    open: Result<Query<Open>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(open) = open.map_err(|error| bad_value("query", error))?;
    let partner = find(&api, &name)?;
    let limit = limit(open.limit);
    let awaited = on_blocking(move || {
        let now = api.clock.now();
        let awaited = api
            .view
            .awaited(&partner.name, now, limit, AWAITED_COUNTED_MAX);
        let rows = awaited.first.iter().map(|(id, row, due)| {
            let mut told = timeline::delivery(*id, row, now);
            told["message"] = json!(id.message.to_string());
            told["acknowledgement_due_at"] = json!(due.to_string());
            told
        });
        json!({
            "deliveries": rows.collect::<Vec<_>>(),
            "awaited": awaited.count,
            "overdue": awaited.overdue,
        })
    })
    .await?;
    Ok(Json(awaited))
}

/// `POST /v1/partners/{partner}/breaker`: `{"action": "open" | "close" | "reset"}`.
///
/// # Errors
/// 404 for a partner without an endpoint, 400 for another action, 503 when the host
/// is stopping.
pub async fn breaker(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    request: Result<Json<Request>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(request) = request.map_err(|error| bad_value("body", error))?;
    let partner = find(&api, &name)?;
    let by = request.by.unwrap_or_else(|| "operator".to_owned());
    let state = api
        .engine
        .breaker(partner.name.clone(), request.action, by)
        .await
        .map_err(unavailable)?
        .ok_or_else(|| not_found("endpoint of partner", &name))?;
    Ok(Json(
        json!({ "partner": partner.name, "breaker": Breaker::from(&state) }),
    ))
}

pub(super) fn find(api: &Api, name: &str) -> Result<Arc<Partner>, Problem> {
    PartnerName::parse(name)
        .ok()
        .and_then(|name| api.partners.get(&name))
        .ok_or_else(|| not_found("partner", name))
}

fn shown(api: &Api, partner: &Partner, lane: Option<&LaneStatus>) -> Shown {
    let row = api.view.partner(&partner.name);
    let now = api.clock.now();
    let awaited = api.view.awaited(&partner.name, now, 0, AWAITED_COUNTED_MAX);
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let held = lane.and_then(|it| it.held.as_ref());
    Shown {
        name: partner.name.clone(),
        adapter: partner.adapter.clone(),
        sends_to: partner.endpoint_text(),
        waiting: lane.map_or(0, |it| it.waiting),
        in_flight: lane.map_or(0, |it| it.in_flight),
        undecoded: lane.map_or(0, |it| it.undecoded),
        oldest_waiting_since: text(lane.and_then(|it| it.oldest_waiting_since)),
        held_until: text(held.map(|it| it.until)),
        held_because: held.map(|it| it.because.clone()),
        breaker: lane.and_then(|it| it.breaker.as_ref()).map(Breaker::from),
        credentials: partner.credentials().into_iter().map(Into::into).collect(),
        breaker_moved_at: text(row.breaker_moved_at),
        poll: lane
            .and_then(|it| it.poll.as_ref())
            .map(|poll| Poll::of(poll, &row)),
        last_received_at: text(row.last_received_at),
        last_delivered_at: text(row.last_delivered_at),
        delivered: row.delivered,
        dead: row.dead,
        control_number: row.control_number,
        acknowledgements_awaited: awaited.count,
        acknowledgements_overdue: awaited.overdue,
    }
}
