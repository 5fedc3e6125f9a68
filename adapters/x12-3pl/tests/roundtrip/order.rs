//! Orders that a 940 can say.

use crossdock_sdk::{
    Carrier, Decimal, FreightPayment, Money, Order, OrderLine, OrderType, PartyRole, Purpose,
    Quantity, TransportMode,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::common::{date, decimal, items, lot, moment, number, parties, reference, words};

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
    pub(crate) fn order()(
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
