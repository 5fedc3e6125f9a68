//! What records say of cross-reference tables: how they change, and which a guest
//! looked into.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    journal::Sequence,
    lookup::{Difference, Table, TableName},
    message::{Digest, PartnerName},
};

/// A table has another content than before, or none any more.
///
/// Versions of a table count from 1 and never twice, also across its removal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableChanged {
    /// Whose.
    pub partner: PartnerName,
    /// Which.
    pub table: TableName,
    /// Counts the table's contents.
    pub version: u64,
    /// When it came to be.
    pub at: Timestamp,
    /// Who wanted it, as far as the host knows: an operator, or the file.
    pub by: String,
    /// Where it came from.
    pub source: TableSource,
    /// How it differs from the version before.
    #[serde(default)]
    pub difference: Difference,
    /// SHA-256 of what the configuration has for the table, whichever won; absent when it
    /// has nothing. A start compares with it to find out whether the configuration
    /// changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configured: Option<Digest>,
    /// Present when the same version was journaled before, in a record that is about to
    /// be given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Carried>,
    /// All rows; absent when the table was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Table>,
}

/// Where a version that is carried over was first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// When it was carried over.
    pub at: Timestamp,
    /// The record that made it the current one.
    pub since: Sequence,
}

/// Where a table's content came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableSource {
    /// It stands in the configuration.
    Configuration,
    /// A file that the configuration names.
    File,
    /// An operator put it there while the host ran.
    Api,
}

/// A table that a guest looked into during a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableUse {
    /// Which.
    pub table: TableName,
    /// Which version; zero when there was no such table.
    pub version: u64,
}

// === impl TableSource ===

impl TableSource {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::File => "file",
            Self::Api => "api",
        }
    }
}
