//! A return as people see it.

use serde::Serialize;

use super::state::{Credit, Decided, Inspection, Paper, Receipt, State};
use crate::{
    message::PartnerName,
    process::{number::Number, write::said_at},
};

/// All that is known of a return. Moments are RFC 3339, and null where a partner's could
/// not be read.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    rma_no: String,
    request: Option<PaperAccount>,
    verdict: Option<PaperAccount>,
    cancel: Option<CancelAccount>,
    lines: Vec<LineAccount>,
    sums: SumsAccount,
    receipts: Vec<ReceiptAccount>,
    inspections: Vec<InspectionAccount>,
    credits: Vec<CreditAccount>,
    /// How much money the ERP was asked for.
    credit_requested: Number,
    /// Whether somebody released what came too late.
    honoured: bool,
    lapsed_at: Option<String>,
}

/// A request or a verdict.
#[derive(Clone, Debug, Serialize)]
struct PaperAccount {
    by: PartnerName,
    at: Option<String>,
    denied: bool,
    reason: String,
    expires_at: Option<String>,
    node: Option<String>,
    document: String,
}

#[derive(Clone, Debug, Serialize)]
struct CancelAccount {
    document: Option<String>,
    by_erp: bool,
}

#[derive(Clone, Debug, Serialize)]
struct LineAccount {
    line_no: String,
    sku: String,
    unit: String,
    price: Option<Number>,
    currency: String,
    authorized: Number,
    received: Number,
    inspected: Number,
}

/// The whole return; see [`super::Sums`].
#[derive(Clone, Debug, Serialize)]
struct SumsAccount {
    authorized: Number,
    came: Number,
    received: Number,
    over: Number,
    wrong: Number,
    late: Number,
    unauthorized: Number,
    inspected: Number,
    worth: Option<Number>,
    due: Option<Number>,
    posted: Number,
    credited: Number,
}

#[derive(Clone, Debug, Serialize)]
struct ReceiptAccount {
    receipt_no: String,
    at: Option<String>,
    units: Number,
    document: String,
}

#[derive(Clone, Debug, Serialize)]
struct InspectionAccount {
    /// Null when it is about all receipts.
    receipt_no: Option<String>,
    at: Option<String>,
    by_erp: bool,
    credit: Option<Decided>,
    amount: Option<Number>,
    lines: Vec<JudgedAccount>,
    document: String,
}

#[derive(Clone, Debug, Serialize)]
struct JudgedAccount {
    line_no: String,
    sku: String,
    quantity: Number,
    disposition: String,
}

#[derive(Clone, Debug, Serialize)]
struct CreditAccount {
    invoice_no: String,
    amount: Number,
    cancelled: bool,
    document: String,
}

// === impl State ===

impl State {
    /// All that is known of it.
    #[must_use]
    pub fn account(&self) -> Account {
        let sums = self.sums();
        Account {
            rma_no: self.rma_no.clone(),
            request: self.request.as_ref().map(paper),
            verdict: self.verdict.as_ref().map(paper),
            cancel: self.cancel.as_ref().map(|it| CancelAccount {
                document: it.of.map(|of| of.to_string()),
                by_erp: it.by_erp,
            }),
            lines: self.line_accounts(),
            sums: SumsAccount {
                authorized: sums.authorized,
                came: sums.came,
                received: sums.received,
                over: sums.over,
                wrong: sums.wrong,
                late: sums.late,
                unauthorized: sums.unauthorized,
                inspected: sums.inspected,
                worth: sums.worth,
                due: sums.due,
                posted: sums.posted,
                credited: sums.credited,
            },
            receipts: self.receipts.iter().map(receipt).collect(),
            inspections: self.inspections.iter().map(inspection).collect(),
            credits: self.credits.iter().map(credit).collect(),
            credit_requested: self.requested,
            honoured: self.honoured,
            lapsed_at: self.lapsed.map(|at| at.to_string()),
        }
    }

    /// The lines that may come back; before anybody allowed it, those that were asked for.
    fn line_accounts(&self) -> Vec<LineAccount> {
        let Some(permission) = self.permission() else {
            let asked = self.request.as_ref().map_or(&[][..], |it| &it.lines);
            let none = Number::ZERO;
            return asked
                .iter()
                .map(|line| line_account(line, [none, none, none]))
                .collect();
        };
        let lines = permission.lines.iter().zip(self.quantities());
        lines
            .map(|(line, known)| {
                line_account(line, [known.authorized, known.received, known.inspected])
            })
            .collect()
    }
}

fn line_account(
    line: &super::state::Line,
    [authorized, received, inspected]: [Number; 3],
) -> LineAccount {
    LineAccount {
        line_no: line.no.clone(),
        sku: line.sku.clone(),
        unit: line.unit.clone(),
        price: line.price,
        currency: line.currency.clone(),
        authorized,
        received,
        inspected,
    }
}

fn paper(it: &Paper) -> PaperAccount {
    PaperAccount {
        by: it.by.clone(),
        at: said_at(it.at),
        denied: it.denied,
        reason: it.reason.clone(),
        expires_at: it.expires.and_then(said_at),
        node: it.node.clone(),
        document: it.of.to_string(),
    }
}

fn receipt(it: &Receipt) -> ReceiptAccount {
    ReceiptAccount {
        receipt_no: it.no.clone(),
        at: said_at(it.at),
        units: it.lines.iter().map(|line| line.quantity).sum(),
        document: it.of.to_string(),
    }
}

fn inspection(it: &Inspection) -> InspectionAccount {
    InspectionAccount {
        receipt_no: Some(it.receipt.clone()).filter(|it| !it.is_empty()),
        at: said_at(it.at),
        by_erp: it.by_erp,
        credit: it.credit,
        amount: it.amount,
        lines: it
            .lines
            .iter()
            .map(|line| JudgedAccount {
                line_no: line.no.clone(),
                sku: line.sku.clone(),
                quantity: line.quantity,
                disposition: line.disposition.clone(),
            })
            .collect(),
        document: it.of.to_string(),
    }
}

fn credit(it: &Credit) -> CreditAccount {
    CreditAccount {
        invoice_no: it.no.clone(),
        amount: it.amount,
        cancelled: it.cancelled,
        document: it.of.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ReturnToCredit;
    use crate::process::testing::{Run, crm, erp, paper, receipt, warehouse};

    #[test]
    fn a_return_tells_what_was_asked_for_what_may_come_and_what_came() {
        let mut run = Run::<ReturnToCredit>::new("return/R1", "");
        let lines = [("1", "A", 10)];
        run.document(&crm(), &paper("R1", "requested", 0, None, &lines));
        let told = serde_json::to_value(run.state.account()).expect("json");
        assert_eq!(told["request"]["by"], crm().partner.as_str());
        assert_eq!(told["lines"][0]["sku"], "A");
        assert_eq!(told["lines"][0]["authorized"], "0", "nobody allowed it yet");

        run.document(&erp(), &paper("R1", "authorized", 5, None, &lines));
        let came = receipt("RC-1", Some("R1"), 60, &[("1", "A", 4, "good")]);
        run.document(&warehouse("north"), &came);
        let told = serde_json::to_value(run.state.account()).expect("json");
        assert_eq!(told["lines"][0]["authorized"], "10");
        assert_eq!(told["lines"][0]["received"], "4");
        assert_eq!(told["sums"]["worth"], "40");
        assert_eq!(told["receipts"][0]["receipt_no"], "RC-1");
        assert_eq!(told["verdict"]["denied"], false);
    }
}
