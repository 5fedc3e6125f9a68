//! The promises to partners that sign, and to those who try to pass for one.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::hmac;
use tempfile::TempDir;

use super::*;
use crate::ingress::verify;

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// The clock of these tests, in seconds.
const NOW: i64 = 1_772_357_400;
const LIMIT: usize = 1_000;

/// A host with three partners: `north` signs, `graph` repeats a token and shakes hands,
/// `west` has a bearer token.
struct Site {
    client: Client,
    _secrets: TempDir,
}

impl Site {
    fn new(sink: Arc<TestSink>) -> Self {
        let secrets = tempfile::tempdir().unwrap();
        let file = |name: &str, secret: &str| {
            let path = secrets.path().join(name);
            fs::write(&path, secret).unwrap();
            format!("file:{}", path.display())
        };
        let north = format!(
            "kind = 'standard-webhooks'\nsecrets = ['{}', '{}']",
            file("next", NEXT_SECRET),
            file("north", SECRET)
        );
        let graph = format!(
            "kind = 'shared-token'\nsecrets = ['{}']\nheader = 'x-token'\nhandshake = 'validation-token'",
            file("graph", "state")
        );
        let signature = |text: &str| Access {
            signature: Some(toml::from_str::<verify::Config>(text).unwrap()),
            forward_headers: vec!["webhook-id".to_owned()],
            ..Access::default()
        };
        let token = Token::generate().unwrap();
        let west = Access {
            token_sha256: vec![token.hash()],
            ..Access::default()
        };
        let name = |name| crate::message::PartnerName::parse(name).unwrap();
        let partners = BTreeMap::from([
            (name("north"), signature(&north)),
            (name("graph"), signature(&graph)),
            (name("west"), west),
        ]);
        let config = Config {
            body_bytes_max: LIMIT,
            body_memory_bytes_max: LIMIT,
            unverified_memory_bytes_max: LIMIT,
            ..Config::default()
        };
        let ingress = Ingress::build(&config, &partners, Arc::clone(&sink), clock()).unwrap();
        Self {
            client: Client {
                router: ingress.router(),
                authorization: format!("Bearer {}", token.expose()),
                sink,
                ingress,
            },
            _secrets: secrets,
        }
    }

    async fn send(&self, path: &str, signed: &Signed, body: impl Into<Body>) -> Answer {
        let headers: Vec<_> = signed
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.client.ask(path, &headers, body).await
    }

    fn unproved(&self) -> Vec<&'static str> {
        let unproved = std::mem::take(&mut *self.client.sink.unproved.lock().unwrap());
        unproved.into_iter().map(|(_, reason)| reason).collect()
    }
}

type Signed = Vec<(&'static str, String)>;

fn sign(secret: &str, id: &str, seconds: i64, body: &str) -> Signed {
    let secret = secret.strip_prefix("whsec_").unwrap_or(secret);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(secret).unwrap());
    let mac = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds.to_string()),
        (
            "webhook-signature",
            format!("v1,{}", BASE64_STANDARD.encode(mac)),
        ),
    ]
}

#[tokio::test]
async fn a_signed_message_needs_no_token_and_its_id_is_its_key() {
    let site = Site::new(TestSink::open());
    let first = site
        .send(PATH, &sign(SECRET, "msg_1", NOW, "{}"), "{}")
        .await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.json);
    let mut again = sign(NEXT_SECRET, "msg_1", NOW + 20, "{}");
    // Nobody signed this one, so whoever captured the message could choose it.
    again.push(("idempotency-key", "another".to_owned()));
    let again = site.send(PATH, &again, "{}").await;
    assert_eq!(again.message_id(), first.message_id());
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = site
        .send(PATH, &sign(SECRET, "msg_1", NOW, "[]"), "[]")
        .await;
    assert_eq!(other.code(), "idempotency-key-reused");
    let [message] = <[_; 1]>::try_from(site.client.sink.accepted()).unwrap();
    assert_eq!(message.idempotency_key.as_deref(), Some("msg_1"));
    assert_eq!(
        message.headers,
        [("webhook-id".to_owned(), "msg_1".to_owned())]
    );
    assert_eq!(site.unproved(), [""; 0]);
}

