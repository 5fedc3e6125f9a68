//! Keys of the one tree: a letter for the table, then what identifies the row.
//!
//! Numbers are big-endian and partner names end in a zero byte, so that a range
//! of keys is a range of meaning.

use crate::{
    clock::Timestamp,
    journal::Sequence,
    lookup::TableName,
    message::{DeadLetterId, DeliveryId, Digest, MessageId, PartnerName},
};

/// Which journal sequence the view reflects.
pub(super) const SEQUENCE: &[u8] = b"Zsequence";
/// The first record that it was built from.
pub(super) const BEGINS: &[u8] = b"Zbegins";
/// Which records the journal has given up.
pub(super) const KEPT: &[u8] = b"Zkept";
/// The last key that was looked at for giving rows up; absent between two passes.
pub(super) const CURSOR: &[u8] = b"Zcursor";
/// Which round is being written; absent when none is.
pub(super) const ROUND: &[u8] = b"Zround";
/// Which version of the rows it holds.
pub(super) const VERSION: &[u8] = b"Zversion";

pub(super) const MESSAGES: u8 = b'm';
pub(super) const DELIVERIES: u8 = b'd';
pub(super) const DEAD_LETTERS: u8 = b'x';
pub(super) const PENDING: u8 = b'w';
pub(super) const QUEUE: u8 = b'q';
pub(super) const IDEMPOTENCY: u8 = b'i';
pub(super) const IDENTITY: u8 = b'y';
pub(super) const BUSINESS: u8 = b'k';
pub(super) const CORRELATION: u8 = b'c';
pub(super) const CONTROL: u8 = b'g';
const PARTNER: u8 = b'p';
pub(super) const BASE: u8 = b'b';
pub(super) const THREAD: u8 = b't';
pub(super) const TABLES: u8 = b'l';
pub(super) const FETCHED: u8 = b'f';
pub(super) const AWAITED: u8 = b'a';
pub(super) const SERIES: u8 = b's';
pub(super) const SEEN: u8 = b'n';

pub(super) fn message(id: MessageId) -> Vec<u8> {
    key(MESSAGES, &[id.as_bytes()])
}

pub(super) fn delivery(id: DeliveryId) -> Vec<u8> {
    key(
        DELIVERIES,
        &[id.message.as_bytes(), &id.ordinal.to_be_bytes()],
    )
}

pub(super) fn deliveries_of(message: MessageId) -> Vec<u8> {
    key(DELIVERIES, &[message.as_bytes()])
}

pub(super) fn dead_letter(id: DeadLetterId) -> Vec<u8> {
    key(DEAD_LETTERS, &[id.as_bytes()])
}

/// Messages of a partner that are not decoded yet, in the order of acceptance and
/// replay.
pub(super) fn pending(partner: &PartnerName, place: Sequence) -> Vec<u8> {
    key(
        PENDING,
        &[
            partner.as_str().as_bytes(),
            &[0],
            &place.get().to_be_bytes(),
        ],
    )
}

pub(super) fn pending_of(partner: &PartnerName) -> Vec<u8> {
    key(PENDING, &[partner.as_str().as_bytes(), &[0]])
}

/// Whether a key is one of those that are put once and removed once, because they
/// bear the sequence of a record.
pub(super) fn is_of_queue(key: &[u8]) -> bool {
    matches!(key.first(), Some(&(PENDING | QUEUE)))
}

/// Deliveries of a partner that are not settled yet, in the order of queueing and
/// replay.
pub(super) fn queue(partner: &PartnerName, place: Sequence, index: u32) -> Vec<u8> {
    key(
        QUEUE,
        &[
            partner.as_str().as_bytes(),
            &[0],
            &place.get().to_be_bytes(),
            &index.to_be_bytes(),
        ],
    )
}

pub(super) fn queue_of(partner: &PartnerName) -> Vec<u8> {
    key(QUEUE, &[partner.as_str().as_bytes(), &[0]])
}

pub(super) fn idempotency(partner: &PartnerName, idempotency_key: &str) -> Vec<u8> {
    let digest = Digest::of(idempotency_key.as_bytes());
    key(
        IDEMPOTENCY,
        &[partner.as_str().as_bytes(), &[0], &digest.as_bytes()[..16]],
    )
}

