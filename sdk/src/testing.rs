//! Golden files: an adapter's tests as inputs and expected outputs.
//!
//! ```text
//! fixtures/
//!   settings.json                 the partner's settings: {"name": "value"}
//!   lookups.json                  the host's tables: {"table": {"key": "value"}}
//!   decode/NAME.edi|json|xml|txt  a message
//!   decode/NAME.settings.json     settings for this message alone, over the others
//!   decode/NAME.headers.json      its headers: {"name": "value"}
//!   decode/NAME.snap              what `decode` must give for it
//!   encode/NAME.json              a document and the partner's answers
//!   encode/NAME.snap              the conversation that `next` must lead
//!   poll/NAME.json                a cursor and the partner's answers
//!   poll/NAME.snap                the conversation that `poll` must lead, and what
//!                                 `decode` must give for each message that it brought
//! ```
//!
//! [`golden_tests!`](crate::golden_tests) makes a test of each folder. Expected
//! outputs are insta snapshots: `cargo insta review` shows a difference and accepts
//! it; without it, and always in CI, a difference or a missing file fails.
//!
//! Beyond comparing, the tests check what the contract demands of every adapter: the
//! same arguments give the same result, and the description names every kind of
//! document that is decoded or sent.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::host::fake;
use crate::{
    Adapter, Decoded, Delivery, Document, Exchange, Inbound, Outcome, PollRequest, PollStep,
    Polled, PolledMessage, Problem, Request, Step, json,
};

/// A conversation that is longer has lost its way.
const STEPS_MAX: usize = 64;

/// Makes the tests `golden_decode` and `golden_encode` of the crate's `fixtures`
/// folder; see [`testing`](crate::testing). The crate needs the features `testing`
/// of the SDK among its dev-dependencies. An adapter that only decodes or only
/// encodes names the one: `golden_tests!(MyAdapter, decode)`. An adapter that polls
/// asks for `golden_tests!(MyAdapter, poll)` too, which makes `golden_poll`.
#[macro_export]
macro_rules! golden_tests {
    ($adapter:ty) => {
        $crate::golden_tests!($adapter, decode);
        $crate::golden_tests!($adapter, encode);
    };
    ($adapter:ty, decode) => {
        #[test]
        fn golden_decode() {
            $crate::testing::decode::<$adapter>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
        }
    };
    ($adapter:ty, encode) => {
        #[test]
        fn golden_encode() {
            $crate::testing::encode::<$adapter>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
        }
    };
    ($adapter:ty, poll) => {
        #[test]
        fn golden_poll() {
            $crate::testing::poll::<$adapter>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
        }
    };
}

/// Decodes every message of `fixtures/decode` and compares the results.
///
/// # Panics
///
/// When a result differs, is missing or breaks the contract, or when there are no
/// messages.
pub fn decode<A: Adapter>(fixtures: impl AsRef<Path>) {
    run(fixtures.as_ref(), "decode", |fixtures, input| {
        decode_text::<A>(fixtures, &message(fixtures, input), input)
    });
}

/// What `decode` gives for a message, with what it wrote to the log.
fn decode_text<A: Adapter>(fixtures: &Path, message: &Inbound, input: &Path) -> String {
    let result = twice(fixtures, || A::decode(message.clone()));
    if let Ok(decoded) = &result {
        check_kinds::<A>(decoded);
    }
    let mut text = must(json::to_string_pretty(&result), input);
    for entry in fake::take_log() {
        let _ = writeln!(text, "log: {:?}: {}", entry.level, entry.text);
    }
    text
}

/// Leads every conversation of `fixtures/encode` and compares the transcripts. A
/// file holds `document`, and optionally `settings`, `control_number` and `answers`,
/// the outcomes of the requests in their order.
///
/// # Panics
///
/// When a transcript differs, is missing or breaks the contract, when answers are
/// left over, or when there are no conversations.
pub fn encode<A: Adapter>(fixtures: impl AsRef<Path>) {
    run(fixtures.as_ref(), "encode", |fixtures, input| {
        let conversation: Conversation = load(input);
        let mut delivery = Delivery::new(conversation.document);
        delivery.control_number = conversation
            .control_number
            .unwrap_or(delivery.control_number);
        delivery.settings = settings(fixtures, conversation.settings);
        let kind = delivery.document.kind();
        let mut answers = conversation.answers.into_iter();
        let mut past: Vec<Exchange> = Vec::new();
        let mut transcript = String::new();
        loop {
            assert!(past.len() < STEPS_MAX, "more than {STEPS_MAX} steps");
            let step = twice(fixtures, || A::next(delivery.clone(), &past));
            render(&step, &mut transcript, input);
            let Ok(Step::Send(request)) = step else { break };
            let encodes = A::describe().encodes;
            assert!(
                encodes.iter().any(|name| name == kind),
                "`{kind}` is missing in `encodes`"
            );
            let Some(outcome) = answers.next() else { break };
            past.push(Exchange::new(request, outcome));
        }
        assert!(
            answers.next().is_none(),
            "the conversation ended before its last answer"
        );
        transcript
    });
}

