//! What a partner knows us by, and how a request shows it.
//!
//! The secrets are read at the start ([`crate::secret`]) and go from there only into
//! the headers of an outgoing request, or into the request for a token. They never
//! reach an adapter, a journal record or a log line.
//!
//! Nothing here sends or waits: [`oauth`] says what a token endpoint is asked and
//! what its answer means, and its cache when it must be asked again; `http` asks.

pub mod hmac;
pub mod oauth;

use std::str::FromStr as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};

use self::{hmac::Signer, oauth::Grant};
use crate::clock::Timestamp;
use crate::secret::unusable;
pub use crate::secret::{Error, InvalidReference, Reference, SECRET_BYTES_MAX, Secret};

/// `credential` of an endpoint, or one of the partner's `credentials`: how the
/// host authenticates its requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Config {
    /// `kind = "none"`: requests carry no credential. The default.
    None {},
    /// `kind = "bearer"`: `Authorization: Bearer` and the token.
    Bearer {
        /// `token`: where the token is.
        token: Reference,
    },
    /// `kind = "basic"`: `Authorization: Basic` and user name and password.
    Basic {
        /// `username`: the name itself; no colon.
        username: String,
        /// `password`: where the password is.
        password: Reference,
    },
    /// `kind = "header"`: a header of the partner's own, as `X-Api-Key`.
    Header {
        /// `name`: the header.
        name: String,
        /// `value`: where its value is.
        value: Reference,
    },
    /// `kind = "hmac"`: each request is signed.
    Hmac(hmac::Config),
    /// `kind = "oauth2-client-credentials"`: a token for a client and its secret.
    #[serde(rename = "oauth2-client-credentials")]
    ClientCredentials(oauth::ClientCredentials),
    /// `kind = "oauth2-jwt-bearer"`: a token for an assertion that a key signs.
    #[serde(rename = "oauth2-jwt-bearer")]
    JwtBearer(oauth::JwtBearer),
}

/// A credential with its secrets read, ready for requests. None of it prints.
#[derive(Clone, Debug, Default)]
pub enum Credential {
    /// Requests carry none.
    #[default]
    None,
    /// The same header on each request; the value is marked sensitive.
    Fixed(&'static str, HeaderName, HeaderValue),
    /// A signature of each request.
    Signed(Signer),
    /// A token that is fetched, and sent as `Authorization: Bearer`.
    Token(Box<Grant>),
}

/// What a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// Identifies the request; the same whenever it is sent again.
    pub id: &'a str,
    /// When it is sent.
    pub at: Timestamp,
    /// Its body.
    pub body: &'a [u8],
}

// === impl Config ===

impl Config {
    /// Reads the secrets. `setting` is where this credential is configured
    /// (`partners.acme.credential`), for errors; `environment` looks variables
    /// up.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn resolve(
        &self,
        setting: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Credential, Error> {
        match self {
            Self::None {} => Ok(Credential::None),
            Self::Bearer { token } => {
                let setting = format!("{setting}.token");
                let token = token.read(&setting, environment)?;
                let text = format!("Bearer {}", token.expose());
                let value = sensitive(&setting, &text)?;
                Ok(Credential::Fixed("bearer", header::AUTHORIZATION, value))
            }
            Self::Basic { username, password } => {
                if username.contains(':') {
                    let setting = format!("{setting}.username");
                    return Err(unusable(&setting, "a user name must not hold a colon"));
                }
                let setting = format!("{setting}.password");
                let password = password.read(&setting, environment)?;
                let value = sensitive(&setting, &basic(username, password.expose()))?;
                Ok(Credential::Fixed("basic", header::AUTHORIZATION, value))
            }
            Self::Header { name, value } => {
                let name = header_name(&format!("{setting}.name"), name)?;
                let setting = format!("{setting}.value");
                let value = value.read(&setting, environment)?;
                let value = sensitive(&setting, value.expose())?;
                Ok(Credential::Fixed("header", name, value))
            }
            Self::Hmac(config) => config.resolve(setting, environment).map(Credential::Signed),
            Self::ClientCredentials(config) => {
                let grant = config.resolve(setting, environment)?;
                Ok(Credential::Token(Box::new(grant)))
            }
            Self::JwtBearer(config) => {
                let grant = config.resolve(setting, environment)?;
                Ok(Credential::Token(Box::new(grant)))
            }
        }
    }
}

/// The value of `Authorization` for a user and a password.
fn basic(username: &str, password: &str) -> String {
    let pair = BASE64_STANDARD.encode(format!("{username}:{password}"));
    format!("Basic {pair}")
}

