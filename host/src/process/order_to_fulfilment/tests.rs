//! Each path of an order, refusals included.

mod disorder;
mod ends;
mod late;
mod nodes;
mod shipments;
mod verdict;

use super::{OrderToFulfilment, State};
use crate::{
    contract::{Document, Purpose},
    process::{
        Command, Delivered, EventKind, Number, Receiver, Signal,
        exception::{Action, Kind},
        testing::{Run, answer, at, erp, invoice, order, order_as, shipment, shop, warehouse},
    },
};

/// Two lines: 10 of A, 5 of B.
fn ordered() -> Document {
    order("SO-1", &[("1", "A", 10), ("2", "B", 5)])
}

/// What must hold of each state.
pub(super) fn conserved(state: &State) {
    for line in state.quantities() {
        let parts = line.shipped + line.cancelled + line.short + line.open;
        assert_eq!(line.ordered, parts, "{line:?}");
        for part in [
            line.shipped,
            line.over,
            line.cancelled,
            line.short,
            line.open,
        ] {
            assert!(part >= Number::ZERO, "{line:?}");
        }
    }
}

fn run(settings: &str) -> Run<OrderToFulfilment> {
    Run::new("order/SO-1", settings).always(conserved)
}

/// Placed, accepted by the ERP, released to north.
fn released(settings: &str) -> Run<OrderToFulfilment> {
    let mut run = run(settings);
    run.document(&shop(), &ordered());
    run.document(&erp(), &answer("SO-1", "accepted", 1, ""));
    run
}

fn arrive(run: &mut Run<OrderToFulfilment>, id: &str) {
    let shipment_id = id.to_owned();
    run.signal(
        &format!("arrived/{id}"),
        Signal::ShipmentDelivered { shipment_id },
    );
}

/// North ships all of it as SH1.
fn all_leaves(run: &mut Run<OrderToFulfilment>) {
    let lines = [("1", "A", 10), ("2", "B", 5)];
    let all = shipment("SH1", "SO-1", &at(60), "complete", &lines);
    run.document(&warehouse("north"), &all);
}

/// North ships it as SH1 but for three of A, which do not follow.
fn all_but_three_leave(run: &mut Run<OrderToFulfilment>) {
    let lines = [("1", "A", 7), ("2", "B", 5)];
    let most = shipment("SH1", "SO-1", &at(60), "partial-closed", &lines);
    run.document(&warehouse("north"), &most);
}

#[test]
fn an_order_goes_through_all_stages() {
    let mut run = run("");
    run.document(&shop(), &ordered());
    assert_eq!(run.status(), "validating");
    assert_eq!(run.sent("erp/order"), ["erp/order/0"]);
    run.document(&erp(), &answer("SO-1", "accepted", 1, ""));
    assert_eq!(run.status(), "released");
    assert_eq!(run.sent("release"), ["release/north"]);
    run.document(&warehouse("north"), &answer("SO-1", "accepted", 2, ""));
    assert_eq!(run.status(), "accepted");
    run.document(
        &warehouse("north"),
        &shipment("SH1", "SO-1", &at(60), "split", &[("1", "A", 10)]),
    );
    assert_eq!(run.status(), "partly-shipped");
    run.document(
        &warehouse("north"),
        &shipment("SH2", "SO-1", &at(90), "split", &[("2", "B", 5)]),
    );
    assert_eq!(run.status(), "shipped");
    for key in ["erp/shipment", "crm/shipment", "placer/shipment"] {
        assert_eq!(run.sent(key).len(), 2, "{key}");
    }
    arrive(&mut run, "SH1");
    assert_eq!(run.status(), "shipped");
    arrive(&mut run, "SH2");
    assert_eq!(run.status(), "delivered");
    run.document(
        &erp(),
        &invoice("INV1", "invoice", Some("SO-1"), None, 15, "150"),
    );
    assert_eq!(run.status(), "closed");
    assert_eq!(run.times(EventKind::OrderClosed), 1);
    assert_eq!(run.exceptions(), []);
}

#[test]
fn an_order_of_the_erp_is_its_own_release() {
    let mut run = run("[order]\nrelease_by = \"order\"");
    run.document(&shop(), &ordered());
    run.document(&erp(), &answer("SO-1", "accepted", 1, ""));
    assert_eq!(run.status(), "validating");
    run.document(&erp(), &order("SO-1", &[("1", "A", 8), ("2", "B", 5)]));
    assert_eq!(run.status(), "released");
    assert_eq!(
        run.state.totals().ordered,
        Number::whole(13),
        "the ERP's quantities hold"
    );
}