/// Leads every conversation of `fixtures/poll` and compares the transcripts; what it
/// brings is decoded as the host would. A file holds `answers`, the outcomes of the
/// requests in their order, and optionally `cursor`, `started_at` and `settings`.
///
/// # Panics
///
/// When a transcript differs, is missing or breaks the contract, when answers are
/// left over, or when there are no conversations.
pub fn poll<A: Adapter>(fixtures: impl AsRef<Path>) {
    run(fixtures.as_ref(), "poll", |fixtures, input| {
        let polling: Polling = load(input);
        let mut request = PollRequest::new(polling.cursor.as_deref());
        request.started_at = polling.started_at.unwrap_or(request.started_at);
        request.settings = settings(fixtures, polling.settings);
        let mut answers = polling.answers.into_iter();
        let mut past: Vec<Exchange> = Vec::new();
        let mut transcript = String::new();
        loop {
            assert!(past.len() < STEPS_MAX, "more than {STEPS_MAX} steps");
            let step = twice(fixtures, || A::poll(request.clone(), &past));
            let asked = match &step {
                Ok(PollStep::Send(asked)) => asked.clone(),
                Ok(PollStep::Messages(polled)) => {
                    render_polled::<A>(fixtures, &request, polled, &mut transcript, input);
                    break;
                }
                step => {
                    transcript.push_str(&must(json::to_string_pretty(step), input));
                    break;
                }
            };
            render(&Ok(Step::Send(asked.clone())), &mut transcript, input);
            let Some(outcome) = answers.next() else { break };
            past.push(Exchange::new(asked, outcome));
        }
        assert!(
            answers.next().is_none(),
            "the conversation ended before its last answer"
        );
        transcript
    });
}

/// Writes what polling brought, each message with its decoded form below it.
fn render_polled<A: Adapter>(
    fixtures: &Path,
    request: &PollRequest,
    polled: &Polled,
    transcript: &mut String,
    input: &Path,
) {
    let heads = polled.messages.iter().map(|message| PolledMessage {
        body: Vec::new(),
        ..message.clone()
    });
    let head = PollStep::Messages(Polled {
        messages: heads.collect(),
        ..polled.clone()
    });
    transcript.push_str(&must(json::to_string_pretty(&head), input));
    for message in &polled.messages {
        let _ = writeln!(transcript, "--- body, {} bytes", message.body.len());
        transcript.push_str(&body_text(&message.body));
        transcript.push_str("--- decoded\n");
        let inbound = Inbound {
            content_type: message.content_type.clone(),
            received_at: request.started_at.clone(),
            headers: message.headers.clone(),
            settings: request.settings.clone(),
            ..Inbound::new(message.body.clone())
        };
        transcript.push_str(&decode_text::<A>(fixtures, &inbound, input));
    }
}

#[derive(Deserialize)]
struct Polling {
    cursor: Option<String>,
    started_at: Option<String>,
    settings: BTreeMap<String, String>,
    answers: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Conversation {
    document: Document,
    settings: BTreeMap<String, String>,
    control_number: Option<u64>,
    answers: Vec<Outcome>,
}

/// Compares what `give` gives for each input of a folder, and names all that differ.
fn run(fixtures: &Path, folder: &str, give: impl Fn(&Path, &Path) -> String) {
    let folder = fixtures.join(folder);
    let inputs = inputs(&folder);
    assert!(
        !inputs.is_empty(),
        "there are no fixtures in {}",
        folder.display()
    );
    let mut failed = Vec::new();
    for input in &inputs {
        let name = stem(input);
        let compared = panic::catch_unwind(AssertUnwindSafe(|| {
            let text = give(fixtures, input);
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(&folder);
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(name.as_str(), text));
        }));
        if compared.is_err() {
            failed.push(name);
        }
    }
    let total = inputs.len();
    assert!(
        failed.is_empty(),
        "{} of {total} fixtures failed: {}",
        failed.len(),
        failed.join(", ")
    );
}

