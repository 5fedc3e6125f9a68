//! Named points at which a test may kill the process.
//!
//! The promise that nothing is lost is tested by killing the real binary at each
//! of these. `CROSSDOCK_FAILPOINT=name` aborts at the first hit of `name`,
//! `name:7` at the seventh. Without the variable a hit costs one load.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// The environment variable that arms a point.
pub const VARIABLE: &str = "CROSSDOCK_FAILPOINT";

/// Every point, in the order a message that is sent meets them.
pub const NAMES: &[&str] = &[
    "ingress-before-commit",
    "journal-before-write",
    "journal-after-write",
    "journal-after-sync",
    "journal-after-projection",
    "journal-before-checkpoint",
    "view-in-round",
    "journal-before-seal",
    "journal-after-rotate",
    "engine-before-decode",
    "engine-after-decode",
    "engine-before-send",
    "engine-after-send",
    "engine-before-outcome",
    "start-after-journal",
    "start-after-view",
];

/// Those that only what is fetched meets.
pub const POLL_NAMES: &[&str] = &[
    "poll-before-record",
    "poll-after-record",
    "poll-after-accepted",
];

/// Those that only what processes take in meets.
pub const PROCESS_NAMES: &[&str] = &["process-before-record", "process-after-record"];

struct Armed {
    name: String,
    hits_left: AtomicU64,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

/// Aborts the process if this point is armed and its count is used up.
pub fn hit(name: &'static str) {
    let Some(armed) = ARMED.get_or_init(from_environment) else {
        return;
    };
    if armed.name == name && armed.hits_left.fetch_sub(1, Ordering::SeqCst) == 1 {
        // Like kill -9: no destructor runs, nothing is flushed.
        std::process::abort();
    }
}

fn from_environment() -> Option<Armed> {
    let value = std::env::var(VARIABLE).ok()?;
    let (name, count) = match value.split_once(':') {
        Some((name, count)) => (name.to_owned(), count.parse().unwrap_or(1)),
        None => (value, 1),
    };
    Some(Armed {
        name,
        hits_left: AtomicU64::new(count),
    })
}
