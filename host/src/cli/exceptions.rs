//! `crossdock exceptions list|show|resolve`.

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    instance::{next_page, table},
    messages::items,
    print,
    remote::{Remote, text},
    report::Failed,
};
use crate::api::link;

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists business problems with their owners: open ones, unless --closed
    #[command(
        after_help = "Example: what is overdue and urgent\n  crossdock exceptions list --overdue --severity urgent"
    )]
    List(List),
    /// Shows one: what is wrong, what was tried, what can be done
    #[command(after_help = "Example:\n  crossdock exceptions show 'order/SO-9001#1'")]
    Show(Show),
    /// Does one of the things that an exception offers
    #[command(
        after_help = "Example:\n  crossdock exceptions resolve 'order/SO-9001#1' reroute --by ann --note 'north is flooded'"
    )]
    Resolve(Resolve),
}

/// Which exceptions.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only of this sort: short-shipment, variance, no-node-left
    #[arg(long)]
    kind: Option<String>,
    /// Only as bad as this or worse: low, normal, high, urgent
    #[arg(long)]
    severity: Option<String>,
    /// Only those of this team
    #[arg(long)]
    owner: Option<String>,
    /// Only about this: order/SO-9001
    #[arg(long)]
    key: Option<String>,
    /// Only those that should be over by now
    #[arg(long)]
    overdue: bool,
    /// Also those that are over
    #[arg(long)]
    closed: bool,
    /// After this one: the next page
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

/// Which one.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its id, in quotes: 'order/SO-9001#1'
    id: String,
    #[command(flatten)]
    remote: Remote,
}

/// Which one, and what to do.
#[derive(Debug, Args)]
pub(super) struct Resolve {
    /// Its id, in quotes: 'order/SO-9001#1'
    id: String,
    /// What to do about it
    #[arg(value_enum)]
    action: Action,
    /// Only if this is the record that changed it last
    #[arg(long, value_name = "NUMBER")]
    if_version: Option<u64>,
    /// Who asks, for the record
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// What there is to say about it, for the record
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    /// Do again what failed
    Retry,
    /// Try another node
    Reroute,
    /// Call it off
    Cancel,
    /// Leave it as it is
    AcceptVariance,
    /// Let go what was held
    Release,
}

pub(super) async fn run(command: Command) -> Result<(), Failed> {
    match command {
        Command::List(list) => list.run().await,
        Command::Show(show) => show.run().await,
        Command::Resolve(resolve) => resolve.run().await,
    }
}

// === impl List ===

impl List {
    async fn run(self) -> Result<(), Failed> {
        let query = [
            ("kind", self.kind),
            ("severity", self.severity),
            ("owner", self.owner),
            ("key", self.key),
            ("overdue", self.overdue.then(|| "true".to_owned())),
            ("closed", self.closed.then(|| "true".to_owned())),
            ("after", self.after),
            ("limit", Some(self.limit.to_string())),
        ];
        let Some(answer) = self.remote.ask_to_tell("/v1/exceptions", &query).await? else {
            return Ok(());
        };
        let columns = [
            ("id", "id"),
            ("kind", "kind"),
            ("severity", "severity"),
            ("owner", "owner"),
            ("opened_at", "since"),
            ("due", "due"),
            ("actions", "actions"),
            ("text", "what"),
        ];
        table(&answer["exceptions"], &columns);
        next_page(&answer);
        Ok(())
    }
}

// === impl Show ===

impl Show {
    async fn run(self) -> Result<(), Failed> {
        let Some(answer) = self
            .remote
            .ask_to_tell(&link::exception(&self.id), &[])
            .await?
        else {
            return Ok(());
        };
        told(&answer);
        Ok(())
    }
}

fn told(exception: &Value) {
    for name in [
        "id",
        "kind",
        "severity",
        "key",
        "subject",
        "text",
        "owner",
        "opened_at",
        "due",
        "closed",
        "actions",
    ] {
        print::line(format!("{name:<16} {}", text(&exception[name])));
    }
    for (name, value) in exception["context"].as_object().into_iter().flatten() {
        print::line(format!("{:<16} {}", print::inert(name), text(value)));
    }
    print::line("\nhistory");
    for entry in items(&exception["history"]) {
        print::line(format!(
            "  {}  {:<9} {}: {}",
            text(&entry["at"]),
            text(&entry["what"]),
            text(&entry["by"]),
            text(&entry["text"]),
        ));
    }
    if exception["closed"] == false {
        print::note(format!(
            "resolve it: crossdock exceptions resolve '{}' ACTION",
            text(&exception["id"])
        ));
    }
}

// === impl Resolve ===

impl Resolve {
    async fn run(self) -> Result<(), Failed> {
        let body = json!({ "action": self.action, "by": self.by, "note": self.note });
        let path = format!("{}/resolve", link::exception(&self.id));
        let Some(answer) = self.remote.act(path, self.if_version, &body).await? else {
            return Ok(());
        };
        let over = answer["exception"]["closed"] == true;
        print::line(format!(
            "{} {}",
            print::inert(&self.id),
            if over {
                "is over"
            } else {
                "was acted on; it closes itself when its cause is gone"
            },
        ));
        Ok(())
    }
}
