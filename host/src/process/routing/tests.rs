//! Routing decides as its rules say, says why, and refuses rules that can't be meant.

use std::collections::BTreeMap;

use super::*;
use crate::process::policy::{Config, Fault, Policy};

#[derive(Default)]
struct World {
    stock: BTreeMap<(String, String), Stock>,
    open: BTreeMap<String, u32>,
    down: Vec<String>,
}

impl Supply for World {
    fn stock(&self, node: &str, sku: &str) -> Option<Stock> {
        self.stock.get(&(node.to_owned(), sku.to_owned())).copied()
    }

    fn open_orders(&self, node: &str) -> u32 {
        self.open.get(node).copied().unwrap_or_default()
    }

    fn answers(&self, node: &str) -> bool {
        !self.down.iter().any(|down| down == node)
    }
}

const SETTINGS: &str = r#"
    [[calendar]]
    name = "north"
    time_zone = "America/Chicago"
    hours = { monday = "08:00-17:00", tuesday = "08:00-17:00" }

    [[node]]
    name = "north"
    regions = [{ country = "US", postal = ["5", "6"] }]
    services = ["GROUND", "EXPRESS"]
    cut_off = "14:00"
    open_orders_max = 10
    priority = 1

    [[node]]
    name = "south"
    regions = [{ country = "US" }]
    services = ["GROUND"]
    carriers = ["UPSN"]
    priority = 2

    [[node]]
    name = "spare"
    priority = 9

    [[routing]]
    name = "rush"
    when = { order_type = ["rush"] }
    nodes = ["spare"]

    [[routing]]
    name = "rest"
    nodes = ["south", "north", "spare"]
"#;

fn policy(settings: &str) -> Result<Policy, Vec<Fault>> {
    let config: Config = toml::from_str(settings).expect("settings");
    Policy::new(config)
}

fn request() -> Request {
    Request {
        country: Some("US".to_owned()),
        postal: Some("60601".to_owned()),
        items: vec![("A".to_owned(), Number::whole(10))],
        ..Request::default()
    }
}

/// Monday 2026-03-02, ten in the morning in Chicago.
fn monday() -> Timestamp {
    Timestamp::from_millis(1_772_467_200_000)
}

fn decide(request: &Request, world: &World) -> Decision {
    let policy = policy(SETTINGS).expect("a policy");
    policy
        .routing
        .decide(request, world, &policy.calendars, monday())
}

fn stocked(nodes: &[(&str, i32, bool)]) -> World {
    let mut world = World::default();
    for (node, available, stale) in nodes {
        let stock = Stock {
            available: Number::whole(*available),
            stale: *stale,
        };
        world
            .stock
            .insert(((*node).to_owned(), "A".to_owned()), stock);
    }
    world
}

#[test]
fn takes_a_node_with_stock_and_says_why_not_the_others() {
    let decision = decide(
        &request(),
        &stocked(&[("north", 9, false), ("south", 10, false)]),
    );
    assert_eq!(decision.node.as_deref(), Some("south"));
    assert_eq!(decision.rule, "rest");
    let north = decision
        .reasons
        .iter()
        .find(|it| it.node == "north")
        .expect("north");
    assert!(!north.eligible);
    assert_eq!(north.text, "it has 9 of A, 10 are wanted");
}

#[test]
fn known_stock_goes_before_unknown_and_stale() {
    let decision = decide(
        &request(),
        &stocked(&[("north", 0, true), ("spare", 10, false)]),
    );
    assert_eq!(decision.node.as_deref(), Some("spare"));
    let decision = decide(&request(), &World::default());
    assert_eq!(decision.node.as_deref(), Some("south"), "{decision:?}");
}

#[test]
fn the_erp_s_wish_goes_first_where_it_can() {
    let wish = Request {
        preferred: Some("north".to_owned()),
        ..request()
    };
    let full = stocked(&[("north", 10, false), ("south", 10, false)]);
    assert_eq!(decide(&wish, &full).node.as_deref(), Some("north"));
    let without = stocked(&[("north", 1, false), ("south", 10, false)]);
    assert_eq!(decide(&wish, &without).node.as_deref(), Some("south"));
}

#[test]
fn region_service_carrier_and_capacity_must_fit() {
    let mut world = World::default();
    world.open.insert("north".to_owned(), 10);
    let why = |request: &Request, node: &str| {
        let decision = decide(request, &world);
        let reason = decision.reasons.into_iter().find(|it| it.node == node);
        reason.map(|it| it.text).unwrap_or_default()
    };
    let abroad = Request {
        country: Some("CA".to_owned()),
        ..request()
    };
    assert_eq!(why(&abroad, "south"), "it does not ship to CA 60601");
    let express = Request {
        service: Some("express".to_owned()),
        ..request()
    };
    assert_eq!(why(&express, "south"), "it does not offer express");
    let carried = Request {
        carrier: Some("FDXG".to_owned()),
        ..request()
    };
    assert_eq!(why(&carried, "south"), "FDXG does not fetch there");
    assert_eq!(why(&request(), "north"), "it is full: 10 of 10 orders open");
}

