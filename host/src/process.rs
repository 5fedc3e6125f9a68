//! The process stage.

pub mod calendar;
pub mod command;
pub mod desk;
pub mod draft;
pub mod exception;
pub mod input;
pub mod number;
pub mod order_to_fulfilment;
pub mod policy;
pub mod routing;
pub mod timer;
pub mod inventory_sync;
pub mod return_to_credit;
pub mod shipment_visibility;
mod turn;
mod write;

use serde::{Serialize, de::DeserializeOwned};

pub use self::command::{Audience, Command, Event, EventKind, Notice, Receiver, Request};
pub use self::draft::Draft;
pub use self::input::{Body, Delivered, Input, Origin, Received, Role, Signal};
pub use self::number::Number;
pub use self::policy::Policy;
use crate::clock::Timestamp;

/// What machines may look at beside state and input. It is the same for the same record,
/// or the step's commands would not be those that were journalled.
pub struct World<'a> {
    /// What the business wants.
    pub policy: &'a Policy,
    /// Stock and nodes at this moment.
    pub supply: &'a dyn routing::Supply,
}

/// A process: a pure state machine with a version.
pub trait Machine {
    /// Its name, in records and on pages.
    const NAME: &'static str;
    /// Counts the changes after which a state can't be continued.
    const VERSION: u32;
    /// What it knows of one instance.
    type State: Serialize + DeserializeOwned;

    /// The state before the first input. `key` is the business key: `order/SO-1`.
    fn begin(key: &str) -> Self::State;

    /// One step.
    fn step(state: Self::State, input: &Input<'_>, now: Timestamp, world: &World<'_>) -> Step<Self::State>;

    /// What there is to say of an instance.
    fn summary(state: &Self::State) -> Summary;
}

/// What a step leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Step<S> {
    /// The state after it.
    pub state: S,
    /// What is to be done, in this order.
    pub commands: Vec<Command>,
    /// What became true.
    pub events: Vec<Event>,
    /// Why the input was not taken in; the state may say so with an exception.
    pub refusal: Option<Refusal>,
}

/// An input that can't be taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// Stable, lower-case words with dashes.
    pub code: &'static str,
    /// For a person.
    pub text: String,
}

/// An instance in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Where it stands, in the process's own words.
    pub status: &'static str,
    /// Whether nothing is left to do. Late documents may still wake it up.
    pub finished: bool,
    /// What it waits for, since when, until when.
    pub waits: Vec<timer::Wait>,
    /// What is wrong.
    pub exceptions: Vec<exception::Exception>,
}

// === impl Refusal ===

impl Refusal {
    /// A refusal.
    #[must_use]
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }
}
