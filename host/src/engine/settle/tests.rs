//! One message after the other, with what is known kept as the engine keeps it.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::*;
use crate::{
    contract::{
        Decision, Envelope, EnvelopeKind, FunctionalAcknowledgement, OrderResponse, Source, Verdict,
    },
    message::Channel,
    partner::{Action, Actions, ControlNumbers},
    record::{Level, Verdict as Means},
    route::{Rule, Table, World},
    view::tests::{adapter, at, partner},
};

/// What is known, as a view would know it.
#[derive(Default)]
struct Books {
    identities: HashMap<Digest, IdentityRow>,
    numbers: HashMap<(Digest, String), SeenRow>,
    series: HashMap<Digest, SeriesRow>,
    sent: HashMap<u64, DeliveryId>,
    orders: HashMap<String, DeliveryId>,
    control_number: u64,
    terms: Terms,
    /// Deliveries that were sent round again.
    unanswered: BTreeSet<DeliveryId>,
}

impl Known for Books {
    fn identity(&self, key: &Digest) -> Option<IdentityRow> {
        self.identities.get(key).copied()
    }
    fn last_sent(&self, _: &PartnerName, kind: &str, business_key: &str) -> Option<DeliveryId> {
        assert_eq!(kind, "order");
        self.orders.get(business_key).copied()
    }
    fn seen(&self, series: &Digest, number: &str) -> Option<SeenRow> {
        self.numbers.get(&(*series, number.to_owned())).copied()
    }
    fn series(&self, series: &Digest) -> Option<SeriesRow> {
        self.series.get(series).copied()
    }
    fn terms(&self, _: &PartnerName) -> &Terms {
        &self.terms
    }
    fn delivery_by_control(&self, _: &PartnerName, number: u64) -> Option<DeliveryId> {
        self.sent.get(&number).copied()
    }
    fn thread(&self, _: &str) -> Option<CorrelationId> {
        None
    }
    fn correlation_of(&self, _: DeliveryId) -> Option<CorrelationId> {
        None
    }
    fn is_unanswered(&self, delivery: DeliveryId) -> bool {
        self.unanswered.contains(&delivery)
    }
    fn control_number(&mut self, _: &PartnerName) -> u64 {
        self.control_number += 1;
        self.control_number
    }
    fn deliveries_of(&self, _: MessageId) -> u32 {
        0
    }
    fn acknowledged(&self, _: &PartnerName) -> bool {
        true
    }
}

impl Books {
    /// A delivery that went out under this number.
    fn sent(&mut self, number: u64) -> DeliveryId {
        let delivery = DeliveryId {
            message: MessageId::new(at(0)),
            ordinal: 1,
        };
        self.sent.insert(number, delivery);
        delivery
    }

    /// Settles a message and keeps what follows.
    fn settle(&mut self, message: &RawMessage, decoded: contract::Decoded) -> Decoded {
        let reading = Reading {
            adapter: Some(adapter()),
            read: Read::Decoded {
                decoded: Box::new(decoded),
                fuel_used: 1,
                compared: Vec::new(),
            },
            log: Log::default(),
            tables: Vec::new(),
        };
        let settled = settle(message, reading, &table(), self, message.received_at);
        self.identities.extend(settled.identities);
        self.numbers.extend(settled.numbers);
        self.series.extend(settled.series);
        match &*settled.record {
            Record::Decoded(decoded) => decoded.clone(),
            other => panic!("{other:?}"),
        }
    }
}

fn table() -> Table {
    let rule: Rule = toml::from_str("name = 'orders'\ndocument = 'order'\nto = ['north']").unwrap();
    let names = BTreeSet::from([partner("north")]);
    let world = World {
        kinds: contract::KINDS,
        partners: &names,
        receivers: &names,
    };
    Table::new(&[rule], &world).unwrap()
}

fn message(millis: i64, body: &'static str) -> RawMessage {
    let mut message = crate::view::tests::message(at(millis), "north");
    message.channel = Channel::Http;
    message.body = Bytes::from_static(body.as_bytes());
    message
}

