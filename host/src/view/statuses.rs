//! How messages and deliveries stand, in three words: validation, delivery,
//! acknowledgement.
//!
//! A message stands as the worst of its deliveries does. Nothing of this is kept: it
//! follows from rows and from the time at which somebody asks.

use serde::{Deserialize, Serialize};

use super::{
    AcknowledgementState, DeliveryRow, DeliveryStatus, MessageRow, MessageStatus, View, keys,
    query::{delivery_id, message_id},
};
use crate::{
    clock::Timestamp,
    message::{DeliveryId, MessageId, PartnerName},
};

/// How many of a business key's messages are looked at for what was sent last.
const SENT_LOOKED_AT_MAX: usize = 256;

/// Whether a message could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Validation {
    /// Durable, not read yet.
    Received,
    /// All of it was read.
    Valid,
    /// Some of it was refused.
    PartlyRefused,
    /// None of it could be read.
    Refused,
}

/// Where deliveries stand, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// There is none.
    None,
    /// The partner has it.
    Delivered,
    /// It waits for its turn, or is under way.
    Pending,
    /// It waits for another attempt.
    Retrying,
    /// It waits for a person.
    Dead,
}

/// How a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Statuses {
    /// Whether it could be read.
    pub validation: Validation,
    /// The worst of its deliveries.
    pub delivery: DeliveryState,
    /// The worst of what their receivers say.
    pub acknowledgement: AcknowledgementState,
}

/// Deliveries to a partner whose acknowledgement is awaited.
#[derive(Clone, Debug, Default)]
pub struct Awaited {
    /// Those due first, with when they are due.
    pub first: Vec<(DeliveryId, DeliveryRow, Timestamp)>,
    /// How many there are, as far as it was counted.
    pub count: usize,
    /// How many of them are overdue.
    pub overdue: usize,
}

// === impl Validation ===

impl From<MessageStatus> for Validation {
    fn from(status: MessageStatus) -> Self {
        match status {
            MessageStatus::Accepted => Self::Received,
            MessageStatus::Decoded => Self::Valid,
            MessageStatus::PartlyRefused => Self::PartlyRefused,
            MessageStatus::Refused => Self::Refused,
        }
    }
}

// === impl DeliveryState ===

impl From<&DeliveryStatus> for DeliveryState {
    fn from(status: &DeliveryStatus) -> Self {
        match status {
            DeliveryStatus::Queued | DeliveryStatus::InFlight => Self::Pending,
            DeliveryStatus::Retrying { .. } => Self::Retrying,
            DeliveryStatus::Delivered | DeliveryStatus::AlreadyDelivered => Self::Delivered,
            DeliveryStatus::Dead { .. } => Self::Dead,
        }
    }
}

// === impl Statuses ===

impl Statuses {
    /// Of a message with these deliveries.
    #[must_use]
    pub fn of(row: &MessageRow, deliveries: &[(DeliveryId, DeliveryRow)], now: Timestamp) -> Self {
        let rows = || deliveries.iter().map(|(_, it)| it);
        let delivery = rows().map(|it| DeliveryState::from(&it.status)).max();
        let acknowledgement = rows().map(|it| it.acknowledgement_state(now)).max();
        Self {
            validation: row.status.into(),
            delivery: delivery.unwrap_or(DeliveryState::None),
            acknowledgement: acknowledgement.unwrap_or(AcknowledgementState::NotExpected),
        }
    }
}

// === impl View ===

impl View {
    /// How a message stands at `now`.
    #[must_use]
    pub fn statuses(&self, id: MessageId, row: &MessageRow, now: Timestamp) -> Statuses {
        let deliveries = match row.deliveries {
            0 => Vec::new(),
            _ => self.deliveries_of(id),
        };
        Statuses::of(row, &deliveries, now)
    }

    /// The newest delivery of a kind of document to a partner about a business event.
    /// Only the newest 256 messages about it are looked at.
    #[must_use]
    pub fn last_sent(
        &self,
        to: &PartnerName,
        kind: &str,
        business_key: &str,
    ) -> Option<DeliveryId> {
        let messages = self.scan(&keys::business_of(business_key)).rev();
        messages
            .take(SENT_LOOKED_AT_MAX)
            .filter_map(|(key, _)| message_id(key.get(key.len().checked_sub(16)?..)?))
            .find_map(|message| {
                let deliveries = self.deliveries_of(message).into_iter().rev();
                let mut sent = deliveries.filter(|(_, row)| {
                    row.to == *to && row.kind == kind && row.business_key == business_key
                });
                sent.next().map(|(id, _)| id)
            })
    }

    /// What is awaited of a partner: the first `limit`, and how many there are of the
    /// first `counted_max`.
    #[must_use]
    pub fn awaited(
        &self,
        partner: &PartnerName,
        now: Timestamp,
        limit: usize,
        counted_max: usize,
    ) -> Awaited {
        let mut awaited = Awaited::default();
        for (key, _) in self.scan(&keys::awaited_of(partner)).take(counted_max) {
            let Some((due, id)) = due_and_id(&key) else {
                continue;
            };
            // A row of what was given up may still be there.
            if !self.keeps_delivery(id) {
                continue;
            }
            if awaited.first.len() < limit {
                let row = self.delivery(id);
                awaited.first.extend(row.map(|row| (id, row, due)));
            }
            awaited.count += 1;
            awaited.overdue += usize::from(due <= now);
        }
        awaited
    }
}

