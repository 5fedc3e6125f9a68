//! The composition root: the only place where a concrete backend is chosen.
//!
//! Starting opens the journal, brings the view up to it, loads the adapters, and
//! only then listens. Stopping goes the other way round: no more connections, no
//! more work, a last checkpoint.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{sync::watch, task::JoinSet};

use crate::{
    api::{self, Api, Operators, health::Ready, metrics::Sources, problem},
    clock::Clock,
    config::{Checked, Config},
    deliver::transport::{self, Transport},
    engine::{Engine, Feed, Parts, Tools},
    failpoint,
    ingress::{self, Ingress, authenticate::NoRandomness, files::Folder},
    intake::Intake,
    journal::{
        self, Committer, CommitterConfig, CommitterThread, Expect, FileJournal, Journal as _,
        Observer, Sequence,
    },
    listener::{self, Listener},
    message::PartnerName,
    metrics::Metrics,
    partner::{self, Endpoint, Partner, Partners},
    private, process,
    record::Record,
    registry::{self, Registry},
    sandbox::{Sandbox, SandboxError},
    tables::{self, Tables},
    view::{self, View},
};

/// A running host.
pub struct Host {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    committer: Committer<Record>,
    thread: CommitterThread<Record>,
}

/// Why a host did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The view can't be made.
    #[error(transparent)]
    View(#[from] view::Error),
    /// Guests can't be run.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// An adapter can't be loaded.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// A partner needs an adapter that is not there.
    #[error("partner {partner} needs the adapter {adapter}, which is not in {directory}; there are: {present}", directory = .directory.display())]
    Adapter {
        /// Whose.
        partner: PartnerName,
        /// Which.
        adapter: String,
        /// Where it was looked for.
        directory: PathBuf,
        /// What is there.
        present: String,
    },
    /// A partner's endpoint can't be used.
    #[error("partner {partner}: {source}")]
    Endpoint {
        /// Whose.
        partner: PartnerName,
        /// Why.
        source: transport::BuildError,
    },
    /// A cross-reference table can't be had.
    #[error(transparent)]
    Tables(#[from] tables::OpenError),
    /// The address can't be had.
    #[error(transparent)]
    Listener(#[from] listener::Error),
    /// The ingress can't be set up.
    #[error(transparent)]
    Ingress(#[from] ingress::ConfigError),
    /// A drop folder can't be used.
    #[error("drop folder of partner {partner}: {source}")]
    Folder {
        /// Whose.
        partner: PartnerName,
        /// Why.
        source: ingress::files::Error,
    },
    /// The system gives no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// A directory or thread can't be had.
    #[error("{what}: {source}")]
    Io {
        /// What for.
        what: String,
        /// Why.
        source: io::Error,
    },
}

/// Why a host ended that was not told to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}; start again to recover")]
pub struct Failed(Arc<str>);

/// Where a data directory has what.
#[derive(Clone, Debug)]
pub struct Directories {
    /// Segment files.
    pub journal: PathBuf,
    /// sled's files.
    pub view: PathBuf,
    /// Compiled adapters.
    pub compiled: PathBuf,
}

/// The durable part of a host.
struct Storage {
    view: View,
    reader: Arc<dyn journal::Reader>,
    committer: Committer<Record>,
    thread: CommitterThread<Record>,
    feed: Feed,
    metrics: Arc<Metrics>,
}

// === impl StartError ===

impl StartError {
    /// What to do about it; absent when the message says it all.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Registry(error) => error.remedy(),
            Self::Adapter {
                adapter, directory, ..
            } => Some(format!(
                "build it: crossdock adapter build FOLDER-OF-{adapter} --output {}",
                directory.display()
            )),
            _ => None,
        }
    }
}

// === impl Directories ===

impl Directories {
    /// Those in this data directory.
    #[must_use]
    pub fn within(data: &Path) -> Self {
        Self {
            journal: data.join("journal"),
            view: data.join("view"),
            compiled: data.join("compiled"),
        }
    }
}

/// Starts a host: when it returns, messages are taken in.
///
/// # Errors
/// Says what is missing or broken; nothing is left running.
#[expect(
    clippy::too_many_lines,
    reason = "the composition is one list whose order matters"
)]
pub async fn start(checked: Checked, clock: Clock) -> Result<Host, StartError> {
    let Checked {
        config,
        partners,
        table,
        tables: configured_tables,
        policy,
    } = checked;
    let directories = Directories::within(&config.server.data_directory);
    let (sandbox, registry) = load_adapters(&config, &directories)?;
    let configured = partners;
    let partners = Arc::new(build_partners(&configured, &registry, &config)?);
    let storage = open_storage(&config, &directories, &partners)?;
    let tables = tables::Parts {
        clock: clock.clone(),
        committer: storage.committer.clone(),
        view: storage.view.clone(),
        journal: Arc::clone(&storage.reader),
        partners: Arc::clone(&partners),
        limits: config.tables,
    };
    let tables = Tables::open(tables, &configured_tables).await?;
    let pool = sandbox.start_pool().map_err(|source| StartError::Io {
        what: "guest threads".to_owned(),
        source,
    })?;
    let pool = Arc::new(pool);
    let sources = Sources {
        metrics: Arc::clone(&storage.metrics),
        committer: storage.committer.clone(),
        pool: Arc::clone(&pool),
        backlog: storage.feed.backlog(),
    };
    let listener = Listener::bind(&config.listener).await?;
    let address = listener.local_addr();

    let backlog = storage.feed.backlog();
    let parts = Parts {
        clock: clock.clone(),
        view: storage.view.clone(),
        journal: Arc::clone(&storage.reader),
        threads: sandbox.config().threads(),
        metrics: Arc::clone(&storage.metrics),
        partners: Arc::clone(&partners),
        table,
        policy: Arc::new(policy),
        config: config.engine.clone(),
        retention: config.journal.retention(),
    };
    let tools = Tools {
        committer: storage.committer.clone(),
        registry: Arc::clone(&registry),
        pool,
        limits: sandbox.config().limits(),
    };
    let (engine, handle) = Engine::new(parts, tools, storage.feed);
    let intake = Arc::new(Intake {
        clock: clock.clone(),
        committer: storage.committer.clone(),
        view: storage.view.clone(),
        journal: Arc::clone(&storage.reader),
        engine: handle.clone(),
        backlog,
        metrics: storage.metrics,
        config: config.engine.clone(),
    });
    let ingress = Ingress::build(&config.ingress, &access(&configured), intake, clock.clone())?;
    let operators = Operators::new(&config.server.operator_token_sha256)?;
    let ready = Ready::default();
    let api = Api {
        view: storage.view.clone(),
        journal: storage.reader,
        engine: handle,
        registry,
        partners,
        machines: Arc::new(process::Registry::standard()),
        ingress: Arc::clone(&ingress),
        tables,
        clock: clock.clone(),
        sources,
        ready: ready.clone(),
    };
    let router = ingress
        .router()
        .merge(api::router(Arc::new(api), operators));

    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for folder in open_folders(&configured, &ingress, &clock).await? {
        tasks.spawn(folder.run(told(stopped.clone())));
    }
    let draining = {
        let stopped = told(stopped.clone());
        let ready = ready.clone();
        async move {
            stopped.await;
            ready.set(false);
        }
    };
    tasks.spawn(async move {
        listener
            .serve(problem::with_fallbacks(router), draining)
            .await;
    });
    tasks.spawn(async move {
        engine.run(told(stopped)).await;
        // The sandbox must live as long as guests may run.
        drop(sandbox);
    });
    ready.set(true);
    Ok(Host {
        address,
        stop,
        tasks,
        committer: storage.committer,
        thread: storage.thread,
    })
}

