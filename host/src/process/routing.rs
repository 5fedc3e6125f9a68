//! Which node ships an order: nodes, rules and the decision with its reasons.
//!
//! Rules are read from top to bottom and the first that fits decides which nodes are
//! asked. Of those, some can't (they do not serve the region, lack stock, were tried);
//! of the rest the best is taken. Everything that played a part stands in the decision,
//! so that it can be explained later without the stock figures of that moment.

mod rule;

use std::collections::BTreeSet;

use jiff::civil;
use serde::{Deserialize, Serialize};

pub use self::rule::{Rule, When};
use super::{
    calendar,
    number::Number,
    policy::{Calendars, Fault, Part},
};
use crate::clock::Timestamp;

/// How many nodes a table may have.
const NODES_MAX: usize = 1_000;

/// One `[[node]]` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its name. A calendar of this name says when it works and where it is.
    pub name: String,
    /// Where it ships to; empty for everywhere.
    #[serde(default)]
    pub regions: Vec<Region>,
    /// The services that it offers, in the words of orders; empty for all.
    #[serde(default)]
    pub services: Vec<String>,
    /// Carriers that fetch there, by SCAC; empty for all.
    #[serde(default)]
    pub carriers: Vec<String>,
    /// What is released until then leaves on the same day: `14:00`, in its time zone.
    #[serde(default)]
    pub cut_off: Option<String>,
    /// How many orders it may have open; absent for no limit.
    #[serde(default)]
    pub open_orders_max: Option<u32>,
    /// Lower goes first among nodes that are equally good.
    #[serde(default)]
    pub priority: u32,
}

/// A part of the world.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// How postal codes begin there; empty for the whole country.
    #[serde(default)]
    pub postal: Vec<String>,
}

/// What routing must know of the world at this moment.
pub trait Supply {
    /// What a node has of an item; none when nobody knows.
    fn stock(&self, node: &str, sku: &str) -> Option<Stock>;
    /// How many orders are open at the node.
    fn open_orders(&self, node: &str) -> u32;
    /// Whether the partner that runs it answers.
    fn answers(&self, node: &str) -> bool;
}

/// What a node has of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    /// What can be promised.
    pub available: Number,
    /// Whether the figure is too old to be trusted.
    pub stale: bool,
}

/// What has to be shipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// ISO 3166-1 alpha-2; absent when the order does not say.
    pub country: Option<String>,
    /// As the order has it.
    pub postal: Option<String>,
    /// As the order has it.
    pub service: Option<String>,
    /// SCAC.
    pub carrier: Option<String>,
    /// The order's type.
    pub order_type: Option<String>,
    /// Item and how much of it.
    pub items: Vec<(String, Number)>,
    /// The node that the ERP would take.
    pub preferred: Option<String>,
    /// Nodes that were tried.
    pub tried: Vec<String>,
}

/// What was decided, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The rule that fitted.
    pub rule: String,
    /// Which node; none when none can.
    pub node: Option<String>,
    /// For each node that was looked at, in the order of preference.
    pub reasons: Vec<Reason>,
}

/// What was thought of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which.
    pub node: String,
    /// Whether it can.
    pub eligible: bool,
    /// In words.
    pub text: String,
}

