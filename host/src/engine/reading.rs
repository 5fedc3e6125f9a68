//! Messages on their way through the guests: whose turn it is, and what a guest thread
//! does with one.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use tokio::sync::OwnedSemaphorePermit;

use super::{
    Engine, Event,
    conversation::{self, Surroundings},
    earlier,
    log::{self, Caller},
    settle::{Read, Reading},
};
use crate::{
    clock::Timestamp,
    contract, failpoint, journal,
    message::{Journaled, RawMessage},
    partner::{Call as Looked, Partner},
    record::{Failure, Log},
    sandbox::{self, Adapter, Call, GuestError, Limits, Usage},
    view::View,
};

/// How often a message is read whose guest was stopped by something that is not its
/// fault, such as the wall clock of a busy machine.
const DECODES_MAX: usize = 3;
/// How soon decoding is tried again when the guests' pool had no room.
const DECODE_AGAIN: Duration = Duration::from_millis(50);

// === impl Engine ===

impl Engine {
    /// Has messages decoded, as soon as their partners' turns come: a partner that has
    /// as many guests running as it may waits for one of them.
    pub(super) fn start_decodes(&mut self, now: Timestamp) {
        while now >= self.decode_at {
            let Some((message, guests)) = self.state.next_to_decode() else {
                return;
            };
            if let Ok(permit) = Arc::clone(&guests).try_acquire_owned() {
                self.decode(message, permit);
                continue;
            }
            let events = self.events.clone();
            tokio::spawn(async move {
                // Nobody closes it.
                if let Ok(permit) = guests.acquire_owned().await {
                    drop(events.send(Event::Turn(message, permit)));
                }
            });
        }
    }

    pub(super) fn decode(&mut self, message: Journaled<RawMessage>, turn: OwnedSemaphorePermit) {
        let partner = message.get().partner.clone();
        let sequence = message.sequence();
        if self.hands.read(message, turn).is_err() {
            self.state.not_started(&partner, sequence);
            self.decode_at = self.parts.clock.now().plus(DECODE_AGAIN);
        }
    }
}

/// What a guest thread does with a message. The types see to it that only what is
/// durable is decoded. Whatever happens there, the engine must hear of it: the partner's
/// other messages wait for this one.
pub(super) fn job(
    message: Journaled<RawMessage>,
    adapter: Result<Arc<Adapter>, Failure>,
    partner: Option<Arc<Partner>>,
    around: &Surroundings,
) -> impl FnOnce() -> Reading + Send + use<> {
    let limits = around.limits;
    let metrics = Arc::clone(&around.metrics);
    let (view, journal) = (around.view.clone(), Arc::clone(&around.journal));
    let job = move || {
        failpoint::hit("engine-before-decode");
        let (adapter, partner) = match (adapter, partner) {
            (Ok(adapter), Some(partner)) => (adapter, partner),
            (Err(failure), _) => return unread(failure),
            (_, None) => return unread(Failure::host("the partner is not there")),
        };
        let message = message.into_inner();
        let caller = Caller {
            adapter: adapter.name(),
            partner: &partner.name,
            message: message.id,
            delivery: None,
        };
        let reader = Reader {
            adapter: &adapter,
            partner: &partner,
            limits: &limits,
            view: &view,
            journal: journal.as_ref(),
            before: None,
        };
        let looked = partner.tables.now().call();
        let called = |usage: &Usage, failed| {
            metrics.called(adapter.name(), "decode", usage, failed);
        };
        reader.read(&message, &looked, called, |usage| log::take(&caller, usage))
    };
    move || {
        catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|_| {
            unread(Failure::host(
                "the host failed while the message was read; its log says where",
            ))
        })
    }
}

/// Who reads a message, within which limits, and beside what.
pub(super) struct Reader<'a> {
    pub(super) adapter: &'a Adapter,
    pub(super) partner: &'a Partner,
    pub(super) limits: &'a Limits,
    /// Where earlier documents about the same are.
    pub(super) view: &'a View,
    pub(super) journal: &'a dyn journal::Reader,
    /// Only what was recorded before this is compared with; all if absent.
    pub(super) before: Option<journal::Sequence>,
}

// === impl Reader ===

impl Reader<'_> {
    /// Has a message read on this thread, again when what stopped the guest is not its
    /// fault; `called` hears of every call, `log` gives what is kept of the last one's.
    pub(super) fn read(
        &self,
        message: &RawMessage,
        looked: &Arc<Looked>,
        called: impl Fn(&Usage, bool),
        log: impl FnOnce(&Usage) -> Log,
    ) -> Reading {
        let adapter = self.adapter;
        let inbound = contract::Inbound {
            message_id: message.id.to_string(),
            received_at: message.received_at.to_string(),
            content_type: message.content_type.clone(),
            headers: message.headers.clone(),
            settings: self.partner.settings.clone(),
            body: message.body.to_vec(),
        };
        let tables: sandbox::Tables = looked.clone();
        let decode = || {
            let decoded = adapter.decode(&inbound, &tables, self.limits);
            called(usage(&decoded), decoded.is_err());
            decoded
        };
        let mut decoded = decode();
        for _ in 1..DECODES_MAX {
            if !decoded.as_ref().is_err_and(GuestError::retryable) {
                break;
            }
            decoded = decode();
        }
        let log = log(usage(&decoded));
        let read = match decoded {
            Ok(call) => match call.value {
                Ok(decoded) => Read::Decoded {
                    compared: earlier::compare(
                        &decoded,
                        message.id,
                        self.before,
                        self.view,
                        self.journal,
                    ),
                    decoded: Box::new(decoded),
                    fuel_used: call.usage.fuel_used,
                },
                Err(problem) => Read::Refused(contract::failure(&problem)),
            },
            Err(error) => Read::Refused(conversation::guest_failure(&error)),
        };
        Reading {
            adapter: Some(conversation::adapter_ref(adapter)),
            read,
            log,
            tables: looked.used(),
        }
    }
}

/// What a call used, however it ended.
pub(super) fn usage<T>(called: &Result<Call<T>, GuestError>) -> &Usage {
    match called {
        Ok(call) => &call.usage,
        Err(error) => &error.failure().usage,
    }
}

/// No adapter was asked.
fn unread(failure: Failure) -> Reading {
    Reading {
        adapter: None,
        read: Read::Refused(failure),
        log: Log::default(),
        tables: Vec::new(),
    }
}
