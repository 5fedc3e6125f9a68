//! What a connection is told when there are too many: 503 as a problem, in one
//! write, then the end.

use std::sync::Arc;

use axum::http::{StatusCode, header};
use bytes::Bytes;
use tokio::{net::TcpStream, sync::Semaphore};

use super::connection::linger;
use crate::api::problem::{MEDIA_TYPE, Problem};

/// Refused connections that are being told so at a time. They need a second at
/// most; what comes on top is closed without a word.
const TELLING_MAX: usize = 256;

/// When to try again, in seconds: connections come and go much faster.
const RETRY_AFTER_S: u64 = 1;

/// Tells connections that there is no place for them.
#[derive(Debug)]
pub(super) struct Refusals {
    answer: Bytes,
    telling: Arc<Semaphore>,
}

// === impl Refusals ===

impl Refusals {
    pub(super) fn new() -> Self {
        Self {
            answer: answer(),
            telling: Arc::new(Semaphore::new(TELLING_MAX)),
        }
    }

    /// Tells it and closes it, in the background.
    pub(super) fn refuse(&self, stream: TcpStream) {
        let Ok(place) = Arc::clone(&self.telling).try_acquire_owned() else {
            return;
        };
        let answer = self.answer.clone();
        tokio::spawn(async move {
            // A new socket's buffer takes a few hundred bytes at once; if it does
            // not, the client is not worth waiting for.
            if stream.try_write(&answer).is_ok() {
                linger(stream).await;
            }
            drop(place);
        });
    }
}

/// The whole answer, made once.
fn answer() -> Bytes {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let problem = Problem::new(status, "too-many-connections", "Too many connections")
        .detail("the host has as many connections as it may; try again in a moment");
    let body = problem.to_json();
    let head = format!(
        "HTTP/1.1 {status}\r\n{}: {MEDIA_TYPE}\r\n{}: {}\r\n{}: {RETRY_AFTER_S}\r\n{}: close\r\n\r\n",
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        body.len(),
        header::RETRY_AFTER,
        header::CONNECTION,
    );
    [head.as_bytes(), &body].concat().into()
}