/// Nodes and rules, checked.
#[derive(Clone, Debug, Default)]
pub struct Table {
    nodes: Vec<Checked>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Checked {
    node: Node,
    cut_off: Option<civil::Time>,
}

/// How good an eligible node is; smaller is better.
type Rank = (bool, bool, bool, Timestamp, u32, usize);

// === impl Table ===

impl Table {
    /// Checks nodes and rules.
    ///
    /// # Errors
    /// All that is wrong: unknown or repeated nodes, rules that can never decide, no
    /// rule for what is left.
    pub fn new(
        nodes: Vec<Node>,
        rules: Vec<Rule>,
        calendars: &Calendars,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        if nodes.len() > NODES_MAX {
            let text = format!("{} nodes; at most {NODES_MAX} fit", nodes.len());
            faults.push(Fault::whole(Part::Node, text));
        }
        let mut names = BTreeSet::new();
        let mut checked = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.into_iter().enumerate() {
            let mut fault = |text| faults.push(Fault::of(Part::Node, index, text));
            if !names.insert(node.name.clone()) {
                fault(format!("node {} stands twice; keep one", node.name));
            }
            node.check(&mut fault);
            let cut_off = match node
                .cut_off
                .as_deref()
                .map(calendar::time_of_day)
                .transpose()
            {
                Ok(cut_off) => cut_off,
                Err(text) => {
                    fault(format!("node {}: {text}", node.name));
                    None
                }
            };
            if cut_off.is_some() && calendars.of(&node.name).is_none() {
                fault(format!(
                    "node {} has a cut-off time and no calendar; add a [[process.calendar]] of its name for its time zone",
                    node.name
                ));
            }
            checked.push(Checked { node, cut_off });
        }
        faults.extend(rule::check(&rules, &names));
        if faults.is_empty() {
            Ok(Self {
                nodes: checked,
                rules,
            })
        } else {
            Err(faults)
        }
    }

    /// The names of all nodes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|it| it.node.name.as_str())
    }

    /// Chooses a node.
    #[must_use]
    pub fn decide(
        &self,
        request: &Request,
        supply: &dyn Supply,
        calendars: &Calendars,
        now: Timestamp,
    ) -> Decision {
        let Some(rule) = self.rules.iter().find(|rule| rule.fits(request)) else {
            return Decision {
                rule: String::new(),
                node: None,
                reasons: Vec::new(),
            };
        };
        let preferred = request.preferred.iter();
        let mut asked: Vec<&str> = Vec::new();
        for name in preferred.chain(&rule.nodes) {
            if !asked.contains(&name.as_str()) {
                asked.push(name);
            }
        }
        let mut good: Vec<(Rank, Reason)> = Vec::new();
        let mut bad = Vec::new();
        for (place, name) in asked.into_iter().enumerate() {
            let judged = match self.nodes.iter().find(|it| it.node.name == name) {
                Some(node) => node.judge(request, supply, calendars, now, place),
                None => Err("there is no such node".to_owned()),
            };
            let reason = |eligible, text| Reason {
                node: name.to_owned(),
                eligible,
                text,
            };
            match judged {
                Ok((rank, text)) => good.push((rank, reason(true, text))),
                Err(text) => bad.push(reason(false, text)),
            }
        }
        good.sort_by_key(|(rank, _)| *rank);
        let node = good.first().map(|(_, reason)| reason.node.clone());
        let reasons = good
            .into_iter()
            .map(|(_, reason)| reason)
            .chain(bad)
            .collect();
        Decision {
            rule: rule.name.clone(),
            node,
            reasons,
        }
    }
}

// === impl Node ===

impl Node {
    /// What can be said of one node alone.
    fn check(&self, fault: &mut dyn FnMut(String)) {
        let name = &self.name;
        if self.open_orders_max == Some(0) {
            fault(format!(
                "node {name} may have 0 orders open and would get none; raise open_orders_max, or take the node out of the rules"
            ));
        }
        for region in &self.regions {
            if let Err(text) = check_country(&region.country) {
                fault(format!("node {name}: {text}"));
            }
            if region.postal.iter().any(|it| begins("", it)) {
                fault(format!(
                    "node {name} has an empty postal prefix in {}; leave postal out for the whole country",
                    region.country
                ));
            }
        }
    }
}

/// Whether a postal code begins so, however it is spelled: `sw1a 2aa` begins like `SW1A2`.
fn begins(code: &str, prefix: &str) -> bool {
    let plain = |text: &str| {
        let letters: Vec<u8> = text
            .bytes()
            .filter(|byte| !matches!(byte, b' ' | b'-'))
            .map(|byte| byte.to_ascii_uppercase())
            .collect();
        letters
    };
    plain(code).starts_with(&plain(prefix))
}

