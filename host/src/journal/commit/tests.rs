//! Group commit with journals and projections that do as they are told.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
    mpsc,
};

use bytes::Bytes;

use super::*;
use crate::journal::{Error, Expect, FileJournal, MemoryJournal, MemoryStore, Options, Reader};

/// What a projection and an observer were told, and what they are to do.
#[derive(Default)]
struct Script {
    applied: Mutex<Vec<(u64, u64)>>,
    observed: Mutex<Vec<(u64, u64)>>,
    fail_apply: AtomicBool,
    panic_apply: AtomicBool,
    fail_checkpoint: AtomicBool,
}

struct View {
    script: Arc<Script>,
    checkpoints: mpsc::Sender<Sequence>,
    last: Sequence,
    durable: Sequence,
    /// While set, every group waits here for a permission.
    gate: Option<mpsc::Receiver<()>>,
    entered: mpsc::Sender<()>,
}

impl Projection<u64> for View {
    fn apply(&mut self, batch: &[Committed<u64>]) -> Result<(), ProjectionError> {
        let _ = self.entered.send(());
        if let Some(gate) = &self.gate {
            let _ = gate.recv();
        }
        assert!(!self.script.panic_apply.load(Ordering::SeqCst), "as told");
        if self.script.fail_apply.load(Ordering::SeqCst) {
            return Err(ProjectionError::new("the view is broken"));
        }
        let records = batch.iter().map(|one| (one.sequence.get(), *one.value));
        self.script.applied.lock().unwrap().extend(records);
        self.last = batch.last().unwrap().sequence;
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), ProjectionError> {
        if self.script.fail_checkpoint.load(Ordering::SeqCst) {
            return Err(ProjectionError::new("the view is stuck"));
        }
        self.durable = self.last;
        let _ = self.checkpoints.send(self.durable);
        Ok(())
    }

    fn durable(&self) -> Sequence {
        self.durable
    }

    fn close(&mut self) -> Result<(), ProjectionError> {
        self.checkpoint()
    }
}

/// A journal in memory that fails on demand.
struct Fragile {
    journal: MemoryJournal,
    mood: Arc<AtomicU64>,
}

const WELL: u64 = 0;
const FULL: u64 = 1;
const BROKEN: u64 = 2;

impl Journal for Fragile {
    fn append(&mut self, records: &[Bytes]) -> Result<Sequence, Error> {
        match self.mood.load(Ordering::SeqCst) {
            WELL => self.journal.append(records),
            FULL => Err(Error::Full {
                file: "memory".into(),
                source: std::io::ErrorKind::StorageFull.into(),
            }),
            _ => Err(Error::Fatal {
                why: "the disk is broken".into(),
            }),
        }
    }

    fn last(&self) -> Sequence {
        self.journal.last()
    }

    fn record_bytes_max(&self) -> usize {
        self.journal.record_bytes_max()
    }

    fn reader(&self) -> Arc<dyn Reader> {
        self.journal.reader()
    }

    fn drop_before(&mut self, sequence: Sequence) -> Result<Sequence, Error> {
        self.journal.drop_before(sequence)
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        Box::new(self.journal).close()
    }
}

/// A committer on a memory journal with everything around it in hand.
struct Stage {
    store: MemoryStore,
    committer: Committer<u64>,
    thread: CommitterThread<u64>,
    script: Arc<Script>,
    mood: Arc<AtomicU64>,
    checkpoints: mpsc::Receiver<Sequence>,
    permit: mpsc::Sender<()>,
    entered: mpsc::Receiver<()>,
}

enum Pace {
    Free,
    OneByOne,
}

