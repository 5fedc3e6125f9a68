//! Signatures of outgoing requests: HMAC-SHA256 over what a request says.
//!
//! Three forms cover what partners ask for: over the body alone; over a time and the
//! body (Zendesk, Slack and others, who differ in the text between the two); and
//! Standard Webhooks, over `id.timestamp.body` with three headers of fixed names.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Error, Reference, Signed, header_name, sensitive};
use crate::{clock::Timestamp, secret::unusable};

/// How a secret for Standard Webhooks begins; base64 of the key follows.
const STANDARD_SECRET_PREFIX: &str = "whsec_";

/// `kind = "hmac"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `secret`: where the key is. For Standard Webhooks `whsec_` and base64.
    pub secret: Reference,
    /// `form`: what is signed.
    pub form: Form,
    /// `header`: what carries the signature; fixed for Standard Webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// `encoding` of the signature. Default `base64`, and fixed for Standard Webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// `prefix` before the encoded signature, as `sha256=`. None by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// `timestamp_header`: what carries the time, where it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_header: Option<String>,
    /// `timestamp_form` of that time. Default `unix-seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_form: Option<TimestampForm>,
    /// `separator` between the time and the body. None by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
}

/// What a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The body.
    Body,
    /// The time, the separator and the body.
    TimestampBody,
    /// `id.timestamp.body`, as the Standard Webhooks specification has it.
    StandardWebhooks,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Base64 with padding.
    #[default]
    Base64,
    /// Hexadecimal, in lower case.
    Hex,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimestampForm {
    /// Seconds since the Unix epoch.
    #[default]
    UnixSeconds,
    /// RFC 3339 in UTC, with milliseconds.
    Rfc3339,
}

/// Signs requests.
#[derive(Clone)]
pub struct Signer {
    key: Hmac<Sha256>,
    encoding: Encoding,
    prefix: String,
    shape: Shape,
}

/// Which headers, and what is signed.
#[derive(Clone)]
enum Shape {
    Body {
        signature: HeaderName,
    },
    TimestampBody {
        signature: HeaderName,
        timestamp: HeaderName,
        form: TimestampForm,
        separator: String,
    },
    StandardWebhooks,
}

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

// === impl Config ===

