//! What a document is about, and what makes it the same one again.
//!
//! The business key orders deliveries and is what people search by; all that
//! concerns one order shares its key. The identity tells a document that comes a
//! second time from a new one: who sent it, its kind, its numbers, its purpose and
//! revision. Interchange control numbers are no part of it: partners reset them,
//! and send the same document again under a new one.

use sha2::{Digest as _, Sha256};

use super::{Document, InboundReceipt, Invoice, Milestone, ReturnReceipt, code::code_text};
use crate::{
    message::{Digest, PartnerName},
    record::{self, Disposition, Identity},
};

/// The kinds of document, as records, routes and pages name them.
pub const KINDS: &[&str] = &[
    "order",
    "order-response",
    "inventory-snapshot",
    "inventory-adjustment",
    "inbound-notice",
    "inbound-receipt",
    "shipment",
    "milestone",
    "return-authorization",
    "return-receipt",
    "return-disposition",
    "invoice",
    "service-case",
    "notification",
    "functional-acknowledgement",
    "other",
];

/// The document's kind, one of [`KINDS`].
#[must_use]
pub fn kind(document: &Document) -> &'static str {
    match document {
        Document::Order(_) => "order",
        Document::OrderResponse(_) => "order-response",
        Document::InventorySnapshot(_) => "inventory-snapshot",
        Document::InventoryAdjustment(_) => "inventory-adjustment",
        Document::InboundNotice(_) => "inbound-notice",
        Document::InboundReceipt(_) => "inbound-receipt",
        Document::Shipment(_) => "shipment",
        Document::Milestone(_) => "milestone",
        Document::ReturnAuthorization(_) => "return-authorization",
        Document::ReturnReceipt(_) => "return-receipt",
        Document::ReturnDisposition(_) => "return-disposition",
        Document::Invoice(_) => "invoice",
        Document::ServiceCase(_) => "service-case",
        Document::Notification(_) => "notification",
        Document::FunctionalAcknowledgement(_) => "functional-acknowledgement",
        Document::Other(_) => "other",
    }
}

/// What the document is about: `order/4500012`. Documents of one key reach a
/// partner in the order in which they were accepted.
#[must_use]
pub fn business_key(document: &Document, from: &PartnerName) -> String {
    match document {
        Document::Order(it) => format!("order/{}", it.order_no),
        Document::OrderResponse(it) => format!("order/{}", it.order_no),
        Document::Shipment(it) => format!("order/{}", it.order_no),
        Document::Milestone(Milestone {
            order_no: Some(order_no),
            ..
        })
        | Document::Invoice(Invoice {
            order_no: Some(order_no),
            ..
        }) => {
            format!("order/{order_no}")
        }
        Document::Milestone(it) => format!("shipment/{}", it.shipment_id),
        Document::Invoice(it) => format!("invoice/{}", it.invoice_no),
        Document::InventorySnapshot(it) => inventory_key(from, it.node.as_deref()),
        Document::InventoryAdjustment(it) => inventory_key(from, it.node.as_deref()),
        Document::InboundNotice(it) => format!("inbound/{}", it.notice_no),
        Document::InboundReceipt(InboundReceipt {
            notice_no: Some(notice_no),
            ..
        }) => {
            format!("inbound/{notice_no}")
        }
        Document::InboundReceipt(it) => format!("inbound/{}", it.receipt_no),
        Document::ReturnAuthorization(it) => format!("return/{}", it.rma_no),
        Document::ReturnReceipt(ReturnReceipt {
            rma_no: Some(rma_no),
            ..
        }) => {
            format!("return/{rma_no}")
        }
        Document::ReturnReceipt(it) => format!("return/{}", it.receipt_no),
        Document::ReturnDisposition(it) => format!("return/{}", it.rma_no),
        Document::ServiceCase(it) => format!("case/{}", it.external_key),
        Document::Notification(it) => format!("notification/{}", it.dedupe_key),
        Document::FunctionalAcknowledgement(it) => {
            format!("acknowledgement/{}/{}", it.functional_id, it.group_control)
        }
        Document::Other(it) => format!("{}/{}", it.type_, it.business_key),
    }
}

