//! `crossdock partners poll`.

use clap::Args;
use serde_json::{Value, json};

use crate::{
    api::timeline::counted,
    cli::{
        print,
        remote::{Remote, text},
        report::Failed,
    },
};

/// Asks a partner for news now.
#[derive(Debug, Args)]
pub(in crate::cli) struct Poll {
    /// The partner's name
    name: String,
    /// Begin as if it had never been asked, in place of where the last poll ended
    #[arg(long)]
    from_beginning: bool,
    #[command(flatten)]
    remote: Remote,
}

// === impl Poll ===

impl Poll {
    pub(super) async fn run(self) -> Result<(), Failed> {
        let path = format!("/v1/partners/{}/poll", self.name);
        let body = json!({ "from_beginning": self.from_beginning });
        let answer = self.remote.post(&path, &body).await?;
        if self.remote.json {
            print::json(&answer);
        } else if answer["ended"] == true {
            print::line(format!(
                "{}: {}",
                self.name,
                run_text(&answer["poll"]["last"])
            ));
        } else {
            print::line(format!(
                "{}: still under way; crossdock partners show {} tells how it ends",
                self.name, self.name
            ));
        }
        match answer["poll"]["last"]["failure"]["text"].as_str() {
            Some(why) if answer["ended"] == true => {
                let remedy = answer["poll"]["last"]["failure"]["remedy"].as_str();
                Err(Failed::with_remedy(
                    format!("the poll failed: {why}"),
                    remedy.map(str::to_owned),
                ))
            }
            _ => Ok(()),
        }
    }
}

/// How polling stands, on one line.
pub(super) fn poll_text(poll: &Value) -> String {
    if poll.is_null() {
        return "-".to_owned();
    }
    let mut all = text(&poll["plan"]);
    if poll["running"] == true {
        all.push_str(", under way");
    }
    if let Some(at) = poll["next_at"].as_str() {
        all.push_str(&format!(", next at {at}"));
    }
    if let Some(failures @ 1..) = poll["failures_in_a_row"].as_u64() {
        all.push_str(&format!(", {} in a row", counted(failures, "failure")));
    }
    if !poll["last"].is_null() {
        all.push_str(&format!(", last {}", run_text(&poll["last"])));
    }
    if let Some(cursor) = poll["cursor"].as_str() {
        all.push_str(&format!(", cursor {cursor}"));
    }
    all
}

fn run_text(run: &Value) -> String {
    let count = |field: &str, noun| counted(run[field].as_u64().unwrap_or_default(), noun);
    let requests = count("requests", "request");
    let at = text(&run["at"]);
    match run["failure"]["text"].as_str() {
        Some(why) => format!("failed at {at} after {requests}: {why}"),
        None => format!(
            "brought {} with {requests} at {at}",
            count("messages", "message")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_is_told_in_words() {
        let last = json!({
            "at": "2026-03-01T09:30:00.000Z", "outcome": "brought",
            "messages": 1, "requests": 2, "failure": null,
        });
        let poll = json!({
            "plan": "every 60 s", "running": false, "next_at": "2026-03-01T09:31:00.000Z",
            "cursor": "c1", "failures_in_a_row": 0, "last": last,
        });
        assert_eq!(
            poll_text(&poll),
            "every 60 s, next at 2026-03-01T09:31:00.000Z, last brought 1 message with 2 requests at 2026-03-01T09:30:00.000Z, cursor c1"
        );
        let last = json!({
            "at": "2026-03-01T09:30:00.000Z", "outcome": "failed", "messages": 0,
            "requests": 1, "failure": { "text": "it answered 500" },
        });
        let poll = json!({
            "plan": "0 3 * * * UTC", "running": true, "next_at": null, "cursor": null,
            "failures_in_a_row": 1, "last": last,
        });
        assert_eq!(
            poll_text(&poll),
            "0 3 * * * UTC, under way, 1 failure in a row, last failed at 2026-03-01T09:30:00.000Z after 1 request: it answered 500"
        );
        assert_eq!(poll_text(&Value::Null), "-");
    }
}
