//! The fold: what each record changes in the view.
//!
//! Pure in (rows so far, record): the same records give the same rows, whether
//! they come from the committer or from a rebuild.

mod decoded;
mod stepped;
mod sweep;

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    acknowledgement::Acknowledgement,
    keys,
    rows::{
        BUSINESS_KEYS_MAX, DeadLetterRow, DeadLetterStatus, DeliveryRow, DeliveryStatus,
        IdempotencyRow, IdentityRow, MessageRow, MessageStatus, ThreadRow, queue_key, remember,
        shorten, shortened,
    },
    standing::{self, Standings},
    tables::TableRow,
};
use crate::{
    clock::Timestamp,
    contract,
    journal::Sequence,
    message::{
        Channel, CorrelationId, DeadLetterId, DeliveryId, MessageId, PartnerName, RawMessage,
    },
    record::{
        AttemptStarted, Attempted, Decoded, Disposition, Document, Failure, Outcome, Polled,
        Queued, Record, Replayed, Standing, Subject, Undecodable,
    },
};

/// Rows that were touched lately stay in memory; beyond this many they are let go.
const ROWS_KEPT_MAX: usize = 16_384;

/// Where rows are read that are not in memory.
pub(super) trait Base {
    /// The value of a key, as last written.
    fn get(&self, key: &[u8]) -> Option<sled::IVec>;
    /// The first `limit` keys and values of a range, as last written.
    fn range(&self, from: Vec<u8>, to: Vec<u8>, limit: usize) -> Vec<(sled::IVec, sled::IVec)>;
}

/// The rows as they will be once the batch is written.
#[derive(Default)]
pub(super) struct Fold {
    messages: Table<MessageId, MessageRow>,
    deliveries: Table<DeliveryId, DeliveryRow>,
    partners: Table<PartnerName, Standing>,
    writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Rows about processes, which may change several times in a batch.
    touched: stepped::Touched,
}

/// Rows of one kind.
struct Table<Id, Row> {
    kept: HashMap<Id, Kept<Row>>,
    /// Those that changed since they were last taken.
    changed: Vec<Id>,
}

struct Kept<Row> {
    row: Row,
    changed: bool,
}

/// The fold as the place of standings.
struct Within<'a> {
    fold: &'a mut Fold,
    base: &'a dyn Base,
}

/// What queues deliveries.
struct Queueing<'a> {
    sequence: Sequence,
    at: Timestamp,
    /// What they bear that have none of their own.
    correlation_id: Option<&'a CorrelationId>,
    traceparent: Option<&'a String>,
}

/// What [`Record::Undecodable`] and its like leave for a person.
struct Letter<'a> {
    id: DeadLetterId,
    subject: Subject,
    partner: &'a PartnerName,
    at: Timestamp,
    step: &'static str,
    business_key: &'a str,
    failure: &'a Failure,
    attempts: u32,
    adapter: Option<crate::message::Digest>,
}

// === impl Fold ===

impl Fold {
    /// Notes the first record of a view that has none.
    pub(super) fn begin(&mut self, first: Sequence) {
        self.put(keys::BEGINS.to_vec(), encode(&first));
    }

    /// Applies one record.
    pub(super) fn apply(&mut self, base: &dyn Base, sequence: Sequence, record: &Record) {
        standing::apply(&mut Within { fold: self, base }, record);
        match record {
            Record::Accepted(message) => self.accepted(sequence, message),
            Record::Decoded(decoded) => self.decoded(base, sequence, decoded),
            Record::Undecodable(undecodable) => self.undecodable(base, sequence, undecodable),
            Record::AttemptStarted(started) => self.attempt_started(base, sequence, started),
            Record::Attempted(attempted) => self.attempted(base, sequence, attempted),
            Record::BreakerMoved(moved) => {
                self.left_by_breaker(sequence, &moved.partner, &moved.state);
            }
            Record::Replayed(replayed) => self.replayed(base, sequence, replayed),
            Record::Swept(swept) => self.swept(base, swept),
            Record::TableChanged(changed) => {
                let row = TableRow::of(sequence, changed);
                let key = keys::version(&changed.partner, &changed.table, changed.version);
                self.put(key, encode(&row));
            }
            Record::Polled(polled) => self.polled(sequence, polled),
            Record::Stepped(stepped) => self.stepped(base, sequence, stepped),
        }
    }

