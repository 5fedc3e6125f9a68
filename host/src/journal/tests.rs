//! What a crash, a bad disk or a hand in the wrong directory does to a file
//! journal: every single byte is tried.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    Cut, Error, Expect, FileJournal, Journal, Options, Recovered, Sequence,
    directory::{Create, Directory, index_path, segment_path, temporary},
    file::{OpenStorage, Storage},
    frame::{HEAD_BYTES, Head, Key, Kind, u32_at},
    segment::{HEADER_BYTES, VERSION},
    verify_all,
};

/// A journal's directory that can be brought back to an earlier state.
struct Disk(tempfile::TempDir);

type Files = BTreeMap<PathBuf, Vec<u8>>;

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn files(&self) -> Files {
        let entries = fs::read_dir(self.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }

    fn restore(&self, files: &Files) {
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            if !files.contains_key(&path) {
                fs::remove_file(path).unwrap();
            }
        }
        for (path, bytes) in files {
            fs::write(path, bytes).unwrap();
        }
    }

    fn segment(&self, first: u64) -> PathBuf {
        segment_path(self.path(), at(first))
    }

    fn options(&self) -> Options {
        Options {
            segment_bytes: 256,
            ..Options::new(self.path())
        }
    }

    fn open(&self, expect: Expect) -> Result<(FileJournal, Recovered), Error> {
        FileJournal::open(self.options(), expect)
    }

    /// The error that opening ends with; nothing on the disk may change.
    fn refused(&self) -> Error {
        let before = self.files();
        let error = match self.open(Expect::NOTHING) {
            Ok((_, recovered)) => panic!("opened: {recovered:?}"),
            Err(error) => error,
        };
        assert!(before == self.files(), "a refused journal was changed");
        error
    }

    /// Opens, and returns what was found and all records.
    fn recovered(&self) -> (Recovered, Vec<Bytes>) {
        let (journal, recovered) = self.open(Expect::NOTHING).unwrap();
        (recovered, records(&journal))
    }

    /// A journal of these batches, each appended at once; the writer is gone
    /// without a close.
    fn abandoned(&self, batches: &[&[usize]]) -> Vec<Bytes> {
        let (mut journal, _) = self.open(Expect::NOTHING).unwrap();
        let mut all = Vec::new();
        for sizes in batches {
            let batch: Vec<_> = (all.len()..)
                .zip(*sizes)
                .map(|(number, &size)| record(number, size))
                .collect();
            journal.append(&batch).unwrap();
            all.extend(batch);
        }
        all
    }

    /// Eleven records in three segments, closed.
    fn closed(&self) -> Vec<Bytes> {
        let first: &[&[usize]] = &[&[30, 40], &[50], &[30, 0, 60]];
        let all = self.abandoned(&[first, &[&[20], &[10, 0], &[9, 9]]].concat());
        let (journal, recovered) = self.open(Expect::NOTHING).unwrap();
        assert_eq!(recovered.segments, 3);
        Box::new(journal).close().unwrap();
        all
    }
}

fn at(sequence: u64) -> Sequence {
    Sequence::from_u64(sequence)
}

fn record(number: usize, size: usize) -> Bytes {
    vec![u8::try_from(number % 250).unwrap() + 1; size].into()
}

fn records(journal: &FileJournal) -> Vec<Bytes> {
    let replay = journal.reader().replay(Sequence::ZERO);
    replay.map(|record| record.unwrap().1).collect()
}

fn damage(error: Error) -> (PathBuf, u64, u64) {
    match error {
        Error::Damaged {
            file,
            offset,
            sequence,
            ..
        } => (file, offset, sequence.get()),
        other => panic!("{other} instead of damage"),
    }
}

// === who may read ===

