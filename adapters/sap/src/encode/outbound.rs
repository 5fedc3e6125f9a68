//! A shipment as an outbound delivery of its order, over OData: created with what left,
//! picked, and its goods issue posted. Each shipment makes a delivery of its own, so an
//! order may leave in as many parts as it likes.
//!
//! 1. GET the delivery by the shipment's number (DeliveryDocumentBySupplier, which an IDoc
//!    calls LIFEX), with `X-CSRF-Token: Fetch`: it gives token and session, and tells how
//!    far the delivery is.
//! 2. None is there: GET the sales order by PurchaseOrderByCustomer, then POST the delivery
//!    with reference to its items, with `RequestID` and `RepeatabilityCreation`.
//! 3. It is there and not picked: POST PickAllItems. It is picked: POST PostGoodsIssue.
//! 4. After each of these look again, since every change gives the delivery another ETag.
//!    A refused token and an answer that got lost on the way lead back to the look as well.

use crossdock_sdk::conversation::{Conversation, Pause};
use crossdock_sdk::idoc::value;
use crossdock_sdk::json::Node;
use crossdock_sdk::odata::{self, Body};
use crossdock_sdk::{
    Delivery, Exchange, Problem, Purpose, Refusal, Request, Response, Shipment, ShipmentLine, Step,
};

use super::conversation::{
    LOST_ANSWERS_MAX, TOKEN_REFUSALS_MAX, only_one, parse, repeatability, session_lost, verdict,
    with_session,
};
use super::script::{checked, quantity, required, unsayable};
use super::{refused, with_client};
use crate::settings::{DeliveryWriting, unit_unmapped};

const ENTITY_SET: &str = "A_OutbDeliveryHeader";
const PICK: &str = "PickAllItems";
const POST_ISSUE: &str = "PostGoodsIssue";

/// Lengths of properties, from the service's field lists.
const REFERENCE_MAX: usize = 35;
const ITEM_MAX: usize = 6;
const BATCH_MAX: usize = 10;

/// What to do next for a shipment.
///
/// # Errors
/// When the shipment can't be said.
pub(super) fn next(
    shipment: &Shipment,
    delivery: &Delivery,
    config: &DeliveryWriting<'_>,
    past: &[Exchange],
) -> Result<Step, Refusal> {
    let booking = Booking::new(shipment, delivery, config)?;
    let step = booking.book(Conversation::new(past));
    Ok(step.or_else(Pause::into_step)?)
}

/// A shipment on its way into SAP's books.
struct Booking<'d> {
    shipment: &'d Shipment,
    delivery: &'d Delivery,
    config: &'d DeliveryWriting<'d>,
    /// What left, checked.
    lines: Vec<Line<'d>>,
}

/// A line as SAP needs it.
struct Line<'d> {
    item: String,
    quantity: String,
    unit: String,
    batch: Option<&'d str>,
}

/// A delivery that is there.
struct Known {
    number: String,
    etag: String,
    is_picked: bool,
    is_issued: bool,
}

// === impl Booking ===

impl<'d> Booking<'d> {
    /// Whatever can't be said is told before anything is asked.
    fn new(
        shipment: &'d Shipment,
        delivery: &'d Delivery,
        config: &'d DeliveryWriting<'d>,
    ) -> Result<Self, Refusal> {
        if !matches!(shipment.purpose, Purpose::Original | Purpose::Confirm) {
            let text = "a goods issue can't be taken back or changed with another shipment";
            return Err(
                unsayable("purpose-unsayable", format_args!("/purpose"), text)
                    .with_remedy("cancel the goods issue in SAP (transaction VL09)"),
            );
        }
        required(
            &shipment.shipment_id,
            REFERENCE_MAX,
            format_args!("/shipment_id"),
        )?;
        let lines = shipment.lines.iter().enumerate();
        let left = lines.filter(|(_, it)| !it.shipped.value.is_zero());
        let lines = left.map(|(index, it)| line(it, index, config));
        Ok(Self {
            shipment,
            delivery,
            config,
            lines: lines.collect::<Result<_, _>>()?,
        })
    }

