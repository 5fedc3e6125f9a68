//! A step, and what follows from its commands.

use std::collections::{HashSet, VecDeque};

use crossdock_sdk::json;

use super::{
    super::Engine,
    DealAnswer,
    instances::{Held, Named},
    letters::{Letter, Letters},
    notice,
    supply::Now,
};
use crate::{
    clock::Timestamp,
    contract,
    message::{CorrelationId, DeliveryId, DocumentId, MessageId, PartnerName},
    process::{
        self, Body, Command, Draft, Input, Notice, Receiver, Request, Role, World,
        inventory_sync::{PositionState, to_json},
        traffic,
    },
    record::{
        Cause, CommandRef, Omitted, Queued, Report, Step, StepRefused, Stepped, Subject, WorkId,
    },
    view::{DeliveryStatus, InstanceFilter},
};

/// Steps that one thing may lead to by processes telling each other.
const STEPS_MAX: usize = 4 * super::STEPS_A_RECORD;
/// Positions that a report has at most.
const POSITIONS_MAX: usize = 20_000;

/// A record while it is made.
pub(super) struct Building {
    pub(super) stepped: Stepped,
    /// Instances as they were before.
    pub(super) before: Vec<(Named, Option<Held>)>,
    pub(super) deed: Option<Deed>,
    /// What ties a new instance to what began it.
    correlation_id: Option<CorrelationId>,
    document: Option<DocumentId>,
    /// Who got what already: two of somebody's roles may be told the same.
    told: HashSet<(PartnerName, String)>,
}

/// Somebody waits for the record.
pub(super) struct Deed {
    pub(super) answer: DealAnswer,
}

/// What a process tells another.
struct Told {
    process: String,
    key: String,
    identity: String,
    signal: process::Signal,
}

// === impl Building ===

impl Building {
    pub(super) fn new(cause: Cause, at: Timestamp) -> Self {
        Self {
            stepped: Stepped {
                at,
                cause,
                work: None,
                left: 0,
                traceparent: None,
                steps: Vec::new(),
                deliveries: Vec::new(),
                reports: Vec::new(),
            },
            before: Vec::new(),
            deed: None,
            correlation_id: None,
            document: None,
            told: HashSet::new(),
        }
    }

    pub(super) fn because_of(&mut self, work: WorkId) {
        self.stepped.work = Some(work);
    }

    pub(super) fn leaves(&mut self, left: u32) {
        self.stepped.left = left;
    }

    /// The document that moves instances.
    pub(super) fn about(&mut self, letter: &Letter) {
        self.correlation_id = Some(letter.correlation_id.clone());
        self.document = Some(letter.id);
        self.stepped.traceparent.clone_from(&letter.traceparent);
    }
}

// === impl Engine ===

impl Engine {
    /// Has an instance take a step, and those that it tells something.
    pub(super) fn step(
        &mut self,
        building: &mut Building,
        process: &str,
        key: &str,
        input: &Input<'_>,
    ) {
        let mut told = VecDeque::new();
        self.step_one(building, process, key, input, &mut told);
        let mut steps = 1;
        while let Some(next) = told.pop_front() {
            if steps >= STEPS_MAX {
                tracing::error!(
                    process = next.process,
                    key = next.key,
                    "processes tell each other without end; the rest is dropped"
                );
                return;
            }
            let input = Input {
                identity: next.identity,
                body: Body::Signal(next.signal),
            };
            self.step_one(building, &next.process, &next.key, &input, &mut told);
            steps += 1;
        }
    }

