//! How an order takes in what is not a document.

use super::state::{Answer, Cancel, CancelAnswer, State};
use crate::process::{
    Refusal,
    desk::{Desk, Picture},
    exception::{Action, Exception, Kind},
    input::{Delivered, Received, Signal},
    told::words,
    turn::{Facts, Turn},
};

/// Arrivals and losses that are kept: one of each for each shipment that an order may
/// have.
const NOTES_MAX: usize = 500;

impl Facts for State {
    fn desk(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn learn(&mut self, received: &Received<'_>, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        self.take(received, turn.world.policy.order.remainder, turn.now)
    }

    fn settled(&mut self, key: &str, result: &Delivered, turn: &mut Turn<'_>) -> bool {
        if let Some(node) = key.strip_prefix("release/") {
            self.release_settled(node, result, turn);
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
        let current = self.current().map(|it| it.node.clone());
        let Some(node) = current.filter(|current| Some(current.as_str()) == node) else {
            return;
        };
        if available {
            self.end_outage(&node, turn);
        } else {
            self.begin_outage(&node, turn);
        }
    }

    /// The last word on a shipment holds.
    fn hear(&mut self, signal: &Signal, _turn: &mut Turn<'_>) {
        match signal {
            Signal::ShipmentDelivered { shipment_id } => {
                self.lost.retain(|(id, _)| id != shipment_id);
                if !self.arrived.contains(shipment_id) && self.arrived.len() < NOTES_MAX {
                    let place = self.arrived.partition_point(|it| it < shipment_id);
                    self.arrived.insert(place, shipment_id.clone());
                }
            }
            Signal::ShipmentFailed { shipment_id, cause } => {
                self.arrived.retain(|id| id != shipment_id);
                self.lost.retain(|(id, _)| id != shipment_id);
                let entry = (shipment_id.clone(), cause.clone());
                if self.lost.len() < NOTES_MAX {
                    let place = self.lost.partition_point(|it| *it < entry);
                    self.lost.insert(place, entry);
                }
            }
            Signal::ShipmentRecovered { shipment_id } => {
                self.lost.retain(|(id, _)| id != shipment_id);
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
            Action::Retry => self.retry(exception, turn)?,
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
    /// A node has the order, or will never have it.
    fn release_settled(&mut self, node: &str, result: &Delivered, turn: &mut Turn<'_>) {
        let has_it = self.left_from_any(node);
        let attempt = self.attempt(node);
        match result {
            Delivered::Done { external_id } => {
                // Its refusal can be here before the word that the order reached it.
                let sent_again = attempt.delivered || attempt.died;
                let refused_this = attempt.answered_by.is_some() && attempt.left.is_none();
                attempt.delivered = true;
                let number = external_id.as_deref().map(words);
                attempt.number = attempt.number.take().or(number);
                let is_over = attempt.asked.is_some() && !attempt.is_live();
                if is_over && (sent_again || !refused_this) {
                    self.take_back_again(node, turn);
                }
            }
            // It has said itself that it has the order: only the answer to us was lost.
            Delivered::Dead { .. } if attempt.has_accepted() || has_it => {}
            Delivered::Dead {
                text,
                refused: true,
                ..
            } => {
                attempt.died = true;
                attempt.answer = Answer::Refused;
                attempt.reason = words(text);
                self.stuck = false;
            }
            Delivered::Dead { text, .. } if attempt.is_live() => {
                let why = words(&format!("the order could not be delivered to it: {text}"));
                self.leave_node(node, &why, turn);
            }
            Delivered::Dead { .. } => attempt.died = true,
        }
    }

    /// A node that was given up has got the order after all, since somebody sent it again:
    /// an earlier word that it shall not ship is out of date.
    fn take_back_again(&mut self, node: &str, turn: &mut Turn<'_>) {
        let attempt = self.attempt(node);
        if attempt.cancel != CancelAnswer::None {
            attempt.cancel = CancelAnswer::None;
            turn.desk.unsay(&format!("cancel/{node}"));
        }
        self.send_cancel(node, turn);
    }

    fn cancel_all(&mut self, exception: &Exception) -> Result<(), Refusal> {
        if self.base.is_none() {
            let text = format!("the order of exception {} is not known yet", exception.id);
            return Err(Refusal::new("order-unknown", text));
        }
        let known = self.cancel.take();
        self.cancel = Some(match known {
            Some(known) => Cancel {
                whole: true,
                by_hand: true,
                ..known
            },
            None => Cancel {
                by: None,
                also: Vec::new(),
                whole: true,
                by_erp: false,
                by_hand: true,
            },
        });
        Ok(())
    }

    fn retry(&mut self, exception: &Exception, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let (kind, subject) = (exception.kind, exception.subject.as_str());
        match (kind, subject.split_once('/')) {
            (Kind::NoNodeLeft, _) => self.stuck = false,
            (Kind::Overdue, Some(("acceptance" | "ship-by", what))) => {
                if let Some(node) = what.strip_prefix("cancel/") {
                    turn.desk.unsay(&format!("cancel/{node}"));
                    self.send_cancel(node, turn);
                } else {
                    turn.desk.unsay(&format!("release/{what}"));
                    self.release(what, turn);
                }
            }
            (Kind::Overdue, Some(("order-acknowledgement" | "release", _)))
            | (Kind::ErpHold, _)
                if self.newest.is_some() =>
            {
                if let Some((revision, _)) = &self.newest {
                    turn.desk.unsay(&format!("erp/order/{revision}"));
                }
            }
            _ => {
                let text = format!(
                    "nothing was sent that could be sent again for exception {}; ask whoever is awaited",
                    exception.id
                );
                return Err(Refusal::new("action-not-possible", text));
            }
        }
        Ok(())
    }
}
