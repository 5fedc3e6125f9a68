//! LIN and what follows it: the figures of one item.
//!
//! The figures of an item may be told for all of it, per lot, per place (N1) or per
//! store (SDQ). Each place and store becomes a line of its own, so that adding up the
//! lines counts nothing twice: where SDQ only splits a figure that QTY gives in all,
//! that figure goes to the extras.

use crossdock_sdk::x12::code::ElementError;
use crossdock_sdk::x12::{Fault, Place, Segment, Spec};
use crossdock_sdk::{Decimal, Lot, Moment, Quantity, SnapshotLine, Stock, StockKind};

use super::{PER_STORE, filled};
use crate::codes::Figure;
use crate::decode::context::{Context, Pairs};
use crate::wire::{self, exact};

/// LIN-02 to -31.
const PAIRS: Pairs = Pairs {
    case_code: 0,
    qualifiers: &[2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30],
};

/// Pairs of store and quantity in one SDQ.
const STORES: std::ops::Range<usize> = 0..10;

/// A line with what is settled only when all of it was read.
pub(super) struct Line {
    pub(super) line: SnapshotLine,
    pub(super) place: Place,
    /// Whether a figure was left out because the settings say so.
    pub(super) ignored: bool,
    /// The lots of the item, should the figures not name their own.
    lots: Vec<Lot>,
    /// UIT of the item, and DTM that say as of when.
    unit: Option<String>,
    as_of: Option<Moment>,
    entries: Vec<Entry>,
    splits: Vec<Split>,
    /// Places, each with how many figures stood before it.
    locations: Vec<(String, usize)>,
}

/// A QTY with what follows it.
struct Entry {
    kind: StockKind,
    value: Decimal,
    unit: Option<String>,
    lot: Option<Lot>,
    as_of: Option<Moment>,
    place: Place,
}

/// The figure of one store.
struct Split {
    store: String,
    quantity: Quantity,
    place: Place,
}

// === impl Line ===

impl Line {
    /// Reads LIN.
    ///
    /// # Errors
    /// As the elements'; also without a product number.
    pub(super) fn read(segment: &Segment<'_>, context: &mut Context<'_>) -> Result<Self, Fault> {
        let mut this = Self::unreadable(segment);
        let line_no = context
            .elements(segment)
            .optional(Spec::at(1).reference(350).length(1, 20))?;
        this.line.line_no = line_no.map(|number| number.into_owned());
        let (items, lot) = context.numbers(segment, PAIRS, &mut this.line.extras)?;
        this.line.items = items;
        this.lots.extend(lot.map(Lot::new));
        Ok(this)
    }

    /// What stands for a line that could not be read, so that its segments find it.
    pub(super) fn unreadable(segment: &Segment<'_>) -> Self {
        Self {
            line: SnapshotLine::new(Vec::new(), Vec::new()),
            place: segment.place(),
            ignored: false,
            lots: Vec::new(),
            unit: None,
            as_of: None,
            entries: Vec::new(),
            splits: Vec::new(),
            locations: Vec::new(),
        }
    }

    /// Reads QTY of a known kind.
    ///
    /// # Errors
    /// As the elements'; also without a number.
    pub(super) fn figure(
        &mut self,
        segment: &Segment<'_>,
        kind: StockKind,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let spec = Spec::at(2).reference(380);
        let mut qty = context.elements(segment);
        let Some(value) = qty.decimal(spec)? else {
            if segment.has(4) {
                let text = "a figure in words (QTY-04) rather than numbers; kept among the extras";
                qty.remark(spec, ElementError::ConditionalMissing, text);
                wire::keep_qualified(&mut self.line.extras, segment);
                return Ok(());
            }
            return Err(qty.fault(
                spec,
                ElementError::ConditionalMissing,
                "a figure without a number",
            ));
        };
        let unit = filled(segment.component(3, 1));
        let unit = unit.map(|code| context.unit_of(segment, &code, 3));
        self.entries.push(Entry {
            kind,
            value: exact(value),
            unit,
            lot: None,
            as_of: None,
            place: segment.place(),
        });
        // Components behind the unit, and what was said in words.
        if segment.components(3).nth(1).is_some() {
            wire::keep(&mut self.line.extras, segment, 3);
        }
        wire::keep_from(&mut self.line.extras, segment, 4);
        Ok(())
    }

