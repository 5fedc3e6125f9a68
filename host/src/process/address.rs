//! Which instances a document concerns.

use super::{
    Machine as _,
    input::{Origin, Role},
    inventory_sync::{InventoryPosition, InventorySync},
    order_to_fulfilment::OrderToFulfilment,
    return_to_credit::ReturnToCredit,
    shipment_visibility::ShipmentVisibility,
    write::sku,
};
use crate::{
    contract::{Document, InvoiceType, ItemId, Purpose, Shipment, ShipmentLine, ShipmentStatus},
    message::Digest,
};

/// How long a business key may be, in bytes; the rest of a longer one is made short.
const KEY_BYTES_MAX: usize = 200;

/// An instance, and the part of a document that is for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The process.
    pub process: &'static str,
    /// The business key.
    pub key: String,
    /// The document's lines that concern it, from 0; absent when all do.
    pub lines: Option<Vec<u32>>,
}

/// The instances that a document concerns; none for what no process listens to.
#[must_use]
pub fn addresses(document: &Document, from: &Origin) -> Vec<Address> {
    match document {
        Document::Order(it) => vec![order(&it.order_no)],
        Document::OrderResponse(it) => vec![order(&it.order_no)],
        Document::Shipment(it) if leaves_nothing(it) => vec![order(&it.order_no)],
        Document::Shipment(it) => vec![order(&it.order_no), shipment(&it.shipment_id)],
        Document::Milestone(it) => vec![shipment(&it.shipment_id)],
        Document::Invoice(it) => match (&it.invoice_type, &it.order_no, &it.rma_no) {
            (InvoiceType::CreditMemo, _, Some(rma_no)) => vec![returned(rma_no)],
            (InvoiceType::Invoice, Some(order_no), _) => vec![order(order_no)],
            _ => Vec::new(),
        },
        Document::ReturnAuthorization(it) => vec![returned(&it.rma_no)],
        Document::ReturnReceipt(it) => vec![returned(it.rma_no.as_ref().unwrap_or(&it.receipt_no))],
        Document::ReturnDisposition(it) => vec![returned(&it.rma_no)],
        Document::InventorySnapshot(it) => stock(
            from,
            it.node.as_deref(),
            it.lines.iter().map(|line| &line.items),
        ),
        Document::InventoryAdjustment(it) => stock(
            from,
            it.node.as_deref(),
            it.lines.iter().map(|line| &line.items),
        ),
        _ => Vec::new(),
    }
}

/// Whether it only says that nothing left: there is nothing to follow on its way. One that
/// corrects an earlier one is about what was thought to be.
fn leaves_nothing(shipment: &Shipment) -> bool {
    let corrects = matches!(
        shipment.purpose,
        Purpose::Replace | Purpose::Change | Purpose::Cancel
    );
    let leaves = |line: &ShipmentLine| line.shipped.value.coefficient != 0;
    let says_so = !shipment.lines.is_empty() || shipment.status == ShipmentStatus::NotShipped;
    !corrects && says_so && !shipment.lines.iter().any(leaves)
}

fn order(order_no: &str) -> Address {
    whole(OrderToFulfilment::NAME, format!("order/{order_no}"))
}

fn shipment(shipment_id: &str) -> Address {
    whole(ShipmentVisibility::NAME, format!("shipment/{shipment_id}"))
}

fn returned(rma_no: &str) -> Address {
    whole(ReturnToCredit::NAME, format!("return/{rma_no}"))
}

fn whole(process: &'static str, key: String) -> Address {
    Address {
        process,
        key,
        lines: None,
    }
}

