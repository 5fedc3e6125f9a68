//! `crossdock adapter build|try|inspect|list`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    messages::{items, problem_text},
    print,
    remote::{Remote, text},
    report::Failed,
};
use crate::{
    clock::Clock,
    config::flat_table,
    lookup,
    sandbox::{AdmitError, Config, Sandbox, Trial, TrialInput},
    toolchain,
};

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Builds an adapter's component from its source folder
    Build(Build),
    /// Runs one message through an adapter in the production sandbox
    Try(Try),
    /// Says what a component is and asks for
    Inspect(Inspect),
    /// Lists the adapters of a running host
    List(List),
}

/// What to build.
#[derive(Debug, Args)]
pub(super) struct Build {
    /// The adapter's source folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Also put the component into this directory
    #[arg(long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
    /// Leave out the names of functions: smaller, but a trap can't say where it was
    #[arg(long)]
    strip_names: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What to try.
#[derive(Debug, Args)]
pub(super) struct Try {
    /// A source folder, a .wasm file, or the name of a component in --adapters
    adapter: String,
    /// The message
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// The message's media type
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// TOML file with `settings`, `tables` and `table_files`, as in a partner's configuration
    #[arg(long, value_name = "FILE")]
    partner_settings: Option<PathBuf>,
    /// Where components are looked for by name
    #[arg(long, default_value = "target/adapters", value_name = "DIRECTORY")]
    adapters: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What to look into.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// A source folder, a .wasm file, or the name of a component in --adapters
    adapter: String,
    /// Where components are looked for by name
    #[arg(long, default_value = "target/adapters", value_name = "DIRECTORY")]
    adapters: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// All of a host.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    remote: Remote,
}

/// A partner's part of the configuration, as far as an adapter is concerned.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PartnerSettings {
    settings: toml::Table,
    tables: BTreeMap<String, BTreeMap<String, String>>,
    table_files: BTreeMap<String, PathBuf>,
}

pub(super) fn run(command: Command) -> Result<(), Failed> {
    match command {
        Command::Build(build) => build.run(),
        Command::Try(attempt) => attempt.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::List(list) => super::asynchronous(list.run()),
    }
}

// === impl Build ===

impl Build {
    fn run(&self) -> Result<(), Failed> {
        let sandbox = sandbox()?;
        let options = toolchain::Options {
            strip_names: self.strip_names,
        };
        let mut built = toolchain::build(&self.folder, options, &sandbox, &mut |line| {
            print::note(line);
        })
        .map_err(not_built)?;
        if let Some(directory) = &self.output {
            built.path = install(&built.path, directory)?;
        }
        if self.json {
            print::json(&serde_json::to_value(&built).map_err(Failed::work)?);
            return Ok(());
        }
        print::line(format!("{}: {}", built.package, built.path.display()));
        print::line(format!(
            "  {} bytes ({} KiB)",
            built.size_bytes,
            built.size_bytes / 1024
        ));
        print::line(format!("  sha256 {}", built.digest));
        print::line(
            "  admitted: it imports nothing but crossdock:partner and fits this host's contract",
        );
        Ok(())
    }
}

/// Copies a component, so that a host that looks sees all of it or nothing.
fn install(component: &Path, directory: &Path) -> Result<PathBuf, Failed> {
    let target = directory.join(component.file_name().unwrap_or_default());
    let part = target.with_extension("wasm.part");
    fs::create_dir_all(directory)
        .and_then(|()| fs::copy(component, &part))
        .and_then(|_| fs::rename(&part, &target))
        .map_err(|error| Failed::work(format!("can't write {}: {error}", target.display())))?;
    Ok(target)
}

fn not_built(error: toolchain::BuildError) -> Failed {
    Failed::with_remedy(&error, error.remedy())
}

// === impl Try ===

impl Try {
    fn run(&self) -> Result<(), Failed> {
        let sandbox = sandbox()?;
        let bytes = component(&sandbox, &self.adapter, &self.adapters)?;
        let (adapter, _) = sandbox.admit(&bytes).map_err(refused)?;
        let body = fs::read(&self.input).map_err(|error| {
            Failed::work(format!("can't read {}: {error}", self.input.display()))
        })?;
        let partner = self.partner()?;
        let input = TrialInput {
            body,
            content_type: self.content_type.clone(),
            headers: vec![("file-name".to_owned(), file_name(&self.input))],
            settings: flat_table(&partner.settings).into_iter().collect(),
            received_at: Clock::System.now(),
        };
        let tables: crate::sandbox::Tables = Arc::new(partner.all_tables()?);
        let trial = adapter
            .try_message(&input, &tables, &sandbox.config().limits())
            .map_err(Failed::work)?;
        if self.json {
            print::json(&serde_json::to_value(&trial).map_err(Failed::work)?);
        } else {
            show(&trial);
        }
        if trial.ok {
            return Ok(());
        }
        Err(Failed::work("the adapter did not read all of the message"))
    }