pub(super) fn identity(identity_key: &Digest) -> Vec<u8> {
    key(IDENTITY, &[&identity_key.as_bytes()[..16]])
}

pub(super) fn business(business_key: &str, message: MessageId) -> Vec<u8> {
    key(
        BUSINESS,
        &[business_key.as_bytes(), &[0], message.as_bytes()],
    )
}

pub(super) fn business_of(business_key: &str) -> Vec<u8> {
    key(BUSINESS, &[business_key.as_bytes(), &[0]])
}

pub(super) fn correlation(correlation_id: &str, message: MessageId) -> Vec<u8> {
    key(
        CORRELATION,
        &[correlation_id.as_bytes(), &[0], message.as_bytes()],
    )
}

pub(super) fn correlation_of(correlation_id: &str) -> Vec<u8> {
    key(CORRELATION, &[correlation_id.as_bytes(), &[0]])
}

/// How the business event of this key began.
pub(super) fn thread(business_key: &str) -> Vec<u8> {
    key(THREAD, &[business_key.as_bytes()])
}

/// A message that a poll brought and that is not accepted yet, with the record that
/// holds it.
pub(super) fn fetched(partner: &PartnerName, message: MessageId) -> Vec<u8> {
    key(
        FETCHED,
        &[partner.as_str().as_bytes(), &[0], message.as_bytes()],
    )
}

/// Which delivery bore a control number, so that an acknowledgement finds it.
pub(super) fn control(partner: &PartnerName, control_number: u64) -> Vec<u8> {
    key(
        CONTROL,
        &[
            partner.as_str().as_bytes(),
            &[0],
            &control_number.to_be_bytes(),
        ],
    )
}

/// A delivery whose acknowledgement is awaited, in the order in which they are due.
pub(super) fn awaited(partner: &PartnerName, due: Timestamp, id: DeliveryId) -> Vec<u8> {
    let due = u64::try_from(due.as_millis()).unwrap_or(0);
    key(
        AWAITED,
        &[
            partner.as_str().as_bytes(),
            &[0],
            &due.to_be_bytes(),
            id.message.as_bytes(),
            &id.ordinal.to_be_bytes(),
        ],
    )
}

pub(super) fn awaited_of(partner: &PartnerName) -> Vec<u8> {
    key(AWAITED, &[partner.as_str().as_bytes(), &[0]])
}

/// How far a series of envelopes has come.
pub(super) fn series(series: &Digest) -> Vec<u8> {
    key(SERIES, &[&series.as_bytes()[..16]])
}

/// A number of a series that was there.
pub(super) fn seen(series: &Digest, number: &str) -> Vec<u8> {
    let number = Digest::of(number.as_bytes());
    key(SEEN, &[&series.as_bytes()[..16], &number.as_bytes()[..16]])
}

pub(super) fn partner(name: &PartnerName) -> Vec<u8> {
    key(PARTNER, &[name.as_str().as_bytes()])
}

/// What records that were given up add up to.
pub(super) fn base(name: &PartnerName) -> Vec<u8> {
    key(BASE, &[name.as_str().as_bytes()])
}

/// One version of a cross-reference table.
pub(super) fn version(partner: &PartnerName, table: &TableName, version: u64) -> Vec<u8> {
    let mut key = versions_of(partner, table);
    key.extend_from_slice(&version.to_be_bytes());
    key
}

pub(super) fn versions_of(partner: &PartnerName, table: &TableName) -> Vec<u8> {
    let mut key = tables_of(partner);
    key.extend_from_slice(table.as_str().as_bytes());
    key.push(0);
    key
}

pub(super) fn tables_of(partner: &PartnerName) -> Vec<u8> {
    key(TABLES, &[partner.as_str().as_bytes(), &[0]])
}

/// Whose table a version's key belongs to, and which.
pub(super) fn table_of(key: &[u8]) -> Option<(&[u8], TableName)> {
    let named = key.get(1..key.len().checked_sub(9)?)?;
    let between = named.iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(named.get(between + 1..)?).ok()?;
    Some((&named[..between], TableName::parse(name).ok()?))
}

fn key(table: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(table);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}
