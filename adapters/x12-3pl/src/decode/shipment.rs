//! 945, warehouse shipping advice, to a shipment.
//!
//! The set is a header (W06 to G72), loops LX that each hold the marks of a pack and
//! its item lines (W12), and a summary (W03). Each W12 becomes one shipment line;
//! several W12 of one order line carry the same line number and are added up by
//! whoever reads the shipment, as the contract says. So a line is never merged here,
//! and what each pack holds refers to it by number.
//!
//! Segments that belong to the set but have no field are kept among the extras of
//! the shipment, package or line they stand in; those that do not belong are kept
//! too, and noted.

use crossdock_sdk::x12::code::SegmentError;
use crossdock_sdk::x12::{Date, Fault, Segment, Spec, TransactionSet};
use crossdock_sdk::{Document, Extras, Moment, Party, Quantity, Shipment, ShipmentStatus};

use super::context::Context;
use super::{Mapped, party};
use crate::wire::{self, exact};
use line::Line;
use pack::Pack;

mod header;
mod line;
mod numbering;
mod pack;
mod status;

/// Segments of the 945 that have no field and are kept element by element.
const KEPT: [&[u8]; 15] = [
    b"G61", b"W6", b"W28", b"W10", b"LM", b"LQ", b"QTY", b"MEA", b"AMT", b"R4", b"LS", b"LE",
    b"FA1", b"FA2", b"PKG",
];

/// Reads a 945.
pub(crate) fn map(set: &TransactionSet<'_>, context: Context<'_>) -> Mapped {
    let mut draft = Draft::new(context, set);
    for segment in set.segments() {
        if let Err(fault) = draft.take(&segment) {
            draft.context.fault(*fault);
        }
    }
    draft.finish(set)
}

/// Which part of the set is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Area {
    Header,
    /// Behind an LX, before its first W12.
    Pack,
    /// Behind a W12.
    Line,
    /// Between LS and LE, where an inner LX numbers something else.
    Inner,
    /// Behind W03.
    Summary,
}

/// A shipment as far as it was read.
struct Draft<'a, 'c> {
    context: Context<'c>,
    area: Area,
    shipment: Shipment,
    /// Place of W06, once it was read.
    header: Option<crossdock_sdk::x12::Place>,
    /// W06-01, as it stands.
    reporting: &'a [u8],
    /// W06-03.
    ship_date: Option<Date>,
    /// G62*11.
    shipped: Option<Moment>,
    /// G62*70, should there be no 17.
    scheduled: Option<Moment>,
    /// The party whose loop is being read.
    party: Option<Party>,
    packs: Vec<Pack<'a>>,
    lines: Vec<Line<'a>>,
    /// W03, once it was read.
    totals: Option<crossdock_sdk::x12::Place>,
}

// === impl Draft ===

impl<'a, 'c> Draft<'a, 'c> {
    fn new(context: Context<'c>, set: &TransactionSet<'_>) -> Self {
        // Nearly every segment behind the header belongs to some line.
        let lines = (set.segment_count() as usize / 4).min(1024);
        Self {
            context,
            area: Area::Header,
            shipment: Shipment::new("", "", ShipmentStatus::Complete, Moment::local("")),
            header: None,
            reporting: b"",
            ship_date: None,
            shipped: None,
            scheduled: None,
            party: None,
            packs: Vec::with_capacity(lines),
            lines: Vec::with_capacity(lines),
            totals: None,
        }
    }

