//! Drop folders: a partner can be a directory.
//!
//! A folder has `inbox/` (the partner puts messages there), `done/` (taken, each
//! with the time in its name), `refused/` (not taken, each with a
//! `.problem.json` beside it that says why) and `outbox/` (for deliveries; this
//! module only creates it).
//!
//! # When a file is complete
//! A name that begins with a dot or ends in `.tmp`, `.part` or `.filepart` is
//! still being written, by the custom of the programs that upload files; it will
//! be renamed. Any other file is complete when two looks at it, `quiet_ms` apart
//! or more, have found the same file with the same length and time of change.
//!
//! # One effect
//! A file is accepted under the idempotency key `file:<name>:<sha256>`, then moved.
//! If the host dies between the two, the next scan finds the file again, learns
//! that its message is accepted already, and only moves it. If there is no room,
//! the file stays where it is.
//!
//! Only regular files are taken. Symbolic links and special files are refused
//! without being followed or opened, directories are left alone.

mod disk;

use std::{
    collections::HashMap,
    ffi::OsString,
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::http::StatusCode;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use self::disk::{Disk, Found, Kind, Print, Read};
use super::{Ingress, Refusal, sink::Sink, traceparent::Traceparent};
use crate::{
    api::problem::Problem,
    clock::{Clock, Timestamp},
    message::{Channel, Digest, MessageId, PartnerName, RawMessage},
};

/// The name of the header that carries a file's name to the adapter.
pub const FILE_NAME_HEADER: &str = "file-name";

/// The longest file name that is taken, in bytes: with the time in front and
/// `.problem.json` behind it must fit the 255 bytes of common file systems.
pub const NAME_BYTES_MAX: usize = 200;

/// A drop folder's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder; it and its subfolders are created where missing.
    pub directory: PathBuf,
    /// How long to wait between looks, in milliseconds (500).
    #[serde(default = "Config::interval_ms")]
    pub interval_ms: u64,
    /// How long a file must not have changed to count as complete, in milliseconds
    /// (2 s): longer than the pauses of an upload over a bad line.
    #[serde(default = "Config::quiet_ms")]
    pub quiet_ms: u64,
    /// Files that one look takes note of (10,000); an inbox with more is taken in
    /// several turns, and only within a turn in order of age.
    #[serde(default = "Config::files_max")]
    pub files_max: usize,
}

/// Why a folder cannot be used or could not be looked at. The operator's to solve;
/// the next look may succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that nothing could work with.
    #[error("{setting} of a drop folder must be at least 1")]
    Limit {
        /// The setting's name.
        setting: &'static str,
    },
    /// The file system said no.
    #[error("cannot {action} {}: {source}", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The host is going down.
    #[error("the host is stopping")]
    Stopping,
}

/// What one look at the inbox did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files whose messages were accepted by this look.
    pub accepted: usize,
    /// Files whose messages had been accepted before; only moved.
    pub replayed: usize,
    /// Files moved to `refused/`.
    pub refused: usize,
    /// Files left in the inbox: not complete yet, or no room.
    pub waiting: usize,
}

/// One partner's drop folder.
pub struct Folder<S> {
    ingress: Arc<Ingress<S>>,
    partner: PartnerName,
    clock: Clock,
    disk: Disk,
    interval: Duration,
    quiet: Duration,
    files_max: usize,
    /// What the last look saw, and since when it has looked the same.
    seen: HashMap<OsString, Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    print: Print,
    since: Timestamp,
}

/// What became of one file.
enum Outcome {
    Accepted,
    Replayed,
    Refused,
    /// It may still be being written.
    Unfinished,
    /// The sink cannot take it now.
    NoRoom,
}

// === impl Config ===

impl Config {
    /// A folder with every other setting at its default.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            interval_ms: Self::interval_ms(),
            quiet_ms: Self::quiet_ms(),
            files_max: Self::files_max(),
        }
    }

    fn interval_ms() -> u64 {
        500
    }

    fn quiet_ms() -> u64 {
        2_000
    }

    fn files_max() -> usize {
        10_000
    }
}

// === impl Folder ===

impl<S: Sink> Folder<S> {
    /// The folder of `partner`; its messages go the way of `ingress`, and `clock`
    /// tells how long its files have been quiet. Creates what is missing on disk.
    ///
    /// # Errors
    /// When a setting cannot be used or a directory cannot be created.
    pub async fn open(
        ingress: Arc<Ingress<S>>,
        partner: PartnerName,
        config: &Config,
        clock: &Clock,
    ) -> Result<Self, Error> {
        for (setting, value) in [
            ("interval_ms", config.interval_ms),
            ("files_max", config.files_max as u64),
        ] {
            if value == 0 {
                return Err(Error::Limit { setting });
            }
        }
        Ok(Self {
            ingress,
            partner,
            clock: clock.clone(),
            disk: Disk::create(config.directory.clone()).await?,
            interval: Duration::from_millis(config.interval_ms),
            quiet: Duration::from_millis(config.quiet_ms),
            files_max: config.files_max,
            seen: HashMap::new(),
        })
    }

