//! The whole path: an order is accepted, decoded in the sandbox, routed, encoded in
//! the sandbox and delivered to a partner on loopback, with every step journaled.

use std::{
    collections::HashSet,
    fs,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::any};
use e2e::harness::{Host, Site, order};
use tokio::{net::TcpListener, sync::watch};

use crate::client::{self, CONNECTIONS, Make};

const WARM_UP: u64 = 5_000;
const COUNT: u64 = 30_000;
/// The journal that a restart is measured with.
const JOURNAL_BYTES: u64 = 1 << 30;
const RESTARTS: usize = 3;

/// A partner that takes everything and counts what it has not seen before.
pub(crate) struct Counter {
    address: SocketAddr,
    arrived: watch::Receiver<u64>,
}

struct Counting {
    seen: Mutex<HashSet<Bytes>>,
    arrived: watch::Sender<u64>,
}

// === impl Counter ===

impl Counter {
    pub(crate) async fn start() -> Self {
        let (sender, arrived) = watch::channel(0);
        let counting = Arc::new(Counting {
            seen: Mutex::default(),
            arrived: sender,
        });
        let router = Router::new()
            .fallback(any(Counting::take))
            .with_state(counting);
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("a socket has an address");
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { address, arrived }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    async fn until(&self, count: u64) {
        let mut arrived = self.arrived.clone();
        let waited = arrived.wait_for(|arrived| *arrived >= count).await;
        drop(waited.expect("the counter lives as long as the run"));
    }
}

// === impl Counting ===

impl Counting {
    async fn take(State(counting): State<Arc<Self>>, headers: HeaderMap, _: Bytes) -> StatusCode {
        let key = headers
            .get("idempotency-key")
            .map_or_else(Bytes::new, |it| Bytes::copy_from_slice(it.as_bytes()));
        let seen = {
            let mut seen = counting.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(key);
            seen.len() as u64
        };
        counting.arrived.send_replace(seen);
        StatusCode::CREATED
    }
}

/// Measures and prints; with `restart` goes on until the journal is large and
/// measures restarts with it.
pub(crate) async fn measure(restart: bool) {
    println!("whole path, accept to delivered, {CONNECTIONS} connections, {COUNT} orders a run");
    let counter = Counter::start().await;
    let site = site(&counter);
    let mut host = site.start().await;
    let mut sent = 0;
    for (name, count) in [
        ("warm-up", WARM_UP),
        ("run 1", COUNT),
        ("run 2", COUNT),
        ("run 3", COUNT),
    ] {
        run(name, &site, &host, &counter, &mut sent, count).await;
    }
    println!(
        "  journal: {:.1} KiB an order\n",
        journal_bytes(&site) as f64 / 1024.0 / sent as f64
    );
    if !restart {
        host.finish().await;
        return;
    }
    while journal_bytes(&site) < JOURNAL_BYTES {
        run("filling", &site, &host, &counter, &mut sent, COUNT).await;
    }
    host.api().until_idle().await;
    println!(
        "restart to ready, journal of {:.2} GiB",
        journal_bytes(&site) as f64 / JOURNAL_BYTES as f64
    );
    for _ in 0..RESTARTS {
        host.stop().await;
        host = started("after a stop", &site).await;
    }
    for _ in 0..RESTARTS {
        host.kill();
        host = started("after a kill", &site).await;
    }
    println!();
    host.finish().await;
}

fn site(counter: &Counter) -> Site {
    Site::new()
        .sender("erp")
        .set("partners.warehouse.adapter", "canonical-json")
        .set(
            "partners.warehouse.endpoint.url",
            format!("http://{}", counter.address),
        )
        .set(
            "partners.warehouse.endpoint.allow_networks",
            vec!["127.0.0.0/8".to_owned()],
        )
        .set("partners.warehouse.endpoint.concurrency_max", 64)
        .route("order", &["erp"], &["warehouse"])
}

async fn run(name: &str, site: &Site, host: &Host, counter: &Counter, sent: &mut u64, count: u64) {
    let bearer = format!("Bearer {}", site.token("erp"));
    let make: Make = Arc::new(move |number| {
        let key = format!("load-{number}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("idempotency-key", key.as_str()),
        ];
        let body = order::original(&format!("SO-{number}")).to_string();
        client::request("/v1/partners/erp/messages", &headers, &body)
    });
    let began = Instant::now();
    let accepted = client::send(host.api().socket(), *sent, count, make).await;
    *sent += count;
    counter.until(*sent - accepted.refused).await;
    let elapsed = began.elapsed();
    println!(
        "  {name:<8} {:>6.0}/s delivered  ({:>6.0}/s accepted, p99 {:.1} ms, refused {})",
        accepted.accepted as f64 / elapsed.as_secs_f64(),
        accepted.per_second(),
        accepted.percentile(99).as_secs_f64() * 1e3,
        accepted.refused
    );
}

async fn started(name: &str, site: &Site) -> Host {
    let began = Instant::now();
    let host = site.start().await;
    println!("  {name}: {:.2} s", began.elapsed().as_secs_f64());
    host
}

fn journal_bytes(site: &Site) -> u64 {
    fn below(directory: &Path) -> u64 {
        let entries = fs::read_dir(directory).expect("a directory can be read");
        entries
            .filter_map(|entry| entry.ok()?.metadata().ok())
            .map(|it| it.len())
            .sum()
    }
    below(&site.path("data/journal"))
}
