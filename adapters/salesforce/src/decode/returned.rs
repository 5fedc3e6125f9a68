//! A ReturnOrder with its line items, as an event has it: somebody wants to send goods
//! back, or no longer does. Whether he may is the ERP's to say.

use crossdock_sdk::json::{Part, Tree};
use crossdock_sdk::{
    Disposition, Document, ItemId, ItemScheme, Moment, Problem, Purpose, Quantity,
    ReturnAuthorization, ReturnLine, ReturnReason, ReturnState,
};

use super::order::{at, number, owned};
use crate::settings::Config;

/// Reads a return: its fields beside each other, its lines as JSON in a text, since an
/// event holds no list.
pub(super) fn event(
    config: &Config<'_>,
    payload: &Part<'_, '_>,
) -> Result<(Document, Vec<Problem>), Problem> {
    let text = |name: &str| at(payload, name, |part| owned(part.optional_id()));
    let number = config.field_path("rma-field", "ReturnOrderNumber")?;
    let rma_no = at(payload, number, |part| part.id().map(str::to_owned))?;
    let mut paper = ReturnAuthorization::new(rma_no, ReturnState::Requested);
    if matches!(text("Status")?.as_deref(), Some("Canceled" | "Cancelled")) {
        paper.purpose = Purpose::Cancel;
    }
    paper.order_no = text(config.field_path("return-order-field", "Order_Number__c")?)?;
    paper.issued_at = at(payload, "CreatedDate", |part| {
        match part.optional_text()? {
            None => Ok(None),
            Some(text) => match Moment::iso(text) {
                Some(moment) => Ok(Some(moment)),
                None => Err(part.problem("time-invalid", "expected a time as in ISO 8601")),
            },
        }
    })?;
    paper.reason = text("Description")?;
    paper
        .extras
        .extend(text("Id")?.map(|id| ("Id".to_owned(), id)));
    let name = config.field_path("event-lines-field", "Lines__c")?;
    let field = payload.get(name);
    if let Some(text) = field.optional_text()? {
        let inside = |problem: Problem| {
            field.problem(&problem.code, format!("inside the field: {}", problem.text))
        };
        let tree = Tree::parse(text.as_bytes()).map_err(|error| inside(error.into()))?;
        let root = Part::root(&tree);
        for item in root.items().map_err(inside)? {
            paper.lines.push(line(config, &item).map_err(inside)?);
        }
    }
    if paper.lines.is_empty() && paper.purpose != Purpose::Cancel {
        return Err(field.missing("the lines of the return"));
    }
    Ok((Document::ReturnAuthorization(paper), Vec::new()))
}

fn line(config: &Config<'_>, item: &Part<'_, '_>) -> Result<ReturnLine, Problem> {
    item.object()?;
    let line_no = number(item.get("ReturnOrderLineItemNumber").id()?);
    let sku = at(
        item,
        config.field_path("sku-field", "Product2.ProductCode")?,
        |part| part.id().map(str::to_owned),
    )?;
    let mut items = vec![ItemId::sku(sku)];
    if let Some(id) = item.get("Product2Id").optional_id()? {
        let scheme = ItemScheme::Other("salesforce-product".to_owned());
        items.push(ItemId::new(scheme, id));
    }
    let unit = item.get("QuantityUnitOfMeasure").optional_text()?;
    let quantity = item.get("QuantityReturned").decimal()?;
    let quantity = Quantity::new(quantity, config.unit(unit));
    let reason = item.get("ReasonForReturn").optional_text()?;
    let mut line = ReturnLine::new(
        line_no,
        items,
        quantity,
        reason_of(reason.unwrap_or("Other")),
    );
    let plan = item.get("ProcessingPlan").optional_text()?;
    line.expected_disposition = plan.map(plan_of);
    Ok(line)
}

/// The standard values of ReasonForReturn; an org's own stay as they are.
fn reason_of(word: &str) -> ReturnReason {
    match word {
        "Damaged" => ReturnReason::Damaged,
        "Defective" => ReturnReason::Defective,
        "Wrong Item" => ReturnReason::WrongGoods,
        "Wrong Quantity" | "Duplicate Order" => ReturnReason::OrderingError,
        "Not Satisfied" => ReturnReason::NotAsExpected,
        "Outdated" => ReturnReason::Expired,
        other => ReturnReason::Other(other.to_owned()),
    }
}

/// The standard values of ProcessingPlan.
fn plan_of(word: &str) -> Disposition {
    match word {
        "Restock" => Disposition::Restock,
        "Repair" => Disposition::Refurbish,
        "Scrap" | "Discard" => Disposition::Scrap,
        other => Disposition::Other(other.to_owned()),
    }
}
