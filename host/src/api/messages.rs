//! `/v1/messages`: search, timeline, original bytes.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Api, bad_value, limit, not_found, problem::Problem, timeline, unavailable};
use crate::{
    clock::Timestamp,
    message::{MessageId, PartnerName, RawMessage},
    record::Record,
    view::{MessageFilter, MessageRow, MessageStatus, Statuses},
};

/// What to search for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    partner: Option<String>,
    status: Option<String>,
    validation: Option<String>,
    delivery: Option<String>,
    acknowledgement: Option<String>,
    business_key: Option<String>,
    correlation_id: Option<String>,
    since: Option<String>,
    until: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/messages`: newest first.
///
/// # Errors
/// 400 for a value that is not what its name says.
pub async fn list(
    State(api): State<Arc<Api>>,
    search: Result<Query<Search>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(search) = search.map_err(|error| bad_value("query", error))?;
    let filter = search.filter(api.clock.now())?;
    let rows = on_blocking(move || {
        let rows = api.view.messages(&filter);
        let next = (rows.len() == filter.limit)
            .then(|| rows.last().map(|(id, _)| id.to_string()))
            .flatten();
        let rows = rows.iter().map(|(id, row)| {
            let stands = api.view.statuses(*id, row, filter.now);
            summary(*id, row, &stands)
        });
        let rows: Vec<_> = rows.collect();
        json!({ "messages": rows, "next": next })
    })
    .await?;
    Ok(Json(rows))
}

/// `GET /v1/messages/{id}`: everything that is known of a message.
///
/// # Errors
/// 404 for a message that is not there, 410 for one that is older than retention.
pub async fn show(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let id = message_id(&id)?;
    on_blocking(move || {
        let row = api.view.message(id).ok_or_else(|| missing(&api, id))?;
        let deliveries = api.view.deliveries_of(id);
        let now = api.clock.now();
        let asked = timeline::Asked {
            message: id,
            row: &row,
            deliveries: &deliveries,
            now,
        };
        let told = timeline::tell(api.journal.as_ref(), &api.view, &asked).map_err(unavailable)?;
        Ok(Json(json!({
            "message": summary(id, &row, &Statuses::of(&row, &deliveries, now)),
            "documents": told.documents,
            "deliveries": told.deliveries,
            "timeline": told.entries,
        })))
    })
    .await?
}

/// `GET /v1/messages/{id}/raw`: the bytes as they came.
///
/// # Errors
/// 404 for a message that is not there, 410 for one that is older than retention.
pub async fn raw(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id = message_id(&id)?;
    on_blocking(move || {
        let row = api.view.message(id).ok_or_else(|| missing(&api, id))?;
        let message = accepted(&api, &row)?;
        // Never shown as a page, whatever the partner called it.
        let kind = message
            .content_type
            .as_deref()
            .unwrap_or("application/octet-stream");
        let kind = HeaderValue::from_str(kind)
            .unwrap_or(HeaderValue::from_static("application/octet-stream"));
        let headers = [
            (header::CONTENT_TYPE, kind),
            (
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ),
            (
                header::CONTENT_DISPOSITION,
                HeaderValue::from_static("attachment"),
            ),
        ];
        Ok((headers, message.body).into_response())
    })
    .await?
}

// === impl Search ===

impl Search {
    fn filter(&self, now: Timestamp) -> Result<MessageFilter, Problem> {
        Ok(MessageFilter {
            now,
            validation: word("validation", self.validation.as_deref())?,
            delivery: word("delivery", self.delivery.as_deref())?,
            acknowledgement: word("acknowledgement", self.acknowledgement.as_deref())?,
            partner: parsed("partner", self.partner.as_deref(), PartnerName::parse)?,
            status: parsed("status", self.status.as_deref(), status)?,
            business_key: self.business_key.clone(),
            correlation_id: self.correlation_id.clone(),
            since: parsed("since", self.since.as_deref(), moment)?,
            until: parsed("until", self.until.as_deref(), moment)?,
            before: parsed("before", self.before.as_deref(), str::parse)?,
            limit: limit(self.limit),
        })
    }
}

/// Runs what reads files away from the threads that serve connections.
pub(super) async fn on_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(unavailable)
}

/// Why a message can't be shown: it is older than what is kept, or there is none.
pub(super) fn missing(api: &Api, id: MessageId) -> Problem {
    let kept = api.view.kept();
    let gone = kept.filter(|kept| id.made_at().is_some_and(|at| at < kept.since));
    match gone {
        Some(kept) => Problem::new(StatusCode::GONE, "gone", "Gone").detail(format!(
            "message {id} is older than what is kept: messages before {} were given up (journal.retention_days)",
            kept.since
        )),
        None => not_found("message", &id.to_string()),
    }
}

fn accepted(api: &Api, row: &MessageRow) -> Result<RawMessage, Problem> {
    let bytes = api.journal.read(row.accepted).map_err(unavailable)?;
    match Record::from_bytes(&bytes).map_err(unavailable)? {
        Record::Accepted(message) => Ok(message),
        _ => Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "view-differs",
            "The view differs from the journal",
        )
        .detail("stop the host and run `crossdock rebuild`")),
    }
}

fn summary(id: MessageId, row: &MessageRow, stands: &Statuses) -> Value {
    json!({
        "id": id.to_string(),
        "partner": row.partner,
        "status": row.status,
        "validation": stands.validation,
        "delivery": stands.delivery,
        "acknowledgement": stands.acknowledgement,
        "correlation_id": row.correlation_id,
        "received_at": row.received_at.to_string(),
        "channel": row.channel,
        "bytes": row.bytes,
        "documents": row.documents,
        "refused": row.refused,
        "deliveries": row.deliveries,
        "business_keys": row.business_keys,
        "links": {
            "self": format!("/v1/messages/{id}"),
            "raw": format!("/v1/messages/{id}/raw"),
        },
    })
}

pub(super) fn message_id(text: &str) -> Result<MessageId, Problem> {
    text.parse()
        .map_err(|_| not_found("message", &text.chars().take(64).collect::<String>()))
}

pub(super) fn parsed<T, E: std::fmt::Display>(
    name: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    text.map(parse)
        .transpose()
        .map_err(|error| bad_value(name, error))
}

/// One of the words of a status; what else there is, the error says.
fn word<Word: DeserializeOwned>(name: &str, text: Option<&str>) -> Result<Option<Word>, Problem> {
    parsed(name, text, |text| {
        serde_json::from_value(Value::from(text)).map_err(|error| error.to_string())
    })
}

fn status(text: &str) -> Result<MessageStatus, String> {
    serde_json::from_value(Value::from(text))
        .map_err(|_| "one of accepted, decoded, partly-refused, refused".to_owned())
}

pub(super) fn moment(text: &str) -> Result<Timestamp, jiff::Error> {
    let moment: jiff::Timestamp = text.parse()?;
    Ok(Timestamp::from_millis(moment.as_millisecond()))
}
