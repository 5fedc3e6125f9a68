//! Exceptions: business problems with an owner.
//!
//! A machine does not open and close them. At the end of each step it says which causes
//! there are ([`Cause`]); the [`super::desk`] opens what is new, updates what changed and
//! closes what is gone, so that an exception whose cause goes away always closes itself.
//! A person who accepts a variance, or releases what was held, waives the cause as it is:
//! it opens again only when it gets another size.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Entries of a history that an open exception keeps; the oldest go. All of them stand
/// in the commands, and so in the journal.
const HISTORY_MAX: usize = 8;

/// A business problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// `order/SO-1#2`: the instance's key and which exception of it.
    pub id: String,
    /// What sort.
    pub kind: Kind,
    /// What inside the instance it is about: a node, a shipment; empty for the whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// How bad.
    pub severity: Severity,
    /// The instance's business key.
    pub key: String,
    /// One sentence for a person: what is, and what was expected.
    pub text: String,
    /// What else a person needs: documents, attempts, what was tried.
    pub context: Vec<(String, String)>,
    /// The team that has to act.
    pub owner: String,
    /// When it began.
    pub opened_at: Timestamp,
    /// Until when it has to be over; absent without a limit for it.
    pub due: Option<Timestamp>,
    /// What can be done about it here.
    pub actions: Vec<Action>,
    /// What happened to it, oldest first.
    pub history: Vec<Entry>,
    /// Whether it is over.
    pub closed: bool,
}

/// Something that happened to an exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// A person, or `crossdock`.
    pub by: String,
    /// In words.
    pub text: String,
}

/// What can happen to an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// It began.
    Opened,
    /// The problem has another size.
    Changed,
    /// Somebody acted on it.
    Acted,
    /// It is older than it may be.
    Overdue,
    /// Its cause went away.
    Cleared,
    /// Somebody accepted it as it is.
    Accepted,
}

/// What is wrong. The list is closed: owners and service levels are given by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The ERP holds the order.
    ErpHold,
    /// A service level is breached while somebody's answer is awaited.
    Overdue,
    /// A node refused.
    NodeRejection,
    /// No node is left that could ship.
    NoNodeLeft,
    /// A node accepted with changes.
    ChangedByNode,
    /// Less left than was ordered.
    ShortShipment,
    /// More left than was ordered.
    OverShipment,
    /// Something left damaged.
    DamagedShipment,
    /// Something else left.
    Substitution,
    /// What left or was invoiced was not ordered.
    UnexpectedItem,
    /// More is invoiced than left.
    InvoiceMismatch,
    /// A document can't be delivered.
    Undeliverable,
    /// A number that can't be computed with.
    UnfitNumber,
    /// Late on the way.
    Delay,
    /// Could not be handed over.
    DeliveryAttempt,
    /// Refused by the receiver.
    Refusal,
    /// Damaged on the way.
    TransitDamage,
    /// Lost on the way.
    Loss,
    /// On its way back to the sender.
    ReturnToSender,
    /// Only a part was handed over.
    PartialDelivery,
    /// Stock differs by more than is tolerated.
    Variance,
    /// An adjustment is missing.
    Gap,
    /// Stock figures are too old.
    Stale,
    /// Goods came back that nobody allowed to.
    UnauthorizedReceipt,
    /// More came back than was allowed.
    OverReceipt,
    /// Less came back than was announced.
    ShortReceipt,
    /// It came back in another condition than it may.
    ConditionMismatch,
    /// It came back after its permission had expired.
    ReceivedAfterExpiry,
    /// Money was given back before, or beyond what, goods came back.
    CreditMismatch,
    /// A node keeps an order that was taken back from it, and another one has it too.
    TwoNodes,
    /// A document came from somebody who has no say in it.
    NotEntitled,
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// For information.
    Low,
    /// Somebody should look.
    Normal,
    /// Somebody must look today.
    High,
    /// Somebody must look now.
    Urgent,
}

