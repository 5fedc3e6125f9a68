//! Each path of stock, and that disorder changes none.

use proptest::prelude::*;

use super::{InventoryPosition, InventorySync, PositionState, to_csv, to_json};
use crate::{
    clock::Timestamp,
    contract::Document,
    process::{
        EventKind, Number, Origin,
        exception::{Action, Kind},
        testing::{Run, START, adjustment, at, disorder, erp, snapshot, warehouse},
    },
};

const RULES: &str = r#"
    [[inventory]]
    node = "north"
    tolerance_units = "2"
    sequenced = true
"#;

fn item(settings: &str) -> Run<InventoryPosition> {
    Run::new("inventory/north/A", settings).always(conserved)
}

/// What the ERP has is what it had and what it was told; the rest is the difference.
fn conserved(state: &PositionState) {
    for row in state.rows() {
        if let (Some(warehouse), Some(erp), Some(difference)) =
            (row.warehouse, row.erp, row.difference)
        {
            assert_eq!(erp + difference, warehouse, "{row:?}");
            assert!(
                row.held || difference.magnitude() <= Number::whole(2),
                "{row:?}"
            );
        }
    }
}

fn counted(quantity: i32, minutes: i64) -> Document {
    snapshot(
        &format!("S{minutes}"),
        &at(minutes),
        &[("A", "on-hand", quantity)],
    )
}

fn changed(no: i32, quantity: i32, minutes: i64) -> Document {
    adjustment(&format!("ADJ-{no}"), &at(minutes), "A", quantity)
}

fn row(run: &Run<InventoryPosition>) -> (Option<Number>, Option<Number>, bool) {
    let rows = run.state.rows();
    let row = rows.first().expect("a row");
    (row.warehouse, row.erp, row.held)
}

fn figures(warehouse: i32, erp: i32, held: bool) -> (Option<Number>, Option<Number>, bool) {
    (
        Some(Number::whole(warehouse)),
        Some(Number::whole(erp)),
        held,
    )
}

#[test]
fn a_small_difference_is_corrected_quietly() {
    let mut run = item(RULES);
    run.document(&erp(), &counted(100, 0));
    run.document(&warehouse("north"), &counted(98, 1));
    assert_eq!(row(&run), figures(98, 98, false));
    assert_eq!((run.kinds(), run.sent("erp/adjustment").len()), (vec![], 1));
}

#[test]
fn a_large_difference_is_held_until_somebody_releases_it() {
    let mut run = item(RULES);
    run.document(&erp(), &counted(100, 0));
    run.document(&warehouse("north"), &counted(90, 1));
    assert_eq!(
        (row(&run), run.kinds()),
        (figures(90, 100, true), vec![Kind::Variance])
    );
    assert!(run.sent("erp/adjustment").is_empty());
    run.act(Kind::Variance, Action::Release);
    assert_eq!((row(&run), run.kinds()), (figures(90, 90, false), vec![]));
}

#[test]
fn a_variance_closes_when_a_document_explains_it() {
    let mut run = item(RULES);
    run.document(&erp(), &counted(100, 0));
    run.document(&warehouse("north"), &counted(90, 10));
    assert_eq!(run.kinds(), [Kind::Variance]);
    run.document(&warehouse("north"), &changed(1, -10, 5));
    assert_eq!((row(&run), run.kinds()), (figures(90, 90, false), vec![]));
}

#[test]
fn another_variance_than_the_released_one_is_held_again() {
    let mut run = item(RULES);
    run.document(&erp(), &counted(100, 0));
    run.document(&warehouse("north"), &counted(90, 1));
    run.act(Kind::Variance, Action::Release);
    run.document(&warehouse("north"), &counted(80, 2));
    assert_eq!(run.kinds(), [Kind::Variance]);
}

#[test]
fn an_adjustment_is_posted_at_once_and_once() {
    let mut run = item(RULES);
    run.document(&erp(), &counted(100, 0));
    run.document(&warehouse("north"), &counted(100, 0));
    run.document(&warehouse("north"), &changed(1, -30, 5));
    assert_eq!(row(&run), figures(70, 70, false));
    // A snapshot that holds it already, and one that is older, change nothing.
    run.document(&warehouse("north"), &counted(70, 6));
    run.document(&warehouse("north"), &counted(100, 4));
    assert_eq!(
        (row(&run), run.sent("erp/adjustment").len()),
        (figures(70, 70, false), 1)
    );
}

