//! Tokens by OAuth 2: what a token endpoint is asked, and what its answer means.
//!
//! Two grants: client credentials (RFC 6749 section 4.4) and an assertion that a key
//! signs (RFC 7523 section 2.1), which Salesforce calls the JWT bearer flow. What a
//! token endpoint says is believed only within bounds, and nothing of it is kept but
//! the token, in memory.

mod answer;
mod assertion;
mod cache;

use std::{collections::BTreeMap, fmt, time::Duration};

use http::{HeaderValue, header};
use reqwest::Url;
use serde::{Deserialize, Serialize};

use self::assertion::{Claims, Key};
pub use self::{
    answer::Refusal,
    assertion::Algorithm,
    cache::{Cache, Plan, Status},
};
use super::{Error, Reference, Secret, basic, sensitive};
use crate::{clock::Timestamp, deliver::address::Network, secret::unusable};

/// The longest answer of a token endpoint, in bytes: tokens that name many rights have
/// some KiB.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The longest token, in bytes: common servers refuse more in one header.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// What every grant has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentials {
    /// `token_url`: the token endpoint.
    pub token_url: String,
    /// `client_id`: who we are there.
    pub client_id: String,
    /// `client_secret`: where the secret is.
    pub client_secret: Reference,
    /// `client_authentication`: where the two are put. Default `basic`.
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// `scope`: what is asked for, words with spaces between. None by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `audience`: for whom the token is, where the server asks. None by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// `parameters`: whatever else the server wants to be told. Not secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// `token_timeout_ms`: for the whole answer, in milliseconds. Default 10,000.
    #[serde(default = "token_timeout_ms")]
    pub token_timeout_ms: u64,
    /// `token_lifetime_ms`: how long a token is used whose answer has no `expires_in`,
    /// in milliseconds. Default 3,600,000.
    #[serde(default = "token_lifetime_ms")]
    pub token_lifetime_ms: u64,
    /// `token_allow_networks`: in place of the endpoint's `allow_networks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_allow_networks: Option<Vec<Network>>,
}

/// An assertion that a key signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtBearer {
    /// `token_url`: the token endpoint.
    pub token_url: String,
    /// `issuer`: who we are there (`iss`); the client id of a Salesforce app.
    pub issuer: String,
    /// `subject`: on whose behalf (`sub`); a user name at Salesforce.
    pub subject: String,
    /// `audience`: for whom the assertion is (`aud`). Default `token_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// `private_key`: where the key is, PEM.
    pub private_key: Reference,
    /// `algorithm`: `RS256` or `ES256`; the key must be of its kind.
    pub algorithm: Algorithm,
    /// `key_id`: which of our keys it is (`kid`). None by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// `assertion_lifetime_ms`: how long an assertion may be used, in milliseconds.
    /// Default 180,000: Salesforce takes no longer one.
    #[serde(default = "assertion_lifetime_ms")]
    pub assertion_lifetime_ms: u64,
    /// `scope`: what is asked for, words with spaces between. None by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `parameters`: whatever else the server wants to be told. Not secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// `token_timeout_ms`: for the whole answer, in milliseconds. Default 10,000.
    #[serde(default = "token_timeout_ms")]
    pub token_timeout_ms: u64,
    /// `token_lifetime_ms`: how long a token is used whose answer has no `expires_in`
    /// (Salesforce's has none), in milliseconds. Default 3,600,000.
    #[serde(default = "token_lifetime_ms")]
    pub token_lifetime_ms: u64,
    /// `token_allow_networks`: in place of the endpoint's `allow_networks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_allow_networks: Option<Vec<Network>>,
}

/// How a client proves who it is (RFC 6749 section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuthentication {
    /// In the header `Authorization: Basic`, which every server must take.
    #[default]
    Basic,
    /// In the body, beside the grant.
    Body,
}

/// What tokens are asked for with.
#[derive(Clone)]
pub struct Grant {
    kind: &'static str,
    setting: String,
    url: Url,
    proof: Proof,
    /// What is said in every request.
    form: Vec<(String, String)>,
    timeout: Duration,
    lifetime: Duration,
    allow_networks: Option<Vec<Network>>,
}

