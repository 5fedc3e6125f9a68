//! One segment file: its header, and how its frames are walked and checked.
//!
//! A segment is named by its first record's sequence and begins with a 32-byte
//! header, all numbers little-endian:
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | `XDOCKJNL` |
//! | 8..12 | format version |
//! | 12..16 | magic of its frames |
//! | 16..20 | seed of its frames' checksums |
//! | 20..28 | sequence of its first record |
//! | 28..32 | CRC32C of the bytes before |
//!
//! The header is durable before the file gets its name, so a segment whose header
//! is wrong was damaged. It is only created when every record before its first one
//! is durable. Later versions keep these 32 bytes as they are.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path, sync::Arc};

use super::{
    Error, Sequence,
    frame::{self, HEAD_BYTES, Head, Key, Kind, u32_at, u64_at},
};

/// The length of a segment's header in bytes.
pub(super) const HEADER_BYTES: usize = 32;

/// The format that this program reads and writes.
pub(super) const VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"XDOCKJNL";
const CRC_AT: usize = 28;

/// How much is read at once while walking, in bytes: large enough that the system
/// call does not count, small enough to stay in the processor's cache.
const CHUNK_BYTES: u64 = 256 << 10;

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// What makes its frames its own.
    pub(super) key: Key,
    /// The sequence of its first record.
    pub(super) first: Sequence,
}

/// Goes through a segment's frames in order.
pub(super) struct Walk {
    file: Arc<File>,
    key: Key,
    offset: u64,
    end: u64,
    /// The bytes of the file from `base` on.
    buffer: Vec<u8>,
    base: u64,
}

/// What a walk finds next.
pub(super) enum Step<'w> {
    /// An intact frame.
    Frame {
        /// Where it begins.
        offset: u64,
        /// Its head.
        head: Head,
        /// Its payload.
        payload: &'w [u8],
    },
    /// Something that is no intact frame; the walk cannot go on.
    Bad(Bad),
    /// The end.
    End,
}

/// A place where a frame should begin and no intact one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// Where, in bytes from the file's start.
    pub(super) offset: u64,
    /// What is wrong.
    pub(super) why: &'static str,
}

/// What a whole segment holds.
#[derive(Debug)]
pub(super) struct Scan {
    /// Where each record's frame begins.
    pub(super) offsets: Vec<u32>,
    /// Where the intact frames end.
    pub(super) end: u64,
    /// How far the last intact frame says that the segment was durable before.
    pub(super) claimed: u64,
    /// The kind of the last intact frame.
    pub(super) last_kind: Option<Kind>,
    /// What follows the intact frames, if anything does.
    pub(super) bad: Option<Bad>,
}

// === impl Header ===

impl Header {
    /// A header for a new segment, with a key that nobody can guess.
    pub(super) fn draw(first: Sequence) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self {
            key: Key {
                magic: u32_at(&random, 0),
                seed: u32_at(&random, 4),
            },
            first,
        })
    }

    /// The header's bytes.
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.key.magic.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.key.seed.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.first.get().to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads and checks the header of the segment that is named after `first`.
    pub(super) fn read(path: &Path, file: &File, first: Sequence) -> Result<Self, Error> {
        let damaged = |why: &str| Error::Damaged {
            file: path.to_owned(),
            offset: 0,
            sequence: first,
            why: why.to_owned(),
        };
        let mut bytes = [0; HEADER_BYTES];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(damaged("the segment's header is cut short"));
            }
            Err(error) => return Err(Error::io("read", path)(error)),
        }
        if bytes[0..8] != *MAGIC {
            return Err(damaged("this is not a journal segment"));
        }
        if crc32c::crc32c(&bytes[..CRC_AT]) != u32_at(&bytes, CRC_AT) {
            return Err(damaged("the segment's header fails its checksum"));
        }
        let version = u32_at(&bytes, 8);
        if version != VERSION {
            return Err(Error::UnknownVersion {
                file: path.to_owned(),
                version,
                supported: VERSION,
            });
        }
        let header = Self {
            key: Key {
                magic: u32_at(&bytes, 12),
                seed: u32_at(&bytes, 16),
            },
            first: Sequence::from_u64(u64_at(&bytes, 20)),
        };
        if header.first != first {
            return Err(damaged("the segment's header names another first record"));
        }
        Ok(header)
    }
}

// === impl Walk ===

impl Walk {
    /// A walk over the frames from `offset`, where one begins, to `end`.
    pub(super) fn new(file: Arc<File>, key: Key, offset: u64, end: u64) -> Self {
        Self {
            file,
            key,
            offset,
            end,
            buffer: Vec::new(),
            base: offset,
        }
    }

