//! `/v1/messages/{id}/rerun`: a message read once more, and compared with what was
//! recorded. Nothing is written, nothing is delivered.
//!
//! The partner's settings are those of now: records do not hold them. Whether an envelope's
//! number was in turn is left out: a document that was refused for that shows as read, and
//! the acknowledgement of its group as owed.

mod difference;
mod then;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use self::then::{Read, Then};
use super::{
    Api, bad_value,
    messages::{message_id, missing, on_blocking},
    problem::Problem,
    unavailable,
};
use crate::{
    engine::{Place, Rerun, RerunError},
    message::MessageId,
    partner::{Partner, Snapshot},
    record::{AdapterRef, Log, Record, TableUse},
    sandbox::Adapter,
    tables::ReadError,
    view::MessageRow,
};

/// How to run it again.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    adapter: Which,
    tables: When,
}

/// With which adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Which {
    /// That which read it then, by its digest.
    Same,
    /// The partner's own, as it is loaded now.
    #[default]
    Current,
}

/// With which tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    /// Those that it was read with.
    #[default]
    #[serde(alias = "of-then")]
    Then,
    /// Those of now.
    Now,
}

/// `POST /v1/messages/{id}/rerun`: `{"adapter": "same" | "current", "tables": "then" |
/// "now"}`.
///
/// # Errors
/// 404 for a message that is not there, 410 for one that is older than retention, or whose
/// tables are, 409 for one that was not read yet or whose adapter is not loaded, 503 when
/// there is no room.
pub async fn rerun(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    request: Result<Json<Request>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(request) = request.map_err(|error| bad_value("body", error))?;
    let id = message_id(&id)?;
    // First of all: what is prepared takes memory too.
    let place = api.engine.place_for_rerun();
    let place = place.map_err(|error| not_run(&error))?;
    let preparing = Arc::clone(&api);
    let prepared = on_blocking(move || prepare(&preparing, id, request, place)).await?;
    let (then, rerun) = prepared?;
    let ran = api.engine.rerun(rerun).await.map_err(unavailable)?;
    let record = ran.map_err(|error| not_run(&error))?;
    on_blocking(move || Json(answer(id, request, &then, &record))).await
}

/// Finds out what there is to compare with, and what to run.
fn prepare(
    api: &Api,
    id: MessageId,
    request: Request,
    place: Place,
) -> Result<(Then, Rerun), Problem> {
    let row = api.view.message(id).ok_or_else(|| missing(api, id))?;
    let then = Then::tell(&api.view, api.journal.as_ref(), &row).map_err(unavailable)?;
    let then = then.ok_or_else(|| {
        conflict("not-decoded", "Not decoded yet")
            .detail("the message waits to be read; there is nothing to compare with")
            .retry_after(1)
    })?;
    let partner = api.partners.get(&row.partner).ok_or_else(|| {
        conflict("partner-unknown", "No such partner").detail(format!(
            "partner {} is no longer in the configuration, and with it its settings",
            row.partner
        ))
    })?;
    let rerun = Rerun {
        place,
        accepted: row.accepted,
        before: then.sequence,
        adapter: adapter(api, &partner, &then, request.adapter)?,
        tables: tables(api, &partner, &row, &then, request.tables)?,
        partner,
    };
    Ok((then, rerun))
}

fn adapter(
    api: &Api,
    partner: &Partner,
    then: &Then,
    which: Which,
) -> Result<Arc<Adapter>, Problem> {
    let not_loaded =
        |detail: String| conflict("adapter-not-loaded", "The adapter is not loaded").detail(detail);
    if which == Which::Current {
        return api.registry.get(&partner.adapter).ok_or_else(|| {
            not_loaded(format!(
                "adapter {} of partner {} is not loaded",
                partner.adapter, partner.name
            ))
        });
    }
    let Some(then) = &then.adapter else {
        return Err(not_loaded(
            "no adapter read the message then; run it again with adapter \"current\"".to_owned(),
        ));
    };
    let loaded = api.registry.get(&then.name);
    let same = loaded.filter(|it| it.digest() == then.digest);
    same.ok_or_else(|| {
        not_loaded(format!(
            "the message was read by {} {} (sha256 {}), which is not loaded; put that component back, or run it again with adapter \"current\"",
            then.name, then.version, then.digest
        ))
    })
}

fn tables(
    api: &Api,
    partner: &Partner,
    row: &MessageRow,
    then: &Then,
    when: When,
) -> Result<Snapshot, Problem> {
    if when == When::Now {
        return Ok(partner.tables.now());
    }
    let tables = api.tables.then(&row.partner, &then.tables, then.sequence);
    tables.map_err(|error| match error {
        ReadError::Gone { .. } => Problem::new(StatusCode::GONE, "gone", "Gone")
            .detail(format!("{error}; run it again with tables \"now\"")),
        error => unavailable(error),
    })
}

fn answer(id: MessageId, request: Request, then: &Then, record: &Record) -> Value {
    let now = Read::of(record);
    let told = difference::between(&then.read, &now);
    let (adapter, tables, log, fuel_used) = match record {
        Record::Decoded(it) => (Some(&it.adapter), &it.tables, &it.log, Some(it.fuel_used)),
        Record::Undecodable(it) => (it.adapter.as_ref(), &it.tables, &it.log, None),
        _ => (None, &Vec::new(), &Log::default(), None),
    };
    json!({
        "message": id.to_string(),
        "equal": told.count == 0,
        "differences": told.count,
        "differences_cut": told.cut,
        "documents": told.documents,
        "message_differences": told.message,
        "adapter": match request.adapter { Which::Same => "same", Which::Current => "current" },
        "tables": match request.tables { When::Then => "then", When::Now => "now" },
        "settings": "now",
        "then": {
            "sequence": then.sequence.get(),
            "at": then.at.to_string(),
            "adapter": named(then.adapter.as_ref()),
            "tables": versions(&then.tables),
        },
        "now": {
            "adapter": named(adapter),
            "tables": versions(tables),
            "fuel_used": fuel_used,
            "log": log.lines,
            "log_cut": log.cut,
        },
    })
}

fn named(adapter: Option<&AdapterRef>) -> Value {
    adapter.map_or(
        Value::Null,
        |it| json!({ "name": it.name, "version": it.version, "digest": it.digest.to_string() }),
    )
}

fn versions(tables: &[TableUse]) -> Value {
    let versions = tables.iter();
    let versions = versions.map(|it| (it.table.to_string(), json!(it.version)));
    Value::Object(versions.collect())
}

fn conflict(code: &'static str, title: &'static str) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, title)
}

fn not_run(error: &RerunError) -> Problem {
    match error {
        RerunError::TooMany | RerunError::Busy(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy")
                .detail(error.to_string())
                .retry_after(1)
        }
        RerunError::Lost(_) | RerunError::Unread(_) => unavailable(error),
    }
}
