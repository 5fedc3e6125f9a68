//! The two books of one stock status and lot: the node's and the ERP's.

use serde::{Deserialize, Serialize};

use crate::process::number::Number;

/// Adjustments of a position that are kept to put snapshots right that come late. Older
/// ones are taken as counted and booked.
const CHANGES_MAX: usize = 128;

/// Postings that are kept apart, for a figure of the ERP's that comes late. An ERP that
/// never tells its stock has no such figure.
const POSTED_MAX: usize = 128;

/// Stock of one status and lot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Position {
    /// A stock kind's name.
    pub(super) kind: String,
    /// Empty where lots are not told apart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) lot: String,
    /// The node's newest count.
    pub(super) counted: Option<Figure>,
    /// The ERP's newest figure.
    pub(super) booked: Option<Figure>,
    /// What changed at the node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) changes: Vec<Change>,
    /// What the ERP was told since its figure: when, and how much.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) posted: Vec<(i64, Number)>,
    /// So much of what nothing explains may be posted: somebody released it. Counts from
    /// the ERP's figure.
    pub(super) approved: Number,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Figure {
    /// Milliseconds since the Unix epoch.
    pub(super) at: i64,
    pub(super) quantity: Number,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) at: i64,
    /// Adjustment and line.
    pub(super) id: String,
    pub(super) quantity: Number,
}

// === impl Position ===

impl Position {
    /// `on-hand`, or `on-hand/LOT`.
    pub(super) fn name(&self) -> String {
        if self.lot.is_empty() {
            self.kind.clone()
        } else {
            format!("{}/{}", self.kind, self.lot)
        }
    }

    /// What the node has.
    pub(super) fn warehouse(&self) -> Option<Number> {
        self.counted
            .map(|counted| counted.quantity + self.changed_since(counted.at))
    }

    /// What the ERP has, with what it was told.
    pub(super) fn erp(&self) -> Option<Number> {
        self.booked
            .map(|booked| booked.quantity + self.posted_since())
    }

    pub(super) fn changed_since(&self, at: i64) -> Number {
        self.changes
            .iter()
            .filter(|it| it.at > at)
            .map(|it| it.quantity)
            .sum()
    }

    /// What adjustments explain and the ERP's figure does not hold.
    pub(super) fn explained(&self) -> Number {
        self.changed_since(self.booked.map_or(i64::MIN, |it| it.at))
    }

    /// What nothing explains.
    pub(super) fn unexplained(&self) -> Number {
        match (self.warehouse(), self.booked) {
            (Some(warehouse), Some(booked)) => warehouse - booked.quantity - self.explained(),
            _ => Number::ZERO,
        }
    }

    pub(super) fn posted_since(&self) -> Number {
        let since = self.booked.map_or(i64::MIN, |it| it.at);
        self.posted
            .iter()
            .filter(|(at, _)| *at > since)
            .map(|(_, quantity)| *quantity)
            .sum()
    }

    pub(super) fn tolerance(&self, units: Number, percent: u32) -> Number {
        let booked = self
            .booked
            .map_or(Number::ZERO, |it| it.quantity.magnitude());
        units.max(booked.percent(percent))
    }

    /// What nothing explains and nobody released.
    pub(super) fn questioned(&self) -> Number {
        self.unexplained() - self.approved
    }

    pub(super) fn is_held(&self, tolerance: Number) -> bool {
        self.questioned().magnitude() > tolerance
    }

    /// What the ERP is to be told in all.
    pub(super) fn due(&self, tolerance: Number) -> Number {
        let unexplained = if self.is_held(tolerance) {
            self.approved
        } else {
            self.unexplained()
        };
        self.explained() + unexplained
    }

    pub(super) fn post(&mut self, at: i64, quantity: Number) {
        let since = self.booked.map_or(i64::MIN, |it| it.at);
        self.posted.retain(|(at, _)| *at > since);
        // A clock behind the ERP's must not make what is posted now look old.
        let at = at.max(since.saturating_add(1));
        match self.posted.last_mut() {
            Some(last) if is_same_minute(last.0, at) => last.1 += quantity,
            _ => self.posted.push((at, quantity)),
        }
        if self.posted.len() > POSTED_MAX {
            let oldest = self.posted.remove(0);
            self.posted[0].1 += oldest.1;
        }
    }

    pub(super) fn change(&mut self, change: Change) {
        if self.is_old(change.at) {
            return;
        }
        // Two of one number: the same one counts, whichever came first.
        if let Some(known) = self.changes.iter().position(|it| it.id == change.id) {
            if self.changes[known] >= change {
                return;
            }
            self.changes.remove(known);
        }
        let place = self.changes.partition_point(|it| it < &change);
        self.changes.insert(place, change);
        if self.changes.len() > CHANGES_MAX {
            let oldest = self.changes.remove(0);
            self.take_as_known(&oldest);
        }
    }

    /// An old change is part of the figures from now on, and no longer of what the ERP has
    /// to be told beside its figure.
    fn take_as_known(&mut self, oldest: &Change) {
        let since = self.booked.map_or(i64::MIN, |it| it.at);
        if oldest.at > since {
            match self.posted.iter_mut().find(|(at, _)| *at > since) {
                Some(posted) => posted.1 = posted.1 - oldest.quantity,
                None => self
                    .posted
                    .push((since.saturating_add(1), Number::ZERO - oldest.quantity)),
            }
        }
        for figure in [&mut self.counted, &mut self.booked].into_iter().flatten() {
            if oldest.at > figure.at {
                figure.quantity += oldest.quantity;
            }
        }
    }

    /// Whether both sides have counted since.
    pub(super) fn is_old(&self, at: i64) -> bool {
        let before = |figure: Option<Figure>| figure.is_some_and(|figure| at <= figure.at);
        before(self.counted) && before(self.booked)
    }

    pub(super) fn forget_old(&mut self) {
        let mut changes = std::mem::take(&mut self.changes);
        changes.retain(|it| !self.is_old(it.at));
        self.changes = changes;
    }
}

/// Postings of one minute are kept as one.
fn is_same_minute(last: i64, now: i64) -> bool {
    last / 60_000 == now / 60_000
}
