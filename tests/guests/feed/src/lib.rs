//! An adapter for a partner that sends nothing but is asked for orders, several at a
//! time: each is a message of its own, as in no dialect that we ship.
//!
//! `GET /feed?after=N` answers a line for each order after the first N, and a last line
//! `more` when there are others behind them. The cursor counts the orders.

use crossdock_sdk::{
    Adapter, Decoded, Description, Document, Exchange, Inbound, ItemId, Order, OrderLine, Outcome,
    PartnerKind, PollRequest, PollStep, Polled, PolledMessage, Problem, Quantity, Request, Retry,
    Source,
};

/// The header by which a message says which order of the feed it is.
const COUNT_HEADER: &str = "feed-count";

/// The adapter.
pub struct Feed;

impl Adapter for Feed {
    fn describe() -> Description {
        Description {
            formats: vec!["order numbers, a line each".to_owned()],
            decodes: vec!["order".to_owned()],
            ..Description::new(
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                PartnerKind::Shop,
            )
        }
    }

    fn decode(message: Inbound) -> Result<Decoded, Problem> {
        let Some(count) = message.header(COUNT_HEADER) else {
            return Err(Problem::adapter(
                "count-missing",
                "no header says the place",
            ));
        };
        let line = OrderLine::new("1", Quantity::each(1), vec![ItemId::sku("TEA")]);
        let mut order = Order::new(String::from_utf8_lossy(&message.body));
        order.lines = vec![line];
        order.notes = vec![format!("number {count}")];
        let mut decoded = Decoded::default();
        decoded.push(Document::Order(order), Source::new("feed", 0));
        Ok(decoded)
    }

    fn poll(request: PollRequest, past: &[Exchange]) -> Result<PollStep, Problem> {
        let after = match &request.cursor {
            None => 0,
            Some(cursor) => cursor
                .parse::<usize>()
                .map_err(|_| Problem::adapter("cursor-invalid", "the cursor is no number"))?,
        };
        match past.last().map(|exchange| &exchange.outcome) {
            None => Ok(PollStep::Send(Request::get(format!("/feed?after={after}")))),
            Some(Outcome::Response(answer)) if answer.is_success() => {
                Ok(PollStep::Messages(read(&answer.body, after)))
            }
            Some(_) => {
                let problem = Problem::partner_data("feed-unavailable", "the feed has no news");
                Ok(PollStep::Retry(Retry::new(problem.retryable())))
            }
        }
    }
}

fn read(body: &[u8], after: usize) -> Polled {
    let text = String::from_utf8_lossy(body);
    let orders: Vec<_> = text.lines().filter(|line| *line != "more").collect();
    let messages = orders.iter().zip(after + 1..).map(|(order, count)| {
        PolledMessage::new("text/plain", order.as_bytes())
            .with_header(COUNT_HEADER, count.to_string())
    });
    let cursor = (after + orders.len()).to_string();
    let polled = Polled::new(messages.collect(), Some(cursor));
    if text.lines().last() == Some("more") {
        polled.and_more()
    } else {
        polled
    }
}

crossdock_sdk::export!(Feed);
