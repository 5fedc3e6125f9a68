//! 947, warehouse inventory adjustment advice, to an adjustment.
//!
//! The set is a header (W15 to LM) and one loop for each change (W19). Quantities are
//! signed as the standard has them: more stock is positive, less is negative. Where a
//! reason can only take stock away and the quantity adds some, that is remarked; the
//! number stays what was sent.

use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{Fault, Place, Segment, Spec, TransactionSet};
use crossdock_sdk::{
    AdjustmentLine, AdjustmentReason, Document, Extras, InventoryAdjustment, Lot, Moment, Party,
    PartyRole, Quantity, Reference,
};

use super::context::{Context, Pairs};
use super::lots::Lots;
use super::{Mapped, numbering, party};
use crate::codes;
use crate::wire::{self, exact};

/// Segments of the 947 that have no field and are kept element by element.
const KEPT: [&[u8]; 12] = [
    b"G61", b"LM", b"LQ", b"G69", b"CS", b"AMT", b"FA1", b"FA2", b"N1", b"N2", b"N3", b"N4",
];

const UNIT: Spec = Spec::at(3).reference(355).length(2, 2);
const WEIGHT: Spec = Spec::at(10).reference(81);

const PAIRS: Pairs = Pairs {
    case_code: 4,
    qualifiers: &[5, 7, 17],
};

/// N9 of a stock status, material storage location; its words say whether it is the
/// one before or after.
const STATUS: &str = "M1";

/// Reads a 947.
pub(crate) fn map(set: &TransactionSet<'_>, context: Context<'_>) -> Mapped {
    let mut draft = Draft {
        context,
        adjustment: InventoryAdjustment::new("", Moment::local("")),
        header: None,
        party: None,
        lines: Vec::new(),
    };
    for segment in set.segments() {
        if let Err(fault) = draft.take(&segment) {
            draft.context.fault(*fault);
        }
    }
    draft.finish(set)
}

/// An adjustment as far as it was read.
struct Draft<'c> {
    context: Context<'c>,
    adjustment: InventoryAdjustment,
    /// Place of W15, once it was read.
    header: Option<Place>,
    party: Option<Party>,
    lines: Vec<Line>,
}

/// A line with what is settled only when all of it was read.
struct Line {
    line: AdjustmentLine,
    place: Place,
    /// What the sender calls the line.
    number: Option<String>,
    /// W19-16: the status after, unless an N9 names it.
    status: Option<String>,
    lots: Lots,
}

// === impl Draft ===

