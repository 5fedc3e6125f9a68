//! What the tests of all machines share: documents, partners, and a run that plays the
//! engine's part: it keeps timers, delivers what is sent, and checks what must always
//! hold after each step.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    Body, Command, Delivered, EventKind, Input, Machine, Number, Origin, Policy, Received, Role,
    Signal, Step, World,
    address::addresses,
    exception::{Action, Exception, Kind},
    policy::Config,
    routing::{Stock, Supply},
};
use crate::{
    clock::Timestamp,
    contract::{self, Document},
    message::{Digest, DocumentId, MessageId, PartnerName},
};

/// Monday 2026-03-02, 12:00 UTC.
pub(super) const START: i64 = 1_772_452_800_000;

/// Two nodes, north before south, and limits that tests can reach.
pub(super) const SETTINGS: &str = r#"
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

/// One instance and the world around it.
pub(super) struct Run<M: Machine> {
    pub(super) state: M::State,
    pub(super) now: Timestamp,
    pub(super) policy: Policy,
    pub(super) supply: Warehouses,
    pub(super) commands: Vec<Command>,
    pub(super) events: Vec<super::Event>,
    timers: BTreeMap<String, Timestamp>,
    open: BTreeSet<String>,
    key: String,
    count: u32,
    always: fn(&M::State),
    /// Whether what is sent arrives at once.
    pub(super) delivers: bool,
}

/// Stock that a test sets.
#[derive(Default)]
pub(super) struct Warehouses {
    pub(super) stock: BTreeMap<(String, String), i32>,
}

