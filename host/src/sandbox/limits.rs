//! What a guest may use: the settings, the budget of one call, and the meter
//! that counts memory while a call runs.
//!
//! Every limit has a name with its unit; an error that names a limit says the
//! number and the setting (see [`super::GuestError`]). Which limit applies to
//! which call is decided here and nowhere else.

use serde::{Deserialize, Serialize};
use wasmtime::ResourceLimiter;

/// Bytes of one page of guest memory.
const PAGE_BYTES: usize = 64 * 1024;

/// Core instances of one component. `wit-component` makes three (module, shim,
/// fixup); a composed adapter needs some for each of its parts.
pub(super) const INSTANCES_MAX: u32 = 32;

/// Linear memories of one component; a Rust adapter has one.
pub(super) const MEMORIES_MAX: u32 = 8;

/// Tables of one component; a Rust adapter has two.
pub(super) const TABLES_MAX: u32 = 16;

/// Elements of all tables together. A table holds function pointers; the
/// largest adapter seen has under 2,000.
pub(super) const TABLE_ELEMENTS_MAX: usize = 20_000;

/// The sandbox's settings, `[sandbox]` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `fuel_base`: what every call gets, in fuel (about one for each Wasm
    /// instruction). Default 50,000,000.
    pub fuel_base: u64,
    /// `fuel_per_kib`: what a call gets for each KiB of its input, rounded up.
    /// Default 5,000,000.
    pub fuel_per_kib: u64,
    /// `memory_bytes_max`: all memories of an instance together, in bytes; a
    /// multiple of 64 KiB, at most 4 GiB. Default 64 MiB.
    pub memory_bytes_max: usize,
    /// `output_bytes_max`: what a call may return, in bytes as the host keeps it.
    /// Default 8 MiB.
    pub output_bytes_max: usize,
    /// `log_bytes_max`: what is kept of a call's log, in bytes; the rest is cut
    /// and marked. Default 64 KiB.
    pub log_bytes_max: usize,
    /// `host_call_bytes_max`: what a guest may hand to the host, and get from it,
    /// in one call of an import, in bytes; at most `output_bytes_max`. Default 4 MiB.
    pub host_call_bytes_max: usize,
    /// `wall_ms_max`: how long a call may run, in milliseconds. It stops what fuel
    /// can't, so it is generous: fuel is the contract. Default 1,000.
    pub wall_ms_max: u64,
    /// `epoch_tick_ms`: how often a running guest is checked against
    /// `wall_ms_max`, in milliseconds. Default 5.
    pub epoch_tick_ms: u64,
    /// `stack_bytes_max`: a guest's call stack, in bytes. Default 512 KiB.
    pub stack_bytes_max: usize,
    /// `threads`: guests that run at the same time; absent for one a core.
    pub threads: Option<usize>,
    /// `queue_max`: calls that wait for a thread before the sandbox says that it
    /// is busy. Default 1,024.
    pub queue_max: usize,
    /// `instances_max`: slots of the instance pool, each of which reserves 4 GiB of
    /// address space (not of memory); at least as many as adapters are in use, so
    /// that each finds a slot prepared for it. Default 256.
    pub instances_max: u32,
    /// `keep_resident_bytes`: how much of a slot's memory stays with it between
    /// calls, in bytes. More makes long messages faster, which then find their
    /// memory mapped, and short ones slower, since all that is kept is cleaned after
    /// every call. At most this for each slot that was used. Default 256 KiB.
    pub keep_resident_bytes: usize,
    /// `component_bytes_max`: the largest component that is admitted, in bytes.
    /// Default 32 MiB.
    pub component_bytes_max: usize,
}

/// What one call may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// See [`Config::fuel_base`].
    pub fuel_base: u64,
    /// See [`Config::fuel_per_kib`].
    pub fuel_per_kib: u64,
    /// See [`Config::memory_bytes_max`]; a higher number than the sandbox was
    /// built with has no effect.
    pub memory_bytes_max: usize,
    /// See [`Config::output_bytes_max`].
    pub output_bytes_max: usize,
    /// See [`Config::log_bytes_max`].
    pub log_bytes_max: usize,
    /// See [`Config::host_call_bytes_max`].
    pub host_call_bytes_max: usize,
    /// See [`Config::wall_ms_max`].
    pub wall_ms_max: u64,
}

