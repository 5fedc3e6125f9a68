//! How documents reach partners: the machines that decide and the transports.
//!
//! What decides is a pure function of state, event, time and randomness, all
//! given: [`retry`] (when again, when never), [`retry_after`] (what the partner
//! asks for) and [`signals`] (how much more it takes), [`budget`] (how much load
//! retries may add), [`rate`] and [`pace`] (when the next request may go), [`breaker`]
//! and, holding one of each per partner, [`lane`]: the queue that says what is
//! dispatched next.
//!
//! What acts are the transports: [`http`], which reaches only the addresses
//! that [`address`] allows and applies the partner's [`credentials`], and
//! [`folder`]. [`endpoint`] is the configuration of all of it.
//!
//! This module leaves to the engine: what is journaled and when, which adapter
//! speaks, and what a dead letter becomes.

pub mod retry;

pub mod retry_after;

pub mod budget;

pub mod rate;

pub mod breaker;

pub mod signals;

pub mod pace;

pub mod lane;

pub mod address;

pub mod credentials;

pub mod http;

pub mod folder;

pub mod endpoint;

pub mod transport;

/// Who has to act when something fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The partner: it is down, slow or wrong.
    Partner,
    /// The adapter's author.
    Adapter,
    /// Whoever configured this host.
    Settings,
    /// This machine: disk, memory, network.
    Host,
}
