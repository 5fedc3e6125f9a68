//! `/v1/inventory`: what nodes have, as they report it, and how it compares with the
//! ERP's books.
//!
//! A figure of a node whose news are too old is marked `stale`: it is shown, and not as
//! truth.

mod reconciliation;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

pub use self::reconciliation::show as reconciliation;
use super::{
    Api, bad_value,
    instance::{Instance, Source},
    limit, link,
    messages::on_blocking,
    problem::Problem,
};
use crate::{
    process::{
        Machine as _,
        inventory_sync::{InventoryPosition, InventorySync},
    },
    view::{InstanceFilter, InstanceRow},
};

/// Positions that one request looks at: those that are not wanted count too.
const LOOKED_AT_MAX: usize = 20_000;
/// Positions that are fetched at a time.
const PAGE: usize = 500;

/// Which positions.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    node: Option<String>,
    sku: Option<String>,
    stale: Option<bool>,
    held: Option<bool>,
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/inventory`: positions by node and item.
///
/// # Errors
/// 400 for a value that is not what its name says.
pub async fn list(
    State(api): State<Arc<Api>>,
    search: Result<Query<Search>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(search) = search.map_err(|error| bad_value("query", error))?;
    on_blocking(move || Json(listed(&api.source(), &search))).await
}

fn listed(source: &Source<'_>, search: &Search) -> Value {
    let limit = limit(search.limit);
    let mut nodes = Nodes::default();
    let mut shown = Vec::new();
    let mut next = None;
    let mut pages = Pages::of(search.node.as_deref(), search.after.clone());
    while let Some((key, _)) = pages.next(source) {
        let Some((node, sku)) = named(&key) else {
            continue;
        };
        let stale = nodes.is_stale(source, node);
        let is_wanted = search.sku.as_deref().is_none_or(|it| it == sku)
            && search.stale.is_none_or(|it| it == stale);
        let position = is_wanted
            .then(|| position(source, &key, node, sku, stale))
            .flatten()
            .filter(|position| search.held.is_none_or(|it| position["held"] == it));
        if let Some(position) = position {
            if shown.len() == limit {
                next = shown.last().map(|it: &(String, Value)| it.0.clone());
                break;
            }
            shown.push((key.clone(), position));
        }
        if pages.looked_at >= LOOKED_AT_MAX {
            next = Some(key);
            break;
        }
    }
    let shown: Vec<_> = shown.into_iter().map(|(_, position)| position).collect();
    json!({ "inventory": shown, "next": next })
}

fn position(source: &Source<'_>, key: &str, node: &str, sku: &str, stale: bool) -> Option<Value> {
    let instance = Instance::of::<InventoryPosition>(source, key)?;
    let state = instance.state::<InventoryPosition>();
    let rows = state.as_ref().map(|it| it.rows()).unwrap_or_default();
    let counted_at = rows.iter().filter_map(|it| it.counted_at_ms).max();
    let counted_at = counted_at.map(|at| crate::clock::Timestamp::from_millis(at).to_string());
    Some(json!({
        "node": node,
        "sku": sku,
        "available": state.as_ref().and_then(|it| it.available()),
        "stale": stale,
        "held": rows.iter().any(|it| it.held),
        "counted_at": counted_at,
        "changed_at": instance.row.changed_at.to_string(),
        "positions": rows.iter().map(|it| json!({
            "status": it.status,
            "lot": it.lot,
            "warehouse": it.warehouse,
            "erp": it.erp,
            "difference": it.difference,
            "held": it.held,
        })).collect::<Vec<_>>(),
        "links": { "self": link::instance(InventoryPosition::NAME, key) },
    }))
}

/// The node and the item of a position's key.
fn named(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("inventory/")?.split_once('/')
}

/// Whose figures are too old, asked once for each node.
#[derive(Default)]
struct Nodes(HashMap<String, bool>);

// === impl Nodes ===

impl Nodes {
    fn is_stale(&mut self, source: &Source<'_>, node: &str) -> bool {
        if let Some(known) = self.0.get(node) {
            return *known;
        }
        let instance = Instance::of::<InventorySync>(source, &format!("inventory/{node}"));
        let state = instance.and_then(|it| it.state::<InventorySync>());
        let is_stale = state.is_some_and(|it| it.is_stale());
        self.0.insert(node.to_owned(), is_stale);
        is_stale
    }
}

/// Positions, page by page: a node may have more than fit into memory at once.
struct Pages {
    filter: InstanceFilter,
    page: std::vec::IntoIter<(String, String, InstanceRow)>,
    is_last: bool,
    looked_at: usize,
}

// === impl Pages ===

impl Pages {
    /// Those of one node, or of all, after this key.
    fn of(node: Option<&str>, after: Option<String>) -> Self {
        let process = InventoryPosition::NAME.to_owned();
        Self {
            filter: InstanceFilter {
                key_prefix: node.map(|node| format!("inventory/{node}/")),
                after: after.map(|key| (process.clone(), key)),
                process: Some(process),
                limit: PAGE,
                ..InstanceFilter::default()
            },
            page: Vec::new().into_iter(),
            is_last: false,
            looked_at: 0,
        }
    }

    fn next(&mut self, source: &Source<'_>) -> Option<(String, InstanceRow)> {
        loop {
            if let Some((process, key, row)) = self.page.next() {
                self.looked_at += 1;
                self.filter.after = Some((process, key.clone()));
                return Some((key, row));
            }
            if self.is_last {
                return None;
            }
            let page = source.view.instances(&self.filter);
            self.is_last = page.len() < PAGE;
            self.page = page.into_iter();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::testing::{Site, stock, warehouse},
        process::Role,
    };

    pub(super) const RULES: &str = r#"
        [[inventory]]
        node = "north"
        tolerance_units = "2"
        [[limit]]
        level = "inventory-staleness"
        minutes = 60
    "#;

    /// North has ten fewer cups than the ERP thinks; south has only tea.
    pub(super) fn site() -> Site {
        let mut site = Site::new(RULES);
        site.document("erp", Role::Erp, &stock("E1", "north", "CUP", 100));
        site.document(
            "north-3pl",
            warehouse("north"),
            &stock("N1", "north", "CUP", 90),
        );
        site.document(
            "north-3pl",
            warehouse("north"),
            &stock("N2", "north", "TEA", 7),
        );
        site.document(
            "south-3pl",
            warehouse("south"),
            &stock("S1", "south", "TEA", 3),
        );
        site
    }

    fn search(text: &str) -> Search {
        let uri = format!("/?{text}").parse().unwrap();
        let Query(search) = Query::<Search>::try_from_uri(&uri).unwrap();
        search
    }

    fn found(site: &Site, text: &str) -> Vec<String> {
        let listed = listed(&site.source(), &search(text));
        let rows = listed["inventory"].as_array().unwrap().iter();
        rows.map(|it| {
            format!(
                "{}/{}",
                it["node"].as_str().unwrap(),
                it["sku"].as_str().unwrap()
            )
        })
        .collect()
    }

    #[test]
    fn stock_is_found_by_node_item_and_what_is_wrong_with_it() {
        let site = site();
        assert_eq!(found(&site, ""), ["north/CUP", "north/TEA", "south/TEA"]);
        assert_eq!(found(&site, "node=north"), ["north/CUP", "north/TEA"]);
        assert_eq!(found(&site, "sku=TEA"), ["north/TEA", "south/TEA"]);
        assert_eq!(found(&site, "held=true"), ["north/CUP"]);
        assert_eq!(found(&site, "stale=true"), [""; 0]);
        assert_eq!(
            found(&site, "node=nor"),
            [""; 0],
            "a name is meant as a whole"
        );
        let first = listed(&site.source(), &search("limit=1"));
        assert_eq!(first["next"], "inventory/north/CUP");
        let row = &first["inventory"][0];
        assert_eq!(
            (&row["available"], &row["held"]),
            (&json!("90"), &json!(true))
        );
        assert_eq!(row["positions"][0]["difference"], "-10");
        assert_eq!(
            found(&site, "after=inventory/north/CUP"),
            ["north/TEA", "south/TEA"]
        );
        let last = listed(&site.source(), &search("limit=3"));
        assert!(last["next"].is_null());
    }

    #[test]
    fn figures_of_a_silent_node_are_marked() {
        let mut site = site();
        site.wait(61);
        site.ring(
            InventorySync::NAME,
            "inventory/north",
            "inventory-staleness//breach",
        );
        assert_eq!(found(&site, "stale=true"), ["north/CUP", "north/TEA"]);
        assert_eq!(found(&site, "stale=false"), ["south/TEA"]);
    }
}
