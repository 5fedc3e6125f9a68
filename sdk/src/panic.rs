//! A panic's text and place, told to the host before the instance is gone.
//!
//! Without it the host sees nothing but an `unreachable` instruction.

use std::panic::{self, PanicHookInfo};

use crate::{Level, host};

/// Sends every panic to the host's log. Called first in every export: each call has
/// an instance of its own.
pub(crate) fn install() {
    panic::set_hook(Box::new(report));
}

fn report(panic: &PanicHookInfo<'_>) {
    let text = panic
        .payload_as_str()
        .unwrap_or("panicked with a value that is no text");
    match panic.location() {
        Some(location) => host::log(Level::Panic, text, &[("place", &location.to_string())]),
        None => host::log(Level::Panic, text, &[]),
    }
}
