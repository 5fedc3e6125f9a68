//! The API for people and programs that operate the host.
//!
//! It reads the view and the journal and hands commands to the engine; it decides
//! nothing itself. Every request needs the operator's token; what is posted as a
//! partner's ([`submit`]) may have the partner's instead. Refusals are made in [`problem`]
//! alone.

pub mod adapters;
pub mod breaker;
pub mod credential;
pub mod dead_letters;
mod deal;
pub mod exceptions;
pub mod health;
mod instance;
pub mod inventory;
pub(crate) mod link;
pub mod messages;
pub mod metrics;
pub mod orders;
pub mod partners;
pub mod poll;
mod precondition;
pub mod problem;
pub mod processes;
pub mod rerun;
pub mod returns;
pub mod service_levels;
pub mod shipments;
mod steps;
pub mod submit;
pub mod tables;
#[cfg(test)]
mod testing;
pub mod timeline;

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};

use self::problem::Problem;
use crate::{
    clock::Clock,
    engine,
    ingress::{
        Ingress,
        authenticate::{Doors, NoRandomness, TokenHash},
    },
    intake::Intake,
    journal::Reader,
    partner::Partners,
    process,
    registry::Registry,
    tables::Tables,
    view::View,
};

/// Rows on one page, when the caller names no number.
pub const LIMIT_DEFAULT: usize = 50;
/// Rows on one page at most.
pub const LIMIT_MAX: usize = 1_000;

/// What the API answers from.
pub struct Api {
    /// Rows.
    pub view: View,
    /// Records.
    pub journal: Arc<dyn Reader>,
    /// Where commands go.
    pub engine: engine::Handle,
    /// Adapters.
    pub registry: Arc<Registry>,
    /// Partners.
    pub partners: Arc<Partners>,
    /// Processes, in all versions that there are.
    pub machines: Arc<process::Registry>,
    /// Where what is posted for a partner goes in.
    pub ingress: Arc<Ingress<Intake>>,
    /// What their adapters look up.
    pub tables: Arc<Tables>,
    /// The present.
    pub clock: Clock,
    /// Counts, and who else knows how the host stands.
    pub sources: metrics::Sources,
    /// Whether messages are taken in.
    pub ready: health::Ready,
}

/// Who may operate.
pub struct Operators(Doors<()>);

/// The name under which the operators' tokens are kept.
const OPERATOR: &str = "operator";

// === impl Operators ===

impl Operators {
    /// Those whose token has one of these hashes; with none, nobody.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new(hashes: &[TokenHash]) -> Result<Self, NoRandomness> {
        let mut doors = Doors::new()?;
        doors.add(OPERATOR, hashes, ());
        Ok(Self(doors))
    }

    /// Whether these headers carry an operator's token.
    fn are(&self, headers: &HeaderMap) -> bool {
        self.0.open(OPERATOR, headers).is_some()
    }
}

/// All paths of the API and the health checks.
pub fn router(api: Arc<Api>, operators: Operators) -> Router {
    let operators = Arc::new(operators);
    let table = get(tables::show).put(tables::put).delete(tables::delete);
    let operated = Router::new()
        .route("/v1/messages", get(messages::list))
        .route("/v1/messages/{id}", get(messages::show))
        .route("/v1/messages/{id}/raw", get(messages::raw))
        .route("/v1/messages/{id}/rerun", post(rerun::rerun))
        .route("/v1/dead-letters", get(dead_letters::list))
        .route("/v1/dead-letters/replay", post(dead_letters::replay))
        .route("/v1/dead-letters/{id}", get(dead_letters::show))
        .route("/v1/partners", get(partners::list))
        .route("/v1/partners/{partner}", get(partners::show))
        .route("/v1/partners/{partner}/breaker", post(partners::breaker))
        .route("/v1/partners/{partner}/tables", get(tables::list))
        .route("/v1/partners/{partner}/tables/{table}", table)
        .route("/v1/partners/{partner}/poll", post(poll::run))
        .route(
            "/v1/partners/{partner}/acknowledgements",
            get(partners::acknowledgements),
        )
        .route("/v1/adapters", get(adapters::list))
        .route("/v1/adapters/{name}", get(adapters::show))
        .route("/metrics", get(metrics::show))
        .merge(business())
        .layer(middleware::from_fn_with_state(
            Arc::clone(&operators),
            authenticate,
        ));
    let open = Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready));
    operated
        .merge(open)
        .merge(posted(operators))
        .with_state(api)
}

/// What processes know: orders and what belongs to them.
fn business() -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/orders", get(orders::list))
        .route("/v1/orders/{order_no}", get(orders::show))
        .route("/v1/shipments/{id}", get(shipments::show))
        .route("/v1/inventory", get(inventory::list))
        .route(
            "/v1/inventory/reconciliation",
            get(inventory::reconciliation),
        )
        .route("/v1/returns/{rma_no}", get(returns::show))
        .route("/v1/processes", get(processes::list))
        .route(
            "/v1/processes/{process}/{*key}",
            get(processes::show).post(processes::migrate),
        )
        .route("/v1/exceptions", get(exceptions::list))
        .route("/v1/exceptions/{id}", get(exceptions::show))
        .route("/v1/exceptions/{id}/resolve", post(exceptions::resolve))
        .route("/v1/service-levels", get(service_levels::list))
}

/// What partners may post as well as operators: who is calling is looked at there.
fn posted(operators: Arc<Operators>) -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/orders", post(orders::create))
        .route("/v1/orders/{order_no}/cancel", post(orders::cancel))
        .route("/v1/returns", post(returns::create))
        .layer(Extension(operators))
}

async fn authenticate(
    State(operators): State<Arc<Operators>>,
    request: Request,
    next: Next,
) -> Response {
    if operators.are(request.headers()) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized")
        .detail("this path needs the operator's token: Authorization: Bearer <token>")
        .header(
            axum::http::header::WWW_AUTHENTICATE,
            axum::http::HeaderValue::from_static("Bearer"),
        )
        .into_response()
}

/// A page's length: what was asked for, within bounds.
fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX)
}

/// A value of the query or path that is not what it should be.
fn bad_value(name: &str, error: impl std::fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-value", "Bad value")
        .detail(format!("{name}: {error}"))
}

/// A thing that is not there.
fn not_found(what: &str, name: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found")
        .detail(format!("there is no {what} {name}"))
}

/// The journal or the engine can't answer.
fn unavailable(error: impl std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "Unavailable",
    )
    .detail(error.to_string())
    .retry_after(5)
}