/// What a person can do about an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Do again what failed.
    Retry,
    /// Try another node.
    Reroute,
    /// Call it off.
    Cancel,
    /// Leave it as it is.
    AcceptVariance,
    /// Let go what was held.
    Release,
}

/// A problem that there is now, as a machine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What sort.
    pub kind: Kind,
    /// What it is about. One exception for each kind and subject.
    pub subject: String,
    /// How bad.
    pub severity: Severity,
    /// One sentence. Another sentence is another size of the problem.
    pub text: String,
    /// What else a person needs.
    pub context: Vec<(String, String)>,
    /// What can be done about it.
    pub actions: Vec<Action>,
}

// === impl Kind ===

impl Kind {
    /// As records, settings and pages spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ErpHold => "erp-hold",
            Self::Overdue => "overdue",
            Self::NodeRejection => "node-rejection",
            Self::NoNodeLeft => "no-node-left",
            Self::ChangedByNode => "changed-by-node",
            Self::ShortShipment => "short-shipment",
            Self::OverShipment => "over-shipment",
            Self::DamagedShipment => "damaged-shipment",
            Self::Substitution => "substitution",
            Self::UnexpectedItem => "unexpected-item",
            Self::InvoiceMismatch => "invoice-mismatch",
            Self::Undeliverable => "undeliverable",
            Self::UnfitNumber => "unfit-number",
            Self::Delay => "delay",
            Self::DeliveryAttempt => "delivery-attempt",
            Self::Refusal => "refusal",
            Self::TransitDamage => "transit-damage",
            Self::Loss => "loss",
            Self::ReturnToSender => "return-to-sender",
            Self::PartialDelivery => "partial-delivery",
            Self::Variance => "variance",
            Self::Gap => "gap",
            Self::Stale => "stale",
            Self::UnauthorizedReceipt => "unauthorized-receipt",
            Self::OverReceipt => "over-receipt",
            Self::ShortReceipt => "short-receipt",
            Self::ConditionMismatch => "condition-mismatch",
            Self::ReceivedAfterExpiry => "received-after-expiry",
            Self::CreditMismatch => "credit-mismatch",
            Self::TwoNodes => "two-nodes",
            Self::NotEntitled => "not-entitled",
        }
    }
}

// === impl Action ===

impl Action {
    /// As requests and pages spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Reroute => "reroute",
            Self::Cancel => "cancel",
            Self::AcceptVariance => "accept-variance",
            Self::Release => "release",
        }
    }
}

// === impl Cause ===

impl Cause {
    /// A problem of this kind, of ordinary severity, that only going away resolves.
    #[must_use]
    pub fn new(kind: Kind, subject: &str, text: impl Into<String>) -> Self {
        Self {
            kind,
            subject: subject.to_owned(),
            severity: Severity::Normal,
            text: text.into(),
            context: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Of this severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// With these things to do about it.
    #[must_use]
    pub fn actions(mut self, actions: &[Action]) -> Self {
        self.actions = actions.to_vec();
        self
    }

    /// With one more thing that a person needs.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.context.push((name.to_owned(), value.to_string()));
        self
    }
}

// === impl Exception ===

impl Exception {
    /// Writes into the history.
    pub(super) fn note(&mut self, at: Timestamp, what: What, by: &str, text: impl Into<String>) {
        if self.history.len() == HISTORY_MAX {
            // The first entry says when and why it began.
            self.history.remove(1);
        }
        self.history.push(Entry {
            at,
            what,
            by: by.to_owned(),
            text: text.into(),
        });
    }

    /// Whether it is this problem's.
    pub(super) fn is_of(&self, cause: &Cause) -> bool {
        self.kind == cause.kind && self.subject == cause.subject
    }

    /// Whether the problem still has the size that it is known with.
    pub(super) fn says(&self, cause: &Cause) -> bool {
        self.text == cause.text && self.context == cause.context && self.actions == cause.actions
    }
}
