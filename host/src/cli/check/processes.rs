//! What the processes of a configuration will do, in short.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::{
    config::{Checked, Process},
    message::PartnerName,
    process::{
        Registry, Role,
        policy::InventoryConfig,
        routing::{Node, Rule},
        timer::Limit,
        traffic::{needs, sends},
    },
};

/// One line for each thing that somebody may want to compare with what was meant.
/// `writes` tells which kinds of document an adapter writes; none when nobody knows.
pub(super) fn lines(
    checked: &Checked,
    writes: &dyn Fn(&str) -> Option<Vec<String>>,
) -> Vec<String> {
    let roles: BTreeMap<&PartnerName, Role> = checked
        .partners
        .iter()
        .filter_map(|(name, partner)| Some((name, partner.role(name)?)))
        .collect();
    if roles.is_empty() {
        return vec!["processes: none run, since no partner has a role".to_owned()];
    }
    let versions: Vec<_> = Registry::standard()
        .versions()
        .map(|it| format!("{} {}", it.process, it.version))
        .collect();
    let mut lines = vec![format!("processes: {}", versions.join(", "))];
    for (name, role) in &roles {
        let takes = checked.partners[*name].takes.as_ref();
        let takes = takes.map_or(String::new(), |it| {
            format!(", takes {}", it.get_ref().join(", "))
        });
        lines.push(format!("  {name}: {}{takes}", role_text(role)));
    }
    let process = &checked.config.process;
    for node in plain(&process.nodes) {
        lines.push(format!(
            "  node {}: {}",
            node.name,
            node_text(node, process)
        ));
    }
    for rule in plain(&process.routing) {
        lines.push(format!("  routing {}: {}", rule.name, rule_text(rule)));
    }
    lines.extend(plain(&process.limits).map(|limit| format!("  limit {}", limit_text(limit))));
    for inventory in plain(&process.inventory) {
        lines.push(format!(
            "  inventory {}: {}",
            inventory.node,
            inventory_text(inventory)
        ));
    }
    lines.extend(exceptions(process).into_iter().chain([credit(process)]));
    for (name, role) in &roles {
        let partner = &checked.partners[*name];
        let adapter = partner.adapter.get_ref();
        let Some(written) = writes(adapter).filter(|_| partner.endpoint.is_some()) else {
            continue;
        };
        // What it does not want is no loss.
        let takes = partner.takes.as_ref().map(Spanned::get_ref);
        let wanted = |kind: &&str| takes.is_none_or(|takes| takes.iter().any(|it| it == kind));
        let lacks = sends(role)
            .iter()
            .copied()
            .filter(wanted)
            .filter(|kind| !written.iter().any(|it| it == kind));
        let (needed, rest): (Vec<_>, Vec<_>) = lacks.partition(|kind| needs(role).contains(kind));
        if !rest.is_empty() {
            let rest = rest.join(", ");
            lines.push(format!(
                "  note: {name} is not told of {rest}, which {adapter} does not write"
            ));
        }
        if !needed.is_empty() {
            let needed = needed.join(", ");
            lines.push(format!(
                "  warning: {name} needs {needed}, which {adapter} does not write; each one will be a dead letter"
            ));
        }
    }
    lines
}

fn plain<T>(spanned: &[Spanned<T>]) -> impl Iterator<Item = &T> {
    spanned.iter().map(Spanned::get_ref)
}

fn role_text(role: &Role) -> String {
    match role {
        Role::Erp => "erp".to_owned(),
        Role::Warehouse { node } => format!("warehouse, node {node}"),
        Role::Crm => "crm".to_owned(),
        Role::Shop => "shop".to_owned(),
        Role::Carrier => "carrier".to_owned(),
    }
}

fn node_text(node: &Node, process: &Process) -> String {
    let regions: Vec<_> = node
        .regions
        .iter()
        .map(|region| match region.postal.as_slice() {
            [] => region.country.clone(),
            postal => format!("{} {}", region.country, postal.join("…, ") + "…"),
        })
        .collect();
    let mut texts = vec![if regions.is_empty() {
        "ships everywhere".to_owned()
    } else {
        format!("ships to {}", regions.join("; "))
    }];
    let lists = [("services", &node.services), ("carriers", &node.carriers)];
    for (what, words) in lists.into_iter().filter(|(_, words)| !words.is_empty()) {
        texts.push(format!("{what} {}", words.join(", ")));
    }
    if let Some(cut_off) = &node.cut_off {
        let zone = plain(&process.calendars)
            .find(|it| it.name == node.name)
            .map_or("", |it| it.time_zone.as_str());
        texts.push(format!("cut-off {cut_off} {zone}"));
    }
    if let Some(max) = node.open_orders_max {
        texts.push(format!("at most {max} orders open"));
    }
    texts.push(format!("priority {}", node.priority));
    texts.join(", ")
}

