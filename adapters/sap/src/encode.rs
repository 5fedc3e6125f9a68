//! A document to requests, and SAP's answers to a verdict.
//!
//! A shipment, or an order that goes out as a delivery, is one IDoc: a POST, or a file
//! in a drop folder. An order that goes out as a sales order is a conversation, and so is
//! a shipment that becomes an outbound delivery.

use crossdock_sdk::{
    Blame, Delivery, Document, Exchange, Outcome, Problem, Request, Response, Retry, Step, odata,
};

use crate::settings::{self, DeliveryWriting, IdocWriting, OdataWriting};
use crossdock_sdk::Refusal;

mod conversation;
mod delivery;
mod outbound;
mod sales_order;
mod script;

/// The media type of an IDoc.
const IDOC_MEDIA_TYPE: &str = "application/xml";

/// How much of SAP's words a problem repeats, in characters.
const WORDS_CHARS_MAX: usize = 300;

/// What to do next.
///
/// # Errors
/// When the settings are wrong or the document can't be said.
pub(crate) fn next(delivery: &Delivery, past: &[Exchange]) -> Result<Step, Refusal> {
    if let Some(problem) = settings::misspelled(&delivery.settings) {
        return Err(problem.into());
    }
    match &delivery.document {
        Document::Order(order) if !settings::orders_are_deliveries(&delivery.settings)? => {
            let config = OdataWriting::new(&delivery.settings)?;
            conversation::next(order, delivery, &config, past)
        }
        Document::Shipment(shipment) if settings::shipments_are_deliveries(&delivery.settings)? => {
            let config = DeliveryWriting::new(&delivery.settings)?;
            outbound::next(shipment, delivery, &config, past)
        }
        Document::Order(_) | Document::Shipment(_) => idoc(delivery, past),
        other => {
            let kind = other.kind();
            let text = format!("this adapter sends orders and shipments, no {kind}");
            Err(Problem::adapter("encode-unsupported", text)
                .with_remedy("route the document to a partner whose adapter encodes it")
                .into())
        }
    }
}

fn idoc(delivery: &Delivery, past: &[Exchange]) -> Result<Step, Refusal> {
    match past.last().map(|exchange| &exchange.outcome) {
        None => {
            let config = IdocWriting::new(&delivery.settings)?;
            let body = delivery::write(delivery, &config)?;
            let path = with_client(config.path, config.client, "");
            let name = format!("DELVRY07-{}.xml", delivery.control_number);
            let request = Request::post(path, IDOC_MEDIA_TYPE, body).with_file_name(name);
            Ok(Step::Send(request))
        }
        Some(Outcome::Response(response)) => Ok(match response.status {
            200..=299 => Step::Done(None),
            _ => refused(response),
        }),
        Some(Outcome::Stored(_)) => Ok(Step::Done(None)),
        Some(Outcome::Other(words)) => Err(outcome_unknown(words)),
    }
}

/// A path with its query and the client.
fn with_client(path: &str, client: Option<&str>, query: &str) -> String {
    match (client, query) {
        (None, "") => path.to_owned(),
        (None, query) => format!("{path}?{query}"),
        (Some(client), "") => format!("{path}?sap-client={client}"),
        (Some(client), query) => format!("{path}?{query}&sap-client={client}"),
    }
}

fn outcome_unknown(words: &str) -> Refusal {
    let text = format!("the host reports an outcome that this adapter lacks: {words}");
    Problem::adapter("outcome-unknown", text).into()
}

/// The verdict on an answer that is no success.
fn refused(response: &Response) -> Step {
    match response.status {
        408 | 425 | 429 | 500..=599 => Step::Retry(wait(response, "answer-unavailable")),
        // Not a verdict on the document: it went to the wrong place, or by the wrong name.
        300..=399 | 401 | 403 | 404 | 405 => {
            let problem = told(response, "answer-misdirected").with_remedy(match response.status {
                401 | 403 => "check the partner's credential, and the user's authorizations in SAP (transaction SU53)",
                _ => "check the endpoint, the settings `odata-path` and `idoc-path`, and that the service is active (transactions SICF, /IWFND/MAINT_SERVICE)",
            });
            Step::Rejected(Problem {
                blame: Blame::Settings,
                ..problem
            })
        }
        _ => Step::Rejected(told(response, "answer-refused")),
    }
}

