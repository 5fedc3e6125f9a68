//! Fetching sales orders that changed, page by page.
//!
//! The cursor is a moment and how many orders to pass over, `MOMENT;COUNT`: orders are
//! asked for by LastChangeDateTime, from the moment on, in its order, so that none is
//! missed that changed in the same second as the last one.

use crossdock_sdk::json::{Node, Tree};
use crossdock_sdk::{
    Exchange, Outcome, PollRequest, PollStep, Polled, PolledMessage, Problem, Request, Response,
    Settings, odata,
};

use crate::encode::{told, wait};
use crate::settings::{self, Reading};
use crossdock_sdk::Refusal;

/// What to do next for a poll.
///
/// # Errors
/// When the settings or the cursor are wrong, or SAP refuses the query.
pub(crate) fn poll(request: &PollRequest, past: &[Exchange]) -> Result<PollStep, Refusal> {
    if let Some(problem) = settings::misspelled(&request.settings) {
        return Err(problem.into());
    }
    let settings = Settings::new(&request.settings);
    let page = settings.integer("poll-page", 50, 1..=500)?;
    let cursor = Cursor::of(request, &settings)?;
    match past.last().map(|exchange| &exchange.outcome) {
        None => Ok(PollStep::Send(query(&cursor, page, &settings)?)),
        Some(Outcome::Response(response)) if response.is_success() => {
            // Wrong settings are told before a page is fetched that they can't read.
            Reading::new(&request.settings)?;
            read(response, &cursor, page)
        }
        Some(Outcome::Response(response)) => match response.status {
            408 | 425 | 429 | 500..=599 => {
                Ok(PollStep::Retry(wait(response, "answer-unavailable")))
            }
            _ => Err(told(response, "poll-refused")
                .with_remedy("check the endpoint, its credential and the setting `odata-path`")
                .into()),
        },
        Some(_) => {
            Err(Problem::settings("endpoint-unfit", "polling needs an http endpoint").into())
        }
    }
}

/// Where a poll goes on.
struct Cursor {
    /// RFC 3339, UTC, whole seconds or with milliseconds.
    from: String,
    seen: usize,
}

// === impl Cursor ===

impl Cursor {
    fn of(request: &PollRequest, settings: &Settings<'_>) -> Result<Self, Refusal> {
        let text = match &request.cursor {
            Some(text) => text.as_str(),
            None => settings.get_or("poll-from", &request.started_at),
        };
        let (from, seen) = text.split_once(';').unwrap_or((text, "0"));
        let plain = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | 'T' | 'Z' | '.' | '+');
        match seen.parse() {
            Ok(seen) if from.len() >= 19 && from.chars().all(plain) => Ok(Self {
                from: from.to_owned(),
                seen,
            }),
            _ => {
                let text = "the cursor, or the setting `poll-from`, is no RFC 3339 moment";
                Err(Problem::settings("cursor-invalid", text)
                    .with_value(text)
                    .into())
            }
        }
    }
}

fn query(cursor: &Cursor, page: u32, settings: &Settings<'_>) -> Result<Request, Refusal> {
    let path = settings::odata_path(settings)?;
    let from = cursor.from.replace(':', "%3A").replace('+', "%2B");
    let mut query = format!(
        "{path}/A_SalesOrder?$filter=LastChangeDateTime%20ge%20datetimeoffset'{from}'&$orderby=LastChangeDateTime,SalesOrder&$skip={}&$top={page}&$expand=to_Item,to_Partner&$format=json",
        cursor.seen
    );
    if let Some(client) = settings.get("sap-client") {
        query.push_str("&sap-client=");
        query.push_str(client);
    }
    Ok(Request::get(query).with_header("accept", "application/json"))
}

/// The page is a message as it is, and decoded like one that SAP sent.
fn read(response: &Response, cursor: &Cursor, page: u32) -> Result<PollStep, Refusal> {
    let tree = Tree::parse(&response.body).map_err(Problem::from)?;
    let orders = odata::results(tree.root()).unwrap_or_default();
    let more = orders.len() >= page as usize;
    let next = if more || !orders.is_empty() && changed_since(orders, cursor) {
        advance(orders, cursor)
    } else {
        // What was passed over may have changed meanwhile: next time from the moment on.
        format!("{};0", cursor.from)
    };
    let message = PolledMessage::new("application/json", response.body.clone());
    Ok(PollStep::Messages(Polled {
        messages: match orders.is_empty() {
            true => Vec::new(),
            false => vec![message],
        },
        cursor: Some(next),
        more,
    }))
}

