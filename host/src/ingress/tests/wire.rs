//! Slow, lying and impatient senders, through the listener and a real socket.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;
use crate::listener::{self, Listener};

/// An ingress with small limits behind a listener, and its sink.
struct Wire {
    address: std::net::SocketAddr,
    client: Client,
}

impl Wire {
    async fn start() -> Self {
        Self::with(1_000, 50).await
    }

    async fn with(body_bytes_max: usize, body_frame_timeout_ms: u64) -> Self {
        let config = Config {
            body_bytes_max,
            body_frame_timeout_ms,
            body_timeout_ms: 150,
            ..Config::default()
        };
        let client = Client::with(&config, Access::default(), TestSink::open());
        let listen = listener::Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            ..listener::Config::default()
        };
        let listener = Listener::bind(&listen).await.unwrap();
        let address = listener.local_addr();
        tokio::spawn(listener.serve(client.router.clone(), std::future::pending()));
        Self { address, client }
    }

    fn head(&self, headers: &str) -> String {
        let authorization = &self.client.authorization;
        format!("POST {PATH} HTTP/1.1\r\nauthorization: {authorization}\r\n{headers}\r\n")
    }

    /// Sends a request and reads until the host closes the connection.
    async fn exchange(&self, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = self.head(headers) + body;
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(stream).await
    }
}

async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_body_that_stops_coming_is_408_and_the_connection_over() {
    let wire = Wire::start().await;
    for (headers, body) in [
        ("content-length: 10\r\n", ""),
        ("content-length: 10\r\n", "12345"),
        ("transfer-encoding: chunked\r\n", "5\r\n12345\r\n"),
    ] {
        let answer = wire.exchange(headers, body).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("connection: close"));
        assert!(answer.contains("\"code\":\"body-timeout\""));
        assert!(answer.contains("within 50 ms"));
    }
    assert_eq!(wire.client.ingress.body_memory_bytes(), 0);
}

#[tokio::test]
async fn dripping_a_body_ends_at_the_total_time() {
    // So long that it cannot be over in time, a byte at a time.
    let wire = Wire::with(8 * 1024 * 1024, 10_000).await;
    let stream = TcpStream::connect(wire.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut read, mut write) = stream.into_split();
    let head = wire.head("content-length: 8388608\r\n");
    write.write_all(head.as_bytes()).await.unwrap();
    let drip = async {
        // An error here is the end, which the other side shows.
        while write.write_all(b"x").await.is_ok() {
            tokio::task::yield_now().await;
        }
        std::future::pending().await
    };
    let mut answer = Vec::new();
    tokio::select! {
        end = read.read_to_end(&mut answer) => drop(end.unwrap()),
        () = drip => {}
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("within 150 ms"), "{answer}");
}

#[tokio::test]
async fn an_oversize_body_is_413_whether_its_length_is_told_or_not() {
    let wire = Wire::start().await;
    // Told: nothing is awaited. Not even the permission to send is given.
    for headers in [
        "content-length: 1001\r\n",
        "content-length: 9223372036854775807\r\n",
        "content-length: 1001\r\nexpect: 100-continue\r\n",
    ] {
        let answer = wire.exchange(headers, "").await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{headers} {answer}");
        assert!(answer.contains("\"code\":\"body-too-large\""));
    }
    // Not told: cut at the byte, though more is promised for ever.
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1_000));
    let answer = wire
        .exchange(
            "transfer-encoding: chunked\r\n",
            &format!("{chunk}1\r\nx\r\n"),
        )
        .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let headers = "transfer-encoding: chunked\r\nconnection: close\r\n";
    let answer = wire.exchange(headers, &format!("{chunk}0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert_eq!(wire.client.sink.accepted().len(), 1);
}

#[tokio::test]
async fn a_fitting_body_is_asked_for_with_100_continue() {
    let wire = Wire::start().await;
    let mut stream = TcpStream::connect(wire.address).await.unwrap();
    let head = wire.head("content-length: 3\r\nexpect: 100-continue\r\nconnection: close\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut permission = [0; 25];
    stream.read_exact(&mut permission).await.unwrap();
    assert_eq!(&permission, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

#[tokio::test]
async fn broken_framing_is_400_and_nothing_is_accepted() {
    let wire = Wire::start().await;
    for body in ["zz\r\n", "3\r\nabcd", "ffffffffffffffffff\r\n", "-1\r\n"] {
        let answer = wire.exchange("transfer-encoding: chunked\r\n", body).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{body:?} {answer}");
        assert!(answer.contains("\"code\":\"body-incomplete\""), "{answer}");
    }
    let mut stream = TcpStream::connect(wire.address).await.unwrap();
    let request = wire.head("content-length: 10\r\n") + "12345";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(rest(stream).await);
    assert_eq!(wire.client.sink.accepted(), []);
}

#[tokio::test]
async fn pipelined_messages_are_answered_in_order() {
    let wire = Wire::start().await;
    let one = wire.head("content-length: 3\r\nx-correlation-id: one\r\n") + "abc";
    let two = "content-length: 3\r\nx-correlation-id: two\r\nconnection: close\r\n";
    let answer = {
        let mut stream = TcpStream::connect(wire.address).await.unwrap();
        let both = one + &wire.head(two) + "def";
        stream.write_all(both.as_bytes()).await.unwrap();
        rest(stream).await
    };
    assert_eq!(answer.matches("HTTP/1.1 202").count(), 2);
    let first = answer.find("x-correlation-id: one").unwrap();
    assert!(first < answer.find("x-correlation-id: two").unwrap());
    let bodies: Vec<_> = wire
        .client
        .sink
        .accepted()
        .into_iter()
        .map(|it| it.body)
        .collect();
    assert_eq!(bodies, ["abc", "def"]);
}

#[tokio::test]
async fn a_refused_stranger_learns_it_before_sending_the_body() {
    let wire = Wire::start().await;
    let mut stream = TcpStream::connect(wire.address).await.unwrap();
    let request = format!("POST {PATH} HTTP/1.1\r\ncontent-length: 1000\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}
