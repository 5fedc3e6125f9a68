//! `/v1/partners/{partner}/tables`: what adapters look up, read and replaced as a whole.
//!
//! What must be there before it is replaced, a caller may say: see [`precondition`].

mod precondition;

use std::{error::Error as _, sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use self::precondition::{Form, expected, tag};
use super::{
    Api, bad_value, messages::on_blocking, not_found, partners::find, problem::Problem, unavailable,
};
use crate::{
    journal::CommitError,
    lookup::{Fault, Table, TableName},
    message::PartnerName,
    tables::{Change, ChangeError, Changed},
    view::TableRow,
};

/// Versions that an answer lists, the newest ones.
const VERSIONS_SHOWN_MAX: usize = 100;
/// Keys that an answer names of those that differ.
const CHANGES_SHOWN_MAX: usize = 1_000;
/// From the head of a request to the end of its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Which version to show.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    version: Option<u64>,
}

/// How to change a table.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct How {
    dry_run: bool,
    by: Option<String>,
}

type Queried<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// `GET /v1/partners/{partner}/tables`: the latest version of each table.
///
/// # Errors
/// 404 for a partner that is not there.
pub async fn list(
    State(api): State<Arc<Api>>,
    Path(partner): Path<String>,
) -> Result<Json<Value>, Problem> {
    let partner = find(&api, &partner)?.name.clone();
    on_blocking(move || {
        let tables = api.view.tables(&partner).into_iter();
        let tables: Vec<_> = tables
            .map(|(table, row)| shown(&api, &partner, &table, &row))
            .collect();
        Json(json!({ "partner": partner, "tables": tables }))
    })
    .await
}

/// `GET /v1/partners/{partner}/tables/{table}`: one version with all rows, as JSON or, if
/// `Accept` says so, as CSV.
///
/// # Errors
/// 404 for a table or version that is not there, 410 for a version that is older than
/// retention.
pub async fn show(
    State(api): State<Arc<Api>>,
    Path((partner, table)): Path<(String, String)>,
    asked: Queried<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|error| bad_value("query", error))?;
    let (partner, table) = named(&api, &partner, &table)?;
    let form = Form::wanted(&headers);
    on_blocking(move || {
        let versions = api.view.table_versions(&partner, &table);
        let row = chosen(&versions, &table, asked.version)?;
        let content = api.tables.content(row).map_err(unavailable)?;
        let content = content.ok_or_else(|| removed(&table, row))?;
        if form == Form::Csv {
            let tag = tag(row.version, Form::Csv);
            let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
            return Ok(represented(tag, kind, content.to_csv()));
        }
        let mut answer = shown(&api, &partner, &table, row);
        answer["entries"] = json!(content);
        let newest = versions.iter().rev().take(VERSIONS_SHOWN_MAX);
        answer["versions"] = newest.map(version).collect();
        let body = serde_json::to_vec(&answer).map_err(unavailable)?;
        let kind = HeaderValue::from_static(precondition::JSON);
        Ok(represented(tag(row.version, Form::Json), kind, body))
    })
    .await?
}

/// `PUT /v1/partners/{partner}/tables/{table}`: the whole table, as `text/csv` or as a
/// JSON object. `If-Match` names the version that it replaces, `If-None-Match: *` says
/// that there is none; `dry_run` only tells what would change.
///
/// # Errors
/// 404 for a partner that is not there, 412 when another version is current, 413 and 422
/// for what is no table within bounds, 415 for another media type.
pub async fn put(
    State(api): State<Arc<Api>>,
    Path((partner, table)): Path<(String, String)>,
    how: Queried<How>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Query(how) = how.map_err(|error| bad_value("query", error))?;
    let (partner, table) = named(&api, &partner, &table)?;
    let expected = expected(&headers)?;
    let limits = *api.tables.limits();
    let read = match media_type(&headers).as_deref() {
        Some(precondition::CSV) => Table::from_csv,
        Some(precondition::JSON) => Table::from_json,
        _ => return Err(unsupported()),
    };
    let _place = api.tables.place().ok_or_else(busy)?;
    let body = taken(body, limits.text_bytes_max()).await?;
    let content = on_blocking(move || read(&body, &limits)).await?;
    let change = Change {
        partner,
        table,
        content: Some(content.map_err(|fault| no_table(&fault))?),
        expected,
        by: how.by.clone().unwrap_or_else(|| "operator".to_owned()),
    };
    changed(&api, change, &how).await
}