/// A setting whose value can't work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sandbox setting {setting} is {value}, but must be {rule}")]
pub struct InvalidSetting {
    /// The setting's name.
    pub setting: &'static str,
    /// What was configured.
    pub value: u64,
    /// What is allowed.
    pub rule: &'static str,
}

/// Counts what an instance holds, over all its memories and tables.
#[derive(Debug)]
pub(super) struct Meter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    memory_bytes_peak: usize,
    memory_refused: bool,
    table_elements: usize,
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Self {
            fuel_base: 50_000_000,
            fuel_per_kib: 5_000_000,
            memory_bytes_max: 64 << 20,
            output_bytes_max: 8 << 20,
            log_bytes_max: 64 << 10,
            host_call_bytes_max: 4 << 20,
            wall_ms_max: 1_000,
            epoch_tick_ms: 5,
            stack_bytes_max: 512 << 10,
            threads: None,
            queue_max: 1_024,
            instances_max: 256,
            keep_resident_bytes: 256 << 10,
            component_bytes_max: 32 << 20,
        }
    }
}

impl Config {
    /// Checks every setting against its bounds.
    ///
    /// # Errors
    /// Names the first setting that can't work and what it must be.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let size = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let gib = 1 << 30;
        let output = size(self.output_bytes_max);
        let host_call = size(self.host_call_bytes_max);
        let log = size(self.log_bytes_max);
        let stack = size(self.stack_bytes_max);
        let threads = size(self.threads());
        let queue = size(self.queue_max);
        let instances = self.instances_max.into();
        let resident = size(self.keep_resident_bytes);
        let component = size(self.component_bytes_max);
        let data = "1 KiB to 1 GiB";
        let rules = [
            ("fuel_base", self.fuel_base, 1, 1 << 50, "1 to 2^50"),
            ("fuel_per_kib", self.fuel_per_kib, 0, 1 << 40, "0 to 2^40"),
            ("output_bytes_max", output, 1024, gib, data),
            (
                "host_call_bytes_max",
                host_call,
                1024,
                output,
                "1 KiB to output_bytes_max",
            ),
            ("log_bytes_max", log, 0, gib, "0 to 1 GiB"),
            ("wall_ms_max", self.wall_ms_max, 1, 600_000, "1 to 600000"),
            ("epoch_tick_ms", self.epoch_tick_ms, 1, 1_000, "1 to 1000"),
            (
                "stack_bytes_max",
                stack,
                64 << 10,
                16 << 20,
                "64 KiB to 16 MiB",
            ),
            ("threads", threads, 1, 1_024, "1 to 1024"),
            ("queue_max", queue, 1, 1 << 20, "1 to 1048576"),
            ("instances_max", instances, 1, 10_000, "1 to 10000"),
            ("keep_resident_bytes", resident, 0, gib, "0 to 1 GiB"),
            ("component_bytes_max", component, 1024, gib, data),
        ];
        let memory = size(self.memory_bytes_max);
        let pages = (size(PAGE_BYTES)..=4 * gib).contains(&memory)
            && self.memory_bytes_max.is_multiple_of(PAGE_BYTES);
        let broken = rules
            .into_iter()
            .find(|(_, value, low, high, _)| !(low..=high).contains(&value))
            .map(|(setting, value, _, _, rule)| (setting, value, rule))
            .or((!pages).then_some((
                "memory_bytes_max",
                memory,
                "a multiple of 65536, at most 4 GiB",
            )));
        match broken {
            Some((setting, value, rule)) => Err(InvalidSetting {
                setting,
                value,
                rule,
            }),
            None => Ok(()),
        }
    }

    /// How many guests run at the same time.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// What one call may use when nothing else is said.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            fuel_base: self.fuel_base,
            fuel_per_kib: self.fuel_per_kib,
            memory_bytes_max: self.memory_bytes_max,
            output_bytes_max: self.output_bytes_max,
            log_bytes_max: self.log_bytes_max,
            host_call_bytes_max: self.host_call_bytes_max,
            wall_ms_max: self.wall_ms_max,
        }
    }
}

