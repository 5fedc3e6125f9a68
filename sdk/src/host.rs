//! What an adapter may ask of the host: its log and its lookup tables.
//!
//! Nothing here reaches the outside. In a component the calls go to the host; in a
//! native build, where adapters are tested, they go to tables and a log of the
//! thread that a test fills and reads through [`fake`].

use crate::{Level, Problem};

/// Writes to the message's log. Beyond 64 KiB in one call the host cuts the rest
/// and marks it.
pub fn log(level: Level, text: &str, fields: &[(&str, &str)]) {
    let fields: Vec<(String, String)> = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    #[cfg(target_arch = "wasm32")]
    crate::bindings::crossdock::partner::host::log(&level, text, &fields);
    #[cfg(not(target_arch = "wasm32"))]
    fake::log(level, text, fields);
}

/// Looks a key up in one of the partner's tables (SKU, location, carrier, unit of
/// measure). Absent when the table has no such key or does not exist.
pub fn lookup(table: &str, key: &str) -> Option<String> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::crossdock::partner::host::lookup(table, key);
    #[cfg(not(target_arch = "wasm32"))]
    fake::lookup(table, key)
}

/// Looks up a key that must be there.
///
/// # Errors
/// With code `table-key-unknown`: names table and key, blames the settings, says what to
/// type. The place is the caller's to add.
pub fn lookup_required(table: &str, key: &str) -> Result<String, Problem> {
    lookup(table, key).ok_or_else(|| {
        let text = format!("the table `{table}` has no key \"{key}\"");
        Problem::settings("table-key-unknown", text)
            .with_value(key)
            .with_remedy(add_a_row(table))
    })
}

/// What helps where a table lacks a key, for remedies that know other cures as well.
pub fn add_a_row(table: &str) -> String {
    format!("add a row to its table `{table}`: crossdock tables put PARTNER {table} FILE")
}

/// The host that native tests talk to, one for each thread.
#[cfg(not(target_arch = "wasm32"))]
pub mod fake {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use crate::Level;

    thread_local! {
        static TABLES: RefCell<BTreeMap<(String, String), String>> = const { RefCell::new(BTreeMap::new()) };
        static LOG: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
    }

    /// One call of [`log`](super::log).
    #[derive(Clone, Debug, PartialEq)]
    pub struct Entry {
        /// How important.
        pub level: Level,
        /// What was said.
        pub text: String,
        /// What was said about it.
        pub fields: Vec<(String, String)>,
    }

    /// Puts a value into a lookup table of this thread.
    pub fn set_lookup(table: &str, key: &str, value: &str) {
        let place = (table.to_owned(), key.to_owned());
        TABLES.with_borrow_mut(|tables| tables.insert(place, value.to_owned()));
    }

    /// Empties the tables and the log of this thread.
    pub fn reset() {
        TABLES.with_borrow_mut(BTreeMap::clear);
        LOG.with_borrow_mut(Vec::clear);
    }

    /// Takes what was logged on this thread since the last time.
    pub fn take_log() -> Vec<Entry> {
        LOG.take()
    }

    pub(super) fn log(level: Level, text: &str, fields: Vec<(String, String)>) {
        LOG.with_borrow_mut(|log| {
            log.push(Entry {
                level,
                text: text.to_owned(),
                fields,
            })
        });
    }

    pub(super) fn lookup(table: &str, key: &str) -> Option<String> {
        let place = (table.to_owned(), key.to_owned());
        TABLES.with_borrow(|tables| tables.get(&place).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Blame;

    #[test]
    fn a_key_that_must_be_there_is_found_or_named() {
        fake::reset();
        fake::set_lookup("carrier", "UPSN", "UPS");
        assert_eq!(lookup_required("carrier", "UPSN").as_deref(), Ok("UPS"));
        let problem = lookup_required("carrier", "FDEG").unwrap_err();
        assert_eq!(problem.code, "table-key-unknown");
        assert_eq!(problem.text, "the table `carrier` has no key \"FDEG\"");
        assert_eq!(problem.blame, Blame::Settings);
        assert_eq!(problem.value.as_deref(), Some("FDEG"));
        assert_eq!(
            problem.remedy.as_deref(),
            Some("add a row to its table `carrier`: crossdock tables put PARTNER carrier FILE")
        );
    }
}
