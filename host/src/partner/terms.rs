//! What is agreed with a partner about acknowledgements and control numbers.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::record::Irregularity;

/// What the partner acknowledges, and how its envelopes are numbered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Kinds of document that it acknowledges.
    pub acknowledged: BTreeSet<String>,
    /// Within how many minutes of their delivery.
    pub acknowledgement_minutes: u32,
    /// What irregular numbers lead to.
    pub control_numbers: ControlNumbers,
}

/// What irregular control numbers of a partner's envelopes lead to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlNumbers {
    /// `interchange`: of interchanges. Default: all is noted.
    pub interchange: Actions,
    /// `group`: of groups, which have a series for each functional identifier. Default:
    /// repeated numbers are noted, the rest is accepted, since many systems count all
    /// groups together.
    pub group: Actions,
}

/// What each irregularity leads to; absent for the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Actions {
    /// `duplicate`: the same number with the same content.
    pub duplicate: Option<Action>,
    /// `conflict`: the same number with another content.
    pub conflict: Option<Action>,
    /// `gap`: numbers before it never came.
    pub gap: Option<Action>,
    /// `out_of_sequence`: it is smaller than the one before.
    pub out_of_sequence: Option<Action>,
}

/// What an irregularity leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// To nothing.
    Accept,
    /// To a finding.
    Note,
    /// To a dead letter: the documents in the envelope have no effect.
    Refuse,
}

// === impl Terms ===

impl Terms {
    /// Within how many minutes a kind of document is to be acknowledged; none when it
    /// need not be.
    #[must_use]
    pub fn acknowledgement_minutes(&self, kind: &str) -> Option<u32> {
        self.acknowledged
            .contains(kind)
            .then_some(self.acknowledgement_minutes)
    }
}

// === impl ControlNumbers ===

impl ControlNumbers {
    /// What an irregularity of a group or another envelope leads to.
    #[must_use]
    pub fn action(&self, kind: &str, found: &Irregularity) -> Action {
        let is_group = kind.starts_with("group");
        let actions = if is_group {
            &self.group
        } else {
            &self.interchange
        };
        let sequence = if is_group {
            Action::Accept
        } else {
            Action::Note
        };
        match found {
            Irregularity::Duplicate { .. } => actions.duplicate.unwrap_or(Action::Note),
            Irregularity::Conflict { .. } => actions.conflict.unwrap_or(Action::Note),
            Irregularity::Gap { .. } => actions.gap.unwrap_or(sequence),
            Irregularity::OutOfSequence { .. } => actions.out_of_sequence.unwrap_or(sequence),
        }
    }
}
