//! Instances that are said again as they stand, before the journal gives their records up.

use super::{STEPS_A_RECORD, carry::Building, instances::Named};
use crate::{
    engine::Engine,
    process::Command,
    record::{Cause, Stands, Step},
    view::ExceptionFilter,
};

/// Open exceptions that an instance has at most.
const EXCEPTIONS_MAX: usize = 64;

// === impl Engine ===

impl Engine {
    /// Says instances again; false when some of it does not fit the journal.
    pub(in crate::engine) fn carry(&mut self, instances: &[(String, String)]) -> bool {
        let now = self.parts.clock.now();
        let mut complete = true;
        for some in instances.chunks(STEPS_A_RECORD) {
            let mut building = Building::new(Cause::Carried, now);
            for (process, key) in some {
                let named = Named {
                    process: process.clone(),
                    key: key.clone(),
                };
                building.stepped.steps.extend(self.as_it_stands(&named));
            }
            complete &= self.record(building);
        }
        complete
    }

    /// None for one that is moving: the record on its way says it.
    fn as_it_stands(&mut self, named: &Named) -> Option<Step> {
        let (process, key) = (&named.process, &named.key);
        let view = &self.parts.view.clone();
        if self.stage.instances.is_moving(process, key) {
            return None;
        }
        let row = view.instance(process, key)?;
        let held = self.stage.instances.get(view, named)?;
        let summary = self
            .stage
            .registry
            .summary(process, held.version, &held.state)
            .inspect_err(|error| tracing::error!(key, %error, "an instance can't be carried over"))
            .ok()?;
        // So that the record is counted while it is on its way.
        self.stage.instances.put(named.clone(), held.clone());
        let timers = view.timers_of(process, key).into_iter();
        let timers = timers.map(|(name, due)| Command::SetTimer { name, due });
        let exceptions = view.exceptions(&ExceptionFilter {
            key: Some(key.clone()),
            limit: EXCEPTIONS_MAX,
            ..ExceptionFilter::default()
        });
        let exceptions = exceptions
            .into_iter()
            .map(|it| Command::UpdateException(Box::new(it.exception)));
        Some(Step {
            process: process.clone(),
            version: held.version,
            key: key.clone(),
            input: "carried".to_owned(),
            correlation_id: held.correlation_id,
            origin: held.origin,
            state: held.state,
            status: summary.status.to_owned(),
            finished: summary.finished,
            exceptions: row.exceptions,
            waits: summary.waits,
            facts: summary.facts,
            commands: timers.chain(exceptions).collect(),
            events: Vec::new(),
            refused: None,
            omitted: Vec::new(),
            stands: Some(Stands {
                begun_at: row.begun_at,
                changed_at: row.changed_at,
                steps: row.steps,
            }),
        })
    }
}
