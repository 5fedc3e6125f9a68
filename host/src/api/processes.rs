//! `/v1/processes`: the machines that there are, their instances, and how one came to
//! stand where it stands.
//!
//! A business key has slashes (`order/SO-1`), so it is the rest of the path:
//! `/v1/processes/order-to-fulfilment/order/SO-1`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, header},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Api, bad_value,
    deal::not_done,
    exceptions,
    instance::{Instance, Source, in_short},
    limit,
    messages::{moment, on_blocking, parsed},
    not_found, precondition,
    problem::Problem,
    steps, unavailable,
};
use crate::{
    engine::Deal,
    process::{Machine as _, return_to_credit::ReturnToCredit, timer::Level},
    view::InstanceFilter,
};

/// Ends the path of a request to bring an instance to another version.
const MIGRATE: &str = "/migrate";

type Queried<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// Which instances.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    process: Option<String>,
    key: Option<String>,
    status: Option<String>,
    finished: Option<bool>,
    waiting: Option<String>,
    partner: Option<String>,
    node: Option<String>,
    fact: Option<String>,
    since: Option<String>,
    until: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// To which version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migration {
    to: u32,
    by: Option<String>,
}

/// `GET /v1/processes`: instances by process and key, and on the first page all machines
/// with how many instances each version has, unless a `key` is given (`cut`: of that
/// process there are more). `partner` is who placed the order, or asked for the return;
/// like `key` it needs `process`. `waiting` is the service level that is waited for.
///
/// # Errors
/// 400 for a value that is not what its name says.
pub async fn list(
    State(api): State<Arc<Api>>,
    search: Queried<Search>,
) -> Result<Json<Value>, Problem> {
    let Query(search) = search.map_err(|error| bad_value("query", error))?;
    let filter = search.filter()?;
    on_blocking(move || Json(listed(&api.source(), &filter))).await
}

