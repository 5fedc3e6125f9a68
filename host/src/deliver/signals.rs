//! What a partner's answers say about how much more it takes.
//!
//! Beside `Retry-After`, partners count calls down in headers of their own, and some
//! tell how much of a quota is used (`Sforce-Limit-Info: api-usage=18/15000`). Read
//! here, so that the lane stops before it is refused; pure, and within bounds whatever
//! an answer holds.

use std::{fmt, time::Duration};

use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

use super::retry_after;
use crate::clock::Timestamp;

/// The longest value worth reading, in bytes. `Sforce-Limit-Info` may list several
/// quotas.
const VALUE_BYTES_MAX: usize = 512;

/// `signals` of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default = "Config::standard")]
pub struct Config {
    /// `retry_after_headers`: what carries how long to wait, seconds or a date; the
    /// first that is readable counts. Default `retry-after`, `x-retry-after`.
    pub retry_after_headers: Vec<String>,
    /// `remaining_headers`: what carries how many calls are left. Default
    /// `x-remaining-calls`, `x-rate-limit-remaining`, `x-ratelimit-remaining`,
    /// `ratelimit-remaining`.
    pub remaining_headers: Vec<String>,
    /// `remaining_calls_min`: with so many calls left, or fewer, the lane waits.
    /// Default 0.
    pub remaining_calls_min: u64,
    /// `remaining_wait_ms`: for how long, where the answer does not say it, in
    /// milliseconds. Default 5,000.
    pub remaining_wait_ms: u64,
    /// `usage_headers`: what carries how much of a quota is used, `18/15000`, with or
    /// without a name before it. Default `sforce-limit-info`.
    pub usage_headers: Vec<String>,
    /// `usage_percent_max`: when so much of it is used, the lane waits. Default 100.
    pub usage_percent_max: u32,
    /// `usage_wait_ms`: for how long, where the answer does not say it, in
    /// milliseconds. Default 300,000.
    pub usage_wait_ms: u64,
}

/// What one answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// How long the partner asks to wait, in so many words.
    pub retry_after: Option<Duration>,
    /// How long the lane waits, and why.
    pub hold: Option<Hold>,
}

/// A wait of the whole lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// For how long.
    pub wait: Duration,
    /// Why.
    pub because: Because,
}

/// Why a lane waits, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// The partner asked for it.
    Asked,
    /// Few calls are left.
    CallsLeft {
        /// Which header says so.
        header: String,
        /// How many.
        left: u64,
    },
    /// Much of a quota is used.
    QuotaUsed {
        /// Which header says so.
        header: String,
        /// How much.
        used: u64,
        /// Of how much.
        of: u64,
    },
}

// === impl Config ===

impl Config {
    /// The defaults, which a configuration overrides field by field.
    #[must_use]
    pub fn standard() -> Self {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            retry_after_headers: names(&retry_after::NAMES),
            remaining_headers: names(&[
                "x-remaining-calls",
                "x-rate-limit-remaining",
                "x-ratelimit-remaining",
                "ratelimit-remaining",
            ]),
            remaining_calls_min: 0,
            remaining_wait_ms: 5_000,
            usage_headers: names(&["sforce-limit-info"]),
            usage_percent_max: 100,
            usage_wait_ms: 300_000,
        }
    }

    /// The first setting that can't be used, and what it breaks.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str)> {
        let lists = [
            ("signals.retry_after_headers", &self.retry_after_headers),
            ("signals.remaining_headers", &self.remaining_headers),
            ("signals.usage_headers", &self.usage_headers),
        ];
        for (setting, names) in lists {
            if names.len() > 16 {
                return Some((setting, "must name at most 16 headers"));
            }
            let is_name = |name: &String| HeaderName::from_bytes(name.as_bytes()).is_ok();
            if !names.iter().all(is_name) {
                return Some((setting, "must hold names of headers"));
            }
        }
        (!(1..=100).contains(&self.usage_percent_max))
            .then_some(("signals.usage_percent_max", "must be between 1 and 100"))
    }

    /// What an answer with these headers says.
    #[must_use]
    pub fn read(&self, headers: &HeaderMap, now: Timestamp) -> Signals {
        let retry_after = retry_after::from_headers(headers, &self.retry_after_headers, now);
        let hold = self
            .calls_left(headers)
            .or_else(|| self.quota_used(headers));
        Signals {
            retry_after,
            hold: hold.map(|(because, wait_ms)| Hold {
                wait: retry_after.unwrap_or(Duration::from_millis(wait_ms)),
                because,
            }),
        }
    }

    fn calls_left(&self, headers: &HeaderMap) -> Option<(Because, u64)> {
        let few = values(headers, &self.remaining_headers)
            .filter_map(|(header, value)| Some((header, value.parse::<u64>().ok()?)))
            .find(|(_, left)| *left <= self.remaining_calls_min)?;
        let because = Because::CallsLeft {
            header: few.0.to_owned(),
            left: few.1,
        };
        Some((because, self.remaining_wait_ms))
    }

    fn quota_used(&self, headers: &HeaderMap) -> Option<(Because, u64)> {
        let percent_max = u128::from(self.usage_percent_max);
        let (header, used, of) = values(headers, &self.usage_headers)
            .flat_map(|(header, value)| {
                let quotas = value.split([';', ',', '(']);
                quotas.filter_map(move |quota| {
                    let (used, of) = quota_of(quota)?;
                    Some((header, used, of))
                })
            })
            .find(|(_, used, of)| u128::from(*used) * 100 >= u128::from(*of) * percent_max)?;
        let because = Because::QuotaUsed {
            header: header.to_owned(),
            used,
            of,
        };
        Some((because, self.usage_wait_ms))
    }
}

