//! Instances that move, ahead of the view by the records on their way.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::{
    message::{CorrelationId, DocumentId},
    record::Stepped,
    view::View,
};

/// Instances that are kept in memory when they do not move.
const KEPT_MAX: usize = 8_192;

/// Names an instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Named {
    pub(super) process: String,
    pub(super) key: String,
}

/// An instance after its last step, whether or not that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) version: u32,
    pub(super) state: Bytes,
    pub(super) facts: Vec<(String, String)>,
    pub(super) finished: bool,
    pub(super) origin: Option<DocumentId>,
    pub(super) correlation_id: CorrelationId,
}

/// See the module.
#[derive(Default)]
pub(super) struct Instances {
    held: HashMap<Named, Moving>,
    order: VecDeque<Named>,
}

struct Moving {
    held: Held,
    /// How many of its records are on their way.
    on_the_way: u32,
}

// === impl Held ===

impl Held {
    /// A fact by its name.
    pub(super) fn fact(&self, name: &str) -> Option<&str> {
        let fact = self.facts.iter().find(|(known, _)| known == name);
        fact.map(|(_, value)| value.as_str())
    }
}

// === impl Instances ===

impl Instances {
    /// An instance; none that has taken no step.
    pub(super) fn get(&self, view: &View, named: &Named) -> Option<Held> {
        if let Some(moving) = self.held.get(named) {
            return Some(moving.held.clone());
        }
        let row = view.instance(&named.process, &named.key)?;
        let state = view.state_of(&named.process, &named.key)?;
        Some(Held {
            version: row.version,
            state: state.into(),
            facts: row.facts,
            finished: row.finished,
            origin: row.origin,
            correlation_id: row.correlation_id,
        })
    }

    /// The facts of one, without its state.
    pub(super) fn fact(&self, view: &View, named: &Named, name: &str) -> Option<String> {
        if let Some(moving) = self.held.get(named) {
            return moving.held.fact(name).map(str::to_owned);
        }
        let row = view.instance(&named.process, &named.key)?;
        row.fact(name).map(str::to_owned)
    }

    /// It took a step.
    pub(super) fn put(&mut self, named: Named, held: Held) {
        let on_the_way = match self.held.get(&named) {
            Some(moving) => moving.on_the_way,
            None => {
                self.order.push_back(named.clone());
                0
            }
        };
        self.held.insert(named, Moving { held, on_the_way });
    }

    /// A step comes to nothing: the instance is as it was before. Gives how it was after.
    pub(super) fn take_back(&mut self, named: &Named, before: Option<Held>) -> Option<Held> {
        match (before, self.held.get_mut(named)) {
            (Some(before), Some(moving)) => Some(std::mem::replace(&mut moving.held, before)),
            (None, _) => self.held.remove(named).map(|moving| moving.held),
            (Some(_), None) => None,
        }
    }

    /// Whether a record of it is on its way.
    pub(super) fn is_moving(&self, process: &str, key: &str) -> bool {
        let named = Named {
            process: process.to_owned(),
            key: key.to_owned(),
        };
        self.held.get(&named).is_some_and(|it| it.on_the_way > 0)
    }

    /// The record of steps is on its way.
    pub(super) fn sent(&mut self, stepped: &Stepped) {
        for step in &stepped.steps {
            if let Some(moving) = self.held.get_mut(&named(step)) {
                moving.on_the_way += 1;
            }
        }
    }

    /// It is durable.
    pub(super) fn committed(&mut self, stepped: &Stepped) {
        for step in &stepped.steps {
            if let Some(moving) = self.held.get_mut(&named(step)) {
                moving.on_the_way = moving.on_the_way.saturating_sub(1);
            }
        }
        let mut looks = self.order.len();
        while self.order.len() > KEPT_MAX && looks > 0 {
            looks -= 1;
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            match self.held.get(&oldest) {
                Some(moving) if moving.on_the_way > 0 => self.order.push_back(oldest),
                _ => {
                    self.held.remove(&oldest);
                }
            }
        }
    }
}

fn named(step: &crate::record::Step) -> Named {
    Named {
        process: step.process.clone(),
        key: step.key.clone(),
    }
}
