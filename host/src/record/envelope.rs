//! Numbered envelopes, as records keep them.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::message::{Digest, MessageId, PartnerName};

/// An envelope of a message, and how its number stands to those before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// `interchange`, or what else its sender numbers; `group SW` for groups, which
    /// have a series for each functional identifier.
    pub kind: String,
    /// Who numbered it, as the dialect says it.
    pub sender: String,
    /// For whom.
    pub receiver: String,
    /// Its number without noughts in front.
    pub number: String,
    /// SHA-256 of its contents.
    pub content: Digest,
    /// What is wrong with the number; absent when nothing is, or nobody minds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Irregularity>,
    /// Whether its documents were taken, so that the number counts from now on.
    pub taken: bool,
}

/// What is wrong with an envelope's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Irregularity {
    /// The same number came with the same content.
    Duplicate {
        /// In this message.
        of: MessageId,
    },
    /// The same number came with another content.
    Conflict {
        /// In this message.
        with: MessageId,
    },
    /// Numbers between the one before and this one never came.
    Gap {
        /// The one before.
        last: u64,
        /// How many are missing.
        missing: u64,
    },
    /// It is smaller than the one before, and never came.
    OutOfSequence {
        /// The one before.
        last: u64,
    },
}

// === impl Envelope ===

impl Envelope {
    /// Names the series that the number belongs to: who sends what kind of envelope to
    /// whom.
    #[must_use]
    pub fn series(&self, partner: &PartnerName) -> Digest {
        let mut hasher = Sha256::new();
        for part in [partner.as_str(), &self.kind, &self.sender, &self.receiver] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        Digest::from_bytes(hasher.finalize().into())
    }
}

// === impl Irregularity ===

impl Irregularity {
    /// Its name in findings, settings and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Duplicate { .. } => "duplicate",
            Self::Conflict { .. } => "conflict",
            Self::Gap { .. } => "gap",
            Self::OutOfSequence { .. } => "out-of-sequence",
        }
    }
}