    fn take(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        if let Some(party) = &mut self.party {
            if party::add(segment, party, &mut self.context)? {
                return Ok(());
            }
            self.close_party();
        }
        match segment.id() {
            b"ST" | b"SE" => Ok(()),
            b"W06" => self.identification(segment),
            b"N1" if self.area == Area::Header => {
                self.party = Some(party::begin(segment, &mut self.context)?);
                Ok(())
            }
            b"W27" if self.area == Area::Header => self.carrier(segment),
            b"G72" if self.area == Area::Header => self.charge(segment),
            b"NTE" => self.note(segment),
            b"N9" => self.reference(segment),
            b"G62" => self.date(segment),
            b"LX" if self.area == Area::Inner => {
                self.keep(segment);
                Ok(())
            }
            b"LX" => {
                self.expect_before_summary(segment);
                self.area = Area::Pack;
                self.packs.push(Pack::begin(segment, self.lines.len()));
                Ok(())
            }
            b"MAN" => self.mark(segment),
            b"PAL" => self.pallet(segment),
            b"W12" => self.line(segment),
            b"G69" if self.area == Area::Line => match self.lines.last_mut() {
                Some(line) => line.describe(segment, &mut self.context),
                None => Ok(()),
            },
            b"W03" => self.total(segment),
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

    // === what occurs in several areas ===

    fn note(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        let Shipment { notes, extras, .. } = &mut self.shipment;
        self.context.remark_text(segment, notes, extras)
    }

    fn reference(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        match self.area {
            // Between LS and LE single units of the line are told, each in an LX loop:
            // their serial numbers and lots are the line's.
            Area::Line | Area::Inner => match self.lines.last_mut() {
                Some(line) => line.refer(segment, &mut self.context),
                None => Ok(()),
            },
            Area::Pack => match self.packs.last_mut() {
                Some(pack) => pack.refer(segment, &mut self.context),
                None => Ok(()),
            },
            Area::Header | Area::Summary => self.header_reference(segment),
        }
    }

    fn date(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        if matches!(self.area, Area::Line | Area::Inner) {
            return match self.lines.last_mut() {
                Some(line) => line.date(segment, &mut self.context),
                None => Ok(()),
            };
        }
        let (qualifier, moment) = self.context.date(segment)?;
        let place = match qualifier {
            b"11" if self.area == Area::Header => &mut self.shipped,
            b"17" if self.area == Area::Header => &mut self.shipment.expected_delivery,
            b"70" if self.area == Area::Header => &mut self.scheduled,
            _ => {
                self.keep_qualified(segment);
                return Ok(());
            }
        };
        if moment.is_none() || place.is_some() {
            self.keep_qualified(segment);
        } else {
            *place = moment;
        }
        Ok(())
    }

    // === packs and lines ===

    fn mark(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        if matches!(self.area, Area::Line | Area::Inner) {
            // Where marks stood before the lines, those behind them are of another
            // pack; where none did, they mark the one that was just told.
            let another = self.packs.last().is_some_and(Pack::is_closed);
            let text = if another {
                "MAN without an LX before it; read as the beginning of another pack"
            } else {
                "MAN stands before W12; read as the mark of the pack"
            };
            self.context
                .note(segment, SegmentError::OutOfSequence, text);
            if another {
                self.area = Area::Pack;
                let pack = Pack::begin(segment, self.lines.len());
                self.packs.push(pack.without_number());
            }
        }
        match self.packs.last_mut() {
            Some(pack) => pack.mark(segment, &mut self.context),
            None => {
                self.unmapped(segment);
                Ok(())
            }
        }
    }

    fn pallet(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        match self.packs.last_mut() {
            Some(pack) => pack.pallet(segment, &mut self.context),
            None => {
                self.unmapped(segment);
                Ok(())
            }
        }
    }

    fn line(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        self.expect_before_summary(segment);
        if self.packs.is_empty() {
            let text = "W12 without an LX before it; read all the same";
            self.context
                .note(segment, SegmentError::OutOfSequence, text);
            self.packs.push(Pack::begin(segment, 0).without_number());
        }
        self.area = Area::Line;
        // Even a line that can't be read counts, or the next would take its segments.
        self.lines.push(Line::unread(segment));
        if let Some(pack) = self.packs.last_mut() {
            pack.lines_end = self.lines.len();
        }
        match self.lines.last_mut() {
            Some(line) => line.read(segment, &mut self.context),
            None => Ok(()),
        }
    }

    fn total(&mut self, segment: &Segment<'a>) -> Result<(), Fault> {
        self.area = Area::Summary;
        if self.totals.is_some() {
            self.context.repeated(segment, &mut self.shipment.extras);
            return Ok(());
        }
        self.totals = Some(segment.place());
        let mut w03 = self.context.elements(segment);
        let shipped = w03.expected_decimal(Spec::at(1).reference(382))?;
        let weight = w03.decimal(Spec::at(2).reference(81))?;
        self.shipment.total_shipped = shipped.map(exact);
        let unit = Spec::at(3).reference(355);
        if let Some(weight) = weight {
            if segment.has(3) {
                let weight = self.context.quantity(segment, exact(weight), unit, 3)?;
                self.shipment.total_weight = Some(weight);
            } else {
                wire::keep(&mut self.shipment.extras, segment, 2);
            }
        }
        wire::keep_from(&mut self.shipment.extras, segment, 4);
        Ok(())
    }

    // === what has no field ===

    fn expect_before_summary(&mut self, segment: &Segment<'a>) {
        if self.area == Area::Summary {
            let text = "stands behind W03, which ends the detail; read all the same";
            self.context
                .note(segment, SegmentError::OutOfSequence, text);
        }
    }

    fn unmapped(&mut self, segment: &Segment<'a>) {
        let known = KEPT.contains(&segment.id())
            || matches!(
                segment.id(),
                b"W27" | b"N1" | b"G72" | b"MAN" | b"PAL" | b"G69"
            );
        if !known {
            self.context.foreign(segment, "945");
        }
        self.keep(segment);
    }

    fn keep(&mut self, segment: &Segment<'a>) {
        wire::keep_from(self.extras(), segment, 1);
    }

    fn keep_qualified(&mut self, segment: &Segment<'a>) {
        wire::keep_qualified(self.extras(), segment);
    }

    /// The extras of what is being read.
    fn extras(&mut self) -> &mut Extras {
        let own = match self.area {
            Area::Header | Area::Summary => None,
            Area::Pack => self.packs.last_mut().map(|pack| &mut pack.extras),
            Area::Line | Area::Inner => self.lines.last_mut().map(|line| &mut line.line.extras),
        };
        own.unwrap_or(&mut self.shipment.extras)
    }

    // === the end ===

    fn finish(mut self, set: &TransactionSet<'_>) -> Mapped {
        self.close_party();
        match &self.header {
            None => self.context.missing("W06", 2, set.offset()),
            Some(_) => self.settle_header(),
        }
        // Of a set that is refused anyway, nobody needs the sums.
        if self.context.is_sound() {
            self.settle_lines();
        }
        let shipment = self.shipment;
        self.context.finish(|| Document::Shipment(shipment))
    }

    /// Settles what needs all lines: their numbers, packages, totals.
    fn settle_lines(&mut self) {
        for line in &mut self.lines {
            line.settle(&mut self.context);
        }
        numbering::number(&mut self.lines, &self.packs, &mut self.context);
        let packs = std::mem::take(&mut self.packs);
        let extras = &mut self.shipment.extras;
        let packages = pack::packages(packs, &mut self.lines, extras, &mut self.context);
        self.shipment.packages = packages;
        // Into a list of their size, where collecting would keep the larger one.
        let mut lines = Vec::with_capacity(self.lines.len());
        lines.extend(self.lines.drain(..).map(|line| line.line));
        let same = wire::by_number(lines.len(), &|place| &lines[place].line_no);
        numbering::settle_repeated_orders(&mut lines, &same, &mut self.context, self.header);
        let statuses = status::effective(&lines, &same);
        let Self {
            shipment,
            context,
            totals,
            ..
        } = self;
        status::check_total(shipment, &lines, &statuses, context, *totals);
        self.shipment.status = status::of(self.reporting, &lines, &statuses);
        self.shipment.lines = lines;
    }
}

/// A quantity in the unit of another.
fn in_unit_of(value: crossdock_sdk::Decimal, other: &Quantity) -> Quantity {
    Quantity::new(value, other.unit.as_str())
}
