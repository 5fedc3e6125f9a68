//! Creating and cancelling a sales order, step by step.
//!
//! Each step follows from the exchanges so far and from nothing else, so a host that
//! was interrupted asks again and goes on. Creating:
//!
//! 1. GET the order by PurchaseOrderByCustomer, with `X-CSRF-Token: Fetch`: one answer
//!    gives token and session, and tells whether the order is there already.
//! 2. POST the order with its items, with the token, the session's cookies, and with
//!    `RequestID` and `RepeatabilityCreation`, which are the same on every attempt: SAP
//!    executes it once, however often it comes.
//! 3. 201 is done, with SAP's number. A refused token (the session is gone, or a load
//!    balancer chose another server) goes back to 1. An answer that got lost on the way
//!    (502, 504) goes back to 1 as well: the order may be there.
//!
//! Cancelling finds the order and its items with 1, then sets a reason for rejection on
//! each item with a PATCH.

use crossdock_sdk::json::{Node, Tree};
use crossdock_sdk::{
    Blame, Delivery, Exchange, Order, Outcome, Problem, Purpose, Request, Response, Step, odata,
};

use super::script::unsayable;
use super::{outcome_unknown, refused, sales_order, told, wait, with_client};
use crate::settings::OdataWriting;
use crossdock_sdk::Refusal;

const ENTITY_SET: &str = "A_SalesOrder";

/// How often a token is fetched anew in one delivery. A session that a load balancer
/// loses one time in seven is lost so often one time in a hundred thousand.
pub(super) const TOKEN_REFUSALS_MAX: usize = 6;

/// How often an order is sent again after its answer got lost on the way.
pub(super) const LOST_ANSWERS_MAX: usize = 2;

/// How many items are cancelled one by one: the host allows 32 requests in a delivery.
const CANCELLED_ITEMS_MAX: usize = 20;

/// What to do next for an order.
///
/// # Errors
/// When the order can't be said, or its purpose can't be done.
pub(super) fn next(
    order: &Order,
    delivery: &Delivery,
    config: &OdataWriting<'_>,
    past: &[Exchange],
) -> Result<Step, Refusal> {
    match (&order.purpose, config.rejection_reason) {
        (Purpose::Original | Purpose::Confirm, _) => create(order, delivery, config, past),
        (Purpose::Cancel, Some(reason)) => cancel(order, reason, config, past),
        (Purpose::Cancel, None) => {
            let text = "a sales order is cancelled with a reason for rejection on its items";
            Err(
                unsayable("cancel-unsayable", format_args!("/purpose"), text)
                    .with_remedy("set `rejection-reason` for the partner to a reason of SAP's"),
            )
        }
        _ => {
            let text = "this adapter does not change a sales order: what may be changed differs item by item with its progress in SAP";
            Err(
                unsayable("change-unsayable", format_args!("/purpose"), text).with_remedy(
                    "cancel the order and place it anew, or change it in SAP (transaction VA02)",
                ),
            )
        }
    }
}

/// The last answer; none before the first request.
fn last(past: &[Exchange]) -> Result<Option<(&Request, &Response)>, Refusal> {
    match past.last() {
        None => Ok(None),
        Some(exchange) => match &exchange.outcome {
            Outcome::Response(response) => Ok(Some((&exchange.request, response))),
            Outcome::Stored(_) => {
                let text = "a sales order is a conversation, and a drop folder does not answer";
                Err(Problem::settings("endpoint-unfit", text)
                    .with_remedy("give the partner an http endpoint, or set `orders = delivery`")
                    .into())
            }
            Outcome::Other(words) => Err(outcome_unknown(words)),
        },
    }
}

// === creating ===

fn create(
    order: &Order,
    delivery: &Delivery,
    config: &OdataWriting<'_>,
    past: &[Exchange],
) -> Result<Step, Refusal> {
    // Whatever can't be said is told before anything is asked.
    let body = sales_order::body(order, config)?;
    let look = || -> Result<Step, Refusal> { Ok(Step::Send(look(order, config, false)?)) };
    let Some((request, response)) = last(past)? else {
        return look();
    };
    if request.method == "GET" {
        if !response.is_success() {
            return Ok(refused(response));
        }
        // Before the first attempt the order can be there only from an earlier delivery.
        let attempted = past
            .iter()
            .any(|exchange| exchange.request.method == "POST");
        if (config.look_first || attempted)
            && let Some(number) = found(response)?
        {
            return Ok(Step::AlreadyDone(Some(number)));
        }
        return Ok(Step::Send(post(delivery, config, body, response)));
    }
    if response.is_success() {
        return Ok(Step::Done(created(response)));
    }
    if odata::token_is_refused(response) {
        return Ok(if token_refusals(past) <= TOKEN_REFUSALS_MAX {
            look()?
        } else {
            session_lost(response)
        });
    }
    if matches!(response.status, 502 | 504) && lost_answers(past) <= LOST_ANSWERS_MAX {
        return look();
    }
    Ok(verdict(response))
}