/// Whether all that shares the key of such a document is one business event with a
/// beginning: an order and what follows from it. Stock levels go on for ever, partners
/// use the numbers of acknowledgements again, and of other documents nothing is known.
#[must_use]
pub fn is_one_event(kind: &str) -> bool {
    !matches!(
        kind,
        "inventory-snapshot" | "inventory-adjustment" | "functional-acknowledgement" | "other"
    )
}

/// Whether what follows belongs to this document: it is the first of its business event
/// and has, or may still get, an effect.
#[must_use]
pub fn begins_event(document: &record::Document) -> bool {
    document.thread.is_none()
        && is_one_event(&document.kind)
        && matches!(
            document.disposition,
            Disposition::Routed | Disposition::Unrouted
        )
}

/// What makes the document the same one when it comes again. `content` is its
/// canonical JSON.
#[must_use]
pub fn identity(document: &Document, from: &PartnerName, content: &str) -> Identity {
    let content = Digest::of(content.as_bytes());
    let mut parts: Vec<String> = vec![from.to_string(), kind(document).to_owned()];
    match document {
        Document::Order(it) => {
            parts.extend([it.order_no.clone(), code_text(&it.purpose)]);
            parts.extend(it.revision.clone());
        }
        Document::OrderResponse(it) => {
            parts.extend([it.order_no.clone(), code_text(&it.decision)]);
            parts.extend(it.partner_order_no.clone());
            parts.extend(it.decided_at.as_ref().map(|at| at.text.clone()));
        }
        Document::Shipment(it) => parts.extend([
            it.shipment_id.clone(),
            it.order_no.clone(),
            code_text(&it.purpose),
        ]),
        Document::Milestone(it) => {
            parts.extend([
                it.shipment_id.clone(),
                code_text(&it.code),
                it.at.text.clone(),
            ]);
            parts.extend(it.stop.map(|stop| stop.to_string()));
        }
        Document::InventorySnapshot(it) => {
            parts.extend([
                it.snapshot_id.clone(),
                it.as_of.text.clone(),
                code_text(&it.purpose),
            ]);
        }
        Document::InventoryAdjustment(it) => {
            parts.extend([it.adjustment_no.clone(), code_text(&it.purpose)]);
        }
        Document::InboundNotice(it) => parts.extend([it.notice_no.clone(), code_text(&it.purpose)]),
        Document::InboundReceipt(it) => {
            parts.extend([it.receipt_no.clone(), code_text(&it.receipt_type)]);
        }
        Document::ReturnAuthorization(it) => parts.extend([
            it.rma_no.clone(),
            code_text(&it.purpose),
            code_text(&it.state),
        ]),
        Document::ReturnReceipt(it) => parts.push(it.receipt_no.clone()),
        Document::ReturnDisposition(it) => {
            parts.extend([it.rma_no.clone(), it.decided_at.text.clone()]);
            parts.extend(it.receipt_no.clone());
        }
        Document::Invoice(it) => parts.extend([
            it.invoice_no.clone(),
            code_text(&it.invoice_type),
            code_text(&it.purpose),
        ]),
        Document::Notification(it) => parts.push(it.dedupe_key.clone()),
        // A case is updated under its key, acknowledgements come under numbers that
        // partners reset, and of other documents nothing is known: only the same
        // content is the same document.
        Document::ServiceCase(_) | Document::FunctionalAcknowledgement(_) | Document::Other(_) => {
            parts.push(content.to_string())
        }
    }
    Identity {
        key: digest_of(&parts),
        content,
    }
}

fn inventory_key(from: &PartnerName, node: Option<&str>) -> String {
    format!("inventory/{from}/{}", node.unwrap_or("all"))
}

/// SHA-256 over the parts with their lengths, so that no two lists look alike.
fn digest_of(parts: &[String]) -> Digest {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    Digest::from_bytes(hasher.finalize().into())
}