fn holds(documents: Vec<contract::Document>) -> contract::Decoded {
    let documents = (0..).zip(documents).map(|(position, document)| {
        Ok(DecodedDocument {
            document,
            source: Source {
                format: "test".to_owned(),
                version: None,
                type_: None,
                interchange_control: None,
                group_control: None,
                transaction_control: None,
                position,
            },
            findings: Vec::new(),
        })
    });
    contract::Decoded {
        documents: documents.collect(),
        envelopes: Vec::new(),
        acknowledgements: Vec::new(),
        findings: Vec::new(),
        reply: None,
        extras: Vec::new(),
    }
}

fn acknowledgement(number: &str, verdict: Verdict) -> FunctionalAcknowledgement {
    FunctionalAcknowledgement {
        functional_id: "OW".to_owned(),
        group_control: number.to_owned(),
        interchange_control: None,
        version: None,
        verdict,
        codes: Vec::new(),
        included: 1,
        received: 1,
        accepted: 0,
        sets: Vec::new(),
        extras: Vec::new(),
    }
}

fn order(order_no: &str) -> contract::Document {
    let text = format!(
        r#"{{"kind": "order", "purpose": "original", "order_no": "{order_no}",
            "lines": [{{"line_no": "1", "quantity": {{"value": "1", "unit": "EA"}},
            "items": [{{"scheme": "sku", "value": "TEA"}}]}}]}}"#
    );
    json::from_str(&text).unwrap()
}

/// An interchange around the first document, over the whole message.
fn interchange(number: &str) -> Envelope {
    Envelope {
        kind: EnvelopeKind::Interchange,
        sender: "ZZ:NORTH".to_owned(),
        receiver: "ZZ:US".to_owned(),
        control_number: number.to_owned(),
        last_number: Some(999_999_999),
        first_document: 0,
        documents: 1,
        offset: 0,
        end: None,
    }
}

/// Sends an order in an interchange; gives what was found and whether it was taken.
fn sends(books: &mut Books, number: &str, order_no: &str, body: &'static str) -> (String, bool) {
    let mut decoded = holds(vec![order(order_no)]);
    decoded.envelopes = vec![interchange(number)];
    let record = books.settle(&message(1, body), decoded);
    let codes = record.findings.iter().map(|it| it.code.as_str());
    let refused = record.refused.iter().map(|it| it.problems[0].code.as_str());
    let codes: Vec<_> = codes.chain(refused).collect();
    assert_eq!(record.envelopes.len(), 1);
    (codes.join(" "), record.envelopes[0].taken)
}

#[test]
fn a_status_on_the_way_and_the_next_one_are_two_documents() {
    let mut books = Books::default();
    let delivery = books.sent(7);
    let underway = acknowledgement("7", Verdict::Other("64".to_owned()));
    let posted = acknowledgement("7", Verdict::Accepted);
    for (now, answer, means) in [
        (1, underway, Means::Underway),
        (2, posted.clone(), Means::Accepted),
    ] {
        let document = contract::Document::FunctionalAcknowledgement(answer);
        let record = books.settle(&message(now, "x"), holds(vec![document]));
        assert_eq!(record.documents[0].disposition, Disposition::Routed);
        assert_eq!(record.documents[0].findings, []);
        assert_eq!(record.acknowledges.len(), 1);
        assert_eq!(record.acknowledges[0].delivery, delivery);
        assert_eq!(record.acknowledges[0].means(), means);
        assert!(record.dead_letter.is_none());
    }
    // The same once more has no second effect.
    let document = contract::Document::FunctionalAcknowledgement(posted);
    let again = books.settle(&message(3, "x"), holds(vec![document.clone()]));
    assert!(matches!(
        again.documents[0].disposition,
        Disposition::Duplicate { .. }
    ));
    assert_eq!(again.acknowledges, []);
    // But what was sent round again is answered in the same words.
    books.unanswered.insert(delivery);
    let answer = books.settle(&message(4, "x"), holds(vec![document]));
    assert!(matches!(
        answer.documents[0].disposition,
        Disposition::Duplicate { .. }
    ));
    assert_eq!(answer.acknowledges[0].delivery, delivery);
    assert_eq!(answer.acknowledges[0].means(), Means::Accepted);
}

