//! `crossdock demo`.

use std::path::Path;

use clap::Args;

use super::report::Failed;
use crate::demo;

/// How to play.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// End after the story: 0 if every step was observed, 1 if not
    #[arg(long)]
    once: bool,
    /// Port to listen at; any free one if absent
    #[arg(long, value_name = "N")]
    port: Option<u16>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failed> {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let options = demo::Options {
        once: arguments.once,
        port: arguments.port,
        workspace: host.parent().unwrap_or(host).to_owned(),
    };
    demo::run(options).await.map(|_| ()).map_err(Failed::work)
}