    /// Takes what is to be written, and forgets rows when too many are kept.
    pub(super) fn take_writes(&mut self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let mut writes = std::mem::take(&mut self.writes);
        writes.extend(self.touched.take());
        self.messages
            .take_changed(&mut writes, |id| keys::message(*id), encode_tightly);
        self.deliveries
            .take_changed(&mut writes, |id| keys::delivery(*id), encode);
        self.partners
            .take_changed(&mut writes, keys::partner, encode);
        if self.messages.kept.len() + self.deliveries.kept.len() > ROWS_KEPT_MAX {
            self.forget();
        }
        writes
    }

    /// Lets rows go that are written.
    fn forget(&mut self) {
        self.messages.kept.clear();
        self.deliveries.kept.clear();
    }

    fn accepted(&mut self, sequence: Sequence, message: &RawMessage) {
        let row = MessageRow {
            partner: message.partner.clone(),
            correlation_id: message.correlation_id.clone(),
            received_at: message.received_at,
            channel: message.channel,
            bytes: message.body.len() as u64,
            status: MessageStatus::Accepted,
            accepted: sequence,
            place: sequence,
            history: Vec::new(),
            documents: 0,
            refused: 0,
            deliveries: 0,
            business_keys: Vec::new(),
        };
        self.messages.insert(message.id, row);
        if message.channel == Channel::Poll {
            self.remove(keys::fetched(&message.partner, message.id));
        }
        self.wait(&message.partner, sequence, message.id, sequence);
        if message.correlation_id.as_str() != message.id.to_string() {
            self.put(
                keys::correlation(message.correlation_id.as_str(), message.id),
                Vec::new(),
            );
        }
        if let Some(key) = &message.idempotency_key {
            let row = IdempotencyRow {
                message: message.id,
                correlation_id: message.correlation_id.clone(),
                digest: message.digest,
                at: message.received_at,
            };
            self.put(
                keys::idempotency(&message.partner, key),
                encode_tightly(&row),
            );
        }
    }

    fn polled(&mut self, sequence: Sequence, polled: &Polled) {
        for message in &polled.messages {
            let value = sequence.get().to_be_bytes().to_vec();
            self.put(keys::fetched(&polled.partner, message.id), value);
        }
    }

    fn decoded(&mut self, base: &dyn Base, sequence: Sequence, decoded: &Decoded) {
        for document in &decoded.documents {
            self.document(decoded, document);
        }
        let queueing = Queueing {
            sequence,
            at: decoded.at,
            correlation_id: Some(&decoded.correlation_id),
            traceparent: decoded.traceparent.as_ref(),
        };
        for (index, queued) in (0..).zip(&decoded.deliveries) {
            self.queued(&queueing, index, queued);
        }
        self.left_by_documents(sequence, decoded);
        self.acknowledged(base, sequence, decoded);
        self.numbered(decoded);
        let Some(row) = self.message(base, decoded.message) else {
            return;
        };
        remember(&mut row.history, sequence);
        row.documents = count(decoded.documents.len());
        row.refused = count(decoded.refused.len());
        row.deliveries += count(decoded.deliveries.len());
        row.status = match (decoded.documents.is_empty(), decoded.refused.is_empty()) {
            (_, true) => MessageStatus::Decoded,
            (false, false) => MessageStatus::PartlyRefused,
            (true, false) => MessageStatus::Refused,
        };
        let keys = decoded.documents.iter().map(|it| &it.business_key);
        for key in keys.filter(|key| !key.is_empty()) {
            if row.business_keys.len() < BUSINESS_KEYS_MAX && !row.business_keys.contains(key) {
                row.business_keys.push(shorten(key));
            }
        }
        let place = row.place;
        self.remove(keys::pending(&decoded.partner, place));
        if let (Some(id), Some((step, failure))) = (decoded.dead_letter, first_failure(decoded)) {
            self.dead_letter(
                sequence,
                &Letter {
                    id,
                    subject: Subject::Message(decoded.message),
                    partner: &decoded.partner,
                    at: decoded.at,
                    step,
                    business_key: decoded.documents.first().map_or("", |it| &it.business_key),
                    failure: &failure,
                    attempts: 1,
                    adapter: Some(decoded.adapter.digest),
                },
            );
        }
    }

    fn document(&mut self, decoded: &Decoded, document: &Document) {
        if matches!(
            document.disposition,
            Disposition::Routed | Disposition::Unrouted
        ) {
            let row = IdentityRow {
                document: document.id,
                content: document.identity.content,
                at: decoded.at,
                routed: document.disposition == Disposition::Routed,
            };
            self.put(keys::identity(&document.identity.key), encode(&row));
        }
        match &document.thread {
            Some(thread) if *thread != decoded.correlation_id => {
                self.put(
                    keys::correlation(thread.as_str(), decoded.message),
                    Vec::new(),
                );
            }
            None if contract::begins_event(document) => {
                let row = ThreadRow {
                    correlation_id: decoded.correlation_id.clone(),
                    message: decoded.message,
                };
                self.put(keys::thread(&document.business_key), encode(&row));
            }
            _ => {}
        }
        if !document.business_key.is_empty() {
            self.put(
                keys::business(&document.business_key, decoded.message),
                Vec::new(),
            );
        }
    }