#[test]
fn envelopes_that_overlap_are_looked_at_within_bounds() {
    let mut books = Books::default();
    let mut decoded = holds(vec![order("SO-1")]);
    decoded.envelopes = (1..=100).map(|it| interchange(&it.to_string())).collect();
    let record = books.settle(&message(1, "all of it, a hundred times"), decoded);
    assert_eq!(record.envelopes.len(), 4);
    let last = record.findings.last().unwrap();
    assert_eq!(last.code, "envelopes-not-looked-at");
}

#[test]
fn an_acknowledgement_of_nothing_is_found_out() {
    let mut books = Books::default();
    let answer = acknowledgement("8", Verdict::Accepted);
    let document = contract::Document::FunctionalAcknowledgement(answer);
    let record = books.settle(&message(1, "x"), holds(vec![document]));
    assert_eq!(
        record.documents[0].findings[0].code,
        "acknowledgement-unmatched"
    );
    assert_eq!(record.acknowledges, []);
}

#[test]
fn one_set_that_is_refused_refuses_the_delivery() {
    let mut books = Books::default();
    books.sent(7);
    let mut answer = acknowledgement("7", Verdict::PartiallyAccepted);
    answer.sets = vec![contract::SetNote {
        type_: "940".to_owned(),
        control_number: "0007".to_owned(),
        verdict: Verdict::Rejected,
        codes: Vec::new(),
        segments: Vec::new(),
    }];
    let document = contract::Document::FunctionalAcknowledgement(answer);
    let record = books.settle(&message(1, "x"), holds(vec![document]));
    assert_eq!(record.acknowledges[0].means(), Means::Rejected);
    assert_eq!(record.acknowledges[0].verdict, "partially-accepted");

    let mut envelope = acknowledgement("7", Verdict::Accepted);
    envelope.functional_id.clear();
    envelope.interchange_control = Some("000000007".to_owned());
    let document = contract::Document::FunctionalAcknowledgement(envelope);
    let record = books.settle(&message(2, "x"), holds(vec![document]));
    assert_eq!(record.acknowledges[0].level, Level::Interchange);
}

#[test]
fn the_answer_to_an_order_settles_it() {
    let mut books = Books::default();
    let delivery = books.sent(7);
    books.orders.insert("order/SO-1".to_owned(), delivery);
    let response = |order_no: &str, decision| {
        contract::Document::OrderResponse(OrderResponse {
            order_no: order_no.to_owned(),
            partner_order_no: None,
            decision,
            decided_at: None,
            expected_ship: None,
            reasons: Vec::new(),
            lines: Vec::new(),
            references: Vec::new(),
            extras: Vec::new(),
        })
    };
    let documents = vec![
        response("SO-1", Decision::Rejected),
        response("SO-2", Decision::Accepted),
    ];
    let record = books.settle(&message(1, "x"), holds(documents));
    assert_eq!(record.acknowledges.len(), 1);
    assert_eq!(record.acknowledges[0].means(), Means::Rejected);
    assert_eq!(record.acknowledges[0].level, Level::Business);
    // Nobody is told of it: that is a person's business.
    assert_eq!(record.documents[0].disposition, Disposition::Unrouted);
}

#[test]
fn numbers_come_once_and_in_order() {
    let mut books = Books::default();
    let mut sends = |number, order_no, body| sends(&mut books, number, order_no, body);
    let fine = (String::new(), true);
    assert_eq!(sends("000000012", "SO-12", "twelve"), fine);
    assert_eq!(sends("000000013", "SO-13", "thirteen"), fine);
    let noted = |code: &str| (format!("interchange-{code}"), true);
    assert_eq!(sends("000000016", "SO-16", "sixteen"), noted("gap"));
    assert_eq!(sends("15", "SO-15", "fifteen"), noted("out-of-sequence"));
    // What is between fifteen and seventeen was there.
    assert_eq!(sends("17", "SO-17", "seventeen"), fine);
    assert_eq!(sends("17", "SO-17", "seventeen"), noted("duplicate"));
    assert_eq!(sends("000000017", "SO-99", "another"), noted("conflict"));
    assert_eq!(sends("999999999", "SO-18", "the last"), noted("gap"));
    assert_eq!(sends("1", "SO-19", "begins anew"), fine);
}

