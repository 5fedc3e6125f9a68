//! A journal and a view in which processes have taken steps, as the engine would have
//! recorded them: documents come in, machines step, what they send is queued.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::instance::Source;
use crate::{
    clock::Timestamp,
    contract::{self, Document},
    journal::{Journal as _, MemoryJournal, MemoryStore, Reader, Sequence},
    message::{CorrelationId, DeliveryId, DocumentId, MessageId, PartnerName},
    process::{
        Body, Command, Input, Number, Origin, Policy, Received, Receiver, Registry, Role, World,
        addresses,
        exception::Action,
        policy::Config,
        routing::{Stock, Supply},
    },
    record::{
        Attempted, Cause, CommandRef, Decoded, Disposition, Identity, Outcome, Queued, Record,
        Report, Step, Stepped,
    },
    view::{
        View,
        tests::{self, Told, adapter, message},
    },
};

/// When all begins.
pub(super) const START: Timestamp = Timestamp::from_millis(1_772_452_800_000);

/// A host's books.
pub(super) struct Site {
    told: Told,
    journal: MemoryJournal,
    reader: Arc<dyn Reader>,
    pub(super) machines: Registry,
    pub(super) now: Timestamp,
    policy: Policy,
    states: BTreeMap<(String, String), Vec<u8>>,
    deliveries: BTreeMap<MessageId, u32>,
    last: Option<MessageId>,
}

/// Everybody has everything.
struct Plenty;

impl Supply for Plenty {
    fn stock(&self, _: &str, _: &str) -> Option<Stock> {
        Some(Stock {
            available: Number::whole(1_000),
            stale: false,
        })
    }

    fn open_orders(&self, _: &str) -> u32 {
        0
    }

    fn answers(&self, _: &str) -> bool {
        true
    }
}

// === impl Site ===

impl Site {
    /// With the nodes north and south, north first, and these settings beside.
    pub(super) fn new(settings: &str) -> Self {
        let nodes = r#"
            [[node]]
            name = "north"
            priority = 1
            [[node]]
            name = "south"
            priority = 2
            [[routing]]
            name = "all"
            nodes = ["north", "south"]
        "#;
        let journal = MemoryJournal::open(&MemoryStore::default(), Sequence::ZERO).unwrap();
        let config: Config = toml::from_str(&format!("{settings}\n{nodes}")).unwrap();
        Self {
            told: Told::new(),
            reader: journal.reader(),
            journal,
            machines: Registry::standard(),
            now: START,
            policy: Policy::new(config).unwrap(),
            states: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            last: None,
        }
    }

