//! Packages: they stand on one another without going in circles, are named once, and
//! hold what the lines say.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Group;
use crate::contract::{
    Package, Quantity, Shipment,
    check::{
        codes, dates,
        exact::Sum,
        report::Report,
        values::{self, Sign},
    },
};

/// Looks at all packages of a shipment.
pub(super) fn packages(shipment: &Shipment, groups: &[Group<'_>], report: &mut Report) {
    let known: HashSet<&str> = shipment
        .lines
        .iter()
        .map(|it| it.line_no.as_str())
        .collect();
    let mut ids = HashSet::new();
    for (index, package) in shipment.packages.iter().enumerate() {
        let pointer = format!("/packages/{index}");
        if package.sscc {
            let at = format!("{pointer}/id");
            codes::gs1(report, &at, ("sscc", "SSCC"), &[18], &package.id);
        }
        if !ids.insert(package.id.as_str()) {
            report.find_value(
                "package-repeated",
                format!("{pointer}/id"),
                format!("package {} is there before", package.id),
                "ask the sender which of them is meant",
                &package.id,
            );
        }
        let weight = package.weight.as_ref();
        values::maybe(
            report,
            &format!("{pointer}/weight"),
            weight,
            Sign::NotNegative,
        );
        for (inside, packed) in package.contents.iter().enumerate() {
            let at = format!("{pointer}/contents/{inside}");
            let quantity = format!("{at}/quantity");
            values::quantity(report, &quantity, &packed.quantity, Sign::NotNegative);
            let expiry = packed.lot.as_ref().and_then(|it| it.expiry.as_ref());
            if let Some(day) = expiry {
                dates::day(report, &format!("{at}/lot/expiry"), day);
            }
            if !known.contains(packed.line_no.as_str()) {
                let text = format!(
                    "package {} holds line {}, which the shipment does not have",
                    package.id, packed.line_no
                );
                let at = format!("{at}/line_no");
                report.refuse_value("line-unknown", at, text, &packed.line_no);
            }
        }
    }
    stacks(&shipment.packages, &ids, report);
    contents(&shipment.packages, groups, report);
}

/// What packages stand on is there, and none stands on itself.
fn stacks(packages: &[Package], ids: &HashSet<&str>, report: &mut Report) {
    let parents: HashMap<&str, &str> = packages
        .iter()
        .filter_map(|it| Some((it.id.as_str(), it.parent.as_deref()?)))
        .collect();
    // Those that are known to end.
    let mut grounded = HashSet::new();
    for (index, package) in packages.iter().enumerate() {
        let Some(parent) = package.parent.as_deref() else {
            continue;
        };
        let pointer = format!("/packages/{index}/parent");
        if !ids.contains(parent) {
            report.find_value(
                "parent-unknown",
                pointer,
                format!(
                    "package {} stands on {parent}, which is not there",
                    package.id
                ),
                "ask the sender for the missing package",
                parent,
            );
            continue;
        }
        let mut path = HashSet::from([package.id.as_str()]);
        let mut below = Some(parent);
        while let Some(id) = below.filter(|id| !grounded.contains(id)) {
            if !path.insert(id) {
                report.find_value(
                    "package-cycle",
                    pointer,
                    format!(
                        "package {} stands on itself, by way of {parent}",
                        package.id
                    ),
                    "ask the sender how they are stacked",
                    parent,
                );
                break;
            }
            below = parents.get(id).copied();
        }
        grounded.extend(path);
    }
}

/// Packages hold what was shipped of each line, where they tell what they hold.
fn contents(packages: &[Package], groups: &[Group<'_>], report: &mut Report) {
    let parents: HashSet<&str> = packages
        .iter()
        .filter_map(|it| it.parent.as_deref())
        .collect();
    let holds = |package: &Package| !package.contents.is_empty();
    if !packages.iter().any(holds) {
        return;
    }
    let leaves = || {
        packages
            .iter()
            .filter(|it| !parents.contains(it.id.as_str()))
    };
    let all_told = leaves().all(holds);
    let all = packed(packages.iter());
    // A pallet may tell again what its cartons hold.
    let inner = packed(leaves());
    for group in groups {
        let Some((shipped, unit)) = group.shipped() else {
            continue;
        };
        let of = |held: &BTreeMap<&str, Vec<&Quantity>>| {
            let held = held.get(group.line_no)?;
            Sum::of(held.iter().copied()).within(unit)
        };
        // A line that no package names stands beside them.
        let (Some(all), inner) = (of(&all), of(&inner)) else {
            continue;
        };
        let inner = inner.unwrap_or(all);
        if !all.differs(shipped) || !inner.differs(shipped) {
            continue;
        }
        let too_few = shipped.exceeds(all);
        if too_few && !all_told {
            continue;
        }
        let text = format!(
            "line {}: {shipped} {unit} shipped, packages hold {all}",
            group.line_no
        );
        report.find(
            "packages-differ",
            format!("/lines/{}/shipped", group.first),
            text,
            "ask the sender what is in the packages",
        );
    }
}

/// What packages hold, by line.
fn packed<'a>(packages: impl Iterator<Item = &'a Package>) -> BTreeMap<&'a str, Vec<&'a Quantity>> {
    let mut held: BTreeMap<&str, Vec<&Quantity>> = BTreeMap::new();
    for packed in packages.flat_map(|it| &it.contents) {
        held.entry(&packed.line_no)
            .or_default()
            .push(&packed.quantity);
    }
    held
}