    fn queued(&mut self, queueing: &Queueing<'_>, index: u32, queued: &Queued) {
        let correlation_id = queued.correlation_id.as_ref().or(queueing.correlation_id);
        let row = DeliveryRow {
            to: queued.to.clone(),
            document: queued.document,
            kind: queued.kind.clone(),
            correlation_id: correlation_id
                .cloned()
                .unwrap_or_else(|| queued.id.message.into()),
            traceparent: queueing.traceparent.cloned(),
            business_key: queued.business_key.clone(),
            control_number: queued.control_number,
            rule: queued.rule.clone(),
            command: queued.command.clone(),
            queued: queueing.sequence,
            index,
            place: queueing.sequence,
            queued_at: queueing.at,
            status: DeliveryStatus::Queued,
            attempts: 0,
            first_attempt_at: None,
            history: Vec::new(),
            conversation: Vec::new(),
            external_id: None,
            acknowledgement: Acknowledgement::expected(queued.acknowledgement_minutes),
            failure: None,
        };
        self.line_up(queued.id, &row);
        self.deliveries.insert(queued.id, row);
    }

    /// A delivery takes its place in its lane; an acknowledgement may speak of it.
    fn line_up(&mut self, id: DeliveryId, row: &DeliveryRow) {
        let mut value = id.message.as_bytes().to_vec();
        value.extend_from_slice(&id.ordinal.to_be_bytes());
        self.put(keys::control(&row.to, row.control_number), value.clone());
        self.put(queue_key(row), value);
    }

    fn undecodable(&mut self, base: &dyn Base, sequence: Sequence, undecodable: &Undecodable) {
        let Some(row) = self.message(base, undecodable.message) else {
            return;
        };
        remember(&mut row.history, sequence);
        row.status = MessageStatus::Refused;
        let place = row.place;
        self.remove(keys::pending(&undecodable.partner, place));
        self.dead_letter(
            sequence,
            &Letter {
                id: undecodable.dead_letter,
                subject: Subject::Message(undecodable.message),
                partner: &undecodable.partner,
                at: undecodable.at,
                step: "decode",
                business_key: "",
                failure: &undecodable.failure,
                attempts: 1,
                adapter: undecodable.adapter.as_ref().map(|it| it.digest),
            },
        );
    }

    fn attempt_started(&mut self, base: &dyn Base, sequence: Sequence, started: &AttemptStarted) {
        let Some(row) = self.delivery(base, started.delivery) else {
            return;
        };
        row.status = DeliveryStatus::InFlight;
        row.acknowledgement.sent();
        row.attempts = started.attempt;
        row.first_attempt_at.get_or_insert(started.at);
        remember(&mut row.history, sequence);
        row.conversation.truncate(started.exchange as usize);
        row.conversation.push(sequence);
    }

    fn attempted(&mut self, base: &dyn Base, sequence: Sequence, attempted: &Attempted) {
        if let Some(state) = &attempted.breaker {
            self.left_by_breaker(sequence, &attempted.to, state);
        }
        let Some(row) = self.delivery(base, attempted.delivery) else {
            return;
        };
        remember(&mut row.history, sequence);
        row.attempts = attempted.attempt;
        row.first_attempt_at.get_or_insert(attempted.at);
        row.failure = None;
        ended(row, attempted);
        let settled = row.settled().then(|| queue_key(row));
        let asked_for = row.settled() && row.command.is_some();
        let awaited = awaited_key(attempted.delivery, row);
        let (business_key, attempts) = (row.business_key.clone(), row.attempts);
        if let Some(key) = settled {
            self.remove(key);
        }
        if asked_for {
            self.left_by_outcome(sequence, attempted.delivery);
        }
        if let Some(key) = awaited {
            self.put(key, Vec::new());
        }
        if let Outcome::Dead {
            dead_letter,
            failure,
            ..
        } = &attempted.outcome
        {
            self.dead_letter(
                sequence,
                &Letter {
                    id: *dead_letter,
                    subject: Subject::Delivery(attempted.delivery),
                    partner: &attempted.to,
                    at: attempted.at,
                    step: "deliver",
                    business_key: &business_key,
                    failure,
                    attempts,
                    adapter: attempted.adapter.as_ref().map(|it| it.digest),
                },
            );
        }
    }