#[test]
fn what_partners_sent_is_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let disk = Disk::new();
    let directory = disk.path().join("data/journal");
    let options = Options {
        segment_bytes: 64,
        ..Options::new(&directory)
    };
    let (mut journal, _) = FileJournal::open(options, Expect::NOTHING).unwrap();
    for number in 0..9 {
        journal.append(&[record(number, 30)]).unwrap();
    }
    journal.drop_before(at(5)).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&disk.path().join("data")), 0o700);
    let entries = fs::read_dir(&directory).unwrap();
    let files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(
        files.len() > 6,
        "segments, indexes, lock and note: {files:?}"
    );
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

// === the end of the last segment ===

#[test]
fn the_last_segment_cut_at_any_byte_leaves_exactly_the_whole_records_before() {
    let disk = Disk::new();
    let all = disk.abandoned(&[&[30, 40, 50], &[60, 0], &[20, 30], &[10]]);
    let files = disk.files();
    let (last, bytes) = files
        .iter()
        .rfind(|(path, _)| path.extension().is_some())
        .unwrap();
    let sealed = usize::try_from(first_of(last)).unwrap() - 1;
    assert!(sealed > 0, "there is a segment before");
    for length in HEADER_BYTES..bytes.len() {
        disk.restore(&files);
        fs::write(last, &bytes[..length]).unwrap();
        let whole = whole_frames(&all[sealed..], length);
        let (recovered, found) = disk.recovered();
        assert_eq!(found, all[..sealed + whole.0], "cut at {length}");
        let torn = (length > whole.1).then(|| (whole.1 as u64, (length - whole.1) as u64));
        assert_eq!(recovered.cut.map(|cut| (cut.offset, cut.bytes)), torn);
        let (mut journal, recovered) = disk.open(Expect::NOTHING).unwrap();
        assert_eq!(recovered.cut, None, "cut once");
        journal.append(&[record(99, 9)]).unwrap();
        assert_eq!(journal.last(), at((sealed + whole.0) as u64 + 1));
    }
    for length in 0..HEADER_BYTES {
        disk.restore(&files);
        fs::write(last, &bytes[..length]).unwrap();
        assert_eq!(damage(disk.refused()).0, *last);
    }
}

/// How many of the records lie whole in the first `length` bytes of their segment,
/// and where they end.
fn whole_frames(records: &[Bytes], length: usize) -> (usize, usize) {
    let mut whole = (0, HEADER_BYTES);
    for record in records {
        let end = whole.1 + HEAD_BYTES + record.len();
        if end > length {
            break;
        }
        whole = (whole.0 + 1, end);
    }
    whole
}

