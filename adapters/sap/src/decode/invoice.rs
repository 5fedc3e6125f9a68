//! INVOIC01 and INVOIC02: an invoice or a credit memo.
//!
//! Which dates and sums mean what is read off SAP's own samples: E1EDK03*026 is the
//! day of the invoice and *028 the day it is due; E1EDS01*010 is the net sum, *005 the
//! tax and *011 what is to be paid; E1EDP26*003 is what an item costs net.

use crossdock_sdk::idoc::{Idoc, Segment, value};
use crossdock_sdk::{
    Adjustment, Decimal, Document, Invoice, InvoiceLine, InvoiceType, Money, Problem, Purpose,
    Quantity, Tax,
};

use super::Mapped;
use super::context::{Context, place};
use super::order::{by_qualifier, divide, items};
use super::party;
use crate::wire;

/// How many decimals a price has that can't be divided exactly.
const PRICE_DECIMALS: u8 = 6;

/// Reads an invoice.
pub(super) fn map(idoc: &Idoc<'_>, mut context: Context<'_>) -> Mapped {
    let root = idoc.root();
    let Some(header) = context.segment(root, "E1EDK01", "the invoice's header") else {
        return context.refuse();
    };
    let currency = context.currency(header);
    let reference = |code| by_qualifier(root, "E1EDK02", code).and_then(|it| it.get("BELNR"));
    let number = match reference("009").or_else(|| header.get("BELNR")) {
        Some(number) => number,
        None => context.required(header, "BELNR", "the invoice's number"),
    };
    let number = context.config.number(number).to_owned();
    let date = date(root, header, &mut context);
    let total = total(root, &currency, &mut context);
    let mut invoice = Invoice::new(number, date, invoice_type(header), total);
    invoice.purpose = Purpose::Original;
    let stripped = |code| reference(code).map(|number| context.config.number(number).to_owned());
    invoice.order_no = match context.config.invoice_by_purchase_order {
        true => reference("001").map(str::to_owned),
        false => stripped("002"),
    };
    invoice.shipment_id = stripped("012");
    invoice.customer_po = reference("001").map(str::to_owned);
    invoice.terms = terms(root);
    if let Some(segment) = by_qualifier(root, "E1EDK03", "028") {
        invoice.due = context.day(segment, "DATUM", &mut invoice.extras);
    }
    invoice.parties = root
        .all("E1EDKA1")
        .map(|segment| party::of_order(segment, &context))
        .collect();
    for segment in root.all("E1EDP01") {
        let line = line(segment, &currency, &mut context);
        invoice.lines.push(line);
    }
    if invoice.lines.is_empty() {
        context.segment(root, "E1EDP01", "an invoice needs at least one item");
    }
    invoice.adjustments = adjustments(root, "E1EDK05", &currency, &mut context);
    invoice.taxes = taxes(root, "E1EDK04", &currency, &mut context);
    keep(&mut invoice, root, header, &context);
    context.finish(|| Document::Invoice(invoice))
}

fn invoice_type(header: Segment<'_, '_>) -> InvoiceType {
    match header.get("BSART") {
        Some("INVO") | None => InvoiceType::Invoice,
        Some("CRME") => InvoiceType::CreditMemo,
        Some(other) => InvoiceType::Other(other.to_owned()),
    }
}

/// The day of the invoice: billing date, else that of the document.
fn date(root: Segment<'_, '_>, header: Segment<'_, '_>, context: &mut Context<'_>) -> String {
    let dates = ["026", "012", "011"].iter();
    let dates = dates.filter_map(|code| by_qualifier(root, "E1EDK03", code));
    let reference = by_qualifier(root, "E1EDK02", "009");
    let mut found = None;
    for segment in dates.chain(reference) {
        let Some(text) = segment.get("DATUM") else {
            continue;
        };
        match value::date(text) {
            Ok(Some(date)) => return date,
            Ok(None) => {}
            Err(_) => found = found.or(Some((segment, text))),
        }
    }
    let (segment, field) = found.map_or((header, "E1EDK03"), |(segment, _)| (segment, "DATUM"));
    let problem = Problem::partner_data(
        "date-missing",
        "no date of the invoice: E1EDK03*026, *012 or *011 must hold one as YYYYMMDD",
    )
    .at(place(segment, field))
    .with_remedy("have the sender send the billing date");
    context.fault(match found {
        Some((_, text)) => problem.with_value(text),
        None => problem,
    });
    String::new()
}

