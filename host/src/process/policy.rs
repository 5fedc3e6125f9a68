//! What the business wants of its processes, as data.
//!
//! Read once and checked as a whole. Machines decide by it and by nothing else, so a
//! changed policy holds from the next step of every instance; what is awaited already keeps
//! the limit that it began with.

mod fault;

use std::collections::BTreeMap;

use jiff::civil;
use serde::{
    Deserialize, Deserializer,
    de::{IntoDeserializer as _, value},
};

pub use self::fault::{Fault, Part};
use super::{
    calendar::{self, Calendar},
    exception::Kind,
    number::Number,
    routing::{Node, Rule, Table},
    timer::{Limit, Limits},
};

/// Who has to act on exceptions when nothing is said.
const OPERATIONS: &str = "operations";

/// The settings of the process stage.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[[calendar]]`: business hours of nodes and partners.
    #[serde(default, rename = "calendar")]
    pub calendars: Vec<calendar::Config>,
    /// `[[limit]]`: how long things may take.
    #[serde(default, rename = "limit")]
    pub limits: Vec<Limit>,
    /// `[[node]]`: who can ship.
    #[serde(default, rename = "node")]
    pub nodes: Vec<Node>,
    /// `[[routing]]`: who is asked.
    #[serde(default)]
    pub routing: Vec<Rule>,
    /// `[exception_owner]`: the team for each kind of exception; `default` for the rest.
    #[serde(default)]
    pub exception_owner: BTreeMap<String, String>,
    /// `[order]`.
    #[serde(default)]
    pub order: OrderRules,
    /// `[[inventory]]`: per node.
    #[serde(default)]
    pub inventory: Vec<InventoryConfig>,
    /// `[returns]`.
    #[serde(default)]
    pub returns: ReturnRules,
}

/// How orders are treated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrderRules {
    /// What releases an order.
    pub release_by: ReleaseBy,
    /// What becomes of what a partial shipment leaves.
    pub remainder: Remainder,
    /// Whether a node that does not answer in time is given up for the next one.
    pub keep_waiting: bool,
    /// Whether an order stays at a node whose partner is down, however long.
    pub wait_out_outages: bool,
    /// What it means when a node confirms a shipment of nothing.
    pub nothing_shipped: NothingShipped,
}

/// What releases an order to a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseBy {
    /// The ERP's acceptance, or an order that the ERP itself sends.
    #[default]
    Answer,
    /// Only an order that the ERP itself sends.
    Order,
}

/// What becomes of what a partial shipment leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remainder {
    /// What the warehouse says: it follows, or it is short.
    #[default]
    AsStated,
    /// It stays open whatever the warehouse says.
    KeepOpen,
    /// It is cancelled, unless the warehouse says that it follows.
    Cancel,
}

/// What it means when a node confirms that nothing of an order leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NothingShipped {
    /// It refuses the order; the next node is asked.
    #[default]
    Reroute,
    /// The order is short; a person decides.
    Short,
}

/// One `[[inventory]]` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventoryConfig {
    /// Which node.
    pub node: String,
    /// Differences up to so many units are corrected without asking.
    #[serde(default, deserialize_with = "units")]
    pub tolerance_units: Number,
    /// Or up to so many per cent of the ERP's figure, if that is more.
    #[serde(default)]
    pub tolerance_percent: u32,
    /// Whether positions are compared lot by lot.
    #[serde(default)]
    pub compare_lots: bool,
    /// Whether the node counts its adjustments without gaps.
    #[serde(default)]
    pub sequenced: bool,
    /// How often all stock is asked for; absent when it is never.
    #[serde(default)]
    pub snapshot_every_minutes: Option<u32>,
    /// When the day is reconciled, `06:00` in the node's time zone; absent when it is not.
    #[serde(default)]
    pub reconcile_at: Option<String>,
}

/// How a node's stock is treated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InventoryRules {
    /// See [`InventoryConfig::tolerance_units`].
    pub tolerance_units: Number,
    /// See [`InventoryConfig::tolerance_percent`].
    pub tolerance_percent: u32,
    /// See [`InventoryConfig::compare_lots`].
    pub compare_lots: bool,
    /// See [`InventoryConfig::sequenced`].
    pub sequenced: bool,
    /// See [`InventoryConfig::snapshot_every_minutes`].
    pub snapshot_every_minutes: Option<u32>,
    /// See [`InventoryConfig::reconcile_at`].
    pub reconcile_at: Option<civil::Time>,
}

/// How returns are treated.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReturnRules {
    /// Per cent of the price that is credited, by disposition (`restock`); what is not
    /// named is not credited.
    pub credit_percent: BTreeMap<String, u32>,
    /// Whether the host asks the ERP for the credit as soon as the inspection is
    /// complete. Otherwise the ERP credits by itself.
    pub request_credit: bool,
}

/// All policies, checked.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// How long things may take.
    pub limits: Limits,
    /// When places work.
    pub calendars: Calendars,
    /// Who ships.
    pub routing: Table,
    /// How orders are treated.
    pub order: OrderRules,
    /// How returns are treated.
    pub returns: ReturnRules,
    inventory: BTreeMap<String, InventoryRules>,
    owners: BTreeMap<String, String>,
}

/// Calendars by the name of the node or partner.
#[derive(Clone, Debug, Default)]
pub struct Calendars(BTreeMap<String, Calendar>);

// === impl Policy ===

