//! The journal refuses to be read when it is not what was written: wherever a bit
//! flips, it is noticed and the place is named. Only a torn end, which nobody was told
//! is durable, is cut off.

use std::{
    fs,
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use crossdock::journal::{
    Error, Expect, FileJournal, Journal as _, Options, Sequence, Verified, verify_all,
};
use e2e::harness::{Random, Site, order};

/// The frame that a clean stop leaves behind the last record.
const MARK_BYTES: u64 = 32;
/// Flips through the real binary; each takes a start.
const FLIPS_OF_THE_BINARY: usize = 12;

/// A journal of a few segments, written by a host that was stopped as an operator
/// does, or killed.
async fn journal(stopped: bool) -> (Site, usize) {
    let site = Site::new()
        .sender("erp")
        .route("order", &["erp"], &[])
        .set("journal.segment_bytes", 8 << 10);
    let host = site.start().await;
    let messages = 5;
    for number in 0..messages {
        let order_no = format!("SO-{number}");
        let id = host
            .api()
            .accepted("erp", &order_no, &order::original(&order_no))
            .await;
        host.api().settled(&id).await;
    }
    if stopped {
        host.stop().await;
    } else {
        host.kill();
    }
    (site, messages)
}

fn directory(site: &Site) -> PathBuf {
    site.path("data/journal")
}

/// The files whose names end so, oldest first.
fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("it can be read");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    paths.retain(|path| path.to_string_lossy().ends_with(end));
    paths.sort();
    paths
}

fn flip(file: &File, offset: u64, bit: u8) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset)
        .expect("it can be read");
    file.write_all_at(&[byte[0] ^ (1 << bit)], offset)
        .expect("it can be written");
}

