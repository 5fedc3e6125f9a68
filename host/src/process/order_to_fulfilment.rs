//! Order to fulfilment: one instance for each order number.
//!
//! ```text
//! unknown ─► validating ─► released ─► accepted ─► partly shipped ─► shipped ─► delivered ─► closed
//!               │ held        │ the next node, or manual review
//!               ▼             ▼
//!            refused       cancelled
//! ```
//!
//! The ERP validates and releases; routing chooses a node; the node answers and ships.
//! The state is what documents said; where the order stands is computed from it. So the
//! order in which documents arrive decides nothing, except where it must:
//!
//! - **Revisions**: each line has the quantity of its highest revision, the ERP's before
//!   another's of the same number.
//! - **Cancel against shipment**: what left has left. A cancel takes what no shipment
//!   confirms, and only once no node has it any more: none was asked, the node took the
//!   cancel, or it shipped nothing. If the node refuses the cancel, the rest stays open.
//!   Whoever cancels is told which of it was too late.
//!   The ERP hears of a cancel after the order, whichever came first. One that the ERP
//!   refused and accepts after all goes to another node than the one that let it go.
//! - **Change against shipment**: a line never falls below what left of it; whoever
//!   wanted less is told that it was too late.
//! - **The ERP's verdict**: the one decided last by its own time holds. A line that it
//!   rejects is granted nothing.
//! - **A node's answer**: a refusal is final, and a node that refused or did not answer
//!   in time is never asked again. If it ships in spite of that, what left counts, and
//!   the next node is told what is still wanted. By policy a shipment of nothing is a
//!   refusal. A node that has accepted keeps the order while its partner is down.
//! - **Shipments** count by their id, the highest purpose (replacement before original,
//!   cancellation before both).
//!
//! Its facts: `node` that has it, `placed_by`, the units that were `ordered`, `shipped`,
//! `over`, `cancelled`, are `short` and `open`, `delivered` of them, `shipments`,
//! `invoiced`, where it goes (`country`, `postal`).
//!
//! In every state each line's quantity is what was shipped, cancelled, short and open,
//! together; what left beyond it is counted apart.

mod account;
mod facts;
mod learn;
mod picture;
mod quantities;
mod react;
mod state;
#[cfg(test)]
mod tests;

pub use self::account::{Account, LineAccount};
pub use self::quantities::{LineQuantities, Totals};
pub use self::state::{State, Status};
use super::{Input, Machine, Step, Summary, World, turn};
use crate::clock::Timestamp;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct OrderToFulfilment;

impl Machine for OrderToFulfilment {
    const NAME: &'static str = "order-to-fulfilment";
    const VERSION: u32 = 1;
    type State = State;

    fn begin(key: &str) -> State {
        State::new(key)
    }

    fn step(state: State, input: &Input<'_>, now: Timestamp, world: &World<'_>) -> Step<State> {
        turn::step(state, input, now, world)
    }

    fn summary(state: &State) -> Summary {
        Summary {
            status: state.status.name(),
            finished: state.status.is_final() && state.desk.exceptions.is_empty(),
            waits: state.desk.waits.clone(),
            exceptions: state.desk.exceptions.clone(),
            facts: state.facts(),
        }
    }
}
