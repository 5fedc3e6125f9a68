//! One attempt of one delivery: the conversation with the partner.
//!
//! The adapter says what to send, knowing what was answered so far; the host sends
//! it and asks again. A request is durable before its first byte leaves, together
//! with the answer before it, so that a conversation that a crash cut short goes
//! on where it was: the same request again, under the same idempotency key.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{
    log::{self, Caller},
    reading, turn,
};
use crate::{
    clock::{Clock, Timestamp},
    contract::{self, Step},
    deliver::{breaker, pace::Pace, transport},
    failpoint,
    ingress::traceparent::Traceparent,
    journal::{CommitError, Committer, Reader, Sequence},
    message::{DeliveryId, DocumentId},
    metrics::Metrics,
    partner::Partner,
    record::{AdapterRef, Answer, AttemptStarted, Failure, Log, Record, Request, TableUse},
    sandbox::{self, Adapter, GuestError, Limits, Pool},
    view::{DeliveryRow, View},
};

/// Requests of one attempt: more is a loop in the adapter.
const REQUESTS_MAX: usize = 32;
/// Exchanges of all attempts that are kept for the adapter.
const EXCHANGES_MAX: usize = 4 * REQUESTS_MAX;

/// What every conversation needs.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) clock: Clock,
    pub(super) committer: Committer<Record>,
    pub(super) view: View,
    pub(super) journal: Arc<dyn Reader>,
    pub(super) pool: Arc<Pool>,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
}

/// What to attempt.
pub(super) struct Attempt {
    pub(super) delivery: DeliveryId,
    pub(super) number: u32,
    pub(super) partner: Arc<Partner>,
    /// The document, when it is still in memory.
    pub(super) document: Option<Arc<contract::Document>>,
    /// What the partner's guest calls take their turns by.
    pub(super) guests: Arc<Semaphore>,
    /// What its requests take their turns by.
    pub(super) pace: Pace,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) delivery: DeliveryId,
    pub(super) number: u32,
    /// Who spoke with the partner; none when no such adapter is loaded.
    pub(super) adapter: Option<AdapterRef>,
    /// When the first attempt of the delivery began.
    pub(super) first_attempt_at: Timestamp,
    /// How each request went, for the breaker.
    pub(super) calls: Vec<breaker::Outcome>,
    /// How long the last request took.
    pub(super) took: Duration,
    /// The answer that is in no record yet.
    pub(super) answer: Option<Answer>,
    /// What the adapter logged since the last record.
    pub(super) log: Log,
    /// What it looked into since then.
    pub(super) tables: Vec<TableUse>,
    pub(super) end: End,
}

/// What the attempt came to.
#[derive(Debug)]
pub(super) enum End {
    /// The partner has it.
    Done(Option<String>),
    /// The partner had it.
    AlreadyDone(Option<String>),
    /// The partner will never take it.
    Rejected(Failure),
    /// The partner could not take it now, or was not reached.
    Failed {
        failure: Failure,
        retry_after: Option<Duration>,
    },
    /// The adapter can't do it, now or ever.
    Adapter(Failure),
    /// The host had no room; nothing was sent.
    NoRoom,
    /// The next request may go only at this moment.
    Later(Timestamp),
}

struct Conversation<'a> {
    attempt: &'a Attempt,
    adapter: &'a Arc<Adapter>,
    around: &'a Surroundings,
    delivery: contract::Delivery,
    row: DeliveryRow,
    past: Vec<contract::Exchange>,
    /// The newest answer, until a record holds it.
    unrecorded: Option<Answer>,
    /// What the adapter logged in its newest call, until a record holds it.
    log: Log,
    /// What it looked into meanwhile.
    tables: Vec<TableUse>,
    calls: Vec<breaker::Outcome>,
    took: Duration,
}

/// Why a conversation can't begin.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("the view has no delivery {0}")]
    Row(DeliveryId),
    #[error("the journal can't give document {0}: {1}")]
    Document(DocumentId, String),
    #[error("the journal can't give the exchanges so far: {0}")]
    Past(String),
}

/// Makes the attempt. Cancelling it between two requests loses nothing.
pub(super) async fn attempt(
    attempt: Attempt,
    adapter: Arc<Adapter>,
    around: Surroundings,
) -> Ended {
    let now = around.clock.now();
    let first_attempt_at = first_attempt_at(&around.view, attempt.delivery, now);
    let mut conversation = match Conversation::begin(&attempt, &adapter, &around) {
        Ok(conversation) => conversation,
        Err(missing) => {
            return Ended {
                delivery: attempt.delivery,
                number: attempt.number,
                adapter: Some(adapter_ref(&adapter)),
                first_attempt_at,
                calls: vec![breaker::Outcome::Ours],
                took: Duration::ZERO,
                answer: None,
                log: Log::default(),
                tables: Vec::new(),
                end: End::Failed {
                    failure: Failure::host(missing.to_string()),
                    retry_after: None,
                },
            };
        }
    };
    let end = conversation.run().await;
    Ended {
        delivery: attempt.delivery,
        number: attempt.number,
        adapter: Some(adapter_ref(&adapter)),
        first_attempt_at,
        calls: conversation.calls,
        took: conversation.took,
        answer: conversation.unrecorded,
        log: conversation.log,
        tables: conversation.tables,
        end,
    }
}

