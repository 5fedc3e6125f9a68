//! The fold, asked for what it must keep in order and tied together.

use bytes::Bytes;

use super::*;
use crate::{
    clock::Timestamp,
    contract,
    journal::Sequence,
    message::{
        Channel, CorrelationId, DeadLetterId, DeliveryId, Digest, DocumentId, MessageId,
        PartnerName, RawMessage,
    },
    record::{
        AdapterRef, AttemptStarted, Attempted, Decoded, Disposition, Document, Failure, Identity,
        Log, Outcome, Queued, Record, Replayed, Request, Subject, Undecodable,
    },
};

/// A view that records are given to as a journal would.
pub(crate) struct Told {
    pub(crate) view: View,
    pub(crate) records: Vec<Record>,
    _directory: tempfile::TempDir,
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_772_357_400_000 + millis)
}

pub(crate) fn partner(name: &str) -> PartnerName {
    PartnerName::parse(name).unwrap()
}

impl Told {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let view = View::open(&Options {
            directory: directory.path().join("view"),
            cache_bytes: 1 << 20,
        });
        Self {
            view: view.unwrap(),
            records: Vec::new(),
            _directory: directory,
        }
    }

    /// The next record; gives its place.
    pub(crate) fn tell(&mut self, record: Record) -> Sequence {
        self.records.push(record);
        let sequence = Sequence::from_u64(self.records.len() as u64);
        let record = self.records.last().unwrap();
        self.view
            .apply(std::iter::once((sequence, record)))
            .unwrap();
        sequence
    }

    pub(crate) fn accept(&mut self, now: Timestamp, from: &str) -> MessageId {
        let message = message(now, from);
        let id = message.id;
        self.tell(Record::Accepted(message));
        id
    }

    /// The places of what waits to be decoded.
    fn waiting(&self, from: &str) -> Vec<(u64, u64)> {
        let pending = self.view.pending(&partner(from), Sequence::ZERO, 100);
        pending
            .iter()
            .map(|it| (it.place.get(), it.accepted.get()))
            .collect()
    }
}

pub(crate) fn message(now: Timestamp, from: &str) -> RawMessage {
    let id = MessageId::new(now);
    RawMessage {
        id,
        partner: partner(from),
        correlation_id: id.into(),
        traceparent: None,
        idempotency_key: Some(format!("key of {id}")),
        channel: Channel::Http,
        content_type: None,
        headers: Vec::new(),
        received_at: now,
        digest: Digest::of(b"x"),
        body: Bytes::from_static(b"x"),
    }
}

pub(crate) fn adapter() -> AdapterRef {
    AdapterRef {
        name: "x12".to_owned(),
        version: "1.0.0".to_owned(),
        digest: Digest::of(b"x12"),
    }
}

/// One order in a message, and one delivery of it.
pub(crate) fn decoded(now: Timestamp, message: MessageId, order_no: &str, to: &str) -> Decoded {
    let id = DocumentId {
        message,
        position: 0,
    };
    let business_key = format!("order/{order_no}");
    Decoded {
        message,
        partner: partner("erp"),
        correlation_id: message.into(),
        traceparent: None,
        at: now,
        adapter: adapter(),
        fuel_used: 1,
        log: Log::default(),
        documents: vec![Document {
            id,
            kind: "order".to_owned(),
            business_key: business_key.clone(),
            identity: Identity {
                key: Digest::of(message.as_bytes()),
                content: Digest::of(b"content"),
            },
            disposition: Disposition::Routed,
            thread: None,
            content: "{}".to_owned(),
            processed: false,
            findings: Vec::new(),
            source: "test".to_owned(),
        }],
        refused: Vec::new(),
        findings: Vec::new(),
        deliveries: vec![Queued {
            id: delivery(message),
            document: id,
            to: partner(to),
            business_key,
            kind: "order".to_owned(),
            control_number: 1,
            rule: "all".to_owned(),
            correlation_id: None,
            content: None,
            acknowledgement_minutes: None,
            command: None,
        }],
        acknowledges: Vec::new(),
        envelopes: Vec::new(),
        reply: None,
        dead_letter: None,
        tables: Vec::new(),
    }
}

pub(crate) fn delivery(message: MessageId) -> DeliveryId {
    DeliveryId {
        message,
        ordinal: 1,
    }
}

pub(crate) fn attempted(now: Timestamp, message: MessageId, to: &str, outcome: Outcome) -> Record {
    Record::Attempted(Attempted {
        delivery: delivery(message),
        to: partner(to),
        attempt: 1,
        at: now,
        adapter: Some(adapter()),
        took_ms: 1,
        answer: None,
        outcome,
        breaker: None,
        held_until: None,
        held_because: None,
        log: Log::default(),
        tables: Vec::new(),
    })
}

/// A delivery's first request leaves.
fn started(now: Timestamp, message: MessageId) -> Record {
    Record::AttemptStarted(AttemptStarted {
        delivery: delivery(message),
        attempt: 1,
        at: now,
        adapter: adapter(),
        exchange: 0,
        previous: None,
        request: Request {
            method: "POST".to_owned(),
            path: String::new(),
            headers: Vec::new(),
            content_type: None,
            file_name: None,
            credential: None,
            cost: None,
            body: Bytes::new(),
        },
        log: Log::default(),
        tables: Vec::new(),
    })
}

