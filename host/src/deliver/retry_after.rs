//! What a partner says about coming back: `Retry-After` and its variants.
//!
//! Reads delay-seconds and all three forms of HTTP-date (RFC 9110 section
//! 5.6.7: a recipient must accept the obsolete ones). How much of it is obeyed
//! is the caller's decision.

use std::time::Duration;

use http::HeaderMap;
use jiff::{fmt::strtime, tz::TimeZone};

use crate::clock::Timestamp;

/// The headers that carry it unless the configuration names others, the standard one
/// first. `x-retry-after` is what some 3PLs send beside their own rate limit headers.
pub const NAMES: [&str; 2] = ["retry-after", "x-retry-after"];

/// The longest value worth reading, in bytes; an HTTP-date has at most 33.
const VALUE_BYTES_MAX: usize = 64;

/// How long the partner asks to wait, from the headers of its answer that have one of
/// these names, the first that is readable; absent when it asks for nothing or for
/// something unreadable.
#[must_use]
pub fn from_headers(
    headers: &HeaderMap,
    names: &[impl AsRef<str>],
    now: Timestamp,
) -> Option<Duration> {
    names
        .iter()
        .filter_map(|name| headers.get(name.as_ref())?.to_str().ok())
        .find_map(|value| parse(value, now))
}

/// Reads one value: seconds (a fraction is accepted and rounded up to
/// milliseconds) or an HTTP-date. A date that has passed asks for no wait.
#[must_use]
pub fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if value.len() > VALUE_BYTES_MAX {
        return None;
    }
    seconds(value).or_else(|| Some(http_date(value)?.since(now)))
}

/// `120`, or `1.5` as some partners write it.
fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    // Only overflow is left: so long a wait is as good as endless.
    let whole = whole.parse().unwrap_or(u64::MAX / 1_000);
    let mut millis = 0;
    for (place, digit) in fraction.bytes().enumerate() {
        let digit = u64::from(digit - b'0');
        match place {
            0..=2 => millis += digit * [100, 10, 1][place],
            _ if digit > 0 => {
                millis += 1;
                break;
            }
            _ => {}
        }
    }
    Some(Duration::from_millis(
        whole.saturating_mul(1_000).saturating_add(millis),
    ))
}

/// An HTTP-date in the form of RFC 1123, RFC 850 or asctime. Two digits of a
/// year from 69 on are of the last century: nobody asks to wait for decades.
fn http_date(value: &str) -> Option<Timestamp> {
    const FORMS: [&str; 3] = [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    ];
    let moment = FORMS
        .iter()
        .find_map(|form| strtime::parse(form, value).ok()?.to_datetime().ok())?;
    let zoned = moment.to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// 1994-11-06T08:49:07Z, half a minute before the date of the examples.
    const NOW: Timestamp = Timestamp::from_millis(784_111_747_000);

    #[test]
    fn reads_seconds_and_every_form_of_date() {
        let cases = [
            ("0", Some(0)),
            ("120", Some(120_000)),
            (" 7 ", Some(7_000)),
            ("1.5", Some(1_500)),
            ("0.0001", Some(1)),
            ("2.0000", Some(2_000)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30_000)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(30_000)),
            ("Sun Nov  6 08:49:37 1994", Some(30_000)),
            ("Saturday, 06-Nov-99 08:49:07 GMT", Some(157_766_400_000)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
            ("Sat, 05 Nov 1994 08:49:07 GMT", Some(0)),
            ("", None),
            ("soon", None),
            ("-5", None),
            ("5s", None),
            ("1.", None),
            (".5", None),
            ("1e3", None),
            ("Sun, 06 Nov 1994 08:49:37 PST", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ];
        for (value, millis) in cases {
            assert_eq!(
                parse(value, NOW),
                millis.map(Duration::from_millis),
                "{value:?}"
            );
        }
    }

    #[test]
    fn an_endless_wait_is_not_an_error() {
        let wait = parse("99999999999999999999999999", NOW).expect("readable");
        assert!(wait > Duration::from_secs(86_400 * 365 * 1_000));
        assert_eq!(parse(&"9".repeat(65), NOW), None);
    }

    #[test]
    fn falls_back_to_the_variant_when_the_standard_header_is_unreadable() {
        let mut headers = HeaderMap::new();
        assert_eq!(from_headers(&headers, &NAMES, NOW), None);
        headers.insert("x-retry-after", HeaderValue::from_static("9"));
        assert_eq!(
            from_headers(&headers, &NAMES, NOW),
            Some(Duration::from_secs(9))
        );
        headers.insert("retry-after", HeaderValue::from_static("later"));
        assert_eq!(
            from_headers(&headers, &NAMES, NOW),
            Some(Duration::from_secs(9))
        );
        headers.insert("retry-after", HeaderValue::from_static("3"));
        assert_eq!(
            from_headers(&headers, &NAMES, NOW),
            Some(Duration::from_secs(3))
        );
    }

    proptest! {
        #[test]
        fn never_panics(value in ".{0,80}", now: i64) {
            let _ = parse(&value, Timestamp::from_millis(now));
        }

        #[test]
        fn whole_seconds_are_read_exactly(seconds in 0..10_000_000_u64) {
            prop_assert_eq!(
                parse(&seconds.to_string(), NOW),
                Some(Duration::from_secs(seconds))
            );
        }
    }
}
