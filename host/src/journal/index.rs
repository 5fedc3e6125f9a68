//! The index beside a sealed segment: where each of its records begins.
//!
//! It is a convenience that is made again whenever it is missing or does not fit:
//! nothing is believed because an index says so, since every frame that it leads
//! to is checked against the sequence that was asked for. It lets a journal open
//! without reading its sealed segments, and a record be found with one small read.
//!
//! A 48-byte head, all numbers little-endian, then 4 bytes for each record:
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | `XDOCKIDX` |
//! | 8..12 | format version |
//! | 12..16 | number of records |
//! | 16..24 | sequence of the first record |
//! | 24..32 | length of the segment in bytes |
//! | 32..40 | magic and seed of the segment's frames: the index of another file does not fit |
//! | 40..44 | CRC32C of the offsets |
//! | 44..48 | CRC32C of the head before |

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::fs::FileExt,
    path::Path,
};

use super::{Sequence, frame::u32_at, segment::Header};
use crate::private;

const HEAD_BYTES: usize = 48;
const MAGIC: &[u8; 8] = b"XDOCKIDX";
const VERSION: u32 = 1;
const CRC_AT: usize = 44;

/// An index file that fits its segment, as far as its head can tell.
#[derive(Debug)]
pub(super) struct Index {
    file: File,
    count: u32,
    offsets_crc: u32,
}

// === impl Index ===

impl Index {
    /// Opens the index at `path` if it is one for a segment with this header and
    /// this length in bytes.
    pub(super) fn open(path: &Path, header: &Header, segment_bytes: u64) -> Option<Self> {
        let file = File::open(path).ok()?;
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, 0).ok()?;
        let count = u32_at(&head, 12);
        let offsets_crc = u32_at(&head, 40);
        let expected = encode_head(header, segment_bytes, count, offsets_crc);
        let length = file.metadata().ok()?.len();
        let fits = head == expected && length == HEAD_BYTES as u64 + u64::from(count) * 4;
        (fits && count > 0).then_some(Self {
            file,
            count,
            offsets_crc,
        })
    }

    /// How many records the segment has.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Where the record at `position` in the segment begins and where the next one
    /// does; nothing for the last one's next.
    pub(super) fn offsets(&self, position: u32) -> io::Result<(u32, Option<u32>)> {
        let at = HEAD_BYTES as u64 + u64::from(position) * 4;
        let mut bytes = [0; 8];
        if position + 1 == self.count {
            self.file.read_exact_at(&mut bytes[..4], at)?;
            return Ok((u32_at(&bytes, 0), None));
        }
        self.file.read_exact_at(&mut bytes, at)?;
        Ok((u32_at(&bytes, 0), Some(u32_at(&bytes, 4))))
    }

    /// Whether the offsets are these, and as they were written.
    pub(super) fn holds(&self, offsets: &[u32]) -> bool {
        let bytes = encode_offsets(offsets);
        let mut written = vec![0; bytes.len()];
        offsets.len() == self.count as usize
            && self
                .file
                .read_exact_at(&mut written, HEAD_BYTES as u64)
                .is_ok()
            && written == bytes
            && crc32c::crc32c(&written) == self.offsets_crc
    }
}

/// Writes the index of a segment to `path`, by way of `temporary` so that a reader
/// never sees half of it. It is not synced: what a crash does to it is noticed.
pub(super) fn write(
    path: &Path,
    temporary: &Path,
    header: &Header,
    segment_bytes: u64,
    offsets: &[u32],
) -> io::Result<()> {
    let body = encode_offsets(offsets);
    let count = u32::try_from(offsets.len()).unwrap_or(u32::MAX);
    let head = encode_head(header, segment_bytes, count, crc32c::crc32c(&body));
    let mut file = private::create(temporary)?;
    file.write_all(&head)?;
    file.write_all(&body)?;
    std::fs::rename(temporary, path)
}

fn encode_head(header: &Header, segment_bytes: u64, count: u32, crc: u32) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[0..8].copy_from_slice(MAGIC);
    head[8..12].copy_from_slice(&VERSION.to_le_bytes());
    head[12..16].copy_from_slice(&count.to_le_bytes());
    head[16..24].copy_from_slice(&header.first.get().to_le_bytes());
    head[24..32].copy_from_slice(&segment_bytes.to_le_bytes());
    head[32..36].copy_from_slice(&header.key.magic.to_le_bytes());
    head[36..40].copy_from_slice(&header.key.seed.to_le_bytes());
    head[40..44].copy_from_slice(&crc.to_le_bytes());
    let head_crc = crc32c::crc32c(&head[..CRC_AT]);
    head[CRC_AT..].copy_from_slice(&head_crc.to_le_bytes());
    head
}

fn encode_offsets(offsets: &[u32]) -> Vec<u8> {
    offsets
        .iter()
        .flat_map(|offset| offset.to_le_bytes())
        .collect()
}

/// The last record of a segment that begins with `first` and holds `count` records.
pub(super) fn last_of(first: Sequence, count: u32) -> Sequence {
    first.plus(u64::from(count)).previous()
}
