//! The web server of a simulated partner: on loopback, at a port of its own, and
//! as unreliable as the story wants it.
//!
//! It promises that nothing reaches the partner while it is [`Health::Down`] or
//! [`Health::Unavailable`], so that what the partner has seen can be counted. What a
//! request means is the business of the router it is given.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::{AbortHandle, JoinSet},
};

/// Connections at a time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;

/// How long to leave the accept loop alone when the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How the partner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Up,
    /// It takes its time: answers wait until it is something else.
    Slow,
    /// It says that it can't: 503.
    Unavailable,
    /// It closes every connection without a word.
    Down,
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    health: watch::Sender<Health>,
    task: AbortHandle,
}

/// What a caller must present.
#[derive(Clone, Debug)]
struct Doorman {
    health: watch::Receiver<Health>,
    authorization: Arc<str>,
}

// === impl Server ===

impl Server {
    /// Serves `router` to those who present `token`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(router: Router, token: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (health, watched) = watch::channel(Health::Up);
        let doorman = Doorman {
            health: watched.clone(),
            authorization: format!("Bearer {token}").into(),
        };
        let router = router.layer(middleware::from_fn_with_state(doorman, let_in));
        let task = tokio::spawn(accept(listener, router, watched)).abort_handle();
        Ok(Self {
            address,
            health,
            task,
        })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes it well or ill, from this moment.
    pub fn be(&self, health: Health) {
        self.health.send_replace(health);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Connections are tasks of the accept loop and end with it.
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, router: Router, health: watch::Receiver<Health>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let serving = connection(stream, router.clone(), health.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Serves one connection until it ends or the partner goes down.
async fn connection(stream: TcpStream, router: Router, mut health: watch::Receiver<Health>) {
    let service = TowerToHyperService::new(router);
    let serving =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // First, so that one that is down takes nothing in.
        biased;
        _ = health.wait_for(|health| *health == Health::Down) => {}
        // How a connection ends is its own affair: the caller tries again.
        _ = serving => {}
    }
}

async fn let_in(State(mut doorman): State<Doorman>, request: Request, next: Next) -> Response {
    let presented = request.headers().get(header::AUTHORIZATION);
    if presented.is_none_or(|it| it.as_bytes() != doorman.authorization.as_bytes()) {
        return (StatusCode::UNAUTHORIZED, "who are you?\n").into_response();
    }
    // An error means that the server has ended; so does this request then.
    drop(
        doorman
            .health
            .wait_for(|health| *health != Health::Slow)
            .await,
    );
    if *doorman.health.borrow() == Health::Unavailable {
        let retry_after = (header::RETRY_AFTER, HeaderValue::from_static("0"));
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [retry_after],
            "closed for repairs\n",
        )
            .into_response();
    }
    next.run(request).await
}

/// A header's text; none when it is absent or no text.
pub fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::routing::post;

    use super::*;

    async fn ask(client: &reqwest::Client, server: &Server, token: &str) -> Option<u16> {
        let sent = client
            .post(server.url())
            .bearer_auth(token)
            .body("hello")
            .send()
            .await;
        sent.ok().map(|response| response.status().as_u16())
    }

    #[tokio::test]
    async fn answers_as_its_health_allows() {
        let router = Router::new().route("/", post(async || "thanks"));
        let server = Server::start(router, "secret").await.unwrap();
        let client = super::super::ingress::client().unwrap();
        assert_eq!(ask(&client, &server, "secret").await, Some(200));
        assert_eq!(ask(&client, &server, "guess").await, Some(401));
        server.be(Health::Unavailable);
        assert_eq!(ask(&client, &server, "secret").await, Some(503));
        server.be(Health::Down);
        assert_eq!(ask(&client, &server, "secret").await, None);
        server.be(Health::Up);
        assert_eq!(ask(&client, &server, "secret").await, Some(200));
    }

    #[tokio::test]
    async fn a_slow_one_answers_when_it_is_well_again() {
        let router = Router::new().route("/", post(async || "thanks"));
        let server = Server::start(router, "secret").await.unwrap();
        let client = super::super::ingress::client().unwrap();
        server.be(Health::Slow);
        let asking = ask(&client, &server, "secret");
        tokio::pin!(asking);
        // Everything that can happen has happened when the only other task is idle.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
            tokio::select! {
                biased;
                answer = &mut asking => panic!("answered {answer:?}"),
                () = std::future::ready(()) => {}
            }
        }
        server.be(Health::Up);
        assert_eq!(asking.await, Some(200));
    }
}
