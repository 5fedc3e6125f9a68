//! What a file journal's readers see: which segments there are, and how far the
//! last one is durable.
//!
//! The writer publishes here after each sync; readers take a place from here and
//! read the file without holding a lock.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use bytes::Bytes;

use super::{
    Error, Reader, Replay, Sequence,
    directory::{index_path, temporary},
    frame::{self, HEAD_BYTES, Head, Key, Kind},
    index::{self, Index},
    replay::Records,
    segment::{HEADER_BYTES, Header, Walk, scan, to_usize},
};

/// How many sealed segments are kept open for random reads. A journal can have
/// thousands; a process may commonly open 1,024 files, and each takes two.
const HANDLES_MAX: usize = 64;

/// The state that the writer and all readers share.
pub(super) struct Catalog {
    state: RwLock<State>,
    /// Open sealed segments, each in the slot that its number falls on: neighbours
    /// never push each other out.
    handles: [Mutex<Option<Arc<Handle>>>; HANDLES_MAX],
}

/// Which segments there are.
pub(super) struct State {
    /// The segments that nothing is added to any more, in order.
    pub(super) sealed: VecDeque<Arc<Sealed>>,
    /// The segment that is written to.
    pub(super) active: Active,
}

/// A segment that nothing is added to any more.
#[derive(Debug)]
pub(super) struct Sealed {
    /// Counts the segments since the journal was opened; decides the handle's slot.
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    pub(super) bytes: u64,
}

/// The segment that is written to, as far as it is durable.
pub(super) struct Active {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) header: Header,
    pub(super) file: Arc<File>,
    /// Where each record's frame begins.
    pub(super) offsets: Vec<u32>,
    /// Where the durable frames end.
    pub(super) end: u64,
}

/// The reading end of a file journal.
#[derive(Clone)]
pub(super) struct FileReader(pub(super) Arc<Catalog>);

/// A sealed segment, open.
struct Handle {
    segment: Arc<Sealed>,
    file: Arc<File>,
    header: Header,
    offsets: Offsets,
}

/// Where the records of a sealed segment begin.
enum Offsets {
    Index(Index),
    /// The index was missing or wrong, and the segment was walked instead.
    Walked(Vec<u32>),
}

/// Where to look for a record.
enum Place {
    Sealed(Arc<Sealed>),
    Active {
        path: PathBuf,
        file: Arc<File>,
        key: Key,
        start: u64,
        next: u64,
        end: u64,
    },
}

/// Why a frame could not be read.
enum Fault {
    Io(io::Error),
    Bad(&'static str),
}

// === impl Catalog ===

impl Catalog {
    pub(super) fn new(state: State) -> Self {
        Self {
            state: RwLock::new(state),
            handles: std::array::from_fn(|_| Mutex::new(None)),
        }
    }

