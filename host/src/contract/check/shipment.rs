//! Shipments: what left is what was ordered less what is short, and what is packed.

mod packages;

use std::collections::BTreeMap;

use super::{
    dates::{self, When},
    exact::{Exact, Sum},
    report::Report,
    values::{self, Sign},
};
use crate::contract::{Milestone, MilestoneCode, Quantity, Shipment, ShipmentLine, ShipmentStatus};

/// All entries of one line number: what several tell is added up.
pub(super) struct Group<'a> {
    line_no: &'a str,
    /// Where the first of them stands.
    first: usize,
    entries: Vec<&'a ShipmentLine>,
}

/// What entries of one line tell, in one unit.
struct Amounts<'a> {
    unit: &'a str,
    shipped: Exact,
    ordered: Exact,
}

/// A shipment: each line is accounted for, packages hold the lines, totals are theirs.
pub(super) fn shipment(shipment: &Shipment, report: &mut Report) {
    for (index, line) in shipment.lines.iter().enumerate() {
        self::line(index, line, report);
    }
    let groups = groups(&shipment.lines);
    for group in &groups {
        group.conserve(&shipment.status, report);
    }
    packages::packages(shipment, &groups, report);
    values::parties(report, &shipment.parties);
    for (index, charge) in shipment.charges.iter().enumerate() {
        values::money(report, &format!("/charges/{index}/amount"), &charge.amount);
    }
    dates::moment(report, "/shipped_at", &shipment.shipped_at);
    if let Some(expected) = &shipment.expected_delivery {
        dates::moment(report, "/expected_delivery", expected);
    }
    let shipped = ("shipped_at", Some(&shipment.shipped_at));
    let expected = ("expected_delivery", shipment.expected_delivery.as_ref());
    dates::ordered(report, shipped, expected);
    totals(shipment, report);
}

/// An event on the way: what is estimated lies ahead of it.
pub(super) fn milestone(milestone: &Milestone, report: &mut Report) {
    dates::moment(report, "/at", &milestone.at);
    let Some(estimated) = &milestone.estimated_delivery else {
        return;
    };
    dates::moment(report, "/estimated_delivery", estimated);
    // Behind the delivery an estimate is history.
    let over = matches!(
        milestone.code,
        MilestoneCode::Delivered
            | MilestoneCode::DeliveredPartial
            | MilestoneCode::ReturnedToShipper
    );
    if !over {
        let at = ("at", Some(When::from(&milestone.at)));
        dates::ordered(report, at, ("estimated_delivery", Some(estimated)));
    }
}

fn line(index: usize, line: &ShipmentLine, report: &mut Report) {
    let at = |field: &str| format!("/lines/{index}/{field}");
    if line.shipped.unit.is_empty() {
        let text = "a quantity needs a unit of measure".to_owned();
        report.refuse("unit-missing", at("shipped"), text);
    }
    values::quantity(report, &at("shipped"), &line.shipped, Sign::NotNegative);
    values::maybe(
        report,
        &at("ordered"),
        line.ordered.as_ref(),
        Sign::NotNegative,
    );
    values::maybe(
        report,
        &at("difference"),
        line.difference.as_ref(),
        Sign::Signed,
    );
    values::maybe(
        report,
        &at("weight"),
        line.weight.as_ref(),
        Sign::NotNegative,
    );
    values::items(report, &at("items"), &line.items);
    values::lots(report, &at("lots"), &line.lots, &line.shipped);
    values::serials(report, &at("serials"), &line.serials, &line.shipped);
    for (name, other) in [("ordered", &line.ordered), ("difference", &line.difference)] {
        let other = other.as_ref().filter(|it| it.unit != line.shipped.unit);
        if let Some(other) = other {
            report.find_value(
                "unit-differs",
                format!("{}/unit", at(name)),
                format!("{name} in {}, shipped in {}", other.unit, line.shipped.unit),
                "what is missing can't be told; have the sender count both in one unit",
                &other.unit,
            );
        }
    }
}

fn groups(lines: &[ShipmentLine]) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        let group = groups.entry(&line.line_no).or_insert(Group {
            line_no: &line.line_no,
            first: index,
            entries: Vec::new(),
        });
        group.entries.push(line);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| group.first);
    groups
}

fn totals(shipment: &Shipment, report: &mut Report) {
    let shipped = Sum::of(shipment.lines.iter().map(|it| &it.shipped));
    if let (Some(told), Sum::Of(parts, _)) = (shipment.total_shipped, shipped) {
        let told = Exact::from(told);
        values::total(report, "/total_shipped", "total shipped", told, parts);
    }
    let Some(told) = &shipment.total_weight else {
        return;
    };
    values::quantity(report, "/total_weight", told, Sign::NotNegative);
    let weights: Option<Vec<&Quantity>> =
        shipment.lines.iter().map(|it| it.weight.as_ref()).collect();
    let parts = weights.and_then(|it| Sum::of(it).within(&told.unit));
    let whole = Exact::from(told.value);
    // Pallets and packaging weigh something too, so that the whole may be more.
    if let Some(parts) = parts.filter(|parts| parts.exceeds(whole)) {
        report.find(
            "total-weight-too-small",
            "/total_weight",
            format!("the whole weighs {whole}, but its lines {parts}"),
            "ask the sender whether a line is missing",
        );
    }
}

