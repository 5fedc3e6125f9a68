//! When a token is used, renewed and given up.
//!
//! Pure: time is given, and fetching is somebody else's work. Promises: a token is
//! used as long as it lives, also when its renewal fails; it is renewed from 80 % of
//! its life on; an endpoint that just failed is left alone for a moment, during which
//! everybody gets the same failure.

use std::time::Duration;

use super::Token;
use crate::clock::Timestamp;

/// From this share of a token's life on it is renewed, in per cent.
const RENEWED_AT_PERCENT: u32 = 80;

/// How long a renewal that failed is not tried again: the token in hand still lives.
const RENEWAL_RESTS: Duration = Duration::from_secs(30);

/// A token that was fetched because another was refused, and that is refused within
/// this time as well, shows that it is not the token's fault.
const FORCED_AGAIN: Duration = Duration::from_secs(60);

/// The token in hand, and how fetching went.
#[derive(Clone, Debug)]
pub struct Cache<E> {
    held: Option<Held>,
    failure: Option<Failed<E>>,
    /// Whether the next token takes the place of one that was refused.
    forced: bool,
    fetched: u64,
    failed: u64,
}

#[derive(Clone, Debug)]
struct Held {
    token: Token,
    fetched_at: Timestamp,
    renew_at: Timestamp,
    expires_at: Timestamp,
    forced: bool,
}

#[derive(Clone, Debug)]
struct Failed<E> {
    at: Timestamp,
    stands_until: Timestamp,
    failure: E,
}

/// What to do for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan<E> {
    /// Send it with this token.
    Use(Token),
    /// The same, and fetch the next one meanwhile.
    Renew(Token),
    /// Fetch a token first.
    Fetch,
    /// Fetching has just failed.
    Failed(E),
}

/// How a token stands, for people: never the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status<E> {
    /// When the token in hand was fetched; absent when there is none.
    pub fetched_at: Option<Timestamp>,
    /// Until when it lives.
    pub expires_at: Option<Timestamp>,
    /// How often fetching succeeded since the start.
    pub fetched: u64,
    /// How often it failed.
    pub failed: u64,
    /// The last failure.
    pub failure: Option<(Timestamp, E)>,
}

// === impl Cache ===

impl<E> Default for Cache<E> {
    fn default() -> Self {
        Self {
            held: None,
            failure: None,
            forced: false,
            fetched: 0,
            failed: 0,
        }
    }
}

impl<E: Clone> Cache<E> {
    /// What to do for a request that is sent now.
    #[must_use]
    pub fn plan(&self, now: Timestamp) -> Plan<E> {
        let failed = self.failure.as_ref();
        match &self.held {
            Some(held) if now < held.renew_at => Plan::Use(held.token.clone()),
            Some(held) if now < held.expires_at => match failed {
                Some(failed) if now < failed.at.plus(RENEWAL_RESTS) => {
                    Plan::Use(held.token.clone())
                }
                _ => Plan::Renew(held.token.clone()),
            },
            _ => match failed {
                Some(failed) if now < failed.stands_until => Plan::Failed(failed.failure.clone()),
                _ => Plan::Fetch,
            },
        }
    }

    /// A token was fetched, which lives so long.
    pub fn fetched(&mut self, token: Token, life: Duration, now: Timestamp) {
        self.fetched += 1;
        self.failure = None;
        self.held = Some(Held {
            token,
            fetched_at: now,
            renew_at: now.plus(life / 100 * RENEWED_AT_PERCENT),
            expires_at: now.plus(life),
            forced: std::mem::take(&mut self.forced),
        });
    }

    /// Fetching failed, and asking again is of no use for so long.
    pub fn failed(&mut self, failure: E, stands: Duration, now: Timestamp) {
        self.failed += 1;
        self.failure = Some(Failed {
            at: now,
            stands_until: now.plus(stands),
            failure,
        });
    }

