//! The partners: what each does with what it is sent, and its books.
//!
//! A partner knows a request again by its idempotency key and does then what it did; so
//! its books tell what came true, whatever was lost on the way.

use std::collections::{BTreeMap, HashMap};

use super::{
    network::{Happening, Letter, minutes, seconds},
    story::{Conduct, Plan, Verdict},
};
use crate::{
    clock::Timestamp,
    contract::{Document, Order, Purpose, Shipment, json},
    message::{DeliveryId, Digest, chance::Dice},
    process::testing::{START, answer, invoice, milestone, shipment},
};

/// All partners.
pub(super) struct World {
    pub(super) plans: Vec<Plan>,
    /// Each request that had its effect, in the order in which they came first.
    pub(super) taken: Vec<Taken>,
    known: HashMap<DeliveryId, (Digest, Answer)>,
    nodes: HashMap<(&'static str, String), Job>,
    /// Units that left, by order.
    pub(super) shipped: BTreeMap<String, i32>,
    /// Units that the ERP has charged, by order.
    pub(super) invoiced: BTreeMap<String, i32>,
    shipments: u32,
    letters: u32,
}

/// A request that had its effect.
pub(super) struct Taken {
    pub(super) delivery: DeliveryId,
    pub(super) to: &'static str,
    pub(super) business_key: String,
}

/// What a partner answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has it, and had it before or not.
    Has { number: String, before: bool },
    /// It does not want it.
    Refuses(&'static str),
}

/// What follows from a request, and how much later.
pub(super) type Follows = Vec<(std::time::Duration, Happening)>;

/// A warehouse and an order.
#[derive(Default)]
struct Job {
    /// Line, item, what it shall ship in all, what it has shipped.
    lines: Vec<(String, String, i32, i32)>,
    called_off: bool,
    /// What it will not find.
    missing: i32,
}

// === impl World ===

impl World {
    pub(super) fn new(plans: Vec<Plan>) -> Self {
        Self {
            plans,
            taken: Vec::new(),
            known: HashMap::new(),
            nodes: HashMap::new(),
            shipped: BTreeMap::new(),
            invoiced: BTreeMap::new(),
            shipments: 0,
            letters: 0,
        }
    }

    /// A message that a partner will hand in.
    pub(super) fn letter(&mut self, from: &'static str, document: &Document) -> Happening {
        self.letters += 1;
        Happening::HandsIn(Letter {
            from,
            key: Some(format!("{from}-{}", self.letters)),
            body: json::to_vec(document).expect("json").into(),
        })
    }

    /// A request reaches a partner.
    pub(super) fn takes(
        &mut self,
        to: &'static str,
        taken: Taken,
        content: &str,
        now: Timestamp,
        dice: &mut Dice,
    ) -> (Answer, Follows) {
        let digest = Digest::of(content.as_bytes());
        if let Some((before, answer)) = self.known.get(&taken.delivery) {
            assert_eq!(*before, digest, "{to} got two things under one key");
            let answer = match answer {
                Answer::Has { number, .. } => Answer::Has {
                    number: number.clone(),
                    before: true,
                },
                refuses @ Answer::Refuses(_) => refuses.clone(),
            };
            return (answer, Vec::new());
        }
        let document: Document = crossdock_sdk::json::from_str(content).expect("a document");
        let mut follows = Vec::new();
        let refuses = match (to, &document) {
            ("erp", Document::Order(order)) => {
                self.validate(order, &mut follows, now, dice);
                None
            }
            ("erp", Document::Shipment(shipment)) => {
                self.charge(shipment, &mut follows, dice);
                None
            }
            ("north" | "south", Document::Order(order)) => {
                self.work(to, order, &mut follows, now, dice)
            }
            _ => None,
        };
        let answer = match refuses {
            Some(why) => Answer::Refuses(why),
            None => Answer::Has {
                number: format!("{to}-{}", self.taken.len() + 1),
                before: false,
            },
        };
        self.known.insert(taken.delivery, (digest, answer.clone()));
        if refuses.is_none() {
            self.taken.push(taken);
        }
        (answer, follows)
    }

