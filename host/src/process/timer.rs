//! Waiting: what an instance waits for, since when, until when.
//!
//! A machine does not set timers either. At the end of each step it says what it waits
//! for ([`Awaited`]); the [`super::desk`] knows the limits, sets a timer for the warning
//! and one for the breach, and clears them when the wait is over. A wait is a service
//! level: how long it took is an event.

mod turn;

use serde::{Deserialize, Serialize};

pub use self::turn::{Priority, Whose};
use super::{
    calendar::Calendar,
    policy::{Fault, Part},
};
use crate::clock::Timestamp;

/// What can be waited for. Settings name them so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The order itself, when something about it came first.
    Announcement,
    /// The ERP's answer to an order.
    OrderAcknowledgement,
    /// The ERP's release.
    Release,
    /// A node's acceptance.
    Acceptance,
    /// A node's shipment.
    ShipBy,
    /// Arrival of what left.
    Delivery,
    /// The next milestone of a shipment.
    MilestoneFreshness,
    /// The ERP's invoice.
    Invoice,
    /// A partner that does not answer; then another node is tried.
    Outage,
    /// News of a node's stock.
    InventoryStaleness,
    /// A missing adjustment.
    AdjustmentGap,
    /// The next scheduled snapshot.
    Snapshot,
    /// The next report.
    Reconciliation,
    /// The ERP's answer to a return.
    ReturnAuthorization,
    /// Goods that may come back.
    ReturnReceipt,
    /// A verdict on what came back.
    Inspection,
    /// From the receipt to the money.
    ReturnToCredit,
    /// The end of an exception.
    ExceptionResolution,
}

/// How long something may take.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// What.
    pub level: Level,
    /// Only while this one is waited for: a node, a team, `erp`, `carrier`, `customer`;
    /// absent for all.
    #[serde(default)]
    pub partner: Option<String>,
    /// Only for this priority (`rush`, or an exception's severity); absent for all.
    #[serde(default)]
    pub priority: Option<String>,
    /// So long, and as many seconds more.
    #[serde(default)]
    pub minutes: u32,
    /// For what is a matter of seconds.
    #[serde(default)]
    pub seconds: u32,
    /// The share of it after which somebody is warned.
    #[serde(default = "warn_percent")]
    pub warn_percent: u8,
    /// Whether it runs only in the business time of whom is waited for.
    #[serde(default)]
    pub business_time: bool,
}

fn warn_percent() -> u8 {
    75
}

/// All limits, checked.
#[derive(Clone, Debug, Default)]
pub struct Limits(Vec<Limit>);

/// Something that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// What.
    pub level: Level,
    /// Of what inside the instance; empty for the whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Whose turn it is: a node, `erp`, `carrier`.
    pub on: String,
    /// Since when.
    pub since: Timestamp,
    /// When somebody is warned; absent without a limit.
    pub warn: Option<Timestamp>,
    /// Until when; absent without a limit.
    pub until: Option<Timestamp>,
    /// Whether that is a fixed end, in place of a limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fixed: bool,
    /// Whether somebody was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warned: bool,
    /// Whether it took longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breached: bool,
}

/// Something that a machine waits for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// What.
    pub level: Level,
    /// Of what. One wait for each level and subject.
    pub subject: String,
    /// Whose turn it is.
    pub on: String,
    /// The priority that limits may depend on.
    pub priority: Option<String>,
    /// A fixed end, in place of a limit.
    pub until: Option<Timestamp>,
    /// When it began, where that is not now. A later beginning starts the wait again.
    pub since: Option<Timestamp>,
}

/// What a timer says when it comes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Somebody is warned.
    Warn,
    /// The limit is passed.
    Breach,
}

// === impl Level ===

