//! One step of one instance: what all machines do alike.
//!
//! A machine is its facts and four answers: what an input adds to the facts, what a
//! person's action does, what has to be done now ([`Facts::react`]), and what is waited
//! for and wrong ([`Facts::picture`]). Facts are joined so that their order does not
//! matter; what follows from them is computed anew each time and said once.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Refusal, Step, World,
    command::{Audience, Command, Event, EventKind, Notice, Receiver, Request},
    desk::{AGAIN, Desk, Picture},
    draft::Draft,
    exception::{Action, Exception, Kind, What},
    input::{Body, Delivered, Input, Received, Signal},
    timer::Level,
};
use crate::{clock::Timestamp, message::PartnerName};

/// What a machine knows, and what it makes of it.
pub(super) trait Facts: Serialize + DeserializeOwned {
    /// The part that all machines have.
    fn desk(&mut self) -> &mut Desk;

    /// Adds what a document says.
    ///
    /// # Errors
    /// When it can't be computed with; nothing is added then.
    fn learn(&mut self, received: &Received<'_>, turn: &mut Turn<'_>) -> Result<(), Refusal>;

    /// A document that was sent under `key` arrived or never will. True when the machine
    /// deals with a failure itself.
    fn settled(&mut self, _key: &str, _result: &Delivered, _turn: &mut Turn<'_>) -> bool {
        false
    }

