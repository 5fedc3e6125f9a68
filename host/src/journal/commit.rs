//! Group commit: many tasks commit, one thread writes.
//!
//! Whoever commits encodes its record itself, puts it in a bounded queue and waits.
//! The thread takes all that has gathered, appends it with one write and one sync,
//! applies it to the projection, tells the observer, and then everybody who waits,
//! in commit order. It never waits for more to gather: while it syncs, the next
//! group gathers by itself.
//!
//! A failure of the journal or the projection ends it for good: everybody who waits
//! or comes later is told so, and [`Committer::failed`] tells the process to end. A
//! full disk only refuses the group that did not fit.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    thread::JoinHandle,
};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use self::worker::Worker;
use super::{
    Journal, Sequence,
    queue::{Queue, Refused, Taken},
};
use crate::metrics::Histogram;

mod worker;

#[cfg(test)]
mod tests;

/// How much gathers, and how often the projection is made durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitterConfig {
    /// How many commits may wait; the next one is refused. Default 4096.
    pub queue_commits_max: usize,
    /// How many bytes of records may wait; the next one is refused. Default 64 MiB.
    pub queue_bytes_max: usize,
    /// How many commits share one sync at most. Default 512.
    pub group_commits_max: usize,
    /// How many bytes share one sync at most; one larger record goes alone. Default
    /// 8 MiB: what a disk writes in a few milliseconds.
    pub group_bytes_max: usize,
    /// After how many bytes of records the projection is made durable. Default
    /// 16 MiB, which is replayed in a moment after a crash.
    pub checkpoint_bytes: u64,
    /// After how long the projection is made durable, if there was any commit, in
    /// milliseconds. Default 1,000.
    pub checkpoint_interval_ms: u64,
}

/// A record that is durable.
#[derive(Debug)]
pub struct Committed<T> {
    /// Its place in the journal.
    pub sequence: Sequence,
    /// What it says.
    pub value: Arc<T>,
    /// Its encoded length in bytes.
    pub bytes_len: usize,
}

/// What is kept up to date with the journal: a view of it.
///
/// It is called by one thread, in commit order, without a gap.
pub trait Projection<T>: Send {
    /// Takes in records that have just become durable. Whoever committed them is
    /// told afterwards, so it must not block for long.
    ///
    /// # Errors
    /// Any error is fatal: the view cannot be trusted and the host ends. At the next
    /// start the journal brings it up to date again.
    fn apply(&mut self, batch: &[Committed<T>]) -> Result<(), ProjectionError>;

    /// Begins to make durable what was applied, and does not wait for it.
    ///
    /// # Errors
    /// Any error is fatal, as for [`apply`](Self::apply).
    fn checkpoint(&mut self) -> Result<(), ProjectionError>;

    /// The last record whose effects are durable. After a crash, replay begins
    /// behind it.
    fn durable(&self) -> Sequence;

    /// Makes durable all that was applied, and waits until it is.
    ///
    /// # Errors
    /// Any error is told to whoever stops the host; the journal still has it all.
    fn close(&mut self) -> Result<(), ProjectionError>;
}

/// Why a projection cannot go on.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ProjectionError(Box<dyn std::error::Error + Send + Sync>);

/// Is told every record once it is durable and applied, in commit order and before
/// whoever committed it. It runs on the committer's thread and must not block.
pub type Observer<T> = Box<dyn FnMut(&Committed<T>) + Send>;

/// Commits records; a cheap handle that any number of tasks clone.
#[derive(Debug)]
pub struct Committer<T> {
    shared: Arc<Shared<T>>,
    /// By how much this handle may overfill the queue, as a factor of its limits.
    widen: usize,
}

/// The thread that writes. Dropping it lets the thread finish what was committed
/// and end; [`stop`](Self::stop) also waits for it.
#[derive(Debug)]
pub struct CommitterThread<T> {
    shared: Arc<Shared<T>>,
    thread: Option<JoinHandle<Result<(), CommitError>>>,
}

/// The answer to a commit, once it is there. Dropping it does not take the commit
/// back.
#[derive(Debug)]
pub struct CommitTicket {
    answer: oneshot::Receiver<Result<Sequence, CommitError>>,
}

