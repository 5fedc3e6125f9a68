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
    /// How much of it is left, counted from the end, while it is done in parts. What a stop
    /// cut short is done from its beginning: what it is made of may be another list then,
    /// and who had it takes it as the same again.
    pub left: Option<u32>,
}
