//! A document against those before it about the same order: no more is shipped than was
//! ordered, and no more comes back than was shipped.
//!
//! Lines are the same by their number, else by their item where that is clear. Earlier
//! documents that are not known are not held against anybody, so that a finding is only
//! ever too much, never a guess.

use std::collections::BTreeMap;

use super::{
    Checked,
    exact::{Exact, Sum},
    report::Report,
};
use crate::{
    contract::{
        ItemId, Order, OrderLine, Purpose, Quantity, ReturnReceipt, Shipment, ShipmentLine,
        ShipmentStatus,
    },
    record::Failure,
};

/// Pairs of lines that are compared for one document; one with more is not compared.
const COMPARED_MAX: usize = 20_000_000;

/// What is known of an order when a document about it comes.
#[derive(Debug, Default)]
pub struct Earlier {
    /// The newest order that had an effect.
    pub order: Option<Order>,
    /// Shipments that had one, newest first.
    pub shipments: Vec<Shipment>,
}

// === impl Earlier ===

impl Earlier {
    /// What is odd about a shipment of the order.
    #[must_use]
    pub fn findings_of_shipment(&self, shipment: &Shipment) -> Vec<Failure> {
        let mut report = Report::default();
        if let Some(order) = &self.order
            && shipment.purpose != Purpose::Cancel
            && self.can_compare(shipment.lines.len())
        {
            self.shipped(order, shipment, &mut report);
        }
        let Checked { findings, .. } = report.finish();
        findings
    }

    /// What is odd about goods of the order that came back.
    #[must_use]
    pub fn findings_of_return(&self, receipt: &ReturnReceipt) -> Vec<Failure> {
        let mut report = Report::default();
        if !self.shipments.is_empty() && self.can_compare(receipt.lines.len()) {
            self.returned(receipt, &mut report);
        }
        let Checked { findings, .. } = report.finish();
        findings
    }

    /// Whether so many lines can be compared with what is known in a moment.
    fn can_compare(&self, lines: usize) -> bool {
        let ordered = self.order.as_ref().map_or(0, |it| it.lines.len());
        let shipped: usize = self.shipments.iter().map(|it| it.lines.len()).sum();
        lines.saturating_mul(ordered + shipped + lines) <= COMPARED_MAX
    }

    fn shipped(&self, order: &Order, shipment: &Shipment, report: &mut Report) {
        let cancelled = order.purpose == Purpose::Cancel;
        let left = shipment
            .lines
            .iter()
            .any(|it| Exact::from(it.shipped.value).is_positive());
        if cancelled && left {
            report.find(
                "shipped-after-cancel",
                "/order_no",
                format!("order {} was cancelled", order.order_no),
                "stop the goods, or take the cancellation back",
            );
        }
        let mut lines: BTreeMap<&str, Vec<(usize, &ShipmentLine)>> = BTreeMap::new();
        for (index, line) in shipment.lines.iter().enumerate() {
            lines.entry(&line.line_no).or_default().push((index, line));
        }
        // Without lines there is nothing to compare with.
        let lines = lines.into_values().filter(|_| !order.lines.is_empty());
        for entries in lines {
            self.line(order, shipment, &entries, report);
        }
    }