fn first_of(segment: &Path) -> u64 {
    segment
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn a_bad_byte_is_a_torn_write_only_in_the_last_batch() {
    let disk = Disk::new();
    let all = disk.abandoned(&[&[30], &[20, 0, 20]]);
    let files = disk.files();
    let path = disk.segment(1);
    let good = &files[&path];
    let last_batch = HEADER_BYTES + HEAD_BYTES + 30;
    for byte in HEADER_BYTES..good.len() {
        let mut bad = good.clone();
        bad[byte] ^= 0x20;
        disk.restore(&files);
        fs::write(&path, bad).unwrap();
        if byte < last_batch {
            let (file, offset, sequence) = damage(disk.refused());
            assert_eq!((file, offset, sequence), (path.clone(), 32, 1));
        } else {
            let kept = whole_frames(&all, byte).0;
            let (recovered, found) = disk.recovered();
            assert_eq!(found, all[..kept], "byte {byte}");
            assert_eq!(recovered.cut.unwrap().after, at(kept as u64));
        }
    }
}

#[test]
fn after_a_recovery_nothing_that_was_kept_can_be_taken_for_torn() {
    let disk = Disk::new();
    disk.abandoned(&[&[30], &[20, 20]]);
    disk.recovered();
    let path = disk.segment(1);
    let mut bytes = fs::read(&path).unwrap();
    let in_the_last_record = bytes.len() - HEAD_BYTES - 1;
    bytes[in_the_last_record] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(damage(disk.refused()).2, 3);
}

#[test]
fn a_body_that_looks_like_a_frame_does_not_turn_a_torn_write_into_damage() {
    // The body claims that everything is durable. With the segment's own key it is
    // believed, which shows that only the key protects from it.
    for (knows_the_key, refused) in [(false, false), (true, true)] {
        let disk = Disk::new();
        let (mut journal, _) = disk.open(Expect::NOTHING).unwrap();
        let path = disk.segment(1);
        let header = fs::read(&path).unwrap();
        let key = Key {
            magic: u32_at(&header, 12),
            seed: u32_at(&header, 16).wrapping_add(u32::from(!knows_the_key)),
        };
        let claim = Head {
            kind: Kind::Mark,
            length: 0,
            sequence: at(1),
            durable: u64::MAX,
        };
        let body = Bytes::from_owner(claim.encode(key, &[]));
        journal.append(&[record(1, 10), body]).unwrap();
        drop(journal);
        let mut bytes = fs::read(&path).unwrap();
        bytes[HEADER_BYTES + HEAD_BYTES + 10 + 8] ^= 1;
        fs::write(&path, bytes).unwrap();
        if refused {
            assert_eq!(damage(disk.refused()).2, 2);
        } else {
            assert_eq!(disk.recovered().1, [record(1, 10)]);
        }
    }
}

proptest! {
    // Every case opens twice and syncs several times.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn lost_sectors_of_the_last_write_never_reach_what_was_acknowledged(
        acknowledged in prop::collection::vec(prop::collection::vec(0_usize..90, 1..4), 0..5),
        last in prop::collection::vec(0_usize..90, 1..6),
        lost in prop::collection::vec((0.0..1.0, 1_usize..64), 1..4),
        end in 0.0..1.0,
    ) {
        let disk = Disk::new();
        let batches: Vec<_> = acknowledged.iter().map(Vec::as_slice).collect();
        let held = disk.abandoned(&batches).len();
        let before = disk.files();
        let (mut journal, _) = disk.open(Expect::NOTHING).unwrap();
        let unanswered: Vec<_> = (held..).zip(&last).map(|(at, &size)| record(at, size)).collect();
        let first = journal.append(&unanswered).unwrap();
        drop(journal);
        let (path, bytes) = disk.files().into_iter()
            .rfind(|(path, _)| path.extension().is_some_and(|kind| kind == "journal")).unwrap();
        // What the last write added: behind the mark that its opening left.
        let batch: usize = last.iter().map(|size| HEAD_BYTES + size).sum();
        let safe = bytes.len() - batch;
        let part = |share: f64| safe + (batch as f64 * share) as usize;
        let mut torn = bytes.clone();
        for (start, length) in lost {
            let end = (part(start) + length).min(torn.len());
            torn[part(start)..end].fill(0);
        }
        torn.truncate(part(end));
        fs::write(&path, &torn).unwrap();
        let (recovered, found) = disk.recovered();
        prop_assert!(recovered.last >= first.previous());
        prop_assert!(found.len() >= held && found.len() <= held + unanswered.len());
        let all = found[held..].iter().zip(&unanswered);
        prop_assert!(all.into_iter().all(|(found, written)| found == written));
        disk.restore(&before);
        prop_assert_eq!(disk.recovered().1.len(), held);
    }
}

// === every byte ===