    /// Where the next frame begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame.
    pub(super) fn step(&mut self) -> io::Result<Step<'_>> {
        let offset = self.offset;
        let remaining = self.end - offset;
        let bad = |why| Ok(Step::Bad(Bad { offset, why }));
        if remaining == 0 {
            return Ok(Step::End);
        }
        if remaining < HEAD_BYTES as u64 {
            return bad("a frame's head is cut short");
        }
        let at = self.fill(HEAD_BYTES as u64)?;
        let Some(head) = Head::decode(self.key, &self.buffer[at..]) else {
            return bad("no frame begins here");
        };
        let frame_bytes = head.frame_bytes();
        if frame_bytes > remaining {
            return bad("a frame reaches beyond the file's end");
        }
        let at = self.fill(frame_bytes)?;
        let frame = &self.buffer[at..at + to_usize(frame_bytes)];
        if !frame::is_intact(self.key, frame) {
            return bad("a frame fails its checksum");
        }
        self.offset += frame_bytes;
        Ok(Step::Frame {
            offset,
            head,
            payload: &frame[HEAD_BYTES..],
        })
    }

    /// Sees to it that `bytes` from `self.offset` on are in the buffer and returns
    /// where they begin in it.
    fn fill(&mut self, bytes: u64) -> io::Result<usize> {
        let buffered = self.base + self.buffer.len() as u64;
        if self.offset + bytes > buffered {
            let want = bytes.max(CHUNK_BYTES).min(self.end - self.offset);
            self.buffer.resize(to_usize(want), 0);
            self.base = self.offset;
            self.file.read_exact_at(&mut self.buffer, self.base)?;
        }
        Ok(to_usize(self.offset - self.base))
    }
}

/// Walks a whole segment of `length` bytes, checks every frame and the order of
/// the records, and stops at the first bad place. Whether that is a torn write or
/// damage is for the caller to say; what cannot be a torn write is an error here.
pub(super) fn scan(
    path: &Path,
    file: &Arc<File>,
    header: &Header,
    length: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<Scan, Error> {
    let mut walk = Walk::new(Arc::clone(file), header.key, HEADER_BYTES as u64, length);
    let mut found = Scan {
        offsets: Vec::new(),
        end: HEADER_BYTES as u64,
        claimed: HEADER_BYTES as u64,
        last_kind: None,
        bad: None,
    };
    loop {
        let next = header.first.plus(found.offsets.len() as u64);
        let damaged = |offset, why: &str| Error::Damaged {
            file: path.to_owned(),
            offset,
            sequence: next,
            why: why.to_owned(),
        };
        let (offset, head) = match walk.step().map_err(Error::io("read", path))? {
            Step::Frame { offset, head, .. } => (offset, head),
            Step::Bad(bad) => {
                found.bad = Some(bad);
                return Ok(found);
            }
            Step::End => return Ok(found),
        };
        if found.last_kind == Some(Kind::Seal) {
            return Err(damaged(offset, "a frame follows the segment's seal"));
        }
        let expected = match head.kind {
            Kind::Record => next,
            Kind::Mark | Kind::Seal => next.previous(),
        };
        if head.sequence != expected {
            let why = format!("record {} is here instead", head.sequence);
            return Err(damaged(offset, &why));
        }
        if head.kind == Kind::Record {
            found.offsets.push(to_offset(offset));
        }
        found.end = offset + head.frame_bytes();
        found.claimed = head.durable.min(offset);
        found.last_kind = Some(head.kind);
        progress(head.frame_bytes());
    }
}

/// Looks behind a bad place for an intact frame that was written when the bad
/// place was already durable, and returns where it lies. If there is one, the bad
/// place is damage; if there is none, nobody was ever told that it is durable.
pub(super) fn claim_behind(
    file: &File,
    key: Key,
    bad: u64,
    length: u64,
) -> io::Result<Option<u64>> {
    let mut rest = vec![0; to_usize(length - bad)];
    file.read_exact_at(&mut rest, bad)?;
    let magic = key.magic.to_le_bytes();
    let mut at = 1;
    while let Some(found) = rest.get(at..).and_then(|rest| find(rest, magic)) {
        at += found;
        let intact = Head::decode(key, &rest[at..])
            .filter(|head| head.frame_bytes() <= (rest.len() - at) as u64)
            .filter(|head| frame::is_intact(key, &rest[at..at + to_usize(head.frame_bytes())]));
        match intact {
            Some(head) if head.durable > bad => return Ok(Some(bad + at as u64)),
            Some(head) => at += to_usize(head.frame_bytes()),
            None => at += 1,
        }
    }
    Ok(None)
}

fn find(bytes: &[u8], magic: [u8; 4]) -> Option<usize> {
    bytes.windows(4).position(|window| window == magic)
}

/// A length inside one segment as an index into memory.
pub(super) fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// A place inside one segment; segments stay under 4 GiB, see
/// [`SEGMENT_BYTES_MAX`](super::file::SEGMENT_BYTES_MAX).
pub(super) fn to_offset(offset: u64) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
