//! 943, warehouse stock transfer shipment advice, to a notice of goods that will come.
//!
//! The set is a header (W06 to W10), one loop for each item (W04), and a total (W03).
//! It is what a depositor sends; reading it serves whoever plays the warehouse, and
//! the proof that what is written says what was meant.

use crossdock_sdk::x12::code::{ElementError, SegmentError};
use crossdock_sdk::x12::{Fault, Finding, Place, Segment, Severity, Spec, TransactionSet};
use crossdock_sdk::{
    Carrier, Decimal, Document, Extras, InboundNotice, NoticeLine, Party, PartyRole, Purpose,
    Quantity, TransportMode,
};

use super::context::{Context, Pairs};
use super::lots::Lots;
use super::{Mapped, carrier, numbering, party};
use crate::wire::{self, exact};

/// W27 that is written where nobody knows who carries; the standard demands one.
pub(crate) const OPEN_MODE: &str = "ZZ";
pub(crate) const OPEN_ROUTING: &str = "UNKNOWN";

/// Segments of the 943 that have no field and are kept element by element.
const KEPT: [&[u8]; 5] = [b"G61", b"W28", b"W10", b"G69", b"W20"];

const UNIT: Spec = Spec::at(2).reference(355).length(2, 2);

const PAIRS: Pairs = Pairs {
    case_code: 3,
    qualifiers: &[4, 6, 14],
};

/// Reads a 943.
pub(crate) fn map(set: &TransactionSet<'_>, context: Context<'_>) -> Mapped {
    let mut draft = Draft {
        context,
        notice: InboundNotice::new(""),
        header: None,
        party: None,
        ship_to: None,
        lines: Vec::new(),
        total: None,
    };
    for segment in set.segments() {
        if let Err(fault) = draft.take(&segment) {
            draft.context.fault(*fault);
        }
    }
    draft.finish(set)
}

/// A notice as far as it was read.
struct Draft<'c> {
    context: Context<'c>,
    notice: InboundNotice,
    /// Place of W06, once it was read.
    header: Option<Place>,
    party: Option<Party>,
    /// The ship-to's id: where the goods go, should no warehouse be named.
    ship_to: Option<String>,
    lines: Vec<Line>,
    /// W03-01 and where it stands.
    total: Option<(Decimal, Place)>,
}

