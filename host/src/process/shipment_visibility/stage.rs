//! How far a shipment can be, and what can go wrong with it.

use serde::{Deserialize, Serialize};

use crate::{
    contract::{CaseCategory, MilestoneCode},
    process::exception::{Kind, Severity},
};

/// Where a shipment is, from the least far to the furthest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Nothing is known but the number.
    #[default]
    Unknown,
    /// It is known.
    Created,
    /// The carrier takes it on.
    Accepted,
    /// Free for picking.
    Released,
    /// Picked.
    Picked,
    /// Packed.
    Packed,
    /// On the truck.
    Loaded,
    /// Left the warehouse.
    Departed,
    /// On the road, at a terminal, with customs: these come in any order.
    InTransit,
    /// On the last mile.
    OutForDelivery,
    /// At the receiver.
    Arrived,
    /// Handed over in part.
    DeliveredPartly,
    /// Handed over.
    Delivered,
    /// Back at the sender.
    Returned,
    /// Called off.
    Cancelled,
}

/// What can go wrong on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Trouble {
    Delayed,
    Attempted,
    Refused,
    Damaged,
    Lost,
    Returned,
    DeliveredPartly,
}

/// What a milestone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// The shipment is so far.
    Stage(Stage),
    /// Something is wrong.
    Trouble(Trouble),
    /// Both.
    Both(Stage, Trouble),
    /// Nothing but an estimate, or what only the partner understands.
    Nothing,
}

/// What this milestone says.
pub(super) fn says(code: &MilestoneCode) -> Says {
    Says::Stage(match code {
        MilestoneCode::Created => Stage::Created,
        MilestoneCode::Accepted => Stage::Accepted,
        MilestoneCode::Released => Stage::Released,
        MilestoneCode::Picked => Stage::Picked,
        MilestoneCode::Packed => Stage::Packed,
        MilestoneCode::Loaded => Stage::Loaded,
        MilestoneCode::DepartedOrigin => Stage::Departed,
        MilestoneCode::InTransit
        | MilestoneCode::ArrivedTerminal
        | MilestoneCode::DepartedTerminal
        | MilestoneCode::Customs => Stage::InTransit,
        MilestoneCode::OutForDelivery => Stage::OutForDelivery,
        MilestoneCode::ArrivedDestination => Stage::Arrived,
        MilestoneCode::Delivered => Stage::Delivered,
        MilestoneCode::Cancelled => Stage::Cancelled,
        MilestoneCode::DeliveredPartial => {
            return Says::Both(Stage::DeliveredPartly, Trouble::DeliveredPartly);
        }
        MilestoneCode::ReturnedToShipper => return Says::Both(Stage::Returned, Trouble::Returned),
        MilestoneCode::Attempted => return Says::Trouble(Trouble::Attempted),
        MilestoneCode::Refused => return Says::Trouble(Trouble::Refused),
        MilestoneCode::Delayed => return Says::Trouble(Trouble::Delayed),
        MilestoneCode::Damaged => return Says::Trouble(Trouble::Damaged),
        MilestoneCode::Lost => return Says::Trouble(Trouble::Lost),
        MilestoneCode::Estimate | MilestoneCode::Other(_) => return Says::Nothing,
    })
}

// === impl Stage ===

impl Stage {
    /// As records and pages spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Created => "created",
            Self::Accepted => "accepted",
            Self::Released => "released",
            Self::Picked => "picked",
            Self::Packed => "packed",
            Self::Loaded => "loaded",
            Self::Departed => "departed",
            Self::InTransit => "in-transit",
            Self::OutForDelivery => "out-for-delivery",
            Self::Arrived => "arrived",
            Self::DeliveredPartly => "delivered-partly",
            Self::Delivered => "delivered",
            Self::Returned => "returned",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it goes no further.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Returned | Self::Cancelled)
    }

    /// Whether goods move, from leaving the warehouse on.
    pub(super) fn is_movement(self) -> bool {
        (Self::Departed..=Self::Delivered).contains(&self)
    }
}

// === impl Trouble ===

impl Trouble {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Delayed => "delayed",
            Self::Attempted => "attempted",
            Self::Refused => "refused",
            Self::Damaged => "damaged",
            Self::Lost => "lost",
            Self::Returned => "returned-to-shipper",
            Self::DeliveredPartly => "delivered-partial",
        }
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Delayed => Kind::Delay,
            Self::Attempted => Kind::DeliveryAttempt,
            Self::Refused => Kind::Refusal,
            Self::Damaged => Kind::TransitDamage,
            Self::Lost => Kind::Loss,
            Self::Returned => Kind::ReturnToSender,
            Self::DeliveredPartly => Kind::PartialDelivery,
        }
    }

    pub(super) fn severity(self) -> Severity {
        match self {
            Self::Delayed | Self::Attempted | Self::DeliveredPartly => Severity::Normal,
            Self::Refused | Self::Damaged | Self::Returned => Severity::High,
            Self::Lost => Severity::Urgent,
        }
    }

    pub(super) fn category(self) -> CaseCategory {
        match self {
            Self::Delayed => CaseCategory::Delay,
            _ => CaseCategory::DeliveryException,
        }
    }

    /// Whether the order it belongs to can't be fulfilled by this shipment.
    pub(super) fn fails_order(self) -> bool {
        matches!(self, Self::Lost | Self::Refused | Self::Returned)
    }

    /// Whether something that happened later ends it.
    pub(super) fn ends_with(self, stage: Stage) -> bool {
        match self {
            Self::Delayed => stage >= Stage::OutForDelivery && stage != Stage::Cancelled,
            Self::Attempted | Self::Refused => matches!(stage, Stage::Delivered | Stage::Returned),
            Self::Damaged => stage == Stage::Returned,
            Self::Lost => stage.is_movement() || stage == Stage::Returned,
            Self::Returned | Self::DeliveredPartly => stage == Stage::Delivered,
        }
    }
}