impl Supply for Warehouses {
    fn stock(&self, node: &str, sku: &str) -> Option<Stock> {
        let available = self.stock.get(&(node.to_owned(), sku.to_owned()))?;
        Some(Stock {
            available: Number::whole(*available),
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

// === impl Run ===

impl<M: Machine> Run<M> {
    pub(super) fn new(key: &str, settings: &str) -> Self {
        let config: Config = toml::from_str(&format!("{settings}\n{SETTINGS}")).expect("settings");
        Self {
            state: M::begin(key),
            now: Timestamp::from_millis(START),
            policy: Policy::new(config).expect("a policy"),
            supply: Warehouses::default(),
            commands: Vec::new(),
            events: Vec::new(),
            timers: BTreeMap::new(),
            open: BTreeSet::new(),
            key: key.to_owned(),
            count: 0,
            always: |_| {},
            delivers: true,
        }
    }

    /// With what must hold after each step.
    pub(super) fn always(mut self, always: fn(&M::State)) -> Self {
        self.always = always;
        self
    }

    /// A partner sends a document. The same document is the same input.
    pub(super) fn document(&mut self, from: &Origin, document: &Document) -> Step<()> {
        let content = contract::json::to_vec(document).expect("json");
        let digest = Digest::of(&[content.as_slice(), from.partner.as_str().as_bytes()].concat());
        let mut id = [0; 16];
        id.copy_from_slice(&digest.as_bytes()[..16]);
        let key = self.key.clone();
        let address = addresses(document, from).into_iter().find(|it| it.process == M::NAME && it.key == key);
        let lines = address.and_then(|it| it.lines);
        let body = Body::Document(Received {
            id: DocumentId {
                message: MessageId::from_bytes(id),
                position: 0,
            },
            from,
            document,
            lines: lines.as_deref(),
        });
        self.input(digest.to_string(), body)
    }

    /// Another process says something.
    pub(super) fn signal(&mut self, identity: &str, signal: Signal) {
        self.input(identity.to_owned(), Body::Signal(signal));
    }

    /// A delivery ends.
    pub(super) fn outcome(&mut self, key: &str, result: Delivered) {
        let dedupe_key = format!("{}/{key}", self.key);
        self.count += 1;
        self.input(format!("outcome/{}", self.count), Body::Outcome { dedupe_key, result });
    }

    /// A partner stops answering, or answers again.
    pub(super) fn availability(&mut self, node: &str, available: bool) {
        self.count += 1;
        let body = Body::Availability {
            partner: partner(node),
            node: Some(node.to_owned()),
            available,
        };
        self.input(format!("availability/{}", self.count), body);
    }

    /// A person acts on the open exception of this kind.
    pub(super) fn act(&mut self, kind: Kind, action: Action) -> Step<()> {
        let exception = self.exceptions().into_iter().find(|it| it.kind == kind).expect("an open exception").id;
        self.count += 1;
        let body = Body::Action {
            exception,
            action,
            by: "ada".to_owned(),
        };
        self.input(format!("action/{}", self.count), body)
    }

    /// Time passes, and timers ring.
    pub(super) fn pass(&mut self, minutes: i64) {
        let end = Timestamp::from_millis(self.now.as_millis() + minutes * 60_000);
        while let Some((name, due)) = self.next_timer().filter(|(_, due)| *due <= end) {
            self.timers.remove(&name);
            self.now = self.now.max(due);
            let identity = format!("timer/{name}/{due}");
            self.input(identity, Body::Timer { name });
        }
        self.now = end;
    }

    pub(super) fn status(&self) -> &'static str {
        M::summary(&self.state).status
    }

    pub(super) fn exceptions(&self) -> Vec<Exception> {
        M::summary(&self.state).exceptions
    }

    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.exceptions().into_iter().map(|it| it.kind).collect()
    }

    /// How often something became true.
    pub(super) fn times(&self, kind: EventKind) -> usize {
        self.events.iter().filter(|it| it.kind == kind).count()
    }

    /// The keys of what was sent whose text holds this, without the instance's own.
    pub(super) fn sent(&self, part: &str) -> Vec<String> {
        let own = format!("{}/", self.key);
        let key = |command: &Command| match command {
            Command::Send { dedupe_key, .. } | Command::Request { dedupe_key, .. } | Command::Tell { dedupe_key, .. } => {
                dedupe_key.strip_prefix(&own).map(str::to_owned)
            }
            Command::Notify(notice) => Some(notice.template.clone()),
            _ => None,
        };
        self.commands.iter().filter_map(key).filter(|key| key.contains(part)).collect()
    }

    /// The documents that were written, of this key.
    pub(super) fn written(&self, part: &str) -> Vec<Document> {
        let document = |command: &Command| match command {
            Command::Send { draft, dedupe_key, .. } if dedupe_key.contains(part) => draft.document(None).ok(),
            _ => None,
        };
        self.commands.iter().filter_map(document).collect()
    }

    fn next_timer(&self) -> Option<(String, Timestamp)> {
        let next = self.timers.iter().min_by_key(|(_, due)| **due)?;
        Some((next.0.clone(), *next.1))
    }

    fn input(&mut self, identity: String, body: Body<'_>) -> Step<()> {
        let input = Input { identity, body };
        let world = World {
            policy: &self.policy,
            supply: &self.supply,
        };
        // The state is what was written and read again: nothing lives beside it.
        let bytes = rmp_serde::to_vec_named(&self.state).expect("a state");
        let state: M::State = rmp_serde::from_slice(&bytes).expect("a state");
        let step = M::step(state, &input, self.now, &world);
        self.state = step.state;
        (self.always)(&self.state);

        // The same input again changes nothing.
        let bytes = rmp_serde::to_vec_named(&self.state).expect("a state");
        let state: M::State = rmp_serde::from_slice(&bytes).expect("a state");
        let again = M::step(state, &input, self.now, &world);
        assert!(again.commands.is_empty() && again.events.is_empty(), "{:?} {:?}", again.commands, again.events);
        assert_eq!(rmp_serde::to_vec_named(&again.state).expect("a state"), bytes);

        let mut sent = Vec::new();
        for command in &step.commands {
            let bytes = rmp_serde::to_vec_named(command).expect("a command");
            assert_eq!(&rmp_serde::from_slice::<Command>(&bytes).expect("a command"), command);
            match command {
                Command::SetTimer { name, due } => {
                    self.timers.insert(name.clone(), *due);
                }
                Command::ClearTimer { name } => {
                    self.timers.remove(name);
                }
                Command::OpenException(it) => assert!(self.open.insert(it.id.clone()), "opened twice: {it:?}"),
                Command::UpdateException(it) => assert!(self.open.contains(&it.id), "{it:?}"),
                Command::CloseException(it) => assert!(self.open.remove(&it.id) && it.closed, "{it:?}"),
                Command::Send { dedupe_key, .. } => sent.push(dedupe_key.clone()),
                _ => {}
            }
        }
        let open: BTreeSet<String> = self.exceptions().into_iter().map(|it| it.id).collect();
        assert_eq!(open, self.open, "what is said to be open is open");
        let result = Step {
            state: (),
            commands: step.commands.clone(),
            events: step.events.clone(),
            refusal: step.refusal,
        };
        self.commands.extend(step.commands);
        self.events.extend(step.events);
        if self.delivers {
            for dedupe_key in sent {
                let body = Body::Outcome {
                    result: Delivered::Done { external_id: None },
                    dedupe_key: dedupe_key.clone(),
                };
                self.input(format!("delivered/{dedupe_key}"), body);
            }
        }
        result
    }
}

pub(super) fn partner(name: &str) -> PartnerName {
    PartnerName::parse(name).expect("a name")
}

fn origin(name: &str, role: Role) -> Origin {
    Origin {
        partner: partner(name),
        role,
    }
}

pub(super) fn erp() -> Origin {
    origin("erp", Role::Erp)
}

pub(super) fn crm() -> Origin {
    origin("crm", Role::Crm)
}

pub(super) fn shop() -> Origin {
    origin("shop", Role::Shop)
}

pub(super) fn carrier() -> Origin {
    origin("carrier", Role::Carrier)
}

pub(super) fn warehouse(node: &str) -> Origin {
    origin(node, Role::Warehouse { node: node.to_owned() })
}

/// Minutes after the start, as documents have it.
pub(super) fn at(minutes: i64) -> String {
    Timestamp::from_millis(START + minutes * 60_000).to_string()
}

fn document(value: &Value) -> Document {
    let mut fields = value["value"].clone();
    fields["kind"] = value["kind"].clone();
    contract::json::from_value(&fields).unwrap_or_else(|error| panic!("{error}: {fields}"))
}

fn moment(text: &str) -> Value {
    json!({ "text": text, "zoned": text.ends_with('Z'), "raw": null })
}

fn quantity(value: i32) -> Value {
    json!({ "value": value.to_string(), "unit": "EA" })
}

fn items(sku: &str) -> Value {
    json!([{ "scheme": "sku", "value": sku }])
}

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "USD" })
}

