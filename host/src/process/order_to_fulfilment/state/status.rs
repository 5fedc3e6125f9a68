//! Where an order stands.

use serde::{Deserialize, Serialize};

/// Where an order stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Something about it came, the order itself did not.
    #[default]
    Unknown,
    /// The ERP has not answered.
    Validating,
    /// The ERP holds it.
    Held,
    /// The ERP does not want it.
    Refused,
    /// A node is asked.
    Released,
    /// No node is left.
    ManualReview,
    /// A node will ship it.
    Accepted,
    /// A cancel is on its way to the node.
    Cancelling,
    /// A part left.
    PartlyShipped,
    /// All that will leave has left.
    Shipped,
    /// All that left arrived.
    Delivered,
    /// It is invoiced too, and something is still wrong.
    Invoiced,
    /// Nothing is left to do.
    Closed,
    /// Nothing of it will ship.
    Cancelled,
}

// === impl Status ===

impl Status {
    /// As records and pages spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Validating => "validating",
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Released => "released",
            Self::ManualReview => "manual-review",
            Self::Accepted => "accepted",
            Self::Cancelling => "cancelling",
            Self::PartlyShipped => "partly-shipped",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Invoiced => "invoiced",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Refused | Self::Closed | Self::Cancelled)
    }
}
