//! The host's HTTP surface, as partners and operators use it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

use super::{WAIT, until};

/// From connect to the last byte. A killed host answers nothing, and says so at once;
/// this is for one that hangs.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The pause before a message is sent again.
const PATIENCE: Duration = Duration::from_millis(3);

/// Rows of one page.
const PAGE: usize = 1_000;

/// Where the host is; empty while none runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Address(Arc<Mutex<String>>);

/// Speaks with the host of a site, also with the next one after a restart.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    address: Address,
    operator: Arc<str>,
    tokens: Arc<BTreeMap<String, String>>,
}

/// What the host answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// With these headers.
    pub headers: HeaderMap,
    /// The body; null when it is no JSON.
    pub body: Value,
}

// === impl Address ===

impl Address {
    pub(super) fn get(&self) -> String {
        self.lock().clone()
    }

    pub(super) fn set(&self, address: &str) {
        address.trim().clone_into(&mut self.lock());
    }

    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Api ===

impl Api {
    pub(super) fn new(
        address: Address,
        operator: String,
        tokens: BTreeMap<String, String>,
    ) -> Self {
        Self {
            client: client(),
            address,
            operator: operator.into(),
            tokens: tokens.into(),
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Where the host listens, for those that speak with it by themselves.
    ///
    /// # Panics
    /// When none is ready.
    #[must_use]
    pub fn socket(&self) -> SocketAddr {
        let url = self.address.get();
        let address = url.strip_prefix("http://").expect("a host is ready");
        address.parse().expect("a host says where it listens")
    }

    pub(super) async fn is_ready(&self) -> bool {
        let asked = self.request(Method::GET, "/readyz").send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends a partner's message.
    ///
    /// # Errors
    /// When there is no answer: whether the message was accepted nobody knows.
    ///
    /// # Panics
    /// When the site has no such partner.
    pub async fn send(
        &self,
        partner: &str,
        key: &str,
        body: &Value,
    ) -> Result<Answer, reqwest::Error> {
        let token = self.tokens.get(partner).expect("the partner sends");
        let request = self
            .request(Method::POST, &format!("/v1/partners/{partner}/messages"))
            .bearer_auth(token)
            .header("content-type", "application/json")
            .header("idempotency-key", format!("\"{key}\""))
            .body(body.to_string());
        answered(request).await
    }

    /// Sends bytes of any kind as a partner's message and gives its id.
    ///
    /// # Panics
    /// When it is not accepted, or the site has no such partner.
    pub async fn accepted_bytes(&self, partner: &str, body: impl Into<reqwest::Body>) -> String {
        let token = self.tokens.get(partner).expect("the partner sends");
        let request = self
            .request(Method::POST, &format!("/v1/partners/{partner}/messages"))
            .bearer_auth(token)
            .body(body);
        let answer = answered(request).await.expect("the host answers");
        assert_eq!(answer.status, 202, "{}", answer.body);
        text(&answer.body["message_id"]).to_owned()
    }

    /// Sends bytes as a partner's message with these headers and no token.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send_bytes(
        &self,
        partner: &str,
        headers: &[(&str, String)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let path = format!("/v1/partners/{partner}/messages");
        let request = self.request(Method::POST, &path).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, value)
        });
        answered(request).await.expect("the host answers")
    }

