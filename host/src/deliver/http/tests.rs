use std::{net::SocketAddr, sync::Mutex, time::Duration};

use reqwest::dns::{Addrs, Name, Resolving};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{wire::RESPONSE_HEADERS_MAX, *};
use crate::deliver::{Fault, credentials, signals};

mod session;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const IDENTITY: Identity<'static> = Identity {
    idempotency_key: "delivery-1",
    correlation_id: "correlation-1",
    traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
};
const CALL: Call<'static> = Call {
    credential: None,
    conversation: "delivery-1",
    id: "delivery-1-0",
    now: NOW,
};
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A partner that answers each connection's first request with the same bytes,
/// and keeps what it was sent.
struct Partner {
    address: SocketAddr,
    received: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Closing,
    Stalling,
    Interrupting,
}

impl Partner {
    /// Answers and closes.
    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(answer.into(), Manner::Closing).await
    }

    /// Answers and leaves the connection open.
    async fn stalling_after(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(answer.into(), Manner::Stalling).await
    }

    /// Answers at the first byte, and closes.
    async fn interrupting_with(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(answer.into(), Manner::Interrupting).await
    }

    async fn start(answer: Vec<u8>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = match manner {
                    Manner::Interrupting => read_some(&mut stream).await,
                    Manner::Closing | Manner::Stalling => read_request(&mut stream).await,
                };
                log.lock().expect("unpoisoned").push(request);
                // The client may close before the whole answer is written.
                let _ = stream.write_all(&answer).await;
                if manner == Manner::Stalling {
                    open.push(stream);
                }
            }
        });
        Self { address, received }
    }

    fn url(&self) -> String {
        format!("http://{}/base", self.address)
    }

    fn received(&self) -> String {
        self.received.lock().expect("unpoisoned").join("\n")
    }
}

