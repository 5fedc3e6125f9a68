//! What the product carries on this machine, load generator included.
//!
//! ```text
//! cargo bench -p e2e --bench load             # all of it, some minutes
//! cargo bench -p e2e --bench load -- accept   # or: path, restart, memory, processes, crowd
//! ```
//!
//! - `accept`: messages made durable and acknowledged a second, beside a bare axum
//!   handler that does the same group commit and one sled batch;
//! - `path`: messages a second from acceptance to delivery, every step journaled;
//! - `restart`: from the start of the process to ready, with a journal of 1 GiB;
//! - `memory`: what an idle host with 100 adapters holds;
//! - `processes`: steps a second of 50,000 orders, what a host with them holds, and how
//!   long it takes to tell the story of one;
//! - `crowd`: how late timers ring when a million wait, and the story of an order beside a
//!   million messages; takes a quarter of an hour and some gigabytes of disk.
//!
//! Figures are printed, never judged: they belong to the machine.

#![expect(
    clippy::print_stdout,
    reason = "a load command answers on standard output"
)]

mod accept;
mod client;
mod crowd;
mod idle;
mod path;
mod processes;

use std::{env, process::ExitCode};

/// As the product has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FIGURES: [&str; 6] = ["accept", "path", "restart", "memory", "processes", "crowd"];

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let asked: Vec<_> = env::args()
        .skip(1)
        .filter(|it| !it.starts_with("--"))
        .collect();
    if let Some(unknown) = asked.iter().find(|it| !FIGURES.contains(&it.as_str())) {
        println!("there is no figure {unknown}: {}", FIGURES.join(", "));
        return ExitCode::from(2);
    }
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|it| it == name);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        if wanted("accept") {
            accept::measure().await;
        }
        if wanted("path") || wanted("restart") {
            path::measure(wanted("restart")).await;
        }
        if wanted("memory") {
            idle::measure().await;
        }
        if wanted("processes") {
            processes::measure().await;
        }
        if wanted("crowd") {
            crowd::measure().await;
        }
    });
    ExitCode::SUCCESS
}
