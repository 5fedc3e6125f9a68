//! When a request was signed, and whether that is near enough.

use std::time::Duration;

use axum::http::HeaderName;

use super::Reason;
use crate::clock::Timestamp;

/// Digits of the seconds since 1970; eleven are enough until the year 5138.
const SECONDS_DIGITS_MAX: usize = 11;

/// Refuses a time that is none, or too far from `now` either way.
pub(super) fn check(
    text: &str,
    header: &HeaderName,
    now: Timestamp,
    tolerance: Duration,
    parse: fn(&str) -> Option<Timestamp>,
) -> Result<(), Reason> {
    let at = parse(text).ok_or_else(|| Reason::HeaderMalformed(header.clone()))?;
    if now.since(at) > tolerance || at.since(now) > tolerance {
        let age = now.as_millis().saturating_sub(at.as_millis()) / 1_000;
        return Err(Reason::Stale(age));
    }
    Ok(())
}

/// Whole seconds since 1970.
pub(super) fn seconds(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || text.is_empty() || text.len() > SECONDS_DIGITS_MAX {
        return None;
    }
    let seconds: i64 = text.parse().ok()?;
    Some(Timestamp::from_millis(seconds * 1_000))
}

/// Whole seconds since 1970, or RFC 3339.
///
/// Either has one end: where no separator follows, no byte of the time can be passed
/// off as the body's, nor the other way round, and stay a time within the window.
pub(super) fn either(text: &str) -> Option<Timestamp> {
    seconds(text).or_else(|| rfc3339(text))
}

fn rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let offset = bytes.len().checked_sub("+00:00".len())?;
    let ends =
        text.ends_with('Z') || (matches!(bytes[offset], b'+' | b'-') && bytes[offset + 3] == b':');
    if !ends || bytes.get(10) != Some(&b'T') {
        return None;
    }
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(moment.as_millisecond()))
}