fn total(root: Segment<'_, '_>, currency: &str, context: &mut Context<'_>) -> Money {
    let sum = ["011", "010"]
        .iter()
        .find_map(|code| by_qualifier(root, "E1EDS01", code));
    let Some(sum) = sum else {
        let text = "no sum to be paid: E1EDS01*011 or *010 must hold one";
        context.fault(
            Problem::partner_data("total-missing", text)
                .at(place(root, "E1EDS01"))
                .with_remedy("have the sender send the invoice's sum"),
        );
        return Money::new(Decimal::ZERO, currency);
    };
    if sum.get("SUMME").is_none() {
        context.missing(sum, "SUMME", "the sum to be paid");
    }
    let currency = sum.get("WAERQ").unwrap_or(currency);
    context
        .money(sum, "SUMME", currency)
        .unwrap_or_else(|| Money::new(Decimal::ZERO, currency))
}

/// Terms in words: those of the whole (005), else of the first discount (001).
fn terms(root: Segment<'_, '_>) -> Option<String> {
    ["005", "001"]
        .iter()
        .filter_map(|code| by_qualifier(root, "E1EDK18", code))
        .find_map(|segment| segment.get("ZTERM_TXT"))
        .map(str::to_owned)
}

fn line(segment: Segment<'_, '_>, currency: &str, context: &mut Context<'_>) -> InvoiceLine {
    let line_no = context.required(segment, "POSEX", "the item's number");
    let line_no = context.config.number(line_no).to_owned();
    if segment.get("MENGE").is_none() {
        context.missing(segment, "MENGE", "the invoiced quantity");
    }
    let quantity = context.quantity(segment, "MENGE", "MENEE");
    let quantity = quantity.unwrap_or_else(|| Quantity::new(Decimal::ZERO, ""));
    let currency = segment.get("CURCY").unwrap_or(currency);
    let amount = by_qualifier(segment, "E1EDP26", "003")
        .and_then(|net| context.money(net, "BETRG", currency));
    let price = price(segment, &quantity, amount.as_ref(), context);
    let mut numbers = Vec::new();
    let description = items(segment, &mut numbers, context);
    let mut line = InvoiceLine::new(line_no, quantity, Money::new(price, currency), numbers);
    line.description = description;
    line.amount = amount;
    line.taxes = taxes(segment, "E1EDP04", currency, context);
    if context.config.keep_extras {
        let read = [
            "POSEX", "MENGE", "MENEE", "VPREI", "PEINH", "CURCY", "E1EDP19", "E1EDP04", "E1EDPA1",
            "E1EDPT1",
        ];
        wire::keep(&mut line.extras, segment, &read);
    }
    line
}

/// The price of one unit: VPREI of PEINH units, else the net amount by the quantity.
/// A quotient without end is rounded, which the amount beside it makes good.
fn price(
    segment: Segment<'_, '_>,
    quantity: &Quantity,
    amount: Option<&Money>,
    context: &mut Context<'_>,
) -> Decimal {
    let (value, by) = match context.number(segment, "VPREI") {
        Some(price) => (
            price,
            context
                .number(segment, "PEINH")
                .unwrap_or(Decimal::whole(1)),
        ),
        None => match amount {
            Some(amount) => (amount.amount, quantity.value),
            None => {
                context.missing(
                    segment,
                    "VPREI",
                    "the price, or the net value in an E1EDP26*003",
                );
                return Decimal::ZERO;
            }
        },
    };
    if by.is_zero() {
        return value;
    }
    divide(value, by).unwrap_or_else(|| {
        let text =
            "the price of one unit has no end as a decimal and was rounded; the amount counts"
                .to_owned();
        context.note("price-rounded", text, segment, "E1EDP26");
        rounded(value, by)
    })
}

