//! Versions of cross-reference tables: which record holds what was current when.
//!
//! A row is a version. Its content is in the journal; a version that is carried over
//! before the journal gives up its beginning has its content in a later record, and keeps
//! its place in history.

use serde::{Deserialize, Serialize};

use super::{View, apply::decode, keys, rows::shorten};
use crate::{
    clock::Timestamp,
    journal::Sequence,
    lookup::{Difference, TableName},
    message::{Digest, PartnerName},
    record::{TableChanged, TableSource},
};

/// One version of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRow {
    /// Counts the table's contents.
    pub version: u64,
    /// The record that holds the content.
    pub sequence: Sequence,
    /// The record that made it the current one: the same, unless it was carried over.
    pub since: Sequence,
    /// When that was.
    pub at: Timestamp,
    /// Who wanted it.
    pub by: String,
    /// Where it came from.
    pub source: TableSource,
    /// How many rows it has.
    pub rows: u64,
    /// Its keys and values, in bytes.
    pub bytes: u64,
    /// SHA-256 of its content; absent when the table was removed.
    pub digest: Option<Digest>,
    /// How it differs from the version before.
    pub difference: Difference,
    /// SHA-256 of what the configuration had for it then.
    pub configured: Option<Digest>,
}

// === impl TableRow ===

impl TableRow {
    /// What a record says of a version.
    pub(super) fn of(sequence: Sequence, changed: &TableChanged) -> Self {
        let content = changed.content.as_ref();
        Self {
            version: changed.version,
            sequence,
            since: changed.carried.map_or(sequence, |it| it.since),
            at: changed.at,
            by: shorten(&changed.by),
            source: changed.source,
            rows: content.map_or(0, |it| it.len() as u64),
            bytes: content.map_or(0, |it| it.bytes() as u64),
            digest: content.map(crate::lookup::Table::digest),
            difference: changed.difference,
            configured: changed.configured,
        }
    }
}

impl View {
    /// The latest version of each of a partner's tables, by name; also of those that were
    /// removed.
    #[must_use]
    pub fn tables(&self, partner: &PartnerName) -> Vec<(TableName, TableRow)> {
        let mut latest: Vec<(TableName, TableRow)> = Vec::new();
        for (name, row) in self.table_rows(&keys::tables_of(partner)) {
            match latest.last_mut() {
                Some((same, before)) if *same == name => *before = row,
                _ => latest.push((name, row)),
            }
        }
        latest
    }

    /// The latest version of a table; one without a digest when it was removed.
    #[must_use]
    pub fn table(&self, partner: &PartnerName, table: &TableName) -> Option<TableRow> {
        self.table_versions(partner, table).pop()
    }

    /// All versions of a table that are kept, oldest first.
    #[must_use]
    pub fn table_versions(&self, partner: &PartnerName, table: &TableName) -> Vec<TableRow> {
        let rows = self.table_rows(&keys::versions_of(partner, table));
        rows.map(|(_, row)| row).collect()
    }

    /// What stood in a table when a record was written: the last version that was made
    /// before it.
    #[must_use]
    pub fn table_at(
        &self,
        partner: &PartnerName,
        table: &TableName,
        sequence: Sequence,
    ) -> Option<TableRow> {
        let versions = self.table_versions(partner, table);
        versions.into_iter().rev().find(|it| it.since < sequence)
    }

    /// Versions that are needed although their records are among those before `before`:
    /// of each table the last one, which is current, or was when the first record that is
    /// left was written.
    #[must_use]
    pub fn tables_to_carry(&self, before: Sequence) -> Vec<Sequence> {
        let mut needed: Vec<((Vec<u8>, TableName), Sequence)> = Vec::new();
        let rows = self.scan(&[keys::TABLES]).filter_map(|(key, value)| {
            let (partner, name) = keys::table_of(&key)?;
            let row: TableRow = decode(&value)?;
            (row.since < before).then(|| ((partner.to_vec(), name), row.sequence))
        });
        for (table, sequence) in rows {
            match needed.last_mut() {
                Some((same, last)) if *same == table => *last = sequence,
                _ => needed.push((table, sequence)),
            }
        }
        let sequences = needed.into_iter().map(|(_, sequence)| sequence);
        sequences.filter(|it| *it < before).collect()
    }

    /// Rows below a prefix whose records are still there, by table and version.
    fn table_rows(&self, prefix: &[u8]) -> impl Iterator<Item = (TableName, TableRow)> + use<> {
        let kept = self.kept().map_or(Sequence::ZERO, |it| it.before);
        self.scan(prefix)
            .filter_map(|(key, value)| {
                let (_, name) = keys::table_of(&key)?;
                Some((name, decode::<TableRow>(&value)?))
            })
            .filter(move |(_, row)| row.sequence >= kept)
    }
}
