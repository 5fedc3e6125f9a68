//! The promises of `POST /v1/partners/{partner}/messages`, asked of its router.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, HttpBody},
    http::{HeaderMap, Request, StatusCode},
};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{
    Access, Config, ConfigError, Ingress, ReplyMode,
    authenticate::Token,
    sink::{AcceptError, Accepted, NoRoom, Remembered, Reply},
    testing::{TestSink, clock, ingress, north},
};
use crate::message::{CorrelationId, Digest};

mod signed;
mod wire;

const PATH: &str = "/v1/partners/north/messages";

/// A host with one partner, and its client.
#[derive(Clone)]
struct Client {
    router: Router,
    authorization: String,
    sink: Arc<TestSink>,
    ingress: Arc<Ingress<TestSink>>,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    json: Value,
}

impl Client {
    fn new(sink: Arc<TestSink>) -> Self {
        Self::with(&Config::default(), Access::default(), sink)
    }

    fn with(config: &Config, access: Access, sink: Arc<TestSink>) -> Self {
        let (ingress, token) = ingress(config, access, &sink);
        Self {
            router: ingress.router(),
            authorization: format!("Bearer {}", token.expose()),
            sink,
            ingress,
        }
    }

    async fn ask(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            json: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }
    }

    async fn post(&self, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut all = vec![("authorization", self.authorization.as_str())];
        all.extend_from_slice(headers);
        self.ask(PATH, &all, body).await
    }
}

impl Answer {
    fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or("no code")
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn message_id(&self) -> &str {
        self.json["message_id"].as_str().unwrap()
    }
}

#[tokio::test]
async fn a_message_is_accepted_with_its_ids_and_links() {
    let access = Access {
        forward_headers: vec!["X-Topic".to_owned()],
        ..Access::default()
    };
    let client = Client::with(&Config::default(), access, TestSink::open());
    let headers = [
        ("content-type", "application/edi-x12"),
        ("x-topic", "orders"),
        ("x-private", "no"),
        ("cookie", "a=b"),
        ("idempotency-key", "PO-1/1"),
        ("x-correlation-id", "PO-1"),
    ];
    let answer = client.post(&headers, "ISA*00*").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let [message] = <[_; 1]>::try_from(client.sink.accepted()).unwrap();
    let id = message.id.to_string();
    assert_eq!(
        answer.json,
        serde_json::json!({
            "message_id": id,
            "correlation_id": "PO-1",
            "links": { "self": format!("/v1/messages/{id}"), "raw": format!("/v1/messages/{id}/raw") },
        })
    );
    assert_eq!(answer.header("location"), format!("/v1/messages/{id}"));
    assert_eq!(answer.header("x-correlation-id"), "PO-1");
    assert_eq!(answer.header("idempotency-replayed"), "");
    assert_eq!(message.body, "ISA*00*");
    assert_eq!(message.digest, Digest::of(b"ISA*00*"));
    assert_eq!(message.content_type.as_deref(), Some("application/edi-x12"));
    assert_eq!(
        message.headers,
        [("x-topic".to_owned(), "orders".to_owned())]
    );
    assert_eq!(message.idempotency_key.as_deref(), Some("PO-1/1"));
    assert_eq!(message.received_at, clock().now());
}

#[tokio::test]
async fn unknown_partner_wrong_token_and_no_token_look_the_same() {
    let client = Client::new(TestSink::open());
    let right = client.authorization.clone();
    let wrong = format!("Bearer {}", Token::generate().unwrap().expose());
    let unknown = "/v1/partners/south/messages";
    let mut answers = Vec::new();
    for (path, authorization) in [
        (PATH, Some(&wrong)),
        (PATH, None),
        (unknown, Some(&right)),
        (unknown, None),
        ("/v1/partners/NORTH/messages", Some(&right)),
        ("/v1/partners/north%00/messages", Some(&right)),
        ("/v1/partners/%ff/messages", Some(&right)),
        ("/v1/partners/..%2fnorth/messages", Some(&right)),
    ] {
        let headers: Vec<_> = authorization
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        let body = Body::new(Unreadable);
        let answer = client.ask(path, &headers, body).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        answers.push((answer.headers, answer.json));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(client.sink.accepted(), []);
}

/// A body that must not be read.
struct Unreadable;

impl HttpBody for Unreadable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read")
    }
}

#[tokio::test]
async fn without_room_nothing_of_the_body_is_read() {
    let client = Client::new(TestSink::open());
    let retry_after = Duration::from_millis(2_001);
    *client.sink.full.lock().unwrap() = Some(NoRoom { retry_after });
    let answer = client.post(&[], Body::new(Unreadable)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.code(), "overloaded");
    assert_eq!(answer.header("retry-after"), "3");
    *client.sink.full.lock().unwrap() = None;
    let answer = client
        .post(&[("content-encoding", "gzip")], Body::new(Unreadable))
        .await;
    assert_eq!(answer.code(), "content-encoding-unsupported");
    assert_eq!(answer.header("accept-encoding"), "identity");
    let answer = client
        .post(&[("idempotency-key", "a b")], Body::new(Unreadable))
        .await;
    assert_eq!(answer.code(), "idempotency-key-invalid");
    assert_eq!(Arc::strong_count(&client.sink.permits), 1);
}

