//! 944, warehouse stock transfer receipt advice, to a receipt; to the receipt of a
//! return where W17-01 says that a customer sent the goods.
//!
//! The set is a header (W17 to G08), one loop for each item (W07) with its exceptions
//! (W13), and a total (W14).

use crossdock_sdk::x12::code::SegmentError;
use crossdock_sdk::x12::{Fault, Place, Segment, Spec, TransactionSet};
use crossdock_sdk::{
    Decimal, Document, Extras, InboundReceipt, Moment, Party, PartyRole, ReceiptCondition,
    ReceiptType,
};

use super::context::Context;
use super::{Mapped, carrier, numbering, party};
use crate::codes;
use crate::wire::{self, exact};
use line::Line;

mod line;
mod returned;

/// Segments of the 944 that have no field and are kept element by element.
const KEPT: [&[u8]; 5] = [b"G61", b"W18", b"G08", b"G69", b"W20"];

/// Reads a 944.
pub(crate) fn map(set: &TransactionSet<'_>, context: Context<'_>) -> Mapped {
    let mut draft = Draft {
        context,
        area: Area::Header,
        receipt: InboundReceipt::new("", ReceiptType::Full, Moment::local("")),
        header: None,
        party: None,
        lines: Vec::new(),
        total: None,
        held: None,
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
    /// Behind a W07.
    Line,
    /// Behind a W13 of that line.
    Exception,
    /// Behind W14.
    Summary,
}

/// A receipt as far as it was read.
struct Draft<'c> {
    context: Context<'c>,
    area: Area,
    receipt: InboundReceipt,
    /// Place of W17, once it was read.
    header: Option<Place>,
    party: Option<Party>,
    lines: Vec<Line>,
    /// Place of W14, once it was read.
    total: Option<Place>,
    /// W14-03: damaged or on hold.
    held: Option<Decimal>,
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
            b"W17" => self.identification(segment),
            b"N1" if self.area == Area::Header => {
                self.party = Some(party::begin(segment, &mut self.context)?);
                Ok(())
            }
            b"N9" => self.reference(segment),
            b"G62" if self.area == Area::Line => match self.lines.last_mut() {
                Some(line) => line.date(segment, &mut self.context),
                None => Ok(()),
            },
            b"G62" | b"NTE" => {
                wire::keep_qualified(self.extras(), segment);
                Ok(())
            }
            b"W08" => self.carrier(segment),
            b"W07" => self.line(segment),
            b"W13" => self.exception(segment),
            b"W14" => self.summary(segment),
            id => {
                // What follows belongs to no line that was read.
                if id == b"LX" {
                    self.area = Area::Header;
                }
                if !KEPT.contains(&id) {
                    self.context.foreign(segment, "944");
                }
                wire::keep_from(self.extras(), segment, 1);
                Ok(())
            }
        }
    }

    fn identification(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let receipt = &mut self.receipt;
        if self.header.is_some() {
            self.context.repeated(segment, &mut receipt.extras);
            return Ok(());
        }
        self.header = Some(segment.place());
        let mut w17 = self.context.elements(segment);
        let code = w17.required(Spec::at(1).reference(514).length(1, 1))?;
        let date = w17.required_date(Spec::at(2).reference(373))?;
        let receipt_no = w17.required(Spec::at(3).reference(394).length(1, 12))?;
        let notice_no = w17.optional(Spec::at(4).reference(285).length(1, 22))?;
        let shipment_id = w17.optional(Spec::at(5).reference(145).length(1, 30))?;
        let time = w17.time(Spec::at(7).reference(337))?;
        receipt.receipt_type = codes::read(&code);
        if !codes::is_first::<ReceiptType>(&code) {
            wire::keep(&mut receipt.extras, segment, 1);
        }
        receipt.received_at = wire::moment(date, time, b"");
        receipt.receipt_no = receipt_no.into_owned();
        receipt.notice_no = notice_no.map(|number| number.into_owned());
        receipt.shipment_id = shipment_id.map(|number| number.into_owned());
        wire::keep(&mut receipt.extras, segment, 6);
        wire::keep_from(&mut receipt.extras, segment, 8);
        Ok(())
    }

    fn close_party(&mut self) {
        let Some(party) = self.party.take() else {
            return;
        };
        if party.role == PartyRole::Warehouse && party.id.is_some() && self.receipt.node.is_none() {
            self.receipt.node.clone_from(&party.id);
        }
        self.receipt.parties.push(party);
    }

    fn reference(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        match (self.area, self.lines.last_mut()) {
            (Area::Line, Some(line)) => return line.refer(segment, &mut self.context),
            (Area::Exception, Some(line)) => {
                return line.refer_exception(segment, &mut self.context);
            }
            _ => {}
        }
        let receipt = &mut self.receipt;
        let reference = self.context.reference(segment, &mut receipt.extras)?;
        let rma_no = &mut receipt.rma_no;
        receipt
            .references
            .extend(reference.and_then(|it| self.context.rma(it, rma_no)));
        Ok(())
    }

    fn carrier(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let receipt = &mut self.receipt;
        // The receipt of a return has no field for it.
        if receipt.receipt_type == ReceiptType::CustomerReturn {
            wire::keep_from(&mut receipt.extras, segment, 1);
            return Ok(());
        }
        let extras = &mut receipt.extras;
        let known = carrier::receiving(segment, extras, &mut self.context)?;
        receipt.carrier = known.or(receipt.carrier.take());
        Ok(())
    }

    fn line(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        if self.area == Area::Summary {
            let text = "stands behind W14, which ends the detail; read all the same";
            self.context
                .note(segment, SegmentError::OutOfSequence, text);
        }
        self.area = Area::Line;
        // Even a line that can't be read counts, or another would take its segments.
        let (line, fault) = match Line::read(segment, &mut self.context) {
            Ok(line) => (line, None),
            Err(fault) => (Line::unreadable(segment), Some(fault)),
        };
        self.lines.push(line);
        fault.map_or(Ok(()), Err)
    }

    fn exception(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        let Some(line) = self.lines.last_mut() else {
            let text = "an exception to no item; kept among the extras";
            self.context
                .note(segment, SegmentError::OutOfSequence, text);
            wire::keep_from(&mut self.receipt.extras, segment, 1);
            return Ok(());
        };
        self.area = Area::Exception;
        line.except(segment, &mut self.context)
    }

    fn summary(&mut self, segment: &Segment<'_>) -> Result<(), Fault> {
        self.area = Area::Summary;
        let mut w14 = self.context.elements(segment);
        let received = w14.expected_decimal(Spec::at(1).reference(413))?;
        let held = w14.decimal(Spec::at(3).reference(452))?;
        self.total = Some(segment.place());
        self.held = held.map(exact);
        self.receipt.total_received = received.map(exact);
        wire::keep_from(&mut self.receipt.extras, segment, 2);
        Ok(())
    }

    fn extras(&mut self) -> &mut Extras {
        let line = match self.area {
            Area::Line | Area::Exception => self.lines.last_mut().map(|line| &mut line.line.extras),
            Area::Header | Area::Summary => None,
        };
        line.unwrap_or(&mut self.receipt.extras)
    }

    // === the end ===

    fn finish(mut self, set: &TransactionSet<'_>) -> Mapped {
        self.close_party();
        if self.header.is_none() {
            self.context.missing("W17", 2, set.offset());
        }
        // Of a set that is refused anyway, nobody needs the sums.
        if self.context.is_sound() {
            self.settle();
        }
        let (receipt, lines) = (self.receipt, self.lines);
        let mut context = self.context;
        if receipt.receipt_type == ReceiptType::CustomerReturn {
            let returned = returned::receipt(receipt, lines, &mut context);
            return context.finish(|| Document::ReturnReceipt(returned));
        }
        let lines = lines.into_iter().map(Line::finish).collect();
        context.finish(|| Document::InboundReceipt(InboundReceipt { lines, ..receipt }))
    }

    fn settle(&mut self) {
        let own = self
            .lines
            .iter_mut()
            .map(|line| (line.number.take(), line.place));
        let numbers = numbering::numbers(own, &mut self.context);
        for (line, number) in self.lines.iter_mut().zip(numbers) {
            line.line.line_no = number;
            line.settle(&mut self.context);
        }
        let place = self.header.unwrap_or_default();
        if self.lines.is_empty() {
            let text = "the receipt names no items (W07)".to_owned();
            self.context.remark("receipt-without-lines", text, place);
        }
        match self.total {
            Some(place) => self.check_totals(place),
            None => self.context.absent("W14", set_end(&self.lines, place)),
        }
    }

    /// Remarks on a total that is not the sum of the lines.
    fn check_totals(&mut self, place: Place) {
        let sum = |of: &dyn Fn(&Line) -> Option<Decimal>| {
            self.lines
                .iter()
                .try_fold(Decimal::ZERO, |sum, line| sum.checked_add(of(line)?).ok())
        };
        let received = sum(&|line| Some(line.line.received.value));
        let held =
            sum(&|line| line.in_condition(&[ReceiptCondition::Damaged, ReceiptCondition::Hold]));
        for (element, what, stated, sum) in [
            (1, "received", self.receipt.total_received, received),
            (3, "damaged or on hold", self.held, held),
        ] {
            let Some(stated) = stated.filter(|_| !self.lines.is_empty()) else {
                continue;
            };
            if !sum.is_some_and(|sum| sum.is_equal(stated)) {
                let sum = sum.map_or("more than a number can hold".to_owned(), |sum| {
                    sum.to_string()
                });
                let text = format!(
                    "W14-{element:02} says that {stated} units were {what} in all, the lines add up to {sum}"
                );
                self.context
                    .remark("total-mismatch", text, place.element(element));
            }
        }
    }
}

/// Where a missing summary should stand: behind the last line.
fn set_end(lines: &[Line], header: Place) -> Place {
    lines.last().map_or(header, |line| line.place)
}