/// A line with what is settled only when all of it was read.
struct Line {
    line: NoticeLine,
    place: Place,
    /// What the sender calls the line.
    number: Option<String>,
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
            b"W06" => self.identification(segment),
            b"N1" if self.lines.is_empty() => {
                self.party = Some(party::begin(segment, &mut self.context)?);
                Ok(())
            }
            b"N9" => self.reference(segment),
            b"G62" => self.date(segment),
            b"NTE" => {
                wire::keep_qualified(self.extras(), segment);
                Ok(())
            }
            b"W27" => {
                let notice = &mut self.notice;
                let known = carrier::sending(segment, &mut notice.extras, &mut self.context)?;
                let known = known.and_then(known_carrier);
                notice.carrier = known.or(notice.carrier.take());
                Ok(())
            }
            b"W04" => self.line(segment),
            b"W03" => self.summary(segment),
            id => {
                if !KEPT.contains(&id) {
                    self.context.foreign(segment, "943");
                }
                wire::keep_from(self.extras(), segment, 1);
                Ok(())
            }
        }
    }

    fn identification(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let notice = &mut self.notice;
        if self.header.is_some() {
            self.context.repeated(segment, &mut notice.extras);
            return Ok(());
        }
        self.header = Some(segment.place());
        let mut w06 = self.context.elements(segment);
        let code = w06.required(Spec::at(1).reference(514).length(1, 1))?;
        let notice_no = w06.optional(Spec::at(2).reference(285).length(1, 22))?;
        let date = w06.date(Spec::at(3).reference(373))?;
        let shipment_id = w06.optional(Spec::at(4).reference(145).length(1, 30))?;
        let purchase_order = w06.optional(Spec::at(6).reference(324).length(1, 22))?;
        let action = w06.optional(Spec::at(12).reference(306).length(1, 2))?;
        notice.purpose = purpose(&code, action.as_deref().unwrap_or_default());
        if reporting_code(&notice.purpose) != &*code {
            wire::keep(&mut notice.extras, segment, 1);
        }
        notice.notice_no = notice_no.map_or_else(String::new, |number| number.into_owned());
        notice.notice_date = date.map(|date| date.to_string());
        notice.shipment_id = shipment_id.map(|number| number.into_owned());
        notice.purchase_order = purchase_order.map(|number| number.into_owned());
        for element in [5, 7, 8, 9, 10, 11] {
            wire::keep(&mut notice.extras, segment, element);
        }
        if action_code(&notice.purpose) != action.as_deref().unwrap_or_default() {
            wire::keep(&mut notice.extras, segment, 12);
        }
        wire::keep_from(&mut notice.extras, segment, 13);
        Ok(())
    }

    fn close_party(&mut self) {
        let Some(party) = self.party.take() else {
            return;
        };
        let node = match party.role {
            PartyRole::Warehouse => &mut self.notice.node,
            _ => &mut self.ship_to,
        };
        let says = matches!(party.role, PartyRole::Warehouse | PartyRole::ShipTo);
        if says && node.is_none() {
            node.clone_from(&party.id);
        }
        self.notice.parties.push(party);
    }

    fn reference(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        if let Some(line) = self.lines.last_mut() {
            return line.refer(segment, &mut self.context);
        }
        let notice = &mut self.notice;
        let reference = self.context.reference(segment, &mut notice.extras)?;
        let rma_no = &mut notice.rma_no;
        notice
            .references
            .extend(reference.and_then(|it| self.context.rma(it, rma_no)));
        Ok(())
    }

    fn date(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        if let Some(Line { line, lots, .. }) = self.lines.last_mut() {
            return lots.date(segment, &mut line.extras, &mut self.context);
        }
        let (qualifier, moment) = self.context.date(segment)?;
        let notice = &mut self.notice;
        match moment {
            Some(moment) if qualifier == b"17" && notice.expected.is_none() => {
                notice.expected = Some(moment);
            }
            _ => wire::keep_qualified(&mut notice.extras, segment),
        }
        Ok(())
    }

    fn line(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        if self.total.is_some() {
            let text = "stands behind W03, which ends the detail; read all the same";
            self.context
                .note(segment, SegmentError::OutOfSequence, text);
        }
        // Even a line that can't be read counts, or another would take its segments.
        let (line, fault) = match Line::read(segment, &mut self.context) {
            Ok(line) => (line, None),
            Err(fault) => (Line::unreadable(segment), Some(fault)),
        };
        self.lines.push(line);
        fault.map_or(Ok(()), Err)
    }

    fn summary(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let mut w03 = self.context.elements(segment);
        let units = w03.required_decimal(Spec::at(1).reference(382))?;
        self.total = Some((exact(units), segment.place().element(1)));
        wire::keep_from(&mut self.notice.extras, segment, 2);
        Ok(())
    }

    fn extras(&mut self) -> &mut Extras {
        let line = self.lines.last_mut().map(|line| &mut line.line.extras);
        line.filter(|_| self.total.is_none())
            .unwrap_or(&mut self.notice.extras)
    }

    fn finish(mut self, set: &TransactionSet<'_>) -> Mapped {
        self.close_party();
        if self.header.is_none() {
            self.context.missing("W06", 2, set.offset());
        }
        // Of a set that is refused anyway, nobody needs the sums.
        if self.context.is_sound() {
            self.settle();
        }
        let lines = self.lines.into_iter().map(|line| line.line).collect();
        let notice = InboundNotice {
            lines,
            ..self.notice
        };
        self.context.finish(|| Document::InboundNotice(notice))
    }

    fn settle(&mut self) {
        let place = self.header.unwrap_or_default();
        let Self {
            notice, context, ..
        } = self;
        notice.node = notice.node.take().or(self.ship_to.take());
        if notice.notice_no.is_empty() {
            let Some(number) = notice.shipment_id.clone() else {
                let text = "neither W06-02 nor W06-04 has a number that the notice goes by";
                let error = ElementError::ConditionalMissing;
                let fault = Finding::new(Severity::Reject, error, place.element(2), text);
                context.fault(fault.with_reference(285));
                return;
            };
            let text = format!("no order number in W06-02; the shipment's, {number}, was taken");
            context.remark("notice-no-assumed", text, place.element(2));
            notice.notice_no = number;
        }
        let own = self
            .lines
            .iter_mut()
            .map(|line| (line.number.take(), line.place));
        let numbers = numbering::numbers(own, context);
        for (line, number) in self.lines.iter_mut().zip(numbers) {
            line.line.line_no = number;
            line.settle(context);
        }
        if self.lines.is_empty() && notice.purpose != Purpose::Cancel {
            let text = "the notice names no items (W04), and it is no cancellation".to_owned();
            context.remark("notice-without-lines", text, place);
        }
        let sum = self.lines.iter().try_fold(Decimal::ZERO, |sum, line| {
            sum.checked_add(line.line.quantity.value).ok()
        });
        match self.total {
            None => {
                let last = self.lines.last().map_or(place, |line| line.place);
                context.absent("W03", last);
            }
            Some((stated, place)) if !sum.is_some_and(|sum| sum.is_equal(stated)) => {
                let sum = sum.map_or("more than a number can hold".to_owned(), |sum| {
                    sum.to_string()
                });
                let text = format!(
                    "W03-01 says that {stated} units are announced in all, the lines add up to {sum}"
                );
                context.remark("total-mismatch", text, place);
            }
            Some(_) => {}
        }
    }
}

