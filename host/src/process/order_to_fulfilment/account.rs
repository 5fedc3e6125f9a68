//! An order as people see it: what is known of each line, node, shipment and invoice.

use serde::Serialize;

use super::{
    quantities::LineQuantities,
    state::{Answer, Attempt, CancelAnswer, ErpDecision, Line, Shipped, State},
};
use crate::{
    clock::Timestamp,
    message::PartnerName,
    process::{number::Number, write::said_at},
};

/// All that is known of an order. Moments are RFC 3339.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    order_no: String,
    /// Who placed it; null when the ERP did, or nobody knows yet.
    placed_by: Option<PartnerName>,
    order_type: Option<String>,
    revision: Option<String>,
    country: Option<String>,
    postal: Option<String>,
    service: Option<String>,
    carrier: Option<String>,
    ship_by: Option<String>,
    /// The node that has it.
    node: Option<String>,
    erp: Option<ErpWord>,
    cancel: Option<Cancelled>,
    lines: Vec<LineAccount>,
    nodes: Vec<NodeAccount>,
    shipments: Vec<ShipmentAccount>,
    invoices: Vec<InvoiceAccount>,
    /// The order as it came last, with all its lines.
    document: Option<String>,
}

/// What the ERP decided last.
#[derive(Clone, Debug, Serialize)]
struct ErpWord {
    decision: ErpDecision,
    reason: String,
    /// Null when it did not say.
    at: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Cancelled {
    /// Null when a person cancelled here.
    by: Option<PartnerName>,
    whole: bool,
    lines: Vec<String>,
}

/// A line and what became of it; see [`LineQuantities`].
#[derive(Clone, Debug, Serialize)]
pub struct LineAccount {
    /// The order's line number.
    pub line_no: String,
    /// The item.
    pub sku: String,
    /// Its unit of measure.
    pub unit: String,
    /// What is wanted.
    pub ordered: Number,
    shipped: Number,
    over: Number,
    cancelled: Number,
    short: Number,
    open: Number,
}

/// A node that was asked, or answered.
#[derive(Clone, Debug, Serialize)]
struct NodeAccount {
    node: String,
    asked_at: Option<String>,
    answer: Answer,
    answered_by: Option<String>,
    reason: String,
    given_up_because: Option<String>,
    cancel: CancelAnswer,
    down_since: Option<String>,
    number: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct ShipmentAccount {
    shipment_id: String,
    node: Option<String>,
    document: String,
    cancelled: bool,
    arrived: bool,
    will_not_arrive: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct InvoiceAccount {
    invoice_no: String,
    units: Number,
    cancelled: bool,
}

// === impl Account ===

impl Account {
    /// Its shipments, those that were cancelled too.
    pub fn shipment_ids(&self) -> impl Iterator<Item = &str> {
        self.shipments.iter().map(|it| it.shipment_id.as_str())
    }

    /// Who placed it.
    #[must_use]
    pub fn placed_by(&self) -> Option<&PartnerName> {
        self.placed_by.as_ref()
    }

    /// Its lines.
    #[must_use]
    pub fn lines(&self) -> &[LineAccount] {
        &self.lines
    }
}

// === impl State ===

impl State {
    /// All that is known of it.
    #[must_use]
    pub fn account(&self) -> Account {
        let base = self.base.as_ref();
        let lines = self.lines.iter().zip(self.quantities());
        Account {
            order_no: self.order_no.clone(),
            placed_by: self.placed_by.clone(),
            order_type: base.and_then(|it| it.order_type.clone()),
            revision: base.map(|it| it.revision.to_string()),
            country: base.and_then(|it| it.country.clone()),
            postal: base.and_then(|it| it.postal.clone()),
            service: base.and_then(|it| it.service.clone()),
            carrier: base.and_then(|it| it.carrier.clone()),
            ship_by: base.and_then(|it| text(it.ship_by)),
            node: self.current().map(|it| it.node.clone()),
            erp: self.erp_word(),
            cancel: self.cancel.as_ref().map(|it| Cancelled {
                by: it.by.clone(),
                whole: it.whole,
                lines: self.cancelled_lines.clone(),
            }),
            lines: lines.map(|(line, known)| of_line(line, known)).collect(),
            nodes: self.attempts.iter().map(of_node).collect(),
            shipments: self.shipments.iter().map(|it| self.shipment(it)).collect(),
            invoices: self
                .invoices
                .iter()
                .map(|it| InvoiceAccount {
                    invoice_no: it.no.clone(),
                    units: it.units,
                    cancelled: it.cancelled,
                })
                .collect(),
            document: base.map(|it| it.of.to_string()),
        }
    }

    fn erp_word(&self) -> Option<ErpWord> {
        let verdict = self.verdict.as_ref()?;
        Some(ErpWord {
            decision: verdict.decision,
            reason: verdict.reason.clone(),
            at: said_at(verdict.at),
        })
    }

    fn shipment(&self, shipment: &Shipped) -> ShipmentAccount {
        let arrived = self.arrived.contains(&shipment.id);
        let lost = self.lost.iter().find(|(id, _)| *id == shipment.id);
        ShipmentAccount {
            shipment_id: shipment.id.clone(),
            node: shipment.node.clone(),
            document: shipment.of.to_string(),
            cancelled: shipment.cancelled,
            arrived,
            will_not_arrive: lost.filter(|_| !arrived).map(|(_, cause)| cause.clone()),
        }
    }
}

fn of_line(line: &Line, known: LineQuantities) -> LineAccount {
    LineAccount {
        line_no: known.line_no,
        sku: line.sku.clone(),
        unit: line.unit.clone(),
        ordered: known.ordered,
        shipped: known.shipped,
        over: known.over,
        cancelled: known.cancelled,
        short: known.short,
        open: known.open,
    }
}

fn of_node(attempt: &Attempt) -> NodeAccount {
    NodeAccount {
        node: attempt.node.clone(),
        asked_at: text(attempt.asked),
        answer: attempt.answer,
        answered_by: attempt.answered_by.map(|it| it.to_string()),
        reason: attempt.reason.clone(),
        given_up_because: attempt.left.clone(),
        cancel: attempt.cancel,
        down_since: text(attempt.down),
        number: attempt.number.clone(),
    }
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::OrderToFulfilment;
    use crate::process::testing::{Run, answer, at, erp, order, shipment, shop, warehouse};

    #[test]
    fn an_order_tells_what_became_of_each_line_at_which_node() {
        let mut run = Run::<OrderToFulfilment>::new("order/SO-1", "");
        run.document(&shop(), &order("SO-1", &[("1", "A", 10)]));
        run.document(&erp(), &answer("SO-1", "accepted", 1, ""));
        let shipped = shipment("SH1", "SO-1", &at(60), "partial", &[("1", "A", 4)]);
        run.document(&warehouse("north"), &shipped);
        let account = run.state.account();
        assert_eq!(account.shipment_ids().collect::<Vec<_>>(), ["SH1"]);
        assert_eq!(account.placed_by(), Some(&shop().partner));
        assert_eq!(account.lines()[0].sku, "A");
        let told = serde_json::to_value(&account).expect("json");
        assert_eq!(told["node"], "north");
        assert_eq!(told["erp"]["decision"], "accepted");
        assert_eq!(
            told["lines"][0],
            json!({
                "line_no": "1", "sku": "A", "unit": "EA", "ordered": "10", "shipped": "4",
                "over": "0", "cancelled": "0", "short": "0", "open": "6",
            })
        );
        assert_eq!(told["nodes"][0]["node"], "north");
        assert_eq!(told["shipments"][0]["arrived"], false);
    }
}