fn access(
    configured: &BTreeMap<PartnerName, crate::config::Partner>,
) -> BTreeMap<PartnerName, ingress::Access> {
    configured
        .iter()
        .map(|(name, partner)| (name.clone(), partner.access.clone()))
        .collect()
}

async fn open_folders(
    configured: &BTreeMap<PartnerName, crate::config::Partner>,
    ingress: &Arc<Ingress<Intake>>,
    clock: &Clock,
) -> Result<Vec<Folder<Intake>>, StartError> {
    let mut folders = Vec::new();
    for (name, partner) in configured {
        let Some(folder) = &partner.folder else {
            continue;
        };
        let folder = Folder::open(Arc::clone(ingress), name.clone(), folder, clock)
            .await
            .map_err(|source| StartError::Folder {
                partner: name.clone(),
                source,
            })?;
        folders.push(folder);
    }
    Ok(folders)
}

// === impl Host ===

impl Host {
    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Ready when the host can't go on and should be stopped: the journal has failed,
    /// or one of the host's own tasks has ended, which none does before it is told.
    pub async fn failed(&mut self) -> Failed {
        tokio::select! {
            why = self.committer.failed() => Failed(format!("the journal can't go on: {why}").into()),
            Some(ended) = self.tasks.join_next() => Failed(match ended {
                Ok(()) => "a task of the host ended".into(),
                Err(error) => format!("a task of the host failed: {error}").into(),
            }),
        }
    }

