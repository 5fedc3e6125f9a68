//! Goods that will come: an inbound delivery, or a customer's return.

use crossdock_sdk::idoc::Segment;
use crossdock_sdk::{Decimal, Document, InboundNotice, NoticeLine, Purpose, Quantity, Reference};

use super::super::Mapped;
use super::super::context::Context;
use super::{
    LINE_READ, PLANNED, carrier, common, deadline, items, keep_header, node, number, parties,
    purchase_order, purpose, quantity_fields,
};
use crate::wire;

pub(super) fn map(header: Segment<'_, '_>, mut context: Context<'_>) -> Mapped {
    let mut notice = InboundNotice::new(number(header, &mut context));
    notice.purpose = purpose(header);
    notice.shipment_id = header.get("LIFEX").map(str::to_owned);
    notice.node = node(header);
    notice.parties = parties(header, &context);
    notice.carrier = carrier(header, &notice.parties, &context);
    let reference = common(header, |item| item.get("VGBEL"));
    let reference = reference.map(|number| context.config.number(number).to_owned());
    // E1EDL43 tells what the item was made from: V a purchase order, H a return.
    let of_return = common(header, |item| {
        item.child("E1EDL43").and_then(|it| it.get("QUALF"))
    });
    if of_return == Some("H") {
        notice.rma_no = reference;
        notice.purchase_order = common(header, purchase_order).map(str::to_owned);
    } else {
        notice.purchase_order = reference;
    }
    if let Some(segment) = deadline(header, "007") {
        notice.expected = context.moment(segment, PLANNED, &mut notice.extras);
    }
    if let Some(number) = header.get("BOLNR") {
        notice.references.push(Reference::new("BM", number));
    }
    for segment in header.all("E1EDL24") {
        let line = line(segment, &mut context);
        notice.lines.push(line);
    }
    if notice.lines.is_empty() && notice.purpose != Purpose::Cancel {
        context.segment(header, "E1EDL24", "a notice of goods needs an item");
    }
    keep_header(&mut notice.extras, header, &["007"], &context);
    context.finish(|| Document::InboundNotice(notice))
}

fn line(segment: Segment<'_, '_>, context: &mut Context<'_>) -> NoticeLine {
    let line_no = context.required(segment, "POSNR", "the item's number");
    let line_no = context.config.number(line_no).to_owned();
    let [field, unit] = quantity_fields(segment);
    if segment.get(field).is_none() {
        context.missing(segment, "LFIMG", "the quantity that will come");
    }
    let quantity = context.quantity(segment, field, unit);
    let quantity = quantity.unwrap_or_else(|| Quantity::new(Decimal::ZERO, ""));
    let mut line = NoticeLine::new(line_no, quantity, items(segment, context));
    line.lot = context.lot(segment, &mut line.extras);
    if context.config.keep_extras {
        wire::keep(&mut line.extras, segment, &LINE_READ);
        // These two are read elsewhere for other meanings.
        wire::keep_field(&mut line.extras, segment, "ARKTX");
        wire::keep_field(&mut line.extras, segment, "VGBEL");
    }
    line
}
