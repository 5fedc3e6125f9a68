//! What lasts long, lies far ahead, or is said by nobody who may.

use super::{RULES, changed, counted, figures, item, node, row};
use crate::{
    contract::{Document, Purpose},
    process::{
        Number,
        exception::{Action, Kind},
        testing::{at, erp, snapshot, warehouse},
    },
};

#[test]
fn more_changes_than_are_kept_add_up_to_the_same() {
    // With a figure of the ERP's, and without any.
    for booked in [true, false] {
        let mut run = item(RULES);
        run.careful = false;
        if booked {
            run.document(&erp(), &counted(1_000, 0));
        }
        run.document(&warehouse("north"), &counted(1_000, 0));
        for no in 1..=300 {
            run.pass(1);
            run.document(&warehouse("north"), &changed(no, -1, i64::from(no)));
        }
        let (warehouse, erp, held) = row(&run);
        assert_eq!((warehouse, held), (Some(Number::whole(700)), false));
        assert_eq!(erp, booked.then(|| Number::whole(700)));
        let told: Vec<_> = run.sent("erp/adjustment");
        assert_eq!(
            told.len(),
            300,
            "each change is told once, and nothing else"
        );
        let bytes = rmp_serde::to_vec_named(&run.state).expect("a state").len();
        assert!(bytes < 65_536, "{bytes}");
    }
}

#[test]
fn an_older_change_than_the_erp_s_figure_is_forgotten_without_a_posting() {
    let mut run = item(RULES);
    run.careful = false;
    run.document(&warehouse("north"), &counted(1_000, 0));
    for no in 1..=100 {
        run.document(&warehouse("north"), &changed(no, -1, i64::from(no)));
    }
    run.pass(200);
    // The ERP's figure holds them all.
    run.document(&erp(), &counted(900, 150));
    for no in 101..=300 {
        run.document(&warehouse("north"), &changed(no, -1, i64::from(no) + 100));
    }
    assert_eq!(row(&run), figures(700, 700, false));
    assert_eq!(run.sent("erp/adjustment").len(), 300);
}

#[test]
fn a_figure_of_tomorrow_hides_none_of_today() {
    let days = 3 * 24 * 60;
    let mut run = item(RULES);
    let step = run.document(&warehouse("north"), &counted(5, days));
    assert_eq!(step.refusal.map(|it| it.code), Some("time-unfit"));
    run.document(&warehouse("north"), &counted(100, 1));
    assert_eq!(run.fact("available"), "100");
    run.act(Kind::UnfitNumber, Action::AcceptVariance);
    assert_eq!(run.kinds(), []);
    // Nor does a node look fresh for days because of one.
    let mut run = node("[[limit]]\nlevel = \"inventory-staleness\"\nminutes = 60\n");
    run.document(&warehouse("north"), &counted(100, 0));
    run.document(&warehouse("north"), &counted(100, days));
    run.pass(61);
    assert_eq!(run.status(), "stale");
}

#[test]
fn a_cancelled_snapshot_closes_no_gap_and_makes_no_node_fresh() {
    let mut run = node("");
    run.document(&warehouse("north"), &changed(1, 1, 1));
    run.document(&warehouse("north"), &changed(4, 1, 4));
    assert_eq!(run.status(), "incomplete");
    let mut cancelled = counted(100, 10);
    if let Document::InventorySnapshot(snapshot) = &mut cancelled {
        snapshot.purpose = Purpose::Cancel;
    }
    run.document(&warehouse("north"), &cancelled);
    assert_eq!(
        (run.status(), run.fact("last_report_at").as_str()),
        ("incomplete", "2026-03-02T12:04:00.000Z")
    );
    run.document(&warehouse("north"), &counted(100, 11));
    assert_eq!(run.status(), "current");
}

#[test]
fn an_item_and_a_node_have_their_facts() {
    let mut run = item(RULES);
    run.document(&erp(), &counted(100, 0));
    let stock = [("A", "on-hand", 90), ("A", "damaged", 3)];
    run.document(&warehouse("north"), &snapshot("S1", &at(1), &stock));
    for (name, value) in [
        ("node", "north"),
        ("sku", "A"),
        ("available", "90"),
        ("on_hand", "90"),
        ("erp", "100"),
        ("difference", "-10"),
        ("held", "true"),
        ("counted_at", "2026-03-02T12:01:00.000Z"),
        ("stocks", "damaged=3;on-hand=90"),
    ] {
        assert_eq!(run.fact(name), value, "{name}");
    }
    let mut run = node("");
    run.document(&warehouse("north"), &changed(1, 1, 1));
    run.document(&warehouse("north"), &changed(4, 1, 4));
    for (name, value) in [
        ("node", "north"),
        ("stale", "false"),
        ("last_report_at", "2026-03-02T12:04:00.000Z"),
        ("missing", "2"),
    ] {
        assert_eq!(run.fact(name), value, "{name}");
    }
}

#[test]
fn a_retry_of_a_posting_sends_it_as_it_was() {
    let mut run = item(RULES);
    run.delivers = false;
    run.document(&erp(), &counted(100, 0));
    run.document(&warehouse("north"), &counted(98, 1));
    let key = run.sent("erp/adjustment").remove(0);
    run.lost(&key, "no answer in 24 h");
    assert_eq!(run.kinds(), [Kind::Undeliverable]);
    let step = run.act(Kind::Undeliverable, Action::Retry);
    assert!(
        step.commands.contains(&crate::process::Command::Redeliver {
            dedupe_key: format!("inventory/north/A/{key}")
        }),
        "{:?}",
        step.commands
    );
    assert_eq!((run.kinds(), run.sent("erp/adjustment").len()), (vec![], 1));
}
