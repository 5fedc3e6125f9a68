//! The contract between the host and its adapters, and the canonical model.
//!
//! `wit/` is the only definition of both; the Rust types here are generated from
//! it and re-exported one by one, so that the rest of the host says
//! `contract::Shipment` and never sees the generated paths. The JSON form of a
//! document is in [`json`].
//!
//! What a document is about and whether it makes sense are questions to
//! [`business_key`] and [`check`]; running an adapter is the sandbox's work.

#[cfg(test)]
mod agreement;
mod bindings;
mod business_key;
mod check;
mod code;
mod failure;
pub mod json;

pub use self::business_key::{KINDS, begins_event, business_key, identity, is_one_event, kind};
pub use self::check::{Checked, Earlier, check};
pub use self::code::code_text;
pub use self::failure::{blame, failure, place};

pub(crate) use bindings::PartnerAdapter;
pub(crate) use bindings::crossdock::partner::host as imports;

pub use bindings::crossdock::partner::acknowledgement::{
    ElementNote, FunctionalAcknowledgement, SegmentNote, SetNote, Verdict,
};
pub use bindings::crossdock::partner::document::{Document, OtherDocument};
pub use bindings::crossdock::partner::host::Level;
pub use bindings::crossdock::partner::inventory::{
    AdjustmentLine, AdjustmentReason, InboundNotice, InboundReceipt, InventoryAdjustment,
    InventorySnapshot, NoticeLine, ReceiptCondition, ReceiptException, ReceiptLine, ReceiptType,
    SnapshotLine, Stock, StockKind,
};
pub use bindings::crossdock::partner::invoice::{
    Adjustment, Invoice, InvoiceLine, InvoiceType, Tax,
};
pub use bindings::crossdock::partner::order::{
    Decision, Order, OrderLine, OrderResponse, OrderType, Reason, RejectReason, ResponseLine,
};
pub use bindings::crossdock::partner::returns::{
    CreditDecision, Disposition, DispositionLine, ReturnAuthorization, ReturnDisposition,
    ReturnLine, ReturnReason, ReturnReceipt, ReturnReceiptLine, ReturnState,
};
pub use bindings::crossdock::partner::service::{
    CaseCategory, CaseStatus, Notification, NotificationChannel, ServiceCase, Severity,
    TimelineEntry,
};
pub use bindings::crossdock::partner::shipment::{
    Charge, Milestone, MilestoneCode, Package, PackageType, Packed, Shipment, ShipmentLine,
    ShipmentStatus,
};
pub use bindings::crossdock::partner::types::{
    Address, Carrier, Contact, Date, Decimal, Extras, FreightPayment, IdScheme, ItemId, ItemScheme,
    Lot, LotQuantity, Moment, Money, Party, PartyRole, Purpose, Quantity, Reference, Source,
    TransportMode,
};
pub use bindings::exports::crossdock::partner::adapter::{
    Blame, Decoded, DecodedDocument, Delivery, Description, DocumentError, ElementPlace, Envelope,
    EnvelopeKind, Exchange, Inbound, Outcome, PartnerKind, Place, PollRequest, PollStep, Polled,
    PolledMessage, Problem, Reply, Request, Response, Retry, Setting, Step,
};

/// The contract's package and version, as it stands in every import and export
/// of an adapter.
pub const PACKAGE: &str = "crossdock:partner";

/// The version of [`PACKAGE`] that this host serves.
pub const VERSION: &str = "0.1.0";

/// The interface that an adapter exports.
pub const ADAPTER_INTERFACE: &str = "crossdock:partner/adapter@0.1.0";
