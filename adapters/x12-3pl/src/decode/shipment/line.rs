//! W12 and what follows it: one shipped line.

use crossdock_sdk::x12::code::ElementError;
use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{self, Fault, Place, Segment, Spec};
use crossdock_sdk::{
    Decimal, Extras, ItemId, ItemScheme, Lot, LotQuantity, Moment, Quantity, ShipmentLine,
    ShipmentStatus,
};

use super::in_unit_of;
use crate::codes;
use crate::decode::context::Context;
use crate::wire::{self, exact};

const STATUS: Spec = Spec::at(1).reference(368).length(2, 2);
const ORDERED: Spec = Spec::at(2).reference(330);
const SHIPPED: Spec = Spec::at(3).reference(382);
const DIFFERENCE: Spec = Spec::at(4).reference(383);
const UNIT: Spec = Spec::at(5).reference(355);
const CASE_CODE: Spec = Spec::at(6).reference(438);
const LOT: Spec = Spec::at(9).reference(451);
const WEIGHT: Spec = Spec::at(10).reference(81);
const REASON: Spec = Spec::at(19).reference(892);

/// A line with what is settled only when all of it was read.
pub(crate) struct Line<'a> {
    pub(crate) line: ShipmentLine,
    pub(crate) place: Place,
    /// The order's line number, where something numbers it.
    pub(crate) number: Option<String>,
    /// Licence plates (N9*LV) with the quantity on each, where it is told.
    pub(crate) plates: Vec<(&'a [u8], Option<Decimal>)>,
    dates: Vec<LotDate>,
}

/// A date that belongs to a lot.
struct LotDate {
    expiry: bool,
    moment: Moment,
    /// Lots that were read before it.
    lots: usize,
    /// Whether the segment before it was the last of those.
    adjacent: bool,
    ordinal: u32,
}

// === impl Line ===

