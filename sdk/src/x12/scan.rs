//! Byte search over eight bytes at a time, in plain integer arithmetic.
//!
//! The same code is quick natively and in a guest: WebAssembly without its SIMD
//! extension has 64-bit integers, while a library search falls back to four bytes
//! at a time there. Elements of an X12 segment are about four bytes long, so the
//! cost of entering a vector search for each of them would eat what it saves.

const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;

/// A byte repeated in all eight places of a word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Splat(u64);

impl Splat {
    #[inline(always)]
    pub(crate) fn new(byte: u8) -> Self {
        Self(ONES.wrapping_mul(u64::from(byte)))
    }

    /// The high bit of every byte of `word` that equals this one, exactly: no
    /// carry crosses a byte, so a match never casts a shadow on its neighbour.
    #[inline(always)]
    pub(crate) fn matches(self, word: u64) -> u64 {
        let difference = word ^ self.0;
        !(((difference & LOW_BITS) + LOW_BITS) | difference) & HIGH_BITS
    }
}

/// The byte's place (0 to 7) that the lowest bit of a match mask stands for.
#[inline(always)]
pub(crate) fn lowest(mask: u64) -> usize {
    (mask.trailing_zeros() / 8) as usize
}

/// Reads the eight bytes at `at`; `None` when fewer are left.
#[inline(always)]
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*chunk))
}

/// The first place of `needle` at or after `from`.
#[inline]
pub(crate) fn find(bytes: &[u8], from: usize, needle: u8) -> Option<usize> {
    let splat = Splat::new(needle);
    let mut at = from;
    while let Some(word) = word(bytes, at) {
        let mask = splat.matches(word);
        if mask != 0 {
            return Some(at + lowest(mask));
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    Some(at + rest.iter().position(|&byte| byte == needle)?)
}

/// The bytes as text where all of them are printable ASCII, as nearly all elements are.
#[inline]
pub(crate) fn plain(bytes: &[u8]) -> Option<&str> {
    const BLANKS: u64 = ONES * b' ' as u64;
    let mut at = 0;
    while let Some(word) = word(bytes, at) {
        // High bits: of no byte; of each that is no control character; of DEL plus one.
        let sound = !word & ((word | HIGH_BITS) - BLANKS) & !(word & LOW_BITS).wrapping_add(ONES);
        if sound & HIGH_BITS != HIGH_BITS {
            return None;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    if !rest.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    #[expect(
        unsafe_code,
        reason = "looking at every byte twice is a tenth of reading"
    )]
    // SAFETY: ASCII is UTF-8, and every byte was looked at.
    Some(unsafe { std::str::from_utf8_unchecked(bytes) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_match_does_not_shadow_the_byte_after_it() {
        // The classic "has a zero byte" trick reports 0x01 after a true match.
        let word = u64::from_le_bytes([b'*', b'*' ^ 1, b'*', 0xff, 0x00, b'*' ^ 0x80, b'*', 7]);
        let expected = u64::from_le_bytes([0x80, 0, 0x80, 0, 0, 0, 0x80, 0]);
        assert_eq!(Splat::new(b'*').matches(word), expected);
    }

    #[test]
    fn every_byte_is_plain_or_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for place in 0..19 {
                let mut bytes = *b"SO-2026-000123 ~ x!";
                bytes[place] = byte;
                let expected = matches!(byte, b' '..=b'~');
                assert_eq!(plain(&bytes).is_some(), expected, "{byte} at {place}");
            }
        }
        assert_eq!(plain(b""), Some(""));
    }

    proptest! {
        #[test]
        fn finds_what_a_plain_loop_finds(
            bytes in proptest::collection::vec(0u8..6, 0..64),
            from in 0usize..70,
            needle in 0u8..6,
        ) {
            let plain = bytes
                .iter()
                .enumerate()
                .skip(from)
                .find(|(_, byte)| **byte == needle)
                .map(|(at, _)| at);
            prop_assert_eq!(find(&bytes, from, needle), plain);
        }
    }
}
