//! `crossdock orders list|show|cancel`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    instance::{next_page, open_exceptions, table, waits},
    messages::items,
    print,
    remote::{Remote, text},
    report::Failed,
};
use crate::api::link;

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists orders by number
    #[command(
        after_help = "Example: what a node has not shipped yet\n  crossdock orders list --node north --waiting ship-by"
    )]
    List(Box<List>),
    /// Tells everything about one order, across all systems
    #[command(
        after_help = "Example: with the reasons for the node that ships it\n  crossdock orders show SO-9001 --why"
    )]
    Show(Show),
    /// Cancels an order or lines of it, as far as it is not too late
    #[command(
        after_help = "Example: line 2 only\n  crossdock orders cancel SO-9001 --partner web --line 2 --reason 'customer called'"
    )]
    Cancel(Cancel),
}

/// Which orders.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those whose number begins so
    #[arg(long, value_name = "NUMBER")]
    order_no: Option<String>,
    /// Only those standing so: validating, held, refused, released, manual-review, accepted,
    /// cancelling, partly-shipped, shipped, delivered, invoiced, closed, cancelled
    #[arg(long)]
    status: Option<String>,
    /// Only those where something is left to do
    #[arg(long)]
    live: bool,
    /// Only those that this partner placed
    #[arg(long, value_name = "PARTNER")]
    placed_by: Option<String>,
    /// Only those that this node has
    #[arg(long)]
    node: Option<String>,
    /// Only those that wait for this: order-acknowledgement, acceptance, ship-by
    #[arg(long, value_name = "LEVEL")]
    waiting: Option<String>,
    /// Changed at or after, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Changed before, RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// After this order: the next page
    #[arg(long, value_name = "NUMBER")]
    after: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

/// Which order.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its number
    order_no: String,
    /// Also why it went to which node
    #[arg(long)]
    why: bool,
    #[command(flatten)]
    remote: Remote,
}

/// What to cancel.
#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The order's number
    order_no: String,
    /// Only this line; may stand several times
    #[arg(long = "line", value_name = "LINE")]
    lines: Vec<String>,
    /// Whose cancel it is; who placed the order, if absent
    #[arg(long)]
    partner: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only if this is the record of the order's last step
    #[arg(long, value_name = "NUMBER")]
    if_version: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(command: Command) -> Result<(), Failed> {
    match command {
        Command::List(list) => list.run().await,
        Command::Show(show) => show.run().await,
        Command::Cancel(cancel) => cancel.run().await,
    }
}

// === impl List ===

impl List {
    async fn run(self) -> Result<(), Failed> {
        let query = [
            ("order_no", self.order_no),
            ("status", self.status),
            ("finished", self.live.then(|| "false".to_owned())),
            ("placed_by", self.placed_by),
            ("node", self.node),
            ("waiting", self.waiting),
            ("since", self.since),
            ("until", self.until),
            ("after", self.after),
            ("limit", Some(self.limit.to_string())),
        ];
        let Some(answer) = self.remote.ask_to_tell("/v1/orders", &query).await? else {
            return Ok(());
        };
        let listed: Vec<_> = items(&answer["orders"]).map(row).collect();
        print::table(
            &[
                "order",
                "status",
                "placed by",
                "node",
                "waits for",
                "exceptions",
                "changed",
            ],
            &listed,
        );
        next_page(&answer);
        Ok(())
    }
}

fn row(order: &Value) -> Vec<String> {
    let waits: Vec<_> = items(&order["waits"])
        .map(|it| text(&it["level"]))
        .collect();
    vec![
        text(&order["order_no"]),
        text(&order["status"]),
        text(&order["facts"]["placed_by"]),
        text(&order["facts"]["node"]),
        if waits.is_empty() {
            "-".to_owned()
        } else {
            waits.join(", ")
        },
        text(&order["exceptions"]),
        text(&order["changed_at"]),
    ]
}

// === impl Show ===

