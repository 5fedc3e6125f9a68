//! The journal in segment files: the writing end.
//!
//! An append is one write and one `fdatasync`. A segment that would grow over its
//! size is followed by a new one before anything of the append is written: first
//! the new segment is made durable, then the old one gets its seal. So a sealed
//! segment always has a successor, and that the newest file was lost is noticed.
//!
//! A failed sync ends the writer for good: the system may have thrown the data away
//! and would call the next sync a success. A full disk does not: what was written is
//! taken back, the caller is told, and a later append may succeed.

use std::{
    fs::File,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    Error, Journal, RECORD_BYTES_MAX, Reader, Recovered, Sequence,
    catalog::{Active, Catalog, FileReader, Sealed, write_index},
    directory::{Create, Directory},
    frame::{HEAD_BYTES, Head, Kind},
    recovery::{closing_frame, is_full, remove_segments, repair},
    segment::{HEADER_BYTES, Header, to_offset},
    survey::Surveyor,
};
use crate::failpoint;

/// The largest size that segments can be given, and the most bytes that one append
/// takes: an append lies in one segment, and with both at 1 GiB every place in a
/// segment fits 32 bits.
pub(super) const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// Where a file journal lies and how large its parts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The directory; made when it is missing. Nothing else may be kept in it.
    pub directory: PathBuf,
    /// At which size in bytes a segment is followed by the next one: 1 to 1 GiB.
    /// Default 64 MiB: small enough that the last one is checked in a moment at
    /// start, large enough that a journal of 100 GB has few files.
    pub segment_bytes: u64,
    /// The largest record in bytes: up to 1 GiB. Default [`RECORD_BYTES_MAX`].
    pub record_bytes_max: usize,
}

/// What is known about a journal before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The journal must hold this record, or have held it: something was made of
    /// it. [`Sequence::ZERO`] expects nothing.
    pub at_least: Sequence,
    /// Segments that hold this or a later record are checked in full, the last one
    /// always. The others are checked when they are read. [`Sequence::ZERO`] checks
    /// everything.
    pub verify_from: Sequence,
}

/// A journal in segment files.
pub struct FileJournal {
    options: Options,
    directory: Directory,
    catalog: Arc<Catalog>,
    open: OpenStorage,
    storage: Box<dyn Storage>,
    /// The last segment's file.
    path: PathBuf,
    header: Header,
    /// Where its durable frames end.
    end: u64,
    last: Sequence,
    /// A rotation was begun and not finished: the next segment may exist, so
    /// nothing may be added to this one.
    rotating: bool,
    /// Why the writer has ended.
    fatal: Option<Arc<str>>,
    /// Kept to be used again.
    heads: Vec<[u8; HEAD_BYTES]>,
}

/// What is needed of a segment file to write it; real files, and failing ones in
/// tests.
pub(super) trait Storage: Send {
    /// Adds to the end; may take only a part.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Makes all that was written durable, and the file's length.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Takes back what was written after the first `length` bytes.
    fn set_len(&mut self, length: u64) -> io::Result<()>;
}

/// How a segment file is opened for writing.
pub(super) type OpenStorage = Box<dyn Fn(&Path) -> io::Result<Box<dyn Storage>> + Send>;

// === impl Options ===

impl Options {
    /// A journal in this directory, with the default sizes.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            segment_bytes: 64 << 20,
            record_bytes_max: RECORD_BYTES_MAX,
        }
    }

    fn check(&self) -> Result<(), Error> {
        let record_bytes_max = self.record_bytes_max as u64;
        for (setting, value) in [
            ("segment_bytes", self.segment_bytes),
            ("record_bytes_max", record_bytes_max),
        ] {
            if value == 0 || value > SEGMENT_BYTES_MAX {
                return Err(Error::Options {
                    setting,
                    value,
                    allowed: "1 to 1073741824 (1 GiB)",
                });
            }
        }
        Ok(())
    }
}

// === impl Expect ===

impl Expect {
    /// Nothing was made of the journal yet, and everything will be read.
    pub const NOTHING: Self = Self {
        at_least: Sequence::ZERO,
        verify_from: Sequence::ZERO,
    };

    /// There is a view that reflects everything up to `sequence`.
    #[must_use]
    pub const fn view_at(sequence: Sequence) -> Self {
        Self {
            at_least: sequence,
            verify_from: sequence.next(),
        }
    }
}

// === impl FileJournal ===

