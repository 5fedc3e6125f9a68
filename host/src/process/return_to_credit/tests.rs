//! Each path of a return, refusals included, and that disorder changes none.

mod turns;

use std::rc::Rc;

use super::{ReturnQuantities, ReturnToCredit, State, Sums};
use crate::{
    contract::{CreditDecision, Document, Purpose},
    process::{
        EventKind, Machine as _, Number, Policy,
        exception::{Action, Kind},
        testing::{
            Dice, Run, Told, crm, disorder_ends_as_order, erp, inspection, invoice, paper, policy,
            receipt, sorted, warehouse,
        },
        timer::Level,
    },
};

const LINES: &[(&str, &str, i32)] = &[("1", "A", 10), ("2", "B", 5)];

const RULES: &str = "[returns]\ncredit_percent = { restock = 100, refurbish = 50 }\n";

/// What must hold of each state.
fn conserved(state: &State) {
    let sums = state.sums();
    let findings = sums.over + sums.wrong + sums.late + sums.unauthorized;
    assert_eq!(sums.came, sums.received + findings, "{sums:?}");
    assert!(
        sums.credited.is_zero() || sums.received.is_positive(),
        "no credit before receipt: {sums:?}"
    );
    if let Some(worth) = sums.worth {
        assert!(sums.due.is_none_or(|due| due <= worth), "{sums:?}");
    }
    for line in state.quantities() {
        assert!(
            line.inspected <= line.received && line.received <= line.authorized,
            "{line:?}"
        );
    }
}

/// The same, and that the ERP was never asked for more than what came is worth. A
/// permission that shrinks later makes that untrue, and an exception of it.
fn modest(state: &State) {
    conserved(state);
    let sums = state.sums();
    let worth = sums.worth.unwrap_or(state.requested);
    assert!(state.requested <= worth, "{} {sums:?}", state.requested);
}

fn run(settings: &str) -> Run<ReturnToCredit> {
    Run::new("return/R1", &format!("{RULES}\n{settings}")).always(conserved)
}

/// Asked for and allowed.
fn authorized(settings: &str) -> Run<ReturnToCredit> {
    let mut run = run(settings);
    run.document(&crm(), &paper("R1", "requested", 0, None, LINES));
    run.document(&erp(), &paper("R1", "authorized", 1, None, LINES));
    run
}

fn came(no: &str, minutes: i64, a: i32, b: i32) -> Document {
    receipt(
        no,
        Some("R1"),
        minutes,
        &[("1", "A", a, "good"), ("2", "B", b, "good")],
    )
}

fn credit(no: &str, amount: &str) -> Document {
    invoice(no, "credit-memo", None, Some("R1"), 1, amount)
}

#[test]
fn a_return_goes_through_all_stages() {
    let mut run = run("");
    run.document(&crm(), &paper("R1", "requested", 0, None, LINES));
    assert_eq!(
        (run.status(), run.sent("erp/request").len()),
        ("requested", 1)
    );
    run.document(&erp(), &paper("R1", "authorized", 1, None, LINES));
    assert_eq!(
        (run.status(), run.sent("expect/north").len()),
        ("authorized", 1)
    );
    assert_eq!(run.sent("answer/").len(), 1, "who asked is told");
    run.document(&warehouse("north"), &came("W1", 10, 10, 2));
    assert_eq!(run.status(), "partly-received");
    run.document(&warehouse("north"), &came("W2", 20, 0, 3));
    assert_eq!(
        (run.status(), run.sent("erp/credit").len()),
        ("received", 0)
    );
    let all = [
        ("1", "A", 10, "restock"),
        ("2", "B", 3, "refurbish"),
        ("2", "B", 2, "scrap"),
    ];
    run.document(&warehouse("north"), &inspection("R1", None, 30, &all));
    assert_eq!(
        (run.status(), run.sent("erp/credit")),
        ("inspected", vec!["erp/credit/115".to_owned()])
    );
    let asked = run.written("erp/credit");
    let Some(Document::ReturnDisposition(asked)) = asked.first() else {
        panic!("a request for credit");
    };
    assert_eq!(asked.credit, Some(CreditDecision::Partial));
    run.document(&erp(), &credit("C1", "115"));
    assert_eq!(
        (run.status(), run.sent("return-credited").len(), run.kinds()),
        ("closed", 1, vec![])
    );
}

#[test]
fn a_denied_return_ends_with_the_reason() {
    let mut run = run("");
    run.document(&crm(), &paper("R1", "requested", 0, None, LINES));
    run.document(&erp(), &paper("R1", "denied", 1, None, LINES));
    assert_eq!(
        (
            run.status(),
            run.sent("expect/").len(),
            run.sent("return-denied").len()
        ),
        ("denied", 0, 1)
    );
    run.document(&warehouse("north"), &came("W1", 10, 1, 0));
    assert_eq!(
        (run.status(), run.kinds()),
        ("unauthorized", vec![Kind::UnauthorizedReceipt])
    );
}

