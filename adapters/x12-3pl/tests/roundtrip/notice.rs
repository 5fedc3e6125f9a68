//! Notices of goods to come that a 943 can say.

use crossdock_sdk::{
    Carrier, FreightPayment, InboundNotice, Lot, NoticeLine, PartyRole, Purpose, Quantity,
    TransportMode,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::common::{date, decimal, items, moment, number, parties, reference, words};

prop_compose! {
    fn carrier()(
        scac in "[A-Z]{2,4}",
        name in of(words(35)),
        mode in select(vec![TransportMode::Truck, TransportMode::Sea, TransportMode::Other("T".to_owned())]),
        payment in of(select(vec![FreightPayment::Prepaid, FreightPayment::Other("DF".to_owned())])),
        equipment in of("([A-Z]{4} )?[0-9]{6,10}"),
    ) -> Carrier {
        Carrier {
            scac: Some(scac),
            name,
            mode: Some(mode),
            payment,
            equipment,
            ..Carrier::default()
        }
    }
}

prop_compose! {
    fn line()(
        line_no in number(20),
        value in decimal(),
        unit in select(vec!["EA", "CS", "LBR"]),
        items in items(),
        lot in of((number(30), of(date()))),
    ) -> NoticeLine {
        let lot = lot.map(|(number, expiry)| Lot { expiry, ..Lot::new(number) });
        NoticeLine { lot, ..NoticeLine::new(line_no, Quantity::new(value, unit), items) }
    }
}

prop_compose! {
    pub(crate) fn notice()(
        purpose in select(vec![
            Purpose::Original,
            Purpose::Change,
            Purpose::Cancel,
            Purpose::Other("A".to_owned()),
        ]),
        notice_no in number(22),
        shipment_id in of(number(30)),
        purchase_order in of(number(22)),
        rma_no in of(number(30)),
        notice_date in of(date()),
        expected in of(moment()),
        parties in parties(),
        references in vec(reference(), 0..5),
        carrier in of(carrier()),
        lines in vec(line(), 1..6),
    ) -> InboundNotice {
        let id = |role: &PartyRole| {
            let party = parties.iter().find(|party| party.role == *role && party.id.is_some());
            party.and_then(|party| party.id.clone())
        };
        InboundNotice {
            purpose,
            shipment_id,
            purchase_order,
            rma_no,
            notice_date,
            expected,
            node: id(&PartyRole::Warehouse).or_else(|| id(&PartyRole::ShipTo)),
            parties,
            references,
            carrier,
            lines,
            ..InboundNotice::new(notice_no)
        }
    }
}
