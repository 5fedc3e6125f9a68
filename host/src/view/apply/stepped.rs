//! The part of the fold that takes in what processes did, and notes what records leave
//! for them to do.
//!
//! A row that processes change may change again within the same batch, so what was put
//! since the batch began is looked at first.

use std::collections::HashMap;

use serde::de::DeserializeOwned;

use super::{Base, Fold, Queueing, decode, encode};
use crate::{
    clock::Timestamp,
    deliver::breaker,
    journal::Sequence,
    message::{DeliveryId, PartnerName},
    process::{Command, Event, EventKind, Request, exception::Exception},
    record::{Cause, CommandRef, Decoded, Step, Stepped, WorkId},
    view::{
        processes::{
            self, BreachRow, ExceptionRow, InstanceRow, LevelRow, ReportRow, Work, datum, level_of,
            piece, pieces,
        },
        rows::remember,
    },
};

/// Records in a message's history up to which those of steps are noted in it.
const STEPS_REMEMBERED_MAX: usize = 32;
/// Where the ordinals of work begin that acknowledgements leave; documents have those
/// before.
const REJECTIONS_FROM: u32 = 1 << 31;

/// Rows that were put or removed since the batch began.
#[derive(Default)]
pub(super) struct Touched(HashMap<Vec<u8>, Option<Vec<u8>>>);

// === impl Fold ===

impl Fold {
    pub(super) fn stepped(&mut self, base: &dyn Base, sequence: Sequence, stepped: &Stepped) {
        if let Cause::Timer {
            process,
            key,
            name,
            due,
        } = &stepped.cause
        {
            self.rung(base, *due, process, key, name);
        }
        for step in &stepped.steps {
            self.step(base, sequence, stepped.at, step);
        }
        let queueing = Queueing {
            sequence,
            at: stepped.at,
            correlation_id: None,
            traceparent: stepped.traceparent.as_ref(),
        };
        for (index, queued) in (0..).zip(&stepped.deliveries) {
            self.queued(&queueing, index, queued);
            if let Some(command) = &queued.command {
                self.sent(command, queued.id);
            }
            if let Some(row) = self.message(base, queued.id.message) {
                row.deliveries += 1;
            }
        }
        for (index, report) in (0..).zip(&stepped.reports) {
            let row = ReportRow {
                sequence,
                index,
                at: stepped.at,
                positions: report.positions,
            };
            let key = processes::report(&report.node, stepped.at, sequence);
            self.put(key, encode(&row));
        }
        if let (Cause::Document { document, .. }, Some(_)) = (&stepped.cause, stepped.work)
            && let Some(row) = self.message(base, document.message)
            // The record that decoded it must not be pushed out: documents are found by it.
            && row.history.len() < STEPS_REMEMBERED_MAX
        {
            remember(&mut row.history, sequence);
        }
        if let (Some(id), 0) = (stepped.work, stepped.left) {
            self.set(processes::work(id), None);
        }
    }

    /// Documents that processes take in wait for them.
    pub(super) fn left_by_documents(&mut self, sequence: Sequence, decoded: &Decoded) {
        let documents = decoded.documents.iter().filter(|it| it.processed);
        for (ordinal, document) in (0..).zip(documents) {
            let id = WorkId { sequence, ordinal };
            let work = Work::Document {
                document: document.id,
                from: decoded.partner.clone(),
            };
            self.leave(id, work);
        }
    }

    /// A delivery has ended that a process asked for.
    pub(super) fn left_by_outcome(&mut self, sequence: Sequence, delivery: DeliveryId) {
        let id = WorkId {
            sequence,
            ordinal: 0,
        };
        self.leave(id, Work::Outcome(delivery));
    }

    /// A receiver can't use what a process asked for. Words follow on documents.
    pub(super) fn left_by_rejection(
        &mut self,
        sequence: Sequence,
        word: u32,
        delivery: DeliveryId,
    ) {
        let ordinal = REJECTIONS_FROM.saturating_add(word);
        self.leave(WorkId { sequence, ordinal }, Work::Rejected(delivery));
    }

    /// A breaker opened or closed.
    pub(super) fn left_by_breaker(
        &mut self,
        sequence: Sequence,
        partner: &PartnerName,
        state: &breaker::State,
    ) {
        let available = match state {
            breaker::State::Closed { .. } | breaker::State::ForcedClosed { .. } => true,
            breaker::State::Open { .. } | breaker::State::ForcedOpen { .. } => false,
            breaker::State::HalfOpen { .. } => return,
        };
        let id = WorkId {
            sequence,
            ordinal: 1,
        };
        let partner = partner.clone();
        self.leave(id, Work::Availability { partner, available });
    }

    fn leave(&mut self, id: WorkId, work: Work) {
        self.set(processes::work(id), Some(encode(&work)));
    }

    fn step(&mut self, base: &dyn Base, sequence: Sequence, at: Timestamp, step: &Step) {
        let key = processes::instance(&step.process, &step.key);
        let mut row = self
            .known::<InstanceRow>(base, &key)
            .unwrap_or_else(|| InstanceRow::begin(step, at, sequence));
        row.step(step, at, sequence);
        if !step.state.is_empty() {
            let state = processes::state(&step.process, &step.key);
            self.long(base, &state, &step.state);
            self.breaches(step, &mut row);
        }
        self.set(key, Some(encode(&row)));
        for command in &step.commands {
            self.command(base, sequence, at, step, command);
        }
        for event in &step.events {
            self.event(base, at, event);
        }
    }

