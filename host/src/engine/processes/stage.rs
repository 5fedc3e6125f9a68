//! What the process stage holds.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{
    DealAnswer, DealError,
    carry::Building,
    instances::{Held, Instances, Named},
    roles::Roles,
    supply::OpenOrders,
};
use crate::{
    clock::Timestamp,
    journal::Sequence,
    message::PartnerName,
    partner::Partners,
    process::{Command, Policy, Registry, registry},
    record::{Cause, Record, Step, StepRefused, Stepped, WorkId},
    view::{View, Waiting},
};

/// Pieces of work that are fetched at once.
const FETCH_MAX: usize = 256;

/// See the module.
pub(in crate::engine) struct Stage {
    pub(super) registry: Registry,
    pub(super) policy: Arc<Policy>,
    pub(in crate::engine) roles: Roles,
    pub(super) instances: Instances,
    pub(super) open_orders: OpenOrders,
    /// When the next timer is due, as far as records are durable.
    pub(super) next_timer: Option<Timestamp>,
    /// Who waits for the record of a deal, in the order of the records.
    pub(super) answers: VecDeque<(Arc<Record>, DealAnswer)>,
    /// The orders that a partner's trouble concerns, while they are told.
    concerned: Option<(WorkId, Arc<[String]>)>,
    /// What was said last of whether partners answer, since the start.
    said: HashMap<PartnerName, bool>,
    work: VecDeque<Waiting>,
    /// The last piece of work that was fetched.
    fetched: Option<WorkId>,
    /// Whether there may be more in the view.
    more: bool,
}

// === impl Stage ===

impl Stage {
    /// The stage as the view leaves it.
    pub(in crate::engine) fn recover(
        view: &View,
        partners: &Partners,
        policy: Arc<Policy>,
    ) -> Self {
        Self {
            registry: Registry::standard(),
            policy,
            roles: Roles::new(partners),
            instances: Instances::default(),
            open_orders: OpenOrders::recover(view),
            next_timer: view.next_timer(),
            answers: VecDeque::new(),
            concerned: None,
            said: HashMap::new(),
            work: VecDeque::new(),
            fetched: None,
            more: true,
        }
    }

    /// Records have left work in the view.
    pub(in crate::engine) fn look(&mut self) {
        self.more = true;
    }

    /// Takes work out of the view, when there is little here.
    pub(super) fn fetch(&mut self, view: &View) {
        if !self.more || self.work.len() >= FETCH_MAX {
            return;
        }
        let found = view.waiting_work(self.fetched, FETCH_MAX);
        self.more = found.len() == FETCH_MAX;
        if let Some(last) = found.last() {
            self.fetched = Some(last.id());
        }
        self.work.extend(found);
    }

    /// The rest of a piece of work.
    pub(super) fn put_back(&mut self, waiting: Waiting) {
        self.work.push_front(waiting);
    }

    /// The orders that a partner's trouble concerns, and how many of them have not heard
    /// of it; none when that was said before. The list stays the same while the work
    /// lasts; after a start all hear of it again, which does nothing the second time.
    pub(super) fn concerned(
        &mut self,
        waiting: &Waiting,
        partner: &PartnerName,
        available: bool,
    ) -> Option<(Arc<[String]>, Option<u32>)> {
        if let Some((id, keys)) = &self.concerned
            && *id == waiting.id()
        {
            return Some((Arc::clone(keys), waiting.left));
        }
        let said = self.said.insert(partner.clone(), available);
        if said == Some(available) {
            return None;
        }
        let node = self.roles.node_of(partner)?;
        let keys: Arc<[String]> = self.open_orders.at(node).into();
        self.concerned = Some((waiting.id(), Arc::clone(&keys)));
        Some((keys, None))
    }

    pub(super) fn next_work(&mut self) -> Option<Waiting> {
        self.work.pop_front()
    }