/// An order: line, item, quantity.
pub(super) fn order(order_no: &str, lines: &[(&str, &str, i32)]) -> Document {
    order_as(order_no, "original", None, lines)
}

pub(super) fn order_as(order_no: &str, purpose: &str, revision: Option<u32>, lines: &[(&str, &str, i32)]) -> Document {
    let line = |(no, sku, wanted): &(&str, &str, i32)| {
        json!({
            "line_no": no, "quantity": quantity(*wanted), "items": items(sku), "unit_price": null,
            "description": null, "lot_required": null, "pack_size": null, "weight": null,
            "references": [], "notes": [], "extras": [],
        })
    };
    document(&json!({
        "kind": "order", "value": {
            "purpose": purpose, "order_no": order_no, "revision": revision.map(|it| it.to_string()),
            "customer_po": null, "order_type": null, "order_date": null, "requested_ship": null,
            "requested_delivery": null, "not_before": null, "cancel_after": null, "node": null,
            "parties": [], "references": [], "carrier": null, "notes": [],
            "lines": lines.iter().map(line).collect::<Vec<_>>(), "total_quantity": null,
            "total_weight": null, "total_amount": null, "extras": [],
        }
    }))
}

/// An answer to an order, decided so many minutes after the start.
pub(super) fn answer(order_no: &str, decision: &str, minutes: i64, reason: &str) -> Document {
    document(&json!({
        "kind": "order-response", "value": {
            "order_no": order_no, "partner_order_no": null, "decision": decision,
            "decided_at": moment(&at(minutes)), "expected_ship": null,
            "reasons": if reason.is_empty() { json!([]) } else {
                json!([{ "code": reason, "source_code": null, "text": null }])
            },
            "lines": [], "references": [], "extras": [],
        }
    }))
}

