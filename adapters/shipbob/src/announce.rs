//! What is said to ShipBob of a return that is to come, or will not come after all.
//!
//! A return names inventory items and the fulfillment center, which only ShipBob knows:
//! both are found in the order that the goods left with. It is looked for by its
//! reference before it is made, so that a delivery that is sent again finds the first
//! one's. A request that the host repeats because its answer never came is kept single
//! only by ShipBob's refusing a reference twice: said of orders, unverified for returns.

use crossdock_sdk::conversation::{Conversation, Pause};
use crossdock_sdk::http::{self, escape};
use crossdock_sdk::json::{Object, Part, Tree};
use crossdock_sdk::{
    Disposition, Problem, Purpose, Request, Response, ReturnAuthorization, ReturnLine, ReturnState,
    Step,
};

use crate::settings::Config;
use crate::talk::{PATHS, REVISIONS_MAX};

/// The longest `reference_id` of a return, in characters.
const REFERENCE_CHARS_MAX: usize = 50;

/// How often a return is made again after the answer got lost on the way.
const LOST_ANSWERS_MAX: usize = 2;

/// What to do next for a return.
///
/// # Errors
/// When it can't be said, or ShipBob does not take it.
pub(crate) fn next(
    config: Config<'_>,
    paper: &ReturnAuthorization,
    conversation: Conversation<'_>,
) -> Result<Step, Pause> {
    let talk = Announcement {
        config,
        paper,
        conversation,
    };
    match (&paper.purpose, &paper.state) {
        (Purpose::Cancel, _) => talk.cancel(),
        (Purpose::Original | Purpose::Confirm, ReturnState::Authorized) => talk.announce(),
        (Purpose::Original | Purpose::Confirm, _) => {
            let text = "ShipBob is told of returns that may come, and of no others";
            Err(unsayable("state-unsupported", "/state", text).into())
        }
        _ => {
            let text = "a return can be announced or called off";
            Err(unsayable("purpose-unsupported", "/purpose", text).into())
        }
    }
}

struct Announcement<'d> {
    config: Config<'d>,
    paper: &'d ReturnAuthorization,
    conversation: Conversation<'d>,
}

/// A return that ShipBob has.
struct Known {
    id: String,
    status: String,
}

/// What comes back of one product.
struct Wanted<'d> {
    reference: &'d str,
    quantity: i64,
    action: &'static str,
    /// Where it stands.
    position: usize,
}

/// A shipment of the order, as far as a return needs it.
struct Left {
    id: String,
    center: i64,
    /// Reference and SKU of a product, its inventory item and how many pieces left.
    items: Vec<(Vec<String>, i64, i64)>,
}

// === impl Announcement ===

