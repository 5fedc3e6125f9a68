//! Each path of a shipment, and that disorder changes none.

use proptest::prelude::*;

use super::ShipmentVisibility;
use crate::{
    contract::{CaseStatus, Document},
    process::{
        EventKind, Origin,
        exception::{Action, Kind},
        testing::{
            Run, at, carrier, disorder, milestone, shipment, shipment_as, sorted, warehouse,
        },
    },
};

fn run(settings: &str) -> Run<ShipmentVisibility> {
    Run::new("shipment/SH1", settings)
}

fn moved(run: &mut Run<ShipmentVisibility>, code: &str, minutes: i64) {
    run.document(&carrier(), &milestone("SH1", code, &at(minutes), None));
}

fn cases(run: &Run<ShipmentVisibility>) -> Vec<(String, CaseStatus)> {
    let case = |document: Document| match document {
        Document::ServiceCase(it) => Some((it.external_key, it.status)),
        _ => None,
    };
    run.written("case/").into_iter().filter_map(case).collect()
}

#[test]
fn a_shipment_moves_forward_and_each_change_is_told_once() {
    let mut run = run("");
    run.document(
        &warehouse("north"),
        &shipment("SH1", "SO-1", &at(0), "complete", &[("1", "A", 1)]),
    );
    assert_eq!(run.status(), "departed");
    moved(&mut run, "in-transit", 10);
    moved(&mut run, "arrived-terminal", 20);
    moved(&mut run, "out-for-delivery", 30);
    moved(&mut run, "delivered", 40);
    assert_eq!(run.status(), "delivered");
    for receiver in ["erp", "crm", "shops"] {
        let told = run.sent(&format!("{receiver}/stage"));
        assert_eq!(
            told,
            ["in-transit", "out-for-delivery", "delivered"]
                .map(|it| format!("{receiver}/stage/{it}"))
        );
    }
    assert_eq!(run.sent("order/"), ["order/SO-1/delivered"]);
    assert_eq!(run.sent("shipment-delivered").len(), 1);
}

#[test]
fn what_comes_late_moves_nothing_back() {
    let mut run = run("");
    moved(&mut run, "delivered", 40);
    let told = run.commands.len();
    moved(&mut run, "in-transit", 10);
    moved(&mut run, "departed-origin", 50);
    assert_eq!((run.status(), run.commands.len()), ("delivered", told));
}

#[test]
fn an_estimate_moves_the_estimate_and_nothing_else() {
    let mut run = run("");
    moved(&mut run, "in-transit", 10);
    run.document(
        &carrier(),
        &milestone("SH1", "estimate", &at(30), Some(&at(500))),
    );
    run.document(
        &carrier(),
        &milestone("SH1", "estimate", &at(20), Some(&at(300))),
    );
    assert_eq!(run.status(), "in-transit");
    assert_eq!(
        run.state.estimated_delivery(),
        Some(at(500).as_str()),
        "the one made last"
    );
    assert_eq!(run.times(EventKind::EstimateMoved), 1);
}

#[test]
fn delivered_and_then_returned_is_returned() {
    let mut run = run("");
    moved(&mut run, "delivered", 40);
    moved(&mut run, "returned-to-shipper", 90);
    assert_eq!(
        (run.status(), run.kinds()),
        ("returned", vec![Kind::ReturnToSender])
    );
    assert_eq!(run.sent("order/").len(), 2, "{:?}", run.sent("order/"));
    let mut again = Run::<ShipmentVisibility>::new("shipment/SH1", "");
    moved(&mut again, "returned-to-shipper", 40);
    moved(&mut again, "delivered", 90);
    assert_eq!((again.status(), again.kinds()), ("delivered", vec![]));
}

#[test]
fn trouble_is_one_case_for_each_cause_and_closes() {
    let mut run = run("");
    moved(&mut run, "in-transit", 10);
    moved(&mut run, "delayed", 20);
    moved(&mut run, "delayed", 25);
    moved(&mut run, "attempted", 30);
    assert_eq!(run.kinds().len(), 2);
    moved(&mut run, "delivered", 40);
    assert_eq!(run.kinds(), []);
    let cases = cases(&run);
    let delayed: Vec<_> = cases
        .iter()
        .filter(|it| it.0 == "shipment/SH1/delayed")
        .map(|it| it.1.clone())
        .collect();
    assert_eq!(
        delayed,
        [CaseStatus::Open, CaseStatus::Open, CaseStatus::Resolved]
    );
    assert_eq!(cases.len(), 5);
}

#[test]
fn refusal_damage_and_loss_need_what_ends_them() {
    for (code, kind, ends) in [
        ("refused", Kind::Refusal, "returned-to-shipper"),
        ("damaged", Kind::TransitDamage, "returned-to-shipper"),
        ("lost", Kind::Loss, "in-transit"),
        ("delivered-partial", Kind::PartialDelivery, "delivered"),
    ] {
        let mut run = run("");
        moved(&mut run, code, 20);
        assert_eq!(run.kinds(), [kind]);
        moved(&mut run, ends, 10);
        assert!(
            run.kinds().contains(&kind),
            "{code}: what happened before ends nothing"
        );
        moved(&mut run, ends, 30);
        assert!(!run.kinds().contains(&kind), "{code}");
    }
    let mut run = run("");
    moved(&mut run, "damaged", 20);
    moved(&mut run, "delivered", 30);
    assert_eq!(
        run.kinds(),
        [Kind::TransitDamage],
        "a delivery does not mend it"
    );
    run.act(Kind::TransitDamage, Action::AcceptVariance);
    assert_eq!(run.kinds(), []);
    assert_eq!(
        cases(&run).last().map(|it| it.1.clone()),
        Some(CaseStatus::Resolved)
    );
}

