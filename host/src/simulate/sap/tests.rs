use ::sap::Sap as Dialect;
use crossdock_sdk::{
    Address, Decision, Document, ItemId, Moment, Order, OrderLine, Party, PartyRole, Purpose,
    Quantity, Shipment, ShipmentLine, ShipmentStatus, Step, Verdict,
};

use super::*;
use crate::simulate::contract::{AT, Carrier};

const SETTINGS: &[(&str, &str)] = &[
    ("sender-partner", "CROSSDOCK"),
    ("receiver-partner", "S4HCLNT100"),
    ("sap-client", "100"),
    ("sales-organization", "1710"),
    ("distribution-channel", "10"),
    ("organization-division", "00"),
    ("sold-to", "17100001"),
    ("ship-to-address", "send"),
    ("rejection-reason", "61"),
];

fn carrier() -> Carrier<Sap> {
    let system = System::new(
        "CROSSDOCK",
        &[("17100001", "Harbour Lights")],
        &["KETTLE", "MUG"],
    );
    let pair = BASE64_STANDARD.encode("CROSSDOCK:secret");
    let sap = Sap::new(system, "secret");
    Carrier::new(sap, &format!("Basic {pair}"), SETTINGS)
}

fn order(order_no: &str, sku: &str, pieces: u32) -> Order {
    let address = Address {
        lines: vec!["1 Pier Road".to_owned()],
        city: Some("Duluth".to_owned()),
        region: Some("MN".to_owned()),
        postal_code: Some("55802".to_owned()),
        country: Some("US".to_owned()),
    };
    let line = OrderLine::new("10", Quantity::each(pieces), vec![ItemId::sku(sku)]);
    Order {
        parties: vec![Party {
            address: Some(address),
            ..Party::new(PartyRole::ShipTo).with_name("Lake Shop")
        }],
        lines: vec![line],
        ..Order::new(order_no)
    }
}

fn place(carrier: &mut Carrier<Sap>, order: &Order) -> Step {
    let document = Document::Order(order.clone());
    carrier.deliver::<Dialect>(&document).unwrap()
}

fn shipment(order_no: &str, pieces: u32) -> Document {
    let moment = Moment::zoned("2026-03-02T10:00:00Z");
    let mut shipment = Shipment::new("N00001", order_no, ShipmentStatus::Complete, moment);
    let items = vec![ItemId::sku("MUG")];
    let line = ShipmentLine::new(
        "10",
        Quantity::each(pieces),
        ShipmentStatus::Complete,
        items,
    );
    shipment.lines.push(line);
    Document::Shipment(shipment)
}

