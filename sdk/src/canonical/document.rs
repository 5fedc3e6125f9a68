//! Any document: its kind, and the record that it holds.

use crate::{Document, OtherDocument};

impl Document {
    /// Every kind of document, by its name in the contract; `other` is the last.
    pub const KINDS: [&str; 16] = [
        "order",
        "order-response",
        "inventory-snapshot",
        "inventory-adjustment",
        "inbound-notice",
        "inbound-receipt",
        "shipment",
        "milestone",
        "return-authorization",
        "return-receipt",
        "return-disposition",
        "invoice",
        "service-case",
        "notification",
        "functional-acknowledgement",
        "other",
    ];

    /// The name of its kind (`order`), as in JSON and in an adapter's description.
    pub fn kind(&self) -> &'static str {
        match self {
            Document::Order(_) => "order",
            Document::OrderResponse(_) => "order-response",
            Document::InventorySnapshot(_) => "inventory-snapshot",
            Document::InventoryAdjustment(_) => "inventory-adjustment",
            Document::InboundNotice(_) => "inbound-notice",
            Document::InboundReceipt(_) => "inbound-receipt",
            Document::Shipment(_) => "shipment",
            Document::Milestone(_) => "milestone",
            Document::ReturnAuthorization(_) => "return-authorization",
            Document::ReturnReceipt(_) => "return-receipt",
            Document::ReturnDisposition(_) => "return-disposition",
            Document::Invoice(_) => "invoice",
            Document::ServiceCase(_) => "service-case",
            Document::Notification(_) => "notification",
            Document::FunctionalAcknowledgement(_) => "functional-acknowledgement",
            Document::Other(_) => "other",
        }
    }
}

impl OtherDocument {
    /// A document of a type that only some adapters know (`x12-830`).
    pub fn new(
        type_: impl Into<String>,
        business_key: impl Into<String>,
        content: impl Into<String>,
    ) -> OtherDocument {
        OtherDocument {
            type_: type_.into(),
            business_key: business_key.into(),
            content: content.into(),
            extras: Vec::new(),
        }
    }
}