/// Documents have countries so, and another spelling would never be met.
fn check_country(country: &str) -> Result<(), String> {
    if country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Ok(());
    }
    Err(format!(
        "{country:?} is no country; write its two letters by ISO 3166-1, such as US"
    ))
}

// === impl Checked ===

impl Checked {
    fn judge(
        &self,
        request: &Request,
        supply: &dyn Supply,
        calendars: &Calendars,
        now: Timestamp,
        place: usize,
    ) -> Result<(Rank, String), String> {
        self.can(request, supply)?;
        let name = self.node.name.as_str();
        let (unknown, stock_text) = stock_of(name, request, supply)?;
        let answers = supply.answers(name);
        let preferred = request.preferred.as_deref() == Some(name);
        let leaves = self
            .cut_off
            .and_then(|cut_off| calendars.of(name)?.next_cut_off(now, cut_off));
        let mut texts = Vec::new();
        if preferred {
            texts.push("the ERP prefers it".to_owned());
        }
        texts.push(stock_text);
        if let Some(leaves) = leaves {
            texts.push(format!("goods leave at {leaves}"));
        }
        if !answers {
            texts.push("its partner does not answer now".to_owned());
        }
        texts.push(format!("priority {}", self.node.priority));
        let rank = (
            !answers,
            !preferred,
            unknown,
            leaves.unwrap_or(now),
            self.node.priority,
            place,
        );
        Ok((rank, texts.join(", ")))
    }

    /// Everything but stock.
    fn can(&self, request: &Request, supply: &dyn Supply) -> Result<(), String> {
        let node = &self.node;
        if request.tried.contains(&node.name) {
            return Err("it was tried before".to_owned());
        }
        if !node.regions.is_empty() && !node.regions.iter().any(|region| region.holds(request)) {
            return Err(format!(
                "it does not ship to {} {}",
                request.country.as_deref().unwrap_or("an unknown country"),
                request.postal.as_deref().unwrap_or_default()
            ));
        }
        let offers = |offered: &[String], wanted: &Option<String>| {
            let wanted = wanted.as_deref().unwrap_or_default();
            offered.is_empty()
                || wanted.is_empty()
                || offered.iter().any(|it| it.eq_ignore_ascii_case(wanted))
        };
        if !offers(&node.services, &request.service) {
            return Err(format!(
                "it does not offer {}",
                request.service.as_deref().unwrap_or_default()
            ));
        }
        if !offers(&node.carriers, &request.carrier) {
            return Err(format!(
                "{} does not fetch there",
                request.carrier.as_deref().unwrap_or_default()
            ));
        }
        let open = supply.open_orders(&node.name);
        match node.open_orders_max {
            Some(max) if open >= max => Err(format!("it is full: {open} of {max} orders open")),
            _ => Ok(()),
        }
    }
}

/// Whether stock is unknown or stale for some item, and what was found.
fn stock_of(node: &str, request: &Request, supply: &dyn Supply) -> Result<(bool, String), String> {
    let mut unknown = Vec::new();
    for (sku, wanted) in &request.items {
        match supply.stock(node, sku) {
            Some(stock) if stock.available < *wanted && !stock.stale => {
                return Err(format!(
                    "it has {} of {sku}, {wanted} are wanted",
                    stock.available
                ));
            }
            Some(stock) if !stock.stale => {}
            _ => unknown.push(sku.as_str()),
        }
    }
    Ok(if unknown.is_empty() {
        (false, "it has all items".to_owned())
    } else {
        unknown.truncate(5);
        (
            true,
            format!("its stock of {} is not known", unknown.join(", ")),
        )
    })
}

// === impl Region ===

impl Region {
    fn holds(&self, request: &Request) -> bool {
        let country = request.country.as_deref().unwrap_or_default();
        let postal = request.postal.as_deref().unwrap_or_default();
        country.eq_ignore_ascii_case(&self.country)
            && (self.postal.is_empty() || self.postal.iter().any(|it| begins(postal, it)))
    }
}

#[cfg(test)]
mod tests;