#[test]
fn a_node_is_never_tried_twice_and_none_left_is_said() {
    let tried = |nodes: &[&str]| Request {
        tried: nodes.iter().map(|&node| node.to_owned()).collect(),
        ..request()
    };
    let world = World::default();
    assert_eq!(
        decide(&tried(&["south"]), &world).node.as_deref(),
        Some("spare")
    );
    let none = decide(&tried(&["south", "spare", "north"]), &world);
    assert_eq!(none.node, None);
    assert!(
        none.reasons
            .iter()
            .all(|it| it.text == "it was tried before")
    );
}

#[test]
fn a_partner_that_is_down_goes_last_and_not_away() {
    let mut world = stocked(&[("south", 10, false), ("north", 10, false)]);
    world.down.push("south".to_owned());
    assert_eq!(decide(&request(), &world).node.as_deref(), Some("north"));
    world.down.extend(["north".to_owned(), "spare".to_owned()]);
    assert!(decide(&request(), &world).node.is_some());
}

#[test]
fn the_first_rule_that_fits_decides() {
    let rush = Request {
        order_type: Some("rush".to_owned()),
        ..request()
    };
    let decision = decide(&rush, &World::default());
    assert_eq!(
        (decision.rule.as_str(), decision.node.as_deref()),
        ("rush", Some("spare"))
    );
}

#[test]
fn rules_that_can_not_be_meant_are_refused() {
    let node = "[[node]]\nname = \"a\"\n";
    let cases = [
        (
            "[[routing]]\nname = \"r\"\nnodes = [\"b\"]\n",
            "asks node b, which there is not",
        ),
        ("[[routing]]\nname = \"r\"\nnodes = []\n", "asks no node"),
        (
            "[[routing]]\nname = \"r\"\nnodes = [\"a\"]\nwhen = { country = [\"US\"] }\n",
            "no routing rule takes what is left",
        ),
        (
            "[[routing]]\nname = \"all\"\nnodes = [\"a\"]\n[[routing]]\nname = \"r\"\nnodes = [\"a\"]\nwhen = { postal = [\"6\"] }\n",
            "rule r can never decide",
        ),
        (
            "[[node]]\nname = \"a\"\n[[routing]]\nname = \"all\"\nnodes = [\"a\"]\n",
            "node a stands twice",
        ),
        (
            "[[node]]\nname = \"b\"\ncut_off = \"14:00\"\n[[routing]]\nname = \"all\"\nnodes = [\"a\"]\n",
            "no calendar",
        ),
        (
            "[[routing]]\nname = \"r\"\nnodes = [\"a\"]\nwhen = { country = [\"USA\"] }\n",
            "write its two letters",
        ),
        (
            "[[routing]]\nname = \"r\"\nnodes = [\"a\"]\nwhen = { postal = [\"\"] }\n",
            "empty postal prefix",
        ),
        (
            "[[routing]]\nname = \"\"\nnodes = [\"a\"]\n",
            "a name of its own",
        ),
        (
            "[[node]]\nname = \"b\"\nopen_orders_max = 0\n",
            "would get none",
        ),
        (
            "[[node]]\nname = \"b\"\nregions = [{ country = \"US\", postal = [\"\"] }]\n",
            "leave postal out",
        ),
    ];
    for (settings, says) in cases {
        let errors = policy(&format!("{node}{settings}")).expect_err(says);
        assert!(
            errors.iter().any(|error| error.text.contains(says)),
            "{says}: {errors:?}"
        );
    }
}

#[test]
fn a_postal_code_may_be_spelled_in_any_way() {
    for (code, prefix, fits) in [
        ("sw1a 2aa", "SW1A2", true),
        ("SW1A2AA", "sw1a 2", true),
        ("00-950", "009", true),
        ("55802", "55", true),
        ("55802", "558-03", false),
        ("5", "55", false),
    ] {
        assert_eq!(begins(code, prefix), fits, "{code} {prefix}");
    }
}

#[test]
fn a_narrower_rule_above_hides_nothing() {
    let settings = "[[node]]\nname = \"a\"\n\
        [[routing]]\nname = \"city\"\nnodes = [\"a\"]\nwhen = { postal = [\"606\"] }\n\
        [[routing]]\nname = \"state\"\nnodes = [\"a\"]\nwhen = { postal = [\"6\"] }\n\
        [[routing]]\nname = \"all\"\nnodes = [\"a\"]\n";
    assert!(policy(settings).is_ok());
}
