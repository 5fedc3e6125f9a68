//! Real messages, where there are any: every transaction set ends as a document or
//! as an error that names its place and its acknowledgement code.
//!
//! `CROSSDOCK_SAMPLES` names a folder with the folders `x12-940`, `x12-945`,
//! `x12-997` and others that begin with `x12-`; without it there is nothing to read
//! and the test passes. With `--nocapture` it prints what became of each set, first
//! with strict envelopes and then without.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what fails here fails the test"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crossdock_sdk::{Adapter, Inbound, Place, Problem};
use x12_3pl::Warehouse;

/// What became of the sets of one file.
#[derive(Default)]
struct Outcome {
    documents: u32,
    refused: Vec<String>,
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
        "no x12-* folders in {}",
        samples.display()
    );
    for strict in ["true", "false"] {
        println!("== strict-envelope = {strict}");
        read_all(&folders, strict);
    }
}

fn read_all(folders: &[PathBuf], strict: &str) {
    let mut reasons: BTreeMap<String, u32> = BTreeMap::new();
    let (mut documents, mut refused, mut unread) = (0, 0, 0);
    for folder in folders {
        println!("== {}", folder.file_name().unwrap_or_default().display());
        for file in files(folder) {
            let outcome = outcome(&file, strict);
            documents += outcome.documents;
            println!(
                "{:48} {:3} read {:3} refused {:3} findings {:2} owed",
                file.file_name().unwrap_or_default().to_string_lossy(),
                outcome.documents,
                outcome.refused.len(),
                outcome.findings,
                outcome.acknowledgements,
            );
            for reason in outcome.refused {
                println!("      {reason}");
                match reason.strip_prefix("message: ") {
                    Some(_) => unread += 1,
                    None => refused += 1,
                }
                let kind = reason.split(" at ").next().unwrap_or_default();
                *reasons.entry(kind.to_owned()).or_default() += 1;
            }
        }
    }
    println!("== {documents} documents, {refused} sets refused, {unread} messages unreadable");
    for (reason, count) in reasons {
        println!("{count:5}  {reason}");
    }
}

fn outcome(file: &Path, strict: &str) -> Outcome {
    let mut message = Inbound::new(std::fs::read(file).unwrap());
    message.settings = vec![("strict-envelope".to_owned(), strict.to_owned())];
    let mut outcome = Outcome::default();
    let decoded = match Warehouse::decode(message) {
        Ok(decoded) => decoded,
        Err(problem) => {
            outcome
                .refused
                .push(format!("message: {} {}", problem.code, problem.text));
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
                outcome.documents += 1;
                outcome.findings += document.findings.len();
            }
            Err(error) => {
                let first = error.problems.first();
                let problem = first.unwrap_or_else(|| panic!("{}: no problem", file.display()));
                assert!(
                    problem.acknowledgement_code.is_some(),
                    "{}: no code in {problem:?}",
                    file.display()
                );
                let kind = error.source.type_.as_deref().unwrap_or("?");
                outcome.refused.push(format!("{kind} {}", told(problem)));
            }
        }
    }
    outcome
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
        "{list}/{code} {} at {place}: {}",
        problem.code, problem.text
    )
}

fn folders(samples: &Path) -> Vec<PathBuf> {
    let first = ["x12-940", "x12-945", "x12-997"];
    let mut folders: Vec<PathBuf> = entries(samples)
        .into_iter()
        .filter(|path| path.is_dir())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("x12-"))
        })
        .collect();
    folders.sort_by_key(|path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        (!first.contains(&name.as_str()), name)
    });
    folders
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
