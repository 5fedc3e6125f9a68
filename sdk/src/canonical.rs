//! Constructors for the canonical records.
//!
//! The contract's records have many fields that are mostly absent. Each `new` takes
//! what must be known and leaves the rest absent or empty; fields are public, so the
//! rest is set by name:
//!
//! ```
//! use crossdock_sdk::{Order, Party, PartyRole};
//!
//! let order = Order {
//!     customer_po: Some("PO-77".to_owned()),
//!     parties: vec![Party::new(PartyRole::ShipTo)],
//!     ..Order::new("SO-1")
//! };
//! assert!(order.lines.is_empty());
//! ```
//!
//! A constructor lists every field, so a change of the contract does not compile
//! until somebody has decided what the new field starts from.

mod acknowledgement;
mod document;
mod inventory;
mod invoice;
mod moment;
mod order;
mod returns;
mod service;
mod shipment;
mod types;
