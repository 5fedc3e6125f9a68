//! The one `wasmtime` engine, and the thread that makes its time pass.
//!
//! Everything that decides how guest code is compiled and where its memory comes
//! from is set here. The configuration is deterministic: no threads, no shared or
//! 64-bit memory, one bit pattern for NaN, no import that knows time or chance;
//! the same call gives the same answer and takes the same fuel on every machine.

use std::time::Duration;

use wasmtime::{
    Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy,
    WasmBacktraceDetails,
};

use super::limits::{Config, INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};

/// Bytes of a table that stay resident between calls: 512 function pointers,
/// which is what a Rust adapter has.
const TABLE_KEEP_RESIDENT_BYTES: usize = 4 << 10;

/// The largest record of one instance that the pool reserves, in bytes; it grows
/// with the number of functions and globals. The default of the pool.
const INSTANCE_RECORD_BYTES_MAX: usize = 1 << 20;

/// Compiles and runs guests.
#[derive(Clone)]
pub(super) struct Engine {
    inner: wasmtime::Engine,
    pooled: bool,
    tick_ms: u64,
}

// === impl Engine ===

impl Engine {
    /// Builds the engine and starts its ticker.
    ///
    /// # Errors
    /// When this machine can't run compiled guests at all.
    pub(super) fn new(config: &Config) -> wasmtime::Result<Self> {
        let (inner, pooled) = match wasmtime::Engine::new(&settings(config, pool(config))) {
            Ok(inner) => (inner, true),
            Err(error) => {
                // Happens under `ulimit -v` and on machines with a small address
                // space. Slower by some microseconds a call, and just as safe.
                tracing::warn!(
                    reason = format!("{error:#}"),
                    instances_max = config.instances_max,
                    "no address space for the instance pool, memory is allocated per call"
                );
                let mut settings = settings(config, InstanceAllocationStrategy::OnDemand);
                settings.memory_reservation(config.memory_bytes_max as u64);
                (wasmtime::Engine::new(&settings)?, false)
            }
        };
        start_ticker(&inner, Duration::from_millis(config.epoch_tick_ms))?;
        Ok(Self {
            inner,
            pooled,
            tick_ms: config.epoch_tick_ms,
        })
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Whether instances come from the pool; if not, the reason was logged.
    pub(super) fn pooled(&self) -> bool {
        self.pooled
    }

    /// The ticks after which a call that starts now has run for at least
    /// `wall_ms`: one more than fit in, since the first may come at once.
    pub(super) fn ticks(&self, wall_ms: u64) -> u64 {
        wall_ms.div_ceil(self.tick_ms) + 1
    }
}

fn settings(config: &Config, allocation: InstanceAllocationStrategy) -> wasmtime::Config {
    let mut settings = wasmtime::Config::new();
    settings
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_component_model(true)
        .concurrency_support(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(config.stack_bytes_max)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .shared_memory(false)
        .wasm_memory64(false)
        // Guests are built without DWARF; function names come from the name section.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // Nothing unwinds through guests with the system's unwinder.
        .native_unwind_info(false)
        .allocation_strategy(allocation);
    settings
}

/// Slots are affine: an adapter that runs again finds its memory image mapped. So
/// as many are kept warm as there are.
fn pool(config: &Config) -> InstanceAllocationStrategy {
    let slots = config.instances_max;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(4).max(INSTANCES_MAX))
        .total_memories(slots.max(MEMORIES_MAX))
        .total_tables(slots.saturating_mul(2).max(TABLES_MAX))
        .max_core_instances_per_component(INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memories_per_module(MEMORIES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .max_component_instance_size(INSTANCE_RECORD_BYTES_MAX)
        .max_core_instance_size(INSTANCE_RECORD_BYTES_MAX)
        .max_memory_size(config.memory_bytes_max)
        .table_elements(TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(config.keep_resident_bytes)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES)
        .max_unused_warm_slots(slots)
        .pagemap_scan(Enabled::Auto);
    InstanceAllocationStrategy::Pooling(pool)
}

/// A thread of its own, never a task: a runtime whose workers are all busy must
/// not be able to stop the clock of the guests that keep them busy.
fn start_ticker(engine: &wasmtime::Engine, tick: Duration) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("guest-ticker".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(tick);
            }
        })
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_early() {
        let engine = Engine::new(&Config {
            instances_max: 8,
            ..Config::default()
        })
        .unwrap();
        assert_eq!(engine.ticks(1_000), 201);
        assert_eq!(engine.ticks(1), 2);
    }

    #[test]
    fn without_address_space_for_a_pool_guests_still_run() {
        // 10,000 slots of 4 GiB fit into 47 bits of address space, ten million do not.
        let engine = Engine::new(&Config {
            instances_max: 10_000_000,
            ..Config::default()
        })
        .unwrap();
        assert!(!engine.pooled());
    }
}
