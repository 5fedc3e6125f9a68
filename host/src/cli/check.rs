//! `crossdock check`: would it start?

mod processes;

use clap::Args;

use super::{Files, print, report::Failed};
use crate::{
    app::Directories,
    config,
    journal::{self, Sequence},
    registry::Registry,
    sandbox::Sandbox,
};

/// What to check.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    files: Files,
    /// Also read the whole journal and verify every record
    #[arg(long)]
    journal: bool,
    /// Print a configuration with every setting instead
    #[arg(long)]
    example: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    if arguments.example {
        print::line(config::EXAMPLE.trim_end());
        return Ok(());
    }
    let checked = arguments.files.load()?;
    let server = &checked.config.server;
    print::line(format!(
        "configuration: {} partners, {} routes",
        checked.partners.len(),
        checked.config.routes.len()
    ));
    let directories = Directories::within(&server.data_directory);
    let sandbox = Sandbox::new(checked.config.sandbox.clone(), None).map_err(Failed::work)?;
    let registry = Registry::load(&sandbox, &server.adapters_directory)
        .map_err(|error| Failed::with_remedy(&error, error.remedy()))?;
    for (name, partner) in &checked.partners {
        let adapter = partner.adapter.get_ref();
        if registry.get(adapter).is_none() {
            return Err(Failed::with_help(
                format!(
                    "partner {name} needs the adapter {adapter}, which is not in {}",
                    server.adapters_directory.display()
                ),
                format!(
                    "build it: crossdock adapter build adapters/{adapter} --output {}",
                    server.adapters_directory.display()
                ),
            ));
        }
    }
    let adapters = registry.list();
    print::line(format!("adapters: {} loaded", adapters.len()));
    let writes = |name: &str| {
        let adapter = adapters.iter().find(|it| it.name == name);
        adapter.map(|it| it.encodes.clone())
    };
    for line in processes::lines(&checked, &writes) {
        print::line(line);
    }
    if arguments.journal {
        verify(&directories)?;
    }
    Ok(())
}

fn verify(directories: &Directories) -> Result<(), Failed> {
    if !directories.journal.exists() {
        print::line("journal: none yet");
        return Ok(());
    }
    let bar = print::progress(0, "verifying");
    let verified = journal::verify_all(&directories.journal, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let verified = verified.map_err(Failed::work)?;
    let last: Sequence = verified.last;
    print::line(format!("journal: intact up to record {last}"));
    if let Some(torn) = &verified.torn {
        print::line(format!(
            "journal: a torn write of {} bytes follows at byte {} of {} ({}); nobody was told that it is durable, the next start cuts it off",
            torn.bytes,
            torn.offset,
            torn.file.display(),
            torn.why,
        ));
    }
    if verified.indexes_bad > 0 {
        print::line(format!(
            "journal: {} indexes are missing or wrong; they are made again when they are needed",
            verified.indexes_bad
        ));
    }
    Ok(())
}