#[test]
fn after_a_clean_close_every_flipped_byte_is_noticed() {
    let disk = Disk::new();
    let all = disk.closed();
    let files = disk.files();
    for (path, good) in &files {
        let is_segment = path.extension().is_some_and(|kind| kind == "journal");
        // The closing mark is the one frame that nothing follows: a bad one looks
        // like a crash while closing. It is reported, and holds no record.
        let closing = match *path == disk.segment(7) {
            true => good.len() - HEAD_BYTES,
            false => usize::MAX,
        };
        for byte in 0..good.len() {
            let mut bad = good.clone();
            bad[byte] ^= 0x01;
            fs::write(path, bad).unwrap();
            let place = format!("{} byte {byte}", path.display());
            match verify_all(disk.path(), |_, _| {}) {
                Err(error) => assert_eq!(damage(error).0, *path, "{place}"),
                Ok(verified) if is_segment => {
                    assert!(byte >= closing, "{place} was not noticed");
                    assert!(verified.torn.is_some(), "{place} was not reported");
                    assert_eq!(verified.last, at(11));
                }
                Ok(verified) => assert_eq!(verified.indexes_bad, 1, "{place}"),
            }
            let opened = disk.open(Expect::view_at(at(11)));
            match opened {
                Err(error) => assert_eq!(damage(error).0, *path, "{place}"),
                Ok((journal, _)) => {
                    let reader = journal.reader();
                    for (number, record) in (1..).zip(&all) {
                        match reader.read(at(number)) {
                            Ok(read) => assert_eq!(read, record, "{place}"),
                            Err(error) => assert_eq!(damage(error).0, *path, "{place}"),
                        }
                    }
                    for (record, replayed) in all.iter().zip(reader.replay(at(1))) {
                        match replayed {
                            Ok((_, replayed)) => assert_eq!(replayed, record, "{place}"),
                            Err(error) => assert_eq!(damage(error).0, *path, "{place}"),
                        }
                    }
                }
            }
            disk.restore(&files);
        }
    }
    let verified = verify_all(disk.path(), |_, _| {}).unwrap();
    assert_eq!((verified.last, verified.segments), (at(11), 3));
    assert_eq!((verified.indexes_bad, verified.torn), (0, None));
}

#[test]
fn a_check_tells_how_far_it_is() {
    let disk = Disk::new();
    disk.closed();
    let mut seen = Vec::new();
    let verified = verify_all(disk.path(), |done, total| seen.push((done, total))).unwrap();
    assert!(seen.is_sorted());
    let (done, total) = *seen.last().unwrap();
    let headers = (verified.segments * HEADER_BYTES) as u64;
    assert_eq!(done + headers, total);
    assert_eq!(verified.bytes, total);
}

#[test]
fn an_index_that_misleads_is_seen_through_and_made_again() {
    let disk = Disk::new();
    let all = disk.closed();
    let index = index_path(&disk.segment(1));
    let good = fs::read(&index).unwrap();
    let mut bad = good.clone();
    bad[48..52].copy_from_slice(&good[52..56]);
    fs::write(&index, &bad).unwrap();
    let (journal, recovered) = disk.open(Expect::view_at(at(11))).unwrap();
    assert_eq!(recovered.indexes_rebuilt, 0, "not looked at yet");
    assert_eq!(journal.reader().read(at(1)).unwrap(), all[0]);
    assert_eq!(fs::read(&index).unwrap(), good);
    drop(journal);
    fs::remove_file(&index).unwrap();
    assert_eq!(
        disk.open(Expect::view_at(at(11)))
            .unwrap()
            .1
            .indexes_rebuilt,
        1
    );
    assert_eq!(fs::read(&index).unwrap(), good);
}

#[test]
fn damage_in_old_segments_is_found_where_it_is_read() {
    let disk = Disk::new();
    let all = disk.closed();
    let mut bytes = fs::read(disk.segment(1)).unwrap();
    bytes[HEADER_BYTES + HEAD_BYTES + 30 + HEAD_BYTES] ^= 1;
    fs::write(disk.segment(1), bytes).unwrap();
    let (journal, _) = disk.open(Expect::view_at(at(11))).unwrap();
    let reader = journal.reader();
    assert_eq!(reader.read(at(1)).unwrap(), all[0]);
    let place = (disk.segment(1), 94, 2);
    assert_eq!(damage(reader.read(at(2)).unwrap_err()), place);
    let mut replay = reader.replay(at(1));
    assert_eq!(replay.next().unwrap().unwrap().1, all[0]);
    assert_eq!(damage(replay.next().unwrap().unwrap_err()), place);
    assert!(replay.next().is_none(), "nothing behind damage");
    drop((journal, reader));
    let error = disk.refused();
    assert!(
        error
            .to_string()
            .contains("restore this file from a backup")
    );
    assert_eq!(damage(error), place);
}

