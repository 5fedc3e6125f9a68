//! Connections that send one request after another, with as little work of their own
//! as possible: the load generator shares the processor with what it measures.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// As many as the figure asks for.
pub(crate) const CONNECTIONS: usize = 64;

/// The longest answer that is expected, in bytes.
const ANSWER_BYTES_MAX: usize = 2 * 1024;

/// Makes the so-manyeth request: head and body.
pub(crate) type Make = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// How a run went.
#[derive(Debug)]
pub(crate) struct Run {
    /// Answers with 202.
    pub(crate) accepted: u64,
    /// Other answers.
    pub(crate) refused: u64,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// How long each request took, sorted.
    latencies: Vec<Duration>,
}

// === impl Run ===

impl Run {
    /// Accepted requests a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.accepted as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that `percent` of the requests stay within.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let at = (self.latencies.len() * percent / 100).min(last);
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// A request for `path` with these headers and this body, byte for byte.
pub(crate) fn request(path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(name);
        request.push_str(": ");
        request.push_str(value);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request.push_str(body);
    request.into_bytes()
}

/// Sends requests `first..first + count` over all connections.
pub(crate) async fn send(address: SocketAddr, first: u64, count: u64, make: Make) -> Run {
    let next = Arc::new(AtomicU64::new(first));
    let end = first + count;
    let began = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(connection(
            address,
            Arc::clone(&next),
            end,
            Arc::clone(&make),
        ));
    }
    let mut run = Run {
        accepted: 0,
        refused: 0,
        elapsed: Duration::ZERO,
        latencies: Vec::new(),
    };
    while let Some(ended) = connections.join_next().await {
        let (accepted, refused, latencies) = ended.expect("a connection does not fail");
        run.accepted += accepted;
        run.refused += refused;
        run.latencies.extend(latencies);
    }
    run.elapsed = began.elapsed();
    run.latencies.sort_unstable();
    run
}

async fn connection(
    address: SocketAddr,
    next: Arc<AtomicU64>,
    end: u64,
    make: Make,
) -> (u64, u64, Vec<Duration>) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream
        .set_nodelay(true)
        .expect("a socket can be told not to wait");
    let (mut accepted, mut refused, mut latencies) = (0, 0, Vec::new());
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= end {
            return (accepted, refused, latencies);
        }
        let request = make(number);
        let began = Instant::now();
        stream.write_all(&request).await.expect("it takes requests");
        let status = answer(&mut stream).await;
        latencies.push(began.elapsed());
        if status == 202 {
            accepted += 1;
        } else {
            refused += 1;
        }
    }
}

/// Reads one answer to its end and gives the status.
async fn answer(stream: &mut TcpStream) -> u16 {
    let mut buffer = [0; ANSWER_BYTES_MAX];
    let mut filled = 0;
    loop {
        let read = stream
            .read(&mut buffer[filled..])
            .await
            .expect("it answers");
        assert!(read > 0, "the connection was closed before the answer");
        filled += read;
        let text = std::str::from_utf8(&buffer[..filled]).expect("answers are text");
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= content_length(head)
        {
            let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
            return status.expect("an answer has a status");
        }
    }
}

fn content_length(head: &str) -> usize {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}
