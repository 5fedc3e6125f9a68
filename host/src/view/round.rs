//! Rounds: how recent rows get into sled, so that a crash leaves no half of them.
//!
//! A batch would be atomic, and sled keeps every reader waiting while it is applied.
//! The rows of a round are written one by one instead, and first of all into a file:
//! if the process dies in the middle, the next start reads the file and writes the
//! round again. Rows are states, not changes, so twice is as good as once.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

use super::{
    apply::{decode, encode},
    keys,
    recent::Layer,
};
use crate::{failpoint, journal::Sequence, private};

/// How a round's file begins.
const MAGIC: &[u8; 8] = b"XDOCKRND";

const FILE_PREFIX: &str = "round.";

#[derive(Serialize)]
struct Writing<'a> {
    up_to: Sequence,
    rows: Vec<(&'a Bytes, Option<&'a Bytes>)>,
}

#[derive(Deserialize)]
struct Reading {
    up_to: Sequence,
    rows: Vec<(ByteBuf, Option<ByteBuf>)>,
}

/// Writes a layer into sled and makes it durable.
pub(super) fn write(db: &sled::Db, directory: &Path, layer: &Layer) -> Result<(), super::Error> {
    let file = path(directory, layer.up_to);
    keep(directory, &file, layer).map_err(|source| io_error(directory, source))?;
    write_rows(db, layer, usize::MAX)?;
    make_durable(db, directory)?;
    fs::remove_file(&file).map_err(|source| io_error(directory, source))
}

/// Ends a round that a crash cut short. False when its file is not there or not
/// whole: then nobody knows what the rows are.
pub(super) fn finish(db: &sled::Db, directory: &Path) -> Result<bool, super::Error> {
    let open = db.get(keys::ROUND)?;
    if let Some(up_to) = open.as_deref().map(decode::<Sequence>) {
        let Some(layer) = up_to.and_then(|up_to| read(&path(directory, up_to), up_to)) else {
            return Ok(false);
        };
        write_rows(db, &layer, usize::MAX)?;
        make_durable(db, directory)?;
    }
    remove_files(directory).map_err(|source| io_error(directory, source))?;
    Ok(true)
}

/// Makes durable what sled has.
pub(super) fn make_durable(db: &sled::Db, directory: &Path) -> Result<(), super::Error> {
    db.flush()?;
    File::open(directory.join("db"))
        .and_then(|file| file.sync_data())
        .map_err(|source| io_error(directory, source))
}

/// At most `rows_max` of the layer's rows; a test stops in the middle.
///
/// sled recovers what was written before a crash up to some moment: a round that is
/// not marked as open any more is whole.
fn write_rows(db: &sled::Db, layer: &Layer, rows_max: usize) -> Result<(), super::Error> {
    db.insert(keys::ROUND, encode(&layer.up_to))?;
    for (key, written) in layer.rows.iter().take(rows_max) {
        match written {
            Some(value) => db.insert(key, value)?,
            None => db.remove(key)?,
        };
        failpoint::hit("view-in-round");
    }
    if layer.rows.len() <= rows_max {
        db.insert(keys::SEQUENCE, encode(&layer.up_to))?;
        db.remove(keys::ROUND)?;
    }
    Ok(())
}

fn keep(directory: &Path, file: &Path, layer: &Layer) -> io::Result<()> {
    let writing = Writing {
        up_to: layer.up_to,
        rows: layer
            .rows
            .iter()
            .map(|(key, written)| (Bytes::new(key), written.as_deref().map(Bytes::new)))
            .collect(),
    };
    let content = encode(&writing);
    let mut written = private::create(file)?;
    written.write_all(MAGIC)?;
    written.write_all(&crc32c::crc32c(&content).to_le_bytes())?;
    written.write_all(&content)?;
    written.sync_data()?;
    // The name must be durable as well.
    File::open(directory)?.sync_all()
}

fn read(file: &Path, up_to: Sequence) -> Option<Layer> {
    let bytes = fs::read(file).ok()?;
    let (checksum, content) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let reading: Reading = decode(content)?;
    let row = |(key, value): (ByteBuf, Option<ByteBuf>)| {
        let value = value.map(|value| sled::IVec::from(value.into_vec()));
        (sled::IVec::from(key.into_vec()), value)
    };
    (reading.up_to == up_to).then(|| Layer::new(reading.rows.into_iter().map(row), up_to))
}

