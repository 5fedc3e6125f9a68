//! `GET /v1/service-levels`: whether partners and nodes do in time what is waited for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, bad_value, instance::Source, link, messages::on_blocking, problem::Problem};
use crate::view::{BreachRow, LevelRow};

/// How far back, when the caller does not say.
const DAYS_DEFAULT: u32 = 30;
/// How far back at most.
const DAYS_MAX: u32 = 3_660;
/// Open breaches that one answer names.
const BREACHES_SHOWN_MAX: usize = 1_000;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Of whom, and how far back.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    days: Option<u32>,
    partner: Option<String>,
    level: Option<String>,
}

/// `GET /v1/service-levels`: by level and whose turn it was (a partner, a node, `erp`).
///
/// # Errors
/// 400 for a value that is not what its name says.
pub async fn list(
    State(api): State<Arc<Api>>,
    search: Result<Query<Search>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(search) = search.map_err(|error| bad_value("query", error))?;
    if search.days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
        return Err(bad_value("days", format!("1 to {DAYS_MAX}")));
    }
    on_blocking(move || Json(told(&api.source(), &search))).await
}

fn told(source: &Source<'_>, search: &Search) -> Value {
    let days = search.days.unwrap_or(DAYS_DEFAULT);
    // Today counts as one of them.
    let since = source.now.minus(DAY * (days - 1));
    let wanted = |level: &str, on: &str| {
        search.partner.as_deref().is_none_or(|it| it == on)
            && search.level.as_deref().is_none_or(|it| it == level)
    };
    let mut levels: BTreeMap<(String, String), (LevelRow, Vec<Value>)> = BTreeMap::new();
    for ((level, on), row) in source.view.levels(since) {
        if wanted(&level, &on) {
            levels.insert((level, on), (row, Vec::new()));
        }
    }
    let breaches = source.view.breaches(BREACHES_SHOWN_MAX);
    let cut = breaches.len() == BREACHES_SHOWN_MAX;
    for breach in breaches.iter().filter(|it| wanted(&it.level, &it.on)) {
        let named = (breach.level.clone(), breach.on.clone());
        levels.entry(named).or_default().1.push(open(breach));
    }
    let rows = levels
        .iter()
        .map(|((level, on), (row, open))| shown(level, on, row, open));
    json!({
        "days": days,
        "since": since.to_string(),
        "service_levels": rows.collect::<Vec<_>>(),
        "open_breaches_cut": cut,
    })
}

fn shown(level: &str, on: &str, row: &LevelRow, open: &[Value]) -> Value {
    let took = row.percentiles();
    json!({
        "level": level,
        "partner": on,
        "met_in_time": row.met,
        "late": row.late,
        "attainment_percent": row.attainment_percent(),
        "p50_ms": took.map(|it| it.p50_ms),
        "p90_ms": took.map(|it| it.p90_ms),
        "p99_ms": took.map(|it| it.p99_ms),
        "warned": row.warned,
        "breached": row.breached,
        "open_breaches": open,
    })
}

fn open(breach: &BreachRow) -> Value {
    json!({
        "process": breach.process,
        "key": breach.key,
        "subject": breach.subject,
        "since": breach.since.to_string(),
        "until": breach.until.map(|at| at.to_string()),
        "link": link::instance(&breach.process, &breach.key),
    })
}
