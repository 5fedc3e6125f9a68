//! What records leave for processes to do.

use serde::{Deserialize, Serialize};

use crate::{
    message::{DeliveryId, DocumentId, PartnerName},
    record::WorkId,
};

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// A document came that processes take in.
    Document {
        /// Which.
        document: DocumentId,
        /// Who sent it.
        from: PartnerName,
    },
    /// A delivery that a process asked for has ended.
    Outcome(DeliveryId),
    /// The receiver of such a delivery says that it can't use it.
    Rejected(DeliveryId),
    /// A partner stopped answering, or answers again.
    Availability {
        /// Which.
        partner: PartnerName,
        /// Whether it answers.
        available: bool,
    },
}

/// A piece of work that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub(crate) id: WorkId,
    /// What is to be done.
    pub work: Work,
    /// How much of it is left, counted from the end, when some of it is done.
    pub left: Option<u32>,
}

/// The row of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::view) struct WorkRow {
    pub(in crate::view) work: Work,
    pub(in crate::view) left: Option<u32>,
}
