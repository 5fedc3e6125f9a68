//! `crossdock rebuild`: the view anew, from the first record on.

use super::{Files, print, report::Failed};
use crate::{
    app::{self, Directories},
    journal::{self, Journal as _, Sequence},
    view,
};

pub(super) fn run(files: &Files) -> Result<(), Failed> {
    let checked = files.load()?;
    let directories = Directories::within(&checked.config.server.data_directory);
    verify(&directories)?;
    if directories.view.exists() {
        std::fs::remove_dir_all(&directories.view).map_err(|error| {
            Failed::work(format!(
                "can't remove {}: {error}",
                directories.view.display()
            ))
        })?;
    }
    let (journal, view) = app::open_empty(&checked.config, &directories).map_err(Failed::work)?;
    let reader = journal.reader();
    let bar = print::progress(reader.last().get(), "rebuilding");
    let applied = view::catch_up(&view, reader.as_ref(), |sequence: Sequence| {
        bar.set_position(sequence.get());
    });
    bar.finish_and_clear();
    let applied = applied.map_err(Failed::work)?;
    view.checkpoint().map_err(Failed::work)?;
    Box::new(journal).close().map_err(Failed::work)?;
    print::line(format!("the view holds {applied} records"));
    Ok(())
}

/// The whole journal is verified before anything is given up.
fn verify(directories: &Directories) -> Result<(), Failed> {
    if !directories.journal.exists() {
        return Err(Failed::with_help(
            format!("there is no journal at {}", directories.journal.display()),
            "check server.data_directory in the configuration",
        ));
    }
    let bar = print::progress(0, "verifying");
    let verified = journal::verify_all(&directories.journal, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    verified.map(|_| ()).map_err(Failed::work)
}
