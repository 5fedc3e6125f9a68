//! What follows from an attempt: delivered, tried again, or given up.
//!
//! Pure: the engine journals the record and tells the lane.

use std::time::Duration;

use super::conversation::{End, Ended};
use crate::{
    clock::Timestamp,
    deliver::{
        breaker::{self, Transition},
        lane::{Dispatch, Finish},
        retry::{Exhausted, Retry, Schedule},
    },
    message::{DeadLetterId, DeliveryId, PartnerName},
    record::{Attempted, BreakerMoved, Failure, Outcome, Record},
    view::{DeliveryRow, DeliveryStatus},
};

/// How soon a delivery is taken up again for which the host had no room.
const NO_ROOM: Duration = Duration::from_millis(50);

/// The record of an attempt, and what the lane is told. No record when nothing was
/// tried.
pub(super) fn outcome(
    partner: &PartnerName,
    ended: Ended,
    moved: Option<&Transition>,
    schedule: &Schedule,
    now: Timestamp,
    random: u64,
) -> (Option<Record>, Finish) {
    let (outcome, finish) = match ended.end {
        End::NoRoom => {
            let moved = moved.map(|transition| breaker_moved(partner, transition));
            return (moved, Finish::Later(now.plus(NO_ROOM)));
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
        breaker: moved.map(|transition| transition.state),
    });
    (Some(record), finish)
}

/// The record of a breaker that moved without an attempt.
pub(super) fn breaker_moved(partner: &PartnerName, transition: &Transition) -> Record {
    Record::BreakerMoved(BreakerMoved {
        partner: partner.clone(),
        at: transition.at,
        state: transition.state,
        because: format!("{:?}", transition.cause),
    })
}

/// An attempt that could not begin, because the host lacks something. It counts as
/// a failed one, so that it ends as a dead letter when nobody mends it.
pub(super) fn never_began(
    dispatch: &Dispatch<DeliveryId>,
    failure: Failure,
    now: Timestamp,
) -> Ended {
    Ended {
        delivery: dispatch.id,
        number: dispatch.attempt,
        adapter: None,
        first_attempt_at: now,
        calls: vec![breaker::Outcome::Ours],
        took: Duration::ZERO,
        answer: None,
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
