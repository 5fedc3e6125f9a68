//! BLI and what follows it: one item that may come back.

use crossdock_sdk::x12::code::ElementError;
use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{Fault, Place, Segment, Spec};
use crossdock_sdk::{Decimal, Disposition, Money, Quantity, ReturnLine, ReturnReason, ReturnState};

use crate::codes;
use crate::decode::context::{Context, Pairs};
use crate::wire::{self, exact};

const QUANTITY: Spec = Spec::at(3).reference(380);
const UNIT: Spec = Spec::at(4).reference(355).length(2, 2);

const PAIRS: Pairs = Pairs {
    case_code: 0,
    qualifiers: &[1, 8, 10, 12],
};

/// Between words of RDR-04.
pub(crate) const WORDS_SEPARATOR: &str = ", ";

/// A line with what is settled only when all of it was read.
pub(super) struct Line {
    pub(super) line: ReturnLine,
    pub(super) place: Place,
    /// What the sender calls the line.
    pub(super) number: Option<String>,
    /// What RDR-01 says of the whole return.
    pub(super) state: Option<ReturnState>,
    /// BLI-03, else QTY.
    quantity: Option<Quantity>,
    reason: Option<ReturnReason>,
    /// Whether a QTY was read, so that what follows is of single units.
    in_units: bool,
}

// === impl Line ===

impl Line {
    /// Reads BLI.
    ///
    /// # Errors
    /// As the elements'; also without a product number.
    pub(super) fn read(segment: &Segment<'_>, context: &mut Context<'_>) -> Result<Self, Fault> {
        let mut this = Self::unreadable(segment);
        let extras = &mut this.line.extras;
        let mut bli = context.elements(segment);
        let quantity = bli.decimal(QUANTITY)?;
        let price = bli.decimal(Spec::at(6).reference(212))?;
        let (items, lot) = context.numbers(segment, PAIRS, extras)?;
        extras.extend(lot.map(|lot| ("N9*LT".to_owned(), lot)));
        if let Some(quantity) = quantity {
            let quantity = context.quantity_or_default(segment, exact(quantity), UNIT, 4)?;
            this.quantity = Some(quantity);
        } else {
            wire::keep(extras, segment, 4);
        }
        this.line.items = items;
        let currency = context.config.currency;
        this.line.unit_price = price.map(|price| Money::new(exact(price), currency));
        for element in [5, 7] {
            wire::keep(extras, segment, element);
        }
        wire::keep_from(extras, segment, 14);
        Ok(this)
    }

    /// What stands for a line that could not be read, so that its segments find it.
    pub(super) fn unreadable(segment: &Segment<'_>) -> Self {
        let nothing = Quantity::new(Decimal::ZERO, "");
        Self {
            line: ReturnLine::new("", Vec::new(), nothing, ReturnReason::Other(String::new())),
            place: segment.place(),
            number: None,
            state: None,
            quantity: None,
            reason: None,
            in_units: false,
        }
    }

