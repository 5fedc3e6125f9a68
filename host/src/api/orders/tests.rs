//! The order across all systems, told of what its process and partners did.

use serde_json::{Value, json};

use super::*;
use crate::{
    api::testing::{Site, answer, milestone, order, shipment, warehouse},
    process::{Role, order_to_fulfilment::OrderToFulfilment},
};

const LINES: &[(&str, &str, u32)] = &[("1", "TEA", 10), ("2", "CUP", 5)];

/// Placed by the shop, accepted by the ERP, refused by north, released to south, and a
/// part of it is on its way.
fn site() -> Site {
    let limits = r#"
        [[limit]]
        level = "ship-by"
        minutes = 60
    "#;
    let mut site = Site::new(limits);
    site.document("web", Role::Shop, &order("SO-1", LINES));
    site.wait(1);
    site.document("erp", Role::Erp, &answer("SO-1", "accepted", None));
    site.wait(1);
    let refusal = answer("SO-1", "rejected", Some("stock-shortage"));
    site.document("north-3pl", warehouse("north"), &refusal);
    site.wait(1);
    let accepted = answer("SO-1", "accepted", None);
    site.document("south-3pl", warehouse("south"), &accepted);
    site.wait(1);
    let part = shipment("SH-1", "SO-1", "1", "TEA", 4);
    site.document("south-3pl", warehouse("south"), &part);
    site.wait(1);
    site.document("ups", Role::Carrier, &milestone("SH-1", "in-transit"));
    site
}

fn shown(site: &Site) -> Value {
    let instance = found(&site.source(), "SO-1").unwrap();
    told(&site.source(), &Partners::default(), &instance).unwrap()
}

fn system<'a>(order: &'a Value, partner: &str) -> &'a Value {
    let systems = order["systems"].as_array().unwrap();
    let found = systems.iter().find(|it| it["partner"] == partner);
    found.unwrap_or_else(|| panic!("no {partner} in {systems:?}"))
}

#[test]
fn an_order_tells_where_it_stands_and_what_it_waits_for() {
    let site = site();
    let order = shown(&site);
    assert_eq!(order["order_no"], "SO-1");
    assert_eq!(order["status"], "partly-shipped");
    assert_eq!(order["correlation_id"], "from-web", "that of what began it");
    let lines = order["order"]["lines"].as_array().unwrap();
    assert_eq!(lines[0]["shipped"], "4");
    assert_eq!(lines[0]["open"], "6");
    assert_eq!(lines[1]["open"], "5");
    let wait = &order["waits"][0];
    assert_eq!(
        (&wait["level"], &wait["on"]),
        (&json!("ship-by"), &json!("south"))
    );
    assert!(wait["since"].is_string() && wait["until"].is_string());
    assert_eq!(wait["overdue"], false);
}

#[test]
fn what_is_waited_for_too_long_is_overdue_when_it_is_asked() {
    let mut site = site();
    site.wait(61);
    assert_eq!(shown(&site)["waits"][0]["overdue"], true);
}

#[test]
fn each_system_has_its_own_number_and_state() {
    let mut site = site();
    let sent = site.sent(OrderToFulfilment::NAME, "order/SO-1");
    let to_erp = sent
        .iter()
        .find(|id| site.view().delivery(**id).unwrap().to.as_str() == "erp");
    site.deliver(*to_erp.unwrap(), "4500012");
    let order = shown(&site);
    let erp = system(&order, "erp");
    assert_eq!(
        erp["numbers"],
        json!([{ "kind": "order", "number": "4500012" }])
    );
    assert!(erp["last_heard_at"].is_string());
    let south = system(&order, "south-3pl");
    assert_eq!(south["delivery"], "pending");
    assert_eq!(south["deliveries"][0]["business_key"], "order/SO-1");
    assert_eq!(
        system(&order, "web")["deliveries"]
            .as_array()
            .unwrap()
            .len(),
        sent.iter()
            .filter(|id| site.view().delivery(**id).unwrap().to.as_str() == "web")
            .count()
    );
}