    fn book(&self, mut conversation: Conversation<'_>) -> Result<Step, Pause> {
        if self.lines.is_empty() {
            // Nothing left, so there is nothing to post.
            return Ok(Step::Done(None));
        }
        let (mut refusals, mut lost) = (0, 0);
        let (mut number, mut is_created, mut is_picked) = (None, false, false);
        loop {
            let session = conversation.ask(|| Ok(self.look(number.as_deref())))?;
            if !session.is_success() {
                return Ok(refused(session));
            }
            let answer = match known(session)? {
                Some(it) if it.is_issued => return Ok(Step::AlreadyDone(Some(it.number))),
                Some(it) if is_picked || it.is_picked => {
                    let answer = conversation.ask(|| Ok(self.act(POST_ISSUE, &it, session)))?;
                    if answer.is_success() {
                        return Ok(Step::Done(Some(it.number)));
                    }
                    answer
                }
                Some(it) => {
                    let answer = conversation.ask(|| Ok(self.act(PICK, &it, session)))?;
                    is_picked = answer.is_success();
                    answer
                }
                None if is_created => return Ok(Step::Rejected(vanished())),
                None => {
                    let found = conversation.ask(|| self.find_order())?;
                    if !found.is_success() {
                        return Ok(refused(found));
                    }
                    let order = self.order_in(found)?;
                    let answer = conversation.ask(|| self.create(&order, session))?;
                    number = created(answer);
                    is_created = answer.is_success();
                    answer
                }
            };
            if odata::token_is_refused(answer) {
                refusals += 1;
                if refusals > TOKEN_REFUSALS_MAX {
                    return Ok(session_lost(answer));
                }
            } else if matches!(answer.status, 412 | 502 | 504) && lost < LOST_ANSWERS_MAX {
                // Somebody else changed it between, or the answer got lost.
                lost += 1;
            } else if !answer.is_success() {
                return Ok(verdict(answer));
            }
        }
    }

    /// The request that finds the delivery, and fetches a token.
    fn look(&self, number: Option<&str>) -> Request {
        const SELECT: &str =
            "$select=DeliveryDocument,OverallPickingStatus,OverallGoodsMovementStatus&$format=json";
        let (resource, query) = match number {
            Some(number) => {
                let resource = format!("{ENTITY_SET}({})", odata::literal(number));
                (resource, SELECT.to_owned())
            }
            None => {
                let reference = odata::literal(self.shipment.shipment_id.trim());
                let field = self.config.reference;
                let query = format!("$filter={field}%20eq%20{reference}&{SELECT}&$top=2");
                (ENTITY_SET.to_owned(), query)
            }
        };
        Request::get(self.path(&resource, &query))
            .with_header("accept", "application/json")
            .with_header("x-csrf-token", "Fetch")
    }

    /// What SAP has the order under, and where that stands.
    fn order_no(&self) -> (&'d str, &'static str) {
        match &self.shipment.customer_po {
            Some(number) if self.config.by_customer_po => (number.as_str(), "/customer_po"),
            _ => (self.shipment.order_no.as_str(), "/order_no"),
        }
    }

    fn find_order(&self) -> Result<Request, Problem> {
        let (number, at) = self.order_no();
        let number = required(number, REFERENCE_MAX, format_args!("{at}"))?;
        let reference = odata::literal(number);
        let query = format!(
            "$filter=PurchaseOrderByCustomer%20eq%20{reference}&$select=SalesOrder&$top=2&$format=json"
        );
        let path = format!("{}/A_SalesOrder", self.config.order_path);
        let path = with_client(&path, self.config.client, &query);
        Ok(Request::get(path).with_header("accept", "application/json"))
    }

    /// The number of the sales order in an answer.
    fn order_in(&self, found: &Response) -> Result<String, Pause> {
        let tree = parse(found).map_err(Problem::from)?;
        let orders = odata::results(tree.root()).unwrap_or_default();
        only_one(orders).map_err(|problem| {
            let (number, at) = self.order_no();
            Pause::Rejected(problem.at_pointer(at).with_value(number))
        })
    }

    fn create(&self, order: &str, session: &Response) -> Result<Request, Problem> {
        let mut body = Body::new();
        body.field(self.config.reference, self.shipment.shipment_id.trim());
        body.list("to_DeliveryDocumentItem", &self.lines, |entry, line| {
            entry.field("ReferenceSDDocument", order);
            entry.field("ReferenceSDDocumentItem", &line.item);
            entry.field("ActualDeliveryQuantity", &line.quantity);
            entry.field("DeliveryQuantityUnit", &line.unit);
            entry.optional("Batch", line.batch);
            Ok::<(), Problem>(())
        })?;
        let request = Request::post(self.path(ENTITY_SET, ""), "application/json", body.finish());
        Ok(with_session(self.repeatable(request, "create"), session))
    }

    /// An action on a delivery, as it was when it was looked at.
    fn act(&self, action: &str, known: &Known, session: &Response) -> Request {
        let query = format!("DeliveryDocument={}", odata::literal(&known.number));
        let request = Request::post(self.path(action, &query), "application/json", Vec::new())
            .with_header("if-match", known.etag.as_str());
        // Another try at a delivery that has changed is another request.
        let what = format!("{action}/{}", known.etag);
        with_session(self.repeatable(request, &what), session)
    }

