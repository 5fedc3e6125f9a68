//! What a guest may ask of the host: write to the message's log, look a key up.
//!
//! Both are bounded, neither reaches the outside. Text from a guest is made inert
//! before anything else sees it: it ends in terminals and on pages.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use serde::Serialize;

use super::{
    error::TooMuchForHost,
    limits::{Limits, Meter},
};
use crate::contract::{Level, imports};

/// The longest panic message that is kept, in bytes; beside the log's own bound,
/// since the reason of a trap must survive a flooded log.
const PANIC_BYTES_MAX: usize = 4 << 10;

/// What a line of the log costs beside its text, so that empty lines end too.
const LINE_BYTES: usize = 32;

/// What a field costs beside its text.
const FIELD_BYTES: usize = 8;

/// A partner's cross-reference tables.
pub trait Lookup: Send + Sync {
    /// What `table` has for `key`; absent when there is no such key or table. The
    /// same question gets the same answer during a call.
    fn lookup(&self, table: &str, key: &str) -> Option<String>;
}

/// The tables of a call.
pub type Tables = Arc<dyn Lookup>;

/// One line of a call's log, bounded and without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// How important: `debug`, `info`, `warn`, `error` or `panic`.
    pub level: &'static str,
    /// What the guest said.
    pub text: String,
    /// Names and values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
}

/// What a store carries for its guest.
pub(super) struct State {
    pub(super) meter: Meter,
    pub(super) log: Vec<LogLine>,
    pub(super) log_truncated: bool,
    pub(super) panic: Option<(String, Option<String>)>,
    log_bytes_left: usize,
    host_call_bytes_max: usize,
    tables: Tables,
}

// === impl Lookup ===

/// No tables at all.
impl Lookup for () {
    fn lookup(&self, _table: &str, _key: &str) -> Option<String> {
        None
    }
}

/// Tables by name, each from key to value.
impl Lookup for BTreeMap<String, BTreeMap<String, String>> {
    fn lookup(&self, table: &str, key: &str) -> Option<String> {
        self.get(table)?.get(key).cloned()
    }
}

// === impl State ===

impl State {
    pub(super) fn new(limits: &Limits, tables: &Tables) -> Self {
        Self {
            meter: Meter::new(limits.memory_bytes_max),
            log: Vec::new(),
            log_truncated: false,
            panic: None,
            log_bytes_left: limits.log_bytes_max,
            host_call_bytes_max: limits.host_call_bytes_max,
            tables: Arc::clone(tables),
        }
    }

    /// Keeps a line, or what fits of it. The first that does not fit is the last.
    fn write(&mut self, level: &'static str, text: &str, fields: &[(String, String)]) {
        if self.log_truncated || self.log_bytes_left < LINE_BYTES {
            self.log_truncated = true;
            return;
        }
        self.log_bytes_left -= LINE_BYTES;
        let text = self.take(text);
        let mut kept = Vec::new();
        for (name, value) in fields {
            if self.log_truncated || self.log_bytes_left < FIELD_BYTES {
                self.log_truncated = true;
                break;
            }
            self.log_bytes_left -= FIELD_BYTES;
            kept.push((self.take(name), self.take(value)));
        }
        self.log.push(LogLine {
            level,
            text,
            fields: kept,
        });
    }

    fn take(&mut self, text: &str) -> String {
        let kept = inert(text, self.log_bytes_left);
        self.log_truncated |= kept.len() < text.len();
        self.log_bytes_left -= kept.len();
        kept
    }
}

impl imports::Host for State {
    fn log(
        &mut self,
        level: Level,
        text: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let handed = fields.iter().fold(text.len(), |sum, (name, value)| {
            sum + name.len() + value.len()
        });
        if handed > self.host_call_bytes_max {
            return Err(TooMuchForHost(self.host_call_bytes_max).into());
        }
        let level = match level {
            Level::Debug => "debug",
            Level::Info | Level::Other(_) => "info",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Panic => "panic",
        };
        if level == "panic" {
            let place = fields.iter().find(|(name, _)| name == "place");
            self.panic = Some((
                inert(&text, PANIC_BYTES_MAX),
                place.map(|(_, place)| inert(place, PANIC_BYTES_MAX)),
            ));
        }
        self.write(level, &text, &fields);
        Ok(())
    }

