//! Real messages, where there are any: every IDoc ends as a document or as an error
//! that names its place, and every other dialect is refused by name.
//!
//! `CROSSDOCK_SAMPLES` names a folder with folders that begin with `sap-` or `idoc-`;
//! without it there is nothing to read and the test passes. With `--nocapture` it prints
//! what became of each file.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what fails here fails the test, and the table is what it is run for"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crossdock_sdk::{Adapter, Inbound, Place, Problem};
use sap::Sap;

/// What became of one kind of message.
#[derive(Default)]
struct Row {
    files: u32,
    documents: BTreeMap<&'static str, u32>,
    findings: usize,
    refused: BTreeMap<String, u32>,
}

#[test]
fn every_sample_is_read_or_refused_by_name() {
    let Some(samples) = std::env::var_os("CROSSDOCK_SAMPLES") else {
        return;
    };
    let folders = folders(Path::new(&samples));
    assert!(
        !folders.is_empty(),
        "no sap-* folders in {}",
        samples.display()
    );
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for folder in folders {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for file in files(&folder) {
            read(&file, rows.entry(name.clone()).or_default());
        }
    }
    println!("{:46} files  documents", "kind");
    for (name, row) in &rows {
        let documents: Vec<String> = row
            .documents
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        println!(
            "{name:46} {:5}  {} ({} findings)",
            row.files,
            documents.join(", "),
            row.findings
        );
        for (reason, count) in &row.refused {
            println!("    {count:3} refused: {reason}");
        }
    }
}

fn read(file: &Path, row: &mut Row) {
    row.files += 1;
    let message = Inbound::new(std::fs::read(file).unwrap());
    let decoded = match Sap::decode(message) {
        Ok(decoded) => decoded,
        Err(problem) => {
            assert!(problem.remedy.is_some(), "{}: {problem:?}", file.display());
            *row.refused.entry(told(&problem)).or_default() += 1;
            return;
        }
    };
    assert!(
        !decoded.documents.is_empty(),
        "{}: nothing came out",
        file.display()
    );
    for result in &decoded.documents {
        match result {
            Ok(document) => {
                *row.documents.entry(document.document.kind()).or_default() += 1;
                row.findings += document.findings.len();
                for finding in &document.findings {
                    println!(
                        "  {} {}: {}",
                        file.file_name().unwrap().to_string_lossy(),
                        finding.code,
                        finding.text
                    );
                }
            }
            Err(error) => {
                let first = error.problems.first();
                let problem = first.unwrap_or_else(|| panic!("{}: no problem", file.display()));
                assert!(problem.remedy.is_some(), "{}: {problem:?}", file.display());
                assert!(
                    problem.place != Place::Whole,
                    "{}: {problem:?}",
                    file.display()
                );
                for problem in &error.problems {
                    *row.refused.entry(told(problem)).or_default() += 1;
                }
            }
        }
    }
}

fn told(problem: &Problem) -> String {
    let place = match &problem.place {
        Place::Xpath(path) => path.clone(),
        Place::Line(line) => format!("line {line}"),
        other => format!("{other:?}"),
    };
    format!("{} at {place}: {}", problem.code, problem.text)
}

fn folders(samples: &Path) -> Vec<PathBuf> {
    entries(samples)
        .into_iter()
        .filter(|path| path.is_dir())
        .filter(|path| {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let text_edi = ["sap-b2b-edifact", "sap-b2b-x12"].contains(&name.as_str());
            (name.starts_with("sap-") || name.starts_with("idoc-")) && !text_edi
        })
        .collect()
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