#[test]
fn what_is_refused_does_not_count() {
    let mut books = Books::default();
    books.terms.control_numbers = ControlNumbers {
        interchange: Actions {
            gap: Some(Action::Refuse),
            duplicate: Some(Action::Refuse),
            out_of_sequence: Some(Action::Accept),
            ..Actions::default()
        },
        ..ControlNumbers::default()
    };
    let fine = (String::new(), true);
    assert_eq!(sends(&mut books, "12", "SO-12", "twelve"), fine);
    let early = message(1, "fourteen");
    let fourteen = || {
        let mut decoded = holds(vec![order("SO-14")]);
        decoded.envelopes = vec![interchange("14")];
        decoded
    };
    let record = books.settle(&early, fourteen());
    assert_eq!(record.refused[0].problems[0].code, "interchange-gap");
    assert!(record.documents.is_empty() && record.deliveries.is_empty());
    assert!(record.dead_letter.is_some());
    assert!(!record.envelopes[0].taken);
    // Once the missing one has come it can be read again.
    assert_eq!(sends(&mut books, "13", "SO-13", "thirteen"), fine);
    let record = books.settle(&early, fourteen());
    assert_eq!((record.refused.len(), record.documents.len()), (0, 1));
    // And once more, without being its own duplicate.
    let record = books.settle(&early, fourteen());
    assert_eq!((record.refused.len(), record.findings.len()), (0, 0));
    let repeated = sends(&mut books, "14", "SO-14", "fourteen");
    assert_eq!(repeated, ("interchange-duplicate".to_owned(), false));
}

#[test]
fn nothing_is_owed_for_what_is_refused() {
    let mut books = Books::default();
    books.terms.control_numbers.interchange.conflict = Some(Action::Refuse);
    let decoded = || {
        let mut decoded = holds(vec![order("SO-1"), order("SO-2")]);
        let group = |number: &str, first_document, offset| Envelope {
            kind: EnvelopeKind::Group("OW".to_owned()),
            first_document,
            offset,
            ..interchange(number)
        };
        let whole = Envelope {
            documents: 2,
            ..interchange("12")
        };
        decoded.envelopes = vec![whole, group("1", 0, 1), group("2", 1, 2)];
        let owed = ["1", "2"].map(|number| acknowledgement(number, Verdict::Accepted));
        decoded.acknowledgements = owed.to_vec();
        decoded
    };
    let first = books.settle(&message(1, "one"), decoded());
    assert_eq!(first.envelopes.len(), 3);
    assert_eq!(first.deliveries.len(), 4);
    let second = books.settle(&message(2, "two"), decoded());
    assert_eq!(second.refused.len(), 2);
    assert_eq!(second.deliveries.len(), 0);
    assert!(second.envelopes.iter().all(|it| !it.taken));
}

#[test]
fn an_interchange_twice_in_one_message_is_a_duplicate() {
    let mut books = Books::default();
    let mut decoded = holds(vec![order("SO-1")]);
    decoded.envelopes = vec![interchange("12"), interchange("12")];
    let record = books.settle(&message(1, "one"), decoded);
    let codes: Vec<_> = record.findings.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(codes, ["interchange-duplicate"]);
}

#[test]
fn what_an_adapter_makes_up_is_bounded() {
    let mut books = Books::default();
    let mut decoded = holds(vec![order("SO-1")]);
    let odd = |number: &str| Envelope {
        offset: u64::MAX,
        end: Some(3),
        first_document: u32::MAX,
        documents: u32::MAX,
        ..interchange(number)
    };
    decoded.envelopes = (0..5_000).map(|number| odd(&number.to_string())).collect();
    decoded.envelopes[0] = odd(&"9".repeat(10_000));
    decoded.envelopes[1] = odd("");
    decoded.envelopes[2] = odd("A-17");
    let record = books.settle(&message(1, "one"), decoded);
    assert_eq!(record.envelopes.len(), 998);
    let last = record.findings.last().unwrap();
    assert_eq!(last.code, "envelopes-not-looked-at");
}
