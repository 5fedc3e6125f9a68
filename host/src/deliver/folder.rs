//! Delivery by drop folder: a file appears in the partner's `outbox/`, whole or
//! not at all, and once.
//!
//! A file is written under a hidden name, made durable, and renamed. A partner
//! takes files away, so its absence does not say that a delivery was never made:
//! before the rename a marker in `.sent/` is made durable. After a crash,
//!
//! | marker | hidden file | means | what follows |
//! |---|---|---|---|
//! | no | any | nothing was published | begin again |
//! | yes | yes | the rename is missing | rename |
//! | yes | no | published, perhaps taken since | done |
//!
//! so that the partner never gets a delivery twice. The marker is dropped with
//! [`Folder::forget`] when the outcome is durable elsewhere.
//!
//! One host writes to an outbox; names that the partner itself puts there are
//! not overwritten.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;

use super::Fault;

/// The longest name of a file, in bytes. Hidden names add to it, and common
/// file systems end at 255.
const NAME_BYTES_MAX: usize = 128;

/// Where markers are, below the outbox.
const SENT: &str = ".sent";

/// A partner's outbox.
#[derive(Clone, Debug)]
pub struct Folder {
    outbox: PathBuf,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is there now, under this name.
    Published(String),
    /// It was there before: an earlier attempt of the same delivery made it, or
    /// a file of the same name and content.
    AlreadyThere(String),
}

/// Why a file is not there.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file of this name and another content is there. Taking it away, or
    /// another name, helps.
    #[error("a file named {name:?} with another content is in the outbox")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The file system failed.
    #[error("{} cannot be {act}", path.display())]
    Io {
        /// What was attempted.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

// === impl Folder ===

impl Folder {
    /// The outbox of the partner's directory `root`, made if it is not there.
    /// What unfinished writes left behind is cleared away. Blocks: for start-up.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        let outbox = root.join("outbox");
        let sent = outbox.join(SENT);
        fs::create_dir_all(&sent).map_err(failed("made", &sent))?;
        sync(root)?;
        sync(&outbox)?;
        let folder = Self { outbox };
        for found in fs::read_dir(&folder.outbox).map_err(failed("read", &folder.outbox))? {
            let found = found.map_err(failed("read", &folder.outbox))?;
            let name = found.file_name();
            let delivery = name
                .to_str()
                .and_then(|name| name.strip_prefix('.')?.strip_suffix(".part"));
            if let Some(delivery) = delivery
                && !folder.marker(delivery).exists()
            {
                let path = found.path();
                fs::remove_file(&path).map_err(failed("removed", &path))?;
            }
        }
        Ok(folder)
    }

    /// Publishes `body` as `name`, made safe with [`file_name`]; `delivery` is
    /// what makes a repetition recognizable: a delivery's id, the same on every
    /// attempt.
    ///
    /// # Errors
    /// See [`FolderError`].
    pub async fn publish(
        &self,
        delivery: &str,
        name: &str,
        body: Bytes,
    ) -> Result<Written, FolderError> {
        let delivery = file_name(delivery, "delivery");
        let name = file_name(name, &delivery);
        let folder = self.clone();
        blocking(&self.outbox, move || {
            folder.publish_blocking(&delivery, name, &body)
        })
        .await
    }

    /// Forgets that a delivery was published, when that is durable elsewhere.
    ///
    /// # Errors
    /// [`FolderError::Io`].
    pub async fn forget(&self, delivery: &str) -> Result<(), FolderError> {
        let marker = self.marker(&file_name(delivery, "delivery"));
        blocking(&self.outbox, move || remove_if_there(&marker)).await
    }

    fn publish_blocking(
        &self,
        delivery: &str,
        name: String,
        body: &[u8],
    ) -> Result<Written, FolderError> {
        let hidden = self.outbox.join(format!(".{delivery}.part"));
        let marker = self.marker(delivery);
        let target = self.outbox.join(&name);
        if marker.exists() {
            if !hidden.exists() {
                return Ok(Written::AlreadyThere(name));
            }
        } else {
            match there(&target, body)? {
                There::Nothing => {}
                There::Same => return Ok(Written::AlreadyThere(name)),
                There::Another => return Err(FolderError::NameTaken { name }),
            }
            write_durably(&hidden, body)?;
            sync(&self.outbox)?;
            write_durably(&marker, b"")?;
            sync(&self.outbox.join(SENT))?;
        }
        // Again, for the time since the crash: another delivery may have come.
        match there(&target, body)? {
            There::Nothing => {
                fs::rename(&hidden, &target).map_err(failed("renamed", &hidden))?;
                sync(&self.outbox)?;
                Ok(Written::Published(name))
            }
            There::Same => {
                remove_if_there(&hidden)?;
                Ok(Written::AlreadyThere(name))
            }
            There::Another => {
                // The marker first: alone it would mean "published".
                remove_if_there(&marker)?;
                sync(&self.outbox.join(SENT))?;
                remove_if_there(&hidden)?;
                Err(FolderError::NameTaken { name })
            }
        }
    }

    fn marker(&self, delivery: &str) -> PathBuf {
        self.outbox.join(SENT).join(delivery)
    }
}

