//! Nodes that refuse, do not answer, are down, or ship nothing.

use super::{arrive, ordered, released, run};
use crate::{
    contract::{Document, ShipmentStatus},
    process::{
        Command, Delivered, Event, EventKind, Number,
        exception::{Action, Kind},
        order_to_fulfilment::OrderToFulfilment,
        testing::{Run, answer, at, erp, shipment, shop, warehouse},
        timer::Level,
    },
};

const OUTAGE: &str = "[[limit]]\nlevel = \"outage\"\nminutes = 120\n";

fn told_of_outage(run: &Run<OrderToFulfilment>) -> (usize, usize) {
    let began = run.sent("fulfilment-partner-unavailable").len();
    (began, run.sent("fulfilment-partner-available").len())
}

fn done() -> Delivered {
    Delivered::Done { external_id: None }
}

#[test]
fn an_order_for_a_partner_that_is_down_already_says_so_once_and_leaves_when_another_answers() {
    let mut run = run(OUTAGE);
    run.delivers = false;
    run.availability("north", false);
    run.availability("south", false);
    run.document(&erp(), &ordered());
    assert_eq!((run.status(), told_of_outage(&run)), ("released", (1, 0)));
    assert!(run.waits().contains(&Level::Outage));
    assert_eq!(run.times(EventKind::PartnerUnavailable), 1);
    run.availability("north", false);
    assert_eq!(told_of_outage(&run), (1, 0), "the same outage");
    run.pass(121);
    assert_eq!(
        run.sent("release"),
        ["release/north"],
        "nobody else answers either"
    );
    run.availability("south", true);
    run.pass(121);
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
    assert_eq!(
        (run.sent("cancel"), told_of_outage(&run)),
        (vec!["cancel/north".to_owned()], (1, 1)),
        "the order is out of that trouble"
    );
    run.availability("north", true);
    assert_eq!(told_of_outage(&run), (1, 1));
}

#[test]
fn a_partner_that_comes_back_has_its_whole_time_to_answer() {
    let limits = format!("{OUTAGE}[[limit]]\nlevel = \"acceptance\"\nminutes = 60\n");
    let mut run = released(&format!("[order]\nwait_out_outages = true\n{limits}"));
    run.availability("north", false);
    run.pass(200);
    assert_eq!(run.sent("release"), ["release/north"], "by policy it waits");
    run.availability("north", true);
    assert_eq!(told_of_outage(&run), (1, 1));
    run.pass(59);
    assert_eq!(run.sent("release"), ["release/north"]);
    run.pass(2);
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
}

#[test]
fn an_order_that_a_node_has_accepted_stays_there_while_its_partner_is_down() {
    let mut run = released(OUTAGE);
    run.document(&warehouse("north"), &answer("SO-1", "accepted", 2, ""));
    run.availability("north", false);
    run.pass(121);
    assert_eq!(run.sent("release"), ["release/north"]);
    let all = [("1", "A", 10), ("2", "B", 5)];
    let shipped = shipment("SH1", "SO-1", &at(60), "complete", &all);
    run.document(&warehouse("north"), &shipped);
    assert_eq!(
        told_of_outage(&run),
        (1, 1),
        "nothing is waited for any more"
    );
}

#[test]
fn a_dead_release_that_was_refused_goes_to_the_next_node_and_never_back() {
    let mut run = run("");
    run.delivers = false;
    run.document(&erp(), &ordered());
    run.refused("release/north", "no capacity");
    run.refused("release/south", "no capacity");
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
    assert_eq!(run.status(), "manual-review");
    assert!(run.sent("cancel").is_empty(), "they do not have it");
    run.act(Kind::NoNodeLeft, Action::Retry);
    assert_eq!(
        (run.status(), run.sent("release").len()),
        ("manual-review", 2)
    );
}

