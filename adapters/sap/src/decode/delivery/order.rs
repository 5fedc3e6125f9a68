//! An order for the warehouse.

use crossdock_sdk::idoc::Segment;
use crossdock_sdk::{Decimal, Document, Order, OrderLine, Purpose, Quantity, Reference};

use super::super::Mapped;
use super::super::context::Context;
use super::super::order::texts;
use super::{
    LINE_READ, PLANNED, carrier, common, customer_order, deadline, items, keep_header, node,
    number, parties, purchase_order, purpose, quantity_fields,
};
use crate::wire;

pub(super) fn map(header: Segment<'_, '_>, mut context: Context<'_>) -> Mapped {
    let mut order = Order::new(number(header, &mut context));
    order.purpose = purpose(header);
    order.node = node(header);
    order.parties = parties(header, &context);
    order.carrier = carrier(header, &order.parties, &context);
    order.customer_po = common(header, purchase_order).map(str::to_owned);
    if let Some(segment) = header.all("E1EDL24").find_map(customer_order) {
        order.order_date = context.day(segment, "BSTDT", &mut order.extras);
    }
    if let Some(segment) = deadline(header, "006") {
        order.requested_ship = context.moment(segment, PLANNED, &mut order.extras);
    }
    if let Some(segment) = deadline(header, "007") {
        order.requested_delivery = context.moment(segment, PLANNED, &mut order.extras);
    }
    if let Some(number) = header.get("BOLNR") {
        order.references.push(Reference::new("BM", number));
    }
    order.notes = texts(header, "E1TXTH8", "E1TXTP8");
    order.total_weight = context.measure(header, ["BTGEW", "GEWEI"], &mut order.extras);
    for segment in header.all("E1EDL24") {
        let line = line(segment, order.customer_po.as_deref(), &mut context);
        if is_split(header, segment, &line) {
            let text = format!("item {} has its quantity in its batches", line.line_no);
            context.note("batch-split", text, segment, "LFIMG");
        } else {
            order.lines.push(line);
        }
    }
    if order.lines.is_empty() && order.purpose != Purpose::Cancel {
        context.segment(
            header,
            "E1EDL24",
            "an order for the warehouse needs an item",
        );
    }
    if let Some(id) = header.get("LIFEX") {
        order
            .extras
            .push(("E1EDL20.LIFEX".to_owned(), id.to_owned()));
    }
    keep_header(&mut order.extras, header, &["006", "007"], &context);
    context.finish(|| Document::Order(order))
}

/// Whether an item of nought has batches below it (HIPOS), which hold the quantity.
fn is_split(header: Segment<'_, '_>, segment: Segment<'_, '_>, line: &OrderLine) -> bool {
    let item = segment.get("POSNR");
    line.quantity.value.is_zero()
        && item.is_some()
        && header
            .all("E1EDL24")
            .any(|other| other.get("HIPOS") == item)
}

fn line(
    segment: Segment<'_, '_>,
    customer_po: Option<&str>,
    context: &mut Context<'_>,
) -> OrderLine {
    let line_no = context.required(segment, "POSNR", "the item's number");
    let line_no = context.config.number(line_no).to_owned();
    let [field, unit] = quantity_fields(segment);
    if segment.get(field).is_none() {
        context.missing(segment, "LFIMG", "the quantity to deliver");
    }
    let quantity = context.quantity(segment, field, unit);
    let quantity = quantity.unwrap_or_else(|| Quantity::new(Decimal::ZERO, ""));
    let mut line = OrderLine::new(line_no, quantity, items(segment, context));
    line.description = segment.get("ARKTX").map(str::to_owned);
    line.lot_required = context.lot(segment, &mut line.extras);
    line.weight = context.measure(segment, ["BRGEW", "GEWEI"], &mut line.extras);
    if let Some(number) = segment.get("VGBEL") {
        // Element 128: VN, the vendor's order number.
        line.references
            .push(Reference::new("VN", context.config.number(number)));
    }
    if let Some(number) = purchase_order(segment).filter(|number| Some(*number) != customer_po) {
        line.references.push(Reference::new("PO", number));
    }
    line.notes = texts(segment, "E1TXTH9", "E1TXTP9");
    if context.config.keep_extras {
        wire::keep(&mut line.extras, segment, &LINE_READ_AND_DATE);
    }
    line
}

/// The date of the batch is read with it.
const LINE_READ_AND_DATE: [&str; 20] = {
    let mut read = ["VFDAT"; 20];
    let mut index = 0;
    while index < LINE_READ.len() {
        read[index] = LINE_READ[index];
        index += 1;
    }
    read
};
