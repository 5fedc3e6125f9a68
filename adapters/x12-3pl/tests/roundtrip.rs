//! An order that a 940 can say is the same order after it was written and read.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crossdock_sdk::{
    Adapter, Address, Carrier, Contact, Decimal, Delivery, Document, FreightPayment, IdScheme,
    Inbound, ItemId, ItemScheme, Lot, Moment, Money, Order, OrderLine, OrderType, Party, PartyRole,
    Purpose, Quantity, Reference, Step, TransportMode,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use x12_3pl::Warehouse;

fn settings(version: &str) -> Vec<(String, String)> {
    [
        ("sender-id", "US"),
        ("receiver-id", "THEM"),
        ("version", version),
        ("price-qualifier", "PB"),
        ("component-separator", "\u{1f}"),
        ("repetition-separator", "\u{1e}"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn an_order_reads_back_as_it_was_written(order in order(), five in any::<bool>()) {
        let version = if five { "005010" } else { "004010" };
        let mut delivery = Delivery::new(Document::Order(order.clone()));
        delivery.settings = settings(version);
        let Step::Send(request) = Warehouse::next(delivery, &[]).unwrap() else { panic!() };
        let text = String::from_utf8(request.body.clone()).unwrap();
        let message = Inbound { settings: settings(version), ..Inbound::new(request.body) };
        let mut decoded = Warehouse::decode(message).unwrap();
        prop_assert_eq!(decoded.documents.len(), 1);
        let document = decoded.documents.remove(0).unwrap();
        prop_assert_eq!(document.document, Document::Order(order), "{}", text);
        prop_assert_eq!(document.findings, vec![], "{}", text);
        prop_assert_eq!(decoded.findings, vec![], "{}", text);
        prop_assert_eq!(decoded.acknowledgements.len(), 1);
        prop_assert_eq!(decoded.acknowledgements[0].accepted, 1);
    }
}

// === what a 940 can say ===

/// Words of a name or note: no separator, no blank at an end.
fn words(max: usize) -> impl Strategy<Value = String> {
    vec("[A-Za-z0-9äß#&.,'/()-]{2,9}", 1..8).prop_map(move |words| {
        let mut text = String::new();
        for word in words {
            if text.chars().count() + 1 + word.chars().count() > max {
                break;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&word);
        }
        text
    })
}

fn number(max: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[A-Z0-9][A-Z0-9-]{{1,{}}}", max - 2)).unwrap()
}

prop_compose! {
    fn decimal()(coefficient in 1_i64..999_999, scale in 0_u8..4) -> Decimal {
        Decimal { coefficient, scale }
    }
}

prop_compose! {
    fn date()(year in 2000_u16..2100, month in 1_u8..13, day in 1_u8..29) -> String {
        format!("{year:04}-{month:02}-{day:02}")
    }
}

fn moment() -> impl Strategy<Value = Moment> {
    let clock = (0_u8..24, 0_u8..60, 0_u8..60, 0_u8..100).prop_map(|(h, m, s, cc)| match cc {
        0 => format!("{h:02}:{m:02}:{s:02}"),
        cc => format!("{h:02}:{m:02}:{s:02}.{cc:02}"),
    });
    prop_oneof![
        date().prop_map(Moment::local),
        (date(), clock.clone()).prop_map(|(date, clock)| Moment::local(format!("{date}T{clock}"))),
        (date(), clock, -12_i8..13).prop_map(|(date, clock, zone)| {
            let sign = if zone < 0 { '-' } else { '+' };
            Moment::zoned(format!("{date}T{clock}{sign}{:02}:00", zone.unsigned_abs()))
        }),
    ]
}

fn role() -> impl Strategy<Value = PartyRole> {
    select(vec![
        PartyRole::BillTo,
        PartyRole::ShipFrom,
        PartyRole::Depositor,
        PartyRole::Buyer,
        PartyRole::Seller,
        PartyRole::EndCustomer,
        PartyRole::Other("Z1".to_owned()),
    ])
}

fn scheme() -> impl Strategy<Value = IdScheme> {
    select(vec![
        IdScheme::Duns,
        IdScheme::DunsPlusFour,
        IdScheme::Gln,
        IdScheme::Seller,
        IdScheme::Buyer,
        IdScheme::Organisation,
        IdScheme::Other("ZZ".to_owned()),
    ])
}

prop_compose! {
    fn address()(
        lines in vec(words(55), 0..5),
        city in words(30),
        region in of(prop_oneof!["[A-Z]{2}", "[A-Z][a-z]{3,20}"]),
        postal_code in of("[0-9]{5}"),
        country in of("[A-Z]{2}"),
    ) -> Address {
        Address { lines, city: Some(city), region, postal_code, country }
    }
}

prop_compose! {
    fn contact()(name in words(60), phone in of("[0-9]{7,12}"), email in of("[a-z]{3,9}@[a-z]{3,9}")) -> Contact {
        Contact { name: Some(name), phone, email }
    }
}

prop_compose! {
    fn party(role: PartyRole)(
        name in words(60),
        id in of((scheme(), number(20))),
        address in of(address()),
        contacts in vec(contact(), 0..3),
    ) -> Party {
        let party = Party { address, contacts, ..Party::new(role.clone()).with_name(name) };
        match id {
            Some((scheme, id)) => party.with_id(scheme, id),
            None => party,
        }
    }
}

fn parties() -> impl Strategy<Value = Vec<Party>> {
    let others = vec(role().prop_flat_map(party), 0..4);
    (party(PartyRole::ShipTo), of(number(10)), others).prop_map(|(ship_to, node, others)| {
        let warehouse =
            node.map(|id| Party::new(PartyRole::Warehouse).with_id(IdScheme::Seller, id));
        [ship_to]
            .into_iter()
            .chain(warehouse)
            .chain(others)
            .collect()
    })
}

prop_compose! {
    fn reference()(
        qualifier in "[A-Z][A-Z0-9]".prop_filter("has a field", |q| !["V0", "LI", "LT"].contains(&q.as_str())),
        value in number(30),
        description in of(words(45)),
    ) -> Reference {
        Reference { description, ..Reference::new(qualifier, value) }
    }
}

prop_compose! {
    fn carrier()(
        scac in of("[A-Z]{2,4}"),
        service in of(words(35)),
        mode in select(vec![
            TransportMode::Parcel,
            TransportMode::LessThanTruckload,
            TransportMode::Truck,
            TransportMode::Air,
            TransportMode::Rail,
            TransportMode::Sea,
            TransportMode::Pickup,
            TransportMode::Other("T".to_owned()),
        ]),
        payment in select(vec![
            FreightPayment::Prepaid,
            FreightPayment::Collect,
            FreightPayment::ThirdParty,
            FreightPayment::PrepaidCharged,
            FreightPayment::Other("DF".to_owned()),
        ]),
    ) -> Carrier {
        Carrier { scac, service, mode: Some(mode), payment: Some(payment), ..Carrier::default() }
    }
}

fn items() -> impl Strategy<Value = Vec<ItemId>> {
    let scheme = select(vec![
        ItemScheme::Sku,
        ItemScheme::Gtin,
        ItemScheme::Upc,
        ItemScheme::Ean,
        ItemScheme::Vendor,
        ItemScheme::Buyer,
        ItemScheme::Manufacturer,
        ItemScheme::Part,
        ItemScheme::Other("VC".to_owned()),
    ]);
    let pairs = vec((scheme, number(48)), 1..4);
    (of("[0-9]{12}"), pairs).prop_map(|(case_code, pairs)| {
        let case_code = case_code.map(|code| ItemId::new(ItemScheme::UpcCase, code));
        let pairs = pairs
            .into_iter()
            .map(|(scheme, value)| ItemId::new(scheme, value));
        case_code.into_iter().chain(pairs).collect()
    })
}

prop_compose! {
    fn lot()(number in prop_oneof![number(12), number(30)], expiry in of(date()), manufactured in of(date())) -> Lot {
        Lot { expiry, manufactured, ..Lot::new(number) }
    }
}

prop_compose! {
    fn line()(
        line_no in number(20),
        value in decimal(),
        unit in select(vec!["EA", "CS", "CS", "CS", "LBR"]),
        items in items(),
        description in of(words(150)),
        lot_required in of(lot()),
        pack_size in of(1_u32..999_999),
        weight in of((decimal(), select(vec!["LBR", "KGM", "GRM", "TNE"]))),
        unit_price in of(decimal()),
        references in vec(reference(), 0..3),
        notes in vec(words(80), 0..3),
    ) -> OrderLine {
        OrderLine {
            description,
            lot_required,
            pack_size: pack_size.map(Quantity::each),
            weight: weight.map(|(value, unit)| Quantity::new(value, unit)),
            unit_price: unit_price.map(|amount| Money::new(amount, "USD")),
            references,
            notes,
            ..OrderLine::new(line_no, Quantity::new(value, unit), items)
        }
    }
}

prop_compose! {
    fn dates()(
        order_date in of(date()),
        requested_ship in of(moment()),
        requested_delivery in of(moment()),
        not_before in of(moment()),
        cancel_after in of(moment()),
    ) -> Order {
        Order { order_date, requested_ship, requested_delivery, not_before, cancel_after, ..Order::new("") }
    }
}

prop_compose! {
    fn order()(
        purpose in select(vec![Purpose::Original, Purpose::Change, Purpose::Cancel, Purpose::Confirm]),
        order_no in number(22),
        revision in of("[1-9][0-9]?"),
        customer_po in of(number(22)),
        order_type in of(select(vec![
            OrderType::StandAlone,
            OrderType::DropShip,
            OrderType::Transfer,
            OrderType::Rush,
            OrderType::Other("9A".to_owned()),
        ])),
        dates in dates(),
        parties in parties(),
        references in vec(reference(), 0..5),
        carrier in of(carrier()),
        notes in vec(words(80), 0..4),
        lines in vec(line(), 1..6),
        total_weight in of(decimal()),
    ) -> Order {
        // The node is the warehouse's id, and the total is in the lines' one unit.
        let warehouse = parties.iter().find(|party| party.role == PartyRole::Warehouse);
        let unit = lines[0].quantity.unit.clone();
        let same = lines.iter().all(|line| line.quantity.unit == unit);
        let sum = lines.iter().fold(Decimal::ZERO, |sum, line| sum.checked_add(line.quantity.value).unwrap());
        Order {
            purpose,
            order_no,
            revision,
            customer_po,
            order_type,
            node: warehouse.and_then(|party| party.id.clone()),
            total_quantity: same.then(|| Quantity::new(sum, unit)),
            total_weight: total_weight.map(|value| Quantity::new(value, "LBR")),
            parties,
            references,
            carrier,
            notes,
            lines,
            ..dates
        }
    }
}
