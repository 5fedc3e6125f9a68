//! Runs cargo, rustc and rustup, as if nobody had run us from cargo.

use std::{
    collections::VecDeque,
    env,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde::Deserialize;

use super::{BuildError, PROFILE, TARGET, workspace::Package};

/// Lines of cargo's output that an error keeps.
const OUTPUT_LINES_MAX: usize = 200;

/// Settings of the user that reach an inner cargo; every other `CARGO_…` comes
/// from an outer one.
const KEPT: [&str; 8] = [
    "CARGO_HOME",
    "CARGO_BUILD_JOBS",
    "CARGO_HTTP_",
    "CARGO_INCREMENTAL",
    "CARGO_NET_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
];

/// What an outer cargo, clippy or coverage run sets for its own compiler.
const REMOVED: [&str; 9] = [
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "RUSTC",
    "RUSTDOC",
    "RUSTC_WORKSPACE_WRAPPER",
    "MAKEFLAGS",
    "MFLAGS",
    "LLVM_PROFILE_FILE",
    "CLIPPY_ARGS",
];

/// What the profile for guests says, for a workspace that has none.
const PROFILE_ENVIRONMENT: [(&str, &str); 6] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_STRIP", "debuginfo"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
];

/// The flags of the compiler for guests. The compiler's own measure of what is worth a
/// copy of a function makes a component a tenth larger than it is faster: with this one
/// an X12 945 takes 3 % more fuel and the component is 11 % smaller. With vectors, records
/// are moved and bytes searched sixteen at a time: a component is a hundredth smaller, and
/// with the smaller stack beside it an IDoc is read 6 % faster. The linker leaves five bytes for each address and each
/// function's number unless it is told to compress them, which it does only without debug
/// information; that is a twelfth. A guest's own stack, which counts as memory that it
/// uses from the first call on, is a quarter of the usual 1 MiB and half of what the
/// sandbox gives its calls.
const FLAGS: (&str, &str) = (
    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
    "-Cllvm-args=--inline-threshold=75 -Ctarget-feature=+simd128 -Clink-arg=--strip-debug \
     -Clink-arg=--compress-relocations -Clink-arg=-zstack-size=262144",
);

/// Cargo and its companions, run in an adapter's folder, so that the folder's
/// `rust-toolchain.toml` holds.
pub(super) struct Cargo {
    program: String,
    folder: PathBuf,
}