impl<'a> Line<'a> {
    /// Reads W12.
    ///
    /// # Errors
    /// As the elements'; also without a product number, or without the quantity that
    /// left where nothing says what it was.
    pub(crate) fn read(segment: &Segment<'a>, context: &mut Context<'_>) -> Result<Self, Fault> {
        let mut w12 = context.elements(segment);
        let code = w12.required(STATUS)?;
        let ordered = w12.decimal(ORDERED)?.map(exact);
        let shipped = w12.decimal(SHIPPED)?.map(exact);
        let difference = w12.decimal(DIFFERENCE)?.map(exact);
        let status: ShipmentStatus = codes::read(&code);
        let shipped = match shipped {
            Some(shipped) => shipped,
            None => deduce(segment, &status, ordered, difference, context)?,
        };
        let mut items = Vec::with_capacity(2);
        let mut extras = Vec::new();
        read_items(segment, (&mut items, &mut extras), context)?;
        let shipped = context.quantity(segment, shipped, UNIT, 5)?;
        let mut line = ShipmentLine {
            extras,
            ..ShipmentLine::new("", shipped, status, items)
        };
        if !codes::is_first::<ShipmentStatus>(&code) {
            wire::keep(&mut line.extras, segment, 1);
        }
        line.ordered = ordered.map(|ordered| in_unit_of(ordered, &line.shipped));
        read_difference(segment, difference, &mut line, context);
        if segment.has(9) || segment.has(19) {
            let mut w12 = context.elements(segment);
            if let Some(number) = w12.optional(LOT)? {
                line.lots.push(LotQuantity::new(Lot::new(number), None));
            }
            line.reason = w12.optional(REASON)?.map(|reason| reason.into_owned());
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
        Ok(Self {
            line,
            ..Self::unreadable(segment)
        })
    }

    /// What stands for a line that could not be read, so that its segments find it.
    pub(crate) fn unreadable(segment: &Segment<'a>) -> Self {
        let nothing = Quantity::new(Decimal::ZERO, "");
        Self {
            line: ShipmentLine::new("", nothing, ShipmentStatus::Complete, Vec::new()),
            place: segment.place(),
            number: None,
            plates: Vec::new(),
            dates: Vec::new(),
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
            .required(Spec::at(1).reference(369).length(1, 45))?;
        match &mut self.line.description {
            Some(description) => {
                description.push(' ');
                description.push_str(&words);
            }
            none => *none = Some(words.into_owned()),
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
            self.add_lot(reference.value, amount);
        } else if qualifier == "SE" && told.is_none() {
            self.line.serials.push(reference.value);
        } else if qualifier == "LV" && plain && !reference.value.is_empty() {
            self.plates.push((segment.element(2).trim_ascii(), amount));
        } else {
            self.line.references.push(reference);
        }
        Ok(())
    }

    /// A lot, unless W12-09 named it already.
    fn add_lot(&mut self, number: String, amount: Option<Decimal>) {
        let quantity = amount.map(|amount| in_unit_of(amount, &self.line.shipped));
        match self
            .line
            .lots
            .iter_mut()
            .find(|known| known.lot.number == number)
        {
            Some(known) => known.quantity = known.quantity.take().or(quantity),
            None => self
                .line
                .lots
                .push(LotQuantity::new(Lot::new(number), quantity)),
        }
    }

    /// Reads G62: 36 expires, 94 was made; any other date goes to the extras.
    pub(crate) fn date(
        &mut self,
        segment: &Segment<'a>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        let (qualifier, moment) = context.date(segment)?;
        let expiry = match qualifier {
            b"36" => true,
            b"94" => false,
            _ => {
                wire::keep_qualified(&mut self.line.extras, segment);
                return Ok(());
            }
        };
        let Some(moment) = moment else {
            wire::keep_qualified(&mut self.line.extras, segment);
            return Ok(());
        };
        let lots = self.line.lots.len();
        let before = self.dates.last();
        let adjacent = before.is_none_or(|before| {
            before.lots != lots || (before.adjacent && before.ordinal + 1 == segment.ordinal())
        });
        self.dates.push(LotDate {
            expiry,
            moment,
            lots,
            adjacent,
            ordinal: segment.ordinal(),
        });
        Ok(())
    }

    /// Settles what needs the whole line.
    pub(crate) fn settle(&mut self, context: &mut Context<'_>) {
        if self.dates.is_empty() {
            return;
        }
        let dates = std::mem::take(&mut self.dates);
        for expiry in [true, false] {
            let these: Vec<&LotDate> = dates.iter().filter(|date| date.expiry == expiry).collect();
            self.settle_dates(&these, expiry, context);
        }
    }

    /// Gives the dates of one kind to the lots: one each in order, or each to the lot
    /// that stands right before it. A date that could belong to several lots is kept
    /// among the extras.
    fn settle_dates(&mut self, dates: &[&LotDate], expiry: bool, context: &mut Context<'_>) {
        let lots = self.line.lots.len();
        for (index, date) in dates.iter().enumerate() {
            let one_each = dates.len() == lots;
            let after_each = date.adjacent && (date.lots == 1 || self.is_interleaved(dates));
            let target = if one_each {
                Some(index)
            } else if after_each {
                date.lots.checked_sub(1)
            } else {
                None
            };
            let day = date.moment.text.get(..10).unwrap_or_default().to_owned();
            let lot = target.and_then(|target| self.line.lots.get_mut(target));
            let place = lot.map(|known| {
                if expiry {
                    &mut known.lot.expiry
                } else {
                    &mut known.lot.manufactured
                }
            });
            match place {
                Some(place @ None) => *place = Some(day),
                _ => {
                    let name = if expiry { "G62*36" } else { "G62*94" };
                    self.line.extras.push((name.to_owned(), day));
                    if lots > 1 {
                        let text = format!(
                            "{name} could belong to any of {lots} lots; kept among the extras"
                        );
                        context.remark("lot-date-ambiguous", text, self.place);
                    }
                }
            }
        }
    }

    /// Whether the dates stand between the lots rather than behind all of them.
    fn is_interleaved(&self, dates: &[&LotDate]) -> bool {
        dates.iter().any(|date| date.lots < self.line.lots.len())
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
    (items, extras): (&mut Vec<ItemId>, &mut Extras),
    context: &mut Context<'_>,
) -> Result<(), Fault> {
    context.case_code(segment, items, 6)?;
    context.item(segment, items, extras, 7)?;
    if segment.element(1).trim_ascii() == b"IS" {
        for element in [16, 17, 18] {
            wire::keep(extras, segment, element);
        }
    } else {
        context.case_code(segment, items, 16)?;
        context.item(segment, items, extras, 17)?;
    }
    context.item(segment, items, extras, 21)?;
    if items.is_empty() {
        let text = "a line needs a case code (W12-06) or a product number (W12-07 and -08)";
        let elements = context.elements(segment);
        return Err(elements.fault(CASE_CODE, ElementError::ConditionalMissing, text));
    }
    let unnamed = |item: &ItemId| item.scheme == ItemScheme::Other(String::new());
    if items.iter().all(unnamed) {
        let found = text(segment.element(8));
        let text = format!("nothing says what kind of number {found} is");
        let spec = Spec::at(7).reference(235);
        let elements = context.elements(segment);
        return Err(elements.fault(spec, ElementError::ConditionalMissing, text));
    }
    Ok(())
}
