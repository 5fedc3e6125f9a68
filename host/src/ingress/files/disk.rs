//! The file system under a drop folder. Every operation runs on tokio's threads
//! for blocking work, and every move is durable when it returns.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{Error, NAME_BYTES_MAX};
use crate::clock::Timestamp;

/// Names with these ends are being written by some upload program.
const UNFINISHED: [&str; 3] = [".tmp", ".part", ".filepart"];

/// A drop folder's directories.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Paths>);

#[derive(Debug)]
struct Paths {
    directory: PathBuf,
    inbox: PathBuf,
    done: PathBuf,
    refused: PathBuf,
}

/// Something in the inbox.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: OsString,
    pub(super) kind: Kind,
    pub(super) print: Print,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// A symbolic link, a pipe, a socket or a device.
    Other,
}

/// What tells that a file has not changed between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    pub(super) modified: (i64, i64),
}

/// A file's content.
pub(super) enum Read {
    /// All of it.
    Whole(Bytes),
    /// It is longer than allowed.
    TooLarge,
    /// It is not the file that was found, or is still being written.
    Changed,
}

// === impl Disk ===

impl Disk {
    /// Creates the directories that are missing.
    pub(super) async fn create(directory: PathBuf) -> Result<Self, Error> {
        blocking(move || {
            for name in ["inbox", "outbox", "done", "refused"] {
                let path = directory.join(name);
                fs::create_dir_all(&path).map_err(failed("create", &path))?;
            }
            sync(&directory)?;
            Ok(Self(Arc::new(Paths {
                inbox: directory.join("inbox"),
                done: directory.join("done"),
                refused: directory.join("refused"),
                directory,
            })))
        })
        .await
    }

    pub(super) fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// What is in the inbox under a finished name, directories left out, up to
    /// `files_max`.
    pub(super) async fn list(&self, files_max: usize) -> Result<Vec<Found>, Error> {
        let paths = Arc::clone(&self.0);
        blocking(move || {
            let inbox = &paths.inbox;
            let mut found = Vec::new();
            for entry in fs::read_dir(inbox).map_err(failed("read", inbox))? {
                let name = entry.map_err(failed("read", inbox))?.file_name();
                if is_unfinished(&name) {
                    continue;
                }
                // Whoever put the file there may take it away again.
                let Ok(metadata) = fs::symlink_metadata(inbox.join(&name)) else {
                    continue;
                };
                found.extend(Found::of(name, &metadata));
                if found.len() == files_max {
                    break;
                }
            }
            Ok(found)
        })
        .await
    }

    /// Reads a file that [`Disk::list`] found, up to `bytes_max`.
    pub(super) async fn read(&self, file: &Found, bytes_max: usize) -> Result<Read, Error> {
        let path = self.0.inbox.join(&file.name);
        let print = file.print;
        blocking(move || {
            read(&path, print, bytes_max).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(Read::Changed),
                _ => Err(failed("read", &path)(error)),
            })
        })
        .await
    }

    /// Moves a file whose message is durable to `done/<time>-<name>`.
    pub(super) async fn move_to_done(&self, file: &Found, now: Timestamp) -> Result<(), Error> {
        let paths = Arc::clone(&self.0);
        let name = file.name.clone();
        blocking(move || {
            let target = free_name(&paths.done, &name, now);
            move_file(&paths.inbox.join(name), &target)?;
            sync(&paths.done)?;
            sync(&paths.inbox)
        })
        .await
    }

    /// Moves a file to `refused/<time>-<name>`, with the reason beside it. The
    /// reason is there first, so that no refused file is ever without one.
    pub(super) async fn move_to_refused(
        &self,
        file: &Found,
        now: Timestamp,
        problem: Vec<u8>,
    ) -> Result<(), Error> {
        let paths = Arc::clone(&self.0);
        let name = file.name.clone();
        blocking(move || {
            let target = free_name(&paths.refused, &name, now);
            let mut reason = target.clone().into_os_string();
            reason.push(".problem.json");
            let reason = PathBuf::from(reason);
            write(&reason, &problem).map_err(failed("write", &reason))?;
            move_file(&paths.inbox.join(name), &target)?;
            sync(&paths.refused)?;
            sync(&paths.inbox)
        })
        .await
    }
}

// === impl Found ===

impl Found {
    /// What the metadata say; `None` for a directory.
    fn of(name: OsString, metadata: &Metadata) -> Option<Self> {
        let kind = match metadata.file_type() {
            kind if kind.is_dir() => return None,
            kind if kind.is_file() => Kind::File,
            _ => Kind::Other,
        };
        let print = Print::of(metadata);
        Some(Self { name, kind, print })
    }
}

// === impl Print ===

impl Print {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

fn is_unfinished(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    name.starts_with('.') || UNFINISHED.iter().any(|end| name.ends_with(end))
}

/// Reads the file only if it is the very one that was found: what has this name
/// now may be a link that someone put in its place.
fn read(path: &Path, print: Print, bytes_max: usize) -> io::Result<Read> {
    if print.bytes > bytes_max as u64 {
        return Ok(Read::TooLarge);
    }
    if Print::of(&fs::symlink_metadata(path)?) != print {
        return Ok(Read::Changed);
    }
    let file = File::open(path)?;
    if Print::of(&file.metadata()?) != print {
        return Ok(Read::Changed);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(print.bytes).unwrap_or(bytes_max));
    (&file).take(print.bytes + 1).read_to_end(&mut bytes)?;
    if Print::of(&file.metadata()?) != print || bytes.len() as u64 != print.bytes {
        return Ok(Read::Changed);
    }
    Ok(Read::Whole(bytes.into()))
}

/// A path for `name` in `directory` that nothing has: the time, where needed a
/// number, and the name, cut where it would not fit.
fn free_name(directory: &Path, name: &OsStr, now: Timestamp) -> PathBuf {
    let time = now.to_string().replace(['-', ':'], "");
    let name = cut(name);
    let mut path = directory.join(with_prefix(&time, &name));
    let mut count = 1;
    while fs::symlink_metadata(&path).is_ok() {
        count += 1;
        path = directory.join(with_prefix(&format!("{time}-{count}"), &name));
    }
    path
}

fn with_prefix(prefix: &str, name: &OsStr) -> OsString {
    let mut whole = OsString::from(prefix);
    whole.push("-");
    whole.push(name);
    whole
}

/// A name that was refused for its length still has to fit beside its problem.
fn cut(name: &OsStr) -> OsString {
    if name.len() <= NAME_BYTES_MAX {
        return name.to_owned();
    }
    let text = name.to_string_lossy();
    let kept = text.floor_char_boundary(NAME_BYTES_MAX);
    OsString::from(&text[..kept])
}

/// Moves within the folder; a file that is gone already needs no move.
fn move_file(from: &Path, to: &Path) -> Result<(), Error> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(failed("move", from)),
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the names in a directory durable.
fn sync(directory: &Path) -> Result<(), Error> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(failed("sync", directory))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Disk {
        action,
        path,
        source,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Stopping)?
}
