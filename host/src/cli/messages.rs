//! `crossdock messages list|show|rerun`.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    instance::table,
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
    List(Box<List>),
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
    /// Only those that could be read so: received, valid, partly-refused, refused
    #[arg(long)]
    validation: Option<String>,
    /// Only those whose worst delivery stands so: none, pending, delivered, retrying, dead
    #[arg(long)]
    delivery: Option<String>,
    /// Only those whose worst acknowledgement stands so: not-expected, awaited, overdue,
    /// accepted, accepted-with-errors, rejected
    #[arg(long)]
    acknowledgement: Option<String>,
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
            ("validation", self.validation),
            ("delivery", self.delivery),
            ("acknowledgement", self.acknowledgement),
            ("business_key", self.business_key),
            ("correlation_id", self.correlation_id),
            ("since", self.since),
            ("until", self.until),
            ("before", self.before),
            ("limit", Some(self.limit.to_string())),
        ];
        let Some(answer) = self.remote.ask_to_tell("/v1/messages", &query).await? else {
            return Ok(());
        };
        let columns = [
            ("received_at", "received"),
            ("partner", "partner"),
            ("validation", "validation"),
            ("delivery", "delivery"),
            ("acknowledgement", "acknowledgement"),
            ("documents", "documents"),
            ("business_keys", "about"),
            ("id", "id"),
        ];
        table(&answer["messages"], &columns);
        if let Some(next) = answer["next"].as_str() {
            print::note(format!("more: --before {next}"));
        }
        Ok(())
    }
}

// === impl Show ===

impl Show {
    async fn run(self) -> Result<(), Failed> {
        let Some(answer) = self
            .remote
            .ask_to_tell(&format!("/v1/messages/{}", self.id), &[])
            .await?
        else {
            return Ok(());
        };
        let message = &answer["message"];
        print::line(format!(
            "message {} from {} ({} bytes), correlation {}",
            text(&message["id"]),
            text(&message["partner"]),
            message["bytes"],
            text(&message["correlation_id"]),
        ));
        print::line(format!(
            "validation: {}, delivery: {}, acknowledgement: {}",
            text(&message["validation"]),
            text(&message["delivery"]),
            text(&message["acknowledgement"]),
        ));
        print::line("\nwhat happened");
        for entry in items(&answer["timeline"]) {
            print::line(format!(
                "  {}  {:<12} {}",
                text(&entry["at"]),
                text(&entry["step"]),
                text(&entry["text"]),
            ));
            for finding in items(&entry["details"]["findings"]) {
                print::line(format!("    finding: {}", problem_text(finding)));
            }
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
            for finding in items(&document["findings"]) {
                print::line(format!("    finding: {}", problem_text(finding)));
            }
        }
        print::line("\ndeliveries");
        items(&answer["deliveries"]).for_each(show_delivery);
        Ok(())
    }
}

fn show_delivery(delivery: &Value) {
    print::line(format!(
        "  to {:<16} {:<20} {} after {}{}",
        text(&delivery["to"]),
        text(&delivery["kind"]),
        text(&delivery["status"]),
        counted(delivery["attempts"].as_u64().unwrap_or(0), "attempt"),
        acknowledgement_text(delivery),
    ));
    if delivery["failure"].is_object() {
        print::line(format!("    {}", problem_text(&delivery["failure"])));
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

/// Where a delivery's acknowledgement stands, where there is something to say.
fn acknowledgement_text(delivery: &Value) -> String {
    match delivery["acknowledgement"].as_str() {
        None | Some("not-expected") => String::new(),
        Some(state) => match delivery["acknowledgement_due_at"].as_str() {
            Some(due) => format!(", acknowledgement: {state} (due {due})"),
            None => format!(", acknowledgement: {state}"),
        },
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
