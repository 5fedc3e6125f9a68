//! One request by whatever transport the partner has.
//!
//! The engine's conversations send through here and need not know whether the
//! partner speaks HTTP or looks into a folder.

use std::{collections::BTreeMap, fmt, time::Duration};

use bytes::Bytes;
use http::Method;

pub use super::endpoint::Error as BuildError;
pub use super::http::{NoToken, Standing};
use super::{
    breaker, credentials, endpoint, folder,
    folder::FolderError,
    http::{self as client, Call, Identity, InvalidRequest, TransportError},
    signals::{self, Hold},
};
use crate::{
    clock::Timestamp,
    message::{CorrelationId, DeliveryId, PartnerName},
    record::{Answer, Failure},
};

/// What carries a partner's deliveries.
pub struct Transport {
    endpoint: endpoint::Endpoint,
    place: String,
    signals: signals::Config,
}

/// A request on its way.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// HTTP method.
    pub method: String,
    /// Below the endpoint's address.
    pub path: String,
    /// The adapter's headers.
    pub headers: Vec<(String, String)>,
    /// Media type of the body.
    pub content_type: Option<String>,
    /// Name in a drop folder.
    pub file_name: Option<String>,
    /// The bytes.
    pub body: Bytes,
    /// Which of the partner's named credentials; the endpoint's own if absent.
    pub credential: Option<String>,
    /// Which request of the conversation, from 0.
    pub exchange: u32,
    /// Which delivery; its text is the idempotency key.
    pub delivery: DeliveryId,
    /// Sent along.
    pub correlation_id: CorrelationId,
    /// Sent along.
    pub traceparent: Option<String>,
}

/// What was answered, and what the breaker makes of it.
#[derive(Debug)]
pub struct Sent {
    /// The answer.
    pub answer: Answer,
    /// How the call went.
    pub call: breaker::Outcome,
    /// What it says about how much more the partner takes.
    pub hold: Option<Hold>,
    /// Whether a second request brought it, because the first one's token was refused.
    pub again: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// By HTTP.
    #[error(transparent)]
    Http(#[from] TransportError),
    /// To a folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

// === impl Transport ===

impl Transport {
    /// The transport that the configuration describes, with the credentials that an
    /// adapter may choose by name; secrets are resolved now.
    ///
    /// # Errors
    /// Names the setting that can't be used.
    pub fn build(
        partner: &PartnerName,
        config: &endpoint::Config,
        named: &BTreeMap<String, credentials::Config>,
    ) -> Result<Self, BuildError> {
        let setting = format!("partners.{partner}.endpoint");
        let environment = |name: &str| std::env::var(name).ok();
        let named: Vec<_> = named
            .iter()
            .map(|(name, config)| {
                let setting = format!("partners.{partner}.credentials.{name}");
                (name.clone(), setting, config.clone())
            })
            .collect();
        let endpoint = config.build(&setting, &named, &environment)?;
        let place = match (&config.url, &config.folder) {
            (Some(url), _) => url.clone(),
            (None, Some(folder)) => folder.join("outbox").display().to_string(),
            (None, None) => String::new(),
        };
        Ok(Self {
            endpoint,
            place,
            signals: config.signals.clone(),
        })
    }

    /// Sends a request and waits for the answer.
    ///
    /// # Errors
    /// When there is no whole answer; the partner may have received the request all
    /// the same.
    pub async fn send(&self, outgoing: Outgoing, now: Timestamp) -> Result<Sent, SendError> {
        match &self.endpoint {
            endpoint::Endpoint::Http(http) => perform(http, &self.signals, outgoing, now).await,
            endpoint::Endpoint::Folder(folder) => publish(folder, outgoing).await,
        }
    }

    /// Lets go of what only served to send a delivery, after its outcome is durable: a
    /// folder's marker, a conversation's cookies.
    pub async fn forget(&self, delivery: DeliveryId) {
        match &self.endpoint {
            endpoint::Endpoint::Http(http) => http.forget(&delivery.to_string()),
            endpoint::Endpoint::Folder(folder) => {
                if let Err(error) = folder.forget(&delivery.to_string()).await {
                    tracing::warn!(%delivery, %error, "a marker of a drop folder stays behind; it does no harm");
                }
            }
        }
    }

    /// Whether [`Transport::forget`] has anything to do for this delivery.
    #[must_use]
    pub fn remembers(&self, delivery: DeliveryId) -> bool {
        match &self.endpoint {
            endpoint::Endpoint::Http(http) => http.holds_cookies(delivery),
            endpoint::Endpoint::Folder(_) => true,
        }
    }

    /// How its credentials stand, the endpoint's own first; none of a folder.
    #[must_use]
    pub fn credentials(&self) -> Vec<Standing> {
        match &self.endpoint {
            endpoint::Endpoint::Http(http) => http.credentials(),
            endpoint::Endpoint::Folder(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.place)
    }
}

// === impl SendError ===

impl SendError {
    /// How the call went, for the breaker.
    #[must_use]
    pub fn call(&self) -> breaker::Outcome {
        match self {
            Self::Http(error) => error.outcome(),
            // The folder is on this machine.
            Self::Folder(_) => breaker::Outcome::Ours,
        }
    }

    /// Whether another attempt may go better.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Http(error) => error.retryable(),
            Self::Folder(error) => error.retryable(),
        }
    }

    /// What a record keeps of it.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let (code, blame, unknown) = match self {
            Self::Http(error) => (
                error.code(),
                match error.fault() {
                    super::Fault::Partner => "partner-system",
                    super::Fault::Adapter => "adapter",
                    super::Fault::Settings => "settings",
                    super::Fault::Host => "host",
                },
                error.may_have_arrived(),
            ),
            Self::Folder(_) => ("folder", "host", false),
        };
        let mut text = self.to_string();
        if unknown {
            text.push_str(
                " (the partner may have got it; the next attempt has the same idempotency key)",
            );
        }
        let remedy = match self {
            Self::Http(error) => error.remedy(),
            Self::Folder(_) => None,
        };
        Failure {
            code: code.to_owned(),
            blame: blame.to_owned(),
            remedy: remedy.map(str::to_owned),
            ..Failure::host(text)
        }
    }
}