async fn read_some(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::with_capacity(4_096);
    stream.read_buf(&mut bytes).await.expect("readable");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a head and as much body as it announces.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().expect("a number"));
            if body.len() >= length {
                return text.into_owned();
            }
        }
        if stream.read_buf(&mut bytes).await.expect("readable") == 0 {
            return String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

fn config(url: &str) -> Config {
    Config {
        url: Url::parse(url).expect("a url"),
        timeout_ms: 10_000,
        connect_timeout_ms: 5_000,
        response_bytes_max: 1_000,
        connections_max: 8,
        addresses: Policy::new(vec!["127.0.0.0/8".parse().expect("a network")]),
        credential: Credential::default(),
        named: BTreeMap::new(),
    }
}

fn client(partner: &Partner) -> Client {
    Client::new(config(&partner.url())).expect("a client")
}

fn request(path: &str) -> Request {
    Request {
        method: http::Method::POST,
        path: path.to_owned(),
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: Bytes::from_static(b"{}"),
    }
}

async fn perform(client: &Client) -> Result<Response, TransportError> {
    client.perform(request("orders"), IDENTITY, CALL).await
}

fn bearer() -> Credential {
    let config: credentials::Config =
        toml::from_str("kind = 'bearer'\ntoken = 'env:T'").expect("a credential");
    config
        .resolve("here", &|_| Some("s3cret".to_owned()))
        .expect("resolved")
}

#[tokio::test]
async fn sends_what_the_adapter_and_the_host_say() {
    let partner = Partner::answering(
        "HTTP/1.1 201 Created\r\nx-id: 7\r\nset-cookie: session=1\r\ncontent-length: 4\r\n\r\ndone",
    )
    .await;
    let client = Client::new(Config {
        credential: bearer(),
        ..config(&partner.url())
    })
    .expect("a client");
    let mut request = request("orders?x=1");
    for name in [
        "Idempotency-Key",
        "X-Correlation-Id",
        "traceparent",
        "tracestate",
    ] {
        request.headers.push((name.to_owned(), "forged".to_owned()));
    }
    let response = client
        .perform(request, IDENTITY, CALL)
        .await
        .expect("answered");
    assert_eq!(response.status, StatusCode::CREATED);
    assert_eq!(response.body, "done");
    assert_eq!(response.headers["x-id"], "7");
    assert!(!response.headers.contains_key("set-cookie"));
    let sent = partner.received();
    for line in [
        "POST /base/orders?x=1 HTTP/1.1\r\n",
        "content-type: application/json\r\n",
        "idempotency-key: delivery-1\r\n",
        "x-correlation-id: correlation-1\r\n",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
        "authorization: Bearer s3cret\r\n",
        "user-agent: crossdock/",
        "content-length: 2\r\n",
    ] {
        assert!(sent.contains(line), "{line:?} is not in {sent}");
    }
    assert!(!sent.contains("forged"), "{sent}");
    assert!(sent.ends_with("\r\n\r\n{}"), "{sent}");
}

#[tokio::test]
async fn refuses_headers_that_are_the_hosts_and_sends_nothing() {
    let partner = Partner::answering(OK).await;
    let client = Client::new(Config {
        credential: bearer(),
        ..config(&partner.url())
    })
    .expect("a client");
    for name in [
        "Authorization",
        "Cookie",
        "Host",
        "Transfer-Encoding",
        "Content-Length",
        "Connection",
        "Upgrade",
        "Proxy-Authorization",
        "bad name",
        "",
    ] {
        let mut request = request("orders");
        request.headers.push((name.to_owned(), "x".to_owned()));
        let error = client
            .perform(request, IDENTITY, CALL)
            .await
            .expect_err(name);
        assert!(matches!(error, TransportError::Request(_)), "{error}");
        assert!(!error.retryable() && !error.may_have_arrived());
        assert_eq!(error.fault(), Fault::Adapter);
    }
    let mut split = request("orders");
    split.headers.push(("x".to_owned(), "a\r\nb: c".to_owned()));
    assert!(client.perform(split, IDENTITY, CALL).await.is_err());
    let mut many = request("orders");
    many.headers = vec![("x".to_owned(), "y".to_owned()); 65];
    assert!(client.perform(many, IDENTITY, CALL).await.is_err());
    let mut tunnel = request("orders");
    tunnel.method = http::Method::CONNECT;
    assert!(client.perform(tunnel, IDENTITY, CALL).await.is_err());
    assert_eq!(partner.received(), "");
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let partner = Partner::answering(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let response = perform(&client(&partner)).await.expect("answered");
    assert_eq!(response.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.body, "");
}

#[tokio::test]
async fn every_failure_says_what_happened_and_whether_the_request_arrived() {
    let cases: [(&[u8], &str); 6] = [
        (b"", "disconnected"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "disconnected"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf",
            "disconnected",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "protocol"),
        (b"\x15\x03\x01\x00\x02\x02\x28garbage", "protocol"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "disconnected",
        ),
    ];
    for (answer, code) in cases {
        let partner = Partner::answering(answer).await;
        let error = perform(&client(&partner)).await.expect_err(code);
        let shown = String::from_utf8_lossy(answer);
        assert_eq!(error.code(), code, "{error:?} for {shown:?}");
        assert!(error.may_have_arrived() && error.retryable(), "{error:?}");
        assert_eq!(error.fault(), Fault::Partner);
    }
}

#[tokio::test]
async fn too_many_headers_are_not_an_answer() {
    let many = "x: y\r\n".repeat(RESPONSE_HEADERS_MAX + 1);
    let partner = Partner::answering(format!("HTTP/1.1 200 OK\r\n{many}\r\n")).await;
    let error = perform(&client(&partner)).await.expect_err("too many");
    assert_eq!(error.code(), "protocol");
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let answer = |length: usize, announced: bool| {
        let head = if announced {
            format!("content-length: {length}\r\n")
        } else {
            String::new()
        };
        format!("HTTP/1.1 200 OK\r\n{head}\r\n{}", "x".repeat(length))
    };
    for announced in [true, false] {
        let partner = Partner::answering(answer(1_000, announced)).await;
        let response = perform(&client(&partner)).await.expect("just fits");
        assert_eq!(response.body.len(), 1_000);
        // Much more than a socket's buffer: it is not read to its end.
        for length in [1_001, 50_000_000] {
            let partner = Partner::stalling_after(answer(length, announced)).await;
            let error = perform(&client(&partner)).await.expect_err("too large");
            assert_eq!(error, TransportError::BodyTooLarge { bytes_max: 1_000 });
            assert!(error.may_have_arrived() && !error.retryable());
        }
    }
}

#[tokio::test]
async fn a_body_of_many_pieces_is_put_together() {
    let pieces: String = (0..100).map(|n| format!("3\r\n{n:03}\r\n")).collect();
    let partner = Partner::answering(format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{pieces}0\r\n\r\n"
    ))
    .await;
    let response = perform(&client(&partner)).await.expect("answered");
    let expected: String = (0..100).map(|n| format!("{n:03}")).collect();
    assert_eq!(response.body, expected);
}

#[tokio::test]
async fn a_partner_that_stalls_is_given_up_at_the_timeout() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let partner = Partner::stalling_after(answer).await;
        let client = Client::new(Config {
            timeout_ms: 30,
            ..config(&partner.url())
        })
        .expect("a client");
        let error = perform(&client).await.expect_err("stalls");
        assert_eq!(error, TransportError::Timeout { after_ms: 30 });
        assert!(error.may_have_arrived() && error.retryable());
    }
}

#[tokio::test]
async fn a_closed_port_is_refused_and_nothing_arrived() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let client = Client::new(config(&format!("http://{address}"))).expect("a client");
    let error = perform(&client).await.expect_err("closed");
    assert_eq!(error, TransportError::Refused);
    assert!(!error.may_have_arrived() && error.retryable());
}