impl Policy {
    /// Checks the settings.
    ///
    /// # Errors
    /// All that is wrong, with what to do about it.
    pub fn new(config: Config) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let calendars = Calendars::new(&config.calendars, &mut faults);
        let limits = Limits::new(config.limits).unwrap_or_else(|found| {
            faults.extend(found);
            Limits::default()
        });
        let routing =
            Table::new(config.nodes, config.routing, &calendars).unwrap_or_else(|found| {
                faults.extend(found);
                Table::default()
            });
        let inventory = inventory(config.inventory, &calendars, &mut faults);
        for (disposition, percent) in &config.returns.credit_percent {
            if *percent > 100 {
                let text = format!(
                    "credit_percent is {percent} for {disposition}; at most the whole price, 100, can be given back"
                );
                faults.push(Fault::whole(Part::Returns, text));
            }
        }
        check_owners(&config.exception_owner, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            limits,
            calendars,
            routing,
            order: config.order,
            returns: config.returns,
            inventory,
            owners: config.exception_owner,
        })
    }

    /// How this node's stock is treated; with no tolerance when nothing is said.
    #[must_use]
    pub fn inventory(&self, node: &str) -> InventoryRules {
        self.inventory.get(node).cloned().unwrap_or_default()
    }

    /// Which team has to act on such exceptions.
    #[must_use]
    pub fn owner(&self, kind: Kind) -> String {
        let named = self
            .owners
            .get(kind.name())
            .or_else(|| self.owners.get("default"));
        named.map_or_else(|| OPERATIONS.to_owned(), Clone::clone)
    }

    /// All teams that may have to act.
    pub fn teams(&self) -> impl Iterator<Item = &str> {
        let unnamed = (!self.owners.contains_key("default")).then_some(OPERATIONS);
        self.owners.values().map(String::as_str).chain(unnamed)
    }
}

/// Keys are kinds of exception, values the names of teams.
fn check_owners(owners: &BTreeMap<String, String>, faults: &mut Vec<Fault>) {
    for (index, (kind, team)) in owners.iter().enumerate() {
        let mut fault = |text| faults.push(Fault::of(Part::ExceptionOwner, index, text));
        let known: Result<Kind, value::Error> =
            Kind::deserialize(kind.as_str().into_deserializer());
        if let (Err(error), false) = (known, kind == "default") {
            fault(format!(
                "{kind:?} is no kind of exception ({error}); correct it, or write default for all others"
            ));
        }
        if team.trim().is_empty() {
            fault(format!("{kind} has no team; name one or leave it out"));
        }
    }
}

fn inventory(
    configs: Vec<InventoryConfig>,
    calendars: &Calendars,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, InventoryRules> {
    let mut rules = BTreeMap::new();
    for (index, config) in configs.into_iter().enumerate() {
        let mut fault = |text| faults.push(Fault::of(Part::Inventory, index, text));
        let node = config.node;
        let reconcile_at = match config
            .reconcile_at
            .as_deref()
            .map(calendar::time_of_day)
            .transpose()
        {
            Ok(time) => time,
            Err(text) => {
                fault(format!("inventory of node {node}: {text}"));
                None
            }
        };
        if reconcile_at.is_some() && calendars.of(&node).is_none() {
            fault(format!(
                "inventory of node {node} is reconciled at a time of day, and the node has no calendar; add a [[process.calendar]] of its name for its time zone"
            ));
        }
        if config.snapshot_every_minutes == Some(0) {
            fault(format!(
                "inventory of node {node} is asked for every 0 minutes; leave snapshot_every_minutes out for never"
            ));
        }
        if config.tolerance_units < Number::ZERO {
            fault(format!(
                "inventory of node {node} tolerates {} units; write 0 or more",
                config.tolerance_units
            ));
        }
        if config.tolerance_percent > 100 {
            fault(format!(
                "inventory of node {node} tolerates {} %; write 0 to 100",
                config.tolerance_percent
            ));
        }
        let rule = InventoryRules {
            tolerance_units: config.tolerance_units,
            tolerance_percent: config.tolerance_percent,
            compare_lots: config.compare_lots,
            sequenced: config.sequenced,
            snapshot_every_minutes: config.snapshot_every_minutes,
            reconcile_at,
        };
        if rules.insert(node.clone(), rule).is_some() {
            let text = format!("inventory of node {node} stands twice; keep one");
            faults.push(Fault::of(Part::Inventory, index, text));
        }
    }
    rules
}

/// A number of units: a whole one may stand without quotes.
fn units<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "a number of units: 5, or with quotes and up to six decimals, \"2.5\""
    )]
    enum Written {
        Whole(i64),
        Text(String),
    }
    let text = match Written::deserialize(deserializer)? {
        Written::Whole(whole) => whole.to_string(),
        Written::Text(text) => text,
    };
    text.parse().map_err(serde::de::Error::custom)
}

// === impl ReturnRules ===

/// What is as good as new is credited in full, and the ERP is asked for it.
impl Default for ReturnRules {
    fn default() -> Self {
        Self {
            credit_percent: BTreeMap::from([("restock".to_owned(), 100)]),
            request_credit: true,
        }
    }
}

// === impl Calendars ===

impl Calendars {
    fn new(configs: &[calendar::Config], faults: &mut Vec<Fault>) -> Self {
        let mut calendars = BTreeMap::new();
        for (index, config) in configs.iter().enumerate() {
            let mut fault = |text| faults.push(Fault::of(Part::Calendar, index, text));
            match Calendar::new(config) {
                Err(text) => fault(format!("calendar {}: {text}", config.name)),
                Ok(calendar) => {
                    if calendars.insert(config.name.clone(), calendar).is_some() {
                        fault(format!("calendar {} stands twice; keep one", config.name));
                    }
                }
            }
        }
        Self(calendars)
    }

    /// The calendar of this node or partner.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&Calendar> {
        self.0.get(name)
    }
}
