//! What leaves, and what does not.

use super::{all_but_three_leave, all_leaves, arrive, released};
use crate::process::{
    Number, Signal,
    exception::{Action, Kind},
    testing::{at, erp, invoice, shipment, shipment_as, warehouse},
};

#[test]
fn a_short_shipment_is_a_person_s_to_decide() {
    let mut run = released("");
    all_but_three_leave(&mut run);
    assert_eq!(
        (run.status(), run.kinds()),
        ("shipped", vec![Kind::ShortShipment])
    );
    assert_eq!(run.state.totals().short, Number::whole(3));
    assert_eq!(run.sent("erp/correction/3/0").len(), 1);
    arrive(&mut run, "SH1");
    run.document(
        &erp(),
        &invoice("INV1", "invoice", Some("SO-1"), None, 12, "120"),
    );
    assert_eq!(run.status(), "invoiced");
    run.act(Kind::ShortShipment, Action::AcceptVariance);
    assert_eq!((run.status(), run.kinds()), ("closed", vec![]));
}

#[test]
fn the_rest_of_a_short_shipment_can_go_to_another_node() {
    let mut run = released("");
    all_but_three_leave(&mut run);
    run.act(Kind::ShortShipment, Action::Reroute);
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
    assert_eq!(run.state.totals().open, Number::whole(3));
    run.document(
        &warehouse("south"),
        &shipment("SH2", "SO-1", &at(90), "complete", &[("1", "A", 3)]),
    );
    assert_eq!((run.status(), run.kinds()), ("shipped", vec![]));
}

#[test]
fn a_word_that_nothing_left_is_no_shipment_that_has_to_arrive() {
    let mut run = released("");
    run.document(
        &warehouse("north"),
        &shipment(
            "SH1",
            "SO-1",
            &at(60),
            "not-shipped",
            &[("1", "A", 0), ("2", "B", 0)],
        ),
    );
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
    // Whose lines are no numbers of the order: the items tell.
    run.document(
        &warehouse("south"),
        &shipment(
            "SH2",
            "SO-1",
            &at(90),
            "complete",
            &[("#1", "A", 10), ("#2", "B", 5)],
        ),
    );
    assert_eq!((run.status(), run.kinds()), ("shipped", vec![]));
    arrive(&mut run, "SH2");
    assert_eq!(run.status(), "delivered");
}

#[test]
fn policy_decides_what_a_partial_shipment_leaves() {
    let part = shipment(
        "SH1",
        "SO-1",
        &at(60),
        "partial",
        &[("1", "A", 7), ("2", "B", 5)],
    );
    for (remainder, open, cancelled) in [("as-stated", 3, 0), ("keep-open", 3, 0), ("cancel", 0, 3)]
    {
        let mut run = released(&format!("[order]\nremainder = \"{remainder}\""));
        run.document(&warehouse("north"), &part);
        let totals = run.state.totals();
        assert_eq!(
            (totals.open, totals.cancelled),
            (Number::whole(open), Number::whole(cancelled)),
            "{remainder}"
        );
    }
}

#[test]
fn over_damaged_substituted_and_unordered_goods_are_exceptions() {
    let mut run = released("");
    run.document(
        &warehouse("north"),
        &shipment(
            "SH1",
            "SO-1",
            &at(60),
            "complete",
            &[("1", "A", 12), ("2", "B", 1)],
        ),
    );
    run.document(
        &warehouse("north"),
        &shipment("SH2", "SO-1", &at(61), "damaged", &[("2", "B", 1)]),
    );
    run.document(
        &warehouse("north"),
        &shipment("SH3", "SO-1", &at(62), "substituted", &[("2", "B2", 3)]),
    );
    run.document(
        &warehouse("north"),
        &shipment("SH4", "SO-1", &at(63), "complete", &[("9", "Z", 1)]),
    );
    let mut kinds = run.kinds();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            Kind::OverShipment,
            Kind::DamagedShipment,
            Kind::Substitution,
            Kind::UnexpectedItem
        ]
    );
    assert_eq!(run.state.totals().over, Number::whole(2));
    assert_eq!(run.sent("erp/correction/0/2").len(), 1);
}

#[test]
fn a_cancelled_shipment_did_not_leave() {
    let mut run = released("");
    let lines = [("1", "A", 10), ("2", "B", 5)];
    run.document(
        &warehouse("north"),
        &shipment("SH1", "SO-1", &at(60), "complete", &lines),
    );
    run.document(
        &warehouse("north"),
        &shipment_as("SH1", "SO-1", "cancel", &at(60), "complete", &lines),
    );
    assert_eq!(run.state.totals().open, Number::whole(15));
    run.document(
        &warehouse("north"),
        &shipment("SH2", "SO-1", &at(70), "complete", &lines),
    );
    assert_eq!(run.status(), "shipped");
}

#[test]
fn a_lost_shipment_keeps_the_order_from_closing_until_somebody_accepts_it() {
    let mut run = released("");
    all_leaves(&mut run);
    run.document(
        &erp(),
        &invoice("INV1", "invoice", Some("SO-1"), None, 15, "150"),
    );
    let (shipment_id, cause) = ("SH1".to_owned(), "lost".to_owned());
    run.signal("lost", Signal::ShipmentFailed { shipment_id, cause });
    assert_eq!((run.status(), run.kinds()), ("shipped", vec![Kind::Loss]));
    run.act(Kind::Loss, Action::AcceptVariance);
    assert_eq!((run.status(), run.kinds()), ("closed", vec![]));
}

#[test]
fn more_invoiced_than_left_is_an_exception() {
    let mut run = released("");
    all_leaves(&mut run);
    arrive(&mut run, "SH1");
    run.document(
        &erp(),
        &invoice("INV1", "invoice", Some("SO-1"), None, 16, "160"),
    );
    assert_eq!(
        (run.status(), run.kinds()),
        ("invoiced", vec![Kind::InvoiceMismatch])
    );
}
