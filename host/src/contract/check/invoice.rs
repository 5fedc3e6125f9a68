//! Invoices and credit memos: the total is what the lines, charges, allowances and taxes
//! add up to.
//!
//! A line without an amount costs quantity times price, which may have more places than
//! the currency. Whoever made the invoice may have rounded each such line, and the whole
//! once more, by at most half of the currency's smallest amount each. So with `n` such
//! lines a total differs when it is off by more than `(n + 1)` halves; without any it has
//! to be exact.

use super::{
    codes, dates,
    exact::Exact,
    report::Report,
    values::{self, Sign},
};
use crate::contract::{Adjustment, Invoice, InvoiceLine, Money, Tax};

/// What lines cost, and how many of them may have been rounded.
struct Lines {
    /// Amounts, and quantity times price where there is none.
    amounts: Exact,
    /// Charges less allowances of lines without an amount of their own.
    adjustments_of_prices: Exact,
    /// The same of lines that have one, which may be in it.
    adjustments_of_amounts: Exact,
    taxes: Exact,
    rounded: u32,
}

/// An invoice.
pub(super) fn invoice(invoice: &Invoice, report: &mut Report) {
    dates::day(report, "/invoice_date", &invoice.invoice_date);
    if let Some(due) = &invoice.due {
        dates::day(report, "/due", due);
    }
    let due = invoice.due.as_deref().map(dates::When::day);
    let made = Some(dates::When::day(&invoice.invoice_date));
    dates::ordered(report, ("invoice_date", made), ("due", due));
    values::parties(report, &invoice.parties);
    values::line_numbers(report, invoice.lines.iter().map(|it| it.line_no.as_str()));
    if invoice.lines.is_empty() {
        report.find(
            "lines-missing",
            "/lines",
            "it asks money for nothing".to_owned(),
            "ask the sender for the lines",
        );
    }
    let mut one_currency = true;
    for (pointer, money) in amounts(invoice) {
        values::money(report, &pointer, money);
        if money.currency != invoice.total.currency {
            one_currency = false;
            report.find_value(
                "currency-differs",
                format!("{pointer}/currency"),
                format!("the total is in {}", invoice.total.currency),
                "have the sender count all in one currency",
                &money.currency,
            );
        }
    }
    for (index, line) in invoice.lines.iter().enumerate() {
        let at = |field: &str| format!("/lines/{index}/{field}");
        values::quantity(report, &at("quantity"), &line.quantity, Sign::Signed);
        values::items(report, &at("items"), &line.items);
        adjustments(report, &at("adjustments"), &line.adjustments);
    }
    adjustments(report, "/adjustments", &invoice.adjustments);
    if one_currency && !invoice.lines.is_empty() {
        total(invoice, report);
    }
}

fn amounts(invoice: &Invoice) -> Vec<(String, &Money)> {
    let mut all = vec![("/total".to_owned(), &invoice.total)];
    let whole = String::new();
    of(&mut all, &whole, &invoice.adjustments, &invoice.taxes);
    for (index, line) in invoice.lines.iter().enumerate() {
        let pointer = format!("/lines/{index}");
        all.push((format!("{pointer}/unit_price"), &line.unit_price));
        all.extend(
            line.amount
                .iter()
                .map(|it| (format!("{pointer}/amount"), it)),
        );
        of(&mut all, &pointer, &line.adjustments, &line.taxes);
    }
    all
}

fn of<'a>(
    all: &mut Vec<(String, &'a Money)>,
    pointer: &str,
    adjustments: &'a [Adjustment],
    taxes: &'a [Tax],
) {
    for (index, adjustment) in adjustments.iter().enumerate() {
        let at = format!("{pointer}/adjustments/{index}/amount");
        all.push((at, &adjustment.amount));
    }
    for (index, tax) in taxes.iter().enumerate() {
        all.push((format!("{pointer}/taxes/{index}/amount"), &tax.amount));
    }
}

