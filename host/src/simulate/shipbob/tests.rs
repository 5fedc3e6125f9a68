use ::shipbob::ShipBob as Dialect;
use crossdock_sdk::{
    Address, Disposition, Document, ItemId, MilestoneCode, Order, OrderLine, Party, PartyRole,
    Purpose, Quantity, ReturnAuthorization, ReturnLine, ReturnReason, ReturnState, Step,
};

use super::*;
use crate::simulate::contract::{AT, Carrier};

const SETTINGS: &[(&str, &str)] = &[("channel-id", "101"), ("page-size", "1")];

fn carrier() -> Carrier<ShipBob> {
    let shipbob = ShipBob::new("secret", 101, &[("KETTLE", 5), ("MUG", 100)]);
    Carrier::new(shipbob, "Bearer secret", SETTINGS)
}

fn order(order_no: &str, sku: &str, pieces: u32) -> Order {
    let address = Address {
        lines: vec!["9 Harbor Way".to_owned()],
        city: Some("Oakland".to_owned()),
        region: Some("CA".to_owned()),
        postal_code: Some("94607".to_owned()),
        country: Some("US".to_owned()),
    };
    let line = OrderLine::new("10", Quantity::each(pieces), vec![ItemId::sku(sku)]);
    Order {
        parties: vec![Party {
            address: Some(address),
            ..Party::new(PartyRole::ShipTo).with_name("Bay Shop")
        }],
        lines: vec![line],
        ..Order::new(order_no)
    }
}

fn place(carrier: &mut Carrier<ShipBob>, order: Order) -> Step {
    carrier.deliver::<Dialect>(&Document::Order(order)).unwrap()
}

fn told(carrier: &mut Carrier<ShipBob>) -> Vec<(String, Vec<Document>)> {
    let outgoing = carrier.partner.outgoing();
    let read = outgoing
        .iter()
        .map(|it| (it.kind.clone(), carrier.read::<Dialect>(it)));
    read.collect()
}

#[test]
fn an_order_is_shipped_and_told_in_the_adapters_words() {
    let mut carrier = carrier();
    let step = place(&mut carrier, order("SO-1", "MUG", 7));
    assert_eq!(step, Step::Done(Some("100000001".to_owned())));
    let told = told(&mut carrier);
    let [(topic, documents)] = &told[..] else {
        panic!("{told:?}")
    };
    let [Document::Shipment(shipment)] = &documents[..] else {
        panic!("{documents:?}")
    };
    assert_eq!(topic, "order.shipped");
    assert_eq!(shipment.order_no, "SO-1");
    assert_eq!(shipment.total_shipped.unwrap().to_string(), "7");
    assert_eq!(shipment.tracking, ["1Z999AA10100000001"]);
    assert_eq!(carrier.partner.on_hand("MUG"), 93);
}

#[test]
fn a_reference_is_taken_once_and_a_lost_answer_changes_nothing() {
    let mut carrier = carrier();
    carrier.lost = vec![1];
    let lost = place(&mut carrier, order("SO-1", "MUG", 7));
    assert!(matches!(lost, Step::Retry(_)), "{lost:?}");
    let again = place(&mut carrier, order("SO-1", "MUG", 7));
    assert_eq!(again, Step::AlreadyDone(Some("100000001".to_owned())));
    assert_eq!(carrier.partner.orders_of("SO-1"), 1);
    assert_eq!(carrier.partner.on_hand("MUG"), 93);
    assert_eq!(told(&mut carrier).len(), 1);
}

