//! Cross-references: what a partner calls a thing, and what it is called here.
//!
//! A table has keys with one value each (SKU, location, carrier, unit, reason) and is
//! only ever replaced as a whole. What is here knows no partner, journal or guest: a
//! table is a value, with bounds that hold wherever it comes from and two forms as text,
//! CSV and JSON.

mod bounds;
mod text;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

pub use self::bounds::Config;
use crate::message::{Digest, InvalidName};

/// What a table is called: the word that adapters look it up by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName(Arc<str>);

/// One table, as it stood at one time. Clones share it.
#[derive(Clone)]
pub struct Table(Arc<Inner>);

struct Inner {
    rows: BTreeMap<String, String>,
    bytes: usize,
    digest: Digest,
}

/// How many rows tell two tables apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Keys that only the later one has.
    pub added: u32,
    /// Keys that have another value.
    pub changed: u32,
    /// Keys that only the earlier one has.
    pub removed: u32,
}

/// A key whose value differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Change<'a> {
    /// Which.
    pub key: &'a str,
    /// What it was; absent when the key is new.
    pub before: Option<&'a str>,
    /// What it is; absent when the key is gone.
    pub after: Option<&'a str>,
}

/// Why something is no table, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong and what to do.
    pub text: String,
    /// In which line, from 1; absent when it is about the whole.
    pub line: Option<u64>,
    /// In which column of a CSV row (1 the key, 2 the value), or at which character of
    /// the line in JSON.
    pub column: Option<u64>,
}

/// Why a file is no table.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can't be read.
    #[error("{file}: {source}", file = .file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It says something that can't be.
    #[error("{file}, {fault}", file = .file.display())]
    Fault {
        /// Which file.
        file: PathBuf,
        /// What, and where.
        fault: Fault,
    },
}

// === impl TableName ===

impl TableName {
    /// The longest name, in bytes.
    pub const BYTES_MAX: usize = 64;

    /// A name from configuration, a path or the command line.
    ///
    /// # Errors
    /// Refuses what is empty, too long, or holds anything but letters, digits, dashes,
    /// dots and underscores (it is part of paths), and a name of dots alone.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let named = text.bytes().any(|byte| byte != b'.');
        if !named || text.len() > Self::BYTES_MAX || !text.bytes().all(allowed) {
            return Err(InvalidName::new(
                "table name",
                text,
                "1 to 64 letters, digits, dashes, dots and underscores",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for TableName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TableName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

// === impl Table ===

impl Table {
    fn of(rows: BTreeMap<String, String>) -> Self {
        let bytes = rows.iter().map(|(key, value)| key.len() + value.len());
        let bytes = bytes.sum();
        let digest = digest(&rows, bytes);
        Self(Arc::new(Inner {
            rows,
            bytes,
            digest,
        }))
    }

    /// What it has for a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.rows.get(key).map(String::as_str)
    }

    /// All rows, by key.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        let rows = self.0.rows.iter();
        rows.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.rows.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.rows.is_empty()
    }

    /// Its keys and values, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// SHA-256 over all rows, whatever form they came in.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Which keys differ from an earlier table, by key.
    pub fn changes<'a>(&'a self, before: Option<&'a Table>) -> impl Iterator<Item = Change<'a>> {
        let gone = before.into_iter().flat_map(Table::rows);
        let gone = gone.filter(|(key, _)| self.get(key).is_none());
        let gone = gone.map(|(key, value)| Change {
            key,
            before: Some(value),
            after: None,
        });
        let other = self.rows().filter_map(move |(key, value)| {
            let earlier = before.and_then(|it| it.get(key));
            (earlier != Some(value)).then_some(Change {
                key,
                before: earlier,
                after: Some(value),
            })
        });
        gone.chain(other)
    }

    /// How many of them there are.
    #[must_use]
    pub fn difference(&self, before: Option<&Table>) -> Difference {
        let mut difference = Difference::default();
        for change in self.changes(before) {
            match (change.before, change.after) {
                (None, _) => difference.added += 1,
                (_, None) => difference.removed += 1,
                _ => difference.changed += 1,
            }
        }
        difference
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl Eq for Table {}

impl fmt::Debug for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Table")
            .field("rows", &self.len())
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}

impl Serialize for Table {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.rows.serialize(serializer)
    }
}

/// Without bounds: for what was within them when it was written.
impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::of)
    }
}

// === impl Difference ===

impl Difference {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            added,
            changed,
            removed,
        } = self;
        write!(
            formatter,
            "{added} added, {changed} changed, {removed} removed"
        )
    }
}

// === impl Fault ===

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => {
                write!(formatter, "line {line}, column {column}: {}", self.text)
            }
            (Some(line), None) => write!(formatter, "line {line}: {}", self.text),
            _ => formatter.write_str(&self.text),
        }
    }
}

/// Lengths go before texts, so that no two tables have the same bytes.
fn digest(rows: &BTreeMap<String, String>, bytes: usize) -> Digest {
    let mut said = Vec::with_capacity(bytes + rows.len() * 16);
    for text in rows.iter().flat_map(|(key, value)| [key, value]) {
        said.extend_from_slice(&(text.len() as u64).to_be_bytes());
        said.extend_from_slice(text.as_bytes());
    }
    Digest::of(&said)
}

/// Reads a file of CSV.
///
/// # Errors
/// With the file, and the line and column where there is one.
pub fn read_file(file: &Path, limits: &Config) -> Result<Table, FileError> {
    use std::io::Read as _;
    let read = |source| FileError::Read {
        file: file.to_owned(),
        source,
    };
    let most = limits.text_bytes_max();
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(most as u64 + 1).read_to_end(&mut bytes))
        .map_err(read)?;
    let table = if bytes.len() > most {
        let text = format!(
            "more than {most} bytes; a table may have tables.table_bytes_max of keys and values"
        );
        Err(Fault {
            text,
            ..Fault::default()
        })
    } else {
        Table::from_csv(&bytes, limits)
    };
    table.map_err(|fault| FileError::Fault {
        file: file.to_owned(),
        fault,
    })
}

#[cfg(test)]
mod tests;