// === impl FolderError ===

impl FolderError {
    /// Whether the same write can succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        true
    }

    /// Who has to act.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::NameTaken { .. } => Fault::Adapter,
            Self::Io { .. } => Fault::Host,
        }
    }
}

/// A name that is safe in any directory, made from one that an adapter suggests:
/// letters, digits, dots, dashes and underscores stay, everything else becomes
/// an underscore; dots at the beginning too, for those files are hidden. A name
/// that is too long keeps its end, where the extension is. `fallback` replaces
/// an empty one.
#[must_use]
pub fn file_name(suggested: &str, fallback: &str) -> String {
    let suggested = if suggested.is_empty() {
        fallback
    } else {
        suggested
    };
    let safe: String = suggested
        .chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => letter,
            _ => '_',
        })
        .collect();
    let end = &safe[safe.len().saturating_sub(NAME_BYTES_MAX)..];
    let visible = end.trim_start_matches('.');
    format!("{}{visible}", "_".repeat(end.len() - visible.len()))
}

enum There {
    Nothing,
    Same,
    Another,
}

fn there(path: &Path, body: &[u8]) -> Result<There, FolderError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(There::Nothing),
        Err(error) => return Err(failed("opened", path)(error)),
    };
    let length = file.metadata().map_err(failed("read", path))?.len();
    if length != body.len() as u64 {
        return Ok(There::Another);
    }
    let mut content = Vec::with_capacity(body.len());
    file.read_to_end(&mut content)
        .map_err(failed("read", path))?;
    Ok(if content == body {
        There::Same
    } else {
        There::Another
    })
}

fn write_durably(path: &Path, body: &[u8]) -> Result<(), FolderError> {
    let mut file = File::create(path).map_err(failed("made", path))?;
    file.write_all(body)
        .and_then(|()| file.sync_all())
        .map_err(failed("written", path))
}

/// Makes the entries of a directory durable.
fn sync(directory: &Path) -> Result<(), FolderError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(failed("synced", directory))
}

fn remove_if_there(path: &Path) -> Result<(), FolderError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("removed", path)(error))
        }
        _ => Ok(()),
    }
}

fn failed(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    move |source| FolderError::Io {
        act,
        path: path.to_owned(),
        source,
    }
}