    /// Looks at the state.
    pub(super) fn look<R>(&self, at: impl FnOnce(&State) -> R) -> R {
        at(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state; only the writer does.
    pub(super) fn publish<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn locate(&self, sequence: Sequence) -> Result<Place, Error> {
        self.look(|state| {
            if sequence < state.first() || sequence > state.last() || sequence == Sequence::ZERO {
                return Err(state.absent(sequence));
            }
            let active = &state.active;
            let Some(position) = sequence.get().checked_sub(active.header.first.get()) else {
                let at = state
                    .sealed
                    .partition_point(|sealed| sealed.last < sequence);
                return Ok(Place::Sealed(Arc::clone(&state.sealed[at])));
            };
            let position = to_usize(position);
            let next = active.offsets.get(position + 1).copied();
            Ok(Place::Active {
                path: active.path.clone(),
                file: Arc::clone(&active.file),
                key: active.header.key,
                start: u64::from(active.offsets[position]),
                next: next.map_or(active.end, u64::from),
                end: active.end,
            })
        })
    }

    fn read(&self, sequence: Sequence) -> Result<Bytes, Error> {
        match self.locate(sequence)? {
            Place::Sealed(segment) => self.read_sealed(&segment, sequence).map(|(_, bytes)| bytes),
            Place::Active {
                path,
                file,
                key,
                start,
                next,
                ..
            } => read_frame(&file, key, start, next, sequence)
                .map_err(|fault| fault.at(&path, start, sequence)),
        }
    }

    /// A walk that begins with this record and the segment that it goes through.
    pub(super) fn walk_from(&self, sequence: Sequence) -> Result<(PathBuf, Walk), Error> {
        match self.locate(sequence)? {
            Place::Active {
                path,
                file,
                key,
                start,
                end,
                ..
            } => Ok((path, Walk::new(file, key, start, end))),
            Place::Sealed(segment) => {
                let start = match segment.first == sequence {
                    true => HEADER_BYTES as u64,
                    false => self.read_sealed(&segment, sequence)?.0,
                };
                let handle = self.handle(&segment)?;
                let file = Arc::clone(&handle.file);
                let walk = Walk::new(file, handle.header.key, start, segment.bytes);
                Ok((segment.path.clone(), walk))
            }
        }
    }

    /// The record and where its frame begins.
    fn read_sealed(
        &self,
        segment: &Arc<Sealed>,
        sequence: Sequence,
    ) -> Result<(u64, Bytes), Error> {
        let handle = self.handle(segment)?;
        match handle.read(sequence) {
            Ok(found) => Ok(found),
            Err(Fault::Io(source)) => Err(Error::io("read", &segment.path)(source)),
            // Either the record is damaged or the index is. The walk tells: it finds
            // the damage with its place, or else offsets to go on with.
            Err(Fault::Bad(why)) => {
                let walked = handle.walked()?;
                tracing::warn!(file = %segment.path.display(), why, "journal index was wrong and is replaced");
                walked.write_index();
                let found = walked
                    .read(sequence)
                    .map_err(|fault| fault.at(&segment.path, HEADER_BYTES as u64, sequence));
                self.keep(Arc::new(walked));
                found
            }
        }
    }

    fn handle(&self, segment: &Arc<Sealed>) -> Result<Arc<Handle>, Error> {
        if let Some(handle) = &*self.slot(segment)
            && handle.segment.number == segment.number
        {
            return Ok(Arc::clone(handle));
        }
        let handle = Arc::new(Handle::open(segment).map_err(|error| self.explain(segment, error))?);
        self.keep(Arc::clone(&handle));
        Ok(handle)
    }

    fn keep(&self, handle: Arc<Handle>) {
        let mut slot = self.slot(&handle.segment);
        *slot = Some(handle);
    }

    fn slot(&self, segment: &Sealed) -> std::sync::MutexGuard<'_, Option<Arc<Handle>>> {
        let slot = to_usize(segment.number % HANDLES_MAX as u64);
        self.handles[slot]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A segment that cannot be opened may have been given up in the meantime.
    fn explain(&self, segment: &Sealed, error: Error) -> Error {
        self.look(|state| {
            if segment.first < state.first() {
                return state.absent(segment.first);
            }
            error
        })
    }
}

// === impl State ===

impl State {
    /// The first record held, or the one that will be written next.
    pub(super) fn first(&self) -> Sequence {
        self.sealed
            .front()
            .map_or(self.active.header.first, |sealed| sealed.first)
    }

    /// The last durable record.
    pub(super) fn last(&self) -> Sequence {
        self.active.last()
    }

    /// The first record of the segment that holds this one.
    pub(super) fn boundary(&self, sequence: Sequence) -> Sequence {
        let count = self.sealed.partition_point(|sealed| sealed.last < sequence);
        self.sealed
            .get(count)
            .map_or(self.active.header.first, |kept| kept.first)
    }

    fn absent(&self, sequence: Sequence) -> Error {
        Error::Absent {
            sequence,
            first: self.first(),
            last: self.last(),
        }
    }
}

// === impl Active ===

impl Active {
    /// The last durable record.
    pub(super) fn last(&self) -> Sequence {
        let count = self.offsets.len() as u64;
        self.header.first.plus(count).previous()
    }
}

// === impl Handle ===

impl Handle {
    fn open(segment: &Arc<Sealed>) -> Result<Self, Error> {
        let path = &segment.path;
        let file = Arc::new(File::open(path).map_err(Error::io("open", path))?);
        let header = Header::read(path, &file, segment.first)?;
        let index = Index::open(&index_path(path), &header, segment.bytes)
            .filter(|index| index::last_of(segment.first, index.count()) == segment.last);
        let offsets = match index {
            Some(index) => Offsets::Index(index),
            None => Offsets::Walked(walk_offsets(segment, &file, &header)?),
        };
        Ok(Self {
            segment: Arc::clone(segment),
            file,
            header,
            offsets,
        })
    }

    /// The same segment with offsets that were just found.
    fn walked(&self) -> Result<Self, Error> {
        Ok(Self {
            segment: Arc::clone(&self.segment),
            file: Arc::clone(&self.file),
            header: self.header,
            offsets: Offsets::Walked(walk_offsets(&self.segment, &self.file, &self.header)?),
        })
    }

    fn write_index(&self) {
        if let Offsets::Walked(offsets) = &self.offsets {
            write_index(
                &self.segment.path,
                &self.header,
                self.segment.bytes,
                offsets,
            );
        }
    }

    fn read(&self, sequence: Sequence) -> Result<(u64, Bytes), Fault> {
        let position = to_usize(sequence.get() - self.segment.first.get());
        let (start, next) = match &self.offsets {
            Offsets::Index(index) => index
                .offsets(u32::try_from(position).unwrap_or(u32::MAX))
                .map_err(Fault::Io)?,
            Offsets::Walked(offsets) => (offsets[position], offsets.get(position + 1).copied()),
        };
        let start = u64::from(start);
        let next = next.map_or(self.segment.bytes, u64::from);
        // Before as much memory is asked for as a wrong index says.
        if next > self.segment.bytes {
            return Err(Fault::Bad(
                "the next frame is said to be beyond the file's end",
            ));
        }
        read_frame(&self.file, self.header.key, start, next, sequence).map(|bytes| (start, bytes))
    }
}

fn walk_offsets(segment: &Sealed, file: &Arc<File>, header: &Header) -> Result<Vec<u32>, Error> {
    let found = scan(&segment.path, file, header, segment.bytes, &mut |_| {})?;
    let next = header.first.plus(found.offsets.len() as u64);
    if next.previous() == segment.last && found.bad.is_none() {
        return Ok(found.offsets);
    }
    let why = found.bad.map_or("records are missing", |bad| bad.why);
    Err(Error::Damaged {
        file: segment.path.clone(),
        offset: found.end,
        sequence: next,
        why: why.to_owned(),
    })
}

/// Writes the index of a sealed segment; without one the journal works, only slower.
pub(super) fn write_index(segment: &Path, header: &Header, bytes: u64, offsets: &[u32]) {
    let path = index_path(segment);
    if let Err(error) = index::write(&path, &temporary(&path), header, bytes, offsets) {
        tracing::warn!(file = %path.display(), %error, "journal index could not be written");
    }
}

/// Reads the frame of `sequence` that begins at `start`, with at most what lies
/// before `next`.
fn read_frame(
    file: &File,
    key: Key,
    start: u64,
    next: u64,
    sequence: Sequence,
) -> Result<Bytes, Fault> {
    let length = next.checked_sub(start).map_or(0, to_usize);
    if length < HEAD_BYTES {
        return Err(Fault::Bad("no frame begins here"));
    }
    let mut frame = vec![0; length];
    file.read_exact_at(&mut frame, start)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Fault::Bad("the file ends early"),
            _ => Fault::Io(error),
        })?;
    let head = Head::decode(key, &frame).ok_or(Fault::Bad("no frame begins here"))?;
    let frame_bytes = to_usize(head.frame_bytes());
    if frame_bytes > frame.len() {
        return Err(Fault::Bad("a frame reaches into the next one"));
    }
    frame.truncate(frame_bytes);
    if !frame::is_intact(key, &frame) {
        return Err(Fault::Bad("a frame fails its checksum"));
    }
    if head.kind != Kind::Record || head.sequence != sequence {
        return Err(Fault::Bad("another record is here"));
    }
    Ok(Bytes::from(frame).slice(HEAD_BYTES..))
}

// === impl Fault ===

impl Fault {
    fn at(self, path: &Path, offset: u64, sequence: Sequence) -> Error {
        match self {
            Self::Io(source) => Error::io("read", path)(source),
            Self::Bad(why) => Error::Damaged {
                file: path.to_owned(),
                offset,
                sequence,
                why: why.to_owned(),
            },
        }
    }
}

// === impl FileReader ===

impl Reader for FileReader {
    fn first(&self) -> Sequence {
        self.0.look(State::first)
    }

    fn last(&self) -> Sequence {
        self.0.look(State::last)
    }

    fn read(&self, sequence: Sequence) -> Result<Bytes, Error> {
        self.0.read(sequence)
    }

    fn replay(&self, from: Sequence) -> Replay {
        let (first, last, absent) = self
            .0
            .look(|state| (state.first(), state.last(), state.absent(from)));
        if from != Sequence::ZERO && from < first {
            return Box::new(std::iter::once(Err(absent)));
        }
        let records = Records::new(Arc::clone(&self.0), from.max(first), last);
        Box::new(records)
    }

    fn boundary(&self, sequence: Sequence) -> Sequence {
        self.0.look(|state| state.boundary(sequence))
    }

    fn size_bytes(&self) -> u64 {
        self.0.look(|state| {
            let sealed: u64 = state.sealed.iter().map(|sealed| sealed.bytes).sum();
            sealed + state.active.end
        })
    }
}
