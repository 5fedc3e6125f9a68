//! What routing looks at: stock, open orders, and who answers.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    instances::{Held, Instances, Named},
    roles::Roles,
};
use crate::{
    message::PartnerName,
    process::{
        Number, fit_key,
        routing::{Stock, Supply},
    },
    view::View,
};

const ORDERS: &str = "order-to-fulfilment";

/// Orders of which something is still to ship, by the node whose turn it is.
#[derive(Debug, Default)]
pub(super) struct OpenOrders(HashMap<String, BTreeSet<String>>);

/// The world at this moment.
pub(super) struct Now<'a> {
    pub(super) view: &'a View,
    pub(super) instances: &'a Instances,
    pub(super) open_orders: &'a OpenOrders,
    pub(super) roles: &'a Roles,
    /// Partners that do not answer.
    pub(super) down: &'a HashSet<PartnerName>,
}

// === impl OpenOrders ===

impl OpenOrders {
    /// As the view has them.
    pub(super) fn recover(view: &View) -> Self {
        let mut open = Self::default();
        for (key, row) in view.open_instances(ORDERS) {
            if let Some(node) = row.fact("node").filter(|_| row.fact("open") != Some("0")) {
                open.add(node, key);
            }
        }
        open
    }

    /// An instance took a step.
    pub(super) fn moved(&mut self, named: &Named, before: Option<&Held>, after: Option<&Held>) {
        if named.process != ORDERS {
            return;
        }
        let node_of = |held: &Held| {
            // What has left is no work of the node's any more, invoiced or not.
            let is_open = !held.finished && held.fact("open") != Some("0");
            let node = held.fact("node").filter(|_| is_open);
            node.map(str::to_owned)
        };
        let (was, is) = (before.and_then(node_of), after.and_then(node_of));
        if was == is {
            return;
        }
        if let Some(orders) = was.and_then(|node| self.0.get_mut(&node)) {
            orders.remove(&named.key);
        }
        if let Some(node) = is {
            self.add(&node, named.key.clone());
        }
    }

    /// The keys of those at a node.
    pub(super) fn at(&self, node: &str) -> Vec<String> {
        let orders = self.0.get(node);
        orders.map_or_else(Vec::new, |it| it.iter().cloned().collect())
    }

    fn add(&mut self, node: &str, key: String) {
        self.0.entry(node.to_owned()).or_default().insert(key);
    }
}

// === impl Now ===

impl Supply for Now<'_> {
    fn stock(&self, node: &str, sku: &str) -> Option<Stock> {
        let position = Named {
            process: "inventory-position".to_owned(),
            key: fit_key(&format!("inventory/{node}/{sku}")),
        };
        let available = self.instances.fact(self.view, &position, "available")?;
        let reporting = Named {
            process: "inventory-sync".to_owned(),
            key: fit_key(&format!("inventory/{node}")),
        };
        let stale = self.instances.fact(self.view, &reporting, "stale");
        Some(Stock {
            available: available.parse::<Number>().ok()?,
            stale: stale.as_deref() == Some("true"),
        })
    }

    fn open_orders(&self, node: &str) -> u32 {
        let orders = self.open_orders.0.get(node);
        orders.map_or(0, |it| u32::try_from(it.len()).unwrap_or(u32::MAX))
    }

    fn answers(&self, node: &str) -> bool {
        let partner = self.roles.partner_of(node);
        partner.is_none_or(|partner| !self.down.contains(partner))
    }
}
