//! What partners say of what they were sent, as records keep it.

use serde::{Deserialize, Serialize};

use crate::message::{DeliveryId, DocumentId};

/// A document speaks of a delivery: an acknowledgement of it, or the business answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledges {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// In the words of the document: `accepted`, `rejected`, `64`, ...
    pub verdict: String,
    /// What that means; absent in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<Verdict>,
    /// Who speaks.
    #[serde(default)]
    pub level: Level,
    /// Which document says so; absent in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentId>,
}

/// What a receiver makes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It came, and more will be said: IDoc status 64, an order on hold.
    Underway,
    /// As it is.
    Accepted,
    /// With remarks, or in part.
    AcceptedWithErrors,
    /// Not at all.
    Rejected,
}

/// Which part of the receiver speaks; a later one knows more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Of the envelope alone: TA1.
    Interchange,
    /// Of the syntax, or of the posting: 997, 999, STATUS, ALEAUD.
    #[default]
    Functional,
    /// Of the business: the answer to an order.
    Business,
}

// === impl Acknowledges ===

impl Acknowledges {
    /// What it means, also in a record that does not say.
    #[must_use]
    pub fn means(&self) -> Verdict {
        self.means.unwrap_or(match self.verdict.as_str() {
            "accepted" => Verdict::Accepted,
            "accepted-with-errors" | "partially-accepted" => Verdict::AcceptedWithErrors,
            "rejected" | "rejected-for-security" => Verdict::Rejected,
            _ => Verdict::Underway,
        })
    }
}

// === impl Verdict ===

impl Verdict {
    /// Its name in records, pages and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Underway => "underway",
            Self::Accepted => "accepted",
            Self::AcceptedWithErrors => "accepted-with-errors",
            Self::Rejected => "rejected",
        }
    }

    /// Whether the receiver takes it, with remarks or without.
    #[must_use]
    pub fn accepts(self) -> bool {
        matches!(self, Self::Accepted | Self::AcceptedWithErrors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageId;

    #[test]
    fn what_an_earlier_version_wrote_still_means_something() {
        #[derive(Serialize)]
        struct Before {
            delivery: DeliveryId,
            verdict: &'static str,
        }
        let delivery = DeliveryId {
            message: MessageId::from_bytes([7; 16]),
            ordinal: 1,
        };
        let said = |verdict| {
            let bytes = rmp_serde::to_vec_named(&Before { delivery, verdict }).unwrap();
            rmp_serde::from_slice::<Acknowledges>(&bytes).unwrap()
        };
        assert_eq!(said("accepted").means(), Verdict::Accepted);
        assert_eq!(
            said("partially-accepted").means(),
            Verdict::AcceptedWithErrors
        );
        assert_eq!(said("rejected-for-security").means(), Verdict::Rejected);
        assert_eq!(said("64").means(), Verdict::Underway);
        assert_eq!(said("accepted").level, Level::Functional);
    }
}