#[test]
fn availability_is_told_when_it_changes() {
    let mut run = item(RULES);
    run.document(
        &warehouse("north"),
        &snapshot("S1", &at(0), &[("A", "on-hand", 10), ("A", "committed", 4)]),
    );
    assert_eq!(run.state.available(), Some(Number::whole(6)));
    run.document(
        &warehouse("north"),
        &snapshot("S2", &at(1), &[("A", "on-hand", 11), ("A", "committed", 5)]),
    );
    assert_eq!(
        (
            run.sent("shops/available").len(),
            run.times(EventKind::AvailabilityChanged)
        ),
        (1, 1)
    );
    run.document(
        &warehouse("north"),
        &snapshot("S3", &at(2), &[("A", "available", 5)]),
    );
    assert_eq!(
        run.state.available(),
        Some(Number::whole(5)),
        "the node's own figure"
    );
}

#[test]
fn a_position_of_another_node_or_item_is_none_of_its_business() {
    let mut run = item(RULES);
    run.document(
        &warehouse("north"),
        &snapshot("S1", &at(0), &[("B", "on-hand", 10)]),
    );
    assert!(run.state.rows().is_empty());
}

#[test]
fn the_report_says_what_differs() {
    let mut run = item(RULES);
    run.document(&erp(), &counted(100, 0));
    run.document(&warehouse("north"), &counted(90, 1));
    let rows = run.state.rows();
    let csv = to_csv(&rows);
    assert_eq!(
        csv.lines().nth(1),
        Some("north,A,on-hand,,90,100,-10,true,2026-03-02T12:01:00.000Z")
    );
    let json = to_json(&rows, Timestamp::from_millis(START)).expect("json");
    let json: serde_json::Value = serde_json::from_str(&json).expect("json");
    assert_eq!(
        (&json["differing"], &json["rows"][0]["erp"]),
        (&1.into(), &"100".into())
    );
}

fn node(settings: &str) -> Run<InventorySync> {
    Run::new("inventory/north", &format!("{RULES}\n{settings}"))
}

#[test]
fn a_gap_is_waited_for_and_then_a_snapshot_asked_for() {
    let mut run = node("[[limit]]\nlevel = \"adjustment-gap\"\nminutes = 15\n");
    run.document(&warehouse("north"), &changed(1, 1, 1));
    run.document(&warehouse("north"), &changed(4, 1, 4));
    assert_eq!((run.status(), run.kinds()), ("incomplete", vec![]));
    run.pass(16);
    assert_eq!(run.kinds(), [Kind::Gap]);
    assert_eq!(run.sent("snapshot"), ["snapshot/gap/2-3"]);
    run.document(&warehouse("north"), &counted(100, 5));
    assert_eq!((run.status(), run.kinds()), ("current", vec![]));
}

#[test]
fn a_gap_that_fills_in_time_is_nobody_s_business() {
    let mut run = node("[[limit]]\nlevel = \"adjustment-gap\"\nminutes = 15\n");
    for no in [1, 3, 2] {
        run.document(&warehouse("north"), &changed(no, 1, i64::from(no)));
    }
    run.pass(60);
    assert_eq!((run.kinds(), run.times(EventKind::GapFound)), (vec![], 0));
}

#[test]
fn old_figures_are_stale_until_there_are_new_ones() {
    let mut run = node("[[limit]]\nlevel = \"inventory-staleness\"\nminutes = 60\n");
    run.document(&warehouse("north"), &counted(100, 0));
    run.pass(61);
    assert_eq!((run.status(), run.kinds()), ("stale", vec![Kind::Stale]));
    assert!(run.state.is_stale());
    assert_eq!(
        run.sent("inventory-stale").len(),
        2,
        "service desk and operations"
    );
    // News that is as old does not help.
    run.document(&warehouse("north"), &counted(100, 0));
    assert_eq!(run.status(), "stale");
    run.document(&warehouse("north"), &counted(100, 60));
    assert_eq!(
        (run.status(), run.kinds(), run.times(EventKind::NodeFresh)),
        ("current", vec![], 1)
    );
}

