//! SAP ERP and S/4HANA: IDocs as XML both ways, sales orders over OData.
//!
//! In come IDocs of the types ORDERS05, DELVRY03 to DELVRY07, INVOIC01 and INVOIC02,
//! SYSTAT01 and ALEAUD01, and sales orders as `API_SALES_ORDER_SRV` gives them, sent or
//! polled. Out go deliveries as DELVRY07 (an instruction from an order, a confirmation
//! from a shipment) and orders as sales orders, in a conversation that fetches a token,
//! looks whether the order is there already and creates it.
//!
//! Two rules hold everywhere. What is read and has no field in the contract is kept
//! among the extras, under the name of its segment and field. What is to be written and
//! would change what the other side does, but has no place there, is refused with its
//! place in the document; nothing is cut.
//!
//! In reading order: `codes` and `wire` for how the dialect spells things, `settings`
//! for what differs from partner to partner, then `decode`, `encode` and `poll`.

use crossdock_sdk::{
    Adapter, Decoded, Delivery, Description, Exchange, Inbound, PartnerKind, PollRequest, PollStep,
    Problem, Step,
};

mod codes;
mod decode;
mod encode;
mod poll;
mod settings;
mod wire;

/// The adapter.
pub struct Sap;

impl Adapter for Sap {
    fn describe() -> Description {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Description {
            formats: list(&[
                "IDoc ORDERS05, DELVRY03, DELVRY07, INVOIC01, INVOIC02, SYSTAT01, ALEAUD01 as XML",
                "OData V2 API_SALES_ORDER_SRV",
            ]),
            decodes: list(&[
                "order",
                "order-response",
                "shipment",
                "inbound-notice",
                "invoice",
                "functional-acknowledgement",
            ]),
            encodes: list(&["order", "shipment"]),
            settings: settings::described(),
            ..Description::new("sap", env!("CARGO_PKG_VERSION"), PartnerKind::Erp)
        }
    }

    fn decode(message: Inbound) -> Result<Decoded, Problem> {
        Ok(decode::decode(&message)?)
    }

    fn next(delivery: Delivery, past: &[Exchange]) -> Result<Step, Problem> {
        Ok(encode::next(&delivery, past)?)
    }

    fn poll(request: PollRequest, past: &[Exchange]) -> Result<PollStep, Problem> {
        Ok(poll::poll(&request, past)?)
    }
}

crossdock_sdk::export!(Sap);