/// Why a record was not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Too many commits wait already. Nothing was written; retryable in a moment.
    #[error("too many commits wait for the journal; try again in a moment")]
    Overloaded,

    /// The record is too large. Not retryable; the caller's fault.
    #[error("record of {bytes} bytes is over the limit of {bytes_max} bytes")]
    TooLarge {
        /// The size that was refused, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        bytes_max: usize,
    },

    /// There is no room for the record. Nothing was written; retryable once there is.
    #[error("{why}")]
    Full {
        /// Where there is no room.
        why: Arc<str>,
    },

    /// The host is ending and takes nothing in. Nothing was written; retryable with
    /// the next one.
    #[error("the journal is closed because the host is ending")]
    Stopped,

    /// The journal or the view failed. The record may be durable or not: the next
    /// start tells. Not retryable before.
    #[error("the journal cannot go on: {why}")]
    Fatal {
        /// What failed first.
        why: Arc<str>,
    },
}

/// What handles and thread share.
#[derive(Debug)]
struct Shared<T> {
    queue: Queue<Waiting<T>>,
    failure: watch::Sender<Option<Arc<str>>>,
    record_bytes_max: usize,
    /// The records before this one are to be given up at the next checkpoint.
    drop_before: AtomicU64,
    groups: Groups,
}

/// What was committed since the start.
#[derive(Debug, Default)]
pub struct Groups {
    records: AtomicU64,
    took: Histogram,
}

#[derive(Debug)]
struct Waiting<T> {
    value: Arc<T>,
    bytes: Bytes,
    answer: oneshot::Sender<Result<Sequence, CommitError>>,
}

// === impl Groups ===

impl Groups {
    /// Records that are durable.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// How long each group took to be written and synced.
    #[must_use]
    pub fn took(&self) -> &Histogram {
        &self.took
    }
}

// === impl CommitterConfig ===

impl CommitterConfig {
    /// What the fields call their default.
    pub const DEFAULT: Self = Self {
        queue_commits_max: 4096,
        queue_bytes_max: 64 << 20,
        group_commits_max: 512,
        group_bytes_max: 8 << 20,
        checkpoint_bytes: 16 << 20,
        checkpoint_interval_ms: 1_000,
    };
}

// === impl ProjectionError ===

impl ProjectionError {
    /// What failed.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

// === impl CommitError ===

impl CommitError {
    /// Whether the same commit may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Overloaded | Self::Full { .. } | Self::Stopped)
    }
}

// === impl Committer ===

