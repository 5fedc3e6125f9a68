//! How fast the journal commits, replays, reads and opens.
//!
//! Group commit runs 64 tasks that each wait for their commit before the next one,
//! as 64 connections do. Everything is on the disk of the temporary directory.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use crossdock::journal::{
    Committed, Committer, CommitterConfig, Expect, FileJournal, Journal, Options, Projection,
    ProjectionError, Sequence,
};

const RECORD_BYTES: usize = 2 << 10;
const WAITERS: u64 = 64;

/// How many commits one measured run makes; enough that starting the tasks does
/// not count.
const COMMITS: u64 = 100 * WAITERS;

struct NoView;

impl Projection<Bytes> for NoView {
    fn apply(&mut self, batch: &[Committed<Bytes>]) -> Result<(), ProjectionError> {
        black_box(batch.len());
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), ProjectionError> {
        Ok(())
    }

    fn durable(&self) -> Sequence {
        Sequence::ZERO
    }

    fn close(&mut self) -> Result<(), ProjectionError> {
        Ok(())
    }
}

fn record() -> Bytes {
    Bytes::from_iter((0..RECORD_BYTES).map(|at| (at % 251) as u8))
}

fn commit(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (journal, _) = FileJournal::open(Options::new(directory.path()), Expect::NOTHING)
        .expect("an empty journal");
    let (committer, thread) = Committer::start(
        Box::new(journal),
        Box::new(NoView),
        Box::new(|committed| {
            black_box(committed.sequence);
        }),
        CommitterConfig::DEFAULT,
    )
    .expect("a thread");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime");

    let mut group = criterion.benchmark_group("journal/commit");
    group.throughput(Throughput::Elements(COMMITS));
    group.sample_size(20);
    group.bench_function("64 waiters, 2 KiB, durable", |bencher| {
        bencher.iter_custom(|count| {
            runtime.block_on(commit_many(&committer, count * COMMITS / WAITERS))
        });
    });
    group.finish();
    thread.stop().expect("everything was committed");
}

async fn commit_many(committer: &Committer<Bytes>, each: u64) -> Duration {
    let began = Instant::now();
    let tasks: Vec<_> = (0..WAITERS)
        .map(|_| {
            let committer = committer.clone();
            tokio::spawn(async move {
                let record = record();
                for _ in 0..each {
                    let value = Arc::new(record.clone());
                    committer
                        .commit(value, record.clone())
                        .await
                        .expect("a durable commit");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a finished task");
    }
    began.elapsed()
}

/// A journal of this many bytes, closed.
fn filled(options: &Options, bytes: usize) -> Sequence {
    let (mut journal, _) =
        FileJournal::open(options.clone(), Expect::NOTHING).expect("an empty journal");
    let group = vec![record(); 512];
    for _ in 0..bytes / (512 * RECORD_BYTES) {
        journal.append(&group).expect("room on the disk");
    }
    let last = journal.last();
    Box::new(journal).close().expect("a clean close");
    last
}

fn read(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let options = Options::new(directory.path());
    let last = filled(&options, 256 << 20);
    let (journal, _) =
        FileJournal::open(options, Expect::view_at(last)).expect("the journal just written");
    let reader = journal.reader();

    let mut group = criterion.benchmark_group("journal/read");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(reader.size_bytes()));
    group.bench_function("replay 256 MiB, checked", |bencher| {
        bencher.iter(|| {
            let records = reader.replay(Sequence::ZERO);
            records
                .map(|record| record.expect("an intact record").1.len())
                .sum::<usize>()
        });
    });
    group.sample_size(100);
    group.throughput(Throughput::Elements(1));
    let mut places = (0_u64..).map(|step| step.wrapping_mul(2_654_435_761) % last.get() + 1);
    group.bench_function("one record at random, 2 KiB, checked", |bencher| {
        bencher.iter_batched(
            || Sequence::from_u64(places.next().expect("endless")),
            |place| reader.read(place).expect("an intact record"),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn open(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let options = Options::new(directory.path());
    let last = filled(&options, 1 << 30);
    let mut group = criterion.benchmark_group("journal/open");
    group.sample_size(10);
    group.bench_function("1 GiB, view up to date", |bencher| {
        bencher.iter(|| {
            FileJournal::open(options.clone(), Expect::view_at(last)).expect("an intact journal")
        });
    });
    group.bench_function("1 GiB, everything checked", |bencher| {
        bencher.iter(|| {
            FileJournal::open(options.clone(), Expect::NOTHING).expect("an intact journal")
        });
    });
    group.finish();
}

criterion_group!(benches, commit, read, open);
criterion_main!(benches);
