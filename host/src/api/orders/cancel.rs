//! `POST /v1/orders/{order_no}/cancel`: a cancel, as the partner would send it.
//!
//! It becomes an order with purpose cancel, and the process decides what it still comes
//! in time for. The same cancel again is the same document: its revision is made of what
//! it says, so that another one, of other lines or for another reason, is taken in too.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::found;
use crate::{
    api::{
        Api, Operators, bad_value,
        instance::Instance,
        link,
        messages::on_blocking,
        not_found, precondition,
        problem::Problem,
        submit::{self, Posted},
    },
    message::{Digest, PartnerName},
    process::{
        Role,
        order_to_fulfilment::{Account, OrderToFulfilment},
    },
};

/// The longest request.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// The longest reason, in bytes: partners' fields have room for about as much.
const REASON_BYTES_MAX: usize = 500;
/// Digits of the digest that tells one cancel from another.
const REVISION_DIGITS: usize = 12;

/// What to cancel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Cancel {
    /// Whose word it is; who placed the order, if absent.
    partner: Option<String>,
    /// Line numbers; the whole order, if absent.
    lines: Option<Vec<String>>,
    reason: Option<String>,
}

/// `POST /v1/orders/{order_no}/cancel`: `{"lines": ["1"], "reason": "…"}`, with `partner`
/// for whom; `If-Match` names the state of the order that whoever asks has seen. An
/// operator's token, or that of the partner, who is then named in the query.
///
/// # Errors
/// 401, 404 and 422 as for `POST /v1/orders`; 404 for an order that no process knows, 412
/// when it changed, 422 for a line that it does not have.
pub async fn cancel(
    State(api): State<Arc<Api>>,
    Extension(operators): Extension<Arc<Operators>>,
    Path(order_no): Path<String>,
    posted: Result<Query<Posted>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Query(posted) = posted.map_err(|error| bad_value("query", error))?;
    // Nobody's body is read before it is known whose it is.
    let named = posted.partner.as_deref();
    submit::caller(&api, &operators, named, &headers)?;
    let body = submit::small_body(body, BODY_BYTES_MAX).await?;
    let request: Cancel = if body.is_empty() {
        Cancel::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| bad_value("body", error))?
    };
    let is_operator = operators.are(&headers);
    let reading = Arc::clone(&api);
    let (of, account, sequence) = on_blocking(move || {
        let told = |problem: Problem| {
            if is_operator {
                problem
            } else {
                hidden(&order_no)
            }
        };
        let instance = found(&reading.source(), &order_no).map_err(told)?;
        let account = instance
            .state::<OrderToFulfilment>()
            .map(|state| state.account());
        let account = account.ok_or_else(|| told(unreadable(&instance)))?;
        Ok::<_, Problem>((order_no, account, instance.row.sequence))
    })
    .await??;
    if !is_operator && is_of_another(&api, named, &account) {
        return Err(hidden(&of));
    }
    precondition::require(&headers, Some(sequence))?;
    let sender = sender(&api, named, &request, &account)?;
    let document = document(&of, &request, &account)?;
    let brought = api
        .ingress
        .bring(&sender, &headers, Body::from(document.to_string()))
        .await?;
    submit::document(&brought, "order")?;
    let receipt = api.ingress.keep(brought).await?;
    Ok(receipt.accepted("order", format!("/v1/orders/{}", link::segment(&of))))
}

/// What a partner hears of an order that is not there, or not its own: the same.
fn hidden(order_no: &str) -> Problem {
    not_found("order", &order_no.chars().take(100).collect::<String>())
}

/// Whether a shop asks for an order that it did not place: it knows of its own only.
fn is_of_another(api: &Api, named: Option<&str>, account: &Account) -> bool {
    let named = named.and_then(|it| PartnerName::parse(it).ok());
    let role = named
        .as_ref()
        .and_then(|it| api.partners.get(it)?.role.clone());
    role == Some(Role::Shop) && account.placed_by() != named.as_ref()
}

/// Whose cancel it is: who is named, else who placed the order.
fn sender(
    api: &Api,
    named: Option<&str>,
    request: &Cancel,
    account: &Account,
) -> Result<PartnerName, Problem> {
    let said = request.partner.as_deref();
    if let (Some(named), Some(said)) = (named, said)
        && named != said
    {
        return Err(bad_value(
            "partner",
            "the query names another one than the body",
        ));
    }
    let placed_by = account.placed_by().map(PartnerName::as_str);
    let name = named.or(said).or(placed_by).ok_or_else(|| {
        bad_value(
            "partner",
            "the ERP placed the order itself; name the partner whose cancel it is",
        )
    })?;
    submit::named(&api.partners, name)
}

