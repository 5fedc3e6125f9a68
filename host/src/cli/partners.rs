//! `crossdock partners list|show|breaker|acknowledgements|poll`.

mod poll;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    messages::items,
    print,
    remote::{Remote, text},
    report::Failed,
};
use crate::api::timeline::counted;

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists partners and how their lanes stand
    List(List),
    /// Shows one
    Show(Show),
    /// Moves a breaker by hand
    Breaker(Breaker),
    /// Asks one for news now, in place of at its time
    Poll(poll::Poll),
    /// Lists what a partner has received and not acknowledged, due first
    Acknowledgements(Acknowledgements),
}

/// What one partner has not acknowledged.
#[derive(Debug, Args)]
pub(super) struct Acknowledgements {
    /// The partner's name
    name: String,
    /// How many at most
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
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
        Command::List(list) => list.run().await,
        Command::Show(show) => show.run().await,
        Command::Breaker(breaker) => breaker.run().await,
        Command::Poll(poll) => poll.run().await,
        Command::Acknowledgements(open) => open.run().await,
    }
}

// === impl List ===

impl List {
    async fn run(self) -> Result<(), Failed> {
        let answer = self.remote.get("/v1/partners", &[]).await?;
        if self.remote.json {
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
        let head = [
            "partner",
            "adapter",
            "breaker",
            "waiting",
            "in flight",
            "delivered",
            "dead",
            "sends to",
        ];
        print::table(&head, &rows);
        Ok(())
    }
}

// === impl Show ===

impl Show {
    async fn run(self) -> Result<(), Failed> {
        let path = format!("/v1/partners/{}", self.name);
        let answer = self.remote.get(&path, &[]).await?;
        if self.remote.json {
            print::json(&answer);
            return Ok(());
        }
        for (field, value) in answer.as_object().into_iter().flatten() {
            let value = match field.as_str() {
                "breaker" => breaker_in_full(value),
                "poll" => poll::poll_text(value),
                "credentials" => {
                    let all: Vec<_> = items(value).map(credential_text).collect();
                    if all.is_empty() {
                        "-".to_owned()
                    } else {
                        all.join("; ")
                    }
                }
                _ => text(value),
            };
            print::line(format!("{:<22} {value}", label(field)).trim_end());
        }
        Ok(())
    }
}

// === impl Breaker ===

impl Breaker {
    async fn run(self) -> Result<(), Failed> {
        let action = match self.action {
            Action::Open => "open",
            Action::Close => "close",
            Action::Reset => "reset",
        };
        let body = json!({ "action": action, "by": self.by });
        let path = format!("/v1/partners/{}/breaker", self.name);
        let answer = self.remote.post(&path, &body).await?;
        if self.remote.json {
            print::json(&answer);
        } else {
            let breaker = breaker_in_full(&answer["breaker"]);
            print::line(format!("{}: {breaker}", self.name));
        }
        Ok(())
    }
}

// === impl Acknowledgements ===

impl Acknowledgements {
    async fn run(self) -> Result<(), Failed> {
        let path = format!("/v1/partners/{}/acknowledgements", self.name);
        let query = [("limit", Some(self.limit.to_string()))];
        let answer = self.remote.get(&path, &query).await?;
        if self.remote.json {
            print::json(&answer);
            return Ok(());
        }
        let fields = [
            "acknowledgement_due_at",
            "acknowledgement",
            "kind",
            "business_key",
            "control_number",
            "message",
        ];
        let rows: Vec<_> = items(&answer["deliveries"])
            .map(|it| fields.map(|name| text(&it[name])).to_vec())
            .collect();
        let head = ["due", "stands", "document", "about", "number", "message"];
        print::table(&head, &rows);
        print::note(format!(
            "{} awaited, {} of them overdue",
            answer["awaited"], answer["overdue"]
        ));
        Ok(())
    }
}

/// `open`, with when it may be tried again.
fn breaker_text(breaker: &Value) -> String {
    let state = text(&breaker["state"]);
    match breaker["until"].as_str() {
        Some(until) => format!("{state} until {until}"),
        None => state,
    }
}

/// The same with since when, and how it comes along.
fn breaker_in_full(breaker: &Value) -> String {
    let mut all = breaker_text(breaker);
    if let Some(since) = breaker["since"].as_str() {
        all.push_str(&format!(", since {since}"));
    }
    if let Some(openings @ 2..) = breaker["openings"].as_u64() {
        all.push_str(&format!(", opened {openings} times in a row"));
    }
    if let Some(probes @ 1..) = breaker["probes_succeeded"].as_u64() {
        all.push_str(&format!(", {} succeeded", counted(probes, "probe")));
    }
    all
}

/// Its kind and, where it has a token, how that stands.
fn credential_text(credential: &Value) -> String {
    let mut all = match credential["name"].as_str() {
        Some(name) => format!("{name}: {}", text(&credential["kind"])),
        None => text(&credential["kind"]),
    };
    let token = &credential["token"];
    if token.is_null() {
        return all;
    }
    match (token["fetched_at"].as_str(), token["expires_at"].as_str()) {
        (Some(fetched), Some(expires)) => {
            all.push_str(&format!(", token of {fetched}, expires {expires}"));
        }
        _ => all.push_str(", no token"),
    }
    let failure = &token["last_failure"];
    if let Some(at) = failure["at"].as_str() {
        all.push_str(&format!(
            ", last failure at {at}: {}",
            text(&failure["text"])
        ));
    }
    all
}

/// What a field of a partner is called on a line of its own.
fn label(field: &str) -> String {
    field.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_is_told_in_words() {
        let open = json!({
            "state": "open", "since": "2026-03-01T09:30:00.000Z",
            "until": "2026-03-01T09:30:05.250Z", "openings": 2,
        });
        assert_eq!(breaker_text(&open), "open until 2026-03-01T09:30:05.250Z");
        assert_eq!(
            breaker_in_full(&open),
            "open until 2026-03-01T09:30:05.250Z, since 2026-03-01T09:30:00.000Z, opened 2 times in a row"
        );
        let probing =
            json!({ "state": "half-open", "since": "x", "openings": 1, "probes_succeeded": 1 });
        assert_eq!(
            breaker_in_full(&probing),
            "half-open, since x, 1 probe succeeded"
        );
        assert_eq!(breaker_in_full(&Value::Null), "-");
    }

    #[test]
    fn a_credential_is_told_in_words() {
        assert_eq!(
            credential_text(&json!({ "name": null, "kind": "none" })),
            "none"
        );
        let token = json!({
            "fetched_at": "2026-03-01T09:30:00.000Z", "expires_at": "2026-03-01T10:30:00.000Z",
            "fetched": 1, "failed": 1, "last_failure": { "at": "2026-03-01T10:20:00.000Z",
            "code": "token-unavailable", "text": "the token endpoint answered 503" },
        });
        let credential = json!({ "name": "stock", "kind": "oauth2-jwt-bearer", "token": token });
        assert_eq!(
            credential_text(&credential),
            "stock: oauth2-jwt-bearer, token of 2026-03-01T09:30:00.000Z, expires 2026-03-01T10:30:00.000Z, last failure at 2026-03-01T10:20:00.000Z: the token endpoint answered 503"
        );
        let none = json!({ "kind": "oauth2-jwt-bearer", "token": { "fetched_at": null } });
        assert_eq!(credential_text(&none), "oauth2-jwt-bearer, no token");
    }
}
