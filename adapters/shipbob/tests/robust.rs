//! Whatever arrives, an answer comes out and never a panic.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;

use crossdock_sdk::{
    Adapter, Delivery, Document, Exchange, Inbound, Order, Outcome, PollRequest, Purpose, Request,
    Response,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use shipbob::ShipBob;

const TOPICS: [&str; 7] = [
    "order.shipped",
    "order.delivered",
    "order.shipment.exception",
    "order.shipment.tracking.updated",
    "return.completed",
    "order_shipped",
    "billing.charge.created",
];

const FEEDS: [&str; 4] = ["inventory", "inventory-locations", "orders", "returns"];

fn fixtures(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    assert!(files.len() > 10);
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

fn decode(body: &[u8], header: (&str, &str)) -> Result<(), TestCaseError> {
    let mut message = Inbound::new(body);
    message
        .headers
        .push((header.0.to_owned(), header.1.to_owned()));
    if let Ok(decoded) = ShipBob::decode(message) {
        for error in decoded.documents.iter().filter_map(|it| it.as_ref().err()) {
            prop_assert!(!error.problems.is_empty());
        }
        for document in decoded.documents.iter().flatten() {
            if let Document::Shipment(shipment) = &document.document {
                let known =
                    |line_no: &String| shipment.lines.iter().any(|it| it.line_no == *line_no);
                let packed = shipment
                    .packages
                    .iter()
                    .flat_map(|package| &package.contents);
                prop_assert!(packed.map(|packed| &packed.line_no).all(known));
                prop_assert!(shipment.lines.iter().all(|line| !line.items.is_empty()));
            }
        }
    }
    Ok(())
}

fn everywhere(body: &[u8]) -> Result<(), TestCaseError> {
    for topic in TOPICS {
        decode(body, ("x-webhook-topic", topic))?;
    }
    for feed in FEEDS {
        decode(body, ("crossdock-feed", feed))?;
    }
    Ok(())
}

fn answered(status: u16, body: &[u8]) -> Exchange {
    let response = Response {
        status,
        headers: Vec::new(),
        body: body.to_vec(),
    };
    Exchange::new(Request::get(""), Outcome::Response(response))
}

#[test]
fn hostile_json_is_refused() {
    let deep = "[".repeat(100_000);
    let deep_objects = "{\"shipments\":".repeat(100_000);
    let digits = format!("{{\"id\":{}}}", "9".repeat(100_000));
    let quantity = |number: &str| {
        format!(
            r#"{{"id":1,"reference_id":"A","products":[{{"reference_id":"S","inventory_items":[{{"id":1,"quantity":{number}}},{{"id":1,"quantity":{number}}}]}}]}}"#
        )
    };
    for body in [
        deep,
        deep_objects,
        digits,
        quantity("1e999999999"),
        quantity("999999999999999999"),
        quantity("-0"),
        quantity("0.000000000000000000000001"),
        r#"{"id":1,"id":1}"#.to_owned(),
        "\u{feff}{}".to_owned(),
        "null".to_owned(),
    ] {
        everywhere(body.as_bytes()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..200)) {
        everywhere(&bytes)?;
    }

    #[test]
    fn damaged_webhooks_are_answered(
        file in any::<Index>(),
        changes in vec((any::<Index>(), select(&b"{}[]\",:0-9nulltrue \\"[..]), 0_u8..3), 1..8),
    ) {
        let fixtures = fixtures("fixtures/decode");
        let mut body = file.get(&fixtures).clone();
        for (place, byte, change) in changes {
            if body.is_empty() {
                break;
            }
            let at = place.index(body.len());
            match change {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.remove(at)),
            }
        }
        everywhere(&body)?;
    }

    #[test]
    fn any_past_leads_on(
        purpose in select(vec![Purpose::Original, Purpose::Cancel, Purpose::Change]),
        answers in vec((select(vec![200_u16, 201, 404, 422, 429, 500]), select(vec![
            "[]", "{}", "null", r#"[{"id":1,"reference_id":"A"}]"#, r#"{"id":{}}"#, "<html>",
            r#"{"next":"?x=1","items":[]}"#, r#"{"status":"Failure","canceled_shipment_results":7}"#,
        ])), 0..5),
    ) {
        let mut order = Order::new("A");
        order.purpose = purpose;
        order.revision = Some("3".to_owned());
        let mut delivery = Delivery::new(Document::Order(order));
        delivery.settings = [("channel-id", "1"), ("change", "cancel-and-create")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        let past: Vec<_> = answers.iter().map(|(status, body)| answered(*status, body.as_bytes())).collect();
        let step = ShipBob::next(delivery.clone(), &past);
        prop_assert_eq!(step, ShipBob::next(delivery, &past));
        let mut request = PollRequest::new(None);
        request.settings.push(("poll".to_owned(), "inventory,orders,returns".to_owned()));
        let step = ShipBob::poll(request.clone(), &past);
        prop_assert_eq!(step, ShipBob::poll(request, &past));
    }

    #[test]
    fn any_cursor_is_read_or_refused(cursor in "(\\{\"(from|feed|page)\":\\PC{0,20}|\\PC{0,30})") {
        let _ = ShipBob::poll(PollRequest::new(Some(&cursor)), &[]);
    }
}
