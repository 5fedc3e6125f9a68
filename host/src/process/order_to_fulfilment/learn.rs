//! What documents add to what is known of an order.

use super::state::{
    Answer, Base, Cancel, Closing, ErpDecision, Invoiced, Line, Revision, Shipped, ShippedLine,
    State, Verdict,
};
use crate::{
    clock::Timestamp,
    contract::{
        Decision, Document, Invoice, InvoiceType, Order, OrderLine, OrderResponse, PartyRole,
        Purpose, Shipment, ShipmentLine, ShipmentStatus, code_text,
    },
    process::{
        Refusal,
        input::{Received, Role},
        number::Number,
        policy::Remainder,
        write::{millis, reason_text, sku},
    },
};

/// Lines that an order may have here. X12 850 has room for 100,000; an order beyond this
/// is a batch and would make a state that every step has to write.
const LINES_MAX: usize = 2_000;

/// Shipments that an order may have.
const SHIPMENTS_MAX: usize = 500;

/// Invoices that an order may have.
const INVOICES_MAX: usize = 500;

// === impl State ===

impl State {
    pub(super) fn take(
        &mut self,
        received: &Received<'_>,
        remainder: Remainder,
    ) -> Result<(), Refusal> {
        let role = &received.from.role;
        match received.document {
            Document::Order(order) if order.purpose == Purpose::Cancel => {
                self.take_cancel(order, received);
                Ok(())
            }
            Document::Order(order) => self.take_order(order, received),
            Document::OrderResponse(response) if *role == Role::Erp => self.take_verdict(response),
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

    fn take_order(&mut self, order: &Order, received: &Received<'_>) -> Result<(), Refusal> {
        let erp = received.from.role == Role::Erp;
        let revision = Revision::of(order.revision.as_deref(), erp);
        let has_all = order.purpose != Purpose::Change;
        let mut lines = Vec::with_capacity(order.lines.len());
        for line in &order.lines {
            lines.push(line_of(line, &revision)?);
        }
        let new = lines
            .iter()
            .filter(|it| !self.lines.iter().any(|line| line.no == it.no))
            .count();
        if self.lines.len() + new > LINES_MAX {
            return Err(unfit(format!("the order has more than {LINES_MAX} lines")));
        }
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
        for line in lines {
            self.join_line(line);
        }
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

    fn join_line(&mut self, line: Line) {
        match self.lines.iter_mut().find(|it| it.no == line.no) {
            None => {
                let place = self
                    .lines
                    .partition_point(|it| number_order(&it.no) < number_order(&line.no));
                self.lines.insert(place, line);
            }
            Some(known) => {
                let highest = known.highest.max(line.highest);
                if known.revision < line.revision {
                    *known = line;
                }
                known.highest = highest;
            }
        }
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

    fn take_cancel(&mut self, order: &Order, received: &Received<'_>) {
        for line in &order.lines {
            if !self.cancelled_lines.contains(&line.line_no)
                && self.cancelled_lines.len() < LINES_MAX
            {
                self.cancelled_lines.push(line.line_no.clone());
            }
        }
        self.cancelled_lines.sort();
        let by_erp = received.from.role == Role::Erp;
        let whole = order.lines.is_empty() || self.cancel.as_ref().is_some_and(|it| it.whole);
        let by = Some(received.from.partner.clone());
        match &mut self.cancel {
            // Of several it is the same one's, whichever came first.
            Some(known) => {
                known.whole = whole;
                known.by_erp |= by_erp;
                if known.by.is_none() || by < known.by {
                    known.by = by;
                }
            }
            None => self.cancel = Some(Cancel { by, whole, by_erp }),
        }
    }

    fn take_verdict(&mut self, response: &OrderResponse) -> Result<(), Refusal> {
        let at = response.decided_at.as_ref().map_or(i64::MIN, millis);
        let decision = match response.decision {
            Decision::Accepted | Decision::AcceptedWithChanges => ErpDecision::Accepted,
            Decision::Rejected => ErpDecision::Refused,
            Decision::Backordered | Decision::OnHold | Decision::Other(_) => ErpDecision::Held,
        };
        let mut grants = Vec::new();
        for line in &response.lines {
            let granted = match (&line.decision, &line.quantity) {
                (Decision::Rejected, None) => Number::ZERO,
                (Decision::Rejected, Some(_)) | (_, None) => continue,
                (_, Some(quantity)) => fit(Number::of(&quantity.value))?,
            };
            grants.push((line.line_no.clone(), granted));
        }
        for (no, granted) in grants {
            let has_room = self.grants.len() < LINES_MAX;
            match self.grants.iter_mut().find(|known| known.0 == no) {
                Some(known) if (known.1, known.2) < (at, granted) => *known = (no, at, granted),
                Some(_) => {}
                None if has_room => self.grants.push((no, at, granted)),
                None => {}
            }
        }
        let verdict = Verdict {
            at,
            decision,
            reason: reason_text(&response.reasons),
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
            attempt.number.clone_from(&response.partner_order_no);
        }
    }

    fn take_shipment(
        &mut self,
        shipment: &Shipment,
        received: &Received<'_>,
        remainder: Remainder,
    ) -> Result<(), Refusal> {
        let mut lines = Vec::with_capacity(shipment.lines.len());
        for line in &shipment.lines {
            lines.push(shipped_line(line, remainder)?);
        }
        let rank = match shipment.purpose {
            Purpose::Cancel => 2,
            Purpose::Replace | Purpose::Change => 1,
            Purpose::Original | Purpose::Confirm | Purpose::Other(_) => 0,
        };
        let node = received.from.role.node().map(str::to_owned);
        let shipped = Shipped {
            id: shipment.shipment_id.clone(),
            of: received.id,
            version: (rank, millis(&shipment.shipped_at), content(&lines)),
            node: node.or_else(|| shipment.node.clone()),
            cancelled: rank == 2,
            closes: match shipment.status {
                ShipmentStatus::PartialClosed | ShipmentStatus::NotShipped => {
                    by_policy(Closing::Short, remainder)
                }
                _ => Closing::Open,
            },
            lines,
            waived: false,
        };
        let has_room = self.shipments.len() < SHIPMENTS_MAX;
        match self.shipments.iter_mut().find(|it| it.id == shipped.id) {
            Some(known) if known.version < shipped.version => {
                let waived = known.waived;
                *known = Shipped { waived, ..shipped };
            }
            Some(_) => {}
            None if has_room => {
                let place = self.shipments.partition_point(|it| it.id < shipped.id);
                self.shipments.insert(place, shipped);
            }
            None => {
                return Err(unfit(format!(
                    "the order has more than {SHIPMENTS_MAX} shipments"
                )));
            }
        }
        Ok(())
    }

    fn take_invoice(&mut self, invoice: &Invoice) -> Result<(), Refusal> {
        if invoice.invoice_type != InvoiceType::Invoice {
            return Ok(());
        }
        let mut units = Number::ZERO;
        for line in &invoice.lines {
            units += fit(Number::of(&line.quantity.value))?;
        }
        let cancelled = invoice.purpose == Purpose::Cancel;
        let has_room = self.invoices.len() < INVOICES_MAX;
        match self
            .invoices
            .iter_mut()
            .find(|it| it.no == invoice.invoice_no)
        {
            Some(known) => {
                known.cancelled |= cancelled;
                known.units = known.units.max(units);
            }
            None if has_room => self.invoices.push(Invoiced {
                no: invoice.invoice_no.clone(),
                cancelled,
                units,
            }),
            None => {
                return Err(unfit(format!(
                    "the order has more than {INVOICES_MAX} invoices"
                )));
            }
        }
        Ok(())
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
        country: address.and_then(|it| it.country.clone()),
        postal: address.and_then(|it| it.postal_code.clone()),
        service: carrier.and_then(|it| it.service.clone()),
        carrier: carrier.and_then(|it| it.scac.clone()),
        order_type: order.order_type.as_ref().map(code_text),
        node: order.node.clone(),
        ship_by: ship_by.map(Timestamp::from_millis),
    }
}

fn line_of(line: &OrderLine, revision: &Revision) -> Result<Line, Refusal> {
    let requested = fit(Number::of(&line.quantity.value))?.at_least_zero();
    Ok(Line {
        no: line.line_no.clone(),
        sku: sku(&line.items).to_owned(),
        unit: line.quantity.unit.clone(),
        requested,
        revision: revision.clone(),
        highest: requested,
    })
}

fn shipped_line(line: &ShipmentLine, remainder: Remainder) -> Result<ShippedLine, Refusal> {
    let difference = match &line.difference {
        Some(difference) => fit(Number::of(&difference.value))?,
        None => Number::ZERO,
    };
    let closes = match line.status {
        ShipmentStatus::NotShipped | ShipmentStatus::PartialClosed => Closing::Short,
        ShipmentStatus::Partial if remainder == Remainder::Cancel => Closing::Cancelled,
        ShipmentStatus::Complete
        | ShipmentStatus::CompleteWithExtra
        | ShipmentStatus::Substituted
        | ShipmentStatus::Damaged
            if difference.is_positive() =>
        {
            Closing::Short
        }
        _ => Closing::Open,
    };
    Ok(ShippedLine {
        no: line.line_no.clone(),
        sku: sku(&line.items).to_owned(),
        quantity: fit(Number::of(&line.shipped.value))?.at_least_zero(),
        closes: by_policy(closes, remainder),
        damaged: line.status == ShipmentStatus::Damaged,
        substituted: line.status == ShipmentStatus::Substituted,
    })
}

/// What is said to be missing stays open, if that is the policy.
fn by_policy(closes: Closing, remainder: Remainder) -> Closing {
    match remainder {
        Remainder::KeepOpen => Closing::Open,
        Remainder::AsStated | Remainder::Cancel => closes,
    }
}

/// Tells two shipments of the same id, purpose and time apart.
fn content(lines: &[ShippedLine]) -> u64 {
    let text = |line: &ShippedLine| {
        format!(
            "{}/{}/{}/{:?};",
            line.no, line.sku, line.quantity, line.closes
        )
    };
    let digest = crate::message::Digest::of(lines.iter().map(text).collect::<String>().as_bytes());
    let mut head = [0; 8];
    head.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_be_bytes(head)
}

/// 2 comes before 10, and both before what is no number.
fn number_order(no: &str) -> (u64, &str) {
    (no.parse().unwrap_or(u64::MAX), no)
}

fn fit(number: Option<Number>) -> Result<Number, Refusal> {
    number.ok_or_else(|| unfit("a quantity is too large, or has more than six decimals".to_owned()))
}

fn unfit(text: String) -> Refusal {
    Refusal::new("number-unfit", text)
}
