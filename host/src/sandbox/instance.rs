//! A loaded adapter, and one call of it.
//!
//! Every call runs in an instance of its own, made for it and dropped after it,
//! with its own memory, fuel and deadline. There is deliberately no way to use an
//! instance twice: one message can't see another's data, and a trap hurts only
//! the message that caused it.

use std::sync::Arc;

use wasmtime::{
    AsContextMut, Store, StoreContextMut,
    component::{
        Component, ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Linker,
        Lower, TypedFunc,
    },
};

use super::{
    engine::Engine,
    error::{self, Cause, Circumstances, Failure, GuestError, Operation, Usage},
    imports::{State, Tables},
    limits::{Config, Limits},
};
use crate::{
    contract::{
        self, Decoded, Delivery, Description, Exchange, Inbound, Outcome, PartnerAdapter,
        PollRequest, PollStep, Problem, Step,
    },
    message::Digest,
};

/// What errors call a component that was not asked for its name yet.
const UNNAMED: &str = "(not yet named)";

/// An adapter that was admitted and is ready to be called.
pub struct Adapter {
    digest: Digest,
    size_bytes: usize,
    description: Description,
    program: Program,
}

/// What a call gave, and what it took.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Call<T> {
    /// The guest's answer.
    pub value: T,
    /// What the call used, with the log.
    pub usage: Usage,
}

/// A compiled component whose imports are linked and whose types were checked.
pub(super) struct Program {
    engine: Engine,
    instance_pre: InstancePre<State>,
    exports: Exports,
    stack_bytes_max: usize,
    instances_max: u32,
}

/// Where a component has the functions of the contract.
struct Exports {
    describe: ComponentExportIndex,
    decode: ComponentExportIndex,
    next: ComponentExportIndex,
    poll: ComponentExportIndex,
}

/// Why a component does not become a program.
pub(super) enum LinkError {
    /// It does not fit the contract.
    Types(wasmtime::Error),
    /// It failed while it was started.
    Start(GuestError),
}

/// Who is called, for what; errors say it.
struct Target<'a> {
    adapter: &'a str,
    digest: Digest,
    operation: Operation,
    export: ComponentExportIndex,
}

// === impl Adapter ===

impl Adapter {
    pub(super) fn new(
        digest: Digest,
        size_bytes: usize,
        description: Description,
        program: Program,
    ) -> Self {
        Self {
            digest,
            size_bytes,
            description,
            program,
        }
    }

    /// The adapter's name, unique among the loaded ones.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// SHA-256 of the component.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Size of the component, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// What the adapter says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Asks again what the adapter is; the same as [`Self::description`].
    ///
    /// # Errors
    /// When the guest gave no answer.
    pub fn describe(&self, limits: &Limits) -> Result<Call<Description>, GuestError> {
        let tables: Tables = Arc::new(());
        let target = self.target(Operation::Describe);
        self.program.call(&target, (), 0, &tables, limits)
    }

    /// Reads a message. The inner error is the adapter's own: nothing of the
    /// message could be read.
    ///
    /// Runs on the calling thread, for at most the deadline; call it on a
    /// [`Pool`](super::Pool) thread, never on a worker of an async runtime.
    ///
    /// # Errors
    /// When the guest gave no answer.
    pub fn decode(
        &self,
        message: &Inbound,
        tables: &Tables,
        limits: &Limits,
    ) -> Result<Call<Result<Decoded, Problem>>, GuestError> {
        let bytes = message.body.len() + pairs(&message.headers) + pairs(&message.settings);
        let target = self.target(Operation::Decode);
        self.program
            .call(&target, (message,), bytes, tables, limits)
    }

    /// Says what to do next for a delivery. Runs like [`Self::decode`].
    ///
    /// # Errors
    /// When the guest gave no answer.
    pub fn next(
        &self,
        delivery: &Delivery,
        past: &[Exchange],
        tables: &Tables,
        limits: &Limits,
    ) -> Result<Call<Result<Step, Problem>>, GuestError> {
        let bytes = size(&delivery.document) + pairs(&delivery.settings) + exchanged(past);
        let target = self.target(Operation::Next);
        self.program
            .call(&target, (delivery, past), bytes, tables, limits)
    }

