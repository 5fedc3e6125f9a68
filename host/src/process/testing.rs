//! What the tests of all machines share: documents, partners, and a run that plays the
//! engine's part: it keeps timers, delivers what is sent, and checks what must always
//! hold after each step.

mod documents;
mod promises;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::documents::*;
use super::{
    Body, Command, Delivered, EventKind, Input, Machine, Number, Origin, Policy, Received, Signal,
    Step, World,
    address::addresses,
    exception::{Action, Exception, Kind},
    policy::Config,
    routing::{Stock, Supply},
};
use crate::{
    clock::Timestamp,
    contract::{self, Document},
    message::{Digest, DocumentId, MessageId},
};

/// Monday 2026-03-02, 12:00 UTC.
pub(crate) const START: i64 = 1_772_452_800_000;

/// Two nodes, north before south, and limits that tests can reach.
pub(super) const SETTINGS: &str = r#"
    [[node]]
    name = "north"
    priority = 1

    [[node]]
    name = "south"
    priority = 2

    [[routing]]
    name = "all"
    nodes = ["north", "south"]
"#;

/// One instance and the world around it.
pub(super) struct Run<M: Machine> {
    pub(super) state: M::State,
    pub(super) now: Timestamp,
    pub(super) policy: Policy,
    pub(super) supply: Warehouses,
    pub(super) commands: Vec<Command>,
    pub(super) events: Vec<super::Event>,
    timers: BTreeMap<String, Timestamp>,
    came: promises::Came,
    open: BTreeSet<String>,
    key: String,
    count: u32,
    always: fn(&M::State),
    /// Whether what is sent arrives at once.
    pub(super) delivers: bool,
    /// Whether a document that comes again has another identity, as after longer than
    /// identities are remembered: what it says is all that tells it is the same.
    pub(super) forgets: bool,
}

/// Stock that a test sets.
#[derive(Default)]
pub(super) struct Warehouses {
    pub(super) stock: BTreeMap<(String, String), i32>,
}

impl Supply for Warehouses {
    fn stock(&self, node: &str, sku: &str) -> Option<Stock> {
        let available = self.stock.get(&(node.to_owned(), sku.to_owned()))?;
        Some(Stock {
            available: Number::whole(*available),
            stale: false,
        })
    }

    fn open_orders(&self, _: &str) -> u32 {
        0
    }

    fn answers(&self, _: &str) -> bool {
        true
    }
}

// === impl Run ===

impl<M: Machine> Run<M> {
    pub(super) fn new(key: &str, settings: &str) -> Self {
        let config: Config = toml::from_str(&format!("{settings}\n{SETTINGS}")).expect("settings");
        Self {
            state: M::begin(key),
            now: Timestamp::from_millis(START),
            policy: Policy::new(config).expect("a policy"),
            supply: Warehouses::default(),
            commands: Vec::new(),
            events: Vec::new(),
            timers: BTreeMap::new(),
            came: promises::Came::new(),
            open: BTreeSet::new(),
            key: key.to_owned(),
            count: 0,
            always: |_| {},
            delivers: true,
            forgets: false,
        }
    }

    /// With what must hold after each step.
    pub(super) fn always(mut self, always: fn(&M::State)) -> Self {
        self.always = always;
        self
    }

    /// A partner sends a document. The same document is the same input.
    pub(super) fn document(&mut self, from: &Origin, document: &Document) -> Step<()> {
        let content = contract::json::to_vec(document).expect("json");
        let digest = Digest::of(&[content.as_slice(), from.partner.as_str().as_bytes()].concat());
        let mut id = [0; 16];
        id.copy_from_slice(&digest.as_bytes()[..16]);
        let key = self.key.clone();
        let address = addresses(document, from)
            .into_iter()
            .find(|it| it.process == M::NAME && it.key == key);
        let lines = address.and_then(|it| it.lines);
        let id = DocumentId {
            message: MessageId::from_bytes(id),
            position: 0,
        };
        self.came.insert(id, contract::kind(document));
        let body = Body::Document(Received {
            id,
            from,
            document,
            lines: lines.as_deref(),
        });
        let identity = if self.forgets {
            self.count += 1;
            format!("{digest}/{}", self.count)
        } else {
            digest.to_string()
        };
        self.input(identity, body)
    }

    /// Another process says something.
    pub(super) fn signal(&mut self, identity: &str, signal: Signal) {
        self.input(identity.to_owned(), Body::Signal(signal));
    }

    /// A delivery ends.
    pub(super) fn outcome(&mut self, key: &str, result: Delivered) {
        let dedupe_key = format!("{}/{key}", self.key);
        self.count += 1;
        self.input(
            format!("outcome/{}", self.count),
            Body::Outcome { dedupe_key, result },
        );
    }

    /// A partner stops answering, or answers again.
    pub(super) fn availability(&mut self, node: &str, available: bool) {
        self.count += 1;
        let body = Body::Availability {
            partner: partner(node),
            node: Some(node.to_owned()),
            available,
        };
        self.input(format!("availability/{}", self.count), body);
    }

    /// A person acts on the open exception of this kind.
    pub(super) fn act(&mut self, kind: Kind, action: Action) -> Step<()> {
        let exception = self
            .exceptions()
            .into_iter()
            .find(|it| it.kind == kind)
            .expect("an open exception")
            .id;
        self.count += 1;
        let body = Body::Action {
            exception,
            action,
            by: "ada".to_owned(),
        };
        self.input(format!("action/{}", self.count), body)
    }