    /// Asks without a token and without a body; gives status and text.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn plain(&self, method: &str, path: &str) -> (u16, String) {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let answer = self.request(method, path).send().await;
        let answer = answer.expect("the host answers");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("a whole answer"))
    }

    /// What the host counts, as Prometheus reads it.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn metrics(&self) -> String {
        let request = self.request(Method::GET, "/metrics");
        let answer = request.bearer_auth(&self.operator).send().await;
        let answer = answer.expect("the host answers").text().await;
        answer.expect("a whole answer")
    }

    /// Sends a partner's message and gives its id.
    ///
    /// # Panics
    /// When it is not accepted.
    pub async fn accepted(&self, partner: &str, key: &str, body: &Value) -> String {
        let answer = self
            .send(partner, key, body)
            .await
            .expect("the host answers");
        assert_eq!(answer.status, 202, "{}", answer.body);
        text(&answer.body["message_id"]).to_owned()
    }

    /// Sends a partner's message until it is accepted, under one key, as a partner
    /// does that loses its connection; gives its id and whether an earlier request
    /// had brought it.
    ///
    /// # Panics
    /// When it is refused, or not accepted within [`WAIT`].
    pub async fn acknowledged(&self, partner: &str, key: &str, body: &Value) -> (String, bool) {
        let deadline = Instant::now() + WAIT;
        loop {
            match self.send(partner, key, body).await {
                Ok(answer) if answer.status == 202 => {
                    let replayed = answer.headers.contains_key("idempotency-replayed");
                    return (text(&answer.body["message_id"]).to_owned(), replayed);
                }
                // Its own earlier request is still being accepted, there are too many,
                // or the host is stopping.
                Ok(answer) => assert!(
                    [409, 429, 503].contains(&answer.status),
                    "{}: {}",
                    answer.status,
                    answer.body
                ),
                // The host is away: whether it has the message nobody knows.
                Err(error) => assert!(Instant::now() < deadline, "{key} is not accepted: {error}"),
            }
            tokio::time::sleep(PATIENCE).await;
        }
    }

    /// Asks for something.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn get(&self, path: &str) -> Value {
        self.asked(Method::GET, path, None).await
    }

    /// Asks for something that may not be there.
    ///
    /// # Panics
    /// When it is refused for another reason.
    pub async fn find(&self, path: &str) -> Option<Value> {
        let answer = self.shown(path, &[]).await;
        assert!(
            [200, 404].contains(&answer.status),
            "{path}: {}",
            answer.body
        );
        (answer.status == 200).then_some(answer.body)
    }

    /// Asks for something to be done, and gives the answer whatever it is.
    ///
    /// # Panics
    /// When there is none.
    pub async fn tried(&self, path: &str, body: &Value) -> Answer {
        self.posted(path, &[], body).await
    }

    /// The same with these headers.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn posted(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .body(body.to_string());
        self.exchanged(request, headers).await
    }

    /// Asks for something with these headers, and gives the answer whatever it is.
    ///
    /// # Panics
    /// When there is none.
    pub async fn shown(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.request(Method::GET, path);
        self.exchanged(request, headers).await
    }

    /// Asks for something that is no JSON.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn get_text(&self, path: &str) -> String {
        let request = self.request(Method::GET, path).bearer_auth(&self.operator);
        let answer = request.send().await.expect("the host answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.text().await.expect("the answer is whole")
    }

    /// Has something done.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        self.asked(Method::POST, path, Some(body)).await
    }

    /// Puts something there as the operator, and gives the answer whatever it is.
    ///
    /// # Panics
    /// When there is none.
    pub async fn put(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let request = self.request(Method::PUT, path).body(body.to_owned());
        self.exchanged(request, headers).await
    }

    /// A message with all that is told of it.
    pub async fn message(&self, id: &str) -> Value {
        self.get(&format!("/v1/messages/{id}")).await
    }

    /// All messages, newest first.
    pub async fn messages(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut path = format!("/v1/messages?limit={PAGE}");
        loop {
            let page = self.get(&path).await;
            all.extend_from_slice(array(&page["messages"]));
            let Some(next) = page["next"].as_str() else {
                return all;
            };
            path = format!("/v1/messages?limit={PAGE}&before={next}");
        }
    }

    /// All that waits, or waited, for a person.
    pub async fn dead_letters(&self) -> Vec<Value> {
        let found = self
            .get(&format!("/v1/dead-letters?replayed=true&limit={PAGE}"))
            .await;
        array(&found["dead_letters"]).to_vec()
    }

    /// How a partner stands.
    pub async fn partner(&self, name: &str) -> Value {
        self.get(&format!("/v1/partners/{name}")).await
    }

    /// The state that a partner's breaker is in: `closed`, `open`, `half-open`.
    pub async fn breaker(&self, partner: &str) -> String {
        let breaker = &self.partner(partner).await["breaker"];
        let state = breaker["state"].as_str();
        state.expect("the partner has a breaker").to_owned()
    }

    /// Waits until a message is decoded and none of its deliveries is under way any
    /// more; gives all that is told of it.
    pub async fn settled(&self, id: &str) -> Value {
        until(format!("message {id} to be settled"), async || {
            let message = self.message(id).await;
            let deliveries = array(&message["deliveries"]);
            let open = ["queued", "in-flight", "retrying"];
            let busy = deliveries
                .iter()
                .any(|it| open.contains(&text(&it["status"])));
            if busy || message["message"]["status"] == "accepted" {
                return Err(message.to_string());
            }
            Ok(message)
        })
        .await
    }

    /// Waits until nothing is left to decode or deliver.
    pub async fn until_idle(&self) {
        self.until_idle_but_for("").await;
    }

    /// The same, whatever waits for one partner.
    pub async fn until_idle_but_for(&self, excepted: &str) {
        until("no work to be left", async || {
            let undecoded = self.get("/v1/messages?status=accepted&limit=1").await;
            let partners = self.get("/v1/partners").await;
            let busy: Vec<_> = array(&partners["partners"])
                .iter()
                .filter(|partner| partner["name"] != excepted && is_busy(partner))
                .collect();
            if busy.is_empty() && array(&undecoded["messages"]).is_empty() {
                return Ok(());
            }
            Err(json!([busy, undecoded]).to_string())
        })
        .await;
    }

    async fn asked(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let mut request = self.request(method, path).bearer_auth(&self.operator);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = answered(request)
            .await
            .unwrap_or_else(|error| panic!("{path} is not answered: {error}"));
        assert!(
            (200..300).contains(&answer.status),
            "{path} answers {}: {}",
            answer.status,
            answer.body
        );
        answer.body
    }

    /// As the operator.
    async fn exchanged(&self, request: RequestBuilder, headers: &[(&str, &str)]) -> Answer {
        let request = request.bearer_auth(&self.operator);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        answered(request).await.expect("the host answers")
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // Without a host the address is no URL, and the request fails when it is sent.
        self.client
            .request(method, format!("{}{path}", self.address.get()))
    }
}

/// Whether something waits for a partner or is under way. What is durable and has not
/// reached the lane yet is known by its control number.
fn is_busy(partner: &Value) -> bool {
    let count = |name: &str| partner[name].as_u64().unwrap_or_default();
    let counts = ["undecoded", "waiting", "in_flight"];
    counts.into_iter().any(|name| count(name) > 0)
        || (count("dead") == 0 && count("delivered") != count("control_number"))
}

/// The elements of a list; none of anything else.
#[must_use]
pub fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text; nothing of anything else.
#[must_use]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

async fn answered(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await?;
    Ok(Answer {
        status,
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

/// A client for loopback: no proxy, no certificates.
fn client() -> Client {
    // The client wants one although it will not encrypt; another one is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(TIMEOUT);
    builder.build().expect("a client can be made")
}
