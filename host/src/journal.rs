//! The journal: the durable, ordered truth that everything else is a view of.
//!
//! It promises that a record is on stable storage before its append returns, that
//! records come back byte for byte, in order and without a gap, and that damage is
//! refused with its place instead of being skipped. A record is opaque here: what
//! it means, how it is encoded and what is derived from it is left to others, and
//! so is every decision about when to write.
//!
//! [`Journal`] and [`Reader`] are the seam to scale out. Nothing above them may
//! assume one machine or one partition: a distributed log with one writer per
//! partition, fenced by its expected last sequence, has to fit behind them.
//!
//! - [`FileJournal`] keeps segment files in a directory, [`MemoryJournal`] keeps
//!   records in memory; one contract suite holds for both.
//! - [`Committer`] is how the rest of the host writes: many tasks commit, one
//!   thread turns what has gathered into one write and one sync.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

mod error;

mod file;
mod memory;

mod directory;
mod frame;
mod segment;

mod index;

mod catalog;
mod replay;

mod recovery;
mod survey;
mod verify;

mod commit;
mod queue;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;

pub use self::{
    commit::{
        CommitError, CommitTicket, Committed, Committer, CommitterConfig, CommitterThread, Groups,
        Observer, Projection, ProjectionError,
    },
    error::Error,
    file::{Expect, FileJournal, Options},
    memory::{MemoryJournal, MemoryStore},
    recovery::Recovered,
    survey::Cut,
    verify::{Verified, verify_all},
};

/// The largest record in bytes, unless a journal is told otherwise: the largest
/// message body (8 MiB) and what is known about it, with as much room again.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// A record's place in the journal: 1 for the first record ever, then dense.
///
/// Zero is no record's place; it says "nothing yet".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Sequence(u64);

/// The writing end of a journal. There is one at a time for each journal, in the
/// whole installation, and it belongs to one thread.
///
/// # Promises
/// - When [`append`](Self::append) returns a sequence, all records of the call are
///   durable: they survive the end of the process and of the machine's power.
/// - One record is one atomic unit: after a crash it is there whole or not at all.
///   Of a call that did not return, any number of records from the front may have
///   survived; nobody was told about them, and replay brings them back.
/// - Sequences are dense and never given twice for records that were durable.
/// - A second writer is refused or fenced off; it never interleaves.
pub trait Journal: Send {
    /// Appends the records in order and returns the first one's sequence once all
    /// are durable. With no records it does nothing and returns the sequence that
    /// the next record will have.
    ///
    /// # Errors
    /// - [`Error::TooLarge`]: a record is over [`record_bytes_max`](Self::record_bytes_max).
    ///   Nothing was written.
    /// - [`Error::Full`]: there is no room. Nothing was written; a later call may succeed.
    /// - [`Error::Fatal`]: it is unknown what is durable, or another writer has
    ///   taken over. Every later call answers the same; open the journal again.
    fn append(&mut self, records: &[Bytes]) -> Result<Sequence, Error>;

    /// The last durable record, [`Sequence::ZERO`] before the first one.
    fn last(&self) -> Sequence;

    /// The largest record in bytes that [`append`](Self::append) takes.
    fn record_bytes_max(&self) -> usize;

    /// A reading end; as many as wanted, on any thread.
    fn reader(&self) -> Arc<dyn Reader>;

    /// Gives up the records before `sequence` to win back their room, and returns
    /// the first one still held. It may keep more than asked, never less, and
    /// keeps what was not yet written when `sequence` lies beyond the end.
    ///
    /// # Errors
    /// [`Error::Io`] when the removal could not be made durable; all records from
    /// `sequence` on are still held and the call may be repeated.
    fn drop_before(&mut self, sequence: Sequence) -> Result<Sequence, Error>;

    /// Ends writing and leaves a note that everything is durable, so that damage
    /// to the last records cannot be mistaken for a torn write.
    ///
    /// # Errors
    /// [`Error::Fatal`] or [`Error::Full`] when the note could not be written, or an
    /// append failed fatally before. Records that were appended are as durable as before.
    fn close(self: Box<Self>) -> Result<(), Error>;
}

/// A reading end of a journal. It sees a record as soon as it is durable, and only
/// then; it goes on working after the writer is closed.
///
/// Calls may block for the time of a disk or network read.
pub trait Reader: Send + Sync {
    /// The first record still held. With no record held it is the sequence that
    /// the next record will have.
    fn first(&self) -> Sequence;

    /// The last durable record, [`Sequence::ZERO`] before the first one.
    fn last(&self) -> Sequence;

    /// One record, by its place, in time that does not grow with the journal. Its
    /// integrity is checked on every read.
    ///
    /// # Errors
    /// [`Error::Absent`] when the record is not there (any more, or yet),
    /// [`Error::Damaged`] when it is not what was written.
    fn read(&self, sequence: Sequence) -> Result<Bytes, Error>;

    /// The records from `from` to the last one that was durable at the time of the
    /// call, in order, with bounded memory. It begins at [`first`](Self::first) when
    /// `from` is zero; it is empty when `from` lies beyond the end.
    ///
    /// An error ends the iteration: [`Error::Absent`] when `from` was given up,
    /// else as [`read`](Self::read).
    fn replay(&self, from: Sequence) -> Replay;

    /// Where the journal can begin when the records before `sequence` are given up: the
    /// first record that [`Journal::drop_before`] leaves when it is given this one, at
    /// or before `sequence`.
    fn boundary(&self, sequence: Sequence) -> Sequence;

    /// How much storage the journal takes, in bytes.
    fn size_bytes(&self) -> u64;
}

/// Records in order; see [`Reader::replay`].
pub type Replay = Box<dyn Iterator<Item = Result<(Sequence, Bytes), Error>> + Send>;

// === impl Sequence ===

impl Sequence {
    /// Nothing yet: before the first record.
    pub const ZERO: Self = Self(0);

    /// The place that `value` counts to; zero is [`Sequence::ZERO`].
    #[must_use]
    pub const fn from_u64(value: u64) -> Self {
        Self(value)
    }

    /// The place as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// The place `count` records further on.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// The place before this one; nothing comes before [`Sequence::ZERO`].
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
