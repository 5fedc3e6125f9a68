//! An item's stock at a node, and the ERP's idea of it.

mod book;
mod say;

use serde::{Deserialize, Serialize};

use self::book::{Change, Figure, Position};
use crate::{
    clock::Timestamp,
    contract::{
        Document, InventoryAdjustment, InventorySnapshot, Lot, Purpose, StockKind, code_text,
    },
    process::{
        Refusal,
        command::{Receiver, Request},
        desk::{Desk, Picture},
        exception::{Action, Cause, Exception, Kind, Severity},
        input::{Received, Role},
        number::Number,
        told::{Sheet, fit, name, words},
        turn::{Facts, Turn},
        write::{happened, millis, sku},
    },
};

/// Statuses and lots of one item.
const POSITIONS_MAX: usize = 256;

/// What is known of an item at a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PositionState {
    pub(super) desk: Desk,
    node: String,
    sku: String,
    unit: String,
    positions: Vec<Position>,
    /// What shops were told last.
    published: Option<Number>,
    /// Counts documents that this instance wrote, for their numbers.
    written: u32,
}

/// One line of the reconciliation report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The node.
    pub node: String,
    /// The item.
    pub sku: String,
    /// The stock's status.
    pub status: String,
    /// The lot; empty where lots are not told apart.
    pub lot: String,
    /// What the node has; absent when it never counted.
    pub warehouse: Option<Number>,
    /// What the ERP has, with what it was told since; absent when it never said.
    pub erp: Option<Number>,
    /// The node's less the ERP's.
    pub difference: Option<Number>,
    /// Whether the difference waits for somebody's word.
    pub held: bool,
    /// When the node counted, milliseconds since the Unix epoch.
    pub counted_at_ms: Option<i64>,
}

impl Facts for PositionState {
    fn desk(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn learn(&mut self, received: &Received<'_>, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let compare_lots = turn.world.policy.inventory(&self.node).compare_lots;
        match received.document {
            Document::InventorySnapshot(snapshot) => {
                self.take_snapshot(snapshot, received, compare_lots, turn.now)
            }
            Document::InventoryAdjustment(it)
                if matches!(received.from.role, Role::Warehouse { .. }) =>
            {
                self.take_adjustment(it, received, compare_lots, turn.now)
            }
            _ => Ok(()),
        }
    }

    fn act(
        &mut self,
        exception: &Exception,
        action: Action,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        match action {
            Action::Release => {
                let held = self
                    .positions
                    .iter_mut()
                    .find(|it| it.name() == exception.subject);
                if let Some(position) = held {
                    position.approved = position.unexplained();
                }
            }
            Action::Retry => {
                let node = self.node.clone();
                let key = format!("snapshot/{}", exception.id);
                turn.desk.unsay(&key);
                turn.request_once(
                    Receiver::Node { node: node.clone() },
                    &key,
                    Request::Snapshot { node },
                );
            }
            Action::Reroute | Action::Cancel | Action::AcceptVariance => {}
        }
        Ok(())
    }

    fn react(&mut self, turn: &mut Turn<'_>) {
        let rules = turn.world.policy.inventory(&self.node);
        for index in 0..self.positions.len() {
            let position = &mut self.positions[index];
            let tolerance = position.tolerance(rules.tolerance_units, rules.tolerance_percent);
            let due = position.due(tolerance) - position.posted_since();
            if !due.is_zero() {
                position.post(turn.now.as_millis(), due);
                let position = position.clone();
                self.post(&position, due, turn);
            }
        }
        self.publish(turn);
    }

    fn picture(&self, turn: &Turn<'_>) -> Picture {
        let rules = turn.world.policy.inventory(&self.node);
        let mut picture = Picture::default();
        for position in &self.positions {
            let tolerance = position.tolerance(rules.tolerance_units, rules.tolerance_percent);
            if position.is_held(tolerance) {
                let text = format!(
                    "{} {} at {}: the node has {} that nothing explains; {tolerance} is tolerated",
                    self.sku,
                    position.name(),
                    self.node,
                    position.questioned(),
                );
                let show = |number: Option<Number>| {
                    number.map_or("unknown".to_owned(), |it| it.to_string())
                };
                picture.causes.push(
                    Cause::new(Kind::Variance, &position.name(), text)
                        .severity(Severity::High)
                        .with("warehouse", show(position.warehouse()))
                        .with("erp", show(position.erp()))
                        .actions(&[Action::Release, Action::AcceptVariance, Action::Retry]),
                );
            }
        }
        picture
    }
}

// === impl PositionState ===

impl PositionState {
    pub(super) fn new(key: &str) -> Self {
        let rest = key.strip_prefix("inventory/").unwrap_or(key);
        let (node, sku) = rest.split_once('/').unwrap_or((rest, ""));
        Self {
            desk: Desk::new(key),
            node: node.to_owned(),
            sku: sku.to_owned(),
            unit: "EA".to_owned(),
            ..Self::default()
        }
    }