/// The request that finds the order, and fetches a token.
fn look(order: &Order, config: &OdataWriting<'_>, items: bool) -> Result<Request, Refusal> {
    let reference = odata::literal(sales_order::reference(order, config)?);
    let sold_to = sales_order::sold_to(order, config);
    let mut query = format!("$filter=PurchaseOrderByCustomer%20eq%20{reference}");
    // A cancellation may come without parties; a purchase order is then unique enough.
    match sold_to {
        Ok(number) => {
            query.push_str("%20and%20SoldToParty%20eq%20");
            query.push_str(&odata::literal(&number));
        }
        Err(_) if items => {}
        Err(refusal) => return Err(refusal),
    }
    query.push_str(if items {
        "&$select=SalesOrder,to_Item/SalesOrderItem,to_Item/SalesDocumentRjcnReason&$expand=to_Item"
    } else {
        "&$select=SalesOrder"
    });
    query.push_str("&$top=2&$format=json");
    let path = with_client(
        &format!("{}/{ENTITY_SET}", config.path),
        config.client,
        &query,
    );
    Ok(Request::get(path)
        .with_header("accept", "application/json")
        .with_header("x-csrf-token", "Fetch"))
}

/// The number of the order that is there already.
fn found(response: &Response) -> Result<Option<String>, Refusal> {
    let tree = parse(response)?;
    let orders = odata::results(tree.root()).unwrap_or_default();
    Ok(orders.first().and_then(sales_order_no))
}

pub(super) fn parse(response: &Response) -> Result<Tree<'_>, Refusal> {
    Tree::parse(&response.body).map_err(|error| {
        let text = format!("the answer to a query is no JSON: {}", error.text());
        Problem::partner_data("answer-unreadable", text)
            .with_remedy("check that the endpoint is SAP Gateway, not a page that asks to log on")
            .into()
    })
}

fn sales_order_no(order: &Node<'_>) -> Option<String> {
    let number = order.get("SalesOrder").and_then(Node::as_id)?;
    (!number.is_empty()).then(|| number.to_owned())
}

fn post(
    delivery: &Delivery,
    config: &OdataWriting<'_>,
    body: Vec<u8>,
    session: &Response,
) -> Request {
    let path = with_client(&format!("{}/{ENTITY_SET}", config.path), config.client, "");
    let request = Request::post(path, "application/json", body)
        .with_header("requestid", odata::request_id(&delivery.idempotency_key))
        .with_header("repeatabilitycreation", repeatability(&delivery.created_at));
    with_session(request, session)
}

/// The request in the session that an answer opened.
pub(super) fn with_session(request: Request, session: &Response) -> Request {
    let mut request = request.with_header("accept", "application/json");
    if let Some(token) = odata::token(session) {
        request = request.with_header("x-csrf-token", token);
    }
    if let Some(cookies) = odata::cookies(session) {
        request = request.with_header("cookie", cookies);
    }
    request
}

/// The moment as an Edm.DateTimeOffset of version 2: without fractions of a second.
pub(super) fn repeatability(created_at: &str) -> String {
    match (created_at.get(..19), created_at.find(['Z', '+'])) {
        (Some(seconds), Some(zone)) => format!("{seconds}{}", &created_at[zone..]),
        _ => created_at.to_owned(),
    }
}

fn created(response: &Response) -> Option<String> {
    let tree = Tree::parse(&response.body).ok()?;
    odata::results(tree.root())?
        .first()
        .and_then(sales_order_no)
}

/// Every token was refused: the session does not last from one request to the next.
pub(super) fn session_lost(response: &Response) -> Step {
    let retry = wait(response, "session-lost");
    let problem = retry.problem.with_remedy(
        "SAP binds a token to its session's cookies: check that a load balancer keeps to one server; when SAP is well again, replay the delivery from the start",
    );
    Step::Retry(crossdock_sdk::Retry {
        problem: Problem {
            blame: Blame::Settings,
            ..problem
        },
        ..retry
    })
}

fn token_refusals(past: &[Exchange]) -> usize {
    answers(past)
        .filter(|response| odata::token_is_refused(response))
        .count()
}

/// Answers that got lost, in the whole conversation.
fn lost_answers(past: &[Exchange]) -> usize {
    answers(past)
        .filter(|response| matches!(response.status, 502 | 504))
        .count()
}

/// The answers to what changed something, or tried to.
fn answers(past: &[Exchange]) -> impl Iterator<Item = &Response> {
    past.iter()
        .filter(|exchange| exchange.request.method != "GET")
        .filter_map(|exchange| match &exchange.outcome {
            Outcome::Response(response) => Some(response),
            _ => None,
        })
}

