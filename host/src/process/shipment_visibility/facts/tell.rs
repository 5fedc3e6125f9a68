//! Who hears what of a shipment.

use super::{CONFIRMED_BY_WAREHOUSE, Happened, State};
use crate::{
    clock::Timestamp,
    contract::Severity as CaseSeverity,
    message::DocumentId,
    process::{
        Machine as _,
        command::{Audience, Event, EventKind, Receiver},
        draft::Draft,
        exception::Severity,
        input::Signal,
        order_to_fulfilment::OrderToFulfilment,
        shipment_visibility::stage::{Stage, Trouble},
        turn::Turn,
        write::Case,
    },
};

// === impl State ===

impl State {
    /// Each stage is told once, and only one that is further than the last one told, or
    /// takes its place.
    pub(super) fn tell_stage(&mut self, turn: &mut Turn<'_>) {
        let stage = self.stage();
        if stage == self.told {
            return;
        }
        self.told = stage;
        let Some(happened) = self.stages.iter().find(|it| it.what == stage) else {
            return;
        };
        let at = Timestamp::from_millis(happened.at);
        turn.event_once(Event::new(EventKind::MilestoneAdvanced, stage.name()).with("at", at));
        if happened.reason != CONFIRMED_BY_WAREHOUSE {
            tell_all(turn, &format!("stage/{}", stage.name()), happened.of);
        }
        let template = match stage {
            Stage::OutForDelivery => "shipment-out-for-delivery",
            Stage::Delivered => "shipment-delivered",
            Stage::Returned => "shipment-returned",
            _ => return,
        };
        self.notify(turn, stage.name(), template);
    }

    pub(super) fn tell_estimate(&self, turn: &mut Turn<'_>) {
        if let Some(estimate) = &self.estimate {
            let event = Event::new(EventKind::EstimateMoved, &estimate.text);
            turn.event_once(event);
            if let Some(of) = estimate.of {
                tell_all(turn, &format!("estimate/{}", estimate.text), of);
            }
        }
    }

    pub(super) fn tell_troubles(&mut self, turn: &mut Turn<'_>) {
        let open: Vec<Trouble> = self.open_troubles().map(|it| it.what).collect();
        for trouble in self.troubles.clone() {
            let name = trouble.what.name();
            let cause = self.cause(&trouble);
            let is_open = open.contains(&trouble.what) && !turn.desk.is_waived(&cause);
            let version = format!("{name}/{}", trouble.at);
            let is_known = self.cases.contains(&trouble.what);
            let key = format!("case/{version}");
            if is_open {
                if !is_known {
                    self.cases.push(trouble.what);
                    turn.desk.renew(&key);
                }
                if !turn.desk.has_said(&key) {
                    let event = Event::new(EventKind::TroubleBegan, &version);
                    turn.event(event.with("reason", &trouble.reason));
                }
                self.case(turn, &trouble, &key, &cause.text, false);
                self.notify(turn, &version, &format!("shipment-{name}"));
            } else if is_known {
                self.cases.retain(|it| *it != trouble.what);
                turn.event(Event::new(EventKind::TroubleEnded, &version));
                let text = format!("shipment {}: {name} is over", self.shipment_id);
                let key = format!("{key}/over");
                turn.desk.renew(&key);
                self.case(turn, &trouble, &key, &text, true);
            }
        }
    }

    fn case(
        &self,
        turn: &mut Turn<'_>,
        trouble: &Happened<Trouble>,
        key: &str,
        text: &str,
        is_over: bool,
    ) {
        let name = trouble.what.name();
        let case = Case {
            external_key: format!("shipment/{}/{name}", self.shipment_id),
            subject: &format!("shipment {}: {name}", self.shipment_id),
            text,
            category: trouble.what.category(),
            severity: match trouble.what.severity() {
                Severity::Low => CaseSeverity::Low,
                Severity::Normal => CaseSeverity::Normal,
                Severity::High => CaseSeverity::High,
                Severity::Urgent => CaseSeverity::Urgent,
            },
            is_over,
            order_no: self.order_no.as_deref(),
            shipment_id: Some(&self.shipment_id),
        };
        turn.send_once(Receiver::Crm, key, Draft::written(case.document(turn.now)));
    }

    /// The order hears what became of its shipment, whenever that changes.
    pub(super) fn tell_order(&mut self, turn: &mut Turn<'_>) {
        let Some(order_no) = self.order_no.clone() else {
            return;
        };
        let shipment_id = self.shipment_id.clone();
        let failure = self
            .open_troubles()
            .filter(|it| it.what.fails_order())
            .max_by_key(|it| it.at);
        let delivered = self.stages.iter().find(|it| it.what == Stage::Delivered);
        let of_order = format!("order/{order_no}/");
        let told = self.told_order.as_deref();
        let (key, signal) = match (self.stage(), failure, delivered) {
            (Stage::Delivered, _, Some(delivered)) => (
                format!("{of_order}delivered/{}", delivered.at),
                Signal::ShipmentDelivered { shipment_id },
            ),
            (_, Some(trouble), _) => {
                let cause = trouble.what.name().to_owned();
                (
                    format!("{of_order}failed/{cause}/{}", trouble.at),
                    Signal::ShipmentFailed { shipment_id, cause },
                )
            }
            // Only who heard of a failure has to hear that there is none.
            (_, None, _) => match told.and_then(|told| told.strip_prefix(&of_order)) {
                Some(failed) if failed.starts_with("failed/") => (
                    format!("{of_order}recovered/{failed}"),
                    Signal::ShipmentRecovered { shipment_id },
                ),
                _ => return,
            },
        };
        if told != Some(key.as_str()) {
            let of = format!("order/{order_no}");
            turn.desk.renew(&key);
            turn.tell_once(OrderToFulfilment::NAME, &of, &key, signal);
            self.told_order = Some(key);
        }
    }

    fn notify(&self, turn: &mut Turn<'_>, key: &str, template: &str) {
        let mut data = vec![("shipment_id", self.shipment_id.as_str())];
        data.extend(
            self.order_no
                .as_deref()
                .map(|order_no| ("order_no", order_no)),
        );
        turn.notify_once(
            Audience::Customer,
            &format!("customer/{key}"),
            template,
            &data,
        );
    }
}

fn tell_all(turn: &mut Turn<'_>, key: &str, of: DocumentId) {
    let draft = Draft::Relayed { of };
    turn.send_once(Receiver::Erp, &format!("erp/{key}"), draft.clone());
    turn.send_once(Receiver::Crm, &format!("crm/{key}"), draft.clone());
    turn.send_once(Receiver::Shops, &format!("shops/{key}"), draft);
}
