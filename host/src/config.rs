//! The configuration: one TOML file, some settings overridden by environment or
//! flag, read and checked once.
//!
//! Each stage defines its own part; this module gathers them, checks what no stage
//! can check alone, and says of every error where in the file it is and what to
//! type instead. `crossdock.example.toml` shows every setting.

mod partners;
mod processes;
mod roles;
mod tables;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use toml::Spanned;

pub use self::{partners::flat_table, processes::Process, roles::RoleName};
use crate::{
    contract, deliver, engine, ingress,
    ingress::authenticate::TokenHash,
    listener, lookup,
    message::PartnerName,
    partner::{self, ControlNumbers},
    process, route, sandbox,
    tables::AllConfigured,
};

/// Every setting with its default, unit and reason.
pub const EXAMPLE: &str = include_str!("../crossdock.example.toml");

/// The file, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where things are.
    pub server: Server,
    /// Connections.
    #[serde(default)]
    pub listener: listener::Config,
    /// What is taken in.
    #[serde(default)]
    pub ingress: ingress::Config,
    /// The truth.
    #[serde(default)]
    pub journal: Journal,
    /// The view of it.
    #[serde(default)]
    pub view: View,
    /// Guests.
    #[serde(default)]
    pub sandbox: sandbox::Config,
    /// What moves messages.
    #[serde(default)]
    pub engine: engine::Config,
    /// Bounds of cross-reference tables.
    #[serde(default)]
    pub tables: lookup::Config,
    /// What the business wants of its processes.
    #[serde(default)]
    pub process: Process,
    /// Who messages are exchanged with.
    #[serde(default)]
    pub partners: BTreeMap<String, Spanned<Partner>>,
    /// Where documents go.
    #[serde(default, rename = "route")]
    pub routes: Vec<Spanned<route::Rule>>,
}

/// `[server]`: where things are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// `data_directory`: journal, view and compiled adapters.
    pub data_directory: PathBuf,
    /// `adapters_directory`: the components to load, `*.wasm`.
    pub adapters_directory: PathBuf,
    /// `operator_token_sha256`: SHA-256 of the tokens that may operate; with none
    /// the API answers nobody.
    #[serde(default)]
    pub operator_token_sha256: Vec<TokenHash>,
}

/// `[journal]`: the truth.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Journal {
    /// `segment_bytes`: size of a segment file, in bytes. Default 64 MiB.
    pub segment_bytes: u64,
    /// `record_bytes_max`: the largest record, in bytes. Default 16 MiB: the largest
    /// body, with as much room again.
    pub record_bytes_max: usize,
    /// `queue_commits_max`: commits that may wait; more are answered with 503.
    /// Default 4,096.
    pub queue_commits_max: usize,
    /// `checkpoint_bytes`: after so many bytes of records the view is made
    /// durable. Default 16 MiB.
    pub checkpoint_bytes: u64,
    /// `checkpoint_interval_ms`: after so long the view is made durable, in
    /// milliseconds. Default 1,000.
    pub checkpoint_interval_ms: u64,
    /// `retention_days`: for how long messages and what became of them are kept, in
    /// days; at least `engine.idempotency_window_days`. Everything is kept if absent.
    pub retention_days: Option<u32>,
}

/// `[view]`: what is asked of the journal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct View {
    /// `cache_bytes`: how much of it is kept in memory, in bytes. Default 64 MiB.
    pub cache_bytes: u64,
}

