//! What follows from an attempt: delivered, tried again, or given up.
//!
//! Pure: the engine journals the record and tells the lane.

use std::time::Duration;

use super::conversation::{End, Ended};
use crate::{
    clock::Timestamp,
    deliver::{
        breaker::{self, Transition},
        lane::Finish,
        pace::Held,
        retry::{Exhausted, Retry, Schedule},
    },
    message::{DeadLetterId, DeliveryId, PartnerName},
    record::{Attempted, BreakerMoved, Failure, Log, Outcome, Record},
    view::{DeliveryRow, DeliveryStatus},
};

/// How soon a delivery is taken up again for which the host had no room.
const NO_ROOM: Duration = Duration::from_millis(50);

/// What an attempt changed in the lane.
pub(super) struct Moved<'a> {
    /// The breaker.
    pub(super) breaker: Option<&'a Transition>,
    /// A wait of the partner's that no record holds yet.
    pub(super) held: Option<Held>,
}

/// The record of an attempt, and what the lane is told. No record when nothing was
/// tried.
pub(super) fn outcome(
    partner: &PartnerName,
    ended: Ended,
    moved: &Moved<'_>,
    schedule: &Schedule,
    now: Timestamp,
    random: u64,
) -> (Option<Record>, Finish) {
    let (outcome, finish) = match ended.end {
        End::NoRoom => {
            let moved = moved.breaker.map(|it| breaker_moved(partner, it));
            return (moved, Finish::Later(now.plus(NO_ROOM)));
        }
        End::Later(at) => {
            let moved = moved.breaker.map(|it| breaker_moved(partner, it));
            return (moved, Finish::Later(at));
        }
        End::Done(external_id) => (Outcome::Delivered { external_id }, Finish::Done),
        End::AlreadyDone(external_id) => (Outcome::AlreadyDelivered { external_id }, Finish::Done),
        End::Rejected(failure) => dead(now, "rejected", failure),
        End::Adapter(failure) => dead(now, "adapter", failure),
        End::Failed {
            failure,
            retry_after,
        } => {
            let next = schedule.next(
                ended.number,
                ended.first_attempt_at,
                now,
                retry_after,
                random,
            );
            match next {
                Retry::At(not_before) => (
                    Outcome::Retry {
                        not_before,
                        failure,
                    },
                    Finish::Again(not_before),
                ),
                Retry::GiveUp(Exhausted::Attempts) => dead(now, "attempts", failure),
                Retry::GiveUp(Exhausted::Age) => dead(now, "age", failure),
            }
        }
    };
    let record = Record::Attempted(Attempted {
        delivery: ended.delivery,
        to: partner.clone(),
        attempt: ended.number,
        at: now,
        adapter: ended.adapter,
        took_ms: u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX),
        answer: ended.answer,
        outcome,
        breaker: moved.breaker.map(|transition| transition.state),
        held_until: moved.held.as_ref().map(|held| held.until),
        held_because: moved.held.as_ref().map(|held| held.because.clone()),
        log: ended.log,
        tables: ended.tables,
    });
    (Some(record), finish)
}

/// The record of a breaker that moved without an attempt.
pub(super) fn breaker_moved(partner: &PartnerName, transition: &Transition) -> Record {
    Record::BreakerMoved(BreakerMoved {
        partner: partner.clone(),
        at: transition.at,
        state: transition.state,
        because: transition.cause.to_string(),
    })
}

/// An attempt that could not begin, because the host lacks something. It counts as
/// a failed one, so that it ends as a dead letter when nobody mends it. The age of
/// the delivery counts from its first attempt, which may have been long before.
pub(super) fn never_began(
    delivery: DeliveryId,
    number: u32,
    failure: Failure,
    first_attempt_at: Timestamp,
) -> Ended {
    Ended {
        delivery,
        number,
        adapter: None,
        first_attempt_at,
        calls: vec![breaker::Outcome::Ours],
        took: Duration::ZERO,
        answer: None,
        log: Log::default(),
        tables: Vec::new(),
        end: End::Failed {
            failure,
            retry_after: None,
        },
    }
}

/// When a delivery goes again after a restart. One that was under way goes at
/// once: whether the partner got it nobody knows, so it gets the same request
/// again.
pub(super) fn due_again(row: &DeliveryRow, now: Timestamp) -> Timestamp {
    match row.status {
        DeliveryStatus::Retrying { not_before } => not_before,
        _ => now,
    }
}

fn dead(now: Timestamp, because: &str, failure: Failure) -> (Outcome, Finish) {
    let outcome = Outcome::Dead {
        dead_letter: DeadLetterId::new(now),
        because: because.to_owned(),
        failure,
    };
    (outcome, Finish::Dropped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageId;

    #[test]
    fn what_never_begins_ends_by_its_age_counted_from_its_first_attempt() {
        let begun = Timestamp::from_millis(1_772_357_400_000);
        let delivery = DeliveryId {
            message: MessageId::new(begun),
            ordinal: 1,
        };
        let outcome_at = |now: Timestamp| {
            let failure = Failure::host("its adapter is gone");
            let ended = never_began(delivery, 3, failure, begun);
            let moved = Moved {
                breaker: None,
                held: None,
            };
            let partner = PartnerName::parse("north").unwrap();
            let schedule = Schedule::standard();
            match outcome(&partner, ended, &moved, &schedule, now, 0).0 {
                Some(Record::Attempted(attempted)) => attempted.outcome,
                other => panic!("{other:?}"),
            }
        };
        let day = Duration::from_secs(24 * 3_600);
        let soon = outcome_at(begun.plus(Duration::from_secs(60)));
        assert!(matches!(soon, Outcome::Retry { .. }), "{soon:?}");
        let late = outcome_at(begun.plus(day));
        assert!(
            matches!(&late, Outcome::Dead { because, .. } if because == "age"),
            "{late:?}"
        );
    }
}