fn remove_files(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(FILE_PREFIX) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn path(directory: &Path, up_to: Sequence) -> PathBuf {
    directory.join(format!("{FILE_PREFIX}{up_to}"))
}

fn io_error(directory: &Path, source: io::Error) -> super::Error {
    super::Error::Io {
        directory: directory.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: u32 = 1_000;

    /// A process that another test starts just then has the lock of a view that was
    /// closed until it runs its own program.
    fn db(directory: &Path) -> sled::Db {
        let is_locked = |error: &sled::Error| error.to_string().contains("acquire lock");
        loop {
            match sled::open(directory) {
                Err(error) if is_locked(&error) => std::thread::yield_now(),
                opened => return opened.expect("a view can be opened"),
            }
        }
    }

    /// The rows that are even, and that the odd ones are gone.
    fn layer() -> Layer {
        let row = |number: u32| {
            let value = number
                .is_multiple_of(2)
                .then(|| sled::IVec::from(&number.to_le_bytes()));
            (sled::IVec::from(&number.to_be_bytes()), value)
        };
        Layer::new((0..ROWS).map(row), Sequence::from_u64(77))
    }

    fn fill(db: &sled::Db) {
        for number in 0..ROWS {
            db.insert(number.to_be_bytes(), b"old").expect("it is kept");
        }
    }

    fn assert_written(db: &sled::Db) {
        for number in 0..ROWS {
            let row = db.get(number.to_be_bytes()).expect("it can be read");
            let expected = number.is_multiple_of(2).then(|| number.to_le_bytes());
            assert_eq!(row.as_deref(), expected.as_ref().map(<[u8; 4]>::as_slice));
        }
        let up_to = db.get(keys::SEQUENCE).expect("it can be read");
        let up_to = up_to.as_deref().and_then(decode::<Sequence>);
        assert_eq!(up_to, Some(Sequence::from_u64(77)));
        assert_eq!(db.get(keys::ROUND).expect("it can be read"), None);
    }

    fn files(directory: &Path) -> usize {
        let entries = fs::read_dir(directory).expect("a directory can be read");
        let names = entries.map(|it| it.expect("an entry can be read").file_name());
        names
            .filter(|it| it.to_string_lossy().starts_with(FILE_PREFIX))
            .count()
    }

    #[test]
    fn a_round_is_written_whole_and_leaves_no_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let db = db(directory.path());
        fill(&db);
        write(&db, directory.path(), &layer()).expect("it can be written");
        assert_written(&db);
        assert_eq!(files(directory.path()), 0);
    }

    #[test]
    fn a_round_that_was_cut_short_anywhere_is_finished_at_the_next_start() {
        for done in [0, 1, 2, ROWS as usize / 2, ROWS as usize - 1] {
            let directory = tempfile::tempdir().expect("a directory");
            let layer = layer();
            let file = path(directory.path(), layer.up_to);
            {
                let db = db(directory.path());
                fill(&db);
                keep(directory.path(), &file, &layer).expect("it can be kept");
                write_rows(&db, &layer, done).expect("it can be written");
                db.flush().expect("it can be flushed");
            }
            let db = db(directory.path());
            assert!(finish(&db, directory.path()).expect("it can be finished"));
            assert_written(&db);
            assert_eq!(files(directory.path()), 0);
        }
    }

    #[test]
    fn a_round_whose_file_is_damaged_or_missing_is_not_trusted() {
        for damage in [None, Some(20), Some(2)] {
            let directory = tempfile::tempdir().expect("a directory");
            let layer = layer();
            let file = path(directory.path(), layer.up_to);
            let db = db(directory.path());
            keep(directory.path(), &file, &layer).expect("it can be kept");
            write_rows(&db, &layer, 1).expect("it can be written");
            match damage {
                None => fs::remove_file(&file).expect("it can be removed"),
                Some(at) => {
                    let mut bytes = fs::read(&file).expect("it can be read");
                    bytes[at] ^= 1;
                    fs::write(&file, bytes).expect("it can be written");
                }
            }
            assert!(!finish(&db, directory.path()).expect("it can be looked at"));
        }
    }

    #[test]
    fn a_file_without_an_open_round_is_thrown_away() {
        let directory = tempfile::tempdir().expect("a directory");
        let layer = layer();
        let file = path(directory.path(), layer.up_to);
        let db = db(directory.path());
        keep(directory.path(), &file, &layer).expect("it can be kept");
        assert!(finish(&db, directory.path()).expect("it can be finished"));
        assert_eq!(files(directory.path()), 0);
        assert_eq!(db.get(keys::SEQUENCE).expect("it can be read"), None);
    }
}