impl Announcement<'_> {
    fn announce(mut self) -> Result<Step, Pause> {
        // What can't be said must be known before anything is asked.
        let wanted = wanted(self.paper, &self.config)?;
        self.config.channel()?;
        let order_no = self.paper.order_no.as_deref();
        let Some(order_no) = order_no.filter(|it| !it.is_empty()) else {
            let text = "ShipBob needs the order that the goods left with";
            return Err(unsayable("order-missing", "/order_no", text).into());
        };
        match self.find()? {
            Some(known) if known.status == "Cancelled" => {
                let text = format!(
                    "ShipBob has return {} under this number, which is cancelled",
                    known.id
                );
                let problem = Problem::partner_data("return-cancelled", text)
                    .with_remedy("authorise the return under another number");
                return Err(Pause::Rejected(problem));
            }
            Some(known) => return Ok(Step::AlreadyDone(Some(known.id))),
            None => {}
        }
        let left = self.shipments(order_no)?;
        let body = body(self.paper, &wanted, &left).map_err(Pause::Rejected)?;
        self.make(&body)
    }

    /// Makes the return. One that was refused, or whose answer got lost on the way, may be
    /// there all the same.
    fn make(&mut self, body: &[u8]) -> Result<Step, Pause> {
        let config = self.config;
        let mut lost = 0;
        loop {
            let answer = self.conversation.ask(|| {
                let path = config.path("/return");
                Ok(Request::post(path, "application/json", body.to_vec())
                    .with_header("accept", "application/json")
                    .with_header("shipbob_channel_id", config.channel()?))
            })?;
            let is_refused = http::meaning(answer.status) == http::Meaning::Refused;
            let is_lost = matches!(answer.status, 500 | 502 | 504) && lost < LOST_ANSWERS_MAX;
            if !is_refused && !is_lost {
                Pause::unless_done(answer, PATHS)?;
                return Ok(Step::Done(id_of(answer)));
            }
            match self.find()? {
                Some(made) if made.status != "Cancelled" => {
                    return Ok(Step::AlreadyDone(Some(made.id)));
                }
                _ if is_refused => {
                    return Err(Pause::Rejected(http::refusal(answer, "answer-refused")));
                }
                _ => lost += 1,
            }
        }
    }

    fn cancel(mut self) -> Result<Step, Pause> {
        let Some(known) = self.find()? else {
            let text = "ShipBob expects no return of this number";
            let problem = Problem::partner_data("return-unknown", text);
            return Err(Pause::Rejected(problem.with_value(&self.paper.rma_no)));
        };
        if known.status == "Cancelled" {
            return Ok(Step::AlreadyDone(Some(known.id)));
        }
        let config = self.config;
        let answer = self.conversation.ask(|| {
            let path = config.cancel_return_path(&known.id)?;
            Ok(Request::new("POST", path)
                .with_header("accept", "application/json")
                .with_header("shipbob_channel_id", config.channel()?))
        })?;
        // An answer that refuses may mean that it is cancelled already.
        if http::meaning(answer.status) == http::Meaning::Refused {
            let now = self.find()?.map(|known| known.status);
            if now.as_deref() != Some("Cancelled") {
                return Err(Pause::Rejected(http::refusal(answer, "answer-refused")));
            }
        } else {
            Pause::unless_done(answer, PATHS)?;
        }
        Ok(Step::Done(Some(known.id)))
    }

    /// The return that ShipBob has under our number.
    fn find(&mut self) -> Result<Option<Known>, Pause> {
        let (config, rma_no) = (self.config, self.paper.rma_no.as_str());
        let answer = self.conversation.ask_done(
            || {
                let path = config.path(&format!("/return?ReferenceIds={}", escape(rma_no)));
                Ok(Request::get(path).with_header("accept", "application/json"))
            },
            PATHS,
        )?;
        known(answer, rma_no).map_err(|problem| Pause::Rejected(unlike("returns", problem)))
    }

    /// What left of the order.
    fn shipments(&mut self, order_no: &str) -> Result<Vec<Left>, Pause> {
        let config = self.config;
        // Each revision of the order has a reference of its own.
        let mut references = vec![order_no.to_owned()];
        if config.recreates()? {
            let revisions = (1..=REVISIONS_MAX).map(|it| it.to_string());
            references.extend(revisions.map(|it| config.reference(order_no, Some(it.as_str()))));
        }
        let answer = self.conversation.ask_done(
            || {
                let list: Vec<String> = references.iter().map(|it| escape(it)).collect();
                let path = config.path(&format!("/order?ReferenceIds={}", list.join(",")));
                Ok(Request::get(path).with_header("accept", "application/json"))
            },
            PATHS,
        )?;
        let left = left(answer, &references);
        let left = left.map_err(|problem| Pause::Rejected(unlike("orders", problem)))?;
        if left.is_empty() {
            let text = "nothing of this order has left ShipBob";
            let problem = Problem::partner_data("order-not-shipped", text);
            let problem = problem.at_pointer("/order_no").with_value(order_no);
            return Err(Pause::Rejected(problem));
        }
        Ok(left)
    }
}

fn unsayable(code: &str, pointer: &str, text: impl Into<String>) -> Problem {
    Problem::document(code, text).at_pointer(pointer)
}

/// A problem of an answer that is no list of what was asked for.
fn unlike(what: &str, problem: Problem) -> Problem {
    let text = format!("ShipBob's list of {what} can't be read: {}", problem.text);
    Problem { text, ..problem }.with_remedy(format!("look whether {PATHS} is one that ShipBob has"))
}

/// What is to come, each product once, as ShipBob demands it.
fn wanted<'d>(
    paper: &'d ReturnAuthorization,
    config: &Config<'_>,
) -> Result<Vec<Wanted<'d>>, Problem> {
    if paper.rma_no.is_empty() || paper.rma_no.chars().count() > REFERENCE_CHARS_MAX {
        let text = format!("ShipBob takes 1 to {REFERENCE_CHARS_MAX} characters");
        return Err(unsayable("value-unsayable", "/rma_no", text).with_value(&paper.rma_no));
    }
    let scheme = config.item_scheme()?;
    let mut all: Vec<Wanted<'d>> = Vec::new();
    for (position, line) in paper.lines.iter().enumerate() {
        let item = line.items.iter().find(|item| item.scheme == scheme);
        let Some(item) = item else {
            let pointer = format!("/lines/{position}/items");
            let text = "the line has no number by which ShipBob knows the product";
            return Err(unsayable("item-missing", &pointer, text));
        };
        let whole = line.quantity.value.to_integer().filter(|whole| *whole > 0);
        let Some(quantity) = whole else {
            let pointer = format!("/lines/{position}/quantity");
            let text = "ShipBob takes back whole pieces, at least one";
            let value = line.quantity.value.to_string();
            return Err(unsayable("quantity-not-whole", &pointer, text).with_value(value));
        };
        let action = action(line);
        match all.iter_mut().find(|it| it.reference == item.value) {
            Some(known) => {
                known.quantity = known.quantity.saturating_add(quantity);
                if known.action != action {
                    known.action = "Default";
                }
            }
            None => all.push(Wanted {
                reference: &item.value,
                quantity,
                action,
                position,
            }),
        }
    }
    if all.is_empty() {
        let text = "a return needs at least one line";
        return Err(unsayable("lines-missing", "/lines", text));
    }
    Ok(all)
}

