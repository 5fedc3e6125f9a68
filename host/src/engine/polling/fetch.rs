//! One poll: the conversation with the partner, until the adapter has all there is.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{Grant, PollEvent};
use crate::{
    clock::Timestamp,
    contract::{self, PollStep},
    deliver::{breaker, pace::Pace, transport},
    engine::{
        Event,
        conversation::{Surroundings, adapter_ref, guest_failure, outcome},
        log::{self, Caller},
        reading,
    },
    ingress::traceparent::Traceparent,
    message::{DeliveryId, MessageId},
    partner::Partner,
    record::{AdapterRef, Answer, Failure, Log},
    sandbox::{self, Adapter},
};

/// All answers of one poll together, in bytes: they are in memory until it is over.
const ANSWERS_BYTES_MAX: usize = 32 << 20;

/// What to fetch.
pub(in crate::engine) struct Fetch {
    pub(in crate::engine) partner: Arc<Partner>,
    pub(in crate::engine) guests: Arc<Semaphore>,
    /// Told what answers ask for; the lane is asked for each request's turn.
    pub(in crate::engine) pace: Pace,
    pub(in crate::engine) events: mpsc::UnboundedSender<Event>,
    /// Names the poll in requests and logs; no message has it.
    pub(in crate::engine) id: MessageId,
    pub(in crate::engine) started_at: Timestamp,
    pub(in crate::engine) cursor: Option<String>,
    /// Requests that it may make.
    pub(in crate::engine) requests_max: usize,
}

/// What came of it.
pub(in crate::engine) struct Fetched {
    pub(in crate::engine) adapter: Option<AdapterRef>,
    /// Where it began.
    pub(in crate::engine) cursor: Option<String>,
    /// How many requests it made.
    pub(in crate::engine) requests: usize,
    /// What the adapter logged in its last call.
    pub(in crate::engine) log: Log,
    pub(in crate::engine) end: End,
}

/// How it ended.
pub(in crate::engine) enum End {
    /// With this.
    Messages(contract::Polled),
    /// Without anything.
    Failed {
        failure: Failure,
        /// How long the partner or the host wants to be left alone.
        wait: Option<Duration>,
    },
}

struct Talk<'a> {
    fetch: &'a Fetch,
    adapter: &'a Arc<Adapter>,
    around: &'a Surroundings,
    request: contract::PollRequest,
    past: Vec<contract::Exchange>,
    bytes: usize,
    log: Log,
    last: Option<breaker::Outcome>,
}

// === impl Fetch ===

impl Fetch {
    /// What its requests are known by, in place of a delivery: none has the ordinal 0.
    fn delivery(&self) -> DeliveryId {
        DeliveryId {
            message: self.id,
            ordinal: 0,
        }
    }
}

// === impl Fetched ===

impl Fetched {
    /// One that did not come far.
    pub(in crate::engine) fn failed(failure: Failure) -> Self {
        Self {
            adapter: None,
            cursor: None,
            requests: 0,
            log: Log::default(),
            end: End::failed(failure),
        }
    }
}

// === impl End ===

impl End {
    fn failed(failure: Failure) -> Self {
        Self::Failed {
            failure,
            wait: None,
        }
    }
}

/// Fetches. Cancelling it loses nothing.
pub(in crate::engine) async fn fetch(
    fetch: Fetch,
    adapter: Arc<Adapter>,
    around: Surroundings,
) -> Fetched {
    let mut talk = Talk {
        request: contract::PollRequest {
            cursor: fetch.cursor.clone(),
            started_at: fetch.started_at.to_string(),
            settings: fetch.partner.settings.clone(),
        },
        fetch: &fetch,
        adapter: &adapter,
        around: &around,
        past: Vec::new(),
        bytes: 0,
        log: Log::default(),
        last: None,
    };
    let end = talk.run().await;
    if let Some(endpoint) = &fetch.partner.endpoint {
        // The partner's session lasts as long as the poll.
        endpoint.transport.forget(fetch.delivery()).await;
    }
    let (requests, log) = (talk.past.len(), talk.log);
    Fetched {
        adapter: Some(adapter_ref(&adapter)),
        requests,
        log,
        end,
        cursor: fetch.cursor,
    }
}

