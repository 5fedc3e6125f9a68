//! What a partner knows us by.
//!
//! The secrets are read at the start ([`crate::secret`]) and go from there only into
//! the header of an outgoing request. They never reach an adapter, a journal record or
//! a log line.

use std::str::FromStr as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};

use crate::secret::unusable;
pub use crate::secret::{Error, InvalidReference, Reference, SECRET_BYTES_MAX, Secret};

/// `credential` of an endpoint: how the host authenticates its requests.
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
}

/// A credential with its secrets read, ready for requests.
#[derive(Clone, Debug, Default)]
pub struct Credential {
    /// The value is marked sensitive, so it does not print either.
    header: Option<(HeaderName, HeaderValue)>,
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
        let header = match self {
            Self::None {} => None,
            Self::Bearer { token } => {
                let setting = format!("{setting}.token");
                let token = token.read(&setting, environment)?;
                let text = format!("Bearer {}", token.expose());
                Some((header::AUTHORIZATION, sensitive(&setting, &text)?))
            }
            Self::Basic { username, password } => {
                if username.contains(':') {
                    let setting = format!("{setting}.username");
                    return Err(unusable(&setting, "a user name must not hold a colon"));
                }
                let setting = format!("{setting}.password");
                let password = password.read(&setting, environment)?;
                let pair = BASE64_STANDARD.encode(format!("{username}:{}", password.expose()));
                let text = format!("Basic {pair}");
                Some((header::AUTHORIZATION, sensitive(&setting, &text)?))
            }
            Self::Header { name, value } => {
                let name = HeaderName::from_str(name).map_err(|_| {
                    unusable(&format!("{setting}.name"), "not the name of a header")
                })?;
                let setting = format!("{setting}.value");
                let value = value.read(&setting, environment)?;
                Some((name, sensitive(&setting, value.expose())?))
            }
        };
        Ok(Credential { header })
    }
}

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

// === impl Credential ===

impl Credential {
    /// The header that carries it, if any: no adapter may set that one.
    #[must_use]
    pub fn header_name(&self) -> Option<&HeaderName> {
        self.header.as_ref().map(|(name, _)| name)
    }

    /// Puts it into a request, in place of whatever was there.
    pub fn apply(&self, headers: &mut HeaderMap) {
        if let Some((name, value)) = &self.header {
            headers.insert(name.clone(), value.clone());
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
        credential.apply(&mut headers);
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