#[test]
fn what_comes_without_permission_waits_for_one() {
    let mut run = run("");
    run.document(&warehouse("north"), &came("W1", 10, 10, 5));
    assert_eq!(
        (run.status(), run.kinds()),
        ("unauthorized", vec![Kind::UnauthorizedReceipt])
    );
    run.act(Kind::UnauthorizedReceipt, Action::Retry);
    assert_eq!(run.sent("erp/permission").len(), 1);
    run.document(&erp(), &paper("R1", "authorized", 20, None, LINES));
    assert_eq!((run.status(), run.kinds()), ("received", vec![]));
    assert!(run.sent("expect/").is_empty(), "it is there already");
}

#[test]
fn a_receipt_of_no_return_can_be_kept() {
    let mut run = Run::<ReturnToCredit>::new("return/W1", RULES).always(conserved);
    run.document(
        &warehouse("north"),
        &receipt("W1", None, 10, &[("1", "A", 1, "good")]),
    );
    assert_eq!(run.status(), "unauthorized");
    run.act(Kind::UnauthorizedReceipt, Action::AcceptVariance);
    assert_eq!((run.status(), run.sent("erp/credit").len()), ("closed", 0));
}

#[test]
fn there_is_no_credit_before_receipt() {
    let mut run = authorized("");
    let all = [("1", "A", 10, "restock"), ("2", "B", 5, "restock")];
    run.document(&warehouse("north"), &inspection("R1", None, 5, &all));
    assert!(run.sent("erp/credit").is_empty());
    run.document(&erp(), &credit("C1", "150"));
    assert_eq!(
        (run.kinds(), run.sent("return-credited").len()),
        (vec![Kind::CreditMismatch], 0)
    );
    run.document(&warehouse("north"), &came("W1", 10, 10, 5));
    assert_eq!(
        (run.status(), run.kinds(), run.sent("return-credited").len()),
        ("closed", vec![], 1)
    );
}

#[test]
fn a_credit_beyond_what_came_back_is_an_exception() {
    let mut run = authorized("");
    run.document(&warehouse("north"), &came("W1", 10, 10, 5));
    let all = [("1", "A", 10, "restock"), ("2", "B", 5, "restock")];
    run.document(&warehouse("north"), &inspection("R1", None, 11, &all));
    run.document(&erp(), &credit("C1", "151"));
    assert_eq!(
        (run.kinds(), run.state.sums().credited),
        (vec![Kind::CreditMismatch], Number::whole(150))
    );
}

#[test]
fn a_return_that_is_worth_nothing_closes_without_credit() {
    let mut run = authorized("");
    run.document(&warehouse("north"), &came("W1", 10, 10, 5));
    let all = [("1", "A", 10, "scrap"), ("2", "B", 5, "scrap")];
    run.document(&warehouse("north"), &inspection("R1", None, 11, &all));
    assert_eq!((run.status(), run.sent("erp/credit").len()), ("closed", 0));
    assert_eq!(run.sent("return-without-credit").len(), 1);
}

#[test]
fn too_much_the_wrong_thing_and_bad_condition_are_findings() {
    let mut run = authorized("");
    let lines = [
        ("1", "A", 12, "good"),
        ("2", "B", 3, "damaged"),
        ("2", "Z", 2, "good"),
        ("2", "B", 1, "wrong-item"),
    ];
    run.document(&warehouse("north"), &receipt("W1", Some("R1"), 10, &lines));
    let sums = run.state.sums();
    assert_eq!(
        (sums.received, sums.over, sums.wrong),
        (Number::whole(13), Number::whole(2), Number::whole(3))
    );
    let mut kinds = run.kinds();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            Kind::OverReceipt,
            Kind::ConditionMismatch,
            Kind::ConditionMismatch
        ]
    );
}

/// The permission ends with 2026-03-03, 36 hours after the start.
const EXPIRES: Option<&str> = Some("2026-03-03");

#[test]
fn a_return_that_does_not_come_expires_and_is_taken_back() {
    let mut run = run("");
    run.document(&erp(), &paper("R1", "authorized", 1, EXPIRES, LINES));
    run.pass(36 * 60 + 1);
    assert_eq!(run.status(), "expired");
    assert_eq!(run.sent("expect-no-more/north").len(), 1);
    assert_eq!(run.sent("erp/expired").len(), 1);
    assert_eq!(run.times(EventKind::Compensated), 2);
    // It came in time and was told late.
    run.document(&warehouse("north"), &came("W1", 35 * 60, 10, 5));
    assert_eq!((run.status(), run.kinds()), ("received", vec![]));
}

