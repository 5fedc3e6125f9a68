//! What becomes of each unit that was ordered.

use super::state::{CancelAnswer, Closing, Line, State};
use crate::process::number::Number;

/// A line's quantity and what became of it: `ordered` is `shipped`, `cancelled`, `short`
/// and `open` together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineQuantities {
    /// The order's line number.
    pub line_no: String,
    /// What is wanted, and never less than what left of it.
    pub ordered: Number,
    /// What left of it.
    pub shipped: Number,
    /// What left beyond it.
    pub over: Number,
    /// What nobody wants any more, or the ERP does not grant.
    pub cancelled: Number,
    /// What the warehouse will not ship.
    pub short: Number,
    /// What is still to come.
    pub open: Number,
}

/// All lines together. Units of measure are not told apart: good for asking whether
/// there is something, not for showing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// See [`LineQuantities`].
    pub ordered: Number,
    /// See [`LineQuantities`].
    pub shipped: Number,
    /// See [`LineQuantities`].
    pub over: Number,
    /// See [`LineQuantities`].
    pub cancelled: Number,
    /// See [`LineQuantities`].
    pub short: Number,
    /// See [`LineQuantities`].
    pub open: Number,
}

// === impl State ===

impl State {
    /// What became of each line.
    #[must_use]
    pub fn quantities(&self) -> Vec<LineQuantities> {
        let stopped = self.is_stopped();
        // While a node has the order and has not said that it lets it go, it may ship.
        let let_go = self
            .current()
            .is_none_or(|current| current.cancel == CancelAnswer::Confirmed);
        self.lines
            .iter()
            .map(|line| {
                let named = self.cancelled_lines.contains(&line.no);
                self.line(line, stopped, if stopped { let_go } else { named })
            })
            .collect()
    }

    /// All lines together.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.quantities()
            .into_iter()
            .fold(Totals::default(), |sum, line| Totals {
                ordered: sum.ordered + line.ordered,
                shipped: sum.shipped + line.shipped,
                over: sum.over + line.over,
                cancelled: sum.cancelled + line.cancelled,
                short: sum.short + line.short,
                open: sum.open + line.open,
            })
    }

    fn line(&self, line: &Line, is_stopped: bool, is_cancelled: bool) -> LineQuantities {
        let left = self.left_of(line);
        let ordered = line.requested.max(left.min(line.highest));
        let shipped = left.min(ordered);
        let rest = ordered - shipped;
        let granted = self.grants.iter().find(|(no, ..)| *no == line.no);
        let granted = granted.map_or(ordered, |(_, _, granted)| (*granted).max(shipped));
        let ungranted = (ordered - granted).at_least_zero().min(rest);
        let (mut cancelled, mut short, mut open) = (ungranted, Number::ZERO, Number::ZERO);
        let rest = rest - ungranted;
        match self.closing(line) {
            _ if is_cancelled => cancelled += rest,
            Closing::Cancelled => cancelled += rest,
            // The node will not ship it, and nobody wants it.
            Closing::Short if is_stopped => cancelled += rest,
            Closing::Short => short = rest,
            Closing::Open => open = rest,
        }
        LineQuantities {
            line_no: line.no.clone(),
            ordered,
            shipped,
            over: left - shipped,
            cancelled,
            short,
            open,
        }
    }

    /// What left of a line, in all shipments.
    fn left_of(&self, line: &Line) -> Number {
        self.live_shipments()
            .flat_map(|shipment| &shipment.lines)
            .filter(|shipped| {
                self.line_of(&shipped.no, &shipped.sku)
                    .is_some_and(|it| it.no == line.no)
            })
            .map(|shipped| shipped.quantity)
            .sum()
    }

    /// What left of a line from one node.
    pub(super) fn left_from(&self, line_no: &str, node: &str) -> Number {
        self.live_shipments()
            .filter(|shipment| shipment.node.as_deref() == Some(node))
            .flat_map(|shipment| &shipment.lines)
            .filter(|shipped| {
                self.line_of(&shipped.no, &shipped.sku)
                    .is_some_and(|it| it.no == line_no)
            })
            .map(|shipped| shipped.quantity)
            .sum()
    }

    /// The strongest word of a shipment on what is missing of a line.
    fn closing(&self, line: &Line) -> Closing {
        self.live_shipments()
            .filter(|shipment| !shipment.waived)
            .flat_map(move |shipment| {
                let named = shipment
                    .lines
                    .iter()
                    .filter(move |it| {
                        self.line_of(&it.no, &it.sku)
                            .is_some_and(|it| it.no == line.no)
                    })
                    .map(|it| it.closes);
                named.chain([shipment.closes])
            })
            .max()
            .unwrap_or_default()
    }

    /// The order's line that a shipment's line is about: the one of its number, else the
    /// only one of its item.
    pub(super) fn line_of(&self, no: &str, sku: &str) -> Option<&Line> {
        if let Some(line) = self.lines.iter().find(|line| line.no == no) {
            return Some(line);
        }
        let mut same = self.lines.iter().filter(|line| line.sku == sku);
        same.next().filter(|_| same.next().is_none())
    }
}