    /// What answers are made of.
    pub(super) fn source(&self) -> Source<'_> {
        Source {
            view: &self.told.view,
            journal: self.reader.as_ref(),
            machines: &self.machines,
            now: self.now,
        }
    }

    /// The rows.
    pub(super) fn view(&self) -> &View {
        &self.told.view
    }

    fn tell(&mut self, record: Record) -> Sequence {
        let bytes = Bytes::from(record.to_bytes());
        self.journal.append(&[bytes]).unwrap();
        self.told.tell(record)
    }

    /// Time passes.
    pub(super) fn wait(&mut self, minutes: i64) {
        self.now = Timestamp::from_millis(self.now.as_millis() + minutes * 60_000);
    }

    /// A partner's message with one document; each process that it concerns takes a step.
    pub(super) fn document(&mut self, from: &str, role: Role, text: &str) -> MessageId {
        let document: Document = contract::json::from_slice(text.as_bytes()).unwrap();
        let partner = PartnerName::parse(from).unwrap();
        let mut raw = message(self.now, from);
        raw.correlation_id = CorrelationId::parse(&format!("from-{from}")).unwrap();
        let (id, correlation_id) = (raw.id, raw.correlation_id.clone());
        self.tell(Record::Accepted(raw));
        let of = DocumentId {
            message: id,
            position: 0,
        };
        let content = String::from_utf8(contract::json::to_vec(&document).unwrap()).unwrap();
        let identity = contract::identity(&document, &partner, &content);
        let decoded = self.decoded(&document, of, &partner, correlation_id.clone(), identity);
        self.tell(Record::Decoded(decoded));
        self.last = Some(id);
        let origin = Origin {
            partner: partner.clone(),
            role,
        };
        let cause = Cause::Document {
            document: of,
            from: partner,
            document_kind: Some(contract::kind(&document).to_owned()),
        };
        let mut stepped = stepped(self.now, cause);
        for address in addresses(&document, &origin) {
            let input = Input {
                identity: identity.key.to_string(),
                body: Body::Document(Received {
                    id: of,
                    from: &origin,
                    document: &document,
                    lines: address.lines.as_deref(),
                }),
            };
            let step = self.step(address.process, &address.key, &input, &correlation_id);
            self.queue(&mut stepped, step, of);
        }
        self.tell(Record::Stepped(stepped));
        id
    }

    /// Somebody acts on an exception.
    pub(super) fn act(&mut self, process: &str, id: &str, action: Action) {
        let (key, _) = id.split_once('#').unwrap();
        let input = Input {
            identity: format!("{id}/{}", self.told.records.len()),
            body: Body::Action {
                exception: id.to_owned(),
                action,
                by: "ann".to_owned(),
            },
        };
        let cause = Cause::Action {
            exception: id.to_owned(),
            action,
            by: "ann".to_owned(),
            note: Some("called them".to_owned()),
        };
        let correlation_id = CorrelationId::parse("from-ann").unwrap();
        let step = self.step(process, key, &input, &correlation_id);
        let mut stepped = stepped(self.now, cause);
        let of = DocumentId {
            message: self.last.unwrap(),
            position: 0,
        };
        self.queue(&mut stepped, step, of);
        self.tell(Record::Stepped(stepped));
    }

    /// A timer of an instance comes due.
    pub(super) fn ring(&mut self, process: &str, key: &str, name: &str) {
        let due = self.now;
        let input = Input {
            identity: format!("{name}/{due}"),
            body: Body::Timer {
                name: name.to_owned(),
            },
        };
        let cause = Cause::Timer {
            process: process.to_owned(),
            key: key.to_owned(),
            name: name.to_owned(),
            due,
        };
        let correlation_id = CorrelationId::parse("from-timer").unwrap();
        let step = self.step(process, key, &input, &correlation_id);
        let mut stepped = stepped(self.now, cause);
        let of = DocumentId {
            message: self.last.unwrap(),
            position: 0,
        };
        self.queue(&mut stepped, step, of);
        self.tell(Record::Stepped(stepped));
    }

    /// A node's report is kept; gives the record's place.
    pub(super) fn report(&mut self, node: &str, json: &str) -> Sequence {
        let mut stepped = stepped(self.now, Cause::Carried);
        stepped.reports.push(Report {
            node: node.to_owned(),
            positions: 1,
            json: json.to_owned(),
        });
        self.tell(Record::Stepped(stepped))
    }

    /// A delivery arrives, under the receiver's own number.
    pub(super) fn deliver(&mut self, id: DeliveryId, number: &str) {
        let row = self.told.view.delivery(id).unwrap();
        self.tell(Record::Attempted(Attempted {
            delivery: id,
            to: row.to,
            attempt: 1,
            at: self.now,
            adapter: Some(adapter()),
            took_ms: 1,
            answer: None,
            outcome: Outcome::Delivered {
                external_id: Some(number.to_owned()),
            },
            breaker: None,
            held_until: None,
            held_because: None,
            log: crate::record::Log::default(),
            tables: Vec::new(),
        }));
    }

    /// Deliveries that an instance asked for.
    pub(super) fn sent(&self, process: &str, key: &str) -> Vec<DeliveryId> {
        self.told.view.sent_by(process, key, None)
    }

    fn decoded(
        &self,
        document: &Document,
        of: DocumentId,
        from: &PartnerName,
        correlation_id: CorrelationId,
        identity: Identity,
    ) -> Decoded {
        let mut decoded = tests::decoded(self.now, of.message, "unused", "nobody");
        decoded.partner = from.clone();
        decoded.correlation_id = correlation_id;
        decoded.deliveries.clear();
        let known = &mut decoded.documents[0];
        known.kind = contract::kind(document).to_owned();
        known.business_key = contract::business_key(document, from);
        known.identity = identity;
        known.disposition = Disposition::Routed;
        decoded
    }

    fn step(
        &mut self,
        process: &str,
        key: &str,
        input: &Input<'_>,
        correlation_id: &CorrelationId,
    ) -> Step {
        let named = (process.to_owned(), key.to_owned());
        let world = World {
            policy: &self.policy,
            supply: &Plenty,
        };
        let version = self.machines.newest(process).unwrap();
        let before = self.states.get(&named).map(Vec::as_slice);
        let made = self
            .machines
            .step(process, version, key, before, input, self.now, &world)
            .unwrap();
        let summary = self
            .machines
            .summary(process, version, &made.state)
            .unwrap();
        self.states.insert(named, made.state.clone());
        Step {
            process: process.to_owned(),
            version,
            key: key.to_owned(),
            input: input.identity.clone(),
            correlation_id: correlation_id.clone(),
            origin: None,
            state: Bytes::from(made.state),
            status: summary.status.to_owned(),
            finished: summary.finished,
            waits: summary.waits,
            exceptions: u32::try_from(summary.exceptions.len()).unwrap(),
            facts: summary.facts,
            commands: made.commands,
            events: made.events,
            refused: None,
            omitted: Vec::new(),
            stands: None,
        }
    }

    /// What a step sends goes to one partner for each receiver.
    fn queue(&mut self, stepped: &mut Stepped, step: Step, of: DocumentId) {
        for command in &step.commands {
            let Command::Send { to, dedupe_key, .. } = command else {
                continue;
            };
            let to = match to {
                Receiver::Erp => "erp".to_owned(),
                Receiver::Crm => "crm".to_owned(),
                Receiver::Shops => "web".to_owned(),
                Receiver::Node { node } => format!("{node}-3pl"),
                Receiver::Partner { partner } => partner.to_string(),
            };
            let ordinal = self.deliveries.entry(of.message).or_default();
            *ordinal += 1;
            stepped.deliveries.push(Queued {
                id: DeliveryId {
                    message: of.message,
                    ordinal: *ordinal,
                },
                document: of,
                to: PartnerName::parse(&to).unwrap(),
                business_key: step.key.clone(),
                kind: "order".to_owned(),
                control_number: 1,
                rule: step.process.clone(),
                correlation_id: Some(step.correlation_id.clone()),
                content: Some("{}".to_owned()),
                acknowledgement_minutes: None,
                command: Some(CommandRef {
                    process: step.process.clone(),
                    key: step.key.clone(),
                    dedupe_key: dedupe_key.clone(),
                }),
            });
        }
        stepped.steps.push(step);
    }
}

