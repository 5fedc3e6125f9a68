//! `crossdock demo`: partner simulators on loopback, the host between them, and a
//! story that shows what it does when partners fail.
//!
//! The host is the real one: composed as `serve` composes it, configured by a file,
//! on a temporary directory, with adapters built from their sources. The partners
//! ([`erp`], [`crm`], [`hub`], and those of [`simulate`](crate::simulate)) are small systems
//! with state and numbers of their own; they know the host only by its interfaces. The
//! [`story`] believes what the host's API and the partners' books say, and a step
//! that was not observed ends it with an error that names the step.
//!
//! Nothing here is part of the product's path: no other module knows of this one
//! but the command line.

mod api;
mod crm;
mod erp;
mod farewell;
mod hub;
mod screen;
mod settings;
mod stage;
mod story;
mod systems;
mod telling;

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
    interrupt::asked_to_end,
    sandbox::{self, Sandbox, SandboxError},
    toolchain::{self, BuildError, Built},
};

/// Where the adapters of the story have their sources, in the workspace.
const ADAPTERS: [&str; 6] = [
    "adapters/canonical-json",
    "adapters/x12-3pl",
    "adapters/sap",
    "adapters/salesforce",
    "adapters/shipbob",
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
    #[error("the adapter in {} can't be built: {source}{}", folder.display(), source.remedy().map(|it| format!("; {it}")).unwrap_or_default())]
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
    /// Somebody did not want to see the end.
    #[error("interrupted before the story's end")]
    Interrupted,
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
    let folders = sources(&options.workspace)?;
    let mut screen = Screen::standard(clock.now());
    screen.heading(
        "Crossdock demo: ERPs, CRMs and warehouses on this machine, and the host between them",
    );
    screen.heading("Adapters");
    let mut adapters = Vec::new();
    for folder in folders {
        adapters.push(build(folder, &mut screen).await?);
    }
    let root = tempfile::Builder::new()
        .prefix("crossdock-demo-")
        .tempdir()?;
    install(&adapters, &root)?;
    let mut stage = Box::pin(Stage::set(root, options.port, screen, clock)).await?;
    farewell::introduce(&mut stage);
    let played = tokio::select! {
        played = Box::pin(story::play(&mut stage)) => played.map_err(Error::from),
        () = asked_to_end() => Err(Error::Interrupted),
    };
    if let Ok(played) = &played {
        farewell::sum_up(&mut stage.screen, played);
        if !options.once {
            farewell::invite(&mut stage);
            asked_to_end().await;
        }
    }
    let struck = stage.strike().await;
    let played = played?;
    struck.map_err(Error::Strike)?;
    Ok(ExitReport { played })
}

/// Where the adapters of the story have their sources.
fn sources(workspace: &Path) -> Result<Vec<PathBuf>, Error> {
    let folders = ADAPTERS.map(|folder| workspace.join(folder));
    match folders
        .iter()
        .find(|folder| !folder.join("Cargo.toml").is_file())
    {
        Some(missing) => Err(Error::NoSources(missing.clone())),
        None => Ok(folders.to_vec()),
    }
}

/// Builds an adapter unless it is newer than its sources, and shows how that goes.
async fn build(folder: PathBuf, screen: &mut Screen) -> Result<Built, Error> {
    let begun = Instant::now();
    let name = folder.file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let (lines, mut said) = mpsc::channel::<String>(BUILD_LINES_MAX);
    let building = tokio::task::spawn_blocking(move || {
        let sandbox = Sandbox::new(sandbox::Config::default(), None)?;
        let mut progress = |line: &str| {
            // When nobody reads any more, nobody wants to know.
            drop(lines.blocking_send(line.to_owned()));
        };
        toolchain::build_if_newer(&folder, &sandbox, &mut progress)
            .map_err(|source| Error::Build { folder, source })
    });
    let mut quiet = true;
    while let Some(line) = said.recv().await {
        if std::mem::take(&mut quiet) {
            screen.begun(&format!("building {name}"));
        }
        screen.progress(line.trim());
    }
    screen.progress("");
    let built = building.await??;
    let when = match built.inspection {
        Some(_) => format!("built in {}", span(begun.elapsed())),
        None => "up to date".to_owned(),
    };
    let kilobytes = built.size_bytes.div_ceil(1_000);
    let digest: String = built.digest.chars().take(12).collect();
    let about = format!("{kilobytes} kB, sha256 {digest}…, {when}");
    screen.done(&built.package, &about);
    Ok(built)
}

/// Puts the adapters where the host looks for them.
fn install(adapters: &[Built], root: &TempDir) -> io::Result<()> {
    let directory = root.path().join("adapters");
    fs::create_dir(&directory)?;
    for built in adapters {
        let name = format!("{}.wasm", built.package);
        fs::copy(&built.path, directory.join(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_that_it_needs_the_source_tree() {
        let elsewhere = tempfile::tempdir().unwrap();
        let error = sources(elsewhere.path()).unwrap_err().to_string();
        assert!(error.contains("canonical-json is not there"), "{error}");
        assert!(error.contains("clone of the repository"), "{error}");
    }

    #[test]
    fn finds_the_adapters_of_this_source_tree() {
        let host = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(
            sources(host.parent().unwrap()).unwrap().len(),
            ADAPTERS.len()
        );
    }
}
