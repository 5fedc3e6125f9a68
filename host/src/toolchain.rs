//! From an adapter's source folder to its component.
//!
//! Runs cargo for `wasm32-unknown-unknown`, makes a component of the module, has
//! the sandbox admit it, and puts it where everything looks for it:
//! `<target>/adapters/<package>.wasm`. The same code serves `crossdock adapter
//! build`, the demo and the tests, so that all of them run what a user would run.
//!
//! Guests have a target folder of their own, `<target>/guests`, and none of the
//! environment that an outer cargo sets: a build that runs inside `cargo test` must
//! neither wait for its locks nor make its cache stale.

mod cargo;
mod fresh;
mod module;
mod workspace;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use self::{cargo::Cargo, workspace::Package};
use crate::{
    message::Digest,
    sandbox::{AdmitError, Inspection, Sandbox},
};

/// What Rust calls the target.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The profile that guests are built with, where the workspace has it.
const PROFILE: &str = "guest";

/// How to build.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Leave out the names of functions: some percent smaller, and a trap can't
    /// say where it was.
    pub strip_names: bool,
}

/// A component that was built.
#[derive(Clone, Debug, Serialize)]
pub struct Built {
    /// The package's name.
    pub package: String,
    /// Where the component is.
    pub path: PathBuf,
    /// Its size, in bytes.
    pub size_bytes: usize,
    /// SHA-256 of it, in hexadecimal.
    pub digest: String,
    /// What it is; absent when it was built before and nothing was newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inspection: Option<Inspection>,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder holds no package.
    #[error("{folder:?} is no adapter's folder: {reason}")]
    NoPackage {
        /// Which folder.
        folder: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A program that is needed does not run.
    #[error("{program} can't be run: {source}")]
    Tool {
        /// Which one.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// The compiler for the target is not there and could not be fetched.
    #[error("rust has no standard library for {TARGET}: {reason}")]
    NoTarget {
        /// What rustup said.
        reason: String,
    },
    /// The adapter does not compile.
    #[error("cargo failed\n{output}")]
    Compile {
        /// The end of what cargo said.
        output: String,
    },
    /// The module did not become a component.
    #[error("the module can't be made a component: {reason}")]
    Encode {
        /// Why not.
        reason: String,
    },
    /// The sandbox would refuse it.
    #[error("the component would not be admitted: {0}")]
    Refused(#[from] AdmitError),
    /// A file can't be read or written.
    #[error("{path:?}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

// === impl BuildError ===

impl BuildError {
    /// What to do about it; absent when the message says it all.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::NoTarget { .. } => Some(format!(
                "run `rustup target add {TARGET}` with a connection, or install the target with \
                 the package manager that rust came from"
            )),
            Self::Encode { .. } => Some(
                "the crate needs crossdock-sdk's export macro at its root; a crate that uses \
                 wasm-bindgen or WASI can't be an adapter"
                    .to_owned(),
            ),
            Self::Refused(error) => error.remedy(),
            _ => None,
        }
    }

    fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }
}

/// Builds the adapter in `folder`; `progress` gets each line that cargo says.
///
/// Takes from half a second to a minute. Several processes may build at once: they
/// take turns.
///
/// # Errors
/// Says what is missing or wrong, and what to do.
pub fn build(
    folder: &Path,
    options: Options,
    sandbox: &Sandbox,
    progress: &mut dyn FnMut(&str),
) -> Result<Built, BuildError> {
    let (cargo, package) = locate(folder)?;
    let lock = lock(&package, progress)?;
    compile(&cargo, &package, options, sandbox, &lock, progress)
}

/// Builds the adapter in `folder` unless its component is newer than all that it
/// is made of.
///
/// # Errors
/// As [`build`].
pub fn build_if_newer(
    folder: &Path,
    sandbox: &Sandbox,
    progress: &mut dyn FnMut(&str),
) -> Result<Built, BuildError> {
    let (cargo, package) = locate(folder)?;
    let lock = lock(&package, progress)?;
    if fresh::is_fresh(&package)
        && let Ok(bytes) = fs::read(&package.component)
    {
        return Ok(built(&package, &bytes, None));
    }
    compile(
        &cargo,
        &package,
        Options::default(),
        sandbox,
        &lock,
        progress,
    )
}

fn locate(folder: &Path) -> Result<(Cargo, Package), BuildError> {
    let folder = folder
        .canonicalize()
        .map_err(|source| BuildError::NoPackage {
            folder: folder.to_owned(),
            reason: source.to_string(),
        })?;
    let cargo = Cargo::new(&folder);
    let package = Package::find(&cargo, &folder)?;
    Ok((cargo, package))
}

/// Waits for its turn. The file's time is the start of the build.
fn lock(package: &Package, progress: &mut dyn FnMut(&str)) -> Result<File, BuildError> {
    let directory = package.component.parent().unwrap_or(Path::new("."));
    let path = directory.join(format!("{}.lock", package.name));
    let mut locked = || {
        fs::create_dir_all(directory)?;
        let file = File::create(&path)?;
        if file.try_lock().is_err() {
            progress("waiting for another build of the same adapter");
            file.lock()?;
        }
        Ok(file)
    };
    locked().map_err(|source| BuildError::file(&path, source))
}

fn compile(
    cargo: &Cargo,
    package: &Package,
    options: Options,
    sandbox: &Sandbox,
    lock: &File,
    progress: &mut dyn FnMut(&str),
) -> Result<Built, BuildError> {
    let on_lock = |source| BuildError::file(&package.component, source);
    lock.set_len(0).map_err(on_lock)?;
    io::Write::write_all(&mut &*lock, b"building").map_err(on_lock)?;
    let started = lock
        .metadata()
        .and_then(|it| it.modified())
        .map_err(on_lock)?;

    cargo.ensure_target(progress)?;
    let module = cargo.build(package, progress)?;
    let module = fs::read(&module).map_err(|source| BuildError::file(&module, source))?;
    let component = module::to_component(&module, options.strip_names)?;
    let inspection = sandbox.inspect(&component)?;
    write(&package.component, &component, started)
        .map_err(|source| BuildError::file(&package.component, source))?;
    Ok(built(package, &component, Some(inspection)))
}

/// Whole or not at all, and dated to the start of the build: a source that was
/// saved meanwhile counts as newer.
fn write(path: &Path, bytes: &[u8], started: std::time::SystemTime) -> io::Result<()> {
    let unfinished = path.with_extension("wasm.part");
    fs::write(&unfinished, bytes)?;
    File::options()
        .append(true)
        .open(&unfinished)?
        .set_modified(started)?;
    fs::rename(unfinished, path)
}

fn built(package: &Package, component: &[u8], inspection: Option<Inspection>) -> Built {
    Built {
        package: package.name.clone(),
        path: package.component.clone(),
        size_bytes: component.len(),
        digest: Digest::of(component).to_string(),
        inspection,
    }
}
