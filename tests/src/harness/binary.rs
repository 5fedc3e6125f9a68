//! The host's binary: the one that belongs to the test that runs.
//!
//! Cargo puts it beside the tests, one folder up. `cargo test --workspace` builds it
//! with them; when only this package is tested it may be missing or older than its
//! sources, and is built here, in the profile of the test.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

/// How variables begin that cargo sets for a test.
const FOREIGN: [&str; 4] = [
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
];

/// Where the binary is.
///
/// # Panics
/// When it can't be built: with what cargo said.
pub(super) fn path() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = env::current_exe().expect("a test knows where it is");
        let profile = test
            .ancestors()
            .nth(2)
            .expect("a test is in target/PROFILE/deps")
            .to_owned();
        let binary = profile.join(format!("crossdock{}", env::consts::EXE_SUFFIX));
        // One process builds, the others find it built.
        let lock = File::create(profile.join("crossdock.e2e-lock"))
            .expect("the target folder can be written");
        lock.lock().expect("the lock is free in the end");
        if !is_fresh(&binary) {
            build(&profile);
        }
        assert!(
            binary.is_file(),
            "there is no {}; run `cargo build -p crossdock`",
            binary.display()
        );
        binary
    })
}

/// Whether no source that cargo lists is newer than the binary.
fn is_fresh(binary: &Path) -> bool {
    let Some(built) = modified(binary) else {
        return false;
    };
    let Ok(listed) = fs::read_to_string(binary.with_extension("d")) else {
        return false;
    };
    let sources = listed.split_once(": ").map_or("", |(_, sources)| sources);
    // Paths with spaces are escaped; such a tree is built anew every time.
    !sources.is_empty()
        && sources
            .split_whitespace()
            .all(|source| modified(Path::new(source)).is_some_and(|time| time <= built))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|it| it.modified()).ok()
}

fn build(profile: &Path) {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let name = profile
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a profile has a name");
    let mut command = Command::new(cargo);
    // What an outer cargo tells the test would make the inner one's cache stale.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if FOREIGN.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let output = command
        .args([
            "build",
            "--package",
            "crossdock",
            "--bin",
            "crossdock",
            "--profile",
        ])
        // The profile `dev` has the folder `debug`.
        .arg(if name == "debug" { "dev" } else { name })
        .arg("--target-dir")
        .arg(profile.parent().expect("a profile is in the target folder"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "the host can't be built:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
