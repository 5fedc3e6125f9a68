//! `crossdock inventory list|reconciliation`.

use clap::{Args, Subcommand};

use super::{
    instance::{next_page, rows, table},
    print,
    remote::{Remote, text},
    report::Failed,
};

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists what nodes have, as they report it
    #[command(after_help = "Example:\n  crossdock inventory list --node north --held")]
    List(List),
    /// Compares a node's stock with the ERP's books
    #[command(
        after_help = "Example:\n  crossdock inventory reconciliation --node north --csv > north.csv"
    )]
    Reconciliation(Reconciliation),
}

/// Which positions.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only of this node
    #[arg(long)]
    node: Option<String>,
    /// Only this item
    #[arg(long)]
    sku: Option<String>,
    /// Only of nodes whose news are too old
    #[arg(long)]
    stale: bool,
    /// Only those with a figure that is held
    #[arg(long)]
    held: bool,
    /// After this one: the next page
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

/// Whose report, and in which form.
#[derive(Debug, Args)]
pub(super) struct Reconciliation {
    /// The node
    #[arg(long)]
    node: String,
    /// A report that was kept, by its number; how it stands now, if absent
    #[arg(long, value_name = "NUMBER")]
    report: Option<u64>,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(command: Command) -> Result<(), Failed> {
    match command {
        Command::List(list) => list.run().await,
        Command::Reconciliation(reconciliation) => reconciliation.run().await,
    }
}

// === impl List ===

impl List {
    async fn run(self) -> Result<(), Failed> {
        let query = [
            ("node", self.node),
            ("sku", self.sku),
            ("stale", self.stale.then(|| "true".to_owned())),
            ("held", self.held.then(|| "true".to_owned())),
            ("after", self.after),
            ("limit", Some(self.limit.to_string())),
        ];
        let Some(answer) = self.remote.ask_to_tell("/v1/inventory", &query).await? else {
            return Ok(());
        };
        let columns = [
            ("node", "node"),
            ("sku", "item"),
            ("available", "available"),
            ("stale", "stale"),
            ("held", "held"),
            ("counted_at", "counted"),
        ];
        table(&answer["inventory"], &columns);
        next_page(&answer);
        Ok(())
    }
}

// === impl Reconciliation ===

impl Reconciliation {
    async fn run(self) -> Result<(), Failed> {
        let path = "/v1/inventory/reconciliation";
        let mut query = vec![
            ("node", Some(self.node)),
            ("report", self.report.map(|it| it.to_string())),
        ];
        if self.csv {
            query.push(("format", Some("csv".to_owned())));
            let report = self.remote.get_text(path, &query, "text/csv").await?;
            print::line(print::inert(&report.replace("\r\n", "\n")).trim_end());
            return Ok(());
        }
        let Some(answer) = self.remote.ask_to_tell(path, &query).await? else {
            return Ok(());
        };
        let report = &answer["report"];
        print::line(format!(
            "{} at {}: {} positions, {} differ, {} held",
            text(&answer["node"]),
            text(&report["at"]),
            report["positions"],
            report["differing"],
            report["held"],
        ));
        print::line("");
        let columns = [
            ("sku", "item"),
            ("status", "status"),
            ("lot", "lot"),
            ("warehouse", "warehouse"),
            ("erp", "erp"),
            ("difference", "difference"),
            ("held", "held"),
        ];
        table(&report["rows"], &columns);
        let kept = rows(&answer["reports"], &["report", "at", "positions"]);
        if !kept.is_empty() {
            print::line("\nkept reports");
            print::table(&["report", "made", "positions"], &kept);
        }
        Ok(())
    }
}
