//! When a partner is asked for news that it does not send.
//!
//! Pure: the present and the randomness are given.

use std::{fmt, str::FromStr as _, time::Duration};

use cronexpr::{Crontab, MakeTimestamp};
use serde::Deserialize;

use crate::clock::Timestamp;

/// The first wait after a failure, for partners that are asked less often.
const AGAIN_FIRST: Duration = Duration::from_secs(60);

/// The longest wait after failures.
const AGAIN_MAX: Duration = Duration::from_secs(3_600);

/// The longest interval and the longest jitter.
const SECONDS_MAX: u64 = 31 * 24 * 3_600;

/// `[partners.NAME.poll]`: when it is asked for news.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `interval_seconds`: so long after the last time; either this
    #[serde(default)]
    pub interval_seconds: Option<u64>,
    /// `cron`: or at these times, minute, hour, day of the month, month, day of the
    /// week: `*/15 6-20 * * MON-FRI`.
    #[serde(default)]
    pub cron: Option<String>,
    /// `time_zone`: whose clock `cron` means, `Europe/Berlin`. Default UTC.
    #[serde(default = "Config::time_zone")]
    pub time_zone: String,
    /// `jitter_seconds`: up to so much later, at random, so that many partners are not
    /// asked at once. Default 5.
    #[serde(default = "Config::jitter_seconds")]
    pub jitter_seconds: u64,
    /// `pages_max`: requests that one poll may make; a run that has made as many in all
    /// its polls makes no further one. Default 100.
    #[serde(default = "Config::pages_max")]
    pub pages_max: usize,
}

/// The same, checked.
#[derive(Clone, Debug)]
pub struct Plan {
    every: Every,
    text: String,
    jitter: Duration,
    /// Requests that one run may make.
    pub pages_max: usize,
}

#[derive(Clone, Debug)]
enum Every {
    Interval(Duration),
    Cron(Box<Crontab>),
}

/// A plan that can't be followed. The settings' fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {rule}")]
pub struct InvalidPlan {
    setting: &'static str,
    rule: String,
}

// === impl Config ===

impl Config {
    fn time_zone() -> String {
        "UTC".to_owned()
    }

    fn jitter_seconds() -> u64 {
        5
    }

    fn pages_max() -> usize {
        100
    }

    /// Checks it.
    ///
    /// # Errors
    /// Names the setting and what it must be.
    pub fn plan(&self) -> Result<Plan, InvalidPlan> {
        let invalid = |setting, rule: &dyn fmt::Display| InvalidPlan {
            setting,
            rule: rule.to_string(),
        };
        let (every, text) = match (self.interval_seconds, &self.cron) {
            (Some(seconds), None) => {
                if !(1..=SECONDS_MAX).contains(&seconds) {
                    let rule = format!("must be between 1 and {SECONDS_MAX}");
                    return Err(invalid("interval_seconds", &rule));
                }
                let every = Every::Interval(Duration::from_secs(seconds));
                (every, format!("every {seconds} s"))
            }
            (None, Some(cron)) => {
                let text = format!("{cron} {}", self.time_zone);
                let crontab = Crontab::from_str(&text).map_err(|error| invalid("cron", &error))?;
                (Every::Cron(Box::new(crontab)), text)
            }
            _ => return Err(invalid("interval_seconds", &"give either this or cron")),
        };
        if self.jitter_seconds > SECONDS_MAX {
            let rule = format!("must be at most {SECONDS_MAX}");
            return Err(invalid("jitter_seconds", &rule));
        }
        if self.pages_max == 0 {
            return Err(invalid("pages_max", &"must be at least 1"));
        }
        Ok(Plan {
            every,
            text,
            jitter: Duration::from_secs(self.jitter_seconds),
            pages_max: self.pages_max,
        })
    }
}

// === impl Plan ===

impl Plan {
    /// The first time after a start, where it was last asked at `last`, if ever. One
    /// that was missed meanwhile is made up for once.
    #[must_use]
    pub fn first(&self, last: Option<Timestamp>, now: Timestamp, random: u64) -> Timestamp {
        let due = match (&self.every, last) {
            (Every::Interval(_), None) => now,
            (Every::Cron(_), None) => self.after(now),
            (_, Some(last)) => self.after(last.min(now)).max(now),
        };
        due.plus(self.jitter(random))
    }

    /// The time after one that went well.
    #[must_use]
    pub fn next(&self, now: Timestamp, random: u64) -> Timestamp {
        self.after(now).plus(self.jitter(random))
    }

    /// The time after so many that failed in a row: soon at first, then less and less
    /// often, and not before the partner wants.
    #[must_use]
    pub fn again(
        &self,
        failures: u32,
        wait: Option<Duration>,
        now: Timestamp,
        random: u64,
    ) -> Timestamp {
        let first = match self.every {
            Every::Interval(interval) => interval.min(AGAIN_FIRST),
            Every::Cron(_) => AGAIN_FIRST,
        };
        let doublings = failures.saturating_sub(1).min(16);
        let grown = first.saturating_mul(1 << doublings).min(AGAIN_MAX);
        let wait = wait.unwrap_or_default().min(AGAIN_MAX).max(grown);
        now.plus(wait).plus(self.jitter(random))
    }

