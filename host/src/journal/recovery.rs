//! What a journal's files hold, and how the journal goes on after a crash.
//!
//! First a survey that only reads: it checks headers, the order of segments, and
//! every frame from a given record on and in the last segment. Then, if nothing is
//! damaged, the repair that finishes what a crash interrupted:
//!
//! - The last segment may end in a torn write. It is cut off, but only if no intact
//!   frame behind it was written when its place was already durable: then it is
//!   damage, and nothing is changed.
//! - A rotation may have made the next segment and not sealed the one before.
//! - Segments that were given up may not have been removed yet.
//!
//! Everything kept is synced, since after a crash of the process alone it may be in
//! the system's memory only, and a mark says so.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::Arc,
};

use super::{
    Error, Sequence,
    catalog::{Active, Sealed, State, write_index},
    directory::{Directory, index_path},
    frame::{HEAD_BYTES, Head, Kind},
    index::{self, Index},
    segment::{HEADER_BYTES, Header, Scan, claim_behind, scan},
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

/// A torn write at the journal's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub file: PathBuf,
    /// Where it begins, in bytes from the file's start.
    pub offset: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// The last record before it.
    pub after: Sequence,
    /// What is wrong with it.
    pub why: &'static str,
}

/// What the files hold.
pub(super) struct Survey {
    /// Segments that were given up and are still there.
    pub(super) given_up: Vec<Sequence>,
    /// All segments but the last, in order.
    pub(super) sealed: Vec<Surveyed>,
    /// The last one; nothing when there is no journal yet.
    pub(super) active: Option<Surveyed>,
    /// The torn write at the end.
    pub(super) cut: Option<Cut>,
    /// How many bytes of frames were read and checked.
    pub(super) verified_bytes: u64,
}

/// One segment, surveyed.
pub(super) struct Surveyed {
    pub(super) path: PathBuf,
    pub(super) header: Header,
    pub(super) file: Arc<File>,
    pub(super) last: Sequence,
    /// Where its intact frames end.
    pub(super) end: u64,
    /// The kind of its last frame; nothing if there is none.
    pub(super) last_kind: Option<Kind>,
    /// What was found by walking it; nothing when its index was believed.
    pub(super) offsets: Option<Vec<u32>>,
    /// Whether an index lies beside it that fits.
    pub(super) indexed: bool,
}

/// How a survey is made.
pub(super) struct Surveyor<'a> {
    pub(super) directory: &'a Directory,
    /// Segments with this or a later record are walked even if they have an index.
    pub(super) verify_from: Sequence,
    /// Told the number of bytes that were checked, again and again.
    pub(super) progress: &'a mut dyn FnMut(u64),
}

// === impl Survey ===

impl Survey {
    /// The first record held, or the one that will be written next.
    pub(super) fn first(&self) -> Sequence {
        self.sealed
            .first()
            .or(self.active.as_ref())
            .map_or(Sequence::ZERO.next(), |segment| segment.header.first)
    }

    /// The last record held.
    pub(super) fn last(&self) -> Sequence {
        self.active
            .as_ref()
            .map_or(Sequence::ZERO, |active| active.last)
    }
}

// === impl Surveyor ===

