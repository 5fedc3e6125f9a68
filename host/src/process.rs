//! The process stage: what the business wants to come true, across all systems.
//!
//! ```text
//! document, timer, outcome, person ─► addresses ─► registry: step(state, input, now, world)
//!                                                      │
//!                          state', commands, events ◄──┘   (journalled together, then done)
//! ```
//!
//! Each process is a pure state machine with a version, one instance for each business
//! key. It has no I/O, no clock and no randomness; the same state, input, time and world
//! give the same step. The ERP stays the system of record for commerce and finance;
//! nothing here invents a price, a credit or a stock figure.
//!
//! A state is *facts*: what documents said, joined so that their order does not matter
//! (the highest revision, the latest moment, one entry for each number). Everything else
//! is computed from the facts in each step: where the instance stands, what has to be
//! said (once for each key), what is waited for, what is wrong. Waits and exceptions are
//! never opened and closed by hand: a machine says which there are *now*, and the
//! difference to before becomes timers, exceptions and their ends. Documents that come
//! late, twice or in another order therefore end where the orderly run ends; each
//! machine's page says where order truly decides.
//!
//! # Modules
//!
//! - [`input`], [`command`], [`draft`]: the words. An input has an identity, and the same
//!   one twice changes nothing. A command has a dedupe key, `KEY/…`. A draft says how a
//!   document follows from one in the journal, since a state has no room for whole
//!   orders; [`Draft::document`] makes it.
//! - [`order_to_fulfilment`]: `order/NO`. The ERP's verdict, routing, the node's answer,
//!   shipments, arrival, invoice; changes and cancels at every stage.
//! - [`shipment_visibility`]: `shipment/ID`. Milestones, estimates, one service case for
//!   each cause of trouble; tells the order what arrived and what will not.
//! - [`inventory_sync`]: `inventory/NODE` for a node's reporting (schedule, gaps,
//!   staleness, report) and `inventory/NODE/SKU` for an item's stock (comparison with the
//!   ERP, tolerance, held variances, availability).
//! - [`return_to_credit`]: `return/RMA`. Request, permission, receipt, inspection, credit;
//!   what comes without permission, too late, too much, in bad condition.
//! - [`routing`]: nodes, rules, and the decision with a reason for each node.
//! - [`timer`], [`calendar`]: waits, service levels, limits by partner and priority,
//!   business hours and holidays.
//! - [`exception`], [`desk`]: exceptions with owner, due time, actions and history; the
//!   comparison of what is with what was.
//! - [`policy`]: what the business wants, as data, checked as a whole.
//! - [`address`]: which instances a document concerns; [`traffic`]: which kinds are taken
//!   and sent, by role. [`registry`]: machines by name and
//!   version, states as bytes, migrations. [`number`]: exact sums.
//! - `turn`: the frame of a step that all machines share; `write`: small documents;
//!   `told`: what partners write, in bounds, and the facts of a summary.
//!
//! # What whoever drives it has to do
//!
//! **Records.** One record for each step: process, version, key, the input's identity and
//! what it was, the new state (bytes), commands, events, refusal. What is sent stands in
//! the same record as deliveries, and leaves when it is durable. Two commands are carried
//! out before: a redelivery has a record of its own, which comes first, and stock is asked
//! for at once; when a stop comes between, it is asked for again at its next time. A step
//! that yields no command and no event and leaves the state as it was needs no record.
//!
//! **Rows of the view.** Instance by (process, key): version, state, status, finished,
//! sequence. Timers by (due, process, key, name). Open exceptions by id, with kind,
//! severity, owner, due. Events are in the records alone, and service levels summed up by
//! day. For routing: available stock by (node, SKU) from
//! [`inventory_sync::PositionState::available`], stale nodes from
//! [`inventory_sync::NodeState::is_stale`], open orders by node (instances whose fact
//! `node` names it, of which something is `open`, and that are not finished).
//!
//! **Documents.** After a document is decoded, checked and found new, one step for each of
//! [`addresses`], in that order, under the document's identity. Partners need a
//! role ([`Role`]); the nodes that the ERP and the routing table name are the host's own
//! names. Kinds of document that a process sends must not be sent by the routing table of
//! `route` too: orders, answers, shipments, milestones, stock, returns. An
//! inbound receipt of a return has to come as a return receipt.
//!
//! **Commands.** `Send`: [`Draft::needs`] names the document to read from the journal,
//! then a delivery for each partner that the [`Receiver`] stands for, with the command's
//! dedupe key and the instance's key as business key, so that a node gets release and
//! cancel in order. The end of a delivery is an `Outcome` with the same dedupe key; one
//! that went to several partners has ended when the last has. `SetTimer` replaces a timer
//! of the same name; when it rings, it is an input with name and due time as identity.
//! `Notify` goes to the service desk as a notification document, or out as a webhook.
//! `Request::Snapshot` is a poll of the node's partner; `Request::Reconciliation` is
//! [`inventory_sync::to_json`] and [`inventory_sync::to_csv`] over all rows of a node.
//! `Tell` is a step of the other instance, with the dedupe key as identity. `Redeliver`
//! is a replay of the dead letter that the delivery of this dedupe key became.
//!
//! **Breakers.** When a partner's breaker opens or closes: an `Availability` for each
//! order instance whose node the partner runs.
//!
//! **Persons.** `POST /v1/exceptions/{id}/resolve` is an `Action`; a [`Refusal`] is the
//! answer 409. The instance's record sequence serves as `ETag`.
//!
//! **Levels.** `LevelMet` and `LevelBreached` carry level, whose turn it was and how long
//! it took: attainment and percentiles are a fold over them.

pub mod address;
pub mod calendar;
pub mod command;
pub mod desk;
pub mod draft;
pub mod exception;
pub mod input;
pub mod inventory_sync;
pub mod number;
pub mod order_to_fulfilment;
pub mod policy;
pub mod registry;
pub mod return_to_credit;
pub mod routing;
pub mod shipment_visibility;
#[cfg(test)]
pub(crate) mod testing;
pub mod timer;
mod told;
pub mod traffic;
mod turn;
mod write;

use serde::{Serialize, de::DeserializeOwned};

pub use self::address::{Address, addresses, fit_key};
pub use self::command::{Audience, Command, Event, EventKind, Notice, Receiver, Request};
pub use self::draft::Draft;
pub use self::input::{Body, Delivered, Input, Origin, Received, Role, Signal};
pub use self::number::Number;
pub use self::policy::Policy;
pub use self::registry::Registry;
use crate::clock::Timestamp;

/// What machines may look at beside state and input: it may change between steps, so
/// what a step decided stands in its record and is never decided again.
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
    fn step(
        state: Self::State,
        input: &Input<'_>,
        now: Timestamp,
        world: &World<'_>,
    ) -> Step<Self::State>;

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
    /// What lists, searches and routing need to know of it without reading its state:
    /// at most 16 short names, each with a value of at most 200 bytes. Each machine's
    /// page says which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
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
