//! Components of the adapters, and what they compile to: made once, for all test
//! processes and for as long as their sources stay as they are.

use std::{
    collections::{BTreeSet, HashMap},
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use crossdock::{
    sandbox::{Adapter, Config, Sandbox},
    toolchain,
};

/// Where the adapters' sources are: those of the product, and guests made for tests.
const SOURCES: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../adapters"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/guests"),
];

/// Puts the components of adapters of this workspace into `adapters`, and their
/// compiled code into `compiled`, as a host keeps it there: without optimisation
/// compiling takes a host seconds, and every site would begin with it.
///
/// # Panics
/// When one can't be built: with what cargo said.
pub(super) fn furnish(names: &BTreeSet<&str>, adapters: &Path, compiled: &Path) {
    fs::create_dir_all(adapters).expect("a directory can be made");
    for name in names {
        copy(&component(name), &adapters.join(format!("{name}.wasm")));
    }
    fs::create_dir_all(compiled).expect("a directory can be made");
    for entry in fs::read_dir(kept()).expect("compiled code is kept") {
        let entry = entry.expect("a directory can be read");
        copy(&entry.path(), &compiled.join(entry.file_name()));
    }
}

/// An adapter of this workspace, ready to be called in this process.
pub(crate) fn admitted(name: &str) -> Adapter {
    let bytes = fs::read(component(name)).expect("a component can be read");
    admit(name, &bytes)
}

fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX
        .get_or_init(|| Sandbox::new(Config::default(), Some(kept())).expect("guests can be run"))
}

fn admit(name: &str, component: &[u8]) -> Adapter {
    let admitted = sandbox().admit(component);
    let (adapter, _) =
        admitted.unwrap_or_else(|error| panic!("the adapter {name} is refused: {error}"));
    adapter
}

fn component(name: &str) -> PathBuf {
    static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let built = built.get_or_insert_default();
    if let Some(path) = built.get(name) {
        return path.clone();
    }
    // One process builds, the others find it built.
    let lock =
        File::create(kept().with_extension("lock")).expect("the target folder can be written");
    lock.lock().expect("the lock is free in the end");
    let folder = SOURCES
        .iter()
        .map(|sources| Path::new(sources).join(name))
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| panic!("there is no adapter {name}"));
    let component = toolchain::build_if_newer(&folder, sandbox(), &mut |_| {})
        .unwrap_or_else(|error| panic!("the adapter {name} can't be built: {error}"));
    let bytes = fs::read(&component.path).expect("a component can be read");
    admit(name, &bytes);
    built.insert(name.to_owned(), component.path.clone());
    component.path
}

/// Where compiled code is kept between runs: beside the tests.
fn kept() -> PathBuf {
    let test = env::current_exe().expect("a test knows where it is");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("a test is in target/PROFILE/deps");
    profile.join("e2e-compiled")
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to)
        .unwrap_or_else(|error| panic!("{} can't be copied: {error}", from.display()));
}
