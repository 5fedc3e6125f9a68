//! `crossdock messages rerun`: what a message would give now, compared with what it gave.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    messages::items,
    print,
    remote::{Remote, text},
    report::Failed,
};
use crate::api::timeline::counted;

/// How much of a value is shown, in characters.
const VALUE_CHARS_MAX: usize = 120;

/// Which message, and with what.
#[derive(Debug, Args)]
pub(super) struct Rerun {
    /// Its id
    id: String,
    /// With the tables that it was read with, or those of now
    #[arg(long, value_enum, default_value_t = When::Then)]
    tables: When,
    /// With the adapter that is loaded now, or that which read it
    #[arg(long, value_enum, default_value_t = Which::Current)]
    adapter: Which,
    #[command(flatten)]
    remote: Remote,
}

/// Which tables.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    /// Those that it was read with
    Then,
    /// Those of now
    Now,
}

/// Which adapter.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    /// That which read it, by its digest; it must be loaded
    Same,
    /// The partner's own, as it is loaded now
    Current,
}

// === impl Rerun ===

impl Rerun {
    pub(super) async fn run(self) -> Result<(), Failed> {
        let body = json!({
            "tables": match self.tables { When::Then => "then", When::Now => "now" },
            "adapter": match self.adapter { Which::Same => "same", Which::Current => "current" },
        });
        let path = format!("/v1/messages/{}/rerun", self.id);
        let answer = self.remote.post(&path, &body).await?;
        if self.remote.json {
            print::json(&answer);
        } else {
            tell(&answer);
        }
        let count = answer["differences"].as_u64().unwrap_or(0);
        if answer["equal"] == true {
            return Ok(());
        }
        Err(Failed::work(format!(
            "message {} reads differently now: {}",
            self.id,
            counted(count, "difference")
        )))
    }
}

fn tell(answer: &Value) {
    for (when, intro) in [("then", "then"), ("now", "now ")] {
        let read = &answer[when];
        print::line(format!(
            "{intro}  {}, tables {}",
            adapter(&read["adapter"]),
            tables(&read["tables"]),
        ));
    }
    for document in items(&answer["documents"]) {
        print::line(format!(
            "\ndocument {} {} {}: {}",
            document["position"],
            text(&document["kind"]),
            text(&document["business_key"]),
            text(&document["change"]),
        ));
        if document["content_kept"] == false {
            print::line("  the content differs; what it was is no longer in the journal");
        }
        differences("", &document["differences"]);
        differences("finding ", &document["findings"]);
        differences("problem ", &document["problems"]);
    }
    if items(&answer["message_differences"]).next().is_some() {
        print::line("\nthe message as a whole");
        differences("", &answer["message_differences"]);
    }
    if answer["differences_cut"] == true {
        print::line("  …");
    }
    if answer["equal"] == true {
        print::line("\nnothing differs");
    }
}

fn differences(what: &str, found: &Value) {
    for it in items(found) {
        let pointer = text(&it["pointer"]);
        print::line(match (&it["before"], &it["after"]) {
            (Value::Null, after) => format!("  + {what}{pointer}  {}", value(after)),
            (before, Value::Null) => format!("  - {what}{pointer}  {}", value(before)),
            (before, after) => {
                format!("  ~ {what}{pointer}  {} -> {}", value(before), value(after))
            }
        });
    }
}

fn value(value: &Value) -> String {
    let whole = print::inert(&value.to_string());
    let shown: String = whole.chars().take(VALUE_CHARS_MAX).collect();
    if shown.len() < whole.len() {
        return format!("{shown}…");
    }
    shown
}

fn adapter(adapter: &Value) -> String {
    if adapter.is_null() {
        return "no adapter".to_owned();
    }
    let digest: String = text(&adapter["digest"]).chars().take(12).collect();
    format!(
        "{} {} (sha256 {digest})",
        text(&adapter["name"]),
        text(&adapter["version"])
    )
}

/// `unit 3, carrier none`.
fn tables(tables: &Value) -> String {
    let used: Vec<_> = tables
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, version)| match version.as_u64() {
            Some(0) => format!("{} none", print::inert(name)),
            _ => format!("{} {version}", print::inert(name)),
        })
        .collect();
    if used.is_empty() {
        return "none".to_owned();
    }
    used.join(", ")
}
