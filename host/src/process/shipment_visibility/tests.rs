//! Each path of a shipment, and that disorder changes none.

mod ends;

use std::{collections::BTreeSet, rc::Rc};

use super::ShipmentVisibility;
use crate::{
    clock::Timestamp,
    contract::{CaseStatus, Document},
    process::{
        Command, EventKind, Machine as _, Policy, Signal,
        exception::{Action, Kind},
        testing::{
            Dice, Run, Told, at, carrier, crm, disorder_ends_as_order, milestone, policy, shipment,
            shipment_as, shop, sorted, warehouse,
        },
        timer::Level,
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
    let told = run.sent("order/");
    assert!(
        told.len() == 1 && told[0].starts_with("order/SO-1/delivered/"),
        "{told:?}"
    );
    assert_eq!(run.sent("shipment-delivered").len(), 1);
}

#[test]
fn who_waits_for_goods_can_not_say_where_they_are() {
    for who in [shop(), crm()] {
        let mut run = run("");
        let left = shipment("SH1", "SO-1", &at(0), "complete", &[("1", "A", 1)]);
        for document in [left, milestone("SH1", "delivered", &at(1), None)] {
            let step = run.document(&who, &document);
            assert_eq!(step.refusal.map(|it| it.code), Some("not-entitled"));
        }
        assert_eq!(run.status(), "unknown");
        assert!(run.sent("order/").is_empty());
    }
}

#[test]
fn what_is_said_to_happen_in_years_is_no_trouble_today() {
    let mut run = run("");
    let lost = milestone("SH1", "lost", "2062-03-02T12:00:00Z", None);
    let step = run.document(&carrier(), &lost);
    assert_eq!(step.refusal.map(|it| it.code), Some("time-unfit"));
    assert_eq!(run.kinds(), [Kind::UnfitNumber]);
    assert!(run.sent("order/").is_empty());
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

fn tell(dice: &mut Dice) -> Vec<Told> {
    let mut told = Vec::new();
    for _ in 0..dice.between(1, 12) {
        let estimate = dice
            .percent(40)
            .then(|| at(i64::from(dice.between(200, 400))));
        let happened = at(i64::from(dice.between(0, 200)));
        let code: &str = dice.pick::<&str>(CODES);
        let document = milestone("SH1", code, &happened, estimate.as_deref());
        told.push(Told::new(carrier(), document));
    }
    let confirm = |purpose| {
        let document = shipment_as("SH1", "SO-1", purpose, &at(5), "complete", &[("1", "A", 1)]);
        Told::new(warehouse("north"), document)
    };
    if dice.percent(50) {
        told.push(confirm("original"));
    }
    if dice.percent(20) {
        told.push(confirm("cancel"));
    }
    told
}

/// What two runs of one story must agree on.
#[derive(Debug, PartialEq)]
struct End {
    status: &'static str,
    facts: Vec<(String, String)>,
    /// Level and end.
    waits: Vec<(Level, Option<Timestamp>)>,
    exceptions: Vec<(Kind, String, String)>,
    /// What the order believes in the end.
    order: Option<&'static str>,
    /// Cases that are open at the service desk.
    cases: Vec<String>,
}

fn live(policy: &Rc<Policy>, happenings: &[(i64, Told)], careful: bool) -> End {
    let mut run = Run::<ShipmentVisibility>::of("shipment/SH1", policy);
    run.forgets = true;
    run.careful = careful;
    for (delay, told) in happenings {
        run.pass(*delay);
        run.told(told);
    }
    only_further(&run);
    let summary = ShipmentVisibility::summary(&run.state);
    let exceptions = summary
        .exceptions
        .iter()
        .filter(|it| it.kind != Kind::Overdue);
    let mut open = BTreeSet::new();
    for (case, status) in cases(&run) {
        match status {
            CaseStatus::Resolved => assert!(open.remove(&case), "{case} was not open"),
            _ => {
                open.insert(case);
            }
        }
    }
    End {
        status: summary.status,
        exceptions: sorted(exceptions.map(|it| (it.kind, it.subject.clone(), it.text.clone()))),
        facts: summary.facts,
        waits: summary
            .waits
            .into_iter()
            .filter(|it| it.level != Level::ExceptionResolution)
            .map(|it| (it.level, it.until))
            .collect(),
        order: believed(&run),
        cases: open.into_iter().collect(),
    }
}

/// What the order heard last, if that is not that nothing is wrong.
fn believed(run: &Run<ShipmentVisibility>) -> Option<&'static str> {
    let told = run.commands.iter().rev().find_map(|command| match command {
        Command::Tell { signal, .. } => Some(signal),
        _ => None,
    });
    match told? {
        Signal::ShipmentDelivered { .. } => Some("delivered"),
        Signal::ShipmentFailed { .. } => Some("failed"),
        Signal::ShipmentRecovered { .. } => None,
    }
}

/// The stages that were told only ever got further, or were cancelled or returned.
fn only_further(run: &Run<ShipmentVisibility>) {
    let mut last = None;
    let told = run
        .events
        .iter()
        .filter(|it| it.kind == EventKind::MilestoneAdvanced);
    for event in told {
        let rank = CODES_IN_ORDER.iter().position(|it| *it == event.subject);
        let leaves = ["cancelled", "returned"].contains(&event.subject.as_str());
        assert!(
            leaves || last.is_none_or(|last| rank >= last),
            "{:?}",
            run.events
        );
        last = (!leaves).then_some(rank).or(last);
    }
}

#[test]
fn disorder_ends_where_order_ends() {
    let limits = "[[limit]]\nlevel = \"milestone-freshness\"\nminutes = 30\n[[limit]]\nlevel = \"delivery\"\nminutes = 30\n";
    let policy = policy(limits);
    disorder_ends_as_order(tell, |happenings, careful| {
        live(&policy, happenings, careful)
    });
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
