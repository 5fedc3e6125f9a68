//! Steps of processes, as a message's timeline tells them.

use serde_json::{Value, json};

use crate::{
    api::steps::{cause, step},
    clock::Timestamp,
    record::{Step, Stepped},
};

/// When, what sort of entry, in words, and in detail.
pub(super) fn describe(stepped: &Stepped) -> (Timestamp, &'static str, String, Value) {
    let cause = cause(&stepped.cause);
    let mut told: Vec<_> = stepped.steps.iter().map(text).collect();
    if told.is_empty() {
        let because = cause["text"].as_str().unwrap_or_default();
        told.push(format!("{because}: no process is concerned"));
    }
    let steps: Vec<_> = stepped.steps.iter().map(step).collect();
    let details = json!({
        "cause": cause,
        "steps": steps,
        "deliveries": stepped.deliveries.iter().map(|it| it.id.to_string()).collect::<Vec<_>>(),
    });
    (stepped.at, "stepped", told.join("; "), details)
}

fn text(step: &Step) -> String {
    match &step.refused {
        Some(refused) => format!("{} did not take it in: {}", step.key, refused.text),
        None => format!("{} is {}", step.key, step.status),
    }
}
