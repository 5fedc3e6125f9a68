//! `/v1/returns`: goods that come back, from the request to the credit.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::{Value, json};

use super::{
    Api, Operators, bad_value,
    instance::{Instance, Source},
    link,
    messages::on_blocking,
    not_found, precondition,
    problem::Problem,
    steps,
    submit::{self, Posted},
    timeline, unavailable,
};
use crate::{
    contract::{Document, ReturnState},
    process::return_to_credit::ReturnToCredit,
};

/// Deliveries that one answer tells of, the newest ones.
const DELIVERIES_SHOWN_MAX: usize = 200;

/// `GET /v1/returns/{rma_no}`.
///
/// # Errors
/// 404 for a return that no process knows.
pub async fn show(
    State(api): State<Arc<Api>>,
    Path(rma_no): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    on_blocking(move || {
        let source = api.source();
        let found = Instance::of::<ReturnToCredit>(&source, &format!("return/{rma_no}"));
        let missing = || not_found("return", &rma_no.chars().take(100).collect::<String>());
        let instance = found.ok_or_else(missing)?;
        let told = told(&source, &instance).map_err(unavailable)?;
        precondition::shown(&headers, instance.row.sequence, &told)
    })
    .await?
}

/// `POST /v1/returns?partner=NAME`: a return authorisation in canonical JSON with state
/// `requested`, for this partner by itself or by an operator.
///
/// # Errors
/// As `POST /v1/orders`; 422 for another state, which is the ERP's to say.
pub async fn create(
    State(api): State<Arc<Api>>,
    Extension(operators): Extension<Arc<Operators>>,
    posted: Result<Query<Posted>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Query(posted) = posted.map_err(|error| bad_value("query", error))?;
    let sender = submit::sender(&api, &operators, posted.partner.as_deref(), &headers)?;
    let brought = api.ingress.bring(&sender, &headers, body).await?;
    let document = submit::document(&brought, "return-authorization")?;
    let rma_no = requested(&document)?.to_owned();
    let receipt = api.ingress.keep(brought).await?;
    let path = format!("/v1/returns/{}", link::segment(&rma_no));
    Ok(receipt.accepted("return", path))
}

/// The number of a return that is asked for.
fn requested(document: &Document) -> Result<&str, Problem> {
    match document {
        Document::ReturnAuthorization(it) if it.state == ReturnState::Requested => Ok(&it.rma_no),
        Document::ReturnAuthorization(_) => Err(submit::another_kind("return-authorization")
            .detail("a return is asked for with state requested; whether it may come is the ERP's to say")),
        _ => Err(submit::another_kind("return-authorization")),
    }
}

fn told(source: &Source<'_>, instance: &Instance) -> Result<Value, timeline::Error> {
    let mut told = instance.shown(source.now);
    told["rma_no"] = json!(instance.key.strip_prefix("return/"));
    told["return"] = json!(
        instance
            .state::<ReturnToCredit>()
            .map(|state| state.account())
    );
    let (process, key) = (instance.process.as_str(), instance.key.as_str());
    let sent = source.view.sent_by(process, key, None);
    told["deliveries_cut"] = json!(sent.len() > DELIVERIES_SHOWN_MAX);
    let newest = sent.into_iter().rev().take(DELIVERIES_SHOWN_MAX);
    let deliveries = newest.filter_map(|id| {
        let row = source.view.delivery(id)?;
        Some(timeline::delivery(id, &row, source.now))
    });
    told["deliveries"] = deliveries.collect();
    steps::tell(source, instance, &mut told)?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::testing::Site,
        contract,
        process::{Machine as _, Role},
    };

    fn text(state: &str) -> String {
        format!(
            r#"{{"kind":"return-authorization","rma_no":"R1","purpose":"original","state":"{state}",
                "lines":[{{"line_no":"1","items":[{{"scheme":"sku","value":"TEA"}}],
                "quantity":{{"value":"1","unit":"EA"}},"reason":"fit"}}]}}"#
        )
    }

    fn authorization(state: &str) -> Document {
        contract::json::from_slice(text(state).as_bytes()).unwrap()
    }

    #[test]
    fn a_return_tells_what_may_come_and_what_was_sent() {
        let mut site = Site::new("");
        site.document("crm", Role::Crm, &text("requested"));
        site.document("erp", Role::Erp, &text("authorized"));
        let source = site.source();
        let instance = Instance::of::<ReturnToCredit>(&source, "return/R1").unwrap();
        let told = told(&source, &instance).unwrap();
        assert_eq!(
            (&told["rma_no"], &told["status"]),
            (&json!("R1"), &json!("authorized"))
        );
        assert_eq!(told["return"]["lines"][0]["authorized"], "1");
        assert_eq!(told["history"].as_array().unwrap().len(), 2);
        assert_eq!(told["history_cut"], false);
        let sent = site.sent(ReturnToCredit::NAME, "return/R1");
        assert!(!sent.is_empty());
        assert_eq!(told["deliveries"].as_array().unwrap().len(), sent.len());
    }

    #[test]
    fn only_a_request_can_be_posted() {
        assert_eq!(requested(&authorization("requested")).unwrap(), "R1");
        for state in ["authorized", "denied", "credited"] {
            let problem = requested(&authorization(state)).unwrap_err();
            assert_eq!(problem.code(), "document-invalid");
        }
    }
}
