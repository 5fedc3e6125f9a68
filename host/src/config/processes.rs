//! `[process]`: what the business wants of its processes, and whether it fits the
//! partners and routes beside it.
//!
//! The stage checks its own settings; here they get their places in the file, and what
//! the stage can't know is checked: who runs a node, who is waited for, who else would
//! send the same.

mod routes;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde::Deserialize;
use toml::Spanned;

use self::world::World;
use super::{Fault, Partner};
use crate::{
    message::PartnerName,
    process::{
        Policy,
        calendar::Config as Calendar,
        policy::{self, InventoryConfig, OrderRules, Part, ReturnRules},
        routing::{Node, Rule},
        timer::{Limit, Whose},
    },
    route,
};

/// `[process]`, as written: the parts of [`policy::Config`], each with its place.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Process {
    /// `[[process.calendar]]`: business hours of nodes, teams and others who are waited for.
    #[serde(rename = "calendar")]
    pub calendars: Vec<Spanned<Calendar>>,
    /// `[[process.limit]]`: how long things may take.
    #[serde(rename = "limit")]
    pub limits: Vec<Spanned<Limit>>,
    /// `[[process.node]]`: who can ship.
    #[serde(rename = "node")]
    pub nodes: Vec<Spanned<Node>>,
    /// `[[process.routing]]`: who is asked.
    pub routing: Vec<Spanned<Rule>>,
    /// `[process.exception_owner]`: the team for each kind of exception; `default` for
    /// the rest.
    pub exception_owner: BTreeMap<String, Spanned<String>>,
    /// `[process.order]`: how orders are treated.
    pub order: Option<Spanned<OrderRules>>,
    /// `[[process.inventory]]`: how a node's stock is treated.
    pub inventory: Vec<Spanned<InventoryConfig>>,
    /// `[process.returns]`: how returns are treated.
    pub returns: Option<Spanned<ReturnRules>>,
}

// === impl Process ===

impl Process {
    /// The settings as the stage takes them.
    #[must_use]
    pub fn config(&self) -> policy::Config {
        policy::Config {
            calendars: plain(&self.calendars),
            limits: plain(&self.limits),
            nodes: plain(&self.nodes),
            routing: plain(&self.routing),
            exception_owner: self
                .exception_owner
                .iter()
                .map(|(kind, team)| (kind.clone(), team.get_ref().clone()))
                .collect(),
            order: self
                .order
                .as_ref()
                .map(|it| it.get_ref().clone())
                .unwrap_or_default(),
            inventory: plain(&self.inventory),
            returns: self
                .returns
                .as_ref()
                .map(|it| it.get_ref().clone())
                .unwrap_or_default(),
        }
    }

    /// The policy; none when something is wrong, which is then among the faults.
    pub(super) fn check(
        &self,
        partners: &BTreeMap<PartnerName, Partner>,
        rules: &[Spanned<route::Rule>],
        faults: &mut Vec<Fault>,
    ) -> Option<Policy> {
        let world = World::new(partners);
        world.check_erp(self.wants_releases(), faults);
        routes::check(rules, partners, faults);
        let policy = match Policy::new(self.config()) {
            Ok(policy) => policy,
            Err(found) => {
                faults.extend(found.into_iter().map(|it| self.place(it)));
                return None;
            }
        };
        let mut found = Vec::new();
        self.check_nodes(&world, &mut found);
        self.check_inventory(&world, &mut found);
        let teams: BTreeSet<_> = policy.teams().collect();
        self.check_calendars(&world, &teams, &mut found);
        self.check_limits(&world, &teams, &policy, &mut found);
        faults.extend(found.into_iter().map(|it| self.place(it)));
        world.check_warehouses(&policy, faults);
        Some(policy)
    }

    /// Where the first setting is that only means something when the ERP releases orders.
    fn wants_releases(&self) -> Option<(&'static str, Range<usize>)> {
        let node = self.nodes.first().map(|it| ("process.node", it.span()));
        let rule = self
            .routing
            .first()
            .map(|it| ("process.routing", it.span()));
        let order = self.order.as_ref().map(|it| ("process.order", it.span()));
        node.or(rule).or(order)
    }

    /// Each node is run by a partner that can be sent orders.
    fn check_nodes(&self, world: &World<'_>, found: &mut Vec<policy::Fault>) {
        for (index, node) in self.nodes.iter().enumerate() {
            let name = &node.get_ref().name;
            let text = match world.runs(name) {
                None => format!(
                    "no partner runs node {name}; give one role = \"warehouse\" and node = \"{name}\", or take the node out"
                ),
                Some((partner, it)) if it.endpoint.is_none() => format!(
                    "{partner} runs node {name} and can't be sent orders; give it [partners.{partner}.endpoint]"
                ),
                Some(_) => continue,
            };
            found.push(policy::Fault::of(Part::Node, index, text));
        }
    }

