//! What is said to ShipBob to place, cancel or change an order.
//!
//! A reference is taken only once in an account. A second attempt is answered with
//! 422, like other refusals, so ShipBob is asked what it has under the reference:
//! the order, and it was done before; nothing, and the 422 meant something else.

use crossdock_sdk::conversation::{Conversation, Pause};
use crossdock_sdk::http::{self, escape};
use crossdock_sdk::json::{Part, Tree};
use crossdock_sdk::{
    Delivery, Document, Exchange, Order, Problem, Purpose, Request, Response, Step,
};

use crate::announce;
use crate::encode;
use crate::settings::Config;

/// What makes up the address, for a problem to name.
pub(crate) const PATHS: &str = "the setting `api-version`";

/// More revisions of one order are not looked for.
pub(crate) const REVISIONS_MAX: u32 = 50;

/// What to do next for an order or a return.
///
/// # Errors
/// When the settings are wrong, or the document can't be said.
pub(crate) fn next(delivery: &Delivery, past: &[Exchange]) -> Result<Step, Problem> {
    let config = Config::new(&delivery.settings)?;
    let order = match &delivery.document {
        Document::Order(order) => order,
        Document::ReturnAuthorization(paper) => {
            let step = announce::next(config, paper, Conversation::new(past));
            return step.or_else(Pause::into_step);
        }
        other => {
            let kind = other.kind();
            let text = format!("this adapter sends orders and return authorizations, no {kind}");
            return Err(Problem::adapter("encode-unsupported", text)
                .with_remedy("route the document to a partner whose adapter encodes it"));
        }
    };
    let talk = Talk {
        config,
        order,
        conversation: Conversation::new(past),
    };
    let step = match &order.purpose {
        Purpose::Original => talk.place(),
        Purpose::Cancel => talk.cancel(),
        Purpose::Change | Purpose::Replace => talk.change(),
        Purpose::Confirm | Purpose::Other(_) => {
            let text = "an order can be placed, changed or cancelled";
            let problem = Problem::document("purpose-unsupported", text).at_pointer("/purpose");
            return Err(problem);
        }
    };
    step.or_else(Pause::into_step)
}

/// An order that ShipBob has.
struct Found {
    id: String,
    reference: String,
    status: Status,
    /// The channel it was placed in.
    channel: Option<String>,
}

/// How far an order is, as far as it decides what can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Open,
    Cancelled,
    /// All of it has left, or some of it.
    Shipped,
}

struct Talk<'d> {
    config: Config<'d>,
    order: &'d Order,
    conversation: Conversation<'d>,
}

// === impl Talk ===

impl<'d> Talk<'d> {
    fn place(mut self) -> Result<Step, Pause> {
        let reference = self.order.order_no.clone();
        self.create(&reference)
    }

    /// Cancels what is open under the order's references.
    fn cancel(mut self) -> Result<Step, Pause> {
        let references = self.references();
        let found = self.find(&references)?;
        match latest(&found) {
            None => Err(Pause::Rejected(unknown(self.order))),
            Some(order) if order.status == Status::Cancelled => {
                Ok(Step::AlreadyDone(Some(order.id.clone())))
            }
            Some(order) if order.status == Status::Shipped => Err(Pause::Rejected(shipped(order))),
            Some(order) => {
                self.cancel_found(order, &references)?;
                Ok(Step::Done(Some(order.id.clone())))
            }
        }
    }