#[test]
fn why_a_node_was_chosen_stands_with_the_reasons_of_that_moment() {
    let order = shown(&site());
    let routing = order["routing"].as_array().unwrap();
    let nodes: Vec<_> = routing.iter().map(|it| it["node"].as_str()).collect();
    assert_eq!(nodes, [Some("north"), Some("south")]);
    assert_eq!(routing[0]["rule"], "all");
    let reasons = routing[1]["reasons"].as_array().unwrap();
    let north = reasons.iter().find(|it| it["node"] == "north").unwrap();
    assert!(north["text"].as_str().unwrap().contains("tried"), "{north}");
}

#[test]
fn the_timeline_has_messages_steps_shipments_and_deliveries_in_the_order_of_time() {
    let order = shown(&site());
    let timeline = order["timeline"].as_array().unwrap();
    let times: Vec<_> = timeline
        .iter()
        .map(|it| it["at"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    for entry in timeline {
        assert!(entry["correlation_id"].is_string(), "{entry}");
    }
    let said = |kind: &str, text: &str| {
        timeline
            .iter()
            .any(|it| it["kind"] == kind && it["text"].as_str().unwrap().starts_with(text))
    };
    assert!(said("message", "order from web"));
    assert!(said("message", "order-response from north-3pl"));
    assert!(said("order", "order routed: south"));
    assert!(said("shipment", "milestone advanced: in-transit"));
    assert!(said("delivery", "order to south-3pl: pending"));
    assert_eq!(order["timeline_cut"], false);
    assert_eq!(order["shipments"][0]["shipment_id"], "SH-1");
    assert_eq!(order["shipments"][0]["status"], "in-transit");
    assert_eq!(
        order["messages"].as_array().unwrap().len(),
        5,
        "about the order itself"
    );
}

#[test]
fn orders_are_found_by_what_is_known_of_them() {
    let mut site = site();
    site.document("crm", Role::Crm, &order("SO-2", LINES));
    site.document("web", Role::Shop, &order("SX-3", LINES));
    let numbers = |search: Search| -> Vec<String> {
        let listed = listed(&site.source(), &search.filter().unwrap());
        let orders = listed["orders"].as_array().unwrap().iter();
        orders
            .map(|it| it["order_no"].as_str().unwrap().to_owned())
            .collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(numbers(Search::default()), ["SO-1", "SO-2", "SX-3"]);
    assert_eq!(
        numbers(Search {
            placed_by: some("web"),
            ..Search::default()
        }),
        ["SO-1", "SX-3"]
    );
    assert_eq!(
        numbers(Search {
            node: some("south"),
            ..Search::default()
        }),
        ["SO-1"]
    );
    assert_eq!(
        numbers(Search {
            waiting: some("ship-by"),
            ..Search::default()
        }),
        ["SO-1"]
    );
    assert_eq!(
        numbers(Search {
            status: some("validating"),
            ..Search::default()
        }),
        ["SO-2", "SX-3"]
    );
    assert_eq!(
        numbers(Search {
            order_no: some("SO-"),
            ..Search::default()
        }),
        ["SO-1", "SO-2"]
    );
    assert_eq!(
        numbers(Search {
            after: some("SO-1"),
            ..Search::default()
        }),
        ["SO-2", "SX-3"]
    );
    let page = listed(
        &site.source(),
        &Search {
            limit: Some(2),
            ..Search::default()
        }
        .filter()
        .unwrap(),
    );
    assert_eq!(page["next"], "SO-2");
}

#[test]
fn an_order_that_no_process_knows_is_not_found_but_its_messages_are_pointed_to() {
    let site = site();
    let problem = found(&site.source(), "SO 9").err().unwrap();
    assert_eq!(problem.status().as_u16(), 404);
    let told: Value = serde_json::from_slice(&problem.to_json()).unwrap();
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("business_key=order%2FSO%209"), "{detail}");
}
