//! What is asked of the view.

use std::collections::BTreeMap;

use super::{
    AcknowledgementState, View,
    apply::decode,
    keys,
    rows::{
        DeadLetterRow, DeadLetterStatus, DeliveryRow, IdempotencyRow, IdentityRow, KeptRow,
        MessageRow, MessageStatus, SeenRow, SeriesRow, ThreadRow,
    },
    statuses::{DeliveryState, Validation},
};
use crate::{
    clock::Timestamp,
    journal::Sequence,
    message::{DeadLetterId, DeliveryId, Digest, MessageId, PartnerName},
    record::{Standing, Subject},
};

/// How many rows a search looks at before it stops and says so.
const LOOKED_AT_MAX: usize = 100_000;

/// Which messages.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    /// Sent by this partner.
    pub partner: Option<PartnerName>,
    /// Standing so.
    pub status: Option<MessageStatus>,
    /// Could be read so.
    pub validation: Option<Validation>,
    /// With deliveries of which the worst stands so.
    pub delivery: Option<DeliveryState>,
    /// With deliveries of which the worst is acknowledged so.
    pub acknowledgement: Option<AcknowledgementState>,
    /// When it is asked: what is overdue depends on it.
    pub now: Timestamp,
    /// About this.
    pub business_key: Option<String>,
    /// Tied together by this.
    pub correlation_id: Option<String>,
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Older than this message: the last one of the page before.
    pub before: Option<MessageId>,
    /// How many at most.
    pub limit: usize,
}

/// Which dead letters.
#[derive(Clone, Debug, Default)]
pub struct DeadLetterFilter {
    /// Of this partner.
    pub partner: Option<PartnerName>,
    /// Failed at this step.
    pub step: Option<String>,
    /// Failed with this code.
    pub code: Option<String>,
    /// Also those that were replayed.
    pub replayed: bool,
    /// How many at most.
    pub limit: usize,
}

/// A message that waits to be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its place among those that wait.
    pub place: Sequence,
    /// The record that accepted it.
    pub accepted: Sequence,
    /// Which message.
    pub id: MessageId,
}

impl View {
    /// One message, unless it was given up.
    #[must_use]
    pub fn message(&self, id: MessageId) -> Option<MessageRow> {
        self.row(&keys::message(id)).filter(|row| self.keeps(row))
    }

    /// Which records the journal has given up; none if it has given up none.
    #[must_use]
    pub fn kept(&self) -> Option<KeptRow> {
        self.row(keys::KEPT)
    }

    /// What the records that were given up add up to.
    #[must_use]
    pub fn base(&self) -> BTreeMap<PartnerName, Standing> {
        self.scan(&[keys::BASE])
            .filter_map(|(key, value)| {
                let name = std::str::from_utf8(key.get(1..)?).ok()?;
                Some((PartnerName::parse(name).ok()?, decode(&value)?))
            })
            .collect()
    }

    /// Whether a pass that gives rows up is under way.
    #[must_use]
    pub fn is_sweeping(&self) -> bool {
        use super::apply::Base as _;
        self.get(keys::CURSOR).is_some()
    }

    /// The first record that something open needs: what is fetched and not accepted, not
    /// decoded, not delivered, waits for a person or is what an open process began with. None
    /// when nothing is open.
    ///
    /// It looks at messages, deliveries and dead letters in this order, which is the
    /// way that work takes; only a replay goes back. What is fetched comes last: while it
    /// becomes messages both its record and theirs are new.
    #[must_use]
    pub fn needed_from(&self) -> Option<Sequence> {
        let undecoded = self
            .scan(&[keys::PENDING])
            .filter_map(|(_, value)| sequence(value.get(16..)?))
            .min();
        let undelivered = self
            .scan(&[keys::QUEUE])
            .filter_map(|(_, value)| self.delivery_needs(delivery_id(&value)?))
            .min();
        let waiting = self
            .scan(&[keys::DEAD_LETTERS])
            .filter_map(|(_, value)| decode::<DeadLetterRow>(&value))
            .filter(|row| row.status == DeadLetterStatus::Waiting)
            .filter_map(|row| match row.subject {
                Subject::Message(id) => {
                    Some(self.message(id).map_or(row.sequence, |it| it.accepted))
                }
                Subject::Delivery(id) => self.delivery_needs(id),
            })
            .min();
        let fetched = self.fetched().map(|(_, _, sequence)| sequence).min();
        let processes = self.needed_by_processes();
        [undecoded, undelivered, waiting, fetched, processes]
            .into_iter()
            .flatten()
            .min()
    }

    /// The first record that a delivery needs: the message that it is counted with, or,
    /// where that is given up, the record that queued it.
    fn delivery_needs(&self, id: DeliveryId) -> Option<Sequence> {
        match self.message(id.message) {
            Some(message) => Some(message.accepted),
            None => Some(self.delivery(id)?.queued),
        }
    }