    fn plan(&self, order_no: &str) -> Plan {
        let found = self.plans.iter().find(|it| it.order_no == order_no);
        found.expect("an order of the story").clone()
    }

    /// The ERP looks at a new order.
    fn validate(&mut self, order: &Order, follows: &mut Follows, now: Timestamp, dice: &mut Dice) {
        if order.purpose != Purpose::Original {
            return;
        }
        let no = order.order_no.as_str();
        let soon = dice.between(1, 20);
        let said = |decision, after, reason| answer(no, decision, past(now) + after, reason);
        let said = match self.plan(no).verdict {
            Verdict::Accepts => vec![(soon, said("accepted", soon, ""))],
            Verdict::Refuses => vec![(soon, said("rejected", soon, "credit-hold"))],
            Verdict::HoldsFirst => vec![
                (soon, said("on-hold", soon, "credit-hold")),
                (soon + 30, said("accepted", soon + 30, "")),
            ],
        };
        for (after, said) in said {
            follows.push((minutes(after), self.letter("erp", &said)));
        }
    }

    /// The ERP invoices what left.
    fn charge(&mut self, shipment: &Shipment, follows: &mut Follows, dice: &mut Dice) {
        let units: i32 = shipment.lines.iter().map(|it| units(&it.shipped)).sum();
        if units == 0 {
            return;
        }
        *self.invoiced.entry(shipment.order_no.clone()).or_default() += units;
        let no = format!("INV-{}", shipment.shipment_id);
        let total = units.to_string();
        let invoice = invoice(
            &no,
            "invoice",
            Some(&shipment.order_no),
            None,
            units,
            &total,
        );
        let after = minutes(dice.between(5, 90));
        follows.push((after, self.letter("erp", &invoice)));
    }

    /// A warehouse is asked for an order, for another quantity, or to let it be.
    fn work(
        &mut self,
        node: &'static str,
        order: &Order,
        follows: &mut Follows,
        now: Timestamp,
        dice: &mut Dice,
    ) -> Option<&'static str> {
        let plan = self.plan(&order.order_no);
        let conduct = plan.conduct[usize::from(node == "south")];
        let key = (node, order.order_no.clone());
        if order.purpose == Purpose::Cancel {
            let job = self.nodes.entry(key).or_default();
            let is_over = !job.lines.is_empty() && job.left() == 0;
            job.called_off |= !is_over;
            return is_over.then_some("it has left");
        }
        if order.purpose == Purpose::Original && conduct == Conduct::RefusesRequest {
            return Some("no capacity");
        }
        let job = self.nodes.entry(key).or_default();
        let is_new = job.lines.is_empty();
        job.wants(order);
        let mut ships = |part, after| {
            let happening = Happening::Ships {
                node,
                order_no: order.order_no.clone(),
                conduct,
                part,
            };
            follows.push((after, happening));
        };
        match conduct {
            Conduct::Ships { parts, short } if is_new => {
                job.missing = i32::from(short);
                let mut after = dice.between(20, 120);
                for part in 1..=parts {
                    ships(part, minutes(after));
                    after += dice.between(10, 120);
                }
            }
            // What was added leaves by itself.
            Conduct::Ships { parts, .. } if job.left() > 0 => {
                ships(parts, minutes(dice.between(20, 300)));
            }
            _ => {}
        }
        let said = match conduct {
            _ if !is_new => None,
            Conduct::Ships { .. } => Some(("accepted", "")),
            Conduct::Rejects => Some(("rejected", "stock-shortage")),
            Conduct::RefusesRequest | Conduct::IsSilent => None,
        };
        if let Some((decision, reason)) = said {
            let after = dice.between(1, 15);
            let answer = answer(&order.order_no, decision, past(now) + after, reason);
            follows.push((minutes(after), self.letter(node, &answer)));
        }
        None
    }