/// The moment of the last order. Those of that very moment come again with the next
/// poll, which does no harm: they are known by number and revision. Only where a whole
/// page has the moment that was asked for does the next one pass over it.
fn advance(orders: &[Node<'_>], cursor: &Cursor) -> String {
    match orders.last().map(changed) {
        Some(Some(last)) if last != cursor.from => format!("{last};0"),
        _ => format!("{};{}", cursor.from, cursor.seen + orders.len()),
    }
}

fn changed_since(orders: &[Node<'_>], cursor: &Cursor) -> bool {
    let last = orders.last().and_then(changed);
    last.is_some_and(|last| last != cursor.from)
}

/// LastChangeDateTime in UTC.
fn changed(order: &Node<'_>) -> Option<String> {
    let text = order.get("LastChangeDateTime").and_then(Node::as_str)?;
    let moment = odata::moment(text)?;
    let utc = moment.text.strip_suffix("+00:00")?;
    Some(format!("{utc}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossdock_sdk::{Document, Inbound};

    fn request(cursor: Option<&str>) -> PollRequest {
        PollRequest {
            cursor: cursor.map(str::to_owned),
            started_at: "2026-03-01T09:30:00Z".to_owned(),
            settings: [("poll-page", "2"), ("sap-client", "100")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        }
    }

    fn answered(cursor: Option<&str>, status: u16, body: &str) -> Result<PollStep, Refusal> {
        let request = request(cursor);
        let PollStep::Send(sent) = poll(&request, &[]).unwrap() else {
            panic!("the first step asks")
        };
        let outcome = Outcome::Response(Response {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        });
        poll(&request, &[Exchange::new(sent, outcome)])
    }

    fn page(changes: &[(&str, u64)]) -> String {
        let orders: Vec<String> = changes
            .iter()
            .map(|(number, ms)| {
                format!(
                    r#"{{"SalesOrder":"{number}","LastChangeDateTime":"/Date({ms}+0000)/","to_Item":{{"results":[{{"SalesOrderItem":"10","Material":"TG11","RequestedQuantity":"1","RequestedQuantityUnit":"PC"}}]}}}}"#
                )
            })
            .collect();
        format!(r#"{{"d":{{"results":[{}]}}}}"#, orders.join(","))
    }

    fn polled(cursor: Option<&str>, changes: &[(&str, u64)]) -> Polled {
        match answered(cursor, 200, &page(changes)).unwrap() {
            PollStep::Messages(polled) => polled,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn asks_from_the_cursor_on() {
        let PollStep::Send(sent) = poll(&request(Some("2026-02-01T00:00:00Z;7")), &[]).unwrap()
        else {
            panic!()
        };
        assert_eq!(
            sent.path,
            "/sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrder?$filter=LastChangeDateTime%20ge%20datetimeoffset'2026-02-01T00%3A00%3A00Z'&$orderby=LastChangeDateTime,SalesOrder&$skip=7&$top=2&$expand=to_Item,to_Partner&$format=json&sap-client=100"
        );
        assert_eq!(
            poll(&request(Some("then")), &[]).unwrap_err().code,
            "cursor-invalid"
        );
    }

    #[test]
    fn goes_on_page_by_page_without_missing_a_moment() {
        let first = polled(None, &[("1", 1_000), ("2", 2_000)]);
        assert!(first.more);
        assert_eq!(first.cursor.as_deref(), Some("1970-01-01T00:00:02Z;0"));
        let [message] = first.messages.as_slice() else {
            panic!("a page is a message")
        };
        let decoded = crate::decode::decode(&Inbound {
            message_id: "m-1".to_owned(),
            received_at: "2026-03-01T09:30:00Z".to_owned(),
            content_type: message.content_type.clone(),
            headers: message.headers.clone(),
            settings: Vec::new(),
            body: message.body.clone(),
        });
        let Ok(order) = &decoded.unwrap().documents[0] else {
            panic!()
        };
        assert!(matches!(&order.document, Document::Order(order) if order.order_no == "1"));
        // A page of nothing but the moment that was asked for is passed over.
        let stuck = polled(first.cursor.as_deref(), &[("2", 2_000), ("3", 2_000)]);
        assert_eq!(stuck.cursor.as_deref(), Some("1970-01-01T00:00:02Z;2"));
        let last = polled(stuck.cursor.as_deref(), &[("4", 2_000)]);
        assert!(!last.more);
        assert_eq!(last.cursor.as_deref(), Some("1970-01-01T00:00:02Z;0"));
        let nothing = polled(last.cursor.as_deref(), &[]);
        assert_eq!(nothing.cursor, last.cursor);
        assert!(nothing.messages.is_empty());
    }

    #[test]
    fn waits_and_refuses() {
        assert!(matches!(answered(None, 503, ""), Ok(PollStep::Retry(_))));
        assert_eq!(answered(None, 404, "").unwrap_err().code, "poll-refused");
        assert!(answered(None, 200, "<html/>").is_err());
    }
}