    /// Cancels and places anew under another reference, if the settings allow it.
    fn change(mut self) -> Result<Step, Pause> {
        if !self.config.recreates()? {
            let text = "ShipBob takes no change of an order's lines, dates or recipient here";
            let problem = Problem::document("change-unsupported", text)
                .at_pointer("/purpose")
                .with_remedy(
                    "cancel the order and place another, or set `change` to `cancel-and-create`",
                );
            return Err(Pause::Rejected(problem));
        }
        let Some(revision) = self.order.revision.as_deref() else {
            let text = "the new order's reference is made of the revision, which is missing";
            let problem = Problem::document("revision-missing", text).at_pointer("/revision");
            return Err(Pause::Rejected(problem));
        };
        let reference = self.config.reference(&self.order.order_no, Some(revision));
        // What can't be placed must be known before anything is cancelled for it.
        encode::order(self.order, &reference, &self.config)?;
        self.config.channel()?;
        let references = self.references();
        let found = self.find(&references)?;
        if let Some(made) = found.iter().find(|order| order.reference == reference) {
            return Ok(Step::AlreadyDone(Some(made.id.clone())));
        }
        match latest(&found) {
            None => return Err(Pause::Rejected(unknown(self.order))),
            Some(order) if order.status == Status::Shipped => {
                return Err(Pause::Rejected(shipped(order)));
            }
            Some(order) if order.status == Status::Open => {
                self.cancel_found(order, &references)?;
            }
            // Cancelled by an attempt before this one, or by hand.
            Some(_) => {}
        }
        self.create(&reference)
    }

    fn create(&mut self, reference: &str) -> Result<Step, Pause> {
        let (config, order) = (self.config, self.order);
        let answer = self.conversation.ask(|| {
            let body = encode::order(order, reference, &config)?;
            Ok(
                Request::post(config.path("/order"), "application/json", body)
                    .with_header("accept", "application/json")
                    .with_header("shipbob_channel_id", config.channel()?),
            )
        })?;
        if answer.status != 422 {
            Pause::unless_done(answer, PATHS)?;
            return Ok(Step::Done(id_of(answer)));
        }
        let found = self.find(&[reference.to_owned()])?;
        let Some(known) = found.into_iter().next() else {
            return Err(Pause::Rejected(http::refusal(answer, "answer-refused")));
        };
        if known.status == Status::Cancelled {
            let text = format!(
                "ShipBob has order {} under this reference, which is cancelled, and takes \
                 a reference only once",
                known.id
            );
            let problem = Problem::partner_data("order-cancelled", text)
                .with_remedy("place the order under another number");
            return Err(Pause::Rejected(problem));
        }
        let ours = self.config.channel()?;
        if let Some(other) = known.channel.filter(|channel| channel != ours) {
            let text = format!(
                "ShipBob has order {} under this reference in channel {other}, not in {ours}",
                known.id
            );
            return Err(Pause::Rejected(Problem::partner_data(
                "reference-taken",
                text,
            )));
        }
        Ok(Step::AlreadyDone(Some(known.id)))
    }

    /// Cancels an order. An answer that refuses may mean that it is cancelled already.
    fn cancel_found(&mut self, order: &Found, references: &[String]) -> Result<(), Pause> {
        let config = self.config;
        let answer = self.conversation.ask(|| {
            let path = config.cancel_path(&order.id)?;
            Ok(Request::new("POST", path)
                .with_header("accept", "application/json")
                .with_header("shipbob_channel_id", config.channel()?))
        })?;
        match http::meaning(answer.status) {
            http::Meaning::Done => match not_cancelled(answer) {
                None => Ok(()),
                Some(words) => {
                    let text = format!("ShipBob has not cancelled all of it: {words}");
                    let problem = Problem::partner_data("cancel-failed", text)
                        .with_remedy("ask ShipBob what has left, and wait for its webhook");
                    Err(Pause::Rejected(problem))
                }
            },
            http::Meaning::Refused => {
                let found = self.find(references)?;
                let now = found.iter().find(|found| found.id == order.id);
                match now.map(|found| found.status) {
                    Some(Status::Cancelled) => Ok(()),
                    _ => Err(Pause::Rejected(http::refusal(answer, "answer-refused"))),
                }
            }
            _ => Pause::unless_done(answer, PATHS),
        }
    }

    /// The order's references, the oldest first: its number, and one for each of its
    /// revisions up to this one.
    fn references(&self) -> Vec<String> {
        let mut references = vec![self.order.order_no.clone()];
        let Some(revision) = self.order.revision.as_deref() else {
            return references;
        };
        let reference =
            |revision: &str| self.config.reference(&self.order.order_no, Some(revision));
        match revision.parse::<u32>() {
            Ok(last) if last <= REVISIONS_MAX => {
                references.extend((1..=last).map(|number| reference(&number.to_string())));
            }
            _ => {}
        }
        let own = reference(revision);
        if !references.contains(&own) {
            references.push(own);
        }
        references
    }