/// When the first attempt of a delivery began; now when this is the first.
pub(super) fn first_attempt_at(view: &View, delivery: DeliveryId, now: Timestamp) -> Timestamp {
    let row = view.delivery(delivery);
    row.and_then(|it| it.first_attempt_at).unwrap_or(now)
}

impl<'a> Conversation<'a> {
    fn begin(
        attempt: &'a Attempt,
        adapter: &'a Arc<Adapter>,
        around: &'a Surroundings,
    ) -> Result<Self, Missing> {
        let id = attempt.delivery;
        let row = around.view.delivery(id).ok_or(Missing::Row(id))?;
        let document = match &attempt.document {
            Some(document) => contract::Document::clone(document),
            None => load_document(around.journal.as_ref(), &row)
                .map_err(|why| Missing::Document(row.document, why))?,
        };
        let past = load_past(around.journal.as_ref(), &row.conversation).map_err(Missing::Past)?;
        let delivery = contract::Delivery {
            delivery_id: id.to_string(),
            idempotency_key: id.to_string(),
            control_number: row.control_number,
            created_at: row.queued_at.to_string(),
            settings: attempt.partner.settings.clone(),
            document,
        };
        Ok(Self {
            attempt,
            adapter,
            around,
            delivery,
            row,
            past,
            unrecorded: None,
            log: Log::default(),
            tables: Vec::new(),
            calls: Vec::new(),
            took: Duration::ZERO,
        })
    }

    async fn run(&mut self) -> End {
        loop {
            let step = match self.next().await {
                Ok(step) => step,
                Err(end) => return end,
            };
            match step {
                Step::Done(id) => return End::Done(id),
                Step::AlreadyDone(id) => return End::AlreadyDone(id),
                Step::Rejected(problem) => return End::Rejected(contract::failure(&problem)),
                Step::Retry(retry) => {
                    let after = retry.after_seconds.map(|it| Duration::from_secs(it.into()));
                    return End::Failed {
                        failure: contract::failure(&retry.problem),
                        retry_after: after.or_else(|| self.asked_to_wait()),
                    };
                }
                Step::Other(step) => {
                    return End::Adapter(adapter_fault(
                        "unknown-step",
                        format!("the adapter asks for {step:?}, which this host does not know"),
                    ));
                }
                Step::Send(request) => {
                    if self.calls.len() >= REQUESTS_MAX || self.past.len() >= EXCHANGES_MAX {
                        return End::Adapter(endless());
                    }
                    if let Err(end) = self.exchange(request).await {
                        return end;
                    }
                }
            }
        }
    }

    /// Asks the adapter, on a guest thread, when the partner's turn comes.
    async fn next(&mut self) -> Result<Step, End> {
        let guests = Arc::clone(&self.attempt.guests);
        let permit = guests.acquire_owned().await.map_err(|_| End::NoRoom)?;
        let adapter = Arc::clone(self.adapter);
        let looked = self.attempt.partner.tables.now().call();
        let tables: sandbox::Tables = looked.clone();
        // The guest thread gets them and gives them back: no copy.
        let delivery = std::mem::replace(&mut self.delivery, nothing());
        let past = std::mem::take(&mut self.past);
        let limits = self.around.limits;
        let ticket = self.around.pool.submit(move || {
            let step = adapter.next(&delivery, &past, &tables, &limits);
            drop(permit);
            (delivery, past, step)
        });
        let Ok(ticket) = ticket else {
            return Err(End::NoRoom);
        };
        let (delivery, past, called) = ticket.await.map_err(|lost| End::Failed {
            failure: Failure::host(lost.to_string()),
            retry_after: None,
        })?;
        self.delivery = delivery;
        self.past = past;
        self.tables = looked.used();
        let usage = reading::usage(&called);
        let name = self.adapter.name();
        self.around
            .metrics
            .called(name, "next", usage, called.is_err());
        self.log = log::take(
            &Caller {
                adapter: self.adapter.name(),
                partner: &self.attempt.partner.name,
                message: self.attempt.delivery.message,
                delivery: Some(self.attempt.delivery),
            },
            usage,
        );
        match called {
            Ok(call) => call.value.map_err(|problem| {
                let failure = contract::failure(&problem);
                if problem.retryable {
                    End::Failed {
                        failure,
                        retry_after: None,
                    }
                } else {
                    End::Adapter(failure)
                }
            }),
            Err(error) => Err(guest_end(&error)),
        }
    }

