//! How a simulated partner sends: to the host's ingress, with its own token.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// From connect to the last byte, in milliseconds.
const TIMEOUT_MS: u64 = 10_000;

/// How often a message is offered before the partner gives up.
const ATTEMPTS_MAX: u32 = 5;

/// The pause after a failed attempt.
const PAUSE: Duration = Duration::from_millis(200);

/// One partner's way into the host.
#[derive(Clone, Debug)]
pub struct Ingress {
    client: reqwest::Client,
    url: String,
    token: String,
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct Message {
    /// `Idempotency-Key`.
    pub key: String,
    /// `X-Correlation-Id`, where the partner has one.
    pub correlation_id: Option<String>,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The bytes.
    pub body: Bytes,
}

/// What the host said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 202 when the message is the host's now.
    pub status: u16,
    /// Under this id; empty when refused.
    pub message_id: String,
    /// And this correlation id; empty when refused.
    pub correlation_id: String,
    /// Whether it was the host's already.
    pub replayed: bool,
}

/// A client for loopback: no proxy, no certificates.
pub fn client() -> reqwest::Result<reqwest::Client> {
    // The client wants one although it will not encrypt; another one is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(Duration::from_millis(TIMEOUT_MS))
        .build()
}

// === impl Ingress ===

impl Ingress {
    /// The way of `partner` into the host at `host`.
    pub fn new(client: reqwest::Client, host: &str, partner: &str, token: &str) -> Self {
        Self {
            client,
            url: format!("{host}/v1/partners/{partner}/messages"),
            token: token.to_owned(),
        }
    }

    /// Sends a message, again and again under the same key where the host is not
    /// reached or has no room.
    pub async fn send(&self, message: Message) -> Result<Answer, String> {
        let mut attempt = 1;
        loop {
            let said = match self.offer(&message).await {
                Ok(answer) if answer.status < 500 => return Ok(answer),
                Ok(answer) => format!("the host answers {}", answer.status),
                Err(error) => format!("the host is not reached: {error}"),
            };
            if attempt == ATTEMPTS_MAX {
                return Err(said);
            }
            attempt += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn offer(&self, message: &Message) -> reqwest::Result<Answer> {
        let mut request = self
            .client
            .post(&self.url)
            .bearer_auth(&self.token)
            .header("content-type", message.content_type)
            .header("idempotency-key", &message.key)
            .body(message.body.clone());
        if let Some(correlation_id) = &message.correlation_id {
            request = request.header("x-correlation-id", correlation_id);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let replayed = response.headers().contains_key("idempotency-replayed");
        let body: Value = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Ok(Answer {
            status,
            message_id: text("message_id"),
            correlation_id: text("correlation_id"),
            replayed,
        })
    }
}
