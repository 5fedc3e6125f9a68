//! What documents add to what is known of an order.

mod goods;

use std::collections::{BTreeSet, HashMap, HashSet};

use super::state::{Answer, Base, Cancel, ErpDecision, Line, Revision, State, Verdict};
use crate::{
    clock::Timestamp,
    contract::{
        Decision, Document, Order, OrderLine, OrderResponse, PartyRole, Purpose, code_text,
    },
    message::PartnerName,
    process::{
        Refusal,
        desk::NOT_ENTITLED,
        input::{Received, Role},
        number::Number,
        policy::Remainder,
        told::{fit, name, words},
        write::{happened, millis, reason_text, sku},
    },
};

/// Lines that an order may have here. X12 850 has room for 100,000; an order beyond this
/// is a batch and would make a state that every step has to write.
const LINES_MAX: usize = 2_000;

/// Cancels that may come before their order.
const CANCELS_MAX: usize = 64;

/// Partners that may cancel the same order, to answer them.
const CANCELLERS_MAX: usize = 8;

// === impl State ===

impl State {
    pub(super) fn take(
        &mut self,
        received: &Received<'_>,
        remainder: Remainder,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let role = &received.from.role;
        self.is_entitled(received)?;
        match received.document {
            Document::Order(order) if order.purpose == Purpose::Cancel => {
                self.take_cancel(order, received)
            }
            Document::Order(order) => self.take_order(order, received),
            Document::OrderResponse(response) if *role == Role::Erp => {
                self.take_verdict(response, received, now)
            }
            Document::OrderResponse(response) => {
                if let Some(node) = role.node() {
                    self.take_answer(response, node, received);
                }
                Ok(())
            }
            Document::Shipment(shipment) => self.take_shipment(shipment, received, remainder),
            Document::Invoice(invoice) if *role == Role::Erp => self.take_invoice(invoice),
            _ => Ok(()),
        }
    }

    /// Who executes an order can't place it, and who places it can't say that it left.
    fn is_entitled(&self, received: &Received<'_>) -> Result<(), Refusal> {
        let role = &received.from.role;
        let executes = matches!(role, Role::Warehouse { .. } | Role::Carrier);
        let places = matches!(role, Role::Crm | Role::Shop);
        let what = match received.document {
            Document::Order(_) if executes => "places no orders and changes none",
            Document::Shipment(_) if places => "does not ship",
            _ => return Ok(()),
        };
        let text = format!("{} {what}", received.from.partner.as_str());
        Err(Refusal::new(NOT_ENTITLED, text))
    }

    fn take_order(&mut self, order: &Order, received: &Received<'_>) -> Result<(), Refusal> {
        let erp = received.from.role == Role::Erp;
        let revision = Revision::of(order.revision.as_deref(), erp);
        let has_all = order.purpose != Purpose::Change;
        let known: HashSet<&str> = self.lines.iter().map(|line| line.no.as_str()).collect();
        let mut lines = Vec::with_capacity(order.lines.len());
        let mut count = known.len();
        for line in &order.lines {
            let line = line_of(line, &revision)?;
            count += usize::from(!known.contains(line.no.as_str()));
            lines.push(line);
        }
        if count > LINES_MAX {
            return Err(unfit(format!("the order has more than {LINES_MAX} lines")));
        }
        let same =
            |known: &Revision| (known.number, &known.text) == (revision.number, &revision.text);
        let is_other = self.lines.iter().any(|line| !same(&line.revision));
        self.changed |= is_other || order.purpose == Purpose::Change;
        self.erp_ordered |= erp;
        if !erp {
            let placed_by = Some(&received.from.partner);
            if self.placed_by.is_none() || placed_by < self.placed_by.as_ref() {
                self.placed_by = placed_by.cloned();
            }
            let newest = (revision.clone(), received.id);
            if self.newest.as_ref().is_none_or(|known| known.0 < newest.0) {
                self.newest = Some(newest);
            }
        }
        self.join_lines(lines);
        if has_all
            && self
                .base
                .as_ref()
                .is_none_or(|base| base.revision < revision)
        {
            self.base = Some(base_of(order, received, revision));
        }
        self.drop_lines();
        Ok(())
    }

    fn join_lines(&mut self, lines: Vec<Line>) {
        let mut places: HashMap<String, usize> = self
            .lines
            .iter()
            .enumerate()
            .map(|(place, line)| (line.no.clone(), place))
            .collect();
        for line in lines {
            match places.get(&line.no) {
                None => {
                    places.insert(line.no.clone(), self.lines.len());
                    self.lines.push(line);
                }
                Some(&place) => {
                    let known = &mut self.lines[place];
                    let highest = known.highest.max(line.highest);
                    if known.revision < line.revision {
                        *known = line;
                    }
                    known.highest = highest;
                }
            }
        }
        self.lines
            .sort_by(|left, right| number_order(&left.no).cmp(&number_order(&right.no)));
    }

    /// A line that the newest whole order does not name is no longer wanted.
    fn drop_lines(&mut self) {
        if let Some(base) = &self.base {
            for line in &mut self.lines {
                if line.revision < base.revision {
                    line.requested = Number::ZERO;
                }
            }
        }
    }

