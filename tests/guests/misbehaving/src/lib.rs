//! An adapter that does, on demand, what a bad adapter does by accident.
//!
//! The host must contain every one of its deeds: the message fails with a typed
//! error that names the limit, and nobody else notices. `decode` obeys the first
//! word of the message, `next` the order's number (up to a `#`, so that several orders
//! ask for one deed) or what else the document is called; [`Deed`] lists the words. Anything else is answered decently, so that the
//! same adapter serves the messages before and after the bad one.

mod deed;

use crossdock_sdk::{
    Adapter, Decoded, Delivery, Description, Document, Exchange, Inbound, ItemId, Order, OrderLine,
    Outcome, PartnerKind, Problem, Quantity, Request, Retry, Source, Step,
};

use deed::Deed;

/// The adapter.
pub struct Misbehaving;

impl Adapter for Misbehaving {
    fn describe() -> Description {
        Description {
            formats: vec!["a word, then an order number".to_owned()],
            decodes: vec!["order".to_owned()],
            encodes: Document::KINDS
                .iter()
                .map(|kind| (*kind).to_owned())
                .collect(),
            ..Description::new(
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                PartnerKind::Other("test".to_owned()),
            )
        }
    }

    /// `ok SO-1` is one order of that number; `many-documents` is a great many.
    fn decode(message: Inbound) -> Result<Decoded, Problem> {
        let text = String::from_utf8_lossy(&message.body);
        let (word, rest) = text
            .trim()
            .split_once(char::is_whitespace)
            .unwrap_or((text.trim(), ""));
        let deed = Deed::named(word);
        let mut decoded = Decoded::default();
        if deed == Some(Deed::ManyDocuments) {
            for position in 0..deed::DOCUMENTS {
                decoded.push(order(&format!("MANY-{position}")), source(position));
            }
            return Ok(decoded);
        }
        let note = deed.map(Deed::perform).unwrap_or_default();
        match (deed, word) {
            (Some(_), _) | (None, "ok") => {
                let mut document = order(rest.trim());
                if let Document::Order(order) = &mut document {
                    order.notes = note;
                }
                decoded.push(document, source(0));
            }
            _ => {
                let text = format!("there is no deed \"{word}\"");
                let problem = Problem::partner_data("deed-unknown", text).with_value(word);
                decoded.refuse(vec![problem], source(0));
            }
        }
        Ok(decoded)
    }

    /// Sends the document's key once, signed with what the setting `sign-with` names, and
    /// believes any answer.
    fn next(delivery: Delivery, past: &[Exchange]) -> Result<Step, Problem> {
        let key = match &delivery.document {
            Document::Order(order) => order.order_no.as_str(),
            Document::Shipment(shipment) => shipment.order_no.as_str(),
            other => other.kind(),
        };
        let mut body = key.as_bytes().to_vec();
        let word = key.split_once('#').map_or(key, |(word, _)| word);
        if let Some(deed) = Deed::named(word) {
            let notes = deed.perform();
            body.extend(notes.into_iter().flat_map(String::into_bytes));
        }
        match past.last().map(|exchange| &exchange.outcome) {
            None => {
                let name = format!("{}.txt", delivery.control_number);
                let request = Request::post("", "text/plain", body).with_file_name(name);
                let setting = delivery
                    .settings
                    .iter()
                    .find(|(name, _)| name == "sign-with");
                Ok(Step::Send(match setting {
                    Some((_, credential)) => request.with_credential(credential),
                    None => request,
                }))
            }
            Some(Outcome::Response(answer)) if !answer.is_success() => {
                let text = format!("the partner answered {}", answer.status);
                let problem = Problem::partner_data("answer-refused", text).retryable();
                Ok(Step::Retry(Retry::new(problem)))
            }
            Some(_) => Ok(Step::Done(None)),
        }
    }
}

fn order(order_no: &str) -> Document {
    let line = OrderLine::new("1", Quantity::each(1), vec![ItemId::sku("SKU-1")]);
    Document::Order(Order {
        lines: vec![line],
        ..Order::new(order_no)
    })
}

fn source(position: u32) -> Source {
    Source::new("misbehaving", position)
}

crossdock_sdk::export!(Misbehaving);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_decent_when_nothing_bad_is_asked() {
        let decoded = Misbehaving::decode(Inbound::new("ok SO-7")).unwrap();
        let document = &decoded.documents[0].as_ref().unwrap().document;
        let Document::Order(order) = document else {
            panic!("{document:?}")
        };
        assert_eq!(order.order_no, "SO-7");
        let sent = Misbehaving::next(Delivery::new(document.clone()), &[]).unwrap();
        let Step::Send(request) = sent else {
            panic!("{sent:?}")
        };
        assert_eq!(request.body, b"SO-7");
    }

    #[test]
    fn does_what_can_be_done_without_harm() {
        let decode = |text: &str| Misbehaving::decode(Inbound::new(text)).unwrap();
        assert_eq!(
            decode("many-documents").documents.len(),
            deed::DOCUMENTS as usize
        );
        let giant = decode("giant-output SO-1");
        let Document::Order(order) = &giant.documents[0].as_ref().unwrap().document else {
            panic!("not an order")
        };
        assert!(order.notes.iter().map(String::len).sum::<usize>() > 8 * 1024 * 1024);
        assert_eq!(
            decode("dance").documents[0]
                .as_ref()
                .unwrap_err()
                .problems
                .len(),
            1
        );
        let flood = decode("log-flood SO-1");
        assert_eq!(flood.documents.len(), 1);
        let logged: usize = crossdock_sdk::host::fake::take_log()
            .iter()
            .map(|e| e.text.len())
            .sum();
        assert!(logged > 1024 * 1024);
    }
}
