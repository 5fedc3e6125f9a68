//! The cross-reference tables of all partners: which are current, and how they change.
//!
//! A change is a record with the whole content, and a version of the table. It comes from
//! an operator while the host runs, or from the configuration, which a start compares with
//! what it said before. **The last change wins, wherever it comes from**: a table that an
//! operator put there stays over restarts, until the configuration says something else of
//! that table than it did, or the next operator does. A table that the configuration no
//! longer has goes, unless an operator has changed it since.
//!
//! What guests look into is with the partner; it is swapped once the record is durable.

mod content;
mod start;

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

pub use self::{
    content::{ReadError, carried},
    start::OpenError,
};
use crate::{
    clock::Clock,
    journal::{CommitError, Committer, Reader},
    lookup::{Config, Difference, Table, TableName},
    message::{Digest, PartnerName},
    partner::{Partner, Partners, Versioned},
    record::{Record, TableChanged, TableSource},
    view::{TableRow, View},
};

/// Tables that are taken in at the same time, each with its whole text in memory.
const TAKEN_MAX: usize = 4;

/// A table as the configuration has it.
#[derive(Clone, Debug)]
pub struct Configured {
    /// Its content.
    pub table: Table,
    /// Whether it stands in the configuration or in a file.
    pub source: TableSource,
    /// Which file, for a person to read.
    pub by: String,
}

/// What the tables of all partners need.
pub struct Parts {
    /// The present.
    pub clock: Clock,
    /// Where records go.
    pub committer: Committer<Record>,
    /// Where versions are.
    pub view: View,
    /// Where contents are.
    pub journal: Arc<dyn Reader>,
    /// Whose guests look into them.
    pub partners: Arc<Partners>,
    /// Their bounds.
    pub limits: Config,
}

/// The tables of all partners.
pub struct Tables {
    parts: Parts,
    /// SHA-256 of what the configuration has, whether or not it counts.
    configured: BTreeMap<PartnerName, BTreeMap<TableName, Digest>>,
    /// Held from the look at the current version until the next one is durable.
    writing: Mutex<()>,
    /// Places for tables that are being taken in.
    taking: Semaphore,
}

/// What is to become of a table.
#[derive(Clone, Debug)]
pub struct Change {
    /// Whose.
    pub partner: PartnerName,
    /// Which.
    pub table: TableName,
    /// All its rows from then on; absent when it is to go.
    pub content: Option<Table>,
    /// What must be there before.
    pub expected: Expected,
    /// Who wants it.
    pub by: String,
}

/// What must be there for a change to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is.
    #[default]
    Anything,
    /// No such table.
    Nothing,
    /// Such a table.
    Something,
    /// One of these versions of it.
    Version(Vec<u64>),
}

/// What a change makes, or would.
#[derive(Clone, Debug)]
pub struct Changed {
    /// What was there.
    pub before: Option<Versioned>,
    /// What is there; absent when the table is gone.
    pub after: Option<Table>,
    /// The version that this is; the one before when nothing differs.
    pub version: u64,
    /// What differs.
    pub difference: Difference,
}

/// Why a change is not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such partner.
    #[error("there is no partner {0}")]
    Partner(PartnerName),
    /// There is no such table.
    #[error("partner {partner} has no table {table}")]
    Absent {
        /// Whose.
        partner: PartnerName,
        /// Which.
        table: TableName,
    },
    /// Something else is there than was expected.
    #[error("{}", conflict(*.current))]
    Conflict {
        /// Which version is there; absent when there is no such table.
        current: Option<u64>,
    },
    /// The partner has as many tables as it may.
    #[error("the partner has {most} tables already (tables.per_partner_max)")]
    TooMany {
        /// How many it may have.
        most: usize,
    },
    /// It can't be made durable.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The host failed meanwhile; whether the change was made is seen in the table.
    #[error("the host failed while the table was changed; its log says where")]
    Lost,
}

// === impl Tables ===

impl Tables {
    /// The bounds of tables.
    #[must_use]
    pub fn limits(&self) -> &Config {
        &self.parts.limits
    }

    /// SHA-256 of what the configuration has for a table, whether or not it counts.
    #[must_use]
    pub fn configured(&self, partner: &PartnerName, table: &TableName) -> Option<Digest> {
        self.configured.get(partner)?.get(table).copied()
    }

