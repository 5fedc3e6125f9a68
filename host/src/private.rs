//! Directories and files that this user alone can read: messages lie in them as they
//! came.
//!
//! What is there already keeps the mode that somebody gave it.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Makes a directory, and those above it that are missing.
pub(crate) fn create_dir_all(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes an empty file, also of one that is there.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    options().write(true).truncate(true).open(path)
}

/// How a file is opened that is made if it is missing.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_made_is_for_one_user() {
        let root = tempfile::tempdir().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let inner = root.path().join("data/journal");
        create_dir_all(&inner).unwrap();
        assert_eq!(mode(&inner), 0o700);
        assert_eq!(mode(&root.path().join("data")), 0o700);
        let file = inner.join("file");
        create(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
    }
}
