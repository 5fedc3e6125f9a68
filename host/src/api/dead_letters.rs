//! `/v1/dead-letters`: what waits for a person, and sending it round again.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api, LIMIT_MAX, bad_value, limit,
    messages::{on_blocking, parsed},
    not_found,
    problem::Problem,
    unavailable,
};
use crate::{
    engine::Replay,
    message::{DeadLetterId, PartnerName},
    record::Subject,
    view::{DeadLetterFilter, DeadLetterRow, DeadLetterStatus},
};

/// How fast dead letters are sent round again, unless the caller says otherwise.
const PER_SECOND_DEFAULT: u32 = 100;

/// Which dead letters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    partner: Option<String>,
    step: Option<String>,
    code: Option<String>,
    replayed: bool,
    limit: Option<usize>,
}

/// What to send round again: those named, or all that the filter finds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    ids: Vec<String>,
    filter: Option<Search>,
    dry_run: bool,
    per_second: Option<u32>,
    from: From,
    by: Option<String>,
}

/// Where a delivery goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum From {
    /// With the request that failed: what the partner answered before still counts.
    #[default]
    FailedStep,
    /// With the first one: its adapter knows nothing of the requests before.
    Start,
}

/// `GET /v1/dead-letters`: oldest first.
///
/// # Errors
/// 400 for a value that is not what its name says.
pub async fn list(
    State(api): State<Arc<Api>>,
    search: Result<Query<Search>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(search) = search.map_err(|error| bad_value("query", error))?;
    let filter = search.filter()?;
    let rows = on_blocking(move || {
        let rows = api.view.dead_letters(&filter);
        let rows = rows.iter().map(|(id, row)| shown(&api, *id, row));
        rows.collect::<Vec<_>>()
    });
    Ok(Json(json!({ "dead_letters": rows.await? })))
}

/// `GET /v1/dead-letters/{id}`.
///
/// # Errors
/// 404 for a dead letter that is not there.
pub async fn show(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = id
        .parse()
        .ok()
        .and_then(|id| Some((id, api.view.dead_letter(id)?)));
    let (id, row) = found.ok_or_else(|| not_found("dead letter", &id))?;
    Ok(Json(shown(&api, id, &row)))
}

/// `POST /v1/dead-letters/replay`.
///
/// # Errors
/// 400 when it names nothing, 404 when a named one is not there, 503 when the host
/// is stopping.
pub async fn replay(
    State(api): State<Arc<Api>>,
    request: Result<Json<Request>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(request) = request.map_err(|error| bad_value("body", error))?;
    let chosen = request.chosen(&api)?;
    let found: Vec<_> = chosen
        .iter()
        .map(|(id, row)| shown(&api, *id, row))
        .collect();
    if request.dry_run {
        return Ok(Json(
            json!({ "dry_run": true, "count": found.len(), "dead_letters": found }),
        ));
    }
    let replay = Replay {
        letters: chosen
            .into_iter()
            .map(|(id, row)| (id, row.subject))
            .collect(),
        by: request.by.unwrap_or_else(|| "operator".to_owned()),
        per_second: request.per_second.unwrap_or(PER_SECOND_DEFAULT).max(1),
        from_start: request.from == From::Start,
    };
    let begun = api.engine.replay(replay).await.map_err(unavailable)?;
    Ok(Json(
        json!({ "dry_run": false, "count": begun, "dead_letters": found }),
    ))
}

// === impl Search ===

impl Search {
    fn filter(&self) -> Result<DeadLetterFilter, Problem> {
        Ok(DeadLetterFilter {
            partner: parsed("partner", self.partner.as_deref(), PartnerName::parse)?,
            step: self.step.clone(),
            code: self.code.clone(),
            replayed: self.replayed,
            limit: limit(self.limit),
        })
    }
}

// === impl Request ===

impl Request {
    fn chosen(&self, api: &Api) -> Result<Vec<(DeadLetterId, DeadLetterRow)>, Problem> {
        let mut chosen = Vec::new();
        for text in &self.ids {
            let id: DeadLetterId = text.parse().map_err(|_| not_found("dead letter", text))?;
            let row = api
                .view
                .dead_letter(id)
                .ok_or_else(|| not_found("dead letter", text))?;
            chosen.push((id, row));
        }
        if let Some(search) = &self.filter {
            let mut filter = search.filter()?;
            filter.limit = search.limit.unwrap_or(LIMIT_MAX).clamp(1, LIMIT_MAX);
            filter.replayed = false;
            chosen.extend(api.view.dead_letters(&filter));
        }
        if self.ids.is_empty() && self.filter.is_none() {
            return Err(bad_value(
                "body",
                "name the ids, or give a filter (an empty one means all)",
            ));
        }
        chosen.retain(|(_, row)| row.status == DeadLetterStatus::Waiting);
        chosen.sort_by_key(|(id, _)| *id);
        chosen.dedup_by_key(|(id, _)| *id);
        Ok(chosen)
    }
}

/// A delivery that a process made after the message it began with was removed, or by the
/// clock alone, has no message to show.
fn shown(api: &Api, id: DeadLetterId, row: &DeadLetterRow) -> Value {
    let (status, replayed_at, replayed_by) = match &row.status {
        DeadLetterStatus::Waiting => ("waiting", None, None),
        DeadLetterStatus::Replayed { at, by } => ("replayed", Some(at.to_string()), Some(by)),
    };
    let (holds, delivery) = match row.subject {
        Subject::Message(_) => ("message", None),
        Subject::Delivery(delivery) => ("delivery", Some(delivery.to_string())),
    };
    let message = row.subject.message();
    let message = api.view.message(message).map(|_| message.to_string());
    let link = |part: &str| {
        message
            .as_ref()
            .map(|it| format!("/v1/messages/{it}{part}"))
    };
    json!({
        "id": id.to_string(),
        "holds": holds,
        "message": message,
        "delivery": delivery,
        "partner": row.partner,
        "step": row.step,
        "at": row.at.to_string(),
        "business_key": row.business_key,
        "failure": row.failure,
        "attempts": row.attempts,
        "adapter_digest": row.adapter.map(|digest| digest.to_string()),
        "status": status,
        "replayed_at": replayed_at,
        "replayed_by": replayed_by,
        "links": {
            "message": link(""),
            "raw": link("/raw"),
        },
    })
}
