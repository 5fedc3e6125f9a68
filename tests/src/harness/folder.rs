//! A partner that is a directory.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A drop folder, seen from the partner's side.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

// === impl Folder ===

impl Folder {
    pub(super) fn at(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// Puts a whole file into the inbox at once, as a careful partner does: under
    /// another name first.
    ///
    /// # Panics
    /// When the file system refuses.
    pub fn put(&self, name: &str, body: &[u8]) {
        let unfinished = self.0.join("inbox").join(format!("{name}.part"));
        fs::write(&unfinished, body).expect("the inbox can be written");
        fs::rename(&unfinished, self.0.join("inbox").join(name)).expect("a file can be renamed");
    }

    /// The names and contents of the visible files in one of its directories, by name.
    ///
    /// # Panics
    /// When the file system refuses.
    #[must_use]
    pub fn files(&self, directory: &str) -> Vec<(String, Vec<u8>)> {
        let Ok(entries) = fs::read_dir(self.0.join(directory)) else {
            return Vec::new();
        };
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let entry = entry.expect("a directory can be read");
                let name = entry.file_name().into_string().expect("names are text");
                let body = fs::read(entry.path());
                // The host may take it away meanwhile.
                (!name.starts_with('.'))
                    .then(|| Some((name, body.ok()?)))
                    .flatten()
            })
            .collect();
        files.sort();
        files
    }

    /// The names of the visible files in one of its directories.
    #[must_use]
    pub fn names(&self, directory: &str) -> Vec<String> {
        self.files(directory)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }
}
