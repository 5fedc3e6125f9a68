//! W07 and what follows it: one received item, with its exceptions.

use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{self, Fault, Place, Segment, Spec};
use crossdock_sdk::{Decimal, Quantity, ReceiptCondition, ReceiptException, ReceiptLine};

use crate::codes;
use crate::decode::context::{Context, Pairs};
use crate::decode::lots::Lots;
use crate::wire::{self, exact};

const UNIT: Spec = Spec::at(2).reference(355).length(2, 2);

const PAIRS: Pairs = Pairs {
    case_code: 3,
    qualifiers: &[4, 6, 10],
};

/// A line with what is settled only when all of it was read.
pub(super) struct Line {
    pub(super) line: ReceiptLine,
    pub(super) place: Place,
    /// What the sender calls the line.
    pub(super) number: Option<String>,
    pub(super) exceptions: Vec<Exception>,
    lots: Lots,
}

/// A W13 with what follows it.
pub(super) struct Exception {
    pub(super) exception: ReceiptException,
    /// The units it is about, where they are named.
    pub(super) serials: Vec<String>,
    place: Place,
}

// === impl Line ===

impl Line {
    /// Reads W07.
    ///
    /// # Errors
    /// As the elements'; also without a product number.
    pub(super) fn read(segment: &Segment<'_>, context: &mut Context<'_>) -> Result<Self, Fault> {
        let mut w07 = context.elements(segment);
        let received = w07.required_decimal(Spec::at(1).reference(413))?;
        w07.required(UNIT)?;
        let received = context.quantity(segment, exact(received), UNIT, 2)?;
        let mut line = Self::unreadable(segment);
        let (items, lot) = context.numbers(segment, PAIRS, &mut line.line.extras)?;
        let own = context
            .elements(segment)
            .optional(Spec::at(8).reference(451))?;
        for number in own.map(|number| number.into_owned()).into_iter().chain(lot) {
            line.lots.add(number, None);
        }
        line.line.items = items;
        line.line.received = received;
        wire::keep(&mut line.line.extras, segment, 9);
        wire::keep_from(&mut line.line.extras, segment, 12);
        Ok(line)
    }

    /// What stands for a line that could not be read, so that its segments find it.
    pub(super) fn unreadable(segment: &Segment<'_>) -> Self {
        Self {
            line: ReceiptLine::new("", Quantity::new(Decimal::ZERO, ""), Vec::new()),
            place: segment.place(),
            number: None,
            exceptions: Vec::new(),
            lots: Lots::default(),
        }
    }

    /// Reads N9 of the item.
    ///
    /// # Errors
    /// As the elements'.
    pub(super) fn refer(
        &mut self,
        segment: &Segment<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let extras = &mut self.line.extras;
        let known = extras.len();
        let Some(reference) = context.reference(segment, extras)? else {
            return Ok(());
        };
        let told = reference.description.as_deref();
        let amount = told
            .and_then(|told| x12::Decimal::parse(told.as_bytes()).ok())
            .map(|amount| Quantity::new(exact(amount), self.line.received.unit.as_str()));
        let plain = told.is_none() || amount.is_some();
        let qualifier = reference.qualifier.as_str();
        if qualifier == context.config.line_qualifier && told.is_none() && self.number.is_none() {
            self.number = Some(reference.value);
        } else if qualifier == "LT" && plain && !reference.value.is_empty() {
            let lot = (reference.value, amount);
            self.lots.add_reference(segment, lot, extras, context)?;
        } else if qualifier == "SE" && told.is_none() {
            self.line.serials.push(reference.value);
        } else {
            extras.truncate(known);
            wire::keep_qualified(extras, segment);
        }
        Ok(())
    }

    /// Reads G62.
    ///
    /// # Errors
    /// As the elements'.
    pub(super) fn date(
        &mut self,
        segment: &Segment<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        self.lots.date(segment, &mut self.line.extras, context)
    }

    /// Reads W13.
    ///
    /// # Errors
    /// As the elements'.
    pub(super) fn except(
        &mut self,
        segment: &Segment<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let mut w13 = context.elements(segment);
        let quantity = w13.required_decimal(Spec::at(1).reference(380))?;
        w13.required(UNIT)?;
        let code = w13.required(Spec::at(3).reference(412).length(2, 2))?;
        let lot = w13.optional(Spec::at(4).reference(451))?;
        let quantity = context.quantity(segment, exact(quantity), UNIT, 2)?;
        let condition: ReceiptCondition = codes::read(&code);
        let extras = &mut self.line.extras;
        if !codes::is_first::<ReceiptCondition>(&code) {
            wire::keep(extras, segment, 3);
        }
        wire::keep_from(extras, segment, 5);
        let exception = ReceiptException {
            lot: lot.map(crossdock_sdk::Lot::new),
            ..ReceiptException::new(condition, quantity)
        };
        self.exceptions.push(Exception {
            exception,
            serials: Vec::new(),
            place: segment.place(),
        });
        Ok(())
    }

