//! Fetching tokens: one request at a time, however many deliveries wait for one.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use http::{HeaderValue, Method, header};
use reqwest::dns::Resolve;

use super::{
    BuildError, TransportError,
    wire::{Bounds, Wire},
};
use crate::{
    clock::Timestamp,
    deliver::{
        Fault,
        address::Policy,
        credentials::oauth::{ANSWER_BYTES_MAX, Cache, Grant, Plan, Refusal, Status, Token},
        retry_after,
    },
};

/// For how long a failure stands for the next asker too: deliveries that run side by
/// side all need a token at once, and one request is enough to know that there is none.
const FAILURE_STANDS: Duration = Duration::from_secs(1);

/// The same when we are refused: many servers lock a client out that tries a wrong
/// secret again and again.
const REFUSAL_STANDS: Duration = Duration::from_secs(10);

/// The longest that a token endpoint is left alone because it asks for it.
const STANDS_MAX: Duration = Duration::from_secs(300);

/// Why there is no token. The request that needed it was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// The token endpoint said so.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The token endpoint can't do it now, and says when to come back.
    #[error("{source}; it asks to be left alone for {} s", .wait.as_secs())]
    Later {
        /// What it answered.
        source: Refusal,
        /// For how long.
        wait: Duration,
    },
    /// The token endpoint gave no whole answer.
    #[error("no token: {0}")]
    Unreached(Box<TransportError>),
}

/// The token of one credential. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Tokens(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    grant: Grant,
    wire: Wire,
    cache: Mutex<Cache<NoToken>>,
    /// Held by whoever asks the token endpoint.
    flight: Arc<tokio::sync::Mutex<()>>,
}

// === impl NoToken ===

impl NoToken {
    /// A stable name for events, metrics and journal records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) if refusal.fault() == Fault::Settings => "token-refused",
            _ => "token-unavailable",
        }
    }

    /// Who has to act.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused(refusal)
            | Self::Later {
                source: refusal, ..
            } => refusal.fault(),
            Self::Unreached(error) => error.fault(),
        }
    }

    /// Whether it may go better later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.retryable(),
            Self::Later { .. } => true,
            Self::Unreached(error) => error.retryable(),
        }
    }

    /// For how long it stands for the next asker too.
    fn stands(&self) -> Duration {
        match self {
            Self::Later { wait, .. } => (*wait).min(STANDS_MAX),
            _ if self.fault() == Fault::Settings => REFUSAL_STANDS,
            _ => FAILURE_STANDS,
        }
    }

    /// How long the token endpoint asks to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Later { wait, .. } => Some(*wait),
            Self::Refused(_) | Self::Unreached(_) => None,
        }
    }
}

// === impl Tokens ===

impl Tokens {
    /// Tokens by this grant. `addresses` and `connect_timeout_ms` are the endpoint's.
    pub(super) fn new(
        grant: Grant,
        addresses: &Policy,
        connect_timeout_ms: u64,
        names: Arc<dyn Resolve>,
    ) -> Result<Self, BuildError> {
        let addresses = match grant.allow_networks() {
            Some(networks) => Policy::new(networks.to_vec()),
            None => addresses.clone(),
        };
        let timeout_ms = u64::try_from(grant.timeout().as_millis()).unwrap_or(u64::MAX);
        let bounds = Bounds {
            timeout_ms,
            connect_timeout_ms: connect_timeout_ms.min(timeout_ms),
            response_bytes_max: ANSWER_BYTES_MAX,
            connections_max: 1,
        };
        let wire = Wire::new(grant.url(), addresses, names, bounds)?;
        Ok(Self(Arc::new(Shared {
            grant,
            wire,
            cache: Mutex::default(),
            flight: Arc::default(),
        })))
    }

    /// The token for a request that is sent now; fetched first when there is none.
    pub(super) async fn token(&self, now: Timestamp) -> Result<Token, NoToken> {
        if let Some(planned) = self.planned(now) {
            return planned;
        }
        let waited = Instant::now();
        let flight = self.0.flight.lock().await;
        // Whoever was before has perhaps done it.
        if let Some(planned) = self.planned(now) {
            return planned;
        }
        let fetched = self.0.fetch(now.plus(waited.elapsed())).await;
        drop(flight);
        fetched
    }

    /// The partner refused a request with this token: whether to repeat it with
    /// another.
    pub(super) fn refused(&self, token: &Token, now: Timestamp) -> bool {
        self.0.cache().refused(token, now)
    }

    /// How it stands.
    pub(super) fn status(&self) -> Status<NoToken> {
        self.0.cache().status()
    }

    /// What needs no waiting; nothing when a token is to be fetched first.
    fn planned(&self, now: Timestamp) -> Option<Result<Token, NoToken>> {
        let plan = self.0.cache().plan(now);
        match plan {
            Plan::Use(token) => Some(Ok(token)),
            Plan::Renew(token) => {
                self.renew(now);
                Some(Ok(token))
            }
            Plan::Failed(failure) => Some(Err(failure)),
            Plan::Fetch => None,
        }
    }

    /// Fetches the next token while the present one is used, unless somebody does.
    fn renew(&self, now: Timestamp) {
        if let Ok(flight) = Arc::clone(&self.0.flight).try_lock_owned() {
            let shared = Arc::clone(&self.0);
            tokio::spawn(async move {
                // Another may have ended between the plan and the lock.
                let still = matches!(shared.cache().plan(now), Plan::Renew(_));
                if still {
                    drop(shared.fetch(now).await);
                }
                drop(flight);
            });
        }
    }
}

// === impl Shared ===

impl Shared {
    async fn fetch(&self, now: Timestamp) -> Result<Token, NoToken> {
        let begun = Instant::now();
        let asked = self.ask(now).await;
        let mut cache = self.cache();
        match asked {
            Ok((token, life)) => {
                cache.fetched(token.clone(), life, now);
                Ok(token)
            }
            Err(failure) => {
                // From its end on: a timeout takes longer than a failure stands.
                let ended = now.plus(begun.elapsed());
                cache.failed(failure.clone(), failure.stands(), ended);
                drop(cache);
                tracing::warn!(
                    credential = self.grant.setting(),
                    %failure,
                    "no token for {}: {failure}",
                    self.grant.setting()
                );
                Err(failure)
            }
        }
    }

    async fn ask(&self, now: Timestamp) -> Result<(Token, Duration), NoToken> {
        let unique = u128::from(getrandom::u64().unwrap_or_default()) << 64
            | u128::from(getrandom::u64().unwrap_or_default());
        let asking = self.grant.ask(now, unique)?;
        let mut request = reqwest::Request::new(Method::POST, self.grant.url().clone());
        let headers = request.headers_mut();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(value) = asking.authorization {
            headers.insert(header::AUTHORIZATION, value);
        }
        *request.body_mut() = Some(asking.body.into());
        let answer = self
            .wire
            .exchange(request)
            .await
            .map_err(|error| NoToken::Unreached(Box::new(error)))?;
        self.grant
            .read(answer.status.as_u16(), &answer.body)
            .map_err(|source| {
                let wait = retry_after::from_headers(&answer.headers, &retry_after::NAMES, now);
                match wait {
                    Some(wait) if source.fault() == Fault::Partner => {
                        NoToken::Later { source, wait }
                    }
                    _ => NoToken::Refused(source),
                }
            })
    }

    fn cache(&self) -> MutexGuard<'_, Cache<NoToken>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
