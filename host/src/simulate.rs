//! Partners that are not there: small systems on loopback with state, numbers and
//! books of their own, for the demo, for tests and for those who write adapters.
//!
//! They know the host only by its interfaces, and nothing else of this program but
//! its clock, its words for X12 and IDocs, and how a token is made.

pub mod canonical;
pub mod ingress;
pub mod server;
pub mod x12;
