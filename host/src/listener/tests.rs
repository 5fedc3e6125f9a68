//! Hostile and unlucky clients, through real sockets. Timeouts are set to a few
//! milliseconds; nothing here waits for longer than the listener makes it.

use axum::{
    body::{Bytes, to_bytes},
    extract::Request,
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use super::*;

/// A listener at work, and the way to stop it.
struct Host {
    address: SocketAddr,
    connections: Connections,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Drained>,
}

impl Host {
    async fn start(config: Config, router: Router) -> Self {
        let listener = Listener::bind(&config).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let address = listener.local_addr();
        let connections = listener.connections();
        let serving = tokio::spawn(listener.serve(router, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            connections,
            stop,
            serving,
        }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends all of it, then reads until the host closes.
    async fn exchange(&self, request: &str) -> String {
        let mut client = self.connect().await;
        client.send(request).await;
        client.rest().await
    }

    async fn stop(self) -> Drained {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap()
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Everything until the host closes; a reset fails the test.
    async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Reads until `end` has come.
    async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            text.push(char::from(self.0.read_u8().await.unwrap()));
        }
        text
    }
}

fn config() -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..Config::default()
    }
}

fn router() -> Router {
    Router::new()
        .route("/hello", get(async || "hello"))
        .route("/echo", post(async |body: Bytes| body))
        .route("/unread", post(async || "enough"))
        .route(
            "/panic",
            get(async || -> &'static str { panic!("a handler that panics, on purpose") }),
        )
}

const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";
const LAST_HELLO: &str = "GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn serves_requests_one_after_the_other_and_pipelined() {
    let host = Host::start(config(), router()).await;
    let answers = host.exchange(&[HELLO, HELLO, LAST_HELLO].concat()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3);
    assert_eq!(answers.matches("hello").count(), 3);
    assert_eq!(host.connections.accepted(), 1);
    assert_eq!(host.stop().await.cut, 0);
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_cut_off() {
    let slow = Config {
        header_timeout_ms: 60,
        ..config()
    };
    let host = Host::start(slow, router()).await;
    for begun in ["", "GET /hello HTTP/1.1\r\nhost: x\r\n", "\r\n\r\n"] {
        assert_eq!(host.exchange(begun).await, "");
    }
    // Also after an answer, although the connection may lie idle for longer.
    let mut client = host.connect().await;
    client.send(HELLO).await;
    client.until("hello").await;
    client.send("GET /hel").await;
    assert_eq!(client.rest().await, "");
    assert_eq!(host.connections.timed_out(), 4);
}

#[tokio::test]
async fn dripping_a_head_byte_by_byte_gains_no_time() {
    let slow = Config {
        header_timeout_ms: 50,
        ..config()
    };
    let host = Host::start(slow, router()).await;
    let mut client = host.connect().await;
    client.send("GET /hello HTTP/1.1\r\n").await;
    let mut dripped = 0;
    // Each round waits for the host's side to have been scheduled.
    while client.0.write_all(b"a").await.is_ok() && host.connections.timed_out() == 0 {
        tokio::task::yield_now().await;
        dripped += 1;
    }
    assert!(dripped > 0);
    assert_eq!(host.connections.timed_out(), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_own_time() {
    let brief = Config {
        idle_timeout_ms: 100,
        ..config()
    };
    let host = Host::start(brief, router()).await;
    let mut client = host.connect().await;
    for _ in 0..3 {
        client.send(HELLO).await;
        client.until("hello").await;
    }
    assert_eq!(client.rest().await, "");
    assert_eq!(host.connections.timed_out(), 1);
}

#[tokio::test]
async fn a_handler_may_take_longer_than_any_head() {
    let brief = Config {
        header_timeout_ms: 10,
        idle_timeout_ms: 10,
        ..config()
    };
    let release = Arc::new(Notify::new());
    let waiting = Arc::clone(&release);
    let slow = async move || {
        waiting.notified().await;
        "done"
    };
    let host = Host::start(brief, Router::new().route("/slow", get(slow))).await;
    let mut client = host.connect().await;
    client.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // Connections that began later run out of time, one after the other.
    for _ in 0..3 {
        assert_eq!(host.exchange("GET").await, "");
    }
    release.notify_one();
    assert!(client.until("done").await.contains("200 OK"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let brief = Config {
        write_timeout_ms: 20,
        ..config()
    };
    let big = async || vec![b'x'; 32 * 1024 * 1024];
    let host = Host::start(brief, Router::new().route("/big", get(big))).await;
    let mut client = host.connect().await;
    client.send("GET /big HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.until("200 OK").await;
    host.connections.all_closed().await;
    assert_eq!(host.connections.timed_out(), 1);
}

#[tokio::test]
async fn oversize_heads_are_431_and_long_targets_414() {
    let host = Host::start(config(), router()).await;
    let head = "GET /hello HTTP/1.1\r\nhost: x\r\n";
    let long = format!("{head}a: {}\r\n\r\n", "x".repeat(17 * 1024));
    assert!(host.exchange(&long).await.starts_with("HTTP/1.1 431"));
    // Also when its end never comes.
    let endless = format!("{head}a: {}", "x".repeat(17 * 1024));
    assert!(host.exchange(&endless).await.starts_with("HTTP/1.1 431"));
    let many = format!("{head}{}\r\n", "a: b\r\n".repeat(100));
    assert!(host.exchange(&many).await.starts_with("HTTP/1.1 431"));
    let target = format!(
        "GET /{} HTTP/1.1\r\nconnection: close\r\n\r\n",
        "x".repeat(9 * 1024)
    );
    let answer = host.exchange(&target).await;
    assert!(answer.starts_with("HTTP/1.1 414"), "{answer}");
    assert!(answer.contains("\"code\":\"uri-too-long\""));
    assert!(host.exchange(LAST_HELLO).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn other_limits_than_the_defaults_hold_as_well() {
    let narrow = Config {
        header_bytes_max: 256,
        headers_max: 3,
        ..config()
    };
    let host = Host::start(narrow, router()).await;
    let many = "GET /hello HTTP/1.1\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n";
    assert!(host.exchange(many).await.starts_with("HTTP/1.1 431"));
    let long = format!("GET /hello HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(256));
    assert!(host.exchange(&long).await.starts_with("HTTP/1.1 431"));
    assert!(host.exchange(LAST_HELLO).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn malformed_requests_are_refused_and_the_connection_closed() {
    let host = Host::start(config(), router()).await;
    for malformed in [
        "\u{1}\u{2}garbage\r\n\r\n",
        "GET /a\0b HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /hello HTTP/9.9\r\n\r\n",
        "GET /hello HTTP/1.1\r\nbad header: x\r\n\r\n",
        "GET /hello HTTP/1.1\r\na: b\0c\r\n\r\n",
        "GET /hello HTTP/1.1\r\n folded: x\r\n\r\n",
        "POST /echo HTTP/1.1\r\ncontent-length: 1, 2\r\n\r\nab",
        "POST /echo HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "POST /echo HTTP/1.1\r\ncontent-length: -1\r\n\r\nab",
        "POST /echo HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\nab",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        // What follows must not be taken for a request of its own.
        let answer = host.exchange(&format!("{malformed}{LAST_HELLO}")).await;
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 400");
        assert!(
            refused && !answer.contains("200 OK"),
            "{malformed:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_body_framed_twice_smuggles_nothing() {
    let host = Host::start(config(), router()).await;
    for (first, second) in [
        ("content-length: 4", "transfer-encoding: chunked"),
        ("transfer-encoding: chunked", "content-length: 4"),
    ] {
        let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\n{first}\r\n{second}\r\n\r\n");
        let answer = host
            .exchange(&format!("{head}3\r\nabc\r\n0\r\n\r\n{LAST_HELLO}"))
            .await;
        // The chunks are the body, and nothing after them is read.
        assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1);
    }
}

#[tokio::test]
async fn a_refused_upload_still_reads_its_answer() {
    let host = Host::start(config(), router()).await;
    let length = 4 * 1024 * 1024;
    let head = format!("POST /unread HTTP/1.1\r\ncontent-length: {length}\r\n\r\n");
    let answer = host.exchange(&(head + &"x".repeat(length))).await;
    assert!(answer.ends_with("enough"), "{answer}");
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_goes_on() {
    let host = Host::start(config(), router()).await;
    let mut client = host.connect().await;
    client.send("GET /panic HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = client.until("}").await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("\"code\":\"internal-error\""));
    assert!(!answer.contains("on purpose"));
    client.send(LAST_HELLO).await;
    assert!(client.rest().await.ends_with("hello"));
}

#[tokio::test]
async fn one_connection_too_many_is_told_503_and_the_others_go_on() {
    let narrow = Config {
        connections_max: 2,
        ..config()
    };
    let host = Host::start(narrow, router()).await;
    let mut inside = [host.connect().await, host.connect().await];
    for client in &mut inside {
        client.send(HELLO).await;
        client.until("hello").await;
    }
    assert_eq!(host.connections.open(), 2);
    let answer = host.exchange(HELLO).await;
    assert!(
        answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\nretry-after: 1\r\n"));
    assert!(answer.contains("\"code\":\"too-many-connections\""));
    assert_eq!(host.connections.refused(), 1);
    let [mut first, second] = inside;
    first.send(LAST_HELLO).await;
    assert!(first.rest().await.ends_with("hello"));
    drop((first, second));
    host.connections.all_closed().await;
    assert!(host.exchange(LAST_HELLO).await.ends_with("hello"));
}

#[tokio::test]
async fn a_drain_closes_the_idle_and_lets_the_busy_finish() {
    let release = Arc::new(Notify::new());
    let begun = Arc::new(Notify::new());
    let (waiting, beginning) = (Arc::clone(&release), Arc::clone(&begun));
    let slow = async move |request: Request| {
        beginning.notify_one();
        waiting.notified().await;
        to_bytes(request.into_body(), 10).await.unwrap()
    };
    let host = Host::start(config(), router().route("/slow", post(slow))).await;
    let address = host.address;
    let mut idle = host.connect().await;
    idle.send(HELLO).await;
    idle.until("hello").await;
    let mut fresh = host.connect().await;
    let mut busy = host.connect().await;
    busy.send("POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n")
        .await;
    begun.notified().await;
    let connections = host.connections.clone();
    while connections.accepted() < 3 {
        tokio::task::yield_now().await;
    }
    let drained = tokio::spawn(host.stop());
    assert_eq!(idle.rest().await, "");
    assert_eq!(fresh.rest().await, "");
    assert!(TcpStream::connect(address).await.is_err());
    busy.send("body").await;
    release.notify_one();
    let answer = busy.rest().await;
    assert!(answer.ends_with("body"), "{answer}");
    assert!(answer.contains("connection: close"));
    assert_eq!(drained.await.unwrap(), Drained { open: 3, cut: 0 });
}

#[tokio::test]
async fn a_drain_ends_at_its_deadline() {
    let brief = Config {
        drain_timeout_ms: 20,
        ..config()
    };
    let begun = Arc::new(Notify::new());
    let beginning = Arc::clone(&begun);
    let stuck = async move || -> &'static str {
        beginning.notify_one();
        std::future::pending().await
    };
    let host = Host::start(brief, Router::new().route("/stuck", get(stuck))).await;
    let mut client = host.connect().await;
    client.send("GET /stuck HTTP/1.1\r\nhost: x\r\n\r\n").await;
    begun.notified().await;
    let connections = host.connections.clone();
    assert_eq!(host.stop().await, Drained { open: 1, cut: 1 });
    assert_eq!(client.rest().await, "");
    assert_eq!(connections.open(), 0);
}

#[tokio::test]
async fn an_address_in_use_and_a_useless_limit_are_named() {
    let host = Host::start(config(), router()).await;
    let taken = Config {
        listen: host.address,
        ..config()
    };
    let error = Listener::bind(&taken).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot listen on {}", host.address))
    );
    let useless = Config {
        header_bytes_max: 1,
        ..config()
    };
    let error = Listener::bind(&useless).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "header_bytes_max must be from 256 to 1048576"
    );
}
