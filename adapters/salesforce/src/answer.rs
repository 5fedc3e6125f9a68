//! What Salesforce's answers mean.
//!
//! An error is a list of `{message, errorCode, fields}`, beside a status that says less:
//! 403 is a limit that passes as well as a permission that is missing, and 400 a lock
//! that passes as well as a field that is wrong.

use crossdock_sdk::conversation::Pause;
use crossdock_sdk::http;
use crossdock_sdk::json::{Part, Tree};
use crossdock_sdk::{Place, Problem, Response, Retry};

/// What makes up the address, for a problem to name.
pub(crate) const PATHS: &str = "the settings `api-version` and `key.*`";

/// Errors that pass by themselves, or once the host has another token.
const PASSING: [&str; 6] = [
    "REQUEST_LIMIT_EXCEEDED",
    "INVALID_SESSION_ID",
    "UNABLE_TO_LOCK_ROW",
    "SERVER_UNAVAILABLE",
    "QUERY_TIMEOUT",
    "REQUEST_RUNNING_TOO_LONG",
];

/// Somebody has made the record in the meantime.
const DUPLICATE: &str = "DUPLICATE_VALUE";

/// A field was set that can only be set on a new record.
const FIXED: &str = "INVALID_FIELD_FOR_INSERT_UPDATE";

/// Said of every other record of a list when one of them failed.
const ROLLED_BACK: &str = "ALL_OR_NONE_OPERATION_ROLLED_BACK";

/// One error.
struct Fault {
    code: String,
    message: String,
    fields: Vec<String>,
}

/// A record that was made, or was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Absent when the answer has no body, as older versions answer an update.
    pub(crate) id: Option<String>,
    /// Whether it was not there before.
    pub(crate) created: bool,
}

/// The record of an upsert or a creation.
///
/// # Errors
/// What the answer means if it is none; see [`unless_done`].
pub(crate) fn record(answer: &Response) -> Result<Record, Pause> {
    if answer.status != 300
        && let Some(duplicate) = faults(answer).iter().find(|fault| fault.code == DUPLICATE)
    {
        return Ok(Record {
            id: id_in(&duplicate.message),
            created: false,
        });
    }
    unless_done(answer)?;
    let tree = Tree::parse(&answer.body).ok();
    let root = tree.as_ref().map(Part::root);
    let id = root.and_then(|root| root.get("id").scalar().map(str::to_owned));
    Ok(Record {
        id: id.filter(|id| is_id(id)),
        created: answer.status == 201,
    })
}

/// Goes on after 2xx.
///
/// # Errors
/// [`Pause::Retry`] for what passes, [`Pause::Rejected`] with codes and fields for the
/// rest.
pub(crate) fn unless_done(answer: &Response) -> Result<(), Pause> {
    if answer.is_success() {
        return Ok(());
    }
    if answer.status == 300 {
        return Err(Pause::Rejected(several(answer)));
    }
    let faults = faults(answer);
    if faults
        .iter()
        .any(|fault| PASSING.contains(&fault.code.as_str()))
    {
        return Err(Pause::Retry(passing(answer, &faults)));
    }
    match http::meaning(answer.status) {
        http::Meaning::Refused if !faults.is_empty() => Err(Pause::Rejected(refused(&faults))),
        _ => Pause::unless_done(answer, PATHS),
    }
}

/// Goes on when every record of a list was taken.
///
/// # Errors
/// As [`unless_done`], by the faults of the records.
pub(crate) fn unless_all_done(answer: &Response) -> Result<(), Pause> {
    unless_done(answer)?;
    let tree = Tree::parse(&answer.body).map_err(Problem::from)?;
    let root = Part::root(&tree);
    let mut faults = Vec::new();
    for result in root.items()? {
        if result.get("success").optional_flag()? != Some(false) {
            continue;
        }
        let errors = result.get("errors");
        for error in errors.items()? {
            faults.push(fault(&error));
        }
    }
    faults.retain(|fault| fault.code != ROLLED_BACK && fault.code != DUPLICATE);
    if faults
        .iter()
        .any(|fault| PASSING.contains(&fault.code.as_str()))
    {
        return Err(Pause::Retry(passing(answer, &faults)));
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Pause::Rejected(refused(&faults))),
    }
}

