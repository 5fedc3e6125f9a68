//! How complete a shipment is as a whole, and whether its totals add up.

use crossdock_sdk::x12::Place;
use crossdock_sdk::{Decimal, Shipment, ShipmentLine, ShipmentStatus};

use crate::decode::context::Context;

/// The status of the whole from those of its lines. A line whose quantities say that
/// it is short counts as short, whatever its code says.
pub(super) fn of(reporting: &[u8], lines: &[ShipmentLine]) -> ShipmentStatus {
    let [first, rest @ ..] = lines else {
        // "No exceptions" needs no lines.
        return match reporting {
            b"N" => ShipmentStatus::Complete,
            _ => ShipmentStatus::NotShipped,
        };
    };
    if lines.iter().all(|line| line.shipped.value.is_zero() && !is_backordered(line)) {
        return ShipmentStatus::NotShipped;
    }
    let common = effective(first);
    if rest.iter().all(|line| effective(line) == common) {
        return common;
    }
    let statuses = || lines.iter().map(effective);
    let short = |status: &ShipmentStatus| {
        matches!(
            status,
            ShipmentStatus::PartialClosed
                | ShipmentStatus::PartialBackordered
                | ShipmentStatus::Partial
                | ShipmentStatus::NotShipped
        )
    };
    let closed = |status: &ShipmentStatus| {
        matches!(status, ShipmentStatus::PartialClosed | ShipmentStatus::NotShipped)
    };
    if statuses().any(|status| status == ShipmentStatus::PartialBackordered) {
        return ShipmentStatus::PartialBackordered;
    }
    if statuses().any(|status| short(&status)) {
        return match statuses().filter(short).all(|status| closed(&status)) {
            true => ShipmentStatus::PartialClosed,
            false => ShipmentStatus::Partial,
        };
    }
    // All of it left; what is most unusual about it stands for the whole.
    for unusual in [
        ShipmentStatus::Damaged,
        ShipmentStatus::Substituted,
        ShipmentStatus::CompleteWithExtra,
        ShipmentStatus::Split,
    ] {
        if statuses().any(|status| status == unusual) {
            return unusual;
        }
    }
    let odd = statuses().find(|status| *status != ShipmentStatus::Complete);
    odd.unwrap_or(ShipmentStatus::Complete)
}

fn is_backordered(line: &ShipmentLine) -> bool {
    line.status == ShipmentStatus::PartialBackordered
}

/// The line's status, corrected where its quantities contradict it.
fn effective(line: &ShipmentLine) -> ShipmentStatus {
    let short = match &line.ordered {
        Some(ordered) => line.shipped.value.compare(ordered.value).is_lt(),
        None => false,
    };
    match &line.status {
        ShipmentStatus::Complete | ShipmentStatus::CompleteWithExtra | ShipmentStatus::Other(_)
            if short =>
        {
            ShipmentStatus::Partial
        }
        status => status.clone(),
    }
}

/// Remarks on a total that is not the sum of its lines, and on codes that the
/// quantities contradict.
pub(super) fn check_total(
    shipment: &Shipment,
    lines: &[ShipmentLine],
    context: &mut Context<'_>,
    place: Option<Place>,
) {
    for line in lines.iter().filter(|line| line.status != effective(line)) {
        let text = format!(
            "line {} is called complete, but less left than was ordered; it counts as partial",
            line.line_no
        );
        context.remark("status-contradiction", text, place.unwrap_or_default());
    }
    let (Some(stated), false) = (shipment.total_shipped, lines.is_empty()) else { return };
    let sum = lines.iter().try_fold(Decimal::ZERO, |sum, line| sum.checked_add(line.shipped.value));
    match sum {
        Ok(sum) if sum.is_equal(stated) => {}
        Ok(sum) => {
            let text = format!("W03-01 says that {stated} units left in all, the lines add up to {sum}");
            context.remark("total-mismatch", text, place.unwrap_or_default().element(1));
        }
        Err(_) => {
            let text = "the lines add up to more than a number can hold".to_owned();
            context.remark("total-mismatch", text, place.unwrap_or_default().element(1));
        }
    }
}
