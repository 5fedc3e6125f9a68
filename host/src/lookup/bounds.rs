//! How large a table may be, wherever it comes from.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Fault, Table};

/// What a file or body may have beside keys and values: quotes, commas, ends of lines,
/// escapes.
const TEXT_BYTES_BESIDE: usize = 64 << 10;
/// What a row may take in a record beside key and value, in bytes.
const ROW_BYTES: usize = 10;
/// What a record may take beside its rows, in bytes.
const RECORD_BYTES: usize = 4 << 10;

/// `[tables]`: bounds of cross-reference tables, wherever they come from.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `rows_max`: rows of one table. Default 100,000.
    pub rows_max: usize,
    /// `key_bytes_max`: the longest key, in bytes. Default 256.
    pub key_bytes_max: usize,
    /// `value_bytes_max`: the longest value, in bytes. Default 1,024.
    pub value_bytes_max: usize,
    /// `table_bytes_max`: all keys and values of one table, in bytes. Default 8 MiB. A
    /// table is one record, so it must stay well below `journal.record_bytes_max`.
    pub table_bytes_max: usize,
    /// `per_partner_max`: tables of one partner; all of them are in memory. Default 64.
    pub per_partner_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rows_max: 100_000,
            key_bytes_max: 256,
            value_bytes_max: 1_024,
            table_bytes_max: 8 << 20,
            per_partner_max: 64,
        }
    }
}

// === impl Config ===

impl Config {
    /// The longest text that is read as a table, in bytes: twice what its keys and values
    /// may be, since quotes and escapes can double them.
    #[must_use]
    pub fn text_bytes_max(&self) -> usize {
        self.table_bytes_max
            .saturating_mul(2)
            .saturating_add(TEXT_BYTES_BESIDE)
    }

    /// The largest record that a table within these bounds can become, in bytes.
    #[must_use]
    pub fn record_bytes_max(&self) -> usize {
        self.rows_max
            .saturating_mul(ROW_BYTES)
            .saturating_add(self.table_bytes_max)
            .saturating_add(RECORD_BYTES)
    }

    /// Takes rows over that are within bounds.
    ///
    /// # Errors
    /// The first that is not, without a place.
    pub fn table(&self, rows: impl IntoIterator<Item = (String, String)>) -> Result<Table, Fault> {
        let mut taken = BTreeMap::new();
        let mut bytes = 0;
        for (key, value) in rows {
            self.check_row(&key, &value).map_err(|(text, _)| Fault {
                text: format!("{}: {text}", shown(&key)),
                ..Fault::default()
            })?;
            bytes += key.len() + value.len();
            taken.insert(key, value);
            self.check_size(taken.len(), bytes)?;
        }
        Ok(Table::of(taken))
    }

    /// What is wrong with a row, and in which of its two columns.
    pub(super) fn check_row(&self, key: &str, value: &str) -> Result<(), (String, u64)> {
        let beyond = |what: &str, bytes: usize, bytes_max: usize, setting: &str| {
            format!(
                "the {what} has {bytes} bytes, at most {bytes_max} are taken (tables.{setting})"
            )
        };
        if key.is_empty() {
            return Err(("the key is empty".to_owned(), 1));
        }
        if key.len() > self.key_bytes_max {
            let text = beyond("key", key.len(), self.key_bytes_max, "key_bytes_max");
            return Err((text, 1));
        }
        if key.trim() != key {
            let text = format!(
                "the key {key:?} begins or ends with a space, so nothing would find it; remove the space"
            );
            return Err((text, 1));
        }
        if value.is_empty() {
            let text = "the value is empty; leave the row out if the key has none".to_owned();
            return Err((text, 2));
        }
        if value.len() > self.value_bytes_max {
            let text = beyond(
                "value",
                value.len(),
                self.value_bytes_max,
                "value_bytes_max",
            );
            return Err((text, 2));
        }
        Ok(())
    }

    pub(super) fn check_size(&self, rows: usize, bytes: usize) -> Result<(), Fault> {
        let text = if rows > self.rows_max {
            format!("more than {} rows (tables.rows_max)", self.rows_max)
        } else if bytes > self.table_bytes_max {
            format!(
                "more than {} bytes of keys and values (tables.table_bytes_max)",
                self.table_bytes_max
            )
        } else {
            return Ok(());
        };
        Err(Fault {
            text,
            ..Fault::default()
        })
    }
}

/// A key as errors name it, which may be longer than any that is taken.
pub(super) fn shown(key: &str) -> String {
    const CHARS_MAX: usize = 60;
    format!("{:?}", key.chars().take(CHARS_MAX).collect::<String>())
}
