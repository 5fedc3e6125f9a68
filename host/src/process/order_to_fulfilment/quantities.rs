//! What becomes of each unit that was ordered.

use std::collections::HashMap;

use super::state::{CancelAnswer, Closing, Line, Shipped, State};
use crate::{
    message::PartnerName,
    process::{number::Number, told::Sheet},
};

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

/// What shipments say of each line, in the order of the lines.
pub(super) struct Tally {
    /// What left.
    pub(super) left: Vec<Number>,
    /// The strongest word on what is missing.
    closing: Vec<Closing>,
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
        let tally = self.tally(None);
        // They are sorted by line.
        let granted = |no: &str| {
            let place = self.grants.binary_search_by(|it| it.0.as_str().cmp(no));
            place.ok().map(|place| self.grants[place].2)
        };
        self.lines
            .iter()
            .zip(tally.left.iter().zip(&tally.closing))
            .map(|(line, (left, closing))| {
                let said = Said {
                    left: *left,
                    closing: *closing,
                    granted: granted(&line.no),
                    is_stopped: stopped,
                    is_cancelled: if stopped {
                        let_go
                    } else {
                        self.cancelled_lines.binary_search(&line.no).is_ok()
                    },
                };
                divide(line, &said)
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

    /// What lists and searches need to know.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let totals = self.totals();
        let base = self.base.as_ref();
        Sheet::default()
            .maybe("node", self.current().map(|it| it.node.as_str()))
            .maybe(
                "placed_by",
                self.placed_by.as_ref().map(PartnerName::as_str),
            )
            .with("ordered", totals.ordered)
            .with("shipped", totals.shipped)
            .with("over", totals.over)
            .with("cancelled", totals.cancelled)
            .with("short", totals.short)
            .with("open", totals.open)
            .with("delivered", self.delivered())
            .with("shipments", self.live_shipments().count())
            .with("invoiced", self.invoiced())
            .maybe("country", base.and_then(|it| it.country.as_deref()))
            .maybe("postal", base.and_then(|it| it.postal.as_deref()))
            .all()
    }

    /// Units that reached their receiver.
    fn delivered(&self) -> Number {
        let arrived = |it: &&Shipped| self.arrived.contains(&it.id);
        let lines = self
            .live_shipments()
            .filter(arrived)
            .flat_map(|it| &it.lines);
        lines.map(|line| line.quantity).sum()
    }

    /// What shipments say: those of one node, or all.
    pub(super) fn tally(&self, node: Option<&str>) -> Tally {
        let mut tally = Tally {
            left: vec![Number::ZERO; self.lines.len()],
            closing: vec![Closing::Open; self.lines.len()],
        };
        let places = Places::of(&self.lines);
        // What a node says of what is missing counts as long as the order is its own.
        let is_over = |it: &Shipped| {
            let attempt = it.node.as_deref().and_then(|node| self.known_attempt(node));
            it.waived || attempt.is_some_and(|attempt| attempt.why_not().is_some())
        };
        let counts = |it: &&Shipped| node.is_none_or(|node| self.is_of(it, node));
        for shipment in self.live_shipments().filter(counts) {
            let is_over = is_over(shipment);
            for line in &shipment.lines {
                if let Some(place) = places.of_line(&line.no, &line.sku) {
                    tally.left[place] += line.quantity;
                    if !is_over {
                        tally.closing[place] = tally.closing[place].max(line.closes);
                    }
                }
            }
            if !is_over {
                for closing in &mut tally.closing {
                    *closing = (*closing).max(shipment.closes);
                }
            }
        }
        tally
    }
}

/// What is known of a line beside its own wishes.
struct Said {
    left: Number,
    closing: Closing,
    granted: Option<Number>,
    is_stopped: bool,
    is_cancelled: bool,
}

fn divide(line: &Line, said: &Said) -> LineQuantities {
    let ordered = line.requested.max(said.left.min(line.highest));
    let shipped = said.left.min(ordered);
    let rest = ordered - shipped;
    let granted = said.granted.map_or(ordered, |granted| granted.max(shipped));
    let ungranted = (ordered - granted).at_least_zero().min(rest);
    let (mut cancelled, mut short, mut open) = (ungranted, Number::ZERO, Number::ZERO);
    let rest = rest - ungranted;
    match said.closing {
        _ if said.is_cancelled => cancelled += rest,
        Closing::Cancelled => cancelled += rest,
        // The node will not ship it, and nobody wants it.
        Closing::Short if said.is_stopped => cancelled += rest,
        Closing::Short => short = rest,
        Closing::Open => open = rest,
    }
    LineQuantities {
        line_no: line.no.clone(),
        ordered,
        shipped,
        over: said.left - shipped,
        cancelled,
        short,
        open,
    }
}

/// Where lines are, by number and by item. Most orders are short, and looking through
/// them is faster than an index.
pub(super) struct Places<'a> {
    lines: &'a [Line],
    index: Option<Index<'a>>,
}

struct Index<'a> {
    by_no: HashMap<&'a str, usize>,
    /// None for an item that several lines have.
    by_sku: HashMap<&'a str, Option<usize>>,
}

/// Lines from which an index is faster.
const INDEXED_FROM: usize = 16;

// === impl Places ===

impl<'a> Places<'a> {
    pub(super) fn of(lines: &'a [Line]) -> Self {
        let index = (lines.len() >= INDEXED_FROM).then(|| Index::of(lines));
        Self { lines, index }
    }

    /// The order's line that a shipment's line is about: the one of its number, else the
    /// only one of its item.
    pub(super) fn of_line(&self, no: &str, sku: &str) -> Option<usize> {
        if let Some(index) = &self.index {
            let by_sku = || index.by_sku.get(sku).copied().flatten();
            return index.by_no.get(no).copied().or_else(by_sku);
        }
        let by_no = self.lines.iter().position(|line| line.no == no);
        by_no.or_else(|| {
            let first = self.lines.iter().position(|line| line.sku == sku)?;
            let is_alone = !self.lines[first + 1..].iter().any(|line| line.sku == sku);
            is_alone.then_some(first)
        })
    }
}

// === impl Index ===

impl<'a> Index<'a> {
    fn of(lines: &'a [Line]) -> Self {
        let mut by_sku = HashMap::with_capacity(lines.len());
        for (place, line) in lines.iter().enumerate() {
            by_sku
                .entry(line.sku.as_str())
                .and_modify(|known| *known = None)
                .or_insert(Some(place));
        }
        let by_no = lines
            .iter()
            .enumerate()
            .map(|(place, line)| (line.no.as_str(), place));
        Self {
            by_no: by_no.collect(),
            by_sku,
        }
    }
}
