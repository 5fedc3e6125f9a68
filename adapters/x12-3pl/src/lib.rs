//! X12 with a third-party warehouse: orders, notices of goods to come and returns out;
//! shipments, receipts, stock and acknowledgements in.
//!
//! The dialect is ASC X12 4010 or 5010. Out go the transaction sets 940 (warehouse
//! shipping order), 943 (stock transfer shipment advice) and 180 (return merchandise
//! authorization); in come 945 (warehouse shipping advice), 944 (stock transfer receipt
//! advice), 947 (inventory adjustment advice) and 846 (inventory advice); 997 or 999
//! (functional acknowledgement) go both ways. What goes out is read too, for whoever
//! plays the warehouse. A message holds any number of sets; each is judged alone, and
//! every group that is not itself an acknowledgement is owed one.
//!
//! Two rules hold everywhere. What is read and has no field in the contract is kept
//! among the extras, under the name of its element. What is to be written and has no
//! place in X12 is refused with its place in the document; nothing is cut.
//!
//! In reading order: `wire` and `codes` for how the dialect spells things, `settings`
//! for what differs from partner to partner, then `decode` and `encode`.

use crossdock_sdk::{
    Adapter, Decoded, Delivery, Description, Exchange, Inbound, PartnerKind, Problem, Step,
};

mod codes;
mod decode;
mod encode;
mod settings;
mod wire;

/// The adapter.
pub struct Warehouse;

impl Adapter for Warehouse {
    fn describe() -> Description {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Description {
            formats: list(&[
                "X12 4010 180, 846, 940, 943, 944, 945, 947, 997",
                "X12 5010 180, 846, 940, 943, 944, 945, 947, 997, 999",
            ]),
            decodes: list(&[
                "shipment",
                "inbound-receipt",
                "return-receipt",
                "inventory-adjustment",
                "inventory-snapshot",
                "functional-acknowledgement",
                "order",
                "inbound-notice",
                "return-authorization",
            ]),
            encodes: list(&[
                "order",
                "inbound-notice",
                "return-authorization",
                "functional-acknowledgement",
            ]),
            settings: settings::described(),
            ..Description::new("x12-3pl", env!("CARGO_PKG_VERSION"), PartnerKind::Warehouse)
        }
    }

    fn decode(message: Inbound) -> Result<Decoded, Problem> {
        Ok(decode::decode(&message)?)
    }

    fn next(delivery: Delivery, past: &[Exchange]) -> Result<Step, Problem> {
        Ok(encode::next(&delivery, past)?)
    }
}

crossdock_sdk::export!(Warehouse);