/// The inputs of a folder, by name; expected outputs and settings are none.
fn inputs(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = folder.read_dir() else {
        return Vec::new();
    };
    let mut inputs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let ours = name.starts_with('.')
                || name.ends_with(".settings.json")
                || name.ends_with(".headers.json");
            path.is_file() && !ours && !name.contains(".snap")
        })
        .collect();
    inputs.sort();
    inputs
}

fn stem(input: &Path) -> String {
    input
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn message(fixtures: &Path, input: &Path) -> Inbound {
    let content_type = match input.extension().and_then(|extension| extension.to_str()) {
        Some("edi" | "x12") => "application/edi-x12",
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        _ => "text/plain",
    };
    let beside = |what: &str| -> BTreeMap<String, String> {
        let path = input.with_file_name(format!("{}.{what}.json", stem(input)));
        if path.exists() {
            load(&path)
        } else {
            BTreeMap::new()
        }
    };
    Inbound {
        content_type: Some(content_type.to_owned()),
        headers: beside("headers").into_iter().collect(),
        settings: settings(fixtures, beside("settings")),
        ..Inbound::new(must(std::fs::read(input), input))
    }
}

/// The partner's settings with those of one fixture over them.
fn settings(fixtures: &Path, own: BTreeMap<String, String>) -> Vec<(String, String)> {
    let shared = fixtures.join("settings.json");
    let mut settings: BTreeMap<String, String> = if shared.exists() {
        load(&shared)
    } else {
        BTreeMap::new()
    };
    settings.extend(own);
    settings.into_iter().collect()
}

/// Calls an adapter twice, as the host does after a crash, each time with nothing
/// but the tables.
fn twice<T: PartialEq + std::fmt::Debug>(fixtures: &Path, call: impl Fn() -> T) -> T {
    let lookups = fixtures.join("lookups.json");
    let tables: BTreeMap<String, BTreeMap<String, String>> = if lookups.exists() {
        load(&lookups)
    } else {
        BTreeMap::new()
    };
    let fresh = || {
        fake::reset();
        for (table, entries) in &tables {
            entries
                .iter()
                .for_each(|(key, value)| fake::set_lookup(table, key, value));
        }
        call()
    };
    let first = fresh();
    assert_eq!(first, fresh(), "the same arguments gave different results");
    first
}

fn check_kinds<A: Adapter>(decoded: &Decoded) {
    let decodes = A::describe().decodes;
    for document in decoded.documents.iter().flatten() {
        let kind = document.document.kind();
        assert!(
            decodes.iter().any(|name| name == kind),
            "`{kind}` is missing in `decodes`"
        );
    }
}

/// Writes a step; a body that is text stands below it as it is.
fn render(step: &Result<Step, Problem>, transcript: &mut String, input: &Path) {
    let request = match step {
        Ok(Step::Send(request)) => request,
        Ok(step) => return transcript.push_str(&must(json::to_string_pretty(step), input)),
        Err(problem) => {
            let refused = Result::<(), &Problem>::Err(problem);
            return transcript.push_str(&must(json::to_string_pretty(&refused), input));
        }
    };
    let head = Step::Send(Request {
        body: Vec::new(),
        ..request.clone()
    });
    transcript.push_str(&must(json::to_string_pretty(&head), input));
    if !request.body.is_empty() {
        let _ = writeln!(transcript, "--- body, {} bytes", request.body.len());
        transcript.push_str(&body_text(&request.body));
        transcript.push_str("---\n");
    }
}

/// A body for a person to read: JSON laid out, X12 with a line for each segment.
fn body_text(body: &[u8]) -> String {
    /// Where an interchange header ends.
    const TERMINATOR_AT: usize = 105;
    if let Ok(text) = json::indent(body) {
        return text;
    }
    let mut text = String::from_utf8_lossy(body).into_owned();
    if let (true, Some(terminator)) = (text.starts_with("ISA"), body.get(TERMINATOR_AT)) {
        let terminator = char::from(*terminator);
        if terminator.is_ascii_punctuation() && !text.contains('\n') {
            text = text.replace(terminator, &format!("{terminator}\n"));
        }
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn load<T: DeserializeOwned>(path: &Path) -> T {
    must(json::from_slice(&must(std::fs::read(path), path)), path)
}

fn must<T, E: std::fmt::Display>(result: Result<T, E>, path: &Path) -> T {
    result.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