/// Readable values of these headers, without spaces around them.
fn values<'a>(
    headers: &'a HeaderMap,
    names: &'a [String],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    names.iter().flat_map(move |name| {
        headers
            .get_all(name.as_str())
            .iter()
            .filter_map(|value| value.to_str().ok())
            .filter(|value| value.len() <= VALUE_BYTES_MAX)
            .map(move |value| (name.as_str(), value.trim()))
    })
}

/// `18/15000`, or the same behind a name and `=`. What an app of its own may use
/// (`per-app-api-usage=17/250(appName=x)`) is a quota like another.
fn quota_of(text: &str) -> Option<(u64, u64)> {
    let (_, quota) = text.rsplit_once('=').unwrap_or(("", text));
    let (used, of) = quota.split_once('/')?;
    let (used, of) = (used.trim().parse().ok()?, of.trim().parse().ok()?);
    (of > 0).then_some((used, of))
}

// === impl Because ===

impl fmt::Display for Because {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => formatter.write_str("the partner asked to be left alone"),
            Self::CallsLeft { header, left } => {
                write!(formatter, "{header} says that {left} calls are left")
            }
            Self::QuotaUsed { header, used, of } => {
                write!(formatter, "{header} says that {used} of {of} are used")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_772_357_400_000);

    fn read(config: &Config, headers: &[(&'static str, &str)]) -> Signals {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        config.read(&map, NOW)
    }

    #[test]
    fn each_partners_way_of_saying_it_is_understood() {
        let config = Config::standard();
        let cases = [
            (vec![("x-remaining-calls", "1")], None),
            (vec![("x-remaining-calls", "many")], None),
            (
                vec![("x-remaining-calls", "0")],
                Some((5, "x-remaining-calls says that 0 calls are left")),
            ),
            (
                vec![("x-remaining-calls", "0"), ("x-retry-after", "7")],
                Some((7, "x-remaining-calls says that 0 calls are left")),
            ),
            (vec![("sforce-limit-info", "api-usage=18/15000")], None),
            (
                vec![("sforce-limit-info", "api-usage=15000/15000")],
                Some((300, "sforce-limit-info says that 15000 of 15000 are used")),
            ),
            (
                vec![(
                    "sforce-limit-info",
                    "api-usage=18/15000; per-app-api-usage=250/250(appName=sample)",
                )],
                Some((300, "sforce-limit-info says that 250 of 250 are used")),
            ),
            (vec![("sforce-limit-info", "api-usage=0/0")], None),
            (vec![("retry-after", "9")], None),
        ];
        for (headers, expected) in cases {
            let hold = read(&config, &headers).hold;
            let found = hold.map(|hold| (hold.wait.as_secs(), hold.because.to_string()));
            let expected = expected.map(|(wait, text)| (wait, text.to_owned()));
            assert_eq!(found, expected, "{headers:?}");
        }
        let asked = read(&config, &[("x-retry-after", "9")]);
        assert_eq!(asked.retry_after, Some(Duration::from_secs(9)));
    }

    #[test]
    fn names_and_limits_are_settings() {
        let config: Config = toml::from_str(
            "retry_after_headers = ['X-Wait']\nremaining_headers = ['X-Left']\nremaining_calls_min = 2\nremaining_wait_ms = 1000\nusage_percent_max = 90",
        )
        .expect("a configuration");
        assert_eq!(config.fault(), None);
        let wait = |headers: &[(&'static str, &str)]| {
            read(&config, headers).hold.map(|hold| hold.wait.as_secs())
        };
        assert_eq!(wait(&[("x-left", "3")]), None);
        assert_eq!(wait(&[("x-left", "2")]), Some(1));
        assert_eq!(wait(&[("x-left", "2"), ("x-wait", "4")]), Some(4));
        assert_eq!(wait(&[("sforce-limit-info", "api-usage=89/100")]), None);
        assert_eq!(
            wait(&[("sforce-limit-info", "api-usage=90/100")]),
            Some(300)
        );
        let fault = |text: &str| {
            let config: Config = toml::from_str(text).expect("a configuration");
            config.fault().map(|(setting, _)| setting)
        };
        let faults = [
            ("usage_percent_max = 0", "signals.usage_percent_max"),
            ("usage_headers = ['a b']", "signals.usage_headers"),
        ];
        for (text, setting) in faults {
            assert_eq!(fault(text), Some(setting));
        }
    }

    proptest! {
        #[test]
        fn whatever_a_header_holds_is_no_trouble(value in "[ -~]{0,600}", percent in 1..=100_u32) {
            let config = Config { usage_percent_max: percent, ..Config::standard() };
            read(&config, &[("sforce-limit-info", &value), ("x-remaining-calls", &value)]);
        }

        #[test]
        fn a_lane_waits_exactly_from_its_share_on(used: u32, of in 1..u32::MAX, percent in 1..=100_u32) {
            let config = Config { usage_percent_max: percent, ..Config::standard() };
            let hold = read(&config, &[("sforce-limit-info", &format!("api-usage={used}/{of}"))]).hold;
            let reached = u64::from(used) * 100 >= u64::from(of) * u64::from(percent);
            prop_assert_eq!(hold.is_some(), reached);
        }
    }
}
