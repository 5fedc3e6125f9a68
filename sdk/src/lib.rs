//! Write partner adapters for Crossdock in Rust.
//!
//! An adapter is a WebAssembly component that translates between one partner's
//! dialect and the canonical documents of `wit/`. It has no network, files, clock or
//! randomness; the host performs every request that it asks for. So all of it is
//! plain code that `cargo test` runs natively, and any message ever received can be
//! run through it again with the same result.
//!
//! A whole adapter, for a shop that sends orders as lines `ORDER;SKU;PIECES`:
//!
//! ```
//! use crossdock_sdk::{
//!     Adapter, Decoded, Description, Document, Inbound, ItemId, Order, OrderLine, PartnerKind,
//!     Place, Problem, Quantity, Source,
//! };
//!
//! struct Shop;
//!
//! impl Adapter for Shop {
//!     fn describe() -> Description {
//!         Description {
//!             formats: vec!["lines of order, SKU and pieces".to_owned()],
//!             decodes: vec!["order".to_owned()],
//!             ..Description::new("shop", "0.1.0", PartnerKind::Shop)
//!         }
//!     }
//!
//!     fn decode(message: Inbound) -> Result<Decoded, Problem> {
//!         let text = String::from_utf8(message.body)
//!             .map_err(|_| Problem::partner_data("text-invalid", "the message is not UTF-8"))?;
//!         let mut decoded = Decoded::default();
//!         for (position, line) in (0..).zip(text.lines()) {
//!             let source = Source::new("shop", position);
//!             match order(line) {
//!                 Ok(order) => decoded.push(Document::Order(order), source),
//!                 Err(problem) => decoded.refuse(vec![problem.at(Place::Line(position + 1))], source),
//!             }
//!         }
//!         Ok(decoded)
//!     }
//! }
//!
//! fn order(line: &str) -> Result<Order, Problem> {
//!     let [order_no, sku, pieces] = line.split(';').collect::<Vec<_>>()[..] else {
//!         return Err(Problem::partner_data("field-count", "expected three fields").with_value(line));
//!     };
//!     let pieces = pieces.parse().map_err(|_| {
//!         Problem::partner_data("count-invalid", "expected a number of pieces").with_value(pieces)
//!     })?;
//!     let line = OrderLine::new("1", Quantity::each(pieces), vec![ItemId::sku(sku)]);
//!     Ok(Order { lines: vec![line], ..Order::new(order_no) })
//! }
//!
//! crossdock_sdk::export!(Shop);
//!
//! let decoded = Shop::decode(Inbound::new("SO-1;TEA;3\nSO-2;TEA;many")).unwrap();
//! assert!(decoded.documents[0].is_ok());
//! assert_eq!(decoded.documents[1].as_ref().unwrap_err().problems[0].place, Place::Line(2));
//! ```
//!
//! Build it as a `cdylib` for `wasm32-unknown-unknown`; `crossdock adapter build`
//! makes the component. Its own tests are golden files: see `testing`, behind the
//! feature of that name.
//!
//! In reading order: [`Adapter`] and [`export!`], the constructors of [`canonical`]
//! records, [`Settings`], [`host`], [`decimal`], [`json`], [`http`] and
//! [`conversation`] for partners with a web API, [`x12`], [`idoc`], [`odata`].

#[cfg(any(test, target_arch = "wasm32"))]
mod abi;
pub mod adapter;
#[cfg(any(test, target_arch = "wasm32"))]
mod alloc;
#[doc(hidden)]
pub mod bindings;
pub mod canonical;
#[cfg(target_arch = "wasm32")]
mod component;
pub mod conversation;
pub mod decimal;
pub mod host;
pub mod http;
pub mod idoc;
pub mod json;
mod message;
mod near;
pub mod odata;
#[cfg(target_arch = "wasm32")]
mod panic;
mod problem;
mod refusal;
mod serial;
pub mod settings;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub mod testing;
pub mod x12;

pub use adapter::Adapter;
pub use refusal::Refusal;
pub use settings::Settings;

// The contract, interface by interface.
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

/// What [`export!`] expands to needs; nothing for anybody else.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod __private {
    pub use crate::alloc::Bump;
    pub use crate::component::{decode, describe, next, poll};
}
