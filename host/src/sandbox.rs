//! Runs adapters: strangers' code, fenced in.
//!
//! A guest has memory of its own, fuel and a deadline, and two things to ask of
//! the host (log, look up). It has no files, network, clock or chance. Whatever it
//! does, the caller gets an answer or a typed [`GuestError`] within the deadline,
//! and no other call notices.
//!
//! - [`Sandbox::admit`] is the gate: what does not pass it never runs.
//! - [`Adapter`] is a component that passed; each call makes an instance.
//! - [`Pool`] has the threads that calls run on; nothing else may wait on a guest.
//!
//! Which adapter is called for which partner, and what happens with its answer, is
//! the business of others.

mod admit;
mod cache;
mod engine;
mod error;
mod imports;
mod inspect;
mod instance;
mod limits;
mod pool;
mod surface;
mod trial;

use std::path::PathBuf;

use wasmtime::component::{HasSelf, Linker};

pub use self::{
    admit::AdmitError,
    cache::{CacheError, Compiled},
    error::{Cause, Failure, Frame, GuestError, Operation, Usage},
    imports::{LogLine, Lookup, Tables},
    inspect::Inspection,
    instance::{Adapter, Call},
    limits::{Config, InvalidSetting, Limits},
    pool::{Busy, Load, Lost, Pool, Ticket},
    surface::Surface,
    trial::{Trial, TrialInput},
};
use self::{cache::Cache, engine::Engine, imports::State};
use crate::contract;

/// Compiles components and links them to the host. One for the process: it
/// reserves address space and has a thread.
pub struct Sandbox {
    config: Config,
    engine: Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A setting can't work.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// There is no place for compiled code.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// This machine can't run compiled guests.
    #[error("guests can't be run on this machine: {detail}")]
    Engine {
        /// Why not.
        detail: String,
    },
}

// === impl Sandbox ===

impl Sandbox {
    /// Builds the sandbox. With a folder, compiled code is kept there, and only
    /// this user can read it.
    ///
    /// # Errors
    /// When a setting can't work, the folder can't be used, or the machine can't
    /// run guests.
    pub fn new(config: Config, compiled: Option<PathBuf>) -> Result<Self, SandboxError> {
        config.check()?;
        let cache = compiled.as_deref().map(Cache::open).transpose()?;
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(engine.wasmtime());
        // The other interfaces of the contract hold types, and types need no linking.
        contract::imports::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        Ok(Self {
            config,
            engine,
            linker,
            cache,
        })
    }

    /// The settings it was built with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether instances come from a pool, as they should; if not, this machine
    /// has too little address space and the reason was logged.
    #[must_use]
    pub fn pooled(&self) -> bool {
        self.engine.pooled()
    }

    /// The engine, for benchmarks that compare with what a call costs without us.
    #[doc(hidden)]
    #[must_use]
    pub fn wasmtime(&self) -> &wasmtime::Engine {
        self.engine.wasmtime()
    }

    /// Starts the threads for guest calls, as configured.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start_pool(&self) -> std::io::Result<Pool> {
        let config = &self.config;
        Pool::start(config.threads(), config.queue_max, config.stack_bytes_max)
    }
}

impl From<wasmtime::Error> for SandboxError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Engine {
            detail: format!("{error:#}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
