//! Steps of processes, as a timeline tells them.

use serde_json::{Value, json};

use crate::{
    clock::Timestamp,
    process::{Command, Receiver},
    record::{Cause, Step, Stepped},
};

/// When, what sort of entry, in words, and in detail.
pub(super) fn describe(stepped: &Stepped) -> (Timestamp, &'static str, String, Value) {
    let mut told: Vec<_> = stepped.steps.iter().map(text).collect();
    if told.is_empty() {
        told.push(format!(
            "{}: no process is concerned",
            cause(&stepped.cause)
        ));
    }
    let steps: Vec<_> = stepped.steps.iter().map(step).collect();
    let details = json!({
        "cause": stepped.cause,
        "steps": steps,
        "deliveries": stepped.deliveries.iter().map(|it| it.id.to_string()).collect::<Vec<_>>(),
    });
    (stepped.at, "stepped", told.join("; "), details)
}

/// What moved instances, in words.
fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Document { from, .. } => format!("a document of {from}"),
        Cause::Outcome { delivery } => format!("the end of delivery {delivery}"),
        Cause::Availability { partner, available } => {
            let answers = if *available {
                "answers again"
            } else {
                "does not answer"
            };
            format!("{partner} {answers}")
        }
        Cause::Timer { name, .. } => format!("timer {name}"),
        Cause::Action { action, by, .. } => format!("{action:?} by {by}"),
        Cause::Migration { from, by } => format!("migration from version {from} by {by}"),
        Cause::Carried => "carried over".to_owned(),
    }
}

/// A step in detail: its state is in the record only.
fn step(step: &Step) -> Value {
    json!({
        "process": step.process,
        "version": step.version,
        "key": step.key,
        "input": step.input,
        "status": step.status,
        "finished": step.finished,
        "correlation_id": step.correlation_id,
        "events": step.events,
        "commands": step.commands.iter().map(command).collect::<Vec<_>>(),
        "refused": step.refused,
        "omitted": step.omitted,
    })
}

fn text(step: &Step) -> String {
    match &step.refused {
        Some(refused) => format!("{} did not take it in: {}", step.key, refused.text),
        None => format!("{} is {}", step.key, step.status),
    }
}

fn command(command: &Command) -> Value {
    match command {
        Command::Send { to, dedupe_key, .. } => {
            json!({ "kind": "send", "to": receiver(to), "dedupe_key": dedupe_key })
        }
        other => json!(other),
    }
}

fn receiver(to: &Receiver) -> String {
    match to {
        Receiver::Erp => "erp".to_owned(),
        Receiver::Crm => "crm".to_owned(),
        Receiver::Shops => "shops".to_owned(),
        Receiver::Node { node } => format!("node {node}"),
        Receiver::Partner { partner } => partner.to_string(),
    }
}