    /// Reads SDQ.
    ///
    /// # Errors
    /// As the elements'.
    pub(super) fn split(
        &mut self,
        segment: &Segment<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let unit = Spec::at(1).reference(355).length(2, 2);
        context.elements(segment).required(unit)?;
        wire::keep(&mut self.line.extras, segment, 2);
        for pair in STORES {
            let (store, quantity) = (3 + 2 * pair, 4 + 2 * pair);
            if !segment.has(store) && !segment.has(quantity) {
                continue;
            }
            let mut sdq = context.elements(segment);
            let store = sdq.required(Spec::at(store as u16).reference(67).length(2, 80))?;
            let value = sdq.required_decimal(Spec::at(quantity as u16).reference(380))?;
            self.splits.push(Split {
                store: store.into_owned(),
                quantity: context.quantity(segment, exact(value), unit, 1)?,
                place: segment.place(),
            });
        }
        wire::keep_from(&mut self.line.extras, segment, 23);
        Ok(())
    }

    /// Reads UIT: the unit of the item, or of the figure that stands before it.
    ///
    /// # Errors
    /// None.
    pub(super) fn unit(
        &mut self,
        segment: &Segment<'_>,
        of_figure: bool,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let entry = self.entries.last_mut().filter(|_| of_figure);
        let place = entry.map_or(&mut self.unit, |entry| &mut entry.unit);
        match filled(segment.component(1, 1)) {
            Some(code) if place.is_none() => *place = Some(context.unit_of(segment, &code, 1)),
            _ => wire::keep(&mut self.line.extras, segment, 1),
        }
        wire::keep_from(&mut self.line.extras, segment, 2);
        Ok(())
    }

    /// Reads DTM: 036 and 208 expire, 094 was made, 007 and 184 are as of when; any
    /// other date goes to the extras.
    ///
    /// # Errors
    /// When date or time is none.
    pub(super) fn date(
        &mut self,
        segment: &Segment<'_>,
        of_figure: bool,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let (qualifier, moment) = context.long_date(segment)?;
        let entry = self.entries.last_mut().filter(|_| of_figure);
        let (as_of, lot) = match entry {
            Some(entry) => (&mut entry.as_of, entry.lot.as_mut()),
            None => (&mut self.as_of, self.lots.last_mut()),
        };
        let day = |moment: &Moment| moment.text.get(..10).map(str::to_owned);
        match (qualifier, moment, lot) {
            (b"007" | b"184", Some(moment), _) if as_of.is_none() => *as_of = Some(moment),
            (b"036" | b"208", Some(moment), Some(lot)) if lot.expiry.is_none() => {
                lot.expiry = day(&moment);
            }
            (b"094", Some(moment), Some(lot)) if lot.manufactured.is_none() => {
                lot.manufactured = day(&moment);
            }
            _ => wire::keep_qualified(&mut self.line.extras, segment),
        }
        Ok(())
    }

    /// Reads REF: a lot (LT) or batch (BT) of the item, or of the figure that stands
    /// before it; any other number goes to the extras.
    ///
    /// # Errors
    /// As the elements'.
    pub(super) fn refer(
        &mut self,
        segment: &Segment<'_>,
        of_figure: bool,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let number = filled(segment.element(2));
        let is_lot = matches!(segment.trimmed(1), b"LT" | b"BT");
        let entry = self.entries.last_mut().filter(|_| of_figure);
        match (number, entry) {
            (Some(number), Some(entry)) if is_lot && entry.lot.is_none() => {
                entry.lot = Some(Lot::new(number));
            }
            (Some(number), None) if is_lot => {
                if self.lots.iter().all(|lot| lot.number != number) {
                    self.lots.push(Lot::new(number));
                }
            }
            _ => {
                let mut rest = Vec::new();
                context.reference(segment, &mut rest)?;
                wire::keep_qualified(&mut self.line.extras, segment);
            }
        }
        Ok(())
    }

    /// Reads N1: the place that the figures behind it are of, or those before it where
    /// none follow.
    ///
    /// # Errors
    /// As the elements'.
    pub(super) fn locate(
        &mut self,
        segment: &Segment<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let mut n1 = context.elements(segment);
        n1.required(Spec::at(1).reference(98).length(2, 3))?;
        let name = n1.optional(Spec::at(2).reference(93).length(1, 60))?;
        let id = n1.optional(Spec::at(4).reference(67).length(2, 80))?;
        let place = id.clone().or_else(|| name.clone());
        if id.is_some() && name.is_some() {
            wire::keep(&mut self.line.extras, segment, 2);
        }
        wire::keep(&mut self.line.extras, segment, 1);
        wire::keep(&mut self.line.extras, segment, 3);
        wire::keep_from(&mut self.line.extras, segment, 5);
        if let Some(place) = place {
            self.locations
                .push((place.into_owned(), self.entries.len()));
        }
        Ok(())
    }