    /// The partner refused a request with this token. Whether another one is worth
    /// fetching: not when this one has just taken the place of a refused one.
    pub fn refused(&mut self, token: &Token, now: Timestamp) -> bool {
        match &self.held {
            Some(held) if held.token == *token => {
                if held.forced && now < held.fetched_at.plus(FORCED_AGAIN) {
                    return false;
                }
                self.held = None;
                self.forced = true;
                true
            }
            // Somebody else has seen to it already.
            _ => true,
        }
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status<E> {
        Status {
            fetched_at: self.held.as_ref().map(|held| held.fetched_at),
            expires_at: self.held.as_ref().map(|held| held.expires_at),
            fetched: self.fetched,
            failed: self.failed,
            failure: self
                .failure
                .as_ref()
                .map(|failed| (failed.at, failed.failure.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_772_357_400_000).plus(Duration::from_secs(seconds))
    }

    fn token(name: &str) -> Token {
        Token::new(name).expect("a token")
    }

    #[test]
    fn a_token_is_renewed_at_four_fifths_and_used_to_its_end() {
        let mut cache = Cache::default();
        assert_eq!(cache.plan(at(0)), Plan::Fetch);
        cache.fetched(token("a"), HOUR, at(0));
        assert_eq!(cache.plan(at(2_879)), Plan::Use(token("a")));
        assert_eq!(cache.plan(at(2_880)), Plan::Renew(token("a")));
        cache.failed("down", Duration::from_secs(1), at(2_880));
        assert_eq!(cache.plan(at(2_909)), Plan::Use(token("a")));
        assert_eq!(cache.plan(at(2_910)), Plan::Renew(token("a")));
        assert_eq!(cache.plan(at(3_599)), Plan::Renew(token("a")));
        assert_eq!(cache.plan(at(3_600)), Plan::Fetch);
        cache.fetched(token("b"), HOUR, at(3_600));
        assert_eq!(cache.plan(at(3_601)), Plan::Use(token("b")));
        assert_eq!((cache.status().fetched, cache.status().failed), (2, 1));
        assert_eq!(cache.status().failure, None);
    }

    #[test]
    fn a_failure_stands_for_a_moment() {
        let mut cache = Cache::default();
        cache.failed("down", Duration::from_secs(1), at(0));
        assert_eq!(cache.plan(at(0)), Plan::Failed("down"));
        assert_eq!(cache.plan(at(1)), Plan::Fetch);
    }

    #[test]
    fn a_refused_token_is_replaced_once() {
        let mut cache: Cache<&str> = Cache::default();
        cache.fetched(token("a"), HOUR, at(0));
        assert!(cache.refused(&token("a"), at(1)));
        assert_eq!(cache.plan(at(1)), Plan::Fetch);
        // Another delivery had the same token.
        assert!(cache.refused(&token("a"), at(1)));
        cache.fetched(token("b"), HOUR, at(1));
        assert!(cache.refused(&token("a"), at(1)));
        assert_eq!(cache.plan(at(1)), Plan::Use(token("b")));
        // The new one is refused too: it is not the token.
        assert!(!cache.refused(&token("b"), at(2)));
        assert_eq!(cache.plan(at(2)), Plan::Use(token("b")));
        assert!(cache.refused(&token("b"), at(61)));
    }

    proptest! {
        #[test]
        fn no_token_is_used_after_its_life_nor_fetched_while_it_is_fresh(
            steps in proptest::collection::vec((0..4_000_u64, 0..4_u8, 1..3_600_u64), 1..60),
        ) {
            let mut cache: Cache<u64> = Cache::default();
            let mut now = 0;
            let mut alive: Option<(u64, u64)> = None;
            for (step, (pause, event, life)) in steps.into_iter().enumerate() {
                now += pause;
                match cache.plan(at(now)) {
                    Plan::Use(_) | Plan::Renew(_) => {
                        let (since, life) = alive.expect("a token is in hand");
                        prop_assert!(now < since + life);
                    }
                    Plan::Fetch | Plan::Failed(_) => {
                        if let Some((since, life)) = alive {
                            prop_assert!(now >= since + life);
                        }
                    }
                }
                match event {
                    0 => {
                        cache.fetched(token(&step.to_string()), Duration::from_secs(life), at(now));
                        alive = Some((now, life));
                    }
                    1 => cache.failed(now, Duration::from_secs(1), at(now)),
                    _ => {}
                }
            }
        }
    }
}
