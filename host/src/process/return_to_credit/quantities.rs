//! What came back, what it is worth, and what went back for it.

use std::collections::BTreeMap;

use super::state::{Condition, Decided, Inspection, Line, State};
use crate::process::{number::Number, told::Sheet};

/// A line of the permission and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnQuantities {
    /// The permission's line number.
    pub line_no: String,
    /// May come.
    pub authorized: Number,
    /// Came, as far as it may.
    pub received: Number,
    /// Was judged, as far as it came.
    pub inspected: Number,
}

/// A return in sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// May come.
    pub authorized: Number,
    /// Came, all of it.
    pub came: Number,
    /// Came, as far as it may: what credit can be given for.
    pub received: Number,
    /// Came beyond what may.
    pub over: Number,
    /// Came in place of something else, or of no line.
    pub wrong: Number,
    /// Came after the permission had ended.
    pub late: Number,
    /// Came without any permission.
    pub unauthorized: Number,
    /// Was judged.
    pub inspected: Number,
    /// The price of what was received; absent when some price is unknown.
    pub worth: Option<Number>,
    /// What is to be given back, as far as judged; absent when the ERP decides.
    pub due: Option<Number>,
    /// What the ERP gave back.
    pub posted: Number,
    /// What of that is for goods that came back.
    pub credited: Number,
}

// === impl State ===

impl State {
    /// What came of each line that may come.
    #[must_use]
    pub fn quantities(&self) -> Vec<ReturnQuantities> {
        let (received, _) = self.sort_receipts();
        let judged = self.judged();
        let lines = self
            .permission()
            .map_or(&[][..], |permission| &permission.lines);
        lines
            .iter()
            .enumerate()
            .map(|(index, line)| {
                let received = received.get(&index).copied().unwrap_or_default();
                let judged = judged.get(&index).map_or(&[][..], Vec::as_slice);
                let judged: Number = judged.iter().map(|(quantity, _)| *quantity).sum();
                ReturnQuantities {
                    line_no: line.no.clone(),
                    authorized: line.quantity,
                    received: received.min(line.quantity),
                    inspected: judged.min(received).min(line.quantity),
                }
            })
            .collect()
    }

