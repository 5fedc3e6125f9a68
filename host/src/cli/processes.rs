//! `crossdock processes list|show|migrate`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    instance::{history, next_page, open_exceptions, rows, table, waits},
    print,
    remote::{Remote, text},
    report::Failed,
};
use crate::api::link;

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists processes with their versions, and instances
    #[command(
        after_help = "Example: what waits for a warehouse's acceptance\n  crossdock processes list --process order-to-fulfilment --waiting acceptance"
    )]
    List(Box<List>),
    /// Tells how one instance came to stand where it stands
    #[command(
        after_help = "Example:\n  crossdock processes show order-to-fulfilment order/SO-9001"
    )]
    Show(Show),
    /// Brings an instance to another version of its process
    #[command(
        after_help = "Example:\n  crossdock processes migrate order-to-fulfilment order/SO-9001 --to 2"
    )]
    Migrate(Migrate),
}

/// Which instances.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only of this process
    #[arg(long)]
    process: Option<String>,
    /// Only those whose key begins so; needs --process
    #[arg(long, requires = "process")]
    key: Option<String>,
    /// Only those standing so, in the process's words
    #[arg(long)]
    status: Option<String>,
    /// Only those where something is left to do
    #[arg(long, conflicts_with = "finished")]
    live: bool,
    /// Only those where nothing is left to do
    #[arg(long)]
    finished: bool,
    /// Only those that wait for this: acceptance, ship-by, return-to-credit
    #[arg(long, value_name = "LEVEL")]
    waiting: Option<String>,
    /// Only those that know this of themselves: node=north
    #[arg(long, value_name = "NAME=VALUE")]
    fact: Option<String>,
    /// Changed at or after, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Changed before, RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// After this one: the next page
    #[arg(long, value_name = "PROCESS/KEY")]
    after: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

/// Which instance.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its process
    process: String,
    /// Its business key
    key: String,
    #[command(flatten)]
    remote: Remote,
}

/// Which instance, and to which version.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// Its process
    process: String,
    /// Its business key
    key: String,
    /// The version
    #[arg(long, value_name = "NUMBER")]
    to: u32,
    /// Only if this is the record of its last step
    #[arg(long, value_name = "NUMBER")]
    if_version: Option<u64>,
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
        Command::Migrate(migrate) => migrate.run().await,
    }
}

// === impl List ===

impl List {
    async fn run(self) -> Result<(), Failed> {
        let finished = match (self.live, self.finished) {
            (true, _) => Some(false.to_string()),
            (_, true) => Some(true.to_string()),
            (false, false) => None,
        };
        let query = [
            ("process", self.process),
            ("key", self.key),
            ("status", self.status),
            ("finished", finished),
            ("waiting", self.waiting),
            ("fact", self.fact),
            ("since", self.since),
            ("until", self.until),
            ("after", self.after),
            ("limit", Some(self.limit.to_string())),
        ];
        let Some(answer) = self.remote.ask_to_tell("/v1/processes", &query).await? else {
            return Ok(());
        };
        if answer["machines"].is_array() {
            let fields = [
                "process", "version", "newest", "present", "live", "finished", "cut",
            ];
            print::table(&fields, &rows(&answer["machines"], &fields));
            print::line("");
        }
        let columns = [
            ("process", "process"),
            ("key", "key"),
            ("version", "version"),
            ("status", "status"),
            ("finished", "finished"),
            ("exceptions", "exceptions"),
            ("changed_at", "changed"),
        ];
        table(&answer["instances"], &columns);
        next_page(&answer);
        Ok(())
    }
}

// === impl Show ===

impl Show {
    async fn run(self) -> Result<(), Failed> {
        let path = link::instance(&self.process, &self.key);
        let Some(answer) = self.remote.ask_to_tell(&path, &[]).await? else {
            return Ok(());
        };
        print::line(format!(
            "{} {}, version {}: {}{}",
            text(&answer["process"]),
            text(&answer["key"]),
            answer["version"],
            text(&answer["status"]),
            if answer["finished"] == true {
                ", finished"
            } else {
                ""
            },
        ));
        print::line(format!(
            "  since {}, changed {}, correlation {}",
            text(&answer["begun_at"]),
            text(&answer["changed_at"]),
            text(&answer["correlation_id"]),
        ));
        for (name, value) in answer["facts"].as_object().into_iter().flatten() {
            print::line(format!("  {}: {}", print::inert(name), text(value)));
        }
        if answer["unreadable"].is_string() {
            print::line(format!("  {}", text(&answer["unreadable"])));
        }
        waits(&answer);
        open_exceptions(&answer);
        history(&answer);
        Ok(())
    }
}

// === impl Migrate ===

impl Migrate {
    async fn run(self) -> Result<(), Failed> {
        let body = json!({ "to": self.to, "by": self.by });
        let path = format!("{}/migrate", link::instance(&self.process, &self.key));
        let Some(answer) = self.remote.act(path, self.if_version, &body).await? else {
            return Ok(());
        };
        print::line(format!(
            "{} {} went from version {} to {}",
            text(&answer["process"]),
            text(&answer["key"]),
            answer["from"],
            answer["version"],
        ));
        Ok(())
    }
}