#[test]
fn what_comes_after_expiry_can_be_released() {
    let mut run = run("");
    run.document(&erp(), &paper("R1", "authorized", 1, EXPIRES, LINES));
    run.pass(37 * 60);
    run.document(&warehouse("north"), &came("W1", 37 * 60, 10, 5));
    assert_eq!(
        (run.status(), run.kinds()),
        ("expired", vec![Kind::ReceivedAfterExpiry])
    );
    run.act(Kind::ReceivedAfterExpiry, Action::Release);
    assert_eq!((run.status(), run.kinds()), ("received", vec![]));
}

#[test]
fn less_than_allowed_is_accepted_by_a_person() {
    let mut run = run("");
    run.document(&erp(), &paper("R1", "authorized", 1, EXPIRES, LINES));
    run.document(&warehouse("north"), &came("W1", 10, 10, 0));
    run.document(
        &warehouse("north"),
        &inspection("R1", Some("W1"), 11, &[("1", "A", 10, "restock")]),
    );
    run.document(&erp(), &credit("C1", "100"));
    assert_eq!((run.status(), run.kinds()), ("partly-received", vec![]));
    run.pass(37 * 60);
    assert_eq!(run.kinds(), [Kind::ShortReceipt]);
    run.act(Kind::ShortReceipt, Action::AcceptVariance);
    assert_eq!((run.status(), run.kinds()), ("closed", vec![]));
}

fn cancel(lines: &[(&str, &str, i32)]) -> Document {
    match paper("R1", "requested", 5, None, lines) {
        Document::ReturnAuthorization(mut it) => {
            it.purpose = Purpose::Cancel;
            Document::ReturnAuthorization(it)
        }
        other => other,
    }
}

#[test]
fn a_return_is_called_off_everywhere_unless_something_came() {
    let mut run = authorized("");
    run.document(&crm(), &cancel(LINES));
    assert_eq!(run.status(), "cancelled");
    assert_eq!(
        (
            run.sent("expect-no-more").len(),
            run.sent("erp/cancel").len()
        ),
        (1, 1)
    );
    let mut late = authorized("");
    late.document(&warehouse("north"), &came("W1", 10, 10, 5));
    late.document(&crm(), &cancel(LINES));
    assert_eq!(
        (late.status(), late.sent("expect-no-more").len()),
        ("received", 0)
    );
}

#[test]
fn a_return_that_was_called_off_before_it_was_asked_for_is_not_asked_for() {
    let mut run = run("");
    run.document(&crm(), &cancel(LINES));
    run.document(&crm(), &paper("R1", "requested", 0, None, LINES));
    assert_eq!(
        (run.status(), run.sent("erp/request").len()),
        ("cancelled", 0)
    );
    // What comes in spite of that needs the ERP's word.
    run.document(&warehouse("north"), &came("W1", 10, 1, 0));
    assert_eq!(run.sent("erp/request").len(), 1);
}

#[test]
fn the_cycle_is_measured() {
    let mut run = authorized("[[limit]]\nlevel = \"return-to-credit\"\nminutes = 600\n");
    run.document(&warehouse("north"), &came("W1", 10, 10, 5));
    run.pass(601);
    assert_eq!(run.kinds(), [Kind::Overdue]);
    let all = [("1", "A", 10, "restock"), ("2", "B", 5, "restock")];
    run.document(&warehouse("north"), &inspection("R1", None, 11, &all));
    run.document(&erp(), &credit("C1", "150"));
    let met: Vec<_> = run
        .events
        .iter()
        .filter(|it| it.kind == EventKind::LevelMet)
        .collect();
    assert_eq!(met.len(), 1);
    assert!(
        met[0]
            .data
            .contains(&("in_time".to_owned(), "false".to_owned())),
        "{met:?}"
    );
}

/// The permission ends with the day, 12 hours after the start: what comes later is not so
/// far ahead when it is told that it can't have happened.
const EXPIRES_SOON: Option<&str> = Some("2026-03-02");

/// A run of a return.
#[derive(Clone, Debug)]
struct Story {
    requested: bool,
    denied: bool,
    authorized: bool,
    /// The ERP allows more, later.
    allowed_again: bool,
    cancelled: bool,
    expires: bool,
    /// Receipts: how many of A and B, in which condition, after the permission's end.
    receipts: Vec<(i32, i32, usize, bool)>,
    /// How many of the receipts are judged, and how.
    judged: usize,
    disposition: usize,
    credit: Option<i32>,
}

