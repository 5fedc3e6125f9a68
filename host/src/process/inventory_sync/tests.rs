//! Each path of stock, and that disorder changes none.

mod bounds;

use std::rc::Rc;

use super::{InventoryPosition, InventorySync, PositionState, Row, to_csv, to_json};
use crate::{
    clock::Timestamp,
    contract::Document,
    process::{
        EventKind, Machine as _, Number, Policy,
        exception::{Action, Kind},
        testing::{
            Dice, Run, START, Told, adjustment, at, disorder_ends_as_order, erp, policy, snapshot,
            sorted, warehouse,
        },
        timer::Level,
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

fn tell(dice: &mut Dice) -> Vec<Told> {
    let mut told = Vec::new();
    for _ in 0..dice.between(1, 14) {
        let (quantity, minutes) = (dice.between(-20, 20), i64::from(dice.between(1, 100)));
        let no = dice.between(0, i32::MAX);
        told.push(match dice.below(4) {
            0 => {
                let figure = 100 + quantity;
                let lines = [("A", "on-hand", figure)];
                Told::new(
                    erp(),
                    snapshot(&format!("E{minutes}"), &at(minutes), &lines),
                )
            }
            1 => Told::new(warehouse("north"), counted(100 + quantity, minutes)),
            _ => Told::new(warehouse("north"), changed(no, quantity, minutes)),
        });
    }
    told
}

/// What two runs of one story must agree on.
#[derive(Debug, PartialEq)]
struct End {
    rows: Vec<Row>,
    available: Option<Number>,
    facts: Vec<(String, String)>,
    exceptions: Vec<(Kind, String, String)>,
    /// The ERP's figure, with all that it was told.
    erp: Option<Number>,
    /// What shops were told last.
    published: Option<Number>,
}

fn live(policy: &Rc<Policy>, happenings: &[(i64, Told)], careful: bool) -> End {
    let mut run = Run::<InventoryPosition>::of("inventory/north/A", policy).always(conserved);
    run.forgets = true;
    run.careful = careful;
    // All that happened has happened when the first is told: what is posted is news to
    // every figure of the ERP's.
    run.pass(1_000);
    let mut booked: Option<(String, Number)> = None;
    for (delay, told) in happenings {
        run.pass(*delay);
        run.told(told);
        // The ERP's newest figure; of two of the same moment the higher one counts.
        if let (Document::InventorySnapshot(it), true) = (&*told.document, told.from == erp()) {
            let figure = Number::of(&it.lines[0].stocks[0].quantity.value).expect("a number");
            booked = booked.max(Some((it.as_of.text.clone(), figure)));
        }
    }
    let posted = run
        .written("erp/adjustment")
        .iter()
        .map(|document| match document {
            Document::InventoryAdjustment(it) => {
                Number::of(&it.lines[0].quantity.value).expect("a number")
            }
            _ => Number::ZERO,
        })
        .sum::<Number>();
    let rows = run.state.rows();
    let erp = booked.map(|it| it.1 + posted);
    // What the ERP was told adds up to what it is believed to have.
    assert_eq!(rows.first().and_then(|row| row.erp), erp);
    let told = run.written("shops/available").into_iter().next_back();
    let published = told.map(|document| match document {
        Document::InventorySnapshot(it) => {
            Number::of(&it.lines[0].stocks[0].quantity.value).expect("a number")
        }
        _ => Number::ZERO,
    });
    assert_eq!(
        published,
        run.state.available(),
        "shops know the last figure"
    );
    let exceptions = run.exceptions().into_iter();
    End {
        rows,
        available: run.state.available(),
        facts: InventoryPosition::summary(&run.state).facts,
        exceptions: sorted(exceptions.map(|it| (it.kind, it.subject, it.text))),
        erp,
        published,
    }
}

#[test]
fn disorder_ends_where_order_ends() {
    let policy = policy(RULES);
    disorder_ends_as_order(tell, |happenings, careful| {
        live(&policy, happenings, careful)
    });
}

/// Reports of a node: counted adjustments, some of which never come, and snapshots.
fn tell_of_node(dice: &mut Dice) -> Vec<Told> {
    let mut told = Vec::new();
    for no in 1..dice.between(3, 20) {
        if dice.percent(75) {
            told.push(Told::new(warehouse("north"), changed(no, 1, i64::from(no))));
        }
    }
    for _ in 0..dice.below(3) {
        let minutes = i64::from(dice.between(0, 20));
        told.push(Told::new(warehouse("north"), counted(100, minutes)));
    }
    told
}

/// Status, facts, gaps, waits and exceptions.
type NodeEnd = (
    &'static str,
    Vec<(String, String)>,
    Vec<(u64, u64)>,
    Vec<(Level, String)>,
    Vec<(Kind, String)>,
);

fn live_of_node(policy: &Rc<Policy>, happenings: &[(i64, Told)], careful: bool) -> NodeEnd {
    let mut run = Run::<InventorySync>::of("inventory/north", policy);
    run.forgets = true;
    run.careful = careful;
    for (delay, told) in happenings {
        run.pass(*delay);
        run.told(told);
    }
    // Longer than any gap is waited for and any figure is fresh.
    run.pass(600);
    let found = run.times(EventKind::GapFound);
    let closed = run.times(EventKind::GapClosed);
    let open = run.kinds().iter().filter(|it| **it == Kind::Gap).count();
    assert_eq!(
        found,
        closed + open,
        "each gap that was found is open or closed"
    );
    let summary = InventorySync::summary(&run.state);
    let waits = summary.waits.into_iter();
    let exceptions = summary.exceptions.into_iter();
    (
        summary.status,
        summary.facts,
        run.state.missing(),
        waits
            .filter(|it| it.level != Level::ExceptionResolution)
            .map(|it| (it.level, it.subject))
            .collect(),
        sorted(exceptions.map(|it| (it.kind, it.subject))),
    )
}

#[test]
fn gaps_and_age_do_not_depend_on_order() {
    let limits = "[[limit]]\nlevel = \"adjustment-gap\"\nminutes = 15\n[[limit]]\nlevel = \"inventory-staleness\"\nminutes = 60\n";
    let policy = policy(&format!("{RULES}{limits}"));
    disorder_ends_as_order(tell_of_node, |happenings, careful| {
        live_of_node(&policy, happenings, careful)
    });
}
