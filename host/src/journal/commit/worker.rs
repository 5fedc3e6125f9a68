//! The thread that writes: takes a group, appends, applies, answers.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    CommitError, Committed, CommitterConfig, Observer, PANICKED, Projection, Shared, Waiting,
};
use crate::{
    failpoint,
    journal::{Error, Journal, Sequence, queue::Taken},
};

/// The thread's own things. The lists are kept to be used again.
pub(super) struct Worker<T> {
    shared: Arc<Shared<T>>,
    journal: Box<dyn Journal>,
    projection: Box<dyn Projection<T>>,
    observer: Observer<T>,
    config: CommitterConfig,
    group: Vec<Waiting<T>>,
    records: Vec<Bytes>,
    committed: Vec<Committed<T>>,
    answers: Vec<oneshot::Sender<Result<Sequence, CommitError>>>,
    bytes_since_checkpoint: u64,
    /// When the first record after the last checkpoint was committed.
    unsaved_since: Option<Instant>,
}

/// Sees to it that a thread that panics is noticed.
struct Bystander<T>(Arc<Shared<T>>);

// === impl Worker ===

impl<T> Worker<T> {
    pub(super) fn new(
        shared: Arc<Shared<T>>,
        journal: Box<dyn Journal>,
        projection: Box<dyn Projection<T>>,
        observer: Observer<T>,
        config: CommitterConfig,
    ) -> Self {
        Self {
            shared,
            journal,
            projection,
            observer,
            config,
            group: Vec::new(),
            records: Vec::new(),
            committed: Vec::new(),
            answers: Vec::new(),
            bytes_since_checkpoint: 0,
            unsaved_since: None,
        }
    }

    /// Works until the queue is closed and empty, then closes the journal.
    pub(super) fn run(mut self) -> Result<(), CommitError> {
        let _bystander = Bystander(Arc::clone(&self.shared));
        let shared = Arc::clone(&self.shared);
        let result = self.work().and_then(|()| {
            let Self { journal, .. } = self;
            journal.close().map_err(|error| error.to_string())
        });
        result.map_err(|why| shared.fail(&why))
    }

    /// Commits group after group until the queue is closed and empty. A failure is
    /// told to the group it hit before it is returned.
    fn work(&mut self) -> Result<(), String> {
        loop {
            let deadline = self.checkpoint_due();
            let taken = self.shared.queue.take(
                &mut self.group,
                self.config.group_commits_max,
                self.config.group_bytes_max,
                deadline,
            );
            match taken {
                Taken::Some => self.commit_group()?,
                Taken::Idle => {}
                Taken::Closed => return self.close(),
            }
            let due = self
                .checkpoint_due()
                .is_some_and(|due| due <= Instant::now());
            if due || self.bytes_since_checkpoint >= self.config.checkpoint_bytes {
                self.checkpoint()?;
            }
        }
    }

    fn commit_group(&mut self) -> Result<(), String> {
        let values: Vec<_> = self
            .group
            .drain(..)
            .map(|waiting| {
                self.records.push(waiting.bytes);
                self.answers.push(waiting.answer);
                waiting.value
            })
            .collect();
        let begun = Instant::now();
        let result = match self.journal.append(&self.records) {
            Ok(first) => {
                let groups = &self.shared.groups;
                groups.took.observe(begun.elapsed());
                groups
                    .records
                    .fetch_add(values.len() as u64, Ordering::Relaxed);
                self.committed(first, values);
                self.apply()
            }
            Err(error @ Error::Full { .. }) => {
                tracing::warn!(%error, commits = values.len(), "commits refused");
                let why: Arc<str> = error.to_string().into();
                self.refuse(&CommitError::Full { why });
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = &result {
            let error = self.shared.fail(why);
            self.refuse(&error);
        }
        self.records.clear();
        self.committed.clear();
        result
    }

    fn committed(&mut self, first: Sequence, values: Vec<Arc<T>>) {
        let records = values.into_iter().zip(&self.records);
        self.committed.extend(
            (0..)
                .zip(records)
                .map(|(position, (value, bytes))| Committed {
                    sequence: first.plus(position),
                    value,
                    bytes_len: bytes.len(),
                }),
        );
        let bytes: usize = self.records.iter().map(Bytes::len).sum();
        self.unsaved_since.get_or_insert_with(Instant::now);
        self.bytes_since_checkpoint += bytes as u64;
    }

    fn apply(&mut self) -> Result<(), String> {
        self.projection
            .apply(&self.committed)
            .map_err(|error| format!("the view could not be brought up to date: {error}"))?;
        failpoint::hit("journal-after-projection");
        self.committed.iter().for_each(&mut self.observer);
        for (committed, answer) in self.committed.iter().zip(self.answers.drain(..)) {
            // Whoever gave up waiting does not need the answer.
            let _ = answer.send(Ok(committed.sequence));
        }
        Ok(())
    }

    fn refuse(&mut self, error: &CommitError) {
        for answer in self.answers.drain(..) {
            // Whoever gave up waiting does not need the answer.
            let _ = answer.send(Err(error.clone()));
        }
    }

    /// When the next checkpoint is due by time; never without a commit to make
    /// durable.
    fn checkpoint_due(&self) -> Option<Instant> {
        let interval = Duration::from_millis(self.config.checkpoint_interval_ms);
        self.unsaved_since.map(|since| since + interval)
    }

    fn checkpoint(&mut self) -> Result<(), String> {
        failpoint::hit("journal-before-checkpoint");
        self.projection
            .checkpoint()
            .map_err(|error| format!("the view could not be made durable: {error}"))?;
        self.bytes_since_checkpoint = 0;
        self.unsaved_since = None;
        self.drop_before();
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        failpoint::hit("journal-before-checkpoint");
        self.projection
            .close()
            .map_err(|error| format!("the view could not be made durable: {error}"))?;
        self.drop_before();
        Ok(())
    }

    /// Gives up what may go: only what the view has durably taken in. All of it or
    /// nothing: what is kept of records that were given up is kept as of one place.
    fn drop_before(&mut self) {
        let wanted = Sequence::from_u64(self.shared.drop_before.load(Ordering::Relaxed));
        let taken_in = wanted <= self.projection.durable().next();
        if wanted > Sequence::ZERO
            && taken_in
            && let Err(error) = self.journal.drop_before(wanted)
        {
            tracing::warn!(%error, "old journal segments could not be removed");
        }
    }
}

// === impl Bystander ===

impl<T> Drop for Bystander<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(PANICKED);
        }
    }
}
