//! Where an order stands, what it waits for and what is wrong with it.

use super::quantities::Places;
use super::state::{Answer, Attempt, ShippedLine, State, Status, Verdict};
use crate::process::{
    exception::{Action, Cause, Kind, Severity},
    number::Number,
    timer::{Awaited, Level},
    told::names,
    turn::Turn,
};

// === impl State ===

impl State {
    /// Whether all that left has reached its receiver, or somebody has accepted that it
    /// will not.
    pub(super) fn has_arrived(&self, turn: &Turn<'_>) -> bool {
        let mut left = self.live_shipments().filter(|it| it.left_anything());
        left.all(|shipment| {
            let lost = self.lost_cause(&shipment.id);
            self.arrived.contains(&shipment.id)
                || lost.is_some_and(|cause| turn.desk.is_waived(&cause))
        })
    }

    /// Whether as much is invoiced as left.
    pub(super) fn is_invoiced(&self) -> bool {
        let totals = self.totals();
        totals.shipped.is_positive() && self.invoiced() >= totals.shipped
    }

    pub(super) fn invoiced(&self) -> Number {
        self.invoices
            .iter()
            .filter(|it| !it.cancelled)
            .map(|it| it.units)
            .sum()
    }

    /// Where the order stands.
    pub(super) fn stand(&self, turn: &Turn<'_>) -> Status {
        let totals = self.totals();
        let current = self.current();
        if self.base.is_none() {
            return Status::Unknown;
        }
        if totals.open.is_zero() {
            return self.stand_at_the_end(turn);
        }
        if self.is_stopped() && !current.is_some_and(Attempt::keeps_it) {
            return Status::Cancelling;
        }
        if totals.shipped.is_positive() {
            return Status::PartlyShipped;
        }
        match current {
            _ if self.is_held() => Status::Held,
            Some(current) if current.has_accepted() => Status::Accepted,
            Some(_) => Status::Released,
            None if self.stuck => Status::ManualReview,
            None => Status::Validating,
        }
    }

    fn stand_at_the_end(&self, turn: &Turn<'_>) -> Status {
        let totals = self.totals();
        if totals.shipped.is_zero() {
            let undecided = self
                .short_cause()
                .is_some_and(|cause| !turn.desk.is_waived(&cause));
            return match (self.is_refused(), undecided) {
                (true, _) => Status::Refused,
                (false, true) => Status::ManualReview,
                (false, false) => Status::Cancelled,
            };
        }
        if !self.has_arrived(turn) {
            return Status::Shipped;
        }
        if !self.is_invoiced() {
            return Status::Delivered;
        }
        let is_wrong = self
            .causes()
            .iter()
            .any(|cause| !turn.desk.is_waived(cause));
        if is_wrong {
            Status::Invoiced
        } else {
            Status::Closed
        }
    }

    pub(super) fn waits(&self, turn: &Turn<'_>) -> Vec<Awaited> {
        let Some(base) = &self.base else {
            return vec![Awaited::new(Level::Announcement, "", "erp")];
        };
        let totals = self.totals();
        let priority = base.order_type.as_deref();
        let mut waits = Vec::new();
        let mut wait = |awaited: Awaited| waits.push(awaited.priority(priority));
        if totals.open.is_positive() && !self.is_stopped() {
            let released = self.is_released(turn.world.policy.order.release_by);
            if self.verdict.is_none() && !self.erp_ordered {
                wait(Awaited::new(Level::OrderAcknowledgement, "", "erp"));
            } else if !released {
                wait(Awaited::new(Level::Release, "", "erp"));
            }
        }
        if let Some(current) = self.current().filter(|_| totals.open.is_positive()) {
            let node = current.node.as_str();
            if self.is_stopped() && !current.keeps_it() {
                wait(Awaited::new(
                    Level::Acceptance,
                    &format!("cancel/{node}"),
                    node,
                ));
            } else if current.has_accepted() || current.keeps_it() || self.left_from_any(node) {
                wait(
                    Awaited::new(Level::ShipBy, node, node).until(base.ship_by.filter(|by| {
                        // A day that had passed when the order came is no limit to warn of.
                        current.asked.is_some_and(|asked| *by > asked)
                    })),
                );
            } else {
                let mut awaited = Awaited::new(Level::Acceptance, node, node);
                if let Some(back) = current.back {
                    awaited = awaited.since(back);
                }
                wait(awaited);
            }
            if let Some(since) = current.looked.or(current.down) {
                wait(Awaited::new(Level::Outage, node, node).since(since));
            }
        }
        if totals.open.is_zero() && totals.shipped.is_positive() {
            if !self.has_arrived(turn) {
                wait(Awaited::new(Level::Delivery, "", "carrier"));
            } else if !self.is_invoiced() {
                wait(Awaited::new(Level::Invoice, "", "erp"));
            }
        }
        waits
    }

    pub(super) fn causes(&self) -> Vec<Cause> {
        let mut causes = Vec::new();
        for shipment in self.live_shipments() {
            causes.extend(self.lost_cause(&shipment.id));
        }
        if self.base.is_none() {
            return causes;
        }
        let is_wanted = !self.is_stopped() && self.totals().open.is_positive();
        let holds = |_: &&Verdict| self.is_held() && is_wanted;
        if let Some(verdict) = self.verdict.as_ref().filter(holds) {
            let text = format!("the ERP holds the order: {}", verdict.reason);
            causes.push(
                Cause::new(Kind::ErpHold, "", text)
                    .severity(Severity::High)
                    .with("document", verdict.of)
                    .actions(&[Action::Retry, Action::Cancel]),
            );
        }
        self.rejection_causes(&mut causes);
        self.node_causes(&mut causes);
        causes.extend(self.short_cause());
        self.shipment_causes(&mut causes);
        causes
    }

