//! What all commands about processes print alike: waits, exceptions, steps.

use serde_json::Value;

use super::{messages::items, print, remote::text};

/// What is waited for, a line each.
pub(super) fn waits(instance: &Value) {
    for wait in items(&instance["waits"]) {
        let mut line = format!(
            "waits for {} by {}",
            text(&wait["level"]),
            text(&wait["on"])
        );
        line.push_str(&format!(" since {}", text(&wait["since"])));
        if let Some(until) = wait["until"].as_str() {
            line.push_str(&format!(", until {until}"));
        }
        if wait["overdue"] == true {
            line.push_str(" (overdue)");
        }
        print::line(format!("  {line}"));
    }
}

/// Exceptions that are open, with what can be done about each.
pub(super) fn open_exceptions(instance: &Value) {
    let mut open = items(&instance["open_exceptions"]).peekable();
    if open.peek().is_none() {
        return;
    }
    print::line("\nexceptions");
    for exception in open {
        print::line(format!(
            "  {}  {} ({}), {}: {}",
            text(&exception["id"]),
            text(&exception["kind"]),
            text(&exception["severity"]),
            text(&exception["owner"]),
            text(&exception["text"]),
        ));
        let mut actions = items(&exception["actions"]).peekable();
        if actions.peek().is_some() {
            print::line(format!(
                "    can be resolved by: {}",
                text(&exception["actions"])
            ));
        }
    }
}

/// How it came to stand where it stands.
pub(super) fn history(instance: &Value) {
    print::line("\nsteps");
    if instance["history_cut"] == true {
        print::line("  (older ones are in the journal)");
    }
    for step in items(&instance["history"]) {
        print::line(format!(
            "  {}  {:<16} {}",
            text(&step["at"]),
            text(&step["status"]),
            text(&step["cause"]["text"]),
        ));
        for event in items(&step["events"]) {
            print::line(format!(
                "    event: {}{}",
                text(&event["event"]),
                about(&event["subject"]),
            ));
        }
        for command in items(&step["commands"]) {
            print::line(format!(
                "    {}: {}",
                text(&command["command"]),
                text(&command["text"]),
            ));
        }
        for omitted in items(&step["omitted"]) {
            print::line(format!("    left out: {}", text(&omitted["text"])));
        }
        if step["refused"].is_object() {
            print::line(format!(
                "    not taken in: {}: {}",
                text(&step["refused"]["code"]),
                text(&step["refused"]["text"]),
            ));
        }
    }
}

/// ` north`, or nothing.
fn about(subject: &Value) -> String {
    match subject.as_str() {
        None | Some("") => String::new(),
        Some(_) => format!(" {}", text(subject)),
    }
}

/// One field of each row of a list.
pub(super) fn rows(list: &Value, fields: &[&str]) -> Vec<Vec<String>> {
    items(list)
        .map(|it| fields.iter().map(|name| text(&it[*name])).collect())
        .collect()
}

/// A list as a table: of each column the field, and what stands above it.
pub(super) fn table(list: &Value, columns: &[(&str, &str)]) {
    let (fields, heads): (Vec<_>, Vec<_>) = columns.iter().copied().unzip();
    print::table(&heads, &rows(list, &fields));
}

/// Where the next page begins, when there is one.
pub(super) fn next_page(answer: &Value) {
    if let Some(next) = answer["next"].as_str() {
        print::note(format!("more: --after '{}'", print::inert(next)));
    }
}
