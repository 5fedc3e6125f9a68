//! The deeds. Each runs into exactly one limit of the host.

use std::hint::black_box;

use crossdock_sdk::{Level, host};

/// How many documents `many-documents` gives. Each is small, so that neither fuel nor
/// the limit of the output ends it: the host has to take them all.
pub(crate) const DOCUMENTS: u32 = 5_000;

/// How much `giant-output` gives: beyond the 8 MiB that a guest may return.
const OUTPUT_BYTES: usize = 9 * 1024 * 1024;

/// How much memory `memory-bomb` asks for at a time.
const BOMB_BYTES: usize = 1024 * 1024;

/// How much memory `bulk-memory-loop` fills with a single instruction.
const REGION_BYTES: usize = 16 * 1024 * 1024;

/// What `log-flood` writes: far beyond the 64 KiB that are kept.
const LOG_LINES: u32 = 20_000;

/// Something bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Never ends; a branch in every round. Fuel stops it.
    Loop,
    /// Never ends; nearly all of the time is spent inside bulk instructions, where
    /// an epoch is not checked.
    BulkMemoryLoop,
    /// Takes memory until there is none. Hardly touches it, so that it meets the limit
    /// of the memory before that of the fuel.
    MemoryBomb,
    /// Calls itself until the stack ends.
    Recursion,
    /// Panics with a text.
    Panic,
    /// Executes `unreachable` without a word.
    Trap,
    /// Returns more than may be returned.
    GiantOutput,
    /// Logs more than is kept.
    LogFlood,
    /// Returns more documents than anybody sends at once; all of them are good.
    ManyDocuments,
}

// === impl Deed ===

impl Deed {
    /// The deed that a word asks for.
    pub(crate) fn named(word: &str) -> Option<Deed> {
        Some(match word {
            "loop" => Deed::Loop,
            "bulk-memory-loop" => Deed::BulkMemoryLoop,
            "memory-bomb" => Deed::MemoryBomb,
            "recursion" => Deed::Recursion,
            "panic" => Deed::Panic,
            "trap" => Deed::Trap,
            "giant-output" => Deed::GiantOutput,
            "log-flood" => Deed::LogFlood,
            "many-documents" => Deed::ManyDocuments,
            _ => return None,
        })
    }

    /// Does it. What comes back, if anything does, belongs into the output.
    pub(crate) fn perform(self) -> Vec<String> {
        match self {
            Deed::Loop => spin(),
            Deed::BulkMemoryLoop => fill(),
            Deed::MemoryBomb => hoard(),
            Deed::Recursion => return vec![dive(1).to_string()],
            Deed::Panic => panic!("an adapter that was told to panic"),
            Deed::Trap => trap(),
            Deed::GiantOutput => return vec!["x".repeat(OUTPUT_BYTES)],
            Deed::LogFlood => flood(),
            Deed::ManyDocuments => {}
        }
        Vec::new()
    }
}

fn spin() {
    let mut rounds = 0_u64;
    loop {
        rounds = black_box(rounds.wrapping_add(1));
    }
}

fn fill() {
    let mut region = vec![0_u8; REGION_BYTES];
    let mut byte = 0_u8;
    loop {
        byte = byte.wrapping_add(1);
        region.fill(black_box(byte));
        black_box(&mut region);
    }
}

fn hoard() {
    let mut hoard = Vec::new();
    loop {
        let mut block = Vec::<u8>::with_capacity(BOMB_BYTES);
        block.push(1);
        hoard.push(black_box(block));
    }
}

/// The sum after the call keeps it from becoming a loop.
fn dive(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    if depth == 0 {
        return 0;
    }
    dive(black_box(depth + 1)) + black_box(frame)[3]
}

fn trap() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}

fn flood() {
    let line = "all work and no play makes an adapter a dull guest; ".repeat(2);
    for _ in 0..LOG_LINES {
        host::log(Level::Info, &line, &[("deed", "log-flood")]);
    }
}