#[test]
fn a_release_that_can_not_be_delivered_is_taken_back_since_it_may_have_arrived() {
    let mut run = run("");
    run.delivers = false;
    run.document(&erp(), &ordered());
    run.lost("release/north", "no answer in 24 h");
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
    assert_eq!(run.sent("cancel"), ["cancel/north"]);
    assert_eq!(run.fact("node"), "south");
}

#[test]
fn a_node_that_has_accepted_has_the_order_whatever_became_of_the_delivery() {
    let mut run = run("");
    run.delivers = false;
    run.document(&erp(), &ordered());
    run.document(&warehouse("north"), &answer("SO-1", "accepted", 2, ""));
    run.lost("release/north", "no answer in 24 h");
    assert_eq!(
        (run.status(), run.sent("release").len(), run.kinds()),
        ("accepted", 1, vec![])
    );
}

#[test]
fn an_order_that_is_sent_again_to_a_node_that_was_given_up_is_taken_back_again() {
    let mut run = run("");
    run.delivers = false;
    run.document(&erp(), &ordered());
    run.lost("release/north", "no answer in 24 h");
    run.refused("cancel/north", "no such order");
    assert_eq!(run.kinds(), [Kind::NodeRejection]);
    // Somebody replays the dead letter.
    run.outcome("release/north", done());
    assert_eq!(run.sent("cancel"), ["cancel/north", "cancel/north#again-1"]);
    // It ships all the same, and south has the order too.
    run.refused("cancel/north", "picked already");
    assert!(run.kinds().contains(&Kind::TwoNodes), "{:?}", run.kinds());
    let all = [("1", "A", 10), ("2", "B", 5)];
    run.document(
        &warehouse("north"),
        &shipment("SH1", "SO-1", &at(60), "complete", &all),
    );
    assert_eq!(run.kinds(), [], "south is not needed any more");
    assert_eq!(run.sent("cancel/south"), ["cancel/south"], "and is told");
}

#[test]
fn a_refusal_that_overtakes_the_word_of_its_delivery_is_not_answered_with_a_cancel() {
    let mut run = run("");
    run.delivers = false;
    run.document(&erp(), &ordered());
    let refusal = answer("SO-1", "rejected", 2, "stock-shortage");
    run.document(&warehouse("north"), &refusal);
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
    run.outcome("release/north", done());
    assert!(run.sent("cancel").is_empty(), "{:?}", run.sent("cancel"));
    // Sent once more, it gets the order after its refusal.
    run.outcome("release/north", done());
    assert_eq!(run.sent("cancel"), ["cancel/north"]);
}

/// A shipment of nothing, for the whole order.
fn nothing(status: &str) -> Document {
    let none = [("1", "A", 0), ("2", "B", 0)];
    shipment("SH-NONE", "SO-1", &at(60), status, &none)
}

#[test]
fn a_node_that_ships_nothing_refuses_the_order() {
    let mut whole = nothing("not-shipped");
    if let Document::Shipment(it) = &mut whole {
        it.status = ShipmentStatus::NotShipped;
        it.lines[0].reason = Some("out of stock".to_owned());
    }
    for nothing in [whole, nothing("not-shipped"), nothing("partial-closed")] {
        let mut run = released("");
        run.document(&warehouse("north"), &answer("SO-1", "accepted", 2, ""));
        run.document(&warehouse("north"), &nothing);
        assert_eq!(run.sent("release"), ["release/north", "release/south"]);
        assert_eq!(
            (run.status(), run.kinds()),
            ("released", vec![Kind::NodeRejection])
        );
        assert_eq!(run.sent("erp/rejected"), ["erp/rejected/north"]);
        assert!(
            run.sent("order-shipped").is_empty(),
            "the customer hears of no shipment"
        );
        assert_eq!(run.state.totals().open, Number::whole(15));
        let all = [("1", "A", 10), ("2", "B", 5)];
        run.document(
            &warehouse("south"),
            &shipment("SH2", "SO-1", &at(90), "complete", &all),
        );
        assert_eq!((run.status(), run.kinds()), ("shipped", vec![]));
        arrive(&mut run, "SH2");
        assert_eq!(run.status(), "delivered");
    }
}

