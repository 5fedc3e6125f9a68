//! Why a guest call gave no answer.
//!
//! An adapter that says no has answered; that is a [`Problem`](crate::contract::Problem)
//! and no error. Here is what went wrong around it: the guest trapped, ran over a
//! limit, or the host could not run it. Each error says whose fault it is, whether
//! the same call may succeed later, which limit it was, and which adapter.

use std::{fmt, time::Duration};

use serde::Serialize;

use super::{
    imports::{LogLine, inert},
    limits::Limits,
};
use crate::{contract::Blame, message::Digest};

/// A call that gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "adapter {}: {}: {}{}",
    .0.adapter,
    .0.operation,
    .0.cause,
    .0.frames.first().map(|frame| format!(", in {frame}")).unwrap_or_default()
)]
pub struct GuestError(Box<Failure>);

/// What there is to know about a call that gave no answer.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// The adapter's name.
    pub adapter: String,
    /// SHA-256 of its component.
    pub digest: Digest,
    /// What was asked of it.
    pub operation: Operation,
    /// Why there is no answer.
    #[serde(flatten)]
    pub cause: Cause,
    /// Functions that were running, innermost first; empty where the component has
    /// no names or the guest was not running.
    pub frames: Vec<Frame>,
    /// What was used until then, with the log.
    pub usage: Usage,
}

/// A function of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// What the adapter is.
    Describe,
    /// Reading a message.
    Decode,
    /// The next step of a delivery.
    Next,
    /// The next step of a poll.
    Poll,
}

/// What a call used.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Usage {
    /// Fuel that was used.
    pub fuel_used: u64,
    /// Fuel that there was.
    pub fuel_budget: u64,
    /// The most memory that the instance held, in bytes.
    pub memory_bytes_peak: usize,
    /// From before the instance was made to the end of the call.
    #[serde(rename = "elapsed_us", serialize_with = "as_micros")]
    pub elapsed: Duration,
    /// What the guest logged.
    pub log: Vec<LogLine>,
    /// Whether lines are missing at the end of `log`.
    pub log_truncated: bool,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Cause {
    /// The guest panicked.
    #[error("panicked{}: {text}", .place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default())]
    Panic {
        /// What it said.
        text: String,
        /// File, line and column; absent when the guest did not say.
        place: Option<String>,
    },
    /// The guest did what no program may: an `unreachable` instruction, an access
    /// outside its memory, a division by zero, an answer that is not of its type.
    #[error("trapped: {reason}")]
    Trap {
        /// The trap in words.
        reason: String,
    },
    /// The fuel was used up.
    #[error("used up its fuel of {fuel} (settings fuel_base and fuel_per_kib)")]
    OutOfFuel {
        /// What there was.
        fuel: u64,
    },
    /// The time was used up.
    #[error("ran longer than {limit} ms (setting wall_ms_max)")]
    Deadline {
        /// What there was, in milliseconds.
        limit: u64,
    },
    /// The guest asked for more memory than it may have, and gave up.
    #[error("needed more than {limit} bytes of memory (setting memory_bytes_max)")]
    Memory {
        /// What it may have, in bytes.
        limit: usize,
    },
    /// The answer was too large to take.
    #[error("answered with more than {limit} bytes (setting output_bytes_max)")]
    OutputTooLarge {
        /// What is taken, in bytes.
        limit: usize,
    },
    /// The guest called the host with too much.
    #[error("handed the host more than {limit} bytes in one call (setting host_call_bytes_max)")]
    HostCallTooLarge {
        /// What is taken, in bytes.
        limit: usize,
    },
    /// Calls were nested too deep.
    #[error(
        "nested its calls deeper than its stack of {limit} bytes (setting stack_bytes_max, or in the guest -zstack-size)"
    )]
    StackOverflow {
        /// How deep they may be, in bytes.
        limit: usize,
    },
    /// All places for guests were taken.
    #[error("all {limit} instances are in use (setting instances_max)")]
    Busy {
        /// How many there are.
        limit: u32,
    },
    /// The host failed.
    #[error("the host failed: {detail}")]
    Internal {
        /// How.
        detail: String,
    },
}

/// A function that was being run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// Its name, or its index where the component has no names.
    pub function: String,
    /// Where in the core module, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<usize>,
    /// How many calls of it are directly nested.
    pub times: u32,
}

/// What an import says when a guest hands it more than it takes.
#[derive(Debug, thiserror::Error)]
#[error("more than {0} bytes in one call of the host")]
pub(super) struct TooMuchForHost(pub(super) usize);

/// What is known of the circumstances of a failed call.
pub(super) struct Circumstances<'a> {
    pub(super) limits: &'a Limits,
    pub(super) fuel_budget: u64,
    pub(super) stack_bytes_max: usize,
    pub(super) instances_max: u32,
    pub(super) memory_refused: bool,
    pub(super) panic: Option<(String, Option<String>)>,
}

// === impl GuestError ===

impl GuestError {
    pub(super) fn new(failure: Failure) -> Self {
        Self(Box::new(failure))
    }

    /// All that is known about it.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.0
    }

    /// Why there is no answer.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.0.cause
    }

    /// A stable word for the cause: `out-of-fuel`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.cause.code()
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self.0.cause {
            Cause::Busy { .. } | Cause::Internal { .. } => Blame::Other("host".to_owned()),
            _ => Blame::Adapter,
        }
    }

    /// Whether the same call may succeed later. A guest is a pure function, so
    /// only what depends on the machine can change by itself.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(
            self.0.cause,
            Cause::Busy { .. } | Cause::Deadline { .. } | Cause::Internal { .. }
        )
    }
}

// === impl Cause ===

