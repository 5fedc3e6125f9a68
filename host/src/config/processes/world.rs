//! Partners as processes see them: the ERP, and who runs which node.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use toml::Spanned;

use super::{Fault, Partner};
use crate::{
    message::PartnerName,
    process::{Policy, Role},
};

/// Partners with roles.
pub(super) struct World<'a> {
    erps: Vec<(&'a PartnerName, &'a Partner)>,
    warehouses: BTreeMap<String, (&'a PartnerName, &'a Partner)>,
}

// === impl World ===

impl<'a> World<'a> {
    pub(super) fn new(partners: &'a BTreeMap<PartnerName, Partner>) -> Self {
        let mut world = Self {
            erps: Vec::new(),
            warehouses: BTreeMap::new(),
        };
        for (name, partner) in partners {
            match partner.role(name) {
                Some(Role::Erp) => world.erps.push((name, partner)),
                Some(Role::Warehouse { node }) => {
                    world.warehouses.entry(node).or_insert((name, partner));
                }
                _ => {}
            }
        }
        world
    }

    /// Who runs a node.
    pub(super) fn runs(&self, node: &str) -> Option<(&'a PartnerName, &'a Partner)> {
        self.warehouses.get(node).copied()
    }

    /// All nodes that somebody runs.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.warehouses.keys().map(String::as_str)
    }

    /// All who can be waited for, for a person.
    pub(super) fn known(&self, teams: &BTreeSet<&str>) -> String {
        let others = ["erp", "carrier", "customer"];
        let mut names: Vec<&str> = self.nodes().chain(others).collect();
        names.extend(
            teams
                .iter()
                .filter(|team| !names.contains(team))
                .copied()
                .collect::<Vec<_>>(),
        );
        names.join(", ")
    }

    /// There is one system of record, where one is needed.
    pub(super) fn check_erp(
        &self,
        wants_releases: Option<(&'static str, Range<usize>)>,
        faults: &mut Vec<Fault>,
    ) {
        let written: Vec<_> = self
            .erps
            .iter()
            .filter(|(_, partner)| partner.endpoint.is_some())
            .collect();
        for (index, (name, partner)) in written.iter().enumerate() {
            let mut before = written[..index].iter();
            let rival = before.find(|(_, other)| are_sent_the_same(other, partner));
            if let Some((first, _)) = rival {
                faults.push(Fault {
                    setting: format!("partners.{name}.role"),
                    text: format!(
                        "{first} and {name} are both the ERP and both have an endpoint, and processes tell one; take role or endpoint from one of them, or say with takes which kinds of document each is sent"
                    ),
                    span: role_span(partner),
                });
            }
        }
        if let (true, Some((setting, span))) = (self.erps.is_empty(), wants_releases) {
            faults.push(Fault {
                setting: setting.to_owned(),
                text: "orders are routed once the ERP has released them, and no partner is the ERP; give one role = \"erp\", or take [[process.node]], [[process.routing]] and [process.order] out".to_owned(),
                span: Some(span),
            });
        }
    }

    /// Where orders are routed, every warehouse is a node that routing knows, and takes
    /// orders.
    pub(super) fn check_warehouses(&self, policy: &Policy, faults: &mut Vec<Fault>) {
        let known: BTreeSet<&str> = policy.routing.names().collect();
        if known.is_empty() {
            return;
        }
        for (node, (name, partner)) in &self.warehouses {
            if !known.contains(node.as_str()) {
                let named = partner.node.as_ref().map(Spanned::span);
                faults.push(Fault {
                    setting: format!("partners.{name}.node"),
                    text: format!(
                        "{name} runs node {node}, which routing does not know; add a [[process.node]] with name = \"{node}\", or correct node"
                    ),
                    span: named.or_else(|| role_span(partner)),
                });
            } else if let Some(takes) = &partner.takes
                && !takes.get_ref().iter().any(|kind| kind == "order")
            {
                faults.push(Fault {
                    setting: format!("partners.{name}.takes"),
                    text: format!(
                        "{name} runs node {node}, to which orders are routed, and takes no order; add order, or leave takes out"
                    ),
                    span: Some(takes.span()),
                });
            }
        }
    }
}

/// Whether there is a kind of document that both would be sent.
fn are_sent_the_same(one: &Partner, other: &Partner) -> bool {
    match (&one.takes, &other.takes) {
        (Some(one), Some(other)) => {
            let mut kinds = one.get_ref().iter();
            kinds.any(|kind| other.get_ref().contains(kind))
        }
        _ => true,
    }
}

fn role_span(partner: &Partner) -> Option<Range<usize>> {
    partner.role.as_ref().map(Spanned::span)
}
