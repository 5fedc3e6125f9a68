//! Who hears what of an order.

use crate::{
    contract::{CaseCategory, Decision, Document, RejectReason, ResponseLine, Severity},
    process::{
        command::{Audience, Event, EventKind, Receiver},
        draft::Draft,
        number::Number,
        order_to_fulfilment::{
            quantities::{Places, Totals},
            state::{Answer, Attempt, Cancel, Line, Shipped, State},
        },
        told::digest_of,
        turn::Turn,
        write::{Case, order_response, quantity},
    },
};

// === impl State ===

impl State {
    pub(super) fn follow_answers(&mut self, turn: &mut Turn<'_>) {
        for attempt in &self.attempts {
            let node = &attempt.node;
            if attempt.has_accepted() && attempt.is_live() {
                let changed = attempt.answer == Answer::Changed;
                turn.event_once(
                    Event::new(EventKind::OrderAccepted, node).with("with_changes", changed),
                );
                if let Some(of) = attempt.answered_by {
                    let key = format!("accepted/{node}/{changed}");
                    self.tell_all(turn, &key, &Draft::Relayed { of });
                }
            }
            if let Some(why) = attempt.why_not() {
                turn.event_once(Event::new(EventKind::OrderRejected, node).with("reason", &why));
                let text = format!("{node}: {why}");
                let reason = Some((RejectReason::Other("node".to_owned()), text.as_str()));
                let response =
                    order_response(&self.order_no, Decision::Backordered, reason, turn.now);
                let draft = Draft::written(Document::OrderResponse(response));
                turn.send_once(Receiver::Erp, &format!("erp/rejected/{node}"), draft);
            }
        }
        self.follow_case(turn);
    }

    /// The service desk has one case for all that goes wrong before the order ships, and
    /// it is over when a node ships, or nothing shall.
    fn follow_case(&mut self, turn: &mut Turn<'_>) {
        let tried = self.attempts.iter().filter(|it| it.is_tried()).count();
        if self.is_stopped() || self.is_well() {
            if self.case_open {
                self.case_open = false;
                let text = if self.is_stopped() {
                    "the order is not wanted any more"
                } else {
                    "a node ships the order"
                };
                self.case(turn, &format!("over/{tried}"), text, true);
            }
            return;
        }
        let mut wrong: Vec<(String, String)> = self
            .attempts
            .iter()
            .filter_map(|it| Some((&it.node, it.why_not()?)))
            .map(|(node, why)| (format!("rejected/{node}"), format!("{node}: {why}")))
            .collect();
        if self.stuck && self.base.is_some() {
            let text = "no node is left that could ship the order".to_owned();
            wrong.push((format!("unroutable/{tried}"), text));
        }
        for (key, text) in wrong {
            if !turn.desk.has_said(&format!("case/{key}")) {
                self.case_open = true;
                self.case(turn, &key, &text, false);
            }
        }
    }

    pub(super) fn follow_shipments(&mut self, turn: &mut Turn<'_>) {
        let totals = self.totals();
        let is_known = self.base.is_some();
        // Once for all of them: an order may have many lines and shipments.
        let places = Places::of(&self.lines);
        for shipment in &self.shipments {
            self.follow_shipment(shipment, &totals, &places, turn);
        }
        let is_at_its_end = is_known && totals.open.is_zero();
        if is_at_its_end && (totals.short.is_positive() || totals.over.is_positive()) {
            self.correct(turn);
        }
        if !is_at_its_end || totals.shipped.is_zero() {
            return;
        }
        turn.became(EventKind::OrderShipped, "");
        if self.has_arrived(turn) {
            turn.became(EventKind::OrderDelivered, "");
        }
        if self.is_invoiced() {
            turn.became(EventKind::OrderInvoiced, "");
        }
    }

    /// Each version of a shipment that says something else is told once.
    fn follow_shipment(
        &self,
        shipment: &Shipped,
        totals: &Totals,
        places: &Places<'_>,
        turn: &mut Turn<'_>,
    ) {
        let (rank, _, content) = shipment.version;
        let key = format!("shipment/{}/{rank}-{content:x}", shipment.id);
        let draft = Draft::Relayed { of: shipment.of };
        let for_erp = self.for_erp(shipment, places);
        turn.send_once(Receiver::Erp, &format!("erp/{key}"), for_erp);
        self.tell_customers_side(turn, &key, &draft);
        if shipment.cancelled || !shipment.left_anything() || self.base.is_none() {
            return;
        }
        let template = if totals.open.is_positive() {
            "order-shipped-partly"
        } else {
            "order-shipped"
        };
        let key = format!("shipped/{}", shipment.id);
        self.notify(turn, &key, template, &[("shipment_id", &shipment.id)]);
        turn.became(EventKind::OrderShippedPartly, &shipment.id);
    }