/// The order with purpose cancel, in canonical JSON.
fn document(order_no: &str, request: &Cancel, account: &Account) -> Result<Value, Problem> {
    let reason = request.reason.as_deref().unwrap_or_default();
    if reason.len() > REASON_BYTES_MAX || reason.chars().any(char::is_control) {
        return Err(bad_value(
            "reason",
            format!("at most {REASON_BYTES_MAX} bytes, without control characters"),
        ));
    }
    if request.lines.as_ref().is_some_and(Vec::is_empty) {
        return Err(bad_value(
            "lines",
            "it is empty; leave it out to cancel the whole order",
        ));
    }
    let mut named = request.lines.clone().unwrap_or_default();
    named.sort();
    named.dedup();
    let known = account.lines();
    let mut lines = Vec::with_capacity(named.len());
    for line_no in &named {
        let line = known.iter().find(|it| it.line_no == *line_no);
        let line = line.ok_or_else(|| {
            let numbers: Vec<_> = known.iter().map(|it| it.line_no.as_str()).collect();
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "line-unknown",
                "No such line",
            )
            .detail(format!("order {order_no} has no line {line_no:?}"))
            .extension("lines", numbers)
        })?;
        lines.push(json!({
            "line_no": line.line_no,
            "quantity": { "value": line.ordered, "unit": line.unit },
            "items": [{ "scheme": "sku", "value": line.sku }],
        }));
    }
    let mut document = json!({
        "kind": "order",
        "purpose": "cancel",
        "order_no": order_no,
        "revision": revision(&lines, reason),
    });
    if !reason.is_empty() {
        document["notes"] = json!([reason]);
    }
    if !lines.is_empty() {
        document["lines"] = json!(lines);
    }
    Ok(document)
}

/// Tells this cancel from another one of the same order.
fn revision(lines: &[Value], reason: &str) -> String {
    let said = json!([lines, reason]).to_string();
    let digest = Digest::of(said.as_bytes()).to_string();
    format!("cancel-{}", &digest[..REVISION_DIGITS])
}

fn unreadable(instance: &Instance) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "version-unknown",
        "The order is on another version of its process",
    )
    .detail(format!(
        "it stands on version {}, which this program can't read; run the one that has it, \
         or migrate the instance there",
        instance.row.version
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contract, process::order_to_fulfilment::State};

    /// An order with the lines 1 and 2, as a state of its process would be read.
    fn account() -> Account {
        account_with("3")
    }

    /// The same, and so much of line 2.
    fn account_with(units: &str) -> Account {
        let line = |no: &str, units: &str| {
            json!({
                "no": no, "sku": format!("SKU-{no}"), "unit": "EA", "requested": units,
                "revision": { "number": 0, "erp": false }, "highest": units,
            })
        };
        let state: State = serde_json::from_value(json!({
            "order_no": "SO-1", "lines": [line("1", "3"), line("2", units)],
        }))
        .unwrap();
        state.account()
    }

    fn cancel(lines: &[&str], reason: &str) -> Cancel {
        Cancel {
            partner: None,
            lines: (!lines.is_empty()).then(|| lines.iter().map(|it| (*it).to_owned()).collect()),
            reason: Some(reason.to_owned()).filter(|it| !it.is_empty()),
        }
    }

    fn made(lines: &[&str], reason: &str) -> contract::Order {
        let document = document("SO-1", &cancel(lines, reason), &account()).unwrap();
        let read = contract::json::from_slice(document.to_string().as_bytes()).unwrap();
        assert_eq!(contract::check(&read).refused, []);
        match read {
            contract::Document::Order(order) => order,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_cancel_is_an_order_that_names_what_is_not_wanted() {
        let whole = made(&[], "");
        assert_eq!(whole.purpose, contract::Purpose::Cancel);
        assert!(whole.lines.is_empty() && whole.notes.is_empty());
        let part = made(&["2"], "found cheaper");
        assert_eq!(part.lines.len(), 1);
        assert_eq!(part.lines[0].items[0].value, "SKU-2");
        assert_eq!(part.notes, ["found cheaper"]);
    }

    #[test]
    fn the_same_cancel_is_the_same_document_and_another_is_another() {
        let same = [made(&["2", "1"], "x"), made(&["1", "2", "1"], "x")];
        assert_eq!(same[0].revision, same[1].revision);
        assert_eq!(same[0].lines.len(), same[1].lines.len());
        let others = [made(&[], "x"), made(&["1"], "x"), made(&["1", "2"], "y")];
        for other in others {
            assert_ne!(other.revision, same[0].revision);
        }
    }

    #[test]
    fn the_same_words_about_a_line_that_changed_are_another_document() {
        let said = |units: &str| {
            let request = cancel(&["2"], "x");
            document("SO-1", &request, &account_with(units)).unwrap()
        };
        let (before, after) = (said("3"), said("5"));
        assert_ne!(before["lines"], after["lines"]);
        assert_ne!(before["revision"], after["revision"]);
        assert_eq!(before, said("3"));
    }

    #[test]
    fn an_empty_list_of_lines_cancels_nothing() {
        let request = Cancel {
            lines: Some(Vec::new()),
            ..Cancel::default()
        };
        let refused = document("SO-1", &request, &account()).unwrap_err();
        assert_eq!(refused.code(), "bad-value");
    }

    #[test]
    fn what_the_order_does_not_have_can_not_be_cancelled() {
        let refused = document("SO-1", &cancel(&["9"], ""), &account()).unwrap_err();
        assert_eq!(refused.code(), "line-unknown");
        let told: Value = serde_json::from_slice(&refused.to_json()).unwrap();
        assert_eq!(told["lines"], json!(["1", "2"]));
        let long = "x".repeat(REASON_BYTES_MAX + 1);
        for reason in [long.as_str(), "a\nb"] {
            let refused = document("SO-1", &cancel(&[], reason), &account()).unwrap_err();
            assert_eq!(refused.code(), "bad-value");
        }
    }
}
