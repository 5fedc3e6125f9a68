//! What every document is made of, as far as X12 can say it.

use crossdock_sdk::{
    Address, Contact, Decimal, IdScheme, ItemId, ItemScheme, Lot, Moment, Party, PartyRole,
    Reference,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

/// Words of a name or note: no separator, no blank at an end.
pub(crate) fn words(max: usize) -> impl Strategy<Value = String> {
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

pub(crate) fn number(max: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[A-Z0-9][A-Z0-9-]{{1,{}}}", max - 2)).unwrap()
}

prop_compose! {
    pub(crate) fn decimal()(coefficient in 1_i64..999_999, scale in 0_u8..4) -> Decimal {
        Decimal { coefficient, scale }
    }
}

prop_compose! {
    pub(crate) fn date()(year in 2000_u16..2100, month in 1_u8..13, day in 1_u8..29) -> String {
        format!("{year:04}-{month:02}-{day:02}")
    }
}

pub(crate) fn moment() -> impl Strategy<Value = Moment> {
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

pub(crate) fn role() -> impl Strategy<Value = PartyRole> {
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

pub(crate) fn scheme() -> impl Strategy<Value = IdScheme> {
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
    pub(crate) fn address()(
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
    pub(crate) fn contact()(name in words(60), phone in of("[0-9]{7,12}"), email in of("[a-z]{3,9}@[a-z]{3,9}")) -> Contact {
        Contact { name: Some(name), phone, email }
    }
}

prop_compose! {
    pub(crate) fn party(role: PartyRole)(
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

pub(crate) fn parties() -> impl Strategy<Value = Vec<Party>> {
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
    pub(crate) fn reference()(
        // RA, RM and RZ are all read as the number of a return.
        qualifier in "[A-Z][A-Z0-9]".prop_filter("has a field", |q| !["V0", "LI", "LT", "RA", "RM", "RZ"].contains(&q.as_str())),
        value in number(30),
        description in of(words(45)),
    ) -> Reference {
        Reference { description, ..Reference::new(qualifier, value) }
    }
}

pub(crate) fn items() -> impl Strategy<Value = Vec<ItemId>> {
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
    pub(crate) fn lot()(number in prop_oneof![number(12), number(30)], expiry in of(date()), manufactured in of(date())) -> Lot {
        Lot { expiry, manufactured, ..Lot::new(number) }
    }
}
