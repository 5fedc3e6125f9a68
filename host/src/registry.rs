//! The adapters that are loaded, by name.
//!
//! At start every component of the adapters' directory is admitted; what is refused
//! stops the start, because a partner without its adapter is a partner whose
//! messages pile up. Callers hold an adapter for as long as their work lasts, so
//! that another version can take its place without disturbing them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;

use crate::sandbox::{Adapter, AdmitError, Sandbox};

/// How many components a directory may hold.
const COMPONENTS_MAX: usize = 1_000;

/// The loaded adapters.
#[derive(Default)]
pub struct Registry {
    adapters: BTreeMap<String, Arc<Adapter>>,
}

/// What there is to know of a loaded adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: String,
    /// Size of the component, in bytes.
    pub bytes: usize,
    /// Dialects, for a person to read.
    pub formats: Vec<String>,
    /// Kinds of document that it reads.
    pub decodes: Vec<String>,
    /// Kinds of document that it sends.
    pub encodes: Vec<String>,
}

/// Why adapters were not loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory can't be read.
    #[error("the adapters' directory {path} can't be read: {source}; set server.adapters_directory", path = .path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A component is refused.
    #[error("{path}: {source}", path = .path.display())]
    Refused {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Box<AdmitError>,
    },
    /// Two components have one name.
    #[error("{path} is another adapter called {name:?}; remove one of them", path = .path.display())]
    Twice {
        /// The second file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// More components than a host should load.
    #[error("{path} holds more than {COMPONENTS_MAX} components", path = .path.display())]
    TooMany {
        /// Which directory.
        path: PathBuf,
    },
}

// === impl Error ===

impl Error {
    /// What to do about it; absent when the message says it all.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Refused { source, .. } => source.remedy(),
            Self::Directory { .. } | Self::Twice { .. } | Self::TooMany { .. } => None,
        }
    }
}

// === impl Registry ===

impl Registry {
    /// Admits every `*.wasm` of a directory.
    ///
    /// # Errors
    /// The first component that is refused, with the reason and the remedy.
    pub fn load(sandbox: &Sandbox, directory: &Path) -> Result<Self, Error> {
        let mut registry = Self::default();
        for path in components(directory)? {
            let unread = |source| Error::Directory {
                path: path.clone(),
                source,
            };
            let bytes = fs::read(&path).map_err(unread)?;
            let (adapter, _) = sandbox.admit(&bytes).map_err(|source| Error::Refused {
                path: path.clone(),
                source: Box::new(source),
            })?;
            let name = adapter.name().to_owned();
            if registry
                .adapters
                .insert(name.clone(), Arc::new(adapter))
                .is_some()
            {
                return Err(Error::Twice { path, name });
            }
        }
        Ok(registry)
    }

    /// One by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Adapter>> {
        self.adapters.get(name).cloned()
    }

    /// All, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        self.adapters
            .values()
            .map(|adapter| listed(adapter))
            .collect()
    }
}

fn components(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let unread = |source| Error::Directory {
        path: directory.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.extension().is_some_and(|it| it == "wasm") {
            paths.push(path);
        }
        if paths.len() > COMPONENTS_MAX {
            return Err(Error::TooMany {
                path: directory.to_owned(),
            });
        }
    }
    paths.sort();
    Ok(paths)
}

fn listed(adapter: &Adapter) -> Listed {
    let description = adapter.description();
    Listed {
        name: description.name.clone(),
        version: description.version.clone(),
        digest: adapter.digest().to_string(),
        bytes: adapter.size_bytes(),
        formats: description.formats.clone(),
        decodes: description.decodes.clone(),
        encodes: description.encodes.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Config, testing::component};

    fn sandbox() -> Sandbox {
        let config = Config {
            instances_max: 4,
            ..Config::default()
        };
        Sandbox::new(config, None).unwrap()
    }

    fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        directory
    }

    #[test]
    fn every_component_of_the_directory_is_loaded_and_nothing_else() {
        let guest = component("", "");
        let files: [(&str, &[u8]); 3] = [
            ("a.wasm", &guest),
            ("b.wasm.part", b"half of one"),
            ("README.md", b"what is here"),
        ];
        let directory = directory(&files);
        let registry = Registry::load(&sandbox(), directory.path()).unwrap();
        let listed = registry.list();
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (listed[0].name.as_str(), listed[0].version.as_str()),
            ("guest", "1.2.3")
        );
        assert_eq!(listed[0].bytes, guest.len());
        let digest = crate::message::Digest::of(&guest);
        assert_eq!(listed[0].digest, digest.to_string());
        assert_eq!(registry.get("guest").unwrap().digest(), digest);
        assert!(registry.get("a").is_none(), "its file's name is nobody's");
    }

    #[test]
    fn one_that_is_refused_stops_all_and_is_named() {
        let guest = component("", "");
        let directory = directory(&[("good.wasm", &guest), ("bad.wasm", b"nothing of the kind")]);
        let error = Registry::load(&sandbox(), directory.path()).err().unwrap();
        assert!(
            matches!(&error, Error::Refused { path, .. } if path.ends_with("bad.wasm")),
            "{error}"
        );
        assert!(error.remedy().is_some());
    }

    #[test]
    fn two_of_one_name_are_refused() {
        let (one, other) = (component("", ""), component("(nop)", ""));
        let directory = directory(&[("one.wasm", &one), ("other.wasm", &other)]);
        let error = Registry::load(&sandbox(), directory.path()).err().unwrap();
        assert!(
            matches!(&error, Error::Twice { path, name } if path.ends_with("other.wasm") && name == "guest"),
            "{error}"
        );
    }

    #[test]
    fn without_a_directory_the_setting_is_named() {
        let directory = directory(&[]);
        assert!(
            Registry::load(&sandbox(), directory.path())
                .unwrap()
                .list()
                .is_empty()
        );
        let error = Registry::load(&sandbox(), &directory.path().join("none"))
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("server.adapters_directory"),
            "{error}"
        );
    }
}