    /// What lists and searches need to know.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let sums = self.sums();
        let papers = || self.verdict.iter().chain(&self.request);
        Sheet::default()
            .maybe("order_no", papers().find_map(|it| it.order_no.as_deref()))
            .maybe(
                "requested_by",
                self.request.as_ref().map(|it| it.by.as_str()),
            )
            .maybe("node", papers().find_map(|it| it.node.as_deref()))
            .with("authorized", sums.authorized)
            .with("received", sums.received)
            .with("findings", sums.came - sums.received)
            .with("inspected", sums.inspected)
            .with("requested", self.requested)
            .with("credited", sums.credited)
            .maybe("expires_at", self.expires())
            .all()
    }

    /// The return in sums.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let (by_line, mut sums) = self.sort_receipts();
        let currency = self.lines().next().map(|line| line.currency.as_str());
        for (line, quantities) in self.lines().zip(self.quantities()) {
            sums.authorized += quantities.authorized;
            sums.received += quantities.received;
            sums.inspected += quantities.inspected;
            // Money of two currencies has no sum; the ERP decides then.
            let price = line
                .price
                .filter(|_| Some(line.currency.as_str()) == currency);
            let worth = price.map(|price| quantities.received.times(price));
            sums.worth = sums.worth.zip(worth).map(|(sum, worth)| sum + worth);
        }
        let matched: Number = by_line.values().copied().sum();
        sums.over = matched - sums.received;
        sums.due = self.due(&sums);
        sums.posted = self
            .credits
            .iter()
            .filter(|it| !it.cancelled)
            .map(|it| it.amount)
            .sum();
        sums.credited = match sums.worth {
            _ if sums.received.is_zero() => Number::ZERO,
            Some(worth) => sums.posted.min(worth),
            None => sums.posted,
        };
        sums
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.permission()
            .into_iter()
            .flat_map(|permission| &permission.lines)
    }

    /// What came in time for each line, by the line's place, and everything else.
    fn sort_receipts(&self) -> (BTreeMap<usize, Number>, Sums) {
        let mut by_line: BTreeMap<usize, Number> = BTreeMap::new();
        let mut sums = Sums {
            worth: Some(Number::ZERO),
            ..Sums::default()
        };
        for receipt in &self.receipts {
            for line in &receipt.lines {
                sums.came += line.quantity;
                if self.permission().is_none() {
                    sums.unauthorized += line.quantity;
                } else if !self.is_timely(receipt.at) {
                    sums.late += line.quantity;
                } else {
                    match self
                        .place_of(&line.no, &line.sku)
                        .filter(|_| line.condition != Condition::Wrong)
                    {
                        Some(place) => *by_line.entry(place).or_default() += line.quantity,
                        None => sums.wrong += line.quantity,
                    }
                }
            }
        }
        (by_line, sums)
    }

    /// The line of the permission that something is about: of its number and item, else
    /// the only one of its item.
    fn place_of(&self, no: &str, sku: &str) -> Option<usize> {
        let mut same = self.lines().enumerate().filter(|(_, line)| line.sku == sku);
        let first = same.next()?;
        if first.1.no == no {
            return Some(first.0);
        }
        match same.find(|(_, line)| line.no == no) {
            Some((place, _)) => Some(place),
            None => {
                let alone = self.lines().filter(|line| line.sku == sku).count() == 1;
                alone.then_some(first.0)
            }
        }
    }

    /// The inspections that count.
    pub(super) fn valid_inspections(&self) -> impl Iterator<Item = &Inspection> {
        let for_all = self.inspections.iter().any(|it| it.receipt.is_empty());
        self.inspections
            .iter()
            .filter(move |it| it.receipt.is_empty() == for_all)
    }

    /// Quantity and disposition of what was judged, by the line's place.
    fn judged(&self) -> BTreeMap<usize, Vec<(Number, &str)>> {
        let mut judged: BTreeMap<usize, Vec<(Number, &str)>> = BTreeMap::new();
        for line in self.valid_inspections().flat_map(|it| &it.lines) {
            if let Some(place) = self.place_of(&line.no, &line.sku) {
                let of_line = judged.entry(place).or_default();
                of_line.push((line.quantity, line.disposition.as_str()));
            }
        }
        judged
    }

    /// Whether all that came was judged.
    pub(super) fn is_inspected(&self) -> bool {
        let sums = self.sums();
        sums.received.is_positive() && sums.inspected >= sums.received
    }

    /// What the inspections that name an amount, or a decision, say; none when they
    /// leave it to the ERP.
    fn due(&self, sums: &Sums) -> Option<Number> {
        if sums.received.is_zero() {
            return Some(Number::ZERO);
        }
        let named: Vec<&Inspection> = self.valid_inspections().collect();
        let capped = |amount: Number| sums.worth.map_or(amount, |worth| amount.min(worth));
        if named.iter().all(|it| it.amount.is_some()) && !named.is_empty() {
            return Some(capped(named.iter().filter_map(|it| it.amount).sum()));
        }
        if named.iter().all(|it| it.credit == Some(Decided::None)) && !named.is_empty() {
            return Some(Number::ZERO);
        }
        if named.iter().all(|it| it.credit == Some(Decided::Full))
            && sums.inspected >= sums.received
        {
            return sums.worth.filter(|_| !named.is_empty());
        }
        None
    }

    /// What is to be given back by policy, where nobody named it: for each unit that was
    /// judged, the share of its price that its disposition is worth.
    pub(super) fn due_by_policy(&self, percents: &BTreeMap<String, u32>) -> Option<Number> {
        let sums = self.sums();
        if sums.due.is_some() {
            return sums.due;
        }
        let worth = sums.worth?;
        let mut due = Number::ZERO;
        let judged = self.judged();
        let lines = self.lines().zip(self.quantities());
        for (place, (line, quantities)) in lines.enumerate() {
            let price = line.price?;
            // What is worth most counts first, so that the order of papers does not matter.
            let judged = judged.get(&place).map_or(&[][..], Vec::as_slice);
            let percent =
                |disposition: &str| percents.get(disposition).copied().unwrap_or_default();
            let mut judged: Vec<(u32, Number)> = judged
                .iter()
                .map(|(quantity, disposition)| (percent(disposition), *quantity))
                .collect();
            judged.sort_by(|left, right| right.cmp(left));
            let mut left = quantities.received;
            for (percent, quantity) in judged {
                let quantity = quantity.min(left);
                left = left - quantity;
                due += quantity.times(price).percent(percent);
            }
        }
        Some(due.min(worth))
    }
}
