//! 940, warehouse shipping order, to an order.
//!
//! The set is a header (W05 to W66), loops LX with item lines (W01), and a summary
//! (W76). It is what a depositor sends; reading it serves whoever plays the warehouse,
//! and the proof that what is written says what was meant.

use crossdock_sdk::x12::code::SegmentError;
use crossdock_sdk::x12::segment::text;
use crossdock_sdk::x12::{Fault, Place, Segment, Spec, TransactionSet};
use crossdock_sdk::{
    Carrier, Decimal, Document, Extras, FreightPayment, Order, OrderType, Party, PartyRole,
    Purpose, Quantity, TransportMode,
};

use super::context::Context;
use super::{Mapped, party};
use crate::codes;
use crate::wire::{self, exact};
use line::Line;

mod line;

pub(crate) use line::PACK_UNIT;

/// N9 qualifier of an order's revision: version.
pub(crate) const REVISION: &str = "V0";

/// Segments of the 940 that have no field and are kept element by element.
const KEPT: [&[u8]; 25] = [
    b"G61", b"W09", b"W6", b"R2", b"BNX", b"LM", b"LQ", b"MAN", b"SDQ", b"QTY", b"G66", b"PER",
    b"LH1", b"LH2", b"LH3", b"LH4", b"LH6", b"LHR", b"LHT", b"LFH", b"LEP", b"LS", b"LE", b"FA1",
    b"FA2",
];

