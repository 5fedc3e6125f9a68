//! `crossdock dead-letters list|show|replay`.

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    messages::{items, problem_text},
    print,
    remote::{Remote, text},
    report::Failed,
};

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists what waits, oldest first
    List(List),
    /// Shows one
    Show(Show),
    /// Sends some round again, in order
    Replay(Replay),
}

/// Which dead letters.
#[derive(Debug, Args)]
struct Filter {
    /// Only of this partner
    #[arg(long)]
    partner: Option<String>,
    /// Only failed at this step: decode, route, deliver
    #[arg(long)]
    step: Option<String>,
    /// Only failed with this code
    #[arg(long)]
    code: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

/// Which to list.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Also those that were sent round again
    #[arg(long)]
    replayed: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Which to show.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its id
    id: String,
    #[command(flatten)]
    remote: Remote,
}

/// Which to send round again.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Their ids
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All that the filter finds
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// Only say which
    #[arg(long)]
    dry_run: bool,
    /// How many a second
    #[arg(long, value_name = "N")]
    per_second: Option<u32>,
    /// Where a delivery goes on: with the request that failed, or with the first one, its
    /// adapter knowing nothing of those before
    #[arg(long, value_enum, default_value_t)]
    from: From,
    /// Who asks, for the record
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum From {
    #[default]
    FailedStep,
    Start,
}

pub(super) async fn run(command: Command) -> Result<(), Failed> {
    match command {
        Command::List(list) => list.run().await,
        Command::Show(show) => show.run().await,
        Command::Replay(replay) => replay.run().await,
    }
}

// === impl List ===

impl List {
    async fn run(self) -> Result<(), Failed> {
        let query = [
            ("partner", self.filter.partner),
            ("step", self.filter.step),
            ("code", self.filter.code),
            ("limit", Some(self.filter.limit.to_string())),
            ("replayed", self.replayed.then(|| "true".to_owned())),
        ];
        let answer = self.remote.get("/v1/dead-letters", &query).await?;
        show_all(&answer, self.remote.json);
        Ok(())
    }
}

// === impl Show ===

impl Show {
    async fn run(self) -> Result<(), Failed> {
        let answer = self
            .remote
            .get(&format!("/v1/dead-letters/{}", self.id), &[])
            .await?;
        if self.remote.json {
            print::json(&answer);
            return Ok(());
        }
        for name in [
            "id",
            "status",
            "holds",
            "partner",
            "step",
            "at",
            "business_key",
            "attempts",
            "message",
            "delivery",
            "adapter_digest",
        ] {
            print::line(format!("{name:<16} {}", text(&answer[name])));
        }
        print::line(format!(
            "{:<16} {}",
            "why",
            problem_text(&answer["failure"])
        ));
        if let Some(message) = answer["message"].as_str() {
            print::note(format!("what happened: crossdock messages show {message}"));
        }
        Ok(())
    }
}

// === impl Replay ===

impl Replay {
    async fn run(self) -> Result<(), Failed> {
        let filter = self.all.then(|| {
            json!({
                "partner": self.filter.partner,
                "step": self.filter.step,
                "code": self.filter.code,
                "limit": self.filter.limit,
            })
        });
        let body = json!({
            "ids": self.ids,
            "filter": filter,
            "dry_run": self.dry_run,
            "per_second": self.per_second,
            "from": self.from,
            "by": self.by,
        });
        let answer = self.remote.post("/v1/dead-letters/replay", &body).await?;
        show_all(&answer, self.remote.json);
        if !self.remote.json {
            let count = &answer["count"];
            let what = if self.dry_run {
                "would be sent round again"
            } else {
                "are sent round again"
            };
            print::note(format!("{count} {what}"));
        }
        Ok(())
    }
}

fn show_all(answer: &Value, as_json: bool) {
    if as_json {
        print::json(answer);
        return;
    }
    let rows: Vec<_> = items(&answer["dead_letters"])
        .map(|it| {
            let mut row = ["at", "partner", "step", "status", "business_key", "id"]
                .map(|name| text(&it[name]))
                .to_vec();
            row.push(problem_text(&it["failure"]));
            row
        })
        .collect();
    print::table(
        &["at", "partner", "step", "status", "about", "id", "why"],
        &rows,
    );
}