    /// One delivery.
    #[must_use]
    pub fn delivery(&self, id: DeliveryId) -> Option<DeliveryRow> {
        self.row(&keys::delivery(id))
    }

    /// What a message caused, in the order it was queued.
    #[must_use]
    pub fn deliveries_of(&self, message: MessageId) -> Vec<(DeliveryId, DeliveryRow)> {
        self.scan(&keys::deliveries_of(message))
            .filter_map(|(key, value)| Some((delivery_id(key.get(1..)?)?, decode(&value)?)))
            .collect()
    }

    /// Messages, newest first.
    #[must_use]
    pub fn messages(&self, filter: &MessageFilter) -> Vec<(MessageId, MessageRow)> {
        let kept = self.kept().map_or(Sequence::ZERO, |it| it.before);
        let tied = |id: MessageId, row: &MessageRow, correlation_id: &str| {
            use super::apply::Base as _;
            row.correlation_id.as_str() == correlation_id
                || self.get(&keys::correlation(correlation_id, id)).is_some()
        };
        let wanted = |(id, row): &(MessageId, MessageRow)| {
            row.accepted >= kept
                && filter.partner.as_ref().is_none_or(|it| *it == row.partner)
                && filter.status.is_none_or(|it| it == row.status)
                && filter.since.is_none_or(|it| row.received_at >= it)
                && filter.until.is_none_or(|it| row.received_at < it)
                && filter.before.is_none_or(|it| *id < it)
                && filter
                    .correlation_id
                    .as_deref()
                    .is_none_or(|it| tied(*id, row, it))
                && self.stands(*id, row, filter)
        };
        let ids: Box<dyn Iterator<Item = MessageId>> =
            match (&filter.business_key, &filter.correlation_id) {
                (Some(key), _) => Box::new(self.indexed(&keys::business_of(key))),
                (None, Some(id)) => {
                    let own = id.parse().ok();
                    Box::new(self.indexed(&keys::correlation_of(id)).chain(own))
                }
                (None, None) => {
                    let end = filter
                        .before
                        .map_or(vec![keys::MESSAGES + 1], keys::message);
                    let rows = self.range(vec![keys::MESSAGES]..end).rev();
                    let rows = rows.filter_map(|(key, value)| {
                        Some((message_id(key.get(1..)?)?, decode::<MessageRow>(&value)?))
                    });
                    return rows
                        .take(LOOKED_AT_MAX)
                        .filter(wanted)
                        .take(filter.limit)
                        .collect();
                }
            };
        let mut ids: Vec<_> = ids.take(LOOKED_AT_MAX).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter()
            .rev()
            .filter_map(|id| Some((id, self.message(id)?)))
            .filter(wanted)
            .take(filter.limit)
            .collect()
    }

    /// One dead letter.
    #[must_use]
    pub fn dead_letter(&self, id: DeadLetterId) -> Option<DeadLetterRow> {
        self.row(&keys::dead_letter(id))
            .filter(|row: &DeadLetterRow| self.keeps_subject(row.subject))
    }

    /// Dead letters, oldest first: the order in which they are replayed.
    #[must_use]
    pub fn dead_letters(&self, filter: &DeadLetterFilter) -> Vec<(DeadLetterId, DeadLetterRow)> {
        let wanted = |(_, row): &(DeadLetterId, DeadLetterRow)| {
            filter.partner.as_ref().is_none_or(|it| *it == row.partner)
                && filter.step.as_ref().is_none_or(|it| *it == row.step)
                && filter
                    .code
                    .as_ref()
                    .is_none_or(|it| *it == row.failure.code)
                && (filter.replayed || row.status == DeadLetterStatus::Waiting)
                && self.keeps_subject(row.subject)
        };
        self.scan(&[keys::DEAD_LETTERS])
            .filter_map(|(key, value)| {
                let id = key.get(1..17)?.try_into().ok()?;
                Some((DeadLetterId::from_bytes(id), decode(&value)?))
            })
            .take(LOOKED_AT_MAX)
            .filter(wanted)
            .take(filter.limit)
            .collect()
    }

    /// What a partner's idempotency key stands for.
    #[must_use]
    pub fn idempotency(&self, partner: &PartnerName, key: &str) -> Option<IdempotencyRow> {
        self.row(&keys::idempotency(partner, key))
    }

    /// The first document of an identity.
    #[must_use]
    pub fn identity(&self, key: &Digest) -> Option<IdentityRow> {
        self.row(&keys::identity(key))
    }

    /// How the business event of this key began.
    #[must_use]
    pub fn thread(&self, business_key: &str) -> Option<ThreadRow> {
        self.row(&keys::thread(business_key))
            .filter(|row: &ThreadRow| self.message(row.message).is_some())
    }