#[test]
fn the_order_hears_of_loss_and_recovery() {
    let mut run = run("");
    moved(&mut run, "lost", 20);
    moved(&mut run, "in-transit", 30);
    moved(&mut run, "delivered", 40);
    let told = run.sent("order/SO-1");
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].contains("failed")
            && told[1].contains("recovered")
            && told[2].contains("delivered")
    );
}

#[test]
fn a_cancelled_shipment_is_cancelled_unless_it_moved() {
    let mut run = run("");
    run.document(
        &warehouse("north"),
        &shipment("SH1", "SO-1", &at(0), "complete", &[("1", "A", 1)]),
    );
    run.document(
        &warehouse("north"),
        &shipment_as(
            "SH1",
            "SO-1",
            "cancel",
            &at(0),
            "complete",
            &[("1", "A", 1)],
        ),
    );
    assert_eq!(run.status(), "cancelled");
    moved(&mut run, "in-transit", 10);
    assert_eq!(run.status(), "in-transit");
}

#[test]
fn silence_is_noticed_until_there_is_news() {
    let mut run = run("[[limit]]\nlevel = \"milestone-freshness\"\nminutes = 60\n");
    moved(&mut run, "in-transit", 0);
    run.pass(61);
    assert_eq!(run.kinds(), [Kind::Overdue]);
    moved(&mut run, "arrived-terminal", 60);
    assert_eq!(run.kinds(), []);
    run.pass(70);
    assert_eq!(run.kinds(), [Kind::Overdue]);
    moved(&mut run, "delivered", 130);
    assert_eq!(
        (run.kinds(), run.times(EventKind::LevelBreached)),
        (vec![], 2)
    );
    run.pass(10_000);
    assert_eq!(run.kinds(), []);
}

#[test]
fn a_passed_estimate_is_overdue() {
    let mut run = run("");
    run.document(
        &carrier(),
        &milestone("SH1", "in-transit", &at(0), Some(&at(100))),
    );
    run.pass(101);
    assert_eq!(run.kinds(), [Kind::Overdue]);
    run.document(
        &carrier(),
        &milestone("SH1", "estimate", &at(101), Some(&at(200))),
    );
    assert_eq!(run.kinds(), []);
}

const CODES: &[&str] = &[
    "created",
    "accepted",
    "picked",
    "packed",
    "loaded",
    "departed-origin",
    "in-transit",
    "arrived-terminal",
    "departed-terminal",
    "customs",
    "out-for-delivery",
    "arrived-destination",
    "delivered",
    "delivered-partial",
    "attempted",
    "refused",
    "delayed",
    "damaged",
    "lost",
    "returned-to-shipper",
    "cancelled",
    "estimate",
];

prop_compose! {
    fn happening()(
        code in prop::sample::select(CODES),
        minutes in 0..200_i64,
        estimate in prop::option::of(200..400_i64),
    ) -> (Origin, Document) {
        (carrier(), milestone("SH1", code, &at(minutes), estimate.map(at).as_deref()))
    }
}

fn play(happenings: &[(i64, (Origin, Document))]) -> Run<ShipmentVisibility> {
    let limits = "[[limit]]\nlevel = \"milestone-freshness\"\nminutes = 30\n[[limit]]\nlevel = \"delivery\"\nminutes = 30\n";
    let mut run = run(limits);
    run.forgets = true;
    for (delay, (from, document)) in happenings {
        run.pass(*delay);
        run.document(from, document);
    }
    run
}

fn outcome(run: &Run<ShipmentVisibility>) -> impl PartialEq + std::fmt::Debug {
    let exceptions = run
        .exceptions()
        .into_iter()
        .filter(|it| it.kind != Kind::Overdue);
    (
        run.status(),
        run.state.estimated_delivery().map(str::to_owned),
        sorted(run.state.open_troubles_by_name()),
        sorted(exceptions.map(|it| (it.kind, it.subject, it.text))),
    )
}

proptest! {
    #[test]
    fn disorder_ends_where_order_ends(
        happenings in prop::collection::vec(happening(), 1..12),
        ships in any::<bool>(),
        cancels in prop::bool::weighted(0.2),
        seed in any::<u64>(),
    ) {
        let mut happenings = happenings;
        let confirm = |purpose| shipment_as("SH1", "SO-1", purpose, &at(5), "complete", &[("1", "A", 1)]);
        if ships {
            happenings.push((warehouse("north"), confirm("original")));
        }
        if cancels {
            happenings.push((warehouse("north"), confirm("cancel")));
        }
        let orderly: Vec<_> = happenings.iter().cloned().map(|it| (1, it)).collect();
        let (expected, disordered) = (play(&orderly), play(&disorder(&happenings, seed)));
        prop_assert_eq!(outcome(&disordered), outcome(&expected));
        // The stages that were told only ever got further, or were cancelled or returned.
        let mut last = None;
        for event in disordered.events.iter().filter(|it| it.kind == EventKind::MilestoneAdvanced) {
            let rank = CODES_IN_ORDER.iter().position(|it| *it == event.subject);
            let leaves = ["cancelled", "returned"].contains(&event.subject.as_str());
            prop_assert!(leaves || last.is_none_or(|last| rank >= last), "{:?}", disordered.events);
            last = (!leaves).then_some(rank).or(last);
        }
    }
}

const CODES_IN_ORDER: &[&str] = &[
    "unknown",
    "created",
    "accepted",
    "released",
    "picked",
    "packed",
    "loaded",
    "departed",
    "in-transit",
    "out-for-delivery",
    "arrived",
    "delivered-partly",
    "delivered",
];