    /// Reads what has a field of its own; false for any other segment.
    ///
    /// # Errors
    /// As the elements'.
    pub(super) fn take(
        &mut self,
        segment: &Segment<'_>,
        context: &mut Context<'_>,
    ) -> Result<bool, Fault> {
        match segment.id() {
            b"N9" | b"REF" => self.refer(segment, context)?,
            b"RDR" => self.verdict(segment, context)?,
            // Only counts the single units.
            b"LX" => wire::keep_from(&mut self.line.extras, segment, 2),
            b"QTY" if self.quantity.is_none() => self.count(segment, context)?,
            b"QTY" => {
                self.in_units = true;
                let counted = exact_count(segment, context)?;
                let known = self.quantity.as_ref().map(|quantity| quantity.value);
                // The same again only says that single units follow.
                if counted
                    .zip(known)
                    .is_none_or(|(counted, known)| !counted.is_equal(known))
                {
                    wire::keep_qualified(&mut self.line.extras, segment);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn refer(&mut self, segment: &Segment<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        let extras = &mut self.line.extras;
        let known = extras.len();
        let Some(reference) = context.reference(segment, extras)? else {
            return Ok(());
        };
        let plain = reference.description.is_none() && !reference.value.is_empty();
        let qualifier = reference.qualifier.as_str();
        let is_number = qualifier == context.config.line_qualifier && !self.in_units;
        if plain && is_number && self.number.is_none() {
            self.number = Some(reference.value);
        } else if plain && qualifier == "SE" {
            self.line.serials.push(reference.value);
        } else {
            extras.truncate(known);
            wire::keep_qualified(extras, segment);
        }
        Ok(())
    }

    fn count(&mut self, segment: &Segment<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        self.in_units = true;
        let Some(value) = exact_count(segment, context)? else {
            wire::keep_qualified(&mut self.line.extras, segment);
            return Ok(());
        };
        let code = text(segment.component(3, 1).trim_ascii()).into_owned();
        let unit = match code.as_str() {
            "" => None,
            code => Some(context.unit_of(segment, code, 3)),
        };
        let unit = unit.or_else(|| context.config.default_unit.map(str::to_owned));
        match unit {
            Some(unit) => self.quantity = Some(Quantity::new(value, unit)),
            None => context.refuse_without_unit(segment.place_of(3)),
        }
        Ok(())
    }

    /// RDR of the item: what shall become of it, and why it comes back.
    fn verdict(&mut self, segment: &Segment<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        let line = &mut self.line;
        let mut rdr = context.elements(segment);
        let code = rdr.optional(Spec::at(1).reference(1292).length(2, 2))?;
        let reason = rdr.optional(Spec::at(2).reference(1293).length(2, 2))?;
        let words = rdr.optional(Spec::at(4).reference(352).length(1, 80))?;
        if let Some(code) = code {
            self.state = codes::return_state(&code);
            if self.state.is_none() {
                line.expected_disposition = Some(codes::read(&code));
            }
            if self.state.is_some() || !codes::is_first::<Disposition>(&code) {
                wire::keep(&mut line.extras, segment, 1);
            }
        }
        if let Some(reason) = reason {
            self.reason = Some(codes::read(&reason));
            if !codes::is_first::<ReturnReason>(&reason) {
                wire::keep(&mut line.extras, segment, 2);
            }
        }
        wire::keep(&mut line.extras, segment, 3);
        let words = words.unwrap_or_default();
        if !words.is_empty() && !self.understand(&words) {
            wire::keep(&mut self.line.extras, segment, 4);
        }
        wire::keep_from(&mut self.line.extras, segment, 5);
        Ok(())
    }

    /// Takes the words by which writing says what has no code; false where any of them
    /// is another one.
    fn understand(&mut self, words: &str) -> bool {
        let (mut reason, mut disposition) = (None, None);
        for word in words.split(WORDS_SEPARATOR) {
            if word == REFUSED && self.reason.is_none() {
                reason = Some(ReturnReason::Refused);
            } else if let Some(known) = disposition_of(word)
                && self.line.expected_disposition.is_none()
            {
                disposition = Some(known);
            } else {
                return false;
            }
        }
        self.reason = reason.or(self.reason.take());
        let known = &mut self.line.expected_disposition;
        *known = disposition.or(known.take());
        true
    }

    /// Settles what needs the whole line, and what the header says for all lines.
    pub(super) fn settle(
        &mut self,
        reason: Option<&ReturnReason>,
        state: &ReturnState,
        context: &mut Context<'_>,
    ) {
        if let Some(reason) = self.reason.take().or_else(|| reason.cloned()) {
            self.line.reason = reason;
        }
        // The same as of the whole return says no more.
        let told = codes::state_code(state);
        self.line
            .extras
            .retain(|(name, code)| name != "RDR-01" || Some(code.as_str()) != told);
        self.line.quantity = match self.quantity.take() {
            Some(quantity) => quantity,
            None => self.assumed(context),
        };
        let serials = Decimal::whole(self.line.serials.len() as u32);
        if serials.compare(self.line.quantity.value).is_gt() {
            let text = format!(
                "{serials} serial numbers of {} units; kept",
                self.line.quantity.value
            );
            context.remark("serials-mismatch", text, self.place);
        }
    }

    /// A quantity where none is told, which the standard allows: that of the units
    /// named, or one.
    fn assumed(&self, context: &mut Context<'_>) -> Quantity {
        let unit = context.config.default_unit.unwrap_or("EA");
        let place = self.place.element(3);
        if !context.config.assume_return_quantity {
            let text = "neither BLI-03 nor QTY says how many may come back";
            let fault = crossdock_sdk::x12::Finding::new(
                crossdock_sdk::x12::Severity::Reject,
                ElementError::ConditionalMissing,
                place,
                text,
            );
            context.fault(fault.with_reference(380));
            return Quantity::new(Decimal::ZERO, unit);
        }
        let count = self.line.serials.len().max(1) as u32;
        let text = format!("neither BLI-03 nor QTY says how many may come back; {count} was taken");
        context.remark("quantity-assumed", text, place);
        Quantity::new(Decimal::whole(count), unit)
    }
}

/// QTY-02.
fn exact_count(segment: &Segment<'_>, context: &mut Context<'_>) -> Result<Option<Decimal>, Fault> {
    let mut qty = context.elements(segment);
    qty.required(Spec::at(1).reference(673).length(2, 2))?;
    Ok(qty.decimal(Spec::at(2).reference(380))?.map(exact))
}

const REFUSED: &str = "REFUSED";

/// The words of a disposition that has no code.
pub(crate) fn disposition_words(disposition: &Disposition) -> Option<&'static str> {
    match disposition {
        Disposition::Restock => Some("RESTOCK"),
        Disposition::Hold => Some("HOLD"),
        Disposition::Missing => Some("MISSING"),
        _ => None,
    }
}

/// The words of a reason that has no code.
pub(crate) fn reason_words(reason: &ReturnReason) -> Option<&'static str> {
    (*reason == ReturnReason::Refused).then_some(REFUSED)
}

fn disposition_of(word: &str) -> Option<Disposition> {
    [
        Disposition::Restock,
        Disposition::Hold,
        Disposition::Missing,
    ]
    .into_iter()
    .find(|disposition| disposition_words(disposition) == Some(word))
}