    /// Sends one request, durably announced and in its turn, and keeps its answer.
    async fn exchange(&mut self, request: contract::Request) -> Result<(), End> {
        let Some(endpoint) = &self.attempt.partner.endpoint else {
            return Err(End::Adapter(Failure::host("the partner has no endpoint")));
        };
        self.announce(&request).await.map_err(no_room)?;
        self.unrecorded = None;
        let (pace, clock) = (&self.attempt.pace, &self.around.clock);
        turn::wait(
            pace,
            clock,
            request.cost.unwrap_or(1),
            self.calls.is_empty(),
        )
        .await
        .map_err(End::Later)?;
        failpoint::hit("engine-before-send");
        let begun = self.around.clock.now();
        let sent = endpoint
            .transport
            .send(self.outgoing(&request), begun)
            .await;
        let now = self.around.clock.now();
        failpoint::hit("engine-after-send");
        self.took = now.since(begun);
        let pace = &self.attempt.pace;
        match sent {
            Ok(sent) => {
                pace.answered(&sent.call, sent.hold.as_ref(), now);
                if sent.again {
                    pace.count(request.cost.unwrap_or(1), now);
                }
                self.calls.push(sent.call);
                self.unrecorded = Some(sent.answer.clone());
                let outcome = outcome(sent.answer);
                self.past.push(contract::Exchange { request, outcome });
                Ok(())
            }
            Err(error) => {
                pace.answered(&error.call(), None, now);
                self.calls.push(error.call());
                let failure = error.failure();
                if error.retryable() {
                    return Err(End::Failed {
                        failure,
                        retry_after: None,
                    });
                }
                Err(End::Adapter(failure))
            }
        }
    }

    /// How long the newest answer asks to be left alone, where the adapter leaves that
    /// to the host: an adapter has no clock to read a date with.
    fn asked_to_wait(&self) -> Option<Duration> {
        self.calls.last()?.asks_to_wait()
    }

    /// Makes it durable that the request is about to leave.
    async fn announce(&mut self, request: &contract::Request) -> Result<(), CommitError> {
        let mut record = Arc::new(self.announcement(request));
        let mut announced = self.commit(&record).await;
        if matches!(announced, Err(CommitError::TooLarge { .. }))
            && Arc::make_mut(&mut record).give_up_log()
        {
            announced = self.commit(&record).await;
        }
        announced.map(drop)
    }

    async fn commit(&self, record: &Arc<Record>) -> Result<Sequence, CommitError> {
        let bytes = record.to_bytes();
        let committer = &self.around.committer;
        committer.commit(Arc::clone(record), bytes).await
    }

    fn announcement(&mut self, request: &contract::Request) -> Record {
        Record::AttemptStarted(AttemptStarted {
            delivery: self.attempt.delivery,
            attempt: self.attempt.number,
            at: self.around.clock.now(),
            adapter: adapter_ref(self.adapter),
            exchange: u32::try_from(self.past.len()).unwrap_or(u32::MAX),
            previous: self.past.last().and_then(|it| answered(&it.outcome)),
            log: std::mem::take(&mut self.log),
            tables: std::mem::take(&mut self.tables),
            request: Request {
                method: request.method.clone(),
                path: request.path.clone(),
                headers: request.headers.clone(),
                content_type: request.content_type.clone(),
                file_name: request.file_name.clone(),
                credential: request.credential.clone(),
                cost: request.cost,
                body: request.body.clone().into(),
            },
        })
    }

    fn outgoing(&self, request: &contract::Request) -> transport::Outgoing {
        let traceparent = self.row.traceparent.as_deref().and_then(Traceparent::parse);
        transport::Outgoing {
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
            content_type: request.content_type.clone(),
            file_name: request.file_name.clone(),
            body: request.body.clone().into(),
            credential: request.credential.clone(),
            exchange: u32::try_from(self.past.len()).unwrap_or(u32::MAX),
            delivery: self.attempt.delivery,
            correlation_id: self.row.correlation_id.clone(),
            traceparent: traceparent.map(|it| it.child().to_string()),
        }
    }
}

/// Which adapter, as records say it.
pub(super) fn adapter_ref(adapter: &Adapter) -> AdapterRef {
    AdapterRef {
        name: adapter.description().name.clone(),
        version: adapter.description().version.clone(),
        digest: adapter.digest(),
    }
}

