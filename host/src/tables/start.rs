//! What a start finds: whether the configuration says something else of a table than it
//! did, and which tables are current.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Mutex, Semaphore};

use super::{
    AllConfigured, ChangeError, Configured, Parts, ReadError, TAKEN_MAX, Tables, content::content,
    difference, is_there,
};
use crate::{
    clock::Timestamp,
    journal::Reader,
    lookup::{Table, TableName},
    message::PartnerName,
    partner::{Partner, Versioned},
    record::{TableChanged, TableSource},
    view::TableRow,
};

/// Why tables can't be had at a start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A content can't be read back.
    #[error("tables of partner {partner}: {source}")]
    Read {
        /// Whose.
        partner: PartnerName,
        /// Why.
        source: ReadError,
    },
    /// What the configuration changed can't be journaled.
    #[error("table {table} of partner {partner} can't be journaled: {source}")]
    Change {
        /// Whose.
        partner: PartnerName,
        /// Which.
        table: TableName,
        /// Why.
        source: ChangeError,
    },
}

// === impl Tables ===

impl Tables {
    /// Journals what the configuration changed, and gives every partner its tables.
    ///
    /// # Errors
    /// When a content can't be read or a change not be journaled.
    pub async fn open(parts: Parts, configured: &AllConfigured) -> Result<Arc<Self>, OpenError> {
        let digests = |tables: &BTreeMap<TableName, Configured>| {
            let digests = tables.iter();
            digests
                .map(|(name, it)| (name.clone(), it.table.digest()))
                .collect()
        };
        let tables = Self {
            parts,
            configured: configured
                .iter()
                .map(|(partner, tables)| (partner.clone(), digests(tables)))
                .collect(),
            writing: Mutex::default(),
            taking: Semaphore::new(TAKEN_MAX),
        };
        let none = BTreeMap::new();
        for partner in tables.parts.partners.iter() {
            let configured = configured.get(&partner.name).unwrap_or(&none);
            tables.open_partner(partner, configured).await?;
        }
        Ok(Arc::new(tables))
    }

    async fn open_partner(
        &self,
        partner: &Partner,
        configured: &BTreeMap<TableName, Configured>,
    ) -> Result<(), OpenError> {
        let journal = self.parts.journal.as_ref();
        let unread = |source| OpenError::Read {
            partner: partner.name.clone(),
            source,
        };
        let rows = self.parts.view.tables(&partner.name);
        let now = self.parts.clock.now();
        let changes = found(&partner.name, &rows, configured, now, journal).map_err(unread)?;
        let mut current = BTreeMap::new();
        for (name, row) in rows.into_iter().filter(|(_, row)| is_there(row)) {
            let same = configured.get(&name).map(|it| &it.table);
            let same = same.filter(|it| Some(it.digest()) == row.digest);
            let table = match same {
                Some(table) => Some(table.clone()),
                None => content(journal, &row).map_err(unread)?,
            };
            current.extend(table.map(|table| {
                let version = row.version;
                (
                    name.clone(),
                    Versioned {
                        name,
                        version,
                        table,
                    },
                )
            }));
        }
        partner.tables.set(current.into_values().collect());
        for change in changes {
            let table = change.table.clone();
            tell(&change);
            self.commit(change)
                .await
                .map_err(|source| OpenError::Change {
                    partner: partner.name.clone(),
                    table,
                    source,
                })?;
        }
        Ok(())
    }
}

/// What the configuration changed since it was last journaled.
pub(super) fn found(
    partner: &PartnerName,
    rows: &[(TableName, TableRow)],
    configured: &BTreeMap<TableName, Configured>,
    now: Timestamp,
    journal: &dyn Reader,
) -> Result<Vec<TableChanged>, ReadError> {
    let row_of = |name: &TableName| rows.iter().find(|(it, _)| it == name).map(|(_, row)| row);
    let mut changes = Vec::new();
    let mut change = |name: &TableName, source, by: &str, after: Option<&Table>| {
        let row = row_of(name);
        let before = row.map(|row| content(journal, row)).transpose()?.flatten();
        changes.push(TableChanged {
            partner: partner.clone(),
            table: name.clone(),
            version: row.map_or(0, |it| it.version) + 1,
            at: now,
            by: by.to_owned(),
            source,
            difference: difference(after, before.as_ref()),
            configured: after.map(Table::digest),
            carried: None,
            content: after.cloned(),
        });
        Ok::<_, ReadError>(())
    };
    for (name, it) in configured {
        let said = row_of(name).and_then(|row| row.configured);
        if said != Some(it.table.digest()) {
            change(name, it.source, &it.by, Some(&it.table))?;
        }
    }
    for (name, row) in rows {
        let dropped = row.configured.is_some() && !configured.contains_key(name);
        // What an operator made of it since is no longer the configuration's.
        if dropped && row.source != TableSource::Api && is_there(row) {
            change(name, TableSource::Configuration, "the configuration", None)?;
        }
    }
    Ok(changes)
}

fn tell(change: &TableChanged) {
    let TableChanged {
        partner,
        table,
        version,
        difference,
        ..
    } = change;
    match change.content {
        Some(_) => {
            tracing::info!(%partner, %table, version, source = change.source.as_str(), "table {table} of {partner} is now that of the configuration: {difference}")
        }
        None => {
            tracing::info!(%partner, %table, version, "table {table} of {partner} is gone: the configuration no longer has it")
        }
    }
}
