//! `/v1/adapters`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{Api, not_found, problem::Problem};

/// `GET /v1/adapters`.
pub async fn list(State(api): State<Arc<Api>>) -> Json<Value> {
    Json(json!({ "adapters": api.registry.list() }))
}

/// `GET /v1/adapters/{name}`.
///
/// # Errors
/// 404 for an adapter that is not loaded.
pub async fn show(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let adapter = api
        .registry
        .list()
        .into_iter()
        .find(|adapter| adapter.name == name)
        .ok_or_else(|| not_found("adapter", &name))?;
    Ok(Json(json!(adapter)))
}