impl Level {
    /// As settings, timers and events spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Announcement => "announcement",
            Self::OrderAcknowledgement => "order-acknowledgement",
            Self::Release => "release",
            Self::Acceptance => "acceptance",
            Self::ShipBy => "ship-by",
            Self::Delivery => "delivery",
            Self::MilestoneFreshness => "milestone-freshness",
            Self::Invoice => "invoice",
            Self::Outage => "outage",
            Self::InventoryStaleness => "inventory-staleness",
            Self::AdjustmentGap => "adjustment-gap",
            Self::Snapshot => "snapshot",
            Self::Reconciliation => "reconciliation",
            Self::ReturnAuthorization => "return-authorization",
            Self::ReturnReceipt => "return-receipt",
            Self::Inspection => "inspection",
            Self::ReturnToCredit => "return-to-credit",
            Self::ExceptionResolution => "exception-resolution",
        }
    }
}

// === impl Limits ===

impl Limits {
    /// Checks the limits.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn new(limits: Vec<Limit>) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        for (index, limit) in limits.iter().enumerate() {
            let name = limit.level.name();
            let mut fault = |text| faults.push(Fault::of(Part::Limit, index, text));
            if limit.millis() == 0 {
                fault(format!(
                    "limit {name} is 0 minutes and 0 seconds; leave it out for none"
                ));
            }
            if limit.warn_percent == 0 || limit.warn_percent > 100 {
                fault(format!(
                    "limit {name} warns at {} %; write 1 to 100",
                    limit.warn_percent
                ));
            }
            if let Some(text) = limit.without_effect() {
                fault(text);
            }
            let same = |above: &&Limit| {
                (above.level, &above.partner, &above.priority)
                    == (limit.level, &limit.partner, &limit.priority)
            };
            if limits[..index].iter().any(|above| same(&above)) {
                fault(format!(
                    "limit {name} stands twice for the same partner and priority; keep one"
                ));
            }
        }
        if faults.is_empty() {
            Ok(Self(limits))
        } else {
            Err(faults)
        }
    }

    /// The limit for a wait: one for the partner and the priority before one for the
    /// partner, before one for the priority, before one for all.
    #[must_use]
    pub fn of(&self, level: Level, on: &str, priority: Option<&str>) -> Option<&Limit> {
        let fits = |limit: &&Limit| {
            limit.level == level
                && limit.partner.as_deref().is_none_or(|partner| partner == on)
                && limit.priority.as_deref().is_none_or(|wanted| {
                    // Types of orders come in each partner's spelling.
                    priority.is_some_and(|it| it.eq_ignore_ascii_case(wanted))
                })
        };
        self.0
            .iter()
            .filter(fits)
            .max_by_key(|limit| (limit.partner.is_some(), limit.priority.is_some()))
    }
}

// === impl Limit ===

impl Limit {
    /// Why it could never hold for anything.
    fn without_effect(&self) -> Option<String> {
        let name = self.level.name();
        if self.level.whose() == Whose::Host {
            return Some(format!(
                "{name} has no limit: its times are snapshot_every_minutes and reconcile_at of [[process.inventory]]"
            ));
        }
        let priority = self.priority.as_deref()?;
        match self.level.priority() {
            Priority::OrderType => None,
            Priority::Severity if ["low", "normal", "high", "urgent"].contains(&priority) => None,
            Priority::Severity => Some(format!(
                "the priority of limit {name} is a severity, and {priority} is none; write low, normal, high or urgent"
            )),
            Priority::None => Some(format!(
                "limit {name} has the priority {priority}, and what it is about has none; leave priority out"
            )),
        }
    }

    fn millis(&self) -> i64 {
        (i64::from(self.minutes) * 60 + i64::from(self.seconds)) * 1_000
    }

    /// When to warn, and when it is breached.
    #[must_use]
    pub fn ends(&self, since: Timestamp, calendar: Option<&Calendar>) -> (Timestamp, Timestamp) {
        let millis = self.millis();
        let warn = millis * i64::from(self.warn_percent) / 100;
        match calendar.filter(|_| self.business_time) {
            Some(calendar) => (calendar.after(since, warn), calendar.after(since, millis)),
            None => {
                let plus =
                    |millis| Timestamp::from_millis(since.as_millis().saturating_add(millis));
                (plus(warn), plus(millis))
            }
        }
    }
}