#[tokio::test]
async fn oversize_and_empty_bodies_are_refused() {
    let config = Config {
        body_bytes_max: 10,
        ..Config::default()
    };
    let client = Client::with(&config, Access::default(), TestSink::open());
    let answer = client
        .post(&[("x-correlation-id", "PO-7")], "12345678901")
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json["bytes_max"], 10);
    assert_eq!(answer.json["correlation_id"], "PO-7");
    assert_eq!(client.post(&[], "").await.code(), "body-empty");
    assert_eq!(
        client.post(&[], "1234567890").await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(client.sink.accepted().len(), 1);
    assert_eq!(client.ingress.body_memory_bytes(), 0);
}

#[tokio::test]
async fn what_the_sink_cannot_keep_is_asked_for_again() {
    let client = Client::new(TestSink::open());
    let retry_after = Duration::from_secs(4);
    for (error, status, code, wait) in [
        (
            AcceptError::Overloaded { retry_after },
            503,
            "overloaded",
            "4",
        ),
        (AcceptError::StorageFull, 507, "storage-full", "5"),
        (AcceptError::Stopped, 503, "not-accepting", "5"),
    ] {
        for headers in [&[][..], &[("idempotency-key", "k")][..]] {
            client.sink.answers.lock().unwrap().push_back(Err(error));
            let answer = client.post(headers, "abc").await;
            assert_eq!(answer.status.as_u16(), status);
            assert_eq!(answer.code(), code);
            assert_eq!(answer.header("retry-after"), wait);
        }
    }
    // None of it stands in the way of the next attempt.
    let answer = client.post(&[("idempotency-key", "k")], "abc").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_posts_of_one_key_at_once_have_one_effect() {
    let access = Access {
        in_flight_max: Some(100),
        ..Access::default()
    };
    let client = Client::with(&Config::default(), access, TestSink::closed());
    let posts: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.post(&[("idempotency-key", "PO-1")], "abc").await })
        })
        .collect();
    // One is at the sink; the gate opens while the others arrive.
    client.sink.wait_for_begun(1).await;
    client.sink.gate.add_permits(100);
    let mut accepted = Vec::new();
    for post in posts {
        let answer = post.await.unwrap();
        match answer.status {
            StatusCode::ACCEPTED => accepted.push(answer.message_id().to_owned()),
            StatusCode::CONFLICT => {
                assert_eq!(answer.code(), "idempotency-in-flight");
                assert_eq!(answer.header("retry-after"), "1");
            }
            other => panic!("{other}"),
        }
    }
    assert!(!accepted.is_empty());
    assert!(accepted.iter().all(|id| *id == accepted[0]));
    assert_eq!(client.sink.accepted().len(), 1);
    assert_eq!(client.sink.begun.available_permits(), 0);
}

#[tokio::test]
async fn a_key_in_flight_is_409_then_gives_the_first_answer_and_refuses_another_body() {
    let client = Client::new(TestSink::closed());
    let key = [("idempotency-key", "PO-1")];
    let quoted = [("idempotency-key", "\"PO-1\"")];
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.post(&key, "abc").await }
    });
    client.sink.wait_for_begun(1).await;
    assert_eq!(
        client.post(&key, "abc").await.code(),
        "idempotency-in-flight"
    );
    assert_eq!(
        client.post(&quoted, "other").await.code(),
        "idempotency-in-flight"
    );
    client.sink.gate.add_permits(1);
    let first = first.await.unwrap();
    assert_eq!(first.status, StatusCode::ACCEPTED);
    let again = client.post(&quoted, "abc").await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert_eq!(again.json, first.json);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(
        again.header("x-correlation-id"),
        first.header("x-correlation-id")
    );
    let changed = client.post(&key, "other").await;
    assert_eq!(changed.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(changed.code(), "idempotency-key-reused");
    assert_eq!(changed.json["message_id"], first.json["message_id"]);
    assert_eq!(client.sink.accepted().len(), 1);
}

#[tokio::test]
async fn a_sender_that_hangs_up_keeps_its_key_until_its_message_is_settled() {
    let client = Client::new(TestSink::closed());
    let key = [("idempotency-key", "PO-1")];
    let hung_up = tokio::spawn({
        let client = client.clone();
        async move { client.post(&key, "abc").await }
    });
    client.sink.wait_for_begun(1).await;
    hung_up.abort();
    assert!(hung_up.await.unwrap_err().is_cancelled());
    assert_eq!(
        client.post(&key, "abc").await.code(),
        "idempotency-in-flight"
    );
    client.sink.gate.add_permits(1);
    while client.sink.accepted().is_empty() {
        tokio::task::yield_now().await;
    }
    let again = client.post(&key, "abc").await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(client.sink.accepted().len(), 1);
}

