//! What has to be done for an order now, given what is known of it.

mod say;

use std::collections::BTreeMap;

use super::state::{ErpDecision, State, Status};
use crate::{
    contract::{Decision, RejectReason},
    process::{
        command::{Event, EventKind, Receiver},
        draft::{Draft, Intent, ReleaseLine},
        number::Number,
        policy::ReleaseBy,
        routing::{Decision as Routed, Request},
        timer::Level,
        turn::Turn,
    },
};

// === impl State ===

impl State {
    pub(super) fn act_on_facts(&mut self, turn: &mut Turn<'_>) {
        if self.base.is_some() {
            turn.became(EventKind::OrderReceived, "");
            self.follow_revisions(turn);
            self.follow_verdict(turn);
            self.give_up_waiting(turn);
            self.stop(turn);
            self.place(turn);
            self.instruct(turn);
        }
        self.follow_answers(turn);
        self.follow_shipments(turn);
        self.answer_cancel(turn);
        self.status = self.stand(turn);
        match self.status {
            Status::Closed => turn.became(EventKind::OrderClosed, ""),
            Status::Cancelled => turn.became(EventKind::OrderCancelled, ""),
            _ => {}
        }
    }

    /// Whether the ERP lets it go to a node.
    pub(super) fn is_released(&self, by: ReleaseBy) -> bool {
        let accepted = self
            .verdict
            .as_ref()
            .is_some_and(|it| it.decision == ErpDecision::Accepted);
        let held = self.is_held() || self.is_refused();
        !held && (self.erp_ordered || (accepted && by == ReleaseBy::Answer))
    }

    /// The ERP hears of each order and change that did not come from itself.
    fn follow_revisions(&mut self, turn: &mut Turn<'_>) {
        if let Some((revision, of)) = &self.newest {
            let key = format!("erp/order/{revision}");
            turn.send_once(Receiver::Erp, &key, Draft::Relayed { of: *of });
        }
        let newest = self.lines.iter().map(|line| &line.revision).max();
        if let Some(newest) = newest.filter(|newest| newest.number > 0 || !newest.text.is_empty()) {
            turn.event_once(Event::new(EventKind::OrderChanged, &newest.to_string()));
        }
        let late: Vec<(String, String)> = self
            .lines
            .iter()
            .zip(self.quantities())
            .filter(|(line, known)| line.requested < line.highest && known.ordered > line.requested)
            .map(|(line, _)| (line.no.clone(), line.revision.to_string()))
            .collect();
        for (line, revision) in late {
            let subject = format!("{line}/{revision}");
            turn.event_once(Event::new(EventKind::ChangeTooLate, &subject));
            let text = format!("more of line {line} had left than revision {revision} wants");
            self.answer_placer(
                turn,
                &format!("too-late/{subject}"),
                Decision::AcceptedWithChanges,
                RejectReason::PastCutoff,
                &text,
            );
        }
    }

    fn follow_verdict(&mut self, turn: &mut Turn<'_>) {
        let Some(verdict) = self.verdict.clone() else {
            if self.erp_ordered {
                turn.became(EventKind::OrderReleased, "");
            }
            return;
        };
        match verdict.decision {
            ErpDecision::Held => {
                let event = Event::new(EventKind::OrderHeld, &verdict.at.to_string());
                turn.event_once(event.with("reason", &verdict.reason));
            }
            ErpDecision::Accepted => {
                if self.is_released(turn.world.policy.order.release_by) {
                    turn.became(EventKind::OrderReleased, "");
                }
                self.answer_placer(
                    turn,
                    "accepted",
                    Decision::Accepted,
                    RejectReason::Other(String::new()),
                    "",
                );
            }
            ErpDecision::Refused => {
                turn.event_once(
                    Event::new(EventKind::OrderRefused, "").with("reason", &verdict.reason),
                );
                let reason = RejectReason::Other("erp".to_owned());
                self.answer_placer(turn, "refused", Decision::Rejected, reason, &verdict.reason);
                self.notify(
                    turn,
                    "refused",
                    "order-refused",
                    &[("reason", &verdict.reason)],
                );
            }
        }
    }

