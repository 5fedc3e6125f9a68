//! Changes and cancels at every stage, with the honest answer when it is too late.

use super::{all_leaves, ordered, released, run};
use crate::process::{
    Delivered, EventKind, Number,
    testing::{answer, at, crm, erp, order_as, shipment, shop, warehouse},
};

#[test]
fn a_cancel_before_release_reaches_no_node() {
    let mut run = run("");
    run.document(&shop(), &ordered());
    run.document(&shop(), &order_as("SO-1", "cancel", None, &[]));
    assert_eq!(run.status(), "cancelled");
    run.document(&erp(), &answer("SO-1", "accepted", 1, ""));
    assert_eq!((run.status(), run.sent("release").len()), ("cancelled", 0));
    assert_eq!(run.sent("erp/cancel").len(), 1);
    assert_eq!(run.sent("answer/cancel"), ["answer/cancel/done"]);
}

#[test]
fn a_cancel_waits_for_the_node() {
    let mut run = released("");
    run.delivers = false;
    run.document(&shop(), &order_as("SO-1", "cancel", None, &[]));
    assert_eq!(run.status(), "cancelling");
    assert!(
        run.sent("answer/cancel").is_empty(),
        "nothing is certain yet"
    );
    run.outcome("cancel/north", Delivered::Done { external_id: None });
    assert_eq!(
        (run.status(), run.sent("answer/cancel")),
        ("cancelled", vec!["answer/cancel/done".to_owned()])
    );
    // What leaves in spite of that has left.
    run.document(
        &warehouse("north"),
        &shipment("SH1", "SO-1", &at(60), "split", &[("1", "A", 10)]),
    );
    let totals = run.state.totals();
    assert_eq!(
        (totals.shipped, totals.cancelled),
        (Number::whole(10), Number::whole(5))
    );
    assert_eq!(run.status(), "shipped");
}

#[test]
fn a_cancel_that_the_node_refuses_is_too_late_and_said_so() {
    let mut run = released("");
    run.delivers = false;
    run.document(&shop(), &order_as("SO-1", "cancel", None, &[]));
    let too_late = Delivered::Dead {
        code: "rejected".to_owned(),
        text: "picked".to_owned(),
        refused: true,
    };
    run.outcome("cancel/north", too_late);
    assert_eq!(run.sent("answer/cancel"), ["answer/cancel/too-late"]);
    assert_eq!(
        (run.state.totals().open, run.times(EventKind::CancelTooLate)),
        (Number::whole(15), 1)
    );
    all_leaves(&mut run);
    assert_eq!(run.status(), "shipped");
}

#[test]
fn a_cancel_after_everything_left_is_too_late() {
    let mut run = released("");
    all_leaves(&mut run);
    run.document(&crm(), &order_as("SO-1", "cancel", None, &[]));
    assert_eq!(
        (run.status(), run.sent("cancel/north").len()),
        ("shipped", 0)
    );
    assert_eq!(run.sent("answer/cancel"), ["answer/cancel/too-late"]);
}

#[test]
fn a_single_line_can_be_cancelled() {
    let mut run = released("");
    run.document(&shop(), &order_as("SO-1", "cancel", None, &[("2", "B", 5)]));
    let totals = run.state.totals();
    assert_eq!(
        (totals.open, totals.cancelled),
        (Number::whole(10), Number::whole(5))
    );
    assert_eq!(run.sent("change/north").len(), 1, "the node is told");
}

#[test]
fn a_change_reaches_the_erp_and_the_node() {
    let mut run = released("");
    run.document(
        &shop(),
        &order_as("SO-1", "change", Some(1), &[("1", "A", 6)]),
    );
    assert_eq!(run.sent("erp/order"), ["erp/order/0", "erp/order/1"]);
    assert_eq!(run.sent("change/north").len(), 1);
    assert_eq!(run.state.totals().open, Number::whole(11));
    // The same change again, and one that is older, change nothing.
    run.document(
        &crm(),
        &order_as("SO-1", "change", Some(1), &[("1", "A", 6)]),
    );
    run.document(&shop(), &order_as("SO-1", "change", None, &[("1", "A", 9)]));
    assert_eq!(
        (run.sent("change/north").len(), run.state.totals().open),
        (1, Number::whole(11))
    );
}

#[test]
fn a_change_below_what_left_is_too_late() {
    let mut run = released("");
    all_leaves(&mut run);
    run.document(
        &shop(),
        &order_as("SO-1", "change", Some(1), &[("1", "A", 6)]),
    );
    assert_eq!(run.sent("answer/too-late").len(), 1);
    assert_eq!(run.times(EventKind::ChangeTooLate), 1);
    assert_eq!(run.state.totals().shipped, Number::whole(15));
}