    fn partner(&self) -> Result<PartnerSettings, Failed> {
        let Some(path) = &self.partner_settings else {
            return Ok(PartnerSettings::default());
        };
        let text = fs::read_to_string(path)
            .map_err(|error| Failed::work(format!("can't read {}: {error}", path.display())))?;
        toml::from_str(&text).map_err(|error| {
            Failed::with_help(
                format!("{}: {error}", path.display()),
                "the file has a [settings] table, [tables.NAME] tables and [table_files]",
            )
        })
    }
}

// === impl PartnerSettings ===

impl PartnerSettings {
    fn all_tables(self) -> Result<BTreeMap<String, BTreeMap<String, String>>, Failed> {
        let mut tables = self.tables;
        for (name, file) in self.table_files {
            let table =
                lookup::read_file(&file, &lookup::Config::default()).map_err(Failed::work)?;
            let rows = table.rows();
            let rows = rows.map(|(key, value)| (key.to_owned(), value.to_owned()));
            tables.insert(name, rows.collect());
        }
        Ok(tables)
    }
}

// === impl Inspect ===

impl Inspect {
    fn run(&self) -> Result<(), Failed> {
        let sandbox = sandbox()?;
        let bytes = component(&sandbox, &self.adapter, &self.adapters)?;
        let inspection = sandbox.inspect(&bytes).map_err(refused)?;
        let value = serde_json::to_value(&inspection).map_err(Failed::work)?;
        if self.json {
            print::json(&value);
            return Ok(());
        }
        for name in [
            "name",
            "version",
            "kind",
            "formats",
            "decodes",
            "encodes",
            "contract_version",
            "size_bytes",
            "digest",
            "imports",
            "exports",
        ] {
            print::line(format!("{name:<18} {}", text(&value[name])));
        }
        print::line("\nsettings");
        let rows: Vec<_> = items(&value["settings"])
            .map(|it| {
                vec![
                    text(&it["name"]),
                    if it["required"] == true {
                        "required".to_owned()
                    } else {
                        text(&it["default"])
                    },
                    text(&it["meaning"]),
                ]
            })
            .collect();
        print::table(&["name", "default", "meaning"], &rows);
        Ok(())
    }
}

// === impl List ===

impl List {
    async fn run(self) -> Result<(), Failed> {
        let answer = self.remote.get("/v1/adapters", &[]).await?;
        if self.remote.json {
            print::json(&answer);
            return Ok(());
        }
        let rows: Vec<_> = items(&answer["adapters"])
            .map(|it| {
                let fields = ["name", "version", "bytes", "decodes", "encodes", "digest"];
                fields.map(|name| text(&it[name])).to_vec()
            })
            .collect();
        print::table(
            &["name", "version", "bytes", "reads", "sends", "sha256"],
            &rows,
        );
        Ok(())
    }
}

fn refused(error: AdmitError) -> Failed {
    Failed::with_remedy(&error, error.remedy())
}

fn sandbox() -> Result<Sandbox, Failed> {
    Sandbox::new(Config::default(), None).map_err(Failed::work)
}

/// The component's bytes, built first when a source folder is named.
fn component(sandbox: &Sandbox, adapter: &str, directory: &Path) -> Result<Vec<u8>, Failed> {
    let named = Path::new(adapter);
    let path = if named.is_dir() {
        toolchain::build_if_newer(named, sandbox, &mut |line| print::note(line))
            .map_err(not_built)?
            .path
    } else if named.is_file() {
        named.to_owned()
    } else {
        directory.join(format!("{adapter}.wasm"))
    };
    fs::read(&path).map_err(|error| {
        Failed::with_help(
            format!("can't read {}: {error}", path.display()),
            "name a source folder, a .wasm file, or a component that `crossdock adapter build` has made",
        )
    })
}

fn show(trial: &Trial) {
    print::line(format!("adapter {} ({})", trial.adapter, trial.digest));
    let parts = [
        ("document", &trial.documents),
        ("refused", &trial.errors),
        ("envelope", &trial.envelopes),
        ("acknowledgement", &trial.acknowledgements),
        ("finding", &trial.findings),
    ];
    for (name, values) in parts {
        for value in values {
            print::line(format!("\n{name}"));
            let problems: Vec<_> = items(&value["problems"]).map(problem_text).collect();
            if problems.is_empty() {
                print::json(value);
            }
            for problem in problems {
                print::line(format!("  {problem}"));
            }
        }
    }
    if let Some(refused) = &trial.refused {
        print::line(format!("\nnothing was read: {}", problem_text(refused)));
    }
    if let Some(failure) = &trial.failure {
        print::line(format!(
            "\nno answer ({}): {}",
            failure.code,
            print::inert(&failure.text)
        ));
    }
    for line in &trial.usage.log {
        print::note(format!(
            "log: {}",
            serde_json::to_value(line)
                .map(|it: Value| it.to_string())
                .unwrap_or_default()
        ));
    }
    let usage = &trial.usage;
    print::line(format!(
        "\n{} documents, {} refused; fuel {} of {}; memory {} KiB at most; {} µs",
        trial.documents.len(),
        trial.errors.len(),
        usage.fuel_used,
        usage.fuel_budget,
        usage.memory_bytes_peak / 1024,
        usage.elapsed.as_micros(),
    ));
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
