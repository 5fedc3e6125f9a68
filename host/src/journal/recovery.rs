//! How a journal goes on after a crash: what was left unfinished is finished.
//!
//! - The last segment may end in a torn write. It is cut off.
//! - A rotation may have made the next segment and not sealed the one before.
//! - Segments that were given up may not have been removed yet.
//!
//! Everything kept is made durable before the journal goes on: after a crash of the
//! process alone it may be in the system's memory only. A mark says so.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    sync::Arc,
};

use super::{
    Error, Sequence,
    catalog::{Active, Sealed, State, write_index},
    directory::{Directory, index_path},
    frame::{HEAD_BYTES, Head, Kind},
    segment::{HEADER_BYTES, Header, to_usize},
    survey::{Cut, Survey, Surveyed},
};

/// What was found when the journal was opened, and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The first record held, or the one that will be written next.
    pub first: Sequence,
    /// The last record held.
    pub last: Sequence,
    /// How many segment files there are.
    pub segments: usize,
    /// How many bytes were read and checked.
    pub verified_bytes: u64,
    /// How many indexes were missing or wrong and were made again.
    pub indexes_rebuilt: usize,
    /// The torn write that was cut off, if there was one. Nobody was ever told that
    /// its records are durable.
    pub cut: Option<Cut>,
}

// === impl Surveyed ===

impl Surveyed {
    /// Cuts off what follows the intact frames and makes them durable.
    fn settle(&self) -> Result<File, Error> {
        let file = File::options()
            .write(true)
            .open(&self.path)
            .map_err(Error::io("open", &self.path))?;
        file.set_len(self.end)
            .map_err(Error::io("cut", &self.path))?;
        file.sync_all().map_err(Error::io("sync", &self.path))?;
        Ok(file)
    }

    /// Writes the last batch once more and makes it durable. After a failed sync the
    /// system may show what never reached the disk, and take it for written; only a
    /// new write makes the next sync tell the truth.
    fn write_again(&self, file: &File) -> Result<(), Error> {
        let mut batch = vec![0; to_usize(self.end - self.claimed)];
        self.file
            .read_exact_at(&mut batch, self.claimed)
            .map_err(Error::io("read", &self.path))?;
        file.write_all_at(&batch, self.claimed)
            .map_err(Error::io("write", &self.path))?;
        file.sync_data().map_err(Error::io("sync", &self.path))
    }

    /// Adds a frame that is not a record and makes it durable.
    fn conclude(&mut self, file: &File, kind: Kind) -> Result<(), Error> {
        let frame = closing_frame(kind, &self.header, self.last, self.end);
        file.write_all_at(&frame, self.end)
            .map_err(Error::io("write", &self.path))?;
        file.sync_data().map_err(Error::io("sync", &self.path))?;
        self.end += HEAD_BYTES as u64;
        self.last_kind = Some(kind);
        Ok(())
    }
}

/// A mark or seal for a segment whose frames end at `end`, all of them durable.
pub(super) fn closing_frame(
    kind: Kind,
    header: &Header,
    last: Sequence,
    end: u64,
) -> [u8; HEAD_BYTES] {
    let head = Head {
        kind,
        length: 0,
        sequence: last,
        durable: end,
    };
    head.encode(header.key, &[])
}

/// Finishes what a crash interrupted and returns what the journal goes on with.
pub(super) fn repair(directory: &Directory, survey: Survey) -> Result<(State, Recovered), Error> {
    directory.sweep()?;
    remove_segments(directory, &survey.given_up).map_err(Error::io("clean", directory.path()))?;
    let mut indexes_rebuilt = 0;
    let mut sealed = Vec::new();
    for (number, mut found) in (0..).zip(survey.sealed) {
        if found.last_kind != Some(Kind::Seal) {
            let file = found.settle()?;
            found.conclude(&file, Kind::Seal)?;
            tracing::info!(file = %found.path.display(), "interrupted journal rotation finished");
        }
        if let Some(offsets) = found.offsets.as_ref().filter(|_| !found.indexed) {
            write_index(&found.path, &found.header, found.end, offsets);
            indexes_rebuilt += 1;
        }
        sealed.push(Arc::new(Sealed {
            number,
            path: found.path,
            first: found.header.first,
            last: found.last,
            bytes: found.end,
        }));
    }
    let number = sealed.len() as u64;
    let active = match survey.active {
        Some(found) => resume(found, survey.cut.as_ref(), number)?,
        None => begin(directory, number)?,
    };
    let state = State {
        sealed: sealed.into(),
        active,
    };
    let recovered = Recovered {
        first: state.first(),
        last: state.last(),
        segments: state.sealed.len() + 1,
        verified_bytes: survey.verified_bytes,
        indexes_rebuilt,
        cut: survey.cut,
    };
    Ok((state, recovered))
}

fn resume(mut found: Surveyed, cut: Option<&Cut>, number: u64) -> Result<Active, Error> {
    if let Some(cut) = cut {
        tracing::warn!(
            file = %cut.file.display(),
            offset = cut.offset,
            bytes = cut.bytes,
            after = %cut.after,
            why = cut.why,
            "torn write at the journal's end is cut off",
        );
    }
    let file = found.settle()?;
    if found.last_kind == Some(Kind::Record) {
        found.write_again(&file)?;
        match found.conclude(&file, Kind::Mark) {
            Err(Error::Io { source, .. }) if is_full(&source) => {
                // The mark only helps to tell damage from a torn write; a full disk
                // must not keep the host from starting.
                found.settle()?;
            }
            marked => marked?,
        }
    }
    Ok(Active {
        number,
        path: found.path,
        header: found.header,
        file: found.file,
        offsets: found.offsets.unwrap_or_default(),
        end: found.end,
    })
}

fn begin(directory: &Directory, number: u64) -> Result<Active, Error> {
    let first = Sequence::ZERO.next();
    let path = directory.segment(first);
    let header = directory
        .create_segment(first)
        .map_err(Error::io("create", &path))?;
    let file = File::open(&path).map_err(Error::io("open", &path))?;
    Ok(Active {
        number,
        path,
        header,
        file: Arc::new(file),
        offsets: Vec::new(),
        end: HEADER_BYTES as u64,
    })
}

/// Removes segments and their indexes, durably. What is gone already is fine.
pub(super) fn remove_segments(directory: &Directory, segments: &[Sequence]) -> io::Result<()> {
    for &first in segments {
        let path = directory.segment(first);
        for path in [index_path(&path), path] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    if segments.is_empty() {
        return Ok(());
    }
    directory.sync()
}

/// Whether the system says that there is no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
