//! What moves an instance: documents, timers, outcomes, persons and other processes.

use serde::{Deserialize, Serialize};

use super::exception;
use crate::{
    contract::Document,
    message::{DocumentId, PartnerName},
};

/// One input. The same `identity` twice changes nothing.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// What makes it the same again: a document's identity, a timer's name with its due
    /// time, a delivery's id with its outcome, a request's idempotency key.
    pub identity: String,
    /// What it says.
    pub body: Body<'a>,
}

/// What an input says.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// A partner sent a document.
    Document(Received<'a>),
    /// A timer that the instance set has come due.
    Timer {
        /// As [`super::Command::SetTimer`] named it.
        name: String,
    },
    /// A document that the instance sent was delivered, or never will be.
    Outcome {
        /// The command's.
        dedupe_key: String,
        /// How it ended.
        result: Delivered,
    },
    /// A partner stopped answering, or answers again (its breaker moved).
    Availability {
        /// Which partner.
        partner: PartnerName,
        /// The node that it runs; absent when it is no warehouse.
        node: Option<String>,
        /// Whether it answers.
        available: bool,
    },
    /// A person acts on an open exception.
    Action {
        /// The exception's id.
        exception: String,
        /// What to do.
        action: exception::Action,
        /// Who, for the history.
        by: String,
    },
    /// Another process says what became true there.
    Signal(Signal),
}

/// A document, where it came from and where it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Where the journal has it.
    pub id: DocumentId,
    /// Who sent it.
    pub from: &'a Origin,
    /// What it says.
    pub document: &'a Document,
    /// Which of its lines concern this instance, from 0; absent when all do. Only stock
    /// documents are divided, see [`super::addresses`].
    pub lines: Option<&'a [u32]>,
}

/// Who sent a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The partner.
    pub partner: PartnerName,
    /// What it is to the business.
    pub role: Role,
}

/// What a partner is to the business.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Role {
    /// The system of record for commerce and finance.
    Erp,
    /// A warehouse.
    Warehouse {
        /// The node that it runs.
        node: String,
    },
    /// The service desk.
    Crm,
    /// A shop, a marketplace or a customer's EDI.
    Shop,
    /// Who carries the goods.
    Carrier,
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Delivered {
    /// The partner has it.
    Done {
        /// Its own number for it.
        external_id: Option<String>,
    },
    /// It became a dead letter.
    Dead {
        /// The failure's code.
        code: String,
        /// The failure in words.
        text: String,
        /// Whether the partner understood and refused it, so that trying again is no use.
        refused: bool,
    },
}

/// What one process tells another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Signal {
    /// A shipment of the order reached its receiver.
    ShipmentDelivered {
        /// Which.
        shipment_id: String,
    },
    /// A shipment of the order will not reach its receiver: lost, refused, returned.
    ShipmentFailed {
        /// Which.
        shipment_id: String,
        /// What happened, a milestone's code.
        cause: String,
    },
    /// It will, after all.
    ShipmentRecovered {
        /// Which.
        shipment_id: String,
    },
}

// === impl Role ===

impl Role {
    /// The node, for a warehouse.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::Warehouse { node } => Some(node),
            _ => None,
        }
    }
}
