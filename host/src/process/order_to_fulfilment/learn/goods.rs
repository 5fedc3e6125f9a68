//! What left of an order, and what was invoiced of it.

use std::collections::HashMap;

use super::{LINES_MAX, unfit};
use crate::{
    contract::{Invoice, InvoiceType, Purpose, Shipment, ShipmentLine, ShipmentStatus},
    process::{
        Refusal,
        input::Received,
        number::Number,
        order_to_fulfilment::state::{Closing, Invoiced, Shipped, ShippedLine, State},
        policy::Remainder,
        told::{digest_of, fit, name, words},
        write::{millis, sku},
    },
};

/// Shipments that an order may have.
const SHIPMENTS_MAX: usize = 500;

/// Lines that all its shipments may have together: each line in four parts.
const SHIPPED_LINES_MAX: usize = 4 * LINES_MAX;

/// Invoices that an order may have.
const INVOICES_MAX: usize = 500;

// === impl State ===

impl State {
    pub(super) fn take_shipment(
        &mut self,
        shipment: &Shipment,
        received: &Received<'_>,
        remainder: Remainder,
    ) -> Result<(), Refusal> {
        let mut lines = shipped_lines(shipment, remainder)?;
        let rank = match shipment.purpose {
            Purpose::Cancel => 2,
            Purpose::Replace | Purpose::Change => 1,
            Purpose::Original | Purpose::Confirm | Purpose::Other(_) => 0,
        };
        let version = (rank, millis(&shipment.shipped_at), content(&lines));
        let nothing = nothing_of(shipment, &lines);
        if nothing.is_some() && shipment.status == ShipmentStatus::NotShipped {
            // The status of the whole says it of every line.
            lines.clear();
        }
        let node = received.from.role.node().or(shipment.node.as_deref());
        let new = Shipped {
            id: shipment.shipment_id.clone(),
            of: received.id,
            version,
            node: node.map(name).transpose()?,
            cancelled: rank == 2,
            closes: match shipment.status {
                ShipmentStatus::PartialClosed | ShipmentStatus::NotShipped => {
                    by_policy(Closing::Short, remainder)
                }
                _ => Closing::Open,
            },
            lines,
            waived: false,
            nothing,
        };
        self.join_shipment(new)
    }

    fn join_shipment(&mut self, new: Shipped) -> Result<(), Refusal> {
        let place = self.shipments.binary_search_by(|it| it.id.cmp(&new.id));
        let others = self.shipments.iter().filter(|it| it.id != new.id);
        let lines: usize = others.map(|it| it.lines.len()).sum();
        if lines + new.lines.len() > SHIPPED_LINES_MAX {
            let text = format!("the order's shipments have more than {SHIPPED_LINES_MAX} lines");
            return Err(unfit(text));
        }
        match place {
            Ok(place) => {
                let known = &mut self.shipments[place];
                if known.version < new.version {
                    let waived = known.waived;
                    *known = Shipped { waived, ..new };
                }
            }
            Err(place) if self.shipments.len() < SHIPMENTS_MAX => self.shipments.insert(place, new),
            Err(_) => {
                return Err(unfit(format!(
                    "the order has more than {SHIPMENTS_MAX} shipments"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn take_invoice(&mut self, invoice: &Invoice) -> Result<(), Refusal> {
        if invoice.invoice_type != InvoiceType::Invoice {
            return Ok(());
        }
        let mut units = Number::ZERO;
        for line in &invoice.lines {
            units += fit(Number::of(&line.quantity.value))?;
        }
        let cancelled = invoice.purpose == Purpose::Cancel;
        let has_room = self.invoices.len() < INVOICES_MAX;
        match self
            .invoices
            .iter_mut()
            .find(|it| it.no == invoice.invoice_no)
        {
            Some(known) => {
                known.cancelled |= cancelled;
                known.units = known.units.max(units);
            }
            None if has_room => self.invoices.push(Invoiced {
                no: invoice.invoice_no.clone(),
                cancelled,
                units,
            }),
            None => {
                return Err(unfit(format!(
                    "the order has more than {INVOICES_MAX} invoices"
                )));
            }
        }
        Ok(())
    }
}

/// The lines of a shipment; several of one line and item are one.
fn shipped_lines(shipment: &Shipment, remainder: Remainder) -> Result<Vec<ShippedLine>, Refusal> {
    let mut lines: Vec<ShippedLine> = Vec::new();
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    for line in &shipment.lines {
        let new = shipped_line(line, remainder)?;
        match places.get(&(line.line_no.as_str(), sku(&line.items))) {
            Some(&place) => {
                let known = &mut lines[place];
                known.quantity += new.quantity;
                known.closes = known.closes.max(new.closes);
                known.damaged |= new.damaged;
                known.substituted |= new.substituted;
            }
            None => {
                places.insert((line.line_no.as_str(), sku(&line.items)), lines.len());
                lines.push(new);
            }
        }
    }
    Ok(lines)
}

/// Why nothing left, when a shipment says that nothing of what it names will.
fn nothing_of(shipment: &Shipment, lines: &[ShippedLine]) -> Option<String> {
    let says_so = |status: &ShipmentStatus| {
        matches!(
            status,
            ShipmentStatus::NotShipped | ShipmentStatus::PartialClosed
        )
    };
    let all_say_so = !lines.is_empty() && shipment.lines.iter().all(|line| says_so(&line.status));
    let is_nothing = (shipment.status == ShipmentStatus::NotShipped || all_say_so)
        && lines.iter().all(|line| line.quantity.is_zero());
    is_nothing.then(|| {
        let reasons = shipment
            .lines
            .iter()
            .filter_map(|line| line.reason.as_ref());
        let said = reasons.chain(&shipment.notes).next();
        said.map_or("it shipped nothing".to_owned(), |said| {
            format!("it shipped nothing: {}", words(said))
        })
    })
}

fn shipped_line(line: &ShipmentLine, remainder: Remainder) -> Result<ShippedLine, Refusal> {
    let difference = match &line.difference {
        Some(difference) => fit(Number::of(&difference.value))?,
        None => Number::ZERO,
    };
    let closes = match line.status {
        ShipmentStatus::NotShipped | ShipmentStatus::PartialClosed => Closing::Short,
        ShipmentStatus::Partial if remainder == Remainder::Cancel => Closing::Cancelled,
        ShipmentStatus::Complete
        | ShipmentStatus::CompleteWithExtra
        | ShipmentStatus::Substituted
        | ShipmentStatus::Damaged
            if difference.is_positive() =>
        {
            Closing::Short
        }
        _ => Closing::Open,
    };
    Ok(ShippedLine {
        no: name(&line.line_no)?,
        sku: name(sku(&line.items))?,
        quantity: fit(Number::of(&line.shipped.value))?.at_least_zero(),
        closes: by_policy(closes, remainder),
        damaged: line.status == ShipmentStatus::Damaged,
        substituted: line.status == ShipmentStatus::Substituted,
    })
}

/// What is said to be missing stays open, if that is the policy.
fn by_policy(closes: Closing, remainder: Remainder) -> Closing {
    match remainder {
        Remainder::KeepOpen => Closing::Open,
        Remainder::AsStated | Remainder::Cancel => closes,
    }
}

/// Tells two shipments of the same id, purpose and time apart.
fn content(lines: &[ShippedLine]) -> u64 {
    let text = |line: &ShippedLine| {
        format!(
            "{}/{}/{}/{:?};",
            line.no, line.sku, line.quantity, line.closes
        )
    };
    digest_of(&lines.iter().map(text).collect::<String>())
}
