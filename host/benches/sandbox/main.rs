//! What the sandbox costs: a decode of a warehouse shipping advice with 1, 20 and 200
//! lines, as X12 945 and as an IDoc (DELVRY07), by the same code natively, in an
//! instance that is kept, and in a fresh one as the product has it, with fuel and
//! deadline on; and of messages of 1 and 50 MB that hold many of those with 20 lines.
//!
//! The kept instance exists only here. Its guest never frees memory, so it is made
//! anew now and then, outside of the measured time.

mod idoc;
mod x12;

use std::{
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossdock::{
    contract::{ADAPTER_INTERFACE, Decoded, Inbound, Level, Problem},
    sandbox::{Adapter, Config, Sandbox, Tables},
    toolchain,
};
use crossdock_sdk::Adapter as _;
use wasmtime::{
    Store,
    component::{Component, ComponentExportIndex, InstancePre, Linker, TypedFunc},
};

/// As in the product: the host allocates every text of an answer once more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls of one kept instance before it is made anew; few enough for its memory.
const KEPT_CALLS: u64 = 50;

const LINES: [usize; 3] = [1, 20, 200];

/// How many lines each document of a large message has.
const LARGE_LINES: usize = 20;

/// Sizes of large messages: a night's shipments, and the largest that is promised.
const LARGE_BYTES: [(&str, usize); 2] = [("1 MB", 1_000_000), ("50 MB", 50_000_000)];

type Decode = TypedFunc<(&'static Inbound,), (Result<Decoded, Problem>,)>;

type NativeDecode =
    fn(crossdock_sdk::Inbound) -> Result<crossdock_sdk::Decoded, crossdock_sdk::Problem>;

/// What is measured of an adapter.
struct Subject {
    /// What the figures are called.
    name: &'static str,
    /// Its folder beside those of the others.
    folder: &'static str,
    content_type: &'static str,
    decode: NativeDecode,
    /// One shipment with so many lines, and with numbers of its own.
    shipment: fn(usize, usize) -> String,
    /// A message of shipments.
    message: fn(&[String]) -> Vec<u8>,
}

const SUBJECTS: [Subject; 2] = [
    Subject {
        name: "945",
        folder: "x12-3pl",
        content_type: "application/edi-x12",
        decode: x12_3pl::Warehouse::decode,
        shipment: x12::transaction,
        message: x12::interchange,
    },
    Subject {
        name: "idoc",
        folder: "sap",
        content_type: "application/xml",
        decode: sap::Sap::decode,
        shipment: idoc::delivery,
        message: idoc::message,
    },
];

/// A component that is called without the product around it.
struct Kept {
    instance_pre: InstancePre<()>,
    decode: ComponentExportIndex,
}

// === impl Kept ===

impl Kept {
    fn new(sandbox: &Sandbox, component: &[u8]) -> wasmtime::Result<Self> {
        let engine = sandbox.wasmtime();
        let component = Component::new(engine, component)?;
        let mut linker = Linker::new(engine);
        let mut host = linker.instance("crossdock:partner/host@0.1.0")?;
        host.func_wrap(
            "log",
            |_, _: (Level, String, Vec<(String, String)>)| -> wasmtime::Result<()> { Ok(()) },
        )?;
        host.func_wrap(
            "lookup",
            |_, _: (String, String)| -> wasmtime::Result<(Option<String>,)> { Ok((None,)) },
        )?;
        let decode = component
            .get_export_index(None, ADAPTER_INTERFACE)
            .and_then(|interface| component.get_export_index(Some(&interface), "decode"))
            .ok_or_else(|| wasmtime::format_err!("no decode"))?;
        Ok(Self {
            instance_pre: linker.instantiate_pre(&component)?,
            decode,
        })
    }

    fn instance(&self) -> wasmtime::Result<(Store<()>, Decode)> {
        let mut store = Store::new(self.instance_pre.engine(), ());
        store.set_fuel(u64::MAX)?;
        store.set_epoch_deadline(1 << 40);
        let instance = self.instance_pre.instantiate(&mut store)?;
        let decode = instance.get_typed_func(&mut store, self.decode)?;
        Ok((store, decode))
    }

    fn measure(&self, message: &'static Inbound, calls: u64) -> wasmtime::Result<Duration> {
        let mut elapsed = Duration::ZERO;
        let mut left = calls;
        while left > 0 {
            let (mut store, decode) = self.instance()?;
            let now = left.min(KEPT_CALLS);
            let began = Instant::now();
            for _ in 0..now {
                store.set_fuel(1 << 40)?;
                drop(black_box(decode.call(&mut store, (message,))?));
            }
            elapsed += began.elapsed();
            left -= now;
        }
        Ok(elapsed)
    }
}

// === impl Subject ===

impl Subject {
    /// A message of one shipment.
    fn single(&self, lines: usize) -> Inbound {
        self.inbound((self.message)(&[(self.shipment)(lines, 1)]))
    }

    /// A message of so many bytes, and a little more.
    fn large(&self, bytes: usize) -> Inbound {
        let mut shipments: Vec<String> = Vec::new();
        let mut length = 0;
        while length < bytes {
            let shipment = (self.shipment)(LARGE_LINES, shipments.len() + 1);
            length += shipment.len();
            shipments.push(shipment);
        }
        self.inbound((self.message)(&shipments))
    }

    fn inbound(&self, body: Vec<u8>) -> Inbound {
        Inbound {
            message_id: "0195-bench".to_owned(),
            received_at: "2026-03-01T09:30:00.000Z".to_owned(),
            content_type: Some(self.content_type.to_owned()),
            headers: Vec::new(),
            settings: Vec::new(),
            body,
        }
    }

    fn load(&self, config: Config) -> (Sandbox, Adapter, Vec<u8>) {
        let sandbox = Sandbox::new(config, None).expect("a sandbox");
        let adapters = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters");
        let folder = adapters.join(self.folder);
        let built = toolchain::build_if_newer(&folder, &sandbox, &mut |_| {}).expect("a component");
        let component = std::fs::read(built.path).expect("the component");
        let (adapter, _) = sandbox.admit(&component).expect("an adapter");
        (sandbox, adapter, component)
    }
}

fn decode(criterion: &mut Criterion) {
    for subject in &SUBJECTS {
        decode_single(criterion, subject);
    }
}

fn decode_single(criterion: &mut Criterion, subject: &Subject) {
    let (sandbox, adapter, component) = subject.load(Config::default());
    let kept = Kept::new(&sandbox, &component).expect("a component");
    let tables: Tables = Arc::new(());
    let limits = sandbox.config().limits();
    let mut group = criterion.benchmark_group(format!("sandbox/decode-{}", subject.name));
    for lines in LINES {
        let message: &'static Inbound = Box::leak(Box::new(subject.single(lines)));
        let native = crossdock_sdk::Inbound {
            received_at: message.received_at.clone(),
            content_type: message.content_type.clone(),
            ..crossdock_sdk::Inbound::new(message.body.clone())
        };
        let understood = (subject.decode)(native.clone()).expect("a message");
        assert!(
            understood.documents.iter().all(Result::is_ok),
            "{understood:?}"
        );
        group.throughput(Throughput::Bytes(message.body.len() as u64));
        group.bench_function(BenchmarkId::new("native", lines), |bencher| {
            bencher.iter_batched(
                || native.clone(),
                |message| drop(black_box((subject.decode)(message))),
                BatchSize::SmallInput,
            );
        });
        let answer = adapter.decode(message, &tables, &limits);
        let answer = answer.expect("an answer").value.expect("a message");
        assert_eq!(answer.documents.len(), understood.documents.len());
        group.bench_function(BenchmarkId::new("kept", lines), |bencher| {
            bencher.iter_custom(|calls| kept.measure(message, calls).expect("an answer"));
        });
        group.bench_function(BenchmarkId::new("fresh", lines), |bencher| {
            bencher.iter(|| drop(black_box(adapter.decode(message, &tables, &limits))));
        });
    }
    group.finish();
}

/// A nightly file, where nothing counts but the bytes a second and the memory.
fn decode_large(criterion: &mut Criterion) {
    let config = Config {
        memory_bytes_max: 2 << 30,
        output_bytes_max: 1 << 30,
        wall_ms_max: 60_000,
        ..Config::default()
    };
    for subject in &SUBJECTS {
        let (sandbox, adapter, _) = subject.load(config.clone());
        let tables: Tables = Arc::new(());
        let limits = sandbox.config().limits();
        let name = format!("sandbox/decode-{}-large", subject.name);
        let mut group = criterion.benchmark_group(&name);
        group.sample_size(10);
        for (size, bytes) in LARGE_BYTES {
            let message = subject.large(bytes);
            let call = adapter.decode(&message, &tables, &limits);
            let call = call.expect("an answer");
            let answer = call.value.expect("a message");
            assert!(answer.documents.iter().all(Result::is_ok));
            let peak = call.usage.memory_bytes_peak;
            report(&name, size, peak, message.body.len());
            group.throughput(Throughput::Bytes(message.body.len() as u64));
            group.bench_function(BenchmarkId::new("fresh", size), |bencher| {
                bencher.iter(|| drop(black_box(adapter.decode(&message, &tables, &limits))));
            });
        }
        group.finish();
    }
}

#[expect(clippy::print_stdout, reason = "criterion measures time alone")]
fn report(name: &str, size: &str, peak: usize, bytes: usize) {
    let tenths = peak * 10 / bytes;
    let (whole, tenth) = (tenths / 10, tenths % 10);
    println!("{name}/{size}: {peak} bytes of guest memory, {whole}.{tenth} for each byte of input");
}

/// What is paid before the guest does anything: its shortest function.
fn describe(criterion: &mut Criterion) {
    for subject in &SUBJECTS {
        let (sandbox, adapter, _) = subject.load(Config::default());
        let limits = sandbox.config().limits();
        let name = format!("sandbox/describe/{}", subject.folder);
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| drop(black_box(adapter.describe(&limits))));
        });
    }
}

criterion_group!(benches, describe, decode, decode_large);
criterion_main!(benches);
