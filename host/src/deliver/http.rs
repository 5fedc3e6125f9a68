//! Delivery over HTTP: one request to one partner endpoint, and its answer.
//!
//! Promises: a request goes to the endpoint's own host and below its base path,
//! whatever the adapter asked for; only to addresses the [`Policy`] allows,
//! checked when connecting; no redirect is followed and no proxy used; the host
//! alone sets what authenticates and identifies a request; time and answer are
//! bounded. An error says whether the partner may have received the request.
//!
//! It sends a request once. Whether to send it again is for `retry`, the lane
//! and the adapter to decide.

mod error;
mod request;

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use reqwest::{Url, dns::Resolve, redirect, retry};

use self::request::Base;
pub use self::{
    error::TransportError,
    request::{Identity, InvalidRequest, Request},
};
use super::{
    address::{Denied, Guarded, Policy, SystemNames},
    breaker::Outcome,
    credentials::Credential,
    retry_after,
};
use crate::clock::Timestamp;

/// How long a connection may wait unused. Below the 60 s after which common
/// servers and load balancers close them, so that a request seldom meets a
/// connection that is just being closed.
const POOL_IDLE_MS: u64 = 50_000;

/// The most headers an answer may have.
const RESPONSE_HEADERS_MAX: usize = 100;

/// How the host introduces itself.
const USER_AGENT: &str = concat!("crossdock/", env!("CARGO_PKG_VERSION"));

/// What a client is made from; [`super::endpoint::Config`] documents the
/// settings behind it.
#[derive(Clone, Debug)]
pub struct Config {
    /// What every request's path is joined to.
    pub url: Url,
    /// From the request's start to the answer's last byte.
    pub timeout_ms: u64,
    /// For name, connection and TLS together.
    pub connect_timeout_ms: u64,
    /// The longest answer's body.
    pub response_bytes_max: usize,
    /// Connections kept open.
    pub connections_max: usize,
    /// What it may reach.
    pub addresses: Policy,
    /// What it authenticates with.
    pub credential: Credential,
}

/// A partner endpoint that speaks HTTP: its connections and its rules.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Base,
    credential: Credential,
    timeout_ms: u64,
    connect_timeout_ms: u64,
    response_bytes_max: usize,
}

/// What the partner answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status; redirects come back as they are.
    pub status: StatusCode,
    /// The headers, without `Set-Cookie`: a session of the partner's is a
    /// secret, and adapters see these.
    pub headers: HeaderMap,
    /// The body as it came, at most `response_bytes_max`.
    pub body: Bytes,
    /// From the request's start to the answer's last byte.
    pub took: Duration,
}

/// Settings from which no client can be made. Always the settings' fault.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The URL cannot be the base of requests.
    #[error("the url {rule}")]
    Url {
        /// What it breaks.
        rule: &'static str,
    },
    /// The URL holds an address that must not be reached.
    #[error(transparent)]
    Address(#[from] Denied),
    /// The TLS roots of the machine or the client itself.
    #[error("the http client cannot be made")]
    Client(#[source] reqwest::Error),
}

// === impl Client ===

impl Client {
    /// A client for one endpoint.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn new(config: Config) -> Result<Self, BuildError> {
        Self::with_names(config, Arc::new(SystemNames))
    }

    /// A client that resolves names with `names`, and checks what they give.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn with_names(config: Config, names: Arc<dyn Resolve>) -> Result<Self, BuildError> {
        let base = Base::new(config.url).map_err(|rule| BuildError::Url { rule })?;
        config.addresses.check_host(base.url())?;
        // reqwest takes the process's provider. Another part may have set it
        // before; which one it is does not matter.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
            .pool_idle_timeout(Duration::from_millis(POOL_IDLE_MS))
            .pool_max_idle_per_host(config.connections_max)
            .http1_max_headers(RESPONSE_HEADERS_MAX)
            .dns_resolver(Arc::new(Guarded::new(config.addresses, names)));
        if base.url().scheme() == "http" {
            // Reading the machine's roots takes milliseconds, and fails on
            // machines that have none; nobody needs them here.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            http: builder.build().map_err(BuildError::Client)?,
            base,
            credential: config.credential,
            timeout_ms: config.timeout_ms,
            connect_timeout_ms: config.connect_timeout_ms,
            response_bytes_max: config.response_bytes_max,
        })
    }

    /// Sends one request and reads the answer, whatever its status.
    ///
    /// # Errors
    /// [`TransportError`] when there is no whole answer; it says whether the
    /// partner may have received the request all the same.
    pub async fn perform(
        &self,
        request: Request,
        identity: Identity<'_>,
    ) -> Result<Response, TransportError> {
        let request = request.into_http(&self.base, &self.credential, identity)?;
        let timeout = Duration::from_millis(self.timeout_ms);
        tokio::time::timeout(timeout, self.exchange(request))
            .await
            .unwrap_or(Err(TransportError::Timeout {
                after_ms: self.timeout_ms,
            }))
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<Response, TransportError> {
        let started = Instant::now();
        let mut response = self
            .http
            .execute(request)
            .await
            .map_err(|error| TransportError::of_sending(&error, self.connect_timeout_ms))?;
        let body = self.read_body(&mut response).await?;
        let mut headers = mem::take(response.headers_mut());
        headers.remove(http::header::SET_COOKIE);
        Ok(Response {
            status: response.status(),
            headers,
            body,
            took: started.elapsed(),
        })
    }

    async fn read_body(&self, response: &mut reqwest::Response) -> Result<Bytes, TransportError> {
        let limit = self.response_bytes_max;
        let too_large = TransportError::BodyTooLarge { bytes_max: limit };
        let announced = response.content_length().unwrap_or(0);
        if announced > limit as u64 {
            return Err(too_large);
        }
        let read = |error| TransportError::of_reading(&error);
        let Some(first) = response.chunk().await.map_err(read)? else {
            return Ok(Bytes::new());
        };
        if first.len() > limit {
            return Err(too_large);
        }
        // Most answers come in one piece, which is then not copied.
        let Some(mut chunk) = response.chunk().await.map_err(read)? else {
            return Ok(first);
        };
        let mut body = BytesMut::from(first);
        loop {
            if body.len() + chunk.len() > limit {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
            match response.chunk().await.map_err(read)? {
                Some(more) => chunk = more,
                None => return Ok(body.freeze()),
            }
        }
    }
}

// === impl Response ===

impl Response {
    /// How long the partner asks to be left alone.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        retry_after::from_headers(&self.headers, now)
    }
}

/// What an exchange tells the breaker: 5xx and no answer are failures, 429 with
/// `Retry-After` is a wait, everything else is a partner that is alive.
#[must_use]
pub fn outcome(result: &Result<Response, TransportError>, now: Timestamp) -> Outcome {
    let response = match result {
        Ok(response) => response,
        Err(error) => return error.outcome(),
    };
    let retry_after = response.retry_after(now);
    match response.status {
        StatusCode::TOO_MANY_REQUESTS => match retry_after {
            Some(retry_after) => Outcome::Throttled { retry_after },
            None => Outcome::Failed { retry_after },
        },
        StatusCode::REQUEST_TIMEOUT => Outcome::Failed { retry_after },
        status if status.is_server_error() => Outcome::Failed { retry_after },
        _ => Outcome::Answered {
            took: response.took,
        },
    }
}

#[cfg(test)]
mod tests;
