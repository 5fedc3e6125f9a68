//! What a run is about: orders, and what everybody will do about them.

use std::time::Duration;

use super::network::minutes;
use crate::{
    contract::Document,
    message::chance::Dice,
    process::testing::{order, order_as},
};

/// One order.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) order_no: String,
    pub(super) placed: Duration,
    /// Line, item, quantity.
    pub(super) lines: Vec<(String, String, i32)>,
    pub(super) verdict: Verdict,
    /// Of north and south.
    pub(super) conduct: [Conduct; 2],
    /// So long after it was placed the shop wants it no more.
    pub(super) cancelled: Option<Duration>,
    /// So long after it was placed the shop wants so many of the first line.
    pub(super) changed: Option<(Duration, i32)>,
}

/// What the ERP says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepts,
    HoldsFirst,
    Refuses,
}

/// What a warehouse does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    /// Ships in so many parts; of the last one a unit of the first line may be missing.
    Ships { parts: u32, short: bool },
    /// Answers that it can't.
    Rejects,
    /// Does not take the request.
    RefusesRequest,
    /// Never answers.
    IsSilent,
}

/// How an order ends, when time decides nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) status: &'static str,
    pub(super) shipped: i32,
}

// === impl Plan ===

impl Plan {
    /// The orders of a seed.
    pub(super) fn all(dice: &mut Dice) -> Vec<Self> {
        let count = if dice.one_in(6) { 2 } else { 1 };
        (1..=count).map(|number| Self::of(number, dice)).collect()
    }

    fn of(number: i64, dice: &mut Dice) -> Self {
        let lines = dice.between(1, 3);
        let quantity = |dice: &mut Dice| i32::try_from(dice.between(1, 12)).unwrap_or(1);
        let lines: Vec<_> = (1..=lines)
            .map(|line| (line.to_string(), format!("ITEM-{line}"), quantity(dice)))
            .collect();
        let verdicts = [Verdict::Accepts, Verdict::Accepts, Verdict::HoldsFirst];
        let verdict = match dice.one_in(10) {
            true => Verdict::Refuses,
            false => dice.one_of(&verdicts),
        };
        Self {
            order_no: format!("SO-{number}"),
            placed: minutes(dice.between(0, 60)),
            lines,
            verdict,
            conduct: [Conduct::of(dice), Conduct::of(dice)],
            cancelled: dice.one_in(4).then(|| minutes(dice.between(1, 400))),
            changed: dice
                .one_in(5)
                .then(|| (minutes(dice.between(1, 400)), quantity(dice))),
        }
    }

    pub(super) fn order(&self) -> Document {
        order(&self.order_no, &self.lines())
    }

    pub(super) fn change(&self, quantity: i32) -> Document {
        let mut lines = self.lines();
        lines.truncate(1);
        lines[0].2 = quantity;
        order_as(&self.order_no, "change", Some(2), &lines)
    }

    pub(super) fn cancel(&self) -> Document {
        order_as(&self.order_no, "cancel", None, &[])
    }

    /// How it ends in whatever order things happen; none where that decides.
    pub(super) fn end(&self) -> Option<End> {
        if self.cancelled.is_some() || self.changed.is_some() {
            return None;
        }
        if self.verdict == Verdict::Refuses {
            return Some(End {
                status: "refused",
                shipped: 0,
            });
        }
        let wanted: i32 = self.lines.iter().map(|(.., quantity)| quantity).sum();
        // One that finds nothing has refused.
        let ships = |it: &Conduct| match it {
            Conduct::Ships { short, .. } => Some(wanted - i32::from(*short)),
            _ => None,
        };
        let ships = self.conduct.iter().filter_map(ships).find(|it| *it > 0);
        Some(match ships {
            Some(shipped) => End {
                status: "closed",
                shipped,
            },
            // A person calls it off.
            None => End {
                status: "cancelled",
                shipped: 0,
            },
        })
    }

    fn lines(&self) -> Vec<(&str, &str, i32)> {
        let lines = self.lines.iter();
        lines
            .map(|(no, sku, quantity)| (no.as_str(), sku.as_str(), *quantity))
            .collect()
    }
}

// === impl Conduct ===

impl Conduct {
    fn of(dice: &mut Dice) -> Self {
        match dice.below(10) {
            0 | 1 => Self::Rejects,
            2 => Self::RefusesRequest,
            3 => Self::IsSilent,
            _ => Self::Ships {
                parts: u32::try_from(dice.between(1, 3)).unwrap_or(1),
                short: dice.one_in(5),
            },
        }
    }
}
