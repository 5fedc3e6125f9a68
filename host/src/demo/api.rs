//! The product's own API, as an operator uses it: the story believes only what it
//! reads here and what the partners say they saw.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

/// How long anything in the story may take. Each step is a matter of milliseconds;
/// this is for machines that have other things to do.
const WAIT: Duration = Duration::from_secs(20);

/// How often is looked whether something has happened.
const INTERVAL: Duration = Duration::from_millis(15);

/// An operator.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: reqwest::Client,
    host: String,
    token: String,
}

/// Something was not observed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}; seen: {seen}")]
pub(super) struct Unmet {
    /// What should have been.
    pub(super) expected: String,
    /// What was.
    pub(super) seen: String,
}

/// A message with all that the host tells of it.
#[derive(Clone, Debug)]
pub(super) struct Message(pub(super) Value);

// === impl Api ===

impl Api {
    /// An operator of the host at `host`.
    pub(super) fn new(client: reqwest::Client, host: &str, token: &str) -> Self {
        Self {
            client,
            host: host.to_owned(),
            token: token.to_owned(),
        }
    }

    /// Asks for something; what went wrong in words.
    pub(super) async fn get(&self, path: &str) -> Result<Value, String> {
        let request = self.client.get(format!("{}{path}", self.host));
        self.ask(path, request).await
    }

    /// Has something done.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.client.post(format!("{}{path}", self.host));
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        self.ask(path, request).await
    }

    /// `GET /v1/messages/{id}`.
    pub(super) async fn message(&self, id: &str) -> Result<Message, String> {
        self.get(&format!("/v1/messages/{id}")).await.map(Message)
    }

    /// Every message that a search finds, in the order in which they were received,
    /// each with all that is told of it.
    pub(super) async fn messages(&self, search: &str) -> Result<Vec<Message>, String> {
        let found = self.get(&format!("/v1/messages?{search}")).await?;
        let mut messages = Vec::new();
        for summary in array(&found["messages"]).iter().rev() {
            messages.push(self.message(text(&summary["id"])).await?);
        }
        Ok(messages)
    }

    /// `GET /v1/partners/{name}`.
    pub(super) async fn partner(&self, name: &str) -> Result<Value, String> {
        self.get(&format!("/v1/partners/{name}")).await
    }

    /// What waits of a partner for a person.
    pub(super) async fn dead_letters(&self, partner: &str) -> Result<Vec<Value>, String> {
        let found = self
            .get(&format!("/v1/dead-letters?partner={partner}"))
            .await?;
        Ok(array(&found["dead_letters"]).to_vec())
    }

    async fn ask(&self, path: &str, request: reqwest::RequestBuilder) -> Result<Value, String> {
        let answered = request.bearer_auth(&self.token).send().await;
        let response = answered.map_err(|error| format!("{path} is not answered: {error}"))?;
        let status = response.status();
        let body = response
            .bytes()
            .await
            .map_err(|error| format!("{path}: {error}"))?;
        if !status.is_success() {
            return Err(format!(
                "{path} answers {status}: {}",
                String::from_utf8_lossy(&body)
            ));
        }
        serde_json::from_slice(&body).map_err(|error| format!("{path} answers no JSON: {error}"))
    }
}

/// Looks until it sees, or until it has taken too long; a look that sees nothing says
/// what there is instead.
pub(super) async fn until<T>(
    expected: impl Into<String>,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T, Unmet> {
    let deadline = Instant::now() + WAIT;
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(seen) if Instant::now() >= deadline => {
                return Err(Unmet {
                    expected: expected.into(),
                    seen,
                });
            }
            Err(_) => sleep(INTERVAL).await,
        }
    }
}

/// What must hold now.
pub(super) fn expect(
    holds: bool,
    expected: impl Into<String>,
    seen: impl FnOnce() -> String,
) -> Result<(), Unmet> {
    if holds {
        return Ok(());
    }
    Err(Unmet {
        expected: expected.into(),
        seen: seen(),
    })
}

/// A text of the API; empty where it has none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A list of the API; empty where it has none.
pub(super) fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

// === impl Message ===

impl Message {
    /// Its id.
    pub(super) fn id(&self) -> &str {
        text(&self.0["message"]["id"])
    }

    /// Who sent it.
    pub(super) fn partner(&self) -> &str {
        text(&self.0["message"]["partner"])
    }

    /// How far it is.
    pub(super) fn status(&self) -> &str {
        text(&self.0["message"]["status"])
    }

    /// What it held.
    pub(super) fn documents(&self) -> &[Value] {
        array(&self.0["documents"])
    }

    /// What follows from it.
    pub(super) fn deliveries(&self) -> &[Value] {
        array(&self.0["deliveries"])
    }

    /// What happened, in order.
    pub(super) fn timeline(&self) -> &[Value] {
        array(&self.0["timeline"])
    }

    /// What goes to a partner because of it.
    pub(super) fn delivery_to(&self, partner: &str) -> Option<&Value> {
        self.deliveries()
            .iter()
            .find(|it| text(&it["to"]) == partner)
    }

    /// Whether all that follows from it has reached its receivers.
    pub(super) fn all_delivered(&self) -> bool {
        self.deliveries()
            .iter()
            .all(|it| matches!(text(&it["status"]), "delivered" | "already-delivered"))
    }

    /// Whether it holds a document of this kind.
    pub(super) fn holds(&self, kind: &str) -> bool {
        self.documents().iter().any(|it| text(&it["kind"]) == kind)
    }

    /// In a few words, for what was seen instead of something else.
    pub(super) fn brief(&self) -> String {
        let deliveries: Vec<_> = self
            .deliveries()
            .iter()
            .map(|it| {
                format!(
                    "{} to {} {}",
                    text(&it["kind"]),
                    text(&it["to"]),
                    text(&it["status"])
                )
            })
            .collect();
        let kinds: Vec<_> = self
            .documents()
            .iter()
            .map(|it| text(&it["kind"]))
            .collect();
        format!(
            "{} from {} {} with [{}] and [{}]",
            self.id(),
            self.partner(),
            self.status(),
            kinds.join(", "),
            deliveries.join(", "),
        )
    }
}