/// A shipment: line, item, quantity.
pub(super) fn shipment(id: &str, order_no: &str, at: &str, status: &str, lines: &[(&str, &str, i32)]) -> Document {
    shipment_as(id, order_no, "original", at, status, lines)
}

pub(super) fn shipment_as(
    id: &str,
    order_no: &str,
    purpose: &str,
    at: &str,
    status: &str,
    lines: &[(&str, &str, i32)],
) -> Document {
    let line = |(no, sku, shipped): &(&str, &str, i32)| {
        json!({
            "line_no": no, "ordered": null, "shipped": quantity(*shipped), "difference": null,
            "status": status, "reason": null, "items": items(sku), "lots": [], "serials": [],
            "weight": null, "description": null, "references": [], "extras": [],
        })
    };
    document(&json!({
        "kind": "shipment", "value": {
            "shipment_id": id, "order_no": order_no, "customer_po": null, "purpose": purpose,
            "status": "split", "shipped_at": moment(at), "expected_delivery": null, "node": null,
            "carrier": null, "bill_of_lading": null, "pro_number": null, "tracking": [],
            "parties": [], "references": [], "packages": [],
            "lines": lines.iter().map(line).collect::<Vec<_>>(), "charges": [],
            "total_shipped": null, "total_weight": null, "notes": [], "extras": [],
        }
    }))
}

pub(super) fn milestone(id: &str, code: &str, at: &str, estimate: Option<&str>) -> Document {
    document(&json!({
        "kind": "milestone", "value": {
            "shipment_id": id, "order_no": "SO-1", "code": code, "at": moment(at), "reason": null,
            "place": null, "stop": null, "estimated_delivery": estimate.map(moment),
            "carrier": null, "tracking": null, "references": [], "extras": [],
        }
    }))
}

/// An invoice for so many units, or a credit memo.
pub(super) fn invoice(no: &str, kind: &str, order_no: Option<&str>, rma_no: Option<&str>, units: i32, total: &str) -> Document {
    document(&json!({
        "kind": "invoice", "value": {
            "invoice_no": no, "invoice_date": "2026-03-05", "invoice_type": kind,
            "purpose": "original", "order_no": order_no, "customer_po": null, "rma_no": rma_no,
            "shipment_id": null, "terms": null, "due": null, "parties": [], "references": [],
            "lines": [{
                "line_no": "1", "quantity": quantity(units), "unit_price": money("1"),
                "items": items("A"), "amount": null, "description": null, "adjustments": [],
                "taxes": [], "extras": [],
            }],
            "adjustments": [], "taxes": [], "total": money(total), "extras": [],
        }
    }))
}

/// Stock of a node: item, status, quantity.
pub(super) fn snapshot(id: &str, at: &str, lines: &[(&str, &str, i32)]) -> Document {
    let line = |(sku, kind, there): &(&str, &str, i32)| {
        json!({
            "line_no": null, "items": items(sku), "location": null, "extras": [],
            "stocks": [{ "kind": kind, "quantity": quantity(*there), "lot": null, "as_of": null }],
        })
    };
    document(&json!({
        "kind": "inventory-snapshot", "value": {
            "snapshot_id": id, "purpose": "original", "report_type": null, "as_of": moment(at),
            "node": "north", "parties": [], "lines": lines.iter().map(line).collect::<Vec<_>>(),
            "extras": [],
        }
    }))
}

