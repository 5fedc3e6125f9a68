//! Records and events to documents.
//!
//! A message is the result of a query, or one or several events as a relay delivers
//! them: as CometD has them, or as an event bus of a cloud wraps them.

use crossdock_sdk::json::{Part, Tree};
use crossdock_sdk::{Decoded, DecodedDocument, Document, Inbound, Problem, Source};

use crate::settings::Config;

mod order;
mod returned;

/// Where the pages of a longer result are put together.
pub(crate) const PAGES_FIELD: &str = "pages";

/// Headers by which a relay may name the event.
const EVENT_HEADERS: [&str; 2] = ["salesforce-event", "ce-type"];

/// Reads a message.
///
/// # Errors
/// When it is not JSON, or neither a result nor an event.
pub(crate) fn decode(message: &Inbound) -> Result<Decoded, Problem> {
    let config = Config::new(&message.settings)?;
    let tree = Tree::parse(&message.body)?;
    let root = Part::root(&tree);
    let mut decoded = Decoded::default();
    if root.get("records").exists() || root.get(PAGES_FIELD).exists() {
        order::records(&config, &root, &mut decoded)?;
        return Ok(decoded);
    }
    let header = EVENT_HEADERS.iter().find_map(|name| message.header(name));
    if root.is_list() {
        for event in root.items()? {
            read_event(&config, &event, header, &mut decoded);
        }
    } else {
        root.object()?;
        read_event(&config, &root, header, &mut decoded);
    }
    Ok(decoded)
}

/// Adds what was read, or why it could not be.
pub(super) fn add(
    decoded: &mut Decoded,
    source: Source,
    read: Result<(Document, Vec<Problem>), Problem>,
) {
    let source = Source {
        // A message holds far fewer documents than four thousand million.
        position: decoded.documents.len() as u32,
        ..source
    };
    match read {
        Ok((document, findings)) => decoded.documents.push(Ok(DecodedDocument {
            findings,
            ..DecodedDocument::new(document, source)
        })),
        Err(problem) => decoded.refuse(vec![problem], source),
    }
}

/// Reads an event: `{"data": {"payload", "event"}, "channel"}` of CometD, what stands in
/// its `data`, or `{"detail-type", "detail": {"payload", …}}` of an event bus.
fn read_event(
    config: &Config<'_>,
    part: &Part<'_, '_>,
    header: Option<&str>,
    decoded: &mut Decoded,
) {
    let inside = part.first(&["data", "detail"]);
    let body = if inside.is_object() { &inside } else { part };
    let payload = body.get("payload");
    let (channel, kind) = (part.get("channel"), part.get("detail-type"));
    let told = channel.scalar().or(kind.scalar()).or(header);
    let name = told.map(|name| name.rsplit('/').next().unwrap_or(name));
    let event = body.get("event");
    let id = event.get("EventUuid").scalar();
    let id = id
        .or(payload.get("EventUuid").scalar())
        .or(body.get("id").scalar());
    let source = Source {
        type_: name.map(str::to_owned),
        transaction_control: id.map(str::to_owned),
        ..Source::new("json", 0)
    };
    if !payload.is_object() {
        let text = "expected the result of a query, or an event with its payload";
        return add(decoded, source, Err(payload.problem("message-shape", text)));
    }
    let Some(name) = name else {
        let problem = Problem::settings("event-unnamed", "nothing names the event")
            .with_remedy("let the relay send the channel, or the header `salesforce-event`");
        return add(decoded, source, Err(problem));
    };
    match config.event(name) {
        Some("order") => add(decoded, source, order::event(config, &payload)),
        Some("return") => add(decoded, source, returned::event(config, &payload)),
        Some("ignore") => {}
        Some(other) => {
            let setting = format!("event.{name}");
            let problem = crate::settings::invalid(&setting, other, "order, return or ignore");
            add(decoded, source, Err(problem));
        }
        None => {
            let text = format!("the setting `event.{name}` is missing");
            let problem = Problem::settings("event-unmapped", text)
                .with_value(name)
                .with_remedy("set it to order, return or ignore");
            add(decoded, source, Err(problem));
        }
    }
}