    /// Stock is reported by a warehouse, and asked for where somebody can be asked.
    fn check_inventory(&self, world: &World<'_>, found: &mut Vec<policy::Fault>) {
        for (index, inventory) in self.inventory.iter().enumerate() {
            let InventoryConfig {
                node,
                snapshot_every_minutes,
                ..
            } = inventory.get_ref();
            let text = match world.runs(node) {
                None => format!(
                    "no partner runs node {node}, so that nobody reports its stock; give one role = \"warehouse\" and node = \"{node}\", or correct the name"
                ),
                Some((partner, it)) if it.poll.is_none() && snapshot_every_minutes.is_some() => {
                    format!(
                        "{partner}, which runs node {node}, can't be asked for its stock; give it [partners.{partner}.poll], or leave snapshot_every_minutes out and add a [[process.limit]] with level = \"inventory-staleness\" that notices when it stops reporting"
                    )
                }
                Some(_) => continue,
            };
            found.push(policy::Fault::of(Part::Inventory, index, text));
        }
    }

    /// A calendar is somebody's who is waited for.
    fn check_calendars(
        &self,
        world: &World<'_>,
        teams: &BTreeSet<&str>,
        found: &mut Vec<policy::Fault>,
    ) {
        for (index, calendar) in self.calendars.iter().enumerate() {
            let name = calendar.get_ref().name.as_str();
            let is_known = matches!(name, "erp" | "carrier" | "customer")
                || world.runs(name).is_some()
                || teams.contains(name);
            if !is_known {
                let text = format!(
                    "nobody who is waited for is called {name}; a calendar is that of {}",
                    world.known(teams)
                );
                found.push(policy::Fault::of(Part::Calendar, index, text));
            }
        }
    }

    /// A limit is for somebody who can be waited for so, and has hours if it counts them.
    fn check_limits(
        &self,
        world: &World<'_>,
        teams: &BTreeSet<&str>,
        policy: &Policy,
        found: &mut Vec<policy::Fault>,
    ) {
        let is_node = |name: &str| world.runs(name).is_some();
        let is_team = |name: &str| teams.contains(name);
        for (index, limit) in self.limits.iter().enumerate() {
            let limit = limit.get_ref();
            let (level, whose) = (limit.level.name(), limit.level.whose());
            let mut fault = |text| found.push(policy::Fault::of(Part::Limit, index, text));
            if let Some(partner) = &limit.partner
                && !whose.includes(partner, is_node, is_team)
            {
                fault(format!(
                    "limit {level} is for {partner}, which is never waited for so; it can be for {}; known are {}",
                    whose.text(),
                    world.known(teams)
                ));
                continue;
            }
            if !limit.business_time {
                continue;
            }
            let concerned = match &limit.partner {
                Some(partner) => vec![partner.as_str()],
                None => concerned(whose, world, teams),
            };
            let without: Vec<_> = concerned
                .into_iter()
                .filter(|name| policy.calendars.of(name).is_none())
                .collect();
            if !without.is_empty() {
                fault(format!(
                    "limit {level} runs in business time, and without a calendar is {}; add a [[process.calendar]] of that name, or leave business_time out",
                    without.join(", ")
                ));
            }
        }
    }

    /// A fault of the stage, with its place in the file.
    fn place(&self, fault: policy::Fault) -> Fault {
        let at = |index: usize| match fault.part {
            Part::Calendar => self.calendars.get(index).map(Spanned::span),
            Part::Limit => self.limits.get(index).map(Spanned::span),
            Part::Node => self.nodes.get(index).map(Spanned::span),
            Part::Routing => self.routing.get(index).map(Spanned::span),
            Part::Inventory => self.inventory.get(index).map(Spanned::span),
            Part::ExceptionOwner => self.exception_owner.values().nth(index).map(Spanned::span),
            Part::Order => self.order.as_ref().map(Spanned::span),
            Part::Returns => self.returns.as_ref().map(Spanned::span),
        };
        Fault {
            setting: format!("process.{}", fault.part),
            span: at(fault.index.unwrap_or_default()),
            text: fault.text,
        }
    }
}

/// Who is waited for at such a level, of those that are known.
fn concerned<'a>(whose: Whose, world: &'a World<'_>, teams: &BTreeSet<&'a str>) -> Vec<&'a str> {
    match whose {
        Whose::Erp => vec!["erp"],
        Whose::Carrier => vec!["carrier"],
        Whose::Node => world.nodes().collect(),
        Whose::NodeOrCustomer => world.nodes().chain(["customer"]).collect(),
        Whose::Team => teams.iter().copied().collect(),
        Whose::Host => Vec::new(),
    }
}

fn plain<T: Clone>(spanned: &[Spanned<T>]) -> Vec<T> {
    spanned.iter().map(|it| it.get_ref().clone()).collect()
}

#[cfg(test)]
mod tests;
