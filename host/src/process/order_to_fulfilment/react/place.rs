//! Who ships an order, and what that node is told.

use std::collections::BTreeMap;

use crate::{
    message::DocumentId,
    process::{
        command::{Event, EventKind, Receiver},
        draft::{Draft, Intent, ReleaseLine},
        number::Number,
        order_to_fulfilment::state::State,
        routing::{Decision as Routed, Request},
        told::digest_of,
        turn::Turn,
    },
};

/// Nodes whose reasons a decision keeps; the best stand first.
const REASONS_MAX: usize = 32;

// === impl State ===

impl State {
    /// Chooses a node, if one is needed.
    pub(super) fn place(&mut self, turn: &mut Turn<'_>) {
        let needed = self.is_released(turn.world.policy.order.release_by)
            && !self.is_stopped()
            && !self.stuck
            && self.current().is_none()
            && self.totals().open.is_positive();
        if !needed {
            return;
        }
        let policy = turn.world.policy;
        let routed = policy.routing.decide(
            &self.request(),
            turn.world.supply,
            &policy.calendars,
            turn.now,
        );
        self.go(routed, turn);
    }

    fn go(&mut self, routed: Routed, turn: &mut Turn<'_>) {
        let mut reasons: Vec<(String, String)> = routed
            .reasons
            .iter()
            .map(|it| (it.node.clone(), it.text.clone()))
            .collect();
        let more = reasons.len().saturating_sub(REASONS_MAX);
        reasons.truncate(REASONS_MAX);
        if more > 0 {
            reasons.push(("others".to_owned(), format!("{more} more nodes")));
        }
        if reasons.is_empty() {
            let text = "no routing rule fits the order; add one, and the nodes that it asks";
            reasons.push(("routing".to_owned(), text.to_owned()));
        }
        let Some(node) = routed.node else {
            self.stuck = true;
            self.unroutable = reasons;
            let tried = self.attempts.len();
            let mut event = Event::new(EventKind::OrderUnroutable, &tried.to_string())
                .with("rule", &routed.rule);
            event.data.extend(self.unroutable.clone());
            turn.event(event);
            return;
        };
        self.unroutable.clear();
        let mut event = Event::new(EventKind::OrderRouted, &node).with("rule", &routed.rule);
        event.data.extend(reasons);
        turn.event(event);
        self.attempt(&node).asked = Some(turn.now);
        // The last one asked stands at the end.
        if let Some(index) = self.attempts.iter().position(|it| it.node == node) {
            let attempt = self.attempts.remove(index);
            self.attempts.push(attempt);
        }
        self.release(&node, turn);
        if !turn.world.supply.answers(&node) {
            self.begin_outage(&node, turn);
        }
    }

    /// Sends the order to a node.
    pub(in crate::process::order_to_fulfilment) fn release(
        &mut self,
        node: &str,
        turn: &mut Turn<'_>,
    ) {
        let Some(of) = self.base.as_ref().map(|base| base.of) else {
            return;
        };
        let lines = self.wanted_from(node);
        self.attempt(node).told = told(&lines);
        let draft = Draft::Release {
            of,
            purpose: Intent::Original,
            node: Some(node.to_owned()),
            lines,
            revision: None,
        };
        turn.send_once(receiver(node), &format!("release/{node}"), draft);
    }

    pub(super) fn request(&self) -> Request {
        let base = self.base.as_ref();
        let mut items: BTreeMap<&str, Number> = BTreeMap::new();
        for (line, quantities) in self.lines.iter().zip(self.quantities()) {
            if quantities.open.is_positive() {
                *items.entry(line.sku.as_str()).or_default() += quantities.open;
            }
        }
        let items = items
            .into_iter()
            .map(|(sku, open)| (sku.to_owned(), open))
            .collect();
        Request {
            country: base.and_then(|it| it.country.clone()),
            postal: base.and_then(|it| it.postal.clone()),
            service: base.and_then(|it| it.service.clone()),
            carrier: base.and_then(|it| it.carrier.clone()),
            order_type: base.and_then(|it| it.order_type.clone()),
            items,
            preferred: base.and_then(|it| it.node.clone()),
            tried: self
                .attempts
                .iter()
                .filter(|it| it.is_tried())
                .map(|it| it.node.clone())
                .collect(),
        }
    }

    /// What a node shall ship in all: what it has shipped already, and what is open.
    fn wanted_from(&self, node: &str) -> Vec<ReleaseLine> {
        let left = self.tally(Some(node)).left;
        let known = self.lines.iter().zip(self.quantities()).zip(left);
        known
            .filter_map(|((line, quantities), left)| {
                let quantity = quantities.open + left.min(quantities.shipped);
                quantity.is_positive().then(|| ReleaseLine {
                    line_no: line.no.clone(),
                    quantity,
                    sku: line.sku.clone(),
                    unit: line.unit.clone(),
                })
            })
            .collect()
    }

    /// Tells the node that has the order what changed since it was told last.
    pub(super) fn instruct(&mut self, turn: &mut Turn<'_>) {
        let (Some(of), Some(current)) = (self.base.as_ref().map(|base| base.of), self.current())
        else {
            return;
        };
        let (node, told_before) = (current.node.clone(), current.told);
        // While a cancel runs, that is what the node is told. And what a warehouse says of
        // what is missing is its word, not our wish.
        // One that keeps the order in spite of a cancel hears again what is wanted.
        let runs = !self.is_stopped() || (current.keeps_it() && !self.is_refused());
        let our_wish = self.totals().short.is_zero() && runs;
        let lines = self.wanted_from(&node);
        let now_wanted = told(&lines);
        if now_wanted == told_before || !our_wish {
            return;
        }
        self.attempt(&node).told = now_wanted;
        if lines.is_empty() {
            self.send_cancel(&node, turn);
            return;
        }
        let revision = self
            .lines
            .iter()
            .map(|line| &line.revision)
            .max()
            .map(ToString::to_string);
        let draft = Draft::Release {
            of,
            purpose: Intent::Change,
            node: Some(node.clone()),
            lines,
            revision,
        };
        let key = format!("change/{node}/{now_wanted:x}");
        turn.desk.renew(&key);
        turn.send_once(receiver(&node), &key, draft);
    }
}

/// The whole order cancelled, at a node or at the ERP.
pub(super) fn order_cancel(of: DocumentId, node: Option<&str>) -> Draft {
    Draft::Release {
        of,
        purpose: Intent::Cancel,
        node: node.map(str::to_owned),
        lines: Vec::new(),
        revision: None,
    }
}

pub(super) fn receiver(node: &str) -> Receiver {
    Receiver::Node {
        node: node.to_owned(),
    }
}

/// Tells what was asked for from what is asked for.
fn told(lines: &[ReleaseLine]) -> u64 {
    let text: String = lines
        .iter()
        .map(|line| format!("{}={};", line.line_no, line.quantity))
        .collect();
    digest_of(&text)
}