/// A change of stock on hand.
pub(super) fn adjustment(no: &str, at: &str, sku: &str, change: i32) -> Document {
    document(&json!({
        "kind": "inventory-adjustment", "value": {
            "adjustment_no": no, "adjusted_at": moment(at), "depositor_no": null,
            "purpose": "original", "node": "north", "parties": [], "references": [], "extras": [],
            "lines": [{
                "line_no": "1", "reason": "count", "quantity": quantity(change),
                "items": items(sku), "lot": null, "status_from": null, "status_to": null,
                "weight": null, "references": [], "extras": [],
            }],
        }
    }))
}

/// A return: line, item, quantity, at ten a piece.
pub(super) fn paper(rma_no: &str, state: &str, minutes: i64, expires: Option<&str>, lines: &[(&str, &str, i32)]) -> Document {
    let line = |(no, sku, wanted): &(&str, &str, i32)| {
        json!({
            "line_no": no, "items": items(sku), "quantity": quantity(*wanted), "reason": "fit",
            "unit_price": money("10"), "expected_disposition": null, "serials": [], "extras": [],
        })
    };
    document(&json!({
        "kind": "return-authorization", "value": {
            "rma_no": rma_no, "purpose": "original", "order_no": null, "state": state,
            "issued_at": moment(&at(minutes)), "expires": expires, "node": "north",
            "reason": null, "parties": [], "references": [],
            "lines": lines.iter().map(line).collect::<Vec<_>>(), "extras": [],
        }
    }))
}

/// Goods that came back: line, item, quantity, condition.
pub(super) fn receipt(no: &str, rma_no: Option<&str>, minutes: i64, lines: &[(&str, &str, i32, &str)]) -> Document {
    let line = |(no, sku, came, condition): &(&str, &str, i32, &str)| {
        json!({
            "line_no": no, "items": items(sku), "expected": null, "received": quantity(*came),
            "condition": condition, "lot": null, "serials": [], "extras": [],
        })
    };
    document(&json!({
        "kind": "return-receipt", "value": {
            "receipt_no": no, "rma_no": rma_no, "order_no": null,
            "received_at": moment(&at(minutes)), "node": null, "parties": [], "references": [],
            "lines": lines.iter().map(line).collect::<Vec<_>>(), "extras": [],
        }
    }))
}

/// A verdict on a receipt: line, item, quantity, disposition.
pub(super) fn inspection(rma_no: &str, receipt: Option<&str>, minutes: i64, lines: &[(&str, &str, i32, &str)]) -> Document {
    let line = |(no, sku, judged, disposition): &(&str, &str, i32, &str)| {
        json!({
            "line_no": no, "items": items(sku), "quantity": quantity(*judged),
            "disposition": disposition, "text": null, "extras": [],
        })
    };
    document(&json!({
        "kind": "return-disposition", "value": {
            "rma_no": rma_no, "receipt_no": receipt, "decided_at": moment(&at(minutes)),
            "lines": lines.iter().map(line).collect::<Vec<_>>(), "credit": null,
            "credit_amount": null, "restocking_fee": null, "references": [], "extras": [],
        }
    }))
}

/// The happenings of a story as a bad network brings them: in any order, some twice or
/// three times, some so late that limits pass. The first telling of each may be lost;
/// one of them arrives.
pub(super) fn disorder<T: Clone>(happenings: &[T], seed: u64) -> Vec<(i64, T)> {
    let mut state = seed;
    let mut next = move || {
        // SplitMix64: enough to scatter, and the same for the same seed.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let mut all: Vec<(u64, i64, T)> = Vec::new();
    for happening in happenings {
        for _ in 0..=next() % 3 {
            let delay = if next() % 8 == 0 { 45 } else { i64::try_from(next() % 3).unwrap_or(0) };
            all.push((next(), delay, happening.clone()));
        }
    }
    all.sort_by_key(|(place, ..)| *place);
    all.into_iter().map(|(_, delay, happening)| (delay, happening)).collect()
}

/// In an order that does not depend on how it came about.
pub(super) fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}
