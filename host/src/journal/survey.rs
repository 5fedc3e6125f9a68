//! What a journal's files hold: looked at, checked, and not changed.
//!
//! It checks headers, the order of segments, and every frame from a given record on
//! and in the last segment. What is damaged is an error. What a crash left unfinished
//! is no damage: a torn write at the end, a rotation without the old segment's seal,
//! segments that were given up and not yet removed.

use std::{fs::File, path::PathBuf, sync::Arc};

use super::{
    Error, Sequence,
    directory::{Directory, index_path},
    frame::{HEAD_BYTES, Kind},
    index::{self, Index},
    segment::{HEADER_BYTES, Header, Scan, claim_behind, scan},
};

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
    /// How far its last frame says that it was durable before.
    pub(super) claimed: u64,
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
            claimed: HEADER_BYTES as u64,
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
        self.claimed = walked.claimed;
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
}