/// What a guest's failure says in a record.
pub(super) fn guest_failure(error: &GuestError) -> Failure {
    Failure {
        code: error.code().to_owned(),
        text: error.to_string(),
        blame: contract::blame(&error.blame()).to_owned(),
        place: None,
        remedy: None,
        value: None,
        acknowledgement_code: None,
    }
}

fn guest_end(error: &GuestError) -> End {
    let failure = guest_failure(error);
    if error.retryable() {
        End::Failed {
            failure,
            retry_after: None,
        }
    } else {
        End::Adapter(failure)
    }
}

fn adapter_fault(code: &str, text: String) -> Failure {
    Failure {
        code: code.to_owned(),
        blame: "adapter".to_owned(),
        ..Failure::host(text)
    }
}

fn endless() -> Failure {
    Failure {
        remedy: Some(
            "see in the timeline what the partner answered; when that is mended, replay it from the start"
                .to_owned(),
        ),
        ..adapter_fault(
            "endless-conversation",
            format!(
                "the adapter wants more than {REQUESTS_MAX} requests in one attempt, or {EXCHANGES_MAX} for the delivery"
            ),
        )
    }
}

fn no_room(error: CommitError) -> End {
    match error {
        // The request does not fit the journal: it never will.
        CommitError::TooLarge { .. } => {
            End::Adapter(adapter_fault("request-too-large", error.to_string()))
        }
        _ => End::NoRoom,
    }
}

pub(super) fn outcome(answer: Answer) -> contract::Outcome {
    match answer {
        Answer::Response {
            status,
            headers,
            body,
        } => contract::Outcome::Response(contract::Response {
            status,
            headers,
            body: body.into(),
        }),
        Answer::Stored { file_name } => contract::Outcome::Stored(file_name),
    }
}

fn answered(outcome: &contract::Outcome) -> Option<Answer> {
    match outcome {
        contract::Outcome::Response(response) => Some(Answer::Response {
            status: response.status,
            headers: response.headers.clone(),
            body: response.body.clone().into(),
        }),
        contract::Outcome::Stored(file_name) => Some(Answer::Stored {
            file_name: file_name.clone(),
        }),
        contract::Outcome::Other(_) => None,
    }
}

/// What stands in while the guest thread has the real one.
fn nothing() -> contract::Delivery {
    contract::Delivery {
        delivery_id: String::new(),
        idempotency_key: String::new(),
        control_number: 0,
        created_at: String::new(),
        settings: Vec::new(),
        document: contract::Document::Other(contract::OtherDocument {
            type_: String::new(),
            business_key: String::new(),
            content: String::new(),
            extras: Vec::new(),
        }),
    }
}

fn read(journal: &dyn Reader, sequence: Sequence) -> Result<Record, String> {
    let bytes = journal.read(sequence).map_err(|error| error.to_string())?;
    Record::from_bytes(&bytes).map_err(|error| error.to_string())
}

pub(super) fn load_document(
    journal: &dyn Reader,
    row: &DeliveryRow,
) -> Result<contract::Document, String> {
    let record = read(journal, row.queued)?;
    let (deliveries, documents) = match &record {
        Record::Decoded(decoded) => (&decoded.deliveries[..], &decoded.documents[..]),
        Record::Stepped(stepped) => (&stepped.deliveries[..], &[][..]),
        _ => return Err("its record is of another kind; run `crossdock rebuild`".to_owned()),
    };
    let made = deliveries
        .get(row.index as usize)
        .and_then(|it| it.content.as_deref());
    let content = made.or_else(|| {
        let document = documents.iter().find(|it| it.id == row.document)?;
        Some(document.content.as_str())
    });
    crossdock_sdk::json::from_str(content.ok_or("its record does not hold it")?)
        .map_err(|error| error.to_string())
}

/// The exchanges that led on, from the records of the requests: each but the first
/// holds the answer to the one before.
fn load_past(
    journal: &dyn Reader,
    conversation: &[Sequence],
) -> Result<Vec<contract::Exchange>, String> {
    let mut past: Vec<contract::Exchange> = Vec::new();
    let mut open: Option<contract::Request> = None;
    for sequence in conversation {
        let Record::AttemptStarted(started) = read(journal, *sequence)? else {
            return Err(
                "a request's record is of another kind; run `crossdock rebuild`".to_owned(),
            );
        };
        if let (Some(request), Some(answer)) = (open.take(), started.previous) {
            past.push(contract::Exchange {
                request,
                outcome: outcome(answer),
            });
        }
        let request = started.request;
        open = Some(contract::Request {
            method: request.method,
            path: request.path,
            headers: request.headers,
            content_type: request.content_type,
            body: request.body.into(),
            file_name: request.file_name,
            credential: request.credential,
            cost: request.cost,
        });
    }
    Ok(past)
}
