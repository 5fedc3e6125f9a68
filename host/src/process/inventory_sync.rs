//! Inventory synchronisation: one instance for each node, one for each item of a node.
//!
//! [`InventorySync`] (`inventory/NODE`) watches a node's reporting: snapshots on
//! schedule, gaps in the sequence of adjustments, figures that get too old, the daily
//! report. [`InventoryPosition`] (`inventory/NODE/SKU`) keeps the item's stock by status
//! and lot, compares it with the ERP's and corrects the ERP.
//!
//! What decides is when something happened at the node, never when it was told:
//!
//! - Stock is the newest snapshot and all adjustments after it; an older snapshot, or an
//!   adjustment that a snapshot holds already, changes nothing.
//! - What the ERP does not have yet is the difference. The part that adjustments explain
//!   is posted at once; the rest within tolerance quietly; beyond it the rest is held,
//!   as a variance exception, until somebody releases it or a document explains it.
//!   Posted is always what is due less what was posted, so whatever comes late or twice
//!   leads to the same sum.
//! - A gap is over when the missing adjustment comes, or a snapshot taken after it.
//! - A snapshot says something of the items, statuses and lots that it names, and nothing
//!   of others: what ran out has to be told as 0. A cancelled snapshot or adjustment
//!   changes nothing; the next count puts it right.
//! - A node is watched from its first report on. One that never reported has no schedule,
//!   no staleness and no daily report.
//!
//! Facts of a node: `node`, `stale`, `last_report_at`, `snapshot_at`, `missing`
//! adjustments. Facts of an item: `node`, `sku`, `unit`, `available`, `on_hand`, the
//! ERP's figure of it (`erp`), `difference`, `held`, when the node counted it
//! (`counted_at`), and each status with its figure (`stocks`). Whether an item's figures
//! are stale is its node's to say.

mod gaps;
mod node;
mod position;
mod report;
#[cfg(test)]
mod tests;

pub use self::node::NodeState;
pub use self::position::{PositionState, Row};
pub use self::report::{to_csv, to_json};
use super::{Input, Machine, Step, Summary, World, turn};
use crate::clock::Timestamp;

/// A node's reporting.
#[derive(Clone, Copy, Debug)]
pub struct InventorySync;

/// An item's stock at a node.
#[derive(Clone, Copy, Debug)]
pub struct InventoryPosition;

impl Machine for InventorySync {
    const NAME: &'static str = "inventory-sync";
    const VERSION: u32 = 1;
    type State = NodeState;

    fn begin(key: &str) -> NodeState {
        NodeState::new(key)
    }

    fn step(
        state: NodeState,
        input: &Input<'_>,
        now: Timestamp,
        world: &World<'_>,
    ) -> Step<NodeState> {
        turn::step(state, input, now, world)
    }

    fn summary(state: &NodeState) -> Summary {
        Summary {
            status: state.status(),
            finished: false,
            waits: state.desk.waits.clone(),
            exceptions: state.desk.exceptions.clone(),
            facts: state.facts(),
        }
    }
}

impl Machine for InventoryPosition {
    const NAME: &'static str = "inventory-position";
    const VERSION: u32 = 1;
    type State = PositionState;

    fn begin(key: &str) -> PositionState {
        PositionState::new(key)
    }

    fn step(
        state: PositionState,
        input: &Input<'_>,
        now: Timestamp,
        world: &World<'_>,
    ) -> Step<PositionState> {
        turn::step(state, input, now, world)
    }

    fn summary(state: &PositionState) -> Summary {
        Summary {
            status: if state.is_held() { "variance" } else { "level" },
            finished: false,
            waits: state.desk.waits.clone(),
            exceptions: state.desk.exceptions.clone(),
            facts: state.facts(),
        }
    }
}
