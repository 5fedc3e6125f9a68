//! `crossdock tables list|show|put|delete`.

use std::{io::Read as _, path::PathBuf};

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::{
    messages::items,
    print,
    remote::{Remote, Sent, text},
    report::Failed,
};

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists cross-reference tables: version, rows, where they came from
    List(List),
    /// Shows a table, also an earlier version of it
    Show(Show),
    /// Puts a whole table in the place of what is there
    Put(Put),
    /// Removes a table; what it held stays readable by its version
    Delete(Delete),
}

/// Whose tables.
#[derive(Debug, Args)]
pub(super) struct List {
    /// The partner; all of them if absent
    partner: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Which table.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The partner
    partner: String,
    /// The table: unit, carrier, location
    table: String,
    /// An earlier version of it
    #[arg(long = "version", value_name = "NUMBER")]
    number: Option<u64>,
    /// Print the rows alone, as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Which table, and what it holds from then on.
#[derive(Debug, Args)]
pub(super) struct Put {
    /// The partner
    partner: String,
    /// The table: unit, carrier, location
    table: String,
    /// CSV with the header key,value, or JSON if its name ends so; - for CSV on standard
    /// input
    file: PathBuf,
    /// Only if this version is current
    #[arg(long, value_name = "NUMBER")]
    if_version: Option<u64>,
    #[command(flatten)]
    how: How,
}

/// Which table is to go.
#[derive(Debug, Args)]
pub(super) struct Delete {
    /// The partner
    partner: String,
    /// The table
    table: String,
    /// Only if this version is current
    #[arg(long, value_name = "NUMBER")]
    if_version: Option<u64>,
    #[command(flatten)]
    how: How,
}

/// How to change a table.
#[derive(Debug, Args)]
struct How {
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Who asks, for the record
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(command: Command) -> Result<(), Failed> {
    match command {
        Command::List(list) => list.run().await,
        Command::Show(show) => show.run().await,
        Command::Put(put) => put.run().await,
        Command::Delete(delete) => delete.run().await,
    }
}

// === impl List ===

impl List {
    async fn run(self) -> Result<(), Failed> {
        let partners = match self.partner {
            Some(partner) => vec![partner],
            None => {
                let all = self.remote.get("/v1/partners", &[]).await?;
                items(&all["partners"])
                    .map(|it| text(&it["name"]))
                    .collect()
            }
        };
        let mut tables = Vec::new();
        for partner in partners {
            let path = format!("/v1/partners/{partner}/tables");
            let answer = self.remote.get(&path, &[]).await?;
            tables.extend(items(&answer["tables"]).cloned());
        }
        if self.remote.json {
            print::json(&serde_json::json!({ "tables": tables }));
            return Ok(());
        }
        let rows: Vec<_> = tables
            .iter()
            .map(|it| {
                vec![
                    text(&it["partner"]),
                    text(&it["table"]),
                    text(&it["version"]),
                    rows_of(it),
                    text(&it["source"]),
                    text(&it["configuration"]),
                    text(&it["at"]),
                    text(&it["by"]),
                ]
            })
            .collect();
        print::table(
            &[
                "partner",
                "table",
                "version",
                "rows",
                "source",
                "configuration",
                "since",
                "by",
            ],
            &rows,
        );
        Ok(())
    }
}

// === impl Show ===

impl Show {
    async fn run(self) -> Result<(), Failed> {
        let path = path(&self.partner, &self.table);
        let query = [("version", self.number.map(|it| it.to_string()))];
        if self.csv {
            let rows = self.remote.get_text(&path, &query, "text/csv").await?;
            print::line(print::inert(rows.strip_suffix('\n').unwrap_or(&rows)));
            return Ok(());
        }
        let answer = self.remote.get(&path, &query).await?;
        if self.remote.json {
            print::json(&answer);
            return Ok(());
        }
        print::line(format!(
            "table {} of {}, version {}: {} rows, by {} ({}) at {}",
            text(&answer["table"]),
            text(&answer["partner"]),
            answer["version"],
            answer["rows"],
            text(&answer["by"]),
            text(&answer["source"]),
            text(&answer["at"]),
        ));
        print::line(counts(&answer));
        print::line("");
        let rows: Vec<_> = answer["entries"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| vec![print::inert(key), text(value)])
            .collect();
        print::table(&["key", "value"], &rows);
        print::line("");
        let versions: Vec<_> = items(&answer["versions"])
            .map(|it| {
                vec![
                    text(&it["version"]),
                    text(&it["at"]),
                    text(&it["source"]),
                    rows_of(it),
                    difference(&it["difference"]),
                    text(&it["by"]),
                ]
            })
            .collect();
        print::table(
            &["version", "since", "source", "rows", "difference", "by"],
            &versions,
        );
        Ok(())
    }
}

// === impl Put ===

impl Put {
    async fn run(self) -> Result<(), Failed> {
        let is_json = self.file.extension().is_some_and(|it| it == "json");
        let kind = if is_json {
            "application/json"
        } else {
            "text/csv"
        };
        let body = read(&self.file)?;
        let sent = Sent {
            method: Method::PUT,
            path: path(&self.partner, &self.table),
            query: self.how.query(),
            if_match: self.if_version.map(|it| format!("\"{it}\"")),
            body: Some((kind, body)),
        };
        let answer = self.how.remote.send(sent).await?;
        self.how.tell(&answer);
        Ok(())
    }
}

// === impl Delete ===

impl Delete {
    async fn run(self) -> Result<(), Failed> {
        let sent = Sent {
            method: Method::DELETE,
            path: path(&self.partner, &self.table),
            query: self.how.query(),
            if_match: self.if_version.map(|it| format!("\"{it}\"")),
            body: None,
        };
        let answer = self.how.remote.send(sent).await?;
        self.how.tell(&answer);
        Ok(())
    }
}

// === impl How ===

impl How {
    fn query(&self) -> Vec<(&'static str, String)> {
        let dry = self.dry_run.then(|| ("dry_run", "true".to_owned()));
        let by = self.by.clone().map(|it| ("by", it));
        dry.into_iter().chain(by).collect()
    }

