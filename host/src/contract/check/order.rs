//! Orders and their answers.

use super::{
    dates::{self, When},
    exact::{Exact, Sum},
    report::Report,
    values::{self, Sign},
};
use crate::contract::{Decision, Order, OrderResponse, Purpose, Quantity};

/// An order: something is ordered, once a line, within windows that are open, and the
/// totals are those of the lines.
pub(super) fn order(order: &Order, report: &mut Report) {
    let cancels = order.purpose == Purpose::Cancel;
    let changes = matches!(order.purpose, Purpose::Change | Purpose::Replace);
    if order.lines.is_empty() && !cancels {
        let text = "an order needs at least one line".to_owned();
        report.refuse("lines-missing", "/lines", text);
    }
    for (index, line) in order.lines.iter().enumerate() {
        let pointer = format!("/lines/{index}/quantity");
        if line.quantity.unit.is_empty() {
            let text = "a quantity needs a unit of measure".to_owned();
            report.refuse("unit-missing", &pointer, text);
        }
        // A change takes a line out of the order by ordering nothing of it.
        let least = i64::from(!changes);
        if line.quantity.value.coefficient < least && !cancels {
            let text = format!("line {} orders nothing", line.line_no);
            report.refuse("quantity-not-positive", &pointer, text);
        }
        values::quantity(report, &pointer, &line.quantity, Sign::Signed);
        let at = |field: &str| format!("/lines/{index}/{field}");
        values::items(report, &at("items"), &line.items);
        values::maybe(
            report,
            &at("weight"),
            line.weight.as_ref(),
            Sign::NotNegative,
        );
        values::maybe(
            report,
            &at("pack_size"),
            line.pack_size.as_ref(),
            Sign::Positive,
        );
        if let Some(price) = &line.unit_price {
            values::money(report, &at("unit_price"), price);
        }
    }
    values::line_numbers(report, order.lines.iter().map(|it| it.line_no.as_str()));
    values::parties(report, &order.parties);
    windows(order, report);
    totals(order, report);
}

fn windows(order: &Order, report: &mut Report) {
    let moments = [
        ("requested_ship", &order.requested_ship),
        ("requested_delivery", &order.requested_delivery),
        ("not_before", &order.not_before),
        ("cancel_after", &order.cancel_after),
    ];
    for (name, moment) in moments {
        if let Some(moment) = moment {
            dates::moment(report, &format!("/{name}"), moment);
        }
    }
    if let Some(day) = &order.order_date {
        dates::day(report, "/order_date", day);
    }
    let [ship, delivery, begin, end] =
        moments.map(|(name, moment)| (name, moment.as_ref().map(When::from)));
    dates::ordered(report, ship, delivery);
    dates::ordered(report, ship, end);
    dates::ordered(report, begin, end);
    dates::ordered(report, begin, delivery);
}

fn totals(order: &Order, report: &mut Report) {
    if order.lines.is_empty() {
        return;
    }
    let quantities = Sum::of(order.lines.iter().map(|it| &it.quantity));
    total(report, "total_quantity", &order.total_quantity, quantities);
    let weights: Option<Vec<&Quantity>> = order.lines.iter().map(|it| it.weight.as_ref()).collect();
    if let Some(weights) = weights {
        total(
            report,
            "total_weight",
            &order.total_weight,
            Sum::of(weights),
        );
    }
}

fn total(report: &mut Report, name: &str, told: &Option<Quantity>, lines: Sum<'_>) {
    let Some(told) = told else {
        return;
    };
    let pointer = format!("/{name}");
    values::quantity(report, &pointer, told, Sign::NotNegative);
    if let Some(parts) = lines.within(&told.unit) {
        let what = name.replace('_', " ");
        values::total(report, &pointer, &what, Exact::from(told.value), parts);
    }
}

/// The answer to an order: lines and whole agree.
pub(super) fn response(response: &OrderResponse, report: &mut Report) {
    for (name, moment) in [
        ("/decided_at", &response.decided_at),
        ("/expected_ship", &response.expected_ship),
    ] {
        if let Some(moment) = moment {
            dates::moment(report, name, moment);
        }
    }
    for (index, line) in response.lines.iter().enumerate() {
        let at = |field: &str| format!("/lines/{index}/{field}");
        values::maybe(
            report,
            &at("quantity"),
            line.quantity.as_ref(),
            Sign::NotNegative,
        );
        if let Some(promised) = &line.promised {
            dates::moment(report, &at("promised"), promised);
        }
        if !line.substitutes.is_empty() {
            values::items(report, &at("substitutes"), &line.substitutes);
        }
        let contradicts = match response.decision {
            Decision::Accepted => line.decision == Decision::Rejected,
            Decision::Rejected => line.decision == Decision::Accepted,
            _ => false,
        };
        if contradicts {
            report.find(
                "decision-contradicted",
                at("decision"),
                format!(
                    "line {} is decided otherwise than the whole order",
                    line.line_no
                ),
                "ask the sender whether the line is taken",
            );
        }
    }
}
