//! Secrets, by reference.
//!
//! The configuration names where a secret is ([`Reference`]); it is read once,
//! at the start, into a [`Secret`] that neither prints nor serializes. What it
//! proves, and to whom, is decided where it is used: towards partners in
//! `deliver`, of partners in `ingress`.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    str::FromStr,
};

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

/// A secret text. It has no way to be printed or serialized.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A secret that cannot be used. Always the settings' fault; trying again
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

/// What is wrong with a secret that was found, or with a setting beside it.
pub(crate) fn unusable(setting: &str, rule: &'static str) -> Error {
    Error::Unusable {
        setting: setting.to_owned(),
        rule,
    }
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