    fn tell(&self, answer: &Value) {
        if self.remote.json {
            print::json(answer);
            return;
        }
        for change in items(&answer["changes"]) {
            let (key, before, after) = (
                text(&change["key"]),
                text(&change["before"]),
                text(&change["after"]),
            );
            print::line(match (&change["before"], &change["after"]) {
                (Value::Null, _) => format!("  + {key}  {after}"),
                (_, Value::Null) => format!("  - {key}  {before}"),
                _ => format!("  ~ {key}  {before} -> {after}"),
            });
        }
        if answer["changes_cut"] == true {
            print::line("  …");
        }
        let (version, counts) = (&answer["version"], difference(&answer["difference"]));
        print::note(match (answer["changed"] == true, self.dry_run) {
            (false, _) => format!("nothing differs from version {version}"),
            (true, true) => format!("would be version {version}: {counts}"),
            (true, false) => format!("is version {version}: {counts}"),
        });
    }
}

fn path(partner: &str, table: &str) -> String {
    format!("/v1/partners/{partner}/tables/{table}")
}

fn read(file: &PathBuf) -> Result<Vec<u8>, Failed> {
    let read = if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| Failed::work(format!("can't read {}: {error}", file.display())))
}

/// Which one counts, where there are two.
fn counts(answer: &Value) -> &'static str {
    match (answer["source"].as_str(), answer["configuration"].as_str()) {
        (Some("api"), Some("differs")) => {
            "the configuration has another table, which does not count: it was changed here later"
        }
        (Some("api"), Some("same")) => "the configuration has the same rows",
        (Some("api"), _) => "the configuration has no such table",
        (_, Some("same")) => "it is what the configuration has",
        _ => "the configuration has changed since",
    }
}

fn rows_of(row: &Value) -> String {
    if row["removed"] == true {
        return "removed".to_owned();
    }
    text(&row["rows"])
}

fn difference(difference: &Value) -> String {
    let counts = ["added", "changed", "removed"];
    let counts = counts.map(|name| format!("{} {name}", difference[name]));
    counts.join(", ")
}