/// When it is due, and which delivery it is.
fn due_and_id(key: &[u8]) -> Option<(Timestamp, DeliveryId)> {
    let (key, id) = key.split_at_checked(key.len().checked_sub(20)?)?;
    let due = key.get(key.len().checked_sub(8)?..)?;
    let due = u64::from_be_bytes(due.try_into().ok()?);
    let due = Timestamp::from_millis(i64::try_from(due).ok()?);
    Some((due, delivery_id(id)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{Acknowledges, Level, Outcome, Record, Subject, Verdict},
        view::tests::{Told, at, attempted, dead, decoded, delivery, partner, replayed},
    };

    /// An order for the north that must be acknowledged within five minutes.
    fn order(told: &mut Told, now: i64, order_no: &str) -> MessageId {
        let order = told.accept(at(now), "erp");
        let mut record = decoded(at(now), order, order_no, "north");
        record.deliveries[0].acknowledgement_minutes = Some(5);
        told.tell(Record::Decoded(record));
        order
    }

    fn says(told: &mut Told, now: i64, order: MessageId, means: Verdict) -> MessageId {
        let answer = told.accept(at(now), "north");
        let mut record = decoded(at(now), answer, "none", "erp");
        record.deliveries.clear();
        record.documents.clear();
        record.acknowledges.push(Acknowledges {
            delivery: delivery(order),
            verdict: means.name().to_owned(),
            means: Some(means),
            level: Level::Functional,
            document: None,
        });
        told.tell(Record::Decoded(record));
        answer
    }

    fn statuses(told: &Told, id: MessageId, now: i64) -> Statuses {
        let row = told.view.message(id).unwrap();
        told.view.statuses(id, &row, at(now))
    }

    #[test]
    fn an_acknowledgement_is_awaited_until_it_comes_or_is_overdue() {
        let mut told = Told::new();
        let id = order(&mut told, 0, "SO-1");
        let north = partner("north");
        assert_eq!(statuses(&told, id, 1).delivery, DeliveryState::Pending);
        let awaited = AcknowledgementState::Awaited;
        assert_eq!(statuses(&told, id, 900_000).acknowledgement, awaited);
        assert_eq!(told.view.awaited(&north, at(1), 10, 10).count, 0);

        let delivered = Outcome::Delivered { external_id: None };
        told.tell(attempted(at(1_000), id, "north", delivered));
        let open = told.view.awaited(&north, at(2_000), 10, 10);
        assert_eq!((open.count, open.overdue), (1, 0));
        assert_eq!(open.first[0].2, at(301_000));
        assert_eq!(statuses(&told, id, 300_999).acknowledgement, awaited);
        let overdue = statuses(&told, id, 301_000);
        assert_eq!(overdue.acknowledgement, AcknowledgementState::Overdue);
        assert_eq!(overdue.delivery, DeliveryState::Delivered);
        assert_eq!(overdue.validation, Validation::Valid);
        assert_eq!(told.view.awaited(&north, at(301_000), 0, 10).overdue, 1);

        // A status on the way settles nothing; the verdict does, late as it is.
        says(&mut told, 302_000, id, Verdict::Underway);
        assert_eq!(told.view.awaited(&north, at(302_000), 0, 10).count, 1);
        let answer = says(&mut told, 303_000, id, Verdict::Rejected);
        assert_eq!(told.view.awaited(&north, at(303_000), 0, 10).count, 0);
        let rejected = statuses(&told, id, 900_000).acknowledgement;
        assert_eq!(rejected, AcknowledgementState::Rejected);
        let row = told.view.delivery(delivery(id)).unwrap();
        assert_eq!(row.acknowledgement.said.len(), 2);
        let said = row.acknowledgement.said.last().unwrap();
        assert_eq!((said.message, said.means), (answer, Verdict::Rejected));
        let last = row.acknowledgement.said[1].sequence;
        assert_eq!(row.history.last(), Some(&last));
    }

    #[test]
    fn a_replay_awaits_the_acknowledgement_anew() {
        let mut told = Told::new();
        let id = order(&mut told, 0, "SO-1");
        let (letter, outcome) = dead(at(1));
        told.tell(attempted(at(1), id, "north", outcome));
        let dead = statuses(&told, id, 2);
        assert_eq!(dead.delivery, DeliveryState::Dead);
        assert_eq!(dead.acknowledgement, AcknowledgementState::NotExpected);
        says(&mut told, 2, id, Verdict::Accepted);
        let accepted = AcknowledgementState::Accepted;
        assert_eq!(statuses(&told, id, 3).acknowledgement, accepted);
        told.tell(replayed(at(3), letter, Subject::Delivery(delivery(id))));
        let awaited = AcknowledgementState::Awaited;
        assert_eq!(statuses(&told, id, 4).acknowledgement, awaited);
        // Said of the sending before the replay.
        says(&mut told, 4, id, Verdict::Rejected);
        assert_eq!(statuses(&told, id, 5).acknowledgement, awaited);
        let delivered = Outcome::Delivered { external_id: None };
        told.tell(attempted(at(5), id, "north", delivered));
        assert_eq!(told.view.awaited(&partner("north"), at(6), 0, 10).count, 1);
    }

    #[test]
    fn the_newest_order_is_the_one_that_is_answered() {
        let mut told = Told::new();
        order(&mut told, 0, "SO-1");
        let changed = order(&mut told, 1_000, "SO-1");
        order(&mut told, 2_000, "SO-2");
        let last = |kind: &str, key: &str| told.view.last_sent(&partner("north"), kind, key);
        assert_eq!(last("order", "order/SO-1"), Some(delivery(changed)));
        assert_eq!(last("order", "order/SO-3"), None);
        assert_eq!(last("shipment", "order/SO-1"), None);
        let elsewhere = told
            .view
            .last_sent(&partner("south"), "order", "order/SO-1");
        assert_eq!(elsewhere, None);
    }
}
