//! How a simulated partner sends: to the host's ingress, proving who it is in the way
//! that the real one does.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::partner::Outgoing;
use crate::{
    clock::Clock,
    ingress::authenticate::{NoRandomness, Token},
};

/// From connect to the last byte, in milliseconds.
const TIMEOUT_MS: u64 = 10_000;

/// How often a message is offered before the partner gives up.
const ATTEMPTS_MAX: u32 = 5;

/// The pause after a failed attempt.
const PAUSE: Duration = Duration::from_millis(200);

/// How secrets of Standard Webhooks begin; what follows is base64.
const SECRET_PREFIX: &str = "whsec_";

/// One partner's way into the host.
#[derive(Clone, Debug)]
pub struct Ingress {
    client: reqwest::Client,
    url: String,
    proof: Proof,
}

/// How the partner proves who it is.
#[derive(Clone)]
enum Proof {
    /// By a token; each message has its key in `Idempotency-Key`.
    Keyed(String),
    /// By a token; a message has no key but what it says.
    Bare(String),
    /// By a signature (Standard Webhooks); the key is `webhook-id`.
    Signed(Vec<u8>, Clock),
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same each time it is sent.
    pub key: String,
    /// `X-Correlation-Id`, where the partner has one.
    pub correlation_id: Option<String>,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
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

/// A signing secret that is none: `whsec_` and base64 is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is `{SECRET_PREFIX}` and base64")]
pub struct InvalidSecret;

/// A client for loopback: no proxy, no certificates.
///
/// # Errors
/// When it can't be made.
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
    /// The way of `partner` into the host at `host`, with a token and a key for each
    /// message.
    #[must_use]
    pub fn new(client: reqwest::Client, host: &str, partner: &str, token: &str) -> Self {
        Self::by(client, host, partner, Proof::Keyed(token.to_owned()))
    }

    /// The same for a partner whose software knows no idempotency keys.
    #[must_use]
    pub fn keyless(client: reqwest::Client, host: &str, partner: &str, token: &str) -> Self {
        Self::by(client, host, partner, Proof::Bare(token.to_owned()))
    }

    /// The same for a partner that signs by Standard Webhooks, with `whsec_…`.
    ///
    /// # Errors
    /// When that is no secret.
    pub fn signed(
        client: reqwest::Client,
        host: &str,
        partner: &str,
        secret: &str,
        clock: Clock,
    ) -> Result<Self, InvalidSecret> {
        let text = secret.strip_prefix(SECRET_PREFIX).ok_or(InvalidSecret)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| InvalidSecret)?;
        Ok(Self::by(client, host, partner, Proof::Signed(bytes, clock)))
    }

    fn by(client: reqwest::Client, host: &str, partner: &str, proof: Proof) -> Self {
        Self {
            client,
            url: format!("{host}/v1/partners/{partner}/messages"),
            proof,
        }
    }

    /// Sends a message, again and again under the same key where the host is not
    /// reached or has no room.
    ///
    /// # Errors
    /// Says what the host did instead of answering.
    pub async fn send(&self, message: Message) -> Result<Answer, String> {
        let mut attempt = 1;
        loop {
            let said = match self.offer(&message).await {
                // It is the host's state that these speak of, not the message.
                Ok(answer) if answer.status < 500 && ![408, 409, 429].contains(&answer.status) => {
                    return Ok(answer);
                }
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
            .header("content-type", message.content_type)
            .body(message.body.clone());
        for (name, value) in &message.headers {
            request = request.header(*name, value);
        }
        if let Some(correlation_id) = &message.correlation_id {
            request = request.header("x-correlation-id", correlation_id);
        }
        request = match &self.proof {
            Proof::Keyed(token) => request
                .bearer_auth(token)
                .header("idempotency-key", &message.key),
            Proof::Bare(token) => request.bearer_auth(token),
            Proof::Signed(secret, clock) => {
                let seconds = clock.now().as_millis() / 1_000;
                request
                    .header("webhook-id", &message.key)
                    .header("webhook-timestamp", seconds)
                    .header(
                        "webhook-signature",
                        signature(secret, &message.key, seconds, &message.body),
                    )
            }
        };
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

/// `v1,` and HMAC-SHA256 of `id.seconds.body` in base64 (Standard Webhooks,
/// "Signature scheme").
#[must_use]
pub fn signature(secret: &[u8], id: &str, seconds: i64, body: &[u8]) -> String {
    // A key of any length will do (RFC 2104, 2), so there is always a MAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return String::new();
    };
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

/// A new signing secret: `whsec_` and 32 bytes in base64, of a new token.
///
/// # Errors
/// When the system gives no randomness.
pub fn signing_secret() -> Result<String, NoRandomness> {
    let random = Sha256::digest(Token::generate()?.expose());
    Ok(format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(random)))
}

// === impl Proof ===

impl std::fmt::Debug for Proof {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Proof(hidden)")
    }
}

// === impl Message ===

impl From<Outgoing> for Message {
    fn from(outgoing: Outgoing) -> Self {
        Self {
            key: outgoing.key,
            correlation_id: outgoing.correlation_id,
            content_type: outgoing.content_type,
            headers: outgoing.headers,
            body: outgoing.body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_standard_webhooks_says() {
        // The example of the specification's own libraries.
        let secret = BASE64_STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .unwrap();
        assert_eq!(
            signature(
                &secret,
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#,
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_new_secret_is_one() {
        let secret = signing_secret().unwrap();
        let way = |secret: &str| {
            Ingress::signed(
                client().unwrap(),
                "http://h",
                "p",
                secret,
                Clock::manual(crate::clock::Timestamp::EPOCH),
            )
        };
        assert!(way(&secret).is_ok());
        assert!(!format!("{:?}", way(&secret)).contains(&secret));
        assert_eq!(way("whsec_?").unwrap_err(), InvalidSecret);
        assert_eq!(way("secret").unwrap_err(), InvalidSecret);
    }
}
