//! Quantities, weights and product numbers, as elements of several segments hold them.

use crossdock_sdk::x12::code::ElementError;
use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{Elements, Fault, Place, Segment, Spec};
use crossdock_sdk::{Decimal, Extras, ItemId, ItemScheme, Problem, Quantity, host};

use super::Context;
use crate::codes;
use crate::wire;

/// Where a segment has its product numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs {
    /// The element of the UPC case code (438), which has no qualifier; 0 where there
    /// is none.
    pub(crate) case_code: u16,
    /// The elements of the qualifiers (235); the numbers follow them.
    pub(crate) qualifiers: &'static [usize],
}

impl Context<'_> {
    /// A quantity whose unit is element `unit` of the segment.
    ///
    /// # Errors
    /// [`ElementError::ConditionalMissing`] when there is no unit and none to assume.
    pub(crate) fn quantity(
        &mut self,
        segment: &Segment<'_>,
        value: Decimal,
        unit: Spec,
        element: usize,
    ) -> Result<Quantity, Fault> {
        let raw = segment.trimmed(element);
        if raw.is_empty() {
            let Some(unit) = self.config.default_unit else {
                let elements = Elements::new(segment, &mut self.notes);
                let text = "a quantity without a unit means nothing; `default-unit` can be set for the partner";
                return Err(elements.fault(unit, ElementError::ConditionalMissing, text));
            };
            return Ok(Quantity::new(value, unit));
        }
        let unit = self.unit_of(segment, &text(raw), element);
        Ok(Quantity::new(value, unit))
    }

    /// The canonical unit of an element 355; refused, and empty, where none is known.
    pub(crate) fn unit_of(&mut self, segment: &Segment<'_>, code: &str, element: usize) -> String {
        if let Some((known, unit)) = &self.unit
            && known == code
        {
            return unit.clone();
        }
        match self.config.unit(code) {
            Some(unit) => {
                self.unit = Some((code.to_owned(), unit.clone()));
                unit
            }
            None => {
                self.refuse_unit(segment, code, element);
                String::new()
            }
        }
    }

    /// The same where the standard lets the unit be absent: then the settings say what
    /// it is, or are to blame that nobody does.
    ///
    /// # Errors
    /// None.
    pub(crate) fn quantity_or_default(
        &mut self,
        segment: &Segment<'_>,
        value: Decimal,
        unit: Spec,
        element: usize,
    ) -> Result<Quantity, Fault> {
        if segment.trimmed(element).is_empty() && self.config.default_unit.is_none() {
            self.refuse_without_unit(segment.place_of(element));
            return Ok(Quantity::new(value, ""));
        }
        self.quantity(segment, value, unit, element)
    }

    /// Refuses a quantity without a unit where the standard allows it.
    pub(crate) fn refuse_without_unit(&mut self, place: Place) {
        let text = "a quantity without a unit, which the standard allows; which one it has is not agreed on";
        let problem = Problem::settings("unit-missing", text)
            .at(wire::place(&place))
            .with_remedy("set `default-unit` for the partner");
        self.refuse(problem);
    }

    fn refuse_unit(&mut self, segment: &Segment<'_>, code: &str, element: usize) {
        let text = format!("no canonical unit is known for the partner's unit {code}");
        let problem = Problem::settings("unit-unmapped", text)
            .at(wire::place(&segment.place_of(element)))
            .with_value(code)
            .with_remedy(format!(
                "set `unit.{code}` for the partner, or {}",
                host::add_a_row("unit")
            ));
        self.refuse(problem);
    }

    /// A weight in the one-letter units of element 188. Absent, and among the extras,
    /// when the unit is none that is known.
    pub(crate) fn weight(
        &mut self,
        segment: &Segment<'_>,
        extras: &mut Extras,
        weight: Spec,
        at: usize,
    ) -> Result<Option<Quantity>, Fault> {
        if !segment.has(at) {
            return Ok(None);
        }
        let Some(value) = self.elements(segment).decimal(weight)? else {
            return Ok(None);
        };
        // The qualifier, gross where it says nothing else.
        if segment.trimmed(at + 1) != b"G" {
            wire::keep(extras, segment, at + 1);
        }
        let unit = text(segment.trimmed(at + 2));
        if let Some(unit) = codes::weight_unit(&unit) {
            return Ok(Some(Quantity::new(wire::exact(value), unit)));
        }
        let spec = Spec::at((at + 2) as u16).reference(188);
        let (error, text) = if unit.is_empty() {
            (
                ElementError::ConditionalMissing,
                "a weight without a unit; kept among the extras",
            )
        } else {
            (
                ElementError::InvalidCode,
                "unknown weight unit; kept among the extras",
            )
        };
        self.note_element(segment, spec, error, text);
        wire::keep(extras, segment, at);
        wire::keep(extras, segment, at + 2);
        Ok(None)
    }

    /// A product number from a pair of qualifier (235) and number (234).
    ///
    /// # Errors
    /// When the qualifier is too long to be one: then the elements are shifted, and
    /// nobody can say which is which.
    pub(crate) fn item(
        &mut self,
        segment: &Segment<'_>,
        items: &mut Vec<ItemId>,
        extras: &mut Extras,
        qualifier: usize,
    ) -> Result<(), Fault> {
        if !segment.has(qualifier) && !segment.has(qualifier + 1) {
            return Ok(());
        }
        let spec = Spec::at(qualifier as u16).reference(235);
        let number = Spec::at(qualifier as u16 + 1).reference(234);
        let (mut elements, config) = (Elements::new(segment, &mut self.notes), self.config);
        let value = elements.optional(number)?;
        let Some(code) = elements.optional(spec)? else {
            if let Some(value) = value {
                let text = "a product number without its qualifier; kept";
                elements.remark(spec, ElementError::ConditionalMissing, text);
                items.push(ItemId::new(ItemScheme::Other(String::new()), value));
            }
            return Ok(());
        };
        if code.chars().count() != 2 {
            let text = "a qualifier has two characters; the elements seem to be shifted";
            return Err(elements.fault(spec, ElementError::TooLong, text));
        }
        let Some(value) = value else {
            let text = "a qualifier without its product number; kept among the extras";
            elements.remark(number, ElementError::ConditionalMissing, text);
            wire::keep(extras, segment, qualifier);
            return Ok(());
        };
        let (scheme, is_first) = config.item_scheme(&code);
        if !is_first {
            wire::keep(extras, segment, qualifier);
        }
        items.push(ItemId::new(scheme, value));
        Ok(())
    }

    /// A UPC case code (438), which has no qualifier.
    pub(crate) fn case_code(
        &mut self,
        segment: &Segment<'_>,
        items: &mut Vec<ItemId>,
        element: u16,
    ) -> Result<(), Fault> {
        if !segment.has(usize::from(element)) {
            return Ok(());
        }
        let spec = Spec::at(element).reference(438).length(12, 12);
        if let Some(code) = self.elements(segment).optional(spec)? {
            items.push(ItemId::new(ItemScheme::UpcCase, code));
        }
        Ok(())
    }

    /// All product numbers of a line, and the lot where one of the pairs tells it
    /// (qualifier `LT` or `B8`).
    ///
    /// # Errors
    /// As [`Context::item`]; also without any number, or where nothing says what kind
    /// of number the only one is.
    pub(crate) fn numbers(
        &mut self,
        segment: &Segment<'_>,
        pairs: Pairs,
        extras: &mut Extras,
    ) -> Result<(Vec<ItemId>, Option<String>), Fault> {
        let told = |element: &&usize| segment.has(**element) || segment.has(**element + 1);
        let count = pairs.qualifiers.iter().filter(told).count();
        let case_code = pairs.case_code > 0 && segment.has(pairs.case_code.into());
        let mut items = Vec::with_capacity(count + usize::from(case_code));
        if pairs.case_code > 0 {
            self.case_code(segment, &mut items, pairs.case_code)?;
        }
        for qualifier in pairs.qualifiers {
            self.item(segment, &mut items, extras, *qualifier)?;
        }
        let lot = take_lot(&mut items);
        let unnamed = |item: &ItemId| item.scheme == ItemScheme::Other(String::new());
        if !items.iter().all(unnamed) {
            return Ok((items, lot));
        }
        let first = pairs.qualifiers.first().copied().unwrap_or_default();
        let id = text(segment.id());
        let text = match &items[..] {
            [] if pairs.case_code > 0 => format!(
                "a line needs a case code ({}) or a product number ({} and -{:02})",
                wire::element_name(&id, pairs.case_code.into()),
                wire::element_name(&id, first),
                first + 1,
            ),
            [] => format!(
                "a line needs a product number ({} and -{:02})",
                wire::element_name(&id, first),
                first + 1,
            ),
            [only, ..] => format!("nothing says what kind of number {} is", only.value),
        };
        let (element, reference) = match pairs.case_code {
            case_code @ 1.. if items.is_empty() => (case_code, 438),
            _ => (first as u16, 235),
        };
        let spec = Spec::at(element).reference(reference);
        let error = ElementError::ConditionalMissing;
        Err(Elements::new(segment, &mut self.notes).fault(spec, error, text))
    }
}

/// Takes the lot from among the numbers, if one of them is a lot's.
fn take_lot(items: &mut Vec<ItemId>) -> Option<String> {
    let is_lot = |item: &ItemId| match &item.scheme {
        ItemScheme::Other(code) => codes::LOTS.contains(&code.as_str()),
        _ => false,
    };
    let at = items.iter().position(is_lot)?;
    Some(items.remove(at).value)
}
