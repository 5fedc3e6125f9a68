//! Whatever order documents come in, the order ends where the orderly run ends.

use std::rc::Rc;

use super::{OrderToFulfilment, conserved};
use crate::{
    contract::Document,
    process::{
        Machine as _, Origin, Policy, Signal,
        exception::Kind,
        order_to_fulfilment::LineQuantities,
        testing::{
            Dice, Run, Told, answer, at, disorder_ends_as_order, erp, invoice, order_as, policy,
            shipment_as, shop, sorted, warehouse,
        },
        timer::Level,
    },
};

/// A run of an order, as somebody might live it.
#[derive(Clone, Debug)]
struct Story {
    lines: Vec<i32>,
    /// What a change makes of the first line.
    change: Option<i32>,
    held_first: bool,
    refused: bool,
    north_refuses: bool,
    south_refuses: bool,
    accepts: bool,
    /// North refuses by shipping nothing.
    north_ships_nothing: bool,
    /// The last line is cancelled by itself.
    line_cancelled: bool,
    /// The first shipment was called lost and found again, or is lost.
    lost: bool,
    found: bool,
    /// North's partner stops answering for a while.
    outage: bool,
    /// How many shipments, and how much less than ordered leaves in all.
    shipments: usize,
    missing: i32,
    closes: bool,
    replaced: bool,
    cancelled: bool,
    arrives: bool,
    invoiced: bool,
}

/// What happens in a story.
#[derive(Clone, Debug)]
enum Happening {
    Told(Told),
    /// What the shipment's own process says, in its order.
    Signals(Vec<(String, Signal)>),
    Outage,
}

fn story(dice: &mut Dice) -> Story {
    let lines = (0..dice.between(1, 4))
        .map(|_| dice.between(1, 20))
        .collect();
    Story {
        lines,
        change: dice.percent(40).then(|| dice.between(1, 20)),
        held_first: dice.percent(40),
        refused: dice.percent(10),
        north_refuses: dice.percent(40),
        south_refuses: dice.percent(25),
        north_ships_nothing: dice.percent(30),
        accepts: dice.percent(50),
        shipments: usize::try_from(dice.below(4)).expect("small"),
        missing: dice.between(0, 4),
        closes: dice.percent(50),
        replaced: dice.percent(40),
        cancelled: dice.percent(25),
        line_cancelled: dice.percent(20),
        arrives: dice.percent(50),
        lost: dice.percent(20),
        found: dice.percent(50),
        outage: dice.percent(30),
        invoiced: dice.percent(50),
    }
}

#[expect(clippy::too_many_lines, reason = "what happens is one list")]
fn tell(story: &Story) -> Vec<Happening> {
    let names: Vec<(String, String)> = (1..=story.lines.len())
        .map(|no| (no.to_string(), format!("SKU-{no}")))
        .collect();
    let with = |quantities: &[i32]| -> Vec<(usize, i32)> {
        quantities.iter().copied().enumerate().collect()
    };
    let lines = |quantities: &[(usize, i32)]| -> Vec<(String, String, i32)> {
        let line = |(index, quantity): &(usize, i32)| {
            (names[*index].0.clone(), names[*index].1.clone(), *quantity)
        };
        quantities.iter().map(line).collect()
    };
    fn borrowed(lines: &[(String, String, i32)]) -> Vec<(&str, &str, i32)> {
        lines
            .iter()
            .map(|(no, sku, quantity)| (no.as_str(), sku.as_str(), *quantity))
            .collect()
    }
    let mut happenings = Vec::new();
    let mut says = |from: Origin, document: Document| {
        happenings.push(Happening::Told(Told::new(from, document)));
    };
    let order = |purpose: &str, revision, quantities: &[(usize, i32)]| {
        order_as("SO-1", purpose, revision, &borrowed(&lines(quantities)))
    };
    let mut wanted = story.lines.clone();
    says(shop(), order("original", None, &with(&wanted)));
    if let Some(changed) = story.change {
        wanted[0] = changed;
        says(shop(), order("change", Some(2), &[(0, changed)]));
    }
    if story.held_first {
        says(erp(), answer("SO-1", "on-hold", 1, "credit-hold"));
    }
    if story.cancelled {
        says(shop(), order("cancel", None, &[]));
    }
    if story.line_cancelled {
        let last = wanted.len() - 1;
        says(shop(), order("cancel", None, &[(last, wanted[last])]));
    }
    if story.refused {
        says(erp(), answer("SO-1", "rejected", 2, "discontinued"));
        return happenings;
    }
    says(erp(), answer("SO-1", "accepted", 2, ""));
    if story.north_refuses && story.north_ships_nothing {
        let nothing: Vec<(usize, i32)> = (0..wanted.len()).map(|line| (line, 0)).collect();
        let lines = lines(&nothing);
        let nothing = shipment_as(
            "SH-NONE",
            "SO-1",
            "original",
            &at(3),
            "not-shipped",
            &borrowed(&lines),
        );
        says(warehouse("north"), nothing);
    } else if story.north_refuses {
        says(
            warehouse("north"),
            answer("SO-1", "rejected", 3, "capacity"),
        );
    }
    if story.north_refuses && story.south_refuses {
        says(
            warehouse("south"),
            answer("SO-1", "rejected", 4, "capacity"),
        );
        return happenings;
    }
    let node = warehouse(if story.north_refuses {
        "south"
    } else {
        "north"
    });
    if story.accepts {
        says(node.clone(), answer("SO-1", "accepted", 5, ""));
    }
    let mut left = 0;
    for index in 0..story.shipments {
        let is_last = index + 1 == story.shipments;
        let parts: Vec<(usize, i32)> = wanted
            .iter()
            .enumerate()
            .map(|(line, wanted)| {
                let there = (wanted - story.missing).max(0);
                let share = there / i32::try_from(story.shipments).expect("few");
                (
                    line,
                    if is_last {
                        there - share * i32::try_from(index).expect("few")
                    } else {
                        share
                    },
                )
            })
            .collect();
        left += parts.iter().map(|(_, quantity)| quantity).sum::<i32>();
        let status = if is_last && story.closes {
            "partial-closed"
        } else {
            "split"
        };
        let id = format!("SH{index}");
        let ship = |purpose: &str, minutes: i64, parts: &[(usize, i32)]| {
            shipment_as(
                &id,
                "SO-1",
                purpose,
                &at(minutes),
                status,
                &borrowed(&lines(parts)),
            )
        };
        if story.replaced && index == 0 {
            let wrong: Vec<(usize, i32)> = parts
                .iter()
                .map(|(line, quantity)| (*line, quantity + 1))
                .collect();
            says(node.clone(), ship("original", 60, &wrong));
            says(node.clone(), ship("replace", 61, &parts));
        } else {
            says(node.clone(), ship("original", 60, &parts));
        }
    }
    if story.invoiced && left > 0 {
        says(
            erp(),
            invoice("INV-1", "invoice", Some("SO-1"), None, left, "1"),
        );
    }
    for index in 0..story.shipments {
        let mut signals = Vec::new();
        let id = format!("SH{index}");
        let shipment_id = || id.clone();
        if story.lost && index == 0 {
            let cause = "lost".to_owned();
            let failed = Signal::ShipmentFailed {
                shipment_id: shipment_id(),
                cause,
            };
            signals.push((format!("failed/{id}"), failed));
            if story.found {
                let recovered = Signal::ShipmentRecovered {
                    shipment_id: shipment_id(),
                };
                signals.push((format!("recovered/{id}"), recovered));
            }
        }
        if story.arrives && (!story.lost || story.found || index > 0) {
            let delivered = Signal::ShipmentDelivered {
                shipment_id: shipment_id(),
            };
            signals.push((format!("delivered/{id}"), delivered));
        }
        happenings.push(Happening::Signals(signals));
    }
    if story.outage {
        happenings.push(Happening::Outage);
    }
    happenings
}

