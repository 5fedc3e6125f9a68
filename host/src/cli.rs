//! The command line: one file a command.
//!
//! Commands that list or show speak with a running host; `serve`, `check`,
//! `rebuild` and `adapter` work on files. Exit codes: 0 fine, 1 the work failed,
//! 2 wrong usage, 64 wrong configuration.

mod adapter;
mod check;
mod dead_letters;
mod demo;
mod exceptions;
mod instance;
mod inventory;
mod messages;
mod orders;
mod partners;
mod print;
mod processes;
mod rebuild;
mod remote;
mod report;
mod rerun;
mod returns;
mod serve;
mod service_levels;
mod shipments;
mod simulate;
mod tables;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use self::report::Failed;
use crate::config::{Checked, Config, Overrides};

/// The configuration is wrong (`EX_USAGE` of sysexits.h, as other hosts use it).
const EXIT_CONFIGURATION: u8 = 64;

/// Carries orders, stock, shipments and returns between ERPs, warehouses, CRMs and
/// shops. Each partner's dialect is a sandboxed WebAssembly adapter.
#[derive(Debug, Parser)]
#[command(name = "crossdock", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays a story with simulated partners, then stays up to be tried
    Demo(demo::Arguments),
    /// Simulates a partner: SAP, Salesforce, ShipBob, or a warehouse with X12
    Simulate(simulate::Arguments),
    /// Runs the host
    Serve(Files),
    /// Checks the configuration and the journal without starting
    Check(check::Arguments),
    /// Builds the view anew from the journal
    Rebuild(Files),
    /// Builds, tries and inspects adapters
    #[command(subcommand)]
    Adapter(adapter::Command),
    /// Messages of a running host
    #[command(subcommand)]
    Messages(messages::Command),
    /// What waits for a person
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// Partners of a running host
    #[command(subcommand)]
    Partners(partners::Command),
    /// What adapters look up: cross-reference tables of a running host
    #[command(subcommand)]
    Tables(tables::Command),
    /// Orders across all systems
    #[command(subcommand)]
    Orders(orders::Command),
    /// Shipments on their way
    #[command(subcommand)]
    Shipments(shipments::Command),
    /// Stock, as nodes report it, and against the ERP's books
    #[command(subcommand)]
    Inventory(inventory::Command),
    /// Goods that come back
    #[command(subcommand)]
    Returns(returns::Command),
    /// Business problems with an owner
    #[command(subcommand)]
    Exceptions(exceptions::Command),
    /// Processes, their versions and instances
    #[command(subcommand)]
    Processes(processes::Command),
    /// Whether partners and nodes do in time what is waited for
    #[command(after_help = "Example:\n  crossdock service-levels --days 7 --partner north")]
    ServiceLevels(service_levels::Arguments),
}

/// Which configuration, and what overrides it.
#[derive(Clone, Debug, Args)]
struct Files {
    /// The configuration
    #[arg(
        long,
        env = "CROSSDOCK_CONFIG",
        default_value = "crossdock.toml",
        value_name = "FILE"
    )]
    config: PathBuf,
    /// Address to listen at, in place of `listener.listen`
    #[arg(long, env = "CROSSDOCK_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Data directory, in place of `server.data_directory`
    #[arg(long, env = "CROSSDOCK_DATA_DIRECTORY", value_name = "DIRECTORY")]
    data_directory: Option<PathBuf>,
    /// Adapters' directory, in place of `server.adapters_directory`
    #[arg(long, env = "CROSSDOCK_ADAPTERS_DIRECTORY", value_name = "DIRECTORY")]
    adapters_directory: Option<PathBuf>,
}

/// Reads the arguments, does the command, says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log(log_filter(&arguments.command));
    let done = run(arguments.command);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            print::failure(&failed);
            ExitCode::from(failed.exit_code())
        }
    }
}

fn run(command: Command) -> Result<(), Failed> {
    match command {
        Command::Demo(arguments) => asynchronous(demo::run(arguments)),
        Command::Simulate(arguments) => asynchronous(simulate::run(arguments)),
        Command::Serve(files) => asynchronous(serve::run(files)),
        Command::Check(arguments) => check::run(&arguments),
        Command::Rebuild(files) => rebuild::run(&files),
        Command::Adapter(command) => adapter::run(command),
        Command::Messages(command) => asynchronous(messages::run(command)),
        Command::DeadLetters(command) => asynchronous(dead_letters::run(command)),
        Command::Partners(command) => asynchronous(partners::run(command)),
        Command::Tables(command) => asynchronous(tables::run(command)),
        Command::Orders(command) => asynchronous(orders::run(command)),
        Command::Shipments(command) => asynchronous(shipments::run(command)),
        Command::Inventory(command) => asynchronous(inventory::run(command)),
        Command::Returns(command) => asynchronous(returns::run(command)),
        Command::Exceptions(command) => asynchronous(exceptions::run(command)),
        Command::Processes(command) => asynchronous(processes::run(command)),
        Command::ServiceLevels(arguments) => asynchronous(service_levels::run(arguments)),
    }
}

/// Runs what waits for others.
fn asynchronous(work: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::work(format!("the runtime can't start: {error}")))?
        .block_on(work)
}

/// What is logged unless `RUST_LOG` says otherwise.
fn log_filter(command: &Command) -> &'static str {
    match command {
        // It tells a story on the same terminal, in which somebody is refused.
        Command::Demo(_) => "warn,crossdock::ingress=error",
        Command::Simulate(_) => "warn",
        _ => "warn,crossdock=info",
    }
}

/// Logs go to standard error: `RUST_LOG` chooses, `CROSSDOCK_LOG=json` gives one
/// JSON object a line.
fn start_log(filter: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::env::var("CROSSDOCK_LOG").is_ok_and(|it| it == "json") {
        builder.json().init();
    } else {
        builder.with_target(false).init();
    }
}

// === impl Files ===

impl Files {
    fn load(&self) -> Result<Checked, Failed> {
        let overrides = Overrides {
            listen: self.listen,
            data_directory: self.data_directory.clone(),
            adapters_directory: self.adapters_directory.clone(),
        };
        Config::load(&self.config, &overrides).map_err(Failed::Configuration)
    }
}

#[cfg(test)]
mod tests;