    fn step_one(
        &mut self,
        building: &mut Building,
        process: &str,
        key: &str,
        input: &Input<'_>,
        told: &mut VecDeque<Told>,
    ) {
        let named = Named {
            process: process.to_owned(),
            key: process::fit_key(key),
        };
        let held = self.stage.instances.get(&self.parts.view, &named);
        let known = held
            .clone()
            .unwrap_or_else(|| self.begun(building, process));
        let mut step = begin(&named, &known, input, building.document);
        let state = held.as_ref().map(|it| &it.state[..]);
        let taken = self.ask(&named, known.version, state, input, building.stepped.at);
        let (taken, summary) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(process, key = named.key, %error, "an instance can't be continued");
                step.refused = Some(StepRefused {
                    code: "step-failed".to_owned(),
                    text: error.to_string(),
                });
                // So that the record is counted while it is on its way.
                if let Some(held) = held {
                    self.stage.instances.put(named, held);
                }
                building.stepped.steps.push(step);
                return;
            }
        };
        step.state = taken.state.into();
        step.status = summary.status.to_owned();
        step.finished = summary.finished;
        step.exceptions = u32::try_from(summary.exceptions.len()).unwrap_or(u32::MAX);
        step.waits = summary.waits;
        step.facts = summary.facts;
        step.events = taken.events;
        step.refused = taken.refusal.map(|refusal| StepRefused {
            code: refusal.code.to_owned(),
            text: refusal.text,
        });
        let after = Held {
            state: step.state.clone(),
            facts: step.facts.clone(),
            finished: step.finished,
            origin: step.origin,
            ..known
        };
        self.stage
            .open_orders
            .moved(&named, held.as_ref(), Some(&after));
        building.before.push((named.clone(), held));
        self.stage.instances.put(named, after);
        for command in &taken.commands {
            self.carry_out(building, &mut step, command, told);
        }
        step.commands = taken.commands;
        building.stepped.steps.push(step);
    }

    /// Has the machine make the step, and say what there is to say of the instance then.
    fn ask(
        &self,
        named: &Named,
        version: u32,
        state: Option<&[u8]>,
        input: &Input<'_>,
        now: Timestamp,
    ) -> Result<(process::Step<Vec<u8>>, process::Summary), process::registry::Error> {
        let Named { process, key } = named;
        let down = self.state.down();
        let supply = Now {
            view: &self.parts.view,
            instances: &self.stage.instances,
            open_orders: &self.stage.open_orders,
            roles: &self.stage.roles,
            down: &down,
        };
        let world = World {
            policy: &self.stage.policy,
            supply: &supply,
        };
        let registry = &self.stage.registry;
        let taken = registry.step(process, version, key, state, input, now, &world)?;
        let summary = registry.summary(process, version, &taken.state)?;
        Ok((taken, summary))
    }

    /// An instance before its first step.
    fn begun(&self, building: &Building, process: &str) -> Held {
        let own = || CorrelationId::from(MessageId::new(building.stepped.at));
        Held {
            version: self.stage.registry.newest(process).unwrap_or(1),
            state: Vec::new().into(),
            facts: Vec::new(),
            finished: false,
            origin: building.document,
            correlation_id: building.correlation_id.clone().unwrap_or_else(own),
        }
    }

    fn carry_out(
        &mut self,
        building: &mut Building,
        step: &mut Step,
        command: &Command,
        told: &mut VecDeque<Told>,
    ) {
        match command {
            Command::Send {
                to,
                draft,
                dedupe_key,
            } => self.send(building, step, to, draft, dedupe_key),
            Command::Notify(notice) => self.notify(building, step, notice),
            Command::Request { request, .. } => match request {
                Request::Snapshot { node } => self.ask_for_stock(node, building.stepped.at),
                Request::Reconciliation { node } => {
                    let report = self.report(node, building.stepped.at);
                    building.stepped.reports.extend(report);
                }
            },
            Command::Tell {
                process,
                key,
                signal,
                dedupe_key,
            } => told.push_back(Told {
                process: process.clone(),
                key: key.clone(),
                identity: dedupe_key.clone(),
                signal: signal.clone(),
            }),
            Command::Redeliver { dedupe_key } => self.redeliver(building, step, dedupe_key),
            Command::SetTimer { .. }
            | Command::ClearTimer { .. }
            | Command::OpenException(_)
            | Command::UpdateException(_)
            | Command::CloseException(_) => {}
        }
    }

    fn send(
        &mut self,
        building: &mut Building,
        step: &mut Step,
        to: &Receiver,
        draft: &Draft,
        dedupe_key: &str,
    ) {
        let needed = draft.needs();
        let base = needed.and_then(|id| Letters::new(&self.parts, &self.state).document(id));
        match draft.document(base.as_deref()) {
            Ok(document) => {
                let about = needed.or(building.document).or(step.origin);
                self.queue(building, step, to, &document, about, dedupe_key);
            }
            Err(error) => {
                tracing::error!(key = step.key, dedupe_key, %error, "a document can't be made that a process wants to send");
                omit(step, dedupe_key, format!("it can't be made: {error}"));
            }
        }
    }

    fn notify(&mut self, building: &mut Building, step: &mut Step, notice: &Notice) {
        let origin = step.origin;
        let base = origin.and_then(|id| Letters::new(&self.parts, &self.state).document(id));
        let document = notice::document(notice, base.as_deref());
        let about = building.document.or(origin);
        self.queue(
            building,
            step,
            &Receiver::Crm,
            &document,
            about,
            &notice.dedupe_key,
        );
    }

    /// Dead letters of a command go round again. That is recorded before the step, so that
    /// a stop between the two leaves a delivery under way and not one that nobody minds.
    fn redeliver(&mut self, building: &Building, step: &Step, dedupe_key: &str) {
        let by = match &building.stepped.cause {
            Cause::Action { by, .. } => by.clone(),
            _ => step.process.clone(),
        };
        let deliveries = self
            .parts
            .view
            .sent_by(&step.process, &step.key, Some(dedupe_key));
        for id in deliveries {
            let row = self.parts.view.delivery(id);
            if let Some(DeliveryStatus::Dead { dead_letter }) = row.map(|row| row.status) {
                self.replay(dead_letter, Subject::Delivery(id), &by, building.stepped.at);
            }
        }
    }

    fn queue(
        &mut self,
        building: &mut Building,
        step: &mut Step,
        to: &Receiver,
        document: &contract::Document,
        about: Option<DocumentId>,
        dedupe_key: &str,
    ) {
        let kind = contract::kind(document);
        let content = match json::to_string(document) {
            Ok(content) => content,
            Err(error) => {
                omit(step, dedupe_key, format!("it has no JSON form: {error}"));
                return;
            }
        };
        let receivers = self.stage.roles.receivers(to);
        if receivers.is_empty() {
            omit(step, dedupe_key, format!("nobody is {}", named(to)));
        }
        for partner in receivers {
            if !self.stage.roles.takes(&partner, kind) {
                let text = format!("{partner} takes no {kind}");
                omit(step, dedupe_key, text);
                continue;
            }
            if !self.hands.writes(&partner, kind) && !is_needed(to, kind) {
                let text = format!("the adapter of {partner} does not write {kind}");
                omit(step, dedupe_key, text);
                continue;
            }
            if !building.told.insert((partner.clone(), content.clone())) {
                omit(
                    step,
                    dedupe_key,
                    format!("{partner} is told the same already"),
                );
                continue;
            }
            let message = self.message_of(building, step);
            let id = DeliveryId {
                message,
                ordinal: self.state.ordinals.next(&self.parts.view, message),
            };
            let queued = Queued {
                id,
                document: about.unwrap_or(DocumentId {
                    message,
                    position: 0,
                }),
                control_number: self.state.next_control_number(&partner),
                acknowledgement_minutes: self.state.acknowledgement_minutes(&partner, kind),
                to: partner,
                business_key: step.key.clone(),
                kind: kind.to_owned(),
                rule: step.process.clone(),
                correlation_id: Some(step.correlation_id.clone()),
                content: Some(content.clone()),
                command: Some(CommandRef {
                    process: step.process.clone(),
                    key: step.key.clone(),
                    dedupe_key: dedupe_key.to_owned(),
                }),
            };
            building.stepped.deliveries.push(queued);
        }
    }

    /// The message that a delivery is counted with: what moved the instance, else what
    /// it began with.
    fn message_of(&self, building: &Building, step: &Step) -> MessageId {
        // One that was given up counts nothing any more.
        let is_known = |it: &DocumentId| self.parts.view.message(it.message).is_some();
        let document = building.document.or(step.origin.filter(is_known));
        document.map_or_else(|| MessageId::new(building.stepped.at), |it| it.message)
    }

    /// Asks again for the stock that was asked for before a stop, where no poll brought
    /// anything since.
    pub(in crate::engine) fn recover_requests(&mut self) {
        let now = self.parts.clock.now();
        let view = &self.parts.view;
        let is_open = |(partner, node): &(&PartnerName, &str)| {
            let polled = view.partner(partner).polled.map(|it| it.at);
            let asked = view.stock_asked_at(node);
            asked.is_some_and(|asked| polled.is_none_or(|it| it < asked))
        };
        let open = self.stage.roles.nodes().filter(is_open);
        let open: Vec<_> = open.map(|(partner, _)| partner.clone()).collect();
        for partner in open {
            if let Some(poller) = self.state.poller(&partner) {
                poller.wanted_by_the_host(now);
            }
        }
    }

    /// Asks the partner that runs a node for its stock: at once, before the step is durable,
    /// since to ask changes nothing there and a step that is lost asks again.
    fn ask_for_stock(&mut self, node: &str, now: Timestamp) {
        let receiver = Receiver::Node {
            node: node.to_owned(),
        };
        for partner in self.stage.roles.receivers(&receiver) {
            match self.state.poller(&partner) {
                Some(poller) => poller.wanted_by_the_host(now),
                None => {
                    tracing::warn!(%partner, node, "its stock is wanted and it is not polled; it has to send it by itself");
                }
            }
        }
    }

    /// A node's positions as they are now.
    fn report(&self, node: &str, at: Timestamp) -> Option<Report> {
        let rows = self.parts.view.instances(&InstanceFilter {
            process: Some("inventory-position".to_owned()),
            key_prefix: Some(format!("inventory/{node}/")),
            limit: POSITIONS_MAX,
            ..InstanceFilter::default()
        });
        if rows.len() == POSITIONS_MAX {
            tracing::warn!(
                node,
                positions = POSITIONS_MAX,
                "a node has more positions than a report has room for; the rest is left out"
            );
        }
        let mut lines = Vec::new();
        for (process, key, _) in &rows {
            let named = Named {
                process: process.clone(),
                key: key.clone(),
            };
            let Some(held) = self.stage.instances.get(&self.parts.view, &named) else {
                continue;
            };
            match rmp_serde::from_slice::<PositionState>(&held.state) {
                Ok(state) => lines.extend(state.rows()),
                Err(error) => {
                    tracing::error!(key, %error, "a position can't be read for the report");
                }
            }
        }
        let json = to_json(&lines, at).ok()?;
        Some(Report {
            node: node.to_owned(),
            positions: u32::try_from(rows.len()).unwrap_or(u32::MAX),
            json,
        })
    }
}