fn stage(config: CommitterConfig, pace: Pace) -> Stage {
    let store = MemoryStore::default();
    let journal = MemoryJournal::open(&store, Sequence::ZERO).unwrap();
    let mood = Arc::new(AtomicU64::new(WELL));
    let journal = Fragile {
        journal: journal.with_record_bytes_max(1000),
        mood: Arc::clone(&mood),
    };
    let script = Arc::new(Script::default());
    let (checkpoint, checkpoints) = mpsc::channel();
    let (permit, gate) = mpsc::channel();
    let (enter, entered) = mpsc::channel();
    let view = View {
        script: Arc::clone(&script),
        checkpoints: checkpoint,
        last: Sequence::ZERO,
        durable: Sequence::ZERO,
        gate: matches!(pace, Pace::OneByOne).then_some(gate),
        entered: enter,
    };
    let observed = Arc::clone(&script);
    let observer: Observer<u64> = Box::new(move |one| {
        let seen = (one.sequence.get(), *one.value);
        observed.observed.lock().unwrap().push(seen);
    });
    let (committer, thread) =
        Committer::start(Box::new(journal), Box::new(view), observer, config).unwrap();
    Stage {
        store,
        committer,
        thread,
        script,
        mood,
        checkpoints,
        permit,
        entered,
    }
}

fn commit(stage: &Stage, value: u64) -> CommitTicket {
    stage
        .committer
        .try_commit(Arc::new(value), value.to_string())
        .unwrap()
}

