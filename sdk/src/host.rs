//! What an adapter may ask of the host: its log and its lookup tables.
//!
//! Nothing here reaches the outside. In a component the calls go to the host; in a
//! native build, where adapters are tested, they go to tables and a log of the
//! thread that a test fills and reads through [`fake`].

use crate::Level;

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