    /// Tells the ERP what will really have been shipped of each line.
    fn correct(&self, turn: &mut Turn<'_>) {
        let totals = self.totals();
        let reason = Some((
            RejectReason::StockShortage,
            "the node shipped other quantities than ordered",
        ));
        let mut response = order_response(
            &self.order_no,
            Decision::AcceptedWithChanges,
            reason,
            turn.now,
        );
        response.lines = self
            .lines
            .iter()
            .zip(self.quantities())
            .filter(|(_, known)| known.short.is_positive() || known.over.is_positive())
            .map(|(line, known)| {
                let left = known.shipped + known.over;
                response_line(line, left, Decision::AcceptedWithChanges)
            })
            .collect();
        if totals.short.is_positive() {
            turn.event_once(Event::new(EventKind::OrderShort, &totals.short.to_string()));
        }
        let said: Vec<String> = response
            .lines
            .iter()
            .map(|line| format!("{}={:?}", line.line_no, line.quantity))
            .collect();
        let content = digest_of(&said.join(";"));
        let key = format!(
            "erp/correction/{}/{}/{content:x}",
            totals.short, totals.over
        );
        turn.send_once(
            Receiver::Erp,
            &key,
            Draft::written(Document::OrderResponse(response)),
        );
    }

    /// Whoever cancelled hears what became of it, when that is certain.
    pub(super) fn answer_cancel(&mut self, turn: &mut Turn<'_>) {
        let Some(cancel) = self.cancel.clone().filter(|_| self.base.is_some()) else {
            return;
        };
        if !self.is_cancelled() {
            self.answer_cancelled_lines(&cancel, turn);
            return;
        }
        let totals = self.totals();
        let refused = self.current().is_some_and(Attempt::keeps_it);
        if totals.open.is_positive() && !refused {
            return;
        }
        if refused || totals.cancelled.is_zero() {
            turn.became(EventKind::CancelTooLate, "");
            let answer = Answered {
                decision: Decision::Rejected,
                reason: RejectReason::PastCutoff,
                text: "the order could not be cancelled any more",
                lines: Vec::new(),
            };
            self.answer_cancellers(&cancel, turn, "too-late", &answer);
        } else if totals.shipped.is_positive() {
            let text = format!("{} had left before", totals.shipped);
            turn.event_once(
                Event::new(EventKind::CancelTooLate, "").with("shipped", totals.shipped),
            );
            let answer = Answered {
                decision: Decision::AcceptedWithChanges,
                reason: RejectReason::PastCutoff,
                text: &text,
                lines: Vec::new(),
            };
            self.answer_cancellers(&cancel, turn, "partly", &answer);
        } else {
            self.notify(turn, "cancelled", "order-cancelled", &[]);
            let answer = Answered {
                decision: Decision::Accepted,
                reason: RejectReason::Other(String::new()),
                text: "",
                lines: Vec::new(),
            };
            self.answer_cancellers(&cancel, turn, "done", &answer);
        }
    }

    /// Of lines that are cancelled one by one: each is, or some of it had left.
    fn answer_cancelled_lines(&self, cancel: &Cancel, turn: &mut Turn<'_>) {
        let mut lines = Vec::new();
        let mut said = String::new();
        let mut too_late = false;
        for (line, known) in self.lines.iter().zip(self.quantities()) {
            if self.cancelled_lines.binary_search(&line.no).is_err() {
                continue;
            }
            too_late |= known.shipped.is_positive();
            let decision = match (known.shipped.is_positive(), known.cancelled.is_positive()) {
                (true, true) => Decision::AcceptedWithChanges,
                (true, false) => Decision::Rejected,
                (false, _) => Decision::Accepted,
            };
            said.push_str(&format!("{}={};", line.no, known.shipped));
            lines.push(response_line(line, known.shipped, decision));
        }
        if lines.is_empty() {
            return;
        }
        if too_late {
            turn.event_once(Event::new(EventKind::CancelTooLate, &said_of(&said)));
        }
        let answer = Answered {
            decision: if too_late {
                Decision::AcceptedWithChanges
            } else {
                Decision::Accepted
            },
            reason: if too_late {
                RejectReason::PastCutoff
            } else {
                RejectReason::Other(String::new())
            },
            text: if too_late {
                "some of the cancelled lines had left before"
            } else {
                ""
            },
            lines,
        };
        self.answer_cancellers(cancel, turn, &format!("lines/{}", said_of(&said)), &answer);
    }

