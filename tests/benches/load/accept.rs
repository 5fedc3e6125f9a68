//! Durable accepts: 202 after the sync, with the view written.
//!
//! The engine is built but does not run: what a message costs afterwards is another
//! figure, and would share the processor with this one.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    sync::{Arc, LazyLock},
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use crossdock::{
    clock::Clock,
    config::{Checked, Config, Overrides},
    engine::{Engine, Feed, Parts, Tools},
    ingress::{Ingress, authenticate::Token},
    intake::Intake,
    journal::{
        Committed, Committer, CommitterConfig, CommitterThread, Expect, FileJournal, Journal as _,
        Options, Projection, ProjectionError, Sequence,
    },
    listener::{self, Listener},
    metrics::Metrics,
    partner::Partners,
    registry::Registry,
    sandbox::Sandbox,
    view::{self, View},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::client::{self, CONNECTIONS, Make, Run};

const BODY_BYTES: usize = 2 << 10;
const WARM_UP: u64 = 20_000;
const COUNT: u64 = 60_000;
/// Runs of each, in turn, so that both have the same machine.
const ROUNDS: u64 = 3;

/// Something that accepts, for as long as it is not stopped.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

/// The simplest view: one row for each record.
struct Rows(sled::Db);

// === impl Rows ===

impl Projection<Bytes> for Rows {
    fn apply(&mut self, batch: &[Committed<Bytes>]) -> Result<(), ProjectionError> {
        let mut rows = sled::Batch::default();
        for committed in batch {
            rows.insert(
                &committed.sequence.get().to_be_bytes(),
                &committed.value[..64],
            );
        }
        self.0.apply_batch(rows).map_err(ProjectionError::new)
    }

    fn checkpoint(&mut self) -> Result<(), ProjectionError> {
        Ok(())
    }

    fn durable(&self) -> Sequence {
        Sequence::ZERO
    }

    fn close(&mut self) -> Result<(), ProjectionError> {
        self.0.flush().map(drop).map_err(ProjectionError::new)
    }
}

// === impl Server ===

impl Server {
    async fn stop(self) {
        drop(self.stop);
        self.served.await.expect("serving does not fail");
    }
}

/// Measures both and prints them.
pub(crate) async fn measure() {
    println!(
        "durable accepts, {BODY_BYTES} bytes, {CONNECTIONS} connections, {COUNT} messages a run"
    );
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        bare.push(run_bare(round).await);
        ours.push(run_ours(round).await);
    }
    let median = |rates: &mut Vec<f64>| {
        rates.sort_unstable_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let (ours, bare) = (median(&mut ours), median(&mut bare));
    println!(
        "  median: crossdock {ours:.0}/s, bare handler {bare:.0}/s, ratio {:.2}\n",
        ours / bare
    );
}

async fn run_bare(round: u64) -> f64 {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (journal, _) = FileJournal::open(
        Options::new(directory.path().join("journal")),
        Expect::NOTHING,
    )
    .expect("an empty journal");
    let rows = Rows(sled::open(directory.path().join("view")).expect("an empty view"));
    let (committer, thread) = Committer::start(
        Box::new(journal),
        Box::new(rows),
        Box::new(|_| {}),
        CommitterConfig::DEFAULT,
    )
    .expect("a thread");
    let router = Router::new()
        .route("/messages", post(take))
        .with_state(committer);
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("a socket has an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(async move {
        let until = async {
            drop(stopped.await);
        };
        axum::serve(socket, router)
            .with_graceful_shutdown(until)
            .await
            .expect("serving does not fail");
    });
    let server = Server {
        address,
        stop,
        served,
    };
    let make: Make = Arc::new(|number| client::request("/messages", &[], &body(number)));
    let run = run(&server, make).await;
    server.stop().await;
    ended(thread).await;
    report("bare handler", round, &run)
}