#[tokio::test]
async fn whatever_is_not_signed_looks_the_same_and_only_the_operator_is_told_why() {
    let site = Site::new(TestSink::open());
    let mut answers = Vec::new();
    let right = sign(SECRET, "msg_1", NOW, "{}");
    let old = sign(SECRET, "msg_1", NOW - 301, "{}");
    let early = sign(SECRET, "msg_1", NOW + 301, "{}");
    let bare = right[..2].to_vec();
    let broken = vec![
        right[0].clone(),
        right[1].clone(),
        ("webhook-signature", "v1,x".to_owned()),
    ];
    let token = vec![("authorization", site.client.authorization.clone())];
    // Nothing of these bodies is read.
    for (path, headers) in [
        (PATH, &old),
        (PATH, &early),
        (PATH, &bare),
        (PATH, &broken),
        (PATH, &Vec::new()),
        (PATH, &token),
        ("/v1/partners/west/messages", &right),
        ("/v1/partners/graph/messages", &right),
        ("/v1/partners/south/messages", &Vec::new()),
        ("/v1/partners/south/messages", &old),
        ("/v1/partners/south/messages", &token),
    ] {
        let answer = site.send(path, headers, Body::new(Unreadable)).await;
        answers.push((answer.status, answer.headers, answer.json));
    }
    let reasons = [
        "timestamp-stale",
        "timestamp-stale",
        "header-missing",
        "header-malformed",
        "header-missing",
        "header-missing",
        "header-missing",
    ];
    assert_eq!(site.unproved(), reasons);
    // These are read and are not what was signed.
    for (path, body) in [(PATH, "[]"), ("/v1/partners/south/messages", "{}")] {
        let answer = site.send(path, &right, body).await;
        answers.push((answer.status, answer.headers, answer.json));
    }
    assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(site.unproved(), ["signature-wrong"]);
    assert_eq!(site.client.sink.accepted(), []);
    assert_eq!(site.client.ingress.body_memory_bytes(), 0);
}

#[tokio::test]
async fn a_name_that_is_no_partners_is_treated_as_one_or_another() {
    let site = Site::new(TestSink::open());
    let body = "x".repeat(LIMIT + 1);
    let signed = sign(SECRET, "msg_1", NOW, &body);
    let known = site.send(PATH, &signed, body.clone()).await;
    assert_eq!(known.code(), "body-too-large");
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..64 {
        let path = format!("/v1/partners/nobody-{number}/messages");
        let first = site.send(&path, &signed, body.clone()).await;
        let again = site.send(&path, &signed, body.clone()).await;
        assert_eq!(first.status, again.status);
        seen.insert(first.status);
    }
    let both = [StatusCode::UNAUTHORIZED, StatusCode::PAYLOAD_TOO_LARGE];
    assert_eq!(seen, both.into(), "as partners that sign, and as others");
}

#[tokio::test]
async fn a_token_of_the_senders_own_form_lets_in_and_is_kept_from_adapters() {
    let site = Site::new(TestSink::open());
    let path = "/v1/partners/graph/messages";
    let headers = |token: &str| {
        vec![
            ("x-token", token.to_owned()),
            ("idempotency-key", "k".to_owned()),
        ]
    };
    let refused = site
        .send(path, &headers("stat"), Body::new(Unreadable))
        .await;
    assert_eq!(refused.code(), "unauthorized");
    let accepted = site.send(path, &headers("state"), "{}").await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    let [message] = <[_; 1]>::try_from(site.client.sink.accepted()).unwrap();
    assert_eq!(message.idempotency_key.as_deref(), Some("k"));
    assert_eq!(message.headers, []);
    let access = Access {
        forward_headers: vec!["X-Token".to_owned()],
        signature: Some(
            toml::from_str("kind = 'shared-token'\nsecrets = ['env:PATH']\nheader = 'x-token'")
                .unwrap(),
        ),
        ..Access::default()
    };
    let error = Ingress::build(
        &Config::default(),
        &BTreeMap::from([(north(), access)]),
        TestSink::open(),
        clock(),
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("it carries credentials")
    );
}

