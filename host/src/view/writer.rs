//! The thread that brings recent rows into sled, round after round.

use std::{
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    },
    thread::{self, JoinHandle},
};

use super::{
    Error,
    recent::{Layer, Recent},
    round,
};
use crate::journal::Sequence;

/// Rows that begin a round by themselves, before a checkpoint does, in bytes. Twice as
/// much may gather, and as much again be on its way.
const ROUND_BYTES_MAX: usize = 16 << 20;

/// Owns the thread; none for rows that stay in memory.
pub(super) struct Writer {
    core: Arc<Core>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and those who write share.
pub(super) struct Core {
    /// Where rows are brought to; none when they stay in memory.
    pub(super) db: Option<sled::Db>,
    directory: PathBuf,
    recent: RwLock<Recent>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    /// Another round is to follow the one that is under way.
    wanted: bool,
    /// What is durable in sled.
    durable: Sequence,
    failed: Option<Arc<str>>,
}

/// Sees to it that nobody waits for a thread that panicked.
struct Bystander(Arc<Core>);

// === impl Writer ===

impl Writer {
    /// Starts the thread; sled is as of `durable`.
    pub(super) fn start(
        db: sled::Db,
        directory: PathBuf,
        durable: Sequence,
    ) -> Result<Self, Error> {
        let core = Arc::new(Core {
            db: Some(db.clone()),
            directory: directory.clone(),
            recent: RwLock::default(),
            state: Mutex::new(State {
                durable,
                ..State::default()
            }),
            changed: Condvar::new(),
        });
        let shared = Arc::clone(&core);
        let thread = thread::Builder::new()
            .name("view-writer".to_owned())
            .spawn(move || {
                let bystander = Bystander(shared);
                bystander.0.run(&db);
            })
            .map_err(|source| Error::Io { directory, source })?;
        Ok(Self {
            core,
            thread: Some(thread),
        })
    }

    /// One that leaves all rows in memory.
    pub(super) fn in_memory(rows: Layer) -> Self {
        let core = Core {
            db: None,
            directory: PathBuf::new(),
            recent: RwLock::new(Recent {
                active: rows,
                leaving: None,
            }),
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        Self {
            core: Arc::new(core),
            thread: None,
        }
    }

    pub(super) fn core(&self) -> &Core {
        &self.core
    }
}

impl Drop for Writer {
    /// What is not in sled by now comes from the journal at the next start.
    fn drop(&mut self) {
        self.core.state().stop = true;
        self.core.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It has said in `failed` what it could.
            drop(thread.join());
        }
    }
}

// === impl Core ===

impl Core {
    pub(super) fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes rows in; waits when the thread is two rounds behind.
    pub(super) fn put(&self, rows: Layer) -> Result<(), Error> {
        self.check()?;
        let bytes = {
            let mut recent = self.recent_mut();
            recent.active.take_in(rows);
            recent.active.bytes()
        };
        if bytes > ROUND_BYTES_MAX {
            self.begin_round();
        }
        if bytes > 2 * ROUND_BYTES_MAX && self.db.is_some() {
            self.wait_for_round()?;
        }
        Ok(())
    }

    /// Begins a round with what there is, now or when the one under way has ended.
    pub(super) fn begin_round(&self) {
        if self.db.is_none() {
            return;
        }
        // With the lock, so that the thread can't miss it between look and wait.
        let mut state = self.state();
        let begun = self.recent_mut().part();
        state.wanted = !begun;
        if begun {
            self.changed.notify_all();
        }
    }

    /// Brings everything into sled and waits until it is durable.
    pub(super) fn settle(&self) -> Result<(), Error> {
        loop {
            self.begin_round();
            self.wait_for_round()?;
            if self.db.is_none() || self.recent().is_empty() {
                return Ok(());
            }
        }
    }

    /// Forgets what is not in sled, after the round that is under way.
    pub(super) fn clear(&self) -> Result<(), Error> {
        self.wait_for_round()?;
        self.recent_mut().active = Layer::default();
        self.state().durable = Sequence::ZERO;
        Ok(())
    }

    /// The last record whose rows are durable.
    pub(super) fn durable(&self) -> Sequence {
        self.state().durable
    }

    /// Whether the thread can go on.
    pub(super) fn check(&self) -> Result<(), Error> {
        match &self.state().failed {
            Some(why) => Err(Error::Writer(Arc::clone(why))),
            None => Ok(()),
        }
    }

    fn wait_for_round(&self) -> Result<(), Error> {
        let mut state = self.state();
        while state.failed.is_none() && self.recent().leaving.is_some() {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        self.check()
    }

    fn run(&self, db: &sled::Db) {
        while let Some(layer) = self.next_round() {
            let written = round::write(db, &self.directory, &layer);
            let mut state = self.state();
            match written {
                Ok(()) => {
                    state.durable = layer.up_to;
                    let mut recent = self.recent_mut();
                    recent.leaving = None;
                    if std::mem::take(&mut state.wanted) {
                        recent.part();
                    }
                }
                Err(error) => state.failed = Some(error.to_string().into()),
            }
            self.changed.notify_all();
            if state.failed.is_some() {
                return;
            }
        }
    }

    fn next_round(&self) -> Option<Arc<Layer>> {
        let mut state = self.state();
        loop {
            if state.stop {
                return None;
            }
            if let Some(layer) = &self.recent().leaving {
                return Some(Arc::clone(layer));
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn recent_mut(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Bystander ===

impl Drop for Bystander {
    fn drop(&mut self) {
        if thread::panicking() {
            let mut state = self.0.state();
            state
                .failed
                .get_or_insert_with(|| "its thread panicked".into());
            self.0.changed.notify_all();
        }
    }
}
