//! The accept loop: HTTP/1.1 connections, with a limit on everything a stranger
//! can make us hold, and an orderly end.
//!
//! It serves whatever router it is given and knows nothing of its routes. It
//! promises that a connection which does not deliver a request head in time, lies
//! idle, or stops reading its answer is closed; that a panic in a handler is
//! answered with 500 and ends nothing else; and that a drain lets every request
//! that has begun come to its end, up to a deadline.
//!
//! How long a request's body may take is left to whoever reads it: only they know
//! how much of it to expect.
//!
//! # When there are too many connections
//! A connection above the limit is accepted, told 503 with `Retry-After`, and
//! closed. The alternative, not accepting until there is room, would leave it in
//! the kernel's queue without a word for as long as the others like, and the
//! sender could not tell an overloaded host from a dead one.

mod activity;
mod connection;
mod refusal;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};

use self::{activity::Timeouts, connection::Protocol, refusal::Refusals};

/// How long to leave the accept loop alone when the system has no more file
/// descriptors or memory for sockets: they come back as connections end, and
/// trying at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long connections that were cut at the drain's deadline get to notice.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// Where to listen, and what a connection may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address and port (`127.0.0.1:8080`): what listens to the world does so
    /// because someone wrote it down.
    pub listen: SocketAddr,
    /// Connections at a time (1,024); above it a connection is told 503.
    pub connections_max: usize,
    /// The longest time for a request head, in milliseconds (10 s).
    pub header_timeout_ms: u64,
    /// The longest request head with its request line, in bytes (16 KiB); above
    /// it 431.
    pub header_bytes_max: usize,
    /// Headers in a request (100); above it 431.
    pub headers_max: usize,
    /// The longest request target, in bytes (8 KiB); above it 414.
    pub uri_bytes_max: usize,
    /// How long a connection may lie idle between requests, in milliseconds
    /// (60 s).
    pub idle_timeout_ms: u64,
    /// How long a client may leave an answer unread, in milliseconds (30 s).
    pub write_timeout_ms: u64,
    /// How long requests that have begun may take after the host was told to stop,
    /// in milliseconds (30 s).
    pub drain_timeout_ms: u64,
}

/// Why the host cannot listen. The operator's to solve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, forbidden or not ours.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A limit that nothing could work with.
    #[error("{setting} must be {rule}")]
    Limit {
        /// The setting's name.
        setting: &'static str,
        /// What it must be.
        rule: &'static str,
    },
}

/// A bound address, not yet serving.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    connections: Connections,
    protocol: Arc<Protocol>,
    drain_timeout: Duration,
}

/// The connections at this moment, and what became of the earlier ones.
#[derive(Clone, Debug)]
pub struct Connections {
    max: usize,
    places: Arc<Semaphore>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    refused: AtomicU64,
    timed_out: AtomicU64,
}

/// How the serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were open when the drain began.
    pub open: usize,
    /// Of those, the ones that were cut at the deadline.
    pub cut: usize,
}

/// What every connection is told about the end, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    Draining,
    Cut,
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            connections_max: 1024,
            header_timeout_ms: 10_000,
            header_bytes_max: 16 * 1024,
            headers_max: 100,
            uri_bytes_max: 8 * 1024,
            idle_timeout_ms: 60_000,
            write_timeout_ms: 30_000,
            drain_timeout_ms: 30_000,
        }
    }
}

impl Config {
    fn check(&self) -> Result<(), Error> {
        let limit =
            |right: bool, setting, rule| right.then_some(()).ok_or(Error::Limit { setting, rule });
        limit(
            (1..=Semaphore::MAX_PERMITS.min(1_000_000)).contains(&self.connections_max),
            "connections_max",
            "from 1 to 1000000",
        )?;
        limit(
            self.header_timeout_ms > 0,
            "header_timeout_ms",
            "at least 1",
        )?;
        limit(
            (256..=1024 * 1024).contains(&self.header_bytes_max),
            "header_bytes_max",
            "from 256 to 1048576",
        )?;
        limit(
            (1..=1000).contains(&self.headers_max),
            "headers_max",
            "from 1 to 1000",
        )?;
        limit(self.uri_bytes_max > 0, "uri_bytes_max", "at least 1")?;
        limit(self.idle_timeout_ms > 0, "idle_timeout_ms", "at least 1")?;
        limit(self.write_timeout_ms > 0, "write_timeout_ms", "at least 1")
    }
}

// === impl Listener ===

