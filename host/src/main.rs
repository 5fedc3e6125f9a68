//! The life of the process: read the arguments, do the command, leave with a code
//! that says how it went.

use std::process::ExitCode;

/// A message is thousands of small values that live for a moment on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    crossdock::cli::main()
}