    fn lookup(&mut self, table: String, key: String) -> wasmtime::Result<Option<String>> {
        let answer = self.tables.lookup(&table, &key);
        let exchanged = table.len() + key.len() + answer.as_ref().map_or(0, String::len);
        if exchanged > self.host_call_bytes_max {
            return Err(TooMuchForHost(self.host_call_bytes_max).into());
        }
        Ok(answer)
    }
}

/// The beginning of a text, at most `bytes_max` long, with every character that
/// could act on a terminal or forge a line written as its escape.
pub(super) fn inert(text: &str, bytes_max: usize) -> String {
    let end = text.floor_char_boundary(bytes_max);
    let mut kept = String::with_capacity(end);
    for character in text[..end].chars() {
        let before = kept.len();
        if acts(character) {
            let _ = write!(kept, "{}", character.escape_unicode());
        } else {
            kept.push(character);
        }
        if kept.len() > bytes_max {
            kept.truncate(before);
            break;
        }
    }
    kept
}

/// Control characters, line separators, and the marks that turn the direction of
/// writing.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use imports::Host as _;

    use super::*;
    use crate::sandbox::limits::Config;

    fn state(log_bytes_max: usize) -> State {
        let limits = Limits {
            log_bytes_max,
            host_call_bytes_max: 1024,
            ..Config::default().limits()
        };
        State::new(&limits, &(Arc::new(()) as Tables))
    }

    #[test]
    fn text_from_a_guest_is_inert() {
        assert_eq!(inert("a\u{1b}[31mb\n", 100), "a\\u{1b}[31mb\\u{a}");
        assert_eq!(inert("\u{202e}x\u{0}", 100), "\\u{202e}x\\u{0}");
        assert_eq!(inert("Müller", 2), "M");
        assert_eq!(inert("\n\n", 6), "\\u{a}");
    }

    #[test]
    fn a_flooded_log_keeps_its_beginning_and_says_so() {
        let mut state = state(200);
        for _ in 0..1_000 {
            state.log(Level::Info, "x".repeat(40), Vec::new()).unwrap();
        }
        assert_eq!(state.log.len(), 3);
        assert!(state.log_truncated);
    }

    #[test]
    fn empty_lines_end_too() {
        let mut state = state(3 * LINE_BYTES);
        for _ in 0..10 {
            state.log(Level::Debug, String::new(), Vec::new()).unwrap();
        }
        assert_eq!(state.log.len(), 3);
        assert!(state.log_truncated);
    }

    #[test]
    fn a_panic_is_kept_even_when_the_log_is_full() {
        let mut state = state(0);
        let place = vec![("place".to_owned(), "src/lib.rs:7:1".to_owned())];
        state
            .log(Level::Panic, "no such unit".to_owned(), place)
            .unwrap();
        let expected = ("no such unit".to_owned(), Some("src/lib.rs:7:1".to_owned()));
        assert_eq!(state.panic, Some(expected));
        assert!(state.log.is_empty());
    }

    #[test]
    fn too_much_for_one_call_is_refused() {
        let mut state = state(100);
        assert!(
            state
                .log(Level::Info, "x".repeat(1025), Vec::new())
                .is_err()
        );
        assert!(state.lookup("unit".to_owned(), "x".repeat(1025)).is_err());
    }

    #[test]
    fn tables_answer() {
        let units = BTreeMap::from([("CA".to_owned(), "CT".to_owned())]);
        let tables = BTreeMap::from([("unit".to_owned(), units)]);
        assert_eq!(tables.lookup("unit", "CA").as_deref(), Some("CT"));
        assert_eq!(tables.lookup("unit", "XX"), None);
        assert_eq!(tables.lookup("carrier", "CA"), None);
    }
}
