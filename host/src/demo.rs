//! `crossdock demo`: partner simulators on loopback, the host between them, and a
//! story that shows what it does when partners fail.
//!
//! The host is the real one: composed as `serve` composes it, configured by a file,
//! on a temporary directory, with adapters built from their sources. The partners
//! ([`erp`], [`crm`], [`warehouse`], [`folder_warehouse`]) are small systems with
//! state and numbers of their own; they know the host only by its interfaces. The
//! [`story`] believes what the host's API and the partners' books say, and a step
//! that was not observed ends it with an error that names the step.
//!
//! Nothing here is part of the product's path: no other module knows of this one
//! but the command line.

mod api;
mod crm;
mod depot;
mod edi;
mod erp;
mod farewell;
mod folder_warehouse;
mod ingress;
mod receiver;
mod screen;
mod server;
mod settings;
mod stage;
mod story;
mod telling;
mod warehouse;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio::{sync::mpsc, task::JoinError, time::Instant};

use self::{
    screen::{Screen, span},
    stage::Stage,
};
pub use self::{
    stage::Error as StageError,
    story::{Missed, Played},
};
use crate::{
    clock::Clock,
    sandbox::{self, Sandbox, SandboxError},
    toolchain::{self, BuildError, Built},
};

/// Where the adapters of the story have their sources, in the workspace.
const ADAPTERS: [&str; 3] = [
    "adapters/canonical-json",
    "adapters/x12-3pl",
    "tests/guests/misbehaving",
];

/// Lines of a build that wait to be shown; cargo waits when there are more.
const BUILD_LINES_MAX: usize = 256;

/// How to play.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ends after the story instead of staying up.
    pub once: bool,
    /// Where to listen on 127.0.0.1; any free port if absent.
    pub port: Option<u16>,
    /// The source tree, for the adapters.
    pub workspace: PathBuf,
}

/// What was observed.
#[derive(Clone, Debug)]
pub struct ExitReport {
    /// Every step of the story, in order.
    pub played: Vec<Played>,
}

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The adapters have no sources here.
    #[error("the demo builds its adapters from the source tree, but {} is not there; run it from a clone of the repository", .0.display())]
    NoSources(PathBuf),
    /// An adapter can't be built.
    #[error("the adapter in {} can't be built: {source}", folder.display())]
    Build {
        /// Where its sources are.
        folder: PathBuf,
        /// Why not.
        source: BuildError,
    },
    /// Guests can't be run here.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The demo's own directory can't be used.
    #[error("the demo's directory: {0}")]
    Directory(#[from] io::Error),
    /// A task of the demo ended badly. A defect.
    #[error("a part of the demo failed: {0}")]
    Task(#[from] JoinError),
    /// The scene can't be set.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A step was not observed.
    #[error(transparent)]
    Missed(#[from] Box<Missed>),
    /// The end was not an orderly one.
    #[error("the demo did not end well: {0}")]
    Strike(String),
}

/// Plays the story; without `once` it then stays up until it is interrupted.
///
/// # Errors
/// Unless every step was observed.
pub async fn run(options: Options) -> Result<ExitReport, Error> {
    let clock = Clock::System;
    let mut screen = Screen::standard(clock.now());
    let root = tempfile::Builder::new()
        .prefix("crossdock-demo-")
        .tempdir()?;
    screen.heading("Crossdock demo: an ERP, a CRM and two warehouses on this machine, and the host between them");
    build(&options.workspace, &root, &mut screen).await?;
    screen.count_from(clock.now());
    let mut stage = Box::pin(Stage::set(root, options.port, screen, clock)).await?;
    farewell::introduce(&mut stage);
    let played = Box::pin(story::play(&mut stage)).await;
    if let Ok(played) = &played {
        farewell::sum_up(&mut stage.screen, played);
        if !options.once {
            farewell::invite(&mut stage);
            // Without a way to be interrupted there is nothing to wait for.
            drop(tokio::signal::ctrl_c().await);
        }
    }
    let struck = stage.strike().await;
    let played = played?;
    struck.map_err(Error::Strike)?;
    Ok(ExitReport { played })
}

/// Builds what is older than its sources, and puts all adapters where the host looks
/// for them.
async fn build(workspace: &Path, root: &TempDir, screen: &mut Screen) -> Result<(), Error> {
    let adapters = root.path().join("adapters");
    fs::create_dir(&adapters)?;
    screen.heading("Adapters");
    for folder in ADAPTERS.map(|folder| workspace.join(folder)) {
        if !folder.join("Cargo.toml").is_file() {
            return Err(Error::NoSources(folder));
        }
        let begun = Instant::now();
        let built = build_one(&folder, screen).await?;
        let when = match built.inspection {
            Some(_) => format!("built in {}", span(begun.elapsed())),
            None => "up to date".to_owned(),
        };
        let kilobytes = built.size_bytes.div_ceil(1_000);
        let digest: String = built.digest.chars().take(12).collect();
        screen.done(
            &built.package,
            &format!("{kilobytes} kB, sha256 {digest}…, {when}"),
        );
        fs::copy(
            &built.path,
            adapters.join(format!("{}.wasm", built.package)),
        )?;
    }
    Ok(())
}

async fn build_one(folder: &Path, screen: &mut Screen) -> Result<Built, Error> {
    let (lines, mut said) = mpsc::channel::<String>(BUILD_LINES_MAX);
    let owned = folder.to_owned();
    let building = tokio::task::spawn_blocking(move || {
        let sandbox = Sandbox::new(sandbox::Config::default(), None)?;
        let mut progress = |line: &str| {
            // When nobody reads any more, nobody wants to know.
            drop(lines.blocking_send(line.to_owned()));
        };
        toolchain::build_if_newer(&owned, &sandbox, &mut progress).map_err(|source| Error::Build {
            folder: owned,
            source,
        })
    });
    while let Some(line) = said.recv().await {
        screen.progress(line.trim());
    }
    screen.progress("");
    building.await?
}
