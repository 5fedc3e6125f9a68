//! What the tests of all machines share: documents, partners, and a run that plays the
//! engine's part: it keeps timers, delivers what is sent, and checks what must always
//! hold after each step.

mod disorder;
mod documents;
mod promises;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

pub(super) use self::disorder::*;
pub(crate) use self::documents::*;
use super::{
    Body, Command, Delivered, EventKind, Input, Machine, Number, Origin, Policy, Received, Signal,
    Step, World,
    address::addresses,
    exception::{Action, Exception, Kind},
    policy::Config,
    routing::{Stock, Supply},
    timer::Level,
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
    pub(super) policy: Rc<Policy>,
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
    /// Whether each step is looked at from all sides. What only matters to the engine is
    /// left out otherwise, so that many runs take little time.
    pub(super) careful: bool,
}

/// A document on its way, with what makes it the same again.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) from: Origin,
    pub(super) document: Rc<Document>,
    digest: String,
    id: DocumentId,
}

/// Stock that a test sets, and nodes whose partners are down.
#[derive(Default)]
pub(super) struct Warehouses {
    pub(super) stock: BTreeMap<(String, String), i32>,
    pub(super) down: BTreeSet<String>,
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

    fn answers(&self, node: &str) -> bool {
        !self.down.contains(node)
    }
}

// === impl Run ===

impl<M: Machine> Run<M> {
    pub(super) fn new(key: &str, settings: &str) -> Self {
        Self::of(key, &policy(settings))
    }

    /// With a policy that was read before.
    pub(super) fn of(key: &str, policy: &Rc<Policy>) -> Self {
        Self {
            state: M::begin(key),
            now: Timestamp::from_millis(START),
            policy: Rc::clone(policy),
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
            careful: true,
        }
    }

    /// With what must hold after each step.
    pub(super) fn always(mut self, always: fn(&M::State)) -> Self {
        self.always = always;
        self
    }

    /// A partner sends a document. The same document is the same input.
    pub(super) fn document(&mut self, from: &Origin, document: &Document) -> Step<()> {
        self.told(&Told::new(from.clone(), document.clone()))
    }

    /// The same, for a document that is told often.
    pub(super) fn told(&mut self, told: &Told) -> Step<()> {
        let is_stock = matches!(
            *told.document,
            Document::InventorySnapshot(_) | Document::InventoryAdjustment(_)
        );
        let of_stock = if is_stock {
            addresses(&told.document, &told.from)
        } else {
            Vec::new()
        };
        let lines = of_stock
            .into_iter()
            .find(|it| it.process == M::NAME && it.key == self.key)
            .and_then(|it| it.lines);
        let kind = contract::kind(&told.document);
        self.came.insert(told.id, kind);
        let body = Body::Document(Received {
            id: told.id,
            from: &told.from,
            document: &told.document,
            lines: lines.as_deref(),
        });
        let identity = if self.forgets {
            self.count += 1;
            format!("{}/{}", told.digest, self.count)
        } else {
            told.digest.clone()
        };
        self.input(identity, body)
    }

    /// A timer rings that nobody has set.
    pub(super) fn ring(&mut self, name: &str) -> Step<()> {
        let name = name.to_owned();
        self.input(format!("timer/{name}"), Body::Timer { name })
    }

    /// Another process says something.
    pub(super) fn signal(&mut self, identity: &str, signal: Signal) {
        self.input(identity.to_owned(), Body::Signal(signal));
    }

    /// A delivery ends.
    pub(super) fn outcome(&mut self, key: &str, result: Delivered) -> Step<()> {
        let dedupe_key = format!("{}/{key}", self.key);
        self.count += 1;
        self.input(
            format!("outcome/{}", self.count),
            Body::Outcome { dedupe_key, result },
        )
    }

    /// A node refuses what was sent to it under this key.
    pub(super) fn refused(&mut self, key: &str, text: &str) -> Step<()> {
        self.dead(key, text, true)
    }

    /// A delivery of this key becomes a dead letter.
    pub(super) fn lost(&mut self, key: &str, text: &str) -> Step<()> {
        self.dead(key, text, false)
    }

    fn dead(&mut self, key: &str, text: &str, refused: bool) -> Step<()> {
        let result = Delivered::Dead {
            code: "dead".to_owned(),
            text: text.to_owned(),
            refused,
        };
        self.outcome(key, result)
    }