/// The quotient with six decimals, half away from nought.
fn rounded(value: Decimal, by: Decimal) -> Decimal {
    let ten = |places: u8| 10_i128.checked_pow(u32::from(places)).unwrap_or(1);
    let top = i128::from(value.coefficient) * ten(by.scale) * ten(PRICE_DECIMALS);
    let bottom = i128::from(by.coefficient) * ten(value.scale);
    if bottom == 0 {
        return value;
    }
    let (quotient, rest) = (top / bottom, top % bottom);
    let up = rest.abs().saturating_mul(2) >= bottom.abs();
    let sign = if (top < 0) == (bottom < 0) { 1 } else { -1 };
    let coefficient = i64::try_from(quotient + if up { sign } else { 0 }).unwrap_or_default();
    Decimal::new(coefficient, PRICE_DECIMALS).unwrap_or(Decimal::ZERO)
}

/// Surcharges and discounts of the whole (E1EDK05): ALCKZ tells which.
fn adjustments(
    parent: Segment<'_, '_>,
    name: &str,
    currency: &str,
    context: &mut Context<'_>,
) -> Vec<Adjustment> {
    let mut adjustments = Vec::new();
    for segment in parent.all(name) {
        let Some(amount) = context.money(segment, "BETRG", currency) else {
            continue;
        };
        let taken_off = segment.get("ALCKZ") == Some("-") || amount.amount.is_negative();
        let amount = Money {
            amount: Decimal {
                coefficient: amount.amount.coefficient.saturating_abs(),
                ..amount.amount
            },
            ..amount
        };
        let code = segment
            .get("KSCHL")
            .or_else(|| segment.get("KOTXT"))
            .unwrap_or("-");
        let mut adjustment = match taken_off {
            true => Adjustment::allowance(code, amount),
            false => Adjustment::charge(code, amount),
        };
        adjustment.text = segment.get("KOTXT").map(str::to_owned);
        adjustments.push(adjustment);
    }
    adjustments
}

fn taxes(
    parent: Segment<'_, '_>,
    name: &str,
    currency: &str,
    context: &mut Context<'_>,
) -> Vec<Tax> {
    let mut taxes = Vec::new();
    for segment in parent.all(name) {
        let Some(amount) = context.money(segment, "MWSBT", currency) else {
            continue;
        };
        let rate = context.number(segment, "MSATZ");
        let code = segment.get("MWSKZ").unwrap_or("VAT");
        taxes.push(Tax::new(code, amount, rate));
    }
    taxes
}

/// What the header says besides. Bank accounts are not kept: they are nobody's business
/// here, and a document travels far.
fn keep(
    invoice: &mut Invoice,
    root: Segment<'_, '_>,
    header: Segment<'_, '_>,
    context: &Context<'_>,
) {
    if !context.config.keep_extras {
        return;
    }
    wire::keep(&mut invoice.extras, header, &["BELNR", "BSART", "CURCY"]);
    for segment in root.children() {
        let qualifier = super::order::qualifier(segment);
        let read = match (segment.name(), qualifier) {
            ("E1EDK02", Some("009" | "001" | "002" | "012")) => &["BELNR"][..],
            ("E1EDK03", Some("026" | "028")) => &["DATUM"][..],
            ("E1EDK02" | "E1EDK03" | "E1EDK14" | "E1EDK17" | "E1EDS01", _) => &[][..],
            _ => continue,
        };
        wire::keep(&mut invoice.extras, segment, read);
    }
}