#[test]
fn what_is_out_of_stock_is_an_exception_until_it_comes() {
    let mut carrier = carrier();
    place(&mut carrier, order("SO-1", "KETTLE", 6));
    let told_first = told(&mut carrier);
    let [(topic, documents)] = &told_first[..] else {
        panic!("{told_first:?}")
    };
    let [Document::Milestone(milestone)] = &documents[..] else {
        panic!("{documents:?}")
    };
    assert_eq!(topic, "order.shipment.exception");
    assert_eq!(milestone.code, MilestoneCode::Delayed);
    assert!(milestone.reason.as_ref().unwrap().contains("OutOfStock"));
    for act in [
        json!({"act": "stock", "sku": "KETTLE", "pieces": 1}),
        json!({"act": "ship", "order": "SO-1"}),
        json!({"act": "deliver", "order": "SO-1"}),
        json!({"act": "return", "order": "SO-1", "reference": "RMA-1"}),
    ] {
        carrier.partner.act(&act, AT).unwrap();
    }
    let kinds: Vec<_> = told(&mut carrier)
        .into_iter()
        .map(|(topic, documents)| {
            let kinds = documents.iter().map(Document::kind).collect::<Vec<_>>();
            (topic, kinds.join(" "))
        })
        .collect();
    let expected = [
        ("order.shipped", "shipment"),
        ("order.shipment.delivered", "milestone"),
        ("return.completed", "return-receipt return-disposition"),
    ];
    assert_eq!(
        kinds,
        expected.map(|(topic, kinds)| (topic.to_owned(), kinds.to_owned()))
    );
    assert_eq!(carrier.partner.on_hand("KETTLE"), 6);
    let unknown = carrier
        .partner
        .act(&json!({"act": "ship", "order": "SO-2"}), AT);
    assert_eq!(unknown, Err("there is no order SO-2".to_owned()));
}

#[test]
fn an_order_is_split_and_each_part_is_told_by_itself() {
    let mut carrier = carrier();
    carrier.partner.do_business(Business::Told);
    place(&mut carrier, order("SO-1", "MUG", 7));
    for act in [
        json!({"act": "split", "order": "SO-1", "pieces": 4}),
        json!({"act": "ship", "order": "SO-1", "shipment": 1}),
        json!({"act": "ship", "order": "SO-1"}),
        json!({"act": "deliver", "order": "SO-1", "shipment": 2}),
    ] {
        carrier.partner.act(&act, AT).unwrap();
    }
    let told: Vec<_> = told(&mut carrier)
        .into_iter()
        .flat_map(|(_, documents)| documents)
        .map(|document| match document {
            Document::Shipment(it) => (it.shipment_id, it.total_shipped.unwrap().to_string()),
            Document::Milestone(it) => (it.shipment_id, format!("{:?}", it.code)),
            other => panic!("{other:?}"),
        })
        .collect();
    let [(first, four), (second, three), (delivered, code)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (four.as_str(), three.as_str(), code.as_str()),
        ("4", "3", "MilestoneCode::Delivered")
    );
    assert_ne!(first, second);
    assert_eq!(second, delivered);
    let shown = carrier.partner.effects();
    assert_eq!(shown["orders"]["SO-1"]["status"], "Fulfilled");
    assert_eq!(carrier.partner.on_hand("MUG"), 93);
    for act in [
        json!({"act": "split", "order": "SO-1", "pieces": 1}),
        json!({"act": "ship", "order": "SO-1"}),
        json!({"act": "deliver", "order": "SO-1", "shipment": 3}),
    ] {
        assert!(carrier.partner.act(&act, AT).is_err(), "{act}");
    }
}

#[test]
fn what_has_left_of_an_order_is_not_cancelled() {
    let mut carrier = carrier();
    carrier.partner.do_business(Business::Told);
    place(&mut carrier, order("SO-1", "MUG", 7));
    for act in [
        json!({"act": "split", "order": "SO-1", "pieces": 4}),
        json!({"act": "ship", "order": "SO-1", "shipment": 1}),
    ] {
        carrier.partner.act(&act, AT).unwrap();
    }
    let cancel = Order {
        purpose: Purpose::Cancel,
        ..order("SO-1", "MUG", 7)
    };
    let step = place(&mut carrier, cancel);
    assert!(matches!(step, Step::Rejected(_)), "{step:?}");
    assert_eq!(carrier.partner.on_hand("MUG"), 96);
}