#[test]
fn snapshots_and_reports_come_by_schedule() {
    let settings = r#"
        [[calendar]]
        name = "north"
        time_zone = "America/Chicago"
        hours = { monday = "08:00-17:00" }
    "#;
    let rules =
        "[[inventory]]\nnode = \"north\"\nsnapshot_every_minutes = 240\nreconcile_at = \"07:00\"\n";
    let mut run = Run::<InventorySync>::new("inventory/north", &format!("{rules}{settings}"));
    run.document(&warehouse("north"), &counted(100, 0));
    run.pass(24 * 60);
    assert_eq!(run.sent("snapshot/scheduled").len(), 6);
    assert_eq!(run.sent("reconciliation").len(), 1);
    assert_eq!(run.kinds(), []);
}

prop_compose! {
    fn happening()(
        what in 0..4,
        quantity in -20..20_i32,
        minutes in 1..100_i64,
        no in 0..i32::MAX,
    ) -> (Origin, Document) {
        match what {
            0 => (erp(), snapshot(&format!("E{minutes}"), &at(minutes), &[("A", "on-hand", 100 + quantity)])),
            1 => (warehouse("north"), counted(100 + quantity, minutes)),
            _ => (warehouse("north"), changed(no, quantity, minutes)),
        }
    }
}

fn play(happenings: &[(i64, (Origin, Document))]) -> Run<InventoryPosition> {
    let mut run = item(RULES);
    run.forgets = true;
    // All that happened has happened when the first is told: what is posted is news to
    // every figure of the ERP's.
    run.pass(1_000);
    for (delay, (from, document)) in happenings {
        run.pass(*delay);
        run.document(from, document);
    }
    run
}

proptest! {
    #[test]
    fn disorder_ends_where_order_ends(
        happenings in prop::collection::vec(happening(), 1..14),
        seed in any::<u64>(),
    ) {
        let orderly: Vec<_> = happenings.iter().cloned().map(|it| (1, it)).collect();
        let (expected, disordered) = (play(&orderly), play(&disorder(&happenings, seed)));
        prop_assert_eq!(disordered.state.rows(), expected.state.rows());
        prop_assert_eq!(disordered.state.available(), expected.state.available());
        prop_assert_eq!(disordered.kinds(), expected.kinds());
        // What was told to the ERP adds up to what it is believed to have.
        let told: Number = disordered.written("erp/adjustment").iter().map(|document| match document {
            Document::InventoryAdjustment(it) => Number::of(&it.lines[0].quantity.value).expect("a number"),
            _ => Number::ZERO,
        }).sum();
        let booked = |run: &Run<InventoryPosition>| run.state.rows().first().and_then(|row| row.erp);
        if let Some(erp) = booked(&disordered) {
            prop_assert_eq!(erp - told, last_booked(&happenings));
        }
    }

    #[test]
    fn gaps_do_not_depend_on_order(numbers in prop::collection::btree_set(1..40_i32, 1..20), seed in any::<u64>()) {
        let happenings: Vec<_> = numbers.iter().map(|no| (warehouse("north"), changed(*no, 1, i64::from(*no)))).collect();
        let play = |happenings: &[(i64, (Origin, Document))]| {
            let mut run = node("");
            for (delay, (from, document)) in happenings {
                run.pass(*delay);
                run.document(from, document);
            }
            (run.state.missing(), run.kinds().len())
        };
        let orderly: Vec<_> = happenings.iter().cloned().map(|it| (1, it)).collect();
        prop_assert_eq!(play(&disorder(&happenings, seed)), play(&orderly));
    }
}

/// The ERP's newest figure; of two of the same moment the higher one counts.
fn last_booked(happenings: &[(Origin, Document)]) -> Number {
    let figure = |(from, document): &(Origin, Document)| match document {
        Document::InventorySnapshot(it) if *from == erp() => Some((
            it.as_of.text.clone(),
            Number::of(&it.lines[0].stocks[0].quantity.value)?,
        )),
        _ => None,
    };
    happenings
        .iter()
        .filter_map(figure)
        .max()
        .map(|it| it.1)
        .unwrap_or_default()
}
