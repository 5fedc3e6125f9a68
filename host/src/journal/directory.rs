//! The directory that a file journal lives in: its lock, its names, and the note of
//! where the journal begins.
//!
//! Every change of names is synced before it is relied on. The note `begins-at`
//! exists once records have been given up; without it the journal begins at 1.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{
    Error, Sequence,
    frame::{u32_at, u64_at},
    segment::Header,
};
use crate::private;

const LOCK: &str = "lock";
const BEGINS_AT: &str = "begins-at";
const BEGINS_AT_MAGIC: &[u8; 8] = b"XDOCKBEG";
const BEGINS_AT_BYTES: usize = 20;

/// Long enough for every sequence, so that names sort as their numbers do.
const NAME_DIGITS: usize = 20;

/// A journal's directory, held exclusively.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// The system releases the lock when the file is closed, also after a crash.
    lock: File,
}

// A child process that is being started holds a copy of every file for a moment, and
// with it the lock: closing ours is not enough, it has to be released by name.
impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::debug!(%error, "the journal's lock is released by closing its file");
        }
    }
}

// === impl Directory ===

impl Directory {
    /// Takes possession of the directory, and makes it first when `create` says so.
    pub(super) fn hold(path: &Path, create: Create) -> Result<Self, Error> {
        if create == Create::IfMissing && !path.is_dir() {
            private::create_dir_all(path).map_err(Error::io("create", path))?;
            if let Some(parent) = path.canonicalize().ok().as_deref().and_then(Path::parent) {
                sync(parent).map_err(Error::io("sync", parent))?;
            }
        }
        let lock_path = path.join(LOCK);
        let lock = private::options()
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(Error::io("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked {
                directory: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(Error::io("lock", &lock_path)(source)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes changes of names durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync(&self.path)
    }

    /// The first sequences of the segments that are there, in order.
    pub(super) fn segments(&self) -> Result<Vec<Sequence>, Error> {
        let mut segments = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(Error::io("list", &self.path))? {
            let entry = entry.map_err(Error::io("list", &self.path))?;
            let name = entry.file_name();
            let first = name
                .to_str()
                .and_then(|name| name.strip_suffix(".journal"))
                .filter(|digits| digits.len() == NAME_DIGITS)
                .and_then(|digits| digits.parse().ok());
            segments.extend(first.filter(|first| *first > 0).map(Sequence::from_u64));
        }
        segments.sort_unstable();
        Ok(segments)
    }

    /// Removes what a crash left half made. Such files have no part in the journal.
    pub(super) fn sweep(&self) -> Result<(), Error> {
        for entry in fs::read_dir(&self.path).map_err(Error::io("list", &self.path))? {
            let path = entry.map_err(Error::io("list", &self.path))?.path();
            if path.extension().is_some_and(|extension| extension == "new") {
                fs::remove_file(&path).map_err(Error::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Where the segment that begins with `first` lies.
    pub(super) fn segment(&self, first: Sequence) -> PathBuf {
        segment_path(&self.path, first)
    }

    /// Makes an empty segment. When this returns, the file and its name are
    /// durable. A leftover of that name is replaced.
    pub(super) fn create_segment(&self, first: Sequence) -> io::Result<Header> {
        let header = Header::draw(first)?;
        let path = self.segment(first);
        self.write_whole(&path, &header.encode())?;
        Ok(header)
    }

    /// The first record that the journal holds: 1 unless records were given up.
    pub(super) fn begins_at(&self) -> Result<Option<Sequence>, Error> {
        let path = self.path.join(BEGINS_AT);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let intact = bytes.len() == BEGINS_AT_BYTES
            && bytes[..8] == *BEGINS_AT_MAGIC
            && crc32c::crc32c(&bytes[..16]) == u32_at(&bytes, 16);
        if !intact {
            return Err(Error::Damaged {
                file: path,
                offset: 0,
                sequence: Sequence::ZERO,
                why: "the note of where the journal begins fails its checksum".to_owned(),
            });
        }
        Ok(Some(Sequence::from_u64(u64_at(&bytes, 8))))
    }

    /// Notes durably that the journal begins at `first`.
    pub(super) fn set_begins_at(&self, first: Sequence) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(BEGINS_AT_BYTES);
        bytes.extend_from_slice(BEGINS_AT_MAGIC);
        bytes.extend_from_slice(&first.get().to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        self.write_whole(&self.path.join(BEGINS_AT), &bytes)
    }

    /// Writes a file so that after a crash it is there as it was before or whole.
    fn write_whole(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = temporary(path);
        let mut file = private::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        self.sync()
    }
}

/// What to do with a directory that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Create {
    /// Make it.
    IfMissing,
    /// Fail.
    Never,
}

/// Where the segment that begins with `first` lies in `directory`.
pub(super) fn segment_path(directory: &Path, first: Sequence) -> PathBuf {
    directory.join(format!("{:020}.journal", first.get()))
}

/// Where the index of a segment lies.
pub(super) fn index_path(segment: &Path) -> PathBuf {
    segment.with_extension("index")
}

/// Where a file is written before it gets its name.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
