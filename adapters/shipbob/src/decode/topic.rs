//! What a webhook is about.

use crossdock_sdk::json::Part;
use crossdock_sdk::{Inbound, Problem};

/// Headers that name the topic: of webhooks of dated versions, and of 1.0 and 2.0.
const TOPIC_HEADERS: [&str; 2] = ["x-webhook-topic", "shipbob-topic"];

/// Fields of the body that name it where a relay has lost the headers. No page of
/// ShipBob's describes them.
const TOPIC_FIELDS: [&str; 3] = ["topic", "event_type", "event"];

/// Fields that hold what a webhook is about, where the body is an envelope.
const CONTENT_FIELDS: [&str; 2] = ["data", "payload"];

/// What is made of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    /// A shipment left.
    Shipped,
    /// Something happened to it.
    Milestone(Event),
    /// A return is complete.
    Returned,
    /// Nothing: the model has no document for it, or it tells what we said ourselves.
    Ignored,
}

/// What happened, and so where its time and reason stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The carrier's status changed; the body says to what.
    Tracking,
    Delivered,
    /// It can't be fulfilled for now: out of stock, or an inactive product.
    Exception,
    /// It waits for something: an address, a tariff code.
    OnHold,
    Cancelled,
}

/// A webhook's topic and where its content is.
pub(super) struct Envelope<'m> {
    pub(super) topic: Topic,
    /// As it came.
    pub(super) name: &'m str,
    /// The field that holds the content; absent when the body itself does.
    pub(super) content: Option<&'static str>,
    pub(super) findings: Vec<Problem>,
}

// === impl Topic ===

impl Topic {
    /// By the names of dated versions (`order.shipped`) and of 1.0 and 2.0
    /// (`order_shipped`).
    fn named(name: &str) -> Option<Topic> {
        let plain = name.trim().to_ascii_lowercase().replace('_', ".");
        Some(match plain.as_str() {
            "order.shipped" => Topic::Shipped,
            "order.shipment.tracking.updated" | "order.shipment.tracking.received" => {
                Topic::Milestone(Event::Tracking)
            }
            "order.delivered" | "order.shipment.delivered" | "shipment.delivered" => {
                Topic::Milestone(Event::Delivered)
            }
            "order.shipment.exception" | "shipment.exception" => Topic::Milestone(Event::Exception),
            "order.shipment.on.hold" | "shipment.onhold" => Topic::Milestone(Event::OnHold),
            "order.shipment.cancelled" | "shipment.cancelled" => Topic::Milestone(Event::Cancelled),
            "return.completed" => Topic::Returned,
            "order.shipment.address.updated"
            | "order.shipment.line.item.added"
            | "order.shipment.line.item.removed"
            | "order.shipment.line.item.updated"
            | "order.shipment.shipping.service.updated"
            | "return.created"
            | "return.updated" => Topic::Ignored,
            other if other.starts_with("wro.") || other.starts_with("billing.") => Topic::Ignored,
            _ => return None,
        })
    }
}

// === impl Envelope ===

impl<'m> Envelope<'m> {
    /// The header counts before the body: it is what ShipBob itself sets.
    ///
    /// # Errors
    /// When neither names a topic that is known.
    pub(super) fn open(root: &Part<'_, 'm>, message: &'m Inbound) -> Result<Envelope<'m>, Problem> {
        root.object()?;
        let header = TOPIC_HEADERS.iter().find_map(|name| message.header(name));
        let field = root.first(&TOPIC_FIELDS);
        let told = field.scalar();
        let Some(name) = header.or(told) else {
            let text = "neither a header nor the body names a topic";
            return Err(Problem::settings("topic-missing", text)
                .with_remedy("let the header `x-webhook-topic` through to the adapter"));
        };
        let Some(topic) = Topic::named(name) else {
            let text = format!("there is no topic {name} that this adapter knows");
            return Err(Problem::partner_data("topic-unknown", text)
                .with_value(name)
                .with_remedy("subscribe the webhook to order, shipment and return topics"));
        };
        let mut findings = Vec::new();
        if let (Some(_), Some(told)) = (header, told)
            && Topic::named(told).is_some_and(|other| other != topic)
        {
            let text = format!("the header says {name}, the body {told}; the header counts");
            findings.push(field.problem("topic-differs", text));
        }
        let content = CONTENT_FIELDS
            .into_iter()
            .find(|name| root.get(name).is_object());
        Ok(Envelope {
            topic,
            name,
            content,
            findings,
        })
    }
}