impl Draft<'_> {
    fn take(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        if let Some(party) = &mut self.party {
            if party::add(segment, party, &mut self.context)? {
                return Ok(());
            }
            self.close_party();
        }
        match segment.id() {
            b"ST" | b"SE" => Ok(()),
            b"W15" => self.identification(segment),
            b"N1" if self.lines.is_empty() => {
                self.party = Some(party::begin(segment, &mut self.context)?);
                Ok(())
            }
            b"N9" => match self.lines.last_mut() {
                Some(line) => line.refer(segment, &mut self.context),
                None => {
                    let InventoryAdjustment {
                        references, extras, ..
                    } = &mut self.adjustment;
                    references.extend(self.context.reference(segment, extras)?);
                    Ok(())
                }
            },
            b"G62" if !self.lines.is_empty() => match self.lines.last_mut() {
                Some(Line { line, lots, .. }) => {
                    lots.date(segment, &mut line.extras, &mut self.context)
                }
                None => Ok(()),
            },
            b"G62" | b"NTE" => {
                wire::keep_qualified(self.extras(), segment);
                Ok(())
            }
            b"W19" => self.line(segment),
            // Only counts the single units of a line.
            b"LX" => {
                wire::keep_from(self.extras(), segment, 2);
                Ok(())
            }
            id => {
                if !KEPT.contains(&id) {
                    self.context.foreign(segment, "947");
                }
                wire::keep_from(self.extras(), segment, 1);
                Ok(())
            }
        }
    }

    fn identification(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let adjustment = &mut self.adjustment;
        if self.header.is_some() {
            self.context.repeated(segment, &mut adjustment.extras);
            return Ok(());
        }
        self.header = Some(segment.place());
        let mut w15 = self.context.elements(segment);
        let date = w15.required_date(Spec::at(1).reference(373))?;
        let adjustment_no = w15.optional(Spec::at(2).reference(31).length(1, 22))?;
        let depositor_no = w15.optional(Spec::at(3).reference(31).length(1, 22))?;
        let purpose = w15.optional(Spec::at(4).reference(353).length(2, 2))?;
        adjustment.adjusted_at = wire::moment(date, None, b"");
        adjustment.adjustment_no = adjustment_no.map_or_else(String::new, |no| no.into_owned());
        adjustment.depositor_no = depositor_no.map(|no| no.into_owned());
        if let Some(purpose) = purpose {
            adjustment.purpose = codes::read(&purpose);
        }
        wire::keep_from(&mut adjustment.extras, segment, 5);
        Ok(())
    }

    fn close_party(&mut self) {
        let Some(party) = self.party.take() else {
            return;
        };
        let adjustment = &mut self.adjustment;
        if party.role == PartyRole::Warehouse && party.id.is_some() && adjustment.node.is_none() {
            adjustment.node.clone_from(&party.id);
        }
        adjustment.parties.push(party);
    }

    fn line(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        // Even a line that can't be read counts, or another would take its segments.
        let (line, fault) = match Line::read(segment, &mut self.context) {
            Ok(line) => (line, None),
            Err(fault) => (Line::unreadable(segment), Some(fault)),
        };
        self.lines.push(line);
        fault.map_or(Ok(()), Err)
    }

    fn extras(&mut self) -> &mut Extras {
        let line = self.lines.last_mut().map(|line| &mut line.line.extras);
        line.unwrap_or(&mut self.adjustment.extras)
    }

    fn finish(mut self, set: &TransactionSet<'_>) -> Mapped {
        self.close_party();
        let place = self.header.unwrap_or_default();
        if self.header.is_none() {
            self.context.missing("W15", 2, set.offset());
        } else if self.lines.is_empty() {
            self.context.missing("W19", place.ordinal + 1, set.offset());
        }
        // Of a set that is refused anyway, nobody needs the numbers.
        if self.context.is_sound() {
            self.settle(place, set);
        }
        let lines = self.lines.into_iter().map(|line| line.line).collect();
        let adjustment = InventoryAdjustment {
            lines,
            ..self.adjustment
        };
        self.context
            .finish(|| Document::InventoryAdjustment(adjustment))
    }

    fn settle(&mut self, place: Place, set: &TransactionSet<'_>) {
        let adjustment = &mut self.adjustment;
        if adjustment.adjustment_no.is_empty() {
            let control = text(set.control_number());
            let number = format!("{}-{control}", adjustment.adjusted_at.text);
            let text = format!(
                "no adjustment number in W15-02; {number} was taken, the day and the set's control number"
            );
            adjustment.adjustment_no = number;
            self.context
                .remark("adjustment-no-assumed", text, place.element(2));
        }
        let own = self
            .lines
            .iter_mut()
            .map(|line| (line.number.take(), line.place));
        let numbers = numbering::numbers(own, &mut self.context);
        for (line, number) in self.lines.iter_mut().zip(numbers) {
            line.line.line_no = number;
            line.settle(&mut self.context);
        }
    }
}

// === impl Line ===

impl Line {
    fn read(segment: &Segment<'_>, context: &mut Context<'_>) -> Result<Self, Fault> {
        let config = context.config;
        let mut w19 = context.elements(segment);
        let code = w19.required(Spec::at(1).reference(181).length(2, 2))?;
        let quantity = w19.required_decimal(Spec::at(2).reference(477))?;
        w19.required(UNIT)?;
        let own = w19.optional(Spec::at(9).reference(451))?;
        let status = w19.optional(Spec::at(16).reference(529).length(2, 2))?;
        let quantity = context.quantity(segment, exact(quantity), UNIT, 3)?;
        let mut extras = Extras::new();
        let (items, lot) = context.numbers(segment, PAIRS, &mut extras)?;
        let mut lots = Lots::default();
        for number in own.map(|number| number.into_owned()).into_iter().chain(lot) {
            lots.add(number, None);
        }
        let (reason, is_plain) = config.reason(&code);
        if !is_plain {
            wire::keep(&mut extras, segment, 1);
        }
        let weight = context.weight(segment, &mut extras, WEIGHT, 10)?;
        for element in [13, 14, 15] {
            wire::keep(&mut extras, segment, element);
        }
        wire::keep_from(&mut extras, segment, 19);
        Ok(Self {
            line: AdjustmentLine {
                weight,
                extras,
                ..AdjustmentLine::new("", reason, quantity, items)
            },
            status: status.map(|status| status.into_owned()),
            lots,
            ..Self::unreadable(segment)
        })
    }