    /// Stops taking in, lets requests finish, makes a last checkpoint.
    ///
    /// # Errors
    /// When the journal could not be closed; what was acknowledged is durable all
    /// the same.
    pub async fn stop(mut self) -> Result<(), Failed> {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        let thread = self.thread;
        let closed = tokio::task::spawn_blocking(move || thread.stop()).await;
        match closed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failed(error.to_string().into())),
            Err(error) => Err(Failed(error.to_string().into())),
        }
    }
}

/// Opens journal and view, and brings the view up to the journal.
///
/// # Errors
/// When the journal is damaged or a directory can't be used.
pub fn open_journal(
    config: &Config,
    directories: &Directories,
) -> Result<(FileJournal, View), StartError> {
    let view = View::open(&view::Options {
        directory: directories.view.clone(),
        cache_bytes: config.view.cache_bytes,
    })?;
    let options = journal_options(config, directories);
    let (journal, recovered) = FileJournal::open(options, Expect::view_at(view.sequence()))?;
    failpoint::hit("start-after-journal");
    if let Some(cut) = &recovered.cut {
        tracing::warn!(file = %cut.file.display(), offset = cut.offset, "a torn write was cut off; nobody was told that it was durable");
    }
    let before = view.sequence();
    let applied = view::catch_up(&view, journal.reader().as_ref(), |_| {})?;
    if applied > 0 {
        tracing::info!(applied, from = %before.next(), "the view is up to the journal");
    }
    Ok((journal, view))
}

/// Opens the journal with an empty view beside it, for a rebuild.
///
/// # Errors
/// As [`open_journal`].
pub fn open_empty(
    config: &Config,
    directories: &Directories,
) -> Result<(FileJournal, View), StartError> {
    let view = View::open(&view::Options {
        directory: directories.view.clone(),
        cache_bytes: config.view.cache_bytes,
    })?;
    let options = journal_options(config, directories);
    let (journal, _) = FileJournal::open(options, Expect::NOTHING)?;
    Ok((journal, view))
}

fn journal_options(config: &Config, directories: &Directories) -> journal::Options {
    journal::Options {
        segment_bytes: config.journal.segment_bytes,
        record_bytes_max: config.journal.record_bytes_max,
        ..journal::Options::new(&directories.journal)
    }
}

