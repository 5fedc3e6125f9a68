//! The threads that guests run on.
//!
//! A guest call takes a thread for as long as it runs, up to its deadline, so it
//! never runs on a worker of the async runtime: these threads are the only ones a
//! guest can hold. What waits for them is bounded; when the queue is full the
//! caller learns it at once and can answer `503`.

use std::{
    any::Any,
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    thread::JoinHandle,
};

use tokio::sync::oneshot;

/// What a thread needs beyond the guest's own stack: the host's side of a call,
/// such as taking over a large answer.
const HOST_STACK_BYTES: usize = 2 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// Threads for guest calls, and the calls that wait for one.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    queue_max: usize,
}

/// The answer that a job will give.
#[derive(Debug)]
pub struct Ticket<R>(oneshot::Receiver<Result<R, Lost>>);

/// No room: the queue is full, or the pool is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// As many calls wait as may; the same call may succeed later.
    #[error("{queue_max} calls wait for a sandbox thread already (setting queue_max)")]
    QueueFull {
        /// How many may wait.
        queue_max: usize,
    },
    /// The host is shutting down.
    #[error("the sandbox is stopping")]
    Stopping,
}

/// A job that gave no answer: the host's fault, never the guest's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host failed around a guest call: {panic}")]
pub struct Lost {
    /// What the host's code said when it panicked.
    pub panic: String,
}

/// How busy a pool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Load {
    /// Jobs that wait.
    pub queued: usize,
    /// Jobs that run.
    pub running: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    running: usize,
    stopping: bool,
}

// === impl Pool ===

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(threads: usize, queue_max: usize, stack_bytes_max: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let pool = Self {
            shared: Arc::clone(&shared),
            threads: Mutex::default(),
            queue_max,
        };
        for number in 0..threads {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new()
                .name(format!("guest-{number}"))
                .stack_size(stack_bytes_max + HOST_STACK_BYTES)
                .spawn(move || shared.work())?;
            lock(&pool.threads).push(thread);
        }
        Ok(pool)
    }

    /// Has a job done on one of the threads, after those that wait already.
    /// Dropping the ticket does not call the job off.
    ///
    /// # Errors
    /// [`Busy`] when there is no room; the job was not kept.
    pub fn submit<R, F>(&self, job: F) -> Result<Ticket<R>, Busy>
    where
        R: Send + 'static,
        F: FnOnce() -> R + Send + 'static,
    {
        let mut state = lock(&self.shared.state);
        if state.stopping {
            return Err(Busy::Stopping);
        }
        let queue_max = self.queue_max;
        if state.queue.len() >= queue_max {
            return Err(Busy::QueueFull { queue_max });
        }
        let (sender, receiver) = oneshot::channel();
        state.queue.push_back(Box::new(move || {
            let answer = catch_unwind(AssertUnwindSafe(job)).map_err(|panic| Lost {
                panic: words(&*panic),
            });
            // Nobody may be waiting any more.
            drop(sender.send(answer));
        }));
        drop(state);
        self.shared.changed.notify_one();
        Ok(Ticket(receiver))
    }

    /// How busy the pool is now.
    #[must_use]
    pub fn load(&self) -> Load {
        let state = lock(&self.shared.state);
        Load {
            queued: state.queue.len(),
            running: state.running,
        }
    }

    /// Takes no more jobs, does those that wait, and ends the threads. Takes as
    /// long as the jobs do, each of which has a deadline.
    pub fn stop(&self) {
        lock(&self.shared.state).stopping = true;
        self.shared.changed.notify_all();
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            // Jobs can't panic through `work`, so neither can the thread.
            drop(thread.join());
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

// === impl Shared ===

impl Shared {
    fn work(&self) {
        // The engine's per-thread signal stack is made before the first call.
        wasmtime::Engine::tls_eager_initialize();
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.running += 1;
                drop(state);
                job();
                state = lock(&self.state);
                state.running -= 1;
            } else if state.stopping {
                return;
            } else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// A panic while the lock was held would leave the counts as they were at worst.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}

// === impl Ticket ===

impl<R> Ticket<R> {
    /// Waits on this thread, which must not be a worker of an async runtime.
    ///
    /// # Errors
    /// [`Lost`] when the host panicked around the call.
    pub fn wait(self) -> Result<R, Lost> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl<R> Future for Ticket<R> {
    type Output = Result<R, Lost>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|answer| answer.unwrap_or_else(|_| Err(gone())))
    }
}

fn gone() -> Lost {
    Lost {
        panic: "its thread ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const STACK: usize = 64 << 10;

    #[test]
    fn jobs_give_their_answers_in_order_of_arrival() {
        let pool = Pool::start(1, 8, STACK).unwrap();
        let (sender, receiver) = mpsc::channel();
        let tickets: Vec<_> = (0..5)
            .map(|number| {
                let sender = sender.clone();
                pool.submit(move || {
                    sender.send(number).unwrap();
                    number * 2
                })
                .unwrap()
            })
            .collect();
        let answers: Vec<_> = tickets.into_iter().map(|it| it.wait().unwrap()).collect();
        assert_eq!(answers, [0, 2, 4, 6, 8]);
        assert_eq!(receiver.iter().take(5).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_full_queue_says_so_and_keeps_nothing() {
        let pool = Pool::start(1, 1, STACK).unwrap();
        let (started, running) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let first = pool
            .submit(move || {
                started.send(()).unwrap();
                released.recv().unwrap();
            })
            .unwrap();
        running.recv().unwrap();
        let second = pool.submit(|| ()).unwrap();
        let expected = Load {
            queued: 1,
            running: 1,
        };
        assert_eq!(pool.load(), expected);
        let refused = pool.submit(|| ()).unwrap_err();
        assert_eq!(refused, Busy::QueueFull { queue_max: 1 });
        release.send(()).unwrap();
        assert_eq!((first.wait(), second.wait()), (Ok(()), Ok(())));
    }

    #[test]
    fn a_panic_of_the_host_is_reported_and_the_thread_goes_on() {
        let pool = Pool::start(1, 8, STACK).unwrap();
        let lost = pool.submit(|| -> u8 { panic!("no {}", "way") }).unwrap();
        assert_eq!(lost.wait().unwrap_err().panic, "no way");
        assert_eq!(pool.submit(|| 7).unwrap().wait(), Ok(7));
    }

    #[test]
    fn stopping_does_what_waits_and_takes_no_more() {
        let pool = Pool::start(2, 64, STACK).unwrap();
        let tickets: Vec<_> = (0..32).map(|it| pool.submit(move || it).unwrap()).collect();
        pool.stop();
        assert_eq!(pool.submit(|| ()).unwrap_err(), Busy::Stopping);
        let answers: Vec<_> = tickets.into_iter().map(|it| it.wait().unwrap()).collect();
        assert_eq!(answers, (0..32).collect::<Vec<_>>());
        assert_eq!(pool.load(), Load::default());
    }
}