fn fatal(result: Result<Sequence, CommitError>) -> String {
    match result {
        Err(CommitError::Fatal { why }) => why.to_string(),
        other => panic!("{other:?} instead of a fatal error"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_is_told_the_place_of_their_record_and_the_order_is_one() {
    let stage = stage(CommitterConfig::DEFAULT, Pace::Free);
    let tasks: Vec<_> = (0..64_u64)
        .map(|task| {
            let committer = stage.committer.clone();
            let script = Arc::clone(&stage.script);
            tokio::spawn(async move {
                let mut places = Vec::new();
                for round in 0..50 {
                    let value = task * 1000 + round;
                    let record = value.to_string();
                    let sequence = committer.commit(Arc::new(value), record).await.unwrap();
                    let applied = script.applied.lock().unwrap().len() as u64;
                    assert!(applied >= sequence.get(), "applied before the answer");
                    places.push((sequence.get(), value));
                }
                places
            })
        })
        .collect();
    let mut told = Vec::new();
    for task in tasks {
        let places = task.await.unwrap();
        assert!(places.is_sorted(), "in the order of the calls");
        told.extend(places);
    }
    told.sort_unstable();
    assert_eq!(told.len(), 64 * 50);
    assert_eq!(*stage.script.applied.lock().unwrap(), told);
    assert_eq!(*stage.script.observed.lock().unwrap(), told);
    for (sequence, value) in told {
        let record = stage.store.read(Sequence::from_u64(sequence)).unwrap();
        assert_eq!(record, value.to_string());
    }
    stage.thread.stop().unwrap();
}

#[tokio::test]
async fn a_full_queue_refuses_outside_work_first() {
    let config = CommitterConfig {
        queue_commits_max: 2,
        ..CommitterConfig::DEFAULT
    };
    let stage = stage(config, Pace::OneByOne);
    let mut tickets = vec![commit(&stage, 0)];
    stage.entered.recv().unwrap();
    tickets.extend([commit(&stage, 1), commit(&stage, 2)]);
    let refused = stage.committer.try_commit(Arc::new(3), "3").unwrap_err();
    assert_eq!(refused, CommitError::Overloaded);
    assert!(refused.is_retryable());
    assert_eq!(stage.committer.queued(), 2);
    let own = stage.committer.for_own_work();
    tickets.extend((3..5).map(|value| own.try_commit(Arc::new(value), "own").unwrap()));
    assert!(own.try_commit(Arc::new(5), "own").is_err());
    drop(stage.permit);
    for (sequence, ticket) in (1..).zip(tickets) {
        assert_eq!(ticket.await, Ok(Sequence::from_u64(sequence)));
    }
    stage.thread.stop().unwrap();
}

#[tokio::test]
async fn a_group_is_bounded() {
    let config = CommitterConfig {
        group_commits_max: 3,
        ..CommitterConfig::DEFAULT
    };
    let stage = stage(config, Pace::OneByOne);
    let first = commit(&stage, 0);
    stage.entered.recv().unwrap();
    let rest: Vec<_> = (1..=7).map(|value| commit(&stage, value)).collect();
    drop(stage.permit);
    first.await.unwrap();
    for ticket in rest {
        ticket.await.unwrap();
    }
    assert_eq!(stage.entered.try_iter().count(), 3, "3 + 3 + 1");
    stage.thread.stop().unwrap();
}

#[tokio::test]
async fn a_broken_journal_is_told_to_all_who_wait_and_all_who_come() {
    let stage = stage(CommitterConfig::DEFAULT, Pace::OneByOne);
    let good = commit(&stage, 0);
    stage.entered.recv().unwrap();
    let bad: Vec<_> = (1..600).map(|value| commit(&stage, value)).collect();
    stage.mood.store(BROKEN, Ordering::SeqCst);
    drop(stage.permit);
    good.await.unwrap();
    for ticket in bad {
        assert!(fatal(ticket.await).contains("the disk is broken"));
    }
    assert!(
        stage
            .committer
            .failed()
            .await
            .contains("the disk is broken")
    );
    stage.mood.store(WELL, Ordering::SeqCst);
    let late = stage.committer.commit(Arc::new(9), "9").await;
    assert!(fatal(late).contains("the disk is broken"));
    assert!(stage.thread.stop().is_err());
    assert_eq!(*stage.script.applied.lock().unwrap(), [(1, 0)]);
}

#[tokio::test]
async fn a_broken_view_ends_it_although_the_record_is_durable() {
    let stage = stage(CommitterConfig::DEFAULT, Pace::Free);
    stage.script.fail_apply.store(true, Ordering::SeqCst);
    assert!(fatal(commit(&stage, 0).await).contains("the view is broken"));
    assert!(
        stage
            .committer
            .failed()
            .await
            .contains("the view is broken")
    );
    assert_eq!(stage.store.last(), Sequence::from_u64(1));
    assert_eq!(*stage.script.observed.lock().unwrap(), []);
}

#[tokio::test]
async fn a_panic_in_the_view_leaves_nobody_waiting() {
    let stage = stage(CommitterConfig::DEFAULT, Pace::OneByOne);
    stage.script.panic_apply.store(true, Ordering::SeqCst);
    let first = commit(&stage, 0);
    stage.entered.recv().unwrap();
    let second = commit(&stage, 1);
    drop(stage.permit);
    assert_eq!(fatal(first.await), PANICKED);
    assert_eq!(fatal(second.await), PANICKED);
    assert_eq!(&*stage.committer.failed().await, PANICKED);
    assert!(stage.thread.stop().is_err());
}

#[tokio::test]
async fn a_full_disk_refuses_the_group_and_nothing_else() {
    let stage = stage(CommitterConfig::DEFAULT, Pace::Free);
    commit(&stage, 1).await.unwrap();
    stage.mood.store(FULL, Ordering::SeqCst);
    let refused = commit(&stage, 2).await.unwrap_err();
    assert!(matches!(refused, CommitError::Full { .. }) && refused.is_retryable());
    stage.mood.store(WELL, Ordering::SeqCst);
    assert_eq!(commit(&stage, 3).await, Ok(Sequence::from_u64(2)));
    assert_eq!(*stage.script.observed.lock().unwrap(), [(1, 1), (2, 3)]);
    stage.thread.stop().unwrap();
}

#[tokio::test]
async fn a_record_over_the_limit_is_refused_at_once() {
    let stage = stage(CommitterConfig::DEFAULT, Pace::Free);
    let refused = stage.committer.try_commit(Arc::new(1), vec![0; 1001]);
    assert!(matches!(
        refused,
        Err(CommitError::TooLarge {
            bytes_max: 1000,
            ..
        })
    ));
    stage.thread.stop().unwrap();
}

#[tokio::test]
async fn the_view_is_made_durable_by_bytes_and_by_time_and_at_the_end() {
    let by_bytes = CommitterConfig {
        checkpoint_bytes: 10,
        ..CommitterConfig::DEFAULT
    };
    let stage1 = stage(by_bytes, Pace::Free);
    for value in 1_000_000..1_000_003 {
        commit(&stage1, value).await.unwrap();
    }
    assert_eq!(stage1.checkpoints.recv(), Ok(Sequence::from_u64(2)));
    stage1.thread.stop().unwrap();
    assert_eq!(stage1.checkpoints.recv(), Ok(Sequence::from_u64(3)));

    let by_time = CommitterConfig {
        checkpoint_interval_ms: 1,
        ..CommitterConfig::DEFAULT
    };
    let stage2 = stage(by_time, Pace::Free);
    commit(&stage2, 1).await.unwrap();
    assert_eq!(stage2.checkpoints.recv(), Ok(Sequence::from_u64(1)));
    stage2.thread.stop().unwrap();
}

#[tokio::test]
async fn a_view_that_cannot_be_made_durable_ends_it() {
    let config = CommitterConfig {
        checkpoint_bytes: 1,
        ..CommitterConfig::DEFAULT
    };
    let stage = stage(config, Pace::Free);
    stage.script.fail_checkpoint.store(true, Ordering::SeqCst);
    commit(&stage, 1).await.unwrap();
    assert!(stage.committer.failed().await.contains("the view is stuck"));
    assert!(stage.thread.stop().is_err());
}

#[tokio::test]
async fn only_what_the_view_has_taken_in_is_given_up() {
    let stage = stage(CommitterConfig::DEFAULT, Pace::Free);
    for value in 1..=5 {
        commit(&stage, value).await.unwrap();
    }
    stage.committer.drop_before(Sequence::from_u64(4));
    assert_eq!(
        stage.store.first(),
        Sequence::from_u64(1),
        "not before a checkpoint"
    );
    stage.thread.stop().unwrap();
    assert_eq!(stage.store.first(), Sequence::from_u64(4));
}

#[tokio::test]
async fn what_the_view_has_taken_in_half_is_not_given_up_by_half() {
    let stage = stage(CommitterConfig::DEFAULT, Pace::Free);
    for value in 1..=5 {
        commit(&stage, value).await.unwrap();
    }
    stage.committer.drop_before(Sequence::from_u64(20));
    stage.thread.stop().unwrap();
    assert_eq!(stage.store.first(), Sequence::from_u64(1));
}

#[tokio::test]
async fn stopping_finishes_what_was_committed_and_closes_the_journal() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options::new(directory.path());
    let (journal, _) = FileJournal::open(options.clone(), Expect::NOTHING).unwrap();
    let (checkpoints, _) = mpsc::channel();
    let (entered, _) = mpsc::channel();
    let view = View {
        script: Arc::default(),
        checkpoints,
        last: Sequence::ZERO,
        durable: Sequence::ZERO,
        gate: None,
        entered,
    };
    let (committer, thread) = Committer::start(
        Box::new(journal),
        Box::new(view),
        Box::new(|_| {}),
        CommitterConfig::DEFAULT,
    )
    .unwrap();
    let tickets: Vec<_> = (0..2000)
        .map(|value| {
            committer
                .try_commit(Arc::new(value), value.to_string())
                .unwrap()
        })
        .collect();
    thread.stop().unwrap();
    assert_eq!(
        committer.commit(Arc::new(0), "0").await,
        Err(CommitError::Stopped)
    );
    for (sequence, ticket) in (1..).zip(tickets) {
        assert_eq!(ticket.await, Ok(Sequence::from_u64(sequence)));
    }
    let expect = Expect::view_at(Sequence::from_u64(2000));
    let (_journal, recovered) = FileJournal::open(options, expect).unwrap();
    assert_eq!(recovered.last, Sequence::from_u64(2000));
    assert_eq!(recovered.cut, None);
}