/// Limits that a delay passes, so that exceptions come and go; none that changes the
/// node, which is what time decides.
const LIMITS: &str = r#"
    [order]
    keep_waiting = true
    [[limit]]
    level = "announcement"
    minutes = 20
    [[limit]]
    level = "order-acknowledgement"
    minutes = 20
    [[limit]]
    level = "acceptance"
    minutes = 20
    [[limit]]
    level = "ship-by"
    minutes = 30
    [[limit]]
    level = "delivery"
    minutes = 30
    [[limit]]
    level = "exception-resolution"
    minutes = 10
"#;

/// What two runs of one story must agree on.
#[derive(Debug, PartialEq)]
struct End {
    status: &'static str,
    quantities: Vec<LineQuantities>,
    facts: Vec<(String, String)>,
    waits: Vec<Level>,
    exceptions: Vec<(Kind, String, String)>,
    /// The cancels that the ERP heard of.
    cancels: Vec<String>,
}

fn end(run: &Run<OrderToFulfilment>) -> End {
    let exceptions = run
        .exceptions()
        .into_iter()
        .filter(|it| it.kind != Kind::Overdue);
    let waits = run.waits().into_iter();
    let facts = OrderToFulfilment::summary(&run.state).facts.into_iter();
    End {
        status: run.status(),
        quantities: run.state.quantities(),
        // Who was asked before a cancel came is a question of time.
        facts: facts.filter(|it| it.0 != "node").collect(),
        waits: waits
            .filter(|it| *it != Level::ExceptionResolution)
            .collect(),
        exceptions: sorted(exceptions.map(|it| (it.kind, it.subject, it.text))),
        cancels: sorted(run.sent("erp/cancel").into_iter()),
    }
}

fn live(policy: &Rc<Policy>, happenings: &[(i64, Happening)], careful: bool) -> End {
    let mut run = Run::of("order/SO-1", policy).always(conserved);
    run.forgets = true;
    run.careful = careful;
    for (delay, happening) in happenings {
        run.pass(*delay);
        match happening {
            Happening::Told(told) => {
                run.told(told);
            }
            Happening::Signals(signals) => {
                for (identity, signal) in signals {
                    run.signal(identity, signal.clone());
                }
            }
            Happening::Outage => {
                run.availability("north", false);
                run.pass(5);
                run.availability("north", true);
            }
        }
    }
    // Nothing is asked of a node twice, however often it was told.
    for key in [
        "release/",
        "cancel/north",
        "cancel/south",
        "answer/cancel/done",
    ] {
        let mut sent = run.sent(key);
        let count = sent.len();
        sent.sort();
        sent.dedup();
        assert_eq!(sent.len(), count, "{key}");
    }
    // The ERP hears of the order before it hears of a cancel.
    let mut heard = run.sent("erp/").into_iter();
    let first = heard.find(|key| key.starts_with("erp/order/") || key.starts_with("erp/cancel"));
    assert!(first.is_none_or(|key| key.starts_with("erp/order/")));
    // Who is told that a partner does not answer is told when that is over.
    let (began, ended) = (run.sent("-unavailable"), run.sent("partner-available"));
    assert_eq!(began.len(), ended.len());
    end(&run)
}

#[test]
fn disorder_ends_where_order_ends() {
    let policy = policy(LIMITS);
    disorder_ends_as_order(
        |dice| tell(&story(dice)),
        |happenings, careful| live(&policy, happenings, careful),
    );
}