    /// A partner stopped answering, or answers again.
    fn availability(&mut self, _node: Option<&str>, _available: bool, _turn: &mut Turn<'_>) {}

    /// Another process says something.
    fn hear(&mut self, _signal: &Signal, _turn: &mut Turn<'_>) {}

    /// A person acts on an exception that offers the action. Accepting it as it is needs
    /// nothing here.
    ///
    /// # Errors
    /// When it is not possible now.
    fn act(
        &mut self,
        exception: &Exception,
        action: Action,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal>;

    /// Does what follows from the facts.
    fn react(&mut self, turn: &mut Turn<'_>);

    /// What is waited for, and what is wrong.
    fn picture(&self, turn: &Turn<'_>) -> Picture;
}

/// A step while it is made.
pub(super) struct Turn<'a> {
    /// The time.
    pub(super) now: Timestamp,
    /// Policies and supply.
    pub(super) world: &'a World<'a>,
    pub(super) desk: Desk,
    commands: Vec<Command>,
    events: Vec<Event>,
}

/// Makes one step.
pub(super) fn step<F: Facts>(
    mut facts: F,
    input: &Input<'_>,
    now: Timestamp,
    world: &World<'_>,
) -> Step<F> {
    let desk = std::mem::take(facts.desk());
    let mut turn = Turn {
        now,
        world,
        desk,
        commands: Vec::new(),
        events: Vec::new(),
    };
    // A timer that rings twice says nothing the second time, and one that is set again for
    // the same moment has to be heard.
    let is_timer = matches!(input.body, Body::Timer { .. });
    let refusal = if is_timer || turn.desk.hears(&input.identity) {
        let refusal = take_in(&mut facts, input, &mut turn).err();
        facts.react(&mut turn);
        let picture = facts.picture(&turn);
        let Turn {
            desk,
            commands,
            events,
            ..
        } = &mut turn;
        desk.settle(picture, now, world, commands, events);
        refusal
    } else {
        None
    };
    *facts.desk() = turn.desk;
    Step {
        state: facts,
        commands: turn.commands,
        events: turn.events,
        refusal,
    }
}

fn take_in<F: Facts>(facts: &mut F, input: &Input<'_>, turn: &mut Turn<'_>) -> Result<(), Refusal> {
    match &input.body {
        Body::Document(received) => facts.learn(received, turn).inspect_err(|refusal| {
            turn.desk.refuses(&received.id.to_string(), refusal);
        }),
        Body::Timer { name } => {
            let Turn {
                desk,
                events,
                commands,
                now,
                ..
            } = turn;
            desk.ring(name, *now, events, commands);
            Ok(())
        }
        Body::Outcome { dedupe_key, result } => {
            outcome(facts, dedupe_key, result, turn);
            Ok(())
        }
        Body::Availability {
            node, available, ..
        } => {
            facts.availability(node.as_deref(), *available, turn);
            Ok(())
        }
        Body::Action {
            exception,
            action,
            by,
        } => act(facts, exception, *action, by, turn),
        Body::Signal(signal) => {
            facts.hear(signal, turn);
            Ok(())
        }
    }
}

fn outcome<F: Facts>(facts: &mut F, dedupe_key: &str, result: &Delivered, turn: &mut Turn<'_>) {
    let own = dedupe_key.strip_prefix(turn.desk.key.as_str());
    let Some(key) = own.and_then(|rest| rest.strip_prefix('/')) else {
        return;
    };
    let key = key
        .rsplit_once(AGAIN)
        .map_or(key, |(key, _)| key)
        .to_owned();
    let handled = facts.settled(&key, result, turn);
    match result {
        Delivered::Done { .. } => {
            turn.desk.revived(&key);
        }
        Delivered::Dead { text, .. } if !handled => turn.desk.died(&key, text),
        Delivered::Dead { .. } => {}
    }
}

fn act<F: Facts>(
    facts: &mut F,
    id: &str,
    action: Action,
    by: &str,
    turn: &mut Turn<'_>,
) -> Result<(), Refusal> {
    let Some(exception) = turn.desk.exceptions.iter().find(|it| it.id == id).cloned() else {
        return Err(Refusal::new(
            "exception-closed",
            format!("exception {id} is not open any more"),
        ));
    };
    if !exception.actions.contains(&action) {
        let offered: Vec<&str> = exception.actions.iter().map(|it| it.name()).collect();
        let text = format!(
            "exception {id} offers {}, not {}",
            offered.join(", "),
            action.name()
        );
        return Err(Refusal::new("action-not-offered", text));
    }
    match (exception.kind, action) {
        (Kind::Undeliverable, Action::Retry) => {
            turn.desk.revived(&exception.subject);
            let dedupe_key = turn.dedupe_key(&exception.subject);
            turn.commands.push(Command::Redeliver { dedupe_key });
        }
        (_, Action::AcceptVariance) => turn.desk.waive(&exception, by, turn.now),
        _ => facts.act(&exception, action, turn)?,
    }
    let now = turn.now;
    if let Some(open) = turn.desk.exceptions.iter_mut().find(|it| it.id == id)
        && action != Action::AcceptVariance
    {
        open.note(now, What::Acted, by, action.name());
        let changed = open.clone();
        turn.commands
            .push(Command::UpdateException(Box::new(changed)));
    }
    Ok(())
}

// === impl Turn ===

impl Turn<'_> {
    /// Sends a document, once for each key.
    pub(super) fn send_once(&mut self, to: Receiver, key: &str, draft: Draft) {
        if self.desk.says(key) {
            let dedupe_key = self.dedupe_key(key);
            self.commands.push(Command::Send {
                to,
                draft: Box::new(draft),
                dedupe_key,
            });
        }
    }

    /// Tells people, once for each key.
    pub(super) fn notify_once(
        &mut self,
        to: Audience,
        key: &str,
        template: &str,
        data: &[(&str, &str)],
    ) {
        if self.desk.says(key) {
            let dedupe_key = self.dedupe_key(key);
            let data = data
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            self.commands.push(Command::Notify(Notice {
                template: template.to_owned(),
                to,
                data: data.collect(),
                dedupe_key,
            }));
        }
    }

    /// Asks for something, once for each key.
    pub(super) fn request_once(&mut self, to: Receiver, key: &str, request: Request) {
        if self.desk.says(key) {
            let dedupe_key = self.dedupe_key(key);
            self.commands.push(Command::Request {
                to,
                request,
                dedupe_key,
            });
        }
    }

    /// Tells another process, once for each key.
    pub(super) fn tell_once(&mut self, process: &str, of: &str, key: &str, signal: Signal) {
        if self.desk.says(key) {
            let dedupe_key = self.dedupe_key(key);
            self.commands.push(Command::Tell {
                process: process.to_owned(),
                key: of.to_owned(),
                signal,
                dedupe_key,
            });
        }
    }

    /// Says that something became true.
    pub(super) fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Says so once for each kind and subject.
    pub(super) fn event_once(&mut self, event: Event) {
        if self
            .desk
            .says(&format!("event/{:?}/{}", event.kind, event.subject))
        {
            self.events.push(event);
        }
    }

    /// Says so once, without data.
    pub(super) fn became(&mut self, kind: EventKind, subject: &str) {
        self.event_once(Event::new(kind, subject));
    }

    /// Whether a wait has taken longer than it may.
    pub(super) fn is_breached(&self, level: Level, subject: &str) -> bool {
        self.desk.is_breached(level, subject)
    }

    /// The receiver that a partner is.
    pub(super) fn partner(partner: &PartnerName) -> Receiver {
        Receiver::Partner {
            partner: partner.clone(),
        }
    }

    fn dedupe_key(&self, key: &str) -> String {
        format!("{}/{}", self.desk.key, self.desk.numbered(key))
    }
}