impl FileJournal {
    /// Opens the journal, makes it when there is none, and finishes what a crash
    /// interrupted.
    ///
    /// # Errors
    /// - [`Error::Locked`]: another process has it.
    /// - [`Error::Damaged`], [`Error::UnknownVersion`]: it is not what was written.
    ///   Nothing was changed.
    /// - [`Error::Behind`]: it ends before [`Expect::at_least`]. Nothing was changed.
    /// - [`Error::Options`], [`Error::Io`].
    pub fn open(options: Options, expect: Expect) -> Result<(Self, Recovered), Error> {
        Self::open_with(options, expect, Box::new(open_file))
    }

    pub(super) fn open_with(
        options: Options,
        expect: Expect,
        open: OpenStorage,
    ) -> Result<(Self, Recovered), Error> {
        options.check()?;
        let directory = Directory::hold(&options.directory, Create::IfMissing)?;
        let survey = Surveyor {
            directory: &directory,
            verify_from: expect.verify_from,
            progress: &mut |_| {},
        }
        .survey()?;
        if survey.last() < expect.at_least {
            return Err(Error::Behind {
                directory: options.directory,
                last: survey.last(),
                at_least: expect.at_least,
            });
        }
        let (state, recovered) = repair(&directory, survey)?;
        let path = state.active.path.clone();
        let storage = open(&path).map_err(Error::io("open", &path))?;
        let journal = Self {
            options,
            directory,
            open,
            storage,
            path,
            header: state.active.header,
            end: state.active.end,
            last: state.last(),
            rotating: false,
            fatal: None,
            heads: Vec::new(),
            catalog: Arc::new(Catalog::new(state)),
        };
        Ok((journal, recovered))
    }

    fn check(&self, records: &[Bytes]) -> Result<u64, Error> {
        if let Some(why) = &self.fatal {
            return Err(Error::Fatal {
                why: Arc::clone(why),
            });
        }
        let mut total = 0;
        for record in records {
            if record.len() > self.options.record_bytes_max {
                return Err(Error::TooLarge {
                    bytes: record.len(),
                    bytes_max: self.options.record_bytes_max,
                });
            }
            total += (HEAD_BYTES + record.len()) as u64;
        }
        if total > SEGMENT_BYTES_MAX + HEAD_BYTES as u64 {
            return Err(Error::TooLarge {
                bytes: usize::try_from(total).unwrap_or(usize::MAX),
                bytes_max: usize::try_from(SEGMENT_BYTES_MAX).unwrap_or(usize::MAX),
            });
        }
        Ok(total)
    }

    /// Goes over to a new segment.
    fn rotate(&mut self) -> Result<(), Error> {
        self.rotating = true;
        let first = self.last.next();
        let path = self.directory.segment(first);
        let header = match self.directory.create_segment(first) {
            Ok(header) => header,
            Err(error) => return Err(self.failed("create", &path, error)),
        };
        failpoint::hit("journal-before-seal");
        let seal = closing_frame(Kind::Seal, &self.header, self.last, self.end);
        self.write_durably(&mut [IoSlice::new(&seal)])?;
        let sealed_bytes = self.end + seal.len() as u64;
        self.catalog.look(|state| {
            let old = &state.active;
            write_index(&old.path, &old.header, sealed_bytes, &old.offsets);
        });
        let opened = (self.open)(&path).and_then(|storage| Ok((storage, File::open(&path)?)));
        let (storage, file) = match opened {
            Ok(opened) => opened,
            Err(error) => return Err(self.fail("open", &path, &error)),
        };
        self.catalog.publish(|state| {
            let active = Active {
                number: state.active.number + 1,
                path: path.clone(),
                header,
                file: Arc::new(file),
                offsets: Vec::new(),
                end: HEADER_BYTES as u64,
            };
            let old = std::mem::replace(&mut state.active, active);
            state.sealed.push_back(Arc::new(Sealed {
                number: old.number,
                last: old.last(),
                path: old.path,
                first: old.header.first,
                bytes: sealed_bytes,
            }));
        });
        self.storage = storage;
        self.path = path;
        self.header = header;
        self.end = HEADER_BYTES as u64;
        self.rotating = false;
        failpoint::hit("journal-after-rotate");
        Ok(())
    }