#[derive(Clone)]
enum Proof {
    Basic { value: HeaderValue, secret: Secret },
    Body { secret: Secret },
    Assertion { key: Key, claims: Claims },
}

/// A request to the token endpoint: a POST of a form.
#[derive(Clone)]
pub struct Asking {
    /// `Authorization`, where the client proves itself so.
    pub authorization: Option<HeaderValue>,
    /// The form.
    pub body: String,
}

/// A token as requests carry it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(HeaderValue);

fn token_timeout_ms() -> u64 {
    10_000
}

fn token_lifetime_ms() -> u64 {
    3_600_000
}

fn assertion_lifetime_ms() -> u64 {
    180_000
}

// === impl ClientCredentials ===

impl ClientCredentials {
    pub(super) fn resolve(
        &self,
        setting: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Grant, Error> {
        let (url, timeout, lifetime) = ground(
            setting,
            &self.token_url,
            self.token_timeout_ms,
            self.token_lifetime_ms,
        )?;
        let secret_setting = format!("{setting}.client_secret");
        let secret = self.client_secret.read(&secret_setting, environment)?;
        let mut form = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
        let proof = match self.client_authentication {
            ClientAuthentication::Basic => {
                // Each half is encoded as in a form before the two are put together.
                let word = |text: &str| form_encoded(&url, text);
                let pair = basic(&word(&self.client_id), &word(secret.expose()));
                let value = sensitive(&secret_setting, &pair)?;
                Proof::Basic { value, secret }
            }
            ClientAuthentication::Body => {
                form.push(("client_id".to_owned(), self.client_id.clone()));
                Proof::Body { secret }
            }
        };
        add(&mut form, "scope", self.scope.as_ref());
        add(&mut form, "audience", self.audience.as_ref());
        extend(&mut form, setting, &self.parameters)?;
        Ok(Grant {
            kind: "oauth2-client-credentials",
            setting: setting.to_owned(),
            url,
            proof,
            form,
            timeout,
            lifetime,
            allow_networks: self.token_allow_networks.clone(),
        })
    }
}

// === impl JwtBearer ===

impl JwtBearer {
    pub(super) fn resolve(
        &self,
        setting: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Grant, Error> {
        let (url, timeout, lifetime) = ground(
            setting,
            &self.token_url,
            self.token_timeout_ms,
            self.token_lifetime_ms,
        )?;
        if !(1_000..=3_600_000).contains(&self.assertion_lifetime_ms) {
            let setting = format!("{setting}.assertion_lifetime_ms");
            return Err(unusable(&setting, "must be between 1,000 and 3,600,000"));
        }
        let key_setting = format!("{setting}.private_key");
        let pem = self.private_key.read(&key_setting, environment)?;
        let key =
            Key::from_pem(self.algorithm, &pem).map_err(|rule| unusable(&key_setting, rule))?;
        let claims = Claims {
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
            audience: self.audience.as_ref().unwrap_or(&self.token_url).clone(),
            key_id: self.key_id.clone(),
            lifetime: Duration::from_millis(self.assertion_lifetime_ms),
        };
        let grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let mut form = vec![("grant_type".to_owned(), grant_type.to_owned())];
        add(&mut form, "scope", self.scope.as_ref());
        extend(&mut form, setting, &self.parameters)?;
        Ok(Grant {
            kind: "oauth2-jwt-bearer",
            setting: setting.to_owned(),
            url,
            proof: Proof::Assertion { key, claims },
            form,
            timeout,
            lifetime,
            allow_networks: self.token_allow_networks.clone(),
        })
    }
}

fn add(form: &mut Vec<(String, String)>, name: &str, value: Option<&String>) {
    form.extend(value.map(|value| (name.to_owned(), value.clone())));
}

/// Parameters of the server's own; none that the grant says itself.
fn extend(
    form: &mut Vec<(String, String)>,
    setting: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<(), Error> {
    const OWN: [&str; 6] = [
        "grant_type",
        "client_id",
        "client_secret",
        "assertion",
        "scope",
        "audience",
    ];
    if let Some(name) = parameters.keys().find(|name| OWN.contains(&name.as_str())) {
        let setting = format!("{setting}.parameters.{name}");
        return Err(unusable(
            &setting,
            "has a setting of its own, or is the host's",
        ));
    }
    let parameters = parameters.iter();
    form.extend(parameters.map(|(name, value)| (name.clone(), value.clone())));
    Ok(())
}

/// One word as a form has it (`application/x-www-form-urlencoded`): as a URL has it in
/// its query, which is why one is lent.
fn form_encoded(scratch: &Url, word: &str) -> String {
    let mut url = scratch.clone();
    url.query_pairs_mut().clear().append_key_only(word);
    url.query().unwrap_or_default().to_owned()
}

/// A whole form.
fn form_encoded_pairs(scratch: &Url, pairs: &[(String, String)]) -> String {
    let mut url = scratch.clone();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// The address of a token endpoint and the times of its tokens, checked.
fn ground(
    setting: &str,
    url: &str,
    timeout_ms: u64,
    lifetime_ms: u64,
) -> Result<(Url, Duration, Duration), Error> {
    let wrong = |name: &str, rule| Err(unusable(&format!("{setting}.{name}"), rule));
    let Ok(url) = Url::parse(url) else {
        return wrong("token_url", "not a url");
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return wrong("token_url", "must begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return wrong(
            "token_url",
            "must not hold a user name, a password or a fragment",
        );
    }
    if timeout_ms == 0 {
        return wrong("token_timeout_ms", "must be at least 1");
    }
    if lifetime_ms < 1_000 {
        return wrong("token_lifetime_ms", "must be at least 1,000");
    }
    let (timeout, lifetime) = (
        Duration::from_millis(timeout_ms),
        Duration::from_millis(lifetime_ms),
    );
    Ok((url, timeout, lifetime))
}

// === impl Grant ===

impl Grant {
    /// Its `kind` in the configuration.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Where it is configured, for logs.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// The token endpoint.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// For the whole answer of the token endpoint.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Networks that the token endpoint may be in; those of the endpoint if absent.
    #[must_use]
    pub fn allow_networks(&self) -> Option<&[Network]> {
        self.allow_networks.as_deref()
    }

    /// What the token endpoint is asked. `unique` is told apart from that of every
    /// other assertion.
    ///
    /// # Errors
    /// When the key can't sign, which is this machine's fault.
    pub fn ask(&self, now: Timestamp, unique: u128) -> Result<Asking, Refusal> {
        let mut form = self.form.clone();
        let authorization = match &self.proof {
            Proof::Basic { value, .. } => Some(value.clone()),
            Proof::Body { secret } => {
                form.push(("client_secret".to_owned(), secret.expose().to_owned()));
                None
            }
            Proof::Assertion { key, claims } => {
                let assertion = claims.signed(key, now, unique)?;
                form.push(("assertion".to_owned(), assertion));
                None
            }
        };
        Ok(Asking {
            authorization,
            body: form_encoded_pairs(&self.url, &form),
        })
    }

    /// What the token endpoint's answer means: a token, and how long it lives.
    ///
    /// # Errors
    /// [`Refusal`] says why there is none, and whether asking again may help.
    pub fn read(&self, status: u16, body: &[u8]) -> Result<(Token, Duration), Refusal> {
        let secret = match &self.proof {
            Proof::Basic { secret, .. } | Proof::Body { secret } => Some(secret),
            // An assertion that an answer repeats is of no use to anybody soon.
            Proof::Assertion { .. } => None,
        };
        answer::read(status, body, self.lifetime, secret)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Grant")
            .field("kind", &self.kind)
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

// === impl Token ===

impl Token {
    /// A token that an answer holds; none when a header can't carry it.
    pub(super) fn new(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {text}")).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    /// Puts it into a request, in place of whatever was there.
    pub fn apply(&self, headers: &mut http::HeaderMap) {
        headers.insert(header::AUTHORIZATION, self.0.clone());
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[token]")
    }
}

#[cfg(test)]
mod tests;