async fn perform(
    http: &client::Client,
    signals: &signals::Config,
    outgoing: Outgoing,
    now: Timestamp,
) -> Result<Sent, SendError> {
    let method = Method::from_bytes(outgoing.method.as_bytes()).map_err(|_| {
        TransportError::Request(InvalidRequest::Path {
            rule: "comes with a method that is none",
        })
    })?;
    let mut headers = outgoing.headers;
    if let Some(kind) = outgoing.content_type {
        headers.push(("content-type".to_owned(), kind));
    }
    let key = outgoing.delivery.to_string();
    let request = client::Request {
        method,
        path: outgoing.path,
        headers,
        body: outgoing.body,
    };
    let identity = Identity {
        idempotency_key: &key,
        correlation_id: outgoing.correlation_id.as_str(),
        traceparent: outgoing.traceparent.as_deref(),
    };
    let id = format!("{key}-{}", outgoing.exchange);
    let call = Call {
        credential: outgoing.credential.as_deref(),
        conversation: &key,
        id: &id,
        now,
    };
    let result = http.perform(request, identity, call).await;
    let told = match &result {
        Ok(response) => signals.read(&response.headers, now),
        Err(_) => signals::Signals::default(),
    };
    let call = client::outcome(&result, told.retry_after);
    let response = result?;
    let headers = response.headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    Ok(Sent {
        answer: Answer::Response {
            status: response.status.as_u16(),
            headers: headers.collect(),
            body: response.body,
        },
        call,
        hold: told.hold,
        again: response.again,
    })
}

async fn publish(folder: &folder::Folder, outgoing: Outgoing) -> Result<Sent, SendError> {
    if let Some(name) = outgoing.credential {
        return Err(TransportError::CredentialUnknown {
            name,
            known: Vec::new(),
        }
        .into());
    }
    let delivery = outgoing.delivery.to_string();
    let name = outgoing.file_name.unwrap_or_else(|| delivery.clone());
    let written = folder.publish(&delivery, &name, outgoing.body).await?;
    let (folder::Written::Published(file_name) | folder::Written::AlreadyThere(file_name)) =
        written;
    Ok(Sent {
        answer: Answer::Stored { file_name },
        call: breaker::Outcome::Answered {
            took: Duration::ZERO,
        },
        hold: None,
        again: false,
    })
}
