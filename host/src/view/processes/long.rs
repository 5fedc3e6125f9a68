//! Values that may be too long for a row, in pieces.

/// How long a piece is, in bytes.
const PIECE_BYTES: usize = 3_500;

/// A key and a value, or a key to be removed.
pub(in crate::view) type Pieces = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The rows of a value, and the removal of those that a longer one before it had.
/// `before` is the first row, as it was.
pub(in crate::view) fn pieces(key: &[u8], value: &[u8], before: Option<&[u8]>) -> Pieces {
    let chunks: Vec<&[u8]> = if value.is_empty() {
        Vec::new()
    } else {
        value.chunks(PIECE_BYTES).collect()
    };
    let count = u16::try_from(chunks.len()).unwrap_or(u16::MAX);
    let had = before.map_or(0, pieces_of);
    let mut rows = Vec::with_capacity(chunks.len());
    for (index, chunk) in (0..count).zip(&chunks) {
        let mut row = Vec::with_capacity(chunk.len() + 2);
        if index == 0 {
            row.extend_from_slice(&count.to_be_bytes());
        }
        row.extend_from_slice(chunk);
        rows.push((piece(key, index), Some(row)));
    }
    rows.extend((count..had).map(|index| (piece(key, index), None)));
    rows
}

/// The value whose rows begin with `key`; none when there is none.
pub(in crate::view) fn joined(
    key: &[u8],
    get: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let first = get(&piece(key, 0))?;
    let count = pieces_of(&first);
    let mut value = first.get(2..)?.to_vec();
    for index in 1..count {
        value.extend_from_slice(&get(&piece(key, index))?);
    }
    Some(value)
}

/// The key of a piece.
pub(in crate::view) fn piece(key: &[u8], index: u16) -> Vec<u8> {
    let mut piece = key.to_vec();
    piece.extend_from_slice(&index.to_be_bytes());
    piece
}

fn pieces_of(first: &[u8]) -> u16 {
    match first {
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_comes_back_whatever_was_there_before(
            first in prop::collection::vec(any::<u8>(), 1..12_000),
            second in prop::collection::vec(any::<u8>(), 1..12_000),
        ) {
            let key = b"Sorder\0SO-1\0";
            let mut rows = BTreeMap::new();
            for value in [&first, &second] {
                let before = rows.get(&piece(key, 0)).cloned();
                for (key, row) in pieces(key, value, before.as_deref()) {
                    match row {
                        Some(row) => rows.insert(key, row),
                        None => rows.remove(&key),
                    };
                }
                let back = joined(key, |key| rows.get(key).cloned());
                prop_assert_eq!(back.as_ref(), Some(value));
                prop_assert_eq!(rows.len(), value.len().div_ceil(PIECE_BYTES));
            }
        }
    }
}