    /// What the figures per store count; absent where there are none.
    ///
    /// # Errors
    /// With the place of the first one where nothing says so: neither the settings nor
    /// a single figure that they would split.
    pub(super) fn kind_per_store(&self, context: &Context<'_>) -> Result<Option<Figure>, Place> {
        let Some(first) = self.splits.first() else {
            return Ok(None);
        };
        if let Some(kind) = context.config.figure(PER_STORE) {
            return Ok(Some(kind));
        }
        match &self.entries[..] {
            [only] => Ok(Some(Figure::Kind(only.kind.clone()))),
            _ => Err(first.place.element(1)),
        }
    }

    /// The lines of the contract.
    pub(super) fn settle(
        &mut self,
        per_store: Option<Figure>,
        context: &mut Context<'_>,
    ) -> Vec<SnapshotLine> {
        let lot = self.only_lot(context);
        if let Some(Figure::Kind(kind)) = &per_store {
            self.take_total(kind, context);
        }
        let mut lines: Vec<SnapshotLine> = Vec::new();
        let count = self.entries.len();
        for (index, entry) in std::mem::take(&mut self.entries).into_iter().enumerate() {
            let location = self.location_of(index, count);
            let unit = entry
                .unit
                .or_else(|| self.unit.clone())
                .or_else(|| context.config.default_unit.map(str::to_owned));
            let Some(unit) = unit else {
                context.refuse_without_unit(entry.place.element(3));
                continue;
            };
            let stock = Stock {
                lot: entry.lot.or_else(|| lot.clone()),
                as_of: entry.as_of.or_else(|| self.as_of.clone()),
                ..Stock::new(entry.kind, Quantity::new(entry.value, unit))
            };
            self.add(&mut lines, location, stock);
        }
        for split in std::mem::take(&mut self.splits) {
            let Some(Figure::Kind(kind)) = &per_store else {
                let value = format!("{} {}", split.store, split.quantity.value);
                self.line.extras.push((PER_STORE.to_owned(), value));
                self.ignored = true;
                continue;
            };
            let stock = Stock {
                lot: lot.clone(),
                as_of: self.as_of.clone(),
                ..Stock::new(kind.clone(), split.quantity)
            };
            self.add(&mut lines, Some(split.store), stock);
        }
        if let Some(first) = lines.first_mut() {
            first.extras = std::mem::take(&mut self.line.extras);
        }
        lines
    }

    /// Adds a figure to the line of its place.
    fn add(&self, lines: &mut Vec<SnapshotLine>, location: Option<String>, stock: Stock) {
        match lines.iter_mut().find(|line| line.location == location) {
            Some(line) => line.stocks.push(stock),
            None => lines.push(SnapshotLine {
                line_no: self.line.line_no.clone(),
                location,
                ..SnapshotLine::new(self.line.items.clone(), vec![stock])
            }),
        }
    }

    /// The lot of all figures that name no other one.
    fn only_lot(&mut self, context: &mut Context<'_>) -> Option<Lot> {
        match &self.lots[..] {
            [] => None,
            [only] => Some(only.clone()),
            several => {
                let text = format!(
                    "{} lots of one item, and nothing says which figure is of which; kept among the extras",
                    several.len()
                );
                context.remark("lots-ambiguous", text, self.place);
                let numbers = several
                    .iter()
                    .map(|lot| ("REF*LT".to_owned(), lot.number.clone()));
                self.line.extras.extend(numbers);
                None
            }
        }
    }

    /// Where a figure is: the place told last before it; or the only place, where it is
    /// told behind all figures.
    fn location_of(&self, index: usize, count: usize) -> Option<String> {
        let before = self.locations.iter().rev().find(|(_, at)| *at <= index);
        match (before, &self.locations[..]) {
            (Some((place, _)), _) => Some(place.clone()),
            (None, [(place, at)]) if *at == count => Some(place.clone()),
            _ => None,
        }
    }

    /// Takes out the figure that the stores split, so that nothing is counted twice;
    /// remarks where they do not add up to it.
    fn take_total(&mut self, kind: &StockKind, context: &mut Context<'_>) {
        let Some(at) = self.entries.iter().position(|entry| entry.kind == *kind) else {
            return;
        };
        let total = self.entries.remove(at);
        let sum = self.splits.iter().try_fold(Decimal::ZERO, |sum, split| {
            sum.checked_add(split.quantity.value).ok()
        });
        if !sum.is_some_and(|sum| sum.is_equal(total.value)) {
            let sum = sum.map_or("more than a number can hold".to_owned(), |sum| {
                sum.to_string()
            });
            let text = format!(
                "QTY-02 says {} in all, the stores (SDQ) add up to {sum}; the stores were taken",
                total.value
            );
            context.remark("total-mismatch", text, total.place.element(2));
        }
        self.line
            .extras
            .push(("QTY-02".to_owned(), total.value.to_string()));
    }
}
