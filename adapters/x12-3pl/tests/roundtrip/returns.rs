//! Authorisations of returns that a 180 can say.

use crossdock_sdk::{
    Disposition, Money, PartyRole, Purpose, Quantity, ReturnAuthorization, ReturnLine,
    ReturnReason, ReturnState,
};
use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::common::{date, decimal, items, moment, number, parties, reference, words};

fn reason() -> impl Strategy<Value = ReturnReason> {
    select(vec![
        ReturnReason::Damaged,
        ReturnReason::Defective,
        ReturnReason::WrongGoods,
        ReturnReason::OrderingError,
        ReturnReason::NotAsExpected,
        ReturnReason::Fit,
        ReturnReason::Excess,
        ReturnReason::Late,
        ReturnReason::Recall,
        ReturnReason::Expired,
        ReturnReason::Refused,
        ReturnReason::Other("ZX".to_owned()),
        ReturnReason::Other(String::new()),
    ])
}

fn disposition() -> impl Strategy<Value = Disposition> {
    select(vec![
        Disposition::Restock,
        Disposition::Refurbish,
        Disposition::VendorReturn,
        Disposition::Scrap,
        Disposition::Donate,
        Disposition::Hold,
        Disposition::Missing,
        Disposition::Keep,
        Disposition::Other("SD".to_owned()),
    ])
}

prop_compose! {
    fn line()(
        line_no in number(20),
        more in 0_u32..999,
        unit in select(vec!["EA", "CS"]),
        items in items(),
        reason in reason(),
        unit_price in of(decimal()),
        expected_disposition in of(disposition()),
        serials in btree_set(number(20), 0..4),
    ) -> ReturnLine {
        let quantity = Quantity::new((1 + more + serials.len() as u32).into(), unit);
        ReturnLine {
            unit_price: unit_price.map(|amount| Money::new(amount, "USD")),
            expected_disposition,
            serials: serials.into_iter().collect(),
            ..ReturnLine::new(line_no, items, quantity, reason)
        }
    }
}

prop_compose! {
    pub(crate) fn authorization()(
        purpose in select(vec![
            Purpose::Original,
            Purpose::Replace,
            Purpose::Change,
            Purpose::Cancel,
            Purpose::Confirm,
            Purpose::Other("13".to_owned()),
        ]),
        rma_no in number(30),
        state in select(vec![ReturnState::Requested, ReturnState::Authorized, ReturnState::Denied]),
        order_no in of(number(22)),
        issued_at in moment(),
        expires in of(date()),
        reason in of(words(80)),
        parties in parties(),
        references in vec(reference(), 0..5),
        lines in vec(line(), 1..6),
    ) -> ReturnAuthorization {
        let warehouse = parties.iter().find(|party| party.role == PartyRole::Warehouse);
        ReturnAuthorization {
            purpose,
            order_no,
            issued_at: Some(issued_at),
            expires,
            node: warehouse.and_then(|party| party.id.clone()),
            reason,
            parties,
            references,
            lines,
            ..ReturnAuthorization::new(rma_no, state)
        }
    }
}
