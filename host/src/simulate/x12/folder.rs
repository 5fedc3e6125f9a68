//! A 3PL that exchanges X12 files through a drop folder: it takes 940s from the
//! host's `outbox/` and puts its own files into the host's `inbox/`.
//!
//! A file is written under a name that says that it is not complete, then renamed,
//! as the programs that upload files do.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{fs, task::AbortHandle};

use super::depot::{Depot, Outgoing};
use crate::clock::Clock;

/// How long it waits between two looks into the outbox.
const INTERVAL: Duration = Duration::from_millis(25);

/// A running warehouse.
#[derive(Debug)]
pub struct FolderWarehouse {
    depot: Arc<Mutex<Depot>>,
    task: AbortHandle,
}

/// Where its files are.
#[derive(Clone, Debug)]
struct Folders {
    /// What the host wrote.
    outbox: PathBuf,
    /// What the host reads.
    inbox: PathBuf,
    /// What was taken, for the warehouse's own records.
    taken: PathBuf,
}

// === impl FolderWarehouse ===

impl FolderWarehouse {
    /// Works in the host's drop folder and keeps what it took in `archive`, which is
    /// there.
    pub fn start(depot: Depot, folder: &Path, archive: PathBuf, clock: Clock) -> Self {
        let folders = Folders {
            outbox: folder.join("outbox"),
            inbox: folder.join("inbox"),
            taken: archive,
        };
        let depot = Arc::new(Mutex::new(depot));
        let task = tokio::spawn(work(folders, Arc::clone(&depot), clock)).abort_handle();
        Self { depot, task }
    }

    /// Looks into the depot, or changes something there.
    pub fn depot<T>(&self, act: impl FnOnce(&mut Depot) -> T) -> T {
        inside(&self.depot, act)
    }
}

impl Drop for FolderWarehouse {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn inside<T>(depot: &Mutex<Depot>, act: impl FnOnce(&mut Depot) -> T) -> T {
    act(&mut depot.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn work(folders: Folders, depot: Arc<Mutex<Depot>>, clock: Clock) {
    loop {
        if let Err(error) = folders.look(&depot, &clock).await {
            tracing::warn!(outbox = %folders.outbox.display(), %error, "the simulated warehouse can't work; it looks again");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

// === impl Folders ===

impl Folders {
    /// Takes what is complete, the oldest first.
    async fn look(&self, depot: &Mutex<Depot>, clock: &Clock) -> io::Result<()> {
        let mut names = Vec::new();
        let mut entries = fs::read_dir(&self.outbox).await?;
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name();
            // Looked at no further: it may have got its real name by now.
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let about = entry.metadata().await?;
            if about.is_file() {
                names.push((about.modified()?, name));
            }
        }
        names.sort();
        for (_, name) in names {
            let path = self.outbox.join(&name);
            let file = fs::read(&path).await?;
            let taken = inside(depot, |depot| depot.take(&file, None, clock.now()));
            fs::rename(&path, self.taken.join(&name)).await?;
            match taken {
                Ok(outgoing) => {
                    for outgoing in outgoing {
                        self.put(&outgoing).await?;
                    }
                }
                Err(refusal) => {
                    // Somebody would telephone; here the reason lies beside the file.
                    let mut reason = name;
                    reason.push(".refused");
                    fs::write(self.taken.join(reason), refusal.to_string()).await?;
                }
            }
        }
        Ok(())
    }

    async fn put(&self, outgoing: &Outgoing) -> io::Result<()> {
        let name = format!("{}_{:09}.x12", outgoing.kind, outgoing.number);
        let part = self.inbox.join(format!("{name}.part"));
        fs::write(&part, &outgoing.file).await?;
        fs::rename(&part, self.inbox.join(name)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    const RELEASE: &str = "ISA*00*          *00*          *ZZ*ACME           *ZZ*SOUTH          *260301*0930*U*00401*000000001*0*T*>~\
        GS*OW*ACME*SOUTH*20260301*0930*1*X*004010~ST*940*0001~W05*N*SO-1~LX*1~\
        W01*5*EA**SK*MUG~SE*5*0001~GE*1*1~IEA*1*000000001~";

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn takes_what_is_complete_and_answers_in_whole_files() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders {
            outbox: root.path().join("outbox"),
            inbox: root.path().join("inbox"),
            taken: root.path().join("taken"),
        };
        for folder in [&folders.outbox, &folders.inbox, &folders.taken] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(folders.outbox.join("a.x12"), RELEASE).unwrap();
        std::fs::write(folders.outbox.join("b.x12"), "hello").unwrap();
        std::fs::write(folders.outbox.join(".c.part"), "half a fi").unwrap();
        let depot = Mutex::new(Depot::new("SOUTH", "ACME", 'S', &[("MUG", 10)]));
        folders
            .look(&depot, &Clock::manual(Timestamp::EPOCH))
            .await
            .unwrap();
        assert_eq!(names(&folders.outbox), [".c.part"]);
        assert_eq!(
            names(&folders.inbox),
            ["945_000001002.x12", "997_000001001.x12"]
        );
        assert_eq!(names(&folders.taken), ["a.x12", "b.x12", "b.x12.refused"]);
    }
}