/// The value of a header that does not print.
fn sensitive(setting: &str, text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        unusable(
            setting,
            "the secret holds characters that a header must not",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn header_name(setting: &str, name: &str) -> Result<HeaderName, Error> {
    HeaderName::from_str(name).map_err(|_| unusable(setting, "not the name of a header"))
}

// === impl Credential ===

impl Credential {
    /// Its `kind` in the configuration.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Fixed(kind, ..) => kind,
            Self::Signed(_) => "hmac",
            Self::Token(grant) => grant.kind(),
        }
    }

    /// Whether it sets this header: then no adapter may.
    #[must_use]
    pub fn sets(&self, name: &HeaderName) -> bool {
        match self {
            Self::None => false,
            Self::Fixed(_, own, _) => own == name,
            Self::Signed(signer) => signer.sets(name),
            Self::Token(_) => name == header::AUTHORIZATION,
        }
    }

    /// Puts it into a request, in place of whatever was there. A token is not known
    /// here: whoever fetches it puts it in.
    pub fn apply(&self, headers: &mut HeaderMap, signed: &Signed<'_>) {
        match self {
            Self::None | Self::Token(_) => {}
            Self::Fixed(_, name, value) => {
                headers.insert(name.clone(), value.clone());
            }
            Self::Signed(signer) => signer.sign(headers, signed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "TOKEN" => Some("t0p-s3cret".to_owned()),
            "EMPTY" => Some(String::new()),
            "BREAK" => Some("two\r\nlines".to_owned()),
            "LONG" => Some("x".repeat(SECRET_BYTES_MAX + 1)),
            _ => None,
        }
    }

    fn config(text: &str) -> Config {
        toml::from_str(text).expect("a credential")
    }

    fn resolved(text: &str) -> Result<HeaderMap, Error> {
        let credential = config(text).resolve("partners.acme.credential", &environment)?;
        let mut headers = HeaderMap::new();
        let signed = Signed {
            id: "delivery-1-0",
            at: Timestamp::from_millis(1_772_357_400_000),
            body: b"{}",
        };
        credential.apply(&mut headers, &signed);
        assert!(!format!("{credential:?}").contains("s3cret"));
        Ok(headers)
    }

    #[test]
    fn each_kind_becomes_its_header() {
        let cases = [
            ("kind = 'none'", None),
            (
                "kind = 'bearer'\ntoken = 'env:TOKEN'",
                Some(("authorization", "Bearer t0p-s3cret")),
            ),
            (
                "kind = 'basic'\nusername = 'us'\npassword = 'env:TOKEN'",
                Some(("authorization", "Basic dXM6dDBwLXMzY3JldA==")),
            ),
            (
                "kind = 'header'\nname = 'X-Api-Key'\nvalue = 'env:TOKEN'",
                Some(("x-api-key", "t0p-s3cret")),
            ),
        ];
        for (text, expected) in cases {
            let headers = resolved(text).expect("resolvable");
            let found = headers.iter().next().map(|(name, value)| {
                assert!(value.is_sensitive());
                (name.as_str(), value.to_str().expect("text"))
            });
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn errors_name_the_setting_and_never_the_secret() {
        let cases = [
            (
                "kind = 'bearer'\ntoken = 'env:NOWHERE'",
                "partners.acme.credential.token: the environment variable NOWHERE is not set",
            ),
            (
                "kind = 'bearer'\ntoken = 'env:EMPTY'",
                "partners.acme.credential.token: the secret is empty",
            ),
            (
                "kind = 'bearer'\ntoken = 'env:LONG'",
                "partners.acme.credential.token: the secret is longer than 8 KiB",
            ),
            (
                "kind = 'header'\nname = 'a b'\nvalue = 'env:TOKEN'",
                "partners.acme.credential.name: not the name of a header",
            ),
            (
                "kind = 'header'\nname = 'k'\nvalue = 'env:BREAK'",
                "partners.acme.credential.value: the secret holds characters that a header must not",
            ),
            (
                "kind = 'basic'\nusername = 'a:b'\npassword = 'env:TOKEN'",
                "partners.acme.credential.username: a user name must not hold a colon",
            ),
            (
                "kind = 'bearer'\ntoken = 'file:/nowhere/at/all'",
                "partners.acme.credential.token: /nowhere/at/all cannot be read",
            ),
        ];
        for (text, message) in cases {
            let error = resolved(text).expect_err(text);
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn refuses_settings_that_hold_the_secret_or_unknown_fields() {
        for text in [
            "kind = 'bearer'\ntoken = 't0p-s3cret'",
            "kind = 'bearer'\ntoken = 'file:relative'",
            "kind = 'bearer'\ntoken = 'env:'",
            "kind = 'bearer'\ntoken = 'env:TOKEN'\nuser = 'x'",
            "kind = 'none'\ntoken = 'env:TOKEN'",
            "kind = 'oauth9'",
        ] {
            let error = toml::from_str::<Config>(text)
                .expect_err(text)
                .message()
                .to_owned();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
