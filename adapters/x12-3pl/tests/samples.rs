//! Real messages, where there are any: every transaction set ends as a document or
//! as an error that names its place and its acknowledgement code.
//!
//! `CROSSDOCK_SAMPLES` names a folder with folders of messages, those with `x12` in
//! their names; without it there is nothing to read and the test passes. With
//! `--nocapture` it prints what became of each file and then, for each kind of
//! transaction set, how many files and sets there were and what was refused why; first
//! with strict envelopes and then without.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what fails here fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crossdock_sdk::{Adapter, Blame, Inbound, Place, Problem, Source};
use x12_3pl::Warehouse;

/// What became of the sets of one file.
#[derive(Default)]
struct Outcome {
    /// The kind of each set that was read.
    read: Vec<String>,
    /// The kind of each set that was refused, and why; no kind where nothing was read.
    refused: Vec<(String, String)>,
    findings: usize,
    acknowledgements: usize,
}

#[test]
fn every_set_of_every_sample_is_read_or_refused_by_name() {
    let Some(samples) = std::env::var_os("CROSSDOCK_SAMPLES") else {
        return;
    };
    let folders = folders(Path::new(&samples));
    assert!(
        !folders.is_empty(),
        "no x12 folders in {}",
        samples.display()
    );
    for strict in ["true", "false"] {
        println!("== strict-envelope = {strict}");
        read_all(&folders, strict);
    }
}

/// What became of the sets of one kind, in all files.
#[derive(Default)]
struct Kind {
    files: u32,
    read: u32,
    refused: u32,
    reasons: BTreeMap<String, u32>,
}

fn read_all(folders: &[PathBuf], strict: &str) {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for folder in folders {
        println!("== {}", folder.file_name().unwrap_or_default().display());
        for file in files(folder) {
            let outcome = outcome(&file, strict);
            println!(
                "{:48} {:3} read {:3} refused {:3} findings {:2} owed",
                file.file_name().unwrap_or_default().to_string_lossy(),
                outcome.read.len(),
                outcome.refused.len(),
                outcome.findings,
                outcome.acknowledgements,
            );
            for (kind, reason) in &outcome.refused {
                println!("      {kind} {reason}");
            }
            count(&outcome, &mut kinds);
        }
    }
    println!("== kind   files   sets  documents  refused");
    for (kind, it) in &kinds {
        let sets = it.read + it.refused;
        println!(
            "   {kind:7}{:5}{sets:7}{:11}{:9}",
            it.files, it.read, it.refused
        );
        for (reason, count) in &it.reasons {
            println!("{count:28} x {reason}");
        }
    }
}

/// Adds the sets of a file to those of all files.
fn count(outcome: &Outcome, kinds: &mut BTreeMap<String, Kind>) {
    let refused = outcome.refused.iter().map(|(kind, _)| kind);
    let seen: BTreeSet<&String> = outcome.read.iter().chain(refused).collect();
    for kind in seen {
        kinds.entry(kind.clone()).or_default().files += 1;
    }
    for kind in &outcome.read {
        kinds.entry(kind.clone()).or_default().read += 1;
    }
    for (kind, reason) in &outcome.refused {
        let kind = kinds.entry(kind.clone()).or_default();
        kind.refused += 1;
        // Without the place in the file, which differs.
        let reason = reason.split(" (segment").next().unwrap_or_default();
        *kind.reasons.entry(reason.to_owned()).or_default() += 1;
    }
}

fn outcome(file: &Path, strict: &str) -> Outcome {
    let mut message = Inbound::new(std::fs::read(file).unwrap());
    message.settings = vec![("strict-envelope".to_owned(), strict.to_owned())];
    let mut outcome = Outcome::default();
    let decoded = match Warehouse::decode(message) {
        Ok(decoded) => decoded,
        Err(problem) => {
            let reason = format!("{} {}", problem.code, problem.text);
            outcome.refused.push(("none".to_owned(), reason));
            return outcome;
        }
    };
    assert!(
        !decoded.documents.is_empty(),
        "{}: nothing came out",
        file.display()
    );
    outcome.acknowledgements = decoded.acknowledgements.len();
    for result in &decoded.documents {
        match result {
            Ok(document) => {
                outcome.read.push(kind(&document.source));
                outcome.findings += document.findings.len();
            }
            Err(error) => {
                let first = error.problems.first();
                let problem = first.unwrap_or_else(|| panic!("{}: no problem", file.display()));
                // The sender learns of it, or the settings are to blame; and somebody
                // is told what helps.
                assert!(
                    problem.acknowledgement_code.is_some() || problem.blame == Blame::Settings,
                    "{}: no code in {problem:?}",
                    file.display()
                );
                assert!(
                    problem.remedy.is_some(),
                    "{}: no remedy in {problem:?}",
                    file.display()
                );
                outcome.refused.push((kind(&error.source), told(problem)));
            }
        }
    }
    outcome
}

fn kind(source: &Source) -> String {
    source.type_.clone().unwrap_or_else(|| "?".to_owned())
}

fn told(problem: &Problem) -> String {
    let code = problem.acknowledgement_code.as_deref().unwrap_or_default();
    let list = problem.extras.iter().find(|(name, _)| name == "code-list");
    let list = list.map_or("", |(_, list)| list.as_str());
    let place = match &problem.place {
        Place::Element(place) => {
            let element = place
                .element
                .map(|e| format!("-{e:02}"))
                .unwrap_or_default();
            format!(
                "{}{element} (segment {}, byte {})",
                place.segment, place.ordinal, place.offset
            )
        }
        other => format!("{other:?}"),
    };
    format!(
        "{list}/{code} {} at {place}: {} ({})",
        problem.code,
        problem.text,
        problem.remedy.as_deref().unwrap_or_default()
    )
}

fn folders(samples: &Path) -> Vec<PathBuf> {
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_dir() && name.contains("x12")
    };
    entries(samples).into_iter().filter(named).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    entries(folder)
        .into_iter()
        .filter(|path| path.is_file())
        .collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}
