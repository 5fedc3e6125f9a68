//! The rules of routing, and what must hold of them before the first order.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Request, begins, check_country};
use crate::process::policy::{Fault, Part};

/// How many rules a table may have.
const RULES_MAX: usize = 1_000;

/// One `[[routing]]` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// How it is called in decisions.
    pub name: String,
    /// All must hold; none means always.
    #[serde(default)]
    pub when: When,
    /// The nodes that are asked.
    pub nodes: Vec<String>,
}

/// What an order must be like. An empty list asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The ship-to's country is one of these.
    #[serde(default)]
    pub country: Vec<String>,
    /// The ship-to's postal code begins with one of these.
    #[serde(default)]
    pub postal: Vec<String>,
    /// The service is one of these.
    #[serde(default)]
    pub service: Vec<String>,
    /// The order's type is one of these.
    #[serde(default)]
    pub order_type: Vec<String>,
}

// === impl Rule ===

impl Rule {
    /// Whether it decides for this order.
    pub(super) fn fits(&self, request: &Request) -> bool {
        let one_of = |wanted: &[String], value: &Option<String>| {
            let value = value.as_deref().unwrap_or_default();
            wanted.is_empty() || wanted.iter().any(|it| it.eq_ignore_ascii_case(value))
        };
        let postal = request.postal.as_deref().unwrap_or_default();
        one_of(&self.when.country, &request.country)
            && one_of(&self.when.service, &request.service)
            && one_of(&self.when.order_type, &request.order_type)
            && (self.when.postal.is_empty() || self.when.postal.iter().any(|it| begins(postal, it)))
    }

    /// Whether it fits wherever the other one does.
    fn covers(&self, other: &Self) -> bool {
        let all_of = |mine: &[String], theirs: &[String]| {
            let has = |it: &String| mine.iter().any(|own| own.eq_ignore_ascii_case(it));
            mine.is_empty() || (!theirs.is_empty() && theirs.iter().all(has))
        };
        let prefixes = |mine: &[String], theirs: &[String]| {
            let has = |it: &String| mine.iter().any(|own| begins(it, own));
            mine.is_empty() || (!theirs.is_empty() && theirs.iter().all(has))
        };
        all_of(&self.when.country, &other.when.country)
            && all_of(&self.when.service, &other.when.service)
            && all_of(&self.when.order_type, &other.when.order_type)
            && prefixes(&self.when.postal, &other.when.postal)
    }
}

/// All that is wrong with the rules.
pub(super) fn check(rules: &[Rule], nodes: &BTreeSet<String>) -> Vec<Fault> {
    let mut faults = Vec::new();
    if rules.len() > RULES_MAX {
        let text = format!("{} routing rules; at most {RULES_MAX} fit", rules.len());
        faults.push(Fault::whole(Part::Routing, text));
    }
    for (index, rule) in rules.iter().enumerate() {
        let (name, above) = (&rule.name, &rules[..index]);
        let mut fault = |text| faults.push(Fault::of(Part::Routing, index, text));
        if name.is_empty() || above.iter().any(|it| it.name == *name) {
            fault(format!(
                "a routing rule is called {name:?}, which does not tell it from the others; give it a name of its own"
            ));
        }
        if rule.nodes.is_empty() {
            fault(format!(
                "routing rule {name} asks no node; name at least one"
            ));
        }
        for node in rule.nodes.iter().filter(|node| !nodes.contains(*node)) {
            fault(format!(
                "routing rule {name} asks node {node}, which there is not; add a [[process.node]] or correct the name"
            ));
        }
        for country in &rule.when.country {
            if let Err(text) = check_country(country) {
                fault(format!("routing rule {name}: {text}"));
            }
        }
        if rule.when.postal.iter().any(|it| begins("", it)) {
            fault(format!(
                "routing rule {name} has an empty postal prefix, which every order fits; leave it out"
            ));
        }
        if let Some(above) = above.iter().find(|above| above.covers(rule)) {
            fault(format!(
                "routing rule {name} can never decide, because rule {} above takes everything it is for; move it up or add a condition to that one",
                above.name
            ));
        }
    }
    if !nodes.is_empty() && !rules.iter().any(|rule| rule.when == When::default()) {
        let text = "no routing rule takes what is left; add one without conditions at the end";
        faults.push(Fault::whole(Part::Routing, text));
    }
    faults
}
