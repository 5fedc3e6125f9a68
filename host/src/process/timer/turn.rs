//! Whose turn it is while something is waited for: what limits and calendars may name.

use super::Level;

/// Who is waited for, by the names that waits, limits and calendars have for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// `erp`.
    Erp,
    /// `carrier`.
    Carrier,
    /// The node, by its name.
    Node,
    /// The node that goods come back to, or `customer` where none is known.
    NodeOrCustomer,
    /// The team that owns the exception.
    Team,
    /// `crossdock`: the host itself, by a schedule that is a setting of its own.
    Host,
}

/// What the priority of a limit is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// The order's type: `rush`.
    OrderType,
    /// The exception's severity.
    Severity,
    /// Nothing: such waits have none.
    None,
}

// === impl Level ===

impl Level {
    /// Who is waited for.
    #[must_use]
    pub fn whose(self) -> Whose {
        match self {
            Self::Announcement
            | Self::OrderAcknowledgement
            | Self::Release
            | Self::Invoice
            | Self::ReturnAuthorization
            | Self::ReturnToCredit => Whose::Erp,
            Self::Delivery | Self::MilestoneFreshness => Whose::Carrier,
            Self::Acceptance
            | Self::ShipBy
            | Self::Outage
            | Self::InventoryStaleness
            | Self::AdjustmentGap
            | Self::Inspection => Whose::Node,
            Self::ReturnReceipt => Whose::NodeOrCustomer,
            Self::ExceptionResolution => Whose::Team,
            Self::Snapshot | Self::Reconciliation => Whose::Host,
        }
    }

    /// What a limit's priority is compared with.
    #[must_use]
    pub fn priority(self) -> Priority {
        match self {
            Self::OrderAcknowledgement
            | Self::Release
            | Self::Acceptance
            | Self::ShipBy
            | Self::Delivery
            | Self::Invoice
            | Self::Outage => Priority::OrderType,
            Self::ExceptionResolution => Priority::Severity,
            Self::Announcement
            | Self::MilestoneFreshness
            | Self::InventoryStaleness
            | Self::AdjustmentGap
            | Self::Snapshot
            | Self::Reconciliation
            | Self::ReturnAuthorization
            | Self::ReturnReceipt
            | Self::Inspection
            | Self::ReturnToCredit => Priority::None,
        }
    }
}

// === impl Whose ===

impl Whose {
    /// Whether a wait on this one is such a wait; `is_node` and `is_team` tell who is.
    #[must_use]
    pub fn includes(
        self,
        on: &str,
        is_node: impl Fn(&str) -> bool,
        is_team: impl Fn(&str) -> bool,
    ) -> bool {
        match self {
            Self::Erp => on == "erp",
            Self::Carrier => on == "carrier",
            Self::Node => is_node(on),
            Self::NodeOrCustomer => on == "customer" || is_node(on),
            Self::Team => is_team(on),
            Self::Host => on == "crossdock",
        }
    }

    /// In words, for a person who named another one.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Erp => "erp, whatever the partner is called",
            Self::Carrier => "carrier, whatever the partner is called",
            Self::Node => "nodes, by their names",
            Self::NodeOrCustomer => "nodes, by their names, and customer",
            Self::Team => "teams, as exception_owner names them",
            Self::Host => "crossdock itself",
        }
    }
}
