//! Lists: orders by reference or by time, stock, returns, page by page.

use serde_json::{Value, json};

use super::{ShipBob, invalid, returned::Return};
use crate::{
    clock::Timestamp,
    simulate::wire::{Answer, Request},
};

/// Records of a page: what is asked for at most, and what is given unasked.
const PAGE_MAX: usize = 250;
const PAGE: usize = 50;

/// A parameter that is a number of records or of a page.
fn number(request: &Request, name: &'static str, unasked: usize) -> Result<usize, Answer> {
    let Some(text) = request.parameter(name) else {
        return Ok(unasked);
    };
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(invalid(
            400,
            &[(name, format!("{text} is no number above 0"))],
        )),
    }
}

fn size(request: &Request, name: &'static str) -> Result<usize, Answer> {
    let size = number(request, name, PAGE)?;
    if size > PAGE_MAX {
        return Err(invalid(400, &[(name, format!("At most {PAGE_MAX}"))]));
    }
    Ok(size)
}

fn moment(request: &Request, name: &'static str) -> Result<Option<Timestamp>, Answer> {
    let Some(text) = request.parameter(name) else {
        return Ok(None);
    };
    match text.parse::<jiff::Timestamp>() {
        Ok(moment) => Ok(Some(Timestamp::from_millis(moment.as_millisecond()))),
        Err(_) => Err(invalid(400, &[(name, format!("{text} is no date"))])),
    }
}

// === impl ShipBob ===

impl ShipBob {
    pub(super) fn list(&self, request: &Request) -> Answer {
        self.try_list(request).unwrap_or_else(|refused| refused)
    }

    fn try_list(&self, request: &Request) -> Result<Answer, Answer> {
        let (limit, page) = (size(request, "Limit")?, number(request, "Page", 1)?);
        let references = request.parameter("ReferenceIds");
        let references = references
            .as_deref()
            .map(|it| it.split(',').collect::<Vec<_>>());
        let since = moment(request, "LastUpdateStartDate")?;
        let until = moment(request, "LastUpdateEndDate")?;
        let found = self.orders.iter().filter(|order| {
            let asked = references
                .as_ref()
                .is_none_or(|it| it.contains(&order.reference.as_str()));
            asked
                && since.is_none_or(|since| order.updated >= since)
                && until.is_none_or(|until| order.updated <= until)
        });
        let total = found.clone().count();
        let shown = found.skip((page - 1).saturating_mul(limit)).take(limit);
        let orders: Vec<Value> = shown.map(|order| order.json(self.channel)).collect();
        let note = format!("{} of {total} orders", orders.len());
        Ok(Answer::json(200, &orders.into())
            .with_header("total-count", total)
            .noted(note))
    }

    pub(super) fn stock_page(&self, request: &Request, locations: bool) -> Answer {
        let items: Vec<Value> = self
            .stock
            .iter()
            .map(|(sku, item)| {
                let figures = json!({
                    "inventory_id": item.id, "name": sku, "sku": sku,
                    "total_on_hand_quantity": item.on_hand, "total_sellable_quantity": item.on_hand,
                    "total_fulfillable_quantity": item.on_hand, "total_committed_quantity": 0,
                    "total_awaiting_quantity": 0, "total_exception_quantity": 0,
                    "total_internal_transfer_quantity": 0, "total_backordered_quantity": 0,
                });
                if !locations {
                    return figures;
                }
                json!({
                    "inventory_id": item.id, "name": sku, "sku": sku,
                    "locations": [{
                        "location_id": 10, "name": "Moreno Valley (CA)", "on_hand_quantity": item.on_hand,
                        "fulfillable_quantity": item.on_hand, "committed_quantity": 0,
                        "awaiting_quantity": 0, "internal_transfer_quantity": 0,
                    }],
                })
            })
            .collect();
        cursor_page(request, "PageSize", &items).unwrap_or_else(|refused| refused)
    }

    pub(super) fn return_page(&self, request: &Request) -> Answer {
        self.try_return_page(request)
            .unwrap_or_else(|refused| refused)
    }

    fn try_return_page(&self, request: &Request) -> Result<Answer, Answer> {
        let references = request.parameter("ReferenceIds");
        let references = references
            .as_deref()
            .map(|it| it.split(',').collect::<Vec<_>>());
        let since = moment(request, "CompletedStartDate")?;
        let until = moment(request, "CompletedEndDate")?;
        let completed = |it: &Value| {
            let text = it["completed_date"].as_str()?;
            let moment: jiff::Timestamp = text.parse().ok()?;
            Some(Timestamp::from_millis(moment.as_millisecond()))
        };
        let asked = |it: &&Return| {
            references
                .as_ref()
                .is_none_or(|known| known.contains(&it.reference()))
        };
        let mut found: Vec<Value> = self
            .returns
            .iter()
            .filter(asked)
            .map(Return::json)
            .collect();
        if since.is_some() || until.is_some() {
            found.retain(|it| {
                completed(it).is_some_and(|at| {
                    since.is_none_or(|since| at >= since) && until.is_none_or(|until| at <= until)
                })
            });
        }
        cursor_page(request, "Limit", &found)
    }
}

/// A page of a list, with the address of the next one. The cursor is a number of a page,
/// from 1.
fn cursor_page(
    request: &Request,
    size_name: &'static str,
    items: &[Value],
) -> Result<Answer, Answer> {
    let (limit, page) = (size(request, size_name)?, number(request, "Cursor", 1)?);
    let begin = (page - 1).saturating_mul(limit).min(items.len());
    let end = begin.saturating_add(limit).min(items.len());
    let next = (end < items.len()).then(|| {
        let kept = request
            .query
            .split('&')
            .filter(|it| !it.starts_with("Cursor="));
        let kept: Vec<&str> = kept.filter(|it| !it.is_empty()).collect();
        let joint = if kept.is_empty() { "" } else { "&" };
        format!(
            "https://api.shipbob.com{}?{}{joint}Cursor={}",
            request.path,
            kept.join("&"),
            page + 1
        )
    });
    let body = json!({ "items": items[begin..end], "next": next, "prev": null, "first": null, "last": null });
    Ok(Answer::json(200, &body).noted(format!("{} of {}", end - begin, items.len())))
}