    fn take_cancel(&mut self, order: &Order, received: &Received<'_>) -> Result<(), Refusal> {
        let mut named: BTreeSet<String> = self.cancelled_lines.iter().cloned().collect();
        for line in &order.lines {
            named.insert(name(&line.line_no)?);
        }
        if named.len() > LINES_MAX {
            return Err(unfit(format!("more than {LINES_MAX} lines are cancelled")));
        }
        let is_whole = order.lines.is_empty();
        let by_erp = received.from.role == Role::Erp;
        if !by_erp && !self.untold_cancels.contains(&received.id) {
            if self.untold_cancels.len() == CANCELS_MAX {
                let text = format!("more than {CANCELS_MAX} cancels came before their order");
                return Err(unfit(text));
            }
            self.untold_cancels.push(received.id);
        }
        self.cancelled_lines = named.into_iter().collect();
        let partner = received.from.partner.clone();
        let Some(known) = &mut self.cancel else {
            self.cancel = Some(Cancel {
                by: Some(partner),
                also: Vec::new(),
                whole: is_whole,
                by_erp,
                by_hand: false,
            });
            return Ok(());
        };
        known.whole |= is_whole;
        known.by_erp |= by_erp;
        // Of several it is the same one's, whichever came first.
        let mut all: BTreeSet<PartnerName> = known.also.drain(..).chain(known.by.take()).collect();
        if all.len() < CANCELLERS_MAX {
            all.insert(partner);
        }
        let mut all = all.into_iter();
        known.by = all.next();
        known.also = all.collect();
        Ok(())
    }

    fn take_verdict(
        &mut self,
        response: &OrderResponse,
        received: &Received<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let at = response.decided_at.as_ref().map_or(i64::MIN, millis);
        let at = happened(at, now)?;
        let decision = match response.decision {
            Decision::Accepted | Decision::AcceptedWithChanges => ErpDecision::Accepted,
            Decision::Rejected => ErpDecision::Refused,
            Decision::Backordered | Decision::OnHold | Decision::Other(_) => ErpDecision::Held,
        };
        let mut grants = Vec::new();
        for line in &response.lines {
            let granted = match (&line.decision, &line.quantity) {
                // Its quantity is what was asked for, or what is confirmed of it, which
                // is nothing. What is granted of the rest another entry of the line says.
                (Decision::Rejected, _) => Number::ZERO,
                (_, None) => continue,
                (_, Some(quantity)) => fit(Number::of(&quantity.value))?,
            };
            grants.push((name(&line.line_no)?, at, granted.at_least_zero()));
        }
        // Sorted by line, and of two for one line the later, so the higher, counts.
        grants.append(&mut self.grants);
        grants.sort();
        let mut kept: Vec<(String, i64, Number)> = Vec::with_capacity(grants.len());
        for grant in grants {
            match kept.last_mut() {
                Some(last) if last.0 == grant.0 => *last = grant,
                _ => kept.push(grant),
            }
        }
        kept.truncate(LINES_MAX);
        self.grants = kept;
        let verdict = Verdict {
            at,
            decision,
            reason: reason_text(&response.reasons),
            of: received.id,
        };
        self.verdict = self.verdict.take().max(Some(verdict));
        Ok(())
    }

    fn take_answer(&mut self, response: &OrderResponse, node: &str, received: &Received<'_>) {
        let answer = match response.decision {
            Decision::Accepted => Answer::Accepted,
            Decision::AcceptedWithChanges => Answer::Changed,
            Decision::Rejected => Answer::Refused,
            Decision::Backordered | Decision::OnHold | Decision::Other(_) => Answer::OnHold,
        };
        let attempt = self.attempt(node);
        if attempt.answer < answer {
            attempt.answer = answer;
            attempt.answered_by = Some(received.id);
            attempt.reason = reason_text(&response.reasons);
        }
        if attempt.number.is_none() {
            attempt.number = response.partner_order_no.as_deref().map(words);
        }
    }
}

fn base_of(order: &Order, received: &Received<'_>, revision: Revision) -> Base {
    let ship_to = order
        .parties
        .iter()
        .find(|party| party.role == PartyRole::ShipTo);
    let address = ship_to.and_then(|party| party.address.as_ref());
    let carrier = order.carrier.as_ref();
    let ship_by = order
        .requested_ship
        .as_ref()
        .map(millis)
        .filter(|at| *at > i64::MIN);
    Base {
        of: received.id,
        revision,
        country: address.and_then(|it| it.country.as_deref().map(words)),
        postal: address.and_then(|it| it.postal_code.as_deref().map(words)),
        service: carrier.and_then(|it| it.service.as_deref().map(words)),
        carrier: carrier.and_then(|it| it.scac.as_deref().map(words)),
        order_type: order.order_type.as_ref().map(|it| words(&code_text(it))),
        node: order.node.as_deref().map(words),
        ship_by: ship_by.map(Timestamp::from_millis),
    }
}

fn line_of(line: &OrderLine, revision: &Revision) -> Result<Line, Refusal> {
    let requested = fit(Number::of(&line.quantity.value))?.at_least_zero();
    Ok(Line {
        no: name(&line.line_no)?,
        sku: name(sku(&line.items))?,
        unit: name(&line.quantity.unit)?,
        requested,
        revision: revision.clone(),
        highest: requested,
    })
}

/// 2 comes before 10, and both before what is no number.
fn number_order(no: &str) -> (u64, &str) {
    (no.parse().unwrap_or(u64::MAX), no)
}

fn unfit(text: String) -> Refusal {
    Refusal::new("number-unfit", text)
}