    /// Reads N9 of an exception: a serial number, or the words that say more.
    ///
    /// # Errors
    /// As the elements'.
    pub(super) fn refer_exception(
        &mut self,
        segment: &Segment<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let extras = &mut self.line.extras;
        let known = extras.len();
        let Some(reference) = context.reference(segment, extras)? else {
            return Ok(());
        };
        let Some(Exception {
            exception, serials, ..
        }) = self.exceptions.last_mut()
        else {
            return Ok(());
        };
        let plain = reference.description.is_none();
        match reference.qualifier.as_str() {
            // Behind an exception, but of the line all the same.
            qualifier
                if plain && qualifier == context.config.line_qualifier && self.number.is_none() =>
            {
                self.number = Some(reference.value);
            }
            "SE" if plain => serials.push(reference.value),
            "LT" if plain && exception.lot.is_none() => {
                exception.lot = Some(crossdock_sdk::Lot::new(reference.value));
            }
            _ => {
                extras.truncate(known);
                wire::keep_qualified(extras, segment);
                if exception.text.is_none() {
                    exception.text = reference.description;
                }
            }
        }
        Ok(())
    }

    /// Settles what needs the whole line: its lots, what was expected, and whether
    /// the exceptions fit into what came.
    pub(super) fn settle(&mut self, context: &mut Context<'_>) {
        let extras = &mut self.line.extras;
        self.line.lots = self.lots.settle(self.place, extras, context);
        self.line.expected = self.expected();
        let line = &self.line;
        let of_another_unit = |it: &&Exception| it.exception.quantity.unit != line.received.unit;
        if let Some(odd) = self.exceptions.iter().find(of_another_unit) {
            let text = format!(
                "the item is counted in {}, its exception in {}; what was expected can't be told",
                line.received.unit, odd.exception.quantity.unit
            );
            context.remark("exception-unit", text, odd.place);
            return;
        }
        let parts = self.parts().try_fold(Decimal::ZERO, |sum, it| {
            sum.checked_add(it.exception.quantity.value).ok()
        });
        if parts.is_none_or(|parts| parts.compare(line.received.value).is_gt()) {
            let parts = parts.map_or("more".to_owned(), |parts| parts.to_string());
            let text = format!(
                "{} units were received, but its exceptions are about {parts} of them; kept",
                line.received.value
            );
            context.remark("exceptions-mismatch", text, self.place);
        }
    }

    /// The exceptions that are part of what came: all but what is missing.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Exception> {
        let missing = |it: &&Exception| it.exception.condition == ReceiptCondition::Short;
        self.exceptions.iter().filter(move |it| !missing(it))
    }

    /// What was announced, where the exceptions say how much more or less came. Absent
    /// where nothing does.
    fn expected(&self) -> Option<Quantity> {
        let unit = self.line.received.unit.as_str();
        let mut told = false;
        let mut expected = self.line.received.value;
        for Exception { exception, .. } in &self.exceptions {
            let value = exception.quantity.value;
            let changed = match exception.condition {
                ReceiptCondition::Short => expected.checked_add(value),
                ReceiptCondition::Over => expected.checked_sub(value),
                _ => continue,
            };
            if exception.quantity.unit != unit {
                return None;
            }
            expected = changed.ok()?;
            told = true;
        }
        told.then(|| Quantity::new(expected, unit))
    }

    /// How much is in one of these conditions.
    pub(super) fn in_condition(&self, conditions: &[ReceiptCondition]) -> Option<Decimal> {
        let these = self
            .exceptions
            .iter()
            .filter(|it| conditions.contains(&it.exception.condition));
        these
            .map(|it| it.exception.quantity.value)
            .try_fold(Decimal::ZERO, |sum, value| sum.checked_add(value).ok())
    }

    /// The line of the contract.
    pub(super) fn finish(self) -> ReceiptLine {
        let mut line = self.line;
        for Exception {
            exception,
            mut serials,
            ..
        } in self.exceptions
        {
            // They are units of the line; which of them is told by the extras.
            for serial in &serials {
                let code = codes::write(&exception.condition);
                let code = text(code.as_bytes());
                line.extras.push((format!("W13*{code}-SE"), serial.clone()));
            }
            serials.retain(|serial| !line.serials.contains(serial));
            line.serials.append(&mut serials);
            line.exceptions.push(exception);
        }
        line
    }
}
