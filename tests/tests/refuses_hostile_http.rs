//! Oversize, slow and malformed requests are refused with a reason, hold nothing, and
//! nobody else notices them.

use std::time::Duration;

use e2e::harness::{Host, Site, WAIT, order};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const BODY_BYTES_MAX: usize = 4_096;
const CONNECTIONS_MAX: usize = 24;
/// For whoever is slow on purpose.
const PATIENCE_MS: i64 = 250;

/// An answer as it came.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// A host with small limits.
fn site() -> Site {
    let limit = |bytes: usize| i64::try_from(bytes).expect("a limit is small");
    Site::new()
        .sender("erp")
        .route("order", &["erp"], &[])
        .set("listener.header_timeout_ms", PATIENCE_MS)
        .set("listener.idle_timeout_ms", PATIENCE_MS)
        .set("listener.header_bytes_max", 8_192)
        .set("listener.headers_max", 20)
        .set("listener.uri_bytes_max", 1_024)
        .set("listener.connections_max", limit(CONNECTIONS_MAX))
        .set("ingress.body_bytes_max", limit(BODY_BYTES_MAX))
        .set("ingress.body_frame_timeout_ms", PATIENCE_MS)
        .set("ingress.body_timeout_ms", 4 * PATIENCE_MS)
}

async fn connect(host: &Host) -> TcpStream {
    let connected = TcpStream::connect(host.api().socket()).await;
    connected.expect("the host listens")
}