    /// The same id on every attempt: SAP executes the request once.
    fn repeatable(&self, request: Request, what: &str) -> Request {
        let key = format!("{}/{what}", self.delivery.idempotency_key);
        request
            .with_header("requestid", odata::request_id(&key))
            .with_header(
                "repeatabilitycreation",
                repeatability(&self.delivery.created_at),
            )
    }

    fn path(&self, resource: &str, query: &str) -> String {
        let path = format!("{}/{resource}", self.config.path);
        with_client(&path, self.config.client, query)
    }
}

/// What a line says to SAP.
fn line<'d>(
    line: &'d ShipmentLine,
    index: usize,
    config: &DeliveryWriting<'_>,
) -> Result<Line<'d>, Refusal> {
    let at = |name: &str| format!("/lines/{index}/{name}");
    let item = required(&line.line_no, ITEM_MAX, format_args!("{}", at("line_no")))?;
    if !item.bytes().all(|byte| byte.is_ascii_digit()) {
        let text = "SAP's item numbers are digits";
        return Err(
            unsayable("line-no-unsayable", format_args!("{}", at("line_no")), text)
                .with_value(item)
                .with_remedy("have the shipment name the lines of the order"),
        );
    }
    let pointer = at("shipped");
    if line.shipped.value.is_negative() {
        let text = "less than nothing can't leave";
        return Err(
            unsayable("quantity-negative", format_args!("{pointer}/value"), text)
                .with_value(line.shipped.value.to_string())
                .with_remedy("ask the warehouse for a corrected message"),
        );
    }
    let batch = match &line.lots[..] {
        [] => None,
        [only] => {
            let at = at("lots/0/lot/number");
            Some(checked(&only.lot.number, BATCH_MAX, format_args!("{at}"))?)
        }
        _ => {
            let text = "an item of a delivery is of one batch";
            return Err(
                unsayable("lots-unsayable", format_args!("{}", at("lots")), text).with_remedy(
                    "have the sender tell each lot in a line of its own, or set `shipments` to confirmation",
                ),
            );
        }
    };
    Ok(Line {
        item: if config.pad_numbers {
            value::pad_zeros(item, ITEM_MAX)
        } else {
            item.to_owned()
        },
        quantity: quantity(line.shipped.value, format_args!("{pointer}/value"))?,
        unit: config
            .unit(&line.shipped.unit)
            .ok_or_else(|| unit_unmapped(&line.shipped.unit, format_args!("{pointer}/unit")))?,
        batch,
    })
}

/// The delivery in the answer to a look. A shipment makes one, so of several at least one
/// is another's.
fn known(response: &Response) -> Result<Option<Known>, Pause> {
    let tree = parse(response).map_err(Problem::from)?;
    let found = odata::results(tree.root()).unwrap_or_default();
    if found.len() > 1 {
        let text = "SAP has several deliveries with the shipment's number; none was touched";
        let problem = Problem::partner_data("delivery-ambiguous", text);
        return Err(Pause::Rejected(problem.at_pointer("/shipment_id").with_remedy(
            "post the goods issue in SAP (transaction VL02N), and have the warehouses number their shipments apart",
        )));
    }
    let Some((delivery, number)) = found.first().and_then(|it| Some((it, number_of(it)?))) else {
        return Ok(None);
    };
    let status = |name| delivery.get(name).and_then(Node::as_str);
    let etag = delivery
        .get("__metadata")
        .and_then(|metadata| metadata.get("etag"))
        .and_then(Node::as_str);
    Ok(Some(Known {
        number,
        etag: etag.unwrap_or("*").to_owned(),
        // Empty where nothing is to be picked.
        is_picked: matches!(status("OverallPickingStatus"), Some("C" | "")),
        is_issued: status("OverallGoodsMovementStatus") == Some("C"),
    }))
}

/// Created, and not found after it: creating it again would only repeat that.
fn vanished() -> Problem {
    let text = "SAP says that it has created the delivery, but does not find it";
    Problem::partner_data("delivery-lost", text)
        .at_pointer("/shipment_id")
        .with_remedy(
            "look for it in SAP (transaction VL06O); `shipment-reference` may name a property that SAP does not keep",
        )
}

/// The number of the delivery that an answer says was created.
fn created(response: &Response) -> Option<String> {
    if !response.is_success() {
        return None;
    }
    let tree = crossdock_sdk::json::Tree::parse(&response.body).ok()?;
    odata::results(tree.root())?.first().and_then(number_of)
}

fn number_of(delivery: &Node<'_>) -> Option<String> {
    let number = delivery.get("DeliveryDocument").and_then(Node::as_id)?;
    (!number.is_empty()).then(|| number.to_owned())
}