/// One line of cargo's report.
#[derive(Deserialize)]
struct Report {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

// === impl Cargo ===

impl Cargo {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            // An outer cargo names itself; it may not be on the path.
            program: env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()),
            folder: folder.to_owned(),
        }
    }

    /// What cargo knows about the workspace, as JSON.
    pub(super) fn metadata(&self, manifest: &Path) -> Result<Vec<u8>, BuildError> {
        let mut command = self.command(&self.program);
        // The user's choice of a target folder decides where ours are.
        for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"] {
            if let Some(directory) = env::var_os(name) {
                let directory = std::path::absolute(&directory).unwrap_or(directory.into());
                command.env(name, directory);
            }
        }
        command
            .args([
                "metadata",
                "--no-deps",
                "--format-version",
                "1",
                "--manifest-path",
            ])
            .arg(manifest);
        let output = command.output().map_err(|source| self.missing(source))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(BuildError::NoPackage {
            folder: self.folder.clone(),
            reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Has the standard library for the target fetched where it is missing.
    pub(super) fn ensure_target(&self, progress: &mut dyn FnMut(&str)) -> Result<(), BuildError> {
        let mut rustc = self.command("rustc");
        rustc.args(["--print", "target-libdir", "--target", TARGET]);
        let output = rustc.output().map_err(|source| BuildError::Tool {
            program: "rustc".to_owned(),
            source,
        })?;
        let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        if output.status.success() && libraries.is_dir() {
            return Ok(());
        }
        progress(&format!("rustup target add {TARGET}"));
        let mut rustup = self.command("rustup");
        rustup.args(["target", "add", TARGET]);
        let output = rustup.output().map_err(|error| BuildError::NoTarget {
            reason: format!("rustup can't be run ({error})"),
        })?;
        if output.status.success() {
            return Ok(());
        }
        Err(BuildError::NoTarget {
            reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Compiles the package; gives the path of the module.
    pub(super) fn build(
        &self,
        package: &Package,
        progress: &mut dyn FnMut(&str),
    ) -> Result<PathBuf, BuildError> {
        let mut command = self.command(&self.program);
        command
            .args(["build", "--lib", "--target", TARGET])
            .args(["--message-format", "json-render-diagnostics"])
            .arg("--manifest-path")
            .arg(&package.manifest)
            .arg("--target-dir")
            .arg(&package.guests)
            .env(FLAGS.0, FLAGS.1)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if package.has_profile {
            command.args(["--profile", PROFILE]);
        } else {
            command.arg("--release").envs(PROFILE_ENVIRONMENT);
        }
        let mut child = command.spawn().map_err(|source| self.missing(source))?;
        let (reports, said) = watch(&mut child, progress);
        let status = child.wait().map_err(|source| self.missing(source))?;
        if !status.success() {
            return Err(BuildError::Compile { output: said });
        }
        module(&reports, &package.manifest).ok_or(BuildError::Compile {
            output: "cargo named no module".to_owned(),
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            let foreign = text.starts_with("CARGO") && !KEPT.iter().any(|it| text.starts_with(it));
            if foreign || REMOVED.contains(&text.as_ref()) {
                command.env_remove(&name);
            }
        }
        command
    }

    fn missing(&self, source: io::Error) -> BuildError {
        BuildError::Tool {
            program: self.program.clone(),
            source,
        }
    }
}

/// Reads both outputs of cargo until it ends: its report, and the end of what it
/// said, which goes to `progress` line by line.
fn watch(child: &mut Child, progress: &mut dyn FnMut(&str)) -> (Vec<u8>, String) {
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    std::thread::scope(|scope| {
        let reports = scope.spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stdout) = stdout {
                // What is lost here is missed below, as a module that was not named.
                drop(stdout.read_to_end(&mut bytes));
            }
            bytes
        });
        let mut said = VecDeque::new();
        if let Some(stderr) = stderr {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                progress(&line);
                if said.len() == OUTPUT_LINES_MAX {
                    said.pop_front();
                }
                said.push_back(line);
            }
        }
        let said = said.make_contiguous().join("\n");
        (reports.join().unwrap_or_default(), said)
    })
}

/// The module of a package in cargo's report.
fn module(reports: &[u8], manifest: &Path) -> Option<PathBuf> {
    let lines = reports.split(|byte| *byte == b'\n');
    let reports = lines.filter_map(|line| serde_json::from_slice::<Report>(line).ok());
    reports
        .filter(|report| report.reason == "compiler-artifact")
        .filter(|report| report.manifest_path == manifest)
        .flat_map(|report| report.filenames)
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_found_in_the_report() {
        let reports = br#"{"reason":"compiler-artifact","manifest_path":"/a/sdk/Cargo.toml","filenames":["/t/libsdk.rlib"]}
{"reason":"compiler-message","message":{}}
{"reason":"compiler-artifact","manifest_path":"/a/x/Cargo.toml","filenames":["/t/x.wasm","/t/libx.rlib"]}
{"reason":"build-finished","success":true}"#;
        let found = module(reports, Path::new("/a/x/Cargo.toml"));
        assert_eq!(found.as_deref(), Some(Path::new("/t/x.wasm")));
        assert_eq!(module(reports, Path::new("/a/y/Cargo.toml")), None);
    }

    #[test]
    fn nothing_of_an_outer_cargo_reaches_the_inner_one() {
        let cargo = Cargo::new(Path::new("."));
        let command = cargo.command("cargo");
        let removed: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect();
        // Set by the cargo that runs this test.
        assert!(removed.iter().any(|name| name == "CARGO_PKG_NAME"));
        assert!(!removed.iter().any(|name| name == "CARGO_HOME"));
    }
}
