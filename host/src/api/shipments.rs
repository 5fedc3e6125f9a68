//! `/v1/shipments/{id}`: where a shipment is, and what is wrong with it.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::{Value, json};

use super::{
    Api,
    instance::{Instance, Source},
    link,
    messages::on_blocking,
    not_found, precondition,
    problem::Problem,
    steps, timeline, unavailable,
};
use crate::process::shipment_visibility::ShipmentVisibility;

/// `GET /v1/shipments/{id}`.
///
/// # Errors
/// 404 for a shipment that is not there.
pub async fn show(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    on_blocking(move || {
        let source = api.source();
        let found = Instance::of::<ShipmentVisibility>(&source, &format!("shipment/{id}"));
        let instance = found.ok_or_else(|| not_found("shipment", &shortened(&id)))?;
        let told = told(&source, &instance).map_err(unavailable)?;
        precondition::shown(&headers, instance.row.sequence, &told)
    })
    .await?
}

fn told(source: &Source<'_>, instance: &Instance) -> Result<Value, timeline::Error> {
    let mut told = instance.shown(source.now);
    if let Some(state) = instance.state::<ShipmentVisibility>() {
        let account = state.account();
        if let Some(order_no) = account.order_no() {
            let order = format!("/v1/orders/{}", link::segment(order_no));
            told["links"]["order"] = json!(order);
        }
        told["shipment"] = json!(account);
    }
    steps::tell(source, instance, &mut told)?;
    Ok(told)
}

fn shortened(id: &str) -> String {
    id.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::testing::{Site, milestone, shipment, warehouse},
        process::Role,
    };

    #[test]
    fn a_shipment_tells_how_far_it_is_and_what_is_wrong() {
        let mut site = Site::new("");
        let left = shipment("SH-1", "SO-1", "1", "TEA", 4);
        site.document("north-3pl", warehouse("north"), &left);
        site.document("ups", Role::Carrier, &milestone("SH-1", "delayed"));
        let source = site.source();
        let instance = Instance::of::<ShipmentVisibility>(&source, "shipment/SH-1").unwrap();
        let told = told(&source, &instance).unwrap();
        assert_eq!(told["status"], "departed");
        assert_eq!(told["shipment"]["order_no"], "SO-1");
        assert_eq!(told["links"]["order"], "/v1/orders/SO-1");
        assert_eq!(told["shipment"]["troubles"][0]["trouble"], "delayed");
        assert_eq!(told["open_exceptions"][0]["kind"], "delay");
        assert_eq!(told["history"].as_array().unwrap().len(), 2);
        assert_eq!(told["history_cut"], false);
    }
}
