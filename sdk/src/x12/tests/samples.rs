//! Real files, where somebody has some: every one must be read to its end.
//!
//! `CROSSDOCK_SAMPLES` names a folder with folders `x12-*` in it; without it there
//! is nothing to read and the test says so by reading nothing.

use std::path::{Path, PathBuf};

use super::*;

fn files(folder: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder).expect("the folder of samples");
    let folders = read.map(|entry| entry.expect("an entry").path());
    let x12 = folders.filter(|path| {
        path.is_dir()
            && path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().contains("x12"))
    });
    let files = x12.flat_map(|path| std::fs::read_dir(path).expect("a folder"));
    files.map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn every_sample_is_read_to_its_end() {
    let Some(folder) = std::env::var_os("CROSSDOCK_SAMPLES") else {
        return;
    };
    let files = files(Path::new(&folder));
    assert!(!files.is_empty(), "no x12 folders in CROSSDOCK_SAMPLES");
    for path in files {
        let bytes = std::fs::read(&path).expect("a sample");
        let input = Input::new(&bytes);
        let whole = String::from_utf8_lossy(input.bytes()).into_owned();
        let reader = match Reader::new(&input) {
            Ok(reader) => reader,
            Err(_) => {
                Reader::fragment(&input).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
            }
        };
        // Each ST, counted by eye: at the start or behind a terminator or line break.
        let element = reader.separators().element;
        let tag = format!("ST{}", String::from_utf8_lossy(element.as_bytes()));
        let begins = |(at, _): &(usize, &str)| {
            let before = whole[..*at].chars().next_back();
            before.is_none_or(|before| {
                !before.is_alphanumeric() && Separator::character(before) != element
            })
        };
        let expected = whole.match_indices(&tag).filter(begins).count();
        let mut sets = 0;
        for interchange in reader.interchanges() {
            for set in interchange.sets() {
                sets += 1;
                let mut counted = 0;
                for segment in set.segments() {
                    counted += 1;
                    assert_eq!(segment.ordinal(), counted, "{}", path.display());
                    let first = segment.raw()[0];
                    assert_eq!(
                        bytes.get(segment.offset()),
                        Some(&first),
                        "{}",
                        path.display()
                    );
                }
                assert_eq!(counted, set.segment_count(), "{}", path.display());
                if matches!(set.id(), b"997" | b"999") {
                    let _ = Acknowledgement::read(set);
                }
            }
        }
        assert_eq!(sets, expected, "{}", path.display());
    }
}