    fn replayed(&mut self, base: &dyn Base, sequence: Sequence, replayed: &Replayed) {
        let key = keys::dead_letter(replayed.dead_letter);
        // A letter may be made and replayed within one batch.
        let written = self
            .writes
            .iter()
            .rev()
            .find(|(written, _)| *written == key);
        let bytes = match written {
            Some((_, value)) => value.as_deref().map(sled::IVec::from),
            None => base.get(&key),
        };
        if let Some(mut row) = bytes.as_deref().and_then(decode::<DeadLetterRow>) {
            row.status = DeadLetterStatus::Replayed {
                at: replayed.at,
                by: shorten(&replayed.by),
            };
            self.put(key, encode(&row));
        }
        match replayed.subject {
            Subject::Message(id) => {
                if let Some(row) = self.message(base, id) {
                    remember(&mut row.history, sequence);
                    row.status = MessageStatus::Accepted;
                    row.place = sequence;
                    let (partner, accepted) = (row.partner.clone(), row.accepted);
                    self.wait(&partner, sequence, id, accepted);
                }
            }
            Subject::Delivery(id) => {
                if let Some(row) = self.delivery(base, id) {
                    remember(&mut row.history, sequence);
                    let awaited = awaited_key(id, row);
                    row.acknowledgement.replayed();
                    row.status = DeliveryStatus::Queued;
                    row.attempts = 0;
                    row.first_attempt_at = None;
                    if replayed.from_start {
                        row.conversation.clear();
                    }
                    // Behind what waits, as in the lane.
                    row.place = sequence;
                    let row = row.clone();
                    self.line_up(id, &row);
                    if let Some(key) = awaited {
                        self.remove(key);
                    }
                }
            }
        }
    }

    /// A message waits to be decoded.
    fn wait(&mut self, partner: &PartnerName, place: Sequence, id: MessageId, accepted: Sequence) {
        let mut value = id.as_bytes().to_vec();
        value.extend_from_slice(&accepted.get().to_be_bytes());
        self.put(keys::pending(partner, place), value);
    }

    fn dead_letter(&mut self, sequence: Sequence, letter: &Letter<'_>) {
        let row = DeadLetterRow {
            subject: letter.subject,
            partner: letter.partner.clone(),
            at: letter.at,
            step: letter.step.to_owned(),
            business_key: shorten(letter.business_key),
            failure: shortened(letter.failure),
            attempts: letter.attempts,
            sequence,
            adapter: letter.adapter,
            status: DeadLetterStatus::Waiting,
        };
        self.put(keys::dead_letter(letter.id), encode(&row));
    }

    fn message(&mut self, base: &dyn Base, id: MessageId) -> Option<&mut MessageRow> {
        self.messages.read(&id, || {
            base.get(&keys::message(id)).as_deref().and_then(decode)
        })
    }

    fn delivery(&mut self, base: &dyn Base, id: DeliveryId) -> Option<&mut DeliveryRow> {
        self.deliveries.read(&id, || {
            base.get(&keys::delivery(id)).as_deref().and_then(decode)
        })
    }

    fn partner(&mut self, base: &dyn Base, name: &PartnerName) -> &mut Standing {
        self.partners.read_or(name, || {
            let row = base.get(&keys::partner(name));
            row.as_deref().and_then(decode).unwrap_or_default()
        })
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.push((key, Some(value)));
    }

    fn remove(&mut self, key: Vec<u8>) {
        self.writes.push((key, None));
    }
}

// === impl Within ===

impl Standings for Within<'_> {
    fn of(&mut self, partner: &PartnerName) -> &mut Standing {
        self.fold.partner(self.base, partner)
    }
}

// === impl Table ===

impl<Id, Row> Default for Table<Id, Row> {
    fn default() -> Self {
        Self {
            kept: HashMap::new(),
            changed: Vec::new(),
        }
    }
}

impl<Id: Hash + Eq + Clone, Row: Serialize> Table<Id, Row> {
    fn insert(&mut self, id: Id, row: Row) {
        self.changed.push(id.clone());
        self.kept.insert(id, Kept { row, changed: true });
    }

