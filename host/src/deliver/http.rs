//! Delivery over HTTP: one request to one partner endpoint, and its answer.
//!
//! Promises: a request goes to the endpoint's own host and below its base path,
//! whatever the adapter asked for; only to addresses the [`Policy`] allows,
//! checked when connecting; no redirect is followed and no proxy used; the host
//! alone sets what authenticates and identifies a request; time and answer are
//! bounded. An error says whether the partner may have received the request.
//! Tokens and cookies are fetched, kept and sent here, in memory, and nobody else
//! sees them.
//!
//! It sends a request once, but for a token that the partner refuses (401): then it
//! goes once more with a new one. Whether to send it again otherwise is for `retry`,
//! the lane and the adapter to decide.

mod error;
mod jar;
mod request;
mod tokens;
mod wire;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use reqwest::{Url, dns::Resolve};

pub use self::{
    error::TransportError,
    request::{Identity, InvalidRequest, Request},
    tokens::NoToken,
};
use self::{
    jar::Jars,
    request::{Base, Prepared},
    tokens::Tokens,
    wire::{Bounds, Wire},
};
use super::{
    address::{Denied, Policy, SystemNames},
    breaker::Outcome,
    credentials::{
        Credential, Signed,
        oauth::{Grant, Status, Token},
    },
};
use crate::clock::Timestamp;

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
    /// What else it may authenticate with, by the names that adapters choose by.
    pub named: BTreeMap<String, Credential>,
}

/// A partner endpoint that speaks HTTP: its connections, its rules, its tokens and the
/// cookies of its conversations. Clones share them.
#[derive(Clone, Debug)]
pub struct Client {
    wire: Wire,
    base: Base,
    own: Keyring,
    named: Arc<BTreeMap<String, Keyring>>,
    jars: Arc<Jars>,
}

/// A credential, and its tokens where it has any.
#[derive(Clone, Debug)]
struct Keyring {
    credential: Credential,
    tokens: Option<Tokens>,
}

/// What belongs to one request beside its content.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Which of the named credentials; the endpoint's own if absent.
    pub credential: Option<&'a str>,
    /// Whose cookies it takes along and brings.
    pub conversation: &'a str,
    /// Tells it from the conversation's other requests; the same when it is sent again.
    pub id: &'a str,
    /// When it is sent.
    pub now: Timestamp,
}