fn open_storage(
    config: &Config,
    directories: &Directories,
    partners: &Partners,
) -> Result<Storage, StartError> {
    let (journal, view) = open_journal(config, directories)?;
    let waiting = partners
        .iter()
        .map(|partner| {
            view.pending(&partner.name, Sequence::ZERO, usize::MAX)
                .len()
        })
        .sum();
    let mut feed = Feed::new(waiting);
    let one = view::InstanceFilter {
        limit: 1,
        ..view::InstanceFilter::default()
    };
    if partners.iter().all(|it| it.role.is_none()) && view.instances(&one).is_empty() {
        feed = feed.without_processes();
    }
    let metrics = Arc::new(Metrics::new(partners.iter().map(|it| it.name.clone())));
    let reader = journal.reader();
    let committer_config = CommitterConfig {
        queue_commits_max: config.journal.queue_commits_max,
        checkpoint_bytes: config.journal.checkpoint_bytes,
        checkpoint_interval_ms: config.journal.checkpoint_interval_ms,
        ..CommitterConfig::DEFAULT
    };
    let (committer, thread) = Committer::start(
        Box::new(journal),
        Box::new(view.clone()),
        counted(&metrics, &view, feed.observer()),
        committer_config,
    )
    .map_err(|source| StartError::Io {
        what: "the journal's thread".to_owned(),
        source,
    })?;
    Ok(Storage {
        view,
        reader,
        committer,
        thread,
        feed,
        metrics,
    })
}

/// Tells the counts of a record before the observer hears of it.
fn counted(
    metrics: &Arc<Metrics>,
    view: &View,
    mut observer: Observer<Record>,
) -> Observer<Record> {
    let metrics = Arc::clone(metrics);
    let view = view.clone();
    Box::new(move |committed| {
        metrics.committed(&committed.value);
        if let Record::Decoded(decoded) = &*committed.value {
            // What follows from a receiver's word the view has decided.
            for (index, word) in decoded.acknowledges.iter().enumerate() {
                let row = view.delivery(word.delivery);
                let said = row.as_ref();
                let words = &decoded.acknowledges;
                let said = said
                    .and_then(|it| it.acknowledgement.said_at(committed.sequence, words, index));
                if let Some(said) = said {
                    metrics.acknowledged(&decoded.partner, said.effect.name());
                }
            }
        }
        observer(committed);
    })
}

fn load_adapters(
    config: &Config,
    directories: &Directories,
) -> Result<(Sandbox, Arc<Registry>), StartError> {
    private::create_dir_all(&config.server.data_directory).map_err(|source| StartError::Io {
        what: format!("data directory {}", config.server.data_directory.display()),
        source,
    })?;
    let sandbox = Sandbox::new(config.sandbox.clone(), Some(directories.compiled.clone()))?;
    let registry = Registry::load(&sandbox, &config.server.adapters_directory)?;
    Ok((sandbox, Arc::new(registry)))
}

fn build_partners(
    configured: &BTreeMap<PartnerName, crate::config::Partner>,
    registry: &Registry,
    config: &Config,
) -> Result<Partners, StartError> {
    let mut partners = Vec::with_capacity(configured.len());
    for (name, partner) in configured {
        let adapter = partner.adapter.get_ref().clone();
        if registry.get(&adapter).is_none() {
            let names: Vec<_> = registry.list().into_iter().map(|it| it.name).collect();
            return Err(StartError::Adapter {
                partner: name.clone(),
                adapter,
                directory: config.server.adapters_directory.clone(),
                present: if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                },
            });
        }
        let endpoint = partner.endpoint.as_ref().map(|endpoint| {
            let config = endpoint.get_ref().clone();
            Transport::build(name, &config, &partner.credentials)
                .map(|transport| Endpoint { config, transport })
                .map_err(|source| StartError::Endpoint {
                    partner: name.clone(),
                    source,
                })
        });
        partners.push(Partner {
            name: name.clone(),
            role: partner.role(name),
            takes: partner.takes.as_ref().map(|it| it.get_ref().clone()),
            adapter,
            settings: partner.flat_settings(),
            tables: partner::Tables::default(),
            endpoint: endpoint.transpose()?,
            acknowledge: partner.acknowledge,
            // The configuration is checked.
            poll: partner
                .poll
                .as_ref()
                .and_then(|it| it.get_ref().plan().ok()),
            terms: partner.terms(),
        });
    }
    Ok(Partners::new(partners))
}

async fn told(mut stopped: watch::Receiver<bool>) {
    // An error means that the host is gone, which is a stop as well.
    drop(stopped.wait_for(|stop| *stop).await);
}

#[cfg(test)]
mod tests;