    /// What can be sold: the node's own figure, else what is on hand and not committed.
    /// None when the node never counted.
    #[must_use]
    pub fn available(&self) -> Option<Number> {
        let sum = |kind: &StockKind| {
            let kind = code_text(kind);
            let figures: Vec<_> = self
                .positions
                .iter()
                .filter(|it| it.kind == kind)
                .filter_map(Position::warehouse)
                .collect();
            (!figures.is_empty()).then(|| figures.into_iter().sum::<Number>())
        };
        sum(&StockKind::Available).or_else(|| {
            let on_hand = sum(&StockKind::OnHand)?;
            Some(on_hand - sum(&StockKind::Committed).unwrap_or_default())
        })
    }

    /// What lists, searches and routing need to know.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let rows = self.rows();
        let on_hand = code_text(&StockKind::OnHand);
        let sum = |figure: fn(&Row) -> Option<Number>| {
            let rows = rows.iter().filter(|row| row.status == on_hand);
            let figures: Vec<Number> = rows.filter_map(figure).collect();
            (!figures.is_empty()).then(|| figures.into_iter().sum::<Number>())
        };
        let counted_at = rows.iter().filter_map(|row| row.counted_at_ms).max();
        let stocks: Vec<String> = rows
            .iter()
            .filter_map(|row| Some((row, row.warehouse?)))
            .map(|(row, figure)| match row.lot.as_str() {
                "" => format!("{}={figure}", row.status),
                lot => format!("{}/{lot}={figure}", row.status),
            })
            .collect();
        Sheet::default()
            .with("node", &self.node)
            .with("sku", &self.sku)
            .with("unit", &self.unit)
            .maybe("available", self.available())
            .maybe("on_hand", sum(|row| row.warehouse))
            .maybe("erp", sum(|row| row.erp))
            .maybe("difference", sum(|row| row.difference))
            .with("held", self.is_held())
            .maybe(
                "counted_at",
                counted_at
                    .filter(|at| *at > i64::MIN)
                    .map(Timestamp::from_millis),
            )
            .with("stocks", stocks.join(";"))
            .all()
    }