// === files ===

#[test]
fn a_missing_segment_is_refused() {
    let disk = Disk::new();
    disk.closed();
    let files = disk.files();
    let segments: Vec<_> = files
        .keys()
        .filter(|path| path.extension().is_some_and(|kind| kind == "journal"))
        .collect();
    assert_eq!(segments.len(), 3);
    for path in segments {
        fs::remove_file(path).unwrap();
        let (file, offset, sequence) = damage(disk.refused());
        assert_eq!((&file, offset, sequence), (path, 0, first_of(path)));
        disk.restore(&files);
    }
}

#[test]
fn a_segment_in_the_wrong_place_is_refused() {
    let disk = Disk::new();
    disk.closed();
    let files = disk.files();
    fs::copy(disk.segment(1), disk.segment(7)).unwrap();
    assert_eq!(damage(disk.refused()).0, disk.segment(7));
    disk.restore(&files);
    let other = Disk::new();
    other.closed();
    fs::copy(other.segment(1), disk.segment(1)).unwrap();
    let (journal, recovered) = disk.open(Expect::view_at(at(11))).unwrap();
    assert_eq!(recovered.indexes_rebuilt, 1, "the index is of another file");
    assert_eq!(records(&journal).len(), 11);
}

#[test]
fn an_intact_record_out_of_order_is_refused() {
    let disk = Disk::new();
    disk.abandoned(&[&[30], &[20]]);
    let path = disk.segment(1);
    let good = fs::read(&path).unwrap();
    let key = Key {
        magic: u32_at(&good, 12),
        seed: u32_at(&good, 16),
    };
    for (kind, sequence) in [(Kind::Record, 2), (Kind::Record, 4), (Kind::Mark, 3)] {
        let stray = Head {
            kind,
            length: 0,
            sequence: at(sequence),
            durable: 0,
        };
        fs::write(&path, [&good[..], &stray.encode(key, &[])].concat()).unwrap();
        let place = (path.clone(), good.len() as u64, 3);
        assert_eq!(damage(disk.refused()), place);
    }
}

#[test]
fn another_version_is_not_guessed_at() {
    let disk = Disk::new();
    disk.closed();
    let path = disk.segment(1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..28]);
    bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let error = disk.refused();
    assert!(matches!(
        error,
        Error::UnknownVersion {
            version: 2,
            supported: VERSION,
            ..
        }
    ));
}

#[test]
fn options_that_cannot_be_are_refused() {
    let disk = Disk::new();
    for segment_bytes in [0, (1 << 30) + 1] {
        let options = Options {
            segment_bytes,
            ..disk.options()
        };
        let error = FileJournal::open(options, Expect::NOTHING).err().unwrap();
        assert!(matches!(
            error,
            Error::Options {
                setting: "segment_bytes",
                ..
            }
        ));
    }
}

// === interrupted work ===

#[test]
fn an_interrupted_rotation_is_finished() {
    let disk = Disk::new();
    let all = disk.abandoned(&[&[100], &[50]]);
    let one = disk.segment(1);
    let directory = Directory::hold(disk.path(), Create::Never).unwrap();
    directory.create_segment(at(3)).unwrap();
    drop(directory);
    let unsealed = disk.files();
    // Sealed by this opening; from its bytes come all the torn seals.
    let (recovered, found) = disk.recovered();
    assert_eq!((recovered.segments, found), (2, all.clone()));
    let sealed = fs::read(&one).unwrap();
    assert_eq!(sealed.len(), unsealed[&one].len() + HEAD_BYTES);
    for length in unsealed[&one].len()..=sealed.len() {
        disk.restore(&unsealed);
        fs::write(&one, &sealed[..length]).unwrap();
        fs::write(temporary(&disk.segment(9)), b"half a header").unwrap();
        let (mut journal, recovered) = disk.open(Expect::NOTHING).unwrap();
        assert_eq!((recovered.last, recovered.cut), (at(2), None));
        journal.append(&[record(2, 10)]).unwrap();
        assert_eq!(records(&journal).len(), 3);
        drop(journal);
        assert_eq!(verify_all(disk.path(), |_, _| {}).unwrap().last, at(3));
        assert_eq!(fs::read(&one).unwrap(), sealed);
    }
    // The same without its last record is no interrupted rotation.
    disk.restore(&unsealed);
    fs::write(&one, &unsealed[&one][..HEADER_BYTES + HEAD_BYTES + 100]).unwrap();
    assert_eq!(damage(disk.refused()).2, 2);
    // Neither is a missing seal when there are records behind.
    disk.restore(&unsealed);
    let (mut journal, _) = disk.open(Expect::NOTHING).unwrap();
    journal.append(&[record(2, 10)]).unwrap();
    drop(journal);
    fs::remove_file(index_path(&one)).unwrap();
    fs::write(&one, &unsealed[&one]).unwrap();
    assert_eq!(damage(disk.refused()).0, one);
}