#[tokio::test]
async fn a_partner_without_tls_fails_the_handshake() {
    let partner = Partner::interrupting_with("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let url = format!("https://{}/", partner.address);
    let client = Client::new(config(&url)).expect("a client");
    let error = perform(&client).await.expect_err("no tls");
    assert_eq!(error.code(), "tls", "{error:?}");
    assert!(!error.may_have_arrived() && error.retryable());
}

#[tokio::test]
async fn a_handshake_that_stalls_is_given_up_at_the_connect_timeout() {
    // It reads forever and never answers: the handshake has no blank line.
    let partner = Partner::stalling_after("").await;
    let client = Client::new(Config {
        connect_timeout_ms: 30,
        ..config(&format!("https://{}/", partner.address))
    })
    .expect("a client");
    let error = perform(&client).await.expect_err("stalls");
    assert_eq!(error, TransportError::ConnectTimeout { after_ms: 30 });
    assert!(!error.may_have_arrived());
}

/// Names that give these addresses in turn, as a name under an attacker's
/// control does.
struct Rebinding(Mutex<Vec<Result<SocketAddr, &'static str>>>);

impl Resolve for Rebinding {
    fn resolve(&self, _: Name) -> Resolving {
        let next = self.0.lock().expect("unpoisoned").remove(0);
        Box::pin(async move {
            let address = next.map_err(std::io::Error::other)?;
            Ok(Box::new(std::iter::once(address)) as Addrs)
        })
    }
}

#[tokio::test]
async fn a_name_is_checked_at_every_connection() {
    let partner = Partner::answering(OK).await;
    let names = Rebinding(Mutex::new(vec![
        Ok(SocketAddr::new(partner.address.ip(), 0)),
        Ok(SocketAddr::from(([169, 254, 169, 254], 0))),
        Err("no such name"),
        Ok(SocketAddr::new(partner.address.ip(), 0)),
    ]));
    let url = format!("http://erp.example:{}/", partner.address.port());
    let client = Client::with_names(config(&url), Arc::new(names)).expect("a client");
    perform(&client).await.expect("allowed at first");
    let denied = perform(&client).await.expect_err("then denied");
    assert_eq!(denied.code(), "address-denied");
    assert_eq!(denied.fault(), Fault::Settings);
    assert!(!denied.may_have_arrived());
    let unknown = perform(&client).await.expect_err("then unknown");
    assert!(matches!(&unknown, TransportError::Dns { reason } if reason == "no such name"));
    perform(&client).await.expect("allowed again");
}

#[test]
fn an_inner_address_in_the_url_is_refused_at_start() {
    for host in [
        "127.0.0.1",
        "2130706433",
        "[::ffff:10.0.0.1]",
        "169.254.169.254",
    ] {
        let config = Config {
            addresses: Policy::default(),
            ..config(&format!("http://{host}/"))
        };
        let error = Client::new(config).expect_err(host);
        assert!(matches!(error, BuildError::Address(_)), "{error}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    let served = tokio::spawn(async move {
        // One connection only: a second one would never be answered.
        let (mut stream, _) = listener.accept().await.expect("accepted");
        for _ in 0..3 {
            read_request(&mut stream).await;
            stream.write_all(OK.as_bytes()).await.expect("written");
        }
    });
    let client = Client::new(config(&format!("http://{address}"))).expect("a client");
    for _ in 0..3 {
        perform(&client).await.expect("answered");
    }
    served.await.expect("served");
}

#[test]
fn the_breaker_learns_whether_the_partner_is_alive() {
    let took = Duration::from_millis(5);
    let answered = |status: u16, retry_after: Option<&'static str>| {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert("retry-after", http::HeaderValue::from_static(value));
        }
        let response = Response {
            status: StatusCode::from_u16(status).expect("a status"),
            headers,
            body: Bytes::new(),
            took,
            again: false,
        };
        let told = signals::Config::standard().read(&response.headers, NOW);
        outcome(&Ok(response), told.retry_after)
    };
    let wait = Duration::from_secs(7);
    for status in [200, 202, 204, 303, 400, 401, 404, 409, 422] {
        assert_eq!(answered(status, Some("7")), Outcome::Answered { took });
    }
    for status in [408, 500, 502, 503, 504] {
        let failed = |retry_after| Outcome::Failed { retry_after };
        assert_eq!(answered(status, None), failed(None));
        assert_eq!(answered(status, Some("7")), failed(Some(wait)));
    }
    assert_eq!(
        answered(429, Some("7")),
        Outcome::Throttled { retry_after: wait }
    );
    assert_eq!(answered(429, None), Outcome::Failed { retry_after: None });
    let refused = outcome(&Err(TransportError::Refused), None);
    assert_eq!(refused, Outcome::Failed { retry_after: None });
    let ours = TransportError::Request(InvalidRequest::HeadersTooLarge);
    assert_eq!(outcome(&Err(ours), None), Outcome::Ours);
}