    /// A warehouse packs what it can, and a carrier takes it.
    pub(super) fn ships(
        &mut self,
        node: &'static str,
        order_no: &str,
        conduct: Conduct,
        part: u32,
        now: Timestamp,
        dice: &mut Dice,
    ) -> Follows {
        let Conduct::Ships { parts, .. } = conduct else {
            return Vec::new();
        };
        let Some(job) = self.nodes.get_mut(&(node, order_no.to_owned())) else {
            return Vec::new();
        };
        if job.called_off || job.left() == 0 {
            return Vec::new();
        }
        let is_last = part >= parts;
        let lines = job.pack(is_last);
        let missing = job.left();
        let sum: i32 = lines.iter().map(|(.., quantity)| quantity).sum();
        let has_shipped = job.lines.iter().any(|it| it.3 > 0);
        if sum == 0 && (!is_last || has_shipped) {
            return Vec::new();
        }
        self.shipments += 1;
        let id = format!("{order_no}-{}", self.shipments);
        *self.shipped.entry(order_no.to_owned()).or_default() += sum;
        let status = if missing == 0 {
            "complete"
        } else if is_last {
            "partial-closed"
        } else {
            "split"
        };
        let lines: Vec<_> = lines
            .iter()
            .map(|(no, sku, quantity)| (no.as_str(), sku.as_str(), *quantity))
            .collect();
        let document = shipment(&id, order_no, &now.to_string(), status, &lines);
        let mut follows = vec![(seconds(dice.between(1, 600)), self.letter(node, &document))];
        if sum > 0 {
            let mut after = 0;
            for code in ["departed-origin", "in-transit", "delivered"] {
                after += dice.between(10, 120);
                let at = now.plus(minutes(after)).to_string();
                let mut document = milestone(&id, code, &at, None);
                if let Document::Milestone(milestone) = &mut document {
                    milestone.order_no = Some(order_no.to_owned());
                }
                follows.push((minutes(after), self.letter("carrier", &document)));
            }
        }
        follows
    }
}

// === impl Job ===

impl Job {
    /// It shall ship this in all.
    fn wants(&mut self, order: &Order) {
        for line in &order.lines {
            let wanted = units(&line.quantity);
            let sku = line.items.first().map_or("", |it| it.value.as_str());
            match self.lines.iter_mut().find(|it| it.0 == line.line_no) {
                Some(known) => known.2 = wanted,
                None => self
                    .lines
                    .push((line.line_no.clone(), sku.to_owned(), wanted, 0)),
            }
        }
    }

    fn left(&self) -> i32 {
        self.lines.iter().map(|it| (it.2 - it.3).max(0)).sum()
    }

    /// Half of what is left of each line, or all of it that is there.
    fn pack(&mut self, is_last: bool) -> Vec<(String, String, i32)> {
        let mut missing = self.missing;
        let mut packed = Vec::new();
        for line in &mut self.lines {
            let left = (line.2 - line.3).max(0);
            let lacks = missing.min(left);
            missing -= lacks;
            let there = left - lacks;
            let quantity = if is_last { there } else { there / 2 };
            line.3 += quantity;
            // One that says how it ends names all of its lines.
            if quantity > 0 || (is_last && left > 0) {
                packed.push((line.0.clone(), line.1.clone(), quantity));
            }
        }
        packed
    }
}

/// Whole units.
fn units(quantity: &crate::contract::Quantity) -> i32 {
    let value = &quantity.value;
    let scale = 10_i64.pow(value.scale.into());
    i32::try_from(value.coefficient / scale).expect("a small quantity")
}

/// Minutes since the documents of tests begin.
fn past(now: Timestamp) -> i64 {
    (now.as_millis() - START) / 60_000
}
