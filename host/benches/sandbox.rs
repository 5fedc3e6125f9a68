//! What the sandbox costs: a decode of a warehouse shipping advice (X12 945) with
//! 1, 20 and 200 lines, by the same code natively, in an instance that is kept, and
//! in a fresh one as the product has it, with fuel and deadline on; and of an
//! interchange of 1 MiB that holds some hundred of those with 20 lines.
//!
//! The kept instance exists only here. Its guest never frees memory, so it is made
//! anew now and then, outside of the measured time.

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

/// Calls of one kept instance before it is made anew; few enough for its memory.
const KEPT_CALLS: u64 = 50;

const LINES: [usize; 3] = [1, 20, 200];

/// Size of the large interchange, in bytes.
const LARGE_BYTES: usize = 1 << 20;

type Decode = TypedFunc<(&'static Inbound,), (Result<Decoded, Problem>,)>;

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

/// An interchange of one 945 with so many lines.
fn shipping_advice(lines: usize) -> Vec<u8> {
    interchange(&[transaction(lines, 1)])
}

/// An interchange of 945s with 20 lines each.
fn large_advice() -> Vec<u8> {
    let mut transactions: Vec<String> = Vec::new();
    while transactions.iter().map(String::len).sum::<usize>() < LARGE_BYTES {
        transactions.push(transaction(20, transactions.len() + 1));
    }
    interchange(&transactions)
}

fn interchange(transactions: &[String]) -> Vec<u8> {
    format!(
        "ISA*00*          *00*          *ZZ*NORTHWH        *ZZ*DEPOSITOR      *260301*0930*U*00401*000000101*0*P*>~\n\
         GS*SW*NORTHWH*DEPOSITOR*20260301*0930*101*X*004010~\n{}GE*{}*101~\nIEA*1*000000101~\n",
        transactions.concat(),
        transactions.len()
    )
    .into_bytes()
}

/// An SSCC with its check digit.
fn sscc(number: usize) -> String {
    let digits = format!("1{number:016}");
    let weighted = digits.bytes().rev().enumerate().map(|(place, byte)| {
        let digit = u32::from(byte - b'0');
        if place % 2 == 0 { digit * 3 } else { digit }
    });
    let sum: u32 = weighted.sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn transaction(lines: usize, number: usize) -> String {
    let mut segments = vec![
        "W06*F*SO-100200*20260301*BOL778812**PO-55120".to_owned(),
        "N1*ST*HARBOUR STREET STORE*92*ST0417".to_owned(),
        "N3*12 HARBOUR STREET".to_owned(),
        "N4*PORTLAND*OR*97201*US".to_owned(),
        "N1*WH*NORTH WAREHOUSE*92*NW01".to_owned(),
        "N9*BM*BOL778812".to_owned(),
        "N9*CN*PRO4455667".to_owned(),
        "G62*11*20260301".to_owned(),
        "W27*LT*EXLA*EXAMPLE FREIGHT LINES*PP".to_owned(),
    ];
    for line in 1..=lines {
        segments.push(format!("LX*{line}"));
        segments.push(format!("MAN*GM*{}", sscc(number * 1_000 + line)));
        segments.push(format!(
            "W12*CC*24*24*0*EA**VN*SKU-{line:05}*LOT{line:04}*12.5*G*L"
        ));
        segments.push(format!("N9*LI*{line}"));
    }
    segments.push(format!("W03*{}*250*LB", 24 * lines));
    let body: String = segments
        .iter()
        .map(|segment| format!("{segment}~\n"))
        .collect();
    format!(
        "ST*945*{number:04}~\n{body}SE*{}*{number:04}~\n",
        segments.len() + 2
    )
}

fn message(body: Vec<u8>) -> Inbound {
    Inbound {
        message_id: "0195-bench".to_owned(),
        received_at: "2026-03-01T09:30:00.000Z".to_owned(),
        content_type: Some("application/edi-x12".to_owned()),
        headers: Vec::new(),
        settings: Vec::new(),
        body,
    }
}

fn load(config: Config) -> (Sandbox, Adapter, Vec<u8>) {
    let sandbox = Sandbox::new(config, None).expect("a sandbox");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/x12-3pl");
    let built = toolchain::build_if_newer(&folder, &sandbox, &mut |_| {}).expect("a component");
    let component = std::fs::read(built.path).expect("the component");
    let (adapter, _) = sandbox.admit(&component).expect("an adapter");
    (sandbox, adapter, component)
}

fn decode(criterion: &mut Criterion) {
    let (sandbox, adapter, component) = load(Config::default());
    let kept = Kept::new(&sandbox, &component).expect("a component");
    let tables: Tables = Arc::new(());
    let limits = sandbox.config().limits();
    let mut group = criterion.benchmark_group("sandbox/decode-945");
    for lines in LINES {
        let body = shipping_advice(lines);
        let native = crossdock_sdk::Inbound {
            received_at: "2026-03-01T09:30:00.000Z".to_owned(),
            ..crossdock_sdk::Inbound::new(body.clone())
        };
        let understood = x12_3pl::Warehouse::decode(native.clone()).expect("a message");
        assert!(
            understood.documents.iter().all(Result::is_ok),
            "{understood:?}"
        );
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("native", lines), |bencher| {
            bencher.iter_batched(
                || native.clone(),
                |message| drop(black_box(x12_3pl::Warehouse::decode(message))),
                BatchSize::SmallInput,
            );
        });
        let message: &'static Inbound = Box::leak(Box::new(message(body)));
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

/// A nightly file, where nothing counts but the bytes a second.
fn decode_large(criterion: &mut Criterion) {
    let config = Config {
        output_bytes_max: 64 << 20,
        wall_ms_max: 10_000,
        ..Config::default()
    };
    let (sandbox, adapter, _) = load(config);
    let tables: Tables = Arc::new(());
    let limits = sandbox.config().limits();
    let message = message(large_advice());
    let answer = adapter.decode(&message, &tables, &limits);
    let answer = answer.expect("an answer").value.expect("a message");
    assert!(answer.documents.iter().all(Result::is_ok));
    let mut group = criterion.benchmark_group("sandbox/decode-945-large");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(message.body.len() as u64));
    group.bench_function("fresh", |bencher| {
        bencher.iter(|| drop(black_box(adapter.decode(&message, &tables, &limits))));
    });
    group.finish();
}

/// What is paid before the guest does anything: its shortest function.
fn describe(criterion: &mut Criterion) {
    let (sandbox, adapter, _) = load(Config::default());
    let limits = sandbox.config().limits();
    criterion.bench_function("sandbox/describe", |bencher| {
        bencher.iter(|| drop(black_box(adapter.describe(&limits))));
    });
}

criterion_group!(benches, describe, decode, decode_large);
criterion_main!(benches);