/// What comes until the connection is closed.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(WAIT, stream.read_to_end(&mut bytes)).await;
    // A reset after the answer is an end as well.
    drop(read.expect("the host closes the connection"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Sends bytes and reads until the connection is closed.
async fn exchange(host: &Host, request: impl AsRef<[u8]>) -> String {
    let mut stream = connect(host).await;
    // The host may have refused it before all was sent.
    drop(stream.write_all(request.as_ref()).await);
    rest(&mut stream).await
}

/// The only answer there is.
fn answer(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    Answer {
        status: status.expect("an answer has a status"),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

fn assert_problem(answer: &Answer, status: u16, about: &str) {
    assert_eq!(answer.status, status, "{about}: {}", answer.body);
    assert!(
        answer.head.contains("application/problem+json"),
        "{about}: {}",
        answer.head
    );
    let problem: Value = serde_json::from_str(&answer.body)
        .unwrap_or_else(|error| panic!("{about} has no problem: {error}: {}", answer.body));
    assert!(problem["code"].is_string(), "{about}: {problem}");
    assert!(problem["detail"].is_string(), "{about}: {problem}");
}

/// A request of the partner, closing the connection, with more headers and a body.
fn post(site: &Site, headers: &str, body: &str) -> String {
    format!(
        "POST /v1/partners/erp/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n{headers}\r\n{body}",
        site.token("erp")
    )
}

/// The host works as ever, and holds the messages it accepted and no other.
async fn finish(host: Host, accepted: usize) {
    let order = order::original("SO-AFTER");
    host.api().accepted("erp", "after", &order).await;
    host.api().until_idle().await;
    assert_eq!(host.api().messages().await.len(), accepted + 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oversize_requests_are_refused_before_they_are_kept() {
    let site = site();
    let host = site.start().await;
    let large = "x".repeat(BODY_BYTES_MAX + 1);
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let many: String = (0..30).map(|it| format!("x-{it}: 1\r\n")).collect();
    let cases = [
        (
            "a long body",
            413,
            post(
                &site,
                &format!("content-length: {}\r\n", large.len()),
                &large,
            ),
        ),
        (
            "a body that says it is huge",
            413,
            post(&site, "content-length: 99999999999\r\n", "x"),
        ),
        (
            "a long body in chunks",
            413,
            post(&site, "transfer-encoding: chunked\r\n", &chunk),
        ),
        (
            "a large header",
            431,
            post(&site, &format!("x-large: {}\r\n", "y".repeat(9_000)), ""),
        ),
        ("many headers", 431, post(&site, &many, "")),
        (
            "a long address",
            414,
            format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "z".repeat(2_000)),
        ),
        (
            "an empty body",
            400,
            post(&site, "content-length: 0\r\n", ""),
        ),
    ];
    for (about, status, request) in cases {
        let text = exchange(&host, request).await;
        let answer = answer(&text);
        // A head that is too large is not read on, so there is nobody to explain it to.
        match status {
            414 | 431 => assert_eq!(answer.status, status, "{about}: {text}"),
            _ => assert_problem(&answer, status, about),
        }
    }
    finish(host, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused_and_smuggle_nothing() {
    let site = site();
    let host = site.start().await;
    let body = order::original("SO-SMUGGLED").to_string();
    let inner = post(&site, &format!("content-length: {}\r\n", body.len()), &body);
    let both = format!(
        "content-length: {}\r\ntransfer-encoding: chunked\r\n",
        inner.len() + 5
    );
    let cases = [
        ("no HTTP", "\u{16}\u{3}\u{1}hello\r\n\r\n".to_owned()),
        ("no method", "/ HTTP/1.1\r\n\r\n".to_owned()),
        (
            "a header without a name",
            "GET /livez HTTP/1.1\r\n: x\r\n\r\n".to_owned(),
        ),
        (
            "a NUL in a header",
            "GET /livez HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n".to_owned(),
        ),
        (
            "two lengths",
            post(&site, "content-length: 3\r\ncontent-length: 4\r\n", "abcd"),
        ),
        (
            "a length that is none",
            post(&site, "content-length: -1\r\n", "a"),
        ),
        (
            "a chunk that is none",
            post(
                &site,
                "transfer-encoding: chunked\r\n",
                "zz\r\nabc\r\n0\r\n\r\n",
            ),
        ),
        (
            "a body framed twice",
            post(&site, &both, &format!("0\r\n\r\n{inner}")),
        ),
    ];
    for (about, request) in cases {
        let text = exchange(&host, request).await;
        // One answer, or none where nobody could say to what; never the inner request's.
        let answers = text.matches("HTTP/1.1 ").count();
        assert!(answers <= 1, "{about}: {text}");
        if answers == 1 {
            let status = answer(&text).status;
            assert!((400..500).contains(&status), "{about}: {text}");
        }
    }
    finish(host, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_cut_off_and_hold_nobody_up() {
    let site = site();
    let host = site.start().await;
    let mut silent = connect(&host).await;
    let mut dripping = connect(&host).await;
    let half = b"GET /livez HTTP/1.1\r\nhost: ";
    dripping.write_all(half).await.expect("it is taken");
    let mut slow_body = connect(&host).await;
    let begun = post(&site, "content-length: 100\r\n", "only the begin");
    let taken = slow_body.write_all(begun.as_bytes()).await;
    taken.expect("it is taken");

    // Meanwhile others are served.
    let order = order::original("SO-MEANWHILE");
    host.api().accepted("erp", "meanwhile", &order).await;

    assert_eq!(rest(&mut silent).await, "", "nothing was asked");
    let cut = rest(&mut dripping).await;
    assert!(cut.is_empty() || answer(&cut).status == 408, "{cut}");
    assert_problem(&answer(&rest(&mut slow_body).await), 408, "a slow body");
    finish(host, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_connections_are_told_so() {
    let site = site()
        .set("listener.idle_timeout_ms", 60_000)
        .set("listener.header_timeout_ms", 60_000);
    let host = site.start().await;
    let mut held = Vec::new();
    // The API's own connection is one of them, so one or two too many are made.
    for _ in 0..CONNECTIONS_MAX + 1 {
        held.push(connect(&host).await);
    }
    let mut refused = held.pop().expect("there is one");
    let told = answer(&rest(&mut refused).await);
    assert_problem(&told, 503, "one connection too many");
    assert!(told.head.contains("retry-after:"), "{}", told.head);
    drop(held);
    finish(host, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_the_slow_does_not_slow_the_others() {
    let site = site();
    let host = site.start().await;
    let address = host.api().socket();
    let crowd: Vec<_> = (0..CONNECTIONS_MAX / 2)
        .map(|_| {
            tokio::spawn(async move {
                // Each is cut off and comes again, until the host is gone.
                while let Ok(mut stream) = TcpStream::connect(address).await {
                    for byte in b"POST /v1/partners/erp/messages HTTP/1.1\r\n"
                        .iter()
                        .cycle()
                    {
                        let sent = stream.write_all(&[*byte]).await;
                        let mut answer = [0];
                        let told = timeout(Duration::from_millis(5), stream.read(&mut answer));
                        if sent.is_err() || told.await.is_ok() {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    for number in 0..50 {
        let order_no = format!("SO-{number}");
        let order = order::original(&order_no);
        host.api().accepted("erp", &order_no, &order).await;
    }
    for one in crowd {
        one.abort();
    }
    finish(host, 50).await;
}
