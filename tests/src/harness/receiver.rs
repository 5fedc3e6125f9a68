//! A partner that is sent to: it notes what comes and answers as a test tells it.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::AbortHandle};

use super::server::{Answers, serve};

/// What the partner does with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes it: 201, with a number of its own for each idempotency key.
    Takes,
    /// Answers this status, and `Retry-After` where it is given.
    Answers(u16, Option<String>),
    /// Notes it and closes the connection without an answer.
    Hangs,
    /// Notes it and answers when it is told to do something else.
    Waits,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// `Idempotency-Key`.
    pub key: String,
    /// `X-Correlation-Id`.
    pub correlation_id: String,
    /// `traceparent`.
    pub traceparent: String,
    /// The document.
    pub document: Value,
    /// When it had been read.
    pub at: Instant,
    /// What was done with it.
    pub done: Behaviour,
}

/// A partner that is sent to. It ends when it is dropped.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Mutex<Option<AbortHandle>>,
}

type Script = Box<dyn FnMut(&Arrival) -> Behaviour + Send>;

struct Shared {
    books: Mutex<Books>,
    behaviour: watch::Sender<Behaviour>,
}

#[derive(Default)]
struct Books {
    arrivals: Vec<Arrival>,
    script: Option<Script>,
}

// === impl Receiver ===

impl Receiver {
    /// One that takes what comes.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start() -> Self {
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
            .expect("there is a port");
        let address = listener.local_addr().expect("a socket has an address");
        let shared = Arc::new(Shared {
            books: Mutex::default(),
            behaviour: watch::Sender::new(Behaviour::Takes),
        });
        let receiver = Self {
            address,
            shared,
            task: Mutex::default(),
        };
        receiver.serve(listener);
        receiver
    }

    /// Where it is, or will be again.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it does this.
    pub fn set(&self, behaviour: Behaviour) {
        self.shared.books().script = None;
        self.shared.behaviour.send_replace(behaviour);
    }

    /// From now on this decides what it does.
    pub fn script(&self, script: impl FnMut(&Arrival) -> Behaviour + Send + 'static) {
        self.shared.books().script = Some(Box::new(script));
        self.shared.behaviour.send_replace(Behaviour::Takes);
    }

    /// Refuses connections and drops those that are open.
    pub fn close(&self) {
        if let Some(task) = self.task().take() {
            // Connections are tasks of the accept loop and end with it.
            task.abort();
        }
    }

    /// Listens again, where it was.
    ///
    /// # Panics
    /// When somebody else has the port.
    pub async fn open(&self) {
        let listener = super::until("the port to be free", async || {
            listen(self.address)
                .await
                .map_err(|error| error.to_string())
        });
        self.serve(listener.await);
    }

    /// All that came, in order.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.books().arrivals.clone()
    }

    /// How much came.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.books().arrivals.len()
    }

    /// What it took, in order; what it refused or dropped left out.
    #[must_use]
    pub fn taken(&self) -> Vec<Arrival> {
        let mut arrivals = self.arrivals();
        arrivals.retain(|arrival| arrival.done == Behaviour::Takes);
        arrivals
    }

    fn serve(&self, listener: TcpListener) {
        let task = tokio::spawn(serve(listener, Arc::clone(&self.shared)));
        *self.task() = Some(task.abort_handle());
    }

    fn task(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.close();
    }
}

// === impl Shared ===

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the request and decides what to do with it; gives its place too.
    fn note(&self, mut arrival: Arrival) -> (usize, Behaviour) {
        let mut books = self.books();
        let behaviour = match &mut books.script {
            Some(script) => script(&arrival),
            None => self.behaviour.borrow().clone(),
        };
        arrival.done = behaviour.clone();
        books.arrivals.push(arrival);
        (books.arrivals.len() - 1, behaviour)
    }
}

impl Answers for Shared {
    async fn answer(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let arrival = arrival(request).await?;
        let key = arrival.key.clone();
        let (place, mut behaviour) = self.note(arrival);
        if behaviour == Behaviour::Waits {
            let mut told = self.behaviour.subscribe();
            behaviour = told
                .wait_for(|it| *it != Behaviour::Waits)
                .await
                .ok()?
                .clone();
            self.books().arrivals[place].done = behaviour.clone();
        }
        let response = Response::builder();
        let response = match behaviour {
            Behaviour::Takes => response
                .status(201)
                .body(json!({ "id": format!("no-{key}") }).to_string()),
            Behaviour::Answers(status, retry_after) => {
                let after = retry_after.map(|after| ("retry-after", after));
                let response = after
                    .into_iter()
                    .fold(response, |it, (name, value)| it.header(name, value));
                response
                    .status(status)
                    .body(json!({ "error": "not now" }).to_string())
            }
            Behaviour::Hangs | Behaviour::Waits => return None,
        };
        response
            .map(|it| it.map(|body| Full::new(Bytes::from(body))))
            .ok()
    }
}

/// Reads a request; nothing when its sender hangs up.
async fn arrival(request: Request<Incoming>) -> Option<Arrival> {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|it| it.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (key, correlation_id, traceparent) = (
        header("idempotency-key"),
        header("x-correlation-id"),
        header("traceparent"),
    );
    let body = request.into_body().collect().await.ok()?.to_bytes();
    Some(Arrival {
        key,
        correlation_id,
        traceparent,
        document: serde_json::from_slice(&body).unwrap_or_default(),
        at: Instant::now(),
        done: Behaviour::Waits,
    })
}

/// A socket that may have a port again whose connections are not yet forgotten.
async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}
