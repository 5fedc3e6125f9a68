//! `crossdock partners list|show|breaker`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    messages::items,
    print,
    remote::{Remote, text},
    report::Failed,
};

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists partners and how their lanes stand
    List(List),
    /// Shows one
    Show(Show),
    /// Moves a breaker by hand
    Breaker(Breaker),
}

/// All partners.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    remote: Remote,
}

/// One partner.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its name
    name: String,
    #[command(flatten)]
    remote: Remote,
}

/// One partner's breaker.
#[derive(Debug, Args)]
pub(super) struct Breaker {
    /// The partner's name
    name: String,
    /// What to do with it
    action: Action,
    /// Who asks, for the record
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// What to do with a breaker.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// No calls until it is reset
    Open,
    /// Calls whatever happens, until it is reset
    Close,
    /// Closed, and on its own again
    Reset,
}

pub(super) async fn run(command: Command) -> Result<(), Failed> {
    match command {
        Command::List(List { remote }) => {
            let answer = remote.get("/v1/partners", &[]).await?;
            if remote.json {
                print::json(&answer);
                return Ok(());
            }
            let rows: Vec<_> = items(&answer["partners"])
                .map(|it| {
                    vec![
                        text(&it["name"]),
                        text(&it["adapter"]),
                        breaker_text(&it["breaker"]),
                        text(&it["waiting"]),
                        text(&it["in_flight"]),
                        text(&it["delivered"]),
                        text(&it["dead"]),
                        text(&it["sends_to"]),
                    ]
                })
                .collect();
            print::table(
                &["partner", "adapter", "breaker", "waiting", "in flight", "delivered", "dead", "sends to"],
                &rows,
            );
        }
        Command::Show(Show { name, remote }) => {
            let answer = remote.get(&format!("/v1/partners/{name}"), &[]).await?;
            if remote.json {
                print::json(&answer);
                return Ok(());
            }
            for (field, value) in answer.as_object().into_iter().flatten() {
                let value = if field == "breaker" { breaker_text(value) } else { text(value) };
                print::line(format!("{field:<22} {value}"));
            }
        }
        Command::Breaker(breaker) => {
            let action = match breaker.action {
                Action::Open => "open",
                Action::Close => "close",
                Action::Reset => "reset",
            };
            let body = json!({ "action": action, "by": breaker.by });
            let path = format!("/v1/partners/{}/breaker", breaker.name);
            let answer = breaker.remote.post(&path, &body).await?;
            if breaker.remote.json {
                print::json(&answer);
            } else {
                print::line(format!("{}: {}", breaker.name, breaker_text(&answer["breaker"])));
            }
        }
    }
    Ok(())
}

/// `open`, with when it may be tried again.
fn breaker_text(breaker: &Value) -> String {
    let Some((name, fields)) = breaker.as_object().and_then(|it| it.iter().next()) else {
        return text(breaker);
    };
    match fields["until"].as_i64() {
        Some(until) => format!("{name} until {}", crate::clock::Timestamp::from_millis(until)),
        None => name.clone(),
    }
}