    /// The delivery that bore a control number.
    #[must_use]
    pub fn delivery_by_control(&self, partner: &PartnerName, number: u64) -> Option<DeliveryId> {
        use super::apply::Base as _;
        let id = delivery_id(&self.get(&keys::control(partner, number))?)?;
        self.keeps_delivery(id).then_some(id)
    }

    /// What the host counts for a partner.
    #[must_use]
    pub fn partner(&self, name: &PartnerName) -> Standing {
        self.row(&keys::partner(name)).unwrap_or_default()
    }

    /// Messages of a partner that wait to be decoded, in order, after the place `after`.
    #[must_use]
    pub fn pending(&self, partner: &PartnerName, after: Sequence, limit: usize) -> Vec<Pending> {
        let mut end = keys::pending_of(partner);
        end.extend_from_slice(&[0xff; 9]);
        self.range(keys::pending(partner, after.next())..end)
            .filter_map(|(key, value)| {
                let (id, accepted) = value.split_at_checked(16)?;
                Some(Pending {
                    place: sequence(key.get(key.len().checked_sub(8)?..)?)?,
                    accepted: sequence(accepted)?,
                    id: message_id(id)?,
                })
            })
            .take(limit)
            .collect()
    }

    /// Deliveries to a partner that are not settled, in order.
    pub fn open_deliveries(
        &self,
        partner: &PartnerName,
    ) -> impl Iterator<Item = (DeliveryId, DeliveryRow)> + use<'_> {
        self.scan(&keys::queue_of(partner))
            .filter_map(|(_, value)| {
                let id = delivery_id(&value)?;
                Some((id, self.delivery(id)?))
            })
    }

    /// What polls brought and is not accepted yet: from whom, which message, and the
    /// record that holds it.
    pub fn fetched(&self) -> impl Iterator<Item = (PartnerName, MessageId, Sequence)> + use<> {
        self.scan(&[keys::FETCHED]).filter_map(|(key, value)| {
            let (name, id) = key.get(1..)?.split_at_checked(key.len().checked_sub(17)?)?;
            let name = std::str::from_utf8(name.strip_suffix(&[0])?).ok()?;
            Some((
                PartnerName::parse(name).ok()?,
                message_id(id)?,
                sequence(&value)?,
            ))
        })
    }

    fn stands(&self, id: MessageId, row: &MessageRow, filter: &MessageFilter) -> bool {
        let validation = Validation::from(row.status);
        if filter.validation.is_some_and(|it| it != validation) {
            return false;
        }
        if filter.delivery.is_none() && filter.acknowledgement.is_none() {
            return true;
        }
        let stands = self.statuses(id, row, filter.now);
        filter.delivery.is_none_or(|it| it == stands.delivery)
            && filter
                .acknowledgement
                .is_none_or(|it| it == stands.acknowledgement)
    }

    /// How far a series of numbered envelopes has come.
    #[must_use]
    pub fn series(&self, series: &Digest) -> Option<SeriesRow> {
        self.row(&keys::series(series))
    }

    /// An envelope's number that was there.
    #[must_use]
    pub fn seen(&self, series: &Digest, number: &str) -> Option<SeenRow> {
        self.row(&keys::seen(series, number))
    }

    fn keeps_subject(&self, subject: Subject) -> bool {
        match subject {
            Subject::Message(id) => self.message(id).is_some(),
            Subject::Delivery(id) => self.keeps_delivery(id),
        }
    }

    /// Whether a delivery is not given up. Processes cause some long after the message that
    /// they are counted with, and some that are counted with none.
    pub(super) fn keeps_delivery(&self, id: DeliveryId) -> bool {
        let before = self.kept().map_or(Sequence::ZERO, |it| it.before);
        let is_kept = |row: DeliveryRow| row.queued >= before;
        self.message(id.message).is_some() || self.delivery(id).is_some_and(is_kept)
    }

    fn keeps(&self, row: &MessageRow) -> bool {
        self.kept().is_none_or(|it| row.accepted >= it.before)
    }

    fn indexed(&self, prefix: &[u8]) -> impl Iterator<Item = MessageId> + use<> {
        self.scan(prefix)
            .filter_map(|(key, _)| message_id(key.get(key.len().checked_sub(16)?..)?))
    }
}

fn sequence(bytes: &[u8]) -> Option<Sequence> {
    let number = u64::from_be_bytes(bytes.try_into().ok()?);
    Some(Sequence::from_u64(number))
}

pub(super) fn message_id(bytes: &[u8]) -> Option<MessageId> {
    Some(MessageId::from_bytes(bytes.try_into().ok()?))
}

pub(super) fn delivery_id(bytes: &[u8]) -> Option<DeliveryId> {
    let (message, ordinal) = bytes.split_at_checked(16)?;
    Some(DeliveryId {
        message: message_id(message)?,
        ordinal: u32::from_be_bytes(ordinal.try_into().ok()?),
    })
}
