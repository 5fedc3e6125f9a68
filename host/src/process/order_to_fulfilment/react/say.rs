//! Who hears what of an order.

use crate::{
    contract::{CaseCategory, Decision, Document, RejectReason, ResponseLine, Severity},
    process::{
        command::{Audience, Event, EventKind, Receiver},
        draft::Draft,
        order_to_fulfilment::state::{Answer, Attempt, CancelAnswer, State},
        turn::Turn,
        write::{Case, order_response, quantity},
    },
};

// === impl State ===

impl State {
    pub(super) fn follow_answers(&mut self, turn: &mut Turn<'_>) {
        let attempts = self.attempts.clone();
        for attempt in &attempts {
            let node = &attempt.node;
            if attempt.has_accepted() && attempt.is_live() {
                let changed = attempt.answer == Answer::Changed;
                turn.event_once(
                    Event::new(EventKind::OrderAccepted, node).with("with_changes", changed),
                );
                if let Some(of) = attempt.answered_by {
                    self.tell_all(
                        turn,
                        &format!("accepted/{node}/{changed}"),
                        &Draft::Relayed { of },
                    );
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
                self.case(turn, &format!("rejected/{node}"), &text, false);
            }
        }
        let is_well = self.current().is_some_and(Attempt::has_accepted)
            || self.totals().shipped.is_positive();
        if is_well
            && attempts
                .iter()
                .any(|it| it.why_not().is_some() && it.is_tried())
        {
            self.case(turn, "rejected/over", "another node ships the order", true);
        }
    }

    pub(super) fn follow_shipments(&mut self, turn: &mut Turn<'_>) {
        let totals = self.totals();
        let is_known = self.base.is_some();
        for shipment in &self.shipments {
            let (rank, ..) = shipment.version;
            let key = format!("shipment/{}/{rank}", shipment.id);
            self.tell_all(turn, &key, &Draft::Relayed { of: shipment.of });
            if !shipment.cancelled && is_known {
                let template = if totals.open.is_positive() {
                    "order-shipped-partly"
                } else {
                    "order-shipped"
                };
                self.notify(
                    turn,
                    &format!("shipped/{}", shipment.id),
                    template,
                    &[("shipment_id", &shipment.id)],
                );
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
            .quantities()
            .into_iter()
            .filter(|line| line.short.is_positive() || line.over.is_positive())
            .map(|line| ResponseLine {
                quantity: Some(quantity(
                    line.shipped + line.over,
                    self.lines
                        .iter()
                        .find(|it| it.no == line.line_no)
                        .map_or("EA", |it| it.unit.as_str()),
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
        turn.send_once(
            Receiver::Erp,
            &key,
            Draft::written(Document::OrderResponse(response)),
        );
    }

    /// Whoever cancelled hears what became of it, when that is certain.
    pub(super) fn answer_cancel(&mut self, turn: &mut Turn<'_>) {
        if !self.is_cancelled() || self.base.is_none() {
            return;
        }
        let totals = self.totals();
        let refused = self
            .current()
            .is_some_and(|it| it.cancel == CancelAnswer::TooLate);
        if totals.open.is_positive() && !refused {
            return;
        }
        if refused || totals.cancelled.is_zero() {
            turn.became(EventKind::CancelTooLate, "");
            let text = "the order could not be cancelled any more";
            self.answer_placer(
                turn,
                "cancel/too-late",
                Decision::Rejected,
                RejectReason::PastCutoff,
                text,
            );
        } else if totals.shipped.is_positive() {
            let text = format!("{} had left before", totals.shipped);
            turn.event_once(
                Event::new(EventKind::CancelTooLate, "").with("shipped", totals.shipped),
            );
            self.answer_placer(
                turn,
                "cancel/partly",
                Decision::AcceptedWithChanges,
                RejectReason::PastCutoff,
                &text,
            );
        } else {
            self.notify(turn, "cancelled", "order-cancelled", &[]);
            self.answer_placer(
                turn,
                "cancel/done",
                Decision::Accepted,
                RejectReason::Other(String::new()),
                "",
            );
        }
    }

    /// Answers whoever placed the order, once for each key.
    pub(super) fn answer_placer(
        &self,
        turn: &mut Turn<'_>,
        key: &str,
        decision: Decision,
        reason: RejectReason,
        text: &str,
    ) {
        let by = self.placed_by.as_ref().or(self
            .cancel
            .as_ref()
            .filter(|it| !it.by_erp)
            .and_then(|it| it.by.as_ref()));
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
        turn.send_once(
            Receiver::Crm,
            &key,
            Draft::written(draft.document(turn.now)),
        );
    }
}