impl Talk<'_> {
    async fn run(&mut self) -> End {
        loop {
            let step = match self.next().await {
                Ok(step) => step,
                Err(end) => return end,
            };
            let request = match step {
                PollStep::Send(request) => request,
                PollStep::Messages(polled) => return End::Messages(polled),
                PollStep::Retry(retry) => {
                    let after = retry.after_seconds.map(|it| Duration::from_secs(it.into()));
                    return End::Failed {
                        failure: contract::failure(&retry.problem),
                        wait: after.or_else(|| self.asked_to_wait()),
                    };
                }
                PollStep::Other(step) => {
                    let text =
                        format!("the adapter asks for {step:?}, which this host does not know");
                    return End::failed(fault("adapter", "unknown-step", text));
                }
            };
            if let Err(end) = self.exchange(request).await {
                return end;
            }
        }
    }

    /// Asks the adapter, on a guest thread, when the partner's turn comes.
    async fn next(&mut self) -> Result<PollStep, End> {
        let guests = Arc::clone(&self.fetch.guests);
        let permit = guests.acquire_owned().await.map_err(|_| no_room())?;
        let adapter = Arc::clone(self.adapter);
        let tables: sandbox::Tables = self.fetch.partner.tables.now().call();
        let request = self.request.clone();
        // The guest thread gets them and gives them back: no copy.
        let past = std::mem::take(&mut self.past);
        let limits = self.around.limits;
        let ticket = self.around.pool.submit(move || {
            let step = adapter.poll(&request, &past, &tables, &limits);
            drop(permit);
            (past, step)
        });
        let (past, called) = ticket
            .map_err(|_| no_room())?
            .await
            .map_err(|lost| End::failed(Failure::host(lost.to_string())))?;
        self.past = past;
        let usage = reading::usage(&called);
        let adapter = self.adapter.name();
        let metrics = &self.around.metrics;
        metrics.called(adapter, "poll", usage, called.is_err());
        let caller = Caller {
            adapter,
            partner: &self.fetch.partner.name,
            message: self.fetch.id,
            delivery: None,
        };
        self.log = log::take(&caller, usage);
        match called {
            Ok(call) => call
                .value
                .map_err(|problem| End::failed(contract::failure(&problem))),
            Err(error) => Err(End::failed(guest_failure(&error))),
        }
    }

    /// Makes one request, when the lane lets it, and keeps its answer.
    async fn exchange(&mut self, request: contract::Request) -> Result<(), End> {
        let most = self.fetch.requests_max;
        if self.past.len() >= most {
            let text = format!("the adapter wants more than {most} requests for one poll");
            let failure = Failure {
                remedy: Some("raise poll.pages_max, or the adapter's page size".to_owned()),
                ..fault("settings", "pages-exceeded", text)
            };
            return Err(End::failed(failure));
        }
        let Some(endpoint) = &self.fetch.partner.endpoint else {
            return Err(End::failed(Failure::host("the partner has no endpoint")));
        };
        self.turn().await?;
        let (pace, clock) = (&self.fetch.pace, &self.around.clock);
        let (cost, begun) = (request.cost.unwrap_or(1), clock.now());
        pace.take_more(cost, begun);
        let sent = endpoint
            .transport
            .send(self.outgoing(&request), begun)
            .await;
        let (call, hold) = match &sent {
            Ok(sent) => (sent.call, sent.hold.as_ref()),
            Err(error) => (error.call(), None),
        };
        pace.answered(&call, hold, clock.now());
        if sent.as_ref().is_ok_and(|sent| sent.again) {
            pace.count(cost, clock.now());
        }
        self.tell(PollEvent::Called(call));
        self.last = Some(call);
        let answer = match sent {
            Ok(sent) => sent.answer,
            Err(error) => {
                let wait = self.asked_to_wait();
                let failure = error.failure();
                return Err(End::Failed { failure, wait });
            }
        };
        if let Answer::Response { body, .. } = &answer {
            self.bytes += body.len();
        }
        if self.bytes > ANSWERS_BYTES_MAX {
            let text = format!("the answers of one poll have over {ANSWERS_BYTES_MAX} bytes");
            return Err(End::failed(fault("adapter", "answers-too-large", text)));
        }
        let outcome = outcome(answer);
        self.past.push(contract::Exchange { request, outcome });
        Ok(())
    }

    /// Waits until the breaker and the rate let a request through.
    async fn turn(&self) -> Result<(), End> {
        let (answer, granted) = oneshot::channel();
        self.tell(PollEvent::Asks(answer));
        match granted.await {
            Ok(Grant::Go) => Ok(()),
            Ok(Grant::Later(at)) => {
                let text = format!("no request may be made to the partner before {at}");
                Err(End::Failed {
                    failure: fault("partner-system", "partner-held", text),
                    wait: Some(at.since(self.around.clock.now())),
                })
            }
            Err(_) => Err(no_room()),
        }
    }

    /// When the engine has ended nobody needs to know.
    fn tell(&self, event: PollEvent) {
        let partner = self.fetch.partner.name.clone();
        drop(self.fetch.events.send(Event::Poll(partner, event)));
    }

    /// How long the newest answer asks to be left alone.
    fn asked_to_wait(&self) -> Option<Duration> {
        self.last?.asks_to_wait()
    }

    fn outgoing(&self, request: &contract::Request) -> transport::Outgoing {
        let id = self.fetch.id;
        transport::Outgoing {
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
            content_type: request.content_type.clone(),
            file_name: request.file_name.clone(),
            body: request.body.clone().into(),
            credential: request.credential.clone(),
            exchange: u32::try_from(self.past.len()).unwrap_or(u32::MAX),
            delivery: self.fetch.delivery(),
            correlation_id: id.into(),
            traceparent: Some(Traceparent::of_message(id).child().to_string()),
        }
    }
}

fn fault(blame: &str, code: &str, text: String) -> Failure {
    Failure {
        code: code.to_owned(),
        blame: blame.to_owned(),
        ..Failure::host(text)
    }
}

fn no_room() -> End {
    End::Failed {
        failure: fault(
            "host",
            "no-room",
            "the host had no room for a poll".to_owned(),
        ),
        wait: None,
    }
}
