//! `/v1/partners`: who they are, how their lanes and breakers stand.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, bad_value, not_found, problem::Problem, unavailable};
use crate::{
    engine::{BreakerCommand, LaneStatus},
    message::PartnerName,
    partner::Partner,
};

/// What to do with a breaker.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    action: BreakerCommand,
    by: Option<String>,
}

/// `GET /v1/partners`.
///
/// # Errors
/// 503 when the host is stopping.
pub async fn list(State(api): State<Arc<Api>>) -> Result<Json<Value>, Problem> {
    let lanes = api.engine.lanes().await.map_err(unavailable)?;
    let partners: Vec<_> = api
        .partners
        .iter()
        .map(|partner| {
            shown(
                &api,
                partner,
                lanes.iter().find(|it| it.partner == partner.name),
            )
        })
        .collect();
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
    let lane = lanes.iter().find(|it| it.partner == partner.name);
    Ok(Json(shown(&api, &partner, lane)))
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
    Ok(Json(json!({ "partner": partner.name, "breaker": state })))
}

fn find(api: &Api, name: &str) -> Result<Arc<Partner>, Problem> {
    PartnerName::parse(name)
        .ok()
        .and_then(|name| api.partners.get(&name))
        .ok_or_else(|| not_found("partner", name))
}

fn shown(api: &Api, partner: &Partner, lane: Option<&LaneStatus>) -> Value {
    let row = api.view.partner(&partner.name);
    json!({
        "name": partner.name,
        "adapter": partner.adapter,
        "sends_to": partner.endpoint_text(),
        "waiting": lane.map(|it| it.waiting),
        "in_flight": lane.map(|it| it.in_flight),
        "undecoded": lane.map(|it| it.undecoded),
        "oldest_waiting_since": lane.and_then(|it| it.oldest_waiting_since).map(|at| at.to_string()),
        "breaker": lane.and_then(|it| it.breaker),
        "breaker_moved_at": row.breaker_moved_at.map(|at| at.to_string()),
        "last_received_at": row.last_received_at.map(|at| at.to_string()),
        "last_delivered_at": row.last_delivered_at.map(|at| at.to_string()),
        "delivered": row.delivered,
        "dead": row.dead,
        "control_number": row.control_number,
    })
}