#[test]
fn a_held_order_waits_and_a_refused_one_ends() {
    let mut run = run("");
    run.document(&shop(), &ordered());
    run.document(&erp(), &answer("SO-1", "on-hold", 1, "credit-hold"));
    assert_eq!((run.status(), run.kinds()), ("held", vec![Kind::ErpHold]));
    assert!(run.sent("release").is_empty());
    run.document(&erp(), &answer("SO-1", "rejected", 2, "credit-hold"));
    assert_eq!((run.status(), run.kinds()), ("refused", vec![]));
    assert_eq!(run.sent("answer/refused").len(), 1);
    assert!(run.sent("release").is_empty());
}

#[test]
fn a_hold_that_is_told_late_holds_nothing() {
    let mut run = released("");
    run.document(&erp(), &answer("SO-1", "on-hold", 0, "credit-hold"));
    assert_eq!(run.status(), "released");
}

#[test]
fn a_node_that_refuses_is_followed_by_the_next_and_never_asked_again() {
    let mut run = released("");
    run.document(
        &warehouse("north"),
        &answer("SO-1", "rejected", 2, "stock-shortage"),
    );
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
    assert_eq!(run.kinds(), [Kind::NodeRejection]);
    assert_eq!(run.sent("erp/rejected"), ["erp/rejected/north"]);
    assert_eq!(run.sent("case/"), ["case/rejected/north"]);
    run.document(&warehouse("south"), &answer("SO-1", "accepted", 3, ""));
    assert_eq!(
        (run.status(), run.kinds()),
        ("accepted", vec![]),
        "the exception closed itself"
    );
    assert_eq!(run.sent("case/"), ["case/rejected/north", "case/over/2"]);
    run.document(
        &warehouse("south"),
        &answer("SO-1", "rejected", 4, "capacity"),
    );
    assert_eq!(
        (run.status(), run.sent("release").len()),
        ("manual-review", 2)
    );
    assert!(run.kinds().contains(&Kind::NoNodeLeft));
}

#[test]
fn a_node_may_refuse_by_its_answer_to_the_request() {
    let mut run = run("");
    run.delivers = false;
    run.document(&erp(), &ordered());
    let refused = Delivered::Dead {
        code: "rejected".to_owned(),
        text: "no capacity".to_owned(),
        refused: true,
    };
    run.outcome("release/north", refused);
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
}

const ACCEPTANCE: &str = "[[limit]]\nlevel = \"acceptance\"\nminutes = 60\n";

#[test]
fn a_node_that_does_not_answer_is_given_up_and_told_so() {
    let mut run = released(ACCEPTANCE);
    run.pass(50);
    assert_eq!(run.times(EventKind::LevelWarned), 1);
    run.pass(11);
    assert_eq!(run.times(EventKind::LevelBreached), 1);
    assert_eq!(
        run.sent("/north"),
        [
            "release/north",
            "cancel/north",
            "erp/rejected/north",
            "case/rejected/north"
        ]
    );
    assert_eq!(run.sent("release/south").len(), 1);
    assert_eq!(run.kinds(), [Kind::NodeRejection]);
    // Its late acceptance does not bring it back.
    run.document(&warehouse("north"), &answer("SO-1", "accepted", 70, ""));
    assert_eq!(run.status(), "released");
    run.pass(61);
    assert_eq!(run.status(), "manual-review");
}

#[test]
fn by_policy_an_answer_is_waited_for() {
    let mut run = released(&format!("[order]\nkeep_waiting = true\n{ACCEPTANCE}"));
    run.pass(61);
    assert_eq!(
        (run.status(), run.kinds()),
        ("released", vec![Kind::Overdue])
    );
    run.document(&warehouse("north"), &answer("SO-1", "accepted", 70, ""));
    assert_eq!((run.status(), run.kinds()), ("accepted", vec![]));
    assert_eq!(run.times(EventKind::LevelMet), 1, "late, and so it says");
}

#[test]
fn manual_review_can_look_again() {
    let mut run = run("");
    for node in ["north", "south"] {
        run.supply
            .stock
            .insert((node.to_owned(), "A".to_owned()), 3);
    }
    run.document(&erp(), &ordered());
    assert_eq!(
        (run.status(), run.kinds()),
        ("manual-review", vec![Kind::NoNodeLeft])
    );
    run.supply
        .stock
        .insert(("south".to_owned(), "A".to_owned()), 10);
    run.act(Kind::NoNodeLeft, Action::Retry);
    assert_eq!((run.status(), run.kinds()), ("released", vec![]));
    assert_eq!(run.sent("release"), ["release/south"]);
}