/// The record of a step before it is taken.
fn begin(named: &Named, known: &Held, input: &Input<'_>, document: Option<DocumentId>) -> Step {
    Step {
        process: named.process.clone(),
        version: known.version,
        key: named.key.clone(),
        input: input.identity.clone(),
        correlation_id: known.correlation_id.clone(),
        origin: known.origin.or(document),
        state: bytes::Bytes::new(),
        status: String::new(),
        finished: false,
        waits: Vec::new(),
        exceptions: 0,
        facts: Vec::new(),
        commands: Vec::new(),
        events: Vec::new(),
        refused: None,
        omitted: Vec::new(),
        stands: None,
    }
}

/// Whether the process waits for what comes of it, so that nothing may be left out.
fn is_needed(to: &Receiver, kind: &str) -> bool {
    let role = match to {
        Receiver::Erp => Role::Erp,
        Receiver::Node { node } => Role::Warehouse { node: node.clone() },
        Receiver::Crm | Receiver::Shops | Receiver::Partner { .. } => return false,
    };
    traffic::needs(&role).contains(&kind)
}

fn omit(step: &mut Step, dedupe_key: &str, text: String) {
    step.omitted.push(Omitted {
        dedupe_key: dedupe_key.to_owned(),
        text,
    });
}

fn named(receiver: &Receiver) -> String {
    match receiver {
        Receiver::Erp => "the ERP".to_owned(),
        Receiver::Crm => "the service desk".to_owned(),
        Receiver::Shops => "a shop".to_owned(),
        Receiver::Node { node } => format!("the warehouse of node {node}"),
        Receiver::Partner { partner } => format!("{partner} any more, or it can't be sent to"),
    }
}