    /// Adds the slices to the last segment and syncs them. With no room it takes
    /// back what was written; every other failure ends the writer.
    fn write_durably(&mut self, slices: &mut [IoSlice<'_>]) -> Result<(), Error> {
        let path = self.path.clone();
        failpoint::hit("journal-before-write");
        if let Err(error) = write_all_vectored(&mut *self.storage, slices) {
            if !is_full(&error) {
                return Err(self.fail("write", &path, &error));
            }
            let taken_back = self
                .storage
                .set_len(self.end)
                .and_then(|()| self.storage.sync_data());
            return Err(match taken_back {
                Ok(()) => self.failed("write", &path, error),
                Err(error) => self.fail("cut", &path, &error),
            });
        }
        failpoint::hit("journal-after-write");
        if let Err(error) = self.storage.sync_data() {
            return Err(self.fail("sync", &path, &error));
        }
        failpoint::hit("journal-after-sync");
        Ok(())
    }

    /// The error for a failure that a full disk may have caused: then the writer
    /// can go on, else it ends.
    fn failed(&mut self, action: &str, path: &Path, error: io::Error) -> Error {
        if !is_full(&error) {
            return self.fail(action, path, &error);
        }
        Error::Full {
            file: path.to_owned(),
            source: error,
        }
    }

    /// Ends the writer.
    fn fail(&mut self, action: &str, path: &Path, error: &io::Error) -> Error {
        let why: Arc<str> = format!("could not {action} {}: {error}", path.display()).into();
        tracing::error!(file = %path.display(), %error, "journal stopped for good: could not {action}");
        self.fatal = Some(Arc::clone(&why));
        Error::Fatal { why }
    }
}

impl Journal for FileJournal {
    fn append(&mut self, records: &[Bytes]) -> Result<Sequence, Error> {
        let bytes = self.check(records)?;
        let first = self.last.next();
        if records.is_empty() {
            return Ok(first);
        }
        let has_records = self.last >= self.header.first;
        if self.rotating || (has_records && self.end + bytes > self.options.segment_bytes) {
            self.rotate()?;
        }
        let mut heads = std::mem::take(&mut self.heads);
        heads.clear();
        heads.extend((0..).zip(records).map(|(position, record)| {
            let head = Head {
                kind: Kind::Record,
                length: u32::try_from(record.len()).unwrap_or(u32::MAX),
                sequence: first.plus(position),
                durable: self.end,
            };
            head.encode(self.header.key, record)
        }));
        let mut slices: Vec<_> = heads
            .iter()
            .zip(records)
            .flat_map(|(head, record)| [IoSlice::new(head), IoSlice::new(record)])
            .collect();
        self.write_durably(&mut slices)?;
        drop(slices);
        self.heads = heads;
        self.last = first.plus(records.len() as u64).previous();
        self.end = self.catalog.publish(|state| {
            for record in records {
                state.active.offsets.push(to_offset(state.active.end));
                state.active.end += (HEAD_BYTES + record.len()) as u64;
            }
            state.active.end
        });
        Ok(first)
    }

    fn last(&self) -> Sequence {
        self.last
    }

    fn record_bytes_max(&self) -> usize {
        self.options.record_bytes_max
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(FileReader(Arc::clone(&self.catalog)))
    }

    fn drop_before(&mut self, sequence: Sequence) -> Result<Sequence, Error> {
        let (dropped, first) = self.catalog.look(|state| {
            let count = state
                .sealed
                .partition_point(|sealed| sealed.last < sequence);
            let dropped: Vec<_> = state
                .sealed
                .iter()
                .take(count)
                .map(|old| old.first)
                .collect();
            (dropped, state.boundary(sequence))
        });
        if dropped.is_empty() {
            return Ok(first);
        }
        // The note comes first: with it, a crash leaves segments that the next start
        // removes; without it, the removed ones would be missed.
        let path = self.directory.path();
        self.directory
            .set_begins_at(first)
            .map_err(Error::io("note the beginning in", path))?;
        self.catalog.publish(|state| {
            state.sealed.drain(..dropped.len());
        });
        remove_segments(&self.directory, &dropped)
            .map_err(Error::io("remove segments of", path))?;
        Ok(first)
    }

    fn close(mut self: Box<Self>) -> Result<(), Error> {
        self.check(&[])?;
        let mark = closing_frame(Kind::Mark, &self.header, self.last, self.end);
        self.write_durably(&mut [IoSlice::new(&mark)])
    }
}

impl Storage for File {
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        io::Write::write_vectored(self, slices)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        File::set_len(self, length)
    }
}

fn open_file(path: &Path) -> io::Result<Box<dyn Storage>> {
    Ok(Box::new(File::options().append(true).open(path)?))
}

fn write_all_vectored(storage: &mut dyn Storage, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Empty slices at the front, from empty records, would look like a full file.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match storage.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