#[tokio::test]
async fn a_handshake_is_answered_for_the_partner_that_has_one_and_for_nobody_else() {
    let site = Site::new(TestSink::open());
    let query = "?validationToken=Validation%3A+a%26b";
    for method in ["GET", "POST"] {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/partners/graph/messages{query}"))
            .body(Body::new(Unreadable))
            .unwrap();
        let response = site.client.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let kind = response.headers()["content-type"].to_str().unwrap();
        assert_eq!(kind, "text/plain; charset=utf-8");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "Validation: a&b");
    }
    let mut answers = Vec::new();
    for name in [
        "north", "west", "nobody-1", "nobody-2", "nobody-3", "nobody-4",
    ] {
        let request = Request::get(format!("/v1/partners/{name}/messages{query}"));
        let request = request.body(Body::empty()).unwrap();
        let response = site.client.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        answers.push(response.headers().clone());
    }
    assert!(answers.iter().all(|headers| *headers == answers[0]));
    assert_eq!(site.client.sink.accepted(), []);
}

#[tokio::test]
async fn what_nobody_has_proved_keeps_no_other_partner_out() {
    let sink = TestSink::closed();
    let site = Arc::new(Site::new(Arc::clone(&sink)));
    let body = "x".repeat(LIMIT);
    let signed = sign(SECRET, "msg_1", NOW, &body);
    let holding = {
        let (site, signed, body) = (Arc::clone(&site), signed.clone(), body.clone());
        tokio::spawn(async move { site.send(PATH, &signed, body).await })
    };
    sink.wait_for_begun(1).await;
    let full = site
        .send(PATH, &sign(SECRET, "msg_2", NOW, "{}"), "{}")
        .await;
    assert_eq!(full.code(), "overloaded");
    let token = vec![("authorization", site.client.authorization.clone())];
    let other = {
        let site = Arc::clone(&site);
        tokio::spawn(async move { site.send("/v1/partners/west/messages", &token, body).await })
    };
    sink.wait_for_begun(1).await;
    sink.gate.add_permits(2);
    assert_eq!(holding.await.unwrap().status, StatusCode::ACCEPTED);
    assert_eq!(other.await.unwrap().status, StatusCode::ACCEPTED);
    assert_eq!(site.client.ingress.body_memory_bytes(), 0);
}

#[tokio::test]
async fn a_long_signed_body_is_verified_like_a_short_one() {
    let secrets = tempfile::tempdir().unwrap();
    let path = secrets.path().join("secret");
    fs::write(&path, "s3cret").unwrap();
    let text = format!(
        "kind = 'hmac-body'\nsecrets = ['file:{}']\nheader = 'x-signature'\nencoding = 'hex'",
        path.display()
    );
    let access = Access {
        signature: Some(toml::from_str(&text).unwrap()),
        ..Access::default()
    };
    let partners = BTreeMap::from([(north(), access)]);
    let sink = TestSink::open();
    let ingress =
        Ingress::build(&Config::default(), &partners, Arc::clone(&sink), clock()).unwrap();
    let client = Client {
        router: ingress.router(),
        authorization: String::new(),
        sink,
        ingress,
    };
    let mut body = vec![b'x'; 300 * 1024];
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"s3cret"), &body);
    let hex: String = mac
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let headers = [("x-signature", hex.as_str())];
    let accepted = client.ask(PATH, &headers, body.clone()).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    let digest = format!("signed:{}", Digest::of(&body));
    let message = &client.sink.accepted()[0];
    assert_eq!(message.idempotency_key.as_deref(), Some(digest.as_str()));
    body[299 * 1024] = b'y';
    let refused = client.ask(PATH, &headers, body).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}
