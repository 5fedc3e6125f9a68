//! What has to be done for an order now, given what is known of it.

use super::state::{Answer, Attempt, CancelAnswer, ErpDecision, State, Status};
use crate::{
    contract::{CaseCategory, Decision, Document, RejectReason, ResponseLine, Severity},
    process::{
        command::{Audience, Event, EventKind, Receiver},
        draft::{Draft, Intent, ReleaseLine},
        number::Number,
        policy::ReleaseBy,
        routing::{Decision as Routed, Request},
        timer::Level,
        turn::Turn,
        write::{Case, order_response},
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
        let accepted = self.verdict.as_ref().is_some_and(|it| it.decision == ErpDecision::Accepted);
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
        let cut = |line: &&super::state::Line| {
            let quantities = self.quantities();
            let known = quantities.into_iter().find(|it| it.line_no == line.no);
            known.is_some_and(|it| it.ordered > line.requested)
        };
        let late: Vec<(String, String)> = self
            .lines
            .iter()
            .filter(|line| line.requested < line.highest)
            .filter(cut)
            .map(|line| (line.no.clone(), line.revision.to_string()))
            .collect();
        for (line, revision) in late {
            let subject = format!("{line}/{revision}");
            turn.event_once(Event::new(EventKind::ChangeTooLate, &subject));
            let text = format!("more of line {line} had left than revision {revision} wants");
            self.answer_placer(turn, &format!("too-late/{subject}"), Decision::AcceptedWithChanges, RejectReason::PastCutoff, &text);
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
                self.answer_placer(turn, "accepted", Decision::Accepted, RejectReason::Other(String::new()), "");
            }
            ErpDecision::Refused => {
                turn.event_once(Event::new(EventKind::OrderRefused, "").with("reason", &verdict.reason));
                let reason = RejectReason::Other("erp".to_owned());
                self.answer_placer(turn, "refused", Decision::Rejected, reason, &verdict.reason);
                self.notify(turn, "refused", "order-refused", &[("reason", &verdict.reason)]);
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
            if !cancel.by_erp {
                let written = self.base.as_ref().map(|base| order_cancel(base.of, None));
                if let Some(draft) = cancel.of.map(|of| Draft::Relayed { of }).or(written) {
                    turn.send_once(Receiver::Erp, "erp/cancel", draft);
                }
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
        let routed = policy.routing.decide(&self.request(), turn.world.supply, &policy.calendars, turn.now);
        self.go(routed, turn);
    }

    fn go(&mut self, routed: Routed, turn: &mut Turn<'_>) {
        let reasons = routed.reasons.iter().map(|it| (it.node.clone(), it.text.clone()));
        let Some(node) = routed.node.clone() else {
            self.stuck = true;
            self.unroutable = reasons.take(16).collect();
            let tried = self.attempts.len();
            let mut event = Event::new(EventKind::OrderUnroutable, &tried.to_string()).with("rule", &routed.rule);
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
        let open = self.quantities().into_iter().filter(|it| it.open.is_positive());
        let sku_of = |no: &str| self.lines.iter().find(|line| line.no == no).map(|line| line.sku.clone());
        let mut items: Vec<(String, Number)> = Vec::new();
        for line in open {
            let sku = sku_of(&line.line_no).unwrap_or_default();
            match items.iter_mut().find(|(known, _)| *known == sku) {
                Some((_, quantity)) => *quantity += line.open,
                None => items.push((sku, line.open)),
            }
        }
        Request {
            country: base.and_then(|it| it.country.clone()),
            postal: base.and_then(|it| it.postal.clone()),
            service: base.and_then(|it| it.service.clone()),
            carrier: base.and_then(|it| it.carrier.clone()),
            order_type: base.and_then(|it| it.order_type.clone()),
            items,
            preferred: base.and_then(|it| it.node.clone()),
            tried: self.attempts.iter().filter(|it| it.is_tried()).map(|it| it.node.clone()).collect(),
        }
    }

    /// What a node shall ship in all: what it has shipped already, and what is open.
    fn wanted_from(&self, node: &str) -> Vec<ReleaseLine> {
        let wanted = |quantities: super::LineQuantities| {
            let line = self.lines.iter().find(|line| line.no == quantities.line_no)?;
            let left = self.left_from(&line.no, node).min(quantities.shipped);
            let quantity = quantities.open + left;
            quantity.is_positive().then(|| ReleaseLine {
                line_no: line.no.clone(),
                quantity,
                sku: line.sku.clone(),
                unit: line.unit.clone(),
            })
        };
        self.quantities().into_iter().filter_map(wanted).collect()
    }

    /// Tells the node that has the order what changed since it was told last.
    fn instruct(&mut self, turn: &mut Turn<'_>) {
        let (Some(of), Some(current)) = (self.base.as_ref().map(|base| base.of), self.current()) else {
            return;
        };
        let (node, told_before) = (current.node.clone(), current.told);
        let lines = self.wanted_from(&node);
        let now_wanted = told(&lines);
        // Nothing is taken back from a node by a change: that is what a cancel is for.
        // And what a warehouse says of what is missing is its word, not our wish.
        let our_wish = self.totals().short.is_zero() && !self.is_stopped();
        if now_wanted == told_before || lines.is_empty() || !our_wish || self.totals().open.is_zero() {
            return;
        }
        self.attempt(&node).told = now_wanted;
        let revision = self.lines.iter().map(|line| &line.revision).max().map(ToString::to_string);
        let draft = Draft::Release {
            of,
            purpose: Intent::Change,
            node: Some(node.clone()),
            lines,
            revision,
        };
        turn.send_once(receiver(&node), &format!("change/{node}/{now_wanted:x}"), draft);
    }

    fn follow_answers(&mut self, turn: &mut Turn<'_>) {
        let attempts = self.attempts.clone();
        for attempt in &attempts {
            let node = &attempt.node;
            if attempt.has_accepted() && attempt.is_live() {
                let changed = attempt.answer == Answer::Changed;
                turn.event_once(Event::new(EventKind::OrderAccepted, node).with("with_changes", changed));
                if let Some(of) = attempt.answered_by {
                    self.tell_all(turn, &format!("accepted/{node}/{changed}"), &Draft::Relayed { of });
                }
            }
            if let Some(why) = attempt.why_not() {
                turn.event_once(Event::new(EventKind::OrderRejected, node).with("reason", &why));
                let text = format!("{node}: {why}");
                let reason = Some((RejectReason::Other("node".to_owned()), text.as_str()));
                let response = order_response(&self.order_no, Decision::Backordered, reason, turn.now);
                let draft = Draft::written(Document::OrderResponse(response));
                turn.send_once(Receiver::Erp, &format!("erp/rejected/{node}"), draft);
                self.case(turn, &format!("rejected/{node}"), &text, false);
            }
        }
        let is_well = self.current().is_some_and(Attempt::has_accepted) || self.totals().shipped.is_positive();
        if is_well && attempts.iter().any(|it| it.why_not().is_some() && it.is_tried()) {
            self.case(turn, "rejected/over", "another node ships the order", true);
        }
    }

    fn follow_shipments(&mut self, turn: &mut Turn<'_>) {
        let totals = self.totals();
        let is_known = self.base.is_some();
        for shipment in &self.shipments {
            let (rank, ..) = shipment.version;
            let key = format!("shipment/{}/{rank}", shipment.id);
            self.tell_all(turn, &key, &Draft::Relayed { of: shipment.of });
            if !shipment.cancelled && is_known {
                let template = if totals.open.is_positive() { "order-shipped-partly" } else { "order-shipped" };
                self.notify(turn, &format!("shipped/{}", shipment.id), template, &[("shipment_id", &shipment.id)]);
                turn.became(EventKind::OrderShippedPartly, &shipment.id);
            }
        }
        if !is_known || totals.open.is_positive() || totals.shipped.is_zero() {
            return;
        }
        turn.became(EventKind::OrderShipped, "");
        if totals.short.is_positive() || totals.over.is_positive() {
            self.correct(turn);
        }
        if self.has_arrived(turn) {
            turn.became(EventKind::OrderDelivered, "");
        }
        if self.is_invoiced() {
            turn.became(EventKind::OrderInvoiced, "");
        }
    }

    /// Tells the ERP what will really have been shipped of each line.
    fn correct(&self, turn: &mut Turn<'_>) {
        let totals = self.totals();
        let reason = Some((RejectReason::StockShortage, "the node shipped other quantities than ordered"));
        let mut response = order_response(&self.order_no, Decision::AcceptedWithChanges, reason, turn.now);
        response.lines = self
            .quantities()
            .into_iter()
            .filter(|line| line.short.is_positive() || line.over.is_positive())
            .map(|line| ResponseLine {
                quantity: Some(crate::process::write::quantity(
                    line.shipped + line.over,
                    self.lines.iter().find(|it| it.no == line.line_no).map_or("EA", |it| it.unit.as_str()),
                )),
                line_no: line.line_no,
                decision: Decision::AcceptedWithChanges,
                promised: None,
                substitutes: Vec::new(),
                reasons: Vec::new(),
                extras: Vec::new(),
            })
            .collect();
        if totals.short.is_positive() {
            turn.event_once(Event::new(EventKind::OrderShort, &totals.short.to_string()));
        }
        let key = format!("erp/correction/{}/{}", totals.short, totals.over);
        turn.send_once(Receiver::Erp, &key, Draft::written(Document::OrderResponse(response)));
    }

    /// Whoever cancelled hears what became of it, when that is certain.
    fn answer_cancel(&mut self, turn: &mut Turn<'_>) {
        if self.cancel.is_none() || self.base.is_none() {
            return;
        }
        let totals = self.totals();
        let refused = self.current().is_some_and(|it| it.cancel == CancelAnswer::TooLate);
        if totals.open.is_positive() && !refused {
            return;
        }
        if refused || totals.cancelled.is_zero() {
            turn.became(EventKind::CancelTooLate, "");
            let text = "the order could not be cancelled any more";
            self.answer_placer(turn, "cancel/too-late", Decision::Rejected, RejectReason::PastCutoff, text);
        } else if totals.shipped.is_positive() {
            let text = format!("{} had left before", totals.shipped);
            turn.event_once(Event::new(EventKind::CancelTooLate, "").with("shipped", totals.shipped));
            self.answer_placer(turn, "cancel/partly", Decision::AcceptedWithChanges, RejectReason::PastCutoff, &text);
        } else {
            self.notify(turn, "cancelled", "order-cancelled", &[]);
            self.answer_placer(turn, "cancel/done", Decision::Accepted, RejectReason::Other(String::new()), "");
        }
    }

    /// Answers whoever placed the order, once for each key.
    fn answer_placer(&self, turn: &mut Turn<'_>, key: &str, decision: Decision, reason: RejectReason, text: &str) {
        let by = self.placed_by.as_ref().or(self.cancel.as_ref().filter(|it| !it.by_erp).and_then(|it| it.by.as_ref()));
        if let Some(by) = by {
            let reason = (!text.is_empty()).then_some((reason, text));
            let response = order_response(&self.order_no, decision, reason, turn.now);
            let draft = Draft::written(Document::OrderResponse(response));
            turn.send_once(Turn::partner(by), &format!("answer/{key}"), draft);
        }
    }

    /// ERP, service desk and whoever placed the order hear the same.
    fn tell_all(&self, turn: &mut Turn<'_>, key: &str, draft: &Draft) {
        turn.send_once(Receiver::Erp, &format!("erp/{key}"), draft.clone());
        turn.send_once(Receiver::Crm, &format!("crm/{key}"), draft.clone());
        if let Some(by) = &self.placed_by {
            turn.send_once(Turn::partner(by), &format!("placer/{key}"), draft.clone());
        }
    }

    pub(super) fn notify(&self, turn: &mut Turn<'_>, key: &str, template: &str, data: &[(&str, &str)]) {
        let mut data = data.to_vec();
        data.push(("order_no", &self.order_no));
        turn.notify_once(Audience::Customer, &format!("customer/{key}"), template, &data);
    }

    /// One case of the service desk for all that goes wrong before the order ships.
    fn case(&self, turn: &mut Turn<'_>, key: &str, text: &str, is_over: bool) {
        let key = format!("case/{key}");
        let draft = Case {
            external_key: format!("order/{}/fulfilment", self.order_no),
            subject: &format!("order {} is not being fulfilled", self.order_no),
            text,
            category: CaseCategory::Rejected,
            severity: Severity::High,
            is_over,
            order_no: Some(&self.order_no),
            shipment_id: None,
        };
        turn.send_once(Receiver::Crm, &key, Draft::written(draft.document(turn.now)));
    }

    fn left_from_node(&self, node: &str) -> Number {
        self.lines.iter().map(|line| self.left_from(&line.no, node)).sum()
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
    let text: String = lines.iter().map(|line| format!("{}={};", line.line_no, line.quantity)).collect();
    let digest = crate::message::Digest::of(text.as_bytes());
    let mut head = [0; 8];
    head.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_be_bytes(head)
}
