//! A service case with its history.
//!
//! The case is upserted by our key. A comment has no external id, so each ends in a
//! mark made of its own content, and those that are there already are not written
//! again.

use crossdock_sdk::conversation::Pause;
use crossdock_sdk::json::{Object, Part, Tree};
use crossdock_sdk::{Problem, ServiceCase, Step, TimelineEntry};

use super::status::word_of;
use super::{RECORDS_MAX, Talk, attributes, cut, order};
use crate::settings::{Config, lookup};

/// Longest texts of Case.Subject, Case.Description and CaseComment.CommentBody.
const SUBJECT_CHARS_MAX: usize = 255;
const TEXT_CHARS_MAX: usize = 32_000;
const COMMENT_BYTES_MAX: usize = 4_000;

/// What to do next for a case.
pub(super) fn next(mut talk: Talk<'_>, case: &ServiceCase) -> Result<Step, Pause> {
    let key = case.external_key.as_str();
    let record = talk.upsert("Case", "case", key, |config| fields(config, case))?;
    let created = record.created;
    let id = talk.id(record, "Case", "case", key)?;
    if case.timeline.is_empty() {
        return Ok(Step::Done(Some(id)));
    }
    let written = if created {
        Vec::new()
    } else {
        comments(&mut talk, &id)?
    };
    let new: Vec<Object> = case
        .timeline
        .iter()
        .filter(|entry| {
            let mark = mark(entry);
            !written.iter().any(|comment| comment.contains(&mark))
        })
        .map(|entry| {
            attributes("CaseComment")
                .text("ParentId", &id)
                .text("CommentBody", &comment(entry))
                .flag("IsPublished", false)
        })
        .collect();
    for chunk in new.chunks(RECORDS_MAX) {
        talk.collect("POST", "/composite/sobjects", chunk.to_vec())?;
    }
    Ok(Step::Done(Some(id)))
}

fn fields(config: &Config<'_>, case: &ServiceCase) -> Result<Object, Problem> {
    let contact = case.contact.as_ref();
    let mut body = Object::new()
        .text("Subject", &cut(&case.subject, SUBJECT_CHARS_MAX))
        .text("Description", &cut(&case.description, TEXT_CHARS_MAX))
        .optional_text("Status", config.case_status(&word_of(&case.status)?))
        .optional_text("Priority", config.priority(&word_of(&case.severity)?))
        .text("Origin", config.get_or("case-origin", "Crossdock"))
        .optional_text("SuppliedName", contact.and_then(|it| it.name.as_deref()))
        .optional_text("SuppliedEmail", contact.and_then(|it| it.email.as_deref()))
        .optional_text("SuppliedPhone", contact.and_then(|it| it.phone.as_deref()));
    if let Some(account) = order::account_by(config, case.account.as_deref())? {
        body = body.append(account);
    }
    if let Some(owner) = lookup("salesforce-user", case.owner.as_deref()) {
        body = body.text("OwnerId", &owner);
    }
    let values = [
        ("case-order-no", case.order_no.clone()),
        ("case-shipment-id", case.shipment_id.clone()),
        ("case-category", Some(word_of(&case.category)?)),
    ];
    for (what, value) in values {
        if let (Some(field), Some(value)) = (config.field(what)?, value) {
            body = body.text(field, &value);
        }
    }
    Ok(body)
}

/// The comments that the case has.
fn comments(talk: &mut Talk<'_>, case_id: &str) -> Result<Vec<String>, Pause> {
    let soql = format!("SELECT CommentBody FROM CaseComment WHERE ParentId = '{case_id}'");
    let answer = talk.query(&soql)?;
    let tree = Tree::parse(&answer.body).map_err(Problem::from)?;
    let root = Part::root(&tree);
    let records = root.get("records");
    let mut comments = Vec::new();
    for record in records.items()? {
        comments.extend(record.get("CommentBody").scalar().map(str::to_owned));
    }
    Ok(comments)
}

fn comment(entry: &TimelineEntry) -> String {
    let mark = mark(entry);
    let head = format!("{} {}: ", entry.at.text, entry.kind);
    let room = COMMENT_BYTES_MAX.saturating_sub(head.len() + mark.len() + 1);
    let mut text = entry.text.as_str();
    while text.len() > room {
        let last = text.char_indices().next_back();
        text = last.map_or("", |(at, _)| &text[..at]);
    }
    format!("{head}{text}\n{mark}")
}

/// A mark by which a comment is known again: FNV-1a of what it says.
fn mark(entry: &TimelineEntry) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in [&entry.at.text, &entry.kind, &entry.text] {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("[crossdock {hash:016x}]")
}
