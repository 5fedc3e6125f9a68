//! How complete a shipment is as a whole, and whether its totals add up.

use crossdock_sdk::decimal::DecimalError;
use crossdock_sdk::x12::Place;
use crossdock_sdk::{Decimal, Shipment, ShipmentLine, ShipmentStatus};

use crate::decode::context::Context;
use crate::wire::Groups;

/// The status of every line, corrected where the quantities contradict it: what is
/// called complete and is short, all lines of its number added up, counts as partial.
pub(super) fn effective(lines: &[ShipmentLine], same: &Groups) -> Vec<ShipmentStatus> {
    let mut statuses: Vec<ShipmentStatus> = lines.iter().map(|line| line.status.clone()).collect();
    for same in same.iter() {
        if !is_short(same.iter().filter_map(|index| lines.get(*index))) {
            continue;
        }
        for (index, line) in same
            .iter()
            .filter_map(|index| Some((*index, lines.get(*index)?)))
        {
            let claims = matches!(
                line.status,
                ShipmentStatus::Complete
                    | ShipmentStatus::CompleteWithExtra
                    | ShipmentStatus::Other(_)
            );
            if let Some(status) = statuses.get_mut(index).filter(|_| claims) {
                *status = ShipmentStatus::Partial;
            }
        }
    }
    statuses
}

/// Whether less left than was ordered, where that is stated.
fn is_short<'l>(mut lines: impl Iterator<Item = &'l ShipmentLine>) -> bool {
    let sums = lines.try_fold(
        (Decimal::ZERO, Decimal::ZERO),
        |(ordered, shipped), line| {
            let own = line
                .ordered
                .as_ref()
                .map_or(Decimal::ZERO, |ordered| ordered.value);
            Ok::<_, DecimalError>((
                ordered.checked_add(own)?,
                shipped.checked_add(line.shipped.value)?,
            ))
        },
    );
    sums.is_ok_and(|(ordered, shipped)| shipped.compare(ordered).is_lt())
}

/// The status of the whole from those of its lines.
pub(super) fn of(
    reporting: &[u8],
    lines: &[ShipmentLine],
    statuses: &[ShipmentStatus],
) -> ShipmentStatus {
    let [first, rest @ ..] = statuses else {
        // "No exceptions" needs no lines.
        return match reporting {
            b"N" => ShipmentStatus::Complete,
            _ => ShipmentStatus::NotShipped,
        };
    };
    if lines
        .iter()
        .all(|line| line.shipped.value.is_zero() && !is_backordered(line))
    {
        return ShipmentStatus::NotShipped;
    }
    if rest.iter().all(|status| status == first) {
        return first.clone();
    }
    let short = |status: &&ShipmentStatus| {
        matches!(
            status,
            ShipmentStatus::PartialClosed
                | ShipmentStatus::PartialBackordered
                | ShipmentStatus::Partial
                | ShipmentStatus::NotShipped
        )
    };
    let closed = |status: &ShipmentStatus| {
        matches!(
            status,
            ShipmentStatus::PartialClosed | ShipmentStatus::NotShipped
        )
    };
    if statuses.contains(&ShipmentStatus::PartialBackordered) {
        return ShipmentStatus::PartialBackordered;
    }
    if statuses.iter().any(|status| short(&status)) {
        return match statuses.iter().filter(short).all(closed) {
            true => ShipmentStatus::PartialClosed,
            false => ShipmentStatus::Partial,
        };
    }
    // All of it left; what is most unusual about it stands for the whole.
    let unusual = [
        ShipmentStatus::Damaged,
        ShipmentStatus::Substituted,
        ShipmentStatus::CompleteWithExtra,
        ShipmentStatus::Split,
    ];
    if let Some(unusual) = unusual
        .into_iter()
        .find(|unusual| statuses.contains(unusual))
    {
        return unusual;
    }
    let odd = statuses
        .iter()
        .find(|status| **status != ShipmentStatus::Complete);
    odd.cloned().unwrap_or(ShipmentStatus::Complete)
}

fn is_backordered(line: &ShipmentLine) -> bool {
    line.status == ShipmentStatus::PartialBackordered
}

/// Remarks on a total that is not the sum of its lines, and on codes that the
/// quantities contradict.
pub(super) fn check_total(
    shipment: &Shipment,
    lines: &[ShipmentLine],
    statuses: &[ShipmentStatus],
    context: &mut Context<'_>,
    place: Option<Place>,
) {
    // A line without a status of ours claims nothing.
    let claims = |line: &ShipmentLine| !matches!(line.status, ShipmentStatus::Other(_));
    let contradicted = lines
        .iter()
        .zip(statuses)
        .filter(|(line, status)| line.status != **status && claims(line));
    for (line, _) in contradicted {
        let text = format!(
            "line {} is called complete, but less left than was ordered; it counts as partial",
            line.line_no
        );
        context.remark("status-contradiction", text, place.unwrap_or_default());
    }
    let (Some(stated), false) = (shipment.total_shipped, lines.is_empty()) else {
        return;
    };
    let sum = lines.iter().try_fold(Decimal::ZERO, |sum, line| {
        sum.checked_add(line.shipped.value)
    });
    match sum {
        Ok(sum) if sum.is_equal(stated) => {}
        Ok(sum) => {
            let text =
                format!("W03-01 says that {stated} units left in all, the lines add up to {sum}");
            context.remark("total-mismatch", text, place.unwrap_or_default().element(1));
        }
        Err(_) => {
            let text = "the lines add up to more than a number can hold".to_owned();
            context.remark("total-mismatch", text, place.unwrap_or_default().element(1));
        }
    }
}