    /// A row that is about to change, if there is one.
    fn read(&mut self, id: &Id, read: impl FnOnce() -> Option<Row>) -> Option<&mut Row> {
        let kept = match self.kept.entry(id.clone()) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(place) => place.insert(Kept::unchanged(read()?)),
        };
        Some(kept.touch(id, &mut self.changed))
    }

    /// A row that is about to change, or a new one.
    fn read_or(&mut self, id: &Id, read: impl FnOnce() -> Row) -> &mut Row {
        self.kept
            .entry(id.clone())
            .or_insert_with(|| Kept::unchanged(read()))
            .touch(id, &mut self.changed)
    }

    fn take_changed(
        &mut self,
        writes: &mut Vec<(Vec<u8>, Option<Vec<u8>>)>,
        key: impl Fn(&Id) -> Vec<u8>,
        encode: impl Fn(&Row) -> Vec<u8>,
    ) {
        for id in self.changed.drain(..) {
            if let Some(kept) = self.kept.get_mut(&id)
                && kept.changed
            {
                kept.changed = false;
                writes.push((key(&id), Some(encode(&kept.row))));
            }
        }
    }
}

// === impl Kept ===

impl<Row> Kept<Row> {
    fn unchanged(row: Row) -> Self {
        Self {
            row,
            changed: false,
        }
    }

    fn touch<Id: Clone>(&mut self, id: &Id, changed: &mut Vec<Id>) -> &mut Row {
        if !self.changed {
            self.changed = true;
            changed.push(id.clone());
        }
        &mut self.row
    }
}

/// What follows from an attempt for its delivery.
fn ended(row: &mut DeliveryRow, attempted: &Attempted) {
    match &attempted.outcome {
        Outcome::Delivered { external_id } => {
            row.status = DeliveryStatus::Delivered;
            row.external_id = external_id.as_deref().map(shorten);
            row.acknowledgement.arrived(attempted.at);
        }
        Outcome::AlreadyDelivered { external_id } => {
            row.status = DeliveryStatus::AlreadyDelivered;
            row.external_id = external_id.as_deref().map(shorten);
            row.acknowledgement.had_arrived(attempted.at);
        }
        Outcome::Retry {
            not_before,
            failure,
        } => {
            row.status = DeliveryStatus::Retrying {
                not_before: *not_before,
            };
            row.failure = Some(shortened(failure));
        }
        Outcome::Dead {
            dead_letter,
            failure,
            ..
        } => {
            row.status = DeliveryStatus::Dead {
                dead_letter: *dead_letter,
            };
            row.failure = Some(shortened(failure));
        }
    }
}

/// The delivery's place among those whose acknowledgement is awaited, if it has one.
fn awaited_key(id: DeliveryId, row: &DeliveryRow) -> Option<Vec<u8>> {
    let due = row.acknowledgement.open_until()?;
    Some(keys::awaited(&row.to, due, id))
}

/// The reason that a decoded message leaves a dead letter behind, and its step.
fn first_failure(decoded: &Decoded) -> Option<(&'static str, Failure)> {
    if let Some(refused) = decoded.refused.first() {
        return refused.problems.first().map(|it| ("decode", it.clone()));
    }
    let unrouted = decoded
        .documents
        .iter()
        .find_map(|it| match &it.disposition {
            Disposition::Unrouted => Some(Failure {
                code: "unrouted".to_owned(),
                text: format!("no routing rule wants {} from {}", it.kind, decoded.partner),
                blame: "settings".to_owned(),
                place: None,
                remedy: Some("add a [[route]] for it and replay this dead letter".to_owned()),
                value: None,
                acknowledgement_code: None,
            }),
            Disposition::Conflict { with } => Some(Failure {
                code: "identity-conflict".to_owned(),
                text: format!(
                    "{} {} has the numbers of document {with} and another content",
                    it.kind, it.business_key
                ),
                blame: "partner-data".to_owned(),
                place: None,
                remedy: Some(
                    "the partner must send it with a purpose or revision of its own".to_owned(),
                ),
                value: None,
                acknowledgement_code: None,
            }),
            Disposition::Routed | Disposition::Duplicate { .. } => None,
        });
    unrouted.map(|failure| ("route", failure))
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

pub(super) fn encode<Row: Serialize>(row: &Row) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "writing a row to memory can't fail")]
    rmp_serde::to_vec_named(row).expect("rows are serialisable")
}

/// Without the names of its fields, for what there is one of for each message. A row
/// with an optional field must not be written so.
pub(super) fn encode_tightly<Row: Serialize>(row: &Row) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "writing a row to memory can't fail")]
    rmp_serde::to_vec(row).expect("rows are serialisable")
}

/// A row, if the bytes are one. Bytes that are not are those of another version,
/// which the view's version check has refused before.
pub(super) fn decode<Row: DeserializeOwned>(bytes: &[u8]) -> Option<Row> {
    rmp_serde::from_slice(bytes).ok()
}