    fn line(
        &self,
        order: &Order,
        shipment: &Shipment,
        entries: &[(usize, &ShipmentLine)],
        report: &mut Report,
    ) {
        let [(first, line), ..] = entries else {
            return;
        };
        let Some(ordered) = ordered_line(order, line) else {
            let known = order
                .lines
                .iter()
                .any(|it| shares_item(&it.items, &line.items));
            if !known && line.status != ShipmentStatus::Substituted {
                report.find_value(
                    "line-not-ordered",
                    format!("/lines/{first}/line_no"),
                    format!(
                        "order {} has neither this line nor its item",
                        order.order_no
                    ),
                    "ask the sender for which order it left",
                    &line.line_no,
                );
            }
            return;
        };
        let unit = ordered.quantity.unit.as_str();
        let wanted = Exact::from(ordered.quantity.value);
        let now = Sum::of(entries.iter().map(|(_, it)| &it.shipped)).within(unit);
        let before = self.shipped_before(shipment, line, unit);
        let (Some(now), Some(before)) = (now, before) else {
            return;
        };
        let meant = entries
            .iter()
            .any(|(_, it)| it.status == ShipmentStatus::CompleteWithExtra);
        let all = now.plus(before);
        if all.is_some_and(|all| all.exceeds(wanted)) && !meant {
            report.find(
                "more-than-ordered",
                format!("/lines/{first}/shipped"),
                format!(
                    "line {}: {now} {unit} shipped and {before} before, but the order is for {wanted}",
                    line.line_no
                ),
                "ask the sender whether it is meant, before it is invoiced",
            );
        }
        // What the shipment says was ordered, where it says so once.
        let told = line
            .ordered
            .as_ref()
            .filter(|it| entries.len() == 1 && it.unit == unit);
        if let Some(told) = told.map(|it| Exact::from(it.value))
            && told.exceeds(wanted)
        {
            report.find(
                "ordered-differs",
                format!("/lines/{first}/ordered"),
                format!(
                    "line {}: {told} {unit} are said to be ordered, but the order is for {wanted}",
                    line.line_no
                ),
                "find out whether the warehouse has another version of the order",
            );
        }
    }

    /// What earlier shipments have of a line.
    fn shipped_before(
        &self,
        shipment: &Shipment,
        line: &ShipmentLine,
        unit: &str,
    ) -> Option<Exact> {
        let earlier = self
            .shipments
            .iter()
            .filter(|it| it.shipment_id != shipment.shipment_id && it.purpose != Purpose::Cancel);
        let lines = earlier.flat_map(|it| &it.lines);
        let same = lines.filter(|it| it.line_no == line.line_no);
        sum(same.map(|it| &it.shipped), unit)
    }

    fn returned(&self, receipt: &ReturnReceipt, report: &mut Report) {
        for (index, line) in receipt.lines.iter().enumerate() {
            let unit = line.received.unit.as_str();
            let shipped = self.shipments.iter().flat_map(|it| &it.lines);
            let mut shipped = shipped
                .filter(|it| shares_item(&it.items, &line.items))
                .map(|it| &it.shipped)
                .peekable();
            if shipped.peek().is_none() {
                continue;
            }
            let same = receipt
                .lines
                .iter()
                .filter(|it| shares_item(&it.items, &line.items));
            let back = sum(same.map(|it| &it.received), unit);
            let (Some(shipped), Some(back)) = (sum(shipped, unit), back) else {
                continue;
            };
            if back.exceeds(shipped) {
                report.find(
                    "more-than-shipped",
                    format!("/lines/{index}/received"),
                    format!(
                        "line {}: {back} {unit} came back of {shipped} shipped",
                        line.line_no
                    ),
                    "count again before anything is credited",
                );
            }
        }
    }
}

fn sum<'a>(quantities: impl Iterator<Item = &'a Quantity>, unit: &str) -> Option<Exact> {
    match Sum::of(quantities) {
        Sum::Nothing => Some(Exact::ZERO),
        sum => sum.within(unit),
    }
}

/// The line of the order that a shipped one is: by number, else by an item that one
/// line alone has.
fn ordered_line<'a>(order: &'a Order, line: &ShipmentLine) -> Option<&'a OrderLine> {
    let mut numbered = order.lines.iter();
    if let Some(found) = numbered.find(|it| it.line_no == line.line_no) {
        return Some(found);
    }
    let mut same = order
        .lines
        .iter()
        .filter(|it| shares_item(&it.items, &line.items));
    let found = same.next()?;
    same.next().is_none().then_some(found)
}