impl Listener {
    /// Takes the address. From here on clients can connect; they are served when
    /// [`Listener::serve`] is called.
    ///
    /// # Errors
    /// When a limit cannot be used or the address cannot be had.
    pub async fn bind(config: &Config) -> Result<Self, Error> {
        config.check()?;
        let failed = |source| Error::Bind {
            address: config.listen,
            source,
        };
        let socket = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let timeouts = Timeouts {
            header_ms: config.header_timeout_ms,
            idle_ms: config.idle_timeout_ms,
            write_ms: config.write_timeout_ms,
        };
        Ok(Self {
            socket,
            address,
            connections: Connections::new(config.connections_max),
            protocol: Arc::new(Protocol::new(config, timeouts)),
            drain_timeout: Duration::from_millis(config.drain_timeout_ms),
        })
    }

    /// The address that was bound: with port 0, the one the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// A view of the connections that stays valid while serving.
    #[must_use]
    pub fn connections(&self) -> Connections {
        self.connections.clone()
    }

    /// Serves `router` until `stop` is ready, then drains: takes no more
    /// connections, closes idle ones, lets requests that have begun finish, and
    /// cuts what is left at the deadline.
    pub async fn serve(self, router: Router, stop: impl Future<Output = ()> + Send) -> Drained {
        let (stage, watched) = watch::channel(Stage::Serving);
        let server = Server {
            router,
            connections: self.connections.clone(),
            protocol: self.protocol,
            refusals: Refusals::new(),
            stage: watched,
        };
        tokio::select! {
            biased;
            () = stop => {}
            () = server.accept(&self.socket) => {}
        }
        // Closing the socket makes the system refuse new connections at once.
        drop(self.socket);
        drop(server);
        drain(&self.connections, &stage, self.drain_timeout).await
    }
}

async fn drain(
    connections: &Connections,
    stage: &watch::Sender<Stage>,
    deadline: Duration,
) -> Drained {
    let open = connections.open();
    stage.send_replace(Stage::Draining);
    if timeout(deadline, connections.all_closed()).await.is_ok() {
        return Drained { open, cut: 0 };
    }
    let cut = connections.open();
    tracing::warn!(
        cut,
        "cut connections that were open at the drain's deadline"
    );
    stage.send_replace(Stage::Cut);
    // They end at the next poll; waiting longer could only help a worker thread
    // that is held by something else.
    let _ = timeout(CUT_GRACE, connections.all_closed()).await;
    Drained { open, cut }
}

/// What the accept loop hands to each connection.
struct Server {
    router: Router,
    connections: Connections,
    protocol: Arc<Protocol>,
    refusals: Refusals,
    stage: watch::Receiver<Stage>,
}

// === impl Server ===

impl Server {
    async fn accept(&self, socket: &TcpListener) {
        loop {
            match socket.accept().await {
                Ok((stream, _)) => self.begin(stream),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections at the moment");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn begin(&self, stream: TcpStream) {
        let Some(place) = self.connections.enter() else {
            self.refusals.refuse(stream);
            return;
        };
        // Answers are written in one piece; waiting for more would only add delay.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it began");
            return;
        }
        let protocol = Arc::clone(&self.protocol);
        let serving = connection::serve(protocol, stream, self.router.clone(), self.stage.clone());
        let counts = Arc::clone(&self.connections.counts);
        tokio::spawn(async move {
            if serving.await == connection::End::TimedOut {
                counts.timed_out.fetch_add(1, Ordering::Relaxed);
            }
            drop(place);
        });
    }
}

/// Whether accepting failed for a connection that was gone before we took it,
/// rather than for the socket.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

// === impl Connections ===

impl Connections {
    fn new(max: usize) -> Self {
        Self {
            max,
            places: Arc::new(Semaphore::new(max)),
            counts: Arc::default(),
        }
    }

    /// Open at this moment.
    #[must_use]
    pub fn open(&self) -> usize {
        self.max - self.places.available_permits()
    }

    /// Taken since the start.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// Refused since the start, because there were too many.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.counts.refused.load(Ordering::Relaxed)
    }

    /// Closed since the start for a slow head, for lying idle or for not reading.
    #[must_use]
    pub fn timed_out(&self) -> u64 {
        self.counts.timed_out.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let count = match place {
            Some(_) => &self.counts.accepted,
            None => &self.counts.refused,
        };
        count.fetch_add(1, Ordering::Relaxed);
        place
    }

    async fn all_closed(&self) {
        let all = u32::try_from(self.max).unwrap_or(u32::MAX);
        // Fails only on a closed semaphore, and nothing closes it.
        let _ = self.places.acquire_many(all).await;
    }
}

#[cfg(test)]
mod tests;
