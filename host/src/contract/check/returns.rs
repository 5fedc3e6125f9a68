//! Goods that come back: permission, arrival, verdict.

use std::collections::BTreeMap;

use super::{
    dates,
    exact::{Exact, Sum},
    report::Report,
    values::{self, Sign},
};
use crate::contract::{
    CreditDecision, LotQuantity, ReceiptCondition, ReturnAuthorization, ReturnDisposition,
    ReturnReceipt, ReturnReceiptLine,
};

/// Permission: for something, once a line, and not over before it begins.
pub(super) fn authorization(authorization: &ReturnAuthorization, report: &mut Report) {
    for (index, line) in authorization.lines.iter().enumerate() {
        let at = |field: &str| format!("/lines/{index}/{field}");
        values::quantity(report, &at("quantity"), &line.quantity, Sign::Positive);
        values::items(report, &at("items"), &line.items);
        values::serials(report, &at("serials"), &line.serials, &line.quantity);
        if let Some(price) = &line.unit_price {
            values::money(report, &at("unit_price"), price);
        }
    }
    let numbers = authorization.lines.iter().map(|it| it.line_no.as_str());
    values::line_numbers(report, numbers);
    values::parties(report, &authorization.parties);
    if let Some(issued) = &authorization.issued_at {
        dates::moment(report, "/issued_at", issued);
    }
    if let Some(day) = &authorization.expires {
        dates::day(report, "/expires", day);
    }
    let issued = ("issued_at", authorization.issued_at.as_ref());
    let expires = authorization.expires.as_deref().map(dates::When::day);
    dates::ordered(report, issued, ("expires", expires));
}

/// Arrival: under a permission, and no more than was announced.
pub(super) fn receipt(receipt: &ReturnReceipt, report: &mut Report) {
    if receipt.rma_no.is_none() {
        report.find(
            "rma-missing",
            "/rma_no",
            "the goods came back without an authorisation's number".to_owned(),
            "find out whose they are before anything is credited",
        );
    }
    dates::moment(report, "/received_at", &receipt.received_at);
    values::parties(report, &receipt.parties);
    let mut lines: BTreeMap<&str, Vec<(usize, &ReturnReceiptLine)>> = BTreeMap::new();
    for (index, line) in receipt.lines.iter().enumerate() {
        let at = |field: &str| format!("/lines/{index}/{field}");
        values::quantity(report, &at("received"), &line.received, Sign::NotNegative);
        values::maybe(
            report,
            &at("expected"),
            line.expected.as_ref(),
            Sign::NotNegative,
        );
        values::items(report, &at("items"), &line.items);
        values::serials(report, &at("serials"), &line.serials, &line.received);
        if let Some(lot) = &line.lot {
            let lot = LotQuantity {
                lot: lot.clone(),
                quantity: None,
            };
            values::lots(report, &at("lot"), &[lot], &line.received);
        }
        lines.entry(&line.line_no).or_default().push((index, line));
    }
    for entries in lines.values() {
        over(entries, report);
    }
}

/// All entries of one line number together bring no more than was expected.
fn over(entries: &[(usize, &ReturnReceiptLine)], report: &mut Report) {
    let [(first, line), ..] = entries else {
        return;
    };
    let told = entries.iter().any(|(_, it)| {
        matches!(
            it.condition,
            ReceiptCondition::Over | ReceiptCondition::NotAnnounced
        )
    });
    let Sum::Of(received, unit) = Sum::of(entries.iter().map(|(_, it)| &it.received)) else {
        return;
    };
    // Each entry may tell its own part, or all of them the whole.
    let expected = Sum::of(entries.iter().filter_map(|(_, it)| it.expected.as_ref()));
    let Some(expected) = expected.within(unit) else {
        return;
    };
    if received.exceeds(expected) && !told {
        report.find(
            "over-returned",
            format!("/lines/{first}/received"),
            format!(
                "line {}: {received} {unit} came back of {expected} expected",
                line.line_no
            ),
            "count again before anything is credited",
        );
    }
}

/// Verdict: on something, and with money where money is promised.
pub(super) fn disposition(disposition: &ReturnDisposition, report: &mut Report) {
    dates::moment(report, "/decided_at", &disposition.decided_at);
    for (index, line) in disposition.lines.iter().enumerate() {
        let at = |field: &str| format!("/lines/{index}/{field}");
        values::quantity(report, &at("quantity"), &line.quantity, Sign::NotNegative);
        values::items(report, &at("items"), &line.items);
    }
    let (amount, fee) = (&disposition.credit_amount, &disposition.restocking_fee);
    for (pointer, money) in [("/credit_amount", amount), ("/restocking_fee", fee)] {
        let Some(money) = money else {
            continue;
        };
        values::money(report, pointer, money);
        if Exact::from(money.amount).is_negative() {
            report.find(
                "amount-negative",
                format!("{pointer}/amount"),
                format!("{} is less than nothing", Exact::from(money.amount)),
                "ask the sender what is meant",
            );
        }
    }
    let credited = amount.as_ref().map(|it| Exact::from(it.amount));
    let contradicts = match disposition.credit {
        Some(CreditDecision::NoCredit) => credited.is_some_and(Exact::is_positive),
        Some(CreditDecision::Full | CreditDecision::Partial) => {
            credited.is_some_and(|it| !it.is_positive())
        }
        _ => false,
    };
    if contradicts {
        report.find(
            "credit-contradicted",
            "/credit_amount",
            "the amount does not fit the decision about it".to_owned(),
            "ask the sender what is to be paid back",
        );
    }
    if let (Some(amount), Some(fee)) = (amount, fee)
        && amount.currency != fee.currency
    {
        report.find_value(
            "currency-differs",
            "/restocking_fee/currency",
            format!(
                "a credit in {} and a fee in {}",
                amount.currency, fee.currency
            ),
            "have the sender count both in one currency",
            &fee.currency,
        );
    }
}