    /// A node that did not answer in time, or whose partner is down for too long, is
    /// given up, and told so: it may have the order.
    fn give_up_waiting(&mut self, turn: &mut Turn<'_>) {
        let rules = &turn.world.policy.order;
        let Some(current) = self.current() else {
            return;
        };
        let node = current.node.clone();
        let is_late = turn.is_breached(Level::Acceptance, &node) && !current.has_accepted();
        let is_out = turn.is_breached(Level::Outage, &node) && current.down.is_some();
        let nothing_left = self.left_from_node(&node).is_zero();
        let why = if is_late && !rules.keep_waiting {
            "it did not answer in time"
        } else if is_out && !rules.wait_out_outages && nothing_left {
            "its partner does not answer"
        } else {
            return;
        };
        self.leave(why, turn);
    }

    /// Gives the current node up.
    pub(super) fn leave(&mut self, why: &str, turn: &mut Turn<'_>) {
        let Some(current) = self.current_mut() else {
            return;
        };
        current.left = Some(why.to_owned());
        let node = current.node.clone();
        self.stuck = false;
        self.send_cancel(&node, turn);
        turn.event_once(
            Event::new(EventKind::Compensated, &node)
                .with("what", "the order was taken back from the node")
                .with("why", why),
        );
    }

    /// Takes the order back from the node that has it.
    fn stop(&mut self, turn: &mut Turn<'_>) {
        if !self.is_stopped() {
            return;
        }
        if let Some(cancel) = self.cancel.clone() {
            let event = Event::new(EventKind::CancelRequested, "");
            let by = cancel.by.as_ref().map_or("crossdock", |by| by.as_str());
            turn.event_once(event.with("by", by));
            let of = self.base.as_ref().map(|base| base.of);
            if let (true, Some(of)) = (cancel.by.is_none(), of) {
                turn.send_once(Receiver::Erp, "erp/cancel", order_cancel(of, None));
            }
        }
        if let Some(node) = self.current().map(|it| it.node.clone())
            && self.totals().open.is_positive()
        {
            self.send_cancel(&node, turn);
        }
    }

    fn send_cancel(&self, node: &str, turn: &mut Turn<'_>) {
        if let Some(base) = &self.base {
            let draft = order_cancel(base.of, Some(node));
            turn.send_once(receiver(node), &format!("cancel/{node}"), draft);
        }
    }

    /// Chooses a node, if one is needed.
    fn place(&mut self, turn: &mut Turn<'_>) {
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
        let reasons = routed
            .reasons
            .iter()
            .map(|it| (it.node.clone(), it.text.clone()));
        let Some(node) = routed.node.clone() else {
            self.stuck = true;
            self.unroutable = reasons.take(16).collect();
            let tried = self.attempts.len();
            let mut event = Event::new(EventKind::OrderUnroutable, &tried.to_string())
                .with("rule", &routed.rule);
            event.data.extend(self.unroutable.clone());
            turn.event_once(event);
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
    }

    /// Sends the order to a node.
    pub(super) fn release(&mut self, node: &str, turn: &mut Turn<'_>) {
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

    fn request(&self) -> Request {
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
    fn instruct(&mut self, turn: &mut Turn<'_>) {
        let (Some(of), Some(current)) = (self.base.as_ref().map(|base| base.of), self.current())
        else {
            return;
        };
        let (node, told_before) = (current.node.clone(), current.told);
        let lines = self.wanted_from(&node);
        let now_wanted = told(&lines);
        // Nothing is taken back from a node by a change: that is what a cancel is for.
        // And what a warehouse says of what is missing is its word, not our wish.
        let our_wish = self.totals().short.is_zero() && !self.is_stopped();
        if now_wanted == told_before
            || lines.is_empty()
            || !our_wish
            || (self.totals().open.is_zero() && self.cancelled_lines.is_empty())
        {
            return;
        }
        self.attempt(&node).told = now_wanted;
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
        turn.send_once(
            receiver(&node),
            &format!("change/{node}/{now_wanted:x}"),
            draft,
        );
    }

    fn left_from_node(&self, node: &str) -> Number {
        self.tally(Some(node)).left.into_iter().sum()
    }
}

/// The whole order cancelled, at a node or at the ERP.
fn order_cancel(of: crate::message::DocumentId, node: Option<&str>) -> Draft {
    Draft::Release {
        of,
        purpose: Intent::Cancel,
        node: node.map(str::to_owned),
        lines: Vec::new(),
        revision: None,
    }
}

fn receiver(node: &str) -> Receiver {
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
    let digest = crate::message::Digest::of(text.as_bytes());
    let mut head = [0; 8];
    head.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_be_bytes(head)
}
