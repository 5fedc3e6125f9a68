//! An order and a partner that does not answer: the service desk hears of it once, and
//! once of its end.

use crate::{
    clock::Timestamp,
    process::{
        command::{Audience, Event, EventKind},
        order_to_fulfilment::state::State,
        turn::Turn,
    },
};

// === impl State ===

impl State {
    pub(in crate::process::order_to_fulfilment) fn begin_outage(
        &mut self,
        node: &str,
        turn: &mut Turn<'_>,
    ) {
        let is_open = self.totals().open.is_positive();
        let attempt = self.attempt(node);
        if attempt.down.is_some() || !is_open {
            return;
        }
        attempt.down = Some(turn.now);
        attempt.looked = None;
        turn.event(Event::new(EventKind::PartnerUnavailable, node));
        let key = format!("outage/{node}/{}", turn.now);
        self.tell_of_outage(&key, "fulfilment-partner-unavailable", node, turn);
    }

    pub(in crate::process::order_to_fulfilment) fn end_outage(
        &mut self,
        node: &str,
        turn: &mut Turn<'_>,
    ) {
        let attempt = self.attempt(node);
        if let Some(since) = attempt.down.take() {
            attempt.looked = None;
            attempt.back = Some(turn.now);
            turn.event(Event::new(EventKind::PartnerAvailable, node));
            self.tell_all_clear(node, since, turn);
        }
    }

    /// An order that waits no more for a node is out of its partner's trouble, whether it
    /// answers again or not.
    pub(super) fn forget_outages(&mut self, turn: &mut Turn<'_>) {
        let is_open = self.totals().open.is_positive();
        let mut over = Vec::new();
        for attempt in &mut self.attempts {
            if !(is_open && attempt.is_live())
                && let Some(since) = attempt.down.take()
            {
                over.push((attempt.node.clone(), since));
            }
        }
        for (node, since) in over {
            self.tell_all_clear(&node, since, turn);
        }
    }

    fn tell_all_clear(&self, node: &str, since: Timestamp, turn: &mut Turn<'_>) {
        let key = format!("outage/{node}/{since}/over");
        self.tell_of_outage(&key, "fulfilment-partner-available", node, turn);
    }

    fn tell_of_outage(&self, key: &str, template: &str, node: &str, turn: &mut Turn<'_>) {
        let data = [("order_no", self.order_no.as_str()), ("node", node)];
        turn.notify_once(Audience::CustomerService, key, template, &data);
    }
}
