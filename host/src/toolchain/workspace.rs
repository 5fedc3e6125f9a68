//! Where a package is: its workspace, its target folder, its profile.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{BuildError, PROFILE, TARGET, cargo::Cargo};

/// An adapter's package.
#[derive(Debug)]
pub(super) struct Package {
    /// As in its `Cargo.toml`.
    pub(super) name: String,
    /// Its `Cargo.toml`.
    pub(super) manifest: PathBuf,
    /// The workspace's folder.
    pub(super) workspace: PathBuf,
    /// Whether the workspace has a profile for guests.
    pub(super) has_profile: bool,
    /// The target folder of the guests.
    pub(super) guests: PathBuf,
    /// Where the component goes.
    pub(super) component: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<MetadataTarget>,
}

#[derive(Deserialize)]
struct MetadataTarget {
    crate_types: Vec<String>,
}

// === impl Package ===

impl Package {
    /// Asks cargo about the package in `folder`.
    ///
    /// # Errors
    /// When there is none, or it can't become a component.
    pub(super) fn find(cargo: &Cargo, folder: &Path) -> Result<Self, BuildError> {
        let none = |reason: String| BuildError::NoPackage {
            folder: folder.to_owned(),
            reason,
        };
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(none("it has no Cargo.toml".to_owned()));
        }
        let text = cargo.metadata(&manifest)?;
        let metadata: Metadata =
            serde_json::from_slice(&text).map_err(|error| none(error.to_string()))?;
        let same = |package: &MetadataPackage| {
            package
                .manifest_path
                .canonicalize()
                .is_ok_and(|path| path == manifest)
        };
        let package = metadata
            .packages
            .into_iter()
            .find(same)
            .ok_or_else(|| none("its Cargo.toml describes no package".to_owned()))?;
        let cdylib = |target: &MetadataTarget| target.crate_types.iter().any(|it| it == "cdylib");
        if !package.targets.iter().any(cdylib) {
            let reason = "its Cargo.toml needs `[lib] crate-type = [\"cdylib\", \"rlib\"]`";
            return Err(none(reason.to_owned()));
        }
        let has_profile = has_profile(&metadata.workspace_root.join("Cargo.toml"));
        let adapters = metadata.target_directory.join("adapters");
        Ok(Self {
            component: adapters.join(format!("{}.wasm", package.name)),
            name: package.name,
            manifest,
            workspace: metadata.workspace_root,
            has_profile,
            guests: metadata.target_directory.join("guests"),
        })
    }

    /// Where cargo lists what the module was made of.
    pub(super) fn dep_info(&self) -> PathBuf {
        let profile = if self.has_profile { PROFILE } else { "release" };
        let file = format!("{}.d", self.name.replace('-', "_"));
        self.guests.join(TARGET).join(profile).join(file)
    }
}

fn has_profile(manifest: &Path) -> bool {
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    let profile = table.get("profile").and_then(|it| it.get(PROFILE));
    profile.is_some()
}
