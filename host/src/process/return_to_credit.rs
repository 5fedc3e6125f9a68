//! Return to credit: one instance for each return authorisation.
//!
//! ```text
//! requested ─► authorized ─► partly received ─► received ─► inspected ─► closed
//!     │ denied      │ expired, cancelled                      (credited, or without credit)
//! unauthorized ─────┘ (something came that nobody allowed)
//! ```
//!
//! The ERP allows and credits; the warehouse receives and inspects. What decides:
//!
//! - **No credit before receipt**: the ERP is asked for money only for units that were
//!   authorised, came back and were judged; a credit that it posts before, or beyond the
//!   price of what came back, is an exception and is not told to the customer.
//! - **The ERP's verdict**: the one issued last by its own time.
//! - **Expiry**: a receipt counts if the goods came in time, whenever that is told. What
//!   came later is an exception that a person can release.
//! - **Cancel against receipt**: what came back is dealt with; a cancel only ends a
//!   return of which nothing came.
//! - **A verdict on all receipts** takes the place of those on single ones; of two on the
//!   same the later one counts.
//!
//! Its facts: `order_no`, `requested_by`, `node` that expects it, the units that are
//! `authorized`, came (`received`, `findings`), were `inspected`, the money that was
//! `requested` and `credited`, when the permission `expires_at`.
//!
//! In every state what was received is what was authorised, at most, and findings (over,
//! wrong, late, not announced); and what is credited is at most the price of what was
//! received.

mod account;
mod learn;
mod picture;
mod quantities;
mod react;
mod state;
#[cfg(test)]
mod tests;

pub use self::account::Account;
pub use self::quantities::{ReturnQuantities, Sums};
pub use self::state::{State, Status};
use super::{Input, Machine, Step, Summary, World, turn};
use crate::clock::Timestamp;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct ReturnToCredit;

impl Machine for ReturnToCredit {
    const NAME: &'static str = "return-to-credit";
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
