//! A partner's service over HTTP, scripted request by request: for partners that need
//! more than taking or refusing (tokens, sessions, conversations).

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, Response, body::Incoming};
use serde_json::Value;
use tokio::{net::TcpListener, task::AbortHandle};

use super::server::{Answers, serve};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The bytes, as text.
    pub body: String,
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    never: bool,
}

/// A service. It ends when it is dropped.
pub struct Service {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

type Script = Box<dyn FnMut(&Heard, &[Heard]) -> Reply + Send>;

struct Shared {
    books: Mutex<(Vec<Heard>, Script)>,
}

// === impl Heard ===

impl Heard {
    /// A header's value; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|it| it.to_str().ok());
        value.unwrap_or_default()
    }
}

// === impl Reply ===

impl Reply {
    /// A status without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
            never: false,
        }
    }

    /// A status with JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            body: body.to_string(),
            ..Self::status(status)
        }
        .with("content-type", "application/json")
    }

    /// The sender waits until it goes away.
    #[must_use]
    pub fn never() -> Self {
        Self {
            never: true,
            ..Self::status(500)
        }
    }

    /// The same with another header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

// === impl Service ===

impl Service {
    /// One that answers by a script, which sees the request and those before it.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(script: impl FnMut(&Heard, &[Heard]) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("there is a port");
        let address = listener.local_addr().expect("a socket has an address");
        let shared = Arc::new(Shared {
            books: Mutex::new((Vec::new(), Box::new(script))),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            task: task.abort_handle(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came to this path, in order.
    #[must_use]
    pub fn heard(&self, path: &str) -> Vec<Heard> {
        let books = self.shared.books();
        let matching = books.0.iter().filter(|it| it.path == path);
        matching.cloned().collect()
    }

    /// All that came, in order.
    #[must_use]
    pub fn all(&self) -> Vec<Heard> {
        self.shared.books().0.clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Shared ===

impl Shared {
    fn books(&self) -> MutexGuard<'_, (Vec<Heard>, Script)> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers for Shared {
    async fn answer(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let heard = Heard {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        let reply = {
            let mut books = self.books();
            let (earlier, script) = &mut *books;
            let reply = script(&heard, earlier);
            earlier.push(heard);
            reply
        };
        if reply.never {
            std::future::pending::<()>().await;
        }
        let response = Response::builder().status(reply.status);
        let headers = reply.headers.iter();
        let response = headers.fold(response, |it, (name, value)| it.header(name, value));
        response.body(Full::new(Bytes::from(reply.body))).ok()
    }
}
