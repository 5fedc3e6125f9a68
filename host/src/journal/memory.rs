//! The journal in memory: for tests and simulations, where a store outlives its
//! writer as a disk outlives a process.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;

use super::{Error, Journal, RECORD_BYTES_MAX, Reader, Replay, Sequence, segment::to_usize};

/// What takes the place of a disk. Clones share what is in it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<RwLock<Records>>);

/// The one writer to a [`MemoryStore`].
#[derive(Debug)]
pub struct MemoryJournal {
    store: MemoryStore,
    record_bytes_max: usize,
}

#[derive(Debug, Default)]
struct Records {
    /// How many records were given up.
    dropped: u64,
    held: VecDeque<Bytes>,
    bytes: u64,
    in_use: bool,
}

// === impl MemoryJournal ===

impl MemoryJournal {
    /// Becomes the writer to the store.
    ///
    /// # Errors
    /// [`Error::Locked`] while another writer has it, [`Error::Behind`] when it ends
    /// before `at_least`.
    pub fn open(store: &MemoryStore, at_least: Sequence) -> Result<Self, Error> {
        store.change(|records| {
            if records.in_use {
                return Err(Error::Locked {
                    directory: PathBuf::from("memory"),
                });
            }
            if records.last() < at_least {
                return Err(Error::Behind {
                    directory: PathBuf::from("memory"),
                    last: records.last(),
                    at_least,
                });
            }
            records.in_use = true;
            Ok(())
        })?;
        Ok(Self {
            store: store.clone(),
            record_bytes_max: RECORD_BYTES_MAX,
        })
    }

    /// The same journal with another limit for its records, in bytes.
    #[must_use]
    pub fn with_record_bytes_max(self, record_bytes_max: usize) -> Self {
        let mut journal = self;
        journal.record_bytes_max = record_bytes_max;
        journal
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, records: &[Bytes]) -> Result<Sequence, Error> {
        for record in records {
            if record.len() > self.record_bytes_max {
                return Err(Error::TooLarge {
                    bytes: record.len(),
                    bytes_max: self.record_bytes_max,
                });
            }
        }
        Ok(self.store.change(|held| {
            let first = held.last().next();
            for record in records {
                held.bytes += record.len() as u64;
                // A copy, so that a record does not keep a larger buffer alive.
                held.held.push_back(Bytes::copy_from_slice(record));
            }
            first
        }))
    }

    fn last(&self) -> Sequence {
        self.store.look(Records::last)
    }

    fn record_bytes_max(&self) -> usize {
        self.record_bytes_max
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(self.store.clone())
    }

    fn drop_before(&mut self, sequence: Sequence) -> Result<Sequence, Error> {
        Ok(self.store.change(|records| {
            while records.first() < sequence
                && let Some(record) = records.held.pop_front()
            {
                records.dropped += 1;
                records.bytes -= record.len() as u64;
            }
            records.first()
        }))
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}

impl Drop for MemoryJournal {
    fn drop(&mut self) {
        self.store.change(|records| records.in_use = false);
    }
}

// === impl MemoryStore ===

impl MemoryStore {
    fn look<R>(&self, at: impl FnOnce(&Records) -> R) -> R {
        at(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<R>(&self, change: impl FnOnce(&mut Records) -> R) -> R {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reader for MemoryStore {
    fn first(&self) -> Sequence {
        self.look(Records::first)
    }

    fn last(&self) -> Sequence {
        self.look(Records::last)
    }

    fn read(&self, sequence: Sequence) -> Result<Bytes, Error> {
        self.look(|records| {
            let position = sequence.get().checked_sub(records.first().get());
            position
                .and_then(|position| records.held.get(to_usize(position)).cloned())
                .ok_or(Error::Absent {
                    sequence,
                    first: records.first(),
                    last: records.last(),
                })
        })
    }

    fn replay(&self, from: Sequence) -> Replay {
        let store = self.clone();
        let from = match from {
            Sequence::ZERO => self.first(),
            from => from,
        };
        let mut rest = Some(from.get()..=self.last().get());
        Box::new(std::iter::from_fn(move || {
            let sequence = Sequence::from_u64(rest.as_mut()?.next()?);
            let record = store.read(sequence).map(|record| (sequence, record));
            if record.is_err() {
                rest = None;
            }
            Some(record)
        }))
    }

    fn boundary(&self, sequence: Sequence) -> Sequence {
        self.look(|records| sequence.clamp(records.first(), records.last().next()))
    }

    fn size_bytes(&self) -> u64 {
        self.look(|records| records.bytes)
    }
}

// === impl Records ===

impl Records {
    fn first(&self) -> Sequence {
        Sequence::from_u64(self.dropped).next()
    }

    fn last(&self) -> Sequence {
        Sequence::from_u64(self.dropped + self.held.len() as u64)
    }
}