#[test]
fn by_policy_nothing_shipped_is_short() {
    let mut run = released("[order]\nnothing_shipped = \"short\"\n");
    run.document(&warehouse("north"), &nothing("not-shipped"));
    assert_eq!(
        (run.status(), run.kinds()),
        ("manual-review", vec![Kind::ShortShipment])
    );
    assert_eq!(run.sent("erp/correction/15/0").len(), 1);
    run.act(Kind::ShortShipment, Action::Reroute);
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
}

#[test]
fn nothing_of_one_line_is_no_refusal_of_the_order() {
    let mut run = released("");
    let one = shipment("SH1", "SO-1", &at(60), "not-shipped", &[("1", "A", 0)]);
    run.document(&warehouse("north"), &one);
    assert_eq!(run.sent("release"), ["release/north"]);
    let totals = run.state.totals();
    assert_eq!(
        (totals.short, totals.open),
        (Number::whole(10), Number::whole(5))
    );
}

#[test]
fn the_rest_that_no_node_has_shipped_is_not_asked_of_two() {
    // North was given up with the order in its hands, and ships it after all.
    let mut run = released("[[limit]]\nlevel = \"acceptance\"\nminutes = 60\n");
    run.pass(61);
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
    let part = [("1", "A", 10)];
    run.document(
        &warehouse("north"),
        &shipment("SH1", "SO-1", &at(60), "split", &part),
    );
    assert_eq!(run.sent("change/south").len(), 1, "it ships only line 2");
    run.document(
        &warehouse("south"),
        &shipment("SH2", "SO-1", &at(90), "complete", &[("2", "B", 5)]),
    );
    assert_eq!((run.status(), run.kinds()), ("shipped", vec![]));
}

/// Rule, chosen node and reasons, as `orders show --why` has them.
fn decisions(run: &Run<OrderToFulfilment>) -> Vec<&Event> {
    let is_decision =
        |it: &&Event| matches!(it.kind, EventKind::OrderRouted | EventKind::OrderUnroutable);
    run.events.iter().filter(is_decision).collect()
}

fn data<'a>(event: &'a Event, name: &str) -> &'a str {
    let found = event.data.iter().find(|it| it.0 == name);
    found.map_or("", |it| it.1.as_str())
}

#[test]
fn each_decision_says_which_rule_and_why_each_node() {
    let mut run = run("");
    let mut stock = |node: &str, figure| {
        let key = (node.to_owned(), "A".to_owned());
        run.supply.stock.insert(key, figure);
    };
    stock("north", 3);
    stock("south", 20);
    run.document(&erp(), &ordered());
    run.document(
        &warehouse("south"),
        &answer("SO-1", "rejected", 2, "capacity"),
    );
    let decided = decisions(&run);
    let kinds: Vec<_> = decided.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [EventKind::OrderRouted, EventKind::OrderUnroutable]);
    let [routed, unroutable] = decided[..] else {
        panic!("two decisions");
    };
    assert_eq!(
        (routed.subject.as_str(), data(routed, "rule")),
        ("south", "all")
    );
    assert_eq!(data(routed, "north"), "it has 3 of A, 10 are wanted");
    assert!(data(routed, "south").contains("priority 2"), "{routed:?}");
    assert_eq!(data(unroutable, "rule"), "all");
    assert_eq!(data(unroutable, "south"), "it was tried before");
    assert_eq!(data(unroutable, "north"), "it has 3 of A, 10 are wanted");
    // Looking again is another decision.
    run.act(Kind::NoNodeLeft, Action::Retry);
    assert_eq!(decisions(&run).len(), 3);
    let exception = run
        .exceptions()
        .into_iter()
        .find(|it| it.kind == Kind::NoNodeLeft)
        .expect("no node is left");
    assert!(exception.context.iter().any(|it| it.0 == "north"));
}