// === impl Group ===

impl<'a> Group<'a> {
    /// What was shipped of the line; none when it is told in several units.
    fn shipped(&self) -> Option<(Exact, &'a str)> {
        match Sum::of(self.entries.iter().map(|it| &it.shipped)) {
            Sum::Of(sum, unit) => Some((sum, unit)),
            Sum::Nothing | Sum::Unknown => None,
        }
    }

    /// What was ordered: once, or the same each time, or in parts.
    fn amounts(&self) -> Option<Amounts<'a>> {
        let (shipped, unit) = self.shipped()?;
        let told: Vec<_> = self
            .entries
            .iter()
            .filter_map(|it| it.ordered.as_ref())
            .collect();
        let parts = Sum::of(told.iter().copied()).within(unit)?;
        let first = Exact::from(told.first()?.value);
        let repeated = told.iter().all(|it| Exact::from(it.value).is(first));
        let ordered = if repeated && !parts.is(shipped) {
            first
        } else {
            parts
        };
        Some(Amounts {
            unit,
            shipped,
            ordered,
        })
    }

    fn conserve(&self, status: &ShipmentStatus, report: &mut Report) {
        let Some(amounts) = self.amounts() else {
            return;
        };
        self.difference(&amounts, report);
        let Amounts {
            unit,
            shipped,
            ordered,
        } = amounts;
        let pointer = format!("/lines/{}/status", self.first);
        let says = |wanted: &[ShipmentStatus]| {
            let mut entries = self.entries.iter();
            entries.any(|it| wanted.contains(&it.status))
        };
        let more = [
            ShipmentStatus::CompleteWithExtra,
            ShipmentStatus::Substituted,
        ];
        let other = self
            .entries
            .iter()
            .any(|it| matches!(it.status, ShipmentStatus::Other(_)));
        let what = format!(
            "line {}: {shipped} of {ordered} {unit} shipped",
            self.line_no
        );
        let remedy = "ask the sender which of the two is right";
        if shipped.exceeds(ordered) && !says(&more) && !other {
            let text = format!("{what}, more than was ordered, and nothing says why");
            let pointer = format!("/lines/{}/shipped", self.first);
            report.find(
                "over-shipped",
                pointer,
                text,
                "ask the sender whether it is meant",
            );
        } else if ordered.exceeds(shipped) && says(&[ShipmentStatus::Complete]) {
            let text = format!("{what}, and called complete");
            report.find("status-contradicted", &pointer, text, remedy);
        } else if ordered.exceeds(shipped) && *status == ShipmentStatus::Complete {
            let text = format!("{what}, and the whole shipment called complete");
            report.find("status-contradicted", "/status", text, remedy);
        }
        let none = self
            .entries
            .iter()
            .all(|it| it.status == ShipmentStatus::NotShipped);
        if none && shipped.is_positive() {
            let text = format!("{what}, and called not shipped");
            report.find("status-contradicted", pointer, text, remedy);
        }
    }

    /// What is told to be short makes up for what is.
    fn difference(&self, amounts: &Amounts<'_>, report: &mut Report) {
        let told: Vec<_> = self
            .entries
            .iter()
            .filter_map(|it| it.difference.as_ref())
            .collect();
        let Some(last) = told.last() else {
            return;
        };
        // Entry by entry, or over all of them.
        let alone = self.entries.iter().all(|entry| {
            let (Some(ordered), Some(difference)) = (&entry.ordered, &entry.difference) else {
                return false;
            };
            let made_up = Exact::from(entry.shipped.value).plus(difference.value.into());
            made_up.is_some_and(|it| it.is(ordered.value.into()))
        });
        let Some(short) = Sum::of(told.iter().copied()).within(amounts.unit) else {
            return;
        };
        let makes_up = |short: Exact| {
            let made_up = amounts.shipped.plus(short);
            made_up.is_none_or(|it| it.is(amounts.ordered))
        };
        if alone || makes_up(short) || makes_up(Exact::from(last.value)) {
            return;
        }
        report.find(
            "line-not-conserved",
            format!("/lines/{}/difference", self.first),
            format!(
                "line {}: {} shipped and {short} short do not make up the {} {} ordered",
                self.line_no, amounts.shipped, amounts.ordered, amounts.unit
            ),
            "ask the sender what became of the rest",
        );
    }
}
