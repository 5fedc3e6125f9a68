//! Reading a request's body with every bound there is: bytes, time between
//! frames, time in all, and the memory that all bodies together may take.
//!
//! Nothing is allocated on the word of `Content-Length`; a body is cut at the
//! same byte whether its length was declared, wrong or missing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::refusal::Refusal;

/// How much memory is set aside for a body of declared length before any of it
/// has come; larger bodies grow as they arrive.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// When the memory for all bodies is taken, a place is free again as soon as some
/// message has been accepted, which takes milliseconds; a second spreads the
/// senders.
const MEMORY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// What one body may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest body, in bytes.
    pub bytes_max: usize,
    /// The longest wait for the next frame, in milliseconds.
    pub frame_timeout_ms: u64,
    /// The longest time from first to last byte, in milliseconds.
    pub timeout_ms: u64,
}

/// The memory that all bodies together may take, in bytes.
#[derive(Debug)]
pub struct Memory {
    bytes_max: usize,
    taken: AtomicUsize,
}

/// A body, and its share of the memory for as long as it is held.
#[derive(Debug)]
pub struct Held {
    /// The bytes.
    pub bytes: Bytes,
    share: Share,
}

#[derive(Debug)]
struct Share {
    memory: Arc<Memory>,
    bytes: usize,
}

/// Reads `body` to its end.
///
/// # Errors
/// [`Refusal::BodyTooLarge`] before reading anything where the declared length is
/// over the limit, else at the first byte over it; [`Refusal::BodySlow`],
/// [`Refusal::BodyBroken`], or [`Refusal::Overloaded`] when all bodies together
/// take too much. An empty body is no error here.
pub async fn read(body: Body, limits: Limits, memory: &Arc<Memory>) -> Result<Held, Refusal> {
    let bytes_max = limits.bytes_max;
    check_length(&body, limits)?;
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(bytes_max);
    let mut share = Share::none(memory);
    let mut frames = Frames::new(body, limits);
    let Some(first) = frames.next().await? else {
        return Ok(Held::new(Bytes::new(), share));
    };
    share.grow(first.len())?;
    if first.len() > bytes_max {
        return Err(Refusal::BodyTooLarge { bytes_max });
    }
    // Most messages arrive in one piece; that piece needs no copy.
    let Some(second) = frames.next().await? else {
        return Ok(Held::new(first, share));
    };
    let mut bytes = BytesMut::with_capacity(declared.min(AHEAD_BYTES_MAX));
    bytes.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(data) = next {
        if data.len() > bytes_max - bytes.len() {
            return Err(Refusal::BodyTooLarge { bytes_max });
        }
        share.grow(data.len())?;
        bytes.extend_from_slice(&data);
        next = frames.next().await?;
    }
    Ok(Held::new(bytes.freeze(), share))
}

/// Refuses a body whose declared length is over the limit, without reading it.
///
/// # Errors
/// [`Refusal::BodyTooLarge`].
pub fn check_length(body: &Body, limits: Limits) -> Result<(), Refusal> {
    let bytes_max = limits.bytes_max;
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Refusal::BodyTooLarge { bytes_max });
    }
    Ok(())
}

/// The data of a body, frame by frame, each within its time.
struct Frames {
    body: Body,
    limits: Limits,
    end: Instant,
}

// === impl Frames ===

impl Frames {
    fn new(body: Body, limits: Limits) -> Self {
        let end = Instant::now() + Duration::from_millis(limits.timeout_ms);
        Self { body, limits, end }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        while !self.body.is_end_stream() {
            let frame_timeout = Duration::from_millis(self.limits.frame_timeout_ms);
            let frame_end = Instant::now() + frame_timeout;
            let deadline = frame_end.min(self.end);
            let frame = timeout_at(deadline, self.body.frame()).await;
            match frame.map_err(|_| self.slow(frame_end))? {
                Some(Ok(frame)) => {
                    // Trailers carry nothing that we take.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Ok(Some(data));
                    }
                }
                Some(Err(_)) => return Err(Refusal::BodyBroken),
                None => break,
            }
        }
        Ok(None)
    }

    /// Names the limit that ran out first.
    fn slow(&self, frame_end: Instant) -> Refusal {
        let limit_ms = if frame_end < self.end {
            self.limits.frame_timeout_ms
        } else {
            self.limits.timeout_ms
        };
        Refusal::BodySlow { limit_ms }
    }
}

// === impl Memory ===

impl Memory {
    /// Memory for bodies, `bytes_max` in all.
    #[must_use]
    pub fn new(bytes_max: usize) -> Arc<Self> {
        let taken = AtomicUsize::new(0);
        Arc::new(Self { bytes_max, taken })
    }