    /// What stands for a line that could not be read, so that its segments find it.
    fn unreadable(segment: &Segment<'_>) -> Self {
        let nothing = Quantity::new(crossdock_sdk::Decimal::ZERO, "");
        Self {
            line: AdjustmentLine::new("", AdjustmentReason::Count, nothing, Vec::new()),
            place: segment.place(),
            number: None,
            status: None,
            lots: Lots::default(),
        }
    }

    fn refer(&mut self, segment: &Segment<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        let extras = &mut self.line.extras;
        let Some(reference) = context.reference(segment, extras)? else {
            return Ok(());
        };
        let plain = reference.description.is_none() && !reference.value.is_empty();
        let qualifier = reference.qualifier.as_str();
        if qualifier == context.config.line_qualifier && plain && self.number.is_none() {
            self.number = Some(reference.value);
        } else if qualifier == "LT" && plain {
            let lot = (reference.value, None);
            self.lots.add_reference(segment, lot, extras, context)?;
        } else if qualifier == STATUS {
            self.move_status(reference, context);
        } else {
            self.line.references.push(reference);
        }
        Ok(())
    }

    /// A status before or after: one of the two texts of N9*M1 says `From` or `To`,
    /// the other one names the status.
    fn move_status(&mut self, reference: Reference, context: &mut Context<'_>) {
        let direction = |text: &str| match text.trim().to_ascii_lowercase().as_str() {
            "from" => Some(false),
            "to" => Some(true),
            _ => None,
        };
        let told = reference.description.as_deref().unwrap_or_default();
        let (to, status) = match (direction(told), direction(&reference.value)) {
            (Some(to), _) => (to, reference.value.as_str()),
            (None, Some(to)) if !told.is_empty() => (to, told),
            _ => {
                self.line.references.push(reference);
                return;
            }
        };
        let status = context.config.status(status.trim());
        let field = if to {
            &mut self.line.status_to
        } else {
            &mut self.line.status_from
        };
        match field {
            None => *field = Some(status),
            // Another N9 said it already.
            Some(known) if *known == status => {}
            Some(_) => self.line.references.push(reference),
        }
    }

    fn settle(&mut self, context: &mut Context<'_>) {
        let line = &mut self.line;
        match self.status.take() {
            Some(code) if line.status_to.is_some() => {
                let name = wire::element_name("W19", 16);
                line.extras.push((name, code));
            }
            code => {
                let status = code.map(|code| context.config.status(&code));
                line.status_to = line.status_to.take().or(status);
            }
        }
        let mut lots = self
            .lots
            .settle(self.place, &mut line.extras, context)
            .into_iter()
            .map(|it| it.lot);
        line.lot = lots.next();
        let more: Vec<Lot> = lots.collect();
        if !more.is_empty() {
            let text = "a change of several lots, and nothing says how much is of which; the first one is the line's".to_owned();
            context.remark("lots-ambiguous", text, self.place);
            line.references
                .extend(more.into_iter().map(|lot| Reference::new("LT", lot.number)));
        }
        let only_less = matches!(
            line.reason,
            AdjustmentReason::Destroyed | AdjustmentReason::Donation | AdjustmentReason::Lost
        );
        let more = !line.quantity.value.is_negative() && !line.quantity.value.is_zero();
        if only_less && more && line.status_from.is_none() {
            let text = format!(
                "the reason takes stock away, but the quantity {} adds some; kept",
                line.quantity.value
            );
            context.remark("sign-contradiction", text, self.place.element(2));
        }
    }
}
