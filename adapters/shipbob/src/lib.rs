//! ShipBob, a third-party warehouse with a REST API and webhooks: orders out;
//! shipments, milestones and returns in as they happen; stock by polling.
//!
//! ShipBob signs its webhooks as Standard Webhooks does; that is checked by the host
//! before a message comes here, and so is the token of every request.
//!
//! In reading order: `settings` for what differs from merchant to merchant, `decode`
//! for webhooks and polled pages, `encode` for the JSON of an order, `talk` for what is
//! said to place, cancel or change one, and `poll`.
//!
//! Facts of the API are from <https://developer.shipbob.com>: the reference of version
//! 2026-01, the pages on webhooks, errors, rate limits and statuses. What these do not
//! say is marked as unverified where it stands, and is a setting where it matters.

use crossdock_sdk::{
    Adapter, Decoded, Delivery, Description, Exchange, Inbound, PartnerKind, PollRequest, PollStep,
    Problem, Step,
};

mod announce;
mod decode;
mod encode;
mod poll;
mod settings;
mod talk;

/// The adapter.
pub struct ShipBob;

impl Adapter for ShipBob {
    fn describe() -> Description {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Description {
            formats: list(&["ShipBob REST API and webhooks, 2026-01"]),
            decodes: list(&[
                "shipment",
                "milestone",
                "return-receipt",
                "return-disposition",
                "inventory-snapshot",
            ]),
            encodes: list(&["order", "return-authorization"]),
            settings: settings::described(),
            ..Description::new(
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                PartnerKind::Warehouse,
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

crossdock_sdk::export!(ShipBob);