#[test]
fn an_interrupted_removal_is_finished() {
    let disk = Disk::new();
    let all = disk.closed();
    let before = disk.files();
    let (mut journal, _) = disk.open(Expect::NOTHING).unwrap();
    let first = journal.drop_before(at(5)).unwrap();
    assert_eq!(first, at(4));
    drop(journal);
    let note = disk.path().join("begins-at");
    let noted = fs::read(&note).unwrap();
    disk.restore(&before);
    fs::write(&note, &noted).unwrap();
    let (recovered, found) = disk.recovered();
    assert_eq!((recovered.first, recovered.segments), (first, 2));
    assert_eq!(found, all[usize::try_from(first.get()).unwrap() - 1..]);
    assert!(!disk.segment(1).exists() && !index_path(&disk.segment(1)).exists());
    for byte in 0..noted.len() {
        let mut bad = noted.clone();
        bad[byte] ^= 1;
        fs::write(&note, bad).unwrap();
        assert_eq!(damage(disk.refused()).0, note);
    }
    fs::remove_file(&note).unwrap();
    assert_eq!(damage(disk.refused()).2, 1, "the first segment is missed");
}

// === a bad disk ===

/// What the disk does; calls that are not named go well.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Writes take this many bytes more, then there is no room.
    Room(usize),
    Write,
    Sync,
}

struct BadDisk {
    file: fs::File,
    fault: Arc<Mutex<Fault>>,
}

impl Storage for BadDisk {
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut fault = self.fault.lock().unwrap();
        match &mut *fault {
            Fault::Write => Err(io::Error::other("bad sector")),
            Fault::Room(0) => Err(io::ErrorKind::StorageFull.into()),
            Fault::Room(left) => {
                let taken = slices[0].len().min(*left);
                *left -= taken;
                io::Write::write(&mut self.file, &slices[0][..taken])
            }
            Fault::None | Fault::Sync => io::Write::write_vectored(&mut self.file, slices),
        }
    }

    fn sync_data(&mut self) -> io::Result<()> {
        match *self.fault.lock().unwrap() {
            Fault::Sync => Err(io::Error::other("lost page")),
            _ => Ok(()),
        }
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }
}

fn on_a_bad_disk(disk: &Disk) -> (FileJournal, Arc<Mutex<Fault>>) {
    let fault = Arc::new(Mutex::new(Fault::None));
    let shared = Arc::clone(&fault);
    let open: OpenStorage = Box::new(move |path| {
        let file = fs::File::options().append(true).open(path)?;
        let fault = Arc::clone(&shared);
        Ok(Box::new(BadDisk { file, fault }))
    });
    let (journal, _) = FileJournal::open_with(disk.options(), Expect::NOTHING, open).unwrap();
    (journal, fault)
}

