//! `crossdock returns show`.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    instance::{history, open_exceptions, table, waits},
    messages::items,
    print,
    remote::{Remote, text},
    report::Failed,
};
use crate::api::link;

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tells everything about one return, from the request to the credit
    #[command(after_help = "Example:\n  crossdock returns show RMA-77")]
    Show(Show),
}

/// Which return.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its authorisation's number
    rma_no: String,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(command: Command) -> Result<(), Failed> {
    let Command::Show(show) = command;
    show.run().await
}

// === impl Show ===

impl Show {
    async fn run(self) -> Result<(), Failed> {
        let path = format!("/v1/returns/{}", link::segment(&self.rma_no));
        let Some(answer) = self.remote.ask_to_tell(&path, &[]).await? else {
            return Ok(());
        };
        let told = &answer["return"];
        print::line(format!(
            "return {}: {}",
            text(&answer["rma_no"]),
            text(&answer["status"]),
        ));
        if let Some(verdict) = verdict(&told["verdict"]) {
            print::line(verdict);
        }
        waits(&answer);
        let sums = &told["sums"];
        print::line(format!(
            "  worth {}, credit due {}, posted {}",
            text(&sums["worth"]),
            text(&sums["due"]),
            text(&sums["posted"]),
        ));
        print::line("");
        let columns = [
            ("line_no", "line"),
            ("sku", "item"),
            ("authorized", "authorized"),
            ("received", "received"),
            ("inspected", "inspected"),
            ("price", "price"),
        ];
        table(&told["lines"], &columns);
        for receipt in items(&told["receipts"]) {
            print::line(format!(
                "  receipt {} at {}: {} units",
                text(&receipt["receipt_no"]),
                text(&receipt["at"]),
                text(&receipt["units"]),
            ));
        }
        for credit in items(&told["credits"]) {
            print::line(format!(
                "  credit {}: {}",
                text(&credit["invoice_no"]),
                text(&credit["amount"]),
            ));
        }
        open_exceptions(&answer);
        history(&answer);
        Ok(())
    }
}

/// What the ERP said of it, and why; none before it said anything.
fn verdict(verdict: &Value) -> Option<String> {
    let word = match verdict["denied"].as_bool()? {
        true => "denied",
        false => "authorized",
    };
    let reason = match text(&verdict["reason"]) {
        none if none.is_empty() => none,
        reason => format!(": {reason}"),
    };
    Some(format!("  {word} by {}{reason}", text(&verdict["by"])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_denied_a_return_is_told_with_the_reason() {
        assert_eq!(verdict(&Value::Null), None);
        let denied = json!({ "by": "erp", "denied": true, "reason": "sold as seen" });
        assert_eq!(
            verdict(&denied).as_deref(),
            Some("  denied by erp: sold as seen")
        );
        let allowed = json!({ "by": "erp", "denied": false, "reason": "" });
        assert_eq!(verdict(&allowed).as_deref(), Some("  authorized by erp"));
    }
}