fn rule_text(rule: &Rule) -> String {
    let when = &rule.when;
    let conditions: Vec<_> = [
        ("country", &when.country),
        ("postal code", &when.postal),
        ("service", &when.service),
        ("order type", &when.order_type),
    ]
    .into_iter()
    .filter(|(_, wanted)| !wanted.is_empty())
    .map(|(what, wanted)| format!("{what} {}", wanted.join(" or ")))
    .collect();
    let when = if conditions.is_empty() {
        "all that is left".to_owned()
    } else {
        conditions.join(", ")
    };
    format!("{when}: asks {}", rule.nodes.join(", "))
}

fn limit_text(limit: &Limit) -> String {
    let mut text = limit.level.name().to_owned();
    if let Some(partner) = &limit.partner {
        text.push_str(&format!(" by {partner}"));
    }
    if let Some(priority) = &limit.priority {
        text.push_str(&format!(" of {priority}"));
    }
    let length = match (limit.minutes, limit.seconds) {
        (minutes, 0) => format!("{minutes} minutes"),
        (0, seconds) => format!("{seconds} seconds"),
        (minutes, seconds) => format!("{minutes} minutes {seconds} seconds"),
    };
    let hours = if limit.business_time {
        " of business time"
    } else {
        ""
    };
    text.push_str(&format!(
        ": {length}{hours}, warned at {} %",
        limit.warn_percent
    ));
    text
}

fn inventory_text(inventory: &InventoryConfig) -> String {
    let mut texts = vec![format!(
        "tolerates {} units or {} %",
        inventory.tolerance_units, inventory.tolerance_percent
    )];
    if let Some(minutes) = inventory.snapshot_every_minutes {
        texts.push(format!("asked every {minutes} minutes"));
    }
    if let Some(at) = &inventory.reconcile_at {
        texts.push(format!("reconciled at {at}"));
    }
    texts.join(", ")
}

fn exceptions(process: &Process) -> Option<String> {
    let owners: Vec<_> = process
        .exception_owner
        .iter()
        .map(|(kind, team)| format!("{kind} {}", team.get_ref()))
        .collect();
    (!owners.is_empty()).then(|| format!("  exceptions: {}", owners.join(", ")))
}

fn credit(process: &Process) -> String {
    let percents: Vec<_> = process
        .config()
        .returns
        .credit_percent
        .iter()
        .map(|(disposition, percent)| format!("{disposition} {percent} %"))
        .collect();
    if percents.is_empty() {
        return "  returns: nothing is credited".to_owned();
    }
    format!("  returns: credited {}", percents.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Config, EXAMPLE, Overrides},
        contract,
    };

    #[test]
    fn the_example_is_told_in_short() {
        let checked = Config::parse(EXAMPLE, &Overrides::default()).expect("a configuration");
        let writes = |adapter: &str| match adapter {
            "x12-3pl" => Some(vec!["order".to_owned(), "return-authorization".to_owned()]),
            "shipbob" => Some(vec!["order".to_owned()]),
            "canonical-json" => {
                let all = contract::KINDS.iter();
                let some = all.filter(|kind| **kind != "order-response");
                Some(some.map(|&kind| kind.to_owned()).collect())
            }
            _ => None,
        };
        let told = lines(&checked, &writes).join("\n");
        insta::assert_snapshot!(told, @r"
        processes: order-to-fulfilment 1, shipment-visibility 1, inventory-sync 1, inventory-position 1, return-to-credit 1
          desk: crm
          erp: erp, takes order, order-response, shipment, milestone, return-authorization, return-receipt, return-disposition, inventory-adjustment
          north-3pl: warehouse, node north
          shop: shop
          stock: warehouse, node south
          node north: ships to US 5…, 60…; CA, cut-off 14:00 America/Chicago, at most 500 orders open, priority 0
          node south: ships everywhere, priority 1
          routing rush: country US, postal code 5, order type rush: asks north
          routing everything else: all that is left: asks north, south
          limit acceptance: 120 minutes of business time, warned at 75 %
          limit acceptance by north of rush: 30 minutes, warned at 75 %
          limit inventory-staleness: 1440 minutes, warned at 75 %
          inventory south: tolerates 0 units or 0 %, asked every 720 minutes, reconciled at 06:00
          exceptions: default operations, variance inventory-control
          returns: credited restock 100 %
          note: desk is not told of order-response, which canonical-json does not write
          note: erp is not told of order-response, which canonical-json does not write
          warning: stock needs return-authorization, which shipbob does not write; each one will be a dead letter
        ");
    }

    #[test]
    fn without_roles_nothing_runs() {
        let text = "[server]\ndata_directory = 'd'\nadapters_directory = 'a'";
        let checked = Config::parse(text, &Overrides::default()).expect("a configuration");
        assert_eq!(
            lines(&checked, &|_| None),
            ["processes: none run, since no partner has a role"]
        );
    }
}