/// File systems have no asynchronous form worth the name: a thread waits.
async fn blocking<T: Send + 'static>(
    outbox: &Path,
    work: impl FnOnce() -> Result<T, FolderError> + Send + 'static,
) -> Result<T, FolderError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // Only at shutdown, when the runtime no longer starts anything.
        Err(stopped) => Err(failed("reached", outbox)(io::Error::other(stopped))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: Bytes = Bytes::from_static(b"ISA*00*...~");

    struct Partner {
        root: tempfile::TempDir,
        folder: Folder,
    }

    impl Partner {
        fn new() -> Self {
            let root = tempfile::tempdir().expect("a folder");
            let folder = Folder::open(root.path()).expect("opened");
            Self { root, folder }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.root.path().join("outbox").join(name)
        }

        /// All names in the outbox, hidden ones too, and those of the markers.
        fn names(&self) -> Vec<String> {
            let list = |path: PathBuf, prefix: &'static str| {
                fs::read_dir(path).expect("readable").map(move |found| {
                    let name = found.expect("readable").file_name();
                    format!("{prefix}{}", name.to_str().expect("text"))
                })
            };
            let mut names: Vec<String> = list(self.path(""), "")
                .filter(|name| name != SENT)
                .chain(list(self.path(SENT), "sent/"))
                .collect();
            names.sort();
            names
        }

        async fn publish(&self, delivery: &str, name: &str) -> Result<Written, FolderError> {
            self.folder.publish(delivery, name, BODY).await
        }
    }

    fn published(name: &str) -> Written {
        Written::Published(name.to_owned())
    }

    fn already(name: &str) -> Written {
        Written::AlreadyThere(name.to_owned())
    }

    #[tokio::test]
    async fn a_file_appears_whole_and_leaves_a_marker() {
        let partner = Partner::new();
        let written = partner.publish("d-1", "940_1.edi").await.expect("written");
        assert_eq!(written, published("940_1.edi"));
        assert_eq!(partner.names(), ["940_1.edi", "sent/d-1"]);
        assert_eq!(fs::read(partner.path("940_1.edi")).expect("there"), BODY);
        partner.folder.forget("d-1").await.expect("forgotten");
        partner
            .folder
            .forget("d-1")
            .await
            .expect("forgotten before");
        assert_eq!(partner.names(), ["940_1.edi"]);
    }

    #[tokio::test]
    async fn what_the_partner_took_is_not_delivered_again() {
        let partner = Partner::new();
        partner.publish("d-1", "a.edi").await.expect("written");
        fs::remove_file(partner.path("a.edi")).expect("taken");
        let again = partner.publish("d-1", "a.edi").await.expect("done");
        assert_eq!(again, already("a.edi"));
        assert_eq!(partner.names(), ["sent/d-1"]);
    }

    #[tokio::test]
    async fn every_crash_is_continued_to_one_file() {
        // What a crash can leave: the table of the module's documentation.
        let cases: [(&[&str], Written); 3] = [
            (&[".d-1.part"], published("a.edi")),
            (&[".d-1.part", ".sent/d-1"], published("a.edi")),
            (&[".sent/d-1"], already("a.edi")),
        ];
        for (left, expected) in cases {
            let partner = Partner::new();
            for name in left {
                // Half a file, where the marker does not yet vouch for it.
                let half = if left.len() == 1 {
                    &BODY[..4]
                } else {
                    &BODY[..]
                };
                fs::write(partner.path(name), half).expect("written");
            }
            let reopened = Folder::open(partner.root.path()).expect("opened");
            let written = reopened.publish("d-1", "a.edi", BODY).await;
            assert_eq!(written.expect("done"), expected, "{left:?}");
            if matches!(expected, Written::Published(_)) {
                assert_eq!(partner.names(), ["a.edi", "sent/d-1"]);
                assert_eq!(fs::read(partner.path("a.edi")).expect("there"), BODY);
            }
        }
    }

    #[tokio::test]
    async fn another_content_of_the_same_name_is_kept() {
        let partner = Partner::new();
        fs::write(partner.path("a.edi"), "another").expect("written");
        fs::write(partner.path("b.edi"), BODY).expect("written");
        let error = partner.publish("d-1", "a.edi").await.expect_err("taken");
        assert!(matches!(&error, FolderError::NameTaken { name } if name == "a.edi"));
        assert_eq!(error.fault(), Fault::Adapter);
        assert_eq!(partner.names(), ["a.edi", "b.edi"]);
        let same = partner.publish("d-2", "b.edi").await.expect("the same");
        assert_eq!(same, already("b.edi"));
        // Also when the name was taken between a crash and the next attempt.
        fs::write(partner.path(".d-3.part"), BODY).expect("written");
        fs::write(partner.path(".sent/d-3"), "").expect("written");
        let error = partner.publish("d-3", "a.edi").await.expect_err("taken");
        assert!(matches!(error, FolderError::NameTaken { .. }));
        assert_eq!(partner.names(), ["a.edi", "b.edi"]);
        assert_eq!(fs::read(partner.path("a.edi")).expect("kept"), b"another");
    }

    #[tokio::test]
    async fn leftovers_of_unfinished_writes_are_cleared_at_start() {
        let partner = Partner::new();
        for name in [".d-1.part", ".d-2.part", ".sent/d-2", ".hidden", "a.part"] {
            fs::write(partner.path(name), "x").expect("written");
        }
        Folder::open(partner.root.path()).expect("opened");
        assert_eq!(
            partner.names(),
            [".d-2.part", ".hidden", "a.part", "sent/d-2"]
        );
    }

    #[tokio::test]
    async fn a_broken_folder_is_an_error_that_can_be_retried() {
        let partner = Partner::new();
        fs::remove_dir_all(partner.path("")).expect("removed");
        let error = partner
            .publish("d-1", "a.edi")
            .await
            .expect_err("no folder");
        assert!(error.retryable());
        assert_eq!(error.fault(), Fault::Host);
    }

    #[test]
    fn names_lose_what_could_lead_elsewhere() {
        let cases = [
            ("940_1.edi", "940_1.edi"),
            ("../../etc/passwd", "___.._etc_passwd"),
            ("/etc/passwd", "_etc_passwd"),
            (".sent", "_sent"),
            ("..", "__"),
            ("a\\b:c\0d\ne", "a_b_c_d_e"),
            ("Bestellung \u{fc}.xml", "Bestellung__.xml"),
            ("", "d-1"),
        ];
        for (suggested, expected) in cases {
            assert_eq!(file_name(suggested, "d-1"), expected, "{suggested:?}");
        }
        let long = format!("{}.edi", "x".repeat(500));
        let name = file_name(&long, "d-1");
        assert!(name.len() == NAME_BYTES_MAX && name.ends_with("x.edi"));
    }

    proptest! {
        #[test]
        fn every_name_stays_in_its_folder(suggested in "\\PC{0,300}|[./\\\\]{0,10}") {
            let name = file_name(&suggested, "d-1");
            prop_assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX);
            prop_assert!(!name.starts_with('.'));
            prop_assert_eq!(Path::new(&name).file_name(), Some(name.as_ref()));
        }
    }
}