    /// What ShipBob has under these references, in their order. Asked without a
    /// channel, since a reference is taken for the whole account.
    fn find(&mut self, references: &[String]) -> Result<Vec<Found>, Pause> {
        let config = self.config;
        let answer = self.conversation.ask_done(
            || {
                let list: Vec<String> = references.iter().map(|it| escape(it)).collect();
                let path = config.path(&format!("/order?ReferenceIds={}", list.join(",")));
                Ok(Request::get(path).with_header("accept", "application/json"))
            },
            PATHS,
        )?;
        let mut found = orders(answer).map_err(|problem| Pause::Rejected(unlike(problem)))?;
        let place = |found: &Found| references.iter().position(|it| *it == found.reference);
        found.retain(|found| place(found).is_some());
        found.sort_by_key(place);
        Ok(found)
    }
}

/// The order that counts: the last one that is not cancelled, else the last one.
fn latest(found: &[Found]) -> Option<&Found> {
    let alive = found
        .iter()
        .rev()
        .find(|order| order.status != Status::Cancelled);
    alive.or(found.last())
}

fn unknown(order: &Order) -> Problem {
    let text = "ShipBob has no order under this number";
    Problem::partner_data("order-unknown", text).with_value(&order.order_no)
}

/// A problem of an answer that is no list of orders.
fn unlike(problem: Problem) -> Problem {
    let text = format!("ShipBob's list of orders can't be read: {}", problem.text);
    Problem { text, ..problem }.with_remedy(format!("look whether {PATHS} is one that ShipBob has"))
}

fn shipped(order: &Found) -> Problem {
    let text = format!("order {} has left, wholly or in part", order.id);
    Problem::partner_data("order-shipped", text).with_remedy("arrange a return instead")
}

/// ShipBob's own number for an order that it has taken.
fn id_of(answer: &Response) -> Option<String> {
    let tree = Tree::parse(&answer.body).ok()?;
    let root = Part::root(&tree);
    root.get("id").optional_id().ok()?.map(str::to_owned)
}

/// The orders of an answer.
///
/// # Errors
/// When it is no list of orders.
fn orders(answer: &Response) -> Result<Vec<Found>, Problem> {
    let tree = Tree::parse(&answer.body)?;
    let root = Part::root(&tree);
    let mut orders = Vec::new();
    for order in root.items()? {
        let Some(reference) = order.get("reference_id").optional_id()? else {
            continue;
        };
        let channel = order.get("channel");
        orders.push(Found {
            id: order.get("id").id()?.to_owned(),
            reference: reference.to_owned(),
            status: match order.get("status").scalar() {
                Some("Cancelled") => Status::Cancelled,
                Some("Fulfilled" | "PartiallyFulfilled") => Status::Shipped,
                _ => Status::Open,
            },
            channel: channel.get("id").optional_id()?.map(str::to_owned),
        });
    }
    Ok(orders)
}

/// Why an order was not cancelled, though the request was answered with 2xx.
fn not_cancelled(answer: &Response) -> Option<String> {
    let tree = Tree::parse(&answer.body).ok()?;
    let root = Part::root(&tree);
    let status = root.get("status").scalar();
    let results = root.get("canceled_shipment_results");
    let mut reasons = Vec::new();
    for result in results.items().ok()? {
        if result.get("is_success").optional_flag() == Ok(Some(false)) {
            let id = result.get("shipment_id").scalar().unwrap_or("?");
            let reason = result.get("reason").scalar().unwrap_or("no reason given");
            reasons.push(format!("shipment {id}: {reason}"));
        }
    }
    match status {
        Some("Failure" | "PartialSuccess") if reasons.is_empty() => status.map(str::to_owned),
        _ => (!reasons.is_empty()).then(|| reasons.join("; ")),
    }
}