#[test]
fn an_outage_is_told_once_and_left_after_a_time() {
    let mut run = released("[[limit]]\nlevel = \"outage\"\nminutes = 120\n");
    run.availability("north", false);
    run.availability("north", false);
    assert_eq!(run.sent("unavailable").len(), 1);
    run.pass(60);
    run.availability("north", true);
    assert_eq!(run.sent("partner-available").len(), 1);
    run.pass(120);
    assert_eq!(run.status(), "released");
    run.availability("north", false);
    run.pass(121);
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
    assert_eq!(run.sent("cancel"), ["cancel/north"]);
}

#[test]
fn a_shipment_without_an_order_waits_for_it() {
    let mut run = run("[[limit]]\nlevel = \"announcement\"\nminutes = 30\n");
    run.document(
        &warehouse("north"),
        &shipment(
            "SH1",
            "SO-1",
            &at(0),
            "complete",
            &[("1", "A", 10), ("2", "B", 5)],
        ),
    );
    assert_eq!(run.status(), "unknown");
    run.pass(31);
    assert_eq!(run.kinds(), [Kind::Overdue]);
    run.document(&erp(), &ordered());
    assert_eq!(
        (run.status(), run.kinds(), run.sent("release").len()),
        ("shipped", vec![], 0)
    );
}

#[test]
fn what_can_not_be_delivered_can_be_tried_again() {
    let mut run = released("");
    let dead = Delivered::Dead {
        code: "timeout".to_owned(),
        text: "no answer in 24 h".to_owned(),
        refused: false,
    };
    run.outcome("erp/order/0", dead);
    assert_eq!(run.kinds(), [Kind::Undeliverable]);
    let step = run.act(Kind::Undeliverable, Action::Retry);
    assert_eq!(
        step.commands.first(),
        Some(&Command::Redeliver {
            dedupe_key: "order/SO-1/erp/order/0".to_owned()
        }),
        "as it was, and not as another one"
    );
    assert_eq!((run.kinds(), run.sent("erp/order").len()), (vec![], 1));
}

#[test]
fn a_person_can_only_do_what_is_offered() {
    let mut run = released("");
    run.document(
        &warehouse("north"),
        &answer("SO-1", "rejected", 2, "stock-shortage"),
    );
    let step = run.act(Kind::NodeRejection, Action::Release);
    assert_eq!(step.refusal.map(|it| it.code), Some("action-not-offered"));
    let step = run.act(Kind::NodeRejection, Action::Cancel);
    assert_eq!((step.refusal, run.status()), (None, "cancelled"));
}

#[test]
fn a_number_that_can_not_be_kept_is_refused_and_said() {
    let mut run = run("");
    let mut fine = ordered();
    if let Document::Order(order) = &mut fine {
        order.lines[0].quantity.value.scale = 9;
    }
    let step = run.document(&shop(), &fine);
    assert_eq!(step.refusal.map(|it| it.code), Some("number-unfit"));
    assert_eq!(run.kinds(), [Kind::UnfitNumber]);
}

#[test]
fn a_release_is_the_order_as_it_came_with_what_is_open() {
    let mut run = released("");
    let placed = ordered();
    run.document(
        &warehouse("north"),
        &shipment("SH1", "SO-1", &at(60), "split", &[("1", "A", 4)]),
    );
    run.document(
        &warehouse("north"),
        &answer("SO-1", "rejected", 61, "stock-shortage"),
    );
    let release = run.commands.iter().rev().find_map(|command| match command {
        Command::Send {
            to: Receiver::Node { node },
            draft,
            ..
        } if node == "south" => draft.document(Some(&placed)).ok(),
        _ => None,
    });
    let Some(Document::Order(release)) = release else {
        panic!("a release to south");
    };
    let quantities: Vec<i64> = release
        .lines
        .iter()
        .map(|line| line.quantity.value.coefficient)
        .collect();
    assert_eq!(
        (release.purpose, release.node.as_deref(), quantities),
        (Purpose::Original, Some("south"), vec![6, 5])
    );
}

#[test]
fn a_state_is_small() {
    let mut run = released("");
    run.document(
        &warehouse("north"),
        &answer("SO-1", "rejected", 2, "stock-shortage"),
    );
    run.document(&warehouse("south"), &answer("SO-1", "accepted", 3, ""));
    run.document(
        &warehouse("south"),
        &shipment("SH1", "SO-1", &at(60), "split", &[("1", "A", 10)]),
    );
    run.document(
        &warehouse("south"),
        &shipment("SH2", "SO-1", &at(61), "split", &[("2", "B", 5)]),
    );
    let bytes = rmp_serde::to_vec_named(&run.state).expect("a state").len();
    assert!(bytes <= 4_096, "{bytes}");
}