    /// All who cancelled, who placed the order, and the ERP where it could believe that
    /// the cancel was in time.
    fn answer_cancellers(
        &self,
        cancel: &Cancel,
        turn: &mut Turn<'_>,
        key: &str,
        answer: &Answered<'_>,
    ) {
        self.answer_placer(turn, &format!("cancel/{key}"), answer);
        for by in cancel.by.iter().chain(&cancel.also) {
            if Some(by) != self.placed_by.as_ref() {
                let key = format!("canceller/{}/{key}", by.as_str());
                self.answer(Turn::partner(by), turn, &key, answer);
            }
        }
        if answer.decision != Decision::Accepted && !cancel.by_erp {
            let key = format!("erp/not-cancelled/{key}");
            self.answer(Receiver::Erp, turn, &key, answer);
        }
    }

    /// Answers whoever placed the order, once for each key.
    pub(super) fn answer_placer(&self, turn: &mut Turn<'_>, key: &str, answer: &Answered<'_>) {
        if let Some(by) = &self.placed_by {
            self.answer(Turn::partner(by), turn, &format!("answer/{key}"), answer);
        }
    }

    fn answer(&self, to: Receiver, turn: &mut Turn<'_>, key: &str, answer: &Answered<'_>) {
        let reason = (!answer.text.is_empty()).then_some((answer.reason.clone(), answer.text));
        let decision = answer.decision.clone();
        let mut response = order_response(&self.order_no, decision, reason, turn.now);
        response.lines.clone_from(&answer.lines);
        let draft = Draft::written(Document::OrderResponse(response));
        turn.send_once(to, key, draft);
    }

    /// A shipment for the ERP, which books it line by line of its own order: where the
    /// sender has line numbers of his own, the item tells which line is meant.
    fn for_erp(&self, shipment: &Shipped, places: &Places<'_>) -> Draft {
        let lines: Vec<(String, String)> = shipment
            .lines
            .iter()
            .filter_map(|line| {
                let known = &self.lines[places.of_line(&line.no, &line.sku)?];
                (known.no != line.no).then(|| (line.no.clone(), known.no.clone()))
            })
            .collect();
        let of = shipment.of;
        if lines.is_empty() {
            return Draft::Relayed { of };
        }
        Draft::Numbered { of, lines }
    }

    /// ERP, service desk and whoever placed the order hear the same.
    fn tell_all(&self, turn: &mut Turn<'_>, key: &str, draft: &Draft) {
        turn.send_once(Receiver::Erp, &format!("erp/{key}"), draft.clone());
        self.tell_customers_side(turn, key, draft);
    }

    /// The service desk and whoever placed the order hear the same.
    fn tell_customers_side(&self, turn: &mut Turn<'_>, key: &str, draft: &Draft) {
        turn.send_once(Receiver::Crm, &format!("crm/{key}"), draft.clone());
        if let Some(by) = &self.placed_by {
            turn.send_once(Turn::partner(by), &format!("placer/{key}"), draft.clone());
        }
    }

    pub(super) fn notify(
        &self,
        turn: &mut Turn<'_>,
        key: &str,
        template: &str,
        data: &[(&str, &str)],
    ) {
        let mut data = data.to_vec();
        data.push(("order_no", &self.order_no));
        turn.notify_once(
            Audience::Customer,
            &format!("customer/{key}"),
            template,
            &data,
        );
    }

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
        turn.send_once(
            Receiver::Crm,
            &key,
            Draft::written(draft.document(turn.now)),
        );
    }
}

/// What somebody is answered.
pub(super) struct Answered<'a> {
    pub(super) decision: Decision,
    pub(super) reason: RejectReason,
    pub(super) text: &'a str,
    pub(super) lines: Vec<ResponseLine>,
}

/// A line that ends with this quantity.
pub(super) fn response_line(line: &Line, left: Number, decision: Decision) -> ResponseLine {
    ResponseLine {
        line_no: line.no.clone(),
        decision,
        quantity: Some(quantity(left, &line.unit)),
        promised: None,
        substitutes: Vec::new(),
        reasons: Vec::new(),
        extras: Vec::new(),
    }
}

fn said_of(text: &str) -> String {
    format!("{:x}", digest_of(text))
}