/// How a credential stands, for people; never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The name that adapters choose it by; absent for the endpoint's own.
    pub name: Option<String>,
    /// Its `kind` in the configuration.
    pub kind: &'static str,
    /// Its token; absent for a kind that has none.
    pub token: Option<Status<NoToken>>,
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
    /// Whether it answers the second of two requests: the first one's token was
    /// refused.
    pub again: bool,
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
    /// The same of the token endpoint of a credential.
    #[error("the token endpoint of {setting}: {source}")]
    TokenEndpoint {
        /// The credential.
        setting: String,
        /// What is wrong.
        source: Box<BuildError>,
    },
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
        let bounds = Bounds {
            timeout_ms: config.timeout_ms,
            connect_timeout_ms: config.connect_timeout_ms,
            response_bytes_max: config.response_bytes_max,
            connections_max: config.connections_max,
        };
        let keyring = |credential: Credential| {
            let tokens = match &credential {
                Credential::Token(grant) => Some(
                    Tokens::new(
                        Grant::clone(grant),
                        &config.addresses,
                        config.connect_timeout_ms,
                        Arc::clone(&names),
                    )
                    .map_err(|source| BuildError::TokenEndpoint {
                        setting: grant.setting().to_owned(),
                        source: Box::new(source),
                    })?,
                ),
                Credential::None | Credential::Fixed(..) | Credential::Signed(_) => None,
            };
            Ok::<_, BuildError>(Keyring { credential, tokens })
        };
        let own = keyring(config.credential)?;
        let named = config
            .named
            .into_iter()
            .map(|(name, credential)| Ok((name, keyring(credential)?)))
            .collect::<Result<_, BuildError>>()?;
        Ok(Self {
            wire: Wire::new(base.url(), config.addresses.clone(), names, bounds)?,
            base,
            own,
            named: Arc::new(named),
            jars: Arc::default(),
        })
    }

    /// Sends one request and reads the answer, whatever its status. Where the
    /// credential is a token that the partner refuses with 401, the request goes once
    /// more with a new one: 401 says that it was not carried out.
    ///
    /// # Errors
    /// [`TransportError`] when there is no whole answer; it says whether the
    /// partner may have received the request all the same.
    pub async fn perform(
        &self,
        request: Request,
        identity: Identity<'_>,
        call: Call<'_>,
    ) -> Result<Response, TransportError> {
        let keyring = self.keyring(call.credential)?;
        let prepared = request.prepare(&self.base, &keyring.credential, identity)?;
        let Some(tokens) = &keyring.tokens else {
            return self.exchange(&prepared, keyring, None, call).await;
        };
        let token = tokens.token(call.now).await?;
        let response = self
            .exchange(&prepared, keyring, Some(&token), call)
            .await?;
        if response.status != StatusCode::UNAUTHORIZED || !tokens.refused(&token, call.now) {
            return Ok(response);
        }
        let token = tokens.token(call.now).await?;
        let response = self
            .exchange(&prepared, keyring, Some(&token), call)
            .await?;
        Ok(Response {
            again: true,
            ..response
        })
    }

    /// Whether cookies of this conversation are kept.
    #[must_use]
    pub fn holds_cookies(&self, conversation: impl std::fmt::Display) -> bool {
        // Its name is made only where there are cookies at all.
        !self.jars.is_empty() && self.jars.holds(&conversation.to_string())
    }

    /// The conversation is over: its cookies are forgotten.
    pub fn forget(&self, conversation: &str) {
        self.jars.forget(conversation);
    }

    /// How its credentials stand, its own first.
    #[must_use]
    pub fn credentials(&self) -> Vec<Standing> {
        let named = self.named.iter().map(|(name, it)| (Some(name), it));
        let all = std::iter::once((None, &self.own)).chain(named);
        all.map(|(name, keyring)| Standing {
            name: name.cloned(),
            kind: keyring.credential.kind(),
            token: keyring.tokens.as_ref().map(Tokens::status),
        })
        .collect()
    }

    fn keyring(&self, name: Option<&str>) -> Result<&Keyring, TransportError> {
        let Some(name) = name else {
            return Ok(&self.own);
        };
        self.named
            .get(name)
            .ok_or_else(|| TransportError::CredentialUnknown {
                name: name.chars().take(64).collect(),
                known: self.named.keys().cloned().collect(),
            })
    }

    async fn exchange(
        &self,
        prepared: &Prepared,
        keyring: &Keyring,
        token: Option<&Token>,
        call: Call<'_>,
    ) -> Result<Response, TransportError> {
        let mut request = prepared.request();
        let url = prepared.url();
        let headers = request.headers_mut();
        let signed = Signed {
            id: call.id,
            at: call.now,
            body: prepared.body(),
        };
        keyring.credential.apply(headers, &signed);
        if let Some(token) = token {
            token.apply(headers);
        }
        self.jars.apply(call.conversation, url, headers, call.now);
        let mut response = self.wire.exchange(request).await?;
        let headers = &mut response.headers;
        self.jars.keep(call.conversation, url, headers, call.now);
        Ok(response)
    }
}

/// What an exchange tells the breaker: 5xx and no answer are failures, 429 with
/// `Retry-After` is a wait, everything else is a partner that is alive. `retry_after` is
/// how long the answer asks to wait.
#[must_use]
pub fn outcome(
    result: &Result<Response, TransportError>,
    retry_after: Option<Duration>,
) -> Outcome {
    let response = match result {
        Ok(response) => response,
        Err(error) => return error.outcome(),
    };
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