/// `DELETE /v1/partners/{partner}/tables/{table}`, with `If-Match` as for `PUT`. What the
/// table held stays readable by its version.
///
/// # Errors
/// 404 for a table that is not there, 412 when another version is current.
pub async fn delete(
    State(api): State<Arc<Api>>,
    Path((partner, table)): Path<(String, String)>,
    how: Queried<How>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(how) = how.map_err(|error| bad_value("query", error))?;
    let (partner, table) = named(&api, &partner, &table)?;
    let change = Change {
        partner,
        table,
        content: None,
        expected: expected(&headers)?,
        by: how.by.clone().unwrap_or_else(|| "operator".to_owned()),
    };
    changed(&api, change, &how).await
}

async fn changed(api: &Api, change: Change, how: &How) -> Result<Response, Problem> {
    let (partner, table) = (change.partner.clone(), change.table.clone());
    let made = if how.dry_run {
        api.tables.plan(&change)
    } else {
        api.tables.change(change).await
    };
    let made = made.map_err(|error| not_changed(&error))?;
    let body = Json(json!({
        "partner": partner,
        "table": table,
        "dry_run": how.dry_run,
        "version": made.version,
        "previous_version": made.before.as_ref().map(|it| it.version),
        "changed": !made.is_nothing(),
        "rows": made.after.as_ref().map(Table::len),
        "difference": made.difference,
        "changes": changes(&made),
        "changes_cut": count(&made) > CHANGES_SHOWN_MAX as u64,
    }));
    let is_new = made.before.is_none() && made.after.is_some();
    let status = match (how.dry_run, is_new) {
        (false, true) => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    if made.after.is_none() || how.dry_run {
        return Ok((status, body).into_response());
    }
    let tag = tag(made.version, Form::Json);
    Ok((status, [(header::ETAG, tag)], body).into_response())
}

fn count(made: &Changed) -> u64 {
    let difference = made.difference;
    [difference.added, difference.changed, difference.removed]
        .into_iter()
        .map(u64::from)
        .sum()
}

fn changes(made: &Changed) -> Value {
    let before = made.before.as_ref().map(|it| &it.table);
    match (&made.after, before) {
        (Some(after), before) => {
            let changes = after.changes(before).take(CHANGES_SHOWN_MAX);
            changes.map(|change| json!(change)).collect()
        }
        (None, Some(before)) => {
            let rows = before.rows().take(CHANGES_SHOWN_MAX);
            rows.map(|(key, value)| json!({ "key": key, "before": value, "after": null }))
                .collect()
        }
        (None, None) => json!([]),
    }
}

fn named(api: &Api, partner: &str, table: &str) -> Result<(PartnerName, TableName), Problem> {
    let partner = find(api, partner)?.name.clone();
    let table = TableName::parse(table).map_err(|error| bad_value("table", error))?;
    Ok((partner, table))
}

/// The version that was asked for, or the latest.
fn chosen<'a>(
    versions: &'a [TableRow],
    table: &TableName,
    asked: Option<u64>,
) -> Result<&'a TableRow, Problem> {
    let latest = versions.last();
    let latest = latest.ok_or_else(|| not_found("table", table.as_str()))?;
    let Some(asked) = asked else {
        return Ok(latest);
    };
    let found = versions.iter().find(|it| it.version == asked);
    found.ok_or_else(|| {
        if asked == 0 || asked > latest.version {
            return not_found("version", &format!("{asked} of table {table}"));
        }
        Problem::new(StatusCode::GONE, "gone", "Gone").detail(format!(
            "version {asked} of table {table} is older than what is kept (journal.retention_days)"
        ))
    })
}

