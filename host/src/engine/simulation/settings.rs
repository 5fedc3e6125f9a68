//! Who takes part, and what the business wants.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use crate::{
    deliver::{endpoint, transport::Transport},
    message::PartnerName,
    partner::{Endpoint, Partner, Partners, Tables, Terms},
    process::{Policy, Role},
};

/// Limits are far longer than anything takes that goes well, outages included, so that
/// only who never answers breaches them.
const POLICY: &str = r#"
    [[node]]
    name = "north"
    priority = 1

    [[node]]
    name = "south"
    priority = 2

    [[routing]]
    name = "all"
    nodes = ["north", "south"]

    [[limit]]
    level = "acceptance"
    minutes = 360

    [[limit]]
    level = "outage"
    minutes = 300

    [[limit]]
    level = "order-acknowledgement"
    minutes = 480

    [[limit]]
    level = "milestone-freshness"
    minutes = 480

    [[limit]]
    level = "exception-resolution"
    minutes = 240
"#;

/// Where deliveries go to.
pub(super) const RECEIVERS: [&str; 5] = ["erp", "crm", "shop", "north", "south"];

/// What is the same in all runs.
pub(super) struct Settings {
    pub(super) partners: Arc<Partners>,
    pub(super) policy: Arc<Policy>,
}

// === impl Settings ===

impl Settings {
    pub(super) fn get() -> &'static Self {
        static SETTINGS: OnceLock<Settings> = OnceLock::new();
        SETTINGS.get_or_init(|| Self {
            partners: Arc::new(partners()),
            policy: Arc::new(
                Policy::new(toml::from_str(POLICY).expect("settings")).expect("a policy"),
            ),
        })
    }
}

pub(super) fn name(partner: &str) -> PartnerName {
    PartnerName::parse(partner).expect("a name")
}

fn partners() -> Partners {
    let warehouse = |node: &str| Role::Warehouse {
        node: node.to_owned(),
    };
    let all = [
        ("erp", Role::Erp),
        ("crm", Role::Crm),
        ("shop", Role::Shop),
        ("carrier", Role::Carrier),
        ("north", warehouse("north")),
        ("south", warehouse("south")),
    ];
    Partners::new(all.map(|(partner, role)| Partner {
        name: name(partner),
        role: Some(role),
        takes: None,
        adapter: "canonical-json".to_owned(),
        settings: Vec::new(),
        tables: Tables::default(),
        endpoint: RECEIVERS.contains(&partner).then(|| endpoint(partner)),
        acknowledge: false,
        poll: None,
        terms: Terms::default(),
    }))
}

/// Nothing is ever sent there: the run takes it.
fn endpoint(partner: &str) -> Endpoint {
    let config = endpoint::Config {
        url: Some(format!("https://{partner}.example.com/")),
        ..endpoint::Config::standard()
    };
    let transport = Transport::build(&name(partner), &config, &BTreeMap::new());
    Endpoint {
        config,
        transport: transport.expect("an endpoint"),
    }
}