impl Config {
    pub(super) fn resolve(
        &self,
        setting: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Signer, Error> {
        let shape = self.shape(setting)?;
        let (secret, setting) = (&self.secret, format!("{setting}.secret"));
        let secret = secret.read(&setting, environment)?;
        let key = match self.form {
            Form::Body | Form::TimestampBody => secret.expose().as_bytes().to_vec(),
            Form::StandardWebhooks => {
                let text = secret.expose();
                let encoded = text.strip_prefix(STANDARD_SECRET_PREFIX).unwrap_or(text);
                BASE64_STANDARD.decode(encoded).map_err(|_| {
                    unusable(&setting, "the secret is not whsec_ and base64 of the key")
                })?
            }
        };
        if key.is_empty() {
            return Err(unusable(&setting, "the secret holds no key"));
        }
        let key = Hmac::new_from_slice(&key)
            .map_err(|_| unusable(&setting, "the secret is no key for hmac"))?;
        let prefix = match self.form {
            Form::StandardWebhooks => "v1,".to_owned(),
            _ => self.prefix.clone().unwrap_or_default(),
        };
        Ok(Signer {
            key,
            encoding: self.encoding.unwrap_or_default(),
            prefix,
            shape,
        })
    }

    fn shape(&self, setting: &str) -> Result<Shape, Error> {
        let wrong = |name: &str, rule| unusable(&format!("{setting}.{name}"), rule);
        let named = |name: &str, value: &Option<String>| match value {
            Some(value) => header_name(&format!("{setting}.{name}"), value),
            None => Err(wrong(name, "the form needs it")),
        };
        if let Some(prefix) = &self.prefix {
            // It stands in a header.
            sensitive(&format!("{setting}.prefix"), prefix)?;
        }
        let untimed = [
            ("timestamp_header", self.timestamp_header.is_some()),
            ("timestamp_form", self.timestamp_form.is_some()),
            ("separator", self.separator.is_some()),
        ];
        let shaped = [
            ("header", self.header.is_some()),
            ("encoding", self.encoding.is_some()),
            ("prefix", self.prefix.is_some()),
        ];
        let needless: Vec<_> = match self.form {
            Form::Body => untimed.to_vec(),
            Form::TimestampBody => Vec::new(),
            Form::StandardWebhooks => [untimed, shaped].concat(),
        };
        if let Some((name, _)) = needless.into_iter().find(|(_, set)| *set) {
            return Err(wrong(name, "the form has no use for it"));
        }
        Ok(match self.form {
            Form::Body => Shape::Body {
                signature: named("header", &self.header)?,
            },
            Form::TimestampBody => Shape::TimestampBody {
                signature: named("header", &self.header)?,
                timestamp: named("timestamp_header", &self.timestamp_header)?,
                form: self.timestamp_form.unwrap_or_default(),
                separator: self.separator.clone().unwrap_or_default(),
            },
            Form::StandardWebhooks => Shape::StandardWebhooks,
        })
    }
}

// === impl Signer ===

impl Signer {
    /// Whether it sets this header.
    #[must_use]
    pub fn sets(&self, name: &HeaderName) -> bool {
        match &self.shape {
            Shape::Body { signature } => name == signature,
            Shape::TimestampBody {
                signature,
                timestamp,
                ..
            } => name == signature || name == timestamp,
            Shape::StandardWebhooks => {
                [WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE].contains(name)
            }
        }
    }

    /// Puts the signature into a request, and what it covers beside the body.
    pub fn sign(&self, headers: &mut HeaderMap, signed: &Signed<'_>) {
        let (signature, parts) = match &self.shape {
            Shape::Body { signature } => (signature, Vec::new()),
            Shape::TimestampBody {
                signature,
                timestamp,
                form,
                separator,
            } => {
                let at = form.text(signed.at);
                insert(headers, timestamp, &at);
                (signature, vec![at, separator.clone()])
            }
            Shape::StandardWebhooks => {
                let at = TimestampForm::UnixSeconds.text(signed.at);
                insert(headers, &WEBHOOK_ID, signed.id);
                insert(headers, &WEBHOOK_TIMESTAMP, &at);
                let before = format!("{}.{at}.", signed.id);
                (&WEBHOOK_SIGNATURE, vec![before])
            }
        };
        let mut code = self.key.clone();
        for part in &parts {
            code.update(part.as_bytes());
        }
        code.update(signed.body);
        let code = code.finalize().into_bytes();
        let encoded = self.encoding.text(&code);
        insert(headers, signature, &format!("{}{encoded}", self.prefix));
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[signer]")
    }
}

/// What is set here was checked when the signer was made, or is a time or an id of
/// the host's: all of it may stand in a header.
fn insert(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(true);
        headers.insert(name.clone(), value);
    }
}

// === impl Encoding ===

