//! What documents add to what is known of a return.

use super::state::{
    Cancel, Condition, Credit, Decided, Inspection, InspectionLine, Line, Paper, Receipt,
    ReceiptLine, State,
};
use crate::{
    clock::Timestamp,
    contract::{
        CreditDecision, Document, Invoice, InvoiceType, Purpose, ReceiptCondition,
        ReturnAuthorization, ReturnDisposition, ReturnLine, ReturnReason, ReturnReceipt,
        ReturnState, code_text,
    },
    process::{
        Refusal,
        desk::NOT_ENTITLED,
        input::{Received, Role},
        number::Number,
        policy::Calendars,
        told::{fit, name, words},
        write::{happened, millis, sku},
    },
};

/// Lines that one document may have here.
const LINES_MAX: usize = 1_000;

/// Receipts, inspections or credits of one return.
const PAPERS_MAX: usize = 200;

// === impl State ===

impl State {
    pub(super) fn take(
        &mut self,
        received: &Received<'_>,
        calendars: &Calendars,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        is_entitled(received)?;
        if let Some(at) = said_at(received.document) {
            happened(at, now)?;
        }
        match received.document {
            Document::ReturnAuthorization(it) => self.take_paper(it, received, calendars),
            Document::ReturnReceipt(it) => self.take_receipt(it, received),
            Document::ReturnDisposition(it) => self.take_inspection(it, received),
            Document::Invoice(it) if received.from.role == Role::Erp => {
                self.take_credit(it, received)
            }
            _ => Ok(()),
        }
    }

    fn take_paper(
        &mut self,
        paper: &ReturnAuthorization,
        received: &Received<'_>,
        calendars: &Calendars,
    ) -> Result<(), Refusal> {
        let by_erp = received.from.role == Role::Erp;
        if paper.purpose == Purpose::Cancel {
            if self
                .cancel
                .as_ref()
                .is_none_or(|known| by_erp && !known.by_erp)
            {
                self.cancel = Some(Cancel {
                    of: Some(received.id),
                    by_erp,
                });
            }
            return Ok(());
        }
        let denied = match paper.state {
            ReturnState::Requested if by_erp => return Ok(()),
            ReturnState::Denied => true,
            ReturnState::Requested | ReturnState::Authorized => false,
            // What follows is known from receipts, inspections and credits.
            _ => return Ok(()),
        };
        let lines = paper
            .lines
            .iter()
            .map(line_of)
            .collect::<Result<Vec<_>, _>>()?;
        within(lines.len(), LINES_MAX, "lines")?;
        let node = paper.node.as_deref().map(name).transpose()?;
        let calendar = node.as_deref().and_then(|node| calendars.of(node));
        let expires = paper
            .expires
            .as_deref()
            .and_then(|date| date.parse::<jiff::civil::Date>().ok());
        let end = |date: jiff::civil::Date| match calendar {
            Some(calendar) => calendar.end_of(date).as_millis(),
            None => date
                .tomorrow()
                .unwrap_or(date)
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map_or(i64::MAX, |at| at.timestamp().as_millisecond()),
        };
        let new = Paper {
            of: received.id,
            by: received.from.partner.clone(),
            at: paper.issued_at.as_ref().map_or(i64::MIN, millis),
            denied,
            reason: paper.reason.as_deref().map(words).unwrap_or_default(),
            expires: expires.map(end),
            node,
            order_no: paper.order_no.as_deref().map(words),
            lines,
        };
        let known = if by_erp {
            &mut self.verdict
        } else {
            &mut self.request
        };
        let rank = |paper: &Paper| (paper.at, paper.denied, paper.of);
        if known.as_ref().is_none_or(|known| rank(known) < rank(&new)) {
            *known = Some(new);
        }
        Ok(())
    }

    fn take_receipt(
        &mut self,
        receipt: &ReturnReceipt,
        received: &Received<'_>,
    ) -> Result<(), Refusal> {
        let mut lines = Vec::with_capacity(receipt.lines.len());
        for line in &receipt.lines {
            let condition = match line.condition {
                // What is missing did not come.
                ReceiptCondition::Short => continue,
                ReceiptCondition::WrongItem | ReceiptCondition::NotAnnounced => Condition::Wrong,
                ReceiptCondition::Damaged
                | ReceiptCondition::Quality
                | ReceiptCondition::Rejected
                | ReceiptCondition::Scrapped => Condition::Bad,
                ReceiptCondition::Good
                | ReceiptCondition::Over
                | ReceiptCondition::Hold
                | ReceiptCondition::Other(_) => Condition::Good,
            };
            lines.push(ReceiptLine {
                no: name(&line.line_no)?,
                sku: name(sku(&line.items))?,
                quantity: fit(Number::of(&line.received.value))?.at_least_zero(),
                condition,
            });
        }
        within(lines.len(), LINES_MAX, "lines")?;
        let new = Receipt {
            no: receipt.receipt_no.clone(),
            of: received.id,
            at: millis(&receipt.received_at),
            lines,
        };
        // A receipt is told once; a second one of its number says the same, or is refused
        // before it comes here. Of two the same one counts, whichever came first.
        match self.receipts.iter_mut().find(|it| it.no == new.no) {
            Some(known) if (known.at, &known.lines) < (new.at, &new.lines) => *known = new,
            Some(_) => {}
            None => {
                within(self.receipts.len() + 1, PAPERS_MAX, "receipts")?;
                let place = self.receipts.partition_point(|it| it.no < new.no);
                self.receipts.insert(place, new);
            }
        }
        Ok(())
    }