async fn take(State(committer): State<Committer<Bytes>>, body: Bytes) -> StatusCode {
    match committer.commit(Arc::new(body.clone()), body).await {
        Ok(_) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn run_ours(round: u64) -> f64 {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let token = Token::generate().expect("the system gives randomness");
    let bearer = format!("Bearer {}", token.expose());
    let checked = configuration(directory.path(), &token);
    let (server, thread) = serve(checked).await;
    let make: Make = Arc::new(move |number| {
        let key = format!("load-{number}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("idempotency-key", key.as_str()),
        ];
        client::request("/v1/partners/erp/messages", &headers, &body(number))
    });
    let run = run(&server, make).await;
    server.stop().await;
    ended(thread).await;
    report("crossdock", round, &run)
}

fn configuration(directory: &Path, token: &Token) -> Checked {
    let adapters = directory.join("adapters");
    fs::create_dir(&adapters).expect("a directory can be made");
    let text = format!(
        r#"
        server.data_directory = "{data}"
        server.adapters_directory = "{adapters}"
        listener.listen = "127.0.0.1:0"
        engine.backlog_messages_max = 10000000
        partners.erp.adapter = "canonical-json"
        partners.erp.access.token_sha256 = ["{hash}"]
        "#,
        data = directory.join("data").display(),
        adapters = adapters.display(),
        hash = token.hash(),
    );
    Config::parse(&text, &Overrides::default()).expect("the configuration is sound")
}

/// The host as `app` composes it, but for the engine's run and the API.
#[expect(
    clippy::too_many_lines,
    reason = "the composition is one list whose order matters"
)]
async fn serve(checked: Checked) -> (Server, CommitterThread<crossdock::record::Record>) {
    let Checked {
        config,
        partners,
        table,
        policy,
        ..
    } = checked;
    let data = &config.server.data_directory;
    let view = View::open(&view::Options {
        directory: data.join("view"),
        cache_bytes: config.view.cache_bytes,
    })
    .expect("an empty view");
    let (journal, _) = FileJournal::open(Options::new(data.join("journal")), Expect::NOTHING)
        .expect("an empty journal");
    let reader = journal.reader();
    let feed = Feed::new(0);
    let (backlog, observer) = (feed.backlog(), feed.observer());
    let (committer, thread) = Committer::start(
        Box::new(journal),
        Box::new(view.clone()),
        observer,
        CommitterConfig::DEFAULT,
    )
    .expect("a thread");
    let sandbox = Sandbox::new(config.sandbox.clone(), None).expect("guests can be run");
    let registry =
        Registry::load(&sandbox, &config.server.adapters_directory).expect("no adapter is needed");
    let metrics = Arc::new(Metrics::default());
    let parts = Parts {
        clock: Clock::System,
        view: view.clone(),
        journal: Arc::clone(&reader),
        threads: sandbox.config().threads(),
        partners: Arc::new(Partners::new([])),
        table,
        policy: Arc::new(policy),
        metrics: Arc::clone(&metrics),
        config: config.engine.clone(),
        retention: config.journal.retention(),
    };
    let tools = Tools {
        committer: committer.clone(),
        registry: Arc::new(registry),
        pool: Arc::new(sandbox.start_pool().expect("threads")),
        limits: sandbox.config().limits(),
    };
    let (engine, handle) = Engine::new(parts, tools, feed);
    let intake = Arc::new(Intake {
        clock: Clock::System,
        committer,
        view,
        journal: reader,
        engine: handle,
        backlog,
        metrics,
        config: config.engine.clone(),
    });
    let access: BTreeMap<_, _> = partners
        .iter()
        .map(|(name, partner)| (name.clone(), partner.access.clone()))
        .collect();
    let ingress = Ingress::build(&config.ingress, &access, intake, Clock::System)
        .expect("the ingress can be built");
    let listener = Listener::bind(&listener::Config {
        ..config.listener.clone()
    })
    .await
    .expect("a port");
    let address = listener.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(async move {
        let until = async {
            drop(stopped.await);
        };
        listener.serve(ingress.router(), until).await;
        drop((engine, sandbox));
    });
    let server = Server {
        address,
        stop,
        served,
    };
    (server, thread)
}

async fn run(server: &Server, make: Make) -> Run {
    client::send(server.address, 0, WARM_UP, Arc::clone(&make)).await;
    client::send(server.address, WARM_UP, COUNT, make).await
}

async fn ended<T: Send + Sync + 'static>(thread: CommitterThread<T>) {
    tokio::task::spawn_blocking(move || thread.stop())
        .await
        .expect("stopping does not panic")
        .expect("everything was committed");
}

fn report(name: &str, round: u64, run: &Run) -> f64 {
    println!(
        "  run {round}, {name:<12} {:>6.0}/s  p50 {:>5.1} ms  p99 {:>5.1} ms  refused {}",
        run.per_second(),
        run.percentile(50).as_secs_f64() * 1e3,
        run.percentile(99).as_secs_f64() * 1e3,
        run.refused
    );
    run.per_second()
}

/// A body of [`BODY_BYTES`] that no other message has.
fn body(number: u64) -> String {
    static FILLING: LazyLock<String> =
        LazyLock::new(|| ('a'..='z').cycle().take(BODY_BYTES - 46).collect());
    format!(
        "{{\"number\":\"{number:020}\",\"filling\":\"{}\"}}",
        *FILLING
    )
}
