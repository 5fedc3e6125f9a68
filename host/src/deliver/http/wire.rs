//! A bounded exchange with one host: the HTTP client, its rules and its limits.
//!
//! What holds for requests to a partner holds for those to its token endpoint: only
//! allowed addresses, checked when connecting; no redirects, no proxies, no repeats;
//! time and answer bounded.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use reqwest::{Url, dns::Resolve, redirect, retry};

use super::{BuildError, Response, TransportError};
use crate::deliver::address::{Guarded, Policy};

/// How long a connection may wait unused. Below the 60 s after which common
/// servers and load balancers close them, so that a request seldom meets a
/// connection that is just being closed.
const POOL_IDLE_MS: u64 = 50_000;

/// The most headers an answer may have.
pub(super) const RESPONSE_HEADERS_MAX: usize = 100;

/// How the host introduces itself.
const USER_AGENT: &str = concat!("crossdock/", env!("CARGO_PKG_VERSION"));

/// Within which bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// From the request's start to the answer's last byte.
    pub(super) timeout_ms: u64,
    /// For name, connection and TLS together.
    pub(super) connect_timeout_ms: u64,
    /// The longest answer's body.
    pub(super) response_bytes_max: usize,
    /// Connections kept open.
    pub(super) connections_max: usize,
}

/// What carries requests to one host.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    http: reqwest::Client,
    bounds: Bounds,
}

// === impl Wire ===

impl Wire {
    /// Reaches the host of `url`, if `addresses` allow it; names are resolved by
    /// `names`.
    pub(super) fn new(
        url: &Url,
        addresses: Policy,
        names: Arc<dyn Resolve>,
        bounds: Bounds,
    ) -> Result<Self, BuildError> {
        addresses.check_host(url)?;
        // reqwest takes the process's provider. Another part may have set it
        // before; which one it is does not matter.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(Duration::from_millis(bounds.connect_timeout_ms))
            .pool_idle_timeout(Duration::from_millis(POOL_IDLE_MS))
            .pool_max_idle_per_host(bounds.connections_max)
            .http1_max_headers(RESPONSE_HEADERS_MAX)
            .dns_resolver(Arc::new(Guarded::new(addresses, names)));
        if url.scheme() == "http" {
            // Reading the machine's roots takes milliseconds, and fails on
            // machines that have none; nobody needs them here.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            http: builder.build().map_err(BuildError::Client)?,
            bounds,
        })
    }

    /// Sends one request and reads the answer, whatever its status.
    pub(super) async fn exchange(
        &self,
        request: reqwest::Request,
    ) -> Result<Response, TransportError> {
        let after_ms = self.bounds.timeout_ms;
        tokio::time::timeout(Duration::from_millis(after_ms), self.unbounded(request))
            .await
            .unwrap_or(Err(TransportError::Timeout { after_ms }))
    }

    async fn unbounded(&self, request: reqwest::Request) -> Result<Response, TransportError> {
        let started = Instant::now();
        let connect_timeout_ms = self.bounds.connect_timeout_ms;
        let mut response = self
            .http
            .execute(request)
            .await
            .map_err(|error| TransportError::of_sending(&error, connect_timeout_ms))?;
        let body = self.read_body(&mut response).await?;
        Ok(Response {
            status: response.status(),
            headers: mem::take(response.headers_mut()),
            body,
            took: started.elapsed(),
            again: false,
        })
    }

    async fn read_body(&self, response: &mut reqwest::Response) -> Result<Bytes, TransportError> {
        let limit = self.bounds.response_bytes_max;
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
