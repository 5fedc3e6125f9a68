//! One instance of a process, as all resources show it.

use serde_json::{Map, Value, json};

use super::{Api, link};
use crate::{
    clock::Timestamp,
    journal::Reader,
    process::{Machine, Registry, Summary, exception::Exception, fit_key, timer::Wait},
    view::{InstanceRow, View},
};

/// What is read to answer.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) view: &'a View,
    pub(super) journal: &'a dyn Reader,
    pub(super) machines: &'a Registry,
    /// What is overdue depends on when it is asked.
    pub(super) now: Timestamp,
}

/// An instance: its row, and its state if this program can read it.
pub(super) struct Instance {
    pub(super) process: String,
    pub(super) key: String,
    pub(super) row: InstanceRow,
    state: Vec<u8>,
    summary: Result<Summary, String>,
}

// === impl Api ===

impl Api {
    /// What answers are made of, now.
    pub(super) fn source(&self) -> Source<'_> {
        Source {
            view: &self.view,
            journal: self.journal.as_ref(),
            machines: &self.machines,
            now: self.clock.now(),
        }
    }
}

// === impl Instance ===

impl Instance {
    /// The instance of this machine with this key.
    pub(super) fn of<M: Machine>(source: &Source<'_>, key: &str) -> Option<Self> {
        Self::find(source, M::NAME, key)
    }

    /// The instance of this process with this key, which may be longer than rows have it.
    pub(super) fn find(source: &Source<'_>, process: &str, key: &str) -> Option<Self> {
        let key = &fit_key(key);
        // The row first: a state that is newer than the step that is told is found out by
        // whoever changes it, the other way round would not be.
        let row = source.view.instance(process, key)?;
        let state = source.view.state_of(process, key).unwrap_or_default();
        let summary = source
            .machines
            .summary(process, row.version, &state)
            .map_err(|error| error.to_string());
        Some(Self {
            process: process.to_owned(),
            key: key.clone(),
            row,
            state,
            summary,
        })
    }

    /// Its state, if it is one of this machine's as it is now.
    pub(super) fn state<M: Machine>(&self) -> Option<M::State> {
        if self.process != M::NAME || self.row.version != M::VERSION {
            return None;
        }
        rmp_serde::from_slice(&self.state).ok()
    }

    /// Where it stands, with all that it waits for and all that is wrong.
    pub(super) fn shown(&self, now: Timestamp) -> Value {
        let mut shown = in_short(&self.process, &self.key, &self.row, now);
        match &self.summary {
            Ok(summary) => {
                let waits = summary.waits.iter().map(|it| wait(it, now));
                shown["waits"] = waits.collect();
                let open = summary.exceptions.iter();
                shown["open_exceptions"] =
                    open.map(|it| exception(&self.process, it, now)).collect();
            }
            // What the row has is told all the same.
            Err(text) => shown["unreadable"] = json!(text),
        }
        shown
    }
}

/// An instance in a list.
pub(super) fn in_short(process: &str, key: &str, row: &InstanceRow, now: Timestamp) -> Value {
    let mut links = json!({ "self": link::instance(process, key) });
    if let Some(subject) = link::subject(key) {
        links["subject"] = json!(subject);
    }
    if let Some(origin) = row.origin {
        links["begun_by"] = json!(format!("/v1/messages/{}", origin.message));
    }
    json!({
        "process": process,
        "version": row.version,
        "key": key,
        "status": row.status,
        "finished": row.finished,
        "sequence": row.sequence.get(),
        "steps": row.steps,
        "begun_at": row.begun_at.to_string(),
        "changed_at": row.changed_at.to_string(),
        "correlation_id": row.correlation_id,
        "waits": row.waits.iter().map(|it| wait(it, now)).collect::<Vec<_>>(),
        "exceptions": row.exceptions,
        "facts": facts(row),
        "links": links,
    })
}

fn facts(row: &InstanceRow) -> Value {
    let facts = row.facts.iter();
    let facts: Map<_, _> = facts
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    Value::Object(facts)
}

/// What is waited for: since when, until when.
pub(super) fn wait(wait: &Wait, now: Timestamp) -> Value {
    json!({
        "level": wait.level.name(),
        "subject": wait.subject,
        "on": wait.on,
        "since": wait.since.to_string(),
        "warn_at": wait.warn.map(|at| at.to_string()),
        "until": wait.until.map(|at| at.to_string()),
        "warned": wait.warned,
        "breached": wait.breached,
        "overdue": wait.until.is_some_and(|until| until < now),
    })
}

/// An exception, with what can be done about it and what happened to it.
pub(super) fn exception(process: &str, exception: &Exception, now: Timestamp) -> Value {
    let context = exception.context.iter();
    let context: Map<_, _> = context
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let history = exception.history.iter().map(|entry| {
        json!({
            "at": entry.at.to_string(),
            "what": entry.what,
            "by": entry.by,
            "text": entry.text,
        })
    });
    let own = link::exception(&exception.id);
    let mut links = json!({
        "self": own,
        "resolve": format!("{own}/resolve"),
        "instance": link::instance(process, &exception.key),
    });
    if let Some(subject) = link::subject(&exception.key) {
        links["subject"] = json!(subject);
    }
    json!({
        "id": exception.id,
        "kind": exception.kind,
        "severity": exception.severity,
        "key": exception.key,
        "subject": exception.subject,
        "process": process,
        "text": exception.text,
        "context": context,
        "owner": exception.owner,
        "opened_at": exception.opened_at.to_string(),
        "due": exception.due.map(|at| at.to_string()),
        "overdue": !exception.closed && exception.due.is_some_and(|due| due < now),
        "actions": exception.actions,
        "closed": exception.closed,
        "history": history.collect::<Vec<_>>(),
        "links": links,
    })
}
