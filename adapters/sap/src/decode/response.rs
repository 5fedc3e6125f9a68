//! ORDERS05 with message type ORDRSP: the answer to an order.
//!
//! What the answer is follows from quantities: what the schedule lines (E1EDP20) promise
//! of what the item (E1EDP01) orders. The action codes differ from system to system and
//! stay among the extras.

use crossdock_sdk::idoc::{Idoc, Segment, value};
use crossdock_sdk::{
    Decimal, Decision, Document, Moment, OrderResponse, Quantity, Reason, RejectReason,
    ResponseLine,
};

use super::Mapped;
use super::context::Context;
use super::order::{by_qualifier, document_no};
use crate::wire;

/// Reads an answer.
pub(super) fn map(idoc: &Idoc<'_>, mut context: Context<'_>) -> Mapped {
    let root = idoc.root();
    let Some(header) = context.segment(root, "E1EDK01", "the answer's header") else {
        return context.refuse();
    };
    let reference = |code| by_qualifier(root, "E1EDK02", code).and_then(|it| it.get("BELNR"));
    let own = reference("002").or_else(|| header.get("BELNR"));
    let order_no = match reference("001") {
        Some(number) => number.to_owned(),
        None => document_no(root, header, &mut context),
    };
    let mut response = OrderResponse::new(order_no, Decision::Accepted);
    response.partner_order_no = own.map(|number| context.config.number(number).to_owned());
    if let Some(segment) = by_qualifier(root, "E1EDK03", "012") {
        let fields = ["DATUM", "UZEIT", ""];
        response.decided_at = context.moment(segment, fields, &mut response.extras);
    }
    for segment in root.all("E1EDP01") {
        let line = line(segment, &mut context);
        response.lines.push(line);
    }
    response.decision = match header.get("ACTION") {
        Some("001") => Decision::Rejected,
        _ => whole(&response.lines),
    };
    if context.config.keep_extras {
        wire::keep(&mut response.extras, header, &["BELNR"]);
        for name in ["E1EDK02", "E1EDK03", "E1EDK14"] {
            for segment in root.all(name) {
                wire::keep(&mut response.extras, segment, &[]);
            }
        }
    }
    context.finish(|| Document::OrderResponse(response))
}

fn whole(lines: &[ResponseLine]) -> Decision {
    let all = |wanted: Decision| lines.iter().all(|line| line.decision == wanted);
    if all(Decision::Accepted) {
        Decision::Accepted
    } else if all(Decision::Rejected) {
        Decision::Rejected
    } else if all(Decision::Backordered) {
        Decision::Backordered
    } else {
        Decision::AcceptedWithChanges
    }
}

fn line(segment: Segment<'_, '_>, context: &mut Context<'_>) -> ResponseLine {
    let customer = by_qualifier(segment, "E1EDP02", "001").and_then(|it| it.get("ZEILE"));
    let number = customer.or_else(|| segment.get("POSEX"));
    let number = match number {
        Some(number) => number,
        None => context.required(segment, "POSEX", "the item's number"),
    };
    let mut line = ResponseLine::new(context.config.number(number), Decision::Accepted);
    let ordered = context.quantity(segment, "MENGE", "MENEE");
    let (promised, when) = schedule(segment, &mut line, context);
    line.promised = when;
    line.decision = decision(segment, ordered.as_ref(), promised);
    if let Some(code) = segment.get("ABGRU") {
        line.reasons.push(Reason {
            source_code: Some(code.to_owned()),
            text: segment.get("ABGRU_BEZ").map(str::to_owned),
            ..Reason::new(RejectReason::Other(code.to_owned()))
        });
    }
    line.quantity = ordered.zip(promised).map(|(ordered, promised)| Quantity {
        value: promised,
        ..ordered
    });
    if context.config.keep_extras {
        let read = [
            "POSEX", "MENGE", "MENEE", "E1EDP20", "E1EDP05", "E1EDPT1", "E1EDPA1",
        ];
        wire::keep(&mut line.extras, segment, &read);
    }
    line
}

fn decision(
    segment: Segment<'_, '_>,
    ordered: Option<&Quantity>,
    promised: Option<Decimal>,
) -> Decision {
    if segment
        .get("ABGRU")
        .is_some_and(|code| !value::is_initial(code))
    {
        return Decision::Rejected;
    }
    match (ordered, promised) {
        (Some(_), Some(promised)) if promised.is_zero() => Decision::Backordered,
        (Some(ordered), Some(promised)) if !ordered.value.is_equal(promised) => {
            Decision::AcceptedWithChanges
        }
        _ => Decision::Accepted,
    }
}

/// How much is promised, and when the last of it comes.
fn schedule(
    segment: Segment<'_, '_>,
    line: &mut ResponseLine,
    context: &mut Context<'_>,
) -> (Option<Decimal>, Option<Moment>) {
    let (mut sum, mut last): (Option<Decimal>, Option<Moment>) = (None, None);
    for part in segment.all("E1EDP20") {
        let Some(quantity) = context.number(part, "WMENG") else {
            continue;
        };
        sum = sum.unwrap_or(Decimal::ZERO).checked_add(quantity).ok();
        if quantity.is_zero() {
            continue;
        }
        let when = context.moment(part, ["EDATU", "EZEIT", ""], &mut line.extras);
        if let Some(when) = when
            && last.as_ref().is_none_or(|last| last.text < when.text)
        {
            last = Some(when);
        }
    }
    (sum, last)
}
