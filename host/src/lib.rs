//! Crossdock: a WebAssembly plugin host for partner adapters in distribution.
//!
//! A message moves one way:
//!
//! ```text
//! ingress ─► journal ─► decode ─┬─► process ─┬─► encode ─► deliver
//!                               └─► route ───┘
//! ```
//!
//! What a partner with a role says of an order, a shipment, stock or a return moves that
//! [`process`], which decides who is sent what; all else, and copies, go by the table
//! ([`route`]).
//!
//! Each stage is a module and knows nothing of the others; the [`engine`] moves
//! messages between them and journals each step before the next begins. The
//! journal is the truth, everything else a view of it. Adapters run in the
//! [`sandbox`] and can do nothing but compute.
//!
//! `ARCHITECTURE.md` has the map and the invariants.

pub mod clock;
pub mod failpoint;
pub mod lookup;
pub mod message;
pub mod record;

mod interrupt;
pub mod metrics;
mod private;
pub mod secret;

pub mod contract;

pub mod ingress;
pub mod intake;
pub mod listener;

pub mod journal;
pub mod view;

pub mod registry;
pub mod sandbox;
pub mod toolchain;

pub mod partner;
pub mod process;
pub mod route;
pub mod tables;

pub mod deliver;

pub mod engine;

pub mod api;

pub mod simulate;

pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
