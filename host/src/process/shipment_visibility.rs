//! Shipment visibility: one instance for each shipment.
//!
//! ```text
//! created ─► accepted ─► released ─► picked ─► packed ─► loaded ─► departed ─► in transit
//!   ─► out for delivery ─► arrived ─► delivered in part ─► delivered      (returned, cancelled)
//! ```
//!
//! Of each milestone the latest is kept, by the time at which it happened and not at
//! which it was told. The furthest one says where the shipment is, so nothing that comes
//! late moves it back; a new estimate moves the estimate and nothing else. Where time
//! decides:
//!
//! - **Delivered and returned**: whichever happened later.
//! - **Cancelled**: unless it departed, or moved afterwards.
//! - **Estimates**: the one that was made last.
//! - **Trouble** (delay, attempt, refusal, damage, loss, return) is one service case for
//!   each cause, and over when something happened later that ends it: a delay by
//!   delivery or the last mile, an attempt or refusal by delivery or return, a loss by
//!   any movement. A damage is over only by a return or by a person's word.
//!
//! Its facts: `order_no`, `stage`, when that was (`stage_at`), `estimate`, `carrier`,
//! `tracking`, open `troubles`.
//!
//! Milestones and shipments of shops and service desks are refused: who waits for goods
//! can't say where they are.
//!
//! ERP, service desk and shops hear of each stage, estimate and case once; the order
//! hears of delivery and of what will not arrive.

mod facts;
mod stage;
#[cfg(test)]
mod tests;

pub use self::facts::{Account, State};
pub use self::stage::Stage;
use super::{Input, Machine, Step, Summary, World, turn};
use crate::clock::Timestamp;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct ShipmentVisibility;

impl Machine for ShipmentVisibility {
    const NAME: &'static str = "shipment-visibility";
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
            status: state.stage().name(),
            finished: state.stage().is_final() && state.desk.exceptions.is_empty(),
            waits: state.desk.waits.clone(),
            exceptions: state.desk.exceptions.clone(),
            facts: state.facts(),
        }
    }
}