/// Not now; after as many seconds as SAP says. A date is left to the host, which has a
/// clock.
pub(crate) fn wait(response: &Response, code: &str) -> Retry {
    let retry = Retry::new(told(response, code).retryable());
    let seconds = response
        .header("retry-after")
        .and_then(|text| text.trim().parse().ok());
    Retry {
        after_seconds: seconds,
        ..retry
    }
}

/// What SAP said, with its message number and what it points at.
pub(crate) fn told(response: &Response, code: &str) -> Problem {
    let status = response.status;
    let fault = odata::Fault::of(&response.body);
    let shorten = |text: &str| text.chars().take(WORDS_CHARS_MAX).collect::<String>();
    let words = match &fault {
        Some(fault) => shorten(&fault.text),
        None => shorten(str::from_utf8(&response.body).unwrap_or_default().trim()),
    };
    let text = if words.is_empty() {
        format!("SAP answered {status}")
    } else {
        format!("SAP answered {status}: {words}")
    };
    let mut problem =
        Problem::partner_data(code, text).with_extra("http-status", status.to_string());
    if let Some(fault) = fault {
        if !fault.code.is_empty() {
            problem = problem.with_extra("sap-code", &fault.code);
        }
        if let Some(target) = &fault.target {
            problem = problem.with_extra("sap-target", target);
        }
        for detail in &fault.details {
            problem = problem.with_extra("sap-detail", shorten(detail));
        }
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossdock_sdk::{ItemId, Moment, Quantity, Shipment, ShipmentLine, ShipmentStatus};

    fn shipment() -> Delivery {
        let moment = Moment::local("2026-03-01");
        let mut shipment = Shipment::new("S1", "80000102", ShipmentStatus::Complete, moment);
        let items = vec![ItemId::sku("TG11")];
        let line = ShipmentLine::new("10", Quantity::each(2), ShipmentStatus::Complete, items);
        shipment.lines.push(line);
        let mut delivery = Delivery::new(Document::Shipment(shipment));
        delivery.settings = [("sender-partner", "US"), ("receiver-partner", "THEM")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        delivery
    }

    fn answered(status: u16, headers: &[(&str, &str)]) -> Step {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let outcome = Outcome::Response(Response {
            status,
            headers,
            body: b"no".to_vec(),
        });
        next(&shipment(), &[Exchange::new(Request::get(""), outcome)]).unwrap()
    }

    #[test]
    fn judges_every_status_of_an_idoc() {
        for code in 100..=700 {
            let step = answered(code, &[]);
            let fits = match code {
                200..=299 => step == Step::Done(None),
                408 | 425 | 429 | 500..=599 => matches!(step, Step::Retry(_)),
                _ => matches!(step, Step::Rejected(_)),
            };
            assert!(fits, "{code}: {step:?}");
        }
        let stored = Exchange::new(Request::get(""), Outcome::Stored("x.xml".to_owned()));
        assert_eq!(next(&shipment(), &[stored]).unwrap(), Step::Done(None));
    }

    #[test]
    fn waits_as_long_as_sap_says() {
        let seconds = |value: &str| match answered(503, &[("retry-after", value)]) {
            Step::Retry(retry) => retry.after_seconds,
            other => panic!("{other:?}"),
        };
        assert_eq!(seconds(" 120 "), Some(120));
        assert_eq!(seconds("Fri, 31 Dec 1999 23:59:59 GMT"), None);
    }

    #[test]
    fn the_same_delivery_gives_the_same_bytes() {
        let first = next(&shipment(), &[]).unwrap();
        assert_eq!(first, next(&shipment(), &[]).unwrap());
        let Step::Send(request) = first else { panic!() };
        assert_eq!(request.path, "/sap/bc/idoc_xml");
        assert_eq!(request.file_name.as_deref(), Some("DELVRY07-1.xml"));
        assert_eq!(
            with_client("/x", Some("100"), "$top=1"),
            "/x?$top=1&sap-client=100"
        );
        assert_eq!(with_client("/x", Some("100"), ""), "/x?sap-client=100");
    }
}