fn adjustments(report: &mut Report, pointer: &str, adjustments: &[Adjustment]) {
    for (index, adjustment) in adjustments.iter().enumerate() {
        if Exact::from(adjustment.amount.amount).is_negative() {
            report.find(
                "amount-negative",
                format!("{pointer}/{index}/amount"),
                "a charge or an allowance is never negative; which one it is says its kind"
                    .to_owned(),
                "have the sender or its adapter turn one into the other",
            );
        }
    }
}

fn total(invoice: &Invoice, report: &mut Report) {
    // Too large to be added up: nothing can be said.
    let Some(readings) = readings(invoice) else {
        return;
    };
    let told = Exact::from(invoice.total.amount);
    let places = codes::currency_places(&invoice.total.currency);
    if readings.iter().any(|it| fits(told, it, places)) {
        return;
    }
    let Some((sum, rounded)) = readings.first() else {
        return;
    };
    report.find(
        "total-differs",
        "/total",
        format!(
            "the total is said to be {told}, but lines, charges and taxes add up to {sum}, of which {rounded} lines may be rounded"
        ),
        "ask the sender whether a line or a charge is missing",
    );
}

fn fits(told: Exact, (sum, rounded): &(Exact, u32), places: u32) -> bool {
    // Twice the difference against whole smallest amounts, so that nothing is halved.
    let twice = told.minus(*sum).and_then(|it| it.times(Exact::new(2, 0)));
    let allowed = match rounded {
        0 => Exact::ZERO,
        rounded => Exact::new(i128::from(*rounded) + 1, places),
    };
    twice.is_none_or(|it| !it.magnitude().exceeds(allowed))
}

/// What the total may be: a line's amount may have its own charges in it or not, and
/// taxes of the whole may sum up those of the lines or come on top.
fn readings(invoice: &Invoice) -> Option<Vec<(Exact, u32)>> {
    let places = codes::currency_places(&invoice.total.currency);
    let lines = lines(&invoice.lines, places)?;
    let net = lines
        .amounts
        .plus(lines.adjustments_of_prices)?
        .plus(charges(&invoice.adjustments)?)?;
    let own_taxes = taxes(&invoice.taxes)?;
    let summed = if invoice.taxes.is_empty() {
        lines.taxes
    } else {
        own_taxes
    };
    let on_top = own_taxes.plus(lines.taxes)?;
    let mut readings = Vec::with_capacity(4);
    for net in [net.plus(lines.adjustments_of_amounts)?, net] {
        for taxes in [summed, on_top] {
            readings.push((net.plus(taxes)?, lines.rounded));
        }
    }
    Some(readings)
}

fn lines(lines: &[InvoiceLine], places: u32) -> Option<Lines> {
    let mut all = Lines {
        amounts: Exact::ZERO,
        adjustments_of_prices: Exact::ZERO,
        adjustments_of_amounts: Exact::ZERO,
        taxes: Exact::ZERO,
        rounded: 0,
    };
    for line in lines {
        let charges = charges(&line.adjustments)?;
        let amount = match &line.amount {
            Some(amount) => {
                all.adjustments_of_amounts = all.adjustments_of_amounts.plus(charges)?;
                Exact::from(amount.amount)
            }
            None => {
                all.adjustments_of_prices = all.adjustments_of_prices.plus(charges)?;
                let price = Exact::from(line.unit_price.amount);
                Exact::from(line.quantity.value).times(price)?
            }
        };
        all.rounded += u32::from(amount.places() > places);
        all.amounts = all.amounts.plus(amount)?;
        all.taxes = all.taxes.plus(taxes(&line.taxes)?)?;
    }
    Some(all)
}

fn charges(adjustments: &[Adjustment]) -> Option<Exact> {
    adjustments.iter().try_fold(Exact::ZERO, |sum, it| {
        let amount = Exact::from(it.amount.amount);
        sum.plus(if it.charge { amount } else { amount.negated() })
    })
}

fn taxes(taxes: &[Tax]) -> Option<Exact> {
    let mut amounts = taxes.iter().map(|it| Exact::from(it.amount.amount));
    amounts.try_fold(Exact::ZERO, Exact::plus)
}
