//! The view as the rest of the host has it: opened whatever state it is in, written
//! with each commit, read through what is not in sled yet.
//!
//! sled 0.34 is a view here, never the truth. What is known of its weak places is
//! worked around: a snapshot half written at a kill is removed before opening; a
//! tree that will not open is moved aside and built again; one tree, one writer, no
//! batches or transactions, which lock the whole process; a round also syncs the file
//! itself, because sled's flush on Linux does not.

use std::{
    fs, io,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::de::DeserializeOwned;

use super::{
    apply::{Base, Fold, decode, encode},
    keys,
    recent::{Layer, Merged},
    round,
    writer::Writer,
};
use crate::{
    failpoint,
    journal::{self, Committed, Projection, ProjectionError, Reader, Sequence},
    private,
    record::{Record, Unreadable},
};

/// Rows of another version are not read but built again.
const VERSION: u32 = 7;
/// Records applied in one batch while catching up.
const CATCH_UP_RECORDS: usize = 512;
/// How often sled itself writes out, in milliseconds: a belt besides checkpoints.
const FLUSH_EVERY_MS: u64 = 500;

/// How to open the view.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its directory; made if absent.
    pub directory: PathBuf,
    /// How much of it sled keeps in memory, in bytes.
    pub cache_bytes: u64,
}

/// The view. Clones share it.
#[derive(Clone)]
pub struct View {
    shared: Arc<Shared>,
}

struct Shared {
    writer: Writer,
    fold: Mutex<Fold>,
    /// The last record that was applied.
    applied: AtomicU64,
}