/// The verdict on a refusal. SAP says by RepeatabilityResult whether it refused to
/// execute the request only because it can't promise to do so once.
pub(super) fn verdict(response: &Response) -> Step {
    let repeatability = response.header("repeatabilityresult").unwrap_or_default();
    let unpromised = ["unsupported", "rejected"]
        .iter()
        .any(|word| repeatability.trim().eq_ignore_ascii_case(word));
    if unpromised && (400..500).contains(&response.status) && response.status != 429 {
        let problem = told(response, "repeatability-refused")
            .with_extra("repeatability-result", repeatability)
            .with_remedy("set up idempotent services in SAP Gateway (transaction SPRO, Defining Settings for Idempotent Services)");
        return Step::Rejected(Problem {
            blame: Blame::Settings,
            ..problem
        });
    }
    refused(response)
}

// === cancelling ===

fn cancel(
    order: &Order,
    reason: &str,
    config: &OdataWriting<'_>,
    past: &[Exchange],
) -> Result<Step, Refusal> {
    let look = || -> Result<Step, Refusal> { Ok(Step::Send(look(order, config, true)?)) };
    let Some((request, response)) = last(past)? else {
        return look();
    };
    let is_look = request.method == "GET";
    if !is_look && odata::token_is_refused(response) {
        return Ok(if token_refusals(past) <= TOKEN_REFUSALS_MAX {
            look()?
        } else {
            session_lost(response)
        });
    }
    // Somebody else changed the item between: what is there now counts.
    if response.status == 412
        && answers(past).filter(|it| it.status == 412).count() <= LOST_ANSWERS_MAX
    {
        return look();
    }
    if !response.is_success() {
        return Ok(refused(response));
    }
    // The last look at the order, and what was done since.
    let looked = past
        .iter()
        .rposition(|exchange| exchange.request.method == "GET");
    let Some(Exchange {
        outcome: Outcome::Response(session),
        ..
    }) = looked.map(|at| &past[at])
    else {
        return look();
    };
    let done = past.len() - looked.unwrap_or_default() - 1;
    let tree = parse(session)?;
    let orders = odata::results(tree.root()).unwrap_or_default();
    let number = match only_one(orders) {
        Ok(number) => number,
        Err(problem) => {
            let problem = problem.at_pointer("/order_no").with_value(&order.order_no);
            return Ok(Step::Rejected(problem));
        }
    };
    let open = open_items(&orders[0]);
    if open.len() > CANCELLED_ITEMS_MAX {
        let text = format!(
            "the order has {} open items, more than {CANCELLED_ITEMS_MAX}",
            open.len()
        );
        return Ok(Step::Rejected(
            Problem::adapter("too-many", text).with_remedy("cancel it in SAP (transaction VA02)"),
        ));
    }
    let patched = past
        .iter()
        .any(|exchange| exchange.request.method == "PATCH");
    match open.get(done) {
        Some((item, etag)) => Ok(Step::Send(patch(
            &number, item, etag, reason, config, session,
        ))),
        None if patched => Ok(Step::Done(Some(number))),
        None => Ok(Step::AlreadyDone(Some(number))),
    }
}

/// The number of the order that was found.
pub(super) fn only_one(orders: &[Node<'_>]) -> Result<String, Problem> {
    match (orders.first().and_then(sales_order_no), orders.len()) {
        (Some(number), 1) => Ok(number),
        (Some(_), _) => {
            let text = "SAP has several sales orders of that purchase order; none was touched";
            Err(Problem::partner_data("order-ambiguous", text)
                .with_remedy("do it by hand in SAP, with the right one of them"))
        }
        (None, _) => {
            let text = "SAP has no sales order of that purchase order";
            Err(Problem::partner_data("order-unknown", text).with_remedy(
                "check that the order was sent to this partner, and the setting `purchase-order`",
            ))
        }
    }
}

/// The items without a reason for rejection, with what they are known to be (ETag).
fn open_items(order: &Node<'_>) -> Vec<(String, String)> {
    let items = order
        .get("to_Item")
        .map(|items| items.get("results").unwrap_or(items));
    let items = items.and_then(Node::items).unwrap_or_default();
    items
        .iter()
        .filter(|item| {
            let reason = item.get("SalesDocumentRjcnReason").and_then(Node::as_str);
            reason.unwrap_or_default().is_empty()
        })
        .filter_map(|item| {
            let number = item.get("SalesOrderItem").and_then(Node::as_id)?;
            let etag = item
                .get("__metadata")
                .and_then(|metadata| metadata.get("etag"))
                .and_then(Node::as_str)
                .unwrap_or("*");
            Some((number.to_owned(), etag.to_owned()))
        })
        .collect()
}

fn patch(
    order: &str,
    item: &str,
    etag: &str,
    reason: &str,
    config: &OdataWriting<'_>,
    session: &Response,
) -> Request {
    let mut body = odata::Body::new();
    body.field("SalesDocumentRjcnReason", reason);
    let key = format!(
        "{}/A_SalesOrderItem(SalesOrder={},SalesOrderItem={})",
        config.path,
        odata::literal(order),
        odata::literal(item)
    );
    let request = Request {
        content_type: Some("application/json".to_owned()),
        body: body.finish(),
        ..Request::new("PATCH", with_client(&key, config.client, ""))
    };
    with_session(request.with_header("if-match", etag), session)
}
