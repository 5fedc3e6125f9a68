//! What the ERP says line by line, when it says it, and that it hears things in order.

use super::{ordered, released, run};
use crate::{
    contract::{Decision, Document, ResponseLine},
    process::{
        Number,
        exception::{Action, Exception, Kind},
        testing::{answer, erp, order_as, shop, warehouse},
        write::quantity,
    },
};

/// The ERP's yes to the order, with these words on its lines.
fn answered(minutes: i64, lines: &[(&str, Decision, i32)]) -> Document {
    let mut document = answer("SO-1", "accepted-with-changes", minutes, "");
    if let Document::OrderResponse(response) = &mut document {
        let line = |(no, decision, units): &(&str, Decision, i32)| ResponseLine {
            line_no: (*no).to_owned(),
            decision: decision.clone(),
            quantity: Some(quantity(Number::whole(*units), "EA")),
            promised: None,
            substitutes: Vec::new(),
            reasons: Vec::new(),
            extras: Vec::new(),
        };
        response.lines = lines.iter().map(line).collect();
    }
    document
}

#[test]
fn a_line_that_the_erp_rejects_is_not_released() {
    for units in [0, 5] {
        let mut run = run("");
        run.document(&shop(), &ordered());
        run.document(&erp(), &answered(1, &[("2", Decision::Rejected, units)]));
        assert_eq!(run.sent("release"), ["release/north"]);
        let lines = run.state.quantities();
        assert_eq!(
            (lines[0].open, lines[1].open, lines[1].cancelled),
            (Number::whole(10), Number::ZERO, Number::whole(5))
        );
    }
}

#[test]
fn a_line_of_which_a_part_is_rejected_is_granted_the_rest() {
    let mut run = run("");
    run.document(&shop(), &ordered());
    let split = [("1", Decision::Accepted, 7), ("1", Decision::Rejected, 3)];
    run.document(&erp(), &answered(1, &split));
    let lines = run.state.quantities();
    assert_eq!(
        (lines[0].open, lines[0].cancelled),
        (Number::whole(7), Number::whole(3))
    );
}

#[test]
fn the_erp_hears_of_a_cancel_after_the_order_whichever_came_first() {
    let mut run = run("");
    run.document(&shop(), &order_as("SO-1", "cancel", None, &[]));
    assert!(run.sent("erp/").is_empty(), "it does not know the order");
    run.document(&shop(), &ordered());
    assert_eq!(run.status(), "cancelled");
    let heard = run.sent("erp/");
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert_eq!(heard[0], "erp/order/0");
    assert!(heard[1].starts_with("erp/cancel/"), "{heard:?}");
}

#[test]
fn a_word_from_the_future_holds_nothing() {
    let mut run = released("");
    let far = 40 * 365 * 24 * 60;
    let step = run.document(&erp(), &answer("SO-1", "on-hold", far, "credit-hold"));
    assert_eq!(step.refusal.map(|it| it.code), Some("time-unfit"));
    assert_eq!(run.status(), "released");
}

#[test]
fn a_rejection_says_who_was_tried_and_leaves_the_next_node_alone() {
    let mut run = released("");
    let refusal = answer("SO-1", "rejected", 2, "stock-shortage");
    run.document(&warehouse("north"), &refusal);
    let exception = run.exceptions().remove(0);
    assert_eq!(exception.kind, Kind::NodeRejection);
    assert_eq!(exception.actions, [Action::Cancel], "south is asked");
    let named: Vec<&str> = exception.context.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(named, ["tried", "document"]);
    run.document(&warehouse("south"), &refusal);
    let rejected = |it: &&Exception| it.kind == Kind::NodeRejection;
    let open = run.exceptions();
    assert!(open.iter().filter(rejected).count() == 2, "{open:?}");
    for it in open.iter().filter(rejected) {
        assert_eq!(it.actions, [Action::Reroute, Action::Cancel]);
    }
}