impl Show {
    async fn run(self) -> Result<(), Failed> {
        let path = format!("/v1/orders/{}", link::segment(&self.order_no));
        let Some(answer) = self.remote.ask_to_tell(&path, &[]).await? else {
            return Ok(());
        };
        let order = &answer["order"];
        print::line(format!(
            "order {}: {} (placed by {}, node {}), correlation {}",
            text(&answer["order_no"]),
            text(&answer["status"]),
            text(&order["placed_by"]),
            text(&order["node"]),
            text(&answer["correlation_id"]),
        ));
        waits(&answer);
        print::line("");
        let columns = [
            ("line_no", "line"),
            ("sku", "item"),
            ("ordered", "ordered"),
            ("shipped", "shipped"),
            ("cancelled", "cancelled"),
            ("short", "short"),
            ("open", "open"),
            ("unit", "unit"),
        ];
        table(&order["lines"], &columns);
        print::line("");
        systems(&answer["systems"]);
        shipments(&answer["shipments"]);
        open_exceptions(&answer);
        if self.why {
            routing(&answer["routing"]);
        }
        timeline(&answer);
        Ok(())
    }
}

fn systems(systems: &Value) {
    let rows: Vec<_> = items(systems)
        .map(|it| {
            let numbers: Vec<_> = items(&it["numbers"])
                .map(|number| format!("{} {}", text(&number["kind"]), text(&number["number"])))
                .collect();
            vec![
                text(&it["partner"]),
                text(&it["role"]["kind"]),
                if numbers.is_empty() {
                    "-".to_owned()
                } else {
                    numbers.join(", ")
                },
                text(&it["delivery"]),
                text(&it["acknowledgement"]),
                text(&it["last_heard_at"]),
            ]
        })
        .collect();
    print::table(
        &[
            "system",
            "role",
            "its numbers",
            "delivery",
            "acknowledgement",
            "last heard of",
        ],
        &rows,
    );
}

fn shipments(shipments: &Value) {
    let mut known = items(shipments).peekable();
    if known.peek().is_none() {
        return;
    }
    print::line("\nshipments");
    for it in known {
        let estimate = it["shipment"]["estimated_delivery"].as_str();
        print::line(format!(
            "  {}  {}{}",
            text(&it["shipment_id"]),
            text(&it["status"]),
            estimate.map_or(String::new(), |it| {
                format!(", expected {}", print::inert(it))
            }),
        ));
    }
}

/// Why which node.
fn routing(routing: &Value) {
    print::line("\nwhy this node");
    let mut decisions = items(routing).peekable();
    if decisions.peek().is_none() {
        print::line("  no node was chosen yet");
    }
    for decision in decisions {
        let node = decision["node"].as_str().map_or_else(
            || "no node can".to_owned(),
            |node| format!("went to {}", print::inert(node)),
        );
        print::line(format!(
            "  {}  {node}, by rule {}",
            text(&decision["at"]),
            text(&decision["rule"]),
        ));
        for reason in items(&decision["reasons"]) {
            print::line(format!(
                "    {:<16} {}",
                text(&reason["node"]),
                text(&reason["text"]),
            ));
        }
    }
}

fn timeline(order: &Value) {
    print::line("\nwhat happened");
    if order["timeline_cut"] == true {
        print::line("  (older entries are left out)");
    }
    for entry in items(&order["timeline"]) {
        print::line(format!(
            "  {}  {:<9} {}  ({})",
            text(&entry["at"]),
            text(&entry["kind"]),
            text(&entry["text"]),
            text(&entry["correlation_id"]),
        ));
    }
}

// === impl Cancel ===

impl Cancel {
    async fn run(self) -> Result<(), Failed> {
        let mut body = json!({});
        if !self.lines.is_empty() {
            body["lines"] = json!(self.lines);
        }
        for (name, value) in [("partner", self.partner), ("reason", self.reason)] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        let path = format!("/v1/orders/{}/cancel", link::segment(&self.order_no));
        let Some(answer) = self.remote.act(path, self.if_version, &body).await? else {
            return Ok(());
        };
        print::line(format!(
            "the cancel is message {}; what came in time for it: crossdock orders show {}",
            text(&answer["message_id"]),
            print::inert(&self.order_no),
        ));
        Ok(())
    }
}
