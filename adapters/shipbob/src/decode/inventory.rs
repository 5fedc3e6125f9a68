//! Polled stock to snapshots: one of the whole network, or one for each location.

use crossdock_sdk::json::Part;
use crossdock_sdk::{
    Decoded, Document, InventorySnapshot, ItemId, ItemScheme, Problem, Quantity, SnapshotLine,
    Stock,
};

use super::Context;

/// Where the pages of a longer list are put together.
pub(crate) const PAGES_FIELD: &str = "pages";

/// One snapshot of the whole network. An item that can't be read fails it whole: a
/// snapshot without it would say that there is none.
///
/// # Errors
/// When the page is none.
pub(super) fn network(
    context: &Context<'_>,
    decoded: &mut Decoded,
    root: &Part<'_, '_>,
) -> Result<(), Problem> {
    let read = |context: &Context<'_>| -> Result<Vec<SnapshotLine>, Problem> {
        let mut lines = Vec::new();
        each_item(root, |item| {
            lines.extend(line(context, item, item)?);
            Ok(())
        })?;
        Ok(lines)
    };
    match read(context) {
        Ok(lines) => push(context, decoded, None, lines),
        Err(problem) => context.add(decoded, Err(problem)),
    }
    Ok(())
}

/// One snapshot for each location, in the order in which they are first met.
///
/// # Errors
/// When the page is none.
pub(super) fn locations(
    context: &Context<'_>,
    decoded: &mut Decoded,
    root: &Part<'_, '_>,
) -> Result<(), Problem> {
    let mut nodes: Vec<(String, Vec<SnapshotLine>)> = Vec::new();
    let read = each_item(root, |item| {
        let locations = item.get("locations");
        for location in locations.items()? {
            let id = location.get("location_id").id()?;
            let known = nodes.iter().position(|(node, _)| node == id);
            let position = known.unwrap_or(nodes.len());
            if known.is_none() {
                nodes.push((id.to_owned(), Vec::new()));
            }
            nodes[position].1.extend(line(context, item, &location)?);
        }
        Ok(())
    });
    match read {
        Ok(()) => nodes
            .into_iter()
            .for_each(|(id, lines)| push(context, decoded, Some(id), lines)),
        Err(problem) => context.add(decoded, Err(problem)),
    }
    Ok(())
}

/// Every item of one page, or of several that were put together.
fn each_item(
    root: &Part<'_, '_>,
    mut read: impl FnMut(&Part<'_, '_>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    root.object()?;
    let pages = root.get(PAGES_FIELD);
    if pages.exists() {
        for page in pages.items()? {
            let items = page.get("items");
            for item in items.items()? {
                read(&item)?;
            }
        }
        return Ok(());
    }
    let items = root.get("items");
    for item in items.items()? {
        read(&item)?;
    }
    Ok(())
}

/// The figures of one item, from where they stand; none if all are to be ignored.
fn line(
    context: &Context<'_>,
    item: &Part<'_, '_>,
    figures: &Part<'_, '_>,
) -> Result<Option<SnapshotLine>, Problem> {
    let mut stocks = Vec::new();
    for (name, figure) in figures.fields() {
        let Some(name) = name.strip_suffix("_quantity") else {
            continue;
        };
        let name = name.strip_prefix("total_").unwrap_or(name);
        let Some(kind) = context.config.stock_kind(name)? else {
            continue;
        };
        if let Some(value) = figure.optional_decimal()? {
            stocks.push(Stock::new(kind, Quantity::new(value, "EA")));
        }
    }
    let mut items = Vec::new();
    items.extend(item.get("sku").optional_id()?.map(ItemId::sku));
    let scheme = ItemScheme::Other("shipbob-inventory".to_owned());
    items.push(ItemId::new(scheme, item.get("inventory_id").id()?));
    let mut line = SnapshotLine::new(items, stocks);
    if let Some(name) = item.get("name").scalar() {
        line.extras.push(("name".to_owned(), name.to_owned()));
    }
    Ok((!line.stocks.is_empty()).then_some(line))
}

fn push(
    context: &Context<'_>,
    decoded: &mut Decoded,
    location: Option<String>,
    lines: Vec<SnapshotLine>,
) {
    if lines.is_empty() {
        return;
    }
    let told_at = &context.told_at;
    let id = match &location {
        Some(location) => format!("{}/{location}", told_at.text),
        None => told_at.text.clone(),
    };
    let mut snapshot = InventorySnapshot::new(id, told_at.clone());
    snapshot.node = location.map(|location| context.config.node(&location));
    snapshot.lines = lines;
    context.add(
        decoded,
        Ok((Document::InventorySnapshot(snapshot), Vec::new())),
    );
}
