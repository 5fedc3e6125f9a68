//! The sled tree: opening it whatever state it is in, writing one batch a commit.
//!
//! sled 0.34 is a view here, never the truth. What is known of its weak places is
//! worked around: a snapshot half written at a kill is removed before opening; a
//! tree that will not open is moved aside and built again; one tree, one writer,
//! batches instead of transactions; a checkpoint also syncs the file itself,
//! because sled's flush on Linux does not.

use std::{
    fs::{self, File},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::de::DeserializeOwned;

use super::{
    apply::{Base, Fold, decode, encode},
    keys,
};
use crate::{
    failpoint,
    journal::{self, Committed, Projection, ProjectionError, Reader, Sequence},
    private,
    record::{Record, Unreadable},
};

/// Rows of another version are not read but built again.
const VERSION: u32 = 3;
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
    db: sled::Db,
    directory: PathBuf,
    fold: Mutex<Fold>,
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
        let view = Self {
            shared: Arc::new(Shared {
                db,
                directory: directory.clone(),
                fold: Mutex::default(),
            }),
        };
        if view.row::<u32>(keys::VERSION) != Some(VERSION) {
            view.clear()?;
        }
        Ok(view)
    }

    /// The last journal record that the view reflects.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.row(keys::SEQUENCE).unwrap_or(Sequence::ZERO)
    }

    /// Empties the view, so that it is built from the first record on.
    ///
    /// # Errors
    /// When sled refuses.
    pub fn clear(&self) -> Result<(), Error> {
        *self.fold() = Fold::default();
        self.shared.db.clear()?;
        self.shared.db.insert(keys::VERSION, encode(&VERSION))?;
        Ok(())
    }

    /// Applies records in one atomic batch, or in several where rows are given up in
    /// between: each leaves the view at a record.
    ///
    /// # Errors
    /// When sled refuses; the view then reflects those of the batches before.
    pub fn apply<'a>(
        &self,
        records: impl Iterator<Item = (Sequence, &'a Record)>,
    ) -> Result<(), Error> {
        let mut records = records.peekable();
        let mut fold = self.fold();
        let mut last = None;
        if self.get(keys::SEQUENCE).is_none() {
            self.begin(&mut records)?;
        }
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

    /// Notes the first record of a view that has none.
    fn begin<'a>(
        &self,
        records: &mut std::iter::Peekable<impl Iterator<Item = (Sequence, &'a Record)>>,
    ) -> Result<(), Error> {
        if let Some((first, _)) = records.peek() {
            self.shared.db.insert(keys::BEGINS, encode(first))?;
        }
        Ok(())
    }

    fn write(&self, fold: &mut Fold, last: Sequence) -> Result<(), Error> {
        let mut batch = sled::Batch::default();
        for (key, value) in fold.take_writes() {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch.insert(keys::SEQUENCE, encode(&last));
        self.shared.db.apply_batch(batch)?;
        Ok(())
    }

    /// Makes everything applied so far durable.
    ///
    /// # Errors
    /// When sled or the file system refuses; the journal still has it all.
    pub fn checkpoint(&self) -> Result<(), Error> {
        self.shared.db.flush()?;
        let file = self.shared.directory.join("db");
        File::open(&file)
            .and_then(|file| file.sync_data())
            .map_err(|source| Error::Io {
                directory: self.shared.directory.clone(),
                source,
            })
    }

    /// Bytes on disk.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.shared.db.size_on_disk().unwrap_or(0)
    }

    pub(super) fn row<Row: DeserializeOwned>(&self, key: &[u8]) -> Option<Row> {
        self.get(key).as_deref().and_then(decode)
    }

    pub(super) fn scan(
        &self,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = (sled::IVec, sled::IVec)> + use<> {
        self.shared.db.scan_prefix(prefix).filter_map(reported)
    }

    pub(super) fn range(
        &self,
        range: std::ops::Range<Vec<u8>>,
    ) -> impl DoubleEndedIterator<Item = (sled::IVec, sled::IVec)> + use<> {
        self.shared.db.range(range).filter_map(reported)
    }

    fn fold(&self) -> std::sync::MutexGuard<'_, Fold> {
        self.shared
            .fold
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Base for View {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self.shared.db.get(key) {
            Ok(value) => value.map(|value| value.to_vec()),
            Err(error) => {
                tracing::error!(%error, "the view can't be read");
                None
            }
        }
    }

    fn range(&self, from: Vec<u8>, to: Vec<u8>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let rows = View::range(self, from..to).take(limit);
        rows.map(|(key, value)| (key.to_vec(), value.to_vec()))
            .collect()
    }
}

impl Projection<Record> for View {
    fn apply(&mut self, batch: &[Committed<Record>]) -> Result<(), ProjectionError> {
        let records = batch.iter().map(|it| (it.sequence, it.value.as_ref()));
        View::apply(self, records).map_err(ProjectionError::new)
    }

    fn checkpoint(&mut self, _up_to: Sequence) -> Result<(), ProjectionError> {
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
