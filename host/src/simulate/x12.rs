//! A 3PL that speaks X12 over HTTP: it takes a 940 by POST, once for each
//! `Idempotency-Key`, and sends its own files (997, 945) when it gets round to it, others
//! (846, 944) when it is told to.
//!
//! X12 over HTTP has no standard of its own; this is how a warehouse does it that
//! takes a file as the body and answers with JSON. One with a drop folder is in
//! [`folder`].

pub mod depot;
pub mod edi;
pub mod folder;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::depot::{Depot, Refusal as Refused, Ships};
use super::{
    partner::{Outgoing, Partner, act_of, text_of},
    script::{Business, Refusal},
    server::Simulator,
    wire::{Answer, Request},
};
use crate::clock::Timestamp;

/// Keys whose answers are remembered at most.
const KEYS_MAX: usize = 10_000;

const ACTS: &[(&str, &str)] = &[
    (r#"{"act":"ship"}"#, "ships all that is open, in one 945"),
    (
        r#"{"act":"stock","sku":"MUG","pieces":100}"#,
        "puts an item on the shelf, and into the item master where it is new",
    ),
    (
        r#"{"act":"count","sku":"MUG","pieces":38}"#,
        "finds another number of pieces on a shelf",
    ),
    (
        r#"{"act":"report-stock"}"#,
        "says what lies on all shelves, in an 846",
    ),
    (
        r#"{"act":"return","rma_no":"RMA-1","sku":"MUG","pieces":2}"#,
        "takes goods back, in a 944; without rma_no nobody knows of whom",
    ),
    (
        r#"{"act":"misprint","order_no":"SO-1"}"#,
        "prints the quantities of this order as words when it ships",
    ),
    (
        r#"{"act":"reprint"}"#,
        "sends the shipments again that were misprinted",
    ),
];

/// A running warehouse.
pub type Warehouse = Simulator<House>;

/// A warehouse with a door for files.
#[derive(Debug)]
pub struct House {
    depot: Depot,
    token: String,
    /// What was answered under which key.
    answers: BTreeMap<String, (u16, String)>,
    /// Requests that repeated a key.
    repeats: usize,
    outbox: Vec<Outgoing>,
}

// === impl Simulator<House> ===

impl Simulator<House> {
    /// Looks into the depot, or changes something there.
    pub fn depot<T>(&self, act: impl FnOnce(&mut Depot) -> T) -> T {
        self.inside(|house| act(&mut house.depot))
    }

    /// Ships all that is open, in one file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn load_truck(&self) -> Result<(), String> {
        self.act(&json!({ "act": "ship" })).map(drop)
    }

    /// Sends the shipments again whose quantities were misprinted.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn reprint(&self) -> Result<(), String> {
        self.act(&json!({ "act": "reprint" })).map(drop)
    }

    /// Requests that came a second time.
    #[must_use]
    pub fn repeats(&self) -> usize {
        self.inside(|house| house.repeats + house.depot.repeats)
    }
}

// === impl House ===

impl House {
    /// A warehouse that opens to those who present `token`.
    #[must_use]
    pub fn new(depot: Depot, token: &str) -> Self {
        Self {
            depot,
            token: token.to_owned(),
            answers: BTreeMap::new(),
            repeats: 0,
            outbox: Vec::new(),
        }
    }

    /// Takes a file, once for each key, and says how that went.
    fn take(&mut self, request: &Request, at: Timestamp) -> (u16, String) {
        let Some(key) = request.header("idempotency-key").map(str::to_owned) else {
            return (400, "an Idempotency-Key is missing".to_owned());
        };
        if let Some(answer) = self.answers.get(&key) {
            self.repeats += 1;
            return answer.clone();
        }
        if self.answers.len() == KEYS_MAX {
            return (507, Refused::Full.to_string());
        }
        let correlation_id = request.header("x-correlation-id");
        match self.depot.take(&request.body, correlation_id, at) {
            Ok(outgoing) => {
                self.send(outgoing, at);
                let answer = (200, format!("RCV-{}", self.answers.len() + 1));
                self.answers.insert(key, answer.clone());
                answer
            }
            // Not remembered: what is wrong may be put right, and the key comes again.
            Err(refusal) => {
                let status = match refusal {
                    Refused::NotX12(_) => 400,
                    Refused::UnknownItem { .. } | Refused::KnownOrder(_) | Refused::NotOpen(_) => {
                        422
                    }
                    Refused::Full | Refused::Answer(_) => 507,
                };
                (status, refusal.to_string())
            }
        }
    }