fn stepped(at: Timestamp, cause: Cause) -> Stepped {
    Stepped {
        at,
        cause,
        work: None,
        left: 0,
        traceparent: None,
        steps: Vec::new(),
        deliveries: Vec::new(),
        reports: Vec::new(),
    }
}

/// An order of a shop: line, item, quantity.
pub(super) fn order(order_no: &str, lines: &[(&str, &str, u32)]) -> String {
    let line = |(no, sku, quantity): &(&str, &str, u32)| {
        serde_json::json!({
            "line_no": no,
            "quantity": { "value": quantity.to_string(), "unit": "EA" },
            "items": [{ "scheme": "sku", "value": sku }],
        })
    };
    let lines: Vec<_> = lines.iter().map(line).collect();
    serde_json::json!({
        "kind": "order", "purpose": "original", "order_no": order_no, "lines": lines,
    })
    .to_string()
}

/// What the ERP or a node says to an order.
pub(super) fn answer(order_no: &str, decision: &str, reason: Option<&str>) -> String {
    let reasons: Vec<_> = reason
        .iter()
        .map(|code| serde_json::json!({ "code": code }))
        .collect();
    serde_json::json!({
        "kind": "order-response", "order_no": order_no, "decision": decision,
        "decided_at": { "text": "2026-03-02T12:00:00Z", "zoned": true }, "reasons": reasons,
    })
    .to_string()
}

/// A shipment of one line.
pub(super) fn shipment(id: &str, order_no: &str, line: &str, sku: &str, shipped: u32) -> String {
    serde_json::json!({
        "kind": "shipment", "shipment_id": id, "order_no": order_no, "purpose": "original",
        "status": "partial", "shipped_at": { "text": "2026-03-02T14:00:00Z", "zoned": true },
        "lines": [{
            "line_no": line, "shipped": { "value": shipped.to_string(), "unit": "EA" },
            "status": "partial", "items": [{ "scheme": "sku", "value": sku }],
        }],
    })
    .to_string()
}

/// Where a shipment is.
pub(super) fn milestone(id: &str, code: &str) -> String {
    serde_json::json!({
        "kind": "milestone", "shipment_id": id, "code": code,
        "at": { "text": "2026-03-02T16:00:00Z", "zoned": true },
    })
    .to_string()
}

/// All stock of an item.
pub(super) fn stock(id: &str, node: &str, sku: &str, on_hand: u32) -> String {
    serde_json::json!({
        "kind": "inventory-snapshot", "snapshot_id": id, "purpose": "original", "node": node,
        "as_of": { "text": "2026-03-02T12:00:00Z", "zoned": true },
        "lines": [{
            "items": [{ "scheme": "sku", "value": sku }],
            "stocks": [{
                "kind": "on-hand", "quantity": { "value": on_hand.to_string(), "unit": "EA" },
            }],
        }],
    })
    .to_string()
}

/// A warehouse that runs this node.
pub(super) fn warehouse(node: &str) -> Role {
    Role::Warehouse {
        node: node.to_owned(),
    }
}
