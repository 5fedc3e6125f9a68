//! Checks a whole journal without changing it.

use std::{fs, path::Path};

use super::{
    Cut, Error, Sequence,
    directory::{Create, Directory},
    survey::Surveyor,
};

/// What a check of a whole journal found. Damage is an error instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The first record held, or the one that will be written next.
    pub first: Sequence,
    /// The last record held.
    pub last: Sequence,
    /// How many segment files there are.
    pub segments: usize,
    /// How many bytes were read and checked.
    pub bytes: u64,
    /// How many sealed segments have no index, or a wrong one. The next start or
    /// the next read makes it again.
    pub indexes_bad: usize,
    /// A torn write at the end, which the next start will cut off.
    pub torn: Option<Cut>,
}

/// Reads and checks every byte of the journal in `directory`, and tells `progress`
/// again and again how many bytes of how many were checked.
///
/// # Errors
/// [`Error::Damaged`] with the first place that is damaged, [`Error::Locked`] while
/// a host uses the journal, [`Error::Io`] when it cannot be read.
pub fn verify_all(directory: &Path, mut progress: impl FnMut(u64, u64)) -> Result<Verified, Error> {
    let directory = Directory::hold(directory, Create::Never)?;
    let total = total_bytes(&directory)?;
    let mut done = 0;
    let survey = Surveyor {
        directory: &directory,
        verify_from: Sequence::ZERO,
        progress: &mut |bytes| {
            done += bytes;
            progress(done, total);
        },
    }
    .survey()?;
    Ok(Verified {
        first: survey.first(),
        last: survey.last(),
        segments: survey.sealed.len() + usize::from(survey.active.is_some()),
        bytes: survey.verified_bytes,
        indexes_bad: survey
            .sealed
            .iter()
            .filter(|sealed| !sealed.indexed)
            .count(),
        torn: survey.cut,
    })
}

fn total_bytes(directory: &Directory) -> Result<u64, Error> {
    directory
        .segments()?
        .into_iter()
        .try_fold(0, |total, first| {
            let path = directory.segment(first);
            let metadata = fs::metadata(&path).map_err(Error::io("read", &path))?;
            Ok(total + metadata.len())
        })
}
