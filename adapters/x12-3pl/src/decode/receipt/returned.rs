//! A receipt as that of a return: each part in its own condition is a line.

use crossdock_sdk::{
    Decimal, InboundReceipt, Lot, Quantity, ReceiptCondition, ReturnReceipt, ReturnReceiptLine,
};

use super::line::{Exception, Line};
use crate::decode::context::Context;

/// The receipt of a return.
pub(super) fn receipt(
    receipt: InboundReceipt,
    lines: Vec<Line>,
    context: &mut Context<'_>,
) -> ReturnReceipt {
    let mut extras = receipt.extras;
    let kept = [
        ("W17-05", receipt.shipment_id),
        (
            "W14-01",
            receipt.total_received.map(|total| total.to_string()),
        ),
    ];
    for (name, value) in kept {
        extras.extend(value.map(|value| (name.to_owned(), value)));
    }
    ReturnReceipt {
        rma_no: receipt.rma_no,
        order_no: receipt.notice_no,
        node: receipt.node,
        parties: receipt.parties,
        references: receipt.references,
        lines: lines
            .into_iter()
            .flat_map(|line| split(line, context))
            .collect(),
        extras,
        ..ReturnReceipt::new(receipt.receipt_no, receipt.received_at)
    }
}

/// The lines of one item, all under its number: first what is good, then each part
/// that is not. What was expected, the serial numbers and the extras stand with the
/// first of them.
fn split(mut line: Line, context: &mut Context<'_>) -> Vec<ReturnReceiptLine> {
    let good = good(&line);
    let lot = only_lot(&mut line);
    let (whole, place) = (line.line, line.place);
    let part = |condition, received: Quantity| ReturnReceiptLine {
        lot: lot.clone(),
        ..ReturnReceiptLine::new(
            whole.line_no.as_str(),
            whole.items.clone(),
            received,
            condition,
        )
    };
    // What is missing did not come, and what is over is as good as the rest.
    let counted = [ReceiptCondition::Short, ReceiptCondition::Over];
    let mut parts = line.exceptions;
    parts.retain(|it| !counted.contains(&it.exception.condition));
    let mut lines: Vec<ReturnReceiptLine> = Vec::with_capacity(parts.len() + 1);
    match good {
        Some(good) if parts.is_empty() || !good.is_zero() => {
            let received = Quantity::new(good, whole.received.unit.as_str());
            lines.push(part(ReceiptCondition::Good, received));
        }
        Some(_) => {}
        // The parts do not fit into it, so nobody can say how much of it is what.
        None => {
            let first = parts.drain(..).next();
            let condition = first.map_or(ReceiptCondition::Good, |it| it.exception.condition);
            lines.push(part(condition, whole.received.clone()));
        }
    }
    let known = lines.len();
    lines.extend(parts.into_iter().map(
        |Exception {
             exception, serials, ..
         }| {
            let line = part(exception.condition, exception.quantity);
            ReturnReceiptLine {
                lot: exception.lot.or(line.lot.clone()),
                serials,
                ..line
            }
        },
    ));
    let claimed: Vec<String> = lines
        .iter()
        .skip(known)
        .flat_map(|line| line.serials.clone())
        .collect();
    let mut serials = whole.serials;
    serials.retain(|serial| !claimed.contains(serial));
    if lines.len() > 1 && !serials.is_empty() {
        let text = format!(
            "the serial numbers are of {} lines in different conditions; nothing says which is whose",
            lines.len()
        );
        context.remark("serials-ambiguous", text, place);
    }
    if let Some(first) = lines.first_mut() {
        first.serials.splice(0..0, serials);
        first.expected = whole.expected;
        first.extras.splice(0..0, whole.extras);
    }
    lines
}

/// How much of what came is in no other condition. Absent where the exceptions do not
/// fit into it, or count in another unit.
fn good(line: &Line) -> Option<Decimal> {
    let received = &line.line.received;
    let apart = |it: &&Exception| it.exception.condition != ReceiptCondition::Over;
    let good = line
        .parts()
        .filter(apart)
        .try_fold(received.value, |rest, it| {
            let part = &it.exception.quantity;
            let fits = part.unit == received.unit;
            rest.checked_sub(part.value).ok().filter(|_| fits)
        });
    good.filter(|rest| !rest.is_negative())
}

/// The lot, where there is only one; several are kept among the extras.
fn only_lot(line: &mut Line) -> Option<Lot> {
    match &line.line.lots[..] {
        [only] => Some(only.lot.clone()),
        lots => {
            let numbers = lots
                .iter()
                .map(|it| ("N9*LT".to_owned(), it.lot.number.clone()));
            line.line.extras.extend(numbers);
            None
        }
    }
}
