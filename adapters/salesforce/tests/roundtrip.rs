//! An order that was written into Salesforce is read back from it as the same order.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crossdock_sdk::json::{Object, Part, Tree};
use crossdock_sdk::{
    Adapter, Address, Delivery, Document, Exchange, IdScheme, Inbound, ItemId, Money, Order,
    OrderLine, Outcome, Party, PartyRole, Quantity, Request, Response, Step,
};
use proptest::collection::vec;
use proptest::prelude::*;
use salesforce::Salesforce;

const ID: &str = "801D00000000001IAA";

fn settings() -> Vec<(String, String)> {
    [
        ("account-key", "AccountNumber"),
        ("pricebook-entry-key", "ProductCode"),
        ("sku-field", "PricebookEntry.ProductCode"),
        ("currency", "USD"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn answer(status: u16, body: &str) -> Outcome {
    Outcome::Response(Response {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    })
}

/// The bodies that make the order: the head, and the lines.
fn written(order: &Order) -> (Vec<u8>, Vec<u8>) {
    let mut delivery = Delivery::new(Document::Order(order.clone()));
    delivery.settings = settings();
    let made = format!(r#"{{"id":"{ID}","success":true,"created":true}}"#);
    let answers = [answer(404, "[]"), answer(201, &made), answer(200, "[]")];
    let mut past: Vec<Exchange> = Vec::new();
    let mut bodies: Vec<Request> = Vec::new();
    for outcome in answers {
        let Step::Send(request) = Salesforce::next(delivery.clone(), &past).unwrap() else {
            panic!("nothing was sent");
        };
        bodies.push(request.clone());
        past.push(Exchange::new(request, outcome));
    }
    let done = Salesforce::next(delivery, &past).unwrap();
    assert_eq!(done, Step::Done(Some(ID.to_owned())));
    (bodies.remove(1).body, bodies.remove(1).body)
}

/// What a query gives for what was written. Salesforce numbers lines itself.
fn stored(order_no: &str, head: &[u8], lines: &[u8]) -> Vec<u8> {
    let tree = Tree::parse(lines).unwrap();
    let root = Part::root(&tree);
    let records = root.get("records");
    let mut items = Vec::new();
    for (position, record) in records.items().unwrap().enumerate() {
        let entry = record.get("PricebookEntry");
        let mut item = Object::new()
            .text("OrderItemNumber", &(position + 1).to_string())
            .number("Quantity", record.get("Quantity").decimal().unwrap())
            .object(
                "PricebookEntry",
                Object::new().text("ProductCode", entry.get("ProductCode").text().unwrap()),
            );
        if let Some(price) = record.get("UnitPrice").optional_decimal().unwrap() {
            item = item.number("UnitPrice", price);
        }
        items.push(item);
    }
    let head = String::from_utf8(head.to_vec()).unwrap();
    let rest = Object::new()
        .text("Crossdock_Key__c", order_no)
        .object("OrderItems", Object::new().list("records", items))
        .into_vec();
    let rest = String::from_utf8(rest).unwrap();
    let record = format!("{},{}", head.strip_suffix('}').unwrap(), &rest[1..]);
    format!(r#"{{"records":[{record}]}}"#).into_bytes()
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        order_no in "[A-Za-z0-9/&\"-]{1,20}",
        street in "[A-Za-z0-9é ]{0,20}[A-Za-z0-9]",
        lines in vec(("[A-Z0-9-]{1,12}", 1_u32..10_000, any::<bool>()), 1..6),
    ) {
        let mut order = Order::new(order_no);
        order.order_date = Some("2026-03-01".to_owned());
        order.customer_po = Some("PO-1".to_owned());
        let mut party = Party::new(PartyRole::ShipTo);
        party.address = Some(Address {
            lines: vec![street.trim().to_owned(), "Dock 4".to_owned()],
            city: Some("Chicago".to_owned()),
            region: Some("IL".to_owned()),
            postal_code: Some("60607".to_owned()),
            country: Some("US".to_owned()),
        });
        order.parties.push(party);
        order.parties.push(Party::new(PartyRole::Buyer).with_id(IdScheme::Seller, "C-1"));
        for (position, (sku, count, priced)) in lines.iter().enumerate() {
            let number = (position + 1).to_string();
            let mut line = OrderLine::new(number, Quantity::each(*count), vec![ItemId::sku(sku)]);
            line.unit_price = priced.then(|| Money::new("4.50".parse().unwrap(), "USD"));
            order.lines.push(line);
        }
        let (head, lines) = written(&order);
        let mut message = Inbound::new(stored(&order.order_no, &head, &lines));
        message.settings = settings();
        let decoded = Salesforce::decode(message).unwrap();
        let Document::Order(read) = &decoded.documents[0].as_ref().unwrap().document else {
            panic!("no order");
        };
        prop_assert_eq!(read, &order);
    }
}
