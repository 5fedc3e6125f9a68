//! `crossdock shipments show`.

use clap::{Args, Subcommand};

use super::{
    instance::{history, open_exceptions, waits},
    messages::items,
    print,
    remote::{Remote, text},
    report::Failed,
};
use crate::api::link;

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tells where a shipment is, and what is wrong with it
    #[command(after_help = "Example:\n  crossdock shipments show SH-1")]
    Show(Show),
}

/// Which shipment.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its id, as the warehouse gave it
    id: String,
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
        let path = format!("/v1/shipments/{}", link::segment(&self.id));
        let Some(answer) = self.remote.ask_to_tell(&path, &[]).await? else {
            return Ok(());
        };
        let told = &answer["shipment"];
        print::line(format!(
            "shipment {} of order {}: {}, expected {}",
            text(&told["shipment_id"]),
            text(&told["order_no"]),
            text(&answer["status"]),
            text(&told["estimated_delivery"]),
        ));
        waits(&answer);
        print::line("\nstages");
        for stage in items(&told["stages"]) {
            print::line(format!(
                "  {}  {} {}",
                text(&stage["at"]),
                text(&stage["stage"]),
                text(&stage["reason"]),
            ));
        }
        for trouble in items(&told["troubles"]) {
            let is_open = trouble["open"] == true;
            print::line(format!(
                "  {}  {} ({}) {}",
                text(&trouble["at"]),
                text(&trouble["trouble"]),
                if is_open { "open" } else { "over" },
                text(&trouble["reason"]),
            ));
        }
        open_exceptions(&answer);
        history(&answer);
        Ok(())
    }
}
