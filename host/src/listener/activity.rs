//! What a connection is doing, and by when it must do something else.
//!
//! The socket, the service and the answer's body note what happens to them; the
//! connection's task asks for the deadline. Noting costs an atomic store, so the
//! clock is read twice for a request and no timer is touched.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};

/// How long a connection may be in a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) header_ms: u64,
    pub(super) idle_ms: u64,
    pub(super) write_ms: u64,
}

/// Shared by everything that belongs to one connection, all of it in one task;
/// the atomics are for the compiler, not for races.
#[derive(Debug)]
pub(super) struct Activity {
    begun: Instant,
    timeouts: Timeouts,
    /// A phase's tag in the low two bits, above it its start in milliseconds since
    /// `begun`.
    phase: AtomicU64,
    /// When a write first found the socket full, in milliseconds since `begun`
    /// plus one; zero while writes go through.
    blocked: AtomicU64,
    ended_by_peer: AtomicBool,
}

/// A request head is awaited or has begun to arrive.
const HEAD: u64 = 0;
/// Nothing has arrived since the last answer.
const IDLE: u64 = 1;
/// A request is being answered; its handler sets the pace.
const BUSY: u64 = 2;

/// A socket that notes reads and writes.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    pub(super) activity: Arc<Activity>,
}

/// An answer's body that notes its end.
#[derive(Debug)]
pub(super) struct WatchedBody {
    body: Body,
    _answering: Answering,
}

/// One answer being given; the connection is idle when it is dropped.
#[derive(Debug)]
struct Answering(Arc<Activity>);

// === impl Activity ===

impl Activity {
    /// A connection that has just been accepted: its first head is due.
    pub(super) fn new(timeouts: Timeouts) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            timeouts,
            phase: AtomicU64::new(HEAD),
            blocked: AtomicU64::new(0),
            ended_by_peer: AtomicBool::new(false),
        })
    }

    /// A whole request head has arrived.
    pub(super) fn request_begins(&self) {
        self.phase.store(BUSY, Ordering::Relaxed);
    }

    /// By when something must happen; `None` while a handler sets the pace.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let phase = self.phase.load(Ordering::Relaxed);
        let since = phase >> 2;
        let phase_end = match phase & 3 {
            HEAD => Some(since + self.timeouts.header_ms),
            IDLE => Some(since + self.timeouts.idle_ms),
            _ => None,
        };
        let write_end = match self.blocked.load(Ordering::Relaxed) {
            0 => None,
            blocked => Some(blocked - 1 + self.timeouts.write_ms),
        };
        let end = [phase_end, write_end].into_iter().flatten().min()?;
        Some(self.begun + Duration::from_millis(end))
    }

    /// When to look again at a connection that has no deadline.
    pub(super) fn recheck(&self, now: Instant) -> Instant {
        now + Duration::from_millis(self.timeouts.idle_ms)
    }

    pub(super) fn has_ended_by_peer(&self) -> bool {
        self.ended_by_peer.load(Ordering::Relaxed)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX >> 2)
    }

    fn received(&self, bytes: usize) {
        if bytes == 0 {
            self.ended_by_peer.store(true, Ordering::Relaxed);
        } else if self.phase.load(Ordering::Relaxed) & 3 == IDLE {
            let since = self.now_ms() << 2;
            self.phase.store(since | HEAD, Ordering::Relaxed);
        }
    }

    fn answered(&self) {
        let since = self.now_ms() << 2;
        self.phase.store(since | IDLE, Ordering::Relaxed);
    }

    fn wrote<T>(&self, written: &Poll<T>) {
        let blocked = self.blocked.load(Ordering::Relaxed);
        if written.is_ready() {
            if blocked != 0 {
                self.blocked.store(0, Ordering::Relaxed);
            }
        } else if blocked == 0 {
            self.blocked.store(self.now_ms() + 1, Ordering::Relaxed);
        }
    }
}

// === impl Watched ===

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.activity.received(buffer.filled().len() - before);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.activity.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.activity.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

// === impl WatchedBody ===

impl WatchedBody {
    pub(super) fn new(body: Body, activity: Arc<Activity>) -> Self {
        let _answering = Answering(activity);
        Self { body, _answering }
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// === impl Answering ===

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered();
    }
}