// === impl Limits ===

impl Limits {
    /// The fuel of a call with so much input. It depends on nothing else, so a
    /// message that fits today fits tomorrow and on every machine.
    #[must_use]
    pub fn fuel(&self, input_bytes: u64) -> u64 {
        self.fuel_base
            .saturating_add(self.fuel_per_kib.saturating_mul(input_bytes.div_ceil(1024)))
    }
}

// === impl Meter ===

impl Meter {
    pub(super) fn new(memory_bytes_max: usize) -> Self {
        Self {
            memory_bytes_max,
            memory_bytes: 0,
            memory_bytes_peak: 0,
            memory_refused: false,
            table_elements: 0,
        }
    }

    /// The most that all memories held together, in bytes.
    pub(super) fn memory_bytes_peak(&self) -> usize {
        self.memory_bytes_peak
    }

    /// Whether the guest was ever refused memory: then a trap that follows is its
    /// way of giving up.
    pub(super) fn memory_refused(&self) -> bool {
        self.memory_refused
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let total = self.memory_bytes.saturating_add(growth);
        if total > self.memory_bytes_max {
            self.memory_refused = true;
            return Ok(false);
        }
        self.memory_bytes = total;
        self.memory_bytes_peak = self.memory_bytes_peak.max(total);
        Ok(true)
    }

    /// Called with or without [`Self::memory_growing`] before it, so nothing is
    /// taken back: a growth that was allowed and failed stays counted, which errs
    /// on the strict side.
    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_refused = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .table_elements
            .saturating_add(desired.saturating_sub(current));
        if total > TABLE_ELEMENTS_MAX {
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn memories_are_added_up() {
        let mut meter = Meter::new(2 * MIB);
        assert!(meter.memory_growing(0, MIB, None).unwrap());
        assert!(meter.memory_growing(0, MIB / 2, None).unwrap());
        assert!(!meter.memory_refused());
        assert!(!meter.memory_growing(MIB, 2 * MIB, None).unwrap());
        assert!(meter.memory_refused());
        assert!(meter.memory_growing(MIB / 2, MIB, None).unwrap());
        assert_eq!(meter.memory_bytes_peak(), 2 * MIB);
    }

    #[test]
    fn failed_growth_never_makes_room() {
        let mut meter = Meter::new(2 * MIB);
        for _ in 0..10 {
            let _ = meter.memory_growing(0, MIB, None).unwrap();
            meter
                .memory_grow_failed(wasmtime::format_err!("no room"))
                .unwrap();
        }
        assert_eq!(meter.memory_bytes_peak(), 2 * MIB);
        assert!(!meter.memory_growing(0, MIB, None).unwrap());
    }

    #[test]
    fn tables_are_added_up() {
        let mut meter = Meter::new(MIB);
        assert!(
            meter
                .table_growing(0, TABLE_ELEMENTS_MAX - 1, None)
                .unwrap()
        );
        assert!(!meter.table_growing(0, 2, None).unwrap());
    }

    #[test]
    fn fuel_depends_on_the_input_alone() {
        let limits = Config::default().limits();
        assert_eq!(limits.fuel(0), 50_000_000);
        assert_eq!(limits.fuel(1), 55_000_000);
        assert_eq!(limits.fuel(1024), 55_000_000);
        assert_eq!(limits.fuel(1025), 60_000_000);
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        assert_eq!(Config::default().check(), Ok(()));
        let odd = Config {
            memory_bytes_max: 100_000,
            ..Config::default()
        };
        let error = odd.check().unwrap_err();
        assert_eq!((error.setting, error.value), ("memory_bytes_max", 100_000));
        let none = Config {
            threads: Some(0),
            ..Config::default()
        };
        assert_eq!(none.check().unwrap_err().setting, "threads");
    }
}
