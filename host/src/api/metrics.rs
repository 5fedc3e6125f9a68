//! `/metrics`: what the host counts and how it stands, for Prometheus.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use super::{
    Api, messages::on_blocking, partners::AWAITED_COUNTED_MAX, problem::Problem, unavailable,
};
use crate::{
    deliver::breaker::Phase,
    engine::{Backlog, LaneStatus},
    journal::Committer,
    metrics::{CONTENT_TYPE, Metrics, Page},
    partner::Partners,
    record::Record,
    sandbox::Pool,
    view::Awaited,
};

/// Who can say how the host stands.
pub struct Sources {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Commits, and how long they take.
    pub committer: Committer<Record>,
    /// Guests that run or wait.
    pub pool: Arc<Pool>,
    /// What waits to be decoded.
    pub backlog: Backlog,
}

/// Each name that a breaker's state has.
const PHASES: [(Phase, &str); 5] = [
    (Phase::Closed, "closed"),
    (Phase::Open, "open"),
    (Phase::HalfOpen, "half-open"),
    (Phase::ForcedOpen, "forced-open"),
    (Phase::ForcedClosed, "forced-closed"),
];

/// `GET /metrics`.
///
/// # Errors
/// 503 when the host is stopping.
pub async fn show(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let lanes = api.engine.lanes().await.map_err(unavailable)?;
    let page = on_blocking(move || page(&api, &lanes)).await?;
    let kind = [(header::CONTENT_TYPE, CONTENT_TYPE)];
    Ok((kind, page.into_text()).into_response())
}

fn page(api: &Api, lanes: &[LaneStatus]) -> Page {
    let mut page = Page::default();
    api.sources.metrics.write(&mut page);
    write_lanes(&mut page, lanes);
    write_awaited(&mut page, api);
    write_tokens(&mut page, &api.partners);
    api.sources.write(&mut page);
    page.single(
        "crossdock_journal_bytes",
        "gauge",
        "Storage that the journal takes.",
        api.journal.size_bytes(),
    );
    page.single(
        "crossdock_view_bytes",
        "gauge",
        "Storage that the view takes.",
        api.view.size_bytes(),
    );
    page
}

fn write_lanes(page: &mut Page, lanes: &[LaneStatus]) {
    let mut gauge = |name: &str, help: &str, value: fn(&LaneStatus) -> usize| {
        page.family(name, "gauge", help);
        for lane in lanes {
            page.sample(name, &[("partner", lane.partner.as_str())], value(lane));
        }
    };
    gauge(
        "crossdock_lane_waiting_deliveries",
        "Deliveries that wait for their turn.",
        |lane| lane.waiting,
    );
    gauge(
        "crossdock_lane_in_flight_deliveries",
        "Deliveries under way.",
        |lane| lane.in_flight,
    );
    let name = "crossdock_breaker_state";
    page.family(name, "gauge", "1 for the state that a breaker is in.");
    for lane in lanes {
        let Some(breaker) = &lane.breaker else {
            continue;
        };
        for (phase, state) in PHASES {
            let labels = [("partner", lane.partner.as_str()), ("state", state)];
            page.sample(name, &labels, u8::from(breaker.phase() == phase));
        }
    }
}

fn write_awaited(page: &mut Page, api: &Api) {
    let now = api.clock.now();
    let awaited = api.partners.iter().filter_map(|partner| {
        let expects = !partner.terms.acknowledged.is_empty();
        expects.then(|| {
            let name = partner.name.clone();
            let counted = api.view.awaited(&name, now, 0, AWAITED_COUNTED_MAX);
            (name, counted)
        })
    });
    let awaited: Vec<_> = awaited.collect();
    let mut gauge = |name: &str, help: &str, value: fn(&Awaited) -> usize| {
        page.family(name, "gauge", help);
        for (partner, awaited) in &awaited {
            page.sample(name, &[("partner", partner.as_str())], value(awaited));
        }
    };
    gauge(
        "crossdock_acknowledgements_awaited",
        "Deliveries that arrived and are not acknowledged, of the first 10,000.",
        |awaited| awaited.count,
    );
    gauge(
        "crossdock_acknowledgements_overdue",
        "Those of them that should have been acknowledged by now.",
        |awaited| awaited.overdue,
    );
}

fn write_tokens(page: &mut Page, partners: &Partners) {
    let name = "crossdock_token_fetches_total";
    let mut begun = false;
    for partner in partners.iter() {
        for standing in partner.credentials() {
            let Some(token) = &standing.token else {
                continue;
            };
            if !begun {
                let help = "Requests to token endpoints, by how they ended.";
                page.family(name, "counter", help);
                begun = true;
            }
            // The endpoint's own has no name; none is called so in the configuration.
            let credential = standing.name.as_deref().unwrap_or("");
            for (result, count) in [("fetched", token.fetched), ("failed", token.failed)] {
                let labels = [
                    ("partner", partner.name.as_str()),
                    ("credential", credential),
                    ("result", result),
                ];
                page.sample(name, &labels, count);
            }
        }
    }
}

// === impl Sources ===

impl Sources {
    fn write(&self, page: &mut Page) {
        page.single(
            "crossdock_messages_waiting",
            "gauge",
            "Messages that are durable and not decoded.",
            self.backlog.waiting(),
        );
        let load = self.pool.load();
        page.single(
            "crossdock_guest_calls_running",
            "gauge",
            "Guest calls that run.",
            load.running,
        );
        page.single(
            "crossdock_guest_calls_queued",
            "gauge",
            "Guest calls that wait for a thread.",
            load.queued,
        );
        let groups = self.committer.groups();
        page.single(
            "crossdock_journal_commits_total",
            "counter",
            "Records that are durable.",
            groups.records(),
        );
        let name = "crossdock_journal_sync_seconds";
        let help = "Time that writing and syncing took, by group of records.";
        page.family(name, "histogram", help);
        page.histogram(name, &[], groups.took());
    }
}
