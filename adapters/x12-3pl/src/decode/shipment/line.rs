//! W12 and what follows it: one shipped line.

use crossdock_sdk::x12::code::ElementError;
use crossdock_sdk::x12::{self, Fault, Place, Segment, Spec};
use crossdock_sdk::{Decimal, Extras, ItemId, Quantity, ShipmentLine, ShipmentStatus};

use super::in_unit_of;
use crate::codes;
use crate::decode::context::{Context, Pairs};
use crate::decode::lots::Lots;
use crate::wire::{self, exact};

const STATUS: Spec = Spec::at(1).reference(368).length(2, 2);
const ORDERED: Spec = Spec::at(2).reference(330);
const SHIPPED: Spec = Spec::at(3).reference(382);
const DIFFERENCE: Spec = Spec::at(4).reference(383);
const UNIT: Spec = Spec::at(5).reference(355);
/// With W12-16 to -18, which name what was ordered instead where the line stands for
/// a substitution.
const PAIRS: Pairs = Pairs {
    case_code: 6,
    qualifiers: &[7, 17, 21],
};
const PAIRS_OF_SUBSTITUTE: Pairs = Pairs {
    case_code: 6,
    qualifiers: &[7, 21],
};
const LOT: Spec = Spec::at(9).reference(451);
const WEIGHT: Spec = Spec::at(10).reference(81);
const REASON: Spec = Spec::at(19).reference(892);

/// What a line's status is called where W12-01 is empty; its quantities still count.
const UNSTATED: &str = "unstated";

/// A line with what is settled only when all of it was read.
pub(crate) struct Line<'a> {
    pub(crate) line: ShipmentLine,
    pub(crate) place: Place,
    /// The order's line number, where something numbers it.
    pub(crate) number: Option<String>,
    /// Licence plates (N9*LV) with the quantity on each, where it is told.
    pub(crate) plates: Vec<(&'a [u8], Option<Decimal>)>,
    lots: Lots,
}

// === impl Line ===

impl<'a> Line<'a> {
    /// Reads W12 into a line that holds nothing yet.
    ///
    /// # Errors
    /// As the elements'; also without a product number, or without the quantity that
    /// left where nothing says what it was.
    pub(crate) fn read(
        &mut self,
        segment: &Segment<'a>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let mut w12 = context.elements(segment);
        let code = w12.expected(STATUS)?;
        let ordered = w12.decimal(ORDERED)?.map(exact);
        let shipped = w12.decimal(SHIPPED)?.map(exact);
        let difference = w12.decimal(DIFFERENCE)?.map(exact);
        let line = &mut self.line;
        line.status = match &code {
            Some(code) => codes::read(code),
            None => ShipmentStatus::Other(UNSTATED.to_owned()),
        };
        let shipped = match shipped {
            Some(shipped) => shipped,
            None => deduce(segment, &line.status, ordered, difference, context)?,
        };
        let (items, lot) = read_items(segment, &mut line.extras, context)?;
        line.items = items;
        line.shipped = context.quantity_or_default(segment, shipped, UNIT, 5)?;
        let is_plain = |code: &str| codes::is_first::<ShipmentStatus>(code);
        if !code.as_deref().is_none_or(is_plain) {
            wire::keep(&mut line.extras, segment, 1);
        }
        line.ordered = ordered.map(|ordered| in_unit_of(ordered, &line.shipped));
        read_difference(segment, difference, line, context);
        if segment.has(9) || segment.has(19) {
            let mut w12 = context.elements(segment);
            if let Some(number) = w12.optional(LOT)? {
                self.lots.add(number.into_owned(), None);
            }
            line.reason = w12.optional(REASON)?.map(|reason| reason.into_owned());
        }
        if let Some(number) = lot {
            self.lots.add(number, None);
        }
        line.weight = context.weight(segment, &mut line.extras, WEIGHT, 10)?;
        for element in [13, 14, 15] {
            wire::keep(&mut line.extras, segment, element);
        }
        wire::keep(&mut line.extras, segment, 20);
        wire::keep_from(&mut line.extras, segment, 23);
        if line.shipped.value.is_negative() {
            let text = format!(
                "{} units left, which is less than none; kept",
                line.shipped.value
            );
            context.remark("quantity-negative", text, segment.place_of(3));
        }
        Ok(())
    }

    /// A line that was not read yet; it stays where that fails, so that its segments
    /// find it.
    pub(crate) fn unread(segment: &Segment<'a>) -> Self {
        let nothing = Quantity::new(Decimal::ZERO, "");
        Self {
            line: ShipmentLine::new("", nothing, ShipmentStatus::Complete, Vec::new()),
            place: segment.place(),
            number: None,
            plates: Vec::new(),
            lots: Lots::default(),
        }
    }

