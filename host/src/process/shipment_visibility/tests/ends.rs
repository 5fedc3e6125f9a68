//! What ends trouble, what the order hears of it, and what comes when all is over.

use super::{cases, moved, run};
use crate::{
    contract::{CaseStatus, Document},
    process::{
        Delivered,
        testing::{at, carrier, milestone, shipment, shipment_as, warehouse},
    },
};

const LINES: &[(&str, &str, i32)] = &[("1", "A", 1)];

#[test]
fn a_shipment_that_was_called_off_has_no_trouble_any_more() {
    let mut run = run("");
    let north = warehouse("north");
    run.document(&north, &shipment("SH1", "SO-1", &at(0), "complete", LINES));
    moved(&mut run, "delayed", 20);
    assert_eq!(run.kinds().len(), 1);
    let called_off = shipment_as("SH1", "SO-1", "cancel", &at(30), "complete", LINES);
    run.document(&north, &called_off);
    assert_eq!((run.status(), run.kinds()), ("cancelled", vec![]));
    let statuses: Vec<CaseStatus> = cases(&run).into_iter().map(|it| it.1).collect();
    assert_eq!(statuses, [CaseStatus::Open, CaseStatus::Resolved]);
}

#[test]
fn a_case_that_is_over_is_over_once() {
    let mut run = run("");
    moved(&mut run, "delayed", 20);
    moved(&mut run, "delivered", 40);
    assert_eq!(cases(&run).len(), 2);
    // Told late, of the time before.
    moved(&mut run, "delayed", 25);
    assert_eq!(cases(&run).len(), 2);
}

#[test]
fn the_order_hears_of_each_turn_and_of_no_trouble_that_it_never_heard_of() {
    let mut run = run("");
    moved(&mut run, "delivered", 40);
    moved(&mut run, "returned-to-shipper", 50);
    moved(&mut run, "delivered", 60);
    let told = run.sent("order/SO-1");
    let words: Vec<&str> = told.iter().filter_map(|it| it.split('/').nth(2)).collect();
    assert_eq!(words, ["delivered", "failed", "delivered"]);

    let mut run = super::run("");
    moved(&mut run, "in-transit", 30);
    moved(&mut run, "lost", 20);
    assert!(
        run.sent("order/").is_empty(),
        "it was found before anybody knew"
    );
    assert_eq!(run.kinds(), []);
}

#[test]
fn nothing_wakes_a_shipment_that_has_arrived() {
    let mut run = run("[[limit]]\nlevel = \"milestone-freshness\"\nminutes = 60\n");
    moved(&mut run, "in-transit", 10);
    moved(&mut run, "delivered", 40);
    let (commands, events) = (run.commands.len(), run.events.len());
    run.ring("milestone-freshness//breach");
    run.ring("delivery//breach");
    run.outcome("erp/stage/delivered", Delivered::Done { external_id: None });
    run.outcome("other", Delivered::Done { external_id: None });
    moved(&mut run, "picked", 5);
    run.pass(10_000);
    assert_eq!(run.status(), "delivered");
    assert_eq!((run.commands.len(), run.events.len()), (commands, events));
}

#[test]
fn a_shipment_has_its_facts() {
    let mut run = run("");
    let mut shipped = shipment("SH1", "SO-1", &at(0), "complete", LINES);
    if let Document::Shipment(it) = &mut shipped {
        it.tracking = vec!["1Z999".to_owned()];
        it.expected_delivery = Some(it.shipped_at.clone());
    }
    run.document(&warehouse("north"), &shipped);
    let mut delayed = milestone("SH1", "delayed", &at(20), Some(&at(500)));
    if let Document::Milestone(it) = &mut delayed {
        it.tracking = Some("1Z999-2".to_owned());
    }
    run.document(&carrier(), &delayed);
    for (name, value) in [
        ("order_no", "SO-1"),
        ("stage", "departed"),
        ("stage_at", at(0).as_str()),
        ("estimate", at(500).as_str()),
        ("tracking", "1Z999-2"),
        ("troubles", "delayed"),
    ] {
        assert_eq!(run.fact(name), value, "{name}");
    }
}
