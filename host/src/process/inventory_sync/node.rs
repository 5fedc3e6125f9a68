//! A node's reporting.

use serde::{Deserialize, Serialize};

use super::gaps::{Sequence, number};
use crate::{
    clock::Timestamp,
    contract::{Document, Purpose},
    process::{
        Refusal,
        command::{Audience, Event, EventKind, Receiver, Request},
        desk::{Desk, Picture},
        exception::{Action, Cause, Exception, Kind, Severity},
        input::{Received, Role},
        timer::{Awaited, Level},
        told::Sheet,
        turn::{Facts, Turn},
        write::{happened, millis},
    },
};

/// What is known of a node's reporting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeState {
    pub(super) desk: Desk,
    node: String,
    /// When the newest snapshot was taken.
    snapshot_at: Option<i64>,
    /// When the newest thing that is known happened.
    heard_at: Option<i64>,
    sequence: Sequence,
    /// When a snapshot was last asked for by schedule.
    asked_at: Option<Timestamp>,
    /// When the day was last reconciled.
    reconciled_at: Option<Timestamp>,
    /// Whether its figures are too old.
    stale: bool,
    /// Gaps that lasted too long.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<(u64, u64)>,
}

impl Facts for NodeState {
    fn desk(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn learn(&mut self, received: &Received<'_>, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        if !matches!(received.from.role, Role::Warehouse { .. }) {
            return Ok(());
        }
        match received.document {
            Document::InventorySnapshot(snapshot) if snapshot.purpose != Purpose::Cancel => {
                let at = happened(millis(&snapshot.as_of), turn.now)?;
                self.snapshot_at = self.snapshot_at.max(Some(at));
                self.heard_at = self.heard_at.max(Some(at));
            }
            Document::InventoryAdjustment(adjustment) => {
                let at = happened(millis(&adjustment.adjusted_at), turn.now)?;
                self.heard_at = self.heard_at.max(Some(at));
                if turn.world.policy.inventory(&self.node).sequenced
                    && let Some(number) = number(&adjustment.adjustment_no)
                {
                    self.sequence.add(number, at);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn act(
        &mut self,
        exception: &Exception,
        action: Action,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        if action == Action::Retry {
            let key = format!("snapshot/asked/{}", exception.id);
            turn.desk.unsay(&key);
            self.request_snapshot(turn, &key);
        }
        Ok(())
    }

    fn react(&mut self, turn: &mut Turn<'_>) {
        self.follow_schedule(turn);
        self.follow_gaps(turn);
        self.follow_age(turn);
    }

    fn picture(&self, turn: &Turn<'_>) -> Picture {
        let mut picture = Picture::default();
        let rules = turn.world.policy.inventory(&self.node);
        if let (Some(minutes), Some(asked_at)) = (rules.snapshot_every_minutes, self.asked_at) {
            let until = Timestamp::from_millis(asked_at.as_millis() + i64::from(minutes) * 60_000);
            picture
                .waits
                .push(Awaited::new(Level::Snapshot, "", "crossdock").until(Some(until)));
        }
        let calendar = turn.world.policy.calendars.of(&self.node);
        if let (Some(time), Some(calendar), Some(last)) =
            (rules.reconcile_at, calendar, self.reconciled_at)
        {
            let until = calendar.next_time(last, time);
            picture
                .waits
                .push(Awaited::new(Level::Reconciliation, "", "crossdock").until(Some(until)));
        }
        if let Some(at) = self.heard_at.filter(|at| *at > i64::MIN) {
            let awaited = Awaited::new(Level::InventoryStaleness, "", &self.node);
            picture
                .waits
                .push(awaited.since(Timestamp::from_millis(at)));
        }
        for (first, last) in self.sequence.missing(self.snapshot_at) {
            picture.waits.push(Awaited::new(
                Level::AdjustmentGap,
                &format!("{first}-{last}"),
                &self.node,
            ));
        }
        for (first, last) in &self.gaps {
            let text = format!(
                "adjustments {first} to {last} of {} are missing; a snapshot was asked for",
                self.node
            );
            picture.causes.push(
                Cause::new(Kind::Gap, &format!("{first}-{last}"), text)
                    .actions(&[Action::Retry, Action::AcceptVariance]),
            );
        }
        if self.stale {
            let text = format!("stock figures of {} are too old to be shown", self.node);
            picture.causes.push(
                Cause::new(Kind::Stale, "", text)
                    .severity(Severity::High)
                    .actions(&[Action::Retry, Action::AcceptVariance]),
            );
        }
        picture
    }
}

// === impl NodeState ===

impl NodeState {
    pub(super) fn new(key: &str) -> Self {
        Self {
            desk: Desk::new(key),
            node: key.strip_prefix("inventory/").unwrap_or(key).to_owned(),
            ..Self::default()
        }
    }

    /// Whether its figures are too old to be shown as truth.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// What lists, searches and routing need to know.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let moment = |at: Option<i64>| at.filter(|at| *at > i64::MIN).map(Timestamp::from_millis);
        let missing: u64 = self
            .missing()
            .iter()
            .map(|(first, last)| (last - first).saturating_add(1))
            .fold(0, u64::saturating_add);
        Sheet::default()
            .with("node", &self.node)
            .with("stale", self.stale)
            .maybe("last_report_at", moment(self.heard_at))
            .maybe("snapshot_at", moment(self.snapshot_at))
            .with("missing", missing)
            .all()
    }

    /// The adjustments that are missing: first and last number of each gap.
    #[must_use]
    pub fn missing(&self) -> Vec<(u64, u64)> {
        self.sequence.missing(self.snapshot_at)
    }

    pub(super) fn status(&self) -> &'static str {
        match (self.stale, self.missing().is_empty()) {
            (true, _) => "stale",
            (false, false) => "incomplete",
            (false, true) => "current",
        }
    }

    fn follow_schedule(&mut self, turn: &mut Turn<'_>) {
        let due = |level| turn.is_breached(level, "");
        let (snapshot, reconciliation) = (due(Level::Snapshot), due(Level::Reconciliation));
        if snapshot {
            self.request_snapshot(turn, &format!("snapshot/scheduled/{}", turn.now));
        }
        if snapshot || self.asked_at.is_none() {
            self.asked_at = Some(turn.now);
        }
        if reconciliation {
            let node = self.node.clone();
            let key = format!("reconciliation/{}", turn.now);
            turn.request_once(Receiver::Erp, &key, Request::Reconciliation { node });
        }
        if reconciliation || self.reconciled_at.is_none() {
            self.reconciled_at = Some(turn.now);
        }
    }

    fn follow_gaps(&mut self, turn: &mut Turn<'_>) {
        let missing = self.missing();
        // A gap is known by where it ends: it gets smaller from its beginning.
        let closed: Vec<_> = self
            .gaps
            .iter()
            .filter(|gap| !missing.contains(gap))
            .copied()
            .collect();
        self.gaps.retain(|gap| missing.contains(gap));
        for (first, last) in closed {
            turn.event(Event::new(EventKind::GapClosed, &format!("{first}-{last}")));
        }
        for gap in missing {
            let subject = format!("{}-{}", gap.0, gap.1);
            let limit = turn
                .world
                .policy
                .limits
                .of(Level::AdjustmentGap, &self.node, None);
            let is_late = limit.is_none() || turn.is_breached(Level::AdjustmentGap, &subject);
            if is_late && !self.gaps.contains(&gap) {
                self.gaps.push(gap);
                turn.event(Event::new(EventKind::GapFound, &subject));
                self.request_snapshot(turn, &format!("snapshot/gap/{subject}"));
            }
        }
    }

    fn follow_age(&mut self, turn: &mut Turn<'_>) {
        let wait = turn.desk.wait(Level::InventoryStaleness, "");
        let heard = self.heard_at.map(Timestamp::from_millis);
        let is_stale = wait.is_some_and(|wait| wait.breached && Some(wait.since) == heard);
        if is_stale == self.stale {
            return;
        }
        self.stale = is_stale;
        let (kind, template) = if is_stale {
            (EventKind::NodeStale, "inventory-stale")
        } else {
            (EventKind::NodeFresh, "inventory-fresh")
        };
        turn.event(Event::new(kind, &self.node));
        let at = heard.unwrap_or(turn.now);
        let node = self.node.clone();
        let data = [("node", node.as_str())];
        turn.notify_once(
            Audience::CustomerService,
            &format!("{template}/{at}"),
            template,
            &data,
        );
        turn.notify_once(
            Audience::Operations,
            &format!("operations/{template}/{at}"),
            template,
            &data,
        );
        if is_stale {
            self.request_snapshot(turn, &format!("snapshot/stale/{at}"));
        }
    }

    fn request_snapshot(&self, turn: &mut Turn<'_>, key: &str) {
        let node = self.node.clone();
        turn.request_once(
            Receiver::Node { node: node.clone() },
            key,
            Request::Snapshot { node },
        );
    }
}
