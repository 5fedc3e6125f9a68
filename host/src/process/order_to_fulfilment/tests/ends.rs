//! A cancel wherever an order stands, what comes when all is over, and orders as large as
//! they may be.

use super::{arrive, ordered, released, run};
use crate::{
    contract::{Decision, Document},
    process::{
        Delivered, Number, Signal,
        exception::Kind,
        order_to_fulfilment::OrderToFulfilment,
        testing::{Run, answer, at, crm, erp, invoice, order, order_as, shipment, shop, warehouse},
    },
};

const ALL: &[(&str, &str, i32)] = &[("1", "A", 10), ("2", "B", 5)];

fn shipped(lines: &[(&str, &str, i32)]) -> Document {
    shipment("SH1", "SO-1", &at(60), "split", lines)
}

/// What brings an order a stage further.
type Stage<'a> = &'a dyn Fn(&mut Run<OrderToFulfilment>);

/// An order, cancelled when it has got so far.
fn cancelled_when(status: &str) -> Run<OrderToFulfilment> {
    let mut run = run("");
    let north = warehouse("north");
    let steps: [(&str, Stage<'_>); 8] = [
        ("validating", &|run| {
            run.document(&shop(), &ordered());
        }),
        ("held", &|run| {
            run.document(&erp(), &answer("SO-1", "on-hold", 1, "credit-hold"));
        }),
        ("released", &|run| {
            run.document(&erp(), &answer("SO-1", "accepted", 2, ""));
        }),
        ("accepted", &|run| {
            run.document(&north, &answer("SO-1", "accepted", 3, ""));
        }),
        ("partly-shipped", &|run| {
            run.document(&north, &shipped(&[("1", "A", 4)]));
        }),
        ("shipped", &|run| {
            let rest = [("1", "A", 6), ("2", "B", 5)];
            run.document(&north, &shipment("SH2", "SO-1", &at(61), "split", &rest));
        }),
        ("delivered", &|run| {
            arrive(run, "SH1");
            arrive(run, "SH2");
        }),
        ("closed", &|run| {
            let invoice = invoice("INV1", "invoice", Some("SO-1"), None, 15, "150");
            run.document(&erp(), &invoice);
        }),
    ];
    for (reached, step) in steps {
        if run.status() == status {
            break;
        }
        step(&mut run);
        assert_eq!(run.status(), reached);
    }
    run.document(&crm(), &order_as("SO-1", "cancel", None, &[]));
    run
}

#[test]
fn a_cancel_is_answered_honestly_wherever_the_order_stands() {
    // Status, what it becomes, the answer, what was cancelled, whether the node is told.
    let cases = [
        ("unknown", "unknown", "", 0, 0),
        ("validating", "cancelled", "done", 15, 0),
        ("held", "cancelled", "done", 15, 0),
        ("released", "cancelled", "done", 15, 1),
        ("accepted", "cancelled", "done", 15, 1),
        ("partly-shipped", "shipped", "partly", 11, 1),
        ("shipped", "shipped", "too-late", 0, 0),
        ("delivered", "delivered", "too-late", 0, 0),
        ("closed", "closed", "too-late", 0, 0),
    ];
    for (status, becomes, said, cancelled, told) in cases {
        let run = cancelled_when(status);
        assert_eq!(run.status(), becomes, "{status}");
        assert_eq!(
            run.state.totals().cancelled,
            Number::whole(cancelled),
            "{status}"
        );
        assert_eq!(run.sent("cancel/north").len(), told, "{status}");
        // Of one that it does not know yet it hears after the order.
        let heard = usize::from(status != "unknown");
        let told = run.sent("erp/cancel/");
        assert_eq!(told.len(), heard, "{status}: the ERP hears of it");
        let expected: Vec<String> = match said {
            "" => Vec::new(),
            said => vec![format!("canceller/crm/{said}")],
        };
        assert_eq!(run.sent("canceller/"), expected, "{status}: who cancelled");
        if said.is_empty() {
            continue;
        }
        assert_eq!(
            run.sent("answer/cancel"),
            [format!("answer/cancel/{said}")],
            "{status}: who placed it"
        );
        let erp = run.sent("erp/not-cancelled");
        assert_eq!(erp.is_empty(), said == "done", "{status}: {erp:?}");
        let exceptions = run.kinds();
        assert!(exceptions.is_empty(), "{status}: {exceptions:?}");
    }
    let mut run = cancelled_when("unknown");
    run.document(&shop(), &ordered());
    assert_eq!(
        (run.status(), run.sent("answer/cancel")),
        ("cancelled", vec!["answer/cancel/done".to_owned()]),
        "when the order comes"
    );
}

#[test]
fn a_cancelled_order_is_not_cancelled_twice_and_everybody_who_did_is_answered() {
    let mut run = cancelled_when("released");
    run.document(&shop(), &order_as("SO-1", "cancel", None, &[]));
    run.document(&erp(), &order_as("SO-1", "cancel", None, &[]));
    assert_eq!(run.sent("cancel/north").len(), 1);
    assert_eq!(
        run.sent("canceller/"),
        ["canceller/crm/done", "canceller/erp/done"]
    );
}

#[test]
fn a_line_that_left_before_its_cancel_is_said_to_be_too_late() {
    let decisions = |run: &Run<OrderToFulfilment>| -> Vec<Decision> {
        let answers = run.written("/answer/cancel/lines");
        let last = answers.into_iter().next_back().expect("an answer");
        match last {
            Document::OrderResponse(it) => it.lines.into_iter().map(|it| it.decision).collect(),
            other => panic!("{other:?}"),
        }
    };
    let mut run = released("");
    run.document(&shop(), &order_as("SO-1", "cancel", None, &[("2", "B", 5)]));
    assert_eq!(decisions(&run), [Decision::Accepted]);
    // It leaves in spite of that.
    run.document(&warehouse("north"), &shipped(ALL));
    assert_eq!(decisions(&run), [Decision::Rejected]);
    assert_eq!(run.status(), "shipped");
}

#[test]
fn an_order_is_shipped_in_parts_by_two_nodes_and_in_parcels() {
    let mut run = released("");
    // Two parcels of one line, in one shipment.
    let parcels = [("1", "A", 3), ("1", "A", 1)];
    run.document(&warehouse("north"), &shipped(&parcels));
    assert_eq!(run.fact("shipped"), "4");
    run.document(
        &warehouse("north"),
        &answer("SO-1", "rejected", 70, "stock-shortage"),
    );
    assert_eq!(run.sent("release"), ["release/north", "release/south"]);
    let part = [("1", "A", 6)];
    run.document(
        &warehouse("south"),
        &shipment("SH2", "SO-1", &at(80), "partial", &part),
    );
    assert_eq!(
        (run.status(), run.fact("open").as_str()),
        ("partly-shipped", "5")
    );
    run.document(
        &warehouse("south"),
        &shipment("SH3", "SO-1", &at(90), "complete", &[("2", "B", 5)]),
    );
    assert_eq!((run.status(), run.kinds()), ("shipped", vec![]));
    assert!(
        run.sent("change/").is_empty(),
        "nobody is told anything new"
    );
    assert_eq!(
        run.sent("order-shipped"),
        [
            "order-shipped-partly",
            "order-shipped-partly",
            "order-shipped"
        ]
    );
    for id in ["SH1", "SH2", "SH3"] {
        arrive(&mut run, id);
    }
    assert_eq!(
        (run.status(), run.fact("delivered").as_str()),
        ("delivered", "15")
    );
}

/// Everything that can still come when all is over.
fn late(run: &mut Run<OrderToFulfilment>) {
    let (commands, events) = (run.commands.len(), run.events.len());
    let (status, waits) = (run.status(), run.waits());
    run.ring("acceptance/north/breach");
    run.ring("invoice//warn");
    run.ring("");
    for key in [
        "release/north",
        "erp/order/0",
        "cancel/north",
        "no/such/key",
    ] {
        run.outcome(key, Delivered::Done { external_id: None });
    }
    run.availability("north", false);
    run.availability("north", true);
    run.signal(
        "arrived-again",
        Signal::ShipmentDelivered {
            shipment_id: "SH1".to_owned(),
        },
    );
    run.signal(
        "recovered",
        Signal::ShipmentRecovered {
            shipment_id: "SH1".to_owned(),
        },
    );
    run.document(&warehouse("north"), &answer("SO-1", "accepted", 3, ""));
    run.pass(100_000);
    assert_eq!((run.status(), run.waits()), (status, waits));
    let said: Vec<_> = run.commands[commands..].iter().collect();
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(run.events.len(), events, "{:?}", &run.events[events..]);
}

#[test]
fn nothing_wakes_an_order_that_is_closed() {
    let mut run = released("[[limit]]\nlevel = \"acceptance\"\nminutes = 60\n");
    run.document(&warehouse("north"), &answer("SO-1", "accepted", 3, ""));
    run.document(&warehouse("north"), &shipped(ALL));
    arrive(&mut run, "SH1");
    let invoice = invoice("INV1", "invoice", Some("SO-1"), None, 15, "150");
    run.document(&erp(), &invoice);
    assert_eq!(run.status(), "closed");
    late(&mut run);
    // What really happens still counts.
    let (shipment_id, cause) = ("SH1".to_owned(), "returned-to-shipper".to_owned());
    run.signal("back", Signal::ShipmentFailed { shipment_id, cause });
    assert_eq!((run.status(), run.kinds()), ("shipped", vec![Kind::Loss]));
}

#[test]
fn the_largest_order_has_a_state_below_a_mebibyte() {
    let names: Vec<(String, String)> = (1..=2_000)
        .map(|no| (no.to_string(), format!("SKU-{no:020}")))
        .collect();
    let lines = |quantity: i32| -> Vec<(&str, &str, i32)> {
        names
            .iter()
            .map(|(no, sku)| (no.as_str(), sku.as_str(), quantity))
            .collect()
    };
    let mut run = run("");
    run.careful = false;
    run.document(&shop(), &order("SO-1", &lines(1_000)));
    run.document(&erp(), &answer("SO-1", "accepted", 1, ""));
    assert_eq!(run.status(), "released");
    for part in 0..4 {
        let id = format!("SH{part}");
        run.document(
            &warehouse("north"),
            &shipment(&id, "SO-1", &at(60 + part), "damaged", &lines(200)),
        );
    }
    assert_eq!(run.fact("shipped"), "1600000");
    // A fifth telling of every line is one too many, and said so.
    let step = run.document(
        &warehouse("north"),
        &shipment("SH5", "SO-1", &at(70), "partial-closed", &lines(100)),
    );
    assert_eq!(step.refusal.map(|it| it.code), Some("number-unfit"));
    assert!(run.kinds().contains(&Kind::UnfitNumber));
    let cancelled: Vec<_> = lines(1).into_iter().take(1_999).collect();
    run.document(&shop(), &order_as("SO-1", "cancel", None, &cancelled));
    let bytes = rmp_serde::to_vec_named(&run.state).expect("a state").len();
    assert!(bytes < 1_048_576, "{bytes}");
    let step = run.document(&shop(), &order("SO-1", &[("2001", "A", 1)]));
    assert_eq!(step.refusal.map(|it| it.code), Some("number-unfit"));
}

#[test]
fn each_of_many_shipments_is_told_once() {
    let mut run = run("");
    run.careful = false;
    run.document(&erp(), &order("SO-1", &[("1", "A", 150)]));
    for no in 0..150 {
        let id = format!("SH{no:03}");
        let one = shipment(&id, "SO-1", &at(60 + no), "split", &[("1", "A", 1)]);
        run.document(&warehouse("north"), &one);
    }
    assert_eq!(run.status(), "shipped");
    for key in ["erp/shipment/", "crm/shipment/", "order-shipped"] {
        assert_eq!(run.sent(key).len(), 150, "{key}");
    }
}
