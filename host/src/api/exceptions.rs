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

/// `GET /v1/exceptions`: by id; open ones, with `closed=true` also those that are
/// over.
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
    bounded(
        "note",
        request.note.as_deref().unwrap_or_default(),
        NOTE_BYTES_MAX,
    )?;
    let row = api.view.exception(&id).ok_or_else(|| missing(&id))?;
    let only_at = only_at(&api, &headers, &row);
    // Read behind it: what moved before is found here, what moves from now on in the engine.
    let row = api.view.exception(&id).ok_or_else(|| missing(&id))?;
    precondition::require(&headers, Some(row.sequence))?;
    let deal = Deal::Resolve {
        exception: id.clone(),
        action: request.action,
        by,
        note: request.note,
        only_at,
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
    let page = source.view.exception_page(filter);
    let shown = page.rows.iter().map(|row| shown(row, source.now));
    json!({ "exceptions": shown.collect::<Vec<_>>(), "next": page.next })
}

pub(super) fn shown(row: &ExceptionRow, now: Timestamp) -> Value {
    let mut shown = instance::exception(&row.process, &row.exception, now);
    shown["changed_at"] = json!(row.changed_at.to_string());
    shown["sequence"] = json!(row.sequence.get());
    shown
}

/// One of the words of a list; what else there is, the error says.
pub(super) fn word<Word: DeserializeOwned>(
    name: &str,
    text: Option<&str>,
) -> Result<Option<Word>, Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::testing::{Site, answer, order, warehouse},
        process::{Machine as _, Role, order_to_fulfilment::OrderToFulfilment},
    };

    /// Two orders that both nodes refused.
    fn site() -> Site {
        let mut site = Site::new("[exception_owner]\nno-node-left = \"planning\"\n");
        for number in ["SO-1", "SO-2"] {
            site.document("web", Role::Shop, &order(number, &[("1", "TEA", 1)]));
            site.document("erp", Role::Erp, &answer(number, "accepted", None));
            for node in ["north", "south"] {
                let refusal = answer(number, "rejected", None);
                site.document(&format!("{node}-3pl"), warehouse(node), &refusal);
            }
        }
        site
    }

    fn search(text: &str) -> Result<ExceptionFilter, Problem> {
        let uri = format!("/?{text}").parse().unwrap();
        let Query(search) =
            Query::<Search>::try_from_uri(&uri).map_err(|error| bad_value("query", error))?;
        search.filter(crate::api::testing::START)
    }

    fn ids(site: &Site, text: &str) -> Vec<String> {
        let listed = listed(&site.source(), &search(text).unwrap());
        let rows = listed["exceptions"].as_array().unwrap().iter();
        rows.map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn exceptions_are_found_by_sort_severity_owner_and_subject() {
        let site = site();
        let lost = ids(&site, "kind=no-node-left");
        assert_eq!(lost.len(), 2);
        assert_eq!(ids(&site, "owner=planning"), lost);
        assert_eq!(ids(&site, "severity=urgent"), lost);
        let of_one = ids(&site, "key=order/SO-1");
        assert_eq!(
            of_one.len(),
            3,
            "one for each node, one for the order: {of_one:?}"
        );
        assert!(ids(&site, "kind=variance").is_empty());
        assert!(ids(&site, "overdue=true").is_empty());
        for bad in ["kind=nonsense", "severity=bad", "colour=red"] {
            assert!(search(bad).is_err(), "{bad}");
        }
        let first = listed(&site.source(), &search("limit=2").unwrap());
        let next = first["next"].as_str().unwrap();
        let rest = ids(&site, &format!("after={}", crate::api::link::segment(next)));
        assert_eq!(rest.len(), 4, "six in all");
    }

    #[test]
    fn one_that_is_over_tells_by_whose_deed() {
        let mut site = site();
        let id = ids(&site, "kind=no-node-left&key=order/SO-1").remove(0);
        site.wait(5);
        site.act(OrderToFulfilment::NAME, &id, Action::Cancel);
        assert!(ids(&site, "key=order/SO-1").is_empty());
        assert_eq!(ids(&site, "key=order/SO-1&closed=true").len(), 3);
        let row = site.view().exception(&id).unwrap();
        let told = shown(&row, site.now);
        assert_eq!(told["closed"], true);
        assert_eq!(told["links"]["subject"], "/v1/orders/SO-1");
        let self_link = told["links"]["self"].as_str().unwrap();
        assert!(
            self_link.starts_with("/v1/exceptions/order%2FSO-1%23"),
            "{self_link}"
        );
        let history = told["history"].as_array().unwrap();
        assert_eq!(history[0]["what"], "opened");
        assert!(history.iter().any(|it| it["by"] == "ann"), "{history:?}");
    }

    #[test]
    fn what_is_said_about_one_is_bounded() {
        assert!(bounded("note", &"x".repeat(NOTE_BYTES_MAX), NOTE_BYTES_MAX).is_ok());
        assert!(bounded("note", &"x".repeat(NOTE_BYTES_MAX + 1), NOTE_BYTES_MAX).is_err());
        assert!(bounded("by", "a\0b", BY_BYTES_MAX).is_err());
    }
}