impl<T: Send + Sync + 'static> Committer<T> {
    /// Starts the thread that writes to `journal`. The projection must reflect the
    /// journal's last record already.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        journal: Box<dyn Journal>,
        projection: Box<dyn Projection<T>>,
        observer: Observer<T>,
        config: CommitterConfig,
    ) -> io::Result<(Self, CommitterThread<T>)> {
        let shared = Arc::new(Shared {
            queue: Queue::new(config.queue_commits_max, config.queue_bytes_max),
            failure: watch::Sender::new(None),
            record_bytes_max: journal.record_bytes_max(),
            drop_before: AtomicU64::new(0),
            groups: Groups::default(),
        });
        let worker = Worker::new(Arc::clone(&shared), journal, projection, observer, config);
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || worker.run())?;
        let committer = Self {
            shared: Arc::clone(&shared),
            widen: 1,
        };
        let thread = CommitterThread {
            shared,
            thread: Some(thread),
        };
        Ok((committer, thread))
    }

    /// Puts a record in the queue; the ticket answers when it is durable and
    /// applied. `bytes` is the record as the journal keeps it, `value` the same for
    /// projection and observer. Tickets of one caller become durable in the order
    /// of the calls.
    ///
    /// # Errors
    /// At once [`CommitError::Overloaded`], [`CommitError::TooLarge`],
    /// [`CommitError::Stopped`] or [`CommitError::Fatal`]; the ticket can answer
    /// [`CommitError::Full`] and [`CommitError::Fatal`].
    pub fn try_commit(
        &self,
        value: Arc<T>,
        bytes: impl Into<Bytes>,
    ) -> Result<CommitTicket, CommitError> {
        let bytes = bytes.into();
        let length = bytes.len();
        let bytes_max = self.shared.record_bytes_max;
        if length > bytes_max {
            return Err(CommitError::TooLarge {
                bytes: length,
                bytes_max,
            });
        }
        let (sender, answer) = oneshot::channel();
        let waiting = Waiting {
            value,
            bytes,
            answer: sender,
        };
        match self.shared.queue.put(waiting, length, self.widen) {
            Ok(()) => Ok(CommitTicket { answer }),
            Err(Refused::Full(_)) => Err(CommitError::Overloaded),
            Err(Refused::Closed(_)) => Err(self.shared.closed()),
        }
    }

    /// Commits a record and waits until it is durable and applied. Giving up the
    /// wait does not take the commit back.
    ///
    /// # Errors
    /// As [`try_commit`](Self::try_commit) and its ticket.
    pub async fn commit(
        &self,
        value: Arc<T>,
        bytes: impl Into<Bytes>,
    ) -> Result<Sequence, CommitError> {
        self.try_commit(value, bytes)?.await
    }

    /// A handle for work that the host has already taken on: it is refused only
    /// when twice as much waits as may. So what comes in from outside is refused
    /// first, and cannot keep what was accepted from getting done.
    #[must_use]
    pub fn for_own_work(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            widen: 2,
        }
    }

    /// How many commits wait to be taken up.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.queue.len()
    }

    /// Lets the journal give up the records before `sequence` after the next
    /// checkpoint.
    pub fn drop_before(&self, sequence: Sequence) {
        self.shared
            .drop_before
            .fetch_max(sequence.get(), Ordering::Relaxed);
    }

    /// What was committed so far, by every handle.
    #[must_use]
    pub fn groups(&self) -> &Groups {
        &self.shared.groups
    }

    /// Takes nothing in any more; what was committed is still finished.
    pub fn close(&self) {
        self.shared.queue.close();
    }

    /// Returns, with the reason, when nothing can be committed any more because
    /// the journal or the view failed; never when all is well.
    pub async fn failed(&self) -> Arc<str> {
        let mut failure = self.shared.failure.subscribe();
        loop {
            if let Some(why) = failure.borrow_and_update().clone() {
                return why;
            }
            if failure.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl<T> Clone for Committer<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            widen: self.widen,
        }
    }
}

// === impl CommitterThread ===

impl<T> CommitterThread<T> {
    /// Takes nothing in any more, finishes what was committed, makes the projection
    /// durable, closes the journal, and returns when all that is done. Blocks; call
    /// it where that is allowed.
    ///
    /// # Errors
    /// [`CommitError::Fatal`] when any of it failed, or failed before.
    pub fn stop(mut self) -> Result<(), CommitError> {
        self.shared.queue.close();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) | None => Err(self.shared.closed()),
        }
    }
}

impl<T> Drop for CommitterThread<T> {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

// === impl CommitTicket ===

impl CommitTicket {
    /// A ticket, and what answers it: for a simulation that commits without a thread.
    #[cfg(test)]
    pub(crate) fn unanswered() -> (oneshot::Sender<Result<Sequence, CommitError>>, Self) {
        let (sender, answer) = oneshot::channel();
        (sender, Self { answer })
    }
}

impl Future for CommitTicket {
    type Output = Result<Sequence, CommitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(context));
        Poll::Ready(answer.unwrap_or_else(|_| {
            Err(CommitError::Fatal {
                why: PANICKED.into(),
            })
        }))
    }
}

// === impl Shared ===

const PANICKED: &str = "the committer's thread panicked";

impl<T> Shared<T> {
    fn closed(&self) -> CommitError {
        match self.failure.borrow().clone() {
            Some(why) => CommitError::Fatal { why },
            None => CommitError::Stopped,
        }
    }

    /// Ends everything: nothing comes in, whoever waits is told. The first reason
    /// stays.
    fn fail(&self, why: &str) -> CommitError {
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            failure.get_or_insert_with(|| why.into());
            first
        });
        self.queue.close();
        let error = self.closed();
        let mut rest = Vec::new();
        while self.queue.take(&mut rest, usize::MAX, usize::MAX, None) == Taken::Some {
            for waiting in rest.drain(..) {
                // Whoever gave up waiting does not need the answer.
                let _ = waiting.answer.send(Err(error.clone()));
            }
        }
        error
    }
}