    /// Says what to do next to fetch news. Runs like [`Self::decode`].
    ///
    /// # Errors
    /// When the guest gave no answer.
    pub fn poll(
        &self,
        request: &PollRequest,
        past: &[Exchange],
        tables: &Tables,
        limits: &Limits,
    ) -> Result<Call<Result<PollStep, Problem>>, GuestError> {
        let bytes = pairs(&request.settings) + exchanged(past);
        let target = self.target(Operation::Poll);
        self.program
            .call(&target, (request, past), bytes, tables, limits)
    }

    fn target(&self, operation: Operation) -> Target<'_> {
        let exports = &self.program.exports;
        Target {
            adapter: self.name(),
            digest: self.digest,
            operation,
            export: match operation {
                Operation::Describe => exports.describe,
                Operation::Decode => exports.decode,
                Operation::Next => exports.next,
                Operation::Poll => exports.poll,
            },
        }
    }
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Adapter")
            .field("name", &self.name())
            .field("version", &self.description.version)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

// === impl Program ===

impl Program {
    /// Links the imports, finds the functions and checks their types, once for
    /// every later call.
    ///
    /// The check runs on a live instance, since that is where the generated
    /// bindings have it; so code of the guest that runs at its start may fail here.
    ///
    /// # Errors
    /// When the component does not fit the contract, or fails at its start.
    pub(super) fn link(
        engine: &Engine,
        config: &Config,
        linker: &Linker<State>,
        component: &Component,
        digest: Digest,
    ) -> Result<Self, LinkError> {
        let instance_pre = linker.instantiate_pre(component)?;
        let program = Self {
            engine: engine.clone(),
            exports: Exports::find(component)?,
            instance_pre,
            stack_bytes_max: config.stack_bytes_max,
            instances_max: config.instances_max,
        };
        let limits = config.limits();
        let tables: Tables = Arc::new(());
        let target = Target {
            adapter: UNNAMED,
            digest,
            operation: Operation::Describe,
            export: program.exports.describe,
        };
        program
            .in_instance(&target, 0, &tables, &limits, |mut store, instance| {
                Ok(PartnerAdapter::new(&mut store, &instance).map(drop))
            })?
            .value?;
        Ok(program)
    }

    /// Asks a component that has no name yet what it is.
    pub(super) fn describe(
        &self,
        digest: Digest,
        limits: &Limits,
    ) -> Result<Call<Description>, GuestError> {
        let tables: Tables = Arc::new(());
        let target = Target {
            adapter: UNNAMED,
            digest,
            operation: Operation::Describe,
            export: self.exports.describe,
        };
        self.call(&target, (), 0, &tables, limits)
    }