    /// A place for a table whose text is about to be read; none when too many are.
    #[must_use]
    pub fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.taking.try_acquire().ok()
    }

    /// What a change would make.
    ///
    /// # Errors
    /// Why it would not be made.
    pub fn plan(&self, change: &Change) -> Result<Changed, ChangeError> {
        let partner = self.partner(&change.partner)?;
        let latest = self.parts.view.table(&change.partner, &change.table);
        let before = partner.tables.now().get(change.table.as_str()).cloned();
        let current = before.as_ref().map(|it| it.version);
        if !change.expected.allows(current) {
            return Err(ChangeError::Conflict { current });
        }
        match (&change.content, &before) {
            (None, None) => {
                return Err(ChangeError::Absent {
                    partner: change.partner.clone(),
                    table: change.table.clone(),
                });
            }
            (Some(_), None) => {
                let most = self.parts.limits.per_partner_max;
                if partner.tables.now().iter().count() >= most {
                    return Err(ChangeError::TooMany { most });
                }
            }
            _ => {}
        }
        let earlier = before.as_ref().map(|it| &it.table);
        let difference = difference(change.content.as_ref(), earlier);
        let same = change.content.as_ref() == earlier;
        let last = latest.map_or(0, |it| it.version);
        Ok(Changed {
            after: change.content.clone(),
            version: if same { last } else { last + 1 },
            difference,
            before,
        })
    }

    /// Makes a change: once this answers it is durable, and every call that begins from
    /// then on looks into the new table. What differs in nothing makes no version.
    ///
    /// # Errors
    /// Why it was not made.
    pub async fn change(self: &Arc<Self>, change: Change) -> Result<Changed, ChangeError> {
        let tables = Arc::clone(self);
        // A task of its own: a caller that goes away must not leave the change between
        // the journal and the guests.
        let made = tokio::spawn(async move { tables.make(change).await });
        made.await.unwrap_or(Err(ChangeError::Lost))
    }

    async fn make(&self, change: Change) -> Result<Changed, ChangeError> {
        let _writing = self.writing.lock().await;
        let planned = self.plan(&change)?;
        if planned.is_nothing() {
            return Ok(planned);
        }
        let latest = self.parts.view.table(&change.partner, &change.table);
        let record = TableChanged {
            partner: change.partner,
            table: change.table,
            version: planned.version,
            at: self.parts.clock.now(),
            by: change.by,
            source: TableSource::Api,
            difference: planned.difference,
            configured: latest.and_then(|it| it.configured),
            carried: None,
            content: change.content,
        };
        self.commit(record).await?;
        Ok(planned)
    }

    /// Makes a change durable, then visible to guests.
    async fn commit(&self, changed: TableChanged) -> Result<(), ChangeError> {
        let partner = self.partner(&changed.partner)?;
        let (name, version) = (changed.table.clone(), changed.version);
        let content = changed.content.clone();
        let record = Record::TableChanged(changed);
        let bytes = record.to_bytes();
        let committer = self.parts.committer.for_own_work();
        committer.commit(Arc::new(record), bytes).await?;
        let by = content.map(|table| Versioned {
            name: name.clone(),
            version,
            table,
        });
        partner.tables.replace(&name, by);
        Ok(())
    }

    fn partner(&self, name: &PartnerName) -> Result<Arc<Partner>, ChangeError> {
        let partner = self.parts.partners.get(name);
        partner.ok_or_else(|| ChangeError::Partner(name.clone()))
    }
}

/// Tables of the configuration, by partner.
pub type AllConfigured = BTreeMap<PartnerName, BTreeMap<TableName, Configured>>;

// === impl Changed ===

impl Changed {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.before.as_ref().map(|it| &it.table) == self.after.as_ref()
    }
}

// === impl Expected ===

impl Expected {
    fn allows(&self, current: Option<u64>) -> bool {
        match self {
            Self::Anything => true,
            Self::Nothing => current.is_none(),
            Self::Something => current.is_some(),
            Self::Version(versions) => current.is_some_and(|it| versions.contains(&it)),
        }
    }
}

fn difference(after: Option<&Table>, before: Option<&Table>) -> Difference {
    match (after, before) {
        (Some(after), before) => after.difference(before),
        (None, Some(before)) => Difference {
            removed: u32::try_from(before.len()).unwrap_or(u32::MAX),
            ..Difference::default()
        },
        (None, None) => Difference::default(),
    }
}

fn conflict(current: Option<u64>) -> String {
    match current {
        Some(version) => format!("version {version} is current; read it and change that"),
        None => "there is no such table".to_owned(),
    }
}

/// Whether a row of the view is of a table that is there.
fn is_there(row: &TableRow) -> bool {
    row.digest.is_some()
}

#[cfg(test)]
mod tests;