    /// How much is taken at the moment, in bytes.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

// === impl Held ===

impl Held {
    fn new(bytes: Bytes, share: Share) -> Self {
        Self { bytes, share }
    }

    /// The body's length as it counts against the memory, in bytes.
    #[must_use]
    pub fn counted_bytes(&self) -> usize {
        self.share.bytes
    }
}

// === impl Share ===

impl Share {
    fn none(memory: &Arc<Memory>) -> Self {
        Self {
            memory: Arc::clone(memory),
            bytes: 0,
        }
    }

    fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let before = self.memory.taken.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if before + bytes > self.memory.bytes_max {
            return Err(Refusal::Overloaded {
                retry_after: MEMORY_RETRY_AFTER,
            });
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use axum::body::HttpBody;
    use http_body_util::Full;
    use hyper::body::Frame;
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        bytes_max: 10,
        frame_timeout_ms: 20,
        timeout_ms: 60,
    };

    /// Frames of unknown number, then the end or silence.
    struct Script {
        frames: Vec<Bytes>,
        stalls: bool,
    }

    impl HttpBody for Script {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if !self.frames.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(self.frames.remove(0)))));
            }
            if self.stalls {
                Poll::Pending
            } else {
                Poll::Ready(None)
            }
        }
    }

    fn script(frames: &[&str], stalls: bool) -> Body {
        let frames = frames
            .iter()
            .map(|frame| Bytes::copy_from_slice(frame.as_bytes()))
            .collect();
        Body::new(Script { frames, stalls })
    }

    #[tokio::test]
    async fn reads_whole_bodies_in_one_piece_or_many() {
        let memory = Memory::new(100);
        for (frames, whole) in [
            (&[][..], ""),
            (&["abc"][..], "abc"),
            (&["abc", "", "defg"][..], "abcdefg"),
            (&["abcde", "fghij"][..], "abcdefghij"),
        ] {
            let held = read(script(frames, false), LIMITS, &memory).await.unwrap();
            assert_eq!(held.bytes, whole);
            assert_eq!(memory.taken(), whole.len());
            drop(held);
            assert_eq!(memory.taken(), 0);
        }
    }

    #[tokio::test]
    async fn cuts_at_the_limit_whether_declared_or_not() {
        let memory = Memory::new(100);
        let too_large = Refusal::BodyTooLarge { bytes_max: 10 };
        let declared = Body::new(Full::new(Bytes::from_static(b"12345678901")));
        for body in [
            declared,
            script(&["12345678901"], true),
            script(&["1234567890", "1"], true),
        ] {
            assert_eq!(read(body, LIMITS, &memory).await.unwrap_err(), too_large);
            assert_eq!(memory.taken(), 0);
        }
    }

    #[tokio::test]
    async fn a_body_that_stalls_ends_after_the_frame_timeout() {
        let memory = Memory::new(100);
        let refusal = read(script(&["abc"], true), LIMITS, &memory).await;
        assert_eq!(refusal.unwrap_err(), Refusal::BodySlow { limit_ms: 20 });
        let total_first = Limits {
            timeout_ms: 5,
            ..LIMITS
        };
        let refusal = read(script(&["abc"], true), total_first, &memory).await;
        assert_eq!(refusal.unwrap_err(), Refusal::BodySlow { limit_ms: 5 });
    }

    #[tokio::test]
    async fn all_bodies_together_have_a_limit() {
        let memory = Memory::new(12);
        let first = read(script(&["1234567890"], false), LIMITS, &memory).await;
        let refused = read(script(&["123"], false), LIMITS, &memory).await;
        assert!(matches!(refused, Err(Refusal::Overloaded { .. })));
        drop(first);
        assert_eq!(memory.taken(), 0);
        assert!(read(script(&["123"], false), LIMITS, &memory).await.is_ok());
    }

    proptest! {
        #[test]
        fn any_cutting_into_frames_gives_the_same_body_or_the_same_refusal(
            frames in prop::collection::vec("[a-z]{0,5}", 0..6),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap();
            let memory = Memory::new(100);
            let parts: Vec<&str> = frames.iter().map(String::as_str).collect();
            let result = runtime.block_on(read(script(&parts, false), LIMITS, &memory));
            let whole = frames.concat();
            match result {
                Ok(held) => prop_assert_eq!(&held.bytes[..], whole.as_bytes()),
                Err(refusal) => {
                    prop_assert!(whole.len() > LIMITS.bytes_max);
                    prop_assert_eq!(refusal, Refusal::BodyTooLarge { bytes_max: 10 });
                }
            }
            prop_assert_eq!(memory.taken(), 0);
        }
    }
}
