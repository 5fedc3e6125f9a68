//! How an order takes in what is not a document.

use super::state::{Answer, Cancel, CancelAnswer, State};
use crate::{
    contract::{Document, Purpose},
    process::{
        Refusal,
        command::{Audience, Event, EventKind, Receiver},
        desk::{Desk, Picture},
        draft::Draft,
        exception::{Action, Exception, Kind},
        input::{Delivered, Received, Role, Signal},
        turn::{Facts, Turn},
    },
};

/// Documents with numbers that don't fit, and arrivals, that are kept.
const NOTES_MAX: usize = 500;

impl Facts for State {
    fn desk(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn learn(&mut self, received: &Received<'_>, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let taken = self.take(received, turn.world.policy.order.remainder);
        if let Document::Order(order) = received.document
            && order.purpose == Purpose::Cancel
            && received.from.role != Role::Erp
        {
            let key = format!("erp/cancel/{}", received.id);
            turn.send_once(Receiver::Erp, &key, Draft::Relayed { of: received.id });
        }
        if let Err(refusal) = &taken
            && self.unfit.len() < NOTES_MAX
        {
            self.unfit
                .push((received.id.to_string(), refusal.text.clone()));
        }
        taken
    }

    fn settled(&mut self, key: &str, result: &Delivered, _turn: &mut Turn<'_>) -> bool {
        if let Some(node) = key.strip_prefix("release/") {
            let attempt = self.attempt(node);
            match result {
                Delivered::Done { external_id } => {
                    attempt.number = attempt.number.take().or_else(|| external_id.clone());
                }
                Delivered::Dead {
                    text,
                    refused: true,
                    ..
                } => {
                    attempt.answer = Answer::Refused;
                    attempt.reason.clone_from(text);
                }
                Delivered::Dead { text, .. } => {
                    attempt.left = Some(format!("the order could not be delivered to it: {text}"));
                }
            }
            self.stuck = false;
            return true;
        }
        if let Some(node) = key.strip_prefix("cancel/") {
            let attempt = self.attempt(node);
            match result {
                Delivered::Done { .. } => attempt.cancel = CancelAnswer::Confirmed,
                Delivered::Dead { refused: true, .. } => {
                    attempt.cancel = CancelAnswer::TooLate;
                    return true;
                }
                Delivered::Dead { .. } => {}
            }
        }
        false
    }

    fn availability(&mut self, node: Option<&str>, available: bool, turn: &mut Turn<'_>) {
        let is_open = self.totals().open.is_positive();
        let order_no = self.order_no.clone();
        let Some(current) = self
            .current_mut()
            .filter(|it| Some(it.node.as_str()) == node)
        else {
            return;
        };
        let node = current.node.clone();
        let (template, kind, since) = match current.down {
            None if !available && is_open => {
                current.down = Some(turn.now);
                (
                    "fulfilment-partner-unavailable",
                    EventKind::PartnerUnavailable,
                    turn.now,
                )
            }
            Some(since) if available => {
                current.down = None;
                (
                    "fulfilment-partner-available",
                    EventKind::PartnerAvailable,
                    since,
                )
            }
            _ => return,
        };
        turn.event(Event::new(kind, &node));
        let key = format!("outage/{node}/{since}/{available}");
        turn.notify_once(
            Audience::CustomerService,
            &key,
            template,
            &[("order_no", &order_no), ("node", &node)],
        );
    }

    fn hear(&mut self, signal: &Signal, _turn: &mut Turn<'_>) {
        match signal {
            Signal::ShipmentDelivered { shipment_id } => {
                if !self.arrived.contains(shipment_id) && self.arrived.len() < NOTES_MAX {
                    let place = self.arrived.partition_point(|it| it < shipment_id);
                    self.arrived.insert(place, shipment_id.clone());
                }
            }
            Signal::ShipmentFailed { shipment_id, cause } => {
                self.lost.retain(|(id, _)| id != shipment_id);
                let entry = (shipment_id.clone(), cause.clone());
                if self.lost.len() < NOTES_MAX {
                    let place = self.lost.partition_point(|it| *it < entry);
                    self.lost.insert(place, entry);
                }
            }
            Signal::ShipmentRecovered { shipment_id } => {
                self.lost.retain(|(id, _)| id != shipment_id)
            }
        }
    }

    fn act(
        &mut self,
        exception: &Exception,
        action: Action,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        match action {
            Action::Cancel => self.cancel_all(exception)?,
            Action::Reroute => {
                self.leave("it was rerouted by hand", turn);
                self.stuck = false;
                for shipment in &mut self.shipments {
                    shipment.waived = true;
                }
            }
            Action::Retry => self.retry(exception, turn),
            Action::Release | Action::AcceptVariance => {}
        }
        Ok(())
    }

    fn react(&mut self, turn: &mut Turn<'_>) {
        self.act_on_facts(turn);
    }

    fn picture(&self, turn: &Turn<'_>) -> Picture {
        Picture {
            waits: self.waits(turn),
            causes: self.causes(),
        }
    }
}

// === impl State ===

impl State {
    fn cancel_all(&mut self, exception: &Exception) -> Result<(), Refusal> {
        if self.base.is_none() {
            let text = format!("the order of exception {} is not known yet", exception.id);
            return Err(Refusal::new("order-unknown", text));
        }
        let by_erp = self.cancel.as_ref().is_some_and(|cancel| cancel.by_erp);
        self.cancel = Some(Cancel {
            by: None,
            whole: true,
            by_erp,
        });
        Ok(())
    }

    fn retry(&mut self, exception: &Exception, turn: &mut Turn<'_>) {
        self.stuck = false;
        match (exception.kind, exception.subject.split_once('/')) {
            (Kind::Overdue, Some(("acceptance" | "ship-by", node))) => {
                let node = node.to_owned();
                turn.desk.unsay(&format!("release/{node}"));
                self.release(&node, turn);
            }
            (Kind::Overdue | Kind::ErpHold, _) => {
                if let Some((revision, _)) = &self.newest {
                    turn.desk.unsay(&format!("erp/order/{revision}"));
                }
            }
            _ => {}
        }
    }
}