// === impl Line ===

impl Line {
    fn read(segment: &Segment<'_>, context: &mut Context<'_>) -> Result<Self, Fault> {
        let mut w04 = context.elements(segment);
        let quantity = w04.required_decimal(Spec::at(1).reference(382))?;
        w04.required(UNIT)?;
        let quantity = context.quantity(segment, exact(quantity), UNIT, 2)?;
        let mut extras = Extras::new();
        let (items, lot) = context.numbers(segment, PAIRS, &mut extras)?;
        let mut lots = Lots::default();
        if let Some(number) = lot {
            lots.add(number, None);
        }
        for element in 8..=13 {
            wire::keep(&mut extras, segment, element);
        }
        wire::keep_from(&mut extras, segment, 16);
        Ok(Self {
            line: NoticeLine {
                extras,
                ..NoticeLine::new("", quantity, items)
            },
            lots,
            ..Self::unreadable(segment)
        })
    }

    /// What stands for a line that could not be read, so that its segments find it.
    fn unreadable(segment: &Segment<'_>) -> Self {
        Self {
            line: NoticeLine::new("", Quantity::new(Decimal::ZERO, ""), Vec::new()),
            place: segment.place(),
            number: None,
            lots: Lots::default(),
        }
    }

    fn refer(&mut self, segment: &Segment<'_>, context: &mut Context<'_>) -> Result<(), Fault> {
        let extras = &mut self.line.extras;
        let known = extras.len();
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
        } else {
            extras.truncate(known);
            wire::keep_qualified(extras, segment);
        }
        Ok(())
    }

    fn settle(&mut self, context: &mut Context<'_>) {
        let line = &mut self.line;
        let mut lots = self
            .lots
            .settle(self.place, &mut line.extras, context)
            .into_iter()
            .map(|it| it.lot);
        line.lot = lots.next();
        for more in lots {
            let text = format!(
                "a second lot, {}, of one line; kept among the extras",
                more.number
            );
            context.remark("lots-ambiguous", text, self.place);
            line.extras.push(("N9*LT".to_owned(), more.number));
        }
    }
}

/// W06-01 that is written and read without a trace: original transaction.
const REPORTING: &str = "J";

/// The purpose from element 514 and, where it is there, element 306: 514 has no code
/// for a change or a cancellation.
fn purpose(code: &str, action: &str) -> Purpose {
    match (action, code) {
        ("2", _) => Purpose::Change,
        ("3", _) => Purpose::Cancel,
        (_, "F" | "J" | "N" | "X") => Purpose::Original,
        (_, other) => Purpose::Other(other.to_owned()),
    }
}

/// The element 306 of a purpose: change, delete. It has no code for a replacement; a
/// change names all that comes anew, so it is one.
pub(crate) fn action_code(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::Change | Purpose::Replace => "2",
        Purpose::Cancel => "3",
        _ => "",
    }
}

/// The element 514 of a purpose.
pub(crate) fn reporting_code(purpose: &Purpose) -> &str {
    match purpose {
        Purpose::Other(code) => code,
        _ => REPORTING,
    }
}

/// Nothing where W27 says that nobody knows.
fn known_carrier(mut carrier: Carrier) -> Option<Carrier> {
    if carrier.name.as_deref() == Some(OPEN_ROUTING) {
        carrier.name = None;
    }
    let open = Carrier {
        mode: Some(TransportMode::Other(OPEN_MODE.to_owned())),
        ..Carrier::default()
    };
    (carrier != open).then_some(carrier)
}