/// `[partners.NAME]`: one partner.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partner {
    /// `adapter`: who speaks its dialect.
    pub adapter: Spanned<String>,
    /// `role`: what it is to the business, `erp`, `warehouse`, `crm`, `shop` or `carrier`;
    /// absent for a partner that processes leave alone.
    #[serde(default)]
    pub role: Option<Spanned<RoleName>>,
    /// `takes`: the kinds of document that processes send it, of those that its adapter
    /// writes; absent for all of them.
    #[serde(default)]
    pub takes: Option<Spanned<Vec<String>>>,
    /// `node`: the node that a warehouse runs. Default: the partner's name.
    #[serde(default)]
    pub node: Option<Spanned<String>>,
    /// `acknowledge`: whether it is sent the acknowledgements (997) that it is owed.
    /// Default true.
    #[serde(default = "yes")]
    pub acknowledge: bool,
    /// `expects_acknowledgement`: kinds of document that it acknowledges (997, STATUS, or
    /// the answer to an order) when it is sent them. Default none.
    #[serde(default)]
    pub expects_acknowledgement: Vec<Spanned<String>>,
    /// `acknowledgement_overdue_minutes`: how long after the delivery an acknowledgement
    /// is overdue, in minutes. Default 1,440: a day.
    #[serde(default = "day_in_minutes")]
    pub acknowledgement_overdue_minutes: u32,
    /// `control_numbers`: what irregular numbers of its interchanges and groups lead to.
    #[serde(default)]
    pub control_numbers: ControlNumbers,
    /// `access`: how it may send by HTTP.
    #[serde(default)]
    pub access: ingress::Access,
    /// `folder`: the drop folder whose `inbox/` it writes to; absent when it sends by
    /// HTTP.
    #[serde(default)]
    pub folder: Option<ingress::files::Config>,
    /// `settings`: what the adapter is told; tables become dotted names.
    #[serde(default)]
    pub settings: toml::Table,
    /// `tables`: what the adapter may look up, by table and key.
    #[serde(default)]
    pub tables: BTreeMap<String, BTreeMap<String, String>>,
    /// `table_files`: the same, each in a file of CSV with the columns `key,value`.
    #[serde(default)]
    pub table_files: BTreeMap<String, Spanned<PathBuf>>,
    /// `endpoint`: where deliveries go; absent for a partner that only sends.
    #[serde(default)]
    pub endpoint: Option<Spanned<deliver::endpoint::Config>>,
    /// `credentials`: what an adapter may have a request signed with in place of the
    /// endpoint's `credential`, by the word it chooses it by.
    #[serde(default)]
    pub credentials: BTreeMap<String, deliver::credentials::Config>,
    /// `poll`: when it is asked for news; absent for a partner that sends them.
    #[serde(default)]
    pub poll: Option<Spanned<partner::poll::Config>>,
}

/// What flags and environment put in place of the file's settings.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// In place of `listener.listen`.
    pub listen: Option<std::net::SocketAddr>,
    /// In place of `server.data_directory`.
    pub data_directory: Option<PathBuf>,
    /// In place of `server.adapters_directory`.
    pub adapters_directory: Option<PathBuf>,
}

/// The file, checked.
#[derive(Debug)]
pub struct Checked {
    /// As written, with overrides.
    pub config: Config,
    /// Partners by checked name.
    pub partners: BTreeMap<PartnerName, Partner>,
    /// The routing table.
    pub table: route::Table,
    /// What each partner's adapter may look up.
    pub tables: AllConfigured,
    /// What the business wants of its processes.
    pub policy: process::Policy,
}

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read.
    #[error("can't read {file}: {source}", file = .file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It says something that can't be.
    #[error("{file}: {} {} in the configuration", .faults.len(), if .faults.len() == 1 { "fault" } else { "faults" }, file = .file.display())]
    Faults {
        /// Which file.
        file: PathBuf,
        /// What it says.
        text: String,
        /// All that is wrong.
        faults: Vec<Fault>,
    },
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which setting.
    pub setting: String,
    /// What is wrong and what to do.
    pub text: String,
    /// Where in the file; the whole file when unknown.
    pub span: Option<Range<usize>>,
}