#[test]
fn a_failed_sync_or_write_ends_the_writer_for_good() {
    for (bad, during_a_rotation) in [
        (Fault::Sync, false),
        (Fault::Write, false),
        (Fault::Sync, true),
        (Fault::Write, true),
    ] {
        let disk = Disk::new();
        let (mut journal, fault) = on_a_bad_disk(&disk);
        journal.append(&[record(0, 60)]).unwrap();
        *fault.lock().unwrap() = bad;
        let size = if during_a_rotation { 200 } else { 9 };
        let first = journal.append(&[record(1, size)]).unwrap_err();
        assert!(matches!(first, Error::Fatal { .. }) && !first.is_retryable());
        *fault.lock().unwrap() = Fault::None;
        for records in [vec![record(1, 9)], vec![]] {
            let later = journal.append(&records).unwrap_err();
            assert_eq!(later.to_string(), first.to_string());
        }
        assert_eq!(journal.last(), at(1));
        assert_eq!(
            records(&journal),
            [record(0, 60)],
            "nothing unsure is shown"
        );
        assert!(Box::new(journal).close().is_err());
        let found = disk.recovered().1;
        assert_eq!(found[0], record(0, 60));
        // A record whose sync failed may be there or not; it is never another one.
        assert!(found.len() == 1 || found[1] == record(1, size));
    }
}

#[test]
fn a_full_disk_takes_back_the_append_and_goes_on_when_there_is_room() {
    for room in 0..200 {
        let disk = Disk::new();
        let (mut journal, fault) = on_a_bad_disk(&disk);
        journal.append(&[record(0, 60)]).unwrap();
        *fault.lock().unwrap() = Fault::Room(room);
        // The first needs 32 + 32 bytes, the second a rotation: 32 for the seal and
        // 32 + 150 for the record.
        for (sizes, last) in [(&[0, 0][..], 3), (&[150], 4)] {
            let batch: Vec<_> = sizes.iter().map(|&size| record(7, size)).collect();
            let before = journal.last();
            match journal.append(&batch) {
                Ok(_) => assert_eq!(journal.last(), at(last), "room {room}"),
                Err(error) => {
                    assert!(matches!(error, Error::Full { .. }), "room {room}: {error}");
                    assert!(error.is_retryable());
                    assert_eq!(journal.last(), before);
                    drop(error);
                    *fault.lock().unwrap() = Fault::None;
                    journal.append(&batch).unwrap();
                }
            }
            assert_eq!(journal.last(), at(last), "room {room}");
        }
        let expected = [record(0, 60), record(7, 0), record(7, 0), record(7, 150)];
        assert_eq!(records(&journal), expected);
        Box::new(journal).close().unwrap();
        assert_eq!(disk.recovered().1, expected);
        assert_eq!(
            verify_all(disk.path(), |_, _| {}).unwrap().torn,
            None::<Cut>
        );
    }
}

#[test]
fn a_rotation_that_found_no_room_leaves_a_journal_that_opens() {
    let disk = Disk::new();
    let (mut journal, fault) = on_a_bad_disk(&disk);
    journal.append(&[record(0, 150)]).unwrap();
    *fault.lock().unwrap() = Fault::Room(5);
    assert!(journal.append(&[record(1, 150)]).is_err());
    let abandoned = disk.files();
    assert!(
        abandoned.contains_key(&disk.segment(2)),
        "the successor exists"
    );
    *fault.lock().unwrap() = Fault::None;
    // It would fit in the old segment, whose successor claims the place already.
    journal.append(&[record(1, 0)]).unwrap();
    assert_eq!(fs::metadata(disk.segment(2)).unwrap().len(), 64);
    drop(journal);
    assert_eq!(disk.recovered().1, [record(0, 150), record(1, 0)]);

    disk.restore(&abandoned);
    let (mut journal, fault) = on_a_bad_disk(&disk);
    *fault.lock().unwrap() = Fault::Room(0);
    journal.append(&[record(1, 200)]).unwrap_err();
    *fault.lock().unwrap() = Fault::None;
    Box::new(journal).close().unwrap();
    assert_eq!(disk.recovered().1, [record(0, 150)], "closed");

    disk.restore(&abandoned);
    assert_eq!(disk.recovered().1, [record(0, 150)], "abandoned");
}
