//! `/v1/exceptions`: business problems with an owner, and what to do about them.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, header},
    response::Response,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Api, bad_value,
    deal::not_done,
    instance::{self, Source},
    limit,
    messages::on_blocking,
    not_found, precondition,
    problem::Problem,
    unavailable,
};
use crate::{
    clock::Timestamp,
    engine::Deal,
    journal::Sequence,
    process::exception::{Action, Kind, Severity},
    view::{ExceptionFilter, ExceptionRow},
};

/// The longest note that is kept of what somebody said, in bytes.
const NOTE_BYTES_MAX: usize = 2_000;
/// The longest name of who asks, in bytes.
const BY_BYTES_MAX: usize = 200;

/// Which exceptions.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    kind: Option<String>,
    severity: Option<String>,
    owner: Option<String>,
    key: Option<String>,
    closed: bool,
    overdue: bool,
    after: Option<String>,
    limit: Option<usize>,
}

/// What to do about one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    action: Action,
    by: Option<String>,
    note: Option<String>,
}

/// `GET /v1/exceptions`: by id; open ones, unless `closed=true`.
///
/// # Errors
/// 400 for a value that is not what its name says.
pub async fn list(
    State(api): State<Arc<Api>>,
    search: Result<Query<Search>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(search) = search.map_err(|error| bad_value("query", error))?;
    let filter = search.filter(api.clock.now())?;
    on_blocking(move || Json(listed(&api.source(), &filter))).await
}

/// `GET /v1/exceptions/{id}`; the id percent-encoded, since it has a slash and a `#`.
///
/// # Errors
/// 404 for an exception that is not there.
pub async fn show(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    on_blocking(move || {
        let row = api.view.exception(&id).ok_or_else(|| missing(&id))?;
        precondition::shown(&headers, row.sequence, &shown(&row, api.clock.now()))
    })
    .await?
}

/// `POST /v1/exceptions/{id}/resolve`: `{"action": "retry" | "reroute" | "cancel" |
/// "accept-variance" | "release"}`. `If-Match` names the state that whoever asks has seen.
///
/// # Errors
/// 404 for an exception that is not there, 409 with the process's own code when it does
/// not offer the action or is over, 412 when it changed.
pub async fn resolve(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    request: Result<Json<Request>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(request) = request.map_err(|error| bad_value("body", error))?;
    let by = request.by.unwrap_or_else(|| "operator".to_owned());
    bounded("by", &by, BY_BYTES_MAX)?;
    bounded("note", request.note.as_deref().unwrap_or_default(), NOTE_BYTES_MAX)?;
    let row = api.view.exception(&id).ok_or_else(|| missing(&id))?;
    precondition::require(&headers, Some(row.sequence))?;
    let deal = Deal::Resolve {
        exception: id.clone(),
        action: request.action,
        by,
        note: request.note,
        only_at: only_at(&api, &headers, &row),
    };
    let dealt = api.engine.deal(deal).await.map_err(unavailable)?;
    let offered = json!(row.exception.actions);
    let sequence = dealt.map_err(|error| not_done(error).extension("actions", offered))?;
    let now = api.clock.now();
    let after = api.view.exception(&id);
    Ok(Json(json!({
        "sequence": sequence.get(),
        "exception": after.map(|row| shown(&row, now)),
    })))
}

/// Where the instance must stand, for whoever said which state of the exception they have
/// seen: nothing of it may move in between.
fn only_at(api: &Api, headers: &HeaderMap, row: &ExceptionRow) -> Option<Sequence> {
    headers.get(header::IF_MATCH)?;
    let instance = api.view.instance(&row.process, &row.exception.key)?;
    Some(instance.sequence)
}

// === impl Search ===

impl Search {
    fn filter(&self, now: Timestamp) -> Result<ExceptionFilter, Problem> {
        Ok(ExceptionFilter {
            kind: word::<Kind>("kind", self.kind.as_deref())?,
            severity: word::<Severity>("severity", self.severity.as_deref())?,
            owner: self.owner.clone(),
            key: self.key.clone(),
            closed: self.closed,
            overdue_at: self.overdue.then_some(now),
            after: self.after.clone(),
            limit: limit(self.limit),
        })
    }
}

fn listed(source: &Source<'_>, filter: &ExceptionFilter) -> Value {
    let rows = source.view.exceptions(filter);
    let next = (rows.len() == filter.limit)
        .then(|| rows.last().map(|row| row.exception.id.clone()))
        .flatten();
    let shown = rows.iter().map(|row| shown(row, source.now));
    json!({ "exceptions": shown.collect::<Vec<_>>(), "next": next })
}

pub(super) fn shown(row: &ExceptionRow, now: Timestamp) -> Value {
    let mut shown = instance::exception(&row.process, &row.exception, now);
    shown["changed_at"] = json!(row.changed_at.to_string());
    shown["sequence"] = json!(row.sequence.get());
    shown
}

/// One of the words of a list; what else there is, the error says.
fn word<Word: DeserializeOwned>(name: &str, text: Option<&str>) -> Result<Option<Word>, Problem> {
    let read = |text: &str| serde_json::from_value(Value::from(text));
    text.map(read)
        .transpose()
        .map_err(|error| bad_value(name, error))
}

fn bounded(name: &str, text: &str, bytes_max: usize) -> Result<(), Problem> {
    if text.len() <= bytes_max && !text.contains('\0') {
        return Ok(());
    }
    Err(bad_value(
        name,
        format!("it may have {bytes_max} bytes, none of them zero"),
    ))
}

fn missing(id: &str) -> Problem {
    let shown: String = id.chars().take(100).collect();
    not_found("exception", &shown)
}
