//! An order or a shipment that a DELVRY07 can say is the same after it was written and
//! read.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crossdock_sdk::{
    Adapter, Address, Contact, Decimal, Delivery, Document, IdScheme, Inbound, ItemId, ItemScheme,
    Lot, LotQuantity, Moment, Order, OrderLine, Package, PackageType, Packed, Party, PartyRole,
    Purpose, Quantity, Reference, Shipment, ShipmentLine, ShipmentStatus, Step,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use sap::Sap;

fn settings() -> Vec<(String, String)> {
    [
        ("orders", "delivery"),
        ("sender-partner", "US"),
        ("receiver-partner", "THEM"),
        ("package.BOX", "carton"),
        ("package.PAL", "pallet"),
        ("keep-extras", "false"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

fn there_and_back(document: &Document) -> (Document, String) {
    let mut delivery = Delivery::new(document.clone());
    delivery.settings = settings();
    let Step::Send(request) = Sap::next(delivery, &[]).unwrap() else {
        panic!()
    };
    let text = String::from_utf8(request.body.clone()).unwrap();
    let message = Inbound {
        settings: settings(),
        ..Inbound::new(request.body)
    };
    let mut decoded = Sap::decode(message).unwrap();
    assert_eq!(decoded.documents.len(), 1, "{text}");
    let document = decoded.documents.remove(0).unwrap();
    assert_eq!(document.findings, vec![], "{text}");
    (document.document, text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn an_order_reads_back_as_it_was_written(order in order()) {
        let document = Document::Order(order);
        let (read, text) = there_and_back(&document);
        prop_assert_eq!(read, document, "{}", text);
    }

    #[test]
    fn a_shipment_reads_back_as_it_was_written(shipment in shipment()) {
        let document = Document::Shipment(shipment);
        let (read, text) = there_and_back(&document);
        prop_assert_eq!(read, document, "{}", text);
    }
}

/// Words without a blank at an end.
fn words(max: usize) -> impl Strategy<Value = String> {
    vec("[A-Za-z0-9äß<&>\"',./#-]{2,9}", 1..8).prop_map(move |words| {
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
    proptest::string::string_regex(&format!("[1-9A-Z][A-Z0-9-]{{1,{}}}", max - 2)).unwrap()
}

fn item_no() -> impl Strategy<Value = String> {
    "[1-8][0-9]{0,5}"
}

fn decimal() -> impl Strategy<Value = Decimal> {
    (1_i64..999_999, 0_u8..4).prop_map(|(coefficient, scale)| Decimal { coefficient, scale })
}

fn unit() -> impl Strategy<Value = &'static str> {
    select(vec!["EA", "H87", "CS", "KGM", "PF"])
}

prop_compose! {
    fn weight()(value in decimal(), unit in select(vec!["KGM", "GRM", "LBR"])) -> Quantity {
        Quantity::new(value, unit)
    }
}

prop_compose! {
    fn date()(year in 2000_u16..2100, month in 1_u8..13, day in 1_u8..29) -> String {
        format!("{year:04}-{month:02}-{day:02}")
    }
}

fn moment() -> impl Strategy<Value = Moment> {
    // A time of nought is no time to SAP.
    let clock =
        (0_u8..24, 0_u8..60, 1_u8..60).prop_map(|(h, m, s)| format!("{h:02}:{m:02}:{s:02}"));
    prop_oneof![
        date().prop_map(Moment::local),
        (date(), clock.clone()).prop_map(|(date, clock)| Moment::local(format!("{date}T{clock}"))),
        (date(), clock, -12_i8..13).prop_map(|(date, clock, zone)| {
            let sign = if zone < 0 { '-' } else { '+' };
            Moment::zoned(format!("{date}T{clock}{sign}{:02}:00", zone.unsigned_abs()))
        }),
    ]
}

prop_compose! {
    fn party(role: PartyRole)(
        name in of(words(40)),
        id in of(number(10)),
        lines in vec(words(40), 0..3),
        city in words(40),
        region in of("[A-Z]{2}"),
        postal_code in of("[0-9]{5}"),
        phone in of("[0-9]{7,12}"),
        email in of("[a-z]{3,9}@[a-z]{3,9}"),
    ) -> Party {
        let contact = Contact { name: None, phone, email };
        let mut party = Party::new(role.clone());
        party.name = name;
        party.address = Some(Address { lines, city: Some(city), region, postal_code, country: Some("DE".to_owned()) });
        if contact != Contact::default() {
            party.contacts.push(contact);
        }
        match id {
            Some(id) => party.with_id(IdScheme::Organisation, id),
            None => party,
        }
    }
}

fn parties() -> impl Strategy<Value = Vec<Party>> {
    let role = select(vec![
        PartyRole::BillTo,
        PartyRole::ShipFrom,
        PartyRole::Buyer,
        PartyRole::Seller,
        PartyRole::Manufacturer,
        PartyRole::Other("RG".to_owned()),
    ]);
    let others = vec(role.prop_flat_map(party), 0..3);
    (party(PartyRole::ShipTo), others)
        .prop_map(|(ship_to, others)| [ship_to].into_iter().chain(others).collect())
}

prop_compose! {
    fn items()(
        sku in prop_oneof![number(18), "[A-Z0-9]{19,40}"],
        article in of(select(vec![
            (ItemScheme::Gtin, "04012345000016"),
            (ItemScheme::Ean, "4012345000016"),
            (ItemScheme::Upc, "012345678905"),
        ])),
        buyer in of(prop_oneof![number(22), "[A-Z]{23,35}"]),
        maker in of(number(40)),
    ) -> Vec<ItemId> {
        let article = article.map(|(scheme, value)| ItemId::new(scheme, value));
        let buyer = buyer.map(|value| ItemId::new(ItemScheme::Buyer, value));
        let maker = maker.map(|value| ItemId::new(ItemScheme::Manufacturer, value));
        [ItemId::sku(sku)].into_iter().chain(article).chain(buyer).chain(maker).collect()
    }
}

prop_compose! {
    fn lot()(number in number(10), expiry in of(date())) -> Lot {
        Lot { expiry, ..Lot::new(number) }
    }
}

prop_compose! {
    fn order_line()(
        line_no in item_no(),
        value in decimal(),
        unit in unit(),
        items in items(),
        description in of(words(40)),
        lot_required in of(lot()),
        weight in of(weight()),
        order in of(number(10)),
        notes in vec(words(132), 0..3),
    ) -> OrderLine {
        OrderLine {
            description,
            lot_required,
            weight,
            references: order.into_iter().map(|number| Reference::new("VN", number)).collect(),
            notes,
            ..OrderLine::new(line_no, Quantity::new(value, unit), items)
        }
    }
}

prop_compose! {
    fn order()(
        purpose in select(vec![Purpose::Original, Purpose::Change, Purpose::Cancel]),
        order_no in number(10),
        customer_po in of(number(35)),
        order_date in of(date()),
        requested_ship in of(moment()),
        requested_delivery in of(moment()),
        node in of("[A-Z0-9]{4}"),
        parties in parties(),
        lading in of(number(35)),
        notes in vec(words(132), 0..4),
        lines in vec(order_line(), 1..5),
        total_weight in of(weight()),
    ) -> Order {
        Order {
            purpose, customer_po, order_date, requested_ship, requested_delivery, node, parties,
            references: lading.into_iter().map(|number| Reference::new("BM", number)).collect(),
            notes, lines, total_weight,
            ..Order::new(order_no)
        }
    }
}

/// A line whose status and difference are those that its quantities have.
fn shipment_line() -> impl Strategy<Value = ShipmentLine> {
    let lots = prop_oneof![
        Just(Vec::new()),
        lot().prop_map(|lot| vec![(lot, 0)]),
        vec((lot(), 1_i64..500), 2..4),
    ];
    let values = (items(), 1_i64..5_000, of(-200_i64..200), unit(), lots);
    let rest = (
        of(words(40)),
        vec("[1-9A-Z][A-Z0-9]{0,17}", 0..3),
        of(weight()),
        of(number(10)),
    );
    (values, rest).prop_map(
        |((items, pieces, off, unit, lots), (description, serials, weight, order))| {
            let split: i64 = lots.iter().map(|(_, pieces)| pieces).sum();
            // Where there are several lots they are all of the line.
            let pieces = if split > 0 { split } else { pieces };
            let quantity = |pieces: i64| {
                Quantity::new(
                    Decimal {
                        coefficient: pieces,
                        scale: 0,
                    },
                    unit,
                )
            };
            let ordered = off.map(|off| pieces + off).filter(|ordered| *ordered > 0);
            let status = match ordered {
                None => ShipmentStatus::Other("unstated".to_owned()),
                Some(ordered) if ordered == pieces => ShipmentStatus::Complete,
                Some(ordered) if ordered < pieces => ShipmentStatus::CompleteWithExtra,
                Some(_) => ShipmentStatus::Partial,
            };
            let single = lots.len() == 1;
            let lots = lots
                .into_iter()
                .map(|(lot, pieces)| LotQuantity::new(lot, (!single).then(|| quantity(pieces))))
                .collect();
            ShipmentLine {
                ordered: ordered.map(quantity),
                difference: ordered.map(|ordered| quantity(ordered - pieces)),
                lots,
                description,
                serials,
                weight,
                references: order
                    .into_iter()
                    .map(|number| Reference::new("VN", number))
                    .collect(),
                ..ShipmentLine::new("", quantity(pieces), status, items)
            }
        },
    )
}

prop_compose! {
    fn shipment()(
        shipment_id in number(35),
        order_no in number(10),
        shipped_at in moment(),
        expected_delivery in of(moment()),
        node in of("[A-Z0-9]{4}"),
        parties in parties(),
        bill_of_lading in of(number(35)),
        notes in vec(words(132), 0..3),
        lines in vec(shipment_line(), 1..5),
        total_weight in of(weight()),
        cartons in vec((any::<bool>(), any::<proptest::sample::Index>()), 0..4),
        on_pallet in any::<bool>(),
    ) -> Shipment {
        let lines: Vec<ShipmentLine> = (1..).zip(lines).map(|(number, line)| ShipmentLine {
            line_no: format!("{}", number * 10),
            ..line
        }).collect();
        let mut packages: Vec<Package> = cartons.iter().enumerate().map(|(index, (sscc, line))| {
            let line = line.get(&lines);
            let mut packed = Packed::new(&line.line_no, Quantity::each(1));
            packed.lot = line.lots.first().map(|lot| Lot::new(&lot.lot.number));
            let id = if *sscc { sscc_of(index) } else { format!("C{index}") };
            let mut package = Package::new(id, PackageType::Carton);
            package.sscc = *sscc;
            package.contents = vec![packed];
            package.parent = on_pallet.then(|| sscc_of(9));
            package
        }).collect();
        if on_pallet && !packages.is_empty() {
            packages.push(Package { sscc: true, ..Package::new(sscc_of(9), PackageType::Pallet) });
        }
        let any = |wanted: fn(&ShipmentStatus) -> bool| lines.iter().any(|line| wanted(&line.status));
        let status = if any(|it| matches!(it, ShipmentStatus::Other(_))) {
            ShipmentStatus::Other("unstated".to_owned())
        } else if any(|it| *it == ShipmentStatus::Partial) {
            ShipmentStatus::Partial
        } else if any(|it| *it == ShipmentStatus::CompleteWithExtra) {
            ShipmentStatus::CompleteWithExtra
        } else {
            ShipmentStatus::Complete
        };
        Shipment {
            expected_delivery, node, parties, bill_of_lading, notes, lines, total_weight, packages,
            ..Shipment::new(shipment_id, order_no, status, shipped_at)
        }
    }
}

/// An SSCC with its check digit.
fn sscc_of(serial: usize) -> String {
    let digits = format!("3061414112345678{serial}");
    let sum: u32 = digits
        .bytes()
        .enumerate()
        .map(|(index, byte)| u32::from(byte - b'0') * if index % 2 == 0 { 3 } else { 1 })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}