    fn call<P, R>(
        &self,
        target: &Target<'_>,
        arguments: P,
        input_bytes: usize,
        tables: &Tables,
        limits: &Limits,
    ) -> Result<Call<R>, GuestError>
    where
        P: ComponentNamedList + Lower,
        R: Lift + 'static,
    {
        self.in_instance(
            target,
            input_bytes,
            tables,
            limits,
            |mut store, instance| {
                let function = instance
                    .get_func(&mut store, target.export)
                    .ok_or_else(|| wasmtime::format_err!("no function {}", target.operation))?;
                #[expect(
                    unsafe_code,
                    reason = "checking the whole document type costs more than making the instance"
                )]
                // SAFETY: `Self::link`, the only constructor, checked the types of the
                // contract's functions in this component, and the callers here take
                // parameters and result from the same generated bindings.
                let function = unsafe { TypedFunc::<P, (R,)>::new_unchecked(function) };
                let (answer,) = function.call(store, arguments)?;
                Ok(answer)
            },
        )
    }

    /// Makes an instance, has something done in it, and drops it.
    fn in_instance<R>(
        &self,
        target: &Target<'_>,
        input_bytes: usize,
        tables: &Tables,
        limits: &Limits,
        work: impl FnOnce(StoreContextMut<'_, State>, Instance) -> wasmtime::Result<R>,
    ) -> Result<Call<R>, GuestError> {
        let started = std::time::Instant::now();
        let fuel_budget = limits.fuel(input_bytes as u64);
        let mut store = Store::new(self.engine.wasmtime(), State::new(limits, tables));
        let answer = self
            .start(&mut store, fuel_budget, limits)
            .and_then(|instance| work(store.as_context_mut(), instance));
        let elapsed = started.elapsed();
        let fuel_used = fuel_budget.saturating_sub(store.get_fuel().unwrap_or(0));
        let state = store.data_mut();
        let usage = Usage {
            fuel_used,
            fuel_budget,
            memory_bytes_peak: state.meter.memory_bytes_peak(),
            elapsed,
            log: std::mem::take(&mut state.log),
            log_truncated: state.log_truncated,
        };
        match answer {
            Ok(value) => Ok(Call { value, usage }),
            Err(error) => {
                let around = Circumstances {
                    limits,
                    fuel_budget,
                    stack_bytes_max: self.stack_bytes_max,
                    instances_max: self.instances_max,
                    memory_refused: state.meter.memory_refused(),
                    panic: state.panic.take(),
                };
                Err(GuestError::new(Failure {
                    adapter: target.adapter.to_owned(),
                    digest: target.digest,
                    operation: target.operation,
                    cause: Cause::of(&error, around),
                    frames: error::frames(&error),
                    usage,
                }))
            }
        }
    }

    /// Makes an instance. Fuel and deadline are set before, since that runs code
    /// of the guest.
    fn start(
        &self,
        store: &mut Store<State>,
        fuel: u64,
        limits: &Limits,
    ) -> wasmtime::Result<Instance> {
        store.limiter(|state| &mut state.meter);
        store.set_fuel(fuel)?;
        store.set_epoch_deadline(self.engine.ticks(limits.wall_ms_max));
        // Bounds what is taken over from the guest at a time: its answer, and the
        // arguments of its calls, which have a lower bound of their own.
        store.set_hostcall_fuel(limits.output_bytes_max);
        self.instance_pre.instantiate(store)
    }
}

// === impl LinkError ===

impl From<wasmtime::Error> for LinkError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Types(error)
    }
}

impl From<GuestError> for LinkError {
    fn from(error: GuestError) -> Self {
        Self::Start(error)
    }
}

// === impl Exports ===

impl Exports {
    fn find(component: &Component) -> wasmtime::Result<Self> {
        let interface = component
            .get_export_index(None, contract::ADAPTER_INTERFACE)
            .ok_or_else(|| wasmtime::format_err!("no export {}", contract::ADAPTER_INTERFACE))?;
        let function = |name| {
            component
                .get_export_index(Some(&interface), name)
                .ok_or_else(|| {
                    wasmtime::format_err!("{} has no {name}", contract::ADAPTER_INTERFACE)
                })
        };
        Ok(Self {
            describe: function("describe")?,
            decode: function("decode")?,
            next: function("next")?,
            poll: function("poll")?,
        })
    }
}

/// Bytes of names and values.
fn pairs(pairs: &[(String, String)]) -> usize {
    pairs
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum()
}

fn exchanged(past: &[Exchange]) -> usize {
    let one = |exchange: &Exchange| {
        let request = &exchange.request;
        let answer = match &exchange.outcome {
            Outcome::Response(response) => response.body.len() + pairs(&response.headers),
            Outcome::Stored(text) | Outcome::Other(text) => text.len(),
        };
        request.path.len() + request.body.len() + pairs(&request.headers) + answer
    };
    past.iter().map(one).sum()
}

/// Bytes of a document, packed: what its size is measured in where it is input.
fn size(document: &crate::contract::Document) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match rmp_serde::encode::write(&mut count, document) {
        Ok(()) => count.0,
        // Counting can't fail, and a document is plain data.
        Err(_) => 0,
    }
}