impl Encoding {
    fn text(self, code: &[u8]) -> String {
        match self {
            Self::Base64 => BASE64_STANDARD.encode(code),
            Self::Hex => code.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

// === impl TimestampForm ===

impl TimestampForm {
    fn text(self, at: Timestamp) -> String {
        match self {
            Self::UnixSeconds => at.as_millis().div_euclid(1_000).to_string(),
            Self::Rfc3339 => at.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(text: &str) -> Result<Vec<(String, String)>, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let environment = |name: &str| match name {
            "KEY" => Some("key".to_owned()),
            // The secret of the specification's own example.
            "STANDARD" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
            _ => None,
        };
        let signer = config
            .resolve("credential", &environment)
            .map_err(|error| error.to_string())?;
        let mut headers = HeaderMap::new();
        signer.sign(
            &mut headers,
            &Signed {
                id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
                at: Timestamp::from_millis(1_614_265_330_999),
                body: br#"{"test": 2432232314}"#,
            },
        );
        assert!(headers.keys().all(|name| signer.sets(name)));
        assert!(headers.values().all(HeaderValue::is_sensitive));
        let text = |value: &HeaderValue| value.to_str().expect("text").to_owned();
        let headers = headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)));
        Ok(headers.collect())
    }

    /// Computed with another implementation (`openssl dgst -sha256 -hmac key`).
    #[test]
    fn each_form_signs_what_it_says() {
        let body = signed(
            "secret = 'env:KEY'\nform = 'body'\nheader = 'X-Hub-Signature-256'\nencoding = 'hex'\nprefix = 'sha256='",
        );
        let expected = vec![("x-hub-signature-256".to_owned(), BODY_HEX.to_owned())];
        assert_eq!(body, Ok(expected));
        let timed = "secret = 'env:KEY'\nform = 'timestamp-body'\nheader = 'x-signature'\ntimestamp_header = 'x-signature-timestamp'\n";
        let found = signed(timed).expect("signed");
        assert!(found.contains(&("x-signature-timestamp".to_owned(), "1614265330".to_owned())));
        assert!(
            found.contains(&("x-signature".to_owned(), TIMED_BASE64.to_owned())),
            "{found:?}"
        );
        let apart = signed(&format!(
            "{timed}separator = '.'\ntimestamp_form = 'rfc3339'"
        ));
        let found = apart.expect("signed");
        let at = "2021-02-25T15:02:10.999Z".to_owned();
        assert!(
            found.contains(&("x-signature-timestamp".to_owned(), at)),
            "{found:?}"
        );
        assert!(
            found.contains(&("x-signature".to_owned(), APART_BASE64.to_owned())),
            "{found:?}"
        );
    }

    /// The example of the Standard Webhooks reference implementations.
    #[test]
    fn standard_webhooks_are_signed_as_the_specification_shows() {
        let found = signed("secret = 'env:STANDARD'\nform = 'standard-webhooks'").expect("signed");
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned();
        assert!(
            found.contains(&("webhook-signature".to_owned(), signature)),
            "{found:?}"
        );
        assert!(found.contains(&("webhook-timestamp".to_owned(), "1614265330".to_owned())));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn what_a_form_lacks_or_has_no_use_for_is_refused() {
        let cases = [
            ("form = 'body'", "credential.header: the form needs it"),
            (
                "form = 'body'\nheader = 'a b'",
                "credential.header: not the name of a header",
            ),
            (
                "form = 'body'\nheader = 'x'\nseparator = '.'",
                "credential.separator: the form has no use for it",
            ),
            (
                "form = 'timestamp-body'\nheader = 'x'",
                "credential.timestamp_header: the form needs it",
            ),
            (
                "form = 'standard-webhooks'\nheader = 'x'",
                "credential.header: the form has no use for it",
            ),
            (
                "form = 'standard-webhooks'",
                "credential.secret: the secret is not whsec_ and base64 of the key",
            ),
        ];
        for (text, message) in cases {
            let error = signed(&format!("secret = 'env:KEY'\n{text}")).expect_err(text);
            assert_eq!(error, message);
        }
        assert!(signed("secret = 'env:KEY'\nform = 'xml'").is_err());
    }

    const BODY_HEX: &str =
        "sha256=ad1a616fa5d45e0552fd84752e21f775525a9caa345c9b14fa23d8435584f7e9";
    const TIMED_BASE64: &str = "m0qyP4ch0Ehv2vFdIDmGYPCYKlPRTyKrIC4rHZ6Xg5Y=";
    const APART_BASE64: &str = "dXoZC7x0M0I2tkyjdoLDl+V1SReInVjY1sEuARUvorI=";
}