#[test]
fn the_service_desk_has_one_case_that_ends_with_the_trouble() {
    let mut run = released("");
    let reject = |run: &mut Run<OrderToFulfilment>, node: &str, minutes| {
        run.document(
            &warehouse(node),
            &answer("SO-1", "rejected", minutes, "capacity"),
        );
    };
    reject(&mut run, "north", 2);
    reject(&mut run, "south", 3);
    assert_eq!(
        run.sent("case/"),
        [
            "case/rejected/north",
            "case/rejected/south",
            "case/unroutable/2"
        ]
    );
    run.act(Kind::NoNodeLeft, Action::Cancel);
    assert_eq!(run.status(), "cancelled");
    let cases: Vec<_> = run
        .written("/case/")
        .into_iter()
        .map(|document| match document {
            Document::ServiceCase(it) => (it.external_key, it.status.clone()),
            _ => panic!("a case"),
        })
        .collect();
    assert!(cases.iter().all(|it| it.0 == "order/SO-1/fulfilment"));
    assert_eq!(
        cases.last().map(|it| &it.1),
        Some(&crate::contract::CaseStatus::Resolved)
    );
}

#[test]
fn an_order_that_is_wanted_again_goes_to_another_node_than_the_one_that_let_it_go() {
    let mut run = run("");
    run.document(&shop(), &ordered());
    run.document(&erp(), &answer("SO-1", "accepted", 1, ""));
    run.document(&erp(), &answer("SO-1", "rejected", 5, "credit-hold"));
    assert_eq!(
        (run.status(), run.sent("cancel")),
        ("refused", vec!["cancel/north".to_owned()])
    );
    run.document(&erp(), &answer("SO-1", "accepted", 9, ""));
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
    assert_eq!(run.status(), "released");
}

#[test]
fn an_order_of_which_nothing_is_wanted_any_more_leaves_the_node() {
    let mut run = released("");
    let nothing = [("1", "A", 0), ("2", "B", 0)];
    run.document(
        &shop(),
        &super::order_as("SO-1", "change", Some(1), &nothing),
    );
    assert_eq!(
        (run.status(), run.sent("cancel")),
        ("cancelled", vec!["cancel/north".to_owned()])
    );
}

#[test]
fn a_retry_sends_what_was_sent_and_nothing_else() {
    let mut run = released(
        "[order]\nkeep_waiting = true\n[[limit]]\nlevel = \"acceptance\"\nminutes = 60\n[[limit]]\nlevel = \"invoice\"\nminutes = 60\n",
    );
    run.pass(61);
    run.act(Kind::Overdue, Action::Retry);
    assert_eq!(
        run.sent("release"),
        ["release/north", "release/north#again-1"]
    );
    run.delivers = false;
    run.document(&shop(), &super::order_as("SO-1", "cancel", None, &[]));
    run.pass(61);
    assert_eq!(run.kinds(), [Kind::Overdue]);
    run.act(Kind::Overdue, Action::Retry);
    assert_eq!(
        run.sent("cancel/north"),
        ["cancel/north", "cancel/north#again-1"]
    );

    let mut run = released("[[limit]]\nlevel = \"invoice\"\nminutes = 60\n");
    let all = [("1", "A", 10), ("2", "B", 5)];
    run.document(
        &warehouse("north"),
        &shipment("SH1", "SO-1", &at(60), "complete", &all),
    );
    arrive(&mut run, "SH1");
    run.pass(61);
    let step = run.act(Kind::Overdue, Action::Retry);
    assert_eq!(step.refusal.map(|it| it.code), Some("action-not-offered"));
    let orders = |it: &&Command| matches!(it, Command::Send { dedupe_key, .. } if dedupe_key.contains("erp/order/"));
    assert_eq!(
        run.commands.iter().filter(orders).count(),
        1,
        "the ERP has the order"
    );
}