    /// Time passes, and timers ring.
    pub(super) fn pass(&mut self, minutes: i64) {
        let end = Timestamp::from_millis(self.now.as_millis() + minutes * 60_000);
        while let Some((name, due)) = self.next_timer().filter(|(_, due)| *due <= end) {
            self.timers.remove(&name);
            self.now = self.now.max(due);
            let identity = format!("timer/{name}/{due}");
            self.input(identity, Body::Timer { name });
        }
        self.now = end;
    }

    pub(super) fn status(&self) -> &'static str {
        M::summary(&self.state).status
    }

    pub(super) fn exceptions(&self) -> Vec<Exception> {
        M::summary(&self.state).exceptions
    }

    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.exceptions().into_iter().map(|it| it.kind).collect()
    }

    /// How often something became true.
    pub(super) fn times(&self, kind: EventKind) -> usize {
        self.events.iter().filter(|it| it.kind == kind).count()
    }

    /// The keys of what was sent whose text holds this, without the instance's own.
    pub(super) fn sent(&self, part: &str) -> Vec<String> {
        let own = format!("{}/", self.key);
        let key = |command: &Command| match command {
            Command::Send { dedupe_key, .. }
            | Command::Request { dedupe_key, .. }
            | Command::Tell { dedupe_key, .. } => dedupe_key.strip_prefix(&own).map(str::to_owned),
            Command::Notify(notice) => Some(notice.template.clone()),
            _ => None,
        };
        self.commands
            .iter()
            .filter_map(key)
            .filter(|key| key.contains(part))
            .collect()
    }

    /// The documents that were written, of this key.
    pub(super) fn written(&self, part: &str) -> Vec<Document> {
        let document = |command: &Command| match command {
            Command::Send {
                draft, dedupe_key, ..
            } if dedupe_key.contains(part) => draft.document(None).ok(),
            _ => None,
        };
        self.commands.iter().filter_map(document).collect()
    }

    fn next_timer(&self) -> Option<(String, Timestamp)> {
        let next = self.timers.iter().min_by_key(|(_, due)| **due)?;
        Some((next.0.clone(), *next.1))
    }

    fn input(&mut self, identity: String, body: Body<'_>) -> Step<()> {
        let input = Input { identity, body };
        let world = World {
            policy: &self.policy,
            supply: &self.supply,
        };
        // The state is what was written and read again: nothing lives beside it.
        let bytes = rmp_serde::to_vec_named(&self.state).expect("a state");
        let state: M::State = rmp_serde::from_slice(&bytes).expect("a state");
        let step = M::step(state, &input, self.now, &world);
        self.state = step.state;
        (self.always)(&self.state);
        promises::waits_for_whom_it_says(&M::summary(&self.state));

        // The same input again changes nothing.
        let bytes = rmp_serde::to_vec_named(&self.state).expect("a state");
        let state: M::State = rmp_serde::from_slice(&bytes).expect("a state");
        let again = M::step(state, &input, self.now, &world);
        assert!(
            again.commands.is_empty() && again.events.is_empty(),
            "{:?} {:?}",
            again.commands,
            again.events
        );
        assert_eq!(
            rmp_serde::to_vec_named(&again.state).expect("a state"),
            bytes
        );

        let mut sent = Vec::new();
        for command in &step.commands {
            let bytes = rmp_serde::to_vec_named(command).expect("a command");
            assert_eq!(
                &rmp_serde::from_slice::<Command>(&bytes).expect("a command"),
                command
            );
            match command {
                Command::SetTimer { name, due } => {
                    self.timers.insert(name.clone(), *due);
                }
                Command::ClearTimer { name } => {
                    self.timers.remove(name);
                }
                Command::OpenException(it) => {
                    assert!(self.open.insert(it.id.clone()), "opened twice: {it:?}")
                }
                Command::UpdateException(it) => assert!(self.open.contains(&it.id), "{it:?}"),
                Command::CloseException(it) => {
                    assert!(self.open.remove(&it.id) && it.closed, "{it:?}")
                }
                Command::Send {
                    to,
                    draft,
                    dedupe_key,
                } => {
                    promises::sends_what_it_says(to, draft, &self.came);
                    sent.push(dedupe_key.clone());
                }
                _ => {}
            }
        }
        let open: BTreeSet<String> = self.exceptions().into_iter().map(|it| it.id).collect();
        assert_eq!(open, self.open, "what is said to be open is open");
        let result = Step {
            state: (),
            commands: step.commands.clone(),
            events: step.events.clone(),
            refusal: step.refusal,
        };
        self.commands.extend(step.commands);
        self.events.extend(step.events);
        if self.delivers {
            for dedupe_key in sent {
                let body = Body::Outcome {
                    result: Delivered::Done { external_id: None },
                    dedupe_key: dedupe_key.clone(),
                };
                self.input(format!("delivered/{dedupe_key}"), body);
            }
        }
        result
    }
}

/// The happenings of a story as a bad network brings them: in any order, some twice or
/// three times, some so late that limits pass. The first telling of each may be lost;
/// one of them arrives.
pub(super) fn disorder<T: Clone>(happenings: &[T], seed: u64) -> Vec<(i64, T)> {
    let mut state = seed;
    let mut next = move || {
        // SplitMix64: enough to scatter, and the same for the same seed.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let mut all: Vec<(u64, i64, T)> = Vec::new();
    for happening in happenings {
        for _ in 0..=next() % 3 {
            let delay = if next() % 8 == 0 {
                45
            } else {
                i64::try_from(next() % 3).unwrap_or(0)
            };
            all.push((next(), delay, happening.clone()));
        }
    }
    all.sort_by_key(|(place, ..)| *place);
    all.into_iter()
        .map(|(_, delay, happening)| (delay, happening))
        .collect()
}

/// In an order that does not depend on how it came about.
pub(super) fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}