    fn rejection_causes(&self, causes: &mut Vec<Cause>) {
        if self.is_well() || self.is_stopped() {
            return;
        }
        // While another node is asked, to reroute would take the order from that one.
        let actions: &[Action] = match self.current() {
            Some(_) => &[Action::Cancel],
            None => &[Action::Reroute, Action::Cancel],
        };
        let tried = self.attempts.iter().filter(|it| it.is_tried());
        let tried: Vec<&Attempt> = tried.collect();
        let nodes: Vec<String> = tried.iter().map(|it| it.node.clone()).collect();
        for attempt in tried {
            if let Some(why) = attempt.why_not() {
                let text = format!("{}: {why}", attempt.node);
                let mut cause = Cause::new(Kind::NodeRejection, &attempt.node, text)
                    .severity(Severity::High)
                    .with("tried", names(&nodes))
                    .actions(actions);
                if let Some(of) = attempt.answered_by {
                    cause = cause.with("document", of);
                }
                causes.push(cause);
            }
        }
    }

    fn node_causes(&self, causes: &mut Vec<Cause>) {
        let totals = self.totals();
        if self.stuck && self.current().is_none() && totals.open.is_positive() && !self.is_stopped()
        {
            let mut cause = Cause::new(
                Kind::NoNodeLeft,
                "",
                "no node is left that could ship the order",
            )
            .severity(Severity::Urgent)
            .actions(&[Action::Retry, Action::Cancel]);
            cause.context.extend(self.unroutable.clone());
            causes.push(cause);
        }
        let open = totals.open.is_positive() && !self.is_stopped();
        for attempt in self.attempts.iter().filter(|it| it.holds_on()) {
            if let Some(current) = self.current().filter(|_| open) {
                let text = format!(
                    "{} was given up and does not let the order go, and {} has it too",
                    attempt.node, current.node
                );
                causes.push(
                    Cause::new(Kind::TwoNodes, &attempt.node, text)
                        .severity(Severity::Urgent)
                        .actions(&[Action::Cancel, Action::AcceptVariance]),
                );
            }
        }
        if let Some(current) = self
            .current()
            .filter(|it| it.answer == Answer::Changed && totals.open.is_positive())
        {
            let text = format!("{} accepted with changes: {}", current.node, current.reason);
            let cause = Cause::new(Kind::ChangedByNode, &current.node, text);
            causes.push(cause.actions(&[Action::AcceptVariance, Action::Reroute, Action::Cancel]));
        }
    }

    fn short_cause(&self) -> Option<Cause> {
        let short: Vec<String> = self
            .quantities()
            .iter()
            .filter(|line| line.short.is_positive())
            .map(|line| format!("{} of line {}", line.short, line.line_no))
            .collect();
        (!short.is_empty()).then(|| {
            let sum = self.totals().short;
            Cause::new(
                Kind::ShortShipment,
                "",
                format!("{sum} short: {}", names(&short)),
            )
            .severity(Severity::High)
            .actions(&[Action::AcceptVariance, Action::Reroute, Action::Cancel])
        })
    }

    fn lost_cause(&self, shipment_id: &str) -> Option<Cause> {
        let (_, cause) = self.lost.iter().find(|(id, _)| id == shipment_id)?;
        if self.arrived.iter().any(|id| id == shipment_id) {
            return None;
        }
        let text = format!("shipment {shipment_id} will not arrive: {cause}");
        Some(
            Cause::new(Kind::Loss, shipment_id, text)
                .severity(Severity::High)
                .actions(&[Action::AcceptVariance]),
        )
    }

    fn shipment_causes(&self, causes: &mut Vec<Cause>) {
        let places = Places::of(&self.lines);
        let over: Vec<String> = self
            .quantities()
            .iter()
            .filter(|line| line.over.is_positive())
            .map(|line| format!("{} of line {}", line.over, line.line_no))
            .collect();
        let accept = [Action::AcceptVariance];
        if !over.is_empty() {
            let sum = self.totals().over;
            let text = format!("{sum} more left than was ordered: {}", names(&over));
            causes.push(
                Cause::new(Kind::OverShipment, "", text)
                    .severity(Severity::High)
                    .actions(&accept),
            );
        }
        for shipment in self.live_shipments() {
            let mut noted = |kind, what: &str, is: &dyn Fn(&ShippedLine) -> bool| {
                let lines = shipment.lines.iter().filter(|line| is(line));
                let lines: Vec<String> = lines
                    .map(|line| format!("line {} ({})", line.no, line.sku))
                    .collect();
                if !lines.is_empty() {
                    let text = format!("shipment {}: {} {what}", shipment.id, names(&lines));
                    let cause = Cause::new(kind, &shipment.id, text);
                    causes.push(cause.with("document", shipment.of).actions(&accept));
                }
            };
            let is_known = |line: &ShippedLine| places.of_line(&line.no, &line.sku).is_some();
            noted(Kind::UnexpectedItem, "was not ordered", &|line| {
                line.quantity.is_positive() && !is_known(line)
            });
            noted(Kind::DamagedShipment, "left damaged", &|line| line.damaged);
            let what = "left in place of what was ordered";
            noted(Kind::Substitution, what, &|line| line.substituted);
        }
        let totals = self.totals();
        let left = totals.shipped + totals.over;
        if totals.open.is_zero() && self.invoiced() > left {
            let text = format!("{} are invoiced, {left} left", self.invoiced());
            causes.push(
                Cause::new(Kind::InvoiceMismatch, "", text)
                    .severity(Severity::High)
                    .actions(&accept),
            );
        }
    }
}
