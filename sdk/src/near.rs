//! Which known name somebody may have meant.
//!
//! A typing error in a field or a setting must not be lost silently, so it is
//! refused; naming the neighbour saves a look into the manual.

/// Longer names are not compared: nobody mistypes them by accident, and the work
/// grows with the square of the length.
const NAME_BYTES_MAX: usize = 64;

/// The candidate nearest to `wanted`, if one is near enough to be meant: the same
/// word in another spelling (`orderNo` for `order_no`), or at most a third of its
/// characters away.
pub(crate) fn nearest<'c>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let wanted = squash(wanted);
    let distance_max = (wanted.len() / 3).max(1);
    if wanted.is_empty() || wanted.len() > NAME_BYTES_MAX {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= NAME_BYTES_MAX)
        .map(|candidate| (distance(&wanted, &squash(candidate)), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters and digits in lower case, so that spellings of one word are equal.
fn squash(name: &str) -> Vec<u8> {
    name.bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| byte.to_ascii_lowercase())
        .collect()
}

/// How many characters must be added, dropped or changed (Levenshtein).
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, from_byte) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to_byte) in to.iter().enumerate() {
            let changed = diagonal + usize::from(from_byte != to_byte);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_that_was_meant() {
        let names = ["order_no", "order_type", "order_date", "lines"];
        assert_eq!(nearest("orderNo", names), Some("order_no"));
        assert_eq!(nearest("order-no", names), Some("order_no"));
        assert_eq!(nearest("line", names), Some("lines"));
        assert_eq!(nearest("oder_date", names), Some("order_date"));
        assert_eq!(nearest("warehouse", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest(&"x".repeat(10_000), names), None);
    }
}
