//! Whatever order documents come in, the order ends where the orderly run ends.

use proptest::prelude::*;

use super::{OrderToFulfilment, conserved};
use crate::{
    contract::Document,
    process::{
        Number, Origin, Signal,
        exception::Kind,
        testing::{
            Run, answer, at, disorder, erp, invoice, order_as, shipment_as, shop, sorted, warehouse,
        },
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
    Document(Origin, Box<Document>),
    Arrival(String),
}

prop_compose! {
    fn story()(
        lines in prop::collection::vec(1..20_i32, 1..4),
        change in prop::option::of(1..20_i32),
        flags in prop::array::uniform10(any::<bool>()),
        cancelled in prop::bool::weighted(0.3),
        refused in prop::bool::weighted(0.1),
        shipments in 0..4_usize,
        missing in 0..4_i32,
    ) -> Story {
        Story {
            lines, change, shipments, missing, cancelled, refused,
            held_first: flags[0], north_refuses: flags[1], south_refuses: flags[2] && flags[3],
            accepts: flags[4], closes: flags[5], replaced: flags[6], arrives: flags[7], invoiced: flags[8],
        }
    }
}

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
        happenings.push(Happening::Document(from, Box::new(document)))
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
    if story.refused {
        says(erp(), answer("SO-1", "rejected", 2, "discontinued"));
        return happenings;
    }
    says(erp(), answer("SO-1", "accepted", 2, ""));
    if story.north_refuses {
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
    if story.arrives {
        happenings
            .extend((0..story.shipments).map(|index| Happening::Arrival(format!("SH{index}"))));
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

fn play(happenings: &[(i64, Happening)]) -> Run<OrderToFulfilment> {
    let mut run = Run::new("order/SO-1", LIMITS).always(conserved);
    run.forgets = true;
    for (delay, happening) in happenings {
        run.pass(*delay);
        match happening {
            Happening::Document(from, document) => {
                run.document(from, document);
            }
            Happening::Arrival(id) => {
                let shipment_id = id.clone();
                run.signal(
                    &format!("arrived/{id}"),
                    Signal::ShipmentDelivered { shipment_id },
                );
            }
        }
    }
    run
}

/// What two runs of one story must agree on.
fn outcome(run: &Run<OrderToFulfilment>) -> impl PartialEq + std::fmt::Debug {
    let totals = run.state.totals();
    let exceptions = run
        .exceptions()
        .into_iter()
        .filter(|it| it.kind != Kind::Overdue);
    (
        run.status(),
        run.state.quantities(),
        sorted(exceptions.map(|it| (it.kind, it.subject, it.text))),
        totals.ordered == totals.shipped + totals.cancelled + totals.short + totals.open,
        totals.over >= Number::ZERO,
    )
}

proptest! {
    #[test]
    fn disorder_ends_where_order_ends(story in story(), seed in any::<u64>()) {
        let happenings = tell(&story);
        let orderly: Vec<_> = happenings.iter().cloned().map(|it| (1, it)).collect();
        let expected = play(&orderly);
        let disordered = play(&disorder(&happenings, seed));
        prop_assert_eq!(outcome(&disordered), outcome(&expected));
        // Nothing is asked of a node twice, however often it was told.
        let mut released = disordered.sent("release/");
        released.sort();
        released.dedup();
        prop_assert_eq!(released.len(), disordered.sent("release/").len());
    }
}