    /// Whether something waits to be done at once.
    pub(in crate::engine) fn is_busy(&self) -> bool {
        self.more || !self.work.is_empty()
    }

    /// The record of steps is on its way.
    pub(super) fn sent(&mut self, stepped: &Stepped) {
        self.instances.sent(stepped);
    }

    /// Steps come to nothing: instances are as they were before, the last step first.
    pub(super) fn take_back(&mut self, before: Vec<(Named, Option<Held>)>) {
        for (named, held) in before.into_iter().rev() {
            let after = self.instances.take_back(&named, held.clone());
            self.open_orders
                .moved(&named, after.as_ref(), held.as_ref());
        }
    }

    /// It is durable.
    pub(super) fn committed(&mut self, _: Sequence, stepped: &Stepped) {
        self.instances.committed(stepped);
        let commands = stepped.steps.iter().flat_map(|step| &step.commands);
        let dues = commands.filter_map(|command| match command {
            Command::SetTimer { due, .. } => Some(*due),
            _ => None,
        });
        self.next_timer = dues.chain(self.next_timer).min();
        if let Cause::Timer { due, .. } = stepped.cause {
            // Others that are due may have waited behind it.
            self.next_timer = [self.next_timer, Some(due)].into_iter().flatten().min();
        }
    }

    /// Whether an instance is still where somebody saw it.
    pub(super) fn moved_since(
        &self,
        view: &View,
        process: &str,
        key: &str,
        seen: Option<Sequence>,
    ) -> Result<(), DealError> {
        let Some(seen) = seen else {
            return Ok(());
        };
        if self.instances.is_moving(process, key) {
            return Err(DealError::Moving);
        }
        match view.instance(process, key) {
            Some(row) if row.sequence == seen => Ok(()),
            Some(row) => Err(DealError::Moved(row.sequence)),
            None => Err(DealError::Unknown(format!("instance {process} {key}"))),
        }
    }

    /// Brings an instance to another version of its process.
    pub(super) fn migrate(
        &mut self,
        view: &View,
        process: &str,
        key: &str,
        to: u32,
        by: String,
        now: Timestamp,
    ) -> Result<Building, DealError> {
        let named = Named {
            process: process.to_owned(),
            key: key.to_owned(),
        };
        let before = self
            .instances
            .get(view, &named)
            .ok_or_else(|| DealError::Unknown(format!("instance {process} {key}")))?;
        let broken = |error: registry::Error| match error {
            registry::Error::NoMigration { .. } => DealError::Refused(StepRefused {
                code: "no-migration".to_owned(),
                text: error.to_string(),
            }),
            _ => DealError::Broken(error.to_string()),
        };
        let state = self
            .registry
            .migrate(process, before.version, to, &before.state)
            .map_err(broken)?;
        let summary = self.registry.summary(process, to, &state).map_err(broken)?;
        let from = before.version;
        let mut after = before.clone();
        after.version = to;
        after.state = state.into();
        after.facts.clone_from(&summary.facts);
        after.finished = summary.finished;
        self.open_orders.moved(&named, Some(&before), Some(&after));
        let step = Step {
            process: process.to_owned(),
            version: to,
            key: key.to_owned(),
            input: format!("migration/{from}/{to}"),
            correlation_id: after.correlation_id.clone(),
            origin: after.origin,
            state: after.state.clone(),
            status: summary.status.to_owned(),
            finished: summary.finished,
            exceptions: u32::try_from(summary.exceptions.len()).unwrap_or(u32::MAX),
            waits: summary.waits,
            facts: summary.facts,
            commands: Vec::new(),
            events: Vec::new(),
            refused: None,
            omitted: Vec::new(),
            stands: None,
        };
        let mut building = Building::new(Cause::Migration { from, by }, now);
        building.before.push((named.clone(), Some(before)));
        building.stepped.steps.push(step);
        self.instances.put(named, after);
        Ok(building)
    }
}