#[test]
fn a_return_is_expected_once_then_comes_in_pieces_or_is_called_off() {
    let mut carrier = carrier();
    place(&mut carrier, order("SO-1", "MUG", 7));
    told(&mut carrier);
    let paper = |rma_no: &str, purpose: Purpose| {
        let line = ReturnLine::new(
            "1",
            vec![ItemId::sku("MUG")],
            Quantity::each(3),
            ReturnReason::Damaged,
        );
        Document::ReturnAuthorization(ReturnAuthorization {
            purpose,
            order_no: Some("SO-1".to_owned()),
            lines: vec![line],
            ..ReturnAuthorization::new(rma_no, ReturnState::Authorized)
        })
    };
    let say = |carrier: &mut Carrier<ShipBob>, document: &Document| {
        carrier.deliver::<Dialect>(document).unwrap()
    };
    let (first, second) = (
        paper("RMA-1", Purpose::Original),
        paper("RMA-2", Purpose::Original),
    );
    carrier.lost = vec![carrier.requests + 3];
    // The answer that got lost, then the delivery sent again.
    for _ in 0..3 {
        let step = say(&mut carrier, &first);
        assert_eq!(step, Step::AlreadyDone(Some("5000001".to_owned())));
    }
    let step = say(&mut carrier, &second);
    assert_eq!(step, Step::Done(Some("5000002".to_owned())));
    assert_eq!(carrier.partner.expected_returns(), ["RMA-1", "RMA-2"]);
    let step = say(&mut carrier, &paper("RMA-2", Purpose::Cancel));
    assert_eq!(step, Step::Done(Some("5000002".to_owned())));
    let back = json!({
        "act": "return", "order": "SO-1", "reference": "RMA-1",
        "items": [{ "sku": "MUG", "restock": 2, "dispose": 1 }],
    });
    carrier.partner.act(&back, AT).unwrap();
    assert!(carrier.partner.expected_returns().is_empty());
    assert_eq!(carrier.partner.on_hand("MUG"), 95);
    let told = told(&mut carrier);
    let [(_, documents)] = &told[..] else {
        panic!("{told:?}")
    };
    let [
        Document::ReturnReceipt(receipt),
        Document::ReturnDisposition(verdict),
    ] = &documents[..]
    else {
        panic!("{documents:?}")
    };
    assert_eq!(receipt.rma_no.as_deref(), Some("RMA-1"));
    let pieces: Vec<_> = verdict
        .lines
        .iter()
        .map(|it| (it.quantity.value.to_string(), it.disposition.clone()))
        .collect();
    assert_eq!(
        pieces,
        [
            ("2".to_owned(), Disposition::Restock),
            ("1".to_owned(), Disposition::Scrap)
        ]
    );
    let late = say(&mut carrier, &paper("RMA-1", Purpose::Cancel));
    assert!(matches!(late, Step::Rejected(_)), "{late:?}");
}

#[test]
fn an_order_is_cancelled_until_it_has_left() {
    let mut carrier = carrier();
    carrier.partner.do_business(Business::Told);
    place(&mut carrier, order("SO-1", "MUG", 1));
    let cancel = |order_no| Order {
        purpose: Purpose::Cancel,
        ..order(order_no, "MUG", 1)
    };
    let step = place(&mut carrier, cancel("SO-1"));
    assert_eq!(step, Step::Done(Some("100000001".to_owned())));
    let again = place(&mut carrier, cancel("SO-1"));
    assert!(matches!(again, Step::AlreadyDone(_)), "{again:?}");
    carrier.partner.do_business(Business::Prompt);
    place(&mut carrier, order("SO-2", "MUG", 1));
    let late = place(&mut carrier, cancel("SO-2"));
    assert!(matches!(late, Step::Rejected(_)), "{late:?}");
    // A cancelled order keeps its reference.
    let again = place(&mut carrier, order("SO-1", "MUG", 1));
    assert!(matches!(again, Step::Rejected(_)), "{again:?}");
}

