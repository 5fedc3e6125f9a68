//! A return that came and was dealt with.
//!
//! ShipBob completes a return after it has looked at each unit, so one webhook says
//! both what came and what became of it: a receipt, and a disposition where the return
//! has a reference of ours.

use crossdock_sdk::json::Part;
use crossdock_sdk::{
    Decimal, Decoded, Disposition, DispositionLine, Document, ItemId, ItemScheme, Lot, Moment,
    Problem, Quantity, ReceiptCondition, Reference, ReturnDisposition, ReturnReceipt,
    ReturnReceiptLine,
};

use super::Context;
use super::milestone::read_moment;

/// Kept under their own names; the model has no field for them.
const EXTRAS: [&str; 5] = [
    "return_type",
    "status",
    "original_shipment_id",
    "customer_name",
    "insert_date",
];

/// Adds a receipt and, if the return has a reference, its disposition.
pub(super) fn add(context: &Context<'_>, decoded: &mut Decoded, part: &Part<'_, '_>) {
    let mut findings = Vec::new();
    let receipt = match read(context, part, &mut findings) {
        Ok(receipt) => receipt,
        Err(problem) => return context.add(decoded, Err(problem)),
    };
    let disposition = disposition(&receipt, part);
    let receipt = (Document::ReturnReceipt(receipt.document), findings);
    context.add(decoded, Ok(receipt));
    if let Some(disposition) = disposition {
        let document = Document::ReturnDisposition(disposition);
        context.add(decoded, Ok((document, Vec::new())));
    }
}

/// A receipt with what became of each of its lines.
struct Receipt {
    document: ReturnReceipt,
    /// Absent where nothing was done with the line yet.
    dispositions: Vec<Option<(Disposition, Option<String>)>>,
    completed_at: Moment,
}

fn read(
    context: &Context<'_>,
    part: &Part<'_, '_>,
    findings: &mut Vec<Problem>,
) -> Result<Receipt, Problem> {
    part.object()?;
    let id = part.first(&["id", "return_id"]).id()?;
    let completed = read_moment(&part.get("completed_date"))?;
    let arrived = read_moment(&part.get("arrived_date"))?;
    if completed.is_none() && arrived.is_none() {
        let text = "the body does not say when it came; the time of its sending is taken";
        findings.push(part.get("completed_date").problem("time-missing", text));
    }
    let completed_at = completed.unwrap_or_else(|| context.told_at.clone());
    let mut document = ReturnReceipt::new(id, arrived.unwrap_or_else(|| completed_at.clone()));
    document.rma_no = part.get("reference_id").optional_id()?.map(str::to_owned);
    let order = part.get("store_order_id").optional_id()?;
    let order_no = order
        .map(|order| context.config.order_no(order))
        .transpose()?;
    document.order_no = order_no.map(str::to_owned);
    let center = part.get("fulfillment_center");
    document.node = center
        .get("id")
        .optional_id()?
        .map(|id| context.config.node(id));
    if let Some(tracking) = part.get("tracking_number").optional_id()? {
        document.references.push(Reference::new("2I", tracking));
    }
    for name in EXTRAS {
        if let Some(value) = part.get(name).scalar() {
            document.extras.push((name.to_owned(), value.to_owned()));
        }
    }
    let mut dispositions = Vec::new();
    let inventory = part.get("inventory");
    for item in inventory.items()? {
        lines(&item, &mut document.lines, &mut dispositions)?;
    }
    if document.lines.is_empty() {
        return Err(inventory.problem("lines-missing", "a return needs at least one item"));
    }
    Ok(Receipt {
        document,
        dispositions,
        completed_at,
    })
}

