//! `crossdock messages list|show|rerun`.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    print,
    remote::{Remote, text},
    report::Failed,
    rerun::Rerun,
};
use crate::api::timeline::counted;

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists messages, newest first
    List(List),
    /// Tells everything about one message
    Show(Show),
    /// Reads one once more, writes nothing, and shows what differs; exit code 1 if
    /// something does
    Rerun(Rerun),
}

/// Which messages.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only of this partner
    #[arg(long)]
    partner: Option<String>,
    /// Only those standing so: accepted, decoded, partly-refused, refused
    #[arg(long)]
    status: Option<String>,
    /// Only about this: order/4500012
    #[arg(long, value_name = "KEY")]
    business_key: Option<String>,
    /// Only tied together by this
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Received at or after, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Received before, RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Older than this message: the next page
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

/// Which message.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its id
    id: String,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(command: Command) -> Result<(), Failed> {
    match command {
        Command::List(list) => list.run().await,
        Command::Show(show) => show.run().await,
        Command::Rerun(rerun) => rerun.run().await,
    }
}

// === impl List ===

impl List {
    async fn run(self) -> Result<(), Failed> {
        let query = [
            ("partner", self.partner),
            ("status", self.status),
            ("business_key", self.business_key),
            ("correlation_id", self.correlation_id),
            ("since", self.since),
            ("until", self.until),
            ("before", self.before),
            ("limit", Some(self.limit.to_string())),
        ];
        let answer = self.remote.get("/v1/messages", &query).await?;
        if self.remote.json {
            print::json(&answer);
            return Ok(());
        }
        let rows: Vec<_> = items(&answer["messages"])
            .map(|it| {
                let fields = [
                    "received_at",
                    "partner",
                    "status",
                    "documents",
                    "deliveries",
                    "business_keys",
                    "id",
                ];
                fields.map(|name| text(&it[name])).to_vec()
            })
            .collect();
        print::table(
            &[
                "received",
                "partner",
                "status",
                "documents",
                "deliveries",
                "about",
                "id",
            ],
            &rows,
        );
        if let Some(next) = answer["next"].as_str() {
            print::note(format!("more: --before {next}"));
        }
        Ok(())
    }
}

// === impl Show ===

impl Show {
    async fn run(self) -> Result<(), Failed> {
        let answer = self
            .remote
            .get(&format!("/v1/messages/{}", self.id), &[])
            .await?;
        if self.remote.json {
            print::json(&answer);
            return Ok(());
        }
        let message = &answer["message"];
        print::line(format!(
            "message {} from {} ({} bytes), {}, correlation {}",
            text(&message["id"]),
            text(&message["partner"]),
            message["bytes"],
            text(&message["status"]),
            text(&message["correlation_id"]),
        ));
        print::line("\nwhat happened");
        for entry in items(&answer["timeline"]) {
            print::line(format!(
                "  {}  {:<12} {}",
                text(&entry["at"]),
                text(&entry["step"]),
                text(&entry["text"]),
            ));
            for line in log_lines(&entry["details"]) {
                print::line(format!("    {line}"));
            }
        }
        print::line("\ndocuments");
        for document in items(&answer["documents"]) {
            print::line(format!(
                "  {:<20} {:<24} {}{}  ({})",
                text(&document["kind"]),
                text(&document["business_key"]),
                text(&document["disposition"]),
                continues(document, message),
                text(&document["source"]),
            ));
            for problem in items(&document["problems"]) {
                print::line(format!("    {}", problem_text(problem)));
            }
        }
        print::line("\ndeliveries");
        for delivery in items(&answer["deliveries"]) {
            print::line(format!(
                "  to {:<16} {:<20} {} after {}{}",
                text(&delivery["to"]),
                text(&delivery["kind"]),
                text(&delivery["status"]),
                counted(delivery["attempts"].as_u64().unwrap_or(0), "attempt"),
                delivery["acknowledged"]
                    .as_str()
                    .map_or_else(String::new, |verdict| format!(", acknowledged: {verdict}")),
            ));
            if delivery["failure"].is_object() {
                print::line(format!("    {}", problem_text(&delivery["failure"])));
            }
        }
        Ok(())
    }
}

/// The correlation id of an earlier message, where a document continues one.
fn continues(document: &Value, message: &Value) -> String {
    match document["correlation_id"].as_str() {
        Some(id) if document["correlation_id"] != message["correlation_id"] => {
            format!(", continues {id}")
        }
        _ => String::new(),
    }
}

/// What the adapter looked into and said in a step, a line each.
fn log_lines(details: &Value) -> Vec<String> {
    let mut lines: Vec<_> = items(&details["tables"])
        .map(|used| match used["version"].as_u64() {
            Some(0) => format!("looked for a table {}", text(&used["table"])),
            _ => format!(
                "looked into table {} version {}",
                text(&used["table"]),
                used["version"]
            ),
        })
        .collect();
    lines.extend(items(&details["log"]).map(|line| {
        let mut told = format!("{}: {}", text(&line["level"]), text(&line["text"]));
        for field in items(&line["fields"]) {
            told.push_str(&format!(" {}={}", text(&field[0]), text(&field[1])));
        }
        print::inert(&told)
    }));
    if details["log_cut"] == true {
        lines.push("(more was logged than is kept)".to_owned());
    }
    lines
}

/// The elements of a list; none of anything else.
pub(super) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What is wrong, where, and what helps.
pub(super) fn problem_text(problem: &Value) -> String {
    let mut line = format!("{}: {}", text(&problem["code"]), text(&problem["text"]));
    for (name, intro) in [("place", " at "), ("remedy", "; ")] {
        if let Some(more) = problem[name].as_str() {
            line.push_str(intro);
            line.push_str(&print::inert(more));
        }
    }
    line
}
