//! Partners that are not there: small systems on loopback with state, numbers and
//! books of their own, for the demo, for tests and for those who write adapters.
//!
//! Each is written from what is known of the real system's interface, not from our
//! adapter for it, and refuses what the real one refuses, in its words. It is a
//! [`partner::Partner`]: pure in (state, request, time). A [`server::Simulator`] gives
//! it sockets, a [`script::Script`] by which it misbehaves, and books to look into.
//!
//! They know the host only by its interfaces, and nothing else of this program but
//! its clock, its words for X12 and IDocs, and how a token is made.

pub mod partner;
pub mod script;
pub mod wire;

pub mod books;
pub mod ingress;
pub mod server;

pub mod canonical;
pub mod salesforce;
pub mod sap;
pub mod shipbob;
pub mod x12;

pub mod connection;

#[cfg(test)]
mod contract;