    fn after(&self, at: Timestamp) -> Timestamp {
        match &self.every {
            Every::Interval(interval) => at.plus(*interval),
            Every::Cron(crontab) => {
                let next = MakeTimestamp::from_millisecond(at.as_millis())
                    .and_then(|at| crontab.find_next(at))
                    .map(|next| next.timestamp().as_millisecond());
                // There is none within four years: the 31st of February.
                next.map_or(at.plus(AGAIN_MAX), Timestamp::from_millis)
            }
        }
    }

    fn jitter(&self, random: u64) -> Duration {
        let share = (self.jitter.as_millis() * u128::from(random)) >> 64;
        Duration::from_millis(u64::try_from(share).unwrap_or_default())
    }
}

/// For people.
impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_772_357_400_000);

    fn plan(text: &str) -> Result<Plan, InvalidPlan> {
        let config: Config = toml::from_str(text).expect("a plan");
        config.plan()
    }

    fn told(at: Timestamp) -> String {
        at.to_string()
    }

    #[test]
    fn an_interval_counts_from_the_last_time_and_makes_up_for_a_missed_one() {
        let plan = plan("interval_seconds = 60").unwrap();
        let minute = Duration::from_secs(60);
        assert_eq!(plan.to_string(), "every 60 s");
        assert_eq!(plan.next(NOW, 0), NOW.plus(minute));
        assert_eq!(plan.first(None, NOW, 0), NOW);
        let last = NOW.minus(Duration::from_secs(20));
        assert_eq!(plan.first(Some(last), NOW, 0), last.plus(minute));
        assert_eq!(plan.first(Some(NOW.minus(minute * 9)), NOW, 0), NOW);
        assert_eq!(
            plan.first(Some(NOW.plus(minute * 9)), NOW, 0),
            NOW.plus(minute)
        );
    }

    #[test]
    fn a_cron_expression_means_the_clock_of_its_time_zone() {
        // NOW is Sunday, 09:30 UTC; on the 29th of March Berlin's clocks go forward.
        let text = "cron = '30 2 * * *'\ntime_zone = 'Europe/Berlin'";
        let berlin = plan(text).unwrap();
        assert_eq!(told(berlin.next(NOW, 0)), "2026-03-02T01:30:00.000Z");
        let march = Timestamp::from_millis(1_774_666_800_000);
        assert_eq!(told(march), "2026-03-28T03:00:00.000Z");
        let skipped = berlin.next(march, 0);
        assert!(skipped > march && skipped < march.plus(Duration::from_secs(2 * 86_400)));
        let utc = plan("cron = '*/15 * * * *'").unwrap();
        assert_eq!(utc.to_string(), "*/15 * * * * UTC");
        assert_eq!(told(utc.next(NOW, 0)), "2026-03-01T09:45:00.000Z");
        assert_eq!(utc.first(None, NOW, 0), utc.next(NOW, 0));
        let yesterday = NOW.minus(Duration::from_secs(86_400));
        assert_eq!(utc.first(Some(yesterday), NOW, 0), NOW);
    }

    #[test]
    fn failures_come_further_apart_and_the_partners_wish_counts() {
        let often = plan("interval_seconds = 5\njitter_seconds = 0").unwrap();
        let waits = [1, 2, 3, 20].map(|failures| often.again(failures, None, NOW, 0).since(NOW));
        assert_eq!(waits.map(|wait| wait.as_secs()), [5, 10, 20, 3_600]);
        let daily = plan("cron = '0 3 * * *'").unwrap();
        assert_eq!(daily.again(1, None, NOW, 0).since(NOW), AGAIN_FIRST);
        let wish = Some(Duration::from_secs(600));
        assert_eq!(daily.again(1, wish, NOW, 0).since(NOW).as_secs(), 600);
        let wish = Some(Duration::from_secs(86_400));
        assert_eq!(daily.again(1, wish, NOW, 0).since(NOW), AGAIN_MAX);
    }

    #[test]
    fn jitter_comes_on_top_and_has_its_bound() {
        let plan = plan("interval_seconds = 60\njitter_seconds = 10").unwrap();
        let late = |random| plan.next(NOW, random).since(NOW).as_millis();
        assert_eq!(late(0), 60_000);
        assert_eq!(late(u64::MAX / 2), 64_999);
        assert_eq!(late(u64::MAX), 69_999);
    }

    #[test]
    fn plans_that_cannot_be_followed_are_named() {
        for (text, setting) in [
            ("", "interval_seconds"),
            (
                "interval_seconds = 5\ncron = '* * * * *'",
                "interval_seconds",
            ),
            ("interval_seconds = 0", "interval_seconds"),
            ("interval_seconds = 99999999", "interval_seconds"),
            ("cron = 'often'", "cron"),
            ("cron = '61 * * * *'", "cron"),
            ("cron = '* * * * *'\ntime_zone = 'Atlantis'", "cron"),
            (
                "interval_seconds = 5\njitter_seconds = 99999999",
                "jitter_seconds",
            ),
            ("interval_seconds = 5\npages_max = 0", "pages_max"),
        ] {
            let error = plan(text).unwrap_err();
            assert_eq!(error.setting, setting, "{text}: {error}");
        }
    }
}
