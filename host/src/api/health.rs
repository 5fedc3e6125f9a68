//! Whether the process lives, and whether it takes messages.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{extract::State, http::StatusCode, response::IntoResponse};

use super::{Api, problem::Problem};

/// Says whether messages are taken in: true after recovery, false again when the
/// journal fails or the host drains.
#[derive(Clone, Debug, Default)]
pub struct Ready(Arc<AtomicBool>);

// === impl Ready ===

impl Ready {
    /// Says so.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::SeqCst);
    }

    /// Asks.
    #[must_use]
    pub fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// `GET /livez`.
pub async fn live() -> &'static str {
    "alive\n"
}

/// `GET /readyz`.
///
/// # Errors
/// 503 while the host recovers or drains.
pub async fn ready(State(api): State<Arc<Api>>) -> Result<impl IntoResponse, Problem> {
    if api.ready.get() {
        return Ok("ready\n");
    }
    Err(
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready")
            .detail("the host is starting, draining, or its journal has failed")
            .retry_after(1),
    )
}
