//! Waiting for a request's turn in the lane's pace.
//!
//! A delivery is dispatched when its first request may go; the further ones of its
//! conversation wait here, each counted, so that the rate holds for requests. A short
//! wait is waited for. For a long one (a quota is used up, the partner asked for
//! minutes) the delivery goes back into its lane, where it takes nobody's place and a
//! restart finds it.

use std::time::Duration;

use crate::{
    clock::{Clock, Timestamp},
    deliver::pace::{Pace, Turn},
};

/// How long a conversation waits with its place taken.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until a request that costs so much may go. The dispatch of the delivery has
/// counted one for its first request.
///
/// # Errors
/// The moment to go on at, when that is far.
pub(super) async fn wait(
    pace: &Pace,
    clock: &Clock,
    cost: u32,
    is_first: bool,
) -> Result<(), Timestamp> {
    let now = clock.now();
    let mut at = if is_first {
        pace.take_more(cost, now);
        pace.held_until(now)
    } else {
        match pace.reserve(cost, now, PATIENCE) {
            Turn::At(at) => at,
            Turn::Later(at) => return Err(at),
        }
    };
    loop {
        let now = clock.now();
        // An answer to somebody else may have asked for a wait in the meantime.
        at = at.max(pace.held_until(now));
        let left = at.since(now);
        if left.is_zero() {
            return Ok(());
        }
        if left > PATIENCE {
            return Err(at);
        }
        tokio::time::sleep(left).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::rate::Rate;

    const START: Timestamp = Timestamp::from_millis(1_772_357_400_000);

    fn pace(per_second: f64) -> Pace {
        Pace::new(Rate::new(Some(per_second), 1), Duration::from_secs(3_600))
    }

    #[tokio::test]
    async fn the_first_request_goes_with_its_dispatch_and_the_rest_is_counted() {
        let (pace, clock) = (pace(1.0), Clock::manual(START));
        pace.take(START);
        assert_eq!(wait(&pace, &clock, 3, true).await, Ok(()));
        // One for the dispatch, two more for what it costs.
        assert_eq!(pace.next_free(START), START.plus(Duration::from_secs(3)));
        let later = START.plus(Duration::from_secs(3));
        clock.advance(Duration::from_secs(3));
        assert_eq!(wait(&pace, &clock, 1, false).await, Ok(()));
        assert_eq!(pace.next_free(later), later.plus(Duration::from_secs(1)));
    }

    #[tokio::test]
    async fn a_long_wait_is_left_to_the_lane_and_not_counted() {
        let (pace, clock) = (pace(0.01), Clock::manual(START));
        pace.take(START);
        let at = START.plus(Duration::from_secs(100));
        assert_eq!(wait(&pace, &clock, 1, false).await, Err(at));
        assert_eq!(pace.next_free(START), at);
        let held = START.plus(Duration::from_secs(60));
        pace.hold_until(held, "the partner asked to be left alone");
        assert_eq!(wait(&pace, &clock, 1, true).await, Err(held));
    }
}