/// Reads a 940.
pub(crate) fn map(set: &TransactionSet<'_>, context: Context<'_>) -> Mapped {
    let mut draft = Draft {
        context,
        area: Area::Header,
        order: Order::new(""),
        header: None,
        party: None,
        deadline: None,
        not_shipped_before: None,
        loop_number: b"",
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Area {
    Header,
    /// Behind an LX, before its first W01.
    Loop,
    /// Behind a W01.
    Line,
    /// Between LS and LE.
    Inner,
    /// Behind W76.
    Summary,
}

/// An order as far as it was read.
struct Draft<'a, 'c> {
    context: Context<'c>,
    area: Area,
    order: Order,
    /// Place of W05, once it was read.
    header: Option<Place>,
    party: Option<Party>,
    /// G62*54, should there be no 01.
    deadline: Option<crossdock_sdk::Moment>,
    /// G62*37, should there be no 53.
    not_shipped_before: Option<crossdock_sdk::Moment>,
    /// LX-01 of the loop being read.
    loop_number: &'a [u8],
    lines: Vec<Line>,
    /// W76-01 and where it stands; its unit is that of the lines.
    total: Option<(Decimal, Place)>,
}

// === impl Draft ===

impl<'a> Draft<'a, '_> {
    fn take(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        if let Some(party) = &mut self.party {
            if party::add(segment, party, &mut self.context)? {
                return Ok(());
            }
            self.close_party();
        }
        match segment.id() {
            b"ST" | b"SE" => Ok(()),
            b"W05" => self.identification(segment),
            b"N1" if self.area == Area::Header => {
                self.party = Some(party::begin(segment, &mut self.context)?);
                Ok(())
            }
            b"W66" => self.carrier(segment),
            b"W76" => self.total(segment),
            b"LX" if self.area != Area::Inner => {
                self.expect_before_summary(segment);
                self.area = Area::Loop;
                self.loop_number = segment.trimmed(1);
                wire::keep_from(&mut self.order.extras, segment, 2);
                Ok(())
            }
            b"W01" => self.line(segment),
            b"N9" if self.area == Area::Header => self.reference(segment),
            b"G62" if self.area != Area::Line => self.date(segment),
            b"NTE" if self.area != Area::Line => {
                let Order { notes, extras, .. } = &mut self.order;
                self.context.remark_text(segment, notes, extras)
            }
            b"G69" | b"N9" | b"NTE" | b"W20" | b"AMT" | b"G62" if self.area == Area::Line => {
                match self.lines.last_mut() {
                    Some(line) => line.take(segment, &mut self.context),
                    None => Ok(()),
                }
            }
            id => {
                match id {
                    b"LS" => self.area = Area::Inner,
                    b"LE" => self.area = Area::Line,
                    _ => {}
                }
                self.unmapped(segment);
                Ok(())
            }
        }
    }

    // === header ===

    fn identification(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        if self.header.is_some() {
            self.context.repeated(segment, &mut self.order.extras);
            return Ok(());
        }
        self.header = Some(segment.place());
        let order = &mut self.order;
        let mut w05 = self.context.elements(segment);
        let code = w05.required(Spec::at(1).reference(473).length(1, 1))?;
        let order_no = w05.required(Spec::at(2).reference(285).length(1, 22))?;
        let customer_po = w05.optional(Spec::at(3).reference(324).length(1, 22))?;
        let kind = w05.optional(Spec::at(6).reference(640).length(2, 2))?;
        order.purpose = purpose(&code);
        if purpose_code(&order.purpose) != &*code {
            wire::keep(&mut order.extras, segment, 1);
        }
        order.order_no = order_no.into_owned();
        order.customer_po = customer_po.map(|number| number.into_owned());
        wire::keep(&mut order.extras, segment, 4);
        wire::keep(&mut order.extras, segment, 5);
        if let Some(kind) = kind {
            if !codes::is_first::<OrderType>(&kind) {
                wire::keep(&mut order.extras, segment, 6);
            }
            order.order_type = Some(codes::read(&kind));
        }
        wire::keep_from(&mut order.extras, segment, 7);
        Ok(())
    }

    fn close_party(&mut self) {
        let Some(party) = self.party.take() else {
            return;
        };
        if party.role == PartyRole::Warehouse && party.id.is_some() && self.order.node.is_none() {
            self.order.node.clone_from(&party.id);
        }
        self.order.parties.push(party);
    }

    fn reference(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        let order = &mut self.order;
        let Some(reference) = self.context.reference(segment, &mut order.extras)? else {
            return Ok(());
        };
        let plain = reference.description.is_none() && !reference.value.is_empty();
        if plain && reference.qualifier == REVISION && order.revision.is_none() {
            order.revision = Some(reference.value);
        } else {
            order.references.push(reference);
        }
        Ok(())
    }

    fn date(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        let (qualifier, moment) = self.context.date(segment)?;
        let order = &mut self.order;
        let Some(moment) = moment.filter(|_| self.area == Area::Header) else {
            wire::keep_qualified(&mut order.extras, segment);
            return Ok(());
        };
        let place = match qualifier {
            b"04" if order.order_date.is_none() && moment.text.len() == 10 => {
                order.order_date = Some(moment.text);
                return Ok(());
            }
            b"10" => &mut order.requested_ship,
            b"02" => &mut order.requested_delivery,
            b"53" => &mut order.not_before,
            b"01" => &mut order.cancel_after,
            b"54" => &mut self.deadline,
            b"37" => &mut self.not_shipped_before,
            _ => {
                wire::keep_qualified(&mut order.extras, segment);
                return Ok(());
            }
        };
        if place.is_some() {
            wire::keep_qualified(&mut order.extras, segment);
        } else {
            *place = Some(moment);
        }
        Ok(())
    }

    fn carrier(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        let config = self.context.config;
        let extras = &mut self.order.extras;
        let mut w66 = self.context.elements(segment);
        let payment = w66.expected(Spec::at(1).reference(146).length(2, 2))?;
        let mode = w66.expected(Spec::at(2).reference(91).length(1, 2))?;
        let routing = w66.optional(Spec::at(5).reference(387).length(1, 35))?;
        let scac = w66.optional(Spec::at(10).reference(140).length(2, 4))?;
        let is_plain = |payment: &str| codes::is_first::<FreightPayment>(payment);
        if !payment.as_deref().is_none_or(is_plain) {
            wire::keep(extras, segment, 1);
        }
        let is_plain = |mode: &str| codes::is_first::<TransportMode>(mode);
        if !mode.as_deref().is_none_or(is_plain) {
            wire::keep(extras, segment, 2);
        }
        for element in [3, 4, 6, 7, 8, 9] {
            wire::keep(extras, segment, element);
        }
        wire::keep_from(extras, segment, 11);
        let carrier = Carrier {
            scac: scac.map(|scac| config.carrier(&scac)),
            service: routing.map(|routing| {
                config
                    .service(&routing)
                    .map_or_else(|| routing.into_owned(), str::to_owned)
            }),
            mode: mode.map(|mode| codes::read(&mode)),
            payment: payment.map(|payment| codes::read(&payment)),
            ..Carrier::default()
        };
        if carrier != Carrier::default() {
            self.order.carrier = Some(carrier);
        }
        Ok(())
    }

    // === lines and summary ===

    fn line(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        self.expect_before_summary(segment);
        if self.area == Area::Header {
            let text = "W01 without an LX before it; read all the same";
            self.context
                .note(segment, SegmentError::OutOfSequence, text);
        }
        self.area = Area::Line;
        let loop_number = text(self.loop_number).into_owned();
        let line = Line::read(segment, loop_number, &mut self.context);
        // Even a line that can't be read counts, or another would take its segments.
        let (line, fault) = match line {
            Ok(line) => (line, None),
            Err(fault) => (Line::unreadable(segment), Some(fault)),
        };
        self.lines.push(line);
        fault.map_or(Ok(()), Err)
    }

    fn total(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        self.area = Area::Summary;
        let mut w76 = self.context.elements(segment);
        let units = w76.expected_decimal(Spec::at(1).reference(330))?;
        let weight = w76.decimal(Spec::at(2).reference(81))?;
        let place = segment.place().element(1);
        self.total = units.map(|units| (exact(units), place));
        if let Some(weight) = weight
            && segment.has(3)
        {
            let unit = Spec::at(3).reference(355);
            let weight = self.context.quantity(segment, exact(weight), unit, 3)?;
            self.order.total_weight = Some(weight);
        } else {
            wire::keep(&mut self.order.extras, segment, 2);
            wire::keep(&mut self.order.extras, segment, 3);
        }
        wire::keep_from(&mut self.order.extras, segment, 4);
        Ok(())
    }

    // === what has no field ===

    fn expect_before_summary(&mut self, segment: &Segment<'a>) {
        if self.area == Area::Summary {
            let text = "stands behind W76, which ends the detail; read all the same";
            self.context
                .note(segment, SegmentError::OutOfSequence, text);
        }
    }

    fn unmapped(&mut self, segment: &Segment<'a>) {
        let known = KEPT.contains(&segment.id())
            || matches!(
                segment.id(),
                b"N1" | b"N9" | b"G69" | b"W20" | b"AMT" | b"LX"
            );
        if !known {
            self.context.foreign(segment, "940");
        }
        wire::keep_from(self.extras(), segment, 1);
    }

    fn extras(&mut self) -> &mut Extras {
        let line = match self.area {
            Area::Line | Area::Inner => self.lines.last_mut().map(|line| &mut line.line.extras),
            Area::Header | Area::Loop | Area::Summary => None,
        };
        line.unwrap_or(&mut self.order.extras)
    }

    // === the end ===

    fn finish(mut self, set: &TransactionSet<'_>) -> Mapped {
        self.close_party();
        let order = &mut self.order;
        for (place, second, name) in [
            (&mut order.cancel_after, self.deadline.take(), "G62*54"),
            (
                &mut order.not_before,
                self.not_shipped_before.take(),
                "G62*37",
            ),
        ] {
            match second {
                Some(moment) if place.is_some() => {
                    order.extras.push((name.to_owned(), moment.text));
                }
                Some(moment) => {
                    // Which of the two it was, since writing gives the other one.
                    order.extras.push((name.to_owned(), moment.text.clone()));
                    *place = Some(moment);
                }
                None => {}
            }
        }
        let place = match self.header {
            None => {
                self.context.missing("W05", 2, set.offset());
                Place::default()
            }
            Some(place) => place,
        };
        // Of a set that is refused anyway, nobody needs the sums.
        if self.context.is_sound() {
            Line::number(&mut self.lines, &mut self.context);
            self.settle_total();
        }
        self.order.lines = self.lines.into_iter().map(|line| line.line).collect();
        let needs_lines = !matches!(self.order.purpose, Purpose::Cancel);
        if needs_lines && self.order.lines.is_empty() && self.context.is_sound() {
            // The standard allows it, so the sender's file is in order; the contract
            // asks for a line, and somebody must look at it.
            let text = "the order has no lines (LX, W01), and it is no cancellation".to_owned();
            self.context.remark("order-without-lines", text, place);
        }
        let order = self.order;
        self.context.finish(|| Document::Order(order))
    }

    /// W76-01 counts units without saying which. Where all lines have one unit it is
    /// theirs; otherwise it is only a sum to compare with.
    fn settle_total(&mut self) {
        let Some((stated, place)) = self.total else {
            return;
        };
        let mut lines = self.lines.iter().map(|line| &line.line.quantity);
        let first = lines.next().map(|quantity| quantity.unit.as_str());
        let unit = first.filter(|unit| lines.all(|quantity| quantity.unit == *unit));
        let sum = self.lines.iter().try_fold(Decimal::ZERO, |sum, line| {
            sum.checked_add(line.line.quantity.value)
        });
        let agrees = sum.is_ok_and(|sum| sum.is_equal(stated));
        if !agrees {
            let text =
                format!("W76-01 says {stated} units in all, the lines add up to something else");
            self.context.remark("total-mismatch", text, place);
        }
        match unit {
            Some(unit) => self.order.total_quantity = Some(Quantity::new(stated, unit)),
            None if agrees => {}
            None => {
                let extra = (wire::element_name("W76", 1), stated.to_string());
                self.order.extras.push(extra);
            }
        }
    }
}

/// Element 473. A deletion cancels, a resubmission and a future-dated order are
/// orders; what changes only part of an order, or is no order at all, stays what it
/// is.
pub(crate) fn purpose(code: &str) -> Purpose {
    match code {
        "N" | "S" | "T" => Purpose::Original,
        "R" => Purpose::Change,
        "F" | "D" => Purpose::Cancel,
        "C" => Purpose::Confirm,
        other => Purpose::Other(other.to_owned()),
    }
}

/// The element 473 of a purpose. It has no code for a replacement; a change names the
/// whole order anew, so it is one.
pub(crate) fn purpose_code(purpose: &Purpose) -> &str {
    match purpose {
        Purpose::Original => "N",
        Purpose::Replace | Purpose::Change => "R",
        Purpose::Cancel => "F",
        Purpose::Confirm => "C",
        Purpose::Other(code) => code,
    }
}