/// The node, when a warehouse reports, and each item.
fn stock<'a>(
    from: &Origin,
    node: Option<&str>,
    lines: impl Iterator<Item = &'a Vec<ItemId>>,
) -> Vec<Address> {
    let is_warehouse = matches!(from.role, Role::Warehouse { .. });
    if !is_warehouse && from.role != Role::Erp {
        return Vec::new();
    }
    let Some(node) = from.role.node().or(node) else {
        return Vec::new();
    };
    let mut addresses = Vec::new();
    if is_warehouse {
        addresses.push(whole(InventorySync::NAME, format!("inventory/{node}")));
    }
    let mut places: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (index, items) in lines.enumerate() {
        let Ok(index) = u32::try_from(index) else {
            break;
        };
        let sku = sku(items);
        let place = *places.entry(sku).or_insert_with(|| {
            addresses.push(Address {
                process: InventoryPosition::NAME,
                key: format!("inventory/{node}/{sku}"),
                lines: Some(Vec::new()),
            });
            addresses.len() - 1
        });
        if let Some(lines) = &mut addresses[place].lines {
            lines.push(index);
        }
    }
    addresses
}

/// A business key as rows can have it: partners choose what it is made of. One that fits
/// stays as it is.
#[must_use]
pub fn fit_key(key: &str) -> String {
    let clean: String = key
        .chars()
        .map(|it| if it.is_control() { '\u{fffd}' } else { it })
        .collect();
    if clean.len() <= KEY_BYTES_MAX {
        return clean;
    }
    let digest = Digest::of(key.as_bytes()).to_string();
    let mut end = KEY_BYTES_MAX - 17;
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}~{}", &clean[..end], &digest[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::testing::{self, erp, shop, snapshot, warehouse};

    #[test]
    fn stock_is_divided_by_item() {
        let report = snapshot(
            "S1",
            "2026-03-02T10:00:00Z",
            &[
                ("A", "on-hand", 1),
                ("B", "on-hand", 2),
                ("A", "damaged", 3),
            ],
        );
        let keys: Vec<_> = addresses(&report, &warehouse("north"))
            .into_iter()
            .map(|it| (it.process, it.key, it.lines))
            .collect();
        assert_eq!(
            keys,
            [
                ("inventory-sync", "inventory/north".to_owned(), None),
                (
                    "inventory-position",
                    "inventory/north/A".to_owned(),
                    Some(vec![0, 2])
                ),
                (
                    "inventory-position",
                    "inventory/north/B".to_owned(),
                    Some(vec![1])
                ),
            ]
        );
        assert_eq!(addresses(&report, &erp()).len(), 2, "the ERP is no node");
        assert_eq!(addresses(&report, &shop()), [], "a shop has no stock");
    }

    #[test]
    fn a_shipment_is_the_order_s_and_its_own() {
        let shipped = testing::shipment(
            "SH1",
            "SO-1",
            "2026-03-02T10:00:00Z",
            "complete",
            &[("1", "A", 1)],
        );
        let keys: Vec<_> = addresses(&shipped, &warehouse("north"))
            .into_iter()
            .map(|it| it.key)
            .collect();
        assert_eq!(keys, ["order/SO-1", "shipment/SH1"]);
    }

    #[test]
    fn what_never_left_is_no_shipment_that_somebody_waits_for() {
        let nothing = |purpose| {
            let at = "2026-03-02T10:00:00Z";
            let lines = [("1", "A", 0)];
            let document =
                testing::shipment_as("SH1", "SO-1", purpose, at, "partial-closed", &lines);
            addresses(&document, &warehouse("north")).len()
        };
        assert_eq!(nothing("original"), 1);
        assert_eq!(nothing("replace"), 2, "it may have been on its way");
    }

    #[test]
    fn what_did_not_leave_is_not_followed() {
        let mut nothing = testing::shipment(
            "SH1",
            "SO-1",
            "2026-03-02T10:00:00Z",
            "not-shipped",
            &[("1", "A", 0)],
        );
        if let Document::Shipment(it) = &mut nothing {
            it.status = ShipmentStatus::NotShipped;
        }
        let keys: Vec<_> = addresses(&nothing, &warehouse("north"))
            .into_iter()
            .map(|it| it.key)
            .collect();
        assert_eq!(keys, ["order/SO-1"]);
    }
}