impl Cause {
    /// A stable word for the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Panic { .. } => "panic",
            Self::Trap { .. } => "trap",
            Self::OutOfFuel { .. } => "out-of-fuel",
            Self::Deadline { .. } => "deadline",
            Self::Memory { .. } => "memory",
            Self::OutputTooLarge { .. } => "output-too-large",
            Self::HostCallTooLarge { .. } => "host-call-too-large",
            Self::StackOverflow { .. } => "stack-overflow",
            Self::Busy { .. } => "busy",
            Self::Internal { .. } => "internal",
        }
    }

    /// Reads what `wasmtime` says.
    ///
    /// A trap after a refused growth counts as lack of memory: allocators answer
    /// a refusal by aborting, and "unreachable" would send the reader astray.
    pub(super) fn of(error: &wasmtime::Error, around: Circumstances<'_>) -> Self {
        let limits = around.limits;
        if error.is::<wasmtime::PoolConcurrencyLimitError>() {
            let limit = around.instances_max;
            return Self::Busy { limit };
        }
        if let Some(TooMuchForHost(limit)) = error.downcast_ref() {
            return Self::HostCallTooLarge { limit: *limit };
        }
        let chain = format!("{error:#}");
        if chain.contains("fuel allocated for hostcalls has been exhausted") {
            // Only a call that came from the guest has guest frames below it.
            return if error.is::<wasmtime::WasmBacktrace>() {
                let limit = limits.host_call_bytes_max;
                Self::HostCallTooLarge { limit }
            } else {
                let limit = limits.output_bytes_max;
                Self::OutputTooLarge { limit }
            };
        }
        match error.downcast_ref::<wasmtime::Trap>() {
            Some(wasmtime::Trap::OutOfFuel) => Self::OutOfFuel {
                fuel: around.fuel_budget,
            },
            Some(wasmtime::Trap::Interrupt) => Self::Deadline {
                limit: limits.wall_ms_max,
            },
            Some(wasmtime::Trap::StackOverflow) => Self::StackOverflow {
                limit: around.stack_bytes_max,
            },
            _ if around.memory_refused => Self::Memory {
                limit: limits.memory_bytes_max,
            },
            Some(wasmtime::Trap::MemoryOutOfBounds) if below_zero(&chain) => Self::StackOverflow {
                limit: around.stack_bytes_max,
            },
            trap => match around.panic {
                Some((text, place)) => Self::Panic { text, place },
                None => Self::Trap {
                    reason: trap.map_or(chain, ToString::to_string),
                },
            },
        }
    }
}

/// Whether the faulting address is just below zero. There a Rust guest's own
/// stack, which lies at the bottom of its memory and grows down, runs over.
fn below_zero(chain: &str) -> bool {
    const NEAR: u64 = 64 << 20;
    let address = chain
        .split_once("memory fault at wasm address 0x")
        .and_then(|(_, rest)| rest.split_once(' '))
        .and_then(|(hex, _)| u64::from_str_radix(hex, 16).ok());
    address.is_some_and(|address| ((1 << 32) - NEAR..1 << 33).contains(&address))
}

/// The functions of a backtrace; `wasmtime` keeps the 20 innermost. Those of Rust's
/// own panic machinery are left out at the inner end, since they say nothing.
pub(super) fn frames(error: &wasmtime::Error) -> Vec<Frame> {
    const NAME_BYTES_MAX: usize = 256;
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else {
        return Vec::new();
    };
    // The engine demangles names only where it prints them, one line a frame:
    // `   0:   0x1f2c - module!function`.
    let text = backtrace.to_string();
    let names = text
        .lines()
        .skip(1)
        .map(|line| line.split_once('!').map_or(line, |(_, name)| name));
    // Guests leave out the names of the standard library's functions.
    let named = backtrace
        .frames()
        .iter()
        .any(|frame| frame.func_name().is_some());
    let mut frames: Vec<Frame> = Vec::new();
    for (frame, name) in backtrace.frames().iter().zip(names) {
        // Names come from the guest and go into logs and pages.
        let function = inert(without_hash(name), NAME_BYTES_MAX);
        match frames.last_mut() {
            Some(last) if last.function == function => last.times += 1,
            None if is_machinery(&function) || (named && frame.func_name().is_none()) => {}
            _ => frames.push(Frame {
                function,
                offset: frame.module_offset(),
                times: 1,
            }),
        }
    }
    frames
}

/// A function's name without the hash that older mangling puts at its end.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|it| it.is_ascii_hexdigit()) => {
            name
        }
        _ => name,
    }
}

fn is_machinery(function: &str) -> bool {
    [
        "__rustc[", "std[", "std::", "core[", "core::", "alloc[", "alloc::",
    ]
    .iter()
    .any(|start| function.starts_with(start))
}

fn as_micros<S: serde::Serializer>(elapsed: &Duration, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_u64(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}

// === impl Operation ===

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Describe => "describe",
            Self::Decode => "decode",
            Self::Next => "next",
            Self::Poll => "poll",
        })
    }
}

// === impl Frame ===

impl fmt::Display for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_below_zero_is_the_guests_own_stack() {
        let fault = |address: &str| {
            format!("memory fault at wasm address {address} in linear memory of size 0x110000")
        };
        assert!(below_zero(&fault("0xfffffff0")));
        assert!(below_zero(&fault("0x100000010")));
        assert!(!below_zero(&fault("0x110000")));
        assert!(!below_zero("integer divide by zero"));
    }

    #[test]
    fn names_lose_their_hash_only() {
        let name = "misbehaving::deed::dive::hf28848a36c00c658";
        assert_eq!(without_hash(name), "misbehaving::deed::dive");
        assert_eq!(without_hash("a::hello"), "a::hello");
        assert!(is_machinery("core[c5930c85a12de822]::panicking::panic_fmt"));
    }
}