    /// A partner stops answering, or answers again.
    pub(super) fn availability(&mut self, node: &str, available: bool) {
        if available {
            self.supply.down.remove(node);
        } else {
            self.supply.down.insert(node.to_owned());
        }
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

    /// A fact of the summary; empty when there is none of this name.
    pub(super) fn fact(&self, name: &str) -> String {
        let facts = M::summary(&self.state).facts;
        let fact = facts.into_iter().find(|it| it.0 == name);
        fact.map(|it| it.1).unwrap_or_default()
    }

    /// What is waited for.
    pub(super) fn waits(&self) -> Vec<Level> {
        let waits = M::summary(&self.state).waits;
        waits.into_iter().map(|it| it.level).collect()
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
        let state = std::mem::replace(&mut self.state, M::begin(&self.key));
        let state = if self.careful {
            read::<M>(&bytes_of::<M>(&state))
        } else {
            state
        };
        let step = M::step(state, &input, self.now, &world);
        self.state = step.state;
        (self.always)(&self.state);
        if self.careful {
            self.nothing_is_left_to_say(&input, &world);
            promises::waits_for_whom_it_says(&M::summary(&self.state));
            for command in &step.commands {
                if let Command::Send { to, draft, .. } = command {
                    promises::sends_what_it_says(to, draft, &self.came);
                }
                let bytes = rmp_serde::to_vec_named(command).expect("a command");
                let again: Command = rmp_serde::from_slice(&bytes).expect("a command");
                assert_eq!(&again, command);
            }
        }
        let sent = self.carry_out(&step.commands);
        let mut result = Step {
            state: (),
            commands: Vec::new(),
            events: Vec::new(),
            refusal: step.refusal,
        };
        if self.careful {
            result.commands.clone_from(&step.commands);
            result.events.clone_from(&step.events);
            let open: BTreeSet<String> = self.exceptions().into_iter().map(|it| it.id).collect();
            assert_eq!(open, self.open, "what is said to be open is open");
        }
        self.commands.extend(step.commands);
        self.events.extend(step.events);
        for dedupe_key in sent {
            let body = Body::Outcome {
                result: Delivered::Done { external_id: None },
                dedupe_key: dedupe_key.clone(),
            };
            self.count += 1;
            self.input(format!("delivered/{dedupe_key}/{}", self.count), body);
        }
        result
    }

    /// The same input again changes nothing, and neither does another look: whatever
    /// follows from what is known was said in the step.
    fn nothing_is_left_to_say(&self, input: &Input<'_>, world: &World<'_>) {
        let bytes = bytes_of::<M>(&self.state);
        let look = Input {
            identity: "look".to_owned(),
            body: Body::Timer {
                name: "look".to_owned(),
            },
        };
        for again in [input, &look] {
            let step = M::step(read::<M>(&bytes), again, self.now, world);
            assert!(
                step.commands.is_empty() && step.events.is_empty(),
                "{:?} {:?}",
                step.commands,
                step.events
            );
            assert_eq!(bytes_of::<M>(&step.state), bytes);
        }
    }

    /// Keeps timers and the list of open exceptions; what was sent and arrives.
    fn carry_out(&mut self, commands: &[Command]) -> Vec<String> {
        let mut sent = Vec::new();
        let orders = format!("{}/release/", self.key);
        let cancels = format!("{}/cancel/", self.key);
        for command in commands {
            match command {
                Command::SetTimer { name, due } => {
                    self.timers.insert(name.clone(), *due);
                }
                Command::ClearTimer { name } => {
                    self.timers.remove(name);
                }
                Command::OpenException(it) => {
                    assert!(self.open.insert(it.id.clone()), "opened twice: {it:?}");
                }
                Command::UpdateException(it) => assert!(self.open.contains(&it.id), "{it:?}"),
                Command::CloseException(it) => {
                    assert!(self.open.remove(&it.id) && it.closed, "{it:?}");
                }
                Command::Send { dedupe_key, .. } | Command::Redeliver { dedupe_key } => {
                    let matters =
                        dedupe_key.starts_with(&orders) || dedupe_key.starts_with(&cancels);
                    if self.delivers && (self.careful || matters) {
                        sent.push(dedupe_key.clone());
                    }
                }
                _ => {}
            }
        }
        sent
    }
}

/// The policy that these settings and the usual nodes make.
pub(super) fn policy(settings: &str) -> Rc<Policy> {
    let config: Config = toml::from_str(&format!("{settings}\n{SETTINGS}")).expect("settings");
    Rc::new(Policy::new(config).expect("a policy"))
}

/// The state is what was written and read again: nothing lives beside it.
fn bytes_of<M: Machine>(state: &M::State) -> Vec<u8> {
    rmp_serde::to_vec_named(state).expect("a state")
}

fn read<M: Machine>(bytes: &[u8]) -> M::State {
    rmp_serde::from_slice(bytes).expect("a state")
}

// === impl Told ===

impl Told {
    pub(super) fn new(from: Origin, document: Document) -> Self {
        let content = contract::json::to_vec(&document).expect("json");
        let digest = Digest::of(&[content.as_slice(), from.partner.as_str().as_bytes()].concat());
        let mut id = [0; 16];
        id.copy_from_slice(&digest.as_bytes()[..16]);
        Self {
            from,
            document: Rc::new(document),
            digest: digest.to_string(),
            id: DocumentId {
                message: MessageId::from_bytes(id),
                position: 0,
            },
        }
    }
}