/// One line for each action that was taken with an item, or one for the item. What was
/// announced stands on the first only, so that it adds up.
fn lines(
    item: &Part<'_, '_>,
    lines: &mut Vec<ReturnReceiptLine>,
    dispositions: &mut Vec<Option<(Disposition, Option<String>)>>,
) -> Result<(), Problem> {
    let expected = item.get("quantity").decimal()?;
    let taken = item.get("action_taken");
    let mut first = true;
    let mut add = |received: Decimal, action: Option<&str>, reason: Option<&str>| {
        let condition = match action {
            Some(action) => condition(action),
            None if received.is_zero() => ReceiptCondition::Short,
            None => ReceiptCondition::Good,
        };
        let disposition = action.map(disposition_of);
        let number = (lines.len() + 1).to_string();
        let items = items(item)?;
        let quantity = Quantity::new(received, "EA");
        let mut line = ReturnReceiptLine::new(number, items, quantity, condition);
        line.expected = first.then(|| Quantity::new(expected, "EA"));
        line.lot = lot(item)?;
        for (name, value) in [
            ("name", item.get("name").scalar()),
            ("action", action),
            ("action_reason", reason),
        ] {
            line.extras
                .extend(value.map(|value| (name.to_owned(), value.to_owned())));
        }
        first = false;
        lines.push(line);
        dispositions.push(disposition.map(|disposition| (disposition, reason.map(str::to_owned))));
        Ok::<(), Problem>(())
    };
    if !taken.exists() {
        return add(expected, None, None);
    }
    // An item that nothing was done with by the end has not come.
    if taken.items()?.len() == 0 {
        return add(Decimal::ZERO, None, None);
    }
    for action in taken.items()? {
        let received = action.get("quantity_processed").decimal()?;
        let name = action.get("action").text()?;
        add(
            received,
            Some(name),
            action.get("action_reason").optional_text()?,
        )?;
    }
    Ok(())
}

fn items(item: &Part<'_, '_>) -> Result<Vec<ItemId>, Problem> {
    let mut items = Vec::new();
    items.extend(item.get("sku").optional_id()?.map(ItemId::sku));
    let scheme = ItemScheme::Other("shipbob-inventory".to_owned());
    items.push(ItemId::new(scheme, item.get("id").id()?));
    let barcodes = item.get("barcodes");
    for barcode in barcodes.items()? {
        let scheme = ItemScheme::Other("barcode".to_owned());
        items.push(ItemId::new(scheme, barcode.id()?));
    }
    Ok(items)
}

fn lot(item: &Part<'_, '_>) -> Result<Option<Lot>, Problem> {
    let information = item.get("lot_information");
    let Some(number) = information.get("number").optional_id()? else {
        return Ok(None);
    };
    let mut lot = Lot::new(number);
    let expiry = read_moment(&information.get("expiration"))?;
    lot.expiry = expiry.map(|moment| moment.day().to_owned());
    Ok(Some(lot))
}

/// What an action says about the units: `Restock`, `Quarantine` or `Dispose`.
fn condition(action: &str) -> ReceiptCondition {
    match action {
        "Restock" => ReceiptCondition::Good,
        "Quarantine" => ReceiptCondition::Hold,
        "Dispose" => ReceiptCondition::Scrapped,
        other => ReceiptCondition::Other(other.to_owned()),
    }
}

fn disposition_of(action: &str) -> Disposition {
    match action {
        "Restock" => Disposition::Restock,
        "Quarantine" => Disposition::Hold,
        "Dispose" => Disposition::Scrap,
        other => Disposition::Other(other.to_owned()),
    }
}

fn disposition(receipt: &Receipt, part: &Part<'_, '_>) -> Option<ReturnDisposition> {
    let rma_no = receipt.document.rma_no.clone()?;
    let lines = receipt.document.lines.iter().zip(&receipt.dispositions);
    let lines: Vec<DispositionLine> = lines
        .filter_map(|(line, verdict)| {
            let (disposition, text) = verdict.clone()?;
            let quantity = line.received.clone();
            let items = line.items.clone();
            let mut verdict = DispositionLine::new(&line.line_no, items, quantity, disposition);
            verdict.text = text;
            Some(verdict)
        })
        .collect();
    if lines.is_empty() {
        return None;
    }
    let mut disposition = ReturnDisposition::new(rma_no, receipt.completed_at.clone());
    disposition.receipt_no = Some(receipt.document.receipt_no.clone());
    disposition.lines = lines;
    let status = part.get("status").scalar();
    disposition
        .extras
        .extend(status.map(|status| ("status".to_owned(), status.to_owned())));
    Some(disposition)
}
