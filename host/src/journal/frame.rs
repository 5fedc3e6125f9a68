//! How one frame lies in a segment file.
//!
//! A frame is a 32-byte head and a payload, all numbers little-endian:
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..4 | magic | the segment's own mark, drawn at random when it was created |
//! | 4..8 | length | of the payload, in bytes |
//! | 8..16 | sequence | of the record; of the last record before it for other kinds |
//! | 16..24 | durable | how many bytes of this segment were known durable when the frame was written |
//! | 24..28 | kind | 1 record, 2 mark, 3 seal |
//! | 28..32 | CRC32C | over the head before it and the payload, begun with the segment's own seed |
//!
//! Payloads come from outside. Magic and seed are secret and differ from segment to
//! segment, so that nobody can send a body which recovery, searching behind a torn
//! write, would take for a frame.

use super::Sequence;

/// The length of a frame's head in bytes.
pub(super) const HEAD_BYTES: usize = 32;

/// Where the checksum begins in a head.
const CRC_AT: usize = 28;

/// What makes a segment's frames its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The first four bytes of every frame.
    pub(super) magic: u32,
    /// What the checksum begins with.
    pub(super) seed: u32,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A record; the payload is the caller's.
    Record,
    /// Not a record: it says that everything before it is durable. Written on a
    /// clean close and at the end of a recovery; frames may follow.
    Mark,
    /// Not a record: it ends a segment that has a successor. Nothing follows.
    Seal,
}

/// A frame's head without magic and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// What the frame is.
    pub(super) kind: Kind,
    /// The payload's length in bytes.
    pub(super) length: u32,
    /// The record's place; for other kinds that of the last record before it.
    pub(super) sequence: Sequence,
    /// How many bytes of the segment were known durable at the time of writing:
    /// a bad frame before that place was not torn but damaged.
    pub(super) durable: u64,
}

// === impl Kind ===

impl Kind {
    fn code(self) -> u32 {
        match self {
            Self::Record => 1,
            Self::Mark => 2,
            Self::Seal => 3,
        }
    }

    fn from_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Record),
            2 => Some(Self::Mark),
            3 => Some(Self::Seal),
            _ => None,
        }
    }
}

// === impl Head ===

impl Head {
    /// The bytes that go before `payload`, whose length must be `self.length`.
    pub(super) fn encode(&self, key: Key, payload: &[u8]) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[0..4].copy_from_slice(&key.magic.to_le_bytes());
        head[4..8].copy_from_slice(&self.length.to_le_bytes());
        head[8..16].copy_from_slice(&self.sequence.get().to_le_bytes());
        head[16..24].copy_from_slice(&self.durable.to_le_bytes());
        head[24..28].copy_from_slice(&self.kind.code().to_le_bytes());
        let crc = checksum(key, &head[..CRC_AT], payload);
        head[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        head
    }

    /// The head at the start of `bytes` when it could be one: right magic, known
    /// kind. Only [`is_intact`] says whether it is.
    pub(super) fn decode(key: Key, bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEAD_BYTES || u32_at(bytes, 0) != key.magic {
            return None;
        }
        Some(Self {
            kind: Kind::from_code(u32_at(bytes, 24))?,
            length: u32_at(bytes, 4),
            sequence: Sequence::from_u64(u64_at(bytes, 8)),
            durable: u64_at(bytes, 16),
        })
    }

    /// The whole frame's length in bytes.
    pub(super) fn frame_bytes(&self) -> u64 {
        HEAD_BYTES as u64 + u64::from(self.length)
    }
}

/// Whether `frame`, a whole frame with head and payload, is what was written.
pub(super) fn is_intact(key: Key, frame: &[u8]) -> bool {
    let (head, payload) = frame.split_at(HEAD_BYTES);
    checksum(key, &head[..CRC_AT], payload) == u32_at(head, CRC_AT)
}

fn checksum(key: Key, head: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(key.seed, head), payload)
}

/// The little-endian number at `at`; the caller has checked the length.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

/// The little-endian number at `at`; the caller has checked the length.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key {
        magic: 0x1234_5678,
        seed: 99,
    };

    fn frame(payload: &[u8]) -> Vec<u8> {
        let head = Head {
            kind: Kind::Record,
            length: u32::try_from(payload.len()).unwrap(),
            sequence: Sequence::from_u64(7),
            durable: 640,
        };
        let mut frame = head.encode(KEY, payload).to_vec();
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = frame(b"PO-4711");
        assert!(is_intact(KEY, &good));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_intact(KEY, &bad), "bit {bit}");
        }
    }

    #[test]
    fn a_frame_of_another_segment_is_none_of_ours() {
        let other_magic = Key { magic: 1, ..KEY };
        let other_seed = Key { seed: 1, ..KEY };
        assert_eq!(Head::decode(other_magic, &frame(b"x")), None);
        assert!(!is_intact(other_seed, &frame(b"x")));
    }

    #[test]
    fn a_head_reads_back() {
        let head = Head::decode(KEY, &frame(b"abc")).unwrap();
        assert_eq!(head.kind, Kind::Record);
        assert_eq!(head.frame_bytes(), 35);
        assert_eq!(head.sequence, Sequence::from_u64(7));
        assert_eq!(head.durable, 640);
    }
}
