//! A partner that is asked: it answers each request as a test tells it, and notes what
//! it was asked.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::AbortHandle, task::JoinSet};

/// What is asked: method and path with query.
pub type Question = String;

/// Status and body.
pub type Told = (u16, String);

type Script = Box<dyn FnMut(&Question) -> Told + Send>;

/// A partner that is asked. It ends when it is dropped.
pub struct Books {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    task: AbortHandle,
}

struct Shared {
    script: Script,
    questions: Vec<Question>,
}

// === impl Books ===

impl Books {
    /// One that answers so.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn open(script: impl FnMut(&Question) -> Told + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("there is a port");
        let address = listener.local_addr().expect("a socket has an address");
        let shared = Arc::new(Mutex::new(Shared {
            script: Box::new(script),
            questions: Vec::new(),
        }));
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
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

    /// From now on it answers so.
    pub fn answer(&self, script: impl FnMut(&Question) -> Told + Send + 'static) {
        lock(&self.shared).script = Box::new(script);
    }

    /// All that it was asked, in order.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        lock(&self.shared).questions.clone()
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if let Ok((stream, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            let service = service_fn(move |request| {
                let told = answer(&shared, &request);
                async move { told }
            });
            connections.spawn(async move {
                // How a connection ends is its sender's affair.
                drop(
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    }
}

fn answer(
    shared: &Mutex<Shared>,
    request: &Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    let question = format!("{} {}", request.method(), request.uri());
    let mut shared = lock(shared);
    let (status, body) = (shared.script)(&question);
    shared.questions.push(question);
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
}
