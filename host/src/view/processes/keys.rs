//! Keys of the rows about processes.
//!
//! Names that partners chose (business keys, subjects) hold no zero byte: the engine
//! sees to that before a step is recorded.

use crate::{
    clock::Timestamp,
    journal::Sequence,
    message::{DeliveryId, Digest},
    record::WorkId,
};

pub(in crate::view) const INSTANCES: u8 = b'P';
pub(in crate::view) const STATES: u8 = b'S';
pub(in crate::view) const TIMERS: u8 = b'T';
pub(in crate::view) const TIMERS_OF: u8 = b'U';
pub(in crate::view) const WORK: u8 = b'W';
pub(in crate::view) const SENT: u8 = b'D';
pub(in crate::view) const EXCEPTIONS: u8 = b'E';
pub(in crate::view) const OPEN: u8 = b'O';
pub(in crate::view) const LEVELS: u8 = b'L';
pub(in crate::view) const BREACHES: u8 = b'B';
pub(in crate::view) const REPORTS: u8 = b'R';
pub(in crate::view) const ASKED: u8 = b'N';

/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 3_600_000;

/// An instance's row.
pub(in crate::view) fn instance(process: &str, key: &str) -> Vec<u8> {
    named(INSTANCES, &[process], key.as_bytes())
}

/// Before the pieces of an instance's state.
pub(in crate::view) fn state(process: &str, key: &str) -> Vec<u8> {
    named(STATES, &[process, key], &[])
}

/// A timer, in the order in which they come due.
pub(in crate::view) fn timer(due: Timestamp, process: &str, key: &str, name: &str) -> Vec<u8> {
    let mut timer = vec![TIMERS];
    timer.extend_from_slice(&millis(due));
    for part in [process, key, name] {
        timer.extend_from_slice(part.as_bytes());
        timer.push(0);
    }
    timer
}

/// When an instance's timer comes due.
pub(in crate::view) fn timer_of(process: &str, key: &str, name: &str) -> Vec<u8> {
    named(TIMERS_OF, &[process, key, name], &[])
}

pub(in crate::view) fn timers_of(process: &str, key: &str) -> Vec<u8> {
    named(TIMERS_OF, &[process, key], &[])
}

/// Work that a record left for processes.
pub(in crate::view) fn work(id: WorkId) -> Vec<u8> {
    let mut work = vec![WORK];
    work.extend_from_slice(&id.sequence.get().to_be_bytes());
    work.extend_from_slice(&id.ordinal.to_be_bytes());
    work
}

/// Before the deliveries of an instance, or of one of its commands.
pub(in crate::view) fn sent_by(process: &str, key: &str, command: Option<&str>) -> Vec<u8> {
    let command = command.map(|it| Digest::of(it.as_bytes()));
    let command = command.as_ref().map_or(&[][..], |it| &it.as_bytes()[..8]);
    named(SENT, &[process, key], command)
}

/// A delivery of one of an instance's commands.
pub(in crate::view) fn sent(process: &str, key: &str, command: &str, id: DeliveryId) -> Vec<u8> {
    let mut sent = sent_by(process, key, Some(command));
    sent.extend_from_slice(id.message.as_bytes());
    sent.extend_from_slice(&id.ordinal.to_be_bytes());
    sent
}

/// Before the pieces of an exception.
pub(in crate::view) fn exception(id: &str) -> Vec<u8> {
    named(EXCEPTIONS, &[id], &[])
}

/// An exception that is open.
pub(in crate::view) fn open(id: &str) -> Vec<u8> {
    named(OPEN, &[], id.as_bytes())
}

/// How a service level went on a day, counted from 1970.
pub(in crate::view) fn level(level: &str, on: &str, day: u32) -> Vec<u8> {
    named(LEVELS, &[level, on], &day.to_be_bytes())
}

/// A wait that takes longer than it may.
pub(in crate::view) fn breach(
    level: &str,
    on: &str,
    process: &str,
    key: &str,
    subject: &str,
) -> Vec<u8> {
    named(BREACHES, &[level, on, process, key], subject.as_bytes())
}

/// A node's report.
pub(in crate::view) fn report(node: &str, at: Timestamp, sequence: Sequence) -> Vec<u8> {
    let mut report = reports_of(node);
    report.extend_from_slice(&millis(at));
    report.extend_from_slice(&sequence.get().to_be_bytes());
    report
}

pub(in crate::view) fn reports_of(node: &str) -> Vec<u8> {
    named(REPORTS, &[node], &[])
}

/// When a node's stock was asked for.
pub(in crate::view) fn asked(node: &str) -> Vec<u8> {
    named(ASKED, &[], node.as_bytes())
}

/// The day of a row that says how a level went.
pub(in crate::view) fn day_of(level: &[u8]) -> Option<u32> {
    let day = level.get(level.len().checked_sub(4)?..)?;
    Some(u32::from_be_bytes(day.try_into().ok()?))
}

/// The day of a moment, counted from 1970.
pub(in crate::view) fn day(at: Timestamp) -> u32 {
    u32::try_from(at.as_millis() / DAY_MS).unwrap_or(0)
}

/// The letter, names that end in a zero byte, and what follows.
pub(in crate::view) fn named(table: u8, names: &[&str], rest: &[u8]) -> Vec<u8> {
    let length: usize = names.iter().map(|it| it.len() + 1).sum();
    let mut key = Vec::with_capacity(1 + length + rest.len());
    key.push(table);
    for name in names {
        key.extend_from_slice(name.as_bytes());
        key.push(0);
    }
    key.extend_from_slice(rest);
    key
}

/// The names of a key, as many as it has; what follows the last zero byte is the last.
pub(in crate::view) fn names(key: &[u8]) -> Vec<String> {
    let names = key.get(1..).unwrap_or_default().split(|byte| *byte == 0);
    names
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

pub(in crate::view) fn millis(at: Timestamp) -> [u8; 8] {
    u64::try_from(at.as_millis()).unwrap_or(0).to_be_bytes()
}
