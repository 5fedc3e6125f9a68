//! What a partner knows us by: secrets, by reference.
//!
//! The configuration names where a secret is ([`Reference`]); it is read once,
//! at start, into a [`Secret`] that neither prints nor serializes, and from
//! there only into the header of an outgoing request. It never reaches an
//! adapter, a journal record or a log line.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};

/// The longest secret, in bytes; a header with more would be refused by most
/// servers.
pub const SECRET_BYTES_MAX: usize = 8 * 1024;

/// Where a secret is: `env:NAME` or `file:/absolute/path`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reference {
    /// An environment variable of the host.
    Environment(String),
    /// A file, without its last line break. It must not be writable by anybody
    /// but its owner.
    File(PathBuf),
}

/// A text that does not say where a secret is. The text is not repeated: it
/// could be the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reference to a secret: write env:NAME or file:/absolute/path")]
pub struct InvalidReference;

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

/// A secret text. It has no way to be printed or serialized.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A credential with its secrets read, ready for requests.
#[derive(Clone, Debug, Default)]
pub struct Credential {
    /// The value is marked sensitive, so it does not print either.
    header: Option<(HeaderName, HeaderValue)>,
}

/// A credential that cannot be used. Always the settings' fault; trying again
/// without changing them does not help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The environment variable is not set.
    #[error("{setting}: the environment variable {name} is not set")]
    NotSet {
        /// The setting that names it.
        setting: String,
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("{setting}: {} cannot be read", path.display())]
    Unreadable {
        /// The setting that names it.
        setting: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could put another secret there.
    #[error("{setting}: {} may be written by its group or by everybody; chmod go-w it", path.display())]
    Unprotected {
        /// The setting that names it.
        setting: String,
        /// The file.
        path: PathBuf,
    },
    /// What was found cannot be used.
    #[error("{setting}: {rule}")]
    Unusable {
        /// The setting that names it.
        setting: String,
        /// What it breaks.
        rule: &'static str,
    },
}

// === impl Reference ===

impl Reference {
    /// Reads the secret. `setting` names what refers to it, for errors;
    /// `environment` looks variables up.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn read(
        &self,
        setting: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Secret, Error> {
        let text = match self {
            Self::Environment(name) => environment(name).ok_or_else(|| Error::NotSet {
                setting: setting.to_owned(),
                name: name.clone(),
            })?,
            Self::File(path) => read_file(setting, path)?,
        };
        let rule = if text.is_empty() {
            "the secret is empty"
        } else if text.len() > SECRET_BYTES_MAX {
            "the secret is longer than 8 KiB"
        } else {
            return Ok(Secret(text));
        };
        Err(unusable(setting, rule))
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0']) => {
                Ok(Self::Environment(name.to_owned()))
            }
            Some(("file", path)) if Path::new(path).is_absolute() => Ok(Self::File(path.into())),
            _ => Err(InvalidReference),
        }
    }
}

impl TryFrom<String> for Reference {
    type Error = InvalidReference;

    fn try_from(text: String) -> Result<Self, InvalidReference> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(formatter, "env:{name}"),
            Self::File(path) => write!(formatter, "file:{}", path.display()),
        }
    }
}

fn read_file(setting: &str, path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable {
        setting: setting.to_owned(),
        path: path.to_owned(),
        source,
    };
    let file = fs::File::open(path).map_err(unreadable)?;
    // Of the open file: between a check by name and the opening, the name could
    // come to mean another file.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unusable(setting, "the secret is not a regular file"));
    }
    check_protection(setting, path, &metadata)?;
    let mut text = String::new();
    // Two more than allowed, for a line break: what is longer is then seen to be.
    file.take(SECRET_BYTES_MAX as u64 + 3)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(unix)]
fn check_protection(setting: &str, path: &Path, metadata: &fs::Metadata) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt as _;

    const WRITABLE_BY_OTHERS: u32 = 0o022;
    const READABLE_BY_ALL: u32 = 0o004;
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(Error::Unprotected {
            setting: setting.to_owned(),
            path: path.to_owned(),
        });
    }
    // Not refused: it is how containers mount their secrets.
    if metadata.mode() & READABLE_BY_ALL != 0 {
        tracing::warn!(
            setting,
            path = %path.display(),
            "secret file {} can be read by every user of this machine",
            path.display()
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_protection(_: &str, _: &Path, _: &fs::Metadata) -> Result<(), Error> {
    Ok(())
}

fn unusable(setting: &str, rule: &'static str) -> Error {
    Error::Unusable {
        setting: setting.to_owned(),
        rule,
    }
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

// === impl Secret ===

impl Secret {
    /// The secret itself. Every use of this is a place to look at twice.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
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
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

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

    #[test]
    fn reads_files_without_their_line_break() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        for (content, secret) in [
            ("abc\n", "abc"),
            ("abc\r\n", "abc"),
            ("abc", "abc"),
            ("a\n\n", "a\n"),
        ] {
            fs::write(&path, content).expect("written");
            fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
            let found = Reference::File(path.clone()).read("here", &environment);
            assert_eq!(found.expect("readable").expose(), secret);
        }
    }

    #[test]
    fn refuses_files_that_are_open_to_others_too_long_or_no_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let read = |path: &Path| Reference::File(path.to_owned()).read("here", &environment);
        fs::write(&path, "abc").expect("written");
        for mode in [0o620, 0o602, 0o666] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("set");
            assert!(
                matches!(read(&path), Err(Error::Unprotected { .. })),
                "{mode:o}"
            );
        }
        for mode in [0o400, 0o440, 0o444] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("set");
            assert!(read(&path).is_ok(), "{mode:o}");
        }
        assert!(matches!(read(folder.path()), Err(Error::Unusable { .. })));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("set");
        fs::write(&path, "x".repeat(1 << 20)).expect("written");
        assert!(matches!(read(&path), Err(Error::Unusable { .. })));
    }
}
