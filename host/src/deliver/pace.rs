//! When the next request may go to a partner, for all who send to it.
//!
//! The lane asks it before a delivery is dispatched, and each conversation under way
//! before its further requests: the rate counts requests, not deliveries, and a wait
//! that one answer asks for holds all of them at once. One number and one wait behind
//! a lock; time is given.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{breaker::Outcome, rate::Rate, signals::Hold};
use crate::clock::Timestamp;

/// What one request may count for at most: more would hold a lane up for hours by an
/// adapter's slip.
pub const COST_MAX: u32 = 1_000;

/// The pace of one lane. Clones share it.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Mutex<Shared>>);

#[derive(Debug)]
struct Shared {
    rate: Rate,
    /// The longest wait of the partner's that is obeyed.
    wait_max: Duration,
    held: Option<Held>,
}

/// A wait that the partner asked for, or that its answers made necessary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// No request before this moment.
    pub until: Timestamp,
    /// Why, for people.
    pub because: String,
}

/// When a further request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At this moment, which is now or soon; it is counted.
    At(Timestamp),
    /// Not before this moment, which is far: nothing is counted.
    Later(Timestamp),
}

// === impl Pace ===

impl Pace {
    /// At this rate, and with waits of at most so long.
    #[must_use]
    pub fn new(rate: Rate, wait_max: Duration) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            rate,
            wait_max,
            held: None,
        })))
    }

    /// The earliest moment for the next request: `now` when it may go at once.
    #[must_use]
    pub fn next_free(&self, now: Timestamp) -> Timestamp {
        self.shared().next_free(now)
    }

    /// Counts the first request of a delivery, which goes now.
    pub fn take(&self, now: Timestamp) {
        self.shared().rate.take(now, 1);
    }

    /// Counts what the first request of a delivery costs beyond one.
    pub fn take_more(&self, cost: u32, now: Timestamp) {
        self.shared()
            .rate
            .take(now, cost.min(COST_MAX).saturating_sub(1));
    }

    /// Counts a request that went without asking for its turn.
    pub fn count(&self, cost: u32, now: Timestamp) {
        self.shared().rate.take(now, cost.min(COST_MAX));
    }

    /// The turn of a further request that costs so much, counted from now on: whoever
    /// asks next comes after it. One that would come only after `patience` is not
    /// counted. A request without cost has its turn at once.
    #[must_use]
    pub fn reserve(&self, cost: u32, now: Timestamp, patience: Duration) -> Turn {
        let mut shared = self.shared();
        let at = match cost {
            0 => shared.held_until(now),
            _ => shared.next_free(now),
        };
        if at.since(now) > patience {
            return Turn::Later(at);
        }
        shared.rate.take(at, cost.min(COST_MAX));
        Turn::At(at)
    }

    /// Takes up what an answer asks for, for all who send to the partner.
    pub fn answered(&self, outcome: &Outcome, hold: Option<&Hold>, now: Timestamp) {
        let mut shared = self.shared();
        if let Some(wait) = outcome.asks_to_wait() {
            let until = now.plus(wait.min(shared.wait_max));
            shared.hold_until(until, &super::signals::Because::Asked.to_string());
        }
        if let Some(hold) = hold {
            let until = now.plus(hold.wait.min(shared.wait_max));
            shared.hold_until(until, &hold.because.to_string());
        }
    }

    /// No request before `until`; an earlier wait never shortens a longer one.
    pub fn hold_until(&self, until: Timestamp, because: &str) {
        self.shared().hold_until(until, because);
    }

    /// The wait, if its end is ahead.
    #[must_use]
    pub fn held(&self, now: Timestamp) -> Option<Held> {
        self.shared().held.clone().filter(|held| held.until > now)
    }

    /// Until when nothing may go, `now` when nothing holds it.
    #[must_use]
    pub fn held_until(&self, now: Timestamp) -> Timestamp {
        self.shared().held_until(now)
    }

    /// Forgets the wait (an operator's decision).
    pub fn release(&self) {
        self.shared().held = None;
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Shared ===

impl Shared {
    fn next_free(&self, now: Timestamp) -> Timestamp {
        self.rate.next_free(now).max(self.held_until(now))
    }

    fn held_until(&self, now: Timestamp) -> Timestamp {
        self.held.as_ref().map_or(now, |held| held.until.max(now))
    }

    fn hold_until(&mut self, until: Timestamp, because: &str) {
        if self.held.as_ref().is_none_or(|held| held.until < until) {
            self.held = Some(Held {
                until,
                because: because.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::deliver::signals::Because;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + millis)
    }

    fn pace(per_second: Option<f64>) -> Pace {
        Pace::new(Rate::new(per_second, 1), Duration::from_secs(3_600))
    }

    #[test]
    fn conversations_take_turns_with_dispatches() {
        let pace = pace(Some(1.0));
        pace.take(at(0));
        assert_eq!(pace.reserve(1, at(0), PATIENCE), Turn::At(at(1_000)));
        assert_eq!(pace.reserve(2, at(0), PATIENCE), Turn::At(at(2_000)));
        assert_eq!(pace.next_free(at(0)), at(4_000));
        assert_eq!(pace.reserve(0, at(0), PATIENCE), Turn::At(at(0)));
        pace.take_more(8, at(0));
        assert_eq!(pace.reserve(1, at(0), PATIENCE), Turn::Later(at(11_000)));
        assert_eq!(
            pace.next_free(at(0)),
            at(11_000),
            "what waits long is not counted"
        );
    }

    #[test]
    fn a_wait_holds_everybody_and_says_why() {
        let pace = pace(None);
        let hold = Hold {
            wait: Duration::from_secs(5),
            because: Because::CallsLeft {
                header: "x-remaining-calls".to_owned(),
                left: 0,
            },
        };
        let answered = Outcome::Answered {
            took: Duration::from_millis(20),
        };
        pace.answered(&answered, None, at(0));
        assert_eq!(pace.held(at(0)), None);
        pace.answered(&answered, Some(&hold), at(0));
        let held = pace.held(at(4_999)).expect("held");
        assert_eq!(held.until, at(5_000));
        assert_eq!(held.because, "x-remaining-calls says that 0 calls are left");
        assert_eq!(pace.reserve(0, at(0), PATIENCE), Turn::At(at(5_000)));
        let throttled = Outcome::Throttled {
            retry_after: Duration::from_secs(86_400),
        };
        pace.answered(&throttled, None, at(0));
        assert_eq!(pace.next_free(at(0)), at(3_600_000), "within its bound");
        pace.answered(&answered, Some(&hold), at(1_000));
        assert_eq!(pace.next_free(at(0)), at(3_600_000), "never shortened");
        pace.release();
        assert_eq!(pace.next_free(at(0)), at(0));
    }

    proptest! {
        #[test]
        fn no_span_holds_more_than_its_share_of_costs(
            per_second in 0.5..50.0_f64,
            burst in 1..10_u32,
            asks in proptest::collection::vec((0..2_000_i64, 0..5_u32, any::<bool>()), 1..80),
        ) {
            let pace = Pace::new(Rate::new(Some(per_second), burst), Duration::from_secs(60));
            let mut now = 0;
            let mut sent: Vec<(Timestamp, u32)> = Vec::new();
            for (pause, cost, first) in asks {
                now += pause;
                if first && pace.next_free(at(now)) == at(now) {
                    pace.take(at(now));
                    pace.take_more(cost.max(1), at(now));
                    sent.push((at(now), cost.max(1)));
                } else if let Turn::At(when) = pace.reserve(cost, at(now), PATIENCE) {
                    prop_assert!(when >= at(now) && when.since(at(now)) <= PATIENCE);
                    sent.push((when, cost));
                }
            }
            sent.sort();
            for (index, (first, _)) in sent.iter().enumerate() {
                // A dear request goes when there is room for one; it is paid for after.
                let dearest = sent[index..].iter().map(|(_, cost)| *cost).max().unwrap_or(0);
                let mut cost = 0;
                for (last, more) in &sent[index..] {
                    cost += more;
                    let span = last.since(*first).as_secs_f64() + 0.001;
                    let most = per_second * span + f64::from(burst + dearest) + 1.0;
                    prop_assert!(f64::from(cost) <= most, "{} in {} s", cost, span);
                }
            }
        }
    }
}
