//! The life of the process: read the arguments, do the command, leave with a code
//! that says how it went.

use std::process::ExitCode;

fn main() -> ExitCode {
    crossdock::cli::main()
}