    /// Reads G69.
    pub(crate) fn describe(
        &mut self,
        segment: &Segment<'a>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
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

    /// Reads N9.
    pub(crate) fn refer(
        &mut self,
        segment: &Segment<'a>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let Some(reference) = context.reference(segment, &mut self.line.extras)? else {
            return Ok(());
        };
        let told = reference.description.as_deref();
        let amount = told
            .and_then(|told| x12::Decimal::parse(told.as_bytes()).ok())
            .map(exact);
        let plain = told.is_none() || amount.is_some();
        let qualifier = reference.qualifier.as_str();
        if qualifier == context.config.line_qualifier && told.is_none() && self.number.is_none() {
            self.number = Some(reference.value);
        } else if qualifier == "LT" && plain && !reference.value.is_empty() {
            let quantity = amount.map(|amount| in_unit_of(amount, &self.line.shipped));
            let (lot, extras) = ((reference.value, quantity), &mut self.line.extras);
            self.lots.add_reference(segment, lot, extras, context)?;
        } else if qualifier == "SE" && told.is_none() {
            self.line.serials.push(reference.value);
        } else if qualifier == "LV" && plain && !reference.value.is_empty() {
            self.plates.push((segment.trimmed(2), amount));
        } else {
            self.line.references.push(reference);
        }
        Ok(())
    }

    /// Reads G62.
    pub(crate) fn date(
        &mut self,
        segment: &Segment<'a>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        self.lots.date(segment, &mut self.line.extras, context)
    }

    /// Settles what needs the whole line.
    pub(crate) fn settle(&mut self, context: &mut Context<'_>) {
        let extras = &mut self.line.extras;
        self.line.lots = self.lots.settle(self.place, extras, context);
        check_lots(&self.line, self.place, context);
    }
}

/// What left, where W12-03 does not say.
fn deduce(
    segment: &Segment<'_>,
    status: &ShipmentStatus,
    ordered: Option<Decimal>,
    difference: Option<Decimal>,
    context: &mut Context<'_>,
) -> Result<Decimal, Fault> {
    let shipped = match (status, ordered, difference) {
        (ShipmentStatus::NotShipped, _, _) => Some(Decimal::ZERO),
        (_, Some(ordered), Some(difference)) if !difference.is_negative() => ordered
            .checked_sub(difference)
            .ok()
            .filter(|shipped| !shipped.is_negative()),
        _ => None,
    };
    let Some(shipped) = shipped else {
        let elements = context.elements(segment);
        let text = "nothing says how much left";
        return Err(elements.fault(SHIPPED, ElementError::ConditionalMissing, text));
    };
    let text = format!("W12-03 is empty; by the other elements {shipped} left");
    context.remark("shipped-deduced", text, segment.place_of(3));
    Ok(shipped)
}

/// The contract counts what is short as positive; many warehouses count it as
/// negative. Where ordered and shipped show which of the two it is, the sign is
/// turned and the element kept as it came.
fn read_difference(
    segment: &Segment<'_>,
    difference: Option<Decimal>,
    line: &mut ShipmentLine,
    context: &mut Context<'_>,
) {
    let Some(stated) = difference else { return };
    let mut value = stated;
    if let Some(ordered) = &line.ordered
        && let Ok(actual) = ordered.value.checked_sub(line.shipped.value)
        && !actual.is_equal(stated)
    {
        match stated.checked_neg() {
            Ok(turned) if turned.is_equal(actual) => {
                value = turned;
                wire::keep(&mut line.extras, segment, 4);
            }
            _ => {
                let text = format!(
                    "{} were ordered and {} left, so {actual} are short, but W12-04 says {stated}; kept",
                    ordered.value, line.shipped.value
                );
                context.remark("difference-mismatch", text, segment.place_of(4));
            }
        }
    }
    line.difference = Some(in_unit_of(value, &line.shipped));
}

/// The product numbers. Where the line stands for a substitution (`IS`), the second
/// case code and pair tell what was ordered instead, so they are no numbers of what
/// left.
fn read_items(
    segment: &Segment<'_>,
    extras: &mut Extras,
    context: &mut Context<'_>,
) -> Result<(Vec<ItemId>, Option<String>), Fault> {
    if segment.trimmed(1) == b"IS" {
        for element in [16, 17, 18] {
            wire::keep(extras, segment, element);
        }
        return context.numbers(segment, PAIRS_OF_SUBSTITUTE, extras);
    }
    let (mut items, lot) = context.numbers(segment, PAIRS, extras)?;
    context.case_code(segment, &mut items, 16)?;
    Ok((items, lot))
}

/// Remarks on lots that are not the whole line, where each says how much it is.
fn check_lots(line: &ShipmentLine, place: Place, context: &mut Context<'_>) {
    let sum = line.lots.iter().try_fold(Decimal::ZERO, |sum, lot| {
        sum.checked_add(lot.quantity.as_ref()?.value).ok()
    });
    if let Some(sum) = sum
        && !line.lots.is_empty()
        && !sum.is_equal(line.shipped.value)
    {
        let text = format!(
            "{} units left, but the lots add up to {sum}; both kept",
            line.shipped.value
        );
        context.remark("lots-mismatch", text, place);
    }
}
