//! What a return waits for and what is wrong with it; and the rest of its machine.

use super::state::{Cancel, Condition, State, Status};
use crate::process::{
    Refusal,
    desk::{Desk, Picture},
    exception::{Action, Cause, Exception, Kind, Severity},
    input::Received,
    number::Number,
    timer::{Awaited, Level},
    told::names,
    turn::{Facts, Turn},
};

impl Facts for State {
    fn desk(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn learn(&mut self, received: &Received<'_>, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        self.take(received, &turn.world.policy.calendars, turn.now)
    }

    fn act(
        &mut self,
        exception: &Exception,
        action: Action,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        match (exception.kind, action) {
            (Kind::UnauthorizedReceipt, Action::Retry) => self.ask_for_permission(turn),
            (Kind::ReceivedAfterExpiry, Action::Release) => self.honoured = true,
            (Kind::Overdue, Action::Retry)
                if exception.subject == "return-authorization/" && self.request.is_some() =>
            {
                turn.desk.unsay("erp/request");
            }
            (Kind::Overdue, Action::Retry) => {
                let text = format!(
                    "nothing was sent that could be sent again for exception {}; ask whoever is awaited",
                    exception.id
                );
                return Err(Refusal::new("action-not-possible", text));
            }
            (_, Action::Cancel) if self.cancel.is_none() => {
                self.cancel = Some(Cancel {
                    of: None,
                    by_erp: false,
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn react(&mut self, turn: &mut Turn<'_>) {
        self.act_on_facts(turn);
    }

    fn picture(&self, turn: &Turn<'_>) -> Picture {
        Picture {
            waits: self.waits(),
            causes: self.causes(turn),
        }
    }
}

// === impl State ===

impl State {
    /// Where the return stands.
    pub(super) fn stand(&self, turn: &Turn<'_>) -> Status {
        let sums = self.sums();
        if sums.came.is_zero() {
            return match (self.cancel.is_some(), self.is_denied()) {
                (true, _) => Status::Cancelled,
                (false, true) => Status::Denied,
                (false, false) if self.permission().is_none() && self.request.is_none() => {
                    Status::Unknown
                }
                (false, false) if self.permission().is_none() => Status::Requested,
                (false, false) if self.lapsed.is_some() => Status::Expired,
                (false, false) => Status::Authorized,
            };
        }
        if self.permission().is_none() {
            let accepted = self
                .unauthorized_cause()
                .is_some_and(|cause| turn.desk.is_waived(&cause));
            return if accepted {
                Status::Closed
            } else {
                Status::Unauthorized
            };
        }
        if sums.received.is_zero() {
            // Only what may not come has come.
            return if self.lapsed.is_some() {
                Status::Expired
            } else {
                Status::Authorized
            };
        }
        let is_settled = self.is_inspected() && self.is_credited(turn);
        let is_complete = sums.received >= sums.authorized
            || self
                .short_cause()
                .is_some_and(|cause| turn.desk.is_waived(&cause));
        match (is_complete, self.is_inspected()) {
            (true, true) if is_settled => Status::Closed,
            (true, true) => Status::Inspected,
            (true, false) => Status::Received,
            (false, _) => Status::PartlyReceived,
        }
    }

    /// Whether as much money went back as is due. Where the ERP decides how much, any is.
    fn is_credited(&self, turn: &Turn<'_>) -> bool {
        let sums = self.sums();
        let due = self.due_by_policy(&turn.world.policy.returns.credit_percent);
        match due {
            Some(due) => sums.credited >= due,
            None => sums.credited.is_positive(),
        }
    }

    fn waits(&self) -> Vec<Awaited> {
        let sums = self.sums();
        let mut waits = Vec::new();
        if self.cancel.is_some() && sums.came.is_zero() {
            return waits;
        }
        match (&self.request, &self.verdict) {
            (Some(_), None) => waits.push(Awaited::new(Level::ReturnAuthorization, "", "erp")),
            (_, Some(verdict))
                if !verdict.denied && sums.received < sums.authorized && self.lapsed.is_none() =>
            {
                let on = verdict.node.as_deref().unwrap_or("customer");
                waits.push(Awaited::new(Level::ReturnReceipt, "", on).until(self.expires()));
            }
            _ => {}
        }
        if sums.received.is_positive() && !self.status.is_final() {
            let node = self
                .permission()
                .and_then(|it| it.node.as_deref())
                .unwrap_or("warehouse");
            if !self.is_inspected() {
                waits.push(Awaited::new(Level::Inspection, "", node));
            }
            if self.status != Status::PartlyReceived || !self.is_inspected() {
                waits.push(Awaited::new(Level::ReturnToCredit, "", "erp"));
            }
        }
        waits
    }

    fn causes(&self, turn: &Turn<'_>) -> Vec<Cause> {
        let sums = self.sums();
        let accept = [Action::AcceptVariance];
        let mut causes = Vec::new();
        causes.extend(self.unauthorized_cause());
        causes.extend(self.short_cause());
        let mut note = |kind, amount: Number, severity, actions: &[Action], what: &str| {
            if amount.is_positive() {
                let cause = Cause::new(kind, "", format!("{amount} {what}"));
                causes.push(cause.severity(severity).actions(actions));
            }
        };
        note(
            Kind::OverReceipt,
            sums.over,
            Severity::Normal,
            &accept,
            "came back beyond what was allowed",
        );
        note(
            Kind::ConditionMismatch,
            sums.wrong,
            Severity::High,
            &accept,
            "came back that are not what was allowed",
        );
        let late = [Action::Release, Action::AcceptVariance];
        note(
            Kind::ReceivedAfterExpiry,
            sums.late,
            Severity::High,
            &late,
            "came back after the permission had ended",
        );
        if let Some(text) = self.bad_condition() {
            causes.push(Cause::new(Kind::ConditionMismatch, "condition", text).actions(&accept));
        }
        causes.extend(self.credit_cause(turn));
        causes
    }

    fn unauthorized_cause(&self) -> Option<Cause> {
        let sums = self.sums();
        sums.unauthorized.is_positive().then(|| {
            let why = if self.is_denied() {
                "the ERP denied"
            } else {
                "nobody has allowed"
            };
            let numbers: Vec<String> = self.receipts.iter().map(|it| it.no.clone()).collect();
            Cause::new(
                Kind::UnauthorizedReceipt,
                "",
                format!("{} came back that {why}", sums.unauthorized),
            )
            .severity(Severity::High)
            .with("receipts", names(&numbers))
            .actions(&[Action::Retry, Action::AcceptVariance])
        })
    }

    /// Some of it came, and the rest will not.
    fn short_cause(&self) -> Option<Cause> {
        let sums = self.sums();
        let is_short =
            self.lapsed.is_some() && sums.received.is_positive() && sums.received < sums.authorized;
        is_short.then(|| {
            let text = format!("{} of {} came back in time", sums.received, sums.authorized);
            Cause::new(Kind::ShortReceipt, "", text).actions(&[Action::AcceptVariance])
        })
    }

    fn bad_condition(&self) -> Option<String> {
        let expected_bad = |sku: &str| {
            let lines = self.permission().map_or(&[][..], |it| &it.lines);
            lines.iter().any(|line| line.sku == sku && line.bad)
        };
        let bad: Vec<String> = self
            .receipts
            .iter()
            .flat_map(|it| &it.lines)
            .filter(|line| line.condition == Condition::Bad && !expected_bad(&line.sku))
            .map(|line| format!("{} of {}", line.quantity, line.sku))
            .collect();
        let known = self.permission().is_some() && !bad.is_empty();
        known.then(|| format!("came back in bad condition: {}", names(&bad)))
    }

    /// Money that went back, or was asked for, without goods for it.
    fn credit_cause(&self, turn: &Turn<'_>) -> Option<Cause> {
        let sums = self.sums();
        let due = self.due_by_policy(&turn.world.policy.returns.credit_percent);
        let text = if sums.posted > sums.credited && sums.received.is_zero() {
            format!(
                "{} was credited and nothing came back that may",
                sums.posted
            )
        } else if sums.posted > sums.credited {
            format!(
                "{} was credited, {} is the price of what came back",
                sums.posted, sums.credited
            )
        } else if due.is_some_and(|due| self.requested > due) {
            format!(
                "{} was asked for, a later verdict makes it {}",
                self.requested,
                due.unwrap_or_default()
            )
        } else {
            return None;
        };
        Some(
            Cause::new(Kind::CreditMismatch, "", text)
                .severity(Severity::Urgent)
                .actions(&[Action::AcceptVariance]),
        )
    }
}