fn number(step: &Step) -> &str {
    match step {
        Step::Done(Some(number)) | Step::AlreadyDone(Some(number)) => number,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_becomes_a_sales_order_and_its_delivery_comes_back() {
    let mut carrier = carrier();
    let step = place(&mut carrier, &order("70000101", "MUG", 7));
    assert_eq!(step, Step::Done(Some("1001".to_owned())));
    let outgoing = carrier.partner.outgoing();
    let [release] = &outgoing[..] else {
        panic!("{outgoing:?}")
    };
    let documents = carrier.read::<Dialect>(release);
    let [Document::Order(released)] = &documents[..] else {
        panic!("{documents:?}")
    };
    assert_eq!(released.order_no, "70000101");
    assert_eq!(released.customer_po.as_deref(), Some("70000101"));
    assert_eq!(released.lines[0].line_no, "10");
    assert_eq!(released.lines[0].quantity.value.to_integer(), Some(7));
    let ship_to = released
        .parties
        .iter()
        .find(|it| it.role == PartyRole::ShipTo);
    let region = ship_to.unwrap().address.as_ref().unwrap().region.as_deref();
    assert_eq!(region, Some("MN"));
}

#[test]
fn the_same_order_has_one_effect_whichever_answer_is_lost() {
    for lost in [1, 2] {
        let mut carrier = carrier();
        carrier.lost = vec![lost];
        let first = place(&mut carrier, &order("70000101", "MUG", 7));
        assert!(matches!(first, Step::Retry(_)), "{first:?}");
        let again = place(&mut carrier, &order("70000101", "MUG", 7));
        assert_eq!(number(&again), "1001");
        assert_eq!(carrier.partner.orders_of("70000101"), 1);
        assert_eq!(carrier.partner.outgoing().len(), 1);
    }
}

#[test]
fn a_request_id_is_executed_once() {
    let mut carrier = carrier();
    carrier
        .settings
        .push(("look-first".to_owned(), "false".to_owned()));
    place(&mut carrier, &order("70000101", "MUG", 7));
    let again = place(&mut carrier, &order("70000101", "MUG", 7));
    assert_eq!(again, Step::Done(Some("1001".to_owned())));
    assert_eq!(carrier.partner.orders_of("70000101"), 1);
}

#[test]
fn a_token_without_its_session_is_refused_and_a_lost_session_made_up_for() {
    let mut carrier = carrier();
    let lose = json!({ "act": "lose-sessions", "requests": 2 });
    carrier.partner.act(&lose, AT).unwrap();
    let step = place(&mut carrier, &order("70000101", "MUG", 7));
    assert_eq!(number(&step), "1001");
    // Look, refused, look, refused, look, taken.
    assert_eq!(carrier.requests, 6);

    // A host that keeps no cookies.
    carrier.cookies = None;
    let refused = place(&mut carrier, &order("70000102", "MUG", 7));
    assert!(
        matches!(&refused, Step::Retry(retry) if retry.problem.code == "session-lost"),
        "{refused:?}"
    );
    assert_eq!(carrier.partner.orders_of("70000102"), 0);
}

#[test]
fn an_unused_session_ends() {
    let mut carrier = carrier();
    place(&mut carrier, &order("70000101", "MUG", 7));
    let fetch =
        crossdock_sdk::Request::get(format!("{ODATA}/")).with_header("x-csrf-token", "Fetch");
    let first = carrier.carry(&fetch);
    assert_eq!(carrier.carry(&fetch).headers, first.headers);
    carrier.at = AT.plus(std::time::Duration::from_secs(1_800));
    assert_ne!(carrier.carry(&fetch).headers, first.headers);
}

#[test]
fn what_sap_does_not_know_is_refused_in_its_words() {
    let mut carrier = carrier();
    let unknown = place(&mut carrier, &order("70000101", "TEAPOT", 7));
    let Step::Rejected(problem) = unknown else {
        panic!("{unknown:?}")
    };
    assert!(
        problem.text.contains("material TEAPOT does not exist"),
        "{problem:?}"
    );
    let code = ("sap-code".to_owned(), "M3/305".to_owned());
    assert!(problem.extras.contains(&code), "{problem:?}");
    carrier.settings.retain(|(name, _)| name != "sold-to");
    carrier
        .settings
        .push(("sold-to".to_owned(), "17100009".to_owned()));
    let unknown = place(&mut carrier, &order("70000101", "MUG", 7));
    assert!(matches!(unknown, Step::Rejected(_)), "{unknown:?}");
    carrier.authorization = "Basic guess".to_owned();
    let step = place(&mut carrier, &order("70000101", "MUG", 7));
    assert!(matches!(step, Step::Rejected(_)), "{step:?}");
    assert_eq!(carrier.partner.effects()["orders"], json!({}));
}

#[test]
fn an_order_is_cancelled_item_by_item_and_polled() {
    let mut carrier = carrier();
    place(&mut carrier, &order("70000101", "MUG", 7));
    let polled = carrier
        .poll::<Dialect>(Some("2026-03-01T00:00:00Z;0"))
        .unwrap();
    let read = carrier.read_polled::<Dialect>(&polled);
    assert!(
        matches!(&read[..], [Document::Order(it)] if it.order_no == "1001" && it.lines.len() == 1),
        "{read:?}"
    );
    let mut cancel = order("70000101", "MUG", 7);
    cancel.purpose = Purpose::Cancel;
    carrier.at = AT.plus(std::time::Duration::from_secs(5));
    let step = place(&mut carrier, &cancel);
    assert_eq!(step, Step::Done(Some("1001".to_owned())));
    let again = place(&mut carrier, &cancel);
    assert_eq!(again, Step::AlreadyDone(Some("1001".to_owned())));
    let polled = carrier.poll::<Dialect>(polled.cursor.as_deref()).unwrap();
    let read = carrier.read_polled::<Dialect>(&polled);
    assert!(
        matches!(&read[..], [Document::Order(it)] if it.purpose == Purpose::Cancel),
        "{read:?}"
    );
}

#[test]
fn a_confirmation_is_posted_once_and_told() {
    let mut carrier = carrier();
    place(&mut carrier, &order("70000101", "MUG", 7));
    carrier.partner.outgoing();
    let statuses: Vec<_> = [("70000101", 6), ("70000101", 6), ("70000199", 6)]
        .into_iter()
        .map(|(delivery, pieces)| {
            let step = carrier
                .deliver::<Dialect>(&shipment(delivery, pieces))
                .unwrap();
            assert_eq!(step, Step::Done(None));
            let outgoing = carrier.partner.outgoing();
            let [Document::FunctionalAcknowledgement(told)] =
                &carrier.read::<Dialect>(&outgoing[0])[..]
            else {
                panic!("{outgoing:?}")
            };
            assert_eq!(told.group_control, "1");
            told.verdict.clone()
        })
        .collect();
    assert_eq!(
        statuses,
        [Verdict::Accepted, Verdict::Rejected, Verdict::Rejected]
    );
    assert_eq!(carrier.partner.issued("70000101"), Some(Decimal::whole(6)));
    let idocs: Vec<_> = carrier.partner.idocs().into_iter().map(|it| it.2).collect();
    assert_eq!(idocs, ["53", "51", "51"]);
}

#[test]
fn statuses_are_reported_together_when_told() {
    let mut carrier = carrier();
    carrier.partner.do_business(Business::Told);
    place(&mut carrier, &order("70000101", "MUG", 7));
    let release = json!({ "act": "release", "reference": "70000101" });
    carrier.partner.act(&release, AT).unwrap();
    let as_order = json!({ "act": "release", "reference": "70000101", "as": "ORDERS05" });
    carrier.partner.act(&as_order, AT).unwrap();
    let sent = carrier.partner.outgoing();
    let kinds: Vec<_> = sent.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["SHPORD", "ORDERS"]);
    let documents = carrier.read::<Dialect>(&sent[1]);
    assert!(
        matches!(&documents[..], [Document::Order(it)] if it.order_no == "1001"),
        "{documents:?}"
    );
    carrier
        .deliver::<Dialect>(&shipment("70000101", 8))
        .unwrap();
    let report = json!({ "act": "report-statuses" });
    assert_eq!(carrier.partner.act(&report, AT), Ok(json!({ "idocs": 1 })));
    assert_eq!(carrier.partner.act(&report, AT), Ok(json!({ "idocs": 0 })));
    let sent = carrier.partner.outgoing();
    let documents = carrier.read::<Dialect>(&sent[0]);
    assert!(
        matches!(&documents[..], [Document::FunctionalAcknowledgement(it)] if it.verdict == Verdict::Rejected),
        "{documents:?}"
    );
}

#[test]
fn a_message_without_idocs_is_no_message() {
    let mut carrier = carrier();
    for (body, status) in [
        ("<DELVRY07/>", 400),
        ("hello", 400),
        ("<DELVRY07><IDOC BEGIN=\"1\"></DELVRY07>", 400),
    ] {
        let post = crossdock_sdk::Request::post(IDOC, "application/xml", body);
        assert_eq!(carrier.carry(&post).status, status, "{body}");
    }
    let json = crossdock_sdk::Request::post(IDOC, "application/json", "{}");
    assert_eq!(carrier.carry(&json).status, 415);
    assert!(carrier.partner.idocs().is_empty());
}

fn confirming() -> Carrier<Sap> {
    let mut carrier = carrier();
    carrier.partner.system.releases = Releases::ByResponse;
    for (name, value) in [
        ("shipments", "outbound-delivery"),
        ("invoice-order-no", "purchase-order"),
    ] {
        carrier.settings.push((name.to_owned(), value.to_owned()));
    }
    carrier
}

fn part(shipment_id: &str, order_no: &str, pieces: u32) -> Document {
    let Document::Shipment(mut part) = shipment(order_no, pieces) else {
        panic!("a shipment")
    };
    part.shipment_id = shipment_id.to_owned();
    Document::Shipment(part)
}

#[test]
fn an_order_is_confirmed_shipped_in_parts_and_billed() {
    let mut carrier = confirming();
    place(&mut carrier, &order("70000101", "MUG", 7));
    let outgoing = carrier.partner.outgoing();
    let [Document::OrderResponse(confirmed)] = &carrier.read::<Dialect>(&outgoing[0])[..] else {
        panic!("{outgoing:?}")
    };
    assert_eq!(
        (confirmed.order_no.as_str(), &confirmed.decision),
        ("70000101", &Decision::Accepted)
    );
    for (id, pieces) in [("S-1", 4), ("S-2", 3)] {
        let step = carrier
            .deliver::<Dialect>(&part(id, "70000101", pieces))
            .unwrap();
        assert!(matches!(step, Step::Done(Some(_))), "{step:?}");
    }
    let booked = |carrier: &Carrier<Sap>| carrier.partner.deliveries_of("70000101");
    let both = [("S-1", 4), ("S-2", 3)];
    let both = both.map(|(id, pieces)| (id.to_owned(), Some(Decimal::whole(pieces))));
    assert_eq!(booked(&carrier), both);
    let again = carrier.deliver::<Dialect>(&part("S-2", "70000101", 3));
    assert!(matches!(again, Ok(Step::AlreadyDone(_))), "{again:?}");
    let more = carrier.deliver::<Dialect>(&part("S-3", "70000101", 1));
    assert!(matches!(more, Ok(Step::Rejected(_))), "{more:?}");
    assert_eq!(booked(&carrier), both);

    let bill = json!({ "act": "bill", "reference": "70000101" });
    carrier.partner.act(&bill, AT).unwrap();
    let outgoing = carrier.partner.outgoing();
    let [Document::Invoice(invoice)] = &carrier.read::<Dialect>(&outgoing[0])[..] else {
        panic!("{outgoing:?}")
    };
    assert_eq!(invoice.order_no.as_deref(), Some("70000101"));
    assert_eq!(
        invoice.total.amount.to_integer(),
        Some(7 * i64::from(PRICE))
    );
    let units = invoice
        .lines
        .iter()
        .map(|it| it.quantity.value.to_integer());
    assert_eq!(units.sum::<Option<i64>>(), Some(7));
    assert!(carrier.partner.act(&bill, AT).is_err(), "billed twice");
}

#[test]
fn a_part_is_booked_once_whichever_answer_is_lost() {
    // Look, find the order, create, look, pick, look, issue.
    for lost in 1..=7 {
        let mut carrier = confirming();
        place(&mut carrier, &order("70000101", "MUG", 7));
        carrier.lost = vec![carrier.requests + lost];
        let first = carrier
            .deliver::<Dialect>(&part("S-1", "70000101", 4))
            .unwrap();
        assert!(matches!(first, Step::Retry(_)), "{lost}: {first:?}");
        let again = carrier
            .deliver::<Dialect>(&part("S-1", "70000101", 4))
            .unwrap();
        assert!(
            matches!(again, Step::Done(Some(_)) | Step::AlreadyDone(Some(_))),
            "{lost}: {again:?}"
        );
        let booked = carrier.partner.deliveries_of("70000101");
        assert_eq!(booked, [("S-1".to_owned(), Some(Decimal::whole(4)))]);
    }
}