    fn take_inspection(
        &mut self,
        verdict: &ReturnDisposition,
        received: &Received<'_>,
    ) -> Result<(), Refusal> {
        let mut lines = Vec::with_capacity(verdict.lines.len());
        for line in &verdict.lines {
            lines.push(InspectionLine {
                no: name(&line.line_no)?,
                sku: name(sku(&line.items))?,
                quantity: fit(Number::of(&line.quantity.value))?.at_least_zero(),
                disposition: name(&code_text(&line.disposition))?,
            });
        }
        within(lines.len(), LINES_MAX, "lines")?;
        let amount = verdict
            .credit_amount
            .as_ref()
            .map(|money| fit(Number::of(&money.amount)))
            .transpose()?;
        let new = Inspection {
            receipt: name(verdict.receipt_no.as_deref().unwrap_or_default())?,
            of: received.id,
            at: millis(&verdict.decided_at),
            by_erp: received.from.role == Role::Erp,
            lines,
            credit: verdict.credit.as_ref().and_then(|credit| match credit {
                CreditDecision::Full => Some(Decided::Full),
                CreditDecision::Partial => Some(Decided::Partial),
                CreditDecision::NoCredit => Some(Decided::None),
                CreditDecision::Other(_) => None,
            }),
            amount: amount.map(Number::at_least_zero),
        };
        let rank = |it: &Inspection| (it.at, it.by_erp, it.lines.clone());
        match self
            .inspections
            .iter_mut()
            .find(|it| it.receipt == new.receipt)
        {
            Some(known) if rank(known) < rank(&new) => *known = new,
            Some(_) => {}
            None => {
                within(self.inspections.len() + 1, PAPERS_MAX, "inspections")?;
                let place = self
                    .inspections
                    .partition_point(|it| it.receipt < new.receipt);
                self.inspections.insert(place, new);
            }
        }
        Ok(())
    }

    fn take_credit(&mut self, invoice: &Invoice, received: &Received<'_>) -> Result<(), Refusal> {
        if invoice.invoice_type != InvoiceType::CreditMemo {
            return Ok(());
        }
        let amount = fit(Number::of(&invoice.total.amount))?.magnitude();
        let cancelled = invoice.purpose == Purpose::Cancel;
        match self
            .credits
            .iter_mut()
            .find(|it| it.no == invoice.invoice_no)
        {
            Some(known) => {
                known.cancelled |= cancelled;
                known.amount = known.amount.max(amount);
            }
            None => {
                within(self.credits.len() + 1, PAPERS_MAX, "credits")?;
                let place = self
                    .credits
                    .partition_point(|it| it.no < invoice.invoice_no);
                let no = invoice.invoice_no.clone();
                self.credits.insert(
                    place,
                    Credit {
                        no,
                        of: received.id,
                        amount,
                        cancelled,
                    },
                );
            }
        }
        Ok(())
    }

    /// Whether what came then came in time.
    pub(super) fn is_timely(&self, at: i64) -> bool {
        let expires = self.permission().and_then(|permission| permission.expires);
        self.honoured || expires.is_none_or(|expires| at < expires)
    }

    /// When the permission ends.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        let expires = self.permission().and_then(|permission| permission.expires);
        expires.map(Timestamp::from_millis)
    }
}

/// When a document says that it was, for those of which the later counts.
fn said_at(document: &Document) -> Option<i64> {
    match document {
        Document::ReturnAuthorization(it) => it.issued_at.as_ref().map(millis),
        Document::ReturnReceipt(it) => Some(millis(&it.received_at)),
        Document::ReturnDisposition(it) => Some(millis(&it.decided_at)),
        _ => None,
    }
}

/// Money goes back for what a warehouse or the ERP saw come back; who asks for a return
/// can't say that it came.
fn is_entitled(received: &Received<'_>) -> Result<(), Refusal> {
    let role = &received.from.role;
    let asks = matches!(role, Role::Crm | Role::Shop);
    let carries = *role == Role::Carrier;
    let what = match received.document {
        Document::ReturnReceipt(_) if asks || carries => "receives no returns",
        Document::ReturnDisposition(_) if asks || carries => "judges no returns",
        Document::ReturnAuthorization(_) if carries || role.node().is_some() => {
            "neither asks for returns nor allows them"
        }
        _ => return Ok(()),
    };
    let text = format!("{} {what}", received.from.partner.as_str());
    Err(Refusal::new(NOT_ENTITLED, text))
}

fn line_of(line: &ReturnLine) -> Result<Line, Refusal> {
    let price = line.unit_price.as_ref();
    Ok(Line {
        no: name(&line.line_no)?,
        sku: name(sku(&line.items))?,
        unit: name(&line.quantity.unit)?,
        quantity: fit(Number::of(&line.quantity.value))?.at_least_zero(),
        price: price
            .map(|money| fit(Number::of(&money.amount)))
            .transpose()?
            .map(Number::at_least_zero),
        currency: price
            .map(|money| words(&money.currency))
            .unwrap_or_default(),
        bad: matches!(
            line.reason,
            ReturnReason::Damaged
                | ReturnReason::Defective
                | ReturnReason::Recall
                | ReturnReason::Expired
        ),
    })
}

fn within(count: usize, max: usize, what: &str) -> Result<(), Refusal> {
    if count <= max {
        return Ok(());
    }
    Err(Refusal::new(
        "too-much",
        format!("a return may have {max} {what}"),
    ))
}