pub(crate) fn dead(now: Timestamp) -> (DeadLetterId, Outcome) {
    let dead_letter = DeadLetterId::new(now);
    let outcome = Outcome::Dead {
        dead_letter,
        because: "rejected".to_owned(),
        failure: Failure::host("no"),
    };
    (dead_letter, outcome)
}

pub(crate) fn replayed(now: Timestamp, dead_letter: DeadLetterId, subject: Subject) -> Record {
    Record::Replayed(Replayed {
        dead_letter,
        subject,
        at: now,
        by: "ann".to_owned(),
        from_start: false,
    })
}

#[test]
fn a_replayed_delivery_stands_behind_what_waits() {
    let mut told = Told::new();
    let orders = [0, 1].map(|number| told.accept(at(number), "erp"));
    for order in orders {
        told.tell(Record::Decoded(decoded(at(5), order, "SO-1", "north")));
    }
    let (letter, outcome) = dead(at(6));
    told.tell(attempted(at(6), orders[0], "north", outcome));
    let third = told.accept(at(7), "erp");
    told.tell(Record::Decoded(decoded(at(8), third, "SO-1", "north")));
    let subject = Subject::Delivery(delivery(orders[0]));
    told.tell(replayed(at(9), letter, subject));
    let open = told.view.open_deliveries(&partner("north"));
    let open: Vec<_> = open.map(|(id, _)| id.message).collect();
    assert_eq!(open, [orders[1], third, orders[0]]);

    // It leaves that place when it is settled.
    let delivered = Outcome::Delivered { external_id: None };
    told.tell(attempted(at(10), orders[0], "north", delivered));
    assert_eq!(told.view.open_deliveries(&partner("north")).count(), 2);
}

#[test]
fn a_delivery_goes_on_where_it_was_unless_it_is_to_begin_anew() {
    for from_start in [false, true] {
        let mut told = Told::new();
        let order = told.accept(at(0), "erp");
        told.tell(Record::Decoded(decoded(at(1), order, "SO-1", "north")));
        told.tell(started(at(2), order));
        let (letter, outcome) = dead(at(3));
        told.tell(attempted(at(3), order, "north", outcome));
        let subject = Subject::Delivery(delivery(order));
        let Record::Replayed(replay) = replayed(at(4), letter, subject) else {
            unreachable!("it is one");
        };
        told.tell(Record::Replayed(Replayed {
            from_start,
            ..replay
        }));
        let row = told.view.delivery(delivery(order)).unwrap();
        assert_eq!(row.conversation.is_empty(), from_start);
    }
}

#[test]
fn a_replayed_message_stands_behind_what_waits() {
    let mut told = Told::new();
    let first = told.accept(at(0), "erp");
    let dead_letter = DeadLetterId::new(at(1));
    told.tell(Record::Undecodable(Undecodable {
        message: first,
        partner: partner("erp"),
        at: at(1),
        adapter: None,
        failure: Failure::host("no"),
        dead_letter,
        log: Log::default(),
        tables: Vec::new(),
    }));
    told.accept(at(2), "erp");
    told.tell(replayed(at(3), dead_letter, Subject::Message(first)));
    assert_eq!(told.waiting("erp"), [(3, 3), (4, 1)]);
    told.tell(Record::Decoded(decoded(at(4), first, "SO-1", "north")));
    assert_eq!(told.waiting("erp"), [(3, 3)]);
}

#[test]
fn what_follows_from_an_order_is_found_under_its_correlation_id() {
    let mut told = Told::new();
    let mut order = message(at(0), "erp");
    order.correlation_id = CorrelationId::parse("SO-1").unwrap();
    let order_id = order.id;
    told.tell(Record::Accepted(order));
    let mut first = decoded(at(1), order_id, "SO-1", "north");
    first.correlation_id = CorrelationId::parse("SO-1").unwrap();
    assert!(contract::begins_event(&first.documents[0]));
    told.tell(Record::Decoded(first));
    let begun = told.view.thread("order/SO-1").unwrap();
    assert_eq!(begun.correlation_id.as_str(), "SO-1");
    assert_eq!(begun.message, order_id);

    // A file: it has an id of its own, and continues the order.
    let file = told.accept(at(2), "north");
    let mut second = decoded(at(3), file, "SO-1", "erp");
    second.documents[0].thread = Some(begun.correlation_id.clone());
    second.deliveries[0].correlation_id = Some(begun.correlation_id.clone());
    told.tell(Record::Decoded(second));
    let delivery = told.view.delivery(delivery(file)).unwrap();
    assert_eq!(delivery.correlation_id.as_str(), "SO-1");
    let search = |filter: MessageFilter| {
        let found = told.view.messages(&filter);
        found.iter().map(|(id, _)| *id).collect::<Vec<_>>()
    };
    let tied = MessageFilter {
        correlation_id: Some("SO-1".to_owned()),
        limit: 10,
        ..MessageFilter::default()
    };
    assert_eq!(search(tied.clone()), [file, order_id]);
    let of_north = MessageFilter {
        partner: Some(partner("north")),
        ..tied.clone()
    };
    assert_eq!(search(of_north), [file]);
    let by_both = MessageFilter {
        business_key: Some("order/SO-1".to_owned()),
        ..tied
    };
    assert_eq!(search(by_both), [file, order_id]);
    assert_eq!(told.view.thread("order/SO-1"), Some(begun), "it began once");
}
