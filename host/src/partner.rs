//! Partners: the systems that messages are exchanged with.
//!
//! A partner is an adapter with settings, tables to look things up in, and an
//! endpoint to send to. What is here was checked at start and, but for the tables, does
//! not change while the host runs.

pub mod poll;
mod tables;
mod terms;

use std::{collections::BTreeMap, fmt, sync::Arc};

pub use self::{
    tables::{Call, Snapshot, Tables, Versioned},
    terms::{Action, Actions, ControlNumbers, Terms},
};

use crate::{
    deliver::{
        endpoint,
        transport::{Standing, Transport},
    },
    message::PartnerName,
    process::Role,
};

/// One partner.
pub struct Partner {
    /// Its name.
    pub name: PartnerName,
    /// What it is to the business; none for a partner that processes leave alone.
    pub role: Option<Role>,
    /// The kinds of document that processes send it; absent for all that its adapter
    /// writes.
    pub takes: Option<Vec<String>>,
    /// The adapter that speaks its dialect.
    pub adapter: String,
    /// What the adapter is told with every call.
    pub settings: Vec<(String, String)>,
    /// What the adapter may look up.
    pub tables: Tables,
    /// Where deliveries go; none for a partner that only sends.
    pub endpoint: Option<Endpoint>,
    /// Whether it is sent the acknowledgements that it is owed.
    pub acknowledge: bool,
    /// When it is asked for news; never if absent.
    pub poll: Option<poll::Plan>,
    /// What is agreed about acknowledgements and control numbers.
    pub terms: Terms,
}

/// Where deliveries go, and how.
pub struct Endpoint {
    /// Limits, retries, breaker.
    pub config: endpoint::Config,
    /// What carries them.
    pub transport: Transport,
}

/// All partners.
#[derive(Default)]
pub struct Partners(BTreeMap<PartnerName, Arc<Partner>>);

// === impl Partner ===

impl Partner {
    /// Where deliveries go, for a person to read.
    #[must_use]
    pub fn endpoint_text(&self) -> Option<String> {
        self.endpoint
            .as_ref()
            .map(|endpoint| endpoint.transport.to_string())
    }

    /// How the credentials stand that requests to it carry.
    #[must_use]
    pub fn credentials(&self) -> Vec<Standing> {
        self.endpoint
            .as_ref()
            .map(|endpoint| endpoint.transport.credentials())
            .unwrap_or_default()
    }
}

impl fmt::Debug for Partner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Partner")
            .field("name", &self.name)
            .field("adapter", &self.adapter)
            .finish_non_exhaustive()
    }
}

// === impl Partners ===

impl Partners {
    /// These partners.
    #[must_use]
    pub fn new(partners: impl IntoIterator<Item = Partner>) -> Self {
        let named = partners
            .into_iter()
            .map(|it| (it.name.clone(), Arc::new(it)));
        Self(named.collect())
    }

    /// One by name.
    #[must_use]
    pub fn get(&self, name: &PartnerName) -> Option<Arc<Partner>> {
        self.0.get(name).cloned()
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Partner>> {
        self.0.values()
    }
}
