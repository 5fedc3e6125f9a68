//! Stock: what there is, what changed, what is announced and what came in.

use super::{
    dates,
    exact::{Exact, Sum},
    report::Report,
    values::{self, Sign},
};
use crate::contract::{
    AdjustmentReason, InboundNotice, InboundReceipt, InventoryAdjustment, InventorySnapshot,
    Purpose, ReceiptCondition, ReceiptLine, StockKind,
};

/// All stock of a node: what is there physically is not less than nothing.
pub(super) fn snapshot(snapshot: &InventorySnapshot, report: &mut Report) {
    dates::moment(report, "/as_of", &snapshot.as_of);
    values::parties(report, &snapshot.parties);
    for (index, line) in snapshot.lines.iter().enumerate() {
        values::items(report, &format!("/lines/{index}/items"), &line.items);
        for (place, stock) in line.stocks.iter().enumerate() {
            let pointer = format!("/lines/{index}/stocks/{place}");
            let physical = matches!(
                stock.kind,
                StockKind::OnHand
                    | StockKind::Damaged
                    | StockKind::QualityHold
                    | StockKind::InTransit
            );
            let sign = if physical {
                Sign::NotNegative
            } else {
                Sign::Signed
            };
            values::quantity(
                report,
                &format!("{pointer}/quantity"),
                &stock.quantity,
                sign,
            );
            if let Some(at) = &stock.as_of {
                dates::moment(report, &format!("{pointer}/as_of"), at);
            }
        }
    }
}

/// Changes of stock: each has a sign, and the one that its reason has.
pub(super) fn adjustment(adjustment: &InventoryAdjustment, report: &mut Report) {
    dates::moment(report, "/adjusted_at", &adjustment.adjusted_at);
    values::parties(report, &adjustment.parties);
    values::line_numbers(
        report,
        adjustment.lines.iter().map(|it| it.line_no.as_str()),
    );
    for (index, line) in adjustment.lines.iter().enumerate() {
        let at = |field: &str| format!("/lines/{index}/{field}");
        values::quantity(report, &at("quantity"), &line.quantity, Sign::Signed);
        values::items(report, &at("items"), &line.items);
        values::maybe(report, &at("weight"), line.weight.as_ref(), Sign::Signed);
        let value = Exact::from(line.quantity.value);
        // From one status to another nothing comes or goes.
        let moves = line.status_from.is_some() && line.status_to.is_some();
        let contradicts = match line.reason {
            AdjustmentReason::Found => value.is_negative(),
            AdjustmentReason::Lost | AdjustmentReason::Destroyed | AdjustmentReason::Donation => {
                value.is_positive()
            }
            _ => false,
        };
        if contradicts && !moves {
            report.find(
                "sign-contradicts-reason",
                at("quantity"),
                format!(
                    "line {} changes stock by {value}, against its reason",
                    line.line_no
                ),
                "ask the sender whether it came or went",
            );
        }
    }
}

/// Goods that will come: something, once a line.
pub(super) fn notice(notice: &InboundNotice, report: &mut Report) {
    let cancels = notice.purpose == Purpose::Cancel;
    if notice.lines.is_empty() && !cancels {
        report.find(
            "lines-missing",
            "/lines",
            "it announces nothing".to_owned(),
            "ask the sender for the lines",
        );
    }
    let sign = if cancels {
        Sign::Signed
    } else {
        Sign::Positive
    };
    for (index, line) in notice.lines.iter().enumerate() {
        let at = |field: &str| format!("/lines/{index}/{field}");
        values::quantity(report, &at("quantity"), &line.quantity, sign);
        values::items(report, &at("items"), &line.items);
    }
    values::line_numbers(report, notice.lines.iter().map(|it| it.line_no.as_str()));
    values::parties(report, &notice.parties);
    if let Some(day) = &notice.notice_date {
        dates::day(report, "/notice_date", day);
    }
    if let Some(expected) = &notice.expected {
        dates::moment(report, "/expected", expected);
    }
    let noticed = notice.notice_date.as_deref().map(dates::When::day);
    let expected = ("expected", notice.expected.as_ref());
    dates::ordered(report, ("notice_date", noticed), expected);
}

/// Goods that came: what was announced, less what is short, with what is over.
pub(super) fn receipt(receipt: &InboundReceipt, report: &mut Report) {
    dates::moment(report, "/received_at", &receipt.received_at);
    values::parties(report, &receipt.parties);
    for (index, line) in receipt.lines.iter().enumerate() {
        received(index, line, report);
    }
    let parts = Sum::of(receipt.lines.iter().map(|it| &it.received));
    if let (Some(told), Sum::Of(parts, _)) = (receipt.total_received, parts) {
        let told = Exact::from(told);
        values::total(report, "/total_received", "total received", told, parts);
    }
}

fn received(index: usize, line: &ReceiptLine, report: &mut Report) {
    let at = |field: &str| format!("/lines/{index}/{field}");
    values::quantity(report, &at("received"), &line.received, Sign::NotNegative);
    values::maybe(
        report,
        &at("expected"),
        line.expected.as_ref(),
        Sign::NotNegative,
    );
    values::items(report, &at("items"), &line.items);
    values::lots(report, &at("lots"), &line.lots, &line.received);
    values::serials(report, &at("serials"), &line.serials, &line.received);
    for (place, exception) in line.exceptions.iter().enumerate() {
        let pointer = at(&format!("exceptions/{place}/quantity"));
        values::quantity(report, &pointer, &exception.quantity, Sign::NotNegative);
    }
    let unit = line.received.unit.as_str();
    let received = Exact::from(line.received.value);
    let of = |wanted: &dyn Fn(&ReceiptCondition) -> bool| {
        let exceptions = line.exceptions.iter().filter(|it| wanted(&it.condition));
        match Sum::of(exceptions.map(|it| &it.quantity)) {
            Sum::Nothing => Some(Exact::ZERO),
            sum => sum.within(unit),
        }
    };
    // What is short never came, what is over may be good.
    let bad = of(&|it| {
        !matches!(
            it,
            ReceiptCondition::Short | ReceiptCondition::Over | ReceiptCondition::Good
        )
    });
    if let Some(bad) = bad.filter(|bad| bad.exceeds(received)) {
        report.find(
            "exceptions-exceed-line",
            at("exceptions"),
            format!("{bad} {unit} in another condition, of {received} received"),
            "ask the sender how many came",
        );
    }
    let Some(expected) = line.expected.as_ref().filter(|it| it.unit == unit) else {
        return;
    };
    let short = of(&|it| *it == ReceiptCondition::Short);
    let over = of(&|it| *it == ReceiptCondition::Over);
    let (Some(short), Some(over)) = (short, over) else {
        return;
    };
    let expected = Exact::from(expected.value);
    let accounted = expected.minus(short).and_then(|it| it.plus(over));
    if accounted.is_some_and(|it| it.differs(received)) {
        report.find(
            "line-not-conserved",
            at("received"),
            format!(
                "line {}: {expected} {unit} expected, {short} short and {over} over, but {received} received",
                line.line_no
            ),
            "ask the sender what became of the rest",
        );
    }
}
