//! The view: what the journal says, arranged for asking.
//!
//! It holds messages, deliveries, dead letters, idempotency, versions of tables, partner
//! counters, and of processes the instances, their timers, exceptions, service levels and
//! the work that records left for them, in one sled tree. What a commit changes is seen by
//! whoever asks from then on, and gathers in memory until a round brings it into sled,
//! together with the journal sequence that it reflects. It is never the only place of anything: deleted,
//! damaged or of an older version, it is built again from the journal.
//!
//! What the journal has given up nobody is shown, whether or not its rows are still
//! there: a view that is built from what is left answers the same.
//!
//! Rows stay under 4 KiB (sled writes larger values to files that it never syncs);
//! bodies are in the journal, rows hold their sequence; states of instances and exceptions
//! may be longer and lie in pieces.

mod acknowledgement;
mod apply;
mod keys;
mod processes;
mod query;
mod recent;
mod round;
mod rows;
mod standing;
mod statuses;
mod store;
mod tables;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use self::{
    acknowledgement::{Acknowledgement, AcknowledgementState, Effect, Said},
    processes::{
        BreachRow, ExceptionFilter, ExceptionPage, ExceptionRow, InstanceCount, InstanceFilter,
        InstancePage, InstanceRow, LevelRow, Percentiles, ReportRow, Timer, Waiting, Work,
    },
    query::{DeadLetterFilter, MessageFilter, Pending},
    rows::{
        DeadLetterRow, DeadLetterStatus, DeliveryRow, DeliveryStatus, IdempotencyRow, IdentityRow,
        KeptRow, MessageRow, MessageStatus, SeenRow, SeriesRow, ThreadRow,
    },
    standing::tally,
    statuses::{Awaited, DeliveryState, Statuses, Validation},
    store::{Error, Options, View, catch_up},
    tables::TableRow,
};
