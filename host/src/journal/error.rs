//! What can go wrong in a journal, and what to do about it.

use std::{io, path::PathBuf, sync::Arc};

use super::Sequence;

/// What can go wrong in a journal.
///
/// Only [`Full`](Error::Full) and [`Io`](Error::Io) can be helped by trying again;
/// the others need a person, or (after [`Fatal`](Error::Fatal)) a new start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage is not what was written. Not retryable; the storage's fault.
    /// Nothing was changed.
    #[error(
        "journal damaged: {} at byte {offset} (record {sequence}): {why}; nothing was changed: \
         keep a copy of the directory and restore this file from a backup",
        file.display()
    )]
    Damaged {
        /// The file that is damaged or missing.
        file: PathBuf,
        /// Where the damage begins, in bytes from the file's start.
        offset: u64,
        /// The first record that it touches.
        sequence: Sequence,
        /// What is wrong there.
        why: String,
    },

    /// The journal ends before something that was made from it. Not retryable; the
    /// newest part was lost outside of this program. Nothing was changed.
    #[error(
        "journal in {} ends at record {last}, but record {at_least} was already used: its newest \
         part is missing; restore the directory from a backup, or run `crossdock rebuild` to go \
         on without the missing records",
        directory.display()
    )]
    Behind {
        /// The journal's directory.
        directory: PathBuf,
        /// Where it ends.
        last: Sequence,
        /// Where it should end at the earliest.
        at_least: Sequence,
    },

    /// A file was written by another version of this program. Not retryable.
    #[error(
        "{} has journal format {version}, this program reads format {supported}; \
         start the version that wrote it",
        file.display()
    )]
    UnknownVersion {
        /// The file.
        file: PathBuf,
        /// Its format.
        version: u32,
        /// The format that this program reads and writes.
        supported: u32,
    },

    /// Another writer has the journal. Not retryable while that one runs.
    #[error(
        "journal in {} is in use by another process; stop the other host or configure \
         another directory",
        directory.display()
    )]
    Locked {
        /// The journal's directory.
        directory: PathBuf,
    },

    /// A record is too large. Not retryable; the caller's fault.
    #[error("record of {bytes} bytes is over the limit of {bytes_max} bytes")]
    TooLarge {
        /// The size that was refused, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        bytes_max: usize,
    },

    /// The record is not in the journal. Not retryable; the caller's fault.
    #[error("record {sequence} is not in the journal, which holds {first} to {last}")]
    Absent {
        /// What was asked for.
        sequence: Sequence,
        /// The first record held.
        first: Sequence,
        /// The last record held.
        last: Sequence,
    },

    /// There is no room for the records. Nothing was written; retryable once there
    /// is room.
    #[error("no room for the journal at {}: {source}; free some and try again", file.display())]
    Full {
        /// The file that could not grow.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// It is unknown what is durable, so the writer must not go on. Not retryable:
    /// after a failed sync the system may have dropped the data and would call the
    /// next sync a success. Open the journal again.
    #[error("journal stopped for good: {why}")]
    Fatal {
        /// What happened first.
        why: Arc<str>,
    },

    /// Reading, or opening, failed. Retryable; the system's fault.
    #[error("could not {action} {}: {source}", file.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The options contradict what a journal can do. Not retryable; the
    /// configuration's fault.
    #[error("journal cannot be opened: {setting} is {value}, allowed is {allowed}")]
    Options {
        /// The setting's name.
        setting: &'static str,
        /// Its value.
        value: u64,
        /// The values that can be.
        allowed: &'static str,
    },
}

// === impl Error ===

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Io { .. })
    }

    /// For `map_err`: an [`Error::Io`] of this action on this file.
    pub(super) fn io(
        action: &'static str,
        file: &std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            file: file.to_owned(),
            source,
        }
    }
}