impl Surveyor<'_> {
    pub(super) fn survey(mut self) -> Result<Survey, Error> {
        let begins_at = self.directory.begins_at()?;
        let first = begins_at.unwrap_or(Sequence::ZERO.next());
        let mut segments = self.directory.segments()?;
        let given_up = segments.windows(2).filter(|pair| pair[1] <= first).count();
        let given_up: Vec<_> = segments.drain(..given_up).collect();
        let mut survey = Survey {
            given_up,
            sealed: Vec::new(),
            active: None,
            cut: None,
            verified_bytes: 0,
        };
        let Some((&active, sealed)) = segments.split_last() else {
            return match begins_at {
                None => Ok(survey),
                Some(first) => Err(self.missing(first)),
            };
        };
        if segments[0] != first {
            return Err(self.missing(first));
        }
        let (active, cut) = self.active(active)?;
        for (&first, &next) in sealed.iter().zip(&segments[1..]) {
            // The seal comes before anything is written to the successor.
            let rotating = next == active.header.first && active.last_kind.is_none();
            let sealed = self.sealed(first, next, rotating && cut.is_none())?;
            survey.verified_bytes += sealed.verified_bytes();
            survey.sealed.push(sealed);
        }
        survey.verified_bytes += active.verified_bytes();
        survey.active = Some(active);
        survey.cut = cut;
        Ok(survey)
    }

    fn sealed(
        &mut self,
        first: Sequence,
        next: Sequence,
        rotating: bool,
    ) -> Result<Surveyed, Error> {
        let (mut found, length) = self.open(first)?;
        let index = Index::open(&index_path(&found.path), &found.header, length);
        if let Some(index) = &index
            && next.previous() < self.verify_from
        {
            found.last = index::last_of(first, index.count());
            found.end = length;
            found.last_kind = Some(Kind::Seal);
            found.indexed = true;
            return self.followed_by(next, found);
        }
        let walked = scan(
            &found.path,
            &found.file,
            &found.header,
            length,
            self.progress,
        )?;
        found.indexed = index.is_some_and(|index| index.holds(&walked.offsets));
        let broken = broken_seal(&walked, length, rotating);
        found.take(walked);
        match broken {
            Some(why) => Err(found.damaged(why)),
            None => self.followed_by(next, found),
        }
    }

    fn active(&mut self, first: Sequence) -> Result<(Surveyed, Option<Cut>), Error> {
        let (mut found, length) = self.open(first)?;
        let walked = scan(
            &found.path,
            &found.file,
            &found.header,
            length,
            self.progress,
        )?;
        let bad = walked.bad;
        found.take(walked);
        if found.last_kind == Some(Kind::Seal) {
            return Err(self.missing(found.last.next()));
        }
        let Some(bad) = bad else {
            return Ok((found, None));
        };
        let claim = claim_behind(&found.file, found.header.key, bad.offset, length)
            .map_err(Error::io("read", &found.path))?;
        if let Some(claim) = claim {
            let why = bad.why;
            return Err(found.damaged(&format!(
                "{why}, and the frame at byte {claim} was written when this place was durable"
            )));
        }
        let cut = Cut {
            file: found.path.clone(),
            offset: bad.offset,
            bytes: length - bad.offset,
            after: found.last,
            why: bad.why,
        };
        Ok((found, Some(cut)))
    }

    fn open(&self, first: Sequence) -> Result<(Surveyed, u64), Error> {
        let path = self.directory.segment(first);
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let length = file.metadata().map_err(Error::io("read", &path))?.len();
        let header = Header::read(&path, &file, first)?;
        let surveyed = Surveyed {
            path,
            header,
            file: Arc::new(file),
            last: first.previous(),
            end: HEADER_BYTES as u64,
            last_kind: None,
            offsets: None,
            indexed: false,
        };
        Ok((surveyed, length))
    }

    fn followed_by(&self, next: Sequence, found: Surveyed) -> Result<Surveyed, Error> {
        let due = found.last.next();
        if due < next {
            return Err(self.missing(due));
        }
        if due > next {
            return Err(Error::Damaged {
                file: self.directory.segment(next),
                offset: 0,
                sequence: next,
                why: format!(
                    "the segment before already holds the records to {}",
                    found.last
                ),
            });
        }
        Ok(found)
    }

    fn missing(&self, first: Sequence) -> Error {
        Error::Damaged {
            file: self.directory.segment(first),
            offset: 0,
            sequence: first,
            why: "this segment is missing".to_owned(),
        }
    }
}

/// What speaks against a segment that has a successor. While `rotating`, its seal
/// may be torn or not there yet; every record was durable before.
fn broken_seal(walked: &Scan, length: u64, rotating: bool) -> Option<&'static str> {
    match (walked.bad, walked.last_kind) {
        (Some(bad), Some(Kind::Seal)) => Some(bad.why),
        (Some(bad), _) if rotating && length - bad.offset <= HEAD_BYTES as u64 => None,
        (Some(bad), _) => Some(bad.why),
        (None, Some(Kind::Seal)) => None,
        (None, _) if rotating => None,
        (None, _) => Some("the segment ends without its seal"),
    }
}

// === impl Surveyed ===

impl Surveyed {
    fn take(&mut self, walked: Scan) {
        let first = self.header.first;
        self.last = first.plus(walked.offsets.len() as u64).previous();
        self.end = walked.end;
        self.last_kind = walked.last_kind;
        self.offsets = Some(walked.offsets);
    }

    fn verified_bytes(&self) -> u64 {
        self.offsets.as_ref().map_or(0, |_| self.end)
    }

    /// Damage where the intact frames end.
    fn damaged(&self, why: &str) -> Error {
        Error::Damaged {
            file: self.path.clone(),
            offset: self.end,
            sequence: self.last.next(),
            why: why.to_owned(),
        }
    }

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
