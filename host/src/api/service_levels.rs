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
const DAYS_MAX: u32 = 366;
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
    let is_wanted = |it: &BreachRow| wanted(&it.level, &it.on);
    let breaches = source.view.breaches(is_wanted, BREACHES_SHOWN_MAX);
    let cut = breaches.len() == BREACHES_SHOWN_MAX;
    for breach in &breaches {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::testing::{Site, answer, order},
        process::{Machine as _, Role, order_to_fulfilment::OrderToFulfilment},
    };

    const LIMITS: &str = r#"
        [[limit]]
        level = "order-acknowledgement"
        minutes = 30
        [[limit]]
        level = "acceptance"
        minutes = 60
    "#;

    fn level<'a>(told: &'a Value, level: &str, partner: &str) -> &'a Value {
        let rows = told["service_levels"].as_array().unwrap();
        let found = rows
            .iter()
            .find(|it| it["level"] == level && it["partner"] == partner);
        found.unwrap_or_else(|| panic!("no {level} of {partner}: {rows:?}"))
    }

    #[test]
    fn levels_tell_who_was_in_time_and_what_is_open() {
        let mut site = Site::new(LIMITS);
        site.document("web", Role::Shop, &order("SO-1", &[("1", "TEA", 1)]));
        site.wait(10);
        site.document("erp", Role::Erp, &answer("SO-1", "accepted", None));
        site.wait(61);
        let timer = "acceptance/north/breach";
        site.ring(OrderToFulfilment::NAME, "order/SO-1", timer);

        let told = told(&site.source(), &Search::default());
        let erp = level(&told, "order-acknowledgement", "erp");
        assert_eq!((&erp["met_in_time"], &erp["late"]), (&json!(1), &json!(0)));
        assert_eq!(erp["attainment_percent"], 100.0);
        let median = erp["p50_ms"].as_u64().unwrap();
        assert!((600_000..750_000).contains(&median), "{median}");
        let north = level(&told, "acceptance", "north");
        assert_eq!(north["breached"], 1);

        let of_erp = Search {
            partner: Some("erp".to_owned()),
            ..Search::default()
        };
        let told = super::told(&site.source(), &of_erp);
        assert!(
            told["service_levels"]
                .as_array()
                .unwrap()
                .iter()
                .all(|it| it["partner"] == "erp")
        );
    }

    #[test]
    fn what_takes_too_long_now_is_named() {
        let mut site = Site::new(LIMITS);
        site.document("web", Role::Shop, &order("SO-1", &[("1", "TEA", 1)]));
        site.wait(31);
        let timer = "order-acknowledgement//breach";
        site.ring(OrderToFulfilment::NAME, "order/SO-1", timer);
        let told = told(&site.source(), &Search::default());
        let erp = level(&told, "order-acknowledgement", "erp");
        assert_eq!(erp["met_in_time"], 0);
        assert!(erp["attainment_percent"].is_null(), "nothing came");
        let open = &erp["open_breaches"][0];
        assert_eq!(open["key"], "order/SO-1");
        assert!(open["since"].is_string() && open["until"].is_string());
        assert_eq!(open["link"], "/v1/processes/order-to-fulfilment/order/SO-1");
    }
}