    fn send(&mut self, files: impl IntoIterator<Item = depot::Outgoing>, at: Timestamp) {
        self.outbox.extend(files.into_iter().map(|file| Outgoing {
            kind: file.kind.to_owned(),
            // Unique across the runs of this program as well.
            key: format!("isa-{:x}-{:09}", at.as_millis(), file.number),
            correlation_id: file.correlation_id,
            content_type: "application/edi-x12",
            headers: Vec::new(),
            body: file.file.into(),
        }));
    }
}

impl Partner for House {
    fn name(&self) -> &'static str {
        "x12-3pl"
    }

    fn answer(&mut self, request: &Request, at: Timestamp) -> Answer {
        if !request.bears(&self.token) {
            return Answer::of(401, "text/plain", "who are you?\n").noted("a wrong token");
        }
        if request.method != "POST" {
            return Answer::of(405, "text/plain", "files come by POST\n");
        }
        let (status, text) = self.take(request, at);
        let name = if status < 300 { "id" } else { "error" };
        Answer::json(status, &json!({ name: text })).noted(text)
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        let (status, text, retry_after) = match refusal {
            Refusal::Rejected(reason) => (422, reason.as_str(), None),
            Refusal::Unavailable { retry_after } => (503, "closed for repairs", *retry_after),
            Refusal::RateLimited { retry_after } => (429, "too many files", Some(*retry_after)),
            Refusal::Failed => (500, "a defect of the warehouse", None),
        };
        let answer = Answer::json(status, &json!({ "error": text }));
        match retry_after {
            Some(seconds) => answer.with_header("retry-after", seconds),
            None => answer,
        }
    }

    fn acts(&self) -> &'static [(&'static str, &'static str)] {
        ACTS
    }

    fn act(&mut self, act: &Value, at: Timestamp) -> Result<Value, String> {
        let file = match act_of(act)? {
            "ship" => self.depot.load_truck(at),
            "reprint" => self.depot.reprint(at),
            "stock" => {
                let pieces = act["pieces"].as_u64().ok_or("`pieces` is missing")?;
                self.depot.stock(text_of(act, "sku")?, pieces);
                Ok(None)
            }
            "count" => {
                let pieces = act["pieces"].as_u64().ok_or("`pieces` is missing")?;
                self.depot.count(text_of(act, "sku")?, pieces);
                Ok(None)
            }
            "report-stock" => self.depot.report_stock(at).map(Some),
            "return" => {
                let pieces = act["pieces"].as_u64().filter(|it| *it > 0);
                let pieces = pieces.ok_or("`pieces` is missing")?;
                let (rma_no, sku) = (act["rma_no"].as_str(), text_of(act, "sku")?);
                self.depot.take_back(rma_no, sku, pieces, at).map(Some)
            }
            "misprint" => {
                self.depot.misprint(text_of(act, "order_no")?);
                Ok(None)
            }
            other => return Err(format!("a warehouse does not {other:?}; see GET /__acts")),
        };
        let file = file.map_err(|refusal| refusal.to_string())?;
        let number = file.as_ref().map(|it| it.number);
        self.send(file, at);
        Ok(json!({ "interchange": number }))
    }

    fn effects(&self) -> Value {
        let mut orders = Map::new();
        for release in &self.depot.releases {
            let order = orders
                .entry(release.order_no.clone())
                .or_insert_with(|| json!({ "releases": [], "shipped_pieces": 0 }));
            let told =
                json!({ "purpose": release.purpose.to_string(), "pieces": release.pieces() });
            if let Some(releases) = order["releases"].as_array_mut() {
                releases.push(told);
            }
        }
        for shipment in &self.depot.shipped {
            let pieces = shipment.lines.iter().map(|line| line.shipped);
            let pieces = pieces.fold(0, u64::saturating_add);
            let order = &mut orders[&shipment.order_no];
            order["shipped_pieces"] = order["shipped_pieces"]
                .as_u64()
                .unwrap_or(0)
                .saturating_add(pieces)
                .into();
        }
        json!({ "orders": orders, "repeats": self.repeats + self.depot.repeats })
    }

    fn outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outbox)
    }

    fn do_business(&mut self, business: Business) {
        self.depot.ship(match business {
            Business::Prompt => Ships::AtOnce,
            Business::Told => Ships::WithTheTruck,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASE: &[u8] = b"ISA*00*          *00*          *ZZ*ACME           *ZZ*NORTH          *260301*0930*U*00401*000000001*0*T*>~\
        GS*OW*ACME*NORTH*20260301*0930*1*X*004010~ST*940*0001~W05*N*SO-1~LX*1~\
        W01*5*EA**SK*MUG~SE*5*0001~GE*1*1~IEA*1*000000001~";

    fn house(stock: &[(&str, u64)]) -> House {
        House::new(Depot::new("NORTH", "ACME", 'N', stock), "secret")
    }

    fn keyed(key: &'static str) -> Request {
        let mut request = Request::new("POST", "/", RELEASE);
        for (name, value) in [("idempotency-key", key), ("authorization", "Bearer secret")] {
            request.headers.insert(name, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn a_key_has_one_effect_and_one_answer() {
        let mut house = house(&[("MUG", 10)]);
        let first = house.answer(&keyed("a"), Timestamp::EPOCH);
        assert_eq!(first.status, 200);
        assert_eq!(house.answer(&keyed("a"), Timestamp::EPOCH), first);
        let kinds: Vec<_> = house.outgoing().into_iter().map(|it| it.kind).collect();
        assert_eq!(kinds, ["997", "945"]);
        let effects = house.effects();
        assert_eq!(effects["repeats"], 1);
        assert_eq!(effects["orders"]["SO-1"]["shipped_pieces"], 5);
    }

    #[test]
    fn a_refusal_is_not_remembered() {
        let mut house = house(&[]);
        let refused = house.answer(&keyed("a"), Timestamp::EPOCH);
        assert_eq!(
            (refused.status, refused.note.as_str()),
            (422, "order SO-1: nobody here knows the item MUG")
        );
        let stock = json!({ "act": "stock", "sku": "MUG", "pieces": 5 });
        house.act(&stock, Timestamp::EPOCH).unwrap();
        assert_eq!(house.answer(&keyed("a"), Timestamp::EPOCH).status, 200);
    }

    #[test]
    fn ships_when_told() {
        let mut house = house(&[("MUG", 10)]);
        house.do_business(Business::Told);
        house.answer(&keyed("a"), Timestamp::EPOCH);
        assert_eq!(house.outgoing().len(), 1);
        house
            .act(&json!({ "act": "ship" }), Timestamp::EPOCH)
            .unwrap();
        assert_eq!(house.outgoing()[0].kind, "945");
        let error = house.act(&json!({ "act": "dance" }), Timestamp::EPOCH);
        assert!(error.unwrap_err().contains("dance"));
    }

    #[test]
    fn a_depot_is_told_to_count_to_report_and_to_take_back() {
        let mut house = house(&[("MUG", 10)]);
        for act in [
            json!({ "act": "count", "sku": "MUG", "pieces": 7 }),
            json!({ "act": "report-stock" }),
            json!({ "act": "return", "rma_no": "RMA-1", "sku": "MUG", "pieces": 2 }),
        ] {
            house.act(&act, Timestamp::EPOCH).unwrap();
        }
        let sent: Vec<_> = house
            .outgoing()
            .into_iter()
            .map(|it| (it.kind, String::from_utf8_lossy(&it.body).into_owned()))
            .collect();
        let [(stock, counted), (receipt, returned)] = &sent[..] else {
            panic!("{sent:?}")
        };
        assert_eq!((stock.as_str(), receipt.as_str()), ("846", "944"));
        assert!(counted.contains("~QTY*17*7*EA~"), "{counted}");
        assert!(returned.contains("~N9*RZ*RMA-1~"), "{returned}");
        assert_eq!(house.depot.on_hand("MUG"), 9);
        let nothing = json!({ "act": "return", "sku": "MUG", "pieces": 0 });
        assert!(house.act(&nothing, Timestamp::EPOCH).is_err());
    }

    #[test]
    fn what_it_sends_is_what_the_adapter_reads() {
        use ::x12_3pl::Warehouse as Dialect;
        use crossdock_sdk::{Adapter as _, Document, Inbound, ShipmentStatus};

        let mut house = house(&[("MUG", 0)]);
        house.answer(&keyed("a"), Timestamp::EPOCH);
        for act in [
            json!({ "act": "report-stock" }),
            json!({ "act": "return", "sku": "MUG", "pieces": 2 }),
        ] {
            house.act(&act, Timestamp::EPOCH).unwrap();
        }
        let read = |message: &Outgoing| {
            let decoded = Dialect::decode(Inbound::new(message.body.to_vec())).unwrap();
            let documents = decoded.documents.into_iter();
            documents.map(|it| it.unwrap().document).collect::<Vec<_>>()
        };
        let sent: Vec<_> = house.outgoing().iter().flat_map(read).collect();
        let [
            _,
            Document::Shipment(nothing),
            Document::InventorySnapshot(stock),
            Document::ReturnReceipt(receipt),
        ] = &sent[..]
        else {
            panic!("{sent:?}")
        };
        assert_eq!(nothing.status, ShipmentStatus::NotShipped);
        assert_eq!(stock.lines.len(), 1);
        assert_eq!(receipt.rma_no, None);
    }

    #[test]
    fn knows_its_callers() {
        let mut request = keyed("a");
        request.headers.remove("authorization");
        assert_eq!(house(&[]).answer(&request, Timestamp::EPOCH).status, 401);
    }
}