fn open(path: &Path) -> File {
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .expect("it can be opened")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for path in files(from, "") {
        fs::copy(&path, to.join(path.file_name().expect("a file has a name")))
            .expect("it can be copied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_is_noticed_and_its_place_is_named() {
    let mut random = Random::seeded();
    let (site, messages) = journal(true).await;
    let directory = directory(&site);
    let intact = verify_all(&directory, |_, _| {}).expect("the journal is intact");
    assert_eq!(
        intact.last.get(),
        2 * messages as u64,
        "accepted and decoded"
    );
    assert!(
        intact.segments > 1 && intact.torn.is_none() && intact.indexes_bad == 0,
        "{intact:?}"
    );
    let mut flipped = 0;
    let segments = files(&directory, ".journal");
    for path in &segments {
        let is_last = Some(path) == segments.last();
        let file = open(path);
        let length = file.metadata().expect("it has a length").len();
        for offset in 0..length {
            let bit = random.below(8) as u8;
            flip(&file, offset, bit);
            let verified = verify_all(&directory, |_, _| {});
            let place = format!("bit {bit} of byte {offset} of {}", path.display());
            match verified {
                Err(Error::Damaged {
                    file,
                    offset: named,
                    ..
                }) => {
                    assert_eq!(&file, path, "{place}");
                    assert!(named <= offset, "{place} is told to be at {named}");
                }
                // The version is read before it is known to be intact.
                Err(Error::UnknownVersion { .. }) if (8..12).contains(&offset) => {}
                // The mark of the clean stop is no record; its own write can be torn.
                Ok(Verified {
                    last,
                    torn: Some(torn),
                    ..
                }) if is_last && offset >= length - MARK_BYTES => {
                    assert_eq!((last, torn.offset), (intact.last, length - MARK_BYTES));
                }
                other => panic!("{place} is not noticed: {other:?}"),
            }
            flip(&file, offset, bit);
            flipped += 1;
        }
    }
    assert_eq!(flipped, intact.bytes, "every byte of the journal");
    assert_eq!(
        verify_all(&directory, |_, _| {}).expect("it is as it was"),
        intact
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_of_an_index_is_noticed_and_does_no_harm() {
    let mut random = Random::seeded();
    let (site, messages) = journal(true).await;
    let directory = directory(&site);
    let indexes = files(&directory, ".index");
    assert!(!indexes.is_empty());
    for path in &indexes {
        let file = open(path);
        for offset in 0..file.metadata().expect("it has a length").len() {
            let bit = random.below(8) as u8;
            flip(&file, offset, bit);
            let verified = verify_all(&directory, |_, _| {}).expect("the journal itself is intact");
            assert_eq!(
                verified.indexes_bad,
                1,
                "bit {bit} of byte {offset} of {}",
                path.display()
            );
            flip(&file, offset, bit);
        }
        flip(
            &file,
            random.below(file.metadata().expect("it has a length").len()),
            0,
        );
    }
    // With all of them wrong every message is told as before.
    let host = site.start().await;
    let found = host.api().messages().await;
    assert_eq!(found.len(), messages);
    for message in found {
        let told = host
            .api()
            .message(message["id"].as_str().expect("it has an id"))
            .await;
        assert_eq!(told["timeline"].as_array().map(Vec::len), Some(2));
    }
    host.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_notices_too_and_starts_again_when_the_bit_is_back() {
    let mut random = Random::seeded();
    let (site, messages) = journal(true).await;
    let segments = files(&directory(&site), ".journal");
    for number in 0..FLIPS_OF_THE_BINARY {
        let path = &segments[number % segments.len()];
        let file = open(path);
        let length = file.metadata().expect("it has a length").len();
        // Neither the version nor the mark of the clean stop.
        let (offset, bit) = (
            12 + random.below(length - 12 - MARK_BYTES),
            random.below(8) as u8,
        );
        flip(&file, offset, bit);
        let place = format!("bit {bit} of byte {offset} of {}", path.display());
        let mut commands = vec![vec!["rebuild"]];
        // What the view was made of is not read again at a start, but the end is.
        if Some(path) == segments.last() {
            commands.push(vec!["serve"]);
        }
        // It compiles the adapters, which takes seconds.
        if number % 4 == 0 {
            commands.push(vec!["check", "--journal"]);
        }
        for command in commands {
            let ran = site.run(&command).await;
            assert_eq!(ran.code, Some(1), "{command:?}: {place}");
            assert!(
                ran.said.contains("journal damaged"),
                "{place}: {}",
                ran.said
            );
        }
        flip(&file, offset, bit);
    }
    assert_eq!(site.run(&["check", "--journal"]).await.code, Some(0));
    let host = site.start().await;
    assert_eq!(host.api().messages().await.len(), messages);
    host.finish().await;
}

/// All records, as they are read after a cut.
fn records(directory: &Path) -> (Vec<Bytes>, bool) {
    let options = Options {
        segment_bytes: 8 << 10,
        ..Options::new(directory)
    };
    let (journal, recovered) =
        FileJournal::open(options, Expect::NOTHING).expect("a torn end is cut off");
    let read = journal.reader().replay(Sequence::ZERO);
    let records = read
        .map(|entry| entry.expect("what is kept can be read").1)
        .collect();
    (records, recovered.cut.is_some())
}

/// The last record, cut anywhere: the journal opens and holds all before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_end_is_cut_off_wherever_it_is_torn() {
    let (site, messages) = journal(false).await;
    let (from, to) = (directory(&site), site.path("torn"));
    copy(&from, &to);
    let (whole, _) = records(&to);
    assert_eq!(whole.len(), 2 * messages);
    let last = files(&from, ".journal").pop().expect("there are segments");
    let length = fs::metadata(&last).expect("it has a length").len();
    let before = &whole[..whole.len() - 1];
    let mut cuts = 0;
    for end in (0..length).rev() {
        fs::remove_dir_all(&to).expect("it can be removed");
        copy(&from, &to);
        let torn = to.join(last.file_name().expect("a file has a name"));
        open(&torn).set_len(end).expect("it can be cut");
        let (kept, cut) = records(&to);
        if kept.len() < before.len() || !cut {
            // The record begins here: nothing of it is left to cut.
            assert_eq!(kept, before);
            break;
        }
        assert_eq!(kept, before, "cut at {end} of {length}");
        cuts += 1;
    }
    let record = whole.last().expect("there are records");
    assert!(
        cuts > record.len(),
        "every byte of the record and of its frame"
    );
}

/// The same through the binary: what the lost record said is done again.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_a_torn_end_starts_and_does_again_what_is_lost() {
    for lost_bytes in [1, 40, 200] {
        let (site, messages) = journal(false).await;
        let last = files(&directory(&site), ".journal")
            .pop()
            .expect("there are segments");
        let length = fs::metadata(&last).expect("it has a length").len();
        open(&last)
            .set_len(length - lost_bytes)
            .expect("it can be cut");
        // A view would know that the record was durable, and the host would refuse.
        fs::remove_dir_all(site.path("data/view")).expect("it can be removed");
        let host = site.start().await;
        host.api().until_idle().await;
        let found = host.api().messages().await;
        assert_eq!(found.len(), messages);
        assert!(
            found.iter().all(|it| it["status"] == "decoded"),
            "{found:?}"
        );
        host.finish().await;
    }
}

/// A journal that lost what it had said is durable is not taken for a torn one.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_lost_its_end_after_a_clean_stop_is_refused() {
    let (site, _) = journal(true).await;
    let last = files(&directory(&site), ".journal")
        .pop()
        .expect("there are segments");
    let whole = fs::read(&last).expect("it can be read");
    for lost_bytes in [33, 100, 300] {
        fs::write(&last, &whole[..whole.len() - lost_bytes]).expect("it can be written");
        let ran = site.run(&["serve"]).await;
        assert_eq!(ran.code, Some(1), "{lost_bytes} bytes: {}", ran.said);
        assert!(ran.said.contains("journal"), "{}", ran.said);
        fs::write(&last, &whole).expect("it can be written");
    }
    site.start().await.finish().await;
    assert!(matches!(
        verify_all(&directory(&site), |_, _| {}),
        Ok(Verified { torn: None, .. })
    ));
}
