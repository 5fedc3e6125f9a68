//! `/v1/partners/{partner}/tables`: what adapters look up, read and replaced as a whole.
//!
//! An entity tag is the version, `"3"`; the CSV form of the same version is another
//! representation, `"3-csv"`. Both are taken in `If-Match`.

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

use super::{
    Api, bad_value, messages::on_blocking, not_found, partners::find, problem::Problem, unavailable,
};
use crate::{
    journal::CommitError,
    lookup::{Fault, Table, TableName},
    message::PartnerName,
    tables::{Change, ChangeError, Changed, Expected},
    view::TableRow,
};

/// Versions that an answer lists, the newest ones.
const VERSIONS_SHOWN_MAX: usize = 100;
/// Keys that an answer names of those that differ.
const CHANGES_SHOWN_MAX: usize = 1_000;
/// What follows the version in the entity tag of its CSV form.
const CSV_TAG: &str = "-csv";
/// From the head of a request to the end of its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
const CSV: &str = "text/csv";
const JSON: &str = "application/json";

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
    let as_csv = wants_csv(&headers);
    on_blocking(move || {
        let versions = api.view.table_versions(&partner, &table);
        let row = chosen(&versions, &table, asked.version)?;
        let content = api.tables.content(row).map_err(unavailable)?;
        let content = content.ok_or_else(|| removed(&table, row))?;
        if as_csv {
            let tag = tag(&format!("{}{CSV_TAG}", row.version));
            let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
            return Ok(represented(tag, kind, content.to_csv()));
        }
        let mut answer = shown(&api, &partner, &table, row);
        answer["entries"] = json!(content);
        let newest = versions.iter().rev().take(VERSIONS_SHOWN_MAX);
        answer["versions"] = newest.map(version).collect();
        let body = serde_json::to_vec(&answer).map_err(unavailable)?;
        let kind = HeaderValue::from_static(JSON);
        Ok(represented(tag(&row.version.to_string()), kind, body))
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
        Some(CSV) => Table::from_csv,
        Some(JSON) => Table::from_json,
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
    let tag = tag(&made.version.to_string());
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

fn tag(version: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// What `If-Match` and `If-None-Match` say must be there.
fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    let text = |name| headers.get(name).map(|it| it.to_str().unwrap_or(""));
    match (text(header::IF_MATCH), text(header::IF_NONE_MATCH)) {
        (None, None) => Ok(Expected::Anything),
        (None, Some("*")) => Ok(Expected::Nothing),
        (Some("*"), None) => Ok(Expected::Something),
        (Some(tags), None) => tags
            .split(',')
            .map(tagged)
            .collect::<Option<_>>()
            .map_or_else(
                || {
                    Err(bad_value(
                        "If-Match",
                        "it takes the ETag of an answer, such as \"3\", or *",
                    ))
                },
                |versions| Ok(Expected::Version(versions)),
            ),
        (_, Some(_)) => Err(bad_value(
            "If-None-Match",
            "it takes * alone: the table must not be there",
        )),
    }
}

/// The version of a strong entity tag of ours.
fn tagged(tag: &str) -> Option<u64> {
    let version = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
    let version = version.strip_suffix(CSV_TAG).unwrap_or(version);
    version.parse().ok()
}

fn wants_csv(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kinds = accept.split(',').filter_map(|it| it.split(';').next());
    let mut ours = kinds.map(str::trim).filter(|it| [CSV, JSON].contains(it));
    ours.next() == Some(CSV)
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
        let mut causes = std::iter::successors(error.source(), |it| it.source());
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

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn preconditions_name_versions() {
        let of = |name, value| expected(&headers(name, value)).ok();
        assert_eq!(expected(&HeaderMap::new()).ok(), Some(Expected::Anything));
        let either = Some(Expected::Version(vec![3, 4]));
        assert_eq!(of(header::IF_MATCH, "\"3\", \"4-csv\""), either);
        assert_eq!(of(header::IF_MATCH, "*"), Some(Expected::Something));
        assert_eq!(of(header::IF_NONE_MATCH, "*"), Some(Expected::Nothing));
        for bad in ["3", "W/\"3\"", "\"x\"", ""] {
            assert_eq!(of(header::IF_MATCH, bad), None, "{bad}");
        }
        assert_eq!(of(header::IF_NONE_MATCH, "\"3\""), None);
    }

    #[tokio::test]
    async fn a_body_is_taken_within_bounds() {
        let body = || Body::from("key,value\n");
        assert_eq!(taken(body(), 10).await.unwrap(), "key,value\n");
        let refused = taken(body(), 9).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(refused.code(), "table-too-large");
    }

    #[test]
    fn csv_is_for_those_who_name_it_first() {
        let wants = |accept| wants_csv(&headers(header::ACCEPT, accept));
        assert!(wants("text/csv"));
        assert!(wants("text/csv;q=0.9, application/json"));
        assert!(!wants("application/json, text/csv"));
        assert!(!wants("*/*"));
        assert!(!wants_csv(&HeaderMap::new()));
    }
}