fn shares_item(one: &[ItemId], other: &[ItemId]) -> bool {
    one.iter().any(|item| other.contains(item))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::contract::{self, Document};

    fn line(number: &str, item: &str, field: &str, count: &str) -> Value {
        json!({ "line_no": number, "items": [{ "scheme": "sku", "value": item }],
                field: { "value": count, "unit": "CS" }, "status": "partial", "condition": "good" })
    }

    fn order(purpose: &str, lines: &[Value]) -> Order {
        let document =
            json!({ "kind": "order", "purpose": purpose, "order_no": "SO-1", "lines": lines });
        match read(document) {
            Document::Order(order) => order,
            other => panic!("{other:?}"),
        }
    }

    fn shipment(id: &str, lines: &[Value]) -> Shipment {
        let document = json!({
            "kind": "shipment", "shipment_id": id, "order_no": "SO-1", "purpose": "original",
            "status": "partial", "shipped_at": { "text": "2026-03-02", "zoned": false }, "lines": lines,
        });
        match read(document) {
            Document::Shipment(shipment) => shipment,
            other => panic!("{other:?}"),
        }
    }

    /// A document whose lines have fields of other documents too.
    fn read(mut document: Value) -> Document {
        let foreign: &[&str] = match document["kind"].as_str().unwrap() {
            "order" => &["status", "condition"],
            "shipment" => &["condition"],
            _ => &["status"],
        };
        for line in document["lines"].as_array_mut().unwrap() {
            let fields = line.as_object_mut().unwrap();
            fields.retain(|name, _| !foreign.contains(&name.as_str()));
        }
        contract::json::from_value(&document).unwrap()
    }

    fn codes(findings: &[Failure]) -> Vec<&str> {
        findings.iter().map(|it| it.code.as_str()).collect()
    }

    #[test]
    fn no_more_leaves_than_was_ordered() {
        let ordered = [
            line("1", "TEA", "quantity", "12"),
            line("2", "MILK", "quantity", "4"),
        ];
        let known = Earlier {
            order: Some(order("original", &ordered)),
            shipments: vec![shipment("A", &[line("1", "TEA", "shipped", "8")])],
        };
        let found = |id: &str, lines: &[Value]| {
            let findings = known.findings_of_shipment(&shipment(id, lines));
            codes(&findings).join(" ")
        };
        assert_eq!(
            found(
                "B",
                &[
                    line("1", "TEA", "shipped", "4"),
                    line("2", "MILK", "shipped", "4")
                ]
            ),
            ""
        );
        assert_eq!(
            found("B", &[line("1", "TEA", "shipped", "5")]),
            "more-than-ordered"
        );
        // The same shipment once more does not add up.
        assert_eq!(found("A", &[line("1", "TEA", "shipped", "12")]), "");
        // Numbered otherwise, but clear by its item.
        assert_eq!(
            found("B", &[line("0010", "MILK", "shipped", "5")]),
            "more-than-ordered"
        );
        assert_eq!(
            found("B", &[line("3", "SALT", "shipped", "1")]),
            "line-not-ordered"
        );
        let nothing = Earlier::default();
        assert!(
            nothing
                .findings_of_shipment(&shipment("B", &[line("3", "SALT", "shipped", "1")]))
                .is_empty()
        );
    }

    #[test]
    fn what_was_cancelled_stays() {
        let known = Earlier {
            order: Some(order("cancel", &[])),
            shipments: Vec::new(),
        };
        let findings =
            known.findings_of_shipment(&shipment("B", &[line("1", "TEA", "shipped", "1")]));
        assert_eq!(codes(&findings), ["shipped-after-cancel"]);
    }

    #[test]
    fn no_more_comes_back_than_left() {
        let known = Earlier {
            order: None,
            shipments: vec![shipment("A", &[line("1", "TEA", "shipped", "8")])],
        };
        let found = |lines: &[Value]| {
            let document = json!({
                "kind": "return-receipt", "receipt_no": "R", "rma_no": "RMA", "order_no": "SO-1",
                "received_at": { "text": "2026-03-02", "zoned": false }, "lines": lines,
            });
            let Document::ReturnReceipt(receipt) = read(document) else {
                unreachable!()
            };
            known.findings_of_return(&receipt).len()
        };
        assert_eq!(found(&[line("1", "TEA", "received", "8")]), 0);
        assert_eq!(found(&[line("1", "TEA", "received", "9")]), 1);
        assert_eq!(found(&[line("1", "SALT", "received", "9")]), 0);
    }
}