    /// The lines of the reconciliation report.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let row = |position: &Position| {
            let (warehouse, erp) = (position.warehouse(), position.erp());
            Row {
                node: self.node.clone(),
                sku: self.sku.clone(),
                status: position.kind.clone(),
                lot: position.lot.clone(),
                warehouse,
                erp,
                difference: warehouse.zip(erp).map(|(warehouse, erp)| warehouse - erp),
                held: self
                    .desk
                    .exceptions
                    .iter()
                    .any(|it| it.subject == position.name()),
                counted_at_ms: position.counted.map(|it| it.at),
            }
        };
        self.positions.iter().map(row).collect()
    }

    pub(super) fn is_held(&self) -> bool {
        self.desk
            .exceptions
            .iter()
            .any(|it| it.kind == Kind::Variance)
    }

    fn take_snapshot(
        &mut self,
        snapshot: &InventorySnapshot,
        received: &Received<'_>,
        compare_lots: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let is_erp = received.from.role == Role::Erp;
        if snapshot.purpose == Purpose::Cancel || !(is_erp || received.from.role.node().is_some()) {
            return Ok(());
        }
        // Lots that are not told apart are added up before anything is compared.
        let mut figures: Vec<(String, String, Figure)> = Vec::new();
        for line in
            lines_of(&snapshot.lines, received.lines).filter(|line| sku(&line.items) == self.sku)
        {
            for stock in &line.stocks {
                let at = millis(stock.as_of.as_ref().unwrap_or(&snapshot.as_of));
                let at = happened(at, now)?;
                let lot = lot_of(stock.lot.as_ref(), compare_lots)?;
                let kind = name(&code_text(&stock.kind))?;
                let quantity = fit(Number::of(&stock.quantity.value))?;
                self.unit = name(&stock.quantity.unit)?;
                match figures.iter_mut().find(|it| it.0 == kind && it.1 == lot) {
                    Some((_, _, figure)) => {
                        figure.quantity += quantity;
                        figure.at = figure.at.min(at);
                    }
                    None => figures.push((kind, lot, Figure { at, quantity })),
                }
            }
        }
        for (kind, lot, figure) in figures {
            if let Some(position) = self.position(&kind, &lot) {
                let known = if is_erp {
                    &mut position.booked
                } else {
                    &mut position.counted
                };
                if *known < Some(figure) {
                    *known = Some(figure);
                    // What was released counted from the figure before.
                    if is_erp {
                        position.approved = Number::ZERO;
                    }
                }
                position.forget_old();
            }
        }
        Ok(())
    }

    fn take_adjustment(
        &mut self,
        adjustment: &InventoryAdjustment,
        received: &Received<'_>,
        compare_lots: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if adjustment.purpose == Purpose::Cancel {
            return Ok(());
        }
        let at = happened(millis(&adjustment.adjusted_at), now)?;
        let mut changes = Vec::new();
        for line in
            lines_of(&adjustment.lines, received.lines).filter(|line| sku(&line.items) == self.sku)
        {
            let quantity = fit(Number::of(&line.quantity.value))?;
            let lot = lot_of(line.lot.as_ref(), compare_lots)?;
            let id = format!("{}/{}", adjustment.adjustment_no, name(&line.line_no)?);
            let (from, to) = (
                line.status_from.as_ref().map(|it| words(&code_text(it))),
                line.status_to.as_ref().map(|it| words(&code_text(it))),
            );
            if let (Some(from), Some(to)) = (&from, &to) {
                // Goods that change their status leave one and come to the other.
                let moved = quantity.magnitude();
                changes.push((
                    from.clone(),
                    lot.clone(),
                    Change {
                        at,
                        id: format!("{id}/from"),
                        quantity: Number::ZERO - moved,
                    },
                ));
                changes.push((
                    to.clone(),
                    lot,
                    Change {
                        at,
                        id: format!("{id}/to"),
                        quantity: moved,
                    },
                ));
            } else {
                let kind = to.or(from).unwrap_or_else(|| code_text(&StockKind::OnHand));
                changes.push((kind, lot, Change { at, id, quantity }));
            }
        }
        for (kind, lot, change) in changes {
            if let Some(position) = self.position(&kind, &lot) {
                position.change(change);
            }
        }
        Ok(())
    }

    fn position(&mut self, kind: &str, lot: &str) -> Option<&mut Position> {
        let known = self
            .positions
            .binary_search_by(|it| (it.kind.as_str(), it.lot.as_str()).cmp(&(kind, lot)));
        let index = match known {
            Ok(index) => index,
            Err(index) if self.positions.len() < POSITIONS_MAX => {
                let position = Position {
                    kind: kind.to_owned(),
                    lot: lot.to_owned(),
                    ..Position::default()
                };
                self.positions.insert(index, position);
                index
            }
            Err(_) => return None,
        };
        self.positions.get_mut(index)
    }
}

fn lines_of<'a, T>(
    all: &'a [T],
    chosen: Option<&'a [u32]>,
) -> Box<dyn Iterator<Item = &'a T> + 'a> {
    match chosen {
        None => Box::new(all.iter()),
        Some(chosen) => Box::new(
            chosen
                .iter()
                .filter_map(|index| all.get(usize::try_from(*index).ok()?)),
        ),
    }
}

fn lot_of(lot: Option<&Lot>, compare_lots: bool) -> Result<String, Refusal> {
    name(
        lot.filter(|_| compare_lots)
            .map_or("", |lot| lot.number.as_str()),
    )
}
