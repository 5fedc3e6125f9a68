//! What has to be done for an order now, given what is known of it.

mod leave;
mod outage;
mod place;
mod say;

use self::say::{Answered, response_line};
use super::state::{ErpDecision, Line, State, Status, Verdict};
use crate::{
    contract::{Decision, RejectReason},
    process::{
        command::{Event, EventKind, Receiver},
        draft::Draft,
        number::Number,
        policy::ReleaseBy,
        told::{digest_of, names},
        turn::Turn,
    },
};

// === impl State ===

impl State {
    pub(super) fn act_on_facts(&mut self, turn: &mut Turn<'_>) {
        if self.base.is_some() {
            turn.became(EventKind::OrderReceived, "");
            self.follow_revisions(turn);
            self.relay_cancels(turn);
            self.follow_verdict(turn);
            self.follow_nothing_shipped(turn);
            self.give_up_waiting(turn);
            self.stop(turn);
            self.resume(turn);
            self.place(turn);
            self.instruct(turn);
        }
        self.forget_outages(turn);
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
        if let Some(newest) = newest.filter(|_| self.changed) {
            turn.event_once(Event::new(EventKind::OrderChanged, &newest.to_string()));
        }
        self.answer_late_changes(turn);
    }

    /// The ERP hears of a cancel after what it cancels, whichever came first.
    fn relay_cancels(&mut self, turn: &mut Turn<'_>) {
        for of in std::mem::take(&mut self.untold_cancels) {
            let key = format!("erp/cancel/{of}");
            turn.send_once(Receiver::Erp, &key, Draft::Relayed { of });
        }
    }

    /// Whoever wanted less than had left is told what it stays at.
    fn answer_late_changes(&self, turn: &mut Turn<'_>) {
        let late: Vec<(&Line, Number)> = self
            .lines
            .iter()
            .zip(self.quantities())
            .filter(|(line, known)| line.requested < line.highest && known.ordered > line.requested)
            .map(|(line, known)| (line, known.ordered))
            .collect();
        let Some(revision) = late.iter().map(|(line, _)| &line.revision).max() else {
            return;
        };
        let stays: Vec<String> = late
            .iter()
            .map(|(line, ordered)| format!("line {} stays at {ordered}", line.no))
            .collect();
        let text = format!(
            "more had left than revision {revision} wants: {}",
            names(&stays)
        );
        let subject = format!("{revision}/{:x}", digest_of(&stays.join(";")));
        turn.event_once(Event::new(EventKind::ChangeTooLate, &subject).with("text", &text));
        let lines = late
            .iter()
            .map(|(line, ordered)| response_line(line, *ordered, Decision::AcceptedWithChanges));
        let answer = Answered {
            decision: Decision::AcceptedWithChanges,
            reason: RejectReason::PastCutoff,
            text: &text,
            lines: lines.collect(),
        };
        self.answer_placer(turn, &format!("too-late/{subject}"), &answer);
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
                self.relay_verdict(turn, "held", &verdict);
            }
            ErpDecision::Accepted => {
                if self.is_released(turn.world.policy.order.release_by) {
                    turn.became(EventKind::OrderReleased, "");
                }
                self.relay_verdict(turn, "accepted", &verdict);
            }
            ErpDecision::Refused => {
                turn.event_once(
                    Event::new(EventKind::OrderRefused, "").with("reason", &verdict.reason),
                );
                self.relay_verdict(turn, "refused", &verdict);
                self.notify(
                    turn,
                    "refused",
                    "order-refused",
                    &[("reason", &verdict.reason)],
                );
            }
        }
    }

    /// Whoever placed the order hears what the ERP says to it, in its own words.
    fn relay_verdict(&self, turn: &mut Turn<'_>, word: &str, verdict: &Verdict) {
        if let Some(by) = &self.placed_by {
            let key = format!("answer/{word}/{}", verdict.at);
            turn.send_once(Turn::partner(by), &key, Draft::Relayed { of: verdict.of });
        }
    }
}
