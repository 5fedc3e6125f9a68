//! Salesforce: orders both ways; order status with a timeline, service cases and
//! notifications out.
//!
//! Orders come in as platform events that a relay delivers, or as pages of a query that
//! is polled. What goes out is upserted by an external id, so that a second attempt
//! changes nothing. OAuth is the host's work; nothing here sees a token.
//!
//! In reading order: `settings` for what differs from org to org, `decode` for records
//! and events, `answer` for what Salesforce's errors mean, `talk` for what is said for
//! each kind of document, and `poll`.
//!
//! Facts of the API are from <https://developer.salesforce.com/docs>: the REST API guide
//! (upsert by external id, sObject collections, query, status codes), the object
//! reference and the platform events guide. What these do not say is marked as
//! unverified where it stands.

use crossdock_sdk::{
    Adapter, Decoded, Delivery, Description, Exchange, Inbound, PartnerKind, PollRequest, PollStep,
    Problem, Step,
};

mod answer;
mod decode;
mod poll;
mod settings;
mod talk;

/// The adapter.
pub struct Salesforce;

impl Adapter for Salesforce {
    fn describe() -> Description {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Description {
            formats: list(&["Salesforce REST API", "Salesforce platform events as JSON"]),
            decodes: list(&["order", "return-authorization"]),
            encodes: list(&[
                "order",
                "order-response",
                "shipment",
                "milestone",
                "service-case",
                "notification",
            ]),
            settings: settings::described(),
            ..Description::new(
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                PartnerKind::Crm,
            )
        }
    }

    fn decode(message: Inbound) -> Result<Decoded, Problem> {
        decode::decode(&message)
    }

    fn next(delivery: Delivery, past: &[Exchange]) -> Result<Step, Problem> {
        talk::next(&delivery, past)
    }

    fn poll(request: PollRequest, past: &[Exchange]) -> Result<PollStep, Problem> {
        poll::poll(&request, past)
    }
}

crossdock_sdk::export!(Salesforce);