fn story(dice: &mut Dice) -> Story {
    let receipt = |dice: &mut Dice| {
        let (a, b) = (dice.between(0, 8), dice.between(0, 4));
        (a, b, dice.below(4) as usize, dice.percent(20))
    };
    Story {
        requested: dice.percent(50),
        denied: dice.percent(50),
        authorized: dice.percent(90),
        allowed_again: dice.percent(20),
        cancelled: dice.percent(15),
        expires: dice.percent(50),
        receipts: (0..dice.below(4)).map(|_| receipt(dice)).collect(),
        judged: dice.below(4) as usize,
        disposition: dice.below(3) as usize,
        credit: dice.percent(50).then(|| dice.between(1, 200)),
    }
}

fn tell(story: &Story) -> Vec<Told> {
    let mut says = Vec::new();
    if story.requested {
        says.push((crm(), paper("R1", "requested", 0, None, LINES)));
    }
    if story.denied {
        says.push((erp(), paper("R1", "denied", 1, None, LINES)));
    }
    if story.authorized {
        let expires = if story.expires { EXPIRES_SOON } else { None };
        says.push((erp(), paper("R1", "authorized", 2, expires, LINES)));
    }
    if story.allowed_again {
        let more = [("1", "A", 12), ("2", "B", 5)];
        says.push((erp(), paper("R1", "authorized", 3, None, &more)));
    }
    if story.cancelled {
        says.push((crm(), cancel(LINES)));
    }
    let conditions = ["good", "damaged", "wrong-item", "over"];
    let disposition = ["restock", "refurbish", "scrap"][story.disposition];
    for (index, (a, b, condition, late)) in story.receipts.iter().enumerate() {
        let no = format!("W{index}");
        let minutes = if *late { 13 * 60 } else { 10 };
        let lines = [
            ("1", "A", *a, conditions[*condition]),
            ("2", "B", *b, "good"),
        ];
        says.push((
            warehouse("north"),
            receipt(&no, Some("R1"), minutes, &lines),
        ));
        if index < story.judged {
            let lines = [("1", "A", *a, disposition), ("2", "B", *b, "restock")];
            says.push((
                warehouse("north"),
                inspection("R1", Some(&no), minutes + 1, &lines),
            ));
        }
    }
    if let Some(amount) = story.credit {
        says.push((erp(), credit("C1", &amount.to_string())));
    }
    says.into_iter()
        .map(|(from, document)| Told::new(from, document))
        .collect()
}

/// What two runs of one story must agree on.
#[derive(Debug, PartialEq)]
struct End {
    status: &'static str,
    sums: Sums,
    quantities: Vec<ReturnQuantities>,
    facts: Vec<(String, String)>,
    waits: Vec<Level>,
    exceptions: Vec<(Kind, String, String)>,
}

fn live(policy: &Rc<Policy>, happenings: &[(i64, Told)], careful: bool) -> End {
    let mut run = Run::<ReturnToCredit>::of("return/R1", policy).always(modest);
    run.forgets = true;
    run.careful = careful;
    for (delay, told) in happenings {
        run.pass(*delay);
        run.told(told);
    }
    // Long after the permission's end.
    run.pass(100 * 60);
    let asked: Number = run
        .written("erp/credit")
        .iter()
        .map(|document| match document {
            Document::ReturnDisposition(it) => it
                .credit_amount
                .as_ref()
                .and_then(|money| Number::of(&money.amount))
                .unwrap_or_default(),
            _ => Number::ZERO,
        })
        .sum();
    let sums = run.state.sums();
    assert!(asked <= sums.worth.unwrap_or_default(), "{asked} {sums:?}");
    let summary = ReturnToCredit::summary(&run.state);
    // A request that went out before a later receipt or verdict changed what is due is
    // the one thing that order decides; it is never more than the worth of what came.
    let exceptions = summary
        .exceptions
        .into_iter()
        .filter(|it| it.kind != Kind::Overdue && !it.text.contains("was asked for"));
    let facts = summary.facts.into_iter();
    let waits = summary.waits.into_iter().map(|it| it.level);
    End {
        status: summary.status,
        sums,
        quantities: run.state.quantities(),
        facts: facts.filter(|it| it.0 != "requested").collect(),
        waits: waits
            .filter(|it| *it != Level::ExceptionResolution)
            .collect(),
        exceptions: sorted(exceptions.map(|it| (it.kind, it.subject, it.text))),
    }
}

#[test]
fn disorder_ends_where_order_ends() {
    let limits = "[[limit]]\nlevel = \"return-to-credit\"\nminutes = 30\n[[limit]]\nlevel = \"inspection\"\nminutes = 30\n";
    let policy = policy(&format!("{RULES}\n{limits}"));
    disorder_ends_as_order(
        |dice| tell(&story(dice)),
        |happenings, careful| live(&policy, happenings, careful),
    );
}
