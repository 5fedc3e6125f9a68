//! Which kinds of document processes take and send, by role: what the routing table must
//! leave to them, and what an adapter should be able to write.

use super::input::Role;

/// What all may send.
const FROM_ALL: &[&str] = &[
    "order",
    "order-response",
    "shipment",
    "milestone",
    "invoice",
    "return-authorization",
    "return-receipt",
    "return-disposition",
];

/// What only who keeps stock, or its books, may send.
const OF_STOCK: &[&str] = &["inventory-snapshot", "inventory-adjustment"];

/// Whether processes take documents of this kind from a partner of this role. Of invoices
/// they take those of an order and the credit memos of a return.
#[must_use]
pub fn takes(role: &Role, kind: &str) -> bool {
    let has_stock = matches!(role, Role::Erp | Role::Warehouse { .. });
    FROM_ALL.contains(&kind) || (has_stock && OF_STOCK.contains(&kind))
}

/// The kinds that processes send to a partner of this role.
#[must_use]
pub fn sends(role: &Role) -> &'static [&'static str] {
    match role {
        Role::Erp => &[
            "order",
            "order-response",
            "shipment",
            "milestone",
            "return-authorization",
            "return-receipt",
            "return-disposition",
            "inventory-adjustment",
        ],
        Role::Warehouse { .. } => &["order", "return-authorization"],
        Role::Crm => &[
            "order-response",
            "shipment",
            "milestone",
            "service-case",
            "notification",
            "return-authorization",
            "return-receipt",
            "return-disposition",
            "invoice",
            "inventory-snapshot",
        ],
        Role::Shop => &[
            "order-response",
            "shipment",
            "milestone",
            "return-authorization",
            "inventory-snapshot",
        ],
        Role::Carrier => &[],
    }
}

/// The kinds of these that a process waits for something to come of. Without an adapter
/// that writes them each one ends as a dead letter, and in an exception; the others are
/// left out.
#[must_use]
pub fn needs(role: &Role) -> &'static [&'static str] {
    match role {
        Role::Erp => &[
            "order",
            "return-authorization",
            "return-disposition",
            "inventory-adjustment",
        ],
        Role::Warehouse { .. } => &["order", "return-authorization"],
        Role::Crm | Role::Shop | Role::Carrier => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{self, Document},
        process::{Origin, addresses, testing as t},
    };

    fn samples() -> Vec<Document> {
        let at = "2026-03-02T10:00:00Z";
        let line = [("1", "A", 1)];
        vec![
            t::order("SO-1", &line),
            t::answer("SO-1", "accepted", 0, ""),
            t::shipment("SH1", "SO-1", at, "complete", &line),
            t::milestone("SH1", "delivered", at, None),
            t::invoice("I1", "invoice", Some("SO-1"), None, 1, "1"),
            t::paper("R1", "requested", 0, None, &line),
            t::receipt("RC1", None, 0, &[("1", "A", 1, "good")]),
            t::inspection("R1", None, 0, &[("1", "A", 1, "restock")]),
            t::snapshot("S1", at, &[("A", "on-hand", 1)]),
            t::adjustment("A1", at, "A", 1),
        ]
    }

    #[test]
    fn what_is_taken_has_an_address() {
        let partners: [Origin; 5] = [
            t::erp(),
            t::crm(),
            t::shop(),
            t::carrier(),
            t::warehouse("n"),
        ];
        for from in partners {
            for document in samples() {
                let kind = contract::kind(&document);
                let is_taken = !addresses(&document, &from).is_empty();
                assert_eq!(takes(&from.role, kind), is_taken, "{kind} from {from:?}");
            }
        }
    }

    #[test]
    fn every_kind_is_one_of_the_contract() {
        let roles = [
            t::erp(),
            t::crm(),
            t::shop(),
            t::carrier(),
            t::warehouse("n"),
        ];
        let sent = roles.iter().flat_map(|from| sends(&from.role));
        for kind in sent.chain(FROM_ALL).chain(OF_STOCK) {
            assert!(contract::KINDS.contains(kind), "{kind}");
        }
        for from in &roles {
            let is_sent = |kind: &&str| sends(&from.role).contains(kind);
            assert!(needs(&from.role).iter().all(is_sent), "{from:?}");
        }
    }
}
