//! Real messages, where there are any: each is read in the sandbox as it is natively,
//! and a host that is sent all of them says of each what became of it.
//!
//! `CROSSDOCK_SAMPLES` names a folder of folders: those with `x12` in their names are
//! for `x12-3pl`, other `sap-` and `idoc-` ones for `sap`. Without it there is nothing
//! to read and the tests pass. With `--nocapture` a table tells, kind by kind, how many
//! files and transactions there were, what was read, and what was refused why.

#![expect(
    clippy::print_stdout,
    reason = "the table is what the tests are run for"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use crossdock_sdk::{Adapter, Decoded, Inbound, Place, Problem};
use e2e::{
    harness::{Site, array, text},
    sandboxed::Component,
};

/// Adapters that real messages are for.
const ADAPTERS: [&str; 2] = ["x12-3pl", "sap"];

/// A message that somebody really sent.
struct Sample {
    /// The folder: what kind of message it is.
    kind: String,
    file: PathBuf,
    adapter: &'static str,
}

/// What became of the messages of one kind.
#[derive(Default)]
struct Row {
    files: usize,
    documents: usize,
    findings: usize,
    /// Reasons, each with how often.
    refused: BTreeMap<String, usize>,
    bytes: usize,
    memory_bytes_peak: usize,
}

#[test]
fn the_sandbox_reads_each_as_it_is_read_natively() {
    let samples = samples();
    let components: BTreeMap<_, _> = ADAPTERS.map(|it| (it, Component::of(it))).into();
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for sample in &samples {
        let message = Inbound::new(fs::read(&sample.file).expect("a sample can be read"));
        let bytes = message.body.len();
        let component = &components[sample.adapter];
        let there = component.decode(&message);
        let here = match sample.adapter {
            "x12-3pl" => x12_3pl::Warehouse::decode(message),
            _ => sap::Sap::decode(message),
        };
        assert_eq!(there, here, "{} differs", sample.file.display());

        let row = rows.entry(&sample.kind).or_default();
        row.files += 1;
        row.bytes += bytes;
        row.memory_bytes_peak = row
            .memory_bytes_peak
            .max(component.usage().memory_bytes_peak);
        row.count(&there, &sample.file);
    }
    print(&rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_tells_of_each_what_became_of_it() {
    let samples = samples();
    if samples.is_empty() {
        return;
    }
    let mut site = Site::new();
    for adapter in ADAPTERS {
        site = site
            .sender(adapter)
            .set(&format!("partners.{adapter}.adapter"), adapter);
    }
    let host = site.start().await;
    let mut sent = Vec::new();
    for sample in &samples {
        let body = fs::read(&sample.file).expect("a sample can be read");
        let id = host.api().accepted_bytes(sample.adapter, body).await;
        sent.push((id, sample));
    }
    host.api().until_idle().await;
    for (id, sample) in sent {
        let told = host.api().message(&id).await;
        let file = sample.file.display();
        let status = text(&told["message"]["status"]);
        assert!(
            ["decoded", "partly-refused", "refused", "dead-letter"].contains(&status),
            "{file}: {told}"
        );
        // Whatever was not understood is the message's fault and says where, not a guest's
        // that was stopped.
        for refused in array(&told["refused"]) {
            assert!(!array(&refused["problems"]).is_empty(), "{file}: {refused}");
        }
        let failure = &told["failure"];
        assert!(
            failure.is_null() || failure["blame"] == "partner-data",
            "{file}: {failure}"
        );
    }
    host.finish().await;
}

// === impl Row ===

impl Row {
    fn count(&mut self, read: &Result<Decoded, Problem>, file: &Path) {
        let decoded = match read {
            Ok(decoded) => decoded,
            Err(problem) => return self.refuse(problem, file),
        };
        assert!(
            !decoded.documents.is_empty(),
            "{}: nothing came out",
            file.display()
        );
        self.findings += decoded.findings.len();
        for document in &decoded.documents {
            match document {
                Ok(document) => {
                    self.documents += 1;
                    self.findings += document.findings.len();
                }
                Err(error) => {
                    let problem = error.problems.first();
                    let problem =
                        problem.unwrap_or_else(|| panic!("{}: no problem", file.display()));
                    assert_ne!(problem.place, Place::Whole, "{}", file.display());
                    self.refuse(problem, file);
                }
            }
        }
    }

    fn refuse(&mut self, problem: &Problem, file: &Path) {
        assert!(
            problem.remedy.is_some(),
            "{}: no remedy in {problem:?}",
            file.display()
        );
        let reason = format!("{} at {}", problem.code, place(&problem.place));
        *self.refused.entry(reason).or_default() += 1;
    }
}

fn print(rows: &BTreeMap<&str, Row>) {
    println!(
        "{:48} files  documents  refused  findings  memory",
        "kind of message"
    );
    for (kind, row) in rows {
        let refused: usize = row.refused.values().sum();
        let memory = row.memory_bytes_peak >> 10;
        println!(
            "{kind:48} {:5} {:10} {refused:8} {:9} {memory:6}K",
            row.files, row.documents, row.findings
        );
        for (reason, count) in &row.refused {
            println!("{count:28} x {reason}");
        }
    }
}

/// Without where in the file, which differs from message to message.
fn place(place: &Place) -> String {
    match place {
        Place::Element(place) => match place.element {
            Some(element) => format!("{}-{element:02}", place.segment),
            None => place.segment.clone(),
        },
        Place::Xpath(path) => path.clone(),
        Place::Pointer(pointer) => pointer.clone(),
        Place::Line(_) => "a line".to_owned(),
        Place::Offset(_) => "a byte".to_owned(),
        Place::Whole => "the message".to_owned(),
        Place::Other(words) => words.clone(),
    }
}

fn samples() -> Vec<Sample> {
    let Some(folder) = env::var_os("CROSSDOCK_SAMPLES") else {
        return Vec::new();
    };
    let mut samples = Vec::new();
    for folder in entries(Path::new(&folder)) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let adapter = if name.contains("x12") {
            "x12-3pl"
        } else if name.contains("edifact") {
            continue;
        } else if name.starts_with("sap-") || name.starts_with("idoc-") {
            "sap"
        } else {
            continue;
        };
        if folder.is_dir() {
            samples.extend(entries(&folder).into_iter().map(|file| Sample {
                kind: name.clone().into_owned(),
                file,
                adapter,
            }));
        }
    }
    assert!(
        !samples.is_empty(),
        "CROSSDOCK_SAMPLES names a folder without samples"
    );
    samples
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).expect("the folder of samples can be read");
    let mut entries: Vec<_> = listed
        .map(|entry| entry.expect("the folder of samples can be read").path())
        .collect();
    entries.sort();
    entries
}
