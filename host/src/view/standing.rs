//! How partners stand, summed up from records.
//!
//! Unlike the other rows, these depend on every record there ever was. So that old
//! records can be given up all the same, what they add up to is kept in the record
//! that gives them up.

use std::collections::BTreeMap;

use crate::{
    message::PartnerName,
    record::{Attempted, Outcome, PollStanding, Record, Standing},
};

/// Where partners' standings are.
pub(super) trait Standings {
    /// A partner's; that of one that nothing is known of when there is none.
    fn of(&mut self, partner: &PartnerName) -> &mut Standing;
}

impl Standings for BTreeMap<PartnerName, Standing> {
    fn of(&mut self, partner: &PartnerName) -> &mut Standing {
        self.entry(partner.clone()).or_default()
    }
}

/// Adds a record to the standings that those before it add up to.
pub fn tally(standings: &mut BTreeMap<PartnerName, Standing>, record: &Record) {
    apply(standings, record);
}

pub(super) fn apply(standings: &mut dyn Standings, record: &Record) {
    match record {
        Record::Accepted(message) => {
            standings.of(&message.partner).last_received_at = Some(message.received_at);
        }
        Record::Decoded(decoded) => {
            for queued in &decoded.deliveries {
                let standing = standings.of(&queued.to);
                standing.control_number = standing.control_number.max(queued.control_number);
            }
        }
        Record::Stepped(stepped) => {
            for queued in &stepped.deliveries {
                let standing = standings.of(&queued.to);
                standing.control_number = standing.control_number.max(queued.control_number);
            }
        }
        Record::Attempted(attempted) => self::attempted(standings.of(&attempted.to), attempted),
        Record::BreakerMoved(moved) => {
            let standing = standings.of(&moved.partner);
            standing.breaker = Some(moved.state);
            standing.breaker_moved_at = Some(moved.at);
        }
        Record::Polled(polled) => {
            standings.of(&polled.partner).polled = Some(PollStanding {
                cursor: polled.cursor.clone(),
                at: polled.at,
            });
        }
        Record::Undecodable(_)
        | Record::AttemptStarted(_)
        | Record::Replayed(_)
        | Record::Swept(_)
        | Record::TableChanged(_) => {}
    }
}

fn attempted(standing: &mut Standing, attempted: &Attempted) {
    match &attempted.outcome {
        Outcome::Delivered { .. } | Outcome::AlreadyDelivered { .. } => {
            standing.delivered += 1;
            standing.last_delivered_at = Some(attempted.at);
        }
        Outcome::Dead { .. } => standing.dead += 1,
        Outcome::Retry { .. } => {}
    }
    if attempted.held_until > standing.held_until {
        standing.held_until = attempted.held_until;
        standing.held_because.clone_from(&attempted.held_because);
    }
    if let Some(state) = &attempted.breaker {
        standing.breaker = Some(*state);
        standing.breaker_moved_at = Some(attempted.at);
    }
}

/// Puts what earlier records add up to before what later ones do.
pub(super) fn precede(earlier: &Standing, later: &mut Standing) {
    later.control_number = later.control_number.max(earlier.control_number);
    if earlier.held_until > later.held_until {
        later.held_until = earlier.held_until;
        later.held_because.clone_from(&earlier.held_because);
    }
    later.last_received_at = later.last_received_at.or(earlier.last_received_at);
    later.last_delivered_at = later.last_delivered_at.or(earlier.last_delivered_at);
    if later.polled.is_none() {
        later.polled.clone_from(&earlier.polled);
    }
    later.delivered += earlier.delivered;
    later.dead += earlier.dead;
    if later.breaker_moved_at.is_none() {
        later.breaker = earlier.breaker;
        later.breaker_moved_at = earlier.breaker_moved_at;
    }
}
