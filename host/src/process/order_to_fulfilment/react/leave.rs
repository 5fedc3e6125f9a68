//! When an order is taken from a node: it ships nothing, does not answer, or nobody wants
//! the goods any more.

use std::collections::BTreeSet;

use super::place::{order_cancel, receiver};
use crate::{
    message::DocumentId,
    process::{
        command::{Event, EventKind, Receiver},
        order_to_fulfilment::{
            quantities::Places,
            state::{Answer, CancelAnswer, Line, Shipped, State},
        },
        policy::NothingShipped,
        timer::Level,
        turn::Turn,
    },
};

// === impl State ===

impl State {
    /// A node that confirms a shipment of nothing has refused the order, by policy.
    pub(super) fn follow_nothing_shipped(&mut self, turn: &Turn<'_>) {
        if turn.world.policy.order.nothing_shipped == NothingShipped::Short {
            return;
        }
        let current = self.current().map(|it| it.node.clone());
        let said: Vec<(String, DocumentId, String)> = self
            .live_shipments()
            .filter_map(|it| {
                let node = it.node.clone().or_else(|| current.clone())?;
                Some((node, it.of, it.nothing.clone()?))
            })
            .filter(|(node, ..)| self.ships_nothing(node))
            .collect();
        for (node, of, why) in said {
            let attempt = self.attempt(&node);
            if attempt.answer != Answer::Refused {
                attempt.answer = Answer::Refused;
                attempt.answered_by = Some(of);
                attempt.reason = why;
                self.stuck = false;
            }
        }
    }

    /// Whether all that a node has shipped is nothing, and it says so of every line that
    /// is wanted.
    fn ships_nothing(&self, node: &str) -> bool {
        if self.left_from_any(node) {
            return false;
        }
        let places = Places::of(&self.lines);
        let mut said: BTreeSet<usize> = BTreeSet::new();
        let own = |it: &&Shipped| it.nothing.is_some() && self.is_of(it, node);
        for shipment in self.live_shipments().filter(own) {
            if shipment.lines.is_empty() {
                return true;
            }
            let lines = shipment.lines.iter();
            said.extend(lines.filter_map(|line| places.of_line(&line.no, &line.sku)));
        }
        let is_unwanted = |line: &Line| {
            line.requested.is_zero() || self.cancelled_lines.binary_search(&line.no).is_ok()
        };
        let mut lines = self.lines.iter().enumerate();
        !said.is_empty() && lines.all(|(place, line)| said.contains(&place) || is_unwanted(line))
    }

    /// A node that did not answer in time, or whose partner is down for too long, is
    /// given up, and told so: it may have the order.
    pub(super) fn give_up_waiting(&mut self, turn: &mut Turn<'_>) {
        let rules = &turn.world.policy.order;
        let Some(current) = self.current() else {
            return;
        };
        let node = current.node.clone();
        if current.has_accepted() || current.keeps_it() || self.left_from_any(&node) {
            return;
        }
        let is_down = current.down.is_some();
        // Time that passed while nobody could answer does not count.
        let is_late = turn
            .desk
            .wait(Level::Acceptance, &node)
            .is_some_and(|wait| wait.breached && current.back.is_none_or(|at| wait.since >= at));
        let is_out = is_down && turn.is_breached(Level::Outage, &node);
        if is_out && !rules.wait_out_outages {
            if self.another_answers(turn) {
                self.leave("its partner does not answer", turn);
            } else if let Some(current) = self.current_mut() {
                current.looked = Some(turn.now);
            }
        } else if is_late && !rules.keep_waiting && !(is_down && rules.wait_out_outages) {
            self.leave("it did not answer in time", turn);
        }
    }

    /// Whether another node could take the order, and answers.
    fn another_answers(&self, turn: &Turn<'_>) -> bool {
        let world = turn.world;
        let calendars = &world.policy.calendars;
        let routed =
            world
                .policy
                .routing
                .decide(&self.request(), world.supply, calendars, turn.now);
        routed.node.is_some_and(|node| world.supply.answers(&node))
    }

    /// Gives the current node up.
    pub(in crate::process::order_to_fulfilment) fn leave(
        &mut self,
        why: &str,
        turn: &mut Turn<'_>,
    ) {
        if let Some(node) = self.current().map(|it| it.node.clone()) {
            self.leave_node(&node, why, turn);
        }
    }

    pub(in crate::process::order_to_fulfilment) fn leave_node(
        &mut self,
        node: &str,
        why: &str,
        turn: &mut Turn<'_>,
    ) {
        self.attempt(node).left = Some(why.to_owned());
        self.stuck = false;
        self.send_cancel(node, turn);
        turn.event_once(
            Event::new(EventKind::Compensated, node)
                .with("what", "the order was taken back from the node")
                .with("why", why),
        );
    }

    /// An order that shall ship after all goes to another node than the one that has let
    /// it go.
    pub(super) fn resume(&mut self, turn: &mut Turn<'_>) {
        let open = self.totals().open.is_positive();
        let Some(current) = self.current_mut() else {
            return;
        };
        if open && current.cancel == CancelAnswer::Confirmed && !self.is_stopped() {
            self.leave("the order had been taken back from it", turn);
        }
    }

    /// Takes the order back from the node that has it.
    pub(super) fn stop(&mut self, turn: &mut Turn<'_>) {
        if !self.is_stopped() {
            return;
        }
        if let Some(cancel) = self.cancel.clone() {
            let event = Event::new(EventKind::CancelRequested, "");
            let by = cancel.by.as_ref().map_or("crossdock", |by| by.as_str());
            turn.event_once(event.with("by", by));
            let of = self.base.as_ref().map(|base| base.of);
            if let (true, Some(of)) = (cancel.by_hand, of) {
                turn.send_once(Receiver::Erp, "erp/cancel", order_cancel(of, None));
            }
        }
        if let Some(node) = self.current().map(|it| it.node.clone())
            && self.totals().open.is_positive()
        {
            self.send_cancel(&node, turn);
        }
    }

    pub(in crate::process::order_to_fulfilment) fn send_cancel(
        &self,
        node: &str,
        turn: &mut Turn<'_>,
    ) {
        if let Some(base) = &self.base {
            let draft = order_cancel(base.of, Some(node));
            turn.send_once(receiver(node), &format!("cancel/{node}"), draft);
        }
    }
}
