//! Webhooks and polled pages to documents.
//!
//! A webhook tells of one shipment, order or return; its topic stands in a header, and
//! in older or relayed ones in the body. A polled page holds many orders, returns or
//! stock figures, each judged alone.

use crossdock_sdk::json::{Part, Tree};
use crossdock_sdk::{Decoded, DecodedDocument, Document, Inbound, Moment, Problem, Source};

use crate::settings::{Config, Feed};

mod inventory;
mod milestone;
mod returns;
mod shipment;
mod topic;

pub(crate) use inventory::PAGES_FIELD;
pub(crate) use shipment::has_left;
use topic::{Envelope, Topic};

/// Header by which a polled page says what it holds; its value is a feed's name.
pub(crate) const FEED_HEADER: &str = "crossdock-feed";

/// Header by which a polled page says when its poll began.
pub(crate) const POLLED_AT_HEADER: &str = "crossdock-polled-at";

/// Reads a message.
///
/// # Errors
/// When it is not JSON, or nobody can say what it is about.
pub(crate) fn decode(message: &Inbound) -> Result<Decoded, Problem> {
    let config = Config::new(&message.settings)?;
    let tree = Tree::parse(&message.body)?;
    let root = Part::root(&tree);
    match message.header(FEED_HEADER) {
        None => webhook(&config, &root, message),
        Some(name) => match Feed::named(name) {
            Some(feed) => page(&config, &root, message, feed),
            None => {
                let text = format!("this adapter polls no feed of the name {name}");
                Err(Problem::adapter("feed-unknown", text).with_value(name))
            }
        },
    }
}

/// What surrounds the thing that is read.
pub(super) struct Context<'m> {
    pub(super) config: &'m Config<'m>,
    /// When the webhook was sent, or the page was received.
    pub(super) told_at: Moment,
    /// The topic or feed, for the source.
    pub(super) name: &'m str,
    /// The webhook's own id.
    pub(super) webhook_id: Option<&'m str>,
}

// === impl Context ===

impl Context<'_> {
    fn source(&self, decoded: &Decoded) -> Source {
        Source {
            type_: Some(self.name.to_owned()),
            transaction_control: self.webhook_id.map(str::to_owned),
            // A message holds far fewer documents than four thousand million.
            ..Source::new("json", decoded.documents.len() as u32)
        }
    }

    /// Adds what was read, or why it could not be.
    fn add(&self, decoded: &mut Decoded, read: Result<(Document, Vec<Problem>), Problem>) {
        let source = self.source(decoded);
        match read {
            Ok((document, findings)) => decoded.documents.push(Ok(DecodedDocument {
                findings,
                ..DecodedDocument::new(document, source)
            })),
            Err(problem) => decoded.refuse(vec![problem], source),
        }
    }
}

fn webhook(
    config: &Config<'_>,
    root: &Part<'_, '_>,
    message: &Inbound,
) -> Result<Decoded, Problem> {
    let envelope = Envelope::open(root, message)?;
    let mut decoded = Decoded {
        findings: envelope.findings,
        ..Decoded::default()
    };
    let context = Context {
        config,
        told_at: sent_at(message),
        name: envelope.name,
        webhook_id: message.header("webhook-id"),
    };
    let inside = envelope.content.map(|name| root.get(name));
    let content = inside.as_ref().unwrap_or(root);
    content.object()?;
    match envelope.topic {
        Topic::Shipped => each_shipment(content, shipment::has_left, |shipment| {
            let read = shipment::read(&context, shipment, content);
            context.add(&mut decoded, read);
        })?,
        Topic::Milestone(event) => each_shipment(content, is_alive, |shipment| {
            let read = milestone::read(&context, event, shipment, content);
            context.add(&mut decoded, read);
        })?,
        Topic::Returned => {
            let inside = content.get("return");
            let part = if inside.is_object() { &inside } else { content };
            returns::add(&context, &mut decoded, part);
        }
        Topic::Ignored => decoded.findings.push(ignored(&context)),
    }
    Ok(decoded)
}

/// A topic that the model has no document for is told, not refused: somebody has
/// subscribed to it.
fn ignored(context: &Context<'_>) -> Problem {
    let text = format!("nothing is read from the topic {}", context.name);
    Problem::settings("topic-ignored", text)
        .with_value(context.name)
        .with_remedy("unsubscribe the webhook from this topic, or leave it as it is")
}

/// The shipments of an order that the topic can be about, or the one shipment that the
/// body is about, whatever its state.
fn each_shipment(
    content: &Part<'_, '_>,
    concerned: impl Fn(&Part<'_, '_>) -> bool,
    mut read: impl FnMut(&Part<'_, '_>),
) -> Result<(), Problem> {
    let (list, one) = (content.get("shipments"), content.get("shipment"));
    if list.exists() {
        list.items()?.filter(&concerned).for_each(|it| read(&it));
    } else if one.is_object() {
        read(&one);
    } else {
        read(content);
    }
    Ok(())
}

fn is_alive(shipment: &Part<'_, '_>) -> bool {
    shipment.get("status").scalar() != Some("Cancelled")
}

/// Standard Webhooks stamp each attempt with the seconds since 1970.
fn sent_at(message: &Inbound) -> Moment {
    let stamp = message.header("webhook-timestamp");
    let stamp = stamp.and_then(|seconds| Moment::unix(seconds.parse().ok()?));
    stamp.unwrap_or_else(|| Moment::zoned(&message.received_at))
}

fn page(
    config: &Config<'_>,
    root: &Part<'_, '_>,
    message: &Inbound,
    feed: Feed,
) -> Result<Decoded, Problem> {
    let polled_at = message.header(POLLED_AT_HEADER);
    let context = Context {
        config,
        told_at: Moment::zoned(polled_at.unwrap_or(&message.received_at)),
        name: feed.name(),
        webhook_id: None,
    };
    let mut decoded = Decoded::default();
    match feed {
        Feed::Inventory => inventory::network(&context, &mut decoded, root)?,
        Feed::Locations => inventory::locations(&context, &mut decoded, root)?,
        Feed::Orders => {
            for order in root.items()? {
                order_news(&context, &mut decoded, &order);
            }
        }
        Feed::Returns => {
            let items = root.get("items");
            for item in items.items()? {
                returns::add(&context, &mut decoded, &item);
            }
        }
    }
    Ok(decoded)
}

/// What a polled order tells beyond what we sent: which of its shipments left, and
/// where each is now. The same as its webhooks would have told, so that it is known
/// for the same when it comes twice.
fn order_news(context: &Context<'_>, decoded: &mut Decoded, order: &Part<'_, '_>) {
    let shipments = order.get("shipments");
    let shipments = match shipments.items() {
        Ok(shipments) => shipments,
        Err(problem) => return context.add(decoded, Err(problem)),
    };
    for shipment in shipments {
        if shipment::has_left(&shipment) {
            context.add(decoded, shipment::read(context, &shipment, order));
        }
        if let Some(event) = milestone::news(&shipment) {
            let read = milestone::read(context, event, &shipment, order);
            context.add(decoded, read);
        }
    }
}