// === impl Awaited ===

impl Awaited {
    /// Something that this one has to do.
    #[must_use]
    pub fn new(level: Level, subject: &str, on: &str) -> Self {
        Self {
            level,
            subject: subject.to_owned(),
            on: on.to_owned(),
            priority: None,
            until: None,
            since: None,
        }
    }

    /// With this priority.
    #[must_use]
    pub fn priority(mut self, priority: Option<&str>) -> Self {
        self.priority = priority.map(str::to_owned);
        self
    }

    /// With this end.
    #[must_use]
    pub fn until(mut self, until: Option<Timestamp>) -> Self {
        self.until = until;
        self
    }

    /// Begun then.
    #[must_use]
    pub fn since(mut self, since: Timestamp) -> Self {
        self.since = Some(since);
        self
    }
}

// === impl Wait ===

impl Wait {
    /// The name of one of its timers: `acceptance/north/breach`.
    #[must_use]
    pub fn timer(&self, ring: Ring) -> String {
        let ring = match ring {
            Ring::Warn => "warn",
            Ring::Breach => "breach",
        };
        format!("{}/{}/{ring}", self.level.name(), self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(partner: Option<&str>, priority: Option<&str>, minutes: u32) -> Limit {
        Limit {
            level: Level::Acceptance,
            partner: partner.map(str::to_owned),
            priority: priority.map(str::to_owned),
            minutes,
            seconds: 0,
            warn_percent: 75,
            business_time: false,
        }
    }

    #[test]
    fn the_nearest_limit_holds() {
        let limits = Limits::new(vec![
            limit(None, None, 60),
            limit(None, Some("rush"), 30),
            limit(Some("north"), None, 45),
            limit(Some("north"), Some("rush"), 15),
        ])
        .expect("limits");
        let minutes = |on, priority| {
            limits
                .of(Level::Acceptance, on, priority)
                .map(|it| it.minutes)
        };
        assert_eq!(minutes("south", None), Some(60));
        assert_eq!(minutes("south", Some("rush")), Some(30));
        assert_eq!(minutes("north", None), Some(45));
        assert_eq!(minutes("north", Some("rush")), Some(15));
        assert_eq!(minutes("north", Some("RUSH")), Some(15));
        assert_eq!(limits.of(Level::ShipBy, "north", None), None);
    }

    #[test]
    fn a_warning_comes_at_its_share() {
        let start = Timestamp::EPOCH;
        let (warn, breach) = limit(None, None, 60).ends(start, None);
        assert_eq!(
            (warn.as_millis(), breach.as_millis()),
            (45 * 60_000, 60 * 60_000)
        );
        let short = Limit {
            seconds: 8,
            ..limit(None, None, 1)
        };
        let (warn, breach) = short.ends(start, None);
        assert_eq!((warn.as_millis(), breach.as_millis()), (51_000, 68_000));
    }

    #[test]
    fn limits_that_can_not_be_meant_are_refused() {
        let errors =
            Limits::new(vec![limit(None, None, 0), limit(None, None, 5)]).expect_err("refused");
        let places: Vec<_> = errors.iter().map(|it| it.index).collect();
        assert_eq!(places, [Some(0), Some(1)], "{errors:?}");
    }

    #[test]
    fn limits_that_could_never_hold_are_refused() {
        let says = |level, priority: &str| {
            let limit = Limit {
                level,
                ..limit(None, Some(priority), 60)
            };
            match Limits::new(vec![limit]) {
                Ok(_) => String::new(),
                Err(faults) => faults[0].text.clone(),
            }
        };
        assert_eq!(says(Level::Acceptance, "rush"), "");
        assert_eq!(says(Level::ExceptionResolution, "urgent"), "");
        assert!(says(Level::ExceptionResolution, "rush").contains("write low, normal"));
        assert!(says(Level::Inspection, "rush").contains("leave priority out"));
        assert!(says(Level::Snapshot, "").contains("snapshot_every_minutes"));
    }
}
