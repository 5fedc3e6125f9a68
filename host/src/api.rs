//! The API for people and programs that operate the host.
//!
//! It reads the view and the journal and hands commands to the engine; it decides
//! nothing itself. Every request needs the operator's token; refusals are made in
//! [`problem`] alone.

pub mod adapters;
pub mod breaker;
pub mod credential;
pub mod dead_letters;
pub mod health;
pub mod messages;
pub mod metrics;
pub mod partners;
pub mod poll;
pub mod problem;
pub mod rerun;
pub mod tables;
pub mod timeline;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};

use self::problem::Problem;
use crate::{
    clock::Clock,
    engine,
    ingress::authenticate::{Doors, NoRandomness, TokenHash},
    journal::Reader,
    partner::Partners,
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
}

/// All paths of the API and the health checks.
pub fn router(api: Arc<Api>, operators: Operators) -> Router {
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
        .layer(middleware::from_fn_with_state(
            Arc::new(operators),
            authenticate,
        ));
    let open = Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready));
    operated.merge(open).with_state(api)
}

async fn authenticate(
    State(operators): State<Arc<Operators>>,
    request: Request,
    next: Next,
) -> Response {
    if operators.0.open(OPERATOR, request.headers()).is_some() {
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