    /// The folder's path.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.disk.directory()
    }

    /// Looks at the inbox again and again until `stop` is ready. A file that is
    /// being taken by then may stay in the inbox although its message has been
    /// accepted; the next start finds it there, and only moves it.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        // The same trouble is told once, not at every look.
        let mut trouble = String::new();
        loop {
            let interval = self.interval;
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = self.look(&mut trouble) => {}
            }
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = tokio::time::sleep(interval) => {}
            }
        }
    }

    async fn look(&mut self, trouble: &mut String) {
        let now = self.clock.now();
        let found = match self.scan_once(now).await {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        if !found.is_empty() && found != *trouble {
            let partner = self.partner.as_str();
            tracing::warn!(partner, "trouble with a drop folder: {found}");
        }
        *trouble = found;
    }

    /// Looks at the inbox once, and takes what is complete, oldest first.
    ///
    /// Where there is no room for a file, the look ends: a younger one must not
    /// overtake it. A file that cannot be read or moved holds up no other.
    ///
    /// # Errors
    /// When the inbox cannot be read, or when some file could not be read or moved:
    /// the first such error, after all other files have been taken.
    pub async fn scan_once(&mut self, now: Timestamp) -> Result<Report, Error> {
        let mut found = self.disk.list(self.files_max).await?;
        self.note(&found, now);
        found.sort_by(|one, other| {
            (one.print.modified, &one.name).cmp(&(other.print.modified, &other.name))
        });
        let mut report = Report::default();
        let mut failed = None;
        let mut files = found.iter();
        while let Some(file) = files.next() {
            match self.take(file, now).await {
                Ok(Outcome::Accepted) => report.accepted += 1,
                Ok(Outcome::Replayed) => report.replayed += 1,
                Ok(Outcome::Refused) => report.refused += 1,
                Ok(Outcome::Unfinished) => report.waiting += 1,
                Ok(Outcome::NoRoom) => {
                    report.waiting += 1 + files.len();
                    break;
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(report), Err)
    }

    /// Remembers since when each file has looked as it does now.
    fn note(&mut self, found: &[Found], now: Timestamp) {
        let before = std::mem::take(&mut self.seen);
        self.seen = found
            .iter()
            .map(|file| {
                let print = file.print;
                let same = before.get(&file.name).filter(|seen| seen.print == print);
                let since = same.map_or(now, |seen| seen.since);
                (file.name.clone(), Seen { print, since })
            })
            .collect();
    }

    fn is_complete(&self, file: &Found, now: Timestamp) -> bool {
        self.seen
            .get(&file.name)
            .is_some_and(|seen| now.since(seen.since) >= self.quiet)
    }

    async fn take(&self, file: &Found, now: Timestamp) -> Result<Outcome, Error> {
        if !self.is_complete(file, now) {
            return Ok(Outcome::Unfinished);
        }
        if file.kind == Kind::Other {
            return self.refuse(file, now, not_a_file()).await;
        }
        let Some(name) = usable_name(file) else {
            return self.refuse(file, now, name_invalid()).await;
        };
        // Room first, as for a request: a file can wait on disk.
        let entrance = &self.ingress.entrance;
        let Ok(permit) = entrance.sink().admit(&self.partner) else {
            return Ok(Outcome::NoRoom);
        };
        let bytes_max = self.ingress.limits.bytes_max;
        let body = match self.disk.read(file, bytes_max).await? {
            Read::Whole(body) if body.is_empty() => {
                return self.refuse(file, now, Refusal::BodyEmpty.into()).await;
            }
            Read::Whole(body) => body,
            Read::TooLarge => {
                let problem = Refusal::BodyTooLarge { bytes_max }.into();
                return self.refuse(file, now, problem).await;
            }
            Read::Changed => return Ok(Outcome::Unfinished),
        };
        let message = self.message(name, body, now).await?;
        let accepted = entrance.accept(permit, message, ()).await;
        let outcome = match accepted {
            Ok(receipt) if receipt.replayed => Outcome::Replayed,
            Ok(_) => Outcome::Accepted,
            // Left where it is it would hold up all that come after it, for ever.
            Err(refusal @ Refusal::MessageTooLarge { .. }) => {
                return self.refuse(file, now, refusal.into()).await;
            }
            Err(refusal) => {
                // The sink has told the operator; here it would be said every look.
                let partner = self.partner.as_str();
                tracing::debug!(partner, file = name, "left a file for later: {refusal}");
                return Ok(Outcome::NoRoom);
            }
        };
        self.disk.move_to_done(file, now).await?;
        Ok(outcome)
    }

    async fn message(&self, name: &str, body: Bytes, now: Timestamp) -> Result<RawMessage, Error> {
        let hashed = body.clone();
        let digest = tokio::task::spawn_blocking(move || Digest::of(&hashed))
            .await
            .map_err(|_| Error::Stopping)?;
        let id = MessageId::new(now);
        Ok(RawMessage {
            id,
            partner: self.partner.clone(),
            correlation_id: id.into(),
            traceparent: Some(Traceparent::of_message(id).to_string()),
            idempotency_key: Some(format!("file:{name}:{digest}")),
            channel: Channel::Folder,
            content_type: None,
            headers: vec![(FILE_NAME_HEADER.to_owned(), name.to_owned())],
            received_at: now,
            digest,
            body,
        })
    }

    async fn refuse(
        &self,
        file: &Found,
        now: Timestamp,
        problem: Problem,
    ) -> Result<Outcome, Error> {
        let (partner, code) = (&self.partner, problem.code());
        tracing::info!(%partner, file = ?file.name, code, "refused a file");
        self.ingress.entrance.sink().refused(partner, code);
        self.disk
            .move_to_refused(file, now, problem.to_json())
            .await?;
        Ok(Outcome::Refused)
    }
}

/// The name as text that can travel in headers and logs, if it is such a text.
fn usable_name(file: &Found) -> Option<&str> {
    let name = file.name.to_str()?;
    let usable = name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    usable.then_some(name)
}

fn not_a_file() -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, "not-a-file", "Not a regular file").detail(
        "this is a symbolic link or a special file, which are never followed or opened; \
         put the message itself into the inbox",
    )
}

fn name_invalid() -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, "file-name-invalid", "Invalid file name").detail(format!(
        "a file name must be UTF-8 without control characters and at most {NAME_BYTES_MAX} \
         bytes long; rename the file and put it into the inbox again"
    ))
}

#[cfg(test)]
mod tests;
