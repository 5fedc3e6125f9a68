//! W01 and what follows it: one line of an order.

use crossdock_sdk::x12::{Fault, Place, Segment, Spec};
use crossdock_sdk::{Decimal, Extras, Lot, Money, OrderLine, Quantity};

use crate::decode::context::{Context, Pairs};
use crate::wire::{self, exact};

/// Unit of a pack (W20-01), which has none in X12: it counts pieces.
pub(crate) const PACK_UNIT: &str = "EA";

const UNIT: Spec = Spec::at(2).reference(355).length(2, 2);

const PAIRS: Pairs = Pairs {
    case_code: 3,
    qualifiers: &[4, 6, 15],
};

/// A line with what is settled only when all of it was read.
pub(crate) struct Line {
    pub(crate) line: OrderLine,
    place: Place,
    /// LX-01.
    loop_number: String,
    /// What the depositor calls the line.
    number: Option<String>,
}

// === impl Line ===

impl Line {
    /// Reads W01.
    ///
    /// # Errors
    /// As the elements'; also without a product number.
    pub(crate) fn read(
        segment: &Segment<'_>,
        loop_number: String,
        context: &mut Context<'_>,
    ) -> Result<Self, Fault> {
        let mut w01 = context.elements(segment);
        let ordered = w01.required_decimal(Spec::at(1).reference(330))?;
        w01.required(UNIT)?;
        let quantity = context.quantity(segment, exact(ordered), UNIT, 2)?;
        let mut extras = Extras::new();
        let (items, lot) = context.numbers(segment, PAIRS, &mut extras)?;
        let mut line = OrderLine {
            extras,
            ..OrderLine::new("", quantity, items)
        };
        let mut w01 = context.elements(segment);
        let own = w01.optional(Spec::at(13).reference(451))?;
        line.lot_required = own.map(Lot::new).or_else(|| lot.map(Lot::new));
        for element in [8, 9, 10, 11, 12, 14] {
            wire::keep(&mut line.extras, segment, element);
        }
        wire::keep_from(&mut line.extras, segment, 17);
        Ok(Self {
            line,
            loop_number,
            ..Self::unreadable(segment)
        })
    }

    /// What stands for a line that could not be read, so that its segments find it.
    pub(crate) fn unreadable(segment: &Segment<'_>) -> Self {
        Self {
            line: OrderLine::new("", Quantity::new(Decimal::ZERO, ""), Vec::new()),
            place: segment.place(),
            loop_number: String::new(),
            number: None,
        }
    }

    /// Reads a segment that follows W01.
    ///
    /// # Errors
    /// As the elements'.
    pub(crate) fn take(
        &mut self,
        segment: &Segment<'_>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        match segment.id() {
            b"G69" => self.describe(segment, context),
            b"N9" => self.refer(segment, context),
            b"NTE" => {
                let OrderLine { notes, extras, .. } = &mut self.line;
                context.remark_text(segment, notes, extras)
            }
            b"W20" => self.pack(segment, context),
            b"AMT" => self.amount(segment, context),
            b"G62" => self.date(segment, context),
            _ => {
                wire::keep_from(&mut self.line.extras, segment, 1);
                Ok(())
            }
        }
    }

    fn describe(&mut self, segment: &Segment<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        let words = context
            .elements(segment)
            .expected(Spec::at(1).reference(369).length(1, 45))?
            .unwrap_or_default();
        match &mut self.line.description {
            Some(description) if !words.is_empty() => {
                description.push(' ');
                description.push_str(&words);
            }
            none if !words.is_empty() => *none = Some(words.into_owned()),
            _ => {}
        }
        wire::keep_from(&mut self.line.extras, segment, 2);
        Ok(())
    }

    fn refer(&mut self, segment: &Segment<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        let Some(reference) = context.reference(segment, &mut self.line.extras)? else {
            return Ok(());
        };
        let plain = reference.description.is_none() && !reference.value.is_empty();
        let qualifier = reference.qualifier.as_str();
        if plain && qualifier == context.config.line_qualifier && self.number.is_none() {
            self.number = Some(reference.value);
        } else if plain && qualifier == "LT" && self.line.lot_required.is_none() {
            self.line.lot_required = Some(Lot::new(reference.value));
        } else {
            self.line.references.push(reference);
        }
        Ok(())
    }

    fn pack(&mut self, segment: &Segment<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        let pack = context
            .elements(segment)
            .implied(Spec::at(1).reference(356), 0)?;
        match pack {
            Some(pack) if self.line.pack_size.is_none() => {
                self.line.pack_size = Some(Quantity::new(exact(pack), PACK_UNIT));
            }
            _ => wire::keep(&mut self.line.extras, segment, 1),
        }
        for element in [2, 3, 7] {
            wire::keep(&mut self.line.extras, segment, element);
        }
        let weight = Spec::at(4).reference(81);
        let weight = context.weight(segment, &mut self.line.extras, weight, 4)?;
        if weight.is_some() {
            self.line.weight = weight;
        }
        wire::keep_from(&mut self.line.extras, segment, 8);
        Ok(())
    }

    fn amount(&mut self, segment: &Segment<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        let config = context.config;
        let mut amt = context.elements(segment);
        let qualifier = amt.required(Spec::at(1).reference(522).length(1, 3))?;
        let amount = amt.required_decimal(Spec::at(2).reference(782))?;
        if config.price_qualifier == Some(&*qualifier) && self.line.unit_price.is_none() {
            self.line.unit_price = Some(Money::new(exact(amount), config.currency));
            wire::keep_from(&mut self.line.extras, segment, 3);
        } else {
            wire::keep_qualified(&mut self.line.extras, segment);
        }
        Ok(())
    }

    fn date(&mut self, segment: &Segment<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        let (qualifier, moment) = context.date(segment)?;
        let lot = self.line.lot_required.as_mut();
        let place = match (qualifier, lot) {
            (b"36", Some(lot)) => &mut lot.expiry,
            (b"94", Some(lot)) => &mut lot.manufactured,
            _ => {
                wire::keep_qualified(&mut self.line.extras, segment);
                return Ok(());
            }
        };
        match moment {
            Some(moment) if place.is_none() && moment.text.len() == 10 => {
                *place = Some(moment.text);
            }
            _ => wire::keep_qualified(&mut self.line.extras, segment),
        }
        Ok(())
    }

    /// Gives every line its number: what the depositor calls it; else LX-01 where no
    /// other line has it; else its count behind a `#`.
    pub(crate) fn number(lines: &mut [Self], context: &mut Context<'_>) {
        let own = |line: &Self| line.number.as_ref().unwrap_or(&line.loop_number).clone();
        let numbers: Vec<String> = lines.iter().map(own).collect();
        let mut is_single = vec![false; numbers.len()];
        for same in wire::by_number(numbers.len(), &|place| &numbers[place]).iter() {
            if let [only] = same[..] {
                is_single[only] = true;
            }
        }
        for (index, line) in lines.iter_mut().enumerate() {
            line.line.line_no = match line.number.take() {
                Some(number) => number,
                None if !line.loop_number.is_empty() && is_single[index] => {
                    std::mem::take(&mut line.loop_number)
                }
                None => {
                    let number = format!("#{}", index + 1);
                    let text = format!("nothing numbers this line alone; it is called {number}");
                    context.remark("line-number-assumed", text, line.place);
                    number
                }
            };
        }
    }
}
