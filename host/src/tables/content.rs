//! Contents of tables, read back from the journal.

use super::Tables;
use crate::{
    clock::Timestamp,
    journal::{self, Reader, Sequence},
    lookup::{Table, TableName},
    message::PartnerName,
    partner::{Snapshot, Versioned},
    record::{Carried, Record, TableChanged, TableUse, Unreadable},
    view::{TableRow, View},
};

/// Contents that are carried over at a time, in bytes, give or take a table: they are in
/// memory until they are durable.
const CARRIED_BYTES_MAX: usize = 32 << 20;

/// Why the content of a table can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// It holds something of another version.
    #[error(transparent)]
    Record(#[from] Unreadable),
    /// The view says something else than the journal.
    #[error("record {0} holds no table; stop the host and run `crossdock rebuild`")]
    Kind(Sequence),
    /// The journal has given it up.
    #[error("version {version} of the table {table} is older than what is kept")]
    Gone {
        /// Which table.
        table: TableName,
        /// Which version of it.
        version: u64,
    },
}

// === impl Tables ===

impl Tables {
    /// What a version holds; nothing when it removed the table.
    ///
    /// # Errors
    /// When the journal can't tell.
    pub fn content(&self, row: &TableRow) -> Result<Option<Table>, ReadError> {
        content(self.parts.journal.as_ref(), row)
    }

    /// The tables that a step was made with: those that it looked into, and for others
    /// what was current before its record.
    ///
    /// # Errors
    /// When one of those that it looked into is gone, or the journal can't be read.
    pub fn then(
        &self,
        partner: &PartnerName,
        used: &[TableUse],
        record: Sequence,
    ) -> Result<Snapshot, ReadError> {
        let now = self.parts.partners.get(partner);
        let now = now.map_or_else(Snapshot::default, |it| it.tables.now());
        let names = self.parts.view.tables(partner).into_iter();
        let mut names: Vec<_> = names.map(|(name, _)| name).collect();
        names.extend(used.iter().map(|it| it.table.clone()));
        names.sort();
        names.dedup();
        let mut then = Vec::with_capacity(names.len());
        for name in names {
            let Some(row) = self.row_then(partner, &name, used, record)? else {
                continue;
            };
            let held = now.get(name.as_str());
            let held = held.filter(|it| Some(it.table.digest()) == row.digest);
            let table = match held {
                Some(held) => Some(held.table.clone()),
                None => self.content(&row)?,
            };
            then.extend(table.map(|table| Versioned {
                name,
                version: row.version,
                table,
            }));
        }
        Ok(then.into_iter().collect())
    }

    fn row_then(
        &self,
        partner: &PartnerName,
        name: &TableName,
        used: &[TableUse],
        record: Sequence,
    ) -> Result<Option<TableRow>, ReadError> {
        let view = &self.parts.view;
        match used.iter().find(|it| it.table == *name) {
            None => Ok(view.table_at(partner, name, record)),
            Some(TableUse { version: 0, .. }) => Ok(None),
            Some(TableUse { version, .. }) => {
                let versions = view.table_versions(partner, name).into_iter();
                let row = versions.rev().find(|it| it.version == *version);
                row.map(Some).ok_or_else(|| ReadError::Gone {
                    table: name.clone(),
                    version: *version,
                })
            }
        }
    }
}

pub(super) fn content(journal: &dyn Reader, row: &TableRow) -> Result<Option<Table>, ReadError> {
    Ok(read(journal, row.sequence)?.content)
}

/// Records that say again what is needed of those before `before`, which are about to be
/// given up; and whether that is all of it.
///
/// # Errors
/// When the journal can't be read.
pub fn carried(
    view: &View,
    journal: &dyn Reader,
    before: Sequence,
    now: Timestamp,
) -> Result<(Vec<Record>, bool), ReadError> {
    let mut records = Vec::new();
    let mut bytes = 0;
    for sequence in view.tables_to_carry(before) {
        if bytes > CARRIED_BYTES_MAX {
            return Ok((records, false));
        }
        let mut changed = read(journal, sequence)?;
        let since = changed.carried.map_or(sequence, |it| it.since);
        changed.carried = Some(Carried { at: now, since });
        bytes += changed.content.as_ref().map_or(0, Table::bytes);
        records.push(Record::TableChanged(changed));
    }
    Ok((records, true))
}

fn read(journal: &dyn Reader, sequence: Sequence) -> Result<TableChanged, ReadError> {
    match Record::from_bytes(&journal.read(sequence)?)? {
        Record::TableChanged(changed) => Ok(changed),
        _ => Err(ReadError::Kind(sequence)),
    }
}