#[tokio::test]
async fn the_sink_has_the_last_word_on_a_key_that_another_host_took() {
    let client = Client::new(TestSink::open());
    let message_id = "01940000-0000-7000-8000-000000000001".parse().unwrap();
    let before = Remembered {
        message_id,
        correlation_id: CorrelationId::from(message_id),
        digest: Digest::of(b"abc"),
    };
    let answer = || Ok(Accepted::Before(before.clone()));
    client
        .sink
        .answers
        .lock()
        .unwrap()
        .extend([answer(), answer()]);
    let same = client.post(&[("idempotency-key", "k")], "abc").await;
    assert_eq!(same.message_id(), message_id.to_string());
    assert_eq!(same.header("idempotency-replayed"), "true");
    let other = client.post(&[("idempotency-key", "k")], "other").await;
    assert_eq!(other.code(), "idempotency-key-reused");
}

#[tokio::test]
async fn a_partner_with_too_many_in_flight_is_told_its_quota() {
    let access = Access {
        in_flight_max: Some(2),
        ..Access::default()
    };
    let client = Client::with(&Config::default(), access, TestSink::closed());
    let open: Vec<_> = (0..2)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.post(&[], "abc").await })
        })
        .collect();
    client.sink.wait_for_begun(2).await;
    let answer = client.post(&[], Body::new(Unreadable)).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.code(), "too-many-in-flight");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.header("ratelimit"), "\"in-flight\";r=0");
    assert_eq!(
        answer.header("ratelimit-policy"),
        "\"in-flight\";q=2;qu=\"concurrent-requests\""
    );
    client.sink.gate.add_permits(3);
    for post in open {
        assert_eq!(post.await.unwrap().status, StatusCode::ACCEPTED);
    }
    assert_eq!(client.post(&[], "abc").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_synchronous_partner_gets_the_adapters_reply_or_after_the_wait_a_202() {
    let access = Access {
        reply: ReplyMode::Synchronous,
        reply_wait_ms: Some(1),
        ..Access::default()
    };
    let client = Client::with(&Config::default(), access, TestSink::open());
    let key = [("idempotency-key", "k")];
    let late = client.post(&key, "abc").await;
    assert_eq!(late.status, StatusCode::ACCEPTED);
    *client.sink.reply.lock().unwrap() = Some(Reply {
        status: StatusCode::OK,
        content_type: Some("application/json".to_owned()),
        body: Bytes::from_static(b"{\"received\":true}"),
    });
    let answer = client.post(&key, "abc").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json, serde_json::json!({ "received": true }));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("location"), late.header("location"));
    assert_eq!(client.sink.accepted().len(), 1);
}

#[tokio::test]
async fn large_bodies_are_digested_like_small_ones() {
    let client = Client::new(TestSink::open());
    let body = vec![b'x'; 300 * 1024];
    let answer = client.post(&[], body.clone()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(client.sink.accepted()[0].digest, Digest::of(&body));
}

#[test]
fn settings_that_cannot_work_are_refused_at_the_start() {
    let build = |config: &Config, access: Access| {
        let partners = BTreeMap::from([(north(), access)]);
        Ingress::build(config, &partners, TestSink::open(), clock()).map(drop)
    };
    for header in [
        "Authorization",
        "cookie",
        "set-cookie",
        "proxy-authorization",
        "a b",
        "",
    ] {
        let access = Access {
            forward_headers: vec![header.to_owned()],
            ..Access::default()
        };
        let error = build(&Config::default(), access).unwrap_err();
        assert!(
            matches!(error, ConfigError::ForwardHeader { .. }),
            "{header}"
        );
    }
    let hash = Token::generate().unwrap().hash();
    let access = Access {
        token_sha256: vec![hash; 3],
        ..Access::default()
    };
    let error = build(&Config::default(), access).unwrap_err();
    assert!(matches!(error, ConfigError::TooManyTokens { count: 3, .. }));
    let config = Config {
        body_memory_bytes_max: 1,
        ..Config::default()
    };
    let error = build(&config, Access::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "body_memory_bytes_max must be at least body_bytes_max"
    );
    let signature = "kind = 'hmac-body'\nsecrets = ['env:PATH']\nheader = 'x'";
    let signing = || Access {
        signature: Some(toml::from_str(signature).unwrap()),
        ..Access::default()
    };
    let both = Access {
        token_sha256: vec![hash],
        ..signing()
    };
    let error = build(&Config::default(), both).unwrap_err();
    assert!(matches!(error, ConfigError::TokenAndSignature { .. }));
    let config = Config {
        unverified_memory_bytes_max: 1,
        ..Config::default()
    };
    assert!(build(&config, Access::default()).is_ok());
    let error = build(&config, signing()).unwrap_err();
    assert!(matches!(error, ConfigError::Limit { .. }), "{error}");
    let access: Result<Access, _> = serde_json::from_str(r#"{ "tokens": [] }"#);
    assert!(access.unwrap_err().to_string().contains("unknown field"));
}