/// The view can't be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// sled refuses.
    #[error("the view can't be used: {0}; `crossdock rebuild` makes it anew from the journal")]
    Store(#[from] sled::Error),
    /// The file system refuses.
    #[error("the view's directory {directory:?} can't be used: {source}")]
    Io {
        /// Which directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The thread that writes to sled has ended.
    #[error("the view can't be written any more: {0}")]
    Writer(Arc<str>),
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The journal holds a record of another version.
    #[error("record {sequence} of the journal: {source}")]
    Record {
        /// Which record.
        sequence: Sequence,
        /// Why.
        source: Unreadable,
    },
}

impl View {
    /// Opens the view, or an empty one where there is none that can be used.
    ///
    /// # Errors
    /// Only when even an empty one can't be made.
    pub fn open(options: &Options) -> Result<Self, Error> {
        let directory = &options.directory;
        let io = |source| Error::Io {
            directory: directory.clone(),
            source,
        };
        private::create_dir_all(directory).map_err(io)?;
        remove_half_written_snapshots(directory).map_err(io)?;
        let db = match open_store(options) {
            Ok(db) => db,
            Err(reason) => {
                let aside = set_aside(directory).map_err(io)?;
                tracing::warn!(%reason, aside = %aside.display(), "the view would not open; it is built again from the journal");
                open_store(options)?
            }
        };
        let usable = version(&db)? == Some(VERSION) && round::finish(&db, directory)?;
        if !usable {
            start_anew(&db)?;
        }
        let sequence = sequence(&db)?;
        let writer = Writer::start(db, directory.clone(), sequence)?;
        Ok(Self {
            shared: Arc::new(Shared {
                writer,
                fold: Mutex::default(),
                applied: AtomicU64::new(sequence.get()),
            }),
        })
    }

    /// A view that is nowhere but in memory and as of no record: for simulations, whose
    /// journal is in memory too.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::holding(Layer::default())
    }

    /// What a view in memory is now, as one that a crash leaves. Later records change
    /// only the one of the two that they are applied to.
    #[must_use]
    pub fn copied(&self) -> Self {
        let layer = self.shared.writer.core().recent().active.clone();
        Self::holding(layer)
    }

    /// All rows of a view in memory.
    #[must_use]
    pub fn rows(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let rows = self.scan(&[]);
        rows.map(|(key, row)| (key.to_vec(), row.to_vec()))
            .collect()
    }

    fn holding(layer: Layer) -> Self {
        let applied = AtomicU64::new(layer.up_to.get());
        Self {
            shared: Arc::new(Shared {
                writer: Writer::in_memory(layer),
                fold: Mutex::default(),
                applied,
            }),
        }
    }

    /// The last journal record that the view reflects.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        Sequence::from_u64(self.shared.applied.load(Ordering::Acquire))
    }

    /// Empties the view, so that it is built from the first record on.
    ///
    /// # Errors
    /// When sled refuses.
    pub fn clear(&self) -> Result<(), Error> {
        let mut fold = self.fold();
        *fold = Fold::default();
        let core = self.shared.writer.core();
        core.clear()?;
        if let Some(db) = &core.db {
            start_anew(db)?;
        }
        self.shared.applied.store(0, Ordering::Release);
        Ok(())
    }

    /// Applies records; whoever asks from now on sees all of them.
    ///
    /// # Errors
    /// When sled has refused what was applied before.
    pub fn apply<'a>(
        &self,
        records: impl Iterator<Item = (Sequence, &'a Record)>,
    ) -> Result<(), Error> {
        let mut records = records.peekable();
        let mut fold = self.fold();
        if let (Sequence::ZERO, Some((first, _))) = (self.sequence(), records.peek()) {
            fold.begin(*first);
        }
        let mut last = None;
        for (sequence, record) in records {
            // Giving rows up looks at what is written.
            if let (Record::Swept(_), Some(last)) = (record, last) {
                self.write(&mut fold, last)?;
            }
            fold.apply(self, sequence, record);
            last = Some(sequence);
        }
        match last {
            Some(last) => self.write(&mut fold, last),
            None => Ok(()),
        }
    }

    fn write(&self, fold: &mut Fold, last: Sequence) -> Result<(), Error> {
        let row = |(key, value): (Vec<u8>, Option<Vec<u8>>)| {
            (sled::IVec::from(key), value.map(sled::IVec::from))
        };
        let rows = fold.take_writes().into_iter().map(row);
        self.shared.writer.core().put(Layer::new(rows, last))?;
        self.shared.applied.store(last.get(), Ordering::Release);
        Ok(())
    }

    /// Makes everything applied so far durable, and waits until it is.
    ///
    /// # Errors
    /// When sled or the file system refuses; the journal still has it all.
    pub fn checkpoint(&self) -> Result<(), Error> {
        self.shared.writer.core().settle()
    }

    /// Bytes on disk.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        let db = self.db();
        db.and_then(|db| db.size_on_disk().ok()).unwrap_or(0)
    }

    pub(super) fn row<Row: DeserializeOwned>(&self, key: &[u8]) -> Option<Row> {
        self.get(key).as_deref().and_then(decode)
    }

    pub(super) fn scan(
        &self,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = (sled::IVec, sled::IVec)> + use<> {
        let end = successor(prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let recent = self.shared.writer.core().recent().range(prefix, end);
        let written = self.db().map(|db| db.scan_prefix(prefix));
        Merged::new(recent, written.into_iter().flatten().filter_map(reported))
    }

    pub(super) fn range(
        &self,
        range: std::ops::Range<Vec<u8>>,
    ) -> impl DoubleEndedIterator<Item = (sled::IVec, sled::IVec)> + use<> {
        let recent = self
            .shared
            .writer
            .core()
            .recent()
            .range(&range.start, Bound::Excluded(&range.end));
        let written = self.db().map(|db| db.range(range));
        Merged::new(recent, written.into_iter().flatten().filter_map(reported))
    }

    fn db(&self) -> Option<&sled::Db> {
        self.shared.writer.core().db.as_ref()
    }

    fn fold(&self) -> std::sync::MutexGuard<'_, Fold> {
        self.shared
            .fold
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Base for View {
    fn get(&self, key: &[u8]) -> Option<sled::IVec> {
        if let Some(written) = self.shared.writer.core().recent().get(key) {
            return written.clone();
        }
        match self.db().map_or(Ok(None), |db| db.get(key)) {
            Ok(value) => value,
            Err(error) => {
                tracing::error!(%error, "the view can't be read");
                None
            }
        }
    }

    fn range(&self, from: Vec<u8>, to: Vec<u8>, limit: usize) -> Vec<(sled::IVec, sled::IVec)> {
        View::range(self, from..to).take(limit).collect()
    }
}

impl Projection<Record> for View {
    fn apply(&mut self, batch: &[Committed<Record>]) -> Result<(), ProjectionError> {
        let records = batch.iter().map(|it| (it.sequence, it.value.as_ref()));
        View::apply(self, records).map_err(ProjectionError::new)
    }

    fn checkpoint(&mut self) -> Result<(), ProjectionError> {
        let core = self.shared.writer.core();
        core.begin_round();
        core.check().map_err(ProjectionError::new)
    }

    fn durable(&self) -> Sequence {
        self.shared.writer.core().durable()
    }

    fn close(&mut self) -> Result<(), ProjectionError> {
        View::checkpoint(self).map_err(ProjectionError::new)
    }
}

/// Applies what the journal has and the view lacks; `progress` hears of each
/// batch's last record.
///
/// # Errors
/// When the journal is damaged or sled refuses.
pub fn catch_up(
    view: &View,
    reader: &dyn Reader,
    mut progress: impl FnMut(Sequence),
) -> Result<u64, Error> {
    let mut batch = Vec::with_capacity(CATCH_UP_RECORDS);
    let mut applied = 0;
    let mut from = view.sequence().next();
    if from < reader.first() {
        // What it lacks was given up: only the beginning of what is left tells all.
        view.clear()?;
        from = reader.first();
    }
    for entry in reader.replay(from) {
        let (sequence, bytes) = entry?;
        let record =
            Record::from_bytes(&bytes).map_err(|source| Error::Record { sequence, source })?;
        batch.push((sequence, record));
        applied += 1;
        if batch.len() == CATCH_UP_RECORDS {
            view.apply(batch.iter().map(|(sequence, record)| (*sequence, record)))?;
            batch.clear();
            progress(sequence);
        }
    }
    view.apply(batch.iter().map(|(sequence, record)| (*sequence, record)))?;
    failpoint::hit("start-after-view");
    progress(view.sequence());
    Ok(applied)
}

fn version(db: &sled::Db) -> Result<Option<u32>, Error> {
    Ok(db.get(keys::VERSION)?.as_deref().and_then(decode))
}

fn sequence(db: &sled::Db) -> Result<Sequence, Error> {
    let row = db.get(keys::SEQUENCE)?;
    Ok(row.as_deref().and_then(decode).unwrap_or_default())
}

fn start_anew(db: &sled::Db) -> Result<(), Error> {
    // Rows go one by one: what a crash leaves of them must not pass for a view.
    db.remove(keys::VERSION)?;
    db.clear()?;
    db.insert(keys::VERSION, encode(&VERSION))?;
    Ok(())
}

/// The first key that does not begin with `prefix`; none when every later key does.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut successor = prefix[..=last].to_vec();
    successor[last] += 1;
    Some(successor)
}

fn open_store(options: &Options) -> Result<sled::Db, sled::Error> {
    let config = sled::Config::new()
        .path(&options.directory)
        .cache_capacity(options.cache_bytes)
        .flush_every_ms(Some(FLUSH_EVERY_MS));
    // A damaged tree makes sled panic as often as it makes it answer.
    catch_unwind(AssertUnwindSafe(|| config.open())).unwrap_or_else(|_| {
        Err(sled::Error::Unsupported(
            "sled panicked on what it found".to_owned(),
        ))
    })
}

/// sled writes a snapshot under this name when it opens, and refuses for ever one
/// that a kill cut short.
fn remove_half_written_snapshots(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Moves the directory away, keeping at most the newest one that was moved.
fn set_aside(directory: &Path) -> io::Result<PathBuf> {
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(".damaged");
    let aside = directory.with_file_name(name);
    if aside.exists() {
        fs::remove_dir_all(&aside)?;
    }
    fs::rename(directory, &aside)?;
    private::create_dir_all(directory)?;
    Ok(aside)
}

fn reported(
    entry: Result<(sled::IVec, sled::IVec), sled::Error>,
) -> Option<(sled::IVec, sled::IVec)> {
    entry
        .inspect_err(|error| tracing::error!(%error, "the view can't be read"))
        .ok()
}
