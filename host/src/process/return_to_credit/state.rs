//! What is known of a return.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    message::{DocumentId, PartnerName},
    process::{desk::Desk, number::Number},
};

/// A return's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub(super) desk: Desk,
    pub(super) rma_no: String,
    /// Where it stands.
    pub status: Status,
    /// What somebody asked for.
    pub(super) request: Option<Paper>,
    /// What the ERP says to it.
    pub(super) verdict: Option<Paper>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cancel: Option<Cancel>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) receipts: Vec<Receipt>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) inspections: Vec<Inspection>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) credits: Vec<Credit>,
    /// A person released what came too late.
    pub(super) honoured: bool,
    /// Nothing, or not all, came in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lapsed: Option<Timestamp>,
    /// How much money the ERP was asked for.
    pub(super) requested: Number,
    /// Nodes that expect it, and the moment of the verdict that they were told of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) expected: Vec<(String, i64)>,
}

/// Where a return stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Something about it came, but neither a request nor goods.
    #[default]
    Unknown,
    /// Goods came, and no permission.
    Unauthorized,
    /// The ERP has not answered.
    Requested,
    /// The ERP does not allow it.
    Denied,
    /// It may come.
    Authorized,
    /// Some of it came.
    PartlyReceived,
    /// All of it came.
    Received,
    /// All that came was judged; the credit is awaited.
    Inspected,
    /// Nothing is left to do.
    Closed,
    /// It did not come in time.
    Expired,
    /// It was called off.
    Cancelled,
}

/// A request or a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Paper {
    pub(super) of: DocumentId,
    pub(super) by: PartnerName,
    /// When it was issued; the later one counts.
    pub(super) at: i64,
    pub(super) denied: bool,
    pub(super) reason: String,
    /// The first moment at which it is worthless.
    pub(super) expires: Option<i64>,
    pub(super) node: Option<String>,
    /// What was sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) order_no: Option<String>,
    pub(super) lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) no: String,
    pub(super) sku: String,
    pub(super) unit: String,
    pub(super) quantity: Number,
    /// Of one unit; absent when nobody says.
    pub(super) price: Option<Number>,
    pub(super) currency: String,
    /// Whether it comes back because it is damaged, so that damage is no surprise.
    pub(super) bad: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cancel {
    pub(super) of: Option<DocumentId>,
    pub(super) by_erp: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Receipt {
    pub(super) no: String,
    pub(super) of: DocumentId,
    pub(super) at: i64,
    pub(super) lines: Vec<ReceiptLine>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct ReceiptLine {
    pub(super) no: String,
    pub(super) sku: String,
    pub(super) quantity: Number,
    pub(super) condition: Condition,
}

/// In what state goods came, as far as it decides something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Condition {
    /// As it should be, or not said.
    Good,
    /// Not as it should be.
    Bad,
    /// Another item than was allowed.
    Wrong,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inspection {
    /// Which receipt; empty for all.
    pub(super) receipt: String,
    pub(super) of: DocumentId,
    pub(super) at: i64,
    /// Whether the ERP itself decided: then it needs nobody to ask it.
    pub(super) by_erp: bool,
    pub(super) lines: Vec<InspectionLine>,
    pub(super) credit: Option<Decided>,
    pub(super) amount: Option<Number>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct InspectionLine {
    pub(super) no: String,
    pub(super) sku: String,
    pub(super) quantity: Number,
    /// A disposition's name.
    pub(super) disposition: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Decided {
    Full,
    Partial,
    None,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Credit {
    pub(super) no: String,
    pub(super) of: DocumentId,
    pub(super) amount: Number,
    pub(super) cancelled: bool,
}

// === impl State ===

impl State {
    pub(super) fn new(key: &str) -> Self {
        Self {
            desk: Desk::new(key),
            rma_no: key.strip_prefix("return/").unwrap_or(key).to_owned(),
            ..Self::default()
        }
    }

    /// The ERP's permission, if there is one.
    pub(super) fn permission(&self) -> Option<&Paper> {
        self.verdict.as_ref().filter(|verdict| !verdict.denied)
    }

    pub(super) fn is_denied(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.denied)
    }
}

// === impl Status ===

impl Status {
    /// As records and pages spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Unauthorized => "unauthorized",
            Self::Requested => "requested",
            Self::Denied => "denied",
            Self::Authorized => "authorized",
            Self::PartlyReceived => "partly-received",
            Self::Received => "received",
            Self::Inspected => "inspected",
            Self::Closed => "closed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Denied | Self::Closed | Self::Expired | Self::Cancelled
        )
    }
}