// === impl Config ===

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// All that is wrong, each with its place.
    pub fn load(file: &Path, overrides: &Overrides) -> Result<Checked, Error> {
        let text = std::fs::read_to_string(file).map_err(|source| Error::Read {
            file: file.to_owned(),
            source,
        })?;
        Self::parse(&text, overrides).map_err(|faults| Error::Faults {
            file: file.to_owned(),
            text,
            faults,
        })
    }

    /// Checks the text of a file. Relative paths are relative to the working
    /// directory.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn parse(text: &str, overrides: &Overrides) -> Result<Checked, Vec<Fault>> {
        let mut config: Self = toml::from_str(text).map_err(|error| {
            vec![Fault {
                setting: String::new(),
                text: error.message().to_owned(),
                span: error.span(),
            }]
        })?;
        if let Some(listen) = overrides.listen {
            config.listener.listen = listen;
        }
        if let Some(directory) = &overrides.data_directory {
            config.server.data_directory.clone_from(directory);
        }
        if let Some(directory) = &overrides.adapters_directory {
            config.server.adapters_directory.clone_from(directory);
        }
        config.check()
    }

    fn check(self) -> Result<Checked, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut partners = BTreeMap::new();
        let mut cross_references = BTreeMap::new();
        for (name, partner) in &self.partners {
            match PartnerName::parse(name) {
                Ok(name) => {
                    partners::check(&name, partner, &mut faults);
                    let read = tables::read(&name, partner, &self.tables, &mut faults);
                    cross_references.insert(name.clone(), read);
                    partners::check_acknowledged(&name, partner.get_ref(), &mut faults);
                    partners.insert(name, partner.get_ref().clone());
                }
                Err(error) => faults.push(Fault {
                    setting: format!("partners.{name}"),
                    text: error.to_string(),
                    span: Some(partner.span()),
                }),
            }
        }
        roles::check(&partners, &mut faults);
        self.check_bounds(&mut faults);
        let table = self.routing(&partners, &mut faults);
        let policy = self.process.check(&partners, &self.routes, &mut faults);
        match (table, policy) {
            (Some(table), Some(policy)) if faults.is_empty() => Ok(Checked {
                config: self,
                partners,
                table,
                tables: cross_references,
                policy,
            }),
            _ => Err(faults),
        }
    }

    /// Whether what one stage may hold fits where another keeps it.
    fn check_bounds(&self, faults: &mut Vec<Fault>) {
        let window = self.engine.idempotency_window_days;
        if let Some(days) = self.journal.retention_days
            && days < window.max(1)
        {
            faults.push(Fault {
                setting: "journal.retention_days".to_owned(),
                text: format!(
                    "{days} days are too few: for {window} days (engine.idempotency_window_days) everything is known again, and for that it must be kept"
                ),
                span: None,
            });
        }
        let largest = self.tables.record_bytes_max();
        if largest > self.journal.record_bytes_max {
            faults.push(Fault {
                setting: "tables.table_bytes_max".to_owned(),
                text: format!(
                    "a table within these bounds can become a record of {largest} bytes, and journal.record_bytes_max is {}; lower tables.table_bytes_max or tables.rows_max, or raise that",
                    self.journal.record_bytes_max
                ),
                span: None,
            });
        }
        if let Err(error) = self.sandbox.check() {
            faults.push(Fault {
                setting: "sandbox".to_owned(),
                text: error.to_string(),
                span: None,
            });
        }
    }

    /// The routing table, over these partners.
    fn routing(
        &self,
        partners: &BTreeMap<PartnerName, Partner>,
        faults: &mut Vec<Fault>,
    ) -> Option<route::Table> {
        let names: BTreeSet<_> = partners.keys().cloned().collect();
        let receivers = partners
            .iter()
            .filter(|(_, partner)| partner.endpoint.is_some());
        let receivers = receivers.map(|(name, _)| name.clone()).collect();
        let rules: Vec<_> = self
            .routes
            .iter()
            .map(|rule| rule.get_ref().clone())
            .collect();
        let world = route::World {
            kinds: contract::KINDS,
            partners: &names,
            receivers: &receivers,
        };
        match route::Table::new(&rules, &world) {
            Ok(table) => Some(table),
            Err(errors) => {
                faults.extend(errors.into_iter().map(|error| Fault {
                    setting: format!("route {}", error.rule),
                    text: error.text,
                    span: self.routes.get(error.index).map(Spanned::span),
                }));
                None
            }
        }
    }
}

// === impl Journal ===

impl Journal {
    /// For how long records are kept; for ever if absent.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        let days = self.retention_days?;
        Some(Duration::from_secs(u64::from(days) * 24 * 3_600))
    }
}

fn yes() -> bool {
    true
}

fn day_in_minutes() -> u32 {
    24 * 60
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            record_bytes_max: crate::journal::RECORD_BYTES_MAX,
            queue_commits_max: 4_096,
            checkpoint_bytes: 16 << 20,
            checkpoint_interval_ms: 1_000,
            retention_days: None,
        }
    }
}

impl Default for View {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
        }
    }
}

#[cfg(test)]
mod tests;