#[test]
fn stock_orders_and_returns_are_polled_page_by_page() {
    let mut carrier = carrier();
    place(&mut carrier, order("SO-1", "MUG", 7));
    let polled = carrier.poll::<Dialect>(None).unwrap();
    let read = carrier.read_polled::<Dialect>(&polled);
    let [Document::InventorySnapshot(snapshot)] = &read[..] else {
        panic!("{read:?}")
    };
    assert_eq!(snapshot.lines.len(), 2);
    carrier.settings.extend([
        ("poll".to_owned(), "orders,returns".to_owned()),
        ("since".to_owned(), "2026-02-01T00:00:00Z".to_owned()),
    ]);
    let polled = carrier.poll::<Dialect>(None).unwrap();
    let read = carrier.read_polled::<Dialect>(&polled);
    assert!(
        matches!(&read[..], [Document::Shipment(it)] if it.order_no == "SO-1"),
        "{read:?}"
    );
}

#[test]
fn more_than_150_calls_a_minute_are_refused_with_the_time_to_wait() {
    let mut carrier = carrier();
    let look = |carrier: &mut Carrier<ShipBob>| {
        carrier.carry(&crossdock_sdk::Request::get(
            "/2026-01/order?ReferenceIds=SO-1",
        ))
    };
    for left in (0..CALLS_MAX).rev() {
        let answer = look(&mut carrier);
        assert_eq!(answer.header("x-remaining-calls"), Some(&*left.to_string()));
    }
    carrier.at = AT.plus(Duration::from_secs(20));
    let refused = look(&mut carrier);
    assert_eq!(
        (refused.status, refused.header("x-retry-after")),
        (429, Some("40"))
    );
    let step = place(&mut carrier, order("SO-1", "MUG", 1));
    assert!(
        matches!(&step, Step::Retry(retry) if retry.after_seconds == Some(40)),
        "{step:?}"
    );
    carrier.at = AT.plus(WINDOW);
    assert_eq!(look(&mut carrier).status, 200);
}

#[test]
fn refuses_what_shipbob_refuses() {
    let mut carrier = carrier();
    let post = |body: &Value| {
        crossdock_sdk::Request::post("/2026-01/order", "application/json", body.to_string())
            .with_header("shipbob_channel_id", "101")
    };
    let whole = json!({
        "reference_id": "SO-1", "shipping_method": "Standard",
        "recipient": { "name": "Bay Shop", "address": { "address1": "9 Harbor Way", "city": "Oakland", "country": "US" } },
        "products": [{ "reference_id": "MUG", "name": "Mug", "quantity": 1 }],
    });
    for (pointer, value, field) in [
        ("/reference_id", json!(""), "ReferenceId"),
        (
            "/recipient/address/city",
            json!(null),
            "Recipient.Address.City",
        ),
        ("/products", json!([]), "Products"),
        ("/products/0/quantity", json!(0.5), "Products.Quantity"),
    ] {
        let mut body = whole.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        let answer = carrier.carry(&post(&body));
        let faults: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.status, 400);
        assert!(faults[field].is_array(), "{faults}");
    }
    let mut elsewhere = post(&whole);
    elsewhere.headers.clear();
    assert_eq!(carrier.carry(&elsewhere).status, 400);
    let old = crossdock_sdk::Request::get("/2020-01/order");
    assert_eq!(carrier.carry(&old).status, 404);
    assert_eq!(carrier.carry(&post(&whole)).status, 201);
    assert_eq!(carrier.carry(&post(&whole)).status, 422);
    carrier.authorization = "Bearer guess".to_owned();
    assert_eq!(carrier.carry(&post(&whole)).status, 401);
}