/// Whether records of a list were refused only because they are there already: what can
/// be set on new ones alone was set.
pub(crate) fn are_there(answer: &Response) -> bool {
    let Ok(tree) = Tree::parse(&answer.body) else {
        return false;
    };
    let root = Part::root(&tree);
    let mut faults = Vec::new();
    for result in root.items().into_iter().flatten() {
        let errors = result.get("errors");
        faults.extend(errors.items().into_iter().flatten().map(|it| fault(&it)));
    }
    faults.retain(|fault| fault.code != ROLLED_BACK);
    answer.is_success() && !faults.is_empty() && faults.iter().all(|it| it.code == FIXED)
}

fn passing(answer: &Response, faults: &[Fault]) -> Retry {
    Retry {
        problem: Problem {
            retryable: true,
            ..refused(faults)
        },
        ..http::later(answer)
    }
}

/// The external id belongs to several records; each is named.
fn several(answer: &Response) -> Problem {
    let tree = Tree::parse(&answer.body).ok();
    let root = tree.as_ref().map(Part::root);
    let mut ids = Vec::new();
    if let Some(items) = root.as_ref().and_then(|root| root.items().ok()) {
        // Addresses of the records: `/services/data/v62.0/sobjects/Order/801…`.
        let last = |url: &str| url.rsplit('/').next().map(str::to_owned);
        ids.extend(items.filter_map(|item| last(item.scalar()?)));
    }
    let text = format!("several records have this external id: {}", ids.join(", "));
    let problem = Problem::partner_data("several-match", text)
        .with_remedy("make the field unique, and remove the key from all but one");
    ids.into_iter()
        .fold(problem, |problem, id| problem.with_extra("candidate", id))
}

fn refused(faults: &[Fault]) -> Problem {
    let fields: Vec<&str> = faults
        .iter()
        .flat_map(|fault| fault.fields.iter().map(String::as_str))
        .collect();
    let words: Vec<String> = faults
        .iter()
        .map(|fault| format!("{}: {}", fault.code, fault.message))
        .collect();
    let words: String = words.join("; ").chars().take(500).collect();
    let mut problem = Problem::partner_data("answer-refused", format!("Salesforce says {words}"));
    if !fields.is_empty() {
        problem = problem.at(Place::Other(format!("fields {}", fields.join(", "))));
    }
    let codes = faults.iter().map(|fault| &fault.code);
    let problem = codes.fold(problem, |problem, code| {
        problem.with_extra("error-code", code)
    });
    fields
        .into_iter()
        .fold(problem, |problem, field| problem.with_extra("field", field))
}

fn faults(answer: &Response) -> Vec<Fault> {
    let Ok(tree) = Tree::parse(&answer.body) else {
        return Vec::new();
    };
    let root = Part::root(&tree);
    let items = root.items().into_iter().flatten();
    items
        .filter(|item| item.first(&["errorCode", "statusCode"]).exists())
        .map(|item| fault(&item))
        .collect()
}

fn fault(part: &Part<'_, '_>) -> Fault {
    let text = |name: &[&str]| part.first(name).scalar().unwrap_or_default().to_owned();
    let fields = part.get("fields");
    let fields = fields.items().into_iter().flatten();
    Fault {
        code: text(&["errorCode", "statusCode"]),
        message: text(&["message"]),
        fields: fields
            .filter_map(|field| field.scalar().map(str::to_owned))
            .collect(),
    }
}

/// The id that the message of a duplicate names.
fn id_in(message: &str) -> Option<String> {
    let mut words = message.rsplit(|letter: char| !letter.is_ascii_alphanumeric());
    words.find(|word| is_id(word)).map(str::to_owned)
}

/// Fifteen or eighteen letters and digits, as an id of Salesforce is. It becomes part of
/// paths and queries, so nothing else may pass for one.
pub(crate) fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