/// `GET /v1/processes/{process}/{key}`: one instance with its steps.
///
/// # Errors
/// 404 for an instance that is not there.
pub async fn show(
    State(api): State<Arc<Api>>,
    Path((process, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    on_blocking(move || {
        let source = api.source();
        let instance = Instance::find(&source, &process, &key);
        let instance = instance.ok_or_else(|| missing(&process, &key))?;
        let told = told(&source, &instance).map_err(unavailable)?;
        precondition::shown(&headers, instance.row.sequence, &told)
    })
    .await?
}

/// `POST /v1/processes/{process}/{key}/migrate`: brings an instance to another version of
/// its process. `If-Match` names the step that it must stand at.
///
/// # Errors
/// 404 for an instance that is not there, 409 where no way leads from its version to the
/// other, 412 when another step is current, 503 while it moves.
pub async fn migrate(
    State(api): State<Arc<Api>>,
    Path((process, key)): Path<(String, String)>,
    headers: HeaderMap,
    request: Result<Json<Migration>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let key = key
        .strip_suffix(MIGRATE)
        .ok_or_else(|| not_found("action", &format!("{process}/{key}; append {MIGRATE}")))?;
    let Json(request) = request.map_err(|error| bad_value("body", error))?;
    let row = api.view.instance(&process, key);
    let row = row.ok_or_else(|| missing(&process, key))?;
    precondition::require(&headers, Some(row.sequence))?;
    let by = request.by.unwrap_or_else(|| "operator".to_owned());
    let deal = Deal::Migrate {
        process: process.clone(),
        key: key.to_owned(),
        to: request.to,
        by,
        only_at: headers
            .contains_key(header::IF_MATCH)
            .then_some(row.sequence),
    };
    let dealt = api.engine.deal(deal).await.map_err(unavailable)?;
    let sequence = dealt.map_err(not_done)?;
    Ok(Json(json!({
        "process": process,
        "key": key,
        "from": row.version,
        "version": request.to,
        "sequence": sequence.get(),
    })))
}

// === impl Search ===

impl Search {
    fn filter(&self) -> Result<InstanceFilter, Problem> {
        // Who began it: a return's process calls that by another name than an order's.
        let began = match self.process.as_deref() {
            Some(ReturnToCredit::NAME) => "requested_by",
            _ => "placed_by",
        };
        let named = [(began, &self.partner), ("node", &self.node)];
        let mut facts: Vec<_> = named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
            .collect();
        if let Some(fact) = &self.fact {
            let (name, value) = fact
                .split_once('=')
                .ok_or_else(|| bad_value("fact", "it is a name and a value: node=north"))?;
            facts.push((name.to_owned(), value.to_owned()));
        }
        let needing = [("key", &self.key), ("partner", &self.partner)];
        for (name, _) in needing.iter().filter(|(_, it)| it.is_some()) {
            if self.process.is_none() {
                return Err(bad_value(name, "name the process as well"));
            }
        }
        Ok(InstanceFilter {
            process: self.process.clone(),
            key_prefix: self.key.clone(),
            status: self.status.clone(),
            finished: self.finished,
            waits_for: exceptions::word::<Level>("waiting", self.waiting.as_deref())?
                .map(|it| it.name().to_owned()),
            facts,
            since: parsed("since", self.since.as_deref(), moment)?,
            until: parsed("until", self.until.as_deref(), moment)?,
            after: parsed("after", self.after.as_deref(), place)?,
            limit: limit(self.limit),
        })
    }
}

/// The place that a page ended at: a process and a key, as `next` gives it.
fn place(text: &str) -> Result<(String, String), &'static str> {
    text.split_once('/')
        .map(|(process, key)| (process.to_owned(), key.to_owned()))
        .ok_or("it takes what `next` said")
}

fn listed(source: &Source<'_>, filter: &InstanceFilter) -> Value {
    let page = source.view.instance_page(filter);
    let next = page.next.map(|(process, key)| format!("{process}/{key}"));
    let shown = page
        .rows
        .iter()
        .map(|(process, key, row)| in_short(process, key, row, source.now));
    let mut listed = json!({ "instances": shown.collect::<Vec<_>>(), "next": next });
    if filter.after.is_none() && filter.key_prefix.is_none() {
        listed["machines"] = machines(source);
    }
    listed
}

/// Every version that this program has or that an instance stands on.
fn machines(source: &Source<'_>) -> Value {
    let mut counts = source.view.count_instances();
    let known = source.machines.versions();
    let known: Vec<_> = known
        .map(|it| (it.process.to_owned(), it.version))
        .collect();
    for machine in &known {
        counts.entry(machine.clone()).or_default();
    }
    counts
        .iter()
        .map(|((process, version), count)| {
            json!({
                "process": process,
                "version": version,
                "newest": source.machines.newest(process) == Some(*version),
                "present": known.contains(&(process.clone(), *version)),
                "live": count.live,
                "finished": count.finished,
                "cut": count.is_cut,
            })
        })
        .collect()
}

fn told(source: &Source<'_>, instance: &Instance) -> Result<Value, super::timeline::Error> {
    let mut told = instance.shown(source.now);
    steps::tell(source, instance, &mut told)?;
    Ok(told)
}

fn missing(process: &str, key: &str) -> Problem {
    let shown: String = key.chars().take(100).collect();
    not_found("instance", &format!("{shown} of process {process}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::testing::{Site, answer, order, warehouse},
        process::{Role, order_to_fulfilment::OrderToFulfilment},
    };

    const PROCESS: &str = OrderToFulfilment::NAME;

    fn site() -> Site {
        let mut site = Site::new("");
        for number in ["SO-1", "SO-2"] {
            site.document("web", Role::Shop, &order(number, &[("1", "TEA", 1)]));
        }
        site.document("erp", Role::Erp, &answer("SO-1", "accepted", None));
        site.document(
            "north-3pl",
            warehouse("north"),
            &answer("SO-1", "rejected", None),
        );
        site
    }

    fn filter(search: &str) -> InstanceFilter {
        let search: Search = Query::try_from_uri(&format!("/?{search}").parse().unwrap())
            .map(|Query(search)| search)
            .unwrap();
        search.filter().unwrap()
    }

    #[test]
    fn machines_are_listed_with_how_many_instances_each_version_has() {
        let site = site();
        let listed = listed(&site.source(), &filter("limit=1"));
        let machines = listed["machines"].as_array().unwrap();
        let orders = machines.iter().find(|it| it["process"] == PROCESS).unwrap();
        assert_eq!(orders["live"], 2);
        assert_eq!(
            (&orders["newest"], &orders["present"]),
            (&json!(true), &json!(true))
        );
        let returns = machines
            .iter()
            .find(|it| it["process"] == "return-to-credit");
        assert_eq!(returns.unwrap()["live"], 0, "nothing of it yet");
        let next = format!("{PROCESS}/order/SO-1");
        assert_eq!(listed["next"], next);
        let second = super::listed(&site.source(), &filter(&format!("after={next}&limit=5")));
        assert_eq!(second["instances"][0]["key"], "order/SO-2");
        assert!(second["machines"].is_null(), "on the first page only");
        assert!(second["next"].is_null());
    }

    #[test]
    fn instances_are_found_by_what_they_know_of_themselves() {
        let site = site();
        let keys = |search: &str| -> Vec<String> {
            let listed = listed(&site.source(), &filter(search));
            let rows = listed["instances"].as_array().unwrap().iter();
            rows.map(|it| it["key"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(keys("node=south"), ["order/SO-1"]);
        assert_eq!(keys("fact=placed_by=web"), ["order/SO-1", "order/SO-2"]);
        assert_eq!(
            keys(&format!("partner=web&process={PROCESS}")),
            keys("fact=placed_by=web")
        );
        assert!(keys("partner=web&process=return-to-credit").is_empty());
        assert_eq!(
            keys(&format!("process={PROCESS}&status=validating")),
            ["order/SO-2"]
        );
        assert!(keys("finished=true").is_empty());
        assert!(keys("process=shipment-visibility").is_empty());
    }

    #[test]
    fn a_query_that_can_not_be_meant_is_refused() {
        let refused = |search: &str| {
            let uri = format!("/?{search}").parse().unwrap();
            let read = Query::<Search>::try_from_uri(&uri);
            read.map_or(true, |Query(search)| search.filter().is_err())
        };
        for bad in [
            "colour=red",
            "fact=north",
            "key=order/",
            "partner=web",
            "waiting=ship_by",
            "since=noon",
            "after=x",
            "limit=-1",
        ] {
            assert!(refused(bad), "{bad}");
        }
    }

    #[test]
    fn an_instance_tells_each_step_with_its_cause_and_what_came_of_it() {
        let site = site();
        let instance = Instance::find(&site.source(), PROCESS, "order/SO-1").unwrap();
        let told = told(&site.source(), &instance).unwrap();
        let history = told["history"].as_array().unwrap();
        assert_eq!(history.len(), 3);
        assert_eq!(history[0]["cause"]["from"], "web");
        assert_eq!(history[1]["cause"]["text"], "order-response from erp");
        let commands: Vec<_> = history[1]["commands"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["text"].as_str().unwrap())
            .collect();
        assert!(
            commands.contains(&"the order (1 line) to node north"),
            "{commands:?}"
        );
        let events: Vec<_> = history[2]["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["event"].as_str().unwrap())
            .collect();
        assert!(events.contains(&"order-rejected"), "{events:?}");
        assert_eq!(told["sequence"], history[2]["sequence"]);
        assert_eq!(told["history_cut"], false);
        assert_eq!(told["open_exceptions"][0]["kind"], "node-rejection");
        assert_eq!(told["links"]["subject"], "/v1/orders/SO-1");
    }

    #[test]
    fn an_instance_of_a_version_that_is_not_here_is_shown_as_far_as_it_is_known() {
        let mut site = site();
        site.machines = crate::process::Registry::default();
        let instance = Instance::find(&site.source(), PROCESS, "order/SO-1").unwrap();
        let told = told(&site.source(), &instance).unwrap();
        assert_eq!(told["status"], "released");
        let unreadable = told["unreadable"].as_str().unwrap();
        assert!(unreadable.contains("version 1 is not part"), "{unreadable}");
        let listed = listed(&site.source(), &filter(""));
        assert_eq!(listed["machines"][0]["present"], false);
    }
}
