//! Components of the adapters: built once, for all test processes.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use crossdock::{
    sandbox::{Config, Sandbox},
    toolchain,
};

/// Where the adapters' sources are.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../adapters");

/// The component of an adapter of this workspace; made if a source is newer.
///
/// # Panics
/// When it can't be built: with what cargo said.
pub(super) fn component(name: &str) -> PathBuf {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let built = built.get_or_insert_default();
    if let Some(path) = built.get(name) {
        return path.clone();
    }
    let sandbox =
        SANDBOX.get_or_init(|| Sandbox::new(Config::default(), None).expect("guests can be run"));
    let folder = Path::new(SOURCES).join(name);
    let component = toolchain::build_if_newer(&folder, sandbox, &mut |_| {})
        .unwrap_or_else(|error| panic!("the adapter {name} can't be built: {error}"));
    built.insert(name.to_owned(), component.path.clone());
    component.path
}