/// A version and where it stands; `configuration` says whether the configuration has the
/// same.
fn shown(api: &Api, partner: &PartnerName, table: &TableName, row: &TableRow) -> Value {
    let configured = api.tables.configured(partner, table);
    let configuration = configured.map(|it| {
        if Some(it) == row.digest {
            "same"
        } else {
            "differs"
        }
    });
    let mut shown = version(row);
    shown["partner"] = json!(partner);
    shown["table"] = json!(table);
    shown["configuration"] = json!(configuration);
    shown["links"] = json!({ "self": format!("/v1/partners/{partner}/tables/{table}") });
    shown
}

fn version(row: &TableRow) -> Value {
    json!({
        "version": row.version,
        "at": row.at.to_string(),
        "by": row.by,
        "source": row.source,
        "removed": row.digest.is_none(),
        "rows": row.rows,
        "bytes": row.bytes,
        "digest": row.digest.map(|it| it.to_string()),
        "difference": row.difference,
    })
}

fn represented(tag: HeaderValue, kind: HeaderValue, body: Vec<u8>) -> Response {
    let headers = [
        (header::ETAG, tag),
        (header::CONTENT_TYPE, kind),
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    (headers, body).into_response()
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(kind.split(';').next()?.trim().to_ascii_lowercase())
}

fn removed(table: &TableName, row: &TableRow) -> Problem {
    not_found("table", table.as_str()).extension(
        "removed",
        json!({ "version": row.version, "at": row.at.to_string(), "by": row.by }),
    )
}

fn unsupported() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "media-type-unknown",
        "Unknown media type",
    )
    .detail("a table is text/csv (with the header key,value) or application/json (an object of strings); say which in Content-Type")
}

fn no_table(fault: &Fault) -> Problem {
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "table-invalid",
        "Not a table",
    )
    .detail(fault.to_string());
    match (fault.line, fault.column) {
        (Some(line), Some(column)) => problem.extension("line", line).extension("column", column),
        (Some(line), None) => problem.extension("line", line),
        _ => problem,
    }
}

/// The whole body, if it is not too long and comes in time.
async fn taken(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let read = axum::body::to_bytes(body, bytes_max);
    let read = tokio::time::timeout(BODY_TIMEOUT, read).await;
    let Ok(read) = read else {
        return Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-timeout",
            "The body took too long",
        )
        .detail(format!(
            "it must be there within {} s",
            BODY_TIMEOUT.as_secs()
        )));
    };
    read.map_err(|error| {
        let mut causes = std::iter::successors(error.source(), |&it| it.source());
        if causes.any(|it| it.is::<http_body_util::LengthLimitError>()) {
            return Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "table-too-large",
                "Table too large",
            )
            .detail(format!("the body is over {bytes_max} bytes; tables.table_bytes_max bounds what a table holds"));
        }
        bad_value("body", error)
    })
}

fn busy() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy")
        .detail("too many tables are being taken in already")
        .retry_after(1)
}

fn not_changed(error: &ChangeError) -> Problem {
    let new = |status, code, title| Problem::new(status, code, title).detail(error.to_string());
    match error {
        ChangeError::Partner(partner) => not_found("partner", partner.as_str()),
        ChangeError::Absent { table, .. } => not_found("table", table.as_str()),
        ChangeError::Conflict { current } => new(
            StatusCode::PRECONDITION_FAILED,
            "version-conflict",
            "Another version is current",
        )
        .extension("current_version", *current),
        ChangeError::TooMany { .. } => new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too-many-tables",
            "Too many tables",
        ),
        ChangeError::Commit(CommitError::TooLarge { .. }) => new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "table-too-large",
            "Table too large",
        ),
        ChangeError::Commit(CommitError::Full { .. }) => new(
            StatusCode::INSUFFICIENT_STORAGE,
            "storage-full",
            "Storage full",
        ),
        ChangeError::Commit(_) | ChangeError::Lost => unavailable(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_taken_within_bounds() {
        let body = || Body::from("key,value\n");
        assert_eq!(taken(body(), 10).await.unwrap(), "key,value\n");
        let refused = taken(body(), 9).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(refused.code(), "table-too-large");
    }
}