    fn command(
        &mut self,
        base: &dyn Base,
        sequence: Sequence,
        at: Timestamp,
        step: &Step,
        command: &Command,
    ) {
        match command {
            Command::SetTimer { name, due } => {
                self.clear_timer(base, step, name);
                let of = processes::timer_of(&step.process, &step.key, name);
                self.set(of, Some(encode(due)));
                let timer = processes::timer(*due, &step.process, &step.key, name);
                self.set(timer, Some(Vec::new()));
            }
            Command::ClearTimer { name } => self.clear_timer(base, step, name),
            Command::OpenException(exception)
            | Command::UpdateException(exception)
            | Command::CloseException(exception) => {
                self.exception(base, sequence, at, step, exception);
            }
            Command::Request {
                request: Request::Snapshot { node },
                ..
            } => self.set(processes::asked(node), Some(encode(&at))),
            Command::Send { .. }
            | Command::Notify(_)
            | Command::Request { .. }
            | Command::Tell { .. }
            | Command::Redeliver { .. } => {}
        }
    }

    fn clear_timer(&mut self, base: &dyn Base, step: &Step, name: &str) {
        let of = processes::timer_of(&step.process, &step.key, name);
        if let Some(due) = self.known::<Timestamp>(base, &of) {
            let timer = processes::timer(due, &step.process, &step.key, name);
            self.set(timer, None);
            self.set(of, None);
        }
    }

    /// A timer is over. A step that follows may set another one of its name.
    fn rung(&mut self, base: &dyn Base, due: Timestamp, process: &str, key: &str, name: &str) {
        self.set(processes::timer(due, process, key, name), None);
        let of = processes::timer_of(process, key, name);
        if self.known::<Timestamp>(base, &of) == Some(due) {
            self.set(of, None);
        }
    }

    fn exception(
        &mut self,
        base: &dyn Base,
        sequence: Sequence,
        at: Timestamp,
        step: &Step,
        exception: &Exception,
    ) {
        let row = ExceptionRow {
            process: step.process.clone(),
            sequence,
            changed_at: at,
            exception: exception.clone(),
        };
        self.long(base, &processes::exception(&exception.id), &encode(&row));
        let open = processes::open(&exception.id);
        self.set(open, (!exception.closed).then(Vec::new));
    }

    fn event(&mut self, base: &dyn Base, at: Timestamp, event: &Event) {
        let Some((level, on)) = level_of(event) else {
            return;
        };
        let key = processes::level(level, on, processes::day(at));
        let mut row = self.known::<LevelRow>(base, &key).unwrap_or_default();
        match event.kind {
            EventKind::LevelMet => {
                let took = datum(event, "took_ms").and_then(|it| it.parse().ok());
                row.ended(took.unwrap_or(0), datum(event, "in_time") != Some("false"));
            }
            EventKind::LevelWarned => row.warned += 1,
            EventKind::LevelBreached => row.breached += 1,
            _ => return,
        }
        self.set(key, Some(encode(&row)));
    }

    /// What takes longer than it may, as it is after the step.
    fn breaches(&mut self, step: &Step, row: &mut InstanceRow) {
        for (level, on, subject) in std::mem::take(&mut row.breaches) {
            let key = processes::breach(&level, &on, &step.process, &step.key, &subject);
            self.set(key, None);
        }
        for wait in processes::breached(step) {
            let level = wait.level.name();
            let key = processes::breach(level, &wait.on, &step.process, &step.key, &wait.subject);
            let breach = BreachRow {
                level: level.to_owned(),
                on: wait.on.clone(),
                process: step.process.clone(),
                key: step.key.clone(),
                subject: wait.subject.clone(),
                since: wait.since,
                until: wait.until,
            };
            self.set(key, Some(encode(&breach)));
            let named = (level.to_owned(), wait.on.clone(), wait.subject.clone());
            row.breaches.push(named);
        }
    }

    fn sent(&mut self, command: &CommandRef, id: DeliveryId) {
        let key = processes::sent(&command.process, &command.key, &command.dedupe_key, id);
        self.put(key, Vec::new());
    }

    /// A value that may be too long for a row.
    fn long(&mut self, base: &dyn Base, key: &[u8], value: &[u8]) {
        let before = self.bytes(base, &piece(key, 0));
        for (key, row) in pieces(key, value, before.as_deref()) {
            self.set(key, row);
        }
    }

    fn known<Row: DeserializeOwned>(&self, base: &dyn Base, key: &[u8]) -> Option<Row> {
        self.bytes(base, key).as_deref().and_then(decode)
    }

    fn bytes(&self, base: &dyn Base, key: &[u8]) -> Option<Vec<u8>> {
        match self.touched.0.get(key) {
            Some(row) => row.clone(),
            None => base.get(key).map(|row| row.to_vec()),
        }
    }

    fn set(&mut self, key: Vec<u8>, row: Option<Vec<u8>>) {
        self.touched.0.insert(key, row);
    }
}

// === impl Touched ===

impl Touched {
    /// All of it, to be written.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
        std::mem::take(&mut self.0).into_iter()
    }
}
