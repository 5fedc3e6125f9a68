//! One connection, from its first byte to its last.

use std::{
    convert::Infallible,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use axum::{
    Router,
    http::{Request, Response, StatusCode},
    response::IntoResponse as _,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tower::Service as _;

use super::{
    Config, Stage,
    activity::{Activity, Timeouts, Watched, WatchedBody},
};
use crate::api::problem::Problem;

/// How long a client may go on sending after our last answer, and how much of it
/// we read. Closing earlier would make the system answer what still arrives with
/// a reset, and a reset can overtake the answer on its way: the client would see
/// a broken connection in place of its 413.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What is read of a connection ahead of its handler, in bytes: enough to keep a
/// fast upload going, small enough to have for every connection at once.
const READ_BUFFER_BYTES_MAX: usize = 128 * 1024;

/// The number of headers that hyper parses without allocating.
const HEADERS_ON_STACK: usize = 100;

/// How every connection of a listener speaks.
#[derive(Debug)]
pub(super) struct Protocol {
    http: http1::Builder,
    uri_bytes_max: usize,
    timeouts: Timeouts,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By either side, or by an error on the way.
    Closed,
    /// It did not do in time what it had to.
    TimedOut,
    /// The drain's deadline was over.
    Cut,
}

// === impl Protocol ===

impl Protocol {
    pub(super) fn new(config: &Config, timeouts: Timeouts) -> Self {
        let mut http = http1::Builder::new();
        // Times are kept by `Activity`, for one reason: hyper's own limit for the
        // head runs while a connection is idle too, so that a connection could
        // never be kept longer than a head may take.
        http.header_read_timeout(None);
        http.max_header_size(config.header_bytes_max);
        http.max_buf_size(READ_BUFFER_BYTES_MAX.max(config.header_bytes_max));
        if config.headers_max != HEADERS_ON_STACK {
            http.max_headers(config.headers_max);
        }
        Self {
            http,
            uri_bytes_max: config.uri_bytes_max,
            timeouts,
        }
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(
    protocol: Arc<Protocol>,
    stream: TcpStream,
    router: Router,
    mut stage: watch::Receiver<Stage>,
) -> End {
    let activity = Activity::new(protocol.timeouts);
    let watched = Watched {
        stream,
        activity: Arc::clone(&activity),
    };
    let uri_bytes_max = protocol.uri_bytes_max;
    let noting = Arc::clone(&activity);
    let service = service_fn(move |request| {
        noting.request_begins();
        answer(router.clone(), request, uri_bytes_max, Arc::clone(&noting))
    });
    let mut connection = protocol
        .http
        .serve_connection(TokioIo::new(watched), service);

    let end = tokio::select! {
        biased;
        end = drive(&mut connection, &activity) => end,
        () = has_passed(&mut stage, Stage::Serving) => {
            Pin::new(&mut connection).graceful_shutdown();
            tokio::select! {
                biased;
                end = drive(&mut connection, &activity) => end,
                () = has_passed(&mut stage, Stage::Draining) => End::Cut,
            }
        }
    };
    if end == End::Closed && !activity.has_ended_by_peer() {
        linger(connection.into_parts().io.into_inner().stream).await;
    }
    end
}

/// Ready when the stage is a later one than `earlier`. A listener that is gone
/// has passed every stage.
async fn has_passed(stage: &mut watch::Receiver<Stage>, earlier: Stage) {
    let _ = stage.wait_for(|stage| *stage > earlier).await;
}

/// Lets the connection work until it ends or misses a deadline.
///
/// Deadlines move with every request, nearly always to a later moment. So the
/// timer is set again only when it has gone off, or for the rare deadline that is
/// earlier than it.
async fn drive<C>(connection: &mut C, activity: &Activity) -> End
where
    C: Future<Output = hyper::Result<()>> + Unpin,
{
    let mut alarm_at = activity.recheck(Instant::now());
    let mut alarm = pin!(sleep_until(alarm_at));
    poll_fn(|context| {
        loop {
            if let Poll::Ready(result) = Pin::new(&mut *connection).poll(context) {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection broke");
                }
                return Poll::Ready(End::Closed);
            }
            let deadline = activity.deadline();
            if let Some(deadline) = deadline.filter(|deadline| *deadline < alarm_at) {
                alarm_at = deadline;
                alarm.as_mut().reset(alarm_at);
            }
            ready!(alarm.as_mut().poll(context));
            let now = Instant::now();
            alarm_at = deadline.unwrap_or_else(|| activity.recheck(now));
            if alarm_at <= now {
                return Poll::Ready(End::TimedOut);
            }
            alarm.as_mut().reset(alarm_at);
        }
    })
    .await
}

/// Answers one request: refuses a target that is too long, asks the router, and
/// turns a panic into a 500.
async fn answer(
    mut router: Router,
    request: Request<Incoming>,
    uri_bytes_max: usize,
    activity: Arc<Activity>,
) -> Result<Response<WatchedBody>, Infallible> {
    let response = if uri_bytes(&request) > uri_bytes_max {
        uri_too_long(uri_bytes_max).into_response()
    } else {
        let mut answering = pin!(router.call(request));
        let caught = poll_fn(|context| {
            let poll = || answering.as_mut().poll(context);
            match catch_unwind(AssertUnwindSafe(poll)) {
                Ok(poll) => poll.map(Ok),
                Err(_) => Poll::Ready(Err(Panicked)),
            }
        });
        match caught.await {
            Ok(Ok(response)) => response,
            Err(Panicked) => {
                // The panic hook has printed the message and the place.
                tracing::error!("a request's handler panicked; its caller got a 500");
                panicked().into_response()
            }
        }
    };
    Ok(response.map(|body| WatchedBody::new(body, activity)))
}

/// The handler is gone with whatever it held.
struct Panicked;

fn uri_bytes(request: &Request<Incoming>) -> usize {
    request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len())
}

fn uri_too_long(uri_bytes_max: usize) -> Problem {
    Problem::new(StatusCode::URI_TOO_LONG, "uri-too-long", "URI too long")
        .detail(format!("a request target may have {uri_bytes_max} bytes"))
        .extension("bytes_max", uri_bytes_max)
}

fn panicked() -> Problem {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, "internal-error", "Internal error").detail(
        "the host failed on this request; whether it took effect is unknown, so repeat it \
         with the same Idempotency-Key, and tell the operator the time of the failure",
    )
}

/// Reads what the client still sends, so that it can read our last answer.
pub(super) async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut rest = stream.take(LINGER_BYTES_MAX);
    let mut discarded = tokio::io::sink();
    // However it ends, the connection is closed now.
    let _ = timeout(LINGER, tokio::io::copy(&mut rest, &mut discarded)).await;
}