/// What ShipBob is asked to do with the pieces, in the words that it reports with.
fn action(line: &ReturnLine) -> &'static str {
    match &line.expected_disposition {
        Some(Disposition::Restock) => "Restock",
        Some(Disposition::Hold) => "Quarantine",
        Some(Disposition::Scrap) => "Dispose",
        _ => "Default",
    }
}

fn body(
    paper: &ReturnAuthorization,
    wanted: &[Wanted<'_>],
    left: &[Left],
) -> Result<Vec<u8>, Problem> {
    let mut inventory = Vec::with_capacity(wanted.len());
    // The one shipment that all of it can be from.
    let mut origin = left.first().filter(|_| left.len() == 1);
    let mut center = None;
    for it in wanted {
        let is_it = |names: &[String]| names.iter().any(|name| name == it.reference);
        let found = left.iter().find_map(|shipment| {
            let items = &shipment.items;
            let (_, id, _) = items.iter().find(|(names, _, _)| is_it(names))?;
            let is_bundle = items
                .iter()
                .any(|(names, other, _)| is_it(names) && other != id);
            Some((shipment.center, *id, is_bundle))
        });
        let pointer = format!("/lines/{}/items", it.position);
        let Some((at, id, is_bundle)) = found else {
            let text = "the item did not leave ShipBob with this order";
            return Err(Problem::partner_data("item-not-shipped", text)
                .at_pointer(pointer)
                .with_value(it.reference));
        };
        if is_bundle {
            let text =
                "a bundle of several inventory items; ShipBob takes its items back one by one";
            return Err(unsayable("bundle-unsayable", &pointer, text)
                .with_value(it.reference)
                .with_remedy("authorise the return of the items in place of the bundle"));
        }
        center = center.or(Some(at));
        origin = origin.filter(|shipment| {
            let items = &shipment.items;
            items
                .iter()
                .any(|(names, _, pieces)| is_it(names) && *pieces >= it.quantity)
        });
        inventory.push(
            Object::new()
                .integer("id", id)
                .integer("quantity", it.quantity)
                .text("requested_action", it.action),
        );
    }
    let center = Object::new().integer("id", center.unwrap_or_default());
    let mut body = Object::new()
        .object("fulfillment_center", center)
        .list("inventory", inventory)
        .text("reference_id", &paper.rma_no);
    if let Some(id) = origin.and_then(|shipment| shipment.id.parse().ok()) {
        body = body.integer("original_shipment_id", id);
    }
    Ok(body.into_vec())
}

/// The newest return of that reference that counts: one that is not cancelled, else the
/// last one.
fn known(answer: &Response, rma_no: &str) -> Result<Option<Known>, Problem> {
    let tree = Tree::parse(&answer.body)?;
    let root = Part::root(&tree);
    let items = root.get("items");
    let mut found: Option<Known> = None;
    for item in items.items()? {
        if item.get("reference_id").optional_id()? != Some(rma_no) {
            continue;
        }
        let known = Known {
            id: item.get("id").id()?.to_owned(),
            status: item.get("status").scalar().unwrap_or_default().to_owned(),
        };
        if found.is_none() || known.status != "Cancelled" {
            found = Some(known);
        }
    }
    Ok(found)
}

/// The shipments that have left, of the order that has one of these references.
fn left(answer: &Response, references: &[String]) -> Result<Vec<Left>, Problem> {
    let tree = Tree::parse(&answer.body)?;
    let root = Part::root(&tree);
    let mut all = Vec::new();
    for order in root.items()? {
        let reference = order.get("reference_id").optional_id()?.unwrap_or_default();
        if !references.iter().any(|it| it == reference) {
            continue;
        }
        let shipments = order.get("shipments");
        for shipment in shipments.items()? {
            if !crate::decode::has_left(&shipment) {
                continue;
            }
            let location = shipment.get("location");
            let center = location.get("id");
            let center = whole(&center)?.ok_or_else(|| center.missing("the location's id"))?;
            let products = shipment.get("products");
            let mut items = Vec::new();
            for product in products.items()? {
                let names = ["reference_id", "sku"].map(|name| product.get(name));
                let names: Vec<String> = names
                    .iter()
                    .filter_map(|name| name.scalar().map(str::to_owned))
                    .collect();
                let inside = product.get("inventory_items");
                for item in inside.items()? {
                    let id = item.get("id");
                    let id = whole(&id)?.ok_or_else(|| id.missing("the inventory item's id"))?;
                    let pieces = whole(&item.get("quantity"))?.unwrap_or_default();
                    items.push((names.clone(), id, pieces));
                }
            }
            all.push(Left {
                id: shipment.get("id").id()?.to_owned(),
                center,
                items,
            });
        }
    }
    Ok(all)
}

fn whole(part: &Part<'_, '_>) -> Result<Option<i64>, Problem> {
    let value = part.optional_decimal()?;
    Ok(value.and_then(|value| value.to_integer()))
}

/// ShipBob's own number for a return that it expects.
fn id_of(answer: &Response) -> Option<String> {
    let tree = Tree::parse(&answer.body).ok()?;
    let root = Part::root(&tree);
    root.get("id").optional_id().ok()?.map(str::to_owned)
}
