//! What was ordered comes back as what left: an order is placed, a warehouse ships
//! exactly that, and the webhook tells of the same goods.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crossdock_sdk::json::{Object, Part, Tree};
use crossdock_sdk::{
    Adapter, Address, Delivery, Document, Inbound, ItemId, Order, OrderLine, Party, PartyRole,
    Quantity, Shipment, Step,
};
use proptest::collection::vec;
use proptest::prelude::*;
use shipbob::ShipBob;

/// A shipment of all that the body of an order asks for.
fn ship(body: &[u8]) -> Vec<u8> {
    let tree = Tree::parse(body).unwrap();
    let root = Part::root(&tree);
    let products = root.get("products");
    let products = products
        .items()
        .unwrap()
        .enumerate()
        .map(|(position, product)| {
            let quantity = product.get("quantity").decimal().unwrap();
            let item = Object::new()
                .integer("id", position as i64)
                .number("quantity", quantity);
            Object::new()
                .text("reference_id", product.get("reference_id").text().unwrap())
                .list("inventory_items", [item])
        });
    let products: Vec<Object> = products.collect();
    let (recipient, place) = (root.get("recipient"), "address");
    let place = recipient.get(place);
    let address = Object::new()
        .text("address1", place.get("address1").text().unwrap())
        .text("city", place.get("city").text().unwrap())
        .text("country", place.get("country").text().unwrap());
    let recipient = Object::new()
        .text("name", recipient.get("name").text().unwrap())
        .object("address", address);
    Object::new()
        .integer("id", 31)
        .text("reference_id", root.get("reference_id").text().unwrap())
        .text("status", "Completed")
        .text("actual_fulfillment_date", "2026-03-03T15:18:00Z")
        .object("recipient", recipient)
        .list("products", products)
        .into_vec()
}

fn shipped(order: &Order, settings: &[(&str, &str)]) -> Shipment {
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut delivery = Delivery::new(Document::Order(order.clone()));
    delivery.settings = settings.clone();
    let Step::Send(request) = ShipBob::next(delivery, &[]).unwrap() else {
        panic!("nothing was sent");
    };
    let mut message = Inbound::new(ship(&request.body));
    message.settings = settings;
    message.headers = vec![("x-webhook-topic".to_owned(), "order.shipped".to_owned())];
    let decoded = ShipBob::decode(message).unwrap();
    match &decoded.documents[0].as_ref().unwrap().document {
        Document::Shipment(shipment) => shipment.clone(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn what_is_ordered_comes_back(
        order_no in "[A-Za-z0-9 /~r\"-]{0,20}[A-Za-z0-9]",
        lines in vec(("[A-Z0-9-]{1,12}", 1_u32..10_000), 1..8),
    ) {
        let mut order = Order::new(order_no.trim());
        let address = Address {
            lines: vec!["1 Main Street".to_owned()],
            city: Some("Leeds".to_owned()),
            region: None,
            postal_code: None,
            country: Some("GB".to_owned()),
        };
        let mut party = Party::new(PartyRole::ShipTo).with_name("Corner Shop");
        party.address = Some(address);
        order.parties.push(party.clone());
        for (position, (sku, count)) in lines.iter().enumerate() {
            let number = (position + 1).to_string();
            order.lines.push(OrderLine::new(number, Quantity::each(*count), vec![ItemId::sku(sku)]));
        }
        let shipment = shipped(&order, &[("channel-id", "1")]);
        prop_assert_eq!(&shipment.order_no, &order.order_no);
        prop_assert_eq!(&shipment.parties, &order.parties);
        let told: Vec<_> = shipment.lines.iter().map(|line| (&line.items[0], &line.shipped)).collect();
        let asked: Vec<_> = order.lines.iter().map(|line| (&line.items[0], &line.quantity)).collect();
        prop_assert_eq!(told, asked);
    }
}
