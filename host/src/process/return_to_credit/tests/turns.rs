//! What changes on the way: permissions, cancels, who has a say; and what comes when all
//! is over.

use super::{EXPIRES, LINES, authorized, came, cancel, credit, run};
use crate::{
    contract::Document,
    process::{
        Delivered, EventKind, Number,
        exception::{Action, Kind},
        testing::{crm, erp, inspection, paper, receipt, shop, warehouse},
    },
};

#[test]
fn a_cancel_after_goods_came_is_too_late_and_said_so() {
    let mut run = authorized("");
    run.document(&warehouse("north"), &came("W1", 10, 10, 5));
    run.document(&crm(), &cancel(LINES));
    assert_eq!(run.status(), "received");
    assert_eq!(run.sent("return-cancel-too-late").len(), 1);
    assert_eq!(run.times(EventKind::CancelTooLate), 1);
    assert!(run.sent("expect-no-more").is_empty());
}

#[test]
fn who_asks_for_a_return_can_not_say_that_it_came() {
    for from in [crm(), shop()] {
        let mut run = authorized("");
        let step = run.document(&from, &came("W1", 10, 10, 5));
        assert_eq!(step.refusal.map(|it| it.code), Some("not-entitled"));
        let all = [("1", "A", 10, "restock"), ("2", "B", 5, "restock")];
        let step = run.document(&from, &inspection("R1", None, 11, &all));
        assert_eq!(step.refusal.map(|it| it.code), Some("not-entitled"));
        assert_eq!(
            (run.status(), run.sent("erp/credit").len()),
            ("authorized", 0)
        );
        assert_eq!(run.kinds(), [Kind::NotEntitled, Kind::NotEntitled]);
        run.act(Kind::NotEntitled, Action::AcceptVariance);
        assert_eq!(run.kinds(), [Kind::NotEntitled], "one is looked at");
    }
    let mut run = run("");
    let step = run.document(
        &warehouse("north"),
        &paper("R1", "authorized", 1, None, LINES),
    );
    assert_eq!(step.refusal.map(|it| it.code), Some("not-entitled"));
    assert_eq!(run.status(), "unknown");
}

#[test]
fn a_permission_that_changes_is_told_to_the_node_again() {
    let mut run = authorized("");
    let more = [("1", "A", 12), ("2", "B", 5)];
    run.document(&erp(), &paper("R1", "authorized", 9, None, &more));
    assert_eq!(run.sent("expect/north").len(), 2);
    // One that is older, and the same again, say nothing.
    run.document(&erp(), &paper("R1", "authorized", 3, None, LINES));
    assert_eq!(run.sent("expect/north").len(), 2);
    run.document(&erp(), &paper("R1", "denied", 12, None, LINES));
    assert_eq!(
        (run.status(), run.sent("expect-no-more/north").len()),
        ("denied", 1)
    );
    run.document(&erp(), &paper("R1", "authorized", 15, None, LINES));
    assert_eq!(
        (run.status(), run.sent("expect/north").len()),
        ("authorized", 3)
    );
}

#[test]
fn a_permission_for_another_node_is_taken_back_from_the_first() {
    let mut run = authorized("");
    let mut elsewhere = paper("R1", "authorized", 9, None, LINES);
    if let Document::ReturnAuthorization(it) = &mut elsewhere {
        it.node = Some("south".to_owned());
    }
    run.document(&erp(), &elsewhere);
    assert_eq!(run.sent("expect/south").len(), 1);
    assert_eq!(run.sent("expect-no-more/north").len(), 1);
    assert_eq!(run.fact("node"), "south");
}

#[test]
fn a_permission_that_is_extended_is_waited_for_again() {
    let mut run = run("");
    run.document(&erp(), &paper("R1", "authorized", 1, EXPIRES, LINES));
    run.pass(37 * 60);
    assert_eq!(run.status(), "expired");
    let longer = paper("R1", "authorized", 37 * 60, Some("2026-03-10"), LINES);
    run.document(&erp(), &longer);
    assert_eq!(
        (run.status(), run.sent("expect/north").len()),
        ("authorized", 2)
    );
    run.pass(24 * 60);
    run.document(&warehouse("north"), &came("W1", 60 * 60, 10, 5));
    assert_eq!((run.status(), run.kinds()), ("received", vec![]));
}

#[test]
fn what_the_erp_gave_back_by_itself_is_not_asked_for() {
    let mut run = authorized("");
    run.document(&warehouse("north"), &came("W1", 10, 10, 5));
    run.document(&erp(), &credit("C1", "50"));
    let all = [("1", "A", 10, "restock"), ("2", "B", 5, "restock")];
    run.document(&warehouse("north"), &inspection("R1", None, 11, &all));
    let asked = run.written("erp/credit");
    let Some(Document::ReturnDisposition(asked)) = asked.first() else {
        panic!("a request for credit");
    };
    let amount = asked.credit_amount.as_ref();
    let amount = amount.and_then(|it| Number::of(&it.amount));
    assert_eq!(amount, Some(Number::whole(100)));
    run.document(&erp(), &credit("C2", "100"));
    assert_eq!((run.status(), run.kinds()), ("closed", vec![]));
    assert_eq!(
        (run.fact("credited"), run.fact("received")),
        ("150".to_owned(), "15".to_owned())
    );
}

#[test]
fn nothing_wakes_a_return_that_is_closed() {
    let mut run = authorized("[[limit]]\nlevel = \"return-to-credit\"\nminutes = 60\n");
    run.document(&warehouse("north"), &came("W1", 10, 10, 5));
    let all = [("1", "A", 10, "restock"), ("2", "B", 5, "restock")];
    run.document(&warehouse("north"), &inspection("R1", None, 11, &all));
    run.document(&erp(), &credit("C1", "150"));
    assert_eq!(run.status(), "closed");
    let (commands, events) = (run.commands.len(), run.events.len());
    run.ring("return-to-credit//breach");
    run.ring("return-receipt//breach");
    for key in ["erp/request", "expect/north/1", "erp/credit/150", "other"] {
        run.outcome(key, Delivered::Done { external_id: None });
    }
    run.document(&erp(), &paper("R1", "authorized", 0, None, LINES));
    run.pass(100_000);
    assert_eq!(run.status(), "closed");
    assert_eq!(
        (run.commands.len(), run.events.len()),
        (commands, events),
        "{:?}",
        &run.commands[commands..]
    );
}

#[test]
fn a_return_has_its_facts() {
    let mut run = authorized("");
    let wrong = [("1", "A", 4, "good"), ("2", "Z", 1, "good")];
    run.document(&warehouse("north"), &receipt("W1", Some("R1"), 10, &wrong));
    for (name, value) in [
        ("requested_by", "crm"),
        ("node", "north"),
        ("authorized", "15"),
        ("received", "4"),
        ("findings", "1"),
        ("credited", "0"),
    ] {
        assert_eq!(run.fact(name), value, "{name}");
    }
}
